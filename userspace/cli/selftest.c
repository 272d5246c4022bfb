// SPDX-License-Identifier: MIT
/*
 * xen-gpumem selftest: does it work on this machine?
 *
 * Without a guest: the driver and the hypervisor answer, and refuse what they
 * must.  With one: memory of each kind that this machine has is lent to it,
 * taken back, exchanged, moved, for about a minute, at addresses near the end
 * of the guest's, where nothing of its own is; the guest is not asked to do
 * anything and does not notice.  That its accesses see the right contents is
 * shown by the tests of the project, which have a guest of their own.  A page of
 * the guest's is exported for a moment, to be read, and not looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli.h"

#define SIZE		(1ULL << 20)
#define PAGES		(SIZE / PAGE)
#define GIB		(1ULL << 30)
#define SOME_RAM	(16ULL << 20)	/* of any guest that runs */
#define NO_GUEST	0x7fef		/* the highest number: hardly in use */

struct test {
	int node, fd;
	uint16_t domid;
	bool guest, json;
	double seconds;
	struct xen_gpumem_info info;
	uint32_t window;
	uint64_t gpa;
	unsigned int failed;
};

/* --- steps ----------------------------------------------------------------- */

/* @why: or NULL */
static void told(const struct test *t, const char *result, const char *name,
		 const char *why)
{
	struct json j = { .out = stdout };

	if (!t->json) {
		printf("%-4s %s%s%s\n", result, name, why ? ": " : "",
		       why ? why : "");
		fflush(stdout);
		return;
	}
	json_begin(&j, NULL, '{');
	json_string(&j, "what", "step");
	json_string(&j, "result", result);
	json_string(&j, "name", name);
	if (why)
		json_string(&j, "reason", why);
	json_end(&j, '}');
}

static void step(struct test *t, bool good, const char *name,
		 const char *why)
{
	told(t, good ? "ok" : t->json ? "fail" : "FAIL", name,
	     good ? NULL : why);
	t->failed += !good;
}

static void skip(const struct test *t, const char *name, const char *why)
{
	told(t, "skip", name, why);
}

/* A call must end like this: zero, or an errno. */
static void expect(struct test *t, int ret, int err, const char *name)
{
	const char *got = ret < 0 ? xgm_errno_name(ret) : "no error";
	const char *want = err ? xgm_errno_name(err) : "no error";
	char why[80];

	snprintf(why, sizeof(why), "%s, not %s", got ? got : "an error", want);
	step(t, err ? ret == -err : ret >= 0, name, why);
}

/* --- without a guest ------------------------------------------------------- */

static void test_refusals(struct test *t)
{
	struct xgm_limits l = { .size = sizeof(l) };

	expect(t, xgm_domain_open(t->node, NO_GUEST, NULL, NULL), ESRCH,
	       "a guest that is not there is refused");
	expect(t, xgm_domain_open(t->node, t->domid, &l, NULL), EINVAL,
	       "a descriptor without rights is refused");
	expect(t, xgm_window_park(t->node, 1), ENOTTY,
	       "the device node lends nothing by itself");
}

/* --- with one -------------------------------------------------------------- */

/* Where the guest has nothing: near the end of its addresses. */
static int find_place(struct test *t)
{
	int ret = -EEXIST;

	for (unsigned int i = 1; i < 16 && ret == -EEXIST; i++) {
		t->gpa = t->info.out_gpa_end - i * GIB;
		ret = xgm_window_add(t->fd, t->gpa, SIZE,
				     XEN_GPUMEM_POLICY_MMIO, &t->window);
	}
	return ret;
}

/* Pages of the window that the guest has. */
static uint64_t pages(struct test *t)
{
	struct xen_gpumem_window_query q;

	if (xgm_window_query(t->fd, t->window, 0, 0, &q, sizeof(q)))
		return UINT64_MAX;
	return q.out_pages;
}

