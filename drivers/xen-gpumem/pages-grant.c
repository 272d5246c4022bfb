// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages of an export that come by grant reference.
 *
 * The guest names each page and to whom it is given; the kernel's grant code
 * maps it behind a struct page of address space without memory.  From then on
 * the page has a frame of the guest's (PV: an entry in the physical-to-machine
 * table; PVH: one in the second-stage table), and the guest can neither take
 * it back nor free it until it is unmapped here.
 *
 * What is kept for each page are its struct page and the hypervisor's handle:
 * twelve bytes.  Everything goes in batches from the stack, so that the way
 * back needs no memory.  Only a signal that ends the process interrupts the
 * way there: nothing could be gone on with afterwards, and a process that gets
 * others all the time would never have its export.
 *
 * Under PV a fifth of what an export costs is to have struct pages without
 * memory, so some are kept for the next one.  They are address space, which the
 * kernel does not give back either.
 *
 * No locks: until it is complete an export has one user, and its pages are
 * dropped once.  The cache has its own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/xen/page.h>
#include <xen/grant_table.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "export.h"
#include "internal.h"

/* No mapping: the hypervisor never gives out this number. */
#define GPUMEM_NO_HANDLE	(~0U)

/*
 * Struct pages that are kept: 64 MiB of them, four pictures of a large display,
 * which take 1 MiB.  Where they can only be had for memory, none.
 */
#define GPUMEM_GRANT_PAGES \
	(IS_ENABLED(CONFIG_XEN_UNPOPULATED_ALLOC) ? 16384U : 0)

static struct gnttab_page_cache gpumem_grant_pages;

/**
 * gpumem_exports_init - before there are exports
 */
void __init gpumem_exports_init(void)
{
	gnttab_page_cache_init(&gpumem_grant_pages);
}

/**
 * gpumem_exports_exit - when there are none any more
 */
void gpumem_exports_exit(void)
{
	gnttab_page_cache_shrink(&gpumem_grant_pages, 0);
}

/**
 * gpumem_exports_show - what is kept for the next export
 * @m: a line goes there
 */
void gpumem_exports_show(struct seq_file *m)
{
	seq_printf(m, "pages %u of %u\n",
		   READ_ONCE(gpumem_grant_pages.num_pages),
		   GPUMEM_GRANT_PAGES);
}

/**
 * gpumem_exports_ok - are there guests with pages to export?
 */
bool gpumem_exports_ok(void)
{
	return xen_domain() && !gpumem_hv->mock;
}

/* @pages are mapped nowhere. */
static void gpumem_grant_pages_put(struct page **pages, unsigned int nr)
{
	gnttab_page_cache_put(&gpumem_grant_pages, pages, nr);
	/* Others may do so at the same time: then less is kept. */
	if (READ_ONCE(gpumem_grant_pages.num_pages) > GPUMEM_GRANT_PAGES)
		gnttab_page_cache_shrink(&gpumem_grant_pages,
					 GPUMEM_GRANT_PAGES);
}

static int gpumem_grant_pages_get(struct page **pages, unsigned int nr)
{
	unsigned int kept = min(READ_ONCE(gpumem_grant_pages.num_pages), nr);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < kept; i++) {
		ret = gnttab_page_cache_get(&gpumem_grant_pages, &pages[i]);
		if (ret)
			break;
	}
	if (!ret && i < nr)
		ret = gnttab_alloc_pages(nr - i, pages + i);
	if (ret)
		gpumem_grant_pages_put(pages, i);
	return ret;
}

static phys_addr_t gpumem_grant_address(struct page *page)
{
	return (unsigned long)pfn_to_kaddr(page_to_pfn(page));
}

static u32 gpumem_grant_flags(const struct gpumem_export *export)
{
	return GNTMAP_host_map |
	       (export->flags & XEN_GPUMEM_EXPORT_READONLY ?
		GNTMAP_readonly : 0);
}

/* Let go of @nr pages from @first on, mapped or not. */
static void gpumem_grants_drop(struct gpumem_export *export,
			       unsigned int first, unsigned int nr)
{
	struct gnttab_unmap_grant_ref ops[GPUMEM_EXPORT_BATCH];
	struct page *mapped[GPUMEM_EXPORT_BATCH], *done[GPUMEM_EXPORT_BATCH];
	unsigned int i, n = 0, nr_done = 0;

	for (i = first; i < first + nr; i++) {
		if (export->handles[i] == GPUMEM_NO_HANDLE) {
			done[nr_done++] = export->pages[i];
			continue;
		}
		gnttab_set_unmap_op(&ops[n],
				    gpumem_grant_address(export->pages[i]),
				    gpumem_grant_flags(export),
				    export->handles[i]);
		ops[n].status = GNTST_general_error;
		mapped[n++] = export->pages[i];
	}
	/*
	 * It can only fail for a handle or an address that is wrong, which
	 * would be a defect of ours: the page is then better lost than used
	 * again.  Each has a status of its own, whatever is returned.
	 */
	if (n)
		gnttab_unmap_refs(ops, NULL, mapped, n);
	for (i = 0; i < n; i++) {
		if (ops[i].status == GNTST_okay)
			done[nr_done++] = mapped[i];
		else
			pr_err_ratelimited("cannot unmap a grant\n");
	}
	if (nr_done)
		gpumem_grant_pages_put(done, nr_done);
}

static void gpumem_grants_free(struct gpumem_export *export)
{
	kvfree(export->handles);
	kvfree(export->pages);
	export->handles = NULL;
	export->pages = NULL;
}

