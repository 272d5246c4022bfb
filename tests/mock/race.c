// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races on the mock: held open by slow memory, or by a hypervisor that stops.
 *
 * Slow memory is userfaultfd's: whoever touches a page of it, a fault worker
 * too, sleeps until the test supplies the page.  The hypervisor can be stopped
 * at the beginning of any operation.  Between the two, nearly every point in
 * the life of a fault can be looked at for as long as one likes.
 */
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

/* --- the retry protocol ------------------------------------------------- */

/*
 * While a worker waits for a page, another page of the same batch goes.  What
 * the worker has learned of it by then must not be used.
 */
static void change_while_resolving(void)
{
	struct xen_gpumem_window_query q;
	struct mock_run run;
	struct uffd u;
	uint32_t w;

	mock_begin(1);
	uffd_new(&u, SIZE);
	for (int i = 0; i < PAGES; i++)
		if (i != 4)
			uffd_give(&u, i, 100 + i);
	w = window_of(u.map, SIZE);
	run_start(&run, 0, BASE + 4 * PAGE, READ, 0);
	CHECK_EQ(uffd_wanted(&u), 4);
	CHECK(!run_done(&run));
	OK(madvise((char *)u.map + PAGE, PAGE, MADV_DONTNEED));
	uffd_give(&u, 4, 104);
	CHECK_EQ(run_join(&run, XGM_DONE), 104);
	CHECK(!g_has(w, 1));
	mock_check();
	OK(gm_query(xgt_dom, w, 0, 0, &q));
	CHECK(q.out_failed == 0);
	/* It really is gone, and comes from where it should. */
	run_start(&run, 0, BASE + PAGE, READ, 0);
	CHECK_EQ(uffd_wanted(&u), 1);
	uffd_give(&u, 1, 201);
	CHECK_EQ(run_join(&run, XGM_DONE), 201);
	mock_end();
}

static volatile uint64_t *victim;

static void drop_victim(void *arg)
{
	(void)arg;
	OK(madvise((void *)victim, SIZE, MADV_DONTNEED));
}

/*
 * The hypervisor is in the middle of a map when the page is taken away: who
 * takes it must wait, or the map would come after the revocation.
 */
static void invalidate_while_mapping(void)
{
	struct mock_call drop;
	struct mock_run run;
	uint32_t w;

	mock_begin(1);
	victim = map_anon(SIZE);
	stamp(victim, SIZE, 5);
	w = window_of(victim, SIZE);
	mock_hold(XGM_OP_MAP);
	run_start(&run, 0, BASE, WRITE, 0x77);
	mock_wait_held(XGM_OP_MAP);
	call_start(&drop, drop_victim, NULL);
	xgt_sleep_ms(100);
	CHECK(!call_done(&drop));
	mock_release(XGM_OP_MAP);
	call_join(&drop);
	/* The write went to the page before or after: never to a freed one. */
	run_join(&run, XGM_DONE);
	mock_check();
	CHECK(victim[0] == 0 || victim[0] == 0x77);
	CHECK_EQ(g_read(BASE), victim[0]);
	OK(gm_window_remove(xgt_dom, w));
	mock_end();
}

/*
 * The page goes after it was found and before it is mapped.  Nobody has to wait
 * for anybody here; but what was found must not be used.
 */
static void map_vs_invalidate(void)
{
	struct mock_run run;
	uint32_t w;

	mock_begin(1);
	victim = map_anon(SIZE);
	stamp(victim, SIZE, 5);
	w = window_of(victim, SIZE);
	for (int i = 0; i < PAGES; i++) {
		mock_hold(XGM_OP_FRAME);
		run_start(&run, 0, BASE + i * PAGE, READ, 0);
		mock_wait_held(XGM_OP_FRAME);
		drop_victim(NULL);
		mock_release(XGM_OP_FRAME);
		CHECK_EQ(run_join(&run, XGM_DONE), 0);
		mock_check();
		stamp(victim, SIZE, 5);
	}
	OK(gm_window_remove(xgt_dom, w));
	mock_end();
}

