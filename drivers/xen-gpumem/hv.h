/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hypervisor, as the driver sees it.
 *
 * Everything that the driver asks of a hypervisor goes through one table, so
 * that its logic can run on Xen (hv-xen.c) and, under test, on a hypervisor
 * made of software (hv-mock.c).  The mock exists only where the module is
 * built with CONFIG_XEN_GPUMEM_TEST, and is chosen at load with mock=1; else
 * gpumem_hv points to the table for Xen.  The choice is never changed while
 * the module is loaded.
 *
 * Contexts, named at each operation:
 *
 *   "process"   process context, may sleep and allocate, called with no lock
 *               that a notifier takes
 *   "innermost" called with a binding's mutex held, from an MMU notifier at
 *               times: reclaim, dma_resv and i_mmap_rwsem may be held further
 *               out.  Must not allocate, sleep, or take a lock that is ever
 *               held around an allocation.  (Preemption is enabled.)
 *
 * Operations return 0 or a negative errno.  These mean the same everywhere:
 *
 *   -ESRCH      the domain is gone, or its number belongs to another one now:
 *               nothing that was lent is reachable any more
 *   -ENOENT     this driver is not attached, or has no window of that id:
 *               there is nothing lent through it
 *
 * The numbers in the structures below are those of the hypercall interface;
 * hv-xen.c asserts so.
 */
#ifndef _XEN_GPUMEM_HV_H
#define _XEN_GPUMEM_HV_H

#include <linux/types.h>

#include "extent.h"

struct page;
struct gpumem_hv_dom;

/* A window without an address, as guest frame number. */
#define GPUMEM_HV_PARKED	(~0ULL)

/* What becomes of accesses to a window when the whole lender domain died. */
enum gpumem_hv_orphan {
	GPUMEM_HV_ORPHAN_INJECT = 0,
	GPUMEM_HV_ORPHAN_MMIO = 1,
	GPUMEM_HV_ORPHAN_CRASH = 2,
};

/* How a fault is answered without mapping anything. */
enum gpumem_hv_action {
	GPUMEM_HV_RETRY = 0,
	GPUMEM_HV_INJECT = 1,
	GPUMEM_HV_MMIO = 2,
	GPUMEM_HV_CRASH = 3,
};

/* struct gpumem_hv_info.features: 2 MiB at once take one entry */
#define GPUMEM_HV_FEAT_SUPERPAGE_2M	(1U << 0)

/* struct gpumem_hv_fault.access */
#define GPUMEM_HV_ACCESS_READ	(1U << 0)
#define GPUMEM_HV_ACCESS_WRITE	(1U << 1)
#define GPUMEM_HV_ACCESS_EXEC	(1U << 2)
#define GPUMEM_HV_ACCESS_WALK	(1U << 3)
#define GPUMEM_HV_ACCESS_EMUL	(1U << 4)

/**
 * struct gpumem_hv_fault - an access of the guest that waits
 * @index: page in the window
 * @window: the window's id
 * @vcpu: the vCPU that waits, less than gpumem_hv_info.max_faults
 * @token: names this very fault of the vCPU; not zero
 * @access: GPUMEM_HV_ACCESS_* bits, of READ, WRITE and EXEC exactly one
 */
struct gpumem_hv_fault {
	u64 index;
	u32 window;
	u32 vcpu;
	u32 token;
	u32 access;
};

/**
 * struct gpumem_hv_info - what the hypervisor can do, and for whom
 * @version: of the hypervisor's interface; zero for the mock
 * @features: bits of the hypervisor's interface, GPUMEM_HV_FEAT_*
 * @max_windows: windows that one guest can have
 * @max_extents: extents in one call of map
 * @max_frames: frames in one call of map
 * @max_faults: vCPUs of the guest; zero if no guest was named
 * @max_window: frames that all windows of one guest can have together
 * @gfn_end: first guest frame past the address width; zero if no guest named
 * @generation: of the guest; zero if no guest was named
 */
struct gpumem_hv_info {
	u32 version;
	u32 features;
	u32 max_windows;
	u32 max_extents;
	u32 max_frames;
	u32 max_faults;
	u64 max_window;
	u64 gfn_end;
	u64 generation;
};

/**
 * struct gpumem_hv_dom - one attachment to one guest
 * @domid: the guest's number; set before attach
 * @generation: before attach, zero or what is expected; attach sets it
 * @event: set before attach; called when there may be something to poll.
 *	From hard interrupt context, or any other: must not sleep.  Can be
 *	called before attach has returned, never after detach has.  After a
 *	call there is no other until gpumem_hv_ops.event_done was called.
 * @irq: private to the implementation
 * @port: private to the implementation
 * @priv: private to the implementation
 *
 * Lives in the owner's structure.
 */
struct gpumem_hv_dom {
	u16 domid;
	u64 generation;
	void (*event)(struct gpumem_hv_dom *dom);
	unsigned int irq;
	u32 port;
	void *priv;
};

/**
 * struct gpumem_hv_ops - the table
 */
struct gpumem_hv_ops {
	/** @name: for messages */
	const char *name;

	/** @mock: the implementation serves no guest */
	bool mock;

	/**
	 * @init: called once at load, in process context.  -ENODEV if there is
	 * no such hypervisor; the module does not load then.
	 */
	int (*init)(void);

	/** @exit: undoes @init; nothing is attached any more */
	void (*exit)(void);

	/**
	 * @query: what is possible, in process context.  @domid is the guest's
	 * or negative for none.  @info->generation: IN, zero or expected.
	 *
	 * -EPERM not allowed to lend to it; -ESRCH; -EOPNOTSUPP lending is off
	 */
	int (*query)(int domid, struct gpumem_hv_info *info);

