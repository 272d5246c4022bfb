// SPDX-License-Identifier: GPL-2.0-only
/*
 * L11, L13: the processes behind the memory: unprivileged, slow, killed.
 *
 * A Xen guest outlives its backend, so whatever a backend leaves undone when
 * it dies must end in a policy: a vCPU that waits for ever is the failure that
 * all of this looks for.
 */
#include <sys/syscall.h>

#include "xgt.h"

#define LENGTH	(64 * PAGE)
#define DEATHS	20
#define CLOSES	8
/* What a guest uses whose writes will be emulated, one by one. */
#define USED	(8 * PAGE)

/* What a backend does with a domain fd that it was given. */
struct backend {
	int dom;
	int card;
	uint32_t window;
	uint32_t policy;
	volatile uint32_t *ready;	/* shared with the parent */
};

static struct backend *backend_new(uint32_t policy)
{
	struct backend *b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(b != MAP_FAILED);
	b->policy = policy;
	b->ready = (volatile uint32_t *)(b + 1);
	b->dom = -1;
	b->card = -1;
	return b;
}

static void wait_ready(struct backend *b)
{
	for (int i = 0; !*b->ready; i++) {
		if (i > 30000)
			FAIL("the backend does not get ready");
		xgt_sleep_ms(2);
	}
}

static int second_fd(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int fd = gm_open_domain(xgt_guest.domid, &limits);

	if (fd < 0)
		FAIL("a second domain fd: %s", xgt_errname(-fd));
	return fd;
}

/* --- an unprivileged backend -------------------------------------------------- */

static void user_backend(void *arg)
{
	struct backend *b = arg;
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	struct qxl_bo bo;
	uint64_t done;
	uint32_t vram;

	/* The node is not for it. */
	ERR(gm_node(), EACCES);
	fill(map, LENGTH, 1);
	OK(gm_window_add(b->dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &b->window));
	OK(gm_bind(b->dom, b->window, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, 2);
	verify(map, LENGTH, 2);
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	OK(gm_populate(b->dom, b->window, 0, LENGTH, 0, &done));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	OK(gm_window_move(b->dom, b->window, XGT_WINDOW + MIB));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW + MIB, LENGTH, 2);
	if (b->card >= 0) {
		qxl_new(b->card, &bo, LENGTH);
		OK(gm_window_add(b->dom, XGT_WINDOW, LENGTH,
				 XEN_GPUMEM_POLICY_MMIO, &vram));
		OK(gm_bind(b->dom, vram, 0, LENGTH, bo.map, 0,
			   XEN_GPUMEM_POLICY_INJECT));
		cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 3);
		verify(bo.map, LENGTH, 3);
		qxl_pressure(b->card);
		cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 3);
		OK(gm_window_remove(b->dom, vram));
	}
	OK(gm_unbind(b->dom, b->window, 0, LENGTH));
	OK(gm_window_remove(b->dom, b->window));
	CHECK_EQ(guest_read(XGT_WINDOW + MIB), ~0ULL);
}

static void unprivileged(void)
{
	struct backend *b = backend_new(XEN_GPUMEM_POLICY_INJECT);

	b->dom = second_fd();
	b->card = qxl_open();
	xgt_join(xgt_fork_user(user_backend, b));
}

/* --- backends that die ---------------------------------------------------------- */

/* Lend memory that keeps moving, until killed. */
static void restless_backend(void *arg)
{
	struct backend *b = arg;
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);

	OK(gm_window_add(b->dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &b->window));
	OK(gm_bind(b->dom, b->window, 0, LENGTH, map, 0, b->policy));
	*b->ready = 1;
	for (;;)
		madvise((void *)map, LENGTH, MADV_DONTNEED);
}

/*
 * A fault that was being served may hold the last reference to the process's
 * memory: then all of it goes a moment after the process was reaped.
 */
static void empties(struct backend *b)
{
	for (int i = 0; gm_pages(b->dom, b->window, 0, 0); i++) {
		if (i == 1000)
			FAIL("pages of a dead process stay lent");
		xgt_sleep_ms(10);
	}
}

