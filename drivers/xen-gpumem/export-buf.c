// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dma-buf of an export: what importers see.
 *
 * An importer gets a scatter list of bus addresses.  Pages that follow each
 * other in the list are one segment only where their *bus* addresses follow
 * each other: under PV neighbours among Linux's page frames are as good as
 * never neighbours on the bus, and whoever merges them sends the device to
 * other memory, or has the DMA layer make a copy that nobody refreshes.  The
 * DMA layer makes such copies, too, for devices that cannot reach an address.
 * There is no sense in a snapshot of memory that is shared to be watched, so
 * that mapping is refused: what was mapped is compared with where the pages
 * are.
 *
 * The buffer never moves.  What can happen to it is to be revoked: importers
 * that can let go (they have invalidate_mappings) are told; the others are
 * counted.
 *
 * An importer that only looks at the buffer with the CPU attaches, too.  What a
 * device could not do with it is therefore said when it is mapped for one.
 *
 * Locks: resv; see export.h.
 */
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "compat.h"
#include "export.h"

/**
 * struct gpumem_export_map - a mapping for DMA
 * @sgt: what the importer has
 * @dev: for whom
 * @dir: which way
 * @is_static: the importer cannot let go
 * @has_pages: there are struct pages in it
 */
struct gpumem_export_map {
	struct sg_table sgt;
	struct device *dev;
	enum dma_data_direction dir;
	bool is_static;
	bool has_pages;
};

static int gpumem_buf_attach(struct dma_buf *dmabuf,
			     struct dma_buf_attachment *attach)
{
	struct gpumem_export *export = dmabuf->priv;

	if (READ_ONCE(export->revoked))
		return -ENODEV;
	if ((export->flags & XEN_GPUMEM_EXPORT_REVOCABLE) &&
	    !gpumem_attach_revocable(attach))
		return -EOPNOTSUPP;
	if (!dev_is_dma_coherent(attach->dev))
		return -EOPNOTSUPP;
	return 0;
}

/* The buffer does not move anyway. */
static int gpumem_buf_pin(struct dma_buf_attachment *attach)
{
	struct gpumem_export *export = attach->dmabuf->priv;

	dma_resv_assert_held(&export->resv);

	return export->revoked ? -ENODEV : 0;
}

static void gpumem_buf_unpin(struct dma_buf_attachment *attach)
{
}

/* --- mappings for DMA ------------------------------------------------------- */

/* Does page @first + @nr follow, for Linux and on the bus? */
static bool gpumem_adjoins(const struct gpumem_export *export,
			   unsigned int first, unsigned int nr)
{
	if (gpumem_export_bus(export, first + nr) !=
	    gpumem_export_bus(export, first) + nr)
		return false;
	return !export->pages || page_to_pfn(export->pages[first + nr]) ==
				 page_to_pfn(export->pages[first]) + nr;
}

/* How many pages from @first on are one segment of at most @max bytes. */
static unsigned int gpumem_segment(const struct gpumem_export *export,
				   unsigned int first, size_t max)
{
	unsigned int nr = 1, most = max >> PAGE_SHIFT;

	while (nr < most && first + nr < export->nr &&
	       gpumem_adjoins(export, first, nr))
		nr++;
	return nr;
}

/* What a device may get as one piece. */
static size_t gpumem_segment_max(struct device *dev)
{
	size_t max = min(dma_max_mapping_size(dev),
			 (size_t)dma_get_max_seg_size(dev));

	return clamp_t(size_t, max, PAGE_SIZE, SZ_1G);
}

/* Can it reach that, unless an IOMMU of Linux's stands between? */
static bool gpumem_reaches(struct device *dev, unsigned long frame,
			   unsigned int nr)
{
	return device_iommu_mapped(dev) ||
	       PFN_PHYS(frame + nr) - 1 <= min_not_zero(dma_get_mask(dev),
							dev->bus_dma_limit);
}

static int gpumem_map_fill(struct gpumem_export *export,
			   struct gpumem_export_map *map)
{
	size_t max = gpumem_segment_max(map->dev);
	unsigned int i, n, nents = 0;
	struct scatterlist *sg;
	int ret;

