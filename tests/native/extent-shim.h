/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What drivers/xen-gpumem/extent.[ch] and hv.h need of the kernel, for
 * compiling them natively.  Written for plainness, not for speed: the bit
 * searches are themselves the model of what the kernel's do.
 */
#ifndef EXTENT_SHIM_H
#define EXTENT_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* A test can choose tiny pages, to try all addresses of a tiny machine. */
#ifndef PAGE_SHIFT
#define PAGE_SHIFT	12
#endif

/* As strict about types as the kernel's. */
#define shim_same(a, b) \
	_Static_assert(__builtin_types_compatible_p(__typeof__(a),	\
						    __typeof__(b)), "types")
#define min(a, b) ({ shim_same((a) + 0, (b) + 0);			\
	__typeof__((a) + 0) min_a = (a), min_b = (b);			\
	min_a < min_b ? min_a : min_b; })
#define max(a, b) ({ shim_same((a) + 0, (b) + 0);			\
	__typeof__((a) + 0) max_a = (a), max_b = (b);			\
	max_a > max_b ? max_a : max_b; })

static inline bool shim_bit(const unsigned long *map, unsigned long bit)
{
	return map[bit / 64] >> bit % 64 & 1;
}

static inline unsigned long find_next_bit(const unsigned long *map,
					  unsigned long size,
					  unsigned long from)
{
	while (from < size && !shim_bit(map, from))
		from++;
	return from < size ? from : size;
}

static inline unsigned long find_next_zero_bit(const unsigned long *map,
					       unsigned long size,
					       unsigned long from)
{
	while (from < size && shim_bit(map, from))
		from++;
	return from < size ? from : size;
}

#endif /* EXTENT_SHIM_H */
