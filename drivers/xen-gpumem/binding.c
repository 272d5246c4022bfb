// SPDX-License-Identifier: GPL-2.0-only
/*
 * A binding: a process's addresses behind a part of a window.
 *
 * Here is the one place where pages are given to the guest and the one where
 * they are taken back, both under the binding's lock.  The race between a page
 * that comes in and an invalidation of its address ends one of two ways:
 *
 *   fault worker                        invalidation
 *   ------------                        ------------
 *   seq = read_begin()
 *   resolve: page tables say P
 *                                       invalidate(): lock
 *                                         set_seq(); bit clear: nothing to do
 *                                       unlock
 *   lock                                page tables change, P is reused
 *     read_retry(): seq moved
 *   unlock, try again
 *
 * or
 *
 *   lock
 *     read_retry(): seq holds
 *     map P, set bit
 *   unlock                              invalidate(): lock
 *                                         set_seq(); bit set: revoke P
 *                                       unlock
 *                                       page tables change, P is reused
 *
 * The bits are allocated with the binding, as the callback can allocate
 * nothing.  A bit that is set for a page that the guest does not have costs a
 * needless call; a bit that is clear for one that it has would be a hole in
 * the host.  So bits are set before anyone can see that the lock was dropped,
 * and cleared only after the hypervisor has said that the page is out of reach.
 *
 * Locks: gpumem_binding.lock, innermost of all.  Under it: hypercalls, the
 * bitmaps, folio_mark_dirty().  No allocation, no user memory, no mmap_lock.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "internal.h"
#include "trace.h"

/* Absent pages that one call skips rather than another call be made. */
#define GPUMEM_REVOKE_GAP	GPUMEM_SLICE_PAGES

/**
 * gpumem_binding_revoke - take pages back from the guest
 * @binding: the binding, locked
 * @first: slot of the first page
 * @nr: pages
 * @downgrade: take only the permission to write
 *
 * When it returns the guest cannot reach (or write) them any more.
 */
void gpumem_binding_revoke(struct gpumem_binding *binding, unsigned long first,
			   unsigned long nr, bool downgrade)
{
	unsigned long *map = downgrade ? binding->writable : binding->lent;
	unsigned long end = first + nr;
	unsigned long at, n;

	lockdep_assert_held(&binding->lock);

	while (gpumem_span_next(map, first, end, GPUMEM_REVOKE_GAP, &at, &n)) {
		gpumem_window_revoke(binding->window, binding->node.start + at,
				     n, downgrade);
		/*
		 * A downgrade may have had to take some pages whole.  Their
		 * bits stay set: see gpumem_fault_supply() for what happens
		 * when the guest asks for them again.
		 */
		bitmap_clear(binding->writable, at, n);
		if (!downgrade)
			bitmap_clear(binding->lent, at, n);
		first = at + n;
	}
}

/**
 * gpumem_binding_forget - note that the guest has nothing any more
 * @binding: the binding, locked
 * @first: slot of the first page
 * @nr: pages
 */
void gpumem_binding_forget(struct gpumem_binding *binding, unsigned long first,
			   unsigned long nr)
{
	lockdep_assert_held(&binding->lock);

	bitmap_clear(binding->writable, first, nr);
	bitmap_clear(binding->lent, first, nr);
}

/**
 * gpumem_binding_reset - take everything back
 * @binding: the binding
 */
void gpumem_binding_reset(struct gpumem_binding *binding)
{
	guard(mutex)(&binding->lock);
	gpumem_binding_revoke(binding, 0, binding->nr, false);
}

/*
 * Called by the kernel when page tables of the process are about to change.
 * May hold anything outside of the binding's lock, and be in reclaim.
 */
static bool gpumem_binding_invalidate(struct mmu_interval_notifier *notifier,
				      const struct mmu_notifier_range *range,
				      unsigned long cur_seq)
{
	struct gpumem_binding *binding =
		container_of(notifier, struct gpumem_binding, notifier);
	unsigned long first, nr;
	bool downgrade;

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&binding->lock);
	else if (!mutex_trylock(&binding->lock))
		return false;

	/* First of all, so that nothing that was looked up before is used. */
	mmu_interval_set_seq(notifier, cur_seq);

	/*
	 * In these the pages stay and only must not be written before the host
	 * has noticed: writeback, copy-on-write after fork(), soft-dirty.
	 */
	downgrade = range->event == MMU_NOTIFY_PROTECTION_PAGE ||
		    range->event == MMU_NOTIFY_SOFT_DIRTY;

	if (gpumem_clip(binding->address, binding->nr, range->start,
			range->end, &first, &nr)) {
		gpumem_binding_revoke(binding, first, nr, downgrade);
		if (binding->mapping && range->event == MMU_NOTIFY_UNMAP)
			gpumem_mapping_lost(binding->mapping);
	}
	if (range->event == MMU_NOTIFY_RELEASE && !binding->dead)
		gpumem_event_orphan(binding);

	mutex_unlock(&binding->lock);
	return true;
}

