// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file as the source of a binding, on the mock: mapped, lent, and unmapped
 * with the binding, however that ends; and nothing else ever unmapped.
 */
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <sys/socket.h>

#include "mock.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define INJECT	XEN_GPUMEM_POLICY_INJECT

/* Bytes of this process's mappings whose name has @what in it; the first. */
static uint64_t mapped(const char *what, void **first)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	uint64_t sum = 0;
	char line[512];

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, what) ||
		    sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		if (first && !sum)
			*first = (void *)start;
		sum += end - start;
	}
	fclose(f);
	return sum;
}

static uint64_t memfds(void)
{
	return mapped("memfd:xgt", NULL);
}

/* A memfd with a word of its own in each page, not mapped. */
static int stamped_memfd(uint64_t length, uint64_t seed)
{
	int fd = memfd_new(length);
	volatile uint64_t *p = map_shared(fd, length);

	stamp(p, length, seed);
	OK(munmap((void *)p, length));
	return fd;
}

static uint64_t word_at(int fd, uint64_t offset)
{
	uint64_t word;

	CHECK(pread(fd, &word, 8, offset) == 8);
	return word;
}

static void check_guest(uint64_t seed, unsigned int pages)
{
	for (unsigned int i = 0; i < pages; i++)
		CHECK_EQ(g_read(BASE + i * PAGE), seed + i);
}

/* --- it works -------------------------------------------------------------- */

/* All ways in which a binding ends, in the process that made it. */
static void memfd_life(void)
{
	uint32_t w;
	int fd;

	mock_begin(1);
	fd = stamped_memfd(2 * SIZE, 40);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	CHECK_EQ(memfds(), 0);

	/* From the middle of the file; the fd is not needed any more. */
	OK(gm_bind_fd(xgt_dom, w, 0, SIZE, dup(fd), SIZE, 0, INJECT));
	CHECK_EQ(memfds(), SIZE);
	check_guest(40 + PAGES, PAGES);
	g_write(BASE + 3 * PAGE, 7);
	CHECK_EQ(word_at(fd, SIZE + 3 * PAGE), 7);
	CHECK_EQ(g_read(BASE + 3 * PAGE), 7);

	/* Replaced, by another part and by addresses. */
	OK(gm_bind_fd(xgt_dom, w, 0, SIZE, fd, 0, XEN_GPUMEM_BIND_REPLACE,
		      INJECT));
	CHECK_EQ(memfds(), SIZE);
	check_guest(40, PAGES);
	OK(gm_bind(xgt_dom, w, 0, SIZE, map_anon(SIZE),
		   XEN_GPUMEM_BIND_REPLACE, INJECT));
	CHECK_EQ(memfds(), 0);
	CHECK_EQ(g_read(BASE), 0);
	/* Unbound, and removed with the window. */
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	OK(gm_bind_fd(xgt_dom, w, 0, PAGE, fd, 0, 0, INJECT));
	OK(gm_bind_fd(xgt_dom, w, PAGE, PAGE, fd, 5 * PAGE, 0, INJECT));
	CHECK_EQ(g_read(BASE), 40);
	CHECK_EQ(g_read(BASE + PAGE), 45);
	OK(gm_unbind(xgt_dom, w, 0, PAGE));
	CHECK_EQ(memfds(), PAGE);
	g_expect(BASE, READ, XGM_MMIO);
	CHECK_EQ(g_read(BASE + PAGE), 45);
	OK(gm_window_remove(xgt_dom, w));
	CHECK_EQ(memfds(), 0);

	/* The last fd is closed. */
	w = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_bind_fd(xgt_dom, w, 0, SIZE, fd, 0, 0, INJECT));
	check_guest(40, 2);
	close(xgt_dom);
	xgt_dom = -1;
	EVENTUALLY(memfds() == 0);
	mock_end();
}

