// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dma-buf of a grant: held in place, and looked at page by page.
 *
 * To an exporter we are a device like any other.  An importer may use nothing
 * of a buffer but the addresses that it was given for its device; what has
 * struct pages, and whether those in the table are the right ones, is the
 * exporter's business.  So there is a device, for which an address is where
 * the memory lies in this domain: what stands behind it is no engine for DMA
 * but the processor of a guest.  It has operations of its own, as the kernel's
 * would not do.  Under PV they make a copy aside of every segment that is not
 * contiguous in the machine, as hardly any is that is longer than a page, and
 * the guest would be shown that; and what they gave out would not name the
 * page.
 *
 * The attachment is static: it has no callback by which the buffer could be
 * taken away, since nobody can take a mapped grant from a guest.  For such
 * importers the core has the exporter pin the buffer as long as it is mapped,
 * and memory of devices is for those alone that say that they can take it.
 * Exporters that must be able to revoke refuse us.
 *
 * What comes out is believed page by page, not by segment: neighbours among
 * Linux's page frames need not be neighbours in the machine.  A page must be
 * ordinary memory, and this domain's own.  Xen would refuse to let the guest
 * map what is another's, but not the memory of a device that this domain may
 * use.
 *
 * Locks: the buffer's dma_resv, taken here.
 */
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>

#include <asm/xen/page.h>
#include <xen/gpumem.h>
#include <xen/xen.h>

#include "compat.h"
#include "grant.h"

/* What exporters attach. */
static struct device *gpumem_guest_device;

/* --- the device ----------------------------------------------------------- */

static int gpumem_guest_map_sg(struct device *dev, struct scatterlist *sgl,
			       int nents, enum dma_data_direction dir,
			       unsigned long attrs)
{
	struct scatterlist *sg;
	int i;

	for_each_sg(sgl, sg, nents, i) {
		if (!sg_page(sg))
			return -EREMOTEIO;
		sg_dma_address(sg) = sg_phys(sg);
		sg_dma_len(sg) = sg->length;
	}
	return nents;
}

static void gpumem_guest_unmap_sg(struct device *dev, struct scatterlist *sgl,
				  int nents, enum dma_data_direction dir,
				  unsigned long attrs)
{
}

/* Nothing has to be made coherent: a guest's processor is one of the host's. */
static const struct dma_map_ops gpumem_guest_dma_ops = {
	GPUMEM_DMA_IDENTITY,
	.map_sg = gpumem_guest_map_sg,
	.unmap_sg = gpumem_guest_unmap_sg,
};

/* A guest takes pieces of any size: it is told of each page by itself. */
static struct device_dma_parameters gpumem_guest_dma_parms = {
	.max_segment_size = UINT_MAX,
};

/**
 * gpumem_grant_buf_init - make the device that buffers get attached to
 *
 * Return: 0 or a negative errno
 */
int gpumem_grant_buf_init(void)
{
	struct device *dev = root_device_register("xen-gpumem");
	int ret;

	if (IS_ERR(dev))
		return PTR_ERR(dev);
	set_dma_ops(dev, &gpumem_guest_dma_ops);
	dev->dma_parms = &gpumem_guest_dma_parms;
	ret = dma_coerce_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret) {
		root_device_unregister(dev);
		return ret;
	}
	gpumem_guest_device = dev;
	return 0;
}

/**
 * gpumem_grant_buf_exit - remove it; no buffer is attached any more
 */
void gpumem_grant_buf_exit(void)
{
	root_device_unregister(gpumem_guest_device);
}

/* --- pages ---------------------------------------------------------------- */

/* Go on to the segment that the place is in.  Return: there is one. */
static bool gpumem_cursor_settle(struct gpumem_cursor *cursor)
{
	while (cursor->segments && cursor->at >= sg_dma_len(cursor->sg)) {
		cursor->sg = sg_next(cursor->sg);
		cursor->segments--;
		cursor->at = 0;
	}
	return cursor->segments;
}

/**
 * gpumem_cursor_start - go to a page of a buffer
 * @cursor: OUT
 * @sgt: the buffer, mapped for our device
 * @first: number of the page
 */
void gpumem_cursor_start(struct gpumem_cursor *cursor, struct sg_table *sgt,
			 u64 first)
{
	u64 skip = first << PAGE_SHIFT;
	unsigned int n;

	*cursor = (struct gpumem_cursor){
		.sg = sgt->sgl, .segments = sgt->nents,
	};
	while (skip && gpumem_cursor_settle(cursor)) {
		n = min_t(u64, skip, sg_dma_len(cursor->sg) - cursor->at);
		cursor->at += n;
		skip -= n;
	}
}

/**
 * gpumem_cursor_next - where a page is, and on to the next one
 * @cursor: the place
 * @pfn: OUT: Linux's number
 *
 * Return: false if the buffer ends here, or not on the boundary of a page
 */
bool gpumem_cursor_next(struct gpumem_cursor *cursor, unsigned long *pfn)
{
	dma_addr_t address;

	if (!gpumem_cursor_settle(cursor))
		return false;
	address = sg_dma_address(cursor->sg) + cursor->at;
	if (offset_in_page(address) ||
	    sg_dma_len(cursor->sg) - cursor->at < PAGE_SIZE)
		return false;
	*pfn = PHYS_PFN(address);
	cursor->at += PAGE_SIZE;
	return true;
}

