// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the toolstack's hypercalls tell that no file in dom0 does.
 */
#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>

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
