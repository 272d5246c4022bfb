// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the kernel moves by itself, on the mock: reclaim, swap, merging,
 * compaction, large pages made and split, copy on write.
 *
 * None of it may lose a write of the guest's, show it an older one, or write
 * through to a page that someone else has.
 */
#include <sys/swap.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)

/* Make reclaim possible: swap on a compressed RAM disk. */
static void swap_on(void)
{
	static char header[PAGE] __attribute__((aligned(4096)));
	uint32_t *info = (uint32_t *)(header + 1024);
	int fd;

	set_file("/sys/block/zram0/disksize", "67108864");
	fd = open("/dev/zram0", O_RDWR | O_CLOEXEC);
	info[0] = 1;				/* version */
	info[1] = 64 * MIB / PAGE - 1;		/* last page */
	memcpy(header + PAGE - 10, "SWAPSPACE2", 10);
	if (write(fd, header, PAGE) != (ssize_t)PAGE ||
	    swapon("/dev/zram0", 0))
		xgt_skip("no swap: %s", strerror(errno));
	close(fd);
}

static void swap_off(void)
{
	OK(swapoff("/dev/zram0"));
	set_file("/sys/block/zram0/reset", "1");
}

/*
 * Push memory out.  Pages that were just looked at wait in lists of each CPU,
 * where reclaim does not find them; compaction empties those first.
 *
 * Return: false if some of it is still there
 */
static bool page_out(volatile void *p, unsigned int pages)
{
	unsigned char resident[PAGES];
	bool gone = false;

	for (int try = 0; !gone && try < 50; try++) {
		/* What is still being written, or isolated, goes later. */
		if (try)
			xgt_sleep_ms(20);
		set_file("/proc/sys/vm/compact_memory", "1");
		OK(madvise((void *)p, pages * PAGE, MADV_PAGEOUT));
		OK(mincore((void *)p, pages * PAGE, resident));
		gone = true;
		for (unsigned int i = 0; i < pages; i++)
			gone = gone && !(resident[i] & 1);
	}
	return gone;
}

/*
 * A hole of a memfd that was read is writable and clean.  The guest's write
 * makes it dirty, or reclaim would drop it as if nobody had written.
 */
static void hole_dirty(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	swap_on();
	p = map_shared(memfd_new(2 * PAGE), 2 * PAGE);
	w = window_of(p, 2 * PAGE);
	CHECK_EQ(g_read(BASE), 0);
	g_write(BASE, 0x5eed);
	CHECK(g_has(w, 0));
	CHECK_EQ(p[PAGE / 8], 0);
	/* Control: it was reclaim, it took pages, and from the guest first. */
	CHECK(page_out(p, 2));
	CHECK(!g_has(w, 0));
	CHECK_EQ(g_read(BASE), 0x5eed);
	CHECK_EQ(p[0], 0x5eed);
	swap_off();
	mock_end();
}

/*
 * Memory that its process has no more use for, but that the guest writes to
 * before it is taken: that takes it back, as the process's own write would.
 */
static void lazily_freed(void)
{
	volatile uint64_t *p, *other;
	uint32_t w;

	mock_begin(1);
	swap_on();
	p = map_anon(PAGE);
	other = map_anon(PAGE);
	stamp(p, PAGE, 7);
	stamp(other, PAGE, 8);
	w = window_of(p, PAGE);
	CHECK_EQ(g_read(BASE), 7);
	/* Only what has left the lists of each CPU is marked as free. */
	set_file("/proc/sys/vm/compact_memory", "1");
	OK(madvise((void *)p, PAGE, MADV_FREE));
	OK(madvise((void *)other, PAGE, MADV_FREE));
	/* And the mark, too, waits in such a list. */
	set_file("/proc/sys/vm/compact_memory", "1");
	g_write(BASE, 0x5eed);
	CHECK(page_out(p, 1));
	CHECK(page_out(other, 1));
	CHECK(!g_has(w, 0));
	CHECK_EQ(g_read(BASE), 0x5eed);
	CHECK_EQ(p[0], 0x5eed);
	/* Control: what nobody wrote to was freed. */
	CHECK_EQ(other[0], 0);
	swap_off();
	mock_end();
}

