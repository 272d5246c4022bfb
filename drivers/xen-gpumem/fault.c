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
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "internal.h"
#include "trace.h"

/* Turns that one fault takes before the guest has to ask again. */
#define GPUMEM_FAULT_TURNS	16

/* Faults in a row that may meet an obstacle of the guest's own making. */
#define GPUMEM_FAULT_REPEATS	32

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
 * Resolve and commit, again and again until the memory holds still.  The
 * caller has mm_users of the binding's process.
 *
 * Return: 0 or an error of gpumem_resolve() or gpumem_binding_commit()
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
		if (!ret)
			ret = gpumem_binding_commit(binding, slice);
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
	case -EBUSY:
		return vcpu->repeats < GPUMEM_FAULT_REPEATS;
	default:
		/* Something else is there by now, or the window has moved. */
		*ret = -EAGAIN;
		return true;
	}
}

/*
 * There is nothing to give: what was chosen for that happens.
 *
 * Return: 0, or -EAGAIN if it is not so any more, or -ENOMEM or -EBUSY if
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
 * Return: 0 the vCPU runs or will; -EAGAIN it has to try again; -ENOMEM or
 * -EBUSY likewise, for a reason of the guest's; -ESTALE the binding was taken
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
	case -EBUSY:
		if (vcpu->repeats < GPUMEM_FAULT_REPEATS)
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
		if (vcpu->repeats > 1 || ret == -ENOMEM)
			msleep(GPUMEM_FAULT_PAUSE_MS);
		vcpu->repeats++;
		gpumem_answer(ctx, fault, GPUMEM_HV_RETRY);
	} else {
		vcpu->repeats = 0;
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
	default:
		return gpumem_ctx_error(ctx, err);
	}
}

/* One step: pages from @index on, at most @nr, as many as one slice holds. */
static int gpumem_populate_step(struct gpumem_window *window,
				struct gpumem_slice *slice, u64 index, u64 nr,
				bool write, u64 *done)
{
	struct gpumem_binding *binding;
	unsigned long slot;
	int ret;

	mutex_lock(&window->lock);
	gpumem_zero_drop(window, index, min_t(u64, nr, GPUMEM_SLICE_PAGES));
	mutex_unlock(&window->lock);

	binding = gpumem_binding_get(window, index);
	if (!binding)
		return -ENOENT;

	ret = -EPERM;
	if (binding->mm != current->mm)
		goto put;

	slot = index - binding->node.start;
	ret = gpumem_supply(binding, slice, slot,
			    min_t(u64, nr, GPUMEM_SLICE_PAGES), write);
	ret = gpumem_populate_error(window->ctx, ret);
	if (!ret)
		*done += slice->nr_want;
put:
	gpumem_binding_put(binding);
	return ret;
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
	struct xen_gpumem_populate *cmd = arg;
	bool write = cmd->flags & XEN_GPUMEM_POPULATE_WRITE;
	struct gpumem_slice *slice __free(kvfree) = NULL;
	struct gpumem_window *window;
	u64 index, nr, done = 0;
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
	while (!ret && done < nr) {
		if (signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		ret = gpumem_populate_step(window, slice, index + done,
					   nr - done, write, &done);
		cond_resched();
	}
	cmd->out_done = done << PAGE_SHIFT;
	gpumem_window_put(window);
	return ret;
}
