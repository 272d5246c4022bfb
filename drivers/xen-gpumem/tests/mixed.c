// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping of pages of two kinds, for the tests.
 *
 * What drivers map as VM_MIXEDMAP may hold ordinary pages, such as a ring that
 * the kernel has allocated, and entries that stand for no struct page.  Where a
 * driver uses the latter at all, it also says VM_IO or VM_PFNMAP, as far as a
 * distribution has such drivers; so nothing there shows what is made of a
 * mapping that mixes the two.  This node's does: its even pages are ordinary
 * ones, and its odd pages are special, though there is memory of the kernel's
 * behind them as well, which the process that maps them can read and write.
 *
 * A module of its own, built only with CONFIG_XEN_GPUMEM_TEST.
 *
 * No locks: the pages come and go with the open file, which its mappings hold.
 */
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../compat.h"

#define MIXED_PAGES	8

struct mixed {
	struct page *pages[MIXED_PAGES];
};

static vm_fault_t mixed_fault(struct vm_fault *vmf)
{
	struct mixed *mixed = vmf->vma->vm_private_data;
	struct page *page;

	if (vmf->pgoff >= MIXED_PAGES)
		return VM_FAULT_SIGBUS;
	page = mixed->pages[vmf->pgoff];
	if (vmf->pgoff % 2)
		return gpumem_insert_special(vmf->vma, vmf->address,
					     page_to_pfn(page));
	return vmf_insert_page(vmf->vma, vmf->address, page);
}

static const struct vm_operations_struct mixed_vm_ops = {
	.fault = mixed_fault,
};

static int mixed_mmap(struct file *filp, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_private_data = filp->private_data;
	vma->vm_ops = &mixed_vm_ops;
	return 0;
}

static void mixed_free(struct mixed *mixed)
{
	unsigned int i;

	for (i = 0; i < MIXED_PAGES; i++)
		if (mixed->pages[i])
			__free_page(mixed->pages[i]);
	kfree(mixed);
}

static int mixed_open(struct inode *inode, struct file *filp)
{
	struct mixed *mixed = kzalloc(sizeof(*mixed), GFP_KERNEL);
	unsigned int i;

	if (!mixed)
		return -ENOMEM;
	for (i = 0; i < MIXED_PAGES; i++) {
		mixed->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!mixed->pages[i]) {
			mixed_free(mixed);
			return -ENOMEM;
		}
	}
	filp->private_data = mixed;
	return 0;
}

static int mixed_release(struct inode *inode, struct file *filp)
{
	mixed_free(filp->private_data);
	return 0;
}

static const struct file_operations mixed_fops = {
	.owner = THIS_MODULE,
	.open = mixed_open,
	.release = mixed_release,
	.mmap = mixed_mmap,
};

static struct miscdevice mixed_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "xen-gpumem-mixed",
	.fops = &mixed_fops,
	.mode = 0600,
};
module_misc_device(mixed_node);

MODULE_DESCRIPTION("Mappings of ordinary and special pages for tests");
MODULE_LICENSE("GPL");
