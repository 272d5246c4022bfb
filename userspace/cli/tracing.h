/* SPDX-License-Identifier: MIT */
/*
 * The driver's trace points (drivers/xen-gpumem/trace.h), as the kernel's tracing
 * tells them:
 *
 *   traceline.c  what a line says, as a record
 *   tracing.c    an instance of tracing of our own, from which lines come
 *   trace.c      the command
 */
#ifndef XEN_GPUMEM_TRACING_H
#define XEN_GPUMEM_TRACING_H

#include "cli.h"

/* --- traceline.c ----------------------------------------------------------- */

enum record_kind {
	RECORD_FAULT, RECORD_MAP, RECORD_REVOKE, RECORD_EVENT,
	RECORD_ADD, RECORD_MOVE, RECORD_REMOVE,
	RECORD_BIND, RECORD_UNBIND,
	RECORD_LOST,		/* no trace point: the reader was too slow */
};

/**
 * struct record - what one line says
 * @kind: which members mean something: those that the line has
 * @us: CLOCK_MONOTONIC, in microseconds
 * @cpu: where it happened, or where records were lost
 * @pid: the thread in whose context it happened
 * @lost: RECORD_LOST: how many; zero: that is not known
 *
 * The rest is called as in the trace points: indices, frames and their numbers
 * are in pages, offsets and lengths in bytes.
 */
struct record {
	enum record_kind kind;
	uint64_t us;
	unsigned int cpu;
	int pid;
	uint64_t lost;

	uint64_t dom, window;
	uint64_t index, nr, gfn, frame, frames, done, cleared;
	uint64_t vcpu, access, attr, address, flags;
	uint64_t type, offset, length, error;
	uint64_t ret;			/* int */
	uint64_t ns;
	bool downgrade;
};

const char *record_name(enum record_kind kind);

/* Return: 1; 0: the line is nobody's of ours; -EBADMSG: it is not understood */
int record_parse(const char *line, struct record *r);

/* --- tracing.c ------------------------------------------------------------- */

/**
 * struct tracing - an instance of tracing
 * @path: its folder; empty: there is none
 * @pipe: what its lines are read from, or -1
 * @len: bytes of a line in @text whose end was not read yet
 * @text: what was read
 */
struct tracing {
	char path[128];
	int pipe;
	size_t len;
	char text[16384];
};

/**
 * struct tracing_want - what is to be traced
 * @domid: of this guest; -1: of all
 * @window: in this window; -1: in all.  Only of one guest
 * @buffer: bytes that the kernel keeps for each CPU until they are read
 */
struct tracing_want {
	int domid;
	int64_t window;
	uint64_t buffer;
};

/* 0, or FAILED after saying why.  Ended by tracing_end(), also then. */
int tracing_begin(struct tracing *t, const struct tracing_want *want);
/*
 * Give @line what can be read now, a piece of it at most, without waiting.
 * Return: bytes that were read; 0: there was nothing; negative errno
 */
int tracing_read(struct tracing *t, void (*line)(void *arg, const char *line),
		 void *arg);
/* Nobody else has switched it off, by unloading the module, say. */
bool tracing_goes_on(const struct tracing *t);
/* Nothing is added any more; what is there can still be read. */
void tracing_stop(const struct tracing *t);
/* Records that were lost since it began. */
uint64_t tracing_lost(const struct tracing *t);
/* 0, or FAILED after saying what stays. */
int tracing_end(struct tracing *t);

#endif /* XEN_GPUMEM_TRACING_H */
