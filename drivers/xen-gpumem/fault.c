// SPDX-License-Identifier: GPL-2.0-only
/*
 * Serving faults: an access of the guest that waits for its page.
 *
 * A vCPU can wait for one page at a time, so it has one *job* that serves its
 * faults, a work item.  The jobs of a guest run in parallel, each asleep for
 * as long as its page takes to come in.  None of our locks is held while they
 * sleep, and nobody waits for them; a binding that was taken out under such a
 * job is noticed when it comes back.
 *
 * It may not come back for a long time, though the vCPU has somewhere else to
 * go: the binding was replaced, say.  The vCPU is then told to run again
 * (gpumem_faults_retry()), and for its next fault there is a second job.  More
 * there are not: a guest can have its vCPUs leave their faults behind as often
 * as it likes, by resetting them, and must not gather sleepers that way.
 *
 * Nor may they be missed elsewhere.  A backend that dies leaves its jobs asleep
 * if someone else, who lives, has the pages that they wait for; and the same
 * vCPU has faults in other backends' windows.  So every fd has jobs of its own
 * for each vCPU, and a workqueue of its own (its *server*), from its first
 * window on.  A fault goes to the fd that the window belongs to; where there
 * is no such window, or not yet, the vCPU runs again.  How many fds there are
 * is up to who makes them, and limited for those who derive them (file.c).
 *
 * A busy job holds a reference to its fd, so an fd that was closed under it
 * stays in memory, with all that it was derived from, until the job is back.
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
 * The work that a guest can cause is bounded by that; whatever it does,
 * nothing is allocated for it but the jobs' scratch, once, and nothing is said
 * in the log.  What a job allocates, the kernel on its behalf included, is
 * charged to the memory cgroup of the process that added the fd's first window.
 *
 * Locks: gpumem_vcpu.lock, a leaf.
 */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "internal.h"
#include "trace.h"

/* Faults in a row on one page that may meet an obstacle which is no policy's. */
#define GPUMEM_FAULT_STUCK	32

/* How many times as many pages as before the next of faults in order is worth */
#define GPUMEM_FAULT_GROWTH	4

/* Pause before another try where the try before came to nothing. */
#define GPUMEM_FAULT_PAUSE_MS	5

/* Return: 0, or -ESTALE if the vCPU waits no more: someone else was quicker. */
static int gpumem_answer(struct gpumem_ctx *ctx,
			 const struct gpumem_hv_fault *fault,
			 enum gpumem_hv_action action)
{
	return gpumem_hv->resolve(&ctx->dom, fault->vcpu, fault->token, action);
}

static struct gpumem_ctx *gpumem_job_ctx(const struct gpumem_job *job)
{
	return job->vcpu->server->file->ctx;
}

static bool gpumem_fault_is_write(const struct gpumem_hv_fault *fault)
{
	return fault->access & GPUMEM_HV_ACCESS_WRITE;
}

/*
 * Something is in the way that the guest, or want of memory, has put there.
 * Has it been there for too long?
 */
static bool gpumem_fault_stuck(struct gpumem_job *job)
{
	return ++job->stuck > GPUMEM_FAULT_STUCK;
}

/*
 * Lend the zero page.  What stands in its way is not what the policy is for,
 * unless it stays: then the guest gets the other policy.
 *
 * Return: true if the result in @ret is the result
 */
static bool gpumem_fault_zero(struct gpumem_job *job,
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
		return !gpumem_fault_stuck(job);
	default:
		/* Something else is there by now, or the window has moved. */
		*ret = -EAGAIN;
		return true;
	}
}

/*
 * There is nothing to give, for the reason @err: what was chosen for that
 * happens, and where something was bound, its owner is told.
 *
 * Return: 0, or -EAGAIN if it is not so any more, or -ENOSPC or -EBUSY if
 * something is in the way
 */
static int gpumem_fault_policy(struct gpumem_job *job,
			       struct gpumem_window *window,
			       struct gpumem_binding *binding,
			       const struct gpumem_hv_fault *fault, int err)
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
	    !gpumem_fault_zero(job, window, fault, &ret))
		ret = gpumem_answer(window->ctx, fault,
				    policy == XEN_GPUMEM_POLICY_MMIO ?
				    GPUMEM_HV_MMIO : GPUMEM_HV_INJECT);
	/* Nobody has seen anything of it. */
	if (ret == -ESTALE)
		return 0;
	if (ret)
		return ret;
	atomic64_inc(&window->stats.failed);
	/* A hole is no failure. */
	if (binding)
		gpumem_event_fault(window, fault, err);
	return 0;
}