/* Nobody gets the page before the hypervisor has taken it from the guest. */
static void invalidate_waits_for_revoke(void)
{
	struct mock_call drop;

	mock_begin(1);
	victim = map_anon(SIZE);
	stamp(victim, SIZE, 5);
	window_of(victim, SIZE);
	CHECK_EQ(g_read(BASE), 5);
	mock_hold(XGM_OP_REVOKE);
	call_start(&drop, drop_victim, NULL);
	mock_wait_held(XGM_OP_REVOKE);
	xgt_sleep_ms(100);
	CHECK(!call_done(&drop));
	/* Until then it is the old page that is reached. */
	CHECK_EQ(guest_access(0, BASE, READ, 0).value, 5);
	mock_release(XGM_OP_REVOKE);
	call_join(&drop);
	CHECK_EQ(g_read(BASE), 0);
	mock_end();
}

/* The map stops after each frame, and each time something may come between. */
static void map_stops_early(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_anon(512 * PAGE);
	stamp(p, 512 * PAGE, 1);
	w = window_of(p, 512 * PAGE);
	mock_map_stop(1);
	OK(gm_populate(xgt_dom, w, 0, 512 * PAGE, 0, NULL));
	CHECK_EQ(mock_stats().out_present, 512);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), 512);
	for (int i = 0; i < 512; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), 1 + i);
	mock_map_stop(7);
	OK(madvise((void *)p, 512 * PAGE, MADV_DONTNEED));
	CHECK_EQ(mock_stats().out_present, 0);
	stamp(p, 512 * PAGE, 9000);
	for (int i = 0; i < 512; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), 9000 + i);
	mock_end();
}

/* --- slow memory holds up nobody else ----------------------------------- */

#define SLOW	12

