// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem prime
 * Description: Pages of a guest as dma-bufs in the hands of every graphics
 *              driver: contents both ways, what it must not do, and what ends,
 *              in whatever order
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: export
 * Test category: functionality test
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_card.h"
#include "igt_xen_gpumem_export.h"

IGT_TEST_DESCRIPTION("Pages of a guest in the hands of every graphics driver");

#define PAGES	16U
#define SIZE	(PAGES * GPUMEM_PAGE)

#define READONLY	XEN_GPUMEM_EXPORT_READONLY
#define REVOCABLE	XEN_GPUMEM_EXPORT_REVOCABLE
#define READ_WRITE	(PROT_READ | PROT_WRITE)

/* --- importing ------------------------------------------------------------ */

/* A handle for it, one and the same, and the buffer again for the handle. */
static void import(const struct gpumem_card *c, const struct gpumem_source *s)
{
	struct gpumem_export e;
	uint32_t handle, again;
	int card, fd;

	gpumem_card_imports_require(c);
	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	card = gpumem_card_open(c);
	gpumem_attached(&e, 0);
	handle = gpumem_import(card, &e);
	gpumem_attached(&e, 1);
	again = gpumem_import(card, &e);
	igt_assert_eq(again, handle);
	gpumem_attached(&e, 1);
	fd = gpumem_reexport(card, handle);
	igt_assert(gpumem_same_buffer(fd, e.fd));
	close(fd);
	/* Control: the same pages once more are another buffer. */
	fd = gpumem_export_area(e.dom, s, 0, PAGES, 0, NULL);
	igt_assert(!gpumem_same_buffer(fd, e.fd));
	gpumem_assert(__gpumem_import(card, fd, &again), 0);
	igt_assert_neq(again, handle);
	close(fd);
	gpumem_close_handle(card, handle);
	gpumem_attached(&e, 0);
	close(card);
	gpumem_export_coherent(&e, e.fd, e.map, 1);
	gpumem_export_free(&e);
	gpumem_end();
}

/* Nobody but the driver has it left: by way of it, contents both ways. */
static void import_contents(const struct gpumem_card *c,
			    const struct gpumem_source *s)
{
	struct gpumem_export e;
	uint32_t handle;
	int card, fd;
	void *p;

	gpumem_card_imports_require(c);
	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	gpumem_guest_fill(e.gpa, SIZE, 1);
	card = gpumem_card_open(c);
	handle = gpumem_import(card, &e);
	gpumem_export_unmap(&e);
	gpumem_export_close(&e);
	fd = gpumem_reexport(card, handle);
	p = gpumem_map(fd, SIZE, READ_WRITE);
	gpumem_check(p, SIZE, 1);
	gpumem_export_coherent(&e, fd, p, 2);
	gpumem_close_handle(card, handle);
	gpumem_attached(&e, 0);
	gpumem_export_coherent(&e, fd, p, 4);
	close(card);
	close(fd);
	gpumem_guest_fill(e.gpa, SIZE, 6);
	gpumem_check(p, SIZE, 6);
	munmap(p, SIZE);
	gpumem_export_free(&e);
	gpumem_end();
}

/*
 * A driver that maps at once, for both directions, cannot have it.  Of one that
 * has it, it cannot be had to be written.
 */
static void import_readonly(const struct gpumem_card *c)
{
	struct gpumem_export e, writable;
	uint32_t handle;
	int card, fd, err;

	gpumem_card_imports_require(c);
	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, READONLY);
	gpumem_export_new(&writable, GPUMEM_GRANTS, 1, SIZE, 0);
	card = gpumem_card_open(c);
	gpumem_import(card, &writable);
	err = __gpumem_import(card, e.fd, &handle);
	if (err) {
		igt_assert_eq(err, -EACCES);
		gpumem_attached(&e, 0);
	} else {
		fd = gpumem_reexport(card, handle);
		igt_assert(gpumem_same_buffer(fd, e.fd));
		gpumem_export_stays_readonly(&e, fd);
		close(fd);
	}
	gpumem_export_stays_readonly(&e, e.fd);
	close(card);
	gpumem_attached(&e, 0);
	gpumem_export_free(&writable);
	gpumem_export_free(&e);
	gpumem_end();
}

/* An export in the hands of all drivers that take memory of others. */
struct importers {
	unsigned int nr;
	struct importer {
		const struct gpumem_card *card;
		int file;
		uint32_t handle;
	} of[16];
};