/*
 * The guest should have the page already.  Usually another vCPU faulted on it
 * too, and one of them was served.  But it can also be that the hypervisor had
 * to take a page whole where it was asked to take only the permission to
 * write.  So: run again; and if the same vCPU comes back with the same page,
 * map it anew.
 */
static bool gpumem_fault_is_stale(struct gpumem_job *job,
				  struct gpumem_binding *binding,
				  const struct gpumem_hv_fault *fault)
{
	unsigned long slot = fault->index - binding->node.start;

	guard(mutex)(&binding->lock);
	if (!test_bit(slot, binding->lent))
		return false;
	if (gpumem_fault_is_write(fault) && !test_bit(slot, binding->writable))
		return false;
	return !job->repeats;
}

/*
 * How many pages are looked at with the one that the vCPU waits for.  If that is
 * the very page at which the last look ended, the guest goes through its memory
 * in order: then more and more, and only those that follow.  No fault is worth
 * more than one call that populates; nothing is brought in for it; and where
 * looking around is off, so is this.
 *
 * What is noted is noted before the page is mapped, as the vCPU can be back
 * before its job is done.
 */
static void gpumem_vcpu_around(struct gpumem_vcpu *vcpu,
			       const struct gpumem_binding *binding,
			       struct gpumem_slice *slice,
			       const struct gpumem_hv_fault *fault)
{
	unsigned int around = gpumem_fault_pages();
	unsigned long first, count;

	guard(spinlock)(&vcpu->lock);

	slice->ahead = around > 1 && vcpu->next == fault->index &&
		       vcpu->window == fault->window;
	if (slice->ahead)
		around = min(max(around, vcpu->around) * GPUMEM_FAULT_GROWTH,
			     GPUMEM_SLICE_PAGES);
	gpumem_around(binding->address, binding->nr,
		      fault->index - binding->node.start, around, &first,
		      &count);
	slice->around = around;
	vcpu->around = around;
	vcpu->window = fault->window;
	vcpu->next = binding->node.start + first + count;
}

/*
 * Supply the page that a vCPU waits for.
 *
 * Return: 0 the vCPU runs or will; -EAGAIN it has to try again; -ENOMEM,
 * -ENOSPC or -EBUSY likewise, if not for ever; -ESTALE the binding was taken
 * out; else there is nothing to supply
 */
static int gpumem_fault_supply(struct gpumem_job *job,
			       struct gpumem_binding *binding,
			       const struct gpumem_hv_fault *fault)
{
	struct gpumem_slice *slice = job->slice;
	int ret;

	if (gpumem_fault_is_stale(job, binding, fault))
		return -EAGAIN;

	slice->force = job->repeats;
	gpumem_vcpu_around(job->vcpu, binding, slice, fault);
	ret = gpumem_supply(binding, slice,
			    fault->index - binding->node.start, 1,
			    gpumem_fault_is_write(fault));
	if (ret || slice->woken)
		return ret;
	/* The page was there, so that nobody was woken. */
	ret = gpumem_answer(gpumem_job_ctx(job), fault, GPUMEM_HV_RETRY);
	return ret == -ESTALE ? 0 : ret;
}

static int gpumem_fault_try(struct gpumem_job *job,
			    struct gpumem_window *window,
			    const struct gpumem_hv_fault *fault)
{
	struct gpumem_binding *binding;
	int ret;

	binding = gpumem_binding_find(window, fault->index);
	if (!binding)
		return gpumem_fault_policy(job, window, NULL, fault, 0);

	ret = gpumem_fault_supply(job, binding, fault);
	switch (ret) {
	case -ENOMEM:
	case -ENOSPC:
	case -EBUSY:
		if (!gpumem_fault_stuck(job))
			break;
		fallthrough;
	case -ENODATA:
	case -EPERM:
	case -EACCES:
	case -ETXTBSY:
		ret = gpumem_fault_policy(job, window, binding, fault, ret);
		break;
	}
	gpumem_binding_put(binding);
	return ret;
}

/* How often has this job met this very page, to no avail? */
static void gpumem_job_count(struct gpumem_job *job,
			     const struct gpumem_hv_fault *fault)
{
	if (job->window == fault->window && job->index == fault->index)
		return;
	job->window = fault->window;
	job->index = fault->index;
	job->repeats = 0;
	job->stuck = 0;
}

/*
 * Let the vCPU try again, but not in a hurry where it has not helped so far.
 * If nothing was @in_the_way this time, what was there before is past.
 */
