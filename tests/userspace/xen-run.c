// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tool's lending commands and the example backend on Xen: the backend has
 * nothing but a descriptor, and a guest looks at what it lends.
 *
 * What lend printed of a file that shrinks, and of a card, is kept in the run's
 * folder, out/, for the documents.
 */
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <drm/drm.h>

#include "us.h"

#define PAGES	16
#define SIZE	(PAGES * PAGE)
#define GPA	XGT_WINDOW
#define BAR	(2 * MIB)
#define BUFFER	(64 * KIB)
#define NOBODY	(~0ULL)
#define CARD	"/dev/dri/card0"
#define VIDEO	44			/* a group, as distributions have it */

static const char *domid(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", xgt_guest.domid);
	return text;
}

static void start_backend(struct program *p, const char *user)
{
	static char range[64];

	snprintf(range, sizeof(range), "%s+%s", hex(GPA), hex(BAR));
	program_start(p, (const char *const[]){
			TOOL, "run", "--user", user, domid(), "--range", range,
			"--max-windows", "1", "--max-bytes", "16M", "--",
			BACKEND, hex(GPA), hex(BAR), NULL });
	program_says(p, "ready: user 1000, window ");
}

/* --- the example backend ---------------------------------------------------- */

/* A page of the backend's begins with its buffer's number, and its own. */
static void buffer_is(uint64_t offset, uint64_t buffer, uint64_t first)
{
	for (uint64_t i = 0; i < BUFFER / PAGE; i++)
		CHECK_EQ(guest_read(GPA + offset + i * PAGE),
			 buffer << 32 | (first + i));
}

/* Everything that it lends, where it says. */
static void buffers_are(void)
{
	/* A memfd, another buffer over its second half, both by address. */
	buffer_is(0, 1, 0);
	buffer_is(BUFFER, 2, 0);
	/* Memory with a binding of its own, a file by its descriptor. */
	buffer_is(BAR / 2, 4, 0);
	buffer_is(BAR / 2 + BUFFER, 1, BUFFER / PAGE);
	/* Nothing bound: the device model's, and there is none. */
	CHECK_EQ(guest_read(GPA + BAR / 2 + 2 * BUFFER), NOBODY);
}

/* The descriptor that `list` shows for a process. */
static const struct json *holder_of(const struct json *j, pid_t pid)
{
	char path[64];

	for (unsigned int i = 0; i < json_length(j, "domains.0.holders"); i++) {
		snprintf(path, sizeof(path), "domains.0.holders.%u", i);
		if (json_number(json_at(j, path), "pid") == pid)
			return json_at(j, path);
	}
	FAIL("process %d holds nothing", pid);
}

static void has_no_privilege(pid_t pid)
{
	has(status_line(pid, "\nUid:\t"), "1000\t1000\t1000\t1000");
	has(status_line(pid, "\nGid:\t"), "1000\t1000\t1000\t1000");
	has(status_line(pid, "\nCapInh:\t"), "0000000000000000");
	has(status_line(pid, "\nCapPrm:\t"), "0000000000000000");
	has(status_line(pid, "\nCapEff:\t"), "0000000000000000");
	has(status_line(pid, "\nNoNewPrivs:\t"), "1");
}

static void backend(void)
{
	const struct json *h;
	struct program p;

	start_backend(&p, "1000");
	has_no_privilege(p.pid);
	h = holder_of(json_parse(tool(0, "list", "--json"), NULL), p.pid);
	CHECK(!strcmp(json_string(h, "command"), "xgm-backend"));
	CHECK(!strcmp(json_string(h, "rights"), "lend"));
	CHECK_EQ(json_number(h, "ranges"), 1);
	CHECK_EQ(json_number(h, "windows.limit"), 1);
	CHECK_EQ(json_number(h, "bytes.limit"), 16 * MIB);

	buffers_are();
	/* The two halves of one memfd: what is written here is read there. */
	guest_write(GPA + BAR / 2 + BUFFER + PAGE, 77);
	CHECK_EQ(guest_read(GPA + BAR / 2 + BUFFER + PAGE), 77);
	/* Hidden in the arena, and never shown: told as events. */
	guest_read_faults(GPA + 2 * BUFFER);
	program_says(&p, "1 access (read) at 0x20000, 4096 bytes, failed: nothing is mapped");
	guest_write_faults(GPA + BAR / 2 - PAGE);
	program_says(&p, "(write) at 0xff000, 4096 bytes, failed: nothing is mapped");
	/* A guest that faults does itself no good, and others no harm. */
	buffer_is(0, 1, 0);

	kill(p.pid, SIGKILL);
	CHECK_EQ(program_wait(&p), 128 + SIGKILL);
	EVENTUALLY(guest_read(GPA) == NOBODY);
	program_close(&p);
}

