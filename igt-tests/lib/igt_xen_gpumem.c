// SPDX-License-Identifier: MIT
/*
 * A guest that does what a test tells it.
 *
 * It is one that runs already; XEN_GPUMEM_DOMID names it.  In it runs
 * the command server of the xen-gpumem project, which looks for a *mailbox*: a
 * page that is itself lent, at a fixed guest address.  Each vCPU has a *slot*
 * in it.  The host writes a command and then its number, the guest the results
 * and then the same number.  The mailbox lives as long as the program; each
 * subtest has a domain fd of its own, derived from that of the mailbox, and its
 * windows go when that is closed.
 *
 * All waiting is by looking at the page.  XEN_GPUMEM_SLOW says how much slower
 * than usual the machine is: nothing but the limits of waiting depends on it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem.h"

/* --- what the guest's server and we agree on ------------------------------ */

#define MAILBOX_GPA	0x200000000ULL
#define MAILBOX_MAGIC	0x584d4258U
#define MAX_VCPUS	8
/* An argument that stands for the address of a copy of the mailbox's data. */
#define DATA_HERE	0x7eeeeeee0000ULL

enum command {
	COMMAND_PING = 0,	/* -> this vCPU, number of vCPUs */
	COMMAND_FILL = 1,	/* gpa, length, seed */
	COMMAND_CHECK = 2,	/* gpa, length, seed
				 * -> sum, offset, got, want */
	COMMAND_SUM = 3,	/* gpa, length -> sum */
	COMMAND_READ = 4,	/* gpa, bytes -> value */
	COMMAND_WRITE = 5,	/* gpa, bytes, value */
	COMMAND_UPDATE = 6,	/* gpa, length, seed, rounds so far
				 * -> rounds, sum, offset, got, want */
	COMMAND_HYPERCALL = 13,	/* op, arg... -> what it returned */
	COMMAND_POWER_OFF = 14,
	COMMAND_SHARE = 23,	/* area, pages, writable */
	COMMAND_UNSHARE = 24,	/* area */
	COMMAND_REFS = 25,	/* area, first -> how many in the data */
	COMMAND_GFNS = 26,	/* likewise */
};

enum status {
	STATUS_OK,
	STATUS_FAULT,		/* the access got an exception */
	STATUS_MISMATCH,	/* memory did not hold what it should */
	STATUS_BAD,		/* the command makes no sense */
	STATUS_UNSUPPORTED,	/* nor to this guest */
};

struct slot {
	/* the host writes these */
	uint32_t number, command, stop, unused;
	uint64_t arg[8];
	/* and the guest these */
	uint32_t done, status;
	uint64_t progress, result[8];
	uint64_t unused2[4];
};

struct mailbox {
	uint32_t magic;
	uint32_t unused[31];
	struct slot slot[MAX_VCPUS];
	uint8_t unused2[384];
	union {				/* what a command is given, or returns, in bulk */
		uint32_t refs[512];
		uint64_t gfns[256];
		uint8_t bytes[GPUMEM_DATA];
	} data;
};

_Static_assert(sizeof(struct slot) == 192 &&
	       offsetof(struct mailbox, slot) == 128 &&
	       offsetof(struct mailbox, data) == 2048 &&
	       sizeof(struct mailbox) == GPUMEM_PAGE, "as the guest has them");

/* One for the program; children of it share the page. */
static struct guest {
	int domid;
	int dom;			/* the fd that has the mailbox */
	int subtest;			/* the subtest's fd, or -1 */
	unsigned int vcpus;
	volatile struct mailbox *box;
} guest = { .domid = -1, .dom = -1, .subtest = -1 };

/**
 * gpumem_word - what a word in memory is to be
 * @seed: any number
 * @offset: of the word, in bytes
 */
uint64_t gpumem_word(uint64_t seed, uint64_t offset)
{
	const uint64_t odd = 0xd6e8feb86659fd93ULL;
	uint64_t x = seed * 0x9e3779b97f4a7c15ULL + offset;

	for (int i = 0; i < 2; i++)
		x = (x ^ x >> 32) * odd;
	return x ^ x >> 32;
}

