/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's objects, and the order of its locks.
 *
 *   gpumem_file     a domain fd: rights and limits of those who hold it
 *     gpumem_ctx    an attachment to one guest, shared by all its fds
 *       gpumem_window     guest addresses; owned by the fd that added it
 *         gpumem_binding  a process's addresses behind a part of a window
 *   gpumem_server   what serves the faults in one fd's windows; the fd's
 *     gpumem_vcpu   the same for one vCPU
 *       gpumem_job  a work item
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
 *     gpumem_ctx.files_lock, gpumem_events.lock, gpumem_ctx.usage_lock,
 *     gpumem_vcpu.lock                                               leaves
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
#include <linux/fs.h>
#include <linux/interval_tree.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <xen/gpumem.h>

#include "extent.h"
#include "hv.h"

struct dma_buf;
struct gpumem_mapping;

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
#define GPUMEM_PROT_LARGE	(1U << 5)	/* part of a leaf of 2 MiB or more */

/**
 * struct gpumem_slice - what was found behind some pages of a binding
 * @first: slot of the first page
 * @nr: pages, at most GPUMEM_SLICE_PAGES; never crosses a vma
 * @want: first of the pages that must be supplied, counted from @first
 * @nr_want: how many must be; the others are taken if they are at hand
 * @write: those must be writable
 * @force: map even what the guest should have already
 * @around: pages to be looked at together with a single one
 * @ahead: of them only those that follow, which the guest wants next
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
	unsigned int around;
	bool ahead;
	bool woken;
	unsigned long seq;
	unsigned long pfn[GPUMEM_SLICE_PAGES];
	u64 frame[GPUMEM_SLICE_PAGES];
	u8 prot[GPUMEM_SLICE_PAGES];
	struct gpumem_batch batch;
};

/*
 * Jobs of a vCPU in the windows of one fd: one, and one more for when that
 * sleeps over a lost cause.
 */
#define GPUMEM_VCPU_JOBS	2

/**
 * struct gpumem_job - what serves a fault
 * @vcpu: whose
 * @work: runs gpumem_job_work(); while @busy, holds a reference to the fd
 * @busy: it has a fault; by gpumem_vcpu.lock
 * @fault: the fault; by gpumem_vcpu.lock, constant while @busy
 * @slice: of @work alone, as what follows; allocated with the first fault
 * @window: where it faulted last,
 * @index: likewise,
 * @repeats: how often in a row without getting on,
 * @stuck: and how often in a row because something was in the way
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
 * struct gpumem_vcpu - where faults of one vCPU in one fd's windows are served
 * @server: whose
 * @lock: protects what follows, as far as it says so; a leaf
 * @window: window of the newest fault that was served
 * @next: page after those that were looked at for it: see gpumem_vcpu_around()
 * @around: how many these were
 * @pending: @fault came while all jobs were busy
 * @fault: the newest fault, if it is pending
 * @jobs: what serves them
 */
struct gpumem_vcpu {
	struct gpumem_server *server;
	spinlock_t lock;
	u32 window;
	u64 next;
	unsigned int around;
	bool pending;
	struct gpumem_hv_fault fault;
	struct gpumem_job jobs[GPUMEM_VCPU_JOBS];
};

/**
 * struct gpumem_server - what serves the faults in one fd's windows
 * @file: the fd, which it lives as long as
 * @memcg: what its jobs allocate is charged to; holds a reference
 * @wq: where they run.  The fd's own, so that one with many sleepers never
 *	delays another
 * @nr: vCPUs of the guest
 * @vcpus: by number
 */
struct gpumem_server {
	struct gpumem_file *file;
	struct mem_cgroup *memcg;
	struct workqueue_struct *wq;
	unsigned int nr;
	struct gpumem_vcpu vcpus[] __counted_by(nr);
};

/* What fds and their children are limited in; struct gpumem_usage.n */
enum {
	GPUMEM_USE_WINDOWS,
	GPUMEM_USE_BINDINGS,
	GPUMEM_USE_BYTES,		/* in bindings */
	GPUMEM_USE_EXPORTS,
	GPUMEM_USE_EXPORT_BYTES,
	GPUMEM_USE_GRANTS,		/* references */
	GPUMEM_USE_FDS,			/* derived, as long as in memory */
	GPUMEM_USE_NR,
};

struct gpumem_usage {
	u64 n[GPUMEM_USE_NR];
};

