// SPDX-License-Identifier: GPL-2.0-only
/*
 * XENMEM_lend_op itself, called wrongly, and a little rightly, by a lender
 * that is not the driver.
 *
 * Xen must hold against a lender that is buggy or worse, so every command gets
 * values that no driver would send, and the error is the one that lend.h names.
 * The frames that these tests lend are those of the qxl card's first BAR, which
 * dom0 may map and whose numbers are the same for everybody; the driver is not
 * attached.  The guest's command server polls its mailbox all the time: a
 * window there gets faults by itself.
 */
#include "xgt.h"

#define GFN		(XGT_WINDOW >> 12)
#define BOX_GFN		(XG_ARENA_BASE >> 12)
#define NR		16

static uint64_t gen, bar;
static struct xen_lend_extent *extents;
static struct xen_lend_fault *faults;

static long op_do(struct xen_lend_op *op, uint16_t cmd)
{
	return lend_op(op, cmd, xgt_guest.domid, gen);
}

static void detach(void)
{
	struct xen_lend_op op = { };

	OK(op_do(&op, XEN_LEND_detach));
}

static void attach(void)
{
	struct xen_lend_op op = { };
	const char *why = "is there no qxl card?";
	uint64_t end;

	if (!qxl_bar(&bar, &end))
		FAIL("%s", why);
	bar = (bar + 32 * MIB) >> 12;
	gen = 0;
	OK(op_do(&op, XEN_LEND_query));
	CHECK_EQ(op.u.query.version, XEN_LEND_VERSION);
	gen = op.generation;
	memset(&op, 0, sizeof(op));
	OK(op_do(&op, XEN_LEND_attach));
	CHECK_EQ(op.generation, gen);
	CHECK(op.u.attach.port != 0);
	extents = lend_buffer(2 * PAGE);
	faults = lend_buffer(PAGE);
}

static long create(uint64_t gfn, uint64_t nr, uint32_t *id)
{
	struct xen_lend_op op = { };
	long ret;

	op.u.create.gfn = gfn;
	op.u.create.nr = nr;
	ret = op_do(&op, XEN_LEND_create);
	*id = op.u.create.id;
	return ret;
}

static long destroy(uint32_t id)
{
	struct xen_lend_op op = { };

	op.u.destroy.id = id;
	return op_do(&op, XEN_LEND_destroy);
}

static long move(uint32_t id, uint64_t gfn)
{
	struct xen_lend_op op = { };

	op.u.move.id = id;
	op.u.move.gfn = gfn;
	return op_do(&op, XEN_LEND_move);
}

/* The extents that were filled in; @done may be NULL. */
static long map(uint32_t id, uint32_t nr, uint32_t *done)
{
	struct xen_lend_op op = { };
	long ret;

	op.u.map.id = id;
	op.u.map.nr = nr;
	op.u.map.extents = (uintptr_t)extents;
	ret = op_do(&op, XEN_LEND_map);
	if (done)
		*done = op.u.map.done;
	return ret;
}

static long map_one(uint32_t id, uint64_t index, uint64_t frame, uint32_t nr,
		    uint32_t attr)
{
	extents[0] = (struct xen_lend_extent){ index, frame, nr, attr };
	return map(id, 1, NULL);
}

static long take(uint32_t id, uint64_t index, uint64_t nr, uint64_t *cleared)
{
	struct xen_lend_op op = { };
	long ret;

	op.u.revoke.id = id;
	op.u.revoke.index = index;
	op.u.revoke.nr = nr;
	ret = op_do(&op, XEN_LEND_revoke);
	if (cleared)
		*cleared = op.u.revoke.cleared;
	return ret;
}

/* How many frames a window of NR holds, which revokes them. */
static uint64_t held(uint32_t id)
{
	uint64_t cleared;

	OK(take(id, 0, NR, &cleared));
	return cleared;
}

/*
 * MAP of some extents into an empty window, until it gets to the last one.  It
 * may stop before, where somebody waits for the CPU, and says so by @done.
 */