void gpumem_fill(void *p, uint64_t length, uint64_t seed)
{
	volatile uint64_t *word = p;

	for (uint64_t i = 0; i < length; i += 8)
		word[i / 8] = gpumem_word(seed, i);
}

void gpumem_check(void *p, uint64_t length, uint64_t seed)
{
	volatile uint64_t *word = p;

	for (uint64_t i = 0; i < length; i += 8) {
		uint64_t got = word[i / 8], want = gpumem_word(seed, i);

		igt_assert_f(got == want,
			     "at %#" PRIx64 " the host reads %#" PRIx64
			     ", not %#" PRIx64 "\n", i, got, want);
	}
}

uint64_t gpumem_sum(void *p, uint64_t length)
{
	volatile uint64_t *word = p;
	uint64_t sum = 0;

	for (uint64_t i = 0; i < length / 8; i++) {
		sum = sum << 7 | sum >> 57;
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ULL;
	}
	return sum;
}

/* --- one command ---------------------------------------------------------- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static double patience(void)
{
	const char *slow = getenv("XEN_GPUMEM_SLOW");
	double factor = slow ? atof(slow) : 1;

	return 60 * (factor > 1 ? factor : 1);
}

/* Longer and longer: who looks often takes time from the guest. */
static void nap(double since)
{
	double us = (now() - since) * 1e5;

	usleep(us < 100 ? 100 : us > 20000 ? 20000 : us);
}

static volatile struct slot *slot_of(unsigned int vcpu)
{
	igt_assert(guest.box && vcpu < MAX_VCPUS);
	return &guest.box->slot[vcpu];
}

static bool idle(volatile struct slot *s)
{
	return __atomic_load_n(&s->done, __ATOMIC_ACQUIRE) == s->number;
}

static void start(unsigned int vcpu, enum command command, uint64_t a0,
		  uint64_t a1, uint64_t a2, uint64_t a3)
{
	volatile struct slot *s = slot_of(vcpu);

	igt_assert(idle(s));
	s->command = command;
	s->stop = 0;
	s->progress = 0;
	s->arg[0] = a0;
	s->arg[1] = a1;
	s->arg[2] = a2;
	s->arg[3] = a3;
	__atomic_store_n(&s->number, s->number + 1, __ATOMIC_RELEASE);
}

static volatile struct slot *finish(unsigned int vcpu)
{
	volatile struct slot *s = slot_of(vcpu);
	double since = now();

	while (!idle(s)) {
		igt_assert_f(now() < since + patience(),
			     "vCPU %u does not end command %u\n", vcpu,
			     s->command);
		nap(since);
	}
	return s;
}

/* A command that must succeed. */
static volatile struct slot *good(volatile struct slot *s)
{
	igt_assert_f(s->status != STATUS_FAULT,
		     "the guest's command %u got an exception\n", s->command);
	igt_assert_f(s->status != STATUS_MISMATCH,
		     "the guest saw wrong contents: %#" PRIx64 " %#" PRIx64
		     " %#" PRIx64 " %#" PRIx64 " %#" PRIx64 "\n",
		     s->result[0], s->result[1], s->result[2], s->result[3],
		     s->result[4]);
	igt_assert_f(s->status == STATUS_OK,
		     "the guest's command %u ended with status %u\n",
		     s->command, s->status);
	return s;
}

static volatile struct slot *run(enum command command, uint64_t a0,
				 uint64_t a1, uint64_t a2)
{
	start(0, command, a0, a1, a2, 0);
	return finish(0);
}

void gpumem_guest_fill(uint64_t gpa, uint64_t length, uint64_t seed)
{
	good(run(COMMAND_FILL, gpa, length, seed));
}

void gpumem_guest_check(uint64_t gpa, uint64_t length, uint64_t seed)
{
	good(run(COMMAND_CHECK, gpa, length, seed));
}

