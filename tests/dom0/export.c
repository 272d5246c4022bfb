// SPDX-License-Identifier: GPL-2.0-only
/*
 * E1, E4, E5, E7-E9: the guest's pages as dma-bufs, seen by programs.
 *
 * The guest shares pages through its gntalloc device and fills them; the host
 * makes dma-bufs of the references.  Contents are compared both ways, since
 * the same pages are what both must see.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include <linux/dma-buf.h>
#include <linux/userfaultfd.h>

#include "xgt.h"

#define PAGES	64U
#define LENGTH	(PAGES * PAGE)

/* --- contents --------------------------------------------------------------- */

static void contents(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0);
	int fd = ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_CLOEXEC, &id);
	volatile uint64_t *p = map_shared(fd, LENGTH);
	struct xen_gpumem_export_query q;

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), LENGTH);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	cmd_ok(1, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 2);
	/* No copy: what is written later is seen, too. */
	cmd_ok(1, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 3);
	verify(p, LENGTH, 3);
	q = ex_state(dom, id);
	CHECK_EQ(q.out_pages, PAGES);
	CHECK_EQ(q.out_mmaps, 1);
	CHECK_EQ(q.out_state, 0);
	CHECK_EQ(q.out_flags, XEN_GPUMEM_EXPORT_CLOEXEC);
	munmap((void *)p, LENGTH);
	close(fd);
	guest_unshare(0);
}

/* The guest shares by the library that Xen has for it. */
static void shared_by_library(void)
{
	uint32_t *refs = guest_share_by(0, PAGES, XG_SHARE_LIBRARY |
					XG_SHARE_WRITABLE);
	int dom = ex_open(NULL, 0, 0, 0);
	int fd = ex_make(dom, refs, PAGES, 0, NULL);
	volatile uint64_t *p = map_shared(fd, LENGTH);

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	cmd_ok(1, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 2);
	munmap((void *)p, LENGTH);
	close(fd);
	guest_unshare(0);
	/* What it took back is no longer there. */
	EVENTUALLY(ex_grants(dom, refs, PAGES, 0, NULL) == -ENXIO);

	refs = guest_share_by(0, PAGES, XG_SHARE_LIBRARY);
	ERR(ex_grants(dom, refs, PAGES, 0, NULL), EACCES);
	p = ex_map_read(ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_READONLY,
				NULL), LENGTH);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 3);
	verify(p, LENGTH, 3);
}

/* The order of the references is that of the pages, whatever it is. */
static void scattered(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), mixed[2 * PAGES];
	int dom = ex_open(NULL, 0, 0, 0), fd;
	volatile uint64_t *all, *p;

	for (unsigned int i = 0; i < PAGES; i++) {
		mixed[i] = refs[i * 29 % PAGES];
		mixed[PAGES + i] = refs[PAGES - 1 - i];
	}
	fd = ex_make(dom, refs, PAGES, 0, NULL);
	all = map_shared(fd, LENGTH);
	fd = ex_make(dom, mixed, 2 * PAGES, 0, NULL);
	p = map_shared(fd, 2 * LENGTH);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 5);
	verify(all, LENGTH, 5);
	for (unsigned int i = 0; i < PAGES; i++) {
		CHECK(!memcmp((void *)(p + i * 512),
			      (void *)(all + i * 29 % PAGES * 512), PAGE));
		CHECK(!memcmp((void *)(p + (PAGES + i) * 512),
			      (void *)(all + (PAGES - 1 - i) * 512), PAGE));
	}
	/* A page that is there twice is one page. */
	p[0] = 0x1234567;
	CHECK_EQ(p[(2 * PAGES - 1) * 512], 0x1234567);
	CHECK_EQ(guest_read(XGT_SHARED(0)), 0x1234567);
}

/* Begin to track what this process makes dirty. */
static void track_writes(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0 && write(fd, "4", 1) == 1);
	close(fd);
}

/*
 * Of write protection by userfaultfd there is a kind that any memory could have
 * once; not memory like this, which its faults would not come back from.
 */
