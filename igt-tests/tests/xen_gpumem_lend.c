// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem lend
 * Description: Buffers of every graphics card, seen by a guest: what the host
 *              writes the guest reads, and the other way round
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: buffers
 * Test category: functionality test
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_bo.h"

IGT_TEST_DESCRIPTION("Buffers of every graphics card, seen by a guest");

#define SIZE	(256 * KIB)
#define AT	GPUMEM_ARENA

/* A buffer, the whole of which the guest has at AT. */
struct lent {
	struct gpumem_bo bo;
	uint32_t window;
	int fd;
};

static void lend(struct lent *l, const struct gpumem_region *r, uint64_t size,
		 uint32_t flags)
{
	l->fd = gpumem_begin();
	gpumem_bo_new(&l->bo, r, size);
	l->window = gpumem_window_add(l->fd, AT, size);
	gpumem_assert(__gpumem_bind(l->fd, l->window, 0, size, l->bo.map,
				    flags, XEN_GPUMEM_POLICY_INJECT), 0);
}

/* The guest loses it before the card does. */
static void end(struct lent *l)
{
	gpumem_end();
	gpumem_bo_free(&l->bo);
}

/* --- reading and writing -------------------------------------------------- */

static void guest_reads(const struct gpumem_region *r)
{
	struct lent l;

	lend(&l, r, SIZE, 0);
	gpumem_fill(l.bo.map, SIZE, 1);
	gpumem_guest_check(AT, SIZE, 1);
	/* What changes later, too. */
	gpumem_fill(l.bo.map, SIZE, 2);
	gpumem_guest_check(AT, SIZE, 2);
	end(&l);
}

static void guest_writes(const struct gpumem_region *r)
{
	struct lent l;

	lend(&l, r, SIZE, 0);
	gpumem_fill(l.bo.map, SIZE, 1);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_check(l.bo.map, SIZE, 2);
	/* It stays when the guest has gone. */
	gpumem_end();
	gpumem_check(l.bo.map, SIZE, 2);
	gpumem_bo_free(&l.bo);
}

/* Each side adds to what the other one wrote, word by word. */
static void by_turns(const struct gpumem_region *r)
{
	volatile uint64_t *word;
	struct lent l;

	lend(&l, r, SIZE, 0);
	word = l.bo.map;
	word[0] = 0;
	for (uint64_t i = 1; i < 64; i += 2) {
		/* Another page each time. */
		uint64_t mine = i * GPUMEM_PAGE / 8, its = mine + 512;

		word[mine] = i;
		igt_assert_eq_u64(gpumem_guest_read(AT + mine * 8), i);
		gpumem_guest_write(AT + its % (SIZE / 8) * 8, i + 1);
		igt_assert_eq_u64(word[its % (SIZE / 8)], i + 1);
	}
	end(&l);
}

static void checksum(const struct gpumem_region *r)
{
	uint64_t before, after;
	struct lent l;

	lend(&l, r, SIZE, 0);
	gpumem_fill(l.bo.map, SIZE, 3);
	before = gpumem_sum(l.bo.map, SIZE);
	igt_assert_eq_u64(gpumem_guest_sum(AT, SIZE), before);
	gpumem_guest_write(AT + SIZE - 8, ~gpumem_guest_read(AT + SIZE - 8));
	after = gpumem_guest_sum(AT, SIZE);
	igt_assert_neq_u64(after, before);
	igt_assert_eq_u64(gpumem_sum(l.bo.map, SIZE), after);
	end(&l);
}

/* --- ways to lend --------------------------------------------------------- */

static void readonly(const struct gpumem_region *r)
{
	struct lent l;

	lend(&l, r, SIZE, XEN_GPUMEM_BIND_READONLY);
	gpumem_fill(l.bo.map, SIZE, 4);
	gpumem_guest_check(AT, SIZE, 4);
	gpumem_guest_write_faults(AT);
	gpumem_guest_write_faults(AT + SIZE - 8);
	gpumem_check(l.bo.map, SIZE, 4);
	gpumem_guest_check(AT, SIZE, 4);
	igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_writable, 0);
	end(&l);
}

/*
 * A page is given once, and can be written, though the guest reads it first and
 * the host has not touched it.  Some drivers want to be told of the first
 * write: what the flag is for is seen from how many can be written without it.
 */
