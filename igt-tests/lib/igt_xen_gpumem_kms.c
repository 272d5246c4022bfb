// SPDX-License-Identifier: MIT
/*
 * A display that shows a buffer, and the checksums that it makes of what it
 * shows.
 *
 * By the calls of the kernel's, not by IGT's own display library: what is asked
 * for is one mode and one buffer, and all drivers have these.  Checksums come
 * from debugfs, where the driver has them: crtc-N/crc.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drm.h"
#include "drm_fourcc.h"
#include "drm_mode.h"

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_kms.h"

#define MAX_OUTPUTS	16
#define MAX_MODES	256
#define CONNECTED	1	/* of drm_mode_get_connector.connection */
#define CRC_SKIP	2	/* frames that may be of the picture before */

/* --- which display -------------------------------------------------------- */

static uint64_t picture_size(const struct drm_mode_modeinfo *mode)
{
	uint64_t bytes = 4ULL * mode->hdisplay * mode->vdisplay;

	return (bytes + GPUMEM_PAGE - 1) / GPUMEM_PAGE * GPUMEM_PAGE;
}

/* The CRTC, and its place, that an encoder can use. */
static bool find_crtc(struct gpumem_display *d, uint32_t encoder,
		      const uint32_t *crtcs, uint32_t nr)
{
	struct drm_mode_get_encoder e = { .encoder_id = encoder };

	if (gpumem_drm(d->card, DRM_IOCTL_MODE_GETENCODER, &e))
		return false;
	for (uint32_t i = 0; i < nr; i++) {
		if (!(e.possible_crtcs & 1U << i))
			continue;
		d->crtc = crtcs[i];
		d->pipe = i;
		return true;
	}
	return false;
}

/* Is there something at the end of a connector, and what can it show? */
static bool find_mode(struct gpumem_display *d, uint32_t connector,
		      const uint32_t *crtcs, uint32_t nr)
{
	static struct drm_mode_modeinfo modes[MAX_MODES];
	uint32_t encoders[MAX_OUTPUTS];
	struct drm_mode_get_connector c = { .connector_id = connector };

	/* Once for it to look, once for the answer. */
	if (gpumem_drm(d->card, DRM_IOCTL_MODE_GETCONNECTOR, &c) ||
	    c.connection != CONNECTED || !c.count_modes ||
	    c.count_modes > MAX_MODES || !c.count_encoders ||
	    c.count_encoders > MAX_OUTPUTS)
		return false;
	c.modes_ptr = (uintptr_t)modes;
	c.encoders_ptr = (uintptr_t)encoders;
	c.count_props = 0;
	if (gpumem_drm(d->card, DRM_IOCTL_MODE_GETCONNECTOR, &c) ||
	    c.count_modes > MAX_MODES ||
	    !find_crtc(d, encoders[0], crtcs, nr))
		return false;
	d->size = 0;
	for (uint32_t i = 0; i < c.count_modes; i++) {
		uint64_t size = picture_size(&modes[i]);

		if (d->size && size >= d->size)
			continue;
		d->mode = modes[i];
		d->size = size;
	}
	d->connector = connector;
	return d->size;
}

static bool find_output(struct gpumem_display *d)
{
	uint32_t crtcs[MAX_OUTPUTS], connectors[MAX_OUTPUTS];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = MAX_OUTPUTS,
		.connector_id_ptr = (uintptr_t)connectors,
		.count_connectors = MAX_OUTPUTS,
	};

	if (gpumem_drm(d->card, DRM_IOCTL_MODE_GETRESOURCES, &res) ||
	    res.count_crtcs > MAX_OUTPUTS ||
	    res.count_connectors > MAX_OUTPUTS)
		return false;
	for (uint32_t i = 0; i < res.count_connectors; i++)
		if (find_mode(d, connectors[i], crtcs, res.count_crtcs))
			return true;
	return false;
}

/**
 * gpumem_display_open - a display of a card
 * @d: filled in; nothing is shown yet
 * @c: the card
 */
void gpumem_display_open(struct gpumem_display *d, const struct gpumem_card *c)
{
	*d = (struct gpumem_display){ .card = gpumem_card_open(c) };
	igt_require_f(find_output(d), "%s has no display\n", c->name);
	igt_require_f(d->size <= GPUMEM_SHARED_MAX * GPUMEM_PAGE,
		      "its smallest picture has %" PRIu64 " bytes\n", d->size);
	igt_require_f(!gpumem_drm(d->card, DRM_IOCTL_SET_MASTER, NULL),
		      "somebody else has the display: %s\n", strerror(errno));
}

/* --- showing -------------------------------------------------------------- */

