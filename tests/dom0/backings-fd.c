// SPDX-License-Identifier: GPL-2.0-only
/*
 * L23: a fd as the source, in the shape of vhost-user's SHMEM_MAP.
 *
 * The driver maps the file in the caller's process, lends that mapping and
 * takes it away with the binding.  Every kind of memory that is a shared
 * mapping of a fd (tests/lib/backing.h) is bound that way, with its fd closed
 * at once; the test's own mapping of the same fd shows the contents.
 */
#include "backing.h"

#define MOST	32		/* kinds */
#define SMALL	(4 * PAGE)

/* Kinds by number, then the others. */
static struct xgt_test tests[MOST];
static char names[MOST][48];
static const struct backing_kind *kinds[MOST];

static int bind_fd(uint32_t window, uint64_t offset, uint64_t length, int fd,
		   uint64_t fd_offset, uint32_t flags)
{
	struct xen_gpumem_bind a = {
		.size = sizeof(a), .flags = flags, .window = window,
		.source = XEN_GPUMEM_SOURCE_FD, .offset = offset,
		.length = length, .address = fd_offset, .fd = fd,
		.fail_policy = XEN_GPUMEM_POLICY_INJECT,
	};

	return ioctl(xgt_dom, XEN_GPUMEM_BIND, &a) ? -errno : 0;
}

static void need_feature(void)
{
	struct xen_gpumem_info info;

	OK(gm_info(xgt_dom, &info));
	if (!(info.out_features & XEN_GPUMEM_FEAT_SOURCE_FD))
		xgt_skip("the driver does not know this source");
}

static uint32_t window_of(uint64_t length)
{
	uint32_t window;

	need_feature();
	OK(gm_window_add(xgt_dom, XGT_WINDOW, length, XEN_GPUMEM_POLICY_INJECT,
			 &window));
	return window;
}

/* How much address space the process has mapped, in pages. */
static unsigned long mapped_pages(void)
{
	return knob_get("/proc/self/statm");
}

static void guest_sees(struct backing *b, uint64_t seed)
{
	fill(b->map, b->length, seed);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, b->length, seed);
	cmd_ok(1, XG_CMD_FILL, XGT_WINDOW, b->length, seed + 1);
	verify(b->map, b->length, seed + 1);
}

static void kind(void)
{
	unsigned long before, pages;
	uint32_t window;
	struct backing b;
	int fd;

	need_feature();
	backing_make(&b, kinds[xgt_running - tests]);
	pages = b.length / PAGE;
	window = window_of(b.length);
	fd = dup(b.fd);
	before = mapped_pages();
	OK(bind_fd(window, 0, b.length, fd, b.offset, 0));
	close(fd);
	CHECK_EQ(mapped_pages(), before + pages);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	guest_sees(&b, 1);
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), pages);
	/* What the file loses, the guest loses. */
	if (b.kind->file == FILE_SHARED) {
		move_punch(&b);
		CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
		CHECK_EQ(guest_read(XGT_WINDOW), 0);
		guest_sees(&b, 3);
		move_truncate(&b);
		guest_read_faults(XGT_WINDOW + b.length - 8);
		move_extend(&b);
		guest_sees(&b, 5);
	}
	OK(gm_unbind(xgt_dom, window, 0, b.length));
	CHECK_EQ(mapped_pages(), before);
	guest_read_faults(XGT_WINDOW);
	/* Again, without its own mapping of it: the driver's is enough. */
	OK(bind_fd(window, 0, b.length, b.fd, b.offset, 0));
	fill(b.map, b.length, 7);
	b.kind->end(&b);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, pages * PAGE, 7);
	OK(gm_window_remove(xgt_dom, window));
	CHECK_EQ(mapped_pages(), before - pages);
}

/* A part of a file behind a part of a window; and one put over another. */
static void parts(void)
{
	int fd = memfd_new(8 * PAGE), other = memfd_new(SMALL);
	volatile uint64_t *file = map_shared(fd, 8 * PAGE);
	volatile uint64_t *side = map_shared(other, SMALL);
	uint32_t window = window_of(SMALL);
	unsigned long before = mapped_pages();

	fill(file, 8 * PAGE, 1);
	fill_word(side, SMALL, 2);
	OK(bind_fd(window, PAGE, 2 * PAGE, fd, 3 * PAGE, 0));
	guest_read_faults(XGT_WINDOW);
	CHECK_EQ(guest_read(XGT_WINDOW + PAGE), xg_pattern(1, 3 * PAGE));
	CHECK_EQ(guest_read(XGT_WINDOW + 2 * PAGE), xg_pattern(1, 4 * PAGE));
	guest_read_faults(XGT_WINDOW + 3 * PAGE);
	ERR(bind_fd(window, 2 * PAGE, PAGE, other, 0, 0), EEXIST);
	CHECK_EQ(mapped_pages(), before + 2);
	OK(bind_fd(window, PAGE, 2 * PAGE, other, 0,
		   XEN_GPUMEM_BIND_REPLACE));
	CHECK_EQ(guest_read(XGT_WINDOW + PAGE), 2);
	guest_write(XGT_WINDOW + 2 * PAGE, 22);
	CHECK_EQ(side[PAGE / 8], 22);
	CHECK_EQ(file[4 * PAGE / 8], xg_pattern(1, 4 * PAGE));
	CHECK_EQ(mapped_pages(), before + 2);
}

