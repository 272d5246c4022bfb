// SPDX-License-Identifier: GPL-2.0-only
/*
 * Putting bindings into a window's tree and taking them out.
 *
 * A change to the tree happens in one piece under gpumem_window.lock: what
 * yields is marked dead, revoked and taken out, and what replaces it put in,
 * before the lock is dropped.  A vCPU that touches the range meanwhile either
 * still reaches the old page, or faults; and its fault waits for the lock and
 * finds the new binding.  Nobody is ever told that there is a hole.
 *
 * What can fail or wait comes before (memory, the notifier's insertion) or
 * after (its removal), outside of the lock.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "trace.h"

/**
 * gpumem_bindings_count - count the bindings in a range
 * @window: the window, locked
 * @index: first page
 * @nr: pages
 * @usage: OUT: what they are charged as
 *
 * Return: how many there are; -EEXIST one lies across an end of the range
 */
long gpumem_bindings_count(struct gpumem_window *window, u64 index, u64 nr,
			   struct gpumem_usage *usage)
{
	struct interval_tree_node *node;
	u64 last = index + nr - 1;
	u64 pages = 0;
	long n = 0;

	lockdep_assert_held(&window->lock);

	for (node = interval_tree_iter_first(&window->bindings, index, last);
	     node; node = interval_tree_iter_next(node, index, last)) {
		if (node->start < index || node->last > last)
			return -EEXIST;
		pages += node->last - node->start + 1;
		n++;
	}
	*usage = (struct gpumem_usage){ .n = {
		[GPUMEM_USE_BINDINGS] = n,
		[GPUMEM_USE_BYTES] = pages << PAGE_SHIFT,
	} };
	return n;
}

/**
 * gpumem_bindings_take - take all bindings in a range out of a window
 * @window: the window, locked
 * @index: first page
 * @nr: pages; no binding lies across an end of the range
 * @taken: list that they are added to, for gpumem_bindings_destroy()
 *
 * When it returns the guest cannot reach their memory.
 *
 * One call of the hypervisor for all of them, with one flush: first all are
 * marked dead, after which nothing is lent; then the whole is revoked; then
 * the bits are cleared.  An invalidation in between revokes once more.
 */
void gpumem_bindings_take(struct gpumem_window *window, u64 index, u64 nr,
			  struct list_head *taken)
{
	u64 last = index + nr - 1, lo = U64_MAX, hi = 0;
	struct interval_tree_node *node;
	struct gpumem_binding *binding;

	lockdep_assert_held(&window->lock);

	while ((node = interval_tree_iter_first(&window->bindings, index,
						last))) {
		binding = container_of(node, struct gpumem_binding, node);
		interval_tree_remove(node, &window->bindings);
		list_add_tail(&binding->link, taken);

		guard(mutex)(&binding->lock);
		binding->dead = true;
		if (bitmap_empty(binding->lent, binding->nr))
			continue;
		lo = min_t(u64, lo, node->start);
		hi = max_t(u64, hi, node->last);
	}
	if (lo > hi)
		return;

	gpumem_window_revoke(window, lo, hi - lo + 1, false);
	list_for_each_entry(binding, taken, link) {
		guard(mutex)(&binding->lock);
		gpumem_binding_forget(binding, 0, binding->nr);
	}
}

/**
 * gpumem_bindings_destroy - end bindings that were taken out
 * @taken: list of gpumem_bindings_take(), emptied
 *
 * With no lock held: see gpumem_binding_destroy().
 */
void gpumem_bindings_destroy(struct list_head *taken)
{
	struct gpumem_binding *binding, *next;

	list_for_each_entry_safe(binding, next, taken, link) {
		list_del(&binding->link);
		trace_xen_gpumem_unbind(binding);
		gpumem_binding_destroy(binding);
		cond_resched();
	}
}

static int gpumem_bind_validate(const struct xen_gpumem_bind *cmd)
{
	const u32 known = XEN_GPUMEM_BIND_READONLY |
			  XEN_GPUMEM_BIND_WRITE_FIRST |
			  XEN_GPUMEM_BIND_REPLACE;

	if (cmd->flags & ~known)
		return -EINVAL;
	if (cmd->source > XEN_GPUMEM_SOURCE_FD)
		return -EOPNOTSUPP;
	if (cmd->fail_policy != XEN_GPUMEM_POLICY_INJECT &&
	    cmd->fail_policy != XEN_GPUMEM_POLICY_ZERO)
		return -EINVAL;
	if (!gpumem_range_valid(cmd->address, cmd->length))
		return -EINVAL;
	if (cmd->source == XEN_GPUMEM_SOURCE_ADDRESS &&
	    (cmd->fd || !access_ok((void __user *)cmd->address, cmd->length)))
		return -EINVAL;
	if (cmd->length >> 20 > gpumem_max_binding_mib)
		return -ENOSPC;
	return 0;
}

