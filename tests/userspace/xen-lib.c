// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library with a guest of Xen's: a backend's calls from its descriptor to
 * the guest's death, and what a guest makes of them.  Function by function it
 * is tested on the mock (lib.c); here it is contents that count.
 */
#include <sys/socket.h>

#include "us.h"

#define PAGES	16
#define SIZE	(PAGES * PAGE)
#define MUCH	(32 * MIB)
#define GPA	XGT_WINDOW
#define INJECT	XEN_GPUMEM_POLICY_INJECT
#define ZERO	XEN_GPUMEM_POLICY_ZERO
#define MMIO	XEN_GPUMEM_POLICY_MMIO
#define NOBODY	(~0ULL)			/* what a read finds there */

/* As a backend's parent does it. */
static int open_guest(const struct xgm_limits *limits, uint64_t *generation)
{
	int node = xgm_node_open(), fd;

	CHECK(node >= 0);
	fd = xgm_domain_open(node, xgt_guest.domid, limits, generation);
	close(node);
	if (fd < 0)
		FAIL("xgm_domain_open: %s", xgt_errname(-fd));
	return fd;
}

static uint32_t add(int fd, uint64_t gpa, uint64_t length)
{
	uint32_t window;

	OK(xgm_window_add(fd, gpa, length, MMIO, &window));
	return window;
}

/* What is in @p is what the guest sees, and the other way round. */
static void shares(volatile void *p, uint64_t gpa, uint64_t length,
		   uint64_t seed)
{
	fill(p, length, seed);
	cmd_ok(0, XG_CMD_CHECK, gpa, length, seed);
	cmd_ok(1, XG_CMD_FILL, gpa, length, seed + 1);
	verify(p, length, seed + 1);
}

/* --- lending --------------------------------------------------------------- */

static void descriptor(void)
{
	struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND,
	};
	struct xen_gpumem_info info;
	uint64_t generation = 0;
	int node, fd;

	fd = open_guest(&l, &generation);
	CHECK(generation);
	OK(xgm_info(fd, &info, sizeof(info)));
	CHECK_EQ(info.out_abi, XEN_GPUMEM_ABI);
	CHECK(info.out_hv_version && !(info.out_features &
				       XEN_GPUMEM_FEAT_MOCK));
	CHECK_EQ(info.out_rights, XEN_GPUMEM_RIGHT_LEND);
	CHECK(info.out_gpa_end > GPA);
	close(fd);

	/* This guest, and no other that may have its number. */
	node = xgm_node_open();
	CHECK(node >= 0);
	l.generation = generation + 1;
	ERR(xgm_domain_open(node, xgt_guest.domid, &l, NULL), ESRCH);
	l.generation = generation;
	fd = xgm_domain_open(node, xgt_guest.domid, &l, NULL);
	CHECK(fd >= 0);
	/* Nor oneself, nor nobody. */
	ERR(xgm_domain_open(node, 0, NULL, NULL), EPERM);
	ERR(xgm_domain_open(node, 0x7fee, NULL, NULL), ESRCH);
}

static void window_and_bindings(void)
{
	volatile uint64_t *p = map_anon(SIZE);
	volatile uint64_t *other = map_shared(memfd_new(SIZE), SIZE);
	int fd = open_guest(NULL, NULL);
	uint32_t w;

	/* As a BAR: reserved, programmed, filled piece by piece. */
	w = add(fd, XEN_GPUMEM_PARKED, 4 * SIZE);
	OK(xgm_bind(fd, w, SIZE, SIZE, p, 0, INJECT));
	CHECK_EQ(guest_read(GPA + SIZE), NOBODY);
	OK(xgm_window_move(fd, w, GPA));
	shares(p, GPA + SIZE, SIZE, 1);
	CHECK_EQ(guest_read(GPA), NOBODY);

	/* Another buffer in its place; what was there is left alone. */
	ERR(xgm_bind(fd, w, SIZE, SIZE, other, 0, INJECT), EEXIST);
	OK(xgm_bind(fd, w, SIZE, SIZE, other, XEN_GPUMEM_BIND_REPLACE,
		    INJECT));
	shares(other, GPA + SIZE, SIZE, 3);
	verify(p, SIZE, 2);

	/* To read only. */
	OK(xgm_bind(fd, w, 0, SIZE, p, XEN_GPUMEM_BIND_READONLY, ZERO));
	cmd_ok(0, XG_CMD_CHECK, GPA, SIZE, 2);
	guest_write_faults(GPA);
	verify(p, SIZE, 2);
	/* The policy of what is not there any more. */
	OK(munmap((void *)p, PAGE));
	CHECK_EQ(guest_read(GPA), 0);
	OK(munmap((void *)other, PAGE));
	guest_read_faults(GPA + SIZE);

	/* Elsewhere, nowhere, gone. */
	OK(xgm_window_move(fd, w, GPA + MIB));
	CHECK_EQ(guest_read(GPA + SIZE + PAGE), NOBODY);
	CHECK_EQ(guest_read(GPA + MIB + SIZE + PAGE), other[PAGE / 8]);
	OK(xgm_window_park(fd, w));
	CHECK_EQ(guest_read(GPA + MIB + SIZE + PAGE), NOBODY);
	OK(xgm_window_move(fd, w, GPA));
	CHECK_EQ(guest_read(GPA + SIZE + PAGE), other[PAGE / 8]);
	OK(xgm_unbind(fd, w, SIZE, SIZE));
	CHECK_EQ(guest_read(GPA + SIZE + PAGE), NOBODY);
	OK(xgm_window_remove(fd, w));
	CHECK_EQ(guest_read(GPA + PAGE), NOBODY);
}

