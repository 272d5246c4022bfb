// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows: ranges of guest addresses, and which binding lies where in them.
 *
 * A window is found by its id in gpumem_ctx.windows, under the array's own
 * lock, which also decides who of several takes it out.  gpumem_window.lock
 * then orders everything that happens to its tree of bindings; a fault looks
 * its binding up under it and so sees a replacement or a removal whole or not
 * at all.  Holders are bounded: they make hypercalls, but never allocate and
 * never wait for a process's memory.
 *
 * Removal never fails, on a dead guest neither.  Its order is the point of it:
 *
 *   1. out of the array: no fault and no call finds it any more
 *   2. dead, and every binding dead, under their locks: nothing is lent after
 *   3. revoked, and the bits cleared: nothing is reachable
 *   4. destroyed in the hypervisor, after which the id may name another window
 *   5. notifiers removed, memory freed when the last fault worker lets go
 */
#include <linux/bitmap.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "internal.h"
#include "trace.h"

static const struct gpumem_usage gpumem_one_window = {
	.n[GPUMEM_USE_WINDOWS] = 1,
};

/* Pages that are counted with a binding's lock held. */
#define GPUMEM_COUNT_PIECE	65536

static void gpumem_window_free(struct kref *ref)
{
	struct gpumem_window *window =
		container_of(ref, struct gpumem_window, ref);

	gpumem_stats_add(&window->ctx->gone, &window->stats);
	gpumem_file_put(window->file);
	gpumem_ctx_put(window->ctx);
	mutex_destroy(&window->lock);
	kfree(window);
}

/**
 * gpumem_window_put - drop a reference
 * @window: the window
 */
void gpumem_window_put(struct gpumem_window *window)
{
	kref_put(&window->ref, gpumem_window_free);
}

/**
 * gpumem_window_find - look a window up
 * @ctx: the guest
 * @id: the window's id
 *
 * Return: the window with a reference, or NULL
 */
struct gpumem_window *gpumem_window_find(struct gpumem_ctx *ctx, u32 id)
{
	struct gpumem_window *window;

	xa_lock(&ctx->windows);
	window = xa_load(&ctx->windows, id);
	if (window)
		kref_get(&window->ref);
	xa_unlock(&ctx->windows);
	return window;
}

/**
 * gpumem_window_get_owned - look a window of an fd up
 * @file: the fd
 * @id: the window's id
 *
 * Return: the window with a reference, or an ERR_PTR: -ENOENT there is none,
 * -EPERM another fd added it
 */
struct gpumem_window *gpumem_window_get_owned(struct gpumem_file *file, u32 id)
{
	struct gpumem_window *window = gpumem_window_find(file->ctx, id);

	if (!window)
		return ERR_PTR(-ENOENT);
	if (window->file == file)
		return window;
	gpumem_window_put(window);
	return ERR_PTR(-EPERM);
}

/* Take a window out of the array, if it is still there, and the fd's or @any. */
static struct gpumem_window *gpumem_window_claim(struct gpumem_file *file,
						 u32 id, bool any)
{
	struct xarray *windows = &file->ctx->windows;
	struct gpumem_window *window;

	xa_lock(windows);
	window = xa_load(windows, id);
	if (!window)
		window = ERR_PTR(-ENOENT);
	else if (window->file != file && !any)
		window = ERR_PTR(-EPERM);
	else
		__xa_erase(windows, id);
	xa_unlock(windows);
	return window;
}

/**
 * gpumem_window_range - turn a range of bytes into pages of a window
 * @window: the window
 * @offset: first byte
 * @length: bytes
 * @index: OUT: first page
 * @nr: OUT: pages
 *
 * Return: 0; -EINVAL malformed; -ERANGE does not lie in the window
 */
int gpumem_window_range(const struct gpumem_window *window, u64 offset,
			u64 length, u64 *index, u64 *nr)
{
	if (!gpumem_range_valid(offset, length))
		return -EINVAL;
	*index = offset >> PAGE_SHIFT;
	*nr = length >> PAGE_SHIFT;
	if (*index >= window->nr || *nr > window->nr - *index)
		return -ERANGE;
	return 0;
}

/**
 * gpumem_window_lookup - find the binding behind a page
 * @window: the window, locked
 * @index: the page
 *
 * Return: the binding without a reference, or NULL
 */
struct gpumem_binding *gpumem_window_lookup(struct gpumem_window *window,
					    u64 index)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&window->lock);

	node = interval_tree_iter_first(&window->bindings, index, index);
	return node ? container_of(node, struct gpumem_binding, node) : NULL;
}

/*
 * The promise of the hypervisor that a revocation succeeds is broken.  What
 * called us is about to give the page to someone else and cannot be stopped,
 * so take everything from the guest that it ever got, the hard way.
 */
