/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pure logic of lending: clipping, cutting, coalescing, bitmap spans.
 *
 * Nothing here knows of processes, locks or hypervisors.  The file compiles
 * outside the kernel, too: there, extent-shim.h supplies the fixed width
 * types, bool, PAGE_SHIFT, min(), max() and the find_*_bit() functions.
 *
 * Words: an *index* is the number of a page within a window; a *slot* is the
 * number of a page within a binding; a *frame* is a number that the
 * hypervisor understands.  Ranges are {first, nr}; where an end is named, it
 * is exclusive.
 */
#ifndef _XEN_GPUMEM_EXTENT_H
#define _XEN_GPUMEM_EXTENT_H

#ifdef __KERNEL__
#include <linux/bitmap.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/types.h>
#else
#include "extent-shim.h"
#endif

/* Pages in a slice: what one batch can cover, a 2 MiB leaf of a page table. */
#define GPUMEM_SLICE_PAGES	512

/* Extents in a batch.  A smaller limit of the hypervisor's is asked for. */
#define GPUMEM_BATCH_EXTENTS	64

/* struct gpumem_extent.attr; the values are those of the hypercall. */
#define GPUMEM_ATTR_WRITE	(1U << 0)
#define GPUMEM_ATTR_NC		(1U << 1)
#define GPUMEM_ATTR_REPLACE	(1U << 2)

/**
 * struct gpumem_extent - a run of contiguous frames
 * @index: first page in the window
 * @frame: first frame, as the hypervisor counts
 * @nr: pages, not zero
 * @attr: GPUMEM_ATTR_*
 *
 * The layout is that of the hypercall's extent, so that no copy is needed.
 */
struct gpumem_extent {
	u64 index;
	u64 frame;
	u32 nr;
	u32 attr;
};

/**
 * struct gpumem_batch - extents for one call of the hypervisor
 * @nr: extents in use
 * @frames: frames of all extents together
 * @ext: the extents, in the order in which they are to be mapped
 */
struct gpumem_batch {
	unsigned int nr;
	unsigned int frames;
	struct gpumem_extent ext[GPUMEM_BATCH_EXTENTS];
};

bool gpumem_range_valid(u64 start, u64 length);
bool gpumem_clip(unsigned long address, unsigned long nr, unsigned long start,
		 unsigned long end, unsigned long *first, unsigned long *count);
void gpumem_around(unsigned long address, unsigned long nr, unsigned long slot,
		   unsigned int pages, unsigned long *first,
		   unsigned long *count);
bool gpumem_span_next(const unsigned long *map, unsigned long from,
		      unsigned long end, unsigned long gap,
		      unsigned long *first, unsigned long *nr);
void gpumem_batch_reset(struct gpumem_batch *batch);
bool gpumem_batch_add(struct gpumem_batch *batch, unsigned int max_extents,
		      u64 index, u64 frame, u32 attr);
void gpumem_batch_advance(struct gpumem_batch *batch, unsigned int done);

#endif /* _XEN_GPUMEM_EXTENT_H */
