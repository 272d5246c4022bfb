// SPDX-License-Identifier: GPL-2.0-only
/*
 * E2, E5, E6: the guest's pages as dma-bufs, named by their addresses.
 *
 * The guest says where its pages are, and is not asked for more: the pages are
 * those of its gntalloc device only because their addresses are easy to find.
 */
#include <signal.h>

#include "importer.h"

#define PAGES	48U
#define LENGTH	(PAGES * PAGE)

/* One range of two pages, where two of the guest's adjoin. */
static void adjoining(int dom, const struct xen_gpumem_frames *frames,
		      uint64_t seed)
{
	struct xen_gpumem_frames two = { .length = 2 * PAGE };
	volatile uint64_t *p;

	for (unsigned int i = 0; i < PAGES; i++) {
		for (unsigned int j = 0; j < PAGES; j++) {
			if (frames[j].gpa != frames[i].gpa + PAGE)
				continue;
			two.gpa = frames[i].gpa;
			p = map_shared(ex_make_frames(dom, &two, 1, 0, NULL),
				       2 * PAGE);
			CHECK_EQ(p[5], xg_pattern(seed, i * PAGE + 40));
			CHECK_EQ(p[517], xg_pattern(seed, j * PAGE + 40));
			return;
		}
	}
	xgt_info("of %u pages of the guest no two adjoin", PAGES);
}

static void contents(void)
{
	struct xen_gpumem_export_query q;
	struct xen_gpumem_frames *frames;
	int dom = ex_open(NULL, 0, 0, 0), fd;
	volatile uint64_t *p;
	uint32_t id;

	guest_share(0, PAGES, true);
	frames = guest_frames(0, PAGES);
	fd = ex_make_frames(dom, frames, PAGES, 0, &id);
	p = map_shared(fd, LENGTH);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 2);
	OK(ex_query(dom, id, 0, &q));
	CHECK_EQ(q.out_pages, PAGES);
	adjoining(dom, frames, 2);
	OK(ex_revoke(dom, id));
	CHECK_EQ(touched(p), SIGBUS);
	/* Longer ranges, one after the other, that overlap. */
	frames[0].gpa = 2 * MIB;
	frames[0].length = 40 * PAGE;
	frames[1].gpa = 2 * MIB + 8 * PAGE;
	frames[1].length = 33 * PAGE;
	fd = ex_make_frames(dom, frames, 2, XEN_GPUMEM_EXPORT_READONLY, NULL);
	p = ex_map_read(fd, 73 * PAGE);
	CHECK(!memcmp((void *)(p + 8 * 512), (void *)(p + 40 * 512),
		      32 * PAGE));
	/* For reading only, though all of it can be written. */
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	      MAP_FAILED && errno == EACCES);
	CHECK(mprotect((void *)p, PAGE, PROT_READ | PROT_WRITE) &&
	      errno == EACCES);
}

static void device(void)
{
	int dom = ex_open(NULL, 0, 0, 0), im = im_open(), fd;
	uint64_t words[512];
	uint32_t id;

	guest_share(0, PAGES, true);
	fd = ex_make_frames(dom, guest_frames(0, PAGES), PAGES, 0, &id);
	OK(im_attach(im, fd, IMPORTER_DYNAMIC));
	OK(im_map(im, IMPORTER_BIDIRECTIONAL));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	for (unsigned int page = 0; page < PAGES; page += 9) {
		im_sees(im, page, 1);
		OK(im_copy(im, IMPORTER_VMAP, page * PAGE, words, PAGE,
			   IMPORTER_TO_DEVICE));
		CHECK_EQ(words[9], xg_pattern(1, page * PAGE + 72));
	}
	OK(ex_revoke(dom, id));
	OK(im_copy(im, IMPORTER_VMAP, 0, words, PAGE, IMPORTER_TO_DEVICE));
	CHECK_EQ(words[9], 0);
}

