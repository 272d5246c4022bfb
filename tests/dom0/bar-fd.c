// SPDX-License-Identifier: GPL-2.0-only
/*
 * S1, S2: who may do what through a domain fd, when several processes have one,
 * and when the guest is no more and another one has its number.
 *
 * The processes are what a front end and a vhost-user back end are to each
 * other: unprivileged, each with its own memory, connected by a socket through
 * which a domain fd comes.
 */
#include <sys/socket.h>

#include "xgt.h"

#define LENGTH	(16 * PAGE)
#define SECOND	(XGT_WINDOW + MIB)

/* --- words through a socket --------------------------------------------------------- */

/* One process says that it got so far, and which window it has. */
static void say(int sock, uint32_t window)
{
	if (send(sock, &window, sizeof(window), 0) != sizeof(window))
		FAIL("send: %s", strerror(errno));
}

static uint32_t hear(int sock)
{
	uint32_t window;

	if (recv(sock, &window, sizeof(window), 0) != sizeof(window))
		FAIL("%s", "the other process is gone");
	return window;
}

struct party {
	int sock;
	uint64_t gpa;
	uint64_t seed;
};

static int new_fd(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int fd = gm_open_domain(xgt_guest.domid, &limits);

	if (fd < 0)
		FAIL("a domain fd: %s", xgt_errname(-fd));
	return fd;
}

static volatile uint64_t *own_memory(uint64_t seed)
{
	volatile uint64_t *map = map_anon(LENGTH);

	fill(map, LENGTH, seed);
	return map;
}

/* --- an fd for each ------------------------------------------------------------------ */

/* Everything that one can try on a window of another's. */
static void nothing_of_others(int fd, uint32_t theirs, volatile uint64_t *map)
{
	struct xen_gpumem_window_query q;

	ERR(gm_window_remove(fd, theirs), EPERM);
	ERR(gm_window_move(fd, theirs, XEN_GPUMEM_PARKED), EPERM);
	ERR(gm_bind(fd, theirs, 0, LENGTH, map, XEN_GPUMEM_BIND_REPLACE, 0),
	    EPERM);
	ERR(gm_unbind(fd, theirs, 0, LENGTH), EPERM);
	ERR(gm_populate(fd, theirs, 0, PAGE, 0, NULL), EPERM);
	ERR(gm_query(fd, theirs, 0, 0, &q), EPERM);
}

static void separate_party(void *arg)
{
	struct party *p = arg;
	int fd = fd_receive(p->sock);
	volatile uint64_t *map = own_memory(p->seed);
	uint32_t mine, theirs;

	ERR(gm_node(), EACCES);
	OK(gm_window_add(fd, p->gpa, LENGTH, XEN_GPUMEM_POLICY_MMIO, &mine));
	OK(gm_bind(fd, mine, 0, LENGTH, map, 0, XEN_GPUMEM_POLICY_INJECT));
	say(p->sock, mine);
	theirs = hear(p->sock);
	nothing_of_others(fd, theirs, map);
	say(p->sock, mine);
	/* The guest writes to both, then this one ends its own. */
	hear(p->sock);
	verify(map, LENGTH, p->seed + 10);
	OK(gm_window_remove(fd, mine));
	say(p->sock, mine);
	hear(p->sock);
}

struct two {
	struct party party[2];
	pid_t pid[2];
	int sock[2];
};

static void two_start(struct two *t, void (*fn)(void *arg))
{
	for (int i = 0; i < 2; i++) {
		int pair[2];

		CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
				  pair));
		t->party[i] = (struct party){
			.sock = pair[1], .gpa = i ? SECOND : XGT_WINDOW,
			.seed = i + 1,
		};
		t->sock[i] = pair[0];
		t->pid[i] = xgt_fork_user(fn, &t->party[i]);
		close(pair[1]);
	}
}

