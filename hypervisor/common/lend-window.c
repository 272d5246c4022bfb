/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: windows.
 *
 * A window is a range of guest frames, or, parked, just its length.  It is
 * found in two ways: by its id, which names a slot in a table and says how
 * often the table was used, so that an old id never names a new window; and by
 * address, in a sorted array of ranges.  The array is part of lend_domain, for
 * look-ups that hold no lock.
 *
 * MOVE, DESTROY and DETACH first mark a window as closing, which keeps MAP out,
 * then empty it in batches, and may give way to others between those.  How far
 * they have come is noted in the window, and how many frames each group of 512
 * holds is counted, so that passing over what is empty costs next to nothing.
 *
 * What speaks against the new place of a MOVE is looked for before that: one
 * that is refused for it takes nothing away.  While the window is being emptied
 * all of it is asked again, as other windows come, and privileges go.  Then it
 * may lose frames for nothing, and the error is another one.
 */

#include <xen/domain.h>
#include <xen/event.h>
#include <xen/hypercall.h>
#include <xen/lend-internal.h>
#include <xen/xvmalloc.h>

/* The first range that ends at or after gfn. */
static unsigned int lend_range_search(const struct lend_domain *ld,
                                      unsigned long gfn)
{
    unsigned int low = 0, high = min(ACCESS_ONCE(ld->nr_ranges),
                                     LEND_MAX_WINDOWS + 0U);

    while ( low < high )
    {
        unsigned int mid = (low + high) / 2;

        if ( ld->ranges[mid].end < gfn )
            low = mid + 1;
        else
            high = mid;
    }

    return low;
}

/* The window that gfn lies in.  With the lend lock held. */
struct lend_window *lend_window_at(struct lend_domain *ld, unsigned long gfn)
{
    unsigned int i = lend_range_search(ld, gfn);

    if ( i < ld->nr_ranges && ld->ranges[i].start <= gfn )
        return ld->ranges[i].window;

    return NULL;
}

/*
 * Was the current vCPU told that its access to this frame is one to a device,
 * and is it still at that instruction?
 */
static bool lend_answered_mmio(const struct domain *d,
                               const struct lend_range *range,
                               unsigned long gfn)
{
    const struct lend_fault *f;
    unsigned int i;

    if ( current->domain != d )
        return false;

    f = &d->lend->fault[current->vcpu_id];

    if ( f->answers_ip != arch_lend_ip() || NOW() > f->answers_until )
        return false;

    for ( i = 0; i < LEND_ANSWERS; ++i )
        if ( ACCESS_ONCE(f->answer[i].kind) == LEND_ANSWER_MMIO &&
             f->answer[i].place.window == range->window &&
             f->answer[i].place.index == gfn - range->start )
            return true;

    return false;
}

/*
 * Is a frame with nothing in it to be taken for a hole in a window?  For all
 * look-ups of the p2m, whatever lock they hold.  Called for nothing but holes:
 * an access that goes to a device anyway.
 */
bool lend_gfn_is_hole(const struct domain *d, unsigned long gfn)
{
    const struct lend_domain *ld = ACCESS_ONCE(d->lend);
    struct lend_range range;
    unsigned int i, seq;
    bool found;

    if ( likely(!ld) )
        return false;

    /* Other windows may come and go meanwhile. */
    do {
        seq = ACCESS_ONCE(ld->ranges_seq);
        smp_rmb();

        i = lend_range_search(ld, gfn);
        found = i < min(ACCESS_ONCE(ld->nr_ranges), LEND_MAX_WINDOWS + 0U);
        if ( found )
            range = ld->ranges[i];

        smp_rmb();
    } while ( (seq & 1) || seq != ACCESS_ONCE(ld->ranges_seq) );

    if ( !found || range.start > gfn || range.end < gfn || range.hidden )
        return false;

    return !lend_answered_mmio(d, &range, gfn);
}

/*
 * With the lend lock held.  Who looks without it waits meanwhile, so that this
 * must be short.
 */
static void lend_ranges_begin(struct lend_domain *ld)
{
    ld->ranges_seq++;
    smp_wmb();
}

static void lend_ranges_end(struct lend_domain *ld)
{
    smp_wmb();
    ld->ranges_seq++;
}

