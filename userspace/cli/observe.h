/* SPDX-License-Identifier: MIT */
/*
 * What can be seen of lending from outside: struct view is one look at all of
 * it.  debugfs tells of windows and bindings, /proc of descriptors and who
 * holds them; where a window's pages lie (RAM, VRAM) and whose it is tells a
 * query through its holder's own descriptor, which is borrowed for a moment
 * (pidfd_getfd).
 *
 * None of it is taken at one instant, and processes and guests come and go
 * meanwhile: what has gone is left out, and what cannot be asked is not known.
 */
#ifndef XEN_GPUMEM_OBSERVE_H
#define XEN_GPUMEM_OBSERVE_H

#include "cli.h"

#define DEBUGFS		"/sys/kernel/debug"
#define SLOTS_MAX	64

struct view_time {
	uint64_t max_ns;
	uint64_t slots[SLOTS_MAX];
};

struct view_binding {
	uint32_t window;
	uint64_t index, pages, address;
	uint32_t flags, policy, lent;
	bool file;
};

struct view_window {
	uint32_t id;
	uint64_t gfn, pages;
	uint32_t policy;
	uint64_t faults, failed, retries, mapped;
	uint64_t revokes, revoked, downgraded;
	struct view_time fault, revoke;
	/* Sums over its bindings. */
	uint64_t bindings, bound, lent;
	/* By a query: */
	bool asked;
	int owner;			/* a process that can use it */
	uint64_t writable, io, noncacheable;
};

/* It has no guest address. */
static inline bool view_parked(const struct view_window *w)
{
	return w->gfn == UINT64_MAX;
}

struct view_holder {
	int pid, fd;
	char comm[32];
	struct xgm_usage usage;
};

struct view_domain {
	uint16_t domid;
	uint64_t generation;
	bool attached;
	unsigned int files;		/* open files, with or without holders */
	struct view_window *windows;
	size_t nr_windows;
	struct view_binding *bindings;
	size_t nr_bindings;
	struct view_holder *holders;
	size_t nr_holders;
};

struct view {
	struct view_domain *domains;
	size_t nr_domains;
	unsigned int nr_slots;
	uint64_t slot_us[SLOTS_MAX];	/* ends of the histograms' slots */
	double when;
};

/* 0, or FAILED after saying why.  Ended by view_free(), also then. */
int view_take(struct view *view);
void view_free(struct view *view);

/* holders.c */
void holders_find(struct view *view);

/* An array that grows: room for one more of @size, zeroed.  Never NULL. */
void *view_append(void *array, size_t *nr, size_t size);

#endif /* XEN_GPUMEM_OBSERVE_H */
