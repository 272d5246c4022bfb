/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The library of the dom0 tests.
 *
 * A program is a table of tests.  Each runs in a process of its own with a
 * time limit, so that a crash or a hang is that test's failure only, and so
 * that whatever it opened is gone before the next one begins.  The guest is
 * kept from test to test; after a failure the next test gets a new one.
 *
 * Inside a test, CHECK() and its friends end it with a reason; they work in
 * processes that the test forked as well.  Nothing asserts a duration.
 */
#ifndef TESTS_LIB_XGT_H
#define TESTS_LIB_XGT_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xen/gpumem.h>
#include "lend.h"
#include "../guest/mailbox.h"

#define KIB	1024ULL
#define MIB	(1024ULL * KIB)
#define GIB	(1024ULL * MIB)
#define PAGE	4096ULL

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* --- harness.c ------------------------------------------------------------ */

/* What a test needs before it starts. */
#define XGT_GUEST	(1u << 0)	/* a guest, its domain fd, a mailbox */
#define XGT_BARE	(1u << 1)	/* a guest that nobody is attached to */
#define XGT_ENDS_GUEST	(1u << 2)	/* and leaves no guest behind */
#define XGT_QXL		(1u << 3)	/* a qxl card */
/*
 * It is the backend of XGT_GUEST, and has no privilege: what it needs of that,
 * the domain fd, it was handed.
 */
#define XGT_USER	(1u << 4)

struct xgt_test {
	const char *name;
	const char *reqs;
	void (*fn)(void);
	unsigned int flags;
	unsigned int limit;		/* xgt_limit(); zero: 120 */
};

/* The one that runs: for a function that serves several entries of a table. */
extern const struct xgt_test *xgt_running;
/* Option -n of the program: rounds of what tests repeat; zero: a few. */
extern unsigned int xgt_rounds;

int xgt_main(int argc, char **argv, const struct xgt_test *tests, size_t nr);

#define XGT_MAIN(tests)							\
int main(int argc, char **argv)						\
{									\
	return xgt_main(argc, argv, tests, ARRAY_SIZE(tests));		\
}

void xgt_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void xgt_skip(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), noreturn));
void xgt_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
double xgt_now(void);
double xgt_limit(double seconds);
void xgt_pause(double since);
void xgt_sleep_ms(unsigned int ms);

/* Fork; the child runs @fn and exits.  xgt_join() wants it to have passed. */
pid_t xgt_fork(void (*fn)(void *arg), void *arg);
void xgt_join(pid_t pid);
/* The same as an unprivileged user: no capability, no other fd needed. */
pid_t xgt_fork_user(void (*fn)(void *arg), void *arg);
void xgt_drop_privileges(void);
/* SIGKILL and reap a child. */
void xgt_kill(pid_t pid);
/* Run a program; its exit status, or -1.  @out may be NULL. */
int xgt_spawn(char *const argv[], char *out, size_t size);

#define FAIL(...)	xgt_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond) do {						\
	if (!(cond))							\
		FAIL("%s is not so", #cond);				\
} while (0)

/* @what becomes true, soon. */
#define EVENTUALLY(what) do {						\
	double __since = xgt_now();					\
									\
	while (!(what)) {						\
		if (xgt_now() > __since + xgt_limit(20))		\
			FAIL("%s does not come true", #what);		\
		xgt_pause(__since);					\
	}								\
} while (0)

#define CHECK_EQ(a, b) do {						\
	unsigned long long __a = (a), __b = (b);			\
									\
	if (__a != __b)							\
		FAIL("%s is 0x%llx (%lld), not %s = 0x%llx (%lld)",	\
		     #a, __a, (long long)__a, #b, __b, (long long)__b);	\
} while (0)

/* @call returns 0 or -errno. */
#define OK(call) do {							\
	long __r = (call);						\
									\
	if (__r)							\
		FAIL("%s: %s", #call, xgt_errname(-__r));		\
} while (0)

#define ERR(call, err) do {						\
	long __r = (call);						\
									\
	if (__r != -(err))						\
		FAIL("%s: %s, not %s", #call,				\
		     __r < 0 ? xgt_errname(-__r) : "no error", #err);	\
} while (0)