/* Would a window at gfn overlap another one than w? */
static bool lend_range_busy(const struct lend_domain *ld,
                            const struct lend_window *w,
                            unsigned long gfn, unsigned long nr)
{
    unsigned int i = lend_range_search(ld, gfn);

    /* There may be two in the way, one of which is w itself. */
    for ( ; i < ld->nr_ranges && ld->ranges[i].start <= gfn + nr - 1; ++i )
        if ( ld->ranges[i].window != w )
            return true;

    return false;
}

static void lend_range_insert(struct lend_domain *ld, struct lend_window *w)
{
    unsigned int i = lend_range_search(ld, w->gfn);

    ASSERT(ld->nr_ranges < LEND_MAX_WINDOWS);

    memmove(&ld->ranges[i + 1], &ld->ranges[i],
            (ld->nr_ranges - i) * sizeof(*ld->ranges));
    ld->ranges[i] = (struct lend_range){
        .start = w->gfn,
        .end = w->gfn + w->nr - 1,
        .window = w,
    };
    ld->nr_ranges++;
}

static void lend_range_remove(struct lend_domain *ld,
                              const struct lend_window *w)
{
    unsigned int i;

    if ( w->gfn == LEND_PARKED )
        return;

    i = lend_range_search(ld, w->gfn);
    ASSERT(i < ld->nr_ranges && ld->ranges[i].window == w);

    ld->nr_ranges--;
    memmove(&ld->ranges[i], &ld->ranges[i + 1],
            (ld->nr_ranges - i) * sizeof(*ld->ranges));
}

/*
 * Take a batch out of a window and keep MAP from putting more in.  True if the
 * window is empty.  What was taken is in the scratch, *nr of it: for
 * lend_unlock_and_put().
 */
bool lend_window_drain(struct domain *d, struct lend_window *w,
                       unsigned int *nr)
{
    uint64_t lost = 0;

    /* MAP may have been let in since somebody else closed it. */
    if ( !w->closing )
        w->drained = 0;
    w->closing = true;

    *nr = lend_clear(d, w, &w->drained, w->nr - 1, false, &lost);
    if ( w->drained < w->nr )
        return false;

    ASSERT(!w->populated);

    return true;
}

/* The lender died: what remains of an empty window has no owner. */
void lend_window_orphan(struct domain *d, struct lend_window *w)
{
    struct lend_domain *ld = d->lend;

    ASSERT(arch_lend_locked(d) && !w->populated);

    w->client = NULL;
    if ( w->gfn != LEND_PARKED && w->orphan == XEN_LEND_ORPHAN_MMIO )
    {
        lend_ranges_begin(ld);
        ld->ranges[lend_range_search(ld, w->gfn)].hidden = true;
        lend_ranges_end(ld);
    }

    lend_wake_window(d, w);
}

/* Take an empty window out of all tables.  The caller frees it, unlocked. */
void lend_window_remove(struct domain *d, struct lend_window *w)
{
    struct lend_domain *ld = d->lend;

    ASSERT(arch_lend_locked(d) && !w->populated);

    lend_ranges_begin(ld);
    lend_range_remove(ld, w);
    lend_ranges_end(ld);
    ld->windows[w->id % LEND_MAX_WINDOWS] = NULL;
    ld->nr_windows--;
    ld->total -= w->nr;

    lend_wake_window(d, w);
}

/* May a window be there, for all that does not change? */
static int lend_check_place(const struct domain *d, uint64_t gfn,
                            unsigned long nr)
{
    if ( gfn == XEN_LEND_PARKED )
        return 0;

    if ( gfn + nr < gfn || gfn + nr > arch_lend_gfn_end(d) )
        return -ERANGE;

    if ( arch_lend_gfns_reserved(d, gfn, gfn + nr - 1) )
        return -EADDRNOTAVAIL;

    return 0;
}

/* The position of a continuation that is done with looking: past all groups. */
#define LEND_LOOKED ((LEND_MAX_FRAMES >> LEND_GROUP_ORDER) + 1)

/*
 * Has the guest something there?  It may put something there a moment later;
 * MAP will notice.  This is to tell about mistakes when they are made.  What is
 * lent there is in a window, and others look for those.
 *
 * The position of a continuation is 1 plus the groups that were looked at.
 */
