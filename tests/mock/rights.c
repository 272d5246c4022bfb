// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a domain fd may be used for: rights, ranges, limits, and fds that were
 * derived from others, on the mock.
 */
#include <poll.h>
#include <sys/socket.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

static struct xen_gpumem_range lend_range(uint64_t first, uint64_t length)
{
	return (struct xen_gpumem_range){
		.right = XEN_GPUMEM_RIGHT_LEND, .first = first,
		.length = length,
	};
}

/* A fd of the mock's domain with some rights and ranges. */
static int open_with(uint32_t rights, const struct xen_gpumem_range *ranges,
		     unsigned int nr)
{
	struct xen_gpumem_open_domain o = {
		.rights = rights, .ranges = (uintptr_t)ranges, .nr_ranges = nr,
	};

	return gm_open_domain(MOCK_DOMID, &o);
}

static int derive_with(int fd, uint32_t rights,
		       const struct xen_gpumem_range *ranges, unsigned int nr)
{
	struct xen_gpumem_derive d = {
		.rights = rights, .ranges = (uintptr_t)ranges, .nr_ranges = nr,
	};

	return gm_derive(fd, &d);
}

static int add(int fd, uint64_t gpa, uint64_t length, uint32_t *window)
{
	return gm_window_add(fd, gpa, length, XEN_GPUMEM_POLICY_MMIO, window);
}

/* --- ranges ---------------------------------------------------------------- */

/* Windows lie where the maker said, or nowhere; all the edges. */
static void ranges(void)
{
	/* Not sorted; the second and the third adjoin. */
	const struct xen_gpumem_range r[] = {
		lend_range(BASE + 8 * MIB, MIB),
		lend_range(BASE + MIB, MIB),
		lend_range(BASE, MIB),
	};
	uint32_t w;
	int fd;

	mock_begin(1);
	fd = open_with(XEN_GPUMEM_RIGHT_LEND, r, 3);
	CHECK(fd >= 0);
	OK(add(fd, BASE, 2 * MIB, &w));
	ERR(gm_window_move(fd, w, BASE + PAGE), EACCES);
	ERR(gm_window_move(fd, w, BASE + 8 * MIB), EACCES);
	CHECK_EQ(guest_access(0, BASE, READ, 0).out_result, XGM_MMIO);
	OK(gm_window_remove(fd, w));
	ERR(add(fd, BASE - PAGE, 2 * PAGE, &w), EACCES);
	ERR(add(fd, BASE + 2 * MIB - PAGE, 2 * PAGE, &w), EACCES);
	ERR(add(fd, BASE + 2 * MIB, PAGE, &w), EACCES);
	ERR(add(fd, BASE + 9 * MIB, PAGE, &w), EACCES);
	ERR(add(fd, BASE, 9 * MIB, &w), EACCES);
	OK(add(fd, BASE + 9 * MIB - PAGE, PAGE, &w));
	OK(gm_window_move(fd, w, BASE + 2 * MIB - PAGE));
	/* Nowhere is allowed, and from there only to where it may be. */
	OK(gm_window_move(fd, w, XEN_GPUMEM_PARKED));
	ERR(gm_window_move(fd, w, BASE + 4 * MIB), EACCES);
	OK(gm_window_move(fd, w, BASE));
	OK(gm_window_remove(fd, w));
	OK(add(fd, XEN_GPUMEM_PARKED, 64 * MIB, &w));
	ERR(gm_window_move(fd, w, BASE), EACCES);
	close(fd);
	/* Control: without ranges all of it is allowed. */
	OK(add(xgt_dom, BASE + 4 * MIB, MIB, &w));
	mock_end();
}