/* The fd lives on elsewhere: the window stays, and does as the binding said. */
static void backend_killed(void)
{
	unsigned int deaths = xgt_rounds ? xgt_rounds : DEATHS;

	for (unsigned int i = 0; i < deaths; i++) {
		uint32_t policy = i & 1 ? XEN_GPUMEM_POLICY_ZERO :
					  XEN_GPUMEM_POLICY_INJECT;
		struct backend *b = backend_new(policy);
		pid_t pid;

		b->dom = second_fd();
		pid = xgt_fork(restless_backend, b);
		wait_ready(b);
		cmd_start(0, XG_CMD_HAMMER, XGT_WINDOW, LENGTH / 2, 1);
		cmd_start(1, XG_CMD_HAMMER, XGT_WINDOW + LENGTH / 2,
			  LENGTH / 2, 2);
		cmd_advance(0, 1);
		cmd_advance(1, 1);
		usleep(i % 40 * 500);
		xgt_kill(pid);
		/* Both end by themselves: a write finds nothing and injects. */
		CHECK_EQ(cmd_wait(0).status, XG_FAULT);
		CHECK_EQ(cmd_wait(1).status, XG_FAULT);
		empties(b);
		if (policy == XEN_GPUMEM_POLICY_ZERO)
			CHECK_EQ(guest_read(XGT_WINDOW), 0);
		else
			guest_read_faults(XGT_WINDOW);
		OK(gm_window_remove(b->dom, b->window));
		CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
		close(b->dom);
		munmap(b, PAGE);
	}
}

static void lone_backend(void *arg)
{
	struct backend *b = arg;

	b->dom = second_fd();
	restless_backend(b);
}

/* The fd dies with the process: its windows are gone, nobody waits. */
static void backend_killed_with_fd(void)
{
	unsigned int deaths = xgt_rounds ? xgt_rounds : DEATHS;

	for (unsigned int i = 0; i < deaths; i++) {
		struct backend *b = backend_new(XEN_GPUMEM_POLICY_INJECT);
		pid_t pid = xgt_fork(lone_backend, b);

		wait_ready(b);
		cmd_start(0, XG_CMD_TOUCH, XGT_WINDOW, LENGTH);
		cmd_start(1, XG_CMD_TOUCH, XGT_WINDOW, LENGTH, 1, 5);
		usleep(i % 40 * 500);
		xgt_kill(pid);
		/* However far they were: they end. */
		cmd_wait(0);
		cmd_wait(1);
		/* The last of the fd is closed as the process is reaped. */
		for (int n = 0; ; n++) {
			struct xgt_result r = cmd_run(0, XG_CMD_READ,
						      XGT_WINDOW, 8);

			if (r.status == XG_OK && r.v[0] == ~0ULL)
				break;
			if (n == 500)
				FAIL("the window outlives its fd");
			xgt_sleep_ms(10);
		}
		munmap(b, PAGE);
	}
}

/* close() alone, under a guest that uses all of it. */
static void fd_closed(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);

	for (int i = 0; i < CLOSES; i++) {
		int fd = second_fd();
		uint32_t window;
		uint64_t sum;

		OK(gm_window_add(fd, XGT_WINDOW, LENGTH,
				 XEN_GPUMEM_POLICY_INJECT, &window));
		OK(gm_bind(fd, window, 0, LENGTH, map, 0,
			   XEN_GPUMEM_POLICY_INJECT));
		cmd_start(0, XG_CMD_HAMMER, XGT_WINDOW, USED, 1);
		cmd_start(1, XG_CMD_HAMMER, XGT_WINDOW, USED, 2);
		cmd_advance(0, 1);
		cmd_advance(1, 1);
		close(fd);
		/* Gone when close() returns; the guest writes into the void. */
		sum = xg_sum(map, LENGTH);
		cmd_advance(0, 1);
		cmd_advance(1, 1);
		CHECK_EQ(xg_sum(map, LENGTH), sum);
		cmd_stop(0);
		cmd_stop(1);
		CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
	}
}

/* --- slow memory ------------------------------------------------------------------ */

/* A fault that takes for ever holds up nobody but its own vCPU. */
static void slow_fault(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window, quick;
	struct slow s;

	slow_new(&s, LENGTH);
	fill(map, LENGTH, 1);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_window_add(xgt_dom, XGT_WINDOW + MIB, LENGTH,
			 XEN_GPUMEM_POLICY_MMIO, &quick));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, s.map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_bind(xgt_dom, quick, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_start(0, XG_CMD_READ, XGT_WINDOW + 3 * PAGE, 8);
	CHECK_EQ(slow_wait(&s), 3 * PAGE);
	/* In another window, and in the same binding. */
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW + MIB, LENGTH, 1);
	slow_serve(&s, 5 * PAGE, 55);
	CHECK_EQ(cmd_ok(1, XG_CMD_READ, XGT_WINDOW + 5 * PAGE, 8).v[0], 55);
	CHECK(!box_done(&xgt_box, 0));
	slow_serve(&s, 3 * PAGE, 33);
	CHECK_EQ(box_ok(cmd_wait(0), "the slow read", __FILE__,
			__LINE__).v[0], 33);
}