/*
 * Put a binding in its place, in exchange for those on @taken: also where the
 * fd's limits leave no room for both.
 */
static int gpumem_bind_insert(struct gpumem_window *window,
			      struct gpumem_binding *binding,
			      struct list_head *taken)
{
	u64 index = binding->node.start, nr = binding->nr;
	const struct gpumem_usage new = { .n = {
		[GPUMEM_USE_BINDINGS] = 1,
		[GPUMEM_USE_BYTES] = nr << PAGE_SHIFT,
	} };
	struct gpumem_usage old;
	long n;
	int ret;

	guard(mutex)(&window->lock);

	if (window->dead)
		return -ENOENT;
	n = gpumem_bindings_count(window, index, nr, &old);
	if (n < 0)
		return n;
	if (n && !(binding->flags & XEN_GPUMEM_BIND_REPLACE))
		return -EEXIST;
	ret = gpumem_file_exchange(window->file, &old, &new);
	if (ret)
		return ret;

	gpumem_bindings_take(window, index, nr, taken);
	gpumem_zero_drop(window, index, nr);
	interval_tree_insert(&binding->node, &window->bindings);
	trace_xen_gpumem_bind(binding);
	if (n)
		gpumem_faults_retry(window, index, nr);
	return 0;
}

static int gpumem_bind_in(struct gpumem_window *window,
			  const struct xen_gpumem_bind *cmd)
{
	struct gpumem_mapping *mapping = NULL;
	struct gpumem_binding *binding;
	LIST_HEAD(taken);
	u64 index, nr;
	int ret;

	ret = gpumem_window_range(window, cmd->offset, cmd->length, &index,
				  &nr);
	if (ret)
		return ret;
	if (cmd->source == XEN_GPUMEM_SOURCE_FD) {
		mapping = gpumem_mapping_create(cmd);
		if (IS_ERR(mapping))
			return PTR_ERR(mapping);
	}
	binding = gpumem_binding_create(window, cmd, mapping);
	if (IS_ERR(binding)) {
		if (mapping) {
			gpumem_mapping_unmap(mapping);
			gpumem_mapping_free(mapping);
		}
		return PTR_ERR(binding);
	}

	ret = gpumem_bind_insert(window, binding, &taken);
	if (ret)
		gpumem_binding_destroy(binding);
	gpumem_bindings_destroy(&taken);
	return ret;
}

/**
 * gpumem_bind - XEN_GPUMEM_BIND
 * @file: the fd
 * @arg: struct xen_gpumem_bind
 *
 * Return: 0 or an error that the uapi header lists
 */
long gpumem_bind(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_bind *cmd = arg;
	struct gpumem_window *window;
	int ret;

	ret = gpumem_bind_validate(cmd);
	if (ret)
		return ret;
	ret = gpumem_file_allows(file, XEN_GPUMEM_RIGHT_LEND, 0, 0);
	if (ret)
		return ret;
	if (gpumem_ctx_is_dead(file->ctx))
		return -ESRCH;

	window = gpumem_window_get_owned(file, cmd->window);
	if (IS_ERR(window))
		return PTR_ERR(window);
	ret = gpumem_bind_in(window, cmd);
	gpumem_window_put(window);
	return ret;
}

/**
 * gpumem_unbind - XEN_GPUMEM_UNBIND
 * @file: the fd
 * @arg: struct xen_gpumem_unbind
 *
 * Return: 0 or an error that the uapi header lists
 */
long gpumem_unbind(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_unbind *cmd = arg;
	struct gpumem_usage usage = {};
	struct gpumem_window *window;
	LIST_HEAD(taken);
	u64 index, nr;
	long n;

	window = gpumem_window_get_owned(file, cmd->window);
	if (IS_ERR(window))
		return PTR_ERR(window);

	n = gpumem_window_range(window, cmd->offset, cmd->length, &index, &nr);
	if (n)
		goto put;

	mutex_lock(&window->lock);
	n = window->dead ? 0 : gpumem_bindings_count(window, index, nr, &usage);
	if (n > 0) {
		gpumem_zero_drop(window, index, nr);
		gpumem_bindings_take(window, index, nr, &taken);
		gpumem_faults_retry(window, index, nr);
	}
	mutex_unlock(&window->lock);

	gpumem_bindings_destroy(&taken);
	if (n > 0)
		gpumem_file_uncharge(file, &usage);
	if (!n)
		n = -ENOENT;
put:
	gpumem_window_put(window);
	return n < 0 ? n : 0;
}
