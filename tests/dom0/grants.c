// SPDX-License-Identifier: GPL-2.0-only
/*
 * E10: grant references for dma-bufs of the host's.
 *
 * The guest maps them by its own hypercalls, and both sides compare what they
 * see.  Most buffers are the test exporter's: it can tell who has them pinned,
 * and fills their pages with something else once nobody has.  So whatever lets
 * go too early is seen in the guest.
 */
#include <linux/dma-heap.h>

#include "backing.h"
#include "exporter.h"

#define PAGES	64U
#define LENGTH	(PAGES * PAGE)
/* Where the guest maps: in no window. */
#define GPA	(XGT_WINDOW + 64 * MIB)
#define OTHER	(GPA + 16 * MIB)

#define MAX_GRANTS	"/sys/module/xen_gpumem/parameters/max_grants"

/* Nobody is on the way: all of it, or nothing. */
static bool held(int fd)
{
	struct exporter_state s = buf_state(fd);

	if (s.attached != s.mapped || s.attached != s.pinned)
		FAIL("attached %u, mapped %u, pinned %u times", s.attached,
		     s.mapped, s.pinned);
	return s.attached;
}

/* --- guests that map ------------------------------------------------------ */

static void must_not_map(const uint32_t *refs, uint32_t count)
{
	struct guest_map m;

	for (uint32_t i = 0; i < count; i++)
		if (!guest_map(&m, &xgt_box, OTHER, refs + i, 1, true))
			FAIL("the guest can map reference %u of %u", i, count);
}

/* What each side writes, the other one reads. */
static void agrees(volatile uint64_t *map, uint64_t gpa, uint64_t length,
		   uint64_t seed)
{
	fill(map, length, seed);
	cmd_ok(0, XG_CMD_CHECK, gpa, length, seed);
	cmd_ok(1, XG_CMD_FILL, gpa, length, seed + 1);
	verify(map, length, seed + 1);
}

/* --- contents ------------------------------------------------------------- */

static void shares(int fd, volatile uint64_t *map)
{
	int dom = gr_open(0);
	uint32_t refs[PAGES], id;
	struct guest_map m;

	id = gr_all(dom, fd, PAGES, 0, refs);
	CHECK_EQ(gr_used(dom), PAGES);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	agrees(map, GPA, LENGTH, 1);
	guest_unmap(&m);
	/* What is there no more reads as nothing: it was the buffer indeed. */
	CHECK_EQ(guest_read(GPA), ~0ULL);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	agrees(map, GPA, LENGTH, 3);
	guest_unmap(&m);
	OK(gr_release(dom, id, 0, NULL));
	CHECK_EQ(gr_used(dom), 0);
	must_not_map(refs, PAGES);
	verify(map, LENGTH, 4);
	close(dom);
}

static void kind(void)
{
	static const struct {
		const char *test;
		const struct backing_kind *kind;
	} kinds[] = {
		{ "E10-udmabuf", &kind_udmabuf },
		{ "E10-vgem", &kind_prime },
		{ "E10-dma-heap", &kind_heap },
	};
	struct backing b;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].test, xgt_running->name))
			continue;
		backing_make(&b, kinds[i].kind);
		CHECK_EQ(b.length, LENGTH);
		shares(b.fd, b.map);
		backing_end(&b);
		return;
	}
	FAIL("no kind for this test");
}

/* Pages that follow each other for Linux need not do so in the machine. */
static void blocks(void)
{
	static const enum exporter_kind kinds[] = {
		EXPORTER_PAGES, EXPORTER_BLOCKS,
	};
	int dom = gr_open(0);
	uint32_t refs[PAGES], id;
	struct guest_map m;

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = buf_new(kinds[i], PAGES);
		volatile uint64_t *map = map_shared(fd, LENGTH);

		CHECK(!held(fd));
		id = gr_all(dom, fd, PAGES, 0, refs);
		CHECK(held(fd));
		guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
		agrees(map, GPA, LENGTH, 1);
		guest_unmap(&m);
		CHECK(held(fd));
		OK(gr_release(dom, id, 0, NULL));
		CHECK(!held(fd));
		/* Control: then it is the exporter's to use. */
		verify_word(map, LENGTH, 0xdbdbdbdbdbdbdbdb);
		munmap((void *)map, LENGTH);
		close(fd);
	}
	EVENTUALLY(buf_count() == 0);
}

