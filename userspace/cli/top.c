// SPDX-License-Identifier: MIT
/*
 * xen-gpumem top: what goes on, a line for each window, and one for each guest
 * that has several.
 *
 * A frame shows what happened between two looks, so the first one comes after
 * one interval.  Latencies are those of the faults and revocations in between;
 * as the driver counts them in powers of two, a percentile is the end of the
 * slot that it lies in: so many percent took less than that.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "observe.h"

struct what {
	bool json, batch;
	uint64_t count;			/* zero: for ever */
	double delay;
};

/* Of one window, or of all of a guest's, in between. */
struct delta {
	const struct view_domain *d;
	const struct view_window *w;
	bool all;
	double faults, failed, revokes, revoked;	/* per second */
	struct view_time fault, revoke;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

/* --- arithmetic ------------------------------------------------------------ */

static const struct view_domain *before(const struct view *old,
					const struct view_domain *d)
{
	for (size_t i = 0; i < old->nr_domains; i++) {
		const struct view_domain *o = &old->domains[i];

		if (o->domid == d->domid && o->generation == d->generation &&
		    o->attached == d->attached)
			return o;
	}
	return NULL;
}

static const struct view_window *window_of(const struct view_domain *d,
					   uint32_t id)
{
	for (size_t i = 0; d && i < d->nr_windows; i++)
		if (d->windows[i].id == id)
			return &d->windows[i];
	return NULL;
}

/* Another window may have got the number meanwhile. */
static uint64_t more(uint64_t new, uint64_t old)
{
	return new > old ? new - old : 0;
}

/* @o: what it was @s seconds before, or NULL */
static void delta_of(struct delta *delta, const struct view_domain *d,
		     const struct view_window *w, const struct view_window *o,
		     double s)
{
	static const struct view_window none;

	if (!o || o->faults > w->faults || o->mapped > w->mapped)
		o = &none;
	*delta = (struct delta){ .d = d, .w = w, .all = w == &d->all };
	delta->faults = more(w->faults, o->faults) / s;
	delta->failed = more(w->failed, o->failed) / s;
	delta->revokes = more(w->revokes, o->revokes) / s;
	delta->revoked = more(w->revoked, o->revoked) / s;
	for (unsigned int i = 0; i < SLOTS_MAX; i++) {
		delta->fault.slots[i] = more(w->fault.slots[i],
					     o->fault.slots[i]);
		delta->revoke.slots[i] = more(w->revoke.slots[i],
					      o->revoke.slots[i]);
	}
	delta->fault.max_ns = w->fault.max_ns;
	delta->revoke.max_ns = w->revoke.max_ns;
}

/* The driver adds up what was counted; what there is now is added up here. */
static void add_up(struct view_domain *d)
{
	struct view_window *all = &d->all;

	all->asked = true;
	for (size_t i = 0; i < d->nr_windows; i++) {
		const struct view_window *w = &d->windows[i];

		all->bound += w->bound;
		all->lent += w->lent;
		all->io += w->io;
		all->noncacheable += w->noncacheable;
		all->asked = all->asked && w->asked;
	}
}

/* How many there were in between. */
static uint64_t count(const struct view *v, const struct view_time *t)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < v->nr_slots; i++)
		sum += t->slots[i];
	return sum;
}

/* In microseconds; what is longer is all the same, as the last has no end. */
static uint64_t longest(const struct view *v)
{
	return v->nr_slots > 1 ? v->slot_us[v->nr_slots - 2] : 0;
}

/*
 * Below which time @percent lie.  Return: microseconds; 0: nothing happened;
 * UINT64_MAX: not below longest()
 */
static uint64_t percentile(const struct view *v, const struct view_time *t,
			   unsigned int percent)
{
	uint64_t sum = count(v, t), seen = 0;

	if (!sum)
		return 0;
	for (unsigned int i = 0; i + 1 < v->nr_slots; i++) {
		seen += t->slots[i];
		if (seen * 100 >= sum * percent)
			return v->slot_us[i];
	}
	return UINT64_MAX;
}

/* --- text ------------------------------------------------------------------ */

static const char *time_text(char buf[16], uint64_t us)
{
	if (!us)
		return "-";
	if (us == UINT64_MAX)
		return "long";
	return human_time(buf, us);
}

static const char *rate_text(char buf[16], double rate)
{
	if (rate < 10 && rate > 0)
		snprintf(buf, 16, "%.1f", rate);
	else if (rate < 1e5)
		snprintf(buf, 16, "%.0f", rate);
	else
		snprintf(buf, 16, "%.0fk", rate / 1e3);
	return buf;
}