static const struct mmu_interval_notifier_ops gpumem_binding_notifier_ops = {
	.invalidate = gpumem_binding_invalidate,
};

/* The hypervisor has taken the first @done frames of the batch. */
static void gpumem_binding_mark(struct gpumem_binding *binding,
				const struct gpumem_batch *batch,
				unsigned int done)
{
	const struct gpumem_extent *ext = batch->ext;
	unsigned long slot;
	unsigned int n;

	for (; done; done -= n, ext++) {
		n = min(done, ext->nr);
		slot = ext->index - binding->node.start;
		bitmap_set(binding->lent, slot, n);
		if (ext->attr & GPUMEM_ATTR_WRITE)
			bitmap_set(binding->writable, slot, n);
		else
			bitmap_clear(binding->writable, slot, n);
	}
}

/**
 * gpumem_binding_flush - give a batch to the hypervisor
 * @binding: the binding, locked
 * @batch: what is to be lent; empty afterwards
 *
 * In as many calls as it takes.
 *
 * Return: 0 or an error of gpumem_hv_ops.map
 */
int gpumem_binding_flush(struct gpumem_binding *binding,
			 struct gpumem_batch *batch)
{
	struct gpumem_window *window = binding->window;
	struct gpumem_ctx *ctx = window->ctx;
	unsigned int done;
	int ret = 0;

	while (!ret && batch->nr) {
		done = 0;
		ret = gpumem_hv->map(&ctx->dom, window->id, batch->ext,
				     batch->nr, &done);
		trace_xen_gpumem_map(ctx->dom.domid, window->id,
				     &batch->ext[0], batch->frames, done, ret);
		done = min(done, batch->frames);
		gpumem_binding_mark(binding, batch, done);
		gpumem_batch_advance(batch, done);
		atomic64_add(done, &window->stats.mapped);
		if (!ret && !done)
			ret = -EAGAIN;
	}
	gpumem_batch_reset(batch);
	return ret;
}

/* Put page @i of the slice on the batch, unless the guest has it already. */
static bool gpumem_binding_add(struct gpumem_binding *binding,
			       struct gpumem_slice *slice, unsigned int i,
			       bool wanted)
{
	struct gpumem_ctx *ctx = binding->window->ctx;
	unsigned long slot = slice->first + i;
	u8 prot = slice->prot[i];
	u32 attr = 0;

	if (test_bit(slot, binding->lent)) {
		/* A neighbour that is there stays as it is. */
		if (!wanted)
			return true;
		if (!slice->force &&
		    (!slice->write || test_bit(slot, binding->writable)))
			return true;
		attr |= GPUMEM_ATTR_REPLACE;
	}
	if ((prot & GPUMEM_PROT_WRITE) &&
	    !(binding->flags & XEN_GPUMEM_BIND_READONLY))
		attr |= GPUMEM_ATTR_WRITE;
	if (prot & GPUMEM_PROT_NC)
		attr |= GPUMEM_ATTR_NC;

	if (slice->batch.frames >= ctx->info.max_frames ||
	    !gpumem_batch_add(&slice->batch, ctx->info.max_extents,
			      binding->node.start + slot, slice->frame[i],
			      attr))
		return false;

	__assign_bit(slot, binding->io, prot & GPUMEM_PROT_IO);
	__assign_bit(slot, binding->nc, prot & GPUMEM_PROT_NC);
	if (prot & GPUMEM_PROT_PAGE)
		gpumem_page_lent(slice->pfn[i], attr & GPUMEM_ATTR_WRITE);
	return true;
}

/* Put pages [@from, @to) of the slice on the batch; map what is too much. */
static int gpumem_binding_fill(struct gpumem_binding *binding,
			       struct gpumem_slice *slice, unsigned int from,
			       unsigned int to, bool wanted)
{
	unsigned int i = from;
	int ret;

	while (i < to) {
		if (!(slice->prot[i] & GPUMEM_PROT_VALID) ||
		    gpumem_binding_add(binding, slice, i, wanted)) {
			i++;
			continue;
		}
		/* It is full. */
		ret = gpumem_binding_flush(binding, &slice->batch);
		if (ret)
			return ret;
	}
	return 0;
}

