// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a domain fd may be used for: rights, where they may be used, how much.
 *
 * All of it is given when the fd is made and never changes.  A fd that was
 * derived has no more than the one that it came from:
 *
 * - rights and ranges are compared once, when it is made.  Adjoining ranges
 *   are made one first, so that each lies in one of the other's or in none.
 * - what it uses is charged to it and to all above it, at once or not at all.
 *   Above it there are a few at most (GPUMEM_DEPTH in file.c), whose memory it
 *   keeps, though not their function: they may be closed.
 *
 * Locks: gpumem_ctx.usage_lock, a leaf, for all that is charged.
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>

#include "internal.h"

#define GPUMEM_RIGHTS_EXPORT	(XEN_GPUMEM_RIGHT_EXPORT_GRANTS |	\
				 XEN_GPUMEM_RIGHT_EXPORT_FRAMES)
/* Those that ranges can be given for. */
#define GPUMEM_RIGHTS_RANGED	(XEN_GPUMEM_RIGHT_LEND | GPUMEM_RIGHTS_EXPORT)
#define GPUMEM_RIGHTS_ALL	(GPUMEM_RIGHTS_RANGED |			\
				 XEN_GPUMEM_RIGHT_REMOVE |		\
				 XEN_GPUMEM_RIGHT_GRANT)

/**
 * gpumem_rights_check - are these rights that a fd can have?
 * @rights: XEN_GPUMEM_RIGHT_*
 *
 * Return: 0; -EINVAL none, or one that is none; -EOPNOTSUPP one that no guest
 * here has a use for
 */
int gpumem_rights_check(u32 rights)
{
	if (!rights || (rights & ~GPUMEM_RIGHTS_ALL))
		return -EINVAL;
	if ((rights & (GPUMEM_RIGHTS_EXPORT | XEN_GPUMEM_RIGHT_GRANT)) &&
	    !gpumem_exports_ok())
		return -EOPNOTSUPP;
	return 0;
}

/* --- ranges ---------------------------------------------------------------- */

static int gpumem_range_check(const struct xen_gpumem_range *range, u32 rights)
{
	if (range->__reserved || !is_power_of_2(range->right) ||
	    !(range->right & GPUMEM_RIGHTS_RANGED & rights))
		return -EINVAL;
	/* No end at the very end of the numbers: it would count as zero. */
	if (range->right != XEN_GPUMEM_RIGHT_EXPORT_GRANTS)
		return gpumem_range_valid(range->first, range->length) &&
		       range->first + range->length ? 0 : -EINVAL;
	/* References are numbers of 32 bits. */
	if (!range->length || range->first > U32_MAX ||
	    range->length > U32_MAX - range->first + 1)
		return -EINVAL;
	return 0;
}

static int gpumem_range_compare(const void *a, const void *b)
{
	const struct xen_gpumem_range *l = a, *r = b;

	if (l->right != r->right)
		return l->right < r->right ? -1 : 1;
	return l->first < r->first ? -1 : l->first > r->first;
}

/* Sort, and make one what adjoins or overlaps.  Return: how many are left. */
static unsigned int gpumem_ranges_merge(struct xen_gpumem_range *ranges,
					unsigned int nr)
{
	unsigned int i, last = 0;
	u64 end;

	if (!nr)
		return 0;
	sort(ranges, nr, sizeof(*ranges), gpumem_range_compare, NULL);
	for (i = 1; i < nr; i++) {
		/* Neither wraps: both were checked. */
		end = ranges[last].first + ranges[last].length;
		if (ranges[i].right != ranges[last].right ||
		    ranges[i].first > end) {
			ranges[++last] = ranges[i];
			continue;
		}
		end = max(end, ranges[i].first + ranges[i].length);
		ranges[last].length = end - ranges[last].first;
	}
	return last + 1;
}

/**
 * gpumem_ranges_fetch - give a new fd the ranges that its maker chose
 * @file: the fd, with its rights
 * @address: of an array of them
 * @nr: how many
 *
 * Return: 0, -EINVAL, -EFAULT, -ENOMEM
 */
int gpumem_ranges_fetch(struct gpumem_file *file, u64 address, unsigned int nr)
{
	unsigned int i;
	int ret;

	if (nr > XEN_GPUMEM_MAX_RANGES || (address && !nr))
		return -EINVAL;
	if (!nr)
		return 0;
	/* Room for those that may be inherited, too. */
	file->ranges = kcalloc(2 * XEN_GPUMEM_MAX_RANGES,
			       sizeof(*file->ranges), GFP_KERNEL_ACCOUNT);
	if (!file->ranges)
		return -ENOMEM;
	if (copy_from_user(file->ranges, u64_to_user_ptr(address),
			   nr * sizeof(*file->ranges)))
		return -EFAULT;
	for (i = 0; i < nr; i++) {
		ret = gpumem_range_check(&file->ranges[i], file->rights);
		if (ret)
			return ret;
	}
	file->nr_ranges = gpumem_ranges_merge(file->ranges, nr);
	return 0;
}

