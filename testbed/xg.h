/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the testbed's own programs inside dom0 share.
 */
#ifndef TESTBED_XG_H
#define TESTBED_XG_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Free pages in Xen's heap, or -1. */
long xen_free_pages(void);

/* The domain with this number or the next that there is, or -1. */
int xen_next_domain(int domid);

/* A guest's I/O port that is one of the machine's. */
bool xen_map_port(int domid, unsigned int port, unsigned int machine);

bool xen_unpause(int domid);

/* Frequency of the time stamp counter in kHz, or 0. */
long xen_cpu_khz(void);

#endif
