// SPDX-License-Identifier: MIT
/*
 * The device's half of what frontend.c describes: a process that shows buffers in
 * a BAR which another one, the monitor, has for it.
 *
 *     cc -o xgm-device device.c $(pkg-config --cflags --libs xengpumem)
 *     xgm-device SOCKET
 *
 * It is nobody's, and has no privilege at all: it does not know the guest, and
 * could not name it.  What it knows of Xen is the one descriptor that the
 * monitor sends.
 *
 * Buffers that have a descriptor, memfds and the dma-bufs of a GPU, are sent to
 * the monitor (SHMEM_MAP); this half would not have to know of Xen for them, and
 * is what a vhost-user device does on any hypervisor.  Memory that has none is
 * bound here, through the monitor's descriptor.
 */
#define _GNU_SOURCE 1			/* memfd_create(), accept4() */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/un.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>

#include <xengpumem.h>

#include "shmem.h"

#define PAGE		4096ULL
#define BUFFER		(64 * 1024ULL)

struct device {
	int socket;
	int dom;			/* of the monitor's making */
	struct shm_region region;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "xgm-device: %s: %s\n", what, why);
	exit(1);
}

/* --- the monitor ----------------------------------------------------------- */

static void monitor_wait(struct device *d, const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(name.sun_path))
		die(path, "is too long for a socket");
	strcpy(name.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) ||
	    listen(fd, 1))
		die(path, strerror(errno));
	printf("waiting at %s\n", path);
	d->socket = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (d->socket < 0)
		die(path, strerror(errno));
	close(fd);
	unlink(path);
}

/* The first message, and all that we get. */
static void region_take(struct device *d)
{
	struct shm_message m;
	int ret = shm_receive(d->socket, &m, &d->dom);

	if (ret <= 0)
		die("the monitor", ret ? strerror(-ret) : "it has hung up");
	if (m.header.request != SHM_REGION ||
	    m.header.size != sizeof(m.region) || d->dom < 0)
		die("the monitor", "it does not begin with a region");
	d->region = m.region;
	/* Is it what it is said to be?  And no program of ours inherits it. */
	ret = xgm_domain_adopt(d->dom);
	if (ret)
		die("the descriptor",
		    xgm_strerror(XGM_CALL_DOMAIN_ADOPT, ret));
}

/* One request, and its answer.  Return: 0 or a negative errno */
static int ask(struct device *d, uint32_t request, const struct shm_map *map,
	       int fd)
{
	struct shm_message m = {
		.header = {
			.request = request, .flags = SHM_NEED_REPLY,
			.size = sizeof(m.map),
		},
		.map = *map,
	};
	int ret = shm_send(d->socket, &m, fd), none = -1;

	if (!ret)
		ret = shm_receive(d->socket, &m, &none);
	if (ret <= 0)
		die("the monitor", ret ? strerror(-ret) : "it has hung up");
	if (m.header.request != request || !(m.header.flags & SHM_REPLY) ||
	    m.header.size != sizeof(m.reply) || none >= 0)
		die("the monitor", "that is no answer");
	return -(int)m.reply;
}

/* --- A: what has a descriptor ---------------------------------------------- */

/* From when the answer is there the guest sees the file. */
static void show(struct device *d, uint64_t offset, uint64_t length, int fd,
		 uint64_t flags)
{
	const struct shm_map map = {
		.shmid = d->region.shmid, .shm_offset = offset, .len = length,
		.flags = flags,
	};
	int ret = ask(d, SHM_MAP, &map, fd);

	if (ret)
		die("showing a buffer", strerror(-ret));
}

/* From then it does not: the buffer can be given to somebody else. */
static void hide(struct device *d, uint64_t offset, uint64_t length)
{
	const struct shm_map map = {
		.shmid = d->region.shmid, .shm_offset = offset, .len = length,
	};
	int ret = ask(d, SHM_UNMAP, &map, -1);

	if (ret)
		die("hiding a buffer", strerror(-ret));
}