/* Is [@first, @first + @length) where the fd's right may be used? */
static bool gpumem_ranges_contain(const struct gpumem_file *file, u32 right,
				  u64 first, u64 length)
{
	bool restricted = false;
	unsigned int i;

	for (i = 0; i < file->nr_ranges; i++) {
		const struct xen_gpumem_range *range = &file->ranges[i];

		if (range->right != right)
			continue;
		restricted = true;
		if (first >= range->first &&
		    first - range->first <= range->length &&
		    length <= range->length - (first - range->first))
			return true;
	}
	return !restricted;
}

/**
 * gpumem_ranges_inherit - hold a derived fd to the ranges of its parent
 * @file: the fd, with rights, and ranges of its own, if any
 *
 * For a right with ranges of its own these must lie in the parent's; for
 * others it gets the parent's.
 *
 * Return: 0; -EACCES one lies outside; -ENOMEM; -EINVAL too many together
 */
int gpumem_ranges_inherit(struct gpumem_file *file)
{
	const struct gpumem_file *parent = file->parent;
	unsigned int i, own = file->nr_ranges;
	u32 mine = 0;

	for (i = 0; i < own; i++) {
		const struct xen_gpumem_range *range = &file->ranges[i];

		if (!gpumem_ranges_contain(parent, range->right, range->first,
					   range->length))
			return -EACCES;
		mine |= range->right;
	}
	if (!parent->nr_ranges)
		return 0;
	if (!file->ranges)
		file->ranges = kcalloc(2 * XEN_GPUMEM_MAX_RANGES,
				       sizeof(*file->ranges),
				       GFP_KERNEL_ACCOUNT);
	if (!file->ranges)
		return -ENOMEM;
	for (i = 0; i < parent->nr_ranges; i++)
		if (file->rights & ~mine & parent->ranges[i].right)
			file->ranges[file->nr_ranges++] = parent->ranges[i];
	return file->nr_ranges > XEN_GPUMEM_MAX_RANGES ? -EINVAL : 0;
}

/**
 * gpumem_file_allows - may a fd be used for this, here?
 * @file: the fd
 * @right: one XEN_GPUMEM_RIGHT_* bit
 * @first: first guest address, or grant reference
 * @length: bytes, or references.  Zero: nowhere in particular
 *
 * Return: 0; -EPERM not for this; -EACCES not here
 */
int gpumem_file_allows(const struct gpumem_file *file, u32 right, u64 first,
		       u64 length)
{
	if (!(file->rights & right))
		return -EPERM;
	if (length && !gpumem_ranges_contain(file, right, first, length))
		return -EACCES;
	return 0;
}

/* --- limits ---------------------------------------------------------------- */

/* Would it fit?  What is given back is in use, so it is never too much. */
static bool gpumem_usage_fits(const struct gpumem_file *file,
			      const struct gpumem_usage *old,
			      const struct gpumem_usage *new)
{
	unsigned int i;
	u64 used;

	for (i = 0; i < GPUMEM_USE_NR; i++) {
		used = file->used.n[i] - old->n[i];
		if (new->n[i] > old->n[i] &&
		    (used > file->max.n[i] ||
		     new->n[i] > file->max.n[i] - used))
			return false;
	}
	return true;
}

/**
 * gpumem_file_exchange - give back to a fd's allowance and take from it
 * @file: the fd
 * @old: what is given back
 * @new: what is taken
 *
 * Return: 0; -ENOSPC it would be more than this fd, or one above it, may use,
 * and nothing was changed
 */
int gpumem_file_exchange(struct gpumem_file *file,
			 const struct gpumem_usage *old,
			 const struct gpumem_usage *new)
{
	struct gpumem_file *f;
	unsigned int i;

	guard(spinlock)(&file->ctx->usage_lock);

	for (f = file; f; f = f->parent)
		if (!gpumem_usage_fits(f, old, new))
			return -ENOSPC;
	for (f = file; f; f = f->parent)
		for (i = 0; i < GPUMEM_USE_NR; i++)
			f->used.n[i] += new->n[i] - old->n[i];
	return 0;
}

/**
 * gpumem_file_charge - take from a fd's allowance
 * @file: the fd
 * @usage: what is taken
 *
 * Return: 0 or -ENOSPC, as gpumem_file_exchange()
 */
int gpumem_file_charge(struct gpumem_file *file,
		       const struct gpumem_usage *usage)
{
	return gpumem_file_exchange(file, &(struct gpumem_usage){}, usage);
}

/**
 * gpumem_file_uncharge - give back to a fd's allowance
 * @file: the fd
 * @usage: what is given back
 */
void gpumem_file_uncharge(struct gpumem_file *file,
			  const struct gpumem_usage *usage)
{
	gpumem_file_exchange(file, usage, &(struct gpumem_usage){});
}
