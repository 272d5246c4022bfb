// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings that the driver makes: XEN_GPUMEM_SOURCE_FD.
 *
 * A file is lent by way of a mapping of it in the process that binds it, an
 * ordinary one, so that everything that is true of addresses is true of it.
 * The driver unmaps it with the binding.  It does not protect it: a process
 * that unmaps some of it, or moves it, or maps something else there, finds that
 * nothing, or that, is what the guest has from then on.  Only one thing must
 * not happen: that the driver later unmaps what is not its own.  So the
 * binding's notifier notes that addresses are unmapped (*lost*), after which
 * the mapping is the process's business; and it stays until the driver has
 * unmapped, or seen that it must not.
 *
 * That is looked at when all who came before have had mmap_lock, however long
 * that took.  But what modules may call takes the lock for itself, so it has to
 * be dropped between the look and the unmapping: a process that unmaps *and*
 * maps anew in that very moment, without having waited, races with the end of
 * the binding as with a munmap() of another thread's.
 *
 * A binding can end in another process's call, or when the last fd is closed
 * by one that has left its memory behind already.  Then a worker ends it, which
 * borrows the process's memory, if there is any left.  Nobody waits for it:
 * the guest cannot reach the memory any more, and what is left to do may have
 * to wait for a process that is not even here.
 *
 * A child of the process does not inherit the mapping: the binding's end would
 * not take it from there.
 *
 * Locks: gpumem_binding.lock for @lost when it is set.  What is done here must
 * be done with no lock held: it takes mmap_lock.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "internal.h"

/* Looks, a tick apart, while others queue for a process's mmap_lock. */
#define GPUMEM_SOURCE_TURNS	32

/**
 * struct gpumem_mapping - a mapping of the driver's own
 * @mm: the process; holds mm_count
 * @address: first address
 * @length: bytes
 * @lost: the process has unmapped or moved some of it
 * @work: ends its binding for somebody else
 * @binding: for @work, whose reference it is then
 * @end: likewise, what is to be done
 */
struct gpumem_mapping {
	struct mm_struct *mm;
	unsigned long address;
	unsigned long length;
	bool lost;
	struct work_struct work;
	struct gpumem_binding *binding;
	void (*end)(struct gpumem_binding *binding);
};

/**
 * gpumem_mapping_free - forget it
 * @mapping: the mapping; nobody calls gpumem_mapping_lost() any more
 */
void gpumem_mapping_free(struct gpumem_mapping *mapping)
{
	mmdrop(mapping->mm);
	kfree(mapping);
}

/* It is mapped and unmapped as it is: huge pages whole. */
static int gpumem_source_check(struct file *file, u64 offset, u64 length)
{
	if (is_file_hugepages(file) &&
	    !IS_ALIGNED(offset | length, huge_page_size(hstate_file(file))))
		return -EINVAL;
	return 0;
}

/*
 * As MADV_DONTFORK does.  Where the kernel has made it one with a mapping of
 * the process's own that it adjoins, it is left as it is: modules cannot part
 * them again.
 */
static void gpumem_mapping_keep(unsigned long address, unsigned long length)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;

	/* Being killed, one does not fork. */
	if (mmap_write_lock_killable(mm))
		return;
	vma = vma_lookup(mm, address);
	if (vma && vma->vm_start == address &&
	    vma->vm_end == address + length)
		vm_flags_set(vma, VM_DONTCOPY);
	mmap_write_unlock(mm);
}

static int gpumem_mapping_map(struct gpumem_mapping *mapping, struct file *file,
			      const struct xen_gpumem_bind *cmd)
{
	unsigned long prot = PROT_READ;
	unsigned long address;
	int ret;

	ret = gpumem_source_check(file, cmd->address, cmd->length);
	if (ret)
		return ret;
	if (!(cmd->flags & XEN_GPUMEM_BIND_READONLY))
		prot |= PROT_WRITE;
	address = vm_mmap(file, 0, cmd->length, prot, MAP_SHARED,
			  cmd->address);
	if (IS_ERR_VALUE(address))
		return address;
	gpumem_mapping_keep(address, cmd->length);
	mapping->address = address;
	return 0;
}

