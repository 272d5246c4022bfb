// SPDX-License-Identifier: GPL-2.0-only
/*
 * Run IGT tests inside the emulated dom0, and say so in test lines.
 *
 *   igt-run [-l LIST] BINARY:REQUIREMENTS...
 *
 * Each binary is asked for its subtests, and each of these is run by itself,
 * with a guest that XEN_GPUMEM_DOMID names.  A subtest is igt@BINARY@SUBTEST;
 * one that is made of dynamic subtests is all of these as well, as
 * igt@BINARY@SUBTEST@DYNAMIC.  With -l only those subtests that the file LIST
 * names, one a line; all of them must be there.
 *
 * A subtest has passed if IGT says SUCCESS and the exit status is zero.  The
 * guest is kept from subtest to subtest; there is a new one after a failure,
 * and after a subtest whose name begins with "guest-dies".
 */
#include "xg.h"

#include <poll.h>
#include <sys/wait.h>

#define GUEST		"igt"
#define LIMIT		180
#define EXIT_SKIP	77
#define ENDS_GUEST	"guest-dies"

/* What a subtest that is running has said. */
struct outcome {
	const char *name, *reqs;
	char sub[320];		/* the dynamic one that runs, or "" */
	char reason[300];
	bool wants_more;	/* of the reason: it goes on in the next line */
	bool success;
	double sub_since;
};

static char domid[16];

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static double pace(void)
{
	const char *text = getenv("XG_PACE");
	double factor = text ? atof(text) : 1;

	return factor > 1 ? factor : 1;
}

/* --- programs ------------------------------------------------------------- */

/* Start a program in a process group of its own; its output comes from *out. */
static pid_t start(char *const argv[], FILE **out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	fflush(NULL);
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	*out = fdopen(fds[0], "r");
	return pid;
}

