// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest test of the testbed itself: an unmodified guest boots under Xen
 * in the emulated machine, speaks on its console and powers itself off.
 */
#include "xg.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static bool succeeds(char **argv)
{
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ))
		return false;
	return waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
	char *start[] = { "xg-guest", "start", "smoke", "2", "160",
			  "-r", "/guest/smoke", NULL };
	char *end[] = { "xg-guest", "wait", "smoke", "60", NULL };
	time_t since = time(NULL);
	const char *bad = NULL;

	printf("XG-TEST start T0-smoke T0\n");
	fflush(stdout);
	if (!succeeds(start))
		bad = "the guest did not start";
	else if (!succeeds(end))
		bad = "the guest did not end";
	if (bad)
		printf("XG-TEST fail T0-smoke %ld %s\n",
		       (long)(time(NULL) - since), bad);
	else
		printf("XG-TEST pass T0-smoke %ld\n",
		       (long)(time(NULL) - since));
	return bad ? 1 : 0;
}
