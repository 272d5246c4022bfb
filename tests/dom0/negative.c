// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must not work, or must do nothing, on the lender's side and the
 * toolstack's: frames that are nobody's to lend, other uses of what is lent,
 * page tables without memory, domains that cannot borrow, vCPUs that are reset.
 *
 * The second part of each name is the number in the list of negative tests that
 * docs/security.md has.
 */
#include <dirent.h>
#include <pthread.h>

#include "xgt.h"

/* Only now: lend.h would look for Xen's headers beside it. */
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/hvm/dm_op.h>
#include <xen/memory.h>

#define GFN		(XGT_WINDOW / PAGE)
#define NR		16

static long domctl(uint32_t cmd, struct xen_domctl *op)
{
	op->cmd = cmd;
	op->domain = xgt_guest.domid;
	return xen_domctl(op);
}

static bool present(uint32_t id, uint64_t index)
{
	return raw_inspect(id, index).mfn != ~0ULL;
}

/* --- 2: a device model that may do things to one domain only ------------------- */

struct privcmd_hypercall {
	uint64_t op, arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL \
	_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))

struct privcmd_dm_op {
	uint16_t dom, num;
	const struct {
		void *p;
		size_t size;
	} *bufs;
};
#define IOCTL_PRIVCMD_DM_OP \
	_IOC(_IOC_NONE, 'P', 5, sizeof(struct privcmd_dm_op))
#define IOCTL_PRIVCMD_RESTRICT	_IOC(_IOC_NONE, 'P', 6, sizeof(uint16_t))

static long privcmd(int fd, unsigned long nr, void *arg)
{
	long ret = ioctl(fd, nr, arg);

	return ret < 0 ? -errno : ret;
}

static long query_through(int fd)
{
	static struct xen_lend_op *op;
	struct privcmd_hypercall call = { .op = __HYPERVISOR_memory_op };

	if (!op)
		op = lend_buffer(sizeof(*op));
	memset(op, 0, sizeof(*op));
	op->cmd = XEN_LEND_query;
	op->domid = xgt_guest.domid;
	call.arg[0] = XENMEM_lend_op;
	call.arg[1] = (uintptr_t)op;
	return privcmd(fd, IOCTL_PRIVCMD_HYPERCALL, &call);
}

static long dm_op_through(int fd, uint32_t nr)
{
	struct xen_dm_op op = { .op = nr };
	struct privcmd_dm_op call = { xgt_guest.domid, 1,
				      (void *)&(struct { void *p; size_t n; }){
					      &op, sizeof(op) } };

	return privcmd(fd, IOCTL_PRIVCMD_DM_OP, &call);
}

static void restricted(void)
{
	int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	uint16_t domid = xgt_guest.domid;

	/* Control. */
	OK(query_through(fd));
	OK(privcmd(fd, IOCTL_PRIVCMD_RESTRICT, &domid));
	ERR(query_through(fd), EPERM);
	/* What it may still do knows nothing of lending, under any number. */
	for (uint32_t nr = XEN_DMOP_nr_vcpus + 1; nr < 70; nr++)
		ERR(dm_op_through(fd, nr), EOPNOTSUPP);
	OK(dm_op_through(fd, XEN_DMOP_nr_vcpus));
	close(fd);
}

/* --- 5, 6: frames --------------------------------------------------------------- */

/* Frames that are page tables: to be read, by all means; never to be written. */
static void page_tables(void)
{
	unsigned int own = 0, tables = 0;
	uint32_t id;

	if (!xen_dom0_is_pv())
		xgt_skip("cannot be run here: dom0 has no frames of that kind");
	raw_attach();
	OK(raw_create(GFN, NR, &id));
	for (uint64_t frame = 0x101; frame < 0xc0000 && tables < 3;
	     frame += 61) {
		long err;

		if (raw_map_one(id, 0, frame, 1, 0))
			continue;
		own++;
		OK(raw_revoke(id, 0, 1, NULL));
		err = raw_map_one(id, 0, frame, 1, XEN_LEND_ATTR_WRITE);
		if (!err) {
			OK(raw_revoke(id, 0, 1, NULL));
		} else {
			ERR(err, ETXTBSY);
			CHECK(!present(id, 0));
			tables++;
		}
	}
	xgt_info("of %u frames of dom0's %u were page tables", own, tables);
	CHECK(tables > 0 && own > tables);
	raw_detach();
}

