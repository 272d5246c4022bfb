// SPDX-License-Identifier: MIT
/*
 * A guest's surface on the host's display, without a copy: what a display
 * backend does once its guest has said "these pages are my screen".
 *
 *     cc -o xgm-surface surface.c $(pkg-config --cflags --libs xengpumem)
 *     xen-gpumem run DOMID --user USER --rights export-grants \
 *             --max-exports 1 -- xgm-surface WIDTH HEIGHT REFS [CARD [SECONDS]]
 *
 * USER may open the card (group video, as a rule), and is not root.  In the guest
 * somebody has allocated the surface, granted its pages to this domain, as
 * libxengnttab's xengntshr_share_pages() does, and told the references: by a
 * ring, or in xenstore; here they are numbers in the file REFS.  A pixel is four
 * bytes, XRGB, and a row follows the other.
 *
 *   1. The references become a dma-buf.
 *   2. An importer gets that: here a display driver by PRIME, which nearly all
 *      of them have.  EGL (EGL_EXT_image_dma_buf_import), Vulkan
 *      (VK_EXT_external_memory_dma_buf), a Wayland compositor (linux-dmabuf) and
 *      encoders (V4L2) take the same descriptor.
 *   3. When the guest says that it has drawn, the importer is told so.
 *   4. When the guest wants its pages again, the importer lets go, and then the
 *      export is revoked: nobody on the host has the pages after that.
 *
 * Without a display a program can still look: see surface_look().
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_mode.h>
#include <linux/dma-buf.h>

#include <xengpumem.h>

#define PAGE		4096ULL
#define FRAME_MS	50
#define MOST		8		/* outputs that are looked at */
#define MODES		256

struct surface {
	int fd;				/* the domain fd: all our privilege */
	uint32_t width, height;
	uint64_t bytes;
	uint32_t *refs, nr_refs;
	int dmabuf;
	uint32_t id;
};

struct display {
	int card;
	uint32_t crtc, connector;
	struct drm_mode_modeinfo mode;
	uint32_t handle, fb;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "xgm-surface: %s: %s\n", what, why);
	exit(1);
}

/* A call of the library that failed: ask it why. */
static void must(const struct surface *s, const char *what,
		 const struct xgm_attempt *attempt, int ret)
{
	char why[512];

	if (ret >= 0)
		return;
	xgm_explain(s->fd, attempt, ret, why, sizeof(why));
	die(what, why);
}

/* --- 1: the dma-buf -------------------------------------------------------- */

static void refs_read(struct surface *s, const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f)
		die(path, strerror(errno));
	s->nr_refs = (s->bytes + PAGE - 1) / PAGE;
	s->refs = calloc(s->nr_refs, sizeof(*s->refs));
	if (!s->refs)
		die(path, "no memory");
	for (uint32_t i = 0; i < s->nr_refs; i++)
		if (fscanf(f, "%u", &s->refs[i]) != 1)
			die(path, "not as many references as the surface has pages");
	fclose(f);
}

/*
 * Importers may write as far as the kernel can tell: PRIME maps for both
 * directions.  So the guest has to grant its pages for writing, and the export
 * is not read-only.  Nor is it REVOCABLE: few display drivers can let go of a
 * buffer when told to, and those that cannot would be refused.
 */
static void surface_export(struct surface *s)
{
	struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_EXPORT_GRANTS,
		.refs = s->refs, .count = s->nr_refs,
	};

	s->dmabuf = xgm_export_grants(s->fd, s->refs, s->nr_refs, 0, &s->id,
				      &a.failed);
	must(s, "the guest's pages", &a, s->dmabuf);
	/* What others see of it: xen-gpumem list, the kernel's bufinfo. */
	ioctl(s->dmabuf, DMA_BUF_SET_NAME, "surface of a guest");
}

/* --- 2: the importer ------------------------------------------------------- */

/* A mode of the connector that the surface fills, or the first that fits. */
static int find_mode(struct display *d, const struct surface *s)
{
	static struct drm_mode_modeinfo modes[MODES];
	struct drm_mode_get_connector c = { .connector_id = d->connector };

	/* Once for how many there are, once for them. */
	if (ioctl(d->card, DRM_IOCTL_MODE_GETCONNECTOR, &c) ||
	    !c.count_modes || c.count_modes > MODES)
		return -1;
	c.modes_ptr = (uintptr_t)modes;
	c.count_props = c.count_encoders = 0;
	if (ioctl(d->card, DRM_IOCTL_MODE_GETCONNECTOR, &c) ||
	    c.count_modes > MODES)
		return -1;
	d->mode.hdisplay = 0;
	for (uint32_t i = 0; i < c.count_modes; i++) {
		if (modes[i].hdisplay > s->width ||
		    modes[i].vdisplay > s->height)
			continue;
		if (!d->mode.hdisplay || (modes[i].hdisplay == s->width &&
					  modes[i].vdisplay == s->height))
			d->mode = modes[i];
	}
	return d->mode.hdisplay ? 0 : -1;
}

/* Who opens a card that nobody has may set its mode. */
static int display_open(struct display *d, const struct surface *s,
			const char *card)
{
	uint32_t crtcs[MOST], connectors[MOST];
	struct drm_mode_card_res res = {
		.crtc_id_ptr = (uintptr_t)crtcs, .count_crtcs = MOST,
		.connector_id_ptr = (uintptr_t)connectors,
		.count_connectors = MOST,
	};

	d->card = open(card, O_RDWR | O_CLOEXEC);
	if (d->card < 0)
		return -1;
	if (!ioctl(d->card, DRM_IOCTL_MODE_GETRESOURCES, &res) &&
	    res.count_crtcs) {
		d->crtc = crtcs[0];
		for (uint32_t i = 0; i < res.count_connectors && i < MOST;
		     i++) {
			d->connector = connectors[i];
			if (!find_mode(d, s))
				return 0;
		}
	}
	close(d->card);
	return -1;
}

