// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf importer for the tests, as well behaved or not as they want it.
 *
 * A module of its own, built only with CONFIG_XEN_GPUMEM_TEST.  Of the drivers
 * that a distribution has, those that run without hardware look at imported
 * buffers with the CPU.  This one has a device: QEMU's "edu", whose engine
 * copies up to a page between the bus and memory of its own.  So what a test
 * reads through it is what a device finds at the bus addresses that the exporter
 * gave out.
 *
 * Locks: importer.lock for all of a file's state but what the callback from
 * the exporter changes, which is under the buffer's dma_resv; edu_lock for the
 * device.  In that order: importer.lock, edu_lock, dma_resv; and nothing of a
 * process is touched under the last.
 */
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/xen/page.h>

#include "../compat.h"
#include "importer-uapi.h"

#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define EDU_DMA_RUN	1
#define EDU_DMA_TO_BUS	2
/* Where its own memory is, as its engine numbers it. */
#define EDU_MEMORY	0x40000

static DEFINE_MUTEX(edu_lock);
/* Protected by edu_lock */
static struct pci_dev *edu;
static void __iomem *edu_regs;
static void *edu_page;
static dma_addr_t edu_page_bus;

struct importer_fence {
	struct dma_fence base;
	spinlock_t lock;
};

struct importer {
	struct mutex lock;
	u32 flags;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct dma_fence *fence;
	enum dma_data_direction dir;
	/* Protected by the buffer's dma_resv */
	struct sg_table *sgt;
	struct sg_table merged;		/* if its sgl is set */
	u32 invalidated;
};

/* --- the device --------------------------------------------------------------- */

static int edu_copy(dma_addr_t src, dma_addr_t dst, u32 length, u32 command)
{
	unsigned int i;

	lockdep_assert_held(&edu_lock);

	writeq(src, edu_regs + EDU_DMA_SRC);
	writeq(dst, edu_regs + EDU_DMA_DST);
	writeq(length, edu_regs + EDU_DMA_COUNT);
	writeq(command | EDU_DMA_RUN, edu_regs + EDU_DMA_COMMAND);
	for (i = 0; i < 10000; i++) {
		if (!(readl(edu_regs + EDU_DMA_COMMAND) & EDU_DMA_RUN))
			return 0;
		usleep_range(1000, 2000);
	}
	return -ETIMEDOUT;
}

/* From the bus into the device, and from there to where we can read it. */
static int edu_read(dma_addr_t bus, u32 length)
{
	int ret = edu_copy(bus, EDU_MEMORY, length, 0);

	return ret ?: edu_copy(EDU_MEMORY, edu_page_bus, length,
			       EDU_DMA_TO_BUS);
}

static int edu_write(dma_addr_t bus, u32 length)
{
	int ret = edu_copy(edu_page_bus, EDU_MEMORY, length, 0);

	return ret ?: edu_copy(EDU_MEMORY, bus, length, EDU_DMA_TO_BUS);
}

/* --- mapping -------------------------------------------------------------------- */

static void importer_unmap(struct importer *im)
{
	if (im->merged.sgl) {
		dma_unmap_sgtable(&edu->dev, &im->merged, im->dir,
				  DMA_ATTR_SKIP_CPU_SYNC);
		sg_free_table(&im->merged);
	}
	if (!im->sgt)
		return;
	dma_buf_unmap_attachment(im->attach, im->sgt, im->dir);
	im->sgt = NULL;
}

static void importer_invalidate(struct dma_buf_attachment *attach)
{
	struct importer *im = attach->importer_priv;

	im->invalidated++;
	if (!(im->flags & IMPORTER_STUBBORN))
		importer_unmap(im);
}

static const struct dma_buf_attach_ops importer_ops = {
	.allow_peer2peer = true,
	.GPUMEM_INVALIDATE = importer_invalidate,
};

static long importer_attach(struct importer *im, void __user *arg)
{
	struct importer_attach a;
	bool dynamic;
	long ret;

	if (im->attach)
		return -EBUSY;
	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	im->dmabuf = dma_buf_get(a.fd);
	if (IS_ERR(im->dmabuf)) {
		ret = PTR_ERR(im->dmabuf);
		im->dmabuf = NULL;
		return ret;
	}
	im->flags = a.flags;
	im->invalidated = 0;
	dynamic = a.flags & (IMPORTER_DYNAMIC | IMPORTER_STUBBORN);
	im->attach = dynamic ?
		dma_buf_dynamic_attach(im->dmabuf, &edu->dev, &importer_ops,
				       im) :
		dma_buf_attach(im->dmabuf, &edu->dev);
	if (IS_ERR(im->attach)) {
		ret = PTR_ERR(im->attach);
		im->attach = NULL;
		dma_buf_put(im->dmabuf);
		im->dmabuf = NULL;
		return ret;
	}
	return 0;
}

