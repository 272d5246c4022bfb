// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile guest: everything at once that it can do to a window.
 *
 * Every vCPU reads, writes, locks and executes lent memory as fast as it can,
 * changes its own page tables over it, names its frames in hypercalls, plugs
 * memory of its own into its last pages, takes the other vCPUs down or resets
 * them, and uses up its pool for page tables, while the host takes frames away,
 * gives them to others, and poisons them.
 *
 * What the guest may see there is marked (xg_good()); what the host puts into
 * frames that it has taken away is not.  The first value without the mark ends
 * the loop.  An access may get an exception, where the host chose to let it:
 * those are counted.  A hypercall that names a frame must do nothing; one that
 * did something is counted.
 *
 * Pages that the guest plugs are its own while they are, with whatever is in
 * them, and are only touched.  While the window is somewhere else there is
 * nothing, which reads as all ones; the host writes that nowhere.
 */
#include "server.h"

#define MEMORY_OP	12
#define MULTICALL	13
#define XEN_VERSION	17
#define GRANT_TABLE_OP	20
#define VCPU_OP		24

#define DOMID_SELF	0x7ff0

struct hostile {
	struct xg_run *run;
	unsigned int what;
	uint64_t *args;		/* a page for hypercalls, this vCPU's own */
	uint64_t round;
	uint64_t place;		/* of the last scattered touch */
};

static uint64_t pages[XG_MAX_CPUS][XG_PAGE / 8]
	__attribute__((aligned(4096)));
static struct hostile all[XG_MAX_CPUS];

static uint64_t base(const struct hostile *h)
{
	return h->run->arg[0];
}

static uint64_t length(const struct hostile *h)
{
	return h->run->arg[1];
}

/* The bytes between the page with the function and those that get plugged. */
static uint64_t data_length(const struct hostile *h)
{
	return length(h) - (1 + XG_PLUG_PAGES) * XG_PAGE;
}

static volatile uint64_t *data(const struct hostile *h)
{
	return (volatile uint64_t *)port_map(base(h) + XG_PAGE,
					     data_length(h));
}

static uint64_t pick(struct hostile *h, uint64_t below)
{
	h->args[511] = h->args[511] * 0x9e3779b97f4a7c15ULL + h->run->arg[3];
	return (h->args[511] >> 33) % below;
}

static void judge(struct hostile *h, uint64_t offset, uint64_t got, bool good)
{
	if (good || h->run->status != XG_OK)
		return;
	h->run->status = XG_MISMATCH;
	h->run->result[2] = offset;
	h->run->result[3] = got;
}

static void try(struct hostile *h, void (*fn)(struct xg_run *run))
{
	if (!port_protect(fn, h->run))
		h->run->result[1]++;
}

/* --- accesses ------------------------------------------------------------- */

static bool may_be_seen(uint64_t word)
{
	return xg_good(word) || word == ~0ULL;
}

static uint64_t exchange(volatile uint64_t *p, uint64_t word)
{
	asm volatile("xchgq %0, %1" : "+r" (word), "+m" (*p) :: "memory");
	return word;
}

static uint64_t compare_exchange(volatile uint64_t *p, uint64_t old,
				 uint64_t word)
{
	asm volatile("lock cmpxchgq %2, %1" : "+a" (old), "+m" (*p)
		     : "r" (word) : "memory", "cc");
	return old;
}

/* A word of each page, another one each time; and one page thoroughly. */
static void access_data(struct xg_run *run)
{
	struct hostile *h = &all[run->cpu];
	volatile uint64_t *p = data(h);
	uint64_t words = data_length(h) / 8;
	uint64_t mine = XG_GOOD_WORD | (uint64_t)run->cpu << 40 |
			(h->round & 0xffffffff);

	for (uint64_t i = h->round % 512; i < words; i += 512) {
		uint64_t old = p[i];

		if (h->what & XG_HOSTILE_READ)
			judge(h, i * 8, old, may_be_seen(old));
		if (h->what & XG_HOSTILE_WRITE)
			p[i] = mine;
		if (h->what & XG_HOSTILE_LOCKED) {
			old = exchange(&p[i], mine);
			judge(h, i * 8, old, may_be_seen(old));
			old = compare_exchange(&p[i], mine, mine + 1);
			judge(h, i * 8, old, may_be_seen(old));
			asm volatile("lock orq $0, %0" : "+m" (p[i]) :: "cc");
		}
	}
	for (uint64_t i = pick(h, words / 512) * 512, n = 512; n--; i++) {
		uint64_t got = p[i];

		judge(h, i * 8, got, may_be_seen(got));
	}
}

