// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storms on the mock: everything changes as fast as it can while vCPUs look.
 *
 * What a vCPU may see is always known: words that the process has put there,
 * or zeroes where pages are fresh, or what a window's policy says.  That they
 * all get on until the end is checked as well.
 */
#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

#define STORM_VCPUS	4
#define STORM_ROUNDS	300

struct storm {
	struct mock_call call;
	unsigned int vcpu;
	uint64_t accesses;
	uint64_t lo, hi;		/* what may be read, zero besides */
};

static int storm_over;

static void storm_guest(void *arg)
{
	struct storm *s = arg;

	while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE)) {
		uint64_t page = (s->accesses * 7 + s->vcpu) % PAGES;
		struct xgm_access a = guest_access(s->vcpu, BASE + page * PAGE,
						   READ, 0);

		if (a.out_result != XGM_DONE)
			FAIL("vCPU %u: result %u", s->vcpu, a.out_result);
		if (a.value && (a.value < s->lo || a.value > s->hi))
			FAIL("vCPU %u read 0x%llx", s->vcpu, a.value);
		__atomic_add_fetch(&s->accesses, 1, __ATOMIC_RELEASE);
	}
}

static void storm_start(struct storm *s, uint64_t lo, uint64_t hi)
{
	storm_over = 0;
	for (int i = 0; i < STORM_VCPUS; i++) {
		s[i] = (struct storm){ .vcpu = i, .lo = lo, .hi = hi };
		call_start(&s[i].call, storm_guest, &s[i]);
	}
}

static void storm_end(struct storm *s)
{
	/* Nobody starves: all get on until the very end. */
	for (int i = 0; i < STORM_VCPUS; i++) {
		uint64_t n = __atomic_load_n(&s[i].accesses, __ATOMIC_ACQUIRE);

		EVENTUALLY(__atomic_load_n(&s[i].accesses,
					   __ATOMIC_ACQUIRE) > n);
	}
	__atomic_store_n(&storm_over, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < STORM_VCPUS; i++)
		call_join(&s[i].call);
}

/* Pages go as fast as the process can make them go. */
static void revoke_storm(void)
{
	struct storm s[STORM_VCPUS];
	uint64_t sum = 0, reads;
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(STORM_VCPUS);
	p = map_anon(SIZE);
	w = window_of(p, SIZE);
	storm_start(s, 0x1000, 0x1000 + STORM_ROUNDS + PAGES);
	for (int i = 0; i < STORM_ROUNDS; i++) {
		stamp(p, SIZE, 0x1000 + i);
		OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	}
	storm_end(s);
	for (int i = 0; i < STORM_VCPUS; i++)
		sum += s[i].accesses;
	reads = sum;
	mock_check();
	xgt_info("L18-mock-revoke-storm: %d revocations, %lu reads",
		 STORM_ROUNDS, reads);
	OK(gm_window_remove(xgt_dom, w));
	mock_end();
}

/* The mapping is replaced under the guest by the process. */
static void remap_storm(void)
{
	struct storm s[STORM_VCPUS];
	volatile uint64_t *p;
	int fd[2];

	mock_begin(STORM_VCPUS);
	for (int i = 0; i < 2; i++) {
		fd[i] = memfd_new(SIZE);
		fill_word(map_shared(fd[i], SIZE), SIZE, 0x2000 + i);
	}
	p = map_shared(fd[0], SIZE);
	window_of(p, SIZE);
	storm_start(s, 0x2000, 0x2001);
	for (int i = 1; i < STORM_ROUNDS; i++)
		CHECK(mmap((void *)p, SIZE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd[i % 2], 0) == p);
	storm_end(s);
	mock_end();
}