static void two_processes(void)
{
	struct two t;
	uint32_t id[2];

	two_start(&t, separate_party);
	for (int i = 0; i < 2; i++) {
		int fd = new_fd();

		fd_send(t.sock[i], fd);
		close(fd);
	}
	for (int i = 0; i < 2; i++)
		id[i] = hear(t.sock[i]);
	CHECK(id[0] != id[1]);
	for (int i = 0; i < 2; i++)
		say(t.sock[i], id[!i]);
	for (int i = 0; i < 2; i++)
		hear(t.sock[i]);
	/* Neither has harmed the other. */
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	cmd_ok(1, XG_CMD_CHECK, SECOND, LENGTH, 2);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 11);
	cmd_ok(1, XG_CMD_FILL, SECOND, LENGTH, 12);
	say(t.sock[0], 0);
	hear(t.sock[0]);
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
	cmd_ok(0, XG_CMD_CHECK, SECOND, LENGTH, 12);
	/* This one's end takes its window along, and nobody else's. */
	say(t.sock[0], 0);
	xgt_join(t.pid[0]);
	cmd_ok(0, XG_CMD_CHECK, SECOND, LENGTH, 12);
	xgt_kill(t.pid[1]);
	CHECK_EQ(guest_read(SECOND), ~0ULL);
}

/* --- one fd, two processes ------------------------------------------------------------- */

/*
 * The front end adds the window and passes the fd on; the back end binds its
 * own memory into it, as SHMEM_MAP asks for.
 */
static void shared_party(void *arg)
{
	struct party *p = arg;
	int fd = fd_receive(p->sock);
	volatile uint64_t *map = own_memory(p->seed);
	uint64_t at = p->seed == 1 ? 0 : LENGTH, other = LENGTH - at;
	uint32_t window = hear(p->sock);

	OK(gm_bind(fd, window, at, LENGTH, map, 0, XEN_GPUMEM_POLICY_INJECT));
	say(p->sock, window);
	hear(p->sock);
	/* Memory of the other process is not this one's to give. */
	ERR(gm_populate(fd, window, other, PAGE, 0, NULL), EPERM);
	OK(gm_populate(fd, window, at, LENGTH, 0, NULL));
	say(p->sock, window);
	for (;;)
		hear(p->sock);
}

