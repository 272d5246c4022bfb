// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grants on Xen, by the library, and as the tool hands them out and shows them: a
 * guest maps what it was given by its own hypercalls.
 *
 * This program is also what the tool starts as a command that may grant, and
 * nothing else (--user).
 */
#include <signal.h>

#include "../lib/backing.h"
#include "us.h"

#define PAGES	16U
#define LENGTH	(PAGES * PAGE)
#define SELF	"/bin/xgt-userspace-xen-grant"
/* Where the guest maps: in no window. */
#define GPA	(XGT_WINDOW + 64 * MIB)

static const char *domid(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", xgt_guest.domid);
	return text;
}

/* May grant so many references; zero: any number. */
static int granter(uint32_t max)
{
	const struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_GRANT,
		.max_grants = max,
	};
	int node = xgm_node_open(), fd;

	CHECK(node >= 0);
	fd = xgm_domain_open(node, xgt_guest.domid, &l, NULL);
	close(node);
	if (fd < 0)
		FAIL("xgm_domain_open: %s", xgt_errname(-fd));
	return fd;
}

static uint64_t used(int fd)
{
	struct xgm_usage u;

	OK(xgm_usage_get(fd, &u, sizeof(u)));
	return u.grants.used;
}

/* What each side writes, the other one reads. */
static void agrees(volatile uint64_t *map, uint64_t seed)
{
	fill(map, LENGTH, seed);
	cmd_ok(0, XG_CMD_CHECK, GPA, LENGTH, seed);
	cmd_ok(1, XG_CMD_FILL, GPA, LENGTH, seed + 1);
	verify(map, LENGTH, seed + 1);
}

/* --- the calls ------------------------------------------------------------- */

static void calls(void)
{
	uint32_t refs[PAGES], id = 0, failed = 0, left = 0;
	const struct xgm_attempt release = {
		.call = XGM_CALL_GRANT_RELEASE, .count = PAGES - 1,
	};
	int dom = granter(0);
	struct backing b;
	struct guest_map m;

	backing_make(&b, &kind_udmabuf);
	/* Not from its beginning on: the second page is the first reference. */
	OK(xgm_grant(dom, b.fd, PAGE, PAGES, 0, refs, &id, &failed));
	CHECK(id);
	CHECK_EQ(failed, PAGES);
	CHECK_EQ(used(dom), PAGES);
	guest_must_map(&m, &xgt_box, GPA, refs, PAGES);
	agrees(b.map + PAGE / sizeof(*b.map), 1);

	guest_unmap_some(&m, 0, 1);
	ERR(xgm_grant_release(dom, id, 0, &left), EBUSY);
	CHECK_EQ(left, PAGES - 1);
	says(__LINE__, dom, release, EBUSY,
	     "references that the guest has mapped still: 15; the others have ended");
	left = 0;
	ERR(xgm_grant_release(dom, id, 200, &left), ETIMEDOUT);
	CHECK_EQ(left, PAGES - 1);
	ERR(xgm_grant_release(xgt_dom, id, 0, NULL), ENOENT);
	CHECK_EQ(guest_read(GPA + PAGE), xg_pattern(2, PAGE));

	guest_unmap(&m);
	OK(xgm_grant_release(dom, id, 0, &left));
	CHECK_EQ(left, 0);
	CHECK_EQ(used(dom), 0);
	ERR(xgm_grant_release(dom, id, 0, NULL), ENOENT);

	/* Nothing is wanted but the references; and the guest only reads. */
	OK(xgm_grant(dom, b.fd, 0, 1, XEN_GPUMEM_GRANT_READONLY, refs, NULL,
		     NULL));
	CHECK(guest_map(&m, &xgt_box, GPA, refs, 1, false));
	CHECK(!guest_map(&m, &xgt_box, GPA, refs, 1, true));
	CHECK_EQ(guest_read(GPA), b.map[0]);
	guest_unmap(&m);
	backing_end(&b);
}

/* --- words ----------------------------------------------------------------- */

/* The call fails so, and the reason is told with these words. */
static void fails(int line, int dom, struct xgm_attempt a, int err,
		  const char *what)
{
	static uint32_t refs[4 * PAGES];
	int ret;

	a.call = XGM_CALL_GRANT;
	ret = xgm_grant(dom, a.source, a.offset, a.count, a.flags, refs, NULL,
			&a.failed);
	if (ret != -err)
		FAIL("line %d: %s, not %s", line, ret < 0 ?
		     xgt_errname(-ret) : "no error", xgt_errname(err));
	says(line, dom, a, err, what);
}

#define FAILS(dom, err, what, ...) \
	fails(__LINE__, dom, (struct xgm_attempt){ __VA_ARGS__ }, err, what)

static void explained(void)
{
	int dom = granter(5), memfd = memfd_create("none", MFD_CLOEXEC), fd;
	struct backing b;
	uint32_t *shared;
	char what[80];

	backing_make(&b, &kind_udmabuf);
	FAILS(xgt_dom, EPERM, "this descriptor has not the right: grant",
	      .source = b.fd, .count = 1);
	snprintf(what, sizeof(what), "descriptor %d is no dma-buf's", memfd);
	FAILS(dom, EBADF, what, .source = memfd, .count = 1);
	snprintf(what, sizeof(what), "the buffer has 0x%llx bytes; 0x2000 were",
		 (unsigned long long)b.length);
	FAILS(dom, ERANGE, what, .source = b.fd, .count = 2,
	      .offset = b.length - PAGE);
	FAILS(dom, ENOSPC, "may have 5 grant references, has 0, and 6 more",
	      .source = b.fd, .count = 6);
	FAILS(dom, EINVAL, "the offset 0x8 is not a multiple of 4096",
	      .source = b.fd, .count = 1, .offset = 8);

	/* What a guest has granted to us is not ours to grant. */
	shared = guest_share(0, PAGES, true);
	fd = ex_make(ex_open(NULL, 0, 0, 0), shared, PAGES, 0, NULL);
	FAILS(dom, EREMOTEIO, "in system memory of this domain's own",
	      .source = fd, .count = 4);
	CHECK_EQ(used(dom), 0);
	close(fd);
	backing_end(&b);
}

