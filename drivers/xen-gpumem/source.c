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
 * the mapping is the process's business.  A process that does so in the very
 * moment that the binding ends races with itself, as with two munmap().
 *
 * A binding can end in another process's call, or when the last fd is closed
 * by one that has left its memory behind already.  Then a worker unmaps, which
 * borrows the process's memory, if there is any left.  Nobody waits for it:
 * the guest cannot reach the memory any more, and what is left to do may have
 * to wait for a process that is not even here.
 *
 * Locks: gpumem_binding.lock for @lost; none else.  What is done here must be
 * done with no lock held: it takes mmap_lock.
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

/**
 * struct gpumem_mapping - a mapping of the driver's own
 * @mm: the process; holds mm_count
 * @address: first address
 * @length: bytes
 * @lost: the process has unmapped or moved some of it
 * @work: unmaps it for somebody else
 * @ctx: holds a reference while @work is queued
 */
struct gpumem_mapping {
	struct mm_struct *mm;
	unsigned long address;
	unsigned long length;
	bool lost;
	struct work_struct work;
	struct gpumem_ctx *ctx;
};

static void gpumem_mapping_free(struct gpumem_mapping *mapping)
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
	mapping->lost = true;
}

static void gpumem_mapping_work(struct work_struct *work)
{
	struct gpumem_mapping *mapping =
		container_of(work, struct gpumem_mapping, work);
	struct gpumem_ctx *ctx = mapping->ctx;

	if (mmget_not_zero(mapping->mm)) {
		kthread_use_mm(mapping->mm);
		vm_munmap(mapping->address, mapping->length);
		kthread_unuse_mm(mapping->mm);
		mmput(mapping->mm);
	}
	gpumem_mapping_free(mapping);
	gpumem_ctx_put(ctx);
}

/**
 * gpumem_mapping_destroy - unmap it
 * @mapping: the mapping; its binding's notifier is gone, or never was
 * @ctx: whom it was lent to
 */
void gpumem_mapping_destroy(struct gpumem_mapping *mapping,
			    struct gpumem_ctx *ctx)
{
	if (mapping->lost) {
		gpumem_mapping_free(mapping);
	} else if (mapping->mm == current->mm) {
		vm_munmap(mapping->address, mapping->length);
		gpumem_mapping_free(mapping);
	} else {
		mapping->ctx = gpumem_ctx_get(ctx);
		INIT_WORK(&mapping->work, gpumem_mapping_work);
		gpumem_ctx_defer(&mapping->work);
	}
}
