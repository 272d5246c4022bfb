/* SPDX-License-Identifier: MIT */
/*
 * Grant references for dma-bufs of the host's, and a guest that maps them.
 */
#ifndef IGT_XEN_GPUMEM_GRANT_H
#define IGT_XEN_GPUMEM_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#include "igt_xen_gpumem.h"

#define GPUMEM_GRANTED_MAX	64U	/* references that are mapped at a time */

/* Skip, with the reason, unless the driver can grant and the guest can map. */
void gpumem_grant_require(void);

/* A fd with the right to grant so many references; zero: any number. */
int gpumem_grant_fd(uint32_t max);

/* References that must be given, from byte @offset on.  Returns their id. */
uint32_t gpumem_grant(int dom, int dmabuf, uint64_t offset, uint32_t count,
		      uint32_t flags, uint32_t *refs);

/* What the guest has mapped of them, from an address of its own on. */
struct gpumem_granted {
	uint64_t gpa;
	uint32_t count;
	uint32_t handle[GPUMEM_GRANTED_MAX];
};

/*
 * Have the guest map references at @gpa, where it must have nothing, up to the
 * first that Xen does not let it have.  Returns whether it has all; if not, it
 * has none.
 */
bool __gpumem_guest_map(struct gpumem_granted *g, uint64_t gpa,
			const uint32_t *refs, uint32_t count, bool writable);
void gpumem_guest_map(struct gpumem_granted *g, uint64_t gpa,
		      const uint32_t *refs, uint32_t count);
/* Those from @first on, or all that are left. */
void gpumem_guest_unmap_some(struct gpumem_granted *g, uint32_t first,
			     uint32_t count);
void gpumem_guest_unmap(struct gpumem_granted *g);

#endif
