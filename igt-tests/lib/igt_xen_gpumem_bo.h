/* SPDX-License-Identifier: MIT */
/*
 * Buffers of whatever graphics cards there are, for the tests of
 * /dev/xen/gpumem.
 */
#ifndef IGT_XEN_GPUMEM_BO_H
#define IGT_XEN_GPUMEM_BO_H

#include <stdbool.h>
#include <stdint.h>

/* A kind of buffer of one card. */
struct gpumem_region {
	char name[48];			/* DRIVER-KIND */
	char path[32];			/* the card's node */
	char driver[24];
	const struct gpumem_kind *kind;
	bool moves;			/* gpumem_bo_evict() can be used */
	bool copies, fills;		/* gpumem_bo_card_copies(), _fills() */
	bool has_fd;			/* its buffers are dma-bufs */
};

struct gpumem_bo {
	const struct gpumem_region *region;
	uint64_t size;
	void *map;			/* as the processor sees it */
	int card;
	uint32_t handle;
	int fd;				/* the dma-buf, or -1 */
	uint64_t offset;		/* to mmap() it at, on fd or card */
};

/* All of them, found at the first call. */
const struct gpumem_region *gpumem_region(unsigned int index);
/* Skips, with a reason, if there is none. */
void gpumem_regions_require(void);
void gpumem_region_require(bool (*like)(const struct gpumem_region *r),
			   const char *what);

#define for_each_gpumem_region(r)					\
for (unsigned int gpumem_index = 0; (r = gpumem_region(gpumem_index));	\
     gpumem_index++)

int __gpumem_bo_new(struct gpumem_bo *bo, const struct gpumem_region *r,
		    uint64_t size);
void gpumem_bo_new(struct gpumem_bo *bo, const struct gpumem_region *r,
		   uint64_t size);
void gpumem_bo_free(struct gpumem_bo *bo);

/*
 * What the card itself finds in the buffer, copied to @to with its own engine;
 * and the buffer filled by it with pixels of a colour.  Of the 32 bits of each
 * pixel it keeps those of GPUMEM_PIXEL.
 */
#define GPUMEM_PIXEL	0xffffffU
void gpumem_bo_card_copies(struct gpumem_bo *bo, void *to);
void gpumem_bo_card_fills(struct gpumem_bo *bo, uint32_t colour);

/* Push everything but what is in use out of the card's memory. */
void gpumem_bo_evict(struct gpumem_bo *bo);
/* Have the driver bring the buffer back there. */
void gpumem_bo_restore(struct gpumem_bo *bo);

#endif
