/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR MIT) */
/*
 * Lending host memory to a Xen guest: the interface of /dev/xen/gpumem.
 *
 * The objects:
 *
 * - A *domain fd* stands for one guest, for its whole life: it names the guest
 *   by number and generation, so that it never reaches another guest that is
 *   given the same number later.  A privileged process makes it
 *   (XEN_GPUMEM_OPEN_DOMAIN on the device node) and may hand it to an
 *   unprivileged one; every other call is made on it.  Its holder can make
 *   another one that may do less (XEN_GPUMEM_DERIVE), never more.
 * - A *window* is a range of guest addresses with no RAM behind it, a PCI BAR
 *   typically, reserved by XEN_GPUMEM_WINDOW_ADD.  It belongs to the fd that
 *   added it.
 * - A *binding* puts a range of the calling process's virtual addresses, or a
 *   part of a file, behind a part of a window (XEN_GPUMEM_BIND).  It follows
 *   the *addresses*, as KVM's memory slots do: whatever the process maps there
 *   later, with mmap(MAP_FIXED) say, is what the guest sees from then on.
 *   Nothing is pinned: the kernel moves, writes back, swaps and migrates the
 *   memory as if nobody else used it.
 * - An *export* is the other way round: pages of the guest as a dma-buf.
 *
 * The guest's first access to a page brings it in, by the host's own page
 * fault path; the vCPU waits and the guest notices nothing.  No call ever waits
 * for a vCPU, so the thread that serves a vCPU's exits may make any of them.
 * What went wrong without a call is read from the domain fd: see struct
 * xen_gpumem_event.
 *
 * All calls are ioctls on type XEN_GPUMEM_TYPE without direction or size in
 * the number.  The argument is a structure that begins with its own size in
 * bytes: a kernel that knows a longer one takes what is missing as zero; one
 * that knows a shorter one takes the call if what it does not know is zero.
 * Fields and flag bits that are reserved must be zero.  Addresses, offsets and
 * lengths are in bytes and multiples of 4096, on every architecture.
 *
 * Errors common to all calls.  A call that fails has changed nothing, unless
 * its description says so.
 *
 *   ENOTTY      no such call on this file
 *   E2BIG       the structure's unknown tail is not zero
 *   EINVAL      size below the first version's, a reserved field or unknown
 *               flag is not zero, or a value is malformed (alignment, wrap)
 *   EFAULT      the structure itself is not accessible
 *   EOPNOTSUPP  a value that a later version may accept
 *   ESRCH       the domain is gone: all its windows are dead, and only
 *               removing them, and close(), are of use
 *   EINTR       a signal came first
 *   ENOMEM      no memory for the kernel's bookkeeping
 */
#ifndef _UAPI_XEN_GPUMEM_H
#define _UAPI_XEN_GPUMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define XEN_GPUMEM_TYPE		0xB9

/* Version of this interface; features are asked for with XEN_GPUMEM_INFO. */
#define XEN_GPUMEM_ABI		1

/**
 * struct xen_gpumem_info - XEN_GPUMEM_INFO, on the node or a domain fd
 * @size: sizeof(struct xen_gpumem_info)
 * @flags: zero
 * @out_abi: XEN_GPUMEM_ABI of the driver
 * @out_hv_version: version of the hypervisor's interface, zero for a mock
 * @out_features: XEN_GPUMEM_FEAT_* bits
 * @out_rights: on a domain fd, its XEN_GPUMEM_RIGHT_* bits; else zero
 * @out_max_windows: windows that one guest can have
 * @out_max_bindings: bindings that one domain fd can have
 * @out_max_window: bytes that all windows of one guest can have together
 * @out_gpa_end: on a domain fd, first address past the guest's address width
 *
 * The numbers are limits of the interface; the fd's own limits are lower.
 */
struct xen_gpumem_info {
	__u32 size;
	__u32 flags;
	__u32 out_abi;
	__u32 out_hv_version;
	__aligned_u64 out_features;
	__u32 out_rights;
	__u32 out_max_windows;
	__u32 out_max_bindings;
	__u32 __reserved;
	__aligned_u64 out_max_window;
	__aligned_u64 out_gpa_end;
};

#define XEN_GPUMEM_INFO		_IO(XEN_GPUMEM_TYPE, 0x00)

/* The driver runs on its own mock hypervisor: for tests, serves no guest. */
#define XEN_GPUMEM_FEAT_MOCK		(1ULL << 0)
/* XEN_GPUMEM_SOURCE_FD */
#define XEN_GPUMEM_FEAT_SOURCE_FD	(1ULL << 1)
/* XEN_GPUMEM_DERIVE, ranges, XEN_GPUMEM_RIGHT_REMOVE */
#define XEN_GPUMEM_FEAT_DERIVE		(1ULL << 2)
/* read() and poll() of events */
#define XEN_GPUMEM_FEAT_EVENTS		(1ULL << 3)