static void write_first(const struct gpumem_region *r)
{
	struct xen_gpumem_window_query q;
	struct lent l;

	lend(&l, r, SIZE, 0);
	gpumem_guest_sum(AT, SIZE);
	q = gpumem_query(l.fd, l.window);
	igt_info("%s: read without the flag, %" PRIu64 " of %" PRIu64
		 " pages can be written\n", r->name, (uint64_t)q.out_writable,
		 (uint64_t)q.out_pages);
	end(&l);

	lend(&l, r, SIZE, XEN_GPUMEM_BIND_WRITE_FIRST);
	gpumem_guest_sum(AT, SIZE);
	q = gpumem_query(l.fd, l.window);
	igt_assert_eq_u64(q.out_pages, SIZE / GPUMEM_PAGE);
	igt_assert_eq_u64(q.out_writable, SIZE / GPUMEM_PAGE);
	gpumem_guest_fill(AT, SIZE, 6);
	gpumem_check(l.bo.map, SIZE, 6);
	q = gpumem_query(l.fd, l.window);
	igt_assert_eq_u64(q.out_mapped, SIZE / GPUMEM_PAGE + q.out_revoked);
	end(&l);
}

/* All of it in advance: the guest's accesses cause no fault. */
static void populate(const struct gpumem_region *r)
{
	struct xen_gpumem_window_query q;
	struct lent l;
	uint64_t done;

	lend(&l, r, SIZE, 0);
	gpumem_assert(__gpumem_populate(l.fd, l.window, 0, SIZE,
					XEN_GPUMEM_POPULATE_WRITE, &done), 0);
	igt_assert_eq_u64(done, SIZE);
	q = gpumem_query(l.fd, l.window);
	igt_assert_eq_u64(q.out_pages, SIZE / GPUMEM_PAGE);
	gpumem_guest_fill(AT, SIZE, 7);
	gpumem_check(l.bo.map, SIZE, 7);
	q = gpumem_query(l.fd, l.window);
	igt_assert_eq_u64(q.out_faults, 0);
	igt_assert_eq_u64(q.out_revoked, 0);
	end(&l);
}

/* Not touched by anybody before the guest does. */
static void untouched(const struct gpumem_region *r)
{
	struct xen_gpumem_window_query q;
	struct lent l;

	lend(&l, r, SIZE, 0);
	igt_assert_eq_u64(gpumem_query(l.fd, l.window).out_pages, 0);
	gpumem_guest_fill(AT, SIZE, 8);
	q = gpumem_query(l.fd, l.window);
	igt_assert_eq_u64(q.out_pages, SIZE / GPUMEM_PAGE);
	igt_assert_neq_u64(q.out_faults, 0);
	igt_assert_eq_u64(q.out_failed, 0);
	gpumem_check(l.bo.map, SIZE, 8);
	end(&l);
}

/* A few pages of it, and what lies around them is the guest's no more. */
static void part(const struct gpumem_region *r)
{
	const uint64_t from = 16 * GPUMEM_PAGE, length = 8 * GPUMEM_PAGE;
	uint8_t *map;
	struct lent l;

	l.fd = gpumem_begin();
	gpumem_bo_new(&l.bo, r, SIZE);
	map = l.bo.map;
	gpumem_fill(map, SIZE, 9);
	l.window = gpumem_window_add(l.fd, AT, SIZE);
	gpumem_bind(l.fd, l.window, 0, length, map + from);
	/* As a pattern of its own, for the guest counts from what it sees. */
	gpumem_guest_fill(AT, length, 10);
	igt_assert_eq_u64(gpumem_guest_read(AT + length), ~0ULL);
	gpumem_guest_write(AT + length, 0);
	gpumem_check(map, from, 9);
	gpumem_check(map + from, length, 10);
	for (uint64_t i = from + length; i < SIZE; i += 8)
		igt_assert_eq_u64(*(uint64_t *)(map + i), gpumem_word(9, i));
	end(&l);
}

/* In two places at a time. */
static void twice(const struct gpumem_region *r)
{
	uint32_t other;
	struct lent l;

	lend(&l, r, SIZE, 0);
	other = gpumem_window_add(l.fd, AT + 8 * MIB, SIZE);
	gpumem_bind(l.fd, other, 0, SIZE, l.bo.map);
	gpumem_guest_fill(AT, SIZE, 11);
	gpumem_guest_check(AT + 8 * MIB, SIZE, 11);
	gpumem_guest_fill(AT + 8 * MIB, SIZE, 12);
	gpumem_guest_check(AT, SIZE, 12);
	gpumem_assert(__gpumem_window_remove(l.fd, l.window), 0);
	igt_assert_eq_u64(gpumem_guest_read(AT), ~0ULL);
	gpumem_guest_check(AT + 8 * MIB, SIZE, 12);
	gpumem_check(l.bo.map, SIZE, 12);
	end(&l);
}