static void slow_backing(void)
{
	struct mock_run slow[SLOW];
	volatile uint64_t *p;
	struct uffd u;
	uint32_t w;

	mock_begin(SLOW + 1);
	uffd_new(&u, 64 * PAGE);
	p = map_anon(SIZE);
	stamp(p, SIZE, 1);
	w = window_new(64 * PAGE + SIZE, XEN_GPUMEM_POLICY_INJECT);
	OK(gm_bind(xgt_dom, w, 0, 64 * PAGE, u.map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_bind(xgt_dom, w, 64 * PAGE, SIZE, p, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	uffd_give(&u, 63, 63);
	for (int i = 0; i < SLOW; i++)
		run_start(&slow[i], i + 1, BASE + i * PAGE, READ, 0);
	for (int i = 0; i < SLOW; i++)
		uffd_wanted(&u);
	/* All of them wait; vCPU 0 does not, in another binding or the same. */
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(g_read(BASE + (64 + i) * PAGE), 1 + i);
	CHECK_EQ(g_read(BASE + 63 * PAGE), 63);
	g_write(BASE + 63 * PAGE, 64);
	CHECK_EQ(mock_stats().out_waiting, SLOW);
	for (int i = SLOW - 1; i >= 0; i--) {
		CHECK(!run_done(&slow[i]));
		uffd_give(&u, i, 700 + i);
		CHECK_EQ(run_join(&slow[i], XGM_DONE), 700 + i);
	}
	mock_end();
}

/* The thread that supplies the page makes every call meanwhile. */
static void calls_do_not_wait(void)
{
	struct xen_gpumem_window_query q;
	struct mock_run run;
	volatile uint64_t *p;
	uint32_t w, other;
	struct uffd u;

	mock_begin(2);
	uffd_new(&u, SIZE);
	p = map_anon(SIZE);
	stamp(p, SIZE, 1);
	w = window_of(u.map, SIZE);
	run_start(&run, 1, BASE, READ, 0);
	CHECK_EQ(uffd_wanted(&u), 0);

	OK(gm_window_add(xgt_dom, BASE + 64 * PAGE, SIZE,
			 XEN_GPUMEM_POLICY_MMIO, &other));
	OK(gm_bind(xgt_dom, other, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	OK(gm_populate(xgt_dom, other, 0, SIZE, 0, NULL));
	CHECK_EQ(g_read(BASE + 64 * PAGE), 1);
	OK(gm_query(xgt_dom, w, 0, 0, &q));
	OK(gm_unbind(xgt_dom, other, 0, SIZE));
	OK(gm_window_move(xgt_dom, w, XEN_GPUMEM_PARKED));
	OK(gm_window_move(xgt_dom, w, BASE));
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_window_remove(xgt_dom, other));
	OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	OK(gm_window_remove(xgt_dom, w));
	/*
	 * The vCPU has long been let run: it finds no window, or, if it was
	 * quick, had found what was bound there in between.
	 */
	pthread_join(run.thread, NULL);
	CHECK(run.access.out_result == XGM_NOWINDOW ||
	      (run.access.out_result == XGM_DONE && run.access.value <= 1));
	uffd_give(&u, 0, 5);
	mock_end();
}

/*
 * What is put in place of slow memory is seen at once, though someone still
 * waits for what was there before.
 */
static void rebind_under_slow(void)
{
	struct mock_run run;
	volatile uint64_t *p;
	struct uffd u;
	uint32_t w;

	mock_begin(2);
	uffd_new(&u, SIZE);
	p = map_anon(SIZE);
	stamp(p, SIZE, 31);
	w = window_of(u.map, SIZE);
	run_start(&run, 1, BASE + 2 * PAGE, READ, 0);
	CHECK_EQ(uffd_wanted(&u), 2);
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(run_join(&run, XGM_DONE), 33);
	CHECK_EQ(g_read(BASE + 2 * PAGE), 33);
	/* The old page comes at last: too late to be seen. */
	uffd_give(&u, 2, 666);
	xgt_sleep_ms(50);
	CHECK_EQ(g_read(BASE + 2 * PAGE), 33);
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	g_expect(BASE + 2 * PAGE, READ, XGM_MMIO);
	mock_end();
}

/* The same with nothing in its place. */
static void unbind_under_slow(void)
{
	struct mock_run run;
	struct uffd u;
	uint32_t w;

	mock_begin(2);
	uffd_new(&u, SIZE);
	w = window_of(u.map, SIZE);
	run_start(&run, 1, BASE + 2 * PAGE, READ, 0);
	CHECK_EQ(uffd_wanted(&u), 2);
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	run_join(&run, XGM_MMIO);
	uffd_give(&u, 2, 666);
	mock_end();
}

/* So many faults were fetched, and each is in the hands of a job. */
static bool all_polled(uint64_t faults)
{
	struct xgm_stats s = mock_stats();

	return s.out_polled == faults && s.out_done == s.out_events;
}

/*
 * A vCPU that leaves fault after fault behind does not gather sleepers; but in
 * the end it is served.
 */
static void abandoned_faults(void)
{
	struct mock_run run;
	uint64_t polled;
	struct uffd u;
	uint32_t w;

	mock_begin(1);
	uffd_new(&u, 64 * PAGE);
	w = window_of(u.map, 64 * PAGE);
	for (int i = 0; i < 32; i++) {
		run_start(&run, 0, BASE + 2 * i * PAGE, READ, 0);
		if (i < 2)
			CHECK_EQ(uffd_wanted(&u), 2 * i);
		wait_waiting(1);
		/* It comes to the same page in another window's place. */
		OK(gm_window_move(xgt_dom, w, BASE + MIB));
		run_join(&run, XGM_NOWINDOW);
		OK(gm_window_move(xgt_dom, w, BASE));
	}
	polled = mock_stats().out_polled;
	run_start(&run, 0, BASE + 63 * PAGE, READ, 0);
	/* Or it is an earlier one's turn when a job comes back. */
	EVENTUALLY(all_polled(polled + 1));
	xgt_sleep_ms(100);
	CHECK(!run_done(&run));
	uffd_give(&u, 0, 1);
	CHECK_EQ(uffd_wanted(&u), 63);
	uffd_give(&u, 63, 64);
	CHECK_EQ(run_join(&run, XGM_DONE), 64);
	uffd_give(&u, 2, 1);
	mock_end();
}

/* --- ids follow each other ------------------------------------------------ */

#define GUESSES		50

static volatile uint32_t guess;
static volatile unsigned int guessed;

static void *remove_guessed(void *arg)
{
	while (guessed < GUESSES) {
		if (gm_window_remove(xgt_dom, guess))
			continue;
		guess++;
		guessed++;
	}
	return arg;
}

/*
 * Another thread removes the window whose id comes next as soon as it is one.
 * Who added it is told its id all the same.
 */
static void guessed_id(void)
{
	pthread_t thread;
	uint32_t w, first;

	mock_begin(1);
	OK(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, SIZE,
			 XEN_GPUMEM_POLICY_MMIO, &first));
	OK(gm_window_remove(xgt_dom, first));
	guess = first + 1;
	CHECK(!pthread_create(&thread, NULL, remove_guessed, NULL));
	for (unsigned int i = 1; i <= GUESSES; i++) {
		OK(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, SIZE,
				 XEN_GPUMEM_POLICY_MMIO, &w));
		CHECK_EQ(w, first + i);
		while (guessed < i)
			sched_yield();
	}
	pthread_join(thread, NULL);
	mock_end();
}

/* --- backends are strangers to each other -------------------------------- */

static int backend_socket;
static bool backend_derives;

/* Lends memory whose pages are another process's to supply, twice. */
static void backend_never_answers(void *arg)
{
	int dom = backend_derives ? gm_child(xgt_dom) : mock_open(0);
	struct uffd u;
	uint32_t w;
	char c;

	(void)arg;
	CHECK(dom >= 0);
	close(xgt_dom);
	uffd_new(&u, SIZE);
	OK(gm_window_add(dom, BASE + MIB, SIZE, XEN_GPUMEM_POLICY_INJECT, &w));
	OK(gm_bind(dom, w, 0, SIZE, u.map, 0, XEN_GPUMEM_POLICY_INJECT));
	fd_send(backend_socket, u.fd);
	CHECK(read(backend_socket, &c, 1) == 1);
	OK(gm_bind(dom, w, 0, SIZE, u.map, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	for (;;)
		pause();
}

/*
 * A backend dies and leaves all it had to serve a vCPU's faults asleep, as the
 * pages never come.  Another backend's windows are served for that vCPU, and
 * nothing that can be done waits for the sleepers.
 */
static void dead_backend(void)
{
	int s[2];

	for (int turn = 0; turn < 2; turn++) {
		struct uffd monitor = { .fd = -1 };
		volatile uint64_t *p;
		struct mock_run run;
		uint32_t w;
		pid_t pid;

		mock_begin(1);
		p = map_anon(SIZE);
		stamp(p, SIZE, 50);
		CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
		backend_socket = s[1];
		backend_derives = turn;
		pid = xgt_fork(backend_never_answers, NULL);
		monitor.fd = fd_receive(s[0]);
		run_start(&run, 0, BASE + MIB, READ, 0);
		uffd_wanted(&monitor);
		/* Another binding takes over, of the same memory. */
		CHECK(write(s[0], "x", 1) == 1);
		uffd_wanted(&monitor);
		CHECK(!run_done(&run));
		xgt_kill(pid);
		run_join(&run, XGM_NOWINDOW);

		w = window_of(p, SIZE);
		for (int i = 0; i < PAGES; i++)
			CHECK_EQ(g_read(BASE + i * PAGE), 50 + i);
		OK(madvise((void *)p, SIZE, MADV_DONTNEED));
		CHECK_EQ(g_read(BASE), 0);
		OK(gm_window_remove(xgt_dom, w));
		/* Detached, though the sleepers are still there; and anew. */
		close(xgt_dom);
		CHECK_EQ(mock_stats().out_attached, 0);
		xgt_dom = mock_open(0);
		CHECK(xgt_dom >= 0);
		window_of(p, SIZE);
		g_write(BASE, 3);
		CHECK_EQ(p[0], 3);
		/* That wakes them. */
		close(monitor.fd);
		mock_end();
		close(mock_ctl);
		close(s[0]);
		close(s[1]);
	}
}

/* --- records and events ------------------------------------------------- */

/* An answer to a fault that is over reaches nobody, least the next fault. */
static void stale_token(void)
{
	struct xen_gpumem_window_query q;
	struct mock_run run;
	uint32_t w;

	mock_begin(2);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_INJECT);
	mock_hold(XGM_OP_RESOLVE);
	run_start(&run, 0, BASE, READ, 0);
	mock_wait_held(XGM_OP_RESOLVE);
	/* It runs, and faults again, with another token. */
	mock_poke(XGM_POKE_WAKE, 0);
	EVENTUALLY(mock_stats().out_waiting == 1 &&
		   mock_stats().out_polled == 2);
	CHECK(!run_done(&run));
	mock_release(XGM_OP_RESOLVE);
	run_join(&run, XGM_INJECTED);
	CHECK_EQ(run.access.out_faults, 2);
	CHECK_EQ(mock_stats().out_stale, 1);
	CHECK_EQ(mock_stats().out_resolves[1], 1);
	/* Nor does it count as what somebody got. */
	wait_served(w);
	OK(gm_query(xgt_dom, w, 0, 0, &q));
	CHECK_EQ(q.out_faults, 2);
	CHECK_EQ(q.out_failed, 1);
	OK(gm_window_remove(xgt_dom, w));
	mock_end();
}

/* Vain wakes while a page is on its way. */
static void spurious_wakes(void)
{
	struct mock_run run;
	struct uffd u;

	mock_begin(1);
	uffd_new(&u, SIZE);
	window_of(u.map, SIZE);
	run_start(&run, 0, BASE, READ, 0);
	CHECK_EQ(uffd_wanted(&u), 0);
	for (int i = 0; i < 50; i++) {
		wait_waiting(1);
		mock_poke(XGM_POKE_WAKE, 0);
	}
	wait_waiting(1);
	CHECK(!run_done(&run));
	uffd_give(&u, 0, 99);
	CHECK_EQ(run_join(&run, XGM_DONE), 99);
	mock_end();
}

/* Events for nothing, before, after and while there is something. */
static void spurious_events(void)
{
	volatile uint64_t *p;
	uint64_t done;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 3);
	window_of(p, SIZE);
	EVENTUALLY(mock_stats().out_done == 1);
	for (int i = 0; i < 300; i++) {
		mock_poke(XGM_POKE_EVENT, 0);
		if (i % 100 == 50)
			OK(madvise((void *)p, SIZE, MADV_DONTNEED));
		CHECK_EQ(g_read(BASE), i < 50 ? 3 : 0);
	}
	/* Each is dealt with once, and with those that came meanwhile. */
	done = mock_stats().out_done;
	CHECK(done > 1 && done <= 310);
	/* The last one, too: its poll would fetch what follows. */
	EVENTUALLY(mock_stats().out_done == mock_stats().out_events);
	/* A poll that finds nothing yet, and is told to come again. */
	mock_inject(XGM_OP_POLL, EAGAIN, 0, 40);
	OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	CHECK_EQ(g_read(BASE), 0);
	CHECK_EQ(mock_hits(XGM_OP_POLL), 40);
	mock_end();
}

/* More vCPUs than one poll fetches, all at once. */
static void many_vcpus(void)
{
	struct mock_run run[64];
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(64);
	p = map_anon(64 * PAGE);
	stamp(p, 64 * PAGE, 800);
	w = window_of(p, 64 * PAGE);
	for (int round = 0; round < 5; round++) {
		mock_hold(XGM_OP_POLL);
		for (int i = 0; i < 64; i++)
			run_start(&run[i], i, BASE + (63 - i) * PAGE, READ, 0);
		wait_waiting(64);
		mock_release(XGM_OP_POLL);
		for (int i = 0; i < 64; i++)
			CHECK_EQ(run_join(&run[i], XGM_DONE), 800 + 63 - i);
		/* A page that came late would not be waited for. */
		wait_served(w);
		OK(gm_window_move(xgt_dom, w, BASE));
	}
	mock_end();
}

/* All at one page: one is served, and nobody is forgotten. */
static void same_page(void)
{
	struct mock_run run[64];
	volatile uint64_t *p;

	mock_begin(64);
	p = map_anon(SIZE);
	stamp(p, SIZE, 800);
	window_of(p, SIZE);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 64; i++)
			run_start(&run[i], i, BASE, i % 2 ? READ : WRITE,
				  round);
		for (int i = 0; i < 64; i++)
			run_join(&run[i], XGM_DONE);
		CHECK_EQ(p[0], round);
		OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	}
	mock_end();
}

