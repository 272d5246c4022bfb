// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a table of tests, one process each, and prints the test lines.
 *
 * A test's outcome travels in a page shared with its process: the first
 * failure or skip that anyone in it reports wins.  A process that ends without
 * saying anything passed if its exit status is zero.
 *
 * Each test leads a process group, which is killed as a whole at the time
 * limit, and at its end: helpers that a test left behind do not survive it.
 */
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "xgt.h"

#define DEFAULT_LIMIT	120
#define GUEST		"xgt"
#define VCPUS		2

enum outcome { PASSED, FAILED, SKIPPED };

static struct shared {
	int outcome;
	int said;
	char reason[400];
} *shared;

static bool guest_good;

const struct xgt_test *xgt_running;
unsigned int xgt_rounds;

/**
 * xgt_now - seconds since some moment
 */
double xgt_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/**
 * xgt_limit - how long to wait at most for what is not to take long
 * @seconds: on a machine of ordinary speed
 *
 * init looks how long this one took to boot.
 */
double xgt_limit(double seconds)
{
	const char *pace = getenv("XG_PACE");
	double factor = pace ? atof(pace) : 1;

	return seconds * (factor > 1 ? factor : 1);
}

/**
 * xgt_pause - sleep a while, in a loop that waits for something
 * @since: when that loop began, see xgt_now()
 *
 * A tenth of the time that it has waited: whoever looks often slows down what
 * it waits for, on one emulated machine.
 */
void xgt_pause(double since)
{
	double us = (xgt_now() - since) * 1e6 / 10;

	usleep(us < 200 ? 200 : us > 20000 ? 20000 : us);
}

/**
 * xgt_sleep_ms - sleep
 * @ms: milliseconds
 */
void xgt_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

static void say(enum outcome outcome, const char *fmt, va_list ap)
{
	if (__atomic_exchange_n(&shared->said, 1, __ATOMIC_SEQ_CST))
		return;
	vsnprintf(shared->reason, sizeof(shared->reason), fmt, ap);
	__atomic_store_n(&shared->outcome, outcome, __ATOMIC_SEQ_CST);
}

/**
 * xgt_fail - end the test, or a process that it forked: it has failed
 * @file: where
 * @line: where
 * @fmt: why
 */
void xgt_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char why[400];
	va_list ap;

	snprintf(why, sizeof(why), "%s:%d: %s", base ? base + 1 : file, line,
		 fmt);
	va_start(ap, fmt);
	say(FAILED, why, ap);
	va_end(ap);
	_exit(1);
}

/**
 * xgt_skip - end the test: it cannot be run here
 * @fmt: why
 */
void xgt_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(SKIPPED, fmt, ap);
	va_end(ap);
	_exit(0);
}

/**
 * xgt_info - a line for the log of the run
 * @fmt: what
 */
void xgt_info(const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("XG-INFO %s\n", text);
}

/**
 * xgt_errname - an error's name, for messages
 * @err: positive error number
 */
const char *xgt_errname(int err)
{
	const char *name = strerrorname_np(err);

	return name ? name : "an unknown error";
}

/* --- processes ------------------------------------------------------------- */

/**
 * xgt_fork - run a function in a process of its own
 * @fn: the function; if it returns, the process has passed
 * @arg: its argument
 */
pid_t xgt_fork(void (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		FAIL("fork: %s", strerror(errno));
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fn(arg);
		_exit(0);
	}
	return pid;
}

struct user_call {
	void (*fn)(void *arg);
	void *arg;
};

/**
 * xgt_drop_privileges - become an unprivileged user, for good
 */
void xgt_drop_privileges(void)
{
	if (setgroups(0, NULL) || setresgid(1000, 1000, 1000) ||
	    setresuid(1000, 1000, 1000))
		FAIL("cannot drop privileges: %s", strerror(errno));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK(geteuid() == 1000 && setuid(0) != 0);
}

static void as_user(void *arg)
{
	struct user_call *call = arg;

	xgt_drop_privileges();
	call->fn(call->arg);
}