static void no_write_protection(volatile uint64_t *p)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC,
	};
	struct uffdio_register reg = {
		.range = { .len = LENGTH }, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	CHECK(fd >= 0 && !ioctl(fd, UFFDIO_API, &api));
	reg.range.start = (uintptr_t)p;
	CHECK(ioctl(fd, UFFDIO_REGISTER, &reg) && errno == EINVAL);
	/* Control: other memory has it. */
	reg.range.start = (uintptr_t)map_anon(LENGTH);
	CHECK(!ioctl(fd, UFFDIO_REGISTER, &reg));
	close(fd);
}

/* What a process can do to a mapping must not change what is mapped. */
static void page_tables(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0);
	int fd = ex_make(dom, refs, PAGES, 0, NULL), status;
	volatile uint64_t *p = map_shared(fd, LENGTH), *part, *moved;
	pid_t pid;

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH, 1);
	CHECK(!mprotect((void *)p, LENGTH / 2, PROT_READ));
	verify(p, LENGTH, 1);
	CHECK_EQ(touch_write(p), SIGSEGV);
	CHECK(!mprotect((void *)p, LENGTH, PROT_NONE));
	CHECK_EQ(touched(p), SIGSEGV);
	CHECK(!mprotect((void *)p, LENGTH, PROT_READ | PROT_WRITE));
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 2);
	munmap((void *)p, LENGTH);

	/* A child has it not, and cannot be made to. */
	p = map_shared(fd, LENGTH);
	verify(p, LENGTH, 2);
	CHECK(madvise((void *)p, LENGTH, MADV_DOFORK) && errno == EINVAL);
	pid = fork();
	if (!pid)
		_exit(touched(p) == SIGSEGV ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	verify(p, LENGTH, 2);
	fill(p, LENGTH, 3);

	moved = map_anon(LENGTH);
	CHECK(mremap((void *)p, LENGTH, LENGTH, MREMAP_MAYMOVE | MREMAP_FIXED,
		     moved) == moved);
	verify(moved, LENGTH, 3);
	fill(moved, LENGTH, 4);
	cmd_ok(1, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 4);

	/* A process that tracks what it writes: the next write is no fault. */
	track_writes();
	CHECK(!mprotect((void *)moved, LENGTH, PROT_READ | PROT_WRITE));
	verify(moved, LENGTH, 4);
	fill(moved, LENGTH, 5);
	cmd_ok(1, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 5);

	no_write_protection(moved);

	/* A part of it, at an offset that fault-around has to heed. */
	part = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 5 * PAGE);
	CHECK(part != MAP_FAILED);
	CHECK(!memcmp((void *)part, (void *)(moved + 5 * 512), 3 * PAGE));
	munmap((void *)moved + PAGE, PAGE);
	CHECK(!memcmp((void *)part, (void *)(moved + 5 * 512), 3 * PAGE));
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED &&
	      errno == EINVAL);
}

/* Threads that write the same page, which goes away all the time. */
static volatile uint64_t *contended;
static volatile bool enough;

static void *writer(void *arg)
{
	for (uint64_t n = 0; !enough; n++)
		contended[(uintptr_t)arg + n % PAGES * 512] = n;
	return NULL;
}

static void threads(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	int dom = ex_open(NULL, 0, 0, 0);
	int fd = ex_make(dom, refs, PAGES, 0, NULL), exec = PROT_EXEC;
	pthread_t thread[3];

	contended = map_shared(fd, LENGTH);
	for (uintptr_t i = 0; i < ARRAY_SIZE(thread); i++)
		CHECK(!pthread_create(&thread[i], NULL, writer, (void *)i));
	for (int i = 0; i < 300; i++) {
		if (mprotect((void *)contended, LENGTH, PROT_READ |
			     PROT_WRITE | (i & 1 ? exec : 0))) {
			/* Newer kernels let nobody execute a dma-buf. */
			CHECK(exec && errno == EACCES);
			exec = 0;
		}
		usleep(500);
	}
	enough = true;
	for (uintptr_t i = 0; i < ARRAY_SIZE(thread); i++)
		CHECK(!pthread_join(thread[i], NULL));
	fill(contended, LENGTH, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 2);
}

