// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock hypervisor's control device, and accesses as a vCPU makes them.
 *
 * A thread that calls XGM_ACCESS is the vCPU for as long as the call takes:
 * it looks its address up, copies the word if the page is there, and otherwise
 * leaves a fault record and sleeps until someone lets it run; then it begins
 * anew.  It gives up after its time, or when it is killed, and takes its
 * record back then.
 *
 * The word is copied under the domain's lock: see hv-mock.h.  Device memory
 * has to be mapped first, which cannot be done under it: the access is tried
 * again with the mapping, and goes through if the frame is still the same.
 */
#include <linux/bitops.h>
#include <linux/capability.h>
#include <linux/freezer.h>
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "hv-mock.h"

/* Besides enum xgm_result: what one try can end with. */
#define TRY_WAIT	100		/* there is a fault record */
#define TRY_MAP		101		/* device memory, not mapped yet */

struct io_page {
	u64 frame;
	void __iomem *map;
};

/* --- a vCPU's access ---------------------------------------------------- */

static void copy_word(struct xgm_access *arg, struct io_page *io)
{
	unsigned long pfn = mock_frame_pfn(arg->out_frame);
	unsigned int offset = offset_in_page(arg->gpa);
	bool write = arg->access & GPUMEM_HV_ACCESS_WRITE;
	u64 *word;
	void *page;

	if (!pfn_valid(pfn)) {
		if (write)
			writeq(arg->value, io->map + offset);
		else
			arg->value = readq(io->map + offset);
		return;
	}
	page = kmap_local_page(pfn_to_page(pfn));
	word = page + offset;
	if (write)
		WRITE_ONCE(*word, arg->value);
	else
		arg->value = READ_ONCE(*word);
	kunmap_local(page);
}

/* One run of the instruction.  Return: enum xgm_result, or TRY_*. */
static int access_try(struct mock_domain *d, struct mock_vcpu *v,
		      struct xgm_access *arg, struct io_page *io)
{
	bool write = arg->access & GPUMEM_HV_ACCESS_WRITE;
	u64 gfn = arg->gpa >> PAGE_SHIFT, entry;
	struct mock_window *w;

	guard(spinlock_irqsave)(&d->lock);
	if (d->dying)
		return XGM_DEAD;
	w = mock_window_by_gfn(d, gfn);
	if (!w)
		return XGM_NOWINDOW;
	if (mock_plugged(d, gfn))
		return XGM_OWN;
	entry = mock_p2m_get(w, gfn - w->gfn);
	if (!entry || (write && !(entry & GPUMEM_ATTR_WRITE))) {
		if (v->pass)
			return XGM_MMIO;
		mock_fault(d, v, w->id, gfn - w->gfn, arg->access);
		return TRY_WAIT;
	}
	arg->out_frame = MOCK_FRAME(entry);
	if (!pfn_valid(mock_frame_pfn(arg->out_frame)) &&
	    io->frame != arg->out_frame)
		return TRY_MAP;
	copy_word(arg, io);
	return XGM_DONE;
}

/*
 * Sleep as a vCPU does: whoever plays it can be killed, and frozen.
 *
 * Return: jiffies left, zero at the end of the time, or an error if killed
 */
static long access_sleep(struct mock_vcpu *v, long left)
{
	return ___wait_event(v->wait,
			     ___wait_cond_timeout(!READ_ONCE(v->waiting)),
			     (TASK_KILLABLE | TASK_FREEZABLE), 0, left,
			     __ret = schedule_timeout(__ret));
}

/* Wait to be let run.  Return: enum xgm_result, -EINTR, or TRY_WAIT: go on. */
static int access_wait(struct mock_domain *d, struct mock_vcpu *v,
		       unsigned long end)
{
	long left = max_t(long, end - jiffies, 0);
	long ret;

	ret = access_sleep(v, left);
	guard(spinlock_irqsave)(&d->lock);
	if (v->waiting) {
		mock_wake(d, v, GPUMEM_HV_RETRY);
		return ret < 0 ? -EINTR : XGM_HUNG;
	}
	if (v->action == GPUMEM_HV_INJECT)
		return XGM_INJECTED;
	/* Faults again and again: it does not get on either. */
	if (v->action != GPUMEM_HV_CRASH)
		return time_after(jiffies, end) ? XGM_HUNG : TRY_WAIT;
	return XGM_DEAD;
}

