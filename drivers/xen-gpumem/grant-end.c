// SPDX-License-Identifier: GPL-2.0-only
/*
 * How grant references for dma-bufs end.
 *
 * There is no taking back: what a guest has mapped it keeps until it unmaps it,
 * or dies, and Xen tells nobody when it does.  So everything here is about
 * waiting without losing anything:
 *
 * - A reference *ends* when it is found not to be mapped; from then on nobody
 *   can map it.  To end is only tried, never forced, and finding out is the
 *   same as doing it: there is no other way to ask.
 * - A grant is *ending* once it was told to release, its fd was closed, or its
 *   guest is lost: the way back is one way.  All that can end does at once.
 *   What is left is on a list, and a watch comes by once a second.
 * - The buffer is let go after the last reference has ended: by who asked for
 *   that, so that when the call returns it is so; or else by a work item of the
 *   grant's own, as exporters can make us wait, and others' references should
 *   not.
 *
 * The kernel's own list of grants to be freed later would not do.  It keeps a
 * page from being freed, but not a buffer from being moved, or its page from
 * being used by its exporter for another; it needs memory for each reference at
 * a time when there may be none; and it says in the log what a guest has still
 * mapped.
 *
 * The guest.  A grant names a domain by number alone, and does not keep the
 * number from being used again.  So as long as there are references the watch
 * asks for the generation, too; who is attached to the guest is told of its
 * death, and does not wait for the watch.  A guest that this domain may not ask
 * for is no better than none: Xen looks at privilege first, and a domain that
 * has it over one guest alone, as a device model's has, has none over the next
 * guest of that number.
 *
 * Locks: gpumem_grants_lock for the list, a leaf; see grant.h.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <xen/grant_table.h>

#include "grant.h"
#include "internal.h"

/* References that are tried before others get their turn. */
#define GPUMEM_GRANT_TURN	512

#define GPUMEM_GRANT_WATCH	HZ

static DEFINE_SPINLOCK(gpumem_grants_lock);
/* Protected by gpumem_grants_lock: grants with references left. */
static LIST_HEAD(gpumem_grants);
static unsigned int gpumem_grants_nr;

static struct workqueue_struct *gpumem_grants_wq;

static void gpumem_grants_watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(gpumem_grants_later, gpumem_grants_watch);

/* --- the list ------------------------------------------------------------- */

/**
 * gpumem_grant_enlist - there are references: the watch is to know of them
 * @grant: the grant, not on the list
 */
void gpumem_grant_enlist(struct gpumem_grant *grant)
{
	kref_get(&grant->ref);
	scoped_guard(spinlock, &gpumem_grants_lock) {
		list_add_tail(&grant->link, &gpumem_grants);
		gpumem_grants_nr++;
	}
	queue_delayed_work(gpumem_grants_wq, &gpumem_grants_later,
			   GPUMEM_GRANT_WATCH);
}

/* It has none.  Return: it was on the list, whose reference is the caller's. */
static bool gpumem_grant_unlist(struct gpumem_grant *grant)
{
	guard(spinlock)(&gpumem_grants_lock);
	if (list_empty(&grant->link))
		return false;
	list_del_init(&grant->link);
	gpumem_grants_nr--;
	return true;
}

/* The one whose turn it is, with a reference, or NULL. */
static struct gpumem_grant *gpumem_grants_next(void)
{
	struct gpumem_grant *grant;

	guard(spinlock)(&gpumem_grants_lock);
	grant = list_first_entry_or_null(&gpumem_grants, struct gpumem_grant,
					 link);
	if (grant) {
		list_move_tail(&grant->link, &gpumem_grants);
		kref_get(&grant->ref);
	}
	return grant;
}

static unsigned int gpumem_grants_count(void)
{
	guard(spinlock)(&gpumem_grants_lock);
	return gpumem_grants_nr;
}

/* --- the end -------------------------------------------------------------- */

/* End what is not mapped, now and from now on.  Return: how many are left. */
static unsigned int gpumem_grant_end(struct gpumem_grant *grant)
{
	unsigned int i = 0, tried = 0;

	lockdep_assert_held(&grant->lock);

	WRITE_ONCE(grant->ending, true);
	while (i < grant->left) {
		if (gnttab_try_end_foreign_access(grant->refs[i])) {
			WRITE_ONCE(grant->left, grant->left - 1);
			grant->refs[i] = grant->refs[grant->left];
		} else {
			i++;
		}
		if (++tried % GPUMEM_GRANT_TURN == 0)
			cond_resched();
	}
	return grant->left;
}

/**
 * gpumem_grant_try - end what is not mapped; if none is, let go of the buffer
 * @grant: the grant
 *
 * Return: how many references are left
 */
unsigned int gpumem_grant_try(struct gpumem_grant *grant)
{
	unsigned int left;

	mutex_lock(&grant->lock);
	left = gpumem_grant_end(grant);
	if (!left)
		gpumem_grant_drop(grant);
	mutex_unlock(&grant->lock);
	if (!left && gpumem_grant_unlist(grant))
		gpumem_grant_put(grant);
	return left;
}

