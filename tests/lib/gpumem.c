// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of /dev/xen/gpumem as functions that return 0 or -errno.
 */
#include <dirent.h>
#include <sys/socket.h>

#include "xgt.h"

#define DEBUG	"/sys/kernel/debug/xen-gpumem"

int xgt_dom = -1;

static int call(int fd, unsigned long nr, void *arg)
{
	return ioctl(fd, nr, arg) < 0 ? -errno : 0;
}

/**
 * gm_node - open the device node
 */
int gm_node(void)
{
	int fd = open("/dev/xen/gpumem", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * gm_open_domain - make a domain fd
 * @domid: the guest
 * @limits: rights, limits, generation; written back
 */
int gm_open_domain(int domid, struct xen_gpumem_open_domain *limits)
{
	int node = gm_node(), fd;

	if (node < 0)
		return node;
	limits->size = sizeof(*limits);
	limits->flags = XEN_GPUMEM_OPEN_CLOEXEC;
	limits->domid = domid;
	fd = ioctl(node, XEN_GPUMEM_OPEN_DOMAIN, limits);
	if (fd < 0)
		fd = -errno;
	close(node);
	return fd;
}

/**
 * gm_info - XEN_GPUMEM_INFO
 * @fd: the node or a domain fd
 * @info: the answer
 */
int gm_info(int fd, struct xen_gpumem_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return call(fd, XEN_GPUMEM_INFO, info);
}

/**
 * gm_window_add - XEN_GPUMEM_WINDOW_ADD
 * @fd: domain fd
 * @gpa: guest address
 * @length: bytes
 * @hole_policy: what unbound parts do
 * @window: the new id
 */
int gm_window_add(int fd, uint64_t gpa, uint64_t length, uint32_t hole_policy,
		  uint32_t *window)
{
	struct xen_gpumem_window_add a = {
		.size = sizeof(a), .gpa = gpa, .length = length,
		.hole_policy = hole_policy,
	};
	int ret = call(fd, XEN_GPUMEM_WINDOW_ADD, &a);

	if (!ret)
		*window = a.out_window;
	return ret;
}

/**
 * gm_window_remove - XEN_GPUMEM_WINDOW_REMOVE
 * @fd: domain fd
 * @window: id
 */
int gm_window_remove(int fd, uint32_t window)
{
	struct xen_gpumem_window_remove a = {
		.size = sizeof(a), .window = window,
	};

	return call(fd, XEN_GPUMEM_WINDOW_REMOVE, &a);
}

/**
 * gm_window_move - XEN_GPUMEM_WINDOW_MOVE
 * @fd: domain fd
 * @window: id
 * @gpa: new guest address
 */
int gm_window_move(int fd, uint32_t window, uint64_t gpa)
{
	struct xen_gpumem_window_move a = {
		.size = sizeof(a), .window = window, .gpa = gpa,
	};

	return call(fd, XEN_GPUMEM_WINDOW_MOVE, &a);
}

/**
 * gm_bind - XEN_GPUMEM_BIND
 * @fd: domain fd
 * @window: id
 * @offset: in the window
 * @length: bytes
 * @address: in this process
 * @flags: XEN_GPUMEM_BIND_*
 * @fail_policy: XEN_GPUMEM_POLICY_*
 */
int gm_bind(int fd, uint32_t window, uint64_t offset, uint64_t length,
	    volatile void *address, uint32_t flags, uint32_t fail_policy)
{
	struct xen_gpumem_bind a = {
		.size = sizeof(a), .flags = flags, .window = window,
		.source = XEN_GPUMEM_SOURCE_ADDRESS, .offset = offset,
		.length = length, .address = (uintptr_t)address,
		.fail_policy = fail_policy,
	};

	return call(fd, XEN_GPUMEM_BIND, &a);
}

/**
 * gm_bind_fd - XEN_GPUMEM_BIND with a file as the source
 * @fd: domain fd
 * @window: id
 * @offset: in the window
 * @length: bytes
 * @source: the file
 * @at: offset in it
 * @flags: XEN_GPUMEM_BIND_*
 * @fail_policy: XEN_GPUMEM_POLICY_*
 */
int gm_bind_fd(int fd, uint32_t window, uint64_t offset, uint64_t length,
	       int source, uint64_t at, uint32_t flags, uint32_t fail_policy)
{
	struct xen_gpumem_bind a = {
		.size = sizeof(a), .flags = flags, .window = window,
		.source = XEN_GPUMEM_SOURCE_FD, .offset = offset,
		.length = length, .address = at, .fd = source,
		.fail_policy = fail_policy,
	};

	return call(fd, XEN_GPUMEM_BIND, &a);
}

/**
 * gm_derive - XEN_GPUMEM_DERIVE
 * @fd: domain fd
 * @limits: rights, limits and ranges
 *
 * Return: the new fd or -errno
 */
int gm_derive(int fd, struct xen_gpumem_derive *limits)
{
	int ret;

	limits->size = sizeof(*limits);
	limits->flags = XEN_GPUMEM_OPEN_CLOEXEC;
	ret = ioctl(fd, XEN_GPUMEM_DERIVE, limits);
	return ret < 0 ? -errno : ret;
}

/**
 * gm_child - derive a fd with nothing but the right to lend; must work
 * @fd: domain fd
 */
int gm_child(int fd)
{
	struct xen_gpumem_derive d = { .rights = XEN_GPUMEM_RIGHT_LEND };
	int child = gm_derive(fd, &d);

	if (child < 0)
		FAIL("XEN_GPUMEM_DERIVE: %s", xgt_errname(-child));
	return child;
}

/**
 * gm_event - read one event, without waiting
 * @fd: domain fd
 * @event: filled in
 *
 * Return: 1, or 0 if none will come any more, or -errno
 */
int gm_event(int fd, struct xen_gpumem_event *event)
{
	ssize_t n;

	memset(event, 0, sizeof(*event));
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		FAIL("O_NONBLOCK: %s", strerror(errno));
	n = read(fd, event, sizeof(*event));
	if (n < 0)
		return -errno;
	if (n && (n != sizeof(*event) || event->size != n))
		FAIL("a record of %zd bytes, which says %u", n, event->size);
	return n > 0;
}

/**
 * fd_send - send a fd through a socket
 * @socket: of the Unix kind
 * @fd: what
 */
void fd_send(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(socket, &msg, 0) != 1)
		FAIL("sendmsg: %s", strerror(errno));
}

/**
 * fd_receive - receive a fd from a socket
 * @socket: of the Unix kind
 */
int fd_receive(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(socket, &msg, 0) != 1)
		FAIL("recvmsg: %s", strerror(errno));
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		FAIL("no fd came through the socket");
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/**
 * gm_unbind - XEN_GPUMEM_UNBIND
 * @fd: domain fd
 * @window: id
 * @offset: in the window
 * @length: bytes
 */
int gm_unbind(int fd, uint32_t window, uint64_t offset, uint64_t length)
{
	struct xen_gpumem_unbind a = {
		.size = sizeof(a), .window = window, .offset = offset,
		.length = length,
	};

	return call(fd, XEN_GPUMEM_UNBIND, &a);
}

/**
 * gm_populate - XEN_GPUMEM_POPULATE
 * @fd: domain fd
 * @window: id
 * @offset: in the window
 * @length: bytes
 * @flags: XEN_GPUMEM_POPULATE_*
 * @done: bytes done, or NULL
 */
int gm_populate(int fd, uint32_t window, uint64_t offset, uint64_t length,
		uint32_t flags, uint64_t *done)
{
	struct xen_gpumem_populate a = {
		.size = sizeof(a), .flags = flags, .window = window,
		.offset = offset, .length = length,
	};
	int ret = call(fd, XEN_GPUMEM_POPULATE, &a);

	if (done)
		*done = a.out_done;
	return ret;
}

/**
 * gm_query - XEN_GPUMEM_WINDOW_QUERY
 * @fd: domain fd
 * @window: id
 * @offset: in the window
 * @length: bytes, zero: all
 * @query: the answer
 */
int gm_query(int fd, uint32_t window, uint64_t offset, uint64_t length,
	     struct xen_gpumem_window_query *query)
{
	memset(query, 0, sizeof(*query));
	query->size = sizeof(*query);
	query->window = window;
	query->offset = offset;
	query->length = length;
	return call(fd, XEN_GPUMEM_WINDOW_QUERY, query);
}

/**
 * gm_pages - how many pages the guest has in a range; must work
 * @fd: domain fd
 * @window: id
 * @offset: in the window
 * @length: bytes, zero: all
 */
uint64_t gm_pages(int fd, uint32_t window, uint64_t offset, uint64_t length)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(fd, window, offset, length, &q));
	return q.out_pages;
}

