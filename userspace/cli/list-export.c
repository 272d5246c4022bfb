// SPDX-License-Identifier: MIT
/*
 * The part of xen-gpumem list that is about exports: those that a descriptor has
 * made, with what uses each, and the dma-bufs that processes have.
 */
#include "observe.h"

/* --- text ------------------------------------------------------------------ */

static void tell_export(const struct xen_gpumem_export_query *q)
{
	char size[16];

	printf("    export %u: %s%s%s; devices %u, mappings for DMA %u",
	       q->id, human(size, q->out_pages * PAGE),
	       q->out_flags & XEN_GPUMEM_EXPORT_READONLY ? ", read-only" : "",
	       q->out_flags & XEN_GPUMEM_EXPORT_REVOCABLE ? ", revocable" : "",
	       q->out_attached, q->out_mapped);
	if (q->out_static)
		printf(" (%u that cannot let go)", q->out_static);
	printf(", mmaps %u%s", q->out_mmaps,
	       q->out_vmaps ? ", mapped by the kernel" : "");
	if (q->out_state & XEN_GPUMEM_EXPORT_RETURNED)
		fputs("; revoked, the guest has it", stdout);
	else if (q->out_state & XEN_GPUMEM_EXPORT_REVOKED)
		fputs("; revoked, but not let go of yet", stdout);
	putchar('\n');
}

void tell_exports(const struct view_holder *h)
{
	if (!(h->usage.rights & RIGHTS_EXPORT))
		return;
	fputs("    ", stdout);
	tell_use("export", &h->usage.exports);
	tell_bytes(&h->usage.export_bytes);
	putchar('\n');
	for (size_t i = 0; i < h->nr_exports; i++)
		tell_export(&h->exports[i]);
	if (h->more_exports)
		puts("    and more");
}

static void tell_user(const struct view_user *u)
{
	char comm[64], size[16];

	if (u->fd < 0)
		printf("  mapped by %s, process %d: %s\n",
		       plain(comm, u->comm), u->pid, human(size, u->mapped));
	else
		printf("  held by %s, process %d, as fd %d\n",
		       plain(comm, u->comm), u->pid, u->fd);
}

void tell_buffers(const struct view *v)
{
	char name[64], size[16];

	for (size_t i = 0; i < v->nr_buffers; i++) {
		const struct view_buffer *b = &v->buffers[i];

		printf("dma-buf %llu of a guest's pages, %s", (ull)b->inode,
		       human(size, b->bytes));
		if (b->name[0])
			printf(", named '%s'", plain(name, b->name));
		putchar('\n');
		for (size_t k = 0; k < b->nr_users; k++)
			tell_user(&b->users[k]);
	}
}

/* --- JSON ------------------------------------------------------------------ */

static void json_export(struct json *j,
			const struct xen_gpumem_export_query *q)
{
	json_begin(j, NULL, '{');
	json_number(j, "export", q->id);
	json_number(j, "bytes", q->out_pages * PAGE);
	json_bool(j, "readonly", q->out_flags & XEN_GPUMEM_EXPORT_READONLY);
	json_bool(j, "revocable", q->out_flags & XEN_GPUMEM_EXPORT_REVOCABLE);
	json_bool(j, "revoked", q->out_state & XEN_GPUMEM_EXPORT_REVOKED);
	json_bool(j, "returned", q->out_state & XEN_GPUMEM_EXPORT_RETURNED);
	json_number(j, "devices", q->out_attached);
	json_number(j, "dma_mappings", q->out_mapped);
	json_number(j, "static_mappings", q->out_static);
	json_number(j, "mmaps", q->out_mmaps);
	json_number(j, "vmaps", q->out_vmaps);
	json_number(j, "segments", q->out_segments);
	json_end(j, '}');
}

void json_exports(struct json *j, const struct view_holder *h)
{
	json_use(j, "exports", &h->usage.exports);
	json_use(j, "export_bytes", &h->usage.export_bytes);
	json_bool(j, "more_exported", h->more_exports);
	json_begin(j, "exported", '[');
	for (size_t i = 0; i < h->nr_exports; i++)
		json_export(j, &h->exports[i]);
	json_end(j, ']');
}

static void json_user(struct json *j, const struct view_user *u)
{
	json_begin(j, NULL, '{');
	json_number(j, "pid", u->pid);
	json_string(j, "command", u->comm);
	if (u->fd < 0)
		json_null(j, "fd");
	else
		json_number(j, "fd", u->fd);
	json_number(j, "mapped_bytes", u->mapped);
	json_end(j, '}');
}

void json_buffers(struct json *j, const struct view *v)
{
	json_begin(j, "buffers", '[');
	for (size_t i = 0; i < v->nr_buffers; i++) {
		const struct view_buffer *b = &v->buffers[i];

		json_begin(j, NULL, '{');
		json_number(j, "inode", b->inode);
		json_number(j, "bytes", b->bytes);
		json_string(j, "name", b->name);
		json_begin(j, "users", '[');
		for (size_t k = 0; k < b->nr_users; k++)
			json_user(j, &b->users[k]);
		json_end(j, ']');
		json_end(j, '}');
	}
	json_end(j, ']');
}
