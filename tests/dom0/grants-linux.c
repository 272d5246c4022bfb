// SPDX-License-Identifier: GPL-2.0-only
/*
 * E10: references for dma-bufs in the hands of a stock Linux guest.
 *
 * The guest's server maps them through /dev/xen/gntdev, by the calls that
 * libxengnttab makes for xengnttab_map_domain_grant_refs() and
 * xengnttab_unmap(); nothing in the guest knows where the references are from.
 */
#include "backing.h"

#define PAGES	64U
#define LENGTH	(PAGES * PAGE)

/* Return: the errno that the guest's program got. */
static uint64_t map_in_guest(unsigned int area, const uint32_t *refs,
			     uint32_t count, bool writable)
{
	struct xgt_result r;

	memcpy((void *)xgt_box.page->data, refs, count * sizeof(*refs));
	r = cmd_run(0, XG_CMD_MAP_GRANTS, area, count, writable);
	if (r.status == XG_UNSUPPORTED)
		xgt_skip("the guest has no gntdev module");
	return box_ok(r, "mapping grants", __FILE__, __LINE__).v[0];
}

static void unmap_in_guest(unsigned int area)
{
	cmd_ok(0, XG_CMD_UNMAP_GRANTS, area);
}

static void contents(void)
{
	int dom = gr_open(0);
	struct xen_gpumem_grant cmd;
	uint32_t refs[PAGES], left;
	struct backing b;

	backing_make(&b, &kind_udmabuf);
	CHECK_EQ(b.length, LENGTH);
	OK(gr_grant(dom, b.fd, 0, PAGES, 0, refs, &cmd));
	CHECK_EQ(map_in_guest(0, refs, PAGES, true), 0);
	/* The same pages once more, and others beside them. */
	CHECK_EQ(map_in_guest(1, refs + 8, 8, true), 0);
	fill(b.map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 2);
	verify(b.map, LENGTH, 2);
	guest_write(XGT_SHARED(1), 0x1234);
	CHECK_EQ(b.map[8 * 512], 0x1234);
	CHECK_EQ(guest_read(XGT_SHARED(0) + 8 * PAGE), 0x1234);

	ERR(gr_release(dom, cmd.out_id, 0, &left), EBUSY);
	CHECK_EQ(left, PAGES);
	unmap_in_guest(0);
	/* Linux may put off what it does for that. */
	EVENTUALLY(gr_release(dom, cmd.out_id, 0, &left) == -EBUSY &&
		   left == 8);
	CHECK_EQ(guest_read(XGT_SHARED(1)), 0x1234);
	unmap_in_guest(1);
	OK(gr_release(dom, cmd.out_id, 20000, &left));
	CHECK(map_in_guest(0, refs, 1, false) != 0);
	backing_end(&b);
}

static void read_only(void)
{
	int dom = gr_open(0);
	struct xen_gpumem_grant cmd;
	uint32_t refs[PAGES];
	struct backing b;

	backing_make(&b, &kind_heap);
	OK(gr_grant(dom, b.fd, 0, PAGES, XEN_GPUMEM_GRANT_READONLY, refs,
		    &cmd));
	CHECK(map_in_guest(0, refs, PAGES, true) != 0);
	CHECK_EQ(map_in_guest(0, refs, PAGES, false), 0);
	fill(b.map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 1);
	/* A program that may not write gets a signal. */
	guest_write_faults(XGT_SHARED(0));
	verify(b.map, LENGTH, 1);
	unmap_in_guest(0);
	OK(gr_release(dom, cmd.out_id, 20000, NULL));
	backing_end(&b);
}

static const struct xgt_test tests[] = {
	{ "E10-gntdev", "E10,L0", contents, XGT_GUEST, 0 },
	{ "E10-gntdev-read-only", "E10,E9,L0", read_only, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