static void gpumem_job_retry(struct gpumem_job *job, bool in_the_way,
			     const struct gpumem_hv_fault *fault)
{
	if (!in_the_way)
		job->stuck = 0;
	if (job->repeats > 1 || job->stuck)
		msleep(GPUMEM_FAULT_PAUSE_MS);
	job->repeats++;
	gpumem_answer(gpumem_job_ctx(job), fault, GPUMEM_HV_RETRY);
}

static void gpumem_job_serve(struct gpumem_job *job,
			     const struct gpumem_hv_fault *fault)
{
	struct gpumem_file *file = job->vcpu->server->file;
	struct gpumem_ctx *ctx = file->ctx;
	struct gpumem_window *window;
	u64 start = ktime_get_ns(), ns;
	unsigned int stuck;
	int ret;

	/* Removed meanwhile, and perhaps the id is another fd's by now. */
	window = gpumem_window_find(ctx, fault->window);
	if (!window || window->file != file || fault->index >= window->nr) {
		gpumem_answer(ctx, fault, GPUMEM_HV_RETRY);
		goto put;
	}

	gpumem_job_count(job, fault);
	stuck = job->stuck;
	ret = gpumem_fault_try(job, window, fault);
	if (ret) {
		gpumem_job_retry(job, job->stuck != stuck, fault);
	} else {
		job->repeats = 0;
		job->stuck = 0;
	}

	ns = ktime_get_ns() - start;
	gpumem_stat_time(&window->stats.fault_time, ns);
	trace_xen_gpumem_fault(ctx->dom.domid, fault, ret, ns);
put:
	if (window)
		gpumem_window_put(window);
}

/*
 * A job is done with its fault.  If one more came while all jobs were busy, it
 * is this one's now: by way of the queue, so that no work item runs for ever.
 */
static bool gpumem_job_next(struct gpumem_job *job)
{
	struct gpumem_vcpu *vcpu = job->vcpu;

	guard(spinlock)(&vcpu->lock);
	job->busy = vcpu->pending;
	if (vcpu->pending) {
		job->fault = vcpu->fault;
		vcpu->pending = false;
		queue_work(vcpu->server->wq, &job->work);
	}
	return job->busy;
}

static void gpumem_job_work(struct work_struct *work)
{
	struct gpumem_job *job = container_of(work, struct gpumem_job, work);
	struct gpumem_server *server = job->vcpu->server;
	/* Only this job changes it while it is busy. */
	const struct gpumem_hv_fault fault = job->fault;
	struct mem_cgroup *old = set_active_memcg(server->memcg);

	if (!job->slice)
		job->slice = kvmalloc(sizeof(*job->slice),
				      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);

	if (job->slice) {
		gpumem_job_serve(job, &fault);
	} else {
		/* There is no memory: let the guest ask again. */
		msleep(GPUMEM_FAULT_PAUSE_MS);
		gpumem_answer(gpumem_job_ctx(job), &fault, GPUMEM_HV_RETRY);
	}
	set_active_memcg(old);
	if (!gpumem_job_next(job))
		gpumem_file_put(server->file);
}

static void gpumem_vcpu_init(struct gpumem_vcpu *vcpu,
			     struct gpumem_server *server)
{
	unsigned int i;

	vcpu->server = server;
	spin_lock_init(&vcpu->lock);
	for (i = 0; i < GPUMEM_VCPU_JOBS; i++) {
		vcpu->jobs[i].vcpu = vcpu;
		INIT_WORK(&vcpu->jobs[i].work, gpumem_job_work);
	}
}

/*
 * Not freezable: a worker can be asleep for as long as a process likes, and
 * must not keep the system from suspending (suspend.c).  Not for reclaim: it
 * allocates itself, and nothing in reclaim waits for it.  As many at a time as
 * there can be.
 */
static struct gpumem_server *gpumem_server_alloc(struct gpumem_file *file)
{
	unsigned int i, nr = file->ctx->info.max_faults;
	struct gpumem_server *server;

	server = kvzalloc(struct_size(server, vcpus, nr), GFP_KERNEL_ACCOUNT);
	if (!server)
		return NULL;
	server->nr = nr;
	server->file = file;
	server->wq = alloc_workqueue("xen-gpumem-%u-fd", WQ_UNBOUND,
				     WQ_UNBOUND_MAX_ACTIVE,
				     file->ctx->dom.domid);
	if (!server->wq) {
		kvfree(server);
		return NULL;
	}
	server->memcg = get_mem_cgroup_from_mm(current->mm);
	for (i = 0; i < nr; i++)
		gpumem_vcpu_init(&server->vcpus[i], server);
	return server;
}

