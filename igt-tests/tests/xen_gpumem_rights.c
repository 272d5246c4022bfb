// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem rights
 * Description: What the holder of a domain fd may do, where, and how much of
 *              it; whose windows and bindings are whose; what the guest finds
 *              where there is nothing
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: rights
 * Test category: functionality test
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem.h"

IGT_TEST_DESCRIPTION("Rights, ranges, limits and policies of domain fds");

#define LENGTH	(16 * GPUMEM_PAGE)
#define LEND	XEN_GPUMEM_RIGHT_LEND
#define MMIO	XEN_GPUMEM_POLICY_MMIO

static void *memory(uint64_t length, uint64_t seed)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	igt_assert(p != MAP_FAILED);
	gpumem_fill(p, length, seed);
	return p;
}

/* A window with memory in it that the guest sees. */
static uint32_t lent(int fd, uint64_t gpa, uint64_t seed)
{
	uint32_t window = gpumem_window_add(fd, gpa, LENGTH);

	gpumem_bind(fd, window, 0, LENGTH, memory(LENGTH, seed));
	gpumem_guest_check(gpa, LENGTH, seed);
	return window;
}

static bool nothing(uint64_t gpa)
{
	return gpumem_guest_read(gpa) == ~0ULL;
}

/* --- what a derived fd may ------------------------------------------------ */

static void derive_less(void)
{
	struct xen_gpumem_derive more = {
		.rights = LEND | XEN_GPUMEM_RIGHT_REMOVE,
	}, none = { 0 };
	struct xen_gpumem_info info;
	int fd = gpumem_begin(), child = gpumem_derive(fd, LEND);

	gpumem_assert(__gpumem_info(child, &info), 0);
	igt_assert_eq(info.out_rights, LEND);
	gpumem_assert(__gpumem_derive(child, &more), -EPERM);
	gpumem_assert(__gpumem_derive(child, &none), -EINVAL);
	/* What it is derived from can end before it. */
	lent(child, GPUMEM_ARENA, 1);
	close(fd);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 1);
	close(child);
	igt_assert(nothing(GPUMEM_ARENA));
}

static int open_both(void)
{
	struct xen_gpumem_open_domain od = {
		.rights = LEND | XEN_GPUMEM_RIGHT_REMOVE,
		.domid = gpumem_guest_domid(),
	};
	int node = gpumem_open_node(), fd = __gpumem_open_domain(node, &od);

	igt_assert_lte(0, fd);
	close(node);
	return fd;
}

static void only_remove(void)
{
	int fd = gpumem_begin(), both = open_both();
	int remove = gpumem_derive(both, XEN_GPUMEM_RIGHT_REMOVE);
	uint32_t window = lent(fd, GPUMEM_ARENA, 2), other;

	gpumem_assert(__gpumem_window_add(remove, GPUMEM_ARENA + MIB, LENGTH,
					  MMIO, &other), -EPERM);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 2);
	gpumem_assert(__gpumem_window_remove(remove, window), 0);
	igt_assert(nothing(GPUMEM_ARENA));
	gpumem_assert(__gpumem_window_remove(fd, window), -ENOENT);
	close(remove);
	close(both);
	gpumem_end();
}

/* Another fd of the same guest, which knows the window's number. */
static void other_fd(void)
{
	int fd = gpumem_begin(), other = gpumem_derive(fd, LEND);
	uint32_t window = lent(fd, GPUMEM_ARENA, 3);
	struct xen_gpumem_window_query q;
	void *p = memory(GPUMEM_PAGE, 4);

	gpumem_assert(__gpumem_window_remove(other, window), -EPERM);
	gpumem_assert(__gpumem_window_move(other, window, GPUMEM_ARENA + MIB),
		      -EPERM);
	gpumem_assert(__gpumem_bind(other, window, 0, GPUMEM_PAGE, p,
				    XEN_GPUMEM_BIND_REPLACE, 0), -EPERM);
	gpumem_assert(__gpumem_unbind(other, window, 0, LENGTH), -EPERM);
	gpumem_assert(__gpumem_populate(other, window, 0, LENGTH, 0, NULL),
		      -EPERM);
	gpumem_assert(__gpumem_query(other, window, 0, 0, &q), -EPERM);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 3);
	/* It has room beside it. */
	lent(other, GPUMEM_ARENA + LENGTH, 5);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 3);
	close(other);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 3);
	gpumem_end();
}

