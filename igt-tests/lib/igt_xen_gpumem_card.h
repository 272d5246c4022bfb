/* SPDX-License-Identifier: MIT */
/*
 * Graphics cards, and dma-bufs of others in their drivers' hands, for the tests
 * of /dev/xen/gpumem.
 */
#ifndef IGT_XEN_GPUMEM_CARD_H
#define IGT_XEN_GPUMEM_CARD_H

#include <stdbool.h>
#include <stdint.h>

struct gpumem_export;

struct gpumem_card {
	char driver[24];
	char name[40];		/* the driver's, with a number from 2 on */
	char path[32];
};

/* All of them, found at the first call. */
const struct gpumem_card *gpumem_card(unsigned int index);

#define for_each_gpumem_card(c)						\
for (unsigned int gpumem_c = 0; (c = gpumem_card(gpumem_c)); gpumem_c++)

/* Skip, with a reason, if there is none; none of that driver. */
void gpumem_cards_require(void);
const struct gpumem_card *gpumem_card_require(const char *driver);

int gpumem_card_open(const struct gpumem_card *c);

/* An ioctl: 0 or -errno. */
int gpumem_drm(int card, unsigned long request, void *arg);

/* A dma-buf of the system's memory, by udmabuf or from a heap; -1: there is none. */
int gpumem_udmabuf(uint64_t size);
int gpumem_heap(uint64_t size);

/* --- PRIME ---------------------------------------------------------------- */

/* Does its driver take any memory that is not its own? */
bool gpumem_card_imports(const struct gpumem_card *c, int *err);
/* Skip, with the reason, if not. */
void gpumem_card_imports_require(const struct gpumem_card *c);

int __gpumem_import(int card, int fd, uint32_t *handle);
/* Must go well, but for what the interface says of devices: then it skips. */
uint32_t gpumem_import(int card, const struct gpumem_export *e);
/* The handle's dma-buf, asked for to read and write. */
int gpumem_reexport(int card, uint32_t handle);
void gpumem_close_handle(int card, uint32_t handle);

bool gpumem_same_buffer(int a, int b);

/* Wait until as many devices are attached as there should be. */
void gpumem_attached(const struct gpumem_export *e, unsigned int devices);

/* --- a device at work, made up by vgem: a fence ---------------------------- */

uint32_t gpumem_fence_attach(int card, uint32_t handle);
void gpumem_fence_signal(int card, uint32_t fence);

#endif
