// SPDX-License-Identifier: GPL-2.0-only
/*
 * L10, L13: a lender that is not dom0.
 *
 * A second guest, the *stub*, is given device model privilege over the test's
 * guest, as the domain of a device model has it.  It has no driver: its command
 * server makes the hypercalls that we ask for, and lends frames of its own RAM,
 * named by its own numbers, as any translated domain does.
 *
 * That shows what dom0 cannot: what the lack of a privilege does, and what
 * becomes of windows, of waiting vCPUs and of the lender's own memory when the
 * whole lending domain dies, with another lender to the same guest alive.
 *
 * The frames lie in the stub's arena, where it has no RAM by itself: we put
 * some there, so that they have numbers that we know and a mapping in the
 * stub's server.
 *
 * Xen keeps a target as long as its device model lives: the test's guest, once
 * it has ended, is there in name until the stub ends, too.
 */
#include "xgt.h"

/* Only now: lend.h would look for Xen's headers beside it. */
#define __XEN_TOOLS__ 1
#include <xen/xen.h>

#define NR		16
#define LENGTH		(NR * PAGE)
/* In the stub: its frames.  In the guest: a window for each orphan action. */
#define MEMORY		(XG_ARENA_BASE + 32 * MIB)
#define FRAME		(MEMORY / PAGE)
#define PLACE(i)	(XGT_WINDOW + (i) * MIB)
/* Frames of a window that Xen takes back in several pieces, and where it is. */
#define LARGE		2048
#define LARGE_PLACE	PLACE(8)
/* What a guest has of RAM from address 0 on, at most. */
#define GUEST_RAM	(256 * MIB)
/* Machine frame that is RAM of somebody's on every PC: at 1 MiB. */
#define RAM_FRAME	0x100

static struct xgt_guest stub;
static struct xgt_mailbox box;
/* The last test left the stub as the next one wants it.  Shared. */
static bool *clean;
static uint64_t gen;

#define data		(box.page->data)
/* Beside the structure, in the copy that the stub makes of the mailbox. */
#define LIST		256

static struct xgt_result stub_run(enum xg_cmd cmd, uint64_t a0, uint64_t a1,
				  uint64_t a2)
{
	box_start(&box, 0, cmd, (uint64_t[XG_ARGS]){ a0, a1, a2 });
	return box_ok(box_wait(&box, 0), "the stub", __FILE__, __LINE__);
}

/* Where the stub's buffer lies in its own addresses: any hypercall tells. */
static uint64_t buffer(void)
{
	static uint64_t at;

	if (!at)
		at = stub_run(XG_CMD_HYPERCALL, __HYPERVISOR_xen_version, 0,
			      0).v[1];
	return at;
}

static long stub_op(struct xen_lend_op *op, uint16_t cmd, int domid)
{
	long ret;

	op->cmd = cmd;
	op->domid = domid;
	op->generation = gen;
	memcpy((void *)data, op, sizeof(*op));
	ret = stub_run(XG_CMD_HYPERCALL, __HYPERVISOR_memory_op,
		       XENMEM_lend_op, XG_BUFFER).v[0];
	memcpy(op, (void *)data, sizeof(*op));
	return ret;
}

static long op_do(struct xen_lend_op *op, uint16_t cmd)
{
	return stub_op(op, cmd, xgt_guest.domid);
}

static long create_of(uint64_t gpa, uint64_t nr, uint32_t orphan, uint32_t *id)
{
	struct xen_lend_op op = { };
	long ret;

	op.u.create.gfn = gpa >> 12;
	op.u.create.nr = nr;
	op.u.create.orphan = orphan;
	ret = op_do(&op, XEN_LEND_create);
	*id = op.u.create.id;
	return ret;
}

static long create(uint64_t gpa, uint32_t orphan, uint32_t *id)
{
	return create_of(gpa, NR, orphan, id);
}

static long map(uint32_t id, uint64_t index, uint64_t frame, uint32_t nr,
		uint32_t attr)
{
	struct xen_lend_extent e = { index, frame, nr, attr };
	struct xen_lend_op op = { };

	op.u.map.id = id;
	op.u.map.nr = 1;
	op.u.map.extents = buffer() + LIST;
	memcpy((void *)(data + LIST), &e, sizeof(e));
	return op_do(&op, XEN_LEND_map);
}

