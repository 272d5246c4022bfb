// SPDX-License-Identifier: MIT
/*
 * A guest that maps what it was granted, by its own hypercalls: at addresses of
 * the arena that have nothing behind them, where its commands reach it like any
 * other memory.
 */
#include <string.h>
#include <unistd.h>

#include "igt.h"
#include "igt_xen_gpumem_grant.h"

#define GRANT_TABLE_OP	20
#define MAP_GRANT_REF	0
#define UNMAP_GRANT_REF	1
#define HOST_MAP	2
#define READONLY	4
#define NO_HANDLE	(~0U)

/* As Xen has them. */
struct map_op {
	uint64_t host_addr;
	uint32_t flags, ref;
	uint16_t domid;
	int16_t status;
	uint32_t handle;
	uint64_t bus_addr;
};

struct unmap_op {
	uint64_t host_addr, bus_addr;
	uint32_t handle;
	int16_t status;
	uint16_t unused;
};

_Static_assert(sizeof(struct map_op) == 32 && sizeof(struct unmap_op) == 24 &&
	       GPUMEM_GRANTED_MAX * sizeof(struct map_op) <= GPUMEM_DATA,
	       "as Xen has them, and all in one call");

/**
 * gpumem_grant_fd - a fd of the guest with the right to grant
 * @max: references; zero: any number
 *
 * Skips where there is no such right.
 */
int gpumem_grant_fd(uint32_t max)
{
	struct xen_gpumem_open_domain od = {
		.domid = gpumem_guest_domid(),
		.rights = XEN_GPUMEM_RIGHT_GRANT, .max_grants = max,
	};
	int node = gpumem_open_node(), fd = __gpumem_open_domain(node, &od);

	close(node);
	igt_require_f(fd != -EOPNOTSUPP && fd != -EINVAL,
		      "the right to grant is not to be had here\n");
	igt_assert_f(fd >= 0, "XEN_GPUMEM_OPEN_DOMAIN: %s\n", strerror(-fd));
	return fd;
}

void gpumem_grant_require(void)
{
	struct unmap_op none = { .handle = NO_HANDLE };
	struct xen_gpumem_info info;
	int node;

	gpumem_guest_require();
	node = gpumem_open_node();
	gpumem_assert(__gpumem_info(node, &info), 0);
	close(node);
	igt_require_f(info.out_features & XEN_GPUMEM_FEAT_GRANT,
		      "the xen-gpumem driver grants nothing here\n");
	close(gpumem_grant_fd(0));
	gpumem_begin();
	gpumem_guest_hypercall(GRANT_TABLE_OP, UNMAP_GRANT_REF, &none,
			       sizeof(none), 1);
	gpumem_end();
}

uint32_t gpumem_grant(int dom, int dmabuf, uint64_t offset, uint32_t count,
		      uint32_t flags, uint32_t *refs)
{
	struct xen_gpumem_grant a;

	gpumem_assert(__gpumem_grant(dom, dmabuf, offset, count, flags, refs,
				     &a), 0);
	igt_assert_eq_u64(a.out_failed, count);
	igt_assert(a.out_id);
	return a.out_id;
}

/* --- in the guest --------------------------------------------------------- */

bool __gpumem_guest_map(struct gpumem_granted *g, uint64_t gpa,
			const uint32_t *refs, uint32_t count, bool writable)
{
	struct map_op ops[GPUMEM_GRANTED_MAX];
	bool all = true;

	igt_assert(count && count <= GPUMEM_GRANTED_MAX);
	*g = (struct gpumem_granted){ .gpa = gpa, .count = count };
	for (uint32_t i = 0; i < count; i++)
		ops[i] = (struct map_op){
			.host_addr = gpa + i * GPUMEM_PAGE,
			.flags = HOST_MAP | (writable ? 0 : READONLY),
			.ref = refs[i], .status = 1,
		};
	gpumem_assert(gpumem_guest_hypercall(GRANT_TABLE_OP, MAP_GRANT_REF, ops,
					     count * sizeof(ops[0]), count), 0);
	for (uint32_t i = 0; i < count; i++) {
		igt_assert(ops[i].status != 1);
		g->handle[i] = ops[i].status ? NO_HANDLE : ops[i].handle;
		all = all && !ops[i].status;
	}
	if (!all)
		gpumem_guest_unmap(g);
	return all;
}

void gpumem_guest_map(struct gpumem_granted *g, uint64_t gpa,
		      const uint32_t *refs, uint32_t count)
{
	igt_assert_f(__gpumem_guest_map(g, gpa, refs, count, true),
		     "the guest cannot map what it was granted\n");
}

void gpumem_guest_unmap_some(struct gpumem_granted *g, uint32_t first,
			     uint32_t count)
{
	struct unmap_op ops[GPUMEM_GRANTED_MAX];
	uint32_t n = 0;

	igt_assert(first + count <= g->count);
	for (uint32_t i = first; i < first + count; i++) {
		if (g->handle[i] == NO_HANDLE)
			continue;
		ops[n++] = (struct unmap_op){
			.host_addr = g->gpa + i * GPUMEM_PAGE,
			.handle = g->handle[i], .status = 1,
		};
		g->handle[i] = NO_HANDLE;
	}
	if (!n)
		return;
	gpumem_assert(gpumem_guest_hypercall(GRANT_TABLE_OP, UNMAP_GRANT_REF,
					     ops, n * sizeof(ops[0]), n), 0);
	while (n)
		igt_assert_eq(ops[--n].status, 0);
}

void gpumem_guest_unmap(struct gpumem_granted *g)
{
	gpumem_guest_unmap_some(g, 0, g->count);
}
