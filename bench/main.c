// SPDX-License-Identifier: GPL-2.0-only
/*
 * The measurements, the same for every kind of guest.
 *
 *   xgb-lend|xgb-kvm [quick|layers [traced]]
 *
 * Values are per page unless a name says otherwise.  Between measurements
 * everything is as at the beginning: nothing bound, nothing lent.  With "quick"
 * the largest are left out.  With "layers" nothing is measured: a few of the
 * same things are done once between marks, for an emulator that tells what is
 * executed in between (count.c), and the kernel's symbols are left for it.
 *
 * Two ways to count.  What the guest does is counted by the guest, from before
 * its first access to after its last; the machine has work all that time.
 * What the host does is counted here; see measure.h.
 *
 * Each checks that it measured what it says: that pages were absent before
 * and are there afterwards shows in the cost of touching them once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "buffers.h"
#include "measure.h"

#define SIZE		(16 * MIB)
#define PAGES		(SIZE / BENCH_PAGE)
#define RANDOM_PAGES	1024

/*
 * Instructions per access: to a page that is there a few, for a fault
 * thousands, which are shared by as many pages as it brings in.  Any number of
 * accesses can be interrupted once, by a timer.
 */
#define PRESENT_MOST	100
#define FAULT_LEAST	20
#define INTERRUPT_MOST	100000

/* --- what the guest does ------------------------------------------------- */

static void begin(unsigned int cpu, enum bench_cmd cmd, uint64_t offset,
		  uint64_t pages)
{
	guest_begin(cpu, cmd, (uint64_t[BENCH_ARGS]){
		BENCH_WINDOW + offset, pages, true, count_part,
	});
}

/* Write to all pages once.  Return: instructions from first access to last. */
static uint64_t touch(uint64_t offset, uint64_t pages)
{
	usleep(QUIET_US);
	begin(0, BENCH_TOUCH, offset, pages);
	vm_wait(0);
	return box->slot[0].result[1] - box->slot[0].result[0];
}

static void must_be_there(uint64_t offset, uint64_t pages)
{
	uint64_t t = touch(offset, pages);

	if (t > pages * PRESENT_MOST + INTERRUPT_MOST)
		die("pages are missing: %lu instructions each", t / pages);
}

/* The same where the pages must be absent before. */
static uint64_t touch_absent(uint64_t offset, uint64_t pages)
{
	uint64_t t = touch(offset, pages);

	if (t / pages < FAULT_LEAST)
		die("pages are there that should not be: %lu instructions each",
		    t / pages);
	must_be_there(offset, pages);
	return t;
}

static uint64_t first_touch(volatile void *p, uint64_t pages)
{
	uint64_t t;

	vm_bind(0, pages * BENCH_PAGE, p);
	t = touch_absent(0, pages);
	vm_unbind(0, pages * BENCH_PAGE);
	return t;
}

/* --- faults -------------------------------------------------------------- */

static void fault_sequential(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t t[MAX_TURNS];

	for (unsigned int i = 0; i < turns; i++)
		t[i] = first_touch(p, PAGES);
	report("fault.seq", middle(t), PAGES);
	buffer_free(p, SIZE);
}

/* One whole round trip each: nothing is brought in besides. */
static void fault_random(void)
{
	volatile char *p = buffer_memfd(RANDOM_PAGES * BENCH_PAGE);
	volatile uint64_t *r = box->slot[0].result;
	uint64_t t[MAX_TURNS], p90[MAX_TURNS];

	vm_fault_around(1);
	for (unsigned int i = 0; i < turns; i++) {
		vm_bind(0, RANDOM_PAGES * BENCH_PAGE, p);
		usleep(QUIET_US);
		begin(0, BENCH_RANDOM, 0, RANDOM_PAGES);
		vm_wait(0);
		t[i] = r[1];
		p90[i] = r[2];
		if (t[i] < FAULT_LEAST)
			die("%lu instructions for a fault", t[i]);
		must_be_there(0, RANDOM_PAGES);
		vm_unbind(0, RANDOM_PAGES * BENCH_PAGE);
	}
	vm_fault_around(0);
	report("fault.rand", middle(t), 1);
	report("fault.rand.p90", middle(p90), 1);
	buffer_free(p, RANDOM_PAGES * BENCH_PAGE);
}

static void fault_vram(void)
{
	struct vram bo;
	uint64_t t[MAX_TURNS];

	if (!vram_new(&bo, SIZE))
		die("there is no qxl card");
	for (unsigned int i = 0; i < turns; i++)
		t[i] = first_touch(bo.map, PAGES);
	report("fault.vram", middle(t), PAGES);
	vram_free(&bo);
}

