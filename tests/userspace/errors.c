// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's words for errors, on the mock.  Each cause is brought about by
 * the call itself; what is said of it must name that cause and no other one of
 * the same errno.
 */
#include <sys/resource.h>

#include "us.h"

#define PAGES	8
#define SIZE	(PAGES * PAGE)
#define INJECT	XEN_GPUMEM_POLICY_INJECT
#define MMIO	XEN_GPUMEM_POLICY_MMIO
#define LEND	XEN_GPUMEM_RIGHT_LEND
#define REPLACE	XEN_GPUMEM_BIND_REPLACE
#define MAX_MIB	"/sys/module/xen_gpumem/parameters/max_binding_mib"

static char said[600];

/* Make the call that an attempt describes. */
static int make(int fd, const struct xgm_attempt *a)
{
	uint32_t w;
	int ret;

	switch (a->call) {
	case XGM_CALL_DOMAIN_OPEN:
		fd = xgm_node_open();
		CHECK(fd >= 0);
		ret = xgm_domain_open(fd, a->domid, a->limits, NULL);
		close(fd);
		return ret;
	case XGM_CALL_DOMAIN_DERIVE:
		return xgm_domain_derive(fd, a->limits);
	case XGM_CALL_WINDOW_ADD:
		return xgm_window_add(fd, a->gpa, a->length, a->policy, &w);
	case XGM_CALL_WINDOW_REMOVE:
		return xgm_window_remove(fd, a->window);
	case XGM_CALL_WINDOW_MOVE:
		return xgm_window_move(fd, a->window, a->gpa);
	case XGM_CALL_BIND:
		return xgm_bind(fd, a->window, a->offset, a->length,
				(void *)(uintptr_t)a->address, a->flags,
				a->policy);
	case XGM_CALL_BIND_FD:
		return xgm_bind_fd(fd, a->window, a->offset, a->length,
				   a->source, a->address, a->flags,
				   a->policy);
	case XGM_CALL_UNBIND:
		return xgm_unbind(fd, a->window, a->offset, a->length);
	case XGM_CALL_POPULATE:
		return xgm_populate(fd, a->window, a->offset, a->length,
				    a->flags, NULL);
	default:
		FAIL("call %u is not made here", a->call);
	}
}

/* The call fails so, and the reason is told with these words. */
static void explains(int line, int fd, struct xgm_attempt a, int err,
		     const char *what)
{
	int ret;

	a.size = sizeof(a);
	ret = make(fd, &a);
	if (ret != -err)
		FAIL("line %d: %s, not %s", line, ret < 0 ?
		     xgt_errname(-ret) : "no error", xgt_errname(err));
	ret = xgm_explain(fd, &a, ret, said, sizeof(said));
	if (ret != (int)strlen(said) || !strstr(said, what))
		FAIL("line %d: %s: no '%s' in: %s", line, xgt_errname(err),
		     what, said);
}

#define EXPLAINS(fd, err, what, ...) \
	explains(__LINE__, fd, (struct xgm_attempt){ __VA_ARGS__ }, err, what)

static uint32_t add(int fd, uint64_t gpa, uint64_t length)
{
	uint32_t window;

	OK(xgm_window_add(fd, gpa, length, MMIO, &window));
	return window;
}

static int derive(uint32_t rights, uint32_t windows, uint32_t bindings,
		  uint64_t bytes)
{
	const struct xgm_limits l = {
		.size = sizeof(l), .rights = rights, .max_windows = windows,
		.max_bindings = bindings, .max_bytes = bytes,
	};
	int fd = xgm_domain_derive(xgt_dom, &l);

	CHECK(fd >= 0);
	return fd;
}

/* --- the table ------------------------------------------------------------- */

