// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages: reserved ones and transparent ones.
 *
 * A PV dom0 has none of either: the hypervisor lets it map 4 KiB at a time.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "backing.h"

#define HUGE		(2 * MIB)
#define LENGTH		(2 * HUGE)

#define HUGE_POOL	"/proc/sys/vm/nr_hugepages"

static void map(struct backing *b)
{
	if (backing_map(b, 0))
		FAIL("%s: mmap: %s", b->kind->name, strerror(errno));
}

/* --- reserved ---------------------------------------------------------------------- */

static void need_pool(void)
{
	if (access("/sys/kernel/mm/hugepages/hugepages-2048kB", F_OK))
		xgt_skip("this kernel has no huge pages here (a PV dom0?)");
	if (knob_get(HUGE_POOL) < 2 * LENGTH / HUGE)
		knob_set(HUGE_POOL, "8");
	if (knob_get(HUGE_POOL) < 2 * LENGTH / HUGE)
		FAIL("no huge pages to be had");
}

static void make_hugetlb(struct backing *b)
{
	need_pool();
	b->fd = memfd_create("xgt", MFD_CLOEXEC | MFD_HUGETLB);
	if (b->fd < 0 || ftruncate(b->fd, b->length))
		FAIL("hugetlb memfd: %s", strerror(errno));
	map(b);
}

static void make_hugetlb_anon(struct backing *b)
{
	need_pool();
	b->map = mmap(NULL, b->length, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		      MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (b->map == MAP_FAILED)
		FAIL("MAP_HUGETLB: %s", strerror(errno));
}

static unsigned long free_pages(void)
{
	return knob_get("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
}

/* Not only unmapped: they are back in the pool. */
static void free_huge(struct backing *b)
{
	unsigned long before = free_pages();

	if (b->fd >= 0)
		move_punch(b);
	else
		move_dontneed(b);
	CHECK_EQ(free_pages(), before + b->length / HUGE);
}

static const struct backing_move hugetlb_moves[] = {
	{ "dontneed", move_dontneed, THEN_KEEPS, true, true },
	{ "map over it", move_map, THEN_KEEPS, true, true },
	{ "mremap away", move_away, THEN_GONE, true, false },
	{ "mremap back", move_home, THEN_KEEPS, false, false },
	{ "free", free_huge, THEN_ZEROES, true, false },
	{ "truncate", move_truncate, THEN_GONE, true, false },
	{ "extend", move_extend, THEN_ZEROES, false, false },
	{ }
};

static const struct backing_move hugetlb_anon_moves[] = {
	{ "mremap away", move_away, THEN_GONE, true, false },
	{ "mremap back", move_home, THEN_KEEPS, false, false },
	{ "free", free_huge, THEN_ZEROES, true, false },
	{ }
};

const struct backing_kind kind_hugetlb = {
	.name = "hugetlb", .length = LENGTH, .make = make_hugetlb,
	.end = backing_end, .moves = hugetlb_moves, .has_fd = true,
};

const struct backing_kind kind_hugetlb_anon = {
	.name = "hugetlb-anon", .length = LENGTH, .make = make_hugetlb_anon,
	.end = backing_end, .moves = hugetlb_anon_moves,
};

/* --- transparent ---------------------------------------------------------------------- */

static void need_thp(void)
{
	if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK))
		xgt_skip("no transparent huge pages here (a PV dom0?)");
}

/* The first touch gets small pages where no large one is free just then. */
static void make_huge(struct backing *b)
{
	fill_word(b->map, b->length, 1);
	if (!(page_flags(b->map) & PAGE_THP))
		move_collapse(b);
}

static void check_huge(struct backing *b)
{
	if (!(page_flags(b->map) & PAGE_THP))
		FAIL("%s: no huge page there", b->kind->name);
}

/* Where huge pages fit. */
static void *aligned(uint64_t length)
{
	char *p = mmap(NULL, length + HUGE, PROT_NONE, MAP_PRIVATE |
		       MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return (void *)(((uintptr_t)p + HUGE - 1) & -HUGE);
}

static void make_thp(struct backing *b)
{
	need_thp();
	b->map = aligned(b->length);
	if (backing_map(b, MAP_FIXED) ||
	    madvise((void *)b->map, b->length, MADV_HUGEPAGE))
		FAIL("huge pages: %s", strerror(errno));
	make_huge(b);
	check_huge(b);
}

static void make_thp_shmem(struct backing *b)
{
	char dir[64], path[80];

	need_thp();
	snprintf(dir, sizeof(dir), "/tmp/huge-%d", getpid());
	snprintf(path, sizeof(path), "%s/file", dir);
	if (mkdir(dir, 0755) || mount("huge", dir, "tmpfs", 0, "huge=always"))
		FAIL("tmpfs of huge pages: %s", strerror(errno));
	b->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	if (b->fd < 0 || ftruncate(b->fd, b->length))
		FAIL("%s: %s", path, strerror(errno));
	b->map = aligned(b->length);
	if (backing_map(b, MAP_FIXED))
		FAIL("mmap: %s", strerror(errno));
	make_huge(b);
	check_huge(b);
}

/* Collapsed, and seen to be. */
static void collapse(struct backing *b)
{
	move_collapse(b);
	if (!b->busy)
		check_huge(b);
}

static const struct backing_move thp_moves[] = {
	{ "split", move_split, THEN_KEEPS, false, true },
	{ "collapse", collapse, THEN_KEEPS, false, true },
	{ "reclaim", move_pageout, THEN_KEEPS, true, true },
	{ "collapse", collapse, THEN_KEEPS, false, true },
	{ "migrate", move_migrate, THEN_KEEPS, false, true },
	{ "mremap away", move_away, THEN_GONE, true, false },
	{ "mremap back", move_home, THEN_KEEPS, false, false },
	{ "dontneed", move_dontneed, THEN_ZEROES, true, false },
	{ }
};

static const struct backing_move thp_shmem_moves[] = {
	{ "split", move_split, THEN_KEEPS, false, true },
	{ "collapse", collapse, THEN_KEEPS, false, true },
	{ "reclaim", move_pageout, THEN_KEEPS, true, true },
	{ "collapse", collapse, THEN_KEEPS, false, true },
	{ "migrate", move_migrate, THEN_KEEPS, false, true },
	{ "dontneed", move_dontneed, THEN_KEEPS, true, true },
	{ "punch", move_punch, THEN_ZEROES, true, false },
	{ }
};

const struct backing_kind kind_thp = {
	.name = "thp", .length = LENGTH, .make = make_thp,
	.end = backing_end, .moves = thp_moves,
};

const struct backing_kind kind_thp_shmem = {
	.name = "thp-shmem", .length = LENGTH, .make = make_thp_shmem,
	.end = backing_end, .moves = thp_shmem_moves, .file = FILE_SHARED,
	.has_fd = true,
};
