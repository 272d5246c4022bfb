// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of a benchmark under Xen, with xen-gpumem.
 *
 * The toolstack makes it and does not start it: the box is lent first, in a
 * window of its own, and then there is the 8 GiB one.  Once it runs, host and
 * guest wake each other by an event channel for each vCPU.  Where nobody has a
 * command to run, the guest sleeps in Xen.
 *
 * Time that the machine slept: what Xen's idle vCPU had of the CPU.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/gpumem.h>
#include <xen/xen.h>
#include <xen/sys/evtchn.h>

#include "bench.h"
#include "xen-call.h"
#include "xen.h"

#define NAME		"bench"
#define CONFIG		"/run/bench.cfg"
#define FAULT_AROUND	"/sys/module/xen_gpumem/parameters/fault_around"

/* Milliseconds in which a vCPU has to answer: many times what any needs. */
#define ANSWER_MS	120000

const char vm_kind[] = "lend";

static int id, dom = -1, events = -1;
static unsigned int window;
static unsigned int port[BENCH_CPUS];
static volatile struct bench_box *the_box;

/* --- the toolstack ------------------------------------------------------- */

/* Return: the wait status; @out, if not NULL: what it printed */
static int xl(char *const argv[], char *out, size_t size)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (!pid) {
		dup2(out ? fds[1] : 2, 1);
		execvp("xl", argv);
		_exit(127);
	}
	close(fds[1]);
	while (out && len < size - 1 &&
	       (n = read(fds[0], out + len, size - 1 - len)) > 0)
		len += n;
	if (out)
		out[len] = '\0';
	close(fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("xl %s: %s", argv[1], strerror(errno));
	return status;
}

static int create(unsigned int vcpus)
{
	char *create[] = { "xl", "create", "-p", CONFIG, NULL };
	char *domid[] = { "xl", "domid", NAME, NULL };
	FILE *f = fopen(CONFIG, "we");
	char id[32];

	if (!f)
		die("%s: %s", CONFIG, strerror(errno));
	fprintf(f, "name = \"" NAME "\"\ntype = \"pvh\"\nvcpus = %u\n"
		"memory = 64\nshadow_memory = 32\n"
		"kernel = \"/bin/bench-payload\"\ntsc_mode = \"native\"\n"
		"on_crash = \"destroy\"\n", vcpus);
	if (fclose(f))
		die("%s: %s", CONFIG, strerror(errno));
	if (xl(create, NULL, 0) || xl(domid, id, sizeof(id)) || atoi(id) <= 0)
		die("the guest could not be made");
	return atoi(id);
}

/* --- lending ------------------------------------------------------------- */

static void call(unsigned long nr, void *arg, const char *what)
{
	if (ioctl(dom, nr, arg) < 0)
		die("%s: %s", what, strerror(errno));
}

static void open_domain(int domid)
{
	struct xen_gpumem_open_domain od = {
		.size = sizeof(od), .flags = XEN_GPUMEM_OPEN_CLOEXEC,
		.domid = domid, .rights = XEN_GPUMEM_RIGHT_LEND |
					  XEN_GPUMEM_RIGHT_EXPORT_GRANTS |
					  XEN_GPUMEM_RIGHT_EXPORT_FRAMES,
	};
	int node = open("/dev/xen/gpumem", O_RDWR | O_CLOEXEC);

	if (node < 0)
		die("/dev/xen/gpumem: %s", strerror(errno));
	dom = ioctl(node, XEN_GPUMEM_OPEN_DOMAIN, &od);
	if (dom < 0)
		die("OPEN_DOMAIN: %s", strerror(errno));
	close(node);
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

void vm_fault_around(unsigned int pages)
{
	static unsigned int usual;
	FILE *f = fopen(FAULT_AROUND, "r+e");

	if (!f || (!usual && fscanf(f, "%u", &usual) != 1))
		die("%s cannot be read", FAULT_AROUND);
	rewind(f);
	fprintf(f, "%u\n", pages ? pages : usual);
	if (fclose(f))
		die("%s cannot be written", FAULT_AROUND);
}

/* --- events -------------------------------------------------------------- */

/* The guest's vCPUs tell their ports when they have come up. */
static void connect_vcpu(int domid, unsigned int cpu)
{
	struct ioctl_evtchn_bind_interdomain b = { .remote_domain = domid };
	volatile struct bench_slot *slot = &the_box->slot[cpu];
	int ret;

	for (int n = 0; !slot->port; n++) {
		if (n > ANSWER_MS)
			die("vCPU %u does not come up", cpu);
		usleep(1000);
	}
	b.remote_port = slot->port;
	ret = ioctl(events, IOCTL_EVTCHN_BIND_INTERDOMAIN, &b);
	if (ret < 0)
		die("vCPU %u, port %u: %s", cpu, slot->port, strerror(errno));
	port[cpu] = ret;
}

/* Whosever it is: who waits looks at the slot. */
static void next_event(unsigned int cpu)
{
	struct pollfd p = { .fd = events, .events = POLLIN };
	uint32_t which;

	if (poll(&p, 1, ANSWER_MS) != 1)
		die("vCPU %u does not answer", cpu);
	/* Writing it back lets the next one through. */
	if (read(events, &which, sizeof(which)) != sizeof(which) ||
	    write(events, &which, sizeof(which)) != sizeof(which))
		die("event channels: %s", strerror(errno));
}

void vm_go(unsigned int cpu)
{
	struct ioctl_evtchn_notify n = { .port = port[cpu] };

	if (ioctl(events, IOCTL_EVTCHN_NOTIFY, &n))
		die("vCPU %u cannot be told: %s", cpu, strerror(errno));
}

void vm_wait(unsigned int cpu)
{
	volatile struct bench_slot *slot = &the_box->slot[cpu];

	while (__atomic_load_n(&slot->done, __ATOMIC_ACQUIRE) != slot->seq)
		next_event(cpu);
}

/* ------------------------------------------------------------------------- */

void vm_start(unsigned int vcpus, volatile struct bench_box *box)
{
	id = create(vcpus);
	the_box = box;
	events = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
	if (events < 0)
		die("/dev/xen/evtchn: %s", strerror(errno));
	open_domain(id);
	bind(add_window(BENCH_BOX, BENCH_PAGE), 0, BENCH_PAGE, box);
	window = add_window(BENCH_WINDOW, WINDOW_SIZE);
	xen_unpause(id);
	for (unsigned int i = 0; i < vcpus; i++)
		connect_vcpu(id, i);
}

void vm_stop(void)
{
	char *destroy[] = { "xl", "destroy", NAME, NULL };

	close(events);
	close(dom);
	if (xl(destroy, NULL, 0))
		die("the guest cannot be destroyed");
}

int xen_guest_id(void)
{
	return id;
}

int xen_guest_fd(void)
{
	return dom;
}

void vm_watch(bool on)
{
	/* Xen always does. */
	(void)on;
}

uint64_t vm_slept(void)
{
	return xen_idle_ns();
}
