// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures of the kernel's own under each of the driver's calls: allocations of
 * memory and pages, and copies from and to the process.
 *
 * A kernel with fault injection makes the n-th thing fail that can, in one
 * thread (/proc/thread-self/fail-nth).  Each call is made with the first one
 * failing, then the second one and so on, until there was none left to fail.
 * It then succeeds, or it fails with an error that it documents and has changed
 * nothing: what the guest sees, what is bound, open, mapped, charged.  Either
 * way the next try does what it should, and nothing is left behind.
 *
 * That something failed at all is part of each test: a call with fewer points
 * than its own allocations and copies was not tried.
 *
 * The driver's own threads serve the guest's faults.  There, allocations fail
 * at random, but only those made below a function of the driver's.
 *
 * Needs a kernel with all that (testbed/kernel.sh debug).
 */
#include <dirent.h>
#include <limits.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define AWAY	(BASE + 4 * MIB)
#define DEBUGFS	"/sys/kernel/debug/"

/* --- the kernel's side --------------------------------------------------- */

static const char *const kinds[] = {
	"failslab", "fail_page_alloc", "fail_usercopy",
};

static int nth_fd = -1;

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		xgt_skip("cannot be run here: no %s", path);
	if (write(fd, value, strlen(value)) < 0)
		FAIL("%s: %s", path, strerror(errno));
	close(fd);
}

static void __attribute__((format(printf, 3, 4)))
put_kind(const char *kind, const char *file, const char *fmt, ...)
{
	char path[128], value[32];
	va_list ap;

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", kind, file);
	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	put(path, value);
}

/* Nothing fails at random; what fails is not said in the log. */
static void fault_setup(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		put_kind(kinds[i], "probability", "0");
		put_kind(kinds[i], "verbose", "0");
		put_kind(kinds[i], "require-start", "0");
		put_kind(kinds[i], "require-end", "0x%lx", ULONG_MAX);
	}
	/* By default only those fail that cannot wait for memory. */
	put(DEBUGFS "failslab/ignore-gfp-wait", "N");
	put(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N");
	put(DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N");
	put(DEBUGFS "fail_page_alloc/min-order", "0");
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0)
		xgt_skip("cannot be run here: no fail-nth");
}

static void nth_arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth_fd, text, len, 0) != len)
		FAIL("fail-nth: %s", strerror(errno));
}

/*
 * Nothing fails any more.  Return: whether something did.
 *
 * Where asking for it is what fails, the call had no such point.
 */
static bool nth_disarm(void)
{
	char text[16] = "";
	ssize_t len = pread(nth_fd, text, sizeof(text) - 1, 0);
	bool hit = len > 0 && !atoi(text);

	for (int i = 0; i < 3 && pwrite(nth_fd, "0", 1, 0) != 1; i++)
		;
	return hit;
}

/* --- what there is -------------------------------------------------------- */

struct world {
	volatile uint64_t *a, *b;
	int file;			/* behind b */
	uint32_t w;			/* at BASE, half bound to a */
	uint32_t added;
	int opened;
};

/* What there is to see of the state. */
struct sight {
	unsigned int fds, windows;
	unsigned int maps;		/* zero: not compared */
	uint64_t bound;
	char usage[300];		/* of the domain fd's limits */
	struct {
		uint32_t result;
		uint64_t value;
	} at[6];
};

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static unsigned int mappings(void)
{
	char *line = NULL;
	unsigned int n = 0;
	size_t size = 0;
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && getline(&line, &size, f) > 0)
		n++;
	free(line);
	if (f)
		fclose(f);
	return n;
}

/* What the domain fd is charged with. */
static void usage(char *text, size_t size)
{
	static const char *const what[] = {
		"windows", "bindings", "bytes", "fds",
	};
	char path[64], line[128], name[32];
	unsigned long long n;
	FILE *f;

	text[0] = '\0';
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", xgt_dom);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "xen-gpumem-%31[a-z]: %llu", name, &n) != 2)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(what); i++)
			if (!strcmp(name, what[i]))
				snprintf(text + strlen(text),
					 size - strlen(text), " %s %llu", name,
					 n);
	}
	if (f)
		fclose(f);
}

static void look(const struct world *world, struct sight *s)
{
	static const uint64_t where[] = {
		BASE, BASE + 3 * PAGE, BASE + SIZE, BASE + SIZE + 5 * PAGE,
		AWAY, AWAY + SIZE,
	};
	struct xen_gpumem_window_query q = { 0 };

	memset(s, 0, sizeof(*s));
	s->fds = open_fds();
	s->maps = mappings();
	s->windows = mock_stats().out_windows;
	if (!gm_query(xgt_dom, world->w, 0, 0, &q))
		s->bound = q.out_bound;
	usage(s->usage, sizeof(s->usage));
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		struct xgm_access a = guest_access(0, where[i], READ, 0);

		s->at[i].result = a.out_result;
		if (a.out_result == XGM_DONE)
			s->at[i].value = a.value;
	}
}