static long map_to_last(uint32_t id, uint32_t nr, uint32_t *done)
{
	uint32_t before = 0;
	long ret;

	for (uint32_t i = 0; i < nr - 1; i++)
		before += extents[i].nr;
	do {
		held(id);
		ret = map(id, nr, done);
	} while (!ret && *done <= before);
	return ret;
}

#define RW_NC	(XEN_LEND_ATTR_WRITE | XEN_LEND_ATTR_NC)

/* --- what holds for all commands --------------------------------------------------- */

/* Fields that a command uses, as bytes of the union; the rest is zero. */
static const struct layout {
	uint16_t cmd;
	uint32_t flags;		/* the ones that it knows */
	uint64_t used;		/* a bit per byte */
} layouts[] = {
#define BYTES(from, to)	(((1ULL << ((to) - (from))) - 1) << (from))
	{ XEN_LEND_query, 0, BYTES(0, 40) },
	{ XEN_LEND_attach, 0, BYTES(0, 4) },
	{ XEN_LEND_detach, 0, 0 },
	{ XEN_LEND_create, 0, BYTES(0, 24) },
	{ XEN_LEND_move, 0, BYTES(0, 4) | BYTES(8, 16) },
	{ XEN_LEND_destroy, 0, BYTES(0, 4) },
	{ XEN_LEND_map, 0, BYTES(0, 24) },
	{ XEN_LEND_revoke, XEN_LEND_REVOKE_DOWNGRADE,
	  BYTES(0, 4) | BYTES(8, 32) },
	{ XEN_LEND_poll, XEN_LEND_POLL_ALL, BYTES(0, 20) },
	{ XEN_LEND_resolve, 0, BYTES(0, 12) },
	{ XEN_LEND_inspect, 0, BYTES(0, 32) },
};

/* An argument that the command would take, or refuse for a mild reason. */
static struct xen_lend_op sample(uint16_t cmd, uint32_t id)
{
	struct xen_lend_op op = { };

	switch (cmd) {
	case XEN_LEND_create:
		op.u.create.gfn = GFN + 1024;
		op.u.create.nr = 1;
		break;
	case XEN_LEND_move:
		op.u.move.id = id;
		op.u.move.gfn = GFN + 2048;
		break;
	case XEN_LEND_destroy:
		op.u.destroy.id = id;
		break;
	case XEN_LEND_map:
		op.u.map.id = id;
		op.u.map.nr = 1;
		op.u.map.extents = (uintptr_t)extents;
		extents[0] = (struct xen_lend_extent){ 0, bar, 1, RW_NC };
		break;
	case XEN_LEND_revoke:
		op.u.revoke.id = id;
		op.u.revoke.nr = 1;
		break;
	case XEN_LEND_poll:
		op.u.poll.max = 1;
		op.u.poll.faults = (uintptr_t)faults;
		break;
	case XEN_LEND_inspect:
		op.u.inspect.id = id;
		break;
	}
	return op;
}

