/* SPDX-License-Identifier: MIT */
/*
 * Calls of /dev/xen/gpumem with arguments that must be refused, and something
 * lent that must not be harmed by them.
 */
#ifndef IGT_XEN_GPUMEM_ARGS_H
#define IGT_XEN_GPUMEM_ARGS_H

#include <stdint.h>

#include "igt_xen_gpumem.h"

/* Bits that must be zero: where, and which of the 32 there; {} ends a list. */
struct gpumem_zero {
	unsigned int at;
	uint32_t bits;
};

/*
 * What is wrong with any call: @good is its structure, of @size bytes, without
 * a fault.  Asserts each errno.
 */
void gpumem_args_wrong(int fd, unsigned long nr, const void *good,
		       uint32_t size, const struct gpumem_zero *zero);
/* The same of pointers to it.  The last call is right, and has its effect. */
void gpumem_args_pointers(int fd, unsigned long nr, const void *good,
			  uint32_t size);

/* A window at GPUMEM_ARENA, of which the first half is bound. */
#define GPUMEM_LENT	(16 * GPUMEM_PAGE)

struct gpumem_lent {
	int fd;
	uint32_t window;
	uint8_t *map;
};

/* gpumem_begin(), and the guest has seen what is lent. */
struct gpumem_lent gpumem_lent_begin(void);
/* Nothing that was refused has had an effect. */
void gpumem_lent_unharmed(const struct gpumem_lent *l);
void gpumem_lent_end(struct gpumem_lent *l);

#endif
