// SPDX-License-Identifier: GPL-2.0-only
/*
 * Export as far as it goes without a guest that has pages: the library's calls
 * and words for their errors, the tool's reading of what it is told, and what it
 * shows where there is nothing.  What is exported is seen in xen-export.c.
 */
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <sys/prctl.h>

#include "us.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define GRANTS	XEN_GPUMEM_RIGHT_EXPORT_GRANTS
#define FRAMES	XEN_GPUMEM_RIGHT_EXPORT_FRAMES
#define LEND	XEN_GPUMEM_RIGHT_LEND
#define LIMIT	"/sys/module/xen_gpumem/parameters/max_export_mib"

static const uint32_t refs[] = { 8, 9, 0x7f00, 11 };

static const struct xen_gpumem_frames frames[] = {
	{ .gpa = 0x1000000, .length = 4 * PAGE },
	{ .gpa = 0x2000000, .length = 2 * PAGE },
};

/* --- the calls ------------------------------------------------------------- */

static void refused(void)
{
	struct xgm_limits l = { .size = sizeof(l), .rights = GRANTS };
	uint32_t id = 77, failed = 0;
	int node;

	mock_begin(1);
	node = xgm_node_open();
	CHECK(node >= 0);
	/* Nothing to export, so no right to. */
	ERR(xgm_domain_open(node, MOCK_DOMID, &l, NULL), EOPNOTSUPP);
	l.rights = LEND | FRAMES;
	ERR(xgm_domain_open(node, MOCK_DOMID, &l, NULL), EOPNOTSUPP);
	ERR(xgm_export_grants(node, refs, 4, 0, NULL, NULL), ENOTTY);
	ERR(xgm_export_revoke(node, 1), ENOTTY);

	/* Who has not the right; no reference was the cause. */
	ERR(xgm_export_grants(xgt_dom, refs, 4, 0, &id, &failed), EPERM);
	CHECK(failed >= 4);
	failed = 0;
	ERR(xgm_export_frames(xgt_dom, frames, 2, 0, &id, &failed), EPERM);
	CHECK(failed >= 6);
	CHECK_EQ(id, 77);
	ERR(xgm_export_grants(xgt_dom, refs, 4, 0, NULL, NULL), EPERM);

	/* What is malformed is that for all. */
	ERR(xgm_export_grants(xgt_dom, refs, 0, 0, NULL, NULL), EINVAL);
	ERR(xgm_export_grants(xgt_dom, refs, 4, 1u << 20, NULL, NULL), EINVAL);
	ERR(xgm_export_frames(xgt_dom, frames, 0, 0, NULL, NULL), EINVAL);
	ERR(xgm_export_frames(xgt_dom, frames, XEN_GPUMEM_MAX_FRAMES + 1, 0,
			      NULL, NULL), EINVAL);
	mock_end();
}

static void questions(void)
{
	struct {
		struct xen_gpumem_export_query q;
		uint64_t more;
	} query;
	char text[64];

	mock_begin(1);
	ERR(xgm_export_revoke(xgt_dom, 1), ENOENT);
	ERR(xgm_export_query(xgt_dom, 1, &query.q, sizeof(query.q)), ENOENT);
	ERR(xgm_export_next(xgt_dom, 0, &query.q, sizeof(query.q)), ENOENT);
	ERR(xgm_export_query(999, 1, &query.q, sizeof(query.q)), EBADF);
	/* A longer one is for later kernels; what is too short is for none. */
	query.more = 1;
	ERR(xgm_export_query(xgt_dom, 1, &query.q, sizeof(query)), ENOENT);
	CHECK_EQ(query.more, 0);
	query.q.out_segments = 0x55;
	ERR(xgm_export_query(xgt_dom, 1, &query.q, sizeof(query.q) - 8),
	    EINVAL);
	CHECK_EQ(query.q.out_segments, 0x55);
	query.q.id = 0x66;
	ERR(xgm_export_query(xgt_dom, 1, &query.q, 8), EINVAL);
	CHECK_EQ(query.q.id, 0x66);

	xgm_features_format(XEN_GPUMEM_FEAT_EXPORT, text, sizeof(text));
	CHECK(!strcmp(text, "export"));
	xgm_export_flags_format(7, text, sizeof(text));
	CHECK(!strcmp(text, "readonly,cloexec,revocable"));
	xgm_export_state_format(7, text, sizeof(text));
	CHECK(!strcmp(text, "revoked,returned,0x4"));
	CHECK_EQ(xgm_export_state_format(0, text, sizeof(text)), 0);
	CHECK(!strcmp(xgm_errno_name(ENOBUFS), "ENOBUFS"));
	mock_end();
}

