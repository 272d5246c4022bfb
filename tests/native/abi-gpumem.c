// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout of the driver's interface, compiled for 32 and for 64 bits, as C
 * and as C++.  Nothing to run: it compiles, or it does not.
 */
#include "abi-check.h"

#include <xen/gpumem.h>

SIZE(xen_gpumem_info, 56);
AT(xen_gpumem_info, size, 0, 4);
AT(xen_gpumem_info, flags, 4, 4);
AT(xen_gpumem_info, out_abi, 8, 4);
AT(xen_gpumem_info, out_hv_version, 12, 4);
AT(xen_gpumem_info, out_features, 16, 8);
AT(xen_gpumem_info, out_rights, 24, 4);
AT(xen_gpumem_info, out_max_windows, 28, 4);
AT(xen_gpumem_info, out_max_bindings, 32, 4);
AT(xen_gpumem_info, __reserved, 36, 4);
AT(xen_gpumem_info, out_max_window, 40, 8);
AT(xen_gpumem_info, out_gpa_end, 48, 8);
END(xen_gpumem_info, out_gpa_end);

SIZE(xen_gpumem_range, 24);
AT(xen_gpumem_range, right, 0, 4);
AT(xen_gpumem_range, __reserved, 4, 4);
AT(xen_gpumem_range, first, 8, 8);
AT(xen_gpumem_range, length, 16, 8);
END(xen_gpumem_range, length);

SIZE(xen_gpumem_open_domain, 72);
AT(xen_gpumem_open_domain, size, 0, 4);
AT(xen_gpumem_open_domain, flags, 4, 4);
AT(xen_gpumem_open_domain, domid, 8, 2);
AT(xen_gpumem_open_domain, __reserved, 10, 2);
AT(xen_gpumem_open_domain, rights, 12, 4);
AT(xen_gpumem_open_domain, max_windows, 16, 4);
AT(xen_gpumem_open_domain, max_bindings, 20, 4);
AT(xen_gpumem_open_domain, max_bytes, 24, 8);
AT(xen_gpumem_open_domain, generation, 32, 8);
AT(xen_gpumem_open_domain, ranges, 40, 8);
AT(xen_gpumem_open_domain, nr_ranges, 48, 4);
AT(xen_gpumem_open_domain, max_exports, 52, 4);
AT(xen_gpumem_open_domain, max_export_bytes, 56, 8);
AT(xen_gpumem_open_domain, max_grants, 64, 4);
AT(xen_gpumem_open_domain, __reserved1, 68, 4);
END(xen_gpumem_open_domain, __reserved1);

SIZE(xen_gpumem_window_add, 32);
AT(xen_gpumem_window_add, size, 0, 4);
AT(xen_gpumem_window_add, flags, 4, 4);
AT(xen_gpumem_window_add, gpa, 8, 8);
AT(xen_gpumem_window_add, length, 16, 8);
AT(xen_gpumem_window_add, hole_policy, 24, 4);
AT(xen_gpumem_window_add, out_window, 28, 4);
END(xen_gpumem_window_add, out_window);

SIZE(xen_gpumem_window_remove, 8);
AT(xen_gpumem_window_remove, size, 0, 4);
AT(xen_gpumem_window_remove, window, 4, 4);
END(xen_gpumem_window_remove, window);

SIZE(xen_gpumem_window_move, 16);
AT(xen_gpumem_window_move, size, 0, 4);
AT(xen_gpumem_window_move, window, 4, 4);
AT(xen_gpumem_window_move, gpa, 8, 8);
END(xen_gpumem_window_move, gpa);