/*
 * So many pages that the kernel's addresses for them take several page tables:
 * each page is where it should be for a process and for the kernel.
 */
static void several_tables(void)
{
	static struct xen_gpumem_frames ranges[1200];
	const unsigned int nr = ARRAY_SIZE(ranges);
	int dom = ex_open(NULL, 0, 0, 0), im = im_open(), fd;
	struct xen_gpumem_frames *frames;
	uint64_t words[512], expected;
	volatile uint64_t *p;

	guest_share(0, PAGES, true);
	frames = guest_frames(0, PAGES);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	for (unsigned int i = 0; i < nr; i++)
		ranges[i] = frames[i * 29 % PAGES];
	fd = ex_make_frames(dom, ranges, nr, 0, NULL);
	p = map_shared(fd, nr * PAGE);
	OK(im_attach(im, fd, IMPORTER_DYNAMIC));
	for (unsigned int i = 0; i < nr; i++) {
		expected = xg_pattern(1, i * 29 % PAGES * PAGE + 72);
		CHECK_EQ(p[i * 512 + 9], expected);
		OK(im_copy(im, IMPORTER_VMAP, i * PAGE, words, PAGE,
			   IMPORTER_TO_DEVICE));
		CHECK_EQ(words[9], expected);
	}
}

/* Xen would let anybody with privilege write: the driver alone says no. */
static void read_only_device(void)
{
	int dom = ex_open(NULL, 0, 0, 0), im = im_open(), fd;
	uint64_t words[512];

	guest_share(0, PAGES, true);
	fd = ex_make_frames(dom, guest_frames(0, PAGES), PAGES,
			    XEN_GPUMEM_EXPORT_READONLY, NULL);
	OK(im_attach(im, fd, IMPORTER_DYNAMIC));
	ERR(im_map(im, IMPORTER_BIDIRECTIONAL), EACCES);
	ERR(im_map(im, IMPORTER_FROM_DEVICE), EACCES);
	ERR(im_copy(im, IMPORTER_VMAP, 0, words, PAGE, IMPORTER_FROM_DEVICE),
	    EINVAL);
	/* Control: for reading it can be mapped, and is there. */
	OK(im_map(im, IMPORTER_TO_DEVICE));
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	im_sees(im, PAGES - 1, 1);
}

static void refusals(void)
{
	struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_EXPORT_FRAMES, .length = PAGE,
	};
	struct xen_gpumem_frames *frames, bad = { .length = PAGE };
	struct xen_gpumem_export_frames cmd;
	int dom = ex_open(NULL, 0, 0, 0);

	guest_share(0, PAGES, true);
	frames = guest_frames(0, PAGES);
	/* Nothing there; something lent; past the end of everything. */
	frames[37].gpa = XGT_WINDOW + 64 * MIB;
	ERR(ex_frames(dom, frames, PAGES, 0, &cmd), ENXIO);
	CHECK_EQ(cmd.out_failed, 37);
	frames[37].gpa = XG_ARENA_BASE;
	ERR(ex_frames(dom, frames, PAGES, 0, &cmd), ENXIO);
	CHECK_EQ(cmd.out_failed, 37);
	/* With a bit that no address has.  Without, it is a page of the guest's. */
	for (unsigned int bit = 50; bit < 64; bit++) {
		frames[37].gpa = frames[36].gpa | 1ULL << bit;
		ERR(ex_frames(dom, frames, PAGES, 0, &cmd), ENXIO);
		CHECK_EQ(cmd.out_failed, 37);
	}
	frames[37].gpa = frames[36].gpa;
	close(ex_make_frames(dom, frames, PAGES, 0, NULL));

	ERR(ex_frames(dom, &bad, 0, 0, NULL), EINVAL);
	ERR(ex_frames(dom, &bad, XEN_GPUMEM_MAX_FRAMES + 1, 0, NULL), EINVAL);
	ERR(ex_frames(dom, (void *)8, 1, 0, NULL), EFAULT);
	bad.gpa = 1;
	ERR(ex_frames(dom, &bad, 1, 0, NULL), EINVAL);
	bad.gpa = 0;
	bad.length = 0;
	ERR(ex_frames(dom, &bad, 1, 0, NULL), EINVAL);
	bad.length = 1ULL << 51;
	ERR(ex_frames(dom, &bad, 1, 0, NULL), ENOSPC);
	ERR(ex_frames(xgt_dom, frames, 1, 0, NULL), EPERM);
	/* One that may export one page only. */
	range.first = frames[3].gpa;
	dom = ex_open(&range, 1, 0, 0);
	ERR(ex_frames(dom, frames, PAGES, 0, &cmd), EACCES);
	CHECK_EQ(cmd.out_failed, 0);
	close(ex_make_frames(dom, frames + 3, 1, 0, NULL));
}

