// SPDX-License-Identifier: GPL-2.0-only
/*
 * E10, L13, S2: how grant references for dma-bufs end.
 *
 * A guest has them mapped for as long as it likes; the host takes them back
 * without taking anything from it.  The buffers are the test exporter's, whose
 * pages are filled with something else when nobody has them pinned: a guest
 * whose words are still there had its buffer held.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "exporter.h"

#define PAGES	48U
#define LENGTH	(PAGES * PAGE)
/* More than the driver tells of at a time. */
#define MANY	128U
/* Where the guest maps: in no window. */
#define GPA	(XGT_WINDOW + 64 * MIB)
#define OTHER	(GPA + 16 * MIB)

/* --- helpers -------------------------------------------------------------- */

static int buffer(void)
{
	return buf_new(EXPORTER_PAGES, PAGES);
}

static bool held(int fd)
{
	return buf_state(fd).mapped;
}

/* Those of the test before may be on their way out. */
static int only_buffer(void)
{
	EVENTUALLY(buf_count() == 0);
	return buffer();
}

static uint32_t grant_all(int dom, int fd, uint32_t *refs)
{
	return gr_all(dom, fd, PAGES, 0, refs);
}

static bool can_map(uint32_t ref)
{
	struct guest_map m;

	if (guest_map(&m, &xgt_box, OTHER, &ref, 1, true))
		return false;
	guest_unmap(&m);
	return true;
}

/* --- release -------------------------------------------------------------- */

static void while_mapped(void)
{
	int dom = gr_open(0), fd = buffer();
	volatile uint64_t *map = map_shared(fd, LENGTH);
	uint32_t refs[PAGES], id, left;
	struct guest_map m;

	id = grant_all(dom, fd, refs);
	/* Some of them: the first, the last but one, and others between. */
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES - 1);
	guest_unmap_some(&m, 1, 20);
	fill(map, LENGTH, 1);

	ERR(gr_release(dom, id, 0, &left), EBUSY);
	CHECK_EQ(left, PAGES - 21);
	/* Nothing was lost: what is mapped is what it was, both ways. */
	CHECK(held(fd));
	CHECK_EQ(gr_used(dom), PAGES);
	cmd_ok(0, XG_CMD_CHECK, GPA, PAGE, 1);
	CHECK_EQ(guest_read(GPA + 30 * PAGE), xg_pattern(1, 30 * PAGE));
	guest_write(GPA + 30 * PAGE, 0x1234);
	CHECK_EQ(map[30 * 512], 0x1234);
	/* What was not mapped cannot be any more. */
	CHECK(!can_map(refs[PAGES - 1]));
	CHECK(!can_map(refs[5]));

	ERR(gr_release(dom, id, 100, &left), ETIMEDOUT);
	CHECK_EQ(left, PAGES - 21);
	guest_unmap_some(&m, 21, PAGES - 22);
	ERR(gr_release(dom, id, 0, &left), EBUSY);
	CHECK_EQ(left, 1);
	CHECK(held(fd));
	CHECK_EQ(guest_read(GPA), xg_pattern(1, 0));
	guest_unmap(&m);
	OK(gr_release(dom, id, 0, &left));
	CHECK_EQ(left, 0);
	CHECK(!held(fd));
	CHECK_EQ(gr_used(dom), 0);
	CHECK(!can_map(refs[0]));
	ERR(gr_release(dom, id, 0, NULL), ENOENT);
}