static void limits(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 2, 4 * PAGE), a, b;

	a = ex_make(dom, refs, 4, 0, &id);
	ERR(ex_grants(dom, refs, 1, 0, NULL), ENOSPC);
	/* Given back by the last user, and by a revocation. */
	close(a);
	a = ex_make(dom, refs, 3, 0, &id);
	ERR(ex_grants(dom, refs, 2, 0, NULL), ENOSPC);
	b = ex_make(dom, refs, 1, 0, NULL);
	close(b);
	OK(ex_revoke(dom, id));
	b = ex_make(dom, refs, 1, 0, NULL);
	a = ex_make(dom, refs, 1, 0, NULL);
	ERR(ex_grants(dom, refs, 1, 0, NULL), ENOSPC);
	close(a);
	close(b);
	/* Past what one export may be, whatever the references are. */
	dom = ex_open(NULL, 0, 0, 0);
	ERR(ex_grants(dom, refs, 0x7fffffff, 0, NULL), ENOSPC);
	ERR(ex_grants(dom, refs, ~0u, 0, NULL), ENOSPC);
}

/* --- what the grants allow ----------------------------------------------------------------- */

static void read_only(void)
{
	uint32_t *refs = guest_share(0, PAGES, false);
	int dom = ex_open(NULL, 0, 0, 0), fd;
	struct xen_gpumem_export_grants cmd;
	volatile uint64_t *p;

	fd = ex_grants(dom, refs, PAGES, 0, &cmd);
	ERR(fd, EACCES);
	CHECK_EQ(cmd.out_failed, 0);
	fd = ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_READONLY, NULL);
	CHECK(mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	      MAP_FAILED && errno == EACCES);
	p = ex_map_read(fd, LENGTH);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH, 1);
	CHECK_EQ(touch_write(p), SIGSEGV);
	CHECK(mprotect((void *)p, LENGTH, PROT_READ | PROT_WRITE) &&
	      errno == EACCES);
	CHECK_EQ(touch_write(p), SIGSEGV);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 1);

	/* Writable grants, exported for reading: the same. */
	refs = guest_share(1, PAGES, true);
	fd = ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_READONLY, NULL);
	CHECK(mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) ==
	      MAP_FAILED && errno == EACCES);
	p = ex_map_read(fd, LENGTH);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(1), LENGTH, 2);
	verify(p, LENGTH, 2);
	CHECK(mprotect((void *)p, LENGTH, PROT_READ | PROT_WRITE) &&
	      errno == EACCES);
}

static void references(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), bad[PAGES];
	struct xen_gpumem_export_grants cmd;
	struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_EXPORT_GRANTS, .length = 1,
	};
	int dom = ex_open(NULL, 0, 0, 0);

	/* A number that no grant has, and one past every table. */
	for (unsigned int i = 0; i < 2; i++) {
		memcpy(bad, refs, sizeof(bad));
		bad[37] = i ? 0x7fffffff : 0x7f00;
		ERR(ex_grants(dom, bad, PAGES, 0, &cmd), ENXIO);
		CHECK_EQ(cmd.out_failed, 37);
		ERR(ex_grants(dom, bad, PAGES, XEN_GPUMEM_EXPORT_READONLY,
				   &cmd), ENXIO);
	}
	ERR(ex_grants(dom, (void *)8, PAGES, 0, NULL), EFAULT);
	ERR(ex_grants(dom, refs, 0, 0, NULL), EINVAL);
	ERR(ex_grants(dom, refs, 1, 1u << 31, NULL), EINVAL);
	/* An fd that may lend only. */
	ERR(ex_grants(xgt_dom, refs, 1, 0, NULL), EPERM);
	/* One that may export one reference. */
	range.first = refs[3];
	dom = ex_open(&range, 1, 0, 0);
	ERR(ex_grants(dom, refs, PAGES, 0, &cmd), EACCES);
	CHECK_EQ(cmd.out_failed, 0);
	close(ex_make(dom, &refs[3], 1, 0, NULL));
	/* Nothing of all that keeps a page. */
	OK(gm_info(dom, &(struct xen_gpumem_info){ }));
}

