// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem export calls
 * Description: The calls about exports, called rightly and wrongly; what the
 *              holder of a domain fd may export, how much of it, and what it is
 *              told
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: uapi
 * Test category: functionality test
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_args.h"
#include "igt_xen_gpumem_export.h"

IGT_TEST_DESCRIPTION("Calls, rights, ranges and limits of exports");

#define PAGES	16U
#define SIZE	(PAGES * GPUMEM_PAGE)
#define AT	GPUMEM_SHARED(0)
#define BAD_ID	0x7fffffffU

#define EXPORT_GRANTS	XEN_GPUMEM_RIGHT_EXPORT_GRANTS
#define EXPORT_FRAMES	XEN_GPUMEM_RIGHT_EXPORT_FRAMES
#define READONLY	XEN_GPUMEM_EXPORT_READONLY
#define NEXT		XEN_GPUMEM_EXPORT_QUERY_NEXT

/* Pages that the guest shares, and how they are named. */
struct shared {
	int lend;		/* a fd that may lend only */
	int dom;		/* and one that may export */
	uint32_t refs[PAGES];
	struct xen_gpumem_frames frames[PAGES];
};

static void share(struct shared *g, bool writable)
{
	g->lend = gpumem_begin();
	gpumem_guest_share(0, PAGES, writable);
	gpumem_guest_fill(AT, SIZE, 1);
	gpumem_guest_refs(0, g->refs, PAGES);
	gpumem_guest_frames(0, g->frames, PAGES);
	g->dom = gpumem_export_fd();
}

/* A dma-buf that must hold what the guest wrote. */
static void good(int fd)
{
	void *p;

	igt_assert_f(fd >= 0, "%s\n", strerror(-fd));
	p = gpumem_map(fd, SIZE, PROT_READ);
	gpumem_check(p, SIZE, 1);
	munmap(p, SIZE);
	close(fd);
}

/* Nothing that was refused has kept anything, and what is right goes well. */
static void done(struct shared *g, const struct gpumem_source *s)
{
	struct xen_gpumem_export_query q;

	gpumem_assert(__gpumem_export_query(g->dom, 0, NEXT, &q), -ENOENT);
	good(gpumem_export_area(g->dom, s, 0, PAGES, 0, NULL));
	gpumem_guest_check(AT, SIZE, 1);
	close(g->dom);
	gpumem_guest_has_all();
	gpumem_end();
}

/* --- called wrongly ------------------------------------------------------- */

#define OFFSET(type, field)	offsetof(struct xen_gpumem_export_##type, field)
#define ALL			0xffffffffU

static void bad_grants(void)
{
	static const struct gpumem_zero zero[] = {
		{ OFFSET(grants, flags), ~7U },
		{ OFFSET(grants, __reserved), ALL },
		{ }
	};
	struct xen_gpumem_export_grants arg = { .size = sizeof(arg) }, a;
	const unsigned long nr = XEN_GPUMEM_EXPORT_GRANTS;
	struct shared g;

	share(&g, true);
	arg.refs = (uintptr_t)g.refs;
	arg.count = PAGES;
	gpumem_args_wrong(g.dom, nr, &arg, sizeof(arg), zero);
	a = arg;
	a.count = 0;
	gpumem_assert(gpumem_call(g.dom, nr, &a), -EINVAL);
	a = arg;
	a.refs = 8;
	gpumem_assert(gpumem_call(g.dom, nr, &a), -EFAULT);
	a.refs = 1ULL << 63;
	gpumem_assert(gpumem_call(g.dom, nr, &a), -EFAULT);
	/* Larger than any: not looked at. */
	for (a.count = ~0U; a.count >> 28; a.count /= 2)
		gpumem_assert(gpumem_call(g.dom, nr, &a), -ENOSPC);
	/* Whole, it is refused for what is in it. */
	g.refs[PAGES / 2] = BAD_ID;
	gpumem_args_pointers(g.dom, nr, &arg, sizeof(arg));
	done(&g, GPUMEM_GRANTS);
}

