// SPDX-License-Identifier: GPL-2.0-only
/*
 * L12: a guest that something is lent to cannot be saved, and runs on.
 *
 * By the toolstack, as an administrator would do it, and by the very hypercalls
 * that saving and live migration are made of.
 */
#include <pthread.h>

#include "xgt.h"

#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/domctl.h>

#define LENGTH	(64 * PAGE)
#define GFN	(XGT_WINDOW / PAGE)
#define NR	16

/* The size of the context, which is where saving it begins. */
static long context_size(uint32_t *size)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_gethvmcontext,
				 .domain = xgt_guest.domid };
	long ret = xen_domctl(&op);

	*size = op.u.hvmcontext.size;
	return ret;
}

/* xl save -c: the guest runs on afterwards, whether it worked or not. */
static int xl_save(void)
{
	char *argv[] = { "xl", "save", "-c", xgt_guest.name, "/dev/null",
			 NULL };

	return xgt_spawn(argv, NULL, 0);
}

static void hypercalls(void)
{
	uint32_t size, id;

	/* Control: without anything lent, all of it works. */
	OK(context_size(&size));
	CHECK(size > 0);
	OK(guest_track(&xgt_guest, true));
	raw_query();
	ERR(raw_try_attach(), EBUSY);
	OK(guest_track(&xgt_guest, false));
	/* Who has no window yet is in nobody's way. */
	raw_attach();
	OK(context_size(&size));
	OK(guest_track(&xgt_guest, true));
	OK(guest_track(&xgt_guest, false));
	OK(raw_create(GFN, NR, &id));
	ERR(context_size(&size), EBUSY);
	ERR(guest_track(&xgt_guest, true), EBUSY);
	/* Nor is who has none any more. */
	OK(raw_destroy(id));
	OK(context_size(&size));
	OK(raw_create(XEN_LEND_PARKED, NR, &id));
	ERR(context_size(&size), EBUSY);
	ERR(guest_track(&xgt_guest, true), EBUSY);
	raw_detach();
	OK(context_size(&size));
	OK(guest_track(&xgt_guest, true));
	OK(guest_track(&xgt_guest, false));
}

struct tracker {
	int go, begun;
	long ret;
};

static void *track(void *arg)
{
	struct tracker *t = arg;

	while (!__atomic_load_n(&t->go, __ATOMIC_ACQUIRE))
		;
	__atomic_store_n(&t->begun, 1, __ATOMIC_RELEASE);
	t->ret = guest_track(&xgt_guest, true);
	return NULL;
}

/*
 * Log-dirty mode first, or CREATE first, or both at once: just one of them gets
 * what it wants, as they ask for each other under one lock.
 */
static void create_races(void)
{
	unsigned int created = 0, tracked = 0;
	pthread_t thread;
	uint32_t id;

	raw_attach();
	for (int i = 0; i < 60; i++) {
		struct tracker t = { .go = i % 3 != 1 };
		long ret;

		CHECK(!pthread_create(&thread, NULL, track, &t));
		if (i % 3 == 0)
			CHECK(!pthread_join(thread, NULL));
		while (i % 3 == 2 && !__atomic_load_n(&t.begun,
						      __ATOMIC_ACQUIRE))
			;
		ret = raw_create(GFN, NR, &id);
		__atomic_store_n(&t.go, 1, __ATOMIC_RELEASE);
		if (i % 3 != 0)
			CHECK(!pthread_join(thread, NULL));
		if (!ret == !t.ret)
			FAIL("round %d: CREATE %ld, log-dirty mode %ld", i,
			     ret, t.ret);
		if (ret) {
			CHECK_EQ(-ret, EOPNOTSUPP);
			OK(guest_track(&xgt_guest, false));
			tracked++;
		} else {
			CHECK_EQ(-t.ret, EBUSY);
			OK(raw_destroy(id));
			created++;
		}
	}
	xgt_info("%u windows, %u times log-dirty mode", created, tracked);
	/* Control: whoever was first. */
	CHECK(created >= 20 && tracked >= 20);
	raw_detach();
}

static void without(void)
{
	CHECK_EQ(xl_save(), 0);
	CHECK(guest_alive(&xgt_guest));
}

static void refused(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window;

	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 1);
	CHECK(xl_save() != 0);
	CHECK(guest_alive(&xgt_guest));
	/* All of it goes on, as if nobody had asked. */
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, 2);
	verify(map, LENGTH, 2);
	OK(gm_window_remove(xgt_dom, window));
}

static const struct xgt_test tests[] = {
	{ "L12-save-hypercalls", "L12", hypercalls, XGT_BARE, 0 },
	{ "L12-save-create-races", "L12", create_races, XGT_BARE, 240 },
	{ "L12-save-without", "L12", without, XGT_BARE, 240 },
	{ "L12-save-refused", "L12", refused, XGT_GUEST, 240 },
};

XGT_MAIN(tests)