static void ranges(void)
{
	struct xen_gpumem_range range[] = {
		{ .right = LEND, .first = GPUMEM_ARENA, .length = LENGTH },
		/* adjoins the first */
		{ .right = LEND, .first = GPUMEM_ARENA + LENGTH,
		  .length = LENGTH },
		{ .right = LEND, .first = GPUMEM_ARENA + MIB,
		  .length = LENGTH },
	};
	struct xen_gpumem_derive d = {
		.rights = LEND, .ranges = (uintptr_t)range,
		.nr_ranges = ARRAY_SIZE(range),
	}, wider = { .rights = LEND, .ranges = (uintptr_t)range,
		     .nr_ranges = 1 };
	int fd = gpumem_begin(), child = __gpumem_derive(fd, &d);
	uint32_t window;

	igt_assert_lte(0, child);
	gpumem_assert(__gpumem_window_add(child, GPUMEM_ARENA + 2 * LENGTH,
					  GPUMEM_PAGE, MMIO, &window), -EACCES);
	gpumem_assert(__gpumem_window_add(child, GPUMEM_ARENA, 3 * LENGTH, MMIO,
					  &window), -EACCES);
	gpumem_assert(__gpumem_window_add(child, GPUMEM_ARENA, 2 * LENGTH, MMIO,
					  &window), 0);
	gpumem_assert(__gpumem_window_move(child, window,
					   GPUMEM_ARENA + 2 * MIB), -EACCES);
	/* Nowhere is allowed anywhere. */
	gpumem_assert(__gpumem_window_move(child, window, XEN_GPUMEM_PARKED),
		      0);
	gpumem_assert(__gpumem_window_remove(child, window), 0);
	range[0].length = MIB;
	gpumem_assert(__gpumem_derive(child, &wider), -EACCES);
	lent(child, GPUMEM_ARENA + MIB, 6);
	close(child);
	gpumem_end();
}

/* --- limits --------------------------------------------------------------- */

static void limit_windows(void)
{
	struct xen_gpumem_derive d = { .rights = LEND, .max_windows = 2 };
	int fd = gpumem_begin(), child = __gpumem_derive(fd, &d);
	uint32_t window[3];

	igt_assert_lte(0, child);
	window[0] = lent(child, GPUMEM_ARENA, 7);
	window[1] = gpumem_window_add(child, GPUMEM_ARENA + MIB, LENGTH);
	gpumem_assert(__gpumem_window_add(child, GPUMEM_ARENA + 2 * MIB,
					  LENGTH, MMIO, &window[2]), -ENOSPC);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 7);
	gpumem_assert(__gpumem_window_remove(child, window[0]), 0);
	lent(child, GPUMEM_ARENA + 2 * MIB, 8);
	gpumem_assert(__gpumem_window_add(child, GPUMEM_ARENA, LENGTH, MMIO,
					  &window[2]), -ENOSPC);
	close(child);
	gpumem_end();
}

static void limit_bindings(void)
{
	struct xen_gpumem_derive d = { .rights = LEND, .max_bindings = 2 };
	int fd = gpumem_begin(), child = __gpumem_derive(fd, &d);
	uint8_t *p = memory(LENGTH, 9);
	uint32_t window;

	igt_assert_lte(0, child);
	window = gpumem_window_add(child, GPUMEM_ARENA, LENGTH);
	for (uint64_t at = 0; at < 2 * GPUMEM_PAGE; at += GPUMEM_PAGE)
		gpumem_bind(child, window, at, GPUMEM_PAGE, p + at);
	gpumem_assert(__gpumem_bind(child, window, 2 * GPUMEM_PAGE, GPUMEM_PAGE,
				    p, 0, 0), -ENOSPC);
	gpumem_guest_check(GPUMEM_ARENA, 2 * GPUMEM_PAGE, 9);
	igt_assert(nothing(GPUMEM_ARENA + 2 * GPUMEM_PAGE));
	gpumem_assert(__gpumem_unbind(child, window, 0, 2 * GPUMEM_PAGE), 0);
	gpumem_bind(child, window, 0, LENGTH, p);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 9);
	close(child);
	gpumem_end();
}

