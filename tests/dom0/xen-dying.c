// SPDX-License-Identifier: GPL-2.0-only
/*
 * A borrower that is being torn down, seen by a lender that goes on as if
 * nothing had happened.
 *
 * Xen takes back what is lent in slices, and other CPUs of dom0 make their
 * hypercalls meanwhile.  The borrower here has so much on loan that this takes
 * longer than a round of all commands by far, and that a round was in time is
 * seen from the last frame, which Xen takes back last and the round's end finds
 * still there.
 */
#include <pthread.h>

#include "xgt.h"

#define GFN	(XGT_WINDOW / PAGE)
#define NR	65536

static void *destroy(void *domid)
{
	xen_domain_destroy(*(int *)domid);
	return NULL;
}

static long poll_one(void)
{
	struct xen_lend_op op = { };

	op.u.poll.max = 1;
	op.u.poll.faults = (uintptr_t)xgt_raw.faults;
	return raw_op(&op, XEN_LEND_poll);
}

static long inspect_last(uint32_t id)
{
	struct xen_lend_op op = { };

	op.u.inspect.id = id;
	op.u.inspect.index = NR - 1;
	return raw_op(&op, XEN_LEND_inspect);
}

/* Every command says what docs/hypercall-abi.md has in its table. */
static void dying(void)
{
	struct xen_lend_op query = { };
	uint64_t cleared;
	pthread_t thread;
	uint32_t id, other;
	int domid;
	long ret;

	domid = xgt_guest.domid = xen_borrower_new(0);
	raw_attach();
	OK(raw_create(GFN, NR, &id));
	raw_fill(id, NR);
	/* Control: nothing of it is an error yet. */
	OK(poll_one());
	OK(inspect_last(id));
	CHECK(!pthread_create(&thread, NULL, destroy, &domid));
	do {
		ret = raw_map_one(id, NR - 1, xgt_raw.bar, 1,
				  RAW_RW | XEN_LEND_ATTR_REPLACE);
	} while (!ret);
	ERR(ret, ESRCH);
	/* The lender is told a moment later, polls then, and once only. */
	do {
		ret = poll_one();
	} while (!ret);
	ERR(ret, ESRCH);
	ERR(inspect_last(id), ESRCH);
	ERR(raw_resolve(0, 1, XEN_LEND_RESOLVE_RETRY), ESRCH);
	ERR(raw_try_attach(), ESRCH);
	ERR(raw_create(GFN + NR, 1, &other), EBUSY);
	ERR(raw_move(id, GFN + NR), EBUSY);
	OK(raw_op(&query, XEN_LEND_query));
	OK(raw_revoke(id, NR - 1, 1, &cleared));
	/* Control: all that was said while it still had what it was lent. */
	CHECK_EQ(cleared, 1);
	CHECK(!pthread_join(thread, NULL));
	ERR(poll_one(), ESRCH);
	ERR(raw_revoke(id, 0, 1, &cleared), ESRCH);
	ERR(raw_op(&query, XEN_LEND_query), ESRCH);
}

static const struct xgt_test tests[] = {
	{ "X-dying-borrower", "L13", dying, 0, 0 },
};

XGT_MAIN(tests)
