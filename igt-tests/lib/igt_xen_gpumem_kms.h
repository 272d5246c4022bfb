/* SPDX-License-Identifier: MIT */
/*
 * A display that shows a buffer, whoever made that, for the tests of
 * /dev/xen/gpumem.
 */
#ifndef IGT_XEN_GPUMEM_KMS_H
#define IGT_XEN_GPUMEM_KMS_H

#include <stdbool.h>
#include <stdint.h>

#include "drm_mode.h"

#include "igt_xen_gpumem_card.h"

struct gpumem_display {
	int card;
	uint32_t connector, crtc;
	unsigned int pipe;	/* the CRTC's place among the card's */
	struct drm_mode_modeinfo mode;
	uint64_t size;		/* of a picture: four bytes for each pixel */
	uint32_t fb;		/* what is shown, or zero */
};

/*
 * A display of the card, with the smallest mode that it has.  Skips where there
 * is none, where the guest could not share as much, and where somebody else has
 * it.
 */
void gpumem_display_open(struct gpumem_display *d,
			 const struct gpumem_card *c);
void gpumem_display_close(struct gpumem_display *d);

/* Show a buffer of the card's; 0 or -errno. */
int __gpumem_display_show(struct gpumem_display *d, uint32_t handle);
/* What is in it has changed; 0 or -errno. */
int __gpumem_display_update(struct gpumem_display *d);

/* A checksum that the display hardware makes of what it shows. */
struct gpumem_crc {
	unsigned int nr;
	uint32_t value[10];
};

/* Close the display and skip where it makes none. */
void gpumem_crc_require(struct gpumem_display *d);
struct gpumem_crc gpumem_crc(const struct gpumem_display *d);
bool gpumem_crc_equal(const struct gpumem_crc *a, const struct gpumem_crc *b);

#endif
