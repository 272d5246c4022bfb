/* SPDX-License-Identifier: MIT */
/*
 * What the library's files share.
 *
 *   calls.c     descriptors, windows, bindings: one ioctl each
 *   export.c    exports: the same; grant.c: of grants
 *   events.c    records
 *   usage.c     fdinfo
 *   names.c     names of numbers
 *   strerror.c  what an errno means, by call: one table
 *   explain.c   which of several causes it was; explain-export.c: of exports;
 *               explain-grant.c: of grants; seen.c: as far as /proc and /sys
 *               tell, which look.c looks at
 *
 * No file has state.  Data flows one way: explain*, seen -> look, strerror, usage,
 * export -> calls.
 */
#ifndef XENGPUMEM_INTERNAL_H
#define XENGPUMEM_INTERNAL_H

#include <stdbool.h>

#include "xengpumem.h"

#define XGM_PAGE	4096ULL
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct xgm_text - a string under construction, as snprintf() would
 * @buf: where
 * @size: room there
 * @len: what has been written, or would have been
 */
struct xgm_text {
	char *buf;
	size_t size;
	size_t len;
};

/* Return: what the call does, or a negative errno */
int xgm_ioctl(int fd, unsigned long nr, void *arg);

void xgm_text_add(struct xgm_text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Fetch a structure that may be shorter or longer than what is known here: its
 * first member is its size, @min that of its first version.
 */
int xgm_fetch(void *to, size_t size, size_t min, const void *from);

/* The table's entry alone: NULL if there is none. */
const char *xgm_error_text(enum xgm_call call, int err);

#endif /* XENGPUMEM_INTERNAL_H */
