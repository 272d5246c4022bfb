/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending on x86: the entries of a borrower's p2m.
 *
 * An entry is one of four page types, p2m_lent_{,nc_}{rw,ro}.  They say all
 * that has to be known to undo it: whether there are references is told by the
 * owner of the page, which cannot change while there are.
 *
 * References are always those of 4 KiB frames, however large the entry is.
 * So an entry of 2 MiB can be split by anybody, at any time, without any
 * bookkeeping: the p2m code does it by itself whenever a part of one is
 * changed.
 *
 * A split takes a page from the borrower's paging pool.  The borrower can see
 * to it that there is none.  MAP fails then.  Taking away must not: it takes
 * the whole entry, which needs no page.  That is more than was asked for, and
 * the lender will see the guest ask for the rest again.
 *
 * An entry of 2 MiB is made when MAP brings 512 frames at once that allow it,
 * also in place of smaller ones, whose table is freed.  Code is executed from
 * entries of any size with NPT.  With EPT there are processors where that has to
 * be avoided for large ones ("ept=exec-sp"): these are never executable, and one
 * is split when somebody wants to execute from it.
 *
 * All of this is called with the lend lock held, which is the p2m's lock.  So the
 * table of 4 KiB entries that was used last stays mapped for the next one, until
 * the lock is released, or something other than such an entry is changed.
 */

#include <xen/lend-internal.h>

#include <asm/hvm/hvm.h>
#include <asm/p2m.h>
#include <asm/paging.h>

#include "mm-locks.h"

static p2m_type_t lend_attr_to_type(unsigned int attr)
{
    bool write = attr & XEN_LEND_ATTR_WRITE;

    if ( attr & XEN_LEND_ATTR_NC )
        return write ? p2m_lent_nc_rw : p2m_lent_nc_ro;

    return write ? p2m_lent_rw : p2m_lent_ro;
}

static bool lend_type_writable(p2m_type_t t)
{
    return t == p2m_lent_rw || t == p2m_lent_nc_rw;
}

static p2m_type_t lend_type_readonly(p2m_type_t t)
{
    return t == p2m_lent_rw || t == p2m_lent_ro ? p2m_lent_ro : p2m_lent_nc_ro;
}

/* Where nobody has put anything. */
static bool lend_type_empty(p2m_type_t t)
{
    return t == p2m_mmio_dm || t == p2m_invalid;
}

static p2m_type_t lend_get_entry(struct p2m_domain *p2m, unsigned long gfn,
                                 mfn_t *mfn, unsigned int *order)
{
    p2m_type_t t;
    p2m_access_t a;

    ASSERT(p2m_locked_by_me(p2m));

    *mfn = p2m->get_entry(p2m, _gfn(gfn), &t, &a, 0, order, NULL);

    return t;
}

p2m_type_t arch_lend_get_entry(struct domain *d, unsigned long gfn,
                               mfn_t *mfn)
{
    return lend_get_entry(p2m_get_hostp2m(d), gfn, mfn, NULL);
}

/* The table of 4 KiB entries that is mapped, and the first frame in it. */
static DEFINE_PER_CPU(struct {
    l1_pgentry_t *map;
    unsigned long first;
}, lend_leaves);

void arch_lend_unmap_leaves(void)
{
    UNMAP_DOMAIN_PAGE(this_cpu(lend_leaves).map);
}

/* NULL: there is none, or it needs the p2m code itself. */
static l1_pgentry_t *lend_map_leaves(struct p2m_domain *p2m, unsigned long gfn)
{
    unsigned long first = gfn & ~(LEND_SUPER - 1);

    if ( !this_cpu(lend_leaves).map || this_cpu(lend_leaves).first != first )
    {
        arch_lend_unmap_leaves();
        this_cpu(lend_leaves).map = p2m_pt_map_leaves(p2m, gfn);
        this_cpu(lend_leaves).first = first;
    }

    return this_cpu(lend_leaves).map;
}

/*
 * An entry that may be changed: by the table that is returned if it is one of
 * 4 KiB in it, else by the p2m code.
 */
static l1_pgentry_t *lend_find_entry(struct p2m_domain *p2m, unsigned long gfn,
                                     p2m_type_t *t, mfn_t *mfn,
                                     unsigned int *order)
{
    l1_pgentry_t *leaves = lend_map_leaves(p2m, gfn);

    if ( leaves && p2m_pt_get_leaf(leaves, gfn, t, mfn) )
    {
        *order = PAGE_ORDER_4K;
        return leaves;
    }

    *t = lend_get_entry(p2m, gfn, mfn, order);

    return NULL;
}

/*
 * Not the default access: an access that vm_event would have to decide on
 * would never get there, as faults on these types are ours.
 */
static int lend_set_entry(struct p2m_domain *p2m, unsigned long gfn, mfn_t mfn,
                          unsigned int order, p2m_type_t t)
{
    arch_lend_unmap_leaves();

    return p2m_set_entry(p2m, _gfn(gfn), mfn, order, t, p2m_access_rwx);
}