uint64_t gpumem_guest_sum(uint64_t gpa, uint64_t length)
{
	return good(run(COMMAND_SUM, gpa, length, 0))->result[0];
}

uint64_t gpumem_guest_read(uint64_t gpa)
{
	return good(run(COMMAND_READ, gpa, 8, 0))->result[0];
}

void gpumem_guest_write(uint64_t gpa, uint64_t value)
{
	good(run(COMMAND_WRITE, gpa, 8, value));
}

void gpumem_guest_try_write(uint64_t gpa, uint64_t value)
{
	run(COMMAND_WRITE, gpa, 8, value);
}

void gpumem_guest_read_faults(uint64_t gpa)
{
	volatile struct slot *s = run(COMMAND_READ, gpa, 8, 0);

	igt_assert_f(s->status == STATUS_FAULT,
		     "the guest's read got no exception, but %#" PRIx64 "\n",
		     s->result[0]);
}

/**
 * gpumem_guest_read_will_fault - a read that gets an exception before long
 * @gpa: guest address, of memory whose process was killed
 *
 * The driver may be serving a fault just then, with the address space in its
 * hands: until it lets go of that, nothing of the process's is gone.
 */
void gpumem_guest_read_will_fault(uint64_t gpa)
{
	double since = now();

	while (run(COMMAND_READ, gpa, 8, 0)->status != STATUS_FAULT) {
		igt_assert(now() - since < patience());
		nap(since);
	}
}

void gpumem_guest_write_faults(uint64_t gpa)
{
	volatile struct slot *s = run(COMMAND_WRITE, gpa, 8, 1);

	igt_assert_f(s->status == STATUS_FAULT,
		     "the guest's write got no exception: status %u\n",
		     s->status);
}

/**
 * gpumem_guest_check_fails - a check that must find one word wrong
 * @gpa: guest address
 * @length: bytes
 * @seed: of what the others hold
 * @offset: of the word
 * @got: what it holds
 */
void gpumem_guest_check_fails(uint64_t gpa, uint64_t length, uint64_t seed,
			      uint64_t offset, uint64_t got)
{
	volatile struct slot *s = run(COMMAND_CHECK, gpa, length, seed);

	igt_assert_eq(s->status, STATUS_MISMATCH);
	igt_assert_eq_u64(s->result[1], offset);
	igt_assert_eq_u64(s->result[2], got);
}

/**
 * gpumem_guest_hypercall - have the guest make a hypercall about an array
 * @op: which
 * @cmd: its first argument
 * @data: the array, its second; as it is afterwards
 * @size: of that, in bytes, at most GPUMEM_DATA
 * @count: its third argument
 *
 * Return: what it returned.  Skips where the guest cannot.
 */
int64_t gpumem_guest_hypercall(uint64_t op, uint64_t cmd, void *data,
			       unsigned int size, uint64_t count)
{
	volatile struct slot *s;

	igt_assert(guest.box && size <= GPUMEM_DATA);
	memcpy((void *)guest.box->data.bytes, data, size);
	start(0, COMMAND_HYPERCALL, op, cmd, DATA_HERE, count);
	s = finish(0);
	igt_require_f(s->status != STATUS_UNSUPPORTED,
		      "the guest cannot make hypercalls\n");
	good(s);
	memcpy(data, (void *)guest.box->data.bytes, size);
	return s->result[0];
}

/* --- pages that it shares ------------------------------------------------- */

/**
 * __gpumem_guest_share - have the guest share pages
 * @area: where; what it was before is taken back
 * @pages: how many, at most GPUMEM_SHARED_MAX
 * @writable: or for reading only
 *
 * Return: 0, or -ENOSPC if others still have too many of its pages.
 */
int __gpumem_guest_share(unsigned int area, uint32_t pages, bool writable)
{
	volatile struct slot *s = run(COMMAND_SHARE, area, pages, writable);

	igt_require_f(s->status != STATUS_UNSUPPORTED,
		      "the guest has no way to share pages\n");
	return s->status == STATUS_OK ? 0 : -(int)s->result[0];
}

