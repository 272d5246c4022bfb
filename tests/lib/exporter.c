// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test exporter's calls (drivers/xen-gpumem/tests/exporter.c).
 */
#include "exporter.h"

static int exporter(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/xen-gpumem-exporter", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		xgt_skip("no test exporter");
	return fd;
}

/**
 * buf_make - a buffer of a certain kind
 * @args: which
 *
 * Return: the dma-buf
 */
int buf_make(const struct exporter_new *args)
{
	int fd = ioctl(exporter(), EXPORTER_NEW, args);

	if (fd < 0)
		FAIL("a buffer of kind %u: %s", args->kind, strerror(errno));
	return fd;
}

/**
 * buf_new - a buffer of whose mapping and pinning nothing fails
 * @kind: which
 * @pages: its size
 *
 * Return: the dma-buf
 */
int buf_new(enum exporter_kind kind, uint32_t pages)
{
	struct exporter_new args = { .kind = kind, .pages = pages };

	return buf_make(&args);
}

/**
 * buf_state - who has a buffer
 * @fd: the dma-buf
 */
struct exporter_state buf_state(int fd)
{
	struct exporter_state s = { .fd = fd };

	if (ioctl(exporter(), EXPORTER_STATE, &s))
		FAIL("the state of a buffer: %s", strerror(errno));
	return s;
}

/**
 * buf_count - how many buffers there are
 */
int buf_count(void)
{
	return ioctl(exporter(), EXPORTER_COUNT);
}
