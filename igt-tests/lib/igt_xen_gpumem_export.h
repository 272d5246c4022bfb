/* SPDX-License-Identifier: MIT */
/*
 * Guest pages as dma-bufs, for the tests of /dev/xen/gpumem.
 */
#ifndef IGT_XEN_GPUMEM_EXPORT_H
#define IGT_XEN_GPUMEM_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "igt_xen_gpumem.h"

struct gpumem_card;

/* How the guest's pages are named: "grants" or "frames". */
struct gpumem_source {
	const char *name;
	uint32_t right;
};

const struct gpumem_source *gpumem_source(unsigned int index);

#define for_each_gpumem_source(s)					\
for (unsigned int gpumem_s = 0; (s = gpumem_source(gpumem_s)); gpumem_s++)

#define GPUMEM_GRANTS	gpumem_source(0)
#define GPUMEM_FRAMES	gpumem_source(1)

/* Skip, with the reason, unless the driver and the guest can export. */
void gpumem_export_require(void);

/* A fd of the guest as @od wants it; skips where such a right is none. */
int gpumem_export_open(struct xen_gpumem_open_domain *od);
/* One with the rights to export and nothing else. */
int gpumem_export_fd(void);

/* A dma-buf of an area's first pages, which the guest has shared. */
int __gpumem_export_area(int dom, const struct gpumem_source *s,
			 unsigned int area, uint32_t pages, uint32_t flags,
			 uint32_t *id);
int gpumem_export_area(int dom, const struct gpumem_source *s,
		       unsigned int area, uint32_t pages, uint32_t flags,
		       uint32_t *id);

/* All that there is of one, each part closed at its own time. */
struct gpumem_export {
	const struct gpumem_source *source;
	uint64_t size;
	uint64_t gpa;		/* as the guest's commands have it */
	int dom;		/* the fd that it was made on, or -1 */
	int fd;			/* the dma-buf, or -1 */
	uint32_t id;
	void *map;		/* or MAP_FAILED */
};

/* Share an area, export it, and map it unless it is read-only. */
void gpumem_export_new(struct gpumem_export *e, const struct gpumem_source *s,
		       unsigned int area, uint64_t size, uint32_t flags);
void gpumem_export_unmap(struct gpumem_export *e);
void gpumem_export_close(struct gpumem_export *e);
void gpumem_export_close_dom(struct gpumem_export *e);
void gpumem_export_free(struct gpumem_export *e);

/* Has it no struct pages?  Frames have none on a PV host. */
bool gpumem_export_pageless(const struct gpumem_export *e);

/*
 * Both see what either writes, every word of it; and that one which is wrong is
 * found, at its place, by either.  @fd and @map are of the same buffer.
 */
void gpumem_export_coherent(const struct gpumem_export *e, int fd, void *map,
			    uint64_t seed);

/* A read-only one: nobody here writes it, whatever they try. */
void gpumem_export_stays_readonly(const struct gpumem_export *e, int fd);

/*
 * Take it away; false if somebody has it who cannot let go.  And what then holds
 * for everybody.
 */
bool gpumem_export_revoke(const struct gpumem_export *e);
void gpumem_export_is_gone(const struct gpumem_export *e,
			   const struct gpumem_card *c);

/* Nobody has any of the pages that the guest can share. */
void gpumem_guest_has_all(void);

/* mmap() of a whole dma-buf; the errno of one that is tried. */
void *gpumem_map(int fd, uint64_t length, int prot);
int gpumem_map_error(int fd, uint64_t length, int prot, int flags,
		     uint64_t offset);

/* DMA_BUF_IOCTL_SYNC: 0 or -errno. */
int __gpumem_sync(int fd, uint64_t flags);

/* The signal that one access gets, or zero. */
int gpumem_read_signal(volatile uint64_t *p, uint64_t *word);
int gpumem_write_signal(volatile uint64_t *p, uint64_t word);

/* Dynamic subtests, in a subtest that is made of them. */
void gpumem_each_source(void (*fn)(const struct gpumem_source *s));
void gpumem_each_card(void (*fn)(const struct gpumem_card *c));
void gpumem_each_card_and_source(void (*fn)(const struct gpumem_card *c,
					    const struct gpumem_source *s));

#endif
