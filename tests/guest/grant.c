// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that the guest shares, and those that are shared with it: through
 * /dev/xen/gntalloc and /dev/xen/gntdev, as libxengnttab's xengntshr and
 * xengnttab calls do it, or sharing through these.
 *
 * An area is one allocation, whose pages are ordinary pages of the guest,
 * granted one by one to domain 0; or one mapping of pages that domain 0 has
 * granted.  Commands reach it at XG_SHARED_BASE plus the area's number times
 * XG_SHARED_STRIDE, as if it were a part of the arena.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xengnttab.h>

#include "server.h"

struct gntalloc_alloc {
	uint16_t domid;
	uint16_t flags;
	uint32_t count;
	uint64_t index;
	uint32_t refs[1];
};

struct gntalloc_dealloc {
	uint64_t index;
	uint32_t count;
};

#define GNTALLOC_ALLOC	 _IOC(_IOC_NONE, 'G', 5, sizeof(struct gntalloc_alloc))
#define GNTALLOC_DEALLOC _IOC(_IOC_NONE, 'G', 6, \
			      sizeof(struct gntalloc_dealloc))
#define GNTALLOC_WRITABLE 1

struct gntdev_map {
	uint32_t count;
	uint32_t pad;
	uint64_t index;
	struct {
		uint32_t domid;
		uint32_t ref;
	} refs[1];
};

struct gntdev_unmap {
	uint64_t index;
	uint32_t count;
	uint32_t pad;
};

#define GNTDEV_MAP	_IOC(_IOC_NONE, 'G', 0, sizeof(struct gntdev_map))
#define GNTDEV_UNMAP	_IOC(_IOC_NONE, 'G', 1, sizeof(struct gntdev_unmap))

static struct area {
	struct gntalloc_alloc *alloc;	/* NULL: it is domain 0's */
	uint64_t index;			/* then: as gntdev names it */
	uint32_t count;
	uint8_t *map;
	bool library;			/* it is libxengnttab's */
} areas[XG_SHARED_AREAS];

static int gntalloc = -1, gntdev = -1;
static xengntshr_handle *library;

/**
 * xg_shared_map - where a part of an area is mapped
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

	if (gpa < XG_SHARED_BASE || area >= XG_SHARED_AREAS ||
	    !areas[area].map)
		return NULL;
	size = areas[area].count * XG_PAGE;
	if (length > size || offset > size - length)
		return NULL;
	return areas[area].map + offset;
}

/* The library takes back what is unmapped. */
static void unshare_by_library(struct area *a)
{
	xengntshr_unshare(library, a->map, a->alloc->count);
	free(a->alloc);
	a->map = NULL;
	a->alloc = NULL;
	a->library = false;
}

static bool share_by_library(struct area *a, uint32_t count, bool writable)
{
	if (!library)
		library = xengntshr_open(NULL, 0);
	a->alloc = calloc(1, sizeof(*a->alloc) + count * sizeof(uint32_t));
	if (!library || !a->alloc) {
		free(a->alloc);
		a->alloc = NULL;
		return false;
	}
	a->alloc->count = a->count = count;
	a->map = xengntshr_share_pages(library, 0, count, a->alloc->refs,
				       writable);
	a->library = a->map;
	if (a->map)
		return true;
	free(a->alloc);
	a->alloc = NULL;
	return false;
}

static void unshare(struct area *a)
{
	struct gntalloc_dealloc dealloc;

	if (a->library) {
		unshare_by_library(a);
		return;
	}
	if (!a->alloc)
		return;
	if (a->map)
		munmap(a->map, a->count * XG_PAGE);
	dealloc.index = a->alloc->index;
	dealloc.count = a->alloc->count;
	ioctl(gntalloc, GNTALLOC_DEALLOC, &dealloc);
	free(a->alloc);
	a->map = NULL;
	a->alloc = NULL;
}

static void unmap_grants(struct area *a)
{
	struct gntdev_unmap unmap = { .index = a->index, .count = a->count };

	if (!a->map || a->alloc)
		return;
	munmap(a->map, a->count * XG_PAGE);
	ioctl(gntdev, GNTDEV_UNMAP, &unmap);
	a->map = NULL;
}

static bool share(struct area *a, uint32_t count, bool writable)
{
	a->alloc = calloc(1, sizeof(*a->alloc) + count * sizeof(uint32_t));
	if (!a->alloc)
		return false;
	a->alloc->count = a->count = count;
	a->alloc->flags = writable ? GNTALLOC_WRITABLE : 0;
	if (ioctl(gntalloc, GNTALLOC_ALLOC, a->alloc)) {
		free(a->alloc);
		a->alloc = NULL;
		return false;
	}
	a->map = mmap(NULL, count * XG_PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED, gntalloc, a->alloc->index);
	if (a->map != MAP_FAILED)
		return true;
	a->map = NULL;
	unshare(a);
	return false;
}

/**
 * xg_share - XG_CMD_SHARE
 * @run: the command
 */
