// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem evict
 * Description: What is lent moves, or goes away, while the guest has it:
 *              buffers pushed out of video memory and brought back, objects and
 *              files closed, mappings replaced, files cut, cards unplugged
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: eviction
 * Test category: functionality test
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drm.h"

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_bo.h"
#include "igt_xen_gpumem_device.h"

IGT_TEST_DESCRIPTION("Memory that moves or goes away while a guest has it");

#define SIZE	(512 * KIB)
#define PAGES	(SIZE / GPUMEM_PAGE)
#define AT	GPUMEM_ARENA

/* Something mapped, the whole of which the guest has at AT. */
struct lent {
	struct gpumem_bo bo;
	int fd, file;
	uint8_t *map;
	uint32_t window;
};

static void put_in_window(struct lent *l)
{
	l->window = gpumem_window_add(l->fd, AT, SIZE);
	gpumem_bind(l->fd, l->window, 0, SIZE, l->map);
	gpumem_guest_fill(AT, SIZE, 1);
	gpumem_check(l->map, SIZE, 1);
	igt_assert_eq_u64(gpumem_query(l->fd, l->window).out_pages, PAGES);
}

static void lend_bo(struct lent *l, const struct gpumem_region *r)
{
	l->fd = gpumem_begin();
	gpumem_bo_new(&l->bo, r, SIZE);
	l->map = l->bo.map;
	put_in_window(l);
}

static void lend_memfd(struct lent *l)
{
	l->fd = gpumem_begin();
	l->file = memfd_create("xen_gpumem", MFD_CLOEXEC);
	igt_assert(l->file >= 0 && !ftruncate(l->file, SIZE));
	l->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, l->file,
		      0);
	igt_assert(l->map != MAP_FAILED);
	put_in_window(l);
}

static void end_memfd(struct lent *l)
{
	gpumem_end();
	munmap(l->map, SIZE);
	close(l->file);
}

static uint64_t in_vram(const struct lent *l)
{
	return gpumem_query(l->fd, l->window).out_io;
}

/* --- video memory --------------------------------------------------------- */

static void pressure(const struct gpumem_region *r)
{
	struct lent l;

	lend_bo(&l, r);
	igt_assert_eq_u64(in_vram(&l), PAGES);
	gpumem_bo_evict(&l.bo);
	/* The guest has none of it: somebody else's pictures are there now. */
	igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_pages, 0);
	gpumem_guest_check(AT, SIZE, 1);
	igt_assert_eq_u64(in_vram(&l), 0);
	gpumem_check(l.map, SIZE, 1);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.map, SIZE, 2);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

static void there_and_back(const struct gpumem_region *r)
{
	struct lent l;

	lend_bo(&l, r);
	for (uint64_t i = 1; i <= 3; i++) {
		gpumem_bo_evict(&l.bo);
		gpumem_guest_check(AT, SIZE, 2 * i - 1);
		igt_assert_eq_u64(in_vram(&l), 0);
		gpumem_guest_fill(AT, SIZE, 2 * i);
		gpumem_bo_restore(&l.bo);
		igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_pages, 0);
		gpumem_guest_check(AT, SIZE, 2 * i);
		igt_assert_eq_u64(in_vram(&l), PAGES);
		gpumem_guest_fill(AT, SIZE, 2 * i + 1);
	}
	gpumem_check(l.map, SIZE, 7);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

