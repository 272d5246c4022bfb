// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hypervisor table, on Xen: one memory op, one event channel per guest.
 *
 * The only file that knows Xen's interfaces.  It has no state of its own but
 * what is in struct gpumem_hv_dom, and no locks: every command stands alone.
 *
 * The event channel is bound by hand, since the kernel's helpers for that want
 * a xenbus device.  One event is pending from the start, so that the handler
 * can run before the binding call has returned: it takes the number of its
 * interrupt from its own argument.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/printk.h>
#include <linux/stddef.h>
#include <linux/string.h>

#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/events.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include <public/lend.h>

#include "hv.h"

/* The table's structures are handed to the hypervisor as they are. */
static_assert(sizeof(struct gpumem_extent) == sizeof(struct xen_lend_extent));
static_assert(offsetof(struct gpumem_extent, frame) ==
	      offsetof(struct xen_lend_extent, frame));
static_assert(offsetof(struct gpumem_extent, nr) ==
	      offsetof(struct xen_lend_extent, nr));
static_assert(offsetof(struct gpumem_extent, attr) ==
	      offsetof(struct xen_lend_extent, attr));
static_assert(GPUMEM_ATTR_WRITE == XEN_LEND_ATTR_WRITE);
static_assert(GPUMEM_ATTR_NC == XEN_LEND_ATTR_NC);
static_assert(GPUMEM_ATTR_REPLACE == XEN_LEND_ATTR_REPLACE);
static_assert(sizeof(struct gpumem_hv_fault) == sizeof(struct xen_lend_fault));
static_assert(offsetof(struct gpumem_hv_fault, window) ==
	      offsetof(struct xen_lend_fault, window));
static_assert(offsetof(struct gpumem_hv_fault, vcpu) ==
	      offsetof(struct xen_lend_fault, vcpu));
static_assert(offsetof(struct gpumem_hv_fault, token) ==
	      offsetof(struct xen_lend_fault, token));
static_assert(offsetof(struct gpumem_hv_fault, access) ==
	      offsetof(struct xen_lend_fault, access));
static_assert(GPUMEM_HV_ACCESS_READ == XEN_LEND_ACCESS_READ);
static_assert(GPUMEM_HV_ACCESS_WRITE == XEN_LEND_ACCESS_WRITE);
static_assert(GPUMEM_HV_ACCESS_EXEC == XEN_LEND_ACCESS_EXEC);
static_assert(GPUMEM_HV_ACCESS_WALK == XEN_LEND_ACCESS_WALK);
static_assert(GPUMEM_HV_ACCESS_EMUL == XEN_LEND_ACCESS_EMUL);
static_assert((int)GPUMEM_HV_RETRY == XEN_LEND_RESOLVE_RETRY);
static_assert((int)GPUMEM_HV_INJECT == XEN_LEND_RESOLVE_INJECT);
static_assert((int)GPUMEM_HV_MMIO == XEN_LEND_RESOLVE_MMIO);
static_assert((int)GPUMEM_HV_CRASH == XEN_LEND_RESOLVE_CRASH);
static_assert((int)GPUMEM_HV_ORPHAN_INJECT == XEN_LEND_ORPHAN_INJECT);
static_assert((int)GPUMEM_HV_ORPHAN_MMIO == XEN_LEND_ORPHAN_MMIO);
static_assert((int)GPUMEM_HV_ORPHAN_CRASH == XEN_LEND_ORPHAN_CRASH);
static_assert(GPUMEM_HV_PARKED == XEN_LEND_PARKED);
static_assert(GPUMEM_HV_FEAT_SUPERPAGE_2M == XEN_LEND_FEAT_SUPERPAGE_2M);

static int gpumem_xen_op(struct xen_lend_op *op)
{
	return HYPERVISOR_memory_op(XENMEM_lend_op, op);
}

/*
 * Extents and records of a usual fault go along with the command, in one page.
 * Where the hypervisor has to walk our page tables in order to read what we
 * point to, as under PVH, one walk then does for all of it.
 */
#define GPUMEM_XEN_EXTENTS	8
#define GPUMEM_XEN_RECORDS	8

struct gpumem_xen_map {
	struct xen_lend_op op;
	struct xen_lend_extent extents[GPUMEM_XEN_EXTENTS];
} __aligned(256);

struct gpumem_xen_poll {
	struct xen_lend_op op;
	struct xen_lend_fault faults[GPUMEM_XEN_RECORDS];
} __aligned(256);

/* What has that size and alignment does not cross a page's end. */
static_assert(sizeof(struct gpumem_xen_map) == 256);
static_assert(sizeof(struct gpumem_xen_poll) == 256);

/* A command to a guest that we are attached to. */
static struct xen_lend_op gpumem_xen_cmd(const struct gpumem_hv_dom *dom,
					 u16 cmd)
{
	return (struct xen_lend_op) {
		.cmd = cmd,
		.domid = dom->domid,
		.generation = dom->generation,
	};
}

