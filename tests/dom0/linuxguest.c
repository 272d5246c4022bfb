// SPDX-License-Identifier: GPL-2.0-only
/*
 * L0, L21: lent memory in the hands of a guest's own program.
 *
 * The guest is a distribution's kernel, and the program an ordinary process of
 * it, with a user of its own, that has mapped the window as one maps a device's
 * memory (tests/guest/linux.c).  It must find ordinary memory there, however
 * often the host moves it.  What such a mapping cannot do in Linux is to have
 * its pages pinned: there is no struct page to take a reference on.  That is
 * as it should be, as nobody may hold on to memory that the host can take back
 * at any time; here it is shown to fail cleanly.
 */
#include "backing.h"

#define LENGTH		(64 * PAGE)
#define VRAM		(1 * MIB)

static const char *const pin_names[XG_PINS] = {
	[XG_PIN_DIRECT_READ] = "O_DIRECT read",
	[XG_PIN_DIRECT_WRITE] = "O_DIRECT write",
	[XG_PIN_VMSPLICE] = "vmsplice",
	[XG_PIN_URING] = "io_uring buffers",
	[XG_PIN_PEER] = "process_vm_readv",
	[XG_PIN_FUTEX] = "futex",
};

static uint64_t faults(uint32_t window)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_failed, 0);
	return q.out_faults;
}

/* Two processes, one on each vCPU: one sums up, over and over. */
static void checksum(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);
	struct xgt_result r;
	uint64_t before;

	fill(map, LENGTH, 1);
	cmd_start(0, XG_CMD_PROCESS, XG_PROCESS_SUM, XGT_WINDOW, LENGTH);
	cmd_start(1, XG_CMD_PROCESS, XG_PROCESS_SUM, XGT_WINDOW, LENGTH);
	before = faults(window);
	for (int i = 0; i < 20; i++) {
		CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
		cmd_advance(i & 1, 1);
	}
	/* Control: it went away under them indeed. */
	CHECK(faults(window) > before + 10);
	for (int cpu = 0; cpu < 2; cpu++) {
		r = cmd_stop(cpu);
		CHECK(r.v[0] > 5);
		CHECK_EQ(r.v[1], xg_sum(map, LENGTH));
	}
}

/* A memory tester, which writes as well. */
static void tester(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);
	uint64_t before;

	cmd_start(0, XG_CMD_PROCESS, XG_PROCESS_TEST, XGT_WINDOW, LENGTH / 2);
	cmd_start(1, XG_CMD_PROCESS, XG_PROCESS_TEST, XGT_WINDOW + LENGTH / 2,
		  LENGTH / 2);
	before = faults(window);
	for (int i = 0; i < 30; i++) {
		CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
		cmd_advance(i & 1, 1);
	}
	CHECK(faults(window) > before + 10);
	CHECK(cmd_stop(0).v[0] > 5);
	CHECK(cmd_stop(1).v[0] > 5);
	/* Control: the tester would notice one wrong word. */
	cmd_start(0, XG_CMD_PROCESS, XG_PROCESS_TEST, XGT_WINDOW, PAGE);
	for (int i = 0; i < 100000 && !box_done(&xgt_box, 0); i++) {
		map[i % 512] ^= 1;
		usleep(100);
	}
	CHECK_EQ(cmd_stop_any(0).status, XG_MISMATCH);
}

/* Pages that the host has written to its swap since it booted. */
static uint64_t swapped_out(void)
{
	FILE *f = fopen("/proc/vmstat", "re");
	uint64_t pages = ~0ULL;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "pswpout %lu", &pages) == 1)
			break;
	if (f)
		fclose(f);
	CHECK(pages != ~0ULL);
	return pages;
}

/* The same in memory that the host swaps out, over and over. */
static void tester_swap(void)
{
	volatile uint64_t *map = map_anon(LENGTH);
	uint64_t before, out;
	uint32_t window;

	swap_on();
	madvise((void *)map, LENGTH, MADV_NOHUGEPAGE);
	fill(map, LENGTH, 1);
	window = gm_lend(map, LENGTH, 0);
	cmd_start(0, XG_CMD_PROCESS, XG_PROCESS_TEST, XGT_WINDOW, LENGTH / 2);
	cmd_start(1, XG_CMD_PROCESS, XG_PROCESS_TEST, XGT_WINDOW + LENGTH / 2,
		  LENGTH / 2);
	cmd_advance(0, 1);
	cmd_advance(1, 1);
	before = faults(window);
	out = swapped_out();
	for (int i = 0; i < 20; i++) {
		page_out_once(map, LENGTH);
		cmd_advance(i & 1, 1);
	}
	/* Control: it went to the disk, and had to be fetched back. */
	out = swapped_out() - out;
	xgt_info("%lu pages swapped out under the tester, %lu faults", out,
		 faults(window) - before);
	CHECK(out >= LENGTH / PAGE);
	CHECK(faults(window) > before + 10);
	CHECK(cmd_stop(0).v[0] > 5);
	CHECK(cmd_stop(1).v[0] > 5);
	/* Nobody uses it any more: then all of it goes, and comes back. */
	out = xg_sum(map, LENGTH);
	CHECK(page_out(map, LENGTH));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	CHECK_EQ(cmd_ok(0, XG_CMD_SUM, XGT_WINDOW, LENGTH).v[0], out);
}

