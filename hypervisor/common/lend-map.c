/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: putting frames into windows, and taking them back.
 *
 * MAP works in two steps.  First it takes its references on the lender's
 * frames; that may look into the lender's own p2m and must not be done with
 * the borrower's locked.  Then, under the lend lock, it makes the entries.
 * MAP never becomes a continuation: the lender holds a lock of its own across
 * it, which keeps its REVOKE of the same frames out.
 *
 * Taking back, by whatever operation, is one sequence:
 *
 *   lend lock; clear entries, and note what they held; unlock and flush;
 *   drop references.
 *
 * The lock is released before the flush.  Another CPU can then find the
 * entries gone while translations of them are still in use, and while a page
 * that a PV lender wants for a page table next still counts as writable.  It
 * must not report them as revoked, so it waits until everybody is done who was
 * at it when it looked:
 *
 *   CPU0                             CPU1
 *   lock
 *     clear A
 *     taking++
 *   unlock
 *                                    lock
 *                                      A is gone already
 *                                      taking != 0
 *                                    unlock
 *   flush
 *   drop references                  wait ...
 *   taking--
 *                                    return: A is out of reach, and its
 *                                    lender's alone
 *
 * It does not wait for those who come later, or it might do so for ever: see
 * lend_settle().
 *
 * A large entry that is to be taken in part may have to be taken whole; see the
 * architecture's part.  Whatever was taken is in the books, and in what REVOKE
 * reports, and is flushed and dropped like the rest.
 *
 * What is noted lives in per-CPU memory: nothing here may sleep or be
 * preempted, which Xen does not do behind our back, and nothing can fail for
 * want of memory.
 */

#include <xen/event.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/lend-internal.h>
#include <xen/nospec.h>

DEFINE_PER_CPU(struct lend_scratch, lend_scratch);

/* The cost of looking at an entry, in passed-over empty groups. */
#define LEND_LOOK_COST  32
/* ... and of one that stands for the references of LEND_SUPER frames. */
#define LEND_SUPER_COST (LEND_BATCH * LEND_LOOK_COST / 4)

/* Note that so many frames came or went. */
static void lend_count(struct lend_window *w, unsigned long index,
                       unsigned int nr, bool more)
{
    while ( nr )
    {
        unsigned int n = min(nr + 0UL, LEND_GROUP - (index & (LEND_GROUP - 1)));
        uint16_t *count = &w->count[index >> LEND_GROUP_ORDER];

        if ( more )
        {
            *count += n;
            w->populated += n;
        }
        else
        {
            ASSERT(*count >= n && w->populated >= n);
            *count -= n;
            w->populated -= n;
        }
        index += n;
        nr -= n;
    }
}

/*
 * Books on what was taken from a window, where first to last was to be taken.
 * Returns the next index to look at.
 */
static unsigned long lend_note_cleared(struct domain *d, struct lend_window *w,
                                       const struct lend_cleared *c,
                                       unsigned long first,
                                       unsigned long last)
{
    struct lend_domain *ld = d->lend;
    unsigned long index = c->gfn - w->gfn;

    ASSERT(c->gfn >= w->gfn && index < w->nr && c->nr <= w->nr - index);

    if ( c->gone )
    {
        lend_count(w, index, c->nr, false);
        ld->stats.revoked += c->nr;
    }
    else
        ld->stats.downgraded += c->nr;

    if ( index < first || index + c->nr - 1 > last )
        ld->stats.unsplit++;

    return index + c->nr;
}

/*
 * Take what the window holds from *index to last, inclusive, or just the
 * permission to write, into the scratch.  Stops after a batch, so that the
 * lock is not held for long, and advances *index.  Returns how much there is
 * in the scratch, and adds to *lost how many frames that concerns.
 */
unsigned int lend_clear(struct domain *d, struct lend_window *w,
                        unsigned long *index, unsigned long last,
                        bool downgrade, uint64_t *lost)
{
    lend_frame_t *frames = this_cpu(lend_scratch).frame;
    unsigned int nr = 0, credit = LEND_BATCH * LEND_LOOK_COST;
    unsigned long i = *index;

    ASSERT(arch_lend_locked(d) && last < w->nr);

    while ( i <= last && credit >= LEND_LOOK_COST )
    {
        struct lend_cleared c;

        if ( !w->populated )
        {
            i = last + 1;
            break;
        }

        if ( !w->count[i >> LEND_GROUP_ORDER] )
        {
            i = (i | (LEND_GROUP - 1)) + 1;
            credit--;
            continue;
        }

        credit -= LEND_LOOK_COST;
        if ( !arch_lend_clear_entry(d, w->gfn + i, w->gfn + last, downgrade,
                                    &c) )
        {
            i++;
            continue;
        }

        frames[nr++] = c.frame;
        *lost += c.nr;
        i = lend_note_cleared(d, w, &c, i, last);
        if ( (c.frame.raw & LEND_FRAME_SUPER) &&
             (c.frame.raw & (LEND_FRAME_REF | LEND_FRAME_TYPE)) )
            credit -= min(credit, LEND_SUPER_COST + 0U);
    }

    *index = i;

    return nr;
}

