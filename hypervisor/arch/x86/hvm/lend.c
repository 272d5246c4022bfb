/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending on x86: what a guest meets.
 *
 * Its own accesses end up in a nested page fault if they find nothing, or are
 * not permitted.  Those that Xen makes on its behalf, because it emulates an
 * instruction, look the frame up in the p2m and find that it is lent.
 */

#include <xen/domain_page.h>
#include <xen/lend-internal.h>
#include <xen/vmap.h>

#include <asm/flushtlb.h>
#include <asm/hvm/emulate.h>
#include <asm/hvm/hvm.h>
#include <asm/hvm/lend.h>
#include <asm/p2m.h>
#include <asm/paging.h>

/* Give the guest a #GP(0), if it can be delivered at this point. */
static void lend_inject(void)
{
    struct vcpu *curr = current;

    /* It would replace the event whose delivery led here: that one is lost. */
    if ( hvm_event_pending(curr) )
        domain_crash(curr->domain,
                     "%pv: lent memory is gone, in the delivery of an event\n",
                     curr);
    else
        hvm_inject_hw_exception(X86_EXC_GP, 0);
}

static void lend_fault_now(unsigned long gfn, unsigned int access)
{
    switch ( lend_fault(gfn, access) )
    {
    case LEND_BLOCKED:
        break;

    case LEND_INJECT:
        lend_inject();
        break;

    case LEND_CRASH:
        domain_crash(current->domain, "%pv: lent memory is gone\n", current);
        break;
    }
}

/*
 * A nested page fault on a frame with a lent type, or in a hole.  Called with
 * the p2m locked since the look-up.  In all cases the guest executes the
 * instruction again, now or later.
 */
void lend_nested_page_fault(unsigned long gfn, p2m_type_t t,
                            struct npfec npfec)
{
    unsigned int access;

    if ( npfec.write_access )
        access = XEN_LEND_ACCESS_WRITE;
    else if ( npfec.insn_fetch )
        access = XEN_LEND_ACCESS_EXEC;
    else
        access = XEN_LEND_ACCESS_READ;

    switch ( t )
    {
    case p2m_lent_rw:
    case p2m_lent_ro:
        if ( access == XEN_LEND_ACCESS_EXEC )
            arch_lend_shatter(current->domain, gfn);
        /* Else somebody was quicker. */
        if ( t == p2m_lent_rw || access != XEN_LEND_ACCESS_WRITE )
            return;
        break;

    case p2m_lent_nc_rw:
    case p2m_lent_nc_ro:
        /* There is no way to map it such that this would work. */
        if ( access == XEN_LEND_ACCESS_EXEC )
        {
            lend_inject();
            return;
        }
        if ( t == p2m_lent_nc_rw || access != XEN_LEND_ACCESS_WRITE )
            return;
        break;

    default:
        break;
    }

    if ( npfec.kind == npfec_kind_in_gpt )
        access |= XEN_LEND_ACCESS_WALK;

    lend_fault_now(gfn, access);
}

/*
 * Device memory is not in Xen's own page tables, and must not be cached there.
 * Each access has the width that the instruction asked for, if it can.
 */
static bool lend_copy_mmio(mfn_t mfn, unsigned int offset, void *buf,
                           unsigned int count, bool to_guest)
{
    char __iomem *map, *p;
    unsigned int i;

    /* Just asking whether it could be done: mapping is dear. */
    if ( !count )
        return true;

    map = ioremap(mfn_to_maddr(mfn), PAGE_SIZE);
    if ( !map )
        return false;
    p = map + offset;

#define COPY(type)                                  \
    do {                                            \
        if ( to_guest )                             \
            *(volatile type *)p = *(type *)buf;     \
        else                                        \
            *(type *)buf = *(volatile type *)p;     \
    } while ( false )

    switch ( buf ? count : 0 )
    {
    case 1: COPY(uint8_t);  break;
    case 2: COPY(uint16_t); break;
    case 4: COPY(uint32_t); break;
    case 8: COPY(uint64_t); break;

    default:
        for ( i = 0; i < count; ++i )
            if ( !to_guest )
                ((char *)buf)[i] = ((volatile char *)p)[i];
            else
                ((volatile char *)p)[i] = buf ? ((char *)buf)[i] : 0;
        break;
    }

#undef COPY

    iounmap(map);

    return true;
}

/* Copy to or from RAM, leaving nothing in the cache that must not be there. */
static void lend_copy_ram(mfn_t mfn, bool cached, unsigned int offset,
                          void *buf, unsigned int count, bool to_guest)
{
    void *map = map_domain_page(mfn);
    void *p = map + offset;

    if ( !cached )
        cache_flush(p, count);

    if ( !to_guest )
        memcpy(buf, p, count);
    else if ( buf )
        memcpy(p, buf, count);
    else
        memset(p, 0, count);

    if ( !cached )
        cache_flush(p, count);

    unmap_domain_page(map);
}

