// SPDX-License-Identifier: GPL-2.0-only
/*
 * L9, L11: where windows may lie, and how they and their bindings change
 * under a guest that uses them.
 */
#include "xgt.h"

#define LENGTH	(64 * PAGE)

static volatile uint64_t *filled(uint64_t length, uint64_t seed)
{
	volatile uint64_t *map = map_shared(memfd_new(length), length);

	fill(map, length, seed);
	return map;
}

static int add(uint64_t gpa, uint64_t length, uint32_t *window)
{
	return gm_window_add(xgt_dom, gpa, length, XEN_GPUMEM_POLICY_MMIO,
			     window);
}

static int bind_all(uint32_t window, volatile uint64_t *map, uint32_t flags)
{
	return gm_bind(xgt_dom, window, 0, LENGTH, map, flags,
		       XEN_GPUMEM_POLICY_INJECT);
}

/* What every refusal ends with: nothing is left behind, and others work. */
static void still_fine(void)
{
	volatile uint64_t *map = filled(LENGTH, 1);
	uint32_t window;

	OK(add(XGT_WINDOW, LENGTH, &window));
	OK(bind_all(window, map, 0));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	OK(gm_window_remove(xgt_dom, window));
	munmap((void *)map, LENGTH);
}

static void overlap_ram(void)
{
	uint32_t window;

	/* 160 MiB of RAM from 0; a PVH guest's page tables know all of it. */
	ERR(add(16 * MIB, PAGE, &window), EEXIST);
	ERR(add(1 * MIB, 64 * MIB, &window), EEXIST);
	ERR(add(32 * MIB, 1 * GIB, &window), EEXIST);
	still_fine();
}

static void overlap_window(void)
{
	uint32_t window, other;

	OK(add(XGT_WINDOW, 4 * PAGE, &window));
	ERR(add(XGT_WINDOW, 4 * PAGE, &other), EEXIST);
	ERR(add(XGT_WINDOW + 3 * PAGE, PAGE, &other), EEXIST);
	ERR(add(XGT_WINDOW - PAGE, 2 * PAGE, &other), EEXIST);
	ERR(add(XGT_WINDOW - PAGE, 8 * PAGE, &other), EEXIST);
	/* Right beside it is fine. */
	OK(add(XGT_WINDOW + 4 * PAGE, PAGE, &other));
	ERR(gm_window_move(xgt_dom, other, XGT_WINDOW + PAGE), EEXIST);
	OK(gm_window_remove(xgt_dom, other));
	OK(gm_window_remove(xgt_dom, window));
	OK(add(XGT_WINDOW, 4 * PAGE, &window));
	OK(gm_window_remove(xgt_dom, window));
	still_fine();
}

static void past_width(void)
{
	struct xen_gpumem_info info;
	uint32_t window;

	OK(gm_info(xgt_dom, &info));
	CHECK(info.out_gpa_end >= 1ULL << 32 &&
	      info.out_gpa_end <= 1ULL << 52 && !(info.out_gpa_end % PAGE));
	ERR(add(info.out_gpa_end, PAGE, &window), ERANGE);
	ERR(add(info.out_gpa_end - PAGE, 2 * PAGE, &window), ERANGE);
	ERR(add(1ULL << 62, PAGE, &window), ERANGE);
	/* Up to the end is fine. */
	OK(add(info.out_gpa_end - PAGE, PAGE, &window));
	ERR(gm_window_move(xgt_dom, window, info.out_gpa_end), ERANGE);
	OK(gm_window_remove(xgt_dom, window));
	still_fine();
}

static void special_ranges(void)
{
	uint32_t window;

	ERR(add(0xfee00000, PAGE, &window), EADDRNOTAVAIL);	/* local APIC */
	ERR(add(0xfec00000, PAGE, &window), EADDRNOTAVAIL);	/* IO APIC */
	ERR(add(0xfed00000, PAGE, &window), EADDRNOTAVAIL);	/* HPET */
	ERR(add(0xfeeff000, PAGE, &window), EADDRNOTAVAIL);	/* MSI */
	ERR(add(0xfe000000, 32 * MIB, &window), EADDRNOTAVAIL);
	/* The first MiB: RAM in parts, never free for a window. */
	for (uint64_t gpa = 0; gpa < MIB; gpa += 64 * KIB) {
		int err = add(gpa, PAGE, &window);

		if (err != -EADDRNOTAVAIL && err != -EEXIST)
			FAIL("a window at 0x%lx: %s", gpa, xgt_errname(-err));
	}
	still_fine();
}

