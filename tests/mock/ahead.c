// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking ahead on the mock: how far a fault looks if the one before it ended
 * where it begins, and that this costs nothing where something is amiss.
 *
 * The memory begins where a leaf of the process's page tables does, and faults
 * are waited for until they are served to the end, neighbours included.  So it
 * is known to the page how many faults there must be.
 */
#include <sys/stat.h>

#include "mock.h"

#define AROUND	"/sys/module/xen_gpumem/parameters/fault_around"
#define PAGES	2048
#define SIZE	((uint64_t)PAGES * PAGE)
#define LEAF	512
#define SEED	3000

/* Faults of one that reads a leaf from its first page on: 0, 16, 64, 256. */
#define LEAF_FAULTS	4
#define OTHER_LEAF	1	/* of one who comes from the leaf before it */

/* Map a file @skew pages behind the beginning of a leaf. */
static volatile uint64_t *map_leaves(int fd, uint64_t length, uint64_t skew)
{
	const uint64_t leaf = LEAF * PAGE;
	uint64_t at = (uintptr_t)mmap(NULL, length + 2 * leaf, PROT_NONE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *p;

	at = ((at + leaf - 1) & ~(leaf - 1)) + skew * PAGE;
	p = mmap((void *)at, length, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(p == (void *)at);
	return p;
}

static volatile uint64_t *resident(void)
{
	volatile uint64_t *p = map_leaves(memfd_new(SIZE), SIZE, 0);

	stamp(p, SIZE, SEED);
	return p;
}

/* One page is read, and all that comes of it is over.  Return: faults. */
static unsigned int look_for(uint32_t w, unsigned int vcpu, unsigned int page,
			     uint64_t value)
{
	struct xgm_access a = guest_access(vcpu, BASE + page * PAGE, READ, 0);

	CHECK_EQ(a.out_result, XGM_DONE);
	CHECK_EQ(a.value, value);
	if (a.out_faults)
		wait_served(w);
	return a.out_faults;
}

static unsigned int look(uint32_t w, unsigned int vcpu, unsigned int page)
{
	return look_for(w, vcpu, page, SEED + page);
}

static unsigned int look_through(uint32_t w, unsigned int from, unsigned int to)
{
	unsigned int faults = 0;

	for (unsigned int i = from; i < to; i++)
		faults += look(w, 0, i);
	return faults;
}

/* The guest has nothing of it any more. */
static void rebind(uint32_t w, volatile uint64_t *p)
{
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), 0);
}

/* --- how far ------------------------------------------------------------ */

static void in_order(void)
{
	unsigned int faults = 0;
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = resident();
	w = window_of(p, SIZE);
	CHECK_EQ(look_through(w, 0, PAGES),
		 LEAF_FAULTS + (PAGES / LEAF - 1) * OTHER_LEAF);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), PAGES);
	CHECK(mock_stats().out_max_frames <= 512);

	/* Control: the other way round it is the 16 pages around each fault. */
	rebind(w, p);
	for (int i = LEAF - 1; i >= 0; i--)
		faults += look(w, 0, i);
	CHECK_EQ(faults, LEAF / 16);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), LEAF);

	/* So it is where pages are left out in between. */
	rebind(w, p);
	for (faults = 0; faults < PAGES / 32; faults++)
		CHECK_EQ(look(w, 0, 32 * faults), 1);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), PAGES / 2);
	mock_end();
}

/* Where looking around is off, each page has a fault of its own. */
static void turned_off(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = resident();
	w = window_of(p, SIZE);
	set_file(AROUND, "1");
	CHECK_EQ(look_through(w, 0, 64), 64);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), 64);
	/* Control: from now on it is on. */
	set_file(AROUND, "16");
	CHECK_EQ(look_through(w, 64, LEAF), 3);
	mock_end();
}

