// SPDX-License-Identifier: MIT
/*
 * xen-gpumem: look at, try out and hand out lending of memory to Xen guests, and
 * the use of theirs.
 *
 * Commands are a table.  Whatever goes wrong is said in one line on the error
 * output, with what to do about it.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static int version_main(int argc, char **argv);
static int help_main(int argc, char **argv);

static const struct command version_command = {
	"version", "[--json]", "versions of the tool, the library and the driver",
	"Prints them, one a line.\n\n"
	"  -j, --json   for programs\n", version_main,
};

static const struct command help_command = {
	"help", "[COMMAND]", "this, or all about one command",
	"", help_main,
};

static const struct command *const commands[] = {
	&status_command, &list_command, &top_command, &lend_command,
	&export_command, &run_command, &trace_command, &selftest_command,
	&version_command, &help_command,
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* --- errors ---------------------------------------------------------------- */

static void complain(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("xen-gpumem: ", stderr);
	vfprintf(stderr, fmt, ap);
	putc('\n', stderr);
}

int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return FAILED;
}

int bad(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return BAD_INPUT;
}

int fail_call(const char *doing, int fd, const struct xgm_attempt *attempt,
	      int err)
{
	const char *name = xgm_errno_name(err);
	char why[512];

	xgm_explain(fd, attempt, err, why, sizeof(why));
	return fail("%s: %s (%s)", doing, why,
		    name ? name : strerror(abs(err)));
}

int fail_node(int err)
{
	const struct xgm_attempt attempt = {
		.size = sizeof(attempt), .call = XGM_CALL_NODE_OPEN,
	};

	return fail_call(XGM_NODE, -1, &attempt, err);
}

int bad_option(char **argv, int opt)
{
	const char *what = argv[optind - 1];

	if (opt == ':')
		return bad("%s: a value is missing after %s (xen-gpumem help %s)",
			   argv[0], what, argv[0]);
	return bad("%s: no such option: %s (xen-gpumem help %s)", argv[0],
		   what, argv[0]);
}

int want_arguments(int argc, const char *command, int wanted)
{
	const struct command *c = find(command);

	if (argc - optind == wanted)
		return 0;
	return bad("%s: %s; it is called as: xen-gpumem %s%s%s", command,
		   argc - optind < wanted ? "something is missing" :
		   "too many arguments", command,
		   *c->arguments ? " " : "", c->arguments);
}

int only_json(int argc, char **argv, bool *json)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 },
	};
	int opt;

	*json = false;
	while ((opt = getopt_long(argc, argv, ":j", options, NULL)) != -1) {
		if (opt != 'j')
			return bad_option(argv, opt);
		*json = true;
	}
	return want_arguments(argc, argv[0], 0);
}

/* --- help ------------------------------------------------------------------ */

static int help_main(int argc, char **argv)
{
	const struct command *c;

	if (argc > 2)
		return bad("help: one command at a time");
	if (argc == 2) {
		c = find(argv[1]);
		if (!c)
			return bad("no such command: %s (xen-gpumem help lists them)",
				   argv[1]);
		printf("xen-gpumem %s%s%s: %s\n\n%s", c->name,
		       *c->arguments ? " " : "", c->arguments, c->summary,
		       c->help);
		return 0;
	}
	puts("usage: xen-gpumem COMMAND [ARGUMENT...]\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-10s %s\n", commands[i]->name,
		       commands[i]->summary);
	puts("\nxen-gpumem help COMMAND tells more; so does xen-gpumem(8).");
	return 0;
}

/* @info: of the driver, or NULL */
static void tell_versions(const struct xen_gpumem_info *info)
{
	uint32_t lib = xgm_version();

	printf("xen-gpumem %u.%u\n", XGM_VERSION_MAJOR, XGM_VERSION_MINOR);
	printf("library %u.%u\n", lib >> 16, lib & 0xffff);
	printf("interface %u\n", XEN_GPUMEM_ABI);
	if (info)
		printf("driver's interface %u\nhypervisor's interface %u\n",
		       info->out_abi, info->out_hv_version);
	else
		puts("no driver that can be asked (xen-gpumem status)");
}

static void json_version(struct json *j, const char *key, uint32_t version)
{
	char text[16];

	snprintf(text, sizeof(text), "%u.%u", version >> 16, version & 0xffff);
	json_string(j, key, text);
}

static void json_versions(const struct xen_gpumem_info *info)
{
	struct json j = { .out = stdout };

	json_begin(&j, NULL, '{');
	json_version(&j, "tool", XGM_VERSION);
	json_version(&j, "library", xgm_version());
	json_number(&j, "interface", XEN_GPUMEM_ABI);
	if (info) {
		json_number(&j, "driver_interface", info->out_abi);
		json_number(&j, "hypervisor_interface", info->out_hv_version);
	}
	json_end(&j, '}');
}

static int version_main(int argc, char **argv)
{
	struct xen_gpumem_info info;
	bool json, known;
	int node;

	if (only_json(argc, argv, &json))
		return BAD_INPUT;
	node = xgm_node_open();
	known = node >= 0 && !xgm_info(node, &info, sizeof(info));
	if (json)
		json_versions(known ? &info : NULL);
	else
		tell_versions(known ? &info : NULL);
	return 0;
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2)
		return bad("a command is missing (xen-gpumem help lists them)");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	if (!strcmp(argv[1], "--version"))
		argv[1] = "version";
	c = find(argv[1]);
	if (!c)
		return bad("no such command: %s (xen-gpumem help lists them)",
			   argv[1]);
	opterr = 0;
	return c->run(argc - 1, argv + 1);
}
