// SPDX-License-Identifier: MIT
/*
 * Events: records that are read from a domain fd.
 *
 * Each begins with its own size, and a later kernel may have longer ones than
 * are known here, or an earlier one shorter ones than the caller knows.  So
 * records are copied out, never pointed to.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

/* Of the first version. */
#define RECORD_MIN	(offsetof(struct xen_gpumem_event, access) + \
			 sizeof(uint32_t))
/* Longer ones than this are not believed in. */
#define RECORD_MAX	4096

int xgm_event_wait(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ret = poll(&p, 1, timeout_ms);

	if (ret < 0)
		return -errno;
	if (p.revents & POLLNVAL)
		return -EBADF;
	return ret;
}

ssize_t xgm_event_read(int fd, void *buf, size_t size)
{
	ssize_t ret = read(fd, buf, size);

	return ret < 0 ? -errno : ret;
}

int xgm_event_next(const void *buf, size_t len, size_t *pos,
		   struct xen_gpumem_event *event, size_t size)
{
	const unsigned char *at = buf;
	uint32_t record;

	if (*pos >= len)
		return *pos > len ? -EBADMSG : 0;
	at += *pos;
	if (len - *pos < RECORD_MIN)
		return -EBADMSG;
	memcpy(&record, at, sizeof(record));
	if (record < RECORD_MIN || record > len - *pos || record % 8)
		return -EBADMSG;
	memset(event, 0, size);
	memcpy(event, at, record < size ? record : size);
	*pos += record;
	return 1;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/*
 * One record and no more, however long the kernel's are: with room for less
 * than two of the shortest that would not fit before.
 */
static int read_one(int fd, struct xen_gpumem_event *event, size_t size)
{
	unsigned char buf[RECORD_MAX];
	size_t room, pos = 0;
	ssize_t n = -EINVAL;

	for (room = 2 * RECORD_MIN - 1; n == -EINVAL && room <= sizeof(buf);
	     room = 2 * room + 1)
		n = xgm_event_read(fd, buf, room);
	if (n <= 0)
		return n;
	return xgm_event_next(buf, n, &pos, event, size);
}

int xgm_event_get(int fd, struct xen_gpumem_event *event, size_t size,
		  int timeout_ms)
{
	int64_t end = now_ms() + timeout_ms, left;
	int ret;

	if (size < sizeof(event->size))
		return -EINVAL;
	for (;;) {
		left = end - now_ms();
		if (timeout_ms < 0)
			left = -1;
		else if (left < 0)
			left = 0;
		ret = xgm_event_wait(fd, left);
		if (ret < 0)
			return ret;
		if (!ret)
			return -ETIMEDOUT;
		ret = read_one(fd, event, size);
		/* Another reader was quicker. */
		if (ret != -EAGAIN)
			return ret;
	}
}

static void format_fault(struct xgm_text *text,
			 const struct xen_gpumem_event *event)
{
	const char *name = xgm_errno_name(event->error);
	char access[64];

	xgm_access_format(event->access, access, sizeof(access));
	xgm_text_add(text,
		     "window %u: %u access%s (%s) at 0x%llx, %llu bytes, failed: %s",
		     event->window, event->count,
		     event->count == 1 ? "" : "es", access,
		     (unsigned long long)event->offset,
		     (unsigned long long)event->length,
		     xgm_strerror(XGM_CALL_EVENT, event->error));
	if (name)
		xgm_text_add(text, " (%s)", name);
}

int xgm_event_format(const struct xen_gpumem_event *event, char *buf,
		     size_t size)
{
	struct xgm_text text = { .buf = buf, .size = size };

	switch (event->type) {
	case XEN_GPUMEM_EVENT_FAULT:
		format_fault(&text, event);
		break;
	case XEN_GPUMEM_EVENT_ORPHAN:
		xgm_text_add(&text,
			     "window %u: the process behind %u binding%s from 0x%llx to 0x%llx is gone",
			     event->window, event->count,
			     event->count == 1 ? "" : "s",
			     (unsigned long long)event->offset,
			     (unsigned long long)(event->offset +
						  event->length));
		break;
	case XEN_GPUMEM_EVENT_GONE:
		xgm_text_add(&text, "the guest is gone");
		break;
	case XEN_GPUMEM_EVENT_OVERFLOW:
		xgm_text_add(&text, "%u records were dropped unread",
			     event->count);
		break;
	default:
		xgm_text_add(&text, "an event of unknown type %u",
			     event->type);
	}
	return text.len;
}