static void table(void)
{
	static const struct {
		enum xgm_call call;
		int err;
		const char *what;
	} some[] = {
		{ XGM_CALL_NODE_OPEN, ENOENT, "modprobe" },
		{ XGM_CALL_NODE_OPEN, EACCES, "root" },
		{ XGM_CALL_DOMAIN_OPEN, EXDEV, "page tables" },
		{ XGM_CALL_DOMAIN_OPEN, EBUSY, "log-dirty" },
		{ XGM_CALL_DOMAIN_DERIVE, ELOOP, "too often" },
		{ XGM_CALL_WINDOW_ADD, EADDRNOTAVAIL, "APIC" },
		{ XGM_CALL_WINDOW_MOVE, EEXIST, "where it was" },
		{ XGM_CALL_BIND_FD, ENODEV, "mapped" },
		{ XGM_CALL_POPULATE, ENOSPC, "pool" },
		{ XGM_CALL_POPULATE, EBUSY, "guest" },
		{ XGM_CALL_EVENT, EROFS, "write" },
		/* Of any call. */
		{ XGM_CALL_WINDOW_QUERY, ESRCH, "gone" },
		{ XGM_CALL_UNBIND, EINTR, "signal" },
		{ XGM_CALL_BIND, ENOMEM, "memory" },
	};
	const char *text;

	for (unsigned int i = 0; i < ARRAY_SIZE(some); i++) {
		text = xgm_strerror(some[i].call, some[i].err);
		has(text, some[i].what);
		/* Either sign. */
		CHECK(xgm_strerror(some[i].call, -some[i].err) == text);
	}
	/* One errno, and what it means for whom. */
	CHECK(strcmp(xgm_strerror(XGM_CALL_BIND, EPERM),
		     xgm_strerror(XGM_CALL_POPULATE, EPERM)));
	CHECK(strcmp(xgm_strerror(XGM_CALL_BIND, ENOSPC),
		     xgm_strerror(XGM_CALL_POPULATE, ENOSPC)));
	/* Never NULL, nor invented. */
	has(xgm_strerror(XGM_CALL_UNBIND, EXDEV), "does not name");
	has(xgm_strerror(99, 12345), "does not name");
	CHECK(xgm_strerror(XGM_CALL_BIND, 0));
}

static void names(void)
{
	char text[64];
	uint32_t rights;

	for (uint32_t i = 0; i <= XEN_GPUMEM_POLICY_MMIO; i++)
		CHECK_EQ(xgm_policy_parse(xgm_policy_name(i)), i);
	CHECK(!xgm_policy_name(3));
	ERR(xgm_policy_parse("Zero"), EINVAL);
	CHECK(!strcmp(xgm_errno_name(-EADDRNOTAVAIL), "EADDRNOTAVAIL"));
	CHECK(!xgm_errno_name(9999));
	CHECK(!strcmp(xgm_event_name(XEN_GPUMEM_EVENT_OVERFLOW), "overflow"));

	xgm_rights_format(LEND | XEN_GPUMEM_RIGHT_REMOVE, text, sizeof(text));
	CHECK(!strcmp(text, "lend,remove"));
	OK(xgm_rights_parse(text, &rights));
	CHECK_EQ(rights, LEND | XEN_GPUMEM_RIGHT_REMOVE);
	ERR(xgm_rights_parse("lend,", &rights), EINVAL);
	ERR(xgm_rights_parse("", &rights), EINVAL);
	ERR(xgm_rights_parse("len", &rights), EINVAL);
	CHECK_EQ(rights, LEND | XEN_GPUMEM_RIGHT_REMOVE);
	OK(xgm_rights_parse("grant,export-grants", &rights));
	CHECK_EQ(rights, XEN_GPUMEM_RIGHT_GRANT |
			 XEN_GPUMEM_RIGHT_EXPORT_GRANTS);
	/* Bits of later versions are not lost. */
	xgm_features_format(XEN_GPUMEM_FEAT_MOCK | 1ULL << 40, text,
			    sizeof(text));
	CHECK(!strcmp(text, "mock,0x10000000000"));
	xgm_features_format(XEN_GPUMEM_FEAT_EXPORT | XEN_GPUMEM_FEAT_GRANT,
			    text, sizeof(text));
	CHECK(!strcmp(text, "export,grant"));
	xgm_access_format(0, text, sizeof(text));
	CHECK(!*text);
	/* As snprintf(). */
	memset(text, 'x', sizeof(text));
	CHECK_EQ(xgm_access_format(3, text, 6), strlen("read,write"));
	CHECK(!strcmp(text, "read,") && text[6] == 'x');
	CHECK_EQ(xgm_access_format(3, NULL, 0), strlen("read,write"));
}

