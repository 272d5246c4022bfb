// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver has forgotten, in the programs that ran before and here.
 *
 * kmemleak looks through all memory for pointers to what was allocated; what
 * nobody points at is lost.  Only what was allocated below a function of the
 * driver's counts here.  It has to be the last program of its boot.
 *
 * That it would find something is shown by losing something on purpose.
 *
 * Needs a kernel with kmemleak (testbed/kernel.sh debug), and kmemleak=on in
 * its command line.
 */
#include "mock.h"

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
/* Younger objects count as not lost yet. */
#define YOUNG_MS	6000
/* Some may be taken for pointed at, by what looks like a pointer. */
#define LOST		8

static void command(const char *text)
{
	int fd = open(KMEMLEAK, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		xgt_skip("cannot be run here: no kmemleak");
	if (write(fd, text, strlen(text)) < 0)
		xgt_skip("cannot be run here: needs kmemleak=on: %s",
			 strerror(errno));
	close(fd);
}

/*
 * Look for what is lost.  Twice, since the first look only notes what an object
 * holds, and one that changes is not lost.
 *
 * Return: how many objects of the driver's are; @who has allocated one of them
 */
static unsigned int lost(char who[128])
{
	bool ours = false;
	unsigned int n = 0;
	char line[512];
	FILE *f;

	for (int i = 0; i < 2; i++) {
		xgt_sleep_ms(YOUNG_MS);
		command("scan");
	}
	f = fopen(KMEMLEAK, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "unreferenced object", 19))
			ours = false;
		if (!strstr(line, "[xen_gpumem]") || ours)
			continue;
		ours = true;
		n++;
		line[strcspn(line, "\n")] = '\0';
		snprintf(who, 128, "%.127s", line + strspn(line, " "));
	}
	if (f)
		fclose(f);
	return n;
}

/* A life in short, if nothing ran before. */
static void live(void *arg)
{
	const uint64_t length = 16 * PAGE;
	struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_LEND, .first = BASE, .length = MIB,
	};
	struct xen_gpumem_derive limits = {
		.rights = XEN_GPUMEM_RIGHT_LEND, .nr_ranges = 1,
		.ranges = (uintptr_t)&range,
	};
	volatile uint64_t *p;
	uint32_t w;
	int child;

	(void)arg;
	mock_begin(1);
	p = map_anon(length);
	w = window_of(p, length);
	g_write(BASE, 1);
	OK(gm_populate(xgt_dom, w, 0, length, XEN_GPUMEM_POPULATE_WRITE, NULL));
	OK(madvise((void *)p, PAGE, MADV_DONTNEED));
	OK(gm_bind(xgt_dom, w, 0, length, p, XEN_GPUMEM_BIND_REPLACE,
		   XEN_GPUMEM_POLICY_ZERO));
	CHECK_EQ(g_read(BASE), 0);
	OK(gm_window_move(xgt_dom, w, BASE + MIB));
	OK(gm_unbind(xgt_dom, w, 0, length));
	OK(gm_bind_fd(xgt_dom, w, 0, length, memfd_new(length), 0, 0,
		      XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(g_read(BASE + MIB), 0);
	child = gm_derive(xgt_dom, &limits);
	CHECK(child >= 0);
	close(child);
	OK(gm_window_remove(xgt_dom, w));
	mock_end();
}

/* In a process of its own: nothing of it is left on a stack then. */
static void nothing_lost(void)
{
	char who[128] = "";
	unsigned int n;

	command("scan=off");
	xgt_join(xgt_fork(live, NULL));
	n = lost(who);
	if (n)
		FAIL("%u objects are lost, one is from %s", n, who);
}

static void lose(void *arg)
{
	(void)arg;
	mock_begin(1);
	for (int i = 0; i < LOST; i++)
		mock_do_wrong(XGM_WRONG_LEAK);
	mock_end();
}

static void lost_is_found(void)
{
	char who[128] = "";
	unsigned int n;

	command("clear");
	xgt_join(xgt_fork(lose, NULL));
	n = lost(who);
	command("clear");
	xgt_info("%u of %d lost objects found, one is from %s", n, LOST, who);
	CHECK(n > 0 && n <= LOST);
}

static const struct xgt_test tests[] = {
	{ "L13-mock-nothing-lost", "L13", nothing_lost, 0, 300 },
	{ "T0-mock-lost-is-found", "T0", lost_is_found, 0, 300 },
};

XGT_MAIN(tests)
