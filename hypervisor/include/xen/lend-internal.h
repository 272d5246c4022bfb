/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: what the parts of the implementation share.
 *
 * common/lend.c         essay, lenders, teardown
 * common/lend-op.c      the memory operation, its checks, the option
 * common/lend-window.c  windows
 * common/lend-map.c     what windows hold: map and revoke
 * common/lend-fault.c   fault records: block, poll, resolve, wake
 * common/lend-dump.c    the debug key
 * common/lend-abi.c     the layout of the interface
 * arch                  frames of a lender, entries of a borrower's p2m
 */
#ifndef XEN_LEND_INTERNAL_H
#define XEN_LEND_INTERNAL_H

#include <xen/lend.h>
#include <xen/list.h>
#include <xen/sched.h>
#include <xen/spinlock.h>

#include <public/lend.h>

/* Windows per borrower, including parked ones and those of dead lenders. */
#define LEND_MAX_WINDOWS    64
/* Frames of all windows of a borrower: 1 TiB, 1 MiB of counters. */
#define LEND_MAX_FRAMES     (1UL << 28)
/* Extents and frames of one MAP; frames that are revoked per flush. */
#define LEND_MAX_EXTENTS    64
#define LEND_BATCH          512
/* Frames per occupancy counter of a window. */
#define LEND_GROUP_ORDER    9
#define LEND_GROUP          (1UL << LEND_GROUP_ORDER)

/* Frames of a large entry, and where those begin. */
#define LEND_SUPER          512UL

#define LEND_PARKED         (~0UL)

/*
 * One lender's attachment to one borrower.
 *
 * Linked and unlinked under lend_clients_lock, the borrower's lend lock and
 * its fault lock together, so that any one of them keeps it in place.
 */
struct lend_client {
    struct domain *borrower;
    struct domain *lender;
    struct list_head list;          /* lend_domain.clients */
    struct list_head out;           /* lend_all_clients */
    evtchn_port_t port;             /* of the borrower */

    /* Protected by the fault lock. */
    unsigned int nr_undelivered;    /* bits set in undelivered[] */
    unsigned int next_vcpu;         /* where the next poll begins */
    unsigned long undelivered[];    /* by vCPU */
};

/* Protected by the borrower's lend lock. */
struct lend_window {
    struct lend_client *client;     /* NULL: the lender died */
    uint32_t id;
    uint32_t orphan;                /* XEN_LEND_ORPHAN_* */
    unsigned long gfn;              /* or LEND_PARKED */
    unsigned long nr;
    unsigned long populated;        /* sum of count[] */
    bool closing;                   /* MOVE, DESTROY, DETACH in progress */
    unsigned long drained;          /* while closing: what is before is empty */
    uint16_t count[];               /* frames present, per LEND_GROUP */
};

/*
 * Where a window is, for look-ups by address.  Changed under the lend lock,
 * read without it too: then the answer may be wrong, like any answer about a
 * p2m that is not locked, and window must not be followed.
 */
struct lend_range {
    unsigned long start, end;       /* end: last frame */
    bool hidden;                    /* orphaned, and to act as MMIO */
    struct lend_window *window;
};

struct lend_place {
    const struct lend_window *window;   /* only ever compared */
    unsigned long index;
};

/* What was decided about a fault, until its vCPU comes back for it. */
enum lend_answer_kind {
    LEND_ANSWER_NONE,
    LEND_ANSWER_INJECT,
    LEND_ANSWER_MMIO,
};

struct lend_answer {
    struct lend_place place;
    enum lend_answer_kind kind;
};

/*
 * An instruction can touch several absent frames: two operands, each across a
 * page boundary.  It comes to an end only if the answers about all of them are
 * there at once, whatever they are: one operand can be a device, and another
 * one nothing at all.
 */
#define LEND_ANSWERS    4
/* By then, something else may be the answer: the lender is asked again. */
#define LEND_ANSWER_LIFE    SECONDS(5)

/* Per vCPU of a borrower, protected by the fault lock. */
struct lend_fault {
    struct lend_client *client;     /* NULL: there is no fault */
    struct lend_place place;
    unsigned long ip;
    uint32_t token;
    uint32_t access;                /* XEN_LEND_ACCESS_* */

    /*
     * What the answers to earlier faults left for the vCPU to find, all about
     * the instruction at answers_ip, and for a while only: the vCPU may never
     * come back.  Made while it is blocked, and taken away by changing the kind
     * alone, as the vCPU reads this without the lock.
     */
    unsigned long answers_ip;
    s_time_t answers_until;
    unsigned int next_answer;       /* the one to give up if there is no room */
    struct lend_answer answer[LEND_ANSWERS];
};

