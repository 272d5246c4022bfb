// SPDX-License-Identifier: MIT
/*
 * Which of an error's causes it was.
 *
 * One errno has several causes in places, as calls of the kernel do.  What
 * tells them apart can often be seen afterwards: in the arguments themselves,
 * by a query of the window, in the descriptor's counters, at the file that was
 * to be lent; what else /proc and /sys tell is in seen.c.  Each function here
 * looks at the causes of one errno, says which one it found, and otherwise
 * leaves the word to the table of xgm_strerror().  Where all but one can be
 * ruled out, it is that one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "explain.h"
#include "look.h"

#ifndef F_GET_SEALS
#define F_GET_SEALS	1034
#endif
#ifndef F_SEAL_WRITE
#define F_SEAL_WRITE	0x0008
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x0010
#endif
#define HUGETLBFS	0x958458f6

/* Does the call name a range in a window? */
static bool has_range(const struct why *w)
{
	switch (w->a.call) {
	case XGM_CALL_BIND:
	case XGM_CALL_BIND_FD:
	case XGM_CALL_UNBIND:
	case XGM_CALL_POPULATE:
	case XGM_CALL_WINDOW_QUERY:
		return true;
	default:
		return false;
	}
}

static bool is_bind(const struct why *w)
{
	return is_call(w, XGM_CALL_BIND) || is_call(w, XGM_CALL_BIND_FD);
}

static bool has_limits(const struct why *w)
{
	return is_call(w, XGM_CALL_DOMAIN_OPEN) ||
	       is_call(w, XGM_CALL_DOMAIN_DERIVE);
}

static bool has_gpa(const struct why *w)
{
	return is_call(w, XGM_CALL_WINDOW_ADD) ||
	       is_call(w, XGM_CALL_WINDOW_MOVE);
}

/* One page of the attempt's window. */
static int query_page(const struct why *w, uint64_t offset)
{
	struct xen_gpumem_window_query q;

	return xgm_window_query(w->fd, w->a.window, offset, XGM_PAGE, &q,
				sizeof(q));
}

/* Pages that are bound in the attempt's range, or a negative errno. */
static int64_t query_bound(const struct why *w)
{
	struct xen_gpumem_window_query q;
	int ret;

	ret = xgm_window_query(w->fd, w->a.window, w->a.offset, w->a.length,
			       &q, sizeof(q));
	return ret ? ret : (int64_t)q.out_bound;
}

/* --- EINVAL ---------------------------------------------------------------- */

static bool unaligned(const struct why *w, const char *what, uint64_t n)
{
	if (!(n % XGM_PAGE))
		return false;
	say(w, "%s 0x%llx is not a multiple of 4096", what, (ull)n);
	return true;
}

static bool bad_length(const struct why *w)
{
	if (!w->a.length && !is_call(w, XGM_CALL_WINDOW_QUERY)) {
		say(w, "the length is zero");
		return true;
	}
	return unaligned(w, "the length", w->a.length);
}

static bool wraps(const struct why *w, const char *what, uint64_t first)
{
	if (!w->a.length || first + w->a.length - 1 >= first)
		return false;
	say(w, "%s and the length together wrap", what);
	return true;
}

static bool bad_window(const struct why *w)
{
	if (w->a.gpa != XEN_GPUMEM_PARKED &&
	    unaligned(w, "the guest address", w->a.gpa))
		return true;
	if (!is_call(w, XGM_CALL_WINDOW_ADD)) {
		say(w, "the guest address and the window's length together wrap");
		return true;
	}
	if (bad_length(w) || (w->a.gpa != XEN_GPUMEM_PARKED &&
			      wraps(w, "the guest address", w->a.gpa)))
		return true;
	if (xgm_policy_name(w->a.policy))
		return false;
	say(w, "%u is not the number of a policy", w->a.policy);
	return true;
}

/* Huge pages are lent whole. */
static bool cuts_huge_page(const struct why *w)
{
	struct statfs fs;

	if (fstatfs(w->a.source, &fs) ||
	    (unsigned int)fs.f_type != HUGETLBFS ||
	    !((w->a.address | w->a.length) % fs.f_bsize))
		return false;
	say(w, "the file has huge pages: offset and length must be multiples of %llu",
	    (ull)fs.f_bsize);
	return true;
}

/* What is left, where nothing else is wrong, is the last of each. */
static void bad_address(const struct why *w)
{
	if (unaligned(w, "the address", w->a.address) ||
	    wraps(w, "the address", w->a.address))
		return;
	say(w, "the addresses from 0x%llx to 0x%llx are none that a process can have",
	    (ull)w->a.address, (ull)(w->a.address + w->a.length));
}

