// SPDX-License-Identifier: MIT
/**
 * TEST: xen gpumem basic
 * Description: The interface of /dev/xen/gpumem: its calls, called rightly and
 *              wrongly, the files that they are made on, rights and limits
 * Category: Core
 * Mega feature: Virtualization
 * Sub-category: Xen memory lending
 * Functionality: uapi
 * Test category: functionality test
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem.h"
#include "igt_xen_gpumem_args.h"

IGT_TEST_DESCRIPTION("Calls, files, rights and limits of /dev/xen/gpumem");

#define LENGTH	GPUMEM_LENT
#define RIGHT	XEN_GPUMEM_RIGHT_LEND
#define BAD_ID	0x7fffffffU

/* --- called wrongly: each call -------------------------------------------- */

#define AT(type, field)	offsetof(struct xen_gpumem_##type, field)
#define ALL		0xffffffffU
#define IN_PAGE		0xfffU

static void bad_info(void)
{
	struct xen_gpumem_info good = { .size = sizeof(good) };
	static const struct gpumem_zero zero[] = {
		{ AT(info, flags), ALL }, { }
	};
	int node = gpumem_open_node();

	gpumem_args_wrong(node, XEN_GPUMEM_INFO, &good, sizeof(good), zero);
	gpumem_args_pointers(node, XEN_GPUMEM_INFO, &good, sizeof(good));
	gpumem_assert(gpumem_call(node, XEN_GPUMEM_INFO, &good), 0);
	igt_assert_eq(good.out_abi, XEN_GPUMEM_ABI);
	close(node);
}

static void bad_open_domain(void)
{
	struct xen_gpumem_range range = {
		.right = RIGHT, .first = GPUMEM_ARENA, .length = MIB,
	};
	struct xen_gpumem_open_domain good = {
		.size = sizeof(good), .rights = RIGHT,
		.ranges = (uintptr_t)&range, .nr_ranges = 1,
	}, a;
	static const struct gpumem_zero zero[] = {
		{ AT(open_domain, flags), ~XEN_GPUMEM_OPEN_CLOEXEC },
		/* the upper half: the lower one is the domain */
		{ AT(open_domain, domid), 0xffff0000 },
		{ AT(open_domain, rights), ~0x1fU },
		{ AT(open_domain, __reserved1), ALL },
		{ }
	};
	struct gpumem_lent l = gpumem_lent_begin();
	int node = gpumem_open_node(), fd;

	good.domid = gpumem_guest_domid();
	gpumem_args_wrong(node, XEN_GPUMEM_OPEN_DOMAIN, &good, sizeof(good),
			  zero);
	a = good;
	a.rights = 0;
	gpumem_assert(gpumem_call(node, XEN_GPUMEM_OPEN_DOMAIN, &a), -EINVAL);
	a = good;
	a.nr_ranges = XEN_GPUMEM_MAX_RANGES + 1;
	gpumem_assert(gpumem_call(node, XEN_GPUMEM_OPEN_DOMAIN, &a), -EINVAL);
	a = good;
	a.ranges = 16;
	gpumem_assert(gpumem_call(node, XEN_GPUMEM_OPEN_DOMAIN, &a), -EFAULT);
	a = good;
	range.length = 0;
	gpumem_assert(gpumem_call(node, XEN_GPUMEM_OPEN_DOMAIN, &a), -EINVAL);
	range.length = MIB;
	fd = gpumem_call(node, XEN_GPUMEM_OPEN_DOMAIN, &good);
	igt_assert_lte(0, fd);
	close(fd);
	close(node);
	gpumem_lent_unharmed(&l);
	gpumem_lent_end(&l);
}

