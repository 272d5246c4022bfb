/* SPDX-License-Identifier: MIT */
/*
 * The command-line tool: what its files share.
 *
 *   main.c      table of commands, help, errors
 *   parse.c     what users type
 *   json.c      output for programs
 *   observe.c   what debugfs and /proc tell, as structures; holders.c: who has
 *               descriptors; buffers.c: who has dma-bufs of guests' pages
 *   tracing.c   the kernel's tracing; traceline.c: what it says
 *   status.c list.c top.c lend.c export.c run.c trace.c selftest.c
 *               a command each
 *   list-export.c list-grant.c   parts of list
 *   card.c      buffers of a graphics card, for lend
 *
 * A command returns the exit status: 0, FAILED, or BAD_INPUT after one line that
 * names the cause and what to do.
 */
#ifndef XEN_GPUMEM_CLI_H
#define XEN_GPUMEM_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <xengpumem.h>

#define FAILED		1
#define BAD_INPUT	2

#define PAGE		4096ULL
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

typedef unsigned long long ull;

struct command {
	const char *name;
	const char *arguments;
	const char *summary;
	const char *help;
	int (*run)(int argc, char **argv);
};

extern const struct command status_command, list_command, top_command,
	lend_command, export_command, run_command, trace_command,
	selftest_command;

/* main.c: print "xen-gpumem: ..." and return FAILED, or BAD_INPUT. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int bad(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, with what the library finds out about a call's error. */
int fail_call(const char *doing, int fd, const struct xgm_attempt *attempt,
	      int err);
/* Of the device node, which could not be opened. */
int fail_node(int err);
/* What getopt_long() refused: @opt is its result, '?' or ':'. */
int bad_option(char **argv, int opt);
/* Nothing may follow the options, or just so much must. */
int want_arguments(int argc, const char *what, int wanted);
/* Of a command that takes --json and nothing else. */
int only_json(int argc, char **argv, bool *json);

/* parse.c: 0, or BAD_INPUT after saying why. */
int parse_domid(const char *text, uint16_t *domid);
int parse_number(const char *what, const char *text, uint64_t min,
		 uint64_t max, uint64_t *number);
/* Bytes: K, M, G, T may follow. */
int parse_bytes(const char *what, const char *text, uint64_t *bytes);
int parse_address(const char *what, const char *text, uint64_t *address);
/* ADDRESS+LENGTH */
int parse_range(const char *text, uint32_t right,
		struct xen_gpumem_range *range);
/* FIRST+COUNT, of grant references */
int parse_refs_range(const char *text, struct xen_gpumem_range *range);
int parse_seconds(const char *what, const char *text, double *seconds);
int parse_policy(const char *text, uint32_t *policy);
/* card.c: is that the node of a graphics card (DRM)? */
bool card_is(int fd);
/*
 * A new buffer of that card's, of @bytes, a multiple of 4096.  Return: a dma-buf, the
 * caller's to close; -errno of the driver's; -EFBIG: so large is none
 */
int card_buffer(int card, uint64_t bytes);

/* What @n things end in. */
const char *plural(uint64_t n);
/* For people: 4 characters and a unit. */
const char *human(char buf[16], uint64_t bytes);
/* Likewise a time. */
const char *human_time(char buf[16], uint64_t us);
/* For people, too: what others have named, without what moves the cursor. */
const char *plain(char buf[64], const char *name);
double now(void);

/* json.c */
struct json {
	FILE *out;
	unsigned int depth;
	bool some[16];			/* there is a member before */
};

void json_begin(struct json *j, const char *key, char bracket);
void json_end(struct json *j, char bracket);
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
void json_real(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

#endif /* XEN_GPUMEM_CLI_H */
