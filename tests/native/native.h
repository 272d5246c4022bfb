/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The harness of the tests that run on the building machine itself.
 *
 * A test is a function that returns; the first CHECK() that fails in it is its
 * result, with the line and whatever the test has said about where it was.
 * Prints the same lines as the tests inside the emulated machine.
 */
#ifndef TESTS_NATIVE_H
#define TESTS_NATIVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct native_test {
	const char *name;
	const char *reqs;
	void (*fn)(void);
};

static jmp_buf native_end;
static char native_where[200];
static unsigned long native_checks;

/* Where the test is: shown if it fails.  Cheap only where it is not called. */
__attribute__((format(printf, 1, 2), unused))
static void native_at(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(native_where, sizeof(native_where), fmt, ap);
	va_end(ap);
}

#define CHECK(cond, ...) do {						\
	native_checks++;						\
	if (!(cond)) {							\
		native_at(" " __VA_ARGS__);				\
		printf("XG-INFO %s:%d: %s\n", __FILE__, __LINE__,	\
		       #cond);						\
		longjmp(native_end, __LINE__);				\
	}								\
} while (0)

/* Numbers that are the same in every run: a failure can be had again. */
__attribute__((unused))
static unsigned int native_random(unsigned int below)
{
	static unsigned long long state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % below;
}

static int native_main(const struct native_test *tests, size_t nr)
{
	volatile int failed = 0;

	for (volatile size_t i = 0; i < nr; i++) {
		clock_t since = clock();
		int line;

		printf("XG-TEST start %s %s\n", tests[i].name, tests[i].reqs);
		native_where[0] = '\0';
		native_checks = 0;
		line = setjmp(native_end);
		if (!line) {
			tests[i].fn();
			/* A test that has looked at nothing proves nothing. */
			line = native_checks ? 0 : -1;
		}
		printf("XG-TEST %s %s %.2f", line ? "fail" : "pass",
		       tests[i].name,
		       (double)(clock() - since) / CLOCKS_PER_SEC);
		if (line)
			printf(" line %d: %s", line, native_where);
		printf("\n");
		fflush(stdout);
		failed |= line;
	}
	return failed ? 1 : 0;
}

#endif /* TESTS_NATIVE_H */