static void limit_bytes(void)
{
	struct xen_gpumem_derive d = {
		.rights = LEND, .max_bytes = LENGTH / 2,
	};
	int fd = gpumem_begin(), child = __gpumem_derive(fd, &d);
	uint8_t *p = memory(LENGTH, 10);
	uint32_t window;

	igt_assert_lte(0, child);
	/* A window costs nothing of it. */
	window = gpumem_window_add(child, GPUMEM_ARENA, LENGTH);
	gpumem_assert(__gpumem_bind(child, window, 0, LENGTH, p, 0, 0),
		      -ENOSPC);
	gpumem_bind(child, window, 0, LENGTH / 2, p);
	gpumem_assert(__gpumem_bind(child, window, LENGTH / 2, GPUMEM_PAGE, p,
				    0, 0), -ENOSPC);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH / 2, 10);
	igt_assert(nothing(GPUMEM_ARENA + LENGTH / 2));
	close(child);
	gpumem_end();
}

/* Two that are derived share what there is. */
static void limit_shared(void)
{
	struct xen_gpumem_derive d = { .rights = LEND, .max_windows = 2 };
	int fd = gpumem_begin(), parent = __gpumem_derive(fd, &d);
	int child[2];
	uint32_t window;

	igt_assert_lte(0, parent);
	d.max_windows = 100;
	for (int i = 0; i < 2; i++) {
		child[i] = __gpumem_derive(parent, &d);
		igt_assert_lte(0, child[i]);
		lent(child[i], GPUMEM_ARENA + i * MIB, 11 + i);
	}
	gpumem_assert(__gpumem_window_add(child[0], GPUMEM_ARENA + 2 * MIB,
					  LENGTH, MMIO, &window), -ENOSPC);
	gpumem_assert(__gpumem_window_add(parent, GPUMEM_ARENA + 2 * MIB,
					  LENGTH, MMIO, &window), -ENOSPC);
	close(child[1]);
	igt_assert(nothing(GPUMEM_ARENA + MIB));
	lent(parent, GPUMEM_ARENA + 2 * MIB, 13);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 11);
	close(child[0]);
	close(parent);
	gpumem_end();
}

/* --- where windows can be ------------------------------------------------- */

static void window_overlap(void)
{
	int fd = gpumem_begin();
	uint32_t other;

	lent(fd, GPUMEM_ARENA + MIB, 14);
	gpumem_assert(__gpumem_window_add(fd, GPUMEM_ARENA + MIB, LENGTH, MMIO,
					  &other), -EEXIST);
	gpumem_assert(__gpumem_window_add(fd, GPUMEM_ARENA, 8 * MIB, MMIO,
					  &other), -EEXIST);
	gpumem_assert(__gpumem_window_add(fd, GPUMEM_ARENA + MIB - GPUMEM_PAGE,
					  2 * GPUMEM_PAGE, MMIO, &other),
		      -EEXIST);
	/* Up to it, and from its end on. */
	lent(fd, GPUMEM_ARENA + MIB - LENGTH, 15);
	lent(fd, GPUMEM_ARENA + MIB + LENGTH, 16);
	gpumem_guest_check(GPUMEM_ARENA + MIB, LENGTH, 14);
	gpumem_end();
}

