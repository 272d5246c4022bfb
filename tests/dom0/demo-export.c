// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demonstration's second act, the other way round: what a guest draws into
 * its own pages, on the host's display.
 *
 * The guest shares pages by its kernel's own means and draws a picture there.
 * An unprivileged process makes a dma-buf of them; the driver of a display
 * imports that as it would any other, and shows it, while the guest goes on
 * drawing.  Twice the guest is stopped for a moment: then all must be the same,
 * what the guest says that it drew, what the host finds in memory, and what the
 * emulator, which is asked for a picture, has on its display.
 *
 * One line of the table per picture; the pictures stay with the run's files.
 */
#include <signal.h>

#include "backing.h"
#include "kms.h"

#define WIDTH		1024U
#define HEIGHT		768U
#define LENGTH		(WIDTH * HEIGHT * 4UL)
#define PAGES		((uint32_t)(LENGTH / PAGE))
#define PICTURES	2
#define ROUNDS		12	/* of the guest's, from one picture to the next */

struct act {
	int dom;
	int port;
	struct kms kms;
	uint32_t *refs;
	uint32_t id;
	volatile uint64_t *map;
	uint64_t rounds;
};

static void draw(struct act *a)
{
	struct xgt_result r = cmd_ok(0, XG_CMD_DRAW, XGT_SHARED(0), WIDTH,
				     HEIGHT);

	CHECK_EQ(r.v[0], xg_sum(a->map, LENGTH));
}

/* The guest draws on, and the display follows. */
static struct xgt_result follow(struct act *a)
{
	struct xgt_result r;

	cmd_start(0, XG_CMD_ANIMATE, XGT_SHARED(0), WIDTH, HEIGHT, a->rounds);
	for (int i = 0; i < ROUNDS; i++) {
		cmd_advance(0, 1);
		OK(kms_refresh(&a->kms));
	}
	r = cmd_stop(0);
	OK(kms_refresh(&a->kms));
	return r;
}

/* Return: checksum of what is on the display, which is what was drawn. */
static uint32_t picture(struct act *a, int number)
{
	struct xgt_result r = follow(a);
	uint64_t sum = xg_sum(a->map, LENGTH);
	uint32_t drawn = screen_drawn((volatile uint32_t *)a->map,
				      WIDTH * HEIGHT), shown;
	char name[32];

	CHECK(r.v[0] >= a->rounds + ROUNDS);
	a->rounds = r.v[0];
	snprintf(name, sizeof(name), "host-showed-this-%d", number);
	shown = screen_ask(a->port, name, WIDTH, HEIGHT);
	xgt_info("| %-20s | %7lu | %016lx | %016lx | %08x  | %08x   |", name,
		 a->rounds, r.v[1], sum, drawn, shown);
	CHECK_EQ(r.v[1], sum);
	CHECK_EQ(shown, drawn);
	return shown;
}

/* The host has nothing any more; the guest has all that it had. */
static void end(struct act *a)
{
	kms_hide(&a->kms);
	EVENTUALLY(!ex_state(a->dom, a->id).out_vmaps);
	OK(ex_revoke(a->dom, a->id));
	CHECK_EQ(touched(a->map), SIGBUS);
	cmd_start(0, XG_CMD_ANIMATE, XGT_SHARED(0), WIDTH, HEIGHT, a->rounds);
	cmd_advance(0, 1);
	cmd_stop(0);
	xgt_info("taken back: the guest draws on, and nobody sees it");
}

static void shows(void *arg)
{
	struct act *a = arg;
	uint32_t last = 0;
	int fd;

	ERR(gm_node(), EACCES);
	fd = ex_make(a->dom, a->refs, PAGES, XEN_GPUMEM_EXPORT_CLOEXEC,
		     &a->id);
	a->map = ex_map_read(fd, LENGTH);
	draw(a);
	a->kms.handle = kms_import(a->kms.card, fd);
	close(fd);
	kms_show(&a->kms);
	xgt_info("| on the display       | changed | %-16s | %-16s | in memory | on display |",
		 "sum in guest", "sum in dom0");
	for (int i = 1; i <= PICTURES; i++) {
		uint32_t shown = picture(a, i);

		CHECK(shown != last);
		last = shown;
	}
	end(a);
}

static void second_act(void)
{
	struct xen_gpumem_open_domain limits = {
		.rights = XEN_GPUMEM_RIGHT_EXPORT_GRANTS,
		.max_exports = 1, .max_export_bytes = LENGTH,
	};
	struct act a = {
		.kms = {
			.card = drm_open("bochs-drm"), .width = WIDTH,
			.height = HEIGHT,
		},
		.port = screen_open(),
	};

	if (a.kms.card < 0)
		xgt_skip("no display to show it on");
	a.dom = gm_open_domain(xgt_guest.domid, &limits);
	if (a.dom < 0)
		FAIL("opening the guest: %s", xgt_errname(-a.dom));
	a.refs = guest_share(0, PAGES, true);
	/* As in the first act, descriptors are all that root gives. */
	xgt_join(xgt_fork_user(shows, &a));
}

static const struct xgt_test tests[] = {
	{ "E3-guest-on-display", "E1,E3,E7", second_act, XGT_GUEST, 300 },
};

XGT_MAIN(tests)
