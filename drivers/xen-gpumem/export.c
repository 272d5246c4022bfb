// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports from their making to their end, and the calls about them.
 *
 * Making: the pages are mapped, looked at whose they are, and then given a
 * dma-buf; the fd comes last, when nothing can fail any more, not even telling
 * the caller (main.c).
 *
 * Revoking: no new uses; importers told; mmaps emptied; then a wait, with an
 * end, for those who have it mapped and for what devices still do; and only
 * then the pages go back.  Each step can be taken twice, and a call that gave
 * up is repeated from the first one: so callers need no lock against each
 * other.
 *
 * The fences come last, and are waited for with the dma-buf's lock held.  An
 * importer may add one as it lets go, for work that it could not stop; after
 * that nothing is mapped, so no work can begin that another fence would be
 * about.  Yet whoever has the dma-buf can add fences, of whatever work
 * (DMA_BUF_IOCTL_IMPORT_SYNC_FILE), one after the other: the lock keeps them
 * from putting the end off for ever.
 *
 * Ending: whoever has the dma-buf may keep it for ever, whatever became of the
 * fd, the guest, or the process that made it.  Its release drops the pages,
 * unless a revocation did.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "export.h"
#include "internal.h"

#define GPUMEM_EXPORT_FLAGS	(XEN_GPUMEM_EXPORT_READONLY |		\
				 XEN_GPUMEM_EXPORT_CLOEXEC |		\
				 XEN_GPUMEM_EXPORT_REVOCABLE)

/* Whatever max_export_mib says: no array for one is larger than INT_MAX. */
#define GPUMEM_EXPORT_PAGES_MAX	(INT_MAX / sizeof(u64))

static unsigned int gpumem_revoke_ms = 10000;
module_param_named(export_revoke_ms, gpumem_revoke_ms, uint, 0644);
MODULE_PARM_DESC(export_revoke_ms,
		 "wait for users of a revoked export in ms (default 10000)");

static unsigned int gpumem_max_export_mib = 4096;
module_param_named(max_export_mib, gpumem_max_export_mib, uint, 0644);
MODULE_PARM_DESC(max_export_mib, "size of one export in MiB (default 4096)");

static void gpumem_export_free(struct kref *ref)
{
	struct gpumem_export *export =
		container_of(ref, struct gpumem_export, ref);

	if (export->inode)
		iput(export->inode);
	mutex_destroy(&export->drop);
	dma_resv_fini(&export->resv);
	atomic_dec(&export->file->ctx->exports);
	gpumem_file_put(export->file);
	kfree(export);
}

static void gpumem_export_put(struct gpumem_export *export)
{
	kref_put(&export->ref, gpumem_export_free);
}

static struct gpumem_usage gpumem_export_usage(const struct gpumem_export *e)
{
	return (struct gpumem_usage){ .n = {
		[GPUMEM_USE_EXPORTS] = 1,
		[GPUMEM_USE_EXPORT_BYTES] = (u64)e->nr << PAGE_SHIFT,
	} };
}

/* --- making ------------------------------------------------------------------ */

static struct gpumem_export *gpumem_export_create(struct gpumem_file *file,
						  u32 flags, u32 nr)
{
	struct gpumem_export *export;
	struct gpumem_usage usage;
	int ret;

	export = kzalloc(sizeof(*export), GFP_KERNEL_ACCOUNT);
	if (!export)
		return ERR_PTR(-ENOMEM);
	export->flags = flags;
	export->domid = file->ctx->dom.domid;
	export->generation = file->ctx->dom.generation;
	export->nr = nr;
	usage = gpumem_export_usage(export);
	ret = gpumem_file_charge(file, &usage);
	if (ret) {
		kfree(export);
		return ERR_PTR(ret);
	}
	export->file = gpumem_file_get(file);
	atomic_inc(&file->ctx->exports);
	kref_init(&export->ref);
	dma_resv_init(&export->resv);
	init_waitqueue_head(&export->idle);
	init_rwsem(&export->gate);
	mutex_init(&export->drop);
	return export;
}