static void one_fd(void)
{
	struct two t;
	uint32_t window;
	int fd = new_fd();

	OK(gm_window_add(fd, XGT_WINDOW, 2 * LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	two_start(&t, shared_party);
	for (int i = 0; i < 2; i++)
		fd_send(t.sock[i], fd);
	for (int step = 0; step < 2; step++) {
		for (int i = 0; i < 2; i++)
			say(t.sock[i], window);
		for (int i = 0; i < 2; i++)
			hear(t.sock[i]);
	}
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW + LENGTH, LENGTH, 2);
	/* One dies: its memory is gone, the window and the other's are not. */
	xgt_kill(t.pid[1]);
	for (int i = 0; gm_pages(fd, window, LENGTH, LENGTH); i++) {
		CHECK(i < 1000);
		xgt_sleep_ms(10);
	}
	guest_read_faults(XGT_WINDOW + LENGTH);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	/* What it left bound can be taken away by whoever has the fd. */
	OK(gm_unbind(fd, window, LENGTH, LENGTH));
	CHECK_EQ(guest_read(XGT_WINDOW + LENGTH), ~0ULL);
	/* The last holder of the fd keeps the window. */
	close(fd);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	xgt_kill(t.pid[0]);
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
}

/* --- less, never more -------------------------------------------------------------------- */

static void need_feature(uint64_t feature)
{
	struct xen_gpumem_info info;

	OK(gm_info(xgt_dom, &info));
	if (!(info.out_features & feature))
		xgt_skip("the driver has not feature 0x%lx", feature);
}

/* An unprivileged process with a child fd: what it may, and what it may not. */
static void child_party(void *arg)
{
	struct party *p = arg;
	struct xen_gpumem_range wide = {
		.right = XEN_GPUMEM_RIGHT_LEND, .first = XGT_WINDOW,
		.length = 2 * LENGTH,
	};
	struct xen_gpumem_derive more = {
		.rights = XEN_GPUMEM_RIGHT_LEND | XEN_GPUMEM_RIGHT_REMOVE,
	};
	struct xen_gpumem_derive wider = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .nr_ranges = 1,
		.ranges = (uintptr_t)&wide,
	};
	struct xen_gpumem_derive same = { .rights = XEN_GPUMEM_RIGHT_LEND };
	int fd = fd_receive(p->sock), grandchild;
	volatile uint64_t *map = own_memory(p->seed);
	uint32_t window, other;

	ERR(gm_window_add(fd, SECOND, LENGTH, 0, &other), EACCES);
	ERR(gm_window_add(fd, XGT_WINDOW - PAGE, LENGTH, 0, &other), EACCES);
	OK(gm_window_add(fd, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	ERR(gm_window_move(fd, window, SECOND), EACCES);
	OK(gm_bind(fd, window, 0, LENGTH, map, 0, XEN_GPUMEM_POLICY_INJECT));
	ERR(gm_window_add(fd, XEN_GPUMEM_PARKED, PAGE, 0, &other), ENOSPC);
	ERR(gm_derive(fd, &more), EPERM);
	ERR(gm_derive(fd, &wider), EACCES);
	/* What a child's child uses counts here, too. */
	grandchild = gm_derive(fd, &same);
	CHECK(grandchild >= 0);
	ERR(gm_window_add(grandchild, XEN_GPUMEM_PARKED, PAGE, 0, &other),
	    ENOSPC);
	ERR(gm_window_remove(grandchild, window), EPERM);
	close(grandchild);
	say(p->sock, window);
	hear(p->sock);
	/* Taken away meanwhile, by somebody with the right to. */
	ERR(gm_unbind(fd, window, 0, LENGTH), ENOENT);
	OK(gm_window_add(fd, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(fd, window, 0, LENGTH, map, 0, XEN_GPUMEM_POLICY_INJECT));
	say(p->sock, window);
	for (;;)
		hear(p->sock);
}

static void child_fd(void)
{
	struct xen_gpumem_open_domain cleaner = {
		.rights = XEN_GPUMEM_RIGHT_REMOVE,
	};
	struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_LEND, .first = XGT_WINDOW,
		.length = LENGTH,
	};
	struct xen_gpumem_derive less = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 1,
		.ranges = (uintptr_t)&range, .nr_ranges = 1,
	};
	int parent, child, clean;
	uint32_t window;
	struct two t;

	need_feature(XEN_GPUMEM_FEAT_DERIVE);
	two_start(&t, child_party);
	xgt_kill(t.pid[1]);
	parent = new_fd();
	child = gm_derive(parent, &less);
	if (child < 0)
		FAIL("a child fd: %s", xgt_errname(-child));
	fd_send(t.sock[0], child);
	close(child);
	window = hear(t.sock[0]);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	/* The parent has no more to say than any other. */
	ERR(gm_window_remove(parent, window), EPERM);
	clean = gm_open_domain(xgt_guest.domid, &cleaner);
	if (clean < 0)
		FAIL("an fd to remove with: %s", xgt_errname(-clean));
	OK(gm_window_remove(clean, window));
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
	/* And is not needed any more. */
	close(parent);
	say(t.sock[0], 0);
	hear(t.sock[0]);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	xgt_kill(t.pid[0]);
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
}

static struct xen_gpumem_range lend_range(uint64_t first, uint64_t length)
{
	return (struct xen_gpumem_range){
		.right = XEN_GPUMEM_RIGHT_LEND, .first = first,
		.length = length,
	};
}

/* Who was handed the fd, or derived one from it, is held to its ranges. */
static void ranged_party(void *arg)
{
	struct party *p = arg;
	struct xen_gpumem_derive same = { .rights = XEN_GPUMEM_RIGHT_LEND };
	volatile uint64_t *map = own_memory(1);
	uint32_t window, other;
	int fds[2];

	fds[0] = fd_receive(p->sock);
	fds[1] = gm_derive(fds[0], &same);
	CHECK(fds[1] >= 0);
	for (int i = 0; i < 2; i++) {
		int fd = fds[i];

		/* All of two ranges that adjoin; and each edge of them. */
		OK(gm_window_add(fd, XGT_WINDOW, 2 * LENGTH,
				 XEN_GPUMEM_POLICY_MMIO, &window));
		ERR(gm_window_add(fd, XGT_WINDOW - PAGE, PAGE, 0, &other),
		    EACCES);
		ERR(gm_window_add(fd, XGT_WINDOW + 2 * LENGTH, PAGE, 0,
				  &other), EACCES);
		OK(gm_bind(fd, window, LENGTH, LENGTH, map, 0,
			   XEN_GPUMEM_POLICY_INJECT));
		cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW + LENGTH, LENGTH, 1);
		/* Not out of them, nor into one that is too small. */
		ERR(gm_window_move(fd, window, XGT_WINDOW + PAGE), EACCES);
		ERR(gm_window_move(fd, window, SECOND), EACCES);
		cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW + LENGTH, LENGTH, 1);
		OK(gm_window_remove(fd, window));
		ERR(gm_window_add(fd, XGT_WINDOW, 2 * LENGTH + PAGE, 0,
				  &other), EACCES);
		ERR(gm_window_add(fd, XGT_WINDOW, MIB + LENGTH, 0, &other),
		    EACCES);
		/* Nowhere is allowed, and from there only to where it may be. */
		OK(gm_window_add(fd, XEN_GPUMEM_PARKED, LENGTH,
				 XEN_GPUMEM_POLICY_MMIO, &window));
		OK(gm_bind(fd, window, 0, LENGTH, map, 0,
			   XEN_GPUMEM_POLICY_INJECT));
		ERR(gm_window_move(fd, window, SECOND + PAGE), EACCES);
		OK(gm_window_move(fd, window, SECOND));
		cmd_ok(0, XG_CMD_CHECK, SECOND, LENGTH, 1);
		OK(gm_window_remove(fd, window));
	}
}

