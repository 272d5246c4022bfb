// SPDX-License-Identifier: GPL-2.0-only
/*
 * L4, L11, S3: windows over the range of a device model.
 *
 * The test's own thread is the device model: it gets the accesses to what is
 * not bound, and as long as it has not answered, the vCPU waits in Xen.  What
 * it does meanwhile is what a device model does when a guest programs a BAR:
 * it makes window calls.  If any of them waited for that vCPU, the test would
 * never end.
 */
#include <pthread.h>

#include "xgt.h"

#define LENGTH		(64 * PAGE)
#define HALF		(LENGTH / 2)
#define HOLE		(XGT_WINDOW + HALF)
#define ELSEWHERE	(XGT_WINDOW + 8 * MIB)
#define STRING		64ULL
#define ANSWER		0x00c0ffee12345678ULL

static struct dm dm;
static uint32_t window;
static volatile uint64_t *map;

static void bind_first_half(void)
{
	OK(gm_bind(xgt_dom, window, 0, HALF, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
}

/* A window half bound, wholly in the range of a device model. */
static void begin(uint32_t hole_policy)
{
	map = map_shared(memfd_new(LENGTH), LENGTH);
	fill(map, HALF, 1);
	dm_new(&dm, &xgt_guest);
	dm_range(&dm, XGT_WINDOW - PAGE, LENGTH + 2 * PAGE, true);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, hole_policy, &window));
	bind_first_half();
}

static void end(void)
{
	struct dm_request req;

	CHECK(!dm_poll(&dm, &req, 0));
	dm_free(&dm);
}

static void device_reads(uint64_t gpa, unsigned int size, uint64_t value)
{
	struct dm_request req;

	cmd_start(0, XG_CMD_READ, gpa, size);
	req = dm_wait(&dm);
	CHECK(!req.write && !req.pointer && req.cpu == 0);
	CHECK_EQ(req.gpa, gpa);
	CHECK_EQ(req.size, size);
	CHECK_EQ(req.count, 1);
	CHECK(!box_done(&xgt_box, 0));
	dm_answer(&dm, &req, value);
	CHECK_EQ(box_ok(cmd_wait(0), "read", __FILE__, __LINE__).v[0], value);
}

static void device_writes(uint64_t gpa, unsigned int size, uint64_t value)
{
	struct dm_request req;

	cmd_start(0, XG_CMD_WRITE, gpa, size, value);
	req = dm_wait(&dm);
	CHECK(req.write && !req.pointer);
	CHECK_EQ(req.gpa, gpa);
	CHECK_EQ(req.size, size);
	CHECK_EQ(size == 8 ? req.data : req.data & ((1ULL << size * 8) - 1),
		 value);
	CHECK(!box_done(&xgt_box, 0));
	dm_answer(&dm, &req, 0);
	box_ok(cmd_wait(0), "write", __FILE__, __LINE__);
}

/* Unbound parts are the device model's, bound ones are not. */
static void hole_mmio(void)
{
	struct dm_request req;

	begin(XEN_GPUMEM_POLICY_MMIO);
	for (unsigned int size = 1; size <= 8; size *= 2) {
		uint64_t value = size == 8 ? ANSWER :
				 ANSWER & ((1ULL << size * 8) - 1);

		device_reads(HOLE + 64, size, value);
		device_writes(HOLE + PAGE - size, size, value);
		device_reads(XGT_WINDOW + LENGTH - size, size, value);
		guest_write(XGT_WINDOW + HALF - 8, size);
		CHECK_EQ(guest_read(XGT_WINDOW + HALF - 8), size);
		CHECK_EQ(map[HALF / 8 - 1], size);
		CHECK(!dm_poll(&dm, &req, 0));
	}
	/* Each access is asked for anew. */
	for (uint64_t i = 0; i < 20; i++)
		device_reads(HOLE, 8, i);
	end();
}

