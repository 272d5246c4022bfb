/* SPDX-License-Identifier: MIT */
/*
 * As much of IGT's interface as our tests use, for a machine that has the
 * library of a distribution (Debian's libigt.so.0) and not its headers.
 *
 * Not part of what goes into an IGT tree: there the tests find IGT's own
 * igt.h.  Written from what the library exports and what IGT documents; the
 * expansions are our own.
 *
 * IGT has had two forms of the blocks that take the place of main() and of set
 * up code.  Up to 2.2 they are words; in newer trees they look like calls:
 *
 *	igt_main { igt_fixture { } }
 *	int igt_main() { igt_fixture() { } }
 *
 * This header has the older one, or with -DIGT_COMPAT_NEWER the newer one, so
 * that both can be tried.  The tests are written in the newer form, and what
 * makes them fit an older tree is in igt_xen_gpumem.h, which does go with them.
 */
#ifndef IGT_COMPAT_H
#define IGT_COMPAT_H

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef IGT_LOG_DOMAIN
#define IGT_LOG_DOMAIN	NULL
#endif

#define IGT_PRINTF(fmt, args)	__attribute__((format(printf, fmt, args)))
#define IGT_NORETURN		__attribute__((noreturn))

#define IGT_JOIN2(a, b)		a##b
#define IGT_JOIN(a, b)		IGT_JOIN2(a, b)
#define IGT_LOCAL(name)		IGT_JOIN(igt_compat_##name##_, __LINE__)

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#endif

/* --- what a program is ---------------------------------------------------- */

#define IGT_TEST_DESCRIPTION(text) const char *__igt_test_description = text

int igt_subtest_init_parse_opts(int *argc, char **argv, const char *short_opts,
				const struct option *long_opts,
				const char *help,
				int (*handler)(int opt, int index, void *data),
				void *data);
void igt_exit(void) IGT_NORETURN;

void igt_compat_body(void);

#define IGT_COMPAT_MAIN							\
main(int argc, char **argv)						\
{									\
	igt_subtest_init_parse_opts(&argc, argv, NULL, NULL, NULL, NULL, \
				    NULL);				\
	igt_compat_body();						\
	igt_exit();							\
}									\
void igt_compat_body(void)

/* --- blocks: each runs once or not at all, and is left by a jump ---------- */

extern jmp_buf igt_subtest_jmpbuf, igt_dynamic_jmpbuf;

bool __igt_fixture(void);
void __igt_fixture_complete(void);
void __igt_fixture_end(void) IGT_NORETURN;
bool __igt_run_subtest(const char *name, const char *file, int line);
bool __igt_enter_dynamic_container(void);
bool __igt_run_dynamic_subtest(const char *name);
void igt_success(void);

#define IGT_COMPAT_FIXTURE						\
for (volatile bool IGT_LOCAL(once) = true;				\
     IGT_LOCAL(once) && __igt_fixture() &&				\
     !sigsetjmp(igt_subtest_jmpbuf, 1);					\
     IGT_LOCAL(once) = false, __igt_fixture_complete())

/* igt_success() jumps, too: the condition is not looked at a second time. */
#define igt_subtest(name)						\
for (; __igt_run_subtest(name, __FILE__, __LINE__) &&			\
       !sigsetjmp(igt_subtest_jmpbuf, 1);				\
     igt_success())

#define igt_subtest_with_dynamic(name)					\
for (; __igt_run_subtest(name, __FILE__, __LINE__) &&			\
       __igt_enter_dynamic_container() &&				\
       !sigsetjmp(igt_subtest_jmpbuf, 1);				\
     igt_success())

#define igt_dynamic(name)						\
for (; __igt_run_dynamic_subtest(name) &&				\
       !sigsetjmp(igt_dynamic_jmpbuf, 1);				\
     igt_success())

void igt_describe_f(const char *fmt, ...) IGT_PRINTF(1, 2);
#define igt_describe(text)	igt_describe_f("%s", text)

#ifdef IGT_COMPAT_NEWER
#define igt_main()		IGT_COMPAT_MAIN
#define igt_fixture()		IGT_COMPAT_FIXTURE
#else
#define igt_main		int IGT_COMPAT_MAIN
#define igt_fixture		IGT_COMPAT_FIXTURE
#endif

/* --- how a block ends ----------------------------------------------------- */

