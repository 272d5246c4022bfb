/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of xgm_explain() share: explain.c and seen.c.
 *
 * A function that explains looks at the causes of one errno, and returns whether
 * it has said which it was.
 */
#ifndef XENGPUMEM_EXPLAIN_H
#define XENGPUMEM_EXPLAIN_H

#include "internal.h"

typedef unsigned long long ull;

struct why {
	int fd;
	struct xgm_attempt a;
	struct xgm_limits l;
	struct xgm_text *text;
};

#define say(w, ...)	xgm_text_add((w)->text, __VA_ARGS__)

static inline bool is_call(const struct why *w, enum xgm_call call)
{
	return w->a.call == call;
}

/* seen.c */
/* ENOENT of the device node */
bool xgm_explain_node(const struct why *w);
/* EPERM of DOMAIN_OPEN */
bool xgm_explain_privilege(const struct why *w);
/* EEXIST of a window that was to have @length bytes at the attempt's address */
bool xgm_explain_place(const struct why *w, uint64_t length);
/* ENOSPC of WINDOW_ADD that is not the descriptor's own */
bool xgm_explain_guest(const struct why *w, const struct xen_gpumem_info *info);
/* ENOMEM */
bool xgm_explain_room(const struct why *w);
/* ENODATA */
bool xgm_explain_memory(const struct why *w);
/* EROFS */
bool xgm_explain_write(const struct why *w);

#endif /* XENGPUMEM_EXPLAIN_H */
