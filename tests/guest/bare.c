// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command server on nothing: a PVH guest that is only the server, and is
 * there a moment after Xen has built it.  A Linux guest takes most of a test
 * scenario's time to boot, on an emulated machine, and does on its own accord
 * what no test asked for.
 *
 * One address space for all vCPUs, in which each address is the guest's
 * physical one: up to 4 GiB with large pages, and the arena with small ones,
 * whether there is anything behind it or not.  No interrupts, no scheduler:
 * vCPU n serves slot n and sleeps in Xen.  An exception ends what
 * port_protect() called; one outside of that is a defect, and ends the guest.
 *
 * Where a test needs the kernel that people run, it has init.c.
 */
#include "server.h"

/* Without it, calls would have the numbers that they had at first. */
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/hvm_vcpu.h>
#include <xen/hvm/params.h>
#include <xen/io/console.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define MSR_GS_BASE	0xc0000101
#define PTE_FLAGS	7		/* present, writable, user */

/* The local APIC, and its interrupt command register. */
#define APIC_ICR	0xfee00300UL
#define APIC_ICR2	0xfee00310UL
#define ICR_INIT	0x4500		/* assert INIT */

#define ARENA_PAGES	(XG_ARENA_SIZE / XG_PAGE)
#define GIB		(1ULL << 30)

_Static_assert(XG_ARENA_BASE % GIB == 0 && XG_ARENA_SIZE <= GIB &&
	       XG_ARENA_BASE / GIB < 512 && XG_ARENA_BASE / GIB >= 4 &&
	       XG_MAX_CPUS <= 8, "bare-boot.S and the tables here");

/* Registers, as bare_save() and bare_restore() have them. */
struct landing {
	uint64_t reg[8];
};

struct cpu {
	struct cpu *self;	/* first: at %gs:0 */
	unsigned int number;
	uint32_t apic;		/* its number among those */
	struct landing *landing;
};

int bare_save(struct landing *here) __attribute__((returns_twice));
void bare_restore(struct landing *there) __attribute__((noreturn));
void bare_other(void);
void bare_main(unsigned int cpu);
void bare_fault(uint64_t vector, const uint64_t *frame);

extern uint8_t bare_vectors[32][16], stacks[XG_MAX_CPUS][0x4000];
extern uint64_t pml4[512], pdpt[512];

unsigned int port_cpus;

static struct cpu cpus[XG_MAX_CPUS];
static uint64_t arena_tables[ARENA_PAGES] __attribute__((aligned(4096)));
static uint64_t arena_directory[512] __attribute__((aligned(4096)));
static uint64_t idt[32][2] __attribute__((aligned(16)));
static uint8_t hypercall_page[XG_PAGE] __attribute__((aligned(4096)));
static struct shared_info *shared;
static uint8_t shared_page[XG_PAGE] __attribute__((aligned(4096)));

/* The compiler calls these. */
void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;

	asm volatile("rep movsb" : "+D" (p), "+S" (from), "+c" (n)
		     :: "memory");
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	void *p = to;

	asm volatile("rep stosb" : "+D" (p), "+c" (n) : "a" (byte)
		     : "memory");
	return to;
}

/* --- Xen ------------------------------------------------------------------- */

static long hypercall(const uint64_t arg[6])
{
	register uint64_t r10 asm("r10") = arg[4];
	register uint64_t r8 asm("r8") = arg[5];
	uint64_t rdi = arg[1], rsi = arg[2], rdx = arg[3];
	long ret;

	asm volatile("call *%[entry]"
		     : "=a" (ret), "+D" (rdi), "+S" (rsi), "+d" (rdx),
		       "+r" (r10), "+r" (r8)
		     : [entry] "r" (&hypercall_page[arg[0] * 32])
		     : "memory", "rcx", "r9", "r11", "cc");
	return ret;
}

#define CALL(...) hypercall((const uint64_t[6]){ __VA_ARGS__ })

