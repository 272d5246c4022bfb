/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the versions of Linux that the driver is built for:
 * 6.12 and 7.x.
 *
 * Here is the only look at the version.  The code elsewhere is written for the
 * newest; each function below says what an older one has to do for the same
 * effect, and goes when the last such version does.
 */
#ifndef XEN_GPUMEM_COMPAT_H
#define XEN_GPUMEM_COMPAT_H

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#endif

/**
 * gpumem_leaf_mask - mask of the addresses that one leaf of the tables covers
 * @args: from follow_pfnmap_start()
 *
 * Before 6.15 only the size of the smallest leaves is told: by the table they
 * are in, which larger ones are not.  Of a larger one no more is claimed than
 * what the next larger size has, whatever it was.
 */
static inline unsigned long
gpumem_leaf_mask(const struct follow_pfnmap_args *args)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	return args->addr_mask;
#else
	return args->ptep ? PAGE_MASK : PMD_MASK;
#endif
}

/**
 * gpumem_attach_revocable - does an importer let go when it is told to?
 * @attach: the importer
 *
 * Before 7.1 importers are told only where the kernel was configured so, which
 * no distribution's is: there the answer is no.
 */
static inline bool gpumem_attach_revocable(struct dma_buf_attachment *attach)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
	return dma_buf_attach_revocable(attach);
#else
	return IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) && attach->importer_ops;
#endif
}

/**
 * gpumem_invalidate_mappings - tell importers to let go
 * @dmabuf: the buffer; its dma_resv is held
 */
static inline void gpumem_invalidate_mappings(struct dma_buf *dmabuf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
	dma_buf_invalidate_mappings(dmabuf);
#else
	dma_buf_move_notify(dmabuf);
#endif
}

/* What that is on the importer's side: its member of struct dma_buf_attach_ops. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
#define GPUMEM_INVALIDATE	invalidate_mappings
#else
#define GPUMEM_INVALIDATE	move_notify
#endif

/**
 * gpumem_fd_install - put a dma-buf behind a descriptor
 * @dmabuf: the buffer; its reference goes to the descriptor
 * @fd: reserved with get_unused_fd_flags()
 *
 * Before 7.3 there is no trace point to pass on the way.
 */
static inline void gpumem_fd_install(struct dma_buf *dmabuf, int fd)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
	dma_buf_fd_install(dmabuf, fd);
#else
	fd_install(fd, dmabuf->file);
#endif
}

/**
 * gpumem_dma_map - map what has no struct page for a device, under PV
 * @dev: the device, which can reach it
 * @phys: where it is on the bus
 * @size: bytes
 * @dir: which way
 *
 * Before 6.18 the DMA layer has another call for that, which not every version
 * of swiotlb-xen serves, and which gives back what it got where it does.
 *
 * Return: the address for the device
 */
static inline dma_addr_t gpumem_dma_map(struct device *dev, phys_addr_t phys,
					size_t size,
					enum dma_data_direction dir)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	return dma_map_phys(dev, phys, size, dir, DMA_ATTR_MMIO);
#else
	return phys;
#endif
}

/**
 * gpumem_dma_unmap - undo gpumem_dma_map()
 * @dev: the device
 * @address: what it got
 * @size: bytes
 * @dir: which way
 */
static inline void gpumem_dma_unmap(struct device *dev, dma_addr_t address,
				    size_t size, enum dma_data_direction dir)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0)
	dma_unmap_phys(dev, address, size, dir, DMA_ATTR_MMIO);
#endif
}

/*
 * What a device's dma_map_ops need besides operations on tables, where the
 * device is given memory with pages as it lies, and no other.  Before 6.19 a
 * piece came as a page and an offset in it, and memory without pages by an
 * operation of its own, which may be missing.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
static inline dma_addr_t gpumem_dma_identity(struct device *dev,
					     phys_addr_t phys, size_t size,
					     enum dma_data_direction dir,
					     unsigned long attrs)
{
	return attrs & DMA_ATTR_MMIO ? DMA_MAPPING_ERROR : phys;
}
#else
static inline dma_addr_t gpumem_dma_identity(struct device *dev,
					     struct page *page,
					     unsigned long offset, size_t size,
					     enum dma_data_direction dir,
					     unsigned long attrs)
{
	return page_to_phys(page) + offset;
}
#endif

static inline void gpumem_dma_nothing(struct device *dev, dma_addr_t address,
				      size_t size, enum dma_data_direction dir,
				      unsigned long attrs)
{
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
#define GPUMEM_DMA_IDENTITY						\
	.map_phys = gpumem_dma_identity,				\
	.unmap_phys = gpumem_dma_nothing
#else
#define GPUMEM_DMA_IDENTITY						\
	.map_page = gpumem_dma_identity,				\
	.unmap_page = gpumem_dma_nothing
#endif

/**
 * gpumem_insert_special - map a page by its frame alone, for a test
 * @vma: a VM_MIXEDMAP, whose fault handler calls
 * @address: where
 * @pfn: the frame
 *
 * Before 6.17 frames have a type of their own there.
 *
 * Return: what the handler returns
 */
static inline vm_fault_t gpumem_insert_special(struct vm_area_struct *vma,
					       unsigned long address,
					       unsigned long pfn)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	return vmf_insert_mixed(vma, address, pfn);
#else
	return vmf_insert_mixed(vma, address, pfn_to_pfn_t(pfn));
#endif
}

/* The argument became a string. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define GPUMEM_IMPORT_DMA_BUF	"DMA_BUF"
#else
#define GPUMEM_IMPORT_DMA_BUF	DMA_BUF
#endif

#endif /* XEN_GPUMEM_COMPAT_H */