static void reserved(void)
{
	struct xen_lend_op op = { };
	uint32_t id;
	int *p;

	attach();
	OK(create(GFN, NR, &id));
	OK(map_one(id, 3, bar, 1, RW_NC));
	for (unsigned int i = 0; i < ARRAY_SIZE(layouts); i++) {
		const struct layout *l = &layouts[i];

		for (uint32_t bit = 1; bit; bit <<= 1) {
			op = sample(l->cmd, id);
			op.flags = bit;
			if (!(l->flags & bit))
				ERR(op_do(&op, l->cmd), EINVAL);
		}
		for (unsigned int byte = 0; byte < 48; byte++) {
			if (l->used >> byte & 1)
				continue;
			op = sample(l->cmd, id);
			((uint8_t *)&op.u)[byte] = byte & 1 ? 0x80 : 1;
			if (op_do(&op, l->cmd) != -EINVAL)
				FAIL("command %u takes byte %u of the union",
				     l->cmd, byte);
		}
	}
	for (unsigned int cmd = 11; cmd < 0x10000; cmd = cmd * 2 + 1) {
		memset(&op, 0, sizeof(op));
		ERR(op_do(&op, cmd), EOPNOTSUPP);
	}
	/* The structure itself is not there. */
	p = (int *)map_anon(PAGE);
	CHECK(!munmap(p, PAGE));
	ERR(raw_hypercall(12, XENMEM_lend_op, (uintptr_t)p, 0, 0, 0), EFAULT);
	ERR(raw_hypercall(12, XENMEM_lend_op, 0x10, 0, 0, 0), EFAULT);
	/* A made-up continuation of something that is not continued. */
	op = sample(XEN_LEND_map, id);
	*(struct xen_lend_op *)faults = op;
	((struct xen_lend_op *)faults)->cmd = XEN_LEND_map;
	((struct xen_lend_op *)faults)->domid = xgt_guest.domid;
	((struct xen_lend_op *)faults)->generation = gen;
	ERR(raw_hypercall(12, XENMEM_lend_op | 1UL << 6, (uintptr_t)faults,
			  0, 0, 0), EINVAL);
	CHECK_EQ(held(id), 1);
	detach();
}

static void domains(void)
{
	static const int nobody[] = { 0x6fff, 0x7ff0 - 1 };
	struct xen_lend_op op;
	long ret;

	attach();
	detach();
	for (unsigned int i = 0; i < ARRAY_SIZE(layouts); i++) {
		uint16_t cmd = layouts[i].cmd;

		for (unsigned int n = 0; n < ARRAY_SIZE(nobody); n++) {
			op = sample(cmd, 1);
			ERR(lend_op(&op, cmd, nobody[n], gen), ESRCH);
		}
		/* DOMID_XEN, DOMID_IO and the like are no borrowers. */
		for (int domid = 0x7ff1; domid <= 0x7fff; domid++) {
			op = sample(cmd, 1);
			ret = lend_op(&op, cmd, domid, gen);
			if (ret != -ESRCH && ret != -EPERM)
				FAIL("domain 0x%x: %ld", domid, ret);
		}
		if (cmd == XEN_LEND_query)
			continue;
		op = sample(cmd, 1);
		ERR(lend_op(&op, cmd, 0, gen), EPERM);
		op = sample(cmd, 1);
		ERR(lend_op(&op, cmd, 0x7ff0, gen), EPERM);
		/* Not attached. */
		if (cmd == XEN_LEND_attach)
			continue;
		op = sample(cmd, 1);
		ERR(op_do(&op, cmd), ENOENT);
	}
	memset(&op, 0, sizeof(op));
	OK(lend_op(&op, XEN_LEND_query, 0x7ff0, 0));
	CHECK_EQ(op.generation, 0);
	CHECK_EQ(op.u.query.version, XEN_LEND_VERSION);
	CHECK(op.u.query.max_windows && op.u.query.max_extents &&
	      op.u.query.max_frames);
}

static void attach_twice(void)
{
	struct xen_lend_op op = { };
	uint32_t id;

	for (int i = 0; i < 50; i++) {
		attach();
		memset(&op, 0, sizeof(op));
		ERR(op_do(&op, XEN_LEND_attach), EEXIST);
		OK(create(GFN, NR, &id));
		OK(map_one(id, 0, bar, NR, RW_NC));
		detach();
		memset(&op, 0, sizeof(op));
		ERR(op_do(&op, XEN_LEND_detach), ENOENT);
		ERR(destroy(id), ENOENT);
	}
}

/* --- windows --------------------------------------------------------------------------- */

