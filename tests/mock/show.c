// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be seen of the driver from outside, on the mock: fdinfo, debugfs,
 * trace points, and whose memory it uses.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define TRACING	"/sys/kernel/tracing/"
#define DEBUG	"/sys/kernel/debug/xen-gpumem"

static char text[1 << 20];

/* Read all of a file; fails the test if there is none. */
static const char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t sum = 0;
	ssize_t n;

	if (fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	while ((n = read(fd, text + sum, sizeof(text) - 1 - sum)) > 0)
		sum += n;
	CHECK(n == 0);
	text[sum] = '\0';
	close(fd);
	return text;
}

static void must_have(const char *in, const char *what)
{
	if (!strstr(in, what))
		FAIL("no '%s' in:\n%s", what, in);
}

/* --- fdinfo ---------------------------------------------------------------- */

static const char *fdinfo(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return read_file(path);
}

static void show_fdinfo(void)
{
	struct xen_gpumem_derive d = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 3,
		.max_bytes = 4 * SIZE,
	};
	volatile uint64_t *p;
	const char *info;
	char line[64];
	uint32_t w;
	int child;

	mock_begin(1);
	p = map_anon(SIZE);
	child = gm_derive(xgt_dom, &d);
	CHECK(child >= 0);
	OK(gm_window_add(child, BASE, SIZE, XEN_GPUMEM_POLICY_MMIO, &w));
	OK(gm_bind(child, w, 0, PAGE, p, 0, 0));
	OK(gm_bind(child, w, 2 * PAGE, 3 * PAGE, p, 0, 0));
	info = fdinfo(child);
	snprintf(line, sizeof(line), "xen-gpumem-domid:\t%d\n", MOCK_DOMID);
	must_have(info, line);
	must_have(info, "xen-gpumem-rights:\t0x1\n");
	must_have(info, "xen-gpumem-windows:\t1 of 3\n");
	must_have(info, "xen-gpumem-bindings:\t2 of 65536\n");
	must_have(info, "xen-gpumem-bytes:\t16384 of 131072\n");
	must_have(info, "xen-gpumem-exports:\t0\n");
	must_have(info, "xen-gpumem-events:\t0\n");
	must_have(info, "xen-gpumem-alive:\t1\n");
	/* The one above counts it, too, without limits of its own. */
	must_have(fdinfo(xgt_dom), "xen-gpumem-bytes:\t16384\n");
	OK(munmap((void *)p, SIZE));
	g_expect(BASE, READ, XGM_INJECTED);
	/* The guest is answered first. */
	EVENTUALLY(strstr(fdinfo(child), "xen-gpumem-events:\t1\n"));
	mock_kill(true);
	EVENTUALLY(strstr(fdinfo(child), "xen-gpumem-alive:\t0\n"));
	mock_end();
}

/* --- debugfs --------------------------------------------------------------- */

/* The only guest's directory, or an empty string. */
static const char *guest_dir(void)
{
	static char path[300];
	struct dirent *e;
	DIR *d = opendir(DEBUG);

	CHECK(d);
	path[0] = '\0';
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && e->d_type == DT_DIR)
			snprintf(path, sizeof(path), "%s/%s", DEBUG,
				 e->d_name);
	closedir(d);
	return path;
}

static const char *debug_file(const char *name)
{
	char path[340];

	snprintf(path, sizeof(path), "%s/%s", guest_dir(), name);
	return read_file(path);
}

static unsigned int lines_with(const char *in, const char *what)
{
	unsigned int n = 0;

	for (; (in = strstr(in, what)); in += strlen(what))
		n++;
	return n;
}

static void looks_in_vain(void *arg)
{
	(void)arg;
	CHECK(open(DEBUG, O_RDONLY) < 0 && errno == EACCES);
}