static void call(struct xg_run *run)
{
	struct hostile *h = &all[run->cpu];
	uint32_t (*fn)(void) = (uint32_t (*)(void))(uintptr_t)
			       port_map(base(h), 16);

	for (int i = 0; i < 16; i++) {
		uint32_t got = fn();

		judge(h, 0, got, got >> 16 == XG_GOOD);
	}
}

static void touch_plugged(struct xg_run *run)
{
	struct hostile *h = &all[run->cpu];
	volatile uint64_t *p = port_map(base(h) + length(h) -
					XG_PLUG_PAGES * XG_PAGE,
					XG_PLUG_PAGES * XG_PAGE);

	for (int i = 0; i < XG_PLUG_PAGES; i++)
		p[i * 512 + run->cpu] = XG_GOOD_WORD;
}

static void touch_scattered(struct xg_run *run)
{
	uint64_t place = all[run->cpu].place;
	volatile uint64_t *p = port_map(XG_SCATTER_BASE +
					place * XG_SCATTER_STEP, 8);

	*p = XG_GOOD_WORD | place;
}

/* --- hypercalls ----------------------------------------------------------- */

static long hypercall(uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2)
{
	bool supported = true;
	uint64_t arg[6] = { op, a0, a1, a2 };

	return port_hypercall(arg, &supported);
}

/* populate or decrease: how many of one frames it did. */
static long reserve(struct hostile *h, unsigned int cmd, uint64_t gfn)
{
	uint64_t *a = h->args;

	a[8] = gfn;
	a[0] = (uintptr_t)&a[8];
	a[1] = 1;
	a[2] = 0;
	a[3] = DOMID_SELF;
	return hypercall(MEMORY_OP, cmd, (uintptr_t)a, 0);
}

/* Each of these names a frame that is not the guest's, and must do nothing. */
static bool name_frame(struct hostile *h, uint64_t gpa)
{
	uint64_t *a = h->args, gfn = gpa / XG_PAGE;
	uintptr_t there = (uintptr_t)port_map(gpa, 1);

	switch (pick(h, 7)) {
	case 0:
		return hypercall(XEN_VERSION, 1, there, 0) >= 0;
	case 1:
		return hypercall(MEMORY_OP, 1, there, 0) > 0;
	case 2:
		return reserve(h, 1, gfn) > 0;
	case 3:	/* XENMEM_add_to_physmap: move it behind the arena */
		a[0] = DOMID_SELF | 2ULL << 32;
		a[1] = gfn;
		a[2] = (XG_ARENA_BASE + XG_ARENA_SIZE) / XG_PAGE;
		return hypercall(MEMORY_OP, 7, (uintptr_t)a, 0) >= 0;
	case 4:	/* XENMEM_remove_from_physmap */
		a[0] = DOMID_SELF;
		a[1] = gfn;
		return hypercall(MEMORY_OP, 15, (uintptr_t)a, 0) >= 0;
	case 5:	/* GNTTABOP_copy, from there to our page's second half */
		a[0] = gfn;
		a[1] = DOMID_SELF;
		a[2] = 0;
		a[3] = DOMID_SELF;
		a[4] = 8;
		hypercall(GRANT_TABLE_OP, 5, (uintptr_t)a, 1);
		return (int16_t)(a[4] >> 32) == 0;
	default: /* VCPUOP_register_vcpu_time_phys_area */
		a[0] = gpa;
		return hypercall(VCPU_OP, 15, h->run->cpu, (uintptr_t)a) >= 0;
	}
}

