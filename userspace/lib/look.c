// SPDX-License-Identifier: MIT
/*
 * What /proc and /sys tell of a guest's windows, and of this process's memory.
 *
 * Only read, and only what the caller may read anyway.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "look.h"

#define MODULE		"/sys/module/xen_gpumem"
#define PARAMETERS	MODULE "/parameters"
#define FOLDER		"/sys/kernel/debug/xen-gpumem"
#define CAPABILITIES	"/proc/xen/capabilities"

typedef unsigned long long ull;

/* --- the guest's windows --------------------------------------------------- */

static void take_window(struct xgm_windows *w, const char *line, uint64_t gpa,
			uint64_t length, int64_t except)
{
	uint64_t gfn, pages, first;
	uint32_t id;

	if (sscanf(line, "%" SCNu32 " gfn %" SCNx64 " pages %" SCNx64, &id,
		   &gfn, &pages) != 3)
		return;
	w->nr++;
	w->bytes += pages * XGM_PAGE;
	/* A parked one is nowhere. */
	if (w->there || gfn == UINT64_MAX || id == except)
		return;
	first = gfn * XGM_PAGE;
	if (first >= gpa + length || gpa >= first + pages * XGM_PAGE)
		return;
	w->there = true;
	w->id = id;
	w->gpa = first;
	w->length = pages * XGM_PAGE;
}

bool xgm_look_windows(int fd, uint64_t gpa, uint64_t length, int64_t except,
		      struct xgm_windows *windows)
{
	char path[96], line[512];
	struct xgm_usage usage;
	FILE *f;

	memset(windows, 0, sizeof(*windows));
	if (xgm_usage_get(fd, &usage, sizeof(usage)))
		return false;
	snprintf(path, sizeof(path), FOLDER "/%u-%" PRIx64 "/windows",
		 usage.domid, usage.generation);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f))
		take_window(windows, line, gpa, length, except);
	fclose(f);
	return true;
}

/* --- memory of this process ------------------------------------------------ */

/* Does a mapped file end before its byte @at?  By name, or by the mapping. */
static bool ends_before(uint64_t first, uint64_t end, const char *name,
			uint64_t at)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/map_files/%" PRIx64 "-%" PRIx64,
		 first, end);
	if (stat(path, &st) && (name[0] != '/' || stat(name, &st)))
		return false;
	return S_ISREG(st.st_mode) && at >= (uint64_t)st.st_size;
}

static enum xgm_memory judge(const char *line, uint64_t address)
{
	uint64_t first, end, offset;
	char access[5], name[4096] = "";

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64
		   " %*s %*u %4095[^\n]", &first, &end, access, &offset,
		   name) < 4 || address < first || address >= end)
		return XGM_MEMORY_UNKNOWN;
	if (access[0] != 'r')
		return XGM_MEMORY_NO_ACCESS;
	if (ends_before(first, end, name, offset + (address - first)))
		return XGM_MEMORY_PAST_END;
	return access[1] == 'w' ? XGM_MEMORY_FINE : XGM_MEMORY_READONLY;
}

enum xgm_memory xgm_look_memory(uint64_t address)
{
	enum xgm_memory found = XGM_MEMORY_UNKNOWN;
	FILE *f = fopen("/proc/self/maps", "re");
	char line[4352];

	if (!f)
		return XGM_MEMORY_UNKNOWN;
	while (found == XGM_MEMORY_UNKNOWN && fgets(line, sizeof(line), f))
		found = judge(line, address);
	fclose(f);
	return found == XGM_MEMORY_UNKNOWN ? XGM_MEMORY_NONE : found;
}

/* The first number of a file; zero if there is none. */
static uint64_t first_number(const char *path)
{
	FILE *f = fopen(path, "re");
	uint64_t n;

	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

static uint64_t count_lines(const char *path)
{
	FILE *f = fopen(path, "re");
	uint64_t n = 0;
	int c;

	if (!f)
		return 0;
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

bool xgm_look_room(struct xgm_text *text, uint64_t length)
{
	uint64_t used = first_number("/proc/self/statm") * sysconf(_SC_PAGESIZE);
	uint64_t max = first_number("/proc/sys/vm/max_map_count");
	uint64_t mappings = count_lines("/proc/self/maps");
	struct rlimit limit;

	if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY &&
	    used + length > limit.rlim_cur) {
		xgm_text_add(text, "this process may have %llu bytes of addresses (RLIMIT_AS), has %llu, and %llu more were asked for",
			     (ull)limit.rlim_cur, (ull)used, (ull)length);
		return true;
	}
	/* One line can be of the kernel's own. */
	if (max && mappings >= max) {
		xgm_text_add(text, "this process has %llu mappings, and may have no more (vm.max_map_count)",
			     (ull)mappings);
		return true;
	}
	return false;
}

/* --- what is there at all -------------------------------------------------- */

bool xgm_look_module(void)
{
	return !access(MODULE, F_OK);
}

bool xgm_look_dom0(void)
{
	FILE *f = fopen(CAPABILITIES, "re");
	char line[256] = "";
	bool found;

	if (!f)
		return false;
	found = fgets(line, sizeof(line), f) && strstr(line, "control_d");
	fclose(f);
	return found;
}

uint64_t xgm_look_parameter(const char *name)
{
	char path[80], text[32];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	return strtoull(text, NULL, 10);
}