/*
 * What a domain fd may be used for.  LEND: windows and bindings.  REMOVE:
 * WINDOW_REMOVE on windows that any fd of the guest has added, to clean up
 * after a backend.  EXPORT_GRANTS, EXPORT_FRAMES: the calls of those names, for
 * the guest's pages by grant reference or by guest address.  GRANT: grant
 * references for dma-bufs of the host's.
 */
#define XEN_GPUMEM_RIGHT_LEND		(1U << 0)
#define XEN_GPUMEM_RIGHT_EXPORT_GRANTS	(1U << 1)
#define XEN_GPUMEM_RIGHT_EXPORT_FRAMES	(1U << 2)
#define XEN_GPUMEM_RIGHT_REMOVE		(1U << 3)
#define XEN_GPUMEM_RIGHT_GRANT		(1U << 4)

/**
 * struct xen_gpumem_range - where a right may be used
 * @right: one XEN_GPUMEM_RIGHT_* bit: LEND, EXPORT_GRANTS or EXPORT_FRAMES
 * @__reserved: zero
 * @first: first guest address; for EXPORT_GRANTS first grant reference
 * @length: bytes; for EXPORT_GRANTS references.  Not zero
 *
 * A right for which no range is given can be used anywhere: LEND where the
 * guest has no RAM, which is what is needed where the addresses of BARs are
 * not known yet.  A window must lie in one range, or in several that adjoin;
 * a parked one lies nowhere and is always allowed.
 */
struct xen_gpumem_range {
	__u32 right;
	__u32 __reserved;
	__aligned_u64 first;
	__aligned_u64 length;
};

/* Ranges that one fd can have. */
#define XEN_GPUMEM_MAX_RANGES		64

/**
 * struct xen_gpumem_open_domain - XEN_GPUMEM_OPEN_DOMAIN, on the device node
 * @size: sizeof(struct xen_gpumem_open_domain)
 * @flags: zero, or XEN_GPUMEM_OPEN_CLOEXEC
 * @domid: the guest's number
 * @__reserved: zero
 * @rights: XEN_GPUMEM_RIGHT_* that the fd is to have, at least one
 * @max_windows: windows that the fd may have; zero: no limit of its own
 * @max_bindings: bindings that the fd may have; zero: no limit of its own
 * @max_bytes: bytes that all bindings of the fd may cover together; zero: no
 *	limit of its own
 * @generation: IN: zero, or what the guest's generation is expected to be.
 *	OUT: what it is
 * @ranges: address of an array of struct xen_gpumem_range
 * @nr_ranges: its length, at most XEN_GPUMEM_MAX_RANGES
 * @max_exports: buffers exported through the fd that may exist at a time;
 *	zero: no limit of its own
 * @max_export_bytes: bytes in them together; zero: no limit of its own
 * @max_grants: grant references given through the fd that may exist at a time;
 *	zero: no limit of its own
 * @__reserved1: zero
 *
 * Returns a new file descriptor.  Opening the node is the privilege; the node
 * is root's alone by default.
 *
 * Errors: ESRCH no such domain, or another generation; EPERM the hypervisor
 * does not let this domain lend to that one (itself included); EOPNOTSUPP the
 * guest cannot borrow (PV, no nested paging, nested virtualisation, altp2m) or
 * a right is not supported; EXDEV the guest's devices share its page tables;
 * EBUSY log-dirty mode is on, or another driver is attached to the guest;
 * EMFILE, ENFILE.
 */
struct xen_gpumem_open_domain {
	__u32 size;
	__u32 flags;
	__u16 domid;
	__u16 __reserved;
	__u32 rights;
	__u32 max_windows;
	__u32 max_bindings;
	__aligned_u64 max_bytes;
	__aligned_u64 generation;
	__aligned_u64 ranges;
	__u32 nr_ranges;
	__u32 max_exports;
	__aligned_u64 max_export_bytes;
	__u32 max_grants;
	__u32 __reserved1;
};

#define XEN_GPUMEM_OPEN_DOMAIN	_IO(XEN_GPUMEM_TYPE, 0x01)

#define XEN_GPUMEM_OPEN_CLOEXEC		(1U << 0)

/* A window without an address: a BAR that is not programmed or disabled. */
#define XEN_GPUMEM_PARKED		(~0ULL)

/*
 * What an access does that finds nothing.
 *
 * INJECT: a general protection fault in the guest.  ZERO: a page of zeroes
 * that cannot be written; a write injects.  Memory that the process maps there
 * later is seen after a tenth of a second at most.  MMIO: the access goes on to
 * the device model as if there were no window; with nobody there it reads all
 * ones and writes are dropped.
 */
