// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hypervisor made of software: the table of operations.
 *
 * It keeps the promises of hv.h and public/lend.h, and as far as it can it
 * keeps them as strictly as Xen does: an operation names a domain by number
 * and generation and finds it anew each time, events come from interrupt
 * context and only when there was nothing to poll before, a map may stop
 * early, a move that fails on the way has revoked all the same, nothing that is
 * called innermost allocates or sleeps.  What the driver does against the
 * contract is counted as a violation.
 *
 * What it cannot show is anything about translations that a CPU has cached,
 * about a real guest and its interrupts, or about time: tests on it complement
 * the ones on Xen and never replace them.
 *
 * See hv-mock.h for the locks and the invariants.
 */
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "hv-mock.h"

/*
 * Begin an operation: find the domain that was meant, and misbehave if told
 * to.  Return: the domain, kept, or an error.  Where @late is given, an
 * injected error is left there for the operation to fail in its own way.
 */
static struct mock_domain *begin(struct gpumem_hv_dom *dom, enum xgm_op op,
				 int *late)
{
	int ret = mock_injected(op);
	struct mock_domain *d = mock_domain_get(dom->domid);

	if (d && d->generation != dom->generation) {
		mock_domain_put(d);
		d = NULL;
	}
	if (!d)
		return ERR_PTR(-ESRCH);
	if (in_atomic() || irqs_disabled())
		mock_violation(d);
	if (ret == -ESRCH)
		mock_domain_kill(d, true);
	else if (!READ_ONCE(d->lender))
		ret = -ENOENT;
	else if (late)
		*late = ret, ret = 0;
	if (ret) {
		mock_domain_put(d);
		return ERR_PTR(ret);
	}
	return d;
}

/* --- the table ---------------------------------------------------------- */

static int mock_query(int domid, struct gpumem_hv_info *info)
{
	struct mock_domain *d;
	int ret = mock_injected(XGM_OP_QUERY);
	u64 expected = info->generation;

	might_sleep();
	if (ret)
		return ret;
	*info = (struct gpumem_hv_info) {
		.max_windows = MOCK_MAX_WINDOWS,
		.max_extents = MOCK_MAX_EXTENTS,
		.max_frames = MOCK_MAX_FRAMES,
		.max_window = MOCK_MAX_PAGES,
	};
	if (domid < 0)
		return 0;
	d = mock_domain_get(domid);
	if (!d)
		return -ESRCH;
	info->max_faults = d->nr_vcpus;
	info->gfn_end = d->gfn_end;
	info->generation = d->generation;
	ret = expected && expected != d->generation ? -ESRCH : 0;
	mock_domain_put(d);
	return ret;
}

static int link_lender(struct mock_domain *d, struct mock_lender *l)
{
	guard(spinlock_irqsave)(&d->lock);
	if (d->dying)
		return -ESRCH;
	if (d->lender)
		return -EEXIST;
	d->lender = l;
	d->stats.out_attached++;
	/* One event is pending from the start. */
	mock_raise(d);
	return 0;
}

static int mock_attach(struct gpumem_hv_dom *dom)
{
	struct mock_lender *l;
	struct mock_domain *d;
	int ret = mock_injected(XGM_OP_ATTACH);
	u64 old;

	might_sleep();
	if (ret)
		return ret;
	d = mock_domain_get(dom->domid);
	if (!d)
		return -ESRCH;
	if (dom->generation && dom->generation != d->generation) {
		mock_domain_put(d);
		return -ESRCH;
	}
	l = kzalloc(sizeof(*l), GFP_KERNEL);
	if (!l) {
		mock_domain_put(d);
		return -ENOMEM;
	}
	init_irq_work(&l->work, mock_event_work);
	l->domain = d;
	l->dom = dom;
	/* An event can come before we return, and will want these. */
	old = dom->generation;
	dom->generation = d->generation;
	dom->priv = l;
	ret = link_lender(d, l);
	if (ret) {
		dom->priv = NULL;
		dom->generation = old;
		kfree(l);
		mock_domain_put(d);
	}
	return ret;
}

static void free_windows(struct mock_domain *d, struct list_head *gone)
{
	while (!list_empty(&d->windows)) {
		struct mock_window *w = list_first_entry(&d->windows,
							 typeof(*w), link);

		mock_window_free(d, w);
		list_add(&w->link, gone);
	}
}

static void drop_windows(struct list_head *gone)
{
	struct mock_window *w, *next;

	list_for_each_entry_safe(w, next, gone, link)
		kvfree(w);
}

