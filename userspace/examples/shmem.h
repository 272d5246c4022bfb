/* SPDX-License-Identifier: MIT */
/*
 * What frontend.c and device.c say to each other: the part of vhost-user that is
 * about shared memory regions, as its messages are on the wire.
 *
 * A message is a header, a payload, and at most one descriptor, which comes with
 * the header (SCM_RIGHTS).  The device's requests are those of vhost-user, with
 * their numbers and layouts; there they go over a socket of their own, which the
 * frontend has handed to the device (SET_BACKEND_REQ_FD), and after a feature
 * was negotiated.  Here there is one socket, nothing is negotiated, and a reply
 * is given where it is asked for.
 *
 * SHM_REGION is our own: vhost-user has no message by which a frontend gives a
 * device a descriptor of Xen's.  In a real one it would be an extension, or the
 * device would inherit the descriptor from who starts it.
 */
#ifndef SHMEM_H
#define SHMEM_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Requests of the device's: VHOST_USER_BACKEND_SHMEM_MAP and _UNMAP. */
#define SHM_MAP			9
#define SHM_UNMAP		10
/* Of the frontend's: here is your region, and its domain fd. */
#define SHM_REGION		0x58470001

#define SHM_VERSION		1		/* two bits of the flags */
#define SHM_VERSION_MASK	3
#define SHM_REPLY		(1U << 2)
#define SHM_NEED_REPLY		(1U << 3)

struct shm_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;			/* of what follows */
};

/* Put @len bytes of a file at @shm_offset in region @shmid, or take them away. */
struct shm_map {
	uint8_t shmid;
	uint8_t padding[7];
	uint64_t fd_offset;
	uint64_t shm_offset;
	uint64_t len;
	uint64_t flags;			/* SHM_MAP_RW, or zero: to be read only */
};

#define SHM_MAP_RW		1

struct shm_region {
	uint8_t shmid;
	uint8_t padding[3];
	uint32_t window;		/* of the domain fd's */
	uint64_t size;
};

struct shm_message {
	struct shm_header header;
	union {
		struct shm_map map;
		struct shm_region region;
		uint64_t reply;		/* zero, or what went wrong */
		uint64_t space[8];
	};
};

/* Return: 0 or a negative errno.  @fd: goes with it, or -1 */
static inline int shm_send(int socket, struct shm_message *m, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec iov[] = {
		{ &m->header, sizeof(m->header) },
		{ m->space, m->header.size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c;
	ssize_t n;

	m->header.flags |= SHM_VERSION;
	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	/* So short that it is sent as a whole, or there is no room at all. */
	n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return n == (ssize_t)(sizeof(m->header) + m->header.size) ? 0 : -EIO;
}

/*
 * The descriptors of a message: of one, its number goes to @fd; if there are
 * more, none is kept.  Return: 0 or -EBADMSG
 */
static inline int shm_take_fd(struct msghdr *msg, int *fd)
{
	struct cmsghdr *c;
	int got[8];
	size_t n;

	for (c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(got, CMSG_DATA(c), n * sizeof(int));
		if (n == 1 && *fd < 0 && !(msg->msg_flags & MSG_CTRUNC)) {
			*fd = got[0];
			continue;
		}
		while (n)
			close(got[--n]);
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		return -EBADMSG;
	}
	return msg->msg_flags & MSG_CTRUNC ? -EBADMSG : 0;
}

/*
 * Wait for a message.  @fd: what came with it, or -1.  It may be from somebody
 * hostile: what comes back is a whole message with a known header, and nothing
 * is known of its contents.
 *
 * Return: 1; 0: the other end is closed; -EBADMSG: it is not of this protocol;
 * another negative errno
 */
static inline int shm_receive(int socket, struct shm_message *m, int *fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
	struct iovec iov = { &m->header, sizeof(m->header) };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;
	int ret;

	*fd = -1;
	memset(m, 0, sizeof(*m));
	n = recvmsg(socket, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	ret = shm_take_fd(&msg, fd);
	if (!ret && (n != sizeof(m->header) ||
		     (m->header.flags & SHM_VERSION_MASK) != SHM_VERSION ||
		     m->header.size > sizeof(m->space)))
		ret = -EBADMSG;
	if (!ret && m->header.size) {
		n = recv(socket, m->space, m->header.size, MSG_WAITALL);
		if (n != (ssize_t)m->header.size)
			ret = -EBADMSG;
	}
	if (!ret)
		return 1;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return ret;
}

#endif /* SHMEM_H */
