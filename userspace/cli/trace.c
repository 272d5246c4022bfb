// SPDX-License-Identifier: MIT
/*
 * xen-gpumem trace: what the driver does for a guest, one thing after the other.
 *
 * What the trace points say, in words of 80 columns or as an object a line, as
 * it happens; at the end, how much of it was lost, as who reads too slowly
 * makes neither the guest nor the driver wait.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "tracing.h"

#define BUFFER		(1ULL << 20)
#define BUFFER_MAX	(1ULL << 30)
#define LOOK_NS		100000000

/* Bits of the driver's that are not those of its interface. */
#define ACCESS_WALK	(1U << 3)
#define ACCESS_EMUL	(1U << 4)
#define ATTR_WRITE	(1U << 0)
#define ATTR_NC		(1U << 1)

struct trace {
	struct tracing_want want;
	bool json;
	uint64_t told;			/* records */
	uint64_t strange;		/* lines that were not understood */
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* --- what both forms tell -------------------------------------------------- */

/* The driver's errors are negative, an event's is not.  NULL: there is none */
static const char *error_of(uint64_t ret)
{
	const char *name = xgm_errno_name((int)ret);

	if (!ret)
		return NULL;
	return name ? name : "an error without a name";
}

static const char *access_of(const struct record *r)
{
	if (r->access & ACCESS_WALK)
		return "walk";
	if (r->access & XEN_GPUMEM_ACCESS_WRITE)
		return "write";
	return r->access & XEN_GPUMEM_ACCESS_EXEC ? "exec" : "read";
}

static bool parked(const struct record *r)
{
	return r->gfn == UINT64_MAX;
}

/* --- text ------------------------------------------------------------------ */

/* ": ERROR", or nothing */
static void tell_error(uint64_t ret)
{
	const char *error = error_of(ret);

	if (error)
		printf(": %s", error);
}

static void tell_range(uint64_t at, uint64_t length)
{
	char size[16];

	printf("0x%llx +%s", (ull)at, human(size, length));
}

static void tell_fault(const struct record *r)
{
	char time[16];

	printf("vCPU %llu %s 0x%llx in %s", (ull)r->vcpu, access_of(r),
	       (ull)(r->index * PAGE), human_time(time, r->ns / 1000));
	tell_error(r->ret);
}

static void tell_map(const struct record *r)
{
	char size[16];

	tell_range(r->index * PAGE, r->done * PAGE);
	if (r->done != r->frames)
		printf(" of %s", human(size, r->frames * PAGE));
	printf(" at frame 0x%llx %s%s", (ull)r->frame,
	       r->attr & ATTR_WRITE ? "rw" : "ro",
	       r->attr & ATTR_NC ? " nc" : "");
	tell_error(r->ret);
}

static void tell_revoke(const struct record *r)
{
	char size[16], time[16];

	tell_range(r->index * PAGE, r->nr * PAGE);
	printf(": %s %s in %s", human(size, r->cleared * PAGE),
	       r->downgrade ? "read-only" : "taken",
	       human_time(time, r->ns / 1000));
	tell_error(r->ret);
}

static void tell_event(const struct record *r)
{
	switch (r->type) {
	case XEN_GPUMEM_EVENT_FAULT:
		tell_range(r->offset, r->length);
		printf(" %s", access_of(r));
		tell_error(r->error);
		break;
	case XEN_GPUMEM_EVENT_ORPHAN:
		tell_range(r->offset, r->length);
		fputs(": its process is gone", stdout);
		break;
	case XEN_GPUMEM_EVENT_GONE:
		fputs("the guest is gone", stdout);
		break;
	default:
		printf("of unknown type %llu", (ull)r->type);
	}
}

static void tell_window(const struct record *r)
{
	char size[16];

	if (parked(r))
		fputs("parked", stdout);
	else
		printf("at 0x%llx", (ull)(r->gfn * PAGE));
	printf(" +%s", human(size, r->nr * PAGE));
}

static void tell_binding(const struct record *r)
{
	tell_range(r->index * PAGE, r->nr * PAGE);
	printf(" at 0x%llx%s%s", (ull)r->address,
	       r->flags & XEN_GPUMEM_BIND_READONLY ? ", read-only" : "",
	       r->flags & XEN_GPUMEM_BIND_WRITE_FIRST ? ", write-first" : "");
}

static void tell_lost(const struct record *r)
{
	if (r->lost)
		printf("-- %llu record%s lost on CPU %u --\n", (ull)r->lost,
		       plural(r->lost), r->cpu);
	else
		printf("-- records lost on CPU %u --\n", r->cpu);
}

static void tell(const struct record *r)
{
	if (r->kind == RECORD_LOST) {
		tell_lost(r);
		return;
	}
	printf("%6llu.%06llu %5llu %6llu %-6s ", (ull)(r->us / 1000000),
	       (ull)(r->us % 1000000), (ull)r->dom, (ull)r->window,
	       record_name(r->kind));
	switch (r->kind) {
	case RECORD_FAULT:
		tell_fault(r);
		break;
	case RECORD_MAP:
		tell_map(r);
		break;
	case RECORD_REVOKE:
		tell_revoke(r);
		break;
	case RECORD_EVENT:
		tell_event(r);
		break;
	case RECORD_BIND:
	case RECORD_UNBIND:
		tell_binding(r);
		break;
	default:
		tell_window(r);
	}
	putchar('\n');
}

/* --- JSON ------------------------------------------------------------------ */

static void json_error(struct json *j, uint64_t ret)
{
	const char *error = error_of(ret);

	if (error)
		json_string(j, "error", error);
}

static void json_range(struct json *j, uint64_t at, uint64_t length)
{
	json_number(j, "offset", at);
	json_number(j, "bytes", length);
}

static void json_fault(struct json *j, const struct record *r)
{
	json_number(j, "vcpu", r->vcpu);
	json_number(j, "offset", r->index * PAGE);
	json_string(j, "access", access_of(r));
	json_bool(j, "emulated", r->access & ACCESS_EMUL);
	json_number(j, "took_ns", r->ns);
	json_error(j, r->ret);
}

static void json_map(struct json *j, const struct record *r)
{
	json_range(j, r->index * PAGE, r->done * PAGE);
	json_number(j, "wanted_bytes", r->frames * PAGE);
	json_number(j, "frame", r->frame);
	json_bool(j, "writable", r->attr & ATTR_WRITE);
	json_bool(j, "noncacheable", r->attr & ATTR_NC);
	json_error(j, r->ret);
}

static void json_revoke(struct json *j, const struct record *r)
{
	json_range(j, r->index * PAGE, r->nr * PAGE);
	json_number(j, "taken_bytes", r->cleared * PAGE);
	json_bool(j, "only_writing", r->downgrade);
	json_number(j, "took_ns", r->ns);
	json_error(j, r->ret);
}

static void json_event(struct json *j, const struct record *r)
{
	const char *type = xgm_event_name(r->type);

	json_string(j, "type", type ? type : "?");
	if (r->type != XEN_GPUMEM_EVENT_FAULT &&
	    r->type != XEN_GPUMEM_EVENT_ORPHAN)
		return;
	json_range(j, r->offset, r->length);
	if (r->type == XEN_GPUMEM_EVENT_FAULT)
		json_string(j, "access", access_of(r));
	json_error(j, r->error);
}

static void json_window(struct json *j, const struct record *r)
{
	if (parked(r))
		json_null(j, "address");
	else
		json_number(j, "address", r->gfn * PAGE);
	json_number(j, "bytes", r->nr * PAGE);
}

static void json_binding(struct json *j, const struct record *r)
{
	json_range(j, r->index * PAGE, r->nr * PAGE);
	json_number(j, "address", r->address);
	json_bool(j, "readonly", r->flags & XEN_GPUMEM_BIND_READONLY);
	json_bool(j, "write_first", r->flags & XEN_GPUMEM_BIND_WRITE_FIRST);
}

static void json_members(struct json *j, const struct record *r)
{
	json_number(j, "time_us", r->us);
	json_number(j, "pid", r->pid);
	json_number(j, "domain", r->dom);
	json_number(j, "window", r->window);
	switch (r->kind) {
	case RECORD_FAULT:
		json_fault(j, r);
		break;
	case RECORD_MAP:
		json_map(j, r);
		break;
	case RECORD_REVOKE:
		json_revoke(j, r);
		break;
	case RECORD_EVENT:
		json_event(j, r);
		break;
	case RECORD_BIND:
	case RECORD_UNBIND:
		json_binding(j, r);
		break;
	default:
		json_window(j, r);
	}
}

static void tell_json(const struct record *r)
{
	struct json j = { .out = stdout };

	json_begin(&j, NULL, '{');
	json_string(&j, "what", record_name(r->kind));
	json_number(&j, "cpu", r->cpu);
	if (r->kind != RECORD_LOST)
		json_members(&j, r);
	else if (r->lost)
		json_number(&j, "records", r->lost);
	json_end(&j, '}');
}

/* --- beginning and end ----------------------------------------------------- */

static void tell_begin(const struct trace *t)
{
	struct json j = { .out = stdout };

	if (t->json) {
		json_begin(&j, NULL, '{');
		json_string(&j, "what", "begin");
		json_end(&j, '}');
		return;
	}
	if (t->want.domid < 0)
		fputs("tracing all guests", stdout);
	else
		printf("tracing domain %d", t->want.domid);
	if (t->want.window >= 0)
		printf(", window %" PRId64, t->want.window);
	puts(" (Ctrl-C ends)");
	printf("%13s %5s %6s %-6s %s\n", "SECONDS", "GUEST", "WINDOW", "WHAT",
	       "OFFSET AND SIZE");
	fflush(stdout);
}

static void tell_end(const struct trace *t, uint64_t lost)
{
	struct json j = { .out = stdout };

	if (t->json) {
		json_begin(&j, NULL, '{');
		json_string(&j, "what", "end");
		json_number(&j, "records", t->told);
		json_number(&j, "lost", lost);
		json_number(&j, "not_understood", t->strange);
		json_end(&j, '}');
		return;
	}
	printf("%llu record%s; ", (ull)t->told, plural(t->told));
	if (!lost)
		fputs("none was lost", stdout);
	else
		printf("%llu %s lost (a larger --buffer holds more)",
		       (ull)lost, lost == 1 ? "was" : "were");
	if (t->strange)
		printf("; %llu line%s not understood", (ull)t->strange,
		       plural(t->strange));
	putchar('\n');
	fflush(stdout);
}

/* --- following ------------------------------------------------------------- */

static void on_line(void *arg, const char *line)
{
	struct trace *t = arg;
	struct record r;
	int ret = record_parse(line, &r);

	if (ret <= 0) {
		t->strange += ret < 0;
		return;
	}
	t->told += r.kind != RECORD_LOST;
	if (t->json)
		tell_json(&r);
	else
		tell(&r);
}

/* What there is.  Return: 0 or FAILED */
static int drain(struct trace *t, struct tracing *tracing)
{
	int ret;

	do {
		ret = tracing_read(tracing, on_line, t);
		if (fflush(stdout) || ferror(stdout))
			return fail("what was traced cannot be written: %s",
				    strerror(errno));
	} while (ret > 0 && !stop);
	return ret < 0 ? fail("the trace cannot be read: %s", strerror(-ret)) :
	       0;
}

static int follow(struct trace *t, struct tracing *tracing)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };
	int ret;

	while (!(ret = drain(t, tracing)) && !stop) {
		if (!tracing_goes_on(tracing))
			return fail("the trace has ended: the module xen-gpumem was unloaded, or somebody switched its trace points off");
		nanosleep(&look, NULL);
	}
	return ret;
}

