// SPDX-License-Identifier: MIT
/*
 * Graphics cards, and dma-bufs of others in their drivers' hands.
 *
 * Not every driver takes memory that is not its own.  Which do is found out
 * with memory of this process (udmabuf, or the system's dma-buf heap): who
 * takes that has no reason to refuse the guest's, but for those that the
 * interface gives.
 *
 * vgem has no device.  What it has are fences that a program makes and signals,
 * on buffers of others, too: so a test can be a device that is at work.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include "drm.h"
#include "vgem_drm.h"

#include "igt.h"
#include "igt_xen_gpumem_card.h"
#include "igt_xen_gpumem_export.h"

#define MAX_CARDS	16

static struct gpumem_card cards[MAX_CARDS];
static unsigned int nr_cards;

int gpumem_drm(int card, unsigned long request, void *arg)
{
	return igt_ioctl(card, request, arg) ? -errno : 0;
}

/* --- which there are ------------------------------------------------------ */

static void add_card(const char *path, const char *driver)
{
	struct gpumem_card *c = &cards[nr_cards];
	unsigned int same = 1;

	for (unsigned int i = 0; i < nr_cards; i++)
		same += !strcmp(cards[i].driver, driver);
	snprintf(c->path, sizeof(c->path), "%s", path);
	snprintf(c->driver, sizeof(c->driver), "%s", driver);
	snprintf(c->name, sizeof(c->name), same == 1 ? "%s" : "%s%u", driver,
		 same);
	nr_cards++;
}

static void find_cards(void)
{
	for (int i = 0; i < MAX_CARDS; i++) {
		char path[32], driver[24] = "";
		struct drm_version v = {
			.name = driver, .name_len = sizeof(driver) - 1,
		};
		int card, err;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		card = open(path, O_RDWR | O_CLOEXEC);
		if (card < 0)
			continue;
		err = gpumem_drm(card, DRM_IOCTL_VERSION, &v);
		close(card);
		if (!err)
			add_card(path, driver);
	}
}

const struct gpumem_card *gpumem_card(unsigned int index)
{
	static bool found;

	if (!found)
		find_cards();
	found = true;
	return index < nr_cards ? &cards[index] : NULL;
}

void gpumem_cards_require(void)
{
	igt_require_f(gpumem_card(0), "no graphics card\n");
}

const struct gpumem_card *gpumem_card_require(const char *driver)
{
	const struct gpumem_card *c;

	for_each_gpumem_card(c)
		if (!strcmp(c->driver, driver))
			break;
	igt_require_f(c, "no card with the driver %s\n", driver);
	return c;
}

int gpumem_card_open(const struct gpumem_card *c)
{
	int card = open(c->path, O_RDWR | O_CLOEXEC);

	igt_assert_f(card >= 0, "%s: %s\n", c->path, strerror(errno));
	return card;
}

/* --- memory that is neither the card's nor the guest's -------------------- */

