// SPDX-License-Identifier: GPL-2.0-only
/*
 * Export on Xen, by the library and as the tool's looking commands show it: a
 * guest's pages as dma-bufs, the words for what cannot be, who has what.  What
 * the tool's own exports are for is in xen-export-run.c.
 *
 * What status and list print here is kept in the run's folder, out/.
 */
#include <signal.h>

#include <linux/dma-buf.h>

#include "../../drivers/xen-gpumem/tests/importer-uapi.h"

#include "us.h"

#define PAGES	32U
#define LENGTH	(PAGES * PAGE)
#define GRANTS	XEN_GPUMEM_RIGHT_EXPORT_GRANTS
#define FRAMES	XEN_GPUMEM_RIGHT_EXPORT_FRAMES
#define LIMIT	"/sys/module/xen_gpumem/parameters/max_export_mib"

static int open_guest(const struct xgm_limits *limits)
{
	int node = xgm_node_open(), fd;

	CHECK(node >= 0);
	fd = xgm_domain_open(node, xgt_guest.domid, limits, NULL);
	close(node);
	if (fd < 0)
		FAIL("xgm_domain_open: %s", xgt_errname(-fd));
	return fd;
}

/* May export whatever the guest has. */
static int exporter(void)
{
	const struct xgm_limits l = {
		.size = sizeof(l), .rights = GRANTS | FRAMES,
	};

	return open_guest(&l);
}

/* What is in the dma-buf is what the guest has, both ways. */
static void shares(volatile uint64_t *p, uint64_t seed)
{
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, seed);
	verify(p, LENGTH, seed);
	fill(p, LENGTH, seed + 1);
	cmd_ok(1, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, seed + 1);
}

/* --- the calls ------------------------------------------------------------- */

/* From its making to its end, however it was made. */
static void life(int dom, int fd, uint32_t id, uint32_t failed)
{
	struct xen_gpumem_export_query q;
	struct xgm_usage u;
	volatile uint64_t *p;

	if (fd < 0)
		FAIL("no export: %s (%u)", xgt_errname(-fd), failed);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), LENGTH);
	CHECK_EQ(failed, PAGES);
	p = map_shared(fd, LENGTH);
	shares(p, 10 * id);
	OK(xgm_export_query(dom, id, &q, sizeof(q)));
	CHECK_EQ(q.id, id);
	CHECK_EQ(q.out_pages, PAGES);
	CHECK_EQ(q.out_mmaps, 1);
	CHECK_EQ(q.out_state, 0);
	CHECK_EQ(q.out_flags, XEN_GPUMEM_EXPORT_CLOEXEC);
	OK(xgm_export_next(dom, 0, &q, sizeof(q)));
	CHECK_EQ(q.id, id);
	ERR(xgm_export_next(dom, id, &q, sizeof(q)), ENOENT);
	OK(xgm_usage_get(dom, &u, sizeof(u)));
	CHECK_EQ(u.exports.used, 1);
	CHECK_EQ(u.export_bytes.used, LENGTH);

	ERR(xgm_export_revoke(dom, id + 1), ENOENT);
	ERR(xgm_export_revoke(xgt_dom, id), ENOENT);
	OK(xgm_export_revoke(dom, id));
	CHECK_EQ(touched(p), SIGBUS);
	OK(xgm_export_query(dom, id, &q, sizeof(q)));
	CHECK_EQ(q.out_state, XEN_GPUMEM_EXPORT_REVOKED |
			      XEN_GPUMEM_EXPORT_RETURNED);
	OK(xgm_usage_get(dom, &u, sizeof(u)));
	CHECK_EQ(u.exports.used, 0);
	munmap((void *)p, LENGTH);
	close(fd);
	ERR(xgm_export_query(dom, id, &q, sizeof(q)), ENOENT);
}

static void by_grants(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id = 0, failed = 0;
	int dom = exporter(), fd;

	fd = xgm_export_grants(dom, refs, PAGES, 0, &id, &failed);
	life(dom, fd, id, failed);
	/* Nothing is wanted but the dma-buf. */
	fd = xgm_export_grants(dom, refs, 1, XEN_GPUMEM_EXPORT_READONLY, NULL,
			       NULL);
	CHECK(fd >= 0);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	      MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
}

