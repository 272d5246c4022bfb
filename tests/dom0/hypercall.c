// SPDX-License-Identifier: GPL-2.0-only
/*
 * L5, L6: lent memory is not the guest's to name, nor anybody else's to map.
 *
 * The guest's stock kernel makes the hypercalls (privcmd), with arguments of
 * our choosing: buffers that lie in the window, and frame numbers of it, where
 * frames are lent and where they are not.  All of them must fail as if nothing
 * were there; host and guest see the same contents after each.
 */
#include "xgt.h"

#define LENGTH	(16 * PAGE)
#define GFN	(XGT_WINDOW >> 12)
/* The first half is lent and present, the second is a hole. */
#define HOLE	(XGT_WINDOW + LENGTH / 2)
#define HOLE_GFN (HOLE >> 12)

#define MEMORY_OP	12
#define XEN_VERSION	17
#define GRANT_TABLE_OP	20
#define VCPU_OP		24
#define SCHED_OP	29
#define EVENT_OP	32
#define HVM_OP		34

static uint32_t window;
static volatile uint64_t *memory;

static void set_up(void)
{
	struct xgt_result r;

	r = cmd_run(0, XG_CMD_HYPERCALL, XEN_VERSION, 0);
	if (r.status == XG_UNSUPPORTED)
		xgt_skip("the guest has no privcmd module");
	/* Control: a hypercall works. */
	CHECK((r.v[0] >> 16) >= 4);
	memory = map_shared(memfd_new(LENGTH / 2), LENGTH / 2);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_ZERO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH / 2, memory, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	fill(memory, LENGTH / 2, 1);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH / 2, 1);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, LENGTH / 2), LENGTH / 2 / PAGE);
}

static void untouched(void)
{
	verify(memory, LENGTH / 2, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH / 2, 1);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH / 2, 1);
	CHECK_EQ(guest_read(HOLE), 0);
}

static long hypercall(uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2)
{
	return cmd_ok(0, XG_CMD_HYPERCALL, op, a0, a1, a2).v[0];
}

#define data	(xgt_box.page->data)

/* --- buffers in a window --------------------------------------------------------- */

static void buffers(void)
{
	/* Present, absent, and across the border from one to the other. */
	static const uint64_t places[] = {
		XGT_WINDOW + 64, HOLE + 64, HOLE - 4,
	};

	set_up();
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t p = places[i];

		/* Copies to the guest. */
		CHECK_EQ(hypercall(XEN_VERSION, 1, p, 0), -EFAULT);
		/* This one says how much was done: nothing. */
		CHECK_EQ(hypercall(MEMORY_OP, 1, p, 0), 0);
		/* Copies from it, and both ways. */
		CHECK_EQ(hypercall(MEMORY_OP, 7, p, 0), -EFAULT);
		CHECK_EQ(hypercall(EVENT_OP, 6, p, 0), -EFAULT);
		CHECK_EQ(hypercall(HVM_OP, 1, p, 0), -EFAULT);
		CHECK_EQ(hypercall(GRANT_TABLE_OP, 6, p, 1), -EFAULT);
		CHECK_EQ(hypercall(SCHED_OP, 3, p, 0), -EFAULT);
		untouched();
	}
	/* Control: the same call into ordinary memory of the guest. */
	CHECK_EQ(hypercall(XEN_VERSION, 1, XG_BUFFER, 0), 0);
	CHECK(data[0] != 0);
	untouched();
}

/* --- frame numbers ------------------------------------------------------------------ */

struct reservation {
	uint64_t extent_start;
	uint64_t nr_extents;
	uint32_t extent_order;
	uint32_t mem_flags;
	uint16_t domid;
	uint16_t pad[3];
};

/* populate and decrease: @gfn, one frame; the result is how many were done. */
static long reservation(unsigned int cmd, uint64_t gfn)
{
	static uint64_t buffer;
	struct reservation r = {
		.nr_extents = 1, .domid = 0x7ff0,
	};

	/* The list's address is one in the guest: ask where its buffer is. */
	if (!buffer)
		buffer = cmd_ok(0, XG_CMD_HYPERCALL, XEN_VERSION, 0).v[1];
	r.extent_start = buffer + 256;
	memcpy((void *)data, &r, sizeof(r));
	memcpy((void *)(data + 256), &gfn, 8);
	return hypercall(MEMORY_OP, cmd, XG_BUFFER, 0);
}

struct to_physmap {
	uint16_t domid;
	uint16_t size;
	uint32_t space;
	uint64_t idx;
	uint64_t gpfn;
};

static long to_physmap(uint32_t space, uint64_t idx, uint64_t gpfn)
{
	struct to_physmap a = {
		.domid = 0x7ff0, .space = space, .idx = idx, .gpfn = gpfn,
	};

	memcpy((void *)data, &a, sizeof(a));
	return hypercall(MEMORY_OP, 7, XG_BUFFER, 0);
}

