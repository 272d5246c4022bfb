// SPDX-License-Identifier: GPL-2.0-only
/*
 * Beginnings and ends on the mock: processes, fds, domains and the module die
 * in every order, most of them in the middle of a fault.
 */
#include <signal.h>
#include <sys/syscall.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

#define MODULE_FILE	"/lib/modules/xen-gpumem-test.ko"

static void info(void)
{
	struct xen_gpumem_info i;

	mock_begin(3);
	OK(gm_info(xgt_dom, &i));
	CHECK_EQ(i.out_abi, XEN_GPUMEM_ABI);
	CHECK_EQ(i.out_hv_version, 0);
	CHECK(i.out_features & XEN_GPUMEM_FEAT_MOCK);
	CHECK_EQ(i.out_rights, XEN_GPUMEM_RIGHT_LEND);
	CHECK_EQ(i.out_max_windows, 32);
	CHECK_EQ(i.out_max_window, 256 * GIB);
	CHECK_EQ(i.out_gpa_end, 1ULL << 40);
	mock_end();
}

/* --- fds ---------------------------------------------------------------- */

/* The last fd closes while vCPUs wait, for slow memory and for nothing. */
static void close_in_fault(void)
{
	struct mock_run run[2];
	struct uffd u;
	double since;

	mock_begin(3);
	uffd_new(&u, SIZE);
	window_of(u.map, SIZE);
	for (int i = 0; i < 2; i++)
		run_start(&run[i], i, BASE + i * PAGE, READ, 0);
	for (int i = 0; i < 2; i++)
		uffd_wanted(&u);
	since = xgt_now();
	close(xgt_dom);
	xgt_dom = -1;
	xgt_info("close() with two workers asleep took %.2f s",
		 xgt_now() - since);
	for (int i = 0; i < 2; i++)
		run_join(&run[i], XGM_NOWINDOW);
	CHECK_EQ(mock_stats().out_attached, 0);
	/* The workers come back to nothing. */
	uffd_give(&u, 0, 1);
	uffd_give(&u, 1, 1);
	xgt_sleep_ms(50);
	/* The guest can be opened anew, before and after. */
	xgt_dom = mock_open(0);
	CHECK(xgt_dom >= 0);
	window_of(u.map, SIZE);
	CHECK_EQ(g_read(BASE), 1);
	mock_end();
}

