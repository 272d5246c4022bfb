// SPDX-License-Identifier: MIT
/*
 * xen-gpumem lend: put a file behind a range of guest addresses until it is
 * interrupted, and tell what happens meanwhile.
 *
 * The descriptor that it works with is made for this one range.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli.h"

struct lend {
	uint16_t domid;
	uint64_t gpa;
	const char *name;
	uint64_t offset, length;
	uint32_t flags, policy, holes;
	bool populate, json;
	int file, fd;
	uint32_t window;
	uint64_t generation;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* --- what ------------------------------------------------------------------ */

static int open_memory(struct lend *l, const char *size)
{
	uint64_t bytes;

	if (parse_bytes("the size of a memfd", size, &bytes))
		return BAD_INPUT;
	l->file = memfd_create("xen-gpumem", MFD_CLOEXEC);
	if (l->file < 0 || ftruncate(l->file, bytes))
		return fail("%s: %s", l->name, strerror(errno));
	if (!l->length)
		l->length = bytes;
	return 0;
}

/*
 * A descriptor that was inherited: the only way to name what has no path, a
 * buffer of a GPU (dma-buf) above all.
 */
static int adopt_file(struct lend *l, const char *text)
{
	uint64_t n;

	if (parse_number("the descriptor of fd:N", text, 0, INT_MAX, &n))
		return BAD_INPUT;
	l->file = n;
	if (fcntl(l->file, F_SETFD, FD_CLOEXEC))
		return bad("%s: this process has inherited no such descriptor",
			   l->name);
	return 0;
}

static int open_path(struct lend *l)
{
	bool readonly = l->flags & XEN_GPUMEM_BIND_READONLY;

	l->file = open(l->name, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (l->file >= 0)
		return 0;
	return bad("%s: %s%s", l->name, strerror(errno),
		   errno == EACCES && !readonly ?
		   " (--readonly needs less)" : "");
}

/* In place of a graphics card a buffer of its own, made for this. */
static int make_buffer(struct lend *l)
{
	int card = l->file;

	if (!l->length)
		return bad("%s is a graphics card: --length says how large a buffer it is to make",
			   l->name);
	if (l->offset)
		return bad("%s is a graphics card: its buffer is new, and has no --offset",
			   l->name);
	l->file = card_buffer(card, l->length);
	close(card);
	if (l->file >= 0)
		return 0;
	return fail("%s: the graphics card makes no such buffer: %s", l->name,
		    strerror(-l->file));
}

/* Regular files and dma-bufs have an end; most devices have none. */
static int find_length(struct lend *l)
{
	off_t at = lseek(l->file, 0, SEEK_CUR);
	off_t end = lseek(l->file, 0, SEEK_END);

	/* Whoever gave us the file may be in the middle of it. */
	if (at >= 0)
		lseek(l->file, at, SEEK_SET);
	if (end <= 0)
		return bad("%s is empty, or does not say how long it is: use --length",
			   l->name);
	if ((uint64_t)end < l->offset + PAGE)
		return bad("%s: there is no whole page from 0x%llx on",
			   l->name, (ull)l->offset);
	/* A page that the file ends in is lent with zeroes at its end. */
	l->length = (end - l->offset + PAGE - 1) & ~(PAGE - 1);
	return 0;
}

static int open_file(struct lend *l)
{
	bool inherited = !strncmp(l->name, "fd:", 3);
	int ret;

	if (!strncmp(l->name, "memfd:", 6))
		return open_memory(l, l->name + 6);
	ret = inherited ? adopt_file(l, l->name + 3) : open_path(l);
	if (ret)
		return ret;
	/* Who opened an inherited one may have buffers there, at offsets. */
	if (!inherited && card_is(l->file))
		return make_buffer(l);
	return l->length ? 0 : find_length(l);
}

/* --- lending --------------------------------------------------------------- */

static int open_guest(struct lend *l)
{
	const struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_LEND, .first = l->gpa,
		.length = l->length,
	};
	const struct xgm_limits limits = {
		.size = sizeof(limits), .rights = XEN_GPUMEM_RIGHT_LEND,
		.max_windows = 1, .max_bindings = 1,
		.ranges = &range, .nr_ranges = 1,
	};
	const struct xgm_attempt attempt = {
		.size = sizeof(attempt), .call = XGM_CALL_DOMAIN_OPEN,
		.domid = l->domid, .limits = &limits,
	};
	char doing[64];
	int node = xgm_node_open();

	if (node < 0)
		return fail_node(node);
	l->fd = xgm_domain_open(node, l->domid, &limits, &l->generation);
	close(node);
	if (l->fd >= 0)
		return 0;
	snprintf(doing, sizeof(doing), "cannot lend to domain %u", l->domid);
	return fail_call(doing, -1, &attempt, l->fd);
}