/* A part of a buffer, and nothing beside it. */
static void part(void)
{
	int dom = gr_open(0), fd = buf_new(EXPORTER_BLOCKS, PAGES);
	volatile uint64_t *map = map_shared(fd, LENGTH);
	uint32_t refs[PAGES];
	struct xen_gpumem_grant cmd;
	struct guest_map m;
	static const struct {
		uint32_t first, count;
	} parts[] = {
		{ 0, 1 }, { 1, 1 }, { 13, 40 }, { PAGES - 1, 1 },
		{ 16, 16 }, { 0, PAGES },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t offset = parts[i].first * PAGE;
		uint64_t length = parts[i].count * PAGE;

		OK(gr_grant(dom, fd, offset, parts[i].count, 0, refs, &cmd));
		CHECK_EQ(gr_used(dom), parts[i].count);
		guest_must_map(&m, &xgt_box, GPA, refs, parts[i].count);
		fill_word(map, LENGTH, 0x4711);
		agrees(map + offset / 8, GPA, length, i + 1);
		verify_word(map, offset, 0x4711);
		verify_word(map + (offset + length) / 8,
			    LENGTH - offset - length, 0x4711);
		guest_unmap(&m);
		OK(gr_release(dom, cmd.out_id, 0, NULL));
	}
	for (unsigned int i = 0; i < 3; i++)
		ERR(gr_grant(dom, fd, (PAGES - i) * PAGE, i + 1, 0, refs,
			     NULL), ERANGE);
	CHECK(!held(fd));
	CHECK_EQ(gr_used(dom), 0);
}

/* --- what may be written -------------------------------------------------- */

static void read_only(void)
{
	struct dma_heap_allocation_data data = {
		.len = LENGTH, .fd_flags = O_RDONLY | O_CLOEXEC,
	};
	int dom = gr_open(0), fd = buf_new(EXPORTER_PAGES, PAGES);
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	volatile uint64_t *map = map_shared(fd, LENGTH);
	uint32_t refs[PAGES], id;
	struct guest_map m;

	id = gr_all(dom, fd, PAGES, XEN_GPUMEM_GRANT_READONLY, refs);
	CHECK(guest_map(&m, &xgt_box, GPA, refs, PAGES, false) != 0);
	CHECK_EQ(guest_map(&m, &xgt_box, GPA, refs, PAGES, true), 0);
	fill(map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, GPA, LENGTH, 1);
	/* Dropped or an exception, as Xen likes; but never done. */
	for (unsigned int i = 0; i < PAGES; i += 21)
		cmd_run(1, XG_CMD_WRITE, GPA + i * PAGE, 8, 0x666);
	verify(map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, GPA, LENGTH, 1);
	guest_unmap(&m);
	OK(gr_release(dom, id, 0, NULL));

	/* Control: written through references that allow it. */
	id = gr_all(dom, fd, PAGES, 0, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	cmd_ok(1, XG_CMD_WRITE, GPA, 8, 0x666);
	CHECK_EQ(map[0], 0x666);
	guest_unmap(&m);
	OK(gr_release(dom, id, 0, NULL));

	/* A buffer that its holder must not write, neither may the guest. */
	if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		FAIL("no buffer of the system's heap: %s", strerror(errno));
	ERR(gr_grant(dom, data.fd, 0, PAGES, 0, refs, NULL), EACCES);
	CHECK_EQ(gr_used(dom), 0);
	id = gr_all(dom, data.fd, PAGES, XEN_GPUMEM_GRANT_READONLY, refs);
	CHECK_EQ(guest_map(&m, &xgt_box, GPA, refs, PAGES, true), 0);
	CHECK_EQ(guest_read(GPA), 0);
	guest_unmap(&m);
	OK(gr_release(dom, id, 0, NULL));
}

/* --- what cannot be granted ----------------------------------------------- */

static void refused(int dom, int fd, uint32_t failed)
{
	struct xen_gpumem_grant cmd;
	uint32_t refs[PAGES];

	for (uint32_t flags = 0; flags <= XEN_GPUMEM_GRANT_READONLY; flags++) {
		ERR(gr_grant(dom, fd, 0, PAGES, flags, refs, &cmd), EREMOTEIO);
		CHECK_EQ(cmd.out_failed, failed);
		CHECK_EQ(gr_used(dom), 0);
	}
	CHECK_EQ(gr_left(xgt_guest.domid), 0);
}

static void refusals(void)
{
	static const struct {
		enum exporter_kind kind;
		uint32_t failed;
	} kinds[] = {
		{ EXPORTER_SHORT, PAGES / 2 },
		{ EXPORTER_SHIFTED, 0 },
		{ EXPORTER_HOLLOW, 0 },
		{ EXPORTER_BARE, 0 },
	};
	static const int errors[] = { ENODEV, EINVAL, ENOSYS, EOPNOTSUPP };
	struct exporter_new args = { .pages = PAGES };
	int dom = gr_open(0), fd;
	uint64_t start, end;

	qxl_bar(&start, &end);
	if (!start)
		xgt_skip("no device whose memory could be granted");
	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		args.kind = kinds[i].kind;
		args.address = start;
		fd = buf_make(&args);
		refused(dom, fd, kinds[i].failed);
		CHECK(!held(fd));
		close(fd);
	}
	args.kind = EXPORTER_PAGES;
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(errors); i++) {
		args.map_error = i & 1 ? -errors[i / 2] : 0;
		args.pin_error = i & 1 ? 0 : -errors[i / 2];
		fd = buf_make(&args);
		refused(dom, fd, PAGES);
		close(fd);
	}
	/* What has nothing to do with the buffer keeps its name. */
	args.pin_error = 0;
	args.map_error = -ENOMEM;
	fd = buf_make(&args);
	ERR(gr_grant(dom, fd, 0, PAGES, 0, (uint32_t[PAGES]){ }, NULL), ENOMEM);
	close(fd);
	EVENTUALLY(buf_count() == 0);
}