static void same(const struct sight *s, const struct sight *t,
		 const char *when, unsigned int n)
{
	if (s->fds != t->fds)
		FAIL("point %u, %s: %d more open files", n, when,
		     (int)(t->fds - s->fds));
	if (s->maps && t->maps && s->maps != t->maps)
		FAIL("point %u, %s: %d more mappings", n, when,
		     (int)(t->maps - s->maps));
	if (s->windows != t->windows || s->bound != t->bound)
		FAIL("point %u, %s: %u windows, 0x%lx pages bound, not %u, 0x%lx",
		     n, when, t->windows, t->bound, s->windows, s->bound);
	if (strcmp(s->usage, t->usage))
		FAIL("point %u, %s: charged with%s, not%s", n, when, t->usage,
		     s->usage);
	for (size_t i = 0; i < ARRAY_SIZE(s->at); i++)
		if (s->at[i].result != t->at[i].result ||
		    s->at[i].value != t->at[i].value)
			FAIL("point %u, %s: probe %zu ends with %u, 0x%lx, not %u, 0x%lx",
			     n, when, i, t->at[i].result, t->at[i].value,
			     s->at[i].result, s->at[i].value);
}

/* There is room for what succeeds, and none for what a failure left charged. */
static void open_few(void)
{
	struct xen_gpumem_open_domain few = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 2,
		.max_bindings = 2, .max_bytes = 2 * SIZE,
	};

	close(xgt_dom);
	xgt_dom = gm_open_domain(MOCK_DOMID, &few);
	CHECK(xgt_dom >= 0);
}

static void world_make(struct world *world)
{
	memset(world, 0, sizeof(*world));
	mock_begin(1);
	open_few();
	world->a = map_anon(SIZE);
	world->file = memfd_new(SIZE);
	world->b = map_shared(world->file, SIZE);
	stamp(world->a, SIZE, 0x100);
	stamp(world->b, SIZE, 0x200);
	world->w = window_new(2 * SIZE, XEN_GPUMEM_POLICY_INJECT);
	OK(gm_bind(xgt_dom, world->w, 0, SIZE, world->a, 0,
		   XEN_GPUMEM_POLICY_INJECT));
}

static void world_end(struct world *world)
{
	mock_end();
	close(mock_ctl);
	close(world->file);
	munmap((void *)world->a, SIZE);
	munmap((void *)world->b, SIZE);
}

/* --- the calls ------------------------------------------------------------ */

static long do_info(struct world *world)
{
	struct xen_gpumem_info info;

	(void)world;
	return gm_info(xgt_dom, &info);
}

static long do_open(struct world *world)
{
	world->opened = mock_open(0);
	return world->opened < 0 ? world->opened : 0;
}

static void undo_open(struct world *world)
{
	close(world->opened);
}

/* Nobody is attached to the guest. */
static void ready_detached(struct world *world)
{
	(void)world;
	close(xgt_dom);
	xgt_dom = -1;
}

/* The fd has nobody yet who serves faults. */
static void ready_idle(struct world *world)
{
	(void)world;
	open_few();
}

static long do_add(struct world *world)
{
	return gm_window_add(xgt_dom, AWAY, SIZE, XEN_GPUMEM_POLICY_MMIO,
			     &world->added);
}

static long do_bind(struct world *world)
{
	return gm_bind(xgt_dom, world->w, SIZE, SIZE, world->b, 0,
		       XEN_GPUMEM_POLICY_INJECT);
}

static long do_rebind(struct world *world)
{
	return gm_bind(xgt_dom, world->w, 0, SIZE, world->b,
		       XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT);
}

/* Maps the file as well, which has to be undone. */
static long do_bind_file(struct world *world)
{
	return gm_bind_fd(xgt_dom, world->w, SIZE, SIZE, world->file, 0, 0,
			  XEN_GPUMEM_POLICY_INJECT);
}

static long do_derive(struct world *world)
{
	struct xen_gpumem_derive limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 1,
	};

	world->opened = gm_derive(xgt_dom, &limits);
	return world->opened < 0 ? world->opened : 0;
}

static long do_populate(struct world *world)
{
	return gm_populate(xgt_dom, world->w, 0, SIZE, 0, NULL);
}

static long do_populate_write(struct world *world)
{
	return gm_populate(xgt_dom, world->w, 0, SIZE,
			   XEN_GPUMEM_POPULATE_WRITE, NULL);
}

static long do_query(struct world *world)
{
	struct xen_gpumem_window_query q;

	return gm_query(xgt_dom, world->w, 0, 0, &q);
}