static void windows(void)
{
	struct xen_lend_op op = { };
	uint32_t id, other, ids[256];
	uint64_t gfn_end, max;
	unsigned int n = 0, limit;

	attach();
	OK(op_do(&op, XEN_LEND_query));
	gfn_end = op.u.query.gfn_end;
	max = op.u.query.max_window;
	limit = op.u.query.max_windows;
	CHECK(gfn_end && max && limit <= ARRAY_SIZE(ids));
	ERR(create(GFN, 0, &id), EINVAL);
	memset(&op, 0, sizeof(op));
	op.u.create.gfn = GFN;
	op.u.create.nr = 1;
	op.u.create.orphan = 3;
	ERR(op_do(&op, XEN_LEND_create), EINVAL);
	ERR(create(GFN, max + 1, &id), E2BIG);
	ERR(create(GFN, ~0ULL, &id), E2BIG);
	ERR(create(XEN_LEND_PARKED, ~0ULL, &id), E2BIG);
	ERR(create(XEN_LEND_PARKED - 1, 2, &id), ERANGE);
	ERR(create(gfn_end, 1, &id), ERANGE);
	ERR(create(gfn_end - 1, 2, &id), ERANGE);
	ERR(create(1ULL << 52, 1, &id), ERANGE);
	ERR(create(0xfee00, 1, &id), EADDRNOTAVAIL);
	ERR(create(0xfec00, 1, &id), EADDRNOTAVAIL);
	ERR(create(0xfed00, 1, &id), EADDRNOTAVAIL);
	ERR(create(0, 1, &id), EADDRNOTAVAIL);
	ERR(create(0x1000, 1, &id), EEXIST);		/* RAM */
	OK(create(GFN, NR, &id));
	ERR(create(GFN + NR - 1, 1, &other), EEXIST);
	OK(map_one(id, 0, bar, 1, RW_NC));
	ERR(move(id + 1, GFN), ENOENT);
	ERR(move(id, 0x1000), EEXIST);
	ERR(move(id, gfn_end), ERANGE);
	ERR(move(id, 0xfee00), EADDRNOTAVAIL);
	CHECK_EQ(held(id), 1);
	OK(map_one(id, 0, bar, 1, RW_NC));
	OK(move(id, GFN + 1));
	CHECK_EQ(held(id), 0);
	OK(move(id, XEN_LEND_PARKED));
	ERR(map_one(id, 0, bar, 1, RW_NC), ENXIO);
	OK(take(id, 0, NR, NULL));
	ERR(destroy(id + 64), ENOENT);
	OK(destroy(id));
	ERR(destroy(id), ENOENT);
	for (; n < limit; n++)
		OK(create(n & 1 ? XEN_LEND_PARKED : GFN + 2 * n, 1, &ids[n]));
	ERR(create(XEN_LEND_PARKED, 1, &id), ENOSPC);
	OK(destroy(ids[--n]));
	OK(create(XEN_LEND_PARKED, 1, &ids[n++]));
	detach();
	ERR(destroy(ids[0]), ENOENT);
}

/* --- frames ------------------------------------------------------------------------------ */

/*
 * Of all the machine's RAM, only our own can be lent: the guest's frames are
 * somewhere among the others, as are Xen's and free ones.  Every 64th frame is
 * tried, so the sum is allowed to be off by a twentieth; the guest has a sixth
 * of what we have.
 */
static void only_own(uint32_t id)
{
	uint64_t own = xen_own_frames(), lent = 0;

	for (uint64_t frame = 0x100; frame < 0xc0000; frame += 64) {
		if (map_one(id, lent % NR, frame, 1, 0))
			continue;
		if (!(++lent % NR))
			OK(take(id, 0, NR, NULL));
	}
	xgt_info("%lu frames are ours, 64 * %lu could be lent", own, lent);
	CHECK(64 * lent < own + own / 20);
	CHECK(64 * lent > own - own / 20);
	if (lent % NR)
		OK(take(id, 0, NR, NULL));
}

