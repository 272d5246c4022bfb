// SPDX-License-Identifier: GPL-2.0-only
/*
 * First light: a guest draws into video memory while the host moves it.
 *
 * An unprivileged process allocates a buffer object in video memory, lends it,
 * and from then on only watches: vCPU 0 of the guest draws a picture and keeps
 * changing a part of it, vCPU 1 rewrites the rest of the buffer, and both check
 * before each round that all of their own writes are there and nothing else.
 * Meanwhile the buffer is pushed out to system memory and brought back,
 * several times.  The same then with a memfd, with madvise() and hole punching.
 *
 * One line of the table per phase; the picture leaves through /xg/out.
 */
#include "xgt.h"

#define WIDTH		1024ULL
#define HEIGHT		768ULL
#define PICTURE		(WIDTH * HEIGHT * 4)
#define LENGTH		(8 * MIB)
#define REST		(LENGTH - PICTURE - SPARE)
#define SPARE		(1 * MIB)	/* for the punched hole */
#define MOVES		3
#define ROUNDS		2ULL

#define MEMFD_WINDOW	(XGT_WINDOW + 64 * MIB)

struct demo {
	int dom;
	int card;
	int trace;
	int out;
	uint32_t window;
	uint64_t gpa;
	volatile uint8_t *map;
	uint64_t rounds[2];
	struct xen_gpumem_window_query last;
};

#define TRACING "/sys/kernel/tracing/"

