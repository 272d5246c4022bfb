// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ask Xen how many pages are free, to the page: "xl info" rounds to MiB, which
 * would hide a leak of a few frames.
 *
 * Goes through privcmd by hand so that the program stays static.
 */
#include "xg.h"

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/sysctl.h>
#include <xen/sys/privcmd.h>

/**
 * xen_free_pages - pages on Xen's free lists, those still to be scrubbed too
 *
 * Return: the number, or -1 if Xen would not say.
 */
long xen_free_pages(void)
{
	int privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	int buffer = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	struct xen_sysctl *op = MAP_FAILED;
	privcmd_hypercall_t call = { .op = __HYPERVISOR_sysctl };
	long pages = -1;

	/* Hypercall buffers must not move: the kernel has a device for them. */
	if (privcmd >= 0 && buffer >= 0)
		op = mmap(NULL, sizeof(*op), PROT_READ | PROT_WRITE,
			  MAP_SHARED, buffer, 0);
	if (op != MAP_FAILED) {
		memset(op, 0, sizeof(*op));
		op->cmd = XEN_SYSCTL_physinfo;
		op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
		call.arg[0] = (uintptr_t)op;
		if (ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) >= 0)
			pages = op->u.physinfo.free_pages;
		munmap(op, sizeof(*op));
	}
	if (privcmd >= 0)
		close(privcmd);
	if (buffer >= 0)
		close(buffer);
	return pages;
}
