// SPDX-License-Identifier: GPL-2.0-only
/*
 * The init of a guest that only shows it is alive.
 */
#include "xg.h"

#include <sys/reboot.h>

int main(void)
{
	printf("XG-GUEST ready\nhello from a guest with %ld CPUs\n",
	       sysconf(_SC_NPROCESSORS_ONLN));
	fflush(stdout);
	sleep(1);
	reboot(RB_POWER_OFF);
	return 0;
}
