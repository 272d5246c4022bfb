// SPDX-License-Identifier: GPL-2.0-only
/*
 * Boot a guest many times over, to see how often the emulator loses one.
 *
 *   boots TIMES VCPUS [xg-guest option...]
 */
#include "xg.h"

#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static int call(char **argv)
{
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) ||
	    waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

int main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 10;
	char *end[] = { "xg-guest", "wait", "boots", "60", NULL };
	char *start[32] = { "xg-guest", "start", "boots",
			    argc > 2 ? argv[2] : "2", "160",
			    "-r", "/guest/smoke" };
	int bad = 0;

	for (int i = 3; i < argc && i < 24; i++)
		start[4 + i] = argv[i];
	printf("XG-TEST start T0-boots T0\n");
	fflush(stdout);
	for (int i = 0; i < times; i++) {
		bad += call(start) || call(end);
		usleep(300000);
		printf("XG-INFO %d: %ld pages free in Xen\n", i,
		       xen_free_pages());
		fflush(stdout);
	}
	printf("XG-TEST %s T0-boots 0 %d of %d guests did not boot\n",
	       bad ? "fail" : "pass", bad, times);
	return 0;
}
