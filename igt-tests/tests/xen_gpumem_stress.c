// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem stress
 * Description: Lending, moving and taking back, many times and several at a
 *              time, while the guest checks and rewrites what it has.  Rounds
 *              are counted, not seconds
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: stress
 * Test category: stress test
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_bo.h"
#include "igt_xen_gpumem_export.h"

IGT_TEST_DESCRIPTION("Lending, moving and taking back, many times over");

#define SIZE	(128 * KIB)
#define PAGES	(SIZE / GPUMEM_PAGE)
#define AT	GPUMEM_ARENA
#define ELSEWHERE (GPUMEM_ARENA + 16 * MIB)

static void *memory(uint64_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	igt_assert(p != MAP_FAILED);
	return p;
}

/* --- one thing, many times ------------------------------------------------ */

/* Shared memory keeps what is in it, however often its pages are dropped. */
static void drop(void)
{
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, SIZE);
	struct xen_gpumem_window_query q;
	void *p = memory(SIZE);

	gpumem_bind(fd, window, 0, SIZE, p);
	gpumem_guest_work(0, AT, SIZE, 1);
	for (int i = 0; i < 200; i++) {
		igt_assert(!madvise(p, SIZE, MADV_DONTNEED));
		if (i % 20 == 0)
			gpumem_guest_rounds(0, 1);
	}
	gpumem_check(p, SIZE, gpumem_guest_stop(0));
	q = gpumem_query(fd, window);
	igt_assert_lte_u64(10, q.out_revokes);
	igt_assert_lte_u64(q.out_revoked + q.out_pages, q.out_mapped);
	igt_assert_eq_u64(q.out_failed, 0);
	gpumem_end();
	munmap(p, SIZE);
}

/* What is bound changes places with itself: the guest never meets a hole. */
static void replace(void)
{
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, SIZE);
	void *p = memory(SIZE);

	gpumem_bind(fd, window, 0, SIZE, p);
	gpumem_guest_work(0, AT, SIZE, 2);
	for (int i = 0; i < 200; i++) {
		gpumem_assert(__gpumem_bind(fd, window, 0, SIZE, p,
					    XEN_GPUMEM_BIND_REPLACE,
					    XEN_GPUMEM_POLICY_INJECT), 0);
		if (i % 20 == 0)
			gpumem_guest_rounds(0, 1);
	}
	gpumem_check(p, SIZE, gpumem_guest_stop(0));
	igt_assert_eq_u64(gpumem_query(fd, window).out_failed, 0);
	gpumem_end();
	munmap(p, SIZE);
}

static void bind_unbind(void)
{
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, SIZE);
	void *p = memory(SIZE);

	for (uint64_t i = 0; i < 100; i++) {
		gpumem_bind(fd, window, 0, SIZE, p);
		gpumem_guest_write(AT + i % PAGES * GPUMEM_PAGE, i);
		gpumem_assert(__gpumem_unbind(fd, window, 0, SIZE), 0);
		igt_assert_eq_u64(((uint64_t *)p)[i % PAGES * 512], i);
		if (i % 10 == 0)
			igt_assert_eq_u64(gpumem_guest_read(AT), ~0ULL);
	}
	igt_assert_eq_u64(gpumem_query(fd, window).out_pages, 0);
	gpumem_end();
	munmap(p, SIZE);
}

static void move(void)
{
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, SIZE);
	void *p = memory(SIZE);

	gpumem_bind(fd, window, 0, SIZE, p);
	for (uint64_t i = 0; i < 50; i++) {
		uint64_t gpa = i & 1 ? ELSEWHERE : AT;

		gpumem_assert(__gpumem_window_move(fd, window, gpa), 0);
		gpumem_guest_write(gpa, i);
		igt_assert_eq_u64(*(volatile uint64_t *)p, i);
		igt_assert_eq_u64(gpumem_guest_read(gpa ^ AT ^ ELSEWHERE),
				  ~0ULL);
		gpumem_assert(__gpumem_window_move(fd, window,
						   XEN_GPUMEM_PARKED), 0);
	}
	gpumem_end();
	munmap(p, SIZE);
}

static void add_remove(void)
{
	int fd = gpumem_begin();
	uint64_t *p = memory(SIZE);

	for (uint64_t i = 0; i < 100; i++) {
		uint64_t gpa = AT + i * MIB;
		uint32_t window = gpumem_window_add(fd, gpa, SIZE);

		gpumem_bind(fd, window, 0, SIZE, p);
		gpumem_guest_write(gpa, i);
		gpumem_assert(__gpumem_window_remove(fd, window), 0);
		igt_assert_eq_u64(p[0], i);
	}
	igt_assert_eq_u64(gpumem_guest_read(AT), ~0ULL);
	gpumem_end();
	munmap(p, SIZE);
}

