// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole guest of a benchmark: touches memory and tells what it cost.
 *
 * No interrupts, no timer, no operating system: what is measured is the work
 * of the host, and the same binary runs under both hypervisors.
 */
#include <stddef.h>
#include <stdbool.h>

#include "proto.h"

/* Without it, calls would have the numbers that they had at first. */
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/hvm/hvm_vcpu.h>

#define XEN_SIGNATURE	0x566e6558U	/* "XenV" */

extern char _start[];

static char hypercalls[4096] __attribute__((aligned(4096)));
static char shared_page[4096] __attribute__((aligned(4096)));
static uint32_t sample[BENCH_CPUS][BENCH_SAMPLES];
static bool on_xen;

static volatile struct bench_box *const box = (void *)BENCH_BOX;

void payload_main(unsigned int cpu);

/* The compiler may make calls of loops and of assignments. */
void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;

	asm volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n) :: "memory");
	return to;
}

void *memset(void *to, int c, size_t n)
{
	void *p = to;

	asm volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(c) : "memory");
	return to;
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
	asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
		     : "a"(leaf), "c"(0));
}

static uint64_t now(void)
{
	uint32_t low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)
		     :: "memory");
	return (uint64_t)high << 32 | low;
}

/* --- getting out of the way ---------------------------------------------- */

static long hypercall(unsigned int nr, long a, long b, long c)
{
	long ret;

	asm volatile("call *%[entry]"
		     : "=a"(ret), "+D"(a), "+S"(b), "+d"(c)
		     : [entry] "r"(hypercalls + nr * 32)
		     : "memory", "cc", "rcx", "r8", "r9", "r10", "r11");
	return ret;
}

static bool find_xen(void)
{
	uint32_t r[4], base;

	for (base = 0x40000000; base < 0x40010000; base += 0x100) {
		cpuid(base, r);
		if (r[1] != XEN_SIGNATURE)
			continue;
		cpuid(base + 2, r);
		asm volatile("wrmsr" :: "c"(r[1]),
			     "a"((uint32_t)(uintptr_t)hypercalls), "d"(0)
			     : "memory");
		return true;
	}
	return false;
}

/* Where it is seen which events are pending. */
static void share_info(void)
{
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info,
		.gpfn = (uintptr_t)shared_page / BENCH_PAGE,
	};

	hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (long)&a, 0);
}

/* A port that the toolstack's domain may bind to. */
static uint32_t open_port(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = 0 };

	hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
		  (long)&a, 0);
	return a.port;
}

static void clear_pending(uint32_t port)
{
	struct shared_info *shared = (struct shared_info *)shared_page;

	__atomic_fetch_and(&shared->evtchn_pending[port / 64],
			   ~(1UL << port % 64), __ATOMIC_SEQ_CST);
}

/* Execute nothing until the host says that there is a command. */
static void rest(volatile struct bench_slot *slot)
{
	evtchn_port_t port = slot->port;
	struct sched_poll poll = { .nr_ports = 1 };

	if (!on_xen) {
		asm volatile("outb %%al, %0" :: "N"(BENCH_PORT) : "memory");
		return;
	}
	/* First: an event that comes after the look ends the sleep. */
	clear_pending(port);
	if (__atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE) != slot->done)
		return;
	set_xen_guest_handle(poll.ports, &port);
	hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (long)&poll, 0);
}

/* KVM's side finds out by itself, when the vCPU leaves the guest. */
static void tell(const volatile struct bench_slot *slot)
{
	struct evtchn_send send = { .port = slot->port };

	if (on_xen)
		hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send,
			  (long)&send, 0);
}

/* KVM's side starts its vCPUs itself. */
static void start_others(void)
{
	static struct vcpu_hvm_context ctx;

	for (unsigned int i = 1; on_xen && i < box->vcpus; i++) {
		struct vcpu_hvm_x86_32 *regs = &ctx.cpu_regs.x86_32;

		memset(&ctx, 0, sizeof(ctx));
		ctx.mode = VCPU_HVM_MODE_32B;
		regs->eax = i;
		regs->eflags = 2;
		regs->eip = (uintptr_t)_start + 16;
		regs->cr0 = 0x11;
		regs->cs_limit = regs->ds_limit = ~0U;
		regs->ss_limit = regs->es_limit = ~0U;
		regs->cs_ar = 0xc9b;
		regs->ds_ar = regs->ss_ar = regs->es_ar = 0xc93;
		regs->tr_limit = 0x67;
		regs->tr_ar = 0x8b;
		if (hypercall(__HYPERVISOR_vcpu_op, VCPUOP_initialise, i,
			      (long)&ctx) ||
		    hypercall(__HYPERVISOR_vcpu_op, VCPUOP_up, i, 0))
			return;
	}
}

/* --- commands ------------------------------------------------------------ */

static uint64_t touch(volatile uint64_t *p, bool write)
{
	if (!write)
		return *p;
	*p = 1;
	return 0;
}

