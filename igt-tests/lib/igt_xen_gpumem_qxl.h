/* SPDX-License-Identifier: MIT */
/*
 * What qxl's device itself makes of a buffer, for igt_xen_gpumem_kinds.c.
 * All return 0 or -errno.
 */
#ifndef IGT_XEN_GPUMEM_QXL_H
#define IGT_XEN_GPUMEM_QXL_H

#include <stdint.h>

struct gpumem_bo;

int gpumem_qxl_surface_new(int card, uint64_t size, uint32_t *handle);

int gpumem_qxl_copy(struct gpumem_bo *bo, void *to);
int gpumem_qxl_surface_copy(struct gpumem_bo *bo, void *to);
int gpumem_qxl_surface_fill(struct gpumem_bo *bo, uint32_t colour);

#endif
