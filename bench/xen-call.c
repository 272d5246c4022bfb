// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the benchmark asks of Xen itself, because the toolstack's answer would
 * cost more than what is measured.
 *
 * Goes through privcmd by hand so that the program stays static.  There is one
 * buffer, in memory that does not move, and one thread that asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/sys/privcmd.h>

#include "bench.h"
#include "xen-call.h"

static struct request {
	union {
		struct xen_sysctl sysctl;
		struct xen_domctl domctl;
	};
	xen_sysctl_cpuinfo_t cpu;
} *request;

static int privcmd = -1;

static void prepare(void)
{
	int buffer;

	if (request) {
		memset(request, 0, sizeof(*request));
		return;
	}
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	buffer = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	if (privcmd < 0 || buffer < 0)
		die("no way to call Xen: %s", strerror(errno));
	/* Fresh pages are zero. */
	request = mmap(NULL, BENCH_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       buffer, 0);
	if (request == MAP_FAILED)
		die("no buffer to call Xen: %s", strerror(errno));
}

static void call(unsigned long nr, const char *what)
{
	privcmd_hypercall_t c = {
		.op = nr, .arg = { (uintptr_t)request },
	};

	if (ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &c) < 0)
		die("%s: %s", what, strerror(errno));
}

void xen_unpause(int domid)
{
	prepare();
	request->domctl.cmd = XEN_DOMCTL_unpausedomain;
	request->domctl.domain = domid;
	request->domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	call(__HYPERVISOR_domctl, "unpausedomain");
}

uint64_t xen_idle_ns(void)
{
	struct xen_sysctl *op;

	prepare();
	op = &request->sysctl;
	op->cmd = XEN_SYSCTL_getcpuinfo;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	op->u.getcpuinfo.max_cpus = 1;
	set_xen_guest_handle(op->u.getcpuinfo.info, &request->cpu);
	call(__HYPERVISOR_sysctl, "getcpuinfo");
	return request->cpu.idletime;
}
