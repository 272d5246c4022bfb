// SPDX-License-Identifier: GPL-2.0-only
/*
 * L13: whatever ends lending, the lender's pages are its own again.
 *
 * Xen holds a reference on each page that is lent.  One that is forgotten
 * harms nobody for as long as the lender keeps the page; it shows when the
 * lender gives pages back.  So dom0 is made to: its balloon takes what memory
 * is free, many pages that were lent among it, and Xen has to say that dom0
 * has just as many pages less.
 */
#include "xgt.h"

#define LENGTH		(64 * MIB)
/* Enough that a good part of the lent pages is among it. */
#define BALLOON_KB	(256 * 1024L)
/* What dom0's kernel may do with pages of its own meanwhile. */
#define SLACK		16

#define BALLOON		"/sys/devices/system/xen_memory/xen_memory0/"

static long read_number(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (!f || fscanf(f, "%ld", &n) != 1)
		FAIL("%s: %s", path, strerror(errno));
	fclose(f);
	return n;
}

/* Have the balloon bring dom0 to so many KiB; it does so in the background. */
static void balloon_to(long kb)
{
	FILE *f = fopen(BALLOON "target_kb", "we");

	if (!f || fprintf(f, "%ld", kb) < 0 || fclose(f))
		FAIL("target_kb: %s", strerror(errno));
	for (int i = 0; i < 6000; i++) {
		if (read_number(BALLOON "info/current_kb") == kb)
			return;
		xgt_sleep_ms(10);
	}
	FAIL("the balloon does not reach %ld kB", kb);
}

/* dom0 has as many pages less as it has given away. */
static void pages_come_back(void)
{
	long kb = read_number(BALLOON "info/current_kb");
	long before = xen_own_frames(), given = BALLOON_KB / 4, gone;

	balloon_to(kb - BALLOON_KB);
	gone = before - (long)xen_own_frames();
	balloon_to(kb);
	xgt_info("%ld pages given back, %ld pages less", given, gone);
	if (gone < given - SLACK || gone > given + SLACK)
		FAIL("dom0 gave %ld pages back, and has %ld less", given, gone);
}

static volatile uint64_t *lend_all(uint32_t *window)
{
	int fd = memfd_new(LENGTH);
	volatile uint64_t *map = map_shared(fd, LENGTH);

	/* Unmapped, the pages are free. */
	close(fd);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 window));
	OK(gm_bind(xgt_dom, *window, 0, LENGTH, map,
		   XEN_GPUMEM_BIND_WRITE_FIRST, XEN_GPUMEM_POLICY_INJECT));
	OK(gm_populate(xgt_dom, *window, 0, LENGTH, XEN_GPUMEM_POPULATE_WRITE,
		       NULL));
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, PAGE, 1);
	CHECK_EQ(gm_pages(xgt_dom, *window, 0, 0), LENGTH / PAGE);
	return map;
}

static void unbound(void)
{
	uint32_t window;
	volatile uint64_t *map = lend_all(&window);

	OK(gm_unbind(xgt_dom, window, 0, LENGTH));
	munmap((void *)map, LENGTH);
	pages_come_back();
}

static void guest_destroyed(void)
{
	uint32_t window;
	volatile uint64_t *map = lend_all(&window);

	guest_destroy(&xgt_guest);
	munmap((void *)map, LENGTH);
	pages_come_back();
}

static const struct xgt_test tests[] = {
	{ "L13-references-unbind", "L13", unbound, XGT_GUEST, 240 },
	{ "L13-references-guest-destroyed", "L13", guest_destroyed,
	  XGT_GUEST | XGT_ENDS_GUEST, 120 },
};

XGT_MAIN(tests)
