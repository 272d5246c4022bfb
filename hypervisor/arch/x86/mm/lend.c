/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending on x86: who may borrow, frames of a lender, locks, flushes.
 * The entries of a borrower's p2m are in lend-p2m.c.
 *
 * A frame number means what the lender means by it: an MFN for a PV domain, a
 * GFN for one that is translated.  What Xen makes sure of is the same for both.
 *
 *  - RAM belongs to the lender, and is not special to Xen.  A reference keeps
 *    it from being given to anybody else before the borrower has lost it.  If
 *    the borrower may write, there is a writable type reference besides, which
 *    keeps a PV lender from using it as a page or descriptor table meanwhile.
 *  - Anything else is MMIO, which the lender has permission to map, and that is
 *    not read-only for domains.  There is nothing to hold a reference on.
 *
 * The lend lock is the lock of the host p2m.  Releasing it flushes what was
 * cleared under it: NPT by making every CPU in the domain's dirty mask use new
 * ASIDs; EPT by making them leave guest mode, and invalidate before they
 * return.  A CPU that is not in that mask may have run one of the domain's
 * vCPUs before.  It keeps no translations: leaving the mask goes through
 * switch_cr3_cr4(), which makes it use new ASIDs without condition.  Lending
 * depends on that.
 */

#include <xen/iocap.h>
#include <xen/lend-internal.h>

#include <asm/altp2m.h>
#include <asm/flushtlb.h>
#include <asm/hap.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/lend.h>
#include <asm/hvm/nestedhvm.h>
#include <asm/p2m.h>
#include <asm/paging.h>

#include <xsm/xsm.h>

#include "mm-locks.h"

bool arch_lend_supported(void)
{
    /* EPT has a switch of its own. */
    return hvm_enabled && hvm_hap_supported() &&
           (!cpu_has_vmx || opt_lend_ept);
}

unsigned int arch_lend_features(void)
{
    return hap_has_2mb ? XEN_LEND_FEAT_SUPERPAGE_2M : 0;
}

int arch_lend_check_borrower(const struct domain *d)
{
    if ( !is_hvm_domain(d) || !hap_enabled(d) || is_hardware_domain(d) ||
         !d->vcpu || !d->vcpu[0] )
        return -EOPNOTSUPP;

    if ( nestedhvm_enabled(d) || altp2m_active(d) ||
         !arch_acquire_resource_check((struct domain *)d) )
        return -EOPNOTSUPP;

#ifdef CONFIG_MEM_SHARING
    if ( mem_sharing_enabled(d) || mem_sharing_is_fork(d) )
        return -EOPNOTSUPP;
#endif
#ifdef CONFIG_MEM_PAGING
    if ( vm_event_check_ring(d->vm_event_paging) )
        return -EOPNOTSUPP;
#endif

    /* A device would reach the frames without faulting. */
    if ( iommu_use_hap_pt(d) )
        return -EXDEV;

    if ( p2m_get_hostp2m(d)->global_logdirty )
        return -EBUSY;

    return 0;
}

unsigned long arch_lend_gfn_end(const struct domain *d)
{
    return 1UL << (d->arch.cpuid->extd.maxphysaddr - PAGE_SHIFT);
}

/*
 * Addresses that Xen, or the processor, answers itself: nothing that a window
 * holds would be seen there.
 */
bool arch_lend_gfns_reserved(const struct domain *d, unsigned long start,
                             unsigned long end)
{
    static const struct {
        unsigned long start, end;
    } reserved[] = {
        { 0x00000, 0x000ff },   /* the first MiB */
        { 0xfec00, 0xfec00 },   /* IO-APIC */
        { 0xfed00, 0xfed00 },   /* HPET */
        { 0xfee00, 0xfeeff },   /* local APIC, MSI */
    };
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(reserved); ++i )
        if ( start <= reserved[i].end && end >= reserved[i].start )
            return true;

    return false;
}

void arch_lend_lock(struct domain *d)
{
    p2m_lock(p2m_get_hostp2m(d));
}

void arch_lend_unlock(struct domain *d)
{
    arch_lend_unmap_leaves();
    p2m_unlock(p2m_get_hostp2m(d));
}

bool arch_lend_locked(const struct domain *d)
{
    return p2m_locked_by_me(p2m_get_hostp2m(d));
}

/*
 * Debug builds count the references that are held, one by one, where they are
 * taken and dropped: whatever happens in between, the sums have to fit what is
 * lent.  See arch_lend_dump().
 */