/*
 * The same over a file whose server does not answer: whoever fetches the page
 * sleeps in the file system, with the file's own locks.  At last it gets no
 * answer at all.
 */
static void slow_file(void)
{
	struct xgt_result r;
	volatile uint64_t *map;
	uint32_t window;
	struct served s;

	served_new(&s, LENGTH, 1);
	s.page[3].state = SERVED_HOLD;
	map = map_shared(s.fd, LENGTH);
	window = gm_lend(map, LENGTH, 0);
	cmd_start(0, XG_CMD_READ, XGT_WINDOW + 3 * PAGE, 8);
	EVENTUALLY(s.page[3].asked);
	/* All else of the very file, by another vCPU. */
	for (uint64_t at = 0; at < LENGTH / 2; at += PAGE) {
		if (at == 3 * PAGE)
			continue;
		r = cmd_ok(1, XG_CMD_READ, XGT_WINDOW + at, 8);
		CHECK_EQ(r.v[0], xg_pattern(1, at));
	}
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	r = cmd_ok(1, XG_CMD_READ, XGT_WINDOW + 4 * PAGE, 8);
	CHECK_EQ(r.v[0], xg_pattern(1, 4 * PAGE));
	CHECK(!box_done(&xgt_box, 0));
	s.page[3].state = SERVED_GIVE;
	r = box_ok(cmd_wait(0), "the slow read", __FILE__, __LINE__);
	CHECK_EQ(r.v[0], xg_pattern(1, 3 * PAGE));
	/* Its server dies over a page: as if the disk had been pulled out. */
	s.page[LENGTH / PAGE - 1].state = SERVED_HOLD;
	cmd_start(0, XG_CMD_READ, XGT_WINDOW + LENGTH - 8, 8);
	EVENTUALLY(s.page[LENGTH / PAGE - 1].asked);
	CHECK(!box_done(&xgt_box, 0));
	xgt_kill(s.server);
	CHECK_EQ(cmd_wait(0).status, XG_FAULT);
	r = cmd_ok(0, XG_CMD_READ, XGT_WINDOW + 3 * PAGE, 8);
	CHECK_EQ(r.v[0], xg_pattern(1, 3 * PAGE));
}

/*
 * No call waits for a vCPU: all of them are made while one waits for memory
 * that only this very thread could supply.
 */
