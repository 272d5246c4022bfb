/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending on x86: what the HVM code calls.
 */
#ifndef X86_HVM_LEND_H
#define X86_HVM_LEND_H

#include <xen/mm.h>

#include <asm/p2m.h>

#ifdef CONFIG_MEM_LEND

void lend_nested_page_fault(unsigned long gfn, p2m_type_t t,
                            struct npfec npfec);

#else /* !CONFIG_MEM_LEND */

static inline void lend_nested_page_fault(unsigned long gfn, p2m_type_t t,
                                          struct npfec npfec)
{
    ASSERT_UNREACHABLE();
}

#endif /* CONFIG_MEM_LEND */

#if defined(CONFIG_MEM_LEND) && !defined(NDEBUG)
void arch_lend_note_flush(void);
#else
static inline void arch_lend_note_flush(void) {}
#endif

#endif /* X86_HVM_LEND_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
