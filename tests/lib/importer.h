/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test importer of dma-bufs: its calls, 0 or -errno.
 */
#ifndef TESTS_LIB_IMPORTER_H
#define TESTS_LIB_IMPORTER_H

#include "../../drivers/xen-gpumem/tests/importer-uapi.h"

#include "xgt.h"

int im_open(void);
int im_call(int im, unsigned long nr, void *arg);
int im_attach(int im, int fd, uint32_t flags);
int im_map(int im, unsigned long direction);
/* Of IMPORTER_DMA or IMPORTER_VMAP. */
int im_copy(int im, unsigned long nr, uint64_t offset, void *p,
	    uint32_t length, uint32_t direction);
struct importer_state im_state(int im);
/* A page as the device reads it; and it must be the pattern's. */
void im_read(int im, unsigned int page, uint64_t words[512]);
void im_sees(int im, unsigned int page, uint64_t seed);

#endif