static int add_window(struct lend *l)
{
	struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_WINDOW_ADD, .gpa = l->gpa,
		.length = l->length, .policy = l->holes,
	};
	int ret;

	ret = xgm_window_add(l->fd, l->gpa, l->length, l->holes, &l->window);
	return ret ? fail_call("no window there", l->fd, &a, ret) : 0;
}

static int bind_file(struct lend *l)
{
	struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_BIND_FD,
		.window = l->window, .length = l->length, .flags = l->flags,
		.policy = l->policy, .source = l->file, .address = l->offset,
	};
	int ret;

	ret = xgm_bind_fd(l->fd, l->window, 0, l->length, l->file, l->offset,
			  l->flags, l->policy);
	return ret ? fail_call(l->name, l->fd, &a, ret) : 0;
}

static int populate(struct lend *l)
{
	struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_POPULATE,
		.window = l->window, .length = l->length,
	};
	uint64_t done;
	int ret;

	if (!l->populate)
		return 0;
	ret = xgm_populate(l->fd, l->window, 0, l->length, 0, &done);
	a.offset = done;
	return ret ? fail_call("cannot populate", l->fd, &a, ret) : 0;
}

/* --- telling --------------------------------------------------------------- */

static void tell_begin(const struct lend *l)
{
	struct json j = { .out = stdout };
	char size[16];

	if (!l->json) {
		printf("domain %u has %s of %s at 0x%llx (Ctrl-C ends it)\n",
		       l->domid, human(size, l->length), l->name,
		       (ull)l->gpa);
		fflush(stdout);
		return;
	}
	json_begin(&j, NULL, '{');
	json_string(&j, "what", "begin");
	json_number(&j, "domain", l->domid);
	json_number(&j, "generation", l->generation);
	json_number(&j, "window", l->window);
	json_number(&j, "address", l->gpa);
	json_number(&j, "bytes", l->length);
	json_string(&j, "file", l->name);
	json_number(&j, "file_offset", l->offset);
	json_bool(&j, "readonly", l->flags & XEN_GPUMEM_BIND_READONLY);
	json_end(&j, '}');
}

static void json_event(const struct xen_gpumem_event *e)
{
	const char *type = xgm_event_name(e->type);
	const char *error = xgm_errno_name(e->error);
	struct json j = { .out = stdout };
	char access[32];

	json_begin(&j, NULL, '{');
	json_string(&j, "what", "event");
	json_string(&j, "type", type ? type : "?");
	json_number(&j, "count", e->count);
	if (e->type == XEN_GPUMEM_EVENT_FAULT ||
	    e->type == XEN_GPUMEM_EVENT_ORPHAN) {
		json_number(&j, "offset", e->offset);
		json_number(&j, "bytes", e->length);
	}
	if (e->type == XEN_GPUMEM_EVENT_FAULT) {
		xgm_access_format(e->access, access, sizeof(access));
		json_string(&j, "access", access);
		json_string(&j, "error", error ? error : "?");
	}
	json_end(&j, '}');
}

static void tell_event(const struct lend *l, const struct xen_gpumem_event *e)
{
	char text[512];

	if (l->json) {
		json_event(e);
		return;
	}
	xgm_event_format(e, text, sizeof(text));
	puts(text);
	fflush(stdout);
}

static void json_counters(struct json *j,
			  const struct xen_gpumem_window_query *q)
{
	json_number(j, "faults", q->out_faults);
	json_number(j, "failed", q->out_failed);
	json_number(j, "mapped_pages", q->out_mapped);
	json_number(j, "revokes", q->out_revokes);
	json_number(j, "revoked_pages", q->out_revoked);
	json_number(j, "fault_max_ns", q->out_fault_ns_max);
	json_number(j, "revoke_max_ns", q->out_revoke_ns_max);
}

static void tell_end(const struct lend *l)
{
	struct json j = { .out = stdout };
	struct xen_gpumem_window_query q;
	bool known;

	known = !xgm_window_query(l->fd, l->window, 0, 0, &q, sizeof(q));
	if (l->json) {
		json_begin(&j, NULL, '{');
		json_string(&j, "what", "end");
		if (known)
			json_counters(&j, &q);
		json_end(&j, '}');
	} else if (known) {
		printf("faults %llu, failed %llu, pages lent %llu, revokes %llu\n",
		       (ull)q.out_faults, (ull)q.out_failed,
		       (ull)q.out_mapped, (ull)q.out_revokes);
	}
}

