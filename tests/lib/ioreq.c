// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device model: a process that answers a guest's accesses to a range.
 *
 * An ioreq server, made with the hypercalls themselves, since what the tests
 * want is to know exactly which thread answers what, and when.  A vCPU that
 * touches the range leaves a request in the shared page and waits in Xen, for
 * ever if need be, until its answer is there and its event channel was raised.
 */
#include <poll.h>

#include "xgt.h"

/* Only now: lend.h would look for Xen's headers beside it. */
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/ioreq.h>
#include <xen/sys/evtchn.h>
/* xgt.h has one of these already. */
#undef IOCTL_PRIVCMD_MMAPBATCH_V2
#define privcmd_mmapbatch_v2 privcmd_mmapbatch_v2_again
#include <xen/sys/privcmd.h>

#define WAIT_LIMIT_MS	60000

static struct ioreq *request(struct dm *dm, unsigned int cpu)
{
	return &((struct shared_iopage *)dm->page)->vcpu_ioreq[cpu];
}

static int dm_op(struct dm *dm, struct xen_dm_op *op)
{
	const privcmd_dm_op_buf_t buf = { .uptr = op, .size = sizeof(*op) };
	const privcmd_dm_op_t call = {
		.dom = dm->domid, .num = 1, .ubufs = &buf,
	};

	return ioctl(dm->privcmd, IOCTL_PRIVCMD_DM_OP, &call) ? -errno : 0;
}

static void map_requests(struct dm *dm)
{
	privcmd_mmap_resource_t res = {
		.dom = dm->domid, .type = XENMEM_resource_ioreq_server,
		.id = dm->id, .num = 1,
		.idx = XENMEM_resource_ioreq_server_frame_ioreq(0),
	};

	dm->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			dm->privcmd, 0);
	if (dm->page == MAP_FAILED)
		FAIL("mmap of privcmd: %s", strerror(errno));
	res.addr = (uintptr_t)dm->page;
	if (ioctl(dm->privcmd, IOCTL_PRIVCMD_MMAP_RESOURCE, &res))
		FAIL("the page of ioreqs: %s", strerror(errno));
}

static void bind_ports(struct dm *dm)
{
	for (unsigned int cpu = 0; cpu < dm->vcpus; cpu++) {
		struct ioctl_evtchn_bind_interdomain bind = {
			.remote_domain = dm->domid,
			.remote_port = request(dm, cpu)->vp_eport,
		};
		int port = ioctl(dm->evtchn, IOCTL_EVTCHN_BIND_INTERDOMAIN,
				 &bind);

		if (port < 0)
			FAIL("the event channel of vCPU %u: %s", cpu,
			     strerror(errno));
		dm->port[cpu] = port;
	}
}

/**
 * dm_new - become a device model of a guest
 * @dm: filled in
 * @guest: the guest
 */
void dm_new(struct dm *dm, const struct xgt_guest *guest)
{
	struct xen_dm_op op = { .op = XEN_DMOP_create_ioreq_server };

	dm->domid = guest->domid;
	dm->vcpus = guest->vcpus;
	CHECK(dm->vcpus <= XG_MAX_CPUS);
	dm->privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	dm->evtchn = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (dm->privcmd < 0 || dm->evtchn < 0)
		FAIL("privcmd or evtchn: %s", strerror(errno));
	OK(dm_op(dm, &op));
	dm->id = op.u.create_ioreq_server.id;
	map_requests(dm);
	op = (struct xen_dm_op){ .op = XEN_DMOP_set_ioreq_server_state };
	op.u.set_ioreq_server_state.id = dm->id;
	op.u.set_ioreq_server_state.enabled = 1;
	OK(dm_op(dm, &op));
	bind_ports(dm);
}

/**
 * dm_free - be none any more; whoever waits for it runs on
 * @dm: of dm_new()
 */
void dm_free(struct dm *dm)
{
	struct xen_dm_op op = { .op = XEN_DMOP_destroy_ioreq_server };

	op.u.destroy_ioreq_server.id = dm->id;
	OK(dm_op(dm, &op));
	munmap(dm->page, PAGE);
	close(dm->evtchn);
	close(dm->privcmd);
}

/**
 * dm_range - answer for a range of guest addresses, or not any more
 * @dm: of dm_new()
 * @gpa: where it begins
 * @length: bytes
 * @on: whether
 */
void dm_range(struct dm *dm, uint64_t gpa, uint64_t length, bool on)
{
	struct xen_dm_op op = {
		.op = on ? XEN_DMOP_map_io_range_to_ioreq_server :
			   XEN_DMOP_unmap_io_range_from_ioreq_server,
	};

	op.u.map_io_range_to_ioreq_server.id = dm->id;
	op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_MEMORY;
	op.u.map_io_range_to_ioreq_server.start = gpa;
	op.u.map_io_range_to_ioreq_server.end = gpa + length - 1;
	OK(dm_op(dm, &op));
}

static bool take(struct dm *dm, unsigned int cpu, struct dm_request *out)
{
	struct ioreq *r = request(dm, cpu);

	if (r->state != STATE_IOREQ_READY)
		return false;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	*out = (struct dm_request){
		.cpu = cpu, .gpa = r->addr, .size = r->size, .data = r->data,
		.count = r->count, .write = r->dir == IOREQ_WRITE,
		.pointer = r->data_is_ptr,
	};
	r->state = STATE_IOREQ_INPROCESS;
	return true;
}

/* Let the event channels that have spoken speak again. */
static void unmask(struct dm *dm)
{
	evtchn_port_t port[XG_MAX_CPUS];
	ssize_t n = read(dm->evtchn, port, sizeof(port));

	if (n > 0 && write(dm->evtchn, port, n) != n)
		FAIL("unmasking event channels: %s", strerror(errno));
}

/**
 * dm_poll - the next access that waits for an answer
 * @dm: of dm_new()
 * @out: what is asked
 * @ms: how long to wait for one
 *
 * Return: whether there is one; dm_answer() is due for it.
 */
bool dm_poll(struct dm *dm, struct dm_request *out, int ms)
{
	double end = xgt_now() + ms / 1e3;

	for (;;) {
		struct pollfd p = { .fd = dm->evtchn, .events = POLLIN };
		int left;

		unmask(dm);
		for (unsigned int cpu = 0; cpu < dm->vcpus; cpu++)
			if (take(dm, cpu, out))
				return true;
		left = (end - xgt_now()) * 1e3;
		if (left <= 0)
			return false;
		poll(&p, 1, left);
	}
}

/**
 * dm_wait - the same, and there must be one
 * @dm: of dm_new()
 */
struct dm_request dm_wait(struct dm *dm)
{
	struct dm_request out;

	if (!dm_poll(dm, &out, WAIT_LIMIT_MS))
		FAIL("no access arrived at the device model");
	return out;
}

/**
 * dm_answer - let a vCPU run on
 * @dm: of dm_new()
 * @req: of dm_wait()
 * @data: what it reads; ignored for writes and for strings
 */
void dm_answer(struct dm *dm, const struct dm_request *req, uint64_t data)
{
	struct ioctl_evtchn_notify notify = { .port = dm->port[req->cpu] };
	struct ioreq *r = request(dm, req->cpu);

	CHECK_EQ(r->state, STATE_IOREQ_INPROCESS);
	if (!req->write && !req->pointer)
		r->data = data;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	r->state = STATE_IORESP_READY;
	if (ioctl(dm->evtchn, IOCTL_EVTCHN_NOTIFY, &notify))
		FAIL("notifying vCPU %u: %s", req->cpu, strerror(errno));
}
