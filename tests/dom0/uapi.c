// SPDX-License-Identifier: GPL-2.0-only
/*
 * U1, U6: every call of the driver, called wrongly.
 *
 * Each call is described once, by a good argument and where its flags and
 * reserved fields are; the checks that hold for all calls are made from that.
 * After every refusal the guest still sees what it saw, and the counts of the
 * window are what they were.
 */
#include <linux/dma-heap.h>

#include "xgt.h"

#define LENGTH	(16 * PAGE)

static uint32_t window;
static volatile uint64_t *map;

/* A window with half of it bound, and its contents in the guest. */
static void set_up(void)
{
	map = map_shared(memfd_new(LENGTH), LENGTH);
	fill(map, LENGTH, 1);
	OK(gm_window_add(xgt_dom, XGT_WINDOW, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &window));
	OK(gm_bind(xgt_dom, window, 0, LENGTH / 2, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH / 2, 1);
}

static void unchanged(void)
{
	struct xen_gpumem_window_query q;

	OK(gm_query(xgt_dom, window, 0, 0, &q));
	CHECK_EQ(q.out_bound, LENGTH / 2 / PAGE);
	CHECK_EQ(q.out_pages, LENGTH / 2 / PAGE);
	CHECK_EQ(q.out_revoked, 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH / 2, 1);
	CHECK_EQ(guest_read(XGT_WINDOW + LENGTH / 2), ~0ULL);
	CHECK_EQ(guest_read(XGT_WINDOW + LENGTH), ~0ULL);
}

static int call(int fd, unsigned long nr, void *arg)
{
	return ioctl(fd, nr, arg) < 0 ? -errno : 0;
}

/*
 * @good: an argument that would be accepted; @size: its length; @zero: bit
 * masks that must be zero, as pairs of an offset in bytes and a 32-bit mask,
 * ended by a mask of zero.
 */
struct must_be_zero {
	unsigned int offset;
	uint32_t mask;
};

static void common_checks(int fd, unsigned long nr, const void *good,
			  uint32_t size, const struct must_be_zero *zero)
{
	struct {
		uint8_t b[256];
	} arg;
	uint32_t *as_size = (uint32_t *)&arg, bad;
	void *end = (char *)map_anon(2 * PAGE) + PAGE;

#define FRESH()	(memset(&arg, 0, sizeof(arg)), memcpy(&arg, good, size))
	/* Too short, in steps; zero; absurd. */
	for (bad = 0; bad < size; bad += bad < 8 ? 4 : 8) {
		FRESH();
		*as_size = bad;
		ERR(call(fd, nr, &arg), EINVAL);
	}
	FRESH();
	*as_size = 0xffffffff;
	CHECK(call(fd, nr, &arg) == -E2BIG || call(fd, nr, &arg) == -EINVAL);
	/* Longer than known, and not zero there. */
	FRESH();
	*as_size = size + 8;
	arg.b[size + 7] = 1;
	ERR(call(fd, nr, &arg), E2BIG);
	for (; zero->mask; zero++) {
		for (uint32_t bit = 1; bit; bit <<= 1) {
			uint32_t v;

			if (!(zero->mask & bit))
				continue;
			FRESH();
			memcpy(&v, arg.b + zero->offset, 4);
			v |= bit;
			memcpy(arg.b + zero->offset, &v, 4);
			ERR(call(fd, nr, &arg), EINVAL);
		}
	}
	/* Not there, and there only in part. */
	ERR(call(fd, nr, NULL), EFAULT);
	ERR(call(fd, nr, (void *)(1ULL << 63)), EFAULT);
	CHECK(!munmap(end, PAGE));
	memcpy((char *)end - 4, good, 4);
	ERR(call(fd, nr, (char *)end - 4), EFAULT);
	ERR(call(fd, nr, (char *)end - 2), EFAULT);
#undef FRESH
}

#define ALL	0xffffffffU
#define AT(type, field)	offsetof(struct xen_gpumem_##type, field)

static void args_window_add(void)
{
	struct xen_gpumem_window_add good = {
		.size = sizeof(good), .gpa = XGT_WINDOW + MIB, .length = PAGE,
	}, a;
	static const struct must_be_zero zero[] = {
		{ AT(window_add, flags), ALL },
		{ AT(window_add, gpa), PAGE - 1 },
		{ AT(window_add, length), PAGE - 1 },
		{ }
	};

	set_up();
	common_checks(xgt_dom, XEN_GPUMEM_WINDOW_ADD, &good, sizeof(good),
		      zero);
	a = good;
	a.hole_policy = 3;
	ERR(call(xgt_dom, XEN_GPUMEM_WINDOW_ADD, &a), EINVAL);
	a.hole_policy = ~0U;
	ERR(call(xgt_dom, XEN_GPUMEM_WINDOW_ADD, &a), EINVAL);
	a = good;
	a.length = 0;
	ERR(call(xgt_dom, XEN_GPUMEM_WINDOW_ADD, &a), EINVAL);
	a = good;
	a.gpa = ~0ULL - 1;
	ERR(call(xgt_dom, XEN_GPUMEM_WINDOW_ADD, &a), EINVAL);
	unchanged();
	/* Control: the good one is good, with a longer structure as well. */
	OK(call(xgt_dom, XEN_GPUMEM_WINDOW_ADD, &good));
	OK(gm_window_remove(xgt_dom, good.out_window));
	unchanged();
}

static void args_window_remove(void)
{
	struct xen_gpumem_window_remove good = {
		.size = sizeof(good),
	};
	static const struct must_be_zero zero[] = { { } };

	set_up();
	good.window = window;
	common_checks(xgt_dom, XEN_GPUMEM_WINDOW_REMOVE, &good, sizeof(good),
		      zero);
	ERR(gm_window_remove(xgt_dom, window + 1000), ENOENT);
	ERR(gm_window_remove(xgt_dom, ~0U), ENOENT);
	unchanged();
	OK(gm_window_remove(xgt_dom, window));
	ERR(gm_window_remove(xgt_dom, window), ENOENT);
}

static void args_window_move(void)
{
	struct xen_gpumem_window_move good = {
		.size = sizeof(good), .gpa = XGT_WINDOW + MIB,
	}, a;
	static const struct must_be_zero zero[] = {
		{ AT(window_move, gpa), PAGE - 1 },
		{ }
	};

	set_up();
	good.window = window;
	common_checks(xgt_dom, XEN_GPUMEM_WINDOW_MOVE, &good, sizeof(good),
		      zero);
	a = good;
	a.window += 1000;
	ERR(call(xgt_dom, XEN_GPUMEM_WINDOW_MOVE, &a), ENOENT);
	unchanged();
}

static void args_bind(void)
{
	struct xen_gpumem_bind good = {
		.size = sizeof(good), .offset = LENGTH / 2, .length = PAGE,
	}, a;
	static const struct must_be_zero zero[] = {
		{ AT(bind, flags), ~(XEN_GPUMEM_BIND_READONLY |
				     XEN_GPUMEM_BIND_WRITE_FIRST |
				     XEN_GPUMEM_BIND_REPLACE) },
		{ AT(bind, fd), ALL },
		{ AT(bind, offset), PAGE - 1 },
		{ AT(bind, length), PAGE - 1 },
		{ AT(bind, address), PAGE - 1 },
		{ }
	};

	set_up();
	good.window = window;
	good.address = (uintptr_t)map;
	common_checks(xgt_dom, XEN_GPUMEM_BIND, &good, sizeof(good), zero);
	a = good;
	a.window += 1000;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), ENOENT);
	a = good;
	a.source = 2;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), EOPNOTSUPP);
	a = good;
	a.fail_policy = XEN_GPUMEM_POLICY_MMIO;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), EINVAL);
	a.fail_policy = 3;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), EINVAL);
	a = good;
	a.length = 0;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), EINVAL);
	a = good;
	a.length = LENGTH;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), ERANGE);
	a.offset = LENGTH;
	a.length = PAGE;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), ERANGE);
	a = good;
	a.address = ~0ULL << 12;	/* wraps with the second page */
	a.length = 2 * PAGE;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), EINVAL);
	a = good;
	a.offset = 0;
	ERR(call(xgt_dom, XEN_GPUMEM_BIND, &a), EEXIST);
	unchanged();
	OK(call(xgt_dom, XEN_GPUMEM_BIND, &good));
	OK(gm_unbind(xgt_dom, window, LENGTH / 2, PAGE));
	unchanged();
}

