// SPDX-License-Identifier: MIT
/*
 * The calls about exports: the guest's pages as a dma-buf.
 *
 * An export has two names.  The dma-buf is what is used, given away, imported;
 * its id, on the domain fd that made it, is for whoever answers for it: by that
 * the memory can be looked after, and taken back from all who have the dma-buf.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

/* What a kernel that stops early leaves there: no reference was the cause. */
#define NONE_FAILED	UINT32_MAX

static void results(uint32_t *id, uint32_t *failed, int ret, uint32_t out_id,
		    uint32_t out_failed)
{
	if (failed)
		*failed = out_failed;
	if (id && ret >= 0)
		*id = out_id;
}

int xgm_export_grants(int fd, const uint32_t *refs, uint32_t count,
		      uint32_t flags, uint32_t *id, uint32_t *failed)
{
	struct xen_gpumem_export_grants arg = {
		.size = sizeof(arg),
		.flags = flags | XEN_GPUMEM_EXPORT_CLOEXEC,
		.refs = (uintptr_t)refs, .count = count,
		.out_failed = NONE_FAILED,
	};
	int ret = xgm_ioctl(fd, XEN_GPUMEM_EXPORT_GRANTS, &arg);

	results(id, failed, ret, arg.out_id, arg.out_failed);
	return ret;
}

int xgm_export_frames(int fd, const struct xen_gpumem_frames *ranges,
		      uint32_t nr_ranges, uint32_t flags, uint32_t *id,
		      uint32_t *failed)
{
	struct xen_gpumem_export_frames arg = {
		.size = sizeof(arg),
		.flags = flags | XEN_GPUMEM_EXPORT_CLOEXEC,
		.ranges = (uintptr_t)ranges, .nr_ranges = nr_ranges,
		.out_failed = NONE_FAILED,
	};
	int ret = xgm_ioctl(fd, XEN_GPUMEM_EXPORT_FRAMES, &arg);

	results(id, failed, ret, arg.out_id, arg.out_failed);
	return ret;
}

int xgm_export_revoke(int fd, uint32_t id)
{
	struct xen_gpumem_export_revoke arg = {
		.size = sizeof(arg), .id = id,
	};

	return xgm_ioctl(fd, XEN_GPUMEM_EXPORT_REVOKE, &arg);
}

static int query_export(int fd, uint32_t id, uint32_t flags,
			struct xen_gpumem_export_query *query, size_t size)
{
	if (size < offsetof(struct xen_gpumem_export_query, out_flags) ||
	    size > UINT32_MAX)
		return -EINVAL;
	memset(query, 0, size);
	query->size = size;
	query->flags = flags;
	query->id = id;
	return xgm_ioctl(fd, XEN_GPUMEM_EXPORT_QUERY, query);
}

int xgm_export_query(int fd, uint32_t id,
		     struct xen_gpumem_export_query *query, size_t size)
{
	return query_export(fd, id, 0, query, size);
}

int xgm_export_next(int fd, uint32_t id,
		    struct xen_gpumem_export_query *query, size_t size)
{
	return query_export(fd, id, XEN_GPUMEM_EXPORT_QUERY_NEXT, query, size);
}
