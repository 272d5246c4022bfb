// SPDX-License-Identifier: MIT
/*
 * Which of the causes of an error it was that references were not given, or not
 * taken back.
 *
 * The buffer is there to be looked at, and nothing is done to it.  Whether a
 * reference is mapped could be found out by a release only, which would end it:
 * so what the call has told has to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "explain.h"
#include "look.h"

#define MODULE_LIMIT	"max_grants"

static bool malformed(const struct why *w)
{
	if (w->a.flags & ~XEN_GPUMEM_GRANT_READONLY)
		say(w, "unknown flags 0x%x",
		    w->a.flags & ~XEN_GPUMEM_GRANT_READONLY);
	else if (!w->a.count)
		say(w, "no page was asked for");
	else if (w->a.offset % XGM_PAGE)
		say(w, "the offset 0x%llx is not a multiple of 4096",
		    (ull)w->a.offset);
	else
		return false;
	return true;
}

static bool not_permitted(const struct why *w)
{
	struct xen_gpumem_info info;

	if (xgm_why_lacks_rights(w, XEN_GPUMEM_RIGHT_GRANT))
		return true;
	if (xgm_info(w->fd, &info, sizeof(info)))
		return false;
	say(w, "this descriptor has the right, but the hypervisor's policy has come to forbid it");
	return true;
}

/* Both descriptors can be meant. */
static bool no_buffer(const struct why *w)
{
	int fd = fcntl(w->fd, F_GETFD) < 0 ? w->fd : w->a.source;

	if (fcntl(fd, F_GETFD) < 0)
		say(w, "descriptor %d is not open", fd);
	else
		say(w, "descriptor %d is no dma-buf's", w->a.source);
	return true;
}

static bool outside(const struct why *w)
{
	struct stat st;

	if (fstat(w->a.source, &st))
		return false;
	say(w, "the buffer has 0x%llx bytes; 0x%llx were asked for, from 0x%llx on",
	    (ull)st.st_size, w->a.count * XGM_PAGE, (ull)w->a.offset);
	return true;
}

static bool not_ours(const struct why *w)
{
	if (w->a.failed >= w->a.count)
		return false;
	say(w, "page %llu of the buffer (at index %u) is not in system memory of this domain's own: it is in video memory, or a guest's",
	    (ull)(w->a.offset / XGM_PAGE + w->a.failed), w->a.failed);
	return true;
}

static bool too_many(const struct why *w)
{
	uint64_t most = xgm_look_parameter(MODULE_LIMIT);
	struct xgm_usage usage;

	if (xgm_usage_get(w->fd, &usage, sizeof(usage)))
		return false;
	if (xgm_why_at_limit(w, "grant reference", "grant references",
			     &usage.grants, w->a.count))
		return true;
	if (most && w->a.count > most)
		say(w, "all descriptors together may have %llu grant references, and %u were asked for: see the module's parameter "
		    MODULE_LIMIT, (ull)most, w->a.count);
	else
		say(w, "a limit of a descriptor that this one was derived from, or of all together (the module's parameter "
		    MODULE_LIMIT "): grant references");
	return true;
}

static bool explain_giving(const struct why *w, int err)
{
	switch (err) {
	case EINVAL:
		return malformed(w);
	case EPERM:
		return not_permitted(w);
	case EBADF:
		return no_buffer(w);
	case ERANGE:
		return outside(w);
	case EREMOTEIO:
		return not_ours(w);
	case ENOSPC:
		return too_many(w);
	default:
		return false;
	}
}

static bool explain_taking(const struct why *w, int err)
{
	switch (err) {
	case ENOENT:
		say(w, "this descriptor has given no references of number %u: another one did, or they were released",
		    w->a.id);
		return true;
	case EINVAL:
		say(w, "a release waits for %u ms at most",
		    XEN_GPUMEM_GRANT_MAX_WAIT_MS);
		return true;
	case EBUSY:
	case ETIMEDOUT:
	case EINTR:
		if (!w->a.count)
			return false;
		say(w, "references that the guest has mapped still: %u; the others have ended",
		    w->a.count);
		return true;
	default:
		return false;
	}
}

bool xgm_explain_grant(const struct why *w, int err)
{
	if (is_call(w, XGM_CALL_GRANT))
		return explain_giving(w, err);
	return is_call(w, XGM_CALL_GRANT_RELEASE) && explain_taking(w, err);
}
