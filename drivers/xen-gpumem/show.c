// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be seen from outside: fdinfo of a domain fd, and debugfs.
 *
 * fdinfo is for whoever may look at the process: the guest's name, and how
 * much of its allowance the fd uses.  It costs the same however much that is.
 *
 * debugfs is root's, a directory for each guest that is open, and no interface:
 *
 *   fds        one line for each open fd
 *   windows    one line for each window, with all that is counted, and one for
 *              all of them, with those that are gone
 *   bindings   one line for each binding
 *   latency    how many faults and revocations of a window took how long, and
 *              likewise of all
 *
 * and beside them one file about all guests, those that nobody has open too:
 *
 *   grants     one line for each dma-buf that a guest has references for
 *
 * A directory lives as long as its context has users; removing it waits for
 * those who read there, who take no lock that is held meanwhile.
 *
 * Locks: gpumem_window.lock for a piece of the bindings at a time, so that a
 * reader never holds up faults for long.
 */
#include <linux/bitmap.h>
#include <linux/debugfs.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/seq_file.h>

#include "internal.h"

/* Bindings that are shown with their window locked. */
#define GPUMEM_SHOW_PIECE	128

static struct dentry *gpumem_debugfs;

/**
 * gpumem_stat_time - count how long something took
 * @time: where
 * @ns: nanoseconds
 */
void gpumem_stat_time(struct gpumem_time *time, u64 ns)
{
	s64 old = atomic64_read(&time->max);
	unsigned int slot = min(fls64(ns >> 10), GPUMEM_TIME_SLOTS - 1);

	atomic64_inc(&time->slots[slot]);
	while ((s64)ns > old && !atomic64_try_cmpxchg(&time->max, &old, ns))
		;
}

static void gpumem_time_add(struct gpumem_time *to,
			    const struct gpumem_time *from)
{
	s64 ns = atomic64_read(&from->max), old = atomic64_read(&to->max);
	unsigned int i;

	for (i = 0; i < GPUMEM_TIME_SLOTS; i++)
		atomic64_add(atomic64_read(&from->slots[i]), &to->slots[i]);
	while (ns > old && !atomic64_try_cmpxchg(&to->max, &old, ns))
		;
}

/**
 * gpumem_stats_add - add counters up
 * @to: to these, which others may be adding to
 * @from: nobody counts here any more, or the result is of some moment ago
 */
void gpumem_stats_add(struct gpumem_stats *to, const struct gpumem_stats *from)
{
	atomic64_add(atomic64_read(&from->faults), &to->faults);
	atomic64_add(atomic64_read(&from->failed), &to->failed);
	atomic64_add(atomic64_read(&from->retries), &to->retries);
	atomic64_add(atomic64_read(&from->mapped), &to->mapped);
	atomic64_add(atomic64_read(&from->revokes), &to->revokes);
	atomic64_add(atomic64_read(&from->revoked), &to->revoked);
	atomic64_add(atomic64_read(&from->downgraded), &to->downgraded);
	gpumem_time_add(&to->fault_time, &from->fault_time);
	gpumem_time_add(&to->revoke_time, &from->revoke_time);
}

/* --- fdinfo ---------------------------------------------------------------- */

static const char *const gpumem_usage_names[GPUMEM_USE_NR] = {
	[GPUMEM_USE_WINDOWS] = "windows",
	[GPUMEM_USE_BINDINGS] = "bindings",
	[GPUMEM_USE_BYTES] = "bytes",
	[GPUMEM_USE_EXPORTS] = "exports",
	[GPUMEM_USE_EXPORT_BYTES] = "export-bytes",
	[GPUMEM_USE_GRANTS] = "grants",
	[GPUMEM_USE_FDS] = "fds",
};

/* Used, and the limit where there is one. */
static void gpumem_show_usage(struct seq_file *m, const struct gpumem_file *file,
			      unsigned int what)
{
	bool bytes = what == GPUMEM_USE_BYTES ||
		     what == GPUMEM_USE_EXPORT_BYTES;
	u64 none = bytes ? U64_MAX : U32_MAX;

	seq_printf(m, "%llu", READ_ONCE(file->used.n[what]));
	if (file->max.n[what] < none)
		seq_printf(m, " of %llu", file->max.n[what]);
}

/**
 * gpumem_file_show - /proc/PID/fdinfo of a domain fd
 * @m: where
 * @filp: the open file
 */