/* Drop the references on what was cleared: not before it is out of reach. */
static void lend_put_flushed(struct domain *d, unsigned int nr)
{
    const lend_frame_t *frames = this_cpu(lend_scratch).frame;
    unsigned int i;

    arch_lend_assert_flushed(d);

    for ( i = 0; i < nr; ++i )
        arch_lend_put_frame(frames[i]);
}

/*
 * Wait until everybody who was taking something back when this was called has
 * dropped what it took.  Whom we wait for waits for nobody but CPUs that flush.
 *
 * They are in two groups, of which one is not joined any more.  Wait for that
 * one to be empty, make the other one such a group, and wait for it too.  That
 * somebody else changed the groups over means that the one which is waited for
 * was empty.
 */
static void lend_settle(struct domain *d)
{
    struct lend_domain *ld = d->lend;
    unsigned int round, settles, old;

    for ( round = 0; round < 2; ++round )
    {
        arch_lend_lock(d);
        old = !(ld->settles & 1);
        if ( !atomic_read(&ld->taking[old]) )
        {
            ld->settles++;
            old = !old;
        }
        settles = ld->settles;
        arch_lend_unlock(d);

        while ( atomic_read(&ld->taking[old]) &&
                ACCESS_ONCE(ld->settles) == settles )
            cpu_relax();
    }
}

/*
 * Release the lend lock, see to it that everything that was cleared, by us or
 * by others, is out of reach of every vCPU, and drop our references.
 */
void lend_unlock_and_put(struct domain *d, unsigned int nr)
{
    struct lend_domain *ld = d->lend;
    bool others = atomic_read(&ld->taking[0]) || atomic_read(&ld->taking[1]);

    ASSERT(arch_lend_locked(d));

    if ( nr )
    {
        atomic_t *taking = &ld->taking[ld->settles & 1];

        arch_lend_mark_cleared(d);
        atomic_inc(taking);
        arch_lend_unlock(d);
        lend_put_flushed(d, nr);
        smp_mb();
        atomic_dec(taking);
    }
    else
        arch_lend_unlock(d);

    if ( others )
        lend_settle(d);
}

int cf_check lend_do_revoke(struct domain *d, struct xen_lend_op *op,
                            unsigned long *start)
{
    struct xen_lend_revoke *r = &op->u.revoke;
    bool downgrade = op->flags & XEN_LEND_REVOKE_DOWNGRADE;

    if ( !r->nr || (r->cleared && !*start) )
        return -EINVAL;

    for ( ; ; )
    {
        struct lend_window *w;
        unsigned long index = r->index, last = index + r->nr - 1;
        unsigned int nr = 0;
        int rc;

        arch_lend_lock(d);

        /* Also of a borrower that is on its way out: it is not yet. */
        rc = lend_lookup_any(d, r->id, &w);
        if ( !rc && (r->index >= w->nr || r->nr > w->nr - r->index) )
            rc = -ERANGE;
        if ( !rc )
        {
            index = array_index_nospec(index, w->nr);
            nr = lend_clear(d, w, &index, last, downgrade, &r->cleared);
        }

        lend_unlock_and_put(d, nr);

        if ( rc )
            return rc;

        if ( index > last )
            return 0;

        r->index = index;
        r->nr = last - index + 1;

        if ( hypercall_preempt_check() )
        {
            *start = 1;
            return -ERESTART;
        }
    }
}

/* Fetch the extents of a MAP into the scratch.  They are read only once. */
static int lend_copy_extents(const struct xen_lend_map *m)
{
    struct xen_lend_extent *extents = this_cpu(lend_scratch).extent;
    unsigned int i, frames = 0;
    int rc;

    if ( !m->nr || m->nr > LEND_MAX_EXTENTS )
        return -EINVAL;

    rc = lend_copy_from_lender(extents, m->extents, m->nr * sizeof(*extents));
    if ( rc )
        return rc;

    for ( i = 0; i < m->nr; ++i )
    {
        const struct xen_lend_extent *e = &extents[i];

        if ( !e->nr || e->nr > LEND_BATCH - frames ||
             (e->attr & ~(XEN_LEND_ATTR_WRITE | XEN_LEND_ATTR_NC |
                          XEN_LEND_ATTR_REPLACE)) )
            return -EINVAL;

        frames += e->nr;
    }

    return 0;
}

