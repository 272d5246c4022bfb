/* SPDX-License-Identifier: MIT */
/*
 * Kinds of buffers, for igt_xen_gpumem_bo.c.
 */
#ifndef IGT_XEN_GPUMEM_KINDS_H
#define IGT_XEN_GPUMEM_KINDS_H

#include "igt_xen_gpumem_bo.h"

/**
 * struct gpumem_kind - a kind of buffer
 * @name: for people
 * @driver: whose; NULL: any's
 * @make: of bo->size on bo->card: sets handle, and fd or offset to map it by.
 *	0, or -errno; what was made by then is the caller's
 * @copy: have the card itself copy it to @to; NULL: it does not, or nobody has
 *	told how.  0 or -errno
 * @fill: have the card itself fill it with pixels of a colour; as above
 * @moves: gpumem_bo_evict() makes it move
 * @has_fd: it is a dma-buf
 */
struct gpumem_kind {
	const char *name;
	const char *driver;
	int (*make)(struct gpumem_bo *bo);
	int (*copy)(struct gpumem_bo *bo, void *to);
	int (*fill)(struct gpumem_bo *bo, uint32_t colour);
	bool moves;
	bool has_fd;
};

extern const struct gpumem_kind gpumem_kinds[];
extern const unsigned int gpumem_nr_kinds;

#endif
