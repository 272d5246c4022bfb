// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what a fd's holder is told without having asked.
 *
 * A fault that ended in its binding's policy, a binding whose process is gone,
 * the guest's end.  They go to the fd that owns the window, as records in a
 * ring of fixed size.  A guest decides how often it fails, so a record that is
 * like one in the ring only makes that one count higher, and where the ring is
 * full, one record says how many others were dropped.  Its place is kept free,
 * so the order is kept, too: what follows it in the ring came later.
 *
 * That the guest is gone takes no record, but a flag of the fd's that it has
 * been told.
 *
 * Locks: gpumem_events.lock, a leaf but for wake-ups: records are posted from
 * MMU notifiers, among others, with reclaim further out.  gpumem_events.reader
 * is taken by those who read, and held over their faults.
 */
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "internal.h"
#include "trace.h"

/**
 * gpumem_events_init - a new fd has nothing to read
 * @file: the fd
 */
void gpumem_events_init(struct gpumem_file *file)
{
	spin_lock_init(&file->events.lock);
	init_waitqueue_head(&file->events.wait);
	mutex_init(&file->events.reader);
}

/* Record @i of those in the ring, the oldest being 0. */
static struct xen_gpumem_event *gpumem_events_at(struct gpumem_events *events,
						 unsigned int i)
{
	return &events->ring[(events->first + i) % GPUMEM_EVENTS];
}

/* One that is like another and adjoins it is one with it. */
static bool gpumem_event_joins(const struct xen_gpumem_event *old,
			       const struct xen_gpumem_event *new)
{
	if (old->type != new->type || old->window != new->window)
		return false;
	switch (old->type) {
	case XEN_GPUMEM_EVENT_FAULT:
		return old->error == new->error &&
		       old->access == new->access &&
		       new->offset + new->length >= old->offset &&
		       old->offset + old->length >= new->offset;
	case XEN_GPUMEM_EVENT_ORPHAN:
		return true;
	default:
		return false;
	}
}

static void gpumem_event_join(struct xen_gpumem_event *old,
			      const struct xen_gpumem_event *new)
{
	u64 end = max(old->offset + old->length, new->offset + new->length);

	old->offset = min(old->offset, new->offset);
	old->length = end - old->offset;
	if (check_add_overflow(old->count, new->count, &old->count))
		old->count = U32_MAX;
}

static void gpumem_events_append(struct gpumem_events *events,
				 const struct xen_gpumem_event *event)
{
	static const struct xen_gpumem_event overflow = {
		.size = sizeof(overflow),
		.type = XEN_GPUMEM_EVENT_OVERFLOW,
		.count = 1,
	};
	struct xen_gpumem_event *last;

	if (events->nr < GPUMEM_EVENTS - 1) {
		*gpumem_events_at(events, events->nr++) = *event;
		return;
	}
	last = gpumem_events_at(events, events->nr - 1);
	if (last->type != XEN_GPUMEM_EVENT_OVERFLOW)
		*gpumem_events_at(events, events->nr++) = overflow;
	else if (last->count < U32_MAX)
		last->count++;
}

static void gpumem_event_post(struct gpumem_file *file, u16 domid,
			      const struct xen_gpumem_event *event)
{
	struct gpumem_events *events = &file->events;
	unsigned int i;

	trace_xen_gpumem_event(domid, event);

	scoped_guard(spinlock, &events->lock) {
		if (events->told)
			return;
		for (i = events->reading; i < events->nr; i++)
			if (gpumem_event_joins(gpumem_events_at(events, i),
					       event))
				break;
		if (i < events->nr)
			gpumem_event_join(gpumem_events_at(events, i), event);
		else
			gpumem_events_append(events, event);
	}
	wake_up_interruptible_poll(&events->wait, EPOLLIN | EPOLLRDNORM);
}

/* What the driver's errors are to someone who looks for the cause. */
static int gpumem_event_error(int err)
{
	switch (err) {
	case -EPERM:
		return EROFS;
	case -ETXTBSY:
		return EACCES;
	default:
		return -err;
	}
}

/**
 * gpumem_event_fault - an access got its binding's policy
 * @window: where
 * @fault: the access
 * @err: why
 */
void gpumem_event_fault(struct gpumem_window *window,
			const struct gpumem_hv_fault *fault, int err)
{
	const u32 known = GPUMEM_HV_ACCESS_READ | GPUMEM_HV_ACCESS_WRITE |
			  GPUMEM_HV_ACCESS_EXEC;

	static_assert(GPUMEM_HV_ACCESS_READ == XEN_GPUMEM_ACCESS_READ);
	static_assert(GPUMEM_HV_ACCESS_WRITE == XEN_GPUMEM_ACCESS_WRITE);
	static_assert(GPUMEM_HV_ACCESS_EXEC == XEN_GPUMEM_ACCESS_EXEC);

	gpumem_event_post(window->file, window->ctx->dom.domid,
			  &(struct xen_gpumem_event){
		.size = sizeof(struct xen_gpumem_event),
		.type = XEN_GPUMEM_EVENT_FAULT,
		.window = window->id,
		.count = 1,
		.offset = fault->index << PAGE_SHIFT,
		.length = PAGE_SIZE,
		.error = gpumem_event_error(err),
		.access = fault->access & known,
	});
}