static void expect_pages(struct test *t, uint64_t want, const char *name)
{
	uint64_t got = pages(t);
	char why[80];

	snprintf(why, sizeof(why), "the guest has %llu pages, not %llu",
		 (ull)got, (ull)want);
	step(t, got == want, name, why);
}

/* Lend it, see that it is there, take it from under the guest. */
static void test_memory(struct test *t, const char *kind, void *p)
{
	char name[80];
	int ret;

	if (p == MAP_FAILED) {
		skip(t, kind, strerror(errno));
		return;
	}
	snprintf(name, sizeof(name), "%s is lent", kind);
	ret = xgm_bind(t->fd, t->window, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		       XEN_GPUMEM_POLICY_INJECT);
	if (!ret)
		ret = xgm_populate(t->fd, t->window, 0, SIZE,
				   XEN_GPUMEM_POPULATE_WRITE, NULL);
	if (ret) {
		expect(t, ret, 0, name);
		return;
	}
	expect_pages(t, PAGES, name);
	munmap(p, SIZE);
	snprintf(name, sizeof(name), "%s is taken back", kind);
	expect_pages(t, 0, name);
}

static void *map_file(int fd)
{
	void *p = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, SIZE))
		p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
	if (fd >= 0)
		close(fd);
	return p;
}

static void test_kinds(struct test *t)
{
	const int anon = MAP_PRIVATE | MAP_ANONYMOUS;
	char path[] = "/tmp/xen-gpumem-XXXXXX";
	int fd, ret;

	test_memory(t, "anonymous memory",
		    mmap(NULL, SIZE, PROT_READ | PROT_WRITE, anon, -1, 0));
	test_memory(t, "a memfd", map_file(memfd_create("t", MFD_CLOEXEC)));
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	test_memory(t, "a file in /tmp", map_file(fd));

	fd = memfd_create("t", MFD_CLOEXEC);
	ret = ftruncate(fd, SIZE) ? -errno :
		xgm_bind_fd(t->fd, t->window, 0, SIZE, fd, 0,
			    XEN_GPUMEM_BIND_REPLACE,
			    XEN_GPUMEM_POLICY_INJECT);
	close(fd);
	if (!ret)
		ret = xgm_populate(t->fd, t->window, 0, SIZE, 0, NULL);
	expect(t, ret, 0, "a descriptor is lent");
}

static void test_errors(struct test *t)
{
	static char page[PAGE] __attribute__((aligned(4096)));
	uint32_t second;

	expect(t, xgm_bind(t->fd, t->window, 0, PAGE, page, 0,
			   XEN_GPUMEM_POLICY_INJECT), EEXIST,
	       "two bindings do not overlap");
	expect(t, xgm_bind(t->fd, t->window, SIZE, PAGE, page, 0,
			   XEN_GPUMEM_POLICY_INJECT), ERANGE,
	       "nothing is bound outside of the window");
	expect(t, xgm_window_add(t->fd, t->gpa, PAGE, XEN_GPUMEM_POLICY_MMIO,
				 &second), EEXIST,
	       "two windows do not overlap");
	expect(t, xgm_window_add(t->fd, 0, PAGE, XEN_GPUMEM_POLICY_MMIO,
				 &second),
	       EADDRNOTAVAIL, "the first MiB cannot be a window");
}

static void test_derive(struct test *t)
{
	struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_REMOVE,
	};
	uint32_t window;
	int child;

	expect(t, xgm_domain_derive(t->fd, &l), EPERM,
	       "a derived descriptor has no other rights");
	child = xgm_domain_derive(t->fd, NULL);
	expect(t, child, 0, "a descriptor is derived");
	if (child < 0)
		return;
	expect(t, xgm_window_remove(child, t->window), EPERM,
	       "another descriptor's window is safe from it");
	expect(t, xgm_window_add(child, XEN_GPUMEM_PARKED, SIZE,
				 XEN_GPUMEM_POLICY_MMIO, &window), 0,
	       "it has windows of its own");
	close(child);
}

