// SPDX-License-Identifier: MIT
/*
 * Which of an export's causes of an error it was.
 *
 * The kernel says which page was the cause, so the page can be named: by its
 * reference, or by its address.  Who has not let go of one is seen in what a
 * query counts.
 */
#include <errno.h>

#include "explain.h"
#include "look.h"

#define MODULE_LIMIT	"max_export_mib"

static bool makes(const struct why *w)
{
	return is_call(w, XGM_CALL_EXPORT_GRANTS) ||
	       is_call(w, XGM_CALL_EXPORT_FRAMES);
}

/* By reference, or else by address. */
static bool by_grants(const struct why *w)
{
	return is_call(w, XGM_CALL_EXPORT_GRANTS);
}

static uint32_t right(const struct why *w)
{
	return by_grants(w) ? XEN_GPUMEM_RIGHT_EXPORT_GRANTS :
			      XEN_GPUMEM_RIGHT_EXPORT_FRAMES;
}

/* --- pages ----------------------------------------------------------------- */

/* How many were asked for. */
static uint64_t pages(const struct why *w)
{
	uint64_t nr, sum = 0;

	if (by_grants(w))
		return w->a.count;
	for (uint32_t i = 0; w->a.frames && i < w->a.count; i++) {
		nr = w->a.frames[i].length / XGM_PAGE;
		sum = nr < UINT32_MAX - sum ? sum + nr : UINT32_MAX;
	}
	return sum;
}

/* The address of one of them.  Return: whether there is such a page */
static bool page_address(const struct why *w, uint64_t page, uint64_t *gpa)
{
	uint64_t nr;

	for (uint32_t i = 0; w->a.frames && i < w->a.count; i++) {
		nr = w->a.frames[i].length / XGM_PAGE;
		if (page < nr) {
			*gpa = w->a.frames[i].gpa + page * XGM_PAGE;
			return true;
		}
		page -= nr;
	}
	return false;
}

/* Name the page that was the cause.  Return: whether one is known */
static bool say_page(const struct why *w)
{
	uint64_t gpa;

	if (by_grants(w)) {
		if (!w->a.refs || w->a.failed >= w->a.count)
			return false;
		say(w, "grant reference %u (at index %u)",
		    w->a.refs[w->a.failed], w->a.failed);
		return true;
	}
	if (!page_address(w, w->a.failed, &gpa))
		return false;
	say(w, "guest address 0x%llx (page %u)", (ull)gpa, w->a.failed);
	return true;
}

/* --- making ---------------------------------------------------------------- */

static bool bad_frames(const struct why *w)
{
	if (w->a.count > XEN_GPUMEM_MAX_FRAMES) {
		say(w, "%u ranges, more than %u", w->a.count,
		    XEN_GPUMEM_MAX_FRAMES);
		return true;
	}
	for (uint32_t i = 0; w->a.frames && i < w->a.count; i++) {
		const struct xen_gpumem_frames *f = &w->a.frames[i];

		if (f->length && !((f->gpa | f->length) % XGM_PAGE) &&
		    f->gpa + f->length - 1 >= f->gpa)
			continue;
		say(w, "range %u, 0x%llx+0x%llx, is empty, wraps, or is not made of multiples of 4096",
		    i, (ull)f->gpa, (ull)f->length);
		return true;
	}
	return false;
}

static bool malformed(const struct why *w)
{
	const uint32_t known = XEN_GPUMEM_EXPORT_READONLY |
			       XEN_GPUMEM_EXPORT_CLOEXEC |
			       XEN_GPUMEM_EXPORT_REVOCABLE;

	if (w->a.flags & ~known)
		say(w, "unknown flags 0x%x", w->a.flags & ~known);
	else if (!w->a.count)
		say(w, "no page was named");
	else
		return !by_grants(w) && bad_frames(w);
	return true;
}

static bool not_permitted(const struct why *w)
{
	struct xen_gpumem_info info;

	if (xgm_why_lacks_rights(w, right(w)))
		return true;
	if (xgm_info(w->fd, &info, sizeof(info)))
		return false;
	say(w, "this descriptor has the right, but the hypervisor's policy forbids it");
	return true;
}

