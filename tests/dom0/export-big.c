// SPDX-License-Identifier: GPL-2.0-only
/*
 * E8: 256 MiB in one call, scattered.
 *
 * A guest under emulation has not that many pages to share: fewer, each many
 * times, in an order that has no runs.
 */
#include "xgt.h"

#define PAGES	65536U
#define SHARED	1024U

static unsigned int which(unsigned int i)
{
	return (i * 31 + i / SHARED) % SHARED;
}

static void big(void)
{
	uint32_t *refs = guest_share(0, SHARED, true);
	uint32_t *list = calloc(PAGES, sizeof(*list));
	struct xen_gpumem_export_grants cmd;
	struct xen_gpumem_export_query q;
	int dom = ex_open(NULL, 0, 0, 0), fd;
	volatile uint64_t *p;
	double since;

	for (unsigned int i = 0; i < PAGES; i++)
		list[i] = refs[which(i)];
	for (unsigned int i = 0; i < SHARED; i++)
		guest_write(XGT_SHARED(0) + i * PAGE, i + 1);
	since = xgt_now();
	fd = ex_grants(dom, list, PAGES, 0, &cmd);
	if (fd < 0)
		FAIL("export: %s (%u)", xgt_errname(-fd), cmd.out_failed);
	xgt_info("export of 256 MiB: %.0f ms", (xgt_now() - since) * 1000);
	p = map_shared(fd, PAGES * PAGE);
	for (unsigned int i = 0; i < PAGES; i++)
		CHECK_EQ(p[i * 512UL], which(i) + 1);
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_pages, PAGES);
	since = xgt_now();
	OK(ex_revoke(dom, cmd.out_id));
	xgt_info("revocation of 256 MiB: %.0f ms", (xgt_now() - since) * 1000);
}

static const struct xgt_test tests[] = {
	{ "E8-256-mib", "E8", big, XGT_GUEST, 600 },
};

XGT_MAIN(tests)
