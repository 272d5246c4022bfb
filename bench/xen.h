/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is there of the guest where it is known to be one of Xen's.
 */
#ifndef BENCH_XEN_H
#define BENCH_XEN_H

int xen_guest_id(void);
/* The domain fd of xen-gpumem, which may lend and export. */
int xen_guest_fd(void);

#endif
