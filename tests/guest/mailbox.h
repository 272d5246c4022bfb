/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a dom0 test program and the guest's command server say to each other.
 *
 * One page, the mailbox, is lent to the guest at the start of the *arena*, the
 * range of guest addresses in which all tests put their windows.  Each vCPU of
 * the guest has a slot in it and serves that slot alone.  The host writes the
 * command, then the sequence number; the guest writes the results, then the
 * same number into @done.  Neither side makes a hypercall for it, so that a
 * vCPU in the middle of a command leaves the guest for nothing but interrupts:
 * the tests for stale translations depend on that.
 *
 * Included by the guest's payload and by tests/lib; no header but stdint.h.
 */
#ifndef TESTS_GUEST_MAILBOX_H
#define TESTS_GUEST_MAILBOX_H

#include <stdint.h>

/* Default place of the arena: far from RAM and from what Linux puts above. */
#define XG_ARENA_BASE	0x200000000ULL
#define XG_ARENA_SIZE	0x8000000ULL
#define XG_PAGE		4096ULL

/* A large room farther up, of which a vCPU can use 2 MiB at a time. */
#define XG_FAR_BASE	0x1000000000ULL
#define XG_FAR_SIZE	0x400000000ULL
#define XG_FAR_CHUNK	0x200000ULL

/* Where commands find the guest's own pages that it shares: see grant.c. */
#define XG_SHARED_BASE	0x400000000000ULL
#define XG_SHARED_STRIDE 0x100000000ULL
#define XG_SHARED_AREAS	8

#define XG_SHARE_WRITABLE	1
#define XG_SHARE_LIBRARY	2	/* by libxengnttab, if there is one */

#define XG_MAGIC	0x584d4258U
#define XG_MAX_CPUS	8
#define XG_ARGS		8
#define XG_RESULTS	8

/* Commands, with their arguments and results. */
enum xg_cmd {
	XG_CMD_PING,		/* -> cpu, vCPUs that serve */
	XG_CMD_FILL,		/* gpa, length, seed */
	XG_CMD_CHECK,		/* gpa, length, seed -> sum, offset, got, want */
	XG_CMD_SUM,		/* gpa, length -> sum */
	XG_CMD_READ,		/* gpa, size -> value */
	XG_CMD_WRITE,		/* gpa, size, value */
	/*
	 * Until stopped: check every word of what the last round wrote, write
	 * the next.  gpa, length, seed, rounds so far
	 * -> rounds, sum, offset, got, want
	 */
	XG_CMD_UPDATE,
	/*
	 * Until stopped: read one word in a tight loop.
	 * gpa, marker -> seen, last, reads, changes, first
	 */
	XG_CMD_WATCH,
	/* Until stopped: write the tag all over.  gpa, length, tag -> rounds */
	XG_CMD_HAMMER,
	/*
	 * Until stopped: every word must fit one of two seeds (or be written
	 * by nobody else).  gpa, length, seed, seed
	 * -> rounds, words of the first, of the second, offset, got
	 */
	XG_CMD_EITHER,
	/* One access per page.  gpa, length, write -> pages, sum of values */
	XG_CMD_TOUCH,
	/* A picture.  gpa, width, height -> sum */
	XG_CMD_DRAW,
	/*
	 * Until stopped: check all rows, then move the moving part.
	 * gpa, width, height, rounds so far -> rounds, sum, row, got, want
	 */
	XG_CMD_ANIMATE,
	/*
	 * Any hypercall.  op, arg0..arg4 -> return value.  An argument in the
	 * arena becomes the address where the guest has that mapped; XG_BUFFER
	 * plus an offset, one in ordinary memory of the guest that holds a copy
	 * of the mailbox's data, and is copied back.
	 */
	XG_CMD_HYPERCALL,
	XG_CMD_POWER_OFF,
	XG_CMD_CRASH,
	/* One access that Xen emulates.  kind, gpa, gpa, value -> old value */
	XG_CMD_EMULATE,
	/* Call the function that is there.  gpa -> what it returned */
	XG_CMD_CALL,
	/* Where the server has it mapped.  gpa -> virtual address */
	XG_CMD_ADDRESS,
	/*
	 * Until stopped: all sorts of accesses and hypercalls, see hostile.c.
	 * gpa, length, what, seed
	 * -> rounds, accesses that got an exception, offset, got, hypercalls
	 * that did what they must not, pages plugged, vCPUs reset, scattered
	 * touches that got an exception
	 */
	XG_CMD_HOSTILE,
	/* One instruction.  kind, gpa, gpa, value -> old value, or what is left */
	XG_CMD_DEVICE,
	/*
	 * Until stopped: every word must be what struct xg_rule allows.
	 * gpa, length, gpa of the rule
	 * -> rounds, contents seen, others seen, changes, offset, got
	 */
	XG_CMD_BETWEEN,
	/* In a process of its own, see linux.c.  kind, gpa, length -> by kind */
	XG_CMD_PROCESS,
	/* Grant pages to domain 0.  area, pages, XG_SHARE_* */
	XG_CMD_SHARE,
	XG_CMD_UNSHARE,		/* area */
	/* References of an area, into the mailbox's data.  area, first -> how many */
	XG_CMD_REFS,
	/* Its guest frames, likewise, 64 bits each.  area, first -> how many */
	XG_CMD_GFNS,
	/*
	 * Map what domain 0 granted, the references in the mailbox's data.
	 * area, pages, writable -> errno
	 */
	XG_CMD_MAP_GRANTS,
	XG_CMD_UNMAP_GRANTS,	/* area */
	/*
	 * Until stopped: accesses that Xen emulates, see emulate.c.
	 * gpa, length, tag -> rounds, accesses that got an exception, offset, got
	 */
	XG_CMD_EMULATE_LOOP,
	/* Reset another vCPU: it begins its last command anew.  vCPU */
	XG_CMD_RESET,
};

