// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1, L3: every kind of memory that there is to lend, and everything that the
 * host does to it meanwhile.
 *
 * One test per kind (tests/lib/backing.h): contents agree on both sides
 * whoever writes; after each move that the host can make with it the guest has
 * lost what it must, and finds what it should, by itself; at last the moves
 * are made under a guest that updates all of it and notices every word that is
 * lost or old.
 */
#include "backing.h"

#define MOST	32		/* kinds */
#define ROUNDS	3		/* of all moves, under a working guest */

static struct xgt_test tests[MOST];
static char names[MOST][48];

static const struct backing_kind *this_kind(void)
{
	return backing_kinds[xgt_running - tests];
}

static uint64_t next_seed(void)
{
	static uint64_t seed = 100;

	return seed++;
}

/* The guest sees what the host writes, and the other way round. */
static void both_ways(struct backing *b)
{
	uint64_t seed = next_seed(), end = b->length - 8;

	fill(b->map, b->length, seed);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, b->length, seed);
	seed = next_seed();
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, b->length, seed);
	verify(b->map, b->length, seed);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, b->length, seed);
	/* Word by word: no copy on either side. */
	for (uint64_t at = 0; at <= end; at += end / 5 & -8ULL) {
		guest_write(XGT_WINDOW + at, seed + at);
		CHECK_EQ(b->map[at / 8], seed + at);
		b->map[at / 8] = ~at;
		CHECK_EQ(guest_read(XGT_WINDOW + at), ~at);
	}
	backing_verify_file(b);
}

static void guest_finds_nothing(struct backing *b)
{
	guest_read_faults(XGT_WINDOW);
	guest_write_faults(XGT_WINDOW);
	guest_read_faults(XGT_WINDOW + b->length / 2);
	guest_write_faults(XGT_WINDOW + b->length - 8);
	CHECK_EQ(gm_pages(xgt_dom, b->window, 0, 0), 0);
}

/* The guest looks first: it is its own access that brings things back. */
static void guest_finds(struct backing *b, enum backing_then then,
			uint64_t seed)
{
	switch (then) {
	case THEN_KEEPS:
		cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, b->length, seed);
		verify(b->map, b->length, seed);
		break;
	case THEN_ORIGINAL:
		cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, b->length,
		       BACKING_ORIGINAL);
		verify(b->map, b->length, BACKING_ORIGINAL);
		break;
	case THEN_ZEROES:
		seed = cmd_ok(0, XG_CMD_SUM, XGT_WINDOW, b->length).v[0];
		verify_word(b->map, b->length, 0);
		CHECK_EQ(seed, xg_sum(b->map, b->length));
		break;
	case THEN_GONE:
		guest_finds_nothing(b);
		return;
	}
	backing_verify_file(b);
	both_ways(b);
}

/* Moves in turn; each but those after a GONE begins with all of it lent. */
static void each_move(struct backing *b)
{
	uint64_t seed = next_seed();
	bool gone = false;

	for (const struct backing_move *m = b->kind->moves; m->name; m++) {
		xgt_info("%s: %s", b->kind->name, m->name);
		if (!gone) {
			seed = next_seed();
			cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, b->length, seed);
			CHECK_EQ(gm_pages(xgt_dom, b->window, 0, 0),
				 b->length / PAGE);
		}
		m->fn(b);
		if (m->takes_all)
			CHECK_EQ(gm_pages(xgt_dom, b->window, 0, 0), 0);
		guest_finds(b, m->then, seed);
		gone = m->then == THEN_GONE;
	}
}

static void under_work(struct backing *b)
{
	const uint64_t half = b->length / 2;
	unsigned int turn = 0;
	struct xgt_result r[2];

	b->busy = true;
	cmd_start(0, XG_CMD_UPDATE, XGT_WINDOW, half, 1000);
	cmd_start(1, XG_CMD_UPDATE, XGT_WINDOW + half, half, 2000);
	for (int i = 0; i < ROUNDS; i++) {
		for (const struct backing_move *m = b->kind->moves; m->name;
		     m++) {
			if (!m->live)
				continue;
			m->fn(b);
			cmd_advance(turn++ % 2, 1);
		}
	}
	for (int i = 0; i < 2; i++) {
		cmd_advance(i, 1);
		r[i] = cmd_stop(i);
	}
	b->busy = false;
	verify(b->map, half, xg_round_seed(1000, r[0].v[0] - 1));
	verify(b->map + half / 8, half, xg_round_seed(2000, r[1].v[0] - 1));
	backing_verify_file(b);
}

static void check_counts(struct backing *b)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, b->window, 0, 0, &q));
	CHECK_EQ(q.out_pages, b->length / PAGE);
	CHECK_EQ(q.out_io, b->kind->io ? q.out_pages : 0);
	CHECK_EQ(q.out_failed, 0);
	xgt_info("%s: %llu of %llu pages writable, %llu uncached",
		 b->kind->name, q.out_writable, q.out_pages,
		 q.out_noncacheable);
}

static void kind(void)
{
	struct backing b;

	backing_make(&b, this_kind());
	backing_lend(&b, 0);
	CHECK_EQ(gm_pages(xgt_dom, b.window, 0, 0), 0);
	if (b.kind->file == FILE_PRIVATE)
		cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, b.length,
		       BACKING_ORIGINAL);
	both_ways(&b);
	check_counts(&b);
	under_work(&b);
	each_move(&b);
	gm_show(xgt_dom, b.window);
	b.kind->end(&b);
	guest_finds_nothing(&b);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < backing_kinds_nr && i < MOST; i++) {
		snprintf(names[i], sizeof(names[i]), "L1-kind-%s",
			 backing_kinds[i]->name);
		tests[i] = (struct xgt_test) {
			.name = names[i], .reqs = "L1,L3", .fn = kind,
			.flags = XGT_GUEST, .limit = 240,
		};
	}
	return xgt_main(argc, argv, tests, backing_kinds_nr);
}