static void tell_line(const struct view *v, const struct delta *d)
{
	char b[11][16], window[16] = "all";

	if (!d->all)
		snprintf(window, sizeof(window), "%u", d->w->id);
	/* 80 columns: a line that is full must not make an empty one. */
	printf("%5u %4s %5s %5s %5s %5s %5s %5s %5s %5s %5s %5s %5s\n",
	       d->d->domid, window, human(b[0], d->w->bound * PAGE),
	       d->w->asked ? human(b[1], (d->w->lent - d->w->io) * PAGE) : "?",
	       d->w->asked ? human(b[2], d->w->io * PAGE) : "?",
	       d->w->asked ? human(b[3], d->w->noncacheable * PAGE) : "?",
	       rate_text(b[4], d->faults), rate_text(b[5], d->revokes),
	       rate_text(b[6], d->failed),
	       time_text(b[7], percentile(v, &d->fault, 50)),
	       time_text(b[8], percentile(v, &d->fault, 99)),
	       time_text(b[9], percentile(v, &d->revoke, 50)),
	       time_text(b[10], percentile(v, &d->revoke, 99)));
}

static void tell_head(const struct what *what, const struct view *v,
		      double seconds)
{
	time_t t = time(NULL);
	char clock[16] = "";
	size_t windows = 0;
	struct tm tm;

	for (size_t i = 0; i < v->nr_domains; i++)
		windows += v->domains[i].nr_windows;
	if (localtime_r(&t, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (!what->batch)
		fputs("\033[H\033[J", stdout);
	printf("%s  %zu guest%s, %zu window%s, in %.1f s", clock,
	       v->nr_domains, plural(v->nr_domains), windows, plural(windows),
	       seconds);
	puts(what->batch ? "" : "   (Ctrl-C ends)");
	printf("%5s %4s %5s %17s %5s %5s %5s %11s %11s\n", "", "", "",
	       "---- lent in ----", "", "", "", "-- fault --",
	       "-- revoke -");
	printf("%5s %4s %5s %5s %5s %5s %5s %5s %5s %5s %5s %5s %5s\n",
	       "GUEST", "WIN", "BOUND", "RAM", "VRAM", "UC/WC", "FLT/s",
	       "REV/s", "ERR/s", "p50<", "p99<", "p50<", "p99<");
}

/* --- JSON ------------------------------------------------------------------ */

/* What is not known is not there; "count" tells whether anything happened. */
static void json_times(struct json *j, const char *key, const struct view *v,
		       const struct view_time *t)
{
	static const unsigned int percents[] = { 50, 90, 99 };
	uint64_t n = count(v, t), us;
	char name[24];

	json_begin(j, key, '{');
	json_number(j, "count", n);
	for (size_t i = 0; n && i < ARRAY_SIZE(percents); i++) {
		us = percentile(v, t, percents[i]);
		snprintf(name, sizeof(name), "p%u_%sus", percents[i],
			 us == UINT64_MAX ? "over_" : "");
		json_number(j, name, us == UINT64_MAX ? longest(v) : us);
	}
	json_number(j, "max_ever_ns", t->max_ns);
	json_end(j, '}');
}

static void json_line(struct json *j, const struct view *v,
		      const struct delta *d)
{
	json_begin(j, NULL, '{');
	json_number(j, "domain", d->d->domid);
	json_number(j, "generation", d->d->generation);
	if (d->all)
		json_number(j, "windows", d->d->nr_windows);
	else
		json_number(j, "window", d->w->id);
	json_number(j, "bound_bytes", d->w->bound * PAGE);
	json_number(j, "lent_bytes", d->w->lent * PAGE);
	if (d->w->asked) {
		json_number(j, "ram_bytes", (d->w->lent - d->w->io) * PAGE);
		json_number(j, "device_bytes", d->w->io * PAGE);
		json_number(j, "noncacheable_bytes",
			    d->w->noncacheable * PAGE);
	}
	json_number(j, "faults", d->w->faults);
	json_number(j, "revokes", d->w->revokes);
	json_real(j, "faults_per_s", d->faults);
	json_real(j, "failed_per_s", d->failed);
	json_real(j, "revokes_per_s", d->revokes);
	json_real(j, "revoked_pages_per_s", d->revoked);
	json_times(j, "fault", v, &d->fault);
	json_times(j, "revoke", v, &d->revoke);
	json_end(j, '}');
}

/* -------------------------------------------------------------------------- */

static void tell_windows(const struct what *what, const struct view *old,
			 const struct view *new, const struct view_domain *d,
			 struct json *j)
{
	const struct view_domain *o = before(old, d);
	double seconds = new->when - old->when;
	struct delta delta;

	for (size_t i = 0; i < d->nr_windows; i++) {
		const struct view_window *w = &d->windows[i];

		delta_of(&delta, d, w, window_of(o, w->id), seconds);
		if (what->json)
			json_line(j, new, &delta);
		else
			tell_line(new, &delta);
	}
}

static void tell_all(const struct what *what, const struct view *old,
		     const struct view *new, struct view_domain *d,
		     struct json *j)
{
	const struct view_domain *o = before(old, d);
	struct delta delta;

	/* What is only named has never had windows. */
	if (!d->has_all || !d->attached)
		return;
	add_up(d);
	delta_of(&delta, d, &d->all, o ? &o->all : NULL,
		 new->when - old->when);
	if (what->json)
		json_line(j, new, &delta);
	else if (d->nr_windows > 1)
		tell_line(new, &delta);
}

static void tell_text(const struct what *what, const struct view *old,
		      struct view *new)
{
	tell_head(what, new, new->when - old->when);
	for (size_t i = 0; i < new->nr_domains; i++) {
		tell_windows(what, old, new, &new->domains[i], NULL);
		tell_all(what, old, new, &new->domains[i], NULL);
	}
	if (what->batch)
		putchar('\n');
}

static void tell_json(const struct what *what, const struct view *old,
		      struct view *new)
{
	struct json j = { .out = stdout };

	json_begin(&j, NULL, '{');
	json_real(&j, "seconds", new->when - old->when);
	json_begin(&j, "windows", '[');
	for (size_t i = 0; i < new->nr_domains; i++)
		tell_windows(what, old, new, &new->domains[i], &j);
	json_end(&j, ']');
	json_begin(&j, "domains", '[');
	for (size_t i = 0; i < new->nr_domains; i++)
		tell_all(what, old, new, &new->domains[i], &j);
	json_end(&j, ']');
	json_end(&j, '}');
}

static void tell(const struct what *what, const struct view *old,
		 struct view *new)
{
	if (what->json)
		tell_json(what, old, new);
	else
		tell_text(what, old, new);
	fflush(stdout);
}

static void wait_for(double seconds)
{
	struct timespec ts = { seconds, (seconds - (time_t)seconds) * 1e9 };

	while (!stop && nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static int watch(const struct what *what)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct view old, new;
	int ret;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	ret = view_take(&old);
	for (uint64_t n = 0; !ret && (!what->count || n < what->count); n++) {
		wait_for(what->delay);
		if (stop)
			break;
		ret = view_take(&new);
		if (!ret)
			tell(what, &old, &new);
		view_free(&old);
		old = new;
	}
	view_free(&old);
	return ret;
}

static int top_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "batch", no_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		{ "delay", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	struct what what = { .delay = 1, .batch = !isatty(1) };
	int opt, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, ":jbn:d:", options,
					  NULL)) != -1) {
		switch (opt) {
		case 'j':
			what.json = true;
			break;
		case 'b':
			what.batch = true;
			break;
		case 'n':
			ret = parse_number("the count", optarg, 1, 1000000000,
					   &what.count);
			break;
		case 'd':
			ret = parse_seconds("the delay", optarg, &what.delay);
			break;
		default:
			ret = bad_option(argv, opt);
		}
	}
	if (ret || want_arguments(argc, argv[0], 0))
		return BAD_INPUT;
	return watch(&what);
}

const struct command top_command = {
	"top", "[-n COUNT] [-d SECONDS] [--batch] [--json]",
	"faults, revokes and what is lent, live",
	"A line for each window, and one for all of a guest's where it has several:\n"
	"what is bound in it; what the guest has of it now, in RAM and in device\n"
	"memory (VRAM), and how much of both is not cacheable;\n"
	"faults, revocations and failures per second; below which time half of them,\n"
	"and 99 in 100, were done.\n\n"
	"  -n, --count COUNT    end after so many frames\n"
	"  -d, --delay SECONDS  between frames (default 1)\n"
	"  -b, --batch          one frame below the other, as when it is piped\n"
	"  -j, --json           an object a line for each frame\n",
	top_main,
};
