// SPDX-License-Identifier: MIT
/*
 * Who has dma-bufs of guests' pages: all processes are looked at.
 *
 * Of a dma-buf that is open somewhere its fdinfo says which driver made it; a
 * mapping has only its inode.  So what no process has open any more is not
 * found, be it mapped or imported by a device: what an export's own query counts
 * tells that it is there.
 *
 * A dma-buf's name is its users' to choose, with any bytes in it, and nothing is
 * concluded from it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "observe.h"

#define LINK		"/dmabuf:"
/* As the kernel names a module. */
#define EXPORTER	"xen_gpumem"

/* The value of the first line of that name, or NULL. */
static const char *value(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text && (strncmp(text, name, len) || text[len] != ':')) {
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return text ? text + len + 1 + strspn(text + len + 1, "\t ") : NULL;
}

static uint64_t number_of(const char *text, const char *name)
{
	const char *at = value(text, name);

	return at ? strtoull(at, NULL, 10) : 0;
}

static struct view_buffer *buffer_of(struct view *v, uint64_t inode)
{
	for (size_t i = 0; i < v->nr_buffers; i++)
		if (v->buffers[i].inode == inode)
			return &v->buffers[i];
	return NULL;
}

static struct view_buffer *buffer_new(struct view *v, const char *text,
				      uint64_t inode)
{
	const char *name = value(text, "name");
	struct view_buffer *b;

	v->buffers = view_append(v->buffers, &v->nr_buffers, sizeof(*b));
	b = &v->buffers[v->nr_buffers - 1];
	b->inode = inode;
	b->bytes = number_of(text, "size");
	if (name)
		snprintf(b->name, sizeof(b->name), "%.*s",
			 (int)strcspn(name, "\n"), name);
	return b;
}

static struct view_user *user_add(struct view_buffer *b, int pid, int fd)
{
	struct view_user *user;

	b->users = view_append(b->users, &b->nr_users, sizeof(*user));
	user = &b->users[b->nr_users - 1];
	user->pid = pid;
	user->fd = fd;
	process_name(pid, user->comm);
	return user;
}

static void open_found(struct view *v, int pid, int fd, const char *link)
{
	const char *exporter;
	struct view_buffer *b;
	char path[64], text[4096];
	uint64_t inode;

	if (strncmp(link, LINK, strlen(LINK)))
		return;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
	if (!read_small(path, text, sizeof(text)))
		return;
	/* Before the name, which could hold such a line. */
	exporter = value(text, "exp_name");
	inode = number_of(text, "ino");
	if (!exporter || !inode ||
	    strcspn(exporter, "\n") != strlen(EXPORTER) ||
	    strncmp(exporter, EXPORTER, strlen(EXPORTER)))
		return;
	b = buffer_of(v, inode);
	if (!b)
		b = buffer_new(v, text, inode);
	user_add(b, pid, fd);
}

/* A line of /proc/PID/maps. */
static void mapping_line(struct view *v, int pid, const char *line)
{
	uint64_t start, end, inode;
	struct view_buffer *b;
	struct view_user *user;
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %" SCNu64 " %n",
		   &start, &end, &inode, &at) != 3 || !at ||
	    strncmp(line + at, LINK, strlen(LINK)))
		return;
	b = buffer_of(v, inode);
	if (!b)
		return;
	user = b->nr_users ? &b->users[b->nr_users - 1] : NULL;
	if (!user || user->pid != pid || user->fd != -1)
		user = user_add(b, pid, -1);
	user->mapped += end - start;
}

static void mappings_look(struct view *v, int pid)
{
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &room, f) > 0)
		mapping_line(v, pid, line);
	free(line);
	fclose(f);
}

void buffers_find(struct view *view)
{
	processes_each(view, NULL, open_found);
	if (view->nr_buffers)
		processes_each(view, mappings_look, NULL);
}
