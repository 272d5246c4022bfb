// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tool's looking commands on the mock: status, list, top, and what it says
 * to bad input.
 */
#include <sys/stat.h>

#include "us.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define INJECT	XEN_GPUMEM_POLICY_INJECT
#define MMIO	XEN_GPUMEM_POLICY_MMIO

static void help_version(void)
{
	static const char *const commands[] = {
		"status", "list", "top", "lend", "export", "run", "trace",
		"selftest",
		"version", "help",
	};
	const char *text = tool(0, "help");
	const struct json *j;

	for (unsigned int i = 0; i < ARRAY_SIZE(commands); i++)
		has(text, commands[i]);
	has(tool(0, "--help"), "usage: xen-gpumem COMMAND");
	has(tool(0, "help", "lend"), "--populate");
	has(tool(0, "help", "run"), "XEN_GPUMEM_FD");
	text = tool(0, "version");
	has(text, "xen-gpumem 1.0\nlibrary 1.0\n");
	has(text, "driver's interface 1\nhypervisor's interface 0\n");
	j = json_parse(tool(0, "version", "--json"), NULL);
	CHECK(!strcmp(json_string(j, "tool"), "1.0"));
	CHECK(!strcmp(json_string(j, "library"), "1.0"));
	CHECK_EQ(json_number(j, "interface"), XEN_GPUMEM_ABI);
	CHECK_EQ(json_number(j, "driver_interface"), XEN_GPUMEM_ABI);
	CHECK_EQ(json_number(j, "hypervisor_interface"), 0);
}

/* --- status ---------------------------------------------------------------- */

static void status(void)
{
	struct program p;
	const char *text;
	struct json *j;

	/* The mock serves no guest: not good enough. */
	text = tool(1, "status");
	has(text, "Xen          no\n");
	has(text, "hypervisor   mock");
	has(text, "module       loaded");
	has(text, "source-fd");
	has(text, "! the module runs on its mock hypervisor");
	has(text, "-> rmmod xen-gpumem");
	has(text, "lending does not work here");

	j = json_parse(tool(1, "status", "--json"), NULL);
	CHECK(!json_bool(j, "works"));
	CHECK(!json_bool(j, "xen.running"));
	CHECK(json_bool(j, "mock"));
	CHECK(json_bool(j, "module.loaded"));
	CHECK(json_bool(j, "module.node") && json_bool(j, "module.debugfs"));
	CHECK_EQ(json_number(j, "module.interface"), XEN_GPUMEM_ABI);
	CHECK(json_number(j, "module.max_windows") > 0);
	CHECK_EQ(json_length(j, "problems"), 1);
	has(json_string(j, "problems.0.what"), "mock");
	has(json_string(j, "problems.0.remedy"), "modprobe");

	/* Somebody without rights is told that, not that it is missing. */
	program_start_user(&p, (const char *const[]){ TOOL, "status", NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_out(&p), "module       loaded");
	has_not(program_out(&p), "modprobe xen-gpumem");
	program_close(&p);
}

/* --- list ------------------------------------------------------------------ */

/* A window of two bindings, of which the guest has three pages. */
static uint32_t scene(int fd, volatile uint64_t *p)
{
	struct xen_gpumem_window_query q;
	uint32_t w;

	OK(xgm_window_add(fd, BASE, SIZE, MMIO, &w));
	OK(xgm_bind(fd, w, 0, 4 * PAGE, p, 0, INJECT));
	OK(xgm_bind_fd(fd, w, 6 * PAGE, 2 * PAGE, memfd_new(SIZE), 0,
		       XEN_GPUMEM_BIND_READONLY, XEN_GPUMEM_POLICY_ZERO));
	g_write(BASE, 1);
	CHECK_EQ(g_read(BASE + PAGE), 0);
	CHECK_EQ(g_read(BASE + 6 * PAGE), 0);
	OK(xgm_window_query(fd, w, 0, 0, &q, sizeof(q)));
	CHECK_EQ(q.out_faults, 3);
	/* The guest has its page before it is known how long that took. */
	EVENTUALLY(gm_served(MOCK_DOMID, w) == 3);
	return w;
}

/* A guest with two descriptors of ours, and a window of each. */
struct two {
	int child;
	uint32_t w, parked;
	uint64_t writable;		/* pages in the first one */
};

static struct two two_begin(void)
{
	const struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND,
		.max_windows = 5,
	};
	struct xen_gpumem_window_query q;
	struct two t;

	mock_begin(1);
	t.child = xgm_domain_derive(xgt_dom, &l);
	CHECK(t.child >= 0);
	/* Shared: private memory is write-protected when a tool is forked. */
	t.w = scene(t.child, map_shared(memfd_new(SIZE), SIZE));
	OK(xgm_window_add(xgt_dom, XEN_GPUMEM_PARKED, PAGE, INJECT,
			  &t.parked));
	OK(xgm_window_query(t.child, t.w, 0, 0, &q, sizeof(q)));
	CHECK(q.out_writable && q.out_writable < 3);
	t.writable = q.out_writable;
	return t;
}

