// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0, L1, L3: every kind of memory, lent to a guest that knows nothing, and
 * faulted in again after it moved.
 *
 * Each test looks at the contents from both sides, and at the driver's counts
 * for what the contents cannot show: that nothing was there before the guest's
 * first access, and exactly the touched page after it.
 */
#include <sys/stat.h>

#include "xgt.h"

#define LENGTH	(512 * KIB)

/* Contents agree, whoever writes. */
static void both_ways(volatile void *map, uint64_t length)
{
	fill(map, length, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, length, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, length, 2);
	verify(map, length, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, length, 2);
	/* And word by word, both at once: no copy on either side. */
	for (uint64_t i = 0; i < 16; i++) {
		guest_write(XGT_WINDOW + i * PAGE, i);
		CHECK_EQ(((volatile uint64_t *)map)[i * PAGE / 8], i);
		((volatile uint64_t *)map)[i * PAGE / 8 + 1] = ~i;
		CHECK_EQ(guest_read(XGT_WINDOW + i * PAGE + 8), ~i);
	}
}

/*
 * The guest's kernel and its /dev/mem are the distribution's; this is what a
 * window looks like to it: an address with no RAM that works.
 */
static void stock_guest(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	char *argv[] = { "xl", "list", NULL };
	char out[1024];

	/* Control: nothing is there before. */
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
	gm_lend(map, LENGTH, 0);
	map[0] = 42;
	CHECK_EQ(guest_read(XGT_WINDOW), 42);
	CHECK(!xgt_spawn(argv, out, sizeof(out)) && strstr(out, xgt_guest.name));
}

static void lend_memfd(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);

	gm_lend(map, LENGTH, 0);
	both_ways(map, LENGTH);
}

static void lend_anon(void)
{
	volatile uint64_t *map = map_anon(LENGTH);

	gm_lend(map, LENGTH, 0);
	both_ways(map, LENGTH);
}

/* A read maps the zero page; the write must not reach it but a new page. */
static void lend_anon_zero_page(void)
{
	volatile uint64_t *map = map_anon(LENGTH), *other = map_anon(LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);
	struct xen_gpumem_window_query q;

	/* Or khugepaged may take the page away before we look. */
	CHECK(!madvise((void *)map, LENGTH, MADV_NOHUGEPAGE));
	CHECK_EQ(guest_read(XGT_WINDOW), 0);
	gm_show(xgt_dom, window);
	OK(gm_query(xgt_dom, window, 0, PAGE, &q));
	CHECK_EQ(q.out_pages, 1);
	CHECK_EQ(q.out_writable, 0);
	guest_write(XGT_WINDOW, 7);
	CHECK_EQ(map[0], 7);
	CHECK_EQ(other[0], 0);
	OK(gm_query(xgt_dom, window, 0, PAGE, &q));
	CHECK_EQ(q.out_writable, 1);
}

static void lend_qxl(void)
{
	int card = qxl_open();
	struct xen_gpumem_window_query q;
	struct qxl_bo bo;
	uint32_t window;

	qxl_new(card, &bo, LENGTH);
	window = gm_lend(bo.map, LENGTH, 0);
	both_ways(bo.map, LENGTH);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_pages, LENGTH / PAGE);
	CHECK_EQ(q.out_io, LENGTH / PAGE);
	CHECK_EQ(q.out_noncacheable, LENGTH / PAGE);
	/* In system memory it is ordinary memory, with ordinary caching. */
	qxl_pressure(card);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	both_ways(bo.map, LENGTH);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_pages, LENGTH / PAGE);
	CHECK_EQ(q.out_io, 0);
	CHECK_EQ(q.out_noncacheable, 0);
	qxl_free(card, &bo);
	guest_read_faults(XGT_WINDOW);
}

static uint64_t faults(uint32_t window)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	return q.out_faults;
}

static void demand_fault(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	struct xen_gpumem_window_query q;
	uint32_t window;

	fill(map, LENGTH, 3);
	window = gm_lend(map, LENGTH, 0);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	CHECK_EQ(guest_read(XGT_WINDOW + 5 * PAGE),
		 xg_pattern(3, 5 * PAGE));
	CHECK_EQ(gm_pages(xgt_dom, window, 5 * PAGE, PAGE), 1);
	/* Counted before the guest was let run. */
	CHECK_EQ(faults(window), 1);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_failed, 0);
	CHECK_EQ(q.out_bound, LENGTH / PAGE);
	CHECK(q.out_mapped >= 1 && q.out_mapped == q.out_pages);
	/* The same page again, and from the other vCPU: no further fault. */
	cmd_ok(1, XG_CMD_READ, XGT_WINDOW + 5 * PAGE, 8);
	guest_read(XGT_WINDOW + 5 * PAGE);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_faults, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 3);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_pages, LENGTH / PAGE);
	CHECK(q.out_faults <= LENGTH / PAGE);
	CHECK_EQ(q.out_revokes, 0);
}

