/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest as the measurements see it, whoever runs it: xen.c or kvm.c.
 *
 * A *window* of 8 GiB begins at BENCH_WINDOW in the guest, with nothing in it.
 * Offsets are bytes from its beginning, multiples of 4096.  All functions end
 * the program with a reason where something goes wrong.
 *
 * The clock of everything is the time stamp counter.  On a machine whose
 * emulator counts instructions it says how many were executed, and besides how
 * long the machine slept with nothing to execute, which is no cost: the clock
 * is set forward then.  Who measures what can wait for a timer asks vm_slept()
 * for how much that was.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "payload/proto.h"

#define WINDOW_SIZE	(8ULL << 30)

/* What the figures are called: "lend" or "kvm". */
extern const char vm_kind[];

/*
 * A guest whose vCPUs all serve their slots of @box, which is given to it and
 * has @vcpus set.
 */
void vm_start(unsigned int vcpus, volatile struct bench_box *box);
/* The end of it, with all that is still bound. */
void vm_stop(void);
/* Put memory of this process behind a part of the window, and take it away. */
void vm_bind(uint64_t offset, uint64_t length, volatile void *address);
void vm_unbind(uint64_t offset, uint64_t length);
/* Give the guest pages in advance, for writing. */
void vm_populate(uint64_t offset, uint64_t length);
/* Have a command run that is in the slot already; wait for it. */
void vm_go(unsigned int cpu);
void vm_wait(unsigned int cpu);
/*
 * Pages that one fault may bring in, 1 to 512; zero: as usual.  Nothing
 * happens where it cannot be chosen, and a fault brings one.
 */
void vm_fault_around(unsigned int pages);

/*
 * For how many ticks the machine has slept, since some time; counted only
 * while it is watched.  Watching costs nothing while there is work.
 */
void vm_watch(bool on);
uint64_t vm_slept(void);

/* End the program: nothing that it has said counts. */
void die(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));

#endif
