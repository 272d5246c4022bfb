/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: operations, lenders, teardown.
 *
 * A lender shows frames of its own to a borrower, in windows of guest frames
 * that it reserved.  The interface is described in public/lend.h.
 *
 * What there is
 * -------------
 *  - lend_domain: all about one borrower.  Made by the first ATTACH, freed with
 *    the domain.
 *  - lend_client: one lender's attachment to one borrower, with the event
 *    channel on which it learns about faults.
 *  - lend_window: reserved guest frames.  It belongs to a client, or to nobody
 *    once its lender has died: a tombstone.
 *  - lend_fault: one per vCPU of the borrower.
 *
 * What a window holds is written in the borrower's p2m, with page types that
 * are in no class that other code asks for: whoever wants guest RAM sees
 * nothing there.  What it does not hold cannot be written there (not every
 * implementation keeps a type in an entry that is not present), so that the
 * type of a hole in a window is computed by look-ups (lend_gfn_is_hole()).
 *
 * Locks, outermost first
 * ----------------------
 *  1. lend_clients_lock: which clients exist.  Spin lock, global, rarely taken.
 *  2. lender->caps_lock, for reading, while MAP puts MMIO in.
 *  3. The lend lock: arch_lend_lock(), the lock of the borrower's host p2m.
 *     Windows, ranges, counters, entries.
 *  4. lend_domain.fault_lock: fault records and what is delivered.
 *
 * Invariants
 * ----------
 *  - An entry with a lent type lies in a window, is counted there, and holds
 *    the references that lend_frame_t names.  Nobody else makes or removes such
 *    entries.
 *  - A reference is dropped only after every CPU that could hold the entry's
 *    translation has been flushed (lend_unlock_and_put()).
 *  - Faults are recorded under the lend lock, by the look-up that found
 *    nothing.  MAP wakes under the same hold that puts the frame in.  Therefore
 *    no wakeup is lost.
 *  - No pointer to a window or client is kept over a release of the lend lock:
 *    each step looks them up again, as somebody else may have been quicker.
 *  - Nothing is allocated by a fault or by taking something away.
 */

#include <xen/event.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/init.h>
#include <xen/lend-internal.h>
#include <xen/nospec.h>
#include <xen/param.h>
#include <xen/xmalloc.h>
#include <xen/xvmalloc.h>

#include <xsm/xsm.h>

static bool __ro_after_init opt_lend;
bool __ro_after_init opt_lend_ept;

static int __init cf_check parse_lend(const char *s)
{
    const char *ss;
    int rc = 0, val;

    if ( !*s )
        opt_lend = true;

    while ( *s )
    {
        ss = strchr(s, ',');
        if ( !ss )
            ss = strchr(s, '\0');

        if ( (val = parse_bool(s, ss)) >= 0 )
            opt_lend = val;
        else if ( (val = parse_boolean("ept", s, ss)) >= 0 )
            opt_lend_ept = val;
        else
            rc = -EINVAL;

        s = *ss ? ss + 1 : ss;
    }

    return rc;
}
custom_param("lend", parse_lend);

DEFINE_SPINLOCK(lend_clients_lock);
static LIST_HEAD(lend_all_clients);

/*
 * Buffers are named by virtual addresses of the caller.  A 32-bit caller has
 * none beyond 4 GiB: what it can reach there is not its own.
 */
static bool lend_address_ok(uint64_t addr, size_t size)
{
#ifdef CONFIG_COMPAT
    if ( current->hcall_compat && (addr + size - 1) >> 32 )
        return false;
#endif

    return addr + size > addr && addr == (unsigned long)addr;
}

int lend_copy_from_lender(void *dst, uint64_t addr, size_t size)
{
    return !lend_address_ok(addr, size) ||
           raw_copy_from_guest(dst, (const void *)(unsigned long)addr, size)
           ? -EFAULT : 0;
}

int lend_copy_to_lender(uint64_t addr, const void *src, size_t size)
{
    return !lend_address_ok(addr, size) ||
           raw_copy_to_guest((void *)(unsigned long)addr, src, size)
           ? -EFAULT : 0;
}

struct lend_client *lend_find_client(const struct lend_domain *ld,
                                     const struct domain *lender)
{
    struct lend_client *client;

    list_for_each_entry ( client, &ld->clients, list )
        if ( client->lender == lender )
            return client;

    return NULL;
}