static void by_frames(void)
{
	uint32_t id = 0, failed = 0;
	struct xen_gpumem_frames *frames;
	int dom = exporter(), fd;

	guest_share(0, PAGES, true);
	frames = guest_frames(0, PAGES);
	fd = xgm_export_frames(dom, frames, PAGES, 0, &id, &failed);
	life(dom, fd, id, failed);
}

/* --- words ----------------------------------------------------------------- */

static void fails(int line, int fd, struct xgm_attempt a, int ret, int err,
		  const char *what)
{
	if (ret != -err)
		FAIL("line %d: %s, not %s", line, ret < 0 ?
		     xgt_errname(-ret) : "no error", xgt_errname(err));
	says(line, fd, a, err, what);
}

/* The call fails so, and the reason is told with these words. */
#define GRANTS_SAY(fd, refs_, count_, flags_, err, what) do {		\
	struct xgm_attempt __a = {					\
		.call = XGM_CALL_EXPORT_GRANTS, .refs = refs_,		\
		.count = count_, .flags = flags_,			\
	};								\
	int __ret = xgm_export_grants(fd, refs_, count_, flags_, NULL,	\
				      &__a.failed);			\
									\
	fails(__LINE__, fd, __a, __ret, err, what);			\
} while (0)

#define FRAMES_SAY(fd, frames_, count_, err, what) do {			\
	struct xgm_attempt __a = {					\
		.call = XGM_CALL_EXPORT_FRAMES, .frames = frames_,	\
		.count = count_,					\
	};								\
	int __ret = xgm_export_frames(fd, frames_, count_, 0, NULL,	\
				      &__a.failed);			\
									\
	fails(__LINE__, fd, __a, __ret, err, what);			\
} while (0)

static void explained(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	uint32_t *readonly = guest_share(1, 4, false);
	const struct xen_gpumem_range range = {
		.right = GRANTS, .first = refs[3], .length = 1,
	};
	struct xgm_limits l = {
		.size = sizeof(l), .rights = GRANTS, .ranges = &range,
		.nr_ranges = 1,
	};
	int dom = exporter(), less;
	char what[120];

	GRANTS_SAY(xgt_dom, refs, PAGES, 0, EPERM,
		   "this descriptor has not the right: export-grants");
	/* One reference among good ones. */
	refs[7] = 0x7f00;
	GRANTS_SAY(dom, refs, PAGES, 0, ENXIO,
		   "grant reference 32512 (at index 7) is not granted to this domain");
	snprintf(what, sizeof(what),
		 "grant reference %u (at index 0) is granted for reading only: READONLY would do",
		 readonly[0]);
	GRANTS_SAY(dom, readonly, 4, 0, EACCES, what);
	less = open_guest(&l);
	snprintf(what, sizeof(what),
		 "grant reference %u (at index 0) lies outside of the descriptor's ranges",
		 refs[0]);
	GRANTS_SAY(less, refs, 2, XEN_GPUMEM_EXPORT_READONLY, EACCES, what);

	l = (struct xgm_limits){
		.size = sizeof(l), .rights = GRANTS, .max_exports = 1,
		.max_export_bytes = 4 * PAGE,
	};
	less = open_guest(&l);
	GRANTS_SAY(less, refs, 5, 0, ENOSPC,
		   "may have 16384 bytes in exports, has 0, and 20480 more");
	CHECK(xgm_export_grants(less, refs, 1, 0, NULL, NULL) >= 0);
	GRANTS_SAY(less, refs, 1, 0, ENOSPC,
		   "may have 1 export, has 1, and 1 more");
	set_file(LIMIT, "1");
	GRANTS_SAY(dom, refs, 257, 0, ENOSPC, "an export may have 1 MiB");
	set_file(LIMIT, "4096");
}

static void explained_frames(void)
{
	struct xen_gpumem_frames frames[] = {
		{ .gpa = 16 * MIB, .length = 2 * PAGE },
		{ .gpa = XGT_WINDOW + 64 * MIB, .length = PAGE },
	};
	char what[120];

	snprintf(what, sizeof(what), "guest address 0x%llx (page 2) is no RAM",
		 (unsigned long long)frames[1].gpa);
	FRAMES_SAY(exporter(), frames, 2, ENXIO, what);
	FRAMES_SAY(xgt_dom, frames, 2, EPERM,
		   "this descriptor has not the right: export-frames");
}

