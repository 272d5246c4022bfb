// SPDX-License-Identifier: MIT
/*
 * Which of an error's causes it was, as far as /proc and /sys tell: the guest's
 * other windows, which root can see, and what this process has mapped.
 */
#include "explain.h"
#include "look.h"

bool xgm_explain_node(const struct why *w)
{
	if (xgm_look_module())
		say(w, "the module xen-gpumem is loaded, but has no device node: mount devtmpfs on /dev, or let udev make it");
	else
		say(w, "the module xen-gpumem is not loaded (modprobe xen-gpumem)");
	return true;
}

bool xgm_explain_privilege(const struct why *w)
{
	if (!w->a.domid && xgm_look_dom0())
		say(w, "domain 0 is this one, and a domain does not lend to itself");
	else
		say(w, "this domain has not a device model's privilege over domain %u, or a policy withholds it (FLASK: mem_lend)",
		    w->a.domid);
	return true;
}

/* --- the guest's windows --------------------------------------------------- */

bool xgm_explain_place(const struct why *w, uint64_t length)
{
	bool moves = is_call(w, XGM_CALL_WINDOW_MOVE);
	const char *still = moves ? "; the window is where it was" : "";
	struct xgm_windows windows;

	if (!xgm_look_windows(w->fd, w->a.gpa, length,
			      moves ? (int64_t)w->a.window : -1, &windows))
		return false;
	if (windows.there)
		say(w, "window %u is there, at 0x%llx, of 0x%llx bytes%s",
		    windows.id, (ull)windows.gpa, (ull)windows.length, still);
	else
		say(w, "something of the guest's is there: its RAM, say%s",
		    still);
	return true;
}

bool xgm_explain_guest(const struct why *w, const struct xen_gpumem_info *info)
{
	struct xgm_windows windows;

	if (!xgm_look_windows(w->fd, 0, 0, -1, &windows))
		return false;
	/* All of them are seen: it is these, or none of them. */
	if (windows.nr >= info->out_max_windows)
		say(w, "the guest has %u windows, and can have no more",
		    windows.nr);
	else if (windows.bytes > info->out_max_window - w->a.length)
		say(w, "the guest's windows have 0x%llx bytes together, and may have 0x%llx",
		    (ull)windows.bytes, (ull)info->out_max_window);
	else
		say(w, "a descriptor that this one was derived from has no window left");
	return true;
}

/* --- this process's memory ------------------------------------------------- */

bool xgm_explain_room(const struct why *w)
{
	return is_call(w, XGM_CALL_BIND_FD) &&
	       xgm_look_room(w->text, w->a.length);
}

/* What is mapped, and may be read: what else can be wrong with it? */
static bool explain_mapped(const struct why *w, bool readonly)
{
	bool write = is_call(w, XGM_CALL_POPULATE) &&
		     (w->a.flags & XEN_GPUMEM_POPULATE_WRITE);
	ull at = w->a.address;

	if (readonly && write)
		say(w, "what is mapped at 0x%llx may not be written", at);
	else
		say(w, "what is mapped at 0x%llx cannot be lent (secret memory, another guest's, special pages), or its file or driver cannot supply it%s",
		    at, write ? ", or the binding is to be read only" : "");
	return true;
}

/* Of a page whose address in this process the caller knows. */
bool xgm_explain_memory(const struct why *w)
{
	ull at = w->a.address;
	enum xgm_memory memory;

	if (!at || (!is_call(w, XGM_CALL_POPULATE) &&
		    !is_call(w, XGM_CALL_EVENT)))
		return false;
	memory = xgm_look_memory(at);
	switch (memory) {
	case XGM_MEMORY_NONE:
		say(w, "nothing is mapped at 0x%llx in this process", at);
		return true;
	case XGM_MEMORY_NO_ACCESS:
		say(w, "what is mapped at 0x%llx may not be read (PROT_NONE)",
		    at);
		return true;
	case XGM_MEMORY_PAST_END:
		say(w, "the file that is mapped at 0x%llx ends before", at);
		return true;
	case XGM_MEMORY_READONLY:
	case XGM_MEMORY_FINE:
		return explain_mapped(w, memory == XGM_MEMORY_READONLY);
	default:
		return false;
	}
}

bool xgm_explain_write(const struct why *w)
{
	if (!is_call(w, XGM_CALL_EVENT))
		return false;
	if (w->a.flags & XEN_GPUMEM_BIND_READONLY)
		say(w, "a write to a binding that is to be read only");
	else if (w->a.address &&
		 xgm_look_memory(w->a.address) == XGM_MEMORY_READONLY)
		say(w, "a write to what is mapped at 0x%llx, which this process may not write either",
		    (ull)w->a.address);
	else
		return false;
	return true;
}