/**
 * gm_lend_at - make a window of xgt_dom and bind memory all over it; must work
 * @gpa: where
 * @map: the memory
 * @length: bytes
 * @flags: XEN_GPUMEM_BIND_*
 *
 * What is not there is injected.
 *
 * Return: the window's id
 */
uint32_t gm_lend_at(uint64_t gpa, volatile void *map, uint64_t length,
		    uint32_t flags)
{
	uint32_t window;

	OK(gm_window_add(xgt_dom, gpa, length, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, length, map, flags,
		   XEN_GPUMEM_POLICY_INJECT));
	return window;
}

/**
 * gm_lend - the same at XGT_WINDOW
 * @map: the memory
 * @length: bytes
 * @flags: XEN_GPUMEM_BIND_*
 */
uint32_t gm_lend(volatile void *map, uint64_t length, uint32_t flags)
{
	return gm_lend_at(XGT_WINDOW, map, length, flags);
}

/* The sum of what is counted in a histogram of a window's faults. */
static uint64_t served_in(const char *path, uint32_t window)
{
	char line[1024], head[32], *at, *end;
	FILE *f = fopen(path, "r");
	uint64_t sum = 0, n;

	snprintf(head, sizeof(head), "%u fault max-ns ", window);
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, head, strlen(head)))
			continue;
		/* The longest comes first, and then how many took how long. */
		strtoull(line + strlen(head), &at, 10);
		for (;; at = end) {
			n = strtoull(at, &end, 10);
			if (end == at)
				break;
			sum += n;
		}
	}
	if (f)
		fclose(f);
	return sum;
}

