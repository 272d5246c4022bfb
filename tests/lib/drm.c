// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers of graphics cards that have no video memory of their own to give.
 */
#include <drm/drm.h>

#include "backing.h"

#define WIDTH	1024		/* a page for each row */

static bool is_driver(int fd, const char *driver)
{
	char name[32] = "";
	struct drm_version v = { .name = name, .name_len = sizeof(name) - 1 };

	return !ioctl(fd, DRM_IOCTL_VERSION, &v) && !strcmp(name, driver);
}

/**
 * drm_open - open a card's primary node
 * @driver: the card's driver
 *
 * The first to open it is its master, and may do everything with it.
 *
 * Return: -1 if there is none.
 */
int drm_open(const char *driver)
{
	for (int i = 0; i < 8; i++) {
		char path[32];
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_driver(fd, driver))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

/**
 * drm_dumb_new - make a buffer for the processor to draw in
 * @card: of drm_open()
 * @b: its @length; @handle, @fd and @offset are filled in
 */
void drm_dumb_new(int card, struct backing *b)
{
	struct drm_mode_create_dumb create = {
		.width = WIDTH, .height = b->length / WIDTH / 4, .bpp = 32,
	};
	struct drm_mode_map_dumb map = { 0 };

	if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		FAIL("CREATE_DUMB: %s", strerror(errno));
	CHECK(create.size >= b->length);
	map.handle = create.handle;
	if (ioctl(card, DRM_IOCTL_MODE_MAP_DUMB, &map))
		FAIL("MAP_DUMB: %s", strerror(errno));
	b->card = card;
	b->handle = create.handle;
	b->fd = card;
	b->offset = map.offset;
}

/**
 * drm_close_handle - let go of a buffer
 * @card: whose it is
 * @handle: the buffer
 */
void drm_close_handle(int card, uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	if (ioctl(card, DRM_IOCTL_GEM_CLOSE, &c))
		FAIL("GEM_CLOSE: %s", strerror(errno));
}

/**
 * drm_prime_fd - a dma-buf for a buffer
 * @card: whose it is
 * @handle: the buffer
 */
int drm_prime_fd(int card, uint32_t handle)
{
	struct drm_prime_handle p = {
		.handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR,
	};

	if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &p))
		FAIL("PRIME_HANDLE_TO_FD: %s", strerror(errno));
	return p.fd;
}