/* What was asked for once goes on by itself. */
static void by_itself(void)
{
	int dom = gr_open(0), fd = buffer();
	uint32_t refs[PAGES], id, left;
	struct guest_map m;

	id = grant_all(dom, fd, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	ERR(gr_release(dom, id, 0, &left), EBUSY);
	guest_unmap(&m);
	EVENTUALLY(!held(fd));
	EVENTUALLY(gr_used(dom) == 0);
	CHECK_EQ(gr_left(xgt_guest.domid), 0);
	OK(gr_release(dom, id, 0, &left));
	ERR(gr_release(dom, id, 0, &left), ENOENT);
}

/* Control for what others say of the watch: it leaves alone what lives. */
static void left_alone(void)
{
	int dom = gr_open(0), fd = buffer();
	uint32_t refs[PAGES], id;

	id = grant_all(dom, fd, refs);
	xgt_sleep_ms(3000);
	CHECK(held(fd));
	CHECK(can_map(refs[0]));
	CHECK(can_map(refs[PAGES - 1]));
	OK(gr_release(dom, id, 0, NULL));
}

struct waiter {
	int dom;
	uint32_t id, ms, left;
	int result;
	volatile bool done;
};

static void *wait_for(void *arg)
{
	struct waiter *w = arg;

	w->result = gr_release(w->dom, w->id, w->ms, &w->left);
	w->done = true;
	return NULL;
}

static void waits(void)
{
	int dom = gr_open(0), fd = buffer();
	volatile uint64_t *map = map_shared(fd, LENGTH);
	struct waiter w[2];
	uint32_t refs[PAGES];
	struct guest_map m;
	pthread_t thread[2];

	w[0] = (struct waiter){
		.dom = dom, .id = grant_all(dom, fd, refs), .ms = 60000,
	};
	w[1] = w[0];
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	fill(map, LENGTH, 1);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&thread[i], NULL, wait_for, &w[i]));
	xgt_sleep_ms(300);
	CHECK(!w[0].done && !w[1].done);
	cmd_ok(0, XG_CMD_CHECK, GPA, LENGTH, 1);
	guest_unmap_some(&m, 0, PAGES - 1);
	xgt_sleep_ms(300);
	CHECK(!w[0].done && !w[1].done);
	CHECK(held(fd));
	guest_unmap(&m);
	for (int i = 0; i < 2; i++) {
		CHECK(!pthread_join(thread[i], NULL));
		OK(w[i].result);
		CHECK_EQ(w[i].left, 0);
	}
	CHECK(!held(fd));
	ERR(gr_release(dom, w[0].id, 0, NULL), ENOENT);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int dom = gr_open(0), fd = buffer();
	uint32_t refs[PAGES], id, left;
	struct guest_map m;

	id = grant_all(dom, fd, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, 1);
	CHECK(!sigaction(SIGALRM, &sa, NULL));
	alarm(1);
	ERR(gr_release(dom, id, 60000, &left), EINTR);
	CHECK_EQ(left, 1);
	CHECK(held(fd));
	guest_unmap(&m);
	OK(gr_release(dom, id, 0, NULL));
}

/* --- deaths of the host's side -------------------------------------------- */

static void fd_closed(void)
{
	int dom = gr_open(0), fd = only_buffer();
	uint32_t refs[PAGES];
	struct guest_map m;

	grant_all(dom, fd, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES - 8);
	cmd_ok(0, XG_CMD_FILL, GPA, LENGTH - 8 * PAGE, 1);
	close(fd);
	close(dom);
	/* The guest alone has it now. */
	CHECK_EQ(buf_count(), 1);
	CHECK_EQ(gr_left(xgt_guest.domid), PAGES - 8);
	CHECK(!can_map(refs[PAGES - 1]));
	xgt_sleep_ms(2500);
	cmd_ok(1, XG_CMD_CHECK, GPA, LENGTH - 8 * PAGE, 1);
	cmd_ok(1, XG_CMD_FILL, GPA, LENGTH - 8 * PAGE, 2);
	cmd_ok(0, XG_CMD_CHECK, GPA, LENGTH - 8 * PAGE, 2);
	/* Page by page, each of which is taken back when it comes. */
	guest_unmap_some(&m, 0, PAGES / 2);
	EVENTUALLY(gr_left(xgt_guest.domid) == PAGES / 2 - 8);
	CHECK(!can_map(refs[0]));
	CHECK_EQ(buf_count(), 1);
	CHECK_EQ(guest_read(GPA + PAGES / 2 * PAGE),
		 xg_pattern(2, PAGES / 2 * PAGE));
	guest_unmap(&m);
	EVENTUALLY(buf_count() == 0);
	CHECK_EQ(gr_left(xgt_guest.domid), 0);
}

/* Not mapped: nothing stays when the fd is closed, and close() says so. */
static void fd_closed_unmapped(void)
{
	int dom = gr_open(0), fd = buffer();
	uint32_t refs[PAGES];

	grant_all(dom, fd, refs);
	grant_all(dom, fd, refs);
	CHECK(held(fd));
	close(dom);
	CHECK(!held(fd));
	CHECK_EQ(gr_left(xgt_guest.domid), 0);
	CHECK(!can_map(refs[0]));
}

