// SPDX-License-Identifier: MIT
/*
 * The calls of /dev/xen/gpumem, with the structure of each filled in.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "igt.h"
#include "igt_xen_gpumem.h"

#define NODE	"/dev/xen/gpumem"

/**
 * gpumem_call - an ioctl
 * @fd: the node or a domain fd
 * @nr: XEN_GPUMEM_*
 * @arg: its argument
 *
 * Return: what the ioctl returned, or -errno.
 */
int gpumem_call(int fd, unsigned long nr, void *arg)
{
	int ret = ioctl(fd, nr, arg);

	return ret < 0 ? -errno : ret;
}

int __gpumem_open_node(void)
{
	int fd = open(NODE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int gpumem_open_node(void)
{
	int fd = __gpumem_open_node();

	igt_assert_f(fd >= 0, NODE ": %s\n", strerror(-fd));
	return fd;
}

int __gpumem_open_domain(int node, struct xen_gpumem_open_domain *od)
{
	od->size = sizeof(*od);
	od->flags = XEN_GPUMEM_OPEN_CLOEXEC;
	return gpumem_call(node, XEN_GPUMEM_OPEN_DOMAIN, od);
}

int __gpumem_info(int fd, struct xen_gpumem_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return gpumem_call(fd, XEN_GPUMEM_INFO, info);
}

int __gpumem_derive(int fd, struct xen_gpumem_derive *d)
{
	d->size = sizeof(*d);
	d->flags = XEN_GPUMEM_OPEN_CLOEXEC;
	return gpumem_call(fd, XEN_GPUMEM_DERIVE, d);
}

int gpumem_derive(int fd, uint32_t rights)
{
	struct xen_gpumem_derive d = { .rights = rights };
	int child = __gpumem_derive(fd, &d);

	igt_assert_f(child >= 0, "XEN_GPUMEM_DERIVE: %s\n", strerror(-child));
	return child;
}

int __gpumem_window_add(int fd, uint64_t gpa, uint64_t length,
			uint32_t hole_policy, uint32_t *window)
{
	struct xen_gpumem_window_add a = {
		.size = sizeof(a), .gpa = gpa, .length = length,
		.hole_policy = hole_policy,
	};
	int ret = gpumem_call(fd, XEN_GPUMEM_WINDOW_ADD, &a);

	if (!ret)
		*window = a.out_window;
	return ret;
}

uint32_t gpumem_window_add(int fd, uint64_t gpa, uint64_t length)
{
	uint32_t window;

	gpumem_assert(__gpumem_window_add(fd, gpa, length,
					  XEN_GPUMEM_POLICY_MMIO, &window), 0);
	return window;
}

int __gpumem_window_remove(int fd, uint32_t window)
{
	struct xen_gpumem_window_remove a = {
		.size = sizeof(a), .window = window,
	};

	return gpumem_call(fd, XEN_GPUMEM_WINDOW_REMOVE, &a);
}

int __gpumem_window_move(int fd, uint32_t window, uint64_t gpa)
{
	struct xen_gpumem_window_move a = {
		.size = sizeof(a), .window = window, .gpa = gpa,
	};

	return gpumem_call(fd, XEN_GPUMEM_WINDOW_MOVE, &a);
}

int __gpumem_bind(int fd, uint32_t window, uint64_t offset, uint64_t length,
		  void *address, uint32_t flags, uint32_t fail_policy)
{
	struct xen_gpumem_bind a = {
		.size = sizeof(a), .flags = flags, .window = window,
		.source = XEN_GPUMEM_SOURCE_ADDRESS, .offset = offset,
		.length = length, .address = (uintptr_t)address,
		.fail_policy = fail_policy,
	};

	return gpumem_call(fd, XEN_GPUMEM_BIND, &a);
}

void gpumem_bind(int fd, uint32_t window, uint64_t offset, uint64_t length,
		 void *address)
{
	gpumem_assert(__gpumem_bind(fd, window, offset, length, address, 0,
				    XEN_GPUMEM_POLICY_INJECT), 0);
}

int __gpumem_bind_fd(int fd, uint32_t window, uint64_t offset, uint64_t length,
		     int source, uint64_t at, uint32_t flags)
{
	struct xen_gpumem_bind a = {
		.size = sizeof(a), .flags = flags, .window = window,
		.source = XEN_GPUMEM_SOURCE_FD, .offset = offset,
		.length = length, .address = at, .fd = source,
		.fail_policy = XEN_GPUMEM_POLICY_INJECT,
	};

	return gpumem_call(fd, XEN_GPUMEM_BIND, &a);
}

int __gpumem_unbind(int fd, uint32_t window, uint64_t offset, uint64_t length)
{
	struct xen_gpumem_unbind a = {
		.size = sizeof(a), .window = window, .offset = offset,
		.length = length,
	};

	return gpumem_call(fd, XEN_GPUMEM_UNBIND, &a);
}

int __gpumem_populate(int fd, uint32_t window, uint64_t offset,
		      uint64_t length, uint32_t flags, uint64_t *done)
{
	struct xen_gpumem_populate a = {
		.size = sizeof(a), .flags = flags, .window = window,
		.offset = offset, .length = length,
	};
	int ret = gpumem_call(fd, XEN_GPUMEM_POPULATE, &a);

	if (done)
		*done = a.out_done;
	return ret;
}

int __gpumem_query(int fd, uint32_t window, uint64_t offset, uint64_t length,
		   struct xen_gpumem_window_query *q)
{
	memset(q, 0, sizeof(*q));
	q->size = sizeof(*q);
	q->window = window;
	q->offset = offset;
	q->length = length;
	return gpumem_call(fd, XEN_GPUMEM_WINDOW_QUERY, q);
}

struct xen_gpumem_window_query gpumem_query(int fd, uint32_t window)
{
	struct xen_gpumem_window_query q;

	gpumem_assert(__gpumem_query(fd, window, 0, 0, &q), 0);
	return q;
}

/* --- exports: each may have its whole answer in *out, if that is wanted --- */

int __gpumem_export_grants(int fd, const uint32_t *refs, uint32_t count,
			   uint32_t flags,
			   struct xen_gpumem_export_grants *out)
{
	struct xen_gpumem_export_grants a = {
		.size = sizeof(a), .flags = flags, .refs = (uintptr_t)refs,
		.count = count,
	};
	int ret = gpumem_call(fd, XEN_GPUMEM_EXPORT_GRANTS, &a);

	if (out)
		*out = a;
	return ret;
}

int __gpumem_export_frames(int fd, const struct xen_gpumem_frames *ranges,
			   uint32_t nr, uint32_t flags,
			   struct xen_gpumem_export_frames *out)
{
	struct xen_gpumem_export_frames a = {
		.size = sizeof(a), .flags = flags,
		.ranges = (uintptr_t)ranges, .nr_ranges = nr,
	};
	int ret = gpumem_call(fd, XEN_GPUMEM_EXPORT_FRAMES, &a);

	if (out)
		*out = a;
	return ret;
}

int __gpumem_export_revoke(int fd, uint32_t id)
{
	struct xen_gpumem_export_revoke a = { .size = sizeof(a), .id = id };

	return gpumem_call(fd, XEN_GPUMEM_EXPORT_REVOKE, &a);
}

int __gpumem_export_query(int fd, uint32_t id, uint32_t flags,
			  struct xen_gpumem_export_query *q)
{
	*q = (struct xen_gpumem_export_query){
		.size = sizeof(*q), .flags = flags, .id = id,
	};
	return gpumem_call(fd, XEN_GPUMEM_EXPORT_QUERY, q);
}

struct xen_gpumem_export_query gpumem_export_query(int fd, uint32_t id)
{
	struct xen_gpumem_export_query q;

	gpumem_assert(__gpumem_export_query(fd, id, 0, &q), 0);
	return q;
}

/* --- grants --------------------------------------------------------------- */

int __gpumem_grant(int fd, int dmabuf, uint64_t offset, uint32_t count,
		   uint32_t flags, uint32_t *refs,
		   struct xen_gpumem_grant *out)
{
	struct xen_gpumem_grant a = {
		.size = sizeof(a), .flags = flags, .fd = dmabuf,
		.count = count, .offset = offset, .refs = (uintptr_t)refs,
	};
	int ret = gpumem_call(fd, XEN_GPUMEM_GRANT, &a);

	if (out)
		*out = a;
	return ret;
}

int __gpumem_grant_release(int fd, uint32_t id, uint32_t wait_ms,
			   uint32_t *left)
{
	struct xen_gpumem_grant_release a = {
		.size = sizeof(a), .id = id, .wait_ms = wait_ms,
	};
	int ret = gpumem_call(fd, XEN_GPUMEM_GRANT_RELEASE, &a);

	if (left)
		*left = a.out_left;
	return ret;
}
