/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending on x86: what a guest meets.
 *
 * Its own accesses end up in a nested page fault if they find nothing, or are
 * not permitted.  Those that Xen makes on its behalf, because it emulates an
 * instruction, look the frame up in the p2m and find that it is lent.
 */

#include <xen/lend-internal.h>

#include <asm/hvm/hvm.h>
#include <asm/hvm/lend.h>
#include <asm/p2m.h>

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
    case p2m_lent_nc_rw:
    case p2m_lent_nc_ro:
        /* There is no way to map it such that this would work. */
        if ( access == XEN_LEND_ACCESS_EXEC )
        {
            lend_inject();
            return;
        }
        if ( t == p2m_lent_nc_rw )
            return;
        fallthrough;
    case p2m_lent_ro:
        if ( access != XEN_LEND_ACCESS_WRITE )
            return;
        break;

    case p2m_lent_rw:
        /* Somebody was quicker. */
        return;

    default:
        break;
    }

    if ( npfec.kind == npfec_kind_in_gpt )
        access |= XEN_LEND_ACCESS_WALK;

    lend_fault_now(gfn, access);
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
