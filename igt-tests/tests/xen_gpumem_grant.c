// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem grant
 * Description: Grant references for dma-bufs of the host's, which the guest maps
 *              by itself: contents both ways, what is refused, and how they end
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: grants
 * Test category: functionality test
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_args.h"
#include "igt_xen_gpumem_bo.h"
#include "igt_xen_gpumem_card.h"
#include "igt_xen_gpumem_export.h"
#include "igt_xen_gpumem_grant.h"

IGT_TEST_DESCRIPTION("Dma-bufs of the host's, granted to a guest");

#define PAGES	16U
#define SIZE	(PAGES * GPUMEM_PAGE)
/* Where the guest maps: nothing is there. */
#define AT	(GPUMEM_ARENA + 64 * MIB)
#define OTHER	(AT + 16 * MIB)
#define BAD_ID	0x7fffffffU

/* A buffer of the system's memory, and a fd that may grant. */
struct buffer {
	int dom;
	int fd;
	void *map;
	uint32_t refs[PAGES];
};

static void begin(struct buffer *b, uint32_t max)
{
	gpumem_begin();
	b->fd = gpumem_udmabuf(SIZE);
	if (b->fd < 0)
		b->fd = gpumem_heap(SIZE);
	igt_require_f(b->fd >= 0, "neither udmabuf nor a heap\n");
	b->map = gpumem_map(b->fd, SIZE, PROT_READ | PROT_WRITE);
	gpumem_fill(b->map, SIZE, 1);
	b->dom = gpumem_grant_fd(max);
}

static void end(struct buffer *b)
{
	munmap(b->map, SIZE);
	close(b->fd);
	close(b->dom);
	gpumem_end();
}

/* Nobody can map any of them. */
static void ended(const uint32_t *refs, uint32_t count)
{
	struct gpumem_granted g;

	for (uint32_t i = 0; i < count; i++)
		igt_assert_f(!__gpumem_guest_map(&g, OTHER, refs + i, 1, false),
			     "the guest can map reference %u of %u\n", i,
			     count);
}

/* What each side writes, the other one reads. */
static void agrees(void *map, uint64_t seed)
{
	gpumem_fill(map, SIZE, seed);
	gpumem_guest_check(AT, SIZE, seed);
	gpumem_guest_fill(AT, SIZE, seed + 1);
	gpumem_check(map, SIZE, seed + 1);
	/* One wrong word is found, at its place. */
	((volatile uint64_t *)map)[5 * 512 + 3] = 7;
	gpumem_guest_check_fails(AT, SIZE, seed + 1, 5 * GPUMEM_PAGE + 24, 7);
}

/* --- called wrongly ------------------------------------------------------- */

#define OFFSET(type, field)	offsetof(struct xen_gpumem_##type, field)

static void bad_grant(void)
{
	static const struct gpumem_zero zero[] = {
		{ OFFSET(grant, flags), ~XEN_GPUMEM_GRANT_READONLY },
		/* Of the offset, what is less than a page. */
		{ OFFSET(grant, offset), 0xfff },
		{ }
	};
	struct xen_gpumem_grant arg = { .size = sizeof(arg) }, a;
	const unsigned long nr = XEN_GPUMEM_GRANT;
	struct buffer b;
	uint32_t id;

	begin(&b, 0);
	arg.fd = b.fd;
	arg.count = PAGES;
	arg.refs = (uintptr_t)b.refs;
	gpumem_args_wrong(b.dom, nr, &arg, sizeof(arg), zero);
	a = arg;
	a.count = 0;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -EINVAL);
	a = arg;
	a.count = PAGES + 1;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -ERANGE);
	a = arg;
	a.offset = SIZE;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -ERANGE);
	a.offset = -GPUMEM_PAGE;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -ERANGE);
	a = arg;
	a.refs = 8;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -EFAULT);
	a.refs = 1ULL << 63;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -EFAULT);
	/* What is open, and what is not, but no dma-buf. */
	a = arg;
	a.fd = b.dom;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -EBADF);
	a.fd = -1;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -EBADF);
	/* Whole, it is refused for what is in it. */
	a = arg;
	a.count = PAGES + 1;
	gpumem_args_pointers(b.dom, nr, &a, sizeof(a));

	/* Nothing that was refused has kept anything; what is right goes well. */
	id = gpumem_grant(b.dom, b.fd, 0, PAGES, 0, b.refs);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, NULL), 0);
	gpumem_check(b.map, SIZE, 1);
	end(&b);
}