static int access_map(struct io_page *io, u64 frame)
{
	if (io->map)
		iounmap(io->map);
	io->frame = frame;
	io->map = ioremap_wc((u64)mock_frame_pfn(frame) << PAGE_SHIFT,
			     PAGE_SIZE);
	return io->map ? 0 : -ENOMEM;
}

static int run_vcpu(struct mock_domain *d, struct mock_vcpu *v,
		    struct xgm_access *arg)
{
	unsigned long end = jiffies + msecs_to_jiffies(arg->timeout_ms);
	struct io_page io = {};
	int ret;

	v->pass = false;
	do {
		ret = access_try(d, v, arg, &io);
		if (ret == TRY_MAP) {
			ret = access_map(&io, arg->out_frame) ?: TRY_WAIT;
		} else if (ret == TRY_WAIT) {
			arg->out_faults++;
			ret = access_wait(d, v, end);
		}
	} while (ret == TRY_WAIT);
	if (io.map)
		iounmap(io.map);
	if (ret < 0)
		return ret;
	arg->out_result = ret;
	return 0;
}

static int ctl_access(struct mock_domain *d, void *p)
{
	const u32 kinds = GPUMEM_HV_ACCESS_READ | GPUMEM_HV_ACCESS_WRITE |
			  GPUMEM_HV_ACCESS_EXEC;
	struct xgm_access *arg = p;
	struct mock_vcpu *v;
	int ret;

	if (arg->vcpu >= d->nr_vcpus || arg->gpa % 8 ||
	    hweight32(arg->access & kinds) != 1)
		return -EINVAL;
	arg->out_frame = ~0ULL;
	arg->out_faults = 0;
	v = &d->vcpu[arg->vcpu];
	if (test_and_set_bit(0, &v->busy))
		return -EBUSY;
	ret = run_vcpu(d, v, arg);
	clear_bit_unlock(0, &v->busy);
	return ret;
}

/* --- the other calls on a domain ---------------------------------------- */

static int ctl_kill(struct mock_domain *d, void *p)
{
	struct xgm_kill *arg = p;

	mock_domain_kill(d, arg->gone);
	return 0;
}

static int ctl_inspect(struct mock_domain *d, void *p)
{
	struct xgm_inspect *arg = p;
	struct mock_window *w;
	u64 entry;

	guard(spinlock_irqsave)(&d->lock);
	w = mock_window_by_id(d, arg->window);
	if (!w)
		return -ENOENT;
	if (arg->index >= w->nr)
		return -ERANGE;
	entry = mock_p2m_get(w, arg->index);
	arg->out_frame = entry ? MOCK_FRAME(entry) : ~0ULL;
	arg->out_attr = MOCK_ATTR(entry);
	return 0;
}

static int ctl_tune(struct mock_domain *d, void *p)
{
	guard(spinlock_irqsave)(&d->lock);
	d->tune = *(struct xgm_tune *)p;
	return 0;
}

/* What the guest plugs in takes the place of what was lent there. */
static int ctl_plug(struct mock_domain *d, void *p)
{
	struct xgm_plug *arg = p;

	guard(spinlock_irqsave)(&d->lock);
	d->plug = *arg;
	for (u64 gfn = arg->gfn; gfn - arg->gfn < arg->nr; gfn++) {
		struct mock_window *w = mock_window_by_gfn(d, gfn);

		if (w)
			mock_p2m_clear(d, w, gfn - w->gfn, 1, false);
	}
	return 0;
}

static int ctl_poke(struct mock_domain *d, void *p)
{
	struct xgm_poke *arg = p;

	guard(spinlock_irqsave)(&d->lock);
	switch (arg->what) {
	case XGM_POKE_EVENT:
		mock_raise(d);
		return 0;
	case XGM_POKE_WAKE:
		if (arg->vcpu >= d->nr_vcpus)
			return -EINVAL;
		mock_wake(d, &d->vcpu[arg->vcpu], GPUMEM_HV_RETRY);
		return 0;
	default:
		return -EINVAL;
	}
}