/* Slot i counts what took less than 1024 << i ns; the last one, all else. */
#define GPUMEM_TIME_SLOTS	24

/* How long something took, how often. */
struct gpumem_time {
	atomic64_t max;
	atomic64_t slots[GPUMEM_TIME_SLOTS];
};

/* Counters of a window, or of several: see struct xen_gpumem_window_query. */
struct gpumem_stats {
	atomic64_t faults;
	atomic64_t failed;
	atomic64_t retries;
	atomic64_t mapped;
	atomic64_t revokes;
	atomic64_t revoked;
	atomic64_t downgraded;
	struct gpumem_time revoke_time;
	struct gpumem_time fault_time;
};

/**
 * struct gpumem_ctx - an attachment to one guest
 * @dom: the hypervisor's part; names the guest
 * @ref: keeps the memory; held by fds and windows
 * @link: in gpumem_ctxs, by gpumem_ctx_lock, or, once no fd is left, in
 *	gpumem_ctxs_closed, by gpumem_closed_lock
 * @users: fds, by gpumem_ctx_lock.  The last one detaches
 * @attached: it is an attachment; else it only names the guest, for fds that
 *	lend nothing.  Constant
 * @serial: tells contexts apart that follow each other at one address
 * @exports: exports and grants, which keep the memory for as long as somebody
 *	likes
 * @looked: the turn of the watch over grants that asked for the guest last;
 *	the watch's alone, as what follows
 * @lost: it was not told that it is still that guest
 * @dead: the guest is gone; set once
 * @files_lock: protects @files; a leaf but for wake-ups
 * @files: open fds, to be told
 * @usage_lock: protects gpumem_file.used of all fds; a leaf
 * @debugfs: its directory there
 * @gone: counters of windows that are no more, together
 * @info: limits, constant
 * @windows: by id; its own lock
 * @wq: of this guest, for what never sleeps over a process's memory
 * @poll: fetches faults
 * @free: the end
 * @faults: scratch of @poll
 */
struct gpumem_ctx {
	struct gpumem_hv_dom dom;
	struct kref ref;
	struct list_head link;
	unsigned int users;
	bool attached;
	u64 serial;
	atomic_t exports;
	unsigned int looked;
	bool lost;
	bool dead;
	spinlock_t files_lock;
	struct list_head files;
	spinlock_t usage_lock;
	struct dentry *debugfs;
	struct gpumem_stats gone;
	struct gpumem_hv_info info;
	struct xarray windows;
	struct workqueue_struct *wq;
	struct work_struct poll;
	struct work_struct free;
	struct gpumem_hv_fault faults[GPUMEM_POLL_RECORDS];
};

/* Events that a fd keeps. */
#define GPUMEM_EVENTS		64

/**
 * struct gpumem_events - what a fd's holder has not read yet
 * @lock: protects what follows; a leaf but for wake-ups
 * @wait: readers
 * @first: oldest record in @ring
 * @nr: records in @ring.  The last place is kept for an OVERFLOW
 * @reading: the oldest one is on its way out: nothing is added to it any more
 * @told: that the guest is gone
 * @reader: serialises readers; taken first
 * @ring: the records
 */
struct gpumem_events {
	spinlock_t lock;
	wait_queue_head_t wait;
	unsigned int first;
	unsigned int nr;
	bool reading;
	bool told;
	struct mutex reader;
	struct xen_gpumem_event ring[GPUMEM_EVENTS];
};

/**
 * struct gpumem_file - a domain fd
 * @ref: keeps the memory; held by the open file, children, windows, exports,
 *	grants, busy jobs
 * @ctx: the guest; holds a reference to its memory, and until the release is
 *	one of its users
 * @parent: the fd that this one was derived from, or NULL; holds a reference
 * @link: in gpumem_ctx.files, from the fd's making to its release
 * @depth: parents up to the first
 * @counted: against what its parents may have derived
 * @rights: XEN_GPUMEM_RIGHT_*, constant
 * @nr_ranges: length of @ranges
 * @ranges: where rights may be used: sorted, adjoining ones made one; constant
 * @max: limits, constant
 * @used: what of them is used, by children too; by gpumem_ctx.usage_lock
 * @server: serves the faults in its windows; set once, with the first window
 * @free: the end, where there is a @server
 * @exports: struct gpumem_export by id; its own lock
 * @next_export: next id, by the lock of @exports
 * @grants: struct gpumem_grant by id; its own lock
 * @next_grant: next id, by the lock of @grants
 * @events: to be read
 */