/* --- looking ahead --------------------------------------------------------- */

#define AROUND	"/sys/module/xen_gpumem/parameters/fault_around"
#define LEAF	(2 * MIB)

static void set_around(const char *pages)
{
	int fd = open(AROUND, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(write(fd, pages, strlen(pages)) == (ssize_t)strlen(pages));
	close(fd);
}

/* Where a leaf of the page tables begins. */
static volatile uint64_t *map_leaves(int fd, uint64_t length)
{
	uint64_t at = (uintptr_t)mmap(NULL, length + LEAF, PROT_NONE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *p;

	at = (at + LEAF - 1) & ~(LEAF - 1);
	p = mmap((void *)at, length, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(p == (void *)at);
	return p;
}

/*
 * The same lent anew, with nothing mapped.  In another window: a job that was
 * busy can come to the last fault in the old one only now.
 */
static void lend_again(uint32_t *window, volatile uint64_t *map, uint64_t length)
{
	OK(gm_window_remove(xgt_dom, *window));
	*window = gm_lend(map, length, 0);
}

/*
 * Memory that is read in order takes few faults.  A vCPU can be ahead of its
 * job by what one call of the hypervisor maps, so it may be more than the five
 * that it takes by design, at 0, 16, 64, 256 and 512.
 */
static void in_order(void)
{
	const uint64_t length = 2 * LEAF, pages = length / PAGE;
	volatile uint64_t *map = map_leaves(memfd_new(length), length);
	uint64_t before, few, many;
	uint32_t window;

	fill(map, length, 20);
	window = gm_lend(map, length, 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, length, 20);
	few = faults(window);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), pages);
	CHECK(few <= pages / 32);

	/* Control: from the end to the beginning. */
	lend_again(&window, map, length);
	before = faults(window);
	for (uint64_t i = LEAF / PAGE; i-- > 0; )
		CHECK_EQ(guest_read(XGT_WINDOW + i * PAGE),
			 xg_pattern(20, i * PAGE));
	many = faults(window) - before;
	CHECK(many >= LEAF / PAGE / 16);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), LEAF / PAGE);

	/* And where others are left out in between. */
	lend_again(&window, map, length);
	before = faults(window);
	for (uint64_t i = 0; i < pages; i += 32)
		guest_read(XGT_WINDOW + i * PAGE);
	CHECK(faults(window) - before >= pages / 32);
	EVENTUALLY(gm_pages(xgt_dom, window, 0, 0) == pages / 2);
	xgt_info("L3-in-order: %lu pages, %lu faults; %llu backwards, %lu faults",
		 pages, few, LEAF / PAGE, many);
}

/* Not where looking around is off. */
static void in_order_off(void)
{
	volatile uint64_t *map = map_leaves(memfd_new(LENGTH), LENGTH);
	uint32_t window;

	fill(map, LENGTH, 21);
	window = gm_lend(map, LENGTH, 0);
	set_around("1");
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH / 2, 21);
	set_around("16");
	CHECK_EQ(faults(window), LENGTH / 2 / PAGE);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), LENGTH / 2 / PAGE);
}

static blkcnt_t blocks(int fd)
{
	struct stat st;

	CHECK(!fstat(fd, &st));
	return st.st_blocks;
}

/* What the process does not have is not brought in for it. */
static void in_order_absent(void)
{
	const uint64_t pages = 64, gone = 20, nr = 4;
	int fd = memfd_new(pages * PAGE);
	volatile uint64_t *map = map_leaves(fd, pages * PAGE);
	uint32_t window;
	blkcnt_t before;

	fill(map, pages * PAGE, 22);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 gone * PAGE, nr * PAGE));
	before = blocks(fd);
	window = gm_lend(map, pages * PAGE, 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, 17 * PAGE, 22);
	EVENTUALLY(gm_pages(xgt_dom, window, 0, 0) == pages - nr);
	CHECK_EQ(gm_pages(xgt_dom, window, gone * PAGE, nr * PAGE), 0);
	CHECK_EQ(blocks(fd), before);
	/* Control: it comes when it is touched. */
	CHECK_EQ(guest_read(XGT_WINDOW + gone * PAGE), 0);
	CHECK(blocks(fd) > before);
}

/* --- together -------------------------------------------------------------- */

