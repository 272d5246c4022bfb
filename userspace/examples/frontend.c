// SPDX-License-Identifier: MIT
/*
 * The monitor's half of a vhost-user device that shows buffers in a PCI BAR; the
 * other half is device.c, another process, perhaps another user's.
 *
 *     cc -o xgm-frontend frontend.c $(pkg-config --cflags --libs xengpumem)
 *     xgm-device SOCKET &
 *     xen-gpumem run DOMID --user nobody --range GPA+SIZE -- \
 *             xgm-frontend GPA SIZE SOCKET [SECONDS]
 *
 * A monitor holds a descriptor for the whole guest and has devices that it does
 * not trust.  For each it derives a descriptor that can do less: one window, in
 * the device's BAR, with no more in it than the BAR has room for.  In that it
 * adds the BAR's window.  Buffers get there in two ways:
 *
 *   A. The device sends SHMEM_MAP with a descriptor, a memfd or dma-buf, as any
 *      vhost-user device does.  The monitor binds it.  The mapping is then one of
 *      the monitor's process, though nobody here touches it, and it lasts until
 *      it is unbound, whether or not the device lives.
 *   B. The device is given the derived descriptor, too, and binds memory of its
 *      own by itself: what has no descriptor, such as what a renderer has
 *      mapped, or what is exchanged too often for a message each time.  That is
 *      gone when the device is.
 *
 * What a device can do that has the descriptor is: show its own memory in its
 * own BAR, move the BAR where it may lie, take it away.  A monitor that does not
 * want that keeps the descriptor, and A is all that there is.
 *
 * Each function says what a monitor that knows KVM has to do otherwise.  What
 * comes from the socket is taken for hostile.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include <xengpumem.h>

#include "shmem.h"

#define SHMID		1		/* there is one region */
#define BINDINGS	64		/* mappings that the device may have */
#define PAGE		4096ULL
#define SAID_MAX	20

struct frontend {
	int guest;			/* from xen-gpumem run */
	int dom;			/* derived: the device's, and ours */
	int socket;			/* -1: there is no device any more */
	uint32_t window;
	uint64_t gpa, size;
	unsigned int said;
};

/* --- errors ---------------------------------------------------------------- */

static void die(const char *what, const char *why)
{
	fprintf(stderr, "xgm-frontend: %s: %s\n", what, why);
	exit(1);
}

static void must(int fd, const char *what, const struct xgm_attempt *attempt,
		 int ret)
{
	char why[512];

	if (ret >= 0)
		return;
	xgm_explain(fd, attempt, ret, why, sizeof(why));
	die(what, why);
}

/* A device that asks for nonsense for ever does not fill a disk. */
static void complain(struct frontend *f, const struct xgm_attempt *attempt,
		     int err)
{
	char why[512];

	if (f->said++ >= SAID_MAX)
		return;
	xgm_explain(f->dom, attempt, err, why, sizeof(why));
	fprintf(stderr, "xgm-frontend: the device is refused: %s%s\n", why,
		f->said == SAID_MAX ? " (no more is told)" : "");
}

/* --- the device's descriptor, and its BAR ---------------------------------- */

/*
 * What the device gets: never more than we have, and only here.  Its limits are
 * what protects us: mappings that are made for it count against them, so it
 * cannot fill our address space, nor use up what we have for other devices.
 *
 * KVM has nothing like it: who has the VM's descriptor has all of the VM.
 */
static void derive(struct frontend *f)
{
	const struct xen_gpumem_range bar = {
		.right = XEN_GPUMEM_RIGHT_LEND, .first = f->gpa,
		.length = f->size,
	};
	const struct xgm_limits limits = {
		.size = sizeof(limits), .rights = XEN_GPUMEM_RIGHT_LEND,
		.max_windows = 1, .max_bindings = BINDINGS,
		.max_bytes = f->size, .ranges = &bar, .nr_ranges = 1,
	};
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_DOMAIN_DERIVE,
		.limits = &limits,
	};

	f->dom = xgm_domain_derive(f->guest, &limits);
	must(f->guest, "a descriptor for the device", &a, f->dom);
}