/* The guest checks and rewrites all of it the whole time. */
static void while_guest_writes(const struct gpumem_region *r)
{
	struct xen_gpumem_window_query before, q;
	struct lent l;
	uint64_t seed;

	lend_bo(&l, r);
	before = gpumem_query(l.fd, l.window);
	gpumem_guest_work(0, AT, SIZE, 3);
	for (int i = 0; i < 4; i++) {
		gpumem_guest_rounds(0, 2);
		gpumem_bo_evict(&l.bo);
		gpumem_guest_rounds(0, 2);
		gpumem_bo_restore(&l.bo);
	}
	seed = gpumem_guest_stop(0);
	gpumem_check(l.map, SIZE, seed);
	q = gpumem_query(l.fd, l.window);
	igt_assert_lte_u64(before.out_revokes + 8, q.out_revokes);
	igt_assert_eq_u64(q.out_failed, 0);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

/* A guest that may only read finds it in its new place as well. */
static void readonly_moves(const struct gpumem_region *r)
{
	struct lent l;

	l.fd = gpumem_begin();
	gpumem_bo_new(&l.bo, r, SIZE);
	gpumem_fill(l.bo.map, SIZE, 4);
	l.window = gpumem_window_add(l.fd, AT, SIZE);
	gpumem_assert(__gpumem_bind(l.fd, l.window, 0, SIZE, l.bo.map,
				    XEN_GPUMEM_BIND_READONLY,
				    XEN_GPUMEM_POLICY_INJECT), 0);
	gpumem_guest_check(AT, SIZE, 4);
	gpumem_bo_evict(&l.bo);
	gpumem_guest_write_faults(AT);
	gpumem_guest_check(AT, SIZE, 4);
	gpumem_bo_restore(&l.bo);
	gpumem_guest_write_faults(AT + SIZE - 8);
	gpumem_guest_check(AT, SIZE, 4);
	gpumem_check(l.bo.map, SIZE, 4);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

/* Two that are lent, of which one goes and the other stays what it is. */
static void one_of_two(const struct gpumem_region *r)
{
	struct gpumem_bo other;
	uint32_t window;
	struct lent l;

	lend_bo(&l, r);
	gpumem_bo_evict(&l.bo);
	gpumem_bo_new(&other, r, SIZE);
	window = gpumem_window_add(l.fd, AT + 8 * MIB, SIZE);
	gpumem_bind(l.fd, window, 0, SIZE, other.map);
	gpumem_guest_fill(AT + 8 * MIB, SIZE, 5);
	/* One is in memory, one in video memory. */
	gpumem_guest_check(AT, SIZE, 1);
	igt_assert_eq_u64(in_vram(&l), 0);
	igt_assert_eq_u64(gpumem_query(l.fd, window).out_io, PAGES);
	gpumem_guest_fill(AT, SIZE, 6);
	gpumem_guest_check(AT + 8 * MIB, SIZE, 5);
	gpumem_check(l.map, SIZE, 6);
	gpumem_check(other.map, SIZE, 5);
	gpumem_end();
	gpumem_bo_free(&other);
	gpumem_bo_free(&l.bo);
}

/* --- objects -------------------------------------------------------------- */

/* The mapping keeps the buffer, whatever else is gone; then it goes, too. */
static void closed(const struct gpumem_region *r)
{
	struct lent l;

	lend_bo(&l, r);
	if (l.bo.handle) {
		struct drm_gem_close c = { .handle = l.bo.handle };

		do_ioctl(l.bo.card, DRM_IOCTL_GEM_CLOSE, &c);
		l.bo.handle = 0;
	}
	if (l.bo.fd >= 0)
		close(l.bo.fd);
	close(l.bo.card);
	l.bo.fd = l.bo.card = -1;
	gpumem_guest_check(AT, SIZE, 1);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.map, SIZE, 2);
	igt_assert(!munmap(l.map, SIZE));
	igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_pages, 0);
	gpumem_guest_read_faults(AT);
	gpumem_guest_read_faults(AT + SIZE - 8);
	gpumem_end();
}

static void unmapped(const struct gpumem_region *r)
{
	struct lent l;

	lend_bo(&l, r);
	igt_assert(!munmap(l.map + SIZE / 2, SIZE / 2));
	gpumem_guest_read_faults(AT + SIZE / 2);
	gpumem_guest_write_faults(AT + SIZE - 8);
	gpumem_guest_check(AT, SIZE / 2, 1);
	igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_pages, PAGES / 2);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