/* The other policies come before the device model. */
static void hole_other(void)
{
	begin(XEN_GPUMEM_POLICY_INJECT);
	guest_read_faults(HOLE);
	guest_write_faults(HOLE);
	OK(gm_window_remove(xgt_dom, window));
	device_reads(HOLE, 8, 1);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_ZERO,
			 &window));
	bind_first_half();
	CHECK_EQ(guest_read(HOLE), 0);
	guest_write_faults(HOLE);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, HALF, 1);
	/* What fails where something is bound is no hole. */
	CHECK(!munmap((void *)map, PAGE));
	guest_read_faults(XGT_WINDOW);
	end();
}

/* Over an ioreq server's range the window wins, whichever came first. */
static void window_wins(void)
{
	begin(XEN_GPUMEM_POLICY_MMIO);
	for (int i = 0; i < 3; i++) {
		/* The range was first. */
		cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, HALF, 1);
		device_reads(HOLE, 8, ANSWER + i);
		OK(gm_window_remove(xgt_dom, window));
		device_reads(XGT_WINDOW, 8, ANSWER + i);
		dm_range(&dm, XGT_WINDOW - PAGE, LENGTH + 2 * PAGE, false);
		CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
		/* The window was first. */
		OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH,
				 XEN_GPUMEM_POLICY_MMIO, &window));
		bind_first_half();
		cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, HALF, 1);
		CHECK_EQ(guest_read(HOLE), ~0ULL);
		dm_range(&dm, XGT_WINDOW - PAGE, LENGTH + 2 * PAGE, true);
		cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, HALF, 1);
		device_reads(HOLE, 8, ANSWER - i);
		/* Parked, nothing of it is in the way. */
		OK(gm_window_move(xgt_dom, window, XEN_GPUMEM_PARKED));
		device_reads(XGT_WINDOW, 8, ANSWER * i);
		OK(gm_window_move(xgt_dom, window, XGT_WINDOW));
	}
	end();
}

/* One instruction from memory into the hole, one the other way, and strings. */
static void strings(void)
{
	struct dm_request req;

	begin(XEN_GPUMEM_POLICY_MMIO);
	/* Out of lent memory, 8 bytes. */
	cmd_start(0, XG_CMD_DEVICE, XG_DEVICE_MOVSQ, HOLE + 8, XGT_WINDOW + 8);
	req = dm_wait(&dm);
	CHECK(req.write && !req.pointer && req.gpa == HOLE + 8);
	CHECK_EQ(req.data, map[1]);
	dm_answer(&dm, &req, 0);
	box_ok(cmd_wait(0), "movs", __FILE__, __LINE__);
	/* Into it. */
	cmd_start(0, XG_CMD_DEVICE, XG_DEVICE_MOVSQ, XGT_WINDOW + 16, HOLE);
	req = dm_wait(&dm);
	CHECK(!req.write && !req.pointer && req.gpa == HOLE);
	dm_answer(&dm, &req, ANSWER);
	box_ok(cmd_wait(0), "movs", __FILE__, __LINE__);
	CHECK_EQ(map[2], ANSWER);
	/* Across the border: memory takes its part, the device the rest. */
	cmd_start(0, XG_CMD_DEVICE, XG_DEVICE_STOSB, HOLE - STRING / 2, 0,
		  STRING);
	for (unsigned int n = 0; n < STRING / 2; n += req.count) {
		req = dm_wait(&dm);
		CHECK(req.write && req.size == 1 && req.gpa == HOLE + n);
		CHECK_EQ(req.data & 0xff, 0x5a);
		dm_answer(&dm, &req, 0);
	}
	CHECK_EQ(box_ok(cmd_wait(0), "stos", __FILE__, __LINE__).v[0], 0);
	for (unsigned int n = 0; n < STRING / 2; n++)
		CHECK_EQ(((volatile uint8_t *)map)[HALF - 1 - n], 0x5a);
	end();
}

/* --- calls while a vCPU waits for an answer ------------------------------------------- */

static const uint8_t kinds[] = {
	XG_DEVICE_XADD, XG_DEVICE_CMPXCHG, XG_DEVICE_MOVSQ, XG_DEVICE_MOVSB,
	XG_DEVICE_STOSB, XG_DEVICE_STOSQ,
};

