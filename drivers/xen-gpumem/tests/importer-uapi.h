/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests say to the test importer, /dev/xen-gpumem-importer.
 *
 * An open file is one importer.  Its device is QEMU's "edu", which has an
 * engine for DMA: reads and writes are the device's own, at bus addresses.
 */
#ifndef XEN_GPUMEM_TESTS_IMPORTER_UAPI_H
#define XEN_GPUMEM_TESTS_IMPORTER_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Has invalidate_mappings, and lets go when told. */
#define IMPORTER_DYNAMIC	(1U << 0)
/* The same, but does not let go. */
#define IMPORTER_STUBBORN	(1U << 1)

/* What IMPORTER_MAP and IMPORTER_COPY are about. */
#define IMPORTER_TO_DEVICE	1
#define IMPORTER_FROM_DEVICE	2
#define IMPORTER_BIDIRECTIONAL	3

struct importer_attach {
	__s32 fd;
	__u32 flags;
};

/* offset: in the buffer, all in one page; address: of the caller's memory */
struct importer_copy {
	__u64 offset;
	__u64 address;
	__u32 length;
	__u32 direction;	/* TO_DEVICE reads the buffer */
};

struct importer_state {
	__u32 mapped;
	__u32 invalidated;	/* how often it was told to let go */
	__u32 segments;
	__u32 copies;		/* segments that are not where their pages are */
};

struct importer_segment {
	__u32 index;
	__u32 reserved;
	__u64 address;		/* on the bus */
	__u64 length;
	__u64 pfn;		/* Linux's number of its first page, or zero */
};

#define IMPORTER_ATTACH		_IO(0xBA, 0)
#define IMPORTER_DETACH		_IO(0xBA, 1)
#define IMPORTER_MAP		_IO(0xBA, 2)	/* argument: direction */
#define IMPORTER_UNMAP		_IO(0xBA, 3)
#define IMPORTER_DMA		_IO(0xBA, 4)	/* struct importer_copy */
#define IMPORTER_VMAP		_IO(0xBA, 5)	/* the same, by the CPU */
#define IMPORTER_STATE		_IO(0xBA, 6)
#define IMPORTER_SEGMENT	_IO(0xBA, 7)
/* A fence for work that is not done, and the end of that work. */
#define IMPORTER_BUSY		_IO(0xBA, 8)
#define IMPORTER_DONE		_IO(0xBA, 9)
/*
 * Map the buffer's pages once more, as exporters do that merge what follows
 * each other among Linux's page frames.  IMPORTER_DMA and what is told of the
 * mapping are about this one then, up to IMPORTER_UNMAP.
 */
#define IMPORTER_MERGE		_IO(0xBA, 10)
/*
 * Under PV: leave so many pieces of 2 MiB of free memory behind that are not
 * contiguous on the bus.  Argument: how many, at most IMPORTER_PIECES.
 */
#define IMPORTER_SCATTER	_IO(0xBA, 11)
#define IMPORTER_PIECES		256

#endif