/* The guest moves its BAR. */
static void window_moves(const struct gpumem_region *r)
{
	struct lent l;

	lend(&l, r, SIZE, 0);
	gpumem_guest_fill(AT, SIZE, 13);
	gpumem_assert(__gpumem_window_move(l.fd, l.window, AT + 8 * MIB), 0);
	igt_assert_eq_u64(gpumem_guest_read(AT), ~0ULL);
	gpumem_guest_check(AT + 8 * MIB, SIZE, 13);
	gpumem_guest_fill(AT + 8 * MIB, SIZE, 14);
	gpumem_check(l.bo.map, SIZE, 14);
	end(&l);
}

/* By its dma-buf, with no mapping of ours: it outlives our fd and handle. */
static void from_fd(const struct gpumem_region *r)
{
	struct lent l;

	l.fd = gpumem_begin();
	gpumem_bo_new(&l.bo, r, SIZE);
	gpumem_fill(l.bo.map, SIZE, 15);
	l.window = gpumem_window_add(l.fd, AT, SIZE);
	gpumem_assert(__gpumem_bind_fd(l.fd, l.window, 0, SIZE, l.bo.fd,
				       0, 0), 0);
	gpumem_guest_check(AT, SIZE, 15);
	gpumem_guest_fill(AT, SIZE, 16);
	gpumem_check(l.bo.map, SIZE, 16);
	gpumem_bo_free(&l.bo);
	gpumem_guest_check(AT, SIZE, 16);
	gpumem_end();
}

/* --- the card's own view -------------------------------------------------- */

/* Where a copy is not what the seed makes, or @size. */
static uint64_t first_wrong(const uint32_t *copy, uint64_t size, uint64_t seed)
{
	for (uint64_t i = 0; i < size; i += 8)
		for (unsigned int half = 0; half < 2; half++) {
			uint32_t word = gpumem_word(seed, i) >> (32 * half);

			if ((copy[i / 4 + half] ^ word) & GPUMEM_PIXEL)
				return i + 4 * half;
		}
	return size;
}

static void card_reads(const struct gpumem_region *r)
{
	uint32_t *copy = malloc(SIZE);
	struct lent l;

	igt_assert(copy);
	lend(&l, r, SIZE, 0);
	gpumem_guest_fill(AT, SIZE, 50);
	gpumem_bo_card_copies(&l.bo, copy);
	igt_assert_eq_u64(first_wrong(copy, SIZE, 50), SIZE);
	/* The guest has it still, and what it writes is seen at once. */
	gpumem_guest_write(AT + SIZE / 2, ~gpumem_word(50, SIZE / 2));
	gpumem_bo_card_copies(&l.bo, copy);
	igt_assert_eq_u64(first_wrong(copy, SIZE, 50), SIZE / 2);
	end(&l);
	free(copy);
}

static void card_writes(const struct gpumem_region *r)
{
	const uint32_t colours[] = { 0x123456, 0xfedcba };
	struct lent l;

	lend(&l, r, SIZE, 0);
	for (unsigned int c = 0; c < ARRAY_SIZE(colours); c++) {
		gpumem_guest_fill(AT, SIZE, 51 + c);
		gpumem_bo_card_fills(&l.bo, colours[c]);
		for (uint64_t i = 0; i < SIZE; i += GPUMEM_PAGE) {
			uint64_t word = gpumem_guest_read(AT + i);

			igt_assert_eq_u64(word & GPUMEM_PIXEL, colours[c]);
			igt_assert_eq_u64(word >> 32 & GPUMEM_PIXEL,
					  colours[c]);
		}
		/* Every word of it, as the processor here has it. */
		igt_assert_eq_u64(gpumem_guest_sum(AT, SIZE),
				  gpumem_sum(l.bo.map, SIZE));
	}
	end(&l);
}

/* --- where it lies -------------------------------------------------------- */

/* The card's memory is told from the system's, and mapped as it wants. */
static void placement(const struct gpumem_region *r)
{
	bool vram = strstr(r->name, "-vram");
	struct xen_gpumem_window_query q;
	struct lent l;

	lend(&l, r, SIZE, 0);
	gpumem_guest_fill(AT, SIZE, 17);
	q = gpumem_query(l.fd, l.window);
	igt_info("%s: of %" PRIu64 " pages %" PRIu64 " in device memory, %"
		 PRIu64 " not cached\n", r->name, (uint64_t)q.out_pages,
		 (uint64_t)q.out_io, (uint64_t)q.out_noncacheable);
	igt_assert_eq_u64(q.out_pages, SIZE / GPUMEM_PAGE);
	if (vram) {
		igt_assert_eq_u64(q.out_io, q.out_pages);
		igt_assert_eq_u64(q.out_noncacheable, q.out_pages);
	}
	/* All of one kind: no buffer here is half in VRAM. */
	igt_assert(!q.out_io || q.out_io == q.out_pages);
	gpumem_check(l.bo.map, SIZE, 17);
	end(&l);
}