const char *xgt_errname(int err);

/* --- gpumem.c: the driver's calls; 0 or -errno ------------------------------ */

extern int xgt_dom;			/* domain fd of the test's guest */

int gm_node(void);			/* opens the node */
int gm_open_domain(int domid, struct xen_gpumem_open_domain *limits);
int gm_info(int fd, struct xen_gpumem_info *info);
int gm_window_add(int fd, uint64_t gpa, uint64_t length, uint32_t hole_policy,
		  uint32_t *window);
int gm_window_remove(int fd, uint32_t window);
int gm_window_move(int fd, uint32_t window, uint64_t gpa);
int gm_bind(int fd, uint32_t window, uint64_t offset, uint64_t length,
	    volatile void *address, uint32_t flags, uint32_t fail_policy);
int gm_bind_fd(int fd, uint32_t window, uint64_t offset, uint64_t length,
	       int source, uint64_t at, uint32_t flags, uint32_t fail_policy);
int gm_derive(int fd, struct xen_gpumem_derive *limits);
/* A fd that may lend, and no limits of its own. */
int gm_child(int fd);
/* The next event, if there is one: 1, 0 at the end, or -errno. */
int gm_event(int fd, struct xen_gpumem_event *event);
/* Send a fd through a socket, and receive it. */
void fd_send(int socket, int fd);
int fd_receive(int socket);
int gm_unbind(int fd, uint32_t window, uint64_t offset, uint64_t length);
int gm_populate(int fd, uint32_t window, uint64_t offset, uint64_t length,
		uint32_t flags, uint64_t *done);
int gm_query(int fd, uint32_t window, uint64_t offset, uint64_t length,
	     struct xen_gpumem_window_query *query);
/* Pages that the guest has in a range now. */
uint64_t gm_pages(int fd, uint32_t window, uint64_t offset, uint64_t length);

/* A window of xgt_dom with all of @map in it; the same at the usual place. */
uint32_t gm_lend_at(uint64_t gpa, volatile void *map, uint64_t length,
		    uint32_t flags);
uint32_t gm_lend(volatile void *map, uint64_t length, uint32_t flags);
/* Faults of a guest's window that have been served to the end. */
uint64_t gm_served(int domid, uint32_t window);

void gm_show(int fd, uint32_t window);

/* --- guest.c: the guest and its command server ------------------------------ */

/* Where tests put their windows; the mailbox is below. */
#define XGT_WINDOW	(XG_ARENA_BASE + 2 * MIB)

struct xgt_guest {
	char name[32];
	int domid;
	unsigned int vcpus;
};

extern struct xgt_guest xgt_guest;	/* the harness's; forked tests see it */

bool guest_start(struct xgt_guest *g, const char *name, unsigned int vcpus,
		 const char *extra_config);
/* The same, and it gets that number, which must be free. */
bool guest_start_as(struct xgt_guest *g, const char *name, unsigned int vcpus,
		    int domid);
bool guest_find(struct xgt_guest *g, const char *name, unsigned int vcpus);
void guest_destroy(struct xgt_guest *g);
bool guest_alive(const struct xgt_guest *g);
/* Wait until it is gone. */
void guest_gone(const struct xgt_guest *g, unsigned int seconds);
/* These two are in domctl.c. */
long guest_track(const struct xgt_guest *g, bool on);
long guest_pause(const struct xgt_guest *g, bool stop);

struct xgt_mailbox {
	volatile struct xg_mailbox *page;
	uint32_t window;
	int dom;
};

extern struct xgt_mailbox xgt_box;	/* of the test's guest */

/* Lend a mailbox to a guest and wait until all its vCPUs serve it. */
void box_open(struct xgt_mailbox *box, int dom, unsigned int vcpus);
void box_close(struct xgt_mailbox *box);

struct xgt_result {
	enum xg_status status;
	uint64_t v[XG_RESULTS];
};

/* Commands on xgt_box: start one, look, stop a loop, wait for the end. */
#define cmd_start(cpu, cmd, ...) \
	box_start(&xgt_box, cpu, cmd, (uint64_t[XG_ARGS]){ __VA_ARGS__ })
