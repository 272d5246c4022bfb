// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem export
 * Description: Pages of a guest as dma-bufs in the hands of programs: contents
 *              both ways, and what ends, in whatever order
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: export
 * Test category: functionality test
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_export.h"

IGT_TEST_DESCRIPTION("Pages of a guest as dma-bufs in the hands of programs");

#define PAGES	64U
#define SIZE	(PAGES * GPUMEM_PAGE)
#define WORDS	(GPUMEM_PAGE / 8)

#define READONLY	XEN_GPUMEM_EXPORT_READONLY
#define READ_WRITE	(PROT_READ | PROT_WRITE)

/* --- contents ------------------------------------------------------------- */

static void mapped(const struct gpumem_source *s)
{
	struct xen_gpumem_export_query q;
	struct gpumem_export e;

	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	gpumem_export_coherent(&e, e.fd, e.map, 1);
	gpumem_export_coherent(&e, e.fd, e.map, 3);
	q = gpumem_export_query(e.dom, e.id);
	igt_assert_eq_u64(q.out_pages, PAGES);
	igt_assert_eq(q.out_mmaps, 1);
	igt_assert_eq(q.out_state, 0);
	gpumem_export_unmap(&e);
	igt_assert_eq(gpumem_export_query(e.dom, e.id).out_mmaps, 0);
	/* It was not the mapping that held the pages. */
	e.map = gpumem_map(e.fd, SIZE, PROT_READ);
	gpumem_check(e.map, SIZE, 4);
	gpumem_export_free(&e);
	gpumem_end();
}

static void cpu_access(const struct gpumem_source *s)
{
	static const uint64_t ways[] = {
		DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE, DMA_BUF_SYNC_RW,
	};
	struct pollfd ready = { .events = POLLIN | POLLOUT };
	struct gpumem_export e;

	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	for (uint64_t i = 0; i < ARRAY_SIZE(ways); i++) {
		gpumem_guest_fill(e.gpa, SIZE, 2 * i);
		gpumem_assert(__gpumem_sync(e.fd, DMA_BUF_SYNC_START |
					    ways[i]), 0);
		gpumem_check(e.map, SIZE, 2 * i);
		if (ways[i] & DMA_BUF_SYNC_WRITE)
			gpumem_fill(e.map, SIZE, 2 * i + 1);
		gpumem_assert(__gpumem_sync(e.fd, DMA_BUF_SYNC_END | ways[i]),
			      0);
		gpumem_guest_check(e.gpa, SIZE, 2 * i +
				   !!(ways[i] & DMA_BUF_SYNC_WRITE));
	}
	gpumem_assert(__gpumem_sync(e.fd, DMA_BUF_SYNC_START), -EINVAL);
	gpumem_assert(__gpumem_sync(e.fd, DMA_BUF_SYNC_END), -EINVAL);
	gpumem_assert(__gpumem_sync(e.fd, DMA_BUF_SYNC_RW | 1U << 31),
		      -EINVAL);
	/* No device is at work on it. */
	ready.fd = e.fd;
	igt_assert_eq(poll(&ready, 1, 0), 1);
	igt_assert_eq(ready.revents, POLLIN | POLLOUT);
	gpumem_export_free(&e);
	gpumem_end();
}

/* The guest checks and rewrites all of it the whole time. */
static void while_guest_writes(const struct gpumem_source *s)
{
	struct gpumem_export e;
	uint64_t sum = 0;

	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	gpumem_guest_work(0, e.gpa, SIZE, 1);
	for (int i = 0; i < 20; i++) {
		void *p = gpumem_map(e.fd, SIZE, PROT_READ);
		uint64_t now = gpumem_sum(p, SIZE);

		igt_assert_neq_u64(now, sum);
		sum = now;
		munmap(p, SIZE);
		gpumem_guest_rounds(0, 1);
	}
	gpumem_check(e.map, SIZE, gpumem_guest_stop(0));
	gpumem_export_free(&e);
	gpumem_end();
}

