// SPDX-License-Identifier: MIT
/*
 * How each driver is asked for a buffer that the processor can map.  There are
 * these kinds:
 *
 *   dumb    what every display driver offers.  It lies where the driver wants
 *           it: video memory on most cards that have it, not on qxl.
 *   prime   the same, mapped by way of its dma-buf, with no handle left
 *   vram    the card's own memory (qxl, amdgpu, xe, i915, nouveau)
 *   system  the system's, cached (xe, i915)
 *   gtt     the system's, as the card sees it (amdgpu, nouveau)
 *   wc      the system's, mapped write-combining (amdgpu, i915)
 *   surface what the card can draw onto (qxl)
 *   tiled   the system's, in the card's order; its aperture shows the processor
 *           rows (i915)
 *
 * All but the first two by the driver's own calls, which are public: those of
 * cards that are not there are never made.  What a card has not, or a kernel does
 * not know, is an error of the call that makes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "drm.h"
#include "drm_mode.h"
#include "amdgpu_drm.h"
#include "i915_drm.h"
#include "nouveau_drm.h"
#include "qxl_drm.h"
#include "xe_drm.h"

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_card.h"
#include "igt_xen_gpumem_kinds.h"
#include "igt_xen_gpumem_qxl.h"

/* Older headers have the number and the structure only. */
#ifndef DRM_IOCTL_NOUVEAU_GEM_NEW
#define DRM_IOCTL_NOUVEAU_GEM_NEW \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_NEW, \
		 struct drm_nouveau_gem_new)
#endif

#define ROW		1024U		/* pixels: a page */

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

static int qxl_map(struct gpumem_bo *bo)
{
	struct drm_qxl_map map = { .handle = bo->handle };
	int err = gpumem_drm(bo->card, DRM_IOCTL_QXL_MAP, &map);

	bo->offset = map.offset;
	return err;
}

static int make_qxl(struct gpumem_bo *bo)
{
	struct drm_qxl_alloc alloc = { .size = bo->size };
	int err = gpumem_drm(bo->card, DRM_IOCTL_QXL_ALLOC, &alloc);

	if (err)
		return err;
	bo->handle = alloc.handle;
	return qxl_map(bo);
}

static int make_qxl_surface(struct gpumem_bo *bo)
{
	int err = gpumem_qxl_surface_new(bo->card, bo->size, &bo->handle);

	return err ? err : qxl_map(bo);
}

/* --- amdgpu --------------------------------------------------------------- */

static int make_amdgpu(struct gpumem_bo *bo, uint64_t domain, uint64_t flags)
{
	union drm_amdgpu_gem_create create = {
		.in = {
			.bo_size = bo->size, .alignment = GPUMEM_PAGE,
			.domains = domain,
			.domain_flags = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED |
					flags,
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
	return make_amdgpu(bo, AMDGPU_GEM_DOMAIN_VRAM, 0);
}

static int make_amdgpu_gtt(struct gpumem_bo *bo)
{
	return make_amdgpu(bo, AMDGPU_GEM_DOMAIN_GTT, 0);
}

static int make_amdgpu_wc(struct gpumem_bo *bo)
{
	return make_amdgpu(bo, AMDGPU_GEM_DOMAIN_GTT,
			   AMDGPU_GEM_CREATE_CPU_GTT_USWC);
}

/* --- xe ------------------------------------------------------------------- */

/* The first region of a class, and the least size of a buffer there. */
static int xe_region(int card, uint16_t class, uint32_t *placement,
		     uint64_t *page)
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

		if (r->mem_class != class || *placement)
			continue;
		*placement = 1U << r->instance;
		*page = r->min_page_size;
	}
	free(found);
	return err ? err : *placement ? 0 : -ENODEV;
}