/*
 * What HOSTILE does.  The window's first page holds a function, its last
 * XG_PLUG_PAGES are those that the guest puts memory of its own over.
 */
enum xg_hostile {
	XG_HOSTILE_READ = 1 << 0,
	XG_HOSTILE_WRITE = 1 << 1,
	XG_HOSTILE_LOCKED = 1 << 2,
	XG_HOSTILE_CALL = 1 << 3,
	XG_HOSTILE_REMAP = 1 << 4,	/* the guest's own page tables */
	XG_HOSTILE_HYPERCALL = 1 << 5,	/* that name frames of the window */
	XG_HOSTILE_PLUG = 1 << 6,	/* populate, then balloon */
	XG_HOSTILE_DOWN = 1 << 7,	/* take other vCPUs down and up */
	XG_HOSTILE_HOTPLUG = 1 << 8,	/* reset them, by the kernel's means */
	XG_HOSTILE_RESET = 1 << 9,	/* reset them as firmware does */
	XG_HOSTILE_SCATTER = 1 << 10,	/* touch what needs page tables */
};

#define XG_PLUG_PAGES	8

/* Where SCATTER touches one word: each in the range of another page table. */
#define XG_SCATTER_BASE	(XG_ARENA_BASE + 0x1000000ULL)
#define XG_SCATTER_STEP	0x200000ULL
#define XG_SCATTER_PLACES 40

/*
 * What words of a hostile guest's window may hold: nothing, or this in their
 * upper 16 bits.  What the function there may return: this in the upper 16 of
 * 32.
 */
#define XG_GOOD		0x600dULL
#define XG_GOOD_WORD	(XG_GOOD << 48)

static inline int xg_good(uint64_t word)
{
	return !word || word >> 48 == XG_GOOD;
}

/* With p the first address, q the second: see emulate.c. */
enum xg_emulate {
	XG_EMULATE_READ,	/* p -> value */
	XG_EMULATE_WRITE,	/* value -> p */
	XG_EMULATE_XADD,	/* p += value -> old */
	XG_EMULATE_CMPXCHG,	/* if p == low half of value, p = value -> old */
	XG_EMULATE_MOVS,	/* value bytes from q to p -> bytes left */
	XG_EMULATE_STOS,	/* value bytes of 0x5a to p -> bytes left */
	XG_EMULATE_NOP,		/* an exception if Xen does not emulate */
	XG_EMULATE_XCHG,	/* p = value -> old */
	XG_EMULATE_ADD,		/* locked: p += value */
	XG_EMULATE_BTS,		/* locked: set bit number value -> was set */
	XG_EMULATE_CMPXCHG8B,	/* if p == 0, p = value -> old */
	XG_EMULATE_MOVSQ_DOWN,	/* value words ending at q, p -> words left */
	XG_EMULATE_CMPS,	/* compare value bytes -> bytes left */
	/* As MOVS, but executed: emulated where a device is involved. */
	XG_EMULATE_PLAIN_MOVS,
	XG_EMULATE_CMPXCHG16B,	/* if p == 0, p = value, ~value -> old, its half */
	/* One instruction for each element: all of them are emulated. */
	XG_EMULATE_EACH_MOVSQ,	/* value words from q to p */
	XG_EMULATE_EACH_STOSB,	/* value bytes of 0x5a to p */
	XG_EMULATE_EACH_LODSQ,	/* value words at p -> their exclusive or */
	/* From and to a port where nobody is: emulated without a prefix. */
	XG_EMULATE_INS,		/* value bytes to p -> bytes left */
	XG_EMULATE_OUTS,	/* value bytes from p -> bytes left */
};

