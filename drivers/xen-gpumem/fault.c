// SPDX-License-Identifier: GPL-2.0-only
/*
 * Serving faults: an access of the guest that waits for its page.
 *
 * Each vCPU has one place (struct gpumem_vcpu) and one work item: it can wait
 * for one page at a time.  The items of a guest run in parallel, each asleep
 * for as long as its page takes to come in.  None of our locks is held while
 * they sleep, and nobody waits for them; a binding that was taken out under
 * such a worker is noticed when it comes back.
 *
 * How a fault ends:
 *
 *   page given              the hypervisor wakes the vCPU with the map
 *   it is there already     run again (another vCPU was first)
 *   moved, window moving    run again: whatever the guest does next is right.
 *                           Never a policy, however often it happens; but more
 *                           slowly each time that nothing comes of it
 *   paging pool empty, or   run again after a pause, a bounded number of
 *   the guest's own page    times; then the policy
 *   nothing to give         the policy of the binding, or of the hole
 *
 * The work that a guest can cause is one of these per vCPU at a time, each
 * bounded; whatever it does, nothing is allocated for it but the vCPU's
 * scratch, once, and nothing is said in the log.
 *
 * The same path gives pages in advance (XEN_GPUMEM_POPULATE).
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "internal.h"
#include "trace.h"

/* Turns that one fault takes before the guest has to ask again. */
#define GPUMEM_FAULT_TURNS	4

/* Faults in a row on one page that may meet an obstacle which is no policy's. */
#define GPUMEM_FAULT_STUCK	32

/* Pause before another try where the try before came to nothing. */
#define GPUMEM_FAULT_PAUSE_MS	5

/*
 * Choose what is looked at: the wanted pages, and those around them.
 */
