// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock hypervisor's windows and page tables.
 *
 * A window is an array of page tables ("leaves") of 512 entries each, present
 * only where something is mapped.  The array is allocated with the window; the
 * leaves come from the domain's paging pool and go back to it when their last
 * entry goes, so that exhausting the pool (-ENOMEM) is as possible, and as
 * reversible, as on the real thing.  See hv-mock.h for the locks.
 */
#include <linux/align.h>
#include <linux/gfp.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "hv-mock.h"

#define MOCK_FIRST_GFN	0x100	/* below lies the platform's first MiB */

/* --- the paging pool ---------------------------------------------------- */

/**
 * mock_pool_fill - give a new domain its page tables
 * @d: the domain, known to nobody yet
 * @nr: how many
 */
int mock_pool_fill(struct mock_domain *d, u32 nr)
{
	while (nr--) {
		void **page = (void **)__get_free_page(GFP_KERNEL);

		if (!page)
			return -ENOMEM;
		*page = d->pool;
		d->pool = page;
	}
	return 0;
}

/**
 * mock_pool_free - the opposite of mock_pool_fill()
 * @d: the domain, known to nobody any more
 */
void mock_pool_free(struct mock_domain *d)
{
	while (d->pool) {
		void **page = d->pool;

		d->pool = *page;
		free_page((unsigned long)page);
	}
}

static u64 *pool_get(struct mock_domain *d)
{
	void **page = d->pool;

	if (!page)
		return NULL;
	d->pool = *page;
	d->pool_used++;
	return memset(page, 0, PAGE_SIZE);
}

static void pool_put(struct mock_domain *d, struct mock_leaf *leaf)
{
	*(void **)leaf->entry = d->pool;
	d->pool = leaf->entry;
	d->pool_used--;
	leaf->entry = NULL;
}

/* --- windows ------------------------------------------------------------ */

/**
 * mock_window_alloc - make a window that belongs to no domain yet
 * @nr: its pages, within bounds
 */
struct mock_window *mock_window_alloc(u64 nr)
{
	struct mock_window *w;

	w = kvzalloc(struct_size(w, leaf, DIV_ROUND_UP_ULL(nr, MOCK_LEAF)),
		     GFP_KERNEL);
	if (w)
		w->nr = nr;
	return w;
}

/**
 * mock_window_by_id - find a window
 * @d: the domain
 * @id: the window's id
 */
struct mock_window *mock_window_by_id(struct mock_domain *d, u32 id)
{
	struct mock_window *w;

	lockdep_assert_held(&d->lock);
	list_for_each_entry(w, &d->windows, link)
		if (w->id == id)
			return w;
	return NULL;
}

/**
 * mock_window_by_gfn - find the window at a guest frame
 * @d: the domain
 * @gfn: the guest frame
 */
struct mock_window *mock_window_by_gfn(struct mock_domain *d, u64 gfn)
{
	struct mock_window *w;

	lockdep_assert_held(&d->lock);
	list_for_each_entry(w, &d->windows, link)
		if (w->gfn != GPUMEM_HV_PARKED && gfn >= w->gfn &&
		    gfn - w->gfn < w->nr)
			return w;
	return NULL;
}

/**
 * mock_window_place - may a window lie there?
 * @d: the domain
 * @self: the window if it exists already, else NULL
 * @gfn: the address in question, or GPUMEM_HV_PARKED
 * @nr: pages
 */
int mock_window_place(struct mock_domain *d, struct mock_window *self, u64 gfn,
		      u64 nr)
{
	struct mock_window *w;
	u64 end;

	lockdep_assert_held(&d->lock);
	if (gfn == GPUMEM_HV_PARKED)
		return 0;
	if (check_add_overflow(gfn, nr, &end) || end > d->gfn_end)
		return -ERANGE;
	if (gfn < MOCK_FIRST_GFN)
		return -EADDRNOTAVAIL;
	if (gfn < d->ram_pages)
		return -EEXIST;
	list_for_each_entry(w, &d->windows, link)
		if (w != self && w->gfn != GPUMEM_HV_PARKED &&
		    gfn < w->gfn + w->nr && w->gfn < end)
			return -EEXIST;
	return 0;
}

/**
 * mock_window_free - take a window out of its domain; the caller frees it
 * @d: the domain
 * @w: the window
 */
void mock_window_free(struct mock_domain *d, struct mock_window *w)
{
	lockdep_assert_held(&d->lock);
	mock_p2m_clear(d, w, 0, w->nr, false);
	list_del(&w->link);
	d->nr_windows--;
	d->nr_pages -= w->nr;
}

/* --- entries ------------------------------------------------------------ */

/**
 * mock_plugged - has the guest something of its own there?
 * @d: the domain
 * @gfn: guest frame
 */
bool mock_plugged(struct mock_domain *d, u64 gfn)
{
	lockdep_assert_held(&d->lock);
	return gfn >= d->plug.gfn && gfn - d->plug.gfn < d->plug.nr;
}