static void args_unbind(void)
{
	struct xen_gpumem_unbind good = {
		.size = sizeof(good), .length = LENGTH,
	};
	static const struct must_be_zero zero[] = {
		{ AT(unbind, offset), PAGE - 1 },
		{ AT(unbind, length), PAGE - 1 },
		{ }
	};

	set_up();
	good.window = window;
	common_checks(xgt_dom, XEN_GPUMEM_UNBIND, &good, sizeof(good), zero);
	ERR(gm_unbind(xgt_dom, window + 1000, 0, LENGTH), ENOENT);
	ERR(gm_unbind(xgt_dom, window, 0, 0), EINVAL);
	ERR(gm_unbind(xgt_dom, window, 0, LENGTH + PAGE), ERANGE);
	ERR(gm_unbind(xgt_dom, window, LENGTH, PAGE), ERANGE);
	ERR(gm_unbind(xgt_dom, window, LENGTH / 2, PAGE), ENOENT);
	ERR(gm_unbind(xgt_dom, window, 0, PAGE), EEXIST);
	unchanged();
	OK(call(xgt_dom, XEN_GPUMEM_UNBIND, &good));
	CHECK_EQ(gm_pages(xgt_dom, window, 0, 0), 0);
	CHECK_EQ(guest_read(XGT_WINDOW), ~0ULL);
}