static void bad_window_add(void)
{
	struct xen_gpumem_window_add good = {
		.size = sizeof(good), .gpa = GPUMEM_ARENA + MIB,
		.length = GPUMEM_PAGE,
	}, a;
	static const struct gpumem_zero zero[] = {
		{ AT(window_add, flags), ALL },
		{ AT(window_add, gpa), IN_PAGE },
		{ AT(window_add, length), IN_PAGE },
		{ }
	};
	struct gpumem_lent l = gpumem_lent_begin();

	gpumem_args_wrong(l.fd, XEN_GPUMEM_WINDOW_ADD, &good, sizeof(good),
			  zero);
	a = good;
	a.length = 0;
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_WINDOW_ADD, &a), -EINVAL);
	a = good;
	a.gpa = -GPUMEM_PAGE;
	a.length = 2 * GPUMEM_PAGE;
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_WINDOW_ADD, &a), -EINVAL);
	a = good;
	a.hole_policy = XEN_GPUMEM_POLICY_MMIO + 1;
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_WINDOW_ADD, &a), -EINVAL);
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_WINDOW_ADD, &good), 0);
	gpumem_assert(__gpumem_window_remove(l.fd, good.out_window), 0);
	gpumem_args_pointers(l.fd, XEN_GPUMEM_WINDOW_ADD, &good, sizeof(good));
	gpumem_lent_unharmed(&l);
	gpumem_lent_end(&l);
}

static void bad_window_remove(void)
{
	struct gpumem_lent l = gpumem_lent_begin();
	struct xen_gpumem_window_remove good = {
		.size = sizeof(good), .window = l.window,
	};
	static const struct gpumem_zero none[] = { { } };

	gpumem_args_wrong(l.fd, XEN_GPUMEM_WINDOW_REMOVE, &good, sizeof(good),
			  none);
	gpumem_assert(__gpumem_window_remove(l.fd, BAD_ID), -ENOENT);
	gpumem_lent_unharmed(&l);
	gpumem_args_pointers(l.fd, XEN_GPUMEM_WINDOW_REMOVE, &good,
			     sizeof(good));
	/* The last of these was whole, and has removed it. */
	gpumem_assert(__gpumem_window_remove(l.fd, l.window), -ENOENT);
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA), ~0ULL);
	gpumem_lent_end(&l);
}

static void bad_window_move(void)
{
	struct gpumem_lent l = gpumem_lent_begin();
	struct xen_gpumem_window_move good = {
		.size = sizeof(good), .window = l.window,
		.gpa = GPUMEM_ARENA + MIB,
	};
	static const struct gpumem_zero zero[] = {
		{ AT(window_move, gpa), IN_PAGE }, { }
	};
	uint32_t other;

	gpumem_args_wrong(l.fd, XEN_GPUMEM_WINDOW_MOVE, &good, sizeof(good),
			  zero);
	gpumem_assert(__gpumem_window_move(l.fd, BAD_ID, good.gpa), -ENOENT);
	other = gpumem_window_add(l.fd, good.gpa, GPUMEM_PAGE);
	gpumem_assert(__gpumem_window_move(l.fd, l.window, good.gpa), -EEXIST);
	gpumem_lent_unharmed(&l);
	igt_assert_eq_u64(gpumem_guest_read(good.gpa), ~0ULL);
	gpumem_assert(__gpumem_window_remove(l.fd, other), 0);
	gpumem_args_pointers(l.fd, XEN_GPUMEM_WINDOW_MOVE, &good, sizeof(good));
	/* The last of these was whole, and has moved it. */
	gpumem_guest_check(good.gpa, LENGTH / 2, 1);
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA), ~0ULL);
	gpumem_lent_end(&l);
}

static void bad_bind(void)
{
	struct gpumem_lent l = gpumem_lent_begin();
	struct xen_gpumem_bind good = {
		.size = sizeof(good), .window = l.window, .offset = LENGTH / 2,
		.length = GPUMEM_PAGE, .address = (uintptr_t)l.map,
	}, a;
	static const struct gpumem_zero zero[] = {
		{ AT(bind, flags), ~7U },
		{ AT(bind, offset), IN_PAGE },
		{ AT(bind, length), IN_PAGE },
		{ AT(bind, address), IN_PAGE },
		{ AT(bind, fd), ALL },
		{ }
	};

	gpumem_args_wrong(l.fd, XEN_GPUMEM_BIND, &good, sizeof(good), zero);
#define REFUSED(field, value, err) do {					\
	a = good;							\
	a.field = value;						\
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_BIND, &a), -(err));	\
} while (0)
	REFUSED(window, BAD_ID, ENOENT);
	REFUSED(source, 99, EOPNOTSUPP);
	REFUSED(fail_policy, XEN_GPUMEM_POLICY_MMIO, EINVAL);
	REFUSED(length, 0, EINVAL);
	REFUSED(length, LENGTH, ERANGE);
	REFUSED(offset, LENGTH, ERANGE);
	REFUSED(offset, 0, EEXIST);
