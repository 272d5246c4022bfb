// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a process's addresses to page frames.
 *
 * The only file that looks at page tables.  There are two ways, and no third:
 *
 * - Ordinary memory is looked up by HMM, which knows migration, hugetlb and the
 *   rest.  It refuses VM_IO and VM_PFNMAP.
 * - VM_IO and VM_PFNMAP (all buffers of GPUs) are walked one by one with
 *   follow_pfnmap_start().
 *
 * Which one is asked anew with every call, since a process may map something
 * else at any time.  Neither takes a reference on a page: what is found here
 * is only worth something together with a sequence number of the binding's
 * notifier, and is used only under the binding's lock while that number still
 * holds.
 *
 * A turn reads the sequence number, takes mmap_lock, judges the vma (may it be
 * lent, what is its cache attribute) and looks its pages up.  If the wanted
 * ones are there, that is the result; if not they are faulted in, and another
 * turn looks again.
 *
 * All faults are made by fixup_user_fault(), which lets go of mmap_lock once
 * while the memory comes in (a handler may need the very process for that), and
 * insists on an answer the second time.  HMM's own faults without the lock only
 * ever ask for the first time: a file whose disk cannot be read would be read
 * again and again.
 *
 * Locks: mmap_lock, taken and dropped inside; the caller has mm_users.  None
 * of the driver's locks may be held: a fault can take as long as it likes, and
 * may need the very process that waits for us.
 */
#include <linux/hmm.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "compat.h"
#include "internal.h"

/*
 * Turns in one call: one that faults, one that finds; each other one needs an
 * event in the process's addresses.
 */
#define GPUMEM_RESOLVE_TURNS	8

/* How far to look for what a fault has brought in besides its own page. */
#define GPUMEM_RESOLVE_AHEAD	16

static unsigned long gpumem_slice_address(const struct gpumem_binding *binding,
					  const struct gpumem_slice *slice,
					  unsigned int i)
{
	return binding->address + ((slice->first + i) << PAGE_SHIFT);
}

static bool gpumem_slice_wanted(const struct gpumem_slice *slice,
				unsigned int i)
{
	return i >= slice->want && i - slice->want < slice->nr_want;
}

/*
 * Memory that was taken away from the kernel on purpose (memfd_secret()) must
 * not be shown to a guest, and the guest must not be able to write a shadow
 * stack.  Neither can be told by its pages alone.
 */
static bool gpumem_vma_refused(const struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_SHADOW_STACK)
		return true;
	return vma->vm_file &&
	       file_inode(vma->vm_file)->i_sb->s_magic == SECRETMEM_MAGIC;
}

/* What a mapping, or that there is none, says about all pages in it. */
static int gpumem_vma_judge(const struct vm_area_struct *vma, bool write)
{
	if (!vma)
		return -ENODATA;
	if (gpumem_vma_refused(vma))
		return -EACCES;
	/* What cannot even be read is not there (PROT_NONE). */
	if (write && !(vma->vm_flags & VM_WRITE))
		return vma->vm_flags & VM_READ ? -EPERM : -ENODATA;
	return 0;
}

/* Cut a slice at the ends of a vma that holds its first wanted page. */
static void gpumem_slice_trim(const struct gpumem_binding *binding,
			      struct gpumem_slice *slice,
			      const struct vm_area_struct *vma)
{
	unsigned long start = gpumem_slice_address(binding, slice, 0);
	unsigned long end = gpumem_slice_address(binding, slice, slice->nr);
	unsigned int cut;

	/* A slice can end at the end of the address space, so compare ends - 1 */
	if (end - 1 > vma->vm_end - 1)
		slice->nr -= (end - vma->vm_end) >> PAGE_SHIFT;

	if (start < vma->vm_start) {
		cut = (vma->vm_start - start) >> PAGE_SHIFT;
		slice->first += cut;
		slice->nr -= cut;
		slice->want -= cut;
	}
	slice->nr_want = min(slice->nr_want, slice->nr - slice->want);
}

/*
 * The bits of a leaf above the lowest level lie elsewhere: what is its page
 * size bit there means PAT in a PTE.
 */
static bool gpumem_prot_is_nc(pgprot_t prot, bool large)
{
	if (large)
		prot = pgprot_large_2_4k(prot);
	return (pgprot_val(prot) & _PAGE_CACHE_MASK) !=
	       cachemode2protval(_PAGE_CACHE_MODE_WB);
}

