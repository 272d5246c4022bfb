/* SPDX-License-Identifier: MIT */
/*
 * libxengpumem: lending host memory to Xen guests, or granting it, and using
 * theirs as dma-bufs, from C and C++.
 *
 * A thin layer over <xen/gpumem.h>, whose flags and structures it uses: one
 * function for each call, which takes arguments in place of a structure; what
 * reads events and counters; and words for what went wrong.  A program needs it
 * no more than it needs a library to open a file.
 *
 * Rules for all functions, unless their description says otherwise:
 *
 * - What can fail returns a negative errno, and not less than zero otherwise.
 *   errno itself means nothing afterwards.  Which errno means what is in the
 *   manual pages; xgm_strerror() and xgm_explain() have it as text.
 * - Thread-safe: nothing is kept between calls.  No thread is started, no
 *   signal is blocked, nothing is printed, no function ends the process.
 * - Descriptors are made with close-on-exec set.
 * - Addresses, offsets and lengths are in bytes and multiples of 4096.
 * - A call that a signal interrupts returns -EINTR; it is not repeated.
 * - A pointer that is described as a result may be NULL if it is not wanted.
 *
 * Structures that may grow are passed with their size, as the caller knows it:
 * a program that was built with this header works with later libraries and
 * kernels, and with earlier ones as long as it uses nothing new.
 */
#ifndef XENGPUMEM_H
#define XENGPUMEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xen/gpumem.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of this header; xgm_version() is that of the library. */
#define XGM_VERSION_MAJOR	1
#define XGM_VERSION_MINOR	0
#define XGM_VERSION		((XGM_VERSION_MAJOR << 16) | XGM_VERSION_MINOR)

#define XGM_NODE		"/dev/xen/gpumem"
/* Where a backend finds the number of its domain fd. */
#define XGM_ENV_FD		"XEN_GPUMEM_FD"
/* Where a program that `xen-gpumem export` starts finds that of a dma-buf. */
#define XGM_ENV_DMABUF		"XEN_GPUMEM_DMABUF"

/**
 * xgm_version - version of the library
 *
 * Return: (major << 16) | minor
 */
uint32_t xgm_version(void);

/* --- descriptors: xgm_domain(3) -------------------------------------------- */

/**
 * struct xgm_limits - what a domain fd is made with
 * @size: sizeof(struct xgm_limits)
 * @rights: XEN_GPUMEM_RIGHT_* bits, at least one
 * @max_windows: zero: no limit of its own, as with those that follow
 * @max_bindings: bindings
 * @max_bytes: bytes in all its bindings
 * @ranges: where rights may be used, or NULL
 * @nr_ranges: length of @ranges, at most XEN_GPUMEM_MAX_RANGES
 * @max_exports: buffers exported at a time
 * @max_export_bytes: bytes in them
 * @generation: xgm_domain_open(): the generation that is expected, or zero
 * @max_grants: grant references for dma-bufs at a time
 * @pad: zero
 */
struct xgm_limits {
	uint32_t size;
	uint32_t rights;
	uint32_t max_windows;
	uint32_t max_bindings;
	uint64_t max_bytes;
	const struct xen_gpumem_range *ranges;
	uint32_t nr_ranges;
	uint32_t max_exports;
	uint64_t max_export_bytes;
	uint64_t generation;
	uint32_t max_grants;
	uint32_t pad;
};

/* Open the device node, which is root's alone by default. */
int xgm_node_open(void);

/*
 * Make a domain fd.  @limits may be NULL: the right to lend, without limits.
 * @generation: a result.
 */
int xgm_domain_open(int node, uint16_t domid, const struct xgm_limits *limits,
		    uint64_t *generation);

/* Make one that may do less than @fd, or the same. */
int xgm_domain_derive(int fd, const struct xgm_limits *limits);

/*
 * Take over a descriptor that came from elsewhere: see that it is a domain fd,
 * and set close-on-exec.  -ENOTTY: it is something else.
 */
int xgm_domain_adopt(int fd);

/*
 * Find the one that a parent has left, by the environment variable @name, or
 * XGM_ENV_FD if that is NULL, and adopt it.  Return: its number; -ENOENT the
 * variable is not set; -EINVAL it is no number; or as xgm_domain_adopt().
 * Not while another thread changes the environment.
 */
