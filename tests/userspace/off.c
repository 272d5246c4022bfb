// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tool on a Xen that does not lend: it says which of the reasons it is, and
 * what would help.  Xen is asked here, too, by the hypercall itself; what the
 * tool says must be what that means.
 */
#include <sys/syscall.h>

#include "us.h"

struct reason {
	int err;
	const char *ability, *what, *remedy;
};

/* In the order of the scenarios that show them. */
static const struct reason reasons[] = {
	{ EOPNOTSUPP, "\nhypervisor   does not lend: switched off, or not built in\n",
	  "this Xen does not lend", "add lend=on to Xen's command line and boot it" },
	{ ENOSYS, "\nhypervisor   cannot lend: unknown operation\n",
	  "this Xen does not know of lending", "install a Xen with the patches" },
};

static const struct reason *reason_here(void)
{
	struct xen_lend_op op = { .cmd = 0 };
	long ret = lend_op(&op, XEN_LEND_query, 0x7ff0, 0);

	for (unsigned int i = 0; i < ARRAY_SIZE(reasons); i++)
		if (ret == -reasons[i].err)
			return &reasons[i];
	FAIL("this Xen lends, or says why not by %s", ret ?
	     xgt_errname(-ret) : "no error");
}

static void status(void)
{
	const struct reason *reason = reason_here();
	const char *text = tool(1, "status");
	const struct json *j;
	struct program p;
	int fd;

	xgt_info("%s", reason->what);
	has(text, reason->ability);
	has(text, reason->what);
	has(text, reason->remedy);
	has(text, "\nmodule       not loaded\n");
	has(text, "\n\nlending does not work here\n");
	/* That the module is not there either is no news. */
	has_not(text, "modprobe");
	j = json_parse(tool(1, "status", "--json"), NULL);
	CHECK(!json_bool(j, "works") && json_bool(j, "xen.running"));
	CHECK_EQ(json_length(j, "problems"), 1);
	CHECK(!strcmp(json_string(j, "problems.0.what"), reason->what));

	/* It cannot be. */
	fd = open("/lib/modules/xen-gpumem.ko", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(syscall(SYS_finit_module, fd, "", 0) == -1);
	CHECK_EQ(errno, ENODEV);
	close(fd);

	program_start(&p, (const char *const[]){
			TOOL, "selftest", "1", NULL });
	CHECK_EQ(program_wait(&p), 1);
	has(program_err(&p), "it does not work here: ");
	has(program_err(&p), "; xen-gpumem status tells more\n");
	CHECK_EQ(lines(program_err(&p)), 1);
	program_close(&p);
}

static const struct xgt_test tests[] = {
	{ "U4-off-status", "U4,U6", status, 0, 0 },
};

XGT_MAIN(tests)
