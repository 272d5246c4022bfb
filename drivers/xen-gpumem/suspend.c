// SPDX-License-Identifier: GPL-2.0-only
/*
 * Going to sleep with the host.
 *
 * While the system suspends, pages of devices cannot be had: a graphics driver
 * has put its memory away.  So from before the processes are frozen until after
 * they are thawed, fault workers look up nothing; their vCPUs wait, as they do
 * for any slow page, and revocations go on as ever.
 *
 * The workqueues are not frozen, as that waits for their workers, and one can
 * be asleep over a page that only a frozen process would supply: the system
 * would never sleep.  Instead, workers stop here of their own accord before
 * they begin.  Those under way get GPUMEM_SUSPEND_WAIT to be done; one that is
 * not by then waits for a process, and stays asleep until that one wakes.
 *
 * Processes in a call are the freezer's.
 */
#include <linux/atomic.h>
#include <linux/sched.h>
#include <linux/suspend.h>
#include <linux/wait.h>

#include "internal.h"

#define GPUMEM_SUSPEND_WAIT	(HZ / 2)

static bool gpumem_asleep;
static atomic_t gpumem_active = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(gpumem_suspend_waits);

/**
 * gpumem_suspend_enter - a worker is about to look at a process's memory
 *
 * Waits while the system sleeps.
 */
void gpumem_suspend_enter(void)
{
	if (!(current->flags & PF_KTHREAD))
		return;
	for (;;) {
		atomic_inc(&gpumem_active);
		/* Pairs with gpumem_suspend_begin(): one sees the other. */
		smp_mb__after_atomic();
		if (!READ_ONCE(gpumem_asleep))
			return;
		gpumem_suspend_leave();
		wait_event_idle(gpumem_suspend_waits,
				!READ_ONCE(gpumem_asleep));
	}
}

/**
 * gpumem_suspend_leave - it is done with that
 */
void gpumem_suspend_leave(void)
{
	if (!(current->flags & PF_KTHREAD))
		return;
	if (atomic_dec_and_test(&gpumem_active))
		wake_up_all(&gpumem_suspend_waits);
}

static void gpumem_suspend_begin(void)
{
	WRITE_ONCE(gpumem_asleep, true);
	/* Pairs with gpumem_suspend_enter() */
	smp_mb();
	wait_event_timeout(gpumem_suspend_waits, !atomic_read(&gpumem_active),
			   GPUMEM_SUSPEND_WAIT);
}

static void gpumem_suspend_end(void)
{
	WRITE_ONCE(gpumem_asleep, false);
	wake_up_all(&gpumem_suspend_waits);
}

static int gpumem_suspend_notify(struct notifier_block *nb,
				 unsigned long action, void *data)
{
	switch (action) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		gpumem_suspend_begin();
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		gpumem_suspend_end();
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block gpumem_suspend_nb = {
	.notifier_call = gpumem_suspend_notify,
};

/**
 * gpumem_suspend_init - be told when the system goes to sleep
 *
 * Return: 0 or an error
 */
int gpumem_suspend_init(void)
{
	return register_pm_notifier(&gpumem_suspend_nb);
}

/**
 * gpumem_suspend_exit - undo gpumem_suspend_init(); no workers are left
 */
void gpumem_suspend_exit(void)
{
	unregister_pm_notifier(&gpumem_suspend_nb);
}
