// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ordinary memory: anonymous, and files of memory and of a disk.
 */
#include "backing.h"

#define LENGTH	(256 * KIB)

/**
 * backing_map - map what @fd and @offset say
 * @b: the memory; @map is filled in, or used with MAP_FIXED
 * @flags: for mmap(), besides those of the kind
 *
 * Return: 0 or -1, see errno
 */
int backing_map(struct backing *b, int flags)
{
	void *p;

	if (b->kind->file == FILE_PRIVATE)
		flags |= MAP_PRIVATE;
	else
		flags |= b->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	p = mmap((void *)b->map, b->length, PROT_READ | PROT_WRITE, flags,
		 b->fd, b->offset);
	if (p == MAP_FAILED)
		return -1;
	b->map = p;
	return 0;
}

/**
 * backing_make - make memory of a kind, and map it
 * @b: filled in
 * @kind: the kind
 */
void backing_make(struct backing *b, const struct backing_kind *kind)
{
	*b = (struct backing) {
		.kind = kind, .length = kind->length ?: LENGTH,
		.fd = -1, .card = -1,
	};
	kind->make(b);
}

/**
 * backing_lend - put memory behind a window at XGT_WINDOW
 * @b: the memory
 * @flags: XEN_GPUMEM_BIND_*
 */
void backing_lend(struct backing *b, uint32_t flags)
{
	OK(gm_window_add(xgt_dom, XGT_WINDOW, b->length,
			 XEN_GPUMEM_POLICY_MMIO, &b->window));
	OK(gm_bind(xgt_dom, b->window, 0, b->length, b->map, flags,
		   XEN_GPUMEM_POLICY_INJECT));
}

/**
 * backing_verify_file - check what is in the file behind a mapping
 * @b: the memory
 */
void backing_verify_file(struct backing *b)
{
	uint64_t page[PAGE / 8];

	for (uint64_t at = 0; b->kind->file && at < b->length; at += PAGE) {
		if (pread(b->fd, page, PAGE, b->offset + at) != (ssize_t)PAGE)
			FAIL("pread: %s", strerror(errno));
		for (uint64_t i = 0; i < PAGE / 8; i++) {
			uint64_t want = b->kind->file == FILE_SHARED ?
					b->map[at / 8 + i] :
					xg_pattern(BACKING_ORIGINAL,
						   at + i * 8);

			if (page[i] != want)
				FAIL("%s: the file holds 0x%lx at 0x%lx, not 0x%lx",
				     b->kind->name, page[i], at + i * 8, want);
		}
	}
}

/**
 * backing_end - unmap memory and close what it was
 * @b: the memory
 */
void backing_end(struct backing *b)
{
	munmap((void *)b->map, b->length);
	if (b->card >= 0)
		drm_close_handle(b->card, b->handle);
	if (b->card >= 0 && b->card != b->fd)
		close(b->card);
	if (b->fd >= 0)
		close(b->fd);
}

/* --- making ------------------------------------------------------------------- */

static void map(struct backing *b)
{
	if (backing_map(b, 0))
		FAIL("%s: mmap: %s", b->kind->name, strerror(errno));
}

/* What the private mapping's file holds from the beginning. */
static void original(struct backing *b)
{
	uint64_t page[PAGE / 8];

	for (uint64_t at = 0; at < b->length; at += PAGE) {
		for (uint64_t i = 0; i < PAGE / 8; i++)
			page[i] = xg_pattern(BACKING_ORIGINAL, at + i * 8);
		if (pwrite(b->fd, page, PAGE, at) != (ssize_t)PAGE)
			FAIL("pwrite: %s", strerror(errno));
	}
	if (fsync(b->fd))
		FAIL("fsync: %s", strerror(errno));
}

static void make_anon(struct backing *b)
{
	map(b);
	/* Huge pages are a kind of their own. */
	madvise((void *)b->map, b->length, MADV_NOHUGEPAGE);
}

static void make_memfd(struct backing *b)
{
	b->fd = memfd_new(b->length);
	if (b->kind->file == FILE_PRIVATE)
		original(b);
	map(b);
}