static long from_physmap(uint64_t gpfn)
{
	struct {
		uint16_t domid;
		uint64_t gpfn;
	} a = { .domid = 0x7ff0, .gpfn = gpfn };

	memcpy((void *)data, &a, sizeof(a));
	return hypercall(MEMORY_OP, 15, XG_BUFFER, 0);
}

static void names(void)
{
	struct {
		uint64_t gfn;
		uint32_t offset, rsvd;
	} info = { .gfn = GFN };
	long ret;

	set_up();
	/* Give it back to Xen, or have more put there: nothing is done. */
	CHECK_EQ(reservation(1, GFN + 1), 0);
	untouched();
	ret = reservation(6, GFN + 1);
	if (ret > 0)
		FAIL("the guest populated over lent memory");
	untouched();
	/* Move it elsewhere, put the grant table over it, take it out. */
	CHECK(to_physmap(2, GFN + 1, GFN + 4096) < 0);
	CHECK(to_physmap(1, 0, GFN + 1) < 0);
	CHECK(from_physmap(GFN + 1) < 0);
	untouched();
	/* Xen is to keep its own things in there. */
	memcpy((void *)data, &info, sizeof(info));
	CHECK(hypercall(VCPU_OP, 10, 1, XG_BUFFER) < 0);
	untouched();
	CHECK_EQ(gm_pages(xgt_dom, window, 0, LENGTH / 2), LENGTH / 2 / PAGE);
}

/*
 * The guest puts something of its own into a hole.  That harms the guest only:
 * whatever is bound there later is not seen, and other pages are served (S5).
 */
static void plugged(void)
{
	volatile uint64_t *more = map_shared(memfd_new(LENGTH / 2), LENGTH / 2);
	struct xen_gpumem_window_query q;
	long done;

	set_up();
	/* A page fetched for the hole would be in the way. */
	done = reservation(6, HOLE_GFN + 2);
	fill(more, LENGTH / 2, 2);
	OK(gm_bind(xgt_dom, window, LENGTH / 2, LENGTH / 2, more, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	xgt_info("S5-plugged: populating a hole returned %ld", done);
	for (int i = 0; i < 8; i++)
		if (i != 2)
			CHECK_EQ(guest_read(HOLE + i * PAGE),
				 xg_pattern(2, i * PAGE));
	if (done == 1) {
		guest_write(HOLE + 2 * PAGE, 5);
		CHECK_EQ(guest_read(HOLE + 2 * PAGE), 5);
		CHECK_EQ(gm_pages(xgt_dom, window, LENGTH / 2 + 2 * PAGE,
				  PAGE), 0);
		CHECK_EQ(reservation(1, HOLE_GFN + 2), 1);
	}
	verify(more, LENGTH / 2, 2);
	CHECK_EQ(guest_read(HOLE + 2 * PAGE), xg_pattern(2, 2 * PAGE));
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	verify(memory, LENGTH / 2, 1);
}

/* --- dom0 maps the guest's memory ----------------------------------------- */

/* Can dom0 map this frame of the guest's? */
static int foreign_map(uint64_t gfn)
{
	int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC), err = 0, ret;
	struct privcmd_mmapbatch_v2 b = {
		.num = 1, .dom = xgt_guest.domid, .arr = &gfn, .err = &err,
	};
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		FAIL("mmap of privcmd: %s", strerror(errno));
	b.addr = (uintptr_t)p;
	ret = ioctl(fd, IOCTL_PRIVCMD_MMAPBATCH_V2, &b);
	if (!ret && err)
		ret = err;
	else if (ret)
		ret = -errno;
	munmap(p, PAGE);
	close(fd);
	return ret;
}

static void foreign(void)
{
	memory = map_shared(memfd_new(LENGTH), LENGTH);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_ZERO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH / 2, memory, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	fill(memory, LENGTH / 2, 1);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, 4 * PAGE, 1);
	CHECK_EQ(guest_read(HOLE), 0);
	/* Control: RAM of the guest's can be mapped. */
	CHECK_EQ(foreign_map(0x1000), 0);
	CHECK(foreign_map(GFN) < 0);		/* lent */
	CHECK(foreign_map(GFN + 6) < 0);	/* bound, absent */
	CHECK(foreign_map(HOLE_GFN) < 0);	/* the zero page */
	CHECK(foreign_map(HOLE_GFN + 1) < 0);	/* a hole */
	CHECK(foreign_map(XG_ARENA_BASE >> 12) < 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH / 2, 1);
	verify(memory, LENGTH / 2, 1);
}

static const struct xgt_test tests[] = {
	{ "L6-foreign-map", "L6,N13", foreign, XGT_GUEST, 0 },
	{ "L5-hypercall-args", "L5,N13", buffers, XGT_GUEST, 0 },
	{ "L5-hypercall-frames", "L5,N12,N13", names, XGT_GUEST, 0 },
	{ "S5-plugged", "S5,L5,N12", plugged, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