/* What its maker was not told of is nobody's. */
static void untold(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	struct xen_gpumem_export_grants *cmd = (void *)map_anon(PAGE);
	int dom = ex_open(NULL, 0, 1, 0), fd;

	cmd->size = sizeof(*cmd);
	cmd->refs = (uintptr_t)refs;
	cmd->count = PAGES;
	CHECK(!mprotect(cmd, PAGE, PROT_READ));
	fd = dup(dom);
	close(fd);
	CHECK(ioctl(dom, XEN_GPUMEM_EXPORT_GRANTS, cmd) < 0 &&
	      errno == EFAULT);
	CHECK_EQ(dup(dom), fd);
	/* There may be one, and there is none. */
	close(ex_make(dom, refs, PAGES, 0, NULL));
}

/* --- revoking ---------------------------------------------------------------------------------- */

static void revoked(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id, other;
	struct dma_buf_sync sync = {
		.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW,
	};
	int dom = ex_open(NULL, 0, 0, 0), second = ex_open(NULL, 0, 0, 0);
	int fd = ex_make(dom, refs, PAGES, XEN_GPUMEM_EXPORT_REVOCABLE, &id);
	volatile uint64_t *p = map_shared(fd, LENGTH), *q;
	struct xen_gpumem_export_query info;

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH, 1);
	CHECK(!ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync));
	q = map_shared(ex_make(dom, refs, PAGES, 0, &other), LENGTH);
	CHECK(other != id);
	/* Another fd of the same guest has no business with it. */
	ERR(ex_revoke(second, id), ENOENT);
	ERR(ex_revoke(dom, id + 100), ENOENT);
	OK(ex_revoke(dom, id));
	CHECK_EQ(touched(p), SIGBUS);
	CHECK_EQ(touched(p + LENGTH / 8 - 1), SIGBUS);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED &&
	      errno == ENODEV);
	CHECK(ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) && errno == ENODEV);
	info = ex_state(dom, id);
	CHECK_EQ(info.out_state,
		 XEN_GPUMEM_EXPORT_REVOKED | XEN_GPUMEM_EXPORT_RETURNED);
	/* Once more: nothing happens. */
	OK(ex_revoke(dom, id));
	/* Control: the other one of the same pages works on. */
	verify(q, LENGTH, 1);
	CHECK_EQ(ex_state(dom, other).out_state, 0);
	/* All that there are, in order. */
	OK(ex_query(dom, 0, XEN_GPUMEM_EXPORT_QUERY_NEXT, &info));
	CHECK_EQ(info.id, id);
	OK(ex_query(dom, id, XEN_GPUMEM_EXPORT_QUERY_NEXT, &info));
	CHECK_EQ(info.id, other);
	ERR(ex_query(dom, other, XEN_GPUMEM_EXPORT_QUERY_NEXT, &info), ENOENT);
	munmap((void *)p, LENGTH);
	close(fd);
	ERR(ex_revoke(dom, id), ENOENT);
}

/* Faulting in while it is revoked: old contents, or SIGBUS for good. */
static void revoke_race(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	int dom = ex_open(NULL, 0, 0, 0);

	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	for (int n = 0; n < 30; n++) {
		int fd = ex_make(dom, refs, PAGES, 0, &id);
		volatile uint64_t *p;
		pid_t pid = fork();

		if (!pid) {
			volatile uint64_t word;

			p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, 0);
			/* So early? */
			if (p == MAP_FAILED)
				_exit(errno == ENODEV ? 0 : 1);

			for (unsigned int i = 0; ; i = (i + 17) % PAGES) {
				int sig = touch_read(&p[i * 512], &word);

				if (sig)
					_exit(sig == SIGBUS ? 0 : 1);
				CHECK_EQ(word, xg_pattern(1, i * PAGE));
			}
		}
		p = map_shared(fd, LENGTH);
		usleep(n * 1000);
		OK(ex_revoke(dom, id));
		xgt_join(pid);
		CHECK_EQ(touched(p), SIGBUS);
		munmap((void *)p, LENGTH);
		close(fd);
	}
}

/* --- who may ----------------------------------------------------------------------------------------- */