/* --- words ----------------------------------------------------------------- */

#define OF_GRANTS(...)	.call = XGM_CALL_EXPORT_GRANTS, .refs = refs, \
			.count = 4, __VA_ARGS__
#define OF_FRAMES(...)	.call = XGM_CALL_EXPORT_FRAMES, .frames = frames, \
			.count = 2, __VA_ARGS__

/* The one that was the cause is named, and what is wrong with it. */
static void names_page(void)
{
	mock_begin(1);
	SAYS(xgt_dom, ENXIO,
	     "grant reference 32512 (at index 2) is not granted to this domain",
	     OF_GRANTS(.failed = 2));
	SAYS(xgt_dom, EAGAIN, "grant reference 8 (at index 0) has been taken out",
	     OF_GRANTS(.failed = 0));
	/* No ranges: it can only be the grant itself.  Nobody writes: not it. */
	SAYS(xgt_dom, EACCES,
	     "grant reference 11 (at index 3) is granted for reading only: READONLY would do",
	     OF_GRANTS(.failed = 3));
	SAYS(xgt_dom, EACCES,
	     "grant reference 11 (at index 3) lies outside of the descriptor's ranges",
	     OF_GRANTS(.failed = 3, .flags = XEN_GPUMEM_EXPORT_READONLY));
	/* Without the descriptor it can be both. */
	SAYS(-1, EACCES, "ranges, or is granted for reading only",
	     OF_GRANTS(.failed = 3));
	/* Pages are counted through all of the ranges. */
	SAYS(xgt_dom, ENXIO,
	     "guest address 0x1003000 (page 3) is no RAM of the guest's",
	     OF_FRAMES(.failed = 3));
	SAYS(xgt_dom, ENXIO, "guest address 0x2000000 (page 4) is no RAM",
	     OF_FRAMES(.failed = 4));
	SAYS(xgt_dom, EACCES,
	     "guest address 0x2001000 (page 5) lies outside of the descriptor's ranges",
	     OF_FRAMES(.failed = 5));
	/* None was the cause, or it is not told: all that it can be. */
	SAYS(xgt_dom, ENXIO, xgm_strerror(XGM_CALL_EXPORT_FRAMES, ENXIO),
	     OF_FRAMES(.failed = 6));
	SAYS(xgt_dom, ENXIO, xgm_strerror(XGM_CALL_EXPORT_GRANTS, ENXIO),
	     OF_GRANTS(.failed = ~0u));
	SAYS(xgt_dom, ENXIO, xgm_strerror(XGM_CALL_EXPORT_GRANTS, ENXIO),
	     .call = XGM_CALL_EXPORT_GRANTS, .count = 4);
	mock_end();
}

