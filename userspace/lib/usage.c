// SPDX-License-Identifier: MIT
/*
 * What the kernel tells in /proc/PID/fdinfo/FD about a domain fd.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

#define PREFIX		"xen-gpumem-"

/* The value of a line "xen-gpumem-NAME:\t", or NULL. */
static const char *value(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *line;

	for (line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, PREFIX, strlen(PREFIX)) &&
		    !strncmp(line + strlen(PREFIX), name, len) &&
		    line[strlen(PREFIX) + len] == ':')
			return line + strlen(PREFIX) + len + 1;
	}
	return NULL;
}

static uint64_t one(const char *text, const char *name)
{
	const char *at = value(text, name);

	return at ? strtoull(at, NULL, 0) : 0;
}

/* "USED" or "USED of LIMIT" */
static struct xgm_use use(const char *text, const char *name)
{
	struct xgm_use use = { 0, XGM_NO_LIMIT };
	const char *at = value(text, name);

	if (at && sscanf(at, "%" SCNu64 " of %" SCNu64, &use.used,
			 &use.limit) < 2)
		use.limit = XGM_NO_LIMIT;
	return use;
}

int xgm_usage_parse(const char *text, struct xgm_usage *usage, size_t size)
{
	struct xgm_usage u = { .size = sizeof(u) };

	if (size < sizeof(usage->size))
		return -EINVAL;
	if (!value(text, "domid"))
		return -ENOTTY;
	u.domid = one(text, "domid");
	u.alive = one(text, "alive");
	u.rights = one(text, "rights");
	u.ranges = one(text, "ranges");
	u.events = one(text, "events");
	u.generation = one(text, "generation");
	u.windows = use(text, "windows");
	u.bindings = use(text, "bindings");
	u.bytes = use(text, "bytes");
	u.exports = use(text, "exports");
	u.export_bytes = use(text, "export-bytes");
	u.grants = use(text, "grants");
	memset(usage, 0, size);
	memcpy(usage, &u, size < sizeof(u) ? size : sizeof(u));
	return 0;
}

int xgm_usage_get(int fd, struct xgm_usage *usage, size_t size)
{
	char path[64], text[4096];
	size_t len = 0;
	ssize_t n = 0;
	int file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	while (len < sizeof(text) - 1 &&
	       (n = read(file, text + len, sizeof(text) - 1 - len)) > 0)
		len += n;
	n = n < 0 ? -errno : 0;
	close(file);
	if (n)
		return n;
	text[len] = '\0';
	return xgm_usage_parse(text, usage, size);
}
