// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures on the mock: each operation, at each call of it, with each error.
 *
 * One script uses everything that the driver offers.  It is run again and
 * again with the n-th call of one operation failing, until n is larger than
 * the number of calls.  However it fails: contents are right or absent, a call
 * that failed has changed nothing, a vCPU is never left waiting, and nothing
 * is left behind.
 */
#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

/* --- the walk ----------------------------------------------------------- */

struct script {
	enum xgm_op op;
	int err;
	volatile uint64_t *a, *b;
	uint32_t window;
	unsigned int failed;		/* calls of the driver that did */
};

/* Note a call's result, which may be the one injected and no surprise. */
static bool went_well(struct script *s, long ret, const char *what)
{
	if (!ret)
		return true;
	s->failed++;
	/* After the domain is gone everything says so. */
	if (ret == -s->err || ret == -ESRCH)
		return false;
	/* What the interface calls by another name. */
	if ((s->err == ENOMEM && ret == -ENOSPC) ||
	    (s->err == EEXIST && ret == -EBUSY) ||
	    (s->err == EAGAIN && ret == -EEXIST) ||
	    ret == -ENODATA || ret == -ENOENT)
		return false;
	FAIL("%s: %s with %s injected", what, xgt_errname(-ret),
	     xgt_errname(s->err));
}

/*
 * A guest that reads gets what the process has, or knows that it did not; or
 * zeroes, where those were chosen for memory that cannot be lent.
 */
static void look(struct script *s, volatile uint64_t *p, uint32_t policy)
{
	for (int i = 0; i < PAGES; i += 3) {
		struct xgm_access a = guest_access(0, BASE + i * PAGE,
						   i ? READ : WRITE,
						   p[i * PAGE / 8]);

		if (a.out_result == XGM_DONE && a.value != p[i * PAGE / 8] &&
		    (a.value || policy != XEN_GPUMEM_POLICY_ZERO))
			FAIL("page %d reads 0x%llx", i, a.value);
		if (a.out_result == XGM_HUNG)
			FAIL("a vCPU was left waiting for page %d", i);
		if (a.out_result == XGM_INJECTED && s->err == EAGAIN)
			FAIL("page %d: a retry became a fault", i);
	}
}

static void play_window(struct script *s)
{
	struct xen_gpumem_window_query q;
	struct xgm_access a;

	if (went_well(s, gm_bind(xgt_dom, s->window, 0, SIZE, s->a, 0,
				 XEN_GPUMEM_POLICY_INJECT), "bind"))
		look(s, s->a, XEN_GPUMEM_POLICY_INJECT);
	went_well(s, gm_populate(xgt_dom, s->window, 0, SIZE,
				 XEN_GPUMEM_POPULATE_WRITE, NULL), "populate");
	OK(madvise((void *)s->a, PAGE, MADV_DONTNEED));
	look(s, s->a, XEN_GPUMEM_POLICY_INJECT);
	went_well(s, gm_query(xgt_dom, s->window, 0, 0, &q), "query");
	if (went_well(s, gm_bind(xgt_dom, s->window, 0, SIZE, s->b,
				 XEN_GPUMEM_BIND_REPLACE,
				 XEN_GPUMEM_POLICY_ZERO), "rebind"))
		look(s, s->b, XEN_GPUMEM_POLICY_ZERO);
	if (went_well(s, gm_window_move(xgt_dom, s->window, BASE + MIB),
		      "move"))
		went_well(s, gm_window_move(xgt_dom, s->window, BASE),
			  "move back");
	went_well(s, gm_unbind(xgt_dom, s->window, 0, SIZE), "unbind");
	/*
	 * Nothing is there now: the answer is the driver's own.  Where a move
	 * has failed, the window is not there either.
	 */
	a = guest_access(0, BASE, READ, 0);
	if (a.out_result != XGM_INJECTED && a.out_result != XGM_DEAD &&
	    (a.out_result != XGM_NOWINDOW || !s->failed))
		FAIL("result %u where nothing is bound", a.out_result);
}

