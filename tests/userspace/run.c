// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tool's commands that lend, and the example backend, on the mock: what the
 * guest sees of them, and what they leave behind.
 */
#include <grp.h>
#include <signal.h>

#include "us.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define BAR	(2 * MIB)
#define BUFFER	(64 * KIB)

static void start_backend(struct program *p)
{
	static char range[64];

	snprintf(range, sizeof(range), "%s+%s", hex(BASE), hex(BAR));
	program_start(p, (const char *const[]){
			TOOL, "run", "--user", "1000:1001", "7", "--range",
			range, "--max-windows", "2", "--max-bytes", "16M",
			"--", BACKEND, hex(BASE), hex(BAR), "60", NULL });
	program_says(p, "ready: user 1000, window ");
}

/* --- run ------------------------------------------------------------------- */

/* What it starts has the descriptor, and nothing else of root's. */
static void run(void)
{
	const struct json *h = NULL;
	struct program p;
	struct json *j;

	mock_begin(1);
	/* What the tool has of these, the command must not get. */
	CHECK(!setgroups(2, (const gid_t[]){ 5, 44 }));
	start_backend(&p);
	has(status_line(p.pid, "\nUid:\t"), "1000\t1000\t1000\t1000");
	has(status_line(p.pid, "\nGid:\t"), "1001\t1001\t1001\t1001");
	has_not(status_line(p.pid, "\nGroups:\t"), "44");
	has(status_line(p.pid, "\nCapEff:\t"), "0000000000000000");
	has(status_line(p.pid, "\nCapPrm:\t"), "0000000000000000");
	has(status_line(p.pid, "\nNoNewPrivs:\t"), "1");

	j = json_parse(tool(0, "list", "--json"), NULL);
	CHECK_EQ(json_length(j, "domains.0.holders"), 2);
	for (unsigned int i = 0; i < 2; i++) {
		const struct json *x = json_at(j, i ? "domains.0.holders.1" :
					       "domains.0.holders.0");

		if (json_number(x, "pid") == p.pid)
			h = x;
	}
	CHECK(h);
	CHECK(!strcmp(json_string(h, "command"), "xgm-backend"));
	CHECK(!strcmp(json_string(h, "rights"), "lend"));
	CHECK_EQ(json_number(h, "ranges"), 1);
	CHECK_EQ(json_number(h, "windows.used"), 1);
	CHECK_EQ(json_number(h, "windows.limit"), 2);
	CHECK_EQ(json_number(h, "bytes.limit"), 16 * MIB);
	CHECK_EQ(json_number(j, "domains.0.windows.0.owner"), p.pid);

	/* Its death gives everything back. */
	CHECK_EQ(g_read(BASE), 1ULL << 32);
	kill(p.pid, SIGKILL);
	CHECK_EQ(program_wait(&p), 128 + SIGKILL);
	EVENTUALLY(!mock_stats().out_windows);
	g_expect(BASE, READ, XGM_NOWINDOW);
	program_close(&p);
	mock_end();
}