static atomic_t lend_refs = ATOMIC_INIT(0), lend_types = ATOMIC_INIT(0);

static void lend_account(lend_frame_t frame, int by)
{
    if ( !IS_ENABLED(CONFIG_DEBUG) )
        return;

    if ( frame.raw & LEND_FRAME_REF )
        atomic_add(by, &lend_refs);
    if ( frame.raw & LEND_FRAME_TYPE )
        atomic_add(by, &lend_types);
}

void arch_lend_dump(void)
{
    if ( IS_ENABLED(CONFIG_DEBUG) )
        printk("Lending holds %d references, %d for writing\n",
               atomic_read(&lend_refs), atomic_read(&lend_types));
}

/* May the lender lend this MMIO frame, which is not RAM in any case? */
static int lend_take_mmio(struct domain *d, mfn_t mfn, unsigned int attr)
{
    struct domain *lender = current->domain;
    unsigned long m = mfn_x(mfn);

    /* Never let a guest have device memory cached. */
    if ( !(attr & XEN_LEND_ATTR_NC) )
        return -EACCES;

    /*
     * The first MiB is in Xen's own page tables, cacheable, through which
     * emulated accesses would go.
     */
    if ( m < PFN_DOWN(MB(1)) )
        return -EACCES;

    if ( !iomem_access_permitted(lender, m, m) ||
         rangeset_contains_singleton(mmio_ro_ranges, m) ||
         xsm_iomem_mapping(XSM_DM_PRIV, d, m, m, 1) )
        return -EACCES;

    return 0;
}

/*
 * Keep a page of RAM, on which the caller holds a reference.  The reference is
 * dropped on failure.
 */
static int lend_keep_ram(struct page_info *page, unsigned int attr,
                         lend_frame_t *frame)
{
    frame->raw = mfn_x(page_to_mfn(page)) | LEND_FRAME_REF;

    if ( is_special_page(page) )
    {
        put_page(page);
        return -EACCES;
    }

    if ( !(attr & XEN_LEND_ATTR_WRITE) )
    {
        lend_account(*frame, 1);
        return 0;
    }

    if ( !get_page_type(page, PGT_writable_page) )
    {
        put_page(page);
        return -ETXTBSY;
    }

    /*
     * NPT cannot keep a guest from mapping the page uncached.  Where that
     * leaves the caches incoherent, they have to be flushed before the page is
     * used for something that must not be tampered with, as for PV guests.
     */
    if ( !boot_cpu_has(X86_FEATURE_XEN_SELFSNOOP) )
        set_bit(_PGT_non_coherent, &page->u.inuse.type_info);

    frame->raw |= LEND_FRAME_TYPE;
    lend_account(*frame, 1);

    return 0;
}

/* The frame is an MFN. */
static int lend_take_mfn(struct domain *d, unsigned long frame,
                         unsigned int attr, lend_frame_t *out)
{
    struct domain *lender = current->domain;
    const struct domain *owner;
    struct page_info *page;
    mfn_t mfn = _mfn(frame);

    if ( mfn_valid(mfn) )
    {
        page = mfn_to_page(mfn);
        owner = page_get_owner_and_reference(page);
        if ( owner == lender && !paging_mode_translate(lender) )
            return lend_keep_ram(page, attr, out);
        if ( owner )
            put_page(page);
        if ( owner != dom_io )
            return -EACCES;
    }

    out->raw = frame;

    return lend_take_mmio(d, mfn, attr);
}

/*
 * The frame is a GFN.  PVH dom0 has its MMIO mapped one to one, but perhaps not
 * before it touched it: a hole will do then, for MMIO of the same number.
 */
static int lend_take_gfn(struct domain *d, unsigned long frame,
                         unsigned int attr, lend_frame_t *out)
{
    struct domain *lender = current->domain;
    struct p2m_domain *p2m = p2m_get_hostp2m(lender);
    struct page_info *page = NULL;
    p2m_type_t t;
    p2m_access_t a;
    mfn_t mfn;

    if ( !gfn_valid(lender, _gfn(frame)) )
        return -EACCES;

    p2m_read_lock(p2m);

    mfn = p2m_get_gfn_type_access(p2m, _gfn(frame), &t, &a, 0, NULL, false);
    if ( t == p2m_ram_rw ||
         (!(attr & XEN_LEND_ATTR_WRITE) &&
          (t == p2m_ram_ro || t == p2m_ram_logdirty)) )
    {
        page = mfn_to_page(mfn);
        if ( !get_page(page, lender) )
            t = p2m_invalid;
    }

    p2m_read_unlock(p2m);

    if ( page )
        return t != p2m_invalid ? lend_keep_ram(page, attr, out) : -EACCES;

    if ( p2m_is_hole(t) && is_hardware_domain(lender) )
        return lend_take_mfn(d, frame, attr, out);

    /* RAM can be mapped like a device: that comes with no reference on it. */
    if ( t != p2m_mmio_direct || arch_lend_is_ram(mfn) )
        return -EACCES;

    out->raw = mfn_x(mfn);

    return lend_take_mmio(d, mfn, attr);
}

