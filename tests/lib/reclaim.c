// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's memory management, made to do at once what it does in its own
 * time: swap, migration, and what it knows about a page.
 */
#include <sys/swap.h>
#include <sys/syscall.h>

#include "backing.h"

#define SWAP		"/dev/zram0"
#define SWAP_SIZE	(128 * MIB)
#define BATCH		512

/**
 * knob_set - write to a file of the kernel's
 * @path: the file
 * @text: what
 */
void knob_set(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		xgt_skip("%s: %s", path, strerror(errno));
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		FAIL("writing %s to %s: %s", text, path, strerror(errno));
	close(fd);
}

/**
 * knob_get - a number from a file of the kernel's
 * @path: the file
 */
unsigned long knob_get(const char *path)
{
	unsigned long n = 0;
	FILE *f = fopen(path, "re");

	if (!f || fscanf(f, "%lu", &n) != 1)
		xgt_skip("%s: %s", path, strerror(errno));
	fclose(f);
	return n;
}

static bool swap_is_on(void)
{
	char line[256];
	bool on = false;
	FILE *f = fopen("/proc/swaps", "re");

	while (f && fgets(line, sizeof(line), f))
		on |= !strncmp(line, SWAP, strlen(SWAP));
	if (f)
		fclose(f);
	return on;
}

/**
 * swap_on - swap on a compressed RAM disk
 *
 * It stays, for all tests of the boot.
 */
void swap_on(void)
{
	static char header[PAGE] __attribute__((aligned(4096)));
	uint32_t *info = (uint32_t *)(header + 1024);
	char size[32];
	int fd;

	if (swap_is_on())
		return;
	snprintf(size, sizeof(size), "%llu", SWAP_SIZE);
	knob_set("/sys/block/zram0/disksize", size);
	fd = open(SWAP, O_RDWR | O_CLOEXEC);
	info[0] = 1;				/* version */
	info[1] = SWAP_SIZE / PAGE - 1;		/* last page */
	memcpy(header + PAGE - 10, "SWAPSPACE2", 10);
	if (write(fd, header, PAGE) != (ssize_t)PAGE || swapon(SWAP, 0))
		FAIL("no swap: %s", strerror(errno));
	close(fd);
}

static long move_pages(unsigned long n, void **pages, const int *nodes,
		       int *status)
{
	return syscall(SYS_move_pages, 0, n, pages, nodes, status, 2);
}

/**
 * lru_drain - empty the lists of each CPU that pages wait in before the LRU
 *
 * Migration begins with that, whatever it is about.
 */
void lru_drain(void)
{
	static volatile char page[PAGE] __attribute__((aligned(4096)));
	void *p = (void *)page;
	int node, status;

	page[0] = 1;
	node = 0;
	move_pages(1, &p, &node, &status);
}

/**
 * page_out_once - swap pages out, or drop them, as far as one attempt goes
 * @p: where they are mapped
 * @length: bytes
 */
void page_out_once(volatile void *p, uint64_t length)
{
	lru_drain();
	if (madvise((void *)p, length, MADV_PAGEOUT))
		FAIL("MADV_PAGEOUT: %s", strerror(errno));
}

static bool resident(volatile void *p, uint64_t length)
{
	unsigned char map[length / PAGE];

	if (mincore((void *)p, length, map))
		FAIL("mincore: %s", strerror(errno));
	for (uint64_t i = 0; i < length / PAGE; i++)
		if (map[i] & 1)
			return true;
	return false;
}

/**
 * page_out - swap pages out, or drop them
 * @p: where they are mapped
 * @length: bytes
 *
 * Return: false if some of them stay
 */
bool page_out(volatile void *p, uint64_t length)
{
	for (int try = 0; try < 50; try++) {
		page_out_once(p, length);
		if (!resident(p, length))
			return true;
		/* Someone has one of them in hand at the moment. */
		xgt_sleep_ms(5);
	}
	return false;
}

/**
 * migrate_pages_to - move pages to a memory node
 * @p: where they are mapped
 * @length: bytes
 * @node: the node
 *
 * Return: how many are on it now
 */
uint64_t migrate_pages_to(volatile void *p, uint64_t length, int node)
{
	static int nodes[BATCH], status[BATCH];
	static void *pages[BATCH];
	uint64_t there = 0, n;

	for (uint64_t at = 0; at < length; at += n * PAGE) {
		n = (length - at) / PAGE;
		n = n < BATCH ? n : BATCH;
		for (uint64_t i = 0; i < n; i++) {
			pages[i] = (char *)p + at + i * PAGE;
			nodes[i] = node;
			status[i] = -1;
		}
		if (move_pages(n, pages, nodes, status) < 0)
			FAIL("move_pages: %s", strerror(errno));
		move_pages(n, pages, NULL, status);
		for (uint64_t i = 0; i < n; i++)
			there += status[i] == node;
	}
	return there;
}

/**
 * more_nodes - are there two memory nodes?
 */
bool more_nodes(void)
{
	return !access("/sys/devices/system/node/node1", F_OK);
}

/**
 * node_of - the memory node of a page
 * @p: where it is mapped
 */
int node_of(volatile void *p)
{
	void *page = (void *)p;
	int status = -1;

	if (move_pages(1, &page, NULL, &status) || status < 0)
		FAIL("no page there: %d", status);
	return status;
}

static uint64_t entry_of(const char *path, uint64_t index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (fd < 0)
		xgt_skip("%s: %s", path, strerror(errno));
	if (pread(fd, &entry, 8, index * 8) != 8)
		FAIL("%s at %lu: %s", path, index, strerror(errno));
	close(fd);
	return entry;
}

static uint64_t pagemap(volatile void *p)
{
	return entry_of("/proc/self/pagemap", (uintptr_t)p / PAGE);
}

/**
 * page_frame - the frame that is mapped at an address
 * @p: the address; the page is brought in if it is not there
 *
 * Return: its number; zero if it is gone again already
 */
uint64_t page_frame(volatile void *p)
{
	uint64_t entry;

	(void)*(volatile char *)p;
	entry = pagemap(p);
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

/**
 * page_flags - what the kernel knows about a page
 * @p: where it is mapped
 *
 * Return: PAGE_* bits and others; zero if no page is there
 */
uint64_t page_flags(volatile void *p)
{
	uint64_t entry = pagemap(p);

	if (!(entry >> 63))
		return 0;
	return entry_of("/proc/kpageflags", entry & ((1ULL << 55) - 1));
}

/**
 * page_soft_dirty - has it been written since soft-dirty was cleared?
 * @p: where the page is mapped
 */
bool page_soft_dirty(volatile void *p)
{
	return pagemap(p) >> 55 & 1;
}
