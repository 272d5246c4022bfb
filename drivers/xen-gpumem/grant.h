/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grant references for dma-bufs: the object, and what it promises.
 *
 *   gpumem_file       made it; keeps its id, is charged for it
 *     gpumem_grant      the references for a part of one dma-buf
 *
 * A grant is referred to by the fd's table of ids, by the list of grants that
 * have references left (grant-end.c), and by whoever looked it up.  It refers
 * to the fd's memory, not to the fd: that may be closed while the guest has
 * pages mapped.
 *
 * Invariants:
 *
 *   While there is a reference that did not end, the buffer is attached and
 *   mapped, which is to say pinned: whatever a guest can reach by a reference
 *   is a page of a buffer that nobody moves or frees.  A reference ends only
 *   where it is not mapped.
 *
 *   Whatever has references left is on the list, once they have been made.
 *
 * Locks, outermost first:
 *
 *   gpumem_grant.lock      references end under it, and the buffer is let go.
 *                          Who serves several grants only tries it: others
 *                          can have to wait for an exporter meanwhile
 *     dma_resv             the buffer's
 *     gpumem_ctx.usage_lock, gpumem_grants_used_lock
 *   gpumem_grants_lock     the list; a leaf
 */
#ifndef _XEN_GPUMEM_GRANT_H
#define _XEN_GPUMEM_GRANT_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct device;
struct dma_buf;
struct dma_buf_attachment;
struct gpumem_file;
struct scatterlist;
struct sg_table;

/**
 * struct gpumem_grant - references of one guest's for a part of a dma-buf
 * @ref: keeps the memory
 * @file: whose id it is, and who is charged; holds a reference
 * @id: in gpumem_file.grants
 * @flags: XEN_GPUMEM_GRANT_*
 * @nr: references that it was made with
 * @link: in the list of those with references left; holds a reference
 * @work: lets go of the buffer; while queued, holds a reference
 * @lock: protects what follows; not needed before anyone else knows of it
 * @dmabuf: the buffer, or NULL once it was let go
 * @attach: our attachment to it
 * @sgt: where its pages are
 * @ending: references end as soon as they are not mapped
 * @refs: those that are left, in no order once @ending
 * @left: how many
 */
struct gpumem_grant {
	struct kref ref;
	struct gpumem_file *file;
	u32 id;
	u32 flags;
	unsigned int nr;
	struct list_head link;
	struct work_struct work;

	struct mutex lock;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	bool ending;
	u32 *refs;
	unsigned int left;
};

/**
 * struct gpumem_cursor - a place in a buffer
 * @sg: the segment
 * @segments: from there on to the end of the table
 * @at: bytes of @sg before the place
 */
struct gpumem_cursor {
	struct scatterlist *sg;
	unsigned int segments;
	unsigned int at;
};

/* grant.c */
void gpumem_grant_put(struct gpumem_grant *grant);
void gpumem_grant_drop(struct gpumem_grant *grant);

/* grant-end.c */
void gpumem_grant_enlist(struct gpumem_grant *grant);
unsigned int gpumem_grant_try(struct gpumem_grant *grant);
void gpumem_grant_close(struct gpumem_grant *grant);
void gpumem_grant_work(struct work_struct *work);

/* grant-buf.c */
int gpumem_grant_buf_init(void);
void gpumem_grant_buf_exit(void);
int gpumem_grant_hold(struct gpumem_grant *grant, int fd, u64 first,
		      u32 *failed);
void gpumem_grant_let_go(struct gpumem_grant *grant);
void gpumem_cursor_start(struct gpumem_cursor *cursor, struct sg_table *sgt,
			 u64 first);
bool gpumem_cursor_next(struct gpumem_cursor *cursor, unsigned long *pfn);

#endif /* _XEN_GPUMEM_GRANT_H */