/*
 * Find a window of the current domain.  Called with the lend lock held.
 *
 * Once the borrower's teardown has begun its vCPUs are gone for good, and all
 * that is lent to it is about to be: "no such domain" is the right answer, and
 * the one that callers take for success.
 */
int lend_lookup(struct domain *d, uint32_t id, struct lend_window **w)
{
    struct lend_domain *ld = d->lend;
    const struct lend_client *client;
    unsigned int slot = array_index_nospec(id % LEND_MAX_WINDOWS,
                                           LEND_MAX_WINDOWS);

    ASSERT(arch_lend_locked(d));

    if ( ld->dead )
        return -ESRCH;

    client = lend_find_client(ld, current->domain);
    if ( !client )
        return -ENOENT;

    *w = ld->windows[slot];
    if ( !*w || (*w)->id != id || (*w)->client != client )
        return -ENOENT;

    return 0;
}

static void lend_fill_query(struct xen_lend_op *op)
{
    op->generation = 0;
    op->u.query = (struct xen_lend_query){
        .version = XEN_LEND_VERSION,
        .features = IS_ENABLED(CONFIG_DEBUG) ? XEN_LEND_FEAT_INSPECT : 0,
        .max_windows = LEND_MAX_WINDOWS,
        .max_extents = LEND_MAX_EXTENTS,
        .max_frames = LEND_BATCH,
        .max_window = LEND_MAX_FRAMES,
    };
}

static int cf_check lend_do_query(struct domain *d, struct xen_lend_op *op,
                                  unsigned long *start)
{
    lend_fill_query(op);
    op->generation = d->unique_id;
    op->u.query.max_faults = d->max_vcpus;
    op->u.query.gfn_end = arch_lend_gfn_end(d);

    return 0;
}

/*
 * Give the borrower its lend_domain, if it has none, and make the client known.
 *
 * is_dying is tested with lend_clients_lock held, which teardown takes after
 * that was set: either we see it, or teardown sees us.
 */
static int lend_link_client(struct domain *d, struct lend_domain **ld,
                            struct lend_client *client)
{
    int rc = 0;

    spin_lock(&lend_clients_lock);

    if ( d->is_dying )
        rc = -ESRCH;
    else
    {
        if ( !d->lend )
        {
            /* Look-ups read this without a lock: contents first. */
            smp_wmb();
            d->lend = *ld;
            *ld = NULL;
        }

        arch_lend_lock(d);
        spin_lock(&d->lend->fault_lock);

        if ( lend_find_client(d->lend, client->lender) )
            rc = -EEXIST;
        else
        {
            list_add_tail(&client->list, &d->lend->clients);
            list_add_tail(&client->out, &lend_all_clients);
        }

        spin_unlock(&d->lend->fault_lock);
        arch_lend_unlock(d);
    }

    spin_unlock(&lend_clients_lock);

    return rc;
}

static int cf_check lend_do_attach(struct domain *d, struct xen_lend_op *op,
                                   unsigned long *start)
{
    struct lend_client *client;
    struct lend_domain *ld;
    int rc = arch_lend_check_borrower(d);

    if ( rc )
        return rc;

    ld = xvzalloc_flex_struct(struct lend_domain, fault, d->max_vcpus);
    client = xzalloc_flex_struct(struct lend_client, undelivered,
                                 BITS_TO_LONGS(d->max_vcpus));
    rc = -ENOMEM;
    if ( !ld || !client )
        goto out;

    spin_lock_init(&ld->fault_lock);
    INIT_LIST_HEAD(&ld->clients);
    client->borrower = d;
    client->lender = current->domain;

    rc = alloc_unbound_xen_event_channel(d, 0, current->domain->domain_id,
                                         NULL);
    if ( rc < 0 )
        goto out;
    client->port = rc;

    rc = lend_link_client(d, &ld, client);
    if ( rc )
        free_xen_event_channel(d, client->port);
    else
    {
        op->generation = d->unique_id;
        op->u.attach.port = client->port;
        client = NULL;
    }

 out:
    xfree(client);
    xvfree(ld);

    return rc;
}

/* The next window of a lender, or any window if lender is NULL. */
static struct lend_window *lend_next_window(const struct lend_domain *ld,
                                            const struct domain *lender)
{
    unsigned int i;

    for ( i = 0; i < LEND_MAX_WINDOWS; ++i )
    {
        struct lend_window *w = ld->windows[i];

        if ( w && (!lender || (w->client && w->client->lender == lender)) )
            return w;
    }

    return NULL;
}

