// SPDX-License-Identifier: GPL-2.0-only
/*
 * L15: entries of 2 MiB that come about by themselves, because of what the
 * driver asks Xen for.
 *
 * Video memory gives them on every kind of dom0: a buffer there lies in one
 * piece.  The window is put where a large entry can begin at the same place in
 * the guest and in the machine.
 */
#include "xgt.h"

#define SUPER	512
#define LENGTH	(8 * MIB)
#define NR	(LENGTH / PAGE)

static uint32_t window;
static uint64_t off;	/* of the buffer from a 2 MiB boundary, in pages */

static void expect(uint64_t index, uint32_t order)
{
	struct xen_lend_inspect i = raw_inspect(window, index);

	if (i.mfn == ~0ULL || i.order != order)
		FAIL("index %lu: frame 0x%lx, order %u, not order %u", index,
		     i.mfn, i.order, order);
}

/* All whole blocks of the buffer. */
static void expect_blocks(uint32_t order)
{
	for (uint64_t i = (SUPER - off) % SUPER; i + SUPER <= NR; i += SUPER) {
		expect(i, order);
		expect(i + 77, order);
		expect(i + SUPER - 1, order);
	}
}

/* All of a buffer in video memory, in advance, in large entries. */
static struct qxl_lent lend_vram(void)
{
	struct qxl_lent l;

	qxl_lend(&l, LENGTH);
	window = l.window;
	off = l.off;
	OK(gm_populate(xgt_dom, window, 0, LENGTH, XEN_GPUMEM_POPULATE_WRITE,
		       NULL));
	expect_blocks(9);
	return l;
}

static void touch(uint64_t gpa)
{
	cmd_ok(0, XG_CMD_TOUCH, gpa, LENGTH, 1);
}

static void vram(void)
{
	struct xen_gpumem_window_query before, after;
	struct qxl_lent l = lend_vram();
	uint64_t gpa = l.gpa, block = (SUPER - off) % SUPER;
	volatile uint64_t *map = l.bo.map;
	struct xgt_result r;

	CHECK_EQ(raw_inspect(window, block).attr,
		 XEN_LEND_ATTR_WRITE | XEN_LEND_ATTR_NC);
	/* What is there is not mapped again. */
	OK(gm_query(xgt_dom, window, 0, 0, &before));
	OK(gm_populate(xgt_dom, window, 0, LENGTH, XEN_GPUMEM_POPULATE_WRITE,
		       NULL));
	OK(gm_query(xgt_dom, window, 0, 0, &after));
	CHECK_EQ(after.out_mapped, before.out_mapped);
	fill(map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, gpa, LENGTH, 1);
	cmd_ok(1, XG_CMD_FILL, gpa, LENGTH, 2);
	verify(map, LENGTH, 2);
	/* By faults, from nothing. */
	CHECK_EQ(raw_take(window, 0, NR, 0), NR);
	OK(gm_window_move(xgt_dom, window, XEN_GPUMEM_PARKED));
	OK(gm_window_move(xgt_dom, window, gpa));
	touch(gpa);
	expect_blocks(9);
	/* It moves to RAM and back, under a guest that works. */
	cmd_start(1, XG_CMD_UPDATE, gpa, LENGTH, 3);
	cmd_advance(1, 2);
	qxl_pressure(l.card);
	cmd_advance(1, 2);
	CHECK(!(raw_inspect(window, block).attr & XEN_LEND_ATTR_NC));
	qxl_bring_back(l.card, &l.bo);
	cmd_advance(1, 2);
	r = cmd_stop(1);
	CHECK(raw_inspect(window, block).attr & XEN_LEND_ATTR_NC);
	verify(map, LENGTH, xg_round_seed(3, r.v[0] - 1));
	if (raw_inspect(window, 0).mfn % SUPER == off)
		expect_blocks(9);
	else
		xgt_info("the buffer is elsewhere in video memory now");
	qxl_lent_end(&l);
}

/* A page that Xen took along is there when the guest asks; and all is one. */
static void taken_along(void)
{
	struct qxl_lent l = lend_vram();
	uint64_t gpa = l.gpa, block = (SUPER - off) % SUPER, size;
	volatile uint64_t *map = l.bo.map;

	fill(map, LENGTH, 4);
	/* As if for another page, behind the driver's back. */
	CHECK_EQ(raw_take(window, block + 5, 1, 0), 1);
	expect(block, 0);
	cmd_ok(0, XG_CMD_READ, gpa + (block + 5) * PAGE, 8);
	cmd_ok(0, XG_CMD_CHECK, gpa, LENGTH, 4);
	expect_blocks(9);
	/* For want of a page: all of the block. */
	size = xen_pool_empty(xgt_guest.domid);
	CHECK(!munmap((void *)(map + (block + 100) * PAGE / 8), PAGE));
	CHECK_EQ(raw_inspect(window, block).mfn, ~0ULL);
	CHECK_EQ(raw_inspect(window, block + 100).mfn, ~0ULL);
	CHECK_EQ(raw_inspect(window, block + SUPER - 1).mfn, ~0ULL);
	OK(xen_set_pool_size(xgt_guest.domid, size));
	guest_read_faults(gpa + (block + 100) * PAGE);
	for (unsigned int i = 0; i < SUPER; i += 3)
		if (i != 100 && guest_read(gpa + (block + i) * PAGE) !=
		    map[(block + i) * PAGE / 8])
			FAIL("page %u of the block", i);
	expect(block, 0);
	qxl_lent_end(&l);
}