static int trace(struct trace *t)
{
	struct sigaction action = {
		.sa_handler = on_signal, .sa_flags = SA_RESTART,
	};
	struct tracing tracing;
	int ret, end;

	/* Whatever ends us, what was made is removed. */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	ret = tracing_begin(&tracing, &t->want);
	if (!ret) {
		tell_begin(t);
		ret = follow(t, &tracing);
		tracing_stop(&tracing);
	}
	if (!ret) {
		/* The rest, which has an end now. */
		stop = 0;
		ret = drain(t, &tracing);
	}
	if (!ret)
		tell_end(t, tracing_lost(&tracing));
	end = tracing_end(&tracing);
	return ret ? ret : end;
}

/* --- what was asked for ---------------------------------------------------- */

static int parse_option(struct trace *t, int opt, char **argv)
{
	uint64_t n;

	switch (opt) {
	case 'j':
		t->json = true;
		return 0;
	case 'w':
		if (parse_number("the window", optarg, 0, UINT32_MAX, &n))
			return BAD_INPUT;
		t->want.window = n;
		return 0;
	case 'b':
		if (parse_bytes("the buffer", optarg, &t->want.buffer))
			return BAD_INPUT;
		if (t->want.buffer <= BUFFER_MAX)
			return 0;
		return bad("the buffer is for each CPU, and 1G at most, not '%s'",
			   optarg);
	default:
		return bad_option(argv, opt);
	}
}

