// SPDX-License-Identifier: MIT
/*
 * Who holds domain fds: all processes are looked at.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "observe.h"

#define LINK		"anon_inode:[xen-gpumem]"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open	434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd	438
#endif

/* Read all of a small file.  Return: whether that worked */
static bool read_small(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return false;
	while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += n;
	close(fd);
	text[len] = '\0';
	return len > 0;
}

static struct view_domain *domain_of(struct view *v,
				     const struct xgm_usage *usage)
{
	/* With one of these it is an attachment's, else a name's. */
	bool attached = usage->rights & (XEN_GPUMEM_RIGHT_LEND |
					 XEN_GPUMEM_RIGHT_REMOVE);
	struct view_domain *d, *same = NULL;

	for (size_t i = 0; i < v->nr_domains; i++) {
		d = &v->domains[i];
		if (d->domid != usage->domid ||
		    d->generation != usage->generation)
			continue;
		if (d->attached == attached)
			return d;
		same = d;
	}
	return same;
}

/* Whose windows are these, and where are their pages? */
static void ask(struct view_domain *d, const struct view_holder *holder)
{
	struct xen_gpumem_window_query q;
	int pidfd, fd = -1;

	if (!d->nr_windows || !holder->usage.windows.used)
		return;
	pidfd = syscall(SYS_pidfd_open, holder->pid, 0);
	if (pidfd >= 0)
		fd = syscall(SYS_pidfd_getfd, pidfd, holder->fd, 0);
	for (size_t i = 0; fd >= 0 && i < d->nr_windows; i++) {
		struct view_window *w = &d->windows[i];

		if (w->asked || xgm_window_query(fd, w->id, 0, 0, &q,
						 sizeof(q)))
			continue;
		w->asked = true;
		w->owner = holder->pid;
		w->lent = q.out_pages;
		w->writable = q.out_writable;
		w->io = q.out_io;
		w->noncacheable = q.out_noncacheable;
	}
	if (fd >= 0)
		close(fd);
	if (pidfd >= 0)
		close(pidfd);
}

static void holder_found(struct view *v, int pid, int fd)
{
	struct view_holder holder = { .pid = pid, .fd = fd };
	struct view_domain *d;
	char path[64], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (!read_small(path, text, sizeof(text)) ||
	    xgm_usage_parse(text, &holder.usage, sizeof(holder.usage)))
		return;
	d = domain_of(v, &holder.usage);
	if (!d)
		return;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (read_small(path, text, sizeof(text))) {
		text[strcspn(text, "\n")] = '\0';
		snprintf(holder.comm, sizeof(holder.comm), "%.31s", text);
	}
	d->holders = view_append(d->holders, &d->nr_holders, sizeof(holder));
	d->holders[d->nr_holders - 1] = holder;
	ask(d, &holder);
}

static void process_look(struct view *v, int pid)
{
	char path[64], link[64];
	struct dirent *e;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		if (!strcmp(link, LINK))
			holder_found(v, pid, atoi(e->d_name));
	}
	closedir(dir);
}

void holders_find(struct view *view)
{
	struct dirent *e;
	DIR *dir;

	if (!view->nr_domains)
		return;
	dir = opendir("/proc");
	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (isdigit((unsigned char)e->d_name[0]))
			process_look(view, atoi(e->d_name));
	closedir(dir);
}
