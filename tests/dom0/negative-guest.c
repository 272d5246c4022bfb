// SPDX-License-Identifier: GPL-2.0-only
/*
 * L5, L10: the guest names lent memory in hypercalls of every family that it
 * has, beside those of hypercall.c.
 *
 * A stock kernel's privcmd makes them, with our arguments.  Each must fail as
 * if nothing were there; the guest lives on, contents stay, and Xen's log does
 * not grow by more than its limits let it.  The control of each test is the
 * same call with memory of the guest's own: pages that it put into unused
 * addresses of the arena.
 */
#include <sys/mman.h>

#include "xgt.h"

#define LENGTH	(16 * PAGE)
#define HALF	(LENGTH / 2)
/* The first half is lent and present, the second is a hole. */
#define GFN	(XGT_WINDOW / PAGE)
#define HOLE	(XGT_WINDOW + HALF)
#define HOLE_GFN (HOLE / PAGE)
/* In the arena, in no window: the guest's own pages, and its grant table. */
#define OWN	(XGT_WINDOW + 48 * MIB)
#define OWN_GFN	(OWN / PAGE)
#define TABLE	(XGT_WINDOW + 56 * MIB)

#define PLATFORM_OP	7
#define MEMORY_OP	12
#define MULTICALL	13
#define XEN_VERSION	17
#define CONSOLE_IO	18
#define GRANT_TABLE_OP	20
#define VCPU_OP		24
#define MMUEXT_OP	26
#define XSM_OP		27
#define SCHED_OP	29
#define EVENT_OP	32
#define PHYSDEV_OP	33
#define HVM_OP		34
#define SYSCTL		35
#define DOMCTL		36
#define ARGO_OP		39
#define XENPMU_OP	40
#define DM_OP		41
#define HYPFS_OP	42
#define SELF		0x7ff0

static uint32_t window;
static volatile uint64_t *memory;
static uint64_t buffer;		/* where the guest has XG_BUFFER */

#define data	(xgt_box.page->data)

static long hypercall(uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2)
{
	return cmd_ok(0, XG_CMD_HYPERCALL, op, a0, a1, a2).v[0];
}

/* The same with an argument structure, in the guest's buffer and back. */
static long with_args(uint64_t op, uint64_t cmd, void *args, size_t size,
		      uint64_t count)
{
	long ret;

	memcpy((void *)data, args, size);
	ret = hypercall(op, cmd, XG_BUFFER, count);
	memcpy(args, (void *)data, size);
	return ret;
}

static void set_up(void)
{
	struct xgt_result r = cmd_run(0, XG_CMD_HYPERCALL, XEN_VERSION, 0);

	if (r.status == XG_UNSUPPORTED)
		xgt_skip("the guest has no privcmd module");
	buffer = r.v[1];
	memory = map_shared(memfd_new(HALF), HALF);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_ZERO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, HALF, memory, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, HALF, 1);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, HALF), HALF / PAGE);
}

static void untouched(void)
{
	verify(memory, HALF, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, HALF, 1);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, HALF, 1);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, HALF), HALF / PAGE);
}

/* --- memory of the guest's own ------------------------------------------------------ */

struct reservation {
	uint64_t list, nr;
	uint32_t order, flags;
	uint16_t domid, pad[3];
};

static long reservation(unsigned int cmd, uint64_t gfn, uint32_t order)
{
	struct {
		struct reservation r;
		uint64_t gfn;
	} a = {
		{ .list = buffer + sizeof(struct reservation), .nr = 1,
		  .order = order, .domid = SELF }, gfn,
	};

	return with_args(MEMORY_OP, cmd, &a, sizeof(a), 0);
}

static void own_page(unsigned int n, uint64_t word)
{
	CHECK_EQ(reservation(6, OWN_GFN + n, 0), 1);
	guest_write(OWN + n * PAGE, word);
}

static void own_page_back(unsigned int n)
{
	CHECK_EQ(reservation(1, OWN_GFN + n, 0), 1);
}

struct to_physmap {
	uint16_t domid, size;
	uint32_t space;
	uint64_t idx, gfn;
};

static long to_physmap(uint32_t space, uint64_t idx, uint64_t gfn)
{
	struct to_physmap a = {
		.domid = SELF, .space = space, .idx = idx, .gfn = gfn,
	};

	return with_args(MEMORY_OP, 7, &a, sizeof(a), 0);
}

/* --- 1: lending is not the guest's to do ----------------------------------------------- */

