// SPDX-License-Identifier: GPL-2.0-only
/*
 * E3-E5, E9: the guest's pages as devices see them.
 *
 * The test importer's device copies at the bus addresses that the exporter
 * gave out, so a page that was merged into the wrong segment, or copied aside
 * by the DMA layer, is seen: the device reads something else than the guest
 * wrote, or something old.
 */
#include "../../drivers/xen-gpumem/tests/importer-uapi.h"

#include "xgt.h"

#define PAGES	32U
#define LENGTH	(PAGES * PAGE)
/* Exports of a page each, to find page frames that adjoin. */
#define SINGLES	(4 * PAGES)

static int importer(void)
{
	int fd = open("/dev/xen-gpumem-importer", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		xgt_skip("no test importer");
	return fd;
}

static int call(int im, unsigned long nr, void *arg)
{
	return ioctl(im, nr, arg) < 0 ? -errno : 0;
}

static int attach(int im, int fd, uint32_t flags)
{
	struct importer_attach a = { .fd = fd, .flags = flags };

	return call(im, IMPORTER_ATTACH, &a);
}

static int map(int im, unsigned long direction)
{
	return call(im, IMPORTER_MAP, (void *)direction);
}

static int copy(int im, unsigned long nr, uint64_t offset, void *p,
		uint32_t length, uint32_t direction)
{
	struct importer_copy c = {
		.offset = offset, .address = (uintptr_t)p, .length = length,
		.direction = direction,
	};

	return call(im, nr, &c);
}

static struct importer_state state(int im)
{
	struct importer_state s;

	OK(call(im, IMPORTER_STATE, &s));
	return s;
}

/* A page as the device reads it must be the pattern's. */
static void device_sees(int im, unsigned int page, uint64_t seed)
{
	uint64_t words[512];

	OK(copy(im, IMPORTER_DMA, page * PAGE, words, PAGE,
		IMPORTER_TO_DEVICE));
	for (unsigned int i = 0; i < 512; i++)
		if (words[i] != xg_pattern(seed, page * PAGE + i * 8))
			FAIL("the device reads 0x%lx at word %u of page %u",
			     words[i], i, page);
}

static void device(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0), im = importer();
	int fd = ex_make(dom, refs, PAGES, 0, NULL);
	uint64_t words[512];

	OK(attach(im, fd, IMPORTER_DYNAMIC));
	OK(map(im, IMPORTER_BIDIRECTIONAL));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	device_sees(im, 0, 1);
	device_sees(im, PAGES / 2, 1);
	device_sees(im, PAGES - 1, 1);
	/* Nothing is a copy: what is written while it is mapped counts. */
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 2);
	device_sees(im, 0, 2);
	device_sees(im, 7, 2);
	/* The other way. */
	fill(words, PAGE, 3);
	OK(copy(im, IMPORTER_DMA, 9 * PAGE, words, PAGE,
		IMPORTER_FROM_DEVICE));
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0) + 9 * PAGE, PAGE, 3);
}

/* --- adjoining for Linux, not on the bus ------------------------------------ */

/* One page of the guest's, and where Linux has it. */
struct single {
	uint64_t pfn;
	int fd;
};

static int by_pfn(const void *a, const void *b)
{
	const struct single *x = a, *y = b;

	return (x->pfn > y->pfn) - (x->pfn < y->pfn);
}

static struct single single_new(int im, int dom, uint32_t ref)
{
	struct single one = { .fd = ex_make(dom, &ref, 1, 0, NULL) };
	struct importer_segment s = { 0 };

	OK(attach(im, one.fd, 0));
	OK(map(im, IMPORTER_BIDIRECTIONAL));
	OK(call(im, IMPORTER_SEGMENT, &s));
	OK(call(im, IMPORTER_DETACH, NULL));
	one.pfn = s.pfn;
	return one;
}

/*
 * Have the driver get page frames of Linux's next that follow each other.  Those
 * that were freed last are taken first: see which it has, and free PAGES of them
 * from the last to the first, after all others.
 */
static void free_in_order(int im, int dom, const uint32_t *refs)
{
	struct single all[SINGLES];
	unsigned int run = 0;

	for (unsigned int i = 0; i < SINGLES; i++)
		all[i] = single_new(im, dom, refs[i % PAGES]);
	qsort(all, SINGLES, sizeof(all[0]), by_pfn);
	while (run + PAGES <= SINGLES &&
	       all[run + PAGES - 1].pfn != all[run].pfn + PAGES - 1)
		run++;
	if (run + PAGES > SINGLES)
		FAIL("no %u of the %u page frames of the driver's adjoin",
		     PAGES, SINGLES);
	for (unsigned int i = 0; i < SINGLES; i++)
		if (i < run || i >= run + PAGES)
			close(all[i].fd);
	for (unsigned int i = PAGES; i--;)
		close(all[run + i].fd);
}

