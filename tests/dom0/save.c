// SPDX-License-Identifier: GPL-2.0-only
/*
 * L12: a guest that something is lent to cannot be saved, and runs on.
 *
 * By the toolstack, as an administrator would do it, and by the very hypercalls
 * that saving and live migration are made of.
 */
#include "xgt.h"

#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/domctl.h>

#define LENGTH	(64 * PAGE)

/* The size of the context, which is where saving it begins. */
static long context_size(uint32_t *size)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_gethvmcontext,
				 .domain = xgt_guest.domid };
	long ret = xen_domctl(&op);

	*size = op.u.hvmcontext.size;
	return ret;
}

static long shadow_op(uint32_t which)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_shadow_op,
				 .domain = xgt_guest.domid };

	op.u.shadow_op.op = which;
	return xen_domctl(&op);
}

/* xl save -c: the guest runs on afterwards, whether it worked or not. */
static int xl_save(void)
{
	char *argv[] = { "xl", "save", "-c", xgt_guest.name, "/dev/null",
			 NULL };

	return xgt_spawn(argv, NULL, 0);
}

static void hypercalls(void)
{
	uint32_t size, id;

	/* Control: without anything lent, all of it works. */
	OK(context_size(&size));
	CHECK(size > 0);
	OK(shadow_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY));
	raw_query();
	ERR(raw_try_attach(), EBUSY);
	OK(shadow_op(XEN_DOMCTL_SHADOW_OP_OFF));
	/* Who has no window yet is in nobody's way. */
	raw_attach();
	OK(context_size(&size));
	OK(shadow_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY));
	ERR(raw_create(XGT_WINDOW >> 12, 16, &id), EOPNOTSUPP);
	OK(shadow_op(XEN_DOMCTL_SHADOW_OP_OFF));
	OK(raw_create(XGT_WINDOW >> 12, 16, &id));
	ERR(context_size(&size), EBUSY);
	ERR(shadow_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY), EBUSY);
	raw_detach();
	OK(context_size(&size));
	OK(shadow_op(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY));
	OK(shadow_op(XEN_DOMCTL_SHADOW_OP_OFF));
}

static void without(void)
{
	CHECK_EQ(xl_save(), 0);
	CHECK(guest_alive(&xgt_guest));
}

static void refused(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window;

	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 1);
	CHECK(xl_save() != 0);
	CHECK(guest_alive(&xgt_guest));
	/* All of it goes on, as if nobody had asked. */
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, 2);
	verify(map, LENGTH, 2);
	OK(gm_window_remove(xgt_dom, window));
}

static const struct xgt_test tests[] = {
	{ "L12-save-hypercalls", "L12", hypercalls, XGT_BARE, 0 },
	{ "L12-save-without", "L12", without, XGT_BARE, 240 },
	{ "L12-save-refused", "L12", refused, XGT_GUEST, 240 },
};

XGT_MAIN(tests)
