// SPDX-License-Identifier: MIT
/*
 * Names of the interface's numbers, and numbers of names.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

void xgm_text_add(struct xgm_text *text, const char *fmt, ...)
{
	size_t left = text->len < text->size ? text->size - text->len : 0;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(left ? text->buf + text->len : NULL, left, fmt, ap);
	va_end(ap);
	if (n > 0)
		text->len += n;
}

#define NAME(err)	case err: return #err

const char *xgm_errno_name(int err)
{
	switch (abs(err)) {
	NAME(E2BIG); NAME(EACCES); NAME(EADDRNOTAVAIL); NAME(EAGAIN);
	NAME(EBADF); NAME(EBADMSG); NAME(EBUSY); NAME(EEXIST); NAME(EFAULT);
	NAME(EINTR); NAME(EINVAL); NAME(EIO); NAME(ELOOP); NAME(EMFILE);
	NAME(ENFILE); NAME(ENOBUFS); NAME(ENODATA); NAME(ENODEV);
	NAME(ENOENT); NAME(ENOMEM); NAME(ENOSPC); NAME(ENOSYS);
	NAME(ENOTTY); NAME(ENXIO);
	NAME(EOPNOTSUPP); NAME(EOVERFLOW); NAME(EPERM); NAME(ERANGE);
	NAME(EREMOTEIO); NAME(EROFS); NAME(ESRCH); NAME(ETIMEDOUT);
	NAME(ETXTBSY); NAME(EXDEV);
	default:
		return NULL;
	}
}

static const char *const policies[] = {
	[XEN_GPUMEM_POLICY_INJECT] = "inject",
	[XEN_GPUMEM_POLICY_ZERO] = "zero",
	[XEN_GPUMEM_POLICY_MMIO] = "mmio",
};

const char *xgm_policy_name(uint32_t policy)
{
	return policy < ARRAY_SIZE(policies) ? policies[policy] : NULL;
}

int xgm_policy_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
		if (!strcmp(name, policies[i]))
			return i;
	return -EINVAL;
}

const char *xgm_event_name(uint32_t type)
{
	switch (type) {
	case XEN_GPUMEM_EVENT_FAULT:
		return "fault";
	case XEN_GPUMEM_EVENT_ORPHAN:
		return "orphan";
	case XEN_GPUMEM_EVENT_GONE:
		return "gone";
	case XEN_GPUMEM_EVENT_OVERFLOW:
		return "overflow";
	default:
		return NULL;
	}
}

/* --- sets ------------------------------------------------------------------ */

struct bit {
	uint64_t bit;
	const char *name;
};

static const struct bit rights_bits[] = {
	{ XEN_GPUMEM_RIGHT_LEND, "lend" },
	{ XEN_GPUMEM_RIGHT_EXPORT_GRANTS, "export-grants" },
	{ XEN_GPUMEM_RIGHT_EXPORT_FRAMES, "export-frames" },
	{ XEN_GPUMEM_RIGHT_REMOVE, "remove" },
	{ XEN_GPUMEM_RIGHT_GRANT, "grant" },
};

static const struct bit access_bits[] = {
	{ XEN_GPUMEM_ACCESS_READ, "read" },
	{ XEN_GPUMEM_ACCESS_WRITE, "write" },
	{ XEN_GPUMEM_ACCESS_EXEC, "exec" },
};

static const struct bit feature_bits[] = {
	{ XEN_GPUMEM_FEAT_MOCK, "mock" },
	{ XEN_GPUMEM_FEAT_SOURCE_FD, "source-fd" },
	{ XEN_GPUMEM_FEAT_DERIVE, "derive" },
	{ XEN_GPUMEM_FEAT_EVENTS, "events" },
	{ XEN_GPUMEM_FEAT_EXPORT, "export" },
	{ XEN_GPUMEM_FEAT_GRANT, "grant" },
};

static const struct bit export_bits[] = {
	{ XEN_GPUMEM_EXPORT_READONLY, "readonly" },
	{ XEN_GPUMEM_EXPORT_CLOEXEC, "cloexec" },
	{ XEN_GPUMEM_EXPORT_REVOCABLE, "revocable" },
};

static const struct bit state_bits[] = {
	{ XEN_GPUMEM_EXPORT_REVOKED, "revoked" },
	{ XEN_GPUMEM_EXPORT_RETURNED, "returned" },
};

static int bits_format(uint64_t set, const struct bit *bits, size_t nr,
		       char *buf, size_t size)
{
	struct xgm_text text = { .buf = buf, .size = size };

	if (size)
		buf[0] = '\0';
	for (size_t i = 0; i < nr; i++) {
		if (!(set & bits[i].bit))
			continue;
		xgm_text_add(&text, "%s%s", text.len ? "," : "", bits[i].name);
		set &= ~bits[i].bit;
	}
	if (set)
		xgm_text_add(&text, "%s0x%llx", text.len ? "," : "",
			     (unsigned long long)set);
	return text.len;
}

int xgm_rights_format(uint32_t rights, char *buf, size_t size)
{
	return bits_format(rights, rights_bits, ARRAY_SIZE(rights_bits), buf,
			   size);
}

int xgm_access_format(uint32_t access, char *buf, size_t size)
{
	return bits_format(access, access_bits, ARRAY_SIZE(access_bits), buf,
			   size);
}

int xgm_features_format(uint64_t features, char *buf, size_t size)
{
	return bits_format(features, feature_bits, ARRAY_SIZE(feature_bits),
			   buf, size);
}

int xgm_export_flags_format(uint32_t flags, char *buf, size_t size)
{
	return bits_format(flags, export_bits, ARRAY_SIZE(export_bits), buf,
			   size);
}

int xgm_export_state_format(uint32_t state, char *buf, size_t size)
{
	return bits_format(state, state_bits, ARRAY_SIZE(state_bits), buf,
			   size);
}

static uint64_t right_named(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(rights_bits); i++)
		if (strlen(rights_bits[i].name) == len &&
		    !strncmp(rights_bits[i].name, name, len))
			return rights_bits[i].bit;
	return 0;
}

int xgm_rights_parse(const char *names, uint32_t *rights)
{
	uint64_t bit, set = 0;
	size_t len;

	for (;; names += len + 1) {
		len = strcspn(names, ",");
		bit = right_named(names, len);
		if (!bit)
			return -EINVAL;
		set |= bit;
		if (!names[len])
			break;
	}
	*rights = set;
	return 0;
}