/* --- causes ---------------------------------------------------------------- */

static void malformed(void)
{
	volatile uint64_t *p;
	uintptr_t a;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	a = (uintptr_t)p;
	w = add(xgt_dom, BASE, SIZE);

	EXPLAINS(xgt_dom, EINVAL, "the length is zero",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = BASE + GIB);
	EXPLAINS(xgt_dom, EINVAL, "guest address 0x201201234 is not a mul",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = 0x201201234,
		 .length = PAGE);
	EXPLAINS(xgt_dom, EINVAL, "3 is not the number of a policy",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = BASE + GIB,
		 .length = PAGE, .policy = 3);
	EXPLAINS(xgt_dom, EINVAL, "guest address 0x1 ",
		 .call = XGM_CALL_WINDOW_MOVE, .window = w, .gpa = 1);
	EXPLAINS(xgt_dom, EINVAL, "and the window's length together wrap",
		 .call = XGM_CALL_WINDOW_MOVE, .window = w, .gpa = -2 * PAGE);
	EXPLAINS(xgt_dom, EINVAL, "length 0x1001 is not",
		 .call = XGM_CALL_BIND, .window = w, .length = PAGE + 1,
		 .address = a);
	EXPLAINS(xgt_dom, EINVAL, "the offset 0x10 is not",
		 .call = XGM_CALL_BIND, .window = w, .length = PAGE,
		 .offset = 16, .address = a);
	EXPLAINS(xgt_dom, EINVAL, "the address 0x",
		 .call = XGM_CALL_BIND, .window = w, .length = PAGE,
		 .address = a + 8);
	EXPLAINS(xgt_dom, EINVAL, "from 0x8000000000000000 to 0x8000000000001000 are none that a process can have",
		 .call = XGM_CALL_BIND, .window = w, .length = PAGE,
		 .address = 1ULL << 63);
	EXPLAINS(xgt_dom, EINVAL, "unknown flags 0x40",
		 .call = XGM_CALL_BIND, .window = w, .length = PAGE,
		 .address = a, .flags = 0x40 | REPLACE);
	EXPLAINS(xgt_dom, EINVAL, "inject or zero, not mmio",
		 .call = XGM_CALL_BIND, .window = w, .length = PAGE,
		 .address = a, .policy = MMIO);
	EXPLAINS(xgt_dom, EINVAL, "the offset in the file 0x800",
		 .call = XGM_CALL_BIND_FD, .window = w, .length = PAGE,
		 .address = 2048, .source = memfd_new(SIZE));
	EXPLAINS(xgt_dom, EINVAL, "the length is zero",
		 .call = XGM_CALL_UNBIND, .window = w);
	EXPLAINS(xgt_dom, EINVAL, "unknown flags 0x2",
		 .call = XGM_CALL_POPULATE, .window = w, .length = PAGE,
		 .flags = 2);
	mock_end();
}

