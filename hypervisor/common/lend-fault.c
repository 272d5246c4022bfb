/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: faults.
 *
 * A vCPU that touches what is absent, or writes to what is read-only, is
 * blocked by a pause flag, _VPF_lend.  It carries no half-done state: let run,
 * it executes the instruction again, and finds what it finds.  So it does no
 * harm to let one run too often, and there is no count to unbalance.
 *
 * There is one record per vCPU, made when lending to the domain began.  A
 * record is delivered once, by POLL; the lender's event channel is raised when
 * the first undelivered one appears.  It stays until the vCPU is let run, by
 * MAP, RESOLVE, or because the window went away.
 *
 * INJECT and MMIO are answers for the vCPU to act on.  Nobody else can: whether
 * an exception may be injected depends on what it was doing, and a device
 * access has to go through the emulator in its own context.  They are therefore
 * left with the vCPU, which comes back to the same place with the same
 * instruction.  If it does not, because an interrupt came first, or the guest
 * was reset, the next fault at another instruction forgets them, or time does,
 * and the lender is asked again.  An instruction may need several of them, of
 * either kind, to come to its end: about each place the newest one is kept.
 *
 * All of this is protected by the fault lock, which nests inside the lend
 * lock.  Faults are recorded with both held; see common/lend.c.
 */

#include <xen/bitmap.h>
#include <xen/event.h>
#include <xen/lend-internal.h>
#include <xen/nospec.h>
#include <xen/softirq.h>

/* Let a vCPU run that waits.  With the fault lock held. */
static void lend_release(struct vcpu *v, struct lend_fault *f)
{
    ASSERT(f->client);

    if ( test_and_clear_bit(v->vcpu_id, f->client->undelivered) )
        f->client->nr_undelivered--;
    f->client = NULL;

    if ( test_and_clear_bit(_VPF_lend, &v->pause_flags) )
        vcpu_wake(v);
}

static void lend_mark_undelivered(struct lend_client *client, unsigned int vcpu)
{
    if ( !test_and_set_bit(vcpu, client->undelivered) )
        client->nr_undelivered++;
}

static bool lend_place_equal(const struct lend_place *a,
                             const struct lend_place *b)
{
    return a->window == b->window && a->index == b->index;
}

static void lend_forget_answers(struct lend_fault *f)
{
    unsigned int i;

    for ( i = 0; i < LEND_ANSWERS; ++i )
        f->answer[i].kind = LEND_ANSWER_NONE;
}

static bool lend_answered_inject(const struct lend_fault *f,
                                 const struct lend_place *place)
{
    unsigned int i;

    for ( i = 0; i < LEND_ANSWERS; ++i )
        if ( f->answer[i].kind == LEND_ANSWER_INJECT &&
             lend_place_equal(&f->answer[i].place, place) )
            return true;

    return false;
}

static void lend_record(struct lend_domain *ld, struct lend_fault *f,
                        struct lend_client *client,
                        const struct lend_place *place, unsigned int access)
{
    struct vcpu *curr = current;

    f->client = client;
    f->place = *place;
    f->access = access;
    if ( !++ld->next_token )
        ld->next_token = 1;
    f->token = ld->next_token;
    ld->nr_faults++;

    set_bit(_VPF_lend, &curr->pause_flags);
    raise_softirq(SCHEDULE_SOFTIRQ);

    lend_mark_undelivered(client, curr->vcpu_id);
    if ( client->nr_undelivered == 1 )
        notify_via_xen_event_channel(curr->domain, client->port);
}

/*
 * The current vCPU cannot go on with its access to a frame of a window.  Called
 * with the lend lock held since the look-up that said so.
 */
enum lend_outcome lend_fault(unsigned long gfn, unsigned int access)
{
    const struct vcpu *curr = current;
    struct lend_domain *ld = curr->domain->lend;
    struct lend_fault *f = &ld->fault[curr->vcpu_id];
    const struct lend_window *w = lend_window_at(ld, gfn);
    struct lend_place place = { w, w ? gfn - w->gfn : 0 };
    enum lend_outcome outcome = LEND_BLOCKED;

    ASSERT(arch_lend_locked(curr->domain));

    /* Not if the caller looked: try again. */
    if ( !w )
        return LEND_BLOCKED;

    spin_lock(&ld->fault_lock);

    f->ip = arch_lend_ip();
    if ( f->answers_ip != f->ip || NOW() > f->answers_until )
        lend_forget_answers(f);

    if ( lend_answered_inject(f, &place) )
    {
        /* The instruction ends here. */
        lend_forget_answers(f);
        outcome = LEND_INJECT;
    }
    else if ( !w->client )
        outcome = w->orphan == XEN_LEND_ORPHAN_CRASH ? LEND_CRASH
                                                     : LEND_INJECT;
    /* One instruction may get here twice before it gives up. */
    else if ( !f->client )
        lend_record(ld, f, w->client, &place, access);

    spin_unlock(&ld->fault_lock);

