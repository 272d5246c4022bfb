// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of a benchmark under KVM: the peer.
 *
 * As small as a user of KVM can be: memory slots, vCPUs, and a thread for each
 * that enters the guest whenever there is a command.  Idle vCPUs are out of
 * the guest, so that nothing has to be done to keep them quiet.
 *
 * Changing a memory slot waits for a grace period, by turns of a worker and of
 * a timer; the machine sleeps meanwhile, and the clock runs on.  Linux does not
 * tell for how long, not precisely.  So a thread of the lowest class, which
 * runs only where the CPU would have nothing else to do, uses that time up,
 * and what it used is known.
 *
 * Locks: vcpu.lock, and idler.lock; neither is held while the other is taken.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define PAYLOAD		"/bin/bench-payload"
#define SLOT_RAM	0
#define SLOT_BOX	1
#define SLOT_FIRST	2
#define SLOTS		32764

const char vm_kind[] = "kvm";

static struct vcpu {
	int fd;
	unsigned int number;
	struct kvm_run *run;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool go, done, end;
} vcpus[BENCH_CPUS];

static struct {
	pthread_t thread;
	clockid_t used;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool on;
} idler = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static int kvm = -1, vm = -1;
static unsigned int nr_vcpus;
static size_t run_size;
static void *ram;
static uint64_t entry;
static volatile struct bench_box *the_box;
/* Which memory slot holds the binding that begins at a page of the window. */
static uint16_t slot_of[WINDOW_SIZE / BENCH_PAGE];
static uint16_t free_slots[SLOTS];
static unsigned int nr_free;

static void set_slot(unsigned int slot, uint64_t gpa, uint64_t length,
		     volatile void *address)
{
	struct kvm_userspace_memory_region r = {
		.slot = slot, .guest_phys_addr = gpa, .memory_size = length,
		.userspace_addr = (uintptr_t)address,
	};

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r))
		die("memory slot %u: %s", slot, strerror(errno));
}

static void load_payload(void)
{
	int fd = open(PAYLOAD, O_RDONLY | O_CLOEXEC);
	const Elf64_Ehdr *eh;
	const Elf64_Phdr *ph;
	struct stat st;
	char *file;

	if (fd < 0 || fstat(fd, &st))
		die("%s: %s", PAYLOAD, strerror(errno));
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED)
		die("%s: %s", PAYLOAD, strerror(errno));
	close(fd);
	eh = (const void *)file;
	ph = (const void *)(file + eh->e_phoff);
	entry = eh->e_entry;
	for (int i = 0; i < eh->e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD)
			continue;
		if (ph[i].p_paddr + ph[i].p_memsz > BENCH_RAM)
			die("%s is too large", PAYLOAD);
		memcpy((char *)ram + ph[i].p_paddr, file + ph[i].p_offset,
		       ph[i].p_filesz);
	}
	munmap(file, st.st_size);
}

/* 32 bits, flat, no paging: what Xen gives a PVH guest. */
static void set_registers(struct vcpu *v)
{
	struct kvm_segment code = {
		.limit = ~0U, .selector = 8, .type = 11, .present = 1,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_segment data = {
		.limit = ~0U, .selector = 16, .type = 3, .present = 1,
		.db = 1, .s = 1, .g = 1,
	};
	struct kvm_regs regs = {
		.rax = v->number, .rflags = 2,
		.rip = entry + (v->number ? 16 : 0),
	};
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS: %s", strerror(errno));
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 = 0x11;
	if (ioctl(v->fd, KVM_SET_SREGS, &s) || ioctl(v->fd, KVM_SET_REGS, &regs))
		die("KVM_SET_REGS: %s", strerror(errno));
}

static void set_cpuid(struct vcpu *v)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[128];
	} id;

	id.head.nent = 128;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &id) ||
	    ioctl(v->fd, KVM_SET_CPUID2, &id))
		die("cpuid: %s", strerror(errno));
}

static void enter(struct vcpu *v)
{
	do {
		if (ioctl(v->fd, KVM_RUN, 0) && errno != EINTR)
			die("KVM_RUN: %s", strerror(errno));
	} while (v->run->exit_reason == KVM_EXIT_INTR);
	if (v->run->exit_reason != KVM_EXIT_IO ||
	    v->run->io.port != BENCH_PORT)
		die("vCPU %u left the guest: reason %u", v->number,
		    v->run->exit_reason);
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;

	pthread_mutex_lock(&v->lock);
	while (!v->end) {
		if (!v->go) {
			pthread_cond_wait(&v->changed, &v->lock);
			continue;
		}
		v->go = false;
		pthread_mutex_unlock(&v->lock);
		/* It may take a look before it finds the command. */
		do {
			enter(v);
		} while (the_box->slot[v->number].done !=
			 the_box->slot[v->number].seq);
		pthread_mutex_lock(&v->lock);
		v->done = true;
		pthread_cond_broadcast(&v->changed);
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

static void start_vcpu(unsigned int number)
{
	struct vcpu *v = &vcpus[number];

	memset(v, 0, sizeof(*v));
	v->number = number;
	v->fd = ioctl(vm, KVM_CREATE_VCPU, number);
	if (v->fd < 0)
		die("KVM_CREATE_VCPU: %s", strerror(errno));
	v->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
		      0);
	if (v->run == MAP_FAILED)
		die("vCPU %u: %s", number, strerror(errno));
	set_cpuid(v);
	set_registers(v);
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->changed, NULL);
	if (pthread_create(&v->thread, NULL, vcpu_thread, v))
		die("no thread for vCPU %u", number);
}

