// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is read from a domain fd, on the mock: which events come, how they are
 * kept few, and how a reader waits for them.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

/* Records that a fd keeps; the last place is for the one about the rest. */
#define KEPT	63

/* The guest is answered first: the event may take a moment more. */
static struct xen_gpumem_event next_event(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct xen_gpumem_event e;
	int ret;

	CHECK(poll(&p, 1, 20000) >= 0);
	ret = gm_event(fd, &e);
	if (ret != 1)
		FAIL("no event: %s", ret ? xgt_errname(-ret) : "the end");
	return e;
}

static void no_event(int fd)
{
	struct xen_gpumem_event e;

	ERR(gm_event(fd, &e), EAGAIN);
}

static short poll_now(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static void expect_fault(int fd, uint32_t window, uint64_t page, int error,
			 uint32_t access)
{
	struct xen_gpumem_event e = next_event(fd);

	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_FAULT);
	CHECK_EQ(e.window, window);
	CHECK_EQ(e.count, 1);
	CHECK_EQ(e.offset, page * PAGE);
	CHECK_EQ(e.length, PAGE);
	CHECK_EQ(e.error, error);
	CHECK_EQ(e.access, access);
}

/* --- which ----------------------------------------------------------------- */

/* A failed fault names the place, the cause and the access. */
static void fault_causes(void)
{
	volatile uint64_t *p;
	uint32_t w;
	int other;

	mock_begin(1);
	other = gm_child(xgt_dom);
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	w = window_of(p, SIZE);
	CHECK_EQ(g_read(BASE), 40);
	no_event(xgt_dom);
	CHECK_EQ(poll_now(xgt_dom), 0);

	OK(munmap((char *)p + 2 * PAGE, PAGE));
	g_expect(BASE + 2 * PAGE, READ, XGM_INJECTED);
	EVENTUALLY(poll_now(xgt_dom) == POLLIN);
	expect_fault(xgt_dom, w, 2, ENODATA, XEN_GPUMEM_ACCESS_READ);
	no_event(xgt_dom);
	CHECK_EQ(poll_now(xgt_dom), 0);

	/* What may not even be read is not there, whatever is wanted. */
	OK(mprotect((char *)p + 4 * PAGE, PAGE, PROT_NONE));
	g_expect(BASE + 4 * PAGE, WRITE, XGM_INJECTED);
	expect_fault(xgt_dom, w, 4, ENODATA, XEN_GPUMEM_ACCESS_WRITE);

	/* Not the binding's permission, and not the process's. */
	OK(mprotect((char *)p + 3 * PAGE, PAGE, PROT_READ));
	CHECK_EQ(g_read(BASE + 3 * PAGE), 43);
	g_expect(BASE + 3 * PAGE, WRITE, XGM_INJECTED);
	expect_fault(xgt_dom, w, 3, EROFS, XEN_GPUMEM_ACCESS_WRITE);
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE |
		   XEN_GPUMEM_BIND_READONLY, XEN_GPUMEM_POLICY_ZERO));
	g_expect(BASE + 5 * PAGE, WRITE, XGM_INJECTED);
	expect_fault(xgt_dom, w, 5, EROFS, XEN_GPUMEM_ACCESS_WRITE);

	/* The other policy is as much of a failure. */
	CHECK_EQ(g_read(BASE + 2 * PAGE), 0);
	expect_fault(xgt_dom, w, 2, ENODATA, XEN_GPUMEM_ACCESS_READ);

	/* What is transient is told only when it stays. */
	mock_bad_page(w, 6, ENOMEM, 3);
	CHECK_EQ(g_read(BASE + 6 * PAGE), 46);
	no_event(xgt_dom);
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	mock_bad_page(w, 6, ENOMEM, 1000);
	g_expect(BASE + 6 * PAGE, READ, XGM_INJECTED);
	expect_fault(xgt_dom, w, 6, ENOSPC, XEN_GPUMEM_ACCESS_READ);
	mock_bad_page(w, 6, EBUSY, 1000);
	g_expect(BASE + 6 * PAGE, READ, XGM_INJECTED);
	expect_fault(xgt_dom, w, 6, EBUSY, XEN_GPUMEM_ACCESS_READ);
	mock_bad_page(w, 6, EACCES, 1000);
	g_expect(BASE + 6 * PAGE, READ, XGM_INJECTED);
	expect_fault(xgt_dom, w, 6, EACCES, XEN_GPUMEM_ACCESS_READ);

	/* A hole is no failure; and it all was nobody else's business. */
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	g_expect(BASE, READ, XGM_MMIO);
	no_event(xgt_dom);
	no_event(other);
	mock_end();
}

static void orphan_child(void *arg)
{
	const uint32_t *w = arg;
	volatile uint64_t *p = map_anon(200 * PAGE);

	/* Every other page of the first hundred, and of another window one. */
	for (int i = 0; i < 100; i += 2)
		OK(gm_bind(xgt_dom, w[0], i * PAGE, PAGE,
			   (char *)p + i * PAGE, 0, 0));
	OK(gm_bind(xgt_dom, w[1], PAGE, 2 * PAGE, p, 0, 0));
	/* One that is gone before the process is. */
	OK(gm_bind(xgt_dom, w[1], 5 * PAGE, PAGE, p, 0, 0));
	OK(gm_unbind(xgt_dom, w[1], 5 * PAGE, PAGE));
}