static void bad_release(void)
{
	static const struct gpumem_zero zero[] = { { } };
	struct xen_gpumem_grant_release arg = { .size = sizeof(arg) }, a;
	const unsigned long nr = XEN_GPUMEM_GRANT_RELEASE;
	struct gpumem_granted g;
	struct buffer b;

	begin(&b, 0);
	arg.id = gpumem_grant(b.dom, b.fd, 0, PAGES, 0, b.refs);
	gpumem_args_wrong(b.dom, nr, &arg, sizeof(arg), zero);
	a = arg;
	a.wait_ms = XEN_GPUMEM_GRANT_MAX_WAIT_MS + 1;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -EINVAL);
	a = arg;
	a.id = 0;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -ENOENT);
	a.id = BAD_ID;
	gpumem_assert(gpumem_call(b.dom, nr, &a), -ENOENT);
	/* They are as they were. */
	gpumem_guest_map(&g, AT, b.refs, PAGES);
	gpumem_guest_check(AT, SIZE, 1);
	gpumem_guest_unmap(&g);
	gpumem_args_pointers(b.dom, nr, &arg, sizeof(arg));
	gpumem_assert(__gpumem_grant_release(b.dom, arg.id, 0, NULL), -ENOENT);
	ended(b.refs, PAGES);
	end(&b);
}

/* --- who may, and how much ------------------------------------------------ */

static void rights(void)
{
	struct xen_gpumem_derive d = { .rights = XEN_GPUMEM_RIGHT_GRANT };
	struct gpumem_granted g;
	struct buffer b;
	int lend, child;
	uint32_t id;

	begin(&b, 0);
	/* The subtest's own may lend, and nothing else. */
	lend = gpumem_begin();
	gpumem_assert(__gpumem_grant(lend, b.fd, 0, 1, 0, b.refs, NULL),
		      -EPERM);
	gpumem_assert(__gpumem_derive(lend, &d), -EPERM);
	/* A reference is known on the fd that gave it. */
	child = gpumem_derive(b.dom, XEN_GPUMEM_RIGHT_GRANT);
	id = gpumem_grant(child, b.fd, 0, 1, 0, b.refs);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, NULL), -ENOENT);
	gpumem_assert(__gpumem_grant_release(lend, id, 0, NULL), -ENOENT);
	gpumem_guest_map(&g, AT, b.refs, 1);
	gpumem_guest_unmap(&g);
	gpumem_assert(__gpumem_grant_release(child, id, 0, NULL), 0);
	close(child);
	end(&b);
}

static void limits(void)
{
	struct xen_gpumem_derive d = {
		.rights = XEN_GPUMEM_RIGHT_GRANT, .max_grants = 5,
	};
	struct buffer b;
	uint32_t id;
	int child;

	begin(&b, 8);
	gpumem_assert(__gpumem_grant(b.dom, b.fd, 0, 9, 0, b.refs, NULL),
		      -ENOSPC);
	id = gpumem_grant(b.dom, b.fd, 0, 8, 0, b.refs);
	gpumem_assert(__gpumem_grant(b.dom, b.fd, 0, 1, 0, b.refs, NULL),
		      -ENOSPC);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, NULL), 0);
	/* What is derived has less, and counts above, too. */
	child = __gpumem_derive(b.dom, &d);
	igt_assert_lte(0, child);
	gpumem_assert(__gpumem_grant(child, b.fd, 0, 6, 0, b.refs, NULL),
		      -ENOSPC);
	gpumem_grant(child, b.fd, 0, 5, 0, b.refs);
	gpumem_assert(__gpumem_grant(b.dom, b.fd, 0, 4, 0, b.refs, NULL),
		      -ENOSPC);
	gpumem_grant(b.dom, b.fd, 0, 3, 0, b.refs);
	close(child);
	end(&b);
}

/* --- contents ------------------------------------------------------------- */

/* A dma-buf of whatever kind, mapped. */
static void shares(int fd, void *map)
{
	int dom = gpumem_grant_fd(0), err;
	struct xen_gpumem_grant a;
	struct gpumem_granted g;
	uint32_t refs[PAGES];

	err = __gpumem_grant(dom, fd, 0, PAGES, 0, refs, &a);
	igt_require_f(err != -EREMOTEIO,
		      "its driver does not hold it in system memory\n");
	gpumem_assert(err, 0);
	gpumem_guest_map(&g, AT, refs, PAGES);
	agrees(map, 1);
	gpumem_guest_unmap(&g);
	/* It was the buffer: without it there is nothing. */
	igt_assert_eq_u64(gpumem_guest_read(AT), ~0ULL);
	gpumem_guest_map(&g, AT, refs, PAGES);
	agrees(map, 3);
	gpumem_guest_unmap(&g);
	gpumem_assert(__gpumem_grant_release(dom, a.out_id, 0, NULL), 0);
	ended(refs, PAGES);
	close(dom);
}

