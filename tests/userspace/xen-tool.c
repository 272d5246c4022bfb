// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tool's looking commands on Xen: status when all is well and when something
 * is missing, list and top while a guest works on what it has been lent, and
 * one line for what cannot be.
 *
 * What status, list and top print here is kept in the run's folder, out/; the
 * documents show it.
 */
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "us.h"

#define PAGES	16
#define SIZE	(PAGES * PAGE)
#define GPA	XGT_WINDOW
#define VRAM	(GPA + MIB)
#define INJECT	XEN_GPUMEM_POLICY_INJECT
#define MMIO	XEN_GPUMEM_POLICY_MMIO
#define DEBUG	"/sys/kernel/debug"

static const char *domid(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", xgt_guest.domid);
	return text;
}

/* --- status ---------------------------------------------------------------- */

static void first_line(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "r");

	CHECK(f && fgets(text, size, f));
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
}

static void status(void)
{
	struct xen_gpumem_info info;
	const struct json *j;
	char want[128], line[64];
	const char *text;
	int node = gm_node();

	OK(gm_info(node, &info));
	close(node);
	text = tool(0, "status");
	first_line("/sys/hypervisor/version/major", line, sizeof(line));
	snprintf(want, sizeof(want), "Xen          %s.", line);
	has(text, want);
	has(text, "\nhypervisor   lends\n");
	has(text, "\nmodule       loaded");
	has(text, "\ndevice node  /dev/xen/gpumem\n");
	snprintf(want, sizeof(want), "\ninterface    %u, hypervisor's %u: ",
		 info.out_abi, info.out_hv_version);
	has(text, want);
	has(text, "\n\nlending works here\n");
	has_not(text, "!");
	has_not(text, "not the control domain");
	fits(text);
	keep("status.txt", text);

	j = json_parse(tool(0, "status", "--json"), NULL);
	CHECK(json_bool(j, "works"));
	CHECK(json_bool(j, "xen.running"));
	CHECK(json_bool(j, "xen.control_domain"));
	CHECK(!strcmp(json_string(j, "xen.lending"), "lends"));
	CHECK(!json_bool(j, "mock"));
	CHECK(json_bool(j, "module.loaded") && json_bool(j, "module.node"));
	CHECK(json_bool(j, "module.debugfs"));
	CHECK_EQ(json_number(j, "module.interface"), info.out_abi);
	CHECK_EQ(json_number(j, "module.hypervisor_interface"),
		 info.out_hv_version);
	CHECK_EQ(json_number(j, "module.max_windows"), info.out_max_windows);
	CHECK_EQ(json_length(j, "problems"), 0);

	text = tool(0, "version");
	snprintf(want, sizeof(want), "\nhypervisor's interface %u\n",
		 info.out_hv_version);
	has(text, want);
}

/* One thing is missing: it is named, with a remedy that brings it back. */
static void lacks(const char *what, const char *remedy)
{
	const char *text = tool(1, "status");
	const struct json *j;

	has(text, what);
	has(text, remedy);
	has(text, "\n\nlending does not work here\n");
	/* Of Xen it knows better, by asking it. */
	has(text, "\nhypervisor   lends\n");
	keep("status-missing.txt", text);
	j = json_parse(tool(1, "status", "--json"), NULL);
	CHECK(!json_bool(j, "works"));
	CHECK_EQ(json_length(j, "problems"), 1);
	has(what, json_string(j, "problems.0.what"));
	has(remedy, json_string(j, "problems.0.remedy"));
}