#define XEN_GPUMEM_POLICY_INJECT	0
#define XEN_GPUMEM_POLICY_ZERO		1
#define XEN_GPUMEM_POLICY_MMIO		2

/**
 * struct xen_gpumem_window_add - XEN_GPUMEM_WINDOW_ADD
 * @size: sizeof(struct xen_gpumem_window_add)
 * @flags: zero
 * @gpa: guest address, or XEN_GPUMEM_PARKED
 * @length: bytes, not zero
 * @hole_policy: XEN_GPUMEM_POLICY_* of parts where nothing is bound
 * @out_window: the window's id, unique among the guest's windows while it lives
 *
 * The window can be larger than what will ever be bound: it costs next to
 * nothing by itself.
 *
 * Errors: EEXIST overlaps another window, or something that the guest has
 * there; EADDRNOTAVAIL overlaps a range special to the platform (APICs, HPET,
 * MSI, first MiB); ERANGE ends past the guest's address width; ENOSPC too many
 * windows, or bytes in windows; EPERM the fd has no right to lend; EACCES does
 * not lie in the fd's ranges; EOPNOTSUPP the guest has come to use what lending
 * does not go with (log-dirty mode, altp2m).
 */
struct xen_gpumem_window_add {
	__u32 size;
	__u32 flags;
	__aligned_u64 gpa;
	__aligned_u64 length;
	__u32 hole_policy;
	__u32 out_window;
};

#define XEN_GPUMEM_WINDOW_ADD	_IO(XEN_GPUMEM_TYPE, 0x02)

/**
 * struct xen_gpumem_window_remove - XEN_GPUMEM_WINDOW_REMOVE
 * @size: sizeof(struct xen_gpumem_window_remove)
 * @window: id
 *
 * Unbinds all that is bound in the window and frees it.  The addresses become
 * what they were before.  Works on a dead domain.
 *
 * Errors: ENOENT no such window; EPERM another fd added it, and this one has
 * not XEN_GPUMEM_RIGHT_REMOVE.
 */
struct xen_gpumem_window_remove {
	__u32 size;
	__u32 window;
};

#define XEN_GPUMEM_WINDOW_REMOVE	_IO(XEN_GPUMEM_TYPE, 0x03)

/**
 * struct xen_gpumem_window_move - XEN_GPUMEM_WINDOW_MOVE
 * @size: sizeof(struct xen_gpumem_window_move)
 * @window: id
 * @gpa: new guest address, or XEN_GPUMEM_PARKED
 *
 * Bindings stay; their pages are faulted in anew at the new address.  After a
 * failure the window is where it was, and the guest has all pages that it had.
 * But where another window is put into the new place during the call, by
 * another thread or fd (EEXIST as well), or the hypervisor's policy takes the
 * right to lend away (EPERM), pages may have to be faulted in anew.  A caller
 * cannot tell whether that is so, and has nothing to do if it is.
 *
 * Errors: EEXIST, EADDRNOTAVAIL, ERANGE and EACCES as of WINDOW_ADD; ENOENT no
 * such window; EPERM another fd added it.
 */
struct xen_gpumem_window_move {
	__u32 size;
	__u32 window;
	__aligned_u64 gpa;
};

#define XEN_GPUMEM_WINDOW_MOVE	_IO(XEN_GPUMEM_TYPE, 0x04)

/* The guest may not write.  Its writes get what @fail_policy says. */
#define XEN_GPUMEM_BIND_READONLY	(1U << 0)
/*
 * Fault pages in for writing even when the guest only reads: one fault per
 * page instead of two.  For memory that is sure to be written, and where a
 * write by the host is harmless.
 */
#define XEN_GPUMEM_BIND_WRITE_FIRST	(1U << 1)
/*
 * Take the place of the bindings that lie in the range, at once: a vCPU that
 * touches it meanwhile waits and sees old or new, never a hole.  What yields
 * does not count against the fd's limits any more when they are looked at.
 */
#define XEN_GPUMEM_BIND_REPLACE		(1U << 2)

/* Where a binding's memory comes from. */
#define XEN_GPUMEM_SOURCE_ADDRESS	0	/* addresses of the caller */
#define XEN_GPUMEM_SOURCE_FD		1	/* a file or dma-buf */