static void ranges_malformed(void)
{
	struct xen_gpumem_range many[XEN_GPUMEM_MAX_RANGES + 1];
	struct xen_gpumem_range r = lend_range(BASE, MIB);
	const uint32_t lend = XEN_GPUMEM_RIGHT_LEND;
	uint32_t w;
	int fd;

	mock_begin(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = lend_range(BASE + 2 * i * MIB, MIB);
	ERR(open_with(lend, many, ARRAY_SIZE(many)), EINVAL);
	fd = open_with(lend, many, XEN_GPUMEM_MAX_RANGES);
	CHECK(fd >= 0);
	OK(add(fd, BASE + 2 * (XEN_GPUMEM_MAX_RANGES - 1) * MIB, MIB, &w));
	close(fd);
	ERR(open_with(lend, &r, 0), EINVAL);
	ERR(open_with(lend, (void *)8, 1), EFAULT);
	ERR(open_with(lend, NULL, 1), EFAULT);
	r.__reserved = 1;
	ERR(open_with(lend, &r, 1), EINVAL);
	r = lend_range(BASE + 1, MIB);
	ERR(open_with(lend, &r, 1), EINVAL);
	r = lend_range(BASE, 0);
	ERR(open_with(lend, &r, 1), EINVAL);
	r = lend_range(~0ULL << 12, PAGE);
	ERR(open_with(lend, &r, 1), EINVAL);
	r = lend_range(~0ULL << 12, 2 * PAGE);
	ERR(open_with(lend, &r, 1), EINVAL);
	/* For no right, for two, for one that has no ranges, or not asked for. */
	r = lend_range(BASE, MIB);
	r.right = 0;
	ERR(open_with(lend, &r, 1), EINVAL);
	r.right = XEN_GPUMEM_RIGHT_LEND | XEN_GPUMEM_RIGHT_EXPORT_FRAMES;
	ERR(open_with(lend, &r, 1), EINVAL);
	r.right = XEN_GPUMEM_RIGHT_REMOVE;
	ERR(open_with(lend | XEN_GPUMEM_RIGHT_REMOVE, &r, 1), EINVAL);
	r.right = XEN_GPUMEM_RIGHT_EXPORT_FRAMES;
	ERR(open_with(lend, &r, 1), EINVAL);
	CHECK_EQ(mock_stats().out_attached, 1);
	mock_end();
}

/* --- fds from fds ---------------------------------------------------------- */

/* A derived fd has the rights and ranges that it is given, and no others. */
static void derive_less(void)
{
	const struct xen_gpumem_range outer = lend_range(BASE, 4 * MIB);
	struct xen_gpumem_range inner = lend_range(BASE + MIB, MIB);
	const uint32_t lend = XEN_GPUMEM_RIGHT_LEND;
	const uint32_t both = lend | XEN_GPUMEM_RIGHT_REMOVE;
	struct xen_gpumem_info info;
	int fd, child, grandchild;
	uint32_t w;

	mock_begin(1);
	fd = open_with(both, &outer, 1);
	CHECK(fd >= 0);

	/* It inherits where it was told nothing. */
	child = derive_with(fd, both, NULL, 0);
	CHECK(child >= 0);
	OK(gm_info(child, &info));
	CHECK_EQ(info.out_rights, both);
	ERR(add(child, BASE + 4 * MIB, PAGE, &w), EACCES);
	OK(add(child, BASE, PAGE, &w));
	close(child);

	child = derive_with(fd, lend, &inner, 1);
	CHECK(child >= 0);
	OK(gm_info(child, &info));
	CHECK_EQ(info.out_rights, lend);
	ERR(add(child, BASE, PAGE, &w), EACCES);
	OK(add(child, BASE + MIB, PAGE, &w));
	/* Never more: not a right, not a page, by no detour. */
	ERR(derive_with(child, both, NULL, 0), EPERM);
	ERR(derive_with(child, XEN_GPUMEM_RIGHT_REMOVE, NULL, 0), EPERM);
	ERR(derive_with(child, lend, &outer, 1), EACCES);
	inner.length += PAGE;
	ERR(derive_with(child, lend, &inner, 1), EACCES);
	inner = lend_range(BASE + MIB - PAGE, 2 * PAGE);
	ERR(derive_with(child, lend, &inner, 1), EACCES);
	ERR(derive_with(child, 0, NULL, 0), EINVAL);
	ERR(derive_with(child, 1U << 31, NULL, 0), EINVAL);
	grandchild = gm_child(child);
	ERR(add(grandchild, BASE + 2 * MIB, PAGE, &w), EACCES);
	OK(add(grandchild, BASE + MIB + PAGE, PAGE, &w));
	/* A right that a fd has not is not used, either. */
	close(child);
	child = derive_with(fd, XEN_GPUMEM_RIGHT_REMOVE, NULL, 0);
	CHECK(child >= 0);
	ERR(add(child, BASE, PAGE, &w), EPERM);
	mock_end();
}

/* However long the line of fds, it ends. */
static void derive_depth(void)
{
	struct xen_gpumem_derive d = { .rights = XEN_GPUMEM_RIGHT_LEND };
	int fd, last, depth;
	uint32_t w;

	mock_begin(1);
	last = dup(xgt_dom);
	for (depth = 0; depth < 100; depth++) {
		fd = gm_derive(last, &d);
		if (fd < 0)
			break;
		/* Those above are closed, and yet it works. */
		close(last);
		last = fd;
	}
	ERR(fd, ELOOP);
	CHECK(depth >= 4 && depth < 64);
	OK(add(last, BASE, PAGE, &w));
	mock_end();
}

/* However many, they end; and one cannot use up what its siblings share. */
static void derive_many(void)
{
	const uint32_t lend = XEN_GPUMEM_RIGHT_LEND;
	int fds[300], child, n, few;

	mock_begin(1);
	child = derive_with(xgt_dom, lend, NULL, 0);
	CHECK(child >= 0);
	for (few = 0; few < 300; few++) {
		fds[few] = derive_with(child, lend, NULL, 0);
		if (fds[few] < 0)
			break;
	}
	CHECK_EQ(few, 128);
	ERR(fds[few], ENOSPC);
	for (n = few; n < 300; n++) {
		fds[n] = derive_with(xgt_dom, lend, NULL, 0);
		if (fds[n] < 0)
			break;
	}
	CHECK_EQ(n, 255);
	ERR(fds[n], ENOSPC);
	/* The child has reached its own limit as well as all above it. */
	close(fds[0]);
	fds[0] = derive_with(child, lend, NULL, 0);
	CHECK(fds[0] >= 0);
	ERR(derive_with(child, lend, NULL, 0), ENOSPC);
	/* A call that fails has taken nothing. */
	close(fds[1]);
	ERR(derive_with(child, XEN_GPUMEM_RIGHT_REMOVE, NULL, 0), EPERM);
	ERR(derive_with(child, lend, (void *)8, 1), EFAULT);
	fds[1] = derive_with(child, lend, NULL, 0);
	CHECK(fds[1] >= 0);
	while (n)
		close(fds[--n]);
	mock_end();
}

/* What children use counts against all above them. */
static void derive_limits(void)
{
	struct xen_gpumem_open_domain o = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 3,
		.max_bindings = 4, .max_bytes = 6 * PAGE,
	};
	struct xen_gpumem_derive d = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 2,
		.max_bindings = 2, .max_bytes = 100 * PAGE,
	};
	volatile uint64_t *p;
	uint32_t w[3], x;
	int top, a, b;

	mock_begin(1);
	p = map_anon(SIZE);
	top = gm_open_domain(MOCK_DOMID, &o);
	a = gm_derive(top, &d);
	b = gm_derive(top, &d);
	CHECK(top >= 0 && a >= 0 && b >= 0);

	OK(add(a, BASE, SIZE, &w[0]));
	OK(add(a, BASE + MIB, SIZE, &w[1]));
	ERR(add(a, BASE + 2 * MIB, SIZE, &x), ENOSPC);
	OK(add(b, BASE + 2 * MIB, SIZE, &w[2]));
	/* b may have one more, but not all of them together. */
	ERR(add(b, BASE + 3 * MIB, SIZE, &x), ENOSPC);
	ERR(add(top, BASE + 3 * MIB, SIZE, &x), ENOSPC);

	OK(gm_bind(a, w[0], 0, PAGE, p, 0, 0));
	OK(gm_bind(a, w[1], 0, PAGE, p, 0, 0));
	ERR(gm_bind(a, w[1], PAGE, PAGE, p, 0, 0), ENOSPC);
	OK(gm_bind(b, w[2], 0, 3 * PAGE, p, 0, 0));
	/* One byte too many for the one above, whatever b may. */
	ERR(gm_bind(b, w[2], 4 * PAGE, 2 * PAGE, p, 0, 0), ENOSPC);
	/* At the limit one can replace: a by as much, and by one page more. */
	OK(gm_bind(b, w[2], 0, 3 * PAGE, p, XEN_GPUMEM_BIND_REPLACE, 0));
	OK(gm_bind(b, w[2], 0, 4 * PAGE, p, XEN_GPUMEM_BIND_REPLACE, 0));
	ERR(gm_bind(b, w[2], 0, 5 * PAGE, p, XEN_GPUMEM_BIND_REPLACE, 0),
	    ENOSPC);
	ERR(gm_bind(b, w[2], 4 * PAGE, PAGE, p, 0, 0), ENOSPC);
	OK(gm_bind(a, w[0], 0, PAGE, p, XEN_GPUMEM_BIND_REPLACE, 0));

	/* What a child gives back, by any way, is there for its siblings. */
	OK(gm_unbind(a, w[0], 0, PAGE));
	OK(gm_bind(b, w[2], 4 * PAGE, PAGE, p, 0, 0));
	ERR(gm_bind(a, w[0], 0, PAGE, p, 0, 0), ENOSPC);
	close(b);
	OK(gm_bind(a, w[0], 0, 5 * PAGE, p, 0, 0));
	ERR(gm_bind(a, w[1], PAGE, PAGE, p, 0, 0), ENOSPC);
	OK(add(top, BASE + 3 * MIB, SIZE, &x));
	/* The account of one that is closed is still kept. */
	close(top);
	ERR(gm_bind(a, w[1], 0, 2 * PAGE, p, XEN_GPUMEM_BIND_REPLACE, 0),
	    ENOSPC);
	OK(gm_unbind(a, w[0], 0, SIZE));
	OK(gm_bind(a, w[1], 0, 6 * PAGE, p, XEN_GPUMEM_BIND_REPLACE, 0));
	mock_end();
}

