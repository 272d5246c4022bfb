/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests say to the test exporter, /dev/xen-gpumem-exporter.
 */
#ifndef XEN_GPUMEM_TESTS_EXPORTER_UAPI_H
#define XEN_GPUMEM_TESTS_EXPORTER_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* What is in the table that importers get. */
enum exporter_kind {
	EXPORTER_PAGES,		/* an entry for each page */
	EXPORTER_BLOCKS,	/* one for each EXPORTER_BLOCK adjoining pages */
	EXPORTER_SHORT,		/* only the first half of the pages */
	EXPORTER_SHIFTED,	/* entries that do not begin at a page's start */
	EXPORTER_HOLLOW,	/* pages with no memory of ours behind them */
	EXPORTER_BARE,		/* addresses of a device, and no pages */
	EXPORTER_KINDS,
};

#define EXPORTER_BLOCK		16

/* How mapping and pinning fail, if not with success. */
struct exporter_new {
	__u32 kind;
	__u32 pages;
	__u64 address;		/* BARE: the first one */
	__s32 map_error;	/* zero or a negative errno */
	__s32 pin_error;
};

struct exporter_state {
	__s32 fd;
	__u32 attached;
	__u32 mapped;
	__u32 pinned;
};

#define EXPORTER_NEW		_IO(0xBB, 0)	/* returns a dma-buf */
#define EXPORTER_STATE		_IO(0xBB, 1)	/* struct exporter_state */
/* How many of its buffers there are, in anybody's hands. */
#define EXPORTER_COUNT		_IO(0xBB, 2)

#endif