/* Map pages [@from, @to) of the slice. */
static int gpumem_binding_map(struct gpumem_binding *binding,
			      struct gpumem_slice *slice, unsigned int from,
			      unsigned int to, bool wanted)
{
	int ret;

	gpumem_batch_reset(&slice->batch);
	ret = gpumem_binding_fill(binding, slice, from, to, wanted);
	if (ret || !slice->batch.nr)
		return ret;
	if (wanted && slice->batch.frames == to - from)
		slice->woken = true;
	return gpumem_binding_flush(binding, &slice->batch);
}

/*
 * Map a page and those that the guest wants next, which it would ask for before
 * they are there if it ran as soon as it has the first.
 *
 * That one is in front of them all.  So if anything was mapped it was, and its
 * vCPU runs, and what is wrong with one behind it is nobody's loss.  If it was
 * there already, because another vCPU was quicker, nobody was woken by this.
 *
 * All of it under one hold of the lock, as pages that are populated: a vCPU
 * that comes back for one of them waits for it, and goes on in order.
 */
static int gpumem_binding_map_ahead(struct gpumem_binding *binding,
				    struct gpumem_slice *slice)
{
	unsigned long slot = slice->first;
	int ret;

	gpumem_batch_reset(&slice->batch);
	ret = gpumem_binding_fill(binding, slice, 0, 1, true);
	slice->woken = !ret && slice->batch.nr;
	if (!ret)
		ret = gpumem_binding_fill(binding, slice, 1, slice->nr, false);
	if (!ret)
		ret = gpumem_binding_flush(binding, &slice->batch);
	if (ret && test_bit(slot, binding->lent) &&
	    (!slice->write || test_bit(slot, binding->writable)))
		ret = 0;
	return ret;
}

/**
 * gpumem_binding_commit - give the guest what was found behind a slice
 * @binding: the binding
 * @slice: as gpumem_resolve() filled it in
 *
 * The pages that are wanted go first, and their result is the result: that a
 * neighbour cannot be mapped is nobody's loss.
 *
 * Return: 0; -EAGAIN the memory has moved since it was looked up; -ESTALE the
 * binding was taken out; an error of gpumem_hv_ops.map for a wanted page
 */
int gpumem_binding_commit(struct gpumem_binding *binding,
			  struct gpumem_slice *slice)
{
	unsigned int end = slice->want + slice->nr_want;
	int ret;

	guard(mutex)(&binding->lock);

	slice->woken = false;
	if (binding->dead)
		return -ESTALE;
	if (mmu_interval_read_retry(&binding->notifier, slice->seq)) {
		atomic64_inc(&binding->window->stats.retries);
		return -EAGAIN;
	}

	if (gpumem_binding_map_block(binding, slice)) {
		slice->woken = true;
		return 0;
	}

	/* Not to replace anything: what a failure means would not be clear. */
	if (slice->ahead && !slice->want && slice->nr_want == 1 &&
	    !slice->force)
		return gpumem_binding_map_ahead(binding, slice);

	ret = gpumem_binding_map(binding, slice, slice->want, end, true);
	if (ret)
		return ret;
	/* What is in the way of those in front is not in theirs. */
	gpumem_binding_map(binding, slice, end, slice->nr, false);
	gpumem_binding_map(binding, slice, 0, slice->want, false);
	return 0;
}

/**
 * gpumem_binding_map_zero - lend the zero page where there is nothing
 * @binding: the binding, which is in its window's tree; the window is locked
 * @slot: the page
 * @frame: the zero page, as the hypervisor counts
 *
 * It is no memory of the process, so there is nothing to check; but it has a
 * bit like any other page, so that whatever happens at that address takes it
 * back.
 *
 * Return: 0 it is lent; -EAGAIN there is something already; an error of
 * gpumem_hv_ops.map
 */
int gpumem_binding_map_zero(struct gpumem_binding *binding, unsigned long slot,
			    u64 frame)
{
	struct gpumem_batch batch = {
		.nr = 1,
		.frames = 1,
		.ext[0] = {
			.index = binding->node.start + slot,
			.frame = frame,
			.nr = 1,
		},
	};

	lockdep_assert_held(&binding->window->lock);
	guard(mutex)(&binding->lock);

	if (test_bit(slot, binding->lent)) {
		/* Also where the hypervisor has lost it: start anew. */
		gpumem_binding_revoke(binding, slot, 1, false);
		return -EAGAIN;
	}
	__clear_bit(slot, binding->io);
	__clear_bit(slot, binding->nc);
	return gpumem_binding_flush(binding, &batch);
}