static void malformed_limits(void)
{
	const struct xgm_limits none = { .size = sizeof(none) };
	const struct xen_gpumem_range empty = { .right = LEND, .first = BASE };
	const struct xen_gpumem_range other = {
		.right = XEN_GPUMEM_RIGHT_EXPORT_FRAMES, .length = PAGE,
	};
	const struct xen_gpumem_range reserved = {
		.right = LEND, .__reserved = 1, .length = PAGE,
	};
	struct xgm_limits l = {
		.size = sizeof(l), .rights = LEND, .ranges = &empty,
		.nr_ranges = 1,
	};

	mock_begin(1);
	EXPLAINS(-1, EINVAL, "no right was asked for",
		 .call = XGM_CALL_DOMAIN_OPEN, .domid = MOCK_DOMID,
		 .limits = &none);
	EXPLAINS(xgt_dom, EINVAL, "range 0 is empty",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &l);
	l.ranges = &other;
	EXPLAINS(xgt_dom, EINVAL, "range 0 is not for one of the rights",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &l);
	l.nr_ranges = 0;
	EXPLAINS(xgt_dom, EINVAL, "the number of them is zero",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &l);
	l.ranges = &reserved;
	l.nr_ranges = 1;
	EXPLAINS(xgt_dom, EINVAL, "range 0 has a reserved field",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &l);
	l.ranges = (void *)PAGE;
	EXPLAINS(xgt_dom, EFAULT, "the array of ranges is not accessible",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &l);
	l.ranges = &other;
	l.nr_ranges = XEN_GPUMEM_MAX_RANGES + 1;
	EXPLAINS(xgt_dom, EINVAL, "65 ranges, more than 64",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &l);
	l.nr_ranges = 0;
	l.pad = 1;
	EXPLAINS(xgt_dom, EINVAL, "pad of the limits is not zero",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &l);
	mock_end();
}

static void populates_elsewhere(void *arg)
{
	uint32_t w = *(uint32_t *)arg;

	EXPLAINS(xgt_dom, EPERM, "another process bound the memory",
		 .call = XGM_CALL_POPULATE, .window = w, .length = PAGE);
}