/**
 * struct xen_gpumem_bind - XEN_GPUMEM_BIND
 * @size: sizeof(struct xen_gpumem_bind)
 * @flags: XEN_GPUMEM_BIND_* bits
 * @window: id
 * @source: XEN_GPUMEM_SOURCE_*
 * @offset: first byte in the window
 * @length: bytes, not zero
 * @address: first virtual address in the calling process; with SOURCE_FD the
 *	first byte in the file
 * @fail_policy: what the guest gets where the process has nothing mapped, or
 *	what is mapped cannot be supplied: XEN_GPUMEM_POLICY_INJECT or _ZERO
 * @fd: with SOURCE_FD the file, else zero
 *
 * The addresses need not be mapped yet.  Performance is best where @address
 * and the guest address agree in their low 21 bits.  The binding lives until
 * it is unbound, or the process exits: then its @fail_policy applies.
 *
 * Memory that cannot be lent (secretmem, shadow stacks, memory that belongs to
 * another guest, special pages in a plain VM_MIXEDMAP mapping) can be bound as
 * any other; but the guest gets @fail_policy for it, as where nothing is
 * mapped.
 *
 * SOURCE_FD is mmap(), BIND, and munmap() with the binding, in one: whatever
 * can be mapped MAP_SHARED (memfd, file, udmabuf, dma-heap, PRIME buffer) is
 * mapped somewhere in the calling process, for writing unless READONLY is set,
 * and lent; the fd is not needed afterwards.  The mapping is as good as any
 * other: it counts against the process's limits, can be seen in its maps, and
 * if the process unmaps, moves or maps over some of it, there is nothing
 * mapped there any more, or something else, and the mapping is the process's
 * to unmap.  Otherwise it goes when the binding does: before the call returns
 * that ends the binding, if the process that bound is the one that calls;
 * soon after, if another one does, or closes the last fd.  It is not inherited
 * over fork(), unless it has become one with an adjoining mapping of the same
 * file that is the process's own.
 *
 * Errors: ENOENT no such window; EPERM another fd added it, or the fd has no
 * right to lend; ERANGE the range does not lie in the window; EEXIST the range
 * overlaps a binding (with REPLACE: a binding that is not wholly in the
 * range); ENOSPC one of the fd's limits.  With SOURCE_FD also: EBADF no such
 * file; and those of mmap(), with their meanings: EACCES it is not open for
 * reading, or, without READONLY, for writing; ENODEV it cannot be mapped;
 * EPERM it is sealed, or mounted without permission; EOVERFLOW, EAGAIN,
 * EINVAL a huge page is cut, or the file refuses the range.
 */
struct xen_gpumem_bind {
	__u32 size;
	__u32 flags;
	__u32 window;
	__u32 source;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 address;
	__u32 fail_policy;
	__s32 fd;
};

#define XEN_GPUMEM_BIND		_IO(XEN_GPUMEM_TYPE, 0x05)

/**
 * struct xen_gpumem_unbind - XEN_GPUMEM_UNBIND
 * @size: sizeof(struct xen_gpumem_unbind)
 * @window: id
 * @offset: first byte in the window
 * @length: bytes, not zero
 *
 * Unbinds every binding that lies in the range.  When it returns, the guest
 * cannot reach the memory.  Works on a dead domain.
 *
 * Errors: ENOENT no such window, or nothing is bound in the range; EPERM
 * another fd added it; ERANGE the range does not lie in the window; EEXIST a
 * binding overlaps the range without lying in it.
 */
struct xen_gpumem_unbind {
	__u32 size;
	__u32 window;
	__aligned_u64 offset;
	__aligned_u64 length;
};

#define XEN_GPUMEM_UNBIND	_IO(XEN_GPUMEM_TYPE, 0x06)

/* Fault in for writing, as a write by the guest would. */
#define XEN_GPUMEM_POPULATE_WRITE	(1U << 0)

/**
 * struct xen_gpumem_populate - XEN_GPUMEM_POPULATE
 * @size: sizeof(struct xen_gpumem_populate)
 * @flags: zero, or XEN_GPUMEM_POPULATE_WRITE
 * @window: id
 * @__reserved: zero
 * @offset: first byte in the window
 * @length: bytes, not zero
 * @out_done: bytes done, from @offset on; set on errors too
 *
 * Gives the guest pages in advance.  A hint about speed: pages may be taken
 * back at once.  The caller's process must be the one that bound them.
 *
 * Errors: ENOENT no such window, or nothing is bound at @offset + @out_done;
 * EPERM another fd added it, or another process bound it; ERANGE the range
 * does not lie in the window; ENODATA nothing is mapped there in the process,
 * or not with that permission, or its own access would get a SIGBUS; EACCES
 * what is mapped there cannot be lent; ENXIO the window is parked; EBUSY the
 * guest has put something of its own there; ENOSPC the guest's paging pool is
 * exhausted; EAGAIN the host kept moving the memory; EINTR.
 */
struct xen_gpumem_populate {
	__u32 size;
	__u32 flags;
	__u32 window;
	__u32 __reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 out_done;
};

