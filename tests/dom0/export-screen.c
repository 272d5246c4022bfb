// SPDX-License-Identifier: GPL-2.0-only
/*
 * E3: what the guest drew into its own pages, on the host's display.
 *
 * A real display driver (bochs, for QEMU's bochs-display) imports the dma-buf
 * through PRIME and scans it out: it copies what has changed into the card's
 * memory, by its own mapping of the buffer.  The emulator is asked what the
 * display shows, and the answer is compared with the guest's pixels.
 */
#include <dirent.h>
#include <signal.h>

#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>

#include "xgt.h"

#define WIDTH	1024U
#define HEIGHT	768U
#define LENGTH	(WIDTH * HEIGHT * 4UL)
#define PAGES	((uint32_t)(LENGTH / PAGE))

struct display {
	int card;
	uint32_t crtc;
	uint32_t connector;
	uint32_t handle;
	uint32_t fb;
	struct drm_mode_modeinfo mode;
};

/* --- the driver --------------------------------------------------------------------- */

static int card_open(const char *driver)
{
	for (int i = 0; i < 8; i++) {
		char path[32], name[32] = "";
		struct drm_version v = {
			.name = name, .name_len = sizeof(name) - 1,
		};
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!ioctl(fd, DRM_IOCTL_VERSION, &v) && !strcmp(name, driver))
			return fd;
		close(fd);
	}
	xgt_skip("no card with the driver %s", driver);
}

static uint32_t import(int card, int fd)
{
	struct drm_prime_handle p = { .fd = fd };

	if (ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p))
		FAIL("PRIME import: %s", strerror(errno));
	return p.handle;
}

static void find_outputs(struct display *d)
{
	uint32_t crtcs[8], connectors[8];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = 8,
		.connector_id_ptr = (uintptr_t)connectors,
		.count_connectors = 8,
	};

	CHECK(!ioctl(d->card, DRM_IOCTL_MODE_GETRESOURCES, &res));
	CHECK(res.count_crtcs && res.count_connectors);
	d->crtc = crtcs[0];
	d->connector = connectors[0];
}

static void find_mode(struct display *d)
{
	static struct drm_mode_modeinfo modes[256];
	struct drm_mode_get_connector c = { .connector_id = d->connector };

	/* Once to have it look, once for the answer. */
	CHECK(!ioctl(d->card, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	CHECK(c.count_modes <= ARRAY_SIZE(modes));
	c.modes_ptr = (uintptr_t)modes;
	c.count_props = c.count_encoders = 0;
	CHECK(!ioctl(d->card, DRM_IOCTL_MODE_GETCONNECTOR, &c));
	for (uint32_t i = 0; i < c.count_modes; i++)
		if (modes[i].hdisplay == WIDTH && modes[i].vdisplay == HEIGHT)
			d->mode = modes[i];
	CHECK(d->mode.hdisplay == WIDTH);
}

static void show(struct display *d)
{
	struct drm_mode_fb_cmd2 fb = {
		.width = WIDTH, .height = HEIGHT,
		.pixel_format = DRM_FORMAT_XRGB8888, .pitches = { WIDTH * 4 },
	};
	struct drm_mode_crtc set = {
		.set_connectors_ptr = (uintptr_t)&d->connector,
		.count_connectors = 1, .mode_valid = 1,
	};

	find_outputs(d);
	find_mode(d);
	fb.handles[0] = d->handle;
	if (ioctl(d->card, DRM_IOCTL_MODE_ADDFB2, &fb))
		FAIL("ADDFB2: %s", strerror(errno));
	d->fb = fb.fb_id;
	set.crtc_id = d->crtc;
	set.fb_id = d->fb;
	set.mode = d->mode;
	if (ioctl(d->card, DRM_IOCTL_MODE_SETCRTC, &set))
		FAIL("SETCRTC: %s", strerror(errno));
}

/* The handle stays. */
static void hide(struct display *d)
{
	struct drm_mode_crtc set = { .crtc_id = d->crtc };

	CHECK(!ioctl(d->card, DRM_IOCTL_MODE_SETCRTC, &set));
	CHECK(!ioctl(d->card, DRM_IOCTL_MODE_RMFB, &d->fb));
}

static int refresh(struct display *d)
{
	struct drm_mode_fb_dirty_cmd dirty = { .fb_id = d->fb };

	return ioctl(d->card, DRM_IOCTL_MODE_DIRTYFB, &dirty) ? -errno : 0;
}

/* --- the display ------------------------------------------------------------------------ */

static int answers_open(void)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	int fd = -1;

	CHECK(dir != NULL);
	while (fd < 0 && (e = readdir(dir))) {
		char path[300], name[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%63s", name) == 1 &&
		    !strcmp(name, "xg.answers")) {
			snprintf(path, sizeof(path), "/dev/%s", e->d_name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
		}
		fclose(f);
	}
	closedir(dir);
	if (fd < 0)
		xgt_skip("no port for answers about the display");
	return fd;
}

/* One line; before the other side is there, reading says end of file. */
static void answer(int port, char *line, size_t size)
{
	size_t len = 0;

	for (int i = 0; i < 6000; i++) {
		ssize_t n = read(port, line + len, size - 1 - len);

		len += n > 0 ? n : 0;
		line[len] = '\0';
		if (strchr(line, '\n'))
			return;
		xgt_sleep_ms(10);
	}
	FAIL("no picture of the display");
}

/* Checksum of what the emulated display shows. */
static uint32_t displayed(const char *name)
{
	unsigned int crc, width, height;
	char line[200], is[100];
	int port = answers_open();

	printf("XG-SCREENDUMP %s\n", name);
	answer(port, line, sizeof(line));
	if (sscanf(line, "%99s %x %ux%u", is, &crc, &width, &height) != 4)
		FAIL("picture: %s", line);
	CHECK(!strcmp(is, name));
	CHECK(width == WIDTH && height == HEIGHT);
	close(port);
	return crc;
}

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int i = 0; i < 8; i++)
		crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	return crc;
}

