// SPDX-License-Identifier: GPL-2.0-only
/*
 * L11, L19: what a backend learns from its fd without having asked.
 *
 * Every access that ends in a policy is counted, so that the records of a
 * window always add up, however they were put together, and whether or not some
 * were dropped.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "xgt.h"

#define LENGTH	(1024 * PAGE)
#define RECORDS	256

static struct xen_gpumem_event record[RECORDS];
static uint32_t window;
static volatile uint64_t *map;

static void need_events(void)
{
	struct xen_gpumem_info info;

	OK(gm_info(xgt_dom, &info));
	if (!(info.out_features & XEN_GPUMEM_FEAT_EVENTS))
		xgt_skip("%s", "the driver has no events");
}

static short polled(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK(poll(&p, 1, ms) >= 0);
	return p.revents;
}

/* Read what there is; return how many records that is. */
static unsigned int take(int fd)
{
	char *p = (char *)record;
	static char buf[sizeof(record)];
	unsigned int n = 0;
	ssize_t len, at = 0;

	CHECK(polled(fd, 60000) & POLLIN);
	len = read(fd, buf, sizeof(buf));
	if (len < 0)
		FAIL("read: %s", strerror(errno));
	while (at < len) {
		struct xen_gpumem_event *e = (void *)(buf + at);

		CHECK(e->size >= sizeof(*e) && !(e->size % 8) &&
		      at + e->size <= len);
		memcpy(p, e, sizeof(*e));
		p += sizeof(*e);
		at += e->size;
		n++;
	}
	return n;
}

static void begin(uint64_t length)
{
	need_events();
	map = map_shared(memfd_new(LENGTH), LENGTH);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, length, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(polled(xgt_dom, 0), 0);
}

/*
 * So many accesses to one page, in one record or, as the guest may be quicker
 * than the record, in two.
 */
static void expect_faults(uint64_t offset, int error, uint32_t access,
			  uint32_t count)
{
	unsigned int records = 0, sum = 0, n;

	while (sum < count) {
		n = take(xgt_dom);
		for (unsigned int i = 0; i < n; i++) {
			const struct xen_gpumem_event *e = &record[i];

			CHECK_EQ(e->type, XEN_GPUMEM_EVENT_FAULT);
			CHECK_EQ(e->window, window);
			CHECK_EQ(e->offset, offset);
			CHECK_EQ(e->length, PAGE);
			CHECK_EQ(e->error, error);
			CHECK(e->access & access);
			sum += e->count;
		}
		records += n;
	}
	CHECK_EQ(sum, count);
	CHECK(records <= 2);
}

