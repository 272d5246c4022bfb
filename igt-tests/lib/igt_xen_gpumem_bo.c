// SPDX-License-Identifier: MIT
/*
 * Buffers of whatever graphics cards there are.
 *
 * A *region* is a kind of buffer (igt_xen_gpumem_kinds.c) of one card, if a buffer
 * of a page could be made and mapped; what is left out is said.  Every buffer has
 * a file of its own on the card, so that closing that is an event of this
 * buffer's only.
 *
 * For one kind there is a way to make its buffers move: qxl places a buffer in
 * video memory when it is made, and pushes out the one used least recently.  A
 * request to update a buffer that is no surface is refused by it after it has
 * brought the buffer back.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drm.h"
#include "qxl_drm.h"

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_bo.h"
#include "igt_xen_gpumem_card.h"
#include "igt_xen_gpumem_kinds.h"

#define MAX_REGIONS	32
#define PUSH_SIZE	(8 * MIB)

static struct gpumem_region regions[MAX_REGIONS];
static unsigned int nr_regions;

/* --- a buffer ------------------------------------------------------------- */

/**
 * __gpumem_bo_new - make a buffer and map it
 * @bo: filled in
 * @r: where
 * @size: in bytes, whole pages
 *
 * Return: 0, or -errno with nothing made.
 */
int __gpumem_bo_new(struct gpumem_bo *bo, const struct gpumem_region *r,
		    uint64_t size)
{
	int err;

	*bo = (struct gpumem_bo){
		.region = r, .size = size, .map = MAP_FAILED, .fd = -1,
		.card = open(r->path, O_RDWR | O_CLOEXEC),
	};
	if (bo->card < 0)
		return -errno;
	err = r->kind->make(bo);
	if (!err) {
		bo->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			       bo->fd < 0 ? bo->card : bo->fd, bo->offset);
		if (bo->map == MAP_FAILED)
			err = -errno;
	}
	if (err)
		gpumem_bo_free(bo);
	return err;
}

void gpumem_bo_new(struct gpumem_bo *bo, const struct gpumem_region *r,
		   uint64_t size)
{
	int err = __gpumem_bo_new(bo, r, size);

	igt_assert_f(!err, "%s: a buffer of %" PRIu64 " bytes: %s\n", r->name,
		     size, strerror(-err));
}

/**
 * gpumem_bo_free - let go of all that there is of a buffer
 * @bo: the buffer
 */
void gpumem_bo_free(struct gpumem_bo *bo)
{
	if (bo->map != MAP_FAILED)
		munmap(bo->map, bo->size);
	if (bo->fd >= 0)
		close(bo->fd);
	if (bo->handle)
		gpumem_close_handle(bo->card, bo->handle);
	if (bo->card >= 0)
		close(bo->card);
	bo->map = MAP_FAILED;
	bo->fd = bo->card = -1;
	bo->handle = 0;
}

/**
 * gpumem_bo_evict - make others until there is no room left, then free them
 * @bo: of a region that moves
 */
void gpumem_bo_evict(struct gpumem_bo *bo)
{
	int card = open(bo->region->path, O_RDWR | O_CLOEXEC);

	igt_assert_lte(0, card);
	/*
	 * qxl has 64 MiB; it never says that it is full, as what is there can
	 * move, so the number counts.  They go with the file.
	 */
	for (int i = 0; i < 8; i++) {
		struct drm_qxl_alloc alloc = { .size = PUSH_SIZE };

		do_ioctl(card, DRM_IOCTL_QXL_ALLOC, &alloc);
	}
	close(card);
}

void gpumem_bo_restore(struct gpumem_bo *bo)
{
	struct drm_qxl_update_area area = {
		.handle = bo->handle, .bottom = 1, .right = 1,
	};

	gpumem_assert(gpumem_drm(bo->card, DRM_IOCTL_QXL_UPDATE_AREA, &area),
		      -EINVAL);
}

/* --- the card's own view -------------------------------------------------- */

void gpumem_bo_card_copies(struct gpumem_bo *bo, void *to)
{
	gpumem_assert(bo->region->kind->copy(bo, to), 0);
}

void gpumem_bo_card_fills(struct gpumem_bo *bo, uint32_t colour)
{
	gpumem_assert(bo->region->kind->fill(bo, colour), 0);
}

/* --- which there are ------------------------------------------------------ */

static void try_region(const struct gpumem_card *card,
		       const struct gpumem_kind *kind)
{
	struct gpumem_region *r = &regions[nr_regions];
	struct gpumem_bo bo;
	int err;

	if (nr_regions == MAX_REGIONS ||
	    (kind->driver && strcmp(kind->driver, card->driver)))
		return;
	snprintf(r->name, sizeof(r->name), "%s-%s", card->name, kind->name);
	snprintf(r->path, sizeof(r->path), "%s", card->path);
	snprintf(r->driver, sizeof(r->driver), "%s", card->driver);
	r->kind = kind;
	r->moves = kind->moves;
	r->copies = kind->copy;
	r->fills = kind->fill;
	r->has_fd = kind->has_fd;
	err = __gpumem_bo_new(&bo, r, GPUMEM_PAGE);
	if (err) {
		igt_info("%s (%s) is left out: %s\n", r->name, r->path,
			 strerror(-err));
		return;
	}
	gpumem_bo_free(&bo);
	nr_regions++;
}

static void find_regions(void)
{
	const struct gpumem_card *card;

	for_each_gpumem_card(card)
		for (unsigned int k = 0; k < gpumem_nr_kinds; k++)
			try_region(card, &gpumem_kinds[k]);
}

const struct gpumem_region *gpumem_region(unsigned int index)
{
	static bool found;

	if (!found)
		find_regions();
	found = true;
	return index < nr_regions ? &regions[index] : NULL;
}

void gpumem_regions_require(void)
{
	igt_require_f(gpumem_region(0),
		      "no graphics card with a buffer that can be mapped\n");
}

/**
 * gpumem_region_require - skip, with the reason, where no buffer is like that
 * @like: tells whether those of a region are; NULL: all are
 * @what: for people: a buffer that ...
 */
void gpumem_region_require(bool (*like)(const struct gpumem_region *r),
			   const char *what)
{
	const struct gpumem_region *r;

	gpumem_regions_require();
	for_each_gpumem_region(r)
		if (!like || like(r))
			return;
	igt_skip("no graphics card with a buffer that %s\n", what);
}
