/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kinds of memory to lend, and what the host can do to each while it is lent.
 *
 * A *kind* makes some memory, lists the *moves* that the kernel can be made to
 * do with it, and ends it.  A move says what the guest finds afterwards, and
 * whether it must have lost all of it meanwhile.  Adding a kind is an entry in
 * a table; the tests are the same for all.
 *
 * A kind that cannot be made here skips the test, with the reason.
 */
#ifndef TESTS_LIB_BACKING_H
#define TESTS_LIB_BACKING_H

#include "xgt.h"

struct backing_kind;

struct backing {
	const struct backing_kind *kind;
	volatile uint64_t *map;
	uint64_t length;
	int fd;			/* what is mapped, or -1 */
	uint64_t offset;	/* where in it */
	int card;		/* whose buffer it is, or -1 */
	uint32_t handle;	/* and the buffer */
	uint32_t window;	/* where it is lent */
	void *away;		/* where move_away() put it */
	bool busy;		/* a guest works on it meanwhile */
};

/* What the guest finds after a move. */
enum backing_then {
	THEN_KEEPS,		/* the same contents as before */
	THEN_ZEROES,
	THEN_ORIGINAL,		/* what the private copy was made from */
	THEN_GONE,		/* nothing: its accesses get the policy */
};

struct backing_move {
	const char *name;
	void (*fn)(struct backing *b);
	enum backing_then then;
	/* Takes all of it from the guest, before it returns. */
	bool takes_all;
	/* Can be done under a guest that works on it, which notices nothing. */
	bool live;
};

/* What a file behind the mapping holds. */
enum backing_file {
	FILE_NONE,
	FILE_SHARED,		/* what the mapping does */
	FILE_PRIVATE,		/* BACKING_ORIGINAL, whatever the mapping does */
};

/* Seed of what is in the file behind a private mapping. */
#define BACKING_ORIGINAL	0x0419ULL

struct backing_kind {
	const char *name;
	uint64_t length;
	void (*make)(struct backing *b);
	void (*end)(struct backing *b);
	const struct backing_move *moves;	/* up to one without a name */
	enum backing_file file;
	/* The guest's pages are device memory to begin with. */
	bool io;
	/* It is a shared mapping of @fd. */
	bool has_fd;
};

extern const struct backing_kind *const backing_kinds[];
extern const size_t backing_kinds_nr;

/* kinds-gpu.c, kinds-huge.c */
extern const struct backing_kind kind_qxl, kind_vgem, kind_virtio, kind_bochs;
extern const struct backing_kind kind_prime, kind_udmabuf, kind_heap;
extern const struct backing_kind kind_hugetlb, kind_hugetlb_anon;
extern const struct backing_kind kind_thp, kind_thp_shmem;

void backing_make(struct backing *b, const struct backing_kind *kind);
/* Lend all of it, in a window at XGT_WINDOW. */
void backing_lend(struct backing *b, uint32_t flags);
/* The file behind it holds what it should, if there is one. */
void backing_verify_file(struct backing *b);
/* Unmap, and close what was mapped. */
void backing_end(struct backing *b);
int backing_map(struct backing *b, int flags);

/* --- moves.c ----------------------------------------------------------------- */

void move_dontneed(struct backing *b);
void move_pageout(struct backing *b);
void move_cold(struct backing *b);
void move_migrate(struct backing *b);
void move_compact(struct backing *b);
void move_punch(struct backing *b);
void move_truncate(struct backing *b);
void move_extend(struct backing *b);
void move_unmap(struct backing *b);
void move_map(struct backing *b);
void move_map_anon(struct backing *b);
void move_away(struct backing *b);
void move_home(struct backing *b);
void move_sync(struct backing *b);
void move_split(struct backing *b);
void move_collapse(struct backing *b);

/* --- reclaim.c: the kernel's knobs ----------------------------------------------- */

/* Skip the test if there is no such knob. */
void knob_set(const char *path, const char *text);
unsigned long knob_get(const char *path);
/* Swap on a compressed RAM disk, from now on. */
void swap_on(void);
/* Empty the lists of single CPUs in which reclaim finds nothing. */
void lru_drain(void);
/* Swap out or drop pages, as far as one attempt goes. */
void page_out_once(volatile void *p, uint64_t length);
/* The same until all are gone; false if some stay. */
bool page_out(volatile void *p, uint64_t length);
/* Move pages to the other memory node; how many are there then. */
uint64_t migrate_pages_to(volatile void *p, uint64_t length, int node);
bool more_nodes(void);
int node_of(volatile void *p);
uint64_t page_frame(volatile void *p);

#define PAGE_REFERENCED	(1ULL << 2)
#define PAGE_DIRTY	(1ULL << 4)
#define PAGE_ACTIVE	(1ULL << 6)
#define PAGE_KSM	(1ULL << 21)
#define PAGE_THP	(1ULL << 22)
/* The kernel's flags of the page that is mapped at an address; 0: none. */
uint64_t page_flags(volatile void *p);
/* Bit 55 of the page's entry in pagemap. */
bool page_soft_dirty(volatile void *p);

/* --- disk.c: an ext4 on a disk whose contents can be looked at ----------------- */

struct disk {
	char image[64];
	char dir[64];
	int image_fd;
};

void disk_new(struct disk *d, uint64_t length);
/* A file of zeroes in it, of which every block is allocated. */
int disk_file(struct disk *d, const char *name, uint64_t length);
/* What the disk itself holds where a page of the file lies. */
void disk_read(struct disk *d, int fd, uint64_t offset, void *page);
void disk_verify(struct disk *d, int fd, uint64_t length, uint64_t seed);
/* Forget all that is cached of it. */
void disk_remount(struct disk *d);
void disk_mount(struct disk *d);
void disk_umount(struct disk *d);

/* --- drm.c ------------------------------------------------------------------------ */

/* The primary node of a driver's card, or -1. */
int drm_open(const char *driver);
void drm_dumb_new(int card, struct backing *b);
void drm_close_handle(int card, uint32_t handle);
int drm_prime_fd(int card, uint32_t handle);

#endif
