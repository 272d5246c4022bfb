// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls with arguments out of a hat.
 *
 * Each call is put together of values that are right, nearly right, or nothing
 * of the kind, in a structure of a size that may be right.  That the driver
 * survives, keeps the hypervisor's contract and leaves nothing behind is one
 * thing that is checked; the other that every call succeeded many times and
 * was refused many times, or the hat is a bad one.
 */
#include <sys/syscall.h>

#include "mock.h"

#define SIZE		(16 * PAGE)
#define SECONDS		4
#define BUFFER		8192

struct call {
	unsigned long nr;
	const char *name;
	unsigned int size;
	/* Of each field: its size, and which hat it is taken from. */
	const char *fields;
	unsigned long good, bad;
};

/*
 * Letters: s size; 0 zero; f small flags; w window id; a gpa; o offset; l
 * length; L length of a window; p policy; v address; d domid; g generation; R rights; x output;
 * followed by the bytes of the field.
 */
static struct call calls[] = {
	{ XEN_GPUMEM_INFO, "info", sizeof(struct xen_gpumem_info),
	  "s404x4x4x8x4x4x404x8x8", 0, 0 },
	{ XEN_GPUMEM_WINDOW_ADD, "add", sizeof(struct xen_gpumem_window_add),
	  "s404a8L8p4x4", 0, 0 },
	{ XEN_GPUMEM_WINDOW_REMOVE, "remove",
	  sizeof(struct xen_gpumem_window_remove), "s4w4", 0, 0 },
	{ XEN_GPUMEM_WINDOW_MOVE, "move",
	  sizeof(struct xen_gpumem_window_move), "s4w4a8", 0, 0 },
	{ XEN_GPUMEM_BIND, "bind", sizeof(struct xen_gpumem_bind),
	  "s4f4w404o8l8v8p404", 0, 0 },
	{ XEN_GPUMEM_UNBIND, "unbind", sizeof(struct xen_gpumem_unbind),
	  "s4w4o8l8", 0, 0 },
	{ XEN_GPUMEM_POPULATE, "populate", sizeof(struct xen_gpumem_populate),
	  "s4f4w404o8l8x8", 0, 0 },
	{ XEN_GPUMEM_WINDOW_QUERY, "query",
	  sizeof(struct xen_gpumem_window_query),
	  "s4w4o8l8x8x8x8x8x8x8x8x8x8x8x8x8x8x8", 0, 0 },
};

static uint64_t rnd_state = 0x9e3779b97f4a7c15ULL;

static uint64_t rnd(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}

static uint64_t below(uint64_t n)
{
	return (rnd() >> 20) % n;
}

/* Edges of everything. */
static uint64_t odd_value(void)
{
	static const uint64_t edges[] = {
		1, 4, 4095, 4096, 4097, 1ULL << 31, 1ULL << 32, 1ULL << 40,
		(1ULL << 47) - 4096, 1ULL << 47, 1ULL << 52, 1ULL << 63,
		-1ULL, -4096ULL, -4097ULL, -8192ULL,
	};

	return below(4) ? edges[below(ARRAY_SIZE(edges))] : rnd();
}

static uint32_t windows[4];
static char *memory;

static uint64_t good_value(char kind, unsigned int size)
{
	switch (kind) {
	case 's':
		return size;
	case 'f':
		return below(8);
	case 'w':
		return windows[below(ARRAY_SIZE(windows))];
	case 'a':
		return below(8) ? BASE + below(8) * 2 * SIZE :
				  XEN_GPUMEM_PARKED;
	case 'o':
		return below(16) * PAGE;
	case 'l':
		return (1 + below(1 + below(8))) * PAGE;
	case 'L':
		return 2 * SIZE;
	case 'p':
		return below(3);
	case 'v':
		return (uintptr_t)memory + below(16) * PAGE;
	default:
		return 0;
	}
}

/* Put a structure together; @oddity: one field in so many is odd. */
static void compose(const struct call *call, char *buffer, unsigned int oddity)
{
	unsigned int at = 0;

	memset(buffer, 0, BUFFER);
	for (const char *f = call->fields; *f; f += 2) {
		uint64_t v = good_value(f[0], call->size);

		if (!below(oddity))
			v = odd_value();
		if (f[0] == 's' && !below(oddity))
			v = below(call->size + 16);
		memcpy(buffer + at, &v, f[1] - '0');
		at += f[1] - '0';
	}
	if (at != call->size)
		FAIL("%s: fields of %u bytes", call->name, at);
	/* Something in what this driver does not know. */
	if (!below(oddity))
		buffer[at + below(64)] = 1;
}

