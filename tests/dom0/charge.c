// SPDX-License-Identifier: GPL-2.0-only
/*
 * S4: what the kernel keeps for a backend is the backend's to pay for.
 *
 * Each test puts its backend into a memory cgroup and looks at what the kernel
 * has there: with the bookkeeping of bindings, which the backend causes by its
 * calls, and with what serves the faults of the guest, which nobody calls for
 * and which a worker of the kernel's allocates.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "backing.h"

#define CGROUP	"/run/cgroup"
#define GROUP	CGROUP "/backend"

/* Small bindings, and one that is large. */
#define MANY	4000
#define LARGE	(16 * GIB)

/* As many as the server of a bare guest has; a fault of each costs a job. */
#define VCPUS	XG_MAX_CPUS
#define STRIDE	(64 * PAGE)
#define GUEST	"charge"

static void group_new(void)
{
	mkdir(CGROUP, 0700);
	if (mount("cgroup", CGROUP, "cgroup2", 0, NULL) && errno != EBUSY)
		xgt_skip("no cgroup2: %s", strerror(errno));
	knob_set(CGROUP "/cgroup.subtree_control", "+memory");
	if (mkdir(GROUP, 0700) && errno != EEXIST)
		FAIL("%s: %s", GROUP, strerror(errno));
}

static void group_join(void)
{
	knob_set(GROUP "/cgroup.procs", "0");
}

/* Memory of the kernel's that the group is charged for. */
static uint64_t kernel_bytes(void)
{
	uint64_t bytes = ~0ULL;
	char line[256];
	FILE *f = fopen(GROUP "/memory.stat", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "kernel %lu", &bytes) == 1)
			break;
	if (f)
		fclose(f);
	CHECK(bytes != ~0ULL);
	return bytes;
}

/* --- bindings ------------------------------------------------------------------- */

struct binder {
	uint32_t window;
	volatile uint64_t *map;
};

static void binder(void *arg)
{
	struct binder *b = arg;
	uint64_t before, small, large;

	group_join();
	before = kernel_bytes();
	for (unsigned int i = 0; i < MANY; i++)
		OK(gm_bind(xgt_dom, b->window, i * PAGE, PAGE, b->map, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	EVENTUALLY(kernel_bytes() >= before + MANY * 200);
	small = kernel_bytes() - before;
	/* Four bits for each of its pages. */
	OK(gm_bind(xgt_dom, b->window, GIB, LARGE, b->map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	EVENTUALLY(kernel_bytes() >=
		   before + small + LARGE / PAGE / 2 - 64 * KIB);
	large = kernel_bytes() - before - small;
	xgt_info("%u bindings cost %llu KiB, one of 16 GiB %llu KiB", MANY,
		 small / KIB, large / KIB);
	/* Control: it is given back with them. */
	OK(gm_unbind(xgt_dom, b->window, 0, 2 * LARGE));
	EVENTUALLY(kernel_bytes() < before + small / 4);
}

static void bindings(void)
{
	struct binder b;

	group_new();
	b.map = mmap(NULL, LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		     MAP_NORESERVE, -1, 0);
	CHECK(b.map != MAP_FAILED);
	OK(gm_window_add(xgt_dom, XEN_GPUMEM_PARKED, 2 * LARGE,
			 XEN_GPUMEM_POLICY_MMIO, &b.window));
	xgt_join(xgt_fork(binder, &b));
}

/* --- faults ---------------------------------------------------------------------- */

/*
 * A fd has what serves its faults from its first window on, at the cost of who
 * adds that; each vCPU's part of it from its first fault on.
 */
static void faulted(void *arg)
{
	const uint64_t length = VCPUS * STRIDE;
	int fd = *(int *)arg;
	volatile uint64_t *map;
	uint64_t before;
	uint32_t window;

	group_join();
	map = map_anon(length);
	madvise((void *)map, length, MADV_NOHUGEPAGE);
	for (unsigned int i = 0; i < VCPUS; i++)
		map[i * STRIDE / 8] = i + 7;
	OK(gm_window_add(fd, XGT_WINDOW, length, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(fd, window, 0, length, map, 0, XEN_GPUMEM_POLICY_INJECT));
	before = kernel_bytes();
	for (unsigned int i = 0; i < VCPUS; i++)
		CHECK_EQ(cmd_ok(i, XG_CMD_READ, XGT_WINDOW + i * STRIDE,
				8).v[0], i + 7);
	/* More than eight bytes for each of 512 pages, twice, for each vCPU. */
	EVENTUALLY(kernel_bytes() >= before + VCPUS * 8 * KIB);
	xgt_info("serving %u vCPUs costs %llu KiB", VCPUS,
		 (kernel_bytes() - before) / KIB);
}

static void jobs(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	struct xgt_guest g;
	int fd[2];

	group_new();
	if (!guest_start(&g, GUEST, VCPUS, NULL))
		FAIL("a guest with %u vCPUs did not start", VCPUS);
	/* The mailbox is not the backend's, nor what serves its faults. */
	for (int i = 0; i < 2; i++) {
		fd[i] = gm_open_domain(g.domid, &limits);
		if (fd[i] < 0)
			FAIL("a domain fd: %s", xgt_errname(-fd[i]));
	}
	box_open(&xgt_box, fd[0], VCPUS);
	xgt_join(xgt_fork(faulted, &fd[1]));
	close(fd[1]);
	close(fd[0]);
	guest_destroy(&g);
}

static const struct xgt_test tests[] = {
	{ "S4-memory-charged", "S4,L19", bindings, XGT_GUEST, 0 },
	{ "S4-jobs-charged", "S4,L19", jobs, 0, 240 },
};

int main(int argc, char **argv)
{
	int ret = xgt_main(argc, argv, tests, ARRAY_SIZE(tests));
	struct xgt_guest g;

	/* Of a test that failed. */
	if (guest_find(&g, GUEST, VCPUS))
		guest_destroy(&g);
	return ret;
}
