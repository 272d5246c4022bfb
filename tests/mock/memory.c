// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of memory on the mock: what the guest sees is what the process has.
 *
 * Each test lends something, reads and writes it as the guest and as the
 * process, has the kernel change the mapping in some way, and checks at once
 * that the guest has lost what it must not have any more, and then what it
 * sees instead.
 */
#include <linux/udmabuf.h>
#include <sys/syscall.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

/* First touch faults, the second does not; both sides see one memory. */
static void fault_in(void)
{
	volatile uint64_t *p;
	struct xgm_access a;
	uint32_t w;

	mock_begin(1);
	p = map_shared(memfd_new(SIZE), SIZE);
	stamp(p, SIZE, 100);
	w = window_of(p, SIZE);
	CHECK(!g_has(w, 0));
	a = guest_access(0, BASE + 3 * PAGE, READ, 0);
	CHECK_EQ(a.out_result, XGM_DONE);
	CHECK_EQ(a.value, 103);
	CHECK(a.out_faults >= 1);
	a = guest_access(0, BASE + 3 * PAGE, READ, 0);
	CHECK_EQ(a.out_faults, 0);
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), 100 + i);
	g_write(BASE + 5 * PAGE + 8, 0x1234);
	CHECK_EQ(p[5 * PAGE / 8 + 1], 0x1234);
	p[5 * PAGE / 8 + 1] = 0x4321;
	CHECK_EQ(g_read(BASE + 5 * PAGE + 8), 0x4321);
	CHECK_EQ(gm_pages(xgt_dom, w, 0, 0), mock_stats().out_present);
	mock_end();
}

/* One revocation: how, and what the guest finds after it. */
struct loss {
	const char *what;
	int (*fn)(volatile uint64_t *p, int fd);
	enum xgm_result then;
	uint64_t value;
	bool anon;
};

static int lose_dontneed(volatile uint64_t *p, int fd)
{
	(void)fd;
	return madvise((void *)p, SIZE, MADV_DONTNEED);
}

static int lose_munmap(volatile uint64_t *p, int fd)
{
	(void)fd;
	return munmap((void *)p, SIZE);
}

static int lose_none(volatile uint64_t *p, int fd)
{
	(void)fd;
	return mprotect((void *)p, SIZE, PROT_NONE);
}

static int lose_mremap(volatile uint64_t *p, int fd)
{
	(void)fd;
	return mremap((void *)p, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		      map_anon(SIZE)) == MAP_FAILED;
}

static int lose_punch(volatile uint64_t *p, int fd)
{
	(void)p;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 SIZE);
}

static int lose_truncate(volatile uint64_t *p, int fd)
{
	(void)p;
	return ftruncate(fd, 0);
}

