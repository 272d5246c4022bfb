// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a hypervisor without its debugging aids does not tell.
 */
#include "xgt.h"

static void inspect(void)
{
	struct xen_lend_op op = { };
	uint32_t id;
	char out[1024];

	raw_attach();
	CHECK(!(xgt_raw.query.features & XEN_LEND_FEAT_INSPECT));
	CHECK(xgt_raw.query.features & XEN_LEND_FEAT_SUPERPAGE_2M);
	OK(raw_create(XGT_WINDOW >> 12, 1, &id));
	op.u.inspect.id = id;
	ERR(raw_op(&op, XEN_LEND_inspect), EOPNOTSUPP);
	/* The counters of events are there, those of references are not. */
	xen_debug_key('k', out, sizeof(out));
	CHECK(strstr(out, "1 frames"));
	CHECK(!strstr(out, "references"));
	raw_detach();
}

static const struct xgt_test tests[] = {
	{ "U4-release-inspect", "U4,L15", inspect, XGT_BARE, 0 },
};

XGT_MAIN(tests)
