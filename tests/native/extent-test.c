// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's pure logic against models of it.
 *
 * Each function is compared, for all arguments of a small machine, with a
 * model that says the same thing in the plainest way: by counting bytes, pages
 * or bits one at a time, in numbers that cannot wrap.  The file is built twice:
 * with pages of 4 bytes, so that "all arguments" includes every byte of a few
 * pages, at the bottom and at the very top of the number space; and with pages
 * of 4096 bytes, for real numbers around the limits.
 */
#include "native.h"

#include "../../drivers/xen-gpumem/extent.h"

#if PAGE_SHIFT == 12
#define BUILD	"4k"
#else
#define BUILD	"tiny"
#endif

#define PAGE_BYTES	(1ULL << PAGE_SHIFT)
#define TOP		((unsigned __int128)1 << 64)
#define NAME(name)	name "-" BUILD
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

typedef unsigned __int128 wide;

/* --- gpumem_range_valid() ----------------------------------------------- */

static void check_valid(u64 start, u64 length)
{
	bool want = length && start % PAGE_BYTES == 0 &&
		    length % PAGE_BYTES == 0 && (wide)start + length <= TOP;

	CHECK(gpumem_range_valid(start, length) == want,
	      "start %llx length %llx", (unsigned long long)start,
	      (unsigned long long)length);
}

static void check_near(u64 start, int a, u64 length, int b)
{
	check_valid(start + a, length + b);
	check_valid(start + a * PAGE_BYTES, length + b * PAGE_BYTES);
}

static void range_valid(void)
{
	/* Around these, by bytes and by pages. */
	static const u64 corners[] = {
		0, PAGE_BYTES, 1ULL << 32, 1ULL << 47, 1ULL << 52, 1ULL << 63,
		0 - PAGE_BYTES, 0 - 2 * PAGE_BYTES, 0 - (1ULL << 32),
	};

	for (size_t i = 0; i < ARRAY_SIZE(corners); i++)
		for (size_t j = 0; j < ARRAY_SIZE(corners); j++)
			for (int a = -9; a <= 9; a++)
				for (int b = -9; b <= 9; b++)
					check_near(corners[i], a, corners[j],
						   b);
}

/* --- gpumem_clip() ------------------------------------------------------ */

/* Does any byte of the slot lie in the range?  ~0 as end: there is no end. */
static bool slot_touched(u64 address, u64 slot, u64 start, u64 end)
{
	wide lo = (wide)address + slot * PAGE_BYTES, hi = lo + PAGE_BYTES;
	wide stop = end == ~0ULL ? TOP : end;

	return start < end && start < hi && lo < stop;
}

static void check_clip(u64 address, u64 nr, u64 start, u64 end)
{
	unsigned long first = ~0UL, count = ~0UL, want_first = 0, want = 0;
	bool got;

	for (u64 slot = 0; slot < nr; slot++) {
		if (!slot_touched(address, slot, start, end))
			continue;
		if (!want++)
			want_first = slot;
	}
	got = gpumem_clip(address, nr, start, end, &first, &count);
	CHECK(got == !!want && (got ? first == want_first && count == want :
				      first == ~0UL && count == ~0UL),
	      "binding %llx+%llu range %llx-%llx: %d %lu+%lu, not %lu+%lu",
	      (unsigned long long)address, (unsigned long long)nr,
	      (unsigned long long)start, (unsigned long long)end, got, first,
	      count, want_first, want);
}

/* All bindings and ranges in some pages from @base on. */
static void clip_all(u64 base, unsigned int pages, unsigned int step)
{
	u64 bytes = pages * PAGE_BYTES;

	for (unsigned int at = 0; at < pages; at++)
		for (unsigned int nr = 1; nr <= pages - at; nr++)
			for (u64 s = 0; s <= bytes; s += step)
				for (u64 e = 0; e <= bytes; e += step)
					check_clip(base + at * PAGE_BYTES, nr,
						   base + s, base + e);
}