/* Video memory, of a driver that cannot put it elsewhere. */
static void vram(void)
{
	int card = qxl_open(), dom = gr_open(0), fd;
	struct qxl_bo bo;

	qxl_new(card, &bo, LENGTH);
	fill(bo.map, LENGTH, 1);
	fd = drm_prime_fd(card, bo.handle);
	refused(dom, fd, PAGES);
	verify(bo.map, LENGTH, 1);
	close(fd);
	qxl_free(card, &bo);
}

/* The guest's own pages must not be given to it, or to anybody, again. */
static void second_hand(void)
{
	struct xen_gpumem_frames frames = { .gpa = 2 * MIB, .length = LENGTH };
	int exports = ex_open(NULL, 0, 0, 0), dom = gr_open(0), fd;

	for (uint32_t flags = 0; flags <= XEN_GPUMEM_EXPORT_REVOCABLE;
	     flags += XEN_GPUMEM_EXPORT_REVOCABLE) {
		fd = ex_frames(exports, &frames, 1, flags, NULL);
		if (fd < 0)
			FAIL("export of frames: %s", xgt_errname(-fd));
		ERR(gr_grant(dom, fd, 0, PAGES, 0, (uint32_t[PAGES]){ }, NULL),
		    EREMOTEIO);
		CHECK_EQ(gr_used(dom), 0);
		close(fd);
	}
}

/* --- limits --------------------------------------------------------------- */

static void limits(void)
{
	struct xen_gpumem_derive d = {
		.rights = XEN_GPUMEM_RIGHT_GRANT, .max_grants = 5,
	};
	int dom = gr_open(8), fd = buf_new(EXPORTER_PAGES, PAGES), child;
	uint32_t refs[PAGES], a, b;
	struct xen_gpumem_grant cmd;

	ERR(gr_grant(dom, fd, 0, 9, 0, refs, NULL), ENOSPC);
	OK(gr_grant(dom, fd, 0, 8, 0, refs, &cmd));
	ERR(gr_grant(dom, fd, 0, 1, 0, refs, NULL), ENOSPC);
	OK(gr_release(dom, cmd.out_id, 0, NULL));
	OK(gr_grant(dom, fd, 0, 5, 0, refs, &cmd));
	a = cmd.out_id;
	ERR(gr_grant(dom, fd, 0, 4, 0, refs, NULL), ENOSPC);
	OK(gr_grant(dom, fd, 0, 3, 0, refs, &cmd));
	b = cmd.out_id;
	CHECK(a != b);
	OK(gr_release(dom, a, 0, NULL));
	CHECK_EQ(gr_used(dom), 3);

	/* One that was derived: its own limit, and that of the one above. */
	child = gm_derive(dom, &d);
	CHECK(child >= 0);
	ERR(gr_grant(child, fd, 0, 6, 0, refs, NULL), ENOSPC);
	OK(gr_grant(child, fd, 0, 5, 0, refs, &cmd));
	CHECK_EQ(gr_used(dom), 8);
	ERR(gr_grant(dom, fd, 0, 1, 0, refs, NULL), ENOSPC);
	/* Ids are one fd's, not another's: the parent let go of its first. */
	CHECK_EQ(cmd.out_id, 1);
	ERR(gr_release(dom, cmd.out_id, 0, NULL), ENOENT);
	ERR(gr_release(child, b, 0, NULL), ENOENT);
	CHECK_EQ(gr_used(child), 5);
	close(child);
	CHECK_EQ(gr_used(dom), 3);
	OK(gr_release(dom, b, 0, NULL));
}

