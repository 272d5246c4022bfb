// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses that a device model answers where nothing is lent: one instruction,
 * of a kind that Xen treats specially when it has to emulate it.  Those are the
 * ones that read and write, and those with two addresses or a count.
 */
#include "server.h"

static uint64_t instruction(enum xg_device kind, volatile void *p,
			    volatile void *q, uint64_t value)
{
	uint64_t old = value;

	switch (kind) {
	case XG_DEVICE_XADD:
		asm volatile("lock xaddq %0, (%1)" : "+r" (old) : "r" (p)
			     : "memory", "cc");
		break;
	case XG_DEVICE_CMPXCHG:
		/* Expects what the first argument's low half repeats. */
		old = value & 0xffffffff;
		asm volatile("lock cmpxchgq %2, (%1)" : "+a" (old)
			     : "r" (p), "r" (value) : "memory", "cc");
		break;
	case XG_DEVICE_MOVSQ:
		asm volatile("movsq" : "+D" (p), "+S" (q) :: "memory");
		break;
	case XG_DEVICE_MOVSB:
		asm volatile("rep movsb" : "+D" (p), "+S" (q), "+c" (old)
			     :: "memory");
		break;
	case XG_DEVICE_STOSB:
		asm volatile("rep stosb" : "+D" (p), "+c" (old) : "a" (0x5a)
			     : "memory");
		break;
	case XG_DEVICE_STOSQ:
		asm volatile("rep stosq" : "+D" (p), "+c" (old)
			     : "a" (0x5a5a5a5a5a5a5a5aULL) : "memory");
		break;
	}
	return old;
}

/**
 * xg_device - the command of that name
 * @run: arguments: kind, gpa, other gpa, value
 */
void xg_device(struct xg_run *run)
{
	uint64_t length = run->arg[0] < XG_DEVICE_MOVSB ? 8 : run->arg[3] *
			  (run->arg[0] == XG_DEVICE_STOSQ ? 8 : 1);
	volatile void *p = port_map(run->arg[1], length);
	volatile void *q = port_map(run->arg[2], length);

	if (!p || (!q && (run->arg[0] == XG_DEVICE_MOVSQ ||
			  run->arg[0] == XG_DEVICE_MOVSB))) {
		run->status = XG_BAD;
		return;
	}
	run->result[0] = instruction(run->arg[0], p, q, run->arg[3]);
}