/* RAM, where dom0 has large pages: LENGTH of it, in them. */
static volatile uint64_t *huge_pages(void)
{
	const uint64_t align = SUPER * PAGE;
	volatile uint64_t *map = map_anon(LENGTH + align);
	uint64_t huge_kib = 0;
	char line[256];
	FILE *f;

	map = (void *)(((uintptr_t)map + align - 1) & ~(align - 1));
	madvise((void *)map, LENGTH, MADV_HUGEPAGE);
	fill(map, LENGTH, 5);
	f = fopen("/proc/self/smaps_rollup", "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "AnonHugePages: %lu", &huge_kib);
	if (f)
		fclose(f);
	if (huge_kib * KIB < LENGTH)
		xgt_skip("%s", "a dom0 of this kind has no large pages");
	return map;
}

static void huge(void)
{
	volatile uint64_t *map = huge_pages();
	uint64_t pages;

	raw_query();
	off = 0;
	window = gm_lend(map, LENGTH, XEN_GPUMEM_BIND_WRITE_FIRST);
	/* One fault, one entry. */
	guest_read(XGT_WINDOW + 9 * PAGE);
	pages = gm_pages(xgt_dom, window, 0, 0);
	if (raw_inspect(window, 9).order != 9)
		FAIL("%lu pages in pieces", pages);
	CHECK_EQ(pages, SUPER);
	CHECK(!(raw_inspect(window, 9).attr & XEN_LEND_ATTR_NC));
	touch(XGT_WINDOW);
	expect_blocks(9);
	fill(map, SUPER * PAGE, 6);
	fill(map + SUPER * PAGE / 8, LENGTH - SUPER * PAGE, 7);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, SUPER * PAGE, 6);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW + SUPER * PAGE,
	       LENGTH - SUPER * PAGE, 7);
	/* A page leaves. */
	CHECK(!madvise((void *)(map + 20 * PAGE / 8), PAGE, MADV_DONTNEED));
	CHECK_EQ(guest_read(XGT_WINDOW + 20 * PAGE), 0);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW + SUPER * PAGE,
	       LENGTH - SUPER * PAGE, 7);
	CHECK_EQ(guest_read(XGT_WINDOW + 21 * PAGE), map[21 * PAGE / 8]);
	guest_write(XGT_WINDOW + 20 * PAGE, 77);
	CHECK_EQ(map[20 * PAGE / 8], 77);
	OK(gm_window_remove(xgt_dom, window));
}

/*
 * One piece of memory, of which the host's page tables let one page be written
 * and the others not: the guest gets no more, though it lies as a large entry
 * would need it.
 */
static void mixed(void)
{
	volatile uint64_t *map = huge_pages();
	pid_t child;

	/* From here on it is in small pages, which are where they were. */
	CHECK(!mprotect((void *)map, PAGE, PROT_READ));
	CHECK(!mprotect((void *)map, PAGE, PROT_READ | PROT_WRITE));
	child = fork();
	if (!child)
		_exit(0);
	CHECK(child > 0 && waitpid(child, NULL, 0) == child);
	/* Only this one has been written since. */
	map[0] = 8;
	raw_query();
	window = gm_lend(map, LENGTH, 0);
	OK(gm_populate(xgt_dom, window, 0, SUPER * PAGE, 0, NULL));
	expect(0, 0);
	expect(31, 0);
	CHECK(raw_inspect(window, 0).attr & XEN_LEND_ATTR_WRITE);
	CHECK(!(raw_inspect(window, 31).attr & XEN_LEND_ATTR_WRITE));
	CHECK_EQ(guest_read(XGT_WINDOW), 8);
	guest_write(XGT_WINDOW + 31 * PAGE, 77);
	CHECK_EQ(map[31 * PAGE / 8], 77);
	CHECK(!(raw_inspect(window, 32).attr & XEN_LEND_ATTR_WRITE));
	OK(gm_window_remove(xgt_dom, window));
}

static const struct xgt_test tests[] = {
	{ "L15-driver-vram", "L15,L16,L3", vram, XGT_GUEST | XGT_QXL, 0 },
	{ "L15-driver-taken-along", "L15", taken_along, XGT_GUEST | XGT_QXL,
	  0 },
	{ "L15-driver-huge", "L15", huge, XGT_GUEST, 0 },
	{ "L15-driver-mixed", "L15,L17", mixed, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