#define cmd_run(cpu, cmd, ...) \
	(cmd_start(cpu, cmd, __VA_ARGS__), cmd_wait(cpu))
/* The same, and it must succeed. */
#define cmd_ok(cpu, cmd, ...) \
	box_ok(cmd_run(cpu, cmd, __VA_ARGS__), #cmd, __FILE__, __LINE__)

void box_start(struct xgt_mailbox *box, unsigned int cpu, enum xg_cmd cmd,
	       const uint64_t arg[XG_ARGS]);
bool box_done(struct xgt_mailbox *box, unsigned int cpu);
struct xgt_result box_wait(struct xgt_mailbox *box, unsigned int cpu);
struct xgt_result box_ok(struct xgt_result result, const char *what,
			 const char *file, int line);
struct xgt_result cmd_wait(unsigned int cpu);
/* Stop a loop and wait for its results, which must be good. */
struct xgt_result cmd_stop(unsigned int cpu);
/* The same, whatever they are. */
struct xgt_result cmd_stop_any(unsigned int cpu);
uint64_t cmd_progress(unsigned int cpu);
/* Wait until a loop has made @more steps; fails if it ended. */
void cmd_advance(unsigned int cpu, uint64_t more);

/* Short forms that fail the test unless the guest's access went well. */
uint64_t guest_read(uint64_t gpa);
void guest_write(uint64_t gpa, uint64_t value);
/* The access must get an exception. */
void guest_read_faults(uint64_t gpa);
void guest_write_faults(uint64_t gpa);

/* --- backing.c: memory to lend ---------------------------------------------- */

#define POISON	0xdeadc0dedeadc0deULL

int memfd_new(uint64_t length);
volatile uint64_t *map_shared(int fd, uint64_t length);
volatile uint64_t *map_anon(uint64_t length);
void fill(volatile void *p, uint64_t length, uint64_t seed);
void fill_word(volatile void *p, uint64_t length, uint64_t word);
/* Fails the test at the first word that is not the pattern's. */
void verify(volatile void *p, uint64_t length, uint64_t seed);
void verify_word(volatile void *p, uint64_t length, uint64_t word);

/* Memory whose pages come only when the test says so. */
struct slow {
	int fd;
	volatile uint64_t *map;
};

void slow_new(struct slow *s, uint64_t length);
uint64_t slow_wait(struct slow *s);
void slow_serve(struct slow *s, uint64_t offset, uint64_t word);

/* --- fuse.c: a file that the test serves itself ---------------------------------- */

/* What becomes of a page that is asked for. */
enum served_state {
	SERVED_GIVE,
	SERVED_FAIL,		/* EIO, as of a broken disk */
	SERVED_HOLD,		/* nothing, until it is another state */
};

struct served {
	int fd;
	uint64_t length;
	pid_t server;
	volatile struct {
		uint32_t state;		/* enum served_state */
		uint32_t asked;		/* how often */
	} *page;			/* of each page, shared with the server */
};

/* A file of a pattern. */
void served_new(struct served *f, uint64_t length, uint64_t seed);

/* --- lend.c: the hypercall itself ------------------------------------------- */

long lend_raw(struct xen_lend_op *op);
long lend_op(struct xen_lend_op *op, uint16_t cmd, int domid, uint64_t gen);
/* Memory that the hypervisor can reach and that does not move. */
void *lend_buffer(size_t size);
long raw_hypercall(unsigned long op, unsigned long a0, unsigned long a1,
		   unsigned long a2, unsigned long a3, unsigned long a4);

/* raw.c: a lender without a driver, to the test's guest (XGT_BARE) */
struct xgt_raw {
	uint64_t generation, bar;	/* first frame of the card's */
	struct xen_lend_query query;
	struct xen_lend_extent *extents;
	struct xen_lend_fault *faults;
};

#define RAW_RW	(XEN_LEND_ATTR_WRITE | XEN_LEND_ATTR_NC)

extern struct xgt_raw xgt_raw;

long raw_op(struct xen_lend_op *op, uint16_t cmd);
void raw_query(void);
long raw_try_attach(void);
void raw_attach(void);
void raw_detach(void);
long raw_create(uint64_t gfn, uint64_t nr, uint32_t *id);
long raw_move(uint32_t id, uint64_t gfn);
long raw_destroy(uint32_t id);
long raw_map(uint32_t id, uint32_t nr, uint32_t *done);
long raw_map_one(uint32_t id, uint64_t index, uint64_t frame, uint32_t nr,
		 uint32_t attr);
void raw_fill(uint32_t id, uint32_t nr);
long raw_revoke(uint32_t id, uint64_t index, uint64_t nr, uint64_t *cleared);
uint64_t raw_take(uint32_t id, uint64_t index, uint64_t nr, uint32_t flags);
unsigned int raw_poll(uint32_t max, uint32_t flags, uint32_t *more);
struct xen_lend_fault raw_fault(void);
struct xen_lend_fault raw_fault_of(uint32_t vcpu);
long raw_resolve(uint32_t vcpu, uint32_t token, uint32_t action);
struct xen_lend_inspect raw_inspect(uint32_t id, uint64_t index);
volatile uint8_t *raw_mailbox(void);

/* The kernel's header for this one cannot be used outside of the kernel. */
struct privcmd_mmapbatch_v2 {
	unsigned int num;
	uint16_t dom;
	uint64_t addr;
	const uint64_t *arr;
	int *err;
};
#define IOCTL_PRIVCMD_MMAPBATCH_V2 \
	_IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_mmapbatch_v2))

