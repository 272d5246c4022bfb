// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the toolstack's hypercalls do and tell that no program in dom0 does.
 */
#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

/**
 * xen_domctl - one XEN_DOMCTL_*
 * @op: the argument, but for the interface's version; copied there and back
 */
long xen_domctl(struct xen_domctl *op)
{
	static struct xen_domctl *buffer;
	long ret;

	if (!buffer)
		buffer = lend_buffer(sizeof(*buffer));
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	*buffer = *op;
	ret = raw_hypercall(__HYPERVISOR_domctl, (uintptr_t)buffer, 0, 0, 0, 0);
	*op = *buffer;
	return ret;
}

/**
 * xen_dom0_is_pv - of what kind is the domain that runs the tests?
 *
 * Return: false under PVH.
 */
bool xen_dom0_is_pv(void)
{
	FILE *f = fopen("/sys/hypervisor/guest_type", "re");
	char type[16] = "";

	if (!f || fscanf(f, "%15s", type) != 1)
		FAIL("%s", "of what kind is dom0?");
	fclose(f);
	return !strcmp(type, "PV");
}

/**
 * xen_domain_new - a domain with nested paging and nothing else, not even RAM
 * @domid: its number; -1 any
 * @flags: more XEN_DOMCTL_CDF_*
 *
 * Return: the number, or an error
 */
long xen_domain_new(int domid, uint32_t flags)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain,
				 .domain = domid };
	long ret;

	op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap |
				  flags;
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 4;
	op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
	op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
	ret = xen_domctl(&op);
	return ret ? ret : op.domain;
}

/**
 * xen_domain_destroy - end such a domain
 * @domid: its number
 */
void xen_domain_destroy(int domid)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain,
				 .domain = domid };
	long ret;

	/* It does its work in slices. */
	while ((ret = xen_domctl(&op)) == -ERESTART || ret == -EAGAIN)
		;
	if (ret)
		FAIL("destroydomain: %s", xgt_errname(-ret));
}

/**
 * xen_borrower_new - a domain to lend to: a vCPU that never runs, page tables
 * @flags: XEN_DOMCTL_CDF_* besides those that each has
 *
 * Return: its number.
 */
int xen_borrower_new(uint32_t flags)
{
	struct xen_domctl vcpus = { .cmd = XEN_DOMCTL_max_vcpus };
	long domid = xen_domain_new(-1, flags);

	if (domid < 0)
		FAIL("no domain: %s", xgt_errname(-domid));
	OK(xen_set_pool_size(domid, 4 * MIB));
	vcpus.domain = domid;
	vcpus.u.max_vcpus.max = 1;
	OK(xen_domctl(&vcpus));
	return domid;
}

/**
 * xen_set_max_mem - how much RAM a guest may have
 * @domid: the guest
 * @size: bytes
 */
long xen_set_max_mem(int domid, uint64_t size)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = domid };

	op.u.max_mem.max_memkb = size / KIB;
	return xen_domctl(&op);
}

static bool domain_info(int domid, struct xen_domctl *op)
{
	memset(op, 0, sizeof(*op));
	op->cmd = XEN_DOMCTL_getdomaininfo;
	op->domain = domid;
	return !xen_domctl(op) && op->u.getdomaininfo.domain == domid;
}

/**
 * xen_shared_info_frame - machine frame of this domain's shared info page
 *
 * A page of Xen's own heap that the domain has mapped and counts as its own:
 * what a lender must not be able to lend, however it came by the number.
 *
 * Return: the frame; fails the test where Xen does not tell.
 */
uint64_t xen_shared_info_frame(void)
{
	struct xen_domctl op;

	if (!domain_info(0, &op))
		FAIL("%s", "getdomaininfo failed");
	return op.u.getdomaininfo.shared_info_frame;
}

/**
 * xen_frames_of - how many frames of RAM a domain has
 * @domid: its number
 *
 * Those count that it gave back while others hold references on them.
 *
 * Return: the number; fails the test where Xen does not tell.
 */
uint64_t xen_frames_of(int domid)
{
	struct xen_domctl op;

	if (!domain_info(domid, &op))
		FAIL("Xen does not know domain %d", domid);
	return op.u.getdomaininfo.tot_pages;
}

/**
 * xen_own_frames - how many frames of RAM this domain has
 */
uint64_t xen_own_frames(void)
{
	return xen_frames_of(0);
}

/**
 * xen_domain_there - does Xen know a domain of that number?
 * @domid: the number
 *
 * True for one that is dying, too, and cannot go because its memory is held.
 */
bool xen_domain_there(int domid)
{
	struct xen_domctl op;

	return domain_info(domid, &op);
}

/**
 * xen_set_target - give a domain device model privilege over another
 * @domid: the one, for as long as it lives
 * @target: the other, which Xen keeps as long, dead or alive
 *
 * Return: 0, or -EINVAL if it has such a target already, be it the same
 */
long xen_set_target(int domid, int target)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_set_target,
				 .domain = domid };

	op.u.set_target.target = target;
	return xen_domctl(&op);
}

/**
 * xen_map_machine - put a machine frame into a domain, as if it were a device's
 * @domid: its number
 * @gfn: where
 * @mfn: the frame; the domain gets the right to it, or loses it
 * @add: or take it away
 */
