// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports: the driver's calls, and the guest's shared pages on the other end.
 */
#include <setjmp.h>
#include <signal.h>

#include "xgt.h"

/**
 * ex_grants - XEN_GPUMEM_EXPORT_GRANTS
 * @dom: domain fd
 * @refs: grant references
 * @count: how many
 * @flags: XEN_GPUMEM_EXPORT_*
 * @cmd: the whole answer, or NULL
 *
 * Return: the dma-buf, or -errno.
 */
int ex_grants(int dom, const uint32_t *refs, uint32_t count, uint32_t flags,
	      struct xen_gpumem_export_grants *cmd)
{
	struct xen_gpumem_export_grants a = {
		.size = sizeof(a), .flags = flags, .refs = (uintptr_t)refs,
		.count = count, .out_failed = 0x5a5a5a5a,
	};
	int fd = ioctl(dom, XEN_GPUMEM_EXPORT_GRANTS, &a);

	if (fd < 0)
		fd = -errno;
	if (cmd)
		*cmd = a;
	return fd;
}

/**
 * ex_frames - XEN_GPUMEM_EXPORT_FRAMES
 * @dom: domain fd
 * @ranges: guest addresses
 * @nr: how many ranges
 * @flags: XEN_GPUMEM_EXPORT_*
 * @cmd: the whole answer, or NULL
 *
 * Return: the dma-buf, or -errno.
 */
int ex_frames(int dom, const struct xen_gpumem_frames *ranges, uint32_t nr,
	      uint32_t flags, struct xen_gpumem_export_frames *cmd)
{
	struct xen_gpumem_export_frames a = {
		.size = sizeof(a), .flags = flags,
		.ranges = (uintptr_t)ranges, .nr_ranges = nr,
		.out_failed = 0x5a5a5a5a,
	};
	int fd = ioctl(dom, XEN_GPUMEM_EXPORT_FRAMES, &a);

	if (fd < 0)
		fd = -errno;
	if (cmd)
		*cmd = a;
	return fd;
}

/**
 * ex_make - an export by references, which must succeed
 * @dom: domain fd
 * @refs: grant references
 * @count: how many
 * @flags: XEN_GPUMEM_EXPORT_*
 * @id: its id, or NULL
 *
 * Return: the dma-buf
 */
int ex_make(int dom, const uint32_t *refs, uint32_t count, uint32_t flags,
	    uint32_t *id)
{
	struct xen_gpumem_export_grants cmd;
	int fd = ex_grants(dom, refs, count, flags, &cmd);

	if (fd < 0)
		FAIL("export of %u pages: %s (%u)", count, xgt_errname(-fd),
		     cmd.out_failed);
	CHECK_EQ(cmd.out_failed, count);
	if (id)
		*id = cmd.out_id;
	return fd;
}

/**
 * ex_make_frames - an export by addresses, which must succeed
 * @dom: domain fd
 * @frames: guest addresses
 * @nr: how many ranges
 * @flags: XEN_GPUMEM_EXPORT_*
 * @id: its id, or NULL
 *
 * Return: the dma-buf
 */
int ex_make_frames(int dom, const struct xen_gpumem_frames *frames,
		   uint32_t nr, uint32_t flags, uint32_t *id)
{
	struct xen_gpumem_export_frames cmd;
	int fd = ex_frames(dom, frames, nr, flags, &cmd);

	if (fd < 0)
		FAIL("export of frames: %s (%u)", xgt_errname(-fd),
		     cmd.out_failed);
	if (id)
		*id = cmd.out_id;
	return fd;
}

/**
 * ex_revoke - XEN_GPUMEM_EXPORT_REVOKE
 * @dom: domain fd
 * @id: the export
 */
int ex_revoke(int dom, uint32_t id)
{
	struct xen_gpumem_export_revoke a = { .size = sizeof(a), .id = id };

	return ioctl(dom, XEN_GPUMEM_EXPORT_REVOKE, &a) ? -errno : 0;
}

/**
 * ex_query - XEN_GPUMEM_EXPORT_QUERY
 * @dom: domain fd
 * @id: the export
 * @flags: zero or XEN_GPUMEM_EXPORT_QUERY_NEXT
 * @q: the answer
 */
int ex_query(int dom, uint32_t id, uint32_t flags,
	     struct xen_gpumem_export_query *q)
{
	*q = (struct xen_gpumem_export_query){
		.size = sizeof(*q), .flags = flags, .id = id,
	};
	return ioctl(dom, XEN_GPUMEM_EXPORT_QUERY, q) ? -errno : 0;
}

/**
 * ex_state - an export that must be there
 * @dom: domain fd
 * @id: the export
 */
struct xen_gpumem_export_query ex_state(int dom, uint32_t id)
{
	struct xen_gpumem_export_query q;

