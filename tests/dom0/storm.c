// SPDX-License-Identifier: GPL-2.0-only
/*
 * L18: storms of revocations against storms of faults, both counted.
 *
 * However often the host takes a page away, the guest gets to use it once for a
 * bounded number of times, and never gets an exception for it: a retry is not a
 * failure.  What is counted is frames that were really taken away, as seen by
 * the driver, against steps of the guest's loops.
 */
#include <pthread.h>

#include "xgt.h"

#define ROUNDS		40	/* steps of each vCPU */
#define BOUND		400	/* revocations for one of them */
#define STORM		40	/* revocations at least */

static uint32_t window;
static volatile uint64_t *at;
static uint64_t length;
static volatile bool over;
static volatile uint64_t moved;

static void lend(uint64_t bytes)
{
	length = bytes;
	at = map_shared(memfd_new(length), length);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, length, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, length, at, 0,
		   XEN_GPUMEM_POLICY_INJECT));
}

static void drop(void)
{
	if (madvise((void *)at, length, MADV_DONTNEED))
		FAIL("madvise: %s", strerror(errno));
}

static void bind_again(void)
{
	OK(gm_bind(xgt_dom, window, 0, length, at, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
}

/* To where it is: that takes everything away, and is counted here. */
static void move(void)
{
	OK(gm_window_move(xgt_dom, window, XGT_WINDOW));
	moved++;
}

/* Only the permission to write, which the guest then asks for. */
static void write_protect(void)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(0);
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
}

static void *storm(void *arg)
{
	void (*revoke)(void) = arg;

	while (!over)
		revoke();
	return NULL;
}

static uint64_t slowest(const uint64_t before[2])
{
	uint64_t a = cmd_progress(0) - before[0], b = cmd_progress(1) - before[1];

	return a < b ? a : b;
}

/* Both vCPUs use all of it; every word must be what was written last. */
static void fight(void (*revoke)(void), unsigned int threads)
{
	struct xen_gpumem_window_query first, q;
	uint64_t before[2], steps, half = length / 2, taken = 0;
	pthread_t thread[4];
	double end = xgt_now() + xgt_limit(200);

	cmd_start(0, XG_CMD_UPDATE, XGT_WINDOW, half, 1);
	cmd_start(1, XG_CMD_UPDATE, XGT_WINDOW + half, half, 2);
	cmd_advance(0, 1);
	cmd_advance(1, 1);
	OK(gm_query(xgt_dom, window, 0, 0, &first));
	for (int i = 0; i < 2; i++)
		before[i] = cmd_progress(i);
	for (unsigned int i = 0; i < threads; i++)
		CHECK(!pthread_create(&thread[i], NULL, storm, revoke));
	do {
		xgt_sleep_ms(20);
		steps = slowest(before);
		OK(gm_query(xgt_dom, window, 0, 0, &q));
		taken = q.out_revokes + q.out_downgraded - first.out_revokes -
			first.out_downgraded + moved;
		if (taken > BOUND * (steps + 1) || xgt_now() > end)
			FAIL("%lu steps of the guest's, %lu revocations",
			     steps, taken);
	} while (steps < ROUNDS || taken <= STORM);
	over = true;
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < 2; i++)
		cmd_stop(i);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	xgt_info("%lu steps, %lu revocations, %llu faults, %llu retries", steps,
		 taken, q.out_faults - first.out_faults,
		 q.out_retries - first.out_retries);
	/* Controls: it was a storm; and no retry ended in the policy. */
	CHECK(taken > STORM);
	CHECK_EQ(q.out_failed, 0);
}

static void one_page(void)
{
	lend(PAGE);
	fight(drop, 2);
}

static void many_pages(void)
{
	lend(32 * PAGE);
	fight(drop, 2);
}

static void replace(void)
{
	lend(2 * PAGE);
	fight(bind_again, 1);
}

static void moves(void)
{
	lend(2 * PAGE);
	fight(move, 1);
}

static void downgrades(void)
{
	lend(2 * PAGE);
	/* Private: a fork write-protects it. */
	CHECK(mmap((void *)at, length, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at);
	fight(write_protect, 1);
}

static const struct xgt_test tests[] = {
	{ "L18-storm-one-page", "L18,L2,N20", one_page, XGT_GUEST, 300 },
	{ "L18-storm-many-pages", "L18,L2", many_pages, XGT_GUEST, 300 },
	{ "L18-storm-rebind", "L18,L11", replace, XGT_GUEST, 300 },
	{ "L18-storm-move", "L18,L11", moves, XGT_GUEST, 300 },
	{ "L18-storm-write-protect", "L18,L17", downgrades, XGT_GUEST, 300 },
};

XGT_MAIN(tests)