/*
 * Unlink and free a client.  Returns false if it has windows, which the lender
 * may have made since we looked.  Called without locks.
 */
static bool lend_unlink_client(struct domain *d, const struct domain *lender)
{
    struct lend_domain *ld = d->lend;
    struct lend_client *client;
    bool busy;

    spin_lock(&lend_clients_lock);
    arch_lend_lock(d);
    spin_lock(&ld->fault_lock);

    client = lend_find_client(ld, lender);
    busy = client && lend_next_window(ld, lender);
    if ( client && !busy )
    {
        list_del(&client->list);
        list_del(&client->out);
    }

    spin_unlock(&ld->fault_lock);
    arch_lend_unlock(d);
    spin_unlock(&lend_clients_lock);

    if ( busy )
        return false;

    if ( client )
    {
        /* Nobody else knows the client now: nobody raises the port. */
        free_xen_event_channel(d, client->port);
        xfree(client);
    }

    return true;
}

/*
 * Empty all windows of one lender, or of all lenders (NULL), then free them or
 * leave them as tombstones.  Each round handles one batch of one window; what
 * was finished is not seen again, so that starting afresh costs nothing.
 */
static int lend_drop_windows(struct domain *d, const struct domain *lender,
                             bool orphan)
{
    struct lend_domain *ld = d->lend;

    for ( ; ; )
    {
        struct lend_window *w, *victim = NULL;
        unsigned int nr = 0;

        arch_lend_lock(d);

        w = lend_next_window(ld, lender);
        if ( w && lend_window_drain(d, w, &nr) )
        {
            if ( orphan )
                lend_window_orphan(d, w);
            else
            {
                lend_window_remove(d, w);
                victim = w;
            }
        }

        lend_unlock_and_put(d, nr);
        xvfree(victim);

        if ( !w )
            return 0;

        if ( hypercall_preempt_check() )
            return -ERESTART;
    }
}

static int cf_check lend_do_detach(struct domain *d, struct xen_lend_op *op,
                                   unsigned long *start)
{
    const struct domain *lender = current->domain;
    const struct lend_client *client;
    bool dead;
    int rc;

    arch_lend_lock(d);
    dead = d->lend->dead;
    client = lend_find_client(d->lend, lender);
    arch_lend_unlock(d);

    if ( dead )
        return -ESRCH;
    if ( !client )
        return -ENOENT;

    do {
        rc = lend_drop_windows(d, lender, false);
    } while ( !rc && !lend_unlink_client(d, lender) );

    return rc;
}

/* The domain was lent to. */
static int lend_teardown_borrower(struct domain *d)
{
    struct lend_domain *ld;
    struct lend_client *client;
    struct domain *lender;
    int rc;

    /* Pairs with lend_link_client(). */
    spin_lock(&lend_clients_lock);
    ld = d->lend;
    spin_unlock(&lend_clients_lock);

    if ( !ld )
        return 0;

    arch_lend_lock(d);
    if ( !ld->dead )
    {
        ld->dead = true;
        list_for_each_entry ( client, &ld->clients, list )
            notify_via_xen_event_channel(d, client->port);
    }
    arch_lend_unlock(d);

    rc = lend_drop_windows(d, NULL, false);
    if ( rc )
        return rc;

    do {
        arch_lend_lock(d);
        client = list_first_entry_or_null(&ld->clients, struct lend_client,
                                          list);
        lender = client ? client->lender : NULL;
        arch_lend_unlock(d);

        /* Only compared, never followed: the lender may be gone by now. */
        if ( lender )
            lend_unlink_client(d, lender);
    } while ( lender );

    return 0;
}

/* The domain has lent. */
static int lend_teardown_lender(const struct domain *d)
{
    const struct lend_client *client;
    struct domain *borrower;
    int rc = 0;

    do {
        borrower = NULL;

        spin_lock(&lend_clients_lock);
        list_for_each_entry ( client, &lend_all_clients, out )
            if ( client->lender == d )
            {
                /* It is linked, hence not torn down, hence not freed. */
                borrower = client->borrower;
                get_knownalive_domain(borrower);
                break;
            }
        spin_unlock(&lend_clients_lock);

        if ( borrower )
        {
            rc = lend_drop_windows(borrower, d, true);
            if ( !rc )
                lend_unlink_client(borrower, d);
            put_domain(borrower);
        }
    } while ( borrower && !rc );

    return rc;
}

