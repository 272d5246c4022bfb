// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory to lend, and what is in it.
 */
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/syscall.h>

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

/* --- memory that is slow to come ---------------------------------------------- */

/**
 * slow_new - anonymous memory whose faults wait until told otherwise
 * @s: filled in
 * @length: bytes
 */
void slow_new(struct slow *s, uint64_t length)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	s->map = map_anon(length);
	s->fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		xgt_skip("userfaultfd: %s", strerror(errno));
	reg.range.start = (uintptr_t)s->map;
	reg.range.len = length;
	if (ioctl(s->fd, UFFDIO_API, &api) ||
	    ioctl(s->fd, UFFDIO_REGISTER, &reg))
		FAIL("userfaultfd: %s", strerror(errno));
}

/**
 * slow_wait - wait until somebody waits for a page
 * @s: of slow_new()
 *
 * Return: the page's offset.
 */
uint64_t slow_wait(struct slow *s)
{
	struct pollfd p = { .fd = s->fd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&p, 1, 60000) != 1 ||
	    read(s->fd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		FAIL("no fault arrived at the slow memory");
	return (msg.arg.pagefault.address & ~(PAGE - 1)) - (uintptr_t)s->map;
}

/**
 * slow_serve - give a page of one word all over
 * @s: of slow_new()
 * @offset: of the page
 * @word: the word
 */
void slow_serve(struct slow *s, uint64_t offset, uint64_t word)
{
	static uint64_t page[PAGE / 8] __attribute__((aligned(4096)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)s->map + offset, .src = (uintptr_t)page,
		.len = PAGE,
	};

	fill_word(page, PAGE, word);
	if (ioctl(s->fd, UFFDIO_COPY, &copy))
		FAIL("UFFDIO_COPY: %s", strerror(errno));
}