/* With the lend lock held: do the copy, or have the lender asked. */
static enum hvm_translation_result lend_copy_locked(
    unsigned long gfn, unsigned int offset, void *buf, unsigned int count,
    bool to_guest, bool fetch, bool may_block)
{
    struct domain *currd = current->domain;
    mfn_t mfn;
    p2m_type_t t = arch_lend_get_entry(currd, gfn, &mfn);
    bool cached = t == p2m_lent_rw || t == p2m_lent_ro;
    bool writable = t == p2m_lent_rw || t == p2m_lent_nc_rw;
    unsigned int access;

    /* As in a nested page fault.  But what is ahead may never be executed. */
    if ( p2m_is_lent(t) && fetch && !cached )
    {
        if ( !may_block )
            return HVMTRANS_bad_gfn_to_mfn;
        lend_inject();
        return HVMTRANS_need_retry;
    }

    if ( p2m_is_lent(t) && (writable || !to_guest) )
    {
        if ( arch_lend_is_ram(mfn) )
            lend_copy_ram(mfn, cached, offset, buf, count, to_guest);
        else if ( !lend_copy_mmio(mfn, offset, buf, count, to_guest) )
            return HVMTRANS_unhandleable;

        return HVMTRANS_okay;
    }

    /* Not what it was a moment ago: look again. */
    if ( !p2m_is_lent(t) &&
         ((t != p2m_mmio_dm && t != p2m_invalid) ||
          !lend_gfn_is_hole(currd, gfn)) )
        return may_block ? HVMTRANS_need_retry : HVMTRANS_bad_gfn_to_mfn;

    if ( !may_block )
        return HVMTRANS_bad_gfn_to_mfn;

    if ( to_guest )
        access = XEN_LEND_ACCESS_WRITE;
    else if ( fetch )
        access = XEN_LEND_ACCESS_EXEC;
    else
        access = XEN_LEND_ACCESS_READ;

    lend_fault_now(gfn, access | XEN_LEND_ACCESS_EMUL);

    return HVMTRANS_gfn_paged_out;
}

/*
 * Has a device model answered this very access?  It was asked while nothing was
 * lent here; the instruction is executed again to take the answer, and must
 * come the same way.  An answer that nobody takes would be in the way of the
 * next access to a device.
 */
static bool lend_answered(const struct vcpu *v, paddr_t gpa,
                          unsigned int count, bool to_guest)
{
    const ioreq_t *req = &v->io.req;

    return req->state == STATE_IORESP_READY && req->type == IOREQ_TYPE_COPY &&
           !req->data_is_ptr && req->addr >= gpa && req->addr - gpa < count &&
           req->dir == (to_guest ? IOREQ_WRITE : IOREQ_READ);
}

/*
 * __hvm_copy() came upon a lent frame, or a hole.
 *
 * An emulated instruction must see what it would see if it were executed: the
 * copy is made while the p2m is locked, so that a revocation is not complete
 * before it, and no reference gets out.  Where nothing is there the
 * instruction is executed again once the lender has been asked.
 *
 * Everybody else, hypercalls above all, gets nothing, as they do not execute
 * again from scratch.  So does whoever has only a physical address: the
 * emulator tries that to be quick, and falls back to something that works.
 *
 * Fetching instructions is for an emulator of some sort in any case.  But what
 * is fetched in advance, which is known from pfinfo being NULL, may never be
 * needed: nobody is asked for it.
 */
enum hvm_translation_result lend_copy(
    const struct vcpu *v, gfn_t gfn, unsigned int offset, void *buf,
    unsigned int count, bool to_guest, bool linear, uint32_t pfec,
    const pagefault_info_t *pfinfo)
{
    bool fetch = pfec & PFEC_insn_fetch;
    paddr_t gpa = gfn_to_gaddr(gfn) | offset;
    enum hvm_translation_result rc;

    if ( v != current || !linear || (!fetch && !hvmemul_in_progress(v)) )
        return HVMTRANS_bad_gfn_to_mfn;

    if ( !fetch && lend_answered(v, gpa, count, to_guest) )
        return HVMTRANS_bad_gfn_to_mfn;

    if ( !to_guest && hvmemul_read_cache(v, gpa, buf, count) )
        return HVMTRANS_okay;

    arch_lend_lock(v->domain);
    rc = lend_copy_locked(gfn_x(gfn), offset, buf, count, to_guest, fetch,
                          pfinfo);
    arch_lend_unlock(v->domain);

    if ( rc == HVMTRANS_okay && !to_guest )
        hvmemul_write_cache(v, gpa, buf, count);

    return rc;
}