/**
 * gpumem_mapping_create - map a file in the calling process
 * @cmd: the call, validated
 *
 * Return: the mapping, or an ERR_PTR: -EBADF, -EINVAL, -ENOMEM, or another
 * error of mmap()
 */
struct gpumem_mapping *gpumem_mapping_create(const struct xen_gpumem_bind *cmd)
{
	struct file *file __free(fput) = fget(cmd->fd);
	struct gpumem_mapping *mapping;
	int ret;

	if (!file)
		return ERR_PTR(-EBADF);
	mapping = kzalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	mapping->length = cmd->length;
	ret = gpumem_mapping_map(mapping, file, cmd);
	if (ret) {
		kfree(mapping);
		return ERR_PTR(ret);
	}
	mmgrab(current->mm);
	mapping->mm = current->mm;
	return mapping;
}

/**
 * gpumem_mapping_address - where it is
 * @mapping: the mapping
 */
unsigned long gpumem_mapping_address(const struct gpumem_mapping *mapping)
{
	return mapping->address;
}

/**
 * gpumem_mapping_lost - some of it is being unmapped, and not by the driver
 * @mapping: the mapping, of a binding that is locked
 */
void gpumem_mapping_lost(struct gpumem_mapping *mapping)
{
	WRITE_ONCE(mapping->lost, true);
}

/*
 * With all that was done to the process's addresses before we came, or was
 * about to be: who has queued for the lock goes first, though the kernel may
 * have let us overtake.
 */
static bool gpumem_mapping_is_lost(struct gpumem_mapping *mapping)
{
	unsigned int turn;
	bool lost, queue;

	for (turn = 0; turn < GPUMEM_SOURCE_TURNS; turn++) {
		if (mmap_write_lock_killable(mapping->mm))
			return true;
		lost = READ_ONCE(mapping->lost);
		queue = mmap_lock_is_contended(mapping->mm);
		mmap_write_unlock(mapping->mm);
		if (lost || !queue)
			break;
		schedule_timeout_killable(1);
	}
	return lost;
}

/**
 * gpumem_mapping_is_here - is it one of the calling process?
 * @mapping: the mapping
 */
bool gpumem_mapping_is_here(const struct gpumem_mapping *mapping)
{
	return mapping->mm == current->mm;
}

/**
 * gpumem_mapping_unmap - unmap it, unless that is not the driver's to do
 * @mapping: the mapping.  Its binding's notifier is in place, or never was;
 *	the caller has the process's memory, or else there is none left
 */
void gpumem_mapping_unmap(struct gpumem_mapping *mapping)
{
	if (gpumem_mapping_is_here(mapping) && !gpumem_mapping_is_lost(mapping))
		vm_munmap(mapping->address, mapping->length);
}

static void gpumem_mapping_work(struct work_struct *work)
{
	struct gpumem_mapping *mapping =
		container_of(work, struct gpumem_mapping, work);
	struct mm_struct *mm = mapping->mm;

	if (!mmget_not_zero(mm)) {
		mapping->end(mapping->binding);
		return;
	}
	kthread_use_mm(mm);
	mapping->end(mapping->binding);
	kthread_unuse_mm(mm);
	mmput(mm);
}

/**
 * gpumem_mapping_defer - have its binding ended by one who has the memory
 * @mapping: the mapping, not of the calling process
 * @binding: its binding; the caller's reference
 * @end: called with that
 */
void gpumem_mapping_defer(struct gpumem_mapping *mapping,
			  struct gpumem_binding *binding,
			  void (*end)(struct gpumem_binding *binding))
{
	mapping->binding = binding;
	mapping->end = end;
	INIT_WORK(&mapping->work, gpumem_mapping_work);
	gpumem_ctx_defer(&mapping->work);
}
