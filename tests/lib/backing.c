// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory to lend, and what is in it.
 */
#include "xgt.h"

/**
 * memfd_new - a memfd of some length, all zeroes
 * @length: bytes
 */
int memfd_new(uint64_t length)
{
	int fd = memfd_create("xgt", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, length))
		FAIL("memfd: %s", strerror(errno));
	return fd;
}

/**
 * map_shared - map a file's beginning, shared and writable
 * @fd: the file
 * @length: bytes
 */
volatile uint64_t *map_shared(int fd, uint64_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return p;
}

/**
 * map_anon - private anonymous memory
 * @length: bytes
 */
volatile uint64_t *map_anon(uint64_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return p;
}

/**
 * fill - write a pattern
 * @p: where
 * @length: bytes
 * @seed: which pattern
 */
void fill(volatile void *p, uint64_t length, uint64_t seed)
{
	volatile uint64_t *w = p;

	for (uint64_t i = 0; i < length / 8; i++)
		w[i] = xg_pattern(seed, i * 8);
}

/**
 * fill_word - write one word all over
 * @p: where
 * @length: bytes
 * @word: the word
 */
void fill_word(volatile void *p, uint64_t length, uint64_t word)
{
	volatile uint64_t *w = p;

	for (uint64_t i = 0; i < length / 8; i++)
		w[i] = word;
}

/**
 * verify - check a pattern
 * @p: where
 * @length: bytes
 * @seed: which pattern
 */
void verify(volatile void *p, uint64_t length, uint64_t seed)
{
	volatile uint64_t *w = p;

	for (uint64_t i = 0; i < length / 8; i++) {
		uint64_t got = w[i];

		if (got != xg_pattern(seed, i * 8))
			FAIL("dom0 sees 0x%lx at 0x%lx, not 0x%lx", got, i * 8,
			     xg_pattern(seed, i * 8));
	}
}

/**
 * verify_word - check that one word is all over
 * @p: where
 * @length: bytes
 * @word: the word
 */
void verify_word(volatile void *p, uint64_t length, uint64_t word)
{
	volatile uint64_t *w = p;

	for (uint64_t i = 0; i < length / 8; i++) {
		uint64_t got = w[i];

		if (got != word)
			FAIL("dom0 sees 0x%lx at 0x%lx, not 0x%lx", got, i * 8,
			     word);
	}
}
