// SPDX-License-Identifier: GPL-2.0-only
/*
 * A lender without a driver: XENMEM_lend_op on the test's guest, command by
 * command.  What it lends is frames of the qxl card's first BAR, which dom0 may
 * map and whose numbers are the same for everybody.
 */
#include "xgt.h"

struct xgt_raw xgt_raw;

/**
 * raw_op - any command on the test's guest
 * @op: its argument
 * @cmd: XEN_LEND_*
 */
long raw_op(struct xen_lend_op *op, uint16_t cmd)
{
	return lend_op(op, cmd, xgt_guest.domid, xgt_raw.generation);
}

/**
 * raw_query - learn the guest's generation, whoever is attached to it
 *
 * For the windows of others of this domain, the driver's above all, this is
 * enough: to Xen they and we are one.
 */
void raw_query(void)
{
	struct xen_lend_op op = { };

	xgt_raw.generation = 0;
	OK(raw_op(&op, XEN_LEND_query));
	xgt_raw.generation = op.generation;
	xgt_raw.query = op.u.query;
}

/**
 * raw_try_attach - ATTACH, after raw_query()
 */
long raw_try_attach(void)
{
	struct xen_lend_op op = { };

	return raw_op(&op, XEN_LEND_attach);
}

/**
 * raw_attach - become a lender to the test's guest
 */
void raw_attach(void)
{
	uint64_t start, end;

	if (!qxl_bar(&start, &end))
		FAIL("%s", "is there no qxl card?");
	xgt_raw.bar = (start + 32 * MIB) / PAGE;
	raw_query();
	OK(raw_try_attach());
	xgt_raw.extents = lend_buffer(2 * PAGE);
	xgt_raw.faults = lend_buffer(PAGE);
}

/**
 * raw_detach - stop being one
 */
void raw_detach(void)
{
	struct xen_lend_op op = { };

	OK(raw_op(&op, XEN_LEND_detach));
}

/**
 * raw_create - CREATE
 * @gfn: first frame
 * @nr: how many
 * @id: the new window's
 */
long raw_create(uint64_t gfn, uint64_t nr, uint32_t *id)
{
	struct xen_lend_op op = { };
	long ret;

	op.u.create.gfn = gfn;
	op.u.create.nr = nr;
	ret = raw_op(&op, XEN_LEND_create);
	*id = op.u.create.id;
	return ret;
}

/**
 * raw_move - put a window somewhere else, empty
 * @id: the window
 * @gfn: where to, or XEN_LEND_PARKED
 */
long raw_move(uint32_t id, uint64_t gfn)
{
	struct xen_lend_op op = { .u.move = { .id = id, .gfn = gfn } };

	return raw_op(&op, XEN_LEND_move);
}

/**
 * raw_destroy - DESTROY
 * @id: of the window
 */
long raw_destroy(uint32_t id)
{
	struct xen_lend_op op = { };

	op.u.destroy.id = id;
	return raw_op(&op, XEN_LEND_destroy);
}

/**
 * raw_map - MAP of what is in xgt_raw.extents
 * @id: of the window
 * @nr: extents
 * @done: frames mapped, or NULL
 */
long raw_map(uint32_t id, uint32_t nr, uint32_t *done)
{
	struct xen_lend_op op = { };
	long ret;

	op.u.map.id = id;
	op.u.map.nr = nr;
	op.u.map.extents = (uintptr_t)xgt_raw.extents;
	ret = raw_op(&op, XEN_LEND_map);
	if (done)
		*done = op.u.map.done;
	return ret;
}

/**
 * raw_map_one - MAP of one extent
 * @id: of the window
 * @index: first frame in it
 * @frame: of the card
 * @nr: frames
 * @attr: XEN_LEND_ATTR_*
 */
long raw_map_one(uint32_t id, uint64_t index, uint64_t frame, uint32_t nr,
		 uint32_t attr)
{
	xgt_raw.extents[0] = (struct xen_lend_extent){ index, frame, nr, attr };
	return raw_map(id, 1, NULL);
}

/**
 * raw_fill - MAP something at each index of a window that is empty
 * @id: of the window
 * @nr: its frames
 *
 * In entries of 4 KiB: the frames are not aligned to more.
 */
void raw_fill(uint32_t id, uint32_t nr)
{
	const uint32_t chunk = 512;
	uint32_t done;

	for (uint32_t at = 0; at < nr; at += done) {
		uint32_t n = chunk - at % chunk;

		xgt_raw.extents[0] = (struct xen_lend_extent){
			at, xgt_raw.bar + 1, n < nr - at ? n : nr - at,
			RAW_RW };
		OK(raw_map(id, 1, &done));
	}
}

