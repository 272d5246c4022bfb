// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of a benchmark under Xen, with xen-gpumem.
 *
 * Two windows: the box, and the 8 GiB one.  The toolstack makes the guest and
 * pauses it while the host is measured; the payload yields when it is idle.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/gpumem.h>

#include "bench.h"

#define NAME		"bench"
#define CONFIG		"/run/bench.cfg"
#define FAULT_AROUND	"/sys/module/xen_gpumem/parameters/fault_around"

const char vm_kind[] = "lend";

static int dom = -1;
static unsigned int window, box_window;
static volatile struct bench_box *the_box;

/* Return: the exit status of "xl" with these words; @out: what it printed */
static int xl(const char *a, const char *b, char *out, size_t size)
{
	int fds[2], status;
	ssize_t n = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		dup2(out ? fds[1] : 2, 1);
		execlp("xl", "xl", a, b, NULL);
		_exit(127);
	}
	close(fds[1]);
	if (out) {
		n = read(fds[0], out, size - 1);
		out[n > 0 ? n : 0] = '\0';
	}
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid)
		die("xl %s: %s", a, strerror(errno));
	return status;
}

static void call(unsigned long nr, void *arg, const char *what)
{
	if (ioctl(dom, nr, arg) < 0)
		die("%s: %s", what, strerror(errno));
}

static unsigned int add_window(uint64_t gpa, uint64_t length)
{
	struct xen_gpumem_window_add a = {
		.size = sizeof(a), .gpa = gpa, .length = length,
		.hole_policy = XEN_GPUMEM_POLICY_MMIO,
	};

	call(XEN_GPUMEM_WINDOW_ADD, &a, "WINDOW_ADD");
	return a.out_window;
}

static void bind(unsigned int id, uint64_t offset, uint64_t length,
		 volatile void *address)
{
	struct xen_gpumem_bind b = {
		.size = sizeof(b), .window = id, .offset = offset,
		.length = length, .address = (uintptr_t)address,
		.fail_policy = XEN_GPUMEM_POLICY_INJECT,
	};

	call(XEN_GPUMEM_BIND, &b, "BIND");
}

static void create(unsigned int vcpus)
{
	FILE *f = fopen(CONFIG, "we");

	if (!f)
		die("%s: %s", CONFIG, strerror(errno));
	fprintf(f, "name = \"" NAME "\"\ntype = \"pvh\"\nvcpus = %u\n"
		"memory = 32\nshadow_memory = 32\n"
		"kernel = \"/bin/bench-payload\"\ntsc_mode = \"native\"\n"
		"on_crash = \"destroy\"\n", vcpus);
	fclose(f);
	if (xl("create", CONFIG, NULL, 0))
		die("xl create failed");
}

void vm_start(unsigned int vcpus, volatile struct bench_box *box)
{
	struct xen_gpumem_open_domain od = {
		.size = sizeof(od), .flags = XEN_GPUMEM_OPEN_CLOEXEC,
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int node = open("/dev/xen/gpumem", O_RDWR | O_CLOEXEC);
	char id[32];

	create(vcpus);
	if (node < 0 || xl("domid", NAME, id, sizeof(id)))
		die("no guest, or no /dev/xen/gpumem");
	od.domid = atoi(id);
	dom = ioctl(node, XEN_GPUMEM_OPEN_DOMAIN, &od);
	if (dom < 0)
		die("OPEN_DOMAIN: %s", strerror(errno));
	close(node);
	the_box = box;
	box_window = add_window(BENCH_BOX, BENCH_PAGE);
	bind(box_window, 0, BENCH_PAGE, box);
	window = add_window(BENCH_WINDOW, WINDOW_SIZE);
}

void vm_stop(void)
{
	close(dom);
	xl("destroy", NAME, NULL, 0);
}

void vm_bind(uint64_t offset, uint64_t length, volatile void *address)
{
	bind(window, offset, length, address);
}

void vm_unbind(uint64_t offset, uint64_t length)
{
	struct xen_gpumem_unbind u = {
		.size = sizeof(u), .window = window, .offset = offset,
		.length = length,
	};

	call(XEN_GPUMEM_UNBIND, &u, "UNBIND");
}

void vm_populate(uint64_t offset, uint64_t length)
{
	struct xen_gpumem_populate p = {
		.size = sizeof(p), .flags = XEN_GPUMEM_POPULATE_WRITE,
		.window = window, .offset = offset, .length = length,
	};

	call(XEN_GPUMEM_POPULATE, &p, "POPULATE");
}

void vm_go(unsigned int cpu)
{
	/* It looks by itself. */
	(void)cpu;
}

void vm_wait(unsigned int cpu)
{
	volatile struct bench_slot *slot = &the_box->slot[cpu];

	/* Rarely, so that looking is not what is measured. */
	for (int n = 0; slot->done != slot->seq; n++) {
		if (n > 10000)
			die("vCPU %u does not answer", cpu);
		usleep(n < 10 ? 2000 : 20000);
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

void vm_quiet(bool quiet)
{
	if (xl(quiet ? "pause" : "unpause", NAME, NULL, 0))
		die("cannot pause the guest");
}

bool vm_fault_around(unsigned int pages)
{
	static unsigned int usual;
	FILE *f = fopen(FAULT_AROUND, "r+e");

	if (!f)
		die("%s: %s", FAULT_AROUND, strerror(errno));
	if (!usual && fscanf(f, "%u", &usual) != 1)
		die("%s cannot be read", FAULT_AROUND);
	rewind(f);
	fprintf(f, "%u\n", pages ? pages : usual);
	fclose(f);
	return true;
}