struct holder {
	uint32_t refs[PAGES];
	volatile uint32_t ready;
};

static void hold(void *arg)
{
	struct holder *h = arg;

	grant_all(gr_open(0), buffer(), h->refs);
	h->ready = 1;
	for (;;)
		pause();
}

static void killed(void)
{
	struct holder *h = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct guest_map m;
	pid_t pid;

	CHECK(h != MAP_FAILED);
	EVENTUALLY(buf_count() == 0);
	for (int i = 0; i < 6; i++) {
		h->ready = 0;
		pid = xgt_fork(hold, h);
		EVENTUALLY(h->ready);
		guest_must_map(&m, &xgt_box, GPA, h->refs, PAGES);
		cmd_ok(0, XG_CMD_FILL, GPA, LENGTH, i);
		xgt_kill(pid);
		cmd_ok(1, XG_CMD_CHECK, GPA, LENGTH, i);
		CHECK_EQ(buf_count(), 1);
		guest_unmap(&m);
		EVENTUALLY(buf_count() == 0);
	}
}

/* The module stays as long as a guest has something mapped. */
static void module_stays(void)
{
	int dom = gr_open(0), fd = buffer();
	uint32_t refs[PAGES];
	struct guest_map m;

	grant_all(dom, fd, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, 1);
	close(dom);
	box_close(&xgt_box);
	close(xgt_dom);
	/* No fd is left. */
	CHECK(syscall(SYS_delete_module, "xen_gpumem", O_NONBLOCK) &&
	      errno == EWOULDBLOCK);
	CHECK(held(fd));
	guest_destroy(&xgt_guest);
	EVENTUALLY(!held(fd));
}

/* --- deaths of the guest -------------------------------------------------- */