/* An importer that cannot let go, and one that could and does not. */
static void explained_revoke(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = exporter(), fd, im;
	struct importer_attach a = { .flags = 0 };
	struct xgm_attempt attempt = { .call = XGM_CALL_EXPORT_REVOKE };

	im = open("/dev/xen-gpumem-importer", O_RDWR | O_CLOEXEC);
	if (im < 0)
		xgt_skip("no test importer");
	fd = xgm_export_grants(dom, refs, PAGES, 0, &id, NULL);
	CHECK(fd >= 0);
	attempt.id = id;
	a.fd = fd;
	CHECK(!ioctl(im, IMPORTER_ATTACH, &a));
	CHECK(!ioctl(im, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL));
	fails(__LINE__, dom, attempt, xgm_export_revoke(dom, id), EBUSY,
	      "nothing was changed: importers that cannot let go have mappings for DMA (1)");
	CHECK(!ioctl(im, IMPORTER_UNMAP));
	CHECK(!ioctl(im, IMPORTER_DETACH));

	a.flags = IMPORTER_DYNAMIC | IMPORTER_STUBBORN;
	CHECK(!ioctl(im, IMPORTER_ATTACH, &a));
	CHECK(!ioctl(im, IMPORTER_MAP, IMPORTER_BIDIRECTIONAL));
	fails(__LINE__, dom, attempt, xgm_export_revoke(dom, id), ETIMEDOUT,
	      "mappings for DMA (1) and of the kernel's (0) are not gone yet, but no new use is possible");
	CHECK(!ioctl(im, IMPORTER_UNMAP));
	OK(xgm_export_revoke(dom, id));
}

/* --- what is shown --------------------------------------------------------- */

static void status(void)
{
	const struct json *j;
	const char *text;

	text = tool(0, "status");
	has(text, ",export");
	has(text, "\nexport       by grants");
	has(text, "by frames");
	fits(text);
	keep("status-export.txt", text);
	j = json_parse(tool(0, "status", "--json"), NULL);
	CHECK(json_bool(j, "module.exports_grants"));
	CHECK(json_bool(j, "module.exports_frames"));
}

/* A guest's pages in two dma-bufs, one of them to be revoked. */
struct scene {
	uint32_t surface, cursor;
	int dom, fd;
};

static struct scene scene_begin(void)
{
	const struct xgm_limits l = {
		.size = sizeof(l), .rights = GRANTS, .max_exports = 4,
	};
	uint32_t *refs = guest_share(0, PAGES, true);
	struct scene s = { .dom = open_guest(&l) };
	int cursor;

	s.fd = xgm_export_grants(s.dom, refs, PAGES, 0, &s.surface, NULL);
	cursor = xgm_export_grants(s.dom, refs, 4, XEN_GPUMEM_EXPORT_READONLY |
				   XEN_GPUMEM_EXPORT_REVOCABLE, &s.cursor,
				   NULL);
	CHECK(s.fd >= 0 && cursor >= 0);
	CHECK(!ioctl(s.fd, DMA_BUF_SET_NAME, "a surface\033[2J"));
	(void)*map_shared(s.fd, 3 * PAGE);
	OK(xgm_export_revoke(s.dom, s.cursor));
	return s;
}

/* What `list` says of one of our descriptors. */
static const struct json *holder_of(const struct json *j, int fd)
{
	const struct json *d;
	char path[80];

	for (unsigned int i = 0; i < json_length(j, "domains"); i++) {
		snprintf(path, sizeof(path), "domains.%u", i);
		d = json_at(j, path);
		for (unsigned int k = 0; k < json_length(d, "holders"); k++) {
			snprintf(path, sizeof(path), "holders.%u", k);
			if (json_number(json_at(d, path), "fd") == fd &&
			    json_number(json_at(d, path), "pid") == getpid())
				return json_at(d, path);
		}
	}
	FAIL("nobody holds descriptor %d", fd);
}

/* The buffer of that size: it has no other name that can be trusted. */
static const struct json *buffer_of(const struct json *j, uint64_t bytes)
{
	char path[40];

	for (unsigned int i = 0; i < json_length(j, "buffers"); i++) {
		snprintf(path, sizeof(path), "buffers.%u", i);
		if (json_number(json_at(j, path), "bytes") == bytes)
			return json_at(j, path);
	}
	FAIL("no dma-buf of %lu bytes", bytes);
}