/*
 * Can this be written to by the current vCPU's instruction?  If not for want of
 * a frame, the lender has been asked.  With the lend lock held, by
 * lend_walk_begin(), so that it stays so.
 */
enum hvm_translation_result lend_write_probe(
    struct vcpu *v, unsigned long addr, uint32_t pfec,
    pagefault_info_t *pfinfo)
{
    struct page_info *page;
    p2m_type_t t;
    gfn_t gfn;
    enum hvm_translation_result rc =
        hvm_translate_get_page(v, addr, true, pfec, pfinfo, &page, &gfn, &t);

    if ( rc == HVMTRANS_okay )
        put_page(page);
    else if ( rc == HVMTRANS_gfn_lent )
        rc = lend_copy_locked(gfn_x(gfn), 0, NULL, 0, true, false, true);

    return rc;
}

/*
 * Guests may have page tables in lent memory.  The processor walks them by
 * itself.  When Xen walks them, to emulate an instruction, the p2m stays locked
 * from the first table to the last, so that no table is taken away while it is
 * looked at, or changed, to set accessed and dirty bits.
 */
bool lend_walk_begin(const struct vcpu *v, uint32_t pfec)
{
    if ( likely(!v->domain->lend) || v != current ||
         (!(pfec & PFEC_insn_fetch) && !hvmemul_in_progress(v)) )
        return false;

    arch_lend_lock(v->domain);

    return true;
}

void lend_walk_end(const struct vcpu *v, bool locked)
{
    if ( locked )
        arch_lend_unlock(v->domain);
}

/*
 * The page of a table, with a reference, to be dropped before lend_walk_end().
 * NULL otherwise: then either the lender has been asked, and *pfec says that
 * the page is paged out, or there is nothing.
 *
 * As the walk may write to the table, it has to be writable.
 */
struct page_info *lend_walk_page(struct domain *d, gfn_t gfn, uint32_t *pfec)
{
    struct page_info *page;
    p2m_type_t t;
    mfn_t mfn;

    *pfec = 0;

    /* Not for those who cannot try again, see lend_walk_begin(). */
    if ( d != current->domain || !arch_lend_locked(d) )
        return NULL;

    t = arch_lend_get_entry(d, gfn_x(gfn), &mfn);

    if ( p2m_is_lent(t) && !arch_lend_is_ram(mfn) )
        return NULL;

    if ( t == p2m_lent_rw || t == p2m_lent_nc_rw )
    {
        page = mfn_to_page(mfn);
        return page_get_owner_and_reference(page) ? page : NULL;
    }

    lend_fault_now(gfn_x(gfn), XEN_LEND_ACCESS_WALK | XEN_LEND_ACCESS_EMUL |
                               (p2m_is_lent(t) ? XEN_LEND_ACCESS_WRITE
                                               : XEN_LEND_ACCESS_READ));
    *pfec = PFEC_page_paged;

    return NULL;
}

/*
 * A translated lender's buffers.  Each access looks the address up in the
 * guest's page tables, and every table of those in the p2m: thousands of
 * instructions, and a command makes three or four accesses to one structure.
 *
 * What is looked up is what an access to write would; it sets the same bits.
 */
void arch_lend_map_caller(struct lend_caller *caller, unsigned long addr,
                          size_t size)
{
    struct vcpu *curr = current;
    struct page_info *page;
    p2m_type_t t;
    gfn_t gfn;

    ASSERT(!caller->map);

    /* Who listens to accesses wants to hear of each. */
    if ( !is_hvm_vcpu(curr) || curr->arch.vm_event ||
         PFN_DOWN(addr) != PFN_DOWN(addr + size - 1) )
        return;

    if ( hvm_translate_get_page(curr, addr, true,
                                PFEC_page_present | PFEC_write_access, NULL,
                                &page, &gfn, &t) != HVMTRANS_okay )
        return;

    if ( t != p2m_ram_rw )
    {
        put_page(page);
        return;
    }

    caller->page = PFN_DOWN(addr);
    caller->gfn = gfn_x(gfn);
    caller->map = __map_domain_page(page);
}

void arch_lend_unmap_caller(struct lend_caller *caller)
{
    struct page_info *page;

    if ( !caller->map )
        return;

    page = mfn_to_page(domain_page_map_to_mfn(caller->map));
    unmap_domain_page(caller->map);
    caller->map = NULL;
    paging_mark_pfn_dirty(current->domain, _pfn(caller->gfn));
    put_page(page);
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