void igt_skip(const char *fmt, ...) IGT_PRINTF(1, 2) IGT_NORETURN;
void __igt_skip_check(const char *file, int line, const char *func,
		      const char *check, const char *fmt, ...)
	IGT_PRINTF(5, 6) IGT_NORETURN;
void __igt_fail_assert(const char *domain, const char *file, int line,
		       const char *func, const char *what, const char *fmt,
		       ...) IGT_PRINTF(6, 7) IGT_NORETURN;

#define igt_require(cond) do {						\
	if (!(cond))							\
		__igt_skip_check(__FILE__, __LINE__, __func__, #cond,	\
				 NULL);					\
} while (0)

#define igt_require_f(cond, ...) do {					\
	if (!(cond))							\
		__igt_skip_check(__FILE__, __LINE__, __func__, #cond,	\
				 __VA_ARGS__);				\
} while (0)

#define igt_assert(cond) do {						\
	if (!(cond))							\
		__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__,	\
				  __func__, #cond, NULL);		\
} while (0)

#define igt_assert_f(cond, ...) do {					\
	if (!(cond))							\
		__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__,	\
				  __func__, #cond, __VA_ARGS__);	\
} while (0)

#define IGT_COMPAT_COMPARE(type, fmt, a, op, b) do {			\
	type igt_left_ = (a), igt_right_ = (b);				\
	if (!(igt_left_ op igt_right_))					\
		__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__,	\
				  __func__, #a " " #op " " #b,		\
				  "values: " fmt ", " fmt "\n",		\
				  igt_left_, igt_right_);		\
} while (0)

#define igt_assert_eq(a, b)	IGT_COMPAT_COMPARE(int, "%d", a, ==, b)
#define igt_assert_neq(a, b)	IGT_COMPAT_COMPARE(int, "%d", a, !=, b)
#define igt_assert_lte(a, b)	IGT_COMPAT_COMPARE(int, "%d", a, <=, b)
#define igt_assert_eq_u64(a, b) \
	IGT_COMPAT_COMPARE(uint64_t, "%#" PRIx64, a, ==, b)
#define igt_assert_neq_u64(a, b) \
	IGT_COMPAT_COMPARE(uint64_t, "%#" PRIx64, a, !=, b)
#define igt_assert_lte_u64(a, b) \
	IGT_COMPAT_COMPARE(uint64_t, "%#" PRIx64, a, <=, b)

/* --- the rest ------------------------------------------------------------- */

enum igt_log_level {
	IGT_LOG_DEBUG,
	IGT_LOG_INFO,
	IGT_LOG_WARN,
};

void igt_log(const char *domain, enum igt_log_level level, const char *fmt,
	     ...) IGT_PRINTF(3, 4);
#define igt_debug(...)	igt_log(IGT_LOG_DOMAIN, IGT_LOG_DEBUG, __VA_ARGS__)
#define igt_info(...)	igt_log(IGT_LOG_DOMAIN, IGT_LOG_INFO, __VA_ARGS__)
#define igt_warn(...)	igt_log(IGT_LOG_DOMAIN, IGT_LOG_WARN, __VA_ARGS__)

/* A block in a child process; its failure is that of igt_waitchildren(). */
bool __igt_fork(void);
void igt_waitchildren(void);
void igt_kill_children(int signal);

#define igt_fork(child, count)						\
for (int child = 0; child < (count); child++)				\
	for (; __igt_fork(); exit(0))

/* One that is stopped by its parent. */
struct igt_helper_process {
	bool running;
	bool use_SIGKILL;
	pid_t pid;
	int id;
};

bool __igt_fork_helper(struct igt_helper_process *proc);
void igt_stop_helper(struct igt_helper_process *proc);
int igt_wait_helper(struct igt_helper_process *proc);

#define igt_fork_helper(proc) for (; __igt_fork_helper(proc); exit(0))

void igt_drop_root(void);

/* A file of a card's folder in debugfs, or a negative number. */
int igt_debugfs_open(int card, const char *name, int mode);

extern __thread int (*igt_ioctl)(int fd, unsigned long request, void *arg);

#define do_ioctl(fd, request, arg) do {					\
	igt_assert_eq(igt_ioctl(fd, request, arg), 0);			\
	errno = 0;							\
} while (0)

#endif
