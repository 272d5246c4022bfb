/* SPDX-License-Identifier: MIT */
/*
 * What the files share that explain, explain.c, explain-export.c,
 * explain-grant.c and seen.c: an attempt under examination, and how to look at a
 * few things.
 *
 * A function that explains looks at the causes of one errno, and returns whether
 * it has said which it was.
 */
#ifndef XENGPUMEM_EXPLAIN_H
#define XENGPUMEM_EXPLAIN_H

#include "internal.h"

typedef unsigned long long ull;

/**
 * struct why - an attempt under examination
 * @fd: what it was made on, or anything that is none
 * @a: it
 * @l: its limits, or what stands for none
 * @text: where to say what is found
 */
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

/* explain-export.c */
/* @err of an attempt that is one of export's */
bool xgm_explain_export(const struct why *w, int err);

/* explain-grant.c */
/* Likewise, of grants' */
bool xgm_explain_grant(const struct why *w, int err);

/* explain.c: each says what it finds, and returns whether it has */
/* The descriptor has not all rights that are @wanted. */
bool xgm_why_lacks_rights(const struct why *w, uint32_t wanted);
/* What is counted is called @one, and where it is not one, @many. */
bool xgm_why_at_limit(const struct why *w, const char *one, const char *many,
		      const struct xgm_use *use, uint64_t more);

#endif /* XENGPUMEM_EXPLAIN_H */