/* What kinds of failure the fault handlers' errors are. */
static int gpumem_fault_error(int err)
{
	switch (err) {
	case -EINTR:
	case -ENOMEM:
	case -EAGAIN:
	case -EPERM:
		return err;
	case -EBUSY:	/* HMM's word for a sequence number that is past */
		return -EAGAIN;
	default:
		/* Nothing mapped, SIGBUS, poisoned, special: nothing there. */
		return -ENODATA;
	}
}

/* Is page @i what is asked for? */
static bool gpumem_slice_suits(const struct gpumem_slice *slice,
			       unsigned int i)
{
	return (slice->prot[i] & GPUMEM_PROT_VALID) &&
	       (!slice->write || (slice->prot[i] & GPUMEM_PROT_WRITE));
}

static bool gpumem_slice_complete(const struct gpumem_slice *slice)
{
	unsigned int i;

	for (i = slice->want; i < slice->want + slice->nr_want; i++)
		if (!gpumem_slice_suits(slice, i))
			return false;
	return true;
}

/*
 * Have page @i faulted in, as by an access of the process's own.  mmap_lock is
 * held, and is held again on return; @unlocked: it was not held all the time,
 * and the vma may be another.
 */
static int gpumem_fault_in(struct gpumem_binding *binding,
			   struct gpumem_slice *slice, unsigned int i,
			   bool *unlocked)
{
	unsigned int flags = FAULT_FLAG_REMOTE;
	int ret;

	if (slice->write)
		flags |= FAULT_FLAG_WRITE;
	*unlocked = false;
	ret = fixup_user_fault(binding->mm,
			       gpumem_slice_address(binding, slice, i), flags,
			       unlocked);
	if (!ret)
		return 0;
	/* An error about what is there no more says nothing. */
	if (ret != -EINTR &&
	    mmu_interval_check_retry(&binding->notifier, slice->seq))
		return -EAGAIN;
	return gpumem_fault_error(ret);
}

/*
 * What HMM finds in the @nr pages from @first on, without faulting anything in.
 * mmap_lock is held, so this is about the very vma that was judged, in which the
 * slice lies.
 *
 * In a vma that can be read, an error is an entry that stands for no struct
 * page, as there can be among others in a VM_MIXEDMAP.  Nothing lends that.
 */
static int gpumem_snapshot_hmm(struct gpumem_binding *binding,
			       struct gpumem_slice *slice,
			       const struct vm_area_struct *vma,
			       unsigned int first, unsigned int nr)
{
	/* HMM tells nothing of it, but normal pages can be mapped so, too. */
	bool nc = gpumem_prot_is_nc(vma->vm_page_prot, false);
	struct hmm_range range = {
		.notifier = &binding->notifier,
		.notifier_seq = slice->seq,
		.start = gpumem_slice_address(binding, slice, first),
		.end = gpumem_slice_address(binding, slice, first + nr),
		.hmm_pfns = slice->pfn + first,
	};
	unsigned int i;
	int ret;

	memset(range.hmm_pfns, 0, nr * sizeof(slice->pfn[0]));
	ret = hmm_range_fault(&range);
	if (ret)
		return gpumem_fault_error(ret);

	for (i = first; i < first + nr; i++) {
		unsigned long pfn = slice->pfn[i];

		slice->prot[i] = 0;
		if ((pfn & HMM_PFN_ERROR) && gpumem_slice_wanted(slice, i) &&
		    (vma->vm_flags & VM_READ))
			return -EACCES;
		if (!(pfn & HMM_PFN_VALID) || (pfn & HMM_PFN_ERROR))
			continue;
		slice->pfn[i] = pfn & ~HMM_PFN_FLAGS;
		slice->prot[i] = GPUMEM_PROT_VALID | GPUMEM_PROT_PAGE;
		if (hmm_pfn_to_map_order(pfn) >= PMD_ORDER)
			slice->prot[i] |= GPUMEM_PROT_LARGE;
		if (pfn & HMM_PFN_WRITE)
			slice->prot[i] |= GPUMEM_PROT_WRITE;
		if (nc)
			slice->prot[i] |= GPUMEM_PROT_NC;
	}
	return 0;
}

/*
 * Have those of the wanted pages faulted in that were not found.  A fault may
 * bring in its neighbours: as long as it does, they are looked up before they
 * are asked for.
 *
 * Each page may take its time, so signals are looked at in between.
 *
 * Return: -EAGAIN for another look, or an error
 */