/* --- time without work --------------------------------------------------- */

static void *idler_thread(void *arg)
{
	const struct sched_param param = { 0 };

	if (sched_setscheduler(0, SCHED_IDLE, &param))
		die("no idle class: %s", strerror(errno));
	for (;;) {
		pthread_mutex_lock(&idler.lock);
		while (!idler.on)
			pthread_cond_wait(&idler.changed, &idler.lock);
		pthread_mutex_unlock(&idler.lock);
		while (__atomic_load_n(&idler.on, __ATOMIC_RELAXED))
			;
	}
	return arg;
}

/* Early, as it has to run once to become what it is. */
static void start_idler(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	if (pthread_create(&idler.thread, NULL, idler_thread, NULL) ||
	    pthread_getcpuclockid(idler.thread, &idler.used))
		die("no thread for idle time");
}

void vm_watch(bool on)
{
	pthread_mutex_lock(&idler.lock);
	__atomic_store_n(&idler.on, on, __ATOMIC_RELAXED);
	pthread_cond_signal(&idler.changed);
	pthread_mutex_unlock(&idler.lock);
}

uint64_t vm_slept(void)
{
	struct timespec t;

	if (clock_gettime(idler.used, &t))
		die("idle time: %s", strerror(errno));
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* ------------------------------------------------------------------------- */

void vm_start(unsigned int count, volatile struct bench_box *box)
{
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		die("/dev/kvm: %s", strerror(errno));
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		die("KVM_CREATE_VM: %s", strerror(errno));
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	ram = mmap(NULL, BENCH_RAM, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED)
		die("guest RAM: %s", strerror(errno));
	load_payload();
	start_idler();
	the_box = box;
	set_slot(SLOT_RAM, 0, BENCH_RAM, ram);
	set_slot(SLOT_BOX, BENCH_BOX, BENCH_PAGE, box);
	for (nr_free = 0; nr_free < SLOTS - SLOT_FIRST; nr_free++)
		free_slots[nr_free] = SLOTS - 1 - nr_free;
	nr_vcpus = count;
	/* The first one makes the page tables that the others use. */
	for (unsigned int i = 0; i < count; i++)
		start_vcpu(i);
}

void vm_stop(void)
{
	for (unsigned int i = 0; i < nr_vcpus; i++) {
		struct vcpu *v = &vcpus[i];

		pthread_mutex_lock(&v->lock);
		v->end = true;
		pthread_cond_broadcast(&v->changed);
		pthread_mutex_unlock(&v->lock);
		pthread_join(v->thread, NULL);
		munmap(v->run, run_size);
		close(v->fd);
	}
	close(vm);
	close(kvm);
	munmap(ram, BENCH_RAM);
}

void vm_bind(uint64_t offset, uint64_t length, volatile void *address)
{
	unsigned int slot;

	if (!nr_free)
		die("no memory slot left");
	slot = free_slots[--nr_free];
	slot_of[offset / BENCH_PAGE] = slot;
	set_slot(slot, BENCH_WINDOW + offset, length, address);
}

void vm_unbind(uint64_t offset, uint64_t length)
{
	unsigned int slot = slot_of[offset / BENCH_PAGE];

	(void)length;
	set_slot(slot, BENCH_WINDOW + offset, 0, NULL);
	free_slots[nr_free++] = slot;
}

void vm_populate(uint64_t offset, uint64_t length)
{
	struct kvm_pre_fault_memory p = {
		.gpa = BENCH_WINDOW + offset, .size = length,
	};

	/* Idle vCPUs are out of the guest: this thread may use the first. */
	while (p.size)
		if (ioctl(vcpus[0].fd, KVM_PRE_FAULT_MEMORY, &p) &&
		    errno != EINTR)
			die("KVM_PRE_FAULT_MEMORY: %s", strerror(errno));
}

void vm_go(unsigned int cpu)
{
	struct vcpu *v = &vcpus[cpu];

	pthread_mutex_lock(&v->lock);
	v->done = false;
	v->go = true;
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
}

void vm_wait(unsigned int cpu)
{
	struct vcpu *v = &vcpus[cpu];

	pthread_mutex_lock(&v->lock);
	while (!v->done)
		pthread_cond_wait(&v->changed, &v->lock);
	pthread_mutex_unlock(&v->lock);
}

/* A fault brings one page, always. */
void vm_fault_around(unsigned int pages)
{
	(void)pages;
}