static void files(void)
{
	int file = memfd_new(2 * SIZE), fd = open_guest(NULL, NULL);
	volatile uint64_t *p = map_shared(file, 2 * SIZE);
	uint64_t done = 1;
	uint32_t w;

	w = add(fd, GPA, SIZE);
	OK(xgm_bind_fd(fd, w, 0, SIZE, file, SIZE, 0, INJECT));
	close(file);
	shares((char *)p + SIZE, GPA, SIZE, 5);
	CHECK_EQ(p[0], 0);

	/* Pages in advance, counted where it stops. */
	OK(xgm_unbind(fd, w, 0, SIZE));
	OK(xgm_bind(fd, w, 0, SIZE, p, 0, INJECT));
	OK(xgm_populate(fd, w, 0, SIZE / 2, XEN_GPUMEM_POPULATE_WRITE, &done));
	CHECK_EQ(done, SIZE / 2);
	CHECK_EQ(gm_pages(fd, w, 0, 0), PAGES / 2);
	OK(munmap((char *)p + SIZE - PAGE, PAGE));
	ERR(xgm_populate(fd, w, 0, SIZE, 0, &done), ENODATA);
	CHECK_EQ(done, SIZE - PAGE);
}

/* A buffer in video memory, which the guest keeps when it is moved out. */
static void video_memory(void)
{
	int card = qxl_open(), fd = open_guest(NULL, NULL);
	struct xen_gpumem_window_query q;
	struct qxl_bo bo;
	uint32_t w;

	qxl_new(card, &bo, MIB);
	w = add(fd, GPA, MIB);
	OK(xgm_bind(fd, w, 0, MIB, bo.map, 0, INJECT));
	shares(bo.map, GPA, MIB, 7);
	OK(xgm_window_query(fd, w, 0, 0, &q, sizeof(q)));
	CHECK_EQ(q.out_pages, MIB / PAGE);
	CHECK_EQ(q.out_io, MIB / PAGE);
	CHECK_EQ(q.out_noncacheable, MIB / PAGE);
	qxl_pressure(card);
	cmd_ok(0, XG_CMD_CHECK, GPA, MIB, 8);
	OK(xgm_window_query(fd, w, 0, 0, &q, sizeof(q)));
	CHECK_EQ(q.out_pages, MIB / PAGE);
	CHECK_EQ(q.out_io, 0);
	CHECK(q.out_revokes >= 1 && q.out_revoked >= MIB / PAGE);
	shares(bo.map, GPA, MIB, 9);
	qxl_free(card, &bo);
	guest_read_faults(GPA);
}

/* --- events and counters --------------------------------------------------- */

static void events(void)
{
	volatile uint64_t *p = map_anon(SIZE);
	int fd = open_guest(NULL, NULL);
	struct xen_gpumem_event e;
	char text[300];
	uint32_t w;

	w = add(fd, GPA, SIZE);
	OK(xgm_bind(fd, w, 0, SIZE, p, 0, INJECT));
	OK(munmap((char *)p + 4 * PAGE, 4 * PAGE));
	/* What goes well is no event. */
	guest_write(GPA, 1);
	CHECK_EQ(xgm_event_wait(fd, 0), 0);
	ERR(xgm_event_get(fd, &e, sizeof(e), 50), ETIMEDOUT);

	guest_write_faults(GPA + 5 * PAGE);
	CHECK_EQ(xgm_event_get(fd, &e, sizeof(e), xgt_limit(20) * 1000), 1);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_FAULT);
	CHECK_EQ(e.window, w);
	CHECK_EQ(e.offset, 5 * PAGE);
	CHECK_EQ(e.length, PAGE);
	CHECK_EQ(e.count, 1);
	CHECK_EQ(e.error, ENODATA);
	CHECK(e.access & XEN_GPUMEM_ACCESS_WRITE);
	xgm_event_format(&e, text, sizeof(text));
	has(text, "write) at 0x5000, 4096 bytes, failed: nothing is mapped");
	has(text, "(ENODATA)");

	/* Nor is there anything where nothing may be done. */
	OK(mprotect((char *)p + 3 * PAGE, PAGE, PROT_NONE));
	guest_write_faults(GPA + 3 * PAGE);
	CHECK_EQ(xgm_event_get(fd, &e, sizeof(e), xgt_limit(20) * 1000), 1);
	CHECK_EQ(e.error, ENODATA);
	/* A write to what cannot be written is another matter. */
	OK(mprotect((void *)p, PAGE, PROT_READ));
	guest_write_faults(GPA);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(xgm_event_get(fd, &e, sizeof(e), xgt_limit(20) * 1000), 1);
	CHECK_EQ(e.error, EROFS);
	CHECK_EQ(e.offset, 0);
	CHECK_EQ(xgm_event_wait(fd, 0), 0);
}

