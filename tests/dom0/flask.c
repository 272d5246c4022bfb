// SPDX-License-Identifier: GPL-2.0-only
/*
 * L10: under FLASK, in enforcing mode, lending takes a permission of its own.
 *
 * The default policy, with our patch, gives dom0 that permission over domains
 * labelled domU_t, which is what every guest is that nobody labels, and not
 * over isolated_domU_t.  Dom0 may do the same to both in all other respects.
 */
#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/xsm/flask_op.h>

#define LENGTH	(64 * PAGE)

static long flask_op(uint32_t cmd, bool enforcing)
{
	struct xen_flask_op *op = lend_buffer(sizeof(*op));

	op->cmd = cmd;
	op->interface_version = XEN_FLASK_INTERFACE_VERSION;
	op->u.enforce.enforcing = enforcing;
	return raw_hypercall(__HYPERVISOR_xsm_op, (uintptr_t)op, 0, 0, 0, 0);
}

static void allowed(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window;

	CHECK_EQ(flask_op(FLASK_GETENFORCE, false), 1);
	fill(map, LENGTH, 1);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, 2);
	verify(map, LENGTH, 2);
	OK(gm_window_remove(xgt_dom, window));
}

static void denied(void)
{
	struct xen_gpumem_open_domain limits = { };
	struct xen_lend_op op;
	struct xgt_guest g;

	CHECK_EQ(flask_op(FLASK_GETENFORCE, false), 1);
	if (!guest_start(&g, "xgt-isolated", 1, "seclabel = "
			 "\"system_u:system_r:isolated_domU_t\""))
		FAIL("%s", "the isolated guest did not start");
	for (uint16_t cmd = 0; cmd <= XEN_LEND_inspect; cmd++) {
		memset(&op, 0, sizeof(op));
		ERR(lend_op(&op, cmd, g.domid, 0), EPERM);
	}
	limits.rights = XEN_GPUMEM_RIGHT_LEND;
	ERR(gm_open_domain(g.domid, &limits), EPERM);
	/* Control: it is about the label, and it is FLASK that refuses. */
	memset(&op, 0, sizeof(op));
	OK(lend_op(&op, XEN_LEND_query, xgt_guest.domid, 0));
	CHECK(op.generation != 0);
	OK(flask_op(FLASK_SETENFORCE, false));
	memset(&op, 0, sizeof(op));
	OK(lend_op(&op, XEN_LEND_query, g.domid, 0));
	OK(flask_op(FLASK_SETENFORCE, true));
	memset(&op, 0, sizeof(op));
	ERR(lend_op(&op, XEN_LEND_query, g.domid, 0), EPERM);
	guest_destroy(&g);
}

static const struct xgt_test tests[] = {
	{ "L10-flask-allowed", "L10", allowed, XGT_GUEST, 0 },
	{ "L10-flask-denied", "L10", denied, XGT_BARE, 0 },
};

XGT_MAIN(tests)
