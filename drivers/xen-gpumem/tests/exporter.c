// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dma-buf exporter for the tests, as well behaved or not as they want it.
 *
 * What importers must be able to rely on it takes away when they have let go:
 * the pages of a buffer that nobody has mapped for a device are filled with
 * something else, as they would be by their next user.  So an importer that
 * lets go too early is seen.
 *
 * Locks: the buffer's dma_resv for what is counted.
 */
#include <linux/atomic.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <xen/grant_table.h>

#include "../compat.h"
#include "exporter-uapi.h"

#define EXPORTER_PAGES_MAX	4096
#define EXPORTER_POISON		0xdb

struct exporter_buf {
	struct exporter_new args;
	unsigned int nr;
	struct page **pages;
	/* Protected by the buffer's dma_resv */
	unsigned int mapped;
	unsigned int pinned;
};

static atomic_t exporter_count = ATOMIC_INIT(0);

static bool exporter_has_memory(const struct exporter_buf *buf)
{
	return buf->args.kind != EXPORTER_HOLLOW &&
	       buf->args.kind != EXPORTER_BARE;
}

/* --- pages ---------------------------------------------------------------- */

static void exporter_free_pages(struct exporter_buf *buf)
{
	unsigned int i;

	if (buf->args.kind == EXPORTER_HOLLOW && buf->nr)
		gnttab_free_pages(buf->nr, buf->pages);
	for (i = 0; i < buf->nr && exporter_has_memory(buf); i++)
		__free_page(buf->pages[i]);
	kvfree(buf->pages);
}

/* Blocks whose pages can be mapped, and freed, one by one. */
static int exporter_alloc_block(struct exporter_buf *buf, unsigned int order)
{
	struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
	unsigned int i;

	if (!page)
		return -ENOMEM;
	if (order)
		split_page(page, order);
	for (i = 0; i < 1 << order; i++)
		buf->pages[buf->nr++] = page + i;
	return 0;
}

static int exporter_alloc_pages(struct exporter_buf *buf)
{
	unsigned int order = buf->args.kind == EXPORTER_BLOCKS ?
			     ilog2(EXPORTER_BLOCK) : 0;
	int ret = 0;

	buf->pages = kvcalloc(buf->args.pages, sizeof(*buf->pages),
			      GFP_KERNEL);
	if (!buf->pages)
		return -ENOMEM;
	if (buf->args.kind == EXPORTER_HOLLOW) {
		ret = gnttab_alloc_pages(buf->args.pages, buf->pages);
		if (!ret)
			buf->nr = buf->args.pages;
		return ret;
	}
	while (buf->nr < buf->args.pages && !ret)
		ret = exporter_alloc_block(buf, order);
	return ret;
}

static void exporter_poison(struct exporter_buf *buf)
{
	unsigned int i;

	for (i = 0; i < buf->nr && exporter_has_memory(buf); i++)
		memset(page_address(buf->pages[i]), EXPORTER_POISON,
		       PAGE_SIZE);
}

/* --- the table ------------------------------------------------------------ */

static int exporter_map_bare(struct exporter_buf *buf, struct sg_table *sgt)
{
	int ret = sg_alloc_table(sgt, 1, GFP_KERNEL);

	if (ret)
		return ret;
	sg_set_page(sgt->sgl, NULL, buf->args.pages << PAGE_SHIFT, 0);
	sg_dma_address(sgt->sgl) = buf->args.address;
	sg_dma_len(sgt->sgl) = buf->args.pages << PAGE_SHIFT;
	return 0;
}

static int exporter_map_pages(struct exporter_buf *buf, struct sg_table *sgt)
{
	unsigned int step = buf->args.kind == EXPORTER_BLOCKS ?
			    EXPORTER_BLOCK : 1;
	unsigned int nr = buf->args.kind == EXPORTER_SHORT ? buf->nr / 2 :
							     buf->nr;
	unsigned int shift = buf->args.kind == EXPORTER_SHIFTED ? 512 : 0;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	ret = sg_alloc_table(sgt, nr / step, GFP_KERNEL);
	if (ret)
		return ret;
	for_each_sgtable_sg(sgt, sg, i)
		sg_set_page(sg, buf->pages[i * step],
			    (step << PAGE_SHIFT) - shift, shift);
	return 0;
}

static struct sg_table *exporter_map(struct dma_buf_attachment *attach,
				     enum dma_data_direction dir)
{
	struct exporter_buf *buf = attach->dmabuf->priv;
	struct sg_table *sgt;
	int ret;