static void import_all(struct importers *all, const struct gpumem_export *e)
{
	const struct gpumem_card *c;
	int err;

	gpumem_cards_require();
	all->nr = 0;
	for_each_gpumem_card(c) {
		struct importer *i = &all->of[all->nr];

		if (all->nr == ARRAY_SIZE(all->of) ||
		    !gpumem_card_imports(c, &err))
			continue;
		i->card = c;
		i->file = gpumem_card_open(c);
		err = __gpumem_import(i->file, e->fd, &i->handle);
		igt_info("%s: %s\n", c->name, strerror(-err));
		if (err) {
			/* Its device cannot reach the pages. */
			gpumem_assert(err, -ERANGE);
			close(i->file);
			continue;
		}
		gpumem_attached(e, ++all->nr);
	}
	igt_require_f(all->nr, "no card takes memory of others\n");
}

/* Each lets go of it without the others. */
static void all_cards(void)
{
	struct importers all;
	struct gpumem_export e;

	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, 0);
	import_all(&all, &e);
	gpumem_export_coherent(&e, e.fd, e.map, 1);
	while (all.nr) {
		const struct importer *i = &all.of[--all.nr];
		int fd = gpumem_reexport(i->file, i->handle);

		igt_assert(gpumem_same_buffer(fd, e.fd));
		close(fd);
		close(i->file);
		gpumem_attached(&e, all.nr);
		gpumem_export_coherent(&e, e.fd, e.map, 3);
	}
	gpumem_export_free(&e);
	gpumem_end();
}

/* --- a device at work ----------------------------------------------------- */

static volatile bool *shared_flag(void)
{
	bool *p = mmap(NULL, GPUMEM_PAGE, READ_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	igt_assert(p != MAP_FAILED);
	return p;
}

/* Who wants to read waits for the device that writes. */
static void fence_access(void)
{
	const struct gpumem_card *c = gpumem_card_require("vgem");
	volatile bool *signalled = shared_flag();
	struct pollfd ready = { .events = POLLIN | POLLOUT };
	struct gpumem_export e;
	uint32_t number;
	bool in_time;
	int card, err;

	gpumem_card_imports_require(c);
	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, 0);
	card = gpumem_card_open(c);
	number = gpumem_fence_attach(card, gpumem_import(card, &e));
	ready.fd = e.fd;
	igt_assert_eq(poll(&ready, 1, 0), 0);
	igt_fork(child, 1) {
		usleep(300000);
		*signalled = true;
		gpumem_fence_signal(card, number);
	}
	err = __gpumem_sync(e.fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
	in_time = *signalled;
	igt_waitchildren();
	igt_assert_eq(err, 0);
	igt_assert(in_time);
	igt_assert_eq(poll(&ready, 1, 0), 1);
	igt_assert_eq(ready.revents, POLLIN | POLLOUT);
	gpumem_assert(__gpumem_sync(e.fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW),
		      0);
	gpumem_export_coherent(&e, e.fd, e.map, 1);
	close(card);
	munmap((void *)signalled, GPUMEM_PAGE);
	gpumem_export_free(&e);
	gpumem_end();
}

/* The guest does not get back what a device still writes to. */
static void fence_revoke(void)
{
	const struct gpumem_card *c = gpumem_card_require("vgem");
	volatile bool *signalled = shared_flag();
	struct gpumem_export e;
	uint32_t number;
	bool in_time;
	int card, err;

	gpumem_card_imports_require(c);
	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, 0);
	card = gpumem_card_open(c);
	number = gpumem_fence_attach(card, gpumem_import(card, &e));
	igt_fork(child, 1) {
		/* No new uses: it has begun. */
		for (int i = 0; i < 2000 &&
		     gpumem_map_error(e.fd, SIZE, PROT_READ, MAP_SHARED, 0) !=
		     -ENODEV; i++)
			usleep(1000);
		usleep(200000);
		*signalled = true;
		gpumem_fence_signal(card, number);
	}
	do {
		err = __gpumem_export_revoke(e.dom, e.id);
	} while (err == -EINTR);
	in_time = *signalled;
	igt_waitchildren();
	igt_assert_eq(err, 0);
	igt_assert(in_time);
	igt_assert_eq(gpumem_export_query(e.dom, e.id).out_state,
		      XEN_GPUMEM_EXPORT_REVOKED | XEN_GPUMEM_EXPORT_RETURNED);
	close(card);
	munmap((void *)signalled, GPUMEM_PAGE);
	gpumem_export_free(&e);
	gpumem_guest_has_all();
	gpumem_end();
}

/* --- ends ----------------------------------------------------------------- */

