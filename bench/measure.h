/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a program of the benchmark counts and reports, and has its guest work.
 *
 * It prints "XG-INFO BENCH name value" for each measurement, where the value is
 * in instructions of the whole machine unless the name says otherwise.  A
 * measurement is made turns times and the middle one counts; what happens once
 * per run (allocations that grow, lazy initialisation) is then not in it.  With
 * "quick" as argument each is made once: to see that it works.
 *
 * What the host does is counted between count_begin() and count_end(), with the
 * guest at rest, and without the time that the machine slept: where the host
 * waits for a timer, that is not work.  Before that, all is quiet for a moment,
 * so that nobody is still busy with what was before.
 *
 * What is counted can be marked as a *part*, for an emulator that tells what is
 * executed in it (count.c); payload/proto.h has the marks.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "payload/proto.h"

#define MIB		(1ULL << 20)
#define MAX_TURNS	3

/* Microseconds until everybody who was still busy has gone to sleep. */
#define QUIET_US	20000

extern unsigned int turns;
extern bool quick;
/* Of the guest that runs. */
extern volatile struct bench_box *box;
/* The part that what is counted next belongs to, or zero. */
extern unsigned int count_part;

/*
 * With "layers" as argument: leave the kernel's symbols for who looks at what
 * is executed, and name parts.  What is counted from part_begin() on belongs to
 * one of that name, of @per things.  With "traced" after it, the driver's trace
 * points are on from then on.
 */
bool measure_layers(int argc, char **argv);
void part_begin(const char *name, unsigned int per);
void part_end(void);

void measure_begin(int argc, char **argv, const char *what);
void measure_end(void);

/* @value is of @per things. */
void report(const char *name, uint64_t value, uint64_t per);
uint64_t middle(uint64_t *v);

struct count {
	uint64_t ticks, slept;
};

void count_begin(struct count *c);
/* Return: instructions since count_begin() */
uint64_t count_end(const struct count *c);

/* Start a guest, with a box; all its vCPUs answer. */
void guest_start(unsigned int vcpus);
/* Give a vCPU a command; vm_wait() waits for its results, in the box. */
void guest_begin(unsigned int cpu, enum bench_cmd cmd,
		 const uint64_t arg[BENCH_ARGS]);

/* What is left of @value when what happens without us is taken away. */
static inline uint64_t above(uint64_t value, uint64_t base)
{
	return value > base ? value - base : 0;
}

#endif