static int lend_scan_place(struct domain *d, uint64_t gfn, unsigned long nr,
                           unsigned long *start)
{
    unsigned long pos = *start ? (*start - 1) << LEND_GROUP_ORDER : 0;

    if ( gfn == XEN_LEND_PARKED )
        return 0;

    while ( pos < nr )
    {
        bool used = false;

        arch_lend_lock(d);
        pos = arch_lend_next_used(d, gfn + pos, gfn + nr - 1, LEND_BATCH,
                                  &used) - gfn;
        arch_lend_unlock(d);

        if ( used )
            return -EEXIST;

        if ( pos < nr && hypercall_preempt_check() )
        {
            *start = (pos >> LEND_GROUP_ORDER) + 1;
            return -ERESTART;
        }
    }

    return 0;
}

/* Add a window to the tables, or say why not. */
static int lend_window_add(struct domain *d, struct lend_window *w)
{
    struct lend_domain *ld = d->lend;
    unsigned int slot = 0;

    ASSERT(arch_lend_locked(d));

    if ( ld->dead )
        return -EBUSY;

    w->client = lend_find_client(ld, current->domain);
    if ( !w->client )
        return -ENOENT;

    if ( w->gfn != LEND_PARKED && lend_range_busy(ld, NULL, w->gfn, w->nr) )
        return -EEXIST;

    if ( ld->nr_windows == LEND_MAX_WINDOWS )
        return -ENOSPC;

    if ( w->nr > LEND_MAX_FRAMES - ld->total )
        return -E2BIG;

    while ( ld->windows[slot] )
        slot++;

    /* Never zero, and repeats only after 2^26 windows. */
    do {
        w->id = ++ld->next_seq * LEND_MAX_WINDOWS + slot;
    } while ( w->id < LEND_MAX_WINDOWS );

    /*
     * Pairs with those who ask lend_in_use(): they make known what they are
     * about to do, and ask.  We do it the other way round.
     */
    ld->nr_windows++;
    smp_mb();
    if ( arch_lend_check_borrower(d) )
    {
        ld->nr_windows--;
        return -EOPNOTSUPP;
    }

    ld->windows[slot] = w;
    ld->total += w->nr;
    if ( w->gfn != LEND_PARKED )
    {
        lend_ranges_begin(ld);
        lend_range_insert(ld, w);
        lend_ranges_end(ld);
    }

    return 0;
}

int cf_check lend_do_create(struct domain *d, struct xen_lend_op *op,
                            unsigned long *start)
{
    struct xen_lend_create *c = &op->u.create;
    struct lend_window *w;
    unsigned long groups;
    int rc;

    if ( !c->nr || c->orphan > XEN_LEND_ORPHAN_CRASH )
        return -EINVAL;
    if ( c->nr > LEND_MAX_FRAMES )
        return -E2BIG;

    rc = lend_check_place(d, c->gfn, c->nr);
    if ( rc )
        return rc;

    rc = lend_scan_place(d, c->gfn, c->nr, start);
    if ( rc )
        return rc;

    groups = (c->nr + LEND_GROUP - 1) >> LEND_GROUP_ORDER;

    /*
     * Log-dirty mode and paging are enabled by domctls, which ask whether there
     * are windows before they do it.  Their lock cannot be waited for: come
     * again, all groups having been looked at.
     */
    if ( !domctl_lock_acquire() )
    {
        *start = LEND_LOOKED;
        return -ERESTART;
    }

    rc = -ENOMEM;
    w = xvzalloc_flex_struct(struct lend_window, count, groups);
    if ( w )
    {
        w->gfn = c->gfn;
        w->nr = c->nr;
        w->orphan = c->orphan;

        arch_lend_lock(d);
        rc = lend_window_add(d, w);
        if ( !rc )
            c->id = w->id;
        arch_lend_unlock(d);
    }

    domctl_lock_release();

    if ( rc )
        xvfree(w);

    return rc;
}

/* May the window be where MOVE wants it, for all but the guest's own? */
static int lend_move_place(const struct domain *d,
                           const struct xen_lend_move *m,
                           const struct lend_window *w)
{
    int rc = lend_check_place(d, m->gfn, w->nr);

    if ( !rc && m->gfn != XEN_LEND_PARKED &&
         lend_range_busy(d->lend, w, m->gfn, w->nr) )
        rc = -EEXIST;

    return rc;
}