static void gpumem_window_sever(struct gpumem_window *window, int err)
{
	struct gpumem_ctx *ctx = window->ctx;
	int ret = gpumem_hv->sever(&ctx->dom);

	gpumem_event_gone(ctx);
	WARN_ONCE(1, "xen-gpumem: domain %u: revoke failed (%d), severed (%d)\n",
		  ctx->dom.domid, err, ret);
}

/**
 * gpumem_window_revoke - take pages back from the guest
 * @window: the window
 * @index: first page
 * @nr: pages
 * @downgrade: take only the permission to write
 *
 * When it returns, the guest cannot reach (or write) them.  Innermost: see
 * gpumem_hv_ops.revoke for what it may be called with.
 */
void gpumem_window_revoke(struct gpumem_window *window, u64 index, u64 nr,
			  bool downgrade)
{
	struct gpumem_ctx *ctx = window->ctx;
	u64 start = ktime_get_ns(), cleared = 0, ns;
	int ret;

	ret = gpumem_hv->revoke(&ctx->dom, window->id, index, nr, downgrade,
				&cleared);
	ns = ktime_get_ns() - start;
	trace_xen_gpumem_revoke(ctx->dom.domid, window->id, index, nr,
				downgrade, cleared, ns, ret);

	if (ret && gpumem_ctx_error(ctx, ret) != -ESRCH)
		gpumem_window_sever(window, ret);

	gpumem_stat_time(&window->stats.revoke_time, ns);
	if (!cleared)
		return;
	if (downgrade) {
		atomic64_add(cleared, &window->stats.downgraded);
	} else {
		atomic64_inc(&window->stats.revokes);
		atomic64_add(cleared, &window->stats.revoked);
	}
}

/* What is busy is busy dying, where a window is to get an address. */
static int gpumem_window_error(struct gpumem_ctx *ctx, int err)
{
	return gpumem_ctx_error(ctx, err == -EBUSY ? -ESRCH : err);
}

/**
 * gpumem_window_add - XEN_GPUMEM_WINDOW_ADD
 * @file: the fd
 * @arg: struct xen_gpumem_window_add
 *
 * Return: 0 or an error that the uapi header lists
 */
long gpumem_window_add(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_window_add *cmd = arg;
	struct gpumem_ctx *ctx = file->ctx;
	enum gpumem_hv_orphan orphan = GPUMEM_HV_ORPHAN_INJECT;
	struct gpumem_window *window;
	int ret;

	if (cmd->flags || cmd->hole_policy > XEN_GPUMEM_POLICY_MMIO ||
	    !gpumem_range_valid(cmd->gpa == XEN_GPUMEM_PARKED ? 0 : cmd->gpa,
				cmd->length))
		return -EINVAL;
	ret = gpumem_file_allows(file, XEN_GPUMEM_RIGHT_LEND, cmd->gpa,
				 cmd->gpa == XEN_GPUMEM_PARKED ? 0 :
				 cmd->length);
	if (ret)
		return ret;
	if (gpumem_ctx_is_dead(ctx))
		return -ESRCH;

	/* Before any window can be found, and a fault in it dispatched. */
	ret = gpumem_server_create(file);
	if (ret)
		return ret;
	ret = gpumem_file_charge(file, &gpumem_one_window);
	if (ret)
		return ret;

	window = kzalloc(sizeof(*window), GFP_KERNEL_ACCOUNT);
	if (!window) {
		ret = -ENOMEM;
		goto err_uncharge;
	}
	kref_init(&window->ref);
	window->ctx = gpumem_ctx_get(ctx);
	window->file = gpumem_file_get(file);
	window->hole_policy = cmd->hole_policy;
	window->nr = cmd->length >> PAGE_SHIFT;
	window->gfn = cmd->gpa == XEN_GPUMEM_PARKED ? GPUMEM_HV_PARKED :
		      cmd->gpa >> PAGE_SHIFT;
	window->bindings = RB_ROOT_CACHED;
	mutex_init(&window->lock);
	gpumem_zero_setup(window);

	if (window->hole_policy == XEN_GPUMEM_POLICY_MMIO)
		orphan = GPUMEM_HV_ORPHAN_MMIO;
	ret = gpumem_hv->create(&ctx->dom, window->gfn, window->nr, orphan,
				&window->id);
	if (ret) {
		ret = gpumem_window_error(ctx, ret);
		goto err_put;
	}
	cmd->out_window = window->id;
	trace_xen_gpumem_window_add(ctx->dom.domid, window->id, window->gfn,
				    window->nr);
	/*
	 * A fault that comes before this finds no window, and is repeated.  The
	 * window must not be touched after it: someone may guess its id and
	 * remove it.
	 */
	ret = xa_insert(&ctx->windows, window->id, window, GFP_KERNEL_ACCOUNT);
	if (ret) {
		gpumem_hv->destroy(&ctx->dom, window->id);
		goto err_put;
	}
	return 0;

err_put:
	gpumem_window_put(window);
err_uncharge:
	gpumem_file_uncharge(file, &gpumem_one_window);
	return ret;
}