static void load_module(void)
{
	int fd = open("/lib/modules/xen-gpumem.ko", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	if (syscall(SYS_finit_module, fd, "", 0))
		FAIL("loading the module: %s", strerror(errno));
	close(fd);
	EVENTUALLY(!access("/dev/xen/gpumem", F_OK));
}

static void missing(void)
{
	static const char *const looks[] = { "list", "trace" };
	struct program p;

	CHECK(!umount2(DEBUG, MNT_DETACH));
	lacks("! nothing can be observed: debugfs cannot be read",
	      "-> mount -t debugfs debugfs " DEBUG);
	CHECK(!mount("debugfs", DEBUG, "debugfs", 0, NULL));
	has(tool(0, "status"), "lending works here");

	/* A helper of the last test's may still have a descriptor. */
	EVENTUALLY(!syscall(SYS_delete_module, "xen_gpumem", O_NONBLOCK));
	lacks("! the module xen-gpumem is not loaded",
	      "-> modprobe xen-gpumem; what it finds wrong is in the kernel's log");
	for (unsigned int i = 0; i < ARRAY_SIZE(looks); i++) {
		program_start(&p, (const char *const[]){ TOOL, looks[i], NULL });
		CHECK_EQ(program_wait(&p), 1);
		has(program_err(&p), "the module xen-gpumem is not loaded (modprobe xen-gpumem;");
		CHECK_EQ(lines(program_err(&p)), 1);
		program_close(&p);
	}
	load_module();
	has(tool(0, "status"), "lending works here");
}

static void unprivileged(void)
{
	static const struct {
		const char *argv[8];
		const char *what;
	} calls[] = {
		{ { TOOL, "list" }, "only root may look at this" },
		{ { TOOL, "top", "-n", "1" }, "only root may look at this" },
		{ { TOOL, "trace" }, "only root may look at this" },
		{ { TOOL, "lend", "1", "0x200200000", "memfd:4K" }, "only root may open the device node" },
		{ { TOOL, "run", "1", "--", "/bin/true" }, "only root may open the device node" },
		{ { TOOL, "selftest" }, "only root may open the device node" },
	};
	struct program p;

	for (unsigned int i = 0; i < ARRAY_SIZE(calls); i++) {
		program_start_user(&p, calls[i].argv);
		CHECK_EQ(program_wait(&p), 1);
		has(program_err(&p), calls[i].what);
		CHECK_EQ(lines(program_err(&p)), 1);
		CHECK(!*program_out(&p));
		program_close(&p);
	}
	program_start_user(&p, (const char *const[]){ TOOL, "status", NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_out(&p), "\nmodule       loaded");
	has(program_out(&p), "! the device node cannot be opened by this user\n  -> sudo xen-gpumem status");
	program_close(&p);
}

/* --- a guest that uses memory and video memory ------------------------------ */

struct scene {
	struct qxl_bo bo;
	volatile uint64_t *ram;
	int card, dom;
	uint32_t w;
};

/*
 * One window: memory, of which the guest has three pages, and a buffer in video
 * memory, of which it has all.
 */
static struct scene scene_begin(void)
{
	const struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND,
		.max_windows = 5,
	};
	struct scene s = { .card = qxl_open() };

	s.dom = xgm_domain_derive(xgt_dom, &l);
	CHECK(s.dom >= 0);
	qxl_new(s.card, &s.bo, MIB);
	s.ram = map_shared(memfd_new(SIZE), SIZE);
	OK(xgm_window_add(s.dom, GPA, 4 * MIB, MMIO, &s.w));
	OK(xgm_bind(s.dom, s.w, 0, SIZE, s.ram, XEN_GPUMEM_BIND_WRITE_FIRST,
		    INJECT));
	OK(xgm_bind(s.dom, s.w, MIB, MIB, s.bo.map, 0, INJECT));
	fill(s.bo.map, MIB, 1);
	for (unsigned int i = 0; i < 3; i++)
		guest_write(GPA + i * PAGE, i);
	cmd_ok(0, XG_CMD_CHECK, VRAM, MIB, 1);
	return s;
}

static struct json *our_domain(struct json *j)
{
	CHECK_EQ(json_length(j, "domains"), 1);
	CHECK_EQ(json_number(j, "domains.0.domain"), xgt_guest.domid);
	return j;
}

/* "domains.0.windows.N", for the scene's. */
static const struct json *our_window(const struct json *j, uint32_t w)
{
	char path[64];

	for (unsigned int i = 0; i < json_length(j, "domains.0.windows"); i++) {
		snprintf(path, sizeof(path), "domains.0.windows.%u", i);
		if (json_number(json_at(j, path), "window") == w)
			return json_at(j, path);
	}
	FAIL("window %u is not listed", w);
}

static void list_json(void)
{
	struct scene s = scene_begin();
	const struct json *w, *b = NULL;
	struct json *j;

	j = our_domain(json_parse(tool(0, "list", "--json", "--bindings"),
				  NULL));
	/* The mailbox's descriptor and window, and the scene's. */
	CHECK(json_bool(j, "domains.0.attached"));
	CHECK_EQ(json_number(j, "domains.0.descriptors"), 2);
	CHECK_EQ(json_length(j, "domains.0.holders"), 2);
	CHECK_EQ(json_number(j, "domains.0.holders.0.pid"), getpid());
	CHECK_EQ(json_length(j, "domains.0.windows"), 2);
	w = our_window(j, s.w);
	CHECK_EQ(json_number(w, "owner"), getpid());
	CHECK_EQ(json_number(w, "address"), GPA);
	CHECK_EQ(json_number(w, "bytes"), 4 * MIB);
	CHECK_EQ(json_number(w, "bindings"), 2);
	CHECK_EQ(json_number(w, "bound_bytes"), SIZE + MIB);
	CHECK_EQ(json_number(w, "lent_bytes"), 3 * PAGE + MIB);
	CHECK_EQ(json_number(w, "device_bytes"), MIB);
	CHECK_EQ(json_number(w, "noncacheable_bytes"), MIB);
	CHECK(json_number(w, "faults") >= 4);
	CHECK_EQ(json_number(w, "failed"), 0);
	for (unsigned int i = 0; i < 3; i++) {
		char path[64];

		snprintf(path, sizeof(path), "domains.0.bindings.%u", i);
		if (json_number(json_at(j, path), "window") == s.w &&
		    json_number(json_at(j, path), "offset") == MIB)
			b = json_at(j, path);
	}
	CHECK(b);
	CHECK_EQ(json_number(b, "address"), (uintptr_t)s.bo.map);
	CHECK_EQ(json_number(b, "lent_bytes"), MIB);

	/* The buffer moves: the guest's view does, and so does what is told. */
	qxl_pressure(s.card);
	cmd_ok(0, XG_CMD_CHECK, VRAM, MIB, 1);
	j = our_domain(json_parse(tool(0, "list", "--json"), NULL));
	w = our_window(j, s.w);
	CHECK_EQ(json_number(w, "lent_bytes"), 3 * PAGE + MIB);
	CHECK_EQ(json_number(w, "device_bytes"), 0);
	CHECK(json_number(w, "revokes") >= 1);
	CHECK(json_number(w, "revoked_pages") >= MIB / PAGE);
}

static void list(void)
{
	struct scene s = scene_begin();
	struct xen_gpumem_info info;
	const char *text;
	char want[80];

	text = tool(0, "list", "--bindings", domid());
	snprintf(want, sizeof(want), "domain %d, generation ",
		 xgt_guest.domid);
	has(text, want);
	has(text, ": 2 descriptors, 2 windows\n");
	snprintf(want, sizeof(want), ", process %d, as fd %d: may lend\n",
		 getpid(), s.dom);
	has(text, want);
	OK(gm_info(s.dom, &info));
	snprintf(want, sizeof(want),
		 "1 of 5 windows, 2 of %u bindings, 1.1M in them\n",
		 info.out_max_bindings);
	has(text, want);
	snprintf(want, sizeof(want),
		 "window %u at 0x%llx, 4.0M, holes mmio, of process %d\n",
		 s.w, GPA, getpid());
	has(text, want);
	has(text, "2 bindings of 1.1M; the guest has 1.0M, 1.0M in device memory, 1.0M not cacheable\n");
	snprintf(want, sizeof(want), "0x100000 +1.0M: addresses at 0x%llx, else inject; 1.0M lent\n",
		 (unsigned long long)(uintptr_t)s.bo.map);
	has(text, want);
	has(text, "0x0 +64K: addresses at ");
	has(text, ", write-first, else inject; 12K lent\n");
	keep("list.txt", text);
	/* Of another guest. */
	has(tool(0, "list", "9999"), "nobody lends anything");
}

/* --- top ------------------------------------------------------------------- */

struct churn {
	volatile uint64_t *ram;
	int stop;
};

/* The host takes the memory from the guest again and again. */
static void *takes(void *arg)
{
	struct churn *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		madvise((void *)c->ram, SIZE, MADV_DONTNEED);
		xgt_sleep_ms(5);
	}
	return NULL;
}