static int lose_fixed(volatile uint64_t *p, int fd)
{
	void *q = mmap((void *)p, SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	(void)fd;
	return q != p;
}

static void lose(const struct loss *loss)
{
	int fd = memfd_new(SIZE);
	volatile uint64_t *p = loss->anon ? map_anon(SIZE) :
					    map_shared(fd, SIZE);
	uint32_t w;

	stamp(p, SIZE, 7000);
	w = window_of(p, SIZE);
	for (int i = 0; i < PAGES; i++) {
		g_write(BASE + i * PAGE + 8, i);
		CHECK_EQ(g_read(BASE + i * PAGE), 7000 + i);
	}
	wait_served(w);
	if (loss->fn(p, fd))
		FAIL("%s: %s", loss->what, strerror(errno));
	for (int i = 0; i < PAGES; i++)
		if (g_has(w, i))
			FAIL("%s: the guest still has page %d", loss->what, i);
	mock_check();
	for (int i = 0; i < PAGES; i++) {
		struct xgm_access a = guest_access(0, BASE + i * PAGE, READ, 0);

		if (a.out_result != loss->then ||
		    (a.out_result == XGM_DONE && a.value != loss->value + i *
		     !!loss->value))
			FAIL("%s: result %u, value %llu", loss->what,
			     a.out_result, a.value);
	}
	OK(gm_window_remove(xgt_dom, w));
	close(fd);
}

static void losses(void)
{
	static const struct loss all[] = {
		{ "DONTNEED, anonymous", lose_dontneed, XGM_DONE, 0, true },
		{ "DONTNEED, shared", lose_dontneed, XGM_DONE, 7000, false },
		{ "munmap", lose_munmap, XGM_INJECTED, 0, false },
		{ "munmap, anonymous", lose_munmap, XGM_INJECTED, 0, true },
		{ "PROT_NONE", lose_none, XGM_INJECTED, 0, true },
		{ "mremap", lose_mremap, XGM_INJECTED, 0, true },
		{ "punch", lose_punch, XGM_DONE, 0, false },
		{ "truncate", lose_truncate, XGM_INJECTED, 0, false },
		{ "MAP_FIXED", lose_fixed, XGM_DONE, 0, false },
	};

	mock_begin(1);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		lose(&all[i]);
	mock_end();
}

/* A part of a binding goes; the rest stays, untouched. */
static void lose_part(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	stamp(p, SIZE, 50);
	w = window_of(p, SIZE);
	for (int i = 0; i < PAGES; i++)
		g_write(BASE + i * PAGE + 8, 1);
	wait_served(w);
	OK(madvise((char *)p + 2 * PAGE, 3 * PAGE, MADV_DONTNEED));
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(g_has(w, i), i < 2 || i >= 5);
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(g_read(BASE + i * PAGE),
			 i < 2 || i >= 5 ? 50 + i : 0);
	mock_end();
}

/* A private mapping of a file: reads see the file, writes never get there. */
static void private_file(void)
{
	int fd;
	volatile uint64_t *file, *p;
	uint32_t w;

	mock_begin(1);
	fd = memfd_new(SIZE);
	file = map_shared(fd, SIZE);
	stamp(file, SIZE, 10);
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	w = window_of(p, SIZE);
	CHECK_EQ(g_read(BASE + PAGE), 11);
	CHECK(!g_can_write(w, 1));
	/* Still the file's page. */
	file[PAGE / 8] = 77;
	CHECK_EQ(g_read(BASE + PAGE), 77);
	g_write(BASE + PAGE, 99);
	CHECK_EQ(p[PAGE / 8], 99);
	CHECK_EQ(file[PAGE / 8], 77);
	CHECK_EQ(g_read(BASE + PAGE), 99);
	CHECK(g_can_write(w, 1));
	/* The process's own write, under a page that the guest only reads. */
	CHECK_EQ(g_read(BASE + 2 * PAGE), 12);
	p[2 * PAGE / 8] = 13;
	CHECK_EQ(g_read(BASE + 2 * PAGE), 13);
	CHECK_EQ(file[2 * PAGE / 8], 12);
	mock_end();
}

static volatile uint64_t *forked;

static void fork_child(void *arg)
{
	int *pipes = arg;
	char c;

	CHECK(read(pipes[0], &c, 1) == 1);
	/* The parent's guest has written meanwhile. */
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(forked[i * PAGE / 8], 500 + i);
}

static void fork_with(bool whole)
{
	int pipes[2];
	uint32_t w;
	pid_t pid;

	mock_begin(1);
	if (whole)
		mock_whole();
	forked = map_anon(SIZE);
	stamp(forked, SIZE, 500);
	w = window_of(forked, SIZE);
	for (int i = 0; i < PAGES; i++)
		g_write(BASE + i * PAGE, 500 + i);
	wait_served(w);
	CHECK(g_can_write(w, 0));
	CHECK(!pipe(pipes));
	pid = xgt_fork(fork_child, pipes);
	for (int i = 0; i < PAGES; i++) {
		CHECK(!g_can_write(w, i));
		CHECK_EQ(g_has(w, i), !whole);
	}
	/* One copy may come with others: the kernel copies around. */
	for (int i = 0; i < PAGES; i++) {
		CHECK_EQ(g_read(BASE + i * PAGE), 500 + i);
		g_write(BASE + i * PAGE, 900 + i);
		CHECK_EQ(forked[i * PAGE / 8], 900 + i);
	}
	CHECK(write(pipes[1], "x", 1) == 1);
	xgt_join(pid);
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), 900 + i);
	mock_end();
}

/* fork() takes the permission to write; parent and child part ways. */
static void fork_cow(void)
{
	fork_with(false);
}

/* The same where the hypervisor can only take the page. */
static void fork_cow_whole(void)
{
	fork_with(true);
}

