/* SPDX-License-Identifier: MIT */
/*
 * What xgm_explain() looks at besides the call itself: look.c.  Nothing here is
 * an interface, and much of it is root's to see: what cannot be seen is not
 * known, and then the words of xgm_strerror() have to do.
 */
#ifndef XENGPUMEM_LOOK_H
#define XENGPUMEM_LOOK_H

#include "internal.h"

/**
 * struct xgm_windows - all windows of a fd's guest, of whatever fd
 * @nr: how many
 * @bytes: in all of them
 * @there: one lies in the range that was asked about
 * @id: of that one
 * @gpa: of that one
 * @length: of that one
 */
struct xgm_windows {
	uint32_t nr;
	uint64_t bytes;
	bool there;
	uint32_t id;
	uint64_t gpa;
	uint64_t length;
};

/*
 * @except: a window that is not looked at, or -1.  Return: whether they can be
 * seen
 */
bool xgm_look_windows(int fd, uint64_t gpa, uint64_t length, int64_t except,
		      struct xgm_windows *windows);

/* What there is at an address of this process. */
enum xgm_memory {
	XGM_MEMORY_UNKNOWN,
	XGM_MEMORY_NONE,		/* nothing is mapped */
	XGM_MEMORY_NO_ACCESS,		/* PROT_NONE */
	XGM_MEMORY_READONLY,
	XGM_MEMORY_PAST_END,		/* of its file */
	XGM_MEMORY_FINE,
};

enum xgm_memory xgm_look_memory(uint64_t address);

/*
 * Is there no room for a mapping of @length?  Says what the limit is.  Return:
 * whether it is one of those that can be seen
 */
bool xgm_look_room(struct xgm_text *text, uint64_t length);

/* The module is loaded. */
bool xgm_look_module(void);
/* This is the control domain, whose number is 0. */
bool xgm_look_dom0(void);
/* A number that the module has as parameter; zero: not known. */
uint64_t xgm_look_parameter(const char *name);

#endif /* XENGPUMEM_LOOK_H */
