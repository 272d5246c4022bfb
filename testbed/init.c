// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first (and only) process of the emulated dom0.
 *
 * It brings up just enough of a Xen toolstack to start guests, runs the
 * programs which the scenario names, and says what it saw:
 *
 *   - test lines ("XG-...") go to the virtio port "xg.lines", where nothing
 *     else writes, so Xen's and the kernel's own messages can not tear them
 *     apart; the runner on the host parses that port only.  They are copied to
 *     the kernel log so that the serial console tells the whole story in order.
 *     Where there is no such port, the second serial port takes its place: a
 *     virtio console does not come back from suspend.  Linux (7.3) asks anew
 *     whether the host has the port open, and only then makes room for answers,
 *     which QEMU has dropped by then; who writes waits for ever.
 *   - everything a program or a guest prints besides goes to the kernel log.
 *   - files under /xg/out leave as a tar stream through the port "xg.files".
 *
 * The scenario is the file /xg/scenario, appended to the image by the runner:
 *
 *   module NAME[:PARAMETER=VALUE]...
 *                       load these besides the ones every scenario needs
 *   timeout SECONDS     for each program that follows
 *   kept PAGES          what they may make Xen keep for good
 *   run PROGRAM ARG...  one program, to its end
 *
 * Invariants: init never waits without a limit; a test which was started and
 * not ended is reported as failed here, where the exit status is known; the
 * machine is always powered off, whatever went wrong before.
 */
#include "init.h"

#include <dirent.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

static int lines_fd = -1;
static int files_fd = -1;
static int kmsg_fd = -1;
static int program_timeout = 300;
static long kept_pages;

/*
 * Limits are for a machine that needs no longer than this until it is ready.
 * On a slower one, or a busy one, all of them are longer by as much: the tests
 * get the factor in their environment.
 */
#define READY_SECONDS	5.0

static double pace = 1;

/* The toolstack starts before anything is known of the pace. */
#define TOOLSTACK_SECONDS	180

/* No Xen below us: a machine for the driver's tests on its mock. */
static bool bare;

/* The test that was started and has not ended; empty when there is none. */
static char open_test[128];
static double open_since;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/**
 * to_console - one line to the kernel log, and so to the serial console
 * @prefix: who said it
 * @line: what
 *
 * A write to kmsg is one record: never torn.
 */
void to_console(const char *prefix, const char *line)
{
	char buf[900];
	int n = snprintf(buf, sizeof(buf), "<4>%s%s\n", prefix, line);

	if (n >= (int)sizeof(buf))
		n = sizeof(buf) - 1;
	write_all(kmsg_fd, buf, n);
}

/* Follow the test protocol, so that a test can not end by vanishing. */
static void track(const char *line)
{
	char verb[16], name[sizeof(open_test)];

	if (sscanf(line, "XG-TEST %15s %127s", verb, name) != 2)
		return;
	if (!strcmp(verb, "start")) {
		strcpy(open_test, name);
		open_since = now();
	} else if (!strcmp(name, open_test)) {
		open_test[0] = '\0';
	}
}

static void emit(const char *line)
{
	if (!strncmp(line, "XG-", 3)) {
		track(line);
		write_all(lines_fd, line, strlen(line));
		write_all(lines_fd, "\n", 1);
	}
	to_console("", line);
}