	OK(ex_query(dom, id, 0, &q));
	return q;
}

/**
 * ex_open - a fd of the test's guest with the rights to export
 * @ranges: where, or NULL for everywhere
 * @nr: how many of them
 * @max: exports; zero: any number
 * @max_bytes: in them; zero: any number
 */
int ex_open(const struct xen_gpumem_range *ranges, uint32_t nr, uint32_t max,
	    uint64_t max_bytes)
{
	struct xen_gpumem_open_domain a = {
		.rights = XEN_GPUMEM_RIGHT_EXPORT_GRANTS |
			  XEN_GPUMEM_RIGHT_EXPORT_FRAMES,
		.ranges = (uintptr_t)ranges, .nr_ranges = nr,
		.max_exports = max, .max_export_bytes = max_bytes,
	};
	int fd = gm_open_domain(xgt_guest.domid, &a);

	if (fd < 0)
		FAIL("opening the guest for exports: %s", xgt_errname(-fd));
	return fd;
}

/* --- memory that may be gone ------------------------------------------------ */

/**
 * ex_map_read - map a dma-buf for reading
 * @fd: the dma-buf
 * @length: bytes
 */
volatile uint64_t *ex_map_read(int fd, uint64_t length)
{
	void *p = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		FAIL("mmap of a dma-buf: %s", strerror(errno));
	return p;
}

static sigjmp_buf landing;

static void on_signal(int sig)
{
	siglongjmp(landing, sig);
}

/**
 * touch_read - read a word that may not be there
 * @p: where
 * @word: what it is, if it is there
 *
 * Return: the signal that came, or zero
 */
int touch_read(volatile uint64_t *p, volatile uint64_t *word)
{
	int sig;

	signal(SIGBUS, on_signal);
	signal(SIGSEGV, on_signal);
	sig = sigsetjmp(landing, 1);
	if (!sig)
		*word = *p;
	return sig;
}

/**
 * touched - the signal that reading a word gets, or zero
 * @p: where
 */
int touched(volatile uint64_t *p)
{
	volatile uint64_t word;

	return touch_read(p, &word);
}

/**
 * touch_write - the signal that writing a word gets, or zero
 * @p: where
 */
int touch_write(volatile uint64_t *p)
{
	int sig;

	signal(SIGBUS, on_signal);
	signal(SIGSEGV, on_signal);
	sig = sigsetjmp(landing, 1);
	if (!sig)
		*p = 1;
	return sig;
}

/* --- the guest ---------------------------------------------------------------- */

/**
 * guest_share_by - have the guest share pages, in some way
 * @area: number of the area
 * @pages: how many
 * @how: XG_SHARE_*
 *
 * Return: their grant references, to be freed.
 */
uint32_t *guest_share_by(unsigned int area, uint32_t pages, uint32_t how)
{
	uint32_t *refs = calloc(pages, sizeof(*refs));

	CHECK(refs != NULL);
	cmd_ok(0, XG_CMD_SHARE, area, pages, how);
	for (uint32_t n = 0; n < pages; ) {
		struct xgt_result r = cmd_ok(0, XG_CMD_REFS, area, n);

		CHECK(r.v[0] > 0 && r.v[0] <= pages - n);
		memcpy(refs + n, (void *)xgt_box.page->data, r.v[0] * 4);
		n += r.v[0];
	}
	return refs;
}

/**
 * guest_share - have the guest share pages
 * @area: number of the area
 * @pages: how many
 * @writable: or for reading only
 *
 * Return: their grant references, to be freed.
 */
uint32_t *guest_share(unsigned int area, uint32_t pages, bool writable)
{
	return guest_share_by(area, pages, writable ? XG_SHARE_WRITABLE : 0);
}

/**
 * guest_frames - where a guest's shared pages are
 * @area: number of the area
 * @pages: how many
 *
 * Return: a range for each page, to be freed.
 */
struct xen_gpumem_frames *guest_frames(unsigned int area, uint32_t pages)
{
	struct xen_gpumem_frames *frames = calloc(pages, sizeof(*frames));
	volatile uint64_t *data = (void *)xgt_box.page->data;

	CHECK(frames != NULL);
	for (uint32_t n = 0; n < pages; ) {
		struct xgt_result r = cmd_ok(0, XG_CMD_GFNS, area, n);

		CHECK(r.v[0] > 0 && r.v[0] <= pages - n);
		for (uint64_t i = 0; i < r.v[0]; i++) {
			frames[n + i].gpa = data[i] * PAGE;
			frames[n + i].length = PAGE;
		}
		n += r.v[0];
	}
	return frames;
}

/**
 * guest_unshare - have the guest take back what it shared
 * @area: number of the area
 */
void guest_unshare(unsigned int area)
{
	cmd_ok(0, XG_CMD_UNSHARE, area);
}
