// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domain fds: how they are made, from the node or from one another, and ended.
 *
 * An open file is one *user* of its guest's attachment, from its making to its
 * release.  Its memory can live longer: those that were derived from it are
 * charged to it, and windows, exports and grants that are on their way out are,
 * too; and jobs that serve its faults can be asleep for as long as a process
 * likes.  A reference keeps that memory and the context's, nothing else.
 *
 * Who opens the node decides how many fds there are.  Who derives does not: a
 * backend could derive, have the guest's faults put jobs to sleep, close, and
 * derive again, and gather sleepers.  So there are at most GPUMEM_FDS derived
 * from one fd, directly or not, as long as their memory lives; and from a
 * derived one half as many as from its parent, so that it cannot use up what
 * all of the parent's share.
 *
 * Locks: gpumem_ctx.files_lock for the list of a guest's open files.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "internal.h"

/* How often a fd can be derived from one that was derived. */
#define GPUMEM_DEPTH		8

/* How many can be derived from one that was not. */
#define GPUMEM_FDS		256

static const struct gpumem_usage gpumem_one_fd = {
	.n[GPUMEM_USE_FDS] = 1,
};

static void gpumem_file_end(struct gpumem_file *file)
{
	if (file->server)
		gpumem_server_free(file->server);
	if (file->parent)
		gpumem_file_put(file->parent);
	if (file->ctx)
		gpumem_ctx_put(file->ctx);
	mutex_destroy(&file->events.reader);
	xa_destroy(&file->exports);
	xa_destroy(&file->grants);
	kfree(file->ranges);
	kfree(file);
}

static void gpumem_file_work(struct work_struct *work)
{
	gpumem_file_end(container_of(work, struct gpumem_file, free));
}

static void gpumem_file_free(struct kref *ref)
{
	struct gpumem_file *file = container_of(ref, struct gpumem_file, ref);

	if (file->counted)
		gpumem_file_uncharge(file->parent, &gpumem_one_fd);
	/* A job, which may be who calls, cannot end what it runs on. */
	if (file->server)
		gpumem_ctx_defer(&file->free);
	else
		gpumem_file_end(file);
}

/**
 * gpumem_file_put - drop a reference
 * @file: the fd
 */
void gpumem_file_put(struct gpumem_file *file)
{
	kref_put(&file->ref, gpumem_file_free);
}

/* Limits are given in several types; zero is none. */
static struct gpumem_usage gpumem_limits(u32 windows, u32 bindings, u64 bytes,
					 u32 exports, u64 export_bytes,
					 u32 grants)
{
	u64 most = READ_ONCE(gpumem_max_bindings);

	return (struct gpumem_usage){ .n = {
		[GPUMEM_USE_WINDOWS] = windows ?: U32_MAX,
		[GPUMEM_USE_BINDINGS] = min(bindings ?: most, most),
		[GPUMEM_USE_BYTES] = bytes ?: U64_MAX,
		[GPUMEM_USE_EXPORTS] = exports ?: U32_MAX,
		[GPUMEM_USE_EXPORT_BYTES] = export_bytes ?: U64_MAX,
		[GPUMEM_USE_GRANTS] = grants ?: U32_MAX,
		[GPUMEM_USE_FDS] = GPUMEM_FDS,
	} };
}

static struct gpumem_file *gpumem_file_create(u32 rights,
					      struct gpumem_usage max)
{
	struct gpumem_file *file;
	int ret;

	ret = gpumem_rights_check(rights);
	if (ret)
		return ERR_PTR(ret);
	file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);
	if (!file)
		return ERR_PTR(-ENOMEM);
	kref_init(&file->ref);
	xa_init_flags(&file->exports, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&file->grants, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	INIT_LIST_HEAD(&file->link);
	INIT_WORK(&file->free, gpumem_file_work);
	file->rights = rights;
	file->max = max;
	gpumem_events_init(file);
	return file;
}

/* The file becomes a user of the guest: one was counted for it already. */
static void gpumem_file_join(struct gpumem_file *file, struct gpumem_ctx *ctx)
{
	file->ctx = gpumem_ctx_get(ctx);
	guard(spinlock)(&ctx->files_lock);
	list_add_tail(&file->link, &ctx->files);
}

/* The last that is done with a file's function. */
static void gpumem_file_leave(struct gpumem_file *file)
{
	struct gpumem_ctx *ctx = file->ctx;

	scoped_guard(spinlock, &ctx->files_lock)
		list_del_init(&file->link);
	/* Its reference first, or closing would wait for it. */
	gpumem_file_put(file);
	gpumem_ctx_close(ctx);
}

/**
 * gpumem_file_release - the last descriptor of a domain fd is closed
 * @inode: not used
 * @filp: the open file
 *
 * Return: 0
 */
