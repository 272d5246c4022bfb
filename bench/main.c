// SPDX-License-Identifier: GPL-2.0-only
/*
 * The measurements, the same for every kind of guest.
 *
 * Each prints "XG-INFO BENCH name value" where the value is in instructions of
 * the whole machine, per page unless its name says otherwise.  Between
 * measurements everything is as at the beginning: nothing bound, nothing
 * lent.  A measurement is made three times and the middle one counts; what
 * happens once per run (allocations that grow, lazy initialisation) is then
 * not in it.
 *
 * Each checks that it measured what it says: that pages were absent before
 * and are there afterwards shows in the cost of touching them once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "buffers.h"

#define MIB		(1ULL << 20)
#define SIZE		(16 * MIB)
#define PAGES		(SIZE / BENCH_PAGE)
#define RANDOM_PAGES	1024
#define TURNS		3

static volatile struct bench_box *box;

void die(const char *fmt, ...)
{
	va_list ap;

	printf("XG-TEST fail bench-%s 0 ", vm_kind);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	exit(1);
}

static void report(const char *name, uint64_t value, uint64_t per)
{
	printf("XG-INFO BENCH %s %.1f\n", name, (double)value / per);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t middle(uint64_t v[TURNS])
{
	qsort(v, TURNS, sizeof(*v), compare);
	return v[TURNS / 2];
}

/* --- what the guest does ------------------------------------------------------- */

static void begin(unsigned int cpu, enum bench_cmd cmd, uint64_t offset,
		  uint64_t pages, bool write)
{
	volatile struct bench_slot *slot = &box->slot[cpu];

	slot->cmd = cmd;
	slot->arg[0] = BENCH_WINDOW + offset;
	slot->arg[1] = pages;
	slot->arg[2] = write;
	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_RELEASE);
	vm_go(cpu);
}

/* Return: instructions from the first access to the last. */
static uint64_t touch(uint64_t offset, uint64_t pages, bool write)
{
	begin(0, BENCH_TOUCH, offset, pages, write);
	vm_wait(0);
	return box->slot[0].result[1] - box->slot[0].result[0];
}

/* Pages that are there cost a few instructions, others thousands. */
static void must_be_there(uint64_t offset, uint64_t pages)
{
	uint64_t t = touch(offset, pages, true);

	if (t / pages > 100)
		die("pages are missing: %lu instructions each", t / pages);
}

static uint64_t first_touch(volatile void *p, uint64_t pages)
{
	uint64_t t;

	vm_bind(0, pages * BENCH_PAGE, p);
	t = touch(0, pages, true);
	if (t / pages < 20)
		die("%lu instructions for a first touch", t / pages);
	must_be_there(0, pages);
	vm_unbind(0, pages * BENCH_PAGE);
	return t;
}

/* --- the figures --------------------------------------------------------------- */

static void fault_sequential(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t t[TURNS];

	for (int i = 0; i < TURNS; i++)
		t[i] = first_touch(p, PAGES);
	report("fault.seq", middle(t), PAGES);
	buffer_free(p, SIZE);
}

static void fault_random(void)
{
	volatile char *p = buffer_memfd(RANDOM_PAGES * BENCH_PAGE);
	uint64_t t[TURNS];

	vm_fault_around(1);
	for (int i = 0; i < TURNS; i++) {
		vm_bind(0, RANDOM_PAGES * BENCH_PAGE, p);
		begin(0, BENCH_RANDOM, 0, RANDOM_PAGES, true);
		vm_wait(0);
		t[i] = box->slot[0].result[1];
		must_be_there(0, RANDOM_PAGES);
		vm_unbind(0, RANDOM_PAGES * BENCH_PAGE);
	}
	vm_fault_around(0);
	report("fault.rand", middle(t), 1);
	buffer_free(p, RANDOM_PAGES * BENCH_PAGE);
}

static void fault_vram(void)
{
	struct vram bo;
	uint64_t t[TURNS];

	if (!vram_new(&bo, SIZE))
		return;
	for (int i = 0; i < TURNS; i++)
		t[i] = first_touch(bo.map, PAGES);
	report("fault.vram", middle(t), PAGES);
	vram_free(&bo);
}

static void populate(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t t[TURNS];

	for (int i = 0; i < TURNS; i++) {
		vm_bind(0, SIZE, p);
		vm_quiet(true);
		t[i] = ticks();
		vm_populate(0, SIZE);
		t[i] = ticks() - t[i];
		vm_quiet(false);
		must_be_there(0, PAGES);
		vm_unbind(0, SIZE);
	}
	report("populate", middle(t), PAGES);
	buffer_free(p, SIZE);
}

static void touch_present(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t t[TURNS];

	vm_bind(0, SIZE, p);
	touch(0, PAGES, true);
	for (int i = 0; i < TURNS; i++)
		t[i] = touch(0, PAGES, true);
	report("touch", middle(t), PAGES);
	vm_unbind(0, SIZE);
	buffer_free(p, SIZE);
}

/* The host's cost of dropping its mapping, which it has to have first. */
static uint64_t drop(volatile char *p)
{
	uint64_t t;

	buffer_touch(p, SIZE);
	t = ticks();
	if (madvise((void *)p, SIZE, MADV_DONTNEED))
		die("madvise: %s", strerror(errno));
	return ticks() - t;
}

/* @lent: the guest has the pages; else it only could have had them */
static uint64_t drop_bound(volatile char *p, bool lent)
{
	uint64_t t;

	buffer_touch(p, SIZE);
	vm_bind(0, SIZE, p);
	if (lent)
		touch(0, PAGES, true);
	vm_quiet(true);
	t = drop(p);
	vm_quiet(false);
	if (lent && touch(0, PAGES, true) / PAGES < 20)
		die("the pages were not taken");
	vm_unbind(0, SIZE);
	return t;
}

