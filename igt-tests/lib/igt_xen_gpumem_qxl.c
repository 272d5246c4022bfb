// SPDX-License-Identifier: MIT
/*
 * What qxl's device itself makes of a buffer: it copies it, or fills it.
 *
 * The device draws onto *surfaces* only.  A buffer that is none is the source of
 * a drawing, as a bitmap; a surface can be source and target.  The commands are
 * the device's (the QXL protocol), put into memory as it reads them, without any
 * padding; addresses and numbers of surfaces in them are filled in by the driver,
 * from a list of where they go.  A request to update an area waits until all that
 * was drawn there is in the surface's memory.
 *
 * Pixels have 32 bits, of which the device keeps GPUMEM_PIXEL.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "drm.h"
#include "qxl_drm.h"

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_card.h"
#include "igt_xen_gpumem_kinds.h"
#include "igt_xen_gpumem_qxl.h"

#define ROW		4096U		/* bytes: a page */

/* --- as the device reads it ----------------------------------------------- */

#define CMD_DRAW	1U
#define DRAW_FILL	1
#define DRAW_COPY	3
#define EFFECT_OPAQUE	1
#define OP_PUT		8
#define BRUSH_SOLID	1
#define IMAGE_BITMAP	0
#define IMAGE_SURFACE	104
#define BITMAP_32BIT	8
#define BITMAP_DIRECT	1		/* the pixels, not a list of parts */
#define BITMAP_TOP_DOWN	4
#define SURFACE_XRGB	32U
#define NOT_CACHED	3		/* group of an image's id */

struct area {
	uint32_t top, left, bottom, right;
};

struct mask {
	uint8_t flags;
	uint32_t x, y;
	uint64_t bitmap;
} __attribute__((packed));

struct drawable {
	uint64_t release;		/* the driver's, and not part of what it gets */
	uint32_t surface;
	uint8_t effect, type, self;
	struct area self_area, box;
	uint32_t clip;
	uint64_t clip_data;
	uint32_t time;
	uint32_t source[3];		/* surfaces that it reads; ~0: none */
	struct area source_area[3];
	union {
		struct {
			uint32_t brush, colour;
			uint64_t pattern_rest;
			uint16_t op;
			struct mask mask;
		} __attribute__((packed)) fill;
		struct {
			uint64_t image;
			struct area area;
			uint16_t op;
			uint8_t scale;
			struct mask mask;
		} __attribute__((packed)) copy;
		uint8_t room[128];
	};
} __attribute__((packed));

struct image {
	uint64_t id;
	uint8_t type, flags;
	uint32_t width, height;
	union {
		struct {
			uint8_t format, flags;
			uint32_t width, height, stride;
			uint64_t palette, data;
		} __attribute__((packed)) bitmap;
		uint32_t surface;
	};
} __attribute__((packed));

/* --- one command ---------------------------------------------------------- */

struct command {
	struct drawable draw;
	struct drm_qxl_reloc relocs[4];
	unsigned int nr;
};

static void relocate(struct command *c, uint32_t type, uint32_t in,
		     uint64_t offset, uint32_t what)
{
	c->relocs[c->nr++] = (struct drm_qxl_reloc){
		.reloc_type = type, .dst_handle = in, .dst_offset = offset,
		.src_handle = what,
	};
}

/* All of the surface @target, of so many bytes. */
static void begin(struct command *c, uint8_t type, uint32_t target,
		  uint64_t size)
{
	memset(c, 0, sizeof(*c));
	c->draw.type = type;
	c->draw.effect = EFFECT_OPAQUE;
	c->draw.box.right = ROW / 4;
	c->draw.box.bottom = size / ROW;
	memset(c->draw.source, 0xff, sizeof(c->draw.source));
	relocate(c, QXL_RELOC_TYPE_SURF, 0, offsetof(struct drawable, surface),
		 target);
}

/* Have it done, and wait until it is. */
static int draw(int card, struct command *c, uint32_t target)
{
	const size_t head = sizeof(c->draw.release);
	struct drm_qxl_command command = {
		.type = CMD_DRAW, .relocs = (uintptr_t)c->relocs,
		.relocs_num = c->nr,
		.command = (uintptr_t)&c->draw + head,
		.command_size = sizeof(c->draw) - head,
	};
	struct drm_qxl_execbuffer execbuffer = {
		.commands = (uintptr_t)&command, .commands_num = 1,
	};
	struct drm_qxl_update_area update = {
		.handle = target, .bottom = c->draw.box.bottom,
		.right = c->draw.box.right,
	};
	int err = gpumem_drm(card, DRM_IOCTL_QXL_EXECBUFFER, &execbuffer);

	return err ? err : gpumem_drm(card, DRM_IOCTL_QXL_UPDATE_AREA, &update);
}

