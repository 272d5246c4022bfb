// SPDX-License-Identifier: GPL-2.0-only
/*
 * E6: who has an exported page when something dies.
 *
 * A dma-buf keeps the guest's pages, whatever becomes of the domain fd, of the
 * process that made it, of the guest's interest in them, and of the guest.  They
 * go back when its last user has gone, or when it is revoked; and then nothing
 * is left of a dead guest.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "xgt.h"

#define PAGES	64U
#define LENGTH	(PAGES * PAGE)

static void fd_closed_first(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0);
	int fd = ex_make(dom, refs, PAGES, 0, NULL);
	volatile uint64_t *p;

	close(dom);
	p = map_shared(fd, LENGTH);
	close(fd);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 2);
	munmap((void *)p, LENGTH);
}

static void unshared(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0);
	int fd = ex_make(dom, refs, PAGES, 0, &id);
	volatile uint64_t *p = map_shared(fd, LENGTH);

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	guest_unshare(0);
	/* The guest does with its memory what it likes: other pages. */
	refs = guest_share(1, 4 * PAGES, true);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(1), 4 * LENGTH, 7);
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	verify(p, LENGTH, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(1), 4 * LENGTH, 7);
	OK(ex_revoke(dom, id));
	CHECK_EQ(touched(p), SIGBUS);
}

struct holder {
	int dom;
	uint32_t *refs;
};

static void holder(void *arg)
{
	struct holder *h = arg;
	volatile uint64_t *p = map_shared(ex_make(h->dom, h->refs, PAGES, 0,
						  NULL), LENGTH);

	for (;;)
		fill(p, LENGTH, 1);
}

/* Of one that was killed at any time nothing is left: there may be one only. */
static void killed(void)
{
	struct holder h = { .dom = ex_open(NULL, 0, 1, 0) };
	struct xen_gpumem_export_query q;

	h.refs = guest_share(0, PAGES, true);
	for (int i = 0; i < 20; i++) {
		pid_t pid = xgt_fork(holder, &h);

		xgt_sleep_ms(10 + 5 * i);
		xgt_kill(pid);
		ERR(ex_query(h.dom, 0, XEN_GPUMEM_EXPORT_QUERY_NEXT, &q),
		    ENOENT);
	}
	close(ex_make(h.dom, h.refs, PAGES, 0, NULL));
	guest_unshare(0);
}

#define MANY	(PAGE / sizeof(uint32_t))	/* references in a page */

struct midway {
	int dom;
	uint32_t *refs;
	volatile uint32_t *waits;	/* shared */
	struct slow slow;
};

static void *tell(void *arg)
{
	struct midway *m = arg;

	CHECK_EQ(slow_wait(&m->slow), PAGE);
	*m->waits = 1;
	return NULL;
}

/* Exports what is named in two pages, of which the second does not come. */
static void exports_half(void *arg)
{
	struct midway *m = arg;
	volatile uint32_t *list;
	pthread_t thread;

	slow_new(&m->slow, 2 * PAGE);
	list = (volatile uint32_t *)m->slow.map;
	slow_serve(&m->slow, 0, 0);
	for (unsigned int i = 0; i < MANY; i++)
		list[i] = m->refs[i % PAGES];
	CHECK(!pthread_create(&thread, NULL, tell, m));
	ex_grants(m->dom, (uint32_t *)list, 2 * MANY, 0, NULL);
	FAIL("%s", "an export ended without its references");
}

/* Killed with half of the pages mapped: nobody has them then. */
static void killed_midway(void)
{
	struct midway m = { .dom = ex_open(NULL, 0, 1, 0) };
	struct xen_gpumem_export_query q;
	volatile uint64_t *p;
	pid_t pid;
	int fd;

	m.waits = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(m.waits != MAP_FAILED);
	m.refs = guest_share(0, PAGES, true);
	for (int i = 0; i < 5; i++) {
		*m.waits = 0;
		pid = xgt_fork(exports_half, &m);
		EVENTUALLY(*m.waits);
		/* It counts already, and is not there for anybody yet. */
		ERR(ex_grants(m.dom, m.refs, PAGES, 0, NULL), ENOSPC);
		ERR(ex_query(m.dom, 0, XEN_GPUMEM_EXPORT_QUERY_NEXT, &q),
		    ENOENT);
		xgt_kill(pid);
		/* Control: there may be one. */
		fd = ex_make(m.dom, m.refs, PAGES, 0, NULL);
		p = ex_map_read(fd, LENGTH);
		cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, i);
		verify(p, LENGTH, i);
		munmap((void *)p, LENGTH);
		close(fd);
	}
}

static void module_is_busy(void)
{
	CHECK(syscall(SYS_delete_module, "xen_gpumem", O_NONBLOCK));
	CHECK(errno == EAGAIN || errno == EBUSY);
}

/* Who has a dma-buf, and nothing else of the driver's, has the module, too. */
static void keeps_module(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0);
	int fd = ex_make(dom, refs, PAGES, 0, NULL);
	volatile uint64_t *p = map_shared(fd, LENGTH);

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	box_close(&xgt_box);
	close(xgt_dom);
	close(dom);
	module_is_busy();
	close(fd);
	/* Its mapping is enough. */
	module_is_busy();
	verify(p, LENGTH, 1);
}

/* xl's line for what is left of a guest, or none. */
static bool zombie(int domid)
{
	char *argv[] = { "xl", "list", NULL };
	char out[4096], *line = out;
	int id;

	CHECK(!xgt_spawn(argv, out, sizeof(out)));
	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%*s %d", &id) == 1 && id == domid)
			return true;
	}
	return false;
}

static void guest_dies(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), domid = xgt_guest.domid;
	int fd = ex_make(dom, refs, PAGES, 0, &id);
	volatile uint64_t *p = map_shared(fd, LENGTH), *q;

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH / 2, 1);
	guest_destroy(&xgt_guest);
	/* Its memory is kept by us, contents and all. */
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	q = map_shared(fd, LENGTH);
	verify(q, LENGTH, 2);
	CHECK(zombie(domid));
	CHECK_EQ(ex_state(dom, id).out_mmaps, 2);
	OK(ex_revoke(dom, id));
	CHECK_EQ(touched(p), SIGBUS);
	/* Nobody has the rest of it: it goes, though the dma-buf lives. */
	EVENTUALLY(!zombie(domid));
	ERR(ex_grants(dom, refs, PAGES, 0, NULL), ESRCH);
}

static void guest_dies_then_close(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0), domid = xgt_guest.domid;
	int fd = ex_make(dom, refs, PAGES, 0, NULL);
	volatile uint64_t *p = map_shared(fd, LENGTH);

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	close(dom);
	close(fd);
	guest_destroy(&xgt_guest);
	verify(p, LENGTH, 1);
	CHECK(zombie(domid));
	munmap((void *)p, LENGTH);
	EVENTUALLY(!zombie(domid));
}

static const struct xgt_test tests[] = {
	{ "E6-fd-closed-first", "E6", fd_closed_first, XGT_GUEST, 0 },
	{ "E6-unshared", "E6", unshared, XGT_GUEST, 0 },
	{ "E6-holder-killed", "E6,S4", killed, XGT_GUEST, 0 },
	{ "E6-killed-midway", "E6,S4", killed_midway, XGT_GUEST, 0 },
	{ "E6-keeps-module", "E6,L13", keeps_module, XGT_GUEST, 0 },
	{ "E6-guest-dies", "E6", guest_dies, XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "E6-guest-dies-then-close", "E6", guest_dies_then_close,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