static void nothing(void *arg)
{
	uint64_t done;

	(void)arg;
	/* Not the process that bound it. */
	ERR(gm_populate(xgt_dom, window, 0, PAGE, 0, &done), EPERM);
}

static void args_populate(void)
{
	struct xen_gpumem_populate good = {
		.size = sizeof(good), .length = PAGE,
	};
	static const struct must_be_zero zero[] = {
		{ AT(populate, flags), ~XEN_GPUMEM_POPULATE_WRITE },
		{ AT(populate, __reserved), ALL },
		{ AT(populate, offset), PAGE - 1 },
		{ AT(populate, length), PAGE - 1 },
		{ }
	};
	uint64_t done = 1;

	set_up();
	good.window = window;
	common_checks(xgt_dom, XEN_GPUMEM_POPULATE, &good, sizeof(good), zero);
	ERR(gm_populate(xgt_dom, window + 1000, 0, PAGE, 0, NULL), ENOENT);
	ERR(gm_populate(xgt_dom, window, 0, 0, 0, NULL), EINVAL);
	ERR(gm_populate(xgt_dom, window, 0, LENGTH + PAGE, 0, NULL), ERANGE);
	ERR(gm_populate(xgt_dom, window, LENGTH / 2, PAGE, 0, &done), ENOENT);
	CHECK_EQ(done, 0);
	ERR(gm_populate(xgt_dom, window, 0, LENGTH, 0, &done), ENOENT);
	CHECK_EQ(done, LENGTH / 2);
	xgt_join(xgt_fork(nothing, NULL));
	unchanged();
	CHECK(!munmap((void *)map, PAGE));
	ERR(gm_populate(xgt_dom, window, 0, PAGE, 0, &done), ENODATA);
	CHECK_EQ(done, 0);
}

