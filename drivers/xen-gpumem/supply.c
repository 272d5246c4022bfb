// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a process's memory into the guest: look up, check, map, until it holds
 * still.  For a fault (fault.c) and in advance (XEN_GPUMEM_POPULATE).
 *
 * No locks are held here; the two that are taken below (mmap_lock by the
 * look-up, the binding's by the commit) are never held together.  What keeps
 * things in place in between is references: to the binding, and to the
 * process's memory for as long as it is looked at.
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "internal.h"

/**
 * gpumem_fault_pages - pages that are looked at with a single one
 *
 * Return: the module's parameter, made a power of two up to GPUMEM_SLICE_PAGES
 */
unsigned int gpumem_fault_pages(void)
{
	return rounddown_pow_of_two(clamp(READ_ONCE(gpumem_fault_around), 1U,
					  GPUMEM_SLICE_PAGES));
}

/* Turns before the caller has to ask again; one may be for a larger slice. */
#define GPUMEM_SUPPLY_TURNS	5

/*
 * Choose what is looked at: the wanted pages, and those around them.  Or all of
 * the block that begins at @block, if that is not negative.
 */
static void gpumem_slice_setup(const struct gpumem_binding *binding,
			       struct gpumem_slice *slice, unsigned long slot,
			       unsigned int nr_want, long block)
{
	unsigned int around = nr_want > 1 ? GPUMEM_SLICE_PAGES : slice->around;
	unsigned long first, count;

	gpumem_around(binding->address, binding->nr, slot, around, &first,
		      &count);
	if (block >= 0) {
		first = block;
		count = GPUMEM_SLICE_PAGES;
	} else if (slice->ahead) {
		count -= slot - first;
		first = slot;
	}
	slice->first = first;
	slice->nr = count;
	slice->want = slot - first;
	slice->nr_want = min_t(unsigned long, nr_want, first + count - slot);
}

/*
 * Is anyone left whose memory this is?  A worker that waits for a page of a
 * process holds its memory beyond the process's end, and the page may come as
 * nothing but zeroes because who would have filled it is gone.
 */
static bool gpumem_mm_is_alive(struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	return rcu_access_pointer(mm->owner);
#else
	return atomic_read(&mm->mm_users) > 1;
#endif
}

/* @block: where a larger slice begins that is to be looked at next, or -1. */
static int gpumem_supply_once(struct gpumem_binding *binding,
			      struct gpumem_slice *slice, long *block)
{
	unsigned long first;
	int ret;

	gpumem_suspend_enter();
	ret = gpumem_resolve(binding, slice);
	if (!ret && *block < 0 && gpumem_slice_grow(binding, slice, &first)) {
		*block = first;
		ret = -EAGAIN;
	}
	if (!ret && !gpumem_mm_is_alive(binding->mm))
		ret = -ENODATA;
	if (!ret) {
		ret = gpumem_binding_commit(binding, slice);
		/* The guest's memory, not the host's. */
		if (ret == -ENOMEM)
			ret = -ENOSPC;
	}
	gpumem_suspend_leave();
	return ret;
}

/* It cannot be had for writing, but perhaps for reading. */
static bool gpumem_supply_refused(int err)
{
	return err == -EPERM || err == -ENODATA || err == -ENOMEM ||
	       err == -ETXTBSY;
}

/*
 * Resolve and commit, again and again until the memory holds still.  The
 * caller has mm_users of the binding's process.
 */
static int gpumem_supply_turns(struct gpumem_binding *binding,
			       struct gpumem_slice *slice, unsigned long slot,
			       unsigned int nr_want, bool write)
{
	bool must_write = write;
	unsigned int turn;
	int ret = -EAGAIN;
	long block = -1;

	if ((binding->flags & XEN_GPUMEM_BIND_WRITE_FIRST) &&
	    !(binding->flags & XEN_GPUMEM_BIND_READONLY))
		write = true;

	for (turn = 0; turn < GPUMEM_SUPPLY_TURNS && ret == -EAGAIN; turn++) {
		gpumem_slice_setup(binding, slice, slot, nr_want, block);
		slice->write = write;
		ret = gpumem_supply_once(binding, slice, &block);
		/* Only the binding wants it for writing: not at any price. */
		if (!must_write && write && gpumem_supply_refused(ret)) {
			write = false;
			ret = -EAGAIN;
			continue;
		}
		if (ret == -EAGAIN && signal_pending(current))
			ret = -EINTR;
	}
	return ret;
}

/**
 * gpumem_supply - give the guest pages of a binding
 * @binding: the binding
 * @slice: scratch; @force, @around and @ahead are set
 * @slot: first page
 * @nr_want: pages, at most GPUMEM_SLICE_PAGES.  OUT, in @slice->nr_want, how
 *	many it were: fewer where the slice, the binding or the vma ends
 * @write: for writing
 *
 * May sleep for as long as the memory needs; no lock may be held.  A process
 * that is gone has nothing to supply.
 *
 * Return: 0 or an error of gpumem_resolve() or gpumem_binding_commit(), where
 * -ENOSPC is the latter's -ENOMEM
 */
int gpumem_supply(struct gpumem_binding *binding, struct gpumem_slice *slice,
		  unsigned long slot, unsigned int nr_want, bool write)
{
	int ret;

	if (write && (binding->flags & XEN_GPUMEM_BIND_READONLY))
		return -EPERM;
	if (!mmget_not_zero(binding->mm))
		return -ENODATA;
	ret = gpumem_supply_turns(binding, slice, slot, nr_want, write);
	/* The last user's exit can take long, and needs not be ours. */
	mmput_async(binding->mm);
	return ret;
}

/**
 * gpumem_binding_find - find the binding behind a page
 * @window: the window, not locked
 * @index: the page
 *
 * Return: the binding with a reference, or NULL
 */
struct gpumem_binding *gpumem_binding_find(struct gpumem_window *window,
					   u64 index)
{
	struct gpumem_binding *binding;

	guard(mutex)(&window->lock);
	binding = gpumem_window_lookup(window, index);
	if (binding)
		kref_get(&binding->ref);
	return binding;
}

/* What the errors of a populating call mean to its caller. */
static int gpumem_populate_error(struct gpumem_ctx *ctx, int err)
{
	switch (err) {
	case -ESTALE:
		return -ENOENT;
	case -EPERM:
		return -ENODATA;
	case -ETXTBSY:
		return -EACCES;
	case -ENOENT:
	case -ESRCH:
		return gpumem_ctx_error(ctx, err);
	default:
		return err;
	}
}

/* One step: pages from @index on, at most @nr; @done: OUT, how many. */
static int gpumem_populate_step(struct gpumem_window *window,
				struct gpumem_slice *slice, u64 index,
				unsigned int nr, bool write,
				unsigned int *done)
{
	struct gpumem_binding *binding;
	int ret;

	/* What is there may have been mapped after the guest saw zeroes. */
	mutex_lock(&window->lock);
	gpumem_zero_drop(window, index, nr);
	mutex_unlock(&window->lock);

	binding = gpumem_binding_find(window, index);
	if (!binding)
		return -ENOENT;

	/* The one error of that name from here on. */
	ret = -EPERM;
	if (binding->mm == current->mm) {
		ret = gpumem_supply(binding, slice,
				    index - binding->node.start, nr, write);
		ret = gpumem_populate_error(window->ctx, ret);
		*done = slice->nr_want;
	}
	gpumem_binding_put(binding);
	return ret;
}

/*
 * Slice by slice.  Where a slice fails, page by page, so that all pages in
 * front of the one that is to blame are there, and the caller is told which
 * one that is.
 */
static int gpumem_populate_range(struct gpumem_window *window,
				 struct gpumem_slice *slice, u64 index, u64 nr,
				 bool write, u64 *sum)
{
	unsigned int chunk = GPUMEM_SLICE_PAGES, done;
	int ret;

	while (*sum < nr) {
		if (signal_pending(current))
			return -EINTR;
		ret = gpumem_populate_step(window, slice, index + *sum,
					   min_t(u64, nr - *sum, chunk), write,
					   &done);
		if (!ret) {
			*sum += done;
			if (!((index + *sum) % GPUMEM_SLICE_PAGES))
				chunk = GPUMEM_SLICE_PAGES;
		} else if (chunk == 1 || ret == -EPERM || ret == -ENOENT ||
			   ret == -ESRCH) {
			return ret;
		} else {
			chunk = 1;
		}
		cond_resched();
	}
	return 0;
}

/**
 * gpumem_populate - XEN_GPUMEM_POPULATE
 * @file: the fd
 * @arg: struct xen_gpumem_populate
 *
 * Return: 0 or an error that the uapi header lists
 */
long gpumem_populate(struct gpumem_file *file, void *arg)
{
	struct gpumem_slice *slice __free(kvfree) = NULL;
	struct xen_gpumem_populate *cmd = arg;
	bool write = cmd->flags & XEN_GPUMEM_POPULATE_WRITE;
	struct gpumem_window *window;
	u64 index, nr, sum = 0;
	int ret;

	cmd->out_done = 0;
	if ((cmd->flags & ~XEN_GPUMEM_POPULATE_WRITE) || cmd->__reserved)
		return -EINVAL;
	if (gpumem_ctx_is_dead(file->ctx))
		return -ESRCH;

	slice = kvmalloc(sizeof(*slice), GFP_KERNEL_ACCOUNT);
	if (!slice)
		return -ENOMEM;
	slice->force = false;
	slice->around = gpumem_fault_pages();
	slice->ahead = false;

	window = gpumem_window_get_owned(file, cmd->window);
	if (IS_ERR(window))
		return PTR_ERR(window);

	ret = gpumem_window_range(window, cmd->offset, cmd->length, &index,
				  &nr);
	if (!ret)
		ret = gpumem_populate_range(window, slice, index, nr, write,
					    &sum);
	cmd->out_done = sum << PAGE_SHIFT;
	gpumem_window_put(window);
	return ret;
}