/* A process ends, and leaves its bindings behind: one record for each window. */
static void orphans(void)
{
	struct xen_gpumem_event e;
	uint32_t w[2];

	mock_begin(1);
	w[0] = window_new(100 * PAGE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_window_add(xgt_dom, BASE + MIB, SIZE, XEN_GPUMEM_POLICY_MMIO,
			 &w[1]));
	xgt_join(xgt_fork(orphan_child, w));
	EVENTUALLY(poll_now(xgt_dom) == POLLIN);
	e = next_event(xgt_dom);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_ORPHAN);
	if (e.window == w[1])
		e = next_event(xgt_dom);
	CHECK_EQ(e.window, w[0]);
	CHECK_EQ(e.count, 50);
	CHECK_EQ(e.offset, 0);
	CHECK_EQ(e.length, 99 * PAGE);
	/* They have a policy still, and that is told as any failure. */
	g_expect(BASE + 2 * PAGE, READ, XGM_INJECTED);
	while ((e = next_event(xgt_dom)).type == XEN_GPUMEM_EVENT_ORPHAN) {
		CHECK_EQ(e.window, w[1]);
		CHECK_EQ(e.count, 1);
		CHECK_EQ(e.offset, PAGE);
		CHECK_EQ(e.length, 2 * PAGE);
	}
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_FAULT);
	CHECK_EQ(e.error, ENODATA);
	mock_end();
}

/* --- how many -------------------------------------------------------------- */

/* A guest that fails without end makes one number grow. */
static void coalesced(void)
{
	struct xen_gpumem_event e;
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	w = window_of(p, SIZE);
	OK(munmap((void *)p, SIZE));
	for (int i = 0; i < 1000; i++)
		g_expect(BASE + 4 * PAGE, READ, XGM_INJECTED);
	/* Its neighbours on either side, and one that is none. */
	g_expect(BASE + 5 * PAGE, READ, XGM_INJECTED);
	g_expect(BASE + 3 * PAGE, READ, XGM_INJECTED);
	g_expect(BASE + 4 * PAGE, WRITE, XGM_INJECTED);
	g_expect(BASE + 1 * PAGE, READ, XGM_INJECTED);
	e = next_event(xgt_dom);
	CHECK_EQ(e.count, 1002);
	CHECK_EQ(e.offset, 3 * PAGE);
	CHECK_EQ(e.length, 3 * PAGE);
	expect_fault(xgt_dom, w, 4, ENODATA, XEN_GPUMEM_ACCESS_WRITE);
	expect_fault(xgt_dom, w, 1, ENODATA, XEN_GPUMEM_ACCESS_READ);
	no_event(xgt_dom);
	mock_end();
}

/* Too many of different kinds: the first are kept, the rest are counted. */
static void overflow(void)
{
	const unsigned int pages = 400;
	struct xen_gpumem_event e;
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_anon(pages * PAGE);
	w = window_of(p, pages * PAGE);
	OK(munmap((void *)p, pages * PAGE));
	for (unsigned int i = 0; i < 200; i++)
		g_expect(BASE + 2 * i * PAGE, READ, XGM_INJECTED);
	/* One that is known already is counted there, though all is full. */
	g_expect(BASE + 20 * PAGE, READ, XGM_INJECTED);
	/* The guest is answered first: not before the event is there. */
	wait_served(w);
	for (unsigned int i = 0; i < 10; i++)
		expect_fault(xgt_dom, w, 2 * i, ENODATA,
			     XEN_GPUMEM_ACCESS_READ);
	e = next_event(xgt_dom);
	CHECK_EQ(e.offset, 20 * PAGE);
	CHECK_EQ(e.count, 2);
	/* There is room again: what comes now is behind the gap. */
	g_expect(BASE + 399 * PAGE, READ, XGM_INJECTED);
	for (unsigned int i = 11; i < KEPT; i++)
		expect_fault(xgt_dom, w, 2 * i, ENODATA,
			     XEN_GPUMEM_ACCESS_READ);
	e = next_event(xgt_dom);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_OVERFLOW);
	CHECK_EQ(e.count, 200 - KEPT);
	expect_fault(xgt_dom, w, 399, ENODATA, XEN_GPUMEM_ACCESS_READ);
	no_event(xgt_dom);
	mock_end();
}

/* --- reading --------------------------------------------------------------- */