static void args_query(void)
{
	struct xen_gpumem_window_query good = { .size = sizeof(good) };
	static const struct must_be_zero zero[] = {
		{ AT(window_query, offset), PAGE - 1 },
		{ AT(window_query, length), PAGE - 1 },
		{ }
	};
	struct xen_gpumem_window_query q;

	set_up();
	good.window = window;
	common_checks(xgt_dom, XEN_GPUMEM_WINDOW_QUERY, &good, sizeof(good),
		      zero);
	ERR(gm_query(xgt_dom, window + 1000, 0, 0, &q), ENOENT);
	ERR(gm_query(xgt_dom, window, LENGTH + PAGE, 0, &q), ERANGE);
	ERR(gm_query(xgt_dom, window, PAGE, LENGTH, &q), ERANGE);
	ERR(gm_query(xgt_dom, window, PAGE, ~0ULL << 12, &q), ERANGE);
	ERR(gm_query(xgt_dom, window, 2 * PAGE, ~0ULL << 12, &q), EINVAL);
	unchanged();
}

static void args_info(void)
{
	struct xen_gpumem_info good = { .size = sizeof(good) }, info;
	static const struct must_be_zero zero[] = {
		{ AT(info, flags), ALL },
		{ }
	};
	int node = gm_node();

	set_up();
	common_checks(xgt_dom, XEN_GPUMEM_INFO, &good, sizeof(good), zero);
	common_checks(node, XEN_GPUMEM_INFO, &good, sizeof(good), zero);
	OK(gm_info(node, &info));
	CHECK_EQ(info.out_abi, XEN_GPUMEM_ABI);
	CHECK_EQ(info.out_hv_version, XEN_LEND_VERSION);
	CHECK_EQ(info.out_features & XEN_GPUMEM_FEAT_MOCK, 0);
	CHECK_EQ(info.out_rights, 0);
	OK(gm_info(xgt_dom, &info));
	CHECK_EQ(info.out_rights, XEN_GPUMEM_RIGHT_LEND);
	CHECK_EQ(info.size, sizeof(info));
	unchanged();
}

static void args_open_domain(void)
{
	struct xen_gpumem_open_domain good = {
		.size = sizeof(good), .domid = xgt_guest.domid,
		.rights = XEN_GPUMEM_RIGHT_LEND,
	}, a;
	static const struct must_be_zero zero[] = {
		{ AT(open_domain, flags), ~XEN_GPUMEM_OPEN_CLOEXEC },
		/* domid is in the lower half of the same word */
		{ AT(open_domain, domid), 0xffff0000 },
		{ AT(open_domain, rights), ~31U },
		{ AT(open_domain, __reserved1), ALL },
		{ }
	};
	static const uint32_t others[] = {
		XEN_GPUMEM_RIGHT_EXPORT_GRANTS,
		XEN_GPUMEM_RIGHT_EXPORT_FRAMES, XEN_GPUMEM_RIGHT_GRANT,
	};
	int node = gm_node(), fd;

	set_up();
	common_checks(node, XEN_GPUMEM_OPEN_DOMAIN, &good, sizeof(good), zero);
	a = good;
	a.rights = 0;
	ERR(call(node, XEN_GPUMEM_OPEN_DOMAIN, &a), EINVAL);
	for (unsigned int i = 0; i < ARRAY_SIZE(others); i++) {
		a.rights = others[i];
		fd = ioctl(node, XEN_GPUMEM_OPEN_DOMAIN, &a);
		CHECK(fd >= 0);
		close(fd);
	}
	a = good;
	a.domid = 0;			/* ourselves */
	ERR(call(node, XEN_GPUMEM_OPEN_DOMAIN, &a), EPERM);
	a.domid = 0x7ff0;		/* DOMID_SELF */
	CHECK(call(node, XEN_GPUMEM_OPEN_DOMAIN, &a) < 0);
	a.domid = 0x7000;
	ERR(call(node, XEN_GPUMEM_OPEN_DOMAIN, &a), ESRCH);
	unchanged();
	a = good;
	fd = ioctl(node, XEN_GPUMEM_OPEN_DOMAIN, &a);
	CHECK(fd >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC));
	CHECK(a.generation != 0);
	close(fd);
	a.flags = XEN_GPUMEM_OPEN_CLOEXEC;
	fd = ioctl(node, XEN_GPUMEM_OPEN_DOMAIN, &a);
	CHECK(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	unchanged();
}

