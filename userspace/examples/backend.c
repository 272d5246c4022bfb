// SPDX-License-Identifier: MIT
/*
 * A small backend: what a device model that shows host buffers in a PCI BAR does,
 * without the device.
 *
 *     cc -o xgm-backend backend.c $(pkg-config --cflags --libs xengpumem)
 *     xen-gpumem run DOMID --user nobody --range GPA+SIZE -- \
 *             xgm-backend GPA SIZE [SECONDS]
 *
 * It is not root and has nothing but a descriptor for one guest.  It reserves
 * one big window, the BAR, and puts buffers in it, in the two ways there are:
 *
 *   A. The first half of the window is bound once, to a reservation of address
 *      space (PROT_NONE).  Buffers come and go by mmap(MAP_FIXED) over it: no
 *      call of ours is needed then, as bindings follow addresses.  This suits
 *      monitors that manage such an arena already (crosvm, for one).
 *   B. In the second half each buffer gets a binding of its own, by address or
 *      straight from a descriptor.  This suits those who are handed pointers
 *      or descriptors one at a time (QEMU's blobs, vhost-user's SHMEM_MAP).
 *
 * Errors end it, with the library's words for them.  docs/backends.md goes
 * through the same steps for QEMU and crosvm.
 */
#define _GNU_SOURCE 1			/* memfd_create() */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>

#include <xengpumem.h>

#define PAGE		4096ULL
#define BUFFER		(64 * 1024ULL)

struct backend {
	int fd;				/* the domain fd: all our privilege */
	uint32_t window;
	uint64_t gpa, size;
	char *arena;			/* addresses behind the first half */
};

/* --- errors ---------------------------------------------------------------- */

static void die(const char *what, const char *why)
{
	fprintf(stderr, "xgm-backend: %s: %s\n", what, why);
	exit(1);
}

/* A call of the library that failed: ask it why. */
static void must(const struct backend *b, const char *what,
		 const struct xgm_attempt *attempt, int ret)
{
	char why[512];

	if (ret >= 0)
		return;
	xgm_explain(b->fd, attempt, ret, why, sizeof(why));
	die(what, why);
}

/* --- the window ------------------------------------------------------------ */

/*
 * One window for the whole BAR, once, however little of it is going to be used:
 * a window costs next to nothing.  A real device model does not know the address
 * yet and adds it parked; moves it when the guest programs the BAR
 * (xgm_window_move), and parks it when the guest disables it (xgm_window_park).
 * Bindings stay throughout.
 *
 * Where nothing is bound, accesses go on to the device model as ordinary MMIO
 * (XEN_GPUMEM_POLICY_MMIO), as if there were no window.
 */
static void window_make(struct backend *b)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_WINDOW_ADD,
		.gpa = b->gpa, .length = b->size,
		.policy = XEN_GPUMEM_POLICY_MMIO,
	};
	int ret;

	ret = xgm_window_add(b->fd, XEN_GPUMEM_PARKED, b->size,
			     XEN_GPUMEM_POLICY_MMIO, &b->window);
	must(b, "no window", &a, ret);
	/* The guest programs the BAR. */
	ret = xgm_window_move(b->fd, b->window, b->gpa);
	must(b, "the window's address", &a, ret);
}

/* --- A: addresses ---------------------------------------------------------- */

/*
 * Reserve address space and bind all of it.  Nothing is mapped there: PROT_NONE
 * and NORESERVE cost nothing, keep others out of the range, and give the guest
 * nothing.  A touch of it gets the binding's policy, INJECT here, and is told
 * to us as an event.
 */
static void arena_make(struct backend *b)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_BIND, .window = b->window,
		.length = b->size / 2, .policy = XEN_GPUMEM_POLICY_INJECT,
	};

	b->arena = mmap(NULL, b->size / 2, PROT_NONE, MAP_PRIVATE |
			MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (b->arena == MAP_FAILED)
		die("address space", strerror(errno));
	must(b, "binding the arena", &a,
	     xgm_bind(b->fd, b->window, 0, b->size / 2, b->arena, 0,
		      XEN_GPUMEM_POLICY_INJECT));
}