    return outcome;
}

/* Is the place among the first so many frames of the extents? */
static bool lend_place_in(const struct lend_place *place,
                          const struct lend_window *w,
                          const struct xen_lend_extent *extent,
                          unsigned long frames)
{
    if ( place->window != w )
        return false;

    for ( ; frames; frames -= min(frames, extent->nr + 0UL), ++extent )
        if ( place->index >= extent->index &&
             place->index - extent->index < min(frames, extent->nr + 0UL) )
            return true;

    return false;
}

/*
 * Let every vCPU run that waits for one of these frames, and forget answers
 * about them.  Returns how many vCPUs that were.  With the lend lock held.
 */
unsigned int lend_wake(struct domain *d, const struct lend_window *w,
                       const struct xen_lend_extent *extent,
                       unsigned long frames)
{
    struct lend_domain *ld = d->lend;
    unsigned int i, woken = 0;
    struct vcpu *v;

    ASSERT(arch_lend_locked(d));

    spin_lock(&ld->fault_lock);

    for_each_vcpu ( d, v )
    {
        struct lend_fault *f = &ld->fault[v->vcpu_id];

        for ( i = 0; i < LEND_ANSWERS; ++i )
            if ( f->answer[i].kind != LEND_ANSWER_NONE &&
                 lend_place_in(&f->answer[i].place, w, extent, frames) )
                f->answer[i].kind = LEND_ANSWER_NONE;

        if ( f->client && lend_place_in(&f->place, w, extent, frames) )
        {
            lend_release(v, f);
            woken++;
        }
    }

    spin_unlock(&ld->fault_lock);

    return woken;
}

void lend_wake_window(struct domain *d, const struct lend_window *w)
{
    const struct xen_lend_extent all = { .index = 0, .nr = w->nr };

    BUILD_BUG_ON(LEND_MAX_FRAMES > UINT32_MAX);

    lend_wake(d, w, &all, w->nr);
}

/* The vCPU starts afresh: what it was about to do is void. */
void lend_vcpu_reset(struct vcpu *v)
{
    struct lend_domain *ld = v->domain->lend;
    struct lend_fault *f;

    if ( !ld )
        return;

    spin_lock(&ld->fault_lock);

    f = &ld->fault[v->vcpu_id];
    lend_forget_answers(f);
    if ( f->client )
        lend_release(v, f);

    spin_unlock(&ld->fault_lock);
}

/*
 * The current vCPU is done with an instruction, or with a part of a repeated
 * one: "that one access" to a device is over.
 */
void lend_emul_done(void)
{
    struct lend_domain *ld = current->domain->lend;
    struct lend_fault *f;
    unsigned int i;

    if ( likely(!ld) )
        return;

    f = &ld->fault[current->vcpu_id];

    for ( i = 0; i < LEND_ANSWERS; ++i )
    {
        if ( likely(ACCESS_ONCE(f->answer[i].kind) != LEND_ANSWER_MMIO) )
            continue;

        spin_lock(&ld->fault_lock);
        if ( f->answer[i].kind == LEND_ANSWER_MMIO )
            f->answer[i].kind = LEND_ANSWER_NONE;
        spin_unlock(&ld->fault_lock);
    }
}

/* Records that are copied out at a time, with the lock released. */
#define LEND_POLL_BATCH 16

/* Collect undelivered records.  They count as delivered from here on. */
static unsigned int lend_collect(struct domain *d, struct lend_client *client,
                                 struct xen_lend_fault *out, unsigned int max)
{
    const struct lend_domain *ld = d->lend;
    unsigned int nr = 0;

    while ( nr < max && client->nr_undelivered )
    {
        /* Round robin: no vCPU is starved by one that faults all the time. */
        unsigned int i = find_next_bit(client->undelivered, d->max_vcpus,
                                       client->next_vcpu);
        const struct lend_fault *f;

        if ( i >= d->max_vcpus )
            i = find_first_bit(client->undelivered, d->max_vcpus);
        if ( i >= d->max_vcpus )
        {
            ASSERT_UNREACHABLE();
            break;
        }

        f = &ld->fault[i];
        out[nr++] = (struct xen_lend_fault){
            .index = f->place.index,
            .window = f->place.window->id,
            .vcpu = i,
            .token = f->token,
            .access = f->access,
        };

        clear_bit(i, client->undelivered);
        client->nr_undelivered--;
        client->next_vcpu = i + 1;
    }

    return nr;
}

/* These could not be written out: whoever still waits is not delivered. */
static void lend_uncollect(struct domain *d, struct lend_client *client,
                           const struct xen_lend_fault *in, unsigned int nr)
{
    struct lend_domain *ld = d->lend;

    while ( nr-- )
    {
        const struct lend_fault *f = &ld->fault[in[nr].vcpu];

        if ( f->client == client && f->token == in[nr].token )
            lend_mark_undelivered(client, in[nr].vcpu);
    }
}