/* The frame of a device's MSI-X table, if the device uses it. */
static uint64_t msix_frame(const char *device)
{
	uint8_t config[256];
	char path[300], line[128];
	uint64_t start;
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, config, 256) != 256)
		return 0;
	close(fd);
	for (uint8_t at = config[0x34]; at; at = config[at + 1]) {
		uint32_t table = *(uint32_t *)&config[at + 4];

		if (config[at] != 0x11 || !(config[at + 3] & 0x80))
			continue;
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/resource", device);
		f = fopen(path, "re");
		for (uint32_t bar = 0; bar <= (table & 7); bar++)
			CHECK(fgets(line, sizeof(line), f));
		fclose(f);
		CHECK_EQ(sscanf(line, "%lx", &start), 1);
		return (start + (table & ~7U)) / PAGE;
	}
	return 0;
}

/* Interrupts must not be the guest's to make up. */
static void msix(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	unsigned int found = 0;
	struct dirent *e;
	uint32_t id;

	raw_attach();
	OK(raw_create(GFN, NR, &id));
	while ((e = readdir(dir))) {
		uint64_t frame = e->d_name[0] == '.' ? 0 :
				 msix_frame(e->d_name);

		if (!frame)
			continue;
		found++;
		xgt_info("%s has its MSI-X table in frame 0x%lx", e->d_name,
			 frame);
		ERR(raw_map_one(id, 0, frame, 1, RAW_RW), EACCES);
		ERR(raw_map_one(id, 0, frame, 1, XEN_LEND_ATTR_NC), EACCES);
	}
	closedir(dir);
	CHECK(found > 0);
	/* Control: another device's memory. */
	OK(raw_map_one(id, 0, xgt_raw.bar, 1, RAW_RW));
	raw_detach();
}

/* --- 9, 11: no memory for page tables ---------------------------------------------- */

/*
 * The guest's pool for page tables is used up.  Lending more fails, and says
 * why; taking back never needs memory, least of all where nothing ever was.
 */
static void pool_exhausted(void)
{
	const uint64_t nr = 1 << 20, group = 512;
	const uint64_t gfn = (XG_ARENA_BASE + XG_ARENA_SIZE) / PAGE;
	uint64_t size = xen_pool_size(xgt_guest.domid), n, cleared;
	uint32_t id;
	long err;

	raw_attach();
	OK(raw_create(gfn, nr, &id));
	/* What is in use stays; it says that it could not get that. */
	xen_set_pool_size(xgt_guest.domid, 0);
	OK(xen_set_pool_size(xgt_guest.domid,
			     xen_pool_size(xgt_guest.domid) + 12 * PAGE));
	for (n = 0; n < nr / group; n++) {
		err = raw_map_one(id, n * group, xgt_raw.bar, 1, RAW_RW);
		if (err)
			break;
	}
	ERR(err, ENOMEM);
	CHECK(n > 0 && !present(id, n * group));
	/* Nothing there, no table, no memory: taking back is no problem. */
	OK(raw_revoke(id, (n + 1) * group, nr - (n + 1) * group, &cleared));
	CHECK_EQ(cleared, 0);
	OK(raw_revoke(id, n * group, 1, &cleared));
	CHECK_EQ(cleared, 0);
	OK(raw_revoke(id, 0, nr, &cleared));
	CHECK_EQ(cleared, n);
	for (uint64_t i = 0; i <= n; i++)
		CHECK(!present(id, i * group));
	/* Control: with memory it works where it did not. */
	OK(xen_set_pool_size(xgt_guest.domid, size + 64 * PAGE));
	OK(raw_map_one(id, n * group, xgt_raw.bar, 1, RAW_RW));
	CHECK_EQ(raw_inspect(id, n * group).mfn, xgt_raw.bar);
	OK(raw_revoke(id, 0, nr, &cleared));
	CHECK_EQ(cleared, 1);
	CHECK(!present(id, n * group));
	xgt_info("the pool lasted for %lu tables", n);
	raw_detach();
	OK(xen_set_pool_size(xgt_guest.domid, size));
}

/* --- 12: others put things there ------------------------------------------------------ */

static long device_memory(uint64_t gfn, uint64_t frame, bool add)
{
	struct xen_domctl op = { };

	op.u.memory_mapping.first_gfn = gfn;
	op.u.memory_mapping.first_mfn = frame;
	op.u.memory_mapping.nr_mfns = 1;
	op.u.memory_mapping.add_mapping = add;
	return domctl(XEN_DOMCTL_memory_mapping, &op);
}

