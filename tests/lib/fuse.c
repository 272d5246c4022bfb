// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that a process of the test's own serves, by FUSE: each page comes when
 * the test says so, or not at all.
 *
 * What makes such a file a disk that is slow, or broken, is that its pages are
 * asked for in the middle of somebody's page fault, and whoever asks waits
 * there.  The kernel is told not to read ahead, so that each page is asked for
 * by itself.
 *
 * The server is one process without threads: a request that is held is put
 * aside, and the others are served.  It ends with the test, whose file is as
 * good as unplugged then.
 */
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "xgt.h"

#define FILE_ID		2
#define NAME		"file"
#define HELD		16
/* More than the kernel asks for at a time. */
#define MOST		(256 * KIB)

struct request {
	struct fuse_in_header head;
	union {
		struct fuse_read_in read;
		char bytes[MOST];
	} arg;
};

struct held {
	uint64_t unique, offset, length;
};

struct server {
	const struct served *file;
	uint64_t seed;
	int dev;
	struct held held[HELD];
	unsigned int nr_held;
};

static void reply(struct server *s, uint64_t unique, int error,
		  const void *data, size_t length)
{
	struct fuse_out_header head = {
		.len = sizeof(head) + length, .error = -error, .unique = unique,
	};
	struct iovec iov[2] = {
		{ &head, sizeof(head) }, { (void *)data, length },
	};

	/* Whoever asked may have given up: then there is no such request. */
	if (writev(s->dev, iov, 2) < 0 && errno != ENOENT)
		_exit(0);
}

static struct fuse_attr attributes(const struct server *s, uint64_t id)
{
	if (id == FUSE_ROOT_ID)
		return (struct fuse_attr){
			.ino = id, .mode = S_IFDIR | 0755, .nlink = 2,
			.blksize = PAGE,
		};
	return (struct fuse_attr){
		.ino = id, .size = s->file->length,
		.blocks = s->file->length / 512, .mode = S_IFREG | 0600,
		.nlink = 1, .blksize = PAGE,
	};
}

/* --- reading ------------------------------------------------------------------- */

/* What the test wants of the pages in a range: the worst of them counts. */
static enum served_state state_of(const struct server *s, uint64_t offset,
				  uint64_t length)
{
	enum served_state worst = SERVED_GIVE;

	for (uint64_t at = offset; at < offset + length; at += PAGE) {
		enum served_state state = s->file->page[at / PAGE].state;

		if (state > worst)
			worst = state;
	}
	return worst;
}

/* Answer a request to read, unless it is to wait.  Return: it was answered. */
static bool answer_read(struct server *s, const struct held *h)
{
	static uint64_t data[MOST / 8];

	switch (state_of(s, h->offset, h->length)) {
	case SERVED_HOLD:
		return false;
	case SERVED_FAIL:
		reply(s, h->unique, EIO, NULL, 0);
		return true;
	default:
		for (uint64_t i = 0; i < h->length / 8; i++)
			data[i] = xg_pattern(s->seed, h->offset + i * 8);
		reply(s, h->unique, 0, data, h->length);
		return true;
	}
}

static void do_read(struct server *s, const struct request *r)
{
	struct held h = {
		.unique = r->head.unique, .offset = r->arg.read.offset,
		.length = r->arg.read.size,
	};

	if (h.offset >= s->file->length || h.length > MOST) {
		reply(s, h.unique, 0, NULL, 0);
		return;
	}
	if (h.length > s->file->length - h.offset)
		h.length = s->file->length - h.offset;
	for (uint64_t at = h.offset; at < h.offset + h.length; at += PAGE)
		s->file->page[at / PAGE].asked++;
	if (answer_read(s, &h))
		return;
	if (s->nr_held == HELD)
		_exit(1);
	s->held[s->nr_held++] = h;
}

/* What was held may be let go by now. */
static void look_at_held(struct server *s)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < s->nr_held; i++)
		if (!answer_read(s, &s->held[i]))
			s->held[left++] = s->held[i];
	s->nr_held = left;
}

/* --- everything else --------------------------------------------------------------- */

static void do_init(struct server *s, const struct request *r)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = 0, .max_write = PAGE, .time_gran = 1,
	};

	reply(s, r->head.unique, 0, &out, sizeof(out));
}

static void do_lookup(struct server *s, const struct request *r)
{
	struct fuse_entry_out out = {
		.nodeid = FILE_ID, .entry_valid = 3600, .attr_valid = 3600,
		.attr = attributes(s, FILE_ID),
	};

	if (strcmp(r->arg.bytes, NAME))
		reply(s, r->head.unique, ENOENT, NULL, 0);
	else
		reply(s, r->head.unique, 0, &out, sizeof(out));
}

static void do_getattr(struct server *s, const struct request *r)
{
	struct fuse_attr_out out = {
		.attr_valid = 3600, .attr = attributes(s, r->head.nodeid),
	};

	reply(s, r->head.unique, 0, &out, sizeof(out));
}

static void do_open(struct server *s, const struct request *r)
{
	struct fuse_open_out out = {
		.open_flags = FOPEN_KEEP_CACHE | FOPEN_NOFLUSH,
	};

	reply(s, r->head.unique, 0, &out, sizeof(out));
}

static void serve_one(struct server *s, const struct request *r)
{
	switch (r->head.opcode) {
	case FUSE_INIT:
		do_init(s, r);
		break;
	case FUSE_LOOKUP:
		do_lookup(s, r);
		break;
	case FUSE_GETATTR:
		do_getattr(s, r);
		break;
	case FUSE_OPEN:
		do_open(s, r);
		break;
	case FUSE_READ:
		do_read(s, r);
		break;
	case FUSE_RELEASE:
		reply(s, r->head.unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		reply(s, r->head.unique, ENOSYS, NULL, 0);
	}
}

static void serve(void *arg)
{
	static struct request r;
	struct server *s = arg;
	struct pollfd p = { .fd = s->dev, .events = POLLIN };

	for (;;) {
		if (poll(&p, 1, s->nr_held ? 2 : -1) < 0)
			_exit(1);
		look_at_held(s);
		if (!p.revents)
			continue;
		if (read(s->dev, &r, sizeof(r)) >= (ssize_t)sizeof(r.head))
			serve_one(s, &r);
		else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
			_exit(0);	/* it is unmounted */
	}
}

/**
 * served_new - a file that is read from the test
 * @f: filled in.  A page's state may be changed at any time, but what the
 *	kernel has read it does not ask for again
 * @length: bytes, a multiple of pages
 * @seed: pattern of what is in it
 */
void served_new(struct served *f, uint64_t length, uint64_t seed)
{
	struct server s = { .file = f, .seed = seed };
	char dir[64], path[80], options[96];

	f->length = length;
	f->page = mmap(NULL, length / PAGE * sizeof(*f->page),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);
	CHECK(f->page != MAP_FAILED);
	s.dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (s.dev < 0)
		xgt_skip("/dev/fuse: %s", strerror(errno));
	snprintf(dir, sizeof(dir), "/tmp/served-%d", getpid());
	snprintf(path, sizeof(path), "%s/%s", dir, NAME);
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", s.dev);
	if (mkdir(dir, 0755) ||
	    mount("served", dir, "fuse", MS_NOSUID | MS_NODEV, options))
		FAIL("mounting a file system of our own: %s", strerror(errno));
	f->server = xgt_fork(serve, &s);
	close(s.dev);
	f->fd = open(path, O_RDWR | O_CLOEXEC);
	if (f->fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	/* It lives as long as the file is open. */
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}