static uint64_t take(uint32_t id)
{
	struct xen_lend_op op = { };

	op.u.revoke.id = id;
	op.u.revoke.nr = NR;
	OK(op_do(&op, XEN_LEND_revoke));
	return op.u.revoke.cleared;
}

/* Wait for a fault of the guest's that is the stub's to serve. */
static struct xen_lend_fault next_fault(void)
{
	struct xen_lend_fault f;

	for (int i = 0; i < 3000; i++) {
		struct xen_lend_op op = { };

		op.u.poll.max = 1;
		op.u.poll.faults = buffer() + LIST;
		OK(op_do(&op, XEN_LEND_poll));
		if (op.u.poll.nr) {
			memcpy(&f, (void *)(data + LIST), sizeof(f));
			return f;
		}
		xgt_sleep_ms(10);
	}
	FAIL("no fault came to the stub");
}

static void resolve(const struct xen_lend_fault *f, uint32_t action)
{
	struct xen_lend_op op = { };

	op.u.resolve.vcpu = f->vcpu;
	op.u.resolve.token = f->token;
	op.u.resolve.action = action;
	OK(op_do(&op, XEN_LEND_resolve));
}

static void give_memory(void)
{
	for (int i = 0; i < NR; i++)
		CHECK_EQ(xen_populate(stub.domid, FRAME + i), 1);
}

static void drop_memory(void)
{
	for (int i = 0; i < NR; i++)
		CHECK_EQ(xen_depopulate(stub.domid, FRAME + i), 1);
}

/* The stub, found or booted, with a mailbox and some frames. */
static void stub_start(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND,
	};
	bool there = guest_find(&stub, "stub", 1);
	int fd;

	if (there && !*clean)
		guest_destroy(&stub);
	if (!there || !*clean)
		CHECK(guest_start(&stub, "stub", 1, NULL));
	*clean = false;
	fd = gm_open_domain(stub.domid, &limits);
	if (fd < 0)
		FAIL("opening the stub: %s", xgt_errname(-fd));
	box_open(&box, fd, 1);
	give_memory();
	stub_run(XG_CMD_FILL, MEMORY, LENGTH, 1);
	gen = 0;
}

static void stub_end(void)
{
	drop_memory();
	*clean = true;
}

/* ... with privilege over the guest, and attached to it. */
static void stub_attach(void)
{
	struct xen_lend_op op = { };
	long ret;

	stub_start();
	ret = xen_set_target(stub.domid, xgt_guest.domid);
	/* An earlier test may have done so: for ever. */
	if (ret && ret != -EINVAL)
		FAIL("set_target: %s", xgt_errname(-ret));
	OK(op_do(&op, XEN_LEND_query));
	CHECK_EQ(op.u.query.version, XEN_LEND_VERSION);
	CHECK(op.generation != 0);
	gen = op.generation;
	memset(&op, 0, sizeof(op));
	OK(op_do(&op, XEN_LEND_attach));
	CHECK_EQ(op.generation, gen);
}

static void stub_detach(void)
{
	struct xen_lend_op op = { };

	OK(op_do(&op, XEN_LEND_detach));
}

/* --- privilege ----------------------------------------------------------- */

static void refused(int domid, int err)
{
	for (uint16_t cmd = XEN_LEND_query; cmd <= XEN_LEND_inspect; cmd++) {
		struct xen_lend_op op = { };
		long ret = stub_op(&op, cmd, domid);

		if (ret != -err)
			FAIL("command %u on domain %d: %ld, not %s", cmd,
			     domid, ret, xgt_errname(err));
	}
}

