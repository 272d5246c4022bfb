// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's only userspace: the command server on an unmodified Linux.
 *
 * Process 1 mounts what it needs, starts a child and waits; the child maps the
 * arena through /dev/mem and runs one server thread on each vCPU.  A child,
 * because Linux logs every fault of process 1, handled or not.
 *
 * An access that gets an exception ends in a signal handler which jumps back
 * to where the command began.  No signal mask is saved or restored on that way
 * (SA_NODEFER), so that port_protect() makes no system call.
 *
 * The arena is one mapping of guest addresses without RAM, made before there
 * is anything behind them: Linux fills its page tables at once, and every
 * later fault is the hypervisor's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

unsigned int port_cpus;

static uint8_t *arena;
static int arena_fd = -1;
static int privcmd = -1;
static __thread sigjmp_buf *landing;

/* The part of the far room that this vCPU has mapped. */
static __thread uint8_t *far_map = MAP_FAILED;
static __thread uint64_t far_gpa;

struct privcmd_hypercall {
	uint64_t op;
	uint64_t arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL \
	_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

static void on_fault(int sig)
{
	if (landing)
		siglongjmp(*landing, sig);
	_exit(100 + sig);
}

/**
 * port_protect - call a function that may touch what is not there
 * @fn: the function; its locals are lost if it faults
 * @run: its argument
 *
 * Return: false if a fault ended it.
 */
bool port_protect(void (*fn)(struct xg_run *run), struct xg_run *run)
{
	sigjmp_buf *volatile outer = landing;
	sigjmp_buf here;

	if (sigsetjmp(here, 0)) {
		landing = outer;
		return false;
	}
	landing = &here;
	fn(run);
	landing = outer;
	return true;
}

static volatile void *map_far(uint64_t gpa, uint64_t length)
{
	uint64_t chunk = gpa & ~(XG_FAR_CHUNK - 1);

	if (gpa - XG_FAR_BASE >= XG_FAR_SIZE ||
	    length > XG_FAR_CHUNK - (gpa - chunk))
		return NULL;
	if (far_map != MAP_FAILED && far_gpa != chunk)
		munmap(far_map, XG_FAR_CHUNK);
	if (far_map == MAP_FAILED || far_gpa != chunk)
		far_map = mmap(NULL, XG_FAR_CHUNK, PROT_READ | PROT_WRITE,
			       MAP_SHARED, arena_fd, chunk);
	far_gpa = chunk;
	return far_map == MAP_FAILED ? NULL : far_map + (gpa - chunk);
}

/**
 * port_map - the address of a part of the arena, or of the far room
 * @gpa: first guest-physical address
 * @length: bytes
 *
 * Return: NULL if it is not wholly in one of them, nor in a shared area.  What
 * is in the far room is good until the same vCPU asks for another part of it.
 */
volatile void *port_map(uint64_t gpa, uint64_t length)
{
	if (gpa >= XG_SHARED_BASE)
		return xg_shared_map(gpa, length);
	if (gpa >= XG_FAR_BASE)
		return map_far(gpa, length);
	if (gpa < XG_ARENA_BASE || length > XG_ARENA_SIZE ||
	    gpa - XG_ARENA_BASE > XG_ARENA_SIZE - length)
		return NULL;
	return arena + (gpa - XG_ARENA_BASE);
}

static void sleep_us(long us)
{
	struct timespec ts = { .tv_nsec = us * 1000 };

	nanosleep(&ts, NULL);
}

/**
 * port_idle - there is no command
 * @rounds: looks at the mailbox since the last one
 *
 * Stay awake for a moment, as commands often follow each other, then leave the
 * emulator's few CPUs to others: longer each time, as waking up is dear there.
 */
void port_idle(unsigned int rounds)
{
	if (rounds < 500)
		__builtin_ia32_pause();
	else
		sleep_us(rounds < 518 ? (rounds - 498) * 1000L : 20000);
}

/**
 * port_no_mailbox - there is no mailbox at the moment
 */
void port_no_mailbox(void)
{
	sleep_us(10000);
}

/**
 * port_buffer - memory for the arguments of hypercalls
 *
 * Return: a page that is there.
 */
uint8_t *port_buffer(void)
{
	static uint8_t page[XG_PAGE] __attribute__((aligned(4096)));

	page[0] = 0;
	return page;
}

/**
 * port_hypercall - make a hypercall
 * @arg: its number and five arguments
 * @supported: cleared if the kernel has no way to make one
 *
 * Return: what the hypercall returned.
 */
long port_hypercall(const uint64_t arg[6], bool *supported)
{
	struct privcmd_hypercall call = { .op = arg[0] };
	long ret;

	memcpy(call.arg, arg + 1, sizeof(call.arg));
	if (privcmd < 0) {
		*supported = false;
		return 0;
	}
	ret = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);
	return ret < 0 ? -errno : ret;
}