static void lends(void)
{
	struct xen_lend_op op;

	set_up();
	for (uint16_t cmd = 0; cmd <= XEN_LEND_inspect; cmd++) {
		static const uint16_t domids[] = { 0, SELF };

		for (int i = 0; i < 3; i++) {
			long ret;

			memset(&op, 0, sizeof(op));
			op.cmd = cmd;
			op.domid = i < 2 ? domids[i] : xgt_guest.domid;
			if (cmd == XEN_LEND_create)
				op.u.create.nr = 1;
			ret = with_args(MEMORY_OP, XENMEM_lend_op, &op,
					sizeof(op), 0);
			/* Control: what anybody may ask about itself. */
			if (cmd == XEN_LEND_query && i)
				OK(ret);
			else
				ERR(ret, EPERM);
		}
	}
	untouched();
}

/* --- 12: memory of its own over lent memory ---------------------------------------------- */

/* It fails, and what was to be moved is where it was. */
static void plug_over(void)
{
	struct {
		uint64_t in_list, in_nr;
		uint32_t in_order, in_flags;
		uint16_t in_domid, pad1[3];
		uint64_t out_list, out_nr;
		uint32_t out_order, out_flags;
		uint16_t out_domid, pad2[3];
		uint64_t exchanged, gfns[2];
	} x = { 0 };

	set_up();
	own_page(0, 0x1234);
	/* XENMAPSPACE_gmfn; the shared info page; the grant table. */
	CHECK(to_physmap(2, OWN_GFN, GFN + 1) < 0);
	CHECK_EQ(guest_read(OWN), 0x1234);
	CHECK(to_physmap(0, 0, GFN + 1) < 0);
	CHECK(to_physmap(1, 8, GFN + 1) < 0);
	CHECK_EQ(guest_read(OWN), 0x1234);
	untouched();
	/* One page, several, and 2 MiB at once, of which some are lent. */
	CHECK_EQ(reservation(6, GFN + 1, 0), 0);
	CHECK_EQ(reservation(6, GFN & ~7ULL, 3), 0);
	untouched();
	CHECK_EQ(reservation(6, GFN & ~511ULL, 9), 0);
	untouched();
	CHECK_EQ(reservation(1, GFN & ~511ULL, 9), 0);
	untouched();
	/* Our page for a lent one, or the other way round. */
	x.in_list = buffer + offsetof(typeof(x), gfns);
	x.out_list = x.in_list + 8;
	x.in_nr = x.out_nr = 1;
	x.in_domid = x.out_domid = SELF;
	for (int i = 0; i < 2; i++) {
		x.gfns[i] = OWN_GFN;
		x.gfns[!i] = GFN + 1;
		x.exchanged = 0;
		CHECK(with_args(MEMORY_OP, 11, &x, sizeof(x), 0) < 0);
		untouched();
		CHECK_EQ(guest_read(OWN), 0x1234);
	}
	/* Control: elsewhere it can be moved. */
	OK(to_physmap(2, OWN_GFN, OWN_GFN + 5));
	CHECK_EQ(guest_read(OWN + 5 * PAGE), 0x1234);
	own_page_back(5);
	untouched();
}

/* --- 13: grants ---------------------------------------------------------------------------- */

struct grant_v1 {
	uint16_t flags, domid;
	uint32_t frame;
};

/* The ninth page of the grant table is in nobody's way. */
#define GRANT_PAGE	8
#define REF(n)		(GRANT_PAGE * 512 + (n))

static void grant_table(void)
{
	struct {
		uint16_t domid, pad;
		uint32_t version;
	} v = { .domid = SELF };

	with_args(GRANT_TABLE_OP, 10, &v, sizeof(v), 1);
	if (v.version != 1)
		xgt_skip("the guest's grant table is of version %u", v.version);
	OK(to_physmap(1, GRANT_PAGE, TABLE / PAGE));
}

static void grant(unsigned int n, uint16_t domid, uint64_t gfn)
{
	struct grant_v1 g = { 1, domid, gfn };
	uint64_t word;

	memcpy(&word, &g, 8);
	guest_write(TABLE + n * 8, word);
}

struct gntdev_map {
	uint32_t count, pad;
	uint64_t index;
	uint32_t domid, ref;
};
#define IOCTL_GNTDEV_MAP_GRANT_REF \
	_IOC(_IOC_NONE, 'G', 0, sizeof(struct gntdev_map))

