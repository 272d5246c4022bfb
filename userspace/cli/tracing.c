// SPDX-License-Identifier: MIT
/*
 * An instance of tracing of our own.
 *
 * Whatever else is traced on this machine, and however, is not touched: the
 * instance has buffers, filters, options and a clock for itself.  It inherits
 * options that somebody has set, so those that change what lines look like, or
 * what is dropped, are set here.  It goes with us, and if we are killed, with
 * the next of us: an instance that is named after a process that is no more is
 * removed.  That of a living one is in use, which the kernel knows as well.
 *
 * Memory: what was asked for, for each CPU, in the kernel; struct tracing here.
 * What comes faster than it is read overwrites what is older; the kernel counts
 * that, and we tell.
 *
 * It is looked at ten times a second, by who calls tracing_read(), rather than
 * waited for: no trace point has to wake somebody.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "tracing.h"

#define MODULE		"/sys/module/xen_gpumem"
#define TRACEFS		"/sys/kernel/tracing"
#define TRACEFS_MAGIC	0x74726163
#define INSTANCES	TRACEFS "/instances"
#define PREFIX		"xen-gpumem-"
#define POINTS		"events/xen_gpumem"
/* The guest's end is in no window, but ends what is in one. */
#define EVENT_FILTER	POINTS "/xen_gpumem_event/filter"

/* --- files ----------------------------------------------------------------- */

static void path_of(const struct tracing *t, const char *name, char path[256])
{
	snprintf(path, 256, "%s/%s", t->path, name);
}

/* Return: 0 or a negative errno */
static int put(const struct tracing *t, const char *name, const char *value)
{
	size_t len = strlen(value);
	char path[256];
	int fd, ret = 0;
	ssize_t n;

	path_of(t, name, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, len);
	if (n != (ssize_t)len)
		ret = n < 0 ? -errno : -EIO;
	close(fd);
	return ret;
}

/* --- beginning ------------------------------------------------------------- */

/* Those of killed ones of us. */
static void remove_old(void)
{
	char path[512];
	struct dirent *e;
	int pid, end;
	DIR *dir;

	dir = opendir(INSTANCES);
	if (!dir)
		return;
	while ((e = readdir(dir))) {
		end = 0;
		if (sscanf(e->d_name, PREFIX "%d%n", &pid, &end) != 1 ||
		    e->d_name[end] || pid <= 0 || !kill(pid, 0) ||
		    errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), INSTANCES "/%s", e->d_name);
		rmdir(path);
	}
	closedir(dir);
}

/* What must be there, in the order in which it is missed. */
static int look(void)
{
	struct statfs fs;

	if (access(MODULE, F_OK))
		return fail("the module xen-gpumem is not loaded (modprobe xen-gpumem; xen-gpumem status tells more)");
	if (statfs(TRACEFS, &fs))
		return fail("this kernel was built without tracing");
	if ((unsigned int)fs.f_type != TRACEFS_MAGIC)
		return fail("nothing can be traced: tracefs is not mounted (mount -t tracefs tracefs " TRACEFS ")");
	return 0;
}

static int cannot_make(int err)
{
	if (err == EACCES || err == EPERM)
		return fail("only root may look at this: sudo xen-gpumem ...");
	if (err == ENOENT)
		return fail("nothing can be traced: the kernel is locked down (Secure Boot)");
	return fail("no instance of tracing: %s: %s", INSTANCES, strerror(err));
}

static int make(struct tracing *t)
{
	char path[256];
	int err;

	remove_old();
	snprintf(t->path, sizeof(t->path), INSTANCES "/" PREFIX "%d", getpid());
	/* Whoever had our number before us is no more. */
	rmdir(t->path);
	if (mkdir(t->path, 0700)) {
		err = errno;
		t->path[0] = '\0';
		return cannot_make(err);
	}
	path_of(t, POINTS, path);
	if (access(path, F_OK))
		return fail("this driver was built without trace points");
	return 0;
}

/* Lines as they are read here; drop what is old; nobody may stop it but us. */
static void set_options(const struct tracing *t)
{
	static const char *const options[] = {
		"context-info", "irq-info", "overwrite", "noraw", "nohex",
		"nobin", "nofields", "noverbose", "nolatency-format",
		"noblock", "nostacktrace", "nouserstacktrace",
		"nopause-on-trace", "nodisable_on_free",
	};

	/* A kernel that does not know one does not do it either. */
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		put(t, "trace_options", options[i]);
}

