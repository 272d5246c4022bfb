// SPDX-License-Identifier: GPL-2.0-only
/*
 * Video memory on the mock: a qxl buffer that moves while it is lent.
 *
 * What a page table entry holds can be looked at here without a debug build of
 * Xen: where the frame is, and that device memory is never lent cacheable.
 */
#include "mock.h"

#define SIZE	(1 * MIB)
#define PAGES	(SIZE / PAGE)

static void check_place(uint32_t w, uint64_t index, bool vram, uint64_t start,
			uint64_t end)
{
	uint64_t pfn = g_frame(w, index) & ((1ULL << 40) - 1);
	bool in_bar = pfn >= start / PAGE && pfn < end / PAGE;

	if (in_bar != vram || g_noncacheable(w, index) != vram)
		FAIL("page %lu: frame 0x%lx, noncacheable %d, in VRAM: %d",
		     index, pfn, g_noncacheable(w, index), vram);
}

/* Out of video memory and back, read and written by the guest all the way. */
static void moves(void)
{
	struct xen_gpumem_window_query q;
	uint64_t start = 0, end = 0;
	struct qxl_bo bo;
	int card;
	uint32_t w;

	mock_begin(2);
	card = qxl_open();
	CHECK(qxl_bar(&start, &end));
	qxl_new(card, &bo, SIZE);
	stamp(bo.map, SIZE, 1000);
	w = window_of(bo.map, SIZE);
	for (int round = 0; round < 4; round++) {
		bool vram = round % 2 == 0;

		for (uint64_t i = 0; i < PAGES; i += 5) {
			CHECK_EQ(g_read(BASE + i * PAGE), 1000 + i + round);
			g_write(BASE + i * PAGE, 1001 + i + round);
			check_place(w, i, vram, start, end);
		}
		wait_served(w);
		OK(gm_query(xgt_dom, w, 0, 0, &q));
		CHECK_EQ(q.out_io, vram ? q.out_pages : 0);
		CHECK_EQ(q.out_noncacheable, q.out_io);
		if (vram)
			qxl_pressure(card);
		else
			qxl_bring_back(card, &bo);
		CHECK_EQ(mock_stats().out_present, 0);
	}
	for (uint64_t i = 0; i < PAGES; i += 5)
		CHECK_EQ(bo.map[i * PAGE / 8], 1004 + i);
	qxl_free(card, &bo);
	CHECK_EQ(mock_stats().out_present, 0);
	g_expect(BASE, READ, XGM_INJECTED);
	mock_end();
}

static volatile uint64_t vram_reads;
static int vram_stop;

static void vram_reader(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&vram_stop, __ATOMIC_ACQUIRE)) {
		uint64_t i = vram_reads % PAGES;
		struct xgm_access a = guest_access(1, BASE + i * PAGE, READ, 0);

		if (a.out_result != XGM_DONE || a.value != 7000 + i)
			FAIL("page %lu: result %u, value 0x%llx", i,
			     a.out_result, a.value);
		vram_reads++;
	}
}

/* It moves while a vCPU reads. */
static void moves_under_reader(void)
{
	struct mock_call reader;
	struct qxl_bo bo;
	uint64_t before;
	int card;

	mock_begin(2);
	card = qxl_open();
	qxl_new(card, &bo, SIZE);
	stamp(bo.map, SIZE, 7000);
	window_of(bo.map, SIZE);
	call_start(&reader, vram_reader, NULL);
	for (int i = 0; i < 6; i++) {
		qxl_pressure(card);
		before = vram_reads;
		EVENTUALLY(vram_reads > before + 10);
		qxl_bring_back(card, &bo);
		before = vram_reads;
		EVENTUALLY(vram_reads > before + 10);
		mock_check();
	}
	__atomic_store_n(&vram_stop, 1, __ATOMIC_RELEASE);
	call_join(&reader);
	xgt_info("12 moves, %lu reads", (unsigned long)vram_reads);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L16-mock-vram-moves", "L16,L1,L3", moves, XGT_QXL, 0 },
	{ "L3-mock-vram-reader", "L3,L2", moves_under_reader, XGT_QXL, 0 },
};

XGT_MAIN(tests)