/* What all fds may have together. */
static void common_limit(void)
{
	int one = gr_open(0), other = gr_open(0), ret[4];
	int fd = buf_new(EXPORTER_PAGES, PAGES);
	unsigned long old = knob_get(MAX_GRANTS);
	struct xen_gpumem_grant cmd;
	uint32_t refs[PAGES];
	char text[32];

	snprintf(text, sizeof(text), "%lu", old);
	knob_set(MAX_GRANTS, "10");
	ret[0] = gr_grant(one, fd, 0, 6, 0, refs, &cmd);
	ret[1] = gr_grant(other, fd, 0, 5, 0, refs, NULL);
	ret[2] = gr_grant(other, fd, 0, 4, 0, refs, NULL);
	knob_set(MAX_GRANTS, "0");
	ret[3] = gr_grant(other, fd, 0, 1, 0, refs, NULL);
	/* Before anything is said: it is the limit of the next test, too. */
	knob_set(MAX_GRANTS, text);
	OK(ret[0]);
	ERR(ret[1], ENOSPC);
	OK(ret[2]);
	ERR(ret[3], ENOSPC);
	CHECK_EQ(gr_used(other), 4);
	OK(gr_grant(other, fd, 0, 5, 0, refs, NULL));
	close(other);
	OK(gr_release(one, cmd.out_id, 0, NULL));
}

/* This domain's grant table has an end: what does not fit leaves nothing. */
static void table_full(void)
{
	const uint32_t many = 4096;
	struct exporter_new args = { .kind = EXPORTER_BLOCKS, .pages = many };
	int dom = gr_open(0), fd = buf_make(&args), ret = 0;
	uint32_t *refs = calloc(many, sizeof(*refs)), n;
	unsigned long old = knob_get(MAX_GRANTS);
	struct xen_gpumem_grant cmd;
	char text[32];

	knob_set(MAX_GRANTS, "1000000");
	for (n = 0; n < 100 && !ret; n++)
		ret = gr_grant(dom, fd, 0, many, 0, refs, &cmd);
	snprintf(text, sizeof(text), "%lu", old);
	knob_set(MAX_GRANTS, text);
	ERR(ret, ENOBUFS);
	CHECK_EQ(cmd.out_failed, many);
	CHECK(n > 1);
	CHECK_EQ(gr_used(dom), (n - 1) * many);
	CHECK_EQ(gr_left(xgt_guest.domid), (n - 1) * many);
	xgt_info("%u references, and then the table was full", (n - 1) * many);
	/* Control: there is room again. */
	close(dom);
	dom = gr_open(0);
	OK(gr_grant(dom, fd, 0, many, 0, refs, NULL));
}

/* --- calls that fail half way --------------------------------------------- */

static void rolled_back(void)
{
	const uint32_t many = 512, told = 64;
	struct exporter_new args = { .kind = EXPORTER_BLOCKS, .pages = many };
	int dom = gr_open(many), fd = buf_make(&args);
	char *end = (char *)map_anon(2 * PAGE) + PAGE;
	uint32_t *refs = (uint32_t *)end - told, saved[told];
	struct xen_gpumem_grant cmd;

	/* The first ones are told, the others cannot be. */
	CHECK(!munmap(end, PAGE));
	ERR(gr_grant(dom, fd, 0, many, 0, refs, &cmd), EFAULT);
	memcpy(saved, refs, sizeof(saved));
	CHECK(saved[0] != 0 && saved[told - 1] != 0);
	CHECK_EQ(gr_used(dom), 0);
	CHECK_EQ(gr_left(xgt_guest.domid), 0);
	CHECK(!held(fd));
	must_not_map(saved, told);
	/* Control: all of the limit is there. */
	refs = calloc(many, sizeof(*refs));
	OK(gr_grant(dom, fd, 0, many, 0, refs, NULL));
}

