// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grant references for dma-bufs: the object, and the calls about it.
 *
 * For guests that map grants themselves, and hosts whose buffers can stay where
 * they are.  Making them goes: hold the buffer, and look at all of its pages;
 * is it still that guest; make the references, in batches; from here on the
 * watch knows of them (grant-end.c); is it still that guest; tell the caller
 * the references; and only then an id.
 *
 * The caller's memory can be as slow to come as the caller likes, so it is not
 * touched before the watch is there: nobody may keep references for a guest
 * that is gone, and whose number another one gets.
 *
 * A guest can map a reference as soon as there is one, and need not be told its
 * number to find it.  So a call that fails after the first one ends as a grant
 * does whose fd is closed: what the guest has mapped keeps the buffer, and all
 * that it costs, until it is unmapped (grant-end.c).
 *
 * Limits: by fd, as for all else, and one for all fds together, since this
 * domain's grant table has room for some tens of thousands of references, and
 * its other users must not find it full.
 *
 * Locks: see grant.h.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <asm/xen/page.h>
#include <xen/grant_table.h>

#include "grant.h"
#include "internal.h"

/* References made between looks at signals. */
#define GPUMEM_GRANT_BATCH	64

/* Milliseconds between two looks at a guest that somebody waits for. */
#define GPUMEM_GRANT_PAUSE_MIN	1
#define GPUMEM_GRANT_PAUSE_MAX	50

static unsigned int gpumem_max_grants = 16384;
module_param_named(max_grants, gpumem_max_grants, uint, 0644);
MODULE_PARM_DESC(max_grants,
		 "grant references for dma-bufs, of all fds (default 16384)");

static DEFINE_SPINLOCK(gpumem_grants_used_lock);
/* References that grants were made with which still hold their buffers. */
static u64 gpumem_grants_used;

/* --- what they cost ------------------------------------------------------- */

static struct gpumem_usage gpumem_grant_usage(unsigned int nr)
{
	return (struct gpumem_usage){ .n = { [GPUMEM_USE_GRANTS] = nr } };
}

static int gpumem_grants_take(unsigned int nr)
{
	u64 max = READ_ONCE(gpumem_max_grants);

	guard(spinlock)(&gpumem_grants_used_lock);
	if (gpumem_grants_used + nr > max)
		return -ENOSPC;
	gpumem_grants_used += nr;
	return 0;
}

static void gpumem_grants_give(unsigned int nr)
{
	guard(spinlock)(&gpumem_grants_used_lock);
	gpumem_grants_used -= nr;
}

static int gpumem_grant_charge(struct gpumem_file *file, unsigned int nr)
{
	struct gpumem_usage usage = gpumem_grant_usage(nr);
	int ret = gpumem_file_charge(file, &usage);

	if (ret)
		return ret;
	ret = gpumem_grants_take(nr);
	if (ret)
		gpumem_file_uncharge(file, &usage);
	return ret;
}

static void gpumem_grant_uncharge(struct gpumem_file *file, unsigned int nr)
{
	struct gpumem_usage usage = gpumem_grant_usage(nr);

	gpumem_grants_give(nr);
	gpumem_file_uncharge(file, &usage);
}

/* --- the object ----------------------------------------------------------- */

static void gpumem_grant_free(struct kref *ref)
{
	struct gpumem_grant *grant =
		container_of(ref, struct gpumem_grant, ref);

	atomic_dec(&grant->file->ctx->exports);
	gpumem_file_put(grant->file);
	mutex_destroy(&grant->lock);
	kfree(grant);
}

/**
 * gpumem_grant_put - drop a reference to the object
 * @grant: the grant
 */
void gpumem_grant_put(struct gpumem_grant *grant)
{
	kref_put(&grant->ref, gpumem_grant_free);
}

/**
 * gpumem_grant_drop - let go of the buffer, and of what it cost
 * @grant: no reference is left, and its lock is held.  Harmless a second time
 *
 * Waits for the exporter.
 */
void gpumem_grant_drop(struct gpumem_grant *grant)
{
	lockdep_assert_held(&grant->lock);

	if (!grant->refs)
		return;
	gpumem_grant_let_go(grant);
	kvfree(grant->refs);
	grant->refs = NULL;
	gpumem_grant_uncharge(grant->file, grant->nr);
}

