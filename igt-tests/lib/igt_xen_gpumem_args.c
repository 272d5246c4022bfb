// SPDX-License-Identifier: MIT
/*
 * Arguments of the calls of /dev/xen/gpumem that must be refused.
 *
 * What all calls have in common: a structure that begins with its size, fields
 * and flags that must be zero, and a pointer to it.  Each is tried at every
 * place where it can be wrong, with everything else as in a call that is right,
 * so that nothing but this is what is refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "igt.h"
#include "igt_xen_gpumem_args.h"

static void try_sizes(int fd, unsigned long nr, const void *good, uint32_t size)
{
	uint8_t arg[512];

	for (uint32_t bad = 0; bad < size; bad += 4) {
		memset(arg, 0, sizeof(arg));
		memcpy(arg, good, size);
		memcpy(arg, &bad, sizeof(bad));
		gpumem_assert(gpumem_call(fd, nr, arg), -EINVAL);
	}
	/* From a later version, and that matters. */
	memset(arg, 0, sizeof(arg));
	memcpy(arg, good, size);
	size += 8;
	memcpy(arg, &size, sizeof(size));
	arg[size - 1] = 0x80;
	gpumem_assert(gpumem_call(fd, nr, arg), -E2BIG);
}

static void try_bits(int fd, unsigned long nr, const void *good, uint32_t size,
		     const struct gpumem_zero *zero)
{
	uint8_t arg[512];

	for (; zero->bits; zero++) {
		for (int i = 0; i < 32; i++) {
			uint32_t word;

			if (!(zero->bits & 1U << i))
				continue;
			memcpy(arg, good, size);
			memcpy(&word, arg + zero->at, sizeof(word));
			word |= 1U << i;
			memcpy(arg + zero->at, &word, sizeof(word));
			gpumem_assert(gpumem_call(fd, nr, arg), -EINVAL);
		}
	}
}

/**
 * gpumem_args_wrong - make a call with each size and bit that it must refuse
 * @fd: the file that the call is made on
 * @nr: its number
 * @good: its structure, as it would be accepted
 * @size: of the structure
 * @zero: bits of it that must be zero
 *
 * Each size that is too small, one that is too large, and each of the bits.
 */
void gpumem_args_wrong(int fd, unsigned long nr, const void *good,
		       uint32_t size, const struct gpumem_zero *zero)
{
	try_sizes(fd, nr, good, size);
	try_bits(fd, nr, good, size, zero);
}

/**
 * gpumem_args_pointers - make a call with pointers that it cannot follow
 * @fd: the file that the call is made on
 * @nr: its number
 * @good: its structure, as it would be accepted
 * @size: of the structure
 *
 * Nowhere, into the kernel, and to a structure that ends where nothing is
 * mapped.  The last one, the control, is to a whole one: that call has effect.
 */
void gpumem_args_pointers(int fd, unsigned long nr, const void *good,
			  uint32_t size)
{
	uint8_t *two = mmap(NULL, 2 * GPUMEM_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *end = two + GPUMEM_PAGE;

	igt_assert(two != MAP_FAILED && !munmap(end, GPUMEM_PAGE));
	gpumem_assert(gpumem_call(fd, nr, NULL), -EFAULT);
	gpumem_assert(gpumem_call(fd, nr, (void *)(1ULL << 63)), -EFAULT);
	memcpy(end - 4, good, 4);
	gpumem_assert(gpumem_call(fd, nr, end - 4), -EFAULT);
	gpumem_assert(gpumem_call(fd, nr, end - 2), -EFAULT);
	/* Control: whole, it is read. */
	memcpy(end - size, good, size);
	igt_assert_neq(gpumem_call(fd, nr, end - size), -EFAULT);
	munmap(two, GPUMEM_PAGE);
}

/**
 * gpumem_lent_begin - begin a subtest with something lent
 *
 * A window, the first half of it lent, with contents that the guest has seen.
 *
 * Return: what there is, to be ended by gpumem_lent_end()
 */
struct gpumem_lent gpumem_lent_begin(void)
{
	struct gpumem_lent l = { .fd = gpumem_begin() };

	l.map = mmap(NULL, GPUMEM_LENT, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	igt_assert(l.map != MAP_FAILED);
	gpumem_fill(l.map, GPUMEM_LENT, 1);
	l.window = gpumem_window_add(l.fd, GPUMEM_ARENA, GPUMEM_LENT);
	gpumem_bind(l.fd, l.window, 0, GPUMEM_LENT / 2, l.map);
	gpumem_guest_check(GPUMEM_ARENA, GPUMEM_LENT / 2, 1);
	return l;
}

/**
 * gpumem_lent_unharmed - the guest still has what it had
 * @l: what was lent
 *
 * Nothing was revoked, and nothing is there that was not.
 */
void gpumem_lent_unharmed(const struct gpumem_lent *l)
{
	struct xen_gpumem_window_query q = gpumem_query(l->fd, l->window);

	igt_assert_eq_u64(q.out_bound, GPUMEM_LENT / 2 / GPUMEM_PAGE);
	igt_assert_eq_u64(q.out_pages, GPUMEM_LENT / 2 / GPUMEM_PAGE);
	igt_assert_eq_u64(q.out_revoked, 0);
	gpumem_guest_check(GPUMEM_ARENA, GPUMEM_LENT / 2, 1);
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA + GPUMEM_LENT / 2),
			  ~0ULL);
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA + GPUMEM_LENT),
			  ~0ULL);
}

/**
 * gpumem_lent_end - end the subtest
 * @l: what was lent
 */
void gpumem_lent_end(struct gpumem_lent *l)
{
	munmap(l->map, GPUMEM_LENT);
	gpumem_end();
}