static int trace_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "window", required_argument, NULL, 'w' },
		{ "buffer", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	struct trace t = {
		.want = { .domid = -1, .window = -1, .buffer = BUFFER },
	};
	uint16_t domid;
	int opt;

	while ((opt = getopt_long(argc, argv, ":jw:b:", options, NULL)) != -1)
		if (parse_option(&t, opt, argv))
			return BAD_INPUT;
	if (optind < argc) {
		if (parse_domid(argv[optind++], &domid))
			return BAD_INPUT;
		t.want.domid = domid;
	}
	if (want_arguments(argc, argv[0], 0))
		return BAD_INPUT;
	if (t.want.window >= 0 && t.want.domid < 0)
		return bad("trace: --window needs DOMID: each guest has numbers of its own");
	return trace(&t);
}

const struct command trace_command = {
	"trace", "[--window ID] [--buffer BYTES] [--json] [DOMID]",
	"faults, maps, revokes and calls, one by one, as they happen",
	"A line for each fault of a guest (or of DOMID), each piece of memory that it\n"
	"gets and that is taken from it, each event, and each call about windows and\n"
	"bindings; at the end, how many could not be told.\n\n"
	"  -w, --window ID      only of this window\n"
	"  -b, --buffer BYTES   that the kernel keeps for each CPU (default 1M)\n"
	"  -j, --json           an object a line\n",
	trace_main,
};