void xg_share(struct xg_run *run)
{
	if (gntalloc < 0)
		gntalloc = open("/dev/xen/gntalloc", O_RDWR | O_CLOEXEC);
	if (gntalloc < 0) {
		run->status = XG_UNSUPPORTED;
		return;
	}
	run->status = XG_BAD;
	if (run->arg[0] >= XG_SHARED_AREAS)
		return;
	/* Of a test that ended without a word. */
	unshare(&areas[run->arg[0]]);
	unmap_grants(&areas[run->arg[0]]);
	if (run->arg[2] & XG_SHARE_LIBRARY ?
	    share_by_library(&areas[run->arg[0]], run->arg[1],
			     run->arg[2] & XG_SHARE_WRITABLE) :
	    share(&areas[run->arg[0]], run->arg[1],
		  run->arg[2] & XG_SHARE_WRITABLE))
		run->status = XG_OK;
	else
		run->result[0] = errno;
}

/**
 * xg_unshare - XG_CMD_UNSHARE
 * @run: the command
 */
void xg_unshare(struct xg_run *run)
{
	if (run->arg[0] >= XG_SHARED_AREAS || !areas[run->arg[0]].alloc)
		run->status = XG_BAD;
	else
		unshare(&areas[run->arg[0]]);
}

/**
 * xg_refs - XG_CMD_REFS
 * @run: the command
 */
void xg_refs(struct xg_run *run)
{
	volatile struct xg_mailbox *box = port_map(XG_ARENA_BASE, XG_PAGE);
	volatile uint32_t *out = (volatile uint32_t *)box->data;
	uint64_t area = run->arg[0], first = run->arg[1], n = 0;

	if (area >= XG_SHARED_AREAS || !areas[area].alloc) {
		run->status = XG_BAD;
		return;
	}
	for (; first + n < areas[area].alloc->count && n < XG_DATA / 4; n++)
		out[n] = areas[area].alloc->refs[first + n];
	run->result[0] = n;
}

/**
 * xg_gfns - XG_CMD_GFNS
 * @run: the command
 *
 * A guest's page frames are what the kernel calls page frames.
 */
void xg_gfns(struct xg_run *run)
{
	volatile struct xg_mailbox *box = port_map(XG_ARENA_BASE, XG_PAGE);
	volatile uint64_t *out = (volatile uint64_t *)box->data;
	uint64_t area = run->arg[0], first = run->arg[1], n = 0, entry;
	int fd;

	if (area >= XG_SHARED_AREAS || !areas[area].alloc) {
		run->status = XG_BAD;
		return;
	}
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	for (; first + n < areas[area].alloc->count && n < XG_DATA / 8; n++) {
		uint8_t *p = areas[area].map + (first + n) * XG_PAGE;

		*(volatile uint8_t *)p = *(volatile uint8_t *)p;
		if (pread(fd, &entry, 8, (uintptr_t)p / XG_PAGE * 8) != 8 ||
		    !(entry >> 63)) {
			run->status = XG_BAD;
			break;
		}
		out[n] = entry & 0x7fffffffffffffULL;
	}
	close(fd);
	run->result[0] = n;
}

/* Return: zero or an errno. */
static int map_grants(struct area *a, const volatile uint32_t *refs,
		      uint32_t count, bool writable)
{
	struct gntdev_unmap unmap = { .count = count };
	struct gntdev_map *map;
	int err = 0;

	map = calloc(1, sizeof(*map) + count * sizeof(map->refs[0]));
	if (!map)
		return ENOMEM;
	map->count = count;
	for (uint32_t i = 0; i < count; i++)
		map->refs[i].ref = refs[i];
	if (ioctl(gntdev, GNTDEV_MAP, map)) {
		err = errno;
		free(map);
		return err;
	}
	a->count = count;
	a->index = unmap.index = map->index;
	a->map = mmap(NULL, count * XG_PAGE,
		      PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED,
		      gntdev, map->index);
	if (a->map == MAP_FAILED) {
		err = errno;
		a->map = NULL;
		ioctl(gntdev, GNTDEV_UNMAP, &unmap);
	}
	free(map);
	return err;
}

/**
 * xg_map_grants - XG_CMD_MAP_GRANTS
 * @run: the command
 */
void xg_map_grants(struct xg_run *run)
{
	volatile struct xg_mailbox *box = port_map(XG_ARENA_BASE, XG_PAGE);
	struct area *a;

	if (gntdev < 0)
		gntdev = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	if (gntdev < 0) {
		run->status = XG_UNSUPPORTED;
		return;
	}
	if (run->arg[0] >= XG_SHARED_AREAS || run->arg[1] > XG_DATA / 4) {
		run->status = XG_BAD;
		return;
	}
	a = &areas[run->arg[0]];
	/* Of a test that ended without a word. */
	unshare(a);
	unmap_grants(a);
	run->result[0] = map_grants(a, (volatile uint32_t *)box->data,
				    run->arg[1], run->arg[2]);
}

/**
 * xg_unmap_grants - XG_CMD_UNMAP_GRANTS
 * @run: the command
 */
void xg_unmap_grants(struct xg_run *run)
{
	if (run->arg[0] >= XG_SHARED_AREAS || !areas[run->arg[0]].map ||
	    areas[run->arg[0]].alloc)
		run->status = XG_BAD;
	else
		unmap_grants(&areas[run->arg[0]]);
}