int gpumem_file_release(struct inode *inode, struct file *filp)
{
	struct gpumem_file *file = filp->private_data;

	gpumem_window_remove_all(file);
	gpumem_grants_close(file);
	gpumem_file_leave(file);
	return 0;
}

/* Give a file that has joined a number; it is anyone's then.  Or end it. */
static long gpumem_file_install(struct gpumem_file *file, u32 flags)
{
	int fd = anon_inode_getfd("[xen-gpumem]", &gpumem_file_fops, file,
				  O_RDWR | (flags & XEN_GPUMEM_OPEN_CLOEXEC ?
					    O_CLOEXEC : 0));

	if (fd < 0)
		gpumem_file_leave(file);
	return fd;
}

static struct gpumem_file *
gpumem_file_open(const struct xen_gpumem_open_domain *cmd)
{
	struct gpumem_file *file;
	struct gpumem_ctx *ctx;
	int ret;

	file = gpumem_file_create(cmd->rights,
				  gpumem_limits(cmd->max_windows,
						cmd->max_bindings,
						cmd->max_bytes,
						cmd->max_exports,
						cmd->max_export_bytes,
						cmd->max_grants));
	if (IS_ERR(file))
		return file;

	ret = gpumem_ranges_fetch(file, cmd->ranges, cmd->nr_ranges);
	if (ret)
		goto err_put;
	ctx = gpumem_ctx_open(cmd->domid, cmd->generation,
			      cmd->rights & (XEN_GPUMEM_RIGHT_LEND |
					     XEN_GPUMEM_RIGHT_REMOVE));
	ret = PTR_ERR_OR_ZERO(ctx);
	if (ret)
		goto err_put;
	gpumem_file_join(file, ctx);
	return file;

err_put:
	gpumem_file_put(file);
	return ERR_PTR(ret);
}

/**
 * gpumem_open_domain - XEN_GPUMEM_OPEN_DOMAIN
 * @cmd: the structure
 * @arg: where it goes back to
 *
 * Return: a descriptor, or an error that the uapi header lists
 */
long gpumem_open_domain(struct xen_gpumem_open_domain *cmd, void __user *arg)
{
	struct gpumem_file *file;

	if ((cmd->flags & ~XEN_GPUMEM_OPEN_CLOEXEC) || cmd->__reserved ||
	    cmd->__reserved1)
		return -EINVAL;
	file = gpumem_file_open(cmd);
	if (IS_ERR(file))
		return PTR_ERR(file);

	cmd->generation = file->ctx->dom.generation;
	if (copy_to_user(arg, cmd, min_t(u32, cmd->size, sizeof(*cmd)))) {
		gpumem_file_leave(file);
		return -EFAULT;
	}
	return gpumem_file_install(file, cmd->flags);
}

static struct gpumem_file *
gpumem_file_derive(struct gpumem_file *parent,
		   const struct xen_gpumem_derive *cmd)
{
	struct gpumem_file *file;
	int ret;

	file = gpumem_file_create(cmd->rights,
				  gpumem_limits(cmd->max_windows,
						cmd->max_bindings,
						cmd->max_bytes,
						cmd->max_exports,
						cmd->max_export_bytes,
						cmd->max_grants));
	if (IS_ERR(file))
		return file;

	file->parent = gpumem_file_get(parent);
	file->depth = parent->depth + 1;
	ret = -EPERM;
	if (file->rights & ~parent->rights)
		goto err_put;
	ret = -ELOOP;
	if (file->depth > GPUMEM_DEPTH)
		goto err_put;
	file->max.n[GPUMEM_USE_FDS] >>= file->depth;
	ret = gpumem_file_charge(parent, &gpumem_one_fd);
	if (ret)
		goto err_put;
	file->counted = true;
	ret = gpumem_ranges_fetch(file, cmd->ranges, cmd->nr_ranges);
	if (!ret)
		ret = gpumem_ranges_inherit(file);
	if (!ret)
		ret = gpumem_ctx_share(parent->ctx);
	if (ret)
		goto err_put;
	gpumem_file_join(file, parent->ctx);
	return file;

err_put:
	gpumem_file_put(file);
	return ERR_PTR(ret);
}

/**
 * gpumem_derive - XEN_GPUMEM_DERIVE
 * @file: the fd
 * @arg: struct xen_gpumem_derive
 *
 * Return: a descriptor, or an error that the uapi header lists
 */
long gpumem_derive(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_derive *cmd = arg;
	struct gpumem_file *child;

	if (cmd->flags & ~XEN_GPUMEM_OPEN_CLOEXEC)
		return -EINVAL;
	child = gpumem_file_derive(file, cmd);
	if (IS_ERR(child))
		return PTR_ERR(child);
	return gpumem_file_install(child, cmd->flags);
}
