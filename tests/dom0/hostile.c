// SPDX-License-Identifier: GPL-2.0-only
/*
 * L2, S5, S4: a guest that does everything it can, and a host that takes away
 * what it lent all the time.
 *
 * Every word that the guest may see carries a mark; whatever the host has taken
 * back is overwritten with words that do not, at once, and freed memory is
 * handed to somebody who does the same.  So one unmarked word in the guest, or
 * one changed word in what was taken back, is a stale access.
 *
 *   xgt-hostile [rounds=N] [all | acts]
 *
 * A round is one revocation, of one of many kinds.  Figures go to
 * /xg/out/hostile.txt; see tests/guest/hostile.c for the guest's side.  With
 * "acts" it does what it does not do otherwise.
 */
#include <pthread.h>

#include "xgt.h"

/* Only now: lend.h would look for Xen's headers beside it. */
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/domctl.h>

#define CODE_PAGES	1
#define DATA_PAGES	23
#define DATA_LENGTH	(DATA_PAGES * PAGE)
#define PLUG_LENGTH	(XG_PLUG_PAGES * PAGE)
#define LENGTH		(CODE_PAGES * PAGE + DATA_LENGTH + PLUG_LENGTH)

#define BAD_WORD	0x57a1e57a1e57a1e5ULL

/* Of the page tables that XG_HOSTILE_SCATTER wants. */
#define SCATTERED_TABLES 4

static unsigned int rounds = 250;

/* Memory in two copies: one is lent, the other is away. */
struct pair {
	volatile uint64_t *at;		/* where it is lent from */
	uint64_t length;
	int fd[2];
	volatile uint64_t *side[2];	/* where we look at each */
	int lent;
};

static struct {
	uint32_t window;
	volatile uint64_t *at;
	struct pair code, data;
	volatile uint64_t *scattered;
} w;

/* What the vCPUs said in the end, all together. */
static struct {
	uint64_t plugged, resets, refused;
} sums;

/* A function that returns a number: mov $number, %eax; ret. */
static void write_code(volatile uint64_t *page, uint32_t number)
{
	volatile uint8_t *p = (volatile uint8_t *)page;

	p[5] = 0xc3;
	*(volatile uint32_t *)(p + 1) = number;
	p[0] = 0xb8;
}

static void make_good(struct pair *p, int which)
{
	if (p == &w.code)
		write_code(p->side[which], XG_GOOD << 16 | 1);
	else
		fill_word(p->side[which], p->length, XG_GOOD_WORD);
}

static void make_bad(struct pair *p, int which)
{
	if (p == &w.code)
		write_code(p->side[which], 0xbad00bad);
	else
		fill_word(p->side[which], p->length, BAD_WORD);
}

static void place(struct pair *p)
{
	if (mmap((void *)p->at, p->length, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, p->fd[p->lent], 0) == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
}

static void pair_new(struct pair *p, volatile uint64_t *at, uint64_t length)
{
	p->at = at;
	p->length = length;
	p->lent = 0;
	for (int i = 0; i < 2; i++) {
		p->fd[i] = memfd_new(length);
		p->side[i] = map_shared(p->fd[i], length);
	}
	make_good(p, 0);
	make_bad(p, 1);
	place(p);
}

/* What is away must stay what we made of it. */
static void check_away(struct pair *p)
{
	volatile uint64_t *away = p->side[!p->lent];

	if (p == &w.code)
		CHECK_EQ(*(volatile uint32_t *)((volatile uint8_t *)away + 1),
			 0xbad00bad);
	else
		verify_word(away, p->length, BAD_WORD);
}

/* --- a guest that has hung itself ----------------------------------------- */

static struct xgt_guest *guest;

/*
 * A vCPU that was taken down while it had a lock stays down if the one which
 * was about to take it up again needs that lock first (take_down() of
 * tests/guest/hostile.c).  To be asked of a guest that does not get on.  A
 * vCPU that waits for a page is neither down nor blocked.
 */
static bool hung(void)
{
	uint32_t down = ~0U, blocked = ~0U;

	for (int look = 0; look < 2; look++) {
		if (look)
			xgt_sleep_ms(1000);
		for (unsigned int cpu = 0; cpu < guest->vcpus; cpu++) {
			struct xen_domctl op = {
				.cmd = XEN_DOMCTL_getvcpuinfo,
				.domain = guest->domid,
			};

			op.u.getvcpuinfo.vcpu = cpu;
			OK(xen_domctl(&op));
			if (op.u.getvcpuinfo.online)
				down &= ~(1U << cpu);
			if (!op.u.getvcpuinfo.blocked)
				blocked &= ~(1U << cpu);
		}
	}
	/* Of those that there are. */
	down &= (1U << guest->vcpus) - 1;
	blocked &= (1U << guest->vcpus) - 1;
	return down && blocked;
}

/* As cmd_advance(); but false if the guest has hung itself. */
static bool gets_on(unsigned int cpu)
{
	uint64_t before = cmd_progress(cpu);
	double since = xgt_now();
	double look = since + xgt_limit(10), end = since + xgt_limit(60);

	while (!box_done(&xgt_box, cpu) && xgt_now() < end) {
		if (cmd_progress(cpu) != before)
			return true;
		if (xgt_now() > look && hung())
			return false;
		xgt_pause(since);
	}
	cmd_advance(cpu, 1);
	return true;
}

static void open_guest(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};

	xgt_dom = gm_open_domain(guest->domid, &limits);
	if (xgt_dom < 0)
		FAIL("opening the guest: %s", xgt_errname(-xgt_dom));
	box_open(&xgt_box, xgt_dom, guest->vcpus);
}

