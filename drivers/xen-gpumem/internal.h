/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's objects, and the order of its locks.
 *
 *   gpumem_file     a domain fd: rights and limits of those who hold it
 *     gpumem_ctx    an attachment to one guest, shared by all its fds
 *       gpumem_window     guest addresses; owned by the fd that added it
 *         gpumem_binding  a process's addresses behind a part of a window
 *
 * Every object points to the one that it lives in and holds a reference to it;
 * the way down is by lookup under a lock.  A reference keeps memory, not
 * function: an object that was taken out of its place is *dead*, and whoever
 * still holds it finds that out under the object's own lock.
 *
 * Locks, outermost first:
 *
 *   gpumem_ctx_lock        the list of contexts; attach and detach
 *   mmap_lock, dma_resv, i_mmap_rwsem, ...   of the kernel, never taken while
 *                          one of those below is held
 *   gpumem_window.lock     which binding is where; lookup for a fault waits on
 *                          it, so that a replacement is never seen half done
 *   gpumem_binding.lock    what of a binding the guest has; taken by the MMU
 *                          notifier with reclaim on the stack, thus nothing is
 *                          allocated under it, nor under gpumem_window.lock,
 *                          outside of which nothing waits for it but ioctls
 *                          and fault workers
 *     hypercalls; folio_mark_dirty()
 *
 * What no call may ever wait for is a vCPU, and a page of a process: the
 * process that has to supply the page may be the one that calls.  Thus a fault
 * worker resolves addresses with no lock of ours held, only references, and
 * nobody waits for a fault worker.
 *
 * The invariant that everything serves:
 *
 *   If the guest can reach a page through a binding, the page's bit in
 *   gpumem_binding.lent is set, and the page was mapped at that address in the
 *   process when no invalidation of the address was under way, and none has
 *   been completed since.
 */
#ifndef _XEN_GPUMEM_INTERNAL_H
#define _XEN_GPUMEM_INTERNAL_H

#include <linux/atomic.h>
#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <xen/gpumem.h>

#include "extent.h"
#include "hv.h"

/* Records fetched by one poll. */
#define GPUMEM_POLL_RECORDS	32

/* Zero pages that a window can hold lent at a time; the oldest one yields. */
#define GPUMEM_ZERO_LEASES	64

/* struct gpumem_slice.prot */
#define GPUMEM_PROT_VALID	(1U << 0)	/* there is a page */
#define GPUMEM_PROT_WRITE	(1U << 1)	/* the process can write it now */
#define GPUMEM_PROT_NC		(1U << 2)	/* not mapped write-back */
#define GPUMEM_PROT_PAGE	(1U << 3)	/* ordinary: has a struct page */
#define GPUMEM_PROT_IO		(1U << 4)	/* device memory */

/**
 * struct gpumem_slice - what was found behind some pages of a binding
 * @first: slot of the first page
 * @nr: pages, at most GPUMEM_SLICE_PAGES; never crosses a vma
 * @want: first of the pages that must be supplied, counted from @first
 * @nr_want: how many must be; the others are taken if they are at hand
 * @write: those must be writable
 * @force: map even what the guest should have already
 * @woken: OUT: all wanted pages were given to the guest by this very batch
 * @seq: sequence number of the notifier for which all this holds
 * @pfn: page frames, valid where @prot says so
 * @frame: the same, as the hypervisor counts
 * @prot: GPUMEM_PROT_*
 * @batch: scratch
 *
 * Too large for a stack; each job and each populating call has its own.
 */
struct gpumem_slice {
	unsigned long first;
	unsigned int nr;
	unsigned int want;
	unsigned int nr_want;
	bool write;
	bool force;
	bool woken;
	unsigned long seq;
	unsigned long pfn[GPUMEM_SLICE_PAGES];
	u64 frame[GPUMEM_SLICE_PAGES];
	u8 prot[GPUMEM_SLICE_PAGES];
	struct gpumem_batch batch;
};

/* Jobs of a vCPU: one, and one more for when that sleeps over a lost cause. */
#define GPUMEM_VCPU_JOBS	2

/**
 * struct gpumem_job - what serves a fault
 * @vcpu: whose
 * @work: runs gpumem_job_work(); while @busy, holds a reference to the context
 * @busy: it has a fault; by gpumem_vcpu.lock
 * @fault: the fault; by gpumem_vcpu.lock, constant while @busy
 * @slice: of @work alone, as what follows; allocated with the first fault
 * @window: where it faulted last,
 * @index: likewise,
 * @repeats: how often in a row without getting on,
 * @stuck: and how often of those because something was in the way
 */
struct gpumem_job {
	struct gpumem_vcpu *vcpu;
	struct work_struct work;
	bool busy;
	struct gpumem_hv_fault fault;
	struct gpumem_slice *slice;
	u32 window;
	u64 index;
	unsigned int repeats;
	unsigned int stuck;
};

/**
 * struct gpumem_vcpu - where faults of one vCPU are served
 * @ctx: the guest
 * @lock: protects what follows, as far as it says so; a leaf
 * @pending: @fault came while all jobs were busy
 * @fault: the newest fault, if it is pending
 * @jobs: what serves them
 */