	if (buf->args.map_error)
		return ERR_PTR(buf->args.map_error);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (buf->args.kind == EXPORTER_BARE) {
		ret = exporter_map_bare(buf, sgt);
	} else {
		ret = exporter_map_pages(buf, sgt);
		if (!ret)
			ret = dma_map_sgtable(attach->dev, sgt, dir,
					      DMA_ATTR_SKIP_CPU_SYNC);
	}
	if (ret) {
		sg_free_table(sgt);
		kfree(sgt);
		return ERR_PTR(ret);
	}
	buf->mapped++;
	return sgt;
}

static void exporter_unmap(struct dma_buf_attachment *attach,
			   struct sg_table *sgt, enum dma_data_direction dir)
{
	struct exporter_buf *buf = attach->dmabuf->priv;

	if (buf->args.kind != EXPORTER_BARE)
		dma_unmap_sgtable(attach->dev, sgt, dir,
				  DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
	if (!--buf->mapped)
		exporter_poison(buf);
}

static int exporter_pin(struct dma_buf_attachment *attach)
{
	struct exporter_buf *buf = attach->dmabuf->priv;

	if (buf->args.pin_error)
		return buf->args.pin_error;
	buf->pinned++;
	return 0;
}

static void exporter_unpin(struct dma_buf_attachment *attach)
{
	struct exporter_buf *buf = attach->dmabuf->priv;

	buf->pinned--;
}

/* --- the buffer ----------------------------------------------------------- */

static int exporter_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct exporter_buf *buf = dmabuf->priv;

	if (!exporter_has_memory(buf))
		return -EOPNOTSUPP;
	return vm_map_pages(vma, buf->pages, buf->nr);
}

static void exporter_free(struct exporter_buf *buf)
{
	exporter_free_pages(buf);
	kfree(buf);
	atomic_dec(&exporter_count);
}

static void exporter_release(struct dma_buf *dmabuf)
{
	exporter_free(dmabuf->priv);
}

static const struct dma_buf_ops exporter_ops = {
	.pin = exporter_pin,
	.unpin = exporter_unpin,
	.map_dma_buf = exporter_map,
	.unmap_dma_buf = exporter_unmap,
	.mmap = exporter_mmap,
	.release = exporter_release,
};

static struct exporter_buf *exporter_create(const struct exporter_new *args)
{
	struct exporter_buf *buf;
	int ret;

	if (args->kind >= EXPORTER_KINDS || !args->pages ||
	    args->pages > EXPORTER_PAGES_MAX ||
	    args->pages % EXPORTER_BLOCK)
		return ERR_PTR(-EINVAL);
	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->args = *args;
	atomic_inc(&exporter_count);
	ret = args->kind == EXPORTER_BARE ? 0 : exporter_alloc_pages(buf);
	if (ret) {
		exporter_free(buf);
		return ERR_PTR(ret);
	}
	return buf;
}

static long exporter_new(void __user *arg)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct exporter_new args;
	struct exporter_buf *buf;
	struct dma_buf *dmabuf;
	int fd;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	buf = exporter_create(&args);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	info.ops = &exporter_ops;
	info.size = (size_t)args.pages << PAGE_SHIFT;
	info.flags = O_RDWR;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		exporter_free(buf);
		return PTR_ERR(dmabuf);
	}
	fd = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

static long exporter_state(void __user *arg)
{
	struct exporter_buf *buf;
	struct exporter_state s;
	struct dma_buf *dmabuf;
	struct list_head *at;
	long ret = 0;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	dmabuf = dma_buf_get(s.fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	if (dmabuf->ops != &exporter_ops) {
		dma_buf_put(dmabuf);
		return -EINVAL;
	}
	buf = dmabuf->priv;
	s.attached = 0;
	dma_resv_lock(dmabuf->resv, NULL);
	list_for_each(at, &dmabuf->attachments)
		s.attached++;
	s.mapped = buf->mapped;
	s.pinned = buf->pinned;
	dma_resv_unlock(dmabuf->resv);
	if (copy_to_user(arg, &s, sizeof(s)))
		ret = -EFAULT;
	dma_buf_put(dmabuf);
	return ret;
}

/* --- the node ------------------------------------------------------------- */

static long exporter_ioctl(struct file *filp, unsigned int cmd,
			   unsigned long arg)
{
	switch (cmd) {
	case EXPORTER_NEW:
		return exporter_new((void __user *)arg);
	case EXPORTER_STATE:
		return exporter_state((void __user *)arg);
	case EXPORTER_COUNT:
		return atomic_read(&exporter_count);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations exporter_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = exporter_ioctl,
};

static struct miscdevice exporter_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "xen-gpumem-exporter",
	.fops = &exporter_fops,
	.mode = 0600,
};
module_misc_device(exporter_node);

MODULE_IMPORT_NS(GPUMEM_IMPORT_DMA_BUF);
MODULE_DESCRIPTION("dma-buf exporter for tests");
MODULE_LICENSE("GPL");
