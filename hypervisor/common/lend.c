/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: lenders, and the end of lenders and borrowers.
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
 *  0. The lock of domctls, tried by CREATE.
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
 *  - Who reports that a frame is out of reach has dropped the references on it,
 *    or has waited for whoever does (lend_settle()).
 *  - Faults are recorded under the lend lock, by the look-up that found
 *    nothing.  MAP wakes under the same hold that puts the frame in.  Therefore
 *    no wakeup is lost.
 *  - No pointer to a window or client is kept over a release of the lend lock:
 *    each step looks them up again, as somebody else may have been quicker.
 *  - Nothing is allocated by a fault or by taking something away.
 */

#include <xen/event.h>
#include <xen/lend-internal.h>
#include <xen/nospec.h>
#include <xen/xmalloc.h>
#include <xen/xvmalloc.h>

DEFINE_SPINLOCK(lend_clients_lock);
static LIST_HEAD(lend_all_clients);

struct lend_client *lend_find_client(const struct lend_domain *ld,
                                     const struct domain *lender)
{
    struct lend_client *client;

    list_for_each_entry ( client, &ld->clients, list )
        if ( client->lender == lender )
            return client;

    return NULL;
}

/* Does the domain lend to that borrower? */
bool lend_attached(const struct domain *d, const struct domain *lender)
{
    bool attached;

    spin_lock(&lend_clients_lock);
    attached = d->lend && lend_find_client(d->lend, lender);
    spin_unlock(&lend_clients_lock);

    return attached;
}

/*
 * Find a window of the current domain, even if the borrower is being torn down.
 * Called with the lend lock held.
 *
 * What was a window when that began is one until it was emptied.  Then "no such
 * domain" is the answer, and the one that callers take for success.
 */
int lend_lookup_any(struct domain *d, uint32_t id, struct lend_window **w)
{
    struct lend_domain *ld = d->lend;
    const struct lend_client *client;
    unsigned int slot = array_index_nospec(id % LEND_MAX_WINDOWS,
                                           LEND_MAX_WINDOWS);

    ASSERT(arch_lend_locked(d));

    client = lend_find_client(ld, current->domain);
    *w = ld->windows[slot];
    if ( !client || !*w || (*w)->id != id || (*w)->client != client )
        return ld->dead ? -ESRCH : -ENOENT;

    return 0;
}

/*
 * The same, for those who can wait for the end of a borrower: its vCPUs are
 * gone for good, and all that is lent to it is about to be.
 */
int lend_lookup(struct domain *d, uint32_t id, struct lend_window **w)
{
    ASSERT(arch_lend_locked(d));

    return d->lend->dead ? -ESRCH : lend_lookup_any(d, id, w);
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

int cf_check lend_do_attach(struct domain *d, struct xen_lend_op *op,
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

int cf_check lend_do_detach(struct domain *d, struct xen_lend_op *op,
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
 * Does the domain have windows?  Asked by those who change what lending relies
 * on.  They make known that they do so, and then ask; CREATE makes its window
 * known, and then looks at them.  Or they are domctls, and may ask first.
 */
bool lend_in_use(const struct domain *d)
{
    const struct lend_domain *ld;

    smp_mb();
    ld = ACCESS_ONCE(d->lend);

    return ld && ACCESS_ONCE(ld->nr_windows);
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
