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

/* With a page for what the call has to say besides. */
struct sysctl {
	struct xen_sysctl op;
	xen_domctl_getdomaininfo_t domain;
};

/* Return: the call's own result in @s; false if it could not be made. */
static bool do_sysctl(struct sysctl *s)
{
	int privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	int buffer = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	privcmd_hypercall_t call = { .op = __HYPERVISOR_sysctl };
	struct sysctl *shared = MAP_FAILED;
	bool ok = false;

	/* Hypercall buffers must not move: the kernel has a device for them. */
	if (privcmd >= 0 && buffer >= 0)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED, buffer, 0);
	if (shared != MAP_FAILED) {
		*shared = *s;
		shared->op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
		if (s->op.cmd == XEN_SYSCTL_getdomaininfolist)
			set_xen_guest_handle(
				shared->op.u.getdomaininfolist.buffer,
				&shared->domain);
		call.arg[0] = (uintptr_t)shared;
		ok = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) >= 0;
		*s = *shared;
		munmap(shared, sizeof(*shared));
	}
	if (privcmd >= 0)
		close(privcmd);
	if (buffer >= 0)
		close(buffer);
	return ok;
}

static bool get_physinfo(struct xen_sysctl_physinfo *info)
{
	struct sysctl s = { .op.cmd = XEN_SYSCTL_physinfo };
	bool ok = do_sysctl(&s);

	*info = s.op.u.physinfo;
	return ok;
}

/**
 * xen_domain_exists - whether there is such a domain, be it only as a zombie
 * @domid: its number
 *
 * Cheaper by a thousand times than to ask xl, for those who ask again and
 * again.  Return: false too if Xen would not say.
 */
bool xen_domain_exists(int domid)
{
	struct sysctl s = { .op.cmd = XEN_SYSCTL_getdomaininfolist };

	s.op.u.getdomaininfolist.first_domain = domid;
	s.op.u.getdomaininfolist.max_domains = 1;
	return do_sysctl(&s) && s.op.u.getdomaininfolist.num_domains &&
		s.domain.domain == domid;
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
