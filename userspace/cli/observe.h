/* SPDX-License-Identifier: MIT */
/*
 * What can be seen of lending, export and grants from outside: struct view is
 * one look at all of it.  debugfs tells of windows, bindings and grants, /proc of
 * descriptors and who holds them; where a window's pages lie (RAM, VRAM), whose it is, and what
 * was exported, tells a query through the holder's own descriptor, which is
 * borrowed for a moment.  /proc also tells who has dma-bufs of guests' pages:
 * they outlive the descriptors that made them.
 *
 * None of it is taken at one instant, and processes and guests come and go
 * meanwhile: what has gone is left out, and what cannot be asked is not known.
 */
#ifndef XEN_GPUMEM_OBSERVE_H
#define XEN_GPUMEM_OBSERVE_H

#include "cli.h"

#define DEBUGFS		"/sys/kernel/debug"
#define SLOTS_MAX	64
/* Of one descriptor; there are more than anybody wants to read about. */
#define EXPORTS_MAX	1024
#define RIGHTS_LEND	(XEN_GPUMEM_RIGHT_LEND | XEN_GPUMEM_RIGHT_REMOVE)
#define RIGHTS_EXPORT	(XEN_GPUMEM_RIGHT_EXPORT_GRANTS | \
			 XEN_GPUMEM_RIGHT_EXPORT_FRAMES)

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
	struct xen_gpumem_export_query *exports;
	size_t nr_exports;
	bool more_exports;		/* than EXPORTS_MAX */
};

/* A process that has a dma-buf: by a descriptor, or mapped. */
struct view_user {
	int pid, fd;			/* -1: mapped */
	char comm[32];
	uint64_t mapped;		/* bytes */
};

/* A dma-buf of a guest's pages, whoever made it. */
struct view_buffer {
	uint64_t inode, bytes;
	char name[32];			/* that a user gave it, or empty */
	struct view_user *users;
	size_t nr_users;
};

/* A dma-buf of the host's that a guest has references for. */
struct view_grant {
	uint16_t domid;
	uint64_t generation;
	uint32_t id;			/* of the descriptor that gave them */
	uint64_t pages;
	uint32_t left;			/* references that did not end */
	bool readonly, ending;
};

struct view_domain {
	uint16_t domid;
	uint64_t generation;
	bool attached;
	unsigned int files;		/* open files, with or without holders */
	/* Counters and times of all its windows, those that are gone included. */
	struct view_window all;
	bool has_all;			/* the driver tells */
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
	struct view_buffer *buffers;
	size_t nr_buffers;
	struct view_grant *grants;
	size_t nr_grants;
	unsigned int nr_slots;
	uint64_t slot_us[SLOTS_MAX];	/* ends of the histograms' slots */
	double when;
};

/* 0, or FAILED after saying why.  Ended by view_free(), also then. */
int view_take(struct view *view);
void view_free(struct view *view);
/* Not a part of view_take(), as few want to know it. */
void grants_find(struct view *view);

/* holders.c */
void holders_find(struct view *view);

/* @link: where /proc says that it leads, cut where it is long */
typedef void look_at_fd(struct view *v, int pid, int fd, const char *link);
typedef void look_at_process(struct view *v, int pid);

/* Look at all processes, at all their descriptors; NULL: not at those. */
void processes_each(struct view *v, look_at_process *process,
		    look_at_fd *descriptor);
/* Read all of a small file.  Return: whether that worked */
bool read_small(const char *path, char *text, size_t size);
void process_name(int pid, char name[32]);

/* buffers.c: not a part of view_take(), as few want to know it */
void buffers_find(struct view *view);

/* list-export.c */
void tell_exports(const struct view_holder *h);
void tell_buffers(const struct view *v);
void json_exports(struct json *j, const struct view_holder *h);
void json_buffers(struct json *j, const struct view *v);

/* list-grant.c */
void tell_grants(const struct view_holder *h);
void tell_granted(const struct view_grant *g);
void json_granted(struct json *j, const struct view_grant *g);

/* list.c */
/* Of those that @what is the name of one of: how many, and bytes in them. */
void tell_use(const char *what, const struct xgm_use *use);
void tell_bytes(const struct xgm_use *use);
void json_use(struct json *j, const char *key, const struct xgm_use *use);

/* An array that grows: room for one more of @size, zeroed.  Never NULL. */
void *view_append(void *array, size_t *nr, size_t size);

#endif /* XEN_GPUMEM_OBSERVE_H */
