// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a program of the benchmark counts and reports; see measure.h.
 *
 * One thread measures; nothing here is for others.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "buffers.h"
#include "measure.h"

unsigned int turns = MAX_TURNS;
bool quick;
volatile struct bench_box *box;
unsigned int count_part;

static const char *program;

void measure_begin(int argc, char **argv, const char *what)
{
	program = what;
	if (argc > 1 && !strcmp(argv[1], "quick")) {
		quick = true;
		turns = 1;
	}
	printf("XG-TEST start bench-%s T0\n", program);
	fflush(stdout);
}

void measure_end(void)
{
	printf("XG-TEST pass bench-%s 0\n", program);
}

void die(const char *fmt, ...)
{
	va_list ap;

	printf("XG-TEST fail bench-%s 0 ", program);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	exit(1);
}

void report(const char *name, uint64_t value, uint64_t per)
{
	printf("XG-INFO BENCH %s %.2f\n", name, (double)value / per);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

uint64_t middle(uint64_t *v)
{
	qsort(v, turns, sizeof(*v), compare);
	return v[turns / 2];
}

static uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)
			 :: "memory");
	return (uint64_t)high << 32 | low;
}

void count_begin(struct count *c)
{
	usleep(QUIET_US);
	vm_watch(true);
	c->slept = vm_slept();
	c->ticks = ticks();
	bench_mark(count_part);
}

uint64_t count_end(const struct count *c)
{
	uint64_t all, slept;

	bench_mark(0);
	all = ticks() - c->ticks;
	slept = vm_slept() - c->slept;
	vm_watch(false);
	return above(all, slept);
}

/* --- parts --------------------------------------------------------------- */

static void copy_file(const char *from, const char *to)
{
	FILE *in = fopen(from, "re"), *out = fopen(to, "we");
	char buf[4096];
	size_t n;

	if (!in || !out)
		die("%s: %s", in ? to : from, strerror(errno));
	while ((n = fread(buf, 1, sizeof(buf), in)))
		fwrite(buf, 1, n, out);
	fclose(in);
	if (fclose(out))
		die("%s: %s", to, strerror(errno));
}

static void trace_points_on(void)
{
	FILE *f = fopen("/sys/kernel/tracing/events/xen_gpumem/enable", "we");

	if (!f || fputs("1", f) < 0 || fclose(f))
		die("trace points: %s", strerror(errno));
}

bool measure_layers(int argc, char **argv)
{
	bool layers = argc > 1 && !strcmp(argv[1], "layers");

	if (layers)
		copy_file("/proc/kallsyms", "/xg/out/kallsyms");
	if (layers && argc > 2 && !strcmp(argv[2], "traced"))
		trace_points_on();
	return layers;
}

void part_begin(const char *name, unsigned int per)
{
	static unsigned int last;

	if (++last == BENCH_PARTS)
		die("more parts than marks");
	printf("XG-INFO PART %u %s %u\n", last, name, per);
	fflush(stdout);
	count_part = last;
}

void part_end(void)
{
	count_part = 0;
}

/* --- the guest ----------------------------------------------------------- */

void guest_begin(unsigned int cpu, enum bench_cmd cmd,
		 const uint64_t arg[BENCH_ARGS])
{
	volatile struct bench_slot *slot = &box->slot[cpu];

	slot->cmd = cmd;
	for (int i = 0; i < BENCH_ARGS; i++)
		slot->arg[i] = arg[i];
	__atomic_store_n(&slot->seq, slot->seq + 1, __ATOMIC_RELEASE);
	vm_go(cpu);
}

void guest_start(unsigned int vcpus)
{
	box = buffer_memfd(BENCH_PAGE);
	memset((void *)box, 0, BENCH_PAGE);
	box->vcpus = vcpus;
	vm_start(vcpus, box);
	for (unsigned int i = 0; i < vcpus; i++) {
		guest_begin(i, BENCH_PING, (uint64_t[BENCH_ARGS]){ 0 });
		vm_wait(i);
		if (box->slot[i].result[0] != i)
			die("vCPU %u is not there", i);
	}
}