/* Xen's leaves are at 0x40000000 where it does not pretend to be another. */
static void find_xen(void)
{
	uint32_t eax = 0x40000002, ebx, ecx = 0, edx;
	uint64_t page = (uintptr_t)hypercall_page;

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	asm volatile("wrmsr" :: "c" (ebx), "a" ((uint32_t)page),
		     "d" ((uint32_t)(page >> 32)) : "memory");
}

static void share_info(void)
{
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF, .space = XENMAPSPACE_shared_info,
		.gpfn = (uintptr_t)shared_page / XG_PAGE,
	};

	CALL(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, (uintptr_t)&a);
	shared = (struct shared_info *)shared_page;
}

static struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	asm("movq %%gs:0, %0" : "=r" (cpu));
	return cpu;
}

/* Nanoseconds since the guest was made, as Xen counts them. */
static uint64_t now(void)
{
	const volatile vcpu_time_info_t *t =
		&shared->vcpu_info[this_cpu()->number].time;
	uint64_t delta, time;
	uint32_t version, low, high;

	do {
		version = t->version;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		asm volatile("lfence; rdtsc" : "=a" (low), "=d" (high));
		delta = ((uint64_t)high << 32 | low) - t->tsc_timestamp;
		delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift :
					   delta << t->tsc_shift;
		time = t->system_time +
		       ((unsigned __int128)delta * t->tsc_to_system_mul >> 32);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (version & 1 || version != t->version);
	return time;
}

static void sleep_us(uint64_t us)
{
	struct sched_poll poll = { .timeout = now() + us * 1000 };

	CALL(__HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&poll);
}

static void shut_down(unsigned int reason)
{
	struct sched_shutdown shutdown = { .reason = reason };

	CALL(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uintptr_t)&shutdown);
}

/* --- the console ------------------------------------------------------------ */

static uint64_t hvm_param(uint32_t index)
{
	struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };

	CALL(__HYPERVISOR_hvm_op, HVMOP_get_param, (uintptr_t)&p);
	return p.value;
}

/* To Xen's log, without needing anything: for what should not happen. */
static void complain(const char *text)
{
	for (; *text; text++)
		asm volatile("outb %b0, $0xe9" :: "a" (*text));
}

static void complain_number(uint64_t n)
{
	char digit[2] = "";

	for (int shift = 60; shift >= 0; shift -= 4) {
		digit[0] = "0123456789abcdef"[n >> shift & 15];
		complain(digit);
	}
}

/* Only vCPU 0 writes. */
static void say(const char *text)
{
	volatile struct xencons_interface *ring =
		(void *)(hvm_param(HVM_PARAM_CONSOLE_PFN) * XG_PAGE);
	struct evtchn_send send = {
		.port = hvm_param(HVM_PARAM_CONSOLE_EVTCHN),
	};

	for (; *text; text++) {
		while (ring->out_prod - ring->out_cons >= sizeof(ring->out))
			sleep_us(1000);
		ring->out[MASK_XENCONS_IDX(ring->out_prod, ring->out)] = *text;
		__atomic_thread_fence(__ATOMIC_RELEASE);
		ring->out_prod++;
	}
	CALL(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)&send);
}

/* --- faults ----------------------------------------------------------------- */

/* Called by bare-boot.S.  Does not return. */
void bare_fault(uint64_t vector, const uint64_t *frame)
{
	struct landing *landing = this_cpu()->landing;

	if (landing)
		bare_restore(landing);
	complain("XG-GUEST unexpected exception ");
	complain_number(vector);
	for (int i = 0; i < 4; i++) {
		complain(" ");
		complain_number(frame[i]);
	}
	complain("\n");
	shut_down(SHUTDOWN_crash);
}

/**
 * port_protect - call a function that may touch what is not there
 * @fn: the function; its locals are lost if it faults
 * @run: its argument
 *
 * Return: false if an exception ended it.
 */
bool port_protect(void (*fn)(struct xg_run *run), struct xg_run *run)
{
	struct landing *volatile outer = this_cpu()->landing;
	struct landing here;

	if (bare_save(&here)) {
		this_cpu()->landing = outer;
		return false;
	}
	this_cpu()->landing = &here;
	fn(run);
	this_cpu()->landing = outer;
	return true;
}

