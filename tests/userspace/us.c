// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs whose output is looked at, while they run and after.
 */
#include "us.h"

static char text[2][1 << 18];

static void start(struct program *p, const char *const argv[], bool user)
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
	for (int fd = 3; fd < 256; fd++)
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
	start(p, argv, false);
}

/**
 * program_start_user - start a program as an unprivileged user
 * @p: filled in
 * @argv: its path and arguments
 */
void program_start_user(struct program *p, const char *const argv[])
{
	start(p, argv, true);
}

/**
 * program_wait - wait for a program's end
 * @p: the program
 */
int program_wait(struct program *p)
{
	int status;

	if (waitpid(p->pid, &status, 0) != p->pid)
		FAIL("waitpid: %s", strerror(errno));
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