/*
 * The BAR.  The window belongs to the descriptor that it is added through: with
 * the derived one, the device can bind in it, and we can move it and take it
 * away as well, as both of us have that descriptor.
 *
 * A monitor adds it parked when the device is realized, moves it when the guest
 * programs the BAR, and parks it when the guest disables that.  With KVM it
 * would delete and make a slot for every buffer each time; here bindings stay.
 */
static void window_make(struct frontend *f)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_WINDOW_ADD,
		.gpa = f->gpa, .length = f->size,
		.policy = XEN_GPUMEM_POLICY_MMIO,
	};

	must(f->dom, "no window", &a,
	     xgm_window_add(f->dom, XEN_GPUMEM_PARKED, f->size,
			    XEN_GPUMEM_POLICY_MMIO, &f->window));
	must(f->dom, "the window's address", &a,
	     xgm_window_move(f->dom, f->window, f->gpa));
}

/* --- the device ------------------------------------------------------------ */

static void set_timeout(int socket)
{
	const struct timeval second = { .tv_sec = 1 };

	/* Half a message, or replies that nobody reads: not our problem. */
	if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &second,
		       sizeof(second)) ||
	    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &second,
		       sizeof(second)))
		die("the socket", strerror(errno));
}

static void device_connect(struct frontend *f, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(name.sun_path))
		die(path, "is too long for a socket");
	strcpy(name.sun_path, path);
	f->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->socket < 0)
		die("the socket", strerror(errno));
	if (connect(f->socket, (struct sockaddr *)&name, sizeof(name)))
		die(path, strerror(errno));
	set_timeout(f->socket);
}

/* Here is your region.  The descriptor is a copy of ours: both are one. */
static void device_start(struct frontend *f)
{
	struct shm_message m = {
		.header = { .request = SHM_REGION, .size = sizeof(m.region) },
		.region = {
			.shmid = SHMID, .window = f->window, .size = f->size,
		},
	};
	int ret = shm_send(f->socket, &m, f->dom);

	if (ret)
		die("the device", strerror(-ret));
}

/*
 * The device is gone, or was reset, or talks nonsense.  What it bound by itself
 * has only its policy left; what we bound for it is still there.  One call for
 * all of it: when it returns, the guest reaches none of it.
 *
 * A vhost-user frontend has to do the same across a reset of the device.
 */
static void device_gone(struct frontend *f, const char *why)
{
	close(f->socket);
	f->socket = -1;
	xgm_unbind(f->dom, f->window, 0, f->size);
	printf("the device is gone (%s): nothing of it is left\n", why);
}

/* --- A: messages ----------------------------------------------------------- */

/*
 * SHMEM_MAP.  Numbers need no check of ours: the driver refuses what is not made
 * of pages (EINVAL) or not in the window (ERANGE), and counts.  Mapping over a
 * mapping is not allowed in vhost-user, which is what BIND does without REPLACE
 * (EEXIST).  The file is mapped by the driver, in this process, and never
 * touched by it: one that the device truncates is the guest's problem, by the
 * binding's policy, where with KVM it might be our SIGBUS.
 *
 * Return: 0 or a negative errno
 */
static int on_map(struct frontend *f, const struct shm_map *map, int fd)
{
	struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_BIND_FD,
		.window = f->window, .offset = map->shm_offset,
		.length = map->len, .source = fd, .address = map->fd_offset,
		.policy = XEN_GPUMEM_POLICY_INJECT,
	};
	int ret;

	if (fd < 0)
		return -EBADF;
	if (map->shmid != SHMID || (map->flags & ~(uint64_t)SHM_MAP_RW))
		return -EINVAL;
	if (!(map->flags & SHM_MAP_RW))
		a.flags |= XEN_GPUMEM_BIND_READONLY;
	ret = xgm_bind_fd(f->dom, f->window, a.offset, a.length, fd,
			  a.address, a.flags, a.policy);
	if (ret)
		complain(f, &a, ret);
	return ret;
}

/*
 * SHMEM_UNMAP, of a whole mapping, as vhost-user has it: a part of one is refused
 * (EEXIST).  That several at once are not, as they need not be with the driver,
 * does the device itself no good, and others no harm.
 */
static int on_unmap(struct frontend *f, const struct shm_map *map, int fd)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_UNBIND,
		.window = f->window, .offset = map->shm_offset,
		.length = map->len,
	};
	int ret;

	if (fd >= 0 || map->shmid != SHMID)
		return -EINVAL;
	ret = xgm_unbind(f->dom, f->window, a.offset, a.length);
	if (ret)
		complain(f, &a, ret);
	return ret;
}