static void clip(void)
{
	unsigned int step = PAGE_SHIFT == 12 ? 2048 : 1;

	clip_all(0, 5, step);
	clip_all(16 * PAGE_BYTES, 5, step);
	/* Ends at the last byte there is; base + bytes wraps to zero there. */
	clip_all(0 - 5 * PAGE_BYTES, 5, step);
}

static void clip_edges(void)
{
	static const u64 marks[] = { 0, 1, PAGE_BYTES - 1, PAGE_BYTES,
		PAGE_BYTES + 1, 2 * PAGE_BYTES, 3 * PAGE_BYTES - 1 };
	u64 bases[] = { 0, PAGE_BYTES, 1ULL << 46, 1ULL << 63,
		0 - 3 * PAGE_BYTES };

	/* A whole address space, as when a process exits. */
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		check_clip(bases[i], 3, 0, ~0ULL);
		check_clip(bases[i], 3, 0, ~0ULL - 1);
		for (size_t j = 0; j < ARRAY_SIZE(marks); j++) {
			check_clip(bases[i], 3, bases[i] + marks[j], ~0ULL);
			check_clip(bases[i], 3, 0, bases[i] + marks[j]);
			for (size_t k = 0; k < ARRAY_SIZE(marks); k++)
				check_clip(bases[i], 3, bases[i] + marks[j],
					   bases[i] + marks[k]);
		}
	}
}

/* --- gpumem_around() ---------------------------------------------------- */

static void check_around(u64 base, unsigned long nr, unsigned long slot,
			 unsigned int pages)
{
	unsigned long first, count, want_first = slot, want = 1;

	/* All slots in the same block, which has to contain the one. */
	while (want_first && (base + want_first - 1) / pages ==
	       (base + slot) / pages)
		want_first--;
	want = slot - want_first + 1;
	while (want_first + want < nr && (base + want_first + want) / pages ==
	       (base + slot) / pages)
		want++;
	gpumem_around(base << PAGE_SHIFT, nr, slot, pages, &first, &count);
	CHECK(first == want_first && count == want,
	      "page %llx+%lu slot %lu by %u: %lu+%lu, not %lu+%lu",
	      (unsigned long long)base, nr, slot, pages, first, count,
	      want_first, want);
}

static void around(void)
{
	static const u64 bases[] = {
		0, 511, 512, 513, 1ULL << 35,
		(1ULL << (64 - PAGE_SHIFT)) - 21,	/* up to the very end */
	};

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++)
		for (unsigned int nr = 1; nr <= 21; nr++)
			for (unsigned int slot = 0; slot < nr; slot++)
				for (unsigned int pages = 1; pages <= 512;
				     pages *= 2)
					check_around(bases[i], nr, slot, pages);
	/* Blocks in the middle of something large. */
	for (unsigned int slot = 0; slot < 5000; slot += 7)
		check_around(300, 5000, slot, 512);
}

/* --- gpumem_span_next() ------------------------------------------------- */

/* The rule, read out loud: begins and ends set, no long gap inside. */
static void check_spans(const unsigned long *map, unsigned long from,
			unsigned long end, unsigned long gap)
{
	unsigned long first, nr, next = from, model = from;

	while (gpumem_span_next(map, next, end, gap, &first, &nr)) {
		unsigned long want, last, clear = 0;

		while (model < end && !shim_bit(map, model))
			model++;
		want = last = model;
		for (; model < end && clear <= gap; model++) {
			clear = shim_bit(map, model) ? 0 : clear + 1;
			if (!clear)
				last = model;
		}
		CHECK(want < end && first == want && first + nr - 1 == last,
		      "map %lx %lu-%lu gap %lu: %lu+%lu, not %lu-%lu", map[0],
		      from, end, gap, first, nr, want, last);
		next = first + nr;
		model = last + 1;
	}
	while (model < end && !shim_bit(map, model))
		model++;
	CHECK(model >= end, "map %lx %lu-%lu gap %lu: %lu forgotten", map[0],
	      from, end, gap, model);
}

static void spans(void)
{
	for (unsigned long map = 0; map < 1 << 10; map++)
		for (unsigned int from = 0; from <= 10; from++)
			for (unsigned int end = 0; end <= 10; end++)
				for (unsigned int gap = 0; gap < 5; gap++)
					check_spans(&map, from, end, gap);
}

