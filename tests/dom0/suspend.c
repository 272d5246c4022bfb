// SPDX-License-Identifier: GPL-2.0-only
/*
 * L22: dom0 suspends and resumes while memory is lent and faults are pending.
 *
 * The kernel's own test of its suspend code is used (pm_test): it goes down to
 * some level, stays there for a second, and comes back.  The guest goes on
 * meanwhile, on Xen's CPUs: what it asks for has to wait, and must not be lost.
 *
 * Both of its vCPUs ask.  One waits for a page that this very process would
 * have to supply, from before the system begins to suspend.  The other one uses
 * memory that a thread takes away again and again.  The driver stops to look
 * pages up before the thread is frozen, so that there is a page which was taken
 * after the one and before the other, and which is not given back before the
 * system is awake: the longest fault tells, which was shorter before.
 *
 * Not further down than to devices that sleep.  The next level has ACPI make
 * its interrupt one that wakes the system, which the interrupt chip of a PV
 * dom0 is not able to, and Linux (7.3) warns when that is undone.
 */
#include <pthread.h>

#include "xgt.h"

#define LENGTH	(16 * PAGE)
#define SLOW	(XGT_WINDOW + 32 * MIB)
#define SEED	1
#define SECOND	1000000000ULL
/* Windows to try until one has no fault that was as long as the sleep. */
#define TRIES	10

struct taken {
	volatile uint64_t *map;
	bool stop;
};

/* Contents stay, as they are a file's. */
static void *take_away(void *arg)
{
	struct taken *t = arg;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		CHECK(!madvise((void *)t->map, LENGTH, MADV_DONTNEED));
		xgt_sleep_ms(2);
	}
	return NULL;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = -errno;
	close(fd);
	return ret;
}

/* Returns when the system has slept for a second, and is awake again. */
static void suspend(const char *level)
{
	if (access("/sys/power/pm_test", F_OK))
		xgt_skip("the kernel has no pm_test");
	OK(write_file("/sys/module/suspend/parameters/pm_test_delay", "1"));
	OK(write_file("/sys/power/pm_test", level));
	OK(write_file("/sys/power/state", "freeze"));
	OK(write_file("/sys/power/pm_test", "none"));
}

static uint64_t longest_fault(uint32_t window)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	return q.out_fault_ns_max;
}

static void lend(uint64_t gpa, volatile uint64_t *map, uint32_t *window)
{
	OK(gm_window_add(xgt_dom, gpa, LENGTH, XEN_GPUMEM_POLICY_MMIO, window));
	OK(gm_bind(xgt_dom, *window, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
}

/*
 * Have the guest at work in a window, on pages that go and come.  Return: the
 * window, *longest its longest fault: not one that may as well be the sleep's.
 */
static uint32_t work_awake(volatile uint64_t *map, uint64_t *longest)
{
	uint32_t window;

	for (int i = 0; i < TRIES; i++) {
		lend(XGT_WINDOW, map, &window);
		cmd_start(1, XG_CMD_UPDATE, XGT_WINDOW, LENGTH, SEED, 0);
		/* Control: it meets pages that are gone, and gets them back. */
		cmd_advance(1, 5);
		*longest = longest_fault(window);
		if (*longest < SECOND)
			return window;
		cmd_stop(1);
		OK(gm_window_remove(xgt_dom, window));
	}
	FAIL("a fault takes %lu us on a machine that is awake",
	     *longest / 1000);
}

static void at_level(const char *level)
{
	struct taken t = { .map = map_shared(memfd_new(LENGTH), LENGTH) };
	uint32_t window, slow_window;
	struct xgt_result r;
	uint64_t before;
	pthread_t thread;
	struct slow s;

	slow_new(&s, LENGTH);
	lend(SLOW, s.map, &slow_window);
	cmd_start(0, XG_CMD_READ, SLOW + PAGE, 8);
	CHECK_EQ(slow_wait(&s), PAGE);
	CHECK(!pthread_create(&thread, NULL, take_away, &t));
	window = work_awake(t.map, &before);
	suspend(level);

	/* Neither of them was given up. */
	CHECK(!box_done(&xgt_box, 0));
	cmd_advance(1, 5);
	slow_serve(&s, PAGE, 77);
	CHECK_EQ(box_ok(cmd_wait(0), "the slow read", __FILE__,
			__LINE__).v[0], 77);
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	CHECK(!pthread_join(thread, NULL));
	r = cmd_stop(1);
	verify(t.map, LENGTH, xg_round_seed(SEED, r.v[0] - 1));
	/* It is noted a moment after the vCPU was let run. */
	EVENTUALLY(longest_fault(window) >= SECOND);
	xgt_info("longest fault: %lu us awake, %lu us over %s", before / 1000,
		 longest_fault(window) / 1000, level);
}

/* Processes are frozen, and nothing else. */
static void freezer(void)
{
	at_level("freezer");
}

/* ... and the drivers of all devices have put them to sleep. */
static void devices(void)
{
	at_level("devices");
}

static const struct xgt_test tests[] = {
	{ "L22-suspend-freezer", "L22", freezer, XGT_GUEST, 0 },
	{ "L22-suspend-devices", "L22", devices, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
