// SPDX-License-Identifier: MIT
/*
 * Guest pages as dma-bufs, and how a program sees them.
 *
 * The guest shares an *area*: pages of its own, granted one by one to this
 * domain.  A dma-buf is made of their grant references or of their addresses,
 * the two *sources*.  In either case it is the same pages, of which nobody has
 * a copy: so whatever one side writes the other one must read, and that is what
 * is compared.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "igt.h"
#include "igt_xen_gpumem_card.h"
#include "igt_xen_gpumem_export.h"

static const struct gpumem_source sources[] = {
	{ "grants", XEN_GPUMEM_RIGHT_EXPORT_GRANTS },
	{ "frames", XEN_GPUMEM_RIGHT_EXPORT_FRAMES },
};

const struct gpumem_source *gpumem_source(unsigned int index)
{
	return index < ARRAY_SIZE(sources) ? &sources[index] : NULL;
}

/**
 * gpumem_export_require - skip unless guest pages can be exported
 */
void gpumem_export_require(void)
{
	struct xen_gpumem_info info;
	int node;

	gpumem_guest_require();
	node = gpumem_open_node();
	gpumem_assert(__gpumem_info(node, &info), 0);
	close(node);
	igt_require_f(info.out_features & XEN_GPUMEM_FEAT_EXPORT,
		      "the xen-gpumem driver exports nothing here\n");
	gpumem_begin();
	gpumem_guest_share(0, 1, true);
	gpumem_guest_unshare(0);
	gpumem_end();
}

/* --- making --------------------------------------------------------------- */

int gpumem_export_open(struct xen_gpumem_open_domain *od)
{
	int node = gpumem_open_node(), fd;

	od->domid = gpumem_guest_domid();
	fd = __gpumem_open_domain(node, od);
	close(node);
	igt_require_f(fd != -EOPNOTSUPP,
		      "a right to export is not to be had here\n");
	igt_assert_f(fd >= 0, "XEN_GPUMEM_OPEN_DOMAIN: %s\n", strerror(-fd));
	return fd;
}

int gpumem_export_fd(void)
{
	struct xen_gpumem_open_domain od = {
		.rights = XEN_GPUMEM_RIGHT_EXPORT_GRANTS |
			  XEN_GPUMEM_RIGHT_EXPORT_FRAMES,
	};

	return gpumem_export_open(&od);
}

static int export_grants(int dom, unsigned int area, uint32_t pages,
			 uint32_t flags, uint32_t *id)
{
	uint32_t *refs = calloc(pages, sizeof(*refs));
	struct xen_gpumem_export_grants out;
	int fd;

	igt_assert(refs);
	gpumem_guest_refs(area, refs, pages);
	fd = __gpumem_export_grants(dom, refs, pages, flags, &out);
	free(refs);
	if (fd >= 0)
		igt_assert_eq(out.out_failed, pages);
	if (id)
		*id = out.out_id;
	return fd;
}

static int export_frames(int dom, unsigned int area, uint32_t pages,
			 uint32_t flags, uint32_t *id)
{
	struct xen_gpumem_frames *frames = calloc(pages, sizeof(*frames));
	struct xen_gpumem_export_frames out;
	int fd;

	igt_assert(frames);
	gpumem_guest_frames(area, frames, pages);
	fd = __gpumem_export_frames(dom, frames, pages, flags, &out);
	free(frames);
	if (fd >= 0)
		igt_assert_eq(out.out_failed, pages);
	if (id)
		*id = out.out_id;
	return fd;
}

/**
 * __gpumem_export_area - export pages that the guest has shared
 * @dom: domain fd
 * @s: how they are named
 * @area: which
 * @pages: how many, from its first one on
 * @flags: XEN_GPUMEM_EXPORT_*
 * @id: the export's id, or NULL
 *
 * Return: the dma-buf, or -errno.
 */