/* Another buffer of the kind at the same address. */
static void replaced(const struct gpumem_region *r)
{
	struct gpumem_bo other;
	struct lent l;

	lend_bo(&l, r);
	gpumem_bo_new(&other, r, SIZE);
	gpumem_fill(other.map, SIZE, 2);
	igt_assert(mmap(l.map, SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED,
			other.fd < 0 ? other.card : other.fd, other.offset) ==
		   l.map);
	gpumem_guest_check(AT, SIZE, 2);
	gpumem_guest_fill(AT, SIZE, 3);
	gpumem_check(other.map, SIZE, 3);
	gpumem_end();
	gpumem_bo_free(&other);
	gpumem_bo_free(&l.bo);
}

/* Ordinary memory at its address, and the buffer there again. */
static void replaced_by_memory(const struct gpumem_region *r)
{
	struct lent l;

	lend_bo(&l, r);
	igt_assert(mmap(l.map, SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		   l.map);
	igt_assert_eq_u64(gpumem_guest_read(AT), 0);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.map, SIZE, 2);
	igt_assert(mmap(l.map, SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED,
			l.bo.fd < 0 ? l.bo.card : l.bo.fd, l.bo.offset) ==
		   l.map);
	gpumem_guest_check(AT, SIZE, 1);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

/* The guest works on one while the other takes its place: old or new. */
static void rebound(const struct gpumem_region *r)
{
	struct gpumem_bo other;
	uint64_t old;
	struct lent l;

	lend_bo(&l, r);
	gpumem_bo_new(&other, r, SIZE);
	gpumem_fill(other.map, SIZE, 2);
	gpumem_guest_work(0, AT, SIZE, 3);
	gpumem_guest_rounds(0, 2);
	old = gpumem_guest_stop(0);
	gpumem_assert(__gpumem_bind(l.fd, l.window, 0, SIZE, other.map,
				    XEN_GPUMEM_BIND_REPLACE,
				    XEN_GPUMEM_POLICY_INJECT), 0);
	gpumem_guest_check(AT, SIZE, 2);
	gpumem_guest_fill(AT, SIZE, 4);
	gpumem_check(l.map, SIZE, old);
	gpumem_check(other.map, SIZE, 4);
	gpumem_assert(__gpumem_unbind(l.fd, l.window, 0, SIZE), 0);
	igt_assert_eq_u64(gpumem_guest_read(AT), ~0ULL);
	gpumem_end();
	gpumem_bo_free(&other);
	gpumem_bo_free(&l.bo);
}

static void mremapped(const struct gpumem_region *r)
{
	uint8_t *away;
	struct lent l;

	lend_bo(&l, r);
	away = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(away != MAP_FAILED);
	igt_assert(mremap(l.map, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			  away) == away);
	/* The guest has the addresses, not what was there. */
	gpumem_guest_read_faults(AT);
	gpumem_check(away, SIZE, 1);
	gpumem_fill(away, SIZE, 2);
	igt_assert(mremap(away, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			  l.map) == l.map);
	gpumem_guest_check(AT, SIZE, 2);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

/* --- the card ------------------------------------------------------------- */

/*
 * What is at the process's addresses then is the driver's affair: the buffer
 * still, or a page of no use.  The guest must see the same.
 */
static void unplugged(const struct gpumem_region *r)
{
	uint64_t word = gpumem_word(7, 0);
	struct lent l;

	gpumem_card_may_go_require();
	lend_bo(&l, r);
	gpumem_card_unplug(r);
	/* A dma-buf's mappings are not the card's. */
	if (!r->has_fd)
		igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_pages, 0);
	igt_assert_eq_u64(gpumem_guest_sum(AT, SIZE), gpumem_sum(l.map, SIZE));
	gpumem_guest_write(AT + SIZE / 2, word);
	igt_assert_eq_u64(*(volatile uint64_t *)(l.map + SIZE / 2), word);
	igt_assert(!munmap(l.map, SIZE));
	gpumem_guest_read_faults(AT);
	gpumem_guest_read_faults(AT + SIZE - 8);
	l.bo.map = MAP_FAILED;
	/* Nothing can be asked of it; the handle goes with the file. */
	l.bo.handle = 0;
	gpumem_end();
	gpumem_bo_free(&l.bo);
	/* With a driver again, it is a card like any other. */
	gpumem_assert(gpumem_card_replug(), 0);
	lend_bo(&l, r);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.map, SIZE, 2);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

/* Video memory may have lost what was in it; the guest sees what there is. */
static void reset(const struct gpumem_region *r)
{
	struct lent l;

	gpumem_card_may_go_require();
	lend_bo(&l, r);
	gpumem_card_reset(r);
	igt_assert_eq_u64(gpumem_guest_sum(AT, SIZE), gpumem_sum(l.map, SIZE));
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.map, SIZE, 2);
	gpumem_fill(l.map, SIZE, 3);
	gpumem_guest_check(AT, SIZE, 3);
	gpumem_end();
	gpumem_bo_free(&l.bo);
}