/* There is an event, or will be in a moment. */
static void ready_event(struct world *world)
{
	CHECK(!mprotect((char *)world->a + SIZE - PAGE, PAGE, PROT_NONE));
	g_expect(BASE + SIZE - PAGE, READ, XGM_INJECTED);
}

/* What was not read stays. */
static long do_read(struct world *world)
{
	struct xen_gpumem_event event = { 0 };
	ssize_t n = read(xgt_dom, &event, sizeof(event));

	if (n < 0)
		return -errno;
	CHECK_EQ(n, sizeof(event));
	CHECK_EQ(event.type, XEN_GPUMEM_EVENT_FAULT);
	CHECK_EQ(event.window, world->w);
	CHECK_EQ(event.offset, SIZE - PAGE);
	CHECK_EQ(event.count, 1);
	return 0;
}

static long do_move(struct world *world)
{
	return gm_window_move(xgt_dom, world->w, AWAY);
}

static long do_unbind(struct world *world)
{
	return gm_unbind(xgt_dom, world->w, 0, SIZE);
}

static long do_remove(struct world *world)
{
	return gm_window_remove(xgt_dom, world->w);
}

/* --- one call, point by point ---------------------------------------------- */

#define MAY(err)	(1ULL << (err))

struct step {
	long (*call)(struct world *world);
	void (*ready)(struct world *world);	/* before it */
	void (*undo)(struct world *world);	/* once it has succeeded */
	bool absent;			/* the process has not the pages yet */
	uint64_t may;			/* errors that it may end with */
	unsigned int least;		/* points where it can fail */
};

static long make_call(const struct step *step, struct world *world,
		      unsigned int n, bool *hit)
{
	long ret;

	if (step->absent)
		OK(madvise((void *)world->a, SIZE, MADV_DONTNEED));
	nth_arm(n);
	ret = step->call(world);
	*hit = nth_disarm();
	if (step->absent)
		stamp(world->a, SIZE, 0x100);
	return ret;
}

/* Make the call with its @n-th point failing.  Return: whether it has one. */
static bool try_point(const struct step *step, unsigned int n,
		      const struct sight *done)
{
	struct sight before, after;
	struct world world;
	bool hit, again;
	long ret;

	world_make(&world);
	if (step->ready)
		step->ready(&world);
	look(&world, &before);
	ret = make_call(step, &world, n, &hit);
	if (ret) {
		if (!hit || ret >= 0 || !(step->may & MAY(-ret)))
			FAIL("point %u: %s", n, xgt_errname(-ret));
		look(&world, &after);
		same(&before, &after, "after it failed", n);
		OK(make_call(step, &world, 0, &again));
	}
	look(&world, &after);
	same(done, &after, "after it succeeded", n);
	if (step->undo)
		step->undo(&world);
	world_end(&world);
	return hit;
}

static void walk(const struct step *step)
{
	struct sight done;
	struct world world;
	unsigned int n = 1;
	bool hit;

	fault_setup();
	world_make(&world);
	if (step->ready)
		step->ready(&world);
	OK(make_call(step, &world, 0, &hit));
	look(&world, &done);
	done.maps = 0;
	if (step->undo)
		step->undo(&world);
	world_end(&world);
	while (try_point(step, n, &done))
		if (++n > 2000)
			FAIL("no end after %u points", n);
	xgt_info("%u points", n - 1);
	/* Else the kernel has not failed what it should. */
	if (n - 1 < step->least)
		FAIL("only %u points where something could fail", n - 1);
}

#define WALK(_name, _call, _least, _may, ...)				\
static void walk_##_name(void)						\
{									\
	static const struct step step = {				\
		.call = do_##_call, .least = _least,			\
		.may = MAY(EFAULT) | (_may), __VA_ARGS__		\
	};								\
									\
	walk(&step);							\
}

WALK(info, info, 2, 0)
WALK(attach, open, 8, MAY(ENOMEM) | MAY(ENFILE), .ready = ready_detached,
     .undo = undo_open)
WALK(open, open, 5, MAY(ENOMEM) | MAY(ENFILE), .undo = undo_open)
WALK(first, add, 6, MAY(ENOMEM), .ready = ready_idle)
WALK(add, add, 4, MAY(ENOMEM))
WALK(bind, bind, 3, MAY(ENOMEM))
WALK(rebind, rebind, 3, MAY(ENOMEM))
WALK(bind_file, bind_file, 5, MAY(ENOMEM))
WALK(derive, derive, 3, MAY(ENOMEM) | MAY(ENFILE), .undo = undo_open)
WALK(populate, populate, 3, MAY(ENOMEM), .absent = true)
WALK(populate_write, populate_write, 6, MAY(ENOMEM), .absent = true)
WALK(query, query, 2, 0)
WALK(read, read, 1, 0, .ready = ready_event)
/* What takes away or moves needs nothing but to know what. */
WALK(move, move, 1, 0)
WALK(unbind, unbind, 1, 0)
WALK(remove, remove, 1, 0)

