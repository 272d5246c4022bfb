// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library of the tests that run the driver on its mock hypervisor.
 */
#include <poll.h>
#include <sys/syscall.h>

#include "mock.h"

/* Long enough for an emulated machine; a vCPU that waits longer hangs. */
#define HANG_MS		(int)(xgt_limit(20) * 1000)
/* What was stopped goes on after this; who waits for it to stop, before. */
#define HOLD_MS		(int)(xgt_limit(10) * 1000)
#define HELD_MS		(int)(xgt_limit(8) * 1000)

int mock_ctl = -1;

/* Faults that the driver had fetched when the last window was made. */
static uint64_t polled_before;

static int ctl(unsigned long nr, void *arg)
{
	return ioctl(mock_ctl, nr, arg) < 0 ? -errno : 0;
}

/* --- the domain --------------------------------------------------------- */

/**
 * mock_create - make the domain
 * @vcpus: how many
 * @pool: page tables that it has; zero: plenty
 *
 * Return: its generation
 */
uint64_t mock_create(unsigned int vcpus, unsigned int pool)
{
	struct xgm_create c = {
		.domid = MOCK_DOMID, .vcpus = vcpus, .pool = pool,
	};

	OK(ctl(XGM_CREATE, &c));
	return c.out_generation;
}

/**
 * mock_open - make a domain fd
 * @generation: what is expected, or zero
 *
 * Return: the fd or -errno
 */
int mock_open(uint64_t generation)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .generation = generation,
	};

	return gm_open_domain(MOCK_DOMID, &limits);
}

/**
 * mock_begin_pool - begin a test with a paging pool of some size
 * @vcpus: how many
 * @pool: page tables
 */
void mock_begin_pool(unsigned int vcpus, unsigned int pool)
{
	mock_ctl = open("/dev/xen/gpumem-mock", O_RDWR | O_CLOEXEC);
	if (mock_ctl < 0)
		xgt_skip("no mock hypervisor: %s", strerror(errno));
	mock_create(vcpus, pool);
	xgt_dom = mock_open(0);
	if (xgt_dom < 0)
		FAIL("opening the domain: %s", xgt_errname(-xgt_dom));
}

/**
 * mock_begin - begin a test
 * @vcpus: how many the domain has
 */
void mock_begin(unsigned int vcpus)
{
	mock_begin_pool(vcpus, 0);
}

/**
 * mock_kill - end the domain
 * @gone: whether nothing is left; else it begins to die
 */
void mock_kill(bool gone)
{
	struct xgm_kill k = { .domid = MOCK_DOMID, .gone = gone };

	OK(ctl(XGM_KILL, &k));
}

/**
 * mock_stats - the domain's counters
 */
struct xgm_stats mock_stats(void)
{
	struct xgm_stats s = { .domid = MOCK_DOMID };

	OK(ctl(XGM_STATS, &s));
	return s;
}

/**
 * mock_check - fail if the driver has broken the hypervisor's contract
 */
void mock_check(void)
{
	struct xgm_stats s = mock_stats();

	if (s.out_violations)
		FAIL("%u violations, the last one found in line %u of the mock",
		     s.out_violations, s.out_why);
}

/* Close all domain fds that this process has, those it has forgotten too. */
static void close_all(void)
{
	char path[32], name[64];
	ssize_t n;

	for (int fd = 3; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, name, sizeof(name) - 1);
		if (n < 0)
			continue;
		name[n] = '\0';
		if (strstr(name, "[xen-gpumem]"))
			close(fd);
	}
}

/**
 * mock_end - end a test
 */
void mock_end(void)
{
	struct xgm_kill k = { .domid = MOCK_DOMID };
	struct xgm_stats s = { .domid = MOCK_DOMID };

	close_all();
	/* A test may have ended the domain by itself. */
	if (ctl(XGM_STATS, &s))
		return;
	mock_check();
	CHECK_EQ(s.out_attached, 0);
	CHECK_EQ(s.out_windows, 0);
	CHECK_EQ(s.out_present, 0);
	CHECK_EQ(s.out_pool_used, 0);
	CHECK_EQ(s.out_waiting, 0);
	CHECK_EQ(s.out_severs, 0);
	k.gone = 1;
	OK(ctl(XGM_KILL, &k));
}

/* --- injections --------------------------------------------------------- */

/**
 * mock_inject - make an operation fail
 * @op: which
 * @err: with what
 * @skip: after so many calls
 * @times: so often
 */