static void importer_done(struct importer *im)
{
	if (!im->fence)
		return;
	dma_fence_signal(im->fence);
	dma_fence_put(im->fence);
	im->fence = NULL;
}

static void importer_detach(struct importer *im)
{
	if (!im->attach)
		return;
	importer_done(im);
	dma_resv_lock(im->dmabuf->resv, NULL);
	importer_unmap(im);
	dma_resv_unlock(im->dmabuf->resv);
	dma_buf_detach(im->dmabuf, im->attach);
	dma_buf_put(im->dmabuf);
	im->attach = NULL;
	im->dmabuf = NULL;
}

static long importer_map(struct importer *im, unsigned long dir)
{
	static const enum dma_data_direction dirs[] = {
		[IMPORTER_TO_DEVICE] = DMA_TO_DEVICE,
		[IMPORTER_FROM_DEVICE] = DMA_FROM_DEVICE,
		[IMPORTER_BIDIRECTIONAL] = DMA_BIDIRECTIONAL,
	};
	struct sg_table *sgt;
	long ret = 0;

	if (!dir || dir >= ARRAY_SIZE(dirs))
		return -EINVAL;
	dma_resv_lock(im->dmabuf->resv, NULL);
	if (im->sgt) {
		ret = -EBUSY;
		goto out;
	}
	im->dir = dirs[dir];
	sgt = dma_buf_map_attachment(im->attach, im->dir);
	if (IS_ERR(sgt))
		ret = PTR_ERR(sgt);
	else
		im->sgt = sgt;
out:
	dma_resv_unlock(im->dmabuf->resv);
	return ret;
}

/* --- as others do it --------------------------------------------------------- */

/*
 * What gntdev-dmabuf and udmabuf hand out for the same pages.  An importer has
 * no business with them; this one wants to see what would become of it.
 */
static int importer_merge_pages(struct importer *im, struct page **pages,
				unsigned int nr)
{
	struct sg_page_iter at;
	unsigned int n = 0;
	int ret;

	for_each_sgtable_page(im->sgt, &at, 0)
		if (n < nr)
			pages[n++] = sg_page_iter_page(&at);
	if (n != nr)
		return -EIO;
	ret = sg_alloc_table_from_pages(&im->merged, pages, nr, 0,
					(unsigned long)nr << PAGE_SHIFT,
					GFP_KERNEL);
	if (ret)
		return ret;
	ret = dma_map_sgtable(&edu->dev, &im->merged, im->dir,
			      DMA_ATTR_SKIP_CPU_SYNC);
	if (ret)
		sg_free_table(&im->merged);
	return ret;
}

static long importer_merge(struct importer *im)
{
	unsigned int nr = im->dmabuf->size >> PAGE_SHIFT;
	struct page **pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	long ret = -ENXIO;

	if (!pages)
		return -ENOMEM;
	dma_resv_lock(im->dmabuf->resv, NULL);
	/* A buffer without struct pages has none to merge. */
	if (im->sgt && sg_page(im->sgt->sgl))
		ret = im->merged.sgl ? -EBUSY :
		      importer_merge_pages(im, pages, nr);
	dma_resv_unlock(im->dmabuf->resv);
	kvfree(pages);
	return ret;
}

/*
 * Memory for a device that does not reach far is exchanged for such under PV,
 * and when it is freed, for single pages, as the hypervisor has them.
 */
static long importer_scatter(unsigned long pieces)
{
	u64 mask = edu->dev.coherent_dma_mask;
	struct {
		void *p;
		dma_addr_t bus;
	} *piece;
	unsigned long i;

	if (pieces > IMPORTER_PIECES)
		return -EINVAL;
	piece = kcalloc(pieces, sizeof(*piece), GFP_KERNEL);
	if (!piece)
		return -ENOMEM;
	guard(mutex)(&edu_lock);
	edu->dev.coherent_dma_mask = DMA_BIT_MASK(31);
	for (i = 0; i < pieces; i++)
		piece[i].p = dma_alloc_coherent(&edu->dev, SZ_2M, &piece[i].bus,
						GFP_KERNEL | __GFP_NOWARN);
	for (i = 0; i < pieces; i++)
		if (piece[i].p)
			dma_free_coherent(&edu->dev, SZ_2M, piece[i].p,
					  piece[i].bus);
	edu->dev.coherent_dma_mask = mask;
	kfree(piece);
	return 0;
}