SIZE(xen_gpumem_bind, 48);
AT(xen_gpumem_bind, size, 0, 4);
AT(xen_gpumem_bind, flags, 4, 4);
AT(xen_gpumem_bind, window, 8, 4);
AT(xen_gpumem_bind, source, 12, 4);
AT(xen_gpumem_bind, offset, 16, 8);
AT(xen_gpumem_bind, length, 24, 8);
AT(xen_gpumem_bind, address, 32, 8);
AT(xen_gpumem_bind, fail_policy, 40, 4);
AT(xen_gpumem_bind, fd, 44, 4);
END(xen_gpumem_bind, fd);

SIZE(xen_gpumem_unbind, 24);
AT(xen_gpumem_unbind, size, 0, 4);
AT(xen_gpumem_unbind, window, 4, 4);
AT(xen_gpumem_unbind, offset, 8, 8);
AT(xen_gpumem_unbind, length, 16, 8);
END(xen_gpumem_unbind, length);

SIZE(xen_gpumem_populate, 40);
AT(xen_gpumem_populate, size, 0, 4);
AT(xen_gpumem_populate, flags, 4, 4);
AT(xen_gpumem_populate, window, 8, 4);
AT(xen_gpumem_populate, __reserved, 12, 4);
AT(xen_gpumem_populate, offset, 16, 8);
AT(xen_gpumem_populate, length, 24, 8);
AT(xen_gpumem_populate, out_done, 32, 8);
END(xen_gpumem_populate, out_done);

SIZE(xen_gpumem_window_query, 136);
AT(xen_gpumem_window_query, size, 0, 4);
AT(xen_gpumem_window_query, window, 4, 4);
AT(xen_gpumem_window_query, offset, 8, 8);
AT(xen_gpumem_window_query, length, 16, 8);
AT(xen_gpumem_window_query, out_pages, 24, 8);
AT(xen_gpumem_window_query, out_writable, 32, 8);
AT(xen_gpumem_window_query, out_io, 40, 8);
AT(xen_gpumem_window_query, out_noncacheable, 48, 8);
AT(xen_gpumem_window_query, out_bound, 56, 8);
AT(xen_gpumem_window_query, out_faults, 64, 8);
AT(xen_gpumem_window_query, out_failed, 72, 8);
AT(xen_gpumem_window_query, out_retries, 80, 8);
AT(xen_gpumem_window_query, out_mapped, 88, 8);
AT(xen_gpumem_window_query, out_revokes, 96, 8);
AT(xen_gpumem_window_query, out_revoked, 104, 8);
AT(xen_gpumem_window_query, out_downgraded, 112, 8);
AT(xen_gpumem_window_query, out_revoke_ns_max, 120, 8);
AT(xen_gpumem_window_query, out_fault_ns_max, 128, 8);
END(xen_gpumem_window_query, out_fault_ns_max);

SIZE(xen_gpumem_derive, 56);
AT(xen_gpumem_derive, size, 0, 4);
AT(xen_gpumem_derive, flags, 4, 4);
AT(xen_gpumem_derive, rights, 8, 4);
AT(xen_gpumem_derive, max_windows, 12, 4);
AT(xen_gpumem_derive, max_bindings, 16, 4);
AT(xen_gpumem_derive, nr_ranges, 20, 4);
AT(xen_gpumem_derive, max_bytes, 24, 8);
AT(xen_gpumem_derive, ranges, 32, 8);
AT(xen_gpumem_derive, max_exports, 40, 4);
AT(xen_gpumem_derive, max_grants, 44, 4);
AT(xen_gpumem_derive, max_export_bytes, 48, 8);
END(xen_gpumem_derive, max_export_bytes);

SIZE(xen_gpumem_event, 40);
AT(xen_gpumem_event, size, 0, 4);
AT(xen_gpumem_event, type, 4, 4);
AT(xen_gpumem_event, window, 8, 4);
AT(xen_gpumem_event, count, 12, 4);
AT(xen_gpumem_event, offset, 16, 8);
AT(xen_gpumem_event, length, 24, 8);
AT(xen_gpumem_event, error, 32, 4);
AT(xen_gpumem_event, access, 36, 4);
END(xen_gpumem_event, access);