void gpumem_guest_share(unsigned int area, uint32_t pages, bool writable)
{
	gpumem_assert(__gpumem_guest_share(area, pages, writable), 0);
}

void gpumem_guest_unshare(unsigned int area)
{
	good(run(COMMAND_UNSHARE, area, 0, 0));
}

/* How many it has told of, of the @left ones from @first on. */
static uint32_t told(enum command command, unsigned int area, uint32_t first,
		     uint32_t left)
{
	uint64_t n = good(run(command, area, first, 0))->result[0];

	igt_assert(n);
	return n < left ? n : left;
}

void gpumem_guest_refs(unsigned int area, uint32_t *refs, uint32_t pages)
{
	for (uint32_t n, i = 0; i < pages; i += n) {
		n = told(COMMAND_REFS, area, i, pages - i);
		for (uint32_t k = 0; k < n; k++)
			refs[i + k] = guest.box->data.refs[k];
	}
}

void gpumem_guest_frames(unsigned int area, struct xen_gpumem_frames *frames,
			 uint32_t pages)
{
	for (uint32_t n, i = 0; i < pages; i += n) {
		n = told(COMMAND_GFNS, area, i, pages - i);
		for (uint32_t k = 0; k < n; k++)
			frames[i + k] = (struct xen_gpumem_frames){
				.gpa = guest.box->data.gfns[k] * GPUMEM_PAGE,
				.length = GPUMEM_PAGE,
			};
	}
}

/* --- work that goes on ---------------------------------------------------- */

void gpumem_guest_work(unsigned int vcpu, uint64_t gpa, uint64_t length,
		       uint64_t seed)
{
	start(vcpu, COMMAND_UPDATE, gpa, length, seed, 0);
}

/**
 * gpumem_guest_rounds - wait until a vCPU's work has got on
 * @vcpu: which
 * @more: by how many rounds
 */
void gpumem_guest_rounds(unsigned int vcpu, uint64_t more)
{
	volatile struct slot *s = slot_of(vcpu);
	uint64_t until = s->progress + more;
	double since = now();

	while (s->progress < until) {
		if (idle(s))
			good(s);
		igt_assert_f(!idle(s) && now() < since + patience(),
			     "vCPU %u stands still in round %" PRIu64 "\n",
			     vcpu, s->progress);
		nap(since);
	}
}

/**
 * gpumem_guest_stop - end a vCPU's work, which must have gone well
 * @vcpu: which
 *
 * Return: the seed of what it wrote last.
 */
uint64_t gpumem_guest_stop(unsigned int vcpu)
{
	volatile struct slot *s = slot_of(vcpu);

	s->stop = 1;
	good(finish(vcpu));
	igt_assert_neq_u64(s->result[0], 0);
	return s->arg[2] + ((s->result[0] - 1) << 20);
}

/* --- the guest as a whole ------------------------------------------------- */

/**
 * gpumem_require - skip unless the driver is there and stands on Xen
 */
void gpumem_require(void)
{
	struct xen_gpumem_info info;
	int node = __gpumem_open_node();

	igt_require_f(node >= 0,
		      "/dev/xen/gpumem: %s (no Xen, or no xen-gpumem driver)\n",
		      strerror(-node));
	gpumem_assert(__gpumem_info(node, &info), 0);
	close(node);
	igt_require_f(!(info.out_features & XEN_GPUMEM_FEAT_MOCK),
		      "the xen-gpumem driver runs on its mock, not on Xen\n");
}