/*
 * A step of domain_teardown().  The domain is paused for good.  May return
 * -ERESTART, but not for a domain that never lent or borrowed.
 */
int lend_teardown(struct domain *d)
{
    return lend_teardown_borrower(d) ?: lend_teardown_lender(d);
}

/* The last reference to the domain is gone. */
void lend_destroy(struct domain *d)
{
    ASSERT(!d->lend || list_empty(&d->lend->clients));
    XVFREE(d->lend);
}

/*
 * Does anything depend on the domain being lent to?  Also asked without locks,
 * by those who are about to change what lending relies on.
 */
bool lend_in_use(const struct domain *d)
{
    const struct lend_domain *ld = ACCESS_ONCE(d->lend);

    return ld && (!list_empty(&ld->clients) || ld->nr_windows);
}

#define LEND_OPEN   (1u << 0)   /* needs no attachment, generation may be 0 */
#define LEND_OUT    (1u << 1)   /* writes to the structure on success */
#define LEND_DYING  (1u << 2)   /* works on a dying borrower */
#define LEND_LONG   (1u << 3)   /* may be a continuation */

static const struct lend_command {
    int (*fn)(struct domain *d, struct xen_lend_op *op, unsigned long *start);
    uint32_t valid_flags;
    unsigned int attr;
} lend_commands[] = {
    [XEN_LEND_query]   = { lend_do_query, 0,
                           LEND_OPEN | LEND_OUT | LEND_DYING },
    [XEN_LEND_attach]  = { lend_do_attach, 0, LEND_OPEN | LEND_OUT },
    [XEN_LEND_detach]  = { lend_do_detach, 0, LEND_DYING | LEND_LONG },
    [XEN_LEND_create]  = { lend_do_create, 0, LEND_OUT | LEND_LONG },
    [XEN_LEND_move]    = { lend_do_move, 0, LEND_LONG },
    [XEN_LEND_destroy] = { lend_do_destroy, 0, LEND_DYING | LEND_LONG },
    [XEN_LEND_map]     = { lend_do_map, 0, LEND_OUT },
    [XEN_LEND_revoke]  = { lend_do_revoke, XEN_LEND_REVOKE_DOWNGRADE,
                           LEND_OUT | LEND_DYING | LEND_LONG },
    [XEN_LEND_poll]    = { lend_do_poll, XEN_LEND_POLL_ALL,
                           LEND_OUT | LEND_DYING },
    [XEN_LEND_resolve] = { lend_do_resolve, 0, 0 },
    [XEN_LEND_inspect] = { lend_do_inspect, 0, LEND_OUT },
};

/* Is everything zero that has to be, whatever the values mean? */
static bool lend_op_clean(const struct xen_lend_op *op)
{
    static const struct xen_lend_op zero;

#define PAD_CLEAN(field)                                                \
    (!memcmp(&op->u.field, &zero.u.field, sizeof(op->u.field)))

    switch ( op->cmd )
    {
    case XEN_LEND_query:
        return PAD_CLEAN(query.pad);

    case XEN_LEND_attach:
        return PAD_CLEAN(attach.pad32) && PAD_CLEAN(attach.pad);

    case XEN_LEND_detach:
        return PAD_CLEAN(pad);

    case XEN_LEND_create:
        return PAD_CLEAN(create.pad);

    case XEN_LEND_move:
        return PAD_CLEAN(move.pad32) && PAD_CLEAN(move.pad);

    case XEN_LEND_destroy:
        return PAD_CLEAN(destroy.pad32) && PAD_CLEAN(destroy.pad);

    case XEN_LEND_map:
        return PAD_CLEAN(map.pad) && !op->u.map.done && !op->u.map.woken;

    case XEN_LEND_revoke:
        return PAD_CLEAN(revoke.pad32) && PAD_CLEAN(revoke.pad);

    case XEN_LEND_poll:
        return PAD_CLEAN(poll.pad32) && PAD_CLEAN(poll.pad) &&
               !op->u.poll.nr && !op->u.poll.more;

    case XEN_LEND_resolve:
        return PAD_CLEAN(resolve.pad32) && PAD_CLEAN(resolve.pad);

    case XEN_LEND_inspect:
        return PAD_CLEAN(inspect.pad) && !op->u.inspect.attr &&
               !op->u.inspect.mfn && !op->u.inspect.order &&
               !op->u.inspect.type;
    }

#undef PAD_CLEAN

    return false;
}

