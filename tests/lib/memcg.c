// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel allocates on a process's behalf: that of a memory cgroup of
 * its own.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include "xgt.h"

#define TOP	"/run/cgroup"
#define GROUP	TOP "/backend"

static void write_to(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		xgt_skip("%s: %s", path, strerror(errno));
	close(fd);
}

/**
 * memcg_begin - have a group, or skip the test
 */
void memcg_begin(void)
{
	mkdir(TOP, 0700);
	if (mount("cgroup", TOP, "cgroup2", 0, NULL) && errno != EBUSY)
		xgt_skip("no cgroup2: %s", strerror(errno));
	write_to(TOP "/cgroup.subtree_control", "+memory");
	CHECK(!mkdir(GROUP, 0700) || errno == EEXIST);
}

/**
 * memcg_join - this process, and those that it forks, are in it from now on
 */
void memcg_join(void)
{
	write_to(GROUP "/cgroup.procs", "0");
}

/**
 * memcg_kernel - bytes that the kernel has for the group
 *
 * The kernel brings what it tells up to date every two seconds, or sooner if
 * much has changed.
 */
uint64_t memcg_kernel(void)
{
	static char text[16384];
	int fd = open(GROUP "/memory.stat", O_RDONLY | O_CLOEXEC);
	size_t sum = 0;
	const char *at;
	ssize_t n;

	CHECK(fd >= 0);
	while ((n = read(fd, text + sum, sizeof(text) - 1 - sum)) > 0)
		sum += n;
	close(fd);
	text[sum] = '\0';
	at = strstr(text, "\nkernel ");
	CHECK(at != NULL);
	return strtoull(at + 8, NULL, 10);
}
