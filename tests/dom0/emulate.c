// SPDX-License-Identifier: GPL-2.0-only
/*
 * L5: accesses that Xen emulates, to lent memory.
 *
 * Whatever the processor would do, the emulator must do: find what is there,
 * have it supplied where it is not, ask for the permission to write, and be
 * unable to reach what was taken back.  Needs a debug build of Xen with
 * "hvm_fep".
 */
#include "xgt.h"

#define LENGTH	(64 * KIB)

#define EMULATE(kind, ...) \
	result0(cmd_ok(0, XG_CMD_EMULATE, XG_EMULATE_##kind, __VA_ARGS__))

static uint64_t result0(struct xgt_result result)
{
	return result.v[0];
}

static volatile uint64_t *map;
static uint32_t window;

static void lend(uint32_t policy)
{
	if (cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_NOP, XGT_WINDOW).status !=
	    XG_OK)
		xgt_skip("Xen has no hvm_fep");
	map = map_shared(memfd_new(LENGTH), LENGTH);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, policy, &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH / 2, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
}

/* Each access is the first one to its page. */
static void absent(void)
{
	lend(XEN_GPUMEM_POLICY_MMIO);
	map[0] = 42;
	CHECK_EQ(EMULATE(READ, XGT_WINDOW), 42);
	EMULATE(WRITE, XGT_WINDOW + PAGE, 0, 43);
	CHECK_EQ(map[PAGE / 8], 43);
	map[2 * PAGE / 8] = 5;
	CHECK_EQ(EMULATE(XADD, XGT_WINDOW + 2 * PAGE, 0, 7), 5);
	CHECK_EQ(map[2 * PAGE / 8], 12);
	map[3 * PAGE / 8] = 6;
	CHECK_EQ(EMULATE(CMPXCHG, XGT_WINDOW + 3 * PAGE, 0, 0x100000006), 6);
	CHECK_EQ(map[3 * PAGE / 8], 0x100000006);
	CHECK_EQ(EMULATE(CMPXCHG, XGT_WINDOW + 3 * PAGE, 0, 8), 0x100000006);
	CHECK_EQ(map[3 * PAGE / 8], 0x100000006);
}

/* An access across a page boundary, both pages absent. */
static void across(void)
{
	lend(XEN_GPUMEM_POLICY_MMIO);
	EMULATE(WRITE, XGT_WINDOW + PAGE - 3, 0, 0x0807060504030201);
	CHECK_EQ(((volatile uint8_t *)map)[PAGE - 1], 3);
	CHECK_EQ(((volatile uint8_t *)map)[PAGE], 4);
	CHECK_EQ(EMULATE(READ, XGT_WINDOW + PAGE - 3), 0x0807060504030201);
}

/* Whole pages at once, from absent to absent. */
static void strings(void)
{
	lend(XEN_GPUMEM_POLICY_MMIO);
	fill(map, 2 * PAGE, 1);
	CHECK_EQ(EMULATE(MOVS, XGT_WINDOW + 4 * PAGE, XGT_WINDOW, 2 * PAGE), 0);
	verify(map + 4 * PAGE / 8, 2 * PAGE, 1);
	CHECK_EQ(EMULATE(STOS, XGT_WINDOW + PAGE / 2, 0, PAGE), 0);
	CHECK_EQ(map[PAGE / 8], 0x5a5a5a5a5a5a5a5a);
	CHECK_EQ(map[(PAGE / 2 + PAGE) / 8 - 1], 0x5a5a5a5a5a5a5a5a);
	CHECK_EQ(map[(PAGE / 2 + PAGE) / 8],
		 xg_pattern(1, PAGE / 2 + PAGE));
}

/* Nothing is bound there: the access goes on as one to a device. */
static void device(void)
{
	uint64_t hole = XGT_WINDOW + LENGTH / 2;

	lend(XEN_GPUMEM_POLICY_MMIO);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(EMULATE(READ, hole), ~0ULL);
	EMULATE(WRITE, hole, 0, 1);
	CHECK_EQ(EMULATE(XADD, hole, 0, 1), ~0ULL);
	/* Both operands of one instruction, and one of either kind. */
	CHECK_EQ(EMULATE(MOVS, hole, hole + PAGE, 16), 0);
	CHECK_EQ(EMULATE(MOVS, XGT_WINDOW, hole, 16), 0);
	CHECK_EQ(map[0], ~0ULL);
	CHECK_EQ(EMULATE(MOVS, hole, XGT_WINDOW, 16), 0);
	/* And no more than that one access. */
	OK(gm_bind(xgt_dom, window, LENGTH / 2, LENGTH / 2,
		   (void *)(map + LENGTH / 16), 0, XEN_GPUMEM_POLICY_INJECT));
	map[LENGTH / 16] = 9;
	CHECK_EQ(EMULATE(READ, hole), 9);
}

static void inject(void)
{
	uint64_t hole = XGT_WINDOW + LENGTH / 2;

	lend(XEN_GPUMEM_POLICY_INJECT);
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_READ, hole).status,
		 XG_FAULT);
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_WRITE, hole).status,
		 XG_FAULT);
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_MOVS, XGT_WINDOW, hole,
			 16ULL).status, XG_FAULT);
	map[0] = 1;
	CHECK_EQ(EMULATE(READ, XGT_WINDOW), 1);
}