static void gpumem_binding_free(struct kref *ref)
{
	struct gpumem_binding *binding =
		container_of(ref, struct gpumem_binding, ref);

	mmdrop(binding->mm);
	gpumem_window_put(binding->window);
	mutex_destroy(&binding->lock);
	kvfree(binding->lent);
	kfree(binding);
}

/**
 * gpumem_binding_put - drop a reference
 * @binding: the binding
 */
void gpumem_binding_put(struct gpumem_binding *binding)
{
	kref_put(&binding->ref, gpumem_binding_free);
}

/* All bitmaps in one piece; @lent is its beginning. */
static int gpumem_binding_alloc_bits(struct gpumem_binding *binding)
{
	size_t longs = BITS_TO_LONGS(binding->nr);

	binding->lent = kvcalloc(4 * longs, sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!binding->lent)
		return -ENOMEM;
	binding->writable = binding->lent + longs;
	binding->io = binding->writable + longs;
	binding->nc = binding->io + longs;
	return 0;
}

/**
 * gpumem_binding_create - make a binding of the calling process's addresses
 * @window: where it will be
 * @cmd: the call, validated but for whether the range lies in the window
 * @mapping: what was mapped for it, or NULL.  The binding's, if there is one
 *
 * It is not in the window's tree yet.
 *
 * Return: the binding, or an ERR_PTR: -ENOMEM, -EINTR
 */
struct gpumem_binding *
gpumem_binding_create(struct gpumem_window *window,
		      const struct xen_gpumem_bind *cmd,
		      struct gpumem_mapping *mapping)
{
	struct gpumem_binding *binding;
	int ret;

	binding = kzalloc(sizeof(*binding), GFP_KERNEL_ACCOUNT);
	if (!binding)
		return ERR_PTR(-ENOMEM);

	binding->address = mapping ? gpumem_mapping_address(mapping) :
			   cmd->address;
	binding->mapping = mapping;
	binding->nr = cmd->length >> PAGE_SHIFT;
	binding->flags = cmd->flags;
	binding->fail_policy = cmd->fail_policy;
	binding->node.start = cmd->offset >> PAGE_SHIFT;
	binding->node.last = binding->node.start + binding->nr - 1;
	INIT_LIST_HEAD(&binding->link);

	ret = gpumem_binding_alloc_bits(binding);
	if (ret)
		goto err_free;

	/* Before the notifier can call; and teach lockdep where it stands. */
	mutex_init(&binding->lock);
	fs_reclaim_acquire(GFP_KERNEL);
	might_lock(&binding->lock);
	fs_reclaim_release(GFP_KERNEL);

	/* The callback uses all of these, and can run at once. */
	kref_init(&binding->ref);
	kref_get(&window->ref);
	binding->window = window;
	mmgrab(current->mm);
	binding->mm = current->mm;

	ret = mmu_interval_notifier_insert(&binding->notifier, binding->mm,
					   binding->address,
					   binding->nr << PAGE_SHIFT,
					   &gpumem_binding_notifier_ops);
	if (ret) {
		gpumem_binding_put(binding);
		return ERR_PTR(ret);
	}
	return binding;

err_free:
	kfree(binding);
	return ERR_PTR(ret);
}

/*
 * The notifier goes last: it is what tells that addresses are not the
 * mapping's any more, up to the moment in which they are unmapped.  That
 * itself calls it, to no effect.
 */
static void gpumem_binding_end(struct gpumem_binding *binding)
{
	if (binding->mapping)
		gpumem_mapping_unmap(binding->mapping);
	mmu_interval_notifier_remove(&binding->notifier);
	if (binding->mapping)
		gpumem_mapping_free(binding->mapping);
	gpumem_binding_put(binding);
}

/**
 * gpumem_binding_destroy - end a binding that is not in the tree any more
 * @binding: the binding, dead and with nothing lent; the reference of who
 *	created it is dropped
 *
 * No lock that a notifier takes may be held, nor any that someone holds who
 * waits for mmap_lock: removing a notifier waits for invalidations that are
 * under way in the process.
 */
void gpumem_binding_destroy(struct gpumem_binding *binding)
{
	if (binding->mapping && !gpumem_mapping_is_here(binding->mapping))
		gpumem_mapping_defer(binding->mapping, binding,
				     gpumem_binding_end);
	else
		gpumem_binding_end(binding);
}
