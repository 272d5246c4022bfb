// SPDX-License-Identifier: GPL-2.0-only
/*
 * L8: accesses that Xen emulates, to lent memory.
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

/* How many times the lender was asked. */
static uint64_t asked(void)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	return q.out_faults;
}

/* Absent pages, one for each; and then the same where it is present. */
static void locked(void)
{
	uint64_t before;

	lend(XEN_GPUMEM_POLICY_MMIO);
	before = asked();
	for (int again = 0; again < 2; again++) {
		for (int i = 0; i < 4; i++)
			map[i * PAGE / 8 + 1] = 0xf0 + i;
		map[3 * PAGE / 8 + 1] = 0;
		CHECK_EQ(EMULATE(XCHG, XGT_WINDOW + 8, 0, 0x77), 0xf0);
		CHECK_EQ(map[1], 0x77);
		EMULATE(ADD, XGT_WINDOW + PAGE + 8, 0, 0x100);
		CHECK_EQ(map[PAGE / 8 + 1], 0x1f1);
		CHECK_EQ(EMULATE(BTS, XGT_WINDOW + 2 * PAGE + 8, 0, 3), 0);
		CHECK_EQ(map[2 * PAGE / 8 + 1], 0xfa);
		CHECK_EQ(EMULATE(BTS, XGT_WINDOW + 2 * PAGE + 8, 0, 3), 1);
		CHECK_EQ(EMULATE(CMPXCHG8B, XGT_WINDOW + 3 * PAGE + 8, 0,
				 0x123456789abULL), 0);
		CHECK_EQ(map[3 * PAGE / 8 + 1], 0x123456789abULL);
		CHECK_EQ(EMULATE(CMPXCHG8B, XGT_WINDOW + 3 * PAGE + 8, 0, 5),
			 0x123456789abULL);
		CHECK_EQ(map[3 * PAGE / 8 + 1], 0x123456789abULL);
		/* The way there was to ask, the first time. */
		CHECK(again || asked() > before);
	}
	/* Across the border of two absent pages. */
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	*(volatile uint64_t *)((volatile char *)map + PAGE - 4) = 10;
	CHECK_EQ(EMULATE(XADD, XGT_WINDOW + PAGE - 4, 0, 5), 10);
	CHECK_EQ(*(volatile uint64_t *)((volatile char *)map + PAGE - 4), 15);
}

/*
 * Across a border: the first page may be written, the second one only after
 * the lender was asked.  Nothing is added twice.
 */
static void locked_upgrade(void)
{
	for (int i = 0; i < 4; i++) {
		volatile uint64_t *anon = map_anon(LENGTH / 2);
		volatile uint64_t *p = (volatile uint64_t *)
				       ((volatile char *)anon + PAGE - 4);
		int first = i & 1 ? PAGE : 0;

		if (!i)
			lend(XEN_GPUMEM_POLICY_MMIO);
		CHECK(!madvise((void *)anon, LENGTH / 2, MADV_NOHUGEPAGE));
		OK(gm_bind(xgt_dom, window, LENGTH / 2, LENGTH / 2, anon,
			   i ? XEN_GPUMEM_BIND_REPLACE : 0,
			   XEN_GPUMEM_POLICY_INJECT));
		guest_write(XGT_WINDOW + LENGTH / 2 + first, 0);
		CHECK_EQ(guest_read(XGT_WINDOW + LENGTH / 2 + PAGE - first), 0);
		CHECK_EQ(EMULATE(XADD, XGT_WINDOW + LENGTH / 2 + PAGE - 4, 0,
				 0x500000003ULL), 0);
		CHECK_EQ(*p, 0x500000003ULL);
	}
}

/* Other string instructions, downwards and comparing. */
static void more_strings(void)
{
	lend(XEN_GPUMEM_POLICY_MMIO);
	fill(map, 2 * PAGE, 1);
	/* The last word of the second page first. */
	CHECK_EQ(EMULATE(MOVSQ_DOWN, XGT_WINDOW + 6 * PAGE - 8,
			 XGT_WINDOW + 2 * PAGE - 8, PAGE / 4), 0);
	verify(map + 4 * PAGE / 8, 2 * PAGE, 1);
	CHECK_EQ(EMULATE(CMPS, XGT_WINDOW, XGT_WINDOW + 4 * PAGE, 2 * PAGE), 0);
	((volatile uint8_t *)map)[PAGE + 10] ^= 1;
	CHECK_EQ(EMULATE(CMPS, XGT_WINDOW, XGT_WINDOW + 4 * PAGE, 2 * PAGE),
		 PAGE - 11);
}

/*
 * Between a device, which answers with ones, and memory that is absent: the
 * instruction is emulated each time that it is executed again.
 */
static void device_strings(void)
{
	const uint64_t device = XGT_WINDOW + LENGTH / 2;

	lend(XEN_GPUMEM_POLICY_MMIO);
	fill(map, 3 * PAGE, 1);
	CHECK_EQ(EMULATE(PLAIN_MOVS, XGT_WINDOW + PAGE - 24, device, 48), 0);
	verify(map, PAGE - 24, 1);
	verify_word(map + PAGE / 8 - 3, 48, ~0ULL);
	CHECK_EQ(map[PAGE / 8 + 3], xg_pattern(1, PAGE + 24));
	CHECK_EQ(EMULATE(PLAIN_MOVS, device + PAGE - 24,
			 XGT_WINDOW + 3 * PAGE - 24, 48), 0);
	CHECK_EQ(map[3 * PAGE / 8 - 1], xg_pattern(1, 3 * PAGE - 8));
}