/* A buffer of the area's pages in an order of its own. */
static int export_order(int dom, const struct gpumem_source *s,
			const uint32_t *order, uint32_t n)
{
	struct xen_gpumem_frames frames[PAGES], ranges[2 * PAGES];
	uint32_t refs[PAGES], mixed[2 * PAGES];
	int fd;

	igt_assert(n <= 2 * PAGES);
	if (s == GPUMEM_GRANTS)
		gpumem_guest_refs(0, refs, PAGES);
	else
		gpumem_guest_frames(0, frames, PAGES);
	for (uint32_t i = 0; i < n; i++) {
		if (s == GPUMEM_GRANTS)
			mixed[i] = refs[order[i]];
		else
			ranges[i] = frames[order[i]];
	}
	fd = s == GPUMEM_GRANTS ?
	     __gpumem_export_grants(dom, mixed, n, 0, NULL) :
	     __gpumem_export_frames(dom, ranges, n, 0, NULL);
	igt_assert_lte(0, fd);
	return fd;
}

static void scattered(const struct gpumem_source *s)
{
	uint32_t order[2 * PAGES];
	struct gpumem_export e;
	uint64_t *p;
	int fd;

	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	/* Each page twice: here and there, and from the last one on. */
	for (uint32_t i = 0; i < PAGES; i++) {
		order[i] = i * 29 % PAGES;
		order[PAGES + i] = PAGES - 1 - i;
	}
	fd = export_order(e.dom, s, order, 2 * PAGES);
	p = gpumem_map(fd, 2 * SIZE, READ_WRITE);
	gpumem_guest_fill(e.gpa, SIZE, 1);
	for (uint32_t i = 0; i < 2 * PAGES; i++)
		for (uint32_t k = 0; k < WORDS; k++)
			igt_assert_eq_u64(p[i * WORDS + k],
					  gpumem_word(1, order[i] *
						      GPUMEM_PAGE + k * 8));
	/* What is there twice is one page. */
	p[WORDS + 3] = 12345;
	igt_assert_eq_u64(((volatile uint64_t *)e.map)[29 * WORDS + 3], 12345);
	igt_assert_eq_u64(p[(2 * PAGES - 1 - 29) * WORDS + 3], 12345);
	igt_assert_eq_u64(gpumem_guest_read(e.gpa + 29 * GPUMEM_PAGE + 24),
			  12345);
	munmap(p, 2 * SIZE);
	close(fd);
	gpumem_export_free(&e);
	gpumem_end();
}

static void part(const struct gpumem_source *s)
{
	struct gpumem_export e;
	uint8_t *p;

	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	gpumem_guest_fill(e.gpa, SIZE, 1);
	igt_assert_eq_u64(lseek(e.fd, 0, SEEK_END), SIZE);
	p = mmap(NULL, 3 * GPUMEM_PAGE, READ_WRITE, MAP_SHARED, e.fd,
		 5 * GPUMEM_PAGE);
	igt_assert(p != MAP_FAILED);
	igt_assert(!memcmp(p, (uint8_t *)e.map + 5 * GPUMEM_PAGE,
			   3 * GPUMEM_PAGE));
	gpumem_fill(p, 3 * GPUMEM_PAGE, 2);
	gpumem_guest_check(e.gpa + 5 * GPUMEM_PAGE, 3 * GPUMEM_PAGE, 2);
	gpumem_guest_check(e.gpa, 5 * GPUMEM_PAGE, 1);
	/* A hole in the large one is none in the small one. */
	igt_assert(!munmap((uint8_t *)e.map + 6 * GPUMEM_PAGE, GPUMEM_PAGE));
	gpumem_check(p, 3 * GPUMEM_PAGE, 2);
	gpumem_check(e.map, 5 * GPUMEM_PAGE, 1);
	gpumem_assert(gpumem_map_error(e.fd, 2 * GPUMEM_PAGE, PROT_READ,
				       MAP_SHARED, SIZE - GPUMEM_PAGE),
		      -EINVAL);
	gpumem_assert(gpumem_map_error(e.fd, GPUMEM_PAGE, PROT_READ,
				       MAP_SHARED, SIZE), -EINVAL);
	gpumem_assert(gpumem_map_error(e.fd, GPUMEM_PAGE, PROT_READ,
				       MAP_PRIVATE, 0), -EINVAL);
	gpumem_assert(gpumem_map_error(e.fd, GPUMEM_PAGE, PROT_READ,
				       MAP_SHARED, SIZE - GPUMEM_PAGE), 0);
	munmap(p, 3 * GPUMEM_PAGE);
	gpumem_export_free(&e);
	gpumem_end();
}