/* --- buffers -------------------------------------------------------------- */

static void *map_handle(int card, uint32_t handle, uint64_t size)
{
	struct drm_qxl_map map = { .handle = handle };
	void *p;

	if (gpumem_drm(card, DRM_IOCTL_QXL_MAP, &map))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, card,
		 map.offset);
	return p == MAP_FAILED ? NULL : p;
}

/**
 * gpumem_qxl_surface_new - a surface, with rows of a page
 * @card: an open node of the card
 * @size: in bytes, whole pages
 * @handle: the surface's
 *
 * Return: 0 or -errno.
 */
int gpumem_qxl_surface_new(int card, uint64_t size, uint32_t *handle)
{
	struct drm_qxl_alloc_surf alloc = {
		.format = SURFACE_XRGB, .width = ROW / 4,
		.height = size / ROW, .stride = ROW,
	};
	int err = gpumem_drm(card, DRM_IOCTL_QXL_ALLOC_SURF, &alloc);

	*handle = alloc.handle;
	return err;
}

/* A page with the description of @bo as an image. */
static int image_new(const struct gpumem_bo *bo, bool surface, uint32_t *handle)
{
	struct drm_qxl_alloc alloc = { .size = GPUMEM_PAGE };
	struct image *image;
	static uint32_t id;
	int err = gpumem_drm(bo->card, DRM_IOCTL_QXL_ALLOC, &alloc);

	if (err)
		return err;
	*handle = alloc.handle;
	image = map_handle(bo->card, alloc.handle, GPUMEM_PAGE);
	if (!image) {
		gpumem_close_handle(bo->card, alloc.handle);
		return -ENOMEM;
	}
	*image = (struct image){
		.id = (uint64_t)++id << 32 | NOT_CACHED,
		.type = surface ? IMAGE_SURFACE : IMAGE_BITMAP,
		.width = ROW / 4, .height = bo->size / ROW,
	};
	if (!surface) {
		image->bitmap.format = BITMAP_32BIT;
		image->bitmap.flags = BITMAP_DIRECT | BITMAP_TOP_DOWN;
		image->bitmap.width = image->width;
		image->bitmap.height = image->height;
		image->bitmap.stride = ROW;
	}
	munmap(image, GPUMEM_PAGE);
	return 0;
}

static int copy_to(const struct gpumem_bo *bo, bool surface, uint32_t target)
{
	uint32_t image;
	struct command c;
	int err = image_new(bo, surface, &image);

	if (err)
		return err;
	begin(&c, DRAW_COPY, target, bo->size);
	c.draw.copy.area = c.draw.box;
	c.draw.copy.op = OP_PUT;
	relocate(&c, QXL_RELOC_TYPE_BO, 0,
		 offsetof(struct drawable, copy.image), image);
	if (surface) {
		c.draw.source_area[0] = c.draw.box;
		relocate(&c, QXL_RELOC_TYPE_SURF, 0,
			 offsetof(struct drawable, source), bo->handle);
		relocate(&c, QXL_RELOC_TYPE_SURF, image,
			 offsetof(struct image, surface), bo->handle);
	} else {
		relocate(&c, QXL_RELOC_TYPE_BO, image,
			 offsetof(struct image, bitmap.data), bo->handle);
	}
	err = draw(bo->card, &c, target);
	gpumem_close_handle(bo->card, image);
	return err;
}

/* The device copies the buffer to a surface of its own, and that is read. */
static int copy_out(struct gpumem_bo *bo, bool surface, void *to)
{
	uint32_t target;
	void *map;
	int err = gpumem_qxl_surface_new(bo->card, bo->size, &target);

	if (err)
		return err;
	map = map_handle(bo->card, target, bo->size);
	if (!map)
		err = -ENOMEM;
	/* What was there before is not taken for the copy. */
	if (!err) {
		memset(map, 0, bo->size);
		err = copy_to(bo, surface, target);
	}
	if (!err)
		memcpy(to, map, bo->size);
	if (map)
		munmap(map, bo->size);
	gpumem_close_handle(bo->card, target);
	return err;
}

int gpumem_qxl_copy(struct gpumem_bo *bo, void *to)
{
	return copy_out(bo, false, to);
}

int gpumem_qxl_surface_copy(struct gpumem_bo *bo, void *to)
{
	return copy_out(bo, true, to);
}

int gpumem_qxl_surface_fill(struct gpumem_bo *bo, uint32_t colour)
{
	struct command c;

	begin(&c, DRAW_FILL, bo->handle, bo->size);
	c.draw.fill.brush = BRUSH_SOLID;
	c.draw.fill.colour = colour;
	c.draw.fill.op = OP_PUT;
	return draw(bo->card, &c, bo->handle);
}
