// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attachments to guests: their beginning, their events, their end.
 *
 * All fds of one guest share one context.  It has two lives:
 *
 * - As an *attachment* it lives from the first fd to the last.  Both ends are
 *   under gpumem_ctx_lock, so that whoever opens the guest anew finds it
 *   attached or not, but never in between.
 * - As *memory* it lives as long as anything refers to it.  A fault worker can
 *   be asleep in a page fault of a process for ever, and the process that
 *   would have to wake it can be the one that closes the last fd: so closing
 *   must not wait for workers.  They come back, find everything dead, and the
 *   last one to leave has the context freed, after its fd, by another
 *   workqueue, as it cannot free the one that it runs on.
 *
 * A context that lingers so keeps the module loaded.  In the usual case that
 * workers are about to leave, closing waits a moment for them, so that the
 * module can be unloaded when close() has returned.
 *
 * Fds that lend nothing share a context of their own, which only names the
 * guest: it may be one that cannot borrow.
 *
 * Events: hard interrupt -> @poll -> a job of the fd that the fault is about
 * (fault.c).  The channel stays masked until everything was fetched, so a guest
 * that faults as fast as it can costs one interrupt at a time.
 */
#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "internal.h"

/* How long closing waits for workers that are about to leave. */
#define GPUMEM_LINGER		HZ

/* Fetches in one go, before others get their turn. */
#define GPUMEM_POLL_TURNS	16

static DEFINE_MUTEX(gpumem_ctx_lock);
/* Protected by gpumem_ctx_lock */
static LIST_HEAD(gpumem_ctxs);
static u64 gpumem_ctx_serial;

/* Those that only linger; a waiting task looks at it, thus no mutex. */
static DEFINE_SPINLOCK(gpumem_closed_lock);
static LIST_HEAD(gpumem_ctxs_closed);

static DECLARE_WAIT_QUEUE_HEAD(gpumem_ctx_gone);
static struct workqueue_struct *gpumem_free_wq;

/**
 * gpumem_domain_init - prepare for contexts
 *
 * Return: 0 or -ENOMEM
 */
int gpumem_domain_init(void)
{
	gpumem_free_wq = alloc_workqueue("xen-gpumem-free", WQ_UNBOUND, 0);
	return gpumem_free_wq ? 0 : -ENOMEM;
}

/**
 * gpumem_domain_exit - no contexts are left, but perhaps the end of one's end
 */
void gpumem_domain_exit(void)
{
	destroy_workqueue(gpumem_free_wq);
}

/**
 * gpumem_ctx_defer - have something done that may outlive all contexts but one
 * @work: what; it holds a reference to a context, or to something that does,
 *	and drops it
 *
 * Unloading waits for it.
 */
void gpumem_ctx_defer(struct work_struct *work)
{
	queue_work(gpumem_free_wq, work);
}

/**
 * gpumem_ctx_error - look at an error of the hypervisor's for the news in it
 * @ctx: the guest
 * @err: zero or the error
 *
 * Return: the error as the uapi has it
 */
int gpumem_ctx_error(struct gpumem_ctx *ctx, int err)
{
	switch (err) {
	case -ESRCH:
	case -ENOENT:
		/* It is gone, or we were detached from it: for ever. */
		gpumem_event_gone(ctx);
		return -ESRCH;
	case -E2BIG:
		return -ENOSPC;
	default:
		return err;
	}
}

static void gpumem_ctx_event(struct gpumem_hv_dom *dom)
{
	struct gpumem_ctx *ctx = container_of(dom, struct gpumem_ctx, dom);

	queue_work(ctx->wq, &ctx->poll);
}

static void gpumem_ctx_dispatch(struct gpumem_ctx *ctx, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (ctx->faults[i].vcpu < ctx->info.max_faults)
			gpumem_fault_dispatch(ctx, &ctx->faults[i]);
}