/* Return: whether the injection came to pass. */
static bool play(struct script *s, unsigned int skip)
{
	mock_inject(s->op, s->err, skip, 1);
	s->failed = 0;
	stamp(s->a, SIZE, 0x100);
	xgt_dom = mock_open(0);
	if (xgt_dom < 0) {
		went_well(s, xgt_dom, "open");
		return mock_hits(s->op);
	}
	if (went_well(s, gm_window_add(xgt_dom, BASE, SIZE,
				       XEN_GPUMEM_POLICY_INJECT, &s->window),
		      "add")) {
		play_window(s);
		/* Removing never fails; also where the domain has gone. */
		OK(gm_window_remove(xgt_dom, s->window));
	}
	close(xgt_dom);
	xgt_dom = -1;
	return mock_hits(s->op);
}

static unsigned int walk(enum xgm_op op, int err)
{
	struct script s = { .op = op, .err = err };
	unsigned int skip = 0;
	bool hit;

	s.a = map_anon(SIZE);
	s.b = map_shared(memfd_new(SIZE), SIZE);
	stamp(s.b, SIZE, 0x200);
	do {
		mock_create(2, 0);
		hit = play(&s, skip++);
		mock_inject(op, 0, 0, 0);
		if (hit && err == ESRCH && op != XGM_OP_QUERY &&
		    op != XGM_OP_ATTACH && op != XGM_OP_FRAME)
			continue;	/* the domain went with it */
		mock_end();
	} while (hit && skip < 1000);
	if (!hit && s.failed)
		FAIL("%u calls failed with nothing injected", s.failed);
	munmap((void *)s.a, SIZE);
	munmap((void *)s.b, SIZE);
	return skip - 1;
}

static void walk_all(const enum xgm_op *ops, size_t nr, int err)
{
	unsigned int points = 0;

	mock_ctl = open("/dev/xen/gpumem-mock", O_RDWR | O_CLOEXEC);
	if (mock_ctl < 0)
		xgt_skip("no mock hypervisor: %s", strerror(errno));
	for (size_t i = 0; i < nr; i++) {
		unsigned int n = walk(ops[i], err);

		if (!n)
			FAIL("operation %u was never called", ops[i]);
		points += n;
	}
	xgt_info("%s injected at %u points", xgt_errname(err), points);
}

static const enum xgm_op fallible[] = {
	XGM_OP_QUERY, XGM_OP_ATTACH, XGM_OP_CREATE, XGM_OP_MOVE, XGM_OP_MAP,
	XGM_OP_FRAME,
};

static const enum xgm_op all_ops[] = {
	XGM_OP_QUERY, XGM_OP_ATTACH, XGM_OP_CREATE, XGM_OP_MOVE,
	XGM_OP_DESTROY, XGM_OP_MAP, XGM_OP_REVOKE, XGM_OP_POLL, XGM_OP_RESOLVE,
};

static void walk_enomem(void)
{
	walk_all(fallible, ARRAY_SIZE(fallible), ENOMEM);
}

static void walk_ebusy(void)
{
	walk_all(fallible, ARRAY_SIZE(fallible) - 1, EBUSY);
}

static void walk_eagain(void)
{
	static const enum xgm_op ops[] = {
		XGM_OP_MAP, XGM_OP_MOVE, XGM_OP_POLL,
	};

	walk_all(ops, ARRAY_SIZE(ops), EAGAIN);
}

static void walk_eacces(void)
{
	static const enum xgm_op ops[] = { XGM_OP_MAP, XGM_OP_FRAME };

	walk_all(ops, ARRAY_SIZE(ops), EACCES);
}

/* The domain is gone at any moment there is. */
static void walk_esrch(void)
{
	walk_all(all_ops, ARRAY_SIZE(all_ops), ESRCH);
}

/* --- transient errors --------------------------------------------------- */

/* A vCPU, and a window of pages whose first words count from 40. */
static volatile uint64_t *begin_stamped(uint32_t *w)
{
	volatile uint64_t *p;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	*w = window_of(p, SIZE);
	return p;
}