/*
 * Ordinary memory of this domain's own?  Behind the pages that other domains'
 * memory gets mapped at there is none: they belong to a device or, under PV,
 * have an entry that says so.
 */
static bool gpumem_pfn_is_ours(unsigned long pfn)
{
	struct page *page = pfn_to_online_page(pfn);
	unsigned long entry;

	if (!page || PageReserved(page))
		return false;
	if (!xen_pv_domain())
		return true;
	entry = __pfn_to_mfn(pfn);
	return entry != INVALID_P2M_ENTRY &&
	       !(entry & (FOREIGN_FRAME_BIT | IDENTITY_FRAME_BIT));
}

/* All of the pages, before the first of them is granted. */
static int gpumem_grant_check_pages(struct gpumem_grant *grant, u64 first,
				    u32 *failed)
{
	struct gpumem_cursor cursor;
	unsigned long pfn;
	unsigned int i;

	gpumem_cursor_start(&cursor, grant->sgt, first);
	for (i = 0; i < grant->nr; i++) {
		if (!gpumem_cursor_next(&cursor, &pfn) ||
		    !gpumem_pfn_is_ours(pfn)) {
			*failed = i;
			return -EREMOTEIO;
		}
		cond_resched();
	}
	return 0;
}

/* --- the buffer ----------------------------------------------------------- */

static enum dma_data_direction
gpumem_grant_direction(const struct gpumem_grant *grant)
{
	return grant->flags & XEN_GPUMEM_GRANT_READONLY ? DMA_TO_DEVICE :
							   DMA_BIDIRECTIONAL;
}

/*
 * Exporters have many ways to say that they have nothing for a device that
 * wants system memory, and keeps it.
 */
static int gpumem_hold_error(long err)
{
	switch (err) {
	case -ERESTARTSYS:
	case -EINTR:
		return -EINTR;
	case -ENOMEM:
		return -ENOMEM;
	default:
		return -EREMOTEIO;
	}
}

/* Pinned from here on, and there: what moved it there is done. */
static int gpumem_grant_attach(struct gpumem_grant *grant)
{
	struct dma_buf *dmabuf = grant->dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	attach = dma_buf_attach(dmabuf, gpumem_guest_device);
	if (IS_ERR(attach))
		return gpumem_hold_error(PTR_ERR(attach));
	grant->attach = attach;

	if (dma_resv_lock_interruptible(dmabuf->resv, NULL))
		return -EINTR;
	sgt = dma_buf_map_attachment(attach, gpumem_grant_direction(grant));
	dma_resv_unlock(dmabuf->resv);
	if (IS_ERR(sgt))
		return gpumem_hold_error(PTR_ERR(sgt));
	grant->sgt = sgt;
	return 0;
}

/* What can be said of the buffer without disturbing it. */
static int gpumem_grant_check_buf(const struct gpumem_grant *grant, u64 first)
{
	u64 nr = grant->dmabuf->size >> PAGE_SHIFT;

	if (first > nr || grant->nr > nr - first)
		return -ERANGE;
	if (!(grant->flags & XEN_GPUMEM_GRANT_READONLY) &&
	    !(grant->dmabuf->file->f_mode & FMODE_WRITE))
		return -EACCES;
	return 0;
}

/**
 * gpumem_grant_hold - pin a dma-buf, and see whether it can be granted
 * @grant: nobody else knows of it yet
 * @fd: the dma-buf, in the calling process
 * @first: number of the first page in it
 * @failed: OUT: the page that caused an error, if one did
 *
 * Process context, no locks.  May wait as long as the exporter needs to bring
 * the buffer into system memory.
 *
 * Return: 0, for gpumem_grant_let_go(); or, with nothing left to let go of,
 * -EBADF no dma-buf; -ERANGE the pages do not lie in it; -EACCES it must not be
 * written; -EREMOTEIO it cannot be held in system memory of ours; -EINTR;
 * -ENOMEM
 */
int gpumem_grant_hold(struct gpumem_grant *grant, int fd, u64 first,
		      u32 *failed)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	int ret;

	if (IS_ERR(dmabuf))
		return -EBADF;
	grant->dmabuf = dmabuf;
	ret = gpumem_grant_check_buf(grant, first);
	if (!ret)
		ret = gpumem_grant_attach(grant);
	if (!ret)
		ret = gpumem_grant_check_pages(grant, first, failed);
	if (ret)
		gpumem_grant_let_go(grant);
	return ret;
}

/**
 * gpumem_grant_let_go - unpin the dma-buf, as far as it was pinned
 * @grant: no reference is left
 *
 * Process context, no locks but the grant's.  Harmless a second time.
 */
void gpumem_grant_let_go(struct gpumem_grant *grant)
{
	if (grant->sgt)
		dma_buf_unmap_attachment_unlocked(grant->attach, grant->sgt,
						  gpumem_grant_direction(grant));
	if (grant->attach)
		dma_buf_detach(grant->dmabuf, grant->attach);
	if (grant->dmabuf)
		dma_buf_put(grant->dmabuf);
	grant->sgt = NULL;
	grant->attach = NULL;
	grant->dmabuf = NULL;
}