struct gpumem_file {
	struct kref ref;
	struct gpumem_ctx *ctx;
	struct gpumem_file *parent;
	struct list_head link;
	unsigned int depth;
	bool counted;
	u32 rights;
	unsigned int nr_ranges;
	struct xen_gpumem_range *ranges;
	struct gpumem_usage max;
	struct gpumem_usage used;
	struct gpumem_server *server;
	struct work_struct free;
	struct xarray exports;
	u32 next_export;
	struct xarray grants;
	u32 next_grant;
	struct gpumem_events events;
};

/**
 * struct gpumem_window - a range of guest addresses
 * @ref: keeps the memory
 * @ctx: the guest; holds a reference
 * @file: the fd that owns it; holds a reference
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
 * @notifier: from insertion to gpumem_binding_end()
 * @address: first address
 * @nr: pages
 * @flags: XEN_GPUMEM_BIND_*
 * @fail_policy: XEN_GPUMEM_POLICY_*
 * @mapping: what the driver itself has mapped there, or NULL
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
	struct gpumem_mapping *mapping;
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
struct gpumem_ctx *gpumem_ctx_open(u16 domid, u64 generation, bool attach);
int gpumem_ctx_share(struct gpumem_ctx *ctx);
void gpumem_ctx_defer(struct work_struct *work);
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
extern unsigned int gpumem_fault_around;
extern unsigned int gpumem_max_bindings;
extern unsigned int gpumem_max_binding_mib;
extern const struct file_operations gpumem_file_fops;

/* file.c */
long gpumem_open_domain(struct xen_gpumem_open_domain *cmd, void __user *arg);
long gpumem_derive(struct gpumem_file *file, void *arg);
int gpumem_file_release(struct inode *inode, struct file *filp);
void gpumem_file_put(struct gpumem_file *file);

static inline struct gpumem_file *gpumem_file_get(struct gpumem_file *file)
{
	kref_get(&file->ref);
	return file;
}

/* rights.c */
int gpumem_rights_check(u32 rights);
int gpumem_ranges_fetch(struct gpumem_file *file, u64 address,
			unsigned int nr);
int gpumem_ranges_inherit(struct gpumem_file *file);
int gpumem_file_allows(const struct gpumem_file *file, u32 right, u64 first,
		       u64 length);
int gpumem_file_exchange(struct gpumem_file *file,
			 const struct gpumem_usage *old,
			 const struct gpumem_usage *new);
int gpumem_file_charge(struct gpumem_file *file,
		       const struct gpumem_usage *usage);
void gpumem_file_uncharge(struct gpumem_file *file,
			  const struct gpumem_usage *usage);

/* event.c */
void gpumem_events_init(struct gpumem_file *file);
void gpumem_event_fault(struct gpumem_window *window,
			const struct gpumem_hv_fault *fault, int err);
void gpumem_event_orphan(const struct gpumem_binding *binding);
void gpumem_event_gone(struct gpumem_ctx *ctx);
ssize_t gpumem_file_read(struct file *filp, char __user *buf, size_t len,
			 loff_t *pos);
__poll_t gpumem_file_poll(struct file *filp, poll_table *wait);

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
long gpumem_window_add(struct gpumem_file *file, void *arg);
void gpumem_window_add_undo(struct gpumem_file *file, void *arg);
long gpumem_window_remove(struct gpumem_file *file, void *arg);
long gpumem_window_move(struct gpumem_file *file, void *arg);
long gpumem_window_query(struct gpumem_file *file, void *arg);

/* show.c */
void gpumem_show_init(void);
void gpumem_show_exit(void);
void gpumem_show_add(struct gpumem_ctx *ctx);
void gpumem_show_remove(struct gpumem_ctx *ctx);
void gpumem_file_show(struct seq_file *m, struct file *filp);
void gpumem_stat_time(struct gpumem_time *time, u64 ns);
void gpumem_stats_add(struct gpumem_stats *to, const struct gpumem_stats *from);

/* bind.c */
long gpumem_bind(struct gpumem_file *file, void *arg);
long gpumem_unbind(struct gpumem_file *file, void *arg);
long gpumem_bindings_count(struct gpumem_window *window, u64 index, u64 nr,
			   struct gpumem_usage *usage);
void gpumem_bindings_take(struct gpumem_window *window, u64 index, u64 nr,
			  struct list_head *taken);
