// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ask Xen about the machine.  Free memory to the page: "xl info" rounds to MiB,
 * which would hide a leak of a few frames.
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

static bool get_physinfo(struct xen_sysctl_physinfo *info)
{
	int privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	int buffer = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	struct xen_sysctl *op = MAP_FAILED;
	privcmd_hypercall_t call = { .op = __HYPERVISOR_sysctl };
	bool ok = false;

	/* Hypercall buffers must not move: the kernel has a device for them. */
	if (privcmd >= 0 && buffer >= 0)
		op = mmap(NULL, sizeof(*op), PROT_READ | PROT_WRITE,
			  MAP_SHARED, buffer, 0);
	if (op != MAP_FAILED) {
		memset(op, 0, sizeof(*op));
		op->cmd = XEN_SYSCTL_physinfo;
		op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
		call.arg[0] = (uintptr_t)op;
		ok = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) >= 0;
		*info = op->u.physinfo;
		munmap(op, sizeof(*op));
	}
	if (privcmd >= 0)
		close(privcmd);
	if (buffer >= 0)
		close(buffer);
	return ok;
}

/**
 * xen_free_pages - pages on Xen's free lists, those still to be scrubbed too
 *
 * Return: the number, or -1 if Xen would not say.
 */
long xen_free_pages(void)
{
	struct xen_sysctl_physinfo info;

	return get_physinfo(&info) ? (long)info.free_pages : -1;
}

/**
 * xen_cpu_khz - the frequency of the time stamp counter, as Xen measured it
 *
 * Return: kHz, or 0 if Xen would not say.
 */
long xen_cpu_khz(void)
{
	struct xen_sysctl_physinfo info;

	return get_physinfo(&info) ? (long)info.cpu_khz : 0;
}