static struct gpumem_grant *gpumem_grant_create(struct gpumem_file *file,
						u32 flags, unsigned int nr)
{
	struct gpumem_grant *grant;
	int ret;

	ret = gpumem_grant_charge(file, nr);
	if (ret)
		return ERR_PTR(ret);
	grant = kzalloc(sizeof(*grant), GFP_KERNEL_ACCOUNT);
	if (!grant)
		goto err_uncharge;
	grant->refs = kvmalloc_array(nr, sizeof(*grant->refs),
				     GFP_KERNEL_ACCOUNT);
	if (!grant->refs)
		goto err_free;
	grant->file = gpumem_file_get(file);
	atomic_inc(&file->ctx->exports);
	grant->flags = flags;
	grant->nr = nr;
	kref_init(&grant->ref);
	INIT_LIST_HEAD(&grant->link);
	INIT_WORK(&grant->work, gpumem_grant_work);
	mutex_init(&grant->lock);
	return grant;

err_free:
	kfree(grant);
err_uncharge:
	gpumem_grant_uncharge(file, nr);
	return ERR_PTR(-ENOMEM);
}

/* --- making --------------------------------------------------------------- */

/* Is the guest's number still that guest's? */
static int gpumem_grant_check(const struct gpumem_grant *grant)
{
	const struct gpumem_ctx *ctx = grant->file->ctx;
	struct gpumem_hv_info info = { .generation = ctx->dom.generation };

	if (gpumem_ctx_is_dead(ctx))
		return -ESRCH;
	return gpumem_hv->query(ctx->dom.domid, &info);
}

/* References for the next @nr pages. */
static int gpumem_grant_batch(struct gpumem_grant *grant,
			      struct gpumem_cursor *cursor, unsigned int nr)
{
	const int readonly = !!(grant->flags & XEN_GPUMEM_GRANT_READONLY);
	const u16 domid = grant->file->ctx->dom.domid;
	grant_ref_t head;
	unsigned long pfn;
	int ref;

	if (gnttab_alloc_grant_references(nr, &head))
		return -ENOBUFS;
	for (; nr; nr--) {
		/* Neither fails: there were pages, and there are references. */
		if (!gpumem_cursor_next(cursor, &pfn))
			break;
		ref = gnttab_claim_grant_reference(&head);
		if (ref < 0)
			break;
		gnttab_grant_foreign_access_ref(ref, domid, pfn_to_gfn(pfn),
						readonly);
		grant->refs[grant->left++] = ref;
	}
	gnttab_free_grant_references(head);
	return nr ? -EREMOTEIO : 0;
}

