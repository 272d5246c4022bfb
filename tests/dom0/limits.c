// SPDX-License-Identifier: GPL-2.0-only
/*
 * L19, S4: every limit, at it and one past it, beside those in window.c (of a
 * descriptor) and xen-args.c (windows of a guest).
 *
 * The limits are Xen's as it states them, and the driver's.
 */
#include <pthread.h>

#include "xgt.h"

#define GFN	(XGT_WINDOW / PAGE)
/* Behind the arena: for windows that are too large for it. */
#define FAR_GFN	((XG_ARENA_BASE + XG_ARENA_SIZE) / PAGE)

/* Extents and frames of one MAP. */
static void one_map(void)
{
	uint32_t id, done, frames, extents;

	raw_attach();
	frames = xgt_raw.query.max_frames;
	extents = xgt_raw.query.max_extents;
	CHECK(frames >= 64 && extents >= 8 && extents * 24 <= 2 * PAGE - 24);
	OK(raw_create(FAR_GFN, 2 * frames, &id));

	OK(raw_map_one(id, 0, xgt_raw.bar, frames, RAW_RW));
	ERR(raw_map_one(id, frames, xgt_raw.bar, frames + 1, RAW_RW), EINVAL);
	CHECK_EQ(raw_inspect(id, frames - 1).mfn, xgt_raw.bar + frames - 1);
	CHECK_EQ(raw_inspect(id, frames).mfn, ~0ULL);
	OK(raw_revoke(id, 0, 2 * frames, NULL));

	for (uint32_t i = 0; i <= extents; i++)
		xgt_raw.extents[i] = (struct xen_lend_extent){
			i, xgt_raw.bar + i, 1, RAW_RW };
	ERR(raw_map(id, extents + 1, &done), EINVAL);
	CHECK_EQ(done, 0);
	/* It may stop before the end, but says where. */
	OK(raw_map(id, extents, &done));
	CHECK(done >= 1 && done <= extents);
	CHECK_EQ(raw_inspect(id, done - 1).mfn, xgt_raw.bar + done - 1);
	OK(raw_revoke(id, 0, 2 * frames, NULL));

	/* All extents together: at the limit, and one more. */
	xgt_raw.extents[0] = (struct xen_lend_extent){
		0, xgt_raw.bar, frames - 1, RAW_RW };
	xgt_raw.extents[1] = (struct xen_lend_extent){
		frames - 1, xgt_raw.bar, 2, RAW_RW };
	ERR(raw_map(id, 2, &done), EINVAL);
	CHECK_EQ(raw_inspect(id, 0).mfn, ~0ULL);
	xgt_raw.extents[1].nr = 1;
	OK(raw_map(id, 2, &done));
	CHECK(done >= frames - 1);
	raw_detach();
}

/* Frames of all windows of a guest. */
static void window_frames(void)
{
	uint32_t a, b, id;
	uint64_t max;

	raw_attach();
	max = xgt_raw.query.max_window;
	OK(raw_create(XEN_LEND_PARKED, max - 1, &a));
	ERR(raw_create(XEN_LEND_PARKED, 2, &b), E2BIG);
	OK(raw_create(XEN_LEND_PARKED, 1, &b));
	ERR(raw_create(XEN_LEND_PARKED, 1, &id), E2BIG);
	OK(raw_destroy(b));
	OK(raw_create(XEN_LEND_PARKED, 1, &b));
	OK(raw_destroy(a));
	OK(raw_create(XEN_LEND_PARKED, max - 1, &a));
	ERR(raw_create(XEN_LEND_PARKED, max + 1, &id), E2BIG);
	/* Taking everything out of a huge window that is empty is quick. */
	OK(raw_revoke(a, 0, max - 1, NULL));
	raw_detach();
}