/**
 * xgt_fork_user - run a function in an unprivileged process
 * @fn: the function
 * @arg: its argument
 */
pid_t xgt_fork_user(void (*fn)(void *arg), void *arg)
{
	struct user_call call = { fn, arg };

	return xgt_fork(as_user, &call);
}

/**
 * xgt_join - wait for a process of xgt_fork(), which must have passed
 * @pid: the process
 */
void xgt_join(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		FAIL("waitpid: %s", strerror(errno));
	if (status)
		FAIL("a helper process ended with status 0x%x", status);
}

/**
 * xgt_kill - kill a process of xgt_fork() and wait until it is gone
 * @pid: the process
 */
void xgt_kill(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid)
		FAIL("waitpid: %s", strerror(errno));
}

/**
 * xgt_spawn - run a program to its end
 * @argv: program and arguments
 * @out: where to put what it prints, or NULL
 * @size: room there
 *
 * Return: its exit status, or -1.
 */
int xgt_spawn(char *const argv[], char *out, size_t size)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		dup2(out ? fds[1] : 2, 1);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	while (out && len < size - 1 &&
	       (n = read(fds[0], out + len, size - 1 - len)) > 0)
		len += n;
	if (out)
		out[len] = '\0';
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* --- one test --------------------------------------------------------------- */

static void test_process(const struct xgt_test *t)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	xgt_running = t;
	if (t->flags & XGT_GUEST) {
		struct xen_gpumem_open_domain limits = {
			.rights = XEN_GPUMEM_RIGHT_LEND,
		};

		xgt_dom = gm_open_domain(xgt_guest.domid, &limits);
		if (xgt_dom < 0)
			FAIL("opening the guest: %s", xgt_errname(-xgt_dom));
		box_open(&xgt_box, xgt_dom, xgt_guest.vcpus);
	}
	if (t->flags & XGT_USER) {
		xgt_drop_privileges();
		ERR(gm_node(), EACCES);
	}
	t->fn();
	_exit(0);
}

/* Without looking again and again: all that runs here, runs slowly. */
static bool ends_within(pid_t pid, double seconds, int *status)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd < 0 || poll(&p, 1, (int)(seconds * 1000)) < 0) {
		perror("waiting for a test");
		_exit(1);
	}
	close(fd);
	return waitpid(pid, status, WNOHANG) == pid;
}

/* Wait for the test's process; false if it had to be killed. */
static bool supervise(pid_t pid, unsigned int limit, int *status)
{
	bool ended = ends_within(pid, xgt_limit(limit), status);

	kill(-pid, SIGKILL);
	/* Do not hang with it if it cannot even be killed. */
	if (!ended)
		ends_within(pid, 30, status);
	return ended;
}

static void run_process(const struct xgt_test *t)
{
	unsigned int limit = t->limit ? t->limit : DEFAULT_LIMIT;
	int status = 0;
	pid_t pid;

	/* One that ends its guest is run for each round, and does just one. */
	if (!(t->flags & XGT_ENDS_GUEST))
		limit += xgt_rounds * 3;
	fflush(NULL);
	pid = fork();
	if (!pid)
		test_process(t);
	setpgid(pid, pid);
	if (!supervise(pid, limit, &status)) {
		if (!shared->said)
			snprintf(shared->reason, sizeof(shared->reason),
				 "no end after %u s", limit);
		shared->outcome = FAILED;
	} else if (status && shared->outcome == PASSED) {
		shared->outcome = FAILED;
		if (WIFSIGNALED(status))
			snprintf(shared->reason, sizeof(shared->reason),
				 "killed by signal %d", WTERMSIG(status));
		else
			snprintf(shared->reason, sizeof(shared->reason),
				 "exit status %d", WEXITSTATUS(status));
	}
}

