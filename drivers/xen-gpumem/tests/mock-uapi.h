/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * The control device of the mock hypervisor: /dev/xen/gpumem-mock.
 *
 * Not an interface: it exists in test builds only, is root's alone, and
 * changes with the tests that use it.  All calls take a pointer to the
 * structure of the same name and return 0 or an errno.
 *
 * Domains belong to the open file that made them, and are destroyed with it,
 * as are injections: a test that ends, however it ends, leaves nothing behind.
 */
#ifndef _XEN_GPUMEM_MOCK_UAPI_H
#define _XEN_GPUMEM_MOCK_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define XGM_TYPE	0xBA

/* Operations of the hypervisor table, for injections. */
enum xgm_op {
	XGM_OP_QUERY,
	XGM_OP_ATTACH,
	XGM_OP_DETACH,
	XGM_OP_CREATE,
	XGM_OP_MOVE,
	XGM_OP_DESTROY,
	XGM_OP_MAP,
	XGM_OP_REVOKE,
	XGM_OP_SEVER,
	XGM_OP_POLL,
	XGM_OP_RESOLVE,
	XGM_OP_FRAME,
	XGM_OP_NR,
};

/* Make a domain. */
struct xgm_create {
	__u16 domid;
	__u16 pad;
	__u32 vcpus;
	__u32 pool;		/* page tables of its paging pool; 0: plenty */
	__u32 ram_pages;	/* at guest frame 0 */
	__u64 gfn_end;		/* 0: 40 bits of address */
	__u64 out_generation;
};

/* End a domain. */
struct xgm_kill {
	__u16 domid;
	__u16 pad;
	__u32 gone;		/* 0: it begins to die; 1: nothing is left */
};

/* What became of an access. */
enum xgm_result {
	XGM_DONE,		/* value was read or written */
	XGM_INJECTED,		/* the guest got a fault */
	XGM_MMIO,		/* on to the device model: there is a window */
	XGM_NOWINDOW,		/* the same: there is none */
	XGM_OWN,		/* the guest has plugged something of its own */
	XGM_HUNG,		/* the vCPU still waited when time was up */
	XGM_DEAD,		/* the domain is gone or crashed */
};

/*
 * Access guest memory as a vCPU: the calling thread waits as the vCPU would.
 * 8 bytes, aligned.  access: READ, WRITE or EXEC of XEN_LEND_ACCESS_*, just one
 * of them (EINVAL), as Xen tells them of its guests.
 * EBUSY: another thread is that vCPU now.  EINTR: killed.
 */
struct xgm_access {
	__u16 domid;
	__u16 pad;
	__u32 vcpu;
	__u32 access;
	__u32 timeout_ms;
	__u64 gpa;
	__u64 value;
	__u64 out_frame;
	__u32 out_result;
	__u32 out_faults;	/* times that the vCPU had to wait */
};

/* What the page tables hold for a page of a window. */
struct xgm_inspect {
	__u16 domid;
	__u16 pad;
	__u32 window;
	__u64 index;
	__u64 out_frame;	/* ~0: absent */
	__u32 out_attr;
	__u32 out_pad;
};

/*
 * Make an operation misbehave: after @skip more calls of it, for @times calls.
 * err: fail with it; ESRCH kills the domain as well.  0: do not fail.
 * POLL with EAGAIN: finds nothing.  REVOKE: fails without revoking, against
 * the contract.  MOVE, but with EEXIST, EADDRNOTAVAIL, ERANGE: revokes first.
 * delay_us: busy-wait first.  hold_ms: wait for XGM_RELEASE first, at most so
 * long.
 */
struct xgm_inject {
	__u32 op;
	__u32 err;
	__u32 skip;
	__u32 times;
	__u32 delay_us;
	__u32 hold_ms;
};

/* How often an operation was called, and what the injection did. */
struct xgm_state {
	__u32 op;
	__u32 wait_held_ms;	/* wait until somebody is held: ETIMEDOUT */
	__u64 out_calls;	/* since the injection was set */
	__u32 out_hits;
	__u32 out_held;
};

/* Change how the hypervisor of one domain works. */
struct xgm_tune {
	__u16 domid;
	__u16 pad;
	__u32 map_stop;		/* frames after which MAP stops; 0: never */
	__u32 whole;		/* downgrades take the page whole */
	__u32 bad_times;	/* MAP of the page fails so, so often */
	__u32 bad_window;
	__u32 bad_err;
	__u64 bad_index;
};

/* The guest puts pages of its own over guest frames; nr 0: takes all away. */
struct xgm_plug {
	__u16 domid;
	__u16 pad;
	__u32 nr;
	__u64 gfn;
};

/* Something happens to a domain. */
enum xgm_poke_what {
	XGM_POKE_EVENT,		/* an event with nothing to poll */
	XGM_POKE_WAKE,		/* the vCPU runs, though nothing was resolved */
};

struct xgm_poke {
	__u16 domid;
	__u16 pad;
	__u32 what;
	__u32 vcpu;
	__u32 pad2;
};

/* What a kernel can find out about itself, and we about such a kernel. */
enum xgm_wrong_what {
	XGM_WRONG_SLEEP,	/* in atomic context */
	XGM_WRONG_SHIFT,	/* too far */
	XGM_WRONG_ORDER,	/* of locks */
	XGM_WRONG_USE,		/* of freed memory */
	XGM_WRONG_LEAK,
};

/* Do it, once. */
struct xgm_wrong {
	__u32 what;
	__u32 pad;
};

/*
 * Counters of a domain, and what was wrong.  violations: breaches of the
 * table's contract by the driver, and pages lent that are free memory; looked
 * for anew at each call.
 */
struct xgm_stats {
	__u16 domid;
	__u16 pad;
	__u32 out_violations;
	__u32 out_why;		/* line of hv-mock*.c that found the last one */
	__u32 out_windows;
	__u32 out_attached;
	__u32 out_waiting;	/* vCPUs that wait */
	__u32 out_pool_used;
	__u32 out_max_frames;	/* of one MAP */
	__u32 out_max_extents;
	__u32 out_pad;
	__u64 out_present;	/* pages lent now */
	__u64 out_maps;
	__u64 out_mapped;
	__u64 out_revokes;
	__u64 out_revoked;
	__u64 out_downgraded;
	__u64 out_flushes;	/* revokes that found something */
	__u64 out_severs;
	__u64 out_polls;
	__u64 out_polled;
	__u64 out_resolves[4];	/* by action */
	__u64 out_stale;
	__u64 out_events;
	__u64 out_done;		/* events that were dealt with */
};

#define XGM_CREATE	_IO(XGM_TYPE, 0x00)
#define XGM_KILL	_IO(XGM_TYPE, 0x01)
#define XGM_ACCESS	_IO(XGM_TYPE, 0x02)
#define XGM_INSPECT	_IO(XGM_TYPE, 0x03)
#define XGM_INJECT	_IO(XGM_TYPE, 0x04)
#define XGM_STATE	_IO(XGM_TYPE, 0x05)
#define XGM_RELEASE	_IO(XGM_TYPE, 0x06)	/* struct xgm_state: @op */
#define XGM_TUNE	_IO(XGM_TYPE, 0x07)
#define XGM_PLUG	_IO(XGM_TYPE, 0x08)
#define XGM_POKE	_IO(XGM_TYPE, 0x09)
#define XGM_STATS	_IO(XGM_TYPE, 0x0a)
#define XGM_WRONG	_IO(XGM_TYPE, 0x0b)

#endif /* _XEN_GPUMEM_MOCK_UAPI_H */
