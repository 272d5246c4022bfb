// SPDX-License-Identifier: GPL-2.0-only
/*
 * L17: the guest may do what the host's page table allows at this moment, and
 * its writes go by way of the host's own faults.
 *
 * What a read brings in is as writable as the host has it: a clean page of a
 * file is not.  A write asks the host, which notes that the page gets dirty,
 * makes a copy where one is due, or refuses.  When the host takes the
 * permission back, to write the page to disk or to share it, the guest has to
 * ask anew.  Each test looks at where a write went (the disk, the copy, the
 * twin) and at the driver's counts, and shows first that its method would see
 * a write that went wrong.
 */
#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "backing.h"

#define PAGES	16ULL
#define LENGTH	(PAGES * PAGE)
#define DISK	(16 * MIB)

static struct xen_gpumem_window_query count(uint32_t window)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	return q;
}

static uint64_t at(uint64_t page)
{
	return XGT_WINDOW + page * PAGE;
}

static void sync_file(int fd)
{
	if (fsync(fd))
		FAIL("fsync: %s", strerror(errno));
}

/*
 * A guest can be done with its accesses before the jobs are that served them:
 * a fault that was answered by another's map is looked at all the same.
 * Return: the counters, at rest.
 */
static struct xen_gpumem_window_query count_at_rest(uint32_t window)
{
	uint64_t served = gm_served(xgt_guest.domid, window), last;

	do {
		last = served;
		xgt_sleep_ms(100);
		served = gm_served(xgt_guest.domid, window);
	} while (served != last);
	return count(window);
}

/* --- files of a disk ----------------------------------------------------------- */

/* A file of a disk of its own, lent.  Return: the window. */
static uint32_t lend_file(struct disk *d, int *fd, volatile uint64_t **map)
{
	disk_new(d, DISK);
	*fd = disk_file(d, "file", LENGTH);
	*map = map_shared(*fd, LENGTH);
	return gm_lend(*map, LENGTH, 0);
}

/* The guest's writes are on the disk after a sync, each time. */
static void reaches_disk(void)
{
	struct xen_gpumem_window_query q, before;
	volatile uint64_t *map;
	uint64_t page[PAGE / 8];
	uint32_t window;
	struct disk d;
	int fd;

	window = lend_file(&d, &fd, &map);
	/* Read and clean: there, but not to be written unnoticed. */
	cmd_ok(0, XG_CMD_SUM, XGT_WINDOW, LENGTH);
	q = count(window);
	CHECK_EQ(q.out_pages, PAGES);
	CHECK_EQ(q.out_writable, 0);
	for (uint64_t seed = 1; seed < 4; seed++) {
		before = count(window);
		cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, seed);
		CHECK_EQ(count(window).out_writable, PAGES);
		CHECK(count(window).out_faults >= before.out_faults + PAGES);
		sync_file(fd);
		/* Only the permission went. */
		q = count(window);
		CHECK_EQ(q.out_pages, PAGES);
		CHECK_EQ(q.out_writable, 0);
		CHECK_EQ(q.out_downgraded, before.out_downgraded + PAGES);
		disk_verify(&d, fd, LENGTH, seed);
		cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, seed);
	}
	/* One more, to a page that has been written back. */
	before = count_at_rest(window);
	guest_write(at(3) + 8, 0x3333);
	CHECK_EQ(count(window).out_writable, 1);
	CHECK(count(window).out_faults > before.out_faults);
	/* Control: it is not on the disk by itself. */
	disk_read(&d, fd, 3 * PAGE, page);
	CHECK_EQ(page[1], xg_pattern(3, 3 * PAGE + 8));
	sync_file(fd);
	disk_read(&d, fd, 3 * PAGE, page);
	CHECK_EQ(page[1], 0x3333);
	/* And nothing that is cached says so. */
	OK(gm_window_remove(xgt_dom, window));
	munmap((void *)map, LENGTH);
	close(fd);
	disk_remount(&d);
	fd = disk_file(&d, "file", 0);
	map = map_shared(fd, LENGTH);
	CHECK_EQ(map[3 * PAGE / 8 + 1], 0x3333);
	map[3 * PAGE / 8 + 1] = xg_pattern(3, 3 * PAGE + 8);
	verify(map, LENGTH, 3);
}

