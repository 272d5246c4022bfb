/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending on x86: what the HVM code calls.
 */
#ifndef X86_HVM_LEND_H
#define X86_HVM_LEND_H

#include <xen/lend.h>
#include <xen/mm.h>

#include <asm/hvm/support.h>
#include <asm/p2m.h>

#ifdef CONFIG_MEM_LEND

void lend_nested_page_fault(unsigned long gfn, p2m_type_t t,
                            struct npfec npfec);

enum hvm_translation_result lend_copy(
    const struct vcpu *v, gfn_t gfn, unsigned int offset, void *buf,
    unsigned int count, bool to_guest, bool linear, uint32_t pfec,
    const pagefault_info_t *pfinfo);

enum hvm_translation_result lend_write_probe(
    struct vcpu *v, unsigned long addr, uint32_t pfec,
    pagefault_info_t *pfinfo);

bool lend_walk_begin(const struct vcpu *v, uint32_t pfec);
void lend_walk_end(const struct vcpu *v, bool locked);
struct page_info *lend_walk_page(struct domain *d, gfn_t gfn, uint32_t *pfec);

/* In mm/lend-p2m.c, with the lend lock held. */
p2m_type_t arch_lend_get_entry(struct domain *d, unsigned long gfn,
                               mfn_t *mfn);
bool arch_lend_is_ram(mfn_t mfn);
void arch_lend_shatter(struct domain *d, unsigned long gfn);
/* The lock is to be released. */
void arch_lend_unmap_leaves(void);

#else /* !CONFIG_MEM_LEND */

static inline void lend_nested_page_fault(unsigned long gfn, p2m_type_t t,
                                          struct npfec npfec)
{
    ASSERT_UNREACHABLE();
}

static inline enum hvm_translation_result lend_copy(
    const struct vcpu *v, gfn_t gfn, unsigned int offset, void *buf,
    unsigned int count, bool to_guest, bool linear, uint32_t pfec,
    const pagefault_info_t *pfinfo)
{
    return HVMTRANS_bad_gfn_to_mfn;
}

static inline enum hvm_translation_result lend_write_probe(
    struct vcpu *v, unsigned long addr, uint32_t pfec,
    pagefault_info_t *pfinfo)
{
    return HVMTRANS_okay;
}

static inline bool lend_walk_begin(const struct vcpu *v, uint32_t pfec)
{
    return false;
}

static inline void lend_walk_end(const struct vcpu *v, bool locked) {}

static inline struct page_info *lend_walk_page(struct domain *d, gfn_t gfn,
                                               uint32_t *pfec)
{
    *pfec = 0;
    return NULL;
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
