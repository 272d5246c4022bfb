// SPDX-License-Identifier: GPL-2.0-only
/*
 * S3, L5: windows, and what the toolstack and Xen keep in a guest's addresses
 * besides RAM: the shared info page, the grant table, the page in which a device
 * model gets its requests.
 *
 * Neither takes the other's place.  Where such a page is there can be no window;
 * where there is a window it can be put into a hole, to the guest's own harm, and
 * nothing is lent there then; and over a frame that is lent it is not put at all.
 *
 * The guest is an empty domain that never runs: all of this is done to it.
 */
#include "xgt.h"

/* Only now: lend.h would look for Xen's headers beside it. */
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#define GFN	(XGT_WINDOW / PAGE)
#define NR	8
#define AT	4		/* where in the window */

static long put(unsigned int space, uint64_t gfn)
{
	static struct xen_add_to_physmap *a;

	if (!a)
		a = lend_buffer(sizeof(*a));
	memset(a, 0, sizeof(*a));
	a->domid = xgt_guest.domid;
	a->space = space;
	a->gpfn = gfn;
	return raw_hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap,
			     (uintptr_t)a, 0, 0, 0);
}

static long take_out(uint64_t gfn)
{
	static struct xen_remove_from_physmap *r;

	if (!r)
		r = lend_buffer(sizeof(*r));
	memset(r, 0, sizeof(*r));
	r->domid = xgt_guest.domid;
	r->gpfn = gfn;
	return raw_hypercall(__HYPERVISOR_memory_op,
			     XENMEM_remove_from_physmap, (uintptr_t)r, 0, 0, 0);
}

static void begin(void)
{
	xgt_guest.domid = xen_borrower_new(0);
	raw_attach();
}

static void end(void)
{
	raw_detach();
	xen_domain_destroy(xgt_guest.domid);
}

/* --- pages of Xen's ------------------------------------------------------------------ */

static void special(unsigned int space)
{
	uint32_t id;

	/* It was there first. */
	OK(put(space, GFN + AT));
	ERR(raw_create(GFN + AT, 1, &id), EEXIST);
	ERR(raw_create(GFN, NR, &id), EEXIST);
	/* Control: beside it there is room. */
	OK(raw_create(GFN, AT, &id));
	ERR(raw_move(id, GFN + 1), EEXIST);
	OK(raw_move(id, GFN + AT + 1));
	OK(raw_destroy(id));
	OK(take_out(GFN + AT));

	/* The window was. */
	OK(raw_create(GFN, NR, &id));
	OK(put(space, GFN + AT));
	ERR(raw_map_one(id, AT, xgt_raw.bar, 1, RAW_RW), EBUSY);
	ERR(raw_map_one(id, AT, xgt_raw.bar, 1,
			RAW_RW | XEN_LEND_ATTR_REPLACE), EBUSY);
	OK(raw_map_one(id, AT - 1, xgt_raw.bar, 1, RAW_RW));
	CHECK_EQ(raw_take(id, 0, NR, 0), 1);
	OK(take_out(GFN + AT));

	/* A frame was lent there. */
	OK(raw_map_one(id, AT, xgt_raw.bar + 1, 1, RAW_RW));
	CHECK(put(space, GFN + AT) < 0);
	CHECK(take_out(GFN + AT) < 0);
	CHECK_EQ(raw_inspect(id, AT).mfn, xgt_raw.bar + 1);
	/* Control: it was the frame. */
	CHECK_EQ(raw_take(id, 0, NR, 0), 1);
	OK(put(space, GFN + AT));
	OK(take_out(GFN + AT));
	OK(raw_destroy(id));
}

static void frames(void)
{
	begin();
	special(XENMAPSPACE_shared_info);
	special(XENMAPSPACE_grant_table);
	end();
}

/* --- pages that the toolstack names --------------------------------------------------- */

static void set_param(uint32_t index, uint64_t value)
{
	struct xen_hvm_param *p = lend_buffer(sizeof(*p));

	p->domid = xgt_guest.domid;
	p->index = index;
	p->value = value;
	OK(raw_hypercall(__HYPERVISOR_hvm_op, HVMOP_set_param, (uintptr_t)p, 0,
			 0, 0));
	munmap(p, PAGE);
}

static struct xen_dm_op *dm;

static long dm_op(void)
{
	static struct xen_dm_op_buf *buf;

	if (!buf)
		buf = lend_buffer(sizeof(*buf));
	set_xen_guest_handle(buf->h, dm);
	buf->size = sizeof(*dm);
	return raw_hypercall(__HYPERVISOR_dm_op, xgt_guest.domid, 1,
			     (uintptr_t)buf, 0, 0);
}

/* Where the guest has the requests of a device model of its; or an error. */
static long request_frame(uint16_t server)
{
	long ret;

	memset(dm, 0, sizeof(*dm));
	dm->op = XEN_DMOP_get_ioreq_server_info;
	dm->u.get_ioreq_server_info.id = server;
	ret = dm_op();
	return ret ? ret : (long)dm->u.get_ioreq_server_info.ioreq_gfn;
}

/* Lend a frame of our RAM: what could be mapped, if it were not lent. */
static uint64_t lend_ram(uint32_t id)
{
	for (uint64_t frame = 0x1000; frame < 0x40000; frame++)
		if (!raw_map_one(id, AT, frame, 1, XEN_LEND_ATTR_WRITE))
			return raw_inspect(id, AT).mfn;
	FAIL("%s", "no frame of ours can be lent");
}

/* Xen would map it, write to it, and keep it for as long as the server lives. */
static void request_page(void)
{
	uint64_t mfn;
	uint16_t server;
	uint32_t id;

	begin();
	dm = lend_buffer(sizeof(*dm));
	OK(raw_create(GFN, NR, &id));
	mfn = lend_ram(id);
	set_param(HVM_PARAM_IOREQ_SERVER_PFN, GFN + AT);
	set_param(HVM_PARAM_NR_IOREQ_SERVER_PAGES, 1);
	dm->op = XEN_DMOP_create_ioreq_server;
	OK(dm_op());
	server = dm->u.create_ioreq_server.id;
	/* Lent, and then a hole. */
	CHECK(request_frame(server) < 0);
	CHECK_EQ(raw_inspect(id, AT).mfn, mfn);
	CHECK_EQ(raw_take(id, 0, NR, 0), 1);
	CHECK(request_frame(server) < 0);
	/* Control: a page of the guest's own. */
	OK(xen_set_max_mem(xgt_guest.domid, MIB));
	CHECK_EQ(xen_populate(xgt_guest.domid, GFN + AT), 1);
	CHECK_EQ(request_frame(server), GFN + AT);
	memset(dm, 0, sizeof(*dm));
	dm->op = XEN_DMOP_destroy_ioreq_server;
	dm->u.destroy_ioreq_server.id = server;
	OK(dm_op());
	end();
}

static const struct xgt_test tests[] = {
	{ "S3-special-frames", "S3,L9,N22", frames, 0, 0 },
	{ "L5-neg-13-request-page", "L5,N13", request_page, 0, 0 },
};

XGT_MAIN(tests)