/* --- what is shown --------------------------------------------------------- */

static const struct json *granted(void)
{
	return json_at(json_parse(tool(0, "list", "--json", domid()), NULL),
		       "grants");
}

static void looks(void)
{
	uint32_t refs[PAGES], id;
	int dom = granter(PAGES);
	const struct json *j;
	struct backing b;
	struct guest_map m;
	const char *text;
	char want[160];

	j = json_parse(tool(0, "status", "--json"), NULL);
	CHECK(json_bool(j, "module.grants"));
	has(tool(0, "status"), "\ngrant        dma-bufs that can be held");

	CHECK_EQ(json_length(granted(), ""), 0);
	backing_make(&b, &kind_udmabuf);
	OK(xgm_grant(dom, b.fd, 0, PAGES, XEN_GPUMEM_GRANT_READONLY, refs, &id,
		     NULL));
	CHECK(!guest_map(&m, &xgt_box, GPA, refs, PAGES, true));
	text = tool(0, "list", domid());
	snprintf(want, sizeof(want),
		 "as fd %d: may grant\n    16 of 16 grant references\n", dom);
	has(text, want);
	snprintf(want, sizeof(want),
		 ", as %u: 64K, read-only; 16 references left\n", id);
	has(text, want);
	j = granted();
	CHECK_EQ(json_length(j, ""), 1);
	CHECK_EQ(json_number(j, "0.domain"), xgt_guest.domid);
	CHECK_EQ(json_number(j, "0.grant"), id);
	CHECK_EQ(json_number(j, "0.bytes"), LENGTH);
	CHECK_EQ(json_number(j, "0.references"), PAGES);
	CHECK(json_bool(j, "0.readonly") && !json_bool(j, "0.ending"));

	/* Nobody's any more, and held all the same: by the guest. */
	guest_unmap_some(&m, 1, PAGES - 1);
	close(dom);
	EVENTUALLY(json_bool(granted(), "0.ending") &&
		   json_number(granted(), "0.references") == 1);
	text = tool(0, "list");
	has(text, "; 1 reference left, being taken back\n");
	has_not(text, "may grant");
	guest_unmap(&m);
	EVENTUALLY(!json_length(granted(), ""));
	backing_end(&b);
}

/* --- run ------------------------------------------------------------------- */

/* Descriptor 3 is a dma-buf: grants a page of it, and no more. */
static int user_main(void)
{
	int fd = xgm_domain_from_env(NULL);
	uint32_t refs[2], id, window;

	if (fd < 0 || xgm_node_open() != -EACCES)
		return 30;
	if (xgm_grant(fd, 3, PAGE, 1, 0, refs, &id, NULL))
		return 31;
	if (xgm_grant(fd, 3, 0, 1, 0, refs + 1, NULL, NULL) != -ENOSPC)
		return 32;
	if (xgm_window_add(fd, XEN_GPUMEM_PARKED, PAGE, XEN_GPUMEM_POLICY_MMIO,
			   &window) != -EPERM)
		return 33;
	printf("granted %u\n", refs[0]);
	fflush(stdout);
	pause();
	return 34;
}

static void run_user(void)
{
	struct program p;
	struct backing b;
	struct guest_map m;
	uint32_t ref;

	backing_make(&b, &kind_udmabuf);
	fill(b.map, b.length, 5);
	program_start_with(&p, (const char *const[]){
			TOOL, "run", "--user", "1000", "--rights", "grant",
			"--max-grants", "1", domid(), "--", SELF, "--user",
			NULL }, b.fd);
	program_says(&p, "granted ");
	CHECK_EQ(sscanf(program_out(&p), "granted %u\n", &ref), 1);
	guest_must_map(&m, &xgt_box, GPA, &ref, 1);
	CHECK_EQ(guest_read(GPA), xg_pattern(5, PAGE));

	/* Its death takes nothing from the guest; the rest happens by itself. */
	kill(p.pid, SIGKILL);
	CHECK_EQ(program_wait(&p), 128 + SIGKILL);
	program_close(&p);
	guest_write(GPA, 77);
	CHECK_EQ(b.map[PAGE / sizeof(*b.map)], 77);
	guest_unmap(&m);
	EVENTUALLY(!json_length(granted(), ""));
	CHECK(guest_map(&m, &xgt_box, GPA, &ref, 1, false));
	backing_end(&b);
}

static const struct xgt_test tests[] = {
	{ "U2-xen-grant", "U2,E10", calls, XGT_GUEST, 0 },
	{ "U6-xen-grant-explained", "U6,E10", explained, XGT_GUEST, 0 },
	{ "U4-xen-grant-list", "U4,E10", looks, XGT_GUEST, 0 },
	{ "U2-xen-grant-user", "U2,E7,E10,S1", run_user, XGT_GUEST, 0 },
};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--user"))
		return user_main();
	return xgt_main(argc, argv, tests, ARRAY_SIZE(tests));
}