/* A page of zeroes first, then one that may be written. */
static void upgrade(void)
{
	volatile uint64_t *anon = map_anon(LENGTH / 2);

	lend(XEN_GPUMEM_POLICY_MMIO);
	OK(gm_bind(xgt_dom, window, LENGTH / 2, LENGTH / 2, anon, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK(!madvise((void *)anon, LENGTH / 2, MADV_NOHUGEPAGE));
	CHECK_EQ(EMULATE(READ, XGT_WINDOW + LENGTH / 2), 0);
	CHECK_EQ(EMULATE(XADD, XGT_WINDOW + LENGTH / 2, 0, 3), 0);
	CHECK_EQ(anon[0], 3);
}

/* What was taken back is not what is read, and comes again. */
static void revoked(void)
{
	lend(XEN_GPUMEM_POLICY_MMIO);
	for (uint64_t i = 1; i < 20; i++) {
		EMULATE(WRITE, XGT_WINDOW, 0, i);
		CHECK_EQ(map[0], i);
		CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
		CHECK_EQ(EMULATE(READ, XGT_WINDOW), i);
		OK(gm_unbind(xgt_dom, window, 0, LENGTH / 2));
		CHECK_EQ(EMULATE(READ, XGT_WINDOW), ~0ULL);
		OK(gm_bind(xgt_dom, window, 0, LENGTH / 2, map, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	}
}

/* Memory of the card, which is not RAM. */
static void vram(void)
{
	int card = qxl_open();
	struct qxl_bo bo;

	lend(XEN_GPUMEM_POLICY_MMIO);
	qxl_new(card, &bo, LENGTH / 2);
	OK(gm_bind(xgt_dom, window, LENGTH / 2, LENGTH / 2, bo.map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	fill(bo.map, LENGTH / 2, 4);
	CHECK_EQ(EMULATE(READ, XGT_WINDOW + LENGTH / 2 + 8), xg_pattern(4, 8));
	EMULATE(WRITE, XGT_WINDOW + LENGTH / 2 + PAGE + 4, 0, ~1ULL);
	CHECK_EQ(*(volatile uint64_t *)((volatile char *)bo.map + PAGE + 4),
		 ~1ULL);
	CHECK_EQ(EMULATE(MOVS, XGT_WINDOW, XGT_WINDOW + LENGTH / 2, 64), 0);
	verify(map, 64, 4);
}

static const struct xgt_test tests[] = {
	{ "L5-emulate-absent", "L5,L3", absent, XGT_GUEST, 0 },
	{ "L5-emulate-across-pages", "L5", across, XGT_GUEST, 0 },
	{ "L5-emulate-strings", "L5", strings, XGT_GUEST, 0 },
	{ "L5-emulate-device", "L5,L4", device, XGT_GUEST, 0 },
	{ "L5-emulate-inject", "L5,L4", inject, XGT_GUEST, 0 },
	{ "L5-emulate-upgrade", "L5,L3", upgrade, XGT_GUEST, 0 },
	{ "L5-emulate-revoked", "L5,L2", revoked, XGT_GUEST, 0 },
	{ "L5-emulate-vram", "L5,L1", vram, XGT_GUEST | XGT_QXL, 0 },
};

XGT_MAIN(tests)