static void frames(void)
{
	static const uint64_t never[] = {
		0xfee00, 0xfec00,		/* the host's APICs */
		0xa0, 0xbf, 0xc0, 0xff,		/* below 1 MiB, no RAM */
		1ULL << 40, 1ULL << 52, ~0ULL, ~0ULL - 1, 1ULL << 63,
	};
	uint64_t xen = xen_shared_info_frame();
	uint32_t id, done;

	attach();
	OK(create(GFN, NR, &id));
	for (unsigned int i = 0; i < ARRAY_SIZE(never); i++)
		for (uint32_t attr = 0; attr < 4; attr++)
			if (map_one(id, 0, never[i], 1, attr) != -EACCES)
				FAIL("frame 0x%lx, attributes %u: not EACCES",
				     never[i], attr);
	ERR(map_one(id, 0, xen, 1, XEN_LEND_ATTR_WRITE), EACCES);
	ERR(map_one(id, 0, xen, 1, 0), EACCES);
	only_own(id);
	/* Device memory must never be cacheable. */
	ERR(map_one(id, 0, bar, 1, XEN_LEND_ATTR_WRITE), EACCES);
	ERR(map_one(id, 0, bar, 1, 0), EACCES);
	CHECK_EQ(held(id), 0);
	/* Control: properly, it is taken; and again only with REPLACE. */
	OK(map_one(id, 0, bar, 1, RW_NC));
	ERR(map_one(id, 0, bar, 1, RW_NC), EEXIST);
	OK(map_one(id, 0, bar + 1, 1, RW_NC | XEN_LEND_ATTR_REPLACE));
	CHECK_EQ(held(id), 1);
	/* What was done before the error is told. */
	extents[0] = (struct xen_lend_extent){ 0, bar, 3, RW_NC };
	extents[1] = (struct xen_lend_extent){ 4, 0xfee00, 1, RW_NC };
	ERR(map_to_last(id, 2, &done), EACCES);
	CHECK_EQ(done, 3);
	CHECK_EQ(held(id), 3);
	extents[1] = (struct xen_lend_extent){ NR - 1, bar, 2, RW_NC };
	ERR(map_to_last(id, 2, &done), ENXIO);
	CHECK_EQ(done, 4);
	CHECK_EQ(held(id), 4);
	detach();
}

static void extents_args(void)
{
	struct xen_lend_op op;
	uint32_t id, done, sum;

	attach();
	OK(create(GFN, 1024, &id));
	ERR(map_one(id, 0, bar, 0, RW_NC), EINVAL);
	ERR(map_one(id, 0, bar, ~0U, RW_NC), EINVAL);
	ERR(map_one(id, 0, bar, 513, RW_NC), EINVAL);
	for (uint32_t bit = 8; bit; bit <<= 1)
		ERR(map_one(id, 0, bar, 1, RW_NC | bit), EINVAL);
	ERR(map_one(id, 1024, bar, 1, RW_NC), ENXIO);
	ERR(map_one(id, ~0ULL, bar, 2, RW_NC), ENXIO);
	ERR(map_one(id + 1, 0, bar, 1, RW_NC), ENOENT);
	ERR(map(id, 0, NULL), EINVAL);
	for (int i = 0; i < 65; i++)
		extents[i] = (struct xen_lend_extent){ i, bar + i, 1, RW_NC };
	ERR(map(id, 65, NULL), EINVAL);
	ERR(map(id, ~0U, NULL), EINVAL);
	/* All that fit, in as many calls as it takes. */
	for (sum = 0; sum < 64; sum += done) {
		for (uint32_t i = 0; i < 64 - sum; i++)
			extents[i] = (struct xen_lend_extent){
				sum + i, bar + sum + i, 1, RW_NC };
		OK(map(id, 64 - sum, &done));
		CHECK(done);
	}
	op = sample(XEN_LEND_map, id);
	op.u.map.extents = 0x10;
	ERR(op_do(&op, XEN_LEND_map), EFAULT);
	op = sample(XEN_LEND_map, id);
	op.u.map.extents = ~0ULL;
	ERR(op_do(&op, XEN_LEND_map), EFAULT);
	/* Xen's own addresses are no buffers. */
	op = sample(XEN_LEND_map, id);
	op.u.map.extents = 0xffff82d040000000;
	ERR(op_do(&op, XEN_LEND_map), EFAULT);
	OK(take(id, 0, 1024, &op.generation));
	CHECK_EQ(op.generation, 64);
	/* Revoking: the range must lie in the window. */
	ERR(take(id, 0, 0, NULL), EINVAL);
	ERR(take(id, 0, 1025, NULL), ERANGE);
	ERR(take(id, 1024, 1, NULL), ERANGE);
	ERR(take(id, ~0ULL, 2, NULL), ERANGE);
	ERR(take(id, 1, ~0ULL, NULL), ERANGE);
	ERR(take(id + 1, 0, 1, NULL), ENOENT);
	OK(take(id, 1023, 1, NULL));
	detach();
}

