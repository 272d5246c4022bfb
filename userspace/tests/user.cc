// SPDX-License-Identifier: MIT
/*
 * A program in C++ that uses the installed library: it compiles without
 * warnings, is linked by pkg-config's word, and calls reach the library.
 */
#include <xengpumem.h>

#include <cerrno>
#include <cstring>

int main()
{
	struct xgm_limits limits = {};
	struct xgm_attempt attempt = {};
	struct xen_gpumem_export_query query = {};
	uint32_t failed, ref;
	char why[200];

	limits.size = sizeof(limits);
	attempt.size = sizeof(attempt);
	attempt.call = XGM_CALL_DOMAIN_DERIVE;
	attempt.limits = &limits;
	if (xgm_version() != XGM_VERSION)
		return 1;
	/* No descriptor, no driver: an error, and words for it. */
	if (xgm_domain_derive(-1, &limits) != -EBADF)
		return 2;
	if (xgm_export_grants(-1, nullptr, 0, 0, nullptr, &failed) != -EBADF ||
	    xgm_export_query(-1, 1, &query, sizeof(query)) != -EBADF)
		return 4;
	if (xgm_grant(-1, -1, 0, 1, 0, &ref, nullptr, &failed) != -EBADF ||
	    xgm_grant_release(-1, 1, 0, nullptr) != -EBADF)
		return 5;
	if (xgm_explain(-1, &attempt, -EINVAL, why, sizeof(why)) <= 0 ||
	    std::strcmp(why, "no right was asked for"))
		return 3;
	return 0;
}