#undef REFUSED
	gpumem_assert(__gpumem_bind_fd(l.fd, l.window, LENGTH / 2, GPUMEM_PAGE,
				       -1, 0, 0), -EBADF);
	gpumem_lent_unharmed(&l);
	gpumem_args_pointers(l.fd, XEN_GPUMEM_BIND, &good, sizeof(good));
	/* The last of these was whole: it is bound now, and seen. */
	gpumem_guest_check(GPUMEM_ARENA + LENGTH / 2, GPUMEM_PAGE, 1);
	gpumem_lent_end(&l);
}

static void bad_unbind(void)
{
	struct gpumem_lent l = gpumem_lent_begin();
	struct xen_gpumem_unbind good = {
		.size = sizeof(good), .window = l.window, .length = LENGTH,
	};
	static const struct gpumem_zero zero[] = {
		{ AT(unbind, offset), IN_PAGE },
		{ AT(unbind, length), IN_PAGE },
		{ }
	};

	gpumem_args_wrong(l.fd, XEN_GPUMEM_UNBIND, &good, sizeof(good), zero);
	gpumem_assert(__gpumem_unbind(l.fd, BAD_ID, 0, LENGTH), -ENOENT);
	gpumem_assert(__gpumem_unbind(l.fd, l.window, 0, 0), -EINVAL);
	gpumem_assert(__gpumem_unbind(l.fd, l.window, 0, 2 * LENGTH), -ERANGE);
	/* Where nothing is bound, and a part of what is. */
	gpumem_assert(__gpumem_unbind(l.fd, l.window, LENGTH / 2, GPUMEM_PAGE),
		      -ENOENT);
	gpumem_assert(__gpumem_unbind(l.fd, l.window, 0, GPUMEM_PAGE), -EEXIST);
	gpumem_lent_unharmed(&l);
	gpumem_args_pointers(l.fd, XEN_GPUMEM_UNBIND, &good, sizeof(good));
	igt_assert_eq_u64(gpumem_guest_read(GPUMEM_ARENA), ~0ULL);
	gpumem_lent_end(&l);
}

static void bad_populate(void)
{
	struct gpumem_lent l = gpumem_lent_begin();
	struct xen_gpumem_populate good = {
		.size = sizeof(good), .window = l.window, .length = GPUMEM_PAGE,
	};
	static const struct gpumem_zero zero[] = {
		{ AT(populate, flags), ~XEN_GPUMEM_POPULATE_WRITE },
		{ AT(populate, __reserved), ALL },
		{ AT(populate, offset), IN_PAGE },
		{ AT(populate, length), IN_PAGE },
		{ }
	};
	uint64_t count = 1;

	gpumem_args_wrong(l.fd, XEN_GPUMEM_POPULATE, &good, sizeof(good), zero);
	gpumem_assert(__gpumem_populate(l.fd, BAD_ID, 0, LENGTH, 0, NULL),
		      -ENOENT);
	gpumem_assert(__gpumem_populate(l.fd, l.window, 0, 0, 0, NULL),
		      -EINVAL);
	gpumem_assert(__gpumem_populate(l.fd, l.window, 0, 2 * LENGTH, 0, NULL),
		      -ERANGE);
	/* As far as it is bound. */
	gpumem_assert(__gpumem_populate(l.fd, l.window, 0, LENGTH, 0, &count),
		      -ENOENT);
	igt_assert_eq_u64(count, LENGTH / 2);
	/* By the process that bound it. */
	igt_fork(child, 1)
		gpumem_assert(__gpumem_populate(l.fd, l.window, 0, GPUMEM_PAGE,
						0, NULL), -EPERM);
	igt_waitchildren();
	gpumem_args_pointers(l.fd, XEN_GPUMEM_POPULATE, &good, sizeof(good));
	gpumem_lent_unharmed(&l);
	igt_assert(!munmap(l.map, GPUMEM_PAGE));
	gpumem_assert(__gpumem_populate(l.fd, l.window, 0, GPUMEM_PAGE, 0,
					&count), -ENODATA);
	igt_assert_eq_u64(count, 0);
	gpumem_lent_end(&l);
}