/* Can dom0 map what the guest granted? */
static bool dom0_maps(unsigned int n, uint64_t *word)
{
	struct gntdev_map m = {
		.count = 1, .domid = xgt_guest.domid, .ref = REF(n),
	};
	int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0 || ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, &m))
		FAIL("gntdev: %s", strerror(errno));
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, m.index);
	if (p != MAP_FAILED) {
		*word = *(volatile uint64_t *)p;
		munmap(p, PAGE);
	}
	close(fd);
	return p != MAP_FAILED;
}

static void grant_lent(void)
{
	uint64_t word;

	set_up();
	grant_table();
	own_page(0, 0x4711);
	/* Control: its own page. */
	grant(1, 0, OWN_GFN);
	CHECK(dom0_maps(1, &word));
	CHECK_EQ(word, 0x4711);
	grant(2, 0, GFN + 1);
	CHECK(!dom0_maps(2, &word));
	grant(3, 0, HOLE_GFN + 1);
	CHECK(!dom0_maps(3, &word));
	untouched();
	own_page_back(0);
}

struct gntalloc {
	uint16_t domid, flags;
	uint32_t count;
	uint64_t index;
	uint32_t ref, pad;
};
#define IOCTL_GNTALLOC_ALLOC_GREF \
	_IOC(_IOC_NONE, 'G', 5, sizeof(struct gntalloc))

/* The guest maps a grant of dom0's at an address, and if it can, unmaps it. */
static int16_t grant_map(uint32_t ref, uint64_t gpa)
{
	struct {
		uint64_t host_addr;
		uint32_t flags, ref;
		uint16_t domid;
		int16_t status;
		uint32_t handle;
		uint64_t bus_addr;
	} m = { gpa, 2, ref, 0, 1, 0, 0 };
	struct {
		uint64_t host_addr, bus_addr;
		uint32_t handle;
		int16_t status;
	} u = { gpa, 0, 0, 1 };

	OK(with_args(GRANT_TABLE_OP, 0, &m, sizeof(m), 1));
	if (!m.status) {
		u.handle = m.handle;
		OK(with_args(GRANT_TABLE_OP, 1, &u, sizeof(u), 1));
		CHECK_EQ(u.status, 0);
	}
	return m.status;
}

static void grant_map_over(void)
{
	struct gntalloc a = { .domid = xgt_guest.domid, .flags = 1, .count = 1 };
	int fd = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, &a))
		FAIL("gntalloc: %s", strerror(errno));
	set_up();
	CHECK_EQ(grant_map(a.ref, OWN + 8 * PAGE), 0);
	CHECK(grant_map(a.ref, XGT_WINDOW + PAGE) != 0);
	untouched();
	/* Where nobody is at the moment it wins, and then it is gone. */
	CHECK_EQ(grant_map(a.ref, HOLE + PAGE), 0);
	CHECK_EQ(guest_read(HOLE + PAGE), 0);
	close(fd);
}

struct copy {
	uint64_t source;
	uint16_t source_domid, source_offset, pad1[2];
	uint64_t dest;
	uint16_t dest_domid, dest_offset, pad2[2];
	uint16_t len, flags;
	int16_t status;
	uint16_t pad3;
};

static int16_t copy(uint64_t source, uint64_t dest)
{
	struct copy c = {
		.source = source, .source_domid = SELF, .dest = dest,
		.dest_domid = SELF, .len = 64, .status = 1,
	};

	OK(with_args(GRANT_TABLE_OP, 5, &c, sizeof(c), 1));
	return c.status;
}

static void grant_copy(void)
{
	static const uint64_t lent[] = { GFN + 1, HOLE_GFN + 1 };

	set_up();
	own_page(0, 0xaaaa);
	own_page(1, 0xbbbb);
	for (unsigned int i = 0; i < ARRAY_SIZE(lent); i++) {
		CHECK(copy(lent[i], OWN_GFN + 1) < 0);
		CHECK_EQ(guest_read(OWN + PAGE), 0xbbbb);
		CHECK(copy(OWN_GFN, lent[i]) < 0);
		untouched();
	}
	/* Control. */
	CHECK_EQ(copy(OWN_GFN, OWN_GFN + 1), 0);
	CHECK_EQ(guest_read(OWN + PAGE), 0xaaaa);
	own_page_back(0);
	own_page_back(1);
}

static void grant_transfer(void)
{
	struct {
		uint64_t mfn;
		uint16_t domid;
		uint32_t ref;
		int16_t status;
	} t = { 0, 0, 1, 1 };

	set_up();
	for (unsigned int i = 0; i < 2; i++) {
		t.mfn = i ? HOLE_GFN + 1 : GFN + 1;
		t.status = 1;
		with_args(GRANT_TABLE_OP, 4, &t, sizeof(t), 1);
		CHECK(t.status != 0);
		untouched();
	}
}