static void show_debugfs(void)
{
	const unsigned int many = 3000;
	volatile uint64_t *p;
	struct stat st;
	uint32_t w, w2;
	char dir[300];

	mock_begin(1);
	p = map_shared(memfd_new(many * PAGE), many * PAGE);
	w = window_new(many * PAGE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, SIZE, 0, &w2));
	for (unsigned int i = 0; i < many; i++)
		OK(gm_bind(xgt_dom, w, i * PAGE, PAGE, (char *)p + i * PAGE,
			   0, 0));
	g_write(BASE, 1);
	CHECK_EQ(g_read(BASE + PAGE), 0);
	OK(madvise((void *)p, PAGE, MADV_DONTNEED));

	must_have(debug_file("fds"), "windows 2 bindings 3000");
	/* The guest has its page before that is counted as mapped. */
	EVENTUALLY(strstr(debug_file("windows"),
			  "faults 2 failed 0 retries 0 mapped 2"));
	must_have(debug_file("windows"), "gfn 0xffffffffffffffff pages 0x8 ");
	debug_file("bindings");
	CHECK_EQ(lines_with(text, " address "), many);
	CHECK_EQ(lines_with(text, " lent 1\n"), 1);
	debug_file("latency");
	/* And of all of them. */
	CHECK_EQ(lines_with(text, " fault max-ns "), 3);
	CHECK_EQ(lines_with(text, " revoke max-ns "), 3);

	/* Root's alone; the driver's part of it is gone with the guest. */
	snprintf(dir, sizeof(dir), "%s/bindings", guest_dir());
	CHECK(!stat(dir, &st) && !(st.st_mode & 077));
	xgt_join(xgt_fork_user(looks_in_vain, NULL));
	close(xgt_dom);
	xgt_dom = -1;
	CHECK(!*guest_dir());
	mock_end();
}

/* How many faults, or revocations, @who has had, by the sum of its slots. */
static uint64_t timed(const char *who, const char *what)
{
	char head[64], *at, *end;
	uint64_t sum = 0, n;

	snprintf(head, sizeof(head), "\n%s %s max-ns ", who, what);
	at = strstr(debug_file("latency"), head);
	if (!at)
		FAIL("no latency of %s's %ss in:\n%s", who, what, text);
	/* The longest comes first. */
	strtoull(at + strlen(head), &at, 10);
	/* To the end of the line: the next one begins with a number, too. */
	for (; *at == ' '; at = end) {
		n = strtoull(at, &end, 10);
		sum += n;
	}
	return sum;
}

static void show_all(void)
{
	volatile uint64_t *p;
	uint32_t w, w2;
	char name[16];

	mock_begin(1);
	p = map_anon(SIZE);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_window_add(xgt_dom, BASE + MIB, SIZE, XEN_GPUMEM_POLICY_MMIO,
			 &w2));
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, 0, 0));
	OK(gm_bind(xgt_dom, w2, 0, SIZE, p, 0, 0));
	g_write(BASE, 1);
	g_write(BASE + MIB, 2);
	g_write(BASE + MIB + PAGE, 3);
	OK(madvise((void *)p, SIZE, MADV_DONTNEED));
	EVENTUALLY(timed("all", "fault") == 3);
	snprintf(name, sizeof(name), "%u", w2);
	CHECK_EQ(timed(name, "fault"), 2);
	CHECK(timed("all", "revoke") >= 2);
	must_have(debug_file("windows"), "\nall faults 3 failed 0 ");

	/* Of a window that is gone, too: nothing that happened is forgotten. */
	OK(gm_window_remove(xgt_dom, w2));
	EVENTUALLY(timed("all", "fault") == 3);
	CHECK(timed("all", "revoke") >= 2);
	must_have(debug_file("windows"), "\nall faults 3 failed 0 ");
	g_write(BASE, 4);
	EVENTUALLY(timed("all", "fault") == 4);
	mock_end();
}

