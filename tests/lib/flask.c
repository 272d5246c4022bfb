// SPDX-License-Identifier: GPL-2.0-only
/*
 * What FLASK is asked, and told.
 */
#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/xsm/flask_op.h>

/**
 * flask_op - ask whether the policy is enforced, or say so
 * @cmd: FLASK_GETENFORCE or FLASK_SETENFORCE
 * @enforcing: for the latter: whether it is to be
 *
 * Return: what Xen does; of the former 1 if it is enforced.
 */
long flask_op(uint32_t cmd, bool enforcing)
{
	struct xen_flask_op *op = lend_buffer(sizeof(*op));

	op->cmd = cmd;
	op->interface_version = XEN_FLASK_INTERFACE_VERSION;
	op->u.enforce.enforcing = enforcing;
	return raw_hypercall(__HYPERVISOR_xsm_op, (uintptr_t)op, 0, 0, 0, 0);
}