static void spans_long(void)
{
	unsigned long map[8];

	for (unsigned int round = 0; round < 2000; round++) {
		unsigned int from = native_random(512);
		unsigned int end = from + native_random(513 - from);

		for (int i = 0; i < 512; i++) {
			if (i % 64 == 0)
				map[i / 64] = 0;
			/* From nearly empty to nearly full. */
			if (native_random(11) < round % 11)
				map[i / 64] |= 1UL << i % 64;
		}
		check_spans(map, from, end, native_random(70));
	}
}

static void spans_never_set(void)
{
	unsigned long map = 0, first = 77, nr = 88;

	CHECK(!gpumem_span_next(&map, 0, 64, 5, &first, &nr));
	CHECK(first == 77 && nr == 88);
	map = 1UL << 40;
	CHECK(!gpumem_span_next(&map, 0, 40, 5, &first, &nr));
	CHECK(!gpumem_span_next(&map, 41, 64, 5, &first, &nr));
	CHECK(!gpumem_span_next(&map, 50, 40, 5, &first, &nr));
	CHECK(first == 77 && nr == 88);
	CHECK(gpumem_span_next(&map, 40, 41, 0, &first, &nr));
	CHECK(first == 40 && nr == 1);
}

/* --- batches ------------------------------------------------------------ */

/* A batch as a plain list of pages. */
struct list {
	unsigned int nr;
	unsigned int extents;
	struct page_entry { u64 index, frame; u32 attr; } page[1024];
};

static bool goes_on(const struct page_entry *a, const struct page_entry *b)
{
	return a->index + 1 == b->index && a->frame + 1 == b->frame &&
	       a->attr == b->attr;
}

static void list_add(struct list *l, struct page_entry p)
{
	if (!l->nr || !goes_on(&l->page[l->nr - 1], &p))
		l->extents++;
	l->page[l->nr++] = p;
}

static void check_same(const struct gpumem_batch *b, const struct list *l,
		       const char *when)
{
	unsigned int n = 0;

	CHECK(b->nr == l->extents && b->frames == l->nr,
	      "%s: %u extents of %u frames, not %u of %u", when, b->nr,
	      b->frames, l->extents, l->nr);
	for (unsigned int i = 0; i < b->nr; i++) {
		const struct gpumem_extent *e = &b->ext[i];

		CHECK(e->nr, "%s: extent %u is empty", when, i);
		for (u32 j = 0; j < e->nr; j++, n++)
			CHECK(n < l->nr && e->index + j == l->page[n].index &&
			      e->frame + j == l->page[n].frame &&
			      e->attr == l->page[n].attr,
			      "%s: page %u of extent %u", when, j, i);
	}
	CHECK(n == l->nr, "%s: %u pages, not %u", when, n, l->nr);
}

/* What comes after @p: the same run, a gap, another frame, other rights. */
static struct page_entry step(struct page_entry p, unsigned int how)
{
	p.index += how == 1 ? 3 : 1;
	p.frame += how == 2 ? 9 : 1;
	p.attr ^= how == 3 ? GPUMEM_ATTR_WRITE : 0;
	return p;
}

/* All sequences of some length. */
static void batch_add(void)
{
	for (unsigned int way = 0; way < 1 << 14; way++) {
		struct page_entry p = { 1000, 1ULL << 40, 0 };
		struct list l = { 0 };
		struct gpumem_batch b;

		gpumem_batch_reset(&b);
		for (unsigned int i = 0; i < 8; i++) {
			CHECK(gpumem_batch_add(&b, 64, p.index, p.frame,
					       p.attr), "way %x", way);
			list_add(&l, p);
			p = step(p, way >> 2 * i & 3);
		}
		check_same(&b, &l, "added");
	}
}