static void mprotect_ro(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_shared(memfd_new(SIZE), SIZE);
	w = window_of(p, SIZE);
	g_write(BASE, 1);
	OK(mprotect((void *)p, SIZE, PROT_READ));
	CHECK(!g_can_write(w, 0));
	CHECK_EQ(g_read(BASE), 1);
	g_expect(BASE, WRITE, XGM_INJECTED);
	CHECK_EQ(p[0], 1);
	OK(mprotect((void *)p, SIZE, PROT_READ | PROT_WRITE));
	g_write(BASE, 2);
	CHECK_EQ(p[0], 2);
	mock_end();
}

static void readonly_bind(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_shared(memfd_new(SIZE), SIZE);
	stamp(p, SIZE, 40);
	w = window_new(2 * SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, XEN_GPUMEM_BIND_READONLY,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_bind(xgt_dom, w, SIZE, SIZE, p, XEN_GPUMEM_BIND_READONLY |
		   XEN_GPUMEM_BIND_WRITE_FIRST, XEN_GPUMEM_POLICY_ZERO));
	for (int i = 0; i < 2 * PAGES; i++) {
		CHECK_EQ(g_read(BASE + i * PAGE), 40 + i % PAGES);
		CHECK(!g_can_write(w, i));
		g_expect(BASE + i * PAGE, WRITE, XGM_INJECTED);
		CHECK_EQ(g_read(BASE + i * PAGE), 40 + i % PAGES);
	}
	/* Nor by this way: that the process may write changes nothing. */
	ERR(gm_populate(xgt_dom, w, 0, PAGE, XEN_GPUMEM_POPULATE_WRITE, NULL),
	    ENODATA);
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(p[i * PAGE / 8], 40 + i);
	mock_end();
}

