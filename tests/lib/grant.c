// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grant references for dma-bufs: the driver's calls, and a guest that maps.
 *
 * The guest maps by hypercall, at addresses of the arena that have nothing
 * behind them: its commands reach what is there like any other memory.
 */
#include "xgt.h"

#define GRANT_TABLE_OP	20
#define MAP_GRANT_REF	0
#define UNMAP_GRANT_REF	1
#define HOST_MAP	2
#define READONLY	4

/* As Xen has them. */
struct map_op {
	uint64_t host_addr;
	uint32_t flags, ref;
	uint16_t domid;
	int16_t status;
	uint32_t handle;
	uint64_t bus_addr;
};

struct unmap_op {
	uint64_t host_addr, bus_addr;
	uint32_t handle;
	int16_t status;
	uint16_t pad;
};

_Static_assert(sizeof(struct map_op) == 32 && sizeof(struct unmap_op) == 24,
	       "as Xen has them");

#define MAP_BATCH	(XG_DATA / sizeof(struct map_op))
#define UNMAP_BATCH	(XG_DATA / sizeof(struct unmap_op))
#define NO_HANDLE	(~0U)

/**
 * gr_grant - XEN_GPUMEM_GRANT
 * @dom: domain fd
 * @fd: the dma-buf
 * @offset: first byte in it
 * @count: pages
 * @flags: XEN_GPUMEM_GRANT_*
 * @refs: OUT: the references
 * @cmd: the whole answer, or NULL
 *
 * Return: 0 or -errno.
 */
int gr_grant(int dom, int fd, uint64_t offset, uint32_t count, uint32_t flags,
	     uint32_t *refs, struct xen_gpumem_grant *cmd)
{
	struct xen_gpumem_grant a = {
		.size = sizeof(a), .flags = flags, .fd = fd, .count = count,
		.offset = offset, .refs = (uintptr_t)refs,
		.out_failed = 0x5a5a5a5a,
	};
	int ret = ioctl(dom, XEN_GPUMEM_GRANT, &a) ? -errno : 0;

	if (cmd)
		*cmd = a;
	return ret;
}

/**
 * gr_all - grant the first pages of a dma-buf, which must go well
 * @dom: domain fd
 * @fd: the dma-buf
 * @count: pages
 * @flags: XEN_GPUMEM_GRANT_*
 * @refs: OUT: the references
 *
 * Return: their id
 */
uint32_t gr_all(int dom, int fd, uint32_t count, uint32_t flags,
		uint32_t *refs)
{
	struct xen_gpumem_grant cmd;

	OK(gr_grant(dom, fd, 0, count, flags, refs, &cmd));
	CHECK_EQ(cmd.out_failed, count);
	return cmd.out_id;
}

/**
 * gr_release - XEN_GPUMEM_GRANT_RELEASE
 * @dom: domain fd
 * @id: of gr_grant()
 * @wait_ms: how long at most
 * @left: OUT: references that are mapped, or NULL
 *
 * Return: 0 or -errno.
 */
int gr_release(int dom, uint32_t id, uint32_t wait_ms, uint32_t *left)
{
	struct xen_gpumem_grant_release a = {
		.size = sizeof(a), .id = id, .wait_ms = wait_ms,
		.out_left = 0x5a5a5a5a,
	};
	int ret = ioctl(dom, XEN_GPUMEM_GRANT_RELEASE, &a) ? -errno : 0;

	if (left)
		*left = a.out_left;
	return ret;
}

/**
 * gr_open - a fd of the test's guest with the right to grant, and no other
 * @max: references; zero: any number
 */
int gr_open(uint32_t max)
{
	struct xen_gpumem_open_domain a = {
		.rights = XEN_GPUMEM_RIGHT_GRANT, .max_grants = max,
	};
	int fd = gm_open_domain(xgt_guest.domid, &a);

	if (fd < 0)
		FAIL("opening the guest for grants: %s", xgt_errname(-fd));
	return fd;
}

/**
 * gr_used - references that a fd is charged for
 * @dom: domain fd
 */
uint64_t gr_used(int dom)
{
	char path[64], line[256];
	uint64_t used = ~0ULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dom);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "xen-gpumem-grants: %lu", &used);
	if (f)
		fclose(f);
	if (used == ~0ULL)
		FAIL("%s does not tell about grants", path);
	return used;
}

/**
 * gr_left - references of a guest's that did not end yet
 * @domid: the guest
 */
uint64_t gr_left(int domid)
{
	FILE *f = fopen("/sys/kernel/debug/xen-gpumem/grants", "r");
	char line[256];
	uint64_t sum = 0, left;
	int of;

	if (!f)
		FAIL("no grants in debugfs: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%d generation %*s id %*u pages %*u left %lu",
			   &of, &left) == 2 && of == domid)
			sum += left;
	fclose(f);
	return sum;
}