/*
 * Show a buffer: map it over the reservation.  From the moment that mmap()
 * returns the guest sees it, and nothing older.  What the guest had there is
 * taken away by the kernel inside of mmap().
 */
static void *arena_show(struct backend *b, uint64_t offset, uint64_t length,
			int file, uint64_t at)
{
	void *p = mmap(b->arena + offset, length, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, file, at);

	if (p == MAP_FAILED)
		die("mapping a buffer", strerror(errno));
	return p;
}

/*
 * Take it away again: never munmap(), which would leave a hole that another
 * thread's mmap() could land in, for the guest to see.
 */
static void arena_hide(struct backend *b, uint64_t offset, uint64_t length)
{
	if (mmap(b->arena + offset, length, PROT_NONE, MAP_PRIVATE |
		 MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
	    MAP_FAILED)
		die("hiding a buffer", strerror(errno));
}

/* --- B: a binding each ----------------------------------------------------- */

/*
 * Put memory that is mapped anywhere behind a part of the window.  With REPLACE
 * the exchange is atomic: a vCPU sees old or new, and never a hole.
 */
static void bind_memory(struct backend *b, uint64_t offset, uint64_t length,
			void *p)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_BIND, .window = b->window,
		.offset = offset, .length = length,
		.flags = XEN_GPUMEM_BIND_REPLACE, .address = (uintptr_t)p,
		.policy = XEN_GPUMEM_POLICY_INJECT,
	};

	must(b, "binding memory", &a,
	     xgm_bind(b->fd, b->window, offset, length, p,
		      XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
}

/*
 * Put a part of a file, memfd or dma-buf there.  The driver maps it in this
 * process and unmaps it with the binding; the descriptor can be closed at once.
 */
static void bind_file(struct backend *b, uint64_t offset, uint64_t length,
		      int file, uint64_t at)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_BIND_FD,
		.window = b->window, .offset = offset, .length = length,
		.flags = XEN_GPUMEM_BIND_REPLACE, .source = file,
		.address = at, .policy = XEN_GPUMEM_POLICY_INJECT,
	};

	must(b, "binding a file", &a,
	     xgm_bind_fd(b->fd, b->window, offset, length, file, at,
			 XEN_GPUMEM_BIND_REPLACE, XEN_GPUMEM_POLICY_INJECT));
}

/* --- buffers --------------------------------------------------------------- */

static int memfd_buffer(uint64_t length)
{
	int fd = memfd_create("buffer", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, length))
		die("memfd", strerror(errno));
	return fd;
}

/* Each page begins with a number that says which buffer's page it is. */
static void draw(void *p, uint64_t length, uint64_t buffer)
{
	volatile uint64_t *w = p;

	for (uint64_t i = 0; i < length / PAGE; i++)
		w[i * PAGE / 8] = buffer << 32 | i;
}

/*
 * A buffer of a GPU driver: the simplest kind there is.  Its mmap() offset is
 * all that we need; the driver may move the buffer between VRAM and RAM at any
 * time, and the guest's view follows.  Return: whether there is a GPU
 */
static int dumb_buffer(uint64_t *offset)
{
	struct drm_mode_create_dumb create = {
		.width = 128, .height = 128, .bpp = 32,
	};
	struct drm_mode_map_dumb map = { .handle = 0 };
	int card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);

	if (card < 0)
		return -1;
	if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		goto none;
	map.handle = create.handle;
	if (ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &map))
		goto none;
	*offset = map.offset;
	return card;
none:
	close(card);
	return -1;
}

/* A: a buffer of its own; the mapping is all that has to be kept of it. */
static void show_memfd(struct backend *b, uint64_t offset, uint64_t buffer)
{
	int fd = memfd_buffer(BUFFER);

	draw(arena_show(b, offset, BUFFER, fd, 0), BUFFER, buffer);
	close(fd);
}

