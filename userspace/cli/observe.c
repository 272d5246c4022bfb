// SPDX-License-Identifier: MIT
/*
 * Reads what the driver shows in debugfs (drivers/xen-gpumem/show.c).
 *
 * A line that is not understood is skipped: these files are no interface, and
 * a newer driver may say more.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "observe.h"

#define FOLDER		DEBUGFS "/xen-gpumem"
#define ALL		"all "		/* in place of a window */

void *view_append(void *array, size_t *nr, size_t size)
{
	/* Grown at powers of two. */
	if (!(*nr & (*nr - 1))) {
		array = realloc(array, (*nr ? 2 * *nr : 1) * size);
		if (!array) {
			fail("no memory");
			exit(FAILED);
		}
	}
	memset((char *)array + *nr * size, 0, size);
	(*nr)++;
	return array;
}

static struct view_window *window_find(struct view_domain *d, uint32_t id)
{
	for (size_t i = 0; i < d->nr_windows; i++)
		if (d->windows[i].id == id)
			return &d->windows[i];
	return NULL;
}

static bool counters(const char *text, struct view_window *w)
{
	return sscanf(text, " faults %" SCNu64 " failed %" SCNu64 " retries %"
		      SCNu64 " mapped %" SCNu64 " revokes %" SCNu64
		      " revoked %" SCNu64 " downgraded %" SCNu64, &w->faults,
		      &w->failed, &w->retries, &w->mapped, &w->revokes,
		      &w->revoked, &w->downgraded) == 7;
}

static void window_line(struct view *v, struct view_domain *d,
			const char *line)
{
	struct view_window w = { .owner = 0 };
	int at = 0;

	(void)v;
	if (!strncmp(line, ALL, sizeof(ALL) - 1)) {
		d->has_all = counters(line + sizeof(ALL) - 1, &d->all);
		return;
	}
	if (sscanf(line, "%" SCNu32 " gfn %" SCNx64 " pages %" SCNx64
		   " policy %" SCNu32 "%n", &w.id, &w.gfn, &w.pages,
		   &w.policy, &at) != 4 || !counters(line + at, &w))
		return;
	d->windows = view_append(d->windows, &d->nr_windows, sizeof(w));
	d->windows[d->nr_windows - 1] = w;
}

static void binding_line(struct view *v, struct view_domain *d,
			 const char *line)
{
	struct view_binding b = { .window = 0 };
	struct view_window *w;

	(void)v;
	if (sscanf(line, "%" SCNu32 " index %" SCNx64 " pages %" SCNx64
		   " address %" SCNx64 " flags %" SCNx32 " policy %" SCNu32
		   " lent %" SCNu32, &b.window, &b.index, &b.pages,
		   &b.address, &b.flags, &b.policy, &b.lent) != 7)
		return;
	b.file = strstr(line, " file");
	d->bindings = view_append(d->bindings, &d->nr_bindings, sizeof(b));
	d->bindings[d->nr_bindings - 1] = b;
	w = window_find(d, b.window);
	if (!w)
		return;
	w->bindings++;
	w->bound += b.pages;
	w->lent += b.lent;
}

/* Numbers to the end of the line.  Return: how many */
static unsigned int numbers(const char *text, uint64_t *n, unsigned int max)
{
	unsigned int i;
	char *end;

	for (i = 0; i < max; i++, text = end) {
		n[i] = strtoull(text, &end, 10);
		if (end == text)
			break;
	}
	return i;
}

/* What follows the window: fault or revoke. */
static void times(const char *text, struct view_window *w)
{
	struct view_time *time;
	uint64_t max_ns;
	char what[16];
	int at = 0;

	if (sscanf(text, "%15s max-ns %" SCNu64 "%n", what, &max_ns, &at) != 2)
		return;
	time = !strcmp(what, "fault") ? &w->fault : &w->revoke;
	time->max_ns = max_ns;
	numbers(text + at, time->slots, SLOTS_MAX);
}