void mock_inject(enum xgm_op op, int err, unsigned int skip,
		 unsigned int times)
{
	struct xgm_inject i = {
		.op = op, .err = err, .skip = skip, .times = times,
	};

	OK(ctl(XGM_INJECT, &i));
}

/**
 * mock_hold_later - make a call of an operation stop at its beginning
 * @op: which
 * @skip: after so many
 */
void mock_hold_later(enum xgm_op op, unsigned int skip)
{
	struct xgm_inject i = {
		.op = op, .skip = skip, .times = 1, .hold_ms = HOLD_MS,
	};

	OK(ctl(XGM_INJECT, &i));
}

/**
 * mock_delay - make all calls of an operation slow
 * @op: which
 * @us: microseconds, spent with the lock held that the call is made with
 */
void mock_delay(enum xgm_op op, unsigned int us)
{
	struct xgm_inject i = { .op = op, .times = ~0U, .delay_us = us };

	OK(ctl(XGM_INJECT, &i));
}

/**
 * mock_wait_held - wait until a call has stopped
 * @op: which
 */
void mock_wait_held(enum xgm_op op)
{
	struct xgm_state s = { .op = op, .wait_held_ms = HELD_MS };

	OK(ctl(XGM_STATE, &s));
	CHECK(s.out_held);
}

/**
 * mock_release - let it go on
 * @op: which
 */
void mock_release(enum xgm_op op)
{
	struct xgm_state s = { .op = op };

	OK(ctl(XGM_STATE, &s));
	/* It gives up by itself after a while: then nothing was shown. */
	CHECK(s.out_held);
	OK(ctl(XGM_RELEASE, &s));
}

/**
 * mock_calls - calls of an operation since its injection was set
 * @op: which
 */
uint64_t mock_calls(enum xgm_op op)
{
	struct xgm_state s = { .op = op };

	OK(ctl(XGM_STATE, &s));
	return s.out_calls;
}

/**
 * mock_hits - how often an injection took effect
 * @op: which
 */
unsigned int mock_hits(enum xgm_op op)
{
	struct xgm_state s = { .op = op };

	OK(ctl(XGM_STATE, &s));
	return s.out_hits;
}

static void tune(struct xgm_tune t)
{
	t.domid = MOCK_DOMID;
	OK(ctl(XGM_TUNE, &t));
}

/**
 * mock_bad_page - make the mapping of one page fail
 * @window: id
 * @index: page in it
 * @err: with what
 * @times: so often
 */
void mock_bad_page(uint32_t window, uint64_t index, int err,
		   unsigned int times)
{
	tune((struct xgm_tune){ .bad_window = window, .bad_index = index,
			.bad_err = err, .bad_times = times });
}

/**
 * mock_map_stop - make map stop early
 * @frames: after so many; zero: not any more
 */
void mock_map_stop(unsigned int frames)
{
	tune((struct xgm_tune){ .map_stop = frames });
}

/**
 * mock_whole - make downgrades take whole pages
 */
void mock_whole(void)
{
	tune((struct xgm_tune){ .whole = 1 });
}

/**
 * mock_plug - have the guest put its own pages somewhere
 * @gpa: where
 * @pages: how many; zero: none any more
 */
void mock_plug(uint64_t gpa, unsigned int pages)
{
	struct xgm_plug p = {
		.domid = MOCK_DOMID, .nr = pages, .gfn = gpa / PAGE,
	};

	OK(ctl(XGM_PLUG, &p));
}

/**
 * mock_poke - something happens to the domain
 * @what: what
 * @vcpu: to which vCPU
 */
void mock_poke(enum xgm_poke_what what, unsigned int vcpu)
{
	struct xgm_poke p = {
		.domid = MOCK_DOMID, .what = what, .vcpu = vcpu,
	};

	OK(ctl(XGM_POKE, &p));
}

/* --- the guest ---------------------------------------------------------- */

/* A domain that is not there any more has no vCPU to speak of. */
static int run_access(struct xgm_access *a)
{
	int ret = ctl(XGM_ACCESS, a);

	if (ret == -ESRCH) {
		a->out_result = XGM_DEAD;
		ret = 0;
	}
	return ret;
}

/**
 * guest_access - access guest memory as a vCPU
 * @vcpu: which
 * @gpa: where
 * @access: how
 * @value: what, for a write
 */
struct xgm_access guest_access(unsigned int vcpu, uint64_t gpa,
			       uint32_t access, uint64_t value)
{
	struct xgm_access a = {
		.domid = MOCK_DOMID, .vcpu = vcpu, .gpa = gpa,
		.access = access, .value = value, .timeout_ms = HANG_MS,
	};

	OK(run_access(&a));
	return a;
}