static void read_sizes(void)
{
	struct xen_gpumem_event e[4];
	volatile uint64_t *p;
	uint32_t w;
	char *end;
	/* Out of the compiler's sight. */
	void *volatile nowhere = (void *)8;

	mock_begin(1);
	p = map_anon(SIZE);
	w = window_of(p, SIZE);
	OK(munmap((void *)p, SIZE));
	for (int i = 0; i < PAGES; i += 2)
		g_expect(BASE + i * PAGE, READ, XGM_INJECTED);
	CHECK(read(xgt_dom, e, sizeof(e[0]) - 1) < 0 && errno == EINVAL);
	CHECK(read(xgt_dom, e, 0) < 0 && errno == EINVAL);
	CHECK(read(xgt_dom, nowhere, sizeof(e)) < 0 && errno == EFAULT);
	/* Two and a half fit: two come.  Nothing was lost by the failures. */
	CHECK_EQ(read(xgt_dom, e, 5 * sizeof(e[0]) / 2), 2 * sizeof(e[0]));
	CHECK(e[0].offset == 0 && e[1].offset == 2 * PAGE);
	/* The second one hits a page that is not there. */
	end = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(end != MAP_FAILED && !munmap(end + PAGE, PAGE));
	end += PAGE - sizeof(e[0]) - 4;
	CHECK_EQ(read(xgt_dom, end, 2 * sizeof(e[0])), sizeof(e[0]));
	memcpy(e, end, sizeof(e[0]));
	CHECK_EQ(e[0].offset, 4 * PAGE);
	expect_fault(xgt_dom, w, 6, ENODATA, XEN_GPUMEM_ACCESS_READ);
	no_event(xgt_dom);
	/* Nothing is written there, and there is nowhere to seek. */
	CHECK(write(xgt_dom, e, sizeof(e)) < 0);
	mock_end();
}

struct reader {
	struct mock_call call;
	struct xen_gpumem_event event;
	ssize_t ret;
};

static void reader_read(void *arg)
{
	struct reader *r = arg;

	r->ret = read(xgt_dom, &r->event, sizeof(r->event));
	if (r->ret < 0)
		r->ret = -errno;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* A reader waits for an event, a signal, or the guest's end. */
static void read_waits(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	volatile uint64_t *p;
	struct reader r;

	mock_begin(1);
	p = map_anon(SIZE);
	window_of(p, SIZE);
	/* Not unmapped: a thread's stack could come there. */
	OK(mprotect((void *)p, SIZE, PROT_NONE));
	CHECK(!sigaction(SIGUSR1, &sa, NULL));

	call_start(&r.call, reader_read, &r);
	xgt_sleep_ms(50);
	CHECK(!call_done(&r.call));
	g_expect(BASE, READ, XGM_INJECTED);
	call_join(&r.call);
	CHECK_EQ(r.ret, sizeof(r.event));
	CHECK_EQ(r.event.type, XEN_GPUMEM_EVENT_FAULT);

	call_start(&r.call, reader_read, &r);
	while (!call_done(&r.call)) {
		pthread_kill(r.call.thread, SIGUSR1);
		xgt_sleep_ms(5);
	}
	call_join(&r.call);
	CHECK_EQ(r.ret, -EINTR);

	call_start(&r.call, reader_read, &r);
	xgt_sleep_ms(50);
	CHECK(!call_done(&r.call));
	mock_kill(true);
	call_join(&r.call);
	CHECK_EQ(r.ret, sizeof(r.event));
	CHECK_EQ(r.event.type, XEN_GPUMEM_EVENT_GONE);
	mock_end();
}

/* The end of the guest is told once to each fd, after all else. */
static void gone(void)
{
	struct xen_gpumem_event e;
	volatile uint64_t *p;
	int child, late;

	mock_begin(1);
	child = gm_child(xgt_dom);
	p = map_anon(SIZE);
	window_of(p, SIZE);
	OK(munmap((void *)p, SIZE));
	g_expect(BASE, READ, XGM_INJECTED);
	/* Nothing is told after the end. */
	EVENTUALLY(poll_now(xgt_dom) == POLLIN);
	CHECK_EQ(poll_now(child), 0);
	mock_kill(true);
	EVENTUALLY(poll_now(child) == (POLLIN | POLLHUP));
	CHECK_EQ(next_event(xgt_dom).type, XEN_GPUMEM_EVENT_FAULT);
	e = next_event(xgt_dom);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_GONE);
	CHECK_EQ(gm_event(xgt_dom, &e), 0);
	CHECK_EQ(gm_event(xgt_dom, &e), 0);
	CHECK(poll_now(xgt_dom) & POLLHUP);
	CHECK_EQ(next_event(child).type, XEN_GPUMEM_EVENT_GONE);
	/* And no fd is derived from one of a dead guest. */
	late = gm_derive(child, &(struct xen_gpumem_derive){
			.rights = XEN_GPUMEM_RIGHT_LEND });
	ERR(late, ESRCH);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L4-mock-event-causes", "L4,L11,U6", fault_causes, 0, 0 },
	{ "L11-mock-event-orphans", "L11,L13", orphans, 0, 0 },
	{ "L19-mock-event-coalesced", "L19,L11", coalesced, 0, 0 },
	{ "L19-mock-event-overflow", "L19,L11", overflow, 0, 0 },
	{ "U1-mock-event-read", "U1,L11", read_sizes, 0, 0 },
	{ "L11-mock-event-waits", "L11", read_waits, 0, 0 },
	{ "L13-mock-event-gone", "L13,L11,S2", gone, 0, 0 },
};

XGT_MAIN(tests)
