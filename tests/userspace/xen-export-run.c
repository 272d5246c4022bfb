// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tool's exports on Xen: into a file, for a command, held; and those of a
 * process that has nothing but a descriptor, as the example has it that puts a
 * guest's surface on the display.
 *
 * What export printed that was held until its guest had gone is kept in the run's
 * folder, out/, for the documents.
 *
 * This program is also what the tool starts as command: with --child, and with
 * --user as a process that exports by itself.
 */
#include <signal.h>
#include <sys/stat.h>

#include <drm/drm.h>

#include "kms.h"
#include "us.h"

#define PAGES	16U
#define LENGTH	(PAGES * PAGE)
#define SELF	"/bin/xgt-userspace-xen-export-run"
#define SURFACE	"/bin/xgm-surface"
#define REFS	"/tmp/refs"
#define WIDTH	1024U
#define HEIGHT	768U

static const char *domid(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", xgt_guest.domid);
	return text;
}

/* As an administrator gets them from the guest: a list, no octal numbers. */
static void refs_write(const uint32_t *refs, uint32_t nr)
{
	FILE *f = fopen(REFS, "w");

	CHECK(f);
	for (uint32_t i = 0; i < nr; i++)
		fprintf(f, "%06u%c", refs[i], i % 8 == 7 ? '\n' : ' ');
	CHECK(!fclose(f) && !chmod(REFS, 0644));
}

/* --- into a file ----------------------------------------------------------- */

static void file_is(const char *path, uint64_t seed)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	volatile uint64_t *p;
	struct stat st;

	CHECK(fd >= 0 && !fstat(fd, &st));
	CHECK_EQ(st.st_size, LENGTH);
	CHECK_EQ(st.st_mode & 0777, 0600);
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	verify(p, LENGTH, seed);
	munmap((void *)p, LENGTH);
	close(fd);
}

/* Nobody has anything of the guest's any more. */
static void all_returned(void)
{
	const struct json *j = json_parse(tool(0, "list", "--json"), NULL);

	CHECK_EQ(json_length(j, "buffers"), 0);
	CHECK_EQ(json_length(j, "domains"), 1);
	CHECK(json_bool(j, "domains.0.attached"));
}

static void dump(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	const char *out = "/tmp/export-out";
	const struct json *j;
	struct program p;
	int fd;

	refs_write(refs, PAGES);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 1);
	has(tool(0, "export", domid(), "--refs", REFS, "--output", out),
	    "64K of domain ");
	file_is(out, 1);
	all_returned();
	/* In place of what is there, however long that is. */
	fd = open(out, O_WRONLY);
	CHECK(fd >= 0 && !ftruncate(fd, LENGTH + PAGE));
	close(fd);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 2);
	j = json_parse(tool(0, "export", "--json", "-g", REFS, "-o", out, "-r",
			    domid()), NULL);
	CHECK_EQ(json_number(j, "domain"), xgt_guest.domid);
	CHECK_EQ(json_number(j, "bytes"), LENGTH);
	CHECK(json_bool(j, "readonly") && !json_bool(j, "revocable"));
	CHECK(!strcmp(json_string(j, "output"), out));
	file_is(out, 2);

	/* Granted for reading: not more is taken. */
	refs = guest_share(1, PAGES, false);
	refs_write(refs, PAGES);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(1), LENGTH, 3);
	program_start(&p, (const char *const[]){
			TOOL, "export", domid(), "-g", REFS, "-o", out,
			NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "(at index 0) is granted for reading only: READONLY would do (EACCES)");
	CHECK_EQ(lines(program_err(&p)), 1);
	program_close(&p);
	/* What was there is there still. */
	file_is(out, 2);
	tool(0, "export", domid(), "-g", REFS, "--readonly", "-o", out);
	file_is(out, 3);
	unlink(out);
}

static void dump_frames(void)
{
	struct xen_gpumem_frames *frames;
	const char *out = "/tmp/export-out";
	char text[PAGES * 24] = "";

	guest_share(0, PAGES, true);
	frames = guest_frames(0, PAGES);
	for (unsigned int i = 0; i < PAGES; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s0x%llx+4K", i ? "," : "",
			 (unsigned long long)frames[i].gpa);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 4);
	tool(0, "export", domid(), "--frames", text, "--output", out);
	file_is(out, 4);
	unlink(out);
	all_returned();
}

