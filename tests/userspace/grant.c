// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grants as far as they go without a guest that maps them: the library's calls,
 * words for their errors, and what the tool makes of what it is told.  What is
 * granted is seen in xen-grant.c.
 */
#include "us.h"

#define GRANT	XEN_GPUMEM_RIGHT_GRANT
#define LEND	XEN_GPUMEM_RIGHT_LEND
#define LIMIT	"/sys/module/xen_gpumem/parameters/max_grants"

/* --- the calls ------------------------------------------------------------- */

static void refused(void)
{
	struct xgm_limits l = { .size = sizeof(l), .rights = GRANT };
	uint32_t refs[4] = { 0 }, id = 77, failed = 0, left = 5;
	int node, file = memfd_create("none", MFD_CLOEXEC);

	mock_begin(1);
	node = xgm_node_open();
	CHECK(node >= 0 && file >= 0);
	/* The mock has no grants, so no right to them. */
	ERR(xgm_domain_open(node, MOCK_DOMID, &l, NULL), EOPNOTSUPP);
	l.rights = LEND;
	l.pad = 1;
	ERR(xgm_domain_open(node, MOCK_DOMID, &l, NULL), EINVAL);
	ERR(xgm_grant(node, file, 0, 4, 0, refs, NULL, NULL), ENOTTY);
	ERR(xgm_grant_release(node, 1, 0, NULL), ENOTTY);

	/* Who has not the right; no page was the cause. */
	ERR(xgm_grant(xgt_dom, file, 0, 4, 0, refs, &id, &failed), EPERM);
	CHECK(failed >= 4);
	CHECK_EQ(id, 77);
	ERR(xgm_grant(xgt_dom, file, 0, 4, 0, refs, NULL, NULL), EPERM);

	/* What is malformed is that for all. */
	ERR(xgm_grant(xgt_dom, file, 0, 0, 0, refs, NULL, NULL), EINVAL);
	ERR(xgm_grant(xgt_dom, file, 8, 1, 0, refs, NULL, NULL), EINVAL);
	ERR(xgm_grant(xgt_dom, file, 0, 1, 2, refs, NULL, NULL), EINVAL);

	/* Nothing was looked at, so nothing is left. */
	ERR(xgm_grant_release(xgt_dom, 1, 0, &left), ENOENT);
	CHECK_EQ(left, 0);
	ERR(xgm_grant_release(xgt_dom, 1, XEN_GPUMEM_GRANT_MAX_WAIT_MS + 1,
			      NULL), EINVAL);
	ERR(xgm_grant_release(999, 1, 0, NULL), EBADF);
	mock_end();
}

/* --- words ----------------------------------------------------------------- */

#define OF_GRANT(...)	.call = XGM_CALL_GRANT, .source = file, __VA_ARGS__
#define OF_RELEASE(...)	.call = XGM_CALL_GRANT_RELEASE, .id = 9, __VA_ARGS__