static void window_elsewhere(void)
{
	struct xen_gpumem_info info;
	int fd = gpumem_begin();
	uint32_t window;

	gpumem_assert(__gpumem_info(fd, &info), 0);
	/* The guest's memory; its first MiB; its interrupt controllers. */
	gpumem_assert(__gpumem_window_add(fd, 16 * MIB, LENGTH, MMIO, &window),
		      -EEXIST);
	gpumem_assert(__gpumem_window_add(fd, 0xa0000, LENGTH, MMIO, &window),
		      -EADDRNOTAVAIL);
	gpumem_assert(__gpumem_window_add(fd, 0xfee00000, GPUMEM_PAGE, MMIO,
					  &window), -EADDRNOTAVAIL);
	gpumem_assert(__gpumem_window_add(fd, info.out_gpa_end, LENGTH, MMIO,
					  &window), -ERANGE);
	gpumem_assert(__gpumem_window_add(fd, info.out_gpa_end - GPUMEM_PAGE,
					  2 * GPUMEM_PAGE, MMIO, &window),
		      -ERANGE);
	gpumem_assert(__gpumem_window_add(fd, info.out_gpa_end - GPUMEM_PAGE,
					  GPUMEM_PAGE, MMIO, &window), 0);
	lent(fd, GPUMEM_ARENA, 17);
	gpumem_end();
}

static void window_parked(void)
{
	int fd = gpumem_begin();
	void *p = memory(LENGTH, 18);
	uint32_t window = gpumem_window_add(fd, XEN_GPUMEM_PARKED, LENGTH);

	gpumem_bind(fd, window, 0, LENGTH, p);
	gpumem_assert(__gpumem_populate(fd, window, 0, LENGTH, 0, NULL),
		      -ENXIO);
	igt_assert_eq_u64(gpumem_query(fd, window).out_pages, 0);
	gpumem_assert(__gpumem_window_move(fd, window, GPUMEM_ARENA), 0);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 18);
	gpumem_assert(__gpumem_window_move(fd, window, XEN_GPUMEM_PARKED), 0);
	igt_assert(nothing(GPUMEM_ARENA));
	igt_assert_eq_u64(gpumem_query(fd, window).out_pages, 0);
	gpumem_end();
}

/* --- who lends ------------------------------------------------------------ */

static void close_takes_back(void)
{
	int fd = gpumem_begin(), child = gpumem_derive(fd, LEND);
	uint64_t *p = memory(LENGTH, 19);
	uint32_t window = gpumem_window_add(child, GPUMEM_ARENA, LENGTH);

	gpumem_bind(child, window, 0, LENGTH, p);
	gpumem_guest_fill(GPUMEM_ARENA, LENGTH, 20);
	close(child);
	gpumem_guest_write(GPUMEM_ARENA, 0);
	igt_assert(nothing(GPUMEM_ARENA));
	gpumem_check(p, LENGTH, 20);
	/* The place is free. */
	lent(fd, GPUMEM_ARENA, 21);
	gpumem_end();
}

/* A fd that was opened by root, in the hands of somebody who is not. */
static void unprivileged_lender(void)
{
	int fd = gpumem_begin(), pipes[2], done[2];
	char byte;

	igt_assert(!pipe(pipes) && !pipe(done));
	igt_fork(child, 1) {
		close(done[1]);
		igt_drop_root();
		lent(fd, GPUMEM_ARENA, 22);
		igt_assert_eq(write(pipes[1], "x", 1), 1);
		/* It lends until it is told to end, by the pipe's end. */
		igt_assert_eq(read(done[0], &byte, 1), 0);
	}
	close(pipes[1]);
	close(done[0]);
	igt_assert_eq(read(pipes[0], &byte, 1), 1);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 22);
	close(done[1]);
	igt_waitchildren();
	/* Its memory is gone with it; its window is the fd's. */
	gpumem_guest_read_faults(GPUMEM_ARENA);
	gpumem_end();
}