static void not_permitted(void)
{
	const struct xgm_limits more = {
		.size = sizeof(more), .rights = LEND | XEN_GPUMEM_RIGHT_REMOVE,
	};
	int child, remover, file;
	volatile uint64_t *p;
	uint32_t w;

	mock_begin(1);
	p = map_anon(SIZE);
	w = add(xgt_dom, BASE, SIZE);
	child = derive(LEND, 0, 0, 0);

	EXPLAINS(child, EPERM, "was added through another descriptor",
		 .call = XGM_CALL_BIND, .window = w, .length = PAGE,
		 .address = (uintptr_t)p);
	EXPLAINS(child, EPERM, "has not the right: remove",
		 .call = XGM_CALL_WINDOW_REMOVE, .window = w);
	EXPLAINS(child, EPERM, "was added through another",
		 .call = XGM_CALL_POPULATE, .window = w, .length = PAGE);
	EXPLAINS(child, EPERM, "this descriptor has not the right: remove",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &more);

	remover = xgm_node_open();
	file = xgm_domain_open(remover, MOCK_DOMID, &(struct xgm_limits){
			.size = sizeof(struct xgm_limits),
			.rights = XEN_GPUMEM_RIGHT_REMOVE }, NULL);
	close(remover);
	CHECK(file >= 0);
	EXPLAINS(file, EPERM, "has not the right: lend",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = BASE + GIB,
		 .length = PAGE);

	file = memfd_create("sealed", MFD_ALLOW_SEALING);
	CHECK(file >= 0 && !ftruncate(file, SIZE));
	CHECK(!fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
	EXPLAINS(xgt_dom, EPERM, "sealed",
		 .call = XGM_CALL_BIND_FD, .window = w, .length = PAGE,
		 .source = file);
	OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
	xgt_join(xgt_fork(populates_elsewhere, &w));
	mock_end();
}

static void no_access(void)
{
	const struct xen_gpumem_range range = {
		.right = LEND, .first = BASE, .length = SIZE,
	};
	const struct xgm_limits l = {
		.size = sizeof(l), .rights = LEND, .ranges = &range,
		.nr_ranges = 1,
	};
	const struct xen_gpumem_range other = {
		.right = LEND, .first = BASE + MIB, .length = SIZE,
	};
	const struct xgm_limits outside = {
		.size = sizeof(outside), .rights = LEND, .ranges = &other,
		.nr_ranges = 1,
	};
	char path[] = "/tmp/errors-XXXXXX";
	int child, rw, fd;
	uint32_t w;

	mock_begin(1);
	child = xgm_domain_derive(xgt_dom, &l);
	CHECK(child >= 0);
	w = add(child, BASE, SIZE);
	EXPLAINS(child, EACCES, "0x220200000 does not lie in the descriptor's ranges, of which there are 1",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = 0x220200000,
		 .length = SIZE);
	EXPLAINS(child, EACCES, "the range from 0x200300000 on, 0x8000 long, does not lie in those",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &outside);
	rw = mkstemp(path);
	CHECK(rw >= 0 && !ftruncate(rw, SIZE));
	fd = open(path, O_RDONLY);
	EXPLAINS(child, EACCES, "open for reading only: READONLY",
		 .call = XGM_CALL_BIND_FD, .window = w, .length = PAGE,
		 .source = fd);
	close(fd);
	fd = open(path, O_WRONLY);
	EXPLAINS(child, EACCES, "not open for reading",
		 .call = XGM_CALL_BIND_FD, .window = w, .length = PAGE,
		 .source = fd);
	close(fd);
	unlink(path);
	mock_end();
}

static void where(void)
{
	struct xen_gpumem_info info;
	volatile uint64_t *p;
	uint32_t w, other;
	char line[80];

	mock_begin(1);
	p = map_anon(SIZE);
	w = add(xgt_dom, BASE, SIZE);
	OK(xgm_info(xgt_dom, &info, sizeof(info)));

	EXPLAINS(xgt_dom, ENOENT, "there is no window 4711",
		 .call = XGM_CALL_UNBIND, .window = 4711, .length = PAGE);
	EXPLAINS(xgt_dom, ENOENT, "nothing is bound in window",
		 .call = XGM_CALL_UNBIND, .window = w, .length = PAGE);
	EXPLAINS(xgt_dom, ENOENT, "there is no window 4711",
		 .call = XGM_CALL_POPULATE, .window = 4711, .length = PAGE);
	EXPLAINS(xgt_dom, ENOENT, "at 0x3000",
		 .call = XGM_CALL_POPULATE, .window = w, .offset = 3 * PAGE,
		 .length = PAGE);
	EXPLAINS(xgt_dom, ERANGE, "has 0x8000 bytes; the range is from 0x7000 to 0x9000",
		 .call = XGM_CALL_BIND, .window = w, .offset = 7 * PAGE,
		 .length = 2 * PAGE, .address = (uintptr_t)p);
	EXPLAINS(xgt_dom, ERANGE, "addresses end at 0x10000000000",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = info.out_gpa_end,
		 .length = PAGE);
	OK(xgm_bind(xgt_dom, w, 0, 4 * PAGE, p, 0, INJECT));
	snprintf(line, sizeof(line), "window %u is there, at 0x%llx, of 0x8000 bytes",
		 w, (unsigned long long)BASE);
	EXPLAINS(xgt_dom, EEXIST, line, .call = XGM_CALL_WINDOW_ADD,
		 .gpa = BASE + 4 * PAGE, .length = SIZE);
	other = add(xgt_dom, XEN_GPUMEM_PARKED, SIZE);
	EXPLAINS(xgt_dom, EEXIST, line, .call = XGM_CALL_WINDOW_MOVE,
		 .window = other, .gpa = BASE);
	has(said, "; the window is where it was");
	EXPLAINS(xgt_dom, EEXIST, "4 of the range's 8 pages are bound already",
		 .call = XGM_CALL_BIND, .window = w, .length = SIZE,
		 .address = (uintptr_t)p);
	EXPLAINS(xgt_dom, EEXIST, "lies across an end",
		 .call = XGM_CALL_BIND, .window = w, .offset = 3 * PAGE,
		 .length = 2 * PAGE, .address = (uintptr_t)p,
		 .flags = REPLACE);
	mock_end();
}

static void too_much(void)
{
	struct xen_gpumem_info info;
	volatile uint64_t *p;
	uint32_t w, other;
	int a, b, grandchild;

	mock_begin(1);
	p = map_anon(SIZE);
	a = derive(LEND, 1, 2, 4 * PAGE);
	w = add(a, BASE, SIZE);
	EXPLAINS(a, ENOSPC, "may have 1 window, has 1, and 1 more",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = BASE + GIB,
		 .length = SIZE);
	EXPLAINS(a, ENOSPC, "may have 16384 bytes in bindings, has 0, and 20480 more",
		 .call = XGM_CALL_BIND, .window = w, .length = 5 * PAGE,
		 .address = (uintptr_t)p);
	OK(xgm_bind(a, w, 0, PAGE, p, 0, INJECT));
	OK(xgm_bind(a, w, PAGE, PAGE, p, 0, INJECT));
	EXPLAINS(a, ENOSPC, "may have 2 bindings, has 2, and 1 more",
		 .call = XGM_CALL_BIND, .window = w, .offset = 2 * PAGE,
		 .length = PAGE, .address = (uintptr_t)p);
	/* What yields does not count. */
	EXPLAINS(a, ENOSPC, "may have 16384 bytes in bindings, has 4096, and 28672 more",
		 .call = XGM_CALL_BIND, .window = w, .offset = PAGE,
		 .length = 7 * PAGE, .address = (uintptr_t)p,
		 .flags = REPLACE);

	/* It is not always one's own limit. */
	b = derive(LEND, 0, 0, 2 * PAGE);
	grandchild = xgm_domain_derive(b, NULL);
	CHECK(grandchild >= 0);
	other = add(grandchild, BASE + GIB, SIZE);
	EXPLAINS(grandchild, ENOSPC, "that this one was derived from",
		 .call = XGM_CALL_BIND, .window = other, .length = 3 * PAGE,
		 .address = (uintptr_t)p);

	/* Nor a limit of the guest's. */
	b = derive(LEND, 1, 0, 0);
	add(b, XEN_GPUMEM_PARKED, SIZE);
	grandchild = xgm_domain_derive(b, NULL);
	CHECK(grandchild >= 0);
	EXPLAINS(grandchild, ENOSPC, "derived from has no window left",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = BASE + 3 * GIB,
		 .length = SIZE);

	OK(xgm_info(xgt_dom, &info, sizeof(info)));
	EXPLAINS(xgt_dom, ENOSPC, "windows of a guest may have",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = BASE + 2 * GIB,
		 .length = info.out_max_window + PAGE);
	set_file(MAX_MIB, "1");
	other = add(xgt_dom, BASE + 2 * GIB, 4 * MIB);
	EXPLAINS(xgt_dom, ENOSPC, "a binding may have 1 MiB",
		 .call = XGM_CALL_BIND, .window = other, .length = 2 * MIB,
		 .address = GIB);
	set_file(MAX_MIB, "65536");
	while (!xgm_window_add(xgt_dom, XEN_GPUMEM_PARKED, PAGE, MMIO, &other))
		;
	EXPLAINS(xgt_dom, ENOSPC, "windows, and can have no more",
		 .call = XGM_CALL_WINDOW_ADD, .gpa = XEN_GPUMEM_PARKED,
		 .length = PAGE);
	mock_end();
}

/* --- memory ---------------------------------------------------------------- */

/* What could not be supplied, by who knows where it is. */
static void which_memory(void)
{
	struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_EVENT,
		.flags = XEN_GPUMEM_BIND_READONLY,
	};
	int file = memfd_new(SIZE);
	struct rlimit room;
	char *p, *end;
	uint32_t w;

	mock_begin(1);
	p = (char *)map_shared(file, SIZE);
	w = add(xgt_dom, BASE, SIZE);
	OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
	/* Control: there is nothing wrong with this. */
	OK(xgm_populate(xgt_dom, w, 0, PAGE, 0, NULL));
	OK(munmap(p + PAGE, PAGE));
	OK(mprotect(p + 2 * PAGE, PAGE, PROT_NONE));
	OK(mprotect(p + 3 * PAGE, PAGE, PROT_READ));
	OK(ftruncate(file, SIZE - PAGE));
	end = p + SIZE - PAGE;
	EXPLAINS(xgt_dom, ENODATA, "nothing is mapped at 0x",
		 .call = XGM_CALL_POPULATE, .window = w, .offset = PAGE,
		 .length = PAGE, .address = (uintptr_t)p + PAGE);
	EXPLAINS(xgt_dom, ENODATA, "may not be read (PROT_NONE)",
		 .call = XGM_CALL_POPULATE, .window = w, .offset = 2 * PAGE,
		 .length = PAGE, .address = (uintptr_t)p + 2 * PAGE);
	EXPLAINS(xgt_dom, ENODATA, "may not be written",
		 .call = XGM_CALL_POPULATE, .window = w, .offset = 3 * PAGE,
		 .length = PAGE, .address = (uintptr_t)p + 3 * PAGE,
		 .flags = XEN_GPUMEM_POPULATE_WRITE);
	EXPLAINS(xgt_dom, ENODATA, " ends before",
		 .call = XGM_CALL_POPULATE, .window = w,
		 .offset = SIZE - PAGE, .length = PAGE,
		 .address = (uintptr_t)end);
	/* Who does not, has the table's words. */
	EXPLAINS(xgt_dom, ENODATA, "nothing is mapped there in this process, or",
		 .call = XGM_CALL_POPULATE, .window = w, .offset = PAGE,
		 .length = PAGE);

	CHECK(xgm_explain(-1, &a, EROFS, said, sizeof(said)) > 0);
	has(said, "a binding that is to be read only");
	a.flags = 0;
	a.address = (uintptr_t)p + 3 * PAGE;
	CHECK(xgm_explain(-1, &a, EROFS, said, sizeof(said)) > 0);
	has(said, "which this process may not write either");
	a.address += PAGE;
	CHECK(xgm_explain(-1, &a, EROFS, said, sizeof(said)) > 0);
	has(said, "a write to what cannot be written");

	/* A mapping of the driver's is one of this process's. */
	room = (struct rlimit){ GIB, RLIM_INFINITY };
	CHECK(!setrlimit(RLIMIT_AS, &room));
	w = add(xgt_dom, BASE + 4 * GIB, 2 * GIB);
	EXPLAINS(xgt_dom, ENOMEM, "may have 1073741824 bytes of addresses (RLIMIT_AS)",
		 .call = XGM_CALL_BIND_FD, .window = w, .length = 2 * GIB,
		 .source = memfd_new(2 * GIB));
	mock_end();
}