/* --- what the tests ask for ----------------------------------------------------- */

/* The mapping that is looked at, or NULL. */
static struct sg_table *importer_table(struct importer *im)
{
	return im->merged.sgl ? &im->merged : im->sgt;
}

/* The bus address of an offset. */
static dma_addr_t importer_bus(struct importer *im, u64 offset, u32 length)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(importer_table(im), sg, i) {
		if (offset < sg_dma_len(sg))
			return offset + length <= sg_dma_len(sg) ?
			       sg_dma_address(sg) + offset : DMA_MAPPING_ERROR;
		offset -= sg_dma_len(sg);
	}
	return DMA_MAPPING_ERROR;
}

/* Between the buffer and edu_page, by the device. */
static long importer_dma(struct importer *im, const struct importer_copy *c)
{
	dma_addr_t bus = im->sgt ? importer_bus(im, c->offset, c->length) :
				   DMA_MAPPING_ERROR;

	if (bus == DMA_MAPPING_ERROR)
		return -ENXIO;
	return c->direction == IMPORTER_TO_DEVICE ? edu_read(bus, c->length) :
						    edu_write(bus, c->length);
}

/* The same by the CPU. */
static long importer_vmap(struct importer *im, const struct importer_copy *c)
{
	struct iosys_map map;
	long ret;

	if (c->offset > im->dmabuf->size ||
	    c->length > im->dmabuf->size - c->offset)
		return -ENXIO;
	ret = dma_buf_vmap(im->dmabuf, &map);
	if (ret)
		return ret;
	if (c->direction == IMPORTER_TO_DEVICE)
		memcpy(edu_page, map.vaddr + c->offset, c->length);
	else
		memcpy(map.vaddr + c->offset, edu_page, c->length);
	dma_buf_vunmap(im->dmabuf, &map);
	return 0;
}

/* The caller's memory is touched outside of dma_resv: a fault comes first. */
static long importer_copy(struct importer *im, void __user *arg, bool dma)
{
	struct importer_copy c;
	void __user *user;
	long ret;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	if (!c.length || c.length > PAGE_SIZE)
		return -EINVAL;
	user = u64_to_user_ptr(c.address);
	guard(mutex)(&edu_lock);
	memset(edu_page, 0xee, c.length);
	if (c.direction != IMPORTER_TO_DEVICE &&
	    copy_from_user(edu_page, user, c.length))
		return -EFAULT;
	dma_resv_lock(im->dmabuf->resv, NULL);
	ret = dma ? importer_dma(im, &c) : importer_vmap(im, &c);
	dma_resv_unlock(im->dmabuf->resv);
	if (!ret && c.direction == IMPORTER_TO_DEVICE &&
	    copy_to_user(user, edu_page, c.length))
		ret = -EFAULT;
	return ret;
}

/* Segments that the DMA layer has put elsewhere, as far as it can be told. */
static u32 importer_copies(struct sg_table *sgt)
{
	struct scatterlist *sg;
	unsigned int i;
	u32 nr = 0;

	for_each_sgtable_dma_sg(sgt, sg, i)
		if (sg_page(sg) && sg_dma_address(sg) !=
		    PFN_PHYS(pfn_to_gfn(page_to_pfn(sg_page(sg)))))
			nr++;
	return nr;
}

static long importer_state(struct importer *im, void __user *arg)
{
	struct importer_state s = { };
	struct sg_table *sgt;

	dma_resv_lock(im->dmabuf->resv, NULL);
	sgt = importer_table(im);
	s.mapped = !!im->sgt;
	s.invalidated = im->invalidated;
	if (sgt) {
		s.segments = sgt->nents;
		s.copies = importer_copies(sgt);
	}
	dma_resv_unlock(im->dmabuf->resv);
	return copy_to_user(arg, &s, sizeof(s)) ? -EFAULT : 0;
}