/* Each vCPU has its own part. */
static uint64_t touch_together(unsigned int vcpus)
{
	uint64_t part = PAGES / vcpus, first = UINT64_MAX, last = 0;

	usleep(QUIET_US);
	for (unsigned int c = 0; c < vcpus; c++)
		begin(c, BENCH_TOUCH, c * part * BENCH_PAGE, part);
	for (unsigned int c = 0; c < vcpus; c++) {
		volatile uint64_t *r = box->slot[c].result;

		vm_wait(c);
		first = r[0] < first ? r[0] : first;
		last = r[1] > last ? r[1] : last;
	}
	return last - first;
}

static void fault_vcpus(unsigned int vcpus)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t t[MAX_TURNS];
	char name[32];

	for (unsigned int i = 0; i < turns; i++) {
		vm_bind(0, SIZE, p);
		t[i] = touch_together(vcpus);
		must_be_there(0, PAGES);
		vm_unbind(0, SIZE);
	}
	snprintf(name, sizeof(name), "fault.vcpus.%u", vcpus);
	report(name, middle(t), PAGES);
	buffer_free(p, SIZE);
}

static void populate(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t t[MAX_TURNS];
	struct count c;

	for (unsigned int i = 0; i < turns; i++) {
		vm_bind(0, SIZE, p);
		count_begin(&c);
		vm_populate(0, SIZE);
		t[i] = count_end(&c);
		must_be_there(0, PAGES);
		vm_unbind(0, SIZE);
	}
	report("populate", middle(t), PAGES);
	buffer_free(p, SIZE);
}

static void touch_present(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t t[MAX_TURNS];

	vm_bind(0, SIZE, p);
	touch_absent(0, PAGES);
	for (unsigned int i = 0; i < turns; i++)
		t[i] = touch(0, PAGES);
	report("touch", middle(t), PAGES);
	vm_unbind(0, SIZE);
	buffer_free(p, SIZE);
}

/* --- taking back --------------------------------------------------------- */

static void drop(volatile char *p)
{
	if (madvise((void *)p, SIZE, MADV_DONTNEED))
		die("madvise: %s", strerror(errno));
}

/* The whole of it, which the process has mapped and the guest may have too. */
static uint64_t drop_all(volatile char *p, bool lent)
{
	struct count c;
	uint64_t t;

	buffer_touch(p, SIZE);
	if (lent) {
		vm_bind(0, SIZE, p);
		touch_absent(0, PAGES);
	}
	count_begin(&c);
	drop(p);
	t = count_end(&c);
	if (lent) {
		touch_absent(0, PAGES);
		vm_unbind(0, SIZE);
	}
	return t;
}

static void take_back(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t lent[MAX_TURNS], unlent[MAX_TURNS], base;

	for (unsigned int i = 0; i < turns; i++) {
		unlent[i] = drop_all(p, false);
		lent[i] = drop_all(p, true);
	}
	base = middle(unlent);
	report("host.drop", base, PAGES);
	report("revoke", above(middle(lent), base), PAGES);
	buffer_free(p, SIZE);
}

/*
 * Calls for memory that nobody has: neither the process, so that little hides
 * what the notifier costs, nor the guest.
 */
static uint64_t drop_nothing(volatile char *p, bool bound)
{
	const unsigned int calls = 64;
	struct count c;
	uint64_t t;

	drop(p);
	if (bound)
		vm_bind(0, SIZE, p);
	count_begin(&c);
	for (unsigned int i = 0; i < calls; i++)
		drop(p);
	t = count_end(&c) / calls;
	if (bound)
		vm_unbind(0, SIZE);
	return t;
}

static void take_back_nothing(void)
{
	volatile char *p = buffer_memfd(SIZE);
	uint64_t bound[MAX_TURNS], unbound[MAX_TURNS], base;

	for (unsigned int i = 0; i < turns; i++) {
		unbound[i] = drop_nothing(p, false);
		bound[i] = drop_nothing(p, true);
	}
	base = middle(unbound);
	report("host.drop.nothing", base, 1);
	report("revoke.nothing", above(middle(bound), base), 1);
	buffer_free(p, SIZE);
}

static void move(void)
{
	uint64_t t[MAX_TURNS], evict[MAX_TURNS];
	struct count c;
	struct vram bo;

	if (!vram_new(&bo, SIZE))
		die("there is no qxl card");
	for (unsigned int i = 0; i < turns; i++) {
		vram_bring_back(&bo);
		vm_bind(0, SIZE, bo.map);
		touch_absent(0, PAGES);
		count_begin(&c);
		vram_evict(&bo);
		evict[i] = count_end(&c);
		t[i] = evict[i] + touch_absent(0, PAGES);
		vm_unbind(0, SIZE);
	}
	report("move", middle(t), PAGES);
	report("move.evict", middle(evict), PAGES);
	vram_free(&bo);
}

/* --- bindings ------------------------------------------------------------ */

