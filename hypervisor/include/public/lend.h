/* SPDX-License-Identifier: MIT */
/******************************************************************************
 * lend.h
 *
 * Memory lending: XENMEM_lend_op.
 *
 * A *lender* (a domain with device model privilege over the borrower) shows
 * frames that it owns to a *borrower* (an HVM or PVH guest that uses hardware
 * assisted paging).  The frames stay the lender's.  It may take any of them
 * back at any moment, with no cooperation from the guest, and it supplies
 * them when the guest touches them.
 *
 * - A *window* is a range of guest frames with no RAM behind them, reserved by
 *   one lender: a PCI BAR, typically.  A window is *parked* while it has no
 *   address.  Frames are always named by their *index* in the window, so that
 *   moving the window changes nothing for what is mapped by index.
 * - An access to a frame of a window that is absent, or a write to a frame
 *   that is lent read-only, is a *fault*: Xen blocks the vCPU, records the
 *   fault, and raises the lender's event channel.  The lender polls for the
 *   record.  Mapping the frame, or resolving the record, lets the vCPU run: it
 *   re-executes the instruction.
 * - A frame number is the lender's own: an MFN from a PV lender, a GFN from an
 *   HVM or PVH lender.  Frames are always 4 KiB here, on every architecture.
 *
 * All fields are fixed width, lie on their natural boundaries, and the
 * structures have the same layout for 32- and 64-bit callers.  Buffers are
 * named by virtual address, zero-extended to 64 bits.
 *
 * Every field called pad, every unknown flag or attribute bit, and every byte
 * of the union that a command does not use must be zero: otherwise -EINVAL.
 * A failed command has changed nothing unless its description says so.
 *
 * Errors common to all commands:
 *
 *   -ENOSYS      this hypervisor does not know XENMEM_lend_op
 *   -EOPNOTSUPP  lending is off (command line option "lend="), not compiled
 *                in, or the command or flag is not supported here
 *   -EFAULT      the structure, or a buffer that it names, is not accessible
 *   -EINVAL      a reserved field is not zero, or a value is out of bounds
 *   -EPERM       the caller has no device model privilege over the borrower,
 *                or names itself, DOMID_SELF included (except for QUERY)
 *   -ESRCH       no such domain, or its generation differs from the one named
 *   -ENOENT      the caller is not attached to the domain (commands other than
 *                QUERY and ATTACH), or has no window with that id
 *
 * REVOKE, DESTROY and DETACH work on a borrower that is dying.  Where they
 * return -ESRCH the borrower is gone and so is everything that was lent to it:
 * the caller should take that for success.
 */

#ifndef __XEN_PUBLIC_LEND_H__
#define __XEN_PUBLIC_LEND_H__

#if defined(__XEN__) || defined(__XEN_TOOLS__)
#include "xen.h"
#endif

/* Sub-operation of the memory_op hypercall.  Provisional: probe with QUERY. */
#define XENMEM_lend_op                      29

/* Version of the interface that this file describes. */
#define XEN_LEND_VERSION                    1

/* A window with no address. */
#define XEN_LEND_PARKED                     (~(uint64_t)0)

/*
 * QUERY: what this hypervisor can do, and what the borrower's limits are.
 *
 * domid may be DOMID_SELF: then only version, features and the max_* fields
 * are filled in, generation is returned as zero, and no privilege is needed.
 * With another domid the caller needs the privilege to lend to it.
 *
 * generation: IN, zero, or what the domain's generation is expected to be
 * (-ESRCH if it is another).  OUT, the domain's generation: a number that no
 * other domain has or will have until the host reboots.  QUERY takes no part
 * in lending: a caller may use it to tell whether a domid was reused.
 *
 * flags: zero.
 */
#define XEN_LEND_query                      0

/* Entries of 2 MiB are used where index, frame and alignment allow. */
#define XEN_LEND_FEAT_SUPERPAGE_2M          (1U << 0)
/* Entries of 1 GiB likewise. */
#define XEN_LEND_FEAT_SUPERPAGE_1G          (1U << 1)
/* INSPECT is available: a debug build. */
#define XEN_LEND_FEAT_INSPECT               (1U << 2)

struct xen_lend_query {
    uint32_t version;       /* OUT: XEN_LEND_VERSION of the hypervisor */
    uint32_t features;      /* OUT: XEN_LEND_FEAT_* */
    uint32_t max_windows;   /* OUT: windows per borrower, parked ones included */
    uint32_t max_extents;   /* OUT: extents per MAP */
    uint32_t max_frames;    /* OUT: frames per MAP, all its extents together */
    uint32_t max_faults;    /* OUT: fault records (vCPUs) of the borrower */
    uint64_t max_window;    /* OUT: frames of all windows of a borrower */
    uint64_t gfn_end;       /* OUT: first guest frame past the address width */
    uint64_t pad;
};