static void args_derive(void)
{
	struct xen_gpumem_range range = {
		.right = XEN_GPUMEM_RIGHT_LEND, .first = XGT_WINDOW,
		.length = MIB,
	};
	struct xen_gpumem_derive good = {
		.size = sizeof(good), .rights = XEN_GPUMEM_RIGHT_LEND,
		.ranges = (uintptr_t)&range, .nr_ranges = 1,
	}, a;
	static const struct must_be_zero zero[] = {
		{ AT(derive, flags), ~XEN_GPUMEM_OPEN_CLOEXEC },
		{ AT(derive, rights), ~31U },
		{ }
	};
	struct xen_gpumem_event event;
	uint32_t w;
	int fd;

	set_up();
	common_checks(xgt_dom, XEN_GPUMEM_DERIVE, &good, sizeof(good), zero);
	a = good;
	a.rights |= XEN_GPUMEM_RIGHT_REMOVE;
	ERR(call(xgt_dom, XEN_GPUMEM_DERIVE, &a), EPERM);
	a = good;
	a.nr_ranges = XEN_GPUMEM_MAX_RANGES + 1;
	ERR(call(xgt_dom, XEN_GPUMEM_DERIVE, &a), EINVAL);
	a.nr_ranges = 0;
	ERR(call(xgt_dom, XEN_GPUMEM_DERIVE, &a), EINVAL);
	a.nr_ranges = 1;
	a.ranges = 8;
	ERR(call(xgt_dom, XEN_GPUMEM_DERIVE, &a), EFAULT);
	unchanged();
	fd = gm_derive(xgt_dom, &good);
	CHECK(fd >= 0);
	ERR(gm_window_add(fd, XGT_WINDOW + MIB, PAGE, 0, &w), EACCES);
	/* What is there is the parent's, and not the child's to remove. */
	ERR(gm_window_add(fd, XGT_WINDOW, PAGE, 0, &w), EEXIST);
	ERR(gm_window_remove(fd, window), EPERM);
	ERR(gm_event(fd, &event), EAGAIN);
	close(fd);
	unchanged();
}

static void args_export(void)
{
	uint32_t ref = 8;
	struct xen_gpumem_frames frame = { .gpa = 2 * MIB, .length = PAGE };
	struct xen_gpumem_export_grants grants = {
		.size = sizeof(grants), .refs = (uintptr_t)&ref, .count = 1,
	};
	struct xen_gpumem_export_frames frames = {
		.size = sizeof(frames), .ranges = (uintptr_t)&frame,
		.nr_ranges = 1,
	};
	static const struct must_be_zero zero_grants[] = {
		{ AT(export_grants, flags), ~7U },
		{ AT(export_grants, __reserved), ALL },
		{ }
	}, zero_frames[] = {
		{ AT(export_frames, flags), ~7U },
		{ AT(export_frames, __reserved), ALL },
		{ }
	};
	int dom = ex_open(NULL, 0, 0, 0);

	set_up();
	common_checks(dom, XEN_GPUMEM_EXPORT_GRANTS, &grants, sizeof(grants),
		      zero_grants);
	common_checks(dom, XEN_GPUMEM_EXPORT_FRAMES, &frames, sizeof(frames),
		      zero_frames);
	/* A right to lend is none to export, nor to what others exported. */
	ERR(call(xgt_dom, XEN_GPUMEM_EXPORT_GRANTS, &grants), EPERM);
	ERR(call(xgt_dom, XEN_GPUMEM_EXPORT_FRAMES, &frames), EPERM);
	/* Control: with the right, the one lacks a grant only, the other nothing. */
	ERR(call(dom, XEN_GPUMEM_EXPORT_GRANTS, &grants), ENXIO);
	OK(call(dom, XEN_GPUMEM_EXPORT_FRAMES, &frames));
	unchanged();
	close(dom);
}

