// SPDX-License-Identifier: GPL-2.0-only
/*
 * L11: a BAR as backends use it: large, mostly empty, and never still.
 *
 * The guest checks each word that it reads against a rule that the host changes
 * beside the memory (struct xg_rule): before a new value can be seen the
 * ceiling is raised, and once the old one must not be seen any more, the floor.
 * So a hole, a value too old and one too new are all noticed where they happen,
 * however long the guest was held up in between.
 *
 * "xgt-bar full" does everything more often.
 */
#include <pthread.h>
#include <signal.h>

#include "xgt.h"

#define LENGTH		(8 * PAGE)
#define RULES		(XGT_WINDOW + 32 * MIB)
#define ELSEWHERE	(XGT_WINDOW + 16 * MIB)

#define BAR		(8 * GIB)
#define BINDINGS	32768ULL
#define PIECE		(BAR / BINDINGS)
#define SAMPLES		64

static unsigned int times = 1;

/* --- the rule --------------------------------------------------------------------- */

static volatile struct xg_rule *rule_new(void)
{
	volatile struct xg_rule *rule = (void *)map_shared(memfd_new(PAGE),
							   PAGE);
	uint32_t window;

	rule->where = XG_RULE_HERE;
	rule->other = ~0ULL;
	rule->floor = rule->ceiling = 1;
	OK(gm_window_add(xgt_dom, RULES, PAGE, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, PAGE, rule, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	return rule;
}

/* Around a change of what is behind the window. */
static void may_be_new(volatile struct xg_rule *rule, uint64_t value)
{
	__atomic_store_n(&rule->ceiling, value, __ATOMIC_SEQ_CST);
}

static void is_new(volatile struct xg_rule *rule, uint64_t value)
{
	__atomic_store_n(&rule->floor, value, __ATOMIC_SEQ_CST);
}

/* Around a move. */
static void is_where(volatile struct xg_rule *rule, unsigned int where)
{
	__atomic_store_n(&rule->where, (rule->where & ~3ULL) + 4 + where,
			 __ATOMIC_SEQ_CST);
}

static void readers_start(uint64_t gpa)
{
	cmd_start(0, XG_CMD_BETWEEN, gpa, LENGTH, RULES);
	cmd_start(1, XG_CMD_BETWEEN, gpa, LENGTH, RULES);
}

/* Return: how many different values both have seen at least. */
static uint64_t readers_stop(void)
{
	struct xgt_result r[2] = { cmd_stop(0), cmd_stop(1) };

	xgt_info("the guest read %lu words, and changes %lu times",
		 r[0].v[1] + r[0].v[2] + r[1].v[1] + r[1].v[2],
		 r[0].v[3] + r[1].v[3]);
	return r[0].v[3] < r[1].v[3] ? r[0].v[3] : r[1].v[3];
}

/* --- changes under a guest that reads all the time ----------------------------------- */

static void replace(uint32_t window, volatile uint64_t *map)
{
	for (uint64_t at = 0; at < LENGTH / 2; at += PAGE)
		OK(gm_bind(xgt_dom, window, at, PAGE, map + at / 8,
			   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
	OK(gm_bind(xgt_dom, window, LENGTH / 2, LENGTH / 2, map + LENGTH / 16,
		   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
}

/* BIND with REPLACE, over and over: one binding, and several single pages. */
static void replace_hammer(void)
{
	volatile struct xg_rule *rule = rule_new();
	volatile uint64_t *map[2];
	struct xen_gpumem_window_query q;
	uint64_t n = 300 * times, v;
	uint32_t window;

	for (int i = 0; i < 2; i++)
		map[i] = map_shared(memfd_new(LENGTH), LENGTH);
	fill_word(map[0], LENGTH, 1);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	replace(window, map[0]);
	readers_start(XGT_WINDOW);
	for (v = 2; v <= n; v++) {
		/* Nobody is lent this one now. */
		fill_word(map[v & 1], LENGTH, v);
		may_be_new(rule, v);
		replace(window, map[v & 1]);
		is_new(rule, v);
		/* Now with one of them, now with the other. */
		if (v % 15 == 0)
			cmd_advance(v / 15 & 1, 1);
	}
	cmd_advance(0, 2);
	cmd_advance(1, 2);
	CHECK(readers_stop() >= 5);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_failed, 0);
}

/*
 * Over a reservation without access, mmap(MAP_FIXED) changes what the guest
 * sees, and no call of ours is made at all.
 */
static void mmap_fixed(void)
{
	volatile struct xg_rule *rule = rule_new();
	uint64_t n = 1000 * times, v;
	void *bar = mmap(NULL, LENGTH, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct xen_gpumem_window_query q;
	volatile uint64_t *map[2];
	int fd[2];
	uint32_t window;

	CHECK(bar != MAP_FAILED);
	window = gm_lend(bar, LENGTH, 0);
	/* Control: the reservation itself gives nothing. */
	guest_read_faults(XGT_WINDOW);
	for (int i = 0; i < 2; i++) {
		fd[i] = memfd_new(LENGTH);
		map[i] = map_shared(fd[i], LENGTH);
		fill_word(map[i], LENGTH, 1);
	}
	for (v = 1; v <= n; v++) {
		may_be_new(rule, v);
		fill_word(map[v & 1], LENGTH, v);
		CHECK(mmap(bar, LENGTH, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd[v & 1], 0) == bar);
		is_new(rule, v);
		if (v == 1)
			readers_start(XGT_WINDOW);
		if (v % 63 == 0)
			cmd_advance(v / 63 & 1, 1);
	}
	CHECK(readers_stop() >= n / 63 / 2);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	/* No more than the control's: no touch ever found a hole. */
	CHECK_EQ(q.out_failed, 1);
	CHECK(mmap(bar, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		   MAP_FIXED | MAP_NORESERVE, -1, 0) == bar);
	guest_read_faults(XGT_WINDOW);
}

/* To and fro, and parked: here or not here, and nothing in between. */
static void move_hammer(void)
{
	volatile struct xg_rule *rule = rule_new();
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint64_t n = 100 * times;
	uint32_t window;

	fill_word(map, LENGTH, 1);
	window = gm_lend(map, LENGTH, 0);
	readers_start(XGT_WINDOW);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t away = i & 1 ? ELSEWHERE : XEN_GPUMEM_PARKED;

		is_where(rule, XG_RULE_HERE | XG_RULE_OTHER);
		OK(gm_window_move(xgt_dom, window, away));
		is_where(rule, XG_RULE_OTHER);
		cmd_advance(i / 2 & 1, 1);
		is_where(rule, XG_RULE_HERE | XG_RULE_OTHER);
		OK(gm_window_move(xgt_dom, window, XGT_WINDOW));
		is_where(rule, XG_RULE_HERE);
		cmd_advance(i / 2 & 1, 1);
	}
	CHECK(readers_stop() >= n / 4);
}

/* The guest reads, and cannot write, whatever the host does meanwhile. */
static void readonly(void)
{
	volatile struct xg_rule *rule = rule_new();
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window;

	fill_word(map, LENGTH, 1);
	window = gm_lend(map, LENGTH, XEN_GPUMEM_BIND_READONLY |
			 XEN_GPUMEM_BIND_WRITE_FIRST);
	cmd_start(1, XG_CMD_BETWEEN, XGT_WINDOW, LENGTH, RULES);
	for (uint64_t v = 2; v < 30; v++) {
		may_be_new(rule, v);
		fill_word(map, LENGTH, v);
		is_new(rule, v);
		guest_write_faults(XGT_WINDOW + v % 8 * PAGE);
		if (v % 3 == 0)
			CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
		cmd_advance(1, 1);
		verify_word(map, LENGTH, v);
	}
	CHECK(cmd_stop(1).v[3] > 5);
	/* Bound anew, it may; bound back, it may not any more. */
	OK(gm_bind(xgt_dom, window, 0, LENGTH, map, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	guest_write(XGT_WINDOW, 77);
	CHECK_EQ(map[0], 77);
	OK(gm_bind(xgt_dom, window, 0, LENGTH, map, XEN_GPUMEM_BIND_REPLACE |
		   XEN_GPUMEM_BIND_READONLY, XEN_GPUMEM_POLICY_ZERO));
	guest_write_faults(XGT_WINDOW);
	CHECK_EQ(guest_read(XGT_WINDOW), 77);
	CHECK_EQ(map[0], 77);
}

/* --- large and sparse ------------------------------------------------------------------ */

static uint64_t sample_at(unsigned int i)
{
	/* Each in another piece, each at another place in it, ends included. */
	if (i == 0)
		return 0;
	if (i == SAMPLES - 1)
		return BAR - 8;
	return BAR / SAMPLES * i + i * 8 % PIECE;
}

static void samples(volatile uint64_t *host, bool bound)
{
	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t at = sample_at(i), got;

		if (bound)
			host[at / 8] = i + 1000;
		got = cmd_ok(i & 1, XG_CMD_READ, XG_FAR_BASE + at, 8).v[0];
		CHECK_EQ(got, bound ? i + 1000 : ~0ULL);
	}
}

static uint64_t bound_pages(uint32_t window)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	return q.out_bound;
}

/* As much address space as the window has, and next to no memory. */
static volatile uint64_t *huge_map(void)
{
	volatile uint64_t *host = mmap(NULL, BAR, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS |
				       MAP_NORESERVE, -1, 0);

	CHECK(host != MAP_FAILED);
	CHECK(!madvise((void *)host, BAR, MADV_NOHUGEPAGE));
	return host;
}

/* A window of 8 GiB at XG_FAR_BASE, in which nothing is bound. */
static uint32_t huge_window(void)
{
	struct xen_gpumem_info info;
	uint32_t window;

	OK(gm_info(xgt_dom, &info));
	CHECK(info.out_max_bindings >= BINDINGS);
	OK(gm_window_add(xgt_dom, XG_FAR_BASE, BAR, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	return window;
}

/* All of it bound, in as many bindings as there have to be at least. */
static void bind_pieces(uint32_t window, volatile uint64_t *host)
{
	double since = xgt_now();

	for (uint64_t i = 0; i < BINDINGS; i++)
		OK(gm_bind(xgt_dom, window, i * PIECE, PIECE,
			   host + i * PIECE / 8, 0, XEN_GPUMEM_POLICY_INJECT));
	xgt_info("%llu bindings added in %.1f s", BINDINGS, xgt_now() - since);
	CHECK_EQ(bound_pages(window), BAR / PAGE);
}

/* 8 GiB, reserved once; as many bindings as the interface allows at least. */
static void sparse(void)
{
	volatile uint64_t *host = huge_map();
	uint32_t window = huge_window();
	double since;

	samples(host, false);
	bind_pieces(window, host);
	samples(host, true);
	/* Half of them out, one by one; the rest stays. */
	since = xgt_now();
	for (uint64_t i = 0; i < BINDINGS; i += 2)
		OK(gm_unbind(xgt_dom, window, i * PIECE, PIECE));
	xgt_info("%llu removed in %.1f s", BINDINGS / 2, xgt_now() - since);
	CHECK_EQ(bound_pages(window), BAR / PAGE / 2);
	CHECK_EQ(cmd_ok(0, XG_CMD_READ, XG_FAR_BASE, 8).v[0], ~0ULL);
	host[PIECE / 8] = 5;
	CHECK_EQ(cmd_ok(0, XG_CMD_READ, XG_FAR_BASE + PIECE, 8).v[0], 5);
	/* And all that is left replaced by a single one, at once. */
	since = xgt_now();
	OK(gm_bind(xgt_dom, window, 0, BAR, host, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	xgt_info("%llu replaced by one in %.1f s", BINDINGS / 2,
		 xgt_now() - since);
	samples(host, true);
	OK(gm_unbind(xgt_dom, window, 0, BAR));
	samples(host, false);
	OK(gm_window_remove(xgt_dom, window));
}

/* Where each of the vCPUs reads: the first bytes of a piece, and the last. */
static const uint64_t places[2] = { 3 * PIECE, BAR - LENGTH };

static void fill_places(volatile uint64_t *host, uint64_t value)
{
	for (int i = 0; i < 2; i++)
		fill_word(host + places[i] / 8, LENGTH, value);
}

/* What is behind one place, piece and all, among all the other pieces. */
static void replace_place(uint32_t window, volatile uint64_t *host, int i)
{
	uint64_t piece = places[i] / PIECE * PIECE;

	OK(gm_bind(xgt_dom, window, piece, PIECE, host + piece / 8,
		   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
}

/*
 * The same window, full, and not at rest: single bindings of it are replaced
 * under a guest that reads at both ends; then all of them, by one, at once.
 */
static void sparse_hammer(void)
{
	volatile uint64_t *host[2] = { huge_map(), huge_map() };
	volatile struct xg_rule *rule = rule_new();
	uint32_t window = huge_window();
	struct xen_gpumem_window_query q;
	uint64_t n = 100, v;
	double since;

	fill_places(host[1], 1);
	bind_pieces(window, host[1]);
	for (int i = 0; i < 2; i++)
		cmd_start(i, XG_CMD_BETWEEN, XG_FAR_BASE + places[i], LENGTH,
			  RULES);
	for (v = 2; v <= n; v++) {
		fill_places(host[v & 1], v);
		may_be_new(rule, v);
		replace_place(window, host[v & 1], 0);
		replace_place(window, host[v & 1], 1);
		is_new(rule, v);
		if (v % 5 == 0)
			cmd_advance(v / 5 & 1, 1);
	}
	CHECK_EQ(bound_pages(window), BAR / PAGE);
	fill_places(host[v & 1], v);
	cmd_advance(0, 1);
	cmd_advance(1, 1);
	since = xgt_now();
	may_be_new(rule, v);
	OK(gm_bind(xgt_dom, window, 0, BAR, host[v & 1],
		   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
	is_new(rule, v);
	xgt_info("%llu replaced by one in %.1f s", BINDINGS, xgt_now() - since);
	cmd_advance(0, 2);
	cmd_advance(1, 2);
	CHECK(readers_stop() >= 5);
	/* Control: the last value is what both have come to see. */
	for (int i = 0; i < 2; i++)
		CHECK_EQ(cmd_ok(i, XG_CMD_READ, XG_FAR_BASE + places[i],
				8).v[0], v);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_failed, 0);
	CHECK_EQ(q.out_bound, BAR / PAGE);
}

/* --- in advance ------------------------------------------------------------------------- */

#define RANGE	(1536 * PAGE)

struct populating {
	uint32_t window;
	volatile int ret;
	volatile uint64_t done;
	volatile bool ended;
};

static void *populate_thread(void *arg)
{
	struct populating *p = arg;
	uint64_t done = 0;

	p->ret = gm_populate(xgt_dom, p->window, 0, RANGE,
			     XEN_GPUMEM_POPULATE_WRITE, &done);
	p->done = done;
	p->ended = true;
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Everything up to what cannot be had, and the caller knows how far. */
static void populate_partial(void)
{
	volatile uint64_t *map = map_shared(memfd_new(RANGE), RANGE);
	uint32_t window = gm_lend(map, RANGE, 0);
	uint64_t done;

	CHECK(!munmap((void *)(map + 700 * PAGE / 8), PAGE));
	ERR(gm_populate(xgt_dom, window, 0, RANGE, 0, &done), ENODATA);
	CHECK_EQ(done, 700 * PAGE);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 700 * PAGE), 700);
	/* From behind it to the end. */
	OK(gm_populate(xgt_dom, window, 701 * PAGE, RANGE - 701 * PAGE, 0,
		       &done));
	CHECK_EQ(done, RANGE - 701 * PAGE);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 1535);
	/* Where nothing is bound, and past the end. */
	OK(gm_unbind(xgt_dom, window, 0, RANGE));
	OK(gm_bind(xgt_dom, window, 0, 10 * PAGE, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	ERR(gm_populate(xgt_dom, window, 0, 11 * PAGE, 0, &done), ENOENT);
	CHECK_EQ(done, 10 * PAGE);
	ERR(gm_populate(xgt_dom, window, 0, RANGE + PAGE, 0, &done), ERANGE);
	CHECK_EQ(done, 0);
}

/* A signal ends it between two pages; what is done stays done, and counts. */
static void populate_interrupted(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	struct populating p = { 0 };
	pthread_t thread;
	struct slow s;

	slow_new(&s, RANGE);
	/* The first slice is there. */
	for (uint64_t at = 0; at < 512 * PAGE; at += PAGE)
		slow_serve(&s, at, 7);
	p.window = gm_lend(s.map, RANGE, 0);
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	CHECK(!pthread_create(&thread, NULL, populate_thread, &p));
	CHECK_EQ(slow_wait(&s), 512 * PAGE);
	CHECK(!p.ended);
	/* Meanwhile the guest has what is done. */
	CHECK_EQ(gm_pages(xgt_dom, p.window, 0, 0), 512);
	CHECK_EQ(guest_read(XGT_WINDOW + 511 * PAGE), 7);
	CHECK(!pthread_kill(thread, SIGUSR1));
	/* The page that it waits for may have to come first. */
	slow_serve(&s, 512 * PAGE, 8);
	CHECK(!pthread_join(thread, NULL));
	CHECK_EQ(p.ret, (unsigned long long)-EINTR);
	CHECK(p.done >= 512 * PAGE && p.done <= 513 * PAGE);
	/* And goes on where it was. */
	for (uint64_t at = 513 * PAGE; at < RANGE; at += PAGE)
		slow_serve(&s, at, 9);
	OK(gm_populate(xgt_dom, p.window, p.done, RANGE - p.done, 0, NULL));
	CHECK_EQ(gm_pages(xgt_dom, p.window, 0, 0), RANGE / PAGE);
	CHECK_EQ(guest_read(XGT_WINDOW + 512 * PAGE), 8);
	CHECK_EQ(guest_read(XGT_WINDOW + RANGE - 8), 9);
}

static void populate_victim(void *arg)
{
	struct populating *p = arg;
	struct slow s;

	slow_new(&s, RANGE);
	p->window = gm_lend(s.map, RANGE, 0);
	p->ended = true;
	populate_thread(p);
}

/* It can be killed in the middle. */
static void populate_killed(void)
{
	struct populating *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = xgt_fork(populate_victim, p);

	while (!p->ended)
		xgt_sleep_ms(2);
	xgt_sleep_ms(100);
	xgt_kill(pid);
	guest_read_faults(XGT_WINDOW);
	OK(gm_window_remove(xgt_dom, p->window));
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
}

static const struct xgt_test tests[] = {
	{ "L11-replace-under-readers", "L11", replace_hammer,
	  XGT_GUEST | XGT_USER, 300 },
	{ "L11-mmap-fixed-under-readers", "L11", mmap_fixed,
	  XGT_GUEST | XGT_USER, 600 },
	{ "L11-move-under-readers", "L11", move_hammer,
	  XGT_GUEST | XGT_USER, 300 },
	{ "L11-readonly-under-readers", "L11,L17", readonly,
	  XGT_GUEST | XGT_USER, 0 },
	{ "L11-sparse-bar", "L11", sparse, XGT_GUEST | XGT_USER, 600 },
	{ "L11-sparse-under-readers", "L11", sparse_hammer,
	  XGT_GUEST | XGT_USER, 600 },
	{ "L11-populate-partial", "L11", populate_partial,
	  XGT_GUEST | XGT_USER, 0 },
	{ "L11-populate-interrupted", "L11", populate_interrupted, XGT_GUEST,
	  0 },
	{ "L11-populate-killed", "L11,L13", populate_killed, XGT_GUEST, 0 },
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "full")) {
		times = 10;
		argc--;
		argv++;
	}
	return xgt_main(argc, argv, tests, ARRAY_SIZE(tests));
}