/*
 * Pages that were used and freed may come back as page frames of Linux's that
 * follow each other, over machine frames that do not.
 */
static void reused_pages(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), mixed[PAGES], id;
	int dom = ex_open(NULL, 0, 0, 0), im = importer(), fd;
	struct importer_segment s = { 0 };
	struct xen_gpumem_export_query q;
	uint64_t words[512], first, sum = 0;

	for (unsigned int i = 0; i < PAGES; i++)
		mixed[i] = refs[i * 13 % PAGES];
	free_in_order(im, dom, refs);
	fd = ex_make(dom, mixed, PAGES, 0, &id);
	OK(attach(im, fd, 0));
	OK(map(im, IMPORTER_BIDIRECTIONAL));
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_segments, state(im).segments);
	CHECK_EQ(q.out_static, 1);
	OK(call(im, IMPORTER_SEGMENT, &s));
	for (first = s.pfn; s.index < q.out_segments; s.index++) {
		OK(call(im, IMPORTER_SEGMENT, &s));
		CHECK(!(s.address % PAGE) && !(s.length % PAGE));
		/* Control: who looks at these alone would merge all of it. */
		CHECK_EQ(s.pfn, first + sum / PAGE);
		sum += s.length;
	}
	CHECK_EQ(sum, LENGTH);
	xgt_info("%u pages in %llu segments", PAGES, q.out_segments);

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 5);
	for (unsigned int i = 0; i < PAGES; i++) {
		OK(copy(im, IMPORTER_DMA, i * PAGE, words, PAGE,
			IMPORTER_TO_DEVICE));
		CHECK_EQ(words[3], xg_pattern(5, i * 13 % PAGES * PAGE + 24));
	}
}

static void kernel_mapping(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), im = importer();
	int fd = ex_make(dom, refs, PAGES, 0, &id);
	uint64_t words[512];

	OK(attach(im, fd, 0));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	for (unsigned int page = 0; page < PAGES; page++) {
		OK(copy(im, IMPORTER_VMAP, page * PAGE, words, PAGE,
			IMPORTER_TO_DEVICE));
		CHECK_EQ(words[1], xg_pattern(1, page * PAGE + 8));
		CHECK_EQ(words[511], xg_pattern(1, page * PAGE + 511 * 8));
	}
	fill(words, PAGE, 2);
	OK(copy(im, IMPORTER_VMAP, 5 * PAGE, words, PAGE,
		IMPORTER_FROM_DEVICE));
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0) + 5 * PAGE, PAGE, 2);
	OK(ex_revoke(dom, id));
	/* Zeroes: the kernel would take a refusal for a bug. */
	OK(copy(im, IMPORTER_VMAP, 5 * PAGE, words, PAGE, IMPORTER_TO_DEVICE));
	for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
		CHECK_EQ(words[i], 0);
	fill(words, PAGE, 3);
	OK(copy(im, IMPORTER_VMAP, 5 * PAGE, words, PAGE,
		IMPORTER_FROM_DEVICE));
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0) + 5 * PAGE, PAGE, 2);
}

static void read_only(void)
{
	uint32_t *refs = guest_share(0, PAGES, false);
	int dom = ex_open(NULL, 0, 0, 0), im = importer();
	int fd = ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_READONLY, NULL);
	uint64_t words[512];

	for (uint32_t flags = 0; flags <= IMPORTER_DYNAMIC; flags++) {
		OK(attach(im, fd, flags));
		ERR(map(im, IMPORTER_BIDIRECTIONAL), EACCES);
		ERR(map(im, IMPORTER_FROM_DEVICE), EACCES);
		ERR(copy(im, IMPORTER_VMAP, 0, words, PAGE,
			 IMPORTER_TO_DEVICE), EINVAL);
		OK(map(im, IMPORTER_TO_DEVICE));
		cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1 + flags);
		device_sees(im, 3, 1 + flags);
		OK(call(im, IMPORTER_DETACH, NULL));
	}
}

/* --- revoking ---------------------------------------------------------------------- */

