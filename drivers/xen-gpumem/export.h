/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Export of guest pages as dma-bufs: the objects, and the order of locks.
 *
 *   gpumem_file             made it; keeps its id, is charged for it
 *     gpumem_export         the pages of one dma-buf
 *       gpumem_export_map   one mapping for the DMA of one importer (export-buf.c)
 *
 * An export is referred to by its dma-buf and by whoever looked up its id.  It
 * refers to the fd's memory, not to the fd: that may be closed first.  Nothing
 * that it does needs the attachment to the guest, nor the guest to live.
 *
 * Locks, outermost first:
 *
 *   mmap_lock             of the kernel
 *   gpumem_export.resv    the dma-buf's: mappings for DMA, kernel mappings,
 *                         and from when on no new ones are made
 *   gpumem_export.gate    read for each fault, written once to shut it; page
 *                         tables are allocated under it
 *   gpumem_export.drop    the end of the pages
 *     hypercalls
 *
 * The fault path takes gate but not resv, as resv is held by importers while
 * they wait for devices.
 *
 * Invariants:
 *
 *   Pages are dropped once, when nothing on this host can reach them: after
 *   @revoked was set under both locks, the mmaps were emptied, every device is
 *   done and unmapped, and the kernel mapping is gone; or when the dma-buf is
 *   released, which says all of that.
 *
 *   A page is mapped only while it is the guest's of that generation: looked at
 *   before, so that no other guest is asked, and after, since the mapping
 *   itself keeps the guest's number from being used again.
 */
#ifndef _XEN_GPUMEM_EXPORT_H
#define _XEN_GPUMEM_EXPORT_H

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <asm/pgtable_types.h>
#include <asm/xen/page.h>

#include <xen/gpumem.h>

struct gpumem_file;

/* Pages in one hypercall: on the stack, as the end must not allocate. */
#define GPUMEM_EXPORT_BATCH	32

/* Pages that one fault brings in. */
#define GPUMEM_EXPORT_AROUND	16

/**
 * struct gpumem_export - guest pages behind a dma-buf
 * @ref: keeps the memory
 * @file: whose id it is, and who is charged; holds a reference
 * @id: in gpumem_file.exports
 * @flags: XEN_GPUMEM_EXPORT_*
 * @domid: whose pages
 * @generation: of that domain
 * @nr: pages
 * @put: gives them back
 * @pages: one for each, foreign memory behind it; NULL for @frames
 * @handles: grants: the hypervisor's name for each mapping
 * @frames: frames under PV: where on the bus each is; there are no pages then
 * @base: frames under PV: the kernel mapping that holds them
 * @inode: of the dma-buf, held: its mapping knows all mmaps
 * @mmaps: how many
 * @resv: the dma-buf's; protects what follows, up to @gate
 * @dmabuf: NULL once it is being released
 * @nr_maps: mappings for DMA
 * @nr_static: of them, those of importers that cannot let go
 * @nr_segments: of the mapping made last, for a query
 * @vaddr: the kernel mapping, if there is one
 * @scratch: the page behind one that was made after a revocation
 * @idle: woken when a mapping has gone while @revoked
 * @gate: see above
 * @revoked: no new uses; written with @resv and @gate, read with either, or by
 *	who will be told again
 * @drop: protects what follows
 * @dropped: the guest has its pages back
 */
struct gpumem_export {
	struct kref ref;
	struct gpumem_file *file;
	u32 id;
	u32 flags;
	u16 domid;
	u64 generation;
	unsigned int nr;
	void (*put)(struct gpumem_export *export);
	struct page **pages;
	u32 *handles;
	u64 *frames;
	void *base;
	struct inode *inode;
	atomic_t mmaps;

	struct dma_resv resv;
	struct dma_buf *dmabuf;
	unsigned int nr_maps;
	unsigned int nr_static;
	unsigned int nr_segments;
	void *vaddr;
	struct page *scratch;
	wait_queue_head_t idle;

	struct rw_semaphore gate;
	bool revoked;

	struct mutex drop;
	bool dropped;
};

/**
 * gpumem_export_bus - where devices find a page
 * @export: the export; its pages are there
 * @index: of the page
 *
 * Return: the frame number on the bus.
 */
static inline unsigned long
gpumem_export_bus(const struct gpumem_export *export, unsigned int index)
{
	if (export->frames)
		return export->frames[index];
	return pfn_to_gfn(page_to_pfn(export->pages[index]));
}

/* pages-grant.c */
int gpumem_grants_map(struct gpumem_export *export, u64 refs, u32 *failed);

/* pages-frame.c */
int gpumem_frames_map(struct gpumem_export *export, u64 ranges, u32 *failed);

/* export-pv.c */
bool gpumem_export_cpu_ok(void);
void *gpumem_pv_reserve(unsigned int nr);
int gpumem_pv_set(void *vaddr, const u64 *frames, unsigned int nr,
		  pgprot_t prot, bool translate, u16 domid, unsigned int *done);
int gpumem_pv_flush(void);
void gpumem_pv_frames(void *vaddr, unsigned int nr, u64 *frames);

/* export-cpu.c */
int gpumem_export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);
void gpumem_export_zap(struct gpumem_export *export);
void *gpumem_export_vmap(struct gpumem_export *export);
void *gpumem_scratch_vmap(struct gpumem_export *export);
void gpumem_scratch_vunmap(struct gpumem_export *export, void *vaddr);
void gpumem_export_vunmap(struct gpumem_export *export);

/* export-buf.c */
struct dma_buf *gpumem_export_buf(struct gpumem_export *export);

/* export.c */
void gpumem_export_release(struct gpumem_export *export);

#endif /* _XEN_GPUMEM_EXPORT_H */