static bool no_access(const struct why *w)
{
	const char *outside = "lies outside of the descriptor's ranges";
	struct xgm_usage usage;

	if (!say_page(w))
		return false;
	if (!by_grants(w) || (w->a.flags & XEN_GPUMEM_EXPORT_READONLY))
		say(w, " %s", outside);
	else if (!xgm_usage_get(w->fd, &usage, sizeof(usage)) && !usage.ranges)
		say(w, " is granted for reading only: READONLY would do");
	else
		say(w, " %s, or is granted for reading only", outside);
	return true;
}

static bool not_there(const struct why *w)
{
	if (!say_page(w))
		return false;
	say(w, " %s", by_grants(w) ?
	    "is not granted to this domain, or is of no memory" :
	    "is no RAM of the guest's");
	return true;
}

static bool paged_out(const struct why *w)
{
	if (!say_page(w))
		return false;
	say(w, " has been taken out by the guest's pager: call again");
	return true;
}

static bool too_much(const struct why *w)
{
	uint64_t most = xgm_look_parameter(MODULE_LIMIT);
	uint64_t bytes = pages(w) * XGM_PAGE;
	struct xgm_usage usage;

	if (most && bytes > most << 20) {
		say(w, "an export may have %llu MiB: see the module's parameter "
		    MODULE_LIMIT, (ull)most);
		return true;
	}
	if (xgm_usage_get(w->fd, &usage, sizeof(usage)))
		return false;
	if (!xgm_why_at_limit(w, "export", "exports", &usage.exports, 1) &&
	    !xgm_why_at_limit(w, "byte in exports", "bytes in exports",
			      &usage.export_bytes, bytes))
		say(w, "a limit of a descriptor that this one was derived from: exports, or bytes in them");
	return true;
}

static bool explain_making(const struct why *w, int err)
{
	switch (err) {
	case EINVAL:
		return malformed(w);
	case EPERM:
		return not_permitted(w);
	case EACCES:
		return no_access(w);
	case ENXIO:
		return not_there(w);
	case EAGAIN:
		return paged_out(w);
	case ENOSPC:
		return too_much(w);
	default:
		return false;
	}
}

/* --- what became of it ----------------------------------------------------- */

static bool unknown(const struct why *w)
{
	if (is_call(w, XGM_CALL_EXPORT_QUERY) &&
	    (w->a.flags & XEN_GPUMEM_EXPORT_QUERY_NEXT))
		say(w, "this descriptor has no export after %u", w->a.id);
	else
		say(w, "this descriptor has no export %u: another one made it, or its last user is gone",
		    w->a.id);
	return true;
}

/* Who has it still? */
static bool in_use(const struct why *w, int err)
{
	struct xen_gpumem_export_query q;

	if (xgm_export_query(w->fd, w->a.id, &q, sizeof(q)))
		return false;
	if (err == EBUSY && q.out_static)
		say(w, "nothing was changed: importers that cannot let go have mappings for DMA (%u)",
		    q.out_static);
	else if (err != EBUSY && (q.out_mapped || q.out_vmaps))
		say(w, "mappings for DMA (%u) and of the kernel's (%u) are not gone yet, but no new use is possible: call again to wait on",
		    q.out_mapped, q.out_vmaps);
	else
		return false;
	return true;
}

bool xgm_explain_export(const struct why *w, int err)
{
	if (makes(w))
		return explain_making(w, err);
	if (!is_call(w, XGM_CALL_EXPORT_REVOKE) &&
	    !is_call(w, XGM_CALL_EXPORT_QUERY))
		return false;
	switch (err) {
	case ENOENT:
		return unknown(w);
	case EBUSY:
	case ETIMEDOUT:
	case EINTR:
		return is_call(w, XGM_CALL_EXPORT_REVOKE) && in_use(w, err);
	default:
		return false;
	}
}
