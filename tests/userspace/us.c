// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs whose output is looked at, while they run and after.
 */
#include "us.h"

static char text[2][1 << 18];

/* @keep: what it gets as descriptor 3, or -1. */
static void start(struct program *p, const char *const argv[], bool user,
		  int keep)
{
	p->out = memfd_create("stdout", 0);
	p->err = memfd_create("stderr", 0);
	CHECK(p->out >= 0 && p->err >= 0);
	p->pid = fork();
	CHECK(p->pid >= 0);
	if (p->pid)
		return;
	/* Nothing but what a program gets from a shell. */
	dup2(open("/dev/null", O_RDWR), 0);
	dup2(p->out, 1);
	dup2(p->err, 2);
	if (keep >= 0 && dup2(keep, 3) < 0)
		_exit(126);
	/* dup2() of a number to itself leaves close-on-exec as it is. */
	if (keep == 3)
		fcntl(3, F_SETFD, 0);
	for (int fd = keep < 0 ? 3 : 4; fd < 256; fd++)
		close(fd);
	if (user)
		xgt_drop_privileges();
	execv(argv[0], (char *const *)argv);
	_exit(126);
}

/**
 * program_start - start a program
 * @p: filled in
 * @argv: its path and arguments
 */
void program_start(struct program *p, const char *const argv[])
{
	start(p, argv, false, -1);
}

/**
 * program_start_with - start a program that inherits a descriptor
 * @p: filled in
 * @argv: its path and arguments
 * @fd: what is its descriptor 3
 */
void program_start_with(struct program *p, const char *const argv[], int fd)
{
	start(p, argv, false, fd);
}

/**
 * program_start_user - start a program as an unprivileged user
 * @p: filled in
 * @argv: its path and arguments
 */
void program_start_user(struct program *p, const char *const argv[])
{
	start(p, argv, true, -1);
}

/* For a program that does not end: where it is. */
static const char *whereabouts(pid_t pid)
{
	static char text[80];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/wchan", pid);
	fd = open(path, O_RDONLY);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/**
 * program_wait - wait for a program's end, which must come
 * @p: the program
 */
int program_wait(struct program *p)
{
	double since = xgt_now();
	int status;

	while (waitpid(p->pid, &status, WNOHANG) != p->pid) {
		if (xgt_now() > since + xgt_limit(90))
			FAIL("it does not end, but is in %s and says: %s%s",
			     whereabouts(p->pid), program_out(p),
			     program_err(p));
		xgt_pause(since);
	}
	p->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	       128 + WTERMSIG(status);
}

static const char *content(int fd, char *to)
{
	ssize_t n = pread(fd, to, sizeof(text[0]) - 1, 0);

	CHECK(n >= 0);
	to[n] = '\0';
	return to;
}

/**
 * program_out - what a program has printed so far
 * @p: the program
 */
const char *program_out(struct program *p)
{
	return content(p->out, text[0]);
}

/**
 * program_err - what it has printed to its error output so far
 * @p: the program
 */
const char *program_err(struct program *p)
{
	return content(p->err, text[1]);
}

/**
 * program_says - wait until a program has printed something
 * @p: the program
 * @what: what
 */
void program_says(struct program *p, const char *what)
{
	double end = xgt_now() + xgt_limit(20);

	while (!strstr(program_out(p), what)) {
		if (xgt_now() > end)
			FAIL("it does not say '%s', but: %s%s", what,
			     program_out(p), program_err(p));
		xgt_sleep_ms(5);
	}
}

/**
 * program_close - forget a program that has ended
 * @p: the program
 */
void program_close(struct program *p)
{
	close(p->out);
	close(p->err);
}

/**
 * tool_run - run a program to its end
 * @status: exit status that it must have
 * @argv: its path and arguments
 */
const char *tool_run(int status, const char *const argv[])
{
	struct program p;
	int got;

	program_start(&p, argv);
	got = program_wait(&p);
	if (got != status)
		FAIL("%s %s: exit status %d, not %d: %s%s", argv[0], argv[1],
		     got, status, program_out(&p), program_err(&p));
	program_out(&p);
	program_err(&p);
	program_close(&p);
	return text[0];
}

/**
 * refuses - run the tool, which must refuse
 * @line: in the source, of the caller
 * @status: its exit status: 1 it cannot be done, 2 it makes no sense
 * @what: a part of the one line that it prints
 * @argv: its path and arguments
 */
void refuses(int line, int status, const char *what, const char *const argv[])
{
	struct program p;
	const char *err;
	int got;

	program_start(&p, argv);
	got = program_wait(&p);
	err = program_err(&p);
	if (got != status || lines(err) != 1 || *program_out(&p) ||
	    strncmp(err, "xen-gpumem: ", 12) || !strstr(err, what))
		FAIL("line %d: status %d, no '%s' in: %s%s", line, got, what,
		     err, program_out(&p));
	program_close(&p);
}

/**
 * says - what the library says of a call that is known to have failed
 * @line: in the source, of the caller
 * @fd: what it was made on
 * @a: the call
 * @err: its error
 * @what: a part of the text
 */
void says(int line, int fd, struct xgm_attempt a, int err, const char *what)
{
	char said[600];
	int n;

	a.size = sizeof(a);
	n = xgm_explain(fd, &a, -err, said, sizeof(said));
	if (n != (int)strlen(said) || !strstr(said, what))
		FAIL("line %d: %s: no '%s' in: %s", line, xgt_errname(err),
		     what, said);
}

/**
 * lines - how many lines a text has
 * @text: the text
 */
unsigned int lines(const char *text)
{
	unsigned int n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

/**
 * fits - no line of a text is wider than a terminal
 * @text: the text
 */
void fits(const char *text)
{
	size_t len;

	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (len > 80)
			FAIL("%zu columns: %.100s", len, text);
	}
}

void keep(const char *name, const char *text)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/xg/out/%s", name);
	f = fopen(path, "w");
	CHECK(f && fputs(text, f) >= 0 && !fclose(f));
}

/**
 * hex - a number as an argument for a program
 * @n: the number
 *
 * Return: valid until the eighth call after.
 */
const char *hex(uint64_t n)
{
	static char text[8][24];
	static unsigned int i;

	snprintf(text[++i % 8], sizeof(text[0]), "0x%llx",
		 (unsigned long long)n);
	return text[i % 8];
}

/**
 * status_line - what /proc/PID/status says of a process
 * @pid: the process
 * @name: of the line, with what separates it: "\nUid:\t"
 *
 * Return: the rest of the line, valid until the next call.
 */
const char *status_line(pid_t pid, const char *name)
{
	static char line[4096];
	char path[64], *at;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	n = read(fd, line, sizeof(line) - 1);
	CHECK(n > 0);
	line[n] = '\0';
	close(fd);
	at = strstr(line, name);
	CHECK(at);
	at += strlen(name);
	at[strcspn(at, "\n")] = '\0';
	return at;
}

/**
 * has - a text must contain something
 * @where: the text
 * @what: what
 */
void has(const char *where, const char *what)
{
	if (!strstr(where, what))
		FAIL("no '%s' in: %s", what, where);
}

/**
 * has_not - a text must not contain something
 * @where: the text
 * @what: what
 */
void has_not(const char *where, const char *what)
{
	if (strstr(where, what))
		FAIL("'%s' in: %s", what, where);
}
