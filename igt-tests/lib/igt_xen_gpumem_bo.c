// SPDX-License-Identifier: MIT
/*
 * Buffers of whatever graphics cards there are.
 *
 * A *region* is a kind of buffer of one card.  There are these kinds:
 *
 *   dumb   what every display driver offers.  It lies where the driver wants
 *          it: video memory on most cards that have it, not on qxl.
 *   prime  the same, mapped by way of its dma-buf, with no handle left
 *   vram   the card's own memory, by the driver's own call (qxl, amdgpu, xe)
 *   gtt    the system's, by the driver's own call (amdgpu)
 *
 * A region is one in which a buffer of a page could be made and mapped; what is
 * left out is said.  Every buffer has a file of its own on the card, so that
 * closing that is an event of this buffer's only.
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
#include "drm_mode.h"
#include "amdgpu_drm.h"
#include "qxl_drm.h"
#include "xe_drm.h"

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_bo.h"
#include "igt_xen_gpumem_card.h"

#define ROW		1024U		/* pixels: a page */
#define MAX_REGIONS	32
#define PUSH_SIZE	(8 * MIB)

struct gpumem_kind {
	const char *name;
	const char *driver;		/* NULL: any */
	int (*make)(struct gpumem_bo *bo);	/* handle, fd, offset */
	bool moves;
	bool has_fd;
};

static struct gpumem_region regions[MAX_REGIONS];
static unsigned int nr_regions;

/* --- the kinds ------------------------------------------------------------ */

static int make_dumb(struct gpumem_bo *bo)
{
	struct drm_mode_create_dumb create = {
		.width = ROW, .height = bo->size / ROW / 4, .bpp = 32,
	};
	struct drm_mode_map_dumb map = { 0 };
	int err = gpumem_drm(bo->card, DRM_IOCTL_MODE_CREATE_DUMB, &create);

	if (err)
		return err;
	bo->handle = map.handle = create.handle;
	if (create.size < bo->size)
		return -ENOMEM;
	err = gpumem_drm(bo->card, DRM_IOCTL_MODE_MAP_DUMB, &map);
	bo->offset = map.offset;
	return err;
}

static int make_prime(struct gpumem_bo *bo)
{
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int err = make_dumb(bo);

	if (err)
		return err;
	prime.handle = bo->handle;
	err = gpumem_drm(bo->card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	if (err)
		return err;
	bo->fd = prime.fd;
	bo->offset = 0;
	gpumem_close_handle(bo->card, bo->handle);
	bo->handle = 0;
	return 0;
}

static int make_qxl(struct gpumem_bo *bo)
{
	struct drm_qxl_alloc alloc = { .size = bo->size };
	struct drm_qxl_map map = { 0 };
	int err = gpumem_drm(bo->card, DRM_IOCTL_QXL_ALLOC, &alloc);

	if (err)
		return err;
	bo->handle = map.handle = alloc.handle;
	err = gpumem_drm(bo->card, DRM_IOCTL_QXL_MAP, &map);
	bo->offset = map.offset;
	return err;
}

static int make_amdgpu(struct gpumem_bo *bo, uint64_t domain)
{
	union drm_amdgpu_gem_create create = {
		.in = {
			.bo_size = bo->size, .alignment = GPUMEM_PAGE,
			.domains = domain,
			.domain_flags = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED,
		},
	};
	union drm_amdgpu_gem_mmap map = { 0 };
	int err = gpumem_drm(bo->card, DRM_IOCTL_AMDGPU_GEM_CREATE, &create);

	if (err)
		return err;
	bo->handle = map.in.handle = create.out.handle;
	err = gpumem_drm(bo->card, DRM_IOCTL_AMDGPU_GEM_MMAP, &map);
	bo->offset = map.out.addr_ptr;
	return err;
}

static int make_amdgpu_vram(struct gpumem_bo *bo)
{
	return make_amdgpu(bo, AMDGPU_GEM_DOMAIN_VRAM);
}

static int make_amdgpu_gtt(struct gpumem_bo *bo)
{
	return make_amdgpu(bo, AMDGPU_GEM_DOMAIN_GTT);
}

/* The first region of the card's own, and the least size of a buffer there. */
static int xe_vram(int card, uint32_t *placement, uint64_t *page)
{
	struct drm_xe_device_query query = {
		.query = DRM_XE_DEVICE_QUERY_MEM_REGIONS,
	};
	struct drm_xe_query_mem_regions *found;
	int err = gpumem_drm(card, DRM_IOCTL_XE_DEVICE_QUERY, &query);

	if (err)
		return err;
	found = calloc(1, query.size);
	query.data = (uintptr_t)found;
	err = gpumem_drm(card, DRM_IOCTL_XE_DEVICE_QUERY, &query);
	*placement = 0;
	for (uint32_t i = 0; !err && i < found->num_mem_regions; i++) {
		const struct drm_xe_mem_region *r = &found->mem_regions[i];

		if (r->mem_class != DRM_XE_MEM_REGION_CLASS_VRAM || *placement)
			continue;
		*placement = 1U << r->instance;
		*page = r->min_page_size;
	}
	free(found);
	return err ? err : *placement ? 0 : -ENODEV;
}

static int make_xe(struct gpumem_bo *bo)
{
	struct drm_xe_gem_create create = {
		.flags = DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM,
		.cpu_caching = DRM_XE_GEM_CPU_CACHING_WC,
	};
	struct drm_xe_gem_mmap_offset map = { 0 };
	uint64_t page = GPUMEM_PAGE;
	int err = xe_vram(bo->card, &create.placement, &page);

	if (err)
		return err;
	create.size = (bo->size + page - 1) / page * page;
	err = gpumem_drm(bo->card, DRM_IOCTL_XE_GEM_CREATE, &create);
	if (err)
		return err;
	bo->handle = map.handle = create.handle;
	err = gpumem_drm(bo->card, DRM_IOCTL_XE_GEM_MMAP_OFFSET, &map);
	bo->offset = map.offset;
	return err;
}

static const struct gpumem_kind kinds[] = {
	{ .name = "dumb", .make = make_dumb },
	{ .name = "prime", .make = make_prime, .has_fd = true },
	{ .name = "vram", .driver = "qxl", .make = make_qxl, .moves = true },
	{ .name = "vram", .driver = "amdgpu", .make = make_amdgpu_vram },
	{ .name = "gtt", .driver = "amdgpu", .make = make_amdgpu_gtt },
	{ .name = "vram", .driver = "xe", .make = make_xe },
};

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
	r->kind = kind;
	r->moves = kind->moves;
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
		for (unsigned int k = 0; k < ARRAY_SIZE(kinds); k++)
			try_region(card, &kinds[k]);
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
