// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout of the hypercall interface, compiled for 32 and for 64 bits, as C
 * and as C++.  Nothing to run: it compiles, or it does not.
 */
#include "abi-check.h"

#include "../../hypervisor/include/public/lend.h"

SIZE(xen_lend_query, 48);
AT(xen_lend_query, version, 0, 4);
AT(xen_lend_query, features, 4, 4);
AT(xen_lend_query, max_windows, 8, 4);
AT(xen_lend_query, max_extents, 12, 4);
AT(xen_lend_query, max_frames, 16, 4);
AT(xen_lend_query, max_faults, 20, 4);
AT(xen_lend_query, max_window, 24, 8);
AT(xen_lend_query, gfn_end, 32, 8);
AT(xen_lend_query, pad, 40, 8);
END(xen_lend_query, pad);

SIZE(xen_lend_attach, 48);
AT(xen_lend_attach, port, 0, 4);
AT(xen_lend_attach, pad32, 4, 4);
AT(xen_lend_attach, pad, 8, 40);
END(xen_lend_attach, pad);

SIZE(xen_lend_create, 48);
AT(xen_lend_create, gfn, 0, 8);
AT(xen_lend_create, nr, 8, 8);
AT(xen_lend_create, orphan, 16, 4);
AT(xen_lend_create, id, 20, 4);
AT(xen_lend_create, pad, 24, 24);
END(xen_lend_create, pad);

SIZE(xen_lend_move, 48);
AT(xen_lend_move, id, 0, 4);
AT(xen_lend_move, pad32, 4, 4);
AT(xen_lend_move, gfn, 8, 8);
AT(xen_lend_move, pad, 16, 32);
END(xen_lend_move, pad);

SIZE(xen_lend_destroy, 48);
AT(xen_lend_destroy, id, 0, 4);
AT(xen_lend_destroy, pad32, 4, 4);
AT(xen_lend_destroy, pad, 8, 40);
END(xen_lend_destroy, pad);

SIZE(xen_lend_extent, 24);
AT(xen_lend_extent, index, 0, 8);
AT(xen_lend_extent, frame, 8, 8);
AT(xen_lend_extent, nr, 16, 4);
AT(xen_lend_extent, attr, 20, 4);
END(xen_lend_extent, attr);

SIZE(xen_lend_map, 48);
AT(xen_lend_map, id, 0, 4);
AT(xen_lend_map, nr, 4, 4);
AT(xen_lend_map, extents, 8, 8);
AT(xen_lend_map, done, 16, 4);
AT(xen_lend_map, woken, 20, 4);
AT(xen_lend_map, pad, 24, 24);
END(xen_lend_map, pad);

SIZE(xen_lend_revoke, 48);
AT(xen_lend_revoke, id, 0, 4);
AT(xen_lend_revoke, pad32, 4, 4);
AT(xen_lend_revoke, index, 8, 8);
AT(xen_lend_revoke, nr, 16, 8);
AT(xen_lend_revoke, cleared, 24, 8);
AT(xen_lend_revoke, pad, 32, 16);
END(xen_lend_revoke, pad);

SIZE(xen_lend_fault, 24);
AT(xen_lend_fault, index, 0, 8);
AT(xen_lend_fault, window, 8, 4);
AT(xen_lend_fault, vcpu, 12, 4);
AT(xen_lend_fault, token, 16, 4);
AT(xen_lend_fault, access, 20, 4);
END(xen_lend_fault, access);

SIZE(xen_lend_poll, 48);
AT(xen_lend_poll, max, 0, 4);
AT(xen_lend_poll, nr, 4, 4);
AT(xen_lend_poll, faults, 8, 8);
AT(xen_lend_poll, more, 16, 4);
AT(xen_lend_poll, pad32, 20, 4);
AT(xen_lend_poll, pad, 24, 24);
END(xen_lend_poll, pad);

SIZE(xen_lend_resolve, 48);
AT(xen_lend_resolve, vcpu, 0, 4);
AT(xen_lend_resolve, token, 4, 4);
AT(xen_lend_resolve, action, 8, 4);
AT(xen_lend_resolve, pad32, 12, 4);
AT(xen_lend_resolve, pad, 16, 32);
END(xen_lend_resolve, pad);

SIZE(xen_lend_inspect, 48);
AT(xen_lend_inspect, id, 0, 4);
AT(xen_lend_inspect, attr, 4, 4);
AT(xen_lend_inspect, index, 8, 8);
AT(xen_lend_inspect, mfn, 16, 8);
AT(xen_lend_inspect, order, 24, 4);
AT(xen_lend_inspect, type, 28, 4);
AT(xen_lend_inspect, pad, 32, 16);
END(xen_lend_inspect, pad);

SIZE(xen_lend_op, 64);
AT(xen_lend_op, cmd, 0, 2);
AT(xen_lend_op, domid, 2, 2);
AT(xen_lend_op, flags, 4, 4);
AT(xen_lend_op, generation, 8, 8);
AT(xen_lend_op, u, 16, 48);
AT(xen_lend_op, u.pad, 16, 48);
END(xen_lend_op, u);

ASSERT(XENMEM_lend_op == 29 && XEN_LEND_VERSION == 1);
ASSERT(XEN_LEND_PARKED == UINT64_MAX);
ASSERT(XEN_LEND_query == 0 && XEN_LEND_attach == 1 && XEN_LEND_detach == 2);
ASSERT(XEN_LEND_create == 3 && XEN_LEND_move == 4 && XEN_LEND_destroy == 5);
ASSERT(XEN_LEND_map == 6 && XEN_LEND_revoke == 7 && XEN_LEND_poll == 8);
ASSERT(XEN_LEND_resolve == 9 && XEN_LEND_inspect == 10);
ASSERT(XEN_LEND_FEAT_SUPERPAGE_2M == 1 && XEN_LEND_FEAT_SUPERPAGE_1G == 2);
ASSERT(XEN_LEND_FEAT_INSPECT == 4);
ASSERT(XEN_LEND_ORPHAN_INJECT == 0 && XEN_LEND_ORPHAN_MMIO == 1);
ASSERT(XEN_LEND_ORPHAN_CRASH == 2);
ASSERT(XEN_LEND_ATTR_WRITE == 1 && XEN_LEND_ATTR_NC == 2);
ASSERT(XEN_LEND_ATTR_REPLACE == 4);
ASSERT(XEN_LEND_REVOKE_DOWNGRADE == 1 && XEN_LEND_POLL_ALL == 1);
ASSERT(XEN_LEND_ACCESS_READ == 1 && XEN_LEND_ACCESS_WRITE == 2);
ASSERT(XEN_LEND_ACCESS_EXEC == 4 && XEN_LEND_ACCESS_WALK == 8);
ASSERT(XEN_LEND_ACCESS_EMUL == 16);
ASSERT(XEN_LEND_RESOLVE_RETRY == 0 && XEN_LEND_RESOLVE_INJECT == 1);
ASSERT(XEN_LEND_RESOLVE_MMIO == 2 && XEN_LEND_RESOLVE_CRASH == 3);
