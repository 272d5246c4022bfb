// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mock hypervisor does wrong, if it is told to.
 *
 * A kernel that checks what it does and has nothing to say may have looked at
 * everything, or at nothing.  Here is one thing of each kind for it to find.
 * They concern memory and locks that nobody else knows of: where nobody looks,
 * they do no harm.
 *
 * Locks: wrong_lock, to be inside of; wrong_first and wrong_second, to be taken
 * in both orders, one after the other.
 */
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "hv-mock.h"

static DEFINE_SPINLOCK(wrong_lock);
static DEFINE_MUTEX(wrong_first);
static DEFINE_MUTEX(wrong_second);

/* Sleeping in atomic context */
static void wrong_sleep(void)
{
	guard(spinlock)(&wrong_lock);
	might_sleep();
}

/* Undefined behaviour */
static void wrong_shift(void)
{
	unsigned int bits = 40;
	int one = 1;

	OPTIMIZER_HIDE_VAR(bits);
	OPTIMIZER_HIDE_VAR(one);
	one <<= bits;
	OPTIMIZER_HIDE_VAR(one);
}

/* What could have locked up, had two of us been here at the right time */
static void wrong_order(void)
{
	scoped_guard(mutex, &wrong_first) {
		guard(mutex)(&wrong_second);
	}
	scoped_guard(mutex, &wrong_second) {
		guard(mutex)(&wrong_first);
	}
}

/* Use after free */
static int wrong_use(void)
{
	u8 *freed = kmalloc(64, GFP_KERNEL);

	if (!freed)
		return -ENOMEM;
	kfree(freed);
	OPTIMIZER_HIDE_VAR(freed);
	(void)READ_ONCE(*freed);
	return 0;
}

/* Memory that nobody points at any more */
static int wrong_leak(void)
{
	u8 *lost = kmalloc(64, GFP_KERNEL);

	if (!lost)
		return -ENOMEM;
	OPTIMIZER_HIDE_VAR(lost);
	return 0;
}

/**
 * mock_do_wrong - do something that the kernel could find out
 * @what: enum xgm_wrong_what
 *
 * Context: process context, may sleep; no lock is held.
 *
 * Return: 0, -EINVAL, -ENOMEM
 */
int mock_do_wrong(u32 what)
{
	switch (what) {
	case XGM_WRONG_SLEEP:
		wrong_sleep();
		return 0;
	case XGM_WRONG_SHIFT:
		wrong_shift();
		return 0;
	case XGM_WRONG_ORDER:
		wrong_order();
		return 0;
	case XGM_WRONG_USE:
		return wrong_use();
	case XGM_WRONG_LEAK:
		return wrong_leak();
	default:
		return -EINVAL;
	}
}
