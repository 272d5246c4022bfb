// SPDX-License-Identifier: GPL-2.0-only
/*
 * L8: a guest whose page tables lie in lent memory.
 *
 * No stock kernel puts them there, so it is done to it: of the table that maps
 * a part of the arena in the guest's server, dom0 makes a copy, takes the
 * guest's page away, and lends the copy at its address.  From then on the
 * processor walks through lent memory, or through its absence; and so does Xen,
 * when it emulates an access.
 */
#include "xgt.h"

/* Only now: lend.h would look for Xen's headers beside it. */
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/memory.h>

/* What the table maps: far from the mailbox, whose table is another one. */
#define TARGET	(XGT_WINDOW + 64 * MIB)
#define LENGTH	(4 * PAGE)
/* A hole that answers like a device, which the table does not map. */
#define DEVICE	(TARGET + 4 * MIB)

#define ENTRY_FRAME(e)	(((e) & 0x000ffffffffff000ULL) / PAGE)

static uint64_t table;			/* its guest frame */
static volatile uint64_t *copy;		/* what is lent there */
static volatile uint64_t *memory;	/* what is lent at TARGET */
static uint32_t table_window, window;

static long domctl(uint32_t cmd, struct xen_domctl *op)
{
	op->cmd = cmd;
	op->domain = xgt_guest.domid;
	return xen_domctl(op);
}

/* A copy of a page of the guest's. */
static void peek(uint64_t gfn, uint64_t page[512])
{
	int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC), err = 0;
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct privcmd_mmapbatch_v2 b = {
		.num = 1, .dom = xgt_guest.domid, .addr = (uintptr_t)p,
		.arr = &gfn, .err = &err,
	};

	if (p == MAP_FAILED || ioctl(fd, IOCTL_PRIVCMD_MMAPBATCH_V2, &b) || err)
		FAIL("cannot map frame 0x%lx of the guest", gfn);
	memcpy(page, p, PAGE);
	munmap(p, PAGE);
	close(fd);
}

static uint64_t cr3_of(unsigned int vcpu)
{
	vcpu_guest_context_t *context = lend_buffer(sizeof(*context));
	struct xen_domctl op = { };

	op.u.vcpucontext.vcpu = vcpu;
	set_xen_guest_handle(op.u.vcpucontext.ctxt, context);
	OK(domctl(XEN_DOMCTL_getvcpucontext, &op));
	return context->ctrlreg[3];
}

/* The last level's table for an address of the guest's server. */
static uint64_t find_table(uint64_t address, uint64_t page[512])
{
	uint64_t gfn = ENTRY_FRAME(cr3_of(1));

	for (int shift = 39; shift > 12; shift -= 9) {
		uint64_t entry;

		peek(gfn, page);
		entry = page[address >> shift & 511];
		CHECK((entry & 0x81) == 1);
		gfn = ENTRY_FRAME(entry);
	}
	peek(gfn, page);
	/* It is what it is taken for. */
	CHECK_EQ(ENTRY_FRAME(page[address >> 12 & 511]), TARGET / PAGE);
	return gfn;
}

static void set_up(void)
{
	struct xen_domctl op = { };
	uint64_t address = cmd_ok(0, XG_CMD_ADDRESS, TARGET).v[0];

	if (cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_NOP, TARGET).status != XG_OK)
		xgt_skip("Xen has no hvm_fep");
	memory = map_shared(memfd_new(LENGTH), LENGTH);
	copy = map_shared(memfd_new(PAGE), PAGE);
	fill(memory, LENGTH, 1);
	OK(gm_window_add(xgt_dom, TARGET, LENGTH, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH, memory, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	/* The server's address space is loaded while it works. */
	cmd_start(1, XG_CMD_WATCH, XG_ARENA_BASE + 8, 1);
	cmd_advance(1, 100);
	OK(domctl(XEN_DOMCTL_pausedomain, &op));
	table = find_table(address, (uint64_t *)copy);
	CHECK_EQ(xen_depopulate(xgt_guest.domid, table), 1);
	OK(gm_window_add(xgt_dom, table * PAGE, PAGE, XEN_GPUMEM_POLICY_INJECT,
			 &table_window));
	OK(gm_bind(xgt_dom, table_window, 0, PAGE, copy, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	OK(domctl(XEN_DOMCTL_unpausedomain, &op));
	cmd_stop(1);
}

static uint64_t walks(void)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, table_window, 0, 0, &q));
	return q.out_faults;
}

