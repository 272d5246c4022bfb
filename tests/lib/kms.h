/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A picture of a guest's on a display of the host's.
 */
#ifndef TESTS_LIB_KMS_H
#define TESTS_LIB_KMS_H

#include "xgt.h"

struct kms {
	int card;
	uint32_t handle;	/* XRGB8888, rows without padding */
	uint32_t width, height;
	uint32_t crtc, connector, fb;
};

uint32_t kms_import(int card, int fd);
void kms_show(struct kms *k);
void kms_hide(struct kms *k);
int kms_refresh(struct kms *k);

/* --- screen.c: what is seen then ---------------------------------------------- */

int screen_open(void);
uint32_t screen_ask(int port, const char *name, unsigned int width,
		    unsigned int height);
uint32_t screen_shown(const char *name, unsigned int width,
		      unsigned int height);
uint32_t screen_drawn(const volatile uint32_t *pixels, unsigned int nr);

#endif
