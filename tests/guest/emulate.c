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

/* Nobody answers there. */
#define PORT 0x5000

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
	case XG_EMULATE_CMPXCHG16B:
		asm volatile("xorl %%eax, %%eax; xorl %%edx, %%edx; " FEP
			     "lock cmpxchg16b (%1)"
			     : "=&a" (old) : "r" (p), "b" (value), "c" (~value)
			     : "rdx", "memory", "cc");
		break;
	default:
		break;
	}
	return old;
}

/* String instructions without a prefix for repetition. */
static uint64_t each(enum xg_emulate kind, volatile void *p, volatile void *q,
		     uint64_t count)
{
	uint64_t sum = 0, word;

	for (; count; count--) {
		switch (kind) {
		case XG_EMULATE_EACH_MOVSQ:
			asm volatile(FEP "movsq" : "+D" (p), "+S" (q)
				     :: "memory");
			break;
		case XG_EMULATE_EACH_STOSB:
			asm volatile(FEP "stosb" : "+D" (p) : "a" (0x5a)
				     : "memory");
			break;
		default:
			asm volatile(FEP "lodsq" : "+S" (p), "=&a" (word)
				     :: "memory");
			sum ^= word;
			break;
		}
	}
	return sum;
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
	case XG_EMULATE_INS:
		asm volatile("rep insb" : "+D" (p), "+c" (value) : "d" (PORT)
			     : "memory");
		old = value;
		break;
	case XG_EMULATE_OUTS:
		asm volatile("rep outsb" : "+S" (p), "+c" (value) : "d" (PORT)
			     : "memory");
		old = value;
		break;
	case XG_EMULATE_EACH_MOVSQ:
	case XG_EMULATE_EACH_STOSB:
	case XG_EMULATE_EACH_LODSQ:
		old = each(kind, p, q, value);
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
	       kind == XG_EMULATE_PLAIN_MOVS || kind == XG_EMULATE_MOVSQ_DOWN ||
	       kind == XG_EMULATE_EACH_MOVSQ;
}

/* How many bytes from the addresses upwards are used. */
static uint64_t extent(enum xg_emulate kind, uint64_t value)
{
	switch (kind) {
	case XG_EMULATE_MOVS:
	case XG_EMULATE_STOS:
	case XG_EMULATE_CMPS:
	case XG_EMULATE_PLAIN_MOVS:
	case XG_EMULATE_EACH_STOSB:
	case XG_EMULATE_INS:
	case XG_EMULATE_OUTS:
		return value;
	case XG_EMULATE_EACH_MOVSQ:
	case XG_EMULATE_EACH_LODSQ:
		return value * 8;
	case XG_EMULATE_CMPXCHG16B:
		return 16;
	default:
		return 8;
	}
}

/**
 * xg_emulate - the command of that name
 * @run: arguments: kind, gpa, other gpa, value
 */
void xg_emulate(struct xg_run *run)
{
	uint64_t length = extent(run->arg[0], run->arg[3]);
	volatile void *p = port_map(run->arg[1], length);
	volatile void *q = port_map(run->arg[2], length);

	if (!p || (!q && has_source(run->arg[0]))) {
		run->status = XG_BAD;
		return;
	}
	run->result[0] = emulate(run->arg[0], p, q, run->arg[3]);
}

/* --- without end ----------------------------------------------------------------- */

static void judge(struct xg_run *run, uint64_t index, uint64_t word)
{
	if (xg_good(word) || run->status != XG_OK)
		return;
	run->status = XG_MISMATCH;
	run->result[2] = index * 8;
	run->result[3] = word;
}

/*
 * A word of each page, another one each time.  Whoever else writes there, what
 * is moved, exchanged or added to keeps its mark.
 */
static void loop_once(struct xg_run *run)
{
	volatile uint64_t *p = port_map(run->arg[0], run->arg[1]);
	uint64_t words = run->arg[1] / 8, round = run->result[0];
	uint64_t mine = XG_GOOD_WORD | (run->arg[2] & 0xff) << 40 |
			(round & 0xffff) << 16;

	for (uint64_t i = round % 512; i < words; i += 512) {
		uint64_t next = (i + 512) % words;

		judge(run, i, emulate(XG_EMULATE_READ, &p[i], NULL, 0));
		emulate(XG_EMULATE_WRITE, &p[i], NULL, mine);
		judge(run, i, emulate(XG_EMULATE_XCHG, &p[i], NULL, mine));
		judge(run, i, emulate(XG_EMULATE_XADD, &p[i], NULL, 1));
		emulate(XG_EMULATE_EACH_MOVSQ, &p[next], &p[i], 1);
		judge(run, next, emulate(XG_EMULATE_EACH_LODSQ, &p[next], NULL,
					 1));
	}
}

/**
 * xg_emulate_loop - the command of that name
 * @run: arguments: gpa, length, tag
 */
void xg_emulate_loop(struct xg_run *run)
{
	if (!port_map(run->arg[0], run->arg[1]) || run->arg[1] < XG_PAGE) {
		run->status = XG_BAD;
		return;
	}
	while (run->status == XG_OK && !xg_stopped(run)) {
		if (!port_protect(loop_once, run))
			run->result[1]++;
		run->slot->progress = ++run->result[0];
	}
}