/*
 * ATTACH: become a lender to the domain.
 *
 * generation: IN, zero or what is expected (see QUERY).  OUT, the generation
 * that all later commands must name.
 *
 * port: an unbound event channel port of the borrower, for the caller to bind
 * with EVTCHNOP_bind_interdomain.  It is raised when there is a fault to poll
 * and there was none, and when the borrower starts to die.  An event is
 * pending from the start.  The borrower can neither close nor use the port.
 *
 *   -EEXIST      the caller is attached already.  A lender that was restarted
 *                asks for the generation with QUERY, then uses DETACH.
 *   -EOPNOTSUPP  the domain is not HVM or PVH, has no hardware assisted
 *                paging, or uses nested virtualisation, altp2m, memory
 *                sharing, paging or forking, or has not been given vCPUs
 *   -EXDEV       the borrower's page tables are shared with its IOMMU
 *   -EBUSY       log-dirty mode is on
 *   -ENOMEM, or an error from allocating the event channel
 *
 * flags: zero.
 */
#define XEN_LEND_attach                     1

struct xen_lend_attach {
    uint32_t port;          /* OUT: event channel port of the borrower */
    uint32_t pad32;
    uint64_t pad[5];
};

/*
 * DETACH: stop lending to the domain.
 *
 * Destroys the caller's windows (as DESTROY does), closes the event channel's
 * borrower side, and lets every vCPU that waits for this lender run.  Cannot
 * fail, but for the common errors.  Long: continued through the hypercall.
 *
 * A lender domain that dies while it is attached is detached by Xen, except
 * that its windows stay behind with nothing in them, and do what their orphan
 * action says.
 *
 * flags: zero.
 */
#define XEN_LEND_detach                     2

/*
 * CREATE: reserve a window.
 *
 *   -EEXIST      overlaps a window, or guest RAM or anything else that the
 *                guest's page tables hold
 *   -EADDRNOTAVAIL  overlaps a range with a meaning of its own: local and IO
 *                APIC, HPET, MSI, the first MiB
 *   -ERANGE      wraps, or ends past the guest's address width (gfn_end)
 *   -E2BIG       more frames than max_window allows
 *   -ENOSPC      max_windows is reached
 *   -ENOMEM      no memory for the window's bookkeeping
 *   -EBUSY       the borrower is dying
 *   -EOPNOTSUPP  since ATTACH, the borrower has come to use what does not go
 *                with lending: altp2m, or tracking of what it writes to
 *
 * flags: zero.
 */
#define XEN_LEND_create                     3

/*
 * What an access does that finds nothing, once nobody is there to supply it:
 * the lender domain died.  INJECT: a general protection fault with error code
 * zero.  MMIO: as if the window did not exist.  CRASH: the guest is crashed.
 */
#define XEN_LEND_ORPHAN_INJECT              0
#define XEN_LEND_ORPHAN_MMIO                1
#define XEN_LEND_ORPHAN_CRASH               2

struct xen_lend_create {
    uint64_t gfn;           /* IN: first guest frame, or XEN_LEND_PARKED */
    uint64_t nr;            /* IN: frames, not zero */
    uint32_t orphan;        /* IN: XEN_LEND_ORPHAN_* */
    uint32_t id;            /* OUT: names the window, per borrower */
    uint64_t pad[3];
};

/*
 * MOVE: give a window another address, or park it (XEN_LEND_PARKED).
 *
 * Everything that the window holds is revoked, then its address changes at
 * once.  A vCPU that faulted at the old address is let run.  Unless the result
 * is 0 the window is where it was.  With these errors, it holds what it held:
 *
 *   -EEXIST, -EADDRNOTAVAIL, -ERANGE   as of CREATE
 *
 * With any other one, what was mapped may have been revoked, in part or whole:
 * each part of a continuation asks again for all that has to hold.
 *
 *   -EAGAIN      the new place could be had when that began, and cannot any
 *                more: another window came to lie there
 *   -EBUSY       the borrower is dying
 *
 * Moving a window to where it is revokes only.  Long: continued through the
 * hypercall.  A MAP into the window meanwhile gets -EAGAIN.  The structure is
 * not to be changed before MOVE returns: a window that it names no longer may
 * stay closed to MAP, until the next MOVE of it.
 *
 * flags: zero.
 */
#define XEN_LEND_move                       4

struct xen_lend_move {
    uint32_t id;            /* IN */
    uint32_t pad32;
    uint64_t gfn;           /* IN: first guest frame, or XEN_LEND_PARKED */
    uint64_t pad[4];
};

