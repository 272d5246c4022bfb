// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program of the guest's: a process of its own, with a user of its own, that
 * maps a window as a program maps a device's memory, and uses it as programs
 * do.
 *
 * The process leaves its results in a page that it shares with the thread that
 * started it, which takes them to the mailbox.  What the mapping is to Linux:
 * /dev/mem maps it as memory of a device (VM_IO | VM_PFNMAP), as it would map a
 * BAR.  The kernel has no struct page for it, and so refuses whatever would
 * hold on to pages; see XG_PROCESS_PIN.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

#define MODULE		"/lib/modules/brd.ko"
#define DISK		"/dev/ram0"
#define PIECE		4096
#define USER		1000

/* Shared between the process and the thread that started it. */
struct shared {
	volatile uint32_t stop;
	volatile uint32_t status;
	volatile uint64_t progress;
	volatile uint64_t result[XG_RESULTS];
};

struct process {
	struct shared *shared;
	volatile uint64_t *map;
	uint64_t length;
	int disk;
};

/* --- using the memory ------------------------------------------------------------ */

static void sum_loop(struct process *p)
{
	struct shared *s = p->shared;

	do {
		s->result[1] = xg_sum(p->map, p->length);
		s->progress = ++s->result[0];
	} while (!s->stop);
}

static bool expect(struct process *p, uint64_t i, uint64_t want)
{
	uint64_t got = p->map[i];

	if (got == want)
		return true;
	p->shared->result[1] = i * 8;
	p->shared->result[2] = got;
	p->shared->result[3] = want;
	p->shared->status = XG_MISMATCH;
	return false;
}

/* Every word is written, then read, changed and read again, up and down. */
static bool test_pattern(struct process *p, uint64_t pattern, bool address)
{
	uint64_t words = p->length / 8;
	uint64_t flip = ~0ULL;

	for (uint64_t i = 0; i < words; i++)
		p->map[i] = pattern ^ (address ? i : 0);
	for (uint64_t i = 0; i < words; i++) {
		if (!expect(p, i, pattern ^ (address ? i : 0)))
			return false;
		p->map[i] = pattern ^ (address ? i : 0) ^ flip;
	}
	for (uint64_t i = words; i--; )
		if (!expect(p, i, pattern ^ (address ? i : 0) ^ flip))
			return false;
	return true;
}

static void test_loop(struct process *p)
{
	static const uint64_t patterns[] = {
		0, 0x5555555555555555, 0x3333333333333333, 0x0f0f0f0f0f0f0f0f,
		0x00ff00ff00ff00ff, 0x8000000000000001, 0xfedcba9876543210,
	};
	unsigned int n = sizeof(patterns) / sizeof(patterns[0]);
	struct shared *s = p->shared;

	do {
		if (!test_pattern(p, patterns[s->result[0] % n], false) ||
		    !test_pattern(p, s->result[0], true))
			return;
		s->progress = ++s->result[0];
	} while (!s->stop);
}

/* What the kernel copies itself works as with any other memory. */
static void copy(struct process *p)
{
	struct shared *s = p->shared;
	char buf[64] = "";
	int fds[2], fd;

	fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	if (read(fd, (void *)p->map, 64) <= 0)
		s->result[0] = errno;
	close(fd);
	p->map[8] = 0x1122334455667788;
	if (pipe(fds) || write(fds[1], (void *)(p->map + 8), 8) != 8)
		s->result[1] = errno;
	else if (read(fds[0], buf, 8) != 8 || memcmp(buf, (void *)(p->map + 8),
						     8))
		s->result[1] = EILSEQ;
	close(fds[0]);
	close(fds[1]);
}

/* --- holding on to pages ----------------------------------------------------------- */

static int error_of(long ret)
{
	return ret < 0 ? errno : 0;
}

static int pin_vmsplice(void *p)
{
	struct iovec iov = { p, PIECE };
	int fds[2], err;

	if (pipe(fds))
		return errno;
	err = error_of(vmsplice(fds[1], &iov, 1, SPLICE_F_NONBLOCK));
	close(fds[0]);
	close(fds[1]);
	return err;
}

static int pin_uring(void *p)
{
	struct io_uring_params params = { 0 };
	struct iovec iov = { p, PIECE };
	int fd = syscall(__NR_io_uring_setup, 4, &params), err;

	if (fd < 0)
		return XG_PIN_NONE;
	err = error_of(syscall(__NR_io_uring_register, fd,
			       IORING_REGISTER_BUFFERS, &iov, 1));
	close(fd);
	return err;
}