/* What passes is waited for, and what stays gets the policy, within a bound. */
static void transient(void)
{
	static const int errors[] = { ENOMEM, EBUSY };
	uint32_t w;

	begin_stamped(&w);
	for (size_t e = 0; e < ARRAY_SIZE(errors); e++) {
		mock_bad_page(w, 1, errors[e], 6);
		CHECK_EQ(g_read(BASE + PAGE), 41);
		OK(gm_window_move(xgt_dom, w, BASE));
		mock_bad_page(w, 1, errors[e], 1000000);
		g_expect(BASE + PAGE, READ, XGM_INJECTED);
		/* And it is not held against the page later. */
		mock_bad_page(w, 1, 0, 0);
		CHECK_EQ(g_read(BASE + PAGE), 41);
		OK(gm_window_move(xgt_dom, w, BASE));
	}
	mock_end();
}

/* Being told to try again is never a failure, however often. */
static void eagain_for_long(void)
{
	struct mock_run run;
	uint32_t w;

	begin_stamped(&w);
	mock_bad_page(w, 0, EAGAIN, 1000000);
	run_start(&run, 0, BASE, READ, 0);
	xgt_sleep_ms(2000);
	CHECK(!run_done(&run));
	/* Nor does it spin: there is a pause between the tries. */
	xgt_info("2 s of EAGAIN: %lu calls of map", mock_calls(XGM_OP_MAP));
	CHECK(mock_calls(XGM_OP_MAP) < 100000);
	/* However slow: more tries than two jobs would give a lasting error. */
	EVENTUALLY(run_done(&run) || mock_calls(XGM_OP_MAP) > 300);
	CHECK(!run_done(&run));
	mock_bad_page(w, 0, 0, 0);
	CHECK_EQ(run_join(&run, XGM_DONE), 40);
	mock_end();
}

/* Nor does it count for what comes after it. */
static void eagain_then_enomem(void)
{
	uint32_t w;

	begin_stamped(&w);
	mock_inject(XGM_OP_MAP, EAGAIN, 0, 700);
	mock_bad_page(w, 0, ENOMEM, 1);
	CHECK_EQ(g_read(BASE), 40);
	CHECK_EQ(mock_hits(XGM_OP_MAP), 700);
	mock_end();
}

/* What was in the way, and was not the next time, is not added up. */
static void enomem_with_breaks(void)
{
	uint32_t w;

	begin_stamped(&w);
	/* 30 times, then there is nothing in the way but haste, then 30 more. */
	mock_inject(XGM_OP_MAP, EAGAIN, 30, 20);
	mock_bad_page(w, 0, ENOMEM, 60);
	CHECK_EQ(g_read(BASE), 40);
	CHECK_EQ(mock_hits(XGM_OP_MAP), 20);
	/* Control: without the break that would have been too often. */
	OK(gm_window_move(xgt_dom, w, BASE));
	mock_bad_page(w, 0, ENOMEM, 1000);
	g_expect(BASE, READ, XGM_INJECTED);
	CHECK(mock_calls(XGM_OP_MAP) < 20 + 60 + 2 * 40);
	mock_end();
}

/* The guest has used up its page tables: it harms itself alone. */
static void pool_exhausted(void)
{
	const uint64_t length = 4 * 512 * PAGE;
	volatile uint64_t *p;
	uint64_t done;
	uint32_t w;

	mock_begin_pool(1, 2);
	p = map_anon(length);
	stamp(p, length, 40);
	w = window_of(p, length);
	ERR(gm_populate(xgt_dom, w, 0, length, 0, &done), ENOSPC);
	CHECK_EQ(done, 2 * 512 * PAGE);
	g_expect(BASE + 3 * 512 * PAGE, READ, XGM_INJECTED);
	CHECK_EQ(g_read(BASE + 512 * PAGE), 40 + 512);
	/* What it lets go can be used elsewhere. */
	OK(madvise((void *)p, 512 * PAGE, MADV_DONTNEED));
	CHECK_EQ(g_read(BASE + 3 * 512 * PAGE), 40 + 3 * 512);
	g_expect(BASE, READ, XGM_INJECTED);
	mock_end();
}

/* --- refusals ------------------------------------------------------------- */

