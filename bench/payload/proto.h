/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a benchmark and the payload in its guest say to each other.
 *
 * One page, the box, with a slot per vCPU.  It is there before the payload
 * starts.  The host writes a command and then the sequence number; the payload
 * writes the results and then the same number into @done.
 *
 * A vCPU with nothing to do executes nothing: under KVM it leaves the guest,
 * and its thread waits; under Xen it sleeps until the host sends an event.  So
 * neither side polls, and the host can be measured with the guest in place.
 *
 * Times are differences of the time stamp counter.  In the emulated machine
 * that counts the instructions of all its CPUs.
 */
#ifndef BENCH_PROTO_H
#define BENCH_PROTO_H

#include <stdint.h>

#define BENCH_CPUS	8
#define BENCH_ARGS	6
#define BENCH_RESULTS	6

/* The payload's own memory ends below; the rest lies far from any RAM. */
#define BENCH_RAM	(16ULL << 20)
#define BENCH_BOX	(8ULL << 30)
#define BENCH_WINDOW	(12ULL << 30)
#define BENCH_END	(24ULL << 30)

#define BENCH_PAGE	4096ULL

/* Under Xen only: RAM that the guest grants to the host. */
#define BENCH_SHARED		(32ULL << 20)
#define BENCH_SHARED_PAGES	4096U
/* Random order: times of single accesses are kept for no more. */
#define BENCH_SAMPLES	4096

/* An "out" to this port leaves the guest under KVM. */
#define BENCH_PORT	0x80

/*
 * A mark: an instruction that does nothing, of a form that nobody else uses.
 * It tells an emulator that looks for it (count.c) that what follows belongs to
 * a part of that number, or, with zero, to none.
 */
#define BENCH_MARK	0x5847b000
#define BENCH_PARTS	16

enum bench_cmd {
	BENCH_PING,		/* -> cpu */
	/*
	 * One access per page in order.
	 * gpa, pages, write, part -> start, end, sum
	 */
	BENCH_TOUCH,
	/*
	 * The same in an order that looks random, each access timed.
	 * gpa, pages (a power of two, at most BENCH_SAMPLES), write, part
	 * -> total, median, p90, max, sum
	 */
	BENCH_RANDOM,
	/*
	 * Grant all pages at BENCH_SHARED to domain 0, for writing; the first
	 * word of each is then its number.  -> first reference; zero: failed
	 */
	BENCH_SHARE,
	/* Of those grants, how many are mapped now.  -> number */
	BENCH_MAPPED,
};

struct bench_slot {
	/* Written by the host. */
	uint32_t seq;
	uint32_t cmd;
	uint64_t arg[BENCH_ARGS];
	/* Written by the payload. */
	uint32_t done;
	/*
	 * Under Xen the guest's event channel port of this vCPU, for the host
	 * to bind to; written before anything else.  It carries both ways.
	 */
	uint32_t port;
	uint64_t result[BENCH_RESULTS];
	uint64_t pad2[2];
};

struct bench_box {
	/* How many the guest has; under Xen its first one starts the others. */
	uint32_t vcpus;
	uint32_t pad32;
	uint64_t pad[15];
	struct bench_slot slot[BENCH_CPUS];
};

_Static_assert(sizeof(struct bench_box) <= BENCH_PAGE, "one page");

#define BENCH_MARK_CASE(n)						\
	case n:								\
		__asm__ volatile("nopl %c0(%%rax)"			\
				 :: "i"(BENCH_MARK + (n)) : "memory");	\
		break

/* What is executed from here on belongs to a part, or, with zero, to none. */
static inline void bench_mark(unsigned int part)
{
	switch (part) {
	BENCH_MARK_CASE(0);
	BENCH_MARK_CASE(1);
	BENCH_MARK_CASE(2);
	BENCH_MARK_CASE(3);
	BENCH_MARK_CASE(4);
	BENCH_MARK_CASE(5);
	BENCH_MARK_CASE(6);
	BENCH_MARK_CASE(7);
	BENCH_MARK_CASE(8);
	BENCH_MARK_CASE(9);
	BENCH_MARK_CASE(10);
	BENCH_MARK_CASE(11);
	BENCH_MARK_CASE(12);
	BENCH_MARK_CASE(13);
	BENCH_MARK_CASE(14);
	BENCH_MARK_CASE(15);
	}
}

#endif