static void make_tmpfs(struct backing *b)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/shm/kind-%d", getpid());
	b->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (b->fd < 0 || ftruncate(b->fd, b->length))
		FAIL("%s: %s", path, strerror(errno));
	unlink(path);
	if (b->kind->file == FILE_PRIVATE)
		original(b);
	map(b);
}

static void make_ext4(struct backing *b)
{
	struct disk d;

	disk_new(&d, 16 * MIB);
	b->fd = disk_file(&d, "file", b->length);
	if (b->kind->file == FILE_PRIVATE)
		original(b);
	map(b);
}

/* --- the table ------------------------------------------------------------------ */

static const struct backing_move anon_moves[] = {
	{ "reclaim", move_pageout, THEN_KEEPS, true, true },
	{ "migrate", move_migrate, THEN_KEEPS, false, true },
	{ "cold", move_cold, THEN_KEEPS, false, true },
	{ "compact", move_compact, THEN_KEEPS, false, true },
	{ "mremap away", move_away, THEN_GONE, true, false },
	{ "mremap back", move_home, THEN_KEEPS, false, false },
	{ "dontneed", move_dontneed, THEN_ZEROES, true, false },
	{ "unmap", move_unmap, THEN_GONE, true, false },
	{ "map", move_map_anon, THEN_ZEROES, false, false },
	{ }
};

static const struct backing_move shared_moves[] = {
	{ "reclaim", move_pageout, THEN_KEEPS, true, true },
	{ "migrate", move_migrate, THEN_KEEPS, false, true },
	{ "cold", move_cold, THEN_KEEPS, false, true },
	{ "dontneed", move_dontneed, THEN_KEEPS, true, true },
	{ "sync", move_sync, THEN_KEEPS, false, true },
	{ "map over it", move_map, THEN_KEEPS, true, true },
	{ "mremap away", move_away, THEN_GONE, true, false },
	{ "mremap back", move_home, THEN_KEEPS, false, false },
	{ "punch", move_punch, THEN_ZEROES, true, false },
	{ "truncate", move_truncate, THEN_GONE, true, false },
	{ "extend", move_extend, THEN_ZEROES, false, false },
	{ }
};

static const struct backing_move private_moves[] = {
	{ "reclaim", move_pageout, THEN_KEEPS, true, true },
	{ "migrate", move_migrate, THEN_KEEPS, false, true },
	{ "cold", move_cold, THEN_KEEPS, false, true },
	{ "mremap away", move_away, THEN_GONE, true, false },
	{ "mremap back", move_home, THEN_KEEPS, false, false },
	{ "dontneed", move_dontneed, THEN_ORIGINAL, true, false },
	{ "map over it", move_map, THEN_ORIGINAL, true, false },
	{ }
};

#define KIND(name_, make_, moves_, file_) {				\
	.name = name_, .make = make_, .end = backing_end,		\
	.moves = moves_, .file = file_,					\
	.has_fd = file_ == FILE_SHARED,					\
}

static const struct backing_kind
kind_anon = KIND("anon", make_anon, anon_moves, FILE_NONE),
kind_memfd = KIND("memfd", make_memfd, shared_moves, FILE_SHARED),
kind_memfd_private = KIND("memfd-private", make_memfd, private_moves,
			  FILE_PRIVATE),
kind_tmpfs = KIND("tmpfs", make_tmpfs, shared_moves, FILE_SHARED),
kind_tmpfs_private = KIND("tmpfs-private", make_tmpfs, private_moves,
			  FILE_PRIVATE),
kind_ext4 = KIND("ext4", make_ext4, shared_moves, FILE_SHARED),
kind_ext4_private = KIND("ext4-private", make_ext4, private_moves,
			 FILE_PRIVATE);

const struct backing_kind *const backing_kinds[] = {
	&kind_anon, &kind_memfd, &kind_memfd_private, &kind_tmpfs,
	&kind_tmpfs_private, &kind_ext4, &kind_ext4_private,
	&kind_hugetlb, &kind_hugetlb_anon, &kind_thp, &kind_thp_shmem,
	&kind_qxl, &kind_vgem, &kind_virtio, &kind_bochs, &kind_prime,
	&kind_udmabuf, &kind_heap,
};

const size_t backing_kinds_nr = ARRAY_SIZE(backing_kinds);