unsigned int arch_lend_take_frames(struct domain *d, unsigned long frame,
                                   unsigned int nr, unsigned int attr,
                                   lend_frame_t *frames, int *rc)
{
    bool translated = paging_mode_translate(current->domain);
    unsigned int i;

    for ( i = 0; i < nr; ++i )
    {
        unsigned long f = frame + i;

        if ( f < frame || (f >> (paddr_bits - PAGE_SHIFT)) )
            *rc = -EACCES;
        else if ( translated )
            *rc = lend_take_gfn(d, f, attr, &frames[i]);
        else
            *rc = lend_take_mfn(d, f, attr, &frames[i]);

        if ( *rc )
            break;
    }

    return i;
}

void arch_lend_put_frame(lend_frame_t frame)
{
    struct page_info *page = mfn_to_page(_mfn(frame.raw & LEND_FRAME_MFN));
    unsigned int nr = frame.raw & LEND_FRAME_SUPER ? LEND_SUPER : 1;

    if ( !(frame.raw & (LEND_FRAME_TYPE | LEND_FRAME_REF)) )
        return;

    for ( ; nr; --nr, ++page )
    {
        if ( frame.raw & LEND_FRAME_TYPE )
            put_page_type(page);
        if ( frame.raw & LEND_FRAME_REF )
            put_page(page);
        lend_account(frame, -1);
    }
}

unsigned long arch_lend_ip(void)
{
    return guest_cpu_user_regs()->rip;
}

#ifndef NDEBUG
/*
 * Each CPU notes, when it begins to use new ASIDs, how many times entries had
 * been cleared by then.  A CPU of the domain's dirty mask that has not noted at
 * least our time may still use what we cleared.
 *
 * This proves for NPT that nothing in the mask at the time of clearing was
 * forgotten.  For EPT, which flushes in another way, it proves nothing.
 */
static uint64_t lend_clear_time;
static DEFINE_PER_CPU(uint64_t, lend_flush_time);

struct lend_pending {
    uint64_t time;
    cpumask_t mask;
};
static DEFINE_PER_CPU(struct lend_pending, lend_pending);

void arch_lend_note_flush(void)
{
    this_cpu(lend_flush_time) = read_atomic(&lend_clear_time);
}

void arch_lend_mark_cleared(struct domain *d)
{
    struct lend_pending *p = &this_cpu(lend_pending);

    p->time = arch_fetch_and_add(&lend_clear_time, 1) + 1;
    cpumask_copy(&p->mask, d->dirty_cpumask);
}

/*
 * A CPU that leaves the mask begins to use new ASIDs first, and does not run
 * the domain in between.  If the entries were cleared just there, then it was
 * in the mask, has noted an earlier time, and is safe.  It does not stay so for
 * long, nor does one that enters the mask, where the order is the same.  To wait
 * any longer would be to wait for a flush that comes for another reason.
 */
static bool lend_cpu_flushed(const struct domain *d, unsigned int cpu,
                             uint64_t time)
{
    unsigned int tries = 2000;

    do {
        if ( !cpu_online(cpu) ||
             read_atomic(&per_cpu(lend_flush_time, cpu)) >= time ||
             !cpumask_test_cpu(cpu, d->dirty_cpumask) )
            return true;
        cpu_relax();
    } while ( --tries );

    return false;
}

void arch_lend_assert_flushed(struct domain *d)
{
    const struct lend_pending *p = &this_cpu(lend_pending);
    unsigned int cpu;

    ASSERT(!p2m_locked_by_me(p2m_get_hostp2m(d)));

    if ( !cpu_has_svm )
        return;

    for_each_cpu ( cpu, &p->mask )
        ASSERT(lend_cpu_flushed(d, cpu, p->time));
}
#endif /* !NDEBUG */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
