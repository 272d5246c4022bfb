// SPDX-License-Identifier: GPL-2.0-only
/*
 * E5: the defect of exporters that merge pages by Linux's numbers.
 *
 * Under PV neighbours among Linux's page frames are not neighbours on the bus.
 * An exporter that makes one segment of them has the DMA layer copy the segment
 * aside, and a device reads that copy, which nobody refreshes.  gntdev-dmabuf
 * and udmabuf do so.  For pages of guests it is so as soon as pages were freed
 * and used again: the kernel hands out address space without memory in
 * descending order at first, where nothing can be merged, and what was freed
 * last is what it takes first.
 *
 * Here the driver gets page frames that follow each other.  Our segments must be
 * right nevertheless; and the same pages, merged on purpose, must not be: else
 * the test would show nothing.  A PVH dom0 has no such numbers of its own, and merging is harmless.
 */
#include <linux/udmabuf.h>

#include "importer.h"

#define PAGES	32U
#define LENGTH	(PAGES * PAGE)
#define LOOKS	4U	/* pages that the device is asked for */
/* Exports of a page each, to find page frames that adjoin. */
#define SINGLES	(4 * PAGES)

#define CHUNK	(256 * KIB)

/* The order of the references is none that the guest's pages are in. */
static unsigned int place(unsigned int i)
{
	return i * 13 % PAGES;
}

/* Pages that the device does not see as the guest has just written them. */
static unsigned int stale(int im, uint64_t seed)
{
	unsigned int nr = 0;

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, seed);
	for (unsigned int i = 1; i < PAGES; i += PAGES / LOOKS) {
		uint64_t words[512];

		im_read(im, i, words);
		nr += words[3] != xg_pattern(seed, place(i) * PAGE + 24);
	}
	return nr;
}

/* What the segments are that the importer got. */
static void look_at_segments(int im, int dom, uint32_t id)
{
	struct xen_gpumem_export_query q = ex_state(dom, id);
	struct importer_state state = im_state(im);
	struct importer_segment s;
	uint64_t first = 0, sum = 0;

	CHECK_EQ(q.out_segments, state.segments);
	CHECK_EQ(q.out_static, 1);
	CHECK_EQ(state.copies, 0);
	for (s.index = 0; s.index < q.out_segments; s.index++) {
		OK(im_call(im, IMPORTER_SEGMENT, &s));
		CHECK(!(s.address % PAGE) && !(s.length % PAGE));
		/* Control: who looks at these alone would merge all of it. */
		if (!s.index)
			first = s.pfn;
		CHECK_EQ(s.pfn, first + sum / PAGE);
		sum += s.length;
	}
	CHECK_EQ(sum, LENGTH);
}

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

	OK(im_attach(im, one.fd, 0));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	OK(im_call(im, IMPORTER_SEGMENT, &s));
	OK(im_call(im, IMPORTER_DETACH, NULL));
	one.pfn = s.pfn;
	return one;
}

/*
 * Have the driver get page frames next that follow each other: see which it
 * has, and free PAGES of them from the last to the first, after all others.
 */
static void free_in_order(int im, int dom, const uint32_t *refs)
{
	struct single all[SINGLES];
	unsigned int run = 0;

	for (unsigned int i = 0; i < SINGLES; i++)
		all[i] = single_new(im, dom, refs[i % PAGES]);
	qsort(all, SINGLES, sizeof(all[0]), by_pfn);
	if (all[0].pfn == all[SINGLES - 1].pfn)
		xgt_skip("this kernel does not show pages to importers (DMABUF_DEBUG)");
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

static void segments(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), mixed[PAGES], id;
	int dom = ex_open(NULL, 0, 0, 0), im = im_open(), fd;
	struct importer_state state;
	unsigned int wrong;

	for (unsigned int i = 0; i < PAGES; i++)
		mixed[i] = refs[place(i)];
	free_in_order(im, dom, refs);
	fd = ex_make(dom, mixed, PAGES, 0, &id);
	OK(im_attach(im, fd, 0));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	CHECK_EQ(stale(im, 1), 0);
	look_at_segments(im, dom, id);

	OK(im_call(im, IMPORTER_MERGE, NULL));
	state = im_state(im);
	wrong = stale(im, 2);
	xgt_info("%u pages in %llu segments; merged: in %u, %u of them copies, %u of %u pages stale",
		 PAGES, ex_state(dom, id).out_segments, state.segments,
		 state.copies, wrong, LOOKS);
	/* Control: there was something to merge, and it was wrong to do so. */
	CHECK(state.segments < PAGES);
	if (xen_dom0_is_pv())
		CHECK(wrong > 0);
	else
		CHECK_EQ(wrong, 0);
}

