// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of an export that are named by their guest addresses.
 *
 * No grant is needed, and the guest is not asked: whoever may do this has
 * privilege over it.  The hypervisor gives a reference to the page that is at
 * that address now.  What the guest puts there later is not seen: the guest
 * and the exporter's user must agree on when an export holds.
 *
 * PVH: the page is mapped into our second-stage table behind a struct page, as
 * a grant is; but always writable there, so that whether an export is read-only
 * is decided by the driver alone.
 *
 * PV: a module cannot put a frame behind a struct page; there is no entry of
 * the physical-to-machine table for it, and none that a module could write.
 * What it can have is a page-table entry, which is a reference that the
 * hypervisor took, to the frame that it found at the guest's address; and what
 * is in that entry is the machine's number for it.  So a kernel mapping of all
 * of the buffer holds the frames, tells their places on the bus, and serves
 * the kernel's users besides.  Importers get bus addresses without struct
 * pages, as they do for device memory; those that cannot do without are
 * refused.
 *
 * No locks: until it is complete an export has one user, and its pages are
 * dropped once.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include <asm/xen/hypercall.h>
#include <asm/xen/page.h>
#include <xen/interface/memory.h>
#include <xen/interface/xen.h>
#include <xen/xen.h>

#include "export.h"
#include "internal.h"

/* What the hypervisor says of an address where no page of the guest's is. */
static int gpumem_frame_error(int err)
{
	switch (err) {
	case -ESRCH:
	case -EPERM:
	case -ENOMEM:
		return err;
	case -ENOENT:
	case -EAGAIN:
		/* The guest's pager has it. */
		return -EAGAIN;
	default:
		return -ENXIO;
	}
}

/* --- PVH ----------------------------------------------------------------------- */

/* Is nothing behind a page any more?  Nothing may have been there. */
static bool gpumem_frame_remove(struct page *page)
{
	struct xen_remove_from_physmap remove = {
		.domid = DOMID_SELF,
		.gpfn = page_to_pfn(page),
	};
	int ret = HYPERVISOR_memory_op(XENMEM_remove_from_physmap, &remove);

	return !ret || ret == -ENOENT;
}

/*
 * A page that the hypervisor keeps, which would be a defect, is better lost
 * than used again.
 */
static void gpumem_frames_put_pvh(struct gpumem_export *export)
{
	unsigned int i, nr = 0;

	for (i = 0; i < export->nr; i++) {
		if (gpumem_frame_remove(export->pages[i]))
			export->pages[nr++] = export->pages[i];
		else
			pr_err_ratelimited("cannot unmap a guest's page\n");
		cond_resched();
	}
	xen_free_unpopulated_pages(nr, export->pages);
	kvfree(export->pages);
	export->pages = NULL;
}

static int gpumem_frames_get_pvh(struct gpumem_export *export)
{
	int ret;

	export->pages = kvmalloc_array(export->nr, sizeof(*export->pages),
				       GFP_KERNEL_ACCOUNT);
	if (!export->pages)
		return -ENOMEM;
	ret = xen_alloc_unpopulated_pages(export->nr, export->pages);
	if (ret) {
		kvfree(export->pages);
		export->pages = NULL;
		return ret;
	}
	export->put = gpumem_frames_put_pvh;
	return 0;
}

static int gpumem_frames_set_pvh(struct gpumem_export *export,
				 const u64 *gfns, unsigned int first,
				 unsigned int nr, unsigned int *done)
{
	struct xen_add_to_physmap_range add = {
		.domid = DOMID_SELF,
		.foreign_domid = export->domid,
		.space = XENMAPSPACE_gmfn_foreign,
		.size = nr,
	};
	xen_ulong_t idxs[GPUMEM_EXPORT_BATCH];
	xen_pfn_t pfns[GPUMEM_EXPORT_BATCH];
	int errs[GPUMEM_EXPORT_BATCH] = {};
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		idxs[i] = gfns[i];
		pfns[i] = page_to_pfn(export->pages[first + i]);
	}
	set_xen_guest_handle(add.idxs, idxs);
	set_xen_guest_handle(add.gpfns, pfns);
	set_xen_guest_handle(add.errs, errs);
	*done = 0;
	ret = HYPERVISOR_memory_op(XENMEM_add_to_physmap_range, &add);
	for (i = 0; i < nr && !ret; i++) {
		ret = errs[i];
		*done += !ret;
	}
	return ret;
}

/* --- PV ------------------------------------------------------------------------ */

static void gpumem_frames_put_pv(struct gpumem_export *export)
{
	vunmap(export->base);
	kvfree(export->frames);
	export->base = NULL;
	export->frames = NULL;
}

