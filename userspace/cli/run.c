// SPDX-License-Identifier: MIT
/*
 * xen-gpumem run: start a backend with a domain fd, and with nothing else.
 *
 * The descriptor is all the privilege that a backend needs.  This makes it, for
 * one guest, with the rights, ranges and limits that were asked for; then gives
 * up root's (--user); then becomes the command, which finds the descriptor's
 * number in its environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli.h"

#define GROUPS_MAX	256

struct run {
	uint16_t domid;
	struct xgm_limits limits;
	struct xen_gpumem_range ranges[XEN_GPUMEM_MAX_RANGES];
	bool drop;
	uid_t uid;
	gid_t gid;
	gid_t groups[GROUPS_MAX];
	size_t nr_groups;
};

/* --- who ------------------------------------------------------------------- */

/* The groups that a user is a member of besides its own: of GPUs, say. */
static void find_groups(struct run *r, const char *user)
{
	FILE *f = fopen("/etc/group", "re");
	struct group *g;

	if (!f)
		return;
	while ((g = fgetgrent(f)) && r->nr_groups < GROUPS_MAX)
		for (char **m = g->gr_mem; *m; m++)
			if (!strcmp(*m, user)) {
				r->groups[r->nr_groups++] = g->gr_gid;
				break;
			}
	fclose(f);
}

/* A user of /etc/passwd: no other source, so that a static program knows all. */
static bool find_user(struct run *r, const char *name)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *p;
	bool found = false;

	if (!f)
		return false;
	while (!found && (p = fgetpwent(f))) {
		found = !strcmp(p->pw_name, name);
		if (!found)
			continue;
		r->uid = p->pw_uid;
		r->gid = p->pw_gid;
	}
	fclose(f);
	if (found)
		find_groups(r, name);
	return found;
}

