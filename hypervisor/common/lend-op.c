/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory lending: the memory operation.
 *
 * Everything that can be said about a command without knowing what it means is
 * said here, by a table: which flags there are, whether it may be a
 * continuation, what the borrower has to be.  Fields that have to be zero are
 * checked before anything else is looked at.  A command finds a borrower that
 * the caller may lend to, and of the generation that the caller means.
 *
 * A continuation carries its position in the upper bits of the memory
 * operation's number, or, for REVOKE, in the structure.  In both cases it is
 * the lender's: a wrong one does no harm to anybody else.
 */

#include <xen/event.h>
#include <xen/guest_access.h>
#include <xen/hypercall.h>
#include <xen/init.h>
#include <xen/lend-internal.h>
#include <xen/nospec.h>
#include <xen/param.h>

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

/* A buffer that lies in the page of the structure itself, or NULL. */
static void *lend_caller_buffer(unsigned long addr, size_t size)
{
    const struct lend_caller *caller = &this_cpu(lend_scratch).caller;

    if ( !caller->map || PFN_DOWN(addr) != caller->page ||
         PFN_DOWN(addr + size - 1) != caller->page )
        return NULL;

    return caller->map + (addr & ~PAGE_MASK);
}

int lend_copy_from_lender(void *dst, uint64_t addr, size_t size)
{
    const void *src;

    if ( !lend_address_ok(addr, size) )
        return -EFAULT;

    src = lend_caller_buffer(addr, size);
    if ( src )
    {
        memcpy(dst, src, size);
        return 0;
    }

    return raw_copy_from_guest(dst, (const void *)(unsigned long)addr, size)
           ? -EFAULT : 0;
}

int lend_copy_to_lender(uint64_t addr, const void *src, size_t size)
{
    void *dst;

    if ( !lend_address_ok(addr, size) )
        return -EFAULT;

    dst = lend_caller_buffer(addr, size);
    if ( dst )
    {
        memcpy(dst, src, size);
        return 0;
    }

    return raw_copy_to_guest((void *)(unsigned long)addr, src, size)
           ? -EFAULT : 0;
}

static void lend_fill_query(struct xen_lend_op *op)
{
    op->generation = 0;
    op->u.query = (struct xen_lend_query){
        .version = XEN_LEND_VERSION,
        .features = arch_lend_features() |
                    (IS_ENABLED(CONFIG_DEBUG) ? XEN_LEND_FEAT_INSPECT : 0),
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

#define LEND_OPEN   (1u << 0)   /* needs no attachment, generation may be 0 */
#define LEND_OUT    (1u << 1)   /* writes to the structure on success */
#define LEND_DYING  (1u << 2)   /* works on a dying borrower */
#define LEND_LONG   (1u << 3)   /* may be a continuation */
#define LEND_BACK   (1u << 4)   /* takes back: who could lend may do it */

static const struct lend_command {
    int (*fn)(struct domain *d, struct xen_lend_op *op, unsigned long *start);
    uint32_t valid_flags;
    unsigned int attr;
} lend_commands[] = {
    [XEN_LEND_query]   = { lend_do_query, 0,
                           LEND_OPEN | LEND_OUT | LEND_DYING },
    [XEN_LEND_attach]  = { lend_do_attach, 0, LEND_OPEN | LEND_OUT },
    [XEN_LEND_detach]  = { lend_do_detach, 0,
                           LEND_DYING | LEND_LONG | LEND_BACK },
    [XEN_LEND_create]  = { lend_do_create, 0, LEND_OUT | LEND_LONG },
    [XEN_LEND_move]    = { lend_do_move, 0, LEND_LONG },
    [XEN_LEND_destroy] = { lend_do_destroy, 0,
                           LEND_DYING | LEND_LONG | LEND_BACK },
    [XEN_LEND_map]     = { lend_do_map, 0, LEND_OUT },
    [XEN_LEND_revoke]  = { lend_do_revoke, XEN_LEND_REVOKE_DOWNGRADE,
                           LEND_OUT | LEND_DYING | LEND_LONG | LEND_BACK },
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
    /*
     * That privilege was lost must not keep a lender from having back what it
     * lent.  It is told nothing about others: only an attachment takes back.
     */
    if ( xsm_mem_lend(XSM_DM_PRIV, d) &&
         !((c->attr & LEND_BACK) && lend_attached(d, current->domain)) )
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
 * What has begun may not go on, as the lender lost its privilege on the way.
 * That must not leave a window closed to MAP, for when the privilege is back.
 * Who is not attached does not get at the borrower's locks, as above.
 */
static void lend_give_up(struct domain *d, const struct xen_lend_op *op)
{
    if ( op->cmd == XEN_LEND_move && op->generation == d->unique_id &&
         lend_attached(d, current->domain) )
        lend_move_abort(d, op->u.move.id);
}

/* There is one command about nobody but the caller. */
static int lend_query_self(struct xen_lend_op *op, uint64_t arg)
{
    if ( op->cmd != XEN_LEND_query )
        return -EPERM;

    lend_fill_query(op);

    return lend_copy_to_lender(arg, op, sizeof(*op));
}

/* Do what the structure at arg says.  -ERESTART: go on, from *start. */
static int lend_execute(uint64_t arg, unsigned long *start)
{
    const struct lend_command *c;
    struct xen_lend_op op;
    struct domain *d;
    int rc;

    if ( lend_copy_from_lender(&op, arg, sizeof(op)) )
        return -EFAULT;

    if ( op.cmd >= ARRAY_SIZE(lend_commands) )
        return -EOPNOTSUPP;
    op.cmd = array_index_nospec(op.cmd, ARRAY_SIZE(lend_commands));
    c = &lend_commands[op.cmd];

    if ( (op.flags & ~c->valid_flags) || !lend_op_clean(&op) ||
         (*start && !(c->attr & LEND_LONG)) )
        return -EINVAL;

    if ( op.domid == DOMID_SELF || op.domid == current->domain->domain_id )
        return lend_query_self(&op, arg);

    d = rcu_lock_domain_by_id(op.domid);
    if ( !d )
        return -ESRCH;

    rc = lend_check_domain(d, &op, c);
    if ( rc == -EPERM && *start )
        lend_give_up(d, &op);
    if ( rc )
        goto out;

    /* Find out whether it is writable before anything is done. */
    rc = -EFAULT;
    if ( (c->attr & LEND_OUT) && lend_copy_to_lender(arg, &op, sizeof(op)) )
        goto out;

    rc = c->fn(d, &op, start);

    /* REVOKE keeps its progress in the structure, MAP tells it on errors. */
    if ( (c->attr & LEND_OUT) &&
         (!rc || rc == -ERESTART || op.cmd == XEN_LEND_map) &&
         lend_copy_to_lender(arg, &op, sizeof(op)) )
        rc = -EFAULT;

 out:
    rcu_unlock_domain(d);

    return rc;
}

/* XENMEM_lend_op: cmd carries the position of a continuation. */
long lend_op(unsigned long cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    struct lend_caller *caller = &this_cpu(lend_scratch).caller;
    unsigned long addr = (unsigned long)arg.p;
    unsigned long start = cmd >> MEMOP_EXTENT_SHIFT;
    int rc;

    if ( !opt_lend || !arch_lend_supported() )
        return -EOPNOTSUPP;

    arch_lend_map_caller(caller, addr, sizeof(struct xen_lend_op));
    rc = lend_execute(addr, &start);
    arch_lend_unmap_caller(caller);

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