/* The toolstack does to the guest what it may, over what is lent. */
static void toolstack(void)
{
	struct xen_domctl op = { };
	uint32_t id;

	raw_attach();
	OK(raw_create(GFN, NR, &id));
	OK(raw_map_one(id, 0, xgt_raw.bar, 4, RAW_RW));
	op.u.iomem_permission.first_mfn = xgt_raw.bar + 8;
	op.u.iomem_permission.nr_mfns = 1;
	op.u.iomem_permission.allow_access = 1;
	OK(domctl(XEN_DOMCTL_iomem_permission, &op));

	CHECK(device_memory(GFN + 1, xgt_raw.bar + 8, true) < 0);
	CHECK(device_memory(GFN + 1, xgt_raw.bar + 8, false) < 0);
	CHECK_EQ(xen_populate(xgt_guest.domid, GFN + 1), 0);
	CHECK_EQ(xen_depopulate(xgt_guest.domid, GFN + 1), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(raw_inspect(id, i).mfn, xgt_raw.bar + i);

	/* In a hole it wins; what it put there is not taken for ours. */
	OK(device_memory(GFN + 8, xgt_raw.bar + 8, true));
	ERR(raw_map_one(id, 8, xgt_raw.bar, 1, RAW_RW), EBUSY);
	ERR(raw_map_one(id, 8, xgt_raw.bar, 1, RAW_RW | XEN_LEND_ATTR_REPLACE),
	    EBUSY);
	OK(raw_revoke(id, 8, 1, NULL));
	OK(device_memory(GFN + 8, xgt_raw.bar + 8, false));
	OK(raw_map_one(id, 8, xgt_raw.bar, 1, RAW_RW));

	CHECK_EQ(xen_populate(xgt_guest.domid, GFN + 9), 1);
	ERR(raw_map_one(id, 9, xgt_raw.bar, 1, RAW_RW), EBUSY);
	CHECK_EQ(xen_depopulate(xgt_guest.domid, GFN + 9), 1);
	OK(raw_map_one(id, 9, xgt_raw.bar, 1, RAW_RW));
	raw_detach();
}

/* --- 15: tracking, cache attributes, audit ---------------------------------------------- */

static long dm_op(const struct xen_dm_op *what, size_t extra)
{
	struct xen_dm_op *op = lend_buffer(sizeof(*op));
	struct xen_dm_op_buf *bufs = lend_buffer(2 * sizeof(*bufs));

	*op = *what;
	set_xen_guest_handle(bufs[0].h, op);
	bufs[0].size = sizeof(*op);
	set_xen_guest_handle(bufs[1].h, lend_buffer(PAGE));
	bufs[1].size = extra;
	return raw_hypercall(__HYPERVISOR_dm_op, xgt_guest.domid,
			     extra ? 2 : 1, (uintptr_t)bufs, 0, 0);
}

static long track_vram(uint64_t gfn, uint32_t nr)
{
	struct xen_dm_op op = { .op = XEN_DMOP_track_dirty_vram };

	op.u.track_dirty_vram.first_pfn = gfn;
	op.u.track_dirty_vram.nr = nr;
	return dm_op(&op, PAGE);
}

static long pin_write_back(uint64_t gfn, uint32_t nr)
{
	struct xen_dm_op op = { .op = XEN_DMOP_pin_memory_cacheattr };

	op.u.pin_memory_cacheattr.start = gfn;
	op.u.pin_memory_cacheattr.end = gfn + nr - 1;
	op.u.pin_memory_cacheattr.type = XEN_DMOP_MEM_CACHEATTR_WB;
	return dm_op(&op, 0);
}

static void audit(void)
{
	struct xen_domctl op = { };
	long err = domctl(XEN_DOMCTL_audit_p2m, &op);

	/* Only debug builds can. */
	if (err == -ENOSYS || err == -EOPNOTSUPP)
		return;
	OK(err);
	CHECK_EQ(op.u.audit_p2m.p2m_bad, 0);
}

static void tracking(void)
{
	struct xen_domctl op = { };
	volatile uint8_t *vram;
	uint32_t id;

	raw_attach();
	vram = raw_mailbox();
	OK(raw_create(GFN, NR, &id));
	OK(raw_map_one(id, 0, xgt_raw.bar + 1, 8, RAW_RW));
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, 8 * PAGE, 3);

	ERR(guest_track(&xgt_guest, true), EBUSY);
	op.u.shadow_op.op = XEN_DOMCTL_SHADOW_OP_ENABLE;
	op.u.shadow_op.mode = XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY;
	CHECK(domctl(XEN_DOMCTL_shadow_op, &op) < 0);

	/* These may be refused or not: they must not matter. */
	xgt_info("tracking a lent framebuffer: %ld", track_vram(GFN, NR));
	xgt_info("pinning it write-back: %ld", pin_write_back(GFN, NR));
	audit();
	for (int i = 0; i < NR; i++) {
		struct xen_lend_inspect in = raw_inspect(id, i);

		CHECK_EQ(in.mfn, i < 8 ? xgt_raw.bar + 1 + i : ~0ULL);
		CHECK_EQ(in.attr, i < 8 ? RAW_RW : 0);
	}
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, 8 * PAGE, 3);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, 8 * PAGE, 4);
	verify(vram + PAGE, 8 * PAGE, 4);
	track_vram(0, 0);
	OK(raw_revoke(id, 0, NR, NULL));
	audit();
	raw_detach();
}