/* Both vCPUs fault on the same pages at the same time, many times. */
static void two_faulters(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);

	fill(map, LENGTH, 4);
	for (int i = 0; i < 8; i++) {
		cmd_start(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 4);
		cmd_start(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 4);
		box_ok(cmd_wait(0), "vCPU 0", __FILE__, __LINE__);
		box_ok(cmd_wait(1), "vCPU 1", __FILE__, __LINE__);
		OK(gm_unbind(xgt_dom, window, 0, LENGTH));
		/*
		 * Not after the bind: the request of a vCPU that the other
		 * one's got going may be served late, and be served rightly.
		 */
		CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
		OK(gm_bind(xgt_dom, window, 0, LENGTH, map, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	}
}

/* Pages in advance: then no fault at all. */
static void populate(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);
	struct xen_gpumem_window_query q;
	uint64_t done;

	fill(map, LENGTH, 5);
	OK(gm_populate(xgt_dom, window, 0, LENGTH,
		       XEN_GPUMEM_POPULATE_WRITE, &done));
	CHECK_EQ(done, LENGTH);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), LENGTH / PAGE);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 5);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 6);
	verify(map, LENGTH, 6);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_faults, 0);
	ERR(gm_populate(xgt_dom, window, LENGTH, PAGE, 0, NULL), ERANGE);
}

/* One binding's worth of memory moves to and fro under a guest that works. */
static void refault_after_move(void)
{
	const uint64_t length = 4 * MIB, half = length / 2;
	int card = qxl_open(), moves = 6;
	struct xen_gpumem_window_query q;
	struct xgt_result r[2];
	struct qxl_bo bo;
	uint32_t window;

	qxl_new(card, &bo, length);
	window = gm_lend(bo.map, length, XEN_GPUMEM_BIND_WRITE_FIRST);
	cmd_start(0, XG_CMD_UPDATE, XGT_WINDOW, half, 1000);
	cmd_start(1, XG_CMD_UPDATE, XGT_WINDOW + half, half, 2000);
	for (int i = 0; i < moves; i++) {
		bool vram = i % 2 == 0;

		cmd_advance(0, 2);
		cmd_advance(1, 2);
		OK(gm_query(xgt_dom, window, 0, 0, &q));
		CHECK(q.out_pages > 0);
		CHECK_EQ(q.out_io, vram ? q.out_pages : 0);
		CHECK_EQ(q.out_noncacheable, q.out_io);
		if (vram)
			qxl_pressure(card);
		else
			qxl_bring_back(card, &bo);
	}
	cmd_advance(0, 2);
	cmd_advance(1, 2);
	r[0] = cmd_stop(0);
	r[1] = cmd_stop(1);
	verify(bo.map, half, xg_round_seed(1000, r[0].v[0] - 1));
	verify(bo.map + half / 8, half, xg_round_seed(2000, r[1].v[0] - 1));
	CHECK_EQ(xg_sum(bo.map, half), r[0].v[1]);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK(q.out_revokes >= (unsigned int)moves);
	CHECK_EQ(q.out_failed, 0);
	xgt_info("L3-refault-after-move: %d moves, %lu and %lu rounds, %llu faults, %llu revokes, longest %llu us",
		 moves, r[0].v[0], r[1].v[0], q.out_faults, q.out_revokes,
		 q.out_revoke_ns_max / 1000);
}

static void memfd_punch(void)
{
	int fd = memfd_new(LENGTH);
	volatile uint64_t *map = map_shared(fd, LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);

	fill(map, LENGTH, 7);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 7);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), LENGTH / PAGE);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 16 * PAGE, 32 * PAGE));
	CHECK_EQ(gm_pages(xgt_dom, window, 16 * PAGE, 32 * PAGE), 0);
	for (int i = 16; i < 48; i++)
		CHECK_EQ(guest_read(XGT_WINDOW + i * PAGE), 0);
	CHECK_EQ(guest_read(XGT_WINDOW + 15 * PAGE), xg_pattern(7, 15 * PAGE));
	CHECK_EQ(guest_read(XGT_WINDOW + 48 * PAGE), xg_pattern(7, 48 * PAGE));
	/* What the guest writes now lands in the file's new page. */
	guest_write(XGT_WINDOW + 20 * PAGE, 99);
	CHECK_EQ(map[20 * PAGE / 8], 99);
}

static void madvise_dontneed(void)
{
	int fd = memfd_new(LENGTH);
	volatile uint64_t *map = map_shared(fd, LENGTH);
	volatile uint64_t *anon = map_anon(LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);

	/* Of a file: the same contents come back. */
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 8);
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 8);
	verify(map, LENGTH, 8);
	OK(gm_window_remove(xgt_dom, window));
	/* Of anonymous memory: zeroes. */
	window = gm_lend(anon, LENGTH, 0);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 9);
	verify(anon, LENGTH, 9);
	CHECK(!madvise((void *)anon, LENGTH / 2, MADV_DONTNEED));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, LENGTH / 2), 0);
	CHECK_EQ(guest_read(XGT_WINDOW), 0);
	CHECK_EQ(guest_read(XGT_WINDOW + LENGTH / 2),
		 xg_pattern(9, LENGTH / 2));
}