/* Bind and unbind. */
static void window(const char *name, uint64_t length, unsigned int times)
{
	void *p = mmap(NULL, length, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t t[MAX_TURNS];
	struct count c;

	if (p == MAP_FAILED)
		die("no room for %lu bytes: %s", length, strerror(errno));
	for (unsigned int i = 0; i < turns; i++) {
		count_begin(&c);
		for (unsigned int n = 0; n < times; n++) {
			vm_bind(0, length, p);
			vm_unbind(0, length);
		}
		t[i] = count_end(&c);
	}
	report(name, middle(t), times);
	munmap(p, length);
}

/* --- what grows ---------------------------------------------------------- */

/* First touch, per page, as the memory grows. */
static void scale_size(void)
{
	static const unsigned int sizes[] = { 1, 16, 256, 1024 };

	for (unsigned int i = 0; i < (quick ? 2 : 4); i++) {
		uint64_t length = sizes[i] * MIB, pages = length / BENCH_PAGE;
		volatile char *p = buffer_memfd(length);
		char name[32];

		snprintf(name, sizeof(name), "scale.size.%um", sizes[i]);
		report(name, first_touch(p, pages), pages);
		buffer_free(p, length);
	}
}

/*
 * One more binding, of a page, as there are more of them: what the last 256 of
 * so many cost, each.  They stay, for vm_stop().
 */
static void scale_bindings(void)
{
	static const unsigned int marks[] = { 256, 1024, 4096, 16384, 32512 };
	volatile char *p = buffer_memfd(BENCH_PAGE);
	const unsigned int part = 256;
	unsigned int n = 0;
	struct count c;
	char name[32];

	for (unsigned int i = 0; i < (quick ? 2 : 5); i++) {
		/* Every other page: neighbours could be one. */
		for (; n < marks[i] - part; n++)
			vm_bind(2 * n * BENCH_PAGE, BENCH_PAGE, p);
		count_begin(&c);
		for (; n < marks[i]; n++)
			vm_bind(2 * n * BENCH_PAGE, BENCH_PAGE, p);
		snprintf(name, sizeof(name), "scale.bindings.%u", marks[i]);
		report(name, count_end(&c), part);
	}
}

/* ------------------------------------------------------------------------- */

static void measure_one(void)
{
	fault_sequential();
	fault_random();
	fault_vram();
	populate();
	touch_present();
	take_back();
	take_back_nothing();
	move();
	window("window.4k", BENCH_PAGE, 64);
	window("window.16m", 16 * MIB, 16);
	window("window.8g", WINDOW_SIZE, 4);
	fault_vcpus(1);
	scale_size();
	scale_bindings();
}

/* --- where it goes ------------------------------------------------------- */

#define LAYER_PAGES	1024

static void count_faults(const char *name, enum bench_cmd cmd,
			 unsigned int pages)
{
	volatile char *p = buffer_memfd(pages * BENCH_PAGE);

	/* Once before, as what is grown once is not counted elsewhere either. */
	for (int turn = 0; turn < 2; turn++) {
		vm_bind(0, pages * BENCH_PAGE, p);
		usleep(QUIET_US);
		if (turn)
			part_begin(name, pages);
		begin(0, cmd, 0, pages);
		vm_wait(0);
		part_end();
		must_be_there(0, pages);
		vm_unbind(0, pages * BENCH_PAGE);
	}
	buffer_free(p, pages * BENCH_PAGE);
}

static void count_populate(void)
{
	volatile char *p = buffer_memfd(SIZE);
	struct count c;

	vm_bind(0, SIZE, p);
	part_begin("populate", PAGES);
	count_begin(&c);
	vm_populate(0, SIZE);
	count_end(&c);
	part_end();
	must_be_there(0, PAGES);

	part_begin("revoke", PAGES);
	count_begin(&c);
	drop(p);
	count_end(&c);
	part_end();
	vm_unbind(0, SIZE);
	buffer_free(p, SIZE);
}

static void count_bind(void)
{
	volatile char *p = buffer_memfd(SIZE);
	struct count c;

	vm_bind(0, SIZE, p);
	vm_unbind(0, SIZE);
	part_begin("window.16m", 1);
	count_begin(&c);
	vm_bind(0, SIZE, p);
	vm_unbind(0, SIZE);
	count_end(&c);
	part_end();
	buffer_free(p, SIZE);
}

static void count_layers(void)
{
	vm_fault_around(1);
	count_faults("fault.rand", BENCH_RANDOM, LAYER_PAGES);
	vm_fault_around(0);
	count_faults("fault.seq", BENCH_TOUCH, LAYER_PAGES);
	count_populate();
	count_bind();
}

/* ------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
	bool layers;

	measure_begin(argc, argv, vm_kind);
	layers = measure_layers(argc, argv);
	guest_start(1);
	if (layers)
		count_layers();
	else
		measure_one();
	vm_stop();

	if (!layers) {
		guest_start(4);
		fault_vcpus(4);
		vm_stop();
	}
	measure_end();
	return 0;
}