/* Give all pages back to the guest. */
static void gpumem_grants_unmap(struct gpumem_export *export)
{
	unsigned int i, n;

	for (i = 0; i < export->nr; i += n) {
		n = min(export->nr - i, GPUMEM_EXPORT_BATCH);
		gpumem_grants_drop(export, i, n);
		cond_resched();
	}
	gpumem_grants_free(export);
}

/*
 * The hypervisor says the same of a grant that is not there and of one that
 * lacks only write access.  Asking again for less tells them apart.
 */
static int gpumem_grant_why(struct gpumem_export *export, unsigned int index,
			    u32 ref)
{
	phys_addr_t address = gpumem_grant_address(export->pages[index]);
	struct gnttab_unmap_grant_ref unmap;
	struct gnttab_map_grant_ref map;

	if (export->flags & XEN_GPUMEM_EXPORT_READONLY)
		return -ENXIO;
	gnttab_set_map_op(&map, address, GNTMAP_host_map | GNTMAP_readonly,
			  ref, export->domid);
	if (gnttab_map_refs(&map, NULL, &export->pages[index], 1) ||
	    map.status != GNTST_okay)
		return -ENXIO;
	gnttab_set_unmap_op(&unmap, address, GNTMAP_host_map | GNTMAP_readonly,
			    map.handle);
	unmap.status = GNTST_general_error;
	gnttab_unmap_refs(&unmap, NULL, &export->pages[index], 1);
	/* A defect of ours, as in gpumem_grants_drop(), which sees to it then. */
	if (unmap.status != GNTST_okay)
		export->handles[index] = map.handle;
	return -EACCES;
}

static int gpumem_grant_error(struct gpumem_export *export, unsigned int index,
			      const struct gnttab_map_grant_ref *op)
{
	switch (op->status) {
	case GNTST_bad_domain:
		return -ESRCH;
	case GNTST_eagain:
		/* The guest's pager has it. */
		return -EAGAIN;
	case GNTST_bad_page:
		/* What the guest granted is no memory of its own. */
		return -ENXIO;
	case GNTST_no_device_space:
	case GNTST_no_space:
		return -ENOBUFS;
	case GNTST_permission_denied:
		return -EPERM;
	default:
		return gpumem_grant_why(export, index, op->ref);
	}
}

/* Map @nr pages from @first on; what is mapped has a handle, errors or not. */
static int gpumem_grants_map_batch(struct gpumem_export *export,
				   const u32 *refs, unsigned int first,
				   unsigned int nr, u32 *failed)
{
	struct gnttab_map_grant_ref ops[GPUMEM_EXPORT_BATCH];
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++)
		gnttab_set_map_op(&ops[i],
				  gpumem_grant_address(export->pages[first + i]),
				  gpumem_grant_flags(export), refs[i],
				  export->domid);
	ret = gnttab_map_refs(ops, NULL, export->pages + first, nr);
	for (i = 0; i < nr; i++)
		if (ops[i].status == GNTST_okay)
			export->handles[first + i] = ops[i].handle;
	for (i = 0; i < nr && !ret; i++) {
		if (ops[i].status == GNTST_okay)
			continue;
		*failed = first + i;
		ret = gpumem_grant_error(export, first + i, &ops[i]);
	}
	return ret;
}

/* Every reference must be one that the fd's maker allowed. */
static int gpumem_grants_allowed(struct gpumem_export *export, const u32 *refs,
				 unsigned int first, unsigned int nr,
				 u32 *failed)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++) {
		ret = gpumem_file_allows(export->file,
					 XEN_GPUMEM_RIGHT_EXPORT_GRANTS,
					 refs[i], 1);
		if (ret)
			*failed = first + i;
	}
	return ret;
}

static int gpumem_grants_map_all(struct gpumem_export *export,
				 const u32 __user *refs, u32 *failed)
{
	u32 batch[GPUMEM_EXPORT_BATCH];
	unsigned int i, n;
	int ret;

	for (i = 0; i < export->nr; i += n) {
		n = min(export->nr - i, GPUMEM_EXPORT_BATCH);
		if (copy_from_user(batch, refs + i, n * sizeof(*batch)))
			return -EFAULT;
		ret = gpumem_grants_allowed(export, batch, i, n, failed);
		if (!ret)
			ret = gpumem_grants_map_batch(export, batch, i, n,
						      failed);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * gpumem_grants_map - get the pages that grant references stand for
 * @export: to be filled; its guest, flags and number of pages are set
 * @refs: address of the references in the caller
 * @failed: OUT, the one that caused an error, if one did
 *
 * Return: 0, or a negative errno; what was got is for @export->put to give
 * back.
 */
int gpumem_grants_map(struct gpumem_export *export, u64 refs, u32 *failed)
{
	unsigned int nr = export->nr;
	int ret = -ENOMEM;

	export->pages = kvmalloc_array(nr, sizeof(*export->pages),
				       GFP_KERNEL_ACCOUNT);
	export->handles = kvmalloc_array(nr, sizeof(*export->handles),
					 GFP_KERNEL_ACCOUNT);
	if (!export->pages || !export->handles)
		goto err_free;
	memset32(export->handles, GPUMEM_NO_HANDLE, nr);
	ret = gpumem_grant_pages_get(export->pages, nr);
	if (ret)
		goto err_free;
	export->put = gpumem_grants_unmap;
	return gpumem_grants_map_all(export, u64_to_user_ptr(refs), failed);

err_free:
	gpumem_grants_free(export);
	return ret;
}
