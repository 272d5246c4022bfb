// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses of which the test says when they are answered, and by whom: the
 * device model, where nothing is lent, or memory that comes and goes meanwhile.
 *
 * XG_CMD_DEVICE is one instruction of a kind that Xen treats specially when it
 * has to emulate it: those that read and write, and those with two addresses
 * or a count.  XG_CMD_BETWEEN is a reader that knows at each moment what it may
 * find: see struct xg_rule.
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

/* Read one word, and what the rule said before and says now. */
static bool look_between(struct xg_run *run, volatile uint64_t *p,
			 const volatile struct xg_rule *rule)
{
	uint64_t where = rule->where, floor = rule->floor, got = *p;
	unsigned int allowed = rule->where == where ?
			       where & 3 : XG_RULE_HERE | XG_RULE_OTHER;

	if ((allowed & XG_RULE_OTHER) && got == rule->other) {
		run->result[2]++;
	} else if ((allowed & XG_RULE_HERE) && got >= floor &&
		   got <= rule->ceiling) {
		run->result[1]++;
	} else {
		run->status = XG_MISMATCH;
		run->result[5] = got;
		run->result[6] = floor;
		run->result[7] = rule->where;
		return false;
	}
	run->result[3] += got != run->rows[0];
	run->rows[0] = got;
	return true;
}

/**
 * xg_between - the command of that name
 * @run: arguments: gpa, length, gpa of the rule
 *
 * One word of each page, another one in each round: the page is what matters.
 */
void xg_between(struct xg_run *run)
{
	const volatile struct xg_rule *rule = port_map(run->arg[2],
						       sizeof(*rule));
	volatile uint64_t *p = port_map(run->arg[0], run->arg[1]);
	uint64_t words = run->arg[1] / 8, last = 0;

	if (!p || !rule) {
		run->status = XG_BAD;
		return;
	}
	run->rows = &last;
	do {
		for (uint64_t i = run->result[0] % (XG_PAGE / 8); i < words;
		     i += XG_PAGE / 8) {
			run->result[4] = i * 8;
			if (!look_between(run, p + i, rule))
				return;
		}
		run->result[0]++;
		run->slot->progress = run->result[0];
	} while (!xg_stopped(run));
}