/* --- for a command --------------------------------------------------------- */

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static bool pattern_is(volatile uint64_t *p, uint64_t seed)
{
	for (uint64_t i = 0; i < LENGTH; i += 8)
		if (p[i / 8] != xg_pattern(seed, i))
			return false;
	return true;
}

static void on_bus(int sig)
{
	(void)sig;
	say("keeper: SIGBUS");
	_exit(0);
}

/* A process that the command leaves behind, and that has the dma-buf. */
static void keeper(int fd, int ready)
{
	volatile uint64_t *p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd,
				    0);

	signal(SIGBUS, on_bus);
	if (p == MAP_FAILED || !pattern_is(p, 6) || write(ready, "", 1) != 1)
		_exit(1);
	for (;;) {
		(void)*p;
		usleep(1000);
	}
}

/* The command: what it has is a dma-buf, and no more. */
static int child_main(void)
{
	const char *number = getenv(XGM_ENV_DMABUF);
	int fd = number ? atoi(number) : -1, ready[2];
	volatile uint64_t *p;
	char byte;

	for (int i = 3; i < 256; i++)
		if (i != fd && fcntl(i, F_GETFD) >= 0)
			return 20;
	if (getenv(XGM_ENV_FD) || !getenv("XEN_GPUMEM_DOMID") ||
	    lseek(fd, 0, SEEK_END) != (off_t)LENGTH)
		return 21;
	p = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || !pattern_is(p, 5))
		return 22;
	for (uint64_t i = 0; i < LENGTH; i += 8)
		p[i / 8] = xg_pattern(6, i);
	if (pipe(ready))
		return 23;
	if (!fork())
		keeper(fd, ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return 24;
	say("child: good");
	return 5;
}

static void command(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	struct program p;

	refs_write(refs, PAGES);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 5);
	program_start(&p, (const char *const[]){
			TOOL, "export", domid(), "--refs", REFS, "--", SELF,
			"--child", NULL });
	/* Its status is the command's; the one left behind has lost it. */
	CHECK_EQ(program_wait(&p), 5);
	program_says(&p, "child: good\n");
	program_says(&p, "keeper: SIGBUS\n");
	CHECK(!*program_err(&p));
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), LENGTH, 6);
	program_close(&p);
	EVENTUALLY(!json_length(json_parse(tool(0, "list", "--json"), NULL),
				"buffers"));

	program_start(&p, (const char *const[]){
			TOOL, "export", domid(), "--refs", REFS, "--",
			"/bin/nowhere", NULL });
	CHECK_EQ(program_wait(&p), 2);
	has(program_err(&p), "there is no command '/bin/nowhere'");
	CHECK_EQ(lines(program_err(&p)), 1);
	program_close(&p);
	all_returned();
}

/* --- held ------------------------------------------------------------------ */

static void start_holding(struct program *p)
{
	uint32_t *refs = guest_share(0, PAGES, true);

	refs_write(refs, PAGES);
	program_start(p, (const char *const[]){
			TOOL, "export", domid(), "--refs", REFS, NULL });
	program_says(p, "are a dma-buf, fd ");
}

static void held(void)
{
	const struct json *j;
	struct program p;
	char name[40];

	start_holding(&p);
	j = json_parse(tool(0, "list", "--json"), NULL);
	CHECK_EQ(json_length(j, "buffers"), 1);
	snprintf(name, sizeof(name), "domain %s, export 1", domid());
	CHECK(!strcmp(json_string(j, "buffers.0.name"), name));
	CHECK_EQ(json_number(j, "buffers.0.users.0.pid"), p.pid);
	kill(p.pid, SIGTERM);
	CHECK_EQ(program_wait(&p), 0);
	CHECK(!*program_err(&p));
	program_close(&p);
	all_returned();
}

/* What is left of a guest is a line without a name in xl's list. */
static bool remains(int id)
{
	char *argv[] = { "xl", "list", NULL };
	char out[4096], *line = out;
	int n;

	CHECK(!xgt_spawn(argv, out, sizeof(out)));
	for (; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%*s %d", &n) == 1 && n == id)
			return true;
	}
	return false;
}

/* Nobody interrupts it: it lets the guest's remains go by itself. */
static void held_guest_ends(void)
{
	int id = xgt_guest.domid;
	struct program p;

	start_holding(&p);
	guest_destroy(&xgt_guest);
	CHECK_EQ(program_wait(&p), 0);
	has(program_out(&p), "\nthe guest is gone\n");
	keep("export.txt", program_out(&p));
	program_close(&p);
	EVENTUALLY(!remains(id));
}