/* Who is meant, and may the caller do this to it? */
static int lend_check_domain(struct domain *d,
                             const struct xen_lend_op *op,
                             const struct lend_command *c)
{
    if ( xsm_dm_op(XSM_DM_PRIV, d) )
        return -EPERM;

    if ( op->generation != d->unique_id &&
         (op->generation || !(c->attr & LEND_OPEN)) )
        return -ESRCH;

    if ( d->is_dying && !(c->attr & LEND_DYING) )
        return op->cmd == XEN_LEND_create || op->cmd == XEN_LEND_move
               ? -EBUSY : -ESRCH;

    if ( !d->lend && !(c->attr & LEND_OPEN) )
        return -ENOENT;

    return 0;
}

/*
 * 32- and 64-bit callers use the same layout.  That holds if every structure
 * is a row of fields without gaps in which 64-bit fields lie on their natural
 * boundaries.
 */
static void __init __maybe_unused build_assertions(void)
{
#define FIELD_AT(type, field, pos, size)                                \
    BUILD_BUG_ON(offsetof(struct type, field) != (pos) ||               \
                 sizeof(((struct type *)0)->field) != (size) ||         \
                 ((pos) % ((size) < 8 ? (size) : 8)))

    FIELD_AT(xen_lend_query, version, 0, 4);
    FIELD_AT(xen_lend_query, features, 4, 4);
    FIELD_AT(xen_lend_query, max_windows, 8, 4);
    FIELD_AT(xen_lend_query, max_extents, 12, 4);
    FIELD_AT(xen_lend_query, max_frames, 16, 4);
    FIELD_AT(xen_lend_query, max_faults, 20, 4);
    FIELD_AT(xen_lend_query, max_window, 24, 8);
    FIELD_AT(xen_lend_query, gfn_end, 32, 8);
    FIELD_AT(xen_lend_query, pad, 40, 8);

    FIELD_AT(xen_lend_attach, port, 0, 4);
    FIELD_AT(xen_lend_attach, pad32, 4, 4);
    FIELD_AT(xen_lend_attach, pad, 8, 40);

    FIELD_AT(xen_lend_create, gfn, 0, 8);
    FIELD_AT(xen_lend_create, nr, 8, 8);
    FIELD_AT(xen_lend_create, orphan, 16, 4);
    FIELD_AT(xen_lend_create, id, 20, 4);
    FIELD_AT(xen_lend_create, pad, 24, 24);

    FIELD_AT(xen_lend_move, id, 0, 4);
    FIELD_AT(xen_lend_move, pad32, 4, 4);
    FIELD_AT(xen_lend_move, gfn, 8, 8);
    FIELD_AT(xen_lend_move, pad, 16, 32);

    FIELD_AT(xen_lend_destroy, id, 0, 4);
    FIELD_AT(xen_lend_destroy, pad32, 4, 4);
    FIELD_AT(xen_lend_destroy, pad, 8, 40);

    FIELD_AT(xen_lend_extent, index, 0, 8);
    FIELD_AT(xen_lend_extent, frame, 8, 8);
    FIELD_AT(xen_lend_extent, nr, 16, 4);
    FIELD_AT(xen_lend_extent, attr, 20, 4);
    BUILD_BUG_ON(sizeof(struct xen_lend_extent) != 24);

    FIELD_AT(xen_lend_map, id, 0, 4);
    FIELD_AT(xen_lend_map, nr, 4, 4);
    FIELD_AT(xen_lend_map, extents, 8, 8);
    FIELD_AT(xen_lend_map, done, 16, 4);
    FIELD_AT(xen_lend_map, woken, 20, 4);
    FIELD_AT(xen_lend_map, pad, 24, 24);

    FIELD_AT(xen_lend_revoke, id, 0, 4);
    FIELD_AT(xen_lend_revoke, pad32, 4, 4);
    FIELD_AT(xen_lend_revoke, index, 8, 8);
    FIELD_AT(xen_lend_revoke, nr, 16, 8);
    FIELD_AT(xen_lend_revoke, cleared, 24, 8);
    FIELD_AT(xen_lend_revoke, pad, 32, 16);

    FIELD_AT(xen_lend_fault, index, 0, 8);
    FIELD_AT(xen_lend_fault, window, 8, 4);
    FIELD_AT(xen_lend_fault, vcpu, 12, 4);
    FIELD_AT(xen_lend_fault, token, 16, 4);
    FIELD_AT(xen_lend_fault, access, 20, 4);
    BUILD_BUG_ON(sizeof(struct xen_lend_fault) != 24);

    FIELD_AT(xen_lend_poll, max, 0, 4);
    FIELD_AT(xen_lend_poll, nr, 4, 4);
    FIELD_AT(xen_lend_poll, faults, 8, 8);
    FIELD_AT(xen_lend_poll, more, 16, 4);
    FIELD_AT(xen_lend_poll, pad32, 20, 4);
    FIELD_AT(xen_lend_poll, pad, 24, 24);

    FIELD_AT(xen_lend_resolve, vcpu, 0, 4);
    FIELD_AT(xen_lend_resolve, token, 4, 4);
    FIELD_AT(xen_lend_resolve, action, 8, 4);
    FIELD_AT(xen_lend_resolve, pad32, 12, 4);
    FIELD_AT(xen_lend_resolve, pad, 16, 32);

    FIELD_AT(xen_lend_inspect, id, 0, 4);
    FIELD_AT(xen_lend_inspect, attr, 4, 4);
    FIELD_AT(xen_lend_inspect, index, 8, 8);
    FIELD_AT(xen_lend_inspect, mfn, 16, 8);
    FIELD_AT(xen_lend_inspect, order, 24, 4);
    FIELD_AT(xen_lend_inspect, type, 28, 4);
    FIELD_AT(xen_lend_inspect, pad, 32, 16);

    FIELD_AT(xen_lend_op, cmd, 0, 2);
    FIELD_AT(xen_lend_op, domid, 2, 2);
    FIELD_AT(xen_lend_op, flags, 4, 4);
    FIELD_AT(xen_lend_op, generation, 8, 8);
    FIELD_AT(xen_lend_op, u, 16, 48);
    BUILD_BUG_ON(sizeof(struct xen_lend_op) != 64);

#undef FIELD_AT
}