/*
 * With so much lent that it takes Xen a while to take it back: the one event
 * that the driver gets comes before that.
 */
static void guest_ends(void)
{
	int fd = open_guest(NULL, NULL);
	struct xen_gpumem_event e;
	struct xgm_usage u;
	uint32_t w = add(fd, GPA, MUCH);

	OK(xgm_bind(fd, w, 0, MUCH, map_shared(memfd_new(MUCH), MUCH), 0,
		    INJECT));
	OK(xgm_populate(fd, w, 0, MUCH, 0, NULL));
	OK(xgm_usage_get(fd, &u, sizeof(u)));
	CHECK_EQ(u.domid, xgt_guest.domid);
	CHECK(u.alive);
	guest_destroy(&xgt_guest);
	CHECK_EQ(xgm_event_get(fd, &e, sizeof(e), xgt_limit(20) * 1000), 1);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_GONE);
	CHECK_EQ(xgm_event_get(fd, &e, sizeof(e), xgt_limit(20) * 1000), 0);
	OK(xgm_usage_get(fd, &u, sizeof(u)));
	CHECK(!u.alive);
	ERR(xgm_window_move(fd, w, GPA + MUCH), ESRCH);
	OK(xgm_window_remove(fd, w));
}

static void counters(void)
{
	volatile uint64_t *p = map_shared(memfd_new(SIZE), SIZE);
	struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND,
		.max_windows = 3, .max_bytes = 4 * SIZE,
	};
	struct xen_gpumem_window_query q;
	struct xen_gpumem_info info;
	struct xgm_usage u;
	int fd = open_guest(&l, NULL);
	uint32_t w = add(fd, GPA, 2 * SIZE);

	OK(xgm_info(fd, &info, sizeof(info)));
	OK(xgm_bind(fd, w, 0, SIZE, p, XEN_GPUMEM_BIND_WRITE_FIRST, INJECT));
	CHECK_EQ(cmd_ok(0, XG_CMD_TOUCH, GPA, SIZE / 2, 1, 5).v[0],
		 PAGES / 2);
	OK(xgm_window_query(fd, w, 0, 0, &q, sizeof(q)));
	CHECK_EQ(q.out_bound, PAGES);
	CHECK(q.out_pages >= PAGES / 2 && q.out_pages <= PAGES);
	CHECK_EQ(q.out_writable, q.out_pages);
	CHECK_EQ(q.out_io + q.out_noncacheable, 0);
	CHECK(q.out_faults >= 1 && q.out_fault_ns_max);
	CHECK(q.out_mapped >= q.out_pages);
	CHECK_EQ(q.out_failed + q.out_revokes + q.out_revoked, 0);

	OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	OK(xgm_window_query(fd, w, 0, 0, &q, sizeof(q)));
	CHECK_EQ(q.out_pages, 0);
	CHECK(q.out_revokes >= 1 && q.out_revoke_ns_max);
	CHECK_EQ(q.out_revoked, q.out_mapped);
	/* Of a part: the page that comes back. */
	guest_read(GPA + 3 * PAGE);
	OK(xgm_window_query(fd, w, 3 * PAGE, PAGE, &q, sizeof(q)));
	CHECK_EQ(q.out_pages, 1);
	OK(munmap((void *)p, SIZE));
	guest_read_faults(GPA);
	EVENTUALLY(!xgm_window_query(fd, w, 0, 0, &q, sizeof(q)) &&
		   q.out_failed == 1);

	EVENTUALLY(!xgm_usage_get(fd, &u, sizeof(u)) && u.events == 1);
	CHECK_EQ(u.windows.used, 1);
	CHECK_EQ(u.windows.limit, 3);
	CHECK_EQ(u.bindings.used, 1);
	CHECK_EQ(u.bindings.limit, info.out_max_bindings);
	CHECK_EQ(u.bytes.used, SIZE);
	CHECK_EQ(u.bytes.limit, 4 * SIZE);
}

