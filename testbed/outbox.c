// SPDX-License-Identifier: GPL-2.0-only
/*
 * What leaves the emulated dom0 besides test lines: the guests' console logs,
 * line by line to the serial console while they grow, and files, at the end.
 */
#include "init.h"

#include <dirent.h>
#include <sys/stat.h>

#define MAX_GUEST_LOGS	64

/* How far each guest's console log has been passed on. */
static struct guest_log {
	char name[64];
	off_t done;
} guest_logs[MAX_GUEST_LOGS];

/**
 * write_all - write, however often it takes; what can not be written is lost
 * @fd: where to; nothing happens if it is negative
 * @buf: what
 * @len: bytes
 */
void write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (fd >= 0 && len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= n;
	}
}

static struct guest_log *guest_log(const char *name)
{
	struct guest_log *g;

	for (g = guest_logs; g < guest_logs + MAX_GUEST_LOGS; g++) {
		if (!g->name[0])
			snprintf(g->name, sizeof(g->name), "%s", name);
		if (!strcmp(g->name, name))
			return g;
	}
	return NULL;
}

/* Pass on what one guest has written since; only whole lines, unless @last. */
static void forward_guest_log(const char *file, bool last)
{
	char path[300], prefix[80], buf[4096], *p, *nl;
	struct guest_log *g = guest_log(file);
	ssize_t n;
	int fd;

	if (!g)
		return;
	snprintf(path, sizeof(path), GUEST_LOG_DIR "/%s", file);
	snprintf(prefix, sizeof(prefix), "%.*s| ",
		 (int)strcspn(file, "."), file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((n = pread(fd, buf, sizeof(buf) - 1, g->done)) > 0) {
		buf[n] = '\0';
		for (p = buf; (nl = strchr(p, '\n')); p = nl + 1) {
			*nl = '\0';
			p[strcspn(p, "\r")] = '\0';
			if (*p)
				to_console(prefix, p);
		}
		/* An unfinished line waits, unless it can not be finished. */
		if (*p && (last || p == buf)) {
			to_console(prefix, p);
			p = buf + n;
		}
		g->done += p - buf;
		if (p == buf)
			break;
	}
	close(fd);
}

/**
 * forward_guest_logs - pass on what the guests have said since the last call
 * @last: unfinished lines too: there will be no more
 */
void forward_guest_logs(bool last)
{
	DIR *dir = opendir(GUEST_LOG_DIR);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (!strncmp(e->d_name, "guest-", 6))
			forward_guest_log(e->d_name, last);
	closedir(dir);
}

static void send_file(int out, const char *dir, const char *name)
{
	static char buf[65536];
	char header[512] = "";
	unsigned int sum = 0;
	char path[400];
	struct stat st;
	off_t left;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		goto out;
	snprintf(header, 100, "%s", name);
	strcpy(header + 100, "0000644");
	strcpy(header + 108, "0000000");
	strcpy(header + 116, "0000000");
	snprintf(header + 124, 12, "%011lo", (unsigned long)st.st_size);
	strcpy(header + 136, "00000000000");
	memset(header + 148, ' ', 8);
	header[156] = '0';
	memcpy(header + 257, "ustar\00000", 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	write_all(out, header, sizeof(header));
	/* The size is a promise by now: pad if the file shrank meanwhile. */
	for (left = (st.st_size + 511) & ~511L; left > 0; ) {
		size_t part = left < (off_t)sizeof(buf) ? (size_t)left :
							   sizeof(buf);
		ssize_t n = read(fd, buf, part);

		if (n < 0)
			n = 0;
		memset(buf + n, 0, part - n);
		write_all(out, buf, part);
		left -= part;
	}
out:
	close(fd);
}

/**
 * send_files - send the files of a folder as members of a tar stream
 * @out: where to
 * @path: the folder
 */
void send_files(int out, const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			send_file(out, path, e->d_name);
	if (dir)
		closedir(dir);
}