static void other_causes(void)
{
	const struct xen_gpumem_frames odd[] = {
		frames[0], { .gpa = 0x1234000, .length = 5 },
	};
	const struct xgm_limits l = { .size = sizeof(l), .rights = LEND,
				      .max_exports = 3,
				      .max_export_bytes = 3 * PAGE };
	int fd;

	mock_begin(1);
	SAYS(xgt_dom, EINVAL, "no page was named",
	     .call = XGM_CALL_EXPORT_GRANTS);
	SAYS(xgt_dom, EINVAL, "unknown flags 0x100",
	     OF_GRANTS(.flags = 0x100 | XEN_GPUMEM_EXPORT_CLOEXEC));
	SAYS(xgt_dom, EINVAL, "65537 ranges, more than 65536",
	     .call = XGM_CALL_EXPORT_FRAMES,
	     .count = XEN_GPUMEM_MAX_FRAMES + 1);
	SAYS(xgt_dom, EINVAL, "range 1, 0x1234000+0x5, is empty, wraps",
	     .call = XGM_CALL_EXPORT_FRAMES, .frames = odd, .count = 2);
	SAYS(xgt_dom, EPERM, "this descriptor has not the right: export-grants",
	     OF_GRANTS());
	SAYS(xgt_dom, EPERM, "this descriptor has not the right: export-frames",
	     OF_FRAMES());
	SAYS(-1, EPERM, "or the hypervisor's policy forbids it", OF_FRAMES());

	/* Too much: for one, for this descriptor, for another one. */
	fd = xgm_domain_derive(xgt_dom, &l);
	CHECK(fd >= 0);
	SAYS(fd, ENOSPC, "may have 12288 bytes in exports, has 0, and 16384 more",
	     OF_GRANTS());
	SAYS(fd, ENOSPC, "may have 12288 bytes in exports, has 0, and 24576 more",
	     OF_FRAMES());
	SAYS(fd, ENOSPC, "that this one was derived from: exports, or bytes",
	     .call = XGM_CALL_EXPORT_GRANTS, .refs = refs, .count = 3);
	set_file(LIMIT, "1");
	SAYS(fd, ENOSPC, "an export may have 1 MiB: see the module's parameter max_export_mib",
	     .call = XGM_CALL_EXPORT_GRANTS, .refs = refs, .count = 257);
	set_file(LIMIT, "4096");

	SAYS(xgt_dom, ENOENT, "this descriptor has no export 9: another one made it",
	     .call = XGM_CALL_EXPORT_REVOKE, .id = 9);
	SAYS(xgt_dom, ENOENT, "no export after 9",
	     .call = XGM_CALL_EXPORT_QUERY, .id = 9,
	     .flags = XEN_GPUMEM_EXPORT_QUERY_NEXT);
	SAYS(xgt_dom, EBUSY, "cannot let go has it mapped: nothing was changed",
	     .call = XGM_CALL_EXPORT_REVOKE, .id = 9);
	/* Not as elsewhere: something may have changed. */
	SAYS(xgt_dom, EINTR, "before all had let go: call again",
	     .call = XGM_CALL_EXPORT_REVOKE, .id = 9);
	has(xgm_strerror(XGM_CALL_EXPORT_GRANTS, EINTR), "nothing was changed");
	has(xgm_strerror(XGM_CALL_EXPORT_FRAMES, ESRCH), "no new pages");
	has(xgm_strerror(XGM_CALL_EXPORT_GRANTS, ENOBUFS), "maptrack");
	mock_end();
}

/* --- the tool -------------------------------------------------------------- */

/* A file with a text in it; it is there until the test's process ends. */
static const char *file_of(const char *text)
{
	static char path[8][40];
	static unsigned int n;
	int fd = memfd_create("refs", 0);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) ==
	      (ssize_t)strlen(text));
	snprintf(path[++n % 8], sizeof(path[0]), "/proc/%d/fd/%d", getpid(),
		 fd);
	return path[n % 8];
}

static void bad_input(void)
{
	const char *good = file_of("8 9\n 10,11\n");

	mock_begin(1);
	REFUSES(2, "something is missing; it is called as: xen-gpumem export DOMID",
		"export");
	REFUSES(2, "something is missing", "export", "--refs", good);
	REFUSES(2, "'xl domid work'", "export", "work", "--refs", good);
	REFUSES(2, "pages are named by --refs, or by --frames", "export", "7");
	REFUSES(2, "pages are named by --refs, or by --frames", "export", "7",
		"--refs", good, "--frames", "16M+4K");
	REFUSES(2, "--refs can be given once", "export", "7", "--refs", good,
		"--refs", good);
	REFUSES(2, "a value is missing after --refs", "export", "7", "--refs");
	REFUSES(2, "no such option: --writable", "export", "7", "--writable");
	REFUSES(2, "what is '/bin/true'? A command comes after --", "export",
		"7", "--refs", good, "/bin/true");
	REFUSES(2, "a command is missing after --", "export", "7", "--refs",
		good, "--");
	REFUSES(2, "/nowhere: No such file", "export", "7", "-g", "/nowhere");
	REFUSES(2, "there is no grant reference in it", "export", "7", "-g",
		file_of(" \n,"));
	REFUSES(2, "with blanks between, not '9x'", "export", "7", "-g",
		file_of("8 9x"));
	REFUSES(2, "not '-1'", "export", "7", "-g", file_of("8 -1"));
	REFUSES(2, "not '4294967296'", "export", "7", "-g",
		file_of("4294967296"));
	/* What a file says does not get to the terminal as it is. */
	REFUSES(2, "not '?[2J'", "export", "7", "-g", file_of("8 \033[2J"));
	REFUSES(2, "ADDRESS+LENGTH", "export", "7", "-f", "16M");
	REFUSES(2, "multiples of 4096", "export", "7", "-f", "16M+4K,17M+1");
	REFUSES(2, "cannot both go to the output", "export", "7", "-g", good,
		"-o", "-", "--json");
	REFUSES(2, "/nowhere/out: No such file", "export", "7", "-g", good,
		"-o", "/nowhere/out");

	REFUSES(2, "is FIRST+COUNT, as 8+768, not '8'", "run", "7",
		"--ref-range", "8", "--", "/bin/true");
	REFUSES(2, "is FIRST+COUNT", "run", "7", "--ref-range",
		"4294967295+2", "--", "/bin/true");
	REFUSES(2, "ADDRESS+LENGTH", "run", "7", "--frame-range", "16M", "--",
		"/bin/true");
	REFUSES(2, "--max-exports is a number from 1", "run", "7",
		"--max-exports", "0", "--", "/bin/true");

	/* Well said, but there is nothing to be had. */
	REFUSES(1, "cannot export pages of domain 7: this driver knows the right, but cannot give it: export-grants (EOPNOTSUPP)",
		"export", "7", "--refs", good);
	REFUSES(1, "cannot give it: export-frames (EOPNOTSUPP)", "export",
		"--frames", "16M+4K,32M+8K", "-r", "7", "--", "/bin/true");
	REFUSES(1, "no descriptor for domain 7: this driver knows the right",
		"run", "7", "--rights", "lend,export-grants", "--ref-range",
		"8+2", "--", "/bin/true");
	mock_end();
}