/* A guest like any other can lend to nobody. */
static void unprivileged(void)
{
	struct xen_lend_op op = { };

	/* Not one that a test before this one gave a target to: for ever. */
	if (guest_find(&stub, "stub", 1))
		guest_destroy(&stub);
	stub_start();
	refused(xgt_guest.domid, EPERM);
	refused(0, EPERM);
	refused(0x6fff, ESRCH);
	for (uint16_t cmd = XEN_LEND_attach; cmd <= XEN_LEND_inspect; cmd++) {
		ERR(stub_op(&op, cmd, DOMID_SELF), EPERM);
		ERR(stub_op(&op, cmd, stub.domid), EPERM);
	}
	/* Control: it asked properly.  Anybody may know what Xen can do. */
	OK(stub_op(&op, XEN_LEND_query, DOMID_SELF));
	CHECK_EQ(op.u.query.version, XEN_LEND_VERSION);
	CHECK_EQ(op.generation, 0);
	cmd_ok(0, XG_CMD_PING, 0);
	stub_end();
}

/* Contents both ways, and every kind of answer to a fault. */
static void lends(void)
{
	struct xen_lend_fault f;
	uint32_t id;

	OK(create(PLACE(0), XEN_LEND_ORPHAN_INJECT, &id));
	OK(map(id, 0, FRAME, NR / 2, XEN_LEND_ATTR_WRITE));
	cmd_ok(0, XG_CMD_CHECK, PLACE(0), LENGTH / 2, 1);
	cmd_ok(1, XG_CMD_FILL, PLACE(0), LENGTH / 2, 2);
	stub_run(XG_CMD_CHECK, MEMORY, LENGTH / 2, 2);

	cmd_start(0, XG_CMD_READ, PLACE(0) + 9 * PAGE, 8);
	f = next_fault();
	CHECK_EQ(f.window, id);
	CHECK_EQ(f.index, 9);
	CHECK_EQ(f.vcpu, 0);
	CHECK_EQ(f.access & (XEN_LEND_ACCESS_READ | XEN_LEND_ACCESS_WRITE),
		 XEN_LEND_ACCESS_READ);
	CHECK(!box_done(&xgt_box, 0));
	OK(map(id, 9, FRAME + 9, 1, 0));
	CHECK_EQ(box_ok(cmd_wait(0), "a read", __FILE__, __LINE__).v[0],
		 xg_pattern(1, 9 * PAGE));

	/* It was lent for reading. */
	cmd_start(1, XG_CMD_WRITE, PLACE(0) + 9 * PAGE, 8, 5);
	f = next_fault();
	CHECK_EQ(f.index, 9);
	CHECK(f.access & XEN_LEND_ACCESS_WRITE);
	resolve(&f, XEN_LEND_RESOLVE_INJECT);
	CHECK_EQ(cmd_wait(1).status, XG_FAULT);

	CHECK_EQ(take(id), NR / 2 + 1);
	cmd_start(0, XG_CMD_READ, PLACE(0), 8);
	f = next_fault();
	resolve(&f, XEN_LEND_RESOLVE_MMIO);
	CHECK_EQ(box_ok(cmd_wait(0), "a read", __FILE__, __LINE__).v[0],
		 ~0ULL);
}

/* The machine's number for one of its frames, from the guest's tables. */
static uint64_t machine_number(uint32_t id)
{
	for (int i = 0; i < NR; i++) {
		struct xen_lend_op op = { .u.inspect.id = id };

		OK(map(id, 0, FRAME + i, 1, 0));
		OK(op_do(&op, XEN_LEND_inspect));
		CHECK_EQ(take(id), 1);
		/* It would not be a number of one of its frames as well. */
		if (op.u.inspect.mfn >= GUEST_RAM / PAGE &&
		    op.u.inspect.mfn < FRAME)
			return op.u.inspect.mfn;
	}
	FAIL("%s", "the stub's memory lies where its numbers do");
}