/* What has happened, for the debug key.  Frames, unless it says otherwise. */
struct lend_stats {
    unsigned long mapped;
    unsigned long supers;           /* large entries made */
    unsigned long revoked;
    unsigned long downgraded;
    unsigned long unsplit;          /* large entries taken for a part of them */
};

struct lend_domain {
    /* Protected by the lend lock. */
    bool dead;                      /* teardown began: nothing gets in */
    unsigned int nr_windows;
    uint32_t next_seq;              /* for window ids */
    unsigned long total;            /* frames of all windows */
    struct lend_window *windows[LEND_MAX_WINDOWS];
    struct lend_stats stats;
    unsigned int nr_ranges;
    unsigned int ranges_seq;        /* odd while ranges[] changes */
    struct lend_range ranges[LEND_MAX_WINDOWS];     /* sorted */

    struct list_head clients;       /* see struct lend_client */

    /*
     * Those who cleared entries and have left the lend lock, until they have
     * dropped what the entries held.  In two groups: who comes joins one of
     * them, by the parity of settles, and nobody joins the other.  Joined, and
     * changed over, under the lock.
     */
    atomic_t taking[2];
    unsigned int settles;

    spinlock_t fault_lock;
    uint32_t next_token;
    unsigned long nr_faults;        /* so far: for the debug key */
    struct lend_fault fault[];      /* by vCPU */
};

/*
 * A frame of a lender, with the references that Xen holds on it: all that is
 * needed to give it back.
 */
typedef struct {
    uint64_t raw;
} lend_frame_t;

#define LEND_FRAME_REF      (1ULL << 63)    /* a reference on the page */
#define LEND_FRAME_TYPE     (1ULL << 62)    /* a writable type reference */
#define LEND_FRAME_SUPER    (1ULL << 61)    /* LEND_SUPER frames, all such */
#define LEND_FRAME_OLD      (1ULL << 60)    /* it was in an entry */
#define LEND_FRAME_MFN      ((1ULL << 60) - 1)
#define LEND_FRAME_NONE     ((lend_frame_t){ 0 })

/*
 * The caller's page that holds the structure of the operation, if it is at
 * hand: see arch_lend_map_caller().
 */
struct lend_caller {
    unsigned long page;             /* number of the page, as the caller has it */
    unsigned long gfn;              /* for the architecture */
    void *map;                      /* NULL: it is not */
};

/* Working memory of one operation on the CPU that executes it. */
struct lend_scratch {
    struct lend_caller caller;
    lend_frame_t frame[LEND_BATCH];
    struct xen_lend_extent extent[LEND_MAX_EXTENTS];
};

DECLARE_PER_CPU(struct lend_scratch, lend_scratch);

extern spinlock_t lend_clients_lock;
extern bool opt_lend_ept;

/* common/lend-op.c */
int lend_copy_from_lender(void *dst, uint64_t addr, size_t size);
int lend_copy_to_lender(uint64_t addr, const void *src, size_t size);

/* common/lend.c */
int cf_check lend_do_attach(struct domain *d, struct xen_lend_op *op,
                            unsigned long *start);
int cf_check lend_do_detach(struct domain *d, struct xen_lend_op *op,
                            unsigned long *start);
int lend_lookup_any(struct domain *d, uint32_t id, struct lend_window **w);
int lend_lookup(struct domain *d, uint32_t id, struct lend_window **w);
bool lend_attached(const struct domain *d, const struct domain *lender);
struct lend_client *lend_find_client(const struct lend_domain *ld,
                                     const struct domain *lender);

/* common/lend-window.c */
struct lend_window *lend_window_at(struct lend_domain *ld, unsigned long gfn);
bool lend_window_drain(struct domain *d, struct lend_window *w,
                       unsigned int *nr);
void lend_window_orphan(struct domain *d, struct lend_window *w);
void lend_window_remove(struct domain *d, struct lend_window *w);
int cf_check lend_do_create(struct domain *d, struct xen_lend_op *op,
                            unsigned long *start);
int cf_check lend_do_move(struct domain *d, struct xen_lend_op *op,
                          unsigned long *start);
void lend_move_abort(struct domain *d, uint32_t id);
int cf_check lend_do_destroy(struct domain *d, struct xen_lend_op *op,
                             unsigned long *start);
int cf_check lend_do_inspect(struct domain *d, struct xen_lend_op *op,
                             unsigned long *start);

/* common/lend-map.c */
unsigned int lend_clear(struct domain *d, struct lend_window *w,
                        unsigned long *index, unsigned long last,
                        bool downgrade, uint64_t *lost);
void lend_unlock_and_put(struct domain *d, unsigned int nr);
int cf_check lend_do_map(struct domain *d, struct xen_lend_op *op,
                         unsigned long *start);
