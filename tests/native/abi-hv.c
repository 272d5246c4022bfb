// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's table speaks in numbers of its own names; they have to be those
 * of the hypercall interface, since it hands them through.
 */
#include "abi-check.h"

#include "../../drivers/xen-gpumem/hv.h"
#include "../../hypervisor/include/public/lend.h"

#define SAME(a, b)	\
	ASSERT((unsigned long long)(a) == (unsigned long long)(b) + ABI_BREAK)
#define SAME_AT(s, t, field)						\
	ASSERT(offsetof(struct s, field) ==				\
	       offsetof(struct t, field) &&				\
	       sizeof(((struct s *)0)->field) == sizeof(((struct t *)0)->field))

SAME(GPUMEM_HV_PARKED, XEN_LEND_PARKED);
SAME(GPUMEM_HV_ORPHAN_INJECT, XEN_LEND_ORPHAN_INJECT);
SAME(GPUMEM_HV_ORPHAN_MMIO, XEN_LEND_ORPHAN_MMIO);
SAME(GPUMEM_HV_ORPHAN_CRASH, XEN_LEND_ORPHAN_CRASH);
SAME(GPUMEM_HV_RETRY, XEN_LEND_RESOLVE_RETRY);
SAME(GPUMEM_HV_INJECT, XEN_LEND_RESOLVE_INJECT);
SAME(GPUMEM_HV_MMIO, XEN_LEND_RESOLVE_MMIO);
SAME(GPUMEM_HV_CRASH, XEN_LEND_RESOLVE_CRASH);
SAME(GPUMEM_HV_ACCESS_READ, XEN_LEND_ACCESS_READ);
SAME(GPUMEM_HV_ACCESS_WRITE, XEN_LEND_ACCESS_WRITE);
SAME(GPUMEM_HV_ACCESS_EXEC, XEN_LEND_ACCESS_EXEC);
SAME(GPUMEM_HV_ACCESS_WALK, XEN_LEND_ACCESS_WALK);
SAME(GPUMEM_HV_ACCESS_EMUL, XEN_LEND_ACCESS_EMUL);
SAME(GPUMEM_ATTR_WRITE, XEN_LEND_ATTR_WRITE);
SAME(GPUMEM_ATTR_NC, XEN_LEND_ATTR_NC);
SAME(GPUMEM_ATTR_REPLACE, XEN_LEND_ATTR_REPLACE);

SAME(sizeof(struct gpumem_extent), sizeof(struct xen_lend_extent));
SAME_AT(gpumem_extent, xen_lend_extent, index);
SAME_AT(gpumem_extent, xen_lend_extent, frame);
SAME_AT(gpumem_extent, xen_lend_extent, nr);
SAME_AT(gpumem_extent, xen_lend_extent, attr);

SAME(sizeof(struct gpumem_hv_fault), sizeof(struct xen_lend_fault));
SAME_AT(gpumem_hv_fault, xen_lend_fault, index);
SAME_AT(gpumem_hv_fault, xen_lend_fault, window);
SAME_AT(gpumem_hv_fault, xen_lend_fault, vcpu);
SAME_AT(gpumem_hv_fault, xen_lend_fault, token);
SAME_AT(gpumem_hv_fault, xen_lend_fault, access);