/* --- the guest ------------------------------------------------------------ */

static void grant_op(struct xgt_mailbox *box, uint64_t cmd, void *ops,
		     size_t size, uint32_t count)
{
	const uint64_t arg[XG_ARGS] = {
		GRANT_TABLE_OP, cmd, XG_BUFFER, count,
	};
	struct xgt_result r;

	memcpy((void *)box->page->data, ops, size * count);
	box_start(box, 0, XG_CMD_HYPERCALL, arg);
	r = box_wait(box, 0);
	if (r.status == XG_UNSUPPORTED)
		xgt_skip("the guest cannot make hypercalls");
	box_ok(r, "a grant table operation", __FILE__, __LINE__);
	if (r.v[0])
		FAIL("grant table operation %lu: %ld", cmd, (long)r.v[0]);
	memcpy(ops, (void *)box->page->data, size * count);
}

/* Return: the status of the first that failed; the others are mapped. */
static int map_batch(struct guest_map *m, const uint32_t *refs, uint32_t count,
		     bool readonly)
{
	struct map_op ops[MAP_BATCH];
	int status = 0;

	for (uint32_t i = 0; i < count; i++)
		ops[i] = (struct map_op){
			.host_addr = m->gpa + (m->count + i) * PAGE,
			.flags = HOST_MAP | (readonly ? READONLY : 0),
			.ref = refs[i], .status = 1,
		};
	grant_op(m->box, MAP_GRANT_REF, ops, sizeof(ops[0]), count);
	for (uint32_t i = 0; i < count; i++) {
		m->handles[m->count++] = ops[i].status ? NO_HANDLE :
							 ops[i].handle;
		if (!status)
			status = ops[i].status;
	}
	return status;
}

/**
 * guest_map - have a guest map references
 * @m: OUT: what it has then
 * @box: the guest's mailbox
 * @gpa: where, in the arena and in no window
 * @refs: references of domain 0's
 * @count: how many
 * @readonly: not to be written
 *
 * Return: 0, or the status that Xen gave (GNTST_*, below zero), and nothing is
 * mapped.
 */
int guest_map(struct guest_map *m, struct xgt_mailbox *box, uint64_t gpa,
	      const uint32_t *refs, uint32_t count, bool readonly)
{
	int status = 0;

	*m = (struct guest_map){
		.box = box, .gpa = gpa,
		.handles = calloc(count, sizeof(*m->handles)),
	};
	CHECK(m->handles != NULL);
	for (uint32_t n; m->count < count && !status; ) {
		n = count - m->count;
		if (n > MAP_BATCH)
			n = MAP_BATCH;
		status = map_batch(m, refs + m->count, n, readonly);
	}
	if (status)
		guest_unmap(m);
	return status;
}

/**
 * guest_must_map - have a guest map references, for writing
 * @m: OUT: what it has then
 * @box: the guest's mailbox
 * @gpa: where, in the arena and in no window
 * @refs: references of domain 0's
 * @count: how many
 */
void guest_must_map(struct guest_map *m, struct xgt_mailbox *box, uint64_t gpa,
		    const uint32_t *refs, uint32_t count)
{
	int status = guest_map(m, box, gpa, refs, count, false);

	if (status)
		FAIL("a guest cannot map its grants: %d", status);
}

/**
 * guest_unmap_some - have the guest unmap some of what it mapped
 * @m: what it has
 * @first: the first of them
 * @count: how many
 */
void guest_unmap_some(struct guest_map *m, uint32_t first, uint32_t count)
{
	struct unmap_op ops[UNMAP_BATCH];
	uint32_t n = 0;

	for (uint32_t i = first; i < first + count; i++) {
		if (m->handles[i] != NO_HANDLE)
			ops[n++] = (struct unmap_op){
				.host_addr = m->gpa + i * PAGE,
				.handle = m->handles[i], .status = 1,
			};
		m->handles[i] = NO_HANDLE;
		if (!n || (n < UNMAP_BATCH && i + 1 < first + count))
			continue;
		grant_op(m->box, UNMAP_GRANT_REF, ops, sizeof(ops[0]), n);
		while (n)
			CHECK_EQ(ops[--n].status, 0);
	}
}

/**
 * guest_unmap - have the guest unmap all of it
 * @m: what it has
 */
void guest_unmap(struct guest_map *m)
{
	guest_unmap_some(m, 0, m->count);
	free(m->handles);
	m->handles = NULL;
	m->count = 0;
}