static void readonly(const struct gpumem_source *s)
{
	struct gpumem_export e;
	void *p, *q;
	int fd;

	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, READONLY);
	igt_assert_eq(fcntl(e.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	igt_assert_eq(gpumem_export_query(e.dom, e.id).out_flags,
		      READONLY | XEN_GPUMEM_EXPORT_CLOEXEC);
	gpumem_export_stays_readonly(&e, e.fd);
	/* Control: the same pages, exported to be written, can be. */
	fd = gpumem_export_area(e.dom, s, 0, PAGES, 0, NULL);
	p = gpumem_map(e.fd, SIZE, PROT_READ);
	q = gpumem_map(fd, SIZE, READ_WRITE);
	gpumem_fill(q, SIZE, 12);
	gpumem_check(p, SIZE, 12);
	gpumem_guest_check(e.gpa, SIZE, 12);
	munmap(p, SIZE);
	munmap(q, SIZE);
	close(fd);
	gpumem_export_free(&e);
	gpumem_end();
}

/* A child has the descriptor, and not the mapping. */
static void forked(const struct gpumem_source *s)
{
	struct gpumem_export e;
	uint64_t word;

	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	gpumem_guest_fill(e.gpa, SIZE, 1);
	gpumem_check(e.map, SIZE, 1);
	igt_assert_eq(madvise(e.map, SIZE, MADV_DOFORK), -1);
	igt_assert_eq(errno, EINVAL);
	igt_fork(child, 1) {
		void *p;

		igt_assert_eq(gpumem_read_signal(e.map, &word), SIGSEGV);
		p = gpumem_map(e.fd, SIZE, READ_WRITE);
		gpumem_check(p, SIZE, 1);
		gpumem_fill(p, SIZE, 2);
	}
	igt_waitchildren();
	gpumem_check(e.map, SIZE, 2);
	gpumem_guest_check(e.gpa, SIZE, 2);
	gpumem_export_free(&e);
	gpumem_end();
}

/* Whoever holds the fd exports, without any privilege. */
static void unprivileged(const struct gpumem_source *s)
{
	int dom;

	gpumem_begin();
	gpumem_guest_share(0, PAGES, true);
	dom = gpumem_export_fd();
	igt_fork(child, 1) {
		struct gpumem_export e = {
			.source = s, .size = SIZE, .gpa = GPUMEM_SHARED(0),
			.dom = dom,
		};

		igt_drop_root();
		gpumem_assert(__gpumem_open_node(), -EACCES);
		e.fd = gpumem_export_area(dom, s, 0, PAGES, 0, &e.id);
		e.map = gpumem_map(e.fd, SIZE, READ_WRITE);
		gpumem_export_coherent(&e, e.fd, e.map, 1);
	}
	igt_waitchildren();
	gpumem_guest_check(GPUMEM_SHARED(0), SIZE, 2);
	close(dom);
	gpumem_end();
}

#define MANY		64U
#define MANY_SIZE(i)	((1 + (i) / GPUMEM_AREAS) * GPUMEM_PAGE)

/* Every area several times, a page more each time. */
static void many(const struct gpumem_source *s)
{
	struct xen_gpumem_export_query q;
	uint32_t id = 0, found = 0;
	void *map[MANY];
	int fd[MANY], dom;

	gpumem_begin();
	dom = gpumem_export_fd();
	for (unsigned int a = 0; a < GPUMEM_AREAS; a++) {
		gpumem_guest_share(a, MANY / GPUMEM_AREAS, true);
		gpumem_guest_fill(GPUMEM_SHARED(a), MANY_SIZE(MANY - 1), a);
	}
	for (unsigned int i = 0; i < MANY; i++) {
		fd[i] = gpumem_export_area(dom, s, i % GPUMEM_AREAS,
					   1 + i / GPUMEM_AREAS, 0, NULL);
		map[i] = gpumem_map(fd[i], MANY_SIZE(i), PROT_READ);
	}
	for (unsigned int i = 0; i < MANY; i++)
		gpumem_check(map[i], MANY_SIZE(i), i % GPUMEM_AREAS);
	for (unsigned int i = 0; i < MANY; i += 2) {
		munmap(map[i], MANY_SIZE(i));
		close(fd[i]);
	}
	for (; !__gpumem_export_query(dom, id, XEN_GPUMEM_EXPORT_QUERY_NEXT,
				      &q); id = q.id)
		found++;
	igt_assert_eq(found, MANY / 2);
	for (unsigned int i = 1; i < MANY; i += 2) {
		gpumem_check(map[i], MANY_SIZE(i), i % GPUMEM_AREAS);
		munmap(map[i], MANY_SIZE(i));
		close(fd[i]);
	}
	for (unsigned int a = 0; a < GPUMEM_AREAS; a++)
		gpumem_guest_unshare(a);
	close(dom);
	gpumem_end();
}

/* --- ends ----------------------------------------------------------------- */

static void revoked(const struct gpumem_source *s)
{
	struct gpumem_export e;
	uint64_t word, *last;
	void *p;
	int fd;

	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	gpumem_export_coherent(&e, e.fd, e.map, 1);
	last = (uint64_t *)e.map + SIZE / 8 - 1;
	/* Control: another one of the same pages, which is to stay. */
	fd = gpumem_export_area(e.dom, s, 0, PAGES, 0, NULL);
	p = gpumem_map(fd, SIZE, READ_WRITE);

	igt_assert(gpumem_export_revoke(&e));
	gpumem_export_is_gone(&e, NULL);
	gpumem_assert(__gpumem_export_revoke(e.dom, e.id), 0);
	gpumem_check(p, SIZE, 2);
	gpumem_guest_fill(e.gpa, SIZE, 3);
	gpumem_check(p, SIZE, 3);
	igt_assert_eq(gpumem_read_signal(p, &word), 0);
	munmap(p, SIZE);
	close(fd);

	/* With the mapping and the dma-buf still there. */
	gpumem_guest_unshare(0);
	gpumem_guest_has_all();
	igt_assert_eq(gpumem_read_signal(last, &word), SIGBUS);
	gpumem_export_unmap(&e);
	gpumem_export_close(&e);
	gpumem_assert(__gpumem_export_revoke(e.dom, e.id), -ENOENT);
	gpumem_export_free(&e);
	gpumem_end();
}

#define READERS	2

/* Reads all over until it is taken away: what is read is right until then. */
static void read_until_gone(int fd, volatile uint64_t *reads)
{
	uint64_t *p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0), word = 0;
	uint32_t page = 0;
	int sig;

	if (p == MAP_FAILED) {
		igt_assert_eq(errno, ENODEV);
		return;
	}
	while (!(sig = gpumem_read_signal(p + page * WORDS, &word))) {
		igt_assert_eq_u64(word, gpumem_word(1, page * GPUMEM_PAGE));
		page = (page + 17) % PAGES;
		++*reads;
	}
	igt_assert_eq(sig, SIGBUS);
}

