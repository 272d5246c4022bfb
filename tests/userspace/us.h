/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library of the tests of userspace/: the mock's, and the tool as a process
 * whose output can be looked at while it runs.  Those that run on Xen, xen-*.c,
 * use nothing of the mock's, but tests/lib, which it stands on.
 */
#ifndef TESTS_USERSPACE_US_H
#define TESTS_USERSPACE_US_H

#include <xengpumem.h>

#include "../mock/mock.h"

#define TOOL		"/bin/xen-gpumem"
#define BACKEND		"/bin/xgm-backend"
#define FRONTEND	"/bin/xgm-frontend"
#define DEVICE		"/bin/xgm-device"

/* --- us.c: a program that runs ---------------------------------------------- */

struct program {
	pid_t pid;
	int out, err;			/* memfds */
};

/* Start it as root, or with a user's rights. */
void program_start(struct program *p, const char *const argv[]);
void program_start_user(struct program *p, const char *const argv[]);
/* The same as root, with a descriptor as its number 3. */
void program_start_with(struct program *p, const char *const argv[], int fd);
/* Wait for its end.  Return: exit status; 128 + signal */
int program_wait(struct program *p);
/* What it has printed so far: valid until the next call for the same. */
const char *program_out(struct program *p);
const char *program_err(struct program *p);
/* Wait until it has printed something. */
void program_says(struct program *p, const char *what);
void program_close(struct program *p);

/* Run the tool to its end, which must be @status.  Return: what it printed. */
#define tool(status, ...) \
	tool_run(status, (const char *const[]){ TOOL, __VA_ARGS__, NULL })
const char *tool_run(int status, const char *const argv[]);

/*
 * Run the tool, which must not do what it is told: it ends with @status, 1 or 2 by
 * whose fault it is, and prints nothing but one line, with @what in it.
 */
#define REFUSES(status, what, ...) \
	refuses(__LINE__, status, what, \
		(const char *const[]){ TOOL, __VA_ARGS__, NULL })
void refuses(int line, int status, const char *what,
	     const char *const argv[]);

/* xgm_explain() says @what of a call that is known to have failed so. */
#define SAYS(fd, err, what, ...) \
	says(__LINE__, fd, (struct xgm_attempt){ __VA_ARGS__ }, err, what)
void says(int line, int fd, struct xgm_attempt a, int err, const char *what);

unsigned int lines(const char *text);
/* No line may be wider than a terminal. */
void fits(const char *text);
/* For the documents: leave what a command printed in the run's folder, out/. */
void keep(const char *name, const char *text);
/* A number as an argument: the last eight are valid. */
const char *hex(uint64_t n);
/* The rest of a line of /proc/PID/status, of which @name is the beginning. */
const char *status_line(pid_t pid, const char *name);
/* @text must (not) contain @what. */
void has(const char *text, const char *what);
void has_not(const char *text, const char *what);

/* --- json.c ------------------------------------------------------------------- */

/* Parse the first value in @text; the rest, or NULL, goes to @rest. */
struct json *json_parse(const char *text, const char **rest);
/* By a path, "domains.0.windows.1.bytes"; fails the test if it is not there. */
const struct json *json_at(const struct json *j, const char *path);
bool json_has(const struct json *j, const char *path);
bool json_is_null(const struct json *j, const char *path);
double json_number(const struct json *j, const char *path);
const char *json_string(const struct json *j, const char *path);
bool json_bool(const struct json *j, const char *path);
unsigned int json_length(const struct json *j, const char *path);

#endif /* TESTS_USERSPACE_US_H */