/* Guests come and go while somebody reads about them. */
static void reads_on(void *arg)
{
	static const char *const names[] = {
		"fds", "windows", "bindings", "latency",
	};
	int *stop = arg;
	char path[340];

	for (unsigned int i = 0; !__atomic_load_n(stop, __ATOMIC_ACQUIRE);
	     i++) {
		char buf[4096];
		int fd;

		snprintf(path, sizeof(path), "%s/%s", guest_dir(),
			 names[i % 4]);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
}

static void show_while_ending(void)
{
	struct mock_call reader;
	volatile uint64_t *p;
	int stop = 0;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	call_start(&reader, reads_on, &stop);
	for (int i = 0; i < 200; i++) {
		w = window_of(p, SIZE);
		CHECK_EQ(g_read(BASE), 0);
		if (i % 3)
			OK(gm_window_remove(xgt_dom, w));
		close(xgt_dom);
		xgt_dom = mock_open(0);
		CHECK(xgt_dom >= 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	call_join(&reader);
	mock_end();
}

/* --- trace points ---------------------------------------------------------- */

/* Of a page's neighbours a fault brings those that lie in the same block. */
#define AROUND	(16 * PAGE)

/*
 * Who has seen the guest go on finds its fault counted, however long the job is
 * not done with it.  The part of the window that is asked about has no binding,
 * whose lock the job holds.
 */
static void counted_first(void)
{
	struct xen_gpumem_window_query q;
	volatile uint64_t *p;
	uintptr_t room;
	struct mock_run run;
	uint32_t w;

	mock_begin(1);
	/* All in one block, wherever mmap() puts it. */
	room = (uintptr_t)map_anon(2 * AROUND);
	p = (void *)((room + AROUND - 1) & ~(AROUND - 1));
	stamp(p, SIZE, 40);
	w = window_new(2 * SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	/* The page that was touched, and then its neighbours. */
	mock_hold_later(XGM_OP_MAP, 1);
	run_start(&run, 0, BASE, READ, 0);
	mock_wait_held(XGM_OP_MAP);
	CHECK_EQ(run_join(&run, XGM_DONE), 40);
	OK(gm_query(xgt_dom, w, SIZE, SIZE, &q));
	CHECK_EQ(q.out_faults, 1);
	CHECK_EQ(q.out_bound, 0);
	/* Control: the job is still at it. */
	CHECK_EQ(gm_served(MOCK_DOMID, w), 0);
	mock_release(XGM_OP_MAP);
	wait_served(w);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, SIZE), PAGES);
	OK(gm_query(xgt_dom, w, 0, 0, &q));
	CHECK_EQ(q.out_faults, 1);
	mock_end();
}

static void show_traces(void)
{
	volatile uint64_t *p;
	const char *trace;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	set_file(TRACING "trace", " ");
	set_file(TRACING "events/xen_gpumem/enable", "1");
	w = window_of(p, SIZE);
	g_write(BASE + 3 * PAGE, 1);
	/* It is told of when the guest has its page already. */
	EVENTUALLY(strstr(read_file(TRACING "trace"), "xen_gpumem_fault: "));
	OK(gm_window_move(xgt_dom, w, XEN_GPUMEM_PARKED));
	OK(gm_window_move(xgt_dom, w, BASE));
	OK(munmap((void *)p, SIZE));
	g_expect(BASE + 3 * PAGE, READ, XGM_INJECTED);
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	OK(gm_window_remove(xgt_dom, w));
	set_file(TRACING "events/xen_gpumem/enable", "0");
	trace = read_file(TRACING "trace");
	must_have(trace, "xen_gpumem_window_add: dom=7 window=");
	must_have(trace, "xen_gpumem_bind: dom=7 ");
	must_have(trace, "xen_gpumem_fault: dom=7 vcpu=0 ");
	must_have(trace, "index=0x3 access=0x2 ret=0 ");
	must_have(trace, "xen_gpumem_map: dom=7 ");
	must_have(trace, "xen_gpumem_revoke: dom=7 ");
	must_have(trace, "xen_gpumem_window_move: dom=7 ");
	must_have(trace, "xen_gpumem_event: dom=7 type=1 ");
	must_have(trace, "offset=0x3000 length=0x1000 error=61 ");
	must_have(trace, "xen_gpumem_unbind: dom=7 ");
	must_have(trace, "xen_gpumem_window_remove: dom=7 ");
	mock_end();
}

/* --- whose memory ---------------------------------------------------------- */

static uint32_t charged_window;

/* In a group of its own: bind so much that the bookkeeping is seen. */
static void charged(void *arg)
{
	volatile uint64_t *p = arg;
	uint64_t before, small, large;
	const unsigned int many = 4000;

	memcg_join();
	before = memcg_kernel();
	for (unsigned int i = 0; i < many; i++)
		OK(gm_bind(xgt_dom, charged_window, i * PAGE, PAGE, p, 0, 0));
	small = memcg_kernel() - before;
	/* Four bits for each page, of 16 GiB here. */
	OK(gm_bind(xgt_dom, charged_window, GIB, 16 * GIB, p, 0, 0));
	large = memcg_kernel() - before - small;
	xgt_info("%u bindings cost %lu KiB, one of 16 GiB %lu KiB", many,
		 small / 1024, large / 1024);
	CHECK(small >= many * 200);
	/* What was freed before may be given back only now. */
	CHECK(large >= 16 * GIB / PAGE / 2 - 64 * KIB);
	/* All of it is given back. */
	OK(gm_unbind(xgt_dom, charged_window, 0, 32 * GIB));
	EVENTUALLY(memcg_kernel() < before + small / 4);
}

static void memory_charged(void)
{
	volatile uint64_t *p;

	mock_begin(1);
	memcg_begin();
	p = mmap(NULL, 16 * GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		 MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	charged_window = window_new(32 * GIB, XEN_GPUMEM_POLICY_MMIO);
	xgt_join(xgt_fork(charged, (void *)p));
	mock_end();
}

#define VCPUS	64

/* In a group of its own: have all vCPUs fault, each for the first time. */
static void jobs_charged(void *arg)
{
	const uint64_t length = VCPUS * PAGE;
	volatile uint64_t *p;
	uint64_t before;
	uint32_t w;

	(void)arg;
	memcg_join();
	p = map_anon(length);
	stamp(p, length, 7);
	OK(gm_window_add(xgt_dom, BASE, length, XEN_GPUMEM_POLICY_MMIO, &w));
	OK(gm_bind(xgt_dom, w, 0, length, p, 0, 0));
	before = memcg_kernel();
	for (unsigned int i = 0; i < VCPUS; i++)
		CHECK_EQ(guest_access(i, BASE + i * PAGE, READ, 0).value,
			 7 + i);
	/* More than eight bytes each for 512 pages, twice. */
	EVENTUALLY(memcg_kernel() >= before + VCPUS * 8 * KIB);
	xgt_info("the jobs of %u vCPUs cost %lu KiB", VCPUS,
		 (memcg_kernel() - before) / 1024);
}

static void serving_charged(void)
{
	set_file("/sys/module/xen_gpumem/parameters/fault_around", "1");
	mock_begin(VCPUS);
	memcg_begin();
	xgt_join(xgt_fork(jobs_charged, NULL));
	mock_end();
	set_file("/sys/module/xen_gpumem/parameters/fault_around", "16");
}

static const struct xgt_test tests[] = {
	{ "U4-mock-fdinfo", "U4", show_fdinfo, 0, 0 },
	{ "U4-mock-debugfs", "U4,L19", show_debugfs, 0, 0 },
	{ "U4-mock-debugfs-all", "U4", show_all, 0, 0 },
	{ "U4-mock-debugfs-races", "U4", show_while_ending, 0, 0 },
	{ "U4-mock-counted-first", "U4", counted_first, 0, 0 },
	{ "U4-mock-traces", "U4", show_traces, 0, 0 },
	{ "S4-mock-memory-charged", "S4,L19", memory_charged, 0, 0 },
	{ "S4-mock-jobs-charged", "S4,L19", serving_charged, 0, 0 },
};

XGT_MAIN(tests)