/* --- many things at a time ------------------------------------------------ */

static void many_windows(void)
{
	struct xen_gpumem_info info;
	int fd = gpumem_begin();
	uint64_t *p = memory(SIZE);
	unsigned int nr = 64;

	gpumem_assert(__gpumem_info(fd, &info), 0);
	if (info.out_max_windows / 2 < nr)
		nr = info.out_max_windows / 2;
	igt_assert_lte(8, nr);
	for (unsigned int i = 0; i < nr; i++) {
		uint32_t window = gpumem_window_add(fd, AT + i * MIB, SIZE);

		gpumem_bind(fd, window, 0, SIZE, p);
	}
	for (unsigned int i = 0; i < nr; i++) {
		gpumem_guest_write(AT + i * MIB, i);
		igt_assert_eq_u64(gpumem_guest_read(AT + (nr - 1) * MIB), i);
	}
	/* They all lose it at once. */
	igt_assert(!munmap(p, SIZE));
	for (unsigned int i = 0; i < nr; i += 7)
		gpumem_guest_read_faults(AT + i * MIB);
	gpumem_end();
}

/* A page each, the last of the memory first in the window. */
static void many_bindings(void)
{
	const unsigned int nr = 512;
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, nr * GPUMEM_PAGE);
	uint8_t *p = memory(nr * GPUMEM_PAGE);

	for (unsigned int i = 0; i < nr; i++)
		gpumem_bind(fd, window, i * GPUMEM_PAGE, GPUMEM_PAGE,
			    p + (nr - 1 - i) * GPUMEM_PAGE);
	gpumem_guest_fill(AT, nr * GPUMEM_PAGE, 3);
	for (unsigned int i = 0; i < nr; i++)
		for (uint64_t at = 0; at < GPUMEM_PAGE; at += 8)
			igt_assert_eq_u64(*(uint64_t *)(p + at + (nr - 1 - i) *
							GPUMEM_PAGE),
					  gpumem_word(3, i * GPUMEM_PAGE + at));
	gpumem_assert(__gpumem_unbind(fd, window, 0, nr * GPUMEM_PAGE), 0);
	igt_assert_eq_u64(gpumem_query(fd, window).out_pages, 0);
	igt_assert_eq_u64(gpumem_guest_read(AT), ~0ULL);
	gpumem_end();
	munmap(p, nr * GPUMEM_PAGE);
}

/* Derived and closed, with a window in each. */
static void many_fds(void)
{
	int fd = gpumem_begin(), child[32];
	uint64_t *p = memory(SIZE);

	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < ARRAY_SIZE(child); i++) {
			child[i] = gpumem_derive(fd, XEN_GPUMEM_RIGHT_LEND);
			gpumem_bind(child[i],
				    gpumem_window_add(child[i], AT + i * MIB,
						      SIZE), 0, SIZE, p);
			gpumem_guest_write(AT + i * MIB, i);
			igt_assert_eq_u64(p[0], i);
		}
		for (unsigned int i = 0; i < ARRAY_SIZE(child); i++)
			close(child[i]);
		igt_assert_eq_u64(gpumem_guest_read(AT + 5 * MIB), ~0ULL);
	}
	gpumem_end();
	munmap(p, SIZE);
}

/* --- everything at a time ------------------------------------------------- */

static void two_vcpus_revoked(void)
{
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, 2 * SIZE);
	uint8_t *p = memory(2 * SIZE);

	igt_require_f(gpumem_guest_vcpus() >= 2, "the guest has one vCPU\n");
	gpumem_bind(fd, window, 0, 2 * SIZE, p);
	gpumem_guest_work(0, AT, SIZE, 4);
	gpumem_guest_work(1, AT + SIZE, SIZE, 5);
	for (int i = 0; i < 200; i++) {
		igt_assert(!madvise(p, 2 * SIZE, MADV_DONTNEED));
		if (i % 25)
			continue;
		gpumem_guest_rounds(0, 1);
		gpumem_guest_rounds(1, 1);
	}
	gpumem_check(p, SIZE, gpumem_guest_stop(0));
	gpumem_check(p + SIZE, SIZE, gpumem_guest_stop(1));
	igt_assert_eq_u64(gpumem_query(fd, window).out_failed, 0);
	gpumem_end();
	munmap(p, 2 * SIZE);
}