#define XEN_GPUMEM_POPULATE	_IO(XEN_GPUMEM_TYPE, 0x07)

/**
 * struct xen_gpumem_window_query - XEN_GPUMEM_WINDOW_QUERY
 * @size: sizeof(struct xen_gpumem_window_query)
 * @window: id
 * @offset: first byte in the window that the page counts are about
 * @length: bytes; zero: to the end of the window
 * @out_pages: pages that the guest has now
 * @out_writable: of them, those that it can write
 * @out_io: of them, those in device memory (VRAM)
 * @out_noncacheable: of them, those mapped write-combining or uncached
 * @out_bound: pages that are bound
 * @out_faults: faults of the guest, since the window was added; each is counted
 *	before it is answered
 * @out_failed: faults that ended in a policy
 * @out_retries: times that a fault's memory moved while it was being served
 * @out_mapped: pages given to the guest, ever
 * @out_revokes: revocations that took pages from the guest
 * @out_revoked: pages taken, ever
 * @out_downgraded: pages that lost only the permission to write, ever
 * @out_revoke_ns_max: longest revocation, in nanoseconds
 * @out_fault_ns_max: longest service of one fault, in nanoseconds
 *
 * A snapshot: the numbers are not taken at one instant.
 *
 * Errors: ENOENT no such window; EPERM another fd added it; ERANGE the range
 * does not lie in the window.
 */
struct xen_gpumem_window_query {
	__u32 size;
	__u32 window;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 out_pages;
	__aligned_u64 out_writable;
	__aligned_u64 out_io;
	__aligned_u64 out_noncacheable;
	__aligned_u64 out_bound;
	__aligned_u64 out_faults;
	__aligned_u64 out_failed;
	__aligned_u64 out_retries;
	__aligned_u64 out_mapped;
	__aligned_u64 out_revokes;
	__aligned_u64 out_revoked;
	__aligned_u64 out_downgraded;
	__aligned_u64 out_revoke_ns_max;
	__aligned_u64 out_fault_ns_max;
};

#define XEN_GPUMEM_WINDOW_QUERY	_IO(XEN_GPUMEM_TYPE, 0x08)

/**
 * struct xen_gpumem_derive - XEN_GPUMEM_DERIVE
 * @size: sizeof(struct xen_gpumem_derive)
 * @flags: zero, or XEN_GPUMEM_OPEN_CLOEXEC
 * @rights: XEN_GPUMEM_RIGHT_* that the new fd is to have, at least one
 * @max_windows: as in struct xen_gpumem_open_domain, as the following
 * @max_bindings: bindings
 * @nr_ranges: length of @ranges
 * @max_bytes: bytes that all bindings may cover together
 * @ranges: address of an array of struct xen_gpumem_range.  A right for which
 *	none is given keeps the ranges that this fd has for it
 * @max_exports: buffers
 * @max_grants: grant references
 * @max_export_bytes: bytes in the buffers together
 *
 * Returns a new file descriptor for the same guest, which may do what it is
 * given and what this one may do, and no more.  What it uses counts against
 * the limits of this one, too, and of those that this one was derived from;
 * so its limits may be larger than this one's, to no avail.  It lives on when
 * this one is closed.  Windows that are added through it are its own: this one
 * can remove them only with XEN_GPUMEM_RIGHT_REMOVE.
 *
 * Errors: EPERM a right that this fd has not; EACCES a range that does not lie
 * in those of this fd; ELOOP this one was derived from one that was derived,
 * and so on, too often; ENOSPC too many are derived from this one, or from one
 * above it; EMFILE, ENFILE.
 */
struct xen_gpumem_derive {
	__u32 size;
	__u32 flags;
	__u32 rights;
	__u32 max_windows;
	__u32 max_bindings;
	__u32 nr_ranges;
	__aligned_u64 max_bytes;
	__aligned_u64 ranges;
	__u32 max_exports;
	__u32 max_grants;
	__aligned_u64 max_export_bytes;
};

#define XEN_GPUMEM_DERIVE	_IO(XEN_GPUMEM_TYPE, 0x09)

/* An access that a binding could not serve got the binding's policy. */
#define XEN_GPUMEM_EVENT_FAULT		1
/* A process that bound memory is gone; its bindings have only a policy left. */
#define XEN_GPUMEM_EVENT_ORPHAN		2
/* The guest is gone: the last record that comes. */
#define XEN_GPUMEM_EVENT_GONE		3
/* Records were dropped, as nobody read them; those after this are newer. */
#define XEN_GPUMEM_EVENT_OVERFLOW	4

/* What the guest wanted. */
#define XEN_GPUMEM_ACCESS_READ		(1U << 0)
#define XEN_GPUMEM_ACCESS_WRITE		(1U << 1)
#define XEN_GPUMEM_ACCESS_EXEC		(1U << 2)

