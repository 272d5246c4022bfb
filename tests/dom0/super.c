// SPDX-License-Identifier: GPL-2.0-only
/*
 * L15, L16: entries of 2 MiB, by hand, on the card's video memory and on RAM of
 * dom0's that lies in one piece.
 *
 * What Xen has made of a MAP or a REVOKE is told by INSPECT, and by the sums of
 * references that it holds; what the guest sees, by its command server, whose
 * mailbox is in video memory as well.
 */
#include "xgt.h"

/* Only now: lend.h would look for Xen's headers beside it. */
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/memory.h>

#define GFN		(XGT_WINDOW >> 12)
#define BOX_GFN		(XG_ARENA_BASE >> 12)
#define SUPER		512
#define NR		(4 * SUPER)
#define SIZE		(SUPER * PAGE)
#define TRIALS		8
#define MARKER		0x6d61726b65726d61ULL

#define RW		XEN_LEND_ATTR_WRITE
#define NC		XEN_LEND_ATTR_NC
#define REPLACE		XEN_LEND_ATTR_REPLACE
#define DOWNGRADE	XEN_LEND_REVOKE_DOWNGRADE

/* Where the first whole block begins in a window at GFN + 3. */
#define UNEVEN		(SUPER - 3)

static uint64_t bar;		/* a frame of video memory, 2 MiB aligned */
static volatile uint64_t *vram;	/* the same here: four times 2 MiB */
static uint32_t id;		/* a window of NR frames at GFN */

/* A lender with a mailbox and a window. */
static void setup(void)
{
	uint64_t start, end;
	int fd = open(qxl_bar(&start, &end), O_RDWR | O_CLOEXEC);
	uint8_t *map;
	uint32_t box;

	raw_attach();
	bar = xgt_raw.bar;
	map = mmap(NULL, NR * PAGE + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		   fd, bar * PAGE - start);
	if (map == MAP_FAILED)
		FAIL("mmap of the BAR: %s", strerror(errno));
	vram = (void *)map;
	map += NR * PAGE;
	fill_word(map, PAGE, 0);
	xgt_box.page = (volatile struct xg_mailbox *)map;
	xgt_box.page->magic = XG_MAGIC;

	OK(raw_create(BOX_GFN, 1, &box));
	OK(raw_map_one(box, 0, bar + NR, 1, RW | NC));
	OK(raw_create(GFN, NR, &id));
	cmd_ok(0, XG_CMD_PING);
	cmd_ok(1, XG_CMD_PING);
}

static void expect(uint64_t index, uint64_t frame, uint32_t order,
		   uint32_t attr)
{
	struct xen_lend_inspect i = raw_inspect(id, index);

	if (i.mfn != frame || i.order != order || i.attr != attr)
		FAIL("index %lu holds 0x%lx, order %u, attributes %u; not 0x%lx, %u, %u",
		     index, i.mfn, i.order, i.attr, frame, order, attr);
}

static void expect_none(uint64_t index)
{
	CHECK_EQ(raw_inspect(id, index).mfn, ~0ULL);
}

/* A whole block: its first, one in the middle, its last. */
static void expect_block(uint64_t index, uint64_t frame, uint32_t order,
			 uint32_t attr)
{
	for (unsigned int i = 0; i < SUPER; i += i ? SUPER / 2 : 7)
		expect(index + i, frame + i, order, attr);
	expect(index + SUPER - 1, frame + SUPER - 1, order, attr);
}

static void guest_checks(unsigned int cpu, uint64_t index, uint64_t nr,
			 uint64_t seed)
{
	cmd_ok(cpu, XG_CMD_CHECK, XGT_WINDOW + index * PAGE, nr * PAGE, seed);
}

/* --- made, and not made -------------------------------------------------------- */