/* One turn of everything that takes pages away and gives them. */
static int churn_once(struct test *t, char *p)
{
	const int fixed = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS;
	int ret;

	ret = xgm_bind(t->fd, t->window, 0, SIZE, p, XEN_GPUMEM_BIND_REPLACE,
		       XEN_GPUMEM_POLICY_INJECT);
	if (!ret)
		ret = xgm_populate(t->fd, t->window, 0, SIZE,
				   XEN_GPUMEM_POPULATE_WRITE, NULL);
	if (!ret && madvise(p, SIZE / 2, MADV_DONTNEED))
		ret = -errno;
	if (!ret && pages(t) != PAGES / 2)
		ret = -EBADMSG;
	if (!ret && mmap(p, SIZE, PROT_READ | PROT_WRITE, fixed, -1, 0) != p)
		ret = -errno;
	if (!ret && pages(t))
		ret = -EBADMSG;
	if (!ret)
		ret = xgm_populate(t->fd, t->window, 0, SIZE, 0, NULL);
	if (!ret)
		ret = xgm_window_park(t->fd, t->window);
	if (!ret)
		ret = xgm_window_move(t->fd, t->window, t->gpa);
	return ret;
}

static void tell_churn(const struct test *t, unsigned int turns,
		       const struct xen_gpumem_window_query *q)
{
	struct json j = { .out = stdout };

	if (!t->json) {
		printf("     %u turn%s; %llu page%s lent, %llu revoke%s of %llu page%s, the longest %llu us\n",
		       turns, plural(turns), (ull)q->out_mapped,
		       plural(q->out_mapped), (ull)q->out_revokes,
		       plural(q->out_revokes), (ull)q->out_revoked,
		       plural(q->out_revoked),
		       (ull)(q->out_revoke_ns_max / 1000));
		return;
	}
	json_begin(&j, NULL, '{');
	json_string(&j, "what", "turns");
	json_number(&j, "turns", turns);
	json_number(&j, "mapped_pages", q->out_mapped);
	json_number(&j, "revokes", q->out_revokes);
	json_number(&j, "revoked_pages", q->out_revoked);
	json_number(&j, "revoke_max_ns", q->out_revoke_ns_max);
	json_end(&j, '}');
}

static void test_churn(struct test *t)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xen_gpumem_window_query q;
	double end = now() + t->seconds;
	unsigned int turns = 0;
	int ret = 0;

	if (p == MAP_FAILED) {
		skip(t, "over and over", strerror(errno));
		return;
	}
	do {
		ret = churn_once(t, p);
		turns++;
		/* Memory that moves meanwhile is no failure. */
		if (ret == -EAGAIN)
			ret = 0;
	} while (!ret && now() < end);
	expect(t, ret, 0, "over and over");
	if (xgm_window_query(t->fd, t->window, 0, 0, &q, sizeof(q)))
		return;
	tell_churn(t, turns, &q);
	munmap(p, SIZE);
	expect_pages(t, 0, "nothing is left with the guest");
}

static void test_export(struct test *t)
{
	const struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_EXPORT_FRAMES,
		.max_exports = 1,
	};
	const struct xen_gpumem_frames page = {
		.gpa = SOME_RAM, .length = PAGE,
	};
	int fd, dmabuf;
	uint32_t id;

	if (!(t->info.out_features & XEN_GPUMEM_FEAT_EXPORT)) {
		skip(t, "export", "this driver exports nothing");
		return;
	}
	fd = xgm_domain_open(t->node, t->domid, &l, NULL);
	expect(t, fd, 0, "a descriptor for exports");
	if (fd < 0)
		return;
	dmabuf = xgm_export_frames(fd, &page, 1, XEN_GPUMEM_EXPORT_READONLY,
				   &id, NULL);
	if (dmabuf == -EOPNOTSUPP)
		skip(t, "export", "by grants only: this is a PV domain, and not dom0");
	else
		expect(t, dmabuf, 0, "a page of the guest's is exported");
	if (dmabuf >= 0) {
		expect(t, xgm_export_revoke(fd, id), 0,
		       "the guest has it again");
		close(dmabuf);
	}
	close(fd);
}

