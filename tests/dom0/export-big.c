// SPDX-License-Identifier: GPL-2.0-only
/*
 * E8: 256 MiB in one call, scattered; what they cost, while they are there and
 * afterwards; and what is too large for the kernel.
 *
 * A guest under emulation has not that many pages to share: fewer, each many
 * times, in an order that has no runs.
 */
#include "importer.h"

#define PAGES	65536U
#define SHARED	1024U

/* Which of @shared pages is at a place: no two that follow each other adjoin. */
static unsigned int which(unsigned int i, unsigned int shared)
{
	return (i * 31 + i / shared) % shared;
}

/* References of @shared pages, as if they were @pages. */
static uint32_t *many_refs(uint32_t pages, uint32_t shared)
{
	uint32_t *refs = guest_share(0, shared, true);
	uint32_t *list = calloc(pages, sizeof(*list));

	CHECK(list != NULL);
	for (uint32_t i = 0; i < pages; i++)
		list[i] = refs[which(i, shared)];
	free(refs);
	return list;
}

static void big(void)
{
	uint32_t *list = many_refs(PAGES, SHARED);
	struct xen_gpumem_export_grants cmd;
	struct xen_gpumem_export_query q;
	int dom = ex_open(NULL, 0, 0, 0), fd;
	volatile uint64_t *p;
	double since;

	for (unsigned int i = 0; i < SHARED; i++)
		guest_write(XGT_SHARED(0) + i * PAGE, i + 1);
	since = xgt_now();
	fd = ex_grants(dom, list, PAGES, 0, &cmd);
	if (fd < 0)
		FAIL("export: %s (%u)", xgt_errname(-fd), cmd.out_failed);
	xgt_info("export of 256 MiB: %.0f ms", (xgt_now() - since) * 1000);
	p = map_shared(fd, PAGES * PAGE);
	for (unsigned int i = 0; i < PAGES; i++)
		CHECK_EQ(p[i * 512UL], which(i, SHARED) + 1);
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_pages, PAGES);
	since = xgt_now();
	OK(ex_revoke(dom, cmd.out_id));
	xgt_info("revocation of 256 MiB: %.0f ms", (xgt_now() - since) * 1000);
}

/* In bytes. */
static uint64_t meminfo(const char *what)
{
	unsigned long kib, found = 0;
	char line[200], name[64];
	FILE *f = fopen("/proc/meminfo", "re");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63[^:]: %lu", name, &kib) == 2 &&
		    !strcmp(name, what))
			found = kib * KIB;
	fclose(f);
	return found;
}

/* --- what the driver keeps ------------------------------------------------------- */

/* Of the kernel's memory: the caller's, and all that it has for itself. */
struct memory {
	uint64_t charged;
	uint64_t all;
};

static struct memory memory(void)
{
	struct memory m;

	/* Time for what is on its way, and for memcg_kernel() to be right. */
	xgt_sleep_ms(3000);
	m.charged = memcg_kernel();
	m.all = meminfo("SUnreclaim") + meminfo("VmallocUsed");
	return m;
}

struct weighed {
	int dom;
	uint32_t *list;
	struct xen_gpumem_frames frames[4];	/* PAGES together */
};

static int by_grants(const struct weighed *w)
{
	return ex_make(w->dom, w->list, PAGES, 0, NULL);
}

static int by_frames(const struct weighed *w)
{
	return ex_make_frames(w->dom, w->frames, ARRAY_SIZE(w->frames), 0,
			      NULL);
}

#define SLACK	(64 * KIB)	/* what does not depend on the pages, and noise */

/* Twice: what stays from the first time, page structures above all, is not ours. */
static void weigh(const struct weighed *w, const char *what,
		  int (*make)(const struct weighed *w))
{
	struct memory before, with;
	int64_t charged, all;
	int fd;

	close(make(w));
	before = memory();
	fd = make(w);
	with = memory();
	charged = with.charged - before.charged;
	all = with.all - before.all;
	xgt_info("%s: %.1f bytes for a page are the caller's, %.1f in all",
		 what, (double)charged / PAGES, (double)all / PAGES);
	CHECK(charged <= (int64_t)(PAGES * 16UL + SLACK));
	/* Others' memory is in this one. */
	CHECK(all <= (int64_t)(PAGES * 16UL + 8 * SLACK));
	/* Control: less than half a pointer for each cannot be. */
	CHECK(charged >= PAGES * 4L);
	close(fd);
	EVENTUALLY(memcg_kernel() < before.charged + PAGES * 2UL);
}