/* One frame at the very end of a huge window: that is emptied, too. */
static void sparse_window(void)
{
	/* More groups of frames than are looked at in one round. */
	static const uint64_t sizes[] = { 1024, 8192, 1 << 21, 1 << 24 };
	uint32_t id;

	raw_attach();
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		OK(raw_create(FAR_GFN, sizes[i], &id));
		OK(raw_map_one(id, sizes[i] - 1, xgt_raw.bar, 1, RAW_RW));
		OK(raw_move(id, FAR_GFN + 512));
		CHECK_EQ(raw_inspect(id, sizes[i] - 1).mfn, ~0ULL);
		OK(raw_map_one(id, sizes[i] - 1, xgt_raw.bar, 1, RAW_RW));
		OK(raw_destroy(id));
	}
	raw_detach();
}

/* Up to the guest's last address. */
static void last_address(void)
{
	uint64_t end;
	uint32_t id;

	raw_attach();
	end = xgt_raw.query.gfn_end;
	OK(raw_create(end - 1, 1, &id));
	OK(raw_map_one(id, 0, xgt_raw.bar, 1, RAW_RW));
	ERR(raw_map_one(id, 1, xgt_raw.bar, 1, RAW_RW), ENXIO);
	OK(raw_destroy(id));
	ERR(raw_create(end - 1, 2, &id), ERANGE);
	ERR(raw_create(end, 1, &id), ERANGE);
	raw_detach();
}

/* Records: as many as vCPUs, and one for each however long it waits. */
static void records(void)
{
	uint32_t id, more;

	raw_attach();
	CHECK(xgt_raw.query.max_faults >= xgt_guest.vcpus);
	raw_mailbox();
	OK(raw_create(GFN, 16, &id));
	for (unsigned int i = 0; i < xgt_guest.vcpus; i++)
		cmd_start(i, XG_CMD_READ, XGT_WINDOW + i * PAGE, 8);
	for (unsigned int i = 0; i < xgt_guest.vcpus; i++)
		raw_fault();
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(raw_poll(~0U, 0, &more), 0);
		CHECK_EQ(raw_poll(~0U, XEN_LEND_POLL_ALL, &more),
			 xgt_guest.vcpus);
		CHECK_EQ(more, 0);
		xgt_sleep_ms(2);
	}
	raw_detach();
}

/* --- answers that nobody comes for ------------------------------------------------- */

/* What Xen keeps an answer for (LEND_ANSWER_LIFE), and some more. */
#define TOO_LONG_MS	7000

/* Everybody who waits gets an answer, for which nobody can come for a while. */
static void answer_paused(unsigned int ms)
{
	unsigned int n;

	OK(guest_pause(&xgt_guest, true));
	n = raw_poll(16, XEN_LEND_POLL_ALL, NULL);
	while (n--)
		OK(raw_resolve(xgt_raw.faults[n].vcpu, xgt_raw.faults[n].token,
			       xgt_raw.faults[n].vcpu ? XEN_LEND_RESOLVE_INJECT :
							XEN_LEND_RESOLVE_MMIO));
	xgt_sleep_ms(ms);
	OK(guest_pause(&xgt_guest, false));
}

/* Does a vCPU ask, or has its command ended by what it was told? */
static bool asks(uint32_t vcpu)
{
	for (int i = 0; i < 6000; i++) {
		unsigned int n = raw_poll(16, XEN_LEND_POLL_ALL, NULL);

		while (n--)
			if (xgt_raw.faults[n].vcpu == vcpu)
				return true;
		if (box_done(&xgt_box, vcpu))
			return false;
		xgt_sleep_ms(5);
	}
	FAIL("vCPU %u neither asks nor ends", vcpu);
}

/*
 * Each vCPU is at its instruction still, but may be there for another reason by
 * now: what was right then is not given to it.
 */
static void late_answers(void)
{
	struct xgt_result r;
	uint32_t id;

	raw_attach();
	raw_mailbox();
	OK(raw_create(GFN, 16, &id));
	cmd_start(0, XG_CMD_READ, XGT_WINDOW, 8);
	cmd_start(1, XG_CMD_READ, XGT_WINDOW + PAGE, 8);
	CHECK(asks(0) && asks(1));
	answer_paused(TOO_LONG_MS);
	CHECK(asks(0));
	CHECK(asks(1));
	/* Control: in time, both come to their end by it. */
	for (int i = 0; asks(0) || asks(1); i++) {
		CHECK(i < 5);
		answer_paused(0);
	}
	r = box_ok(cmd_wait(0), "the read", __FILE__, __LINE__);
	CHECK_EQ(r.v[0], ~0ULL);
	CHECK_EQ(cmd_wait(1).status, XG_FAULT);
	raw_detach();
}