static void args_export_id(void)
{
	struct xen_gpumem_export_revoke revoke = {
		.size = sizeof(revoke), .id = 1,
	};
	struct xen_gpumem_export_query query = {
		.size = sizeof(query), .id = 1,
	};
	static const struct must_be_zero none[] = {
		{ }
	}, zero[] = {
		{ AT(export_query, flags), ~XEN_GPUMEM_EXPORT_QUERY_NEXT },
		{ }
	};

	set_up();
	common_checks(xgt_dom, XEN_GPUMEM_EXPORT_REVOKE, &revoke,
		      sizeof(revoke), none);
	common_checks(xgt_dom, XEN_GPUMEM_EXPORT_QUERY, &query, sizeof(query),
		      zero);
	ERR(call(xgt_dom, XEN_GPUMEM_EXPORT_REVOKE, &revoke), ENOENT);
	ERR(call(xgt_dom, XEN_GPUMEM_EXPORT_QUERY, &query), ENOENT);
	query.flags = XEN_GPUMEM_EXPORT_QUERY_NEXT;
	for (unsigned int bit = 0; bit < 33; bit++) {
		query.id = (1ULL << bit) - 1;
		ERR(call(xgt_dom, XEN_GPUMEM_EXPORT_QUERY, &query), ENOENT);
	}
	unchanged();
}

static void args_grant(void)
{
	struct dma_heap_allocation_data heap = {
		.len = 4 * PAGE, .fd_flags = O_RDWR | O_CLOEXEC,
	};
	uint32_t refs[4];
	struct xen_gpumem_grant good = {
		.size = sizeof(good), .count = 4, .refs = (uintptr_t)refs,
	}, a;
	static const struct must_be_zero zero[] = {
		{ AT(grant, flags), ~XEN_GPUMEM_GRANT_READONLY },
		{ AT(grant, offset), PAGE - 1 },
		{ }
	};
	int fd = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	int dom = gr_open(0);

	if (fd < 0 || ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &heap))
		FAIL("no buffer of the system's heap: %s", strerror(errno));
	set_up();
	good.fd = heap.fd;
	common_checks(dom, XEN_GPUMEM_GRANT, &good, sizeof(good), zero);
	a = good;
	a.count = 0;
	ERR(call(dom, XEN_GPUMEM_GRANT, &a), EINVAL);
	a = good;
	a.fd = fd;
	ERR(call(dom, XEN_GPUMEM_GRANT, &a), EBADF);
	a.fd = -1;
	ERR(call(dom, XEN_GPUMEM_GRANT, &a), EBADF);
	a = good;
	a.count = 5;
	ERR(call(dom, XEN_GPUMEM_GRANT, &a), ERANGE);
	a.count = 4;
	a.offset = PAGE;
	ERR(call(dom, XEN_GPUMEM_GRANT, &a), ERANGE);
	a.offset = -PAGE;
	ERR(call(dom, XEN_GPUMEM_GRANT, &a), ERANGE);
	a = good;
	a.count = ~0U;
	ERR(call(dom, XEN_GPUMEM_GRANT, &a), ENOSPC);
	a = good;
	a.refs = 8;
	ERR(call(dom, XEN_GPUMEM_GRANT, &a), EFAULT);
	/* A right to lend is none to grant. */
	ERR(call(xgt_dom, XEN_GPUMEM_GRANT, &good), EPERM);
	CHECK_EQ(gr_used(dom), 0);
	unchanged();
	/* Control: the good one is good. */
	OK(call(dom, XEN_GPUMEM_GRANT, &good));
	CHECK_EQ(good.out_failed, 4);
	CHECK_EQ(gr_used(dom), 4);
	OK(gr_release(dom, good.out_id, 0, NULL));
	CHECK_EQ(gr_used(dom), 0);
	unchanged();
}

