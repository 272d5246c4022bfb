// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to have a guest's pages on the host, beside what Linux has for
 * that: gntdev for grants, privcmd for frames.
 *
 *   xgb-export [quick|layers [traced]]
 *
 * The guest grants 16 MiB once.  Then all ways get the same pages and give them
 * back, in turn.  For each the getting and the giving back are counted, by
 * page, and both once more where a process reads a word of each page in
 * between (".cpu"): an export has no page table entries before, the others make
 * them all at once.
 *
 * Each checks that it measured what it says: with all pages there the guest
 * sees that many of its grants mapped, and the process the right words;
 * afterwards no grant is mapped.
 *
 * With "layers" nothing is measured: all is done once between marks (count.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/gpumem.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/sys/gntdev.h>
#include <xen/sys/privcmd.h>

#include "bench.h"
#include "measure.h"
#include "xen.h"

#define PAGES	BENCH_SHARED_PAGES
#define WORDS	(BENCH_PAGE / sizeof(uint64_t))

/* For memory by page: each page so often that it stands out. */
#define TIMES	16U
/* Seconds until what is freed is free. */
#define SETTLE	3

/* The pages to get, in order: more than once where it is about memory. */
static struct {
	uint32_t nr;
	uint32_t ref[PAGES * TIMES];
} list;

/* What has been got. */
static struct {
	int fd;			/* a dma-buf */
	uint64_t index;		/* of gntdev's */
	volatile uint64_t *map;
} got;

static int gntdev, privcmd;

/* --- ways ---------------------------------------------------------------- */

static volatile uint64_t *map_shared(int fd, uint64_t offset)
{
	void *p = mmap(NULL, list.nr * BENCH_PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, offset);

	if (p == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return p;
}

static void unmap(void)
{
	if (got.map && munmap((void *)got.map, list.nr * BENCH_PAGE))
		die("munmap: %s", strerror(errno));
	got.map = NULL;
}

static void grants_get(void)
{
	struct xen_gpumem_export_grants e = {
		.size = sizeof(e), .refs = (uintptr_t)list.ref,
		.count = list.nr,
	};

	got.fd = ioctl(xen_guest_fd(), XEN_GPUMEM_EXPORT_GRANTS, &e);
	if (got.fd < 0)
		die("EXPORT_GRANTS: %s", strerror(errno));
}

/* As many ranges as there are times each page. */
static void frames_get(void)
{
	struct xen_gpumem_frames range[TIMES];
	struct xen_gpumem_export_frames e = {
		.size = sizeof(e), .ranges = (uintptr_t)range,
		.nr_ranges = list.nr / PAGES,
	};

	for (uint32_t i = 0; i < e.nr_ranges; i++) {
		range[i].gpa = BENCH_SHARED;
		range[i].length = PAGES * BENCH_PAGE;
	}
	got.fd = ioctl(xen_guest_fd(), XEN_GPUMEM_EXPORT_FRAMES, &e);
	if (got.fd < 0)
		die("EXPORT_FRAMES: %s", strerror(errno));
}

static void export_put(void)
{
	unmap();
	close(got.fd);
}

/* Mapping for the process is what maps them at all. */
static void gntdev_get(void)
{
	static struct {
		uint32_t count, pad;
		uint64_t index;
		struct ioctl_gntdev_grant_ref refs[PAGES * TIMES];
	} m;

	_Static_assert(sizeof(struct ioctl_gntdev_map_grant_ref) == 24,
		       "one reference, and before it as above");
	m.count = list.nr;
	for (uint32_t i = 0; i < list.nr; i++) {
		m.refs[i].domid = xen_guest_id();
		m.refs[i].ref = list.ref[i];
	}
	if (ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &m))
		die("MAP_GRANT_REF: %s", strerror(errno));
	got.index = m.index;
	got.map = map_shared(gntdev, m.index);
}

static void gntdev_put(void)
{
	struct ioctl_gntdev_unmap_grant_ref u = {
		.index = got.index, .count = list.nr,
	};

	unmap();
	if (ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u))
		die("UNMAP_GRANT_REF: %s", strerror(errno));
}

static void privcmd_get(void)
{
	static xen_pfn_t frame[PAGES];
	static int error[PAGES];
	privcmd_mmapbatch_v2_t m = {
		.num = PAGES, .dom = xen_guest_id(), .arr = frame,
		.err = error,
	};

	for (uint32_t i = 0; i < PAGES; i++)
		frame[i] = BENCH_SHARED / BENCH_PAGE + i;
	got.map = map_shared(privcmd, 0);
	m.addr = (uintptr_t)got.map;
	if (ioctl(privcmd, IOCTL_PRIVCMD_MMAPBATCH_V2, &m))
		die("MMAPBATCH_V2: %s", strerror(errno));
}

static const struct way {
	const char *name;
	void (*get)(void);
	void (*put)(void);
	bool grants;
} ways[] = {
	{ "grants", grants_get, export_put, true },
	{ "frames", frames_get, export_put, false },
	{ "gntdev", gntdev_get, gntdev_put, true },
	{ "privcmd", privcmd_get, unmap, false },
};

#define NR_WAYS		(sizeof(ways) / sizeof(ways[0]))

/* --- instructions -------------------------------------------------------- */

/* The guest's grants that are mapped now must be so many. */
static void must_be_mapped(uint64_t nr)
{
	guest_begin(0, BENCH_MAPPED, (uint64_t[BENCH_ARGS]){ 0 });
	vm_wait(0);
	if (box->slot[0].result[0] != nr)
		die("%lu of the guest's grants are mapped, not %lu",
		    (unsigned long)box->slot[0].result[0], (unsigned long)nr);
}

