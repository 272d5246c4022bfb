// SPDX-License-Identifier: GPL-2.0-only
/*
 * What leaves traces in the kernel's log, by right: in a scenario of its own,
 * which allows them.
 *
 * A hypervisor that breaks its promise that a revocation succeeds is a defect
 * that the driver warns of; and the kernel speaks of every process that it
 * kills for want of memory.
 */
#include <signal.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

/* A revocation fails: everything is taken, the hard way, before it returns. */
static void sever(void)
{
	volatile uint64_t *p;
	uint32_t w, w2;

	mock_begin(1);
	p = map_anon(2 * SIZE);
	stamp(p, 2 * SIZE, 40);
	w = window_of(p, SIZE);
	OK(gm_window_add(xgt_dom, BASE + MIB, SIZE, 0, &w2));
	OK(gm_bind(xgt_dom, w2, 0, SIZE, (char *)p + SIZE, 0, 0));
	CHECK_EQ(g_read(BASE), 40);
	CHECK_EQ(g_read(BASE + MIB), 40 + PAGES);
	/* Neighbours come after the page itself: who asks waits for them. */
	CHECK(gm_pages(xgt_dom, w, 0, 0));
	CHECK(gm_pages(xgt_dom, w2, 0, 0));
	CHECK_EQ(mock_stats().out_severs, 0);
	mock_inject(XGM_OP_REVOKE, EIO, 0, 1);
	OK(madvise((void *)p, PAGE, MADV_DONTNEED));
	CHECK_EQ(mock_hits(XGM_OP_REVOKE), 1);
	CHECK_EQ(mock_stats().out_severs, 1);
	CHECK_EQ(mock_stats().out_present, 0);
	mock_check();
	/* Nothing is lent to it any more. */
	ERR(gm_window_add(xgt_dom, BASE + 2 * MIB, SIZE, 0, &w2), ESRCH);
	OK(gm_window_remove(xgt_dom, w));
	close(xgt_dom);
	xgt_dom = -1;
	CHECK_EQ(mock_stats().out_windows, 0);
	CHECK_EQ(mock_stats().out_attached, 0);
}

static uint32_t oom_window;
static volatile uint64_t *oom_ready;

static void oom_child(void *arg)
{
	volatile uint64_t *p = map_anon(SIZE);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	(void)arg;
	CHECK(write(fd, "1000", 4) == 4);
	close(fd);
	stamp(p, SIZE, 40);
	OK(gm_bind(xgt_dom, oom_window, 0, SIZE, p, 0, 0));
	__atomic_store_n(oom_ready, 1, __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void kill_for_memory(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "f", 1) != 1)
		xgt_skip("no sysrq: %s", strerror(errno));
	close(fd);
}

/* Wait for a line of the kernel's log. */
static bool log_says(int kmsg, const char *what, double limit)
{
	double end = xgt_now() + xgt_limit(limit);
	char line[2048];
	ssize_t n;

	while (xgt_now() < end) {
		n = read(kmsg, line, sizeof(line) - 1);
		line[n > 0 ? n : 0] = '\0';
		if (strstr(line, what))
			return true;
		if (n < 0)
			xgt_sleep_ms(20);
	}
	return false;
}

/*
 * The kernel takes the memory of a process that it has killed and that does
 * not go by itself: here, because a worker holds it in the middle of a map.
 * The notifier is told not to wait then, and must refuse rather than do so.
 */
static void oom_reaper(void)
{
	struct mock_run run;
	int kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	pid_t pid;
	int status;

	lseek(kmsg, 0, SEEK_END);
	mock_begin(2);
	oom_ready = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	oom_window = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	pid = xgt_fork(oom_child, NULL);
	EVENTUALLY(__atomic_load_n(oom_ready, __ATOMIC_ACQUIRE));
	/* One page is lent already: there is something to revoke. */
	CHECK_EQ(g_read(BASE), 40);
	OK(gm_window_move(xgt_dom, oom_window, BASE));
	mock_hold(XGM_OP_MAP);
	run_start(&run, 1, BASE + 3 * PAGE, WRITE, 1);
	mock_wait_held(XGM_OP_MAP);
	kill_for_memory();
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* The reaper comes after two seconds, ten times, and is refused. */
	CHECK(log_says(kmsg, "oom_reaper: unable to reap", 8));
	mock_check();
	mock_release(XGM_OP_MAP);
	pthread_join(run.thread, NULL);
	CHECK(run.access.out_result == XGM_DONE ||
	      run.access.out_result == XGM_INJECTED);
	EVENTUALLY(mock_stats().out_present == 0);
	g_expect(BASE, READ, XGM_INJECTED);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L2-mock-sever", "L2", sever, 0, 0 },
	{ "L2-mock-oom-reaper", "L2,L13", oom_reaper, 0, 0 },
};

XGT_MAIN(tests)
