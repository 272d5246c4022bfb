// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory to measure with: memfds, and buffers in the video memory of a qxl
 * card.  The card's 63 MiB are filled up to push a buffer out; a request that
 * the driver refuses, but only after it has fetched the buffer, brings it back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/qxl_drm.h>

#include "bench.h"
#include "buffers.h"

#define PRESSURE_NR	8
#define PRESSURE_SIZE	(8ULL << 20)

volatile void *buffer_memfd(uint64_t length)
{
	int fd = memfd_create("bench", MFD_CLOEXEC);
	void *p;

	if (fd < 0 || ftruncate(fd, length))
		die("memfd: %s", strerror(errno));
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	close(fd);
	/* What is compared are small pages. */
	madvise(p, length, MADV_NOHUGEPAGE);
	buffer_touch(p, length);
	return p;
}

void buffer_free(volatile void *p, uint64_t length)
{
	munmap((void *)p, length);
}

void buffer_touch(volatile void *p, uint64_t length)
{
	volatile uint64_t *w = p;

	for (uint64_t i = 0; i < length / 8; i += BENCH_PAGE / 8)
		w[i] = i;
}

static int open_card(void)
{
	char path[32], name[32];

	for (int i = 0; i < 8; i++) {
		struct drm_version v = {
			.name = name, .name_len = sizeof(name) - 1,
		};
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		memset(name, 0, sizeof(name));
		if (!ioctl(fd, DRM_IOCTL_VERSION, &v) && !strcmp(name, "qxl"))
			return fd;
		close(fd);
	}
	return -1;
}

static uint32_t alloc(int card, uint64_t length)
{
	struct drm_qxl_alloc a = { .size = length };

	if (ioctl(card, DRM_IOCTL_QXL_ALLOC, &a))
		die("QXL_ALLOC: %s", strerror(errno));
	return a.handle;
}

static void forget(int card, uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	ioctl(card, DRM_IOCTL_GEM_CLOSE, &c);
}

bool vram_new(struct vram *bo, uint64_t length)
{
	struct drm_qxl_map m = { 0 };
	void *p;

	bo->card = open_card();
	if (bo->card < 0)
		return false;
	bo->length = length;
	bo->handle = alloc(bo->card, length);
	m.handle = bo->handle;
	if (ioctl(bo->card, DRM_IOCTL_QXL_MAP, &m))
		die("QXL_MAP: %s", strerror(errno));
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, bo->card,
		 m.offset);
	if (p == MAP_FAILED)
		die("mmap of video memory: %s", strerror(errno));
	bo->map = p;
	buffer_touch(p, length);
	return true;
}

void vram_free(struct vram *bo)
{
	munmap((void *)bo->map, bo->length);
	forget(bo->card, bo->handle);
	close(bo->card);
}

void vram_evict(struct vram *bo)
{
	uint32_t handle[PRESSURE_NR];

	for (int i = 0; i < PRESSURE_NR; i++)
		handle[i] = alloc(bo->card, PRESSURE_SIZE);
	for (int i = 0; i < PRESSURE_NR; i++)
		forget(bo->card, handle[i]);
}

void vram_bring_back(struct vram *bo)
{
	struct drm_qxl_update_area a = {
		.handle = bo->handle, .bottom = 1, .right = 1,
	};

	if (!ioctl(bo->card, DRM_IOCTL_QXL_UPDATE_AREA, &a) || errno != EINVAL)
		die("QXL_UPDATE_AREA: %s", strerror(errno));
	buffer_touch(bo->map, bo->length);
}