static void __attribute__((format(printf, 1, 2))) emitf(const char *fmt, ...)
{
	char buf[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	emit(buf);
}

/* --- running programs --------------------------------------------------- */

/* Split @line at blanks, in place. */
static int split(char *line, char **argv, int max)
{
	int n = 0;

	for (char *t = strtok(line, " \t"); t && n < max - 1;
	     t = strtok(NULL, " \t"))
		argv[n++] = t;
	argv[n] = NULL;
	return n;
}

static pid_t spawn(char **argv, int out)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	dup2(out, 1);
	dup2(out, 2);
	execvp(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Pass on what a program prints, line by line, until it closes its end. */
struct line_reader {
	char buf[2048];
	size_t len;
};

static void feed_lines(struct line_reader *r, char *keep, size_t keep_size)
{
	char *p = r->buf, *nl;

	r->buf[r->len] = '\0';
	while ((nl = strchr(p, '\n'))) {
		*nl = '\0';
		if (keep)
			snprintf(keep + strlen(keep), keep_size - strlen(keep),
				 "%s\n", p);
		else
			emit(p);
		p = nl + 1;
	}
	r->len -= p - r->buf;
	memmove(r->buf, p, r->len);
	if (r->len == sizeof(r->buf) - 1)
		r->len = 0;
}

/* Pass on what there is, within so many milliseconds.  False: nothing. */
static bool read_lines(struct line_reader *r, struct pollfd *p, int within,
		       char *keep, size_t keep_size)
{
	ssize_t n;

	p->revents = 0;
	if (poll(p, 1, within) <= 0)
		return false;
	n = read(p->fd, r->buf + r->len, sizeof(r->buf) - 1 - r->len);
	if (n <= 0)
		return false;
	r->len += n;
	feed_lines(r, keep, keep_size);
	return true;
}

/*
 * Run @argv to its end, but no longer than @limit seconds.  What it prints is
 * passed on, or kept in @keep.  Return: the wait status, or -1 if it hung.
 */
static int run(char **argv, double limit, char *keep, size_t keep_size)
{
	struct line_reader r = { .len = 0 };
	double end = now() + limit;
	int fds[2], status = -1;
	bool reaped = false;
	struct pollfd p;
	pid_t pid;

	if (keep)
		keep[0] = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = spawn(argv, fds[1]);
	close(fds[1]);
	p = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	while (now() < end) {
		bool more = read_lines(&r, &p, 100, keep, keep_size);

		forward_guest_logs(false);
		if (more)
			continue;
		/* A daemon that it left behind may hold the pipe open. */
		if (waitpid(pid, &status, WNOHANG) == pid) {
			reaped = true;
			break;
		}
		if (p.revents)
			usleep(20000);
	}
	/* What it said between the last look and its end. */
	while (now() < end && read_lines(&r, &p, 0, keep, keep_size))
		;
	if (!reaped) {
		kill(-pid, SIGKILL);
		status = -1;
		for (int i = 0; i < 50 && waitpid(pid, NULL, WNOHANG) != pid; i++)
			usleep(100000);
	}
	if (r.len) {
		r.buf[r.len++] = '\n';
		feed_lines(&r, keep, keep_size);
	}
	close(fds[0]);
	return status;
}

static const char *status_text(int status)
{
	static char buf[64];

	if (status == -1)
		snprintf(buf, sizeof(buf), "hung, killed");
	else if (WIFSIGNALED(status))
		snprintf(buf, sizeof(buf), "killed by signal %d",
			 WTERMSIG(status));
	else
		snprintf(buf, sizeof(buf), "exit status %d",
			 WEXITSTATUS(status));
	return buf;
}

/* One program of the scenario. */
static void run_program(char *line)
{
	char *argv[32], name[64];
	int status;

	if (!split(line, argv, 32))
		return;
	snprintf(name, sizeof(name), "%s", argv[0]);
	emitf("XG-INFO running %s", name);
	status = run(argv, program_timeout * pace, NULL, 0);
	forward_guest_logs(false);
	if (open_test[0])
		emitf("XG-TEST fail %s %.2f died in the middle: %s %s",
		      open_test, now() - open_since, name, status_text(status));
	else if (status)
		emitf("XG-PROGRAM %s %s", name, status_text(status));
}

/* --- bringing dom0 up --------------------------------------------------- */

static void make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	write_all(fd, text, strlen(text));
	close(fd);
}

static void set_up_files(void)
{
	static const char *const dirs[] = {
		"/proc", "/sys", "/dev", "/run", "/tmp", "/var", "/var/log",
		"/var/log/xen", GUEST_LOG_DIR, "/var/lib", "/var/lib/xen",
		"/var/lib/xen/dump", "/etc", "/etc/xen", "/xg", "/xg/out",
	};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		mkdir(dirs[i], 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("run", "/run", "tmpfs", 0, NULL);
	mount("tmp", "/tmp", "tmpfs", 0, NULL);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	mkdir("/dev/shm", 01777);
	mount("shm", "/dev/shm", "tmpfs", 0, NULL);
	mkdir("/dev/pts", 0755);
	mount("pts", "/dev/pts", "devpts", 0, "ptmxmode=0666");
	mkdir("/run/xen", 0755);
	mkdir("/run/xenstored", 0755);
	mkdir("/run/xg", 0755);
	if (symlink("/run", "/var/run") && errno != EEXIST)
		to_console("", "cannot make /var/run");
	make_file("/etc/xen/xl.conf", "autoballoon=\"off\"\n");
	make_file("/etc/passwd", "root:x:0:0::/:/bin/sh\n"
		  "backend:x:1000:1000::/:/bin/sh\n");
	setenv("PATH", "/bin:/sbin:/usr/lib/xen-4.20/bin", 1);
	setenv("HOME", "/tmp", 1);
}

/* The virtio ports carry names; the device numbers depend on probing order. */
static int open_port(const char *want)
{
	char path[320], name[64] = "";
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	int fd = -1;

	while (dir && (e = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof(path),
			 "/sys/class/virtio-ports/%s/name", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%63s", name) == 1 && !strcmp(name, want)) {
			snprintf(path, sizeof(path), "/dev/%s", e->d_name);
			fd = open(path, O_WRONLY | O_CLOEXEC);
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* Nothing is made of what is written there, and nothing is read. */
static int open_serial(void)
{
	int fd = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd < 0 || tcgetattr(fd, &t))
		return -1;
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL;
	cfsetspeed(&t, B115200);
	tcsetattr(fd, TCSANOW, &t);
	return fd;
}

/* @wish: another one would only like to have it, perhaps: not on this machine */
static bool load_module(const char *path, const char *parameters, bool wish)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = !syscall(SYS_finit_module, fd, parameters, 0) ||
		  errno == EEXIST || (wish && errno == ENODEV);

	if (!ok)
		emitf("XG-BOOT cannot load %s %s: %s", path, parameters,
		      strerror(errno));
	close(fd);
	return ok;
}

/*
 * /lib/xg/NAME lists the module files of one set, dependencies first; the
 * parameters are for the last one.
 */
static bool load_modules(char *set)
{
	char path[300], next[300], *parameters = strchr(set, ':');
	bool ok = true, more;
	FILE *list;

	if (parameters)
		*parameters++ = '\0';
	for (char *p = parameters; p && (p = strchr(p, ':')); )
		*p = ' ';
	snprintf(path, sizeof(path), "/lib/xg/%s", set);
	list = fopen(path, "re");
	if (!list) {
		emitf("XG-BOOT no module set %s in the image", set);
		return false;
	}
	more = fgets(next, sizeof(next), list);
	while (ok && more) {
		next[strcspn(next, "\n")] = '\0';
		strcpy(path, next);
		more = fgets(next, sizeof(next), list);
		ok = load_module(path, more || !parameters ? "" : parameters,
				 more);
	}
	fclose(list);
	return ok;
}

static bool wait_for_file(const char *path, double limit)
{
	double end = now() + limit;

	while (access(path, F_OK)) {
		if (now() > end)
			return false;
		usleep(20000);
	}
	return true;
}

static bool start_toolstack(void)
{
	char *xenstored[] = { "xenstored", "-N", NULL };
	char *init_dom0[] = { "xen-init-dom0", NULL };
	char *xenconsoled[] = { "xenconsoled", "-i", "--log=guest",
				"--log-dir=" GUEST_LOG_DIR, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int status;

	mount("xenfs", "/proc/xen", "xenfs", 0, NULL);
	spawn(xenstored, null);
	if (!wait_for_file("/run/xenstored/socket", TOOLSTACK_SECONDS)) {
		emit("XG-BOOT xenstored did not start");
		return false;
	}
	status = run(init_dom0, TOOLSTACK_SECONDS, NULL, 0);
	if (status) {
		emitf("XG-BOOT xen-init-dom0: %s", status_text(status));
		return false;
	}
	spawn(xenconsoled, null);
	close(null);
	return true;
}

/* --- the state that a scenario must leave behind ------------------------- */

static void verdict(const char *name, const char *req, double since,
		    const char *bad)
{
	emitf("XG-TEST start %s %s", name, req);
	if (bad && bad[0])
		emitf("XG-TEST fail %s %.2f %s", name, now() - since, bad);
	else
		emitf("XG-TEST pass %s %.2f", name, now() - since);
}

static void set_pace(double most)
{
	char text[16];

	if (pace > most)
		pace = most;
	snprintf(text, sizeof(text), "%.1f", pace);
	setenv("XG_PACE", text, 1);
}

static void check_only_dom0(void)
{
	char *argv[] = { "xl", "list", NULL };
	char out[2048], why[400] = "", *save, *line;
	double since = now(), end = since + 20 * pace;
	int status, others;

	/* A destroyed domain may take a moment to be torn down. */
	do {
		others = 0;
		status = run(argv, 30 * pace, out, sizeof(out));
		line = strtok_r(out, "\n", &save);
		while (status == 0 && (line = strtok_r(NULL, "\n", &save))) {
			if (!strncmp(line, "Domain-0 ", 9))
				continue;
			others++;
			snprintf(why, sizeof(why), "left over: %.300s", line);
		}
		if (others)
			usleep(500000);
	} while (others && now() < end);
	if (status)
		snprintf(why, sizeof(why), "xl list: %s", status_text(status));
	else if (!others)
		why[0] = '\0';
	verdict("L13-epilogue-only-dom0-left", "L13", since, why);
}

/*
 * Xen's allocators keep a few pages that the first guests made them take: ten
 * guests on an unpatched Xen cost 8 to 10 pages, more guests cost no more.
 */
#define FREE_PAGES_SLACK	16

static void check_free_memory(long before)
{
	const long slack = FREE_PAGES_SLACK + kept_pages;
	double since = now(), end = since + 20 * pace;
	char why[128] = "";
	long after;

	while ((after = xen_free_pages()) < before - slack &&
	       now() < end)
		usleep(200000);
	emitf("XG-INFO free pages in Xen: %ld before the first guest, %ld now",
	      before, after);
	if (labs(after - before) > slack)
		snprintf(why, sizeof(why),
			 "free pages: %ld before the first guest, %ld now",
			 before, after);
	verdict("L13-epilogue-free-memory-back", "L13", since, why);
}

static void check_module_unloads(void)
{
	double since = now();
	char why[128] = "";

	if (access("/sys/module/xen_gpumem", F_OK))
		return;
	if (syscall(SYS_delete_module, "xen_gpumem", O_NONBLOCK))
		snprintf(why, sizeof(why), "rmmod: %s", strerror(errno));
	verdict("L13-epilogue-rmmod-clean", "L13", since, why);
}

/* --- the scenario --------------------------------------------------------- */

static bool load_named_modules(char *line)
{
	char *argv[32];
	int n = split(line, argv, 32);
	bool ok = true;

	for (int i = 0; ok && i < n; i++)
		ok = load_modules(argv[i]);
	return ok;
}

static void run_scenario(void)
{
	FILE *f = fopen("/xg/scenario", "re");
	long free_before;
	char line[1024];
	bool ok = true;

	if (!f) {
		emit("XG-BOOT no scenario in the image");
		return;
	}
	free_before = bare ? 0 : xen_free_pages();
	while (ok && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "module ", 7))
			ok = load_named_modules(line + 7);
		else if (!strncmp(line, "guest ", 6))
			setenv("XG_GUEST", line + 6, 1);
		else if (!strncmp(line, "pace ", 5))
			set_pace(atof(line + 5));
		else if (!strncmp(line, "kept ", 5))
			kept_pages = atol(line + 5);
		else if (!strncmp(line, "timeout ", 8))
			program_timeout = atoi(line + 8);
		else if (!strncmp(line, "run ", 4))
			run_program(line + 4);
	}
	fclose(f);
	if (!ok)
		return;
	if (!bare)
		check_only_dom0();
	check_module_unloads();
	if (!bare)
		check_free_memory(free_before);
}

static bool on_xen(void)
{
	char type[16] = "";
	FILE *f = fopen("/sys/hypervisor/type", "re");

	if (!f)
		return false;
	if (fscanf(f, "%15s", type) != 1)
		type[0] = '\0';
	fclose(f);
	return !strcmp(type, "xen");
}

static bool get_ready(void)
{
	char base[] = "base";

	bare = !on_xen();
	return bare || (load_modules(base) && start_toolstack());
}

int main(void)
{
	set_up_files();
	kmsg_fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	lines_fd = open_port("xg.lines");
	files_fd = open_port("xg.files");
	if (lines_fd < 0)
		lines_fd = open_serial();
	if (lines_fd < 0)
		to_console("", "XG-BOOT no port xg.lines");
	emitf("XG-BOOT init %.2f", now());
	if (get_ready()) {
		/* From here on a lockup may be ours: see scenario.py. */
		make_file("/proc/sys/kernel/watchdog_thresh", "10\n");
		emitf("XG-BOOT ready %.2f", now());
		if (now() > READY_SECONDS)
			pace = now() / READY_SECONDS;
		run_scenario();
	}
	forward_guest_logs(true);
	send_files(files_fd, "/xg/out");
	send_files(files_fd, GUEST_LOG_DIR);
	emit("XG-DONE");
	tcdrain(lines_fd);
	sync();
	usleep(100000);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