/* --- less ------------------------------------------------------------------ */

static void attenuated(void)
{
	volatile uint64_t *p = map_shared(memfd_new(SIZE), SIZE);
	struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_LEND, .first = GPA, .length = SIZE,
	};
	struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND |
					     XEN_GPUMEM_RIGHT_REMOVE,
	};
	int fd = open_guest(&l, NULL), lender, remover;
	uint32_t w, own, no;

	own = add(fd, GPA + MIB, SIZE);
	l = (struct xgm_limits){
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND,
		.ranges = &range, .nr_ranges = 1, .max_windows = 1,
		.max_bytes = SIZE / 2,
	};
	lender = xgm_domain_derive(fd, &l);
	CHECK(lender >= 0);
	/* Its range, its limits, its rights; its window in the guest. */
	ERR(xgm_window_add(lender, GPA + SIZE, PAGE, MMIO, &no), EACCES);
	w = add(lender, GPA, SIZE);
	ERR(xgm_window_add(lender, XEN_GPUMEM_PARKED, PAGE, MMIO, &no),
	    ENOSPC);
	ERR(xgm_bind(lender, w, 0, SIZE, p, 0, INJECT), ENOSPC);
	OK(xgm_bind(lender, w, 0, SIZE / 2, p, 0, INJECT));
	shares(p, GPA, SIZE / 2, 11);
	ERR(xgm_window_move(lender, w, GPA + PAGE), EACCES);
	ERR(xgm_window_remove(lender, own), EPERM);
	ERR(xgm_bind(fd, w, SIZE / 2, PAGE, p, 0, INJECT), EPERM);

	l = (struct xgm_limits){
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_REMOVE,
	};
	ERR(xgm_domain_derive(lender, &l), EPERM);
	remover = xgm_domain_derive(fd, &l);
	CHECK(remover >= 0);
	ERR(xgm_window_add(remover, GPA + 2 * MIB, PAGE, MMIO, &no), EPERM);
	CHECK_EQ(guest_read(GPA), p[0]);
	OK(xgm_window_remove(remover, w));
	CHECK_EQ(guest_read(GPA), NOBODY);
}

struct pair {
	int socket[2];
	volatile uint64_t *said;
};

/* Not root, and nothing but what came through the socket. */
static void stranger(void *arg)
{
	struct pair *pair = arg;
	volatile uint64_t *p = map_anon(SIZE);
	int fd = fd_receive(pair->socket[1]);
	uint32_t w;

	OK(xgm_domain_adopt(fd));
	CHECK_EQ(xgm_node_open(), -EACCES);
	fill(p, SIZE, 21);
	w = add(fd, GPA, SIZE);
	OK(xgm_bind(fd, w, 0, SIZE, p, 0, INJECT));
	pair->said[0] = 1;
	EVENTUALLY(pair->said[0] == 2);
	verify(p, SIZE, 22);
}

static void passed_on(void)
{
	int fd = open_guest(NULL, NULL);
	struct pair pair;
	pid_t pid;

	pair.said = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair.socket));
	pid = xgt_fork_user(stranger, &pair);
	fd_send(pair.socket[0], fd);
	close(fd);
	EVENTUALLY(pair.said[0] == 1);
	cmd_ok(0, XG_CMD_CHECK, GPA, SIZE, 21);
	cmd_ok(1, XG_CMD_FILL, GPA, SIZE, 22);
	pair.said[0] = 2;
	xgt_join(pid);
	/* With the last descriptor everything goes. */
	EVENTUALLY(guest_read(GPA) == NOBODY);
}

static const struct xgt_test tests[] = {
	{ "U2-xen-descriptor", "U2,S2", descriptor, XGT_GUEST, 0 },
	{ "U2-xen-bind", "U2,L11", window_and_bindings, XGT_GUEST, 0 },
	{ "U2-xen-bind-fd", "U2,L23", files, XGT_GUEST, 0 },
	{ "U2-xen-video-memory", "U2,L1", video_memory, XGT_GUEST | XGT_QXL,
	  0 },
	{ "U2-xen-events", "U2,U4", events, XGT_GUEST, 0 },
	{ "U4-xen-counters", "U4,U2", counters, XGT_GUEST, 0 },
	{ "U2-xen-attenuated", "U2,S1", attenuated, XGT_GUEST, 0 },
	{ "U2-xen-passed-on", "U2,L11", passed_on, XGT_GUEST, 0 },
	{ "U2-xen-guest-ends", "U2", guest_ends, XGT_GUEST | XGT_ENDS_GUEST,
	  0 },
};

XGT_MAIN(tests)
