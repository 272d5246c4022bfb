// SPDX-License-Identifier: MIT
/*
 * The calls of the interface, as functions: descriptors, windows, bindings.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "internal.h"

/* Memory that the kernel counts by address, as a number. */
static uint64_t number(const volatile void *p)
{
	return (uintptr_t)p;
}

int xgm_ioctl(int fd, unsigned long nr, void *arg)
{
	int ret = ioctl(fd, nr, arg);

	return ret < 0 ? -errno : ret;
}

uint32_t xgm_version(void)
{
	return XGM_VERSION;
}

int xgm_fetch(void *to, size_t size, size_t min, const void *from)
{
	const unsigned char *bytes = from;
	uint32_t given;

	memcpy(&given, from, sizeof(given));
	if (given < min)
		return -EINVAL;
	for (size_t i = size; i < given; i++)
		if (bytes[i])
			return -E2BIG;
	memset(to, 0, size);
	memcpy(to, from, given < size ? given : size);
	return 0;
}

/* --- descriptors ----------------------------------------------------------- */

int xgm_node_open(void)
{
	int fd = open(XGM_NODE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int limits_fetch(struct xgm_limits *to, const struct xgm_limits *from)
{
	int ret;

	if (!from) {
		*to = (struct xgm_limits){ .rights = XEN_GPUMEM_RIGHT_LEND };
		return 0;
	}
	ret = xgm_fetch(to, sizeof(*to),
			offsetof(struct xgm_limits, generation) +
			sizeof(to->generation), from);
	return !ret && to->pad ? -EINVAL : ret;
}

int xgm_domain_open(int node, uint16_t domid, const struct xgm_limits *limits,
		    uint64_t *generation)
{
	struct xen_gpumem_open_domain arg = {
		.size = sizeof(arg), .flags = XEN_GPUMEM_OPEN_CLOEXEC,
		.domid = domid,
	};
	struct xgm_limits l;
	int ret = limits_fetch(&l, limits);

	if (ret)
		return ret;
	arg.rights = l.rights;
	arg.max_windows = l.max_windows;
	arg.max_bindings = l.max_bindings;
	arg.max_bytes = l.max_bytes;
	arg.generation = l.generation;
	arg.ranges = number(l.ranges);
	arg.nr_ranges = l.nr_ranges;
	arg.max_exports = l.max_exports;
	arg.max_export_bytes = l.max_export_bytes;
	arg.max_grants = l.max_grants;
	ret = xgm_ioctl(node, XEN_GPUMEM_OPEN_DOMAIN, &arg);
	if (ret >= 0 && generation)
		*generation = arg.generation;
	return ret;
}

int xgm_domain_derive(int fd, const struct xgm_limits *limits)
{
	struct xen_gpumem_derive arg = {
		.size = sizeof(arg), .flags = XEN_GPUMEM_OPEN_CLOEXEC,
	};
	struct xgm_limits l;
	int ret = limits_fetch(&l, limits);

	if (ret)
		return ret;
	/* A fd is for its guest for ever: there is nothing to expect. */
	if (l.generation)
		return -EINVAL;
	arg.rights = l.rights;
	arg.max_windows = l.max_windows;
	arg.max_bindings = l.max_bindings;
	arg.max_bytes = l.max_bytes;
	arg.ranges = number(l.ranges);
	arg.nr_ranges = l.nr_ranges;
	arg.max_exports = l.max_exports;
	arg.max_export_bytes = l.max_export_bytes;
	arg.max_grants = l.max_grants;
	return xgm_ioctl(fd, XEN_GPUMEM_DERIVE, &arg);
}

int xgm_domain_adopt(int fd)
{
	struct xen_gpumem_info info;
	int ret = xgm_info(fd, &info, sizeof(info));

	if (ret)
		return ret;
	/* The node has none. */
	if (!info.out_rights)
		return -ENOTTY;
	return fcntl(fd, F_SETFD, FD_CLOEXEC) ? -errno : 0;
}

int xgm_domain_from_env(const char *name)
{
	const char *text = getenv(name ? name : XGM_ENV_FD);
	char *end;
	long fd;
	int ret;

	if (!text)
		return -ENOENT;
	errno = 0;
	fd = strtol(text, &end, 10);
	if (!*text || *end || errno || fd < 0 || fd > INT32_MAX)
		return -EINVAL;
	ret = xgm_domain_adopt(fd);
	return ret ? ret : fd;
}

int xgm_info(int fd, struct xen_gpumem_info *info, size_t size)
{
	if (size < sizeof(info->size) || size > UINT32_MAX)
		return -EINVAL;
	memset(info, 0, size);
	info->size = size;
	return xgm_ioctl(fd, XEN_GPUMEM_INFO, info);
}

/* --- windows --------------------------------------------------------------- */

int xgm_window_add(int fd, uint64_t gpa, uint64_t length, uint32_t hole_policy,
		   uint32_t *window)
{
	struct xen_gpumem_window_add arg = {
		.size = sizeof(arg), .gpa = gpa, .length = length,
		.hole_policy = hole_policy,
	};
	int ret = xgm_ioctl(fd, XEN_GPUMEM_WINDOW_ADD, &arg);

	if (!ret)
		*window = arg.out_window;
	return ret;
}

int xgm_window_remove(int fd, uint32_t window)
{
	struct xen_gpumem_window_remove arg = {
		.size = sizeof(arg), .window = window,
	};

	return xgm_ioctl(fd, XEN_GPUMEM_WINDOW_REMOVE, &arg);
}

int xgm_window_move(int fd, uint32_t window, uint64_t gpa)
{
	struct xen_gpumem_window_move arg = {
		.size = sizeof(arg), .window = window, .gpa = gpa,
	};

	return xgm_ioctl(fd, XEN_GPUMEM_WINDOW_MOVE, &arg);
}

int xgm_window_park(int fd, uint32_t window)
{
	return xgm_window_move(fd, window, XEN_GPUMEM_PARKED);
}

int xgm_window_query(int fd, uint32_t window, uint64_t offset, uint64_t length,
		     struct xen_gpumem_window_query *query, size_t size)
{
	if (size < offsetof(struct xen_gpumem_window_query, out_pages) ||
	    size > UINT32_MAX)
		return -EINVAL;
	memset(query, 0, size);
	query->size = size;
	query->window = window;
	query->offset = offset;
	query->length = length;
	return xgm_ioctl(fd, XEN_GPUMEM_WINDOW_QUERY, query);
}

/* --- bindings -------------------------------------------------------------- */

int xgm_bind(int fd, uint32_t window, uint64_t offset, uint64_t length,
	     const volatile void *address, uint32_t flags,
	     uint32_t fail_policy)
{
	struct xen_gpumem_bind arg = {
		.size = sizeof(arg), .flags = flags, .window = window,
		.source = XEN_GPUMEM_SOURCE_ADDRESS, .offset = offset,
		.length = length, .address = number(address),
		.fail_policy = fail_policy,
	};

	return xgm_ioctl(fd, XEN_GPUMEM_BIND, &arg);
}

int xgm_bind_fd(int fd, uint32_t window, uint64_t offset, uint64_t length,
		int source, uint64_t source_offset, uint32_t flags,
		uint32_t fail_policy)
{
	struct xen_gpumem_bind arg = {
		.size = sizeof(arg), .flags = flags, .window = window,
		.source = XEN_GPUMEM_SOURCE_FD, .offset = offset,
		.length = length, .address = source_offset,
		.fail_policy = fail_policy, .fd = source,
	};

	return xgm_ioctl(fd, XEN_GPUMEM_BIND, &arg);
}

int xgm_unbind(int fd, uint32_t window, uint64_t offset, uint64_t length)
{
	struct xen_gpumem_unbind arg = {
		.size = sizeof(arg), .window = window, .offset = offset,
		.length = length,
	};

	return xgm_ioctl(fd, XEN_GPUMEM_UNBIND, &arg);
}

int xgm_populate(int fd, uint32_t window, uint64_t offset, uint64_t length,
		 uint32_t flags, uint64_t *done)
{
	struct xen_gpumem_populate arg = {
		.size = sizeof(arg), .flags = flags, .window = window,
		.offset = offset, .length = length,
	};
	int ret = xgm_ioctl(fd, XEN_GPUMEM_POPULATE, &arg);

	if (done)
		*done = arg.out_done;
	return ret;
}