static void drop_table(void)
{
	CHECK(!madvise((void *)copy, PAGE, MADV_DONTNEED));
	CHECK_EQ(gm_pages(xgt_dom, table_window, 0, 0), 0);
}

static uint64_t emulated_read(uint64_t gpa)
{
	return cmd_ok(0, XG_CMD_EMULATE, XG_EMULATE_READ, gpa).v[0];
}

/*
 * A string instruction that stores what a device answers.  The processor never
 * comes to the store, as it faults on the device each time that it executes the
 * instruction: Xen's walk alone can ask for the table.  It could not be told
 * from emulated_read(), where a prefix has the instruction emulated: when it is
 * executed again, the prefix lies behind, and the processor walks.
 */
static void emulated_store(void)
{
	uint64_t before = walks();

	drop_table();
	memory[3] = memory[4] = 0;
	CHECK_EQ(cmd_ok(0, XG_CMD_EMULATE, XG_EMULATE_PLAIN_MOVS, TARGET + 24,
			DEVICE, 8ULL).v[0], 0);
	CHECK_EQ(memory[3], ~0ULL);
	CHECK_EQ(memory[4], 0);
	CHECK(walks() > before);
	CHECK_EQ(gm_pages(xgt_dom, table_window, 0, 0), 1);
}

static void walk(void)
{
	uint32_t device;
	uint64_t before;

	set_up();
	/* The processor's walk finds the table absent, and then not. */
	CHECK_EQ(guest_read(TARGET + 8), xg_pattern(1, 8));
	CHECK_EQ(gm_pages(xgt_dom, table_window, 0, 0), 1);
	guest_write(TARGET + PAGE, 2);
	CHECK_EQ(memory[PAGE / 8], 2);
	/* Taken away again and again, from either kind of walk. */
	for (int i = 0; i < 8; i++) {
		drop_table();
		before = walks();
		memory[3] = i;
		CHECK_EQ(i & 1 ? guest_read(TARGET + 24) :
			 emulated_read(TARGET + 24), i);
		CHECK(walks() > before);
		/* Present: Xen walks through it. */
		CHECK_EQ(emulated_read(TARGET + 24), i);
		CHECK_EQ(gm_pages(xgt_dom, table_window, 0, 0), 1);
	}
	OK(gm_window_add(xgt_dom, DEVICE, PAGE, XEN_GPUMEM_POLICY_MMIO,
			 &device));
	/* Its own tables are there from now on. */
	CHECK_EQ(guest_read(DEVICE), ~0ULL);
	for (int i = 0; i < 4; i++)
		emulated_store();
	fill(memory, LENGTH, 1);
	/* What it says is what holds: two pages change places. */
	drop_table();
	for (int i = 0; i < 512; i++)
		if (ENTRY_FRAME(copy[i]) == TARGET / PAGE) {
			uint64_t entry = copy[i];

			copy[i] = copy[i + 2];
			copy[i + 2] = entry;
			break;
		}
	CHECK_EQ(emulated_read(TARGET + 16), xg_pattern(1, 2 * PAGE + 16));
	CHECK_EQ(guest_read(TARGET + 2 * PAGE + 16), xg_pattern(1, 16));
	guest_destroy(&xgt_guest);
}

/* There is no table any more: the policy, and no invented translation. */
static void lost(void)
{
	set_up();
	CHECK_EQ(guest_read(TARGET + 8), xg_pattern(1, 8));
	OK(gm_unbind(xgt_dom, table_window, 0, PAGE));
	guest_read_faults(TARGET + 8);
	CHECK_EQ(cmd_run(0, XG_CMD_EMULATE, XG_EMULATE_READ, TARGET + 8).status,
		 XG_FAULT);
	OK(gm_bind(xgt_dom, table_window, 0, PAGE, copy, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(emulated_read(TARGET + 8), xg_pattern(1, 8));
	verify(memory, LENGTH, 1);
	guest_destroy(&xgt_guest);
}

static const struct xgt_test tests[] = {
	{ "L8-page-table-in-window", "L8,L3,N18", walk,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L8-page-table-lost", "L8,L4", lost, XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