/**
 * struct xen_gpumem_event - what read() on a domain fd returns
 * @size: bytes in this record: the next one begins there
 * @type: XEN_GPUMEM_EVENT_*
 * @window: FAULT, ORPHAN: the window's id
 * @count: how many of the kind this record stands for: accesses, bindings,
 *	records that were dropped
 * @offset: FAULT: page in the window; ORPHAN: first byte of the bindings
 * @length: FAULT: bytes, all of them failed likewise; ORPHAN: bytes from the
 *	first to the last of the bindings
 * @error: FAULT: what was in the way, as a positive errno: ENODATA nothing is
 *	mapped there, or the process is gone, or its own access would get a
 *	SIGBUS (past the end of a file, an I/O error); EROFS a write to what
 *	cannot be written; EACCES it cannot be lent; ENOSPC the guest's paging
 *	pool is exhausted; EBUSY the guest has put something of its own there;
 *	ENOMEM the host has no memory
 * @access: FAULT: XEN_GPUMEM_ACCESS_* bits
 *
 * read() returns as many whole records as there are and fit in the buffer.  A
 * later version may have longer records, with more at their ends.  Records
 * about windows go to the fd that added the window; GONE goes to all.  A fd
 * keeps a fixed number of them: what is like a record that was not read yet,
 * and adjoins it, is counted there, and what is too much is dropped and counted
 * in an OVERFLOW record.  So a guest that faults without end costs nothing.
 *
 * poll() says POLLIN when there is something to read, and POLLHUP when the
 * guest is gone.  Without O_NONBLOCK read() waits.
 *
 * Errors of read(): EINVAL the buffer is too small for one record; EAGAIN there
 * is none, and O_NONBLOCK is set; EINTR; EFAULT.  After GONE was read: 0.
 */
struct xen_gpumem_event {
	__u32 size;
	__u32 type;
	__u32 window;
	__u32 count;
	__aligned_u64 offset;
	__aligned_u64 length;
	__s32 error;
	__u32 access;
};

/*
 * Export, the other way round: the guest's own pages as a dma-buf like any
 * other, for the host's devices and programs.  It holds them, not copies, until
 * its last user is gone: longer than the guest itself, if need be, whose
 * remains stay in Xen until then.
 */

#define XEN_GPUMEM_FEAT_EXPORT		(1ULL << 4)	/* the calls below */

/*
 * Nobody on the host writes: no writable mmap(), no vmap, no mapping for DMA
 * but to read.
 */
#define XEN_GPUMEM_EXPORT_READONLY	(1U << 0)
#define XEN_GPUMEM_EXPORT_CLOEXEC	(1U << 1)
/* Importers that could not let go when told to cannot attach (EOPNOTSUPP). */
#define XEN_GPUMEM_EXPORT_REVOCABLE	(1U << 2)

/**
 * struct xen_gpumem_export_grants - XEN_GPUMEM_EXPORT_GRANTS
 * @size: sizeof(struct xen_gpumem_export_grants)
 * @flags: XEN_GPUMEM_EXPORT_* bits
 * @refs: address of an array of __u32, the pages in order.  One may be there
 *	more than once; the hypervisor maps it 127 times at most
 * @count: references, not zero
 * @out_failed: OUT: after an error that one reference caused, its index; else
 *	@count.  Set on errors too
 * @out_id: OUT: its id, for EXPORT_REVOKE and EXPORT_QUERY on this fd
 * @__reserved: zero
 *
 * Returns the file descriptor of a dma-buf.  The guest must have granted the
 * pages to this domain, with write access unless READONLY is set; it gets them
 * back when the dma-buf is released or revoked.  Closing the domain fd does
 * nothing to a dma-buf, but takes the way to revoke it.
 *
 * The descriptor is not there before @out_id was written.  The size is limited
 * by the fd's maker, and by the driver's parameter max_export_mib.
 *
 * Errors: EPERM the fd has no right to export grants, or the hypervisor's
 * policy forbids it; EACCES a reference is outside of the ranges of that right,
 * or granted for reading only and READONLY is not set (out_failed); ENXIO a
 * reference that the guest has not granted to this domain, or that is of no
 * memory (out_failed); EAGAIN a page that the guest's pager has taken out
 * (out_failed); ENOSPC one of the fd's limits, or larger than any export may
 * be; ENOBUFS the hypervisor cannot keep that many grants mapped; EMFILE,
 * ENFILE; EINTR only a signal that ends the process.  ESRCH is for a guest
 * whose number is free again: what is left of a dead one gives no new pages.
 */
struct xen_gpumem_export_grants {
	__u32 size;
	__u32 flags;
	__aligned_u64 refs;
	__u32 count;
	__u32 out_failed;
	__u32 out_id;
	__u32 __reserved;
};

