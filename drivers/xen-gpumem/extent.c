// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pure logic of lending: clipping, cutting, coalescing, bitmap spans.
 *
 * No locks, no allocation, no kernel services: the file is compiled natively
 * for its unit tests.  All arithmetic on numbers that come from a process or
 * from the kernel's notifiers happens here, behind a clip or a check, so that
 * callers compute with numbers that are known to fit.
 */
#include "extent.h"

/**
 * gpumem_range_valid - is a range of bytes well formed
 * @start: first byte
 * @length: bytes
 *
 * Return: true if the range is not empty, consists of whole pages and does
 * not wrap.  A range may end at the very end of the number space.
 */
bool gpumem_range_valid(u64 start, u64 length)
{
	const u64 mask = ((u64)1 << PAGE_SHIFT) - 1;

	if (!length || (start & mask) || (length & mask))
		return false;
	return start + (length - 1) >= start;
}

/**
 * gpumem_clip - clip a range of addresses to a binding
 * @address: address of the binding's first page
 * @nr: pages in the binding; the binding does not wrap
 * @start: first address of the range
 * @end: address past the range; ~0 means that there is no end
 * @first: OUT: first slot that the range touches
 * @count: OUT: slots that the range touches
 *
 * A range that touches a part of a page touches the page.  Clips before it
 * computes: a range that stands for a whole address space is {0, ~0}, and
 * rounding its end up would wrap.
 *
 * Return: true if the range touches the binding, else false and @first and
 * @count are not set.
 */
bool gpumem_clip(unsigned long address, unsigned long nr, unsigned long start,
		 unsigned long end, unsigned long *first, unsigned long *count)
{
	/* The last byte, since the byte past the binding need not exist. */
	unsigned long last = address + ((nr << PAGE_SHIFT) - 1);

	if (start >= end || start > last || end <= address)
		return false;

	start = max(start, address);
	last = min(last, end - 1);

	*first = (start - address) >> PAGE_SHIFT;
	*count = ((last - address) >> PAGE_SHIFT) - *first + 1;
	return true;
}

/**
 * gpumem_around - choose the slots that are looked at together with one
 * @address: address of the binding's first page
 * @nr: pages in the binding
 * @slot: the one slot, less than @nr
 * @pages: size of the block, a power of two, at most GPUMEM_SLICE_PAGES
 * @first: OUT: first slot of the block
 * @count: OUT: slots in the block, at least one
 *
 * The block is aligned by *address*, so that it never crosses a page of the
 * host's page tables, and is cut at the binding's ends.
 */
void gpumem_around(unsigned long address, unsigned long nr, unsigned long slot,
		   unsigned int pages, unsigned long *first,
		   unsigned long *count)
{
	unsigned long base = address >> PAGE_SHIFT;
	unsigned long block = (base + slot) & ~((unsigned long)pages - 1);
	unsigned long lo = max(block, base);
	unsigned long hi = min(block + pages, base + nr);

	*first = lo - base;
	*count = hi - lo;
}

/**
 * gpumem_span_next - find the next span of set bits
 * @map: the bitmap
 * @from: first bit to look at
 * @end: bit past the last to look at
 * @gap: clear bits that a span may hold in one piece
 * @first: OUT: first bit of the span, set
 * @nr: OUT: bits in the span; the last of them is set
 *
 * A span is worth one call of the hypervisor: a call with a flush costs more
 * than skipping over some absent pages, but less than walking over gigabytes
 * of them.
 *
 * Return: true if there is one, else false and @first and @nr are not set.
 */
bool gpumem_span_next(const unsigned long *map, unsigned long from,
		      unsigned long end, unsigned long gap,
		      unsigned long *first, unsigned long *nr)
{
	unsigned long stop, next;

	from = find_next_bit(map, end, from);
	if (from >= end)
		return false;

	next = from;
	do {
		stop = find_next_zero_bit(map, end, next);
		next = find_next_bit(map, end, stop);
	} while (next < end && next - stop <= gap);

	*first = from;
	*nr = stop - from;
	return true;
}

/**
 * gpumem_batch_reset - make a batch empty
 * @batch: the batch
 */
void gpumem_batch_reset(struct gpumem_batch *batch)
{
	batch->nr = 0;
	batch->frames = 0;
}

/**
 * gpumem_batch_add - add one frame to a batch
 * @batch: the batch
 * @max_extents: extents that the batch may have, at most GPUMEM_BATCH_EXTENTS
 * @index: page in the window
 * @frame: frame, as the hypervisor counts
 * @attr: GPUMEM_ATTR_*
 *
 * Extends the last extent where index and frame go on and the attributes are
 * the same, else begins another.
 *
 * Return: false if there is no room; the batch is unchanged then.
 */
bool gpumem_batch_add(struct gpumem_batch *batch, unsigned int max_extents,
		      u64 index, u64 frame, u32 attr)
{
	struct gpumem_extent *ext = NULL;

	if (batch->frames >= GPUMEM_SLICE_PAGES)
		return false;

	if (batch->nr)
		ext = &batch->ext[batch->nr - 1];

	if (ext && ext->attr == attr && ext->index + ext->nr == index &&
	    ext->frame + ext->nr == frame) {
		ext->nr++;
	} else {
		if (batch->nr >= min(max_extents, (unsigned int)GPUMEM_BATCH_EXTENTS))
			return false;
		batch->ext[batch->nr++] = (struct gpumem_extent) {
			.index = index,
			.frame = frame,
			.nr = 1,
			.attr = attr,
		};
	}
	batch->frames++;
	return true;
}

/**
 * gpumem_batch_advance - forget the frames that were mapped
 * @batch: the batch
 * @done: frames, counted over the extents in order; at most @batch->frames
 */
void gpumem_batch_advance(struct gpumem_batch *batch, unsigned int done)
{
	struct gpumem_extent *ext = batch->ext;
	unsigned int gone = 0, i;

	done = min(done, batch->frames);
	batch->frames -= done;

	while (done && done >= ext[gone].nr)
		done -= ext[gone++].nr;

	for (i = 0; i + gone < batch->nr; i++)
		ext[i] = ext[i + gone];
	batch->nr -= gone;

	if (done) {
		ext[0].index += done;
		ext[0].frame += done;
		ext[0].nr -= done;
	}
}
