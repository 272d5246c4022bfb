// SPDX-License-Identifier: GPL-2.0-only
/*
 * L7: what is lent to a guest is not in the IOMMU page tables of its devices.
 *
 * The guest has such tables from its start; Xen enters into them what it enters
 * into the guest's own, and prints them on request.  It is an empty domain with
 * a few pages of RAM: the toolstack gives PVH guests no such tables, and none
 * of this needs anybody to run.
 */
#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>

#define GFN	(XGT_WINDOW >> 12)
#define SUPER	512
#define NR	(2 * SUPER)
#define RAM_GFN	0x100
#define RAM_NR	16

/* What the tables hold, from what Xen printed. */
struct dump {
	unsigned int ram;	/* entries below where windows are */
	unsigned int window;	/* entries in the window */
	unsigned int lent;	/* entries, anywhere, of frames that are lent */
};

static struct dump dump_tables(uint64_t super, uint64_t frame)
{
	static char out[1024 * KIB];
	struct dump d = { };
	uint64_t dfn, mfn;
	char *line, *at;

	xen_debug_key('o', out, sizeof(out));
	for (line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
		at = strstr(line, "dfn: ");
		if (!at || sscanf(at, "dfn: %lx mfn: %lx", &dfn, &mfn) != 2)
			continue;
		d.ram += dfn < 0x100000;
		d.window += dfn >= GFN && dfn < GFN + NR;
		d.lent += mfn == frame ||
			  (mfn >= super && mfn < super + SUPER);
	}
	return d;
}

static void domain_new(void)
{
	int domid = xen_borrower_new(XEN_DOMCTL_CDF_iommu);

	xgt_guest.domid = domid;
	OK(xen_set_max_mem(domid, RAM_NR * PAGE));
	for (unsigned int i = 0; i < RAM_NR; i++)
		CHECK_EQ(xen_populate(domid, RAM_GFN + i), 1);
}

static void tables(void)
{
	struct dump before, with;
	uint64_t bar, frame;
	uint32_t id;
	long ret;

	domain_new();
	raw_attach();
	bar = xgt_raw.bar;
	OK(raw_create(GFN, NR, &id));
	before = dump_tables(bar, ~0ULL);
	/* Control: the guest's own memory is in them, and can be found. */
	CHECK_EQ(before.ram, RAM_NR);
	CHECK_EQ(before.window, 0);
	OK(raw_map_one(id, 0, bar, SUPER, RAW_RW));
	for (frame = 0x1000; frame < 0x40000; frame++) {
		ret = raw_map_one(id, SUPER, frame, 1, XEN_LEND_ATTR_WRITE);
		if (!ret)
			break;
	}
	OK(ret);
	frame = raw_inspect(id, SUPER).mfn;
	CHECK_EQ(raw_inspect(id, 0).order, 9);
	with = dump_tables(bar, frame);
	CHECK_EQ(with.ram, before.ram);
	CHECK_EQ(with.window, 0);
	CHECK_EQ(with.lent, 0);
	/* Nor after it was split, or replaced. */
	CHECK_EQ(raw_take(id, 3, 1, 0), 1);
	OK(raw_map_one(id, 0, bar, SUPER,
		       XEN_LEND_ATTR_NC | XEN_LEND_ATTR_REPLACE));
	with = dump_tables(bar, frame);
	CHECK_EQ(with.window + with.lent, 0);
	raw_detach();
	CHECK_EQ(dump_tables(bar, frame).ram, before.ram);
	xen_domain_destroy(xgt_guest.domid);
}

/*
 * Where the guest's devices use the guest's own page tables, nothing is lent to
 * it.  Only EPT shares them; elsewhere this shows that there is no other reason
 * to refuse.
 */
static void shared(void)
{
	long ret;

	domain_new();
	raw_query();
	ret = raw_try_attach();
	if (ret != -EXDEV) {
		OK(ret);
		raw_detach();
	}
	xen_domain_destroy(xgt_guest.domid);
	if (!ret)
		xgt_skip("cannot be run here: these processors do not share page tables with the IOMMU");
}

static const struct xgt_test tests[] = {
	{ "L7-iommu-tables", "L7,L15,N14", tables, 0, 0 },
	{ "L7-neg-14-shared-tables", "L7,N14", shared, 0, 0 },
};

XGT_MAIN(tests)