static void no_call_waits(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	struct xen_gpumem_window_query q;
	uint32_t window, other;
	struct slow s;

	slow_new(&s, LENGTH);
	fill(map, LENGTH, 1);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, s.map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_start(0, XG_CMD_READ, XGT_WINDOW, 8);
	CHECK_EQ(slow_wait(&s), 0);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	OK(gm_window_add(xgt_dom, XGT_WINDOW + MIB, LENGTH,
			 XEN_GPUMEM_POLICY_MMIO, &other));
	OK(gm_bind(xgt_dom, other, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_unbind(xgt_dom, other, 0, LENGTH));
	OK(gm_window_remove(xgt_dom, other));
	OK(gm_window_move(xgt_dom, window, XGT_WINDOW + MIB));
	OK(gm_window_move(xgt_dom, window, XGT_WINDOW));
	/* The waiting vCPU gets what is there now. */
	OK(gm_bind(xgt_dom, window, 0, LENGTH, map, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	slow_serve(&s, 0, 11);
	CHECK(cmd_wait(0).status == XG_OK);
	CHECK_EQ(guest_read(XGT_WINDOW), xg_pattern(1, 0));
	/* And once more, ended by unbinding and removing. */
	OK(gm_bind(xgt_dom, window, 0, LENGTH, s.map, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_start(0, XG_CMD_READ, XGT_WINDOW + PAGE, 8);
	CHECK_EQ(slow_wait(&s), PAGE);
	OK(gm_unbind(xgt_dom, window, 0, LENGTH));
	OK(gm_window_remove(xgt_dom, window));
	slow_serve(&s, PAGE, 22);
	CHECK(cmd_wait(0).status == XG_OK);
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
}

static void slow_backend(void *arg)
{
	struct backend *b = arg;
	struct slow s;

	slow_new(&s, LENGTH);
	OK(gm_window_add(b->dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &b->window));
	OK(gm_bind(b->dom, b->window, 0, LENGTH, s.map, 0, b->policy));
	*b->ready = 1;
	slow_wait(&s);
	*b->ready = 2;
	for (;;)
		pause();
}

/* Killed with a fault that it could have served. */
static void killed_mid_fault(void)
{
	unsigned int deaths = xgt_rounds ? xgt_rounds : DEATHS / 4;

	for (unsigned int i = 0; i < deaths; i++) {
		struct backend *b = backend_new(XEN_GPUMEM_POLICY_INJECT);
		pid_t pid;

		b->dom = second_fd();
		pid = xgt_fork(slow_backend, b);
		wait_ready(b);
		cmd_start(0, XG_CMD_READ, XGT_WINDOW, 8);
		EVENTUALLY(*b->ready == 2);
		CHECK(!box_done(&xgt_box, 0));
		xgt_kill(pid);
		CHECK_EQ(cmd_wait(0).status, XG_FAULT);
		OK(gm_window_remove(b->dom, b->window));
		close(b->dom);
		munmap(b, PAGE);
	}
}

/* --- the module --------------------------------------------------------------------- */

static void rmmod_busy(void)
{
	volatile uint64_t *map = map_shared(memfd_new(PAGE), PAGE);
	uint32_t window;

	for (int i = 0; i < 2; i++) {
		CHECK(syscall(SYS_delete_module, "xen_gpumem", O_NONBLOCK));
		CHECK(errno == EAGAIN || errno == EBUSY);
	}
	OK(gm_window_add(xgt_dom, XGT_WINDOW, PAGE, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, PAGE, map, 0, XEN_GPUMEM_POLICY_ZERO));
	map[0] = 1;
	CHECK_EQ(guest_read(XGT_WINDOW), 1);
}

static bool module_remove(void)
{
	return !syscall(SYS_delete_module, "xen_gpumem", O_NONBLOCK);
}

static void module_insert(void)
{
	int fd = open("/lib/modules/xen-gpumem.ko", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		FAIL("loading the module: %s", strerror(errno));
	close(fd);
}

/*
 * Lends to a guest that nobody is attached to.  The backend is killed, if it is
 * @slow with a vCPU that waits for it.
 */
static void module_user(bool slow)
{
	struct backend *b = backend_new(XEN_GPUMEM_POLICY_INJECT);
	pid_t pid;

	xgt_dom = b->dom = second_fd();
	box_open(&xgt_box, xgt_dom, xgt_guest.vcpus);
	pid = xgt_fork(slow ? slow_backend : restless_backend, b);
	wait_ready(b);
	if (slow) {
		cmd_start(0, XG_CMD_READ, XGT_WINDOW, 8);
		EVENTUALLY(*b->ready == 2);
	} else {
		cmd_ok(0, XG_CMD_TOUCH, XGT_WINDOW, LENGTH);
	}
	CHECK(!module_remove());
	xgt_kill(pid);
	/* It is not the backend that keeps the module, but the fd, which is ours. */
	CHECK(!module_remove());
	if (slow)
		CHECK_EQ(cmd_wait(0).status, XG_FAULT);
	munmap((void *)xgt_box.page, PAGE);
	close(xgt_dom);
	munmap(b, PAGE);
}

/*
 * Unloaded as soon as nobody uses it, and loaded again; a worker that comes
 * back late may hold it for a moment.  Each round but the first is the control
 * of the one before it: it uses what was loaded.
 */
static void rmmod_after(void)
{
	unsigned int rounds = xgt_rounds ? xgt_rounds : 2;

	for (unsigned int i = 0; i < rounds; i++) {
		module_user(!(i & 1));
		EVENTUALLY(module_remove());
		CHECK(access("/dev/xen/gpumem", F_OK) != 0);
		module_insert();
	}
	CHECK(gm_node() >= 0);
}

static const struct xgt_test tests[] = {
	{ "L11-unprivileged", "L11,L10", unprivileged, XGT_GUEST, 0 },
	{ "L11-no-call-waits", "L11", no_call_waits, XGT_GUEST, 0 },
	{ "L20-slow-fault-alone", "L20", slow_fault, XGT_GUEST, 0 },
	{ "L20-slow-file", "L20,L4,L13", slow_file, XGT_GUEST, 0 },
	{ "L13-backend-killed", "L13", backend_killed, XGT_GUEST, 240 },
	{ "L13-backend-killed-with-fd", "L13", backend_killed_with_fd,
	  XGT_GUEST, 240 },
	{ "L13-killed-mid-fault", "L13", killed_mid_fault, XGT_GUEST, 240 },
	{ "L13-fd-closed", "L13", fd_closed, XGT_GUEST, 240 },
	{ "L13-rmmod-busy", "L13", rmmod_busy, XGT_GUEST, 0 },
	{ "L13-rmmod-after", "L13", rmmod_after, XGT_BARE, 0 },
};

XGT_MAIN(tests)