int cf_check lend_do_revoke(struct domain *d, struct xen_lend_op *op,
                            unsigned long *start);

/* common/lend-fault.c */
enum lend_outcome {
    LEND_BLOCKED,       /* recorded: the vCPU will not run before an answer */
    LEND_INJECT,        /* give the guest a fault of its own */
    LEND_CRASH,
};

enum lend_outcome lend_fault(unsigned long gfn, unsigned int access);
unsigned int lend_wake(struct domain *d, const struct lend_window *w,
                       const struct xen_lend_extent *extent,
                       unsigned long frames);
void lend_wake_window(struct domain *d, const struct lend_window *w);
int cf_check lend_do_poll(struct domain *d, struct xen_lend_op *op,
                          unsigned long *start);
int cf_check lend_do_resolve(struct domain *d, struct xen_lend_op *op,
                             unsigned long *start);

/*
 * Supplied by the architecture.
 */

/* Is lending possible on this host? */
bool arch_lend_supported(void);
/* XEN_LEND_FEAT_* of the architecture. */
unsigned int arch_lend_features(void);
/* For the debug key. */
void arch_lend_dump(void);
/*
 * Where the current vCPU's addresses have to be looked up in its page tables
 * for each access, look up the one page that holds a buffer, for reading and
 * writing, and keep it mapped until arch_lend_unmap_caller().  It may be mapped
 * nowhere else by then: that is the same as if the access had been earlier.
 *
 * Leaves caller->map NULL if that is no use, or if there is anything about the
 * page that an access would have to look at: then it is for the access to do.
 */
void arch_lend_map_caller(struct lend_caller *caller, unsigned long addr,
                          size_t size);
void arch_lend_unmap_caller(struct lend_caller *caller);
/* ... to this domain?  Zero, or what ATTACH returns. */
int arch_lend_check_borrower(const struct domain *d);
unsigned long arch_lend_gfn_end(const struct domain *d);
/* Does the range have a meaning of its own? */
bool arch_lend_gfns_reserved(const struct domain *d, unsigned long start,
                             unsigned long end);

/*
 * The lend lock: the lock of the borrower's p2m, so that nobody sees an entry
 * and the books on it disagree, and a fault and its answer exclude each other.
 * Unlocking also flushes what was cleared meanwhile.
 */
void arch_lend_lock(struct domain *d);
void arch_lend_unlock(struct domain *d);
bool arch_lend_locked(const struct domain *d);

/*
 * Take up to nr frames from the current domain, for one extent.  Returns how
 * many were taken; if fewer, then *rc says why.
 */
unsigned int arch_lend_take_frames(struct domain *d, unsigned long frame,
                                   unsigned int nr, unsigned int attr,
                                   lend_frame_t *frames, int *rc);
void arch_lend_put_frame(lend_frame_t frame);

/* On entries, with the lend lock held. */
/* These leave the frames that they replaced, LEND_FRAME_NONE for a hole. */
int arch_lend_set_entry(struct domain *d, unsigned long gfn,
                        lend_frame_t *frame, unsigned int attr);
/* LEND_SUPER frames in one entry.  False: that cannot be done. */
bool arch_lend_set_super(struct domain *d, unsigned long gfn,
                         lend_frame_t *frames, unsigned int attr);

/* What became of an entry. */
struct lend_cleared {
    lend_frame_t frame;     /* to be dropped after the flush */
    unsigned long gfn;      /* the first frame that lost something */
    unsigned int nr;        /* frames that did */
    bool gone;              /* they lost all, not the permission to write */
};

/* The entry of gfn, and of what follows it, up to last, if that is the same. */
bool arch_lend_clear_entry(struct domain *d, unsigned long gfn,
                           unsigned long last, bool downgrade,
                           struct lend_cleared *cleared);
/*
 * Look from start to end for something of the guest's, at budget entries at
 * most.  *used: there is some, in the frame that is returned.  Else how far it
 * looked: the next frame to look at, which is past end if there is nothing.
 */
unsigned long arch_lend_next_used(struct domain *d, unsigned long start,
                                  unsigned long end, unsigned int budget,
                                  bool *used);
void arch_lend_inspect(struct domain *d, unsigned long gfn,
                       struct xen_lend_inspect *inspect);
/* Where the current vCPU is: tells one instruction from another. */
unsigned long arch_lend_ip(void);

/* Debug builds: flush bookkeeping behind the assertion at the drop. */
#ifndef NDEBUG
void arch_lend_mark_cleared(struct domain *d);
void arch_lend_assert_flushed(struct domain *d);
#else
static inline void arch_lend_mark_cleared(struct domain *d) {}
static inline void arch_lend_assert_flushed(struct domain *d) {}
#endif

#endif /* XEN_LEND_INTERNAL_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