/* --- a page that cannot be mapped is nobody else's loss ----------------- */

static void bad_neighbour(void)
{
	static const int errors[] = { EBUSY, ENOMEM, EACCES, ETXTBSY, EAGAIN };
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 70);
	w = window_of(p, SIZE);
	for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
		mock_bad_page(w, 3, errors[e], 1000000);
		for (int i = 0; i < PAGES; i++)
			if (i != 3)
				CHECK_EQ(g_read(BASE + i * PAGE), 70 + i);
		CHECK(!g_has(w, 3));
		OK(gm_window_move(xgt_dom, w, BASE));
	}
	mock_bad_page(w, 3, 0, 0);
	CHECK_EQ(g_read(BASE + 3 * PAGE), 73);
	mock_end();
}

/* The guest puts a page of its own into the window. */
static void plugged(void)
{
	volatile uint64_t *p;
	uint64_t done;
	uint32_t w;

	mock_begin(2);
	p = map_anon(SIZE);
	stamp(p, SIZE, 20);
	w = window_of(p, SIZE);
	CHECK_EQ(g_read(BASE + 2 * PAGE), 22);
	mock_plug(BASE + 2 * PAGE, 1);
	g_expect(BASE + 2 * PAGE, READ, XGM_OWN);
	for (int i = 0; i < PAGES; i++)
		if (i != 2)
			CHECK_EQ(guest_access(1, BASE + i * PAGE, READ,
					      0).value, 20 + i);
	/* Populating stops there, once the host's page is gone as well. */
	OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	stamp(p, SIZE, 20);
	ERR(gm_populate(xgt_dom, w, 0, SIZE, 0, &done), EBUSY);
	CHECK_EQ(done, 2 * PAGE);
	mock_plug(0, 0);
	CHECK_EQ(g_read(BASE + 2 * PAGE), 22);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L2-mock-retry-resolving", "L2,L3", change_while_resolving, 0, 0 },
	{ "L2-mock-map-vs-invalidate", "L2", map_vs_invalidate, 0, 0 },
	{ "L2-mock-retry-mapping", "L2", invalidate_while_mapping, 0, 0 },
	{ "L2-mock-revoke-waits", "L2", invalidate_waits_for_revoke, 0, 0 },
	{ "L19-mock-map-stops", "L19", map_stops_early, 0, 0 },
	{ "L20-mock-slow-backing", "L20", slow_backing, 0, 0 },
	{ "L11-mock-calls-no-wait", "L11", calls_do_not_wait, 0, 0 },
	{ "L11-mock-rebind-slow", "L11", rebind_under_slow, 0, 0 },
	{ "L11-mock-unbind-slow", "L11", unbind_under_slow, 0, 0 },
	{ "L19-mock-abandoned-faults", "L19,L3", abandoned_faults, 0, 0 },
	{ "L11-mock-guessed-id", "L11", guessed_id, 0, 0 },
	{ "L20-mock-dead-backend-other-window", "L20,L13", dead_backend, 0, 0 },
	{ "L3-mock-stale-token", "L3", stale_token, 0, 0 },
	{ "L3-mock-spurious-wakes", "L3", spurious_wakes, 0, 0 },
	{ "L19-mock-spurious-events", "L19", spurious_events, 0, 0 },
	{ "L20-mock-many-vcpus", "L20,L19", many_vcpus, 0, 0 },
	{ "L20-mock-same-page", "L20,L3", same_page, 0, 0 },
	{ "S5-mock-bad-neighbour", "S5", bad_neighbour, 0, 0 },
	{ "S5-mock-plugged", "S5", plugged, 0, 0 },
};

XGT_MAIN(tests)