/* debugkey.c */
void xen_debug_key(char key, char *out, size_t size);
void xen_lend_held(int *refs, int *types);

/* flask.c */
long flask_op(uint32_t cmd, bool enforcing);

/* domctl.c */
struct xen_domctl;
long xen_domctl(struct xen_domctl *op);
bool xen_dom0_is_pv(void);
long xen_domain_new(int domid, uint32_t flags);
void xen_domain_destroy(int domid);
int xen_borrower_new(uint32_t flags);
long xen_set_max_mem(int domid, uint64_t size);
uint32_t xen_log_end(void);
uint64_t xen_pool_size(int domid);
long xen_set_pool_size(int domid, uint64_t size);
uint64_t xen_pool_empty(int domid);
long xen_populate(int domid, uint64_t gfn);
long xen_depopulate(int domid, uint64_t gfn);
uint64_t xen_shared_info_frame(void);
uint64_t xen_own_frames(void);
uint64_t xen_frames_of(int domid);
bool xen_domain_there(int domid);
long xen_set_target(int domid, int target);
long xen_map_machine(int domid, uint64_t gfn, uint64_t mfn, bool add);
long xen_crash(int domid);
long xen_pin_vcpu(int domid, unsigned int vcpu, int cpu);

/* --- memcg.c: the kernel's memory on a process's behalf ------------------------- */

void memcg_begin(void);
void memcg_join(void);
uint64_t memcg_kernel(void);

/* --- ioreq.c: a device model --------------------------------------------------- */

struct dm {
	int domid;
	unsigned int vcpus;
	int privcmd, evtchn;
	uint16_t id;
	void *page;
	uint32_t port[XG_MAX_CPUS];
};

/* An access of a guest that waits for its answer. */
struct dm_request {
	unsigned int cpu;
	uint64_t gpa;
	uint32_t size;
	uint32_t count;		/* elements, of a string instruction */
	bool write;
	bool pointer;		/* @data is where in the guest's memory they are */
	uint64_t data;
};

void dm_new(struct dm *dm, const struct xgt_guest *guest);
void dm_free(struct dm *dm);
void dm_range(struct dm *dm, uint64_t gpa, uint64_t length, bool on);
bool dm_poll(struct dm *dm, struct dm_request *out, int ms);
struct dm_request dm_wait(struct dm *dm);
void dm_answer(struct dm *dm, const struct dm_request *req, uint64_t data);

/* --- export.c: the guest's memory as dma-bufs ---------------------------------- */

