// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large entries: a whole 2 MiB lent at once, so that the hypervisor can use one
 * entry for it.
 *
 * Nobody has to ask for it: the hypervisor makes a large entry of a single
 * extent that begins where one can begin, in the guest and in the machine.
 * What has to be decided here is when to look at that many pages, which a
 * single fault does not: when the host itself has them in one leaf of its page
 * tables, or when this fault brings in the last that were missing.  The second
 * is also how an entry that was split, because one of its pages left, becomes
 * large again when the page is back.
 *
 * Pages that the guest has already are then mapped over, with the same frames:
 * what they are now was looked up under the same sequence number as the rest.
 *
 * Whether the window may move, or the bits change, makes no difference: a
 * wrong guess costs a look at pages that are lent one by one after all.
 */
#include <linux/bitmap.h>

#include "internal.h"

static bool gpumem_blocks_help(const struct gpumem_hv_info *info)
{
	return (info->features & GPUMEM_HV_FEAT_SUPERPAGE_2M) &&
	       info->max_frames >= GPUMEM_SLICE_PAGES;
}

/* Slot in which the block of a page begins; may lie before the binding. */
static long gpumem_block_first(const struct gpumem_binding *binding,
			       unsigned long slot)
{
	u64 gfn = READ_ONCE(binding->window->gfn) + binding->node.start + slot;

	return (long)slot - (long)(gfn % GPUMEM_SLICE_PAGES);
}

/* Are all bits of the block set (or all clear) but for those of the slice? */
static bool gpumem_block_is(const unsigned long *map, unsigned long first,
			    const struct gpumem_slice *slice, bool set)
{
	unsigned long end = first + GPUMEM_SLICE_PAGES;
	unsigned long at = first;

	for (; at < end; at++) {
		at = set ? find_next_zero_bit(map, end, at) :
			   find_next_bit(map, end, at);
		if (at >= end)
			break;
		if (at < slice->first || at >= slice->first + slice->nr)
			return false;
		at = slice->first + slice->nr - 1;
	}
	return true;
}

/**
 * gpumem_slice_grow - should the whole block of a page be looked at?
 * @binding: the binding
 * @slice: as gpumem_resolve() filled it in
 * @first: OUT: slot in which the block begins
 *
 * Return: true if that may be worth while: there is a block of
 * GPUMEM_SLICE_PAGES pages around the first wanted page, not yet looked at as
 * a whole, that one large entry could stand for
 */
bool gpumem_slice_grow(struct gpumem_binding *binding,
		       const struct gpumem_slice *slice, unsigned long *first)
{
	struct gpumem_hv_info *info = &binding->window->ctx->info;
	unsigned int i = slice->want;
	unsigned long slot = slice->first + i;
	long start = gpumem_block_first(binding, slot);
	bool write = (slice->prot[i] & GPUMEM_PROT_WRITE) &&
		     !(binding->flags & XEN_GPUMEM_BIND_READONLY);

	if (!gpumem_blocks_help(info))
		return false;
	if (start < 0 || start + GPUMEM_SLICE_PAGES > binding->nr ||
	    (slice->first == start && slice->nr == GPUMEM_SLICE_PAGES))
		return false;
	/* Both numbers have to begin a block at the same place. */
	if ((slice->frame[i] - (slot - start)) % GPUMEM_SLICE_PAGES)
		return false;

	*first = start;
	if (slice->prot[i] & GPUMEM_PROT_LARGE)
		return true;

	guard(mutex)(&binding->lock);
	return gpumem_block_is(binding->lent, start, slice, true) &&
	       gpumem_block_is(binding->writable, start, slice, write);
}

/* Are the pages of a slice one piece of memory, all mapped alike? */
static bool gpumem_slice_is_block(const struct gpumem_slice *slice)
{
	const u8 mask = GPUMEM_PROT_VALID | GPUMEM_PROT_WRITE |
			GPUMEM_PROT_NC | GPUMEM_PROT_IO;
	unsigned int i;

	if (slice->nr != GPUMEM_SLICE_PAGES ||
	    slice->frame[0] % GPUMEM_SLICE_PAGES ||
	    !(slice->prot[0] & GPUMEM_PROT_VALID))
		return false;
	for (i = 1; i < slice->nr; i++)
		if (slice->frame[i] != slice->frame[0] + i ||
		    (slice->prot[i] & mask) != (slice->prot[0] & mask))
			return false;
	return true;
}

/*
 * Has the guest all of it, as it is wanted?  Then it is not mapped over: that
 * would flush, and change nothing.
 */
static bool gpumem_block_is_there(const struct gpumem_binding *binding,
				  const struct gpumem_slice *slice)
{
	unsigned long first = slice->first, end = first + slice->nr;

	return !slice->force &&
	       find_next_zero_bit(binding->lent, end, first) >= end &&
	       (!slice->write ||
		find_next_zero_bit(binding->writable, end, first) >= end);
}

/**
 * gpumem_binding_map_block - lend a whole block with one extent
 * @binding: the binding, locked; the slice's sequence number holds
 * @slice: what was found
 *
 * Return: true if that was done; false if it is no such block, or there
 * already, or it failed, and the pages are looked at one by one
 */
bool gpumem_binding_map_block(struct gpumem_binding *binding,
			      struct gpumem_slice *slice)
{
	struct gpumem_hv_info *info = &binding->window->ctx->info;
	struct gpumem_batch *batch = &slice->batch;
	unsigned long first = slice->first;
	unsigned int i, nr = slice->nr;
	u32 attr = 0;

	lockdep_assert_held(&binding->lock);

	if (!gpumem_blocks_help(info) ||
	    gpumem_block_first(binding, first) != first ||
	    !gpumem_slice_is_block(slice) ||
	    gpumem_block_is_there(binding, slice))
		return false;

	if ((slice->prot[0] & GPUMEM_PROT_WRITE) &&
	    !(binding->flags & XEN_GPUMEM_BIND_READONLY))
		attr |= GPUMEM_ATTR_WRITE;
	if (slice->prot[0] & GPUMEM_PROT_NC)
		attr |= GPUMEM_ATTR_NC;
	if (find_next_bit(binding->lent, first + nr, first) < first + nr)
		attr |= GPUMEM_ATTR_REPLACE;

	bitmap_clear(binding->io, first, nr);
	bitmap_clear(binding->nc, first, nr);
	if (slice->prot[0] & GPUMEM_PROT_IO)
		bitmap_set(binding->io, first, nr);
	if (slice->prot[0] & GPUMEM_PROT_NC)
		bitmap_set(binding->nc, first, nr);
	for (i = 0; i < nr; i++)
		if (slice->prot[i] & GPUMEM_PROT_PAGE)
			gpumem_page_lent(slice->pfn[i],
					 attr & GPUMEM_ATTR_WRITE);

	batch->nr = 1;
	batch->frames = nr;
	batch->ext[0] = (struct gpumem_extent) {
		.index = binding->node.start + first,
		.frame = slice->frame[0],
		.nr = nr,
		.attr = attr,
	};
	return !gpumem_binding_flush(binding, batch);
}