/* NAME, UID or UID:GID */
static int parse_user(struct run *r, const char *text)
{
	unsigned long uid, gid;
	char *end;

	r->drop = true;
	if (*text < '0' || *text > '9') {
		if (find_user(r, text))
			return 0;
		return bad("there is no user '%s' in /etc/passwd; a number, or UID:GID, will do",
			   text);
	}
	uid = gid = strtoul(text, &end, 10);
	if (*end == ':' && end[1] >= '0' && end[1] <= '9')
		gid = strtoul(end + 1, &end, 10);
	if (*end || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return bad("a user is a name, UID or UID:GID, not '%s'", text);
	r->uid = uid;
	r->gid = gid;
	return 0;
}

static int drop_privileges(const struct run *r)
{
	if (!r->drop)
		return 0;
	if (setgroups(r->nr_groups, r->groups) ||
	    setresgid(r->gid, r->gid, r->gid) ||
	    setresuid(r->uid, r->uid, r->uid))
		return fail("cannot become user %u:%u: %s", r->uid, r->gid,
			    strerror(errno));
	/* No program that it starts gets them back. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail("no_new_privs: %s", strerror(errno));
	return 0;
}

/* --- what ------------------------------------------------------------------ */

static int open_guest(struct run *r)
{
	const struct xgm_attempt attempt = {
		.size = sizeof(attempt), .call = XGM_CALL_DOMAIN_OPEN,
		.domid = r->domid, .limits = &r->limits,
	};
	char doing[64];
	int node = xgm_node_open(), fd;

	if (node < 0) {
		fail_node(node);
		return -FAILED;
	}
	fd = xgm_domain_open(node, r->domid, &r->limits, NULL);
	close(node);
	if (fd >= 0)
		return fd;
	snprintf(doing, sizeof(doing), "no descriptor for domain %u",
		 r->domid);
	fail_call(doing, -1, &attempt, fd);
	return -FAILED;
}

static int start(struct run *r, char **command)
{
	int fd = open_guest(r), err;
	char number[16];

	if (fd < 0)
		return -fd;
	/* The only one that the command is meant to have. */
	if (fcntl(fd, F_SETFD, 0))
		return fail("fd %d: %s", fd, strerror(errno));
	snprintf(number, sizeof(number), "%d", fd);
	setenv(XGM_ENV_FD, number, 1);
	snprintf(number, sizeof(number), "%u", r->domid);
	setenv("XEN_GPUMEM_DOMID", number, 1);
	if (drop_privileges(r))
		return FAILED;
	execvp(command[0], command);
	err = errno;
	if (err == ENOENT)
		return bad("there is no command '%s'", command[0]);
	return fail("%s: %s", command[0], strerror(err));
}

static int add_range(struct run *r, int opt)
{
	struct xen_gpumem_range *range;

	if (r->limits.nr_ranges == XEN_GPUMEM_MAX_RANGES)
		return bad("there can be %u ranges", XEN_GPUMEM_MAX_RANGES);
	range = &r->ranges[r->limits.nr_ranges++];
	if (opt == 'G')
		return parse_refs_range(optarg, range);
	return parse_range(optarg, opt == 'f' ? XEN_GPUMEM_RIGHT_EXPORT_FRAMES :
						XEN_GPUMEM_RIGHT_LEND, range);
}

static int parse_option(struct run *r, int opt, char **argv)
{
	uint64_t n = 0;
	int ret;

	switch (opt) {
	case 'u':
		return parse_user(r, optarg);
	case 'R':
		if (!xgm_rights_parse(optarg, &r->limits.rights))
			return 0;
		return bad("rights are lend, remove, export-grants, export-frames and grant, with commas between, not '%s'",
			   optarg);
	case 'W':
		ret = parse_number("--max-windows", optarg, 1, UINT32_MAX, &n);
		r->limits.max_windows = n;
		return ret;
	case 'B':
		ret = parse_number("--max-bindings", optarg, 1, UINT32_MAX,
				   &n);
		r->limits.max_bindings = n;
		return ret;
	case 'M':
		return parse_bytes("--max-bytes", optarg,
				   &r->limits.max_bytes);
	case 'x':
		ret = parse_number("--max-exports", optarg, 1, UINT32_MAX, &n);
		r->limits.max_exports = n;
		return ret;
	case 'X':
		return parse_bytes("--max-export-bytes", optarg,
				   &r->limits.max_export_bytes);
	case 'n':
		ret = parse_number("--max-grants", optarg, 1, UINT32_MAX, &n);
		r->limits.max_grants = n;
		return ret;
	case 'g':
		return parse_number("--generation", optarg, 1, UINT64_MAX,
				    &r->limits.generation);
	case 'r':
	case 'f':
	case 'G':
		return add_range(r, opt);
	default:
		return bad_option(argv, opt);
	}
}

static int run_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "user", required_argument, NULL, 'u' },
		{ "rights", required_argument, NULL, 'R' },
		{ "max-windows", required_argument, NULL, 'W' },
		{ "max-bindings", required_argument, NULL, 'B' },
		{ "max-bytes", required_argument, NULL, 'M' },
		{ "generation", required_argument, NULL, 'g' },
		{ "range", required_argument, NULL, 'r' },
		{ "ref-range", required_argument, NULL, 'G' },
		{ "frame-range", required_argument, NULL, 'f' },
		{ "max-exports", required_argument, NULL, 'x' },
		{ "max-export-bytes", required_argument, NULL, 'X' },
		{ "max-grants", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	struct run r = {
		.limits = {
			.size = sizeof(r.limits),
			.rights = XEN_GPUMEM_RIGHT_LEND,
		},
	};
	int opt;

	/* What follows DOMID is not ours to read. */
	while ((opt = getopt_long(argc, argv, "+:u:R:W:B:M:g:r:", options,
				  NULL)) != -1)
		if (parse_option(&r, opt, argv))
			return BAD_INPUT;
	if (optind >= argc)
		return want_arguments(argc, argv[0], 2);
	if (parse_domid(argv[optind++], &r.domid))
		return BAD_INPUT;
	while (optind < argc && strcmp(argv[optind], "--")) {
		if (argv[optind][0] != '-')
			break;
		/* Options may follow the guest, too. */
		opt = getopt_long(argc, argv, "+:u:R:W:B:M:g:r:", options,
				  NULL);
		if (opt == -1)
			break;
		if (parse_option(&r, opt, argv))
			return BAD_INPUT;
	}
	if (optind < argc && !strcmp(argv[optind], "--"))
		optind++;
	if (optind >= argc)
		return bad("run: a command is missing: xen-gpumem run DOMID -- COMMAND");
	if (r.limits.nr_ranges)
		r.limits.ranges = r.ranges;
	return start(&r, argv + optind);
}

const struct command run_command = {
	"run", "DOMID [OPTION...] -- COMMAND [ARGUMENT...]",
	"start an unprivileged backend with a descriptor for a guest",
	"COMMAND finds the number of a domain fd in XEN_GPUMEM_FD, and that of the\n"
	"guest in XEN_GPUMEM_DOMID.  The descriptor is all that it needs.\n\n"
	"  -u, --user USER        NAME of /etc/passwd, UID or UID:GID to run it as\n"
	"  -R, --rights RIGHTS    lend (default), remove, export-grants,\n"
	"                         export-frames, grant, or several with commas\n"
	"  -r, --range GPA+BYTES  lend there only; may be given several times, as\n"
	"                         may the next two\n"
	"  --ref-range FIRST+N    export these grant references only\n"
	"  --frame-range GPA+BYTES     export pages there only\n"
	"  -W, --max-windows N    \n"
	"  -B, --max-bindings N   \n"
	"  -M, --max-bytes BYTES  in all bindings together\n"
	"  --max-exports N        at a time\n"
	"  --max-export-bytes BYTES    in them together\n"
	"  --max-grants N         references, at a time\n"
	"  -g, --generation N     only if that is the guest's generation\n",
	run_main,
};