static long importer_segment(struct importer *im, void __user *arg)
{
	struct importer_segment s;
	struct scatterlist *sg;
	unsigned int i;
	long ret = -ENXIO;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	dma_resv_lock(im->dmabuf->resv, NULL);
	if (importer_table(im))
		for_each_sgtable_dma_sg(importer_table(im), sg, i)
			if (i == s.index) {
				s.address = sg_dma_address(sg);
				s.length = sg_dma_len(sg);
				s.pfn = sg_page(sg) ?
					page_to_pfn(sg_page(sg)) : 0;
				ret = 0;
			}
	dma_resv_unlock(im->dmabuf->resv);
	if (!ret && copy_to_user(arg, &s, sizeof(s)))
		ret = -EFAULT;
	return ret;
}

/* --- work that is not done ---------------------------------------------------------- */

static const char *importer_fence_name(struct dma_fence *fence)
{
	return "xen-gpumem-importer";
}

static const struct dma_fence_ops importer_fence_ops = {
	.get_driver_name = importer_fence_name,
	.get_timeline_name = importer_fence_name,
};

static long importer_busy(struct importer *im)
{
	struct importer_fence *fence;
	long ret;

	if (im->fence)
		return -EBUSY;
	fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	if (!fence)
		return -ENOMEM;
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &importer_fence_ops, &fence->lock,
		       dma_fence_context_alloc(1), 1);
	dma_resv_lock(im->dmabuf->resv, NULL);
	ret = dma_resv_reserve_fences(im->dmabuf->resv, 1);
	if (!ret)
		dma_resv_add_fence(im->dmabuf->resv, &fence->base,
				   DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_unlock(im->dmabuf->resv);
	if (ret)
		dma_fence_put(&fence->base);
	else
		im->fence = &fence->base;
	return ret;
}

/* --- the node ------------------------------------------------------------------------- */

static long importer_call(struct importer *im, unsigned int cmd,
			  unsigned long arg)
{
	void __user *uarg = (void __user *)arg;

	if (cmd == IMPORTER_ATTACH)
		return importer_attach(im, uarg);
	if (cmd == IMPORTER_SCATTER)
		return importer_scatter(arg);
	if (!im->attach)
		return -ENOTCONN;
	switch (cmd) {
	case IMPORTER_DETACH:
		importer_detach(im);
		return 0;
	case IMPORTER_MAP:
		return importer_map(im, arg);
	case IMPORTER_UNMAP:
		dma_resv_lock(im->dmabuf->resv, NULL);
		importer_unmap(im);
		dma_resv_unlock(im->dmabuf->resv);
		return 0;
	case IMPORTER_DMA:
	case IMPORTER_VMAP:
		return importer_copy(im, uarg, cmd == IMPORTER_DMA);
	case IMPORTER_STATE:
		return importer_state(im, uarg);
	case IMPORTER_SEGMENT:
		return importer_segment(im, uarg);
	case IMPORTER_BUSY:
		return importer_busy(im);
	case IMPORTER_DONE:
		importer_done(im);
		return 0;
	case IMPORTER_MERGE:
		return importer_merge(im);
	default:
		return -ENOTTY;
	}
}

static long importer_ioctl(struct file *filp, unsigned int cmd,
			   unsigned long arg)
{
	struct importer *im = filp->private_data;

	guard(mutex)(&im->lock);
	return importer_call(im, cmd, arg);
}

static int importer_open(struct inode *inode, struct file *filp)
{
	struct importer *im = kzalloc(sizeof(*im), GFP_KERNEL);

	if (!im)
		return -ENOMEM;
	mutex_init(&im->lock);
	filp->private_data = im;
	return 0;
}

static int importer_release(struct inode *inode, struct file *filp)
{
	struct importer *im = filp->private_data;

	importer_detach(im);
	kfree(im);
	return 0;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.open = importer_open,
	.release = importer_release,
	.unlocked_ioctl = importer_ioctl,
};

static struct miscdevice importer_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "xen-gpumem-importer",
	.fops = &importer_fops,
	.mode = 0600,
};

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret = pcim_enable_device(pdev);

	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	edu_regs = pcim_iomap(pdev, 0, 0);
	edu_page = dmam_alloc_coherent(&pdev->dev, PAGE_SIZE, &edu_page_bus,
				       GFP_KERNEL);
	if (!edu_regs || !edu_page)
		return -ENOMEM;
	pci_set_master(pdev);
	edu = pdev;
	return misc_register(&importer_node);
}

static void edu_remove(struct pci_dev *pdev)
{
	misc_deregister(&importer_node);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

static struct pci_driver edu_driver = {
	.name = "xen-gpumem-importer",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_IMPORT_NS(GPUMEM_IMPORT_DMA_BUF);
MODULE_DESCRIPTION("dma-buf importer for tests");
MODULE_LICENSE("GPL");