static void wrap(void)
{
	uint32_t window;

	ERR(add(~0ULL << 12, 2 * PAGE, &window), EINVAL);
	ERR(add(XGT_WINDOW, ~0ULL << 12, &window), EINVAL);
	ERR(add(XGT_WINDOW, 0, &window), EINVAL);
	OK(add(XGT_WINDOW, LENGTH, &window));
	ERR(gm_bind(xgt_dom, window, PAGE, ~0ULL << 12, NULL, 0, 0), EINVAL);
	ERR(gm_unbind(xgt_dom, window, 2 * PAGE, ~0ULL << 12), EINVAL);
	OK(gm_window_remove(xgt_dom, window));
	still_fine();
}

/* Both vCPUs look at the window all the time; each word is old or new. */
static void rebind_replace(void)
{
	volatile uint64_t *map[2] = { filled(LENGTH, 1), filled(LENGTH, 2) };
	struct xen_gpumem_window_query q;
	struct xgt_result r[2];
	uint32_t window;

	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(bind_all(window, map[0], 0));
	cmd_start(0, XG_CMD_EITHER, XGT_WINDOW, LENGTH, 1, 2);
	cmd_start(1, XG_CMD_EITHER, XGT_WINDOW, LENGTH, 1, 2);
	for (int i = 1; i <= 200; i++) {
		OK(bind_all(window, map[i & 1], XEN_GPUMEM_BIND_REPLACE));
		/* Each vCPU has a whole round of each of the two in turn. */
		if (i % 9 == 0)
			cmd_advance(i / 18 & 1, 2);
	}
	r[0] = cmd_stop(0);
	r[1] = cmd_stop(1);
	/* Control: both were seen. */
	CHECK(r[0].v[1] && r[0].v[2] && r[1].v[1] && r[1].v[2]);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_failed, 0);
	/* The last one is what is there, for writing too. */
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	guest_write(XGT_WINDOW, 5);
	CHECK_EQ(map[0][0], 5);
	verify(map[1], LENGTH, 2);
}

