// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scan-out of a dma-buf: a card imports it through PRIME, has a framebuffer of
 * it, and shows that on its only output.
 *
 * All calls are those of a card's master, which is who opened it first; the
 * descriptor can be given away.
 */
#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>

#include "kms.h"

/**
 * kms_import - a card's handle of a dma-buf
 * @card: of drm_open()
 * @fd: the dma-buf
 */
uint32_t kms_import(int card, int fd)
{
	struct drm_prime_handle p = { .fd = fd };

	if (ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p))
		FAIL("PRIME import: %s", strerror(errno));
	return p.handle;
}

static void find_outputs(struct kms *k)
{
	uint32_t crtcs[8], connectors[8];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 8,
		.connector_id_ptr = (uintptr_t)connectors,
		.count_connectors = 8,
	};

	CHECK(!ioctl(k->card, DRM_IOCTL_MODE_GETRESOURCES, &res));
	CHECK(res.count_crtcs && res.count_connectors);
	k->crtc = crtcs[0];
	k->connector = connectors[0];
}

static struct drm_mode_modeinfo find_mode(const struct kms *k)
{
	static struct drm_mode_modeinfo modes[256];
	struct drm_mode_get_connector c = { .connector_id = k->connector };

	/* Once to have it look, once for the answer. */
	CHECK(!ioctl(k->card, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	CHECK(c.count_modes <= ARRAY_SIZE(modes));
	c.modes_ptr = (uintptr_t)modes;
	c.count_props = c.count_encoders = 0;
	CHECK(!ioctl(k->card, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	for (uint32_t i = 0; i < c.count_modes; i++)
		if (modes[i].hdisplay == k->width &&
		    modes[i].vdisplay == k->height)
			return modes[i];
	FAIL("no mode of %u x %u", k->width, k->height);
}

/**
 * kms_show - show a picture
 * @k: its @card, @handle, @width and @height; the rest is filled in
 */
void kms_show(struct kms *k)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = k->width, .height = k->height,
		.pixel_format = DRM_FORMAT_XRGB8888,
		.handles = { k->handle }, .pitches = { k->width * 4 },
	};
	struct drm_mode_crtc set = {
		.set_connectors_ptr = (uintptr_t)&k->connector,
		.count_connectors = 1, .mode_valid = 1,
	};

	find_outputs(k);
	if (ioctl(k->card, DRM_IOCTL_MODE_ADDFB2, &fb))
		FAIL("ADDFB2: %s", strerror(errno));
	k->fb = fb.fb_id;
	set.crtc_id = k->crtc;
	set.fb_id = k->fb;
	set.mode = find_mode(k);
	if (ioctl(k->card, DRM_IOCTL_MODE_SETCRTC, &set))
		FAIL("SETCRTC: %s", strerror(errno));
}

/**
 * kms_hide - show nothing
 * @k: of kms_show(); its handle stays
 */
void kms_hide(struct kms *k)
{
	struct drm_mode_crtc set = { .crtc_id = k->crtc };

	CHECK(!ioctl(k->card, DRM_IOCTL_MODE_SETCRTC, &set));
	CHECK(!ioctl(k->card, DRM_IOCTL_MODE_RMFB, &k->fb));
}

/**
 * kms_refresh - show what has changed
 * @k: of kms_show()
 *
 * Return: 0 or -errno.
 */
int kms_refresh(struct kms *k)
{
	struct drm_mode_fb_dirty_cmd dirty = { .fb_id = k->fb };

	return ioctl(k->card, DRM_IOCTL_MODE_DIRTYFB, &dirty) ? -errno : 0;
}