int cf_check lend_do_poll(struct domain *d, struct xen_lend_op *op,
                          unsigned long *start)
{
    struct xen_lend_fault batch[LEND_POLL_BATCH];
    struct xen_lend_poll *p = &op->u.poll;
    struct lend_domain *ld = d->lend;
    struct lend_client *client;
    unsigned int i, nr, max = min(p->max, d->max_vcpus);
    int rc = 0;

    if ( !max )
        return -EINVAL;

    /*
     * The lender is told once that the borrower dies, by an event that makes it
     * poll, and may still be attached when it does.  What it polled before is
     * followed by that event.
     */
    if ( ACCESS_ONCE(ld->dead) )
        return -ESRCH;

    spin_lock(&ld->fault_lock);

    client = lend_find_client(ld, current->domain);
    if ( client && (op->flags & XEN_LEND_POLL_ALL) )
        for ( i = 0; i < d->max_vcpus; ++i )
            if ( ld->fault[i].client == client )
                lend_mark_undelivered(client, i);

    while ( client && !rc )
    {
        nr = lend_collect(d, client, batch,
                          min(max - p->nr, LEND_POLL_BATCH + 0U));
        p->more = client->nr_undelivered;
        if ( !nr )
            break;

        spin_unlock(&ld->fault_lock);
        rc = lend_copy_to_lender(p->faults + p->nr * sizeof(*batch), batch,
                                 nr * sizeof(*batch));
        spin_lock(&ld->fault_lock);

        /* Another vCPU of the lender may have detached it. */
        client = lend_find_client(ld, current->domain);
        if ( !rc )
            p->nr += nr;
        else if ( client )
            lend_uncollect(d, client, batch, nr);
    }

    spin_unlock(&ld->fault_lock);

    if ( !client )
        return ld->dead ? -ESRCH : -ENOENT;

    /* What was written was delivered, and has to be reported. */
    if ( rc && p->nr )
    {
        p->more = 1;
        rc = 0;
    }

    return rc;
}

/* Where to put an answer: the newest one about a place takes the older's. */
static struct lend_answer *lend_answer_slot(struct lend_fault *f)
{
    struct lend_answer *slot = NULL;
    unsigned int i;

    for ( i = 0; i < LEND_ANSWERS; ++i )
    {
        if ( f->answer[i].kind == LEND_ANSWER_NONE )
            slot = slot ?: &f->answer[i];
        else if ( lend_place_equal(&f->answer[i].place, &f->place) )
            return &f->answer[i];
    }

    return slot ?: &f->answer[f->next_answer++ % LEND_ANSWERS];
}

/* Leave an answer with the vCPU, beside others for the same instruction. */
static void lend_leave_answer(struct lend_fault *f, enum lend_answer_kind kind)
{
    struct lend_answer *answer;

    if ( f->answers_ip != f->ip )
        lend_forget_answers(f);
    f->answers_ip = f->ip;
    f->answers_until = NOW() + LEND_ANSWER_LIFE;

    answer = lend_answer_slot(f);
    answer->kind = LEND_ANSWER_NONE;
    smp_wmb();
    answer->place = f->place;
    smp_wmb();
    answer->kind = kind;
}

/* Does the vCPU wait for the current domain, with the fault that was named? */
static int lend_check_fault(const struct domain *d, const struct lend_fault *f,
                            uint32_t token)
{
    const struct lend_client *client = lend_find_client(d->lend,
                                                        current->domain);

    if ( !client )
        return d->lend->dead ? -ESRCH : -ENOENT;

    return f->client == client && f->token == token ? 0 : -ESTALE;
}

int cf_check lend_do_resolve(struct domain *d, struct xen_lend_op *op,
                             unsigned long *start)
{
    const struct xen_lend_resolve *r = &op->u.resolve;
    struct lend_domain *ld = d->lend;
    struct vcpu *v = domain_vcpu(d, r->vcpu);
    struct lend_fault *f;
    int rc;

    if ( r->action > XEN_LEND_RESOLVE_CRASH || !v )
        return -EINVAL;

    f = &ld->fault[v->vcpu_id];

    spin_lock(&ld->fault_lock);

    rc = lend_check_fault(d, f, r->token);
    if ( !rc && r->action == XEN_LEND_RESOLVE_CRASH )
    {
        /* First: let run, the vCPU would come back with another fault. */
        spin_unlock(&ld->fault_lock);
        domain_crash(d, "%pd: no memory behind a lent frame\n", d);
        spin_lock(&ld->fault_lock);
        if ( lend_check_fault(d, f, r->token) )
            goto out;
    }

    if ( !rc )
    {
        if ( r->action == XEN_LEND_RESOLVE_INJECT )
            lend_leave_answer(f, LEND_ANSWER_INJECT);
        else if ( r->action == XEN_LEND_RESOLVE_MMIO )
            lend_leave_answer(f, LEND_ANSWER_MMIO);
        lend_release(v, f);
    }

 out:
    spin_unlock(&ld->fault_lock);

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
