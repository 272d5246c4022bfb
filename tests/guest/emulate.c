// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses that Xen makes instead of the processor.
 *
 * Debug builds of Xen, with "hvm_fep" on their command line, emulate every
 * instruction that has a certain prefix: an undefined instruction and the
 * letters "xen".  The page that is accessed is lent memory, or a hole, and the
 * emulator must do to it what the processor would.
 */
#include "server.h"

#define FEP "ud2; .ascii \"xen\"; "

static uint64_t emulate(enum xg_emulate kind, volatile void *p,
			volatile void *q, uint64_t value)
{
	uint64_t old = 0;

	switch (kind) {
	case XG_EMULATE_READ:
		asm volatile(FEP "movq (%1), %0" : "=r" (old) : "r" (p)
			     : "memory");
		break;
	case XG_EMULATE_WRITE:
		asm volatile(FEP "movq %0, (%1)" :: "r" (value), "r" (p)
			     : "memory");
		break;
	case XG_EMULATE_XADD:
		old = value;
		asm volatile(FEP "lock xaddq %0, (%1)" : "+r" (old) : "r" (p)
			     : "memory", "cc");
		break;
	case XG_EMULATE_CMPXCHG:
		/* Expects what the first argument's low half repeats. */
		old = value & 0xffffffff;
		asm volatile(FEP "lock cmpxchgq %2, (%1)" : "+a" (old)
			     : "r" (p), "r" (value) : "memory", "cc");
		break;
	case XG_EMULATE_MOVS:
		asm volatile(FEP "rep movsb" : "+D" (p), "+S" (q), "+c" (value)
			     :: "memory");
		old = value;
		break;
	case XG_EMULATE_STOS:
		asm volatile(FEP "rep stosb" : "+D" (p), "+c" (value)
			     : "a" (0x5a) : "memory");
		old = value;
		break;
	case XG_EMULATE_NOP:
		asm volatile(FEP "nop");
		break;
	}
	return old;
}

/**
 * xg_emulate - the command of that name
 * @run: arguments: kind, gpa, other gpa, value
 */
void xg_emulate(struct xg_run *run)
{
	uint64_t length = run->arg[0] == XG_EMULATE_MOVS ||
			  run->arg[0] == XG_EMULATE_STOS ? run->arg[3] : 8;
	volatile void *p = port_map(run->arg[1], length);
	volatile void *q = port_map(run->arg[2], length);

	if (!p || (!q && run->arg[0] == XG_EMULATE_MOVS)) {
		run->status = XG_BAD;
		return;
	}
	run->result[0] = emulate(run->arg[0], p, q, run->arg[3]);
}