/*
 * DESTROY: revoke everything that the window holds and free it.  The address
 * range becomes what it was before; vCPUs that wait for it are let run.
 * Long: continued through the hypercall.
 *
 * flags: zero.
 */
#define XEN_LEND_destroy                    5

struct xen_lend_destroy {
    uint32_t id;            /* IN */
    uint32_t pad32;
    uint64_t pad[5];
};

/*
 * MAP: put frames of the caller into the window.
 *
 * Works through the extents in order and lets every vCPU run that waits for a
 * frame just mapped.  Never continued behind the caller's back: it may stop
 * early, with 0, at a preemption point, but not before the first frame.
 * done tells, whatever the result, how many frames were mapped, counted over
 * the extents in order; it is written back on errors too.  When the result is
 * an error it is the error of the frame after those.
 *
 * The caller keeps what it mapped revocable by serialising MAP and REVOKE of
 * the same range itself.
 *
 *   -ENXIO       the window is parked, or the frame lies outside it
 *   -EEXIST      the index holds a frame already (and no REPLACE)
 *   -EBUSY       the guest has put something of its own there
 *   -EACCES      the frame is not the caller's to lend: not its RAM, RAM that
 *                is special to Xen or not plain (granted, foreign, shared,
 *                lent to the caller), MMIO without permission
 *   -ETXTBSY     writable, and the frame is in use as a page or descriptor
 *                table of the caller
 *   -ENOMEM      the borrower's paging pool has no page for a page table
 *   -EAGAIN      the window is being moved, destroyed or detached
 *
 * flags: zero.
 */
#define XEN_LEND_map                        6

/* The guest may write.  Without it: read (and execute, if cacheable) only. */
#define XEN_LEND_ATTR_WRITE                 (1U << 0)
/*
 * The backing is not mapped write-back by the lender (write-combining,
 * uncached).  The guest gets a mapping that is never cacheable, not
 * executable; its own PAT chooses write-combining or uncached.  MMIO must be
 * mapped so: without the bit, -EACCES.
 */
#define XEN_LEND_ATTR_NC                    (1U << 1)
/*
 * A frame that the index holds already is replaced, with its permission and
 * cache attribute.  The old frame is out of reach when MAP returns.
 */
#define XEN_LEND_ATTR_REPLACE               (1U << 2)

struct xen_lend_extent {
    uint64_t index;         /* first frame in the window */
    uint64_t frame;         /* first frame of the lender; contiguous */
    uint32_t nr;            /* frames, not zero */
    uint32_t attr;          /* XEN_LEND_ATTR_* */
};

struct xen_lend_map {
    uint32_t id;            /* IN */
    uint32_t nr;            /* IN: extents, 1 .. max_extents */
    uint64_t extents;       /* IN: address of struct xen_lend_extent[nr] */
    uint32_t done;          /* IN: 0.  OUT: frames mapped */
    uint32_t woken;         /* IN: 0.  OUT: vCPUs let run */
    uint64_t pad[3];
};

/*
 * REVOKE: take frames back.
 *
 * When it returns no vCPU can reach the frames any more, whatever the guest
 * does, by any stale translation, or through an instruction that Xen emulates.
 * Absent frames are skipped; the range may be mostly or wholly absent.
 * Allocates nothing and cannot fail, but for the common errors and -ERANGE
 * (the range does not lie in the window).  Continued through the hypercall,
 * which advances index and nr; each part is flushed before the next begins.
 * A range of zero frames is an error, -EINVAL.  Legal on a parked window.
 *
 * flags: XEN_LEND_REVOKE_DOWNGRADE takes only the permission to write.  Where
 * that is not possible for a part without taking more, the part is revoked.
 *
 * A range that begins or ends in an entry of 2 MiB may cost all of that entry's
 * frames, also those that it does not name: they are revoked, with either flag,
 * if the borrower has no page to split the entry with.  cleared counts them.
 */
#define XEN_LEND_revoke                     7

#define XEN_LEND_REVOKE_DOWNGRADE           (1U << 0)

struct xen_lend_revoke {
    uint32_t id;            /* IN */
    uint32_t pad32;
    uint64_t index;         /* IN: first frame.  OUT: undefined */
    uint64_t nr;            /* IN: frames, not zero.  OUT: undefined */
    uint64_t cleared;       /* IN: 0.  OUT: frames that lost something */
    uint64_t pad[2];
};

/*
 * POLL: fetch the faults that wait for this lender.
 *
 * Each record is delivered once.  A record stays valid until its vCPU is let
 * run.  There is at most one per vCPU, so that max_faults records hold all.
 *
 *   -ESRCH       also: the borrower dies.  The event channel was raised for
 *                that, whether or not all that was lent to it is back yet.
 *
 * flags: XEN_LEND_POLL_ALL delivers those that were delivered before again:
 * for a lender that was restarted.
 */
