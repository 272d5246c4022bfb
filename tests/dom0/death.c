// SPDX-License-Identifier: GPL-2.0-only
/*
 * L13, S2: guests that end while memory is lent to them, and what happens to
 * whoever comes to have their number.
 *
 * After the guest's end the domain must really go: a frame that is still held
 * would leave it a zombie, which guest_gone() and the scenario's end notice.
 */
#include <pthread.h>

#include "xgt.h"

#define LENGTH	(64 * PAGE)

static uint32_t window;

static volatile uint64_t *lend_something(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);

	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	return map;
}

/*
 * Everything says that the domain is gone; removing and closing work.  The
 * driver learns of it when Xen tells it to: allow for that.
 */
static void all_gone(volatile uint64_t *map)
{
	struct xen_gpumem_window_query q;
	uint32_t other;
	int err;

	for (int i = 0; i < 3000; i++) {
		err = gm_window_add(xgt_dom, XGT_WINDOW + MIB, PAGE, 0, &other);
		if (err == -ESRCH)
			break;
		xgt_sleep_ms(10);
	}
	ERR(err, ESRCH);
	ERR(gm_bind(xgt_dom, window, 0, LENGTH, map, XEN_GPUMEM_BIND_REPLACE,
		    0), ESRCH);
	ERR(gm_populate(xgt_dom, window, 0, PAGE, 0, NULL), ESRCH);
	ERR(gm_window_move(xgt_dom, window, XEN_GPUMEM_PARKED), ESRCH);
	gm_query(xgt_dom, window, 0, 0, &q);
	/* The memory is ours as ever, and revoking it harms nobody. */
	fill(map, LENGTH, 9);
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	verify(map, LENGTH, 9);
	OK(gm_unbind(xgt_dom, window, 0, LENGTH));
	OK(gm_window_remove(xgt_dom, window));
	CHECK(!close(xgt_dom));
}

static void powered_off(void)
{
	volatile uint64_t *map = lend_something();

	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 1);
	cmd_start(1, XG_CMD_POWER_OFF);
	guest_gone(&xgt_guest, 60);
	verify(map, LENGTH, 1);
	all_gone(map);
}

static void crashed(void)
{
	volatile uint64_t *map = lend_something();

	cmd_start(0, XG_CMD_HAMMER, XGT_WINDOW, LENGTH, 1);
	cmd_advance(0, 2);
	cmd_start(1, XG_CMD_CRASH);
	guest_gone(&xgt_guest, 60);
	all_gone(map);
}

/* Destroyed with vCPUs that use the window as fast as they can. */
static void destroyed(void)
{
	volatile uint64_t *map = lend_something();

	cmd_start(0, XG_CMD_HAMMER, XGT_WINDOW, LENGTH / 2, 1);
	cmd_start(1, XG_CMD_HAMMER, XGT_WINDOW + LENGTH / 2, LENGTH / 2, 2);
	cmd_advance(0, 2);
	cmd_advance(1, 2);
	for (int i = 0; i < 50; i++)
		CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	guest_destroy(&xgt_guest);
	all_gone(map);
}

/* Two vCPUs wait for memory that does not come. */
static void both_wait(struct slow *s)
{
	slow_new(s, LENGTH);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, s->map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_start(0, XG_CMD_READ, XGT_WINDOW, 8);
	CHECK_EQ(slow_wait(s), 0);
	cmd_start(1, XG_CMD_READ, XGT_WINDOW + PAGE, 8);
	CHECK_EQ(slow_wait(s), PAGE);
}

/* The answers come too late, for a domain that is gone. */
static void served_too_late(struct slow *s)
{
	CHECK(!guest_alive(&xgt_guest));
	slow_serve(s, 0, 1);
	slow_serve(s, PAGE, 1);
	OK(gm_window_remove(xgt_dom, window));
	CHECK(!close(xgt_dom));
}

static void destroyed_mid_fault(void)
{
	struct slow s;

	both_wait(&s);
	guest_destroy(&xgt_guest);
	served_too_late(&s);
}