/* Processes that lend, take back and move windows of their own beside it. */
static void neighbours(void)
{
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, SIZE);
	void *p = memory(SIZE);

	gpumem_bind(fd, window, 0, SIZE, p);
	gpumem_guest_work(0, AT, SIZE, 6);
	igt_fork(child, 4) {
		int mine = gpumem_derive(fd, XEN_GPUMEM_RIGHT_LEND);
		uint64_t gpa = AT + (child + 1) * 8 * MIB, done;
		void *own = memory(SIZE);

		for (int i = 0; i < 30; i++) {
			uint32_t w = gpumem_window_add(mine, gpa, SIZE);

			gpumem_bind(mine, w, 0, SIZE, own);
			gpumem_assert(__gpumem_populate(mine, w, 0, SIZE, 0,
							&done), 0);
			igt_assert_eq_u64(gpumem_query(mine, w).out_pages,
					  PAGES);
			gpumem_assert(__gpumem_window_move(mine, w,
							   gpa + MIB), 0);
			igt_assert(!madvise(own, SIZE, MADV_DONTNEED));
			gpumem_assert(__gpumem_window_remove(mine, w), 0);
		}
		close(mine);
	}
	igt_waitchildren();
	gpumem_guest_rounds(0, 1);
	gpumem_check(p, SIZE, gpumem_guest_stop(0));
	igt_assert_eq_u64(gpumem_query(fd, window).out_failed, 0);
	/* They have left nothing. */
	for (int i = 1; i <= 4; i++)
		igt_assert_eq_u64(gpumem_guest_read(AT + i * 8 * MIB), ~0ULL);
	gpumem_end();
	munmap(p, SIZE);
}

/* A lender that is killed in the middle of it, again and again. */
static void killed(void)
{
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, SIZE);
	uint8_t *p = memory(SIZE);

	for (int i = 0; i < 10; i++) {
		struct igt_helper_process lender = { .use_SIGKILL = true };
		int pipes[2];
		char byte;

		igt_assert(!pipe(pipes));
		gpumem_fill(p, SIZE, 10 + i);
		igt_fork_helper(&lender) {
			gpumem_bind(fd, window, 0, SIZE, p);
			igt_assert_eq(write(pipes[1], "x", 1), 1);
			for (;;)
				madvise(p, SIZE, MADV_DONTNEED);
		}
		close(pipes[1]);
		igt_assert_eq(read(pipes[0], &byte, 1), 1);
		close(pipes[0]);
		gpumem_guest_check(AT, SIZE, 10 + i);
		igt_stop_helper(&lender);
		/* Its addresses are gone, and the binding is for us to end. */
		gpumem_guest_read_will_fault(AT + SIZE - 8);
		gpumem_assert(__gpumem_unbind(fd, window, 0, SIZE), 0);
	}
	igt_assert_eq_u64(gpumem_query(fd, window).out_pages, 0);
	gpumem_end();
	munmap(p, SIZE);
}

/* Out of video memory and back while two vCPUs and a thief are at it. */
static void evict(const struct gpumem_region *r)
{
	int fd = gpumem_begin();
	struct gpumem_bo bo[2];
	uint32_t window = gpumem_window_add(fd, AT, 2 * SIZE);

	for (int i = 0; i < 2; i++) {
		gpumem_bo_new(&bo[i], r, SIZE);
		gpumem_bind(fd, window, i * SIZE, SIZE, bo[i].map);
		if ((unsigned int)i < gpumem_guest_vcpus())
			gpumem_guest_work(i, AT + i * SIZE, SIZE, 7 + i);
	}
	/* Each round is all of video memory, several times. */
	igt_fork(child, 2)
		for (int i = 0; i < 3; i++) {
			gpumem_bo_evict(&bo[child]);
			gpumem_bo_restore(&bo[child]);
		}
	igt_waitchildren();
	for (int i = 0; i < 2 && (unsigned int)i < gpumem_guest_vcpus(); i++) {
		gpumem_guest_rounds(i, 1);
		gpumem_check(bo[i].map, SIZE, gpumem_guest_stop(i));
	}
	igt_assert_lte_u64(2, gpumem_query(fd, window).out_revokes);
	igt_assert_eq_u64(gpumem_query(fd, window).out_failed, 0);
	gpumem_end();
	for (int i = 0; i < 2; i++)
		gpumem_bo_free(&bo[i]);
}

/* One that comes and goes, by either source, by either end. */
static void export_once(int dom, const uint32_t *refs,
			const struct xen_gpumem_frames *frames, int round)
{
	struct xen_gpumem_export_frames f;
	struct xen_gpumem_export_grants g;
	bool by_frames = round & 1;
	uint64_t word, *p;
	int fd;

	if (by_frames)
		fd = __gpumem_export_frames(dom, frames, PAGES, 0, &f);
	else
		fd = __gpumem_export_grants(dom, refs, PAGES, 0, &g);
	/* Addresses are of no use to a PV domain that is not the first one. */
	if (by_frames && fd == -EOPNOTSUPP)
		return;
	igt_assert_f(fd >= 0, "export: %s\n", strerror(-fd));
	p = gpumem_map(fd, SIZE, PROT_READ);
	igt_assert_eq(gpumem_read_signal(p + SIZE / 8 - 1, &word), 0);
	if (round & 2) {
		gpumem_assert(__gpumem_export_revoke(dom, by_frames ?
						     f.out_id : g.out_id), 0);
		igt_assert_eq(gpumem_read_signal(p, &word), SIGBUS);
	}
	munmap(p, SIZE);
	close(fd);
}