/* The same of what is in memory. */
static uint32_t drawn(const volatile uint32_t *pixels)
{
	uint32_t crc = ~0u;

	for (unsigned int i = 0; i < WIDTH * HEIGHT; i++) {
		uint32_t p = pixels[i];

		crc = crc_byte(crc, p >> 16);
		crc = crc_byte(crc, p >> 8);
		crc = crc_byte(crc, p);
	}
	return ~crc;
}

static void scan_out(void)
{
	static const uint32_t black[WIDTH * HEIGHT];
	struct display d = { .card = card_open("bochs-drm") };
	uint32_t *refs = guest_share(0, PAGES, true), first, second;
	int dom = ex_open(NULL, 0, 0, 0), fd;
	struct xen_gpumem_export_grants cmd;
	struct xen_gpumem_export_query q;
	volatile uint32_t *p;

	fd = ex_grants(dom, refs, PAGES, 0, &cmd);
	CHECK(fd >= 0);
	p = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	cmd_ok(0, XG_CMD_DRAW, XGT_SHARED(0), WIDTH, HEIGHT);
	d.handle = import(d.card, fd);
	show(&d);
	OK(refresh(&d));
	first = drawn(p);
	CHECK_EQ(displayed("export-first"), first);
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_attached, 1);

	/* The next frame. */
	cmd_start(0, XG_CMD_ANIMATE, XGT_SHARED(0), WIDTH, HEIGHT, 0);
	cmd_advance(0, 3);
	cmd_stop(0);
	second = drawn(p);
	CHECK(second != first);
	OK(refresh(&d));
	CHECK_EQ(displayed("export-second"), second);

	/* A driver that has it mapped for as long as it shows it is waited for. */
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_mapped, 0);
	if (q.out_vmaps)
		ERR(ex_revoke(dom, cmd.out_id), ETIMEDOUT);
	hide(&d);
	EVENTUALLY(!ex_query(dom, cmd.out_id, 0, &q) && !q.out_vmaps);
	OK(ex_revoke(dom, cmd.out_id));
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_attached, 1);
	CHECK(q.out_state & XEN_GPUMEM_EXPORT_RETURNED);

	/* Shown again it is black: the driver gets memory that is nobody's. */
	show(&d);
	OK(refresh(&d));
	CHECK_EQ(displayed("export-revoked"), drawn(black));
}

/* A driver without a device: takes the buffer, and gives the same one on. */
static void vgem(void)
{
	int card = card_open("vgem");
	uint32_t *refs = guest_share(0, 16, true), handle;
	int dom = ex_open(NULL, 0, 0, 0);
	struct xen_gpumem_export_grants cmd;
	int fd = ex_grants(dom, refs, 16, 0, &cmd);
	struct drm_prime_handle back = { .flags = DRM_RDWR | DRM_CLOEXEC };
	struct xen_gpumem_export_query q;
	volatile uint64_t *p;

	CHECK(fd >= 0);
	handle = import(card, fd);
	close(fd);
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_attached, 1);
	back.handle = handle;
	if (ioctl(card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &back))
		FAIL("PRIME export: %s", strerror(errno));
	p = map_shared(back.fd, 16 * PAGE);
	cmd_ok(0, XG_CMD_FILL, XGT_SHARED(0), 16 * PAGE, 1);
	verify(p, 16 * PAGE, 1);
	fill(p, 16 * PAGE, 2);
	cmd_ok(0, XG_CMD_CHECK, XGT_SHARED(0), 16 * PAGE, 2);
	close(card);
	close(back.fd);
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_attached, 0);
	verify(p, 16 * PAGE, 2);
}

static const struct xgt_test tests[] = {
	{ "E3-scan-out", "E3", scan_out, XGT_GUEST, 0 },
	{ "E3-vgem", "E3", vgem, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