/* Written back all the time, under a guest that writes all the time. */
static void writeback_storm(void)
{
	volatile uint64_t *map;
	struct xgt_result r[2];
	uint32_t window;
	struct disk d;
	int fd;

	window = lend_file(&d, &fd, &map);
	cmd_start(0, XG_CMD_UPDATE, XGT_WINDOW, LENGTH / 2, 1000);
	cmd_start(1, XG_CMD_UPDATE, at(PAGES / 2), LENGTH / 2, 2000);
	for (int i = 0; i < 30; i++) {
		cmd_advance(i % 2, 1);
		sync_file(fd);
	}
	for (int i = 0; i < 2; i++) {
		cmd_advance(i, 1);
		r[i] = cmd_stop(i);
	}
	sync_file(fd);
	verify(map, LENGTH / 2, xg_round_seed(1000, r[0].v[0] - 1));
	verify(map + LENGTH / 16, LENGTH / 2,
	       xg_round_seed(2000, r[1].v[0] - 1));
	for (uint64_t i = 0; i < PAGES; i++) {
		uint64_t page[PAGE / 8];

		disk_read(&d, fd, i * PAGE, page);
		if (memcmp(page, (void *)(map + i * PAGE / 8), PAGE))
			FAIL("page %lu of the disk is not what was written", i);
	}
	CHECK(count(window).out_downgraded >= 30);
}

/* A private mapping: the file, and the disk, never see what the guest writes. */
static void private_file(void)
{
	struct xen_gpumem_window_query q;
	volatile uint64_t *map;
	uint64_t page[PAGE / 8], word = 4711;
	uint32_t window;
	struct disk d;
	int fd;

	disk_new(&d, DISK);
	fd = disk_file(&d, "file", LENGTH);
	for (uint64_t i = 0; i < PAGES; i++) {
		for (uint64_t w = 0; w < PAGE / 8; w++)
			page[w] = xg_pattern(5, i * PAGE + w * 8);
		CHECK_EQ(pwrite(fd, page, PAGE, i * PAGE), PAGE);
	}
	map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED);
	window = gm_lend(map, LENGTH, 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 5);
	CHECK_EQ(count(window).out_writable, 0);
	/* What it has is the file's own page, not a copy. */
	CHECK_EQ(pwrite(fd, &word, 8, 2 * PAGE), 8);
	CHECK_EQ(guest_read(at(2)), 4711);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, 6);
	q = count(window);
	CHECK_EQ(q.out_writable, PAGES);
	verify(map, LENGTH, 6);
	/* Nor later, when the file changes. */
	CHECK_EQ(pwrite(fd, page, 8, 3 * PAGE), 8);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 6);
	for (uint64_t i = 0; i < PAGES; i++)
		guest_write(at(i) + 16, i);
	word = xg_pattern(5, 2 * PAGE);
	CHECK_EQ(pwrite(fd, &word, 8, 2 * PAGE), 8);
	word = xg_pattern(5, 3 * PAGE);
	CHECK_EQ(pwrite(fd, &word, 8, 3 * PAGE), 8);
	sync_file(fd);
	disk_verify(&d, fd, LENGTH, 5);
	verify(map_shared(fd, LENGTH), LENGTH, 5);
}

/* No room on the disk: the guest's write is refused, and nothing else. */
static void disk_full(uint32_t flags)
{
	static char junk[256 * KIB];
	char path[128];
	volatile uint64_t *map;
	struct disk d;
	int fd, other;

	disk_new(&d, DISK);
	fd = disk_file(&d, "file", PAGE);
	CHECK(!ftruncate(fd, LENGTH));
	other = disk_file(&d, "other", 0);
	while (write(other, junk, sizeof(junk)) > 0)
		;
	while (write(other, junk, PAGE) > 0)
		;
	CHECK_EQ(errno, ENOSPC);
	fsync(other);
	map = map_shared(fd, LENGTH);
	gm_lend(map, LENGTH, flags);
	CHECK_EQ(guest_read(at(5)), 0);
	guest_write_faults(at(5));
	CHECK_EQ(guest_read(at(5)), 0);
	/* Control: where there is room, it works; and there once there is. */
	guest_write(at(0), 1);
	CHECK_EQ(map[0], 1);
	close(other);
	snprintf(path, sizeof(path), "%s/other", d.dir);
	CHECK(!unlink(path));
	guest_write(at(5), 55);
	CHECK_EQ(map[5 * PAGE / 8], 55);
}

static void no_space(void)
{
	disk_full(0);
}

/* That the binding would like it writable costs the guest no read. */
static void no_space_write_first(void)
{
	disk_full(XEN_GPUMEM_BIND_WRITE_FIRST);
}