static void bad_frames(void)
{
	static const struct gpumem_zero zero[] = {
		{ OFFSET(frames, flags), ~7U },
		{ OFFSET(frames, __reserved), ALL },
		{ }
	};
	static const struct xen_gpumem_frames malformed[] = {
		{ .gpa = 1, .length = GPUMEM_PAGE },
		{ .gpa = 0, .length = GPUMEM_PAGE + 1 },
		{ .gpa = 0, .length = 0 },
		{ .gpa = -GPUMEM_PAGE, .length = 2 * GPUMEM_PAGE },
	};
	struct xen_gpumem_export_frames arg = { .size = sizeof(arg) }, a;
	const unsigned long nr = XEN_GPUMEM_EXPORT_FRAMES;
	struct shared g;

	share(&g, true);
	arg.ranges = (uintptr_t)g.frames;
	arg.nr_ranges = PAGES;
	gpumem_args_wrong(g.dom, nr, &arg, sizeof(arg), zero);
	a = arg;
	a.nr_ranges = 0;
	gpumem_assert(gpumem_call(g.dom, nr, &a), -EINVAL);
	a.nr_ranges = XEN_GPUMEM_MAX_FRAMES + 1;
	gpumem_assert(gpumem_call(g.dom, nr, &a), -EINVAL);
	a = arg;
	a.ranges = 8;
	gpumem_assert(gpumem_call(g.dom, nr, &a), -EFAULT);
	for (unsigned int i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct xen_gpumem_frames was = g.frames[PAGES - 1];

		g.frames[PAGES - 1] = malformed[i];
		gpumem_assert(gpumem_call(g.dom, nr, &arg), -EINVAL);
		g.frames[PAGES - 1] = was;
	}
	g.frames[PAGES / 2].length = 1ULL << 50;
	gpumem_assert(gpumem_call(g.dom, nr, &arg), -ENOSPC);
	g.frames[PAGES / 2].length = GPUMEM_PAGE;
	g.frames[PAGES / 2].gpa = GPUMEM_ARENA;
	gpumem_args_pointers(g.dom, nr, &arg, sizeof(arg));
	done(&g, GPUMEM_FRAMES);
}

static void bad_revoke(void)
{
	static const struct gpumem_zero none[] = { { } };
	struct xen_gpumem_export_revoke arg = { .size = sizeof(arg) };
	struct shared g;
	int fd;

	share(&g, true);
	fd = gpumem_export_area(g.dom, GPUMEM_GRANTS, 0, PAGES, 0, &arg.id);
	gpumem_args_wrong(g.dom, XEN_GPUMEM_EXPORT_REVOKE, &arg, sizeof(arg),
			  none);
	gpumem_assert(__gpumem_export_revoke(g.dom, BAD_ID), -ENOENT);
	gpumem_assert(__gpumem_export_revoke(g.dom, 0), -ENOENT);
	gpumem_assert(__gpumem_export_revoke(g.dom, arg.id + 1), -ENOENT);
	gpumem_assert(gpumem_map_error(fd, SIZE, PROT_READ, MAP_SHARED, 0), 0);
	gpumem_args_pointers(g.dom, XEN_GPUMEM_EXPORT_REVOKE, &arg,
			     sizeof(arg));
	/* The last of these was whole. */
	gpumem_assert(gpumem_map_error(fd, SIZE, PROT_READ, MAP_SHARED, 0),
		      -ENODEV);
	close(fd);
	gpumem_assert(__gpumem_export_revoke(g.dom, arg.id), -ENOENT);
	done(&g, GPUMEM_GRANTS);
}

static void bad_query(void)
{
	static const struct gpumem_zero zero[] = {
		{ OFFSET(query, flags), ~NEXT }, { }
	};
	struct xen_gpumem_export_query arg = { .size = sizeof(arg) }, q;
	struct shared g;
	int fd;

	share(&g, true);
	fd = gpumem_export_area(g.dom, GPUMEM_GRANTS, 0, PAGES, 0, &arg.id);
	gpumem_args_wrong(g.dom, XEN_GPUMEM_EXPORT_QUERY, &arg, sizeof(arg),
			  zero);
	gpumem_args_pointers(g.dom, XEN_GPUMEM_EXPORT_QUERY, &arg,
			     sizeof(arg));
	gpumem_assert(__gpumem_export_query(g.dom, BAD_ID, 0, &q), -ENOENT);
	gpumem_assert(__gpumem_export_query(g.dom, 0, 0, &q), -ENOENT);
	gpumem_assert(__gpumem_export_query(g.dom, BAD_ID, NEXT, &q), -ENOENT);
	gpumem_assert(__gpumem_export_query(g.dom, ~0U, NEXT, &q), -ENOENT);
	q = gpumem_export_query(g.dom, arg.id);
	igt_assert_eq(q.id, arg.id);
	igt_assert_eq_u64(q.out_pages, PAGES);
	close(fd);
	gpumem_assert(__gpumem_export_query(g.dom, arg.id, 0, &q), -ENOENT);
	done(&g, GPUMEM_GRANTS);
}