/* References for all pages.  What was made is in @grant, errors or not. */
static int gpumem_grant_fill(struct gpumem_grant *grant, u64 first)
{
	struct gpumem_cursor cursor;
	unsigned int n;
	int ret;

	gpumem_cursor_start(&cursor, grant->sgt, first);
	while (grant->left < grant->nr) {
		n = min(grant->nr - grant->left, GPUMEM_GRANT_BATCH);
		ret = gpumem_grant_batch(grant, &cursor, n);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Some of the references, as long as they are what was made. */
static int gpumem_grant_copy(struct gpumem_grant *grant, unsigned int first,
			     unsigned int nr, u32 *refs)
{
	guard(mutex)(&grant->lock);

	/* Nobody can release it yet: the guest is gone. */
	if (grant->ending)
		return -ESRCH;
	memcpy(refs, grant->refs + first, nr * sizeof(*refs));
	return 0;
}

/* No lock is held while the caller's memory comes; see the top. */
static int gpumem_grant_tell(struct gpumem_grant *grant, u32 __user *user)
{
	u32 refs[GPUMEM_GRANT_BATCH];
	unsigned int done, n;
	int ret;

	for (done = 0; done < grant->nr; done += n) {
		n = min(grant->nr - done, GPUMEM_GRANT_BATCH);
		ret = gpumem_grant_copy(grant, done, n, refs);
		if (ret)
			return ret;
		if (copy_to_user(user + done, refs, n * sizeof(*refs)))
			return -EFAULT;
	}
	return 0;
}

static int gpumem_grant_register(struct gpumem_grant *grant)
{
	struct gpumem_file *file = grant->file;
	int ret;

	/* Not to be found before it is whole. */
	ret = xa_alloc_cyclic(&file->grants, &grant->id, NULL,
			      XA_LIMIT(1, S32_MAX), &file->next_grant,
			      GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		return ret;
	xa_store(&file->grants, grant->id, grant, GFP_KERNEL_ACCOUNT);
	return 0;
}

/* What was made is in @grant, errors or not. */
static int gpumem_grant_make(struct gpumem_grant *grant,
			     struct xen_gpumem_grant *cmd)
{
	u64 first = cmd->offset >> PAGE_SHIFT;
	int ret;

	ret = gpumem_grant_check(grant);
	if (!ret)
		ret = gpumem_grant_hold(grant, cmd->fd, first,
					&cmd->out_failed);
	/* Exporters can be slow, too. */
	if (!ret)
		ret = gpumem_grant_check(grant);
	if (ret)
		return ret;
	ret = gpumem_grant_fill(grant, first);
	if (grant->left)
		gpumem_grant_enlist(grant);
	if (!ret)
		ret = gpumem_grant_check(grant);
	if (!ret)
		ret = gpumem_grant_tell(grant, u64_to_user_ptr(cmd->refs));
	return ret ?: gpumem_grant_register(grant);
}

/**
 * gpumem_grant - XEN_GPUMEM_GRANT
 * @file: domain fd
 * @arg: struct xen_gpumem_grant
 *
 * Return: 0 or a negative errno
 */
long gpumem_grant(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_grant *cmd = arg;
	struct gpumem_grant *grant;
	int ret;

	cmd->out_failed = cmd->count;
	if ((cmd->flags & ~XEN_GPUMEM_GRANT_READONLY) || !cmd->count ||
	    offset_in_page(cmd->offset))
		return -EINVAL;
	if (!(file->rights & XEN_GPUMEM_RIGHT_GRANT))
		return -EPERM;
	/* No array is larger, whatever the limits are. */
	if (cmd->count > INT_MAX / sizeof(*grant->refs))
		return -ENOSPC;
	grant = gpumem_grant_create(file, cmd->flags, cmd->count);
	if (IS_ERR(grant))
		return PTR_ERR(grant);
	ret = gpumem_grant_make(grant, cmd);
	if (ret)
		gpumem_grant_close(grant);
	else
		cmd->out_id = grant->id;
	return ret;
}

/* --- releasing ------------------------------------------------------------ */

static struct gpumem_grant *gpumem_grant_find(struct gpumem_file *file, u32 id)
{
	struct gpumem_grant *grant;

	xa_lock(&file->grants);
	grant = xa_load(&file->grants, id);
	if (grant)
		kref_get(&grant->ref);
	xa_unlock(&file->grants);
	return grant;
}

/* The id means nothing any more.  Others may have come to that, too. */
static void gpumem_grant_forget(struct gpumem_grant *grant)
{
	struct xarray *ids = &grant->file->grants;
	bool known;

	xa_lock(ids);
	known = xa_load(ids, grant->id) == grant;
	if (known)
		__xa_erase(ids, grant->id);
	xa_unlock(ids);
	if (known)
		gpumem_grant_put(grant);
}

/**
 * gpumem_grant_undo - the caller could not be told the id
 * @file: domain fd
 * @arg: struct xen_gpumem_grant
 */
void gpumem_grant_undo(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_grant *cmd = arg;
	struct gpumem_grant *grant = gpumem_grant_find(file, cmd->out_id);

	if (!grant)
		return;
	gpumem_grant_forget(grant);
	gpumem_grant_close(grant);
}

/* Return: 0, -EBUSY, -ETIMEDOUT, -EINTR.  @left: references that are mapped */
static int gpumem_grant_wait(struct gpumem_grant *grant, u32 ms, u32 *left)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(ms);
	unsigned int pause = GPUMEM_GRANT_PAUSE_MIN;
	bool late;

	for (;;) {
		/* Once more after the time is over. */
		late = time_after_eq(jiffies, deadline);
		*left = gpumem_grant_try(grant);
		if (!*left)
			return 0;
		if (late)
			return ms ? -ETIMEDOUT : -EBUSY;
		if (msleep_interruptible(pause))
			return -EINTR;
		pause = min(2 * pause, GPUMEM_GRANT_PAUSE_MAX);
	}
}

/**
 * gpumem_grant_release - XEN_GPUMEM_GRANT_RELEASE
 * @file: domain fd
 * @arg: struct xen_gpumem_grant_release
 *
 * Return: 0 or a negative errno
 */
long gpumem_grant_release(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_grant_release *cmd = arg;
	struct gpumem_grant *grant;
	int ret;

	cmd->out_left = 0;
	if (cmd->wait_ms > XEN_GPUMEM_GRANT_MAX_WAIT_MS)
		return -EINVAL;
	grant = gpumem_grant_find(file, cmd->id);
	if (!grant)
		return -ENOENT;
	ret = gpumem_grant_wait(grant, cmd->wait_ms, &cmd->out_left);
	if (!ret)
		gpumem_grant_forget(grant);
	gpumem_grant_put(grant);
	return ret;
}