/* The file system is frozen: a write waits, and nobody else does. */
static void frozen(void)
{
	volatile uint64_t *map;
	uint32_t window;
	struct disk d;
	int fd;

	window = lend_file(&d, &fd, &map);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 1);
	if (ioctl(fd, FIFREEZE, 0))
		FAIL("FIFREEZE: %s", strerror(errno));
	/* What was dirty has been written, and is clean. */
	CHECK_EQ(count(window).out_writable, 0);
	cmd_start(0, XG_CMD_WRITE, at(2), 8, 22);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	CHECK(!box_done(&xgt_box, 0));
	CHECK_EQ(count(window).out_writable, 0);
	if (ioctl(fd, FITHAW, 0))
		FAIL("FITHAW: %s", strerror(errno));
	box_ok(cmd_wait(0), "the write", __FILE__, __LINE__);
	CHECK_EQ(map[2 * PAGE / 8], 22);
	CHECK_EQ(count(window).out_writable, 1);
}

/* --- memory that is shared without being meant to be ------------------------------ */

static bool all_merged(volatile uint64_t *map)
{
	for (uint64_t i = 0; i < PAGES; i++)
		if (!(page_flags(map + i * PAGE / 8) & PAGE_KSM))
			return false;
	return true;
}

/* Merged pages: the guest's write gets a copy, the twins stay as they are. */
static void ksm(void)
{
	static const char run[] = "/sys/kernel/mm/ksm/run";
	volatile uint64_t *map = map_anon(LENGTH), *twin = map_anon(LENGTH);
	uint32_t window;

	for (int i = 0; i < 2; i++) {
		void *p = (void *)(i ? twin : map);

		madvise(p, LENGTH, MADV_NOHUGEPAGE);
		if (madvise(p, LENGTH, MADV_MERGEABLE))
			xgt_skip("MADV_MERGEABLE: %s", strerror(errno));
	}
	fill(twin, LENGTH, 8);
	window = gm_lend(map, LENGTH, 0);
	/* Lent and writable, by then the same as the twin's. */
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 8);
	CHECK_EQ(count(window).out_writable, PAGES);
	knob_set("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	knob_set("/sys/kernel/mm/ksm/pages_to_scan", "1000");
	knob_set(run, "1");
	for (int i = 0; !all_merged(map) || !all_merged(twin); i++) {
		if (i == 10000)
			FAIL("the pages do not get merged");
		xgt_sleep_ms(10);
	}
	knob_set(run, "0");
	CHECK_EQ(count(window).out_writable, 0);
	/* Lent again, as merged pages. */
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 8);
	CHECK_EQ(count(window).out_writable, 0);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, 9);
	verify(map, LENGTH, 9);
	verify(twin, LENGTH, 8);
	CHECK(all_merged(twin));
	knob_set(run, "2");
}

struct family {
	volatile uint64_t *map;
	volatile uint32_t *step;	/* shared */
	uint32_t window;
};

static void wait_step(struct family *f, uint32_t step)
{
	for (int i = 0; *f->step < step; i++) {
		if (i == 30000)
			FAIL("the other process does not get to step %u", step);
		xgt_sleep_ms(2);
	}
}

static void child(void *arg)
{
	struct family *f = arg;

	/* The fd is its, too; the parent's memory behind it is not. */
	ERR(gm_populate(xgt_dom, f->window, 0, PAGE, 0, NULL), EPERM);
	ERR(gm_populate(xgt_dom, f->window, 0, PAGE,
			XEN_GPUMEM_POPULATE_WRITE, NULL), EPERM);
	*f->step = 1;
	wait_step(f, 2);
	/* The guest has written since: this is the copy of before. */
	verify(f->map, LENGTH, 1);
	fill(f->map, LENGTH, 3);
	*f->step = 3;
	wait_step(f, 4);
	verify(f->map, LENGTH, 3);
}

static struct family family_new(void)
{
	struct family f = { .map = map_anon(LENGTH) };

	f.step = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return f;
}

/* fork(): the child's copy is its own, in both directions. */
static void forked(void)
{
	struct family f = family_new();
	struct xen_gpumem_window_query q;
	pid_t pid;

	f.window = gm_lend(f.map, LENGTH, 0);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 1);
	CHECK_EQ(count(f.window).out_writable, PAGES);
	pid = xgt_fork(child, &f);
	wait_step(&f, 1);
	q = count(f.window);
	CHECK_EQ(q.out_writable, 0);
	CHECK(q.out_downgraded >= PAGES);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, LENGTH, 2);
	verify(f.map, LENGTH, 2);
	*f.step = 2;
	wait_step(&f, 3);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 4);
	*f.step = 4;
	xgt_join(pid);
	/* Its end takes nothing away. */
	CHECK_EQ(count(f.window).out_pages, PAGES);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 4);
	verify(f.map, LENGTH, 4);
}