/* The same number of a page in another window is not what comes next. */
static void other_window(void)
{
	volatile uint64_t *p;
	uint32_t w, other;

	mock_begin(1);
	p = resident();
	w = window_of(p, SIZE);
	OK(gm_window_add(xgt_dom, BASE + SIZE, SIZE, XEN_GPUMEM_POLICY_MMIO,
			 &other));
	OK(gm_bind(xgt_dom, other, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	look(w, 0, 48);
	CHECK_EQ(g_read(BASE + SIZE + 64 * PAGE), SEED + 64);
	EVENTUALLY(gm_pages(xgt_dom, other, 0, 0) == 16);
	/* Control: in that window it would have been. */
	CHECK_EQ(g_read(BASE + SIZE + 80 * PAGE), SEED + 80);
	EVENTUALLY(gm_pages(xgt_dom, other, 0, 0) == 16 + 48);
	mock_end();
}

/* Each vCPU has an order of its own. */
static void each_vcpu(void)
{
	unsigned int faults = 0;
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(2);
	p = resident();
	w = window_of(p, SIZE);
	for (unsigned int i = 0; i < LEAF; i++) {
		faults += look(w, 0, i);
		faults += look(w, 1, LEAF + i);
	}
	CHECK_EQ(faults, 2 * LEAF_FAULTS);
	mock_end();
}

/* --- what is not there -------------------------------------------------- */

#define SPARSE	64

static bool is_there(unsigned int page)
{
	return page != 40 && (page < 20 || page >= 24);
}

static long blocks(int fd)
{
	struct stat st;

	CHECK(!fstat(fd, &st));
	return st.st_blocks;
}

/* What is absent in the process is passed over, not brought in. */
static void absent(void)
{
	volatile uint64_t *p;
	long before;
	uint32_t w;
	int fd;

	mock_begin(1);
	fd = memfd_new(SPARSE * PAGE);
	p = map_leaves(fd, SPARSE * PAGE, 0);
	for (unsigned int i = 0; i < SPARSE; i++)
		if (is_there(i))
			p[i * PAGE / 8] = SEED + i;
	w = window_of(p, SPARSE * PAGE);
	before = blocks(fd);
	CHECK_EQ(look_through(w, 0, 17), 2);
	for (unsigned int i = 0; i < SPARSE; i++)
		CHECK_EQ(g_has(w, i), is_there(i));
	CHECK_EQ(blocks(fd), before);
	/* Control: a page that is touched comes in, and that one alone. */
	CHECK_EQ(look_for(w, 0, 21, 0), 1);
	CHECK(g_has(w, 21) && !g_has(w, 20) && !g_has(w, 22));
	CHECK(blocks(fd) > before);
	mock_end();
}

/* --- what goes meanwhile ------------------------------------------------ */

static int moved_fd;

static void punch_ahead(void *arg)
{
	(void)arg;
	CHECK(!fallocate(moved_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 20 * PAGE, 20 * PAGE));
}

static volatile uint64_t *begin_moved(uint32_t *w)
{
	volatile uint64_t *p;

	mock_begin(1);
	moved_fd = memfd_new(SIZE);
	p = map_leaves(moved_fd, SIZE, 0);
	stamp(p, SIZE, SEED);
	*w = window_of(p, SIZE);
	return p;
}

/* Pages 20 to 39 are not those any more that the look found. */
static void check_moved(uint32_t w)
{
	for (unsigned int i = 20; i < 40; i++)
		CHECK(!g_has(w, i));
	mock_check();
	for (unsigned int i = 16; i < SPARSE; i++)
		look_for(w, 0, i, i >= 20 && i < 40 ? 0 : SEED + i);
}

/* Pages go after they were found, before the first is mapped. */
static void moved_before(void)
{
	struct mock_run run;
	uint32_t w;

	begin_moved(&w);
	look_through(w, 0, 16);
	mock_hold_later(XGM_OP_FRAME, 10);
	run_start(&run, 0, BASE + 16 * PAGE, READ, 0);
	mock_wait_held(XGM_OP_FRAME);
	punch_ahead(NULL);
	mock_release(XGM_OP_FRAME);
	CHECK_EQ(run_join(&run, XGM_DONE), SEED + 16);
	wait_served(w);
	/* Control: the others did come along. */
	CHECK(g_has(w, 17) && g_has(w, 40));
	check_moved(w);
	mock_end();
}

/*
 * Pages go while they are mapped, some calls after the one that is waited for:
 * who takes them waits, and the vCPU does not.
 */
static void moved_between(void)
{
	struct mock_call punch;
	struct mock_run run;
	uint32_t w;

	begin_moved(&w);
	mock_map_stop(8);
	look_through(w, 0, 16);
	mock_hold_later(XGM_OP_MAP, 1);
	run_start(&run, 0, BASE + 16 * PAGE, READ, 0);
	mock_wait_held(XGM_OP_MAP);
	CHECK_EQ(run_join(&run, XGM_DONE), SEED + 16);
	call_start(&punch, punch_ahead, NULL);
	xgt_sleep_ms(100);
	CHECK(!call_done(&punch));
	CHECK(g_has(w, 20));
	mock_release(XGM_OP_MAP);
	call_join(&punch);
	wait_served(w);
	/* Control: there was more to come. */
	CHECK(g_has(w, 40));
	check_moved(w);
	mock_end();
}

/* --- what cannot be mapped ---------------------------------------------- */

static const int errors[] = { EBUSY, ENOMEM, EACCES, ETXTBSY, EAGAIN };

/* A page ahead: it costs one more fault, for the page behind it. */
static void bad_ahead(void)
{
	unsigned int faults;
	uint32_t w;

	begin_moved(&w);
	for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
		mock_bad_page(w, 20, errors[e], 1000000);
		/* At 0, at 16; then the rest of the 16; then again in order. */
		faults = look_through(w, 0, 20);
		CHECK_EQ(faults, 2);
		faults += look_through(w, 21, LEAF);
		CHECK(!g_has(w, 20));
		CHECK_EQ(faults, 2 + 1 + 3);
		OK(gm_window_move(xgt_dom, w, BASE));
	}
	mock_bad_page(w, 20, 0, 0);
	/* Control: without it. */
	CHECK_EQ(look_through(w, 0, LEAF), LEAF_FAULTS);
	mock_end();
}

/* The guest has plugged a page of its own there. */
static void plugged_ahead(void)
{
	unsigned int faults;
	uint32_t w;

	begin_moved(&w);
	mock_plug(BASE + 20 * PAGE, 1);
	faults = look_through(w, 0, 20);
	g_expect(BASE + 20 * PAGE, READ, XGM_OWN);
	faults += look_through(w, 21, LEAF);
	CHECK_EQ(faults, 2 + 1 + 3);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), LEAF - 1);
	mock_plug(0, 0);
	CHECK_EQ(look(w, 0, 20), 1);
	mock_end();
}

