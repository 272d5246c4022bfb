// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the testbed's own programs ask of Xen directly: where the toolstack
 * would round (free memory, in which a leak of a few frames would not show),
 * takes long to answer, or has no word for it.
 *
 * Goes through privcmd by hand so that the programs stay static.
 */
#include "xg.h"

#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/sys/privcmd.h>

/* One call, and room for what it has to say besides. */
struct request {
	union {
		struct xen_sysctl sysctl;
		struct xen_domctl domctl;
	};
	xen_domctl_getdomaininfo_t domain;
};

/* Return: false if Xen refuses, or is not there; @r has its answer. */
static bool ask(unsigned long hypercall, struct request *r)
{
	int privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	int buffer = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	privcmd_hypercall_t call = { .op = hypercall };
	struct request *shared = MAP_FAILED;
	bool ok = false;

	/* Hypercall buffers must not move: the kernel has a device for them. */
	if (privcmd >= 0 && buffer >= 0)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED, buffer, 0);
	if (shared != MAP_FAILED) {
		*shared = *r;
		if (hypercall == __HYPERVISOR_sysctl &&
		    r->sysctl.cmd == XEN_SYSCTL_getdomaininfolist)
			set_xen_guest_handle(
				shared->sysctl.u.getdomaininfolist.buffer,
				&shared->domain);
		call.arg[0] = (uintptr_t)shared;
		ok = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) >= 0;
		*r = *shared;
		munmap(shared, sizeof(*shared));
	}
	if (privcmd >= 0)
		close(privcmd);
	if (buffer >= 0)
		close(buffer);
	return ok;
}

static bool do_sysctl(struct request *r, uint32_t cmd)
{
	r->sysctl.cmd = cmd;
	r->sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return ask(__HYPERVISOR_sysctl, r);
}

static bool do_domctl(struct request *r, uint32_t cmd, int domid)
{
	r->domctl.cmd = cmd;
	r->domctl.domain = domid;
	r->domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	return ask(__HYPERVISOR_domctl, r);
}

static bool get_physinfo(struct xen_sysctl_physinfo *info)
{
	struct request r = { };
	bool ok = do_sysctl(&r, XEN_SYSCTL_physinfo);

	*info = r.sysctl.u.physinfo;
	return ok;
}

/**
 * xen_next_domain - the domain with the next number, be it only as a zombie
 * @domid: the first number that may be
 *
 * Cheaper by a thousand times than to ask xl, for those who ask again and
 * again.  Return: its number; -1 if there is none, or Xen would not say.
 */
int xen_next_domain(int domid)
{
	struct request r = { };

	r.sysctl.u.getdomaininfolist.first_domain = domid;
	r.sysctl.u.getdomaininfolist.max_domains = 1;
	if (!do_sysctl(&r, XEN_SYSCTL_getdomaininfolist) ||
	    !r.sysctl.u.getdomaininfolist.num_domains)
		return -1;
	return r.domain.domain;
}

/**
 * xen_map_port - let a guest find one of the machine's I/O ports
 * @domid: a guest that has not been started
 * @port: where it finds it
 * @machine: the machine's, which dom0 has to have
 */
bool xen_map_port(int domid, unsigned int port, unsigned int machine)
{
	struct request r = { };

	r.domctl.u.ioport_mapping.first_gport = port;
	r.domctl.u.ioport_mapping.first_mport = machine;
	r.domctl.u.ioport_mapping.nr_ports = 1;
	r.domctl.u.ioport_mapping.add_mapping = 1;
	return do_domctl(&r, XEN_DOMCTL_ioport_mapping, domid);
}

/**
 * xen_unpause - let a guest run
 * @domid: the guest
 */
bool xen_unpause(int domid)
{
	struct request r = { };

	return do_domctl(&r, XEN_DOMCTL_unpausedomain, domid);
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