/* --- files ---------------------------------------------------------------- */

static void memfd_cut(void)
{
	struct lent l;

	lend_memfd(&l);
	igt_assert(!ftruncate(l.file, SIZE / 2));
	gpumem_guest_read_faults(AT + SIZE / 2);
	gpumem_guest_check(AT, SIZE / 2, 1);
	/* Long again: what was cut off is zero. */
	igt_assert(!ftruncate(l.file, SIZE));
	igt_assert_eq_u64(gpumem_guest_read(AT + SIZE / 2), 0);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.map, SIZE, 2);
	end_memfd(&l);
}

static void memfd_punched(void)
{
	const uint64_t hole = SIZE / 4, length = SIZE / 8;
	struct lent l;

	lend_memfd(&l);
	igt_assert(!fallocate(l.file,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole,
			      length));
	igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_pages,
			  PAGES - length / GPUMEM_PAGE);
	for (uint64_t i = hole; i < hole + length; i += GPUMEM_PAGE)
		igt_assert_eq_u64(gpumem_guest_read(AT + i), 0);
	gpumem_guest_check(AT, hole, 1);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.map, SIZE, 2);
	end_memfd(&l);
}

/* The file keeps what the guest wrote. */
static void memfd_dropped(void)
{
	struct lent l;

	lend_memfd(&l);
	igt_assert(!madvise(l.map, SIZE, MADV_DONTNEED));
	igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_pages, 0);
	gpumem_guest_check(AT, SIZE, 1);
	end_memfd(&l);
}

static void memfd_protected(void)
{
	struct lent l;

	lend_memfd(&l);
	igt_assert(!mprotect(l.map, SIZE, PROT_READ));
	gpumem_guest_check(AT, SIZE, 1);
	gpumem_guest_write_faults(AT);
	igt_assert(!mprotect(l.map, SIZE, PROT_NONE));
	gpumem_guest_read_faults(AT);
	igt_assert(!mprotect(l.map, SIZE, PROT_READ | PROT_WRITE));
	gpumem_guest_check(AT, SIZE, 1);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.map, SIZE, 2);
	end_memfd(&l);
}

static const char can_move[] = "can be pushed out of video memory";

static bool moves(const struct gpumem_region *r)
{
	return r->moves;
}