static void shares_memory(int fd)
{
	void *map;

	igt_require_f(fd >= 0, "there is none\n");
	gpumem_begin();
	map = gpumem_map(fd, SIZE, PROT_READ | PROT_WRITE);
	shares(fd, map);
	munmap(map, SIZE);
	close(fd);
	gpumem_end();
}

static void shares_region(const struct gpumem_region *r)
{
	struct gpumem_bo bo;

	gpumem_begin();
	gpumem_bo_new(&bo, r, SIZE);
	shares(bo.fd, bo.map);
	gpumem_bo_free(&bo);
	gpumem_end();
}

static void contents(void)
{
	const struct gpumem_region *r;

	igt_dynamic("udmabuf")
		shares_memory(gpumem_udmabuf(SIZE));
	igt_dynamic("heap")
		shares_memory(gpumem_heap(SIZE));
	for_each_gpumem_region(r) {
		if (!r->has_fd)
			continue;
		igt_dynamic(r->name)
			shares_region(r);
	}
}

static void part(void)
{
	struct gpumem_granted g;
	struct buffer b;
	uint32_t id;

	begin(&b, 0);
	id = gpumem_grant(b.dom, b.fd, 3 * GPUMEM_PAGE, 2, 0, b.refs);
	gpumem_guest_map(&g, AT, b.refs, 2);
	for (unsigned int i = 0; i < 2; i++)
		igt_assert_eq_u64(gpumem_guest_read(AT + i * GPUMEM_PAGE),
				  gpumem_word(1, (3 + i) * GPUMEM_PAGE));
	gpumem_guest_write(AT + GPUMEM_PAGE, 99);
	igt_assert_eq_u64(((volatile uint64_t *)b.map)[4 * 512], 99);
	igt_assert_eq_u64(gpumem_guest_read(AT + 2 * GPUMEM_PAGE), ~0ULL);
	gpumem_guest_unmap(&g);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, NULL), 0);
	end(&b);
}

static void readonly(void)
{
	struct gpumem_granted g;
	struct buffer b;
	uint32_t id;

	begin(&b, 0);
	id = gpumem_grant(b.dom, b.fd, 0, PAGES, XEN_GPUMEM_GRANT_READONLY,
			  b.refs);
	igt_assert(!__gpumem_guest_map(&g, AT, b.refs, PAGES, true));
	igt_assert(__gpumem_guest_map(&g, AT, b.refs, PAGES, false));
	gpumem_guest_check(AT, SIZE, 1);
	for (unsigned int i = 0; i < PAGES; i += 5)
		gpumem_guest_try_write(AT + i * GPUMEM_PAGE, 0x666);
	gpumem_check(b.map, SIZE, 1);
	gpumem_guest_check(AT, SIZE, 1);
	gpumem_guest_unmap(&g);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, NULL), 0);
	/* Control: where it may write, the same does. */
	id = gpumem_grant(b.dom, b.fd, 0, PAGES, 0, b.refs);
	gpumem_guest_map(&g, AT, b.refs, PAGES);
	gpumem_guest_try_write(AT, 0x666);
	igt_assert_eq_u64(((volatile uint64_t *)b.map)[0], 0x666);
	gpumem_guest_unmap(&g);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, NULL), 0);
	end(&b);
}

/* What a guest has shared with us is not ours to give on. */
static void second_hand(void)
{
	struct gpumem_export e;
	uint32_t refs[PAGES];
	int dom;

	gpumem_begin();
	dom = gpumem_grant_fd(0);
	gpumem_export_new(&e, GPUMEM_GRANTS, 0, SIZE, 0);
	gpumem_assert(__gpumem_grant(dom, e.fd, 0, PAGES, 0, refs, NULL),
		      -EREMOTEIO);
	gpumem_export_free(&e);
	close(dom);
	gpumem_end();
}

/* --- the end -------------------------------------------------------------- */

static void release_mapped(void)
{
	struct gpumem_granted g;
	struct buffer b;
	uint32_t id, left;

	begin(&b, 0);
	id = gpumem_grant(b.dom, b.fd, 0, PAGES, 0, b.refs);
	gpumem_guest_map(&g, AT, b.refs, PAGES);
	gpumem_guest_unmap_some(&g, 4, 2);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, &left), -EBUSY);
	igt_assert_eq_u64(left, PAGES - 2);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 100, &left),
		      -ETIMEDOUT);
	igt_assert_eq_u64(left, PAGES - 2);
	/* The guest has what it had, and not what it let go of. */
	gpumem_guest_check(AT, 4 * GPUMEM_PAGE, 1);
	gpumem_guest_write(AT, 5);
	igt_assert_eq_u64(((volatile uint64_t *)b.map)[0], 5);
	ended(b.refs + 4, 2);
	gpumem_guest_unmap(&g);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, &left), 0);
	igt_assert_eq_u64(left, 0);
	ended(b.refs, PAGES);
	end(&b);
}