/* --- the guest's faults --------------------------------------------------- */

/* Failures that are counted down from; more than there can be. */
#define FEW	10000
#define ROUNDS	40

/* Of what is allocated below the driver's code, a fifth fails. */
static void fail_below_driver(void)
{
	unsigned long address, low = ~0UL, high = 0;
	char line[256], type;
	FILE *f = fopen("/proc/kallsyms", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[xen_gpumem]") &&
		    sscanf(line, "%lx %c", &address, &type) == 2 &&
		    (type == 't' || type == 'T')) {
			low = address < low ? address : low;
			high = address > high ? address : high;
		}
	if (!f || !high)
		FAIL("the driver's code is nowhere");
	fclose(f);
	/* Not copies: the driver's threads make none. */
	for (int i = 0; i < 2; i++) {
		put_kind(kinds[i], "require-start", "0x%lx", low);
		put_kind(kinds[i], "require-end", "0x%lx", high + 0x100);
		put_kind(kinds[i], "stacktrace-depth", "32");
		put_kind(kinds[i], "interval", "1");
		put_kind(kinds[i], "times", "%d", FEW);
		put_kind(kinds[i], "probability", "20");
	}
}

static int failed(const char *kind)
{
	char path[128];
	int left = 0;
	FILE *f;

	snprintf(path, sizeof(path), DEBUGFS "%s/times", kind);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &left) != 1)
		FAIL("%s", path);
	fclose(f);
	return FEW - left;
}

/* In a process of its own: however it ends, the failures do. */
static void fault_rounds(void *arg)
{
	struct world *world = arg;

	world_make(world);
	fail_below_driver();
	for (unsigned int r = 0; r < ROUNDS; r++) {
		int i = r % PAGES;

		OK(madvise((void *)world->a, SIZE, MADV_DONTNEED));
		g_write(BASE + i * PAGE, r);
		CHECK_EQ(world->a[i * PAGE / 8], r);
	}
	fault_setup();
	stamp(world->a, SIZE, 0x100);
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), 0x100 + i);
	world_end(world);
}

/*
 * A vCPU's fault that finds no memory is tried again, and never gets the
 * policy for that: it would take a good thirty failures in a row.
 */
static void faults(void)
{
	struct world world;
	int slab, pages, status;
	pid_t pid;

	fault_setup();
	pid = xgt_fork(fault_rounds, &world);
	if (waitpid(pid, &status, 0) != pid)
		FAIL("waitpid: %s", strerror(errno));
	slab = failed("failslab");
	pages = failed("fail_page_alloc");
	fault_setup();
	if (status)
		FAIL("the rounds ended with status 0x%x", status);
	xgt_info("%d allocations of memory and %d of pages failed", slab,
		 pages);
	CHECK(slab + pages > 0);
}

static const struct xgt_test tests[] = {
	{ "L13-mock-nth-info", "L13", walk_info, 0, 0 },
	{ "L13-mock-nth-attach", "L13,S1", walk_attach, 0, 0 },
	{ "L13-mock-nth-open", "L13,S1", walk_open, 0, 0 },
	{ "L13-mock-nth-first", "L13,L11", walk_first, 0, 0 },
	{ "L13-mock-nth-add", "L13,L11", walk_add, 0, 0 },
	{ "L13-mock-nth-bind", "L13,L11", walk_bind, 0, 0 },
	{ "L13-mock-nth-rebind", "L13,L11", walk_rebind, 0, 0 },
	{ "L13-mock-nth-bind-file", "L13,L23", walk_bind_file, 0, 0 },
	{ "L13-mock-nth-derive", "L13,S1", walk_derive, 0, 0 },
	{ "L13-mock-nth-populate", "L13,L11", walk_populate, 0, 0 },
	{ "L13-mock-nth-populate-write", "L13,L11", walk_populate_write, 0, 0 },
	{ "L13-mock-nth-query", "L13,U4", walk_query, 0, 0 },
	{ "L13-mock-nth-read", "L13,S1", walk_read, 0, 0 },
	{ "L13-mock-nth-move", "L13,L11", walk_move, 0, 0 },
	{ "L13-mock-nth-unbind", "L13,L11", walk_unbind, 0, 0 },
	{ "L13-mock-nth-remove", "L13,L11", walk_remove, 0, 0 },
	{ "L4-mock-nth-faults", "L4,L13", faults, 0, 0 },
};

XGT_MAIN(tests)