static void run_failures(void)
{
	struct program p;

	mock_begin(1);
	program_start(&p, (const char *const[]){
			TOOL, "run", "4242", "--", BACKEND, "1", "2", NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "no descriptor for domain 4242: there is no domain 4242 (ESRCH)");
	program_close(&p);

	program_start(&p, (const char *const[]){
			TOOL, "run", "-g", "99999", "7", "--", BACKEND, NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "not the one of generation 99999");
	program_close(&p);

	/* Who may not open the node is told how it is meant to be done. */
	program_start_user(&p, (const char *const[]){
			TOOL, "run", "7", "--", BACKEND, "1", "2", NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "only root may open the device node");
	program_close(&p);

	/* The status is the command's own; so is what it is told. */
	program_start(&p, (const char *const[]){
			TOOL, "run", "7", "--range", "0x100000000+2M", "--",
			BACKEND, hex(BASE), hex(BAR), NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "does not lie in the descriptor's ranges");
	program_close(&p);
	program_start(&p, (const char *const[]){
			BACKEND, hex(BASE), hex(BAR), NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "start the program with xen-gpumem run");
	program_close(&p);
	mock_end();
}

/* --- the example ----------------------------------------------------------- */

static void buffer_is(uint64_t offset, uint64_t buffer, uint64_t first)
{
	for (uint64_t i = 0; i < BUFFER / PAGE; i++)
		CHECK_EQ(g_read(BASE + offset + i * PAGE),
			 buffer << 32 | (first + i));
}

static void backend(void)
{
	struct program p;

	mock_begin(1);
	start_backend(&p);
	/* A memfd, another buffer over its second half, both by address. */
	buffer_is(0, 1, 0);
	buffer_is(BUFFER, 2, 0);
	/* Memory with a binding of its own, a file by its descriptor. */
	buffer_is(BAR / 2, 4, 0);
	buffer_is(BAR / 2 + BUFFER, 1, BUFFER / PAGE);
	g_write(BASE + BUFFER, 77);
	CHECK_EQ(g_read(BASE + BUFFER), 77);
	/* Nothing bound: the device model's. */
	g_expect(BASE + BAR / 2 + 2 * BUFFER, READ, XGM_MMIO);
	/* Hidden in the arena, and never shown: told as events. */
	g_expect(BASE + 2 * BUFFER, READ, XGM_INJECTED);
	program_says(&p, "1 access (read) at 0x20000, 4096 bytes, failed: nothing is mapped");
	g_expect(BASE + BAR / 2 - PAGE, WRITE, XGM_INJECTED);
	program_says(&p, "(write) at 0xff000");
	mock_kill(true);
	CHECK_EQ(program_wait(&p), 0);
	has(program_out(&p), "event: the guest is gone\n");
	CHECK(!*program_err(&p));
	program_close(&p);
	mock_end();
}

/* --- lend ------------------------------------------------------------------ */

static void lend(void)
{
	char path[] = "/tmp/lend-XXXXXX";
	volatile uint64_t *p;
	struct program t;
	int file;

	mock_begin(1);
	file = mkstemp(path);
	CHECK(file >= 0 && !ftruncate(file, SIZE));
	p = map_shared(file, SIZE);
	stamp(p, SIZE, 500);
	program_start(&t, (const char *const[]){
			TOOL, "lend", "--offset", "0x1000", "7", hex(BASE),
			path, NULL });
	program_says(&t, "domain 7 has 28K of /tmp/lend-");
	CHECK_EQ(g_read(BASE), 501);
	g_write(BASE + PAGE, 9);
	CHECK_EQ(p[2 * PAGE / 8], 9);
	g_expect(BASE + 7 * PAGE, READ, XGM_NOWINDOW);
	/* The file shrinks under the guest. */
	CHECK(!ftruncate(file, 4 * PAGE));
	g_expect(BASE + 5 * PAGE, READ, XGM_INJECTED);
	program_says(&t, "1 access (read) at 0x5000, 4096 bytes, failed: ");
	kill(t.pid, SIGINT);
	CHECK_EQ(program_wait(&t), 0);
	has(program_out(&t), ", failed 1, pages lent ");
	CHECK(!*program_err(&t));
	program_close(&t);
	g_expect(BASE, READ, XGM_NOWINDOW);
	close(file);
	unlink(path);
	mock_end();
}

static void lend_more(void)
{
	struct program t;
	char last[80];

	mock_begin(1);
	/* Read-only, all pages at once; the guest ends it. */
	program_start(&t, (const char *const[]){
			TOOL, "lend", "-r", "-P", "7", hex(BASE), "memfd:32K",
			NULL });
	program_says(&t, "domain 7 has 32K of memfd:32K");
	CHECK_EQ(mock_stats().out_present, PAGES);
	g_expect(BASE, WRITE, XGM_INJECTED);
	mock_kill(true);
	CHECK_EQ(program_wait(&t), 0);
	has(program_out(&t), "the guest is gone");
	program_close(&t);
	mock_end();

	/* Why not is said in one line. */
	mock_begin(1);
	tool_run(1, (const char *const[]){
			TOOL, "lend", "7", "0x1000", "memfd:4K", NULL });
	program_start(&t, (const char *const[]){
			TOOL, "lend", "7", "0x1000", "memfd:4K", NULL });
	CHECK_EQ(program_wait(&t), 1);
	has(program_err(&t), "no window there: the addresses are special");
	has(program_err(&t), "(EADDRNOTAVAIL)");
	program_close(&t);
	snprintf(last, sizeof(last), "%s", hex(1ULL << 40));
	program_start(&t, (const char *const[]){
			TOOL, "lend", "7", last, "memfd:4K", NULL });
	CHECK_EQ(program_wait(&t), 1);
	has(program_err(&t), "addresses end at 0x10000000000 (ERANGE)");
	program_close(&t);
	mock_end();
}

/* What has no name is lent by its number; the caller's place in it is kept. */
static void lend_fd(void)
{
	int file = memfd_new(SIZE);
	volatile uint64_t *p = map_shared(file, SIZE);
	struct program t;

	mock_begin(1);
	stamp(p, SIZE, 700);
	CHECK_EQ(lseek(file, 5, SEEK_SET), 5);
	program_start_with(&t, (const char *const[]){
			TOOL, "lend", "-o", "4K", "7", hex(BASE), "fd:3",
			NULL }, file);
	program_says(&t, "domain 7 has 28K of fd:3");
	CHECK_EQ(g_read(BASE), 701);
	g_write(BASE, 11);
	CHECK_EQ(p[PAGE / 8], 11);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 5);
	kill(t.pid, SIGTERM);
	CHECK_EQ(program_wait(&t), 0);
	program_close(&t);
	mock_end();
}

static void lend_json(void)
{
	struct json *begin, *event, *end;
	struct program t;
	const char *rest;
	int file = memfd_new(SIZE);

	mock_begin(1);
	program_start_with(&t, (const char *const[]){
			TOOL, "lend", "--json", "--offset", "4K", "7",
			hex(BASE), "fd:3", NULL }, file);
	program_says(&t, "}\n");
	CHECK(!ftruncate(file, 2 * PAGE));
	g_expect(BASE + 2 * PAGE, WRITE, XGM_INJECTED);
	program_says(&t, "\"event\"");
	kill(t.pid, SIGINT);
	CHECK_EQ(program_wait(&t), 0);

	begin = json_parse(program_out(&t), &rest);
	CHECK(!strcmp(json_string(begin, "what"), "begin"));
	CHECK_EQ(json_number(begin, "domain"), MOCK_DOMID);
	CHECK_EQ(json_number(begin, "address"), BASE);
	CHECK_EQ(json_number(begin, "bytes"), SIZE - PAGE);
	CHECK_EQ(json_number(begin, "file_offset"), PAGE);
	CHECK(!strcmp(json_string(begin, "file"), "fd:3"));
	CHECK(!json_bool(begin, "readonly"));
	event = json_parse(rest, &rest);
	CHECK(!strcmp(json_string(event, "what"), "event"));
	CHECK(!strcmp(json_string(event, "type"), "fault"));
	CHECK_EQ(json_number(event, "count"), 1);
	CHECK_EQ(json_number(event, "offset"), 2 * PAGE);
	CHECK_EQ(json_number(event, "bytes"), PAGE);
	has(json_string(event, "access"), "write");
	CHECK(json_string(event, "error")[0] == 'E');
	end = json_parse(rest, &rest);
	CHECK(!strcmp(json_string(end, "what"), "end"));
	CHECK_EQ(json_number(end, "failed"), 1);
	CHECK(json_has(end, "mapped_pages"));
	CHECK(!*rest);
	CHECK(!*program_err(&t));
	program_close(&t);

	/* Why not is said as it is without, and nothing else is. */
	REFUSES(1, "no window there: the addresses are special", "lend", "-j",
		"7", "0x1000", "memfd:4K");
	mock_end();
}

/* --- selftest -------------------------------------------------------------- */

static void selftest(void)
{
	const char *text;
	struct program t;

	text = tool(0, "selftest");
	has(text, "ok   a guest that is not there is refused");
	has(text, "skip lending: no guest was named");
	has(text, "it works here, as far as can be seen without a guest; but on the mock");

	mock_begin(1);
	text = tool(0, "selftest", "--seconds", "1", "7");
	has(text, "ok   anonymous memory is taken back");
	has(text, "ok   a memfd is taken back");
	has(text, "ok   a descriptor is lent");
	has(text, "ok   over and over");
	has(text, "ok   nothing is left with the guest");
	has(text, "it works here; but on the mock");
	has_not(text, "FAIL");
	/* It was no pretence. */
	CHECK(mock_stats().out_mapped > 1000);
	CHECK(mock_stats().out_revoked > 1000);

	/* And it notices what does not work. */
	mock_inject(XGM_OP_MAP, EACCES, 0, ~0U);
	program_start(&t, (const char *const[]){
			TOOL, "selftest", "-s", "1", "7", NULL });
	CHECK_EQ(program_wait(&t), 1);
	has(program_out(&t), "FAIL anonymous memory is lent");
	has(program_err(&t), "it does not work here: ");
	program_close(&t);
	/* A guest that cannot be had is one line, like everything else. */
	program_start(&t, (const char *const[]){
			TOOL, "selftest", "4242", NULL });
	CHECK_EQ(program_wait(&t), 1);
	has(program_err(&t), "there is no domain 4242 (ESRCH)");
	CHECK_EQ(lines(program_err(&t)), 1);
	program_close(&t);
	mock_end();
}

/* Steps of a selftest that end so, and where its last line is. */
static unsigned int steps(const char *text, const char *result,
			  const struct json **end)
{
	const struct json *j = NULL;
	unsigned int n = 0;

	while (*text) {
		j = json_parse(text, &text);
		n += !strcmp(json_string(j, "what"), "step") &&
		     !strcmp(json_string(j, "result"), result);
	}
	CHECK(j && !strcmp(json_string(j, "what"), "end"));
	*end = j;
	return n;
}

static void selftest_json(void)
{
	const struct json *end;
	struct program t;
	const char *text;

	mock_begin(1);
	text = tool(0, "selftest", "--json", "-s", "0.1", "7");
	CHECK(steps(text, "ok", &end) > 10);
	CHECK_EQ(steps(text, "fail", &end), 0);
	CHECK(json_bool(end, "works") && json_bool(end, "guest") &&
	      json_bool(end, "mock"));
	has(text, "\"what\":\"turns\",");

	mock_inject(XGM_OP_MAP, EACCES, 0, ~0U);
	program_start(&t, (const char *const[]){
			TOOL, "selftest", "-j", "-s", "0.1", "7", NULL });
	CHECK_EQ(program_wait(&t), 1);
	CHECK(steps(program_out(&t), "fail", &end) > 0);
	CHECK(!json_bool(end, "works"));
	CHECK_EQ(json_number(end, "failed"),
		 steps(program_out(&t), "fail", &end));
	has(program_err(&t), "it does not work here: ");
	CHECK_EQ(lines(program_err(&t)), 1);
	program_close(&t);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U2-tool-run", "U2,L11", run, 0, 0 },
	{ "U6-tool-run-failures", "U6,U2", run_failures, 0, 0 },
	{ "U2-example-backend", "U2,L11", backend, 0, 0 },
	{ "U2-tool-lend", "U2", lend, 0, 0 },
	{ "U2-tool-lend-more", "U2,U6", lend_more, 0, 0 },
	{ "U2-tool-lend-fd", "U2", lend_fd, 0, 0 },
	{ "U2-tool-lend-json", "U2,U6", lend_json, 0, 0 },
	{ "U2-tool-selftest", "U2", selftest, 0, 0 },
	{ "U2-tool-selftest-json", "U2", selftest_json, 0, 0 },
};

XGT_MAIN(tests)