/* What is done while the answer is due. */
enum meanwhile {
	NOTHING,
	EVERYTHING,	/* all calls, in the end it is as it was */
	MAPPED,		/* memory is bound and lent where the hole was */
	REMOVED,	/* the window is */
	PARKED,
	OVERRUN,	/* another window, with memory, has moved there */
	HIDDEN,		/* another one, without any */
	CLOSED,		/* the fd is */
	MEANWHILES,
};

/* Each call there is, by the thread that the vCPU waits for. */
static void everything(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	volatile uint64_t *other = map_shared(memfd_new(LENGTH), LENGTH);
	struct xen_gpumem_window_query q;
	struct xen_gpumem_info info;
	uint32_t second;
	uint64_t done;
	int fd;

	OK(gm_info(xgt_dom, &info));
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	OK(gm_window_add(xgt_dom, ELSEWHERE, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &second));
	OK(gm_bind(xgt_dom, second, 0, LENGTH, other, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_populate(xgt_dom, second, 0, LENGTH, 0, &done));
	OK(gm_unbind(xgt_dom, second, 0, LENGTH));
	OK(gm_window_remove(xgt_dom, second));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, other, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_window_move(xgt_dom, window, ELSEWHERE));
	OK(gm_window_move(xgt_dom, window, XEN_GPUMEM_PARKED));
	OK(gm_unbind(xgt_dom, window, 0, LENGTH));
	OK(gm_window_move(xgt_dom, window, XGT_WINDOW));
	bind_first_half();
	OK(gm_populate(xgt_dom, window, 0, HALF, 0, &done));
	CHECK(!madvise((void *)map, HALF, MADV_DONTNEED));
	fd = gm_open_domain(xgt_guest.domid, &limits);
	CHECK(fd >= 0);
	OK(gm_window_add(fd, ELSEWHERE, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &second));
	OK(gm_bind(fd, second, 0, LENGTH, other, 0, XEN_GPUMEM_POLICY_INJECT));
	CHECK(!close(fd));
	munmap((void *)other, LENGTH);
}

struct place {
	int dom;		/* the window's own fd */
	uint32_t second;
};

static void do_meanwhile(enum meanwhile what, struct place *place)
{
	switch (what) {
	case NOTHING:
		break;
	case EVERYTHING:
		everything();
		break;
	case MAPPED:
		OK(gm_bind(place->dom, window, HALF, HALF, map + HALF / 8, 0,
			   XEN_GPUMEM_POLICY_INJECT));
		OK(gm_populate(place->dom, window, HALF, HALF,
			       XEN_GPUMEM_POPULATE_WRITE, NULL));
		break;
	case REMOVED:
		OK(gm_window_remove(place->dom, window));
		break;
	case PARKED:
		OK(gm_window_move(place->dom, window, XEN_GPUMEM_PARKED));
		break;
	case OVERRUN:
		OK(gm_window_move(place->dom, window, XEN_GPUMEM_PARKED));
		OK(gm_window_move(place->dom, place->second, XGT_WINDOW));
		OK(gm_populate(place->dom, place->second, 0, LENGTH,
			       XEN_GPUMEM_POPULATE_WRITE, NULL));
		break;
	case HIDDEN:
		OK(gm_unbind(place->dom, place->second, 0, LENGTH));
		OK(gm_window_move(place->dom, window, XEN_GPUMEM_PARKED));
		OK(gm_window_move(place->dom, place->second, XGT_WINDOW));
		break;
	case CLOSED:
		CHECK(!close(place->dom));
		break;
	default:
		CHECK(what < MEANWHILES);
	}
}