/* What is left of @value when what happens without us is taken away. */
static uint64_t above(uint64_t value, uint64_t base)
{
	return value > base ? value - base : 0;
}

static void take_back(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t lent[TURNS], bound[TURNS], base[TURNS], unlent;

	for (int i = 0; i < TURNS; i++) {
		vm_quiet(true);
		base[i] = drop(p);
		vm_quiet(false);
		lent[i] = drop_bound(p, true);
		bound[i] = drop_bound(p, false);
	}
	unlent = middle(base);
	report("host.drop", unlent, PAGES);
	report("revoke", above(middle(lent), unlent), PAGES);
	/* Per call, of 16 MiB. */
	report("revoke.nothing", above(middle(bound), unlent), 1);
	buffer_free(p, SIZE);
}

static void move(void)
{
	struct vram bo;
	uint64_t t[TURNS], evict;

	if (!vram_new(&bo, SIZE))
		return;
	for (int i = 0; i < TURNS; i++) {
		vram_bring_back(&bo);
		vm_bind(0, SIZE, bo.map);
		touch(0, PAGES, true);
		vm_quiet(true);
		evict = ticks();
		vram_evict(&bo);
		evict = ticks() - evict;
		vm_quiet(false);
		t[i] = evict + touch(0, PAGES, true);
		must_be_there(0, PAGES);
		vm_unbind(0, SIZE);
	}
	report("move", middle(t), PAGES);
	vram_free(&bo);
}

static void window(const char *name, uint64_t length, int turns)
{
	void *p = mmap(NULL, length, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t t[TURNS];

	if (p == MAP_FAILED)
		die("no room for %lu bytes: %s", length, strerror(errno));
	vm_quiet(true);
	for (int i = 0; i < TURNS; i++) {
		t[i] = ticks();
		for (int n = 0; n < turns; n++) {
			vm_bind(0, length, p);
			vm_unbind(0, length);
		}
		t[i] = ticks() - t[i];
	}
	vm_quiet(false);
	report(name, middle(t), turns);
	munmap(p, length);
}

/* Cost per page as the memory grows. */
static void scale_size(void)
{
	for (uint64_t mib = 1; mib <= 256; mib *= 16) {
		volatile char *p = buffer_memfd(mib * MIB);
		uint64_t pages = mib * MIB / BENCH_PAGE;
		char name[32];

		snprintf(name, sizeof(name), "scale.size.%lum", mib);
		report(name, first_touch(p, pages), pages);
		buffer_free(p, mib * MIB);
	}
}

/* Cost per binding as there are more of them, one page each. */
static void scale_bindings(void)
{
	volatile char *p = buffer_memfd(BENCH_PAGE);
	const unsigned int part = 256;
	char name[32];
	uint64_t t = 0;

	for (unsigned int n = 0, mark = 0; n < 32512; n++) {
		/* Every other page: neighbours could be one. */
		if (n == mark)
			t = ticks();
		vm_bind(2 * n * BENCH_PAGE, BENCH_PAGE, p);
		if (n + 1 == mark + part) {
			snprintf(name, sizeof(name), "scale.bindings.%u",
				 mark + part);
			report(name, ticks() - t, part);
			mark = mark ? mark * 11 : part;
		}
	}
	for (unsigned int n = 0; n < 32512; n++)
		vm_unbind(2 * n * BENCH_PAGE, BENCH_PAGE);
	buffer_free(p, BENCH_PAGE);
}

static void fault_vcpus(unsigned int vcpus)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t t[TURNS], part = PAGES / vcpus, first, last;
	char name[32];

	for (int i = 0; i < TURNS; i++) {
		vm_bind(0, SIZE, p);
		for (unsigned int c = 0; c < vcpus; c++)
			begin(c, BENCH_TOUCH, c * part * BENCH_PAGE, part,
			      true);
		first = ~0ULL;
		last = 0;
		for (unsigned int c = 0; c < vcpus; c++) {
			volatile uint64_t *r = box->slot[c].result;

			vm_wait(c);
			first = r[0] < first ? r[0] : first;
			last = r[1] > last ? r[1] : last;
		}
		t[i] = last - first;
		must_be_there(0, PAGES);
		vm_unbind(0, SIZE);
	}
	snprintf(name, sizeof(name), "fault.vcpus.%u", vcpus);
	report(name, middle(t), PAGES);
	buffer_free(p, SIZE);
}

/* --- ----------------------------------------------------------------------------- */

static void guest_start(unsigned int vcpus)
{
	box = buffer_memfd(BENCH_PAGE);
	memset((void *)box, 0, BENCH_PAGE);
	box->vcpus = vcpus;
	__atomic_store_n(&box->magic, BENCH_MAGIC, __ATOMIC_RELEASE);
	vm_start(vcpus, box);
	for (unsigned int i = 0; i < vcpus; i++) {
		begin(i, BENCH_PING, 0, 0, false);
		vm_wait(i);
		if (box->slot[i].result[0] != i)
			die("vCPU %u is not there", i);
	}
}

int main(void)
{
	printf("XG-TEST start bench-%s T0\n", vm_kind);
	fflush(stdout);
	guest_start(1);
	fault_sequential();
	fault_random();
	fault_vram();
	populate();
	touch_present();
	take_back();
	move();
	window("window.4k", BENCH_PAGE, 64);
	window("window.16m", 16 * MIB, 16);
	window("window.8g", WINDOW_SIZE, 4);
	scale_size();
	scale_bindings();
	fault_vcpus(1);
	vm_stop();

	guest_start(4);
	fault_vcpus(4);
	vm_stop();
	printf("XG-TEST pass bench-%s 0\n", vm_kind);
	return 0;
}