static void check_holder(const struct json *h, const struct two *t)
{
	bool limited = json_number(h, "fd") == t->child;

	CHECK_EQ(json_number(h, "pid"), getpid());
	has(json_string(h, "command"), "xgt-userspace");
	CHECK(!strcmp(json_string(h, "rights"), "lend"));
	CHECK_EQ(json_is_null(h, "windows.limit"), !limited);
	CHECK_EQ(json_number(h, "windows.used"), limited ? 1 : 2);
	CHECK_EQ(json_number(h, "bindings.used"), 2);
	CHECK_EQ(json_number(h, "bytes.used"), 6 * PAGE);
}

static void check_window(const struct json *x, const struct two *t)
{
	/* Its owner is found, whichever descriptor it is. */
	CHECK_EQ(json_number(x, "owner"), getpid());
	if (json_number(x, "window") == t->parked) {
		CHECK(json_is_null(x, "address"));
		CHECK(!strcmp(json_string(x, "hole_policy"), "inject"));
		CHECK_EQ(json_number(x, "lent_bytes"), 0);
		return;
	}
	CHECK_EQ(json_number(x, "window"), t->w);
	CHECK_EQ(json_number(x, "address"), BASE);
	CHECK_EQ(json_number(x, "bytes"), SIZE);
	CHECK_EQ(json_number(x, "bindings"), 2);
	CHECK_EQ(json_number(x, "bound_bytes"), 6 * PAGE);
	CHECK_EQ(json_number(x, "lent_bytes"), 3 * PAGE);
	CHECK_EQ(json_number(x, "writable_bytes"), t->writable * PAGE);
	CHECK_EQ(json_number(x, "device_bytes"), 0);
	CHECK_EQ(json_number(x, "faults"), 3);
}

static void list_json(void)
{
	struct two t = two_begin();
	const struct json *j, *d;

	j = json_parse(tool(0, "list", "--json", "--bindings"), NULL);
	CHECK_EQ(json_length(j, "domains"), 1);
	d = json_at(j, "domains.0");
	CHECK_EQ(json_number(d, "domain"), MOCK_DOMID);
	CHECK_EQ(json_number(d, "descriptors"), 2);
	CHECK(json_bool(d, "attached"));
	CHECK_EQ(json_length(d, "holders"), 2);
	check_holder(json_at(d, "holders.0"), &t);
	check_holder(json_at(d, "holders.1"), &t);
	CHECK_EQ(json_length(d, "windows"), 2);
	check_window(json_at(d, "windows.0"), &t);
	check_window(json_at(d, "windows.1"), &t);

	CHECK_EQ(json_length(d, "bindings"), 2);
	CHECK(!json_bool(d, "bindings.0.file"));
	CHECK(json_bool(d, "bindings.1.file"));
	CHECK(json_bool(d, "bindings.1.readonly"));
	CHECK_EQ(json_number(d, "bindings.1.offset"), 6 * PAGE);
	CHECK_EQ(json_number(d, "bindings.1.lent_bytes"), PAGE);
	CHECK(!strcmp(json_string(d, "bindings.1.fail_policy"), "zero"));

	/* Bindings can be many: not unless asked for. */
	CHECK(!json_has(json_parse(tool(0, "list", "--json"), NULL),
			"domains.0.bindings"));
	/* Of one guest alone. */
	CHECK_EQ(json_length(json_parse(tool(0, "list", "--json", "8"), NULL),
			     "domains"), 0);
	/* Having been looked at leaves no trace. */
	CHECK_EQ(gm_pages(t.child, t.w, 0, 0), 3);
	mock_end();
}

