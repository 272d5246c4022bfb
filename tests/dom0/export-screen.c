// SPDX-License-Identifier: GPL-2.0-only
/*
 * E3: what the guest drew into its own pages, on the host's display.
 *
 * A real display driver (bochs, for QEMU's bochs-display) imports the dma-buf
 * through PRIME and scans it out: it copies what has changed into the card's
 * memory, by its own mapping of the buffer.  The emulator is asked what the
 * display shows, and the answer is compared with the guest's pixels.
 */
#include <drm/drm.h>

#include "backing.h"
#include "kms.h"

#define WIDTH	1024U
#define HEIGHT	768U
#define LENGTH	(WIDTH * HEIGHT * 4UL)
#define PAGES	((uint32_t)(LENGTH / PAGE))

static int card_open(const char *driver)
{
	int card = drm_open(driver);

	if (card < 0)
		xgt_skip("no card with the driver %s", driver);
	return card;
}

static uint32_t displayed(const char *name)
{
	return screen_shown(name, WIDTH, HEIGHT);
}

static uint32_t drawn(const volatile uint32_t *pixels)
{
	return screen_drawn(pixels, WIDTH * HEIGHT);
}

static void scan_out(void)
{
	static const uint32_t black[WIDTH * HEIGHT];
	struct kms k = {
		.card = card_open("bochs-drm"), .width = WIDTH,
		.height = HEIGHT,
	};
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
	k.handle = kms_import(k.card, fd);
	kms_show(&k);
	OK(kms_refresh(&k));
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
	OK(kms_refresh(&k));
	CHECK_EQ(displayed("export-second"), second);

	/* A driver that has it mapped for as long as it shows it is waited for. */
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_mapped, 0);
	if (q.out_vmaps)
		ERR(ex_revoke(dom, cmd.out_id), ETIMEDOUT);
	kms_hide(&k);
	EVENTUALLY(!ex_query(dom, cmd.out_id, 0, &q) && !q.out_vmaps);
	OK(ex_revoke(dom, cmd.out_id));
	OK(ex_query(dom, cmd.out_id, 0, &q));
	CHECK_EQ(q.out_attached, 1);
	CHECK(q.out_state & XEN_GPUMEM_EXPORT_RETURNED);

	/* Shown again it is black: the driver gets memory that is nobody's. */
	kms_show(&k);
	OK(kms_refresh(&k));
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
	handle = kms_import(card, fd);
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

/*
 * virtio-gpu takes others' buffers where its host has blobs.  Where not, it says
 * so only when it has the buffer mapped for its device: nothing may be left of
 * that.
 */
static void virtio_gpu(void)
{
	uint32_t *refs = guest_share(0, 16, true), id;
	int card = card_open("virtio_gpu"), dom = ex_open(NULL, 0, 0, 0);
	struct drm_prime_handle p = {
		.fd = ex_make(dom, refs, 16, 0, &id),
	};
	int ret = ioctl(card, DRM_IOCTL_PRIME_FD_TO_HANDLE, &p) ? -errno : 0;
	struct xen_gpumem_export_query q = ex_state(dom, id);

	/* Control: it had it mapped, either way. */
	CHECK(q.out_segments > 0);
	xgt_info("virtio-gpu: %s", ret ? xgt_errname(-ret) : "imported");
	if (ret)
		ERR(ret, ENODEV);
	CHECK_EQ(q.out_attached, !ret);
	CHECK_EQ(q.out_mapped, !ret);
	CHECK_EQ(q.out_static, 0);
	/* It lets go when told, if it has it. */
	OK(ex_revoke(dom, id));
	q = ex_state(dom, id);
	CHECK_EQ(q.out_mapped, 0);
	CHECK(q.out_state & XEN_GPUMEM_EXPORT_RETURNED);
	close(card);
}

static const struct xgt_test tests[] = {
	{ "E3-scan-out", "E3", scan_out, XGT_GUEST, 0 },
	{ "E3-vgem", "E3", vgem, XGT_GUEST, 0 },
	{ "E3-virtio-gpu", "E3,E4", virtio_gpu, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