static int gpumem_frames_get_pv(struct gpumem_export *export)
{
	if (!gpumem_export_cpu_ok())
		return -EOPNOTSUPP;
	export->frames = kvmalloc_array(export->nr, sizeof(*export->frames),
					GFP_KERNEL_ACCOUNT);
	export->base = export->frames ? gpumem_pv_reserve(export->nr) : NULL;
	if (!export->base) {
		kvfree(export->frames);
		export->frames = NULL;
		return -ENOMEM;
	}
	export->put = gpumem_frames_put_pv;
	return 0;
}

static int gpumem_frames_set_pv(struct gpumem_export *export, const u64 *gfns,
				unsigned int first, unsigned int nr,
				unsigned int *done)
{
	void *at = export->base + (size_t)first * PAGE_SIZE;
	pgprot_t prot = export->flags & XEN_GPUMEM_EXPORT_READONLY ?
			PAGE_KERNEL_RO : PAGE_KERNEL;
	int ret;

	ret = gpumem_pv_set(at, gfns, nr, prot, true, export->domid, done);
	if (!ret)
		gpumem_pv_frames(at, nr, export->frames + first);
	return ret;
}

/* --- both ------------------------------------------------------------------------ */

/**
 * struct gpumem_frames - what is collected for the next hypercall
 * @export: whose
 * @first: of the buffer's pages
 * @nr: in @gfns
 * @gfns: guest frames
 */
struct gpumem_frames {
	struct gpumem_export *export;
	unsigned int first;
	unsigned int nr;
	u64 gfns[GPUMEM_EXPORT_BATCH];
};

static int gpumem_frames_set(struct gpumem_frames *f, u32 *failed)
{
	unsigned int done = 0;
	int ret;

	if (!f->nr)
		return 0;
	if (xen_pv_domain())
		ret = gpumem_frames_set_pv(f->export, f->gfns, f->first, f->nr,
					   &done);
	else
		ret = gpumem_frames_set_pvh(f->export, f->gfns, f->first,
					    f->nr, &done);
	if (ret) {
		*failed = f->first + done;
		return gpumem_frame_error(ret);
	}
	f->first += f->nr;
	f->nr = 0;
	cond_resched();
	/* As for grants. */
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int gpumem_frames_add(struct gpumem_frames *f,
			     const struct xen_gpumem_frames *range, u32 *failed)
{
	u64 gfn = range->gpa >> PAGE_SHIFT, nr = range->length >> PAGE_SHIFT;
	int ret = 0;

	for (; nr && !ret; nr--) {
		/* Where no address has a bit, an entry keeps flags. */
		if (gfn > PHYS_PFN(__PHYSICAL_MASK)) {
			*failed = f->first + f->nr;
			return -ENXIO;
		}
		f->gfns[f->nr++] = gfn++;
		if (f->nr == GPUMEM_EXPORT_BATCH)
			ret = gpumem_frames_set(f, failed);
	}
	return ret;
}

static int gpumem_frames_check(struct gpumem_frames *f,
			       const struct xen_gpumem_frames *range,
			       u32 *failed)
{
	u64 nr = range->length >> PAGE_SHIFT;
	int ret;

	/* It was looked at before, to count; it may have been changed. */
	if (!gpumem_range_valid(range->gpa, range->length) ||
	    nr > f->export->nr - f->first - f->nr)
		return -EINVAL;
	ret = gpumem_file_allows(f->export->file,
				 XEN_GPUMEM_RIGHT_EXPORT_FRAMES, range->gpa,
				 range->length);
	if (ret)
		*failed = f->first + f->nr;
	return ret;
}

static int gpumem_frames_map_all(struct gpumem_export *export,
				 const struct xen_gpumem_frames __user *ranges,
				 u32 *failed)
{
	struct gpumem_frames f = { .export = export };
	struct xen_gpumem_frames range;
	int ret;

	while (f.first + f.nr < export->nr) {
		if (copy_from_user(&range, ranges++, sizeof(range)))
			return -EFAULT;
		ret = gpumem_frames_check(&f, &range, failed);
		if (!ret)
			ret = gpumem_frames_add(&f, &range, failed);
		if (ret)
			return ret;
	}
	ret = gpumem_frames_set(&f, failed);
	if (!ret && xen_pv_domain())
		ret = gpumem_pv_flush();
	return ret;
}

/**
 * gpumem_frames_map - get the pages that are at guest addresses
 * @export: to be filled; its guest, flags and number of pages are set
 * @ranges: address of struct xen_gpumem_frames in the caller, as many as make
 *	that number of pages
 * @failed: OUT, the page that caused an error, if one did
 *
 * Return: 0, or a negative errno; what was got is for @export->put to give
 * back.
 */
int gpumem_frames_map(struct gpumem_export *export, u64 ranges, u32 *failed)
{
	int ret = xen_pv_domain() ? gpumem_frames_get_pv(export) :
				    gpumem_frames_get_pvh(export);

	return ret ?: gpumem_frames_map_all(export, u64_to_user_ptr(ranges),
					    failed);
}