static void gpumem_slice_setup(const struct gpumem_binding *binding,
			       struct gpumem_slice *slice, unsigned long slot,
			       unsigned int nr_want)
{
	unsigned int around = READ_ONCE(gpumem_fault_around);
	unsigned long first, count;

	if (nr_want > 1)
		around = GPUMEM_SLICE_PAGES;
	around = rounddown_pow_of_two(clamp(around, 1U, GPUMEM_SLICE_PAGES));
	gpumem_around(binding->address, binding->nr, slot, around, &first,
		      &count);
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

/*
 * Resolve and commit, again and again until the memory holds still.  The
 * caller has mm_users of the binding's process.
 *
 * Return: 0 or an error of gpumem_resolve() or gpumem_binding_commit(), where
 * -ENOSPC is the latter's -ENOMEM
 */
static int gpumem_supply_turns(struct gpumem_binding *binding,
			       struct gpumem_slice *slice, unsigned long slot,
			       unsigned int nr_want, bool write)
{
	bool must_write = write;
	unsigned int turn;
	int ret = -EAGAIN;

	if ((binding->flags & XEN_GPUMEM_BIND_WRITE_FIRST) &&
	    !(binding->flags & XEN_GPUMEM_BIND_READONLY))
		write = true;

	for (turn = 0; turn < GPUMEM_FAULT_TURNS && ret == -EAGAIN; turn++) {
		gpumem_slice_setup(binding, slice, slot, nr_want);
		slice->write = write;
		ret = gpumem_resolve(binding, slice);
		if (ret == -EPERM && !must_write && write) {
			write = false;
			ret = -EAGAIN;
			continue;
		}
		if (!ret && !gpumem_mm_is_alive(binding->mm))
			ret = -ENODATA;
		if (!ret) {
			ret = gpumem_binding_commit(binding, slice);
			/* The guest's memory, not the host's. */
			if (ret == -ENOMEM)
				ret = -ENOSPC;
		}
		if (ret == -EAGAIN && signal_pending(current))
			ret = -EINTR;
	}
	return ret;
}

/*
 * Supply pages of a binding.  A process that is gone has nothing to supply.
 */
static int gpumem_supply(struct gpumem_binding *binding,
			 struct gpumem_slice *slice, unsigned long slot,
			 unsigned int nr_want, bool write)
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

/* Which binding is behind a page?  With a reference, or NULL. */
static struct gpumem_binding *gpumem_binding_get(struct gpumem_window *window,
						 u64 index)
{
	struct gpumem_binding *binding;

	guard(mutex)(&window->lock);
	binding = gpumem_window_lookup(window, index);
	if (binding)
		kref_get(&binding->ref);
	return binding;
}

static int gpumem_answer(struct gpumem_ctx *ctx,
			 const struct gpumem_hv_fault *fault,
			 enum gpumem_hv_action action)
{
	int ret = gpumem_hv->resolve(&ctx->dom, fault->vcpu, fault->token,
				     action);

	/* That someone else was quicker is no error. */
	return ret == -ESTALE ? 0 : ret;
}

static bool gpumem_fault_is_write(const struct gpumem_hv_fault *fault)
{
	return fault->access & GPUMEM_HV_ACCESS_WRITE;
}

/*
 * Something is in the way that the guest, or want of memory, has put there.
 * Has it been there for too long?
 */
static bool gpumem_fault_stuck(struct gpumem_vcpu *vcpu)
{
	return ++vcpu->stuck > GPUMEM_FAULT_STUCK;
}

/*
 * Lend the zero page.  What stands in its way is not what the policy is for,
 * unless it stays: then the guest gets the other policy.
 *
 * Return: true if the result in @ret is the result
 */
static bool gpumem_fault_zero(struct gpumem_vcpu *vcpu,
			      struct gpumem_window *window,
			      const struct gpumem_hv_fault *fault, int *ret)
{
	*ret = gpumem_zero_lend(window, fault->index);
	switch (*ret) {
	case 0:
		return true;
	case -ENOMEM:
		*ret = -ENOSPC;
		fallthrough;
	case -EBUSY:
		return !gpumem_fault_stuck(vcpu);
	default:
		/* Something else is there by now, or the window has moved. */
		*ret = -EAGAIN;
		return true;
	}
}

/*
 * There is nothing to give: what was chosen for that happens.
 *
 * Return: 0, or -EAGAIN if it is not so any more, or -ENOSPC or -EBUSY if
 * something is in the way
 */
static int gpumem_fault_policy(struct gpumem_vcpu *vcpu,
			       struct gpumem_window *window,
			       struct gpumem_binding *binding,
			       const struct gpumem_hv_fault *fault)
{
	u32 policy = binding ? binding->fail_policy : window->hole_policy;
	int ret;

	/*
	 * Under the lock a binding neither comes nor goes, and as long as it
	 * is there the policy is right.
	 */
	guard(mutex)(&window->lock);
	if (window->dead ||
	    gpumem_window_lookup(window, fault->index) != binding)
		return -EAGAIN;

	if (policy != XEN_GPUMEM_POLICY_ZERO || gpumem_fault_is_write(fault) ||
	    !gpumem_fault_zero(vcpu, window, fault, &ret))
		ret = gpumem_answer(vcpu->ctx, fault,
				    policy == XEN_GPUMEM_POLICY_MMIO ?
				    GPUMEM_HV_MMIO : GPUMEM_HV_INJECT);
	if (!ret)
		atomic64_inc(&window->stats.failed);
	return ret;
}

/*
 * The guest should have the page already.  Usually another vCPU faulted on it
 * too, and one of them was served.  But it can also be that the hypervisor had
 * to take a page whole where it was asked to take only the permission to
 * write.  So: run again; and if the same vCPU comes back with the same page,
 * map it anew.
 */
static bool gpumem_fault_is_stale(struct gpumem_vcpu *vcpu,
				  struct gpumem_binding *binding,
				  const struct gpumem_hv_fault *fault)
{
	unsigned long slot = fault->index - binding->node.start;

	guard(mutex)(&binding->lock);
	if (!test_bit(slot, binding->lent))
		return false;
	if (gpumem_fault_is_write(fault) && !test_bit(slot, binding->writable))
		return false;
	return !vcpu->repeats;
}

/*
 * Supply the page that a vCPU waits for.
 *
 * Return: 0 the vCPU runs or will; -EAGAIN it has to try again; -ENOMEM,
 * -ENOSPC or -EBUSY likewise, if not for ever; -ESTALE the binding was taken
 * out; else there is nothing to supply
 */
static int gpumem_fault_supply(struct gpumem_vcpu *vcpu,
			       struct gpumem_binding *binding,
			       const struct gpumem_hv_fault *fault)
{
	struct gpumem_slice *slice = vcpu->slice;
	int ret;

	if (gpumem_fault_is_stale(vcpu, binding, fault))
		return -EAGAIN;

	slice->force = vcpu->repeats;
	ret = gpumem_supply(binding, slice,
			    fault->index - binding->node.start, 1,
			    gpumem_fault_is_write(fault));
	/* The page was there, so that nobody was woken. */
	if (!ret && !slice->woken)
		ret = gpumem_answer(vcpu->ctx, fault, GPUMEM_HV_RETRY);
	return ret;
}

static int gpumem_fault_try(struct gpumem_vcpu *vcpu,
			    struct gpumem_window *window,
			    const struct gpumem_hv_fault *fault)
{
	struct gpumem_binding *binding;
	int ret;

	binding = gpumem_binding_get(window, fault->index);
	if (!binding)
		return gpumem_fault_policy(vcpu, window, NULL, fault);

	ret = gpumem_fault_supply(vcpu, binding, fault);
	switch (ret) {
	case -ENOMEM:
	case -ENOSPC:
	case -EBUSY:
		if (!gpumem_fault_stuck(vcpu))
			break;
		fallthrough;
	case -ENODATA:
	case -EPERM:
	case -EACCES:
	case -ETXTBSY:
		ret = gpumem_fault_policy(vcpu, window, binding, fault);
		break;
	}
	gpumem_binding_put(binding);
	return ret;
}

/* How often has this vCPU come with this very page, to no avail? */
static void gpumem_vcpu_count(struct gpumem_vcpu *vcpu,
			      const struct gpumem_hv_fault *fault)
{
	if (vcpu->window == fault->window && vcpu->index == fault->index)
		return;
	vcpu->window = fault->window;
	vcpu->index = fault->index;
	vcpu->repeats = 0;
	vcpu->stuck = 0;
}

static void gpumem_vcpu_serve(struct gpumem_vcpu *vcpu,
			      const struct gpumem_hv_fault *fault)
{
	struct gpumem_ctx *ctx = vcpu->ctx;
	struct gpumem_window *window;
	u64 start = ktime_get_ns(), ns;
	int ret;

	/* Removed meanwhile, or just not here yet. */
	window = gpumem_window_find(ctx, fault->window);
	if (!window || fault->index >= window->nr) {
		gpumem_answer(ctx, fault, GPUMEM_HV_RETRY);
		goto put;
	}

	gpumem_vcpu_count(vcpu, fault);
	ret = gpumem_fault_try(vcpu, window, fault);
	if (ret) {
		/* Not in a hurry where it has not helped so far. */
		if (vcpu->repeats > 1 || vcpu->stuck)
			msleep(GPUMEM_FAULT_PAUSE_MS);
		vcpu->repeats++;
		gpumem_answer(ctx, fault, GPUMEM_HV_RETRY);
	} else {
		vcpu->repeats = 0;
		vcpu->stuck = 0;
	}

	ns = ktime_get_ns() - start;
	atomic64_inc(&window->stats.faults);
	gpumem_stat_max(&window->stats.fault_ns_max, ns);
	trace_xen_gpumem_fault(ctx->dom.domid, fault, ret, ns);
put:
	if (window)
		gpumem_window_put(window);
}

static void gpumem_vcpu_work(struct work_struct *work)
{
	struct gpumem_vcpu *vcpu =
		container_of(work, struct gpumem_vcpu, work);
	struct gpumem_ctx *ctx = vcpu->ctx;
	struct gpumem_hv_fault fault;
	bool pending;

	spin_lock(&vcpu->lock);
	pending = vcpu->pending;
	vcpu->pending = false;
	fault = vcpu->fault;
	spin_unlock(&vcpu->lock);

	if (!vcpu->slice)
		vcpu->slice = kvmalloc(sizeof(*vcpu->slice), GFP_KERNEL);

	if (pending && vcpu->slice) {
		gpumem_vcpu_serve(vcpu, &fault);
	} else if (pending) {
		/* The host is out of memory: let the guest ask again. */
		msleep(GPUMEM_FAULT_PAUSE_MS);
		gpumem_answer(ctx, &fault, GPUMEM_HV_RETRY);
	}
	gpumem_ctx_put(ctx);
}

/**
 * gpumem_vcpu_init - prepare the place of a vCPU
 * @vcpu: the place
 * @ctx: the guest
 */
void gpumem_vcpu_init(struct gpumem_vcpu *vcpu, struct gpumem_ctx *ctx)
{
	vcpu->ctx = ctx;
	spin_lock_init(&vcpu->lock);
	INIT_WORK(&vcpu->work, gpumem_vcpu_work);
}

/**
 * gpumem_vcpu_fault - have a fault served
 * @vcpu: the place of the vCPU that waits
 * @fault: the fault
 */
void gpumem_vcpu_fault(struct gpumem_vcpu *vcpu,
		       const struct gpumem_hv_fault *fault)
{
	spin_lock(&vcpu->lock);
	vcpu->fault = *fault;
	vcpu->pending = true;
	spin_unlock(&vcpu->lock);

	gpumem_ctx_get(vcpu->ctx);
	if (!queue_work(vcpu->ctx->wq, &vcpu->work))
		gpumem_ctx_put(vcpu->ctx);
}

/* What the errors of a populating call mean to its caller. */
static int gpumem_populate_error(struct gpumem_ctx *ctx, int err)
{
	switch (err) {
	case -ESTALE:
		return -ENOENT;
	case -EPERM:
	case -EACCES:
	case -ETXTBSY:
		return -ENODATA;
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

	binding = gpumem_binding_get(window, index);
	if (!binding)
		return -ENOENT;

	ret = -EACCES;
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
		} else if (ret == -EACCES) {
			return -EPERM;
		} else if (chunk == 1 || ret == -ENOENT || ret == -ESRCH) {
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
int gpumem_populate(struct gpumem_file *file, void *arg)
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