/* --- what happens in a round -------------------------------------------------- */

/* The other copy takes the place of this one, which is poisoned at once. */
static void swap(struct pair *p)
{
	int old = p->lent;

	check_away(p);
	make_good(p, !old);
	p->lent = !old;
	place(p);
	make_bad(p, old);
	check_away(p);
}

/* Some of the pages are freed: whoever gets them overwrites them. */
static void punch(unsigned int round)
{
	uint64_t at = round % (DATA_PAGES - 4) * PAGE;

	if (fallocate(w.data.fd[w.data.lent], FALLOC_FL_PUNCH_HOLE |
		      FALLOC_FL_KEEP_SIZE, at, 4 * PAGE))
		FAIL("punching a hole: %s", strerror(errno));
}

static void drop(void)
{
	if (madvise((void *)w.at, LENGTH, MADV_DONTNEED))
		FAIL("madvise: %s", strerror(errno));
}

/* Nobody writes while the host has it read-only. */
static void protect(void)
{
	volatile uint64_t *p = w.data.at;
	uint64_t before;

	CHECK(!mprotect((void *)p, DATA_LENGTH, PROT_READ));
	before = xg_sum(p, DATA_LENGTH);
	CHECK_EQ(xg_sum(p, DATA_LENGTH), before);
	CHECK(!mprotect((void *)p, DATA_LENGTH, PROT_READ | PROT_WRITE));
}

static int bind(uint32_t flags)
{
	return gm_bind(xgt_dom, w.window, 0, LENGTH, w.at, flags,
		       XEN_GPUMEM_POLICY_INJECT);
}

/*
 * Where the window was, the guest may put pages of its own meanwhile, and that
 * is right.  It takes them away again.
 */
static void move_back(void)
{
	double end = xgt_now() + xgt_limit(60);
	long ret;

	do
		ret = gm_window_move(xgt_dom, w.window, XGT_WINDOW);
	while (ret == -EEXIST && xgt_now() < end);
	OK(ret);
}

static void one_round(unsigned int round)
{
	switch (round % 8) {
	case 1:
	case 5:
		swap(&w.code);
		break;
	case 2:
		punch(round);
		break;
	case 3:
		drop();
		break;
	case 4:
		protect();
		break;
	case 6:
		OK(bind(XEN_GPUMEM_BIND_REPLACE));
		break;
	case 7:
		if (round / 8 & 1) {
			OK(gm_window_move(xgt_dom, w.window,
					  XEN_GPUMEM_PARKED));
			move_back();
		} else {
			OK(gm_unbind(xgt_dom, w.window, 0, LENGTH));
			OK(bind(0));
		}
		break;
	default:
		swap(&w.data);
		break;
	}
}

/* --- beside it ----------------------------------------------------------------- */

static volatile bool over;
static volatile uint64_t ticks, reused;

/* Whoever gets freed pages: fills them, and finds them so a moment later. */
static void *reuse(void *arg)
{
	while (!over) {
		volatile uint64_t *p = map_anon(DATA_LENGTH);

		fill_word(p, DATA_LENGTH, BAD_WORD);
		xgt_sleep_ms(1);
		verify_word(p, DATA_LENGTH, BAD_WORD);
		munmap((void *)p, DATA_LENGTH);
		reused += DATA_PAGES;
	}
	return arg;
}

/* dom0's own progress: whoever sleeps for a moment wakes up again. */
static void *tick(void *arg)
{
	while (!over) {
		xgt_sleep_ms(1);
		ticks++;
	}
	return arg;
}

static void advance(uint64_t *since)
{
	double end = xgt_now() + xgt_limit(60);

	while (ticks == *since)
		if (xgt_now() > end)
			FAIL("a thread of dom0's stands still");
	*since = ticks;
}

