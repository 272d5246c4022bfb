// SPDX-License-Identifier: GPL-2.0-only
/*
 * L1: what is no memory of the lender's to lend is not lent.
 *
 * A process of a backend domain can have memory mapped that is another
 * domain's: by grant, or by its privilege over a guest.  Lent on, it would
 * outlive what its owner agreed to.  Other memory is the process's own and yet
 * for nobody else to see or write.  (Secret memory is in policy.c.)
 *
 * Each test shows first that the process itself can use the memory.
 *
 * Special pages in a plain VM_MIXEDMAP mapping are refused by the driver as
 * well.  No driver of the distribution's that runs on this machine makes such
 * a mapping, but for gntdev, whose mapping under PV is one.
 */
#include <sys/syscall.h>

#include "backing.h"

/* These two take the types they use for granted. */
#include <xen/grant_table.h>
#include <xen/gntdev.h>

#define LENGTH	(4 * PAGE)

/* Granted to dom0 by the toolstack for every guest: the ring to xenstored. */
#define XENSTORE_GRANT	1

/* The guest's RAM at 16 MiB: there in any guest, and no page table of Xen's. */
#define GUEST_FRAME	0x1000

/*
 * Bind what must not be lent behind the second page of a window, beside
 * ordinary memory; nothing of it may become visible.
 */
static void refused(volatile void *map)
{
	volatile uint64_t *good = map_shared(memfd_new(PAGE), PAGE);
	uint64_t there = XGT_WINDOW + PAGE, done;
	struct xen_gpumem_window_query q;
	uint32_t window;

	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, PAGE, good, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_bind(xgt_dom, window, PAGE, PAGE, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(gm_bind(xgt_dom, window, 2 * PAGE, PAGE, map, 0,
		   XEN_GPUMEM_POLICY_ZERO));
	guest_write(XGT_WINDOW, 1);
	CHECK_EQ(good[0], 1);
	guest_read_faults(there);
	guest_write_faults(there);
	CHECK_EQ(guest_read(there + PAGE), 0);
	guest_write_faults(there + PAGE);
	/* The page of zeroes is there, and nothing else. */
	ERR(gm_populate(xgt_dom, window, PAGE, PAGE, 0, NULL), EACCES);
	ERR(gm_populate(xgt_dom, window, 0, LENGTH, XEN_GPUMEM_POPULATE_WRITE,
			&done), EACCES);
	CHECK_EQ(done, PAGE);
	OK(gm_query(xgt_dom, window, PAGE, PAGE, &q));
	CHECK_EQ(q.out_pages, 0);
	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_failed, 4);
	CHECK_EQ(q.out_writable, 1);
	CHECK_EQ(guest_read(XGT_WINDOW), 1);
}

static volatile uint64_t *map_or_fail(int fd, uint64_t offset)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		       offset);

	if (p == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return p;
}

/* A grant that the guest gave to dom0. */
static void granted(void)
{
	struct ioctl_gntdev_map_grant_ref map = {
		.count = 1,
		.refs[0] = { .domid = xgt_guest.domid, .ref = XENSTORE_GRANT },
	};
	int fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	volatile uint64_t *page;

	if (fd < 0 || ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, &map))
		FAIL("mapping a grant: %s", strerror(errno));
	page = map_or_fail(fd, map.index);
	/* Control: it is the guest's, and can be read. */
	xgt_info("first word of the granted page: 0x%lx", page[0]);
	refused(page);
}

/* The guest's RAM, by dom0's privilege. */
static void foreign(void)
{
	uint64_t frame = GUEST_FRAME;
	int err = -1;
	struct privcmd_mmapbatch_v2 batch = {
		.num = 1, .dom = xgt_guest.domid, .arr = &frame, .err = &err,
	};
	int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	volatile uint64_t *page;

	if (fd < 0)
		FAIL("/dev/xen/privcmd: %s", strerror(errno));
	page = map_or_fail(fd, 0);
	batch.addr = (uintptr_t)page;
	if (ioctl(fd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) || err)
		FAIL("mapping guest memory: %s, %d", strerror(errno), err);
	xgt_info("first word of the guest's page: 0x%lx", page[0]);
	refused(page);
}

/* The stack of return addresses, which nobody may write but calls. */
static void shadow_stack(void)
{
	long p = syscall(453 /* map_shadow_stack */, 0, PAGE, 0);

	if (p == -1)
		xgt_skip("map_shadow_stack: %s (no such CPU here)",
			 strerror(errno));
	refused((void *)p);
}

static const struct xgt_test tests[] = {
	{ "L1-refused-granted", "L1", granted, XGT_GUEST, 0 },
	{ "L1-refused-foreign", "L1", foreign, XGT_GUEST, 0 },
	{ "L1-refused-shadow-stack", "L1", shadow_stack, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
