// SPDX-License-Identifier: MIT
/*
 * Writes JSON as it goes: members in the order of the calls.
 */
#include <inttypes.h>

#include "cli.h"

static void quoted(FILE *out, const char *s)
{
	putc('"', out);
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			/* Names of processes are bytes, of no known charset. */
			fprintf(out, "\\u%04x", c);
		else
			putc(c, out);
	}
	putc('"', out);
}

static void member(struct json *j, const char *key)
{
	if (j->some[j->depth])
		putc(',', j->out);
	j->some[j->depth] = true;
	if (!key)
		return;
	quoted(j->out, key);
	putc(':', j->out);
}

/* @bracket: '{' or '['; the outermost one, and members of lists, have no key */
void json_begin(struct json *j, const char *key, char bracket)
{
	member(j, key);
	putc(bracket, j->out);
	if (j->depth < ARRAY_SIZE(j->some) - 1)
		j->depth++;
	j->some[j->depth] = false;
}

void json_end(struct json *j, char bracket)
{
	putc(bracket, j->out);
	if (j->depth)
		j->depth--;
	if (!j->depth) {
		putc('\n', j->out);
		j->some[0] = false;
		fflush(j->out);
	}
}

void json_string(struct json *j, const char *key, const char *value)
{
	member(j, key);
	quoted(j->out, value);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	member(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_real(struct json *j, const char *key, double value)
{
	member(j, key);
	fprintf(j->out, "%.3f", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	member(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	member(j, key);
	fputs("null", j->out);
}