static void gpumem_ctx_poll(struct work_struct *work)
{
	struct gpumem_ctx *ctx = container_of(work, struct gpumem_ctx, poll);
	unsigned int turn, nr;
	bool more = true;
	int ret;

	for (turn = 0; more && turn < GPUMEM_POLL_TURNS; turn++) {
		nr = 0;
		more = false;
		ret = gpumem_hv->poll(&ctx->dom, ctx->faults,
				      GPUMEM_POLL_RECORDS, &nr, &more);
		gpumem_ctx_error(ctx, ret);
		if (ret)
			break;
		gpumem_ctx_dispatch(ctx, nr);
	}

	if (more)
		queue_work(ctx->wq, &ctx->poll);
	else
		gpumem_hv->event_done(&ctx->dom);
}

static void gpumem_ctx_free(struct work_struct *work)
{
	struct gpumem_ctx *ctx = container_of(work, struct gpumem_ctx, free);

	if (ctx->attached)
		destroy_workqueue(ctx->wq);
	xa_destroy(&ctx->windows);

	spin_lock(&gpumem_closed_lock);
	list_del(&ctx->link);
	spin_unlock(&gpumem_closed_lock);
	kfree(ctx);

	/*
	 * Unloading waits for this work item.  The reference goes first, so
	 * that who waits here and then unloads does not find it.
	 */
	module_put(THIS_MODULE);
	wake_up_all(&gpumem_ctx_gone);
}

static void gpumem_ctx_release(struct kref *ref)
{
	struct gpumem_ctx *ctx = container_of(ref, struct gpumem_ctx, ref);

	queue_work(gpumem_free_wq, &ctx->free);
}

/**
 * gpumem_ctx_put - drop a reference
 * @ctx: the guest
 */
void gpumem_ctx_put(struct gpumem_ctx *ctx)
{
	kref_put(&ctx->ref, gpumem_ctx_release);
}

/* Sane or not: these are used as bounds. */
static int gpumem_info_check(const struct gpumem_hv_info *info)
{
	if (!info->max_faults || !info->max_extents || !info->max_frames ||
	    info->max_faults > U16_MAX)
		return -EOPNOTSUPP;
	return 0;
}

/* Nothing that is queued here sleeps over a process's memory. */
static int gpumem_ctx_attach(struct gpumem_ctx *ctx)
{
	int ret;

	ctx->wq = alloc_workqueue("xen-gpumem-%u", WQ_UNBOUND, 0,
				  ctx->dom.domid);
	if (!ctx->wq)
		return -ENOMEM;

	/* Events come from here on. */
	ret = gpumem_hv->attach(&ctx->dom);
	if (ret)
		goto err_wq;
	ctx->attached = true;
	return 0;

err_wq:
	/* An attach that failed half way may have raised an event. */
	disable_work_sync(&ctx->poll);
	destroy_workqueue(ctx->wq);
	return ret == -EEXIST ? -EBUSY : ret;
}

static struct gpumem_ctx *gpumem_ctx_create(u16 domid, bool attach,
					    const struct gpumem_hv_info *info)
{
	struct gpumem_ctx *ctx;
	int ret;

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return ERR_PTR(-ENOMEM);
	ctx->info = *info;
	ctx->dom.domid = domid;
	ctx->dom.generation = info->generation;
	ctx->dom.event = gpumem_ctx_event;
	kref_init(&ctx->ref);
	xa_init_flags(&ctx->windows, XA_FLAGS_ACCOUNT);
	spin_lock_init(&ctx->files_lock);
	spin_lock_init(&ctx->usage_lock);
	INIT_LIST_HEAD(&ctx->files);
	INIT_WORK(&ctx->poll, gpumem_ctx_poll);
	INIT_WORK(&ctx->free, gpumem_ctx_free);

	ret = attach ? gpumem_ctx_attach(ctx) : 0;
	if (ret) {
		kfree(ctx);
		return ERR_PTR(ret);
	}
	__module_get(THIS_MODULE);
	return ctx;
}

