// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers of graphics drivers and other dma-bufs: all are VM_PFNMAP mappings,
 * which the driver under test walks by itself.
 *
 * Those of qxl move between video memory and the system's.  The others are
 * pinned in place by their drivers while they are mapped, so that what moves
 * is their mapping.  For the vgem driver and its like the first read maps a
 * page read-only, and its first write goes through pfn_mkwrite().
 */
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include "backing.h"

#define LENGTH	(256 * KIB)

static void map(struct backing *b)
{
	if (backing_map(b, 0))
		FAIL("%s: mmap: %s", b->kind->name, strerror(errno));
}

/* --- video memory ---------------------------------------------------------------- */

static void make_qxl(struct backing *b)
{
	struct qxl_bo bo;

	b->card = qxl_open();
	if (b->card < 0)
		xgt_skip("no qxl card");
	qxl_new(b->card, &bo, b->length);
	b->handle = bo.handle;
	b->map = bo.map;
	b->fd = b->card;
}

static void end_qxl(struct backing *b)
{
	struct qxl_bo bo = {
		.handle = b->handle, .map = b->map, .length = b->length,
	};

	qxl_free(b->card, &bo);
	close(b->card);
}

static void evict(struct backing *b)
{
	qxl_pressure(b->card);
}

static void bring_back(struct backing *b)
{
	struct qxl_bo bo = { .handle = b->handle };

	qxl_bring_back(b->card, &bo);
}

static const struct backing_move qxl_moves[] = {
	{ "evict", evict, THEN_KEEPS, true, true },
	{ "bring back", bring_back, THEN_KEEPS, true, true },
	{ }
};

const struct backing_kind kind_qxl = {
	.name = "qxl", .length = LENGTH, .make = make_qxl, .end = end_qxl,
	.moves = qxl_moves, .io = true,
};

/* --- drivers with buffers in system memory ------------------------------------------ */

static void make_dumb(struct backing *b, const char *driver)
{
	int card = drm_open(driver);

	if (card < 0)
		xgt_skip("no %s card", driver);
	drm_dumb_new(card, b);
	map(b);
}

static void make_vgem(struct backing *b)
{
	make_dumb(b, "vgem");
}

static void make_virtio(struct backing *b)
{
	make_dumb(b, "virtio_gpu");
}

static void make_bochs(struct backing *b)
{
	make_dumb(b, "bochs-drm");
}

/* The same buffer by way of its dma-buf, and the handle gone. */
static void make_prime(struct backing *b)
{
	int card = drm_open("vgem");

	if (card < 0)
		xgt_skip("no vgem card");
	drm_dumb_new(card, b);
	b->fd = drm_prime_fd(card, b->handle);
	b->offset = 0;
	map(b);
}

static const struct backing_move pinned_moves[] = {
	{ "map over it", move_map, THEN_KEEPS, true, true },
	{ "mremap away", move_away, THEN_GONE, true, false },
	{ "mremap back", move_home, THEN_KEEPS, false, false },
	{ "unmap", move_unmap, THEN_GONE, true, false },
	{ "map", move_map, THEN_KEEPS, false, false },
	{ "compact", move_compact, THEN_KEEPS, false, true },
	{ }
};

#define KIND(name_, make_) {						\
	.name = name_, .length = LENGTH, .make = make_,			\
	.end = backing_end, .moves = pinned_moves, .has_fd = true,	\
}

const struct backing_kind kind_vgem = KIND("vgem", make_vgem);
const struct backing_kind kind_virtio = KIND("virtio-gpu", make_virtio);
const struct backing_kind kind_bochs = KIND("bochs", make_bochs);
const struct backing_kind kind_prime = KIND("prime", make_prime);

/* --- dma-bufs without a card ---------------------------------------------------------- */

static int device(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		xgt_skip("%s: %s", path, strerror(errno));
	return fd;
}

static void make_udmabuf(struct backing *b)
{
	struct udmabuf_create create = {
		.flags = UDMABUF_FLAGS_CLOEXEC, .size = b->length,
	};
	int device_fd = device("/dev/udmabuf");

	create.memfd = memfd_create("xgt", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ftruncate(create.memfd, b->length) ||
	    fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		FAIL("memfd: %s", strerror(errno));
	b->fd = ioctl(device_fd, UDMABUF_CREATE, &create);
	if (b->fd < 0)
		FAIL("UDMABUF_CREATE: %s", strerror(errno));
	close(create.memfd);
	close(device_fd);
	map(b);
}

static void make_heap(struct backing *b)
{
	struct dma_heap_allocation_data data = {
		.len = b->length, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap = device("/dev/dma_heap/system");

	if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data))
		FAIL("DMA_HEAP_IOCTL_ALLOC: %s", strerror(errno));
	close(heap);
	b->fd = data.fd;
	map(b);
}

const struct backing_kind kind_udmabuf = KIND("udmabuf", make_udmabuf);
const struct backing_kind kind_heap = KIND("dma-heap", make_heap);
