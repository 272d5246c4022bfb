// SPDX-License-Identifier: MIT
/*
 * Who holds domain fds: all processes are looked at, and all their descriptors.
 *
 * Some questions only the driver can answer, to who has the descriptor.  It is
 * borrowed for a moment then (pidfd_getfd).  Its process may have put another
 * file in its place meanwhile, one of its choice: that is looked at first, as
 * we make calls on it as root.
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

bool read_small(const char *path, char *text, size_t size)
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

static bool is_domain_fd(int fd)
{
	char path[64], link[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return false;
	link[n] = '\0';
	return !strcmp(link, LINK);
}

/* A holder's descriptor, as one of our own; -1: it cannot be had. */
static int borrow(const struct view_holder *holder)
{
	int pidfd = syscall(SYS_pidfd_open, holder->pid, 0), fd;

	if (pidfd < 0)
		return -1;
	fd = syscall(SYS_pidfd_getfd, pidfd, holder->fd, 0);
	close(pidfd);
	if (fd < 0 || is_domain_fd(fd))
		return fd;
	close(fd);
	return -1;
}

/* Whose windows are these, and where are their pages? */
static void ask_windows(struct view_domain *d, int owner, int fd)
{
	struct xen_gpumem_window_query q;

	for (size_t i = 0; i < d->nr_windows; i++) {
		struct view_window *w = &d->windows[i];

		if (w->asked || xgm_window_query(fd, w->id, 0, 0, &q,
						 sizeof(q)))
			continue;
		w->asked = true;
		w->owner = owner;
		w->lent = q.out_pages;
		w->writable = q.out_writable;
		w->io = q.out_io;
		w->noncacheable = q.out_noncacheable;
	}
}

/* What was exported through it, and who has that? */
static void ask_exports(struct view_holder *holder, int fd)
{
	struct xen_gpumem_export_query q = { .id = 0 };

	/* It can make new ones as fast as we ask. */
	while (!xgm_export_next(fd, q.id, &q, sizeof(q))) {
		holder->more_exports = holder->nr_exports == EXPORTS_MAX;
		if (holder->more_exports)
			break;
		holder->exports = view_append(holder->exports,
					      &holder->nr_exports, sizeof(q));
		holder->exports[holder->nr_exports - 1] = q;
	}
}

static void ask(struct view_domain *d, struct view_holder *holder)
{
	bool windows = d->nr_windows && holder->usage.windows.used;
	bool exports = holder->usage.rights & RIGHTS_EXPORT;
	int fd;

	if (!windows && !exports)
		return;
	fd = borrow(holder);
	if (fd < 0)
		return;
	if (windows)
		ask_windows(d, holder->pid, fd);
	if (exports)
		ask_exports(holder, fd);
	close(fd);
}

void process_name(int pid, char name[32])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (!read_small(path, name, 32))
		name[0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

static void holder_found(struct view *v, int pid, int fd, const char *link)
{
	struct view_holder holder = { .pid = pid, .fd = fd };
	struct view_domain *d;
	char path[64], text[4096];

	if (strcmp(link, LINK))
		return;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (!read_small(path, text, sizeof(text)) ||
	    xgm_usage_parse(text, &holder.usage, sizeof(holder.usage)))
		return;
	d = domain_of(v, &holder.usage);
	if (!d)
		return;
	process_name(pid, holder.comm);
	ask(d, &holder);
	d->holders = view_append(d->holders, &d->nr_holders, sizeof(holder));
	d->holders[d->nr_holders - 1] = holder;
}

static void descriptors_each(struct view *v, int pid, look_at_fd *look)
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
		look(v, pid, atoi(e->d_name), link);
	}
	closedir(dir);
}

void processes_each(struct view *v, look_at_process *process,
		    look_at_fd *descriptor)
{
	struct dirent *e;
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		return;
	while ((e = readdir(dir))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		if (process)
			process(v, atoi(e->d_name));
		if (descriptor)
			descriptors_each(v, atoi(e->d_name), descriptor);
	}
	closedir(dir);
}

void holders_find(struct view *view)
{
	if (view->nr_domains)
		processes_each(view, NULL, holder_found);
}