static struct gpumem_ctx *gpumem_ctx_find(u16 domid, u64 generation,
					  bool attached)
{
	struct gpumem_ctx *ctx;

	lockdep_assert_held(&gpumem_ctx_lock);

	list_for_each_entry(ctx, &gpumem_ctxs, link)
		if (ctx->dom.domid == domid &&
		    ctx->dom.generation == generation &&
		    ctx->attached == attached)
			return ctx;
	return NULL;
}

/**
 * gpumem_ctx_open - find or make the context of a guest, for one more fd
 * @domid: its number
 * @generation: zero, or what its generation has to be
 * @attach: to lend to it; else it is only named
 *
 * Return: the context, for gpumem_ctx_close(), or an ERR_PTR
 */
struct gpumem_ctx *gpumem_ctx_open(u16 domid, u64 generation, bool attach)
{
	struct gpumem_hv_info info = { .generation = generation };
	struct gpumem_ctx *ctx;
	int ret;

	guard(mutex)(&gpumem_ctx_lock);

	/* Asked every time: it also says whether we may, still. */
	ret = gpumem_hv->query(domid, &info);
	if (!ret && attach)
		ret = gpumem_info_check(&info);
	if (ret)
		return ERR_PTR(ret);

	ctx = gpumem_ctx_find(domid, info.generation, attach);
	if (ctx) {
		if (gpumem_ctx_is_dead(ctx))
			return ERR_PTR(-ESRCH);
		ctx->users++;
		return ctx;
	}

	ctx = gpumem_ctx_create(domid, attach, &info);
	if (IS_ERR(ctx))
		return ctx;
	ctx->users = 1;
	ctx->serial = ++gpumem_ctx_serial;
	gpumem_show_add(ctx);
	list_add_tail(&ctx->link, &gpumem_ctxs);
	return ctx;
}

/**
 * gpumem_ctx_share - one more fd of a guest that has one
 * @ctx: the guest; the caller is one of its users
 *
 * Return: 0, for gpumem_ctx_close(); -ESRCH
 */
int gpumem_ctx_share(struct gpumem_ctx *ctx)
{
	guard(mutex)(&gpumem_ctx_lock);

	if (gpumem_ctx_is_dead(ctx))
		return -ESRCH;
	ctx->users++;
	return 0;
}

static bool gpumem_ctx_lingers(u64 serial)
{
	struct gpumem_ctx *ctx;

	guard(spinlock)(&gpumem_closed_lock);
	list_for_each_entry(ctx, &gpumem_ctxs_closed, link)
		if (ctx->serial == serial)
			return true;
	return false;
}

/**
 * gpumem_ctx_close - one fd less; its windows are gone already
 * @ctx: the guest
 */
void gpumem_ctx_close(struct gpumem_ctx *ctx)
{
	u64 serial = ctx->serial;
	bool wait;

	mutex_lock(&gpumem_ctx_lock);
	if (--ctx->users) {
		mutex_unlock(&gpumem_ctx_lock);
		return;
	}
	gpumem_show_remove(ctx);
	/*
	 * No more polls, then no more events: in this order, since the end of
	 * a poll still speaks to the event channel.
	 */
	disable_work_sync(&ctx->poll);
	if (ctx->attached)
		gpumem_hv->detach(&ctx->dom);
	WRITE_ONCE(ctx->dead, true);
	spin_lock(&gpumem_closed_lock);
	list_move(&ctx->link, &gpumem_ctxs_closed);
	spin_unlock(&gpumem_closed_lock);
	mutex_unlock(&gpumem_ctx_lock);

	/*
	 * Nobody works for one that only names its guest; and who has an
	 * export has it for longer than anyone would wait.
	 */
	wait = ctx->attached && !atomic_read(&ctx->exports);
	gpumem_ctx_put(ctx);
	if (!wait)
		return;
	wait_event_timeout(gpumem_ctx_gone, !gpumem_ctx_lingers(serial),
			   GPUMEM_LINGER);
}