static void args_grant_release(void)
{
	struct xen_gpumem_grant_release good = {
		.size = sizeof(good), .id = 1,
	}, a;
	static const struct must_be_zero none[] = { { } };
	int dom = gr_open(0);

	set_up();
	common_checks(dom, XEN_GPUMEM_GRANT_RELEASE, &good, sizeof(good),
		      none);
	ERR(call(dom, XEN_GPUMEM_GRANT_RELEASE, &good), ENOENT);
	for (unsigned int bit = 0; bit < 33; bit++) {
		a = good;
		a.id = (1ULL << bit) - 1;
		a.wait_ms = XEN_GPUMEM_GRANT_MAX_WAIT_MS;
		ERR(call(dom, XEN_GPUMEM_GRANT_RELEASE, &a), ENOENT);
	}
	a = good;
	a.wait_ms = XEN_GPUMEM_GRANT_MAX_WAIT_MS + 1;
	ERR(call(dom, XEN_GPUMEM_GRANT_RELEASE, &a), EINVAL);
	a.wait_ms = ~0U;
	ERR(call(dom, XEN_GPUMEM_GRANT_RELEASE, &a), EINVAL);
	unchanged();
}

/* Numbers that mean nothing, and calls on the wrong kind of file. */
static void wrong_file(void)
{
	uint8_t arg[256] = { 64 };
	int node = gm_node();

	set_up();
	for (unsigned int nr = 0x02; nr <= 0x09; nr++)
		ERR(call(node, _IO(XEN_GPUMEM_TYPE, nr), arg), ENOTTY);
	ERR(call(xgt_dom, XEN_GPUMEM_OPEN_DOMAIN, arg), ENOTTY);
	for (unsigned int nr = 0x0a; nr <= 0xff; nr++) {
		ERR(call(node, _IO(XEN_GPUMEM_TYPE, nr), arg), ENOTTY);
		/* Exports are numbered from 0x20 on, grants from 0x28 on. */
		if ((nr < 0x20 || nr > 0x23) && (nr < 0x28 || nr > 0x29))
			ERR(call(xgt_dom, _IO(XEN_GPUMEM_TYPE, nr), arg),
			    ENOTTY);
	}
	/* The number with a direction or a size in it is another number. */
	ERR(call(xgt_dom, _IOWR(XEN_GPUMEM_TYPE, 0, struct xen_gpumem_info),
		 arg), ENOTTY);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, xgt_dom, 0) ==
	      MAP_FAILED);
	CHECK(write(xgt_dom, arg, sizeof(arg)) < 0);
	unchanged();
}

static const struct xgt_test tests[] = {
	{ "U-args-info", "U1,U6", args_info, XGT_GUEST, 0 },
	{ "U-args-open-domain", "U1,U6,S1", args_open_domain, XGT_GUEST, 0 },
	{ "U-args-window-add", "U1,U6", args_window_add, XGT_GUEST, 0 },
	{ "U-args-window-remove", "U1,U6", args_window_remove, XGT_GUEST, 0 },
	{ "U-args-window-move", "U1,U6", args_window_move, XGT_GUEST, 0 },
	{ "U-args-bind", "U1,U6", args_bind, XGT_GUEST, 0 },
	{ "U-args-unbind", "U1,U6", args_unbind, XGT_GUEST, 0 },
	{ "U-args-populate", "U1,U6", args_populate, XGT_GUEST, 0 },
	{ "U-args-query", "U1,U6", args_query, XGT_GUEST, 0 },
	{ "U-args-derive", "U1,U6,S1", args_derive, XGT_GUEST, 0 },
	{ "U-args-export", "U1,U6,E7", args_export, XGT_GUEST, 0 },
	{ "U-args-export-id", "U1,U6", args_export_id, XGT_GUEST, 0 },
	{ "U-args-grant", "U1,U6,E10", args_grant, XGT_GUEST, 0 },
	{ "U-args-grant-release", "U1,U6,E10", args_grant_release, XGT_GUEST,
	  0 },
	{ "U-args-wrong-file", "U1,U6", wrong_file, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