/**
 * gpumem_server_create - a fd is about to get its first window, or another one
 * @file: the fd
 *
 * Return: 0 or -ENOMEM
 */
int gpumem_server_create(struct gpumem_file *file)
{
	struct gpumem_server *server;

	/* Pairs with the cmpxchg() below. */
	if (smp_load_acquire(&file->server))
		return 0;
	server = gpumem_server_alloc(file);
	if (!server)
		return -ENOMEM;
	/* Another thread's call may have been quicker. */
	if (cmpxchg(&file->server, NULL, server))
		gpumem_server_free(server);
	return 0;
}

/**
 * gpumem_server_free - the end
 * @server: no job is busy, though the last one may not have returned yet; so
 *	this is never called by a job
 */
void gpumem_server_free(struct gpumem_server *server)
{
	unsigned int i, j;

	destroy_workqueue(server->wq);
	for (i = 0; i < server->nr; i++)
		for (j = 0; j < GPUMEM_VCPU_JOBS; j++)
			kvfree(server->vcpus[i].jobs[j].slice);
	mem_cgroup_put(server->memcg);
	kvfree(server);
}

/*
 * Have a fault served.  The vCPU's earlier ones are void: it must have been
 * let run in between.
 */
static void gpumem_vcpu_fault(struct gpumem_vcpu *vcpu,
			      const struct gpumem_hv_fault *fault)
{
	struct gpumem_job *job;
	unsigned int i;

	guard(spinlock)(&vcpu->lock);

	for (i = 0; i < GPUMEM_VCPU_JOBS && vcpu->jobs[i].busy; i++)
		;
	if (i == GPUMEM_VCPU_JOBS) {
		vcpu->fault = *fault;
		vcpu->pending = true;
		return;
	}
	job = &vcpu->jobs[i];
	job->busy = true;
	job->fault = *fault;
	gpumem_file_get(vcpu->server->file);
	queue_work(vcpu->server->wq, &job->work);
}

/**
 * gpumem_fault_dispatch - give a fault to who has to serve it
 * @ctx: the guest
 * @fault: the fault; its vCPU is one of the guest's
 */
void gpumem_fault_dispatch(struct gpumem_ctx *ctx,
			   const struct gpumem_hv_fault *fault)
{
	struct gpumem_window *window = gpumem_window_find(ctx, fault->window);

	/* Removed meanwhile, or just not here yet. */
	if (!window) {
		gpumem_answer(ctx, fault, GPUMEM_HV_RETRY);
		return;
	}
	/* Before it is answered: who sees the guest go on shall see this. */
	atomic64_inc(&window->stats.faults);
	/* It has a server: that came first. */
	gpumem_vcpu_fault(&window->file->server->vcpus[fault->vcpu], fault);
	gpumem_window_put(window);
}

static bool gpumem_fault_is_in(const struct gpumem_hv_fault *fault, u32 window,
			       u64 index, u64 nr)
{
	return fault->window == window && fault->index >= index &&
	       fault->index - index < nr;
}

/*
 * Let a vCPU run again if what it waits for is a page of the range: in the
 * hands of a job, or still of none.
 */
static void gpumem_vcpu_retry(struct gpumem_vcpu *vcpu, u32 window, u64 index,
			      u64 nr)
{
	struct gpumem_hv_fault faults[GPUMEM_VCPU_JOBS + 1];
	unsigned int i, n = 0;

	scoped_guard(spinlock, &vcpu->lock) {
		for (i = 0; i < GPUMEM_VCPU_JOBS; i++)
			if (vcpu->jobs[i].busy &&
			    gpumem_fault_is_in(&vcpu->jobs[i].fault, window,
					       index, nr))
				faults[n++] = vcpu->jobs[i].fault;
		if (vcpu->pending &&
		    gpumem_fault_is_in(&vcpu->fault, window, index, nr)) {
			faults[n++] = vcpu->fault;
			vcpu->pending = false;
		}
	}
	for (i = 0; i < n; i++)
		gpumem_answer(vcpu->server->file->ctx, &faults[i],
			      GPUMEM_HV_RETRY);
}

/**
 * gpumem_faults_retry - let all vCPUs run again that wait for some pages
 * @window: the window
 * @index: first page
 * @nr: pages
 *
 * Called when what is behind the pages has changed: whoever serves their
 * faults may be asleep over memory that nobody asks for any more.
 */
void gpumem_faults_retry(struct gpumem_window *window, u64 index, u64 nr)
{
	struct gpumem_server *server = window->file->server;
	unsigned int i;

	for (i = 0; i < server->nr; i++)
		gpumem_vcpu_retry(&server->vcpus[i], window->id, index, nr);
}