	/**
	 * @attach: become the guest's lender, in process context.  One event
	 * comes soon after.
	 *
	 * -EEXIST attached already, by something else in this domain;
	 * -EOPNOTSUPP the guest cannot borrow; -EXDEV its devices share its
	 * page tables; -EBUSY log-dirty mode; -EPERM; -ESRCH; -ENOMEM
	 */
	int (*attach)(struct gpumem_hv_dom *dom);

	/**
	 * @detach: undo attach, in process context.  Destroys the windows,
	 * lets every vCPU run, stops the events: @dom may be freed after it.
	 * Cannot fail.
	 */
	void (*detach)(struct gpumem_hv_dom *dom);

	/**
	 * @event_done: the event was dealt with; the next may come.  Any
	 * context, but not after detach.
	 */
	void (*event_done)(struct gpumem_hv_dom *dom);

	/**
	 * @create: reserve a window of @nr frames at @gfn (or
	 * GPUMEM_HV_PARKED), in process context.  @id: OUT, its id.
	 *
	 * -EEXIST, -EADDRNOTAVAIL, -ERANGE, -E2BIG, -ENOSPC, -ENOMEM,
	 * -EBUSY the guest is dying
	 */
	int (*create)(struct gpumem_hv_dom *dom, u64 gfn, u64 nr,
		      enum gpumem_hv_orphan orphan, u32 *id);

	/**
	 * @move: give a window another address, in process context.  All
	 * pages are revoked; on errors the window is where it was, and some
	 * may be, unless the error is
	 *
	 * -EEXIST, -EADDRNOTAVAIL, -ERANGE as of @create: nothing has changed
	 *
	 * Others: -EAGAIN the new place was taken meanwhile; -EBUSY the guest
	 * is dying; -EPERM not allowed to lend to it any more
	 */
	int (*move)(struct gpumem_hv_dom *dom, u32 id, u64 gfn);

	/**
	 * @destroy: revoke all and free the window, in process context.  No
	 * errors but -ESRCH and -ENOENT.
	 */
	int (*destroy)(struct gpumem_hv_dom *dom, u32 id);

	/**
	 * @map: lend frames, innermost.  @nr: extents, 1 .. max_extents, with
	 * at most max_frames frames.  @done: OUT on errors too, frames mapped,
	 * counted over the extents in order; may be less than all with a
	 * result of 0, but not none.  An error is that of the next frame.
	 * vCPUs that wait for a frame just mapped run.
	 *
	 * -ENXIO parked, or outside; -EEXIST occupied and no
	 * GPUMEM_ATTR_REPLACE; -EBUSY the guest has something of its own
	 * there; -EACCES not ours to lend; -ETXTBSY a page table of ours;
	 * -ENOMEM the guest's paging pool is exhausted; -EAGAIN window is
	 * being moved or destroyed
	 */
	int (*map)(struct gpumem_hv_dom *dom, u32 id,
		   const struct gpumem_extent *ext, unsigned int nr,
		   unsigned int *done);

	/**
	 * @revoke: take pages back, innermost.  When it returns, no vCPU can
	 * reach them.  @downgrade: take only the permission to write; pages
	 * for which that is not possible are taken whole.  Absent pages are
	 * skipped.  Where the hypervisor has several pages in one entry, and
	 * only some of them are named, others may be taken along.  @cleared:
	 * OUT, pages that lost something, named or not.
	 *
	 * No errors but -ESRCH and -ENOENT, after which nothing is reachable
	 * either.  Anything else is a defect.
	 */
	int (*revoke)(struct gpumem_hv_dom *dom, u32 id, u64 index, u64 nr,
		      bool downgrade, u64 *cleared);

	/**
	 * @sever: the last resort where @revoke failed against its promise,
	 * innermost.  Takes back everything that was ever lent to the guest.
	 */
	int (*sever)(struct gpumem_hv_dom *dom);

	/**
	 * @poll: fetch faults, in process context.  @nr: OUT, records written
	 * to @faults; @more: OUT, there are more, be it
	 * that @max was reached or not.
	 *
	 * -ESRCH also when the guest is dying.
	 */
	int (*poll)(struct gpumem_hv_dom *dom, struct gpumem_hv_fault *faults,
		    unsigned int max, unsigned int *nr, bool *more);

	/**
	 * @resolve: let the vCPU of a fault run, in process context or with a
	 * window's mutex held.
	 *
	 * -ESTALE it does not wait with that token any more: no harm done
	 */
	int (*resolve)(struct gpumem_hv_dom *dom, u32 vcpu, u32 token,
		       enum gpumem_hv_action action);

	/**
	 * @frame: what the hypervisor calls a page frame of ours, and whether
	 * it may be lent at all.  Any context, does not sleep.  @page: its
	 * struct page where it is known to be ordinary memory, else NULL.
	 * @frame: OUT.  @io: OUT, it is device memory.
	 *
	 * -EACCES it is not ours (foreign, granted), or no frame at all
	 */
	int (*frame)(unsigned long pfn, struct page *page, u64 *frame,
		     bool *io);
};

extern const struct gpumem_hv_ops *gpumem_hv;

extern const struct gpumem_hv_ops gpumem_hv_xen;
#ifdef CONFIG_XEN_GPUMEM_TEST
extern const struct gpumem_hv_ops gpumem_hv_mock;
#endif

#endif /* _XEN_GPUMEM_HV_H */
