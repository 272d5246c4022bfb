// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a debugging hypervisor says about itself when asked.
 */
#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/sysctl.h>

static long sysctl(struct xen_sysctl *op, uint32_t cmd)
{
	op->cmd = cmd;
	op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
	return raw_hypercall(__HYPERVISOR_sysctl, (uintptr_t)op, 0, 0, 0, 0);
}

/**
 * xen_debug_key - press a key of Xen's console and read what comes of it
 * @key: the key
 * @out: OUT: what was printed since the last call, as a string
 * @size: of @out
 */
void xen_debug_key(char key, char *out, size_t size)
{
	static struct xen_sysctl *op;
	static uint32_t index;
	static char *buffer;
	const uint32_t length = 64 * KIB;
	size_t len = 0, n;

	if (!op) {
		op = lend_buffer(sizeof(*op));
		buffer = lend_buffer(length);
	}
	for (int pass = 0; pass < 2; pass++) {
		/* Everything up to now first; then the key and its answer. */
		if (pass) {
			memset(op, 0, sizeof(*op));
			buffer[0] = key;
			set_xen_guest_handle(op->u.debug_keys.keys, buffer);
			op->u.debug_keys.nr_keys = 1;
			OK(sysctl(op, XEN_SYSCTL_debug_keys));
		}
		do {
			memset(op, 0, sizeof(*op));
			set_xen_guest_handle(op->u.readconsole.buffer, buffer);
			op->u.readconsole.count = length;
			op->u.readconsole.incremental = 1;
			op->u.readconsole.index = index;
			OK(sysctl(op, XEN_SYSCTL_readconsole));
			index = op->u.readconsole.index;
			n = op->u.readconsole.count;
			if (pass && len + n < size) {
				memcpy(out + len, buffer, n);
				len += n;
			}
		} while (n);
	}
	out[len] = '\0';
}

/**
 * xen_lend_held - references that Xen holds on lent memory of all domains
 * @refs: OUT: all
 * @types: OUT: those of them for writing
 */
void xen_lend_held(int *refs, int *types)
{
	static const char text[] = "Lending holds ";
	static char out[16 * 1024];
	const char *at;

	xen_debug_key('k', out, sizeof(out));
	at = strstr(out, text);
	if (!at || sscanf(at + strlen(text), "%d references, %d for writing",
			  refs, types) != 2)
		FAIL("Xen says '%s'", out);
}