/* Undo gpumem_window_add().  The window is out of the array already. */
static void gpumem_window_end(struct gpumem_window *window)
{
	struct gpumem_ctx *ctx = window->ctx;
	struct gpumem_usage usage = {};
	LIST_HEAD(taken);

	mutex_lock(&window->lock);
	window->dead = true;
	gpumem_zero_drop(window, 0, window->nr);
	gpumem_bindings_count(window, 0, window->nr, &usage);
	gpumem_bindings_take(window, 0, window->nr, &taken);
	mutex_unlock(&window->lock);

	gpumem_zero_stop(window);
	/* No errors that would matter: gone is gone. */
	gpumem_hv->destroy(&ctx->dom, window->id);
	trace_xen_gpumem_window_remove(ctx->dom.domid, window->id, window->gfn,
				       window->nr);

	gpumem_bindings_destroy(&taken);
	usage.n[GPUMEM_USE_WINDOWS] = 1;
	gpumem_file_uncharge(window->file, &usage);
	gpumem_window_put(window);
}

/**
 * gpumem_window_add_undo - nobody will learn of a window: remove it
 * @file: the fd
 * @arg: struct xen_gpumem_window_add
 */
void gpumem_window_add_undo(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_window_add *cmd = arg;
	struct gpumem_window *window;

	/* Another thread may have guessed the id, and removed it. */
	window = gpumem_window_claim(file, cmd->out_window, false);
	if (!IS_ERR(window))
		gpumem_window_end(window);
}

/**
 * gpumem_window_remove - XEN_GPUMEM_WINDOW_REMOVE
 * @file: the fd
 * @arg: struct xen_gpumem_window_remove
 *
 * Return: 0 or an error that the uapi header lists
 */
long gpumem_window_remove(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_window_remove *cmd = arg;
	struct gpumem_window *window;

	window = gpumem_window_claim(file, cmd->window,
				     file->rights & XEN_GPUMEM_RIGHT_REMOVE);
	if (IS_ERR(window))
		return PTR_ERR(window);
	gpumem_window_end(window);
	return 0;
}

/**
 * gpumem_window_remove_all - remove all windows of an fd that is released
 * @file: the fd
 */
void gpumem_window_remove_all(struct gpumem_file *file)
{
	struct gpumem_window *window;
	unsigned long id;

	xa_for_each(&file->ctx->windows, id, window) {
		window = gpumem_window_claim(file, id, false);
		if (!IS_ERR(window))
			gpumem_window_end(window);
		cond_resched();
	}
}

/*
 * The hypervisor has revoked everything, or some, or nothing, and does not say
 * which.  And a fault worker may have mapped again before we come here, at the
 * new address already.  So revoke by our bits once more.  What is taken too
 * much is faulted in anew.
 */
static void gpumem_window_reset(struct gpumem_window *window)
{
	struct interval_tree_node *node;

	lockdep_assert_held(&window->lock);

	gpumem_zero_drop(window, 0, window->nr);
	for (node = interval_tree_iter_first(&window->bindings, 0, ULONG_MAX);
	     node; node = interval_tree_iter_next(node, 0, ULONG_MAX))
		gpumem_binding_reset(container_of(node, struct gpumem_binding,
						  node));
}

/* Has a move that ended so left everything as it was?  See gpumem_hv_ops. */
static bool gpumem_window_stayed(int err)
{
	return err == -EEXIST || err == -EADDRNOTAVAIL || err == -ERANGE;
}

/**
 * gpumem_window_move - XEN_GPUMEM_WINDOW_MOVE
 * @file: the fd
 * @arg: struct xen_gpumem_window_move
 *
 * Return: 0 or an error that the uapi header lists
 */
