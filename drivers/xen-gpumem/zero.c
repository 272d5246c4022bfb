// SPDX-License-Identifier: GPL-2.0-only
/*
 * The zero page, for those who chose XEN_GPUMEM_POLICY_ZERO.
 *
 * A guest that reads where there is nothing is lent one page of zeroes, the
 * same one for all, read-only.  The hypervisor has no way to answer a single
 * access with zeroes, so the page stays, and something has to take it back:
 *
 * - whatever happens to the page's place: a binding put there or taken away,
 *   the process unmapping the address, the window moved;
 * - time.  That a process maps something where there was nothing is not
 *   announced by the kernel to anyone, and yet the guest must come to see it.
 *   So a lease of the zero page ends after GPUMEM_ZERO_MS, and the next access
 *   looks again.
 * - number.  A guest that reads all over an empty window gets
 *   GPUMEM_ZERO_LEASES of them; the oldest yields to the newest.  Thus there
 *   is nothing to allocate, and nothing that a guest can make grow.
 *
 * In a binding, a leased page has its bit in gpumem_binding.lent like any
 * other.  In a hole only the ring here knows of it.  An entry that is left
 * over in the ring (the page was revoked for another reason, and perhaps lent
 * anew) costs one needless revocation.
 *
 * Locks: gpumem_window.lock protects the ring.
 */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/mm.h>

#include "internal.h"

/* How long a guest can see zeroes after something was mapped there. */
#define GPUMEM_ZERO_MS		100

static struct page *gpumem_zero_page;
static u64 gpumem_zero_frame;

/**
 * gpumem_zero_init - make the zero page
 *
 * Return: 0, -ENOMEM, or an error if the hypervisor would not take it
 */
int gpumem_zero_init(void)
{
	bool io;
	int ret;

	gpumem_zero_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!gpumem_zero_page)
		return -ENOMEM;
	ret = gpumem_hv->frame(page_to_pfn(gpumem_zero_page), gpumem_zero_page,
			       &gpumem_zero_frame, &io);
	if (ret)
		__free_page(gpumem_zero_page);
	return ret;
}

/**
 * gpumem_zero_exit - free the zero page, which nobody has any more
 */
void gpumem_zero_exit(void)
{
	__free_page(gpumem_zero_page);
}

/* Take one lease back. */
static void gpumem_zero_end(struct gpumem_window *window, u64 index)
{
	struct gpumem_binding *binding = gpumem_window_lookup(window, index);

	if (!binding) {
		gpumem_window_revoke(window, index, 1, false);
		return;
	}
	guard(mutex)(&binding->lock);
	gpumem_binding_revoke(binding, index - binding->node.start, 1, false);
}

static u64 gpumem_zero_pop(struct gpumem_window *window)
{
	u64 index = window->zeros[window->zeros_first];

	window->zeros_first = (window->zeros_first + 1) % GPUMEM_ZERO_LEASES;
	window->zeros_nr--;
	return index;
}

static void gpumem_zero_push(struct gpumem_window *window, u64 index)
{
	unsigned int at = (window->zeros_first + window->zeros_nr) %
			  GPUMEM_ZERO_LEASES;

	window->zeros[at] = index;
	window->zeros_nr++;
}

/**
 * gpumem_zero_drop - take the leases in a range back
 * @window: the window, locked
 * @index: first page
 * @nr: pages
 */
void gpumem_zero_drop(struct gpumem_window *window, u64 index, u64 nr)
{
	unsigned int left;
	u64 at;

	lockdep_assert_held(&window->lock);

	/* Once around the ring: those outside of the range go back in. */
	for (left = window->zeros_nr; left; left--) {
		at = gpumem_zero_pop(window);
		if (at >= index && at - index < nr)
			gpumem_zero_end(window, at);
		else
			gpumem_zero_push(window, at);
	}
}

static void gpumem_zero_work(struct work_struct *work)
{
	struct gpumem_window *window =
		container_of(to_delayed_work(work), struct gpumem_window,
			     zeros_work);

	mutex_lock(&window->lock);
	gpumem_zero_drop(window, 0, window->nr);
	mutex_unlock(&window->lock);
	gpumem_window_put(window);
}

/**
 * gpumem_zero_setup - prepare a new window
 * @window: the window
 */
void gpumem_zero_setup(struct gpumem_window *window)
{
	INIT_DELAYED_WORK(&window->zeros_work, gpumem_zero_work);
}

/**
 * gpumem_zero_stop - no leases come any more
 * @window: the window, dead
 */
void gpumem_zero_stop(struct gpumem_window *window)
{
	/* If it runs already, it finds nothing and drops its own reference. */
	if (cancel_delayed_work(&window->zeros_work))
		gpumem_window_put(window);
}

static int gpumem_zero_map(struct gpumem_window *window, u64 index)
{
	struct gpumem_binding *binding = gpumem_window_lookup(window, index);
	struct gpumem_extent ext = {
		.index = index,
		.frame = gpumem_zero_frame,
		.nr = 1,
	};
	unsigned int done = 0;

	if (binding)
		return gpumem_binding_map_zero(binding,
					       index - binding->node.start,
					       gpumem_zero_frame);
	return gpumem_hv->map(&window->ctx->dom, window->id, &ext, 1, &done);
}

/**
 * gpumem_zero_lend - let the guest read zeroes
 * @window: the window, locked
 * @index: the page
 *
 * Return: 0 it can; -EAGAIN or -EEXIST something else is there by now; or
 * another error of gpumem_hv_ops.map
 */
int gpumem_zero_lend(struct gpumem_window *window, u64 index)
{
	int ret;

	lockdep_assert_held(&window->lock);

	if (window->dead)
		return -EAGAIN;
	if (window->zeros_nr == GPUMEM_ZERO_LEASES)
		gpumem_zero_end(window, gpumem_zero_pop(window));

	ret = gpumem_zero_map(window, index);
	if (ret)
		return ret;

	gpumem_zero_push(window, index);
	kref_get(&window->ref);
	if (!queue_delayed_work(window->ctx->wq, &window->zeros_work,
				msecs_to_jiffies(GPUMEM_ZERO_MS)))
		gpumem_window_put(window);
	return 0;
}
