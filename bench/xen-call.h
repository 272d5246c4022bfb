/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmark asks of Xen itself.
 */
#ifndef BENCH_XEN_CALL_H
#define BENCH_XEN_CALL_H

#include <stdint.h>

/* Let a guest run that was made paused. */
void xen_unpause(int domid);

/* For how many nanoseconds the machine's one CPU has had nothing to do. */
uint64_t xen_idle_ns(void);

#endif
