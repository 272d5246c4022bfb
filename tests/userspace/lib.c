// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library, function by function, on the mock: what it does is looked at
 * from the guest's side.  Its words for errors are in errors.c.
 */
#include "us.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define INJECT	XEN_GPUMEM_POLICY_INJECT
#define ZERO	XEN_GPUMEM_POLICY_ZERO
#define MMIO	XEN_GPUMEM_POLICY_MMIO

static bool cloexec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	CHECK(flags >= 0);
	return flags & FD_CLOEXEC;
}

static uint32_t add(uint64_t gpa, uint64_t length, uint32_t policy)
{
	uint32_t window = 0;

	OK(xgm_window_add(xgt_dom, gpa, length, policy, &window));
	return window;
}

/* --- descriptors ----------------------------------------------------------- */

static void descriptors(void)
{
	struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_LEND, .first = BASE, .length = SIZE,
	};
	struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND |
					     XEN_GPUMEM_RIGHT_REMOVE,
		.max_windows = 2, .ranges = &range, .nr_ranges = 1,
	};
	struct xen_gpumem_info info;
	uint64_t generation = 0;
	int node, fd, child;
	uint32_t w;

	mock_begin(1);
	CHECK_EQ(xgm_version(), XGM_VERSION);
	node = xgm_node_open();
	CHECK(node >= 0 && cloexec(node));
	OK(xgm_info(node, &info, sizeof(info)));
	CHECK_EQ(info.out_abi, XEN_GPUMEM_ABI);
	CHECK(info.out_features & XEN_GPUMEM_FEAT_MOCK);
	CHECK_EQ(info.out_rights, 0);

	fd = xgm_domain_open(node, MOCK_DOMID, &l, &generation);
	CHECK(fd >= 0 && cloexec(fd));
	CHECK(generation);
	OK(xgm_info(fd, &info, sizeof(info)));
	CHECK_EQ(info.out_rights, l.rights);
	CHECK(info.out_gpa_end > BASE);
	/* Ranges and limits have arrived. */
	ERR(xgm_window_add(fd, BASE + SIZE, PAGE, MMIO, &w), EACCES);
	OK(xgm_window_add(fd, BASE, PAGE, MMIO, &w));
	OK(xgm_window_add(fd, BASE + PAGE, PAGE, MMIO, &w));
	ERR(xgm_window_add(fd, BASE + 2 * PAGE, PAGE, MMIO, &w), ENOSPC);

	/* Only this guest, if that is asked for. */
	l.generation = generation + 1;
	ERR(xgm_domain_open(node, MOCK_DOMID, &l, NULL), ESRCH);
	l.generation = generation;
	child = xgm_domain_open(node, MOCK_DOMID, &l, NULL);
	CHECK(child >= 0);
	ERR(xgm_domain_derive(fd, &l), EINVAL);
	close(child);

	/* Less is derived, more is not. */
	l.generation = 0;
	l.rights = XEN_GPUMEM_RIGHT_REMOVE;
	l.ranges = NULL;
	l.nr_ranges = 0;
	child = xgm_domain_derive(fd, &l);
	CHECK(child >= 0 && cloexec(child));
	ERR(xgm_window_add(child, BASE, PAGE, MMIO, &w), EPERM);
	OK(xgm_window_remove(child, w));
	ERR(xgm_domain_derive(child, NULL), EPERM);
	close(node);
	mock_end();
}

static void adoption(void)
{
	char number[16];
	int node, null;

	mock_begin(1);
	node = xgm_node_open();
	null = open("/dev/null", O_RDWR);
	CHECK(node >= 0 && null >= 0);
	ERR(xgm_domain_adopt(node), ENOTTY);
	ERR(xgm_domain_adopt(null), ENOTTY);
	ERR(xgm_domain_adopt(999), EBADF);
	/* What is not ours is left alone. */
	CHECK(!cloexec(null));

	CHECK(!fcntl(xgt_dom, F_SETFD, 0));
	OK(xgm_domain_adopt(xgt_dom));
	CHECK(cloexec(xgt_dom));

	unsetenv(XGM_ENV_FD);
	ERR(xgm_domain_from_env(NULL), ENOENT);
	setenv(XGM_ENV_FD, "", 1);
	ERR(xgm_domain_from_env(NULL), EINVAL);
	setenv(XGM_ENV_FD, "5x", 1);
	ERR(xgm_domain_from_env(NULL), EINVAL);
	setenv(XGM_ENV_FD, "-1", 1);
	ERR(xgm_domain_from_env(NULL), EINVAL);
	setenv(XGM_ENV_FD, "99999999999", 1);
	ERR(xgm_domain_from_env(NULL), EINVAL);
	setenv(XGM_ENV_FD, "999", 1);
	ERR(xgm_domain_from_env(NULL), EBADF);
	CHECK(!fcntl(xgt_dom, F_SETFD, 0));
	snprintf(number, sizeof(number), "%d", xgt_dom);
	setenv("ANOTHER", number, 1);
	CHECK_EQ(xgm_domain_from_env("ANOTHER"), xgt_dom);
	CHECK(cloexec(xgt_dom));
	mock_end();
}