static void vram_block(void)
{
	setup();
	CHECK(xgt_raw.query.features & XEN_LEND_FEAT_SUPERPAGE_2M);
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	expect_block(0, bar, 9, RW | NC);
	expect_none(SUPER);
	fill(vram, SIZE, 1);
	guest_checks(0, 0, SUPER, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, SIZE, 2);
	verify(vram, SIZE, 2);
	/* It is occupied. */
	ERR(raw_map_one(id, 0, bar + SUPER, SUPER, RW | NC), EEXIST);
	ERR(raw_map_one(id, 9, bar + SUPER, 1, RW | NC), EEXIST);
	expect_block(0, bar, 9, RW | NC);
	/* One that begins in the machine where none can, in the guest, ... */
	OK(raw_map_one(id, SUPER, bar + 1, SUPER, RW | NC));
	expect_block(SUPER, bar + 1, 0, RW | NC);
	CHECK_EQ(raw_take(id, SUPER, SUPER, 0), SUPER);
	OK(raw_map_one(id, SUPER + 1, bar, SUPER, RW | NC));
	expect_block(SUPER + 1, bar, 0, RW | NC);
	CHECK_EQ(raw_take(id, SUPER, NR - SUPER, 0), SUPER);
	/* ... is too short, or comes in pieces. */
	OK(raw_map_one(id, SUPER, bar, SUPER - 1, NC));
	OK(raw_map_one(id, 2 * SUPER - 1, bar + SUPER - 1, 1, NC));
	expect_block(SUPER, bar, 0, NC);
	/* All of it at once, in place of those. */
	OK(raw_map_one(id, SUPER, bar, SUPER, NC | REPLACE));
	expect_block(SUPER, bar, 9, NC);
	CHECK_EQ(raw_take(id, 0, NR, 0), 2 * SUPER);
	expect_none(0);
	expect_none(SUPER);
	raw_detach();
}

/* --- split and made again -------------------------------------------------------- */

static void split(void)
{
	setup();
	fill(vram, 2 * SIZE, 3);
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	guest_checks(1, 0, SUPER, 3);
	/* A part is revoked: the others are as they were. */
	CHECK_EQ(raw_take(id, 100, 2, 0), 2);
	expect_none(100);
	expect_none(101);
	expect(99, bar + 99, 0, RW | NC);
	expect(102, bar + 102, 0, RW | NC);
	expect(SUPER - 1, bar + SUPER - 1, 0, RW | NC);
	guest_checks(0, 0, 1, 3);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW + 102 * PAGE, PAGE, 4);
	verify(vram + 102 * PAGE / 8, PAGE, 4);
	fill(vram, 2 * SIZE, 3);
	/* The missing ones are back; still in pieces, then in one again. */
	OK(raw_map_one(id, 100, bar + 100, 2, RW | NC));
	expect_block(0, bar, 0, RW | NC);
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC | REPLACE));
	expect_block(0, bar, 9, RW | NC);
	guest_checks(0, 0, SUPER, 3);
	/* The permission to write, of a part, and of the whole. */
	CHECK_EQ(raw_take(id, 7, 1, DOWNGRADE), 1);
	expect(6, bar + 6, 0, RW | NC);
	expect(7, bar + 7, 0, NC);
	CHECK_EQ(raw_take(id, 7, 1, DOWNGRADE), 0);
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC | REPLACE));
	CHECK_EQ(raw_take(id, 0, SUPER, DOWNGRADE), SUPER);
	expect_block(0, bar, 9, NC);
	guest_checks(1, 0, SUPER, 3);
	/* One frame is replaced by another. */
	fill(vram + SIZE / 8, PAGE, 5);
	OK(raw_map_one(id, 33, bar + SUPER, 1, NC | REPLACE));
	expect(32, bar + 32, 0, NC);
	expect(33, bar + SUPER, 0, NC);
	guest_checks(0, 33, 1, 5);
	/* From the middle of one to the middle of the next. */
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC | REPLACE));
	OK(raw_map_one(id, SUPER, bar + SUPER, SUPER, RW | NC));
	CHECK_EQ(raw_take(id, SUPER / 2, SUPER, 0), SUPER);
	expect(SUPER / 2 - 1, bar + SUPER / 2 - 1, 0, RW | NC);
	expect_none(SUPER / 2);
	expect_none(SUPER);
	expect(SUPER + SUPER / 2, bar + SUPER + SUPER / 2, 0, RW | NC);
	CHECK_EQ(raw_take(id, 0, NR, 0), SUPER);
	raw_detach();
}

/* --- no page to split with ------------------------------------------------------- */

