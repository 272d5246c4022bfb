/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buffers of the test exporter's: which tells who holds them, and fills their
 * pages with something else when nobody has them mapped for a device.
 */
#ifndef TESTS_LIB_EXPORTER_H
#define TESTS_LIB_EXPORTER_H

#include "../../drivers/xen-gpumem/tests/exporter-uapi.h"

#include "xgt.h"

/* These two give a dma-buf, or skip the test where there is no exporter. */
int buf_make(const struct exporter_new *args);
int buf_new(enum exporter_kind kind, uint32_t pages);
/* Who is attached to a buffer, has it mapped, has it pinned. */
struct exporter_state buf_state(int fd);
/* How many of its buffers there are, in anybody's hands. */
int buf_count(void);

#endif