int ex_grants(int dom, const uint32_t *refs, uint32_t count, uint32_t flags,
	      struct xen_gpumem_export_grants *cmd);
int ex_frames(int dom, const struct xen_gpumem_frames *ranges, uint32_t nr,
	      uint32_t flags, struct xen_gpumem_export_frames *cmd);
/* These two must succeed. */
int ex_make(int dom, const uint32_t *refs, uint32_t count, uint32_t flags,
	    uint32_t *id);
int ex_make_frames(int dom, const struct xen_gpumem_frames *frames,
		   uint32_t nr, uint32_t flags, uint32_t *id);
int ex_revoke(int dom, uint32_t id);
int ex_query(int dom, uint32_t id, uint32_t flags,
	     struct xen_gpumem_export_query *q);
struct xen_gpumem_export_query ex_state(int dom, uint32_t id);
int ex_open(const struct xen_gpumem_range *ranges, uint32_t nr, uint32_t max,
	    uint64_t max_bytes);
volatile uint64_t *ex_map_read(int fd, uint64_t length);
/* The signal that an access gets, or zero. */
int touch_read(volatile uint64_t *p, volatile uint64_t *word);
int touched(volatile uint64_t *p);
int touch_write(volatile uint64_t *p);
/* Where the guest's commands find an area, and its references. */
#define XGT_SHARED(area)	(XG_SHARED_BASE + (area) * XG_SHARED_STRIDE)
uint32_t *guest_share(unsigned int area, uint32_t pages, bool writable);
uint32_t *guest_share_by(unsigned int area, uint32_t pages, uint32_t how);
struct xen_gpumem_frames *guest_frames(unsigned int area, uint32_t pages);
void guest_unshare(unsigned int area);

/* --- grant.c: grant references for dma-bufs ------------------------------------- */

int gr_grant(int dom, int fd, uint64_t offset, uint32_t count, uint32_t flags,
	     uint32_t *refs, struct xen_gpumem_grant *cmd);
uint32_t gr_all(int dom, int fd, uint32_t count, uint32_t flags,
		uint32_t *refs);
int gr_release(int dom, uint32_t id, uint32_t wait_ms, uint32_t *left);
int gr_open(uint32_t max);
/* References that a fd is charged for. */
uint64_t gr_used(int dom);
/* References of a guest's that the driver knows of, from any fd. */
uint64_t gr_left(int domid);

/* Grants that a guest has mapped, from an address of its own on. */
struct guest_map {
	struct xgt_mailbox *box;
	uint64_t gpa;
	uint32_t count;
	uint32_t *handles;
};

/* Xen's verdict: zero, or the first that is not (GNTST_*). */
int guest_map(struct guest_map *m, struct xgt_mailbox *box, uint64_t gpa,
	      const uint32_t *refs, uint32_t count, bool readonly);
void guest_must_map(struct guest_map *m, struct xgt_mailbox *box, uint64_t gpa,
		    const uint32_t *refs, uint32_t count);
void guest_unmap_some(struct guest_map *m, uint32_t first, uint32_t count);
void guest_unmap(struct guest_map *m);

/* --- qxl.c: a buffer in video memory ----------------------------------------- */

struct qxl_bo {
	uint32_t handle;
	uint64_t length;
	volatile uint64_t *map;
};

int qxl_open(void);			/* the card's fd, or -1 */
void qxl_new(int card, struct qxl_bo *bo, uint64_t length);
void qxl_free(int card, struct qxl_bo *bo);
/* Push everything of others out of video memory, then let go. */
void qxl_pressure(int card);
/* Have the driver bring a buffer into video memory. */
void qxl_bring_back(int card, struct qxl_bo *bo);
/* Needs no driver. */
const char *qxl_bar(uint64_t *start, uint64_t *end);

/* A buffer that is lent where large entries can hold it. */
struct qxl_lent {
	int card;
	struct qxl_bo bo;
	uint32_t window;
	uint64_t gpa;
	uint64_t off;			/* from a 2 MiB boundary, in pages */
};

void qxl_lend(struct qxl_lent *l, uint64_t length);
void qxl_lent_end(struct qxl_lent *l);

#endif
