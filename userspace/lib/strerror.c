// SPDX-License-Identifier: MIT
/*
 * What an errno means, by call: all causes that the interface names, and what
 * can be done about them where that is not plain.
 *
 * The same list as in uapi/xen/gpumem.h and docs/uapi.md, which a test holds
 * this table to: each call's own errors first, then those of every call.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

struct text {
	int call;			/* enum xgm_call; zero: any */
	int err;
	const char *text;
};

#define NO_WINDOW	"there is no window of that number"
#define NOT_OURS	"the window was added through another descriptor"
#define NOT_INSIDE	"the range does not lie in the window"
#define FILES		"too many open files"
#define NO_EXPORT	"this descriptor has made no export of that number, or its last user is gone"
#define GONE		"the guest is gone: there are no new pages of it"
#define TOO_MUCH	"a limit of this descriptor, of one above it, or of the module: exports, or bytes in them"
#define NO_GRANT	"this descriptor has given no references of that number, or they were released"
#define PAGER		"the guest's pager has taken a page out: call again"

/* In order of call, then as in the documents. */
static const struct text texts[] = {
	{ XGM_CALL_NODE_OPEN, ENOENT, "the module xen-gpumem is not loaded, or there is no device node for it (modprobe xen-gpumem)" },
	{ XGM_CALL_NODE_OPEN, ENXIO, "the device node belongs to no driver: the module xen-gpumem is not loaded (modprobe xen-gpumem)" },
	{ XGM_CALL_NODE_OPEN, ENODEV, "the device node belongs to no driver: the module xen-gpumem is not loaded (modprobe xen-gpumem)" },
	{ XGM_CALL_NODE_OPEN, EACCES, "only root may open the device node; others are handed a domain fd (xen-gpumem run)" },
	{ XGM_CALL_NODE_OPEN, EPERM, "only root may open the device node; others are handed a domain fd (xen-gpumem run)" },
	{ XGM_CALL_NODE_OPEN, EMFILE, FILES " in this process" },
	{ XGM_CALL_NODE_OPEN, ENFILE, FILES " in the system" },

	{ XGM_CALL_DOMAIN_OPEN, ESRCH, "no such guest, or one of another generation" },
	{ XGM_CALL_DOMAIN_OPEN, EPERM, "the hypervisor does not let this domain lend to that one (itself included)" },
	{ XGM_CALL_DOMAIN_OPEN, EOPNOTSUPP, "the guest cannot borrow (it is PV, has no nested paging, or uses nested virtualisation or altp2m), or a right is not supported" },
	{ XGM_CALL_DOMAIN_OPEN, EXDEV, "the guest's devices share its page tables: boot Xen with iommu=no-sharept" },
	{ XGM_CALL_DOMAIN_OPEN, EBUSY, "log-dirty mode is on (the guest is being migrated), or another driver is attached to the guest" },
	{ XGM_CALL_DOMAIN_OPEN, EMFILE, FILES " in this process" },
	{ XGM_CALL_DOMAIN_OPEN, ENFILE, FILES " in the system" },

	{ XGM_CALL_DOMAIN_DERIVE, EPERM, "a right that this descriptor has not itself" },
	{ XGM_CALL_DOMAIN_DERIVE, EACCES, "a range that does not lie in those of this descriptor" },
	{ XGM_CALL_DOMAIN_DERIVE, ELOOP, "derived from one that was derived, and so on, too often: derive from an earlier one" },
	{ XGM_CALL_DOMAIN_DERIVE, ENOSPC, "too many are derived from this descriptor, or from one above it: close some, or derive from an earlier one" },
	{ XGM_CALL_DOMAIN_DERIVE, EMFILE, FILES " in this process" },
	{ XGM_CALL_DOMAIN_DERIVE, ENFILE, FILES " in the system" },

	{ XGM_CALL_DOMAIN_ADOPT, ENOENT, "the environment names no descriptor: start the program with xen-gpumem run" },
	{ XGM_CALL_DOMAIN_ADOPT, EINVAL, "what the environment holds is not the number of a descriptor" },
	{ XGM_CALL_DOMAIN_ADOPT, EBADF, "the descriptor is not open: was it made with close-on-exec?" },
	{ XGM_CALL_DOMAIN_ADOPT, ENOTTY, "the descriptor is not a domain fd" },

	{ XGM_CALL_WINDOW_ADD, EEXIST, "another window is there, or something of the guest's: its RAM, say" },
	{ XGM_CALL_WINDOW_ADD, EADDRNOTAVAIL, "the addresses are special to the platform: APICs, HPET, MSI, or the first MiB" },
	{ XGM_CALL_WINDOW_ADD, ERANGE, "it ends past the guest's address width" },
	{ XGM_CALL_WINDOW_ADD, EOPNOTSUPP, "the guest has come to use what lending does not go with: log-dirty mode, as for its migration, or altp2m" },
	{ XGM_CALL_WINDOW_ADD, ENOSPC, "too many windows, or bytes in windows: of this descriptor, of one above it, or of the guest" },
	{ XGM_CALL_WINDOW_ADD, EPERM, "the descriptor has not the right to lend" },
	{ XGM_CALL_WINDOW_ADD, EACCES, "the addresses do not lie in the descriptor's ranges" },

	{ XGM_CALL_WINDOW_REMOVE, ENOENT, NO_WINDOW },
	{ XGM_CALL_WINDOW_REMOVE, EPERM, NOT_OURS ", and this one has not the right to remove" },

	{ XGM_CALL_WINDOW_MOVE, EEXIST, "another window is there, or something of the guest's: its RAM, say; the window is where it was, and the guest has its pages, or has to fault them in anew if that other window came during the call" },
	{ XGM_CALL_WINDOW_MOVE, EADDRNOTAVAIL, "the addresses are special to the platform: APICs, HPET, MSI, or the first MiB; the window is where it was" },
	{ XGM_CALL_WINDOW_MOVE, ERANGE, "it would end past the guest's address width; it is where it was" },
	{ XGM_CALL_WINDOW_MOVE, EPERM, NOT_OURS },
	{ XGM_CALL_WINDOW_MOVE, EACCES, "the addresses do not lie in the descriptor's ranges; the window is where it was" },
	{ XGM_CALL_WINDOW_MOVE, ENOENT, NO_WINDOW },

	{ XGM_CALL_WINDOW_QUERY, ENOENT, NO_WINDOW },
	{ XGM_CALL_WINDOW_QUERY, EPERM, NOT_OURS },
	{ XGM_CALL_WINDOW_QUERY, ERANGE, NOT_INSIDE },

	{ XGM_CALL_BIND, ENOENT, NO_WINDOW },
	{ XGM_CALL_BIND, EPERM, NOT_OURS ", or this one has not the right to lend" },
	{ XGM_CALL_BIND, ERANGE, NOT_INSIDE },
	{ XGM_CALL_BIND, EEXIST, "the range overlaps a binding (REPLACE exchanges it); with REPLACE: a binding lies across an end of the range" },
	{ XGM_CALL_BIND, ENOSPC, "a limit of this descriptor, of one above it, or of the module: bindings, or bytes in them" },

	{ XGM_CALL_BIND_FD, ENOENT, NO_WINDOW },
	{ XGM_CALL_BIND_FD, EPERM, NOT_OURS ", or this one has not the right to lend, or the file is sealed against writing, or mounted without permission" },
	{ XGM_CALL_BIND_FD, ERANGE, NOT_INSIDE },
	{ XGM_CALL_BIND_FD, EEXIST, "the range overlaps a binding (REPLACE exchanges it); with REPLACE: a binding lies across an end of the range" },
	{ XGM_CALL_BIND_FD, ENOSPC, "a limit of this descriptor, of one above it, or of the module: bindings, or bytes in them" },
	{ XGM_CALL_BIND_FD, EBADF, "the file is not open" },
	{ XGM_CALL_BIND_FD, EACCES, "the file is not open for reading, or, without READONLY, not for writing" },
	{ XGM_CALL_BIND_FD, ENODEV, "the file cannot be mapped" },
	{ XGM_CALL_BIND_FD, EOVERFLOW, "the offset in the file is too large" },
	{ XGM_CALL_BIND_FD, EAGAIN, "the process locks its memory (mlockall), and RLIMIT_MEMLOCK is exceeded" },
	{ XGM_CALL_BIND_FD, EINVAL, "a malformed value, or a huge page would be cut, or the file refuses the range" },

	{ XGM_CALL_UNBIND, ENOENT, NO_WINDOW ", or nothing is bound in the range" },
	{ XGM_CALL_UNBIND, EPERM, NOT_OURS },
	{ XGM_CALL_UNBIND, ERANGE, NOT_INSIDE },
	{ XGM_CALL_UNBIND, EEXIST, "a binding lies across an end of the range: it can be unbound only whole" },

	{ XGM_CALL_POPULATE, ENOENT, NO_WINDOW ", or nothing is bound at that point" },
	{ XGM_CALL_POPULATE, EPERM, NOT_OURS ", or another process bound the memory" },
	{ XGM_CALL_POPULATE, ERANGE, NOT_INSIDE },
	{ XGM_CALL_POPULATE, ENODATA, "nothing is mapped there in this process, or not with that permission, or its own access would get a SIGBUS" },
	{ XGM_CALL_POPULATE, EACCES, "what is mapped there cannot be lent: secretmem, a shadow stack, another guest's memory, pages of no struct page" },
	{ XGM_CALL_POPULATE, ENXIO, "the window is parked" },
	{ XGM_CALL_POPULATE, EBUSY, "the guest has put something of its own there" },
	{ XGM_CALL_POPULATE, ENOSPC, "the guest's paging pool is exhausted: give it more shadow memory" },
	{ XGM_CALL_POPULATE, EAGAIN, "the host kept moving the memory: call again" },
	{ XGM_CALL_POPULATE, EINTR, "a signal came first: what was done stays done" },

	{ XGM_CALL_EVENT_READ, EINVAL, "the buffer is smaller than a record" },
	{ XGM_CALL_EVENT_READ, EAGAIN, "there is nothing to read, and the descriptor does not block" },
	{ XGM_CALL_EVENT_READ, EINTR, "a signal came first" },
	{ XGM_CALL_EVENT_READ, EFAULT, "the buffer is not accessible" },
	{ XGM_CALL_EVENT_READ, EBADMSG, "what was read is not made of whole records" },
	{ XGM_CALL_EVENT_READ, ETIMEDOUT, "nothing came in time" },

	{ XGM_CALL_EVENT, ENODATA, "nothing is mapped there in the process, or it is gone" },
	{ XGM_CALL_EVENT, EROFS, "a write to what cannot be written" },
	{ XGM_CALL_EVENT, EACCES, "the memory cannot be lent" },
	{ XGM_CALL_EVENT, ENOSPC, "the guest's paging pool is exhausted: give it more shadow memory" },
	{ XGM_CALL_EVENT, EBUSY, "the guest has put something of its own there" },
	{ XGM_CALL_EVENT, ENOMEM, "the host has no memory" },

	{ XGM_CALL_EXPORT_GRANTS, EPERM, "the descriptor has not the right to export grants, or the hypervisor's policy forbids it" },
	{ XGM_CALL_EXPORT_GRANTS, EACCES, "a reference is outside of the right's ranges, or granted for reading only (READONLY would do)" },
	{ XGM_CALL_EXPORT_GRANTS, ENXIO, "a reference that the guest has not granted to this domain, or that is of no memory" },
	{ XGM_CALL_EXPORT_GRANTS, EAGAIN, PAGER },
	{ XGM_CALL_EXPORT_GRANTS, ENOSPC, TOO_MUCH },
	{ XGM_CALL_EXPORT_GRANTS, ENOBUFS, "the hypervisor cannot keep that many grants mapped (gnttab_max_maptrack_frames)" },
	{ XGM_CALL_EXPORT_GRANTS, EMFILE, FILES " in this process" },
	{ XGM_CALL_EXPORT_GRANTS, ENFILE, FILES " in the system" },
	{ XGM_CALL_EXPORT_GRANTS, EINTR, "the process was on its way to its end: nothing was changed" },
	{ XGM_CALL_EXPORT_GRANTS, ESRCH, GONE },

	{ XGM_CALL_EXPORT_FRAMES, EPERM, "the descriptor has not the right to export frames, or the hypervisor's policy forbids it" },
	{ XGM_CALL_EXPORT_FRAMES, EACCES, "an address is outside of the right's ranges" },
	{ XGM_CALL_EXPORT_FRAMES, ENXIO, "no RAM of the guest's is there" },
	{ XGM_CALL_EXPORT_FRAMES, EAGAIN, PAGER },
	{ XGM_CALL_EXPORT_FRAMES, ENOSPC, TOO_MUCH },
	{ XGM_CALL_EXPORT_FRAMES, EMFILE, FILES " in this process" },
	{ XGM_CALL_EXPORT_FRAMES, ENFILE, FILES " in the system" },
	{ XGM_CALL_EXPORT_FRAMES, EOPNOTSUPP, "frames cannot be had by a PV domain that is not the first one: export grants" },
	{ XGM_CALL_EXPORT_FRAMES, EINTR, "the process was on its way to its end: nothing was changed" },
	{ XGM_CALL_EXPORT_FRAMES, ESRCH, GONE },

	{ XGM_CALL_EXPORT_REVOKE, ENOENT, NO_EXPORT },
	{ XGM_CALL_EXPORT_REVOKE, EBUSY, "an importer that cannot let go has it mapped: nothing was changed" },
	{ XGM_CALL_EXPORT_REVOKE, ETIMEDOUT, "somebody has not let go yet, but no new use is possible: call again to wait on" },
	{ XGM_CALL_EXPORT_REVOKE, EINTR, "a signal came before all had let go: call again" },

	{ XGM_CALL_EXPORT_QUERY, ENOENT, NO_EXPORT ", or there is none after it" },

	{ XGM_CALL_GRANT, EPERM, "the descriptor has not the right to grant, or the hypervisor's policy has come to forbid it" },
	{ XGM_CALL_GRANT, EBADF, "the descriptor of the buffer is not open, or no dma-buf's" },
	{ XGM_CALL_GRANT, ERANGE, "the pages do not all lie in the buffer" },
	{ XGM_CALL_GRANT, EACCES, "the buffer's file is not open for writing: READONLY would do" },
	{ XGM_CALL_GRANT, EREMOTEIO, "the buffer is not, and cannot be held, in system memory of this domain's own: it is in video memory, or a guest's, or its exporter cannot hold it in place" },
	{ XGM_CALL_GRANT, ENOSPC, "a limit of this descriptor, of one above it, or of the module (max_grants): grant references" },
	{ XGM_CALL_GRANT, ENOBUFS, "this domain's grant table is full (gnttab_max_frames)" },

	{ XGM_CALL_GRANT_RELEASE, ENOENT, NO_GRANT },
	{ XGM_CALL_GRANT_RELEASE, EBUSY, "the guest has references mapped: those stay" },
	{ XGM_CALL_GRANT_RELEASE, ETIMEDOUT, "the guest had references mapped for all of that time: those stay" },
	{ XGM_CALL_GRANT_RELEASE, EINTR, "a signal came before the guest had unmapped all: call again to wait on" },

	{ 0, ENOTTY, "the descriptor is not of the kind that the call is for" },
	{ 0, E2BIG, "the driver is older than what was asked of it" },
	{ 0, EINVAL, "a reserved field or unknown flag is not zero, or a value is malformed: addresses, offsets and lengths are multiples of 4096, and no range wraps" },
	{ 0, EFAULT, "a structure or array is not accessible" },
	{ 0, EOPNOTSUPP, "the driver does not support a value that a later one may" },
	{ 0, ESRCH, "the guest is gone: only removing windows, unbinding and closing are of use" },
	{ 0, EINTR, "a signal came first: nothing was changed" },
	{ 0, ENOMEM, "no memory for the kernel's bookkeeping, which is charged to the caller's memory cgroup" },
	{ 0, EBADF, "the descriptor is not open" },
};

const char *xgm_error_text(enum xgm_call call, int err)
{
	err = abs(err);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if ((!texts[i].call || texts[i].call == (int)call) &&
		    texts[i].err == err)
			return texts[i].text;
	return NULL;
}

const char *xgm_strerror(enum xgm_call call, int err)
{
	const char *text = xgm_error_text(call, err);

	if (!err)
		return "no error";
	return text ? text : "an error that the interface does not name";
}