/* --- what the guest allows ------------------------------------------------ */

static void references(void)
{
	static const uint32_t bad[] = { 0x7f00, BAD_ID, ~0U };
	struct xen_gpumem_export_grants out;
	struct shared g;

	share(&g, true);
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t was = g.refs[9];

		g.refs[9] = bad[i];
		gpumem_assert(__gpumem_export_grants(g.dom, g.refs, PAGES, 0,
						     &out), -ENXIO);
		igt_assert_eq(out.out_failed, 9);
		gpumem_assert(__gpumem_export_grants(g.dom, g.refs, PAGES,
						     READONLY, &out), -ENXIO);
		igt_assert_eq(out.out_failed, 9);
		g.refs[9] = was;
	}
	good(__gpumem_export_grants(g.dom, g.refs, PAGES, 0, &out));
	igt_assert_eq(out.out_failed, PAGES);
	/* They are none any more when the guest has taken them back. */
	gpumem_guest_unshare(0);
	gpumem_assert(__gpumem_export_grants(g.dom, g.refs, PAGES, 0, &out),
		      -ENXIO);
	igt_assert_eq(out.out_failed, 0);
	gpumem_guest_share(0, PAGES, true);
	gpumem_guest_fill(AT, SIZE, 1);
	done(&g, GPUMEM_GRANTS);
}