/* @leaves: of lend_find_entry() */
static int lend_set_leaf(struct p2m_domain *p2m, l1_pgentry_t *leaves,
                         unsigned long gfn, mfn_t mfn, p2m_type_t t)
{
    if ( leaves )
        return p2m_pt_set_leaf(p2m, leaves, gfn, mfn, t);

    return lend_set_entry(p2m, gfn, mfn, PAGE_ORDER_4K, t);
}

/* Is a lent frame RAM?  Then its entry holds a reference, which pins this. */
bool arch_lend_is_ram(mfn_t mfn)
{
    return mfn_valid(mfn) && page_get_owner(mfn_to_page(mfn)) != dom_io;
}

/* The references that an entry holds on one frame. */
static lend_frame_t lend_entry_frame(mfn_t mfn, p2m_type_t t)
{
    lend_frame_t frame = { mfn_x(mfn) | LEND_FRAME_OLD };

    if ( arch_lend_is_ram(mfn) )
    {
        frame.raw |= LEND_FRAME_REF;
        if ( lend_type_writable(t) )
            frame.raw |= LEND_FRAME_TYPE;
    }

    return frame;
}

int arch_lend_set_entry(struct domain *d, unsigned long gfn,
                        lend_frame_t *frame, unsigned int attr)
{
    struct p2m_domain *p2m = p2m_get_hostp2m(d);
    mfn_t mfn = _mfn(frame->raw & LEND_FRAME_MFN), omfn;
    lend_frame_t old = LEND_FRAME_NONE;
    unsigned int order;
    p2m_type_t ot;
    l1_pgentry_t *leaves = lend_find_entry(p2m, gfn, &ot, &omfn, &order);
    int rc;

    if ( p2m_is_lent(ot) )
    {
        if ( !(attr & XEN_LEND_ATTR_REPLACE) )
            return -EEXIST;
        old = lend_entry_frame(omfn, ot);
    }
    else if ( !lend_type_empty(ot) )
        return -EBUSY;

    rc = lend_set_leaf(p2m, leaves, gfn, mfn, lend_attr_to_type(attr));
    if ( rc )
        return rc;

    *frame = old;

    return 0;
}

/* May these frames share an entry? */
static bool lend_super_suits(unsigned long gfn, const lend_frame_t *frames)
{
    unsigned int i;

    if ( !hap_has_2mb ||
         ((gfn | (frames->raw & LEND_FRAME_MFN)) & (LEND_SUPER - 1)) )
        return false;

    /* One after the other, with the same references. */
    for ( i = 1; i < LEND_SUPER; ++i )
        if ( frames[i].raw != frames->raw + i )
            return false;

    return true;
}

/* Put the new frames back into the scratch that held the first nr old ones. */
static void lend_super_undo(lend_frame_t *frames, lend_frame_t first,
                            unsigned int nr)
{
    while ( nr-- )
        frames[nr].raw = first.raw + nr;
}

/*
 * Make one entry for LEND_SUPER frames, if that is possible, and tell which
 * frames they take the places of.  False: nothing has changed, and whoever
 * makes 4 KiB entries instead will find the error, if it is one.
 */
bool arch_lend_set_super(struct domain *d, unsigned long gfn,
                         lend_frame_t *frames, unsigned int attr)
{
    struct p2m_domain *p2m = p2m_get_hostp2m(d);
    lend_frame_t first = *frames;
    bool replaced = false;
    unsigned int i;

    if ( !lend_super_suits(gfn, frames) )
        return false;

    for ( i = 0; i < LEND_SUPER; ++i )
    {
        mfn_t mfn;
        p2m_type_t t = lend_get_entry(p2m, gfn + i, &mfn, NULL);

        if ( p2m_is_lent(t) && (attr & XEN_LEND_ATTR_REPLACE) )
        {
            frames[i] = lend_entry_frame(mfn, t);
            replaced = true;
        }
        else if ( lend_type_empty(t) )
            frames[i] = LEND_FRAME_NONE;
        else
            break;
    }

    if ( i < LEND_SUPER ||
         lend_set_entry(p2m, gfn, _mfn(first.raw & LEND_FRAME_MFN),
                        PAGE_ORDER_2M, lend_attr_to_type(attr)) )
    {
        lend_super_undo(frames, first, i);
        return false;
    }

    /*
     * Where a table was freed, that has flushed already, and releasing the
     * lock would not do it again.  It has to, as the caller's books on what
     * is flushed begin only when all of its changes are made.
     */
    if ( replaced )
        p2m->need_flush = true;

    return true;
}

/*
 * The guest could not execute from this frame.  If that is because the entry is
 * large, split it.  If its pool has no page for that, it tries again for as long
 * as that is so, which is its own doing.
 */