struct gpumem_vcpu {
	struct gpumem_ctx *ctx;
	spinlock_t lock;
	bool pending;
	struct gpumem_hv_fault fault;
	struct gpumem_job jobs[GPUMEM_VCPU_JOBS];
};

/**
 * struct gpumem_ctx - an attachment to one guest
 * @dom: the hypervisor's part; names the guest
 * @ref: keeps the memory; held by fds, windows and busy jobs
 * @link: in gpumem_ctxs, by gpumem_ctx_lock, or, once no fd is left, in
 *	gpumem_ctxs_closed, by gpumem_closed_lock
 * @users: fds, by gpumem_ctx_lock.  The last one detaches
 * @serial: tells contexts apart that follow each other at one address
 * @dead: the guest is gone; set once
 * @info: limits, constant
 * @windows: by id; its own lock
 * @wq: where faults of this guest are served, so that a guest with many vCPUs
 *	never delays another
 * @poll: fetches faults
 * @free: the end
 * @faults: scratch of @poll
 * @vcpus: @info.max_faults of them
 */
struct gpumem_ctx {
	struct gpumem_hv_dom dom;
	struct kref ref;
	struct list_head link;
	unsigned int users;
	u64 serial;
	bool dead;
	struct gpumem_hv_info info;
	struct xarray windows;
	struct workqueue_struct *wq;
	struct work_struct poll;
	struct work_struct free;
	struct gpumem_hv_fault faults[GPUMEM_POLL_RECORDS];
	struct gpumem_vcpu *vcpus;
};

/**
 * struct gpumem_file - a domain fd
 * @ctx: the guest
 * @rights: XEN_GPUMEM_RIGHT_*, constant
 * @max_windows: limit, constant, as the following
 * @max_bindings: limit
 * @max_bytes: limit
 * @lock: protects what follows
 * @windows: in use
 * @bindings: in use
 * @bytes: in use
 */
struct gpumem_file {
	struct gpumem_ctx *ctx;
	u32 rights;
	u32 max_windows;
	u32 max_bindings;
	u64 max_bytes;
	spinlock_t lock;
	u32 windows;
	u32 bindings;
	u64 bytes;
};

/* Counters of a window, see struct xen_gpumem_window_query. */
struct gpumem_stats {
	atomic64_t faults;
	atomic64_t failed;
	atomic64_t retries;
	atomic64_t mapped;
	atomic64_t revokes;
	atomic64_t revoked;
	atomic64_t downgraded;
	atomic64_t revoke_ns_max;
	atomic64_t fault_ns_max;
};

/**
 * struct gpumem_window - a range of guest addresses
 * @ref: keeps the memory
 * @ctx: the guest; holds a reference
 * @file: the fd that owns it.  Compared, never followed
 * @id: the hypervisor's number for it
 * @hole_policy: XEN_GPUMEM_POLICY_* where nothing is bound
 * @nr: pages
 * @stats: counters
 * @lock: protects what follows
 * @dead: removed: nothing more may be lent through it
 * @gfn: address, or GPUMEM_HV_PARKED
 * @bindings: tree of bindings by index; they do not overlap
 * @zeros: indices where the zero page is lent, a ring
 * @zeros_first: oldest of them
 * @zeros_nr: how many
 * @zeros_work: takes them back after a while; holds a reference while queued
 */
struct gpumem_window {
	struct kref ref;
	struct gpumem_ctx *ctx;
	struct gpumem_file *file;
	u32 id;
	u32 hole_policy;
	u64 nr;
	struct gpumem_stats stats;

	struct mutex lock;
	bool dead;
	u64 gfn;
	struct rb_root_cached bindings;
	u64 zeros[GPUMEM_ZERO_LEASES];
	unsigned int zeros_first;
	unsigned int zeros_nr;
	struct delayed_work zeros_work;
};

/**
 * struct gpumem_binding - addresses of a process behind a part of a window
 * @ref: keeps the memory
 * @window: where it is; holds a reference
 * @mm: the process; holds mm_count, never mm_users, or a process that has the
 *	fd open would never go away
 * @notifier: from insertion to gpumem_binding_destroy()
 * @address: first address
 * @nr: pages
 * @flags: XEN_GPUMEM_BIND_*
 * @fail_policy: XEN_GPUMEM_POLICY_*
 * @node: in gpumem_window.bindings; .start is the first index
 * @link: in a list of those that are being taken out
 * @lock: innermost, see above; protects what follows
 * @dead: taken out: nothing more may be lent through it
 * @lent: pages that the guest may have.  More than it has is harmless
 * @writable: of them, those that it may be able to write
 * @io: of them, those in device memory; for the count only
 * @nc: of them, those that it has noncacheable
 */
struct gpumem_binding {
	struct kref ref;
	struct gpumem_window *window;
	struct mm_struct *mm;
	struct mmu_interval_notifier notifier;
	unsigned long address;
	unsigned long nr;
	u32 flags;
	u32 fail_policy;
	struct interval_tree_node node;
	struct list_head link;

