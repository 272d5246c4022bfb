/* SPDX-License-Identifier: MIT */
/*
 * What befalls a whole card, for the tests of /dev/xen/gpumem.
 */
#ifndef IGT_XEN_GPUMEM_DEVICE_H
#define IGT_XEN_GPUMEM_DEVICE_H

#include <stdbool.h>

struct gpumem_region;

/* Skips, with the reason, where nobody said that cards may go. */
void gpumem_card_may_go_require(void);

/* Hot-unplug: the driver is taken off the card that the region is of. */
bool gpumem_card_unplugs(const struct gpumem_region *r);
void gpumem_card_unplug(const struct gpumem_region *r);
int gpumem_card_replug(void);

bool gpumem_card_resets(const struct gpumem_region *r);
void gpumem_card_reset(const struct gpumem_region *r);

#endif
