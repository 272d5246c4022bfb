/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace points: what the guest asks for, what it gets, what is taken back.
 *
 * Those of map and revoke run with a binding's lock held, at times in reclaim.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM xen_gpumem

#if !defined(_XEN_GPUMEM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _XEN_GPUMEM_TRACE_H

#include <linux/tracepoint.h>

#include "internal.h"

TRACE_EVENT(xen_gpumem_fault,

	TP_PROTO(u16 domid, const struct gpumem_hv_fault *fault, int ret,
		 u64 ns),

	TP_ARGS(domid, fault, ret, ns),

	TP_STRUCT__entry(
		__field(u16, domid)
		__field(u32, vcpu)
		__field(u32, window)
		__field(u64, index)
		__field(u32, access)
		__field(int, ret)
		__field(u64, ns)
	),

	TP_fast_assign(
		__entry->domid = domid;
		__entry->vcpu = fault->vcpu;
		__entry->window = fault->window;
		__entry->index = fault->index;
		__entry->access = fault->access;
		__entry->ret = ret;
		__entry->ns = ns;
	),

	TP_printk("dom=%u vcpu=%u window=%u index=%#llx access=%#x ret=%d ns=%llu",
		  __entry->domid, __entry->vcpu, __entry->window,
		  __entry->index, __entry->access, __entry->ret, __entry->ns)
);

TRACE_EVENT(xen_gpumem_map,

	TP_PROTO(u16 domid, u32 window, const struct gpumem_extent *ext,
		 unsigned int frames, unsigned int done, int ret),

	TP_ARGS(domid, window, ext, frames, done, ret),

	TP_STRUCT__entry(
		__field(u16, domid)
		__field(u32, window)
		__field(u64, index)
		__field(u64, frame)
		__field(u32, attr)
		__field(unsigned int, frames)
		__field(unsigned int, done)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->domid = domid;
		__entry->window = window;
		__entry->index = ext->index;
		__entry->frame = ext->frame;
		__entry->attr = ext->attr;
		__entry->frames = frames;
		__entry->done = done;
		__entry->ret = ret;
	),

	/* Index, frame and attributes are those of the first extent. */
	TP_printk("dom=%u window=%u index=%#llx frame=%#llx attr=%#x frames=%u done=%u ret=%d",
		  __entry->domid, __entry->window, __entry->index,
		  __entry->frame, __entry->attr, __entry->frames,
		  __entry->done, __entry->ret)
);

TRACE_EVENT(xen_gpumem_revoke,

	TP_PROTO(u16 domid, u32 window, u64 index, u64 nr, bool downgrade,
		 u64 cleared, u64 ns, int ret),

	TP_ARGS(domid, window, index, nr, downgrade, cleared, ns, ret),

	TP_STRUCT__entry(
		__field(u16, domid)
		__field(u32, window)
		__field(u64, index)
		__field(u64, nr)
		__field(bool, downgrade)
		__field(u64, cleared)
		__field(u64, ns)
		__field(int, ret)
	),

	TP_fast_assign(
		__entry->domid = domid;
		__entry->window = window;
		__entry->index = index;
		__entry->nr = nr;
		__entry->downgrade = downgrade;
		__entry->cleared = cleared;
		__entry->ns = ns;
		__entry->ret = ret;
	),

	TP_printk("dom=%u window=%u index=%#llx nr=%#llx%s cleared=%llu ns=%llu ret=%d",
		  __entry->domid, __entry->window, __entry->index, __entry->nr,
		  __entry->downgrade ? " downgrade" : "", __entry->cleared,
		  __entry->ns, __entry->ret)
);

TRACE_EVENT(xen_gpumem_event,

	TP_PROTO(u16 domid, const struct xen_gpumem_event *event),

	TP_ARGS(domid, event),

	TP_STRUCT__entry(
		__field(u16, domid)
		__field(u32, type)
		__field(u32, window)
		__field(u64, offset)
		__field(u64, length)
		__field(int, error)
		__field(u32, access)
	),

	TP_fast_assign(
		__entry->domid = domid;
		__entry->type = event->type;
		__entry->window = event->window;
		__entry->offset = event->offset;
		__entry->length = event->length;
		__entry->error = event->error;
		__entry->access = event->access;
	),

	TP_printk("dom=%u type=%u window=%u offset=%#llx length=%#llx error=%d access=%#x",
		  __entry->domid, __entry->type, __entry->window,
		  __entry->offset, __entry->length, __entry->error,
		  __entry->access)
);

DECLARE_EVENT_CLASS(xen_gpumem_window,

	TP_PROTO(u16 domid, u32 window, u64 gfn, u64 nr),

	TP_ARGS(domid, window, gfn, nr),

	TP_STRUCT__entry(
		__field(u16, domid)
		__field(u32, window)
		__field(u64, gfn)
		__field(u64, nr)
	),

	TP_fast_assign(
		__entry->domid = domid;
		__entry->window = window;
		__entry->gfn = gfn;
		__entry->nr = nr;
	),

	TP_printk("dom=%u window=%u gfn=%#llx nr=%#llx", __entry->domid,
		  __entry->window, __entry->gfn, __entry->nr)
);

DEFINE_EVENT(xen_gpumem_window, xen_gpumem_window_add,
	TP_PROTO(u16 domid, u32 window, u64 gfn, u64 nr),
	TP_ARGS(domid, window, gfn, nr));

DEFINE_EVENT(xen_gpumem_window, xen_gpumem_window_move,
	TP_PROTO(u16 domid, u32 window, u64 gfn, u64 nr),
	TP_ARGS(domid, window, gfn, nr));

DEFINE_EVENT(xen_gpumem_window, xen_gpumem_window_remove,
	TP_PROTO(u16 domid, u32 window, u64 gfn, u64 nr),
	TP_ARGS(domid, window, gfn, nr));

DECLARE_EVENT_CLASS(xen_gpumem_binding,

	TP_PROTO(const struct gpumem_binding *binding),

	TP_ARGS(binding),

	TP_STRUCT__entry(
		__field(u16, domid)
		__field(u32, window)
		__field(u64, index)
		__field(u64, nr)
		__field(unsigned long, address)
		__field(u32, flags)
	),

	TP_fast_assign(
		__entry->domid = binding->window->ctx->dom.domid;
		__entry->window = binding->window->id;
		__entry->index = binding->node.start;
		__entry->nr = binding->nr;
		__entry->address = binding->address;
		__entry->flags = binding->flags;
	),

	TP_printk("dom=%u window=%u index=%#llx nr=%#llx address=%#lx flags=%#x",
		  __entry->domid, __entry->window, __entry->index, __entry->nr,
		  __entry->address, __entry->flags)
);

DEFINE_EVENT(xen_gpumem_binding, xen_gpumem_bind,
	TP_PROTO(const struct gpumem_binding *binding),
	TP_ARGS(binding));

DEFINE_EVENT(xen_gpumem_binding, xen_gpumem_unbind,
	TP_PROTO(const struct gpumem_binding *binding),
	TP_ARGS(binding));

#endif /* _XEN_GPUMEM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