long xen_map_machine(int domid, uint64_t gfn, uint64_t mfn, bool add)
{
	struct xen_domctl permit = { .cmd = XEN_DOMCTL_iomem_permission,
				     .domain = domid };
	struct xen_domctl map = { .cmd = XEN_DOMCTL_memory_mapping,
				  .domain = domid };
	long ret;

	permit.u.iomem_permission.first_mfn = mfn;
	permit.u.iomem_permission.nr_mfns = 1;
	permit.u.iomem_permission.allow_access = add;
	map.u.memory_mapping.first_gfn = gfn;
	map.u.memory_mapping.first_mfn = mfn;
	map.u.memory_mapping.nr_mfns = 1;
	map.u.memory_mapping.add_mapping = add;
	/* Only with the right to it, either way. */
	ret = xen_domctl(add ? &permit : &map);
	return ret ? ret : xen_domctl(add ? &map : &permit);
}

/**
 * xen_crash - have a domain shut down as crashed, wherever it is
 * @domid: its number
 */
long xen_crash(int domid)
{
	struct sched_remote_shutdown *op = lend_buffer(sizeof(*op));
	long ret;

	op->domain_id = domid;
	op->reason = SHUTDOWN_crash;
	ret = raw_hypercall(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown,
			    (uintptr_t)op, 0, 0, 0);
	munmap(op, PAGE);
	return ret;
}

/**
 * xen_pin_vcpu - say on which CPU a vCPU is to run
 * @domid: its domain
 * @vcpu: its number
 * @cpu: the CPU; -1: on any
 */
long xen_pin_vcpu(int domid, unsigned int vcpu, int cpu)
{
	static uint64_t *map;
	struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpuaffinity,
				 .domain = domid };

	if (!map)
		map = lend_buffer(sizeof(*map));
	/* Xen writes what came of it there. */
	*map = cpu < 0 ? ~0ULL : 1ULL << cpu;
	op.u.vcpuaffinity.vcpu = vcpu;
	op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap,
			     (uint8_t *)map);
	op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
	return xen_domctl(&op);
}

/**
 * xen_pool_size - how many bytes a guest's pool for page tables has
 * @domid: the guest
 */
uint64_t xen_pool_size(int domid)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_get_paging_mempool_size,
				 .domain = domid };

	OK(xen_domctl(&op));
	return op.u.paging_mempool.size;
}

/**
 * xen_set_pool_size - change that; down to what is in use
 * @domid: the guest
 * @size: bytes
 */
long xen_set_pool_size(int domid, uint64_t size)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_set_paging_mempool_size,
				 .domain = domid };

	op.u.paging_mempool.size = size;
	return xen_domctl(&op);
}

/**
 * xen_pool_empty - leave a guest no page for further page tables
 * @domid: the guest
 *
 * Return: what the pool's size was, for xen_set_pool_size().
 */
uint64_t xen_pool_empty(int domid)
{
	uint64_t size = xen_pool_size(domid);
	long ret = xen_set_pool_size(domid, 0);

	/* It takes what it can get, and complains about what is in use. */
	if (ret && ret != -ENOMEM)
		FAIL("emptying the paging pool: %s", xgt_errname(-ret));
	return size;
}

/* Populate or decrease, by one page. */
static long reservation(unsigned int cmd, int domid, uint64_t gfn)
{
	static struct xen_memory_reservation *r;
	static xen_pfn_t *list;

	if (!r) {
		r = lend_buffer(sizeof(*r));
		list = lend_buffer(sizeof(*list));
	}
	*list = gfn;
	memset(r, 0, sizeof(*r));
	set_xen_guest_handle(r->extent_start, list);
	r->nr_extents = 1;
	r->domid = domid;
	return raw_hypercall(__HYPERVISOR_memory_op, cmd, (uintptr_t)r, 0, 0,
			     0);
}

/**
 * xen_populate - give a guest a page of RAM
 * @domid: the guest
 * @gfn: where, for the guest
 *
 * Return: how many pages it got, 1 or 0; or an error
 */
long xen_populate(int domid, uint64_t gfn)
{
	return reservation(XENMEM_populate_physmap, domid, gfn);
}

/**
 * xen_depopulate - take a page of its RAM from a guest
 * @domid: the guest
 * @gfn: which
 *
 * Return: how many pages it lost, 1 or 0; or an error
 */
long xen_depopulate(int domid, uint64_t gfn)
{
	return reservation(XENMEM_decrease_reservation, domid, gfn);
}

/**
 * xen_log_end - how many bytes the hypervisor has logged since it started
 *
 * Modulo 2^32: for differences.
 */
uint32_t xen_log_end(void)
{
	static struct xen_sysctl *op;
	static char *text;
	static uint32_t end;

	if (!op) {
		op = lend_buffer(sizeof(*op));
		text = lend_buffer(PAGE);
	}
	do {
		memset(op, 0, sizeof(*op));
		op->cmd = XEN_SYSCTL_readconsole;
		op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
		op->u.readconsole.incremental = 1;
		op->u.readconsole.index = end;
		op->u.readconsole.count = PAGE;
		set_xen_guest_handle(op->u.readconsole.buffer, text);
		OK(raw_hypercall(__HYPERVISOR_sysctl, (uintptr_t)op, 0, 0, 0,
				 0));
		end = op->u.readconsole.index;
	} while (op->u.readconsole.count);
	return end;
}

/**
 * guest_track - track what a guest writes to, as for its migration, or stop
 * @g: the guest
 * @on: which
 */
long guest_track(const struct xgt_guest *g, bool on)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op,
				 .domain = g->domid };

	op.u.shadow_op.op = on ? XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY :
				 XEN_DOMCTL_SHADOW_OP_OFF;
	return xen_domctl(&op);
}

/**
 * guest_pause - stop a guest's vCPUs, or let them run again
 * @g: the guest
 * @stop: which
 */
long guest_pause(const struct xgt_guest *g, bool stop)
{
	struct xen_domctl op = { .cmd = stop ? XEN_DOMCTL_pausedomain :
					       XEN_DOMCTL_unpausedomain,
				 .domain = g->domid };

	return xen_domctl(&op);
}
