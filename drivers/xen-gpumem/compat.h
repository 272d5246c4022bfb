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

#include <linux/hmm.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>
#include <linux/version.h>

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
 * gpumem_hmm_fault - have the pages of a range faulted in
 * @range: its start, end, default flags and notifier are set; what is found
 *	may be written to its pfns, or not
 * @timeout: jiffies to spend on a range that is invalidated all the time
 *
 * May take as long as the memory needs to come in, and holds no lock while the
 * handler of the fault has let go of mmap_lock: it may need the very process.
 *
 * HMM can do that from 7.3 on; before, it makes the fault with mmap_lock held,
 * and a handler that has to let go of it, as userfaultfd's, fails.  So the
 * fault is made the way that GUP does.
 *
 * Return: 0, or an error of HMM's
 */
static inline int gpumem_hmm_fault(struct hmm_range *range,
				   unsigned long timeout)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
	return hmm_range_fault_unlocked_timeout(range, timeout);
#else
	struct mm_struct *mm = range->notifier->mm;
	unsigned int flags = FAULT_FLAG_REMOTE;
	unsigned long address;
	bool unlocked;
	int ret = 0;

	if (range->default_flags & HMM_PFN_REQ_WRITE)
		flags |= FAULT_FLAG_WRITE;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for (address = range->start; address < range->end && !ret;
	     address += PAGE_SIZE) {
		unlocked = false;
		ret = fixup_user_fault(mm, address, flags, &unlocked);
	}
	mmap_read_unlock(mm);
	return ret;
#endif
}

#endif /* XEN_GPUMEM_COMPAT_H */