	struct mutex lock;
	bool dead;
	unsigned long *lent;
	unsigned long *writable;
	unsigned long *io;
	unsigned long *nc;
};

/* domain.c */
int gpumem_domain_init(void);
void gpumem_domain_exit(void);
struct gpumem_ctx *gpumem_ctx_open(u16 domid, u64 generation);
void gpumem_ctx_close(struct gpumem_ctx *ctx);
void gpumem_ctx_put(struct gpumem_ctx *ctx);
int gpumem_ctx_error(struct gpumem_ctx *ctx, int err);

static inline struct gpumem_ctx *gpumem_ctx_get(struct gpumem_ctx *ctx)
{
	kref_get(&ctx->ref);
	return ctx;
}

static inline bool gpumem_ctx_is_dead(const struct gpumem_ctx *ctx)
{
	return READ_ONCE(ctx->dead);
}

/* main.c */
int gpumem_file_charge(struct gpumem_file *file, u32 windows, u32 bindings,
		       u64 bytes);
void gpumem_file_uncharge(struct gpumem_file *file, u32 windows, u32 bindings,
			  u64 bytes);
extern unsigned int gpumem_fault_around;
extern unsigned int gpumem_max_bindings;
extern unsigned int gpumem_max_binding_mib;

/* window.c */
struct gpumem_window *gpumem_window_find(struct gpumem_ctx *ctx, u32 id);
struct gpumem_window *gpumem_window_get_owned(struct gpumem_file *file, u32 id);
void gpumem_window_put(struct gpumem_window *window);
void gpumem_window_revoke(struct gpumem_window *window, u64 index, u64 nr,
			  bool downgrade);
void gpumem_window_remove_all(struct gpumem_file *file);
int gpumem_window_range(const struct gpumem_window *window, u64 offset,
			u64 length, u64 *index, u64 *nr);
struct gpumem_binding *gpumem_window_lookup(struct gpumem_window *window,
					    u64 index);
int gpumem_window_add(struct gpumem_file *file, void *arg);
int gpumem_window_remove(struct gpumem_file *file, void *arg);
int gpumem_window_move(struct gpumem_file *file, void *arg);
int gpumem_window_query(struct gpumem_file *file, void *arg);

static inline void gpumem_stat_max(atomic64_t *stat, u64 value)
{
	s64 old = atomic64_read(stat);

	while ((s64)value > old && !atomic64_try_cmpxchg(stat, &old, value))
		;
}

/* bind.c */
int gpumem_bind(struct gpumem_file *file, void *arg);
int gpumem_unbind(struct gpumem_file *file, void *arg);
void gpumem_bindings_take(struct gpumem_window *window, u64 index, u64 nr,
			  struct list_head *taken);
void gpumem_bindings_destroy(struct gpumem_file *file, struct list_head *taken);

/* binding.c */
struct gpumem_binding *
gpumem_binding_create(struct gpumem_window *window,
		      const struct xen_gpumem_bind *cmd);
void gpumem_binding_put(struct gpumem_binding *binding);
void gpumem_binding_destroy(struct gpumem_binding *binding);
void gpumem_binding_forget(struct gpumem_binding *binding, unsigned long first,
			   unsigned long nr);
void gpumem_binding_revoke(struct gpumem_binding *binding, unsigned long first,
			   unsigned long nr, bool downgrade);
int gpumem_binding_commit(struct gpumem_binding *binding,
			  struct gpumem_slice *slice);
int gpumem_binding_map_zero(struct gpumem_binding *binding, unsigned long slot,
			    u64 frame);
void gpumem_binding_reset(struct gpumem_binding *binding);

/* fault.c */
void gpumem_vcpu_init(struct gpumem_vcpu *vcpu, struct gpumem_ctx *ctx);
void gpumem_vcpu_fini(struct gpumem_vcpu *vcpu);
void gpumem_vcpu_fault(struct gpumem_vcpu *vcpu,
		       const struct gpumem_hv_fault *fault);
void gpumem_faults_retry(struct gpumem_window *window, u64 index, u64 nr);

/* supply.c */
int gpumem_supply(struct gpumem_binding *binding, struct gpumem_slice *slice,
		  unsigned long slot, unsigned int nr_want, bool write);
struct gpumem_binding *gpumem_binding_find(struct gpumem_window *window,
					   u64 index);
int gpumem_populate(struct gpumem_file *file, void *arg);

/* zero.c */
int gpumem_zero_init(void);
void gpumem_zero_exit(void);
void gpumem_zero_setup(struct gpumem_window *window);
int gpumem_zero_lend(struct gpumem_window *window, u64 index);
void gpumem_zero_drop(struct gpumem_window *window, u64 index, u64 nr);
void gpumem_zero_stop(struct gpumem_window *window);

/* resolve.c */
int gpumem_resolve(struct gpumem_binding *binding, struct gpumem_slice *slice);
void gpumem_page_lent(unsigned long pfn, bool write);

#endif /* _XEN_GPUMEM_INTERNAL_H */