static void bad_query(void)
{
	struct gpumem_lent l = gpumem_lent_begin();
	struct xen_gpumem_window_query good = {
		.size = sizeof(good), .window = l.window,
	}, q;
	static const struct gpumem_zero zero[] = {
		{ AT(window_query, offset), IN_PAGE },
		{ AT(window_query, length), IN_PAGE },
		{ }
	};

	gpumem_args_wrong(l.fd, XEN_GPUMEM_WINDOW_QUERY, &good, sizeof(good),
			  zero);
	gpumem_assert(__gpumem_query(l.fd, BAD_ID, 0, 0, &q), -ENOENT);
	gpumem_assert(__gpumem_query(l.fd, l.window, 2 * LENGTH, 0, &q),
		      -ERANGE);
	gpumem_assert(__gpumem_query(l.fd, l.window, GPUMEM_PAGE, LENGTH, &q),
		      -ERANGE);
	gpumem_args_pointers(l.fd, XEN_GPUMEM_WINDOW_QUERY, &good,
			     sizeof(good));
	gpumem_lent_unharmed(&l);
	/* A part of it. */
	gpumem_assert(__gpumem_query(l.fd, l.window, GPUMEM_PAGE,
				     2 * GPUMEM_PAGE, &q), 0);
	igt_assert_eq_u64(q.out_pages, 2);
	gpumem_lent_end(&l);
}

static void bad_derive(void)
{
	struct gpumem_lent l = gpumem_lent_begin();
	struct xen_gpumem_range range = {
		.right = RIGHT, .first = GPUMEM_ARENA, .length = MIB,
	};
	struct xen_gpumem_derive good = {
		.size = sizeof(good), .rights = RIGHT,
		.ranges = (uintptr_t)&range, .nr_ranges = 1,
	}, a;
	static const struct gpumem_zero zero[] = {
		{ AT(derive, flags), ~XEN_GPUMEM_OPEN_CLOEXEC },
		{ AT(derive, rights), ~0x1fU },
		{ }
	};
	int child;

	gpumem_args_wrong(l.fd, XEN_GPUMEM_DERIVE, &good, sizeof(good), zero);
	a = good;
	a.rights = 0;
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_DERIVE, &a), -EINVAL);
	a = good;
	a.rights |= XEN_GPUMEM_RIGHT_REMOVE;
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_DERIVE, &a), -EPERM);
	a = good;
	a.nr_ranges = XEN_GPUMEM_MAX_RANGES + 1;
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_DERIVE, &a), -EINVAL);
	a = good;
	a.ranges = 16;
	gpumem_assert(gpumem_call(l.fd, XEN_GPUMEM_DERIVE, &a), -EFAULT);
	child = gpumem_call(l.fd, XEN_GPUMEM_DERIVE, &good);
	igt_assert_lte(0, child);
	close(child);
	gpumem_lent_unharmed(&l);
	gpumem_lent_end(&l);
}

/* --- files ---------------------------------------------------------------- */

static void node(void)
{
	struct xen_gpumem_info info;
	int fd = gpumem_open_node();

	gpumem_assert(__gpumem_info(fd, &info), 0);
	igt_assert_eq(info.size, sizeof(info));
	igt_assert_eq(info.out_abi, XEN_GPUMEM_ABI);
	igt_assert_neq(info.out_hv_version, 0);
	igt_assert_eq(info.out_rights, 0);
	igt_assert_eq_u64(info.out_gpa_end, 0);
	igt_assert(info.out_max_windows && info.out_max_bindings &&
		   info.out_max_window >= MIB);
	close(fd);
}

static void node_unprivileged(void)
{
	gpumem_assert(close(gpumem_open_node()), 0);
	igt_fork(child, 1) {
		igt_drop_root();
		gpumem_assert(__gpumem_open_node(), -EACCES);
	}
	igt_waitchildren();
}

