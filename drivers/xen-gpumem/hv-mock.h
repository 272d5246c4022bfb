/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A hypervisor made of software: what its files share.
 *
 *   hv-mock.c      the table: attachment, windows, map, revoke, poll, resolve
 *   hv-mock-dom.c  domains, vCPUs, events, injections
 *   hv-mock-p2m.c  windows and the software page tables behind them
 *   hv-mock-ctl.c  the control device, and accesses as a vCPU makes them
 *   hv-mock-wrong.c  what a kernel that checks itself has to find
 *
 * Locks, outermost first: mock_lock (the list of domains, injections), then
 * mock_domain.lock (everything in a domain).  Both are spinlocks taken with
 * interrupts off, since event_done() may come from an interrupt; no memory is
 * allocated under them, as in the operations that are called innermost.
 *
 * Invariants:
 *
 * - A guest access looks the frame up and copies under the domain's lock, so
 *   that a revocation which has returned has no access in flight behind it.
 *   That stands for the flush.
 * - Page tables come out of a pool which is filled when the domain is made.
 * - A page that is lent is never free memory: were it, the driver would have
 *   let it go without revoking.  mock_p2m_scan() looks for that.
 */
#ifndef _XEN_GPUMEM_HV_MOCK_H
#define _XEN_GPUMEM_HV_MOCK_H

#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "hv.h"
#include "tests/mock-uapi.h"

#define MOCK_MAX_WINDOWS	32
#define MOCK_MAX_EXTENTS	64
#define MOCK_MAX_FRAMES		512
#define MOCK_MAX_PAGES		(1ULL << 26)	/* of all windows: 256 GiB */
#define MOCK_MAX_VCPUS		64
#define MOCK_MAX_POOL		4096
#define MOCK_LEAF		512

/* A page table entry: the frame above, attributes below; zero is absent. */
#define MOCK_PRESENT		BIT_ULL(7)
#define MOCK_ATTRS		(GPUMEM_ATTR_WRITE | GPUMEM_ATTR_NC)
#define MOCK_ATTR(entry)	((u32)(entry) & MOCK_ATTRS)
#define MOCK_FRAME(entry)	((entry) >> 8)

/*
 * What the frame operation gives out: not the page frame number itself, so
 * that a driver which mixes the two up is found out, as it would be on PV.
 * PAGE: has a struct page that counts references.
 */
#define MOCK_FRAME_OURS		BIT_ULL(41)
#define MOCK_FRAME_PAGE		BIT_ULL(40)
#define MOCK_FRAME_MASK		(BIT_ULL(42) - 1)

static inline unsigned long mock_frame_pfn(u64 frame)
{
	return frame & (MOCK_FRAME_PAGE - 1);
}

/* The page table of 512 pages. */
struct mock_leaf {
	u64 *entry;
	u32 present;
};

struct mock_window {
	struct list_head link;
	u32 id;
	u64 gfn;
	u64 nr;
	struct mock_leaf leaf[];
};

struct mock_vcpu {
	unsigned long busy;		/* bit 0: a thread is this vCPU */
	wait_queue_head_t wait;
	/* Protected by mock_domain.lock. */
	bool waiting;
	bool delivered;
	bool pass;			/* the next access is MMIO's */
	u32 last_token;
	enum gpumem_hv_action action;
	struct gpumem_hv_fault fault;
};

/* The attachment; mock_domain.lock protects what changes. */
struct mock_lender {
	struct mock_domain *domain;
	struct gpumem_hv_dom *dom;
	struct irq_work work;
	bool masked;
	bool pending;
	bool closed;
};

struct mock_domain {
	struct list_head link;		/* mock_lock */
	struct kref ref;
	struct work_struct free;
	const void *owner;
	u16 domid;
	u64 generation;
	u64 gfn_end;
	u64 ram_pages;
	u32 nr_vcpus;

	spinlock_t lock;
	bool dying;
	bool gone;
	u32 next_id;
	u32 nr_windows;
	u64 nr_pages;
	u32 nr_undelivered;
	struct list_head windows;
	struct mock_lender *lender;
	void *pool;			/* free page tables, chained */
	u32 pool_used;
	struct xgm_tune tune;
	struct xgm_plug plug;
	struct xgm_stats stats;
	struct mock_vcpu vcpu[];
};

/* The driver broke the contract; told by the counters, not by the log. */
#define mock_violation(d) do {						\
	(d)->stats.out_violations++;					\
	(d)->stats.out_why = __LINE__;					\
} while (0)

/* hv-mock-dom.c */
int mock_domains_init(void);
void mock_domains_exit(void);
struct mock_domain *mock_domain_get(u16 domid);
void mock_domain_put(struct mock_domain *d);
int mock_domain_create(const void *owner, struct xgm_create *arg);
void mock_domain_kill(struct mock_domain *d, bool gone);
void mock_domains_kill(const void *owner);
void mock_raise(struct mock_domain *d);
void mock_event_work(struct irq_work *work);
void mock_wake(struct mock_domain *d, struct mock_vcpu *v,
	       enum gpumem_hv_action action);
void mock_wake_all(struct mock_domain *d);
void mock_fault(struct mock_domain *d, struct mock_vcpu *v, u32 window,
		u64 index, u32 access);
int mock_injected(enum xgm_op op);
int mock_inject(const struct xgm_inject *arg);
void mock_inject_none(void);
int mock_state(struct xgm_state *arg);
int mock_release(u32 op);

/* hv-mock-p2m.c; all but these two under mock_domain.lock */
struct mock_window *mock_window_alloc(u64 nr);
int mock_pool_fill(struct mock_domain *d, u32 nr);
void mock_pool_free(struct mock_domain *d);
struct mock_window *mock_window_by_id(struct mock_domain *d, u32 id);
struct mock_window *mock_window_by_gfn(struct mock_domain *d, u64 gfn);
int mock_window_place(struct mock_domain *d, struct mock_window *self, u64 gfn,
		      u64 nr);
void mock_window_free(struct mock_domain *d, struct mock_window *w);
u64 mock_p2m_get(struct mock_window *w, u64 index);
int mock_p2m_set(struct mock_domain *d, struct mock_window *w, u64 index,
		 u64 frame, u32 attr);
u64 mock_p2m_clear(struct mock_domain *d, struct mock_window *w, u64 index,
		   u64 nr, bool downgrade);
void mock_p2m_scan(struct mock_domain *d);
bool mock_plugged(struct mock_domain *d, u64 gfn);

/* hv-mock-ctl.c */
int mock_ctl_init(void);
void mock_ctl_exit(void);

/* hv-mock-wrong.c */
int mock_do_wrong(u32 what);

#endif /* _XEN_GPUMEM_HV_MOCK_H */