static void refused(void)
{
	static const struct {
		const char *list;
		const char *what;
	} lists[] = {
		{ "32512", "no export: grant reference 32512 (at index 0) is not granted to this domain, or is of no memory (ENXIO)" },
		{ "0x7fffffff", "grant reference 2147483647 (at index 0) is not granted" },
	};
	struct program p;
	char range[40];
	FILE *f;

	for (unsigned int i = 0; i < ARRAY_SIZE(lists); i++) {
		f = fopen(REFS, "w");
		CHECK(f && fputs(lists[i].list, f) >= 0 && !fclose(f));
		program_start(&p, (const char *const[]){
				TOOL, "export", domid(), "-g", REFS, NULL });
		CHECK_EQ(program_wait(&p), 1);
		has(program_err(&p), lists[i].what);
		CHECK_EQ(lines(program_err(&p)), 1);
		program_close(&p);
	}
	program_start(&p, (const char *const[]){
			TOOL, "export", "4242", "-g", REFS, NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "cannot export pages of domain 4242: there is no domain 4242 (ESRCH)");
	program_close(&p);
	/* Where a window is, is nothing of the guest's. */
	snprintf(range, sizeof(range), "%s+4K", hex(XG_ARENA_BASE));
	program_start(&p, (const char *const[]){
			TOOL, "export", domid(), "-f", range, NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "(page 0) is no RAM of the guest's (ENXIO)");
	program_close(&p);
	all_returned();
}

/* On this machine it works, and the guest is not disturbed. */
static void selftest(void)
{
	const char *text = tool(0, "selftest", "--seconds", "1", domid());

	has(text, "ok   a descriptor for exports\n");
	has(text, "ok   a page of the guest's is exported\n");
	has(text, "ok   the guest has it again\n");
	has(text, "\nit works here\n");
	CHECK_EQ(cmd_ok(1, XG_CMD_PING).v[0], 1);
	all_returned();
}

/* --- by a process of no privilege ------------------------------------------ */

/* --user GOOD BAD: two references, of which its descriptor may export one. */
static int user_main(char **argv)
{
	uint32_t good = atoi(argv[2]), bad = atoi(argv[3]), id, none, failed;
	int fd = xgm_domain_from_env(NULL), dmabuf;
	volatile uint64_t *p;

	if (fd < 0 || xgm_node_open() != -EACCES)
		return 30;
	if (xgm_export_grants(fd, &bad, 1, 0, &none, &failed) != -EACCES ||
	    failed)
		return 33;
	dmabuf = xgm_export_grants(fd, &good, 1, 0, &id, NULL);
	if (dmabuf < 0)
		return 31;
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	if (p == MAP_FAILED || *p != xg_pattern(7, 0))
		return 32;
	*p = 99;
	/* One at a time. */
	if (xgm_export_grants(fd, &good, 1, 0, &none, NULL) != -ENOSPC)
		return 34;
	if (xgm_export_revoke(fd, id))
		return 35;
	say("user: good");
	return 0;
}

static void run_user(void)
{
	uint32_t *refs = guest_share(0, PAGES, true);
	char range[32], good[16], bad[16];
	struct program p;
	int status;

	snprintf(range, sizeof(range), "%u+1", refs[0]);
	snprintf(good, sizeof(good), "%u", refs[0]);
	snprintf(bad, sizeof(bad), "%u", refs[1]);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), LENGTH, 7);
	program_start(&p, (const char *const[]){
			TOOL, "run", "--user", "1000", "--rights",
			"export-grants", "--ref-range", range, "--max-exports",
			"1", domid(), "--", SELF, "--user", good, bad, NULL });
	status = program_wait(&p);
	if (status)
		FAIL("status %d: %s%s", status, program_out(&p),
		     program_err(&p));
	has(program_out(&p), "user: good\n");
	program_close(&p);
	CHECK_EQ(guest_read(XGT_SHARED(0)), 99);
	all_returned();
}

/* --- the example ----------------------------------------------------------- */

/* The card of a driver, for a user to open. */
static const char *card_of(const char *driver)
{
	static char path[32];

	for (int i = 0; i < 8; i++) {
		char name[32] = "";
		struct drm_version v = {
			.name = name, .name_len = sizeof(name) - 1,
		};
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (ioctl(fd, DRM_IOCTL_VERSION, &v))
			name[0] = '\0';
		/* Closed, or nobody else could set its mode. */
		close(fd);
		if (strcmp(name, driver))
			continue;
		CHECK(!chmod(path, 0666));
		return path;
	}
	xgt_skip("no card with the driver %s", driver);
}