/* --- 13: what Xen keeps in the guest's memory -------------------------------------------------- */

/* By frame: refused.  By address: Xen writes there, and must not reach it. */
static void vcpu_areas(void)
{
	uint64_t area = 0;

	set_up();
	own_page(0, 0);
	for (int i = 0; i < 3; i++) {
		uint64_t gpa[] = { XGT_WINDOW + PAGE, HOLE + PAGE, HOLE - 8 };

		for (uint64_t cmd = 14; cmd <= 15; cmd++) {
			memcpy((void *)data, &gpa[i], 8);
			CHECK(hypercall(VCPU_OP, cmd, 1, XG_BUFFER) < 0);
		}
	}
	/* Control: in its own page it may, and Xen writes there. */
	area = OWN;
	memcpy((void *)data, &area, 8);
	OK(hypercall(VCPU_OP, 15, 0, XG_BUFFER));
	CHECK(cmd_ok(0, XG_CMD_SUM, OWN, PAGE).v[0] != xg_sum((uint64_t[512]){
	      0 }, PAGE));
	area = ~0ULL;
	memcpy((void *)data, &area, 8);
	OK(hypercall(VCPU_OP, 15, 0, XG_BUFFER));
	/* By address, for the runstate and the time. */
	area = cmd_ok(0, XG_CMD_ADDRESS, XGT_WINDOW + PAGE).v[0];
	for (uint64_t cmd = 5; cmd <= 13; cmd += 8) {
		memcpy((void *)data, &area, 8);
		hypercall(VCPU_OP, cmd, 0, XG_BUFFER);
		for (int i = 0; i < 20; i++)
			cmd_ok(0, XG_CMD_PING);
		untouched();
		memset((void *)data, 0, 8);
		hypercall(VCPU_OP, cmd, 0, XG_BUFFER);
	}
	own_page_back(0);
}

static void event_channels(void)
{
	uint64_t gfn = GFN + 1;
	struct {
		uint64_t gfn;
		uint32_t offset, vcpu;
		uint8_t link_bits, pad[7];
	} init = { .gfn = GFN + 1, .vcpu = 1 };

	set_up();
	CHECK(with_args(EVENT_OP, 11, &init, sizeof(init), 0) < 0);
	untouched();
	CHECK(with_args(EVENT_OP, 12, &gfn, 8, 0) < 0);
	gfn = HOLE_GFN;
	CHECK(with_args(EVENT_OP, 12, &gfn, 8, 0) < 0);
	untouched();
}

/* --- 13: buffers, in every family that has some ---------------------------------------------- */

