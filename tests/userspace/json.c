// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads JSON strictly: what another reader would refuse is refused here.
 *
 * Nothing is ever freed: a test's process ends soon.
 */
#include <ctype.h>

#include "us.h"

enum kind { J_NULL, J_BOOL, J_NUMBER, J_STRING, J_LIST, J_OBJECT };

struct json {
	enum kind kind;
	double number;
	char *string;
	char *key;			/* in an object */
	struct json *first, *next;	/* members */
};

static const char *at;

static struct json *value(void);

static void blank(void)
{
	while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')
		at++;
}

static void expect(char c)
{
	if (*at != c)
		FAIL("JSON: '%c' is missing at: %.60s", c, at);
	at++;
}

static char *string(void)
{
	char *s = calloc(1, strlen(at)), *to = s;
	unsigned int code;

	expect('"');
	while (*at != '"') {
		if ((unsigned char)*at < 0x20)
			FAIL("JSON: a string without an end");
		if (*at != '\\') {
			*to++ = *at++;
			continue;
		}
		at++;
		if (*at == 'u') {
			CHECK(sscanf(at + 1, "%4x", &code) == 1);
			*to++ = code;
			at += 5;
		} else {
			CHECK(strchr("\"\\/bfnrt", *at));
			*to++ = *at++;
		}
	}
	expect('"');
	return s;
}

static void members(struct json *j, bool object, char end)
{
	struct json **last = &j->first;
	char *key = NULL;

	at++;
	blank();
	while (*at != end) {
		if (object) {
			key = string();
			blank();
			expect(':');
		}
		*last = value();
		(*last)->key = key;
		last = &(*last)->next;
		blank();
		if (*at == end)
			break;
		expect(',');
		blank();
		/* No comma before the end. */
		CHECK(*at != end);
	}
	at++;
}

static bool word(const char *w)
{
	if (strncmp(at, w, strlen(w)))
		return false;
	at += strlen(w);
	return true;
}

static struct json *value(void)
{
	struct json *j = calloc(1, sizeof(*j));
	char *end;

	blank();
	if (*at == '{') {
		j->kind = J_OBJECT;
		members(j, true, '}');
	} else if (*at == '[') {
		j->kind = J_LIST;
		members(j, false, ']');
	} else if (*at == '"') {
		j->kind = J_STRING;
		j->string = string();
	} else if (word("true") || word("false")) {
		j->kind = J_BOOL;
		j->number = at[-2] == 'u';
	} else if (word("null")) {
		j->kind = J_NULL;
	} else {
		if (!isdigit((unsigned char)*at) && *at != '-')
			FAIL("JSON: no value at: %.60s", at);
		j->kind = J_NUMBER;
		j->number = strtod(at, &end);
		at = end;
	}
	return j;
}

struct json *json_parse(const char *text, const char **rest)
{
	struct json *j;

	at = text;
	j = value();
	blank();
	if (rest)
		*rest = at;
	else if (*at)
		FAIL("JSON: more after the end: %.60s", at);
	return j;
}

static const struct json *find(const struct json *j, const char *path)
{
	size_t len;

	while (j && *path) {
		const struct json *m = j->first;

		len = strcspn(path, ".");
		if (j->kind == J_LIST)
			for (long n = atol(path); m && n; n--)
				m = m->next;
		else
			while (m && (strlen(m->key) != len ||
				     strncmp(m->key, path, len)))
				m = m->next;
		j = m;
		path += len + (path[len] == '.');
	}
	return j;
}

const struct json *json_at(const struct json *j, const char *path)
{
	const struct json *found = find(j, path);

	if (!found)
		FAIL("JSON: there is no %s", path);
	return found;
}

bool json_has(const struct json *j, const char *path)
{
	return find(j, path);
}

static const struct json *kind_at(const struct json *j, const char *path,
				  enum kind kind)
{
	j = json_at(j, path);
	if (j->kind != kind)
		FAIL("JSON: %s is of kind %d, not %d", path, j->kind, kind);
	return j;
}

bool json_is_null(const struct json *j, const char *path)
{
	return json_at(j, path)->kind == J_NULL;
}

double json_number(const struct json *j, const char *path)
{
	return kind_at(j, path, J_NUMBER)->number;
}

const char *json_string(const struct json *j, const char *path)
{
	return kind_at(j, path, J_STRING)->string;
}

bool json_bool(const struct json *j, const char *path)
{
	return kind_at(j, path, J_BOOL)->number;
}

unsigned int json_length(const struct json *j, const char *path)
{
	const struct json *m = kind_at(j, path, J_LIST)->first;
	unsigned int n = 0;

	for (; m; m = m->next)
		n++;
	return n;
}