static int set_crtc(struct gpumem_display *d, uint32_t fb)
{
	struct drm_mode_crtc set = { .crtc_id = d->crtc };

	if (fb) {
		set.set_connectors_ptr = (uintptr_t)&d->connector;
		set.count_connectors = 1;
		set.fb_id = fb;
		set.mode = d->mode;
		set.mode_valid = 1;
	}
	return gpumem_drm(d->card, DRM_IOCTL_MODE_SETCRTC, &set);
}

static void remove_fb(struct gpumem_display *d, uint32_t fb)
{
	if (fb)
		do_ioctl(d->card, DRM_IOCTL_MODE_RMFB, &fb);
}

/**
 * __gpumem_display_show - show a buffer
 * @d: the display
 * @handle: of @d->size bytes, rows without a gap
 *
 * Return: 0, or -errno with what was shown before still there.
 */
int __gpumem_display_show(struct gpumem_display *d, uint32_t handle)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = d->mode.hdisplay, .height = d->mode.vdisplay,
		.pixel_format = DRM_FORMAT_XRGB8888, .handles = { handle },
		.pitches = { 4 * d->mode.hdisplay },
	};
	int err = gpumem_drm(d->card, DRM_IOCTL_MODE_ADDFB2, &fb);

	if (err)
		return err;
	err = set_crtc(d, fb.fb_id);
	if (err) {
		remove_fb(d, fb.fb_id);
		return err;
	}
	remove_fb(d, d->fb);
	d->fb = fb.fb_id;
	return 0;
}

/**
 * __gpumem_display_update - what is in the buffer has changed
 * @d: the display
 *
 * Return: 0, also where the driver need not be told; or -errno.
 */
int __gpumem_display_update(struct gpumem_display *d)
{
	struct drm_mode_fb_dirty_cmd dirty = { .fb_id = d->fb };
	int err = gpumem_drm(d->card, DRM_IOCTL_MODE_DIRTYFB, &dirty);

	return err == -ENOSYS ? 0 : err;
}

void gpumem_display_close(struct gpumem_display *d)
{
	gpumem_assert(set_crtc(d, 0), 0);
	remove_fb(d, d->fb);
	d->fb = 0;
	close(d->card);
}

/* --- checksums ------------------------------------------------------------ */

static int crc_open(const struct gpumem_display *d, const char *name, int mode)
{
	char path[48];

	snprintf(path, sizeof(path), "crtc-%u/crc/%s", d->pipe, name);
	return igt_debugfs_open(d->card, path, mode);
}

/**
 * gpumem_crc_require - skip where the display makes no checksums
 * @d: the display; it is closed before
 */
void gpumem_crc_require(struct gpumem_display *d)
{
	int fd = crc_open(d, "control", O_WRONLY);
	bool there = fd >= 0 && write(fd, "auto", 4) == 4;

	if (fd >= 0)
		close(fd);
	if (!there)
		gpumem_display_close(d);
	igt_require_f(there, "the display makes no checksums (crtc-%u/crc)\n",
		      d->pipe);
}

/* One frame's: a number, and then the values. */
static struct gpumem_crc crc_read(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct gpumem_crc crc = { 0 };
	char line[256], *p, *next;
	ssize_t n;

	igt_assert_f(poll(&ready, 1, 10000) == 1,
		     "no checksum for ten seconds\n");
	n = read(fd, line, sizeof(line) - 1);
	igt_assert_lte(1, n);
	line[n] = '\0';
	p = strchr(line, ' ');
	while (p && crc.nr < ARRAY_SIZE(crc.value)) {
		crc.value[crc.nr] = strtoul(p, &next, 16);
		if (next == p)
			break;
		crc.nr++;
		p = next;
	}
	igt_assert_lte(1, crc.nr);
	return crc;
}

/**
 * gpumem_crc - the checksum of what is shown
 * @d: the display; gpumem_crc_require() went well
 *
 * Return: that of a frame which began after the call.
 */
struct gpumem_crc gpumem_crc(const struct gpumem_display *d)
{
	int fd = crc_open(d, "data", O_RDONLY | O_NONBLOCK);
	struct gpumem_crc crc;

	igt_assert_f(fd >= 0, "crc/data: %s\n", strerror(errno));
	for (int i = 0; i <= CRC_SKIP; i++)
		crc = crc_read(fd);
	close(fd);
	return crc;
}

bool gpumem_crc_equal(const struct gpumem_crc *a, const struct gpumem_crc *b)
{
	return a->nr == b->nr &&
	       !memcmp(a->value, b->value, a->nr * sizeof(a->value[0]));
}