static void list_json(void)
{
	struct scene s = scene_begin();
	const struct json *j, *h, *b;

	j = json_parse(tool(0, "list", "--json"), NULL);
	h = holder_of(j, s.dom);
	CHECK(!strcmp(json_string(h, "rights"), "export-grants"));
	CHECK_EQ(json_number(h, "exports.used"), 1);
	CHECK_EQ(json_number(h, "exports.limit"), 4);
	CHECK_EQ(json_number(h, "export_bytes.used"), LENGTH);
	CHECK(json_is_null(h, "export_bytes.limit"));
	CHECK_EQ(json_length(h, "exported"), 2);
	CHECK_EQ(json_number(h, "exported.0.export"), s.surface);
	CHECK_EQ(json_number(h, "exported.0.bytes"), LENGTH);
	CHECK(!json_bool(h, "exported.0.readonly"));
	CHECK(!json_bool(h, "exported.0.revoked"));
	CHECK_EQ(json_number(h, "exported.0.mmaps"), 1);
	CHECK_EQ(json_number(h, "exported.0.devices"), 0);
	CHECK_EQ(json_number(h, "exported.1.export"), s.cursor);
	CHECK(json_bool(h, "exported.1.readonly"));
	CHECK(json_bool(h, "exported.1.revocable"));
	CHECK(json_bool(h, "exported.1.revoked"));
	CHECK(json_bool(h, "exported.1.returned"));
	/* Who lends has none. */
	CHECK_EQ(json_length(holder_of(j, xgt_dom), "exported"), 0);

	CHECK_EQ(json_length(j, "buffers"), 2);
	b = buffer_of(j, LENGTH);
	CHECK(!strcmp(json_string(b, "name"), "a surface\033[2J"));
	CHECK_EQ(json_length(b, "users"), 2);
	CHECK_EQ(json_number(b, "users.0.pid"), getpid());
	CHECK_EQ(json_number(b, "users.0.fd"), s.fd);
	CHECK_EQ(json_number(b, "users.1.pid"), getpid());
	CHECK(json_is_null(b, "users.1.fd"));
	CHECK_EQ(json_number(b, "users.1.mapped_bytes"), 3 * PAGE);
	CHECK_EQ(json_length(buffer_of(j, 4 * PAGE), "users"), 1);

	/* They outlive the descriptor, and are found without it. */
	close(s.dom);
	j = json_parse(tool(0, "list", "--json"), NULL);
	CHECK_EQ(json_length(buffer_of(j, LENGTH), "users"), 2);
	/* Of a mapping alone nobody can say what it is. */
	close(s.fd);
	j = json_parse(tool(0, "list", "--json"), NULL);
	CHECK_EQ(json_length(j, "buffers"), 1);
}

static void list(void)
{
	struct scene s = scene_begin();
	const char *text;
	char want[120];

	text = tool(0, "list");
	snprintf(want, sizeof(want), "as fd %d: may export-grants\n    1 of 4 exports, 128K in them\n    export %u: 128K; devices 0, mappings for DMA 0, mmaps 1\n",
		 s.dom, s.surface);
	has(text, want);
	snprintf(want, sizeof(want), "    export %u: 16K, read-only, revocable; devices 0, mappings for DMA 0, mmaps 0; revoked, the guest has it\n",
		 s.cursor);
	has(text, want);
	has(text, " of a guest's pages, 128K, named 'a surface?[2J'\n  held by xgt-userspace-x, process ");
	snprintf(want, sizeof(want), ", process %d, as fd %d\n", getpid(),
		 s.fd);
	has(text, want);
	snprintf(want, sizeof(want), "  mapped by xgt-userspace-x, process %d: 12K\n",
		 getpid());
	has(text, want);
	has_not(text, "\033");
	keep("list-export.txt", text);
	snprintf(want, sizeof(want), "%d", xgt_guest.domid);
	has_not(tool(0, "list", want), "dma-buf");
}

static const struct xgt_test tests[] = {
	{ "U2-xen-export-grants", "U2,E1", by_grants, XGT_GUEST, 0 },
	{ "U2-xen-export-frames", "U2,E2", by_frames, XGT_GUEST, 0 },
	{ "U6-xen-explain-export", "U6,E9", explained, XGT_GUEST, 0 },
	{ "U6-xen-explain-frames", "U6,E2", explained_frames, XGT_GUEST, 0 },
	{ "U6-xen-explain-revoke", "U6,E4", explained_revoke, XGT_GUEST, 0 },
	{ "U4-xen-export-status", "U4,E5", status, 0, 0 },
	{ "U4-xen-export-list", "U4", list, XGT_GUEST, 0 },
	{ "U4-xen-export-list-json", "U4,U2", list_json, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