static void revoke_while_read(const struct gpumem_source *s)
{
	volatile uint64_t *reads = mmap(NULL, GPUMEM_PAGE, READ_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct gpumem_export e;

	igt_assert(reads != MAP_FAILED);
	gpumem_begin();
	for (unsigned int round = 0; round < 10; round++) {
		gpumem_export_new(&e, s, 0, SIZE, 0);
		gpumem_guest_fill(e.gpa, SIZE, 1);
		memset((void *)reads, 0, GPUMEM_PAGE);
		igt_fork(child, READERS)
			read_until_gone(e.fd, &reads[child]);
		/* They are at it, but for the rounds that may be too early. */
		for (int i = 0; round % 2 && i < 1000 &&
		     (!reads[0] || !reads[1]); i++)
			usleep(10000);
		gpumem_assert(__gpumem_export_revoke(e.dom, e.id), 0);
		igt_waitchildren();
		igt_assert(!(round % 2) || (reads[0] && reads[1]));
		gpumem_export_free(&e);
	}
	munmap((void *)reads, GPUMEM_PAGE);
	gpumem_guest_has_all();
	gpumem_end();
}

/* The guest takes back what is exported: it does not get it. */
static void unshared(void)
{
	struct gpumem_export e;

	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, 0);
	gpumem_export_coherent(&e, e.fd, e.map, 1);
	gpumem_guest_unshare(0);
	gpumem_guest_share(1, 4 * PAGES, true);
	gpumem_guest_fill(GPUMEM_SHARED(1), 4 * SIZE, 3);
	gpumem_check(e.map, SIZE, 2);
	gpumem_fill(e.map, SIZE, 4);
	gpumem_guest_check(GPUMEM_SHARED(1), 4 * SIZE, 3);
	gpumem_check(e.map, SIZE, 4);
	gpumem_guest_unshare(1);
	gpumem_assert(__gpumem_guest_share(1, GPUMEM_SHARED_MAX, true),
		      -ENOSPC);
	gpumem_export_free(&e);
	gpumem_guest_has_all();
	gpumem_end();
}