/* Give the pages back, and what they cost. */
static void gpumem_export_drop(struct gpumem_export *export)
{
	struct gpumem_usage usage = gpumem_export_usage(export);

	guard(mutex)(&export->drop);
	if (export->dropped)
		return;
	if (export->put)
		export->put(export);
	/* Not before: a query calls it returned. */
	WRITE_ONCE(export->dropped, true);
	gpumem_file_uncharge(export->file, &usage);
}

/* Of one that has no dma-buf, or has none any more. */
static void gpumem_export_end(struct gpumem_export *export)
{
	gpumem_export_drop(export);
	gpumem_export_put(export);
}

/* Is the guest's number still that guest's? */
static int gpumem_export_check(const struct gpumem_export *export)
{
	struct gpumem_hv_info info = { .generation = export->generation };

	return gpumem_hv->query(export->domid, &info);
}

/* How pages are got; see gpumem_grants_map() and gpumem_frames_map(). */
typedef int gpumem_export_source(struct gpumem_export *export, u64 what,
				 u32 *failed);

static int gpumem_export_fill(struct gpumem_export *export,
			      gpumem_export_source *source, u64 what,
			      u32 *failed)
{
	int ret = gpumem_export_check(export);

	if (!ret)
		ret = source(export, what, failed);
	if (!ret)
		ret = gpumem_export_check(export);
	return ret;
}