/*
 * Put memory of our own into a hole, if it is one at the moment, and take it
 * out again.  Each vCPU has pages of its own for that.
 */
static void plug(struct hostile *h)
{
	unsigned int n = pick(h, XG_PLUG_PAGES / port_cpus) * port_cpus +
			 h->run->cpu;
	uint64_t gfn = (base(h) + length(h)) / XG_PAGE - 1 - n;

	if (reserve(h, 6, gfn) != 1)
		return;
	h->run->result[5]++;
	try(h, touch_plugged);
	reserve(h, 1, gfn);
}

/*
 * Another vCPU goes down, wherever it is, and up again.  In one call: between
 * two the kernel might wait for it.  That can still happen, as Xen lets the
 * caller take an interrupt in the middle: if the other one had a lock then that
 * the interrupt needs, this guest has hung itself.  So whoever is taken down
 * should not be in its kernel often, and it is not done all the time.
 */
static void take_down(struct hostile *h)
{
	unsigned int cpu = 1 + pick(h, port_cpus - 1);
	uint64_t *a = h->args;

	for (int i = 0; i < 2; i++) {
		uint64_t *entry = &a[8 + i * 8];

		entry[0] = VCPU_OP;
		entry[2] = i ? 1 : 2;	/* up, down */
		entry[3] = cpu;
		entry[4] = 0;
	}
	hypercall(MULTICALL, (uintptr_t)&a[8], 2, 0);
}

/*
 * Another vCPU is reset, wherever it is, and begins this very command anew.  So
 * it should be one that makes no calls, which it could not bring to an end.
 */
static void reset(struct hostile *h)
{
	if (port_reset(1 + pick(h, port_cpus - 1)))
		h->run->result[6]++;
}

/* A page table more, until there are no pages for any. */
static void scatter(struct hostile *h)
{
	h->place = pick(h, XG_SCATTER_PLACES);
	if (!port_protect(touch_scattered, h->run))
		h->run->result[7]++;
}

/* --- one round ------------------------------------------------------------ */

static void one_round(struct hostile *h)
{
	/* Not the plugged pages: those are the guest's to give away. */
	uint64_t names = base(h) + pick(h, length(h) / XG_PAGE -
					XG_PLUG_PAGES) * XG_PAGE;

	try(h, access_data);
	if (h->what & XG_HOSTILE_CALL)
		try(h, call);
	if (h->what & XG_HOSTILE_HYPERCALL && name_frame(h, names))
		h->run->result[4]++;
	if (h->what & XG_HOSTILE_PLUG) {
		try(h, touch_plugged);
		plug(h);
	}
	if (h->what & XG_HOSTILE_REMAP && h->round % 16 == 0)
		port_remap(base(h), length(h));
	if (h->what & XG_HOSTILE_DOWN && h->round % 8 == 0 && port_cpus > 1)
		take_down(h);
	if (h->what & XG_HOSTILE_HOTPLUG && h->round % 256 == 128 &&
	    port_cpus > 1)
		port_replug(1 + pick(h, port_cpus - 1));
	if (h->what & XG_HOSTILE_RESET && h->round % 16 == 8 && port_cpus > 1)
		reset(h);
	if (h->what & XG_HOSTILE_SCATTER && h->round % 4 == 2)
		scatter(h);
	/* Whoever was on a vCPU that was unplugged is on another since. */
	if (h->round % 64 == 0)
		port_pin(h->run->cpu);
}

/**
 * xg_hostile - the command of that name
 * @run: arguments: gpa, length, what to do, seed
 */
void xg_hostile(struct xg_run *run)
{
	struct hostile *h = &all[run->cpu];

	*h = (struct hostile){
		.run = run, .what = run->arg[2], .args = pages[run->cpu],
	};
	if (length(h) <= (1 + XG_PLUG_PAGES) * XG_PAGE ||
	    !port_map(base(h), length(h))) {
		run->status = XG_BAD;
		return;
	}
	while (run->status == XG_OK && !xg_stopped(run)) {
		one_round(h);
		run->result[0] = ++h->round;
		run->slot->progress = h->round;
	}
}
