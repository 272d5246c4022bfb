/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: what the rest of Xen sees of it.
 *
 * See common/lend.c for the vocabulary and the locking rules, and
 * public/lend.h for the interface.  Everything here has a stub, so that the
 * callers need no #ifdef.  What the parts of the implementation share lives in
 * xen/lend-internal.h.
 */
#ifndef XEN_LEND_H
#define XEN_LEND_H

#include <xen/errno.h>
#include <xen/types.h>

#include <public/lend.h>

struct domain;
struct vcpu;

#ifdef CONFIG_MEM_LEND

long lend_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg);

int lend_teardown(struct domain *d);
void lend_destroy(struct domain *d);
void lend_vcpu_reset(struct vcpu *v);

bool lend_in_use(const struct domain *d);
bool lend_gfn_is_hole(const struct domain *d, unsigned long gfn);
void lend_emul_done(void);

#else /* !CONFIG_MEM_LEND */

static inline long lend_op(unsigned long cmd,
                           XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return -EOPNOTSUPP;
}

static inline int lend_teardown(struct domain *d)
{
    return 0;
}

static inline void lend_destroy(struct domain *d) {}
static inline void lend_vcpu_reset(struct vcpu *v) {}

static inline bool lend_in_use(const struct domain *d)
{
    return false;
}

static inline bool lend_gfn_is_hole(const struct domain *d, unsigned long gfn)
{
    return false;
}

static inline void lend_emul_done(void) {}

#endif /* CONFIG_MEM_LEND */

#endif /* XEN_LEND_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