/* Structures that are shorter or longer than the library's own. */
static void sizes(void)
{
	struct {
		struct xgm_limits l;
		uint64_t more;
	} longer = { .l = { .size = sizeof(longer),
			    .rights = XEN_GPUMEM_RIGHT_LEND } };
	struct {
		struct xen_gpumem_window_query q;
		uint64_t more;
	} query;
	struct xen_gpumem_info info;
	uint32_t w;
	int child;

	mock_begin(1);
	w = add(BASE, SIZE, MMIO);
	child = xgm_domain_derive(xgt_dom, &longer.l);
	CHECK(child >= 0);
	close(child);
	longer.more = 1;
	ERR(xgm_domain_derive(xgt_dom, &longer.l), E2BIG);
	/* One from before there were grants is as long as this. */
	longer.l.size = offsetof(struct xgm_limits, max_grants);
	child = xgm_domain_derive(xgt_dom, &longer.l);
	CHECK(child >= 0);
	close(child);
	longer.l.size -= 8;
	ERR(xgm_domain_derive(xgt_dom, &longer.l), EINVAL);

	/* A longer one comes back with zeroes at its end. */
	query.more = 1;
	OK(xgm_window_query(xgt_dom, w, 0, 0, &query.q, sizeof(query)));
	CHECK_EQ(query.more, 0);
	/* Nothing is written past what the caller has. */
	query.q.out_fault_ns_max = 0x55;
	ERR(xgm_window_query(xgt_dom, w, 0, 0, &query.q,
			     sizeof(query.q) - 8), EINVAL);
	CHECK_EQ(query.q.out_fault_ns_max, 0x55);
	ERR(xgm_window_query(xgt_dom, w, 0, 0, &query.q, 8), EINVAL);
	ERR(xgm_info(xgt_dom, &info, 2), EINVAL);
	ERR(xgm_info(xgt_dom, &info, 8), EINVAL);
	mock_end();
}

/* --- windows and bindings -------------------------------------------------- */

static void windows(void)
{
	volatile uint64_t *p;
	uint32_t w, w2 = 77;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 10);
	w = add(XEN_GPUMEM_PARKED, SIZE, INJECT);
	OK(xgm_bind(xgt_dom, w, 0, SIZE / 2, p, 0, INJECT));
	g_expect(BASE, READ, XGM_NOWINDOW);
	OK(xgm_window_move(xgt_dom, w, BASE));
	CHECK_EQ(g_read(BASE + PAGE), 11);
	g_expect(BASE + SIZE / 2, READ, XGM_INJECTED);
	OK(xgm_window_move(xgt_dom, w, BASE + GIB));
	g_expect(BASE + PAGE, READ, XGM_NOWINDOW);
	CHECK_EQ(g_read(BASE + GIB + PAGE), 11);
	OK(xgm_window_park(xgt_dom, w));
	g_expect(BASE + GIB + PAGE, READ, XGM_NOWINDOW);

	/* The id is told only of a window that there is. */
	ERR(xgm_window_add(xgt_dom, BASE + 1, SIZE, MMIO, &w2), EINVAL);
	ERR(xgm_window_add(xgt_dom, 0, SIZE, MMIO, &w2), EADDRNOTAVAIL);
	CHECK_EQ(w2, 77);
	OK(xgm_window_remove(xgt_dom, w));
	ERR(xgm_window_remove(xgt_dom, w), ENOENT);
	ERR(xgm_window_park(xgt_dom, w), ENOENT);
	mock_end();
}