/* Bindings are replaced under the guest: old or new, and never a hole. */
static void rebind_storm(void)
{
	struct storm s[STORM_VCPUS];
	volatile uint64_t *p[2];
	uint32_t w;

	mock_begin(STORM_VCPUS);
	for (int i = 0; i < 2; i++) {
		p[i] = map_shared(memfd_new(SIZE), SIZE);
		fill_word(p[i], SIZE, 0x3000 + i);
	}
	/* The hole would inject: the guests would say so. */
	w = window_new(SIZE, XEN_GPUMEM_POLICY_INJECT);
	OK(gm_bind(xgt_dom, w, 0, SIZE, p[0], 0, XEN_GPUMEM_POLICY_INJECT));
	storm_start(s, 0x3000, 0x3001);
	for (int i = 1; i < STORM_ROUNDS; i++)
		OK(gm_bind(xgt_dom, w, 0, SIZE, p[i % 2],
			   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
	storm_end(s);
	CHECK_EQ(g_read(BASE), 0x3000 + (STORM_ROUNDS - 1) % 2);
	mock_end();
}

/* What was bound once is not reached again after the call that replaced it. */
static void rebind_is_done(void)
{
	volatile uint64_t *p[2];
	uint32_t w;

	mock_begin(1);
	for (int i = 0; i < 2; i++) {
		p[i] = map_shared(memfd_new(SIZE), SIZE);
		fill_word(p[i], SIZE, i);
	}
	w = window_of(p[0], SIZE);
	for (int i = 1; i < 40; i++) {
		int page = i % PAGES;

		g_write(BASE + page * PAGE + 8, i);
		CHECK_EQ(p[(i - 1) % 2][page * PAGE / 8 + 1], i);
		/* Or a late fault may bring in what is bound then. */
		wait_served(w);
		OK(gm_bind(xgt_dom, w, 0, SIZE, p[i % 2],
			   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
		CHECK_EQ(mock_stats().out_present, 0);
		CHECK_EQ(g_read(BASE + page * PAGE), i % 2);
	}
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	CHECK_EQ(mock_stats().out_present, 0);
	g_expect(BASE, READ, XGM_MMIO);
	mock_end();
}

/* The bar is moved under the guest: it is there, or there is nothing. */
static void move_storm(void)
{
	static const uint64_t at[] = { BASE, BASE + 64 * PAGE };
	struct mock_run run[2];
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(2);
	p = map_shared(memfd_new(SIZE), SIZE);
	fill_word(p, SIZE, 0x4000);
	w = window_of(p, SIZE);
	for (int i = 1; i < 200; i++) {
		for (int v = 0; v < 2; v++)
			run_start(&run[v], v, at[v] + i % PAGES * PAGE, READ,
				  0);
		OK(gm_window_move(xgt_dom, w, i % 10 ? at[i % 2] :
				  XEN_GPUMEM_PARKED));
		for (int v = 0; v < 2; v++) {
			pthread_join(run[v].thread, NULL);
			OK(run[v].ret);
			if (run[v].access.out_result == XGM_DONE)
				CHECK_EQ(run[v].access.value, 0x4000);
			else
				CHECK_EQ(run[v].access.out_result,
					 XGM_NOWINDOW);
		}
	}
	OK(gm_window_move(xgt_dom, w, at[0]));
	CHECK_EQ(g_read(at[0]), 0x4000);
	g_expect(at[1], READ, XGM_NOWINDOW);
	mock_end();
}

/* --- chaos -------------------------------------------------------------- */

#define CHAOS_CALLERS	3
#define CHAOS_VCPUS	4
#define CHAOS_TAG	0xc4a05000ULL
#define CHAOS_SECONDS	4

/* Windows' ids, or zero. */
static uint32_t chaos_windows[4];
static volatile uint64_t *chaos_memory[2];

struct chaos {
	struct mock_call call;
	unsigned int seed;
	unsigned long steps;
};

static unsigned int chaos_random(struct chaos *c, unsigned int below)
{
	return rand_r(&c->seed) % below;
}

/* Any of these may meet another caller's: only its own errors are allowed. */
static void chaos_allow(long ret, const char *what)
{
	if (ret && ret != -ENOENT && ret != -EEXIST && ret != -ENXIO &&
	    ret != -EAGAIN && ret != -ENODATA)
		FAIL("%s: %s", what, xgt_errname(-ret));
}

/* Who adds, moves and removes are one at a time, or ids would get lost. */
static void chaos_window(struct chaos *c, unsigned int i)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	uint32_t id;

	pthread_mutex_lock(&lock);
	id = chaos_windows[i];
	if (id && chaos_random(c, 3)) {
		OK(gm_window_move(xgt_dom, id, chaos_random(c, 4) ?
				  BASE + i * MIB : XEN_GPUMEM_PARKED));
	} else {
		/* The others may still use the id when it is gone. */
		if (id)
			OK(gm_window_remove(xgt_dom, id));
		OK(gm_window_add(xgt_dom, BASE + i * MIB, SIZE,
				 chaos_random(c, 3), &id));
		__atomic_store_n(&chaos_windows[i], id, __ATOMIC_SEQ_CST);
	}
	pthread_mutex_unlock(&lock);
}

static void chaos_step(struct chaos *c)
{
	unsigned int i = chaos_random(c, ARRAY_SIZE(chaos_windows));
	uint64_t from = chaos_random(c, PAGES);
	uint64_t nr = 1 + chaos_random(c, PAGES - from);
	char *p = (char *)chaos_memory[chaos_random(c, 2)];
	uint32_t w = __atomic_load_n(&chaos_windows[i], __ATOMIC_SEQ_CST);
	struct xen_gpumem_window_query q;

	switch (chaos_random(c, 12)) {
	case 0:
		chaos_window(c, i);
		break;
	case 1 ... 4:
		chaos_allow(gm_bind(xgt_dom, w, from * PAGE, nr * PAGE,
				    p + from * PAGE,
				    chaos_random(c, 2) *
				    XEN_GPUMEM_BIND_REPLACE,
				    chaos_random(c, 2)), "bind");
		break;
	case 5:
		chaos_allow(gm_unbind(xgt_dom, w, from * PAGE, nr * PAGE),
			    "unbind");
		break;
	case 6:
		chaos_allow(gm_unbind(xgt_dom, w, 0, SIZE), "unbind all");
		break;
	case 7 ... 8:
		chaos_allow(gm_populate(xgt_dom, w, from * PAGE, nr * PAGE,
					chaos_random(c, 2), NULL),
			    "populate");
		break;
	case 9:
		chaos_allow(gm_query(xgt_dom, w, 0, 0, &q), "query");
		break;
	default:
		OK(madvise(p + from * PAGE, nr * PAGE, MADV_DONTNEED));
	}
}

static void chaos_caller(void *arg)
{
	struct chaos *c = arg;

	while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE)) {
		chaos_step(c);
		c->steps++;
	}
}

static void chaos_guest(void *arg)
{
	struct chaos *c = arg;
	unsigned int vcpu = c->seed % CHAOS_VCPUS;

	while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE)) {
		uint64_t page = chaos_random(c, PAGES);
		uint64_t gpa = BASE + chaos_random(c, 4) * MIB + page * PAGE;
		bool write = !chaos_random(c, 4);
		struct xgm_access a = guest_access(vcpu, gpa,
						   write ? WRITE : READ,
						   CHAOS_TAG + page);

		if (a.out_result == XGM_DONE && a.value &&
		    a.value != CHAOS_TAG + page)
			FAIL("page %lu holds 0x%llx", page, a.value);
		if (a.out_result == XGM_HUNG || a.out_result == XGM_DEAD)
			FAIL("vCPU %u: result %u", vcpu, a.out_result);
		__atomic_add_fetch(&c->steps, 1, __ATOMIC_RELEASE);
	}
}