/* Same addresses in two processes: each lends what is its own. */
static void own_memory(void)
{
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, GPUMEM_ARENA, 2 * LENGTH);
	uint8_t *p = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int pipes[2], done[2];
	char byte;

	igt_assert(p != MAP_FAILED && !pipe(pipes) && !pipe(done));
	gpumem_fill(p, LENGTH, 23);
	gpumem_bind(fd, window, 0, LENGTH, p);
	igt_fork(child, 1) {
		close(done[1]);
		gpumem_fill(p, LENGTH, 24);
		gpumem_bind(fd, window, LENGTH, LENGTH, p);
		igt_assert_eq(write(pipes[1], "x", 1), 1);
		igt_assert_eq(read(done[0], &byte, 1), 0);
	}
	close(pipes[1]);
	close(done[0]);
	igt_assert_eq(read(pipes[0], &byte, 1), 1);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 23);
	gpumem_guest_check(GPUMEM_ARENA + LENGTH, LENGTH, 24);
	close(done[1]);
	igt_waitchildren();
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 23);
	gpumem_guest_read_faults(GPUMEM_ARENA + LENGTH);
	gpumem_end();
}

/* --- where there is nothing ----------------------------------------------- */

static void hole_policies(void)
{
	int fd = gpumem_begin();
	uint32_t window;

	gpumem_assert(__gpumem_window_add(fd, GPUMEM_ARENA, LENGTH,
					  XEN_GPUMEM_POLICY_INJECT, &window),
		      0);
	gpumem_assert(__gpumem_window_add(fd, GPUMEM_ARENA + MIB, LENGTH,
					  XEN_GPUMEM_POLICY_ZERO, &window), 0);
	gpumem_assert(__gpumem_window_add(fd, GPUMEM_ARENA + 2 * MIB, LENGTH,
					  MMIO, &window), 0);
	gpumem_guest_read_faults(GPUMEM_ARENA);
	gpumem_guest_write_faults(GPUMEM_ARENA);
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA + MIB), 0);
	gpumem_guest_write_faults(GPUMEM_ARENA + MIB);
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA + MIB), 0);
	igt_assert(nothing(GPUMEM_ARENA + 2 * MIB));
	gpumem_guest_write(GPUMEM_ARENA + 2 * MIB, 25);
	igt_assert(nothing(GPUMEM_ARENA + 2 * MIB));
	gpumem_end();
}

static void fail_policies(void)
{
	int fd = gpumem_begin();
	uint8_t *p = memory(2 * LENGTH, 26);
	uint32_t window = gpumem_window_add(fd, GPUMEM_ARENA, 2 * LENGTH);

	gpumem_assert(__gpumem_bind(fd, window, 0, LENGTH, p, 0,
				    XEN_GPUMEM_POLICY_INJECT), 0);
	gpumem_assert(__gpumem_bind(fd, window, LENGTH, LENGTH, p + LENGTH, 0,
				    XEN_GPUMEM_POLICY_ZERO), 0);
	gpumem_guest_check(GPUMEM_ARENA, 2 * LENGTH, 26);
	igt_assert(!munmap(p, 2 * LENGTH));
	gpumem_guest_read_faults(GPUMEM_ARENA);
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA + LENGTH), 0);
	gpumem_guest_write_faults(GPUMEM_ARENA + LENGTH);
	gpumem_end();
}

/* An access that could not be served is told to the lender. */
static void events(void)
{
	int fd = gpumem_begin();
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct xen_gpumem_event e;
	void *p = memory(LENGTH, 27);
	uint32_t window = gpumem_window_add(fd, GPUMEM_ARENA, LENGTH);

	igt_assert(!fcntl(fd, F_SETFL, O_NONBLOCK));
	gpumem_bind(fd, window, 0, LENGTH, p);
	gpumem_guest_check(GPUMEM_ARENA, LENGTH, 27);
	igt_assert_eq(read(fd, &e, sizeof(e)), -1);
	igt_assert_eq(errno, EAGAIN);
	igt_assert_eq(poll(&ready, 1, 0), 0);
	igt_assert(!munmap(p, LENGTH));
	gpumem_guest_read_faults(GPUMEM_ARENA + 3 * GPUMEM_PAGE);
	igt_assert_eq(poll(&ready, 1, 20000), 1);
	igt_assert_eq(read(fd, &e, 8), -1);
	igt_assert_eq(errno, EINVAL);
	igt_assert_eq(read(fd, &e, sizeof(e)), sizeof(e));
	igt_assert_eq(e.type, XEN_GPUMEM_EVENT_FAULT);
	igt_assert_eq(e.window, window);
	igt_assert_eq_u64(e.offset, 3 * GPUMEM_PAGE);
	igt_assert_eq_u64(e.length, GPUMEM_PAGE);
	igt_assert_eq(e.error, ENODATA);
	igt_assert(e.access & XEN_GPUMEM_ACCESS_READ);
	gpumem_end();
}