/* A window on the test's fd, or one of its own if that is to be closed. */
static void place_new(struct place *place, enum meanwhile what)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};

	place->dom = xgt_dom;
	if (what == CLOSED)
		place->dom = gm_open_domain(xgt_guest.domid, &limits);
	CHECK(place->dom >= 0);
	fill(map, LENGTH, 1);
	OK(gm_window_add(place->dom, XGT_WINDOW, LENGTH,
			 XEN_GPUMEM_POLICY_MMIO, &window));
	OK(gm_bind(place->dom, window, 0, HALF, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_window_add(place->dom, XEN_GPUMEM_PARKED, LENGTH,
			 XEN_GPUMEM_POLICY_MMIO, &place->second));
	OK(gm_bind(place->dom, place->second, 0, LENGTH, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	/* Source and target of what has two. */
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, PAGE, 1);
}

static void place_free(struct place *place, enum meanwhile what)
{
	if (what == CLOSED)
		return;
	if (what != REMOVED)
		OK(gm_window_remove(place->dom, window));
	OK(gm_window_remove(place->dom, place->second));
}

/*
 * The first answer is what the guest reads; an instruction that does more than
 * one access may find the rest answered by whoever is there by then.
 */
static struct xgt_result answer_all(struct dm_request req, uint64_t value)
{
	unsigned int n = 0;

	do {
		dm_answer(&dm, &req, value);
		while (!dm_poll(&dm, &req, 20))
			if (box_done(&xgt_box, 0))
				return box_ok(cmd_wait(0), "the access",
					      __FILE__, __LINE__);
	} while (n++ < 2 * STRING);
	FAIL("the guest asks again and again");
}

/* A plain read and a plain write, with that happening before the answer. */
static void plain(enum meanwhile what)
{
	struct dm_request req;
	struct place place;

	place_new(&place, what);
	cmd_start(0, XG_CMD_READ, HOLE + 8, 8);
	req = dm_wait(&dm);
	do_meanwhile(what, &place);
	CHECK(!box_done(&xgt_box, 0));
	CHECK_EQ(answer_all(req, ANSWER).v[0], ANSWER);
	place_free(&place, what);

	place_new(&place, what);
	cmd_start(0, XG_CMD_WRITE, HOLE + 8, 8, ANSWER);
	req = dm_wait(&dm);
	do_meanwhile(what, &place);
	CHECK(!box_done(&xgt_box, 0));
	CHECK_EQ(req.data, ANSWER);
	answer_all(req, 0);
	/* The device has it, and nobody else. */
	CHECK_EQ(map[HALF / 8 + 1], xg_pattern(1, HALF + 8));
	place_free(&place, what);
}

/* The same for the others; mostly that the guest survives it. */
static void unusual(enum meanwhile what, enum xg_device kind, bool out)
{
	bool two = kind == XG_DEVICE_MOVSQ || kind == XG_DEVICE_MOVSB;
	uint64_t p = two && !out ? XGT_WINDOW : HOLE;
	uint64_t q = two && out ? XGT_WINDOW : HOLE;
	struct xgt_result r;
	struct dm_request req;
	struct place place;

	place_new(&place, what);
	cmd_start(0, XG_CMD_DEVICE, kind, p, q,
		  kind == XG_DEVICE_CMPXCHG ? ANSWER : STRING / 8);
	req = dm_wait(&dm);
	if (two && out)
		CHECK_EQ(req.data & 0xff, map[0] & 0xff);
	do_meanwhile(what, &place);
	CHECK(!box_done(&xgt_box, 0));
	r = answer_all(req, ANSWER);
	if (kind == XG_DEVICE_XADD || kind == XG_DEVICE_CMPXCHG)
		CHECK_EQ(r.v[0], ANSWER);
	else if (kind != XG_DEVICE_MOVSQ)
		CHECK_EQ(r.v[0], 0);
	place_free(&place, what);
}

static void each_kind(enum meanwhile what)
{
	map = map_shared(memfd_new(LENGTH), LENGTH);
	dm_new(&dm, &xgt_guest);
	dm_range(&dm, XGT_WINDOW, LENGTH, true);
	plain(what);
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		unusual(what, kinds[i], true);
		if (kinds[i] == XG_DEVICE_MOVSQ || kinds[i] == XG_DEVICE_MOVSB)
			unusual(what, kinds[i], false);
	}
	end();
	/* The other vCPU, and this one, are well. */
	cmd_ok(1, XG_CMD_PING);
	cmd_ok(0, XG_CMD_PING);
}

static void nothing(void)
{
	each_kind(NOTHING);
}

static void every_call(void)
{
	each_kind(EVERYTHING);
}

static void mapped(void)
{
	each_kind(MAPPED);
}

