// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-gpumem trace on the mock: what each trace point becomes, that nothing else
 * is told, what is lost, and that nothing of it stays behind.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "us.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define INJECT	XEN_GPUMEM_POLICY_INJECT
#define MMIO	XEN_GPUMEM_POLICY_MMIO
#define TRACING	"/sys/kernel/tracing"

/* Start it; it traces when this returns. */
#define trace(p, ...) \
	trace_start(p, (const char *const[]){ TOOL, "trace", __VA_ARGS__, NULL })

static void trace_start(struct program *p, const char *const argv[])
{
	bool json = false;

	for (unsigned int i = 0; argv[i]; i++)
		json |= !strcmp(argv[i], "--json");
	program_start(p, argv);
	program_says(p, json ? "{\"what\":\"begin\"}\n" : "(Ctrl-C ends)\n");
}

/* Ctrl-C.  What it has said is valid until the next one is looked at. */
static const char *trace_end(struct program *p)
{
	const char *text;

	kill(p->pid, SIGINT);
	CHECK_EQ(program_wait(p), 0);
	CHECK(!*program_err(p));
	text = program_out(p);
	program_close(p);
	return text;
}

/* How many instances of tracing there are, of whomever. */
static unsigned int instances(void)
{
	DIR *dir = opendir(TRACING "/instances");
	struct dirent *e;
	unsigned int n = 0;

	CHECK(dir);
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* One of everything that is traced.  Return: the window, removed again */
static uint32_t deeds(void)
{
	volatile uint64_t *p = map_shared(memfd_new(SIZE), SIZE);
	uint32_t w;

	OK(xgm_window_add(xgt_dom, BASE, SIZE, MMIO, &w));
	OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
	g_write(BASE + 3 * PAGE, 1);
	/* The guest has its page before the driver is done. */
	EVENTUALLY(gm_served(MOCK_DOMID, w) == 1);
	OK(madvise((char *)p + 3 * PAGE, PAGE, MADV_DONTNEED));
	OK(xgm_window_park(xgt_dom, w));
	OK(xgm_window_move(xgt_dom, w, BASE));
	OK(munmap((void *)p, SIZE));
	g_expect(BASE + 3 * PAGE, READ, XGM_INJECTED);
	OK(xgm_unbind(xgt_dom, w, 0, SIZE));
	OK(xgm_window_remove(xgt_dom, w));
	return w;
}

/* --- what is told ---------------------------------------------------------- */

static void text(void)
{
	/* In the order in which they happen. */
	static const char *const told[] = {
		" add    at 0x200200000 +32K\n",
		" bind   0x0 +32K at 0x",
		" map    0x3000 +4.0K at frame 0x",
		" rw\n",
		" revoke 0x3000 +4.0K: 4.0K taken in ",
		" move   parked +32K\n",
		" move   at 0x200200000 +32K\n",
		" event  0x3000 +4.0K read: ENODATA\n",
		" unbind 0x0 +32K at 0x",
		" remove at 0x200200000 +32K\n",
		" records; none was lost\n",
	};
	const char *out, *at;
	struct program p;
	char line[64];
	uint32_t w;

	mock_begin(1);
	trace(&p, "7");
	w = deeds();
	program_says(&p, " remove at ");
	at = out = trace_end(&p);
	has(out, "tracing domain 7 (Ctrl-C ends)\n");
	has(out, "      SECONDS GUEST WINDOW WHAT   OFFSET AND SIZE\n");
	for (unsigned int i = 0; i < ARRAY_SIZE(told); i++) {
		has(at, told[i]);
		at = strstr(at, told[i]) + 1;
	}
	/* It is told when all is done, whatever comes meanwhile. */
	has(out, " fault  vCPU 0 write 0x3000 in ");
	snprintf(line, sizeof(line), "     7 %6u add ", w);
	has(out, line);
	fits(out);
	CHECK_EQ(instances(), 0);
	mock_end();
}

/* The first record of a kind. */
static const struct json *first(const char *out, const char *what)
{
	const struct json *j;

	while (*out) {
		j = json_parse(out, &out);
		if (!strcmp(json_string(j, "what"), what))
			return j;
	}
	FAIL("there is no %s", what);
}

static void is_binding(const struct json *j, uint64_t bytes)
{
	CHECK_EQ(json_number(j, "offset"), 0);
	CHECK_EQ(json_number(j, "bytes"), bytes);
	CHECK(json_number(j, "address") > 0);
	CHECK(!json_bool(j, "readonly") && !json_bool(j, "write_first"));
}

static void json(void)
{
	const struct json *j;
	const char *out, *at;
	struct program p;
	unsigned int n = 0;
	uint32_t w;

	mock_begin(1);
	trace(&p, "--json", "7");
	w = deeds();
	program_says(&p, "\"remove\"");
	out = trace_end(&p);

	j = first(out, "add");
	CHECK_EQ(json_number(j, "domain"), MOCK_DOMID);
	CHECK_EQ(json_number(j, "window"), w);
	CHECK_EQ(json_number(j, "pid"), getpid());
	CHECK(json_has(j, "cpu") && json_number(j, "time_us") > 0);
	CHECK(json_number(j, "time_us") < xgt_now() * 1e6);
	CHECK_EQ(json_number(j, "address"), BASE);
	CHECK_EQ(json_number(j, "bytes"), SIZE);
	is_binding(first(out, "bind"), SIZE);
	is_binding(first(out, "unbind"), SIZE);
	j = first(out, "map");
	CHECK_EQ(json_number(j, "offset"), 3 * PAGE);
	CHECK_EQ(json_number(j, "bytes"), PAGE);
	CHECK_EQ(json_number(j, "wanted_bytes"), PAGE);
	CHECK(json_bool(j, "writable") && !json_bool(j, "noncacheable"));
	CHECK(json_number(j, "frame") > 0 && !json_has(j, "error"));
	j = first(out, "fault");
	CHECK_EQ(json_number(j, "vcpu"), 0);
	CHECK_EQ(json_number(j, "offset"), 3 * PAGE);
	CHECK(!strcmp(json_string(j, "access"), "write"));
	CHECK(!json_bool(j, "emulated") && !json_has(j, "error"));
	CHECK(json_number(j, "took_ns") > 0);
	j = first(out, "revoke");
	CHECK_EQ(json_number(j, "offset"), 3 * PAGE);
	CHECK_EQ(json_number(j, "taken_bytes"), PAGE);
	CHECK(!json_bool(j, "only_writing") && !json_has(j, "error"));
	CHECK(json_is_null(first(out, "move"), "address"));
	j = first(out, "event");
	CHECK(!strcmp(json_string(j, "type"), "fault"));
	CHECK(!strcmp(json_string(j, "error"), "ENODATA"));
	CHECK(!strcmp(json_string(j, "access"), "read"));
	CHECK_EQ(json_number(j, "offset"), 3 * PAGE);
	CHECK_EQ(json_number(j, "bytes"), PAGE);
	CHECK_EQ(json_number(first(out, "remove"), "window"), w);

	/* One object a line, between two others. */
	CHECK(!strncmp(out, "{\"what\":\"begin\"}\n", 17));
	for (at = out; *at; n++)
		json_parse(at, &at);
	CHECK_EQ(lines(out), n);
	j = first(out, "end");
	CHECK_EQ(json_number(j, "records"), n - 2);
	CHECK_EQ(json_number(j, "lost"), 0);
	CHECK_EQ(json_number(j, "not_understood"), 0);
	mock_end();
}

/* --- what was asked for ---------------------------------------------------- */

static unsigned int count(const char *out, const char *what)
{
	unsigned int n = 0;

	for (; (out = strstr(out, what)); out++)
		n++;
	return n;
}

static void touch(uint64_t gpa, uint32_t w)
{
	volatile uint64_t *p = map_shared(memfd_new(SIZE), SIZE);

	OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
	g_write(gpa, 1);
	OK(madvise((void *)p, PAGE, MADV_DONTNEED));
	EVENTUALLY(gm_served(MOCK_DOMID, w) == 1);
}

/* Three at a time: of all, of one window, of a guest that is not there. */
static void filter(void)
{
	struct program all, one, other;
	char mine[32], theirs[32];
	uint32_t w[2];
	const char *out;

	mock_begin(1);
	OK(xgm_window_add(xgt_dom, BASE, SIZE, MMIO, &w[0]));
	OK(xgm_window_add(xgt_dom, BASE + GIB, SIZE, MMIO, &w[1]));
	snprintf(mine, sizeof(mine), "%u", w[1]);
	trace(&all, "--json");
	trace(&one, "--json", "--window", mine, "7");
	trace(&other, "--json", "9");
	CHECK_EQ(instances(), 3);
	touch(BASE, w[0]);
	touch(BASE + GIB, w[1]);
	mock_kill(true);
	program_says(&all, "\"type\":\"gone\"");
	program_says(&one, "\"type\":\"gone\"");

	snprintf(mine, sizeof(mine), "\"window\":%u,", w[1]);
	snprintf(theirs, sizeof(theirs), "\"window\":%u,", w[0]);
	out = trace_end(&all);
	CHECK(count(out, mine) >= 4);
	CHECK(count(out, theirs) >= 4);
	out = trace_end(&one);
	CHECK(count(out, mine) >= 4);
	has_not(out, theirs);
	for (const char *const *what = (const char *const[]){
			"fault", "map", "revoke", "bind", NULL }; *what; what++)
		CHECK_EQ(json_number(first(out, *what), "window"), w[1]);
	out = trace_end(&other);
	CHECK_EQ(json_number(first(out, "end"), "records"), 0);
	CHECK_EQ(lines(out), 2);
	CHECK_EQ(instances(), 0);
	mock_end();
}

/* --- what is lost ---------------------------------------------------------- */

/* Who does not read costs a buffer, and is told what was not kept. */
static void lost(void)
{
	unsigned long long told = 0, n, all;
	volatile uint64_t *p;
	const char *out, *at;
	struct program t;
	uint32_t w;

	mock_begin(1);
	p = map_shared(memfd_new(SIZE), SIZE);
	w = window_of(p, SIZE);
	trace(&t, "--buffer", "4K", "7");
	/* Control: who reads loses nothing. */
	g_write(BASE, 1);
	program_says(&t, " fault  vCPU 0 write 0x0 in ");
	has_not(program_out(&t), "lost");

	kill(t.pid, SIGSTOP);
	EVENTUALLY(strchr(status_line(t.pid, "\nState:\t"), 'T'));
	for (unsigned int i = 0; i < 2000; i++) {
		OK(madvise((void *)p, PAGE, MADV_DONTNEED));
		g_write(BASE, i);
	}
	wait_served(w);
	kill(t.pid, SIGCONT);
	program_says(&t, " lost on CPU ");
	out = trace_end(&t);
	for (at = out; (at = strstr(at, "-- ")); at++)
		if (sscanf(at, "-- %llu record", &n) == 1)
			told += n;
	at = strstr(out, " records; ");
	CHECK(at && sscanf(at, " records; %llu were lost (a larger --buffer",
			   &all) == 1);
	xgt_info("%u lines, %llu lost, of which %llu were told as it went",
		 lines(out), all, told);
	CHECK(all > 2000 && all < 20000);
	CHECK(told > 0 && told <= all);
	fits(out);
	mock_end();
}

/* --- who is traced --------------------------------------------------------- */

/* A process's name is its own to choose, and no reason to believe it. */
static void names(void)
{
	volatile uint64_t *p = map_anon(SIZE);
	const char *out;
	struct program t;
	uint32_t w;

	mock_begin(1);
	OK(xgm_window_add(xgt_dom, BASE, SIZE, MMIO, &w));
	trace(&t, "7");
	OK(prctl(PR_SET_NAME, ": xen_gpumem_ma"));
	OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
	program_says(&t, " bind   0x0 +32K at 0x");
	OK(prctl(PR_SET_NAME, "a\n9: xen_gpumem"));
	OK(xgm_unbind(xgt_dom, w, 0, SIZE));
	program_says(&t, " unbind 0x0 +32K at 0x");
	OK(prctl(PR_SET_NAME, "CPU:1 [LOST 7 E"));
	OK(xgm_window_remove(xgt_dom, w));
	program_says(&t, " remove at ");
	out = trace_end(&t);
	has(out, "\n3 records; none was lost\n");
	has_not(out, "--");
	CHECK_EQ(lines(out), 2 + 3 + 1);
	mock_end();
}

/* --- what stays ------------------------------------------------------------ */

/* What others would notice of the kernel's tracing. */
static const char *state(char text[16384])
{
	static const char *const files[] = {
		"tracing_on", "current_tracer", "trace_clock", "trace_options",
		"set_event",
	};
	char path[128];
	size_t len = 0;
	ssize_t n;
	int fd;

	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), TRACING "/%s", files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		CHECK(fd >= 0);
		while ((n = read(fd, text + len, 16383 - len)) > 0)
			len += n;
		close(fd);
	}
	text[len] = '\0';
	return text;
}