static void pool(void)
{
	uint64_t size;

	setup();
	fill(vram, SIZE, 6);
	/* The tables above are there. */
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	size = xen_pool_empty(xgt_guest.domid);
	/* MAP fails, and changes nothing. */
	ERR(raw_map_one(id, 5, bar + SUPER, 1, RW | NC | REPLACE), ENOMEM);
	expect_block(0, bar, 9, RW | NC);
	guest_checks(0, 0, SUPER, 6);
	/* REVOKE does not: it takes more. */
	CHECK_EQ(raw_take(id, 100, 1, 0), SUPER);
	for (unsigned int i = 0; i < SUPER; i++)
		expect_none(i);
	CHECK_EQ(raw_take(id, 0, NR, 0), 0);
	/* Nor does DOWNGRADE. */
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	expect_block(0, bar, 9, RW | NC);
	CHECK_EQ(raw_take(id, SUPER - 1, 1, DOWNGRADE), SUPER);
	expect_none(0);
	expect_none(SUPER - 1);
	/* What needs no page works. */
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	CHECK_EQ(raw_take(id, 0, SUPER, DOWNGRADE), SUPER);
	expect_block(0, bar, 9, NC);
	CHECK_EQ(raw_take(id, 0, NR, 0), SUPER);
	ERR(raw_map_one(id, 3 * SUPER, bar, 1, RW | NC), ENOMEM);
	OK(xen_set_pool_size(xgt_guest.domid, size));
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	CHECK_EQ(raw_take(id, 0, 1, 0), 1);
	fill(vram + PAGE / 8, SIZE - PAGE, 7);
	guest_checks(1, 1, SUPER - 1, 7);
	raw_detach();
}

/* --- a window that begins and ends within a block -------------------------------- */

/* MAP of a block that stops after @nr frames, for @err. */
static void stops(uint64_t index, uint32_t nr, int err)
{
	uint32_t done;

	xgt_raw.extents[0] = (struct xen_lend_extent){ index, bar, SUPER,
						       RW | NC };
	ERR(raw_map(id, 1, &done), err);
	CHECK_EQ(done, nr);
	expect(index, bar, 0, RW | NC);
	expect(index + nr - 1, bar + nr - 1, 0, RW | NC);
}

static void uneven(void)
{
	uint64_t size;

	setup();
	OK(raw_move(id, GFN + 3));
	fill(vram, SIZE, 8);
	OK(raw_map_one(id, UNEVEN, bar, SUPER, RW | NC));
	expect_block(UNEVEN, bar, 9, RW | NC);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW + SIZE, SIZE, 8);
	/* Xen counts frames in groups of 512, of which it lies in two. */
	CHECK_EQ(raw_take(id, SUPER, SUPER, 0), SUPER - 3);
	expect(UNEVEN, bar, 0, RW | NC);
	expect(SUPER - 1, bar + 2, 0, RW | NC);
	expect_none(SUPER);
	CHECK_EQ(raw_take(id, 0, NR, 0), 3);
	/* What is taken along lies before what was named, and after it. */
	OK(raw_map_one(id, UNEVEN, bar, SUPER, RW | NC));
	size = xen_pool_empty(xgt_guest.domid);
	CHECK_EQ(raw_take(id, SUPER, 1, 0), SUPER);
	expect_none(UNEVEN);
	expect_none(UNEVEN + SUPER - 1);
	CHECK_EQ(raw_take(id, 0, NR, 0), 0);
	OK(xen_set_pool_size(xgt_guest.domid, size));
	/* The window ends, or the guest has something of its own there. */
	stops(UNEVEN + 3 * SUPER, 3, ENXIO);
	CHECK_EQ(xen_populate(xgt_guest.domid, GFN + SUPER + 9), 1);
	stops(UNEVEN, 9, EBUSY);
	expect_none(UNEVEN + 9);
	expect_none(UNEVEN + 10);
	CHECK_EQ(xen_depopulate(xgt_guest.domid, GFN + SUPER + 9), 1);
	OK(raw_map_one(id, UNEVEN, bar, SUPER, RW | NC | REPLACE));
	expect_block(UNEVEN, bar, 9, RW | NC);
	/* Nor does the guest put anything over a part of a large one. */
	CHECK_EQ(xen_populate(xgt_guest.domid, GFN + SUPER + 9), 0);
	CHECK_EQ(xen_depopulate(xgt_guest.domid, GFN + SUPER + 9), 0);
	expect_block(UNEVEN, bar, 9, RW | NC);
	/* Emptied as a whole, whatever is in it. */
	OK(raw_move(id, GFN));
	expect_none(UNEVEN);
	CHECK_EQ(raw_take(id, 0, NR, 0), 0);
	OK(raw_map_one(id, SUPER, bar, SUPER, RW | NC));
	OK(raw_destroy(id));
	raw_detach();
}

/* --- RAM ---------------------------------------------------------------------------- */

static int base_refs, base_types;

static void expect_held(int refs, int types)
{
	int r, t;

	xen_lend_held(&r, &t);
	if (r - base_refs != refs || t - base_types != types)
		FAIL("Xen holds %d references, %d for writing; not %d, %d",
		     r - base_refs, t - base_types, refs, types);
}