static void guest_dies(void)
{
	int dom = gr_open(0), fd = buffer(), second = buffer();
	int domid = xgt_guest.domid;
	volatile uint64_t *map = map_shared(fd, LENGTH);
	uint32_t refs[PAGES], id, unmapped;
	struct guest_map m;

	id = grant_all(dom, fd, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	cmd_ok(0, XG_CMD_FILL, GPA, LENGTH, 1);
	verify(map, LENGTH, 1);
	unmapped = grant_all(dom, second, refs);
	CHECK_EQ(gr_left(domid), 2 * PAGES);
	guest_destroy(&xgt_guest);
	/* References come free, mapped by the dead or not. */
	EVENTUALLY(gr_left(domid) == 0);
	EVENTUALLY(!held(fd) && !held(second));
	EVENTUALLY(gr_used(dom) == 0);
	OK(gr_release(dom, id, 0, NULL));
	OK(gr_release(dom, unmapped, 0, NULL));
	ERR(gr_release(dom, id, 0, NULL), ENOENT);
	ERR(gr_grant(dom, fd, 0, PAGES, 0, refs, NULL), ESRCH);
	CHECK_EQ(gr_used(dom), 0);
}

/* The guest dies when nobody on the host has an fd any more. */
static void guest_dies_last(void)
{
	int dom = gr_open(0), fd = only_buffer();
	uint32_t refs[PAGES];
	struct guest_map m;

	grant_all(dom, fd, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	close(dom);
	close(fd);
	CHECK_EQ(buf_count(), 1);
	guest_destroy(&xgt_guest);
	EVENTUALLY(buf_count() == 0);
}

/* Release that waits for a guest which dies meanwhile. */
static void dies_while_waited_for(void)
{
	int dom = gr_open(0), fd = buffer();
	struct waiter w = { .dom = dom, .ms = 60000 };
	uint32_t refs[PAGES];
	struct guest_map m;
	pthread_t thread;

	w.id = grant_all(dom, fd, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	CHECK(!pthread_create(&thread, NULL, wait_for, &w));
	xgt_sleep_ms(300);
	CHECK(!w.done);
	guest_destroy(&xgt_guest);
	CHECK(!pthread_join(thread, NULL));
	OK(w.result);
	CHECK(!held(fd));
}

/*
 * A number is given to another guest, but not what went with it.  Nobody was
 * attached to the old one.
 */
static void reused_number(void)
{
	struct xen_gpumem_open_domain lend = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int dom = gr_open(0), fd = buffer(), theirs, domid = xgt_guest.domid;
	struct xgt_guest other = { .domid = -1 };
	uint32_t refs[PAGES], again[PAGES];
	struct xgt_mailbox box;
	struct guest_map m;

	grant_all(dom, fd, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	box_close(&xgt_box);
	close(xgt_dom);
	guest_destroy(&xgt_guest);
	EVENTUALLY(gr_left(domid) == 0);
	if (!guest_start_as(&other, "other", 1, domid))
		FAIL("no guest of number %d again", domid);
	theirs = gm_open_domain(domid, &lend);
	CHECK(theirs >= 0);
	box_open(&box, theirs, 1);
	for (uint32_t i = 0; i < PAGES; i++)
		if (!guest_map(&m, &box, GPA, refs + i, 1, true))
			FAIL("a guest can map reference %u, given to another of its number",
			     i);
	ERR(gr_grant(dom, fd, 0, PAGES, 0, again, NULL), ESRCH);
	/* Control: references of its own. */
	xgt_guest.domid = domid;
	dom = gr_open(0);
	xgt_guest.domid = -1;
	grant_all(dom, fd, again);
	CHECK_EQ(guest_map(&m, &box, GPA, again, PAGES, false), 0);
	guest_unmap(&m);
	box_close(&box);
	guest_destroy(&other);
}

struct slow_call {
	int dom, fd, result;
	uint32_t *refs;
	volatile bool done;
};

static void *grant_slowly(void *arg)
{
	struct slow_call *c = arg;

	c->result = gr_grant(c->dom, c->fd, 0, MANY, 0, c->refs, NULL);
	c->done = true;
	return NULL;
}

/*
 * References that the caller could not be told yet end with the guest, however
 * long its memory takes to come.
 */
static void told_slowly(void)
{
	struct slow_call c = {
		.dom = gr_open(0), .fd = buf_new(EXPORTER_PAGES, MANY),
	};
	int domid = xgt_guest.domid;
	pthread_t thread;
	struct slow s;

	slow_new(&s, PAGE);
	c.refs = (uint32_t *)s.map;
	CHECK(!pthread_create(&thread, NULL, grant_slowly, &c));
	CHECK_EQ(slow_wait(&s), 0);
	CHECK_EQ(gr_left(domid), MANY);
	/* Control: the watch comes by, and leaves them. */
	xgt_sleep_ms(2500);
	CHECK_EQ(gr_left(domid), MANY);
	CHECK(held(c.fd));
	guest_destroy(&xgt_guest);
	EVENTUALLY(gr_left(domid) == 0);
	EVENTUALLY(!held(c.fd));
	CHECK(!c.done);
	slow_serve(&s, 0, 0);
	CHECK(!pthread_join(thread, NULL));
	ERR(c.result, ESRCH);
	EVENTUALLY(gr_used(c.dom) == 0);
}

static const struct xgt_test tests[] = {
	{ "E10-release-while-mapped", "E10", while_mapped, XGT_GUEST, 0 },
	{ "E10-release-by-itself", "E10", by_itself, XGT_GUEST, 0 },
	{ "E10-left-alone", "E10", left_alone, XGT_GUEST, 0 },
	{ "E10-release-waits", "E10", waits, XGT_GUEST, 0 },
	{ "E10-release-interrupted", "E10", interrupted, XGT_GUEST, 0 },
	{ "E10-fd-closed-while-mapped", "E10,L13", fd_closed, XGT_GUEST, 0 },
	{ "E10-fd-closed-unmapped", "E10,L13", fd_closed_unmapped, XGT_GUEST,
	  0 },
	{ "E10-holder-killed", "E10,L13", killed, XGT_GUEST, 0 },
	{ "E10-guest-dies", "E10,L13", guest_dies, XGT_GUEST | XGT_ENDS_GUEST,
	  0 },
	{ "E10-guest-dies-last", "E10,L13", guest_dies_last,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "E10-guest-dies-waited-for", "E10,L13", dies_while_waited_for,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "E10-module-stays", "E10,L13", module_stays,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "S2-grants-reused-number", "S2,E10", reused_number,
	  XGT_GUEST | XGT_ENDS_GUEST, 300 },
	{ "S2-grants-told-slowly", "S2,E10", told_slowly,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