static int ctl_stats(struct mock_domain *d, void *p)
{
	struct xgm_stats *arg = p;

	guard(spinlock_irqsave)(&d->lock);
	mock_p2m_scan(d);
	d->stats.domid = d->domid;
	d->stats.out_windows = d->nr_windows;
	d->stats.out_pool_used = d->pool_used;
	d->stats.out_waiting = 0;
	for (u32 i = 0; i < d->nr_vcpus; i++)
		d->stats.out_waiting += d->vcpu[i].waiting;
	*arg = d->stats;
	return 0;
}

/* --- the device --------------------------------------------------------- */

/* Calls with a function are about one domain: their argument begins with it. */
static const struct ctl_call {
	unsigned int cmd;
	unsigned int size;
	int (*fn)(struct mock_domain *d, void *arg);
} ctl_calls[] = {
	{ XGM_CREATE, sizeof(struct xgm_create) },
	{ XGM_KILL, sizeof(struct xgm_kill), ctl_kill },
	{ XGM_ACCESS, sizeof(struct xgm_access), ctl_access },
	{ XGM_INSPECT, sizeof(struct xgm_inspect), ctl_inspect },
	{ XGM_INJECT, sizeof(struct xgm_inject) },
	{ XGM_STATE, sizeof(struct xgm_state) },
	{ XGM_RELEASE, sizeof(struct xgm_state) },
	{ XGM_TUNE, sizeof(struct xgm_tune), ctl_tune },
	{ XGM_PLUG, sizeof(struct xgm_plug), ctl_plug },
	{ XGM_POKE, sizeof(struct xgm_poke), ctl_poke },
	{ XGM_STATS, sizeof(struct xgm_stats), ctl_stats },
	{ XGM_WRONG, sizeof(struct xgm_wrong) },
};

/* The argument of any call. */
union ctl_arg {
	u16 domid;
	struct xgm_create create;
	struct xgm_kill kill;
	struct xgm_access access;
	struct xgm_inspect inspect;
	struct xgm_inject inject;
	struct xgm_state state;
	struct xgm_tune tune;
	struct xgm_plug plug;
	struct xgm_poke poke;
	struct xgm_stats stats;
	struct xgm_wrong wrong;
};

static int call_domain(const struct ctl_call *call, union ctl_arg *arg)
{
	struct mock_domain *d = mock_domain_get(arg->domid);
	int ret;

	if (!d)
		return -ESRCH;
	ret = call->fn(d, arg);
	mock_domain_put(d);
	return ret;
}

static int call_any(struct file *file, const struct ctl_call *call,
		    union ctl_arg *arg)
{
	switch (call->cmd) {
	case XGM_CREATE:
		return mock_domain_create(file, &arg->create);
	case XGM_INJECT:
		return mock_inject(&arg->inject);
	case XGM_STATE:
		return mock_state(&arg->state);
	case XGM_RELEASE:
		return mock_release(arg->state.op);
	case XGM_WRONG:
		return mock_do_wrong(arg->wrong.what);
	default:
		return call_domain(call, arg);
	}
}

static long ctl_ioctl(struct file *file, unsigned int cmd, unsigned long p)
{
	void __user *user = (void __user *)p;
	const struct ctl_call *call = NULL;
	union ctl_arg arg = {};
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(ctl_calls); i++)
		if (ctl_calls[i].cmd == cmd)
			call = &ctl_calls[i];
	if (!call)
		return -ENOTTY;
	if (copy_from_user(&arg, user, call->size))
		return -EFAULT;
	ret = call_any(file, call, &arg);
	if (ret)
		return ret;
	return copy_to_user(user, &arg, call->size) ? -EFAULT : 0;
}

/* It reads and writes whatever was lent to its domains. */
static int ctl_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static int ctl_release(struct inode *inode, struct file *file)
{
	mock_inject_none();
	mock_domains_kill(file);
	return 0;
}

static const struct file_operations ctl_fops = {
	.owner = THIS_MODULE,
	.open = ctl_open,
	.release = ctl_release,
	.unlocked_ioctl = ctl_ioctl,
};

static struct miscdevice ctl_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "gpumem-mock",
	.nodename = "xen/gpumem-mock",
	.fops = &ctl_fops,
	.mode = 0600,
};

/**
 * mock_ctl_init - make the device node
 */
int mock_ctl_init(void)
{
	return misc_register(&ctl_device);
}

/**
 * mock_ctl_exit - remove the device node, which nobody has open
 */
void mock_ctl_exit(void)
{
	misc_deregister(&ctl_device);
}