static void revoke_dynamic(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), im = importer();
	int fd = ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_REVOCABLE, &id);
	struct xen_gpumem_export_query q;
	uint64_t word;

	/* One that could not let go is not let in. */
	ERR(attach(im, fd, 0), EOPNOTSUPP);
	OK(attach(im, fd, IMPORTER_DYNAMIC));
	OK(map(im, IMPORTER_BIDIRECTIONAL));
	OK(copy(im, IMPORTER_DMA, 0, &word, 8, IMPORTER_TO_DEVICE));
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_attached, 1);
	CHECK_EQ(q.out_mapped, 1);
	CHECK_EQ(q.out_static, 0);
	OK(ex_revoke(dom, id));
	CHECK_EQ(state(im).mapped, 0);
	CHECK_EQ(state(im).invalidated, 1);
	ERR(map(im, IMPORTER_BIDIRECTIONAL), ENODEV);
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_mapped, 0);
	CHECK_EQ(q.out_state,
		 XEN_GPUMEM_EXPORT_REVOKED | XEN_GPUMEM_EXPORT_RETURNED);
	OK(call(im, IMPORTER_DETACH, NULL));
	ERR(attach(im, fd, IMPORTER_DYNAMIC), ENODEV);
}

static void revoke_static(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), im = importer();
	int fd = ex_make(dom, refs, PAGES, 0, &id);
	struct xen_gpumem_export_query q;

	OK(attach(im, fd, 0));
	OK(map(im, IMPORTER_BIDIRECTIONAL));
	ERR(ex_revoke(dom, id), EBUSY);
	/* Nothing was changed. */
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_state, 0);
	CHECK_EQ(q.out_static, 1);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	device_sees(im, 1, 1);
	verify(map_shared(fd, LENGTH), LENGTH, 1);
	/* It has it mapped no more: then it can be taken away. */
	OK(call(im, IMPORTER_UNMAP, NULL));
	OK(ex_revoke(dom, id));
	ERR(map(im, IMPORTER_BIDIRECTIONAL), ENODEV);
}

/* Whoever is at work still, or does not let go, has the pages until then. */
static void revoke_waits(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0), im = importer();
	int fd = ex_make(dom, refs, PAGES, 0, &id);
	struct xen_gpumem_export_query q;

	OK(attach(im, fd, IMPORTER_STUBBORN));
	OK(map(im, IMPORTER_BIDIRECTIONAL));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	ERR(ex_revoke(dom, id), ETIMEDOUT);
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_state, XEN_GPUMEM_EXPORT_REVOKED);
	CHECK_EQ(q.out_mapped, 1);
	/* Its pages are still the guest's: no others. */
	device_sees(im, 2, 1);
	OK(call(im, IMPORTER_UNMAP, NULL));
	OK(ex_revoke(dom, id));
	OK(ex_query(dom, id, 0, &q));
	CHECK(q.out_state & XEN_GPUMEM_EXPORT_RETURNED);
	OK(call(im, IMPORTER_DETACH, NULL));

	fd = ex_make(dom, refs, PAGES, 0, &id);
	OK(attach(im, fd, IMPORTER_DYNAMIC));
	OK(map(im, IMPORTER_BIDIRECTIONAL));
	OK(call(im, IMPORTER_BUSY, NULL));
	ERR(ex_revoke(dom, id), ETIMEDOUT);
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_state, XEN_GPUMEM_EXPORT_REVOKED);
	CHECK_EQ(q.out_mapped, 0);
	OK(call(im, IMPORTER_DONE, NULL));
	OK(ex_revoke(dom, id));
	OK(ex_query(dom, id, 0, &q));
	CHECK(q.out_state & XEN_GPUMEM_EXPORT_RETURNED);
	/* Once more, whatever who has the dma-buf says that it works on. */
	OK(call(im, IMPORTER_BUSY, NULL));
	OK(ex_revoke(dom, id));
}

/* The guest dies while a device uses its pages. */
static void guest_dies(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0), im = importer();
	int fd = ex_make(dom, refs, PAGES, 0, NULL);

	OK(attach(im, fd, 0));
	OK(map(im, IMPORTER_BIDIRECTIONAL));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	close(fd);
	guest_destroy(&xgt_guest);
	device_sees(im, 0, 1);
	device_sees(im, PAGES - 1, 1);
	OK(call(im, IMPORTER_DETACH, NULL));
	/* That was the last of it, and of the guest. */
	EVENTUALLY(ex_grants(dom, refs, PAGES, 0, NULL) == -ESRCH);
}

static const struct xgt_test tests[] = {
	{ "E3-device", "E3,E5", device, XGT_GUEST, 0 },
	{ "E5-stale-segments", "E5", reused_pages, XGT_GUEST, 0 },
	{ "E3-vmap", "E3", kernel_mapping, XGT_GUEST, 0 },
	{ "E9-read-only-device", "E9", read_only, XGT_GUEST, 0 },
	{ "E4-revoke-dynamic", "E4", revoke_dynamic, XGT_GUEST, 0 },
	{ "E4-revoke-static", "E4", revoke_static, XGT_GUEST, 0 },
	{ "E4-revoke-waits", "E4", revoke_waits, XGT_GUEST, 0 },
	{ "E6-guest-dies-mapped", "E6", guest_dies,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