static const struct json *our_line(const struct json *j, uint32_t w)
{
	char path[32];

	for (unsigned int i = 0; i < json_length(j, "windows"); i++) {
		snprintf(path, sizeof(path), "windows.%u", i);
		if (json_number(json_at(j, path), "window") == w)
			return json_at(j, path);
	}
	FAIL("window %u is not in top", w);
}

/* On a slow machine they can be longer than all that are told apart. */
static void times_are(const struct json *times)
{
	CHECK(json_number(times, "max_ever_ns") > 0);
	CHECK(json_number(times, "count") > 0);
	CHECK(json_has(times, "p99_us") != json_has(times, "p99_over_us"));
	if (json_has(times, "p99_over_us"))
		return;
	CHECK(json_number(times, "p50_us") > 0);
	CHECK(json_number(times, "p99_us") >= json_number(times, "p50_us"));
}

/* The guest works on the buffer, and what it does there is seen. */
static void top(void)
{
	struct scene s = scene_begin();
	struct churn churn = { .ram = s.ram };
	const char *text, *rest;
	const struct json *line;
	pthread_t thread;
	char want[64];

	fill(s.ram, SIZE, 1);
	fill(s.bo.map, MIB, 2);
	CHECK(!pthread_create(&thread, NULL, takes, &churn));
	cmd_start(0, XG_CMD_UPDATE, GPA, SIZE, 1, 0);
	cmd_start(1, XG_CMD_UPDATE, VRAM, MIB, 2, 0);
	cmd_advance(0, 3);
	cmd_advance(1, 1);
	text = tool(0, "top", "-n", "2", "-d", "1.5", "--json");
	for (unsigned int i = 0; i < 2; i++) {
		line = our_line(json_parse(text, &rest), s.w);
		text = rest;
		CHECK_EQ(json_number(line, "domain"), xgt_guest.domid);
		CHECK_EQ(json_number(line, "bound_bytes"), SIZE + MIB);
		CHECK_EQ(json_number(line, "device_bytes"), MIB);
		CHECK(json_number(line, "ram_bytes") <= SIZE);
		CHECK(json_number(line, "faults_per_s") > 0);
		CHECK(json_number(line, "revokes_per_s") > 0);
		CHECK(json_number(line, "revoked_pages_per_s") > 0);
		CHECK_EQ(json_number(line, "failed_per_s"), 0);
		times_are(json_at(line, "fault"));
		times_are(json_at(line, "revoke"));
	}
	CHECK(!*text);
	text = tool(0, "top", "--batch", "--count", "2", "--delay", "2");
	fits(text);
	has(text, "1 guest, 2 windows");
	snprintf(want, sizeof(want), "%5d %4u  1.1M ", xgt_guest.domid, s.w);
	has(text, want);
	has(strstr(text, want) + 1, want);
	/* The mailbox's window and ours together. */
	snprintf(want, sizeof(want), "%5d  all  1.1M ", xgt_guest.domid);
	has(text, want);
	keep("top.txt", text);
	cmd_stop(0);
	cmd_stop(1);
	__atomic_store_n(&churn.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	/* Now nothing goes on. */
	line = our_line(json_parse(tool(0, "top", "-n", "1", "-d", "0.5",
					"--json"), NULL), s.w);
	CHECK_EQ(json_number(line, "faults_per_s"), 0);
	CHECK_EQ(json_number(line, "revokes_per_s"), 0);
	CHECK_EQ(json_number(line, "fault.count"), 0);
	CHECK(!json_has(line, "fault.p99_us"));
	CHECK(json_number(line, "faults") > 0);
}

/* --- what cannot be --------------------------------------------------------- */

static void bad_input(void)
{
	/* It has nothing to do, and would take the processor from us. */
	OK(guest_pause(&xgt_guest, true));
	REFUSES(2, "no such command: lst (xen-gpumem help lists them)", "lst");
	REFUSES(2, "no such option: --jason (xen-gpumem help status)",
		"status", "--jason");
	REFUSES(2, "'xl domid work' tells that of a name", "list", "work");
	REFUSES(2, "domain numbers are below 32752", "list", "40000");
	REFUSES(2, "it is called as: xen-gpumem lend [OPTION...] DOMID GPA FILE",
		"lend", domid());
	REFUSES(2, "is a multiple of 4096", "lend", domid(), "0x200200001",
		"memfd:4K");
	REFUSES(2, "/nowhere: No such file", "lend", domid(), hex(GPA),
		"/nowhere");
	REFUSES(2, "use --length", "lend", domid(), hex(GPA), "/dev/null");
	REFUSES(2, "inherited no such descriptor", "lend", domid(), hex(GPA),
		"fd:7");
	REFUSES(2, "no user 'nemo' in /etc/passwd; a number, or UID:GID, will do",
		"run", domid(), "--user", "nemo", "--", BACKEND);
	REFUSES(2, "a command is missing: xen-gpumem run DOMID -- COMMAND",
		"run", domid());
	REFUSES(2, "seconds above zero", "top", "-d", "0");
	OK(guest_pause(&xgt_guest, false));
}

/* What only Xen and a real guest can refuse. */
static void refused(void)
{
	struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_WINDOW_ADD,
		.gpa = XEN_GPUMEM_PARKED,
	};
	struct xen_gpumem_info info;
	char there[80], why[400];
	uint32_t w;

	OK(gm_info(xgt_dom, &info));
	OK(guest_pause(&xgt_guest, true));
	REFUSES(1, "cannot lend to domain 4242: there is no domain 4242 (ESRCH)",
		"lend", "4242", hex(GPA), "memfd:4K");
	REFUSES(1, "cannot lend to domain 0: domain 0 is this one, and a domain does not lend to itself (EPERM)",
		"lend", "0", hex(GPA), "memfd:4K");
	REFUSES(1, "(EPERM)", "run", "0", "--", BACKEND, "1", "2");
	REFUSES(1, "not the one of generation 99999", "run", "-g", "99999",
		domid(), "--", BACKEND, "1", "2");
	/* Over the guest's RAM, its platform, past its end, another window. */
	REFUSES(1, "no window there: something of the guest's is there: its RAM, say (EEXIST)",
		"lend", domid(), "16M", "memfd:4K");
	snprintf(there, sizeof(there), "no window there: window %u is there, at 0x%llx, of 0x",
		 xgt_box.window, XG_ARENA_BASE);
	REFUSES(1, there, "lend", domid(), hex(XG_ARENA_BASE), "memfd:4K");
	REFUSES(1, "(EADDRNOTAVAIL)", "lend", domid(), "0xfee00000",
		"memfd:4K");
	REFUSES(1, "(EADDRNOTAVAIL)", "lend", domid(), "0", "memfd:4K");
	REFUSES(1, "addresses end at ", "lend", domid(), hex(info.out_gpa_end),
		"memfd:4K");
	/* There is the mailbox's already. */
	a.length = info.out_max_window;
	ERR(xgm_window_add(xgt_dom, a.gpa, a.length, MMIO, &w), ENOSPC);
	CHECK(xgm_explain(xgt_dom, &a, ENOSPC, why, sizeof(why)) > 0);
	has(why, "the guest's windows have 0x");
	/* What is a file, and cannot be mapped. */
	REFUSES(1, "(ENODEV)", "lend", "-l", "4K", domid(), hex(GPA),
		"/dev/null");
	OK(guest_pause(&xgt_guest, false));
	CHECK_EQ(guest_read(GPA), ~0ULL);
}

static const struct xgt_test tests[] = {
	{ "U4-xen-status", "U4,U2", status, 0, 0 },
	{ "U4-xen-status-missing", "U4,U6", missing, 0, 0 },
	{ "U6-xen-unprivileged", "U6,U4", unprivileged, 0, 0 },
	{ "U4-xen-list", "U4,U2", list, XGT_GUEST | XGT_QXL, 0 },
	{ "U4-xen-list-json", "U4,U2", list_json, XGT_GUEST | XGT_QXL, 0 },
	{ "U4-xen-top", "U4,U2", top, XGT_GUEST | XGT_QXL, 0 },
	{ "U6-xen-bad-input", "U6,U2", bad_input, XGT_GUEST, 0 },
	{ "U6-xen-refused", "U6,U2", refused, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