/* With a reader that goes away. */
static int trace_into_nothing(void)
{
	int fds[2], status, node;
	char byte;
	pid_t pid;

	CHECK(!pipe(fds));
	pid = fork();
	if (!pid) {
		node = open("/dev/null", O_WRONLY);
		dup2(fds[1], 1);
		dup2(node, 2);
		close(fds[0]);
		close(fds[1]);
		execl(TOOL, TOOL, "trace", NULL);
		_exit(126);
	}
	close(fds[1]);
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	close(fds[0]);
	deeds();
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void leaves_nothing(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	static char before[16384], now[16384];
	struct program p;

	mock_begin(1);
	state(before);
	CHECK_EQ(instances(), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(signals); i++) {
		trace(&p, "7");
		CHECK_EQ(instances(), 1);
		CHECK(!strcmp(state(now), before));
		kill(p.pid, signals[i]);
		CHECK_EQ(program_wait(&p), 0);
		has(program_out(&p), "\n0 records; none was lost\n");
		program_close(&p);
		CHECK_EQ(instances(), 0);
	}
	CHECK_EQ(trace_into_nothing(), 1);
	CHECK_EQ(instances(), 0);

	/* What a killed one leaves goes with the next; a living one's stays. */
	trace(&p, "7");
	kill(p.pid, SIGKILL);
	CHECK_EQ(program_wait(&p), 128 + SIGKILL);
	program_close(&p);
	CHECK_EQ(instances(), 1);
	trace(&p, "7");
	CHECK_EQ(instances(), 1);
	deeds();
	program_says(&p, " remove at ");
	trace_end(&p);
	CHECK_EQ(instances(), 0);
	CHECK(!strcmp(state(now), before));
	mock_end();
}

/* Without what it reads it says so, and how to get that. */
static void no_tracefs(void)
{
	struct program p;
	int status;

	CHECK(!umount2(TRACING, MNT_DETACH));
	program_start(&p, (const char *const[]){ TOOL, "trace", NULL });
	status = program_wait(&p);
	CHECK(!mount("tracefs", TRACING, "tracefs", 0, NULL));
	CHECK_EQ(status, 1);
	has(program_err(&p), "tracefs is not mounted (mount -t tracefs tracefs " TRACING ")\n");
	CHECK_EQ(lines(program_err(&p)), 1);
	CHECK(!*program_out(&p));
	program_close(&p);
}

/* What somebody takes from it is not waited for. */
static void taken(void)
{
	struct program p;
	char path[128];

	mock_begin(1);
	trace(&p, "7");
	/* Not by who traces the same for himself. */
	set_file(TRACING "/events/xen_gpumem/enable", "1");
	set_file(TRACING "/events/xen_gpumem/enable", "0");
	deeds();
	program_says(&p, " remove at ");
	snprintf(path, sizeof(path), TRACING "/instances/xen-gpumem-%d/events/xen_gpumem/enable",
		 p.pid);
	set_file(path, "0");
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "xen-gpumem: the trace has ended: ");
	CHECK_EQ(lines(program_err(&p)), 1);
	program_close(&p);
	CHECK_EQ(instances(), 0);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U4-tool-trace", "U4,U2", text, 0, 0 },
	{ "U4-tool-trace-json", "U4,U2", json, 0, 0 },
	{ "U4-tool-trace-filter", "U4", filter, 0, 0 },
	{ "U4-tool-trace-lost", "U4", lost, 0, 0 },
	{ "U4-tool-trace-names", "U4", names, 0, 0 },
	{ "U4-tool-trace-leaves-nothing", "U4,U6", leaves_nothing, 0, 0 },
	{ "U4-tool-trace-taken", "U4,U6", taken, 0, 0 },
	{ "U6-tool-trace-no-tracefs", "U6,U4", no_tracefs, 0, 0 },
};

XGT_MAIN(tests)