static const char *result_name(uint32_t result)
{
	static const char *const names[] = {
		"done", "injected", "mmio", "no window", "the guest's own",
		"hung", "dead",
	};

	return result < ARRAY_SIZE(names) ? names[result] : "?";
}

static void check_result(const struct xgm_access *a, enum xgm_result want)
{
	if (a->out_result != want)
		FAIL("vCPU %u at 0x%llx, access %x: %s, not %s (%u faults)",
		     a->vcpu, a->gpa, a->access, result_name(a->out_result),
		     result_name(want), a->out_faults);
}

/**
 * g_read - read a word as vCPU 0
 * @gpa: where
 */
uint64_t g_read(uint64_t gpa)
{
	struct xgm_access a = guest_access(0, gpa, READ, 0);

	check_result(&a, XGM_DONE);
	return a.value;
}

/**
 * g_write - write a word as vCPU 0
 * @gpa: where
 * @value: what
 */
void g_write(uint64_t gpa, uint64_t value)
{
	struct xgm_access a = guest_access(0, gpa, WRITE, value);

	check_result(&a, XGM_DONE);
}

/**
 * g_expect - an access of vCPU 0 must end in some way
 * @gpa: where
 * @access: how
 * @result: the end
 */
void g_expect(uint64_t gpa, uint32_t access, enum xgm_result result)
{
	struct xgm_access a = guest_access(0, gpa, access, 1);

	check_result(&a, result);
}

static struct xgm_inspect inspect(uint32_t window, uint64_t index)
{
	struct xgm_inspect i = {
		.domid = MOCK_DOMID, .window = window, .index = index,
	};

	OK(ctl(XGM_INSPECT, &i));
	return i;
}

/**
 * g_has - does the guest have a page?
 * @window: id
 * @index: page in it
 */
bool g_has(uint32_t window, uint64_t index)
{
	return inspect(window, index).out_frame != ~0ULL;
}

/**
 * g_can_write - may the guest write a page that it has?
 * @window: id
 * @index: page in it
 */
bool g_can_write(uint32_t window, uint64_t index)
{
	return inspect(window, index).out_attr & XEN_LEND_ATTR_WRITE;
}

/**
 * g_frame - which frame the guest has for a page
 * @window: id
 * @index: page in it
 *
 * Return: as the mock counts, see hv-mock.h; ~0: none
 */
uint64_t g_frame(uint32_t window, uint64_t index)
{
	return inspect(window, index).out_frame;
}

/**
 * g_noncacheable - does the guest have a page, and not cacheable?
 * @window: id
 * @index: page in it
 */
bool g_noncacheable(uint32_t window, uint64_t index)
{
	return inspect(window, index).out_attr & XEN_LEND_ATTR_NC;
}