static int gpumem_xen_query(int domid, struct gpumem_hv_info *info)
{
	struct xen_lend_op op = {
		.cmd = XEN_LEND_query,
		.domid = domid < 0 ? DOMID_SELF : domid,
		.generation = info->generation,
	};
	int ret;

	/* A guest's number, not one of the special ones that Xen knows. */
	if (domid >= (int)DOMID_FIRST_RESERVED)
		return -ESRCH;
	ret = gpumem_xen_op(&op);
	if (ret)
		return ret;
	if (op.u.query.version != XEN_LEND_VERSION)
		return -EOPNOTSUPP;
	/* Our own number: Xen answers, but names no generation to lend to. */
	if (domid >= 0 && !op.generation)
		return -EPERM;

	*info = (struct gpumem_hv_info) {
		.version = op.u.query.version,
		.features = op.u.query.features,
		.max_windows = op.u.query.max_windows,
		.max_extents = op.u.query.max_extents,
		.max_frames = op.u.query.max_frames,
		.max_faults = op.u.query.max_faults,
		.max_window = op.u.query.max_window,
		.gfn_end = op.u.query.gfn_end,
		.generation = op.generation,
	};
	return 0;
}

static int gpumem_xen_init(void)
{
	struct gpumem_hv_info info = {};
	int ret = -ENOSYS;

	if (xen_domain())
		ret = gpumem_xen_query(-1, &info);
	if (ret) {
		pr_info("no hypervisor that can lend memory here (%d)\n", ret);
		return -ENODEV;
	}
	return 0;
}

static void gpumem_xen_exit(void)
{
}

static irqreturn_t gpumem_xen_irq(int irq, void *data)
{
	struct gpumem_hv_dom *dom = data;

	/* Not from the binding call, which may not have returned yet. */
	WRITE_ONCE(dom->irq, irq);
	dom->event(dom);
	return IRQ_HANDLED;
}

static int gpumem_xen_bind_port(struct gpumem_hv_dom *dom, u32 remote_port)
{
	struct evtchn_bind_interdomain bind = {
		.remote_dom = dom->domid,
		.remote_port = remote_port,
	};
	struct evtchn_close close;
	int ret;

	ret = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &bind);
	if (ret)
		return ret;
	ret = bind_evtchn_to_irqhandler_lateeoi(bind.local_port, gpumem_xen_irq,
						0, "xen-gpumem", dom);
	if (ret < 0) {
		close.port = bind.local_port;
		HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
		return ret;
	}
	dom->port = bind.local_port;
	WRITE_ONCE(dom->irq, ret);
	return 0;
}

static int gpumem_xen_sever(struct gpumem_hv_dom *dom)
{
	struct xen_lend_op op = gpumem_xen_cmd(dom, XEN_LEND_detach);

	return gpumem_xen_op(&op);
}

static int gpumem_xen_attach(struct gpumem_hv_dom *dom)
{
	struct xen_lend_op op = gpumem_xen_cmd(dom, XEN_LEND_attach);
	int ret;

	ret = gpumem_xen_op(&op);
	if (ret)
		return ret;
	dom->generation = op.generation;

	ret = gpumem_xen_bind_port(dom, op.u.attach.port);
	if (ret)
		gpumem_xen_sever(dom);
	return ret;
}

static void gpumem_xen_detach(struct gpumem_hv_dom *dom)
{
	/*
	 * The hypervisor's part first: it lets go of every vCPU and of all
	 * memory.  Where the guest is gone, so is all of that.
	 */
	gpumem_xen_sever(dom);
	unbind_from_irqhandler(dom->irq, dom);
}

/*
 * Never spurious, though there may be nothing to poll any more: it is raised by
 * the hypervisor alone, and for a fault.  To hold back the next one would only
 * keep a vCPU waiting.
 */
static void gpumem_xen_event_done(struct gpumem_hv_dom *dom)
{
	xen_irq_lateeoi(READ_ONCE(dom->irq), 0);
}

static int gpumem_xen_create(struct gpumem_hv_dom *dom, u64 gfn, u64 nr,
			     enum gpumem_hv_orphan orphan, u32 *id)
{
	struct xen_lend_op op = gpumem_xen_cmd(dom, XEN_LEND_create);
	int ret;

	op.u.create.gfn = gfn;
	op.u.create.nr = nr;
	op.u.create.orphan = orphan;
	ret = gpumem_xen_op(&op);
	if (!ret)
		*id = op.u.create.id;
	return ret;
}

static int gpumem_xen_move(struct gpumem_hv_dom *dom, u32 id, u64 gfn)
{
	struct xen_lend_op op = gpumem_xen_cmd(dom, XEN_LEND_move);

	op.u.move.id = id;
	op.u.move.gfn = gfn;
	return gpumem_xen_op(&op);
}

static int gpumem_xen_destroy(struct gpumem_hv_dom *dom, u32 id)
{
	struct xen_lend_op op = gpumem_xen_cmd(dom, XEN_LEND_destroy);

	op.u.destroy.id = id;
	return gpumem_xen_op(&op);
}

