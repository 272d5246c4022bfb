// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that the guest shares, where there is no kernel that has a driver for
 * it: what grant.c does, on nothing.
 *
 * There is a pool of pages, and page n of it is granted by reference FIRST + n
 * or not at all.  An area is a run of pages in the pool.  Commands reach it at
 * XG_SHARED_BASE plus the area's number times XG_SHARED_STRIDE, as if it were a
 * part of the arena.
 *
 * A grant that somebody has mapped cannot be ended.  Whoever takes back an area
 * leaves such a page as it is, and it is looked at again when pages are wanted:
 * it cannot be shared anew, and nothing else is done with it, before the other
 * side has let go.
 *
 * One vCPU at a time: commands about areas are given to one of them.
 */
#include "server.h"

/* As in bare.c. */
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/memory.h>

#define POOL_PAGES	1024U
#define FIRST		8U	/* before it are those of the toolstack */
#define PER_FRAME	(XG_PAGE / sizeof(struct grant_entry_v1))
#define FRAMES		((FIRST + POOL_PAGES + PER_FRAME - 1) / PER_FRAME)

#define ERROR_INVALID	22	/* EINVAL */
#define ERROR_SPACE	28	/* ENOSPC */

static uint8_t pool[POOL_PAGES][XG_PAGE] __attribute__((aligned(4096)));
static bool taken[POOL_PAGES];

/* Xen puts its table over these pages. */
static volatile struct grant_entry_v1 table[FRAMES * PER_FRAME]
	__attribute__((aligned(4096)));

static struct area {
	uint32_t first, count;	/* no pages: it does not exist */
} areas[XG_SHARED_AREAS];

/* --- grants --------------------------------------------------------------- */

static bool map_table(void)
{
	static bool mapped;

	for (unsigned int i = 0; !mapped && i < FRAMES; i++) {
		struct xen_add_to_physmap a = {
			.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table,
			.idx = i, .gpfn = (uintptr_t)table / XG_PAGE + i,
		};
		bool supported = true;

		if (port_hypercall((const uint64_t[6]){
				   __HYPERVISOR_memory_op,
				   XENMEM_add_to_physmap, (uintptr_t)&a },
				   &supported))
			return false;
	}
	mapped = true;
	return true;
}

static void grant(uint32_t page, bool writable)
{
	volatile struct grant_entry_v1 *entry = &table[FIRST + page];

	entry->domid = 0;
	entry->frame = (uintptr_t)pool[page] / XG_PAGE;
	__atomic_store_n(&entry->flags, GTF_permit_access |
			 (writable ? 0 : GTF_readonly), __ATOMIC_RELEASE);
}

/* End a page's grant.  Return: false if somebody has it mapped. */
static bool end_grant(uint32_t page)
{
	volatile uint16_t *flags = &table[FIRST + page].flags;
	uint16_t old = *flags;

	while (!(old & (GTF_reading | GTF_writing)))
		if (__atomic_compare_exchange_n(flags, &old, 0, false,
						__ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return true;
	return false;
}

/* --- areas ---------------------------------------------------------------- */

static void unshare(struct area *a)
{
	for (uint32_t i = a->first; i < a->first + a->count; i++) {
		end_grant(i);
		taken[i] = false;
	}
	a->count = 0;
}

/* The first page of a run that can be shared, or POOL_PAGES. */
static uint32_t find_run(uint32_t count)
{
	uint32_t length = 0;

	for (uint32_t i = 0; i < POOL_PAGES; i++) {
		length = !taken[i] && end_grant(i) ? length + 1 : 0;
		if (length == count)
			return i + 1 - count;
	}
	return POOL_PAGES;
}

static bool share(struct area *a, uint32_t count, bool writable)
{
	uint32_t first = find_run(count);

	if (first == POOL_PAGES)
		return false;
	for (uint32_t i = first; i < first + count; i++) {
		taken[i] = true;
		grant(i, writable);
	}
	a->first = first;
	a->count = count;
	return true;
}

static struct area *area_of(struct xg_run *run)
{
	uint64_t number = run->arg[0];

	if (number < XG_SHARED_AREAS && areas[number].count)
		return &areas[number];
	run->status = XG_BAD;
	return NULL;
}

/**
 * xg_shared_map - where a part of an area is
 * @gpa: address as the commands name it
 * @length: bytes
 *
 * Return: NULL if it is not wholly in one area.
 */
volatile void *xg_shared_map(uint64_t gpa, uint64_t length)
{
	uint64_t area = (gpa - XG_SHARED_BASE) / XG_SHARED_STRIDE;
	uint64_t offset = (gpa - XG_SHARED_BASE) % XG_SHARED_STRIDE;
	uint64_t size;

	if (gpa < XG_SHARED_BASE || area >= XG_SHARED_AREAS)
		return NULL;
	size = areas[area].count * XG_PAGE;
	if (length > size || offset > size - length)
		return NULL;
	return pool[areas[area].first] + offset;
}

/* --- commands ------------------------------------------------------------- */

/**
 * xg_share - XG_CMD_SHARE
 * @run: the command; an errno is its first result where it is refused
 */
void xg_share(struct xg_run *run)
{
	if (!map_table()) {
		run->status = XG_UNSUPPORTED;
		return;
	}
	run->status = XG_BAD;
	run->result[0] = ERROR_INVALID;
	if (run->arg[0] >= XG_SHARED_AREAS || !run->arg[1] ||
	    run->arg[1] > POOL_PAGES)
		return;
	/* Of a test that ended without a word. */
	unshare(&areas[run->arg[0]]);
	run->result[0] = ERROR_SPACE;
	if (!share(&areas[run->arg[0]], run->arg[1], run->arg[2]))
		return;
	run->result[0] = 0;
	run->status = XG_OK;
}

/**
 * xg_unshare - XG_CMD_UNSHARE
 * @run: the command
 */
void xg_unshare(struct xg_run *run)
{
	struct area *a = area_of(run);

	if (a)
		unshare(a);
}

/**
 * xg_refs - XG_CMD_REFS
 * @run: the command
 */
void xg_refs(struct xg_run *run)
{
	volatile struct xg_mailbox *box = port_map(XG_ARENA_BASE, XG_PAGE);
	volatile uint32_t *out = (volatile uint32_t *)box->data;
	uint64_t first = run->arg[1], n = 0;
	struct area *a = area_of(run);

	for (; a && first + n < a->count && n < XG_DATA / 4; n++)
		out[n] = FIRST + a->first + first + n;
	run->result[0] = n;
}

/**
 * xg_gfns - XG_CMD_GFNS
 * @run: the command
 */
void xg_gfns(struct xg_run *run)
{
	volatile struct xg_mailbox *box = port_map(XG_ARENA_BASE, XG_PAGE);
	volatile uint64_t *out = (volatile uint64_t *)box->data;
	uint64_t first = run->arg[1], n = 0;
	struct area *a = area_of(run);

	for (; a && first + n < a->count && n < XG_DATA / 8; n++)
		out[n] = (uintptr_t)pool[a->first + first + n] / XG_PAGE;
	run->result[0] = n;
}
