// SPDX-License-Identifier: GPL-2.0-only
/*
 * E3-E5, E9: the guest's pages as devices see them.
 *
 * The test importer's device copies at the bus addresses that the exporter
 * gave out, so a page that was merged into the wrong segment, or copied aside
 * by the DMA layer, is seen: the device reads something else than the guest
 * wrote, or something old.
 */
#include <linux/dma-buf.h>

#include "importer.h"

#define PAGES	32U
#define LENGTH	(PAGES * PAGE)

static void device(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0), im = im_open();
	int fd = ex_make(dom, refs, PAGES, 0, NULL);
	struct dma_buf_sync sync = {
		.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW,
	};
	uint64_t words[512];

	OK(im_attach(im, fd, IMPORTER_DYNAMIC));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	im_sees(im, 0, 1);
	im_sees(im, PAGES / 2, 1);
	im_sees(im, PAGES - 1, 1);
	/* Nothing is a copy: what is written while it is mapped counts. */
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 2);
	im_sees(im, 0, 2);
	im_sees(im, 7, 2);
	/* Nothing to sync, whoever is attached: allowed, and without effect. */
	CHECK(!ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
	im_sees(im, 7, 2);
	sync.flags ^= DMA_BUF_SYNC_START ^ DMA_BUF_SYNC_END;
	CHECK(!ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
	/* The other way. */
	fill(words, PAGE, 3);
	OK(im_copy(im, IMPORTER_DMA, 9 * PAGE, words, PAGE,
		   IMPORTER_FROM_DEVICE));
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0) + 9 * PAGE, PAGE, 3);
}

static void kernel_mapping(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), im = im_open();
	int fd = ex_make(dom, refs, PAGES, 0, &id);
	uint64_t words[512];

	OK(im_attach(im, fd, 0));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	for (unsigned int page = 0; page < PAGES; page++) {
		OK(im_copy(im, IMPORTER_VMAP, page * PAGE, words, PAGE,
			   IMPORTER_TO_DEVICE));
		CHECK_EQ(words[1], xg_pattern(1, page * PAGE + 8));
		CHECK_EQ(words[511], xg_pattern(1, page * PAGE + 511 * 8));
	}
	fill(words, PAGE, 2);
	OK(im_copy(im, IMPORTER_VMAP, 5 * PAGE, words, PAGE,
		   IMPORTER_FROM_DEVICE));
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0) + 5 * PAGE, PAGE, 2);
	OK(ex_revoke(dom, id));
	/* Zeroes: the kernel would take a refusal for a bug. */
	OK(im_copy(im, IMPORTER_VMAP, 5 * PAGE, words, PAGE,
		   IMPORTER_TO_DEVICE));
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		CHECK_EQ(words[i], 0);
	fill(words, PAGE, 3);
	OK(im_copy(im, IMPORTER_VMAP, 5 * PAGE, words, PAGE,
		   IMPORTER_FROM_DEVICE));
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0) + 5 * PAGE, PAGE, 2);
}

static void read_only(void)
{
	uint32_t *refs = guest_share(0, PAGES, false);
	int dom = ex_open(NULL, 0, 0, 0), im = im_open();
	int fd = ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_READONLY, NULL);
	uint64_t words[512];

	for (uint32_t flags = 0; flags <= IMPORTER_DYNAMIC; flags++) {
		OK(im_attach(im, fd, flags));
		ERR(im_map(im, IMPORTER_BIDIRECTIONAL), EACCES);
		ERR(im_map(im, IMPORTER_FROM_DEVICE), EACCES);
		ERR(im_copy(im, IMPORTER_VMAP, 0, words, PAGE,
			    IMPORTER_TO_DEVICE), EINVAL);
		OK(im_map(im, IMPORTER_TO_DEVICE));
		cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1 + flags);
		im_sees(im, 3, 1 + flags);
		OK(im_call(im, IMPORTER_DETACH, NULL));
	}
}

/* --- revoking ---------------------------------------------------------------------- */