/* Everything at once.  Page n of any memory holds tag + n, or zero. */
static void chaos(void)
{
	struct chaos c[CHAOS_CALLERS + CHAOS_VCPUS] = { 0 };
	unsigned long calls = 0, accesses = 0;

	mock_begin(CHAOS_VCPUS);
	chaos_memory[0] = map_anon(SIZE);
	chaos_memory[1] = map_shared(memfd_new(SIZE), SIZE);
	storm_over = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
		c[i].seed = 1 + i;
		call_start(&c[i].call, i < CHAOS_CALLERS ? chaos_caller :
			   chaos_guest, &c[i]);
	}
	for (int i = 0; i < CHAOS_SECONDS * 10; i++) {
		xgt_sleep_ms(100);
		mock_check();
	}
	__atomic_store_n(&storm_over, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < ARRAY_SIZE(c); i++) {
		call_join(&c[i].call);
		if (!c[i].steps)
			FAIL("thread %u did nothing", i);
		*(i < CHAOS_CALLERS ? &calls : &accesses) += c[i].steps;
	}
	xgt_info("L13-mock-chaos: %lu calls, %lu accesses", calls, accesses);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L18-mock-revoke-storm", "L18,L2", revoke_storm, 0, 0 },
	{ "L11-mock-remap-storm", "L11", remap_storm, 0, 0 },
	{ "L11-mock-rebind-storm", "L11", rebind_storm, 0, 0 },
	{ "L11-mock-rebind-done", "L11", rebind_is_done, 0, 0 },
	{ "L11-mock-move-storm", "L11", move_storm, 0, 0 },
	{ "L13-mock-chaos", "L13,L11,L2", chaos, 0, 0 },
};

XGT_MAIN(tests)