/* Ended as crashed, with vCPUs that do not run and cannot be asked. */
static void crashed_mid_fault(void)
{
	struct slow s;

	both_wait(&s);
	OK(xen_crash(xgt_guest.domid));
	guest_gone(&xgt_guest, 60);
	served_too_late(&s);
}

/* Populate and take away as fast as possible, until the guest is gone. */
static void *restless(void *arg)
{
	volatile uint64_t *map = arg;
	int ret;

	do {
		CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
		ret = gm_populate(xgt_dom, window, 0, LENGTH, 0, NULL);
	} while (!ret || ret == -EAGAIN);
	ERR(ret, ESRCH);
	return NULL;
}

static void end_mid_map(bool crash)
{
	volatile uint64_t *map = lend_something();
	pthread_t thread[2];

	fill(map, LENGTH, 1);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&thread[i], NULL, restless, (void *)map));
	cmd_start(0, XG_CMD_HAMMER, XGT_WINDOW, LENGTH, 1);
	/* Control: the guest gets on, although both of them take away. */
	cmd_advance(0, 1);
	if (crash)
		OK(xen_crash(xgt_guest.domid));
	else
		guest_destroy(&xgt_guest);
	guest_gone(&xgt_guest, 60);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(thread[i], NULL));
	all_gone(map);
}

static void destroyed_mid_map(void)
{
	end_mid_map(false);
}

static void crashed_mid_map(void)
{
	end_mid_map(true);
}

/* --- the number is used again -------------------------------------------------------- */

static uint64_t generation_of(int domid)
{
	struct xen_lend_op op = { };

	OK(lend_op(&op, XEN_LEND_query, domid, 0));
	CHECK(op.generation != 0);
	return op.generation;
}

/* An fd, and raw calls, with the generation of a guest that was. */
static void reused_domid(void)
{
	volatile uint64_t *map = lend_something();
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int domid = xgt_guest.domid, fd;
	struct xen_lend_op op = { };
	uint64_t old = generation_of(domid), new;
	int exports = ex_open(NULL, 0, 0, 0);
	uint32_t other, ref = 8;
	long ret;

	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 1);
	guest_destroy(&xgt_guest);
	/* Others who have pages of the old one, its console's, let go soon. */
	EVENTUALLY((ret = xen_domain_new(domid, 0)) != -EEXIST);
	if (ret != domid)
		FAIL("cannot make a domain %d again: %s", domid,
		     xgt_errname(-ret));
	/* Control: it is there, under the same number, and is another. */
	new = generation_of(domid);
	CHECK(new != old);
	ERR(lend_op(&op, XEN_LEND_query, domid, old), ESRCH);
	ERR(gm_window_add(xgt_dom, XGT_WINDOW + MIB, PAGE, 0, &other), ESRCH);
	ERR(gm_bind(xgt_dom, window, 0, LENGTH, map, XEN_GPUMEM_BIND_REPLACE,
		    0), ESRCH);
	ERR(gm_window_move(xgt_dom, window, XGT_WINDOW + MIB), ESRCH);
	ERR(ex_grants(exports, &ref, 1, 0, NULL), ESRCH);
	close(exports);
	limits.generation = old;
	fd = gm_open_domain(domid, &limits);
	CHECK_EQ(fd, (unsigned long long)-ESRCH);
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	OK(gm_window_remove(xgt_dom, window));
	close(xgt_dom);
	xen_domain_destroy(domid);
}

struct late_export {
	int dom;
	struct slow refs;
	int ret;
};

static void *export_late(void *arg)
{
	struct late_export *e = arg;

	e->ret = ex_grants(e->dom, (const uint32_t *)e->refs.map, 1, 0, NULL);
	return NULL;
}

/*
 * The number changes hands while an export is being made: it was the guest's
 * when the call began, and nothing is mapped yet.  (Once something is, Xen keeps
 * the number.)  For that, the call has to wait for its own references.  The one
 * that comes then is good for every guest: the toolstack grants us the console.
 */