static int make_xe(struct gpumem_bo *bo, uint16_t class, uint32_t flags,
		   uint16_t caching)
{
	struct drm_xe_gem_create create = {
		.flags = flags, .cpu_caching = caching,
	};
	struct drm_xe_gem_mmap_offset map = { 0 };
	uint64_t page = GPUMEM_PAGE;
	int err = xe_region(bo->card, class, &create.placement, &page);

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

static int make_xe_vram(struct gpumem_bo *bo)
{
	return make_xe(bo, DRM_XE_MEM_REGION_CLASS_VRAM,
		       DRM_XE_GEM_CREATE_FLAG_NEEDS_VISIBLE_VRAM,
		       DRM_XE_GEM_CPU_CACHING_WC);
}

static int make_xe_system(struct gpumem_bo *bo)
{
	return make_xe(bo, DRM_XE_MEM_REGION_CLASS_SYSMEM, 0,
		       DRM_XE_GEM_CPU_CACHING_WB);
}

/* --- i915 ----------------------------------------------------------------- */

static int i915_map(struct gpumem_bo *bo, uint64_t how)
{
	struct drm_i915_gem_mmap_offset map = {
		.handle = bo->handle, .flags = how,
	};
	int err = gpumem_drm(bo->card, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &map);

	bo->offset = map.offset;
	return err;
}

static int i915_create(struct gpumem_bo *bo)
{
	struct drm_i915_gem_create create = { .size = bo->size };
	int err = gpumem_drm(bo->card, DRM_IOCTL_I915_GEM_CREATE, &create);

	bo->handle = create.handle;
	return err;
}

static int make_i915_system(struct gpumem_bo *bo)
{
	int err = i915_create(bo);

	if (err)
		return err;
	/* Where there is memory on the card, the kernel decides, and wants to. */
	err = i915_map(bo, I915_MMAP_OFFSET_WB);
	return err ? i915_map(bo, I915_MMAP_OFFSET_FIXED) : 0;
}

static int make_i915_wc(struct gpumem_bo *bo)
{
	int err = i915_create(bo);

	return err ? err : i915_map(bo, I915_MMAP_OFFSET_WC);
}

static int make_i915_tiled(struct gpumem_bo *bo)
{
	struct drm_i915_gem_set_tiling tiling = {
		.tiling_mode = I915_TILING_X, .stride = ROW * 4,
	};
	int err = i915_create(bo);

	if (err)
		return err;
	tiling.handle = bo->handle;
	err = gpumem_drm(bo->card, DRM_IOCTL_I915_GEM_SET_TILING, &tiling);
	/* The driver may decide against it, and says so. */
	if (!err && tiling.tiling_mode != I915_TILING_X)
		err = -EOPNOTSUPP;
	return err ? err : i915_map(bo, I915_MMAP_OFFSET_GTT);
}

/* A buffer in the first @nr of these places, the first one preferred. */
static int i915_create_in(struct gpumem_bo *bo,
			  const struct drm_i915_gem_memory_class_instance *in,
			  unsigned int nr, uint32_t flags)
{
	struct drm_i915_gem_create_ext_memory_regions regions = {
		.base = { .name = I915_GEM_CREATE_EXT_MEMORY_REGIONS },
		.num_regions = nr, .regions = (uintptr_t)in,
	};
	struct drm_i915_gem_create_ext create = {
		.size = bo->size, .flags = flags,
		.extensions = (uintptr_t)&regions,
	};
	int err = gpumem_drm(bo->card, DRM_IOCTL_I915_GEM_CREATE_EXT, &create);

	bo->handle = create.handle;
	return err;
}

static int make_i915_vram(struct gpumem_bo *bo)
{
	const struct drm_i915_gem_memory_class_instance in[] = {
		{ .memory_class = I915_MEMORY_CLASS_DEVICE },
		{ .memory_class = I915_MEMORY_CLASS_SYSTEM },
	};
	int err = i915_create_in(bo, in, 2,
				 I915_GEM_CREATE_EXT_FLAG_NEEDS_CPU_ACCESS);

	/* A kernel that knows of no small BARs. */
	if (err == -EINVAL)
		err = i915_create_in(bo, in, 1, 0);
	return err ? err : i915_map(bo, I915_MMAP_OFFSET_FIXED);
}

/* --- nouveau -------------------------------------------------------------- */

static int make_nouveau(struct gpumem_bo *bo, uint32_t domain)
{
	struct drm_nouveau_gem_new new = {
		.info = {
			.domain = domain | NOUVEAU_GEM_DOMAIN_MAPPABLE,
			.size = bo->size,
		},
		.align = GPUMEM_PAGE,
	};
	int err = gpumem_drm(bo->card, DRM_IOCTL_NOUVEAU_GEM_NEW, &new);

	bo->handle = new.info.handle;
	bo->offset = new.info.map_handle;
	return err;
}

static int make_nouveau_vram(struct gpumem_bo *bo)
{
	return make_nouveau(bo, NOUVEAU_GEM_DOMAIN_VRAM);
}

static int make_nouveau_gtt(struct gpumem_bo *bo)
{
	return make_nouveau(bo, NOUVEAU_GEM_DOMAIN_GART);
}

/* -------------------------------------------------------------------------- */

const struct gpumem_kind gpumem_kinds[] = {
	{ .name = "dumb", .make = make_dumb },
	{ .name = "prime", .make = make_prime, .has_fd = true },
	{ .name = "vram", .driver = "qxl", .make = make_qxl, .moves = true,
	  .copy = gpumem_qxl_copy },
	{ .name = "surface", .driver = "qxl", .make = make_qxl_surface,
	  .copy = gpumem_qxl_surface_copy, .fill = gpumem_qxl_surface_fill },
	{ .name = "vram", .driver = "amdgpu", .make = make_amdgpu_vram },
	{ .name = "gtt", .driver = "amdgpu", .make = make_amdgpu_gtt },
	{ .name = "wc", .driver = "amdgpu", .make = make_amdgpu_wc },
	{ .name = "vram", .driver = "xe", .make = make_xe_vram },
	{ .name = "system", .driver = "xe", .make = make_xe_system },
	{ .name = "vram", .driver = "i915", .make = make_i915_vram },
	{ .name = "system", .driver = "i915", .make = make_i915_system },
	{ .name = "wc", .driver = "i915", .make = make_i915_wc },
	{ .name = "tiled", .driver = "i915", .make = make_i915_tiled },
	{ .name = "vram", .driver = "nouveau", .make = make_nouveau_vram },
	{ .name = "gtt", .driver = "nouveau", .make = make_nouveau_gtt },
};

const unsigned int gpumem_nr_kinds = ARRAY_SIZE(gpumem_kinds);
