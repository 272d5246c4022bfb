// SPDX-License-Identifier: GPL-2.0-only
/*
 * L4: what the guest gets where there is nothing to give.
 *
 * Each test begins and ends with an access that works, in the same window: the
 * policy is about one page and one moment, and the guest lives on.
 */
#include "xgt.h"

#define LENGTH	(64 * PAGE)

static uint32_t window_with(uint32_t hole)
{
	uint32_t window;

	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, hole, &window));
	return window;
}

/* Half of the window bound and good; returns where dom0 sees it. */
static volatile uint64_t *bind_half(uint32_t window, uint32_t policy)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);

	OK(gm_bind(xgt_dom, window, 0, LENGTH / 2, map, 0, policy));
	return map;
}

static void works(volatile uint64_t *map)
{
	static uint64_t value = 1000;

	map[1] = ++value;
	CHECK_EQ(guest_read(XGT_WINDOW + 8), value);
	guest_write(XGT_WINDOW + 16, ++value);
	CHECK_EQ(map[2], value);
}

static uint64_t failed(uint32_t window)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	return q.out_failed;
}

/* The backend is told why; a moment after the guest has its answer. */
static void told(uint64_t offset, int error)
{
	struct xen_gpumem_event e;
	int ret;

	EVENTUALLY((ret = gm_event(xgt_dom, &e)) != -EAGAIN);
	CHECK_EQ(ret, 1);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_FAULT);
	CHECK_EQ(e.offset, offset);
	CHECK_EQ(e.error, error);
	CHECK_EQ(e.count, 1);
}

