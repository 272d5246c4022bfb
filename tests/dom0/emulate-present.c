// SPDX-License-Identifier: GPL-2.0-only
/*
 * L8: accesses that Xen emulates, to lent memory that is there, and was there a
 * moment ago.
 *
 * Where it is absent the emulator has it asked for, and the processor executes
 * the instruction after all: by then the prefix that has it emulated lies
 * behind.  The same holds for all but the first element of a repeated one.  So
 * what the emulator does with memory shows only where it finds some, and in one
 * element at a time; and whether it keeps anything that was taken back, only
 * where it has used it before.
 *
 * See emulate.c for what is absent, and emulate-walk.c for page tables.
 */
#include "xgt.h"

#define PAGES	16
#define LENGTH	(PAGES * PAGE)
#define STRING	(2 * PAGE)

#define GOOD	(XG_GOOD_WORD | 0x1234)
#define BAD	0x57a1e57a1e57a1e5ULL

#define EMULATE(kind, ...) \
	result0(cmd_ok(0, XG_CMD_EMULATE, XG_EMULATE_##kind, __VA_ARGS__))

static uint64_t result0(struct xgt_result result)
{
	return result.v[0];
}

/* Where the guest has the memory, and where it is here. */
static const uint64_t gpa = XGT_WINDOW;
static volatile uint64_t *at;
static uint32_t window;

static uint64_t byte_word(uint64_t offset)
{
	return *(volatile uint64_t *)((volatile uint8_t *)at + offset);
}

static void need_prefix(void)
{
	if (cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_NOP, gpa).status != XG_OK)
		xgt_skip("Xen has no hvm_fep");
}

static void bring(void)
{
	OK(gm_populate(xgt_dom, window, 0, LENGTH, XEN_GPUMEM_POPULATE_WRITE,
		       NULL));
}

/* How many times the lender was asked. */
static uint64_t asked(void)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	return q.out_faults;
}

/* --- every kind of access ---------------------------------------------------------- */

/* Single words: inside of a page, at its end, and across. */
static void words(void)
{
	static const uint64_t places[] = { 0, 8, PAGE - 8, PAGE - 3, PAGE - 4 };

	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t o = places[i], before, after;

		fill(at, 2 * PAGE, i);
		before = o ? ((volatile uint8_t *)at)[o - 1] : 0;
		after = ((volatile uint8_t *)at)[o + 8];
		CHECK_EQ(EMULATE(READ, gpa + o), byte_word(o));
		EMULATE(WRITE, gpa + o, 0, 0x0807060504030201);
		CHECK_EQ(byte_word(o), 0x0807060504030201);
		CHECK_EQ(EMULATE(XADD, gpa + o, 0, 0x1010101010101010),
			 0x0807060504030201);
		CHECK_EQ(byte_word(o), 0x1817161514131211);
		CHECK_EQ(EMULATE(XCHG, gpa + o, 0, 5), 0x1817161514131211);
		CHECK_EQ(byte_word(o), 5);
		EMULATE(ADD, gpa + o, 0, 1);
		CHECK_EQ(byte_word(o), 6);
		/* It is so; and it is not so. */
		CHECK_EQ(EMULATE(CMPXCHG, gpa + o, 0, 0x100000006), 6);
		CHECK_EQ(byte_word(o), 0x100000006);
		CHECK_EQ(EMULATE(CMPXCHG, gpa + o, 0, 0x200000006),
			 0x100000006);
		CHECK_EQ(byte_word(o), 0x100000006);
		CHECK_EQ(EMULATE(BTS, gpa + o, 0, 32), 1);
		CHECK_EQ(EMULATE(BTS, gpa + o, 0, 33), 0);
		CHECK_EQ(byte_word(o), 0x300000006);
		/* And nothing beside it. */
		if (o)
			CHECK_EQ(((volatile uint8_t *)at)[o - 1], before);
		CHECK_EQ(((volatile uint8_t *)at)[o + 8], after);
	}
}

/* Those that compare twice as much. */
static void pairs(void)
{
	const uint64_t o = PAGE - 16, w = o / 8;

	at[w] = at[w + 1] = 0;
	CHECK_EQ(EMULATE(CMPXCHG8B, gpa + o, 0, 0x1234567800000009), 0);
	CHECK_EQ(at[w], 0x1234567800000009);
	CHECK_EQ(at[w + 1], 0);
	at[w] = 0;
	CHECK_EQ(EMULATE(CMPXCHG16B, gpa + o, 0, 0x77), 0);
	CHECK_EQ(at[w], 0x77);
	CHECK_EQ(at[w + 1], ~0x77ULL);
	CHECK_EQ(EMULATE(CMPXCHG16B, gpa + o, 0, 0x88), 0x77);
	CHECK_EQ(at[w], 0x77);
	CHECK_EQ(at[w + 1], ~0x77ULL);
}