static void buffers(void)
{
	/* A call that reads or writes the buffer named second or third. */
	static const struct {
		uint64_t op, arg[3];
		int at;
	} calls[] = {
		{ MEMORY_OP, { 3 }, 1 },	/* current_reservation */
		{ MEMORY_OP, { 6 }, 1 },	/* populate: 0 done */
		{ MEMORY_OP, { 9 }, 1 },	/* memory_map */
		{ MEMORY_OP, { 11 }, 1 },	/* exchange */
		{ MEMORY_OP, { 15 }, 1 },	/* remove_from_physmap */
		{ MEMORY_OP, { 23 }, 1 },	/* add_to_physmap_batch */
		{ MEMORY_OP, { 28 }, 1 },	/* acquire_resource */
		{ MEMORY_OP, { 29 }, 1 },	/* lend_op */
		{ MULTICALL, { 0, 1 }, 0 },
		{ XEN_VERSION, { 2 }, 1 },	/* capabilities */
		{ CONSOLE_IO, { 0, 8 }, 2 },	/* write */
		{ CONSOLE_IO, { 1, 8 }, 2 },	/* read */
		{ GRANT_TABLE_OP, { 0, 0, 1 }, 1 },
		{ GRANT_TABLE_OP, { 1, 0, 1 }, 1 },
		{ GRANT_TABLE_OP, { 2, 0, 1 }, 1 },
		{ GRANT_TABLE_OP, { 4, 0, 1 }, 1 },
		{ GRANT_TABLE_OP, { 5, 0, 1 }, 1 },
		{ VCPU_OP, { 4, 0 }, 2 },	/* runstate_info */
		{ VCPU_OP, { 10, 1 }, 2 },
		{ VCPU_OP, { 13, 1 }, 2 },
		{ MMUEXT_OP, { 0, 1 }, 0 },
		{ SCHED_OP, { 3 }, 1 },		/* poll */
		{ EVENT_OP, { 5 }, 1 },		/* status */
		{ EVENT_OP, { 6 }, 1 },		/* alloc_unbound */
		{ EVENT_OP, { 7 }, 1 },		/* bind_ipi */
		{ PHYSDEV_OP, { 13 }, 1 },	/* map_pirq */
		{ HVM_OP, { 0 }, 1 },
		{ HVM_OP, { 25 }, 1 },		/* altp2m */
		{ ARGO_OP, { 1 }, 1 },		/* register_ring */
		{ XENPMU_OP, { 0 }, 1 },
		{ DM_OP, { SELF, 1 }, 2 },
		{ PLATFORM_OP, { 0 }, 0 },
		{ XSM_OP, { 0 }, 0 },
		{ SYSCTL, { 0 }, 0 },
		{ DOMCTL, { 0 }, 0 },
		{ HYPFS_OP, { 1, 0, 8 }, 1 },
	};
	static const uint64_t places[] = {
		XGT_WINDOW + 64, HOLE + 64, HOLE - 4,
	};

	set_up();
	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		for (unsigned int k = 0; k < ARRAY_SIZE(places); k++) {
			uint64_t a[3];
			long ret;

			memcpy(a, calls[i].arg, sizeof(a));
			a[calls[i].at] = places[k];
			ret = hypercall(calls[i].op, a[0], a[1], a[2]);
			if (ret > 0 || (!ret && !(calls[i].op == MEMORY_OP &&
						  a[0] == 6)))
				FAIL("hypercall %lu, %lu with a buffer at 0x%lx: %ld",
				     calls[i].op, a[0], places[k], ret);
		}
		verify(memory, HALF, 1);
	}
	untouched();
	/* Control: the guest's own memory will do. */
	OK(hypercall(XEN_VERSION, 2, XG_BUFFER, 0));
	CHECK(data[0] != 0);
	OK(hypercall(VCPU_OP, 4, 0, XG_BUFFER));
}

/* --- 20: and all that without noise ------------------------------------------------------------- */

/*
 * Two thousand times what Xen has something to say about.  Its log's limit is a
 * dozen lines and then one in five seconds, for all guests together.
 */
static void no_flood(void)
{
	uint32_t before;
	double start;
	uint32_t grown;

	set_up();
	before = xen_log_end();
	start = xgt_now();
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(reservation(1, GFN + i % 16, 0), 0);
		CHECK(to_physmap(2, GFN + i % 16, OWN_GFN) < 0);
		CHECK(to_physmap(1, 8, GFN + i % 8) < 0);
		CHECK(copy(GFN + i % 16, OWN_GFN) < 0);
		/* Many more faults than calls: each call takes a while. */
		cmd_ok(1, XG_CMD_TOUCH, HOLE, HALF, 0, 0);
	}
	grown = xen_log_end() - before;
	xgt_info("calls and faults, %u bytes in Xen's log in %.0f s", grown,
		 xgt_now() - start);
	/* Lines of at most 120 bytes. */
	CHECK(grown < 120 * (30 + (xgt_now() - start) / 5));
	untouched();
}

static const struct xgt_test tests[] = {
	{ "L10-neg-01-unprivileged", "L10,N01", lends, XGT_GUEST, 0 },
	{ "L5-neg-12-plug-over-lent", "L5,N12", plug_over, XGT_GUEST, 0 },
	{ "L5-neg-13-grant-lent-frame", "L5,N13", grant_lent, XGT_GUEST, 0 },
	{ "L5-neg-12-grant-map-over-lent", "L5,N12", grant_map_over, XGT_GUEST,
	  0 },
	{ "L5-neg-13-grant-copy", "L5,N13", grant_copy, XGT_GUEST, 0 },
	{ "L5-neg-13-grant-transfer", "L5,N13", grant_transfer, XGT_GUEST, 0 },
	{ "L5-neg-13-vcpu-areas", "L5,N13", vcpu_areas, XGT_GUEST, 0 },
	{ "L5-neg-13-event-channels", "L5,N13", event_channels, XGT_GUEST, 0 },
	{ "L5-neg-13-buffers", "L5,N13", buffers, XGT_GUEST, 0 },
	{ "L5-neg-20-no-log-flood", "L5,L19,N20", no_flood, XGT_GUEST, 240 },
};

XGT_MAIN(tests)