/**
 * gpumem_event_orphan - the process that bound some memory is gone
 * @binding: the binding, locked
 */
void gpumem_event_orphan(const struct gpumem_binding *binding)
{
	const struct gpumem_window *window = binding->window;

	gpumem_event_post(window->file, window->ctx->dom.domid,
			  &(struct xen_gpumem_event){
		.size = sizeof(struct xen_gpumem_event),
		.type = XEN_GPUMEM_EVENT_ORPHAN,
		.window = window->id,
		.count = 1,
		.offset = (u64)binding->node.start << PAGE_SHIFT,
		.length = (u64)binding->nr << PAGE_SHIFT,
	});
}

/* The last one of each fd, and of a trace. */
static const struct xen_gpumem_event gpumem_gone = {
	.size = sizeof(gpumem_gone),
	.type = XEN_GPUMEM_EVENT_GONE,
	.count = 1,
};

/**
 * gpumem_event_gone - the guest is gone: tell all fds
 * @ctx: the guest
 *
 * From anywhere but interrupts; more than once does no harm.
 */
void gpumem_event_gone(struct gpumem_ctx *ctx)
{
	struct gpumem_file *file;

	if (xchg(&ctx->dead, true))
		return;
	trace_xen_gpumem_event(ctx->dom.domid, &gpumem_gone);
	gpumem_grants_hurry();
	guard(spinlock)(&ctx->files_lock);
	list_for_each_entry(file, &ctx->files, link)
		wake_up_interruptible_poll(&file->events.wait,
					   EPOLLIN | EPOLLRDNORM | EPOLLHUP);
}

/* --- reading --------------------------------------------------------------- */

/* Something can be read, be it that nothing will come any more. */
static bool gpumem_events_ready(struct gpumem_file *file)
{
	return READ_ONCE(file->events.nr) || gpumem_ctx_is_dead(file->ctx);
}

/* The next record.  Return: whether there is one. */
static bool gpumem_events_peek(struct gpumem_file *file,
			       struct xen_gpumem_event *event)
{
	struct gpumem_events *events = &file->events;

	lockdep_assert_held(&events->reader);
	guard(spinlock)(&events->lock);

	if (events->nr) {
		*event = *gpumem_events_at(events, 0);
		events->reading = true;
		return true;
	}
	if (!gpumem_ctx_is_dead(file->ctx) || events->told)
		return false;
	/* It is the last one: nothing is posted from here on. */
	events->told = true;
	*event = gpumem_gone;
	return true;
}

/* It was read, or it was not. */
static void gpumem_events_pop(struct gpumem_file *file, bool done)
{
	struct gpumem_events *events = &file->events;

	guard(spinlock)(&events->lock);
	if (!events->reading) {
		events->told = done;
		return;
	}
	events->reading = false;
	if (done) {
		events->first = (events->first + 1) % GPUMEM_EVENTS;
		events->nr--;
	}
}

/* As many whole records as there are and fit; some or none. */
static ssize_t gpumem_events_read(struct gpumem_file *file, char __user *buf,
				  size_t len)
{
	struct xen_gpumem_event event;
	ssize_t sum = 0;

	lockdep_assert_held(&file->events.reader);

	while (len - sum >= sizeof(event) &&
	       gpumem_events_peek(file, &event)) {
		if (copy_to_user(buf + sum, &event, sizeof(event))) {
			gpumem_events_pop(file, false);
			return sum ?: -EFAULT;
		}
		gpumem_events_pop(file, true);
		sum += sizeof(event);
	}
	return sum;
}

/**
 * gpumem_file_read - read() on a domain fd
 * @filp: the open file
 * @buf: where records go
 * @len: bytes there
 * @pos: not used
 *
 * Return: bytes, or an error that the uapi header lists
 */
ssize_t gpumem_file_read(struct file *filp, char __user *buf, size_t len,
			 loff_t *pos)
{
	struct gpumem_file *file = filp->private_data;
	ssize_t ret;

	if (len < sizeof(struct xen_gpumem_event))
		return -EINVAL;
	len = min_t(size_t, len, MAX_RW_COUNT);
	for (;;) {
		/* Whoever holds it may fault for as long as it likes. */
		if (mutex_lock_interruptible(&file->events.reader))
			return -ERESTARTSYS;
		ret = gpumem_events_read(file, buf, len);
		mutex_unlock(&file->events.reader);
		if (ret || READ_ONCE(file->events.told))
			return ret;
		if (filp->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(file->events.wait,
					       gpumem_events_ready(file));
		if (ret)
			return ret;
	}
}

/**
 * gpumem_file_poll - poll() on a domain fd
 * @filp: the open file
 * @wait: where to wait
 *
 * Return: EPOLLIN something can be read; EPOLLHUP the guest is gone
 */
__poll_t gpumem_file_poll(struct file *filp, poll_table *wait)
{
	struct gpumem_file *file = filp->private_data;
	__poll_t mask = 0;

	poll_wait(filp, &file->events.wait, wait);
	if (gpumem_events_ready(file))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (gpumem_ctx_is_dead(file->ctx))
		mask |= EPOLLHUP;
	return mask;
}