	/* The DMA layer would make a copy, or warn. */
	for (i = 0; i < export->nr; i += n, nents++) {
		n = gpumem_segment(export, i, max);
		if (!gpumem_reaches(map->dev, gpumem_export_bus(export, i), n))
			return -ERANGE;
		cond_resched();
	}
	ret = sg_alloc_table(&map->sgt, nents, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	sg = map->sgt.sgl;
	for (i = 0; i < export->nr; i += n) {
		n = gpumem_segment(export, i, max);
		sg_set_page(sg, export->pages ? export->pages[i] : NULL,
			    n << PAGE_SHIFT, 0);
		/* Where it is: what the device is to be given. */
		sg_dma_address(sg) = PFN_PHYS(gpumem_export_bus(export, i));
		sg = sg_next(sg);
		cond_resched();
	}
	return 0;
}

/* Frames without pages are to the DMA layer what device memory is. */
static void gpumem_unmap_frames(struct gpumem_export_map *map, unsigned int nr)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(map->sgt.sgl, sg, nr, i)
		gpumem_dma_unmap(map->dev, sg_dma_address(sg), sg_dma_len(sg),
				 map->dir);
}

static int gpumem_map_frames(struct gpumem_export_map *map)
{
	struct scatterlist *sg;
	dma_addr_t address;
	unsigned int i;

	for_each_sgtable_sg(&map->sgt, sg, i) {
		address = gpumem_dma_map(map->dev, sg_dma_address(sg),
					 sg->length, map->dir);
		if (dma_mapping_error(map->dev, address)) {
			gpumem_unmap_frames(map, i);
			return -ERANGE;
		}
		sg_dma_address(sg) = address;
		sg_dma_len(sg) = sg->length;
	}
	map->sgt.nents = map->sgt.orig_nents;
	return 0;
}

/* Is the device looking at the pages themselves? */
static bool gpumem_map_is_direct(const struct gpumem_export *export,
				 const struct gpumem_export_map *map)
{
	struct scatterlist *sg;
	unsigned int i, index = 0;

	if (device_iommu_mapped(map->dev))
		return true;
	for_each_sgtable_sg(&map->sgt, sg, i) {
		if (sg_dma_address(sg) !=
		    PFN_PHYS(gpumem_export_bus(export, index)))
			return false;
		index += sg->length >> PAGE_SHIFT;
		cond_resched();
	}
	return true;
}

static void gpumem_unmap_device(struct gpumem_export_map *map)
{
	if (map->has_pages)
		dma_unmap_sgtable(map->dev, &map->sgt, map->dir,
				  DMA_ATTR_SKIP_CPU_SYNC);
	else
		gpumem_unmap_frames(map, map->sgt.orig_nents);
}

/*
 * Devices are coherent, and a copy that the DMA layer made all the same must not
 * be written back over what the guest has written since.
 */
static int gpumem_map_device(struct gpumem_export *export,
			     struct gpumem_export_map *map)
{
	int ret;

	ret = map->has_pages ?
	      dma_map_sgtable(map->dev, &map->sgt, map->dir,
			      DMA_ATTR_SKIP_CPU_SYNC) :
	      gpumem_map_frames(map);
	if (ret || gpumem_map_is_direct(export, map))
		return ret;
	gpumem_unmap_device(map);
	return -ERANGE;
}

static struct sg_table *gpumem_buf_map(struct dma_buf_attachment *attach,
				       enum dma_data_direction dir)
{
	struct gpumem_export *export = attach->dmabuf->priv;
	struct gpumem_export_map *map;
	int ret;

	dma_resv_assert_held(&export->resv);

	if (export->revoked)
		return ERR_PTR(-ENODEV);
	if ((export->flags & XEN_GPUMEM_EXPORT_READONLY) &&
	    dir != DMA_TO_DEVICE)
		return ERR_PTR(-EACCES);
	/* No struct pages: only for those that can do without. */
	if (!export->pages && !attach->peer2peer)
		return ERR_PTR(-EOPNOTSUPP);
	/* Not a device that does DMA; the DMA layer would warn. */
	if (!attach->dev->dma_mask)
		return ERR_PTR(-EOPNOTSUPP);
	map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	if (!map)
		return ERR_PTR(-ENOMEM);
	map->dev = attach->dev;
	map->dir = dir;
	map->is_static = !gpumem_attach_revocable(attach);
	map->has_pages = export->pages;

	ret = gpumem_map_fill(export, map);
	if (ret)
		goto err_free;
	ret = gpumem_map_device(export, map);
	if (ret)
		goto err_table;
	export->nr_segments = map->sgt.orig_nents;
	export->nr_maps++;
	export->nr_static += map->is_static;
	return &map->sgt;

err_table:
	sg_free_table(&map->sgt);
err_free:
	kfree(map);
	return ERR_PTR(ret);
}