static void mock_detach(struct gpumem_hv_dom *dom)
{
	struct mock_lender *l = dom->priv;
	struct mock_domain *d = l->domain;
	LIST_HEAD(gone);

	might_sleep();
	mock_injected(XGM_OP_DETACH);
	scoped_guard(spinlock_irqsave, &d->lock) {
		l->closed = true;
		free_windows(d, &gone);
		mock_wake_all(d);
		d->stats.out_attached--;
		d->lender = NULL;
	}
	irq_work_sync(&l->work);
	drop_windows(&gone);
	dom->priv = NULL;
	mock_domain_put(d);
	kfree(l);
}

static void mock_event_done(struct gpumem_hv_dom *dom)
{
	struct mock_lender *l = dom->priv;
	struct mock_domain *d = l->domain;

	guard(spinlock_irqsave)(&d->lock);
	if (!l->masked)
		mock_violation(d);
	d->stats.out_done++;
	l->masked = false;
	if (l->pending) {
		l->pending = false;
		mock_raise(d);
	}
}

static int link_window(struct mock_domain *d, struct mock_window *w, u64 gfn)
{
	int ret;

	guard(spinlock_irqsave)(&d->lock);
	if (d->dying)
		return -EBUSY;
	if (d->nr_windows >= MOCK_MAX_WINDOWS)
		return -ENOSPC;
	if (w->nr > MOCK_MAX_PAGES - d->nr_pages)
		return -E2BIG;
	ret = mock_window_place(d, NULL, gfn, w->nr);
	if (ret)
		return ret;
	w->gfn = gfn;
	w->id = ++d->next_id;
	d->nr_windows++;
	d->nr_pages += w->nr;
	list_add(&w->link, &d->windows);
	return 0;
}

static int mock_create(struct gpumem_hv_dom *dom, u64 gfn, u64 nr,
		       enum gpumem_hv_orphan orphan, u32 *id)
{
	struct mock_domain *d = begin(dom, XGM_OP_CREATE, NULL);
	struct mock_window *w = NULL;
	int ret = 0;

	might_sleep();
	if (IS_ERR(d))
		return PTR_ERR(d);
	if (!nr || orphan > GPUMEM_HV_ORPHAN_CRASH) {
		mock_violation(d);
		ret = -EINVAL;
	} else if (nr > MOCK_MAX_PAGES) {
		ret = -E2BIG;
	} else {
		w = mock_window_alloc(nr);
		ret = w ? link_window(d, w, gfn) : -ENOMEM;
	}
	if (ret)
		kvfree(w);
	else
		*id = w->id;
	mock_domain_put(d);
	return ret;
}

/* Wake the vCPUs that wait for some pages of a window. */
static void wake_range(struct mock_domain *d, u32 window, u64 index, u64 nr)
{
	for (u32 i = 0; i < d->nr_vcpus; i++) {
		struct mock_vcpu *v = &d->vcpu[i];

		if (v->waiting && v->fault.window == window &&
		    v->fault.index >= index && v->fault.index - index < nr)
			mock_wake(d, v, GPUMEM_HV_RETRY);
	}
}

/* Errors about the place come before anything is revoked, all others after. */
static int do_move(struct mock_domain *d, u32 id, u64 gfn, int late)
{
	struct mock_window *w;
	int ret;

	guard(spinlock_irqsave)(&d->lock);
	w = mock_window_by_id(d, id);
	if (!w)
		return -ENOENT;
	if (d->dying)
		return -EBUSY;
	ret = mock_window_place(d, w, gfn, w->nr);
	if (ret)
		return ret;
	if (late == -EEXIST || late == -EADDRNOTAVAIL || late == -ERANGE)
		return late;
	mock_p2m_clear(d, w, 0, w->nr, false);
	if (late)
		return late;
	w->gfn = gfn;
	wake_range(d, id, 0, w->nr);
	return 0;
}

static int mock_move(struct gpumem_hv_dom *dom, u32 id, u64 gfn)
{
	int late, ret;
	struct mock_domain *d = begin(dom, XGM_OP_MOVE, &late);

	might_sleep();
	if (IS_ERR(d))
		return PTR_ERR(d);
	ret = do_move(d, id, gfn, late);
	mock_domain_put(d);
	return ret;
}