/* Bound, but nothing mapped there: the policy is to inject. */
static void inject(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	volatile uint64_t *map = bind_half(window, XEN_GPUMEM_POLICY_INJECT);

	works(map);
	CHECK(!munmap((void *)(map + 4 * PAGE / 8), PAGE));
	for (int i = 0; i < 3; i++) {
		guest_read_faults(XGT_WINDOW + 4 * PAGE);
		guest_write_faults(XGT_WINDOW + 4 * PAGE + 8);
	}
	works(map);
	/* Counted after the guest was let run. */
	EVENTUALLY(failed(window) == 6);
	CHECK_EQ(gm_pages(xgt_dom, window, 4 * PAGE, PAGE), 0);
	/* Mapped at last: from now on it is there. */
	CHECK(mmap((void *)(map + 4 * PAGE / 8), PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
	      MAP_FAILED);
	guest_write(XGT_WINDOW + 4 * PAGE, 77);
	CHECK_EQ(map[4 * PAGE / 8], 77);
}

/* The same, and the policy is a page of zeroes that cannot be written. */
static void zero(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	volatile uint64_t *map = bind_half(window, XEN_GPUMEM_POLICY_ZERO);

	works(map);
	CHECK(!munmap((void *)(map + 4 * PAGE / 8), 2 * PAGE));
	CHECK_EQ(guest_read(XGT_WINDOW + 4 * PAGE), 0);
	CHECK_EQ(guest_read(XGT_WINDOW + 5 * PAGE - 8), 0);
	guest_write_faults(XGT_WINDOW + 4 * PAGE);
	CHECK_EQ(guest_read(XGT_WINDOW + 4 * PAGE), 0);
	/* A write first, where nothing has been read yet. */
	guest_write_faults(XGT_WINDOW + 5 * PAGE);
	CHECK_EQ(guest_read(XGT_WINDOW + 5 * PAGE), 0);
	works(map);
}

static void hole_mmio(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	volatile uint64_t *map = bind_half(window, XEN_GPUMEM_POLICY_INJECT);
	uint64_t hole = XGT_WINDOW + LENGTH / 2;

	works(map);
	for (int size = 1; size <= 8; size *= 2) {
		uint64_t ones = size == 8 ? ~0ULL : (1ULL << size * 8) - 1;

		CHECK_EQ(cmd_ok(0, XG_CMD_READ, hole + 64, size).v[0], ones);
		cmd_ok(0, XG_CMD_WRITE, hole + 64, size, 0);
		CHECK_EQ(cmd_ok(0, XG_CMD_READ, hole + 64, size).v[0], ones);
	}
	works(map);
	CHECK_EQ(gm_pages(xgt_dom, window, LENGTH / 2, 0), 0);
	/* Bound at last: the same address is memory now. */
	OK(gm_bind(xgt_dom, window, LENGTH / 2, LENGTH / 2,
		   map + LENGTH / 16, 0, XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(guest_read(hole + 64), 0);
	guest_write(hole + 64, 5);
	CHECK_EQ(map[LENGTH / 16 + 8], 5);
}

static void hole_inject(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_INJECT);
	volatile uint64_t *map = bind_half(window, XEN_GPUMEM_POLICY_ZERO);

	works(map);
	guest_read_faults(XGT_WINDOW + LENGTH / 2);
	guest_write_faults(XGT_WINDOW + LENGTH / 2);
	works(map);
}

static void hole_zero(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_ZERO);
	volatile uint64_t *map = bind_half(window, XEN_GPUMEM_POLICY_INJECT);
	uint64_t hole = XGT_WINDOW + LENGTH / 2;

	works(map);
	CHECK_EQ(guest_read(hole), 0);
	guest_write_faults(hole);
	CHECK_EQ(guest_read(hole), 0);
	guest_write_faults(hole + PAGE);
	works(map);
	/* The page of zeroes does not stay in the way of a binding. */
	OK(gm_bind(xgt_dom, window, LENGTH / 2, LENGTH / 2,
		   map + LENGTH / 16, 0, XEN_GPUMEM_POLICY_INJECT));
	map[LENGTH / 16] = 8;
	CHECK_EQ(guest_read(hole), 8);
	/* And comes back when that is gone. */
	OK(gm_unbind(xgt_dom, window, LENGTH / 2, LENGTH / 2));
	CHECK_EQ(guest_read(hole), 0);
}

/* The file ends before the mapping does. */
static void truncated(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	int fd = memfd_new(LENGTH);
	volatile uint64_t *map = map_shared(fd, LENGTH);

	OK(gm_bind(xgt_dom, window, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	fill(map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	CHECK(!ftruncate(fd, LENGTH / 2));
	CHECK_EQ(gm_pages(xgt_dom, window, LENGTH / 2, LENGTH / 2), 0);
	guest_read_faults(XGT_WINDOW + LENGTH / 2);
	guest_write_faults(XGT_WINDOW + LENGTH - 8);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH / 2, 1);
	works(map);
	/* Longer again: zeroes there. */
	CHECK(!ftruncate(fd, LENGTH));
	CHECK_EQ(guest_read(XGT_WINDOW + LENGTH / 2), 0);
}

/* The disk that the file is on cannot be read at one place. */
static void io_error(void)
{
	const uint64_t half = LENGTH / 2, bad = half + 4 * PAGE;
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	volatile uint64_t *map = bind_half(window, XEN_GPUMEM_POLICY_INJECT);
	volatile uint64_t *file;
	struct served s;
	uint64_t done;

	served_new(&s, half, 3);
	s.page[4].state = SERVED_FAIL;
	file = map_shared(s.fd, half);
	OK(gm_bind(xgt_dom, window, half, half, file, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(guest_read(XGT_WINDOW + bad - PAGE),
		 xg_pattern(3, 3 * PAGE));
	for (int i = 0; i < 3; i++) {
		guest_read_faults(XGT_WINDOW + bad);
		told(bad, ENODATA);
		guest_write_faults(XGT_WINDOW + bad + 8);
		told(bad, ENODATA);
		works(map);
	}
	/* Control: it was the disk that refused, each time. */
	CHECK(s.page[4].asked >= 6);
	CHECK_EQ(failed(window), 6);
	ERR(gm_populate(xgt_dom, window, half, half, 0, &done), ENODATA);
	CHECK_EQ(done, 4 * PAGE);
	CHECK_EQ(guest_read(XGT_WINDOW + bad + PAGE), xg_pattern(3, 5 * PAGE));
	/* With the other policy. */
	OK(gm_bind(xgt_dom, window, half, half, file, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_ZERO));
	CHECK_EQ(guest_read(XGT_WINDOW + bad), 0);
	told(bad, ENODATA);
	/* The disk is well again, and so is the guest, by itself. */
	s.page[4].state = SERVED_GIVE;
	EVENTUALLY(guest_read(XGT_WINDOW + bad) == xg_pattern(3, 4 * PAGE));
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW + half, half, 3);
	works(map);
}

/* Nothing but PROT_NONE. */
static void no_access(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	volatile uint64_t *map = bind_half(window, XEN_GPUMEM_POLICY_INJECT);

	works(map);
	CHECK(!mprotect((void *)map, PAGE, PROT_NONE));
	guest_read_faults(XGT_WINDOW + 8);
	CHECK(!mprotect((void *)map, PAGE, PROT_READ | PROT_WRITE));
	works(map);
}

/* Video memory whose buffer object is destroyed under the guest. */
static void bo_destroyed(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	int card = qxl_open();
	struct qxl_bo bo;

	qxl_new(card, &bo, LENGTH);
	OK(gm_bind(xgt_dom, window, 0, LENGTH, bo.map, 0,
		   XEN_GPUMEM_POLICY_ZERO));
	works(bo.map);
	cmd_start(1, XG_CMD_UPDATE, XGT_WINDOW + PAGE, LENGTH - PAGE, 1);
	cmd_advance(1, 2);
	qxl_free(card, &bo);
	CHECK_EQ(guest_read(XGT_WINDOW + 8), 0);
	/*
	 * The loop's next write gets an exception, or its next read zeroes.  Not
	 * stopped: between two rounds it would end well.
	 */
	CHECK(cmd_wait(1).status != XG_OK);
	close(card);
}

/* Memory that must never be lent is not, which is told from nothing there. */
static void not_lendable(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	volatile uint64_t *map = bind_half(window, XEN_GPUMEM_POLICY_INJECT);
	int fd = syscall(447 /* memfd_secret */, 0);
	void *secret;

	works(map);
	if (fd < 0)
		xgt_skip("memfd_secret: %s", strerror(errno));
	CHECK(!ftruncate(fd, PAGE));
	secret = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (secret == MAP_FAILED)
		xgt_skip("mmap of memfd_secret: %s", strerror(errno));
	*(volatile uint64_t *)secret = 4711;
	OK(gm_bind(xgt_dom, window, LENGTH / 2, PAGE, secret, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	guest_read_faults(XGT_WINDOW + LENGTH / 2);
	told(LENGTH / 2, EACCES);
	guest_write_faults(XGT_WINDOW + LENGTH / 2);
	told(LENGTH / 2, EACCES);
	ERR(gm_populate(xgt_dom, window, LENGTH / 2, PAGE, 0, NULL), EACCES);
	CHECK_EQ(gm_pages(xgt_dom, window, LENGTH / 2, PAGE), 0);
	CHECK(!munmap(secret, PAGE));
	guest_read_faults(XGT_WINDOW + LENGTH / 2);
	told(LENGTH / 2, ENODATA);
	ERR(gm_populate(xgt_dom, window, LENGTH / 2, PAGE, 0, NULL), ENODATA);
	works(map);
}

/*
 * A mapping of ordinary pages and of others that have no struct page: the even
 * ones are lent, and the odd ones are not, whether they are there or have to be
 * faulted in.  The process itself can use all of them.
 */
#define MIXED	8

static void look_at_mixed(uint32_t window, volatile uint64_t *map)
{
	for (uint64_t i = 0; i < MIXED; i++) {
		uint64_t at = i * PAGE;

		if (i % 2) {
			guest_read_faults(XGT_WINDOW + at);
			told(at, EACCES);
			guest_write_faults(XGT_WINDOW + at);
			told(at, EACCES);
			CHECK_EQ(gm_pages(xgt_dom, window, at, PAGE), 0);
		} else {
			CHECK_EQ(guest_read(XGT_WINDOW + at), i + 100);
			guest_write(XGT_WINDOW + at + 8, i + 200);
			CHECK_EQ(map[at / 8 + 1], i + 200);
		}
	}
}

static void mixed(void)
{
	uint32_t window = window_with(XEN_GPUMEM_POLICY_MMIO);
	int fd = open("/dev/xen-gpumem-mixed", O_RDWR | O_CLOEXEC);
	volatile uint64_t *map, *again;
	uint64_t done;

	if (fd < 0)
		xgt_skip("no mapping that mixes: %s", strerror(errno));
	map = map_shared(fd, MIXED * PAGE);
	for (uint64_t i = 0; i < MIXED; i++)
		map[i * PAGE / 8] = i + 100;
	OK(gm_bind(xgt_dom, window, 0, MIXED * PAGE, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	look_at_mixed(window, map);
	OK(gm_unbind(xgt_dom, window, 0, MIXED * PAGE));
	/* The guest comes first here. */
	again = map_shared(fd, MIXED * PAGE);
	OK(gm_bind(xgt_dom, window, 0, MIXED * PAGE, again, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	look_at_mixed(window, map);
	ERR(gm_populate(xgt_dom, window, 0, MIXED * PAGE, 0, &done), EACCES);
	CHECK_EQ(done, PAGE);
	OK(gm_populate(xgt_dom, window, 2 * PAGE, PAGE, 0, NULL));
	/* As with any other memory, what is unmapped is taken away. */
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), MIXED / 2);
	CHECK(!munmap((void *)again, MIXED * PAGE));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	guest_read_faults(XGT_WINDOW);
	told(0, ENODATA);
	for (uint64_t i = 0; i < MIXED; i++)
		CHECK_EQ(map[i * PAGE / 8], i + 100);
}

static const struct xgt_test tests[] = {
	{ "L4-inject", "L4", inject, XGT_GUEST | XGT_USER, 0 },
	{ "L4-zero", "L4", zero, XGT_GUEST | XGT_USER, 0 },
	{ "L4-hole-mmio", "L4", hole_mmio, XGT_GUEST | XGT_USER, 0 },
	{ "L4-hole-inject", "L4", hole_inject, XGT_GUEST | XGT_USER, 0 },
	{ "L4-hole-zero", "L4", hole_zero, XGT_GUEST | XGT_USER, 0 },
	{ "L4-truncated-file", "L4", truncated, XGT_GUEST | XGT_USER, 0 },
	{ "L4-io-error", "L4", io_error, XGT_GUEST, 0 },
	{ "L4-no-access", "L4", no_access, XGT_GUEST | XGT_USER, 0 },
	{ "L4-bo-destroyed", "L4", bo_destroyed, XGT_GUEST | XGT_QXL, 0 },
	{ "L1-refused-secretmem", "L1,L4,U6", not_lendable,
	  XGT_GUEST | XGT_USER, 0 },
	{ "L1-mixed", "L1,L4,U6", mixed, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