/**
 * raw_revoke - REVOKE
 * @id: of the window
 * @index: first frame
 * @nr: frames
 * @cleared: frames that were there, or NULL
 */
long raw_revoke(uint32_t id, uint64_t index, uint64_t nr, uint64_t *cleared)
{
	struct xen_lend_op op = { };
	long ret;

	op.u.revoke.id = id;
	op.u.revoke.index = index;
	op.u.revoke.nr = nr;
	ret = raw_op(&op, XEN_LEND_revoke);
	if (cleared)
		*cleared = op.u.revoke.cleared;
	return ret;
}

/**
 * raw_take - REVOKE, which must work
 * @id: of the window
 * @index: first frame
 * @nr: frames
 * @flags: XEN_LEND_REVOKE_*
 *
 * Return: how many frames lost something.
 */
uint64_t raw_take(uint32_t id, uint64_t index, uint64_t nr, uint32_t flags)
{
	struct xen_lend_op op = { .flags = flags };

	op.u.revoke.id = id;
	op.u.revoke.index = index;
	op.u.revoke.nr = nr;
	OK(raw_op(&op, XEN_LEND_revoke));
	return op.u.revoke.cleared;
}

/**
 * raw_poll - POLL for some records, at xgt_raw.faults
 * @max: how many
 * @flags: XEN_LEND_POLL_*
 * @more: whether there are more, or NULL
 *
 * Return: how many there were.
 */
unsigned int raw_poll(uint32_t max, uint32_t flags, uint32_t *more)
{
	struct xen_lend_op op = { .flags = flags };

	op.u.poll.max = max;
	op.u.poll.faults = (uintptr_t)xgt_raw.faults;
	OK(raw_op(&op, XEN_LEND_poll));
	if (more)
		*more = op.u.poll.more;
	return op.u.poll.nr;
}

/**
 * raw_fault - wait for a fault
 */
struct xen_lend_fault raw_fault(void)
{
	for (int i = 0; i < 6000; i++) {
		if (raw_poll(1, 0, NULL))
			return xgt_raw.faults[0];
		xgt_sleep_ms(5);
	}
	FAIL("no fault came");
}

/**
 * raw_fault_of - wait for a fault of one vCPU
 * @vcpu: which; what others wait for meanwhile is left to them
 */
struct xen_lend_fault raw_fault_of(uint32_t vcpu)
{
	struct xen_lend_fault f;

	do
		f = raw_fault();
	while (f.vcpu != vcpu);
	return f;
}

/**
 * raw_resolve - RESOLVE
 * @vcpu: of the record
 * @token: of the record
 * @action: XEN_LEND_RESOLVE_*
 */
long raw_resolve(uint32_t vcpu, uint32_t token, uint32_t action)
{
	struct xen_lend_op op = { };

	op.u.resolve.vcpu = vcpu;
	op.u.resolve.token = token;
	op.u.resolve.action = action;
	return raw_op(&op, XEN_LEND_resolve);
}

/**
 * raw_inspect - INSPECT; must work
 * @id: of the window
 * @index: the frame
 */
struct xen_lend_inspect raw_inspect(uint32_t id, uint64_t index)
{
	struct xen_lend_op op = { };

	op.u.inspect.id = id;
	op.u.inspect.index = index;
	OK(raw_op(&op, XEN_LEND_inspect));
	return op.u.inspect;
}

/**
 * raw_mailbox - lend a mailbox in the card's memory, by hand
 *
 * The guest serves it as it serves any other.  It is the frame at xgt_raw.bar;
 * those after it are for tests.
 *
 * Return: where dom0 sees that memory, 1 MiB of it.
 */
volatile uint8_t *raw_mailbox(void)
{
	uint64_t start, end;
	int fd = open(qxl_bar(&start, &end), O_RDWR | O_CLOEXEC);
	uint32_t id;
	volatile uint8_t *vram = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
				      MAP_SHARED, fd,
				      xgt_raw.bar * PAGE - start);

	if (vram == MAP_FAILED)
		FAIL("mmap of the BAR: %s", strerror(errno));
	fill_word(vram, PAGE, 0);
	xgt_box.page = (volatile struct xg_mailbox *)vram;
	xgt_box.page->magic = XG_MAGIC;
	OK(raw_create(XG_ARENA_BASE / PAGE, 1, &id));
	OK(raw_map_one(id, 0, xgt_raw.bar, 1, RAW_RW));
	for (unsigned int i = 0; i < xgt_guest.vcpus; i++)
		cmd_ok(i, XG_CMD_PING);
	return vram;
}