static void record(unsigned int vcpus, unsigned int done)
{
	struct xen_gpumem_window_query q;
	FILE *f = fopen("/xg/out/hostile.txt", "a");

	OK(gm_query(xgt_dom, w.window, 0, 0, &q));
	CHECK(q.out_revokes > 0);
	if (!f)
		FAIL("hostile.txt: %s", strerror(errno));
	/* Each revocation of something is one round of flushing. */
	fprintf(f, "%u vCPUs: %u rounds, %llu revocations (flushes) of %llu pages, longest %llu us; %llu faults, longest %llu us, %llu retries, %llu failed\n",
		vcpus, done, q.out_revokes, q.out_revoked,
		q.out_revoke_ns_max / 1000, q.out_faults,
		q.out_fault_ns_max / 1000, q.out_retries, q.out_failed);
	fclose(f);
	gm_show(xgt_dom, w.window);
}

/* --- the test -------------------------------------------------------------------- */

static void set_up(void)
{
	w.at = map_anon(LENGTH);
	pair_new(&w.code, w.at, PAGE);
	pair_new(&w.data, w.at + PAGE / 8, DATA_LENGTH);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_INJECT,
			 &w.window));
	OK(bind(0));
}

static void start(unsigned int cpu, unsigned int what)
{
	cmd_start(cpu, XG_CMD_HOSTILE, XGT_WINDOW, LENGTH, what, cpu + 1);
}

/* The method can see: unmarked words and code, where they are lent. */
static void control(void)
{
	struct xgt_result r;

	fill_word(w.data.side[w.data.lent], PAGE, BAD_WORD);
	start(0, XG_HOSTILE_READ);
	r = cmd_wait(0);
	CHECK_EQ(r.status, XG_MISMATCH);
	CHECK_EQ(r.v[3], BAD_WORD);
	make_good(&w.data, w.data.lent);
	make_bad(&w.code, w.code.lent);
	start(0, XG_HOSTILE_CALL);
	r = cmd_wait(0);
	CHECK_EQ(r.status, XG_MISMATCH);
	CHECK_EQ(r.v[3], 0xbad00bad);
	make_good(&w.code, w.code.lent);
}

#define ACCESSES	(XG_HOSTILE_READ | XG_HOSTILE_WRITE | \
			 XG_HOSTILE_LOCKED | XG_HOSTILE_CALL)
#define CALLS		(XG_HOSTILE_REMAP | XG_HOSTILE_HYPERCALL | \
			 XG_HOSTILE_PLUG)

/*
 * A page for which there is no hole counts as the guest's all the same, is
 * nowhere, and cannot be given back.  So it can try as often as this has pages,
 * and holes are rare.
 */
#define PLUG_MEMORY	(512 * MIB)

static void stop(unsigned int cpu)
{
	struct xgt_result r = cmd_stop_any(cpu);

	if (r.status == XG_MISMATCH)
		FAIL("vCPU %u saw 0x%lx at 0x%lx after %lu rounds", cpu, r.v[3],
		     r.v[2], r.v[0]);
	CHECK_EQ(r.status, XG_OK);
	CHECK_EQ(r.v[4], 0);
	xgt_info("vCPU %u: %lu rounds, %lu exceptions, %lu pages plugged", cpu,
		 r.v[0], r.v[1], r.v[5]);
	sums.plugged += r.v[5];
	sums.resets += r.v[6];
	sums.refused += r.v[7];
}

/*
 * Memory in the reach of so many page tables, and pages for only a few of them.
 * What is used by now, the guest keeps.
 */