/* One failed access, one record; none where all is well. */
static void fault(void)
{
	int other;
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};

	begin(LENGTH / 2);
	other = gm_open_domain(xgt_guest.domid, &limits);
	CHECK(other >= 0);
	/* Served, or nothing bound there: that is no failure. */
	guest_write(XGT_WINDOW, 1);
	CHECK_EQ(guest_read(XGT_WINDOW + LENGTH / 2), ~0ULL);
	CHECK_EQ(polled(xgt_dom, 0), 0);
	CHECK(!munmap((void *)(map + 4 * PAGE / 8), PAGE));
	guest_read_faults(XGT_WINDOW + 4 * PAGE + 8);
	expect_faults(4 * PAGE, ENODATA, XEN_GPUMEM_ACCESS_READ, 1);
	CHECK_EQ(polled(xgt_dom, 0), 0);
	/* A write to what is read-only. */
	OK(gm_bind(xgt_dom, window, 0, LENGTH / 2, map,
		   XEN_GPUMEM_BIND_REPLACE | XEN_GPUMEM_BIND_READONLY,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(guest_read(XGT_WINDOW), 1);
	guest_write_faults(XGT_WINDOW);
	expect_faults(0, EROFS, XEN_GPUMEM_ACCESS_WRITE, 1);
	/* The same one over and over is one record. */
	for (int i = 0; i < 50; i++)
		guest_read_faults(XGT_WINDOW + 4 * PAGE + 8);
	expect_faults(4 * PAGE, ENODATA, XEN_GPUMEM_ACCESS_READ, 50);
	/* It was this fd's window, and is nobody else's business. */
	CHECK_EQ(polled(other, 0), 0);
}

struct victim {
	int dom;
	volatile uint32_t window;
};

static void victim(void *arg)
{
	struct victim *v = arg;
	volatile uint64_t *m = map_anon(4 * PAGE);
	uint32_t id;

	OK(gm_window_add(v->dom, XGT_WINDOW, 8 * PAGE, XEN_GPUMEM_POLICY_MMIO,
			 &id));
	for (int i = 0; i < 4; i++)
		OK(gm_bind(v->dom, id, (i + 2) * PAGE, PAGE,
			   m + i * PAGE / 8, 0, XEN_GPUMEM_POLICY_ZERO));
	m[0] = 9;
	v->window = id + 1;
	for (;;)
		pause();
}

/* A process is gone that had bound memory: said to who still has the fd. */
static void orphan(void)
{
	struct victim *v = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int bindings = 0, n;
	pid_t pid;

	need_events();
	v->dom = xgt_dom;
	pid = xgt_fork_user(victim, v);
	while (!v->window)
		xgt_sleep_ms(2);
	CHECK_EQ(guest_read(XGT_WINDOW + 2 * PAGE), 9);
	CHECK_EQ(polled(xgt_dom, 0), 0);
	xgt_kill(pid);
	while (bindings < 4) {
		n = take(xgt_dom);
		for (unsigned int i = 0; i < n; i++) {
			CHECK_EQ(record[i].type, XEN_GPUMEM_EVENT_ORPHAN);
			CHECK_EQ(record[i].window, v->window - 1);
			CHECK(record[i].offset >= 2 * PAGE &&
			      record[i].offset + record[i].length <= 6 * PAGE);
			bindings += record[i].count;
		}
	}
	CHECK_EQ(bindings, 4);
	CHECK_EQ(guest_read(XGT_WINDOW + 2 * PAGE), 0);
	OK(gm_window_remove(xgt_dom, v->window - 1));
}

/* More than fits: the newest are dropped, and counted. */
static void overflow(void)
{
	const unsigned int accesses = LENGTH / PAGE / 2;
	uint64_t faults = 0, dropped = 0;
	unsigned int n;

	begin(LENGTH);
	CHECK(!munmap((void *)map, LENGTH));
	/* No two of them adjoin, so each is a record of its own. */
	for (unsigned int i = 0; i < accesses; i++)
		guest_read_faults(XGT_WINDOW + 2 * i * PAGE);
	while (faults + dropped < accesses) {
		n = take(xgt_dom);
		for (unsigned int i = 0; i < n; i++) {
			if (record[i].type == XEN_GPUMEM_EVENT_OVERFLOW)
				dropped += record[i].count;
			else
				faults += record[i].count;
		}
	}
	xgt_info("%lu records kept, %lu dropped", faults, dropped);
	CHECK(faults >= 8);
	CHECK(dropped > 0);
	CHECK_EQ(faults + dropped, accesses);
	/* After that there is room again. */
	guest_read_faults(XGT_WINDOW + PAGE);
	expect_faults(PAGE, ENODATA, XEN_GPUMEM_ACCESS_READ, 1);
}

struct reader {
	pthread_t thread;
	struct xen_gpumem_event event;
	volatile ssize_t ret;
	volatile bool done;
};

static void *reader(void *arg)
{
	struct reader *r = arg;

	r->ret = read(xgt_dom, &r->event, sizeof(r->event));
	if (r->ret < 0)
		r->ret = -errno;
	r->done = true;
	return NULL;
}

/* It sleeps, and long enough to be seen to. */
static struct reader *reader_start(void)
{
	static struct reader r;

	r = (struct reader){ .done = false };
	CHECK(!pthread_create(&r.thread, NULL, reader, &r));
	xgt_sleep_ms(100);
	CHECK(!r.done);
	return &r;
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Who reads where there is nothing waits: for an event, or for a signal. */
static void waits(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };
	struct reader *r;

	begin(LENGTH / 2);
	/* Not unmapped: the thread's stack could come to lie there. */
	CHECK(!mprotect((void *)map, PAGE, PROT_NONE));
	r = reader_start();
	guest_read_faults(XGT_WINDOW);
	CHECK(!pthread_join(r->thread, NULL));
	CHECK_EQ(r->ret, sizeof(r->event));
	CHECK_EQ(r->event.type, XEN_GPUMEM_EVENT_FAULT);
	CHECK_EQ(r->event.window, window);
	CHECK_EQ(r->event.offset, 0);
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	r = reader_start();
	/* Again, should it not have come to that yet. */
	while (!r->done) {
		pthread_kill(r->thread, SIGUSR1);
		xgt_sleep_ms(5);
	}
	CHECK(!pthread_join(r->thread, NULL));
	CHECK_EQ(r->ret, (unsigned long long)-EINTR);
	/* And nothing was lost by that. */
	guest_read_faults(XGT_WINDOW);
	expect_faults(0, ENODATA, XEN_GPUMEM_ACCESS_READ, 1);
}

static void gone(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int fd[2] = { xgt_dom };
	struct xen_gpumem_event e;
	unsigned int n;

	need_events();
	fd[1] = gm_open_domain(xgt_guest.domid, &limits);
	CHECK(fd[1] >= 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(polled(fd[i], 0), 0);
	guest_destroy(&xgt_guest);
	for (int i = 0; i < 2; i++) {
		CHECK(polled(fd[i], 60000) & POLLIN);
		n = take(fd[i]);
		CHECK_EQ(n, 1);
		CHECK_EQ(record[0].type, XEN_GPUMEM_EVENT_GONE);
		CHECK(polled(fd[i], 0) & POLLHUP);
		CHECK_EQ(read(fd[i], &e, sizeof(e)), 0);
	}
}

static const struct xgt_test tests[] = {
	{ "L11-event-fault", "L11,U6", fault, XGT_GUEST, 0 },
	{ "L11-event-waits", "L11", waits, XGT_GUEST | XGT_USER, 0 },
	{ "L11-event-orphan", "L11,L13", orphan, XGT_GUEST, 0 },
	{ "L11-event-overflow", "L11,L19", overflow, XGT_GUEST, 0 },
	{ "L11-event-gone", "L11,L13", gone, XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