static struct xen_gpumem_window_query counts(uint32_t window)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	return q;
}

/* What speaks against the place changes nothing; else pages may be gone. */
static const int move_refusals[] = { EEXIST, EADDRNOTAVAIL, ERANGE };
static const struct {
	int inject, says;
} move_failures[] = { { EAGAIN, EEXIST }, { EPERM, EPERM } };

/* A move that is refused changes nothing: the guest has what it had. */
static void move_refused(void)
{
	const uint64_t taken = BASE + MIB, there = BASE + 2 * MIB;
	struct xen_gpumem_window_query before, after;
	uint32_t w, other;

	begin_stamped(&w);
	OK(gm_window_add(xgt_dom, taken, SIZE, XEN_GPUMEM_POLICY_MMIO,
			 &other));
	OK(gm_populate(xgt_dom, w, 0, SIZE, XEN_GPUMEM_POPULATE_WRITE, NULL));
	before = counts(w);
	CHECK_EQ(before.out_pages, PAGES);
	ERR(gm_window_move(xgt_dom, w, taken), EEXIST);
	ERR(gm_window_move(xgt_dom, w, taken + SIZE - PAGE), EEXIST);
	ERR(gm_window_move(xgt_dom, w, 0), EADDRNOTAVAIL);
	ERR(gm_window_move(xgt_dom, w, 1ULL << 40), ERANGE);
	for (unsigned int i = 0; i < ARRAY_SIZE(move_refusals); i++) {
		mock_inject(XGM_OP_MOVE, move_refusals[i], 0, 1);
		ERR(gm_window_move(xgt_dom, w, there), move_refusals[i]);
	}
	after = counts(w);
	CHECK(!memcmp(&before, &after, sizeof(before)));
	for (int i = 0; i < PAGES; i++) {
		CHECK(g_has(w, i));
		CHECK_EQ(guest_access(0, BASE + i * PAGE, READ, 0).out_faults,
			 0);
	}
	/* It fails while it is on its way: that costs a fault. */
	for (unsigned int i = 0; i < ARRAY_SIZE(move_failures); i++) {
		mock_inject(XGM_OP_MOVE, move_failures[i].inject, 0, 1);
		ERR(gm_window_move(xgt_dom, w, there), move_failures[i].says);
		CHECK_EQ(counts(w).out_pages, 0);
		CHECK_EQ(g_read(BASE), 40);
		wait_served(w);
		CHECK(counts(w).out_pages > 0);
	}
	/* Control: where nothing is in the way it moves, and is empty. */
	OK(gm_window_move(xgt_dom, w, there));
	CHECK_EQ(counts(w).out_pages, 0);
	CHECK_EQ(g_read(there + PAGE), 41);
	g_expect(BASE, READ, XGM_NOWINDOW);
	mock_end();
}

/* --- generations -------------------------------------------------------- */

static void domid_reused(void)
{
	volatile uint64_t *p;
	uint64_t generation;
	int old, other;
	uint32_t w, w2;

	p = begin_stamped(&w);
	CHECK_EQ(g_read(BASE), 40);
	old = xgt_dom;
	mock_kill(true);
	generation = mock_create(1, 0);
	/* The old fd reaches nobody. */
	ERR(gm_window_add(old, BASE, SIZE, XEN_GPUMEM_POLICY_MMIO, &w2),
	    ESRCH);
	ERR(gm_window_move(old, w, BASE + MIB), ESRCH);
	ERR(gm_bind(old, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		    XEN_GPUMEM_POLICY_INJECT), ESRCH);
	ERR(gm_populate(old, w, 0, SIZE, 0, NULL), ESRCH);
	g_expect(BASE, READ, XGM_NOWINDOW);
	CHECK_EQ(mock_stats().out_attached, 0);
	/* A wrong guess opens nothing; the new one is opened beside the old. */
	ERR(mock_open(generation - 1), ESRCH);
	other = mock_open(generation);
	CHECK(other >= 0);
	xgt_dom = other;
	w2 = window_of(p, SIZE);
	CHECK_EQ(g_read(BASE + PAGE), 41);
	/* Whatever is done with the old one leaves the new one alone. */
	OK(gm_unbind(old, w, 0, SIZE));
	OK(gm_window_remove(old, w));
	close(old);
	CHECK_EQ(mock_stats().out_windows, 1);
	CHECK(g_has(w2, 1));
	CHECK_EQ(g_read(BASE + PAGE), 41);
	mock_end();
}

