// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers in the video memory of a qxl card, and how to make them move.
 *
 * The "VRAM domain" of the card has about 63 MiB.  Eight buffers of 8 MiB more
 * push out the one that was used least recently: the TTM layer unmaps it, and
 * that is a real revocation under real GPU locks.  An UPDATE_AREA request for
 * a buffer that is no surface is refused by the driver, with a line in its
 * log, but only after it has brought the buffer back.
 */
#include <dirent.h>

#include <drm/drm.h>
#include <drm/qxl_drm.h>

#include "backing.h"

#define PRESSURE_NR	8
#define PRESSURE_SIZE	(8 * MIB)
#define SUPER		512		/* pages of a large entry */

/**
 * qxl_open - open the qxl card's primary node
 *
 * Return: as drm_open()
 */
int qxl_open(void)
{
	return drm_open("qxl");
}

static uint32_t qxl_alloc(int card, uint64_t length)
{
	struct drm_qxl_alloc a = { .size = length };

	if (ioctl(card, DRM_IOCTL_QXL_ALLOC, &a))
		FAIL("QXL_ALLOC of %lu: %s", length, strerror(errno));
	return a.handle;
}

static void close_handle(int card, uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	ioctl(card, DRM_IOCTL_GEM_CLOSE, &c);
}

/**
 * qxl_new - make a buffer in video memory and map it
 * @card: of qxl_open()
 * @bo: filled in
 * @length: bytes
 */
void qxl_new(int card, struct qxl_bo *bo, uint64_t length)
{
	struct drm_qxl_map m = { 0 };
	void *p;

	bo->length = length;
	bo->handle = qxl_alloc(card, length);
	m.handle = bo->handle;
	if (ioctl(card, DRM_IOCTL_QXL_MAP, &m))
		FAIL("QXL_MAP: %s", strerror(errno));
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, card,
		 m.offset);
	if (p == MAP_FAILED)
		FAIL("mmap of a qxl buffer: %s", strerror(errno));
	bo->map = p;
}

/**
 * qxl_free - unmap and free a buffer
 * @card: of qxl_open()
 * @bo: the buffer
 */
void qxl_free(int card, struct qxl_bo *bo)
{
	munmap((void *)bo->map, bo->length);
	close_handle(card, bo->handle);
}

/**
 * qxl_pressure - allocate all video memory, then free it again
 * @card: of qxl_open()
 */
void qxl_pressure(int card)
{
	uint32_t handle[PRESSURE_NR];

	for (int i = 0; i < PRESSURE_NR; i++)
		handle[i] = qxl_alloc(card, PRESSURE_SIZE);
	for (int i = 0; i < PRESSURE_NR; i++)
		close_handle(card, handle[i]);
}

/**
 * qxl_bring_back - have the driver put a buffer into video memory
 * @card: of qxl_open()
 * @bo: the buffer
 */
void qxl_bring_back(int card, struct qxl_bo *bo)
{
	struct drm_qxl_update_area a = {
		.handle = bo->handle, .bottom = 1, .right = 1,
	};

	/* Refused, with EINVAL, after what we want has been done. */
	if (!ioctl(card, DRM_IOCTL_QXL_UPDATE_AREA, &a) || errno != EINVAL)
		FAIL("QXL_UPDATE_AREA: %s", strerror(errno));
}

/**
 * qxl_bar - where the card's first BAR is
 * @start: first address; zero if there is no card
 * @end: first address past it
 *
 * Return: the path of a file that maps the BAR, or NULL.
 */
const char *qxl_bar(uint64_t *start, uint64_t *end)
{
	static char found[408];
	DIR *dir = opendir("/sys/bus/pci/devices");
	unsigned int vendor, device;
	struct dirent *e;
	char path[400];
	FILE *f;

	*start = *end = 0;
	found[0] = '\0';
	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/uevent", e->d_name);
		f = fopen(path, "r");
		vendor = device = 0;
		while (f && fgets(path, sizeof(path), f))
			sscanf(path, "PCI_ID=%x:%x", &vendor, &device);
		if (f)
			fclose(f);
		if (vendor != 0x1b36 || device != 0x0100)
			continue;
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/resource", e->d_name);
		f = fopen(path, "r");
		if (f && fscanf(f, "%lx %lx", start, end) == 2)
			++*end;
		if (f)
			fclose(f);
		snprintf(found, sizeof(found), "%s0", path);
	}
	if (dir)
		closedir(dir);
	return found[0] ? found : NULL;
}

/**
 * qxl_lend - lend a buffer in video memory where large entries can hold it
 * @l: filled in
 * @length: bytes
 *
 * Such an entry begins at the same place in the guest and in the machine.  What
 * place that is, is known once a page of the buffer was lent.
 */
void qxl_lend(struct qxl_lent *l, uint64_t length)
{
	l->card = qxl_open();
	qxl_new(l->card, &l->bo, length);
	raw_query();
	l->window = gm_lend(l->bo.map, PAGE, 0);
	OK(gm_populate(xgt_dom, l->window, 0, PAGE, 0, NULL));
	l->off = raw_inspect(l->window, 0).mfn % SUPER;
	OK(gm_window_remove(xgt_dom, l->window));
	l->gpa = XGT_WINDOW + l->off * PAGE;
	l->window = gm_lend_at(l->gpa, l->bo.map, length,
			       XEN_GPUMEM_BIND_WRITE_FIRST);
}

/**
 * qxl_lent_end - free the buffer, and remove its window
 * @l: of qxl_lend()
 */
void qxl_lent_end(struct qxl_lent *l)
{
	qxl_free(l->card, &l->bo);
	OK(gm_window_remove(xgt_dom, l->window));
}