/* --- sizes ---------------------------------------------------------------- */

static void any_size(const struct gpumem_region *r, uint64_t size)
{
	uint64_t last = AT + size - GPUMEM_PAGE;
	struct lent l;
	uint8_t *map;
	int err;

	l.fd = gpumem_begin();
	err = __gpumem_bo_new(&l.bo, r, size);
	igt_require_f(err != -ENOMEM && err != -ENOSPC && err != -E2BIG,
		      "%s has no room for %" PRIu64 " bytes\n", r->name, size);
	gpumem_assert(err, 0);
	l.window = gpumem_window_add(l.fd, AT, size);
	gpumem_bind(l.fd, l.window, 0, size, l.bo.map);
	map = l.bo.map;
	/* Both ends of it whole, and a word of each page between them. */
	gpumem_fill(map, GPUMEM_PAGE, 18);
	gpumem_guest_check(AT, GPUMEM_PAGE, 18);
	for (uint64_t i = MIB; i < size; i += MIB) {
		*(volatile uint64_t *)(map + i) = gpumem_word(19, i);
		igt_assert_eq_u64(gpumem_guest_read(AT + i),
				  gpumem_word(19, i));
	}
	gpumem_guest_fill(last, GPUMEM_PAGE, 20);
	gpumem_check(map + size - GPUMEM_PAGE, GPUMEM_PAGE, 20);
	igt_assert_eq_u64(gpumem_guest_read(AT + size), ~0ULL);
	end(&l);
}

/* More than fits in the window, which is slid over it. */
static void larger_than_window(const struct gpumem_region *r)
{
	const uint64_t size = 4 * MIB, view = 512 * KIB;
	struct lent l;
	uint8_t *map;

	l.fd = gpumem_begin();
	gpumem_bo_new(&l.bo, r, size);
	map = l.bo.map;
	l.window = gpumem_window_add(l.fd, AT, view);
	gpumem_assert(__gpumem_bind(l.fd, l.window, 0, size, map, 0, 0),
		      -ERANGE);
	for (uint64_t at = 0; at < size; at += view) {
		gpumem_assert(__gpumem_bind(l.fd, l.window, 0, view, map + at,
					    XEN_GPUMEM_BIND_REPLACE, 0), 0);
		gpumem_guest_fill(AT, 2 * GPUMEM_PAGE, 21 + at);
		gpumem_guest_fill(AT + view - GPUMEM_PAGE, GPUMEM_PAGE,
				  22 + at);
	}
	for (uint64_t at = 0; at < size; at += view) {
		gpumem_check(map + at, 2 * GPUMEM_PAGE, 21 + at);
		gpumem_check(map + at + view - GPUMEM_PAGE, GPUMEM_PAGE,
			     22 + at);
	}
	/* And back to the beginning. */
	gpumem_assert(__gpumem_bind(l.fd, l.window, 0, view, map,
				    XEN_GPUMEM_BIND_REPLACE, 0), 0);
	gpumem_guest_check(AT, 2 * GPUMEM_PAGE, 21);
	end(&l);
}

static void size_4k(const struct gpumem_region *r)
{
	any_size(r, GPUMEM_PAGE);
}

static void size_2m(const struct gpumem_region *r)
{
	any_size(r, 2 * MIB);
}

static void size_16m(const struct gpumem_region *r)
{
	any_size(r, 16 * MIB);
}

static void size_odd(const struct gpumem_region *r)
{
	any_size(r, 2 * MIB + 5 * GPUMEM_PAGE);
}

/* Several at a time, side by side in one window, in an order of their own. */
static void side_by_side(const struct gpumem_region *r)
{
	static const unsigned int place[] = { 2, 0, 3, 1 };
	struct gpumem_bo bo[ARRAY_SIZE(place)];
	int fd = gpumem_begin();
	uint32_t window = gpumem_window_add(fd, AT, ARRAY_SIZE(place) * SIZE);

	for (unsigned int i = 0; i < ARRAY_SIZE(place); i++) {
		gpumem_bo_new(&bo[i], r, SIZE);
		gpumem_fill(bo[i].map, SIZE, 30 + i);
		gpumem_bind(fd, window, place[i] * SIZE, SIZE, bo[i].map);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(place); i++) {
		gpumem_guest_check(AT + place[i] * SIZE, SIZE, 30 + i);
		gpumem_guest_fill(AT + place[i] * SIZE, SIZE, 40 + i);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(place); i++)
		gpumem_check(bo[i].map, SIZE, 40 + i);
	gpumem_end();
	for (unsigned int i = 0; i < ARRAY_SIZE(place); i++)
		gpumem_bo_free(&bo[i]);
}