static void do_touch(const uint64_t *arg, uint64_t *result)
{
	volatile char *p = (volatile char *)arg[0];
	uint64_t sum = 0, pages = arg[1], start;

	bench_mark(arg[3]);
	start = now();
	for (uint64_t i = 0; i < pages; i++)
		sum += touch((volatile uint64_t *)(p + i * BENCH_PAGE), arg[2]);
	result[0] = start;
	result[1] = now();
	bench_mark(0);
	result[2] = sum;
}

/* A number for a number, each below @n once; @n is a power of two. */
static uint64_t shuffle(uint64_t i, uint64_t n)
{
	unsigned int half = __builtin_ctzll(n | 2) / 2 + 1;

	for (int round = 0; round < 3; round++) {
		i = i * 0x9e3779b1U + 0x7f4a7c15U;
		i &= n - 1;
		i ^= i >> half;
	}
	return i;
}

static void sort(uint32_t *v, unsigned int n)
{
	for (unsigned int gap = n / 2; gap; gap /= 2) {
		for (unsigned int i = gap; i < n; i++) {
			uint32_t x = v[i];
			unsigned int j = i;

			for (; j >= gap && v[j - gap] > x; j -= gap)
				v[j] = v[j - gap];
			v[j] = x;
		}
	}
}

static void do_random(unsigned int cpu, const uint64_t *arg, uint64_t *result)
{
	volatile char *p = (volatile char *)arg[0];
	uint64_t pages = arg[1], sum = 0, start;
	uint32_t *v = sample[cpu];

	if (!pages || pages > BENCH_SAMPLES)
		return;
	bench_mark(arg[3]);
	start = now();
	for (uint64_t i = 0; i < pages; i++) {
		volatile char *at = p + shuffle(i, pages) * BENCH_PAGE;
		uint64_t before = now();

		sum += touch((volatile uint64_t *)at, arg[2]);
		v[i] = now() - before;
	}
	result[0] = now() - start;
	bench_mark(0);
	sort(v, pages);
	result[1] = v[pages / 2];
	result[2] = v[pages * 9 / 10];
	result[3] = v[pages - 1];
	result[4] = sum;
}

/* --- grants -------------------------------------------------------------- */

#define FIRST_REF	8U	/* before it are those of the toolstack */
#define PER_FRAME	(BENCH_PAGE / sizeof(struct grant_entry_v1))
#define FRAMES		((FIRST_REF + BENCH_SHARED_PAGES + PER_FRAME - 1) / \
			 PER_FRAME)

/* Xen puts its table over these pages. */
static volatile struct grant_entry_v1 grants[FRAMES * PER_FRAME]
	__attribute__((aligned(4096)));

static bool map_grants(void)
{
	for (unsigned int i = 0; i < FRAMES; i++) {
		struct xen_add_to_physmap a = {
			.domid = DOMID_SELF, .space = XENMAPSPACE_grant_table,
			.idx = i, .gpfn = (uintptr_t)grants / BENCH_PAGE + i,
		};

		if (hypercall(__HYPERVISOR_memory_op, XENMEM_add_to_physmap,
			      (long)&a, 0))
			return false;
	}
	return true;
}

static void do_share(uint64_t *result)
{
	if (!on_xen || !map_grants())
		return;
	for (unsigned int i = 0; i < BENCH_SHARED_PAGES; i++) {
		volatile struct grant_entry_v1 *g = &grants[FIRST_REF + i];
		uint64_t at = BENCH_SHARED + i * BENCH_PAGE;

		*(volatile uint64_t *)at = i;
		g->domid = 0;
		g->frame = at / BENCH_PAGE;
		__atomic_store_n(&g->flags, GTF_permit_access,
				 __ATOMIC_RELEASE);
	}
	result[0] = FIRST_REF;
}

static void do_mapped(uint64_t *result)
{
	for (unsigned int i = 0; i < BENCH_SHARED_PAGES; i++)
		result[0] += !!(grants[FIRST_REF + i].flags &
				(GTF_reading | GTF_writing));
}

static void serve(unsigned int cpu, volatile struct bench_slot *slot)
{
	uint64_t arg[BENCH_ARGS], result[BENCH_RESULTS] = { 0 };

	for (int i = 0; i < BENCH_ARGS; i++)
		arg[i] = slot->arg[i];
	switch (slot->cmd) {
	case BENCH_PING:
		result[0] = cpu;
		break;
	case BENCH_TOUCH:
		do_touch(arg, result);
		break;
	case BENCH_RANDOM:
		do_random(cpu, arg, result);
		break;
	case BENCH_SHARE:
		do_share(result);
		break;
	case BENCH_MAPPED:
		do_mapped(result);
		break;
	}
	for (int i = 0; i < BENCH_RESULTS; i++)
		slot->result[i] = result[i];
}

void payload_main(unsigned int cpu)
{
	volatile struct bench_slot *slot = &box->slot[cpu];

	if (!cpu) {
		on_xen = find_xen();
		if (on_xen)
			share_info();
		start_others();
	}
	if (on_xen)
		slot->port = open_port();
	for (;;) {
		uint32_t seq = __atomic_load_n(&slot->seq, __ATOMIC_ACQUIRE);

		if (seq == slot->done) {
			rest(slot);
			continue;
		}
		serve(cpu, slot);
		__atomic_store_n(&slot->done, seq, __ATOMIC_RELEASE);
		tell(slot);
	}
}