int xgm_domain_from_env(const char *name);

/* XEN_GPUMEM_INFO, on the node or a domain fd.  @size: sizeof(*@info) */
int xgm_info(int fd, struct xen_gpumem_info *info, size_t size);

/* --- windows: xgm_window(3) ------------------------------------------------ */

/*
 * Reserve guest addresses.  @gpa: or XEN_GPUMEM_PARKED.  @hole_policy:
 * XEN_GPUMEM_POLICY_*.  @window: the id, a result that must be wanted.
 */
int xgm_window_add(int fd, uint64_t gpa, uint64_t length, uint32_t hole_policy,
		   uint32_t *window);
int xgm_window_remove(int fd, uint32_t window);
/* To another address; bindings stay. */
int xgm_window_move(int fd, uint32_t window, uint64_t gpa);
/* To no address. */
int xgm_window_park(int fd, uint32_t window);

/* --- bindings: xgm_bind(3) ------------------------------------------------- */

/*
 * Put addresses of this process behind a part of a window.  @flags:
 * XEN_GPUMEM_BIND_*.  @fail_policy: XEN_GPUMEM_POLICY_INJECT or _ZERO.
 */
int xgm_bind(int fd, uint32_t window, uint64_t offset, uint64_t length,
	     const volatile void *address, uint32_t flags,
	     uint32_t fail_policy);
/* Put a part of a file or dma-buf there. */
int xgm_bind_fd(int fd, uint32_t window, uint64_t offset, uint64_t length,
		int source, uint64_t source_offset, uint32_t flags,
		uint32_t fail_policy);
int xgm_unbind(int fd, uint32_t window, uint64_t offset, uint64_t length);
/*
 * Give the guest pages in advance.  @flags: XEN_GPUMEM_POPULATE_*.  @done: bytes
 * done, a result, also of a call that fails.
 */
int xgm_populate(int fd, uint32_t window, uint64_t offset, uint64_t length,
		 uint32_t flags, uint64_t *done);

/* --- exports: xgm_export(3) ------------------------------------------------ */

/*
 * Make a dma-buf of pages that the guest has granted to this domain, in the
 * order of their references.  @flags: XEN_GPUMEM_EXPORT_*.  @id: a result, by
 * which xgm_export_revoke() and _query() know it on this fd.  @failed: a result,
 * also of a call that fails: the index of the reference that was the cause, or
 * not less than @count if none was.  Return: the dma-buf, close-on-exec.
 */
int xgm_export_grants(int fd, const uint32_t *refs, uint32_t count,
		      uint32_t flags, uint32_t *id, uint32_t *failed);
/*
 * Make one of the pages that are at guest addresses now.  @failed: counted in
 * pages, through all of the ranges.
 */
int xgm_export_frames(int fd, const struct xen_gpumem_frames *ranges,
		      uint32_t nr_ranges, uint32_t flags, uint32_t *id,
		      uint32_t *failed);
/*
 * Take the memory from all who use the dma-buf, whoever has it now, and give it
 * back to the guest.  Waits for those who have it mapped and for devices at work:
 * for export_revoke_ms of the module, 10 s, at most.
 */
int xgm_export_revoke(int fd, uint32_t id);
/* XEN_GPUMEM_EXPORT_QUERY.  @size: sizeof(*@query) */
int xgm_export_query(int fd, uint32_t id,
		     struct xen_gpumem_export_query *query, size_t size);
/* The same of the first one whose id is larger; -ENOENT: there is none. */
int xgm_export_next(int fd, uint32_t id,
		    struct xen_gpumem_export_query *query, size_t size);

/* --- grants: xgm_grant(3) -------------------------------------------------- */

/*
 * Give the fd's guest references for @count pages of a dma-buf of the host's,
 * from its byte @offset on, to be mapped by the guest itself.  The buffer is held
 * in place.  @flags: XEN_GPUMEM_GRANT_*.  @refs: room for @count, a result that
 * must be wanted.  @id: a result, for the release on this fd.  @failed: a result,
 * also of a call that fails: the index of the page that was the cause, or not
 * less than @count if none was.
 */