static void status(void)
{
	const struct json *j;
	const char *text;

	text = tool(1, "status");
	has(text, "\nexport       no: the mock's guests have no pages of their own\n");
	fits(text);
	j = json_parse(tool(1, "status", "--json"), NULL);
	CHECK(!json_bool(j, "module.exports_grants"));
	CHECK(!json_bool(j, "module.exports_frames"));
}

/* A dma-buf, but not of a guest's pages. */
static int other_buffer(void)
{
	struct udmabuf_create create = { .size = SIZE };
	int memfd = memfd_create("pages", MFD_ALLOW_SEALING), fd, dev;

	CHECK(memfd >= 0 && !ftruncate(memfd, SIZE) &&
	      !fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		xgt_skip("no udmabuf");
	create.memfd = memfd;
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	CHECK(fd >= 0);
	close(dev);
	return fd;
}

static void list(void)
{
	const struct json *j;
	const char *text;
	int fd;

	mock_begin(1);
	fd = other_buffer();
	/* Its name is no proof of what it is. */
	CHECK(!ioctl(fd, DMA_BUF_SET_NAME, "x\nexp_name:\txen_gpumem"));
	/* Nor does a process write to root's terminal by its own. */
	CHECK(!prctl(PR_SET_NAME, "a\033[2Jb"));
	j = json_parse(tool(0, "list", "--json"), NULL);
	CHECK_EQ(json_length(j, "buffers"), 0);
	CHECK(!strcmp(json_string(j, "domains.0.holders.0.command"),
		      "a\033[2Jb"));
	CHECK_EQ(json_number(j, "domains.0.holders.0.exports.used"), 0);
	CHECK(json_is_null(j, "domains.0.holders.0.exports.limit"));
	CHECK_EQ(json_length(j, "domains.0.holders.0.exported"), 0);
	CHECK(!json_has(json_parse(tool(0, "list", "--json", "7"), NULL),
			"buffers"));
	text = tool(0, "list");
	has(text, "  held by a?[2Jb, process ");
	has_not(text, "\033");
	has_not(text, "dma-buf");
	/* Of what may not export nothing is said about exports. */
	has_not(text, "export");
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U2-export-refused", "U2,E7", refused, 0, 0 },
	{ "U2-export-questions", "U2,U1", questions, 0, 0 },
	{ "U6-explain-export-page", "U6", names_page, 0, 0 },
	{ "U6-explain-export", "U6", other_causes, 0, 0 },
	{ "U6-tool-export-bad-input", "U6,U2", bad_input, 0, 0 },
	{ "U4-tool-export-status", "U4", status, 0, 0 },
	{ "U4-tool-export-list", "U4", list, 0, 0 },
};

XGT_MAIN(tests)