static void list(void)
{
	struct two t;
	const char *text;
	char line[80];

	has(tool(0, "list"), "nobody lends anything");
	t = two_begin();
	text = tool(0, "list", "-b", "7");
	has(text, "domain 7, generation ");
	snprintf(line, sizeof(line), "process %d, as fd %d: may lend\n",
		 getpid(), t.child);
	has(text, line);
	has(text, "1 of 5 windows");
	has(text, "parked, 4.0K, holes inject");
	has(text, "at 0x200200000, 32K, holes mmio");
	has(text, "2 bindings of 24K; the guest has 12K, 0B in device");
	has(text, "0x6000 +8.0K: file");
	has(text, "read-only, else zero; 4.0K lent");
	has_not(tool(0, "list"), "0x6000 +");
	/* One is not several. */
	OK(xgm_unbind(t.child, t.w, 6 * PAGE, 2 * PAGE));
	text = tool(0, "list");
	has(text, "1 binding of 16K; the guest has 8.0K");
	has(text, "1 revoke of 1 page\n");
	close(t.child);
	text = tool(0, "list");
	has(text, ": 1 descriptor, 1 window\n");
	has(text, "\n    1 window, 0 of ");
	mock_end();
}

static void unprivileged(void)
{
	static const char *const looks[] = { "list", "top", "trace" };
	struct program p;

	for (unsigned int i = 0; i < ARRAY_SIZE(looks); i++) {
		program_start_user(&p, (const char *const[]){
				TOOL, looks[i], NULL });
		CHECK_EQ(program_wait(&p), 1);
		has(program_err(&p), "only root may look");
		CHECK_EQ(lines(program_err(&p)), 1);
		CHECK(!*program_out(&p));
		program_close(&p);
	}
}

/* --- top ------------------------------------------------------------------- */

static int stop;

/* Faults and revokes, one after the other. */
static void goes_on(void *arg)
{
	volatile uint64_t *p = arg;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		g_write(BASE, 1);
		OK(madvise((void *)p, PAGE, MADV_DONTNEED));
	}
}

