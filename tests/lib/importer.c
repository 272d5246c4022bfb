// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device sees of a dma-buf, through the test importer.
 */
#include "importer.h"

/**
 * im_open - a new importer, or the test is skipped
 */
int im_open(void)
{
	int fd = open("/dev/xen-gpumem-importer", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		xgt_skip("no test importer");
	return fd;
}

/**
 * im_call - any call on it
 * @im: of im_open()
 * @nr: IMPORTER_*
 * @arg: what that takes
 */
int im_call(int im, unsigned long nr, void *arg)
{
	return ioctl(im, nr, arg) < 0 ? -errno : 0;
}

/**
 * im_attach - attach its device to a dma-buf
 * @im: of im_open()
 * @fd: the dma-buf
 * @flags: IMPORTER_DYNAMIC, IMPORTER_STUBBORN
 */
int im_attach(int im, int fd, uint32_t flags)
{
	struct importer_attach a = { .fd = fd, .flags = flags };

	return im_call(im, IMPORTER_ATTACH, &a);
}

/**
 * im_map - map it for the device
 * @im: attached
 * @direction: IMPORTER_TO_DEVICE, and so on
 */
int im_map(int im, unsigned long direction)
{
	return im_call(im, IMPORTER_MAP, (void *)direction);
}

/**
 * im_copy - have a part of a page copied
 * @im: attached
 * @nr: IMPORTER_DMA: by the device; IMPORTER_VMAP: by the kernel
 * @offset: in the buffer
 * @p: our memory
 * @length: bytes
 * @direction: IMPORTER_TO_DEVICE: into our memory, IMPORTER_FROM_DEVICE
 */
int im_copy(int im, unsigned long nr, uint64_t offset, void *p,
	    uint32_t length, uint32_t direction)
{
	struct importer_copy c = {
		.offset = offset, .address = (uintptr_t)p, .length = length,
		.direction = direction,
	};

	return im_call(im, nr, &c);
}

/**
 * im_state - what is mapped
 * @im: attached
 */
struct importer_state im_state(int im)
{
	struct importer_state s;

	OK(im_call(im, IMPORTER_STATE, &s));
	return s;
}

/**
 * im_read - have the device read a page
 * @im: attached and mapped
 * @page: which
 * @words: what it reads
 */
void im_read(int im, unsigned int page, uint64_t words[512])
{
	OK(im_copy(im, IMPORTER_DMA, page * PAGE, words, PAGE,
		   IMPORTER_TO_DEVICE));
}

/**
 * im_sees - a page as the device reads it must be the pattern's
 * @im: attached and mapped
 * @page: which
 * @seed: of the pattern
 */
void im_sees(int im, unsigned int page, uint64_t seed)
{
	uint64_t words[512];

	im_read(im, page, words);
	for (unsigned int i = 0; i < 512; i++)
		if (words[i] != xg_pattern(seed, page * PAGE + i * 8))
			FAIL("the device reads 0x%lx at word %u of page %u",
			     words[i], i, page);
}