/*
 * Strings from and to a port, over the borders of absent pages.  Those are
 * emulated each time that they are executed, whatever is there.
 */
static void ports(void)
{
	uint64_t before;

	lend(XEN_GPUMEM_POLICY_MMIO);
	fill(map, LENGTH / 2, 1);
	before = asked();
	CHECK_EQ(EMULATE(INS, XGT_WINDOW + PAGE - 16, 0, 32), 0);
	CHECK(asked() > before);
	verify(map, PAGE - 16, 1);
	verify_word(map + PAGE / 8 - 2, 32, ~0ULL);
	CHECK_EQ(map[PAGE / 8 + 2], xg_pattern(1, PAGE + 16));
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	before = asked();
	CHECK_EQ(EMULATE(OUTS, XGT_WINDOW + 3 * PAGE - 16, 0, 32), 0);
	CHECK(asked() > before);
	CHECK_EQ(map[3 * PAGE / 8 - 1], xg_pattern(1, 3 * PAGE - 8));
	/* To where nothing can be had: as far as there is something. */
	CHECK(!munmap((void *)(map + 5 * PAGE / 8), PAGE));
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_INS,
			 XGT_WINDOW + 5 * PAGE - 8, 0, 16ULL).status, XG_FAULT);
	CHECK_EQ(map[5 * PAGE / 8 - 1], ~0ULL);
	CHECK_EQ(map[5 * PAGE / 8 - 2], xg_pattern(1, 5 * PAGE - 16));
}

/*
 * Three pages, of which the middle one cannot be had: what comes before is
 * done, the rest is not, and nothing is made up.
 */
static void hole_in_the_middle(void)
{
	lend(XEN_GPUMEM_POLICY_MMIO);
	fill(map, LENGTH, 1);
	CHECK(!munmap((void *)(map + 5 * PAGE / 8), PAGE));
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_MOVS,
			 XGT_WINDOW + 4 * PAGE, XGT_WINDOW, 3 * PAGE).status,
		 XG_FAULT);
	verify(map + 4 * PAGE / 8, PAGE, 1);
	CHECK_EQ(map[6 * PAGE / 8], xg_pattern(1, 6 * PAGE));
	/* As a source, on the way to a good page. */
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_MOVS, XGT_WINDOW,
			 XGT_WINDOW + 5 * PAGE - 64, 128ULL).status, XG_FAULT);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(map[i], xg_pattern(1, PAGE - 64 + i * 8));
	CHECK_EQ(map[8], xg_pattern(1, 64));
	/* From a device to it. */
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_PLAIN_MOVS,
			 XGT_WINDOW + 5 * PAGE - 8, XGT_WINDOW + LENGTH / 2,
			 16ULL).status, XG_FAULT);
	CHECK_EQ(map[5 * PAGE / 8 - 1], ~0ULL);
	CHECK_EQ(EMULATE(READ, XGT_WINDOW + 6 * PAGE), xg_pattern(1, 6 * PAGE));
}

/* A function, in part emulated, that lies in two absent pages. */
static void code(void)
{
	static const uint8_t function[] = {
		0x0f, 0x0b, 'x', 'e', 'n',	/* emulate what follows: */
		0xb8, 0x78, 0x56, 0x34, 0x12,	/* mov $0x12345678, %eax */
		0xc3,				/* ret */
	};
	volatile uint8_t *at;
	uint64_t before;

	lend(XEN_GPUMEM_POLICY_MMIO);
	at = (volatile uint8_t *)map + PAGE;
	for (int split = 5; split < 10; split++) {
		for (size_t i = 0; i < sizeof(function); i++)
			at[(int)i - split] = function[i];
		CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
		CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
		before = asked();
		CHECK_EQ(cmd_ok(0, XG_CMD_CALL, XGT_WINDOW + PAGE - split).v[0],
			 0x12345678);
		CHECK(asked() > before);
		/* Present now, and changed. */
		at[9 - split] = 0x13;
		CHECK_EQ(cmd_ok(0, XG_CMD_CALL, XGT_WINDOW + PAGE - split).v[0],
			 0x13345678);
	}
}

static const struct xgt_test tests[] = {
	{ "L8-emulate-locked", "L8", locked, XGT_GUEST, 0 },
	{ "L8-emulate-locked-upgrade", "L8,L3", locked_upgrade, XGT_GUEST, 0 },
	{ "L8-emulate-more-strings", "L8", more_strings, XGT_GUEST, 0 },
	{ "L8-emulate-device-strings", "L8", device_strings, XGT_GUEST, 0 },
	{ "L8-emulate-ports", "L8,L3", ports, XGT_GUEST, 0 },
	{ "L8-emulate-hole-in-the-middle", "L8,L4", hole_in_the_middle,
	  XGT_GUEST, 0 },
	{ "L8-emulate-code", "L8", code, XGT_GUEST, 0 },
	{ "L8-emulate-absent", "L8,L3", absent, XGT_GUEST, 0 },
	{ "L8-emulate-across-pages", "L8", across, XGT_GUEST, 0 },
	{ "L8-emulate-strings", "L8", strings, XGT_GUEST, 0 },
	{ "L8-emulate-device", "L8,L4", device, XGT_GUEST, 0 },
	{ "L8-emulate-inject", "L8,L4", inject, XGT_GUEST, 0 },
	{ "L8-emulate-upgrade", "L8,L3", upgrade, XGT_GUEST, 0 },
	{ "L8-emulate-revoked", "L8,L2,N08", revoked, XGT_GUEST, 0 },
	{ "L8-emulate-vram", "L8,L1", vram, XGT_GUEST | XGT_QXL, 0 },
};

XGT_MAIN(tests)