static void weigh_all(void *arg)
{
	struct weighed *w = arg;

	memcg_join();
	weigh(w, "grants", by_grants);
	weigh(w, "frames", by_frames);
}

static void bytes_per_page(void)
{
	struct weighed w = {
		.dom = ex_open(NULL, 0, 0, 0),
		.list = many_refs(PAGES, SHARED),
	};

	/* RAM of the guest's, whatever is there, more than once. */
	for (unsigned int i = 0; i < ARRAY_SIZE(w.frames); i++) {
		w.frames[i].gpa = 2 * MIB;
		w.frames[i].length = PAGES * PAGE / ARRAY_SIZE(w.frames);
	}
	memcg_begin();
	xgt_join(xgt_fork(weigh_all, &w));
}

/* --- what it keeps for the next one ------------------------------------------------ */

/* Struct pages without memory, and how many that may be. */
static void kept_pages(uint64_t *kept, uint64_t *most)
{
	FILE *f = fopen("/sys/kernel/debug/xen-gpumem/exports", "re");

	CHECK(f && fscanf(f, "pages %lu of %lu", kept, most) == 2);
	fclose(f);
}

/* What a large export had does not all stay with the driver. */
static void pages_kept(void)
{
	uint32_t *list = many_refs(PAGES, SHARED);
	int dom = ex_open(NULL, 0, 0, 0), fd;
	uint64_t kept, most;

	for (int i = 0; i < 2; i++) {
		fd = ex_make(dom, list, PAGES, 0, NULL);
		kept_pages(&kept, &most);
		CHECK_EQ(kept, 0);
		close(fd);
		kept_pages(&kept, &most);
		CHECK_EQ(kept, most);
	}
	CHECK(most <= PAGES / 4);
	/* Control: a small one takes of what is kept, and gives it back. */
	fd = ex_make(dom, list, 1000, 0, NULL);
	kept_pages(&kept, &most);
	CHECK_EQ(kept, most - 1000);
	close(fd);
	kept_pages(&kept, &most);
	CHECK_EQ(kept, most);
}

/* --- what the kernel does not map --------------------------------------------------- */

static unsigned long own_pages(void)
{
	return meminfo("MemTotal") / PAGE;
}

/* Has the kernel a mapping of it?  Zero or -errno. */
static int kernel_maps(int fd)
{
	int im = im_open(), ret;
	uint64_t word;

	OK(im_attach(im, fd, 0));
	ret = im_copy(im, IMPORTER_VMAP, 0, &word, sizeof(word),
		      IMPORTER_TO_DEVICE);
	close(im);
	return ret;
}

/*
 * Of more pages than there are, Linux makes no mapping for itself.  An exporter
 * that tries and fails is a bug to the DMA-buf core, which warns, whoever asked;
 * so there has to be nothing to try.
 */
static void too_large(void)
{
	const uint32_t shared = 2560;	/* each at most 127 times */
	uint32_t pages = own_pages() + 1, *list;
	int dom = ex_open(NULL, 0, 0, 0), fd;

	/* What Xen keeps track of for a domain by default, less what others have. */
	if (pages > 260000)
		xgt_skip("too much memory: %u pages", pages);
	list = many_refs(pages, shared);
	fd = ex_make(dom, list, pages, 0, NULL);
	ERR(kernel_maps(fd), EINVAL);
	/* Programs and devices have it. */
	guest_write(XGT_SHARED(0), 7);
	CHECK_EQ(*map_shared(fd, PAGE), 7);
	close(fd);
	/* Control: the kernel maps a small one. */
	OK(kernel_maps(ex_make(dom, list, 16, 0, NULL)));
}

static const struct xgt_test tests[] = {
	{ "E8-256-mib", "E8", big, XGT_GUEST, 600 },
	{ "E8-bytes-per-page", "E8,S4", bytes_per_page, XGT_GUEST, 600 },
	{ "E8-pages-kept", "E8", pages_kept, XGT_GUEST, 600 },
	{ "E3-vmap-too-large", "E3,E8", too_large, XGT_GUEST, 600 },
};

XGT_MAIN(tests)
