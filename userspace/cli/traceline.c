// SPDX-License-Identifier: MIT
/*
 * What a line of the kernel's tracing says:
 *
 *         backend-1234    [001] d..1.  5678.901234: xen_gpumem_map: dom=7 window=64 ...
 *
 * The name at the left is what a process calls itself: 15 bytes of anything,
 * ends of lines and what looks like a trace point included.  So a line is read
 * from the right.  What a trace point prints are words and numbers of its own
 * making; the beginning of that, and with it all that stands before it, is
 * found by the last thing in the line that looks like one.  The end of a name
 * that was broken in two is a line that says nothing, and 15 bytes are too few
 * for one that says something.
 *
 * Fields are found by their names: a later driver may have more of them.  A
 * test (tests/consistent.py) holds the table to drivers/xen-gpumem/trace.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "tracing.h"

#define POINT		": xen_gpumem_"

/* What a trace point's name goes on with, what it is called here, its fields. */
static const struct kind {
	const char *point;
	const char *name;
	const char *fields;
} kinds[] = {
	[RECORD_FAULT] = { "fault", "fault", "dom vcpu window index access ret ns" },
	[RECORD_MAP] = { "map", "map", "dom window index frame attr frames done ret" },
	[RECORD_REVOKE] = { "revoke", "revoke", "dom window index nr cleared ns ret" },
	[RECORD_EVENT] = { "event", "event", "dom type window offset length error access" },
	[RECORD_ADD] = { "window_add", "add", "dom window gfn nr" },
	[RECORD_MOVE] = { "window_move", "move", "dom window gfn nr" },
	[RECORD_REMOVE] = { "window_remove", "remove", "dom window gfn nr" },
	[RECORD_BIND] = { "bind", "bind", "dom window index nr address flags" },
	[RECORD_UNBIND] = { "unbind", "unbind", "dom window index nr address flags" },
};

#define FIELD(name)	{ #name, offsetof(struct record, name) }

static const struct field {
	const char *name;
	size_t at;
} fields[] = {
	FIELD(dom), FIELD(window), FIELD(index), FIELD(nr), FIELD(gfn),
	FIELD(frame), FIELD(frames), FIELD(done), FIELD(cleared), FIELD(vcpu),
	FIELD(access), FIELD(attr), FIELD(address), FIELD(flags), FIELD(type),
	FIELD(offset), FIELD(length), FIELD(error), FIELD(ret), FIELD(ns),
};

const char *record_name(enum record_kind kind)
{
	return kind == RECORD_LOST ? "lost" : kinds[kind].name;
}

/* --- words ----------------------------------------------------------------- */

/* The bit of a field, by its name; zero if there is none. */
static uint32_t field_bit(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strlen(fields[i].name) == len &&
		    !strncmp(fields[i].name, name, len))
			return 1U << i;
	return 0;
}

/* Those that a kind has. */
static uint32_t kind_bits(const struct kind *kind)
{
	const char *word = kind->fields;
	uint32_t bits = 0;
	size_t len;

	for (; *word; word += len + (word[len] == ' ')) {
		len = strcspn(word, " ");
		bits |= field_bit(word, len);
	}
	return bits;
}

/* "NAME=NUMBER".  Return: the field's bit, or zero */
static uint32_t field_take(struct record *r, const char *word, size_t len)
{
	const char *sign = memchr(word, '=', len);
	uint64_t value;
	uint32_t bit;
	char *end;

	if (!sign)
		return 0;
	bit = field_bit(word, sign - word);
	/* A negative one is its complement: see struct record. */
	value = strtoull(sign + 1, &end, 0);
	if (!bit || end == sign + 1 || end != word + len)
		return 0;
	*(uint64_t *)((char *)r + fields[__builtin_ctz(bit)].at) = value;
	return bit;
}

static bool take_fields(struct record *r, const char *word)
{
	uint32_t wanted = kind_bits(&kinds[r->kind]), seen = 0;
	size_t len;

	for (; *word; word += len + (word[len] == ' ')) {
		len = strcspn(word, " ");
		seen |= field_take(r, word, len);
		if (len == strlen("downgrade") &&
		    !strncmp(word, "downgrade", len))
			r->downgrade = true;
	}
	return (seen & wanted) == wanted;
}

/* --- what stands before ---------------------------------------------------- */

/* Back from @at over characters of @set. */
static const char *back(const char *line, const char *at, const char *set)
{
	while (at > line && strchr(set, at[-1]))
		at--;
	return at;
}

/* Back from @at to just before the next @c, which must be there. */
static const char *back_before(const char *line, const char *at, char c)
{
	while (at > line && at[-1] != c)
		at--;
	return at > line ? at - 1 : NULL;
}

/* "NAME-PID [(TGID)] [CPU] FLAGS SECONDS.MICROSECONDS", up to @at */
static bool take_context(struct record *r, const char *line, const char *at)
{
	static const char digits[] = "0123456789";
	uint64_t s, us;

	at = back(line, at, "0123456789.");
	if (sscanf(at, "%" SCNu64 ".%6" SCNu64, &s, &us) != 2)
		return false;
	r->us = s * 1000000 + us;
	at = back(line, at, " ");
	/* They can be left out. */
	if (at > line && at[-1] != ']') {
		at = back_before(line, at, ' ');
		at = at ? back(line, at, " ") : line;
	}
	if (at == line || at[-1] != ']')
		return false;
	at = back(line, at - 1, digits);
	r->cpu = strtoul(at, NULL, 10);
	if (at == line || at[-1] != '[')
		return false;
	at = back(line, at - 1, " ");
	if (at > line && at[-1] == ')') {
		at = back_before(line, at, '(');
		at = at ? back(line, at, " ") : line;
	}
	at = back(line, at, digits);
	r->pid = strtol(at, NULL, 10);
	return at > line && at[-1] == '-';
}

/* -------------------------------------------------------------------------- */

/* The kernel's own words for records that nobody read in time. */
static bool is_lost(struct record *r, const char *line)
{
	int end = 0;

	r->kind = RECORD_LOST;
	if (sscanf(line, "CPU:%u [LOST %" SCNu64 " EVENTS]%n", &r->cpu,
		   &r->lost, &end) == 2 && end)
		return !line[end];
	r->lost = 0;
	if (sscanf(line, "CPU:%u [LOST EVENTS]%n", &r->cpu, &end) == 1 && end)
		return !line[end];
	return false;
}

static bool take_kind(struct record *r, const char *point, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strlen(kinds[i].point) == len &&
		    !strncmp(kinds[i].point, point, len)) {
			r->kind = i;
			return true;
		}
	return false;
}

int record_parse(const char *line, struct record *r)
{
	const char *at = NULL, *point;
	size_t len;

	memset(r, 0, sizeof(*r));
	if (is_lost(r, line))
		return 1;
	for (const char *p = line; (p = strstr(p, POINT)); p++)
		at = p;
	if (!at)
		return 0;
	point = at + strlen(POINT);
	len = strcspn(point, ":");
	if (strncmp(point + len, ": ", 2) || !take_kind(r, point, len) ||
	    !take_context(r, line, at) || !take_fields(r, point + len + 2))
		return -EBADMSG;
	return 1;
}
