// SPDX-License-Identifier: MIT
/*
 * One hypercall, by way of privcmd: can this Xen lend?  Needed where the module
 * is not there to be asked, which loads only on a Xen that can.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hyper.h"
#include <public/lend.h>

#define HYPERVISOR_memory_op	12
#define DOMID_SELF		0x7ff0

struct privcmd_hypercall {
	uint64_t op;
	uint64_t arg[5];
};

#define IOCTL_PRIVCMD_HYPERCALL \
	_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

/* A page that is there when the hypervisor looks. */
static void *buffer_get(size_t size)
{
	int fd = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	void *p = MAP_FAILED;

	if (fd >= 0) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0);
		close(fd);
	}
	if (p == MAP_FAILED)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

int hyper_lend(void)
{
	const size_t size = 4096;
	struct privcmd_hypercall call = { .op = HYPERVISOR_memory_op };
	int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	struct xen_lend_op *op;
	int ret;

	if (fd < 0)
		return -errno;
	op = buffer_get(size);
	if (!op) {
		close(fd);
		return -ENOMEM;
	}
	memset(op, 0, size);
	op->cmd = XEN_LEND_query;
	op->domid = DOMID_SELF;
	call.arg[0] = XENMEM_lend_op;
	call.arg[1] = (uintptr_t)op;
	ret = ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call);
	ret = ret < 0 ? -errno : 0;
	munmap(op, size);
	close(fd);
	return ret;
}