/* Each fd has its windows; one with the right to can clean up after others. */
static void remove_right(void)
{
	int child, sweeper;
	volatile uint64_t *p;
	uint32_t w, mine;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	child = gm_child(xgt_dom);
	OK(add(child, BASE, SIZE, &w));
	OK(gm_bind(child, w, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	OK(add(xgt_dom, BASE + MIB, SIZE, &mine));
	/* Neither the parent's of the child's, nor the other way round. */
	ERR(gm_window_remove(xgt_dom, w), EPERM);
	ERR(gm_window_remove(child, mine), EPERM);
	CHECK_EQ(g_read(BASE), 40);

	sweeper = open_with(XEN_GPUMEM_RIGHT_REMOVE, NULL, 0);
	CHECK(sweeper >= 0);
	/* It can do that, and nothing else with them. */
	ERR(gm_unbind(sweeper, w, 0, SIZE), EPERM);
	ERR(gm_window_move(sweeper, w, BASE + 2 * MIB), EPERM);
	ERR(gm_bind(sweeper, w, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE, 0),
	    EPERM);
	CHECK_EQ(g_read(BASE), 40);
	OK(gm_window_remove(sweeper, w));
	g_expect(BASE, READ, XGM_NOWINDOW);
	ERR(gm_unbind(child, w, 0, SIZE), ENOENT);
	ERR(gm_window_remove(sweeper, w), ENOENT);
	/* The child got its allowance back. */
	OK(add(child, BASE, SIZE, &w));
	close(sweeper);
	/* Its end has removed nothing of others'. */
	OK(gm_window_remove(child, w));
	OK(gm_window_remove(xgt_dom, mine));
	mock_end();
}

/* --- two processes --------------------------------------------------------- */

static int pair[2];
static uint32_t front_window;

static void say(int s)
{
	CHECK(write(s, "x", 1) == 1);
}

static void hear(int s)
{
	char c;

	CHECK(read(s, &c, 1) == 1);
}

/* The other process: not root, nothing but what came through the socket. */
static void back_end(void *arg)
{
	volatile uint64_t *p = map_anon(SIZE);
	int fd, s = pair[1];
	uint32_t w;

	(void)arg;
	/* What it has of the first one's is not what it works with. */
	close(xgt_dom);
	close(mock_ctl);
	fd = fd_receive(s);
	stamp(p, SIZE, 900);
	OK(add(fd, BASE + MIB, SIZE, &w));
	OK(gm_bind(fd, w, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	ERR(gm_window_remove(fd, front_window), EPERM);
	ERR(gm_unbind(fd, front_window, 0, SIZE), EPERM);
	ERR(gm_bind(fd, front_window, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		    XEN_GPUMEM_POLICY_INJECT), EPERM);
	CHECK(write(s, &w, sizeof(w)) == sizeof(w));
	hear(s);
	/* The guest has written into this process's memory. */
	CHECK_EQ(p[PAGE / 8], 77);
	CHECK_EQ(p[0], 900);
	say(s);
	hear(s);
}

/* The vhost-user case: a fd for less, handed to another process. */
static void two_processes(void)
{
	volatile uint64_t *p;
	uint32_t w;
	int child, s;
	pid_t pid;

	mock_begin(2);
	p = map_anon(SIZE);
	stamp(p, SIZE, 40);
	front_window = window_of(p, SIZE);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	s = pair[0];
	pid = xgt_fork_user(back_end, NULL);
	child = gm_child(xgt_dom);
	fd_send(s, child);
	close(child);
	CHECK(read(s, &w, sizeof(w)) == sizeof(w));

	/* Each sees its own memory, the guest sees both. */
	for (int i = 0; i < PAGES; i++) {
		CHECK_EQ(g_read(BASE + i * PAGE), 40 + i);
		CHECK_EQ(g_read(BASE + MIB + i * PAGE), 900 + i);
	}
	g_write(BASE + MIB + PAGE, 77);
	g_write(BASE + PAGE, 66);
	CHECK_EQ(p[PAGE / 8], 66);
	ERR(gm_window_remove(xgt_dom, w), EPERM);
	ERR(gm_unbind(xgt_dom, w, 0, SIZE), EPERM);
	say(s);
	hear(s);
	/* It leaves, and its windows with it; nothing happens to the other's. */
	say(s);
	xgt_join(pid);
	EVENTUALLY(guest_access(0, BASE + MIB, READ, 0).out_result ==
		   XGM_NOWINDOW);
	CHECK_EQ(g_read(BASE), 40);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "S1-mock-ranges", "S1,L9", ranges, 0, 0 },
	{ "S1-mock-ranges-malformed", "S1,U1", ranges_malformed, 0, 0 },
	{ "S1-mock-derive-less", "S1", derive_less, 0, 0 },
	{ "S1-mock-derive-depth", "S1,L19", derive_depth, 0, 0 },
	{ "S1-mock-derive-many", "S1,L19", derive_many, 0, 0 },
	{ "S1-mock-derive-limits", "S1,L19,S4", derive_limits, 0, 0 },
	{ "S1-mock-remove-right", "S1", remove_right, 0, 0 },
	{ "S1-mock-two-processes", "S1,L11", two_processes, 0, 0 },
};

XGT_MAIN(tests)
