// SPDX-License-Identifier: MIT
/*
 * What befalls a whole card: its driver is taken off it, as when it is pulled out
 * (hot-unplug), and put back; its engines are reset.
 *
 * Neither is for a machine whose only display it is, so both are skipped unless
 * XEN_GPUMEM_CARD_MAY_GO says that they may.  Only drivers are asked to let go
 * that end the mappings of programs when they do (drm_dev_unplug()).  A card
 * that comes back has the same number, as that is the first one free: so nobody
 * may have it open.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_bo.h"
#include "igt_xen_gpumem_device.h"

/* A card without its driver. */
static struct {
	char path[32];			/* empty: there is none */
	char driver[PATH_MAX], device[NAME_MAX + 1];
} gone;

static bool listed(const char *const *names, const char *name)
{
	while (*names && strcmp(*names, name))
		names++;
	return *names;
}

static int write_file(const char *folder, const char *file, const char *what)
{
	char path[PATH_MAX + 16];
	ssize_t done;
	int fd, err;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	done = write(fd, what, strlen(what));
	err = done < 0 ? -errno : 0;
	close(fd);
	return err;
}

/* The device under a card's node, as sysfs has it. */
static int device_of(const char *path, char *device)
{
	char link[64];
	struct stat st;

	if (stat(path, &st))
		return -errno;
	snprintf(link, sizeof(link), "/sys/dev/char/%u:%u/device",
		 major(st.st_rdev), minor(st.st_rdev));
	return realpath(link, device) ? 0 : -errno;
}

void gpumem_card_may_go_require(void)
{
	igt_require_f(getenv("XEN_GPUMEM_CARD_MAY_GO"),
		      "no card may be taken away or reset: XEN_GPUMEM_CARD_MAY_GO\n");
}

/* --- without its driver --------------------------------------------------- */

bool gpumem_card_unplugs(const struct gpumem_region *r)
{
	static const char *const drivers[] = {
		"amdgpu", "bochs-drm", "i915", "nouveau", "virtio_gpu", "xe",
		NULL,
	};

	return listed(drivers, r->driver);
}

/**
 * gpumem_card_unplug - take the driver off a card
 * @r: a region of it
 */
void gpumem_card_unplug(const struct gpumem_region *r)
{
	char device[PATH_MAX], link[PATH_MAX + 16];

	gpumem_assert(device_of(r->path, device), 0);
	snprintf(link, sizeof(link), "%s/driver", device);
	igt_assert_f(realpath(link, gone.driver), "%s: %s\n", link,
		     strerror(errno));
	snprintf(gone.device, sizeof(gone.device), "%s", basename(device));
	gpumem_assert(write_file(gone.driver, "unbind", gone.device), 0);
	snprintf(gone.path, sizeof(gone.path), "%s", r->path);
}

/**
 * gpumem_card_replug - give a card that was unplugged its driver back
 *
 * Nobody may have the card open any more.  Nothing is done if none was unplugged.
 *
 * Return: 0, or -errno: it is not there, or not under its number.
 */
int gpumem_card_replug(void)
{
	const struct timespec moment = { .tv_nsec = 100 * 1000 * 1000 };
	int err, fd;

	if (!*gone.path)
		return 0;
	err = write_file(gone.driver, "bind", gone.device);
	/* Whoever makes nodes needs a moment. */
	for (int i = 0; !err && i < 100; i++) {
		fd = open(gone.path, O_RDWR | O_CLOEXEC);
		if (fd >= 0) {
			close(fd);
			*gone.path = 0;
			return 0;
		}
		nanosleep(&moment, NULL);
	}
	return err ? err : -ENODEV;
}

/* --- reset ---------------------------------------------------------------- */

/* Files in debugfs: of some it is enough that they are read. */
static const struct {
	const char *driver, *file, *what;
} resets[] = {
	{ "amdgpu", "amdgpu_gpu_recover", NULL },
	{ "i915", "i915_wedged", "0xffffffff" },
	{ "xe", "gt0/force_reset_sync", NULL },
};

static int reset_of(const struct gpumem_region *r)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(resets); i++)
		if (!strcmp(resets[i].driver, r->driver))
			return i;
	return -1;
}

bool gpumem_card_resets(const struct gpumem_region *r)
{
	return reset_of(r) >= 0;
}

/**
 * gpumem_card_reset - have a card's engines reset, as after a hang
 * @r: a region of it
 */
void gpumem_card_reset(const struct gpumem_region *r)
{
	char folder[64], path[128], text[256];
	int i = reset_of(r), fd, err;
	struct stat st;

	igt_assert(i >= 0 && !stat(r->path, &st));
	snprintf(folder, sizeof(folder), "/sys/kernel/debug/dri/%u",
		 minor(st.st_rdev));
	if (resets[i].what) {
		err = write_file(folder, resets[i].file, resets[i].what);
	} else {
		snprintf(path, sizeof(path), "%s/%s", folder, resets[i].file);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		err = fd < 0 || read(fd, text, sizeof(text)) < 0 ? -errno : 0;
		if (fd >= 0)
			close(fd);
	}
	igt_require_f(err != -ENOENT, "%s/%s is not there\n", folder,
		      resets[i].file);
	gpumem_assert(err, 0);
}
