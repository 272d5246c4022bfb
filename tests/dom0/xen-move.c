// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves that are refused: before they began, when nothing may have changed, and
 * on the way, when frames are gone and the error is another one.
 *
 * The borrower has so much on loan that a move takes long: it is continued
 * again and again, and other CPUs of dom0 make their hypercalls meanwhile.  It
 * takes the first frame first: when that is gone, it has begun.
 *
 * Both threads use the window; what they send lies in buffers of their own.
 */
#include <pthread.h>

#include "xgt.h"

#define NR	65536
#define OLD	(XGT_WINDOW / PAGE)
#define NEW	(OLD + NR)
/* Moves that are to lose their place, and how many to begin for that. */
#define LOST	3
#define TRIES	20

/* Somebody else who wants to have a window in the new place. */
struct rival {
	uint32_t moving;	/* the window that is on its way there */
	bool ended;		/* it is not any more */
	uint32_t id;
	long ret;
};

static bool present(uint32_t id, uint64_t index)
{
	return raw_inspect(id, index).mfn != ~0ULL;
}

static void *take_place(void *arg)
{
	struct rival *r = arg;

	while (present(r->moving, 0) &&
	       !__atomic_load_n(&r->ended, __ATOMIC_ACQUIRE))
		;
	r->ret = raw_create(NEW + NR / 2, 1, &r->id);
	return NULL;
}

/* Somebody was there before: nothing changes. */
static void refused(uint32_t id)
{
	uint32_t other;

	OK(raw_create(NEW + NR - 1, 1, &other));
	raw_fill(id, NR);
	ERR(raw_move(id, NEW), EEXIST);
	CHECK_EQ(raw_take(id, 0, NR, 0), NR);
	OK(raw_destroy(other));
}

/* The window has not moved, has lost frames, and can be used and moved. */
static void is_usable(uint32_t id, uint32_t rival)
{
	uint32_t other;

	ERR(raw_create(OLD, 1, &other), EEXIST);
	CHECK(!present(id, 0));
	OK(raw_map_one(id, 0, xgt_raw.bar, 1, RAW_RW));
	CHECK_EQ(raw_inspect(id, 0).mfn, xgt_raw.bar);
	CHECK(raw_take(id, 0, NR, 0) < NR);
	OK(raw_destroy(rival));
	/* Control: it was the rival alone. */
	OK(raw_move(id, NEW));
	OK(raw_create(OLD, 1, &other));
	OK(raw_destroy(other));
	OK(raw_move(id, OLD));
}

/* Return: whether it came to that; else the move was over too soon. */
static bool lose_place(uint32_t id)
{
	struct rival r = { .moving = id };
	pthread_t thread;
	long ret;

	raw_fill(id, NR);
	CHECK(!pthread_create(&thread, NULL, take_place, &r));
	ret = raw_move(id, NEW);
	__atomic_store_n(&r.ended, true, __ATOMIC_RELEASE);
	CHECK(!pthread_join(thread, NULL));
	if (!ret) {
		ERR(r.ret, EEXIST);
		CHECK_EQ(raw_take(id, 0, NR, 0), 0);
		OK(raw_move(id, OLD));
		return false;
	}
	ERR(ret, EAGAIN);
	OK(r.ret);
	is_usable(id, r.id);
	return true;
}

static void moves(void)
{
	unsigned int lost = 0, tries;
	uint32_t id;

	xgt_guest.domid = xen_borrower_new(0);
	raw_attach();
	OK(raw_create(OLD, NR, &id));
	refused(id);
	for (tries = 0; lost < LOST && tries < TRIES; tries++)
		lost += lose_place(id);
	xgt_info("%u of %u moves lost their place on the way", lost, tries);
	CHECK_EQ(lost, LOST);
	raw_detach();
	xen_domain_destroy(xgt_guest.domid);
}

static const struct xgt_test tests[] = {
	{ "X-move-loses-place", "L11", moves, 0, 400 },
};

XGT_MAIN(tests)