/* The same under a working guest, many times over. */
static void madvise_storm(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window = gm_lend(map, LENGTH, XEN_GPUMEM_BIND_WRITE_FIRST);
	struct xen_gpumem_window_query q;
	struct xgt_result r[2];

	cmd_start(0, XG_CMD_UPDATE, XGT_WINDOW, LENGTH / 2, 3000);
	cmd_start(1, XG_CMD_UPDATE, XGT_WINDOW + LENGTH / 2, LENGTH / 2, 4000);
	for (int i = 0; i < 100; i++) {
		CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
		usleep(i * 100);
	}
	cmd_advance(0, 1);
	cmd_advance(1, 1);
	r[0] = cmd_stop(0);
	r[1] = cmd_stop(1);
	verify(map, LENGTH / 2, xg_round_seed(3000, r[0].v[0] - 1));
	verify(map + LENGTH / 16, LENGTH / 2,
	       xg_round_seed(4000, r[1].v[0] - 1));
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_failed, 0);
}

/* A read-only binding: the guest reads, its writes get the policy. */
static void read_only(void)
{
	volatile uint64_t *map = map_shared(memfd_new(PAGE), PAGE);
	struct xen_gpumem_window_query q;
	uint32_t window;

	fill(map, PAGE, 10);
	window = gm_lend(map, PAGE, XEN_GPUMEM_BIND_READONLY);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, PAGE, 10);
	guest_write_faults(XGT_WINDOW);
	verify(map, PAGE, 10);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_writable, 0);
	/* Control: the very same memory takes writes through another binding. */
	OK(gm_bind(xgt_dom, window, 0, PAGE, map, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	guest_write(XGT_WINDOW, 11);
	CHECK_EQ(map[0], 11);
}

/* Dom0's own mapping allows no write: neither may the guest. */
static void read_only_mapping(void)
{
	int fd = memfd_new(PAGE);
	volatile uint64_t *map = map_shared(fd, PAGE);
	void *ro = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

	fill(map, PAGE, 12);
	gm_lend(ro, PAGE, XEN_GPUMEM_BIND_WRITE_FIRST);
	cmd_run(0, XG_CMD_WRITE, XGT_WINDOW, 8, 1);
	verify(map, PAGE, 12);
	guest_write_faults(XGT_WINDOW);
	verify(map, PAGE, 12);
}

/* Copy on write: a private mapping of a file; the file stays as it was. */
static void private_file(void)
{
	int fd = memfd_new(PAGE);
	volatile uint64_t *file = map_shared(fd, PAGE);
	volatile uint64_t *cow = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE, fd, 0);

	CHECK(cow != MAP_FAILED);
	fill(file, PAGE, 13);
	gm_lend(cow, PAGE, 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, PAGE, 13);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, PAGE, 14);
	verify(cow, PAGE, 14);
	verify(file, PAGE, 13);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, PAGE, 14);
}

static const struct xgt_test tests[] = {
	{ "L0-stock-guest", "L0", stock_guest, XGT_GUEST, 0 },
	{ "L1-memfd", "L1", lend_memfd, XGT_GUEST, 0 },
	{ "L1-anon", "L1", lend_anon, XGT_GUEST, 0 },
	{ "L1-anon-zero-page", "L1,L17", lend_anon_zero_page, XGT_GUEST, 0 },
	{ "L1-qxl-vram", "L1,L16", lend_qxl, XGT_GUEST | XGT_QXL, 0 },
	{ "L1-private-file", "L1,L17", private_file, XGT_GUEST, 0 },
	{ "L3-demand-fault", "L3", demand_fault, XGT_GUEST, 0 },
	{ "L3-in-order", "L3", in_order, XGT_GUEST, 240 },
	{ "L3-in-order-off", "L3", in_order_off, XGT_GUEST, 0 },
	{ "L3-in-order-absent", "L3", in_order_absent, XGT_GUEST, 0 },
	{ "L3-two-faulters", "L3", two_faulters, XGT_GUEST, 0 },
	{ "L3-populate", "L3,L11", populate, XGT_GUEST, 0 },
	{ "L3-refault-after-move", "L3", refault_after_move,
	  XGT_GUEST | XGT_QXL, 240 },
	{ "L3-memfd-punch", "L3", memfd_punch, XGT_GUEST, 0 },
	{ "L3-madvise-dontneed", "L3", madvise_dontneed, XGT_GUEST, 0 },
	{ "L3-madvise-storm", "L3,L18", madvise_storm, XGT_GUEST, 240 },
	{ "L17-read-only", "L17", read_only, XGT_GUEST, 0 },
	{ "L17-read-only-mapping", "L17", read_only_mapping, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