/* -------------------------------------------------------------------------- */

/* Until a signal comes, or the guest goes. */
static int watch(struct lend *l)
{
	struct xen_gpumem_event event;
	int ret;

	while (!stop) {
		/* Wakes up now and then: a signal may have come before. */
		ret = xgm_event_get(l->fd, &event, sizeof(event), 500);
		if (ret == -EINTR || ret == -ETIMEDOUT)
			continue;
		if (ret < 0)
			return fail("events: %s",
				    xgm_strerror(XGM_CALL_EVENT_READ, ret));
		if (!ret)
			return 0;
		tell_event(l, &event);
		if (event.type == XEN_GPUMEM_EVENT_GONE)
			return 0;
	}
	return 0;
}

static int lend(struct lend *l)
{
	struct sigaction action = { .sa_handler = on_signal };
	int ret;

	ret = open_file(l);
	if (!ret)
		ret = open_guest(l);
	if (!ret)
		ret = add_window(l);
	if (!ret)
		ret = bind_file(l);
	if (!ret)
		ret = populate(l);
	if (ret)
		return ret;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	tell_begin(l);
	ret = watch(l);
	tell_end(l);
	close(l->fd);
	return ret;
}

/* --- what was asked for ---------------------------------------------------- */

static int parse_option(struct lend *l, int opt, char **argv)
{
	switch (opt) {
	case 'r':
		l->flags |= XEN_GPUMEM_BIND_READONLY;
		return 0;
	case 'w':
		l->flags |= XEN_GPUMEM_BIND_WRITE_FIRST;
		return 0;
	case 'P':
		l->populate = true;
		return 0;
	case 'o':
		return parse_address("the offset", optarg, &l->offset);
	case 'l':
		return parse_bytes("the length", optarg, &l->length);
	case 'j':
		l->json = true;
		return 0;
	case 'H':
		return parse_policy(optarg, &l->holes);
	case 'p':
		if (parse_policy(optarg, &l->policy))
			return BAD_INPUT;
		if (l->policy != XEN_GPUMEM_POLICY_MMIO)
			return 0;
		return bad("what is bound fails by inject or zero; mmio is for holes (--holes)");
	default:
		return bad_option(argv, opt);
	}
}

static int lend_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "readonly", no_argument, NULL, 'r' },
		{ "write-first", no_argument, NULL, 'w' },
		{ "populate", no_argument, NULL, 'P' },
		{ "offset", required_argument, NULL, 'o' },
		{ "length", required_argument, NULL, 'l' },
		{ "policy", required_argument, NULL, 'p' },
		{ "holes", required_argument, NULL, 'H' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	struct lend l = { .holes = XEN_GPUMEM_POLICY_MMIO };
	int opt;

	while ((opt = getopt_long(argc, argv, ":rwPjo:l:p:H:", options,
				  NULL)) != -1)
		if (parse_option(&l, opt, argv))
			return BAD_INPUT;
	if (want_arguments(argc, argv[0], 3) ||
	    parse_domid(argv[optind], &l.domid) ||
	    parse_address("GPA", argv[optind + 1], &l.gpa))
		return BAD_INPUT;
	l.name = argv[optind + 2];
	return lend(&l);
}

const struct command lend_command = {
	"lend", "[OPTION...] DOMID GPA FILE",
	"lend a file to a guest until interrupted, and tell events",
	"The guest sees FILE from address GPA on, where it must not have RAM.  FILE\n"
	"can be memfd:SIZE for fresh memory; /dev/dri/cardN for a new buffer of that\n"
	"card's, of --length; or fd:N for what the caller has open: a buffer of a GPU,\n"
	"say, which has no name (dma-buf).\n\n"
	"  -o, --offset BYTES    begin there in FILE\n"
	"  -l, --length BYTES    (default: to the end of FILE)\n"
	"  -r, --readonly        the guest may not write\n"
	"  -w, --write-first     fault in for writing at once\n"
	"  -P, --populate        give the guest all pages now\n"
	"  -p, --policy POLICY   where FILE has nothing: inject (default), zero\n"
	"  -H, --holes POLICY    where nothing is bound: mmio (default), inject, zero\n"
	"  -j, --json            for programs: an object a line\n",
	lend_main,
};