static void removed(void)
{
	each_kind(REMOVED);
}

static void parked(void)
{
	each_kind(PARKED);
}

static void overrun(void)
{
	each_kind(OVERRUN);
	each_kind(HIDDEN);
}

static void closed(void)
{
	each_kind(CLOSED);
}

/* --- both at once ----------------------------------------------------------------------- */

static void *serve(void *arg)
{
	volatile bool *stop = arg;
	struct dm_request req;

	while (!*stop)
		if (dm_poll(&dm, &req, 50))
			dm_answer(&dm, &req, ANSWER);
	return NULL;
}

/* Memory comes and goes where a device answers: one or the other, always. */
static void hammer(void)
{
	volatile struct xg_rule *rule = (void *)map_shared(memfd_new(PAGE),
							   PAGE);
	uint32_t rules;
	struct xgt_result r[2];
	volatile bool stop = false;
	pthread_t thread;

	begin(XEN_GPUMEM_POLICY_MMIO);
	fill_word(map, LENGTH, 1);
	rule->floor = rule->ceiling = 1;
	rule->other = ANSWER;
	rule->where = XG_RULE_HERE | XG_RULE_OTHER;
	OK(gm_window_add(xgt_dom, ELSEWHERE, PAGE, XEN_GPUMEM_POLICY_INJECT,
			 &rules));
	OK(gm_bind(xgt_dom, rules, 0, PAGE, rule, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK(!pthread_create(&thread, NULL, serve, (void *)&stop));
	cmd_start(0, XG_CMD_BETWEEN, HOLE, 2 * PAGE, ELSEWHERE);
	cmd_start(1, XG_CMD_BETWEEN, HOLE + PAGE, 3 * PAGE, ELSEWHERE);
	for (int i = 0; i < 60; i++) {
		rule->where = (rule->where | 3) + 4;
		if (i % 6 == 5) {
			OK(gm_window_move(xgt_dom, window, XEN_GPUMEM_PARKED));
			OK(gm_window_move(xgt_dom, window, XGT_WINDOW));
		} else if (i & 1) {
			OK(gm_unbind(xgt_dom, window, HALF, HALF));
		} else {
			OK(gm_bind(xgt_dom, window, HALF, HALF, map + HALF / 8,
				   XEN_GPUMEM_BIND_REPLACE,
				   XEN_GPUMEM_POLICY_INJECT));
		}
		cmd_advance(i & 1, 1);
	}
	r[0] = cmd_stop(0);
	r[1] = cmd_stop(1);
	CHECK(r[0].v[1] && r[0].v[2] && r[1].v[1] && r[1].v[2]);
	xgt_info("of memory %lu and %lu words, of the device %lu and %lu",
		 r[0].v[1], r[1].v[1], r[0].v[2], r[1].v[2]);
	stop = true;
	CHECK(!pthread_join(thread, NULL));
	end();
}

static const struct xgt_test tests[] = {
	{ "L4-device-hole-mmio", "L4", hole_mmio, XGT_GUEST, 0 },
	{ "L4-device-other-policies", "L4", hole_other, XGT_GUEST, 0 },
	{ "S3-device-window-wins", "S3,L4", window_wins, XGT_GUEST, 0 },
	{ "L4-device-strings", "L4,L8", strings, XGT_GUEST, 0 },
	{ "L4-device-each-instruction", "L4,L8", nothing, XGT_GUEST, 0 },
	{ "L11-device-no-call-waits", "L11", every_call, XGT_GUEST, 0 },
	{ "L11-device-mapped-meanwhile", "L11,L8", mapped, XGT_GUEST, 0 },
	{ "L11-device-removed-meanwhile", "L11,L8", removed, XGT_GUEST, 0 },
	{ "L11-device-parked-meanwhile", "L11,L8", parked, XGT_GUEST, 0 },
	{ "L11-device-overrun-meanwhile", "L11,L8", overrun, XGT_GUEST, 0 },
	{ "L11-device-closed-meanwhile", "L11,L13", closed, XGT_GUEST, 0 },
	{ "L11-device-hammer", "L11,L4", hammer, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