#define XEN_GPUMEM_EXPORT_GRANTS	_IO(XEN_GPUMEM_TYPE, 0x20)

/**
 * struct xen_gpumem_frames - guest addresses of an export
 * @gpa: first address
 * @length: bytes, not zero
 */
struct xen_gpumem_frames {
	__aligned_u64 gpa;
	__aligned_u64 length;
};

#define XEN_GPUMEM_MAX_FRAMES		65536

/**
 * struct xen_gpumem_export_frames - XEN_GPUMEM_EXPORT_FRAMES
 * @size: sizeof(struct xen_gpumem_export_frames)
 * @flags: XEN_GPUMEM_EXPORT_* bits
 * @ranges: address of an array of struct xen_gpumem_frames: the buffer's pages
 *	in order.  They may overlap
 * @nr_ranges: its length, 1 to XEN_GPUMEM_MAX_FRAMES
 * @out_failed: OUT: after an error that one page caused, its index in the
 *	buffer; else a number that is past them all.  Set on errors too
 * @out_id: OUT: as of EXPORT_GRANTS
 * @__reserved: zero
 *
 * As EXPORT_GRANTS, of the pages that are at those addresses now; the guest is
 * not asked.  They stay the buffer's when the guest puts others there.  The
 * addresses of a PV guest are the machine's.
 *
 * On a PV host they have no struct page: importers without allow_peer2peer
 * cannot map them for DMA (EOPNOTSUPP).
 *
 * Errors: EPERM the fd has no right to export frames, or the hypervisor's
 * policy forbids it; EACCES a range is outside of those of that right
 * (out_failed: its first page); ENXIO no RAM of the guest's there (out_failed);
 * EAGAIN a page that the guest's pager has taken out (out_failed); ENOSPC one
 * of the fd's limits, or larger than any export may be; EMFILE, ENFILE;
 * EOPNOTSUPP a PV host that is not the first domain; EINTR, ESRCH as
 * EXPORT_GRANTS.
 */
struct xen_gpumem_export_frames {
	__u32 size;
	__u32 flags;
	__aligned_u64 ranges;
	__u32 nr_ranges;
	__u32 out_failed;
	__u32 out_id;
	__u32 __reserved;
};

#define XEN_GPUMEM_EXPORT_FRAMES	_IO(XEN_GPUMEM_TYPE, 0x21)

/**
 * struct xen_gpumem_export_revoke - XEN_GPUMEM_EXPORT_REVOKE
 * @size: sizeof(struct xen_gpumem_export_revoke)
 * @id: which
 *
 * Takes the memory away from whoever uses the dma-buf, and gives it back to
 * the guest.  Dynamic importers are told to let go, accesses through mmap()
 * get SIGBUS, and new uses fail with ENODEV.  When it returns 0, nothing on
 * this host reaches the memory any more.  Works on a dead domain, and twice.
 *
 * The driver's parameter export_revoke_ms says how long it waits for users:
 * for mappings, and then for work of devices that is under way.
 *
 * Errors: ENOENT no such export of this fd, or its last user is gone; EBUSY an
 * importer that cannot let go has it mapped: nothing was changed; ETIMEDOUT
 * somebody has not let go yet: no new use is possible, and the pages are still
 * held; call again to wait on; EINTR a signal came first: call again
 */
struct xen_gpumem_export_revoke {
	__u32 size;
	__u32 id;
};

#define XEN_GPUMEM_EXPORT_REVOKE	_IO(XEN_GPUMEM_TYPE, 0x22)

/* Describe the first export whose id is larger; zero is less than all. */
#define XEN_GPUMEM_EXPORT_QUERY_NEXT	(1U << 0)

#define XEN_GPUMEM_EXPORT_REVOKED	(1U << 0)	/* no new uses */
#define XEN_GPUMEM_EXPORT_RETURNED	(1U << 1)	/* the guest has it */

/**
 * struct xen_gpumem_export_query - XEN_GPUMEM_EXPORT_QUERY
 * @size: sizeof(struct xen_gpumem_export_query)
 * @flags: zero, or XEN_GPUMEM_EXPORT_QUERY_NEXT
 * @id: IN: which; OUT: the one that is described
 * @out_flags: flags it was made with
 * @out_state: XEN_GPUMEM_EXPORT_REVOKED, XEN_GPUMEM_EXPORT_RETURNED
 * @out_attached: devices attached
 * @out_mapped: mappings for DMA that exist now
 * @out_static: of them, those of importers that cannot let go
 * @out_mmaps: mappings of processes
 * @out_vmaps: one if the kernel has it mapped
 * @out_pages: pages
 * @out_segments: pieces of adjoining bus addresses in the last mapping for DMA
 *	that was made
 *
 * A snapshot; works on a dead guest.
 *
 * Errors: ENOENT no such export of this fd, or none after it.
 */