/* Where windows may lie is up to who makes the fd. */
static void ranges(void)
{
	/* Not sorted; the first and the last adjoin. */
	const struct xen_gpumem_range r[] = {
		lend_range(XGT_WINDOW + LENGTH, LENGTH),
		lend_range(SECOND, LENGTH),
		lend_range(XGT_WINDOW, LENGTH),
	};
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .ranges = (uintptr_t)r,
		.nr_ranges = ARRAY_SIZE(r),
	};
	uint32_t window;
	struct two t;
	int fd;

	need_feature(XEN_GPUMEM_FEAT_DERIVE);
	two_start(&t, ranged_party);
	xgt_kill(t.pid[1]);
	fd = gm_open_domain(xgt_guest.domid, &limits);
	if (fd < 0)
		FAIL("an fd with ranges: %s", xgt_errname(-fd));
	fd_send(t.sock[0], fd);
	close(fd);
	xgt_join(t.pid[0]);
	/* Control: an fd without ranges can do what that one could not. */
	OK(gm_window_add(xgt_dom, XGT_WINDOW - PAGE, LENGTH,
			 XEN_GPUMEM_POLICY_MMIO, &window));
	OK(gm_window_move(xgt_dom, window, SECOND + PAGE));
	/* A range must be one, for a right that the fd has. */
	for (int i = 0; i < 3; i++) {
		struct xen_gpumem_range bad = lend_range(XGT_WINDOW, LENGTH);

		if (i == 0)
			bad.length = 0;
		else if (i == 1)
			bad.__reserved = 1;
		else
			bad.right = XEN_GPUMEM_RIGHT_EXPORT_GRANTS;
		limits.ranges = (uintptr_t)&bad;
		limits.nr_ranges = 1;
		limits.generation = 0;
		ERR(gm_open_domain(xgt_guest.domid, &limits), EINVAL);
	}
}

