// SPDX-License-Identifier: GPL-2.0-only
/*
 * L10: under FLASK, in enforcing mode, privilege over a target is not enough.
 *
 * To the domain of a device model, dm_dom_t, the default policy gives all that
 * such a one needs for its target, and that is not the permission to lend.  See
 * lender.c for what such a domain may do where there is no policy, and flask.c
 * for dom0.
 */
#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/xsm/flask_op.h>

static struct xgt_guest stub;
static struct xgt_mailbox box;

/* Any command, made by that domain. */
static long stub_op(uint16_t cmd, int domid)
{
	struct xen_lend_op op = { .cmd = cmd, .domid = domid };

	memcpy((void *)box.page->data, &op, sizeof(op));
	box_start(&box, 0, XG_CMD_HYPERCALL, (uint64_t[XG_ARGS]){
		  __HYPERVISOR_memory_op, XENMEM_lend_op, XG_BUFFER });
	return box_ok(box_wait(&box, 0), "the stub", __FILE__, __LINE__).v[0];
}

/*
 * The mailbox is lent to it, which the policy does not allow either: that has to
 * happen while nobody enforces it.
 */
static void stub_start(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int fd;

	OK(flask_op(FLASK_SETENFORCE, false));
	if (!guest_start(&stub, "xgt-dm", 1, "seclabel = "
			 "\"system_u:system_r:dm_dom_t\""))
		FAIL("%s", "the device model's domain did not start");
	fd = gm_open_domain(stub.domid, &limits);
	if (fd < 0)
		FAIL("opening it: %s", xgt_errname(-fd));
	box_open(&box, fd, 1);
	OK(xen_set_target(stub.domid, xgt_guest.domid));
}

static void device_model(void)
{
	CHECK_EQ(flask_op(FLASK_GETENFORCE, false), 1);
	stub_start();
	/* Control: it asks properly, and gets an answer. */
	OK(stub_op(XEN_LEND_query, xgt_guest.domid));
	OK(stub_op(XEN_LEND_query, DOMID_SELF));
	OK(flask_op(FLASK_SETENFORCE, true));
	for (uint16_t cmd = 0; cmd <= XEN_LEND_inspect; cmd++) {
		ERR(stub_op(cmd, xgt_guest.domid), EPERM);
		ERR(stub_op(cmd, 0), EPERM);
	}
	OK(stub_op(XEN_LEND_query, DOMID_SELF));
	OK(flask_op(FLASK_SETENFORCE, false));
	OK(stub_op(XEN_LEND_query, xgt_guest.domid));
	guest_destroy(&stub);
	OK(flask_op(FLASK_SETENFORCE, true));
}

static const struct xgt_test tests[] = {
	{ "L10-flask-device-model", "L10", device_model,
	  XGT_BARE | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