static void addresses(void)
{
	struct xen_gpumem_export_frames out;
	struct shared g;
	uint32_t window;
	void *p;

	share(&g, true);
	p = mmap(NULL, GPUMEM_PAGE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	igt_assert(p != MAP_FAILED);
	window = gpumem_window_add(g.lend, GPUMEM_ARENA, GPUMEM_PAGE);
	gpumem_bind(g.lend, window, 0, GPUMEM_PAGE, p);
	gpumem_guest_fill(GPUMEM_ARENA, GPUMEM_PAGE, 2);
	/* What is lent is not the guest's; nor is what is not there. */
	for (uint64_t gpa = GPUMEM_ARENA; gpa < 1ULL << 51; gpa <<= 3) {
		struct xen_gpumem_frames was = g.frames[9];

		g.frames[9].gpa = gpa;
		gpumem_assert(__gpumem_export_frames(g.dom, g.frames, PAGES, 0,
						     &out), -ENXIO);
		igt_assert_eq(out.out_failed, 9);
		g.frames[9] = was;
	}
	gpumem_guest_check(GPUMEM_ARENA, GPUMEM_PAGE, 2);
	good(__gpumem_export_frames(g.dom, g.frames, PAGES, 0, &out));
	igt_assert_eq(out.out_failed, PAGES);
	munmap(p, GPUMEM_PAGE);
	done(&g, GPUMEM_FRAMES);
}

/* Granted to be read, and nothing else. */
static void readonly_grants(void)
{
	struct xen_gpumem_export_grants out;
	struct gpumem_export e = {
		.source = GPUMEM_GRANTS, .size = SIZE, .gpa = AT,
		.map = MAP_FAILED,
	};
	struct shared g;

	share(&g, false);
	gpumem_assert(__gpumem_export_grants(g.dom, g.refs, PAGES, 0, &out),
		      -EACCES);
	igt_assert_eq(out.out_failed, 0);
	e.fd = __gpumem_export_grants(g.dom, g.refs, PAGES, READONLY, NULL);
	igt_assert_lte(0, e.fd);
	gpumem_export_stays_readonly(&e, e.fd);
	close(e.fd);
	/* Granted to be written, they can be. */
	gpumem_guest_share(0, PAGES, true);
	gpumem_guest_fill(AT, SIZE, 1);
	done(&g, GPUMEM_GRANTS);
}

/* --- what the fd allows --------------------------------------------------- */

static void rights(void)
{
	const uint32_t all = EXPORT_GRANTS | EXPORT_FRAMES;
	struct xen_gpumem_info info;
	struct shared g;

	share(&g, true);
	gpumem_assert(__gpumem_info(g.dom, &info), 0);
	igt_assert_eq(info.out_rights, all);
	gpumem_assert(__gpumem_export_grants(g.lend, g.refs, PAGES, 0, NULL),
		      -EPERM);
	gpumem_assert(__gpumem_export_frames(g.lend, g.frames, PAGES, 0, NULL),
		      -EPERM);
	for (uint32_t right = EXPORT_GRANTS; right & all; right <<= 1) {
		int fd = gpumem_derive(g.dom, right), ret;
		struct xen_gpumem_derive more = { .rights = all };
		uint32_t window;

		ret = __gpumem_export_grants(fd, g.refs, PAGES, 0, NULL);
		if (right == EXPORT_GRANTS)
			good(ret);
		else
			gpumem_assert(ret, -EPERM);
		ret = __gpumem_export_frames(fd, g.frames, PAGES, 0, NULL);
		if (right == EXPORT_FRAMES)
			good(ret);
		else
			gpumem_assert(ret, -EPERM);
		gpumem_assert(__gpumem_derive(fd, &more), -EPERM);
		gpumem_assert(__gpumem_window_add(fd, GPUMEM_ARENA,
						  GPUMEM_PAGE,
						  XEN_GPUMEM_POLICY_MMIO,
						  &window), -EPERM);
		close(fd);
	}
	done(&g, GPUMEM_GRANTS);
}

static void ranges_grants(void)
{
	struct xen_gpumem_range range = {
		.right = EXPORT_GRANTS, .length = 1,
	};
	struct xen_gpumem_derive d = {
		.rights = EXPORT_GRANTS, .ranges = (uintptr_t)&range,
		.nr_ranges = 1,
	};
	struct xen_gpumem_export_grants out;
	uint32_t mixed[2];
	struct shared g;
	int fd;

	share(&g, true);
	range.first = g.refs[3];
	fd = __gpumem_derive(g.dom, &d);
	igt_assert_lte(0, fd);
	gpumem_assert(__gpumem_export_grants(fd, g.refs, PAGES, 0, &out),
		      -EACCES);
	igt_assert_eq(out.out_failed, 0);
	mixed[0] = g.refs[3];
	mixed[1] = g.refs[4];
	gpumem_assert(__gpumem_export_grants(fd, mixed, 2, 0, &out), -EACCES);
	igt_assert_eq(out.out_failed, 1);
	gpumem_assert(close(__gpumem_export_grants(fd, mixed, 1, 0, &out)), 0);
	close(fd);
	done(&g, GPUMEM_GRANTS);
}

static void ranges_frames(void)
{
	struct xen_gpumem_range range = {
		.right = EXPORT_FRAMES, .length = GPUMEM_PAGE,
	};
	struct xen_gpumem_derive d = {
		.rights = EXPORT_FRAMES, .ranges = (uintptr_t)&range,
		.nr_ranges = 1,
	};
	struct xen_gpumem_export_frames out;
	struct xen_gpumem_frames longer;
	struct shared g;
	int fd;

	share(&g, true);
	range.first = g.frames[3].gpa;
	fd = __gpumem_derive(g.dom, &d);
	igt_assert_lte(0, fd);
	gpumem_assert(__gpumem_export_frames(fd, g.frames, PAGES, 0, &out),
		      -EACCES);
	igt_assert_eq(out.out_failed, 0);
	longer = g.frames[3];
	longer.length = 2 * GPUMEM_PAGE;
	gpumem_assert(__gpumem_export_frames(fd, &longer, 1, 0, &out),
		      -EACCES);
	igt_assert_eq(out.out_failed, 0);
	gpumem_assert(close(__gpumem_export_frames(fd, &g.frames[3], 1, 0,
						   &out)), 0);
	close(fd);
	done(&g, GPUMEM_FRAMES);
}

/* A number of exports, and of bytes; who is derived counts, too. */
static void limits(const struct gpumem_source *s)
{
	struct xen_gpumem_derive d = {
		.rights = s->right, .max_exports = 2,
		.max_export_bytes = 4 * GPUMEM_PAGE,
	};
	struct shared g;
	int dom, child, a, b;
	uint32_t id;

	share(&g, true);
	dom = __gpumem_derive(g.dom, &d);
	igt_assert_lte(0, dom);
	child = gpumem_derive(dom, s->right);
	a = gpumem_export_area(dom, s, 0, 4, 0, NULL);
	gpumem_assert(__gpumem_export_area(dom, s, 0, 1, 0, NULL), -ENOSPC);
	gpumem_assert(__gpumem_export_area(child, s, 0, 1, 0, NULL), -ENOSPC);
	close(a);
	a = gpumem_export_area(child, s, 0, 1, 0, &id);
	b = gpumem_export_area(dom, s, 0, 1, 0, NULL);
	gpumem_assert(__gpumem_export_area(child, s, 0, 1, 0, NULL), -ENOSPC);
	gpumem_assert(__gpumem_export_area(dom, s, 0, 1, 0, NULL), -ENOSPC);
	/* Given back when the pages are, by whatever. */
	gpumem_assert(__gpumem_export_revoke(child, id), 0);
	close(b);
	b = gpumem_export_area(dom, s, 0, 4, 0, NULL);
	close(b);
	close(a);
	close(child);
	close(dom);
	done(&g, s);
}

/* --- what it is told ------------------------------------------------------ */

static void cloexec(const struct gpumem_source *s)
{
	struct shared g;

	share(&g, true);
	for (int flag = 0; flag < 2; flag++) {
		int fd = gpumem_export_area(g.dom, s, 0, PAGES, flag ?
					    XEN_GPUMEM_EXPORT_CLOEXEC : 0,
					    NULL);

		igt_assert_eq(fcntl(fd, F_GETFD), flag ? FD_CLOEXEC : 0);
		igt_assert_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
		good(fd);
	}
	done(&g, s);
}

/* Who cannot be told of the buffer has none, and nobody else has it. */
static void untold(void)
{
	struct xen_gpumem_export_grants *arg;
	struct shared g;
	int next;

	share(&g, true);
	arg = mmap(NULL, GPUMEM_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(arg != MAP_FAILED);
	arg->size = sizeof(*arg);
	arg->refs = (uintptr_t)g.refs;
	arg->count = PAGES;
	igt_assert(!mprotect(arg, GPUMEM_PAGE, PROT_READ));
	next = dup(g.dom);
	close(next);
	gpumem_assert(gpumem_call(g.dom, XEN_GPUMEM_EXPORT_GRANTS, arg),
		      -EFAULT);
	igt_assert_eq(dup(g.dom), next);
	close(next);
	munmap(arg, GPUMEM_PAGE);
	done(&g, GPUMEM_GRANTS);
}

static void query(const struct gpumem_source *s)
{
	struct xen_gpumem_export_query q;
	uint32_t id[3], at = 0;
	struct shared g;
	int fd[3];

	share(&g, true);
	for (unsigned int i = 0; i < 3; i++) {
		fd[i] = gpumem_export_area(g.dom, s, 0, i + 1, i ? 0 : READONLY,
					   &id[i]);
		q = gpumem_export_query(g.dom, id[i]);
		igt_assert_eq_u64(q.out_pages, i + 1);
		igt_assert_eq(q.out_flags, i ? 0 : READONLY);
		igt_assert_eq(q.out_state | q.out_attached | q.out_mapped |
			      q.out_static | q.out_mmaps | q.out_vmaps, 0);
	}
	for (unsigned int i = 0; i < 3; i++, at = q.id) {
		gpumem_assert(__gpumem_export_query(g.dom, at, NEXT, &q), 0);
		igt_assert_eq(q.id, id[i]);
		igt_assert_eq_u64(q.out_pages, i + 1);
	}
	gpumem_assert(__gpumem_export_query(g.dom, at, NEXT, &q), -ENOENT);
	close(fd[1]);
	gpumem_assert(__gpumem_export_query(g.dom, id[0], NEXT, &q), 0);
	igt_assert_eq(q.id, id[2]);
	close(fd[0]);
	close(fd[2]);
	done(&g, s);
}

/* A number means an export on the fd that made it, and on no other. */
static void other_fd(const struct gpumem_source *s)
{
	struct xen_gpumem_export_query q;
	struct shared g;
	int other, child, fd;
	uint32_t id;

	share(&g, true);
	other = gpumem_export_fd();
	child = gpumem_derive(g.dom, s->right);
	fd = gpumem_export_area(g.dom, s, 0, PAGES, 0, &id);
	gpumem_assert(__gpumem_export_query(other, id, 0, &q), -ENOENT);
	gpumem_assert(__gpumem_export_revoke(other, id), -ENOENT);
	gpumem_assert(__gpumem_export_query(child, id, 0, &q), -ENOENT);
	gpumem_assert(__gpumem_export_revoke(child, id), -ENOENT);
	gpumem_assert(__gpumem_export_revoke(g.lend, id), -ENOENT);
	igt_assert_eq(gpumem_export_query(g.dom, id).out_state, 0);
	good(fd);
	close(child);
	close(other);
	done(&g, s);
}

static const struct {
	const char *name, *what;
	void (*fn)(void);
} tests[] = {
#define BAD(name_, fn_)							\
	{ "bad-args-" name_, "Arguments that must be refused, and the errno", \
	  fn_ }
	/**
	 * SUBTEST: bad-args-%s
	 * Description: Arguments of %arg[1] that must be refused, and the errno
	 *
	 * arg[1]:
	 *
	 * @grants:	XEN_GPUMEM_EXPORT_GRANTS
	 * @frames:	XEN_GPUMEM_EXPORT_FRAMES
	 * @revoke:	XEN_GPUMEM_EXPORT_REVOKE
	 * @query:	XEN_GPUMEM_EXPORT_QUERY
	 */
	BAD("grants", bad_grants),
	BAD("frames", bad_frames),
	BAD("revoke", bad_revoke),
	BAD("query", bad_query),
	/**
	 * SUBTEST: references
	 * Description: References that the guest has not granted
	 */
	{ "references", "References that the guest has not granted",
	  references },
	/**
	 * SUBTEST: addresses
	 * Description: Addresses where the guest has no memory of its own
	 */
	{ "addresses", "Addresses where the guest has no memory of its own",
	  addresses },
	/**
	 * SUBTEST: readonly-grants
	 * Description: Grants to read cannot be exported to be written
	 */
	{ "readonly-grants", "Grants to read cannot be exported to be written",
	  readonly_grants },
	/**
	 * SUBTEST: rights
	 * Description: Each right is for one call
	 */
	{ "rights", "Each right is for one call", rights },
	/**
	 * SUBTEST: ranges-grants
	 * Description: References outside of what the fd was given
	 */
	{ "ranges-grants", "References outside of what the fd was given",
	  ranges_grants },
	/**
	 * SUBTEST: ranges-frames
	 * Description: Addresses outside of what the fd was given
	 */
	{ "ranges-frames", "Addresses outside of what the fd was given",
	  ranges_frames },
	/**
	 * SUBTEST: untold
	 * Description: Who cannot be told of a buffer has none
	 */
	{ "untold", "Who cannot be told of a buffer has none", untold },
};

static const struct {
	const char *name, *what;
	void (*fn)(const struct gpumem_source *s);
} of_source[] = {
	/**
	 * SUBTEST: limits
	 * Description: No more exports, and bytes in them, than the fd may have
	 */
	{ "limits", "No more exports, and bytes in them, than a fd may have",
	  limits },
	/**
	 * SUBTEST: cloexec
	 * Description: New descriptors have close-on-exec if asked for
	 */
	{ "cloexec", "New descriptors have close-on-exec if asked for",
	  cloexec },
	/**
	 * SUBTEST: query
	 * Description: All that there are, one after the other
	 */
	{ "query", "All that there are, one after the other", query },
	/**
	 * SUBTEST: other-fd
	 * Description: An export's number is known on the fd that made it only
	 */
	{ "other-fd", "An export is known on the fd that made it only",
	  other_fd },
};

int igt_main()
{
	igt_fixture()
		gpumem_export_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name)
			tests[i].fn();
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(of_source); i++) {
		igt_describe(of_source[i].what);
		igt_subtest_with_dynamic(of_source[i].name)
			gpumem_each_source(of_source[i].fn);
	}
}
