// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the toolstack's hypercalls tell that no file in dom0 does.
 */
#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>
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

static struct xen_domctl_getdomaininfo *domain_info(void)
{
	struct xen_domctl *op = lend_buffer(sizeof(*op));

	op->cmd = XEN_DOMCTL_getdomaininfo;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = 0;
	if (raw_hypercall(__HYPERVISOR_domctl, (uintptr_t)op, 0, 0, 0, 0))
		FAIL("%s", "getdomaininfo failed");
	return &op->u.getdomaininfo;
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
	return domain_info()->shared_info_frame;
}

/**
 * xen_own_frames - how many frames of RAM this domain has
 *
 * Return: the number; fails the test where Xen does not tell.
 */
uint64_t xen_own_frames(void)
{
	return domain_info()->tot_pages;
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