SIZE(xen_gpumem_export_grants, 32);
AT(xen_gpumem_export_grants, size, 0, 4);
AT(xen_gpumem_export_grants, flags, 4, 4);
AT(xen_gpumem_export_grants, refs, 8, 8);
AT(xen_gpumem_export_grants, count, 16, 4);
AT(xen_gpumem_export_grants, out_failed, 20, 4);
AT(xen_gpumem_export_grants, out_id, 24, 4);
AT(xen_gpumem_export_grants, __reserved, 28, 4);
END(xen_gpumem_export_grants, __reserved);

SIZE(xen_gpumem_frames, 16);
AT(xen_gpumem_frames, gpa, 0, 8);
AT(xen_gpumem_frames, length, 8, 8);
END(xen_gpumem_frames, length);

SIZE(xen_gpumem_export_frames, 32);
AT(xen_gpumem_export_frames, size, 0, 4);
AT(xen_gpumem_export_frames, flags, 4, 4);
AT(xen_gpumem_export_frames, ranges, 8, 8);
AT(xen_gpumem_export_frames, nr_ranges, 16, 4);
AT(xen_gpumem_export_frames, out_failed, 20, 4);
AT(xen_gpumem_export_frames, out_id, 24, 4);
AT(xen_gpumem_export_frames, __reserved, 28, 4);
END(xen_gpumem_export_frames, __reserved);

SIZE(xen_gpumem_export_revoke, 8);
AT(xen_gpumem_export_revoke, size, 0, 4);
AT(xen_gpumem_export_revoke, id, 4, 4);
END(xen_gpumem_export_revoke, id);

SIZE(xen_gpumem_export_query, 56);
AT(xen_gpumem_export_query, size, 0, 4);
AT(xen_gpumem_export_query, flags, 4, 4);
AT(xen_gpumem_export_query, id, 8, 4);
AT(xen_gpumem_export_query, out_flags, 12, 4);
AT(xen_gpumem_export_query, out_state, 16, 4);
AT(xen_gpumem_export_query, out_attached, 20, 4);
AT(xen_gpumem_export_query, out_mapped, 24, 4);
AT(xen_gpumem_export_query, out_static, 28, 4);
AT(xen_gpumem_export_query, out_mmaps, 32, 4);
AT(xen_gpumem_export_query, out_vmaps, 36, 4);
AT(xen_gpumem_export_query, out_pages, 40, 8);
AT(xen_gpumem_export_query, out_segments, 48, 8);
END(xen_gpumem_export_query, out_segments);

SIZE(xen_gpumem_grant, 40);
AT(xen_gpumem_grant, size, 0, 4);
AT(xen_gpumem_grant, flags, 4, 4);
AT(xen_gpumem_grant, fd, 8, 4);
AT(xen_gpumem_grant, count, 12, 4);
AT(xen_gpumem_grant, offset, 16, 8);
AT(xen_gpumem_grant, refs, 24, 8);
AT(xen_gpumem_grant, out_failed, 32, 4);
AT(xen_gpumem_grant, out_id, 36, 4);
END(xen_gpumem_grant, out_id);

SIZE(xen_gpumem_grant_release, 16);
AT(xen_gpumem_grant_release, size, 0, 4);
AT(xen_gpumem_grant_release, id, 4, 4);
AT(xen_gpumem_grant_release, wait_ms, 8, 4);
AT(xen_gpumem_grant_release, out_left, 12, 4);
END(xen_gpumem_grant_release, out_left);