static void reused_midway(void)
{
	struct late_export e = { .dom = ex_open(NULL, 0, 0, 0) };
	const uint32_t console = 0;
	int domid = xgt_guest.domid;
	struct xgt_guest next;
	pthread_t thread;

	/* Control: it can be exported, of this guest. */
	close(ex_make(e.dom, &console, 1, 0, NULL));
	slow_new(&e.refs, PAGE);
	CHECK(!pthread_create(&thread, NULL, export_late, &e));
	CHECK_EQ(slow_wait(&e.refs), 0);
	guest_destroy(&xgt_guest);
	EVENTUALLY(!xen_domain_there(domid));
	if (!guest_start_as(&next, "xgt2", 1, domid))
		FAIL("no guest with the number %d", domid);
	slow_serve(&e.refs, 0, console);
	CHECK(!pthread_join(thread, NULL));
	ERR(e.ret, ESRCH);
	/* Control: and of the next one, by who has a fd for it. */
	close(e.dom);
	xgt_guest = next;
	e.dom = ex_open(NULL, 0, 0, 0);
	close(ex_make(e.dom, &console, 1, 0, NULL));
	close(e.dom);
	guest_destroy(&next);
}

/* Every operation names the generation; a wrong one reaches nobody. */
static void wrong_generation(void)
{
	static const uint16_t cmds[] = {
		XEN_LEND_query, XEN_LEND_attach, XEN_LEND_detach,
		XEN_LEND_create, XEN_LEND_move, XEN_LEND_destroy, XEN_LEND_map,
		XEN_LEND_revoke, XEN_LEND_poll, XEN_LEND_resolve,
	};
	volatile uint64_t *map = lend_something();
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int domid = xgt_guest.domid;
	uint64_t gen = generation_of(domid);
	struct xen_lend_extent *extent = lend_buffer(PAGE);

	fill(map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
		for (int wrong = -1; wrong <= 1; wrong += 2) {
			struct xen_lend_op op = { };
			long ret;

			/* As good as the rest of it can be made. */
			switch (cmds[i]) {
			case XEN_LEND_create:
				op.u.create.gfn = (XGT_WINDOW + MIB) >> 12;
				op.u.create.nr = 1;
				break;
			case XEN_LEND_map:
				op.u.map.nr = 1;
				op.u.map.extents = (uintptr_t)extent;
				break;
			case XEN_LEND_revoke:
				op.u.revoke.nr = 1;
				break;
			case XEN_LEND_poll:
				op.u.poll.max = 1;
				op.u.poll.faults = (uintptr_t)extent;
				break;
			}
			/* Ids are given from some small number on: all of them. */
			for (uint32_t id = 0; id < 4; id++) {
				if (cmds[i] == XEN_LEND_move ||
				    cmds[i] == XEN_LEND_destroy ||
				    cmds[i] == XEN_LEND_map ||
				    cmds[i] == XEN_LEND_revoke)
					op.u.destroy.id = id;
				ret = lend_op(&op, cmds[i], domid, gen + wrong);
				if (ret != -ESRCH)
					FAIL("command %u with a wrong generation: %ld",
					     cmds[i], ret);
			}
		}
	}
	limits.generation = gen + 1;
	CHECK_EQ(gm_open_domain(domid, &limits), (unsigned long long)-ESRCH);
	/* Nothing of it had an effect. */
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), LENGTH / PAGE);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	/* Control: the right one is taken. */
	limits.generation = gen;
	CHECK(gm_open_domain(domid, &limits) >= 0);
}

static const struct xgt_test tests[] = {
	{ "S2-wrong-generation", "S2", wrong_generation, XGT_GUEST, 0 },
	{ "S2-generation", "S2", reused_domid, XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "S2-export-reused-midway", "S2,E6", reused_midway,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-guest-powered-off", "L13", powered_off,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-guest-crashed", "L13", crashed, XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-guest-destroyed", "L13,N16", destroyed,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-guest-destroyed-mid-fault", "L13,N16,N18", destroyed_mid_fault,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-guest-crashed-mid-fault", "L13", crashed_mid_fault,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-guest-destroyed-mid-map", "L13,N16", destroyed_mid_map,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-guest-crashed-mid-map", "L13,N16", crashed_mid_map,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