/* Of this process, by another one. */
static int pin_peer(void *p)
{
	struct iovec remote = { p, PIECE }, local;
	static char buf[PIECE];
	pid_t parent = getpid(), pid = fork();
	int status = 0;

	local = (struct iovec){ buf, PIECE };
	if (!pid)
		_exit(error_of(process_vm_readv(parent, &local, 1, &remote, 1,
						0)));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return XG_PIN_NONE;
	return WEXITSTATUS(status);
}

static int pin(struct process *p, enum xg_pin how, void *at)
{
	switch (how) {
	case XG_PIN_DIRECT_READ:
		return p->disk < 0 ? XG_PIN_NONE :
		       error_of(pread(p->disk, at, PIECE, 0));
	case XG_PIN_DIRECT_WRITE:
		return p->disk < 0 ? XG_PIN_NONE :
		       error_of(pwrite(p->disk, at, PIECE, PIECE));
	case XG_PIN_VMSPLICE:
		return pin_vmsplice(at);
	case XG_PIN_URING:
		return pin_uring(at);
	case XG_PIN_PEER:
		return pin_peer(at);
	case XG_PIN_FUTEX:
		return error_of(syscall(__NR_futex, at, FUTEX_WAKE, 1, NULL,
					NULL, 0));
	default:
		return XG_PIN_NONE;
	}
}

/*
 * Each way, often: lent memory first, ordinary memory for comparison.  The
 * errors must not depend on whether the pages are there at the moment.
 */
static void pins(struct process *p)
{
	static char ordinary[PIECE] __attribute__((aligned(4096)));
	struct shared *s = p->shared;
	int err;

	for (int how = 0; how < XG_PINS; how++) {
		s->result[how] = pin(p, how, (void *)p->map);
		for (int i = 0; i < 40; i++) {
			err = pin(p, how, (char *)p->map + i % 4 * PIECE);
			if (err != (int)s->result[how])
				s->status = XG_MISMATCH;
		}
		s->result[how] |= (uint64_t)pin(p, how, ordinary) << 32;
	}
}

/* --- the process ---------------------------------------------------------------------- */

/* A disk in ordinary memory, to be had with O_DIRECT. */
static int open_disk(void)
{
	int module = open(MODULE, O_RDONLY | O_CLOEXEC);

	if (module >= 0)
		syscall(SYS_finit_module, module, "rd_nr=1 rd_size=64", 0);
	close(module);
	return open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
}

static void run_process(struct process *p, const struct xg_run *run)
{
	int mem = open("/dev/mem", O_RDWR | O_CLOEXEC);

	/* None of the server's handlers: a fault ends the process. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	p->map = mmap(NULL, p->length, PROT_READ | PROT_WRITE, MAP_SHARED, mem,
		      run->arg[1]);
	close(mem);
	p->disk = open_disk();
	if (p->map == MAP_FAILED || syscall(SYS_setresuid, USER, USER, USER)) {
		p->shared->status = XG_UNSUPPORTED;
		return;
	}
	/* A change of user hides a process from others of the same user. */
	prctl(PR_SET_DUMPABLE, 1);
	switch (run->arg[0]) {
	case XG_PROCESS_SUM:
		sum_loop(p);
		break;
	case XG_PROCESS_TEST:
		test_loop(p);
		break;
	case XG_PROCESS_COPY:
		copy(p);
		break;
	case XG_PROCESS_PIN:
		pins(p);
		break;
	default:
		p->shared->status = XG_BAD;
	}
}

/* Pass on what the process has, and that it shall stop, until it ends. */
static int attend(struct xg_run *run, struct shared *s, pid_t pid)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		run->slot->progress = s->progress;
		s->stop = xg_stopped(run);
		nanosleep(&nap, NULL);
	}
	return status;
}

/* What the kernel has said so far, in characters; for root alone. */
static int log_size(void)
{
	return klogctl(9 /* SYSLOG_ACTION_SIZE_UNREAD */, NULL, 0);
}

/**
 * xg_process - the command of that name
 * @run: arguments: kind, gpa, length
 */
void xg_process(struct xg_run *run)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct process p = { .shared = s, .length = run->arg[2], .disk = -1 };
	int status, said = log_size();
	pid_t pid;

	run->status = XG_UNSUPPORTED;
	if (s == MAP_FAILED || said < 0)
		return;
	pid = fork();
	if (!pid) {
		run_process(&p, run);
		_exit(0);
	}
	if (pid > 0) {
		status = attend(run, s, pid);
		for (int i = 0; i < XG_RESULTS; i++)
			run->result[i] = s->result[i];
		run->result[XG_PINS] = run->arg[0] == XG_PROCESS_PIN ?
				       (uint64_t)(log_size() - said) : 0;
		run->status = s->status;
		if (WIFSIGNALED(status))
			run->status = XG_FAULT;
	}
	munmap(s, sizeof(*s));
}
