// SPDX-License-Identifier: GPL-2.0-only
/*
 * L2: once a revocation has returned, nobody in the guest reaches the page.
 *
 * The only thing that shows a forgotten flush is a vCPU which never leaves the
 * guest: it spins on the page, on a physical CPU of its own, while the host
 * takes the page away and writes a marker into the old frame the moment the
 * call has returned.  Any exit would have dropped the stale translation, so
 * the guest's loop makes none, and the host keeps a second mapping of the same
 * frame to write through at once.  Each test begins with its control: without
 * the revocation the marker is seen.
 */
#include <pthread.h>

#include "xgt.h"

#include <sys/wait.h>

#define TRIALS		24	/* 6 of 10 caught a missing flush */
#define FEWER		10	/* the same flush by another road */
#define MARKER		0x6d61726b65726d61ULL

/* One page of a memfd, mapped at a given place as well as at another. */
struct frame {
	int fd;
	volatile uint64_t *side;
};

static struct frame frame_new(uint64_t word)
{
	struct frame f = { .fd = memfd_new(PAGE) };

	f.side = map_shared(f.fd, PAGE);
	fill_word(f.side, PAGE, word);
	return f;
}

static void frame_free(struct frame *f)
{
	munmap((void *)f->side, PAGE);
	close(f->fd);
}