/**
 * gpumem_grant_close - nobody can ask for it any more
 * @grant: the grant; the caller's reference to the object ends
 */
void gpumem_grant_close(struct gpumem_grant *grant)
{
	gpumem_grant_try(grant);
	gpumem_grant_put(grant);
}

/**
 * gpumem_grants_close - a domain fd is being released
 * @file: the fd
 *
 * Waits for exporters, but not for the guest.
 */
void gpumem_grants_close(struct gpumem_file *file)
{
	struct gpumem_grant *grant;
	unsigned long id;

	xa_for_each(&file->grants, id, grant) {
		xa_erase(&file->grants, id);
		gpumem_grant_close(grant);
	}
}

/* --- the watch ------------------------------------------------------------ */

/**
 * gpumem_grant_work - let go of the buffer, instead of who must not wait for it
 * @work: of the grant
 */
void gpumem_grant_work(struct work_struct *work)
{
	struct gpumem_grant *grant =
		container_of(work, struct gpumem_grant, work);

	mutex_lock(&grant->lock);
	gpumem_grant_drop(grant);
	mutex_unlock(&grant->lock);
	gpumem_grant_put(grant);
}

/*
 * Can nobody say any more that the number is that guest's?  Asked for once in
 * each turn, however many grants the guest has.
 */
static bool gpumem_grants_guest_lost(struct gpumem_ctx *ctx, unsigned int turn)
{
	struct gpumem_hv_info info = { .generation = ctx->dom.generation };
	int ret;

	if (!gpumem_ctx_is_dead(ctx) && ctx->looked != turn) {
		ctx->looked = turn;
		ret = gpumem_hv->query(ctx->dom.domid, &info);
		if (ret == -ESRCH)
			gpumem_event_gone(ctx);
		ctx->lost = ret;
	}
	return gpumem_ctx_is_dead(ctx) || ctx->lost;
}

static void gpumem_grant_look(struct gpumem_grant *grant, unsigned int turn)
{
	bool lost = gpumem_grants_guest_lost(grant->file->ctx, turn);
	unsigned int left = 1;

	/* Somebody else is at it, and may have to wait for an exporter. */
	if (!mutex_trylock(&grant->lock))
		return;
	if (grant->ending || lost)
		left = gpumem_grant_end(grant);
	mutex_unlock(&grant->lock);
	/* The list's reference becomes the work's. */
	if (!left && gpumem_grant_unlist(grant))
		queue_work(gpumem_grants_wq, &grant->work);
}

/*
 * Bounded by how many references there can be: an attempt for each that is
 * left, and one question for each guest.
 */
static void gpumem_grants_watch(struct work_struct *work)
{
	static unsigned int turn;
	unsigned int nr = gpumem_grants_count();
	struct gpumem_grant *grant;

	turn++;
	while (nr-- && (grant = gpumem_grants_next())) {
		gpumem_grant_look(grant, turn);
		gpumem_grant_put(grant);
		cond_resched();
	}
	if (gpumem_grants_count())
		queue_delayed_work(gpumem_grants_wq, &gpumem_grants_later,
				   GPUMEM_GRANT_WATCH);
}

/**
 * gpumem_grants_hurry - a guest is gone: do not wait for the next turn
 *
 * From anywhere but interrupts.
 */
void gpumem_grants_hurry(void)
{
	if (gpumem_grants_count())
		mod_delayed_work(gpumem_grants_wq, &gpumem_grants_later, 0);
}

/**
 * gpumem_grants_show - all that have references left
 * @m: where
 */
void gpumem_grants_show(struct seq_file *m)
{
	struct gpumem_grant *grant;

	guard(spinlock)(&gpumem_grants_lock);
	list_for_each_entry(grant, &gpumem_grants, link) {
		/* Too many for this buffer: it starts over with a larger one. */
		if (seq_has_overflowed(m))
			break;
		seq_printf(m, "%u generation %#llx id %u pages %u left %u%s%s\n",
			   grant->file->ctx->dom.domid,
			   grant->file->ctx->dom.generation, grant->id,
			   grant->nr, READ_ONCE(grant->left),
			   grant->flags & XEN_GPUMEM_GRANT_READONLY ?
			   " readonly" : "",
			   READ_ONCE(grant->ending) ? " ending" : "");
	}
}

/* --- the module ----------------------------------------------------------- */

/**
 * gpumem_grants_init - prepare for grants
 *
 * Return: 0 or a negative errno
 */
int gpumem_grants_init(void)
{
	int ret;

	gpumem_grants_wq = alloc_workqueue("xen-gpumem-grants", WQ_UNBOUND, 0);
	if (!gpumem_grants_wq)
		return -ENOMEM;
	ret = gpumem_grant_buf_init();
	if (ret)
		destroy_workqueue(gpumem_grants_wq);
	return ret;
}

/**
 * gpumem_grants_exit - there are none left, but perhaps the end of one's end
 */
void gpumem_grants_exit(void)
{
	cancel_delayed_work_sync(&gpumem_grants_later);
	destroy_workqueue(gpumem_grants_wq);
	gpumem_grant_buf_exit();
}