void gpumem_file_show(struct seq_file *m, struct file *filp)
{
	struct gpumem_file *file = filp->private_data;
	unsigned int i;

	seq_printf(m, "xen-gpumem-domid:\t%u\n", file->ctx->dom.domid);
	seq_printf(m, "xen-gpumem-generation:\t%llu\n",
		   file->ctx->dom.generation);
	seq_printf(m, "xen-gpumem-alive:\t%d\n",
		   !gpumem_ctx_is_dead(file->ctx));
	seq_printf(m, "xen-gpumem-rights:\t%#x\n", file->rights);
	seq_printf(m, "xen-gpumem-ranges:\t%u\n", file->nr_ranges);
	for (i = 0; i < GPUMEM_USE_NR; i++) {
		seq_printf(m, "xen-gpumem-%s:\t", gpumem_usage_names[i]);
		gpumem_show_usage(m, file, i);
		seq_putc(m, '\n');
	}
	seq_printf(m, "xen-gpumem-events:\t%u\n",
		   READ_ONCE(file->events.nr));
}

/* --- debugfs --------------------------------------------------------------- */

static int fds_show(struct seq_file *m, void *unused)
{
	struct gpumem_ctx *ctx = m->private;
	struct gpumem_file *file;
	unsigned int i;

	guard(spinlock)(&ctx->files_lock);
	list_for_each_entry(file, &ctx->files, link) {
		seq_printf(m, "rights %#x depth %u ranges %u events %u",
			   file->rights, file->depth, file->nr_ranges,
			   READ_ONCE(file->events.nr));
		for (i = 0; i < GPUMEM_USE_NR; i++) {
			seq_printf(m, " %s ", gpumem_usage_names[i]);
			gpumem_show_usage(m, file, i);
		}
		seq_putc(m, '\n');
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(fds);

static void gpumem_show_stats(struct seq_file *m, const struct gpumem_stats *s)
{
	seq_printf(m, " faults %lld failed %lld retries %lld mapped %lld",
		   atomic64_read(&s->faults), atomic64_read(&s->failed),
		   atomic64_read(&s->retries), atomic64_read(&s->mapped));
	seq_printf(m, " revokes %lld revoked %lld downgraded %lld\n",
		   atomic64_read(&s->revokes), atomic64_read(&s->revoked),
		   atomic64_read(&s->downgraded));
}

static void gpumem_show_window(struct seq_file *m, struct gpumem_window *window)
{
	seq_printf(m, "%u gfn %#llx pages %#llx policy %u", window->id,
		   READ_ONCE(window->gfn), window->nr, window->hole_policy);
	gpumem_show_stats(m, &window->stats);
}

/* A piece of a window's bindings, from *@next on.  Return: there are more. */
static bool gpumem_show_bindings(struct seq_file *m,
				 struct gpumem_window *window,
				 unsigned long *next)
{
	struct interval_tree_node *node;
	struct gpumem_binding *b;
	unsigned int i;

	guard(mutex)(&window->lock);
	node = interval_tree_iter_first(&window->bindings, *next, ULONG_MAX);
	for (i = 0; node && i < GPUMEM_SHOW_PIECE; i++) {
		b = container_of(node, struct gpumem_binding, node);
		seq_printf(m, "%u index %#lx pages %#lx address %#lx flags %#x policy %u lent %u%s\n",
			   window->id, node->start, b->nr, b->address,
			   b->flags, b->fail_policy,
			   bitmap_weight(b->lent, b->nr),
			   b->mapping ? " file" : "");
		*next = node->last + 1;
		node = interval_tree_iter_next(node, *next, ULONG_MAX);
	}
	return node;
}

static void gpumem_show_all_bindings(struct seq_file *m,
				     struct gpumem_window *window)
{
	unsigned long next = 0;

	while (gpumem_show_bindings(m, window, &next) &&
	       !seq_has_overflowed(m))
		cond_resched();
}

static void gpumem_show_time(struct seq_file *m, const char *what,
			     const struct gpumem_time *time)
{
	unsigned int i;

	seq_printf(m, " %s max-ns %lld", what, atomic64_read(&time->max));
	for (i = 0; i < GPUMEM_TIME_SLOTS; i++)
		seq_printf(m, " %lld", atomic64_read(&time->slots[i]));
	seq_putc(m, '\n');
}

static void gpumem_show_latency(struct seq_file *m,
				struct gpumem_window *window)
{
	seq_printf(m, "%u", window->id);
	gpumem_show_time(m, "fault", &window->stats.fault_time);
	seq_printf(m, "%u", window->id);
	gpumem_show_time(m, "revoke", &window->stats.revoke_time);
}

/* Show something of each window. */
static void gpumem_show_windows(struct seq_file *m,
				void (*show)(struct seq_file *m,
					     struct gpumem_window *window))
{
	struct gpumem_ctx *ctx = m->private;
	struct gpumem_window *window;
	unsigned long id;

	xa_for_each(&ctx->windows, id, window) {
		/* It may be gone by now. */
		window = gpumem_window_find(ctx, id);
		if (!window)
			continue;
		show(m, window);
		gpumem_window_put(window);
	}
}

/*
 * What the guest's windows have seen together, those that are gone included.  One
 * that is going is in neither for a moment.
 */
static void gpumem_show_sum(struct gpumem_ctx *ctx, struct gpumem_stats *sum)
{
	struct gpumem_window *window;
	unsigned long id;

	memset(sum, 0, sizeof(*sum));
	gpumem_stats_add(sum, &ctx->gone);
	xa_for_each(&ctx->windows, id, window) {
		window = gpumem_window_find(ctx, id);
		if (!window)
			continue;
		gpumem_stats_add(sum, &window->stats);
		gpumem_window_put(window);
	}
}

static int windows_show(struct seq_file *m, void *unused)
{
	struct gpumem_stats sum;

	gpumem_show_windows(m, gpumem_show_window);
	gpumem_show_sum(m->private, &sum);
	seq_puts(m, "all");
	gpumem_show_stats(m, &sum);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(windows);

static int bindings_show(struct seq_file *m, void *unused)
{
	gpumem_show_windows(m, gpumem_show_all_bindings);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(bindings);

static int latency_show(struct seq_file *m, void *unused)
{
	struct gpumem_stats sum;
	unsigned int i;

	/* The last one has no end. */
	seq_puts(m, "# less than us:");
	for (i = 0; i < GPUMEM_TIME_SLOTS; i++)
		seq_printf(m, " %llu", (1ULL << i) * 1024 / 1000);
	seq_putc(m, '\n');
	gpumem_show_windows(m, gpumem_show_latency);
	gpumem_show_sum(m->private, &sum);
	seq_puts(m, "all");
	gpumem_show_time(m, "fault", &sum.fault_time);
	seq_puts(m, "all");
	gpumem_show_time(m, "revoke", &sum.revoke_time);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(latency);

static int grants_show(struct seq_file *m, void *unused)
{
	gpumem_grants_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(grants);

static int exports_show(struct seq_file *m, void *unused)
{
	gpumem_exports_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(exports);

/**
 * gpumem_show_add - make a guest's directory
 * @ctx: the guest
 *
 * Nothing depends on whether that works.
 */
void gpumem_show_add(struct gpumem_ctx *ctx)
{
	char name[48];

	snprintf(name, sizeof(name), "%u-%llx%s", ctx->dom.domid,
		 ctx->dom.generation, ctx->attached ? "" : "-named");
	ctx->debugfs = debugfs_create_dir(name, gpumem_debugfs);
	debugfs_create_file("fds", 0400, ctx->debugfs, ctx, &fds_fops);
	debugfs_create_file("windows", 0400, ctx->debugfs, ctx, &windows_fops);
	debugfs_create_file("bindings", 0400, ctx->debugfs, ctx,
			    &bindings_fops);
	debugfs_create_file("latency", 0400, ctx->debugfs, ctx, &latency_fops);
}

/**
 * gpumem_show_remove - remove it; waits for its readers
 * @ctx: the guest
 */
void gpumem_show_remove(struct gpumem_ctx *ctx)
{
	debugfs_remove(ctx->debugfs);
}

/**
 * gpumem_show_init - make the directory of directories
 */
void gpumem_show_init(void)
{
	gpumem_debugfs = debugfs_create_dir("xen-gpumem", NULL);
	debugfs_create_file("grants", 0400, gpumem_debugfs, NULL,
			    &grants_fops);
	debugfs_create_file("exports", 0400, gpumem_debugfs, NULL,
			    &exports_fops);
}

/**
 * gpumem_show_exit - remove it
 */
void gpumem_show_exit(void)
{
	debugfs_remove(gpumem_debugfs);
}
