// SPDX-License-Identifier: MIT
/*
 * Buffers of a graphics card, for a file that is the card itself.
 *
 * A card's node has no contents of its own: what a process maps there are buffers
 * that it had the driver make.  The kind that is made here is the one that all
 * display drivers offer for drawing by the processor, a dumb buffer.  It is held by
 * its dma-buf alone, so that it goes with the last who has or lends that.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>

#include "cli.h"

#define DRM_MAJOR	226
#define ROW_PIXELS	1024	/* of 4 bytes: a row is a page */

bool card_is(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISCHR(st.st_mode) &&
	       major(st.st_rdev) == DRM_MAJOR;
}

int card_buffer(int card, uint64_t bytes)
{
	struct drm_mode_create_dumb create = {
		.width = ROW_PIXELS, .height = bytes / PAGE, .bpp = 32,
	};
	struct drm_prime_handle prime = {
		.flags = DRM_CLOEXEC | DRM_RDWR, .fd = -1,
	};
	struct drm_mode_destroy_dumb destroy;
	int ret = 0;

	/* So many rows a driver does not count. */
	if (create.height != bytes / PAGE)
		return -EFBIG;
	if (ioctl(card, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return -errno;
	/* Where rows are longer there is more than was asked for. */
	prime.handle = create.handle;
	if (create.size < bytes)
		ret = -EFBIG;
	else if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime))
		ret = -errno;
	destroy.handle = create.handle;
	ioctl(card, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy);
	return ret ? ret : prime.fd;
}