/* The next 2 MiB of ours, from @frame on, that can be lent in one piece. */
static uint64_t next_ram(uint64_t frame, uint32_t attr, uint64_t *mfn)
{
	for (; frame < 0xc0000; frame += SUPER) {
		struct xen_lend_inspect i;
		long ret = raw_map_one(id, 0, frame, SUPER, attr);

		i = raw_inspect(id, 0);
		raw_take(id, 0, SUPER, 0);
		if (!ret && i.order == 9) {
			*mfn = i.mfn;
			return frame;
		}
	}
	FAIL("no 2 MiB of RAM in one piece, attributes %u", attr);
}

/* On PV, page tables of ours are somewhere; they must not be lent writable. */
static void page_tables(void)
{
	unsigned int whole = 0, refused = 0;
	const bool pv = xen_dom0_is_pv();

	/* As many as it takes, and no more. */
	for (uint64_t frame = SUPER;
	     frame < 0xc0000 && (pv || whole < 32) && !refused;
	     frame += SUPER) {
		long ret = raw_map_one(id, 0, frame, SUPER, 0);

		if (!ret) {
			whole++;
			ret = raw_map_one(id, 0, frame, SUPER, RW | REPLACE);
			if (ret == -ETXTBSY)
				refused++;
			else if (ret)
				FAIL("frame 0x%lx: %s", frame,
				     xgt_errname(-ret));
		}
		raw_take(id, 0, SUPER, 0);
	}
	xgt_info("%u times 2 MiB are ours, %u of them with page tables", whole,
		 refused);
	CHECK(whole > 0);
	if (pv)
		CHECK(refused > 0);
	else
		CHECK_EQ(refused, 0);
	expect_held(0, 0);
}

static void ram(void)
{
	uint64_t frame, mfn, size;

	setup();
	xen_lend_held(&base_refs, &base_types);
	frame = next_ram(SUPER, RW, &mfn);
	expect_held(0, 0);
	OK(raw_map_one(id, 0, frame, SUPER, RW));
	expect_block(0, mfn, 9, RW);
	expect_held(SUPER, SUPER);
	CHECK_EQ(raw_take(id, 3, 1, 0), 1);
	expect(4, mfn + 4, 0, RW);
	expect_held(SUPER - 1, SUPER - 1);
	CHECK_EQ(raw_take(id, 10, 10, DOWNGRADE), 10);
	expect_held(SUPER - 1, SUPER - 11);
	OK(raw_map_one(id, 0, frame, SUPER, RW | REPLACE));
	expect_block(0, mfn, 9, RW);
	expect_held(SUPER, SUPER);
	OK(raw_map_one(id, 0, frame, SUPER, REPLACE));
	expect_block(0, mfn, 9, 0);
	expect_held(SUPER, 0);
	OK(raw_map_one(id, 0, frame, SUPER, RW | REPLACE));
	CHECK_EQ(raw_take(id, 0, SUPER, DOWNGRADE), SUPER);
	expect_block(0, mfn, 9, 0);
	expect_held(SUPER, 0);
	CHECK_EQ(raw_take(id, 0, SUPER, 0), SUPER);
	expect_held(0, 0);
	/* Whole, for want of a page to split with. */
	OK(raw_map_one(id, 0, frame, SUPER, RW));
	size = xen_pool_empty(xgt_guest.domid);
	CHECK_EQ(raw_take(id, 77, 1, DOWNGRADE), SUPER);
	expect_held(0, 0);
	OK(raw_map_one(id, 0, frame, SUPER, RW));
	CHECK_EQ(raw_take(id, 77, 1, 0), SUPER);
	expect_held(0, 0);
	OK(xen_set_pool_size(xgt_guest.domid, size));
	page_tables();
	OK(raw_map_one(id, 0, frame, SUPER, RW));
	raw_detach();
	expect_held(0, 0);
}

/* --- cache types --------------------------------------------------------------------- */