/* --- what the server asks for ------------------------------------------------ */

/**
 * port_map - the address of a part of the arena
 * @gpa: first guest-physical address
 * @length: bytes
 *
 * Return: NULL if it is not wholly in the arena, nor in a shared area.
 */
volatile void *port_map(uint64_t gpa, uint64_t length)
{
	if (gpa >= XG_SHARED_BASE)
		return xg_shared_map(gpa, length);
	if (gpa < XG_ARENA_BASE || length > XG_ARENA_SIZE ||
	    gpa - XG_ARENA_BASE > XG_ARENA_SIZE - length)
		return NULL;
	return (volatile void *)gpa;
}

/**
 * port_idle - there is no command
 * @rounds: looks at the mailbox since the last one
 *
 * As in init.c.
 */
void port_idle(unsigned int rounds)
{
	if (rounds < 500)
		__builtin_ia32_pause();
	else
		sleep_us(rounds < 518 ? (rounds - 498) * 1000 : 20000);
}

/**
 * port_no_mailbox - there is no mailbox at the moment
 */
void port_no_mailbox(void)
{
	sleep_us(10000);
}

/**
 * port_buffer - memory for the arguments of hypercalls
 *
 * Return: a page that is there.
 */
uint8_t *port_buffer(void)
{
	static uint8_t page[XG_PAGE] __attribute__((aligned(4096)));

	return page;
}

/**
 * port_hypercall - make a hypercall
 * @arg: its number and five arguments
 * @supported: cleared if there is no way to make one, which does not happen
 *
 * Return: what the hypercall returned.
 */
long port_hypercall(const uint64_t arg[6], bool *supported)
{
	(void)supported;
	return arg[0] < XG_PAGE / 32 ? hypercall(arg) : -38 /* ENOSYS */;
}

static void flush(void)
{
	uint64_t cr3;

	asm volatile("movq %%cr3, %0; movq %0, %%cr3" : "=r" (cr3) :: "memory");
}

/**
 * port_remap - make the mapping of a part of the arena anew
 * @gpa: first guest-physical address
 * @length: bytes
 *
 * Others that use it meanwhile may get a fault.
 */
void port_remap(uint64_t gpa, uint64_t length)
{
	volatile uint64_t *entry = &arena_tables[(gpa - XG_ARENA_BASE) /
						 XG_PAGE];
	uint64_t pages = length / XG_PAGE;

	if (!port_map(gpa, length))
		return;
	for (uint64_t i = 0; i < pages; i++)
		entry[i] = 0;
	flush();
	for (uint64_t i = 0; i < pages; i++)
		entry[i] = (gpa + i * XG_PAGE) | PTE_FLAGS;
}

/**
 * port_pin - keep the thread on a vCPU, where it is anyway
 * @cpu: its number
 */
void port_pin(unsigned int cpu)
{
	(void)cpu;
}

/**
 * port_replug - take another vCPU offline and back
 * @cpu: its number
 */
void port_replug(unsigned int cpu)
{
	CALL(__HYPERVISOR_vcpu_op, VCPUOP_down, cpu);
	CALL(__HYPERVISOR_vcpu_op, VCPUOP_up, cpu);
}

/**
 * port_power_off - end the guest in good order
 */
void port_power_off(void)
{
	shut_down(SHUTDOWN_poweroff);
}

/**
 * port_crash - end it as a kernel does that panics
 */
void port_crash(void)
{
	shut_down(SHUTDOWN_crash);
}

/**
 * xg_process - the command of that name
 * @run: a process is what there is none of here
 */
void xg_process(struct xg_run *run)
{
	run->status = XG_UNSUPPORTED;
}

void xg_map_grants(struct xg_run *run)
{
	run->status = XG_UNSUPPORTED;
}

void xg_unmap_grants(struct xg_run *run)
{
	run->status = XG_UNSUPPORTED;
}

/* --- start ------------------------------------------------------------------- */