void arch_lend_shatter(struct domain *d, unsigned long gfn)
{
    struct p2m_domain *p2m = p2m_get_hostp2m(d);
    unsigned int order;
    mfn_t mfn;
    p2m_type_t t = lend_get_entry(p2m, gfn, &mfn, &order);

    if ( cpu_has_vmx && p2m_is_lent(t) && order != PAGE_ORDER_4K )
        (void)lend_set_entry(p2m, gfn, mfn, PAGE_ORDER_4K, t);
}

/* Take an entry of 4 KiB, or just the permission to write; or of a large one. */
static int lend_clear_leaf(struct p2m_domain *p2m, l1_pgentry_t *leaves,
                           unsigned long gfn, mfn_t mfn, p2m_type_t t,
                           bool downgrade)
{
    if ( downgrade )
        return lend_set_leaf(p2m, leaves, gfn, mfn, lend_type_readonly(t));

    return lend_set_leaf(p2m, leaves, gfn, INVALID_MFN, p2m_invalid);
}

static int lend_clear_super(struct p2m_domain *p2m, unsigned long gfn,
                            mfn_t mfn, p2m_type_t t, bool downgrade)
{
    if ( downgrade )
        return lend_set_entry(p2m, gfn, mfn, PAGE_ORDER_2M,
                              lend_type_readonly(t));

    return lend_set_entry(p2m, gfn, INVALID_MFN, PAGE_ORDER_2M, p2m_invalid);
}

/*
 * Takes the entry of a frame away, or the permission to write, and tells what
 * that leaves to be dropped after the flush.
 *
 * Frames after the first, up to and including last, may be taken along.  Others
 * than those are taken where a large entry cannot be split.
 *
 * The look-up comes first, because setting an entry where there is nothing
 * allocates the tables that lead there.  Where there is an entry, there are
 * tables, and setting one of that size cannot fail.
 */
bool arch_lend_clear_entry(struct domain *d, unsigned long gfn,
                           unsigned long last, bool downgrade,
                           struct lend_cleared *cleared)
{
    struct p2m_domain *p2m = p2m_get_hostp2m(d);
    unsigned long super = gfn & ~(LEND_SUPER - 1);
    unsigned int order;
    mfn_t mfn;
    p2m_type_t t;
    l1_pgentry_t *leaves = lend_find_entry(p2m, gfn, &t, &mfn, &order);
    bool large = order != PAGE_ORDER_4K;
    bool part = large && (gfn != super || last - gfn < LEND_SUPER - 1);
    int rc = -ENOMEM;

    if ( !p2m_is_lent(t) || (downgrade && !lend_type_writable(t)) )
        return false;

    ASSERT(order <= PAGE_ORDER_2M);

    *cleared = (struct lend_cleared){
        .frame = lend_entry_frame(mfn, t),
        .gfn = gfn,
        .nr = 1,
        .gone = !downgrade,
    };

    if ( part || !large )
        rc = lend_clear_leaf(p2m, leaves, gfn, mfn, t, downgrade);

    /* The whole was asked for, or it cannot be split. */
    if ( rc && large )
    {
        mfn = mfn_add(mfn, -(gfn - super));
        cleared->frame = lend_entry_frame(mfn, t);
        cleared->frame.raw |= LEND_FRAME_SUPER;
        cleared->gfn = super;
        cleared->nr = LEND_SUPER;
        cleared->gone = !downgrade || part;
        rc = lend_clear_super(p2m, super, mfn, t, !cleared->gone);
    }

    /* What is still there keeps its references, but not those for writing. */
    if ( !cleared->gone )
        cleared->frame.raw &= ~LEND_FRAME_REF;

    if ( rc )
    {
        /* Keep the references for good rather than let the guest have them. */
        ASSERT_UNREACHABLE();
        domain_crash(d);
        cleared->frame = LEND_FRAME_NONE;
    }

    return true;
}

unsigned long arch_lend_next_used(struct domain *d, unsigned long start,
                                  unsigned long end, unsigned int budget,
                                  bool *used)
{
    struct p2m_domain *p2m = p2m_get_hostp2m(d);

    while ( start <= end && budget-- )
    {
        unsigned int order;
        mfn_t mfn;
        p2m_type_t t = lend_get_entry(p2m, start, &mfn, &order);

        if ( !lend_type_empty(t) && !p2m_is_lent(t) )
        {
            *used = true;
            break;
        }

        start = (start | ((1UL << order) - 1)) + 1;
    }

    return start;
}

void arch_lend_inspect(struct domain *d, unsigned long gfn,
                       struct xen_lend_inspect *inspect)
{
    unsigned int order;
    mfn_t mfn;
    p2m_type_t t = lend_get_entry(p2m_get_hostp2m(d), gfn, &mfn, &order);

    inspect->type = t;
    if ( !p2m_is_lent(t) )
        return;

    inspect->mfn = mfn_x(mfn);
    inspect->order = order;
    inspect->attr = (lend_type_writable(t) ? XEN_LEND_ATTR_WRITE : 0) |
                    (t == p2m_lent_nc_rw || t == p2m_lent_nc_ro
                     ? XEN_LEND_ATTR_NC : 0);
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