static void *run_thread(void *arg)
{
	struct mock_run *run = arg;

	run->ret = run_access(&run->access);
	__atomic_store_n(&run->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/**
 * run_start - begin an access in a thread of its own
 * @run: filled in
 * @vcpu: which
 * @gpa: where
 * @access: how
 * @value: what, for a write
 */
void run_start(struct mock_run *run, unsigned int vcpu, uint64_t gpa,
	       uint32_t access, uint64_t value)
{
	*run = (struct mock_run){
		.access = {
			.domid = MOCK_DOMID, .vcpu = vcpu, .gpa = gpa,
			.access = access, .value = value,
			.timeout_ms = HANG_MS,
		},
	};
	if (pthread_create(&run->thread, NULL, run_thread, run))
		FAIL("no thread");
}

/**
 * run_done - has it ended?
 * @run: the access
 */
bool run_done(struct mock_run *run)
{
	return __atomic_load_n(&run->done, __ATOMIC_ACQUIRE);
}

/**
 * run_join - wait for its end
 * @run: the access
 * @result: how it must have ended
 */
uint64_t run_join(struct mock_run *run, enum xgm_result result)
{
	pthread_join(run->thread, NULL);
	OK(run->ret);
	check_result(&run->access, result);
	return run->access.value;
}

/**
 * wait_waiting - wait until some vCPUs wait
 * @vcpus: how many
 */
void wait_waiting(unsigned int vcpus)
{
	EVENTUALLY(mock_stats().out_waiting == vcpus);
}

/**
 * wait_served - wait until all faults are dealt with that the driver has
 * @window: window_new()'s last, the only one touched since; no vCPU waits
 *
 * A vCPU runs as soon as its page is there, be it by the fault of another one
 * or on a neighbour.  Its own fault may be served later, and rightly brings the
 * page in again if it was taken meanwhile.
 */
void wait_served(uint32_t window)
{
	EVENTUALLY(gm_served(MOCK_DOMID, window) ==
		   mock_stats().out_polled - polled_before);
}

/* --- memory ------------------------------------------------------------- */

/**
 * window_new - make a window at BASE
 * @length: bytes
 * @hole_policy: what unbound parts do
 */
uint32_t window_new(uint64_t length, uint32_t hole_policy)
{
	uint32_t window;

	OK(gm_window_add(xgt_dom, BASE, length, hole_policy, &window));
	polled_before = mock_stats().out_polled;
	return window;
}

/**
 * window_of - make a window at BASE and bind memory all over it
 * @p: the memory
 * @length: bytes
 */
uint32_t window_of(volatile void *p, uint64_t length)
{
	uint32_t window = window_new(length, XEN_GPUMEM_POLICY_MMIO);

	OK(gm_bind(xgt_dom, window, 0, length, p, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	return window;
}

/**
 * set_file - write to one of the kernel's files, or skip the test
 * @path: which
 * @value: what
 */
void set_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		xgt_skip("%s: %s", path, strerror(errno));
	close(fd);
}

/**
 * stamp - give each page a first word of its own
 * @p: the memory
 * @length: bytes
 * @seed: word of the first page; then one more each
 */
void stamp(volatile void *p, uint64_t length, uint64_t seed)
{
	volatile uint64_t *w = p;

	for (uint64_t i = 0; i < length / PAGE; i++)
		w[i * PAGE / 8] = seed + i;
}

/**
 * uffd_new - make memory whose pages come by hand
 * @u: filled in
 * @length: bytes
 */
void uffd_new(struct uffd *u, uint64_t length)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	u->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (u->fd < 0 || ioctl(u->fd, UFFDIO_API, &api))
		xgt_skip("no userfaultfd: %s", strerror(errno));
	u->map = map_anon(length);
	u->length = length;
	reg.range.start = (uintptr_t)u->map;
	reg.range.len = length;
	if (ioctl(u->fd, UFFDIO_REGISTER, &reg))
		FAIL("UFFDIO_REGISTER: %s", strerror(errno));
}

/**
 * uffd_wanted - wait until somebody wants a page
 * @u: the memory
 */
uint64_t uffd_wanted(struct uffd *u)
{
	struct pollfd p = { .fd = u->fd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&p, 1, HANG_MS) != 1)
		FAIL("nobody wants a page");
	if (read(u->fd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		FAIL("no page fault in the userfaultfd");
	return (msg.arg.pagefault.address - (uintptr_t)u->map) / PAGE;
}

/**
 * uffd_give - supply a page
 * @u: the memory
 * @page: its number
 * @word: what it is full of
 */
void uffd_give(struct uffd *u, uint64_t page, uint64_t word)
{
	static uint64_t content[PAGE / 8] __attribute__((aligned(4096)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)u->map + page * PAGE,
		.src = (uintptr_t)content,
		.len = PAGE,
	};

	fill_word(content, PAGE, word);
	/* EAGAIN: the process's addresses are changing just now. */
	while (ioctl(u->fd, UFFDIO_COPY, &copy)) {
		if (errno != EAGAIN)
			FAIL("UFFDIO_COPY: %s", strerror(errno));
		copy.copy = 0;
	}
}

/* --- calls in threads --------------------------------------------------- */

static void *call_thread(void *arg)
{
	struct mock_call *call = arg;

	call->fn(call->arg);
	__atomic_store_n(&call->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

/**
 * call_start - call a function in a thread of its own
 * @call: filled in
 * @fn: the function
 * @arg: its argument
 */
void call_start(struct mock_call *call, void (*fn)(void *arg), void *arg)
{
	*call = (struct mock_call){ .fn = fn, .arg = arg };
	if (pthread_create(&call->thread, NULL, call_thread, call))
		FAIL("no thread");
}

/**
 * call_done - has it returned?
 * @call: the call
 */
bool call_done(struct mock_call *call)
{
	return __atomic_load_n(&call->done, __ATOMIC_ACQUIRE);
}

/**
 * call_join - wait until it has returned
 * @call: the call
 */
void call_join(struct mock_call *call)
{
	pthread_join(call->thread, NULL);
}
