// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel mappings of other domains' memory under PV.
 *
 * A page-table entry for a foreign frame is written by a hypercall that names
 * the frame's owner; set_pte() would be refused.  The entry then holds a
 * reference to the frame, like any other, until it is cleared: vunmap() does
 * that in the ordinary way.
 *
 * The addresses come from vmap() with the zero page behind all of them: there
 * is no other way for a module to get page-table entries of kernel addresses
 * that nobody else uses.
 *
 * No locks: addresses have one user.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <asm/pgtable.h>
#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include "export.h"

/**
 * gpumem_export_cpu_ok - can a guest's pages be mapped for the CPU here?
 *
 * Under PV it takes privilege over the guest, to name it in the call.
 */
bool gpumem_export_cpu_ok(void)
{
	return !xen_pv_domain() || xen_initial_domain();
}

/**
 * gpumem_pv_reserve - kernel addresses, to be filled by gpumem_pv_set()
 * @nr: pages
 *
 * Return: the first address, for vunmap(), or NULL.
 */
void *gpumem_pv_reserve(unsigned int nr)
{
	struct page **zeros;
	unsigned int i;
	void *vaddr;

	zeros = kvmalloc_array(nr, sizeof(*zeros), GFP_KERNEL_ACCOUNT);
	if (!zeros)
		return NULL;
	for (i = 0; i < nr; i++)
		zeros[i] = ZERO_PAGE(0);
	vaddr = vmap(zeros, nr, VM_MAP, PAGE_KERNEL_RO);
	kvfree(zeros);
	return vaddr;
}

/*
 * The entry of an address.  @last: that of the page before it, or NULL; to look
 * one up costs more than all else that is done with it here.
 */
static pte_t *gpumem_pv_entry(void *vaddr, pte_t *last)
{
	unsigned int level;
	pte_t *pte;

	if (last && !IS_ALIGNED((unsigned long)vaddr, PMD_SIZE))
		return last + 1;
	pte = lookup_address((unsigned long)vaddr, &level);
	return pte && level == PG_LEVEL_4K ? pte : NULL;
}

/**
 * gpumem_pv_set - put foreign frames behind kernel addresses
 * @vaddr: the first address, of gpumem_pv_reserve()
 * @frames: the frames
 * @nr: how many, at most GPUMEM_EXPORT_BATCH
 * @prot: what the kernel may do there
 * @translate: @frames are the owner's numbers, else the machine's
 * @domid: the owner
 * @done: OUT, how many were set, on errors too
 *
 * Return: 0, or an error of the hypervisor's.
 */
int gpumem_pv_set(void *vaddr, const u64 *frames, unsigned int nr,
		  pgprot_t prot, bool translate, u16 domid, unsigned int *done)
{
	struct mmu_update update[GPUMEM_EXPORT_BATCH];
	pte_t *pte = NULL;
	unsigned int i;

	*done = 0;
	for (i = 0; i < nr; i++) {
		pte = gpumem_pv_entry(vaddr + (size_t)i * PAGE_SIZE, pte);
		if (!pte)
			return -EFAULT;
		update[i].ptr = virt_to_machine(pte).maddr |
				(translate ? MMU_NORMAL_PT_UPDATE :
					     MMU_PT_UPDATE_NO_TRANSLATE);
		update[i].val = mfn_pte(frames[i], prot).pte;
	}
	return HYPERVISOR_mmu_update(update, nr, done, domid);
}

/**
 * gpumem_pv_flush - make entries that were set count for all CPUs
 *
 * Return: 0, or an error of the hypervisor's.
 */
int gpumem_pv_flush(void)
{
	struct mmuext_op flush = { .cmd = MMUEXT_TLB_FLUSH_ALL };

	return HYPERVISOR_mmuext_op(&flush, 1, NULL, DOMID_SELF);
}

/**
 * gpumem_pv_frames - which frames of the machine's are behind kernel addresses
 * @vaddr: the first address
 * @nr: pages
 * @frames: OUT, their numbers; pte_pfn() has none for a foreign frame
 */
void gpumem_pv_frames(void *vaddr, unsigned int nr, u64 *frames)
{
	pte_t *pte = NULL;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pte = gpumem_pv_entry(vaddr + (size_t)i * PAGE_SIZE, pte);
		frames[i] = pte ? (READ_ONCE(pte->pte) & PTE_PFN_MASK) >>
				  PAGE_SHIFT : 0;
	}
}