static const struct {
	const char *name, *what;
	void (*fn)(void);
} tests[] = {
	/**
	 * SUBTEST: derive-less
	 * Description: A derived fd has no more rights, and a life of its own
	 */
	{ "derive-less", "A derived fd has no more rights, and its own life",
	  derive_less },
	/**
	 * SUBTEST: only-remove
	 * Description: The right to remove windows of others, alone
	 */
	{ "only-remove", "The right to remove windows of others, alone",
	  only_remove },
	/**
	 * SUBTEST: other-fd
	 * Description: A window can be used through the fd that added it only
	 */
	{ "other-fd", "A window can be used through the fd that added it only",
	  other_fd },
	/**
	 * SUBTEST: ranges
	 * Description: Windows lie in the ranges that the fd was given
	 */
	{ "ranges", "Windows lie in the ranges that the fd was given", ranges },
	/**
	 * SUBTEST: limit-windows
	 * Description: No more windows than the fd may have
	 */
	{ "limit-windows", "No more windows than the fd may have",
	  limit_windows },
	/**
	 * SUBTEST: limit-bindings
	 * Description: No more bindings than the fd may have
	 */
	{ "limit-bindings", "No more bindings than the fd may have",
	  limit_bindings },
	/**
	 * SUBTEST: limit-bytes
	 * Description: No more bytes bound than the fd may have
	 */
	{ "limit-bytes", "No more bytes bound than the fd may have",
	  limit_bytes },
	/**
	 * SUBTEST: limit-shared
	 * Description: What is derived counts where it was derived from
	 */
	{ "limit-shared", "What is derived counts where it was derived from",
	  limit_shared },
	/**
	 * SUBTEST: window-overlap
	 * Description: No two windows in one place
	 */
	{ "window-overlap", "No two windows in one place", window_overlap },
	/**
	 * SUBTEST: window-elsewhere
	 * Description: No window over memory or special ranges of the guest
	 */
	{ "window-elsewhere", "No window over memory or special ranges",
	  window_elsewhere },
	/**
	 * SUBTEST: window-parked
	 * Description: A window without an address keeps what is bound in it
	 */
	{ "window-parked", "A window without an address keeps its bindings",
	  window_parked },
	/**
	 * SUBTEST: close-takes-back
	 * Description: Closing the fd takes its windows from the guest
	 */
	{ "close-takes-back", "Closing the fd takes its windows from the guest",
	  close_takes_back },
	/**
	 * SUBTEST: unprivileged-lender
	 * Description: Who holds the fd lends, without any privilege
	 */
	{ "unprivileged-lender", "Who holds the fd lends, without privilege",
	  unprivileged_lender },
	/**
	 * SUBTEST: own-memory
	 * Description: Each process lends its own memory through one fd
	 */
	{ "own-memory", "Each process lends its own memory through one fd",
	  own_memory },
	/**
	 * SUBTEST: hole-policies
	 * Description: What the guest finds where nothing is bound
	 */
	{ "hole-policies", "What the guest finds where nothing is bound",
	  hole_policies },
	/**
	 * SUBTEST: fail-policies
	 * Description: What the guest finds where nothing is mapped
	 */
	{ "fail-policies", "What the guest finds where nothing is mapped",
	  fail_policies },
	/**
	 * SUBTEST: events
	 * Description: An access that could not be served is told
	 */
	{ "events", "An access that could not be served is told", events },
};

int igt_main()
{
	igt_fixture()
		gpumem_guest_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name)
			tests[i].fn();
	}
}