/* --- a number used again ---------------------------------------------------------------- */

struct old {
	int fd;
	uint32_t window;
	volatile uint64_t *map;
};

/* Through the old fd nothing is had, of the old guest or the new one. */
static void all_dead(struct old *old)
{
	struct xen_gpumem_window_query q;
	struct xen_gpumem_info info;
	uint32_t other;

	ERR(gm_window_add(old->fd, SECOND, LENGTH, 0, &other), ESRCH);
	ERR(gm_window_move(old->fd, old->window, SECOND), ESRCH);
	ERR(gm_bind(old->fd, old->window, 0, LENGTH, old->map,
		    XEN_GPUMEM_BIND_REPLACE, 0), ESRCH);
	ERR(gm_populate(old->fd, old->window, 0, LENGTH, 0, NULL), ESRCH);
	ERR(gm_query(old->fd, old->window, 0, 0, &q), ESRCH);
	gm_info(old->fd, &info);
}

/*
 * A new guest has the number, and a window with the same id.  What the old fd
 * still does on its own (revoke, remove, close) must not reach it.
 */
static void reused(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	struct xen_gpumem_window_query before, after;
	struct old old = { .fd = xgt_dom, .map = own_memory(1) };
	int domid = xgt_guest.domid, fd;
	volatile uint64_t *map = own_memory(2);
	struct xgt_guest next;
	uint32_t window;

	OK(gm_window_add(old.fd, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &old.window));
	OK(gm_bind(old.fd, old.window, 0, LENGTH, old.map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	guest_destroy(&xgt_guest);

	if (!guest_start_as(&next, "xgt2", 2, domid))
		FAIL("no guest with the number %d", domid);
	all_dead(&old);
	fd = gm_open_domain(domid, &limits);
	if (fd < 0)
		FAIL("the new guest: %s", xgt_errname(-fd));
	box_open(&xgt_box, fd, 2);
	OK(gm_window_add(fd, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	/* The old guest may have had more windows before this one. */
	for (int i = 0; i < 64 && window != old.window; i++) {
		OK(gm_window_remove(fd, window));
		OK(gm_window_add(fd, XGT_WINDOW, LENGTH,
				 XEN_GPUMEM_POLICY_MMIO, &window));
	}
	/* Control: Xen would know no difference but for the generation. */
	CHECK_EQ(window, old.window);
	OK(gm_bind(fd, window, 0, LENGTH, map, 0, XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	OK(gm_query(fd, window, 0, 0, &before));
	all_dead(&old);
	fill(old.map, LENGTH, 3);
	CHECK(!madvise((void *)old.map, LENGTH, MADV_DONTNEED));
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	OK(gm_window_remove(old.fd, old.window));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	CHECK(!close(old.fd));
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 4);
	verify(map, LENGTH, 4);
	/* It noticed nothing: no page went, and came again. */
	OK(gm_query(fd, window, 0, 0, &after));
	CHECK_EQ(after.out_revoked, before.out_revoked);
	CHECK(after.out_faults <= before.out_faults + LENGTH / PAGE);
	close(fd);
	guest_destroy(&next);
}

static const struct xgt_test tests[] = {
	{ "S1-two-processes", "S1,L11", two_processes, XGT_GUEST, 0 },
	{ "S1-one-fd-two-processes", "S1,L11", one_fd, XGT_GUEST, 0 },
	{ "S1-child-fd", "S1", child_fd, XGT_GUEST, 0 },
	{ "S1-ranges", "S1,L9", ranges, XGT_GUEST, 0 },
	{ "S2-reused-by-a-guest", "S2", reused, XGT_GUEST | XGT_ENDS_GUEST,
	  300 },
};

XGT_MAIN(tests)