/* Many small bindings replaced by one, and one by many. */
static void rebind_cut(void)
{
	volatile uint64_t *a = filled(LENGTH, 1), *b = filled(LENGTH, 2);
	uint32_t window;

	OK(add(XGT_WINDOW, LENGTH, &window));
	for (uint64_t at = 0; at < LENGTH; at += PAGE)
		OK(gm_bind(xgt_dom, window, at, PAGE, a + at / 8, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	ERR(bind_all(window, b, 0), EEXIST);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	OK(bind_all(window, b, XEN_GPUMEM_BIND_REPLACE));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	/* A binding that is not wholly in the range is not cut. */
	ERR(gm_bind(xgt_dom, window, PAGE, PAGE, a, XEN_GPUMEM_BIND_REPLACE,
		    XEN_GPUMEM_POLICY_INJECT), EEXIST);
	ERR(gm_unbind(xgt_dom, window, PAGE, PAGE), EEXIST);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	OK(gm_unbind(xgt_dom, window, 0, LENGTH));
	ERR(gm_unbind(xgt_dom, window, 0, LENGTH), ENOENT);
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
}

/* What the process maps at bound addresses is what the guest sees. */
static void mmap_fixed(void)
{
	volatile uint64_t *map = filled(LENGTH, 1);
	int fd = memfd_new(LENGTH);
	volatile uint64_t *other = map_shared(fd, LENGTH);
	uint32_t window;

	fill(other, LENGTH, 2);
	OK(add(XGT_WINDOW, LENGTH, &window));
	OK(bind_all(window, map, 0));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	CHECK(mmap((void *)map, LENGTH, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, fd, 0) == (void *)map);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, 3);
	verify(other, LENGTH, 3);
	/* mremap takes the memory away; the binding stays with the address. */
	CHECK(mremap((void *)map, LENGTH, LENGTH, MREMAP_MAYMOVE |
		     MREMAP_FIXED, map_anon(LENGTH)) != MAP_FAILED);
	guest_read_faults(XGT_WINDOW);
}

/* Bound before anything is mapped there. */
static void bind_first(void)
{
	volatile uint64_t *map = map_anon(LENGTH);
	uint32_t window;

	CHECK(!munmap((void *)map, LENGTH));
	OK(add(XGT_WINDOW, LENGTH, &window));
	OK(bind_all(window, map, 0));
	guest_read_faults(XGT_WINDOW);
	CHECK(mmap((void *)map, LENGTH, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
	      (void *)map);
	fill(map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
}

/* A BAR is disabled, and programmed elsewhere. */
static void move(void)
{
	const uint64_t elsewhere = XGT_WINDOW + 16 * MIB;
	volatile uint64_t *map = filled(LENGTH, 1);
	uint32_t window;

	OK(add(XEN_GPUMEM_PARKED, LENGTH, &window));
	OK(bind_all(window, map, 0));
	ERR(gm_populate(xgt_dom, window, 0, PAGE, 0, NULL), ENXIO);
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
	OK(gm_window_move(xgt_dom, window, XGT_WINDOW));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	OK(gm_window_move(xgt_dom, window, elsewhere));
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
	cmd_ok(0, XG_CMD_CHECK, elsewhere, LENGTH, 1);
	cmd_ok(0, XG_CMD_FILL, elsewhere, LENGTH, 2);
	verify(map, LENGTH, 2);
	/* A move that fails leaves it where it is. */
	ERR(gm_window_move(xgt_dom, window, XG_ARENA_BASE), EEXIST);
	cmd_ok(0, XG_CMD_CHECK, elsewhere, LENGTH, 2);
	/* A move to where it overlaps itself. */
	OK(gm_window_move(xgt_dom, window, elsewhere + PAGE));
	cmd_ok(0, XG_CMD_CHECK, elsewhere + PAGE, LENGTH, 2);
	OK(gm_window_move(xgt_dom, window, XEN_GPUMEM_PARKED));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	CHECK_EQ(guest_read(elsewhere + PAGE), ~0ULL);
	verify(map, LENGTH, 2);
	OK(gm_window_move(xgt_dom, window, elsewhere));
	cmd_ok(0, XG_CMD_CHECK, elsewhere, LENGTH, 2);
}

/* A move that is refused changes nothing: the guest has all that it had. */
static void move_refused(void)
{
	struct xen_gpumem_window_query before, after;
	const uint64_t taken = XGT_WINDOW + 16 * MIB;
	volatile uint64_t *map = filled(LENGTH, 1);
	struct xen_gpumem_info info;
	uint64_t mfn[LENGTH / PAGE];
	uint32_t window, other;

	OK(gm_info(xgt_dom, &info));
	OK(add(XGT_WINDOW, LENGTH, &window));
	OK(bind_all(window, map, 0));
	OK(add(taken, LENGTH, &other));
	OK(gm_populate(xgt_dom, window, 0, LENGTH, XEN_GPUMEM_POPULATE_WRITE,
		       NULL));
	raw_query();
	for (unsigned int i = 0; i < ARRAY_SIZE(mfn); i++) {
		mfn[i] = raw_inspect(window, i).mfn;
		CHECK(mfn[i] != ~0ULL);
	}
	OK(gm_query(xgt_dom, window, 0, 0, &before));
	CHECK_EQ(before.out_pages, ARRAY_SIZE(mfn));
	ERR(gm_window_move(xgt_dom, window, taken), EEXIST);
	ERR(gm_window_move(xgt_dom, window, taken + LENGTH - PAGE), EEXIST);
	ERR(gm_window_move(xgt_dom, window, XG_ARENA_BASE), EEXIST);
	ERR(gm_window_move(xgt_dom, window, 16 * MIB), EEXIST);	/* RAM */
	ERR(gm_window_move(xgt_dom, window, 0xfee00000), EADDRNOTAVAIL);
	ERR(gm_window_move(xgt_dom, window, info.out_gpa_end), ERANGE);
	for (unsigned int i = 0; i < ARRAY_SIZE(mfn); i++)
		CHECK_EQ(raw_inspect(window, i).mfn, mfn[i]);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	OK(gm_query(xgt_dom, window, 0, 0, &after));
	CHECK(!memcmp(&before, &after, sizeof(before)));
	/* Control: one that is not refused takes all away, and is counted. */
	OK(gm_window_move(xgt_dom, window, taken + 16 * MIB));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	cmd_ok(0, XG_CMD_CHECK, taken + 16 * MIB, LENGTH, 1);
	OK(gm_query(xgt_dom, window, 0, 0, &after));
	CHECK(after.out_faults > before.out_faults);
}

/* Moved to and fro while both vCPUs use it: it is there, or all ones. */
static void move_hammer(void)
{
	volatile uint64_t *map = filled(LENGTH, 1);
	const uint64_t there = XGT_WINDOW + 16 * MIB;
	uint32_t window;

	OK(add(XGT_WINDOW, LENGTH, &window));
	OK(bind_all(window, map, 0));
	cmd_start(0, XG_CMD_TOUCH, XGT_WINDOW, LENGTH);
	for (int i = 0; i < 60; i++) {
		OK(gm_window_move(xgt_dom, window, i & 1 ? XGT_WINDOW : there));
		for (unsigned int cpu = 0; cpu < 2; cpu++)
			if (box_done(&xgt_box, cpu))
				cmd_start(cpu, XG_CMD_TOUCH,
					  cpu ? there : XGT_WINDOW, LENGTH);
		usleep(3000);
	}
	box_ok(cmd_wait(0), "vCPU 0", __FILE__, __LINE__);
	box_ok(cmd_wait(1), "vCPU 1", __FILE__, __LINE__);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
}

/* A window belongs to the fd that added it. */
static void other_fd(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	volatile uint64_t *map = filled(LENGTH, 1);
	struct xen_gpumem_window_query q;
	uint32_t window, mine;
	int other;

	OK(add(XGT_WINDOW, LENGTH, &window));
	OK(bind_all(window, map, 0));
	other = gm_open_domain(xgt_guest.domid, &limits);
	CHECK(other >= 0);
	ERR(gm_window_remove(other, window), EPERM);
	ERR(gm_window_move(other, window, XEN_GPUMEM_PARKED), EPERM);
	ERR(gm_bind(other, window, 0, LENGTH, map, XEN_GPUMEM_BIND_REPLACE, 0),
	    EPERM);
	ERR(gm_unbind(other, window, 0, LENGTH), EPERM);
	ERR(gm_populate(other, window, 0, PAGE, 0, NULL), EPERM);
	ERR(gm_query(other, window, 0, 0, &q), EPERM);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	/* Its own it may; and overlapping is refused across fds. */
	ERR(gm_window_add(other, XGT_WINDOW, PAGE, 0, &mine), EEXIST);
	OK(gm_window_add(other, XGT_WINDOW + MIB, PAGE, 0, &mine));
	CHECK(mine != window);
	close(other);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	CHECK_EQ(guest_read(XGT_WINDOW + MIB), ~0ULL);
}

static void limits(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 2,
		.max_bindings = 3, .max_bytes = 4 * PAGE,
	};
	volatile uint64_t *map = filled(LENGTH, 1);
	uint32_t w[3];
	int fd;

	fd = gm_open_domain(xgt_guest.domid, &limits);
	CHECK(fd >= 0 && limits.generation);
	OK(gm_window_add(fd, XGT_WINDOW, LENGTH, 0, &w[0]));
	OK(gm_window_add(fd, XGT_WINDOW + MIB, LENGTH, 0, &w[1]));
	ERR(gm_window_add(fd, XGT_WINDOW + 2 * MIB, LENGTH, 0, &w[2]), ENOSPC);
	/* Bytes: four pages, over all windows. */
	OK(gm_bind(fd, w[0], 0, 4 * PAGE, map, 0, 0));
	ERR(gm_bind(fd, w[1], 0, PAGE, map, 0, 0), ENOSPC);
	OK(gm_unbind(fd, w[0], 0, 4 * PAGE));
	ERR(gm_bind(fd, w[0], 0, 5 * PAGE, map, 0, 0), ENOSPC);
	/* Bindings: three. */
	for (int i = 0; i < 3; i++)
		OK(gm_bind(fd, w[0], i * PAGE, PAGE, map + i * PAGE / 8, 0, 0));
	ERR(gm_bind(fd, w[1], 0, PAGE, map, 0, 0), ENOSPC);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, 3 * PAGE, 1);
	/* What yields makes room: replacing works at the limit, not past it. */
	ERR(gm_bind(fd, w[0], 0, 5 * PAGE, map, XEN_GPUMEM_BIND_REPLACE, 0),
	    ENOSPC);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, 3 * PAGE, 1);
	OK(gm_bind(fd, w[0], 0, 3 * PAGE, map, XEN_GPUMEM_BIND_REPLACE, 0));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, 3 * PAGE, 1);
	OK(gm_bind(fd, w[0], 0, 4 * PAGE, map, XEN_GPUMEM_BIND_REPLACE, 0));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, 4 * PAGE, 1);
	ERR(gm_bind(fd, w[1], 0, PAGE, map, 0, 0), ENOSPC);
	/* Given back, it can be used again. */
	OK(gm_window_remove(fd, w[0]));
	OK(gm_window_add(fd, XGT_WINDOW, LENGTH, 0, &w[0]));
	OK(gm_bind(fd, w[0], 0, 4 * PAGE, map, 0, 0));
	close(fd);
}