static void top(void)
{
	struct mock_call call;
	volatile uint64_t *p;
	const char *text, *rest;
	struct json *j;
	uint32_t w;
	char line[40];

	mock_begin(1);
	p = map_shared(memfd_new(SIZE), SIZE);
	w = scene(xgt_dom, p);
	/* Nothing happens: zeroes, and no latency. */
	j = json_parse(tool(0, "top", "-n", "1", "-d", "0.2", "--json"),
		       NULL);
	CHECK(json_number(j, "seconds") >= 0.2);
	CHECK_EQ(json_length(j, "windows"), 1);
	CHECK_EQ(json_number(j, "windows.0.faults_per_s"), 0);
	CHECK_EQ(json_number(j, "windows.0.faults"), 3);
	CHECK_EQ(json_number(j, "windows.0.fault.count"), 0);
	CHECK(!json_has(j, "windows.0.fault.p50_us"));
	CHECK(!json_has(j, "windows.0.fault.p50_over_us"));
	CHECK(!json_has(j, "windows.0.revoke.p99_us"));
	CHECK(json_number(j, "windows.0.fault.max_ever_ns") > 0);
	CHECK_EQ(json_number(j, "windows.0.ram_bytes"), 3 * PAGE);
	CHECK_EQ(json_number(j, "windows.0.device_bytes"), 0);
	CHECK_EQ(json_length(j, "domains"), 1);
	CHECK_EQ(json_number(j, "domains.0.domain"), MOCK_DOMID);
	CHECK_EQ(json_number(j, "domains.0.windows"), 1);
	CHECK_EQ(json_number(j, "domains.0.faults"), 3);
	CHECK_EQ(json_number(j, "domains.0.ram_bytes"), 3 * PAGE);

	call_start(&call, goes_on, (void *)p);
	text = tool(0, "top", "--count", "2", "--delay", "0.5", "--json");
	for (unsigned int i = 0; i < 2; i++) {
		j = json_parse(text, &rest);
		text = rest;
		CHECK_EQ(json_number(j, "windows.0.window"), w);
		CHECK_EQ(json_number(j, "windows.0.domain"), MOCK_DOMID);
		CHECK(json_number(j, "windows.0.faults_per_s") > 1);
		CHECK(json_number(j, "windows.0.revokes_per_s") > 1);
		CHECK_EQ(json_number(j, "windows.0.failed_per_s"), 0);
		CHECK(json_number(j, "windows.0.fault.count") > 0);
		CHECK(!json_has(j, "windows.0.fault.p50_over_us"));
		CHECK(json_number(j, "windows.0.fault.p50_us") > 0);
		CHECK(json_number(j, "windows.0.fault.p99_us") >=
		      json_number(j, "windows.0.fault.p50_us"));
		CHECK(json_number(j, "windows.0.revoke.p50_us") > 0);
		CHECK_EQ(json_number(j, "windows.0.bound_bytes"), 6 * PAGE);
	}
	CHECK(!*text);

	text = tool(0, "top", "-n", "2", "-d", "0.3");
	fits(text);
	/* Not for a terminal: no control characters, frames apart. */
	CHECK(!strchr(text, '\033'));
	CHECK_EQ(lines(text), 2 * 5);
	has(text, "1 guest, 1 window, in ");
	has(text, "GUEST  WIN BOUND   RAM  VRAM UC/WC FLT/s");
	snprintf(line, sizeof(line), "    7 %4u   24K ", w);
	has(text, line);
	xgt_info("%.*s", (int)strcspn(strstr(text, line), "\n"),
		 strstr(text, line));
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	call_join(&call);
	mock_end();
}

/* A guest's windows together: those that it has, and those that it had. */
static void top_all(void)
{
	uint32_t w, w2;
	volatile uint64_t *p;
	const struct json *j;
	struct program t;
	const char *text;

	mock_begin(1);
	p = map_shared(memfd_new(SIZE), SIZE);
	w = window_of(p, SIZE);
	OK(xgm_window_add(xgt_dom, BASE + MIB, SIZE, XEN_GPUMEM_POLICY_MMIO,
			  &w2));
	OK(xgm_bind(xgt_dom, w2, 0, SIZE, p, 0, XEN_GPUMEM_POLICY_INJECT));
	g_write(BASE, 1);
	text = tool(0, "top", "-n", "1", "-d", "0.1");
	fits(text);
	CHECK_EQ(lines(text), 7);
	has(text, "    7  all   64K  4.0K    0B    0B");

	/* One that comes and goes between two looks, but for its faults. */
	program_start(&t, (const char *const[]){
			TOOL, "top", "-d", "0.5", "--json", NULL });
	program_says(&t, "}\n");
	g_write(BASE + MIB, 2);
	OK(xgm_window_remove(xgt_dom, w2));
	program_says(&t, "\"fault\":{\"count\":1,");
	kill(t.pid, SIGINT);
	CHECK_EQ(program_wait(&t), 0);
	program_close(&t);

	j = json_parse(tool(0, "top", "-n", "1", "-d", "0.1", "--json"), NULL);
	CHECK_EQ(json_length(j, "windows"), 1);
	CHECK_EQ(json_number(j, "windows.0.window"), w);
	CHECK_EQ(json_number(j, "windows.0.faults"), 1);
	CHECK_EQ(json_number(j, "domains.0.windows"), 1);
	CHECK_EQ(json_number(j, "domains.0.faults"), 2);
	CHECK(json_number(j, "domains.0.fault.max_ever_ns") > 0);
	CHECK_EQ(json_number(j, "domains.0.bound_bytes"), SIZE);
	j = json_parse(tool(0, "list", "--json"), NULL);
	CHECK_EQ(json_number(j, "domains.0.all_windows.faults"), 2);
	CHECK_EQ(json_number(j, "domains.0.windows.0.faults"), 1);
	mock_end();
}