/*
 * The guest's balloon takes pages away, and later there are others in their
 * place.  (The toolstack does both for it: to Xen it is the same.)
 */
static void ballooned(void)
{
	int dom = ex_open(NULL, 0, 0, 0), domid = xgt_guest.domid, fd;
	struct xen_gpumem_frames *frames;
	volatile uint64_t *p;
	uint32_t id;

	guest_share(0, PAGES, true);
	frames = guest_frames(0, PAGES);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	fd = ex_make_frames(dom, frames, PAGES, 0, &id);
	p = map_shared(fd, LENGTH);
	verify(p, LENGTH / 2, 1);
	for (unsigned int i = 0; i < PAGES; i += 5)
		CHECK_EQ(xen_depopulate(domid, frames[i].gpa / PAGE), 1);
	/* What is mapped here already, and what comes in now. */
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	for (unsigned int i = 0; i < PAGES; i += 5)
		CHECK_EQ(xen_populate(domid, frames[i].gpa / PAGE), 1);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 3);
	for (unsigned int i = 0; i < PAGES; i++)
		CHECK_EQ(p[i * 512 + 7],
			 xg_pattern(i % 5 ? 3 : 2, i * PAGE + 56));
	/* Control: who asks now gets what is there now. */
	verify(map_shared(ex_make_frames(dom, frames, PAGES, 0, NULL), LENGTH),
	       LENGTH, 3);
	OK(ex_revoke(dom, id));
	CHECK_EQ(touched(p), SIGBUS);
}

static void guest_dies(void)
{
	int dom = ex_open(NULL, 0, 0, 0), fd;
	struct xen_gpumem_frames *frames;
	volatile uint64_t *p;

	guest_share(0, PAGES, true);
	frames = guest_frames(0, PAGES);
	fd = ex_make_frames(dom, frames, PAGES, 0, NULL);
	p = map_shared(fd, LENGTH);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH / 2, 1);
	guest_destroy(&xgt_guest);
	verify(p, LENGTH, 1);
	/* We keep what is left of it, which has no memory behind its addresses. */
	ERR(ex_frames(dom, frames, PAGES, 0, NULL), ENXIO);
	close(fd);
	munmap((void *)p, LENGTH);
	EVENTUALLY(ex_frames(dom, frames, PAGES, 0, NULL) == -ESRCH);
}

static const struct xgt_test tests[] = {
	{ "E2-contents", "E2,E5,E9", contents, XGT_GUEST, 0 },
	{ "E2-several-tables", "E2,E3,E8", several_tables, XGT_GUEST, 0 },
	{ "E2-device", "E2,E3,E5", device, XGT_GUEST, 0 },
	{ "E9-read-only-frames", "E2,E9", read_only_device, XGT_GUEST, 0 },
	{ "E2-refusals", "E2,S1,L6", refusals, XGT_GUEST, 0 },
	{ "E6-frames-ballooned", "E2,E6", ballooned, XGT_GUEST, 0 },
	{ "E6-frames-guest-dies", "E2,E6", guest_dies,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
