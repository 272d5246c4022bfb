/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: the layout of the interface.  Nothing here is ever executed:
 * it compiles, or it does not.
 *
 * 32- and 64-bit callers use the same layout.  That holds if every structure
 * is a row of fields without gaps in which 64-bit fields lie on their natural
 * boundaries.  So all fields of each structure are listed, in order, with
 * position and size.  Those of a command end where the union of struct
 * xen_lend_op does.
 */

#include <xen/init.h>
#include <xen/lib.h>

#include <public/lend.h>

#define FIELD_AT(type, field, pos, size)                                \
    BUILD_BUG_ON(offsetof(struct type, field) != (pos) ||               \
                 sizeof(((struct type *)0)->field) != (size) ||         \
                 ((pos) % ((size) < 8 ? (size) : 8)))

static void __init __maybe_unused abi_query(void)
{
    FIELD_AT(xen_lend_query, version, 0, 4);
    FIELD_AT(xen_lend_query, features, 4, 4);
    FIELD_AT(xen_lend_query, max_windows, 8, 4);
    FIELD_AT(xen_lend_query, max_extents, 12, 4);
    FIELD_AT(xen_lend_query, max_frames, 16, 4);
    FIELD_AT(xen_lend_query, max_faults, 20, 4);
    FIELD_AT(xen_lend_query, max_window, 24, 8);
    FIELD_AT(xen_lend_query, gfn_end, 32, 8);
    FIELD_AT(xen_lend_query, pad, 40, 8);
}

static void __init __maybe_unused abi_attach(void)
{
    FIELD_AT(xen_lend_attach, port, 0, 4);
    FIELD_AT(xen_lend_attach, pad32, 4, 4);
    FIELD_AT(xen_lend_attach, pad, 8, 40);
}

static void __init __maybe_unused abi_create(void)
{
    FIELD_AT(xen_lend_create, gfn, 0, 8);
    FIELD_AT(xen_lend_create, nr, 8, 8);
    FIELD_AT(xen_lend_create, orphan, 16, 4);
    FIELD_AT(xen_lend_create, id, 20, 4);
    FIELD_AT(xen_lend_create, pad, 24, 24);
}

static void __init __maybe_unused abi_move(void)
{
    FIELD_AT(xen_lend_move, id, 0, 4);
    FIELD_AT(xen_lend_move, pad32, 4, 4);
    FIELD_AT(xen_lend_move, gfn, 8, 8);
    FIELD_AT(xen_lend_move, pad, 16, 32);
}

static void __init __maybe_unused abi_destroy(void)
{
    FIELD_AT(xen_lend_destroy, id, 0, 4);
    FIELD_AT(xen_lend_destroy, pad32, 4, 4);
    FIELD_AT(xen_lend_destroy, pad, 8, 40);
}

static void __init __maybe_unused abi_extent(void)
{
    FIELD_AT(xen_lend_extent, index, 0, 8);
    FIELD_AT(xen_lend_extent, frame, 8, 8);
    FIELD_AT(xen_lend_extent, nr, 16, 4);
    FIELD_AT(xen_lend_extent, attr, 20, 4);
    BUILD_BUG_ON(sizeof(struct xen_lend_extent) != 24);
}

static void __init __maybe_unused abi_map(void)
{
    FIELD_AT(xen_lend_map, id, 0, 4);
    FIELD_AT(xen_lend_map, nr, 4, 4);
    FIELD_AT(xen_lend_map, extents, 8, 8);
    FIELD_AT(xen_lend_map, done, 16, 4);
    FIELD_AT(xen_lend_map, woken, 20, 4);
    FIELD_AT(xen_lend_map, pad, 24, 24);
}

static void __init __maybe_unused abi_revoke(void)
{
    FIELD_AT(xen_lend_revoke, id, 0, 4);
    FIELD_AT(xen_lend_revoke, pad32, 4, 4);
    FIELD_AT(xen_lend_revoke, index, 8, 8);
    FIELD_AT(xen_lend_revoke, nr, 16, 8);
    FIELD_AT(xen_lend_revoke, cleared, 24, 8);
    FIELD_AT(xen_lend_revoke, pad, 32, 16);
}

static void __init __maybe_unused abi_fault(void)
{
    FIELD_AT(xen_lend_fault, index, 0, 8);
    FIELD_AT(xen_lend_fault, window, 8, 4);
    FIELD_AT(xen_lend_fault, vcpu, 12, 4);
    FIELD_AT(xen_lend_fault, token, 16, 4);
    FIELD_AT(xen_lend_fault, access, 20, 4);
    BUILD_BUG_ON(sizeof(struct xen_lend_fault) != 24);
}

static void __init __maybe_unused abi_poll(void)
{
    FIELD_AT(xen_lend_poll, max, 0, 4);
    FIELD_AT(xen_lend_poll, nr, 4, 4);
    FIELD_AT(xen_lend_poll, faults, 8, 8);
    FIELD_AT(xen_lend_poll, more, 16, 4);
    FIELD_AT(xen_lend_poll, pad32, 20, 4);
    FIELD_AT(xen_lend_poll, pad, 24, 24);
}

static void __init __maybe_unused abi_resolve(void)
{
    FIELD_AT(xen_lend_resolve, vcpu, 0, 4);
    FIELD_AT(xen_lend_resolve, token, 4, 4);
    FIELD_AT(xen_lend_resolve, action, 8, 4);
    FIELD_AT(xen_lend_resolve, pad32, 12, 4);
    FIELD_AT(xen_lend_resolve, pad, 16, 32);
}

static void __init __maybe_unused abi_inspect(void)
{
    FIELD_AT(xen_lend_inspect, id, 0, 4);
    FIELD_AT(xen_lend_inspect, attr, 4, 4);
    FIELD_AT(xen_lend_inspect, index, 8, 8);
    FIELD_AT(xen_lend_inspect, mfn, 16, 8);
    FIELD_AT(xen_lend_inspect, order, 24, 4);
    FIELD_AT(xen_lend_inspect, type, 28, 4);
    FIELD_AT(xen_lend_inspect, pad, 32, 16);
}

static void __init __maybe_unused abi_op(void)
{
    FIELD_AT(xen_lend_op, cmd, 0, 2);
    FIELD_AT(xen_lend_op, domid, 2, 2);
    FIELD_AT(xen_lend_op, flags, 4, 4);
    FIELD_AT(xen_lend_op, generation, 8, 8);
    FIELD_AT(xen_lend_op, u, 16, 48);
    BUILD_BUG_ON(sizeof(struct xen_lend_op) != 64);
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