static void heir(void *arg)
{
	struct family *f = arg;

	/* Its parent's death must not be its own. */
	prctl(PR_SET_PDEATHSIG, 0);
	*f->step = 1;
	wait_step(f, 2);
	verify(f->map, LENGTH, 1);
	*f->step = 3;
}

static void parent(void *arg)
{
	struct family *f = arg;

	f->window = gm_lend(f->map, LENGTH, 0);
	((volatile uint32_t *)f->step)[1] = f->window;
	fill(f->map, LENGTH, 1);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	xgt_fork(heir, f);
	for (;;)
		pause();
}

/* The child has the same addresses, but they are not what was bound. */
static void fork_orphan(void)
{
	struct family f = family_new();
	pid_t pid = xgt_fork(parent, &f);

	wait_step(&f, 1);
	f.window = ((volatile uint32_t *)f.step)[1];
	CHECK_EQ(guest_read(XGT_WINDOW), xg_pattern(1, 0));
	xgt_kill(pid);
	EVENTUALLY(!count(f.window).out_pages);
	guest_read_faults(XGT_WINDOW);
	guest_write_faults(at(1));
	*f.step = 2;
	wait_step(&f, 3);
}

/* --- what the host knows about a page --------------------------------------------- */

/*
 * A hole of a memfd that was read is writable, and clean.  The guest's write
 * makes it dirty, or reclaim would drop it as if nobody had written.
 */
static void hole(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window = gm_lend(map, LENGTH, 0);

	swap_on();
	cmd_ok(0, XG_CMD_SUM, XGT_WINDOW, LENGTH);
	CHECK_EQ(count(window).out_pages, PAGES);
	for (uint64_t i = 0; i < PAGES; i += 2)
		guest_write(at(i), 100 + i);
	/* Control: it was reclaim, and it took them from the guest. */
	CHECK(page_out(map, LENGTH));
	CHECK_EQ(count(window).out_pages, 0);
	for (uint64_t i = 0; i < PAGES; i++) {
		CHECK_EQ(guest_read(at(i)), i % 2 ? 0 : 100 + i);
		CHECK_EQ(map[i * PAGE / 8], i % 2 ? 0 : 100 + i);
	}
	/* Once more, from swap, with pages that were only read so far. */
	for (uint64_t i = 1; i < PAGES; i += 2)
		guest_write(at(i), 100 + i);
	CHECK(page_out(map, LENGTH));
	for (uint64_t i = 0; i < PAGES; i++)
		CHECK_EQ(map[i * PAGE / 8], 100 + i);
}

/* What the guest uses is not the first that reclaim takes. */
static void accessed(void)
{
	const uint64_t used = PAGE_REFERENCED | PAGE_ACTIVE;
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window;

	fill(map, LENGTH, 1);
	lru_drain();
	if (madvise((void *)map, LENGTH, MADV_COLD))
		FAIL("MADV_COLD: %s", strerror(errno));
	lru_drain();
	for (uint64_t i = 0; i < PAGES; i++)
		CHECK(!(page_flags(map + i * PAGE / 8) & used));
	window = gm_lend(map, LENGTH, 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	CHECK_EQ(count(window).out_pages, PAGES);
	lru_drain();
	for (uint64_t i = 0; i < PAGES; i++)
		CHECK(page_flags(map + i * PAGE / 8) & used);
}

/* Soft-dirty, with which processes are saved, sees the guest's writes. */
static void soft_dirty(void)
{
	volatile uint64_t *map = map_anon(LENGTH);
	struct xen_gpumem_window_query q;
	uint32_t window;

	madvise((void *)map, LENGTH, MADV_NOHUGEPAGE);
	fill(map, LENGTH, 1);
	window = gm_lend(map, LENGTH, 0);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 1);
	CHECK(page_soft_dirty(map));
	knob_set("/proc/self/clear_refs", "4");
	if (page_soft_dirty(map))
		xgt_skip("no soft-dirty bits here");
	q = count(window);
	CHECK_EQ(q.out_writable, 0);
	CHECK_EQ(q.out_pages, PAGES);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	for (uint64_t i = 0; i < PAGES; i++)
		CHECK(!page_soft_dirty(map + i * PAGE / 8));
	guest_write(at(5), 5);
	for (uint64_t i = 0; i < PAGES; i++)
		CHECK_EQ(page_soft_dirty(map + i * PAGE / 8), i == 5);
}