/* What cannot be bound leaves nothing behind. */
static void failures(void)
{
	int fd, ro, s[2];
	char path[64];
	uint32_t w;

	mock_begin(1);
	fd = stamped_memfd(SIZE, 40);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	ERR(gm_bind_fd(xgt_dom, w, 0, PAGE, -1, 0, 0, INJECT), EBADF);
	ERR(gm_bind_fd(xgt_dom, w, 0, PAGE, 9999, 0, 0, INJECT), EBADF);
	ERR(gm_bind_fd(xgt_dom, w, 0, PAGE, fd, 1, 0, INJECT), EINVAL);
	ERR(gm_bind_fd(xgt_dom, w, 0, PAGE, fd, ~0ULL << 12, 0, INJECT),
	    EINVAL);
	ERR(gm_bind_fd(xgt_dom, w, 0, PAGE, fd, ~0ULL << 13, 0, INJECT),
	    EOVERFLOW);
	ERR(gm_bind_fd(xgt_dom, w + 100, 0, PAGE, fd, 0, 0, INJECT), ENOENT);
	ERR(gm_bind_fd(xgt_dom, w, PAGE, SIZE, fd, 0, 0, INJECT), ERANGE);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	ERR(gm_bind_fd(xgt_dom, w, 0, PAGE, s[0], 0, 0, INJECT), ENODEV);
	ERR(gm_bind_fd(xgt_dom, w, 0, PAGE, xgt_dom, 0, 0, INJECT), ENODEV);
	CHECK_EQ(memfds(), 0);

	/* What the fd was opened for is the limit. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY);
	CHECK(ro >= 0);
	ERR(gm_bind_fd(xgt_dom, w, 0, PAGE, ro, 0, 0, INJECT), EACCES);
	OK(gm_bind_fd(xgt_dom, w, 0, PAGE, ro, 0, XEN_GPUMEM_BIND_READONLY,
		      INJECT));
	CHECK_EQ(g_read(BASE), 40);
	g_expect(BASE, WRITE, XGM_INJECTED);
	ERR(gm_bind_fd(xgt_dom, w, 0, SIZE, fd, 0, 0, INJECT), EEXIST);
	CHECK_EQ(memfds(), PAGE);
	OK(gm_unbind(xgt_dom, w, 0, PAGE));

	CHECK_EQ(memfds(), 0);
	mock_end();
}

static void limited(void)
{
	struct xen_gpumem_derive d = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_bytes = 2 * PAGE,
	};
	uint32_t w;
	int fd, child;

	mock_begin(1);
	fd = stamped_memfd(SIZE, 40);
	child = gm_derive(xgt_dom, &d);
	CHECK(child >= 0);
	OK(gm_window_add(child, BASE, SIZE, XEN_GPUMEM_POLICY_MMIO, &w));
	ERR(gm_bind_fd(child, w, 0, 3 * PAGE, fd, 0, 0, INJECT), ENOSPC);
	CHECK_EQ(memfds(), 0);
	OK(gm_bind_fd(child, w, 0, 2 * PAGE, fd, 0, 0, INJECT));
	CHECK_EQ(memfds(), 2 * PAGE);
	check_guest(40, 2);
	mock_end();
}

/* --- whose mapping --------------------------------------------------------- */

/* The process unmaps some of it, and uses the address for itself. */
static void taken_away(void)
{
	volatile uint64_t *own;
	void *at = NULL;
	uint32_t w;
	int fd;

	mock_begin(1);
	fd = stamped_memfd(SIZE, 40);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_bind_fd(xgt_dom, w, 0, SIZE, fd, 0, 0, INJECT));
	CHECK_EQ(mapped("memfd:xgt", &at), SIZE);
	check_guest(40, PAGES);
	OK(munmap(at, 2 * PAGE));
	g_expect(BASE, READ, XGM_INJECTED);
	CHECK_EQ(g_read(BASE + 2 * PAGE), 42);
	/* The binding follows the addresses, whatever is there. */
	own = mmap(at, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(own == at);
	own[0] = 5;
	CHECK_EQ(g_read(BASE), 5);
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	/* What the process has mapped is still there: this would be SIGSEGV. */
	CHECK_EQ(own[0], 5);
	own[PAGE / 8] = 6;

	/* The same with a mapping put on top, and one moved away. */
	OK(munmap((char *)at + 2 * PAGE, SIZE - 2 * PAGE));
	CHECK_EQ(memfds(), 0);
	OK(gm_bind_fd(xgt_dom, w, 0, SIZE, fd, 0, 0, INJECT));
	mapped("memfd:xgt", &at);
	own = mmap((char *)at + SIZE - PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(own != MAP_FAILED);
	own[0] = 9;
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	CHECK_EQ(own[0], 9);
	OK(munmap(at, SIZE));
	OK(gm_bind_fd(xgt_dom, w, 0, SIZE, fd, 0, 0, INJECT));
	mapped("memfd:xgt", &at);
	own = mremap(at, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
		     (char *)map_anon(4 * SIZE) + SIZE);
	CHECK(own != MAP_FAILED);
	g_expect(BASE, READ, XGM_INJECTED);
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	CHECK_EQ(own[0], 40);
	/* Reclaim and discarding are no unmapping. */
	OK(munmap((void *)own, SIZE));
	OK(gm_bind_fd(xgt_dom, w, 0, SIZE, fd, 0, 0, INJECT));
	mapped("memfd:xgt", &at);
	OK(madvise(at, SIZE, MADV_DONTNEED));
	check_guest(40, PAGES);
	OK(gm_unbind(xgt_dom, w, 0, SIZE));
	CHECK_EQ(memfds(), 0);
	mock_end();
}

static int go[2], back[2];

static void tell(int fd)
{
	CHECK(write(fd, "x", 1) == 1);
}

static void await(int fd)
{
	char c;

	CHECK(read(fd, &c, 1) == 1);
}

static uint32_t shared_window;

/* Binds a file, and looks on as its mapping goes away by another's hand. */
static void binds_and_waits(void *arg)
{
	int fd = stamped_memfd(SIZE, 70);

	(void)arg;
	OK(gm_bind_fd(xgt_dom, shared_window, 0, SIZE, fd, 0, 0, INJECT));
	CHECK_EQ(memfds(), SIZE);
	close(xgt_dom);
	tell(back[1]);
	await(go[0]);
	EVENTUALLY(memfds() == 0);
	tell(back[1]);
}

/* Another process ends the binding: by a call, and by closing the last fd. */
static void other_process(void)
{
	pid_t pid;

	for (int turn = 0; turn < 3; turn++) {
		mock_begin(1);
		shared_window = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
		CHECK(!pipe(go) && !pipe(back));
		pid = xgt_fork(binds_and_waits, NULL);
		await(back[0]);
		check_guest(70, PAGES);
		if (turn == 0)
			OK(gm_unbind(xgt_dom, shared_window, 0, SIZE));
		else if (turn == 1)
			OK(gm_window_remove(xgt_dom, shared_window));
		close(xgt_dom);
		xgt_dom = -1;
		tell(go[1]);
		await(back[0]);
		xgt_join(pid);
		mock_end();
		close(mock_ctl);
	}
}

/* What holds up all that change addresses, where the mock stops revoking. */
static volatile uint64_t *gate;
static uint32_t gate_window;

static void shut_gate(void *arg)
{
	(void)arg;
	OK(mprotect((void *)gate, PAGE, PROT_READ));
}

static void *source_at;
static int over_go;

/* Begun before the gate is shut, since a thread needs a stack. */
static void map_over(void *arg)
{
	(void)arg;
	EVENTUALLY(__atomic_load_n(&over_go, __ATOMIC_ACQUIRE));
	CHECK(mmap(source_at, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE |
		   MAP_ANONYMOUS | MAP_FIXED, -1, 0) == source_at);
}

static void binds_and_maps_over(void *arg)
{
	int fd = stamped_memfd(SIZE, 70);
	struct mock_call shut, over;

	(void)arg;
	gate = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(gate != MAP_FAILED);
	gate[0] = 1;
	OK(gm_bind(xgt_dom, gate_window, 0, PAGE, gate, 0, INJECT));
	OK(gm_bind_fd(xgt_dom, shared_window, 0, SIZE, fd, 0, 0, INJECT));
	CHECK_EQ(mapped("memfd:xgt", &source_at), SIZE);
	close(xgt_dom);
	tell(back[1]);

	await(go[0]);
	call_start(&over, map_over, NULL);
	call_start(&shut, shut_gate, NULL);
	tell(back[1]);
	await(go[0]);
	__atomic_store_n(&over_go, 1, __ATOMIC_RELEASE);
	xgt_sleep_ms(300);
	CHECK(!call_done(&over));
	tell(back[1]);
	call_join(&shut);
	call_join(&over);
	/* All is over when this comes.  A mapping less would be SIGSEGV. */
	await(go[0]);
	CHECK_EQ(memfds(), 0);
	((volatile uint64_t *)source_at)[0] = 9;
}

static void unbind_shared(void *arg)
{
	(void)arg;
	OK(gm_unbind(xgt_dom, shared_window, 0, SIZE));
}

/* Both are made to wait for the process's lock, the one who maps first. */
static void unbind_while_mapping(void)
{
	struct mock_call unbind;
	pid_t pid;

	mock_begin(1);
	shared_window = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_window_add(xgt_dom, BASE + MIB, PAGE, XEN_GPUMEM_POLICY_MMIO,
			 &gate_window));
	CHECK(!pipe(go) && !pipe(back));
	pid = xgt_fork(binds_and_maps_over, NULL);
	await(back[0]);
	CHECK_EQ(g_read(BASE + MIB), 1);
	mock_hold(XGM_OP_REVOKE);
	tell(go[1]);
	await(back[0]);
	mock_wait_held(XGM_OP_REVOKE);
	tell(go[1]);
	/* It waits for its turn to map.  The driver's comes after it. */
	await(back[0]);
	call_start(&unbind, unbind_shared, NULL);
	xgt_sleep_ms(300);
	mock_release(XGM_OP_REVOKE);
	call_join(&unbind);
	/* Closing waits for what the driver still has to do. */
	close(xgt_dom);
	xgt_dom = -1;
	tell(go[1]);
	xgt_join(pid);
	mock_end();
	close(mock_ctl);
}

/*
 * Another process ends the binding while this one maps something else where the
 * file was.  It is never that which is unmapped, however late the driver comes.
 *
 * Several times: the kernel lets whoever runs take a lock that others queue for,
 * so the driver sometimes gets its turn first.
 */
static void not_ours(void)
{
	for (int i = 0; i < 8; i++)
		unbind_while_mapping();
}

static void has_no_copy(void *arg)
{
	(void)arg;
	CHECK_EQ(memfds(), 0);
}

/* A child would keep what the driver cannot take from it. */
static void not_inherited(void)
{
	uint32_t w;
	int fd;

	mock_begin(1);
	fd = stamped_memfd(SIZE, 40);
	w = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	OK(gm_bind_fd(xgt_dom, w, 0, SIZE, fd, 0, 0, INJECT));
	xgt_join(xgt_fork(has_no_copy, NULL));
	CHECK_EQ(memfds(), SIZE);
	check_guest(40, PAGES);
	mock_end();
}

static void binds_and_dies(void *arg)
{
	int fd = stamped_memfd(SIZE, 70);

	(void)arg;
	OK(gm_bind_fd(xgt_dom, shared_window, 0, SIZE, fd, 0, 0, INJECT));
	tell(back[1]);
	await(go[0]);
}

/* The process is gone before the binding is: there is nothing to unmap. */
static void after_death(void)
{
	struct xen_gpumem_event e;
	pid_t pid;

	mock_begin(1);
	shared_window = window_new(SIZE, XEN_GPUMEM_POLICY_MMIO);
	CHECK(!pipe(go) && !pipe(back));
	pid = xgt_fork_user(binds_and_dies, NULL);
	await(back[0]);
	check_guest(70, PAGES);
	xgt_kill(pid);
	EVENTUALLY(gm_event(xgt_dom, &e) == 1);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_ORPHAN);
	g_expect(BASE, READ, XGM_INJECTED);
	OK(gm_unbind(xgt_dom, shared_window, 0, SIZE));
	g_expect(BASE, READ, XGM_MMIO);
	mock_end();
}