/* A user who may use the GPU, by a group of his, lends a buffer of it. */
static void backend_gpu(void)
{
	struct program p;
	char path[64], line[400];
	bool found = false;
	FILE *f;

	CHECK(!chown(CARD, 0, VIDEO) && !chmod(CARD, 0660));
	f = fopen("/etc/group", "w");
	CHECK(f && fprintf(f, "video:x:%d:backend\n", VIDEO) > 0 &&
	      !fclose(f));
	start_backend(&p, "backend");
	has_no_privilege(p.pid);
	has(status_line(p.pid, "\nGroups:\t"), "44");
	snprintf(path, sizeof(path), "/proc/%d/maps", p.pid);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		found |= !!strstr(line, CARD);
	fclose(f);
	CHECK(found);
	buffers_are();
	guest_write(GPA + BUFFER, 5);
	CHECK_EQ(guest_read(GPA + BUFFER), 5);
	kill(p.pid, SIGTERM);
	CHECK_EQ(program_wait(&p), 128 + SIGTERM);
	program_close(&p);
	CHECK(!chmod(CARD, 0600) && !unlink("/etc/group"));
}

/* Its limits are the descriptor's, and it is told which. */
static void backend_refused(void)
{
	struct program p;

	program_start(&p, (const char *const[]){
			TOOL, "run", "-u", "1000", "-r", "0x100000000+2M",
			domid(), "--", BACKEND, hex(GPA), hex(BAR), NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "xgm-backend: the window's address: guest address 0x200200000 does not lie in the descriptor's ranges, of which there are 1\n");
	program_close(&p);
	program_start(&p, (const char *const[]){
			TOOL, "run", "-u", "1000", "-M", "64K", domid(), "--",
			BACKEND, hex(GPA), hex(BAR), NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "xgm-backend: binding the arena: this descriptor may have 65536 bytes in bindings");
	program_close(&p);
	/* Nothing stays of either. */
	CHECK_EQ(guest_read(GPA), NOBODY);
}

static void guest_ends(void)
{
	struct xen_gpumem_event e;
	struct program p;

	start_backend(&p, "1000");
	CHECK_EQ(guest_read(GPA), 1ULL << 32);
	guest_destroy(&xgt_guest);
	/* Everybody who has a descriptor is told. */
	CHECK_EQ(xgm_event_get(xgt_dom, &e, sizeof(e),
			       xgt_limit(30) * 1000), 1);
	CHECK_EQ(e.type, XEN_GPUMEM_EVENT_GONE);
	CHECK_EQ(program_wait(&p), 0);
	has(program_out(&p), "event: the guest is gone\n");
	CHECK(!*program_err(&p));
	program_close(&p);
}

/* --- lend ------------------------------------------------------------------- */

static void lend_file(void)
{
	char path[] = "/tmp/lend-XXXXXX";
	volatile uint64_t *p;
	struct program t;
	int file;

	file = mkstemp(path);
	CHECK(file >= 0 && !ftruncate(file, SIZE + PAGE));
	p = map_shared(file, SIZE + PAGE);
	fill((char *)p + PAGE, SIZE, 1);
	program_start(&t, (const char *const[]){
			TOOL, "lend", "--offset", "4K", domid(), hex(GPA),
			path, NULL });
	program_says(&t, "has 64K of /tmp/lend-");
	cmd_ok(0, XG_CMD_CHECK, GPA, SIZE, 1);
	cmd_ok(1, XG_CMD_FILL, GPA, SIZE, 2);
	verify((char *)p + PAGE, SIZE, 2);
	CHECK_EQ(guest_read(GPA + SIZE), NOBODY);
	/* The file shrinks under the guest. */
	CHECK(!ftruncate(file, 4 * PAGE));
	CHECK_EQ(guest_read(GPA), p[PAGE / 8]);
	guest_read_faults(GPA + 5 * PAGE);
	program_says(&t, "1 access (read) at 0x5000, 4096 bytes, failed: ");
	kill(t.pid, SIGINT);
	CHECK_EQ(program_wait(&t), 0);
	has(program_out(&t), ", failed 1, pages lent ");
	CHECK(!*program_err(&t));
	keep("lend.txt", program_out(&t));
	program_close(&t);
	EVENTUALLY(guest_read(GPA) == NOBODY);
	close(file);
	unlink(path);
}

static void lend_readonly(void)
{
	struct program t;

	program_start(&t, (const char *const[]){
			TOOL, "lend", "-r", "-P", "-p", "zero", domid(),
			hex(GPA), "memfd:64K", NULL });
	program_says(&t, "has 64K of memfd:64K");
	CHECK_EQ(guest_read(GPA + SIZE - 8), 0);
	guest_write_faults(GPA);
	program_says(&t, "write) at 0x0, 4096 bytes, failed: a write to what cannot be written (EROFS)");
	kill(t.pid, SIGTERM);
	CHECK_EQ(program_wait(&t), 0);
	has(program_out(&t), ", pages lent 16, revokes ");
	program_close(&t);
}

static int dma_buf(int card, uint32_t handle)
{
	struct drm_prime_handle p = {
		.handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR,
	};

	if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p))
		FAIL("PRIME_HANDLE_TO_FD: %s", strerror(errno));
	return p.fd;
}

