// SPDX-License-Identifier: MIT
/*
 * What is made of lines of the kernel's tracing, without a kernel: good ones in
 * all forms, and those of processes that have chosen their names.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "../cli/tracing.h"

#define CONTEXT	"         backend-1234    [003] d..1.  5678.000321"
#define MAP	": xen_gpumem_map: dom=7 window=64 index=0x3 frame=0xf5388 attr=0x3 frames=16 done=12 ret=0"

static const struct sample {
	const char *line;
	int ret;
	struct record want;		/* context is that of above, if it has one */
} samples[] = {
	{ CONTEXT MAP, 1, { .kind = RECORD_MAP, .window = 64, .index = 3,
			    .frame = 0xf5388, .attr = 3, .frames = 16,
			    .done = 12 } },
	{ CONTEXT ": xen_gpumem_fault: dom=7 vcpu=1 window=64 index=0 access=0x2 ret=-11 ns=524288",
	  1, { .kind = RECORD_FAULT, .window = 64, .vcpu = 1, .access = 2,
	       .ret = -11, .ns = 524288 } },
	{ CONTEXT ": xen_gpumem_revoke: dom=7 window=64 index=0 nr=0x200 cleared=3 ns=10 ret=0",
	  1, { .kind = RECORD_REVOKE, .window = 64, .nr = 512, .cleared = 3,
	       .ns = 10 } },
	{ CONTEXT ": xen_gpumem_revoke: dom=7 window=64 index=0 nr=0x200 downgrade cleared=3 ns=10 ret=0",
	  1, { .kind = RECORD_REVOKE, .window = 64, .nr = 512, .cleared = 3,
	       .ns = 10, .downgrade = true } },
	{ CONTEXT ": xen_gpumem_event: dom=7 type=1 window=64 offset=0x3000 length=0x1000 error=61 access=0x1",
	  1, { .kind = RECORD_EVENT, .window = 64, .type = 1,
	       .offset = 0x3000, .length = 0x1000, .error = 61, .access = 1 } },
	{ CONTEXT ": xen_gpumem_window_add: dom=7 window=64 gfn=0xffffffffffffffff nr=0x8",
	  1, { .kind = RECORD_ADD, .window = 64, .gfn = UINT64_MAX, .nr = 8 } },
	{ CONTEXT ": xen_gpumem_window_move: dom=7 window=64 gfn=0x200200 nr=0x8",
	  1, { .kind = RECORD_MOVE, .window = 64, .gfn = 0x200200, .nr = 8 } },
	{ CONTEXT ": xen_gpumem_window_remove: dom=7 window=64 gfn=0x200200 nr=0x8",
	  1, { .kind = RECORD_REMOVE, .window = 64, .gfn = 0x200200, .nr = 8 } },
	{ CONTEXT ": xen_gpumem_bind: dom=7 window=64 index=0 nr=0x8 address=0x7fca93910000 flags=0x2",
	  1, { .kind = RECORD_BIND, .window = 64, .nr = 8,
	       .address = 0x7fca93910000, .flags = 2 } },
	{ CONTEXT ": xen_gpumem_unbind: dom=7 window=64 index=0 nr=0x8 address=0x7fca93910000 flags=0x2",
	  1, { .kind = RECORD_UNBIND, .window = 64, .nr = 8,
	       .address = 0x7fca93910000, .flags = 2 } },
	/* A later driver says more, and in another order. */
	{ CONTEXT ": xen_gpumem_window_add: new=1 window=64 colour=red nr=0x8 gfn=0x1 dom=7",
	  1, { .kind = RECORD_ADD, .window = 64, .gfn = 1, .nr = 8 } },
	/* Options that others have set, or not. */
	{ "         backend-1234    [003]  5678.000321" MAP, 1,
	  { .kind = RECORD_MAP, .window = 64, .index = 3, .frame = 0xf5388,
	    .attr = 3, .frames = 16, .done = 12 } },
	{ "         backend-1234    (   1200) [003] d..1.  5678.000321" MAP, 1,
	  { .kind = RECORD_MAP, .window = 64, .index = 3, .frame = 0xf5388,
	    .attr = 3, .frames = 16, .done = 12 } },
	{ "           <...>-1234    (-------) [003] d..1.  5678.000321" MAP, 1,
	  { .kind = RECORD_MAP, .window = 64, .index = 3, .frame = 0xf5388,
	    .attr = 3, .frames = 16, .done = 12 } },
	/* Names: of 15 bytes, at the left. */
	{ "  : xen_gpumem_ma-1234    [003] d..1.  5678.000321" MAP, 1,
	  { .kind = RECORD_MAP, .window = 64, .index = 3, .frame = 0xf5388,
	    .attr = 3, .frames = 16, .done = 12 } },
	{ "      [1] . 5.5: -1234    [003] d..1.  5678.000321" MAP, 1,
	  { .kind = RECORD_MAP, .window = 64, .index = 3, .frame = 0xf5388,
	    .attr = 3, .frames = 16, .done = 12 } },
	{ "  : xen_gpumem_ma", -EBADMSG, { .kind = 0 } },
	{ "             a", 0, { .kind = 0 } },
	{ "", 0, { .kind = 0 } },
	{ " CPU:1 [LOST 7 E-1234    [003] d..1.  5678.000321: sched_switch: x", 0,
	  { .kind = 0 } },
	/* Not understood: said so, not guessed. */
	{ CONTEXT ": xen_gpumem_lend: dom=7 window=64", -EBADMSG, { .kind = 0 } },
	{ CONTEXT ": xen_gpumem_window_add: dom=7 window=64 gfn=0x1", -EBADMSG,
	  { .kind = 0 } },
	{ CONTEXT ": xen_gpumem_window_add: dom=7 window=64 gfn=0x1 nr=eight",
	  -EBADMSG, { .kind = 0 } },
	{ "backend [003] 5678.000321" MAP, -EBADMSG, { .kind = 0 } },
	{ MAP, -EBADMSG, { .kind = 0 } },
	{ "[] : 1.2" MAP, -EBADMSG, { .kind = 0 } },
	/* The kernel's own words. */
	{ "CPU:3 [LOST 1234 EVENTS]", 1, { .kind = RECORD_LOST, .lost = 1234 } },
	{ "CPU:3 [LOST EVENTS]", 1, { .kind = RECORD_LOST } },
	{ "CPU:3 [LOST 1234 EVENTS] or so", 0, { .kind = 0 } },
};

static bool is_good(const struct sample *s)
{
	struct record want = s->want, r;
	int ret = record_parse(s->line, &r);

	if (ret != s->ret)
		return false;
	if (ret <= 0)
		return true;
	want.cpu = 3;
	if (want.kind != RECORD_LOST) {
		want.us = 5678000321;
		want.pid = 1234;
		want.dom = 7;
	}
	return r.kind == want.kind && r.us == want.us && r.cpu == want.cpu &&
	       r.pid == want.pid && r.lost == want.lost &&
	       r.downgrade == want.downgrade &&
	       /* The numbers between, of which none is left out. */
	       !memcmp(&r.dom, &want.dom, offsetof(struct record, downgrade) -
		       offsetof(struct record, dom));
}

int main(void)
{
	int bad = 0;

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		if (!is_good(&samples[i])) {
			printf("error: wrongly read: %s\n", samples[i].line);
			bad = 1;
		}
	return bad;
}