static int gpumem_fault_missing(struct gpumem_binding *binding,
				struct gpumem_slice *slice,
				const struct vm_area_struct *vma)
{
	unsigned int i, end = slice->want + slice->nr_want;
	bool look = true, unlocked;
	int ret;

	for (i = slice->want; i < end && !signal_pending(current); i++) {
		if (gpumem_slice_suits(slice, i))
			continue;
		ret = gpumem_fault_in(binding, slice, i, &unlocked);
		if (ret)
			return ret;
		look = look && !unlocked && i + 1 < end &&
		       !gpumem_snapshot_hmm(binding, slice, vma, i + 1,
					    min(end - i - 1,
						GPUMEM_RESOLVE_AHEAD)) &&
		       gpumem_slice_suits(slice, i + 1);
	}
	return -EAGAIN;
}

/*
 * Take what one leaf of the page tables says about page @i, and about those
 * after it that the same leaf covers.
 *
 * Return: number of pages that were filled in, zero if there is no leaf.
 */
static unsigned int gpumem_walk_leaf(struct gpumem_binding *binding,
				     struct gpumem_slice *slice,
				     struct vm_area_struct *vma,
				     unsigned int i)
{
	struct follow_pfnmap_args args = {
		.vma = vma,
		.address = gpumem_slice_address(binding, slice, i),
	};
	unsigned long mask, left;
	unsigned int n;
	u8 prot = GPUMEM_PROT_VALID;

	slice->prot[i] = 0;
	if (follow_pfnmap_start(&args))
		return 0;

	if (args.writable && (vma->vm_flags & VM_WRITE))
		prot |= GPUMEM_PROT_WRITE;
	/* A private copy of what was mapped here is an ordinary page. */
	if (!args.special && pfn_valid(args.pfn))
		prot |= GPUMEM_PROT_PAGE;
	mask = gpumem_leaf_mask(&args);
	if (gpumem_prot_is_nc(args.pgprot, mask != PAGE_MASK))
		prot |= GPUMEM_PROT_NC;
	if (mask != PAGE_MASK)
		prot |= GPUMEM_PROT_LARGE;
	left = (~mask - (args.address & ~mask)) >> PAGE_SHIFT;

	for (n = 0; n <= left && i + n < slice->nr; n++) {
		slice->pfn[i + n] = args.pfn + n;
		slice->prot[i + n] = prot;
	}
	follow_pfnmap_end(&args);
	return n;
}

/*
 * A page that is there but cannot be written is faulted again for writing:
 * drivers with pfn_mkwrite() map read-only first.  That a fault succeeds and
 * nothing is there is legal, too; then another turn has to do.
 *
 * Return: pages filled in, or -EAGAIN if mmap_lock was dropped meanwhile, or
 * an error.
 */
static int gpumem_walk_wanted(struct gpumem_binding *binding,
			      struct gpumem_slice *slice,
			      struct vm_area_struct *vma, unsigned int i)
{
	bool unlocked;
	unsigned int n;
	int ret;

	n = gpumem_walk_leaf(binding, slice, vma, i);
	if (n && gpumem_slice_suits(slice, i))
		return n;

	ret = gpumem_fault_in(binding, slice, i, &unlocked);
	if (ret)
		return ret;
	if (unlocked)
		return -EAGAIN;

	n = gpumem_walk_leaf(binding, slice, vma, i);
	if (n && gpumem_slice_suits(slice, i))
		return n;
	return -EAGAIN;
}

/* mmap_lock is held, and is held again on return. */
static int gpumem_resolve_pfnmap(struct gpumem_binding *binding,
				 struct gpumem_slice *slice,
				 struct vm_area_struct *vma)
{
	unsigned int i;
	int ret;

	/* Not left to the fault: a PTE without access counts as present. */
	if (!(vma->vm_flags & VM_READ))
		return -ENODATA;

	for (i = slice->want; i < slice->want + slice->nr_want; i += ret) {
		ret = gpumem_walk_wanted(binding, slice, vma, i);
		if (ret < 0)
			return ret;
	}
	/* Only now the neighbours: faults may have brought them in as well. */
	for (i = 0; i < slice->nr; ) {
		if (gpumem_slice_wanted(slice, i))
			i = slice->want + slice->nr_want;
		else
			i += gpumem_walk_leaf(binding, slice, vma, i) ?: 1;
	}
	return 0;
}

/* One turn under one sequence number. */
static int gpumem_resolve_once(struct gpumem_binding *binding,
			       struct gpumem_slice *slice)
{
	struct mm_struct *mm = binding->mm;
	struct vm_area_struct *vma;
	int ret;

	slice->seq = mmu_interval_read_begin(&binding->notifier);

	if (mmap_read_lock_killable(mm))
		return -EINTR;