static void bad_file_range(const struct why *w)
{
	if (unaligned(w, "the offset in the file", w->a.address) ||
	    wraps(w, "the offset in the file", w->a.address) ||
	    cuts_huge_page(w))
		return;
	say(w, "the file does not let that range of it be mapped");
}

static bool bad_bind(const struct why *w)
{
	const uint32_t known = XEN_GPUMEM_BIND_READONLY |
			       XEN_GPUMEM_BIND_WRITE_FIRST |
			       XEN_GPUMEM_BIND_REPLACE;
	const char *name = xgm_policy_name(w->a.policy);

	if (w->a.flags & ~known)
		say(w, "unknown flags 0x%x", w->a.flags & ~known);
	else if (w->a.policy == XEN_GPUMEM_POLICY_MMIO || !name)
		say(w, "a binding's policy is inject or zero, not %s",
		    name ? name : "a number that means nothing");
	else if (is_call(w, XGM_CALL_BIND))
		bad_address(w);
	else
		bad_file_range(w);
	return true;
}

static bool bad_limits(const struct why *w)
{
	const uint32_t ranged = XEN_GPUMEM_RIGHT_LEND |
				XEN_GPUMEM_RIGHT_EXPORT_GRANTS |
				XEN_GPUMEM_RIGHT_EXPORT_FRAMES;
	const uint32_t all = ranged | XEN_GPUMEM_RIGHT_REMOVE |
			     XEN_GPUMEM_RIGHT_GRANT;

	if (!w->l.rights) {
		say(w, "no right was asked for");
		return true;
	}
	if (w->l.rights & ~all) {
		say(w, "unknown rights 0x%x", w->l.rights & ~all);
		return true;
	}
	if (w->l.nr_ranges > XEN_GPUMEM_MAX_RANGES) {
		say(w, "%u ranges, more than %u", w->l.nr_ranges,
		    XEN_GPUMEM_MAX_RANGES);
		return true;
	}
	if (w->l.pad) {
		say(w, "the field pad of the limits is not zero");
		return true;
	}
	if (w->l.generation && is_call(w, XGM_CALL_DOMAIN_DERIVE)) {
		say(w, "a descriptor cannot be derived for another generation");
		return true;
	}
	if (w->l.ranges && !w->l.nr_ranges) {
		say(w, "there are ranges, and the number of them is zero");
		return true;
	}
	for (uint32_t i = 0; w->l.ranges && i < w->l.nr_ranges; i++) {
		const struct xen_gpumem_range *r = &w->l.ranges[i];

		if (!(r->right & ranged & w->l.rights) ||
		    (r->right & (r->right - 1)))
			say(w, "range %u is not for one of the rights that were asked for",
			    i);
		else if (r->__reserved)
			say(w, "range %u has a reserved field that is not zero",
			    i);
		else if (!r->length || r->first + r->length <= r->first)
			say(w, "range %u is empty or wraps", i);
		else if (r->right != XEN_GPUMEM_RIGHT_EXPORT_GRANTS &&
			 ((r->first | r->length) % XGM_PAGE))
			say(w, "range %u is not made of multiples of 4096", i);
		else if (r->right == XEN_GPUMEM_RIGHT_EXPORT_GRANTS &&
			 (r->first > UINT32_MAX ||
			  r->length > UINT32_MAX - r->first + 1))
			say(w, "range %u ends past the numbers of grants, which have 32 bits",
			    i);
		else
			continue;
		return true;
	}
	if (!is_call(w, XGM_CALL_DOMAIN_DERIVE) || !w->l.nr_ranges)
		return false;
	say(w, "with those that it keeps of the descriptor above, it would have more than %u ranges",
	    XEN_GPUMEM_MAX_RANGES);
	return true;
}

static bool explain_einval(const struct why *w)
{
	if (has_gpa(w))
		return bad_window(w);
	if (has_limits(w))
		return bad_limits(w);
	if (!has_range(w))
		return false;
	if (bad_length(w) || unaligned(w, "the offset", w->a.offset) ||
	    wraps(w, "the offset", w->a.offset))
		return true;
	if (is_bind(w))
		return bad_bind(w);
	if (is_call(w, XGM_CALL_POPULATE) &&
	    (w->a.flags & ~XEN_GPUMEM_POPULATE_WRITE)) {
		say(w, "unknown flags 0x%x", w->a.flags);
		return true;
	}
	return false;
}