/* Frames that are not its own to lend, by whatever number. */
static void not_its_own(uint32_t id)
{
	uint64_t mfn = machine_number(id);
	/* Nothing there; devices of the machine's; its own other addresses. */
	static const uint64_t never[] = {
		FRAME + NR, 0xfee00, 0xfec00, 0xf5000, 0x100000, 1ULL << 40,
		~0ULL,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(never); i++)
		for (uint32_t attr = 0; attr < 4; attr++)
			if (map(id, 0, never[i], 1, attr) != -EACCES)
				FAIL("frame 0x%lx was not refused", never[i]);
	/* Its own, by a number that it knows nothing about. */
	for (uint32_t attr = 0; attr < 4; attr++)
		if (map(id, 0, mfn, 1, attr) != -EACCES)
			FAIL("machine frame 0x%lx was not refused", mfn);
	/* Lent to it: no second hand. */
	ERR(map(id, 0, XG_ARENA_BASE >> 12, 1, 0), EACCES);
	ERR(map(id, 0, XG_ARENA_BASE >> 12, 1, XEN_LEND_ATTR_WRITE), EACCES);
	/* Control. */
	OK(map(id, 0, FRAME, 1, XEN_LEND_ATTR_WRITE));
	CHECK_EQ(take(id), 1);
}

/* Another lender's windows are not there for it. */
static void not_its_windows(void)
{
	static const uint16_t cmds[] = {
		XEN_LEND_move, XEN_LEND_destroy, XEN_LEND_revoke,
		XEN_LEND_inspect,
	};
	/* The mailbox: the driver names its windows as Xen does. */
	struct xen_lend_op op = { .u.inspect.id = xgt_box.window };
	uint32_t id = xgt_box.window;

	/* Control: it is there for dom0, which is we, and the driver. */
	OK(lend_op(&op, XEN_LEND_inspect, xgt_guest.domid, gen));
	for (unsigned int i = 0; i < ARRAY_SIZE(cmds); i++) {
		/* All of them have the id at the same place. */
		op = (struct xen_lend_op){ .u.destroy.id = id };
		if (cmds[i] == XEN_LEND_revoke)
			op.u.revoke.nr = 1;
		ERR(op_do(&op, cmds[i]), ENOENT);
	}
	ERR(map(id, 0, FRAME, 1, XEN_LEND_ATTR_REPLACE), ENOENT);
	cmd_ok(0, XG_CMD_PING, 0);
	cmd_ok(1, XG_CMD_PING, 0);
}

static void one_target(void)
{
	struct xen_lend_op op = { };
	uint32_t id;
	int other;

	stub_attach();
	not_its_windows();
	lends();
	OK(create(PLACE(1), XEN_LEND_ORPHAN_INJECT, &id));
	not_its_own(id);
	/* Control: the other domain could be asked about, by dom0. */
	other = xen_domain_new(-1, 0);
	CHECK(other > 0);
	OK(lend_op(&op, XEN_LEND_query, other, 0));
	gen = 0;
	refused(other, EPERM);
	refused(0, EPERM);
	gen = op.generation;
	refused(other, EPERM);
	xen_domain_destroy(other);
	OK(lend_op(&op, XEN_LEND_query, xgt_guest.domid, 0));
	gen = op.generation;
	stub_detach();
	cmd_ok(0, XG_CMD_PING, 0);
	stub_end();
}

/*
 * A frame that its lender loses while it is lent, to the balloon say, stays
 * what it is until it has been taken from the guest.
 */
static void freed_while_lent(void)
{
	uint64_t frames;
	uint32_t id;

	stub_attach();
	OK(create(PLACE(0), XEN_LEND_ORPHAN_INJECT, &id));
	OK(map(id, 0, FRAME, NR, XEN_LEND_ATTR_WRITE));
	cmd_ok(0, XG_CMD_CHECK, PLACE(0), LENGTH, 1);
	frames = xen_frames_of(stub.domid);
	drop_memory();
	CHECK_EQ(xen_frames_of(stub.domid), frames);
	/* No longer the stub's by number; still the guest's. */
	ERR(map(id, 0, FRAME, 1, XEN_LEND_ATTR_REPLACE), EACCES);
	cmd_ok(1, XG_CMD_CHECK, PLACE(0), LENGTH, 1);
	cmd_ok(0, XG_CMD_FILL, PLACE(0), LENGTH, 2);
	cmd_ok(1, XG_CMD_CHECK, PLACE(0), LENGTH, 2);
	CHECK_EQ(take(id), NR);
	CHECK_EQ(xen_frames_of(stub.domid), frames - NR);
	stub_detach();
	*clean = true;
}

/*
 * Frames that a toolstack put into the lender by machine number.  A device's
 * can be lent, uncached.  RAM there has nobody's reference, and must not come
 * to look as if the guest's entry held one.
 */