/* Full of extents: what goes on still fits, and a refusal changes nothing. */
static void batch_extents_full(void)
{
	static const unsigned int limits[] = { 0, 1, 2, 63, 64, 65, ~0U };

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		unsigned int fit = limits[i] < 64 ? limits[i] : 64, n = 0;
		struct gpumem_batch b, before;

		gpumem_batch_reset(&b);
		while (n < 1000 && gpumem_batch_add(&b, limits[i], 2 * n, 7, 0))
			n++;
		CHECK(n == fit && b.nr == fit && b.frames == fit,
		      "limit %u: %u fit", limits[i], n);
		before = b;
		CHECK(!gpumem_batch_add(&b, limits[i], 5000, 5000, 0));
		CHECK(!memcmp(&b, &before, sizeof(b)));
		if (!fit)
			continue;
		CHECK(gpumem_batch_add(&b, limits[i], 2 * fit - 1, 8, 0));
		CHECK(b.nr == fit && b.frames == fit + 1);
	}
}

static void batch_frames_full(void)
{
	struct gpumem_batch b, before;
	unsigned int n = 0;

	gpumem_batch_reset(&b);
	while (n < 10000 && gpumem_batch_add(&b, 64, n, n, 0))
		n++;
	CHECK(n == 512 && b.nr == 1 && b.ext[0].nr == 512, "%u fit", n);
	before = b;
	CHECK(!gpumem_batch_add(&b, 64, n, n, 0));
	CHECK(!gpumem_batch_add(&b, 64, 9999, 9999, 0));
	CHECK(!memcmp(&b, &before, sizeof(b)));
}

static void fill_random(struct gpumem_batch *b, struct list *l)
{
	struct page_entry p = { native_random(100), native_random(100), 0 };
	unsigned int room = 1 + native_random(520);

	gpumem_batch_reset(b);
	memset(l, 0, sizeof(*l));
	while (room-- && gpumem_batch_add(b, 64, p.index, p.frame, p.attr)) {
		list_add(l, p);
		p = step(p, native_random(12));
	}
}

/* Every number of frames done, and then some more. */
static void batch_advance(void)
{
	static struct gpumem_batch b, full;
	static struct list l, left;

	for (int round = 0; round < 200; round++) {
		fill_random(&full, &l);
		for (unsigned int done = 0; done <= l.nr + 2; done++) {
			unsigned int gone = done < l.nr ? done : l.nr;

			b = full;
			memset(&left, 0, sizeof(left));
			for (unsigned int i = gone; i < l.nr; i++)
				list_add(&left, l.page[i]);
			gpumem_batch_advance(&b, done);
			check_same(&b, &left, "advanced");
		}
	}
}

/* As a caller does that gets some frames done at a time. */
static void batch_advance_steps(void)
{
	static struct gpumem_batch b;
	static struct list l;

	for (int round = 0; round < 500; round++) {
		unsigned int gone = 0;

		fill_random(&b, &l);
		while (b.nr) {
			unsigned int done = 1 + native_random(40);

			CHECK(b.ext[0].index == l.page[gone].index &&
			      b.ext[0].frame == l.page[gone].frame,
			      "after %u", gone);
			gpumem_batch_advance(&b, done);
			gone += done;
		}
		CHECK(gone >= l.nr && !b.frames);
	}
}

int main(void)
{
	static const struct native_test tests[] = {
		{ NAME("U1-native-range-valid"), "U1,L19", range_valid },
		{ NAME("L2-native-clip"), "L2", clip },
		{ NAME("L2-native-clip-edges"), "L2,L13", clip_edges },
		{ NAME("L11-native-around"), "L11,L19", around },
		{ NAME("L2-native-spans"), "L2", spans },
		{ NAME("L2-native-spans-long"), "L2", spans_long },
		{ NAME("L2-native-spans-never-set"), "L2", spans_never_set },
		{ NAME("L15-native-batch-add"), "L15", batch_add },
		{ NAME("L19-native-batch-extents"), "L19", batch_extents_full },
		{ NAME("L19-native-batch-frames"), "L19", batch_frames_full },
		{ NAME("L15-native-batch-advance"), "L15", batch_advance },
		{ NAME("L15-native-batch-steps"), "L15", batch_advance_steps },
	};

	return native_main(tests, ARRAY_SIZE(tests));
}