/* Bring about what the test needs; false, with a reason, if that fails. */
static bool prepare(const struct xgt_test *t)
{
	if ((t->flags & (XGT_GUEST | XGT_BARE)) && !guest_good) {
		guest_destroy(&xgt_guest);
		guest_good = guest_start(&xgt_guest, GUEST, VCPUS, NULL);
		if (!guest_good) {
			shared->outcome = FAILED;
			strcpy(shared->reason, "the guest did not start");
			return false;
		}
	}
	if (t->flags & XGT_QXL) {
		int card = qxl_open();

		if (card < 0) {
			shared->outcome = SKIPPED;
			strcpy(shared->reason, "no qxl card");
			return false;
		}
		close(card);
	}
	return true;
}

/*
 * What ends its guest gets a new one for each round; others do their rounds by
 * themselves.
 */
static void run_rounds(const struct xgt_test *t)
{
	bool ends = t->flags & XGT_ENDS_GUEST;
	unsigned int rounds = ends && xgt_rounds ? xgt_rounds : 1;

	for (unsigned int i = 0; i < rounds; i++) {
		if (i && !prepare(t))
			return;
		run_process(t);
		if (shared->outcome == FAILED || ends)
			guest_good = false;
		if (shared->outcome != PASSED)
			return;
	}
}

static void run_test(const struct xgt_test *t)
{
	double since;

	printf("XG-TEST start %s %s\n", t->name, t->reqs);
	memset(shared, 0, sizeof(*shared));
	/* Booting a guest is not part of any test's time. */
	since = prepare(t) ? xgt_now() : 0;
	if (since)
		run_rounds(t);
	else
		since = xgt_now();
	for (char *p = shared->reason; *p; p++)
		if (*p == '\n')
			*p = ' ';
	printf("XG-TEST %s %s %.2f%s%s\n",
	       shared->outcome == PASSED ? "pass" :
	       shared->outcome == FAILED ? "fail" : "skip",
	       t->name, xgt_now() - since,
	       shared->reason[0] && shared->outcome != PASSED ? " " : "",
	       shared->outcome != PASSED ? shared->reason : "");
}

static const char *wanted(void)
{
	static char line[4096], only[128];
	const char *env = getenv("XG_ONLY");
	ssize_t n;
	char *p;
	int fd;

	if (env)
		return env;
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (n <= 0)
		return NULL;
	p = strstr(line, "xg.only=");
	if (!p || sscanf(p, "xg.only=%127s", only) != 1)
		return NULL;
	return only;
}

/* Was the test asked for?  No names: all are. */
static bool named(const char *name, int nr, char **names)
{
	for (int i = 0; i < nr; i++)
		if (!strcmp(names[i], name))
			return true;
	return nr <= 0;
}

/* A name that no test has would be a test that nobody misses. */
static bool known(const char *name, const struct xgt_test *tests, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (!strcmp(tests[i].name, name))
			return true;
	fprintf(stderr, "there is no test %s\n", name);
	return false;
}

/**
 * xgt_main - run the tests of a program
 * @argc: of main(), or less if the program has taken arguments of its own
 * @argv: of main(); "-k": leave a good guest to the program that runs next;
 *	"-n ROUNDS": how often tests do what they do often; names of tests
 * @tests: the table
 * @nr: its length
 *
 * Return: exit status, 2 if the arguments make no sense; the test lines tell
 * what failed.
 */
int xgt_main(int argc, char **argv, const struct xgt_test *tests, size_t nr)
{
	const char *only = wanted();
	bool keep = false;
	int opt;

	while ((opt = getopt(argc, argv, "kn:")) != -1) {
		if (opt == 'k')
			keep = true;
		else if (opt == 'n' && atoi(optarg) > 0)
			xgt_rounds = atoi(optarg);
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	for (int i = optind; i < argc; i++)
		if (!known(argv[i], tests, nr))
			return 2;
	guest_good = guest_find(&xgt_guest, GUEST, VCPUS);
	for (size_t i = 0; i < nr; i++)
		if ((!only || !strcmp(only, tests[i].name)) &&
		    named(tests[i].name, argc - optind, argv + optind))
			run_test(&tests[i]);
	if (!keep || !guest_good)
		guest_destroy(&xgt_guest);
	return 0;
}