/* The page that is waited for: its vCPU is not taken for one that runs. */
static void bad_itself(void)
{
	uint32_t w;

	begin_moved(&w);
	for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
		look_through(w, 0, 16);
		if (errors[e] == EACCES || errors[e] == ETXTBSY) {
			mock_bad_page(w, 16, errors[e], 1);
			g_expect(BASE + 16 * PAGE, READ, XGM_INJECTED);
		} else {
			mock_bad_page(w, 16, errors[e], 6);
		}
		look(w, 0, 16);
		OK(gm_window_move(xgt_dom, w, BASE));
	}
	mock_end();
}

/*
 * The look goes on into what a second page table of the guest's would be for,
 * and the guest has none left.
 */
static void pool_ahead(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin_pool(1, 1);
	p = map_leaves(memfd_new(SIZE), SIZE, LEAF / 2);
	stamp(p, SIZE, SEED);
	w = window_of(p, SIZE);
	CHECK_EQ(look_through(w, 0, LEAF), LEAF_FAULTS);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), LEAF);
	CHECK_EQ(mock_stats().out_pool_used, 1);
	g_expect(BASE + LEAF * PAGE, READ, XGM_INJECTED);
	/* Control: what is let go will do. */
	OK(madvise((void *)p, LEAF * PAGE, MADV_DONTNEED));
	look(w, 0, LEAF);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L3-mock-in-order", "L3", in_order, 0, 0 },
	{ "L3-mock-in-order-off", "L3", turned_off, 0, 0 },
	{ "L3-mock-in-order-window", "L3", other_window, 0, 0 },
	{ "L20-mock-in-order-vcpus", "L20,L3", each_vcpu, 0, 0 },
	{ "L3-mock-ahead-absent", "L3", absent, 0, 0 },
	{ "L2-mock-ahead-moved", "L2,L3", moved_before, 0, 0 },
	{ "L2-mock-ahead-between", "L2,L3,L20", moved_between, 0, 0 },
	{ "S5-mock-ahead-bad", "S5,L3", bad_ahead, 0, 0 },
	{ "S5-mock-ahead-plugged", "S5,L3", plugged_ahead, 0, 0 },
	{ "L4-mock-ahead-bad-itself", "L4,L3", bad_itself, 0, 0 },
	{ "S4-mock-ahead-pool", "S4,L4", pool_ahead, 0, 0 },
};

XGT_MAIN(tests)
