// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows as backends use them, on the mock: large and sparse, with very many
 * bindings, changed under a guest that does not stop.
 */
#include <signal.h>

#include "mock.h"

#define MANY	32768
#define WINDOW	(8 * GIB)
#define STRIDE	(WINDOW / MANY)

/* The whole cost of a call, or of the guest's end of it. */
static double took(double *since)
{
	double now = xgt_now(), diff = now - *since;

	*since = now;
	return diff;
}

/*
 * A window of 8 GiB with a page bound in every 256 KiB of it; then others in
 * their place, and away again, none of it slower than the first.
 */
static void sparse(void)
{
	volatile uint64_t *p;
	double since;
	uint32_t w;

	mock_begin(1);
	p = map_shared(memfd_new(64 * PAGE), 64 * PAGE);
	stamp(p, 64 * PAGE, 100);
	w = window_new(WINDOW, XEN_GPUMEM_POLICY_MMIO);
	since = xgt_now();
	for (uint64_t i = 0; i < MANY; i++)
		OK(gm_bind(xgt_dom, w, i * STRIDE, PAGE,
			   (char *)p + i % 64 * PAGE, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	xgt_info("bound in %.2f s", took(&since));
	for (uint64_t i = 0; i < MANY; i += 257)
		CHECK_EQ(g_read(BASE + i * STRIDE), 100 + i % 64);
	g_expect(BASE + PAGE, READ, XGM_MMIO);
	g_expect(BASE + WINDOW - STRIDE + PAGE, READ, XGM_MMIO);
	took(&since);
	for (uint64_t i = 0; i < MANY; i += 3)
		OK(gm_bind(xgt_dom, w, i * STRIDE, PAGE,
			   (char *)p + (i + 1) % 64 * PAGE,
			   XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
	xgt_info("a third replaced in %.2f s", took(&since));
	for (uint64_t i = 0; i < MANY; i += 255)
		CHECK_EQ(g_read(BASE + i * STRIDE), 100 + (i + !(i % 3)) % 64);
	took(&since);
	for (uint64_t i = 0; i < MANY; i += 2)
		OK(gm_unbind(xgt_dom, w, i * STRIDE, STRIDE));
	xgt_info("half unbound in %.2f s", took(&since));
	g_expect(BASE, READ, XGM_MMIO);
	CHECK_EQ(g_read(BASE + STRIDE), 101);
	/* One that takes the place of all that is left. */
	OK(gm_bind(xgt_dom, w, 0, WINDOW, p, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	xgt_info("the rest replaced by one in %.2f s", took(&since));
	CHECK_EQ(g_read(BASE + 63 * PAGE), 163);
	mock_end();
}

struct hammer {
	struct mock_call call;
	uint64_t gpa;
	unsigned int vcpu;
	int stop;
	uint64_t reads;
	uint64_t lowest;	/* of what may be seen */
	uint64_t highest;
};

/* Reads one word without end: always one that was there, never an older one. */
static void hammer_read(void *arg)
{
	struct hammer *h = arg;
	uint64_t last = h->lowest;

	while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
		uint64_t low = __atomic_load_n(&h->lowest, __ATOMIC_ACQUIRE);
		struct xgm_access a = guest_access(h->vcpu, h->gpa, READ, 0);
		uint64_t high = __atomic_load_n(&h->highest, __ATOMIC_ACQUIRE);

		if (a.out_result != XGM_DONE)
			FAIL("a hole was seen: result %u", a.out_result);
		if (a.value < low || a.value < last || a.value > high)
			FAIL("%llu is not of %lu to %lu, or not after %lu",
			     a.value, low, high, last);
		last = a.value;
		h->reads++;
	}
}

static void hammer_stop(struct hammer *h)
{
	uint64_t before = h->reads;

	EVENTUALLY(h->reads > before + 5);
	__atomic_store_n(&h->stop, 1, __ATOMIC_RELEASE);
	call_join(&h->call);
	xgt_info("%lu reads", h->reads);
}

/*
 * A reservation is bound once; from then on buffers come and go by mmap() over
 * it alone, and the guest sees each at once.
 */
static void map_fixed(void)
{
	struct hammer h = { .gpa = BASE + 5 * PAGE, .vcpu = 1, .lowest = 1,
			    .highest = 1 };
	const uint64_t length = 16 * PAGE;
	volatile uint64_t *buffer;
	uint32_t w;
	char *at;
	int fd;

	mock_begin(2);
	fd = memfd_new(64 * PAGE);
	buffer = map_shared(fd, 64 * PAGE);
	at = mmap(NULL, length, PROT_NONE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(at != MAP_FAILED);
	w = window_of(at, length);
	g_expect(BASE + 5 * PAGE, READ, XGM_INJECTED);
	buffer[0] = 1;
	CHECK(mmap(at + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED |
		   MAP_FIXED, fd, 0) != MAP_FAILED);
	call_start(&h.call, hammer_read, &h);
	for (uint64_t i = 2; i < 10002; i++) {
		uint64_t page = i % 64;

		buffer[page * PAGE / 8] = i;
		__atomic_store_n(&h.highest, i, __ATOMIC_RELEASE);
		CHECK(mmap(at + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, fd, page * PAGE) !=
		      MAP_FAILED);
		/* From here on nobody sees the one before. */
		__atomic_store_n(&h.lowest, i, __ATOMIC_RELEASE);
		if (!(i % 97))
			CHECK_EQ(g_read(BASE + 5 * PAGE), i);
	}
	hammer_stop(&h);
	CHECK(g_has(w, 5));
	/* And away: the reservation is back, and nothing is behind it. */
	CHECK(mmap(at + 5 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_FIXED |
		   MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED);
	CHECK(!g_has(w, 5));
	g_expect(BASE + 5 * PAGE, READ, XGM_INJECTED);
	mock_end();
}

/* The same by calls: every kind of replacement, and never a hole. */
static void rebind(void)
{
	struct hammer h = { .gpa = BASE + 5 * PAGE, .vcpu = 1, .lowest = 1,
			    .highest = 1 };
	const uint64_t length = 16 * PAGE;
	volatile uint64_t *buffer;
	uint32_t w;
	int fd;

	mock_begin(2);
	fd = memfd_new(64 * PAGE);
	buffer = map_shared(fd, 64 * PAGE);
	w = window_new(length, XEN_GPUMEM_POLICY_INJECT);
	buffer[0] = 1;
	OK(gm_bind_fd(xgt_dom, w, 5 * PAGE, PAGE, fd, 0, 0,
		      XEN_GPUMEM_POLICY_INJECT));
	call_start(&h.call, hammer_read, &h);
	for (uint64_t i = 2; i < 1000; i++) {
		uint64_t page = i % 64;

		buffer[page * PAGE / 8] = i;
		__atomic_store_n(&h.highest, i, __ATOMIC_RELEASE);
		if (i % 2)
			OK(gm_bind(xgt_dom, w, 5 * PAGE, PAGE,
				   (char *)buffer + page * PAGE,
				   XEN_GPUMEM_BIND_REPLACE,
				   XEN_GPUMEM_POLICY_INJECT));
		else
			OK(gm_bind_fd(xgt_dom, w, 5 * PAGE, PAGE, fd,
				      page * PAGE, XEN_GPUMEM_BIND_REPLACE,
				      XEN_GPUMEM_POLICY_INJECT));
		__atomic_store_n(&h.lowest, i, __ATOMIC_RELEASE);
	}
	hammer_stop(&h);
	mock_end();
}

struct populate {
	struct mock_call call;
	uint32_t window;
	uint64_t offset;
	uint64_t length;
	uint64_t done;
	int ret;
};

static void populate_call(void *arg)
{
	struct populate *c = arg;

	c->ret = gm_populate(xgt_dom, c->window, c->offset,
			     c->length - c->offset, 0, &c->done);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* A signal ends it; what was done is told, and the rest follows from there. */
static void populate_interrupted(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	struct populate c = { .length = 8 * MIB };
	unsigned int interrupted = 0, again = 0;
	volatile uint64_t *p;

	mock_begin(1);
	p = map_anon(c.length);
	stamp(p, c.length, 100);
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	c.window = window_of(p, c.length);
	mock_map_stop(64);
	mock_delay(XGM_OP_MAP, 1000);
	while (c.offset < c.length) {
		call_start(&c.call, populate_call, &c);
		xgt_sleep_ms(4);
		while (!call_done(&c.call) && interrupted < 3) {
			pthread_kill(c.call.thread, SIGUSR1);
			xgt_sleep_ms(1);
		}
		call_join(&c.call);
		if (c.ret == -EINTR)
			interrupted++;
		else
			OK(c.ret);
		/* All done before a signal came: from the beginning. */
		if (!interrupted && c.done == c.length && again++ < 20) {
			OK(gm_window_move(xgt_dom, c.window, BASE));
			c.offset = 0;
			continue;
		}
		/* All that it says is there is there. */
		c.offset += c.done;
		CHECK(c.offset <= c.length && !(c.done % PAGE));
		CHECK(gm_pages(xgt_dom, c.window, 0, 0) >= c.offset / PAGE);
	}
	CHECK(interrupted);
	CHECK_EQ(gm_pages(xgt_dom, c.window, 0, 0), c.length / PAGE);
	for (uint64_t i = 0; i < c.length / PAGE; i += 101)
		CHECK_EQ(g_read(BASE + i * PAGE), 100 + i);
	CHECK_EQ(guest_access(0, BASE, READ, 0).out_faults, 0);
	mock_end();
}

/* Half a binding is not replaced, and not unbound; the whole still is. */
static void partial(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_anon(8 * PAGE);
	stamp(p, 8 * PAGE, 40);
	w = window_of(p, 8 * PAGE);
	ERR(gm_unbind(xgt_dom, w, 0, 4 * PAGE), EEXIST);
	ERR(gm_unbind(xgt_dom, w, 4 * PAGE, 4 * PAGE), EEXIST);
	ERR(gm_bind(xgt_dom, w, 2 * PAGE, 2 * PAGE, p,
		    XEN_GPUMEM_BIND_REPLACE, 0), EEXIST);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), 40 + i);
	OK(gm_unbind(xgt_dom, w, 0, 8 * PAGE));
	mock_end();
}

/* An id that cannot be told is no window. */
static void add_untold(void)
{
	struct xen_gpumem_window_add *a;
	uint32_t w;

	mock_begin(1);
	a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(a != MAP_FAILED);
	*a = (struct xen_gpumem_window_add){
		.size = sizeof(*a), .gpa = BASE, .length = MIB,
	};
	OK(mprotect(a, PAGE, PROT_READ));
	CHECK(ioctl(xgt_dom, XEN_GPUMEM_WINDOW_ADD, a) < 0 && errno == EFAULT);
	CHECK_EQ(mock_stats().out_windows, 0);
	OK(gm_window_add(xgt_dom, BASE, MIB, 0, &w));
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L11-mock-sparse", "L11,L19", sparse, 0, 0 },
	{ "L11-mock-map-fixed", "L11,L3", map_fixed, 0, 0 },
	{ "L11-mock-rebind", "L11,L23", rebind, 0, 0 },
	{ "L11-mock-populate-interrupted", "L11", populate_interrupted, 0, 0 },
	{ "L11-mock-partial", "L11,U6", partial, 0, 0 },
	{ "U6-mock-add-untold", "U6,L11", add_untold, 0, 0 },
};

XGT_MAIN(tests)