/* As many windows as the interface allows, and one more. */
static void max_windows(void)
{
	struct xen_gpumem_info info;
	uint32_t window[256], one_more;
	unsigned int n = 0;

	OK(gm_info(xgt_dom, &info));
	CHECK(info.out_max_windows >= 8 && info.out_max_windows <= 256);
	/* One is the mailbox. */
	for (; n < info.out_max_windows - 1; n++)
		OK(add(XGT_WINDOW + n * 2 * PAGE, PAGE, &window[n]));
	ERR(add(XEN_GPUMEM_PARKED, PAGE, &one_more), ENOSPC);
	ERR(add(XGT_WINDOW + n * 2 * PAGE, PAGE, &one_more), ENOSPC);
	while (n--)
		OK(gm_window_remove(xgt_dom, window[n]));
	ERR(add(XGT_WINDOW, info.out_max_window + PAGE, &one_more), ENOSPC);
	still_fine();
}

/*
 * The guest is tracked, for a migration, say: no window is added.  That is no
 * reason to take the guest for gone.
 */
static void tracked(void)
{
	uint32_t window;

	box_close(&xgt_box);
	OK(guest_track(&xgt_guest, true));
	ERR(add(XGT_WINDOW, LENGTH, &window), EOPNOTSUPP);
	OK(guest_track(&xgt_guest, false));
	OK(add(XGT_WINDOW, LENGTH, &window));
}

