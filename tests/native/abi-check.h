/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Assertions that C and C++ compilers understand alike.
 *
 * The numbers in the abi-*.c files are written out by hand, on purpose: they
 * are the interface.  A change that moves a field fails here even if all
 * compilers agree on the new place.
 */
#ifndef ABI_CHECK_H
#define ABI_CHECK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define ASSERT(cond)	static_assert(cond, #cond)
#else
#define ASSERT(cond)	_Static_assert(cond, #cond)
#endif

/* A structure's size; then its fields: offset and size of each. */
#define SIZE(type, size)						\
	ASSERT(sizeof(struct type) == (size) + ABI_BREAK)
#define AT(type, field, offset, size)					\
	ASSERT(offsetof(struct type, field) == (offset) &&		\
	       sizeof(((struct type *)0)->field) == (size) &&		\
	       /* Natural boundary: no ABI may place it elsewhere. */	\
	       (offset) % ((size) % 8 ? (size) : 8) == 0)
/* The last byte of the last field is the structure's: no hidden padding. */
#define END(type, field)						\
	ASSERT(offsetof(struct type, field) +				\
	       sizeof(((struct type *)0)->field) == sizeof(struct type))

/* Shows that the checks can fail: every size is then expected one too large. */
#ifndef ABI_BREAK
#define ABI_BREAK 0
#endif

#endif /* ABI_CHECK_H */