/* Userspace write protection: whoever set it hears of the guest's write. */
static void uffd_wp(void)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	volatile uint64_t *map = map_anon(LENGTH);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct uffd_msg msg;
	uint32_t window;

	madvise((void *)map, LENGTH, MADV_NOHUGEPAGE);
	reg.range.start = wp.range.start = (uintptr_t)map;
	reg.range.len = wp.range.len = LENGTH;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		xgt_skip("userfaultfd: %s", strerror(errno));
	fill(map, LENGTH, 1);
	window = gm_lend(map, LENGTH, 0);
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 2);
	count_at_rest(window);
	CHECK(!ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
	CHECK_EQ(count(window).out_writable, 0);
	cmd_ok(1, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 2);
	CHECK_EQ(count(window).out_writable, 0);
	/* Control: nobody has been told of anything. */
	CHECK_EQ(poll(&p, 1, 0), 0);
	cmd_start(0, XG_CMD_WRITE, at(4), 8, 44);
	CHECK_EQ(poll(&p, 1, 60000), 1);
	CHECK_EQ(read(fd, &msg, sizeof(msg)), sizeof(msg));
	CHECK(msg.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP);
	CHECK_EQ(msg.arg.pagefault.address & -PAGE,
		 (uintptr_t)map + 4 * PAGE);
	CHECK_EQ(map[4 * PAGE / 8], xg_pattern(2, 4 * PAGE));
	CHECK(!box_done(&xgt_box, 0));
	wp.mode = 0;
	wp.range.start += 4 * PAGE;
	wp.range.len = PAGE;
	CHECK(!ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
	box_ok(cmd_wait(0), "the write", __FILE__, __LINE__);
	CHECK_EQ(map[4 * PAGE / 8], 44);
}

/* --- graphics buffers whose first write is noticed --------------------------------- */

static void pfn_mkwrite(const struct backing_kind *kind)
{
	struct backing b;

	backing_make(&b, kind);
	backing_lend(&b, 0);
	/* Nobody has touched it: the guest's read maps it, for reading. */
	cmd_ok(0, XG_CMD_SUM, XGT_WINDOW, b.length);
	CHECK_EQ(count(b.window).out_pages, b.length / PAGE);
	CHECK_EQ(count(b.window).out_writable, 0);
	guest_write(at(3), 33);
	CHECK_EQ(count(b.window).out_writable, 1);
	CHECK_EQ(b.map[3 * PAGE / 8], 33);
	/* A word of each page by the guest, then all by both. */
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, b.length, 1);
	CHECK_EQ(count(b.window).out_writable, b.length / PAGE);
	CHECK_EQ(count(b.window).out_failed, 0);
	verify(b.map, b.length, 1);
	fill(b.map, b.length, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, b.length, 2);
	b.kind->end(&b);
}

static void pfn_mkwrite_vgem(void)
{
	pfn_mkwrite(&kind_vgem);
}

static void pfn_mkwrite_virtio(void)
{
	pfn_mkwrite(&kind_virtio);
}

static void pfn_mkwrite_bochs(void)
{
	pfn_mkwrite(&kind_bochs);
}

static const struct xgt_test tests[] = {
	{ "L17-reaches-disk", "L17", reaches_disk, XGT_GUEST, 0 },
	{ "L17-writeback-storm", "L17,L18", writeback_storm, XGT_GUEST, 240 },
	{ "L17-private-file", "L17", private_file, XGT_GUEST, 0 },
	{ "L17-no-space", "L17,L4", no_space, XGT_GUEST, 0 },
	{ "L17-no-space-write-first", "L17,L4", no_space_write_first, XGT_GUEST,
	  0 },
	{ "L17-frozen", "L17,L20", frozen, XGT_GUEST, 0 },
	{ "L17-ksm", "L17", ksm, XGT_GUEST, 240 },
	{ "L17-fork", "L17,L11", forked, XGT_GUEST, 0 },
	{ "L17-fork-orphan", "L17,L13", fork_orphan, XGT_GUEST, 0 },
	{ "L17-hole-page", "L17", hole, XGT_GUEST, 0 },
	{ "L17-accessed", "L17", accessed, XGT_GUEST, 0 },
	{ "L17-soft-dirty", "L17", soft_dirty, XGT_GUEST, 0 },
	{ "L17-uffd-wp", "L17", uffd_wp, XGT_GUEST, 0 },
	{ "L17-pfn-mkwrite-vgem", "L17", pfn_mkwrite_vgem, XGT_GUEST, 0 },
	{ "L17-pfn-mkwrite-virtio", "L17", pfn_mkwrite_virtio, XGT_GUEST, 0 },
	{ "L17-pfn-mkwrite-bochs", "L17", pfn_mkwrite_bochs, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