int __gpumem_export_area(int dom, const struct gpumem_source *s,
			 unsigned int area, uint32_t pages, uint32_t flags,
			 uint32_t *id)
{
	if (s == GPUMEM_GRANTS)
		return export_grants(dom, area, pages, flags, id);
	return export_frames(dom, area, pages, flags, id);
}

int gpumem_export_area(int dom, const struct gpumem_source *s,
		       unsigned int area, uint32_t pages, uint32_t flags,
		       uint32_t *id)
{
	int fd = __gpumem_export_area(dom, s, area, pages, flags, id);

	igt_require_f(s == GPUMEM_GRANTS || fd != -EOPNOTSUPP,
		      "this domain cannot export by address\n");
	igt_assert_f(fd >= 0, "export of %u pages by %s: %s\n", pages, s->name,
		     strerror(-fd));
	return fd;
}

/**
 * gpumem_export_new - an area of the guest's as a dma-buf, from nothing
 * @e: filled in
 * @s: how its pages are named
 * @area: which
 * @size: in bytes, whole pages
 * @flags: XEN_GPUMEM_EXPORT_*
 *
 * It has a domain fd of its own.  After gpumem_begin().
 */
void gpumem_export_new(struct gpumem_export *e, const struct gpumem_source *s,
		       unsigned int area, uint64_t size, uint32_t flags)
{
	*e = (struct gpumem_export){
		.source = s, .size = size, .gpa = GPUMEM_SHARED(area),
		.fd = -1, .map = MAP_FAILED,
	};
	gpumem_guest_share(area, size / GPUMEM_PAGE, true);
	e->dom = gpumem_export_fd();
	e->fd = gpumem_export_area(e->dom, s, area, size / GPUMEM_PAGE,
				   flags | XEN_GPUMEM_EXPORT_CLOEXEC, &e->id);
	if (!(flags & XEN_GPUMEM_EXPORT_READONLY))
		e->map = gpumem_map(e->fd, size, PROT_READ | PROT_WRITE);
}

void gpumem_export_unmap(struct gpumem_export *e)
{
	if (e->map != MAP_FAILED)
		munmap(e->map, e->size);
	e->map = MAP_FAILED;
}

void gpumem_export_close(struct gpumem_export *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

void gpumem_export_close_dom(struct gpumem_export *e)
{
	if (e->dom >= 0)
		close(e->dom);
	e->dom = -1;
}

void gpumem_export_free(struct gpumem_export *e)
{
	gpumem_export_unmap(e);
	gpumem_export_close(e);
	gpumem_export_close_dom(e);
}

/**
 * gpumem_export_pageless - are there no struct pages behind it?
 * @e: the export
 */
bool gpumem_export_pageless(const struct gpumem_export *e)
{
	char type[16] = "";
	FILE *f = fopen("/sys/hypervisor/guest_type", "re");

	if (f && !fgets(type, sizeof(type), f))
		type[0] = '\0';
	if (f)
		fclose(f);
	return e->source == GPUMEM_FRAMES && !strcmp(type, "PV\n");
}

/* --- mappings ------------------------------------------------------------- */

void *gpumem_map(int fd, uint64_t length, int prot)
{
	void *p = mmap(NULL, length, prot, MAP_SHARED, fd, 0);

	igt_assert_f(p != MAP_FAILED, "mmap() of a dma-buf: %s\n",
		     strerror(errno));
	return p;
}

/**
 * gpumem_map_error - try to map a dma-buf
 * @fd: the dma-buf
 * @length: bytes
 * @prot: PROT_*
 * @flags: MAP_*
 * @offset: in the buffer, bytes
 *
 * Return: 0, with nothing mapped all the same, or -errno.
 */
int gpumem_map_error(int fd, uint64_t length, int prot, int flags,
		     uint64_t offset)
{
	void *p = mmap(NULL, length, prot, flags, fd, offset);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, length);
	return 0;
}

static sigjmp_buf landing;

static void land(int sig)
{
	siglongjmp(landing, sig);
}