static void revoke_dynamic(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), im = im_open();
	int fd = ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_REVOCABLE, &id);
	struct xen_gpumem_export_query q;
	uint64_t word;

	/* One that could not let go is not let in. */
	ERR(im_attach(im, fd, 0), EOPNOTSUPP);
	OK(im_attach(im, fd, IMPORTER_DYNAMIC));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	OK(im_copy(im, IMPORTER_DMA, 0, &word, 8, IMPORTER_TO_DEVICE));
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_attached, 1);
	CHECK_EQ(q.out_mapped, 1);
	CHECK_EQ(q.out_static, 0);
	OK(ex_revoke(dom, id));
	CHECK_EQ(im_state(im).mapped, 0);
	CHECK_EQ(im_state(im).invalidated, 1);
	ERR(im_map(im, IMPORTER_BIDIRECTIONAL), ENODEV);
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_mapped, 0);
	CHECK_EQ(q.out_state,
		 XEN_GPUMEM_EXPORT_REVOKED | XEN_GPUMEM_EXPORT_RETURNED);
	OK(im_call(im, IMPORTER_DETACH, NULL));
	ERR(im_attach(im, fd, IMPORTER_DYNAMIC), ENODEV);
}

static void revoke_static(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), im = im_open();
	int fd = ex_make(dom, refs, PAGES, 0, &id);
	struct xen_gpumem_export_query q;

	OK(im_attach(im, fd, 0));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	ERR(ex_revoke(dom, id), EBUSY);
	/* Nothing was changed. */
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_state, 0);
	CHECK_EQ(q.out_static, 1);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	im_sees(im, 1, 1);
	verify(map_shared(fd, LENGTH), LENGTH, 1);
	/* It has it mapped no more: then it can be taken away. */
	OK(im_call(im, IMPORTER_UNMAP, NULL));
	OK(ex_revoke(dom, id));
	ERR(im_map(im, IMPORTER_BIDIRECTIONAL), ENODEV);
}

/* Whoever is at work still, or does not let go, has the pages until then. */
static void revoke_waits(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), im = im_open();
	int fd = ex_make(dom, refs, PAGES, 0, &id);
	struct xen_gpumem_export_query q;

	OK(im_attach(im, fd, IMPORTER_STUBBORN));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	ERR(ex_revoke(dom, id), ETIMEDOUT);
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_state, XEN_GPUMEM_EXPORT_REVOKED);
	CHECK_EQ(q.out_mapped, 1);
	/* Its pages are still the guest's: no others. */
	im_sees(im, 2, 1);
	OK(im_call(im, IMPORTER_UNMAP, NULL));
	OK(ex_revoke(dom, id));
	OK(ex_query(dom, id, 0, &q));
	CHECK(q.out_state & XEN_GPUMEM_EXPORT_RETURNED);
	OK(im_call(im, IMPORTER_DETACH, NULL));

	fd = ex_make(dom, refs, PAGES, 0, &id);
	OK(im_attach(im, fd, IMPORTER_DYNAMIC));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	OK(im_call(im, IMPORTER_BUSY, NULL));
	ERR(ex_revoke(dom, id), ETIMEDOUT);
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_state, XEN_GPUMEM_EXPORT_REVOKED);
	CHECK_EQ(q.out_mapped, 0);
	OK(im_call(im, IMPORTER_DONE, NULL));
	OK(ex_revoke(dom, id));
	OK(ex_query(dom, id, 0, &q));
	CHECK(q.out_state & XEN_GPUMEM_EXPORT_RETURNED);
	/* Once more, whatever who has the dma-buf says that it works on. */
	OK(im_call(im, IMPORTER_BUSY, NULL));
	OK(ex_revoke(dom, id));
}

/* The guest dies while a device uses its pages. */
static void guest_dies(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0), im = im_open();
	int fd = ex_make(dom, refs, PAGES, 0, NULL);

	OK(im_attach(im, fd, 0));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	close(fd);
	guest_destroy(&xgt_guest);
	im_sees(im, 0, 1);
	im_sees(im, PAGES - 1, 1);
	OK(im_call(im, IMPORTER_DETACH, NULL));
	/* That was the last of it, and of the guest. */
	EVENTUALLY(ex_grants(dom, refs, PAGES, 0, NULL) == -ESRCH);
}

static const struct xgt_test tests[] = {
	{ "E3-device", "E3,E5", device, XGT_GUEST, 0 },
	{ "E3-vmap", "E3", kernel_mapping, XGT_GUEST, 0 },
	{ "E9-read-only-device", "E9", read_only, XGT_GUEST, 0 },
	{ "E4-revoke-dynamic", "E4", revoke_dynamic, XGT_GUEST, 0 },
	{ "E4-revoke-static", "E4", revoke_static, XGT_GUEST, 0 },
	{ "E4-revoke-waits", "E4", revoke_waits, XGT_GUEST, 0 },
	{ "E6-guest-dies-mapped", "E6", guest_dies,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