/**
 * gm_served - how many faults of a window have been served to the end
 * @domid: the guest
 * @window: id
 *
 * A guest goes on before that: as soon as its page is there, be it by the fault
 * of another vCPU.  Known from debugfs.
 */
uint64_t gm_served(int domid, uint32_t window)
{
	DIR *dir = opendir(DEBUG);
	uint64_t sum = 0;
	struct dirent *e;
	char path[320];

	if (!dir)
		FAIL("%s: %s", DEBUG, strerror(errno));
	while ((e = readdir(dir))) {
		if (atoi(e->d_name) != domid)
			continue;
		snprintf(path, sizeof(path), "%s/%s/latency", DEBUG,
			 e->d_name);
		sum += served_in(path, window);
	}
	closedir(dir);
	return sum;
}

/**
 * gm_show - all counts of a window, for the log
 * @fd: domain fd
 * @window: id
 */
void gm_show(int fd, uint32_t window)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(fd, window, 0, 0, &q));
	xgt_info("window %u: %llu pages, %llu writable, %llu io, %llu uncached, %llu bound; %llu faults, %llu failed, %llu retries; mapped %llu, %llu revokes of %llu, %llu downgraded; longest revoke %llu us, fault %llu us",
		 window, q.out_pages, q.out_writable, q.out_io,
		 q.out_noncacheable, q.out_bound, q.out_faults, q.out_failed,
		 q.out_retries, q.out_mapped, q.out_revokes, q.out_revoked,
		 q.out_downgraded, q.out_revoke_ns_max / 1000,
		 q.out_fault_ns_max / 1000);
}