/* From the middle of a page over the next into the one after it. */
static void strings(void)
{
	const uint64_t from = PAGE / 2, to = 4 * PAGE + PAGE / 2 + 8;
	uint64_t sum = 0;

	fill(at, LENGTH, 7);
	CHECK_EQ(EMULATE(EACH_MOVSQ, gpa + to, gpa + from, STRING / 8), 0);
	for (uint64_t i = 0; i < STRING; i += 8) {
		CHECK_EQ(at[(to + i) / 8], xg_pattern(7, from + i));
		sum ^= xg_pattern(7, from + i);
	}
	CHECK_EQ(at[to / 8 - 1], xg_pattern(7, to - 8));
	CHECK_EQ(at[(to + STRING) / 8], xg_pattern(7, to + STRING));
	CHECK_EQ(EMULATE(EACH_LODSQ, gpa + to, 0, STRING / 8), sum);
	/* Where one element lies across a border. */
	CHECK_EQ(EMULATE(EACH_MOVSQ, gpa + 9 * PAGE - 12, gpa + PAGE - 4, 3),
		 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(byte_word(9 * PAGE - 12 + i * 8),
			 byte_word(PAGE - 4 + i * 8));
	CHECK_EQ(EMULATE(EACH_STOSB, gpa + 11 * PAGE - 16, 0, 32), 0);
	for (int i = -2; i < 2; i++)
		CHECK_EQ(at[11 * PAGE / 8 + i], 0x5a5a5a5a5a5a5a5a);
	CHECK_EQ(at[11 * PAGE / 8 - 3], xg_pattern(7, 11 * PAGE - 24));
	CHECK_EQ(at[11 * PAGE / 8 + 2], xg_pattern(7, 11 * PAGE + 16));
	/* The repeated ones begin with one element. */
	CHECK_EQ(EMULATE(MOVS, gpa + 12 * PAGE - 8, gpa + 3 * PAGE - 8, 16), 0);
	CHECK_EQ(at[12 * PAGE / 8 - 1], at[3 * PAGE / 8 - 1]);
	CHECK_EQ(at[12 * PAGE / 8], at[3 * PAGE / 8]);
}

static void ram(void)
{
	uint64_t before;

	need_prefix();
	at = map_shared(memfd_new(LENGTH), LENGTH);
	window = gm_lend(at, LENGTH, 0);
	bring();
	before = asked();
	words();
	pairs();
	strings();
	/* Control: there was nothing to ask for. */
	CHECK_EQ(asked(), before);
	cmd_ok(1, XG_CMD_FILL, gpa, LENGTH, 9);
	CHECK_EQ(EMULATE(READ, gpa + LENGTH - 8), xg_pattern(9, LENGTH - 8));
}

/* Device memory, which Xen must not have cached. */
static void vram(void)
{
	struct qxl_bo bo;
	uint64_t before;
	int card;

	need_prefix();
	card = qxl_open();
	qxl_new(card, &bo, LENGTH);
	at = bo.map;
	window = gm_lend(at, LENGTH, 0);
	bring();
	before = asked();
	words();
	pairs();
	strings();
	CHECK_EQ(asked(), before);
	OK(gm_window_remove(xgt_dom, window));
	qxl_free(card, &bo);
}

/* --- and what was taken back --------------------------------------------------------- */

/* Memory in two copies: one is lent, the other one is away. */
static struct {
	int fd[2];
	volatile uint64_t *side[2];
	int lent;
} pair;

static void place(void)
{
	if (mmap((void *)at, LENGTH, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, pair.fd[pair.lent], 0) == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
}

static void pair_new(void)
{
	at = map_anon(LENGTH);
	for (int i = 0; i < 2; i++) {
		pair.fd[i] = memfd_new(LENGTH);
		pair.side[i] = map_shared(pair.fd[i], LENGTH);
	}
	fill_word(pair.side[0], LENGTH, GOOD);
	fill_word(pair.side[1], LENGTH, BAD);
	place();
}

/* The other copy takes the place of this one, which is poisoned at once. */
static void swap(void)
{
	int old = pair.lent;

	verify_word(pair.side[!old], LENGTH, BAD);
	fill_word(pair.side[!old], LENGTH, GOOD);
	pair.lent = !old;
	place();
	fill_word(pair.side[old], LENGTH, BAD);
}

/* Used by the emulator, taken away, and used by it again at once. */
static void taken_back(void)
{
	uint64_t before;

	need_prefix();
	pair_new();
	OK(gm_window_add(xgt_dom, gpa, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, at, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	for (uint64_t i = 1; i < 12; i++) {
		volatile uint64_t *old = pair.side[pair.lent];

		bring();
		before = asked();
		EMULATE(WRITE, gpa, 0, GOOD + i);
		CHECK_EQ(EMULATE(READ, gpa), GOOD + i);
		CHECK_EQ(EMULATE(XADD, gpa + 8, 0, i), GOOD);
		CHECK_EQ(old[1], GOOD + i);
		/* Control: that was what the emulator did. */
		CHECK_EQ(asked(), before);
		swap();
		CHECK_EQ(EMULATE(READ, gpa), GOOD);
		EMULATE(WRITE, gpa + 8, 0, GOOD + i);
		EMULATE(ADD, gpa, 0, i);
		CHECK_EQ(EMULATE(EACH_MOVSQ, gpa + 16, gpa, 1), 0);
		CHECK_EQ(pair.side[pair.lent][0], GOOD + i);
		CHECK_EQ(pair.side[pair.lent][1], GOOD + i);
		CHECK_EQ(pair.side[pair.lent][2], GOOD + i);
		verify_word(old, LENGTH, BAD);
		/* Nothing is there at all; and then something is again. */
		OK(gm_unbind(xgt_dom, window, 0, LENGTH));
		CHECK_EQ(EMULATE(READ, gpa), ~0ULL);
		EMULATE(WRITE, gpa, 0, 1);
		CHECK_EQ(pair.side[pair.lent][0], GOOD + i);
		fill_word(pair.side[pair.lent], LENGTH, GOOD);
		OK(gm_bind(xgt_dom, window, 0, LENGTH, at, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	}
}

/* The permission to write is taken alone: reading goes on, writing does not. */
static void write_protected(void)
{
	uint64_t before;

	need_prefix();
	pair_new();
	window = gm_lend(at, LENGTH, 0);
	bring();
	EMULATE(WRITE, gpa, 0, GOOD + 1);
	CHECK(!mprotect((void *)at, LENGTH, PROT_READ));
	OK(gm_populate(xgt_dom, window, 0, LENGTH, 0, NULL));
	before = asked();
	CHECK_EQ(EMULATE(READ, gpa), GOOD + 1);
	CHECK_EQ(EMULATE(EACH_LODSQ, gpa + PAGE, 0, 1), GOOD);
	CHECK_EQ(asked(), before);
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_WRITE, gpa, 0, 5).status,
		 XG_FAULT);
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_XADD, gpa, 0, 5).status,
		 XG_FAULT);
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_EACH_MOVSQ, gpa,
			 gpa + PAGE, 1).status, XG_FAULT);
	CHECK_EQ(pair.side[pair.lent][0], GOOD + 1);
	/* Control: it comes back. */
	CHECK(!mprotect((void *)at, LENGTH, PROT_READ | PROT_WRITE));
	EMULATE(WRITE, gpa, 0, GOOD + 2);
	CHECK_EQ(pair.side[pair.lent][0], GOOD + 2);
}