/* Two fds of one guest: each has its own windows, the last one detaches. */
static void two_fds(void)
{
	volatile uint64_t *p;
	int other;
	uint32_t w, w2;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	other = mock_open(0);
	CHECK(other >= 0);
	w = window_of(p, SIZE);
	OK(gm_window_add(other, BASE + MIB, SIZE, XEN_GPUMEM_POLICY_MMIO,
			 &w2));
	OK(gm_bind(other, w2, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	ERR(gm_bind(other, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		    XEN_GPUMEM_POLICY_INJECT), EPERM);
	ERR(gm_window_remove(other, w), EPERM);
	ERR(gm_unbind(xgt_dom, w2, 0, SIZE), EPERM);
	CHECK_EQ(g_read(BASE), 40);
	CHECK_EQ(g_read(BASE + MIB + PAGE), 41);
	close(xgt_dom);
	g_expect(BASE, READ, XGM_NOWINDOW);
	CHECK_EQ(g_read(BASE + MIB), 40);
	CHECK_EQ(mock_stats().out_attached, 1);
	xgt_dom = other;
	mock_end();
}

/* --- processes ---------------------------------------------------------- */

static struct uffd child_uffd;
static uint32_t child_window;
static volatile uint64_t *child_ready;

/* Shared with children, so that they can tell how far they are. */
static void children_begin(void)
{
	child_ready = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(child_ready != MAP_FAILED);
}

static void child_lends(void *arg)
{
	volatile uint64_t *p = map_anon(SIZE);
	uint32_t policy = (uintptr_t)arg;

	stamp(p, SIZE, 600);
	OK(gm_bind(xgt_dom, child_window, 0, SIZE, p, 0, policy));
	__atomic_store_n(child_ready, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static pid_t child_start(void (*fn)(void *arg), uintptr_t arg)
{
	pid_t pid;

	__atomic_store_n(child_ready, 0, __ATOMIC_RELEASE);
	pid = xgt_fork_user(fn, (void *)arg);
	EVENTUALLY(__atomic_load_n(child_ready, __ATOMIC_ACQUIRE));
	return pid;
}

/* A backend dies; the fd lives on.  What it lent is gone, the policy stays. */
static void exit_lent(void)
{
	pid_t pid;

	mock_begin(1);
	children_begin();
	for (uint32_t policy = 0; policy < 2; policy++) {
		child_window = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
		pid = child_start(child_lends, policy);
		for (int i = 0; i < PAGES; i++) {
			CHECK_EQ(g_read(BASE + i * PAGE), 600 + i);
			g_write(BASE + i * PAGE, i);
		}
		xgt_kill(pid);
		/* A worker may have been the last to hold its memory. */
		EVENTUALLY(mock_stats().out_present == 0);
		mock_check();
		if (policy == XEN_GPUMEM_POLICY_ZERO)
			CHECK_EQ(g_read(BASE), 0);
		else
			g_expect(BASE, READ, XGM_INJECTED);
		g_expect(BASE, WRITE, XGM_INJECTED);
		/* Another process can take over its place. */
		OK(gm_bind(xgt_dom, child_window, 0, SIZE, map_anon(SIZE),
			   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
		CHECK_EQ(g_read(BASE), 0);
		OK(gm_window_remove(xgt_dom, child_window));
	}
	mock_end();
}

static void child_lends_slowly(void *arg)
{
	(void)arg;
	uffd_new(&child_uffd, SIZE);
	OK(gm_bind(xgt_dom, child_window, 0, SIZE, child_uffd.map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	__atomic_store_n(child_ready, 1, __ATOMIC_RELEASE);
	uffd_wanted(&child_uffd);
	__atomic_store_n(child_ready, 2, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

/* It dies while a worker waits for it to supply a page. */
static void exit_in_fault(void)
{
	struct xen_gpumem_window_query q;
	struct mock_run run;
	pid_t pid;

	mock_begin(1);
	children_begin();
	for (int i = 0; i < 5; i++) {
		child_window = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
		__atomic_store_n(child_ready, 0, __ATOMIC_RELEASE);
		/* Not as a user: userfaultfd is root's by default. */
		pid = xgt_fork(child_lends_slowly, NULL);
		EVENTUALLY(__atomic_load_n(child_ready, __ATOMIC_ACQUIRE));
		run_start(&run, 0, BASE, READ, 0);
		EVENTUALLY(__atomic_load_n(child_ready, __ATOMIC_ACQUIRE) ==
			   2);
		CHECK(!run_done(&run));
		xgt_kill(pid);
		run_join(&run, XGM_INJECTED);
		/* Not even for the moment until the exit took it back. */
		OK(gm_query(xgt_dom, child_window, 0, 0, &q));
		CHECK_EQ(q.out_mapped, 0);
		OK(gm_window_remove(xgt_dom, child_window));
	}
	mock_end();
}

/* It dies while the hypervisor is busy mapping its page. */
static void exit_in_map(void)
{
	struct mock_run run;
	pid_t pid;

	mock_begin(1);
	children_begin();
	child_window = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	pid = child_start(child_lends, XEN_GPUMEM_POLICY_INJECT);
	mock_hold(XGM_OP_MAP);
	run_start(&run, 0, BASE, READ, 0);
	mock_wait_held(XGM_OP_MAP);
	kill(pid, SIGKILL);
	xgt_sleep_ms(100);
	mock_release(XGM_OP_MAP);
	CHECK(waitpid(pid, NULL, 0) == pid);
	/* Served in its last moment, or too late. */
	pthread_join(run.thread, NULL);
	CHECK(run.access.out_result == XGM_INJECTED ||
	      (run.access.out_result == XGM_DONE && run.access.value == 600));
	/* The worker may have been the last to hold its memory. */
	EVENTUALLY(mock_stats().out_present == 0);
	mock_check();
	g_expect(BASE, READ, XGM_INJECTED);
	mock_end();
}

static void many_deaths(void)
{
	pid_t pid;

	mock_begin(1);
	children_begin();
	for (int i = 0; i < 100; i++) {
		struct mock_run run;

		child_window = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
		pid = child_start(child_lends, XEN_GPUMEM_POLICY_INJECT);
		CHECK_EQ(g_read(BASE), 600);
		/* Somewhere in the middle of another fault. */
		run_start(&run, 0, BASE + 5 * PAGE, WRITE, 1);
		if (i % 3 == 1)
			usleep(i * 7);
		xgt_kill(pid);
		pthread_join(run.thread, NULL);
		CHECK(run.access.out_result == XGM_DONE ||
		      run.access.out_result == XGM_INJECTED);
		OK(gm_window_remove(xgt_dom, child_window));
		CHECK_EQ(mock_stats().out_present, 0);
	}
	mock_end();
}

static void child_tries(void *arg)
{
	uint64_t done;

	(void)arg;
	/* Its own memory at that address is none of the binding's business. */
	ERR(gm_populate(xgt_dom, child_window, 0, SIZE, 0, &done), EPERM);
	CHECK_EQ(done, 0);
	__atomic_store_n(child_ready, 1, __ATOMIC_RELEASE);
}

/* A child has the fd and a copy of the memory, and may not populate. */
static void fork_inherits(void)
{
	volatile uint64_t *p;
	pid_t pid;

	mock_begin(1);
	children_begin();
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	child_window = window_of(p, SIZE);
	pid = xgt_fork(child_tries, NULL);
	xgt_join(pid);
	CHECK_EQ(g_read(BASE), 40);
	mock_end();
}

/* --- domains ------------------------------------------------------------ */

static void domain_dies_in_fault(void)
{
	struct mock_run run[2];
	volatile uint64_t *p;
	struct uffd u;
	uint32_t w, w2;

	mock_begin(3);
	uffd_new(&u, SIZE);
	p = map_anon(SIZE);
	w = window_of(u.map, SIZE);
	OK(gm_window_add(xgt_dom, BASE + MIB, SIZE, XEN_GPUMEM_POLICY_MMIO,
			 &w2));
	OK(gm_bind(xgt_dom, w2, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	g_write(BASE + MIB, 5);
	for (int i = 0; i < 2; i++)
		run_start(&run[i], i + 1, BASE + i * PAGE, READ, 0);
	for (int i = 0; i < 2; i++)
		uffd_wanted(&u);
	mock_kill(true);
	for (int i = 0; i < 2; i++)
		run_join(&run[i], XGM_DEAD);
	uffd_give(&u, 0, 1);
	uffd_give(&u, 1, 1);
	OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	OK(gm_unbind(xgt_dom, w2, 0, SIZE));
	OK(gm_window_remove(xgt_dom, w));
	ERR(gm_window_add(xgt_dom, BASE, SIZE, 0, &w), ESRCH);
	close(xgt_dom);
	xgt_dom = -1;
	ERR(mock_open(0), ESRCH);
	mock_end();
}

/* It is on its way out, but what it holds can still be taken back. */
static void domain_is_dying(void)
{
	volatile uint64_t *p;
	uint32_t w, w2;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	w = window_of(p, SIZE);
	CHECK_EQ(g_read(BASE), 40);
	CHECK(g_has(w, 0));
	mock_kill(false);
	CHECK(g_has(w, 0));
	OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	CHECK(!g_has(w, 0));
	mock_check();
	/* No address for it any more, and no other error than that it is gone. */
	ERR(gm_window_move(xgt_dom, w, BASE + 2 * MIB), ESRCH);
	EVENTUALLY(gm_window_add(xgt_dom, BASE + MIB, SIZE, 0, &w2) ==
		   -ESRCH);
	OK(gm_window_remove(xgt_dom, w));
	CHECK_EQ(mock_stats().out_present, 0);
	mock_end();
}

/* --- the system -------------------------------------------------------------- */

static int put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;

	close(fd);
	return ret;
}

/*
 * Freeze all processes for a second, and thaw them.  Devices would be more than
 * what is asked here: the driver has none, and the test lines go through one.
 */
static int suspend(void)
{
	int ret = put("/sys/power/pm_test", "freezer");

	if (ret)
		xgt_skip("no test of suspending: %s", xgt_errname(-ret));
	put("/sys/module/suspend/parameters/pm_test_delay", "1");
	put("/sys/power/pm_freeze_timeout", "10000");
	return put("/sys/power/state", "freeze");
}

struct suspend_reader {
	struct mock_call call;
	int stop;
	uint64_t reads;
};

static void suspend_read(void *arg)
{
	struct suspend_reader *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE)) {
		uint64_t i = r->reads % PAGES;
		struct xgm_access a = guest_access(1, BASE + i * PAGE, READ, 0);

		if (a.out_result != XGM_DONE || a.value != 40 + i)
			FAIL("page %lu: result %u, value 0x%llx", i,
			     a.out_result, a.value);
		r->reads++;
	}
}

/* The host sleeps and wakes with pages lent and vCPUs faulting all the time. */
static void suspend_resume(void)
{
	struct suspend_reader r = { 0 };
	volatile uint64_t *p;
	uint64_t before;
	uint32_t w;

	mock_begin(2);
	p = map_shared(memfd_new(SIZE), SIZE);
	stamp(p, SIZE, 40);
	w = window_of(p, SIZE);
	call_start(&r.call, suspend_read, &r);
	for (int i = 0; i < 3; i++) {
		/* Everything has to be faulted in anew. */
		OK(gm_bind(xgt_dom, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
			   XEN_GPUMEM_POLICY_INJECT));
		OK(suspend());
		before = r.reads;
		EVENTUALLY(r.reads > before + 10);
	}
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELEASE);
	call_join(&r.call);
	mock_end();
}

/* A vCPU waits for a page that only a frozen process will supply. */
static void suspend_slow(void)
{
	struct mock_run slow, late;
	volatile uint64_t *p;
	struct uffd u;
	uint32_t w;

	mock_begin(2);
	uffd_new(&u, SIZE);
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_bind(xgt_dom, w, 0, 4 * PAGE, u.map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	for (int i = 0; i < 2; i++) {
		run_start(&slow, 0, BASE + i * PAGE, READ, 0);
		CHECK_EQ(uffd_wanted(&u), i);
		OK(suspend());
		/* It was not given up, and others are served. */
		CHECK(!run_done(&slow));
		OK(gm_bind(xgt_dom, w, 4 * PAGE, 4 * PAGE, p,
			   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
		run_start(&late, 1, BASE + 5 * PAGE, READ, 0);
		CHECK_EQ(run_join(&late, XGM_DONE), 41);
		uffd_give(&u, i, 70 + i);
		CHECK_EQ(run_join(&slow, XGM_DONE), 70 + i);
	}
	mock_end();
}

/* --- the module --------------------------------------------------------- */

static int unload(void)
{
	return syscall(SYS_delete_module, "xen_gpumem", O_NONBLOCK) ?
	       -errno : 0;
}

static int load(void)
{
	int fd = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);
	int ret = syscall(SYS_finit_module, fd, "mock=1", 0) ? -errno : 0;

	close(fd);
	return ret;
}

/* Busy while an fd lives, or a worker sleeps on its behalf; then clean. */
static void rmmod(void)
{
	struct mock_run run;
	struct uffd u;
	int node;

	mock_begin(1);
	uffd_new(&u, SIZE);
	window_of(u.map, SIZE);
	ERR(unload(), EAGAIN);
	run_start(&run, 0, BASE, READ, 0);
	uffd_wanted(&u);
	close(xgt_dom);
	xgt_dom = -1;
	run_join(&run, XGM_NOWINDOW);
	close(mock_ctl);
	/* Nobody has anything open, but a worker is not back yet. */
	ERR(unload(), EAGAIN);
	uffd_give(&u, 0, 1);
	EVENTUALLY(!unload());
	CHECK(access("/dev/xen/gpumem", F_OK));
	OK(load());
	node = gm_node();
	CHECK(node >= 0);
	ERR(unload(), EAGAIN);
	close(node);
	for (int i = 0; i < 5; i++) {
		OK(unload());
		OK(load());
	}
	mock_begin(1);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U1-mock-info", "U1", info, 0, 0 },
	{ "L13-mock-close-in-fault", "L13,L20", close_in_fault, 0, 0 },
	{ "S1-mock-two-fds", "S1,L11", two_fds, 0, 0 },
	{ "L13-mock-exit-lent", "L13,L4", exit_lent, 0, 0 },
	{ "L13-mock-exit-in-fault", "L13", exit_in_fault, 0, 0 },
	{ "L13-mock-exit-in-map", "L13,L2", exit_in_map, 0, 0 },
	{ "L13-mock-many-deaths", "L13", many_deaths, 0, 0 },
	{ "S1-mock-fork-inherits", "S1", fork_inherits, 0, 0 },
	{ "L13-mock-domain-dies", "L13,S2", domain_dies_in_fault, 0, 0 },
	{ "L13-mock-domain-dying", "L13,L2", domain_is_dying, 0, 0 },
	{ "L22-mock-suspend", "L22", suspend_resume, 0, 0 },
	{ "L22-mock-suspend-slow", "L22,L20", suspend_slow, 0, 0 },
	{ "L13-mock-rmmod", "L13", rmmod, 0, 0 },
};

XGT_MAIN(tests)