/* Longer than the driver tells apart is not the same as nothing. */
static void top_long(void)
{
	struct mock_run run;
	struct program p;
	struct uffd u;

	mock_begin(1);
	uffd_new(&u, SIZE);
	window_of(u.map, SIZE);
	program_start(&p, (const char *const[]){
			TOOL, "top", "-d", "0.5", "--json", NULL });
	program_says(&p, "\"fault\":{\"count\":0,\"max_ever_ns\":0}");
	run_start(&run, 0, BASE, READ, 0);
	CHECK_EQ(uffd_wanted(&u), 0);
	/* The last slot but one ends at 4.3 s. */
	xgt_sleep_ms(4600);
	uffd_give(&u, 0, 5);
	CHECK_EQ(run_join(&run, XGM_DONE), 5);
	program_says(&p, "\"fault\":{\"count\":1,\"p50_over_us\":4294967,\"p90_over_us\":4294967,\"p99_over_us\":4294967,");
	has_not(program_out(&p), "null");
	kill(p.pid, SIGINT);
	CHECK_EQ(program_wait(&p), 0);
	program_close(&p);
	mock_end();
}

/* It ends when it is told to, and says nothing more. */
static void top_ends(void)
{
	struct program p;

	mock_begin(1);
	scene(xgt_dom, map_anon(SIZE));
	program_start(&p, (const char *const[]){
			TOOL, "top", "-d", "0.1", NULL });
	program_says(&p, "GUEST");
	kill(p.pid, SIGINT);
	CHECK_EQ(program_wait(&p), 0);
	CHECK(!*program_err(&p));
	program_close(&p);
	mock_end();
}

/* --- bad input ------------------------------------------------------------- */