/* The part of MOVE that changes nothing. */
static int lend_move_ask(struct domain *d, const struct xen_lend_move *m,
                         unsigned long *start)
{
    struct lend_window *w;
    unsigned long nr = 0;
    bool same = false;
    int rc;

    arch_lend_lock(d);
    rc = lend_lookup(d, m->id, &w);
    if ( !rc )
        rc = lend_move_place(d, m, w);
    if ( !rc )
    {
        nr = w->nr;
        same = w->gfn == m->gfn;
    }
    arch_lend_unlock(d);

    if ( rc || same )
        return rc;

    return lend_scan_place(d, m->gfn, nr, start);
}

/*
 * One locked step of the other part: empty the window a bit more, and if it is
 * empty, move it.  1 if there is more to do.
 */
static int lend_move_step(struct domain *d, const struct xen_lend_move *m)
{
    struct lend_domain *ld = d->lend;
    struct lend_window *w;
    unsigned int nr = 0;
    int rc;

    arch_lend_lock(d);

    rc = lend_lookup(d, m->id, &w);
    /* It could when that was asked.  Tell the lender that we have begun. */
    if ( !rc && lend_move_place(d, m, w) )
        rc = -EAGAIN;

    if ( !rc && !lend_window_drain(d, w, &nr) )
        rc = 1;
    else if ( !rc )
    {
        lend_ranges_begin(ld);
        lend_range_remove(ld, w);
        w->gfn = m->gfn;
        if ( w->gfn != LEND_PARKED )
            lend_range_insert(ld, w);
        lend_ranges_end(ld);
        w->closing = false;
        lend_wake_window(d, w);
    }

    lend_unlock_and_put(d, nr);

    return rc;
}

/* A MOVE has come to an end.  Whatever came of it, the window is usable. */
void lend_move_abort(struct domain *d, uint32_t id)
{
    struct lend_window *w;

    arch_lend_lock(d);
    if ( !lend_lookup(d, id, &w) )
        w->closing = false;
    arch_lend_unlock(d);
}

int cf_check lend_do_move(struct domain *d, struct xen_lend_op *op,
                          unsigned long *start)
{
    const struct xen_lend_move *m = &op->u.move;
    int rc;

    /* Callers of 32 bits have it above the number of the memory operation. */
    BUILD_BUG_ON(LEND_LOOKED >> (32 - MEMOP_EXTENT_SHIFT));

    if ( *start < LEND_LOOKED )
    {
        rc = lend_move_ask(d, m, start);
        if ( rc )
            return rc;
    }

    while ( (rc = lend_move_step(d, m)) == 1 )
        if ( hypercall_preempt_check() )
        {
            *start = LEND_LOOKED;
            return -ERESTART;
        }

    if ( rc )
        lend_move_abort(d, m->id);

    return rc;
}

int cf_check lend_do_destroy(struct domain *d, struct xen_lend_op *op,
                             unsigned long *start)
{
    struct lend_window *w;
    bool done = false;
    int rc;

    for ( ; ; )
    {
        unsigned int nr = 0;

        arch_lend_lock(d);
        rc = lend_lookup(d, op->u.destroy.id, &w);
        if ( !rc )
        {
            done = lend_window_drain(d, w, &nr);
            if ( done )
                lend_window_remove(d, w);
        }
        lend_unlock_and_put(d, nr);

        if ( rc )
            return rc;

        if ( done )
        {
            xvfree(w);
            return 0;
        }

        if ( hypercall_preempt_check() )
            return -ERESTART;
    }
}

int cf_check lend_do_inspect(struct domain *d, struct xen_lend_op *op,
                             unsigned long *start)
{
    struct xen_lend_inspect *inspect = &op->u.inspect;
    struct lend_window *w;
    int rc;

    if ( !IS_ENABLED(CONFIG_DEBUG) )
        return -EOPNOTSUPP;

    arch_lend_lock(d);

    rc = lend_lookup(d, inspect->id, &w);
    if ( !rc && inspect->index >= w->nr )
        rc = -ERANGE;
    if ( !rc )
    {
        inspect->mfn = ~(uint64_t)0;
        if ( w->gfn != LEND_PARKED )
            arch_lend_inspect(d, w->gfn + inspect->index, inspect);
    }

    arch_lend_unlock(d);

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