void gpumem_bindings_destroy(struct list_head *taken);

/* binding.c */
struct gpumem_binding *
gpumem_binding_create(struct gpumem_window *window,
		      const struct xen_gpumem_bind *cmd,
		      struct gpumem_mapping *mapping);
void gpumem_binding_put(struct gpumem_binding *binding);
void gpumem_binding_destroy(struct gpumem_binding *binding);
void gpumem_binding_forget(struct gpumem_binding *binding, unsigned long first,
			   unsigned long nr);
void gpumem_binding_revoke(struct gpumem_binding *binding, unsigned long first,
			   unsigned long nr, bool downgrade);
int gpumem_binding_flush(struct gpumem_binding *binding,
			 struct gpumem_batch *batch);
int gpumem_binding_commit(struct gpumem_binding *binding,
			  struct gpumem_slice *slice);
int gpumem_binding_map_zero(struct gpumem_binding *binding, unsigned long slot,
			    u64 frame);
void gpumem_binding_reset(struct gpumem_binding *binding);

/* source.c */
struct gpumem_mapping *gpumem_mapping_create(const struct xen_gpumem_bind *cmd);
unsigned long gpumem_mapping_address(const struct gpumem_mapping *mapping);
bool gpumem_mapping_is_here(const struct gpumem_mapping *mapping);
void gpumem_mapping_lost(struct gpumem_mapping *mapping);
void gpumem_mapping_unmap(struct gpumem_mapping *mapping);
void gpumem_mapping_defer(struct gpumem_mapping *mapping,
			  struct gpumem_binding *binding,
			  void (*end)(struct gpumem_binding *binding));
void gpumem_mapping_free(struct gpumem_mapping *mapping);

/* fault.c */
int gpumem_server_create(struct gpumem_file *file);
void gpumem_server_free(struct gpumem_server *server);
void gpumem_fault_dispatch(struct gpumem_ctx *ctx,
			   const struct gpumem_hv_fault *fault);
void gpumem_faults_retry(struct gpumem_window *window, u64 index, u64 nr);

/* large.c */
bool gpumem_slice_grow(struct gpumem_binding *binding,
		       const struct gpumem_slice *slice, unsigned long *first);
bool gpumem_binding_map_block(struct gpumem_binding *binding,
			      struct gpumem_slice *slice);

/* supply.c */
unsigned int gpumem_fault_pages(void);
int gpumem_supply(struct gpumem_binding *binding, struct gpumem_slice *slice,
		  unsigned long slot, unsigned int nr_want, bool write);
struct gpumem_binding *gpumem_binding_find(struct gpumem_window *window,
					   u64 index);
long gpumem_populate(struct gpumem_file *file, void *arg);

/* suspend.c */
int gpumem_suspend_init(void);
void gpumem_suspend_exit(void);
void gpumem_suspend_enter(void);
void gpumem_suspend_leave(void);

/**
 * struct gpumem_export_call - a call that makes an export
 * @grants: the structure of the one,
 * @frames: or of the other
 * @dmabuf: OUT: what its descriptor stands for, once the caller was told
 */
struct gpumem_export_call {
	union {
		struct xen_gpumem_export_grants grants;
		struct xen_gpumem_export_frames frames;
	};
	struct dma_buf *dmabuf;
};

/* export.c */
void gpumem_export_finish(struct gpumem_file *file, void *arg, int fd,
			  bool told);
long gpumem_export_grants(struct gpumem_file *file, void *arg);
long gpumem_export_frames(struct gpumem_file *file, void *arg);
long gpumem_export_revoke(struct gpumem_file *file, void *arg);
long gpumem_export_query(struct gpumem_file *file, void *arg);

/* pages-grant.c */
void gpumem_exports_init(void);
void gpumem_exports_exit(void);
void gpumem_exports_show(struct seq_file *m);
bool gpumem_exports_ok(void);

/* grant-end.c */
int gpumem_grants_init(void);
void gpumem_grants_exit(void);
void gpumem_grants_hurry(void);
void gpumem_grants_close(struct gpumem_file *file);
void gpumem_grants_show(struct seq_file *m);

/* grant.c */
long gpumem_grant(struct gpumem_file *file, void *arg);
void gpumem_grant_undo(struct gpumem_file *file, void *arg);
long gpumem_grant_release(struct gpumem_file *file, void *arg);

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