static const struct {
	const char *name, *what;
	void (*fn)(const struct gpumem_region *r);
	bool (*only)(const struct gpumem_region *r);
	const char *which;		/* those that ... */
} tests[] = {
	/**
	 * SUBTEST: pressure
	 * Description: Others take its place in video memory
	 */
	{ "pressure", "Others take its place in video memory", pressure,
	  moves, can_move },
	/**
	 * SUBTEST: there-and-back
	 * Description: Out of video memory and back, rewritten in each place
	 */
	{ "there-and-back", "Out of video memory and back, rewritten each time",
	  there_and_back, moves, can_move },
	/**
	 * SUBTEST: while-guest-writes
	 * Description: The same while the guest checks and rewrites all of it
	 */
	{ "while-guest-writes", "The same while the guest rewrites all of it",
	  while_guest_writes, moves, can_move },
	/**
	 * SUBTEST: readonly-moves
	 * Description: It is no more writable in its new place
	 */
	{ "readonly-moves", "It is no more writable in its new place",
	  readonly_moves, moves, can_move },
	/**
	 * SUBTEST: one-of-two
	 * Description: Side by side in memory and in video memory
	 */
	{ "one-of-two", "Side by side in memory and in video memory",
	  one_of_two, moves, can_move },
	/**
	 * SUBTEST: closed
	 * Description: Handle and card are closed, then the mapping goes
	 */
	{ "closed", "Handle and card are closed, then the mapping goes",
	  closed },
	/**
	 * SUBTEST: unmapped
	 * Description: Half of it is unmapped
	 */
	{ "unmapped", "Half of it is unmapped", unmapped },
	/**
	 * SUBTEST: replaced
	 * Description: Another buffer is mapped over it
	 */
	{ "replaced", "Another buffer is mapped over it", replaced },
	/**
	 * SUBTEST: replaced-by-memory
	 * Description: Ordinary memory is mapped over it, then it itself again
	 */
	{ "replaced-by-memory", "Ordinary memory is mapped over it",
	  replaced_by_memory },
	/**
	 * SUBTEST: rebound
	 * Description: Another buffer is bound in its place, then nothing
	 */
	{ "rebound", "Another buffer is bound in its place, then nothing",
	  rebound },
	/**
	 * SUBTEST: mremapped
	 * Description: It is moved to other addresses and back
	 */
	{ "mremapped", "It is moved to other addresses and back", mremapped },
	/**
	 * SUBTEST: unplugged
	 * Description: Its card loses its driver, and gets it back
	 */
	{ "unplugged", "Its card loses its driver, and gets it back", unplugged,
	  gpumem_card_unplugs, "goes with its card" },
	/**
	 * SUBTEST: reset
	 * Description: Its card is reset
	 */
	{ "reset", "Its card is reset", reset, gpumem_card_resets,
	  "can be on a card that is reset" },
};

int igt_main()
{
	const struct gpumem_region *r;

	igt_fixture()
		gpumem_guest_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest_with_dynamic(tests[i].name) {
			gpumem_region_require(tests[i].only, tests[i].which);
			for_each_gpumem_region(r)
				if (!tests[i].only || tests[i].only(r))
					igt_dynamic(r->name)
						tests[i].fn(r);
		}
	}

	/* One that a failed test has left without. */
	igt_fixture()
		gpumem_card_replug();

	/**
	 * SUBTEST: memfd-cut
	 * Description: A file is made shorter, and longer again
	 */
	igt_describe("A file is made shorter, and longer again");
	igt_subtest("memfd-cut")
		memfd_cut();

	/**
	 * SUBTEST: memfd-punched
	 * Description: A hole is made in a file
	 */
	igt_describe("A hole is made in a file");
	igt_subtest("memfd-punched")
		memfd_punched();

	/**
	 * SUBTEST: memfd-dropped
	 * Description: The mapping's pages are dropped, the file's stay
	 */
	igt_describe("The mapping's pages are dropped, the file's stay");
	igt_subtest("memfd-dropped")
		memfd_dropped();

	/**
	 * SUBTEST: memfd-protected
	 * Description: The mapping is protected, and opened again
	 */
	igt_describe("The mapping is protected, and opened again");
	igt_subtest("memfd-protected")
		memfd_protected();
}