static int mock_destroy(struct gpumem_hv_dom *dom, u32 id)
{
	struct mock_domain *d = begin(dom, XGM_OP_DESTROY, NULL);
	struct mock_window *w;

	might_sleep();
	if (IS_ERR(d))
		return PTR_ERR(d);
	scoped_guard(spinlock_irqsave, &d->lock) {
		w = mock_window_by_id(d, id);
		if (w) {
			mock_window_free(d, w);
			wake_range(d, id, 0, w->nr);
		}
	}
	kvfree(w);
	mock_domain_put(d);
	return w ? 0 : -ENOENT;
}

/* Is it a call that the contract allows? */
static int check_map(struct mock_domain *d, const struct gpumem_extent *ext,
		     unsigned int nr)
{
	const u32 known = GPUMEM_ATTR_WRITE | GPUMEM_ATTR_NC |
			  GPUMEM_ATTR_REPLACE;
	u64 frames = 0;
	bool bad = !nr || nr > MOCK_MAX_EXTENTS;

	for (unsigned int i = 0; !bad && i < nr; i++) {
		bad = !ext[i].nr || (ext[i].attr & ~known);
		frames += ext[i].nr;
	}
	if (bad || frames > MOCK_MAX_FRAMES) {
		mock_violation(d);
		return -EINVAL;
	}
	d->stats.out_maps++;
	d->stats.out_max_extents = max(d->stats.out_max_extents, nr);
	d->stats.out_max_frames = max_t(u32, d->stats.out_max_frames, frames);
	return 0;
}

/* Map one page; the control device can have chosen it to fail. */
static int map_page(struct mock_domain *d, struct mock_window *w, u64 index,
		    u64 frame, u32 attr)
{
	struct xgm_tune *tune = &d->tune;
	int ret;

	if (tune->bad_times && tune->bad_window == w->id &&
	    tune->bad_index == index) {
		tune->bad_times--;
		return -(int)tune->bad_err;
	}
	ret = mock_p2m_set(d, w, index, frame, attr);
	if (ret)
		return ret;
	d->stats.out_mapped++;
	wake_range(d, w->id, index, 1);
	return 0;
}

static int do_map(struct mock_domain *d, u32 id,
		  const struct gpumem_extent *ext, unsigned int nr,
		  unsigned int *done)
{
	struct mock_window *w;
	int ret;

	guard(spinlock_irqsave)(&d->lock);
	w = mock_window_by_id(d, id);
	if (d->dying)
		return -ESRCH;
	ret = w ? check_map(d, ext, nr) : -ENOENT;
	for (unsigned int i = 0; !ret && i < nr; i++) {
		for (u32 j = 0; !ret && j < ext[i].nr; j++) {
			if (d->tune.map_stop && *done >= d->tune.map_stop)
				return 0;
			ret = map_page(d, w, ext[i].index + j,
				       ext[i].frame + j, ext[i].attr);
			if (!ret)
				(*done)++;
		}
	}
	return ret;
}

static int mock_map(struct gpumem_hv_dom *dom, u32 id,
		    const struct gpumem_extent *ext, unsigned int nr,
		    unsigned int *done)
{
	struct mock_domain *d;
	int ret;

	*done = 0;
	d = begin(dom, XGM_OP_MAP, NULL);
	if (IS_ERR(d))
		return PTR_ERR(d);
	ret = do_map(d, id, ext, nr, done);
	mock_domain_put(d);
	return ret;
}

/* One page table at a time: it may be interleaved, as the real one may. */
static int revoke_part(struct mock_domain *d, u32 id, u64 index, u64 nr,
		       bool downgrade, u64 *cleared)
{
	struct mock_window *w;

	guard(spinlock_irqsave)(&d->lock);
	w = mock_window_by_id(d, id);
	if (!w)
		return -ENOENT;
	if (index >= w->nr || nr > w->nr - index) {
		mock_violation(d);
		return -ERANGE;
	}
	*cleared += mock_p2m_clear(d, w, index, nr, downgrade);
	return 0;
}

static int mock_revoke(struct gpumem_hv_dom *dom, u32 id, u64 index, u64 nr,
		       bool downgrade, u64 *cleared)
{
	struct mock_domain *d;
	int ret = 0;

	*cleared = 0;
	d = begin(dom, XGM_OP_REVOKE, NULL);
	if (IS_ERR(d))
		return PTR_ERR(d);
	if (!nr) {
		mock_violation(d);
		ret = -EINVAL;
	}
	d->stats.out_revokes++;
	while (!ret && nr) {
		u64 part = min_t(u64, nr, MOCK_LEAF - index % MOCK_LEAF);

		ret = revoke_part(d, id, index, part, downgrade, cleared);
		index += part;
		nr -= part;
	}
	if (*cleared)
		d->stats.out_flushes++;
	mock_domain_put(d);
	return ret;
}