/* Turned on when there was no window yet: there will be none. */
static void tracked_first(void)
{
	uint32_t id;

	raw_attach();
	for (int i = 0; i < 2; i++) {
		struct xen_domctl context = { };

		OK(guest_track(&xgt_guest, true));
		ERR(raw_create(GFN, NR, &id), EOPNOTSUPP);
		ERR(raw_create(XEN_LEND_PARKED, NR, &id), EOPNOTSUPP);
		/* What was refused is not in the way: the guest migrates. */
		OK(domctl(XEN_DOMCTL_gethvmcontext, &context));
		/* Nor in that of the next time. */
		OK(guest_track(&xgt_guest, false));
	}
	/* Control: it was the tracking; and now it is the other way round. */
	OK(raw_create(GFN, NR, &id));
	ERR(guest_track(&xgt_guest, true), EBUSY);
	OK(raw_map_one(id, 0, xgt_raw.bar, 1, RAW_RW));
	CHECK_EQ(raw_take(id, 0, NR, 0), 1);
	raw_detach();
}

/* --- 17: who cannot borrow ----------------------------------------------------------------- */

static int domain_new(uint32_t flags, unsigned int vcpus)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain };
	int domid;

	op.u.createdomain.flags = flags;
	op.u.createdomain.max_vcpus = 1;
	op.u.createdomain.max_evtchn_port = 1023;
	op.u.createdomain.max_grant_frames = 4;
	op.u.createdomain.max_maptrack_frames = 4;
	op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
	if (flags & XEN_DOMCTL_CDF_hvm)
		op.u.createdomain.arch.emulation_flags = XEN_X86_EMU_LAPIC;
	if (xen_domctl(&op))
		return -1;
	domid = op.domain;
	memset(&op, 0, sizeof(op));
	op.cmd = XEN_DOMCTL_max_vcpus;
	op.domain = domid;
	op.u.max_vcpus.max = vcpus;
	if (vcpus)
		OK(xen_domctl(&op));
	return domid;
}

static void domain_destroy(int domid)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain,
				 .domain = domid };
	long err;

	while ((err = xen_domctl(&op)) == -ERESTART || err == -EAGAIN)
		;
	OK(err);
}

static long attach_to(int domid)
{
	struct xen_lend_op op = { };

	return lend_op(&op, XEN_LEND_attach, domid, 0);
}

static void borrowers(void)
{
	static const struct {
		const char *what;
		uint32_t flags;
		unsigned int vcpus;
		bool can;
	} kinds[] = {
		/* Control. */
		{ "PVH", XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, 1, true },
		{ "without vCPUs", XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap, 0,
		  false },
		{ "nested", XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap |
		  XEN_DOMCTL_CDF_nested_virt, 1, false },
		{ "with shadow page tables", XEN_DOMCTL_CDF_hvm, 1, false },
		{ "PV", 0, 1, false },
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(kinds); i++) {
		int domid = domain_new(kinds[i].flags, kinds[i].vcpus);
		long err;

		if (domid < 0) {
			CHECK(!kinds[i].can);
			xgt_info("no domain %s here", kinds[i].what);
			continue;
		}
		err = attach_to(domid);
		xgt_info("lending to a domain %s: %ld", kinds[i].what, err);
		domain_destroy(domid);
		CHECK_EQ(err, kinds[i].can ? 0 : -EOPNOTSUPP);
	}
}

/* --- 21: entries of EPT ------------------------------------------------------------------ */

/*
 * Two steps that an entry was replaced in would be seen by nobody who takes the
 * lock, and by a processor with EPT alone.
 */
static void ept(void)
{
	xgt_skip("cannot be run here: there is no EPT, and nothing else sees it");
}