/*
 * The import attaches the driver to the dma-buf and maps it for DMA, now or when
 * it is shown.  ERANGE from there: the device cannot reach the guest's pages,
 * and is not given a copy of them.
 */
static void display_show(struct display *d, const struct surface *s)
{
	struct drm_prime_handle prime = { .fd = s->dmabuf };
	struct drm_mode_fb_cmd2 fb = {
		.width = s->width, .height = s->height,
		.pixel_format = DRM_FORMAT_XRGB8888,
		.pitches = { s->width * 4 },
	};
	struct drm_mode_crtc set = {
		.crtc_id = d->crtc, .mode_valid = 1, .mode = d->mode,
		.set_connectors_ptr = (uintptr_t)&d->connector,
		.count_connectors = 1,
	};

	if (ioctl(d->card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime))
		die("import", strerror(errno));
	d->handle = prime.handle;
	fb.handles[0] = prime.handle;
	if (ioctl(d->card, DRM_IOCTL_MODE_ADDFB2, &fb))
		die("a framebuffer of it", strerror(errno));
	d->fb = fb.fb_id;
	set.fb_id = fb.fb_id;
	if (ioctl(d->card, DRM_IOCTL_MODE_SETCRTC, &set))
		die("showing it", strerror(errno));
}

/* The framebuffer first, then the handle: then the driver has let go. */
static void display_hide(struct display *d)
{
	struct drm_gem_close gem = { .handle = d->handle };

	ioctl(d->card, DRM_IOCTL_MODE_RMFB, &d->fb);
	ioctl(d->card, DRM_IOCTL_GEM_CLOSE, &gem);
	close(d->card);
}

/* --- 3: frames ------------------------------------------------------------- */

/*
 * Drivers with a copy of their own on the card fetch what has changed; those that
 * scan out the pages themselves know no such call.  A device model does this
 * when its guest flushes; here it is done all the time.
 */
static void display_refresh(struct display *d)
{
	struct drm_mode_fb_dirty_cmd dirty = { .fb_id = d->fb };

	if (ioctl(d->card, DRM_IOCTL_MODE_DIRTYFB, &dirty) &&
	    errno != ENOSYS && errno != EINTR)
		die("the next frame", strerror(errno));
}

/*
 * A program sees the same pages.  The guest can change them at any time: what
 * has been checked must have been copied before.
 */
static void surface_look(const struct surface *s)
{
	struct dma_buf_sync sync = {
		.flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ,
	};
	const volatile uint32_t *pixels;

	pixels = mmap(NULL, s->bytes, PROT_READ, MAP_SHARED, s->dmabuf, 0);
	if (pixels == MAP_FAILED)
		die("mapping it", strerror(errno));
	ioctl(s->dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
	printf("no display: the first pixel is 0x%06x\n",
	       pixels[0] & 0xffffff);
	sync.flags = DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ;
	ioctl(s->dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
	munmap((void *)pixels, s->bytes);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void show(struct surface *s, const char *card, double seconds)
{
	const struct timespec frame = { 0, FRAME_MS * 1000000L };
	double end = now() + seconds;
	struct display d = { .card = -1 };

	if (display_open(&d, s, card)) {
		surface_look(s);
		return;
	}
	display_show(&d, s);
	printf("shown: user %u, %ux%u on %s\n", geteuid(), s->width,
	       s->height, card);
	while (!stop && now() < end) {
		display_refresh(&d);
		nanosleep(&frame, NULL);
	}
	display_hide(&d);
}

/* --- 4: the end ------------------------------------------------------------ */

/*
 * Without this the pages would come back with the dma-buf's last user, whoever
 * that is.  So it is called by a backend that has given the descriptor away, and
 * wants to tell its guest that the pages are free.  EBUSY: an importer that
 * cannot let go has it.  It can take as long as a device is at work: not for
 * the main loop.
 *
 * When the guest is gone the pages are still there, and with them what is left
 * of the guest.  A descriptor that may only export is not told; the toolstack is.
 */
static void surface_return(struct surface *s)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_EXPORT_REVOKE,
		.id = s->id,
	};

	must(s, "giving the pages back", &a, xgm_export_revoke(s->fd, s->id));
	close(s->dmabuf);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct surface s = { .fd = -1 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4)
		die("usage", "xgm-surface WIDTH HEIGHT REFS [CARD [SECONDS]]");
	s.width = strtoul(argv[1], NULL, 0);
	s.height = strtoul(argv[2], NULL, 0);
	if (!s.width || s.width > 16384 || !s.height || s.height > 16384)
		die("WIDTH and HEIGHT", "are from 1 to 16384");
	s.bytes = s.width * 4ULL * s.height;
	s.fd = xgm_domain_from_env(NULL);
	if (s.fd < 0)
		die(XGM_ENV_FD, xgm_strerror(XGM_CALL_DOMAIN_ADOPT, s.fd));
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	refs_read(&s, argv[3]);
	surface_export(&s);
	show(&s, argc > 4 ? argv[4] : "/dev/dri/card0",
	     argc > 5 ? atof(argv[5]) : 1e9);
	surface_return(&s);
	puts("the guest has its pages back");
	return 0;
}