static int mock_sever(struct gpumem_hv_dom *dom)
{
	struct mock_domain *d = begin(dom, XGM_OP_SEVER, NULL);
	struct mock_window *w;

	if (IS_ERR(d))
		return PTR_ERR(d);
	scoped_guard(spinlock_irqsave, &d->lock) {
		d->stats.out_severs++;
		list_for_each_entry(w, &d->windows, link)
			mock_p2m_clear(d, w, 0, w->nr, false);
	}
	mock_domain_put(d);
	return 0;
}

static int do_poll(struct mock_domain *d, struct gpumem_hv_fault *faults,
		   unsigned int max, unsigned int *nr, bool *more)
{
	guard(spinlock_irqsave)(&d->lock);
	if (!max)
		mock_violation(d);
	if (d->dying)
		return -ESRCH;
	d->stats.out_polls++;
	for (u32 i = 0; i < d->nr_vcpus && *nr < max; i++) {
		struct mock_vcpu *v = &d->vcpu[i];

		if (!v->waiting || v->delivered)
			continue;
		v->delivered = true;
		d->nr_undelivered--;
		d->stats.out_polled++;
		faults[(*nr)++] = v->fault;
	}
	*more = d->nr_undelivered;
	return 0;
}

static int mock_poll(struct gpumem_hv_dom *dom, struct gpumem_hv_fault *faults,
		     unsigned int max, unsigned int *nr, bool *more)
{
	struct mock_domain *d;
	int late, ret;

	might_sleep();
	*nr = 0;
	*more = false;
	d = begin(dom, XGM_OP_POLL, &late);
	if (IS_ERR(d))
		return PTR_ERR(d);
	/* EAGAIN: there may be more, but nothing shows yet. */
	*more = late == -EAGAIN;
	if (!late)
		ret = do_poll(d, faults, max, nr, more);
	else
		ret = *more ? 0 : late;
	mock_domain_put(d);
	return ret;
}

static int do_resolve(struct mock_domain *d, u32 vcpu, u32 token,
		      enum gpumem_hv_action action)
{
	struct mock_vcpu *v;

	guard(spinlock_irqsave)(&d->lock);
	if (vcpu >= d->nr_vcpus || !token || action > GPUMEM_HV_CRASH) {
		mock_violation(d);
		return -EINVAL;
	}
	v = &d->vcpu[vcpu];
	if (!v->waiting || v->fault.token != token) {
		d->stats.out_stale++;
		return -ESTALE;
	}
	d->stats.out_resolves[action]++;
	v->pass = action == GPUMEM_HV_MMIO;
	mock_wake(d, v, action);
	return 0;
}

static int mock_resolve(struct gpumem_hv_dom *dom, u32 vcpu, u32 token,
			enum gpumem_hv_action action)
{
	struct mock_domain *d = begin(dom, XGM_OP_RESOLVE, NULL);
	int ret;

	if (IS_ERR(d))
		return PTR_ERR(d);
	ret = do_resolve(d, vcpu, token, action);
	if (!ret && action == GPUMEM_HV_CRASH)
		mock_domain_kill(d, false);
	mock_domain_put(d);
	return ret;
}

static int mock_frame(unsigned long pfn, struct page *page, u64 *frame,
		      bool *io)
{
	int ret = mock_injected(XGM_OP_FRAME);

	if (ret)
		return ret;
	if (pfn >= MOCK_FRAME_PAGE)
		return -EACCES;
	*frame = pfn | MOCK_FRAME_OURS | (page ? MOCK_FRAME_PAGE : 0);
	*io = !pfn_valid(pfn);
	return 0;
}

static int mock_init(void)
{
	int ret = mock_domains_init();

	if (ret)
		return ret;
	ret = mock_ctl_init();
	if (ret)
		mock_domains_exit();
	return ret;
}

static void mock_exit(void)
{
	mock_ctl_exit();
	mock_domains_exit();
}

const struct gpumem_hv_ops gpumem_hv_mock = {
	.name = "mock",
	.mock = true,
	.init = mock_init,
	.exit = mock_exit,
	.query = mock_query,
	.attach = mock_attach,
	.detach = mock_detach,
	.event_done = mock_event_done,
	.create = mock_create,
	.move = mock_move,
	.destroy = mock_destroy,
	.map = mock_map,
	.revoke = mock_revoke,
	.sever = mock_sever,
	.poll = mock_poll,
	.resolve = mock_resolve,
	.frame = mock_frame,
};