/* A word of each page.  Return: how many are wrong */
static uint32_t read_all(const uint32_t *expected)
{
	uint32_t wrong = 0;

	if (!got.map)
		got.map = map_shared(got.fd, 0);
	for (uint32_t i = 0; i < list.nr; i++)
		wrong += got.map[i * WORDS] != expected[i];
	return wrong;
}

static void measure(const struct way *way, const char *suffix, bool cpu,
		    const uint32_t *expected)
{
	uint64_t get[MAX_TURNS], put[MAX_TURNS];
	uint32_t wrong = 0;
	struct count c;
	char name[64];

	for (unsigned int i = 0; i < turns; i++) {
		count_begin(&c);
		way->get();
		if (cpu)
			wrong = read_all(expected);
		get[i] = count_end(&c);
		must_be_mapped(way->grants ? list.nr : 0);
		if (wrong)
			die("%s: %u pages are others", way->name, wrong);
		count_begin(&c);
		way->put();
		put[i] = count_end(&c);
		must_be_mapped(0);
	}
	snprintf(name, sizeof(name), "export.%s%s", way->name, suffix);
	report(name, middle(get), list.nr);
	snprintf(name, sizeof(name), "export.%s%s.release", way->name, suffix);
	report(name, middle(put), list.nr);
}

/* References from @first on, each step @step on and around. */
static void make_list(uint32_t first, uint32_t step, uint32_t *expected)
{
	for (list.nr = 0; list.nr < PAGES; list.nr++) {
		expected[list.nr] = (uint64_t)list.nr * step % PAGES;
		list.ref[list.nr] = first + expected[list.nr];
	}
}

static void measure_all(uint32_t first)
{
	static uint32_t expected[PAGES];

	make_list(first, 1, expected);
	for (unsigned int i = 0; i < NR_WAYS; i++) {
		/* What only the first time costs, "quick" would count. */
		ways[i].get();
		ways[i].put();
		measure(&ways[i], "", false, NULL);
		measure(&ways[i], ".cpu", true, expected);
	}
	/* None follows the one before. */
	make_list(first, 1031, expected);
	for (unsigned int i = 0; i < NR_WAYS; i++)
		if (ways[i].grants)
			measure(&ways[i], ".scattered", false, NULL);
}

/* --- where it goes ------------------------------------------------------- */

static void count_way(const struct way *way, const char *suffix, bool cpu,
		      const uint32_t *expected)
{
	struct count c;
	char name[64];

	snprintf(name, sizeof(name), "export.%s%s", way->name, suffix);
	part_begin(name, list.nr);
	count_begin(&c);
	way->get();
	if (cpu)
		read_all(expected);
	count_end(&c);

	snprintf(name, sizeof(name), "export.%s%s.release", way->name, suffix);
	part_begin(name, list.nr);
	count_begin(&c);
	way->put();
	count_end(&c);
	part_end();
}

/* Those who map for a process in any case need no look at that apart. */
static void count_layers(uint32_t first)
{
	static uint32_t expected[PAGES];

	make_list(first, 1, expected);
	for (unsigned int i = 0; i < NR_WAYS; i++) {
		ways[i].get();
		ways[i].put();
		if (ways[i].put == export_put)
			count_way(&ways[i], "", false, NULL);
		count_way(&ways[i], ".cpu", true, expected);
	}
}

/* --- memory -------------------------------------------------------------- */

/*
 * Bytes that the kernel allocates for itself: of slabs and of whole pages by
 * kmalloc(), and of vmalloc().  Page structures and page tables are not in it.
 */
static int64_t kernel_bytes(void)
{
	unsigned long kib;
	int64_t sum = 0;
	char line[200];
	FILE *f;

	sleep(SETTLE);
	f = fopen("/proc/meminfo", "re");
	if (!f)
		die("/proc/meminfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "SUnreclaim: %lu", &kib) == 1 ||
		    sscanf(line, "VmallocUsed: %lu", &kib) == 1)
			sum += kib * 1024;
	fclose(f);
	return sum;
}

static void weigh(const struct way *way)
{
	uint64_t bytes[MAX_TURNS];
	char name[64];

	for (unsigned int i = 0; i < turns; i++) {
		int64_t before;

		/* What stays from the first time is no cost of this one. */
		way->get();
		way->put();
		before = kernel_bytes();
		way->get();
		bytes[i] = above(kernel_bytes(), before);
		way->put();
	}
	snprintf(name, sizeof(name), "export.%s.bytes", way->name);
	report(name, middle(bytes), list.nr);
}

static void weigh_all(uint32_t first)
{
	for (list.nr = 0; list.nr < PAGES * TIMES; list.nr++)
		list.ref[list.nr] = first + list.nr % PAGES;
	weigh(&ways[0]);
	weigh(&ways[1]);
	weigh(&ways[2]);
}

/* ------------------------------------------------------------------------- */

static uint32_t share(void)
{
	guest_begin(0, BENCH_SHARE, (uint64_t[BENCH_ARGS]){ 0 });
	vm_wait(0);
	if (!box->slot[0].result[0])
		die("the guest has no grant table");
	return box->slot[0].result[0];
}

static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	uint32_t first;
	bool layers;

	measure_begin(argc, argv, "export");
	layers = measure_layers(argc, argv);
	gntdev = open_node("/dev/xen/gntdev");
	privcmd = open_node("/dev/xen/privcmd");
	guest_start(1);
	first = share();
	if (layers) {
		count_layers(first);
	} else {
		measure_all(first);
		weigh_all(first);
	}
	vm_stop();
	measure_end();
	return 0;
}