static void map_arena(void)
{
	for (uint64_t i = 0; i < ARENA_PAGES; i++)
		arena_tables[i] = (XG_ARENA_BASE + i * XG_PAGE) | PTE_FLAGS;
	for (uint64_t i = 0; i < ARENA_PAGES / 512; i++)
		arena_directory[i] = (uintptr_t)&arena_tables[i * 512] |
				     PTE_FLAGS;
	pdpt[XG_ARENA_BASE / GIB] = (uintptr_t)arena_directory | PTE_FLAGS;
	pml4[0] |= PTE_FLAGS;
}

static void fill_idt(void)
{
	for (int i = 0; i < 32; i++) {
		uint64_t entry = (uintptr_t)bare_vectors[i];

		/* An interrupt gate to the code segment. */
		idt[i][0] = (entry & 0xffff) | 0x08ULL << 16 | 0x8eULL << 40 |
			    (entry >> 16 & 0xffff) << 48;
		idt[i][1] = entry >> 32;
	}
}

/* What each vCPU has of its own. */
static void set_up_cpu(unsigned int number)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {
		sizeof(idt) - 1, (uintptr_t)idt,
	};
	uint32_t eax = 1, ebx, ecx = 0, edx;
	struct cpu *cpu = &cpus[number];

	asm volatile("cpuid" : "+a" (eax), "=b" (ebx), "+c" (ecx), "=d" (edx));
	cpu->self = cpu;
	cpu->number = number;
	cpu->apic = ebx >> 24;
	/* It may have been reset in the middle of something. */
	cpu->landing = NULL;
	asm volatile("wrmsr" :: "c" (MSR_GS_BASE), "a" ((uint32_t)(uintptr_t)cpu),
		     "d" (0));
	asm volatile("lidt %0" :: "m" (pointer));
}

/* One that has no state, or none any more.  By one vCPU at a time. */
static bool start_cpu(unsigned int number)
{
	static struct vcpu_hvm_context context;
	uint64_t cr0, cr3, cr4;

	asm("movq %%cr0, %0" : "=r" (cr0));
	asm("movq %%cr3, %0" : "=r" (cr3));
	asm("movq %%cr4, %0" : "=r" (cr4));
	context.mode = VCPU_HVM_MODE_64B;
	context.cpu_regs.x86_64 = (struct vcpu_hvm_x86_64) {
		.rip = (uintptr_t)bare_other, .rdi = number, .rflags = 2,
		.rsp = (uintptr_t)stacks[number] + sizeof(stacks[number]),
		.cr0 = cr0, .cr3 = cr3, .cr4 = cr4, .efer = 0x500,
	};
	return !CALL(__HYPERVISOR_vcpu_op, VCPUOP_initialise, number,
		     (uintptr_t)&context) &&
	       !CALL(__HYPERVISOR_vcpu_op, VCPUOP_up, number);
}

/**
 * port_reset - reset another vCPU, wherever it is, and start it again
 * @cpu: its number
 *
 * By an interrupt of the kind that processors are started with.  Xen has done
 * it when the next instruction is executed here, and only then takes a vCPU for
 * one that has no state yet.
 *
 * Return: whether it was reset.
 */
bool port_reset(unsigned int cpu)
{
	*(volatile uint32_t *)APIC_ICR2 = cpus[cpu].apic << 24;
	*(volatile uint32_t *)APIC_ICR = ICR_INIT;
	return start_cpu(cpu);
}

/* Called by bare-boot.S on each vCPU.  Does not return. */
void bare_main(unsigned int cpu)
{
	if (cpu == 0) {
		find_xen();
		map_arena();
		fill_idt();
	}
	set_up_cpu(cpu);
	if (cpu == 0) {
		share_info();
		while (port_cpus < XG_MAX_CPUS &&
		       CALL(__HYPERVISOR_vcpu_op, VCPUOP_is_up, port_cpus) >= 0)
			port_cpus++;
		for (unsigned int i = 1; i < port_cpus; i++)
			if (!start_cpu(i))
				complain("XG-GUEST cannot start a vCPU\n");
		say("XG-GUEST ready\n");
	}
	xg_serve(cpu);
}