static void buffers_place(struct backend *b)
{
	uint64_t half = b->size / 2, at = 0;
	int one = memfd_buffer(2 * BUFFER), card;
	void *p;

	/* A: a whole memfd; then another buffer over its second half. */
	draw(arena_show(b, 0, 2 * BUFFER, one, 0), 2 * BUFFER, 1);
	card = dumb_buffer(&at);
	if (card >= 0)
		draw(arena_show(b, BUFFER, BUFFER, card, at), BUFFER, 2);
	else
		show_memfd(b, BUFFER, 2);
	/* Shown, and hidden. */
	show_memfd(b, 2 * BUFFER, 3);
	arena_hide(b, 2 * BUFFER, BUFFER);

	/* B: memory by its address; a file by its descriptor. */
	p = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("memory", strerror(errno));
	draw(p, BUFFER, 4);
	bind_memory(b, half, BUFFER, p);
	bind_file(b, half + BUFFER, BUFFER, one, BUFFER);
	close(one);
}

/* --- events ---------------------------------------------------------------- */

/*
 * What a device model does on each.  The descriptor goes into its main loop
 * like any other (POLLIN); nothing has to be read in time: what piles up is
 * counted in few records.
 */
static void on_event(const struct xen_gpumem_event *event)
{
	char text[512];

	xgm_event_format(event, text, sizeof(text));
	printf("event: %s\n", text);
	switch (event->type) {
	case XEN_GPUMEM_EVENT_FAULT:
		/*
		 * A touch of something bound that could not be supplied: the
		 * guest has got the policy already.  ENODATA in a hidden part
		 * of an arena is the guest's mistake; ENOSPC means that its
		 * paging pool should be larger.
		 */
		break;
	case XEN_GPUMEM_EVENT_ORPHAN:
		/* Another process that shares the fd is gone: unbind. */
		break;
	case XEN_GPUMEM_EVENT_OVERFLOW:
		/* We read too slowly.  Only counts are lost. */
		break;
	case XEN_GPUMEM_EVENT_GONE:
		/* The last one.  Nothing to clean up: close(), or exit. */
		exit(0);
	}
}

static void serve(struct backend *b, double seconds)
{
	struct timespec ts;
	double end;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	end = ts.tv_sec + ts.tv_nsec / 1e9 + seconds;
	for (;;) {
		struct xen_gpumem_event event;
		double left;
		int ret;

		clock_gettime(CLOCK_MONOTONIC, &ts);
		left = end - (ts.tv_sec + ts.tv_nsec / 1e9);
		if (left <= 0)
			return;
		ret = xgm_event_get(b->fd, &event, sizeof(event),
				    left * 1000 + 1);
		if (ret == -ETIMEDOUT || ret == -EINTR)
			continue;
		if (ret < 0)
			die("events", xgm_strerror(XGM_CALL_EVENT_READ, ret));
		if (!ret)
			return;
		on_event(&event);
	}
}

int main(int argc, char **argv)
{
	struct backend b = { .fd = -1 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3)
		die("usage", "xgm-backend GPA SIZE [SECONDS]");
	b.gpa = strtoull(argv[1], NULL, 0);
	b.size = strtoull(argv[2], NULL, 0);
	if (b.size < 16 * BUFFER || b.size % (2 * PAGE))
		die("SIZE", "is at least 1 MiB, and a multiple of 8192");
	b.fd = xgm_domain_from_env(NULL);
	if (b.fd < 0)
		die(XGM_ENV_FD, xgm_strerror(XGM_CALL_DOMAIN_ADOPT, b.fd));
	window_make(&b);
	arena_make(&b);
	buffers_place(&b);
	printf("ready: user %u, window %u\n", geteuid(), b.window);
	serve(&b, argc > 3 ? atof(argv[3]) : 1e9);
	/* All that was lent is taken back with the last descriptor. */
	close(b.fd);
	return 0;
}