static void bindings(void)
{
	volatile uint64_t *p, *shared;
	int file;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	file = memfd_new(SIZE);
	shared = map_shared(file, SIZE);
	stamp(p, SIZE, 100);
	stamp(shared, SIZE, 200);
	w = add(BASE, SIZE, MMIO);

	OK(xgm_bind(xgt_dom, w, PAGE, 2 * PAGE, p, 0, ZERO));
	g_expect(BASE, READ, XGM_MMIO);
	CHECK_EQ(g_read(BASE + PAGE), 100);
	CHECK_EQ(g_read(BASE + 2 * PAGE), 101);
	g_write(BASE + 2 * PAGE, 55);
	CHECK_EQ(p[PAGE / 8], 55);
	ERR(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT), EEXIST);
	/* The policy has arrived. */
	OK(munmap((void *)p, PAGE));
	CHECK_EQ(g_read(BASE + PAGE), 0);

	/* Flags: in exchange for it, and for reading only; from page 3 on. */
	OK(xgm_bind_fd(xgt_dom, w, 0, 4 * PAGE, file, 3 * PAGE,
		       XEN_GPUMEM_BIND_REPLACE | XEN_GPUMEM_BIND_READONLY,
		       INJECT));
	close(file);
	CHECK_EQ(g_read(BASE), 203);
	CHECK_EQ(g_read(BASE + PAGE), 204);
	g_expect(BASE, WRITE, XGM_INJECTED);
	CHECK_EQ(shared[3 * PAGE / 8], 203);

	ERR(xgm_unbind(xgt_dom, w, PAGE, PAGE), EEXIST);
	OK(xgm_unbind(xgt_dom, w, 0, SIZE));
	g_expect(BASE, READ, XGM_MMIO);
	ERR(xgm_unbind(xgt_dom, w, 0, SIZE), ENOENT);
	mock_end();
}

static void populate(void)
{
	volatile uint64_t *p;
	uint64_t done = 1;
	uint32_t w;

	mock_begin(1);
	p = map_shared(memfd_new(SIZE), SIZE);
	w = add(BASE, SIZE, MMIO);
	OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
	OK(xgm_populate(xgt_dom, w, 0, 2 * PAGE,
			XEN_GPUMEM_POPULATE_WRITE, &done));
	CHECK_EQ(done, 2 * PAGE);
	CHECK(g_can_write(w, 0) && g_can_write(w, 1) && !g_has(w, 2));
	/* How far it came is told of a failure, too. */
	OK(munmap((char *)p + 5 * PAGE, PAGE));
	ERR(xgm_populate(xgt_dom, w, PAGE, 7 * PAGE, 0, &done), ENODATA);
	CHECK_EQ(done, 4 * PAGE);
	CHECK(g_has(w, 4) && !g_has(w, 5));
	ERR(xgm_populate(xgt_dom, w, 0, SIZE, 0, NULL), ENODATA);
	OK(xgm_window_park(xgt_dom, w));
	ERR(xgm_populate(xgt_dom, w, 0, PAGE, 0, &done), ENXIO);
	CHECK_EQ(done, 0);
	mock_end();
}

/* --- events ---------------------------------------------------------------- */