static int test_guest(struct test *t)
{
	const struct xgm_attempt open = {
		.size = sizeof(open), .call = XGM_CALL_DOMAIN_OPEN,
		.domid = t->domid,
	};
	int ret;

	t->fd = xgm_domain_open(t->node, t->domid, NULL, NULL);
	if (t->fd < 0)
		return fail_call("the guest cannot be used", -1, &open,
				 t->fd);
	step(t, !xgm_info(t->fd, &t->info, sizeof(t->info)) &&
	     t->info.out_gpa_end, "a descriptor for the guest", "no answer");
	ret = find_place(t);
	expect(t, ret, 0, "a window near the end of its addresses");
	if (!ret) {
		test_kinds(t);
		test_errors(t);
		test_derive(t);
		test_churn(t);
		expect(t, xgm_window_remove(t->fd, t->window), 0,
		       "the window is removed");
	}
	test_export(t);
	close(t->fd);
	return 0;
}

/* -------------------------------------------------------------------------- */

static void tell_end(const struct test *t, bool works, bool mock)
{
	struct json j = { .out = stdout };

	if (!t->json) {
		if (works)
			printf("it works here%s%s\n", t->guest ? "" :
			       ", as far as can be seen without a guest", mock ?
			       "; but on the mock hypervisor, which serves no guest" :
			       "");
		return;
	}
	json_begin(&j, NULL, '{');
	json_string(&j, "what", "end");
	json_bool(&j, "works", works);
	json_bool(&j, "guest", t->guest);
	json_bool(&j, "mock", mock);
	json_number(&j, "failed", t->failed);
	json_end(&j, '}');
}

static int selftest(struct test *t)
{
	bool mock;
	int ret;

	t->node = xgm_node_open();
	if (t->node < 0)
		return fail("it does not work here: %s; xen-gpumem status tells more",
			    xgm_strerror(XGM_CALL_NODE_OPEN, t->node));
	ret = xgm_info(t->node, &t->info, sizeof(t->info));
	expect(t, ret, 0, "the driver answers");
	mock = t->info.out_features & XEN_GPUMEM_FEAT_MOCK;
	test_refusals(t);
	if (t->guest)
		ret = test_guest(t);
	else
		skip(t, "lending", "no guest was named: xen-gpumem selftest DOMID");
	close(t->node);
	tell_end(t, !ret && !t->failed, mock);
	/* That has been told. */
	if (ret)
		return ret;
	if (t->failed)
		return fail("it does not work here: %u step%s failed",
			    t->failed, plural(t->failed));
	return 0;
}

static int selftest_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct test t = { .seconds = 50, .fd = -1 };
	int opt;

	while ((opt = getopt_long(argc, argv, ":js:", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			t.json = true;
			break;
		case 's':
			if (parse_seconds("--seconds", optarg, &t.seconds))
				return BAD_INPUT;
			break;
		default:
			return bad_option(argv, opt);
		}
	}
	if (optind < argc) {
		if (parse_domid(argv[optind++], &t.domid))
			return BAD_INPUT;
		t.guest = true;
	}
	if (want_arguments(argc, argv[0], 0))
		return BAD_INPUT;
	return selftest(&t);
}

const struct command selftest_command = {
	"selftest", "[--seconds N] [--json] [DOMID]",
	"about a minute: does it work on this machine?",
	"Without DOMID only what needs no guest.  With it, memory of several kinds is\n"
	"lent to that guest and taken back, at addresses that it does not use; it is\n"
	"not disturbed.\n\n"
	"  -s, --seconds N   how long to do so over and over (default 50)\n"
	"  -j, --json        for programs: an object a line\n",
	selftest_main,
};