static void bad_input(void)
{
	static const struct {
		const char *argv[8];
		const char *what;
	} inputs[] = {
		{ { TOOL }, "a command is missing" },
		{ { TOOL, "lst" }, "no such command: lst" },
		{ { TOOL, "help", "lst" }, "no such command: lst" },
		{ { TOOL, "status", "now" }, "too many arguments" },
		{ { TOOL, "status", "--jason" }, "no such option: --jason" },
		{ { TOOL, "list", "work" }, "'xl domid work'" },
		{ { TOOL, "list", "40000" }, "below 32752" },
		{ { TOOL, "list", "-1" }, "no such option: -1" },
		{ { TOOL, "top", "-n" }, "a value is missing after -n" },
		{ { TOOL, "top", "-n", "0" }, "from 1 to" },
		{ { TOOL, "top", "-n", "2x" }, "not '2x'" },
		{ { TOOL, "top", "-d", "-3" }, "seconds above zero" },
		{ { TOOL, "top", "-d", "nan" }, "seconds above zero" },
		{ { TOOL, "lend", "7" }, "something is missing; it is called as: xen-gpumem lend" },
		{ { TOOL, "lend", "7", "0x1001", "memfd:4K" }, "multiple of 4096" },
		{ { TOOL, "lend", "7", "here", "memfd:4K" }, "is an address" },
		{ { TOOL, "lend", "7", "0x200200000", "/nowhere" }, "/nowhere: No such file" },
		{ { TOOL, "lend", "7", "0x200200000", "memfd:9P" }, "not '9P'" },
		{ { TOOL, "lend", "7", "0x200200000", "/dev/null" }, "--length" },
		{ { TOOL, "lend", "7", "0x200200000", "fd:9" }, "inherited no such descriptor" },
		{ { TOOL, "lend", "7", "0x200200000", "fd:-1" }, "fd:N" },
		{ { TOOL, "lend", "-p", "mmio", "7", "0", "memfd:4K" }, "--holes" },
		{ { TOOL, "lend", "-p", "ignore", "7", "0", "memfd:4K" }, "inject, zero or mmio" },
		{ { TOOL, "run", "7" }, "a command is missing" },
		{ { TOOL, "run", "7", "--" }, "a command is missing" },
		{ { TOOL, "run", "7", "--user", "nemo", "--", "/bin/true" }, "no user 'nemo'" },
		{ { TOOL, "run", "7", "--user", "1:x", "--", "/bin/true" }, "UID:GID" },
		{ { TOOL, "run", "7", "-r", "0x1000", "--", "/bin/true" }, "ADDRESS+LENGTH" },
		{ { TOOL, "run", "7", "-R", "all", "--", "/bin/true" }, "rights are lend, remove, export-grants, export-frames and" },
		{ { TOOL, "run", "7", "-M", "5000", "--", "/bin/true" }, "multiple of 4096" },
		{ { TOOL, "run", "7", "--", "/bin/nowhere" }, "no command '/bin/nowhere'" },
		{ { TOOL, "trace", "-w", "64" }, "--window needs DOMID" },
		{ { TOOL, "trace", "-w", "all", "7" }, "from 0 to" },
		{ { TOOL, "trace", "-b", "5000", "7" }, "multiple of 4096" },
		{ { TOOL, "trace", "-b", "2G", "7" }, "1G at most" },
		{ { TOOL, "trace", "7", "8" }, "too many arguments" },
		{ { TOOL, "selftest", "-s", "soon" }, "number of seconds" },
		{ { TOOL, "version", "2" }, "too many arguments" },
	};
	struct program p;

	mock_begin(1);
	for (unsigned int i = 0; i < ARRAY_SIZE(inputs); i++) {
		const char *err;
		int status;

		program_start(&p, inputs[i].argv);
		status = program_wait(&p);
		err = program_err(&p);
		/* One line with the cause, and nothing else. */
		if (status != 2 || lines(err) != 1 || *program_out(&p) ||
		    strncmp(err, "xen-gpumem: ", 12) ||
		    !strstr(err, inputs[i].what))
			FAIL("input %u (%s): status %d: %s", i,
			     inputs[i].what, status, err);
		program_close(&p);
	}
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U2-tool-help-version", "U2", help_version, 0, 0 },
	{ "U4-tool-status", "U4,U6", status, 0, 0 },
	{ "U4-tool-list", "U4,U2", list, 0, 0 },
	{ "U4-tool-list-json", "U4,U2", list_json, 0, 0 },
	{ "U6-tool-unprivileged", "U6,U4", unprivileged, 0, 0 },
	{ "U4-tool-top", "U4,U2", top, 0, 0 },
	{ "U4-tool-top-all", "U4", top_all, 0, 0 },
	{ "U4-tool-top-long", "U4,U2", top_long, 0, 0 },
	{ "U4-tool-top-ends", "U4", top_ends, 0, 0 },
	{ "U6-tool-bad-input", "U6,U2", bad_input, 0, 0 },
};

XGT_MAIN(tests)
