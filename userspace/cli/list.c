// SPDX-License-Identifier: MIT
/*
 * xen-gpumem list: which guests have windows, what is bound in them, and which
 * processes hold the descriptors; which of their pages are exported, and who has
 * those (list-export.c); what is granted to them (list-grant.c).
 */
#include <stdlib.h>

#include "observe.h"

struct what {
	bool json, bindings;
	bool only;
	uint16_t domid;
};

/* --- text ------------------------------------------------------------------ */

void tell_use(const char *what, const struct xgm_use *use)
{
	if (use->limit == XGM_NO_LIMIT)
		printf("%llu %s%s", (ull)use->used, what, plural(use->used));
	else
		printf("%llu of %llu %s%s", (ull)use->used, (ull)use->limit,
		       what, plural(use->limit));
}

void tell_bytes(const struct xgm_use *use)
{
	char used[16], limit[16];

	human(used, use->used);
	if (use->limit == XGM_NO_LIMIT)
		printf(", %s in them", used);
	else
		printf(", %s of %s in them", used, human(limit, use->limit));
}

static void tell_lending(const struct view_holder *h)
{
	fputs("    ", stdout);
	tell_use("window", &h->usage.windows);
	fputs(", ", stdout);
	tell_use("binding", &h->usage.bindings);
	tell_bytes(&h->usage.bytes);
	if (h->usage.events)
		printf(", %u event%s unread", h->usage.events,
		       plural(h->usage.events));
	putchar('\n');
}

static void tell_holder(const struct view_holder *h)
{
	char rights[80], comm[64];

	xgm_rights_format(h->usage.rights, rights, sizeof(rights));
	printf("  held by %s, process %d, as fd %d: may %s\n",
	       plain(comm, h->comm), h->pid, h->fd, rights);
	if (h->usage.rights & RIGHTS_LEND)
		tell_lending(h);
	tell_exports(h);
	tell_grants(h);
}

static void tell_window(const struct view_window *w)
{
	const char *policy = xgm_policy_name(w->policy);
	char size[16], bound[16], lent[16], io[16], nc[16];

	printf("  window %u ", w->id);
	if (view_parked(w))
		fputs("parked", stdout);
	else
		printf("at 0x%llx", (ull)(w->gfn * PAGE));
	printf(", %s, holes %s", human(size, w->pages * PAGE),
	       policy ? policy : "?");
	if (w->asked)
		printf(", of process %d", w->owner);
	printf("\n    %llu binding%s of %s; the guest has %s",
	       (ull)w->bindings, plural(w->bindings),
	       human(bound, w->bound * PAGE), human(lent, w->lent * PAGE));
	if (w->asked)
		printf(", %s in device memory, %s not cacheable",
		       human(io, w->io * PAGE),
		       human(nc, w->noncacheable * PAGE));
	printf("\n    %llu fault%s, %llu failed; %llu revoke%s of %llu page%s\n",
	       (ull)w->faults, plural(w->faults), (ull)w->failed,
	       (ull)w->revokes, plural(w->revokes), (ull)w->revoked,
	       plural(w->revoked));
}

static void tell_binding(const struct view_binding *b)
{
	const char *policy = xgm_policy_name(b->policy);
	char size[16], lent[16];

	printf("    0x%llx +%s: %s at 0x%llx%s%s, else %s; %s lent\n",
	       (ull)(b->index * PAGE), human(size, b->pages * PAGE),
	       b->file ? "file" : "addresses", (ull)b->address,
	       b->flags & XEN_GPUMEM_BIND_READONLY ? ", read-only" : "",
	       b->flags & XEN_GPUMEM_BIND_WRITE_FIRST ? ", write-first" : "",
	       policy ? policy : "?", human(lent, b->lent * PAGE));
}