/* --- other files ----------------------------------------------------------- */

static void check_both_ways(int fd, uint64_t length, const char *name)
{
	uint32_t w = window_new(length, XEN_GPUMEM_POLICY_MMIO);
	uint64_t before = mapped(name, NULL);
	volatile uint64_t *p;
	void *at = NULL;

	OK(gm_bind_fd(xgt_dom, w, 0, length, fd, 0, 0, INJECT));
	CHECK_EQ(mapped(name, &at), before + length);
	p = map_shared(fd, length);
	for (uint64_t i = 0; i < length / PAGE; i += 7) {
		p[i * PAGE / 8] = 500 + i;
		CHECK_EQ(g_read(BASE + i * PAGE), 500 + i);
		g_write(BASE + i * PAGE + 8, i);
		CHECK_EQ(p[i * PAGE / 8 + 1], i);
	}
	OK(munmap((void *)p, length));
	OK(gm_unbind(xgt_dom, w, 0, length));
	CHECK_EQ(mapped(name, NULL), before);
	OK(gm_window_remove(xgt_dom, w));
}

static void dma_bufs(void)
{
	struct dma_heap_allocation_data heap = {
		.len = 64 * PAGE, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	struct udmabuf_create u = { .flags = UDMABUF_FLAGS_CLOEXEC };
	int node, fd;

	mock_begin(1);
	node = open("/dev/udmabuf", O_RDWR);
	CHECK(node >= 0);
	u.memfd = memfd_create("source", MFD_ALLOW_SEALING);
	u.size = 64 * PAGE;
	CHECK((int)u.memfd >= 0 && !ftruncate(u.memfd, u.size) &&
	      !fcntl(u.memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	fd = ioctl(node, UDMABUF_CREATE, &u);
	CHECK(fd >= 0);
	check_both_ways(fd, u.size, "dmabuf");
	node = open("/dev/dma_heap/system", O_RDWR);
	CHECK(node >= 0 && !ioctl(node, DMA_HEAP_IOCTL_ALLOC, &heap));
	check_both_ways(heap.fd, heap.len, "dmabuf");
	mock_end();
}

/* Huge pages are mapped and unmapped whole, or not at all. */
static void hugetlb(void)
{
	uint32_t w;
	int fd;

	set_file("/proc/sys/vm/nr_hugepages", "2");
	mock_begin(1);
	fd = memfd_create("xgt", MFD_CLOEXEC | MFD_HUGETLB);
	CHECK(fd >= 0 && !ftruncate(fd, 4 * MIB));
	w = window_new(4 * MIB, XEN_GPUMEM_POLICY_MMIO);
	ERR(gm_bind_fd(xgt_dom, w, 0, MIB, fd, 0, 0, INJECT), EINVAL);
	ERR(gm_bind_fd(xgt_dom, w, 0, 2 * MIB, fd, MIB, 0, INJECT), EINVAL);
	CHECK_EQ(memfds(), 0);
	OK(gm_bind_fd(xgt_dom, w, 0, 2 * MIB, fd, 2 * MIB, 0, INJECT));
	CHECK_EQ(memfds(), 2 * MIB);
	g_write(BASE + MIB, 3);
	CHECK_EQ(g_read(BASE + MIB), 3);
	OK(gm_unbind(xgt_dom, w, 0, 2 * MIB));
	CHECK_EQ(memfds(), 0);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "L23-mock-memfd", "L23", memfd_life, 0, 0 },
	{ "L23-mock-failures", "L23,U6", failures, 0, 0 },
	{ "L23-mock-limited", "L23,S4", limited, 0, 0 },
	{ "L23-mock-taken-away", "L23,L4", taken_away, 0, 0 },
	{ "L23-mock-other-process", "L23,L13", other_process, 0, 0 },
	{ "L23-mock-unmap-not-ours", "L23,L13", not_ours, 0, 0 },
	{ "L23-mock-not-inherited", "L23", not_inherited, 0, 0 },
	{ "L23-mock-after-death", "L23,L13", after_death, 0, 0 },
	{ "L23-mock-dma-bufs", "L23,L1", dma_bufs, 0, 0 },
	{ "L23-mock-hugetlb", "L23,L1", hugetlb, 0, 0 },
};

XGT_MAIN(tests)
