// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock hypervisor's domains, vCPUs and events, and its injections.
 *
 * A domain is found by its number in a list, counts its users, and is freed
 * by a work item, since the last of them may hold locks.  A vCPU is a record:
 * the thread that plays it sleeps in hv-mock-ctl.c.
 *
 * An injection makes the n-th call of an operation fail, dawdle, or stop until
 * it is released.  There is one for each operation, for all domains.
 *
 * See hv-mock.h for the locks and the invariants.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "hv-mock.h"

#define MOCK_GFN_END	(1ULL << 28)

struct mock_injection {
	/* Protected by mock_lock. */
	struct xgm_inject what;
	u64 calls;
	u32 hits;
	u32 held;
	u32 epoch;			/* changes to let go who is held */
};

static DEFINE_SPINLOCK(mock_lock);
static LIST_HEAD(mock_domains);
static u64 mock_generation = 0x4d6f636b00000000ULL;
static struct mock_injection mock_injections[XGM_OP_NR];
static DECLARE_WAIT_QUEUE_HEAD(mock_hold_wait);
static struct workqueue_struct *mock_wq;

/* --- domains ------------------------------------------------------------ */

/**
 * mock_domain_get - find a domain by its number, and keep it
 * @domid: the number
 */
struct mock_domain *mock_domain_get(u16 domid)
{
	struct mock_domain *d;

	guard(spinlock_irqsave)(&mock_lock);
	list_for_each_entry(d, &mock_domains, link) {
		if (d->domid == domid) {
			kref_get(&d->ref);
			return d;
		}
	}
	return NULL;
}

static void free_work(struct work_struct *work)
{
	struct mock_domain *d = container_of(work, struct mock_domain, free);

	mock_pool_free(d);
	kvfree(d);
}

/* The last user may hold any lock: free from elsewhere. */
static void release_domain(struct kref *ref)
{
	struct mock_domain *d = container_of(ref, struct mock_domain, ref);

	queue_work(mock_wq, &d->free);
}

/**
 * mock_domain_put - let a domain go
 * @d: the domain
 */
void mock_domain_put(struct mock_domain *d)
{
	kref_put(&d->ref, release_domain);
}

static int link_domain(struct mock_domain *d)
{
	struct mock_domain *other;

	guard(spinlock_irqsave)(&mock_lock);
	list_for_each_entry(other, &mock_domains, link)
		if (other->domid == d->domid)
			return -EEXIST;
	d->generation = ++mock_generation;
	list_add(&d->link, &mock_domains);
	return 0;
}

/**
 * mock_domain_create - make a domain
 * @owner: who will end it with mock_domains_kill()
 * @arg: what is wanted; the generation goes there
 */