static void tell_domain(const struct view_domain *d, const struct what *what)
{
	printf("domain %u, generation %llu%s: %u descriptor%s, %zu window%s\n",
	       d->domid, (ull)d->generation,
	       d->attached ? "" : " (only named, no lending)", d->files,
	       plural(d->files), d->nr_windows, plural(d->nr_windows));
	for (size_t i = 0; i < d->nr_holders; i++)
		tell_holder(&d->holders[i]);
	for (size_t i = 0; i < d->nr_windows; i++) {
		tell_window(&d->windows[i]);
		for (size_t k = 0; what->bindings && k < d->nr_bindings; k++)
			if (d->bindings[k].window == d->windows[i].id)
				tell_binding(&d->bindings[k]);
	}
}

/* --- JSON ------------------------------------------------------------------ */

void json_use(struct json *j, const char *key, const struct xgm_use *use)
{
	json_begin(j, key, '{');
	json_number(j, "used", use->used);
	if (use->limit == XGM_NO_LIMIT)
		json_null(j, "limit");
	else
		json_number(j, "limit", use->limit);
	json_end(j, '}');
}

static void json_holder(struct json *j, const struct view_holder *h)
{
	char rights[80];

	xgm_rights_format(h->usage.rights, rights, sizeof(rights));
	json_begin(j, NULL, '{');
	json_number(j, "pid", h->pid);
	json_number(j, "fd", h->fd);
	json_string(j, "command", h->comm);
	json_string(j, "rights", rights);
	json_bool(j, "alive", h->usage.alive);
	json_number(j, "ranges", h->usage.ranges);
	json_number(j, "events", h->usage.events);
	json_use(j, "windows", &h->usage.windows);
	json_use(j, "bindings", &h->usage.bindings);
	json_use(j, "bytes", &h->usage.bytes);
	json_use(j, "grants", &h->usage.grants);
	json_exports(j, h);
	json_end(j, '}');
}

static void json_counters(struct json *j, const struct view_window *w)
{
	json_number(j, "faults", w->faults);
	json_number(j, "failed", w->failed);
	json_number(j, "retries", w->retries);
	json_number(j, "mapped_pages", w->mapped);
	json_number(j, "revokes", w->revokes);
	json_number(j, "revoked_pages", w->revoked);
	json_number(j, "downgraded_pages", w->downgraded);
	json_number(j, "fault_max_ns", w->fault.max_ns);
	json_number(j, "revoke_max_ns", w->revoke.max_ns);
}

static void json_window(struct json *j, const struct view_window *w)
{
	const char *policy = xgm_policy_name(w->policy);

	json_begin(j, NULL, '{');
	json_number(j, "window", w->id);
	if (view_parked(w))
		json_null(j, "address");
	else
		json_number(j, "address", w->gfn * PAGE);
	json_number(j, "bytes", w->pages * PAGE);
	json_string(j, "hole_policy", policy ? policy : "?");
	if (w->asked)
		json_number(j, "owner", w->owner);
	else
		json_null(j, "owner");
	json_number(j, "bindings", w->bindings);
	json_number(j, "bound_bytes", w->bound * PAGE);
	json_number(j, "lent_bytes", w->lent * PAGE);
	if (w->asked) {
		json_number(j, "writable_bytes", w->writable * PAGE);
		json_number(j, "device_bytes", w->io * PAGE);
		json_number(j, "noncacheable_bytes", w->noncacheable * PAGE);
	}
	json_counters(j, w);
	json_end(j, '}');
}

static void json_binding(struct json *j, const struct view_binding *b)
{
	const char *policy = xgm_policy_name(b->policy);

	json_begin(j, NULL, '{');
	json_number(j, "window", b->window);
	json_number(j, "offset", b->index * PAGE);
	json_number(j, "bytes", b->pages * PAGE);
	json_number(j, "address", b->address);
	json_bool(j, "file", b->file);
	json_bool(j, "readonly", b->flags & XEN_GPUMEM_BIND_READONLY);
	json_bool(j, "write_first", b->flags & XEN_GPUMEM_BIND_WRITE_FIRST);
	json_string(j, "fail_policy", policy ? policy : "?");
	json_number(j, "lent_bytes", b->lent * PAGE);
	json_end(j, '}');
}