/* The driver's trace says which frames it gives away, as Xen numbers them. */
static int open_trace(void)
{
	int fd = open(TRACING "events/xen_gpumem/xen_gpumem_map/enable",
		      O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		FAIL("no trace of the driver: %s", strerror(errno));
	close(fd);
	/* Truncated: what other programs left there is not ours. */
	fd = open(TRACING "trace", O_RDWR | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		FAIL("no trace: %s", strerror(errno));
	return fd;
}

/* The frame that was lent last. */
static uint64_t last_frame(struct demo *d)
{
	static char text[4 * MIB];
	size_t len = 0;
	uint64_t frame = 0;
	ssize_t n;

	lseek(d->trace, 0, SEEK_SET);
	while (len < sizeof(text) - 1 &&
	       (n = read(d->trace, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	for (char *p = text; (p = strstr(p, "xen_gpumem_map: ")); p++) {
		char *at = strstr(p, " frame=");

		if (at)
			frame = strtoull(at + 7, NULL, 16);
	}
	return frame;
}

static void where(struct demo *d, char *text, size_t size)
{
	uint64_t frame = last_frame(d), start, end;

	qxl_bar(&start, &end);
	snprintf(text, size, "%s frame 0x%lx",
		 frame * PAGE >= start && frame * PAGE < end ? "BAR" : "RAM",
		 frame);
}

static void start_drawing(struct demo *d)
{
	cmd_start(0, XG_CMD_ANIMATE, d->gpa, WIDTH, HEIGHT, d->rounds[0]);
	cmd_start(1, XG_CMD_UPDATE, d->gpa + PICTURE, REST, 7, d->rounds[1]);
}

static void some_rounds(void)
{
	cmd_advance(0, ROUNDS);
	cmd_advance(1, ROUNDS);
}

/*
 * End of a phase: stop the guest for a moment, compare the sums of both sides,
 * print the line, and let it go on where it was.
 */
static void report(struct demo *d, const char *phase, bool io, bool go_on)
{
	struct xgt_result r[2] = { cmd_stop(0), cmd_stop(1) };
	struct xen_gpumem_window_query q, *l = &d->last;
	uint64_t sum = xg_sum(d->map, PICTURE);
	char place[64];

	d->rounds[0] = r[0].v[0];
	d->rounds[1] = r[1].v[0];
	where(d, place, sizeof(place));
	OK(gm_query(d->dom, d->window, 0, 0, &q));
	xgt_info("| %-22s | %-18s | %-15s | %6llu | %7llu | %6llu | %8llu | %016lx | %016lx |",
		 phase, place, q.out_noncacheable ? "write-combining" :
						    "write-back",
		 q.out_faults - l->out_faults, q.out_revokes - l->out_revokes,
		 q.out_mapped - l->out_mapped, q.out_revoke_ns_max / 1000,
		 r[0].v[1], sum);
	CHECK_EQ(r[0].v[1], sum);
	CHECK_EQ(r[1].v[1], xg_sum(d->map + PICTURE, REST));
	verify(d->map + PICTURE, REST, xg_round_seed(7, d->rounds[1] - 1));
	CHECK(q.out_pages > 0);
	CHECK_EQ(q.out_io, io ? q.out_pages : 0);
	CHECK_EQ(q.out_noncacheable, q.out_io);
	CHECK_EQ(q.out_failed, 0);
	CHECK(!strncmp(place, io ? "BAR" : "RAM", 3));
	d->last = q;
	if (go_on)
		start_drawing(d);
}

static void begin(struct demo *d, uint64_t gpa)
{
	struct xgt_result r;

	d->gpa = gpa;
	memset(d->rounds, 0, sizeof(d->rounds));
	memset(&d->last, 0, sizeof(d->last));
	OK(gm_window_add(d->dom, gpa, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &d->window));
	OK(gm_bind(d->dom, d->window, 0, LENGTH, d->map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(gm_pages(d->dom, d->window, 0, 0), 0);
	r = cmd_ok(0, XG_CMD_DRAW, gpa, WIDTH, HEIGHT);
	CHECK_EQ(r.v[0], xg_sum(d->map, PICTURE));
	start_drawing(d);
	some_rounds();
}

static void video_memory(struct demo *d, struct qxl_bo *bo)
{
	char phase[32];

	qxl_new(d->card, bo, LENGTH);
	d->map = (volatile uint8_t *)bo->map;
	begin(d, XGT_WINDOW);
	report(d, "drawn in VRAM", true, true);
	for (int i = 1; i <= MOVES; i++) {
		some_rounds();
		qxl_pressure(d->card);
		some_rounds();
		snprintf(phase, sizeof(phase), "pushed out, %d", i);
		report(d, phase, false, true);
		some_rounds();
		qxl_bring_back(d->card, bo);
		some_rounds();
		snprintf(phase, sizeof(phase), "brought back, %d", i);
		report(d, phase, true, i < MOVES);
	}
}

static void ordinary_memory(struct demo *d)
{
	const uint64_t hole = LENGTH - SPARE;
	int fd = memfd_new(LENGTH);

	d->map = (volatile uint8_t *)map_shared(fd, LENGTH);
	begin(d, MEMFD_WINDOW);
	report(d, "memfd", false, true);
	for (int i = 0; i < MOVES; i++) {
		some_rounds();
		CHECK(!madvise((void *)d->map, LENGTH, MADV_DONTNEED));
	}
	some_rounds();
	report(d, "memfd, madvise", false, false);
	cmd_ok(0, XG_CMD_FILL, d->gpa + hole, SPARE, 9);
	verify(d->map + hole, SPARE, 9);
	start_drawing(d);
	some_rounds();
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, hole,
			 SPARE));
	some_rounds();
	report(d, "memfd, hole punched", false, false);
	for (uint64_t at = hole; at < LENGTH; at += 16 * PAGE)
		CHECK_EQ(guest_read(d->gpa + at), 0);
}

/* The file was opened by root: the folder is not the backend's to write. */
static void keep_picture(struct demo *d, struct qxl_bo *bo)
{
	static uint8_t copy[PICTURE];

	memcpy(copy, (void *)bo->map, PICTURE);
	if (write(d->out, copy, PICTURE) != (ssize_t)PICTURE)
		FAIL("writing the picture: %s", strerror(errno));
}

static void backend(void *arg)
{
	struct demo *d = arg;
	struct qxl_bo bo;

	xgt_drop_privileges();
	ERR(gm_node(), EACCES);
	xgt_info("| %-22s | %-18s | %-15s | faults | revokes | mapped | worst us | %-16s | %-16s |",
		 "phase", "lives in", "cache type", "sum in guest",
		 "sum in dom0");
	video_memory(d, &bo);
	keep_picture(d, &bo);
	ordinary_memory(d);
}

static void first_light(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .max_windows = 2,
		.max_bindings = 2, .max_bytes = 2 * LENGTH,
	};
	struct demo d = { .card = qxl_open() };
	char path[80];

	d.dom = gm_open_domain(xgt_guest.domid, &limits);
	if (d.dom < 0)
		FAIL("opening the guest: %s", xgt_errname(-d.dom));
	CHECK(xgt_guest.vcpus >= 2);
	snprintf(path, sizeof(path), "/xg/out/guest-drew-this-%llux%llu.xrgb",
		 WIDTH, HEIGHT);
	d.out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (d.out < 0)
		FAIL("%s: %s", path, strerror(errno));
	/* For the column that tells where the buffer lives, nothing else. */
	d.trace = open_trace();
	/* All that root does for the backend: file descriptors. */
	xgt_join(xgt_fork(backend, &d));
}

static const struct xgt_test tests[] = {
	{ "L3-first-light", "L0,L1,L3,L11,L16", first_light,
	  XGT_GUEST | XGT_QXL, 600 },
};

XGT_MAIN(tests)