ASSERT(XEN_GPUMEM_TYPE == 0xB9 && XEN_GPUMEM_ABI == 1);
ASSERT(XEN_GPUMEM_INFO == 0xB900 && XEN_GPUMEM_OPEN_DOMAIN == 0xB901);
ASSERT(XEN_GPUMEM_WINDOW_ADD == 0xB902 && XEN_GPUMEM_WINDOW_REMOVE == 0xB903);
ASSERT(XEN_GPUMEM_WINDOW_MOVE == 0xB904 && XEN_GPUMEM_BIND == 0xB905);
ASSERT(XEN_GPUMEM_UNBIND == 0xB906 && XEN_GPUMEM_POPULATE == 0xB907);
ASSERT(XEN_GPUMEM_WINDOW_QUERY == 0xB908 && XEN_GPUMEM_DERIVE == 0xB909);
ASSERT(XEN_GPUMEM_FEAT_MOCK == 1 && XEN_GPUMEM_FEAT_SOURCE_FD == 2);
ASSERT(XEN_GPUMEM_FEAT_DERIVE == 4 && XEN_GPUMEM_FEAT_EVENTS == 8);
ASSERT(XEN_GPUMEM_RIGHT_LEND == 1 && XEN_GPUMEM_RIGHT_REMOVE == 8);
ASSERT(XEN_GPUMEM_RIGHT_EXPORT_GRANTS == 2);
ASSERT(XEN_GPUMEM_RIGHT_EXPORT_FRAMES == 4);
ASSERT(XEN_GPUMEM_OPEN_CLOEXEC == 1 && XEN_GPUMEM_PARKED == UINT64_MAX);
ASSERT(XEN_GPUMEM_POLICY_INJECT == 0 && XEN_GPUMEM_POLICY_ZERO == 1);
ASSERT(XEN_GPUMEM_POLICY_MMIO == 2 && XEN_GPUMEM_SOURCE_ADDRESS == 0);
ASSERT(XEN_GPUMEM_SOURCE_FD == 1 && XEN_GPUMEM_MAX_RANGES == 64);
ASSERT(XEN_GPUMEM_EVENT_FAULT == 1 && XEN_GPUMEM_EVENT_ORPHAN == 2);
ASSERT(XEN_GPUMEM_EVENT_GONE == 3 && XEN_GPUMEM_EVENT_OVERFLOW == 4);
ASSERT(XEN_GPUMEM_ACCESS_READ == 1 && XEN_GPUMEM_ACCESS_WRITE == 2);
ASSERT(XEN_GPUMEM_ACCESS_EXEC == 4);
ASSERT(XEN_GPUMEM_BIND_READONLY == 1 && XEN_GPUMEM_BIND_WRITE_FIRST == 2);
ASSERT(XEN_GPUMEM_BIND_REPLACE == 4 && XEN_GPUMEM_POPULATE_WRITE == 1);
ASSERT(XEN_GPUMEM_EXPORT_GRANTS == 0xB920 && XEN_GPUMEM_EXPORT_FRAMES == 0xB921);
ASSERT(XEN_GPUMEM_EXPORT_REVOKE == 0xB922 && XEN_GPUMEM_EXPORT_QUERY == 0xB923);
ASSERT(XEN_GPUMEM_FEAT_EXPORT == 16 && XEN_GPUMEM_EXPORT_READONLY == 1);
ASSERT(XEN_GPUMEM_EXPORT_CLOEXEC == 2 && XEN_GPUMEM_EXPORT_REVOCABLE == 4);
ASSERT(XEN_GPUMEM_EXPORT_REVOKED == 1 && XEN_GPUMEM_EXPORT_RETURNED == 2);
ASSERT(XEN_GPUMEM_EXPORT_QUERY_NEXT == 1 && XEN_GPUMEM_MAX_FRAMES == 65536);
ASSERT(XEN_GPUMEM_GRANT == 0xB928 && XEN_GPUMEM_GRANT_RELEASE == 0xB929);
ASSERT(XEN_GPUMEM_FEAT_GRANT == 32 && XEN_GPUMEM_RIGHT_GRANT == 16);
ASSERT(XEN_GPUMEM_GRANT_READONLY == 1);
ASSERT(XEN_GPUMEM_GRANT_MAX_WAIT_MS == 60000);