/*
 * At the same time: both vCPUs have nothing but emulated accesses made, and the
 * host takes the memory away.  One word without its mark in the guest, or one
 * that changes in what was taken back, is one access too late.
 */
static void hammered(void)
{
	struct xgt_result r;

	need_prefix();
	pair_new();
	window = gm_lend(at, LENGTH, 0);
	/* Control: the guest sees what has no mark. */
	at[0] = BAD;
	cmd_start(0, XG_CMD_EMULATE_LOOP, gpa, LENGTH, 1);
	r = cmd_wait(0);
	CHECK_EQ(r.status, XG_MISMATCH);
	CHECK_EQ(r.v[3], BAD);
	fill_word(pair.side[pair.lent], LENGTH, GOOD);
	for (unsigned int cpu = 0; cpu < 2; cpu++)
		cmd_start(cpu, XG_CMD_EMULATE_LOOP, gpa, LENGTH, cpu + 1);
	for (unsigned int round = 0; round < 80; round++) {
		swap();
		if (round % 4 == 0)
			cmd_advance(round / 4 & 1, 1);
		/* It stays what it is for as long as it is away. */
		verify_word(pair.side[!pair.lent], LENGTH, BAD);
	}
	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		r = cmd_stop_any(cpu);
		if (r.status == XG_MISMATCH)
			FAIL("vCPU %u saw 0x%lx at 0x%lx after %lu rounds",
			     cpu, r.v[3], r.v[2], r.v[0]);
		CHECK_EQ(r.status, XG_OK);
		CHECK(r.v[0] > 0);
		xgt_info("vCPU %u: %lu rounds of emulated accesses, %lu exceptions",
			 cpu, r.v[0], r.v[1]);
	}
	verify_word(pair.side[!pair.lent], LENGTH, BAD);
}

static const struct xgt_test tests[] = {
	{ "L8-emulate-present", "L8", ram, XGT_GUEST, 0 },
	{ "L8-emulate-present-vram", "L8,L1,L16", vram, XGT_GUEST | XGT_QXL,
	  0 },
	{ "L8-emulate-taken-back", "L8,L2,N08", taken_back, XGT_GUEST, 0 },
	{ "L8-emulate-write-protected", "L8,L17", write_protected, XGT_GUEST,
	  0 },
	{ "L8-emulate-hammered", "L8,L2,N08", hammered, XGT_GUEST, 300 },
};

XGT_MAIN(tests)