/* --- the device node ------------------------------------------------------- */

static void node(void)
{
	const struct xgm_attempt a = {
		.size = sizeof(a), .call = XGM_CALL_NODE_OPEN,
	};
	int ret;

	CHECK(!rename(XGM_NODE, XGM_NODE "-away"));
	ret = xgm_node_open();
	CHECK(!rename(XGM_NODE "-away", XGM_NODE));
	CHECK_EQ(ret, -ENOENT);
	CHECK(xgm_explain(-1, &a, ret, said, sizeof(said)) > 0);
	has(said, "is loaded, but has no device node");
	ret = xgm_node_open();
	CHECK(ret >= 0);
	close(ret);
}

static void which_guest(void)
{
	struct xgm_limits l = { .size = sizeof(l), .rights = LEND };
	struct rlimit files = { 3, 3 };

	mock_begin(1);
	EXPLAINS(-1, ESRCH, "there is no domain 4242",
		 .call = XGM_CALL_DOMAIN_OPEN, .domid = 4242, .limits = &l);
	l.generation = 0xabcdef;
	EXPLAINS(-1, ESRCH, "not the one of generation 11259375",
		 .call = XGM_CALL_DOMAIN_OPEN, .domid = MOCK_DOMID,
		 .limits = &l);
	l.generation = 0;
	l.rights = XEN_GPUMEM_RIGHT_EXPORT_FRAMES;
	EXPLAINS(-1, EOPNOTSUPP, "cannot give it: export-frames",
		 .call = XGM_CALL_DOMAIN_OPEN, .domid = MOCK_DOMID,
		 .limits = &l);
	l.rights = XEN_GPUMEM_RIGHT_GRANT;
	EXPLAINS(-1, EOPNOTSUPP, "cannot give it: grant",
		 .call = XGM_CALL_DOMAIN_OPEN, .domid = MOCK_DOMID,
		 .limits = &l);
	l.rights = LEND;
	CHECK(!setrlimit(RLIMIT_NOFILE, &files));
	EXPLAINS(xgt_dom, EMFILE, "may have 3 open files",
		 .call = XGM_CALL_DOMAIN_DERIVE, .limits = &l);
	mock_end();
}

