// SPDX-License-Identifier: MIT
/*
 * The calls about grants: references for a dma-buf of the host's, for a guest that
 * maps them itself.
 *
 * What is given so is held in place until the guest has let go of it, which
 * nobody but the guest can bring about: a release asks, and can only wait.
 */
#include "internal.h"

/* What a kernel that stops early leaves there: no page was the cause. */
#define NONE_FAILED	UINT32_MAX

int xgm_grant(int fd, int dmabuf, uint64_t offset, uint32_t count,
	      uint32_t flags, uint32_t *refs, uint32_t *id, uint32_t *failed)
{
	struct xen_gpumem_grant arg = {
		.size = sizeof(arg), .flags = flags, .fd = dmabuf,
		.count = count, .offset = offset, .refs = (uintptr_t)refs,
		.out_failed = NONE_FAILED,
	};
	int ret = xgm_ioctl(fd, XEN_GPUMEM_GRANT, &arg);

	if (failed)
		*failed = arg.out_failed;
	if (id && !ret)
		*id = arg.out_id;
	return ret;
}

int xgm_grant_release(int fd, uint32_t id, uint32_t wait_ms, uint32_t *left)
{
	struct xen_gpumem_grant_release arg = {
		.size = sizeof(arg), .id = id, .wait_ms = wait_ms,
	};
	int ret = xgm_ioctl(fd, XEN_GPUMEM_GRANT_RELEASE, &arg);

	if (left)
		*left = arg.out_left;
	return ret;
}