static int on_request(struct frontend *f, const struct shm_message *m, int fd)
{
	switch (m->header.request) {
	case SHM_MAP:
	case SHM_UNMAP:
		if (m->header.size != sizeof(m->map))
			return -EINVAL;
		return m->header.request == SHM_MAP ?
		       on_map(f, &m->map, fd) : on_unmap(f, &m->map, fd);
	default:
		return -EOPNOTSUPP;
	}
}

static void on_message(struct frontend *f)
{
	struct shm_message m;
	int fd, ret;
	bool reply;

	ret = shm_receive(f->socket, &m, &fd);
	if (ret <= 0) {
		device_gone(f, ret ? strerror(-ret) : "it has hung up");
		return;
	}
	ret = on_request(f, &m, fd);
	/* The driver has a reference of its own. */
	if (fd >= 0)
		close(fd);
	reply = m.header.flags & SHM_NEED_REPLY;
	m.header.flags = SHM_REPLY;
	m.header.size = sizeof(m.reply);
	m.reply = -ret;
	/* When it comes, the guest can use the memory, or can no more. */
	ret = reply ? shm_send(f->socket, &m, -1) : 0;
	if (ret)
		device_gone(f, strerror(-ret));
}

/* --- events ---------------------------------------------------------------- */

/*
 * Events of the BAR are read here only: the device has the same descriptor, and
 * would take them from us.
 */
static void on_event(struct frontend *f)
{
	struct xen_gpumem_event event;
	char text[512];
	int ret = xgm_event_get(f->dom, &event, sizeof(event), 0);

	if (ret == -ETIMEDOUT || ret == -EINTR)
		return;
	if (ret < 0)
		die("events", xgm_strerror(XGM_CALL_EVENT_READ, ret));
	if (!ret)
		exit(0);
	if (f->said++ < SAID_MAX) {
		xgm_event_format(&event, text, sizeof(text));
		printf("event: %s\n", text);
	}
	/*
	 * ORPHAN: what the device bound by itself, and it has died.  That it has
	 * hung up is known by the socket as well, and dealt with there.
	 */
	if (event.type == XEN_GPUMEM_EVENT_GONE) {
		printf("the guest is gone\n");
		exit(0);
	}
}

static void serve(struct frontend *f, double seconds)
{
	struct pollfd p[2] = {
		{ .fd = f->dom, .events = POLLIN }, { .events = POLLIN },
	};
	struct timespec ts;
	double end, left;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	end = ts.tv_sec + ts.tv_nsec / 1e9 + seconds;
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		left = end - (ts.tv_sec + ts.tv_nsec / 1e9);
		if (left <= 0)
			return;
		p[1].fd = f->socket;
		if (poll(p, 2, left < 1000 ? left * 1000 + 1 : 1000000) < 0 &&
		    errno != EINTR)
			die("poll", strerror(errno));
		if (p[0].revents)
			on_event(f);
		if (p[1].revents)
			on_message(f);
		p[0].revents = p[1].revents = 0;
	}
}

int main(int argc, char **argv)
{
	struct frontend f = { .socket = -1 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4)
		die("usage", "xgm-frontend GPA SIZE SOCKET [SECONDS]");
	f.gpa = strtoull(argv[1], NULL, 0);
	f.size = strtoull(argv[2], NULL, 0);
	if (!f.size || f.size % PAGE)
		die("SIZE", "is a multiple of 4096");
	f.guest = xgm_domain_from_env(NULL);
	if (f.guest < 0)
		die(XGM_ENV_FD, xgm_strerror(XGM_CALL_DOMAIN_ADOPT, f.guest));
	derive(&f);
	window_make(&f);
	device_connect(&f, argv[3]);
	device_start(&f);
	printf("ready: user %u, window %u\n", geteuid(), f.window);
	serve(&f, argc > 4 ? atof(argv[4]) : 1e9);
	/*
	 * The device may have its descriptor for ever, so the window does not go
	 * with ours: take it away.
	 */
	xgm_window_remove(f.dom, f.window);
	close(f.dom);
	close(f.guest);
	return 0;
}