/* One access with signals caught, and IGT's own handlers put back after. */
static int access_signal(volatile uint64_t *p, uint64_t *word, bool write)
{
	struct sigaction catch = { .sa_handler = land }, bus, segv;
	int sig;

	sigaction(SIGBUS, &catch, &bus);
	sigaction(SIGSEGV, &catch, &segv);
	sig = sigsetjmp(landing, 1);
	if (!sig && write)
		*p = *word;
	else if (!sig)
		*word = *p;
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return sig;
}

/**
 * gpumem_read_signal - the signal that a read gets
 * @p: where
 * @word: OUT: what was read, if it gets none
 *
 * Return: its number, or zero.
 */
int gpumem_read_signal(volatile uint64_t *p, uint64_t *word)
{
	return access_signal(p, word, false);
}

/**
 * gpumem_write_signal - the signal that a write gets
 * @p: where
 * @word: what is written, if it gets none
 *
 * Return: its number, or zero.
 */
int gpumem_write_signal(volatile uint64_t *p, uint64_t word)
{
	return access_signal(p, &word, true);
}

/* --- contents ------------------------------------------------------------- */

/**
 * __gpumem_sync - DMA_BUF_IOCTL_SYNC
 * @fd: the dma-buf
 * @flags: DMA_BUF_SYNC_*
 *
 * Return: 0 or -errno.
 */
int __gpumem_sync(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags };
	int ret;

	do {
		ret = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
	} while (ret && (errno == EINTR || errno == EAGAIN));
	return ret ? -errno : 0;
}

/**
 * gpumem_export_coherent - compare what both sides have, each way
 * @e: the export
 * @fd: its dma-buf, or the same one as somebody else has given it on
 * @map: a mapping of that
 * @seed: another one each time; the next one is used, too
 */
void gpumem_export_coherent(const struct gpumem_export *e, int fd, void *map,
			    uint64_t seed)
{
	uint64_t at = gpumem_word(seed, 0) % (e->size / 8) * 8;
	uint64_t wrong = ~gpumem_word(seed + 1, at);
	volatile uint64_t *word = (volatile uint64_t *)map + at / 8;

	gpumem_guest_fill(e->gpa, e->size, seed);
	gpumem_assert(__gpumem_sync(fd, DMA_BUF_SYNC_START |
				    DMA_BUF_SYNC_READ), 0);
	gpumem_check(map, e->size, seed);
	gpumem_assert(__gpumem_sync(fd, DMA_BUF_SYNC_END |
				    DMA_BUF_SYNC_READ), 0);

	gpumem_assert(__gpumem_sync(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW),
		      0);
	gpumem_fill(map, e->size, seed + 1);
	*word = wrong;
	gpumem_assert(__gpumem_sync(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW),
		      0);
	gpumem_guest_check_fails(e->gpa, e->size, seed + 1, at, wrong);

	/* A copy of what the guest has written before would hold this not. */
	gpumem_guest_write(e->gpa + at, wrong ^ 1);
	igt_assert_eq_u64(*word, wrong ^ 1);
	*word = ~wrong;
	gpumem_guest_check(e->gpa, e->size, seed + 1);
}

/**
 * gpumem_export_stays_readonly - nobody here writes it, whatever they try
 * @e: a read-only export
 * @fd: its dma-buf, or the same one as somebody else has given it on
 */
