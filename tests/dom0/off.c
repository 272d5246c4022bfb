// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hypervisor that does not lend, because it was not asked to or because it
 * cannot: the operation is there, and says so, whatever it is called with.
 */
#include "xgt.h"

static void refused(void)
{
	struct xen_lend_op op;

	for (uint32_t cmd = 0; cmd < 0x10000; cmd = cmd < 32 ? cmd + 1 : cmd * 3) {
		memset(&op, 0, sizeof(op));
		ERR(lend_op(&op, cmd, 0x7ff0, 0), EOPNOTSUPP);
		memset(&op, 0xff, sizeof(op));
		ERR(lend_op(&op, cmd, xgt_guest.domid, 0), EOPNOTSUPP);
	}
	/* Not even looked at. */
	ERR(raw_hypercall(12, XENMEM_lend_op, 0x10, 0, 0, 0), EOPNOTSUPP);
	CHECK(guest_alive(&xgt_guest));
}

static const struct xgt_test tests[] = {
	{ "U6-off-refused", "U6", refused, XGT_BARE, 0 },
};

XGT_MAIN(tests)