static void lend_scattered(void)
{
	const uint64_t length = XG_SCATTER_PLACES * XG_SCATTER_STEP;
	uint32_t window;

	w.scattered = map_shared(memfd_new(length), length);
	OK(gm_window_add(xgt_dom, XG_SCATTER_BASE, length,
			 XEN_GPUMEM_POLICY_INJECT, &window));
	OK(gm_bind(xgt_dom, window, 0, length, w.scattered, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	xen_pool_empty(guest->domid);
	OK(xen_set_pool_size(guest->domid, xen_pool_size(guest->domid) +
			     SCATTERED_TABLES * PAGE));
}

static void begin(unsigned int extra)
{
	unsigned int vcpus = guest->vcpus;

	set_up();
	control();
	OK(xen_set_max_mem(guest->domid, PLUG_MEMORY));
	if (extra & XG_HOSTILE_SCATTER)
		lend_scattered();
	/* The last one makes no call, and leaves the guest for nothing. */
	for (unsigned int cpu = 0; cpu < vcpus; cpu++)
		start(cpu, ACCESSES | (cpu < vcpus - 1 || !cpu ? CALLS : 0) |
			   (cpu ? 0 : extra));
}

/* In the place of the one that has hung itself. */
static void another_guest(unsigned int extra)
{
	char name[sizeof(guest->name)];

	/* Who saw something wrong has ended by itself, and says so now. */
	for (unsigned int cpu = 0; cpu < guest->vcpus; cpu++)
		if (box_done(&xgt_box, cpu))
			stop(cpu);
	check_away(&w.code);
	check_away(&w.data);
	strcpy(name, guest->name);
	close(xgt_dom);
	guest_destroy(guest);
	if (!guest_start(guest, name, guest->vcpus, NULL))
		FAIL("another guest did not start");
	open_guest();
	begin(extra);
}

static void hammer(struct xgt_guest *g, unsigned int extra)
{
	unsigned int round, cpu, hangs = 0;
	uint64_t since = 0;
	pthread_t threads[2];

	guest = g;
	begin(extra);
	CHECK(!pthread_create(&threads[0], NULL, reuse, NULL));
	CHECK(!pthread_create(&threads[1], NULL, tick, NULL));
	for (round = 0; round < rounds; round++) {
		one_round(round);
		if (round % 16 && round != rounds - 1)
			continue;
		advance(&since);
		for (cpu = 0; cpu < g->vcpus && gets_on(cpu); cpu++)
			;
		if (cpu == g->vcpus)
			continue;
		xgt_info("the guest hung itself by round %u: another one",
			 round);
		CHECK(++hangs < 3);
		another_guest(extra);
		/* What it did not live to see is done again. */
		round -= round < 16 ? round : 16;
	}
	over = true;
	for (cpu = 0; cpu < g->vcpus; cpu++)
		stop(cpu);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	check_away(&w.code);
	check_away(&w.data);
	/* What those had plugged that hung is not known. */
	CHECK((sums.plugged || hangs) && reused);
	record(g->vcpus, rounds);
}

static void two(void)
{
	hammer(&xgt_guest, XG_HOSTILE_DOWN);
}

static void replug(void)
{
	hammer(&xgt_guest, XG_HOSTILE_DOWN | XG_HOSTILE_HOTPLUG);
}

/* A vCPU is reset in the middle of anything, and of waiting for a page. */
static void resets(void)
{
	hammer(&xgt_guest, XG_HOSTILE_RESET);
	xgt_info("%lu vCPUs were reset", sums.resets);
	CHECK(sums.resets > 0);
}

/*
 * The guest uses up its pool for page tables meanwhile.  It gets an exception
 * for what cannot be mapped, and all that it has can be taken away as ever.
 */
static void scatters(void)
{
	unsigned int there = 0;

	hammer(&xgt_guest, XG_HOSTILE_SCATTER);
	for (int i = 0; i < XG_SCATTER_PLACES; i++) {
		uint64_t word = w.scattered[i * XG_SCATTER_STEP / 8];

		CHECK(!word || word == (XG_GOOD_WORD | i));
		there += word == (XG_GOOD_WORD | i);
	}
	xgt_info("%u scattered places were there; %lu times one was not",
		 there, sums.refused);
	CHECK(there > 0 && there < XG_SCATTER_PLACES && sums.refused > 0);
}

/* A guest with another number of vCPUs, of this test's own. */
static void with_vcpus(unsigned int vcpus)
{
	static struct xgt_guest own;

	if (!guest_start(&own, "hostile", vcpus, NULL))
		FAIL("the guest with %u vCPUs did not start", vcpus);
	guest = &own;
	open_guest();
	hammer(&own, XG_HOSTILE_DOWN);
	guest_destroy(&own);
}

static void one(void)
{
	with_vcpus(1);
}

static void four(void)
{
	with_vcpus(4);
}

static struct xgt_test tests[] = {
	/* It may be another guest by its end. */
	{ "L2-hostile", "L2,S5,L5,N08,N12,N20", two,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	/* Only with "all". */
	{ "L2-hostile-1-vcpu", "L2,S5", one, 0, 0 },
	{ "L2-hostile-4-vcpus", "L2,S5,N08", four, 0, 0 },
	{ "L2-hostile-hotplug", "L2,N19", replug, XGT_GUEST | XGT_ENDS_GUEST,
	  0 },
	/* Only with "acts". */
	{ "L2-hostile-reset", "L2,N19", resets, XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "S4-hostile-scatter", "S4,L2,L19", scatters,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

#define ACTS	2

int main(int argc, char **argv)
{
	const struct xgt_test *first = tests;
	size_t nr = 1;

	for (int i = 1; i < argc; i++) {
		sscanf(argv[i], "rounds=%u", &rounds);
		if (!strcmp(argv[i], "all"))
			nr = ARRAY_SIZE(tests) - ACTS;
		if (!strcmp(argv[i], "acts")) {
			first = tests + ARRAY_SIZE(tests) - ACTS;
			nr = ACTS;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		/* With time to boot another guest. */
		tests[i].limit = 480 + rounds / 2;
	return xgt_main(1, argv, first, nr);
}