/* Wait until a reference cannot be mapped any more. */
static void ends(uint32_t ref)
{
	struct gpumem_granted g;

	for (int i = 0; i < 300; i++) {
		if (!__gpumem_guest_map(&g, OTHER, &ref, 1, false))
			return;
		gpumem_guest_unmap(&g);
		usleep(100000);
	}
	igt_assert_f(false, "reference %u does not end\n", ref);
}

static void fd_closed(void)
{
	struct gpumem_granted g;
	struct buffer b;

	begin(&b, 0);
	gpumem_grant(b.dom, b.fd, 0, PAGES, 0, b.refs);
	gpumem_guest_map(&g, AT, b.refs, PAGES);
	gpumem_guest_unmap_some(&g, 1, PAGES - 1);
	close(b.dom);
	b.dom = gpumem_grant_fd(0);
	/* What nobody has mapped ends; what the guest has, it keeps. */
	ends(b.refs[1]);
	ends(b.refs[PAGES - 1]);
	igt_assert_eq_u64(gpumem_guest_read(AT), gpumem_word(1, 0));
	gpumem_guest_write(AT, 6);
	igt_assert_eq_u64(((volatile uint64_t *)b.map)[0], 6);
	gpumem_guest_unmap(&g);
	ends(b.refs[0]);
	end(&b);
}

static void buffer_closed(void)
{
	struct gpumem_granted g;
	struct buffer b;
	uint32_t id;

	begin(&b, 0);
	id = gpumem_grant(b.dom, b.fd, 0, PAGES, 0, b.refs);
	/* Nobody here has it any more, but who granted it. */
	munmap(b.map, SIZE);
	close(b.fd);
	gpumem_guest_map(&g, AT, b.refs, PAGES);
	gpumem_guest_check(AT, SIZE, 1);
	gpumem_guest_fill(AT, SIZE, 2);
	gpumem_guest_check(AT, SIZE, 2);
	gpumem_guest_unmap(&g);
	gpumem_assert(__gpumem_grant_release(b.dom, id, 0, NULL), 0);
	close(b.dom);
	gpumem_end();
}

static const struct {
	const char *name, *what;
	void (*fn)(void);
} tests[] = {
	/**
	 * SUBTEST: bad-args-grant
	 * Description: XEN_GPUMEM_GRANT, wrong at each place
	 */
	{ "bad-args-grant", "XEN_GPUMEM_GRANT, wrong at each place",
	  bad_grant },
	/**
	 * SUBTEST: bad-args-release
	 * Description: XEN_GPUMEM_GRANT_RELEASE, wrong at each place
	 */
	{ "bad-args-release", "XEN_GPUMEM_GRANT_RELEASE, wrong at each place",
	  bad_release },
	/**
	 * SUBTEST: rights
	 * Description: The right to grant, and whose a reference is
	 */
	{ "rights", "The right to grant, and whose a reference is", rights },
	/**
	 * SUBTEST: limits
	 * Description: No more references than the fd, or one above it, may have
	 */
	{ "limits", "No more references than the fd, or one above, may have",
	  limits },
	/**
	 * SUBTEST: part
	 * Description: A part of a buffer, and nothing beside it
	 */
	{ "part", "A part of a buffer, and nothing beside it", part },
	/**
	 * SUBTEST: readonly
	 * Description: The guest does not write what it is to read
	 */
	{ "readonly", "The guest does not write what it is to read", readonly },
	/**
	 * SUBTEST: second-hand
	 * Description: Pages of the guest's are not granted to it
	 */
	{ "second-hand", "Pages of the guest's are not granted to it",
	  second_hand },
	/**
	 * SUBTEST: release-mapped
	 * Description: What the guest has mapped it keeps, and nothing else
	 */
	{ "release-mapped", "What the guest has mapped it keeps, nothing else",
	  release_mapped },
	/**
	 * SUBTEST: fd-closed
	 * Description: References end by themselves, when the guest lets go
	 */
	{ "fd-closed", "References end by themselves, when the guest lets go",
	  fd_closed },
	/**
	 * SUBTEST: buffer-closed
	 * Description: The buffer lasts as long as its references
	 */
	{ "buffer-closed", "The buffer lasts as long as its references",
	  buffer_closed },
};

int igt_main()
{
	igt_fixture()
		gpumem_grant_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name)
			tests[i].fn();
	}
	/**
	 * SUBTEST: contents
	 * Description: Both sides see what either writes, in each kind of dma-buf
	 */
	igt_describe("Both sides see what either writes, in each kind of dma-buf");
	igt_subtest_with_dynamic("contents")
		contents();
}