static void gpumem_buf_unmap(struct dma_buf_attachment *attach,
			     struct sg_table *sgt, enum dma_data_direction dir)
{
	struct gpumem_export_map *map =
		container_of(sgt, struct gpumem_export_map, sgt);
	struct gpumem_export *export = attach->dmabuf->priv;

	dma_resv_assert_held(&export->resv);

	gpumem_unmap_device(map);
	sg_free_table(&map->sgt);
	export->nr_static -= map->is_static;
	WRITE_ONCE(export->nr_maps, export->nr_maps - 1);
	kfree(map);
	wake_up_all(&export->idle);
}

/* --- the CPU ---------------------------------------------------------------- */

/*
 * There is nothing to sync, for any attachment: devices that attach are coherent
 * with the CPU, and no mapping is a copy.
 */
static int gpumem_buf_begin_cpu(struct dma_buf *dmabuf,
				enum dma_data_direction dir)
{
	struct gpumem_export *export = dmabuf->priv;

	return READ_ONCE(export->revoked) ? -ENODEV : 0;
}

/*
 * Past a revocation it succeeds all the same, as the DMA-buf core takes a vmap
 * that fails for a bug and warns.  Who asks sees zeroes, and its own writes.
 */
static int gpumem_buf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct gpumem_export *export = dmabuf->priv;
	void *vaddr;

	dma_resv_assert_held(&export->resv);

	if (export->revoked) {
		vaddr = gpumem_scratch_vmap(export);
	} else {
		vaddr = gpumem_export_vmap(export);
		export->vaddr = vaddr;
	}
	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void gpumem_buf_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct gpumem_export *export = dmabuf->priv;

	dma_resv_assert_held(&export->resv);

	if (map->vaddr != export->vaddr) {
		gpumem_scratch_vunmap(export, map->vaddr);
		return;
	}
	gpumem_export_vunmap(export);
	WRITE_ONCE(export->vaddr, NULL);
	wake_up_all(&export->idle);
}

/* --- the buffer ------------------------------------------------------------- */

static void gpumem_buf_release(struct dma_buf *dmabuf)
{
	gpumem_export_release(dmabuf->priv);
}

#define GPUMEM_BUF_OPS				\
	.attach = gpumem_buf_attach,		\
	.pin = gpumem_buf_pin,			\
	.unpin = gpumem_buf_unpin,		\
	.map_dma_buf = gpumem_buf_map,		\
	.unmap_dma_buf = gpumem_buf_unmap,	\
	.release = gpumem_buf_release,		\
	.begin_cpu_access = gpumem_buf_begin_cpu, \
	.mmap = gpumem_export_mmap

static const struct dma_buf_ops gpumem_buf_ops = {
	GPUMEM_BUF_OPS,
	.vmap = gpumem_buf_vmap,
	.vunmap = gpumem_buf_vunmap,
};

/* What has no vmap says so: one that fails is a bug to the core, and warns. */
static const struct dma_buf_ops gpumem_buf_ops_no_vmap = {
	GPUMEM_BUF_OPS,
};

static const struct dma_buf_ops *
gpumem_buf_choose_ops(const struct gpumem_export *export)
{
	/* The kernel's users of a vmap do not say whether they will write. */
	if (export->flags & XEN_GPUMEM_EXPORT_READONLY)
		return &gpumem_buf_ops_no_vmap;
	/* vmap() takes no more pages than there are. */
	if (!gpumem_export_cpu_ok() || export->nr > totalram_pages())
		return &gpumem_buf_ops_no_vmap;
	return &gpumem_buf_ops;
}

/**
 * gpumem_export_buf - make the dma-buf of an export
 * @export: complete but for that; the dma-buf takes over the reference
 *
 * A read-only export is a file that is not open for writing either.
 *
 * Return: the dma-buf, or an ERR_PTR.
 */
struct dma_buf *gpumem_export_buf(struct gpumem_export *export)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;

	info.ops = gpumem_buf_choose_ops(export);
	info.size = (size_t)export->nr << PAGE_SHIFT;
	info.flags = export->flags & XEN_GPUMEM_EXPORT_READONLY ? O_RDONLY :
								   O_RDWR;
	info.resv = &export->resv;
	info.priv = export;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		return dmabuf;
	/* The mmaps are found through it, by who holds no file. */
	export->inode = file_inode(dmabuf->file);
	ihold(export->inode);
	export->dmabuf = dmabuf;
	return dmabuf;
}

MODULE_IMPORT_NS(GPUMEM_IMPORT_DMA_BUF);