/* --- faults ------------------------------------------------------------------------------- */

/* Wait until a vCPU has touched the mailbox. */
static struct xen_lend_fault next_fault(void)
{
	struct xen_lend_op op;

	for (int i = 0; i < 3000; i++) {
		op = sample(XEN_LEND_poll, 0);
		OK(op_do(&op, XEN_LEND_poll));
		if (op.u.poll.nr)
			return faults[0];
		xgt_sleep_ms(10);
	}
	FAIL("no fault came");
}

static long resolve(uint32_t vcpu, uint32_t token, uint32_t action)
{
	struct xen_lend_op op = { };

	op.u.resolve.vcpu = vcpu;
	op.u.resolve.token = token;
	op.u.resolve.action = action;
	return op_do(&op, XEN_LEND_resolve);
}

static void poll_and_resolve(void)
{
	struct xen_lend_fault f, again;
	struct xen_lend_op op;
	uint32_t id;

	attach();
	OK(create(BOX_GFN, 1, &id));
	op = sample(XEN_LEND_poll, 0);
	op.u.poll.max = 0;
	ERR(op_do(&op, XEN_LEND_poll), EINVAL);
	f = next_fault();
	CHECK(f.window == id && f.index == 0 && f.token && f.vcpu < 2);
	CHECK(f.access & XEN_LEND_ACCESS_READ);
	/* A bad buffer loses nothing. */
	op = sample(XEN_LEND_poll, 0);
	op.flags = XEN_LEND_POLL_ALL;
	op.u.poll.faults = 0x10;
	ERR(op_do(&op, XEN_LEND_poll), EFAULT);
	op = sample(XEN_LEND_poll, 0);
	op.flags = XEN_LEND_POLL_ALL;
	op.u.poll.max = ~0U;
	OK(op_do(&op, XEN_LEND_poll));
	CHECK(op.u.poll.nr >= 1);
	ERR(resolve(f.vcpu, f.token, 4), EINVAL);
	ERR(resolve(2, f.token, XEN_LEND_RESOLVE_RETRY), EINVAL);
	ERR(resolve(~0U, f.token, XEN_LEND_RESOLVE_RETRY), EINVAL);
	ERR(resolve(f.vcpu, f.token + 1, XEN_LEND_RESOLVE_RETRY), ESTALE);
	ERR(resolve(f.vcpu, 0, XEN_LEND_RESOLVE_RETRY), ESTALE);
	OK(resolve(f.vcpu, f.token, XEN_LEND_RESOLVE_RETRY));
	ERR(resolve(f.vcpu, f.token, XEN_LEND_RESOLVE_RETRY), ESTALE);
	/* It comes back with another token. */
	do
		again = next_fault();
	while (again.vcpu != f.vcpu);
	CHECK(again.token != f.token);
	ERR(resolve(f.vcpu, f.token, XEN_LEND_RESOLVE_MMIO), ESTALE);
	OK(resolve(f.vcpu, again.token, XEN_LEND_RESOLVE_MMIO));
	/* The guest lives and looks again, whatever it gets. */
	do
		f = next_fault();
	while (f.vcpu != again.vcpu);
	OK(resolve(f.vcpu, f.token, XEN_LEND_RESOLVE_INJECT));
	do
		again = next_fault();
	while (again.vcpu != f.vcpu);
	detach();
	/* Nobody is left waiting: a new lender sees both of them come. */
	attach();
	OK(create(BOX_GFN, 1, &id));
	f = next_fault();
	do
		again = next_fault();
	while (again.vcpu == f.vcpu);
	detach();
}