/* What may be written is faulted in so that it can, and only if asked. */
static void write_first(void)
{
	volatile uint64_t *p;
	struct xgm_access a;
	uint32_t w;

	mock_begin(1);
	p = map_anon(2 * SIZE);
	w = window_new(2 * SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_bind(xgt_dom, w, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	OK(gm_bind(xgt_dom, w, SIZE, SIZE, (char *)p + SIZE,
		   XEN_GPUMEM_BIND_WRITE_FIRST, XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(g_read(BASE), 0);
	CHECK(!g_can_write(w, 0));
	CHECK_EQ(g_read(BASE + SIZE), 0);
	CHECK(g_can_write(w, PAGES));
	a = guest_access(0, BASE + SIZE, WRITE, 5);
	CHECK(a.out_result == XGM_DONE && !a.out_faults);
	CHECK_EQ(p[SIZE / 8], 5);
	g_write(BASE, 6);
	CHECK_EQ(p[0], 6);
	mock_end();
}

/* Large pages: contiguous frames go in few extents. */
static void thp(void)
{
	volatile uint64_t *p;
	uint32_t w;
	char *at;

	mock_begin(1);
	at = (char *)map_anon(6 * MIB);
	at = (char *)(((uintptr_t)at + 2 * MIB - 1) & ~(2 * MIB - 1));
	p = (void *)at;
	OK(madvise(at, 4 * MIB, MADV_HUGEPAGE));
	stamp(p, 4 * MIB, 1000000);
	w = window_of(p, 4 * MIB);
	OK(gm_populate(xgt_dom, w, 0, 4 * MIB, XEN_GPUMEM_POPULATE_WRITE,
		       NULL));
	CHECK_EQ(mock_stats().out_present, 1024);
	CHECK_EQ(mock_stats().out_max_frames, 512);
	xgt_info("2 MiB in at most %u extents", mock_stats().out_max_extents);
	for (int i = 0; i < 1024; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), 1000000 + i);
	/* A part of a large page goes: the kernel splits it. */
	OK(madvise(at + 16 * PAGE, PAGE, MADV_DONTNEED));
	CHECK(!g_has(w, 16));
	for (int i = 0; i < 1024; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), i == 16 ? 0 : 1000000 + i);
	mock_end();
}

static void hugetlb(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	set_file("/proc/sys/vm/nr_hugepages", "2");
	p = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (p == MAP_FAILED)
		xgt_skip("no huge pages: %s", strerror(errno));
	stamp(p, 4 * MIB, 5000);
	w = window_of(p, 4 * MIB);
	for (int i = 0; i < 1024; i += 37) {
		CHECK_EQ(g_read(BASE + i * PAGE), 5000 + i);
		g_write(BASE + i * PAGE, i);
		CHECK_EQ(p[i * PAGE / 8], i);
	}
	munmap((void *)p, 2 * MIB);
	CHECK(!g_has(w, 0) && g_has(w, 518));
	g_expect(BASE, READ, XGM_INJECTED);
	CHECK_EQ(g_read(BASE + 518 * PAGE), 518);
	munmap((char *)p + 2 * MIB, 2 * MIB);
	set_file("/proc/sys/vm/nr_hugepages", "0");
	mock_end();
}

/* A dma-buf of ordinary memory: VM_PFNMAP, the way of all GPU buffers. */
static void udmabuf(void)
{
	struct udmabuf_create create = { .size = SIZE };
	volatile uint64_t *file, *p;
	int fd, buf;
	uint32_t w;

	mock_begin(1);
	fd = memfd_create("udmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	CHECK(fd >= 0 && !ftruncate(fd, SIZE));
	CHECK(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	file = map_shared(fd, SIZE);
	stamp(file, SIZE, 300);
	create.memfd = fd;
	buf = ioctl(open("/dev/udmabuf", O_RDWR | O_CLOEXEC), UDMABUF_CREATE,
		    &create);
	if (buf < 0)
		xgt_skip("udmabuf: %s", strerror(errno));
	p = map_shared(buf, SIZE);
	w = window_of(p, SIZE);
	for (int i = 0; i < PAGES; i++) {
		CHECK_EQ(g_read(BASE + i * PAGE), 300 + i);
		g_write(BASE + i * PAGE, i);
		CHECK_EQ(file[i * PAGE / 8], i);
	}
	OK(munmap((void *)p, SIZE));
	CHECK(!g_has(w, 0));
	g_expect(BASE, READ, XGM_INJECTED);
	mock_end();
}

/* What must not be lent is not, and that is told from what is not there. */
static void refused(void)
{
	int secret = syscall(SYS_memfd_secret, 0);
	volatile uint64_t *p, *s = MAP_FAILED;
	uint32_t w;

	mock_begin(1);
	p = map_anon(PAGE);
	p[0] = 1;
	w = window_of(p, PAGE);
	CHECK_EQ(g_read(BASE), 1);
	OK(gm_window_remove(xgt_dom, w));
	if (secret >= 0 && !ftruncate(secret, PAGE))
		s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			 secret, 0);
	if (s == MAP_FAILED)
		xgt_skip("no memfd_secret: %s", strerror(errno));
	s[0] = 0x5ec2e7;
	w = window_of(s, PAGE);
	g_expect(BASE, READ, XGM_INJECTED);
	g_expect(BASE, WRITE, XGM_INJECTED);
	ERR(gm_populate(xgt_dom, w, 0, PAGE, 0, NULL), EACCES);
	CHECK(!g_has(w, 0));
	CHECK_EQ(mock_stats().out_present, 0);
	OK(munmap((void *)s, PAGE));
	ERR(gm_populate(xgt_dom, w, 0, PAGE, 0, NULL), ENODATA);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L3-mock-fault-in", "L3,L1", fault_in, 0, 0 },
	{ "L2-mock-losses", "L2,L1", losses, 0, 0 },
	{ "L2-mock-lose-part", "L2", lose_part, 0, 0 },
	{ "L17-mock-private-file", "L17,L1", private_file, 0, 0 },
	{ "L17-mock-fork-cow", "L17", fork_cow, 0, 0 },
	{ "L17-mock-fork-cow-whole", "L17", fork_cow_whole, 0, 0 },
	{ "L17-mock-mprotect", "L17", mprotect_ro, 0, 0 },
	{ "L17-mock-readonly-bind", "L17", readonly_bind, 0, 0 },
	{ "L17-mock-write-first", "L17", write_first, 0, 0 },
	{ "L15-mock-thp", "L15,L1", thp, 0, 0 },
	{ "L1-mock-hugetlb", "L1", hugetlb, 0, 0 },
	{ "L1-mock-udmabuf", "L1", udmabuf, 0, 0 },
	{ "L1-mock-refused", "L1", refused, 0, 0 },
};

XGT_MAIN(tests)