/* Where the pages of the tool's window are. */
static double device_bytes(uint64_t gpa)
{
	const struct json *j = json_parse(tool(0, "list", "--json"), NULL);
	char path[64];

	for (unsigned int i = 0; i < json_length(j, "domains.0.windows"); i++) {
		snprintf(path, sizeof(path), "domains.0.windows.%u", i);
		if (json_number(json_at(j, path), "address") == gpa)
			return json_number(json_at(j, path), "device_bytes");
	}
	FAIL("there is no window at 0x%lx", gpa);
}

/* A buffer in video memory, by its dma-buf, which moves while it is lent. */
static void lend_vram(void)
{
	int card = qxl_open();
	struct qxl_bo bo;
	struct program t;

	qxl_new(card, &bo, MIB);
	fill(bo.map, MIB, 1);
	program_start_with(&t, (const char *const[]){
			TOOL, "lend", domid(), hex(GPA), "fd:3", NULL },
			dma_buf(card, bo.handle));
	program_says(&t, "has 1.0M of fd:3");
	cmd_ok(0, XG_CMD_CHECK, GPA, MIB, 1);
	CHECK_EQ(device_bytes(GPA), MIB);
	cmd_ok(1, XG_CMD_FILL, GPA, MIB, 2);
	qxl_pressure(card);
	cmd_ok(0, XG_CMD_CHECK, GPA, MIB, 2);
	CHECK_EQ(device_bytes(GPA), 0);
	verify(bo.map, MIB, 2);
	qxl_bring_back(card, &bo);
	cmd_ok(0, XG_CMD_CHECK, GPA, MIB, 2);
	CHECK_EQ(device_bytes(GPA), MIB);
	kill(t.pid, SIGINT);
	CHECK_EQ(program_wait(&t), 0);
	has(program_out(&t), ", failed 0, pages lent ");
	CHECK(!*program_err(&t));
	program_close(&t);
	EVENTUALLY(guest_read(GPA) == NOBODY);
}

/*
 * The tool's buffer.  All dma-bufs of DRM drivers look alike from outside, but qxl
 * takes none back but its own.
 */