void gpumem_export_stays_readonly(const struct gpumem_export *e, int fd)
{
	const int both = PROT_READ | PROT_WRITE;
	uint64_t *p = gpumem_map(fd, e->size, PROT_READ);

	gpumem_guest_fill(e->gpa, e->size, 11);
	gpumem_check(p, e->size, 11);
	gpumem_assert(gpumem_map_error(fd, e->size, both, MAP_SHARED, 0),
		      -EACCES);
	igt_assert_eq(gpumem_write_signal(p, 1), SIGSEGV);
	igt_assert_eq(mprotect(p, e->size, both), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert_eq(gpumem_write_signal(p + e->size / 8 - 1, 1), SIGSEGV);
	gpumem_guest_check(e->gpa, e->size, 11);
	gpumem_check(p, e->size, 11);
	munmap(p, e->size);
}

/**
 * gpumem_guest_has_all - all pages that the guest can share are its own again
 *
 * Waits for whoever lets go a little later.  No area is left after.
 */
void gpumem_guest_has_all(void)
{
	int err = -ENOSPC;

	/* To share anew takes back what a subtest has left. */
	for (unsigned int i = 0; i < GPUMEM_AREAS; i++)
		if (!__gpumem_guest_share(i, 1, true))
			gpumem_guest_unshare(i);
	for (int i = 0; i < 200 && err; i++) {
		err = __gpumem_guest_share(0, GPUMEM_SHARED_MAX, true);
		if (err)
			usleep(50000);
	}
	gpumem_assert(err, 0);
	gpumem_guest_unshare(0);
}

/* --- taking away ---------------------------------------------------------- */

/**
 * gpumem_export_revoke - take an export away
 * @e: the export; its domain fd is open
 *
 * What that has to say is known before: an importer that has it mapped for DMA
 * and cannot let go is asked first, and then nothing changes.  Asserts that.
 *
 * Return: true if it is gone, false if it was refused.
 */
bool gpumem_export_revoke(const struct gpumem_export *e)
{
	struct xen_gpumem_export_query q = gpumem_export_query(e->dom, e->id);
	int err;

	igt_assert_eq(q.out_state, 0);
	err = __gpumem_export_revoke(e->dom, e->id);
	igt_assert_eq(err, q.out_static ? -EBUSY : 0);
	q = gpumem_export_query(e->dom, e->id);
	igt_assert_eq(q.out_state, err ? 0 : XEN_GPUMEM_EXPORT_REVOKED |
					     XEN_GPUMEM_EXPORT_RETURNED);
	return !err;
}

/**
 * gpumem_export_is_gone - nothing of it is left for anybody
 * @e: an export that was revoked, still mapped
 * @c: a card that imports, or NULL
 */
void gpumem_export_is_gone(const struct gpumem_export *e,
			   const struct gpumem_card *c)
{
	volatile uint64_t *last = (uint64_t *)e->map + e->size / 8 - 1;
	uint32_t handle;
	uint64_t word;
	int card;

	igt_assert_eq(gpumem_read_signal(e->map, &word), SIGBUS);
	igt_assert_eq(gpumem_write_signal(last, 1), SIGBUS);
	gpumem_assert(gpumem_map_error(e->fd, e->size, PROT_READ, MAP_SHARED,
				       0), -ENODEV);
	gpumem_assert(__gpumem_sync(e->fd, DMA_BUF_SYNC_START |
				    DMA_BUF_SYNC_READ), -ENODEV);
	if (!c)
		return;
	card = gpumem_card_open(c);
	gpumem_assert(__gpumem_import(card, e->fd, &handle), -ENODEV);
	close(card);
}

/* --- dynamic subtests ----------------------------------------------------- */

void gpumem_each_source(void (*fn)(const struct gpumem_source *s))
{
	const struct gpumem_source *s;

	for_each_gpumem_source(s)
		igt_dynamic(s->name)
			fn(s);
}

void gpumem_each_card(void (*fn)(const struct gpumem_card *c))
{
	const struct gpumem_card *c;

	gpumem_cards_require();
	for_each_gpumem_card(c)
		igt_dynamic(c->name)
			fn(c);
}

void gpumem_each_card_and_source(void (*fn)(const struct gpumem_card *c,
					    const struct gpumem_source *s))
{
	const struct gpumem_source *s;
	const struct gpumem_card *c;
	char name[64];

	gpumem_cards_require();
	for_each_gpumem_card(c) {
		for_each_gpumem_source(s) {
			snprintf(name, sizeof(name), "%s-%s", c->name,
				 s->name);
			igt_dynamic(name)
				fn(c, s);
		}
	}
}