static const struct xgt_test tests[] = {
	{ "L9-overlap-ram", "L9", overlap_ram, XGT_GUEST, 0 },
	{ "L9-overlap-window", "L9", overlap_window, XGT_GUEST, 0 },
	{ "L9-past-width", "L9", past_width, XGT_GUEST, 0 },
	{ "L9-special-ranges", "L9,S3,N22", special_ranges, XGT_GUEST, 0 },
	{ "L9-wrap", "L9", wrap, XGT_GUEST, 0 },
	{ "L12-tracked-first", "L12", tracked, XGT_GUEST, 0 },
	{ "L11-rebind-replace", "L11", rebind_replace,
	  XGT_GUEST | XGT_USER, 0 },
	{ "L11-rebind-cut", "L11", rebind_cut, XGT_GUEST | XGT_USER, 0 },
	{ "L11-mmap-fixed", "L11", mmap_fixed, XGT_GUEST | XGT_USER, 0 },
	{ "L11-bind-before-map", "L11", bind_first, XGT_GUEST | XGT_USER, 0 },
	{ "L11-move", "L11", move, XGT_GUEST | XGT_USER, 0 },
	{ "L11-move-refused", "L11,U6", move_refused, XGT_GUEST, 0 },
	{ "L11-move-hammer", "L11", move_hammer, XGT_GUEST | XGT_USER, 0 },
	{ "L11-other-fd-cannot-remove", "L11,S1", other_fd, XGT_GUEST, 0 },
	{ "L11-limits", "L11,L19,S1", limits, XGT_GUEST, 0 },
	{ "L11-max-windows", "L11,L19", max_windows, XGT_GUEST | XGT_USER, 0 },
};

XGT_MAIN(tests)
