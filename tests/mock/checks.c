// SPDX-License-Identifier: GPL-2.0-only
/*
 * One wrong of each kind that a kernel with checks (testbed/kernel.sh debug)
 * says something about.  That it does is for the scenario to see, which expects
 * a line of each in the log (testbed/scenario.py): without that, a log that is
 * clean would say nothing.
 *
 * The order matters: with the first lock that is out of order, lockdep looks no
 * further, and so it is with memory that is not what it should be.
 */
#include "mock.h"

static void wrong(enum xgm_wrong_what what)
{
	mock_begin(1);
	mock_do_wrong(what);
	mock_end();
}

static void sleeps(void)
{
	wrong(XGM_WRONG_SLEEP);
}

static void shifts(void)
{
	wrong(XGM_WRONG_SHIFT);
}

static void locks(void)
{
	wrong(XGM_WRONG_ORDER);
}

static void uses_freed(void)
{
	wrong(XGM_WRONG_USE);
}

static const struct xgt_test tests[] = {
	{ "T0-checks-sleep-in-atomic", "T0", sleeps, 0, 0 },
	{ "T0-checks-undefined", "T0", shifts, 0, 0 },
	{ "T0-checks-lock-order", "T0", locks, 0, 0 },
	{ "T0-checks-use-after-free", "T0", uses_freed, 0, 0 },
};

XGT_MAIN(tests)
