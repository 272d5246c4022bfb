// SPDX-License-Identifier: MIT
/*
 * The part of xen-gpumem list that is about grants: how many references each
 * descriptor has given, and each dma-buf that is held in place for a guest, which
 * outlasts descriptors and guests where references are mapped.
 */
#include "observe.h"

void tell_grants(const struct view_holder *h)
{
	if (!(h->usage.rights & XEN_GPUMEM_RIGHT_GRANT))
		return;
	fputs("    ", stdout);
	tell_use("grant reference", &h->usage.grants);
	putchar('\n');
}

void tell_granted(const struct view_grant *g)
{
	char size[16];

	printf("granted to domain %u, generation %llu, as %u: %s%s; %u reference%s left%s\n",
	       g->domid, (ull)g->generation, g->id,
	       human(size, g->pages * PAGE), g->readonly ? ", read-only" : "",
	       g->left, plural(g->left),
	       g->ending ? ", being taken back" : "");
}

void json_granted(struct json *j, const struct view_grant *g)
{
	json_begin(j, NULL, '{');
	json_number(j, "domain", g->domid);
	json_number(j, "generation", g->generation);
	json_number(j, "grant", g->id);
	json_number(j, "bytes", g->pages * PAGE);
	json_number(j, "references", g->left);
	json_bool(j, "readonly", g->readonly);
	json_bool(j, "ending", g->ending);
	json_end(j, '}');
}