static void frame_place(const struct frame *f, volatile uint64_t *at)
{
	if (mmap((void *)at, PAGE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, f->fd, 0) == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
}

static uint32_t lend_page(volatile uint64_t *at)
{
	uint32_t window;

	OK(gm_window_add(xgt_dom, XGT_WINDOW, PAGE, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, PAGE, at, 0, XEN_GPUMEM_POLICY_INJECT));
	return window;
}

/* Without a revocation the marker gets through: the method can see. */
static void control(void)
{
	volatile uint64_t *at = map_anon(PAGE);
	struct frame f = frame_new(1);
	struct xgt_result r;
	uint32_t window;

	frame_place(&f, at);
	window = lend_page(at);
	cmd_start(1, XG_CMD_WATCH, XGT_WINDOW, MARKER);
	cmd_advance(1, 10000);
	f.side[0] = MARKER;
	cmd_advance(1, 10000);
	r = cmd_stop(1);
	CHECK_EQ(r.v[0], 1);
	CHECK_EQ(r.v[1], MARKER);
	OK(gm_window_remove(xgt_dom, window));
	frame_free(&f);
	munmap((void *)at, PAGE);
}

/*
 * The guest's loop may have been off the CPU all the while, between its last
 * read and its look at the flag: it is to read once more before it is stopped.
 */
static void look_again(void)
{
	uint64_t until = cmd_progress(1) + 2 * 64;

	EVENTUALLY(box_done(&xgt_box, 1) || cmd_progress(1) >= until);
}

/*
 * One trial: the guest spins on frame @a; @revoke takes it away, the marker
 * goes into it at once.  Returns the guest's results.
 */
static struct xgt_result trial(struct frame *a, void (*revoke)(void *arg),
			       void *arg, bool ends)
{
	cmd_start(1, XG_CMD_WATCH, XGT_WINDOW, MARKER);
	cmd_advance(1, 20000);
	revoke(arg);
	a->side[0] = MARKER;
	/* Long enough to be seen, too short for much else to happen. */
	for (double end = xgt_now() + 0.02; xgt_now() < end; )
		__asm__ volatile("pause");
	look_again();
	if (!ends)
		return cmd_stop(1);
	return cmd_stop_any(1);
}

struct remap {
	struct frame *to;
	volatile uint64_t *at;
};

static void do_remap(void *arg)
{
	struct remap *r = arg;

	frame_place(r->to, r->at);
}

/* The process maps something else there: the guest sees that, not the old. */
static void marker(void)
{
	volatile uint64_t *at = map_anon(PAGE);

	control();
	for (int i = 0; i < TRIALS; i++) {
		struct frame a = frame_new(100 + i), b = frame_new(200 + i);
		struct remap remap = { &b, at };
		struct xgt_result r;
		uint32_t window;

		frame_place(&a, at);
		window = lend_page(at);
		r = trial(&a, do_remap, &remap, false);
		if (r.v[0])
			FAIL("trial %d: the guest saw the marker", i);
		CHECK_EQ(r.v[4], 100 + i);
		CHECK_EQ(r.v[1], 200 + i);
		CHECK_EQ(r.v[3], 1);
		OK(gm_window_remove(xgt_dom, window));
		frame_free(&a);
		frame_free(&b);
	}
}

static void do_unbind(void *arg)
{
	OK(gm_unbind(xgt_dom, *(uint32_t *)arg, 0, PAGE));
}

/* Unbound: the guest's spin ends in the policy for holes. */
static void unbind_marker(void)
{
	volatile uint64_t *at = map_anon(PAGE);

	control();
	for (int i = 0; i < FEWER; i++) {
		struct frame a = frame_new(300 + i);
		struct xgt_result r;
		uint32_t window;

		frame_place(&a, at);
		window = lend_page(at);
		r = trial(&a, do_unbind, &window, true);
		if (r.v[0])
			FAIL("trial %d: the guest saw the marker", i);
		CHECK_EQ(r.status, XG_FAULT);
		CHECK_EQ(r.v[1], 300 + i);
		OK(gm_window_remove(xgt_dom, window));
		frame_free(&a);
	}
}

static void do_remove(void *arg)
{
	OK(gm_window_remove(xgt_dom, *(uint32_t *)arg));
}

/* The window goes: the addresses are what they were, all ones. */
static void remove_marker(void)
{
	volatile uint64_t *at = map_anon(PAGE);

	control();
	for (int i = 0; i < FEWER; i++) {
		struct frame a = frame_new(400 + i);
		struct xgt_result r;
		uint32_t window;

		frame_place(&a, at);
		window = lend_page(at);
		r = trial(&a, do_remove, &window, true);
		if (r.v[0])
			FAIL("trial %d: the guest saw the marker", i);
		CHECK_EQ(r.status, XG_OK);
		CHECK_EQ(r.v[1], ~0ULL);
		frame_free(&a);
	}
}

static void do_move(void *arg)
{
	OK(gm_window_move(xgt_dom, *(uint32_t *)arg, XGT_WINDOW + 64 * PAGE));
}

/* Moved: at the old address it is gone, at the new one the marker is right. */
static void move_marker(void)
{
	volatile uint64_t *at = map_anon(PAGE);

	control();
	for (int i = 0; i < FEWER; i++) {
		struct frame a = frame_new(500 + i);
		struct xgt_result r;
		uint32_t window;

		frame_place(&a, at);
		window = lend_page(at);
		r = trial(&a, do_move, &window, true);
		if (r.v[0])
			FAIL("trial %d: the guest saw the marker", i);
		CHECK_EQ(r.v[1], ~0ULL);
		CHECK_EQ(guest_read(XGT_WINDOW + 64 * PAGE), MARKER);
		OK(gm_window_remove(xgt_dom, window));
		frame_free(&a);
	}
}

static void do_downgrade(void *arg)
{
	volatile uint64_t *at = arg;

	/* Write protection of a mapping: a revocation of writing, at least. */
	if (mprotect((void *)at, PAGE, PROT_READ))
		FAIL("mprotect: %s", strerror(errno));
}

/* The host makes the page read-only: no write of the guest's gets through. */
static void downgrade(void)
{
	volatile uint64_t *at = map_anon(PAGE);

	for (int i = 0; i < FEWER; i++) {
		struct frame a = frame_new(0);
		struct xgt_result r;
		uint32_t window;
		uint64_t before;

		frame_place(&a, at);
		window = lend_page(at);
		cmd_start(1, XG_CMD_HAMMER, XGT_WINDOW, PAGE, 0x7000000);
		cmd_advance(1, 100);
		do_downgrade((void *)at);
		before = xg_sum(a.side, PAGE);
		for (double end = xgt_now() + 0.01; xgt_now() < end; )
			__asm__ volatile("pause");
		CHECK_EQ(xg_sum(a.side, PAGE), before);
		/* Whenever it comes to it: its next write is its last. */
		r = cmd_wait(1);
		CHECK_EQ(r.status, XG_FAULT);
		CHECK_EQ(xg_sum(a.side, PAGE), before);
		OK(gm_window_remove(xgt_dom, window));
		frame_free(&a);
	}
}

/* In the child: does the page that parent and child share change? */
static bool page_is_still(volatile uint64_t *at)
{
	uint64_t before = xg_sum(at, PAGE);

	for (double end = xgt_now() + 0.05; xgt_now() < end; )
		if (xg_sum(at, PAGE) != before)
			return false;
	return true;
}

/*
 * A guest writes to private memory, and the process forks: parent and child
 * share the page until one of them writes.  The guest's next write has to be
 * the parent's, and get it a copy; not one may reach the page that the child
 * sees.  The host takes only the permission to write for that.
 */
static void fork_cow(void)
{
	struct xen_gpumem_window_query q = { };

	for (int i = 0; i < FEWER; i++) {
		volatile uint64_t *at = map_anon(PAGE);
		uint32_t window = lend_page(at);
		struct xgt_result r;
		int status;
		pid_t child;

		cmd_start(1, XG_CMD_HAMMER, XGT_WINDOW, PAGE, 0x7000000);
		cmd_advance(1, 100);
		child = fork();
		if (!child)
			_exit(page_is_still(at) ? 0 : 1);
		CHECK(child > 0);
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK_EQ(status, 0);
		/* Control: the guest wrote all the while, and goes on. */
		cmd_advance(1, 100);
		OK(gm_query(xgt_dom, window, 0, 0, &q));
		CHECK(q.out_downgraded > 0);
		r = cmd_stop_any(1);
		CHECK_EQ(r.status, XG_OK);
		OK(gm_window_remove(xgt_dom, window));
		CHECK_EQ(munmap((void *)at, PAGE), 0);
	}
}

/*
 * All vCPUs write all over a window while the host swaps what is behind it;
 * the memory that was taken away is filled with poison at once and must stay
 * so for as long as it is away.
 */
static void hammer(void)
{
	const uint64_t length = 16 * PAGE;
	volatile uint64_t *side[2], *at = map_anon(length);
	unsigned long swaps = 0, written[2] = { 0 };
	int fd[2], away;
	uint32_t window;

	for (int i = 0; i < 2; i++) {
		fd[i] = memfd_new(length);
		side[i] = map_shared(fd[i], length);
		fill_word(side[i], length, POISON);
	}
	CHECK(mmap((void *)at, length, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, fd[0], 0) == (void *)at);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, length, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, length, at, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_start(0, XG_CMD_HAMMER, XGT_WINDOW, length, 0x10000);
	cmd_start(1, XG_CMD_HAMMER, XGT_WINDOW, length, 0x20000);
	for (away = 1; swaps < 40; swaps++, away ^= 1) {
		volatile uint64_t *old = side[away ^ 1];

		cmd_advance(swaps & 1, 3);
		CHECK(mmap((void *)at, length, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd[away], 0) == (void *)at);
		/* Control: the guest did write here while it could. */
		for (uint64_t i = 0; i < length / 8; i++)
			written[away ^ 1] += old[i] != POISON;
		fill_word(old, length, POISON);
		for (int i = 0; i < 4; i++)
			verify_word(old, length, POISON);
		cmd_advance(swaps & 1, 1);
		verify_word(old, length, POISON);
	}
	cmd_stop(0);
	cmd_stop(1);
	CHECK(written[0] && written[1]);
	xgt_info("L2-hammer: %lu swaps, the guest had written %lu and %lu words",
		 swaps, written[0], written[1]);
}

static volatile bool over;

/*
 * Each vCPU runs on one CPU alone, on another one each time.  There it has
 * translations of its own for a while, and is not alone: dom0 has as many vCPUs.
 */
static void *migrate(void *arg)
{
	const int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned long *moves = arg;

	while (!over) {
		for (unsigned int i = 0; i < xgt_guest.vcpus; i++)
			OK(xen_pin_vcpu(xgt_guest.domid, i,
					(i + *moves) % cpus));
		++*moves;
		xgt_sleep_ms(5);
		/* Both on one: they take turns. */
		OK(xen_pin_vcpu(xgt_guest.domid, 0, *moves % cpus));
		xgt_sleep_ms(5);
	}
	for (unsigned int i = 0; i < xgt_guest.vcpus; i++)
		OK(xen_pin_vcpu(xgt_guest.domid, i, -1));
	return NULL;
}

static void migrating(void)
{
	unsigned long moves = 0;
	pthread_t thread;

	CHECK(sysconf(_SC_NPROCESSORS_ONLN) > 1);
	CHECK(!pthread_create(&thread, NULL, migrate, &moves));
	hammer();
	over = true;
	pthread_join(thread, NULL);
	xgt_info("%lu times all vCPUs were on other CPUs", moves);
	CHECK(moves > 10);
}

static void *revoke_loop(void *arg)
{
	for (int i = 0; i < 200; i++)
		if (madvise(arg, 16 * PAGE, MADV_DONTNEED))
			FAIL("madvise: %s", strerror(errno));
	return NULL;
}

/*
 * The same pages lent twice, and taken back by two threads at once: one finds
 * entries that the other has just cleared, and must not return before they
 * are out of reach.
 */
static void overlapping(void)
{
	const uint64_t length = 16 * PAGE;
	volatile uint64_t *at = map_shared(memfd_new(length), length);
	struct xgt_result r[2];
	pthread_t thread;
	uint32_t a, b;

	OK(gm_window_add(xgt_dom, XGT_WINDOW, length, XEN_GPUMEM_POLICY_INJECT,
			 &a));
	OK(gm_window_add(xgt_dom, XGT_WINDOW + MIB, length,
			 XEN_GPUMEM_POLICY_INJECT, &b));
	OK(gm_bind(xgt_dom, a, 0, length, at, 0, XEN_GPUMEM_POLICY_INJECT));
	OK(gm_bind(xgt_dom, b, 0, length, at, 0, XEN_GPUMEM_POLICY_INJECT));
	cmd_start(0, XG_CMD_UPDATE, XGT_WINDOW, length / 2, 1);
	cmd_start(1, XG_CMD_UPDATE, XGT_WINDOW + MIB + length / 2, length / 2,
		  2);
	CHECK(!pthread_create(&thread, NULL, revoke_loop, (void *)at));
	revoke_loop((void *)at);
	pthread_join(thread, NULL);
	cmd_advance(0, 1);
	cmd_advance(1, 1);
	r[0] = cmd_stop(0);
	r[1] = cmd_stop(1);
	verify(at, length / 2, xg_round_seed(1, r[0].v[0] - 1));
	verify(at + length / 16, length / 2,
	       xg_round_seed(2, r[1].v[0] - 1));
}

static const struct xgt_test tests[] = {
	{ "L2-marker", "L2,N08", marker, XGT_GUEST, 240 },
	{ "L2-unbind-marker", "L2,N08,N10", unbind_marker, XGT_GUEST, 240 },
	{ "L2-remove-marker", "L2", remove_marker, XGT_GUEST, 240 },
	{ "L2-move-marker", "L2,L11", move_marker, XGT_GUEST, 240 },
	{ "L2-write-protect", "L2,L17", downgrade, XGT_GUEST, 240 },
	{ "L17-fork-cow", "L17,L2", fork_cow, XGT_GUEST, 240 },
	{ "L2-hammer", "L2", hammer, XGT_GUEST, 240 },
	{ "L2-hammer-migrating", "L2,N08", migrating, XGT_GUEST, 240 },
	{ "L2-overlapping-revokes", "L2,N09", overlapping, XGT_GUEST, 240 },
};

XGT_MAIN(tests)