static void causes(void)
{
	const struct xgm_limits l = { .size = sizeof(l), .rights = LEND,
				      .max_grants = 3 };
	int fd, file = memfd_create("none", MFD_CLOEXEC);
	char what[80];

	mock_begin(1);
	CHECK(file >= 0 && !ftruncate(file, 3 * PAGE));
	SAYS(xgt_dom, EINVAL, "no page was asked for", OF_GRANT());
	SAYS(xgt_dom, EINVAL, "unknown flags 0x2",
	     OF_GRANT(.count = 1, .flags = 3));
	SAYS(xgt_dom, EINVAL, "the offset 0x1008 is not a multiple of 4096",
	     OF_GRANT(.count = 1, .offset = 0x1008));
	SAYS(xgt_dom, EPERM, "this descriptor has not the right: grant",
	     OF_GRANT(.count = 1));
	SAYS(-1, EPERM, "or the hypervisor's policy has come to forbid it",
	     OF_GRANT(.count = 1));

	/* Which of the two descriptors it was. */
	snprintf(what, sizeof(what), "descriptor %d is no dma-buf's", file);
	SAYS(xgt_dom, EBADF, what, OF_GRANT(.count = 1));
	SAYS(xgt_dom, EBADF, "descriptor 999 is not open",
	     .call = XGM_CALL_GRANT, .source = 999, .count = 1);
	SAYS(998, EBADF, "descriptor 998 is not open", OF_GRANT(.count = 1));

	SAYS(xgt_dom, ERANGE,
	     "the buffer has 0x3000 bytes; 0x2000 were asked for, from 0x2000 on",
	     OF_GRANT(.count = 2, .offset = 0x2000));
	/* Counted from the beginning of the buffer, and of the references. */
	SAYS(xgt_dom, EREMOTEIO, "page 7 of the buffer (at index 2) is not in system memory",
	     OF_GRANT(.count = 4, .failed = 2, .offset = 5 * PAGE));
	SAYS(xgt_dom, EREMOTEIO, xgm_strerror(XGM_CALL_GRANT, EREMOTEIO),
	     OF_GRANT(.count = 4, .failed = 4));

	/* Too many: for this descriptor, for all together, for another one. */
	fd = xgm_domain_derive(xgt_dom, &l);
	CHECK(fd >= 0);
	SAYS(fd, ENOSPC, "may have 3 grant references, has 0, and 4 more",
	     OF_GRANT(.count = 4));
	SAYS(fd, ENOSPC, "that this one was derived from, or of all together",
	     OF_GRANT(.count = 3));
	set_file(LIMIT, "2");
	SAYS(fd, ENOSPC, "all descriptors together may have 2 grant references, and 3 were asked for",
	     OF_GRANT(.count = 3));
	set_file(LIMIT, "16384");

	SAYS(xgt_dom, ENOENT, "this descriptor has given no references of number 9",
	     OF_RELEASE());
	SAYS(xgt_dom, EINVAL, "60000 ms at most", OF_RELEASE());
	SAYS(xgt_dom, EBUSY, "references that the guest has mapped still: 1; the others have ended",
	     OF_RELEASE(.count = 1));
	SAYS(xgt_dom, ETIMEDOUT, "has mapped still: 4;",
	     OF_RELEASE(.count = 4));
	/* As where somebody else released the rest meanwhile. */
	SAYS(xgt_dom, EINTR, "before the guest had unmapped all",
	     OF_RELEASE());
	has(xgm_strerror(XGM_CALL_GRANT, ENOBUFS), "gnttab_max_frames");
	has(xgm_strerror(XGM_CALL_GRANT, EACCES), "READONLY would do");
	CHECK(!strcmp(xgm_errno_name(-EREMOTEIO), "EREMOTEIO"));
	mock_end();
}

/* --- the tool -------------------------------------------------------------- */

static void run(void)
{
	mock_begin(1);
	REFUSES(2, "rights are lend, remove, export-grants, export-frames and grant",
		"run", "7", "--rights", "grants", "--", "/bin/true");
	REFUSES(2, "--max-grants is a number from 1 to 4294967295", "run", "7",
		"--rights", "grant", "--max-grants", "0", "--", "/bin/true");
	REFUSES(1, "no descriptor for domain 7: this driver knows the right, but cannot give it: grant (EOPNOTSUPP)",
		"run", "7", "--rights", "lend,grant", "--max-grants", "5",
		"--", "/bin/true");
	mock_end();
}

static void looks(void)
{
	const struct xgm_limits l = { .size = sizeof(l), .rights = LEND,
				      .max_grants = 9 };
	const struct json *j;
	const char *text;
	int child;

	mock_begin(1);
	text = tool(1, "status");
	has(text, "\ngrant        no: the mock has no grants\n");
	fits(text);
	CHECK(!json_bool(json_parse(tool(1, "status", "--json"), NULL),
			 "module.grants"));

	child = xgm_domain_derive(xgt_dom, &l);
	CHECK(child >= 0);
	j = json_parse(tool(0, "list", "--json"), NULL);
	CHECK_EQ(json_length(j, "grants"), 0);
	CHECK_EQ(json_number(j, "domains.0.holders.0.grants.used"), 0);
	/* They come by number, and the child's may be the smaller one. */
	if (child < xgt_dom) {
		CHECK_EQ(json_number(j, "domains.0.holders.0.grants.limit"), 9);
		CHECK(json_is_null(j, "domains.0.holders.1.grants.limit"));
	} else {
		CHECK(json_is_null(j, "domains.0.holders.0.grants.limit"));
		CHECK_EQ(json_number(j, "domains.0.holders.1.grants.limit"), 9);
	}
	/* Of what may not grant nothing is said about grants. */
	has_not(tool(0, "list"), "grant");
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U2-grant-refused", "U2,E10,S1", refused, 0, 0 },
	{ "U6-grant-explained", "U6,U2", causes, 0, 0 },
	{ "U6-tool-grant-run", "U6,U2", run, 0, 0 },
	{ "U4-tool-grant-looks", "U4", looks, 0, 0 },
};

XGT_MAIN(tests)