/* Who has it is killed, as it writes. */
static void holder_killed(const struct gpumem_source *s)
{
	volatile uint64_t *rounds = mmap(NULL, GPUMEM_PAGE, READ_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct igt_helper_process holder = { .use_SIGKILL = true };
	struct gpumem_export e;

	igt_assert(rounds != MAP_FAILED);
	gpumem_begin();
	gpumem_guest_share(0, PAGES, true);
	igt_fork_helper(&holder) {
		gpumem_export_new(&e, s, 0, SIZE, 0);
		for (;; ++*rounds)
			gpumem_fill(e.map, SIZE, 1);
	}
	for (int i = 0; i < 1000 && *rounds < 2; i++)
		usleep(10000);
	igt_assert(*rounds >= 2);
	gpumem_guest_check(GPUMEM_SHARED(0), SIZE, 1);
	igt_stop_helper(&holder);
	gpumem_guest_check(GPUMEM_SHARED(0), SIZE, 1);
	gpumem_guest_unshare(0);
	gpumem_guest_has_all();
	munmap((void *)rounds, GPUMEM_PAGE);
	gpumem_end();
}

/* A new export of a guest of which nothing is left, which may take a while. */
static int export_of_none(int dom)
{
	const uint32_t ref = 8;
	int err = 0;

	for (int i = 0; i < 600 && err != -ESRCH; i++) {
		err = __gpumem_export_grants(dom, &ref, 1, READONLY, NULL);
		if (err >= 0)
			close(err);
		usleep(100000);
	}
	return err;
}

/* The guest is gone, and what it last wrote is here. */
static void guest_dies(const struct gpumem_source *s)
{
	struct gpumem_export e;
	uint64_t word;
	void *p;

	gpumem_guest_may_die_require();
	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	gpumem_guest_fill(e.gpa, SIZE, 1);
	/* A half of it is mapped before, the rest when the guest is gone. */
	gpumem_check(e.map, SIZE / 2, 1);
	gpumem_guest_end();
	gpumem_check(e.map, SIZE, 1);
	gpumem_fill(e.map, SIZE, 2);
	p = gpumem_map(e.fd, SIZE, PROT_READ);
	gpumem_check(p, SIZE, 2);
	igt_assert_eq(gpumem_export_query(e.dom, e.id).out_mmaps, 2);
	igt_assert(gpumem_export_revoke(&e));
	gpumem_export_is_gone(&e, NULL);
	igt_assert_eq(gpumem_read_signal(p, &word), SIGBUS);
	/* Its pages were all that was left of it, dma-buf or not. */
	gpumem_assert(export_of_none(e.dom), -ESRCH);
	munmap(p, SIZE);
	gpumem_export_free(&e);
}

static void guest_dies_grants(void)
{
	guest_dies(GPUMEM_GRANTS);
}

static void guest_dies_frames(void)
{
	guest_dies(GPUMEM_FRAMES);
}

static const struct {
	const char *name, *what;
	void (*fn)(const struct gpumem_source *s);
} of_source[] = {
	/**
	 * SUBTEST: mmap
	 * Description: Contents both ways, every word, through a mapping
	 */
	{ "mmap", "Contents both ways, every word, through a mapping", mapped },
	/**
	 * SUBTEST: cpu-access
	 * Description: The same between beginning and end of each access
	 */
	{ "cpu-access", "The same between beginning and end of each access",
	  cpu_access },
	/**
	 * SUBTEST: while-guest-writes
	 * Description: Mapped and read while the guest rewrites all of it
	 */
	{ "while-guest-writes", "Read while the guest rewrites all of it",
	  while_guest_writes },
	/**
	 * SUBTEST: scattered
	 * Description: Pages in any order, and more than once
	 */
	{ "scattered", "Pages in any order, and more than once", scattered },
	/**
	 * SUBTEST: part
	 * Description: A part of the buffer, and what is beyond its end
	 */
	{ "part", "A part of the buffer, and what is beyond its end", part },
	/**
	 * SUBTEST: readonly
	 * Description: What is exported for reading cannot be written
	 */
	{ "readonly", "What is exported for reading cannot be written",
	  readonly },
	/**
	 * SUBTEST: fork
	 * Description: A child does not inherit the mapping, but can make one
	 */
	{ "fork", "A child does not inherit the mapping, but can make one",
	  forked },
	/**
	 * SUBTEST: unprivileged
	 * Description: Whoever holds the domain fd exports, without privilege
	 */
	{ "unprivileged", "Who holds the domain fd exports, without privilege",
	  unprivileged },
	/**
	 * SUBTEST: many
	 * Description: Many at a time, over the same pages, that go one by one
	 */
	{ "many", "Many at a time, over the same pages, that go one by one",
	  many },
	/**
	 * SUBTEST: revoke
	 * Description: It is taken away, and the guest has its pages again
	 */
	{ "revoke", "It is taken away, and the guest has its pages again",
	  revoked },
	/**
	 * SUBTEST: revoke-while-read
	 * Description: The same under the eyes of those who read it
	 */
	{ "revoke-while-read", "The same under the eyes of those who read it",
	  revoke_while_read },
	/**
	 * SUBTEST: holder-killed
	 * Description: Who has it is killed, as it writes
	 */
	{ "holder-killed", "Who has it is killed, as it writes",
	  holder_killed },
};

static const struct {
	const char *name, *what;
	void (*fn)(void);
} tests[] = {
	/**
	 * SUBTEST: unshared
	 * Description: The guest takes back what is exported, and has to wait
	 */
	{ "unshared", "The guest takes back what is exported, and has to wait",
	  unshared },
	/* Last: they need a guest each, and there is one. */
	/**
	 * SUBTEST: guest-dies-%s
	 * Description: The guest ends while its pages, named by %arg[1], are
	 *              exported
	 *
	 * arg[1]:
	 *
	 * @grants:	grant references
	 * @frames:	guest addresses
	 */
	{ "guest-dies-grants", "The guest ends while its pages are exported",
	  guest_dies_grants },
	{ "guest-dies-frames", "The guest ends while its pages are exported",
	  guest_dies_frames },
};

int igt_main()
{
	igt_fixture()
		gpumem_export_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(of_source); i++) {
		igt_describe(of_source[i].what);
		igt_subtest_with_dynamic(of_source[i].name)
			gpumem_each_source(of_source[i].fn);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name)
			tests[i].fn();
	}
}