/* --- limits ------------------------------------------------------------- */

static void limits(void)
{
	struct xen_gpumem_open_domain few = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 2,
		.max_bindings = 3, .max_bytes = 5 * PAGE,
	};
	volatile uint64_t *p;
	uint32_t w[40];
	int i;

	mock_begin(1);
	for (i = 0; i < 32; i++)
		OK(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, PAGE,
				 XEN_GPUMEM_POLICY_MMIO, &w[i]));
	ERR(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, PAGE,
			  XEN_GPUMEM_POLICY_MMIO, &w[i]), ENOSPC);
	while (i)
		OK(gm_window_remove(xgt_dom, w[--i]));
	/* 256 GiB is what all windows can have together here. */
	OK(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, 256 * GIB,
			 XEN_GPUMEM_POLICY_MMIO, &w[0]));
	ERR(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, PAGE,
			  XEN_GPUMEM_POLICY_MMIO, &w[1]), ENOSPC);
	OK(gm_window_remove(xgt_dom, w[0]));
	close(xgt_dom);

	xgt_dom = gm_open_domain(MOCK_DOMID, &few);
	p = map_anon(SIZE);
	OK(gm_window_add(xgt_dom, BASE, 2 * SIZE, XEN_GPUMEM_POLICY_MMIO,
			 &w[0]));
	OK(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, PAGE,
			 XEN_GPUMEM_POLICY_MMIO, &w[1]));
	ERR(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, PAGE,
			  XEN_GPUMEM_POLICY_MMIO, &w[2]), ENOSPC);
	ERR(gm_bind(xgt_dom, w[0], 0, 6 * PAGE, p, 0, 0), ENOSPC);
	OK(gm_bind(xgt_dom, w[0], 0, 5 * PAGE, p, 0, 0));
	ERR(gm_bind(xgt_dom, w[0], SIZE, PAGE, p, 0, 0), ENOSPC);
	OK(gm_unbind(xgt_dom, w[0], 0, SIZE));
	for (i = 0; i < 3; i++)
		OK(gm_bind(xgt_dom, w[0], i * PAGE, PAGE, p, 0, 0));
	ERR(gm_bind(xgt_dom, w[0], i * PAGE, PAGE, p, 0, 0), ENOSPC);
	mock_end();
}

#define MANY	32768