static int reap(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

/* --- the guest ------------------------------------------------------------ */

static void guest_end(void)
{
	char *argv[][5] = {
		{ "xg-guest", "destroy", GUEST },
		{ "xg-guest", "wait", GUEST, "600" },
	};
	char line[256];
	FILE *out;

	if (!domid[0])
		return;
	for (int i = 0; i < 2; i++) {
		pid_t pid = start(argv[i], &out);

		while (fgets(line, sizeof(line), out))
			;
		fclose(out);
		reap(pid);
	}
	domid[0] = '\0';
}

static bool guest_there(void)
{
	char *argv[] = { "xg-guest", "start", GUEST, "2", "160", NULL };
	char line[256];
	FILE *out;
	pid_t pid;

	if (domid[0])
		return true;
	pid = start(argv, &out);
	while (fgets(line, sizeof(line), out)) {
		if (!strncmp(line, "XG-", 3))
			fputs(line, stdout);
		else if (atoi(line) > 0)
			snprintf(domid, sizeof(domid), "%d", atoi(line));
	}
	fclose(out);
	if (reap(pid))
		domid[0] = '\0';
	setenv("XEN_GPUMEM_DOMID", domid, 1);
	return domid[0];
}

/* --- what IGT says -------------------------------------------------------- */

static void verdict(const char *name, const char *verb, double since,
		    const char *reason)
{
	printf("XG-TEST %s %s %.2f%s%s\n", verb, name, now() - since,
	       *reason ? " " : "", reason);
}

static void sub_ends(struct outcome *o, const char *result)
{
	bool pass = !strncmp(result, "SUCCESS", 7);

	if (!o->sub[0])
		return;
	verdict(o->sub, pass ? "pass" :
		!strncmp(result, "SKIP", 4) ? "skip" : "fail",
		o->sub_since, pass ? "" : o->reason);
	o->sub[0] = '\0';
	o->reason[0] = '\0';
}

/* The first reason counts, and the line after it, which says it in words. */
static void note_reason(struct outcome *o, const char *line)
{
	static const char *const marks[] = {
		"Failed assertion: ", "Test requirement: ",
		"Received signal ",
	};
	const char *text = NULL;
	size_t used = strlen(o->reason);

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (!text)
			text = strstr(line, marks[i]);
	if (text && !used) {
		snprintf(o->reason, sizeof(o->reason), "%s", text);
		o->wants_more = true;
	} else if (o->wants_more) {
		text = strstr(line, "CRITICAL: ");
		snprintf(o->reason + used, sizeof(o->reason) - used, "; %s",
			 text ? text + 10 : line);
		o->wants_more = false;
	}
}

static void heed(struct outcome *o, const char *line)
{
	static const char starts[] = "Starting dynamic subtest: ";
	static const char dynamic[] = "Dynamic subtest ";
	static const char subtest[] = "Subtest ";
	const char *result = strstr(line, ": ");

	note_reason(o, line);
	if (!strncmp(line, starts, strlen(starts))) {
		snprintf(o->sub, sizeof(o->sub), "%s@%.60s", o->name,
			 line + strlen(starts));
		o->sub_since = now();
		printf("XG-TEST start %s %s\n", o->sub, o->reqs);
	} else if (!strncmp(line, dynamic, strlen(dynamic)) && result) {
		sub_ends(o, result + 2);
	} else if (!strncmp(line, subtest, strlen(subtest)) && result) {
		o->success = !strncmp(result + 2, "SUCCESS", 7);
	}
}

/* --- one subtest ---------------------------------------------------------- */

/* Pass on what it says, heeded, to its end; false if it had to be killed. */
static bool follow(struct outcome *o, FILE *out, double end)
{
	struct pollfd p = { .fd = fileno(out), .events = POLLIN };
	char line[1024];

	setvbuf(out, NULL, _IONBF, 0);
	for (;;) {
		double left = end - now();

		if (left <= 0 || poll(&p, 1, left * 1000) <= 0)
			return false;
		if (!fgets(line, sizeof(line), out))
			return true;
		line[strcspn(line, "\n")] = '\0';
		heed(o, line);
		printf("  %s\n", line);
	}
}

static void run_subtest(char *binary, char *subtest, const char *name,
			const char *reqs)
{
	char *argv[] = { binary, "--run-subtest", subtest, NULL };
	struct outcome o = { .name = name, .reqs = reqs };
	double since = now(), limit = LIMIT * pace();
	int status;
	bool ended;
	FILE *out;
	pid_t pid;

	printf("XG-TEST start %s %s\n", name, reqs);
	if (!guest_there()) {
		verdict(name, "fail", since, "the guest did not start");
		return;
	}
	since = now();
	pid = start(argv, &out);
	ended = follow(&o, out, since + limit);
	kill(-pid, SIGKILL);
	fclose(out);
	status = reap(pid);
	if (!ended)
		snprintf(o.reason, sizeof(o.reason), "no end after %.0f s",
			 limit);
	sub_ends(&o, "FAIL");
	if (ended && !status && o.success) {
		verdict(name, "pass", since, "");
	} else if (ended && WIFEXITED(status) &&
		   WEXITSTATUS(status) == EXIT_SKIP) {
		verdict(name, "skip", since, o.reason);
	} else {
		if (!o.reason[0])
			snprintf(o.reason, sizeof(o.reason), "wait status %#x",
				 status);
		verdict(name, "fail", since, o.reason);
		guest_end();
	}
	if (!strncmp(subtest, ENDS_GUEST, strlen(ENDS_GUEST)))
		guest_end();
}

/* --- which of them -------------------------------------------------------- */

/* Is there a line of the text that is the name?  It is crossed out. */
static bool cross_out(char *text, const char *name)
{
	size_t length = strlen(name);

	for (char *p = text; (p = strstr(p, name)); p += length)
		if ((p == text || p[-1] == '\n') && p[length] == '\n') {
			*p = '#';
			return true;
		}
	return false;
}

static char *read_file(const char *path)
{
	static char text[1 << 16];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = '\0';
	if (f)
		fclose(f);
	return n ? text : NULL;
}

/* What the runner's --only says, or NULL. */
static const char *only(void)
{
	static char line[4096], name[128];
	FILE *f = fopen("/proc/cmdline", "re");
	char *p = NULL;

	if (f && fgets(line, sizeof(line), f))
		p = strstr(line, "xg.only=");
	if (f)
		fclose(f);
	return p && sscanf(p, "xg.only=%127s", name) == 1 ? name : NULL;
}

static void run_binary(char *binary, const char *reqs, char *list)
{
	char *argv[] = { binary, "--list-subtests", NULL };
	static char subtests[256][96];
	const char *one = only();
	unsigned int nr = 0;
	char name[256];
	FILE *out;
	pid_t pid = start(argv, &out);

	while (nr < 256 && fgets(subtests[nr], sizeof(subtests[0]), out)) {
		subtests[nr][strcspn(subtests[nr], "\n")] = '\0';
		nr++;
	}
	fclose(out);
	if (reap(pid) || !nr) {
		snprintf(name, sizeof(name), "igt@%s", binary);
		printf("XG-TEST start %s %s\n", name, reqs);
		verdict(name, "fail", now(), "it does not list its subtests");
		return;
	}
	for (unsigned int i = 0; i < nr; i++) {
		snprintf(name, sizeof(name), "igt@%s@%s", binary, subtests[i]);
		if ((!list || cross_out(list, name)) &&
		    (!one || !strcmp(one, name)))
			run_subtest(binary, subtests[i], name, reqs);
	}
}

/* Lines that no subtest has crossed out. */
static void check_list(char *list)
{
	for (char *line = strtok(list, "\n"); line; line = strtok(NULL, "\n")) {
		if (*line == '#')
			continue;
		printf("XG-TEST start %s U3\n", line);
		verdict(line, "fail", now(), "there is no such subtest");
	}
}

int main(int argc, char **argv)
{
	char *list = NULL, text[16];
	int i = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && !strcmp(argv[1], "-l")) {
		list = read_file(argv[2]);
		if (!list) {
			fprintf(stderr, "igt-run: no list %s\n", argv[2]);
			return 1;
		}
		i = 3;
	}
	snprintf(text, sizeof(text), "%.1f", pace());
	setenv("XEN_GPUMEM_SLOW", text, 1);
	setenv("XEN_GPUMEM_GUEST_MAY_DIE", "1", 1);
	setenv("XEN_GPUMEM_CARD_MAY_GO", "1", 1);
	for (; i < argc; i++) {
		char *reqs = strchr(argv[i], ':');

		if (!reqs)
			continue;
		*reqs++ = '\0';
		run_binary(argv[i], reqs, list);
	}
	if (list)
		check_list(list);
	guest_end();
	return 0;
}
