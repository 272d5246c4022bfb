// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem scanout
 * Description: What a guest draws into pages of its own, on a display
 * Category: Display
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: export
 * Test category: functionality test
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drm.h"
#include "drm_mode.h"

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_card.h"
#include "igt_xen_gpumem_export.h"
#include "igt_xen_gpumem_kms.h"

IGT_TEST_DESCRIPTION("What a guest draws into its own pages, on a display");

/* Shown from memory of the card's own: what the checksum should be. */
static struct gpumem_crc reference(struct gpumem_display *d, uint64_t seed)
{
	struct drm_mode_create_dumb create = {
		.width = d->mode.hdisplay, .height = d->mode.vdisplay,
		.bpp = 32,
	};
	struct drm_mode_map_dumb map = { 0 };
	struct gpumem_crc crc;
	void *p;

	do_ioctl(d->card, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	map.handle = create.handle;
	do_ioctl(d->card, DRM_IOCTL_MODE_MAP_DUMB, &map);
	igt_assert(create.size >= d->size);
	p = mmap(NULL, d->size, PROT_READ | PROT_WRITE, MAP_SHARED, d->card,
		 map.offset);
	igt_assert(p != MAP_FAILED);
	gpumem_fill(p, d->size, seed);
	munmap(p, d->size);
	gpumem_assert(__gpumem_display_show(d, create.handle), 0);
	crc = gpumem_crc(d);
	gpumem_close_handle(d->card, create.handle);
	return crc;
}

static void crc(const struct gpumem_card *c)
{
	struct gpumem_crc first, second, want;
	struct gpumem_display d;
	struct gpumem_export e;
	uint32_t handle;

	gpumem_card_imports_require(c);
	gpumem_display_open(&d, c);
	gpumem_crc_require(&d);
	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, d.size, 0);
	handle = gpumem_import(d.card, &e);
	gpumem_guest_fill(e.gpa, e.size, 1);
	gpumem_assert(__gpumem_display_show(&d, handle), 0);
	first = gpumem_crc(&d);
	gpumem_guest_fill(e.gpa, e.size, 2);
	gpumem_assert(__gpumem_display_update(&d), 0);
	second = gpumem_crc(&d);
	igt_assert(!gpumem_crc_equal(&first, &second));
	want = reference(&d, 1);
	igt_assert(gpumem_crc_equal(&first, &want));
	want = reference(&d, 2);
	igt_assert(gpumem_crc_equal(&second, &want));
	gpumem_display_close(&d);
	gpumem_export_free(&e);
	gpumem_end();
}

/*
 * The driver copies what it shows, and keeps it mapped for that: no new use is
 * possible, and when another is shown the guest gets it back.
 */
static void revoke_copied(struct gpumem_display *d,
			  const struct gpumem_export *e, uint32_t other)
{
	struct xen_gpumem_export_query q;

	gpumem_assert(__gpumem_export_revoke(e->dom, e->id), -ETIMEDOUT);
	q = gpumem_export_query(e->dom, e->id);
	igt_assert_eq(q.out_state, XEN_GPUMEM_EXPORT_REVOKED);
	gpumem_assert(__gpumem_display_show(d, other), 0);
	gpumem_assert(__gpumem_export_revoke(e->dom, e->id), 0);
	q = gpumem_export_query(e->dom, e->id);
	igt_assert_eq(q.out_state, XEN_GPUMEM_EXPORT_REVOKED |
				   XEN_GPUMEM_EXPORT_RETURNED);
}

/* The display has it, and the guest gets it back; then it shows another. */
static void revoked(const struct gpumem_card *c)
{
	struct drm_mode_create_dumb create = { .bpp = 32 };
	struct xen_gpumem_export_query q;
	struct gpumem_display d;
	struct gpumem_export e;
	uint32_t handle;

	gpumem_card_imports_require(c);
	gpumem_display_open(&d, c);
	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, d.size, 0);
	handle = gpumem_import(d.card, &e);
	gpumem_guest_fill(e.gpa, e.size, 1);
	gpumem_assert(__gpumem_display_show(&d, handle), 0);
	gpumem_guest_fill(e.gpa, e.size, 2);
	gpumem_assert(__gpumem_display_update(&d), 0);
	gpumem_attached(&e, 1);
	gpumem_check(e.map, e.size, 2);

	create.width = d.mode.hdisplay;
	create.height = d.mode.vdisplay;
	do_ioctl(d.card, DRM_IOCTL_MODE_CREATE_DUMB, &create);
	q = gpumem_export_query(e.dom, e.id);
	if (!q.out_static && q.out_vmaps) {
		revoke_copied(&d, &e, create.handle);
		gpumem_export_is_gone(&e, c);
	} else if (gpumem_export_revoke(&e)) {
		gpumem_export_is_gone(&e, c);
		/* Some drivers copy for the display, others do not. */
		igt_info("the next update: %s\n",
			 strerror(-__gpumem_display_update(&d)));
		gpumem_assert(__gpumem_display_show(&d, create.handle), 0);
		gpumem_assert(__gpumem_display_update(&d), 0);
	} else {
		gpumem_export_coherent(&e, e.fd, e.map, 3);
		gpumem_assert(__gpumem_display_update(&d), 0);
		gpumem_assert(__gpumem_display_show(&d, create.handle), 0);
		gpumem_close_handle(d.card, handle);
		gpumem_attached(&e, 0);
		igt_assert(gpumem_export_revoke(&e));
	}
	gpumem_display_close(&d);
	gpumem_guest_has_all();
	gpumem_export_free(&e);
	gpumem_end();
}

static const struct {
	const char *name, *what;
	void (*fn)(const struct gpumem_card *c);
} tests[] = {
	/**
	 * SUBTEST: crc
	 * Description: What the guest drew is what the display shows
	 */
	{ "crc", "What the guest drew is what the display shows", crc },
	/**
	 * SUBTEST: revoked
	 * Description: It is taken away while the display shows it
	 */
	{ "revoked", "It is taken away while the display shows it", revoked },
};

int igt_main()
{
	igt_fixture()
		gpumem_export_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest_with_dynamic(tests[i].name)
			gpumem_each_card(tests[i].fn);
	}
}