static int gpumem_export_register(struct gpumem_export *export)
{
	struct gpumem_file *file = export->file;
	struct dma_buf *dmabuf;
	int ret;

	/* Not to be found before it is whole. */
	ret = xa_alloc_cyclic(&file->exports, &export->id, NULL,
			      XA_LIMIT(1, S32_MAX), &file->next_export,
			      GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		return ret;
	dmabuf = gpumem_export_buf(export);
	if (IS_ERR(dmabuf)) {
		xa_erase(&file->exports, export->id);
		return PTR_ERR(dmabuf);
	}
	xa_store(&file->exports, export->id, export, GFP_KERNEL_ACCOUNT);
	return 0;
}

/*
 * Descriptor, id, dma-buf.  The descriptor is only reserved yet: nobody may
 * have it, and close it, before the caller knows of it.
 *
 * Return: the descriptor; what it will stand for is in @dmabuf
 */
static long gpumem_export_publish(struct gpumem_export *export, u32 *id,
				  struct dma_buf **dmabuf)
{
	int ret, fd;

	if (IS_ERR(export))
		return PTR_ERR(export);
	fd = get_unused_fd_flags(export->flags & XEN_GPUMEM_EXPORT_CLOEXEC ?
				 O_CLOEXEC : 0);
	ret = fd < 0 ? fd : gpumem_export_register(export);
	if (ret) {
		if (fd >= 0)
			put_unused_fd(fd);
		gpumem_export_end(export);
		return ret;
	}
	*id = export->id;
	*dmabuf = export->dmabuf;
	return fd;
}

/**
 * gpumem_export_finish - the descriptor of a new export
 * @file: domain fd
 * @arg: struct gpumem_export_call
 * @fd: the descriptor, reserved
 * @told: the caller knows its export's id; else it is to have nothing
 */
void gpumem_export_finish(struct gpumem_file *file, void *arg, int fd,
			  bool told)
{
	struct gpumem_export_call *call = arg;

	if (told) {
		gpumem_fd_install(call->dmabuf, fd);
	} else {
		put_unused_fd(fd);
		dma_buf_put(call->dmabuf);
	}
}

/* An export with its pages.  @failed: as the uapi has it. */
static struct gpumem_export *gpumem_export_make(struct gpumem_file *file,
						u32 flags, u64 nr,
						gpumem_export_source *source,
						u64 what, u32 *failed)
{
	u64 max = (u64)READ_ONCE(gpumem_max_export_mib) << (20 - PAGE_SHIFT);
	struct gpumem_export *export;
	int ret;

	if (nr > min_t(u64, max, GPUMEM_EXPORT_PAGES_MAX))
		return ERR_PTR(-ENOSPC);
	*failed = nr;
	export = gpumem_export_create(file, flags, nr);
	if (IS_ERR(export))
		return export;
	ret = gpumem_export_fill(export, source, what, failed);
	if (ret) {
		gpumem_export_end(export);
		return ERR_PTR(ret);
	}
	return export;
}

/**
 * gpumem_export_grants - XEN_GPUMEM_EXPORT_GRANTS
 * @file: domain fd
 * @arg: struct gpumem_export_call
 *
 * Return: the dma-buf's fd, for gpumem_export_finish(), or a negative errno
 */
long gpumem_export_grants(struct gpumem_file *file, void *arg)
{
	struct gpumem_export_call *call = arg;
	struct xen_gpumem_export_grants *cmd = &call->grants;
	struct gpumem_export *export;

	cmd->out_failed = cmd->count;
	if ((cmd->flags & ~GPUMEM_EXPORT_FLAGS) || cmd->__reserved ||
	    !cmd->count)
		return -EINVAL;
	if (!(file->rights & XEN_GPUMEM_RIGHT_EXPORT_GRANTS))
		return -EPERM;
	export = gpumem_export_make(file, cmd->flags, cmd->count,
				    gpumem_grants_map, cmd->refs,
				    &cmd->out_failed);
	return gpumem_export_publish(export, &cmd->out_id, &call->dmabuf);
}

/* How many pages there are in ranges.  They are checked as they are used. */
static int gpumem_frames_count(u64 address, u32 nr, u64 *count)
{
	struct xen_gpumem_frames __user *user = u64_to_user_ptr(address);
	struct xen_gpumem_frames range;
	u32 i;

	*count = 0;
	for (i = 0; i < nr; i++) {
		if (copy_from_user(&range, user + i, sizeof(range)))
			return -EFAULT;
		if (!gpumem_range_valid(range.gpa, range.length))
			return -EINVAL;
		*count = min_t(u64, *count + (range.length >> PAGE_SHIFT),
			       U32_MAX);
	}
	return 0;
}

/**
 * gpumem_export_frames - XEN_GPUMEM_EXPORT_FRAMES
 * @file: domain fd
 * @arg: struct gpumem_export_call
 *
 * Return: the dma-buf's fd, for gpumem_export_finish(), or a negative errno
 */
long gpumem_export_frames(struct gpumem_file *file, void *arg)
{
	struct gpumem_export_call *call = arg;
	struct xen_gpumem_export_frames *cmd = &call->frames;
	struct gpumem_export *export;
	u64 nr;
	int ret;

	/* Past every page, as long as it is not known how many there are. */
	cmd->out_failed = U32_MAX;
	if ((cmd->flags & ~GPUMEM_EXPORT_FLAGS) || cmd->__reserved ||
	    !cmd->nr_ranges || cmd->nr_ranges > XEN_GPUMEM_MAX_FRAMES)
		return -EINVAL;
	if (!(file->rights & XEN_GPUMEM_RIGHT_EXPORT_FRAMES))
		return -EPERM;
	ret = gpumem_frames_count(cmd->ranges, cmd->nr_ranges, &nr);
	if (ret)
		return ret;
	cmd->out_failed = nr;
	export = gpumem_export_make(file, cmd->flags, nr, gpumem_frames_map,
				    cmd->ranges, &cmd->out_failed);
	return gpumem_export_publish(export, &cmd->out_id, &call->dmabuf);
}

/* --- the end ------------------------------------------------------------------ */

/**
 * gpumem_export_release - the dma-buf has no users left
 * @export: its export; a reference to it ends here
 */
void gpumem_export_release(struct gpumem_export *export)
{
	xa_erase(&export->file->exports, export->id);
	dma_resv_lock(&export->resv, NULL);
	export->dmabuf = NULL;
	dma_resv_unlock(&export->resv);
	gpumem_export_end(export);
}

/* The export of that id, or the first one after it. */
static struct gpumem_export *gpumem_export_find(struct gpumem_file *file,
						u32 id, bool next)
{
	struct gpumem_export *export;
	unsigned long index = id;

	xa_lock(&file->exports);
	if (next)
		export = xa_find_after(&file->exports, &index, ULONG_MAX,
				       XA_PRESENT);
	else
		export = xa_load(&file->exports, index);
	if (export && !kref_get_unless_zero(&export->ref))
		export = NULL;
	xa_unlock(&file->exports);
	return export;
}

/* No new uses, and those who can be told are told. */
static int gpumem_export_shut(struct gpumem_export *export)
{
	int ret = dma_resv_lock_interruptible(&export->resv, NULL);

	if (ret)
		return ret;
	if (export->nr_static && !export->revoked) {
		ret = -EBUSY;
	} else {
		down_write(&export->gate);
		WRITE_ONCE(export->revoked, true);
		up_write(&export->gate);
		if (export->dmabuf)
			gpumem_invalidate_mappings(export->dmabuf);
	}
	dma_resv_unlock(&export->resv);
	return ret;
}

/* No lock: who waits looks at it while it is on its way to sleep. */
static bool gpumem_export_idle(struct gpumem_export *export)
{
	return !READ_ONCE(export->nr_maps) && !READ_ONCE(export->vaddr);
}

/* Those who have it mapped, then what devices still do; see the top. */
static int gpumem_export_wait(struct gpumem_export *export)
{
	long left = msecs_to_jiffies(READ_ONCE(gpumem_revoke_ms)) ?: 1;

	left = wait_event_interruptible_timeout(export->idle,
			gpumem_export_idle(export), left);
	if (left > 0) {
		/* Whoever let go last did it under this lock, and is done. */
		if (dma_resv_lock_interruptible(&export->resv, NULL))
			return -EINTR;
		left = dma_resv_wait_timeout(&export->resv,
					     DMA_RESV_USAGE_BOOKKEEP, true,
					     left);
		dma_resv_unlock(&export->resv);
	}
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/* All steps, unless they were taken. */
static int gpumem_export_take(struct gpumem_export *export)
{
	int ret;

	/*
	 * Then nobody waits for the fences of who has the dma-buf still: they
	 * are about nothing, and the dma-buf's lock would be held for them.
	 */
	if (READ_ONCE(export->dropped))
		return 0;
	ret = gpumem_export_shut(export);
	if (ret)
		return ret;
	gpumem_export_zap(export);
	ret = gpumem_export_wait(export);
	if (!ret)
		gpumem_export_drop(export);
	return ret;
}

/**
 * gpumem_export_revoke - XEN_GPUMEM_EXPORT_REVOKE
 * @file: domain fd
 * @arg: struct xen_gpumem_export_revoke
 *
 * Return: 0 or a negative errno.
 */
long gpumem_export_revoke(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_export_revoke *cmd = arg;
	struct gpumem_export *export;
	int ret;

	export = gpumem_export_find(file, cmd->id, false);
	if (!export)
		return -ENOENT;
	ret = gpumem_export_take(export);
	gpumem_export_put(export);
	return ret;
}

static int gpumem_export_describe(struct gpumem_export *export,
				  struct xen_gpumem_export_query *cmd)
{
	struct list_head *at;
	int ret;

	ret = dma_resv_lock_interruptible(&export->resv, NULL);
	if (ret)
		return ret;
	cmd->id = export->id;
	cmd->out_flags = export->flags;
	cmd->out_pages = export->nr;
	cmd->out_mmaps = atomic_read(&export->mmaps);
	cmd->out_state = READ_ONCE(export->dropped) ?
			 XEN_GPUMEM_EXPORT_RETURNED : 0;
	cmd->out_attached = 0;
	if (export->revoked)
		cmd->out_state |= XEN_GPUMEM_EXPORT_REVOKED;
	cmd->out_mapped = export->nr_maps;
	cmd->out_static = export->nr_static;
	cmd->out_segments = export->nr_segments;
	cmd->out_vmaps = !!export->vaddr;
	if (export->dmabuf)
		list_for_each(at, &export->dmabuf->attachments)
			cmd->out_attached++;
	dma_resv_unlock(&export->resv);
	return 0;
}

/**
 * gpumem_export_query - XEN_GPUMEM_EXPORT_QUERY
 * @file: domain fd
 * @arg: struct xen_gpumem_export_query
 *
 * Return: 0 or a negative errno.
 */
long gpumem_export_query(struct gpumem_file *file, void *arg)
{
	struct xen_gpumem_export_query *cmd = arg;
	struct gpumem_export *export;
	int ret;

	if (cmd->flags & ~XEN_GPUMEM_EXPORT_QUERY_NEXT)
		return -EINVAL;
	export = gpumem_export_find(file, cmd->id, cmd->flags);
	if (!export)
		return -ENOENT;
	ret = gpumem_export_describe(export, cmd);
	gpumem_export_put(export);
	return ret;
}