int mock_domain_create(const void *owner, struct xgm_create *arg)
{
	struct mock_domain *d;
	int ret;

	if (!arg->vcpus || arg->vcpus > MOCK_MAX_VCPUS ||
	    arg->pool > MOCK_MAX_POOL)
		return -EINVAL;
	d = kvzalloc(struct_size(d, vcpu, arg->vcpus), GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	kref_init(&d->ref);
	INIT_WORK(&d->free, free_work);
	INIT_LIST_HEAD(&d->windows);
	spin_lock_init(&d->lock);
	d->owner = owner;
	d->domid = arg->domid;
	d->gfn_end = arg->gfn_end ?: MOCK_GFN_END;
	d->ram_pages = arg->ram_pages;
	d->nr_vcpus = arg->vcpus;
	for (u32 i = 0; i < d->nr_vcpus; i++)
		init_waitqueue_head(&d->vcpu[i].wait);
	ret = mock_pool_fill(d, arg->pool ?: MOCK_MAX_POOL / 8);
	if (!ret)
		ret = link_domain(d);
	if (ret)
		mock_domain_put(d);
	else
		arg->out_generation = d->generation;
	return ret;
}

/**
 * mock_wake_all - let all vCPUs run
 * @d: the domain, locked
 */
void mock_wake_all(struct mock_domain *d)
{
	for (u32 i = 0; i < d->nr_vcpus; i++)
		mock_wake(d, &d->vcpu[i], GPUMEM_HV_RETRY);
}

/**
 * mock_domain_kill - end a domain
 * @d: the domain; the caller keeps it
 * @gone: whether there is nothing left; otherwise it only begins to die
 */
void mock_domain_kill(struct mock_domain *d, bool gone)
{
	bool listed = false;

	if (gone) {
		guard(spinlock_irqsave)(&mock_lock);
		listed = !list_empty(&d->link);
		list_del_init(&d->link);
	}
	scoped_guard(spinlock_irqsave, &d->lock) {
		struct mock_window *w;

		d->dying = true;
		d->gone |= gone;
		/* What was lent is out of reach; windows stay for detach. */
		if (gone)
			list_for_each_entry(w, &d->windows, link)
				mock_p2m_clear(d, w, 0, w->nr, false);
		mock_wake_all(d);
		mock_raise(d);
	}
	if (listed)
		mock_domain_put(d);
}

static struct mock_domain *find_owned(const void *owner)
{
	struct mock_domain *d;

	guard(spinlock_irqsave)(&mock_lock);
	list_for_each_entry(d, &mock_domains, link) {
		if (d->owner == owner) {
			kref_get(&d->ref);
			return d;
		}
	}
	return NULL;
}

/**
 * mock_domains_kill - end all domains of an owner
 * @owner: the owner
 */
void mock_domains_kill(const void *owner)
{
	struct mock_domain *d;

	while ((d = find_owned(owner))) {
		mock_domain_kill(d, true);
		mock_domain_put(d);
	}
}

/* --- faults and events -------------------------------------------------- */

/**
 * mock_raise - raise the lender's event
 * @d: the domain, locked
 */
void mock_raise(struct mock_domain *d)
{
	struct mock_lender *l = d->lender;

	lockdep_assert_held(&d->lock);
	if (!l || l->closed)
		return;
	if (l->masked) {
		l->pending = true;
		return;
	}
	l->masked = true;
	d->stats.out_events++;
	irq_work_queue(&l->work);
}

/**
 * mock_event_work - deliver an event, in interrupt context
 * @work: the attachment's
 */
void mock_event_work(struct irq_work *work)
{
	struct mock_lender *l = container_of(work, struct mock_lender, work);

	l->dom->event(l->dom);
}

/**
 * mock_wake - let a vCPU run
 * @d: the domain, locked
 * @v: the vCPU; nothing happens if it does not wait
 * @action: what it finds
 */
void mock_wake(struct mock_domain *d, struct mock_vcpu *v,
	       enum gpumem_hv_action action)
{
	lockdep_assert_held(&d->lock);
	if (!v->waiting)
		return;
	v->waiting = false;
	v->action = action;
	if (!v->delivered)
		d->nr_undelivered--;
	wake_up_all(&v->wait);
}

/**
 * mock_fault - make a vCPU wait
 * @d: the domain, locked
 * @v: the vCPU, which does not wait yet
 * @window: what it touched
 * @index: where
 * @access: how
 */
void mock_fault(struct mock_domain *d, struct mock_vcpu *v, u32 window,
		u64 index, u32 access)
{
	lockdep_assert_held(&d->lock);
	v->last_token = v->last_token + 1 ?: 1;
	v->fault = (struct gpumem_hv_fault) {
		.index = index,
		.window = window,
		.vcpu = v - d->vcpu,
		.token = v->last_token,
		.access = access,
	};
	v->waiting = true;
	v->delivered = false;
	/* As Xen does: only where there was nothing to poll. */
	if (!d->nr_undelivered++)
		mock_raise(d);
}

/* --- injections --------------------------------------------------------- */

/**
 * mock_inject - set an operation's injection, and its counters to zero
 * @arg: what to do
 */
int mock_inject(const struct xgm_inject *arg)
{
	struct mock_injection *i;

	if (arg->op >= XGM_OP_NR || arg->err > MAX_ERRNO)
		return -EINVAL;
	i = &mock_injections[arg->op];
	scoped_guard(spinlock_irqsave, &mock_lock) {
		i->what = *arg;
		i->calls = 0;
		i->hits = 0;
		i->epoch++;
	}
	wake_up_all(&mock_hold_wait);
	return 0;
}

/**
 * mock_inject_none - end all injections
 */
void mock_inject_none(void)
{
	for (u32 op = 0; op < XGM_OP_NR; op++)
		mock_inject(&(struct xgm_inject){ .op = op });
}

/**
 * mock_state - tell, or wait for, what an injection did
 * @arg: which; the answer goes there
 */
int mock_state(struct xgm_state *arg)
{
	struct mock_injection *i;

	if (arg->op >= XGM_OP_NR)
		return -EINVAL;
	i = &mock_injections[arg->op];
	if (arg->wait_held_ms &&
	    !wait_event_timeout(mock_hold_wait, READ_ONCE(i->held),
				msecs_to_jiffies(arg->wait_held_ms)))
		return -ETIMEDOUT;
	guard(spinlock_irqsave)(&mock_lock);
	arg->out_calls = i->calls;
	arg->out_hits = i->hits;
	arg->out_held = i->held;
	return 0;
}

/**
 * mock_release - let those go that are held in an operation now
 * @op: the operation
 */
int mock_release(u32 op)
{
	if (op >= XGM_OP_NR)
		return -EINVAL;
	scoped_guard(spinlock_irqsave, &mock_lock)
		mock_injections[op].epoch++;
	wake_up_all(&mock_hold_wait);
	return 0;
}

static void hold(struct mock_injection *i, u32 epoch, u32 ms)
{
	scoped_guard(spinlock_irqsave, &mock_lock)
		i->held++;
	wake_up_all(&mock_hold_wait);
	/* Longer than the real thing would ever take, to widen races. */
	wait_event_timeout(mock_hold_wait, READ_ONCE(i->epoch) != epoch,
			   msecs_to_jiffies(ms));
	scoped_guard(spinlock_irqsave, &mock_lock)
		i->held--;
}

/**
 * mock_injected - what is to go wrong with this call
 * @op: the operation that begins
 *
 * Waits if it is to be held, or delayed.
 *
 * Return: 0 or a negative errno
 */
int mock_injected(enum xgm_op op)
{
	struct mock_injection *i = &mock_injections[op];
	struct xgm_inject what = {};
	u32 epoch;

	scoped_guard(spinlock_irqsave, &mock_lock) {
		u64 call = i->calls++;

		if (call >= i->what.skip &&
		    call - i->what.skip < i->what.times) {
			what = i->what;
			i->hits++;
		}
		epoch = i->epoch;
	}
	if (what.delay_us)
		udelay(min(what.delay_us, 100000U));
	/* A frame may be asked for in any context: hold it where one can. */
	if (what.hold_ms && preemptible())
		hold(i, epoch, what.hold_ms);
	return -(int)what.err;
}

/**
 * mock_domains_init - get ready for domains
 */
int mock_domains_init(void)
{
	mock_wq = alloc_workqueue("gpumem-mock", WQ_UNBOUND, 0);
	return mock_wq ? 0 : -ENOMEM;
}

/**
 * mock_domains_exit - wait for the last domain's memory
 */
void mock_domains_exit(void)
{
	destroy_workqueue(mock_wq);
}