/* --- S4: the guest uses up its own pool for page tables ---------------------------- */

#define SCATTER		(2 * MIB)
#define PLACES		48

static void scattered(void)
{
	const uint64_t size = PLACES * SCATTER;
	uint64_t pool = xen_pool_size(xgt_guest.domid);
	volatile uint64_t *at = map_shared(memfd_new(size), size);
	unsigned int good = 0, bad = 0;
	uint32_t window;

	OK(gm_window_add(xgt_dom, XGT_WINDOW, size, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, size, at, 0, XEN_GPUMEM_POLICY_INJECT));
	xen_set_pool_size(xgt_guest.domid, 0);
	/* Some tables' worth, and the guest wants more. */
	OK(xen_set_pool_size(xgt_guest.domid,
			     xen_pool_size(xgt_guest.domid) + 10 * PAGE));
	for (int i = 0; i < PLACES && bad < 3; i++) {
		struct xgt_result r = cmd_run(0, XG_CMD_WRITE,
					      XGT_WINDOW + i * SCATTER, 8, i);

		if (r.status == XG_FAULT)
			bad++;
		else if (r.status == XG_OK)
			good++;
	}
	xgt_info("%u places were there, then no more", good);
	CHECK(good >= 4 && bad == 3);
	/* It harms nobody else, and what it has can be taken back. */
	for (unsigned int i = 0; i < good; i++)
		CHECK_EQ(at[i * SCATTER / 8], i);
	CHECK_EQ(guest_read(XGT_WINDOW), 0);
	CHECK(!madvise((void *)at, size, MADV_DONTNEED));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	CHECK_EQ(guest_read(XGT_WINDOW + SCATTER), 1);
	/* With a larger pool it works. */
	OK(xen_set_pool_size(xgt_guest.domid, pool + 64 * PAGE));
	for (int i = 0; i < PLACES; i++)
		guest_write(XGT_WINDOW + i * SCATTER, 100 + i);
	for (int i = 0; i < PLACES; i++)
		CHECK_EQ(at[i * SCATTER / 8], 100 + i);
}

/* --- a guest that is going ----------------------------------------------------------------- */

#define GOING_NR	(1U << 17)

/*
 * As soon as the guest's end has come to its windows, they are no windows any
 * more for DESTROY.  But the last frame is still there.
 */
static void *take_last(void *arg)
{
	uint32_t id = (uintptr_t)arg;
	uint64_t cleared;
	long err;

	do
		err = raw_destroy(id + 1);
	while (err == -ENOENT);
	ERR(err, ESRCH);
	OK(raw_revoke(id, GOING_NR - 1, 1, &cleared));
	CHECK_EQ(cleared, 1);
	return NULL;
}

/* Until everything has been taken from it, taking it back is what is done. */
static void going(void)
{
	uint64_t pool = xen_pool_size(xgt_guest.domid);
	pthread_t thread;
	uint32_t id, batch;

	raw_attach();
	batch = xgt_raw.query.max_frames;
	OK(xen_set_pool_size(xgt_guest.domid,
			     pool + (GOING_NR / 512 + 16) * PAGE));
	OK(raw_create(FAR_GFN, GOING_NR, &id));
	for (uint32_t i = 0; i < GOING_NR; i += batch)
		/* Shifted by one: large entries would be taken too soon. */
		OK(raw_map_one(id, i, xgt_raw.bar + 1, batch, RAW_RW));
	CHECK(!pthread_create(&thread, NULL, take_last,
			      (void *)(uintptr_t)id));
	guest_destroy(&xgt_guest);
	pthread_join(thread, NULL);
}

/* --- the driver's: bindings of one descriptor ------------------------------------------ */