static void start_surface(struct program *p, const char *card)
{
	program_start(p, (const char *const[]){
			TOOL, "run", "--user", "1000", "--rights",
			"export-grants", "--max-exports", "1", domid(), "--",
			SURFACE, "1024", "768", REFS, card, NULL });
}

static void surface(void)
{
	const char *card = card_of("bochs-drm");
	const uint32_t pages = WIDTH * HEIGHT * 4 / PAGE;
	uint32_t *refs = guest_share(0, pages, true), crc, first;
	const struct json *j;
	struct program p;
	volatile uint32_t *pixels;
	int fd;

	refs_write(refs, pages);
	cmd_ok(0, XG_CMD_DRAW, XGT_SHARED(0), WIDTH, HEIGHT);
	fd = ex_make(ex_open(NULL, 0, 0, 0), refs, pages, 0, NULL);
	pixels = (volatile uint32_t *)ex_map_read(fd, pages * PAGE);

	start_surface(&p, card);
	program_says(&p, "shown: user 1000, 1024x768 on /dev/dri/card");
	first = screen_drawn(pixels, WIDTH * HEIGHT);
	CHECK_EQ(screen_shown("surface-first", WIDTH, HEIGHT), first);
	j = json_parse(tool(0, "list", "--json"), NULL);
	CHECK_EQ(json_length(j, "buffers"), 2);
	/* The next frame, which nobody has to ask for. */
	cmd_start(0, XG_CMD_ANIMATE, XGT_SHARED(0), WIDTH, HEIGHT, 0);
	cmd_advance(0, 3);
	cmd_stop(0);
	crc = screen_drawn(pixels, WIDTH * HEIGHT);
	CHECK(crc != first);
	EVENTUALLY(screen_shown("surface-second", WIDTH, HEIGHT) == crc);

	kill(p.pid, SIGTERM);
	CHECK_EQ(program_wait(&p), 0);
	has(program_out(&p), "\nthe guest has its pages back\n");
	CHECK(!*program_err(&p));
	program_close(&p);
}

static void surface_without(void)
{
	const uint32_t pages = WIDTH * HEIGHT * 4 / PAGE;
	struct program p;
	char want[64];

	refs_write(guest_share(0, pages, true), pages);
	cmd_ok(0, XG_CMD_DRAW, XGT_SHARED(0), WIDTH, HEIGHT);
	snprintf(want, sizeof(want), "the first pixel is 0x%06lx\n",
		 guest_read(XGT_SHARED(0)) & 0xffffff);
	start_surface(&p, "/dev/null");
	if (program_wait(&p))
		FAIL("%s%s", program_out(&p), program_err(&p));
	has(program_out(&p), want);
	program_close(&p);
	all_returned();

	/* More than its descriptor may: it says which limit. */
	program_start(&p, (const char *const[]){
			TOOL, "run", "--user", "1000", "--rights",
			"export-grants", "--max-export-bytes", "1M", domid(),
			"--", SURFACE, "1024", "768", REFS, NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "xgm-surface: the guest's pages: this descriptor may have 1048576 bytes in exports");
	program_close(&p);
}

static const struct xgt_test tests[] = {
	{ "U2-xen-export-file", "U2,E1", dump, XGT_GUEST, 0 },
	{ "U2-xen-export-file-frames", "U2,E2", dump_frames, XGT_GUEST, 0 },
	{ "U2-xen-export-command", "U2,E4", command, XGT_GUEST, 0 },
	{ "U2-xen-export-held", "U2,U4", held, XGT_GUEST, 0 },
	{ "U6-xen-export-refused", "U6,U2", refused, XGT_GUEST, 0 },
	{ "U2-xen-export-selftest", "U2", selftest, XGT_GUEST, 0 },
	{ "U2-xen-export-user", "U2,E7,S1", run_user, XGT_GUEST, 0 },
	{ "U2-xen-surface", "U2,E3", surface, XGT_GUEST, 0 },
	{ "U2-xen-surface-without", "U2,U6", surface_without, XGT_GUEST, 0 },
	{ "U2-xen-export-guest-ends", "U2,E6", held_guest_ends,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--child"))
		return child_main();
	if (argc == 4 && !strcmp(argv[1], "--user"))
		return user_main(argv);
	return xgt_main(argc, argv, tests, ARRAY_SIZE(tests));
}