static void import_revoked(const struct gpumem_card *c,
			   const struct gpumem_source *s)
{
	struct gpumem_export e;
	uint32_t handle;
	int card, fd;

	gpumem_card_imports_require(c);
	gpumem_begin();
	gpumem_export_new(&e, s, 0, SIZE, 0);
	card = gpumem_card_open(c);
	handle = gpumem_import(card, &e);
	gpumem_export_coherent(&e, e.fd, e.map, 1);
	if (!gpumem_export_revoke(&e)) {
		gpumem_export_coherent(&e, e.fd, e.map, 3);
		gpumem_close_handle(card, handle);
		gpumem_attached(&e, 0);
		igt_assert(gpumem_export_revoke(&e));
	} else {
		/* It still has the buffer; there is nothing in it. */
		gpumem_attached(&e, 1);
		fd = gpumem_reexport(card, handle);
		gpumem_assert(gpumem_map_error(fd, SIZE, PROT_READ, MAP_SHARED,
					       0), -ENODEV);
		close(fd);
	}
	gpumem_export_is_gone(&e, c);
	gpumem_guest_unshare(0);
	gpumem_guest_has_all();
	close(card);
	gpumem_attached(&e, 0);
	gpumem_export_free(&e);
	gpumem_end();
}

/* Only for those who can let go, and then they do. */
static void import_revocable(const struct gpumem_card *c)
{
	struct gpumem_export e, plain;
	uint32_t handle;
	int card, err;

	gpumem_card_imports_require(c);
	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, REVOCABLE);
	gpumem_export_new(&plain, GPUMEM_GRANTS, 1, SIZE, 0);
	card = gpumem_card_open(c);
	gpumem_import(card, &plain);
	err = __gpumem_import(card, e.fd, &handle);
	igt_info("%s %s let go\n", c->name, err ? "cannot" : "can");
	if (err)
		igt_assert_eq(err, -EOPNOTSUPP);
	gpumem_attached(&e, !err);
	gpumem_export_coherent(&e, e.fd, e.map, 1);
	igt_assert(gpumem_export_revoke(&e));
	gpumem_export_is_gone(&e, c);
	gpumem_export_coherent(&plain, plain.fd, plain.map, 3);
	close(card);
	gpumem_export_free(&plain);
	gpumem_export_free(&e);
	gpumem_end();
}

/* The four that keep it or can: whichever of them is left has all of it. */
enum { KEEPS_DOM, KEEPS_FD, KEEPS_CARD, KEEPS_MAP, KEEPERS };

struct kept {
	struct gpumem_export e;
	int card;
	uint32_t handle;
};

static void keepers_see(const struct kept *k, uint64_t seed)
{
	int fd = k->card >= 0 ? gpumem_reexport(k->card, k->handle) :
				k->e.fd >= 0 ? dup(k->e.fd) : -1;
	void *p = k->e.map;

	gpumem_guest_fill(k->e.gpa, SIZE, seed);
	if (p != MAP_FAILED)
		gpumem_check(p, SIZE, seed);
	if (fd < 0)
		return;
	p = gpumem_map(fd, SIZE, READ_WRITE);
	close(fd);
	gpumem_check(p, SIZE, seed);
	gpumem_fill(p, SIZE, seed + 1);
	gpumem_guest_check(k->e.gpa, SIZE, seed + 1);
	munmap(p, SIZE);
}

static void close_keeper(struct kept *k, unsigned int which)
{
	switch (which) {
	case KEEPS_DOM:
		gpumem_export_close_dom(&k->e);
		break;
	case KEEPS_FD:
		gpumem_export_close(&k->e);
		break;
	case KEEPS_CARD:
		close(k->card);
		k->card = -1;
		break;
	case KEEPS_MAP:
		gpumem_export_unmap(&k->e);
		break;
	}
}

/* A fd that can have one export, and may have to wait for the one before. */
static int export_next(int parent)
{
	int fd = -ENOSPC;

	for (int i = 0; i < 200 && fd == -ENOSPC; i++) {
		fd = __gpumem_export_area(parent, GPUMEM_GRANTS, 0, PAGES, 0,
					  NULL);
		if (fd == -ENOSPC)
			usleep(50000);
	}
	igt_assert_lte(0, fd);
	return fd;
}

static void close_in_order(int parent, const struct gpumem_card *c,
			   const unsigned int *order)
{
	const struct gpumem_source *s = GPUMEM_GRANTS;
	struct kept k = {
		.e = {
			.source = s, .size = SIZE, .gpa = GPUMEM_SHARED(0),
			.dom = gpumem_derive(parent, s->right),
		},
		.card = gpumem_card_open(c),
	};

	k.e.fd = gpumem_export_area(k.e.dom, s, 0, PAGES, 0, &k.e.id);
	k.e.map = gpumem_map(k.e.fd, SIZE, READ_WRITE);
	k.handle = gpumem_import(k.card, &k.e);
	for (unsigned int i = 0; i < KEEPERS; i++) {
		/* There may be one, and it is there. */
		if (k.e.fd >= 0 || k.card >= 0 || k.e.map != MAP_FAILED)
			gpumem_assert(__gpumem_export_area(parent, s, 0, 1, 0,
							   NULL), -ENOSPC);
		keepers_see(&k, 2 * i);
		close_keeper(&k, order[i]);
	}
	close(export_next(parent));
}