/* --- of others -------------------------------------------------------------------- */

static uint64_t free_memory(void)
{
	unsigned long kib = 0;
	char line[200];
	FILE *f = fopen("/proc/meminfo", "re");

	CHECK(f != NULL);
	while (!kib && fgets(line, sizeof(line), f))
		sscanf(line, "MemFree: %lu kB", &kib);
	fclose(f);
	CHECK(kib > 0);
	return kib * KIB;
}

static int udmabuf_new(int memfd, uint64_t offset)
{
	static int node = -1;
	struct udmabuf_create create = {
		.memfd = memfd, .flags = UDMABUF_FLAGS_CLOEXEC,
		.offset = offset, .size = CHUNK,
	};
	int fd;

	if (node < 0)
		node = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (node < 0)
		xgt_skip("no udmabuf");
	fd = ioctl(node, UDMABUF_CREATE, &create);
	if (fd < 0)
		FAIL("UDMABUF_CREATE: %s", strerror(errno));
	return fd;
}

/*
 * Pages of a buffer with copies in it that are not as they were just written,
 * when the device looks.
 */
static unsigned int udmabuf_stale(int im, int memfd, uint64_t offset)
{
	unsigned int pages = CHUNK / PAGE, nr = 0;
	volatile uint64_t *p = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
				    MAP_SHARED, memfd, offset);

	CHECK(p != MAP_FAILED);
	fill(p, CHUNK, 1);
	for (unsigned int i = 0; i < pages; i += pages / 8) {
		uint64_t words[512];

		im_read(im, i, words);
		if (words[3] == xg_pattern(1, i * PAGE + 24))
			continue;
		/* What was there when it was mapped, and nothing else. */
		CHECK_EQ(words[3], 0);
		nr++;
	}
	munmap((void *)p, CHUNK);
	return nr;
}

/*
 * Ordinary memory whose frames do not adjoin is left behind by buffers for
 * devices that do not reach far.  Whether a memfd gets some of it is up to the
 * kernel: so this says what it finds.  That it is our own exporter which has
 * not the defect, the other test shows.
 */
static void udmabuf(void)
{
	uint64_t room = free_memory() / CHUNK * CHUNK, offset;
	unsigned long pieces = room / 2 / (2 * MIB);
	int im = im_open(), memfd, fd;
	unsigned int nr = 0;

	if (pieces > IMPORTER_PIECES)
		pieces = IMPORTER_PIECES;
	OK(im_call(im, IMPORTER_SCATTER, (void *)pieces));
	room = room * 6 / 10 / CHUNK * CHUNK;
	memfd = memfd_create("xgt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(!ftruncate(memfd, room) &&
	      !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	for (offset = 0; offset < room && !nr; offset += CHUNK) {
		fd = udmabuf_new(memfd, offset);
		OK(im_attach(im, fd, 0));
		OK(im_map(im, IMPORTER_BIDIRECTIONAL));
		if (im_state(im).copies)
			nr = udmabuf_stale(im, memfd, offset);
		OK(im_call(im, IMPORTER_DETACH, NULL));
		close(fd);
	}
	if (nr)
		xgt_info("udmabuf: the device sees %u of 8 pages as they were before", nr);
	else
		xgt_info("udmabuf: nothing merged that is not contiguous, in %llu MiB",
			 room / MIB);
	if (!xen_dom0_is_pv())
		CHECK_EQ(nr, 0);
}

static const struct xgt_test tests[] = {
	{ "E5-stale-segments", "E5", segments, XGT_GUEST, 0 },
	{ "E5-stale-udmabuf", "E5", udmabuf, 0, 0 },
};

XGT_MAIN(tests)