/**
 * mock_p2m_get - look an entry up
 * @w: the window
 * @index: page in it
 *
 * Return: zero if it is absent
 */
u64 mock_p2m_get(struct mock_window *w, u64 index)
{
	struct mock_leaf *leaf = &w->leaf[index / MOCK_LEAF];

	return leaf->entry ? leaf->entry[index % MOCK_LEAF] : 0;
}

/* Would a page table entry for this be one that the real thing accepts? */
static int check_frame(struct mock_domain *d, u64 frame, u32 attr)
{
	unsigned long pfn = mock_frame_pfn(frame);

	/* Not a number that our frame operation gave out. */
	if (!(frame & MOCK_FRAME_OURS) || frame & ~MOCK_FRAME_MASK) {
		mock_violation(d);
		return -EACCES;
	}
	/* Device memory: never cacheable. */
	if (!pfn_valid(pfn))
		return attr & GPUMEM_ATTR_NC ? 0 : -EACCES;
	/* The driver lends free memory: it has missed a revocation. */
	if (frame & MOCK_FRAME_PAGE && !page_count(pfn_to_page(pfn)))
		mock_violation(d);
	return 0;
}

/**
 * mock_p2m_set - make an entry
 * @d: the domain
 * @w: the window
 * @index: page in it
 * @frame: what to map
 * @attr: GPUMEM_ATTR_*
 */
int mock_p2m_set(struct mock_domain *d, struct mock_window *w, u64 index,
		 u64 frame, u32 attr)
{
	struct mock_leaf *leaf;
	u64 *entry;
	int ret;

	lockdep_assert_held(&d->lock);
	if (w->gfn == GPUMEM_HV_PARKED || index >= w->nr)
		return -ENXIO;
	if (mock_plugged(d, w->gfn + index))
		return -EBUSY;
	ret = check_frame(d, frame, attr);
	if (ret)
		return ret;
	leaf = &w->leaf[index / MOCK_LEAF];
	if (!leaf->entry)
		leaf->entry = pool_get(d);
	if (!leaf->entry)
		return -ENOMEM;
	entry = &leaf->entry[index % MOCK_LEAF];
	if (*entry && !(attr & GPUMEM_ATTR_REPLACE))
		return -EEXIST;
	if (!*entry)
		leaf->present++;
	*entry = frame << 8 | MOCK_PRESENT | (attr & MOCK_ATTRS);
	return 0;
}

/* Clear some entries of one leaf. */
static u64 leaf_clear(struct mock_domain *d, struct mock_leaf *leaf,
		      unsigned int from, unsigned int to, bool downgrade)
{
	u64 cleared = 0;

	for (; from < to; from++) {
		u64 *entry = &leaf->entry[from];

		if (!*entry || (downgrade && !(*entry & GPUMEM_ATTR_WRITE)))
			continue;
		cleared++;
		if (downgrade && !d->tune.whole) {
			*entry &= ~(u64)GPUMEM_ATTR_WRITE;
			d->stats.out_downgraded++;
			continue;
		}
		*entry = 0;
		leaf->present--;
		d->stats.out_revoked++;
	}
	if (!leaf->present)
		pool_put(d, leaf);
	return cleared;
}

/**
 * mock_p2m_clear - take entries, or their permission to write
 * @d: the domain
 * @w: the window
 * @index: first page
 * @nr: pages, within the window
 * @downgrade: only the permission
 *
 * Return: entries that lost something
 */
u64 mock_p2m_clear(struct mock_domain *d, struct mock_window *w, u64 index,
		   u64 nr, bool downgrade)
{
	u64 end = index + nr, cleared = 0;

	lockdep_assert_held(&d->lock);
	while (index < end) {
		struct mock_leaf *leaf = &w->leaf[index / MOCK_LEAF];
		u64 stop = min(end, ALIGN(index + 1, MOCK_LEAF));

		if (leaf->entry)
			cleared += leaf_clear(d, leaf, index % MOCK_LEAF,
					      (stop - 1) % MOCK_LEAF + 1,
					      downgrade);
		index = stop;
	}
	return cleared;
}

/**
 * mock_p2m_scan - count what is lent, and look for free memory among it
 * @d: the domain
 */
void mock_p2m_scan(struct mock_domain *d)
{
	struct mock_window *w;
	u64 present = 0;

	lockdep_assert_held(&d->lock);
	list_for_each_entry(w, &d->windows, link) {
		for (u64 i = 0; i < DIV_ROUND_UP_ULL(w->nr, MOCK_LEAF); i++) {
			u64 *entry = w->leaf[i].entry;

			present += w->leaf[i].present;
			for (int j = 0; entry && j < MOCK_LEAF; j++)
				if (entry[j])
					check_frame(d, MOCK_FRAME(entry[j]),
						    MOCK_ATTR(entry[j]));
		}
	}
	d->stats.out_present = present;
}