static void close_order(const struct gpumem_card *c)
{
	struct xen_gpumem_open_domain od = {
		.rights = XEN_GPUMEM_RIGHT_EXPORT_GRANTS, .max_exports = 1,
	};
	int parent;

	gpumem_card_imports_require(c);
	gpumem_begin();
	gpumem_guest_share(0, PAGES, true);
	parent = gpumem_export_open(&od);
	/* Every order in which each is closed once. */
	for (unsigned int n = 0; n < 1U << 2 * KEEPERS; n++) {
		unsigned int order[KEEPERS], all = 0;

		for (unsigned int i = 0; i < KEEPERS; i++) {
			order[i] = n >> 2 * i & 3;
			all |= 1U << order[i];
		}
		if (all == (1U << KEEPERS) - 1)
			close_in_order(parent, c, order);
	}
	close(parent);
	gpumem_guest_has_all();
	gpumem_end();
}

/* --- the guest's death ---------------------------------------------------- */

/* Drivers have it, and one more takes it, when the guest is gone. */
static void guest_dies(void)
{
	struct importers all;
	struct gpumem_export e;
	int one_more;

	gpumem_guest_may_die_require();
	gpumem_begin();
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, 0);
	import_all(&all, &e);
	gpumem_guest_fill(e.gpa, SIZE, 1);
	gpumem_guest_end();
	gpumem_check(e.map, SIZE, 1);
	gpumem_fill(e.map, SIZE, 2);
	gpumem_attached(&e, all.nr);
	one_more = gpumem_card_open(all.of[0].card);
	gpumem_import(one_more, &e);
	gpumem_attached(&e, all.nr + 1);
	gpumem_check(e.map, SIZE, 2);
	close(one_more);
	while (all.nr)
		close(all.of[--all.nr].file);
	gpumem_attached(&e, 0);
	igt_assert(gpumem_export_revoke(&e));
	gpumem_export_is_gone(&e, all.of[0].card);
	gpumem_export_free(&e);
}

/* --- all ------------------------------------------------------------------ */

static const struct {
	const char *name, *what;
	void (*fn)(const struct gpumem_card *c, const struct gpumem_source *s);
} of_both[] = {
	/**
	 * SUBTEST: import
	 * Description: Each driver imports it, and gives the same buffer on
	 */
	{ "import", "Each driver imports it, and gives the same buffer on",
	  import },
	/**
	 * SUBTEST: contents
	 * Description: Contents both ways of what only a driver has left
	 */
	{ "contents", "Contents both ways of what only a driver has left",
	  import_contents },
	/**
	 * SUBTEST: revoked
	 * Description: It is taken away from a driver that has it
	 */
	{ "revoked", "It is taken away from a driver that has it",
	  import_revoked },
};

static const struct {
	const char *name, *what;
	void (*fn)(const struct gpumem_card *c);
} of_card[] = {
	/**
	 * SUBTEST: readonly
	 * Description: A driver makes nothing writable that is not
	 */
	{ "readonly", "A driver makes nothing writable that is not",
	  import_readonly },
	/**
	 * SUBTEST: revocable
	 * Description: Only for drivers that can let go, and then they do
	 */
	{ "revocable", "Only for drivers that can let go, and then they do",
	  import_revocable },
	/**
	 * SUBTEST: close-order
	 * Description: All that keep it are closed in every order: domain fd,
	 *              dma-buf, card and mapping
	 */
	{ "close-order", "All that keep it are closed in every order",
	  close_order },
};

static const struct {
	const char *name, *what;
	void (*fn)(void);
} tests[] = {
	/**
	 * SUBTEST: all-cards
	 * Description: All drivers have it at a time
	 */
	{ "all-cards", "All drivers have it at a time", all_cards },
	/**
	 * SUBTEST: fence-access
	 * Description: The processor waits for the device that writes
	 */
	{ "fence-access", "The processor waits for the device that writes",
	  fence_access },
	/**
	 * SUBTEST: fence-revoke
	 * Description: The guest waits for the device that writes
	 */
	{ "fence-revoke", "The guest waits for the device that writes",
	  fence_revoke },
	/**
	 * SUBTEST: guest-dies
	 * Description: The guest ends while drivers have its pages.  The last
	 *              one: nobody is left to share pages
	 */
	{ "guest-dies", "The guest ends while drivers have its pages",
	  guest_dies },
};

int igt_main()
{
	igt_fixture()
		gpumem_export_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(of_both); i++) {
		igt_describe(of_both[i].what);
		igt_subtest_with_dynamic(of_both[i].name)
			gpumem_each_card_and_source(of_both[i].fn);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(of_card); i++) {
		igt_describe(of_card[i].what);
		igt_subtest_with_dynamic(of_card[i].name)
			gpumem_each_card(of_card[i].fn);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name)
			tests[i].fn();
	}
}