/* --- who may --------------------------------------------------------------- */

bool xgm_why_lacks_rights(const struct why *w, uint32_t wanted)
{
	struct xen_gpumem_info info;
	char names[80];

	if (xgm_info(w->fd, &info, sizeof(info)) ||
	    !(wanted & ~info.out_rights))
		return false;
	xgm_rights_format(wanted & ~info.out_rights, names, sizeof(names));
	say(w, "this descriptor has not the right: %s", names);
	return true;
}

static bool is_sealed(const struct why *w)
{
	int seals;

	if (!is_call(w, XGM_CALL_BIND_FD) ||
	    (w->a.flags & XEN_GPUMEM_BIND_READONLY))
		return false;
	seals = fcntl(w->a.source, F_GET_SEALS);
	if (seals < 0 || !(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return false;
	say(w, "the file is sealed against writing: READONLY would do");
	return true;
}

static bool explain_eperm(const struct why *w)
{
	if (is_call(w, XGM_CALL_DOMAIN_OPEN))
		return xgm_explain_privilege(w);
	if (is_call(w, XGM_CALL_DOMAIN_DERIVE))
		return xgm_why_lacks_rights(w, w->l.rights);
	if (is_call(w, XGM_CALL_WINDOW_ADD) || is_bind(w))
		if (xgm_why_lacks_rights(w, XEN_GPUMEM_RIGHT_LEND))
			return true;
	if (!has_range(w) && !is_call(w, XGM_CALL_WINDOW_MOVE) &&
	    !is_call(w, XGM_CALL_WINDOW_REMOVE))
		return false;
	if (query_page(w, 0) == -EPERM) {
		say(w, "window %u was added through another descriptor",
		    w->a.window);
		if (is_call(w, XGM_CALL_WINDOW_REMOVE))
			say(w, ", and this one has not the right: remove");
		return true;
	}
	if (is_call(w, XGM_CALL_POPULATE)) {
		say(w, "another process bound the memory: it has to populate it");
		return true;
	}
	if (is_sealed(w))
		return true;
	if (!is_call(w, XGM_CALL_BIND_FD))
		return false;
	say(w, "what the file is in, or a policy, does not let it be mapped");
	return true;
}

static bool explain_eacces(const struct why *w)
{
	struct xgm_usage usage;
	int mode;

	if (has_gpa(w) && !xgm_usage_get(w->fd, &usage, sizeof(usage))) {
		say(w, "guest address 0x%llx does not lie in the descriptor's ranges, of which there are %u",
		    (ull)w->a.gpa, usage.ranges);
		return true;
	}
	if (is_call(w, XGM_CALL_DOMAIN_DERIVE) && w->l.ranges &&
	    w->l.nr_ranges == 1) {
		say(w, "the range from 0x%llx on, 0x%llx long, does not lie in those of this descriptor",
		    (ull)w->l.ranges->first, (ull)w->l.ranges->length);
		return true;
	}
	if (!is_call(w, XGM_CALL_BIND_FD))
		return false;
	mode = fcntl(w->a.source, F_GETFL);
	if (mode < 0)
		return false;
	if ((mode & O_ACCMODE) == O_WRONLY)
		say(w, "the file is not open for reading");
	else if ((mode & O_ACCMODE) == O_RDONLY &&
		 !(w->a.flags & XEN_GPUMEM_BIND_READONLY))
		say(w, "the file is open for reading only: READONLY would do");
	else
		say(w, "the file is open for that, but can only be appended to, or a policy does not let it be mapped");
	return true;
}

/* --- what is where --------------------------------------------------------- */

static bool explain_enoent(const struct why *w)
{
	int ret;

	if (is_call(w, XGM_CALL_NODE_OPEN))
		return xgm_explain_node(w);
	if (!has_range(w) && !is_call(w, XGM_CALL_WINDOW_MOVE) &&
	    !is_call(w, XGM_CALL_WINDOW_REMOVE))
		return false;
	ret = query_page(w, 0);
	if (ret == -ENOENT)
		say(w, "there is no window %u", w->a.window);
	else if (!ret && is_call(w, XGM_CALL_UNBIND))
		say(w, "nothing is bound in window %u from 0x%llx on, 0x%llx bytes",
		    w->a.window, (ull)w->a.offset, (ull)w->a.length);
	else if (!ret && is_call(w, XGM_CALL_POPULATE))
		say(w, "nothing is bound in window %u at 0x%llx",
		    w->a.window, (ull)w->a.offset);
	else
		return false;
	return true;
}

/*
 * How long is a window?  There is no call that says so, but one that refuses
 * what lies outside.
 */
static uint64_t window_length(const struct why *w)
{
	uint64_t in = 0, out = 1ULL << 52, middle;

	if (query_page(w, 0))
		return 0;
	while (out - in > 1) {
		middle = in + (out - in) / 2;
		if (query_page(w, middle * XGM_PAGE))
			out = middle;
		else
			in = middle;
	}
	return out * XGM_PAGE;
}

static bool explain_erange(const struct why *w)
{
	struct xen_gpumem_info info;
	uint64_t length;

	if (has_gpa(w)) {
		if (xgm_info(w->fd, &info, sizeof(info)) || !info.out_gpa_end)
			return false;
		say(w, "the guest's addresses end at 0x%llx",
		    (ull)info.out_gpa_end);
		return true;
	}
	length = has_range(w) ? window_length(w) : 0;
	if (!length)
		return false;
	say(w, "window %u has 0x%llx bytes; the range is from 0x%llx to 0x%llx",
	    w->a.window, (ull)length, (ull)w->a.offset,
	    (ull)(w->a.offset + w->a.length));
	return true;
}

static bool explain_eexist(const struct why *w)
{
	int64_t bound;

	if (has_gpa(w))
		return xgm_explain_place(w, is_call(w, XGM_CALL_WINDOW_MOVE) ?
					 window_length(w) : w->a.length);
	if (!is_bind(w))
		return false;
	bound = query_bound(w);
	if (bound <= 0)
		return false;
	if (w->a.flags & XEN_GPUMEM_BIND_REPLACE)
		say(w, "a binding lies across an end of the range: it can be replaced only whole");
	else
		say(w, "%lld of the range's %llu pages are bound already: REPLACE exchanges them",
		    (long long)bound, (ull)(w->a.length / XGM_PAGE));
	return true;
}

/* --- how much -------------------------------------------------------------- */

bool xgm_why_at_limit(const struct why *w, const char *one, const char *many,
		      const struct xgm_use *use, uint64_t more)
{
	if (use->limit == XGM_NO_LIMIT ||
	    (use->used <= use->limit && more <= use->limit - use->used))
		return false;
	say(w, "this descriptor may have %llu %s, has %llu, and %llu more were asked for",
	    (ull)use->limit, use->limit == 1 ? one : many, (ull)use->used,
	    (ull)more);
	return true;
}

static bool no_space_to_bind(const struct why *w, struct xgm_usage *usage)
{
	uint64_t most = xgm_look_parameter("max_binding_mib");
	int64_t bound = 0;

	if (most && w->a.length >> 20 > most) {
		say(w, "a binding may have %llu MiB: see the module's parameter max_binding_mib",
		    (ull)most);
		return true;
	}
	/* What yields is given back first. */
	if (w->a.flags & XEN_GPUMEM_BIND_REPLACE)
		bound = query_bound(w);
	if (bound > 0 && (uint64_t)bound * XGM_PAGE <= usage->bytes.used)
		usage->bytes.used -= bound * XGM_PAGE;
	else if (xgm_why_at_limit(w, "binding", "bindings", &usage->bindings,
				  1))
		return true;
	return xgm_why_at_limit(w, "byte in bindings", "bytes in bindings",
				&usage->bytes, w->a.length);
}

static bool no_space_for_window(const struct why *w,
				const struct xgm_usage *usage)
{
	struct xen_gpumem_info info;

	if (xgm_why_at_limit(w, "window", "windows", &usage->windows, 1))
		return true;
	if (xgm_info(w->fd, &info, sizeof(info)))
		return false;
	if (w->a.length > info.out_max_window)
		say(w, "all windows of a guest may have 0x%llx bytes together",
		    (ull)info.out_max_window);
	else if (!xgm_explain_guest(w, &info))
		say(w, "a descriptor above this one has no window left, or the guest has %u windows, or 0x%llx bytes in windows: more cannot be",
		    info.out_max_windows, (ull)info.out_max_window);
	return true;
}

static bool explain_enospc(const struct why *w)
{
	struct xgm_usage usage;

	if (!is_bind(w) && !is_call(w, XGM_CALL_WINDOW_ADD))
		return false;
	if (xgm_usage_get(w->fd, &usage, sizeof(usage)))
		return false;
	if (is_call(w, XGM_CALL_WINDOW_ADD))
		return no_space_for_window(w, &usage);
	if (no_space_to_bind(w, &usage))
		return true;
	say(w, "a limit of a descriptor that this one was derived from: bindings, or bytes in them");
	return true;
}

static bool explain_emfile(const struct why *w)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return false;
	say(w, "this process may have %llu open files, and has them",
	    (ull)limit.rlim_cur);
	return true;
}

static bool explain_efault(const struct why *w)
{
	if (!has_limits(w) || !w->l.nr_ranges)
		return false;
	say(w, "the array of ranges is not accessible");
	return true;
}

/* --- which guest ----------------------------------------------------------- */

static bool explain_esrch(const struct why *w)
{
	if (!is_call(w, XGM_CALL_DOMAIN_OPEN))
		return false;
	if (w->l.generation)
		say(w, "there is no domain %u, or it is not the one of generation %llu",
		    w->a.domid, (ull)w->l.generation);
	else
		say(w, "there is no domain %u", w->a.domid);
	return true;
}

/* Those of @rights that no guest can be the reason for: there are no calls. */
static uint32_t rights_without_calls(uint32_t rights)
{
	const uint32_t exports = XEN_GPUMEM_RIGHT_EXPORT_GRANTS |
				 XEN_GPUMEM_RIGHT_EXPORT_FRAMES;
	struct xen_gpumem_info info;
	int node = xgm_node_open(), ret;
	uint32_t none = 0;

	if (node < 0)
		return 0;
	ret = xgm_info(node, &info, sizeof(info));
	close(node);
	if (ret)
		return 0;
	if (!(info.out_features & XEN_GPUMEM_FEAT_EXPORT))
		none |= exports;
	if (!(info.out_features & XEN_GPUMEM_FEAT_GRANT))
		none |= XEN_GPUMEM_RIGHT_GRANT;
	return rights & none;
}

static bool explain_eopnotsupp(const struct why *w)
{
	uint32_t none = has_limits(w) ? rights_without_calls(w->l.rights) : 0;
	char names[80];

	if (none) {
		xgm_rights_format(none, names, sizeof(names));
		say(w, "this driver knows the right, but cannot give it: %s",
		    names);
		return true;
	}
	if (!is_call(w, XGM_CALL_DOMAIN_OPEN))
		return false;
	say(w, "domain %u cannot borrow: it is PV, has no nested paging (hap=1), or uses nested virtualisation or altp2m",
	    w->a.domid);
	return true;
}

/* -------------------------------------------------------------------------- */

static const struct {
	int err;
	bool (*explain)(const struct why *w);
} explainers[] = {
	{ EINVAL, explain_einval },
	{ EPERM, explain_eperm },
	{ EACCES, explain_eacces },
	{ ENOENT, explain_enoent },
	{ ERANGE, explain_erange },
	{ EEXIST, explain_eexist },
	{ ENOSPC, explain_enospc },
	{ EMFILE, explain_emfile },
	{ ESRCH, explain_esrch },
	{ EOPNOTSUPP, explain_eopnotsupp },
	{ EFAULT, explain_efault },
	{ ENOMEM, xgm_explain_room },
	{ ENODATA, xgm_explain_memory },
	{ EROFS, xgm_explain_write },
};

static int fetch_attempt(struct why *w, const struct xgm_attempt *attempt)
{
	int ret;

	ret = xgm_fetch(&w->a, sizeof(w->a),
			offsetof(struct xgm_attempt, limits) +
			sizeof(w->a.limits), attempt);
	if (ret || !w->a.limits) {
		w->l.rights = XEN_GPUMEM_RIGHT_LEND;
		return ret;
	}
	return xgm_fetch(&w->l, sizeof(w->l),
			 offsetof(struct xgm_limits, generation) +
			 sizeof(w->l.generation), w->a.limits);
}

int xgm_explain(int fd, const struct xgm_attempt *attempt, int err, char *buf,
		size_t size)
{
	struct xgm_text text = { .buf = buf, .size = size };
	struct why w = { .fd = fd, .text = &text };

	if (fetch_attempt(&w, attempt))
		return -EINVAL;
	if (size)
		buf[0] = '\0';
	err = abs(err);
	if (xgm_explain_export(&w, err) || xgm_explain_grant(&w, err))
		return text.len;
	for (size_t i = 0; i < ARRAY_SIZE(explainers); i++)
		if (explainers[i].err == err && explainers[i].explain(&w))
			return text.len;
	say(&w, "%s", xgm_strerror(w.a.call, err));
	return text.len;
}