static void domain_info(void)
{
	struct xen_gpumem_info on_node, info;
	int fd = gpumem_begin(), node = gpumem_open_node();

	gpumem_assert(__gpumem_info(node, &on_node), 0);
	gpumem_assert(__gpumem_info(fd, &info), 0);
	igt_assert_eq(info.out_rights, RIGHT);
	igt_assert(info.out_gpa_end > GPUMEM_ARENA);
	igt_assert_eq_u64(info.out_gpa_end & (info.out_gpa_end - 1), 0);
	igt_assert_eq_u64(info.out_features, on_node.out_features);
	igt_assert_eq(info.out_max_windows, on_node.out_max_windows);
	close(node);
	gpumem_end();
}

/* Numbers without a meaning, and calls on the other kind of file. */
static void unknown_calls(void)
{
	uint8_t arg[512] = { 255 };
	int fd = gpumem_begin(), node = gpumem_open_node();

	for (unsigned int nr = 2; nr < 256; nr++)
		gpumem_assert(gpumem_call(node, _IO(XEN_GPUMEM_TYPE, nr), arg),
			      -ENOTTY);
	for (unsigned int nr = 0x0a; nr < 256; nr++) {
		/* Exports and grants have these. */
		if ((nr >= 0x20 && nr <= 0x23) || nr == 0x28 || nr == 0x29)
			continue;
		gpumem_assert(gpumem_call(fd, _IO(XEN_GPUMEM_TYPE, nr), arg),
			      -ENOTTY);
	}
	gpumem_assert(gpumem_call(fd, XEN_GPUMEM_OPEN_DOMAIN, arg), -ENOTTY);
	/* The number has no direction and no size in it. */
	gpumem_assert(gpumem_call(fd, _IOWR(XEN_GPUMEM_TYPE, 0,
					    struct xen_gpumem_info), arg),
		      -ENOTTY);
	gpumem_assert(gpumem_call(fd, _IO(XEN_GPUMEM_TYPE + 1, 0), arg),
		      -ENOTTY);
	close(node);
	gpumem_end();
}

static void no_mmap(void)
{
	struct xen_gpumem_info info;
	int fd = gpumem_begin(), node = gpumem_open_node();
	int files[] = { fd, node };

	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++) {
		igt_assert(mmap(NULL, GPUMEM_PAGE, PROT_READ, MAP_SHARED,
				files[i], 0) == MAP_FAILED);
		igt_assert_eq(errno, ENODEV);
		igt_assert_eq(write(files[i], &info, sizeof(info)), -1);
		igt_assert_eq(errno, EINVAL);
		gpumem_assert(__gpumem_info(files[i], &info), 0);
	}
	close(node);
	gpumem_end();
}

static void cloexec(void)
{
	struct xen_gpumem_open_domain od = {
		.size = sizeof(od), .rights = RIGHT,
	};
	struct xen_gpumem_derive d = { .size = sizeof(d), .rights = RIGHT };
	int dom = gpumem_begin(), node = gpumem_open_node(), fd;

	od.domid = gpumem_guest_domid();
	for (int flag = 0; flag < 2; flag++) {
		od.flags = flag ? XEN_GPUMEM_OPEN_CLOEXEC : 0;
		fd = gpumem_call(node, XEN_GPUMEM_OPEN_DOMAIN, &od);
		igt_assert_lte(0, fd);
		igt_assert_eq(fcntl(fd, F_GETFD), flag ? FD_CLOEXEC : 0);
		close(fd);
		d.flags = od.flags;
		fd = gpumem_call(dom, XEN_GPUMEM_DERIVE, &d);
		igt_assert_lte(0, fd);
		igt_assert_eq(fcntl(fd, F_GETFD), flag ? FD_CLOEXEC : 0);
		close(fd);
	}
	close(node);
	gpumem_end();
}

/* The number alone is not the guest. */
static void generation(void)
{
	struct xen_gpumem_open_domain od = { .rights = RIGHT };
	int node = gpumem_open_node(), fd;
	uint64_t is;

	gpumem_begin();
	od.domid = gpumem_guest_domid();
	fd = __gpumem_open_domain(node, &od);
	igt_assert_lte(0, fd);
	close(fd);
	is = od.generation;
	igt_assert_neq_u64(is, 0);
	od.generation = is + 1;
	gpumem_assert(__gpumem_open_domain(node, &od), -ESRCH);
	od.generation = is;
	fd = __gpumem_open_domain(node, &od);
	igt_assert_lte(0, fd);
	close(fd);
	close(node);
	gpumem_end();
}