static void bindings(void)
{
	struct xen_gpumem_info info;
	volatile uint64_t *at;
	uint32_t window, i, max;

	OK(gm_info(xgt_dom, &info));
	max = info.out_max_bindings;
	CHECK(max >= 32768);
	at = map_anon(PAGE);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, 96 * MIB,
			 XEN_GPUMEM_POLICY_INJECT, &window));
	CHECK(max < 96 * MIB / PAGE * 4);
	/* The mailbox is one.  Parked windows for what does not fit. */
	for (i = 1; i < max; i++) {
		uint32_t n = i % (96 * MIB / PAGE);

		if (i == 96 * MIB / PAGE)
			OK(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, GIB,
					 XEN_GPUMEM_POLICY_INJECT, &window));
		if (i >= 96 * MIB / PAGE)
			n = i - 96 * MIB / PAGE;
		OK(gm_bind(xgt_dom, window, n * PAGE, PAGE, at, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	}
	ERR(gm_bind(xgt_dom, window, GIB - PAGE, PAGE, at, 0,
		    XEN_GPUMEM_POLICY_INJECT), ENOSPC);
	at[0] = 5;
	CHECK_EQ(guest_read(XGT_WINDOW + PAGE), 5);
	OK(gm_unbind(xgt_dom, window, 0, PAGE));
	OK(gm_bind(xgt_dom, window, GIB - PAGE, PAGE, at, 0,
		   XEN_GPUMEM_POLICY_INJECT));
}

/* --- a million frames, and the guest goes ------------------------------------------------- */

static volatile bool over;
static volatile uint64_t ticks;

static void *tick(void *arg)
{
	while (!over) {
		xgt_sleep_ms(1);
		ticks++;
	}
	return arg;
}

static void million(void)
{
	const uint64_t nr = 1 << 20;
	uint64_t pool = xen_pool_size(xgt_guest.domid), before;
	uint32_t id, batch;
	pthread_t thread;

	raw_attach();
	batch = xgt_raw.query.max_frames;
	OK(xen_set_pool_size(xgt_guest.domid, pool + (nr / 512 + 16) * PAGE));
	OK(raw_create(FAR_GFN, nr, &id));
	for (uint64_t i = 0; i < nr; i += batch)
		OK(raw_map_one(id, i, xgt_raw.bar, batch, RAW_RW));
	CHECK_EQ(raw_inspect(id, nr - 1).mfn, xgt_raw.bar + batch - 1);
	CHECK(!pthread_create(&thread, NULL, tick, NULL));
	before = ticks;
	guest_destroy(&xgt_guest);
	CHECK(!guest_alive(&xgt_guest));
	/* dom0 ran meanwhile. */
	CHECK(ticks > before);
	xgt_info("%lu ticks while a guest with %lu frames went", ticks - before,
		 nr);
	over = true;
	pthread_join(thread, NULL);
}

static struct xgt_test tests[] = {
	{ "L19-one-map", "L19", one_map, XGT_BARE, 0 },
	{ "L19-window-frames", "L19,L11", window_frames, XGT_BARE, 0 },
	{ "L19-sparse-window", "L19,L13", sparse_window, XGT_BARE, 60 },
	{ "L19-last-address", "L19,L9", last_address, XGT_BARE, 0 },
	{ "L19-fault-records", "L19,N20", records, XGT_BARE, 0 },
	{ "L3-late-answers", "L3,L4,L19,N18", late_answers, XGT_BARE, 0 },
	{ "S4-scattered-touches", "S4,L19,L4", scattered, XGT_GUEST, 0 },
	{ "L13-neg-16-revoke-while-going", "L13,L2,N16", going,
	  XGT_BARE | XGT_ENDS_GUEST, 0 },
	/* Only with "all". */
	{ "L19-bindings", "L19,L11", bindings, XGT_GUEST, 900 },
	{ "L13-neg-16-million-frames", "L13,L19,N16", million,
	  XGT_BARE | XGT_ENDS_GUEST, 900 },
};

int main(int argc, char **argv)
{
	bool all = argc > 1 && !strcmp(argv[1], "all");

	return xgt_main(1, argv, tests, ARRAY_SIZE(tests) - (all ? 0 : 2));
}