static void machine_frames(void)
{
	const uint64_t at = FRAME + 2 * NR;
	uint64_t bar, end;
	uint32_t id;

	stub_attach();
	OK(create(PLACE(0), XEN_LEND_ORPHAN_INJECT, &id));
	if (!qxl_bar(&bar, &end))
		FAIL("%s", "no card with video memory");
	bar = (bar + 32 * MIB) >> 12;
	OK(xen_map_machine(stub.domid, at, bar, true));
	ERR(map(id, 0, at, 1, XEN_LEND_ATTR_WRITE), EACCES);
	OK(map(id, 0, at, 1, XEN_LEND_ATTR_WRITE | XEN_LEND_ATTR_NC));
	guest_write(PLACE(0), 0x1234567);
	CHECK_EQ(guest_read(PLACE(0)), 0x1234567);
	CHECK_EQ(take(id), 1);
	OK(xen_map_machine(stub.domid, at, bar, false));

	OK(xen_map_machine(stub.domid, at, RAM_FRAME, true));
	for (uint32_t attr = 0; attr < 4; attr++)
		ERR(map(id, 0, at, 1, attr), EACCES);
	OK(xen_map_machine(stub.domid, at, RAM_FRAME, false));
	stub_detach();
	stub_end();
}

/* --- deaths -------------------------------------------------------------- */

/* Three windows, one per orphan action, each half full. */
static void three_windows(uint32_t id[3])
{
	for (uint32_t i = 0; i < 3; i++) {
		OK(create(PLACE(i), i, &id[i]));
		OK(map(id[i], 0, FRAME, NR / 2,
		       i == 1 ? 0 : XEN_LEND_ATTR_WRITE));
		cmd_ok(i & 1, XG_CMD_CHECK, PLACE(i), LENGTH / 2, 1);
	}
}

/* What windows of a dead lender do, one after the other. */
static void orphans(void)
{
	uint32_t window;

	for (uint64_t at = 0; at < LENGTH; at += PAGE) {
		guest_read_faults(PLACE(0) + at);
		guest_write_faults(PLACE(0) + at);
		CHECK_EQ(guest_read(PLACE(1) + at), ~0ULL);
		guest_write(PLACE(1) + at, 1);
	}
	/* They keep their place. */
	for (int i = 0; i < 3; i++)
		ERR(gm_window_add(xgt_dom, PLACE(i), PAGE,
				  XEN_GPUMEM_POLICY_MMIO, &window), EEXIST);
	/* Other lenders go on. */
	OK(gm_window_add(xgt_dom, PLACE(3), PAGE, XEN_GPUMEM_POLICY_ZERO,
			 &window));
	CHECK_EQ(guest_read(PLACE(3)), 0);
	OK(gm_window_remove(xgt_dom, window));
}

/*
 * The lending domain dies with two vCPUs waiting for it, one of which it has
 * not even heard of.  Nothing keeps it: it goes for good, and its memory does.
 */
static void lender_destroyed(void)
{
	int domid;
	uint32_t id[3];

	stub_attach();
	three_windows(id);
	domid = stub.domid;
	cmd_start(0, XG_CMD_READ, PLACE(0) + 12 * PAGE, 8);
	CHECK_EQ(next_fault().index, 12);
	cmd_start(1, XG_CMD_READ, PLACE(1) + 13 * PAGE, 8);
	xgt_sleep_ms(50);
	CHECK(!box_done(&xgt_box, 0) && !box_done(&xgt_box, 1));
	guest_destroy(&stub);
	EVENTUALLY(!xen_domain_there(domid));
	CHECK_EQ(cmd_wait(0).status, XG_FAULT);
	CHECK_EQ(box_ok(cmd_wait(1), "a read", __FILE__, __LINE__).v[0],
		 ~0ULL);
	orphans();
	/* The third window's action ends the guest. */
	cmd_start(0, XG_CMD_READ, PLACE(2), 8);
	guest_gone(&xgt_guest, 60);
}