static void wrong_domain(void)
{
	struct xen_gpumem_open_domain od = { .rights = RIGHT };
	int node = gpumem_open_node(), fd;

	gpumem_begin();
	od.domid = 0x7000;			/* none has this number */
	gpumem_assert(__gpumem_open_domain(node, &od), -ESRCH);
	od.domid = 0;				/* us */
	gpumem_assert(__gpumem_open_domain(node, &od), -EPERM);
	od.domid = gpumem_guest_domid();
	od.generation = 0;
	fd = __gpumem_open_domain(node, &od);
	igt_assert_lte(0, fd);
	close(fd);
	close(node);
	gpumem_end();
}

static const struct {
	const char *name, *what;
	void (*fn)(void);
} tests[] = {
	/**
	 * SUBTEST: node
	 * Description: What the device node says about itself
	 */
	{ "node", "What the device node says about itself", node },
	/**
	 * SUBTEST: node-unprivileged
	 * Description: The node is not for everybody
	 */
	{ "node-unprivileged", "The node is not for everybody",
	  node_unprivileged },
	/**
	 * SUBTEST: domain-info
	 * Description: What a domain fd says about itself
	 */
	{ "domain-info", "What a domain fd says about itself", domain_info },
	/**
	 * SUBTEST: unknown-calls
	 * Description: Numbers without a meaning, calls on the wrong file
	 */
	{ "unknown-calls", "Numbers without a meaning, calls on the wrong file",
	  unknown_calls },
	/**
	 * SUBTEST: no-mmap
	 * Description: Neither file can be mapped or written
	 */
	{ "no-mmap", "Neither file can be mapped or written", no_mmap },
	/**
	 * SUBTEST: cloexec
	 * Description: New descriptors have close-on-exec if asked for
	 */
	{ "cloexec", "New descriptors have close-on-exec if asked for",
	  cloexec },
	/**
	 * SUBTEST: generation
	 * Description: A domain fd is for one guest, not for its number
	 */
	{ "generation", "A domain fd is for one guest, not for its number",
	  generation },
	/**
	 * SUBTEST: wrong-domain
	 * Description: No such domain, and the lending domain itself
	 */
	{ "wrong-domain", "No such domain, and the lending domain itself",
	  wrong_domain },
#define BAD(name_, fn_)							\
	{ "bad-args-" name_, "Arguments that must be refused, and the errno", \
	  fn_ }
	/**
	 * SUBTEST: bad-args-%s
	 * Description: Arguments of %arg[1] that must be refused, and the errno
	 *
	 * arg[1]:
	 *
	 * @info:		XEN_GPUMEM_INFO
	 * @open-domain:	XEN_GPUMEM_OPEN_DOMAIN
	 * @window-add:		XEN_GPUMEM_WINDOW_ADD
	 * @window-remove:	XEN_GPUMEM_WINDOW_REMOVE
	 * @window-move:	XEN_GPUMEM_WINDOW_MOVE
	 * @bind:		XEN_GPUMEM_BIND
	 * @unbind:		XEN_GPUMEM_UNBIND
	 * @populate:		XEN_GPUMEM_POPULATE
	 * @query:		XEN_GPUMEM_WINDOW_QUERY
	 * @derive:		XEN_GPUMEM_DERIVE
	 */
	BAD("info", bad_info),
	BAD("open-domain", bad_open_domain),
	BAD("window-add", bad_window_add),
	BAD("window-remove", bad_window_remove),
	BAD("window-move", bad_window_move),
	BAD("bind", bad_bind),
	BAD("unbind", bad_unbind),
	BAD("populate", bad_populate),
	BAD("query", bad_query),
	BAD("derive", bad_derive),
};

int igt_main()
{
	igt_fixture()
		gpumem_require();

	for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
		igt_describe(tests[i].what);
		igt_subtest(tests[i].name)
			tests[i].fn();
	}
}