static void events(void)
{
	struct xen_gpumem_event e, copy[2];
	char text[300], buf[4096];
	struct xgm_usage u;
	volatile uint64_t *p;
	size_t pos = 0;
	uint32_t w;
	ssize_t n;

	mock_begin(1);
	p = map_anon(SIZE);
	w = add(BASE, SIZE, MMIO);
	OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
	CHECK_EQ(xgm_event_wait(xgt_dom, 0), 0);
	ERR(xgm_event_get(xgt_dom, &e, sizeof(e), 20), ETIMEDOUT);

	/* Two that do not adjoin: one is taken at a time. */
	OK(munmap((void *)p, SIZE));
	g_expect(BASE + PAGE, READ, XGM_INJECTED);
	g_expect(BASE + 5 * PAGE, WRITE, XGM_INJECTED);
	CHECK_EQ(xgm_event_wait(xgt_dom, -1), 1);
	CHECK_EQ(xgm_event_get(xgt_dom, &e, sizeof(e), 0), 1);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_FAULT);
	CHECK_EQ(e.window, w);
	CHECK_EQ(e.offset, PAGE);
	CHECK_EQ(e.error, ENODATA);
	xgm_event_format(&e, text, sizeof(text));
	has(text, "1 access (read) at 0x1000");
	has(text, "(ENODATA)");
	has(text, xgm_strerror(XGM_CALL_EVENT, ENODATA));
	copy[1].size = 0x77;
	CHECK_EQ(xgm_event_get(xgt_dom, copy, sizeof(copy), 20000), 1);
	CHECK_EQ(copy[0].offset, 5 * PAGE);
	CHECK_EQ(copy[1].size, 0);
	CHECK_EQ(xgm_event_wait(xgt_dom, 0), 0);

	/* By hand. */
	g_expect(BASE + PAGE, READ, XGM_INJECTED);
	g_expect(BASE + 5 * PAGE, READ, XGM_INJECTED);
	/* The guest is answered before it is told. */
	EVENTUALLY(!xgm_usage_get(xgt_dom, &u, sizeof(u)) && u.events == 2);
	ERR(xgm_event_read(xgt_dom, buf, 8), EINVAL);
	n = xgm_event_read(xgt_dom, buf, sizeof(buf));
	CHECK_EQ(n, 2 * sizeof(e));
	CHECK_EQ(xgm_event_next(buf, n, &pos, &e, sizeof(e)), 1);
	CHECK_EQ(e.offset, PAGE);
	CHECK_EQ(xgm_event_next(buf, n, &pos, &e, sizeof(e)), 1);
	CHECK_EQ(e.offset, 5 * PAGE);
	CHECK_EQ(xgm_event_next(buf, n, &pos, &e, sizeof(e)), 0);

	mock_kill(true);
	CHECK_EQ(xgm_event_get(xgt_dom, &e, sizeof(e), 5000), 1);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_GONE);
	CHECK_EQ(xgm_event_get(xgt_dom, &e, sizeof(e), 5000), 0);
	ERR(xgm_event_wait(999, 0), EBADF);
	mock_end();
}

/* Records of later kernels, and what is none. */
static void event_records(void)
{
	union {
		uint32_t words[64];
		struct xen_gpumem_event e;
		unsigned char bytes[256];
	} buf;
	const size_t size = sizeof(struct xen_gpumem_event);
	struct xen_gpumem_event e;
	size_t pos = 0;

	memset(&buf, 0, sizeof(buf));
	buf.e = (struct xen_gpumem_event){ .size = size + 24, .type = 9 };
	memset(buf.bytes + size, 0xff, 24);
	memcpy(buf.bytes + size + 24, &(struct xen_gpumem_event){
			.size = size, .type = XEN_GPUMEM_EVENT_ORPHAN,
			.access = 3 }, size);
	CHECK_EQ(xgm_event_next(&buf, 2 * size + 24, &pos, &e, sizeof(e)), 1);
	CHECK_EQ(pos, size + 24);
	CHECK_EQ(e.type, 9);
	CHECK(!xgm_event_name(e.type));
	CHECK_EQ(xgm_event_next(&buf, 2 * size + 24, &pos, &e, sizeof(e)), 1);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_ORPHAN);
	CHECK_EQ(e.access, 3);
	CHECK_EQ(xgm_event_next(&buf, 2 * size + 24, &pos, &e, sizeof(e)), 0);

	/* A caller that knows less gets less. */
	pos = 0;
	e.access = 0x99;
	CHECK_EQ(xgm_event_next(&buf, 2 * size + 24, &pos, &e, size - 4), 1);
	CHECK_EQ(e.access, 0x99);

	static const uint32_t bad[] = { 0, 8, 36, 44, 2 * 40 + 32, ~0U };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		buf.e.size = bad[i];
		pos = 0;
		ERR(xgm_event_next(&buf, 2 * size + 24, &pos, &e, sizeof(e)),
		    EBADMSG);
		CHECK_EQ(pos, 0);
	}
	buf.e.size = size;
	ERR(xgm_event_next(&buf, size - 1, &pos, &e, sizeof(e)), EBADMSG);
	pos = 500;
	ERR(xgm_event_next(&buf, size, &pos, &e, sizeof(e)), EBADMSG);
}

/* --- counters -------------------------------------------------------------- */