static void latency_line(struct view *v, struct view_domain *d,
			 const char *line)
{
	static const char head[] = "# less than us:";
	struct view_window *w;
	uint32_t id;
	int at = 0;

	if (!strncmp(line, head, sizeof(head) - 1)) {
		v->nr_slots = numbers(line + sizeof(head) - 1, v->slot_us,
				      SLOTS_MAX);
	} else if (!strncmp(line, ALL, sizeof(ALL) - 1)) {
		times(line + sizeof(ALL) - 1, &d->all);
	} else if (sscanf(line, "%" SCNu32 " %n", &id, &at) == 1) {
		w = window_find(d, id);
		if (w)
			times(line + at, w);
	}
}

static void file_line(struct view *v, struct view_domain *d, const char *line)
{
	(void)v;
	if (!strncmp(line, "rights ", 7))
		d->files++;
}

static void each_line(struct view *v, struct view_domain *d,
		      const char *folder, const char *name,
		      void (*line)(struct view *v, struct view_domain *d,
				   const char *line))
{
	char path[600], *text = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), FOLDER "/%s/%s", folder, name);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&text, &room, f) > 0)
		line(v, d, text);
	free(text);
	fclose(f);
}

static void domain_take(struct view *v, const char *folder)
{
	struct view_domain d = { .attached = !strstr(folder, "-named") };

	if (sscanf(folder, "%" SCNu16 "-%" SCNx64, &d.domid,
		   &d.generation) != 2)
		return;
	each_line(v, &d, folder, "fds", file_line);
	each_line(v, &d, folder, "windows", window_line);
	each_line(v, &d, folder, "bindings", binding_line);
	each_line(v, &d, folder, "latency", latency_line);
	v->domains = view_append(v->domains, &v->nr_domains, sizeof(d));
	v->domains[v->nr_domains - 1] = d;
}

static void grant_line(struct view *v, struct view_domain *d,
		       const char *line)
{
	struct view_grant g = { .id = 0 };

	(void)d;
	if (sscanf(line, "%" SCNu16 " generation %" SCNx64 " id %" SCNu32
		   " pages %" SCNu64 " left %" SCNu32, &g.domid,
		   &g.generation, &g.id, &g.pages, &g.left) != 5)
		return;
	g.readonly = strstr(line, " readonly");
	g.ending = strstr(line, " ending");
	v->grants = view_append(v->grants, &v->nr_grants, sizeof(g));
	v->grants[v->nr_grants - 1] = g;
}

void grants_find(struct view *view)
{
	each_line(view, NULL, ".", "grants", grant_line);
}

static int cannot_look(int err)
{
	if (err == EACCES)
		return fail("only root may look at this: sudo xen-gpumem ...");
	if (access("/sys/module/xen_gpumem", F_OK))
		return fail("the module xen-gpumem is not loaded (modprobe xen-gpumem; xen-gpumem status tells more)");
	if (access(DEBUGFS "/.", R_OK | X_OK) && errno == EACCES)
		return fail("only root may look at this: sudo xen-gpumem ...");
	return fail("no " FOLDER ": %s (mount -t debugfs debugfs " DEBUGFS ")",
		    strerror(err));
}

static int compare(const void *a, const void *b)
{
	const struct view_domain *l = a, *r = b;

	if (l->domid != r->domid)
		return l->domid < r->domid ? -1 : 1;
	if (l->generation != r->generation)
		return l->generation < r->generation ? -1 : 1;
	return r->attached - l->attached;
}

int view_take(struct view *view)
{
	struct dirent *e;
	DIR *dir;

	*view = (struct view){ .when = now() };
	dir = opendir(FOLDER);
	if (!dir)
		return cannot_look(errno);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			domain_take(view, e->d_name);
	closedir(dir);
	if (view->nr_domains)
		qsort(view->domains, view->nr_domains, sizeof(*view->domains),
		      compare);
	holders_find(view);
	return 0;
}

void view_free(struct view *view)
{
	for (size_t i = 0; i < view->nr_domains; i++) {
		free(view->domains[i].windows);
		free(view->domains[i].bindings);
		for (size_t k = 0; k < view->domains[i].nr_holders; k++)
			free(view->domains[i].holders[k].exports);
		free(view->domains[i].holders);
	}
	free(view->domains);
	for (size_t i = 0; i < view->nr_buffers; i++)
		free(view->buffers[i].users);
	free(view->buffers);
	free(view->grants);
	*view = (struct view){ .nr_domains = 0 };
}