static int set_filter(const struct tracing *t, const struct tracing_want *want)
{
	char filter[128];
	int ret;

	if (want->domid < 0)
		return 0;
	if (want->window < 0) {
		snprintf(filter, sizeof(filter), "domid == %d", want->domid);
		return put(t, POINTS "/filter", filter);
	}
	snprintf(filter, sizeof(filter), "domid == %d && window == %" PRId64,
		 want->domid, want->window);
	ret = put(t, POINTS "/filter", filter);
	if (ret)
		return ret;
	snprintf(filter, sizeof(filter),
		 "domid == %d && (window == %" PRId64 " || type == %d)",
		 want->domid, want->window, XEN_GPUMEM_EVENT_GONE);
	return put(t, EVENT_FILTER, filter);
}

static int set_up(struct tracing *t, const struct tracing_want *want)
{
	char number[32], path[256];
	int ret;

	set_options(t);
	/* That of the other times that are told, and the same on each CPU. */
	ret = put(t, "trace_clock", "mono");
	if (ret)
		return fail("the trace's clock: %s", strerror(-ret));
	snprintf(number, sizeof(number), "%" PRIu64, want->buffer >> 10);
	ret = put(t, "buffer_size_kb", number);
	if (ret)
		return fail("a buffer of %s KiB for each CPU: %s (a smaller --buffer takes less)",
			    number, strerror(-ret));
	ret = set_filter(t, want);
	if (ret)
		return fail("the trace's filter: %s", strerror(-ret));
	/* Options are looked at when it is opened. */
	path_of(t, "trace_pipe", path);
	t->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (t->pipe < 0)
		return fail("%s: %s", path, strerror(errno));
	ret = put(t, "tracing_on", "1");
	if (!ret)
		ret = put(t, POINTS "/enable", "1");
	return ret ? fail("switching trace points on: %s", strerror(-ret)) : 0;
}

int tracing_begin(struct tracing *t, const struct tracing_want *want)
{
	int ret;

	t->path[0] = '\0';
	t->pipe = -1;
	t->len = 0;
	ret = look();
	if (!ret)
		ret = make(t);
	if (!ret)
		ret = set_up(t, want);
	return ret;
}

/* --- reading --------------------------------------------------------------- */

int tracing_read(struct tracing *t, void (*line)(void *arg, const char *line),
		 void *arg)
{
	char *at = t->text, *end;
	ssize_t n;

	n = read(t->pipe, t->text + t->len, sizeof(t->text) - 1 - t->len);
	if (n <= 0)
		return n && errno != EAGAIN && errno != EINTR ? -errno : 0;
	t->len += n;
	t->text[t->len] = '\0';
	while ((end = memchr(at, '\n', t->text + t->len - at))) {
		*end = '\0';
		line(arg, at);
		at = end + 1;
	}
	t->len -= at - t->text;
	/* Longer than any line is: nothing of ours. */
	if (t->len == sizeof(t->text) - 1)
		t->len = 0;
	memmove(t->text, at, t->len);
	return n;
}

bool tracing_goes_on(const struct tracing *t)
{
	char path[256], on = '0';
	int fd;

	path_of(t, POINTS "/enable", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &on, 1) != 1)
		on = '0';
	close(fd);
	return on != '0';
}

/* --- the end --------------------------------------------------------------- */

void tracing_stop(const struct tracing *t)
{
	put(t, "tracing_on", "0");
	put(t, POINTS "/enable", "0");
}

/* Of one CPU's: overwritten, or with no room to begin with. */
static uint64_t lost_of(const char *path)
{
	static const char *const names[] = {
		"overrun", "commit overrun", "dropped events",
	};
	FILE *f = fopen(path, "re");
	uint64_t sum = 0, n;
	char line[128];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		char *colon = strchr(line, ':');

		if (!colon)
			continue;
		*colon = '\0';
		n = strtoull(colon + 1, NULL, 10);
		for (size_t i = 0; i < ARRAY_SIZE(names); i++)
			if (!strcmp(line, names[i]))
				sum += n;
	}
	fclose(f);
	return sum;
}

uint64_t tracing_lost(const struct tracing *t)
{
	char path[256], stats[600];
	struct dirent *e;
	uint64_t sum = 0;
	DIR *dir;

	path_of(t, "per_cpu", path);
	dir = opendir(path);
	if (!dir)
		return 0;
	while ((e = readdir(dir))) {
		if (strncmp(e->d_name, "cpu", 3) ||
		    !isdigit((unsigned char)e->d_name[3]))
			continue;
		snprintf(stats, sizeof(stats), "%s/%s/stats", path, e->d_name);
		sum += lost_of(stats);
	}
	closedir(dir);
	return sum;
}

int tracing_end(struct tracing *t)
{
	int ret = 0;

	if (t->pipe >= 0)
		close(t->pipe);
	if (t->path[0] && rmdir(t->path))
		ret = fail("%s stays: %s (rmdir removes it)", t->path,
			   strerror(errno));
	t->pipe = -1;
	t->path[0] = '\0';
	return ret;
}