static int reopen(int fd, int flags)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	if (again < 0)
		FAIL("%s: %s", path, strerror(errno));
	return again;
}

/* A fd for reading: a read-only binding, or none. */
static void rights(void)
{
	int fd = memfd_new(SMALL), ro = reopen(fd, O_RDONLY);
	int wo = reopen(fd, O_WRONLY);
	volatile uint64_t *map = map_shared(fd, SMALL);
	uint32_t window = window_of(SMALL);
	unsigned long before = mapped_pages();

	fill(map, SMALL, 1);
	ERR(bind_fd(window, 0, SMALL, ro, 0, 0), EACCES);
	ERR(bind_fd(window, 0, SMALL, wo, 0, 0), EACCES);
	ERR(bind_fd(window, 0, SMALL, wo, 0, XEN_GPUMEM_BIND_READONLY),
	    EACCES);
	OK(bind_fd(window, 0, SMALL, ro, 0, XEN_GPUMEM_BIND_READONLY));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, SMALL, 1);
	guest_write_faults(XGT_WINDOW);
	verify(map, SMALL, 1);
	OK(gm_unbind(xgt_dom, window, 0, SMALL));
	/* And a sealed one. */
	fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(!ftruncate(fd, SMALL) &&
	      !fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	ERR(bind_fd(window, 0, SMALL, fd, 0, 0), EPERM);
	OK(bind_fd(window, 0, SMALL, fd, 0, XEN_GPUMEM_BIND_READONLY));
	CHECK_EQ(guest_read(XGT_WINDOW), 0);
	guest_write_faults(XGT_WINDOW);
	OK(gm_unbind(xgt_dom, window, 0, SMALL));
	CHECK_EQ(mapped_pages(), before);
}

/* What cannot be a source, and that nothing stays mapped after it. */
static void bad_sources(void)
{
	int fd = memfd_new(SMALL), pipes[2];
	uint32_t window = window_of(SMALL);
	unsigned long before = mapped_pages();

	CHECK(!pipe(pipes));
	ERR(bind_fd(window, 0, SMALL, -1, 0, 0), EBADF);
	ERR(bind_fd(window, 0, SMALL, 999, 0, 0), EBADF);
	ERR(bind_fd(window, 0, SMALL, pipes[0], 0, 0), EACCES);
	ERR(bind_fd(window, 0, SMALL, pipes[0], 0, XEN_GPUMEM_BIND_READONLY),
	    ENODEV);
	ERR(bind_fd(window, 0, SMALL, fd, 1, 0), EINVAL);
	ERR(bind_fd(window, 0, SMALL, fd, -PAGE, 0), EINVAL);
	ERR(bind_fd(window, 0, 2 * SMALL, fd, 0, 0), ERANGE);
	ERR(bind_fd(window + 1, 0, SMALL, fd, 0, 0), ENOENT);
	CHECK_EQ(mapped_pages(), before);
	/* Past the file's end: bound, and nothing there. */
	OK(bind_fd(window, 0, SMALL, fd, 64 * PAGE, 0));
	guest_read_faults(XGT_WINDOW);
	OK(gm_unbind(xgt_dom, window, 0, SMALL));
	/* Control. */
	OK(bind_fd(window, 0, SMALL, fd, 0, 0));
	guest_write(XGT_WINDOW, 7);
	CHECK_EQ(map_shared(fd, SMALL)[0], 7);
}

static void user(void *arg)
{
	uint32_t window = *(uint32_t *)arg;
	int fd = memfd_new(SMALL);

	OK(bind_fd(window, 0, SMALL, fd, 0, 0));
	guest_write(XGT_WINDOW, 12);
	CHECK_EQ(map_shared(fd, SMALL)[0], 12);
	OK(gm_unbind(xgt_dom, window, 0, SMALL));
	OK(bind_fd(window, 0, SMALL, fd, 0, 0));
	CHECK_EQ(guest_read(XGT_WINDOW), 12);
	/* Ends with it bound. */
}

/* By a process without any privilege, and left behind by it. */
static void unprivileged(void)
{
	uint32_t window = window_of(SMALL);

	xgt_join(xgt_fork_user(user, &window));
	/* Who served its last fault may have had its memory a moment longer. */
	EVENTUALLY(!gm_pages(xgt_dom, window, 0, 0));
	guest_read_faults(XGT_WINDOW);
	OK(gm_unbind(xgt_dom, window, 0, SMALL));
}

static const struct xgt_test others[] = {
	{ "L23-parts", "L23", parts, XGT_GUEST, 0 },
	{ "L23-rights", "L23,L17", rights, XGT_GUEST, 0 },
	{ "L23-bad-sources", "L23", bad_sources, XGT_GUEST, 0 },
	{ "L23-unprivileged", "L23,L11", unprivileged, XGT_GUEST, 0 },
};

int main(int argc, char **argv)
{
	size_t nr = 0;

	for (size_t i = 0; i < backing_kinds_nr; i++) {
		const struct backing_kind *k = backing_kinds[i];

		if (!k->has_fd)
			continue;
		kinds[nr] = k;
		snprintf(names[nr], sizeof(names[nr]), "L23-fd-%s", k->name);
		tests[nr] = (struct xgt_test) {
			.name = names[nr], .reqs = "L23", .fn = kind,
			.flags = XGT_GUEST,
		};
		nr++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		tests[nr++] = others[i];
	return xgt_main(argc, argv, tests, nr);
}