#define XEN_LEND_poll                       8

#define XEN_LEND_POLL_ALL                   (1U << 0)

/* What the guest tried to do. */
#define XEN_LEND_ACCESS_READ                (1U << 0)
#define XEN_LEND_ACCESS_WRITE               (1U << 1)
#define XEN_LEND_ACCESS_EXEC                (1U << 2)
/* The access was one of the guest's page table walk. */
#define XEN_LEND_ACCESS_WALK                (1U << 3)
/* Xen was emulating the instruction. */
#define XEN_LEND_ACCESS_EMUL                (1U << 4)

struct xen_lend_fault {
    uint64_t index;         /* frame in the window */
    uint32_t window;        /* id */
    uint32_t vcpu;
    uint32_t token;         /* names this very fault of the vCPU; not zero */
    uint32_t access;        /* XEN_LEND_ACCESS_* */
};

struct xen_lend_poll {
    uint32_t max;           /* IN: records that fit, not zero */
    uint32_t nr;            /* IN: 0.  OUT: records written */
    uint64_t faults;        /* IN: address of struct xen_lend_fault[max] */
    uint32_t more;          /* IN: 0.  OUT: not zero: there were more */
    uint32_t pad32;
    uint64_t pad[3];
};

/*
 * RESOLVE: let the vCPU of a fault run without mapping anything.
 *
 *   RETRY   the instruction is executed again.
 *   INJECT  the guest gets a general protection fault with error code zero
 *           instead.  Where the fault hit the delivery of another event that
 *           the injection would lose, the guest is crashed.
 *   MMIO    the instruction is executed again and this one access goes on as
 *           if the window did not exist: to the device model, or nowhere (all
 *           ones, writes dropped).
 *   CRASH   the guest is crashed.
 *
 *   -ESTALE      the vCPU no longer waits with that token: someone else was
 *                quicker.  Nothing was done.
 *
 * flags: zero.
 */
#define XEN_LEND_resolve                    9

#define XEN_LEND_RESOLVE_RETRY              0
#define XEN_LEND_RESOLVE_INJECT             1
#define XEN_LEND_RESOLVE_MMIO               2
#define XEN_LEND_RESOLVE_CRASH              3

struct xen_lend_resolve {
    uint32_t vcpu;          /* IN */
    uint32_t token;         /* IN: as polled */
    uint32_t action;        /* IN: XEN_LEND_RESOLVE_* */
    uint32_t pad32;
    uint64_t pad[4];
};

/*
 * INSPECT: what the borrower's page tables hold for one frame of a window.
 * Debug builds only (XEN_LEND_FEAT_INSPECT); otherwise -EOPNOTSUPP.
 *
 *   -ERANGE      the index lies outside the window
 *
 * flags: zero.
 */
#define XEN_LEND_inspect                    10

struct xen_lend_inspect {
    uint32_t id;            /* IN */
    uint32_t attr;          /* IN: 0.  OUT: XEN_LEND_ATTR_WRITE, _NC */
    uint64_t index;         /* IN */
    uint64_t mfn;           /* IN: 0.  OUT: machine frame, ~0 if absent */
    uint32_t order;         /* IN: 0.  OUT: of the entry: 0, 9 or 18 */
    uint32_t type;          /* IN: 0.  OUT: Xen's own number for the type */
    uint64_t pad[2];
};

struct xen_lend_op {
    uint16_t cmd;           /* IN: XEN_LEND_* */
    uint16_t domid;         /* IN: the borrower */
    uint32_t flags;         /* IN: per command */
    uint64_t generation;    /* IN (OUT for QUERY and ATTACH) */
    union {
        struct xen_lend_query query;
        struct xen_lend_attach attach;
        struct xen_lend_create create;
        struct xen_lend_move move;
        struct xen_lend_destroy destroy;
        struct xen_lend_map map;
        struct xen_lend_revoke revoke;
        struct xen_lend_poll poll;
        struct xen_lend_resolve resolve;
        struct xen_lend_inspect inspect;
        uint64_t pad[6];
    } u;
};

#if defined(__XEN__) || defined(__XEN_TOOLS__)
typedef struct xen_lend_op xen_lend_op_t;
DEFINE_XEN_GUEST_HANDLE(xen_lend_op_t);
typedef struct xen_lend_extent xen_lend_extent_t;
DEFINE_XEN_GUEST_HANDLE(xen_lend_extent_t);
typedef struct xen_lend_fault xen_lend_fault_t;
DEFINE_XEN_GUEST_HANDLE(xen_lend_fault_t);
#endif

#endif /* __XEN_PUBLIC_LEND_H__ */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