struct user {
	int dom;
	uint32_t *refs;
	struct xen_gpumem_frames *frames;
};

static void as_user(void *arg)
{
	struct user *u = arg;
	uint32_t id;
	int fd;
	volatile uint64_t *p;

	ERR(gm_node(), EACCES);
	fd = ex_make(u->dom, u->refs, PAGES, 0, &id);
	p = map_shared(fd, LENGTH);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	verify(p, LENGTH, 1);
	fill(p, LENGTH, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 2);
	OK(ex_revoke(u->dom, id));
	CHECK_EQ(touched(p), SIGBUS);
	p = map_shared(ex_make_frames(u->dom, u->frames, PAGES, 0, NULL),
		       LENGTH);
	verify(p, LENGTH, 2);
}

static void unprivileged(void)
{
	struct user u = { .dom = ex_open(NULL, 0, 0, 0) };

	u.refs = guest_share(0, PAGES, true);
	u.frames = guest_frames(0, PAGES);
	xgt_join(xgt_fork_user(as_user, &u));
}

/* A fd that was derived: it may do less, and what it does counts above. */
static void derived(void)
{
	uint32_t *refs = guest_share(0, PAGES, true), id;
	struct xen_gpumem_frames *frames = guest_frames(0, PAGES);
	struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_EXPORT_GRANTS, .length = 1,
		.first = refs[5],
	};
	struct xen_gpumem_derive limits = {
		.rights = XEN_GPUMEM_RIGHT_EXPORT_GRANTS, .max_exports = 5,
		.ranges = (uintptr_t)&range, .nr_ranges = 1,
	};
	int dom = ex_open(NULL, 0, 2, 0), child = gm_derive(dom, &limits), fd;
	struct xen_gpumem_export_query q;

	CHECK(child >= 0);
	ERR(ex_frames(child, frames, 1, 0, NULL), EPERM);
	ERR(ex_grants(child, refs, 1, 0, NULL), EACCES);
	/* Its export is its own, though the other one pays for it, too. */
	fd = ex_make(child, &refs[5], 1, 0, &id);
	ERR(ex_query(dom, 0, XEN_GPUMEM_EXPORT_QUERY_NEXT, &q), ENOENT);
	ERR(ex_revoke(dom, id), ENOENT);
	close(ex_make(dom, refs, 1, 0, NULL));
	ex_make(child, &refs[5], 1, 0, NULL);
	ERR(ex_grants(child, &refs[5], 1, 0, NULL), ENOSPC);
	ERR(ex_grants(dom, refs, 1, 0, NULL), ENOSPC);
	/* Control: room is made by either way to end one, for both. */
	OK(ex_revoke(child, id));
	close(ex_make(dom, refs, 1, 0, NULL));
	close(fd);
	/* It lives on, and still counts, where the other one is closed. */
	close(dom);
	ex_make(child, &refs[5], 1, 0, NULL);
	ERR(ex_grants(child, &refs[5], 1, 0, NULL), ENOSPC);
}

static const struct xgt_test tests[] = {
	{ "E1-contents", "E1", contents, XGT_GUEST, 0 },
	{ "E1-libxengnttab", "E1,E9", shared_by_library, XGT_GUEST, 0 },
	{ "E1-scattered", "E1,E8", scattered, XGT_GUEST, 0 },
	{ "E5-page-tables", "E3,E5", page_tables, XGT_GUEST, 0 },
	{ "E5-threads", "E5", threads, XGT_GUEST, 0 },
	{ "E8-limits", "E8,S4", limits, XGT_GUEST, 0 },
	{ "E9-read-only", "E9", read_only, XGT_GUEST, 0 },
	{ "E9-references", "E9,S1", references, XGT_GUEST, 0 },
	{ "U6-export-untold", "U6,E8", untold, XGT_GUEST, 0 },
	{ "E4-revoke", "E4", revoked, XGT_GUEST, 0 },
	{ "E4-revoke-race", "E4", revoke_race, XGT_GUEST, 0 },
	{ "E7-unprivileged", "E7", unprivileged, XGT_GUEST, 0 },
	{ "S1-export-derived", "S1,E7,E8", derived, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