static int memfd_buffer(uint64_t length)
{
	int fd = memfd_create("buffer", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, length))
		die("memfd", strerror(errno));
	return fd;
}

/*
 * A buffer of a GPU driver as a dma-buf.  The driver may move it between VRAM
 * and RAM at any time, and the guest's view follows.  Return: its descriptor,
 * or -1 where there is no GPU that we may use
 */
static int gpu_buffer(void)
{
	struct drm_mode_create_dumb create = {
		.width = 128, .height = 128, .bpp = 32,
	};
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);

	if (card < 0)
		return -1;
	prime.fd = -1;
	if (!ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create)) {
		prime.handle = create.handle;
		if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
			prime.fd = -1;
	}
	/* The dma-buf keeps the buffer. */
	close(card);
	return prime.fd;
}

/* --- B: what has none ------------------------------------------------------ */

/*
 * Memory by its address, as a renderer's library returns it: through the
 * monitor's descriptor, in the monitor's window, within the monitor's limits.
 */
static void show_memory(struct device *d, uint64_t offset, uint64_t length,
			void *p)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_BIND,
		.window = d->region.window, .offset = offset,
		.length = length, .address = (uintptr_t)p,
		.policy = XEN_GPUMEM_POLICY_INJECT,
	};
	char why[512];
	int ret;

	ret = xgm_bind(d->dom, d->region.window, offset, length, p, 0,
		       XEN_GPUMEM_POLICY_INJECT);
	if (!ret)
		return;
	xgm_explain(d->dom, &a, ret, why, sizeof(why));
	die("binding memory", why);
}

/* --- buffers --------------------------------------------------------------- */

/* Each page begins with a number that says which buffer's page it is. */
static void draw(void *p, uint64_t length, uint64_t buffer)
{
	volatile uint64_t *w = p;

	if (p == MAP_FAILED)
		die("mapping a buffer", strerror(errno));
	for (uint64_t i = 0; i < length / PAGE; i++)
		w[i * PAGE / 8] = buffer << 32 | i;
}

/* Draw in it, send it, and forget it: the guest has it. */
static void show_file(struct device *d, uint64_t offset, int fd, uint64_t flags,
		      uint64_t buffer)
{
	void *p = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       0);

	draw(p, BUFFER, buffer);
	munmap(p, BUFFER);
	show(d, offset, BUFFER, fd, flags);
	close(fd);
}

static void buffers_show(struct device *d)
{
	int gpu = gpu_buffer();
	void *p;

	show_file(d, 0, memfd_buffer(BUFFER), SHM_MAP_RW, 1);
	show_file(d, BUFFER, gpu >= 0 ? gpu : memfd_buffer(BUFFER), SHM_MAP_RW,
		  2);
	/* The guest may not write this one. */
	show_file(d, 2 * BUFFER, memfd_buffer(BUFFER), 0, 3);
	/* Shown, and hidden. */
	show_file(d, 3 * BUFFER, memfd_buffer(BUFFER), SHM_MAP_RW, 4);
	hide(d, 3 * BUFFER, BUFFER);

	p = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	draw(p, BUFFER, 5);
	show_memory(d, 4 * BUFFER, BUFFER, p);
	printf("shown: user %u, a buffer of %s\n", geteuid(),
	       gpu >= 0 ? "the GPU's" : "memory for want of a GPU");
}

int main(int argc, char **argv)
{
	struct device d = { .socket = -1 };
	char byte;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2)
		die("usage", "xgm-device SOCKET");
	monitor_wait(&d, argv[1]);
	region_take(&d);
	if (d.region.size < 5 * BUFFER)
		die("the region", "is smaller than 320 KiB");
	buffers_show(&d);
	/* A device would serve its queues now.  Until the monitor hangs up: */
	while (recv(d.socket, &byte, 1, 0) < 0 && errno == EINTR)
		;
	return 0;
}