/* With p the first address, q the second: see device.c. */
enum xg_device {
	XG_DEVICE_XADD,		/* p += value -> old */
	XG_DEVICE_CMPXCHG,	/* if p == low half of value, p = value -> old */
	XG_DEVICE_MOVSQ,	/* 8 bytes from q to p */
	XG_DEVICE_MOVSB,	/* value bytes from q to p -> bytes left */
	XG_DEVICE_STOSB,	/* value bytes of 0x5a to p -> bytes left */
	XG_DEVICE_STOSQ,	/* value words of 0x5a5a... to p -> words left */
};

/*
 * What the XG_CMD_BETWEEN loop may see.  Memory holds one number all over, and
 * the host replaces it by greater ones: it raises @ceiling before, and @floor
 * after.  @where counts up in steps of four; its two low bits say whether the
 * memory may be there, and whether @other may be what is read instead.
 */
struct xg_rule {
	uint64_t floor;
	uint64_t ceiling;
	uint64_t where;
	uint64_t other;
};

#define XG_RULE_HERE	1
#define XG_RULE_OTHER	2

enum xg_process {
	XG_PROCESS_SUM,		/* until stopped -> rounds, sum */
	XG_PROCESS_TEST,	/* until stopped -> rounds, offset, got, want */
	XG_PROCESS_COPY,	/* -> errors of read(), write() as the kernel copies */
	XG_PROCESS_PIN,		/* -> errors by enum xg_pin, growth of the log */
};

/* Ways in which a process has the kernel hold on to pages of its memory. */
enum xg_pin {
	XG_PIN_DIRECT_READ,	/* O_DIRECT from a block device into them */
	XG_PIN_DIRECT_WRITE,
	XG_PIN_VMSPLICE,
	XG_PIN_URING,		/* registered buffers */
	XG_PIN_PEER,		/* process_vm_readv() of another process */
	XG_PIN_FUTEX,
	XG_PINS,
};

/* Results of XG_PROCESS_PIN: an errno for lent memory, one for ordinary. */
#define XG_PIN_NONE	255	/* this kernel has no such thing */

enum xg_status {
	XG_OK,
	XG_FAULT,		/* the access got an exception */
	XG_MISMATCH,		/* memory did not hold what it should */
	XG_BAD,			/* command or arguments make no sense */
	XG_UNSUPPORTED,		/* this payload cannot do it */
};

struct xg_slot {
	/* Written by the host. */
	uint32_t seq;
	uint32_t cmd;
	uint32_t stop;
	uint32_t pad;
	uint64_t arg[XG_ARGS];
	/* Written by the guest. */
	uint32_t done;
	uint32_t status;
	uint64_t progress;	/* grows while a command runs */
	uint64_t result[XG_RESULTS];
	uint64_t pad2[4];
};

#define XG_BUFFER	0x7eeeeeee0000ULL
#define XG_DATA		2048

struct xg_mailbox {
	uint32_t magic;		/* host: XG_MAGIC once the rest is valid */
	uint32_t pad;
	uint64_t pad2[15];
	struct xg_slot slot[XG_MAX_CPUS];
	uint8_t pad3[XG_PAGE - XG_DATA - 128 -
		     XG_MAX_CPUS * sizeof(struct xg_slot)];
	uint8_t data[XG_DATA];
};

_Static_assert(sizeof(struct xg_mailbox) == XG_PAGE, "one page");

/* A different word for every seed and offset; 0 and ~0 are as good as never. */
static inline uint64_t xg_pattern(uint64_t seed, uint64_t offset)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ULL + offset;

	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x ^ (x >> 32);
}

/* The seed of an UPDATE command's round. */
static inline uint64_t xg_round_seed(uint64_t seed, uint64_t round)
{
	return seed + (round << 20);
}

static inline uint64_t xg_sum_step(uint64_t sum, uint64_t word)
{
	return ((sum << 7 | sum >> 57) ^ word) * 0x9e3779b97f4a7c15ULL;
}

/* Checksum over whole words; the same code on both sides. */
static inline uint64_t xg_sum(const volatile void *p, uint64_t length)
{
	const volatile uint64_t *w = p;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < length / 8; i++)
		sum = xg_sum_step(sum, w[i]);
	return sum;
}

#endif
