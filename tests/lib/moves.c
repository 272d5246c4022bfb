// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host does to memory while it is lent.
 *
 * Each move must have happened when it returns: one that the kernel declined
 * would make the test that follows it say nothing, and fails it instead.
 */
#include "backing.h"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

static void advise(struct backing *b, int advice, const char *name)
{
	if (madvise((void *)b->map, b->length, advice))
		FAIL("%s: madvise(%s): %s", b->kind->name, name,
		     strerror(errno));
}

/**
 * move_dontneed - drop the mapping's pages
 * @b: the memory
 */
void move_dontneed(struct backing *b)
{
	advise(b, MADV_DONTNEED, "MADV_DONTNEED");
}

static uint64_t revoked(struct backing *b)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, b->window, 0, 0, &q));
	return q.out_revoked;
}

/**
 * move_pageout - have all of it written out and reclaimed
 * @b: the memory
 */
void move_pageout(struct backing *b)
{
	uint64_t before = revoked(b);

	/* Reclaim leaves a file's dirty pages to writeback. */
	if (b->kind->file != FILE_NONE && fsync(b->fd))
		FAIL("fsync: %s", strerror(errno));
	swap_on();
	if (!b->busy && !page_out(b->map, b->length))
		FAIL("%s: not reclaimed", b->kind->name);
	/* Where the guest fetches it back at once, some must do. */
	for (int try = 0; revoked(b) == before; try++) {
		if (try == 200)
			FAIL("%s: nothing was reclaimed", b->kind->name);
		/* Or it has not come to that yet. */
		if (try)
			xgt_sleep_ms(5);
		page_out_once(b->map, b->length);
	}
}

/**
 * move_cold - make it the first that reclaim would take
 * @b: the memory
 */
void move_cold(struct backing *b)
{
	advise(b, MADV_COLD, "MADV_COLD");
}

/* Where the kernel has one node only: it believes the page to go bad. */
static void move_one(struct backing *b, uint64_t at)
{
	char *page = (char *)b->map + at;
	uint64_t before = page_frame(page);

	for (int try = 0; page_frame(page) == before; try++) {
		if (try)
			xgt_sleep_ms(5);
		/* Busy, or just taken away: it has to be there for that. */
		if (madvise(page, PAGE, MADV_SOFT_OFFLINE) && errno != EBUSY &&
		    errno != EIO && errno != EAGAIN)
			FAIL("MADV_SOFT_OFFLINE: %s", strerror(errno));
		if (try == 50)
			FAIL("%s: page 0x%lx not migrated: %s", b->kind->name,
			     at, strerror(errno));
		/* One of a large folio, which is split only while it is clean. */
		if (b->kind->file != FILE_NONE && fsync(b->fd))
			FAIL("fsync: %s", strerror(errno));
	}
}

/**
 * move_migrate - move its pages elsewhere in memory
 * @b: the memory
 *
 * All of them to another node, where there is one (numa=fake=4); else some, at the price of a page of the machine's each time.
 */
void move_migrate(struct backing *b)
{
	uint64_t pages = b->length / PAGE, got = 0;
	int node;

	if (!more_nodes()) {
		for (uint64_t at = 0; at < b->length; at += b->length / 8)
			move_one(b, at);
		return;
	}
	node = node_of(b->map) ? 0 : 1;
	/* A page that someone just looks at is left where it is. */
	for (int try = 0; got != pages && try < 20; try++) {
		if (try)
			xgt_sleep_ms(5);
		got = migrate_pages_to(b->map, b->length, node);
	}
	if (got != pages)
		FAIL("%s: %lu of %lu pages migrated", b->kind->name, got,
		     pages);
}

/**
 * move_compact - have the kernel gather free memory, whatever that moves
 * @b: the memory
 */
void move_compact(struct backing *b)
{
	(void)b;
	knob_set("/proc/sys/vm/compact_memory", "1");
}

/**
 * move_punch - punch a hole into all of the file
 * @b: the memory
 */
void move_punch(struct backing *b)
{
	if (fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		      b->offset, b->length))
		FAIL("%s: fallocate: %s", b->kind->name, strerror(errno));
}

static void set_length(struct backing *b, uint64_t length)
{
	if (ftruncate(b->fd, length))
		FAIL("%s: ftruncate: %s", b->kind->name, strerror(errno));
}

/**
 * move_truncate - cut the file to nothing
 * @b: the memory
 */
void move_truncate(struct backing *b)
{
	set_length(b, 0);
}

/**
 * move_extend - give the file its length back
 * @b: the memory, after move_truncate()
 */
void move_extend(struct backing *b)
{
	set_length(b, b->length);
}

/**
 * move_unmap - unmap it
 * @b: the memory
 */
void move_unmap(struct backing *b)
{
	if (munmap((void *)b->map, b->length))
		FAIL("munmap: %s", strerror(errno));
}

/**
 * move_map - map the same thing there, in the place of what is there
 * @b: the memory
 */
void move_map(struct backing *b)
{
	if (backing_map(b, MAP_FIXED))
		FAIL("%s: mmap: %s", b->kind->name, strerror(errno));
}

/**
 * move_map_anon - map new anonymous memory there
 * @b: the memory
 */
void move_map_anon(struct backing *b)
{
	if (mmap((void *)b->map, b->length, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != b->map)
		FAIL("mmap: %s", strerror(errno));
}

static void relocate(void *from, uint64_t length, void *to)
{
	if (mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to) !=
	    to)
		FAIL("mremap: %s", strerror(errno));
}

/**
 * move_away - move the mapping to other addresses
 * @b: the memory
 */
void move_away(struct backing *b)
{
	uint64_t align = 2 * MIB;

	/* A reservation that huge pages fit into as well. */
	b->away = mmap(NULL, b->length + align, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->away == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	b->away = (void *)(((uintptr_t)b->away + align - 1) & -align);
	relocate((void *)b->map, b->length, b->away);
}

/**
 * move_home - move the mapping back to where it was
 * @b: the memory, after move_away()
 */
void move_home(struct backing *b)
{
	relocate(b->away, b->length, (void *)b->map);
}

/**
 * move_sync - write all of it back
 * @b: the memory
 */
void move_sync(struct backing *b)
{
	if (fsync(b->fd))
		FAIL("fsync: %s", strerror(errno));
}

/**
 * move_split - make the kernel split each huge page
 * @b: the memory
 */
void move_split(struct backing *b)
{
	for (uint64_t at = 0; at < b->length; at += 2 * MIB) {
		char *page = (char *)b->map + at + 7 * PAGE;

		/* No write of the guest's may come in between: same rights. */
		if (mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) ||
		    mprotect(page, PAGE, PROT_READ | PROT_WRITE))
			FAIL("mprotect: %s", strerror(errno));
	}
}

/**
 * move_collapse - make the kernel use huge pages again
 * @b: the memory
 */
void move_collapse(struct backing *b)
{
	/* A page in use for a moment is no reason to give up. */
	for (int try = 0; try < (b->busy ? 20 : 200); try++) {
		if (!madvise((void *)b->map, b->length, MADV_COLLAPSE))
			return;
		if (errno != EAGAIN && errno != EBUSY && errno != EINVAL &&
		    errno != ENOMEM)
			break;
		xgt_sleep_ms(5);
	}
	if (!b->busy)
		FAIL("MADV_COLLAPSE: %s", strerror(errno));
}