static void json_domain(struct json *j, const struct view_domain *d,
			const struct what *what)
{
	json_begin(j, NULL, '{');
	json_number(j, "domain", d->domid);
	json_number(j, "generation", d->generation);
	json_bool(j, "attached", d->attached);
	json_number(j, "descriptors", d->files);
	json_begin(j, "holders", '[');
	for (size_t i = 0; i < d->nr_holders; i++)
		json_holder(j, &d->holders[i]);
	json_end(j, ']');
	json_begin(j, "windows", '[');
	for (size_t i = 0; i < d->nr_windows; i++)
		json_window(j, &d->windows[i]);
	json_end(j, ']');
	if (d->has_all && d->attached) {
		json_begin(j, "all_windows", '{');
		json_counters(j, &d->all);
		json_end(j, '}');
	}
	if (what->bindings) {
		json_begin(j, "bindings", '[');
		for (size_t i = 0; i < d->nr_bindings; i++)
			json_binding(j, &d->bindings[i]);
		json_end(j, ']');
	}
	json_end(j, '}');
}

/* -------------------------------------------------------------------------- */

static bool wanted(const struct what *what, uint16_t domid)
{
	return !what->only || domid == what->domid;
}

/* Also of guests that nobody has a descriptor for. */
static void tell_all_granted(const struct view *v, const struct what *what,
			     struct json *j)
{
	for (size_t i = 0; i < v->nr_grants; i++) {
		if (!wanted(what, v->grants[i].domid))
			continue;
		if (what->json)
			json_granted(j, &v->grants[i]);
		else
			tell_granted(&v->grants[i]);
	}
}

static void tell(const struct view *v, const struct what *what)
{
	struct json j = { .out = stdout };
	unsigned int n = 0;

	if (what->json) {
		json_begin(&j, NULL, '{');
		json_begin(&j, "domains", '[');
	}
	for (size_t i = 0; i < v->nr_domains; i++) {
		if (!wanted(what, v->domains[i].domid))
			continue;
		n++;
		if (what->json)
			json_domain(&j, &v->domains[i], what);
		else
			tell_domain(&v->domains[i], what);
	}
	if (what->json) {
		json_end(&j, ']');
		json_begin(&j, "grants", '[');
		tell_all_granted(v, what, &j);
		json_end(&j, ']');
		if (!what->only)
			json_buffers(&j, v);
		json_end(&j, '}');
		return;
	}
	if (!n)
		puts("nobody lends anything");
	tell_all_granted(v, what, NULL);
	if (!what->only)
		tell_buffers(v);
}

static int list_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "bindings", no_argument, NULL, 'b' }, { NULL, 0, NULL, 0 },
	};
	struct what what = { .json = false };
	struct view view;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, ":jb", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			what.json = true;
			break;
		case 'b':
			what.bindings = true;
			break;
		default:
			return bad_option(argv, opt);
		}
	}
	if (optind < argc) {
		if (parse_domid(argv[optind++], &what.domid))
			return BAD_INPUT;
		what.only = true;
	}
	if (want_arguments(argc, argv[0], 0))
		return BAD_INPUT;
	ret = view_take(&view);
	/* Whose pages they are, a dma-buf does not say. */
	if (!ret && !what.only)
		buffers_find(&view);
	if (!ret) {
		grants_find(&view);
		tell(&view, &what);
	}
	view_free(&view);
	return ret;
}

const struct command list_command = {
	"list", "[--bindings] [--json] [DOMID]",
	"guests, their windows, bindings, exports, and who holds them",
	"For each guest (or only DOMID): the processes that hold a descriptor for\n"
	"it, with its rights, what it uses of its limits, and what was exported\n"
	"through it; the windows, with what the guest has of them now; the host's\n"
	"dma-bufs that it has grant references for.  Without DOMID also the dma-bufs\n"
	"of guests' pages, and the processes that have them.\n\n"
	"  -b, --bindings  every binding, too: there can be many\n"
	"  -j, --json      for programs\n",
	list_main,
};