int gpumem_udmabuf(uint64_t size)
{
	struct udmabuf_create create = {
		.flags = UDMABUF_FLAGS_CLOEXEC, .size = size,
	};
	int node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd = -1;
	int memfd = memfd_create("xen_gpumem",
				 MFD_ALLOW_SEALING | MFD_CLOEXEC);

	create.memfd = memfd;
	if (node >= 0 && memfd >= 0 && !ftruncate(memfd, size) &&
	    !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = ioctl(node, UDMABUF_CREATE, &create);
	if (memfd >= 0)
		close(memfd);
	if (node >= 0)
		close(node);
	return fd;
}

int gpumem_heap(uint64_t size)
{
	struct dma_heap_allocation_data alloc = {
		.len = size, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	int node = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC), err;

	if (node < 0)
		return -1;
	err = ioctl(node, DMA_HEAP_IOCTL_ALLOC, &alloc);
	close(node);
	return err ? -1 : (int)alloc.fd;
}

/**
 * gpumem_card_imports - does a driver take memory that is not its own?
 * @c: one of its cards
 * @err: OUT: what it says if not, a negative errno
 */
bool gpumem_card_imports(const struct gpumem_card *c, int *err)
{
	int fd = gpumem_udmabuf(GPUMEM_PAGE), card;
	uint32_t handle;

	if (fd < 0)
		fd = gpumem_heap(GPUMEM_PAGE);
	igt_require_f(fd >= 0, "neither udmabuf nor a heap to compare with\n");
	card = gpumem_card_open(c);
	*err = __gpumem_import(card, fd, &handle);
	close(card);
	close(fd);
	return !*err;
}

void gpumem_card_imports_require(const struct gpumem_card *c)
{
	int err = 0;

	igt_require_f(gpumem_card_imports(c, &err),
		      "%s takes no memory of others: %s\n", c->name,
		      strerror(-err));
}

/* --- PRIME ---------------------------------------------------------------- */

/**
 * __gpumem_import - give a dma-buf to a driver
 * @card: open file of it
 * @fd: the dma-buf
 * @handle: OUT
 *
 * Return: 0 or -errno.
 */
int __gpumem_import(int card, int fd, uint32_t *handle)
{
	struct drm_prime_handle p = { .fd = fd };
	int err = gpumem_drm(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p);

	*handle = p.handle;
	return err;
}

/**
 * gpumem_import - give an export to a driver that takes memory of others
 * @card: open file of it
 * @e: the export
 *
 * Skips where its device cannot reach the pages (ERANGE), and where the pages
 * are none and it maps for DMA at once without being able to do with addresses
 * (EOPNOTSUPP).
 *
 * Return: the handle.
 */
uint32_t gpumem_import(int card, const struct gpumem_export *e)
{
	uint32_t handle;
	int err = __gpumem_import(card, e->fd, &handle);

	igt_require_f(err != -ERANGE, "its device cannot reach the pages\n");
	igt_require_f(err != -EOPNOTSUPP || !gpumem_export_pageless(e),
		      "it cannot do without struct pages\n");
	igt_assert_f(!err, "import: %s\n", strerror(-err));
	return handle;
}

int gpumem_reexport(int card, uint32_t handle)
{
	struct drm_prime_handle p = {
		.handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR,
	};

	gpumem_assert(gpumem_drm(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p),
		      0);
	return p.fd;
}

void gpumem_close_handle(int card, uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	do_ioctl(card, DRM_IOCTL_GEM_CLOSE, &c);
}

/* Each dma-buf is a file of its own, and a descriptor only names it. */
bool gpumem_same_buffer(int a, int b)
{
	struct stat x, y;

	igt_assert(!fstat(a, &x) && !fstat(b, &y));
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/**
 * gpumem_attached - wait until so many devices are attached
 * @e: the export; its domain fd is open
 * @devices: how many
 *
 * A driver may let go of a buffer later than its last handle is closed.
 */
void gpumem_attached(const struct gpumem_export *e, unsigned int devices)
{
	unsigned int is = 0;

	for (int i = 0; i < 200; i++) {
		is = gpumem_export_query(e->dom, e->id).out_attached;
		if (is == devices)
			return;
		usleep(50000);
	}
	igt_assert_eq(is, devices);
}

/* --- fences --------------------------------------------------------------- */

/**
 * gpumem_fence_attach - begin work that writes the buffer
 * @card: open file of vgem's
 * @handle: the buffer
 *
 * It ends by itself after ten seconds, as vgem has it.
 *
 * Return: its fence.
 */
uint32_t gpumem_fence_attach(int card, uint32_t handle)
{
	struct drm_vgem_fence_attach a = {
		.handle = handle, .flags = VGEM_FENCE_WRITE,
	};

	do_ioctl(card, DRM_IOCTL_VGEM_FENCE_ATTACH, &a);
	return a.out_fence;
}

/**
 * gpumem_fence_signal - end it, in time
 * @card: the same file
 * @fence: the fence
 */
void gpumem_fence_signal(int card, uint32_t fence)
{
	struct drm_vgem_fence_signal s = { .fence = fence };

	do_ioctl(card, DRM_IOCTL_VGEM_FENCE_SIGNAL, &s);
}