/* The stub's few frames again and again. */
static void large_window(void)
{
	uint32_t id;

	OK(create_of(LARGE_PLACE, LARGE, XEN_LEND_ORPHAN_INJECT, &id));
	for (uint64_t at = 0; at < LARGE; at += NR)
		OK(map(id, at, FRAME, NR, XEN_LEND_ATTR_WRITE));
}

/*
 * It dies under a guest that writes to its memory as fast as it can: to what is
 * taken back first, and last.
 */
static void lender_destroyed_in_use(void)
{
	const uint64_t half = LENGTH / 2, end = LARGE_PLACE + LARGE * PAGE;
	int domid;
	uint32_t id[3];

	stub_attach();
	three_windows(id);
	large_window();
	domid = stub.domid;
	cmd_start(0, XG_CMD_HAMMER, PLACE(0), half, 1);
	cmd_start(1, XG_CMD_HAMMER, end - half, half, 2);
	/* Control: nothing stops them, and nobody has to serve them. */
	cmd_advance(0, 10);
	cmd_advance(1, 10);
	guest_destroy(&stub);
	EVENTUALLY(!xen_domain_there(domid));
	CHECK_EQ(cmd_wait(0).status, XG_FAULT);
	CHECK_EQ(cmd_wait(1).status, XG_FAULT);
	for (uint64_t at = LARGE_PLACE; at < end; at += LENGTH)
		guest_read_faults(at);
	orphans();
}

/* What every command says of a guest that has ended, but is still there. */
static void told_that_it_is_dead(int domid)
{
	struct xen_lend_op op = { };

	OK(stub_op(&op, XEN_LEND_query, domid));
	for (uint16_t cmd = XEN_LEND_attach; cmd <= XEN_LEND_inspect; cmd++) {
		bool place = cmd == XEN_LEND_create || cmd == XEN_LEND_move;
		long ret;

		memset(&op, 0, sizeof(op));
		if (cmd == XEN_LEND_revoke)
			op.u.revoke.nr = 1;
		if (cmd == XEN_LEND_poll) {
			op.u.poll.max = 1;
			op.u.poll.faults = buffer() + LIST;
		}
		if (cmd == XEN_LEND_create)
			op.u.create.nr = 1;
		ret = stub_op(&op, cmd, domid);
		if (ret != (place ? -EBUSY : -ESRCH))
			FAIL("command %u on a dead guest: %ld", cmd, ret);
	}
}

/* The guest dies first: the lender is told so, has its memory, and lives on. */
static void borrower_first(void)
{
	int domid = xgt_guest.domid;
	uint64_t frames;
	uint32_t id[3];

	stub_attach();
	frames = xen_frames_of(stub.domid);
	three_windows(id);
	cmd_start(0, XG_CMD_READ, PLACE(0) + 12 * PAGE, 8);
	CHECK_EQ(next_fault().index, 12);
	guest_destroy(&xgt_guest);
	CHECK(xen_domain_there(domid));
	told_that_it_is_dead(domid);
	/* All of it can be given back: nobody else holds it. */
	stub_run(XG_CMD_CHECK, MEMORY, LENGTH, 1);
	drop_memory();
	CHECK_EQ(xen_frames_of(stub.domid), frames - NR);
	guest_destroy(&stub);
	EVENTUALLY(!xen_domain_there(domid));
}

static const struct xgt_test tests[] = {
	{ "L10-unprivileged-domain", "L10", unprivileged, XGT_GUEST, 0 },
	{ "L10-one-target", "L10", one_target, XGT_GUEST, 0 },
	{ "L13-freed-while-lent", "L13,L2", freed_while_lent, XGT_GUEST, 0 },
	{ "L10-machine-frames", "L10,L16", machine_frames, XGT_GUEST, 0 },
	{ "L13-lender-destroyed", "L13,L4", lender_destroyed,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-lender-destroyed-in-use", "L13,L2", lender_destroyed_in_use,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
	{ "L13-borrower-first", "L13", borrower_first,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

int main(int argc, char **argv)
{
	int ret;

	clean = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (clean == MAP_FAILED)
		return 1;
	ret = xgt_main(argc, argv, tests, ARRAY_SIZE(tests));
	if (guest_find(&stub, "stub", 1))
		guest_destroy(&stub);
	return ret;
}