static void lend_mailbox(void)
{
	int fd = memfd_create("xen_gpumem mailbox", MFD_CLOEXEC), ret;
	double since = now();
	uint32_t window;
	void *page;

	igt_assert(fd >= 0 && !ftruncate(fd, GPUMEM_PAGE));
	page = mmap(NULL, GPUMEM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	igt_assert(page != MAP_FAILED);
	close(fd);
	/* That of the program before this one may still be going. */
	while ((ret = __gpumem_window_add(guest.dom, MAILBOX_GPA, GPUMEM_PAGE,
					  XEN_GPUMEM_POLICY_MMIO,
					  &window)) == -EEXIST &&
	       now() < since + patience())
		nap(since);
	gpumem_assert(ret, 0);
	gpumem_assert(__gpumem_bind(guest.dom, window, 0, GPUMEM_PAGE, page,
				    XEN_GPUMEM_BIND_WRITE_FIRST,
				    XEN_GPUMEM_POLICY_INJECT), 0);
	guest.box = page;
	__atomic_store_n(&guest.box->magic, MAILBOX_MAGIC, __ATOMIC_RELEASE);
}

static unsigned int ping(unsigned int vcpu)
{
	volatile struct slot *s;

	start(vcpu, COMMAND_PING, 0, 0, 0, 0);
	s = good(finish(vcpu));
	igt_assert_eq_u64(s->result[0], vcpu);
	igt_assert(s->result[1] > vcpu && s->result[1] <= MAX_VCPUS);
	return s->result[1];
}

/**
 * gpumem_guest_require - skip unless there is a guest; have a mailbox in it
 */
void gpumem_guest_require(void)
{
	const char *domid = getenv("XEN_GPUMEM_DOMID");
	struct xen_gpumem_open_domain od = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	int node;

	if (guest.box)
		return;
	gpumem_require();
	igt_require_f(domid && atoi(domid) > 0,
		      "no guest: XEN_GPUMEM_DOMID is not set\n");
	od.domid = atoi(domid);
	node = gpumem_open_node();
	guest.dom = __gpumem_open_domain(node, &od);
	close(node);
	igt_require_f(guest.dom >= 0, "domain %s: %s\n", domid,
		      strerror(-guest.dom));
	guest.domid = atoi(domid);
	lend_mailbox();
	guest.vcpus = ping(0);
	for (unsigned int i = 1; i < guest.vcpus; i++)
		ping(i);
}

int gpumem_guest_domid(void)
{
	return guest.domid;
}

unsigned int gpumem_guest_vcpus(void)
{
	return guest.vcpus;
}

/**
 * gpumem_begin - begin a subtest that uses the guest
 *
 * Return: a domain fd for it, with the right to lend and nothing else.
 */
int gpumem_begin(void)
{
	gpumem_guest_require();
	if (guest.subtest >= 0)
		close(guest.subtest);
	guest.subtest = -1;
	for (unsigned int i = 0; i < guest.vcpus; i++) {
		slot_of(i)->stop = 1;
		finish(i);
	}
	/* What is behind the arena is nobody's, and looks like that. */
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA), ~0ULL);
	guest.subtest = gpumem_derive(guest.dom, XEN_GPUMEM_RIGHT_LEND);
	return guest.subtest;
}

/**
 * gpumem_end - end a subtest: its windows go, and the guest has nothing left
 */
void gpumem_end(void)
{
	close(guest.subtest);
	guest.subtest = -1;
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA), ~0ULL);
}

/**
 * gpumem_guest_may_die_require - skip unless the guest may be ended
 */
void gpumem_guest_may_die_require(void)
{
	igt_require_f(getenv("XEN_GPUMEM_GUEST_MAY_DIE"),
		      "the guest may not be ended: XEN_GPUMEM_GUEST_MAY_DIE\n");
}

/**
 * gpumem_guest_end - have the guest power itself off, and wait until it is gone
 *
 * What ends it is the toolstack, as it does with any guest.
 */
void gpumem_guest_end(void)
{
	struct pollfd gone = { .fd = guest.dom };

	start(0, COMMAND_POWER_OFF, 0, 0, 0, 0);
	igt_assert_f(poll(&gone, 1, patience() * 1000) == 1 &&
		     gone.revents & POLLHUP,
		     "the guest does not go (on_poweroff?)\n");
	close(guest.subtest);
	close(guest.dom);
	munmap((void *)guest.box, GPUMEM_PAGE);
	guest.box = NULL;
	guest.subtest = guest.dom = -1;
}