static bool has_fd(const struct gpumem_region *r)
{
	return r->has_fd;
}

static bool copies(const struct gpumem_region *r)
{
	return r->copies;
}

static bool fills(const struct gpumem_region *r)
{
	return r->fills;
}

static const struct {
	const char *name, *what;
	void (*fn)(const struct gpumem_region *r);
	bool (*only)(const struct gpumem_region *r);
	const char *which;		/* those that ... */
} tests[] = {
	/**
	 * SUBTEST: guest-reads
	 * Description: The guest reads what the host writes
	 */
	{ "guest-reads", "The guest reads what the host writes", guest_reads },
	/**
	 * SUBTEST: guest-writes
	 * Description: The host reads what the guest writes
	 */
	{ "guest-writes", "The host reads what the guest writes",
	  guest_writes },
	/**
	 * SUBTEST: by-turns
	 * Description: Single words, from page to page, in both directions
	 */
	{ "by-turns", "Single words, from page to page, in both directions",
	  by_turns },
	/**
	 * SUBTEST: checksum
	 * Description: Both sides compute the same checksum
	 */
	{ "checksum", "Both sides compute the same checksum", checksum },
	/**
	 * SUBTEST: readonly
	 * Description: Lent for reading, it cannot be written
	 */
	{ "readonly", "Lent for reading, it cannot be written", readonly },
	/**
	 * SUBTEST: write-first
	 * Description: Lent with WRITE_FIRST, no page has to be given twice
	 */
	{ "write-first", "Lent with WRITE_FIRST, no page has to be given twice",
	  write_first },
	/**
	 * SUBTEST: populate
	 * Description: Given in advance, no access faults
	 */
	{ "populate", "Given in advance, no access faults", populate },
	/**
	 * SUBTEST: untouched
	 * Description: The guest is the first to touch it
	 */
	{ "untouched", "The guest is the first to touch it", untouched },
	/**
	 * SUBTEST: part
	 * Description: A few pages of a buffer and nothing around them
	 */
	{ "part", "A few pages of a buffer and nothing around them", part },
	/**
	 * SUBTEST: twice
	 * Description: One buffer at two guest addresses
	 */
	{ "twice", "One buffer at two guest addresses", twice },
	/**
	 * SUBTEST: window-moves
	 * Description: The contents follow the window
	 */
	{ "window-moves", "The contents follow the window", window_moves },
	/**
	 * SUBTEST: from-fd
	 * Description: Lent from a dma-buf that nobody has mapped
	 */
	{ "from-fd", "Lent from a dma-buf that nobody has mapped", from_fd,
	  has_fd, "is a dma-buf" },
	/**
	 * SUBTEST: card-reads
	 * Description: The card copies what the guest wrote
	 */
	{ "card-reads", "The card copies what the guest wrote", card_reads,
	  copies, "it copies itself" },
	/**
	 * SUBTEST: card-writes
	 * Description: The guest reads what the card drew
	 */
	{ "card-writes", "The guest reads what the card drew", card_writes,
	  fills, "it draws onto" },
	/**
	 * SUBTEST: placement
	 * Description: Device memory is told from the system's
	 */
	{ "placement", "Device memory is told from the system's", placement },
	/**
	 * SUBTEST: size-%s
	 * Description: A buffer of %arg[1]
	 *
	 * arg[1]:
	 *
	 * @4k:		a page
	 * @2m:		2 MiB
	 * @odd:	2 MiB and five pages
	 * @16m:	16 MiB
	 */
	{ "size-4k", "A buffer of a page", size_4k },
	{ "size-2m", "A buffer of 2 MiB", size_2m },
	{ "size-odd", "A buffer of 2 MiB and five pages", size_odd },
	{ "size-16m", "A buffer of 16 MiB", size_16m },
	/**
	 * SUBTEST: larger-than-window
	 * Description: A window is slid over a larger buffer
	 */
	{ "larger-than-window", "A window is slid over a larger buffer",
	  larger_than_window },
	/**
	 * SUBTEST: side-by-side
	 * Description: Several buffers in one window
	 */
	{ "side-by-side", "Several buffers in one window", side_by_side },
};

int igt_main()
{
	const struct gpumem_region *r;

	igt_fixture() {
		gpumem_guest_require();
		gpumem_regions_require();
	}

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
}