/* Explaining is looking: it changes nothing, whatever it is asked. */
static void harmless(void)
{
	static const int errs[] = {
		EINVAL, EPERM, EACCES, ENOENT, ERANGE, EEXIST, ENOSPC, ESRCH,
		EOPNOTSUPP, ENODATA, EBUSY, 0, 12345,
	};
	struct xen_gpumem_window_query old, new;
	struct xgm_attempt a = { .size = sizeof(a), .length = PAGE };
	struct xgm_stats s;
	volatile uint64_t *p;
	char small[16];
	int n;

	mock_begin(1);
	p = map_anon(SIZE);
	a.window = add(xgt_dom, BASE, SIZE);
	OK(xgm_bind(xgt_dom, a.window, 0, SIZE, p, 0, INJECT));
	g_write(BASE, 1);
	/* The guest has its page before it is known how long that took. */
	EVENTUALLY(!xgm_window_query(xgt_dom, a.window, 0, 0, &old,
				     sizeof(old)) && old.out_fault_ns_max);
	s = mock_stats();
	for (a.call = 0; a.call <= XGM_CALL_EXPORT_QUERY + 1; a.call++)
		for (unsigned int i = 0; i < ARRAY_SIZE(errs); i++) {
			n = xgm_explain(xgt_dom, &a, errs[i], said,
					sizeof(said));
			CHECK(n > 0 && n == (int)strlen(said));
			/* Without a descriptor, and without room. */
			CHECK(xgm_explain(-1, &a, errs[i], small,
					  sizeof(small)) > 0);
			CHECK(strlen(small) < sizeof(small));
			CHECK_EQ(xgm_explain(xgt_dom, &a, errs[i], NULL, 0),
				 n);
		}
	OK(xgm_window_query(xgt_dom, a.window, 0, 0, &new, sizeof(new)));
	CHECK(!memcmp(&old, &new, sizeof(old)));
	CHECK_EQ(mock_stats().out_windows, s.out_windows);
	CHECK_EQ(mock_stats().out_revokes, s.out_revokes);
	a.size = 8;
	ERR(xgm_explain(xgt_dom, &a, EINVAL, said, sizeof(said)), EINVAL);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U6-strerror", "U6,U2", table, 0, 0 },
	{ "U2-lib-names", "U2", names, 0, 0 },
	{ "U6-explain-malformed", "U6", malformed, 0, 0 },
	{ "U6-explain-malformed-limits", "U6,S1", malformed_limits, 0, 0 },
	{ "U6-explain-not-permitted", "U6", not_permitted, 0, 0 },
	{ "U6-explain-no-access", "U6", no_access, 0, 0 },
	{ "U6-explain-where", "U6", where, 0, 0 },
	{ "U6-explain-too-much", "U6,S1", too_much, 0, 0 },
	{ "U6-explain-which-memory", "U6", which_memory, 0, 0 },
	{ "U6-explain-node", "U6", node, 0, 0 },
	{ "U6-explain-which-guest", "U6,S2", which_guest, 0, 0 },
	{ "U6-explain-harmless", "U6", harmless, 0, 0 },
};

XGT_MAIN(tests)