static void one_call(char *buffer)
{
	struct call *call = &calls[below(ARRAY_SIZE(calls))];
	struct xen_gpumem_window_add *add = (void *)buffer;
	unsigned int slot = below(ARRAY_SIZE(windows));
	unsigned long nr = call->nr;

	/* Or there would hardly ever be a window to do something with. */
	if (nr == XEN_GPUMEM_WINDOW_REMOVE && below(50))
		return;

	compose(call, buffer, 10 + below(80));
	if (!below(200))
		nr += below(64);
	if (!below(500))
		buffer = (char *)odd_value();
	if (ioctl(xgt_dom, nr, buffer)) {
		if (errno == EFAULT || errno == ENOTTY || nr == call->nr)
			call->bad++;
		return;
	}
	call->good++;
	if (nr == XEN_GPUMEM_WINDOW_ADD)
		windows[slot] = add->out_window;
}

static void poke_guest(void)
{
	struct xgm_access a;

	a = guest_access(0, BASE + below(64) * PAGE, below(2) ? READ : WRITE,
			 rnd());
	if (a.out_result == XGM_HUNG || a.out_result == XGM_DEAD)
		FAIL("the guest's access ended with %u", a.out_result);
}

static bool hat_is_good(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].good <= 5 || calls[i].bad <= 5)
			return false;
	return true;
}

static void fuzz(void)
{
	char *buffer = (char *)map_anon(BUFFER);
	double end = xgt_now() + SECONDS;
	unsigned long n = 0;

	mock_begin(1);
	memory = (char *)map_anon(2 * SIZE);
	/* Longer where the machine is so slow that some were hardly called. */
	while (xgt_now() < end || (!hat_is_good() && xgt_now() < end + xgt_limit(40))) {
		for (int i = 0; i < 200; i++, n++)
			one_call(buffer);
		poke_guest();
		if (!below(10))
			OK(madvise(memory, SIZE, MADV_DONTNEED));
		if (!below(20)) {
			mock_check();
			/* Windows that were forgotten add up to the limit. */
			close(xgt_dom);
			xgt_dom = mock_open(0);
			CHECK(xgt_dom >= 0);
			memset(windows, 0, sizeof(windows));
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		xgt_info("fuzz %s: %lu good, %lu bad", calls[i].name,
			 calls[i].good, calls[i].bad);
		CHECK(calls[i].good > 5 && calls[i].bad > 5);
	}
	mock_end();
}

/* The same on the node that makes domain fds. */
static void fuzz_node(void)
{
	struct xen_gpumem_open_domain *open_domain;
	char *buffer = (char *)map_anon(BUFFER);
	unsigned long good = 0, bad = 0;
	int node, fd;

	mock_begin(1);
	node = gm_node();
	open_domain = (void *)buffer;
	for (int i = 0; i < 20000; i++) {
		uint64_t *words = (void *)buffer;

		memset(buffer, 0, BUFFER);
		open_domain->size = sizeof(*open_domain);
		open_domain->flags = below(2);
		open_domain->domid = MOCK_DOMID;
		open_domain->rights = 1 + below(4) / 3 * below(8);
		if (below(2))
			words[below(sizeof(*open_domain) / 8 + 2)] ^=
				1ULL << below(64);
		fd = ioctl(node, XEN_GPUMEM_OPEN_DOMAIN, buffer);
		if (fd < 0) {
			bad++;
			continue;
		}
		good++;
		close(fd);
	}
	xgt_info("fuzz open: %lu good, %lu bad", good, bad);
	CHECK(good > 100 && bad > 100);
	close(node);
	mock_end();
}

static const struct xgt_test tests[] = {
	{ "U1-mock-fuzz", "U1,L19", fuzz, 0, 0 },
	{ "U1-mock-fuzz-node", "U1,S1", fuzz_node, 0, 0 },
};

XGT_MAIN(tests)
