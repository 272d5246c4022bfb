// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small ext4 on a loop device on a file in memory.
 *
 * The image is the disk: what has been written back is in it, and nothing
 * else, so that a test sees what a crash would have left.  Mounted in a mount
 * namespace of the test's own, and gone with it whatever happens.
 */
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "backing.h"

/* Attach the image to a free loop device; Return: the device, open. */
static int loop_attach(struct disk *d, char *path, size_t size)
{
	struct loop_config config = {
		.fd = d->image_fd, .block_size = 4096,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE), fd;

	if (n < 0)
		xgt_skip("no loop device: %s", strerror(errno));
	close(control);
	snprintf(path, size, "/dev/loop%d", n);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config))
		FAIL("%s: %s", path, strerror(errno));
	return fd;
}

/**
 * disk_mount - mount a disk
 * @d: of disk_new(), not mounted
 */
void disk_mount(struct disk *d)
{
	char device[32];
	/* Ours until it is mounted: else it would clear itself. */
	int fd = loop_attach(d, device, sizeof(device));

	if (mount(device, d->dir, "ext4", MS_NOATIME, "errors=continue"))
		FAIL("mounting %s: %s", device, strerror(errno));
	close(fd);
}

/**
 * disk_umount - unmount a disk; nothing of it may be in use
 * @d: of disk_new(), mounted
 */
void disk_umount(struct disk *d)
{
	/* What was unmapped just now may be held by a fault for a moment. */
	for (int try = 0; umount(d->dir); try++) {
		if (errno != EBUSY || try == 200)
			FAIL("umount: %s", strerror(errno));
		xgt_sleep_ms(10);
	}
}

/**
 * disk_remount - unmount a disk and mount it again: nothing of it is cached
 * @d: of disk_new(), mounted, nothing of it in use
 */
void disk_remount(struct disk *d)
{
	disk_umount(d);
	disk_mount(d);
}

/**
 * disk_new - make a disk with an empty ext4 on it and mount it
 * @d: filled in
 * @length: bytes
 */
void disk_new(struct disk *d, uint64_t length)
{
	char *argv[] = { "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096",
			 "-m", "0", "-N", "64", "-E", "lazy_itable_init=0",
			 d->image, NULL };

	/* Nothing is written back before a test says so. */
	knob_set("/proc/sys/vm/dirty_writeback_centisecs", "0");
	snprintf(d->image, sizeof(d->image), "/tmp/disk-%d.img", getpid());
	snprintf(d->dir, sizeof(d->dir), "/tmp/disk-%d", getpid());
	d->image_fd = open(d->image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
			   0600);
	if (d->image_fd < 0 || ftruncate(d->image_fd, length) ||
	    mkdir(d->dir, 0755))
		FAIL("%s: %s", d->image, strerror(errno));
	if (xgt_spawn(argv, NULL, 0))
		FAIL("mke2fs failed");
	/* The file lives as long as someone has it open. */
	unlink(d->image);
	if (unshare(CLONE_NEWNS))
		FAIL("unshare: %s", strerror(errno));
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	disk_mount(d);
}

/**
 * disk_file - make a file
 * @d: of disk_new(), mounted
 * @name: its name
 * @length: bytes; on the disk, as zeroes
 *
 * Return: the file, open
 */
int disk_file(struct disk *d, const char *name, uint64_t length)
{
	static const char zeroes[PAGE];
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", d->dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	for (uint64_t at = 0; at < length; at += PAGE)
		if (pwrite(fd, zeroes, PAGE, at) != (ssize_t)PAGE)
			FAIL("%s: %s", path, strerror(errno));
	if (fsync(fd))
		FAIL("fsync: %s", strerror(errno));
	return fd;
}

/**
 * disk_read - read what the disk holds where a page of a file lies
 * @d: the disk
 * @fd: the file
 * @offset: of the page
 * @page: where to put it
 */
void disk_read(struct disk *d, int fd, uint64_t offset, void *page)
{
	struct {
		struct fiemap map;
		struct fiemap_extent extent;
	} f = {
		.map.fm_start = offset, .map.fm_length = PAGE,
		.map.fm_extent_count = 1,
	};
	uint64_t at;

	if (ioctl(fd, FS_IOC_FIEMAP, &f))
		FAIL("FIEMAP: %s", strerror(errno));
	if (!f.map.fm_mapped_extents ||
	    (f.extent.fe_flags & (FIEMAP_EXTENT_UNKNOWN |
				  FIEMAP_EXTENT_UNWRITTEN)))
		FAIL("0x%lx of the file is not on the disk (0x%x)", offset,
		     f.map.fm_mapped_extents ? f.extent.fe_flags : 0);
	at = f.extent.fe_physical + offset - f.extent.fe_logical;
	if (pread(d->image_fd, page, PAGE, at) != (ssize_t)PAGE)
		FAIL("reading the disk: %s", strerror(errno));
}

/**
 * disk_verify - check a pattern on the disk
 * @d: the disk
 * @fd: the file
 * @length: bytes from its beginning
 * @seed: which pattern
 */
void disk_verify(struct disk *d, int fd, uint64_t length, uint64_t seed)
{
	uint64_t page[PAGE / 8];

	for (uint64_t at = 0; at < length; at += PAGE) {
		disk_read(d, fd, at, page);
		for (uint64_t i = 0; i < PAGE / 8; i++)
			if (page[i] != xg_pattern(seed, at + i * 8))
				FAIL("the disk holds 0x%lx at 0x%lx, not 0x%lx",
				     page[i], at + i * 8,
				     xg_pattern(seed, at + i * 8));
	}
}