/*
 * All of it at once: a mailbox in the card's video memory, put in by hand, in
 * which the guest then works.
 */
static void by_hand(void)
{
	uint64_t start, end;
	int fd = open(qxl_bar(&start, &end), O_RDWR | O_CLOEXEC);
	struct xen_lend_op op = { };
	uint8_t *vram;
	uint32_t id, box;

	attach();
	vram = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    bar * PAGE - start);
	if (vram == MAP_FAILED)
		FAIL("mmap of the BAR: %s", strerror(errno));
	fill_word(vram, 2 * PAGE, 0);
	xgt_box.page = (volatile struct xg_mailbox *)vram;
	xgt_box.page->magic = XG_MAGIC;
	OK(create(BOX_GFN, 1, &box));
	OK(create(GFN, NR, &id));
	OK(map_one(box, 0, bar, 1, RW_NC));
	OK(map_one(id, 2, bar + 1, 1, RW_NC));
	cmd_ok(0, XG_CMD_PING);
	cmd_ok(1, XG_CMD_PING);
	fill(vram + PAGE, PAGE, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW + 2 * PAGE, PAGE, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW + 2 * PAGE, PAGE, 2);
	verify(vram + PAGE, PAGE, 2);
	op.u.inspect.id = id;
	op.u.inspect.index = 2;
	OK(op_do(&op, XEN_LEND_inspect));
	CHECK_EQ(op.u.inspect.mfn, bar + 1);
	CHECK_EQ(op.u.inspect.attr, RW_NC);
	CHECK_EQ(op.u.inspect.order, 0);
	memset(&op, 0, sizeof(op));
	op.u.inspect.id = id;
	OK(op_do(&op, XEN_LEND_inspect));
	CHECK_EQ(op.u.inspect.mfn, ~0ULL);
	memset(&op, 0, sizeof(op));
	op.u.inspect.id = id;
	op.u.inspect.index = NR;
	ERR(op_do(&op, XEN_LEND_inspect), ERANGE);
	/* Read-only: a write is a fault, answered by hand with an exception. */
	OK(map_one(id, 2, bar + 1, 1,
		   XEN_LEND_ATTR_NC | XEN_LEND_ATTR_REPLACE));
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW + 2 * PAGE, PAGE, 2);
	cmd_start(1, XG_CMD_WRITE, XGT_WINDOW + 2 * PAGE, 8, 5);
	CHECK_EQ(next_fault().index, 2);
	CHECK(faults[0].vcpu == 1 && faults[0].window == id);
	CHECK(faults[0].access & XEN_LEND_ACCESS_WRITE);
	OK(resolve(1, faults[0].token, XEN_LEND_RESOLVE_INJECT));
	CHECK_EQ(cmd_wait(1).status, XG_FAULT);
	verify(vram + PAGE, PAGE, 2);
	detach();
}

static const struct xgt_test tests[] = {
	{ "X-args-reserved", "U6,L5,N03", reserved, XGT_BARE, 0 },
	{ "X-args-domains", "L10,S2,N01", domains, XGT_BARE, 0 },
	{ "X-args-attach", "L13", attach_twice, XGT_BARE, 0 },
	{ "X-args-windows", "L9,L19,N22", windows, XGT_BARE, 0 },
	{ "X-args-frames", "L1,L16,N04,N06,N07", frames, XGT_BARE, 0 },
	{ "X-args-extents", "L2,L19,N03", extents_args, XGT_BARE, 0 },
	{ "X-args-poll-resolve", "L3,L4,N18", poll_and_resolve, XGT_BARE, 0 },
	{ "X-by-hand", "L1,L3,L4,L16,N07,N11,N18", by_hand, XGT_BARE, 0 },
};

XGT_MAIN(tests)