/* As many bindings as a backend could want, each of one page. */
static void many_bindings(void)
{
	const uint64_t length = MANY * PAGE;
	volatile uint64_t *p;
	double since = xgt_now();
	uint32_t w;

	mock_begin(1);
	p = map_shared(memfd_new(length), length);
	w = window_new(length, XEN_GPUMEM_POLICY_MMIO);
	/* Back to front, so that neighbours are not each other's. */
	for (uint64_t i = 0; i < MANY; i++)
		OK(gm_bind(xgt_dom, w, i * PAGE, PAGE,
			   (char *)p + (MANY - 1 - i) * PAGE, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	xgt_info("%u bindings in %.2f s", MANY, xgt_now() - since);
	for (uint64_t i = 0; i < MANY; i += 1021) {
		p[(MANY - 1 - i) * PAGE / 8] = i;
		CHECK_EQ(g_read(BASE + i * PAGE), i);
	}
	/* One change of the process's reaches the ones that it is about. */
	OK(madvise((char *)p + (MANY - 1022) * PAGE, 1022 * PAGE,
		   MADV_REMOVE));
	CHECK(!g_has(w, 0) && !g_has(w, 1021) && g_has(w, 2042));
	since = xgt_now();
	OK(gm_unbind(xgt_dom, w, 0, length / 2));
	g_expect(BASE, READ, XGM_MMIO);
	OK(gm_window_remove(xgt_dom, w));
	xgt_info("and away in %.2f s", xgt_now() - since);
	mock_end();
}

/* --- policies ----------------------------------------------------------- */

static void policy_holes(void)
{
	uint32_t w;

	mock_begin(1);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	g_expect(BASE, READ, XGM_MMIO);
	g_expect(BASE, WRITE, XGM_MMIO);
	OK(gm_window_remove(xgt_dom, w));
	w = window_new(SIZE, XEN_GPUMEM_POLICY_INJECT);
	g_expect(BASE, READ, XGM_INJECTED);
	g_expect(BASE, WRITE, XGM_INJECTED);
	OK(gm_window_remove(xgt_dom, w));
	w = window_new(512 * PAGE, XEN_GPUMEM_POLICY_ZERO);
	/* More than are lent at a time. */
	for (int i = 0; i < 512; i++)
		CHECK_EQ(g_read(BASE + i * PAGE + i % 512 * 8), 0);
	CHECK(mock_stats().out_present <= 64);
	g_expect(BASE, WRITE, XGM_INJECTED);
	CHECK_EQ(g_read(BASE), 0);
	EVENTUALLY(mock_stats().out_present == 0);
	OK(gm_window_remove(xgt_dom, w));
	mock_end();
}

/* The zero page yields at once to a binding, and soon to a mapping. */
static void policy_zero_yields(void)
{
	volatile uint64_t *p;
	uint32_t w;
	void *at;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_ZERO);
	/* Several times: zeroes that stay are gone by themselves soon after. */
	for (int turn = 0; turn < 4; turn++) {
		if (turn)
			OK(gm_unbind(xgt_dom, w, 0, SIZE));
		for (int i = 0; i < PAGES; i++)
			CHECK_EQ(g_read(BASE + i * PAGE), 0);
		OK(gm_bind(xgt_dom, w, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_ZERO));
		for (int i = 0; i < PAGES; i++)
			CHECK_EQ(g_read(BASE + i * PAGE), 40 + i);
	}
	at = (void *)p;
	OK(munmap(at, SIZE));
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), 0);
	g_expect(BASE, WRITE, XGM_INJECTED);
	CHECK(mmap(at, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED |
		   MAP_ANONYMOUS, -1, 0) == at);
	stamp(p, SIZE, 90);
	for (int i = 0; i < PAGES; i++)
		EVENTUALLY(g_read(BASE + i * PAGE) == 90ULL + i);
	g_write(BASE, 1);
	CHECK_EQ(p[0], 1);
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	CHECK_EQ(g_read(BASE), 0);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L13-mock-walk-enomem", "L13,L4", walk_enomem, 0, 0 },
	{ "L13-mock-walk-ebusy", "L13,L4", walk_ebusy, 0, 0 },
	{ "L18-mock-walk-eagain", "L18,L13", walk_eagain, 0, 0 },
	{ "L13-mock-walk-eacces", "L13,L1", walk_eacces, 0, 0 },
	{ "S2-mock-walk-esrch", "S2,L13", walk_esrch, 0, 0 },
	{ "L4-mock-transient", "L4", transient, 0, 0 },
	{ "L18-mock-eagain-long", "L18", eagain_for_long, 0, 0 },
	{ "L18-mock-eagain-enomem", "L18,L4", eagain_then_enomem, 0, 0 },
	{ "L18-mock-enomem-breaks", "L18,L4", enomem_with_breaks, 0, 0 },
	{ "S4-mock-pool-exhausted", "S4,L4", pool_exhausted, 0, 0 },
	{ "L11-mock-move-refused", "L11,U6", move_refused, 0, 0 },
	{ "S2-mock-domid-reused", "S2", domid_reused, 0, 0 },
	{ "L19-mock-limits", "L19,S1", limits, 0, 0 },
	{ "L11-mock-many-bindings", "L11,L19", many_bindings, 0, 0 },
	{ "L4-mock-holes", "L4", policy_holes, 0, 0 },
	{ "L4-mock-zero-yields", "L4,L11", policy_zero_yields, 0, 0 },
};

XGT_MAIN(tests)