/**
 * port_power_off - end the guest in good order
 */
void port_power_off(void)
{
	reboot(RB_POWER_OFF);
}

/**
 * port_crash - make the kernel panic
 */
void port_crash(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	if (write(fd, "c", 1) != 1)
		perror("sysrq-trigger");
}

/* --- start ---------------------------------------------------------------- */

#define ARENA_PROT	(PROT_READ | PROT_WRITE | PROT_EXEC)

static void load_module(const char *path, const char *args)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (syscall(SYS_finit_module, fd, args, 0) && errno != EEXIST)
		printf("XG-GUEST cannot load %s: %m\n", path);
	close(fd);
}

/* How long the start takes is worth knowing: it is paid for every guest. */
static void stamp(const char *what)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	printf("XG-GUEST %ld.%03ld %s\n", ts.tv_sec, ts.tv_nsec / 1000000,
	       what);
	fflush(stdout);
}

static bool map_arena(void)
{
	arena_fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	arena = mmap(NULL, XG_ARENA_SIZE, ARENA_PROT, MAP_SHARED, arena_fd,
		     XG_ARENA_BASE);
	if (arena == MAP_FAILED) {
		printf("XG-GUEST cannot map the arena: %m\n");
		return false;
	}
	return true;
}

/**
 * port_remap - make the mapping of a part of the arena anew
 * @gpa: first guest-physical address
 * @length: bytes
 *
 * Others that use it meanwhile may get a fault.
 */
void port_remap(uint64_t gpa, uint64_t length)
{
	uint8_t *p = (uint8_t *)port_map(gpa, length);

	if (p && mmap(p, length, ARENA_PROT, MAP_SHARED | MAP_FIXED, arena_fd,
		      gpa) == MAP_FAILED)
		printf("XG-GUEST cannot map a part of the arena: %m\n");
}

/**
 * port_pin - keep the thread on a vCPU
 * @cpu: its number
 */
void port_pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* It fails while that vCPU is offline: then, anywhere. */
	sched_setaffinity(0, sizeof(set), &set);
}

/**
 * port_replug - take another vCPU offline and back
 * @cpu: its number
 */
void port_replug(unsigned int cpu)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online",
		 cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1 || write(fd, "1", 1) != 1)
		printf("XG-GUEST cannot replug vCPU %u: %m\n", cpu);
	close(fd);
}

/**
 * port_reset - reset another vCPU, which Linux would not survive
 * @cpu: its number
 *
 * Return: false: it was not.
 */
bool port_reset(unsigned int cpu)
{
	(void)cpu;
	return false;
}

static void *serve_thread(void *arg)
{
	unsigned int cpu = (uintptr_t)arg;

	port_pin(cpu);
	xg_serve(cpu);
	return NULL;
}

static int serve(void)
{
	struct sigaction sa = { .sa_handler = on_fault,
				.sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	stamp("arena");
	if (!map_arena())
		return 1;
	stamp("mapped");
	load_module("/lib/modules/xen-privcmd.ko", "unrestricted=1");
	load_module("/lib/modules/xen-gntalloc.ko", "limit=65536");
	load_module("/lib/modules/xen-gntdev.ko", "");
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	port_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (port_cpus > XG_MAX_CPUS)
		port_cpus = XG_MAX_CPUS;
	printf("XG-GUEST ready %u vCPUs%s\n", port_cpus,
	       privcmd < 0 ? ", no privcmd" : "");
	fflush(stdout);
	for (unsigned int i = 1; i < port_cpus; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, serve_thread,
				   (void *)(uintptr_t)i))
			return 1;
	}
	serve_thread(NULL);
	return 0;
}

int main(void)
{
	int status = 0;
	pid_t pid;

	mkdir("/dev", 0755);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	freopen("/dev/console", "w", stdout);
	stamp("init");
	pid = fork();
	if (!pid)
		_exit(serve());
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	printf("XG-GUEST server ended, status 0x%x\n", status);
	fflush(stdout);
	reboot(RB_POWER_OFF);
	return 1;
}
