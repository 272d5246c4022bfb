// SPDX-License-Identifier: MIT
/*
 * What users type: each function says in one line what is wrong with it and
 * what would be right.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

/* Numbers from here on are special to Xen. */
#define DOMID_END	0x7ff0

static bool number(const char *text, const char **end, uint64_t *n)
{
	char *stop;

	/* strtoull() would take a sign, and spaces. */
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*n = strtoull(text, &stop, 0);
	*end = stop;
	return !errno;
}

int parse_number(const char *what, const char *text, uint64_t min,
		 uint64_t max, uint64_t *n)
{
	const char *end;

	if (!number(text, &end, n) || *end || *n < min || *n > max)
		return bad("%s is a number from %llu to %llu, not '%s'", what,
			   (ull)min, (ull)max, text);
	return 0;
}

int parse_domid(const char *text, uint16_t *domid)
{
	const char *end;
	uint64_t n;

	if (!number(text, &end, &n) || *end)
		return bad("'%s' is not the number of a domain; 'xl domid %s' tells that of a name",
			   text, text);
	if (n >= DOMID_END)
		return bad("domain numbers are below %u, and '%s' is not",
			   DOMID_END, text);
	*domid = n;
	return 0;
}

static bool bytes(const char *text, const char **end, uint64_t *n)
{
	static const char units[] = "KMGT";
	const char *unit;
	unsigned int shift;

	if (!number(text, end, n))
		return false;
	unit = **end ? strchr(units, **end) : NULL;
	if (!unit)
		return true;
	shift = 10 * (unit - units + 1);
	if (*n > UINT64_MAX >> shift)
		return false;
	*n <<= shift;
	(*end)++;
	return true;
}

int parse_bytes(const char *what, const char *text, uint64_t *n)
{
	const char *end;

	if (!bytes(text, &end, n) || *end || !*n)
		return bad("%s is bytes, as 65536, 64K, 16M or 1G, not '%s'",
			   what, text);
	if (*n % PAGE)
		return bad("%s is a multiple of 4096 bytes, and '%s' is not",
			   what, text);
	return 0;
}

int parse_address(const char *what, const char *text, uint64_t *address)
{
	const char *end;

	if (!bytes(text, &end, address) || *end)
		return bad("%s is an address, as 0xe0000000, not '%s'", what,
			   text);
	if (*address % PAGE)
		return bad("%s is a multiple of 4096, and '%s' is not", what,
			   text);
	return 0;
}

int parse_range(const char *text, uint32_t right,
		struct xen_gpumem_range *range)
{
	uint64_t first, length;
	const char *end;

	if (!bytes(text, &end, &first) || *end != '+' ||
	    !bytes(end + 1, &end, &length) || *end || !length)
		return bad("a range is ADDRESS+LENGTH, as 0xe0000000+256M, not '%s'",
			   text);
	if ((first | length) % PAGE || first + length < first)
		return bad("a range is made of multiples of 4096 and does not wrap, unlike '%s'",
			   text);
	*range = (struct xen_gpumem_range){
		.right = right, .first = first, .length = length,
	};
	return 0;
}

int parse_refs_range(const char *text, struct xen_gpumem_range *range)
{
	uint64_t first, count;
	const char *end;

	if (!number(text, &end, &first) || *end != '+' ||
	    !number(end + 1, &end, &count) || *end || !count ||
	    first > UINT32_MAX || count > UINT32_MAX - first + 1)
		return bad("a range of grant references is FIRST+COUNT, as 8+768, not '%s'",
			   text);
	*range = (struct xen_gpumem_range){
		.right = XEN_GPUMEM_RIGHT_EXPORT_GRANTS, .first = first,
		.length = count,
	};
	return 0;
}

int parse_seconds(const char *what, const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end == text || *end || !isfinite(*seconds) || *seconds <= 0 ||
	    *seconds > 1e6)
		return bad("%s is a number of seconds above zero, not '%s'",
			   what, text);
	return 0;
}

int parse_policy(const char *text, uint32_t *policy)
{
	int ret = xgm_policy_parse(text);

	if (ret < 0)
		return bad("a policy is inject, zero or mmio, not '%s'", text);
	*policy = ret;
	return 0;
}

const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

const char *human(char buf[16], uint64_t n)
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	double d = n;

	while (d >= 1000 && unit < sizeof(units) - 2) {
		d /= 1024;
		unit++;
	}
	snprintf(buf, 16, unit && d < 9.95 ? "%.1f%c" : "%.0f%c", d,
		 units[unit]);
	return buf;
}

const char *human_time(char buf[16], uint64_t us)
{
	if (us < 1000)
		snprintf(buf, 16, "%lluus", (ull)us);
	else if (us < 10000)
		snprintf(buf, 16, "%.1fms", us / 1e3);
	else if (us < 1000000)
		snprintf(buf, 16, "%.0fms", us / 1e3);
	else
		snprintf(buf, 16, "%.1fs", us / 1e6);
	return buf;
}

const char *plain(char buf[64], const char *name)
{
	size_t i;

	for (i = 0; name[i] && i < 63; i++)
		buf[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
	buf[i] = '\0';
	return buf;
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}