int xgm_grant(int fd, int dmabuf, uint64_t offset, uint32_t count,
	      uint32_t flags, uint32_t *refs, uint32_t *id, uint32_t *failed);
/*
 * Take references back, and wait @wait_ms milliseconds, at most
 * XEN_GPUMEM_GRANT_MAX_WAIT_MS, for those that the guest has mapped.  @left: a
 * result, also of a call that fails: how many that still are.
 */
int xgm_grant_release(int fd, uint32_t id, uint32_t wait_ms, uint32_t *left);

/* --- events: xgm_event(3) -------------------------------------------------- */

/* Milliseconds; negative: for ever.  Return: 1 there is something to read, 0 not */
int xgm_event_wait(int fd, int timeout_ms);

/*
 * Read as many whole records as there are and fit; waits for one unless the
 * descriptor is non-blocking (-EAGAIN).  Return: bytes; 0: no more will come.
 */
ssize_t xgm_event_read(int fd, void *buf, size_t size);

/*
 * Take the record at *@pos, which begins at 0, out of @len bytes that were read.
 * @event: what @size has room for, with zeroes for what the kernel did not say.
 * Return: 1; 0 at the end; -EBADMSG these are no records.
 */
int xgm_event_next(const void *buf, size_t len, size_t *pos,
		   struct xen_gpumem_event *event, size_t size);

/*
 * Wait for one record and read it, whatever its length.  Return: 1; 0: no more
 * will come; -ETIMEDOUT.  One thread at a time: another that reads may take the
 * record, and this one then waits for the next.
 */
int xgm_event_get(int fd, struct xen_gpumem_event *event, size_t size,
		  int timeout_ms);

/* In words, as snprintf(). */
int xgm_event_format(const struct xen_gpumem_event *event, char *buf,
		     size_t size);

/* --- counters: xgm_query(3) ------------------------------------------------ */

/* XEN_GPUMEM_WINDOW_QUERY.  @length: zero: to the end.  @size: sizeof(*@query) */
int xgm_window_query(int fd, uint32_t window, uint64_t offset, uint64_t length,
		     struct xen_gpumem_window_query *query, size_t size);

#define XGM_NO_LIMIT		UINT64_MAX

/* How much of something a fd uses, those derived from it included. */
struct xgm_use {
	uint64_t used;
	uint64_t limit;			/* or XGM_NO_LIMIT */
};

/**
 * struct xgm_usage - what /proc tells about a domain fd
 * @size: sizeof(struct xgm_usage), set by the library
 * @domid: the guest
 * @alive: it has not been seen to be gone
 * @rights: XEN_GPUMEM_RIGHT_* bits
 * @ranges: how many hold its rights together
 * @events: records that can be read
 * @generation: of the guest
 * @windows: that it has added
 * @bindings: in them
 * @bytes: in those
 * @exports: buffers
 * @export_bytes: bytes in those
 * @grants: grant references for dma-bufs
 */
struct xgm_usage {
	uint32_t size;
	uint16_t domid;
	uint16_t alive;
	uint32_t rights;
	uint32_t ranges;
	uint32_t events;
	uint32_t pad;
	uint64_t generation;
	struct xgm_use windows;
	struct xgm_use bindings;
	struct xgm_use bytes;
	struct xgm_use exports;
	struct xgm_use export_bytes;
	struct xgm_use grants;
};

/* Of a fd of this process.  -ENOTTY: no domain fd; or no /proc (-ENOENT) */
int xgm_usage_get(int fd, struct xgm_usage *usage, size_t size);
/* Of any, from the text of /proc/PID/fdinfo/FD.  -ENOTTY: no domain fd's */
int xgm_usage_parse(const char *text, struct xgm_usage *usage, size_t size);

/* --- names: xgm_name(3) ---------------------------------------------------- */

/*
 * Constant strings; NULL for what has no name here.  @err may have either sign.
 */
const char *xgm_errno_name(int err);
const char *xgm_policy_name(uint32_t policy);
const char *xgm_event_name(uint32_t type);
/* XEN_GPUMEM_POLICY_* or -EINVAL */
int xgm_policy_parse(const char *name);

