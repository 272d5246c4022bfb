// SPDX-License-Identifier: GPL-2.0-only
/*
 * XENMEM_lend_op without the driver, through privcmd: what a lender that is
 * buggy or worse could send.
 */
#include "xgt.h"

#define HYPERVISOR_memory_op	12

struct privcmd_hypercall {
	uint64_t op;
	uint64_t arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL \
	_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

/**
 * raw_hypercall - any hypercall
 * @op: its number
 * @a0: first argument
 * @a1: second argument
 * @a2: third argument
 * @a3: fourth argument
 * @a4: fifth argument
 *
 * Return: what it returned; or the error of making it.
 */
long raw_hypercall(unsigned long op, unsigned long a0, unsigned long a1,
		   unsigned long a2, unsigned long a3, unsigned long a4)
{
	struct privcmd_hypercall call = { op, { a0, a1, a2, a3, a4 } };
	static int fd = -1;
	long ret;

	if (fd < 0)
		fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		FAIL("/dev/xen/privcmd: %s", strerror(errno));
	ret = ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call);
	return ret < 0 ? -errno : ret;
}

/**
 * lend_buffer - memory for hypercall arguments
 * @size: bytes
 *
 * Present and locked, so that the hypervisor can reach it.
 */
void *lend_buffer(size_t size)
{
	int fd = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
	void *p = MAP_FAILED;

	/* The kernel's own pages, if it offers them: they never move. */
	size = (size + PAGE - 1) & ~(PAGE - 1);
	if (fd >= 0) {
		p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
	}
	if (p == MAP_FAILED)
		p = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED |
			 MAP_POPULATE, -1, 0);
	if (p == MAP_FAILED)
		FAIL("hypercall buffer: %s", strerror(errno));
	memset(p, 0, size);
	return p;
}

/**
 * lend_raw - one XENMEM_lend_op
 * @op: the argument; copied to a safe place of the thread's own, and back
 */
long lend_raw(struct xen_lend_op *op)
{
	static __thread struct xen_lend_op *buffer;
	long ret;

	if (!buffer)
		buffer = lend_buffer(sizeof(*buffer));
	*buffer = *op;
	ret = raw_hypercall(HYPERVISOR_memory_op, XENMEM_lend_op,
			    (unsigned long)buffer, 0, 0, 0);
	*op = *buffer;
	return ret;
}

/**
 * lend_op - one XENMEM_lend_op whose union is filled in
 * @op: the argument
 * @cmd: XEN_LEND_*
 * @domid: the borrower
 * @gen: its generation
 */
long lend_op(struct xen_lend_op *op, uint16_t cmd, int domid, uint64_t gen)
{
	op->cmd = cmd;
	op->domid = domid;
	op->generation = gen;
	return lend_raw(op);
}
