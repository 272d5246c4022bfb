// SPDX-License-Identifier: GPL-2.0-only
/*
 * L10: under FLASK, in enforcing mode, lending takes a permission of its own.
 *
 * The default policy, with our patch, gives dom0 that permission over domains
 * labelled domU_t, which is what every guest is that nobody labels, and not
 * over isolated_domU_t.  Dom0 may do the same to both in all other respects.
 *
 * S2: and who has lost it over a guest cannot know any more that its number is
 * still the same guest's, so grants to that number end.
 */
#include <linux/dma-heap.h>

#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/xsm/flask_op.h>

#define LENGTH	(64 * PAGE)

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

static void start_isolated(struct xgt_guest *g)
{
	CHECK_EQ(flask_op(FLASK_GETENFORCE, false), 1);
	if (!guest_start(g, "xgt-isolated", 1, "seclabel = "
			 "\"system_u:system_r:isolated_domU_t\""))
		FAIL("%s", "the isolated guest did not start");
}

static void denied(void)
{
	struct xen_gpumem_open_domain limits = { };
	struct xen_lend_op op;
	struct xgt_guest g;

	start_isolated(&g);
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

static void grants_denied(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_GRANT,
	};
	struct dma_heap_allocation_data buf = {
		.len = LENGTH, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC), dom;
	const uint32_t nr = LENGTH / PAGE;
	uint32_t refs[LENGTH / PAGE];
	struct xgt_guest g;

	if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &buf))
		FAIL("no buffer of the system's heap: %s", strerror(errno));
	start_isolated(&g);
	OK(flask_op(FLASK_SETENFORCE, false));
	dom = gm_open_domain(g.domid, &limits);
	CHECK(dom >= 0);
	gr_all(dom, buf.fd, nr, 0, refs);
	/* Control: they stay for as long as it may ask. */
	xgt_sleep_ms(3000);
	CHECK_EQ(gr_left(g.domid), nr);
	OK(flask_op(FLASK_SETENFORCE, true));
	EVENTUALLY(gr_left(g.domid) == 0);
	EVENTUALLY(gr_used(dom) == 0);
	ERR(gr_grant(dom, buf.fd, 0, nr, 0, refs, NULL), EPERM);
	/* That was no death. */
	OK(flask_op(FLASK_SETENFORCE, false));
	gr_all(dom, buf.fd, nr, 0, refs);
	OK(flask_op(FLASK_SETENFORCE, true));
	guest_destroy(&g);
}

static const struct xgt_test tests[] = {
	{ "L10-flask-allowed", "L10", allowed, XGT_GUEST, 0 },
	{ "L10-flask-denied", "L10", denied, XGT_BARE, 0 },
	{ "S2-grants-flask", "S2,E10", grants_denied, 0, 0 },
};

XGT_MAIN(tests)