/*
 * The guest rewrites pages that come and go at the host, as exports, and pages
 * of the host's, which come and go there.
 */
static void exports(void)
{
	struct xen_gpumem_frames frames[PAGES];
	struct gpumem_export e;
	uint32_t refs[PAGES], window;
	void *p = memory(SIZE);
	bool two;
	int fd;

	gpumem_export_require();
	fd = gpumem_begin();
	two = gpumem_guest_vcpus() >= 2;
	window = gpumem_window_add(fd, AT, SIZE);
	gpumem_bind(fd, window, 0, SIZE, p);
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, 0);
	gpumem_guest_refs(0, refs, PAGES);
	gpumem_guest_frames(0, frames, PAGES);
	gpumem_guest_work(0, e.gpa, SIZE, 8);
	if (two)
		gpumem_guest_work(1, AT, SIZE, 9);
	igt_fork(child, 3)
		for (int i = 0; i < 40; i++)
			export_once(e.dom, refs, frames, child + i);
	for (int i = 0; i < 100; i++)
		igt_assert(!madvise(p, SIZE, MADV_DONTNEED));
	igt_waitchildren();
	gpumem_guest_rounds(0, 1);
	gpumem_check(e.map, SIZE, gpumem_guest_stop(0));
	if (two)
		gpumem_check(p, SIZE, gpumem_guest_stop(1));
	igt_assert_eq_u64(gpumem_query(fd, window).out_failed, 0);
	gpumem_export_free(&e);
	gpumem_guest_has_all();
	gpumem_end();
	munmap(p, SIZE);
}

static const struct {
	const char *name, *what;
	void (*fn)(void);
} tests[] = {
	/**
	 * SUBTEST: revoke
	 * Description: The host drops the pages while the guest rewrites them
	 */
	{ "revoke", "The host drops the pages while the guest rewrites them",
	  drop },
	/**
	 * SUBTEST: replace
	 * Description: A binding is replaced while the guest rewrites it
	 */
	{ "replace", "A binding is replaced while the guest rewrites it",
	  replace },
	/**
	 * SUBTEST: bind-unbind
	 * Description: Bound, written by the guest, unbound
	 */
	{ "bind-unbind", "Bound, written by the guest, unbound", bind_unbind },
	/**
	 * SUBTEST: move
	 * Description: A window here, there, and nowhere
	 */
	{ "move", "A window here, there, and nowhere", move },
	/**
	 * SUBTEST: add-remove
	 * Description: A window that comes and goes, at another place each time
	 */
	{ "add-remove", "A window that comes and goes, at another place",
	  add_remove },
	/**
	 * SUBTEST: many-windows
	 * Description: The same memory in many windows, taken at once
	 */
	{ "many-windows", "The same memory in many windows, taken at once",
	  many_windows },
	/**
	 * SUBTEST: many-bindings
	 * Description: Pages in an order of their own, one binding each
	 */
	{ "many-bindings", "Pages in an order of their own, one binding each",
	  many_bindings },
	/**
	 * SUBTEST: many-fds
	 * Description: Derived fds with a window each, closed with it
	 */
	{ "many-fds", "Derived fds with a window each, closed with it",
	  many_fds },
	/**
	 * SUBTEST: two-vcpus-revoked
	 * Description: Two vCPUs fault on what is dropped under both
	 */
	{ "two-vcpus-revoked", "Two vCPUs fault on what is dropped under both",
	  two_vcpus_revoked },
	/**
	 * SUBTEST: neighbours
	 * Description: Four processes with windows of their own beside the work
	 */
	{ "neighbours", "Four processes with windows of their own beside it",
	  neighbours },
	/**
	 * SUBTEST: killed
	 * Description: The lender is killed
	 */
	{ "killed", "The lender is killed", killed },
	/**
	 * SUBTEST: exports
	 * Description: Exports by three processes, beside what is lent
	 */
	{ "exports", "Exports by three processes, beside what is lent",
	  exports },
};

int igt_main()
{
	const struct gpumem_region *r;

	igt_fixture()
		gpumem_guest_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name)
			tests[i].fn();
	}

	/**
	 * SUBTEST: evict
	 * Description: Out of video memory and back, by two processes
	 */
	igt_describe("Out of video memory and back, by two processes");
	igt_subtest_with_dynamic("evict") {
		for_each_gpumem_region(r)
			if (r->moves)
				igt_dynamic(r->name)
					evict(r);
	}
}
