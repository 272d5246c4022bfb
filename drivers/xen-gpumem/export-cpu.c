// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exported pages as programs and the kernel see them: mmap and vmap.
 *
 * Under PVH a guest's page behind a struct page can be mapped like any other.
 * Under PV it cannot.  There a page-table entry names the machine's frame, and
 * the hypervisor takes a frame of another domain only from a call that says
 * whose it is: an ordinary update of the entry is refused, and would be fatal.
 * So entries are written by hypercall, for which the caller must have
 * privilege over the guest (dom0 has); others than the first domain get no
 * CPU mappings under PV.  What the grant allows is not checked again on that
 * way: whether an export is read-only is decided here.
 *
 * Clearing such an entry is all that the kernel may do with it.  So nothing
 * else ever finds one:
 *
 * - mprotect() would take the frame's number from it, and there is none: it is
 *   another domain's.  mremap() and fork() would write it to another place.  The
 *   entries are emptied before mprotect() and mremap() get at them, and come
 *   back by fault, not before those are done: faults of this vma take mmap_lock,
 *   as those of all that have no ->map_pages.  A child does not inherit the
 *   mapping at all.
 * - A fault that finds the entry there already would note the access in it, by
 *   writing it.  They are made young and dirty, and writable if ever they will
 *   be, so that there is nothing to note.
 * - What walks page tables to change entries leaves out VM_PFNMAP or VM_IO:
 *   NUMA balancing, reclaim, madvise(), clear_refs, PAGEMAP_SCAN, and, since 7.2
 *   and in stable kernels, write protection by userfaultfd.
 *
 * Locks: faults hold mmap_lock and take the gate; see export.h.
 */
#include <linux/dma-buf.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include <asm/xen/page.h>
#include <xen/xen.h>
#include <xen/xen-ops.h>

#include "export.h"

/* Empty a part of a mapping, see the top.  mmap_lock is held for writing. */
static void gpumem_vma_empty(struct vm_area_struct *vma, unsigned long start,
			     unsigned long end)
{
	struct gpumem_export *export = vma->vm_private_data;
	loff_t at = ((loff_t)vma->vm_pgoff << PAGE_SHIFT) +
		    (start - vma->vm_start);

	if (xen_pv_domain())
		unmap_mapping_range(export->inode->i_mapping, at, end - start,
				    1);
}

/* The vma was split, or is on its way to another place. */
static void gpumem_vma_open(struct vm_area_struct *vma)
{
	struct gpumem_export *export = vma->vm_private_data;

	gpumem_vma_empty(vma, vma->vm_start, vma->vm_end);
	atomic_inc(&export->mmaps);
}

static void gpumem_vma_close(struct vm_area_struct *vma)
{
	struct gpumem_export *export = vma->vm_private_data;

	atomic_dec(&export->mmaps);
}

static int gpumem_vma_mprotect(struct vm_area_struct *vma, unsigned long start,
			       unsigned long end, unsigned long newflags)
{
	gpumem_vma_empty(vma, start, end);
	return 0;
}

/*
 * As if it had been accessed in every way that it can be.  Not from what the
 * vma has: once the process tracks what it makes dirty (clear_refs), that
 * lacks write access, to be told of the first write by a fault.
 */
static pgprot_t gpumem_vma_prot(const struct vm_area_struct *vma)
{
	pgprot_t prot = vm_get_page_prot(vma->vm_flags);
	pte_t pte = pte_mkyoung(native_make_pte(pgprot_val(prot)));

	if (pte_write(pte))
		pte = pte_mkdirty(pte);
	return __pgprot(native_pte_val(pte));
}

/*
 * Map @nr pages from @first on; @want is the one that has to be there after.
 * (The helper does not count well where one fails.)
 */