/* What its maker was not told of is nobody's. */
static void untold(void)
{
	struct xen_gpumem_grant *cmd = (void *)map_anon(PAGE);
	int dom = gr_open(PAGES), fd = buf_new(EXPORTER_PAGES, PAGES);
	uint32_t refs[PAGES];

	cmd->size = sizeof(*cmd);
	cmd->fd = fd;
	cmd->count = PAGES;
	cmd->refs = (uintptr_t)refs;
	CHECK(!mprotect(cmd, PAGE, PROT_READ));
	CHECK(ioctl(dom, XEN_GPUMEM_GRANT, cmd) < 0 && errno == EFAULT);
	CHECK_EQ(gr_used(dom), 0);
	CHECK(!held(fd));
	must_not_map(refs, PAGES);
	OK(gr_grant(dom, fd, 0, PAGES, 0, refs, NULL));
}

/* --- who may -------------------------------------------------------------- */

/* References are for the guest that the fd is for. */
static void other_guest(void)
{
	struct xen_gpumem_open_domain lend = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int dom = gr_open(0), fd = buf_new(EXPORTER_PAGES, PAGES), theirs;
	struct xgt_guest other = { .domid = -1 };
	uint32_t refs[PAGES], id;
	struct xgt_mailbox box;
	struct guest_map m;

	if (!guest_start(&other, "other", 1, NULL))
		FAIL("the other guest did not start");
	theirs = gm_open_domain(other.domid, &lend);
	CHECK(theirs >= 0);
	box_open(&box, theirs, 1);
	id = gr_all(dom, fd, PAGES, 0, refs);
	for (uint32_t i = 0; i < PAGES; i += 7)
		if (!guest_map(&m, &box, GPA, refs + i, 1, true))
			FAIL("another guest can map reference %u", i);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	guest_unmap(&m);
	/* Control: those that are for it. */
	lend = (struct xen_gpumem_open_domain){
		.rights = XEN_GPUMEM_RIGHT_GRANT,
	};
	dom = gm_open_domain(other.domid, &lend);
	CHECK(dom >= 0);
	id = gr_all(dom, fd, PAGES, 0, refs);
	CHECK_EQ(guest_map(&m, &box, GPA, refs, PAGES, false), 0);
	must_not_map(refs, 8);
	guest_unmap(&m);
	OK(gr_release(dom, id, 0, NULL));
	box_close(&box);
	guest_destroy(&other);
}

static void as_user(void *arg)
{
	int *fds = arg;
	volatile uint64_t *map = map_shared(fds[1], LENGTH);
	uint32_t refs[PAGES], id;
	struct guest_map m;

	ERR(gm_node(), EACCES);
	id = gr_all(fds[0], fds[1], PAGES, 0, refs);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	agrees(map, GPA, LENGTH, 1);
	guest_unmap(&m);
	OK(gr_release(fds[0], id, 1000, NULL));
}

static void unprivileged(void)
{
	int fds[2] = { gr_open(0), buf_new(EXPORTER_PAGES, PAGES) };

	xgt_join(xgt_fork_user(as_user, fds));
}

static const struct xgt_test tests[] = {
	{ "E10-udmabuf", "E10", kind, XGT_GUEST, 0 },
	{ "E10-vgem", "E10", kind, XGT_GUEST, 0 },
	{ "E10-dma-heap", "E10", kind, XGT_GUEST, 0 },
	{ "E10-blocks", "E10,E5", blocks, XGT_GUEST, 0 },
	{ "E10-part", "E10", part, XGT_GUEST, 0 },
	{ "E10-read-only", "E10,E9", read_only, XGT_GUEST, 0 },
	{ "E10-refused", "E10,U6", refusals, XGT_GUEST, 0 },
	{ "E10-vram-refused", "E10,U6", vram, XGT_GUEST | XGT_QXL, 0 },
	{ "E10-second-hand-refused", "E10,U6", second_hand, XGT_GUEST, 0 },
	{ "E10-limits", "E10,L19,S4", limits, XGT_GUEST, 0 },
	{ "E10-common-limit", "E10,L19", common_limit, XGT_GUEST, 0 },
	{ "E10-table-full", "E10,L19", table_full, XGT_GUEST, 300 },
	{ "E10-rolled-back", "E10", rolled_back, XGT_GUEST, 0 },
	{ "U6-grant-untold", "U6,E10", untold, XGT_GUEST, 0 },
	{ "E10-other-guest", "E10", other_guest, XGT_GUEST, 300 },
	{ "E10-unprivileged", "E10,E7", unprivileged, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
