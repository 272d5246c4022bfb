/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory to measure with.
 */
#ifndef BENCH_BUFFERS_H
#define BENCH_BUFFERS_H

#include <stdbool.h>
#include <stdint.h>

/* A memfd of small pages, mapped and resident. */
volatile void *buffer_memfd(uint64_t length);
void buffer_free(volatile void *p, uint64_t length);
/* Have every page in the page table, writable. */
void buffer_touch(volatile void *p, uint64_t length);

/* A buffer of the qxl card. */
struct vram {
	int card;
	uint32_t handle;
	uint64_t length;
	volatile void *map;
};

/* Return: false if there is no such card. */
bool vram_new(struct vram *bo, uint64_t length);
void vram_free(struct vram *bo);
/* Into system memory, and back into video memory. */
void vram_evict(struct vram *bo);
void vram_bring_back(struct vram *bo);

#endif
