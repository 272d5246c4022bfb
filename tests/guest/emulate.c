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

static uint64_t locked(enum xg_emulate kind, volatile void *p, uint64_t value)
{
	uint64_t old = value;

	switch (kind) {
	case XG_EMULATE_XCHG:
		asm volatile(FEP "xchgq %0, (%1)" : "+r" (old) : "r" (p)
			     : "memory");
		break;
	case XG_EMULATE_ADD:
		asm volatile(FEP "lock addq %0, (%1)" :: "r" (value), "r" (p)
			     : "memory", "cc");
		break;
	case XG_EMULATE_BTS:
		asm volatile(FEP "lock btsq %1, (%2); setc %b0"
			     : "=&q" (old) : "r" (value), "r" (p)
			     : "memory", "cc");
		old &= 1;
		break;
	case XG_EMULATE_CMPXCHG8B:
		asm volatile("xorl %%eax, %%eax; xorl %%edx, %%edx; " FEP
			     "lock cmpxchg8b (%1); shlq $32, %%rdx; "
			     "movl %%eax, %%eax; orq %%rdx, %%rax"
			     : "=&a" (old)
			     : "r" (p), "b" ((uint32_t)value),
			       "c" ((uint32_t)(value >> 32))
			     : "rdx", "memory", "cc");
		break;
	default:
		break;
	}
	return old;
}

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
	case XG_EMULATE_PLAIN_MOVS:
		asm volatile("rep movsb" : "+D" (p), "+S" (q), "+c" (value)
			     :: "memory");
		old = value;
		break;
	case XG_EMULATE_MOVSQ_DOWN:
		asm volatile("std; " FEP "rep movsq; cld"
			     : "+D" (p), "+S" (q), "+c" (value) :: "memory");
		old = value;
		break;
	case XG_EMULATE_CMPS:
		asm volatile(FEP "repe cmpsb"
			     : "+D" (p), "+S" (q), "+c" (value)
			     :: "memory", "cc");
		old = value;
		break;
	default:
		old = locked(kind, p, value);
		break;
	}
	return old;
}

static bool has_source(enum xg_emulate kind)
{
	return kind == XG_EMULATE_MOVS || kind == XG_EMULATE_CMPS ||
	       kind == XG_EMULATE_PLAIN_MOVS || kind == XG_EMULATE_MOVSQ_DOWN;
}

/* From the addresses upwards, as many bytes as the value says. */
static bool is_string(enum xg_emulate kind)
{
	return kind == XG_EMULATE_STOS ||
	       (has_source(kind) && kind != XG_EMULATE_MOVSQ_DOWN);
}

/**
 * xg_emulate - the command of that name
 * @run: arguments: kind, gpa, other gpa, value
 */
void xg_emulate(struct xg_run *run)
{
	uint64_t length = is_string(run->arg[0]) ? run->arg[3] : 8;
	volatile void *p = port_map(run->arg[1], length);
	volatile void *q = port_map(run->arg[2], length);

	if (!p || (!q && has_source(run->arg[0]))) {
		run->status = XG_BAD;
		return;
	}
	run->result[0] = emulate(run->arg[0], p, q, run->arg[3]);
}