static int gpumem_xen_map(struct gpumem_hv_dom *dom, u32 id,
			  const struct gpumem_extent *ext, unsigned int nr,
			  unsigned int *done)
{
	struct gpumem_xen_map call;
	struct xen_lend_op *op = &call.op;
	int ret;

	*op = gpumem_xen_cmd(dom, XEN_LEND_map);
	if (nr <= GPUMEM_XEN_EXTENTS)
		ext = memcpy(call.extents, ext, nr * sizeof(*ext));
	op->u.map.id = id;
	op->u.map.nr = nr;
	op->u.map.extents = (unsigned long)ext;
	ret = gpumem_xen_op(op);
	*done = op->u.map.done;
	return ret;
}

static int gpumem_xen_revoke(struct gpumem_hv_dom *dom, u32 id, u64 index,
			     u64 nr, bool downgrade, u64 *cleared)
{
	struct xen_lend_op op = gpumem_xen_cmd(dom, XEN_LEND_revoke);
	int ret;

	op.flags = downgrade ? XEN_LEND_REVOKE_DOWNGRADE : 0;
	op.u.revoke.id = id;
	op.u.revoke.index = index;
	op.u.revoke.nr = nr;
	ret = gpumem_xen_op(&op);
	*cleared = op.u.revoke.cleared;
	return ret;
}

static int gpumem_xen_poll(struct gpumem_hv_dom *dom,
			   struct gpumem_hv_fault *faults, unsigned int max,
			   unsigned int *nr, bool *more)
{
	struct gpumem_xen_poll call;
	struct xen_lend_op *op = &call.op;
	int ret;

	max = min(max, GPUMEM_XEN_RECORDS);
	*op = gpumem_xen_cmd(dom, XEN_LEND_poll);
	op->u.poll.max = max;
	op->u.poll.faults = (unsigned long)call.faults;
	ret = gpumem_xen_op(op);
	*nr = min(op->u.poll.nr, max);
	*more = op->u.poll.more;
	memcpy(faults, call.faults, *nr * sizeof(*faults));
	return ret;
}

static int gpumem_xen_resolve(struct gpumem_hv_dom *dom, u32 vcpu, u32 token,
			      enum gpumem_hv_action action)
{
	struct xen_lend_op op = gpumem_xen_cmd(dom, XEN_LEND_resolve);

	op.u.resolve.vcpu = vcpu;
	op.u.resolve.token = token;
	op.u.resolve.action = action;
	return gpumem_xen_op(&op);
}

/*
 * Under PV, Linux's numbers are not Xen's, and page tables can hold frames
 * that have no number of ours: those of other guests, mapped by grant or by
 * privcmd.  Reading such a PTE gives an all-ones number, which must not be
 * taken for the address of a device.
 */
static int gpumem_xen_frame_pv(unsigned long pfn, u64 *frame, bool *io)
{
	unsigned long mfn = __pfn_to_mfn(pfn);

	if (mfn == INVALID_P2M_ENTRY || (mfn & FOREIGN_FRAME_BIT))
		return -EACCES;
	*io = mfn & IDENTITY_FRAME_BIT;
	*frame = mfn & ~IDENTITY_FRAME_BIT;
	return 0;
}

/*
 * Under PVH the numbers are the same, and what a frame is only Xen knows for
 * sure.  It refuses what is not ours.  (PG_foreign would not do: its bit is
 * that of swap cache, too.)
 */
static bool gpumem_xen_pfn_is_io(unsigned long pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return true;
	page = pfn_to_page(pfn);
	return is_zone_device_page(page) ? is_pci_p2pdma_page(page) :
	       PageReserved(page) && !is_zero_pfn(pfn);
}

static int gpumem_xen_frame(unsigned long pfn, struct page *page, u64 *frame,
			    bool *io)
{
	/* All ones is what a PTE reads as that maps another guest's frame. */
	if (pfn >= PHYS_PFN(PTE_PFN_MASK) ||
	    pfn >> (boot_cpu_data.x86_phys_bits - PAGE_SHIFT))
		return -EACCES;
	if (xen_pv_domain())
		return gpumem_xen_frame_pv(pfn, frame, io);
	*frame = pfn;
	*io = gpumem_xen_pfn_is_io(pfn);
	return 0;
}

const struct gpumem_hv_ops gpumem_hv_xen = {
	.name = "Xen",
	.init = gpumem_xen_init,
	.exit = gpumem_xen_exit,
	.query = gpumem_xen_query,
	.attach = gpumem_xen_attach,
	.detach = gpumem_xen_detach,
	.event_done = gpumem_xen_event_done,
	.create = gpumem_xen_create,
	.move = gpumem_xen_move,
	.destroy = gpumem_xen_destroy,
	.map = gpumem_xen_map,
	.revoke = gpumem_xen_revoke,
	.sever = gpumem_xen_sever,
	.poll = gpumem_xen_poll,
	.resolve = gpumem_xen_resolve,
	.frame = gpumem_xen_frame,
};