/* XENMEM_lend_op: cmd carries the position of a continuation. */
long lend_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    XEN_GUEST_HANDLE_PARAM(xen_lend_op_t) uop =
        guest_handle_cast(arg, xen_lend_op_t);
    unsigned long start = cmd >> MEMOP_EXTENT_SHIFT;
    const struct lend_command *c;
    struct xen_lend_op op;
    struct domain *d;
    int rc;

    if ( !opt_lend || !arch_lend_supported() )
        return -EOPNOTSUPP;

    if ( copy_from_guest(&op, uop, 1) )
        return -EFAULT;

    if ( op.cmd >= ARRAY_SIZE(lend_commands) )
        return -EOPNOTSUPP;
    op.cmd = array_index_nospec(op.cmd, ARRAY_SIZE(lend_commands));
    c = &lend_commands[op.cmd];

    if ( (op.flags & ~c->valid_flags) || !lend_op_clean(&op) ||
         (start && !(c->attr & LEND_LONG)) )
        return -EINVAL;

    if ( op.domid == DOMID_SELF || op.domid == current->domain->domain_id )
    {
        if ( op.cmd != XEN_LEND_query )
            return -EPERM;

        lend_fill_query(&op);
        return copy_to_guest(uop, &op, 1) ? -EFAULT : 0;
    }

    d = rcu_lock_domain_by_id(op.domid);
    if ( !d )
        return -ESRCH;

    rc = lend_check_domain(d, &op, c);
    if ( rc )
        goto out;

    /* Find out whether it is writable before anything is done. */
    rc = -EFAULT;
    if ( (c->attr & LEND_OUT) && copy_to_guest(uop, &op, 1) )
        goto out;

    rc = c->fn(d, &op, &start);

    /* REVOKE keeps its progress in the structure, MAP tells it on errors. */
    if ( (c->attr & LEND_OUT) &&
         (!rc || rc == -ERESTART || op.cmd == XEN_LEND_map) &&
         copy_to_guest(uop, &op, 1) )
        rc = -EFAULT;

 out:
    rcu_unlock_domain(d);

    if ( rc == -ERESTART )
        return hypercall_create_continuation(
            __HYPERVISOR_memory_op, "lh",
            XENMEM_lend_op | (start << MEMOP_EXTENT_SHIFT), arg);

    return rc;
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