static vm_fault_t gpumem_fault_pv(struct vm_area_struct *vma,
				  unsigned long address, unsigned int first,
				  unsigned int nr, unsigned int want)
{
	struct gpumem_export *export = vma->vm_private_data;
	xen_pfn_t frames[GPUMEM_EXPORT_AROUND];
	int errors[GPUMEM_EXPORT_AROUND];
	unsigned int i;

	for (i = 0; i < nr; i++) {
		frames[i] = gpumem_export_bus(export, first + i);
		errors[i] = -ENOMEM;
	}
	xen_remap_domain_mfn_array(vma, address, frames, nr, errors,
				   gpumem_vma_prot(vma), export->domid);
	switch (errors[want - first]) {
	case 0:
		return VM_FAULT_NOPAGE;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

static vm_fault_t gpumem_fault_pvh(struct vm_area_struct *vma,
				   unsigned long address, unsigned int first,
				   unsigned int nr, unsigned int want)
{
	struct gpumem_export *export = vma->vm_private_data;
	vm_fault_t ret, wanted = VM_FAULT_OOM;
	unsigned int i;

	for (i = first; i < first + nr; i++, address += PAGE_SIZE) {
		ret = vmf_insert_pfn(vma, address,
				     page_to_pfn(export->pages[i]));
		if (i == want)
			wanted = ret;
	}
	return wanted;
}

/* The pages around the one that is wanted, as far as vma and buffer go. */
static vm_fault_t gpumem_vma_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct gpumem_export *export = vma->vm_private_data;
	unsigned long slot = round_down(vmf->pgoff, GPUMEM_EXPORT_AROUND);
	unsigned long end = min(slot + GPUMEM_EXPORT_AROUND,
				vma->vm_pgoff + vma_pages(vma));
	unsigned long address;

	slot = max(slot, vma->vm_pgoff);
	end = min_t(unsigned long, end, export->nr);
	address = vma->vm_start + ((slot - vma->vm_pgoff) << PAGE_SHIFT);

	guard(rwsem_read)(&export->gate);
	if (export->revoked || vmf->pgoff >= end)
		return VM_FAULT_SIGBUS;
	if (xen_pv_domain())
		return gpumem_fault_pv(vma, address, slot, end - slot,
				       vmf->pgoff);
	return gpumem_fault_pvh(vma, address, slot, end - slot, vmf->pgoff);
}

static const struct vm_operations_struct gpumem_vma_ops = {
	.open = gpumem_vma_open,
	.close = gpumem_vma_close,
	.mprotect = gpumem_vma_mprotect,
	.fault = gpumem_vma_fault,
};

/**
 * gpumem_export_mmap - map a part of the buffer into a process
 * @dmabuf: the buffer
 * @vma: where; its size was checked
 *
 * Return: 0; -EACCES write access to a read-only export; -EINVAL a private
 * mapping; -ENODEV revoked; -EOPNOTSUPP not from this domain
 */
int gpumem_export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct gpumem_export *export = dmabuf->priv;

	if (!gpumem_export_cpu_ok())
		return -EOPNOTSUPP;
	/* VM_SHARED says that it may be written, too: not so if read-only. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (export->flags & XEN_GPUMEM_EXPORT_READONLY) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	if (READ_ONCE(export->revoked))
		return -ENODEV;
	vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP |
			  VM_DONTCOPY);
	vma->vm_private_data = export;
	vma->vm_ops = &gpumem_vma_ops;
	atomic_inc(&export->mmaps);
	return 0;
}

/**
 * gpumem_export_zap - take the pages from all processes
 * @export: revoked, so that none comes back
 */
void gpumem_export_zap(struct gpumem_export *export)
{
	unmap_mapping_range(export->inode->i_mapping, 0,
			    (loff_t)export->nr << PAGE_SHIFT, 1);
}

/* --- the kernel ------------------------------------------------------------ */

static int gpumem_vmap_fill(struct gpumem_export *export, void *vaddr)
{
	u64 frames[GPUMEM_EXPORT_BATCH];
	unsigned int i, k, n, done;
	int ret;

	for (i = 0; i < export->nr; i += n) {
		n = min(export->nr - i, GPUMEM_EXPORT_BATCH);
		for (k = 0; k < n; k++)
			frames[k] = gpumem_export_bus(export, i + k);
		ret = gpumem_pv_set(vaddr + (size_t)i * PAGE_SIZE, frames, n,
				    PAGE_KERNEL, false, export->domid, &done);
		if (ret)
			return ret;
		cond_resched();
	}
	return gpumem_pv_flush();
}

static void *gpumem_vmap_pv(struct gpumem_export *export)
{
	void *vaddr = gpumem_pv_reserve(export->nr);

	if (vaddr && gpumem_vmap_fill(export, vaddr)) {
		vunmap(vaddr);
		vaddr = NULL;
	}
	return vaddr;
}

/**
 * gpumem_export_vmap - map all of it for the kernel, to read and write
 * @export: the export
 *
 * Return: the address, or NULL.
 */
void *gpumem_export_vmap(struct gpumem_export *export)
{
	dma_resv_assert_held(&export->resv);

	if (export->base)
		return export->base;
	if (xen_pv_domain())
		return gpumem_vmap_pv(export);
	return vmap(export->pages, export->nr, VM_MAP, PAGE_KERNEL);
}

/**
 * gpumem_export_vunmap - undo gpumem_export_vmap()
 * @export: the export
 */
void gpumem_export_vunmap(struct gpumem_export *export)
{
	dma_resv_assert_held(&export->resv);

	if (export->vaddr != export->base)
		vunmap(export->vaddr);
}

/**
 * gpumem_scratch_vmap - memory in place of what was revoked
 * @export: the export
 *
 * One page, as often as there were pages.
 *
 * Return: the address, or NULL.
 */
void *gpumem_scratch_vmap(struct gpumem_export *export)
{
	struct page *page, **pages;
	void *vaddr = NULL;

	dma_resv_assert_held(&export->resv);

	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	pages = kvmalloc_array(export->nr, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (page && pages) {
		memset_p((void **)pages, page, export->nr);
		vaddr = vmap(pages, export->nr, VM_MAP, PAGE_KERNEL);
	}
	kvfree(pages);
	if (vaddr)
		export->scratch = page;
	else if (page)
		__free_page(page);
	return vaddr;
}

/**
 * gpumem_scratch_vunmap - undo gpumem_scratch_vmap()
 * @export: the export
 * @vaddr: the address
 */
void gpumem_scratch_vunmap(struct gpumem_export *export, void *vaddr)
{
	dma_resv_assert_held(&export->resv);

	vunmap(vaddr);
	__free_page(export->scratch);
}