struct xen_gpumem_export_query {
	__u32 size;
	__u32 flags;
	__u32 id;
	__u32 out_flags;
	__u32 out_state;
	__u32 out_attached;
	__u32 out_mapped;
	__u32 out_static;
	__u32 out_mmaps;
	__u32 out_vmaps;
	__aligned_u64 out_pages;
	__aligned_u64 out_segments;
};

#define XEN_GPUMEM_EXPORT_QUERY		_IO(XEN_GPUMEM_TYPE, 0x23)

/*
 * The pinned way, for a guest that maps grants itself: references, given to
 * the fd's guest and to no other, for a dma-buf of the host's.  Unlike what is
 * lent, the buffer is held where it is, in system memory, for as long as a
 * reference exists or the guest has one mapped: only the guest can end that.
 */

#define XEN_GPUMEM_FEAT_GRANT		(1ULL << 5)	/* the calls below */

/* The guest can map the pages for reading only. */
#define XEN_GPUMEM_GRANT_READONLY	(1U << 0)

/**
 * struct xen_gpumem_grant - XEN_GPUMEM_GRANT
 * @size: sizeof(struct xen_gpumem_grant)
 * @flags: zero, or XEN_GPUMEM_GRANT_READONLY
 * @fd: the dma-buf
 * @count: pages, not zero
 * @offset: first byte in the buffer
 * @refs: address of an array of @count __u32: OUT: the references, in order.
 *	May be written on errors, too, with numbers that mean nothing then
 * @out_failed: OUT: after an error that one page caused, its index; else
 *	@count.  Set on errors too
 * @out_id: OUT: their id, for GRANT_RELEASE on this fd
 *
 * Grants the fd's guest a part of a dma-buf, page by page.  The buffer stays
 * pinned and attached, all of it, until GRANT_RELEASE has succeeded.  Once all
 * descriptors of the domain fd are closed, or the guest is gone, or the
 * hypervisor's policy has come to forbid asking for it, the driver takes the
 * references back by itself, each as soon as the guest has it not mapped any
 * more, and then lets go of the buffer.
 *
 * Errors: EPERM the fd has no right to grant, or the hypervisor's policy has
 * come to forbid it; EBADF @fd is no dma-buf; ERANGE the pages do not all lie
 * in the buffer; EACCES the buffer's file is not open for writing, and READONLY
 * is not set; EREMOTEIO the buffer is not, and cannot be held, in system memory
 * of this domain's own: it is the memory of a device, or of a guest
 * (out_failed, where it can be told); ENOSPC one of the fd's limits, or of the
 * driver's for all fds together; ENOBUFS this domain's grant table is full.
 */
struct xen_gpumem_grant {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 count;
	__aligned_u64 offset;
	__aligned_u64 refs;
	__u32 out_failed;
	__u32 out_id;
};

#define XEN_GPUMEM_GRANT		_IO(XEN_GPUMEM_TYPE, 0x28)

/* The longest that GRANT_RELEASE can be told to wait. */
#define XEN_GPUMEM_GRANT_MAX_WAIT_MS	60000

/**
 * struct xen_gpumem_grant_release - XEN_GPUMEM_GRANT_RELEASE
 * @size: sizeof(struct xen_gpumem_grant_release)
 * @id: which
 * @wait_ms: how long to wait for the guest, in milliseconds; at most
 *	XEN_GPUMEM_GRANT_MAX_WAIT_MS
 * @out_left: OUT: references that the guest still has mapped; zero where none
 *	was looked at.  Set on errors too
 *
 * Takes references back.  Each one that the guest has not mapped ends for
 * good; then the call waits until the guest has unmapped the others.  When it
 * returns 0, the guest reaches nothing of the buffer any more, the buffer is
 * let go, and the id means nothing.  Works on a dead domain.
 *
 * After EBUSY, ETIMEDOUT and EINTR the guest has what it has mapped, as before,
 * and the buffer is held as before; what the guest unmaps from then on ends
 * within about a second, whether or not the call is repeated.
 *
 * Errors: ENOENT no such references of this fd; EBUSY the guest has some
 * mapped, and @wait_ms is zero; ETIMEDOUT it had for that long; EINTR.
 */
struct xen_gpumem_grant_release {
	__u32 size;
	__u32 id;
	__u32 wait_ms;
	__u32 out_left;
};

#define XEN_GPUMEM_GRANT_RELEASE	_IO(XEN_GPUMEM_TYPE, 0x29)

#endif /* _UAPI_XEN_GPUMEM_H */
