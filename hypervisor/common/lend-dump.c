/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: what the debug key prints.
 *
 * A line for each borrower and for each of its windows, up to a limit, as a
 * host may have thousands of them.  Nothing is printed with a lock held: what
 * is printed was true a moment before.
 */

#include <xen/init.h>
#include <xen/keyhandler.h>
#include <xen/lend-internal.h>
#include <xen/softirq.h>

#define LEND_DUMP_LINES 256

/* The window in a slot, as far as it can be copied. */
static bool lend_peek(struct domain *d, unsigned int slot,
                      struct lend_window *copy, int *lender)
{
    const struct lend_window *w;

    arch_lend_lock(d);
    w = d->lend->windows[slot];
    if ( w )
    {
        *copy = *w;
        *lender = w->client ? w->client->lender->domain_id : DOMID_INVALID;
    }
    arch_lend_unlock(d);

    return w;
}

static unsigned int lend_dump_domain(struct domain *d, unsigned int lines)
{
    struct lend_stats stats;
    struct lend_window w;
    unsigned int slot;
    struct vcpu *v;
    int lender, waiting = 0;

    arch_lend_lock(d);
    stats = d->lend->stats;
    arch_lend_unlock(d);

    for_each_vcpu ( d, v )
        waiting += test_bit(_VPF_lend, &v->pause_flags);

    printk("%pd: mapped %lu, revoked %lu, downgraded %lu, large entries made %lu, taken for a part %lu, faults %lu, vCPUs waiting %d\n",
           d, stats.mapped, stats.revoked, stats.downgraded, stats.supers,
           stats.unsplit, ACCESS_ONCE(d->lend->nr_faults), waiting);

    for ( slot = 0; --lines && slot < LEND_MAX_WINDOWS; ++slot )
        if ( lend_peek(d, slot, &w, &lender) )
        {
            process_pending_softirqs();
            printk("    window %#x of d%d: gfn %#lx, %lu of %lu frames\n",
                   w.id, lender, w.gfn, w.populated, w.nr);
        }
        else
            lines++;

    return lines;
}

static void cf_check lend_dump(unsigned char key)
{
    unsigned int lines = LEND_DUMP_LINES;
    struct domain *d;

    arch_lend_dump();

    rcu_read_lock(&domlist_read_lock);

    for_each_domain ( d )
        if ( lines && ACCESS_ONCE(d->lend) )
        {
            process_pending_softirqs();
            lines = lend_dump_domain(d, lines);
        }

    rcu_read_unlock(&domlist_read_lock);

    if ( !lines )
        printk("... and more\n");
}

static int __init cf_check lend_dump_init(void)
{
    register_keyhandler('k', lend_dump, "dump lent memory", 1);

    return 0;
}
__initcall(lend_dump_init);

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