/* --- 18, 19: faults -------------------------------------------------------------------------- */

static void faults(void)
{
	struct xen_lend_fault f[2];
	volatile uint8_t *vram;
	uint32_t id, more;

	raw_attach();
	vram = raw_mailbox();
	fill(vram + PAGE, PAGE, 1);
	OK(raw_create(GFN, NR, &id));
	/* Two wait; there is room for one. */
	cmd_start(0, XG_CMD_READ, XGT_WINDOW, 8);
	cmd_start(1, XG_CMD_WRITE, XGT_WINDOW + PAGE, 8, 7);
	for (int i = 0; i < 12000 && (raw_poll(16, XEN_LEND_POLL_ALL, &more), more ||
	     raw_poll(16, XEN_LEND_POLL_ALL, NULL) < 2); i++)
		xgt_sleep_ms(5);
	CHECK_EQ(raw_poll(1, XEN_LEND_POLL_ALL, &more), 1);
	f[0] = xgt_raw.faults[0];
	CHECK_EQ(more, 1);
	CHECK_EQ(raw_poll(1, 0, &more), 1);
	f[1] = xgt_raw.faults[0];
	CHECK_EQ(more, 0);
	CHECK_EQ(raw_poll(1, 0, NULL), 0);
	CHECK(f[0].vcpu != f[1].vcpu && f[0].token != f[1].token);
	for (int i = 0; i < 2; i++)
		CHECK(f[i].access & (f[i].vcpu ? XEN_LEND_ACCESS_WRITE :
				     XEN_LEND_ACCESS_READ));
	/* A token is good for its own vCPU. */
	for (int i = 0; i < 2; i++)
		ERR(raw_resolve(f[i].vcpu, f[!i].token,
				XEN_LEND_RESOLVE_INJECT), ESTALE);
	OK(raw_map_one(id, 0, xgt_raw.bar + 1, 2, RAW_RW));
	CHECK_EQ(box_ok(cmd_wait(0), "read", __FILE__, __LINE__).v[0],
		 xg_pattern(1, 0));
	box_ok(cmd_wait(1), "write", __FILE__, __LINE__);
	for (int i = 0; i < 2; i++)
		ERR(raw_resolve(f[i].vcpu, f[i].token,
				XEN_LEND_RESOLVE_INJECT), ESTALE);
	CHECK_EQ(*(volatile uint64_t *)(vram + 2 * PAGE), 7);

	/* A function that is not there: asked for as such. */
	cmd_start(1, XG_CMD_CALL, XGT_WINDOW + 4 * PAGE);
	f[0] = raw_fault_of(1);
	CHECK(f[0].access & XEN_LEND_ACCESS_EXEC);
	/* Uncached memory is no place for one. */
	OK(raw_map_one(id, 4, xgt_raw.bar + 1, 1, RAW_RW));
	CHECK_EQ(cmd_wait(1).status, XG_FAULT);
	raw_detach();
}

static bool waits(uint32_t vcpu)
{
	unsigned int n = raw_poll(16, XEN_LEND_POLL_ALL, NULL);

	while (n--)
		if (xgt_raw.faults[n].vcpu == vcpu)
			return true;
	return false;
}

/* A vCPU is reset while it waits: it waits no more, and owes nothing. */
static void vcpu_reset(void)
{
	struct xen_domctl op = { };
	struct xen_lend_op map = { };
	struct xen_lend_fault f;
	uint32_t id;

	raw_attach();
	raw_mailbox();
	OK(raw_create(GFN, NR, &id));
	cmd_start(1, XG_CMD_READ, XGT_WINDOW, 8);
	f = raw_fault_of(1);
	CHECK(waits(1));
	op.u.vcpucontext.vcpu = 1;
	OK(domctl(XEN_DOMCTL_setvcpucontext, &op));
	CHECK(!waits(1));
	ERR(raw_resolve(1, f.token, XEN_LEND_RESOLVE_RETRY), ESTALE);
	ERR(raw_resolve(1, f.token, XEN_LEND_RESOLVE_INJECT), ESTALE);
	/* Nobody is woken by what it waited for. */
	xgt_raw.extents[0] = (struct xen_lend_extent){ 0, xgt_raw.bar + 1, 1,
						       RAW_RW };
	map.u.map.id = id;
	map.u.map.nr = 1;
	map.u.map.extents = (uintptr_t)xgt_raw.extents;
	OK(raw_op(&map, XEN_LEND_map));
	CHECK_EQ(map.u.map.done, 1);
	CHECK_EQ(map.u.map.woken, 0);
	raw_detach();
	guest_destroy(&xgt_guest);
}