	vma = vma_lookup(mm, gpumem_slice_address(binding, slice, slice->want));
	ret = gpumem_vma_judge(vma, slice->write);
	if (ret)
		goto unlock;
	gpumem_slice_trim(binding, slice, vma);

	if (vma->vm_flags & (VM_IO | VM_PFNMAP)) {
		ret = gpumem_resolve_pfnmap(binding, slice, vma);
		goto unlock;
	}

	ret = gpumem_snapshot_hmm(binding, slice, vma, 0, slice->nr);
	if (!ret && !gpumem_slice_complete(slice))
		ret = gpumem_fault_missing(binding, slice, vma);

unlock:
	mmap_read_unlock(mm);
	return ret;
}

/* What the hypervisor's side calls a page that is there. */
static int gpumem_slice_frame(struct gpumem_slice *slice, unsigned int i)
{
	unsigned long pfn = slice->pfn[i];
	struct page *page = NULL;
	bool io;
	int ret;

	if (slice->prot[i] & GPUMEM_PROT_PAGE) {
		/* HMM believes what it reads, whatever that is. */
		if (!pfn_valid(pfn))
			return -EACCES;
		page = pfn_to_page(pfn);
	}
	ret = gpumem_hv->frame(pfn, page, &slice->frame[i], &io);
	if (!ret && io)
		slice->prot[i] |= GPUMEM_PROT_IO | GPUMEM_PROT_NC;
	return ret;
}

/*
 * Ask the hypervisor's side what its frames are called.  Of pages that cannot
 * be lent a neighbour is skipped, and a wanted one fails.
 */
static int gpumem_slice_translate(struct gpumem_binding *binding,
				  struct gpumem_slice *slice)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < slice->nr; i++) {
		ret = slice->prot[i] & GPUMEM_PROT_VALID ?
		      gpumem_slice_frame(slice, i) : 0;
		if (ret)
			slice->prot[i] = 0;
		if (gpumem_slice_wanted(slice, i) &&
		    !gpumem_slice_suits(slice, i))
			break;
	}
	if (i == slice->nr)
		return 0;
	/* It may be no memory of ours because it was given away meanwhile. */
	if (mmu_interval_check_retry(&binding->notifier, slice->seq))
		return -EAGAIN;
	return ret ?: -ENODATA;
}

/**
 * gpumem_resolve - find the page frames behind a slice, faulting them in
 * @binding: the binding; the caller has mm_users of its process
 * @slice: what is asked for: @first, @nr, @want, @nr_want and @write are set.
 *	It is cut to what is of one kind, but keeps its first wanted page
 *
 * May sleep for as long as the process's memory needs to come in.
 *
 * Return: 0 with the slice filled in; -ENODATA nothing is there; -EACCES what
 * is there cannot be lent; -EPERM it cannot be written; -EAGAIN it moved all
 * the time; -ENOMEM; -EINTR
 */
int gpumem_resolve(struct gpumem_binding *binding, struct gpumem_slice *slice)
{
	const struct gpumem_slice asked = {
		.first = slice->first,
		.nr = slice->nr,
		.want = slice->want,
		.nr_want = slice->nr_want,
	};
	unsigned int turn;
	int ret;

	for (turn = 0; turn < GPUMEM_RESOLVE_TURNS; turn++) {
		slice->first = asked.first;
		slice->nr = asked.nr;
		slice->want = asked.want;
		slice->nr_want = asked.nr_want;

		ret = gpumem_resolve_once(binding, slice);
		if (!ret)
			ret = gpumem_slice_translate(binding, slice);
		if (ret != -EAGAIN)
			return ret;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return -EAGAIN;
}

/**
 * gpumem_page_lent - tell the host that a guest uses a page
 * @pfn: of an ordinary page that is mapped in the process at this moment
 * @write: the guest may write it
 *
 * Called under the binding's lock with the sequence number checked, so that
 * the page cannot leave the process meanwhile.  A page without write-notify
 * (shmem, anonymous) can be writable and yet clean, and would be dropped by
 * reclaim as if nobody had written it.  Where there is write-notify, the fault
 * that made the page writable has marked it.
 */
void gpumem_page_lent(unsigned long pfn, bool write)
{
	struct folio *folio = page_folio(pfn_to_page(pfn));

	if (is_zero_pfn(pfn) || folio_is_zone_device(folio))
		return;
	/* Anonymous, and not backed by swap: MADV_FREE, until it is written. */
	if (write && !folio_test_dirty(folio) &&
	    (folio_test_swapbacked(folio) || folio_test_anon(folio)))
		folio_mark_dirty(folio);
	folio_mark_accessed(folio);
}