static void counters(void)
{
	struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND,
		.max_windows = 3, .max_bytes = 4 * SIZE,
	};
	struct xen_gpumem_window_query q;
	struct xgm_usage u;
	volatile uint64_t *p;
	uint32_t w;
	int child;

	mock_begin(1);
	p = map_shared(memfd_new(SIZE), SIZE);
	child = xgm_domain_derive(xgt_dom, &l);
	CHECK(child >= 0);
	OK(xgm_window_add(child, BASE, SIZE, MMIO, &w));
	OK(xgm_bind(child, w, 0, SIZE / 2, p, 0, INJECT));
	g_write(BASE, 1);
	CHECK_EQ(g_read(BASE + PAGE), 0);
	OK(madvise((void *)p, PAGE, MADV_DONTNEED));
	/* The guest has its page before it is known how long that took. */
	EVENTUALLY(gm_served(MOCK_DOMID, w) == 2);
	OK(xgm_window_query(child, w, 0, 0, &q, sizeof(q)));
	CHECK_EQ(q.out_bound, PAGES / 2);
	CHECK_EQ(q.out_pages, 1);
	CHECK_EQ(q.out_mapped, 2);
	CHECK_EQ(q.out_faults, 2);
	CHECK_EQ(q.out_revokes, 1);
	CHECK(q.out_fault_ns_max);
	OK(xgm_window_query(child, w, SIZE / 2, PAGE, &q, sizeof(q)));
	CHECK_EQ(q.out_bound, 0);

	OK(xgm_usage_get(child, &u, sizeof(u)));
	CHECK_EQ(u.domid, MOCK_DOMID);
	CHECK(u.generation && u.alive);
	CHECK_EQ(u.rights, XEN_GPUMEM_RIGHT_LEND);
	CHECK_EQ(u.windows.used, 1);
	CHECK_EQ(u.windows.limit, 3);
	CHECK_EQ(u.bindings.used, 1);
	CHECK_EQ(u.bytes.used, SIZE / 2);
	CHECK_EQ(u.bytes.limit, 4 * SIZE);
	CHECK_EQ(u.exports.limit, XGM_NO_LIMIT);
	CHECK_EQ(u.events, 0);
	OK(xgm_usage_get(xgt_dom, &u, sizeof(u)));
	CHECK_EQ(u.bytes.used, SIZE / 2);
	CHECK_EQ(u.bytes.limit, XGM_NO_LIMIT);
	OK(munmap((void *)p, SIZE));
	g_expect(BASE, READ, XGM_INJECTED);
	EVENTUALLY(!xgm_usage_get(child, &u, sizeof(u)) && u.events == 1);
	ERR(xgm_usage_get(1, &u, sizeof(u)), ENOTTY);
	ERR(xgm_usage_get(999, &u, sizeof(u)), ENOENT);
	mock_end();
}

/* --- threads --------------------------------------------------------------- */

static int stop;

static void binds_on(void *arg)
{
	uint32_t w = *(uint32_t *)arg;
	volatile uint64_t *p = map_anon(SIZE);

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
		OK(xgm_populate(xgt_dom, w, 0, SIZE, 0, NULL));
		CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), PAGES);
		OK(xgm_unbind(xgt_dom, w, 0, SIZE));
	}
}

static void fails_on(void *arg)
{
	uint32_t w = *(uint32_t *)arg;
	struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_UNBIND, .window = w,
		.offset = SIZE, .length = PAGE,
	};
	char text[200];

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		ERR(xgm_unbind(xgt_dom, w, SIZE, PAGE), ERANGE);
		xgm_explain(xgt_dom, &a, ERANGE, text, sizeof(text));
		has(text, "has 0x8000 bytes");
	}
}

/* Several threads with one descriptor are in nobody's way. */
static void threads(void)
{
	struct mock_call calls[4];
	uint32_t w[4];

	mock_begin(1);
	for (unsigned int i = 0; i < 4; i++) {
		w[i] = add(BASE + i * GIB, SIZE, MMIO);
		call_start(&calls[i], i < 2 ? binds_on : fails_on, &w[i]);
	}
	xgt_sleep_ms(500);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 4; i++)
		call_join(&calls[i]);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U2-lib-descriptors", "U2,S1", descriptors, 0, 0 },
	{ "U2-lib-adopt", "U2,L11", adoption, 0, 0 },
	{ "U2-lib-sizes", "U2,U1", sizes, 0, 0 },
	{ "U2-lib-windows", "U2", windows, 0, 0 },
	{ "U2-lib-bindings", "U2,L23", bindings, 0, 0 },
	{ "U2-lib-populate", "U2", populate, 0, 0 },
	{ "U2-lib-events", "U2,U4", events, 0, 0 },
	{ "U2-lib-event-records", "U2,U1", event_records, 0, 0 },
	{ "U4-lib-counters", "U4,U2", counters, 0, 0 },
	{ "U2-lib-threads", "U2", threads, 0, 0 },
};

XGT_MAIN(tests)