/* The same in video memory, which is pushed out and brought back. */
static void tester_vram(void)
{
	int card = qxl_open();
	struct xen_gpumem_window_query q;
	struct qxl_bo bo;
	uint32_t window;

	qxl_new(card, &bo, VRAM);
	window = gm_lend(bo.map, VRAM, 0);
	cmd_start(0, XG_CMD_PROCESS, XG_PROCESS_TEST, XGT_WINDOW, LENGTH);
	cmd_start(1, XG_CMD_PROCESS, XG_PROCESS_TEST, XGT_WINDOW + VRAM / 2,
		  LENGTH);
	cmd_advance(0, 1);
	for (int i = 0; i < 2; i++) {
		OK(gm_query(xgt_dom, window, 0, 0, &q));
		CHECK(q.out_io);
		qxl_pressure(card);
		cmd_advance(0, 1);
		cmd_advance(1, 1);
		OK(gm_query(xgt_dom, window, 0, 0, &q));
		CHECK(q.out_pages && !q.out_io);
		qxl_bring_back(card, &bo);
		cmd_advance(0, 1);
		cmd_advance(1, 1);
	}
	CHECK(cmd_stop(0).v[0] > 4);
	CHECK(cmd_stop(1).v[0] > 4);
	faults(window);
}

/* read() and write(): the kernel copies, and faults as the program would. */
static void copies(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	struct xgt_result r;

	gm_lend(map, LENGTH, 0);
	for (int i = 0; i < 3; i++) {
		r = cmd_ok(0, XG_CMD_PROCESS, XG_PROCESS_COPY, XGT_WINDOW,
			   LENGTH);
		CHECK_EQ(r.v[0], 0);
		CHECK_EQ(r.v[1], 0);
		CHECK_EQ(map[8], 0x1122334455667788);
		CHECK(((volatile char *)map)[0] != 0);
		CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	}
}

/* Whatever would pin a page says EFAULT, and nothing else happens. */
static void pins(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);
	struct xgt_result r;
	unsigned int ways = 0;
	uint64_t sum;

	fill(map, LENGTH, 5);
	sum = xg_sum(map, LENGTH);
	/* Absent at first; then present; then going away all the time. */
	for (int round = 0; round < 3; round++) {
		cmd_start(1, XG_CMD_PROCESS, XG_PROCESS_PIN, XGT_WINDOW,
			  LENGTH);
		while (!box_done(&xgt_box, 1)) {
			if (round == 2)
				madvise((void *)map, LENGTH, MADV_DONTNEED);
			xgt_sleep_ms(2);
		}
		r = box_ok(cmd_wait(1), "pinning", __FILE__, __LINE__);
		ways = 0;
		for (int i = 0; i < XG_PINS; i++) {
			int err = r.v[i] & 0xff, ordinary = r.v[i] >> 32;

			if (err == XG_PIN_NONE) {
				xgt_info("%s: not in this guest", pin_names[i]);
				continue;
			}
			ways++;
			if (err != EFAULT || ordinary)
				FAIL("%s: %s, with ordinary memory %s",
				     pin_names[i], xgt_errname(err),
				     xgt_errname(ordinary));
		}
		/* Nothing, or a line or two that the module says it is there. */
		if (r.v[XG_PINS] > 400)
			FAIL("the guest's kernel says %lu bytes about it",
			     r.v[XG_PINS]);
		CHECK_EQ(xg_sum(map, LENGTH), sum);
		OK(gm_populate(xgt_dom, window, 0, LENGTH, 0, NULL));
	}
	CHECK(ways >= 4);
	/* The memory is as free to go as ever, and comes again. */
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 5);
}

static const struct xgt_test tests[] = {
	{ "L0-process-checksum", "L0,L3,L21", checksum, XGT_GUEST, 0 },
	{ "L0-process-memory-tester", "L0,L3,L21", tester, XGT_GUEST, 0 },
	{ "L0-process-memory-tester-swap", "L0,L1,L3,L21", tester_swap,
	  XGT_GUEST, 300 },
	{ "L0-process-memory-tester-vram", "L0,L1,L21", tester_vram,
	  XGT_GUEST | XGT_QXL, 300 },
	{ "L21-process-copies", "L21", copies, XGT_GUEST, 0 },
	{ "L21-pins-fail-cleanly", "L21", pins, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