/*
 * Take references on the frames of all extents, in order, until one fails or
 * somebody waits for this CPU.
 */
static unsigned int lend_take(struct domain *d, unsigned int nr_extents,
                              int *rc)
{
    struct lend_scratch *scratch = &this_cpu(lend_scratch);
    unsigned int i, taken = 0;

    for ( *rc = i = 0; i < nr_extents && !*rc; ++i )
    {
        const struct xen_lend_extent *e = &scratch->extent[i];

        if ( taken && hypercall_preempt_check() )
            break;

        taken += arch_lend_take_frames(d, e->frame, e->nr, e->attr,
                                       &scratch->frame[taken], rc);
    }

    return taken;
}

/*
 * A frame was put in: if there was another one, the scratch says so now.
 * Returns whether there was.
 */
static bool lend_installed(struct lend_window *w, unsigned long index,
                           lend_frame_t old)
{
    if ( old.raw & LEND_FRAME_OLD )
        return true;

    lend_count(w, index, 1, true);

    return false;
}

/* Put all frames in with one large entry, if they are such. */
static bool lend_install_super(struct domain *d, struct lend_window *w,
                               unsigned int taken, bool *replaced)
{
    struct lend_scratch *scratch = &this_cpu(lend_scratch);
    const struct xen_lend_extent *e = scratch->extent;
    unsigned long index;
    unsigned int i;

    BUILD_BUG_ON(LEND_SUPER != LEND_BATCH);

    if ( e->nr != LEND_SUPER || taken != LEND_SUPER || e->index >= w->nr ||
         e->nr > w->nr - e->index )
        return false;

    index = array_index_nospec(e->index, w->nr);
    if ( !arch_lend_set_super(d, w->gfn + index, scratch->frame, e->attr) )
        return false;

    for ( i = 0; i < LEND_SUPER; ++i )
        if ( lend_installed(w, index + i, scratch->frame[i]) )
            *replaced = true;

    d->lend->stats.supers++;

    return true;
}

/*
 * Make entries for the frames that were taken.  Returns how many; *replaced
 * tells whether others were in their places, which are in the scratch then.
 */
static unsigned int lend_install(struct domain *d, struct lend_window *w,
                                 unsigned int taken, bool *replaced, int *rc)
{
    struct lend_scratch *scratch = &this_cpu(lend_scratch);
    const struct xen_lend_extent *e = scratch->extent;
    unsigned long index = 0;
    unsigned int i, k = 0;

    if ( lend_install_super(d, w, taken, replaced) )
        return taken;

    for ( i = 0; i < taken; ++i, ++k )
    {
        int err;

        if ( k == e->nr )
        {
            e++;
            k = 0;
        }

        if ( e->index >= w->nr || k >= w->nr - e->index )
            err = -ENXIO;
        else
        {
            index = array_index_nospec(e->index + k, w->nr);
            err = arch_lend_set_entry(d, w->gfn + index, &scratch->frame[i],
                                      e->attr);
        }
        if ( err )
        {
            *rc = err;
            break;
        }

        if ( lend_installed(w, index, scratch->frame[i]) )
            *replaced = true;
    }

    return i;
}

int cf_check lend_do_map(struct domain *d, struct xen_lend_op *op,
                         unsigned long *start)
{
    struct xen_lend_map *m = &op->u.map;
    const struct lend_scratch *scratch = &this_cpu(lend_scratch);
    struct domain *lender = current->domain;
    struct lend_window *w;
    unsigned int taken, done = 0;
    bool replaced = false;
    int rc, err;

    rc = lend_copy_extents(m);
    if ( rc )
        return rc;

    /* Permission for MMIO is not withdrawn between the check and the use. */
    read_lock(&lender->caps_lock);

    taken = lend_take(d, m->nr, &rc);

    arch_lend_lock(d);

    err = lend_lookup(d, m->id, &w);
    if ( !err && w->closing )
        err = -EAGAIN;
    if ( !err && w->gfn == LEND_PARKED )
        err = -ENXIO;

    if ( err )
        rc = err;
    else
    {
        done = lend_install(d, w, taken, &replaced, &rc);
        m->woken = lend_wake(d, w, scratch->extent, done);
        d->lend->stats.mapped += done;
    }
    m->done = done;

    if ( replaced )
        lend_unlock_and_put(d, done);
    else
        arch_lend_unlock(d);
    read_unlock(&lender->caps_lock);

    /* Nobody saw these. */
    for ( ; done < taken; ++done )
        arch_lend_put_frame(scratch->frame[done]);

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