/*
 * The guest does the same to itself.  The vCPU begins the command that it was at
 * anew, hence finds the same page absent, and asks for it as if for the first
 * time.
 */
static void reset_by_guest(void)
{
	struct xen_lend_fault f, again;
	volatile uint8_t *vram;
	uint32_t id;

	raw_attach();
	vram = raw_mailbox();
	fill(vram + PAGE, PAGE, 1);
	OK(raw_create(GFN, NR, &id));
	/* Control: one that waits for nothing, and serves again. */
	if (cmd_run(0, XG_CMD_RESET, 1).status == XG_UNSUPPORTED)
		xgt_skip("the guest cannot reset its vCPUs");
	cmd_ok(1, XG_CMD_PING);
	for (int i = 0; i < 5; i++) {
		cmd_start(1, XG_CMD_READ, XGT_WINDOW, 8);
		f = raw_fault_of(1);
		CHECK(waits(1));
		cmd_ok(0, XG_CMD_RESET, 1);
		/* What it waited for is nothing to it any more. */
		ERR(raw_resolve(1, f.token, XEN_LEND_RESOLVE_INJECT), ESTALE);
		again = raw_fault_of(1);
		CHECK(again.token != f.token);
		CHECK(again.window == id && again.index == 0);
		/* Or let run, and reset wherever it is by then. */
		if (i & 1) {
			OK(raw_resolve(1, again.token,
				       XEN_LEND_RESOLVE_RETRY));
			cmd_ok(0, XG_CMD_RESET, 1);
		}
		OK(raw_map_one(id, 0, xgt_raw.bar + 1, 1, RAW_RW));
		CHECK_EQ(box_ok(cmd_wait(1), "read", __FILE__, __LINE__).v[0],
			 xg_pattern(1, 0));
		CHECK_EQ(raw_take(id, 0, NR, 0), 1);
	}
	raw_detach();
}

/* --- 16: the guest goes in the middle of it ---------------------------------------------------- */

static void *map_for_ever(void *arg)
{
	uint32_t id = (uintptr_t)arg;
	long err;

	do {
		err = raw_map_one(id, 0, xgt_raw.bar, 256, RAW_RW);
		if (!err)
			err = raw_revoke(id, 0, 256, NULL);
	} while (!err);
	return (void *)err;
}

static void destroyed_mid_map(void)
{
	pthread_t thread;
	uint32_t id;
	void *err;

	raw_attach();
	OK(raw_create(GFN, 512, &id));
	CHECK(!pthread_create(&thread, NULL, map_for_ever,
			      (void *)(uintptr_t)id));
	xgt_sleep_ms(200);
	guest_destroy(&xgt_guest);
	CHECK(!guest_alive(&xgt_guest));
	pthread_join(thread, &err);
	CHECK_EQ((long)err, -ESRCH);
}

static const struct xgt_test tests[] = {
	{ "L10-neg-02-restricted-privcmd", "L10,N02", restricted, XGT_BARE, 0 },
	{ "L1-neg-05-page-tables", "L1,N05", page_tables, XGT_BARE, 0 },
	{ "L1-neg-06-msix-table", "L1,N06", msix, XGT_BARE, 0 },
	{ "L2-neg-09-pool-exhausted", "L2,S4,N09,N11", pool_exhausted, XGT_BARE,
	  0 },
	{ "L5-neg-12-toolstack-over-lent", "L5,N12", toolstack, XGT_BARE, 0 },
	{ "L12-neg-15-tracking-and-audit", "L12,L16,N15", tracking, XGT_BARE,
	  0 },
	{ "L12-neg-15-tracked-first", "L12,N15", tracked_first, XGT_BARE, 0 },
	{ "L10-neg-17-not-borrowers", "L10,N17", borrowers, 0, 0 },
	{ "L15-neg-21-ept-entries", "L15,N21", ept, 0, 0 },
	{ "L3-neg-18-faults", "L3,N18", faults, XGT_BARE, 0 },
	{ "L3-neg-19-vcpu-reset", "L3,N19", vcpu_reset,
	  XGT_BARE | XGT_ENDS_GUEST, 0 },
	{ "L3-neg-19-reset-by-guest", "L3,N19", reset_by_guest, XGT_BARE, 0 },
	{ "L13-neg-16-destroyed-mid-map", "L13,N16", destroyed_mid_map,
	  XGT_BARE | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