long gpumem_window_move(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_window_move *cmd = arg;
	struct gpumem_window *window;
	u64 gfn = GPUMEM_HV_PARKED;
	int ret;

	window = gpumem_window_get_owned(file, cmd->window);
	if (IS_ERR(window))
		return PTR_ERR(window);

	ret = -EINVAL;
	if (cmd->gpa != XEN_GPUMEM_PARKED) {
		if (!gpumem_range_valid(cmd->gpa, window->nr << PAGE_SHIFT))
			goto put;
		gfn = cmd->gpa >> PAGE_SHIFT;
		ret = gpumem_file_allows(file, XEN_GPUMEM_RIGHT_LEND, cmd->gpa,
					 window->nr << PAGE_SHIFT);
		if (ret)
			goto put;
	}

	mutex_lock(&window->lock);
	if (window->dead) {
		ret = -ENOENT;
	} else if (gpumem_ctx_is_dead(window->ctx)) {
		ret = -ESRCH;
	} else {
		ret = gpumem_hv->move(&window->ctx->dom, window->id, gfn);
		if (!ret)
			window->gfn = gfn;
		if (!gpumem_window_stayed(ret))
			gpumem_window_reset(window);
		ret = gpumem_window_error(window->ctx,
					  ret == -EAGAIN ? -EEXIST : ret);
		trace_xen_gpumem_window_move(window->ctx->dom.domid,
					     window->id, window->gfn,
					     window->nr);
	}
	mutex_unlock(&window->lock);
put:
	gpumem_window_put(window);
	return ret;
}

static u64 gpumem_weight(const unsigned long *map, const unsigned long *mask,
			 unsigned long first, unsigned long end)
{
	unsigned long at, n = 0;

	/* Most of a large binding is empty: look at set bits only. */
	for (at = find_next_and_bit(map, mask, end, first); at < end;
	     at = find_next_and_bit(map, mask, end, at + 1))
		n++;
	return n;
}

/*
 * Count a binding's part in [@index, @index + @nr).
 *
 * With its lock: a guest runs as soon as its page is mapped, before the bit is
 * set, and whoever knows that from the guest must find the page counted.  In
 * pieces, so as not to hold up an invalidation for long.
 */
static void gpumem_window_count(struct xen_gpumem_window_query *cmd,
				struct gpumem_binding *b, u64 index, u64 nr)
{
	u64 at = max_t(u64, index, b->node.start) - b->node.start;
	u64 end = min_t(u64, index + nr - 1, b->node.last) + 1 - b->node.start;
	u64 stop;

	cmd->out_bound += end - at;
	for (; at < end; at = stop) {
		guard(mutex)(&b->lock);
		stop = min(end, at + GPUMEM_COUNT_PIECE);
		cmd->out_pages += gpumem_weight(b->lent, b->lent, at, stop);
		cmd->out_writable += gpumem_weight(b->lent, b->writable, at,
						   stop);
		cmd->out_io += gpumem_weight(b->lent, b->io, at, stop);
		cmd->out_noncacheable += gpumem_weight(b->lent, b->nc, at,
						       stop);
	}
}

static void gpumem_window_stats(struct xen_gpumem_window_query *cmd,
				struct gpumem_stats *stats)
{
	cmd->out_faults = atomic64_read(&stats->faults);
	cmd->out_failed = atomic64_read(&stats->failed);
	cmd->out_retries = atomic64_read(&stats->retries);
	cmd->out_mapped = atomic64_read(&stats->mapped);
	cmd->out_revokes = atomic64_read(&stats->revokes);
	cmd->out_revoked = atomic64_read(&stats->revoked);
	cmd->out_downgraded = atomic64_read(&stats->downgraded);
	cmd->out_revoke_ns_max = atomic64_read(&stats->revoke_time.max);
	cmd->out_fault_ns_max = atomic64_read(&stats->fault_time.max);
}

/**
 * gpumem_window_query - XEN_GPUMEM_WINDOW_QUERY
 * @file: the fd
 * @arg: struct xen_gpumem_window_query
 *
 * Return: 0 or an error that the uapi header lists
 */
long gpumem_window_query(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_window_query *cmd = arg;
	struct interval_tree_node *node;
	struct gpumem_window *window;
	u64 index, nr;
	int ret;

	if (gpumem_ctx_is_dead(file->ctx))
		return -ESRCH;

	window = gpumem_window_get_owned(file, cmd->window);
	if (IS_ERR(window))
		return PTR_ERR(window);

	ret = gpumem_window_range(window, cmd->offset,
				  cmd->length ?: PAGE_SIZE, &index, &nr);
	if (ret)
		goto put;
	if (!cmd->length)
		nr = window->nr - index;

	/* Outputs that came in with something in them begin at zero. */
	memset_after(cmd, 0, length);

	mutex_lock(&window->lock);
	for (node = interval_tree_iter_first(&window->bindings, index,
					     index + nr - 1);
	     node; node = interval_tree_iter_next(node, index, index + nr - 1))
		gpumem_window_count(cmd, container_of(node,
						      struct gpumem_binding,
						      node), index, nr);
	mutex_unlock(&window->lock);
	gpumem_window_stats(cmd, &window->stats);
put:
	gpumem_window_put(window);
	return ret;
}
