// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody who has read docs/tool.md, "From nothing to a GPU's buffer", and does
 * what it says, with a guest that is a stock Linux.
 *
 * The table below is the commands of that section, in its order;
 * userspace/tests/consistent.py holds the two to each other.  Those of the
 * guest's Python are done by the command server, which has /dev/mem mapped in
 * the same way and makes the same accesses.
 */
#include <signal.h>
#include <sys/stat.h>

#include "us.h"

#define CARD	"/dev/dri/card0"
#define VIDEO	44			/* a group, as distributions have it */

static const struct step {
	const char *command;
	const char *says;
} steps[] = {
	/* In dom0.  The one that is not waited for ends with the guest. */
	{ "xen-gpumem status", "lending works here" },
	{ "xen-gpumem selftest DOMID", "it works here" },
	{ "xen-gpumem run DOMID --user backend --range 0x204000000+2M -- xgm-backend 0x204000000 0x200000 &",
	  "ready: user 1000, window " },
	{ "xen-gpumem list --bindings DOMID", "held by xgm-backend, process " },
	/* In the guest, whose m is that range of its addresses. */
	{ ">>> hex(m[0x0 // 8])", "'0x100000000'" },
	{ ">>> hex(m[0x10000 // 8])", "'0x200000000'" },
	{ ">>> hex(m[0x1f000 // 8])", "'0x20000000f'" },
	{ ">>> m[0x10000 // 8] = 0x1234", "" },
	{ ">>> hex(m[0x10000 // 8])", "'0x1234'" },
	{ ">>> hex(m[0x100000 // 8])", "'0x400000000'" },
	{ ">>> hex(m[0x20000 // 8])", "Segmentation fault" },
	/* In dom0 again. */
	{ "xen-gpumem top -n 1", "GUEST  WIN BOUND" },
	{ "xl destroy DOMID", "" },
};

static struct program backend;

/* What dom0's administrator has done before: a user who may use the GPU. */
static void make_user(void)
{
	FILE *f = fopen("/etc/group", "w");

	CHECK(!chown(CARD, 0, VIDEO) && !chmod(CARD, 0660));
	CHECK(f && fprintf(f, "video:x:%d:backend\n", VIDEO) > 0 &&
	      !fclose(f));
}

/* Where a shell would look for it. */
static const char *path_of(const char *name)
{
	static char path[8][128];
	static unsigned int i;
	static const char *const folders[] = {
		"/bin", "/usr/lib/xen-4.20/bin",
	};

	for (unsigned int k = 0; k < ARRAY_SIZE(folders); k++) {
		snprintf(path[++i % 8], sizeof(path[0]), "%s/%s", folders[k],
			 name);
		if (!access(path[i % 8], X_OK))
			return path[i % 8];
	}
	FAIL("there is no command %s", name);
}

/* As a shell reads it.  Return: whether it is to be waited for */
static bool split(const char *command, const char *argv[20])
{
	static char text[400], domid[16];
	unsigned int n = 0;
	bool waits = true;

	snprintf(text, sizeof(text), "%s", command);
	snprintf(domid, sizeof(domid), "%d", xgt_guest.domid);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
		CHECK(n < 19);
		if (!strcmp(word, "&"))
			waits = false;
		else
			argv[n++] = strcmp(word, "DOMID") ? word : domid;
	}
	argv[n] = NULL;
	argv[0] = path_of(argv[0]);
	return waits;
}

static void in_dom0(const struct step *step)
{
	const char *argv[20];
	struct program p;

	if (!split(step->command, argv)) {
		program_start(&backend, argv);
		program_says(&backend, step->says);
		return;
	}
	program_start(&p, argv);
	CHECK_EQ(program_wait(&p), 0);
	has(program_out(&p), step->says);
	program_close(&p);
}

static void in_guest(const struct step *step)
{
	const uint64_t base = 0x204000000;
	unsigned long long at, value;
	char text[40];

	if (sscanf(step->command, ">>> m[%llx // 8] = %llx", &at, &value) == 2) {
		guest_write(base + at, value);
		return;
	}
	CHECK(sscanf(step->command, ">>> hex(m[%llx // 8])", &at) == 1);
	if (strstr(step->says, "fault")) {
		guest_read_faults(base + at);
		program_says(&backend, "event: window ");
		has(program_out(&backend), "failed: nothing is mapped");
		return;
	}
	snprintf(text, sizeof(text), "'0x%lx'", guest_read(base + at));
	if (strcmp(text, step->says))
		FAIL("%s: %s, not %s", step->command, text, step->says);
}

/* The buffer that begins there is the GPU driver's. */
static void is_gpus(void)
{
	char path[64], line[400];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", backend.pid);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		found |= !!strstr(line, CARD);
	fclose(f);
	CHECK(found);
}

static void stranger(void)
{
	make_user();
	for (unsigned int i = 0; i < ARRAY_SIZE(steps); i++) {
		xgt_info("%s", steps[i].command);
		if (!strncmp(steps[i].command, ">>>", 3))
			in_guest(&steps[i]);
		else
			in_dom0(&steps[i]);
		if (strchr(steps[i].command, '&'))
			is_gpus();
	}
	CHECK_EQ(program_wait(&backend), 0);
	has(program_out(&backend), "event: the guest is gone\n");
}

static const struct xgt_test tests[] = {
	{ "U2-stranger", "U2,L0", stranger,
	  XGT_GUEST | XGT_QXL | XGT_ENDS_GUEST, 400 },
};

XGT_MAIN(tests)
