/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library of the tests that run the driver on its mock hypervisor.
 *
 * On top of tests/lib: a domain made of software in place of a guest, threads
 * in place of its vCPUs, and injections of failures and delays.  Every test
 * starts with mock_begin() and ends with mock_end(), which looks for what the
 * driver did against the hypervisor's contract, and for anything left over.
 *
 * What these tests are for is what a real hypervisor does not do to order:
 * each failure at each point, each race held open.  They show nothing about
 * stale translations, real vCPUs or time, and so never stand in for a test on
 * Xen.
 */
#ifndef TESTS_MOCK_H
#define TESTS_MOCK_H

#include <linux/userfaultfd.h>
#include <pthread.h>

#include "../lib/xgt.h"
#include "../../drivers/xen-gpumem/tests/mock-uapi.h"

#define MOCK_DOMID	7
#define BASE		XGT_WINDOW

/* As Xen reports them: one of them, not both. */
#define READ		XEN_LEND_ACCESS_READ
#define WRITE		XEN_LEND_ACCESS_WRITE

extern int mock_ctl;			/* the control device */

/* A control device, a domain, and a domain fd for it in xgt_dom. */
void mock_begin(unsigned int vcpus);
void mock_begin_pool(unsigned int vcpus, unsigned int pool);
/* Closes the domain fd; nothing may be left, nothing may have been wrong. */
void mock_end(void);
uint64_t mock_create(unsigned int vcpus, unsigned int pool);
void mock_kill(bool gone);
int mock_open(uint64_t generation);
struct xgm_stats mock_stats(void);
/* The driver kept the contract so far. */
void mock_check(void);

/* --- injections --------------------------------------------------------- */

void mock_inject(enum xgm_op op, int err, unsigned int skip,
		 unsigned int times);
void mock_hold_later(enum xgm_op op, unsigned int skip);
static inline void mock_hold(enum xgm_op op)
{
	mock_hold_later(op, 0);
}

void mock_delay(enum xgm_op op, unsigned int us);
void mock_wait_held(enum xgm_op op);
void mock_release(enum xgm_op op);
uint64_t mock_calls(enum xgm_op op);
unsigned int mock_hits(enum xgm_op op);
void mock_bad_page(uint32_t window, uint64_t index, int err,
		   unsigned int times);
void mock_map_stop(unsigned int frames);
void mock_whole(void);
void mock_plug(uint64_t gpa, unsigned int pages);
void mock_poke(enum xgm_poke_what what, unsigned int vcpu);

/* Have the mock do something that the kernel should find. */
static inline void mock_do_wrong(enum xgm_wrong_what what)
{
	struct xgm_wrong w = { .what = what };

	if (ioctl(mock_ctl, XGM_WRONG, &w))
		FAIL("XGM_WRONG: %s", strerror(errno));
}

/* --- the guest ---------------------------------------------------------- */

struct xgm_access guest_access(unsigned int vcpu, uint64_t gpa,
			       uint32_t access, uint64_t value);
/* vCPU 0; the access must succeed. */
uint64_t g_read(uint64_t gpa);
void g_write(uint64_t gpa, uint64_t value);
/* vCPU 0; the access must end so. */
void g_expect(uint64_t gpa, uint32_t access, enum xgm_result result);
/* Does the guest have the page now, and may it write? */
bool g_has(uint32_t window, uint64_t index);
bool g_can_write(uint32_t window, uint64_t index);
uint64_t g_frame(uint32_t window, uint64_t index);
bool g_noncacheable(uint32_t window, uint64_t index);

/* An access by a thread of its own. */
struct mock_run {
	pthread_t thread;
	struct xgm_access access;
	int ret;
	int done;
};

void run_start(struct mock_run *run, unsigned int vcpu, uint64_t gpa,
	       uint32_t access, uint64_t value);
bool run_done(struct mock_run *run);
/* Wait for it; it must have ended so.  Return: the value. */
uint64_t run_join(struct mock_run *run, enum xgm_result result);
/* Wait until so many vCPUs wait. */
void wait_waiting(unsigned int vcpus);
/* Wait until no fault is left that may be served late. */
void wait_served(uint32_t window);

/* --- memory ------------------------------------------------------------- */

/* Window at BASE. */
uint32_t window_new(uint64_t length, uint32_t hole_policy);
/* The same with all of @p bound in it, failing by injection. */
uint32_t window_of(volatile void *p, uint64_t length);
/* Write to one of the kernel's files, or skip the test. */
void set_file(const char *path, const char *value);
/* Each page begins with a word of its own: seed + number. */
void stamp(volatile void *p, uint64_t length, uint64_t seed);

/* Memory whose pages come when uffd_give() says so. */
struct uffd {
	int fd;
	volatile uint64_t *map;
	uint64_t length;
};

void uffd_new(struct uffd *u, uint64_t length);
/* Wait until somebody wants a page.  Return: its number. */
uint64_t uffd_wanted(struct uffd *u);
void uffd_give(struct uffd *u, uint64_t page, uint64_t word);

/* Call a function in a thread, and see whether it has returned. */
struct mock_call {
	pthread_t thread;
	void (*fn)(void *arg);
	void *arg;
	int done;
};

void call_start(struct mock_call *call, void (*fn)(void *arg), void *arg);
bool call_done(struct mock_call *call);
void call_join(struct mock_call *call);

#endif /* TESTS_MOCK_H */