/* Sets of bits, as "lend,remove"; unknown ones in hexadecimal.  As snprintf(). */
int xgm_rights_format(uint32_t rights, char *buf, size_t size);
int xgm_access_format(uint32_t access, char *buf, size_t size);
int xgm_features_format(uint64_t features, char *buf, size_t size);
int xgm_export_flags_format(uint32_t flags, char *buf, size_t size);
int xgm_export_state_format(uint32_t state, char *buf, size_t size);
/* -EINVAL: one is unknown, or there is none */
int xgm_rights_parse(const char *names, uint32_t *rights);

/* --- errors: xgm_strerror(3) ----------------------------------------------- */

/* Names of calls, and of what else has errors. */
enum xgm_call {
	XGM_CALL_NODE_OPEN = 1,
	XGM_CALL_INFO,
	XGM_CALL_DOMAIN_OPEN,
	XGM_CALL_DOMAIN_DERIVE,
	XGM_CALL_DOMAIN_ADOPT,
	XGM_CALL_WINDOW_ADD,
	XGM_CALL_WINDOW_REMOVE,
	XGM_CALL_WINDOW_MOVE,
	XGM_CALL_WINDOW_QUERY,
	XGM_CALL_BIND,
	XGM_CALL_BIND_FD,
	XGM_CALL_UNBIND,
	XGM_CALL_POPULATE,
	XGM_CALL_EVENT_READ,
	XGM_CALL_EVENT,		/* struct xen_gpumem_event.error of a FAULT */
	XGM_CALL_EXPORT_GRANTS,
	XGM_CALL_EXPORT_FRAMES,
	XGM_CALL_EXPORT_REVOKE,
	XGM_CALL_EXPORT_QUERY,
	XGM_CALL_GRANT,
	XGM_CALL_GRANT_RELEASE,
};

/*
 * What an error of a call means, all causes of it: a constant string, never
 * NULL.  @err may have either sign.
 */
const char *xgm_strerror(enum xgm_call call, int err);

/**
 * struct xgm_attempt - a call that failed, for xgm_explain()
 * @size: sizeof(struct xgm_attempt)
 * @call: enum xgm_call
 * @window: id
 * @flags: of BIND, POPULATE, the calls of export and GRANT; EVENT: those of
 *	the binding
 * @policy: of WINDOW_ADD and BIND
 * @source: BIND_FD: the file; GRANT: the dma-buf
 * @gpa: guest address
 * @offset: in the window; POPULATE: where it stopped; GRANT: in the buffer
 * @length: bytes
 * @address: BIND; BIND_FD: in the file; POPULATE, EVENT: what is bound at
 *	@offset, or zero if that is not known
 * @domid: DOMAIN_OPEN
 * @limits: DOMAIN_OPEN and _DERIVE
 * @id: EXPORT_REVOKE, EXPORT_QUERY and GRANT_RELEASE: which
 * @count: EXPORT_GRANTS: references; EXPORT_FRAMES: ranges; GRANT: pages;
 *	GRANT_RELEASE: those that are left, as the call has stored it
 * @failed: EXPORT_GRANTS, EXPORT_FRAMES and GRANT: what the call has stored
 *	there
 * @refs: EXPORT_GRANTS
 * @frames: EXPORT_FRAMES
 */
struct xgm_attempt {
	uint32_t size;
	uint32_t call;
	uint32_t window;
	uint32_t flags;
	uint32_t policy;
	int32_t source;
	uint64_t gpa;
	uint64_t offset;
	uint64_t length;
	uint64_t address;
	uint32_t domid;
	uint32_t pad;
	const struct xgm_limits *limits;
	uint32_t id;
	uint32_t count;
	uint32_t failed;
	uint32_t pad2;
	const uint32_t *refs;
	const struct xen_gpumem_frames *frames;
};

/*
 * Find out which of an error's causes it was, as far as that can be seen
 * afterwards: by looking at the arguments, by queries on @fd, by what /proc and
 * /sys tell.  Changes nothing.  What it cannot tell apart it lists.  As
 * snprintf(); -EINVAL @attempt is malformed.
 *
 * For people: the text may change with any version.  What it looked at may have
 * changed since, and others may be changing it.
 */
int xgm_explain(int fd, const struct xgm_attempt *attempt, int err, char *buf,
		size_t size);

#ifdef __cplusplus
}
#endif

#endif /* XENGPUMEM_H */