static int tools_buffer(pid_t pid, int card)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);

	CHECK(pidfd >= 0);
	for (int n = 3; n < 64; n++) {
		struct drm_prime_handle p = {
			.fd = syscall(SYS_pidfd_getfd, pidfd, n, 0),
		};

		if (p.fd < 0)
			continue;
		if (!ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p)) {
			close(pidfd);
			return p.fd;
		}
		close(p.fd);
	}
	FAIL("process %d has no buffer of the card's", pid);
}

/* A card's node: the driver makes a buffer, which is the tool's and the guest's. */
static void lend_card(void)
{
	int card = qxl_open(), fd;
	volatile uint64_t *p;
	struct program t;

	REFUSES(2, CARD " is a graphics card: --length says how large",
		"lend", domid(), hex(GPA), CARD);
	REFUSES(2, "its buffer is new, and has no --offset", "lend", "-o",
		"4K", "-l", "1M", domid(), hex(GPA), CARD);
	REFUSES(1, CARD ": the graphics card makes no such buffer: ", "lend",
		"-l", "8G", domid(), hex(GPA), CARD);

	program_start(&t, (const char *const[]){
			TOOL, "lend", "--length", "1M", domid(), hex(GPA),
			CARD, NULL });
	program_says(&t, "has 1.0M of " CARD);
	fd = tools_buffer(t.pid, card);
	CHECK_EQ(lseek(fd, 0, SEEK_END), MIB);
	p = map_shared(fd, MIB);
	fill(p, MIB, 1);
	cmd_ok(0, XG_CMD_CHECK, GPA, MIB, 1);
	cmd_ok(1, XG_CMD_FILL, GPA, MIB, 2);
	verify(p, MIB, 2);
	CHECK_EQ(guest_read(GPA + MIB), NOBODY);
	kill(t.pid, SIGINT);
	CHECK_EQ(program_wait(&t), 0);
	has(program_out(&t), ", failed 0, pages lent ");
	CHECK(!*program_err(&t));
	keep("lend-card.txt", program_out(&t));
	program_close(&t);
	EVENTUALLY(guest_read(GPA) == NOBODY);
	close(fd);
	close(card);
}

/* --- selftest ---------------------------------------------------------------- */

static void selftest(void)
{
	const char *text;
	struct program t;

	text = tool(0, "selftest");
	has(text, "ok   a guest that is not there is refused");
	has(text, "skip lending: no guest was named");
	has(text, "it works here, as far as can be seen without a guest\n");

	text = tool(0, "selftest", "--seconds", "2", domid());
	has(text, "ok   anonymous memory is taken back");
	has(text, "ok   a memfd is taken back");
	has(text, "ok   a file in /tmp is taken back");
	has(text, "ok   a descriptor is lent");
	has(text, "ok   over and over");
	has(text, "ok   nothing is left with the guest");
	has(text, "ok   the window is removed");
	has(text, "\nit works here\n");
	has_not(text, "FAIL");
	/* The guest was not disturbed. */
	CHECK_EQ(cmd_ok(1, XG_CMD_PING).v[0], 1);

	program_start(&t, (const char *const[]){
			TOOL, "selftest", "4242", NULL });
	CHECK_EQ(program_wait(&t), 1);
	has(program_err(&t), "there is no domain 4242 (ESRCH)");
	CHECK_EQ(lines(program_err(&t)), 1);
	program_close(&t);
}

static const struct xgt_test tests[] = {
	{ "U2-xen-run", "U2,L11", backend, XGT_GUEST, 0 },
	{ "U2-xen-run-gpu", "U2,L11", backend_gpu, XGT_GUEST | XGT_QXL, 0 },
	{ "U6-xen-run-refused", "U6,U2", backend_refused, XGT_GUEST, 0 },
	{ "U2-xen-lend", "U2", lend_file, XGT_GUEST, 0 },
	{ "U2-xen-lend-readonly", "U2", lend_readonly, XGT_GUEST, 0 },
	{ "U2-xen-lend-vram", "U2,L23", lend_vram, XGT_GUEST | XGT_QXL, 0 },
	{ "U2-xen-lend-card", "U2,L1", lend_card, XGT_GUEST | XGT_QXL, 0 },
	{ "U2-xen-selftest", "U2", selftest, XGT_GUEST, 0 },
	{ "U2-xen-run-guest-ends", "U2", guest_ends,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