/* Out to swap and in again while lent, read and written by the guest. */
static void swap(void)
{
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	swap_on();
	p = map_anon(SIZE);
	stamp(p, SIZE, 60);
	w = window_of(p, SIZE);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < PAGES; i++) {
			CHECK_EQ(g_read(BASE + i * PAGE), 60 + i + round);
			g_write(BASE + i * PAGE, 61 + i + round);
		}
		CHECK(page_out(p, PAGES));
		mock_check();
		CHECK(!g_has(w, 0));
	}
	for (int i = 0; i < PAGES; i++)
		CHECK_EQ(p[i * PAGE / 8], 65 + i);
	swap_off();
	mock_end();
}

static unsigned long get_file(const char *path)
{
	unsigned long n = 0;
	FILE *f = fopen(path, "re");

	if (!f || fscanf(f, "%lu", &n) != 1)
		xgt_skip("%s: %s", path, strerror(errno));
	fclose(f);
	return n;
}

/* Pages that KSM has merged are never written through. */
static void ksm(void)
{
	static const char ksm_run[] = "/sys/kernel/mm/ksm/run";
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	OK(madvise((void *)p, SIZE, MADV_MERGEABLE));
	fill_word(p, SIZE, 0x6b736d);
	w = window_of(p, SIZE);
	for (int i = 0; i < PAGES; i++)
		g_write(BASE + i * PAGE, 0x6b736d);
	set_file("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	set_file("/sys/kernel/mm/ksm/pages_to_scan", "1000");
	set_file(ksm_run, "1");
	EVENTUALLY(get_file("/sys/kernel/mm/ksm/pages_sharing") >= PAGES - 1);
	set_file(ksm_run, "0");
	for (int i = 0; i < PAGES; i++)
		CHECK(!g_can_write(w, i));
	mock_check();
	g_write(BASE + 2 * PAGE, 1);
	for (int i = 0; i < PAGES; i++) {
		CHECK_EQ(p[i * PAGE / 8], i == 2 ? 1 : 0x6b736d);
		CHECK_EQ(g_read(BASE + i * PAGE), i == 2 ? 1 : 0x6b736d);
	}
	set_file(ksm_run, "2");
	mock_end();
}

/* --- writers that notice every word that is lost ----------------------------- */

#define WRITERS		3
#define MOVED		(4 * MIB)

struct writer {
	struct mock_call call;
	unsigned int vcpu;
	unsigned long rounds;
};

static volatile char *moved;
static int writers_stop;

/*
 * Each writer has a word in each of some pages, and finds there what it wrote
 * last.  vCPUs go by the guest's way, the process itself by its own.
 */
static uint64_t *writer_word(const struct writer *w, unsigned int page)
{
	return (uint64_t *)(moved + page * PAGE) + 1 + w->vcpu;
}

static void check_word(const struct writer *w, unsigned int page, uint64_t got)
{
	if (got != w->rounds)
		FAIL("writer %u, page %u: 0x%lx, not 0x%lx", w->vcpu, page, got,
		     w->rounds);
}

static void write_as_guest(void *arg)
{
	struct writer *w = arg;

	while (!__atomic_load_n(&writers_stop, __ATOMIC_ACQUIRE)) {
		for (unsigned int page = 0; page < MOVED / PAGE; page += 37) {
			uint64_t gpa = BASE + page * PAGE + 8 + w->vcpu * 8;
			struct xgm_access a;

			a = guest_access(w->vcpu, gpa, READ, 0);
			CHECK_EQ(a.out_result, XGM_DONE);
			check_word(w, page, a.value);
			a = guest_access(w->vcpu, gpa, WRITE, w->rounds + 1);
			CHECK_EQ(a.out_result, XGM_DONE);
		}
		__atomic_add_fetch(&w->rounds, 1, __ATOMIC_RELEASE);
	}
}

static void write_as_process(void *arg)
{
	struct writer *w = arg;

	while (!__atomic_load_n(&writers_stop, __ATOMIC_ACQUIRE)) {
		for (unsigned int page = 0; page < MOVED / PAGE; page += 37) {
			volatile uint64_t *word = writer_word(w, page);

			check_word(w, page, *word);
			*word = w->rounds + 1;
		}
		__atomic_add_fetch(&w->rounds, 1, __ATOMIC_RELEASE);
	}
}

static uint64_t sum_of_words(void)
{
	uint64_t sum = 0;

	for (unsigned int page = 0; page < MOVED / PAGE; page += 37)
		for (unsigned int i = 1; i <= WRITERS + 1; i++)
			sum += ((volatile uint64_t *)(moved + page * PAGE))[i];
	return sum;
}

/* A child has a copy of its own: nobody writes to that. */
static void child_of_writers(void *arg)
{
	uint64_t sum = sum_of_words();

	for (int i = 0; i < 10; i++) {
		xgt_sleep_ms(2);
		if (arg && sum_of_words() != sum)
			FAIL("a write went through to a child's copy");
	}
}

/* What the kernel does to memory on its own account, in turns. */
static void move_memory(int turn, bool private)
{
	void *p = (void *)moved;

	switch (turn % 5) {
	case 0:
		set_file("/proc/sys/vm/compact_memory", "1");
		break;
	case 1:
		madvise(p, MOVED, MADV_PAGEOUT);
		break;
	case 2:
		/* It may have no large page to give. */
		madvise(p, MOVED, MADV_COLLAPSE);
		break;
	case 3:
		xgt_join(xgt_fork(child_of_writers, private ? p : NULL));
		break;
	default:
		/* Splits what is large; only the rights of a part change. */
		OK(mprotect((char *)p + 3 * PAGE, PAGE, PROT_READ));
		OK(mprotect((char *)p + 3 * PAGE, PAGE,
			    PROT_READ | PROT_WRITE));
	}
}

static void moved_with(volatile char *memory, bool private)
{
	struct writer w[WRITERS + 1] = { 0 };
	struct xen_gpumem_window_query q;
	unsigned long before;
	uint32_t window;

	mock_begin(WRITERS);
	swap_on();
	moved = memory;
	window = window_of(moved, MOVED);
	/* More time between a page's being found and its being mapped. */
	mock_delay(XGM_OP_FRAME, 100);
	writers_stop = 0;
	for (unsigned int i = 0; i <= WRITERS; i++) {
		w[i].vcpu = i;
		call_start(&w[i].call, i < WRITERS ? write_as_guest :
			   write_as_process, &w[i]);
	}
	for (int turn = 0; turn < 60; turn++) {
		before = __atomic_load_n(&w[turn % 4].rounds,
					 __ATOMIC_ACQUIRE);
		move_memory(turn, private);
		/* They get on in between. */
		EVENTUALLY(__atomic_load_n(&w[turn % 4].rounds,
					   __ATOMIC_ACQUIRE) > before);
		mock_check();
	}
	__atomic_store_n(&writers_stop, 1, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i <= WRITERS; i++)
		call_join(&w[i].call);
	for (unsigned int page = 0; page < MOVED / PAGE; page += 37)
		for (unsigned int i = 0; i <= WRITERS; i++)
			check_word(&w[i], page, *writer_word(&w[i], page));
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	xgt_info("rounds %lu %lu %lu, process %lu; revoked %llu, downgraded "
		 "%llu, retries %llu", w[0].rounds, w[1].rounds, w[2].rounds,
		 w[3].rounds, q.out_revoked, q.out_downgraded, q.out_retries);
	CHECK(q.out_revoked);
	OK(gm_window_remove(xgt_dom, window));
	swap_off();
	mock_end();
}

static void moved_anon(void)
{
	uintptr_t p = (uintptr_t)map_anon(MOVED + 2 * MIB);

	moved_with((void *)((p + 2 * MIB - 1) & ~(2 * MIB - 1)), true);
}

static void moved_shared(void)
{
	moved_with((void *)map_shared(memfd_new(MOVED), MOVED),
		   false);
}

static const struct xgt_test tests[] = {
	{ "L17-mock-hole-dirty", "L17", hole_dirty, 0, 0 },
	{ "L17-mock-lazily-freed", "L17", lazily_freed, 0, 0 },
	{ "L3-mock-swap", "L3,L17", swap, 0, 0 },
	{ "L17-mock-ksm", "L17", ksm, 0, 0 },
	{ "L17-mock-moved-anon", "L17,L2,L3", moved_anon, 0, 0 },
	{ "L17-mock-moved-shared", "L17,L2,L3", moved_shared, 0, 0 },
};

XGT_MAIN(tests)