static void types(void)
{
	uint64_t frame, mfn;
	uint32_t nc, wb;

	setup();
	frame = next_ram(SUPER, RW, &mfn);
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	OK(raw_map_one(id, SUPER, frame, SUPER, RW));
	expect_block(0, bar, 9, RW | NC);
	expect_block(SUPER, mfn, 9, RW);
	nc = raw_inspect(id, 0).type;
	wb = raw_inspect(id, SUPER).type;
	CHECK(nc != wb);
	/* The buffer moves: video memory becomes RAM, and the other way. */
	OK(raw_map_one(id, 0, frame, SUPER, RW | REPLACE));
	OK(raw_map_one(id, SUPER, bar, SUPER, RW | NC | REPLACE));
	expect_block(0, mfn, 9, RW);
	expect_block(SUPER, bar, 9, RW | NC);
	CHECK_EQ(raw_inspect(id, 0).type, wb);
	CHECK_EQ(raw_inspect(id, SUPER).type, nc);
	/* One page of it does: each keeps its own, in both directions. */
	OK(raw_map_one(id, 5, bar, 1, RW | NC | REPLACE));
	OK(raw_map_one(id, SUPER + 5, frame, 1, RW | REPLACE));
	CHECK_EQ(raw_inspect(id, 4).type, wb);
	CHECK_EQ(raw_inspect(id, 5).type, nc);
	CHECK_EQ(raw_inspect(id, SUPER + 4).type, nc);
	CHECK_EQ(raw_inspect(id, SUPER + 5).type, wb);
	expect(5, bar, 0, RW | NC);
	expect(SUPER + 5, mfn, 0, RW);
	/* Alternating, and made one again. */
	for (unsigned int i = 0; i < SUPER; i += 2)
		OK(raw_map_one(id, i, bar + i, 1, NC | REPLACE));
	for (unsigned int i = 0; i < SUPER; i++)
		if (i & 1 && i != 5)
			expect(i, mfn + i, 0, RW);
		else if (i != 5)
			expect(i, bar + i, 0, NC);
	OK(raw_map_one(id, 0, frame, SUPER, RW | REPLACE));
	expect_block(0, mfn, 9, RW);
	/* RAM that is not mapped cacheable by us, and device memory that is. */
	OK(raw_map_one(id, 0, frame, SUPER, RW | NC | REPLACE));
	expect_block(0, mfn, 9, RW | NC);
	ERR(raw_map_one(id, 0, bar, SUPER, RW | REPLACE), EACCES);
	expect_block(0, mfn, 9, RW | NC);
	raw_detach();
}

/* --- out of reach ---------------------------------------------------------------------- */

/*
 * The guest spins on a frame without leaving; it must not see what is written
 * there right after the revocation.  See revoke.c.
 */
static void trial(uint64_t index, uint64_t nr)
{
	volatile uint64_t *word = vram + SIZE / 16;
	struct xgt_result r;

	fill_word(vram, 2 * SIZE, 0);
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	cmd_start(1, XG_CMD_WATCH, XGT_WINDOW + SIZE / 2, MARKER);
	cmd_advance(1, 20000);
	raw_take(id, index, nr, 0);
	*word = MARKER;
	for (double end = xgt_now() + 0.02; xgt_now() < end; )
		__asm__ volatile("pause");
	raw_take(id, 0, SUPER, 0);
	OK(raw_map_one(id, 0, bar + SUPER, SUPER, RW | NC));
	r = cmd_stop(1);
	if (r.v[0])
		FAIL("the guest saw the marker after %lu frames from %lu were revoked",
		     nr, index);
	raw_take(id, 0, SUPER, 0);
}

static void marker(void)
{
	struct xgt_result r;

	setup();
	/* Control: it sees the marker where nothing is revoked. */
	fill_word(vram, SIZE, 0);
	OK(raw_map_one(id, 0, bar, SUPER, RW | NC));
	cmd_start(1, XG_CMD_WATCH, XGT_WINDOW + SIZE / 2, MARKER);
	cmd_advance(1, 20000);
	vram[SIZE / 16] = MARKER;
	cmd_advance(1, 20000);
	r = cmd_stop(1);
	CHECK_EQ(r.v[0], 1);
	raw_take(id, 0, SUPER, 0);
	for (int i = 0; i < TRIALS; i++) {
		trial(0, SUPER);
		trial(SUPER / 2, 1);
	}
	raw_detach();
}

static const struct xgt_test tests[] = {
	{ "L15-super-vram", "L15", vram_block, XGT_BARE, 0 },
	{ "L15-super-split", "L15,L17", split, XGT_BARE, 0 },
	{ "L15-super-pool", "L15,L2", pool, XGT_BARE, 0 },
	{ "L15-super-uneven", "L15,L2", uneven, XGT_BARE, 0 },
	{ "L15-super-ram", "L15,L5", ram, XGT_BARE, 300 },
	{ "L16-super-types", "L16,L15", types, XGT_BARE, 300 },
	{ "L2-super-marker", "L2,L15", marker, XGT_BARE, 0 },
};

XGT_MAIN(tests)
