/* SPDX-License-Identifier: MIT */
/*
 * Helpers for the tests of /dev/xen/gpumem: the driver's calls, and a guest.
 *
 * Names as elsewhere in IGT: a __function() returns 0 or -errno, the function
 * of the same name without underscores asserts that it went well.
 */
#ifndef IGT_XEN_GPUMEM_H
#define IGT_XEN_GPUMEM_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/gpumem.h>

/* --- old trees ------------------------------------------------------------ */

/*
 * The tests say "int igt_main()" and "igt_fixture()".  Up to IGT 2.2 both are
 * words without parentheses, which cannot be asked for by #ifdef: what can is
 * whether the word alone is replaced by something else.
 */
#define GPUMEM_SECOND_(a, b, ...)	b
#define GPUMEM_SECOND(...)		GPUMEM_SECOND_(__VA_ARGS__)
#define GPUMEM_IS_CALL_igt_fixture	~, 1
#define GPUMEM_IS_CALL_igt_main		~, 1
#define GPUMEM_IS_CALL_(...)		GPUMEM_IS_CALL_##__VA_ARGS__
#define GPUMEM_IS_CALL(...) \
	GPUMEM_SECOND(GPUMEM_IS_CALL_(__VA_ARGS__), 0, 0)
#define GPUMEM_IS_CALL_for(...)		~, 0
#define GPUMEM_IS_CALL_static		~, 0,
#define GPUMEM_IS_CALL_int		~, 0,

#if !GPUMEM_IS_CALL(igt_fixture)
#undef igt_fixture
#define igt_fixture()							\
for (volatile int gpumem_once = 1;					\
     gpumem_once && __igt_fixture() &&					\
     !sigsetjmp(igt_subtest_jmpbuf, 1);					\
     gpumem_once = 0, __igt_fixture_complete())
#endif

#if !GPUMEM_IS_CALL(igt_main)
void gpumem_main_body(void);

#undef igt_main
#define igt_main()							\
main(int argc, char **argv)						\
{									\
	igt_subtest_init_parse_opts(&argc, argv, NULL, NULL, NULL, NULL, \
				    NULL);				\
	gpumem_main_body();						\
	igt_exit();							\
}									\
void gpumem_main_body(void)
#endif

/* --- the driver's calls --------------------------------------------------- */

#define GPUMEM_PAGE	4096ULL
#define KIB		1024ULL
#define MIB		(1024ULL * KIB)

int gpumem_call(int fd, unsigned long nr, void *arg);
int __gpumem_open_node(void);
int gpumem_open_node(void);
int __gpumem_open_domain(int node, struct xen_gpumem_open_domain *od);
int __gpumem_info(int fd, struct xen_gpumem_info *info);
int __gpumem_derive(int fd, struct xen_gpumem_derive *d);
int gpumem_derive(int fd, uint32_t rights);
int __gpumem_window_add(int fd, uint64_t gpa, uint64_t length,
			uint32_t hole_policy, uint32_t *window);
uint32_t gpumem_window_add(int fd, uint64_t gpa, uint64_t length);
int __gpumem_window_remove(int fd, uint32_t window);
int __gpumem_window_move(int fd, uint32_t window, uint64_t gpa);
int __gpumem_bind(int fd, uint32_t window, uint64_t offset, uint64_t length,
		  void *address, uint32_t flags, uint32_t fail_policy);
void gpumem_bind(int fd, uint32_t window, uint64_t offset, uint64_t length,
		 void *address);
int __gpumem_bind_fd(int fd, uint32_t window, uint64_t offset, uint64_t length,
		     int source, uint64_t at, uint32_t flags);
int __gpumem_unbind(int fd, uint32_t window, uint64_t offset, uint64_t length);
int __gpumem_populate(int fd, uint32_t window, uint64_t offset,
		      uint64_t length, uint32_t flags, uint64_t *done);
int __gpumem_query(int fd, uint32_t window, uint64_t offset, uint64_t length,
		   struct xen_gpumem_window_query *q);
struct xen_gpumem_window_query gpumem_query(int fd, uint32_t window);
int __gpumem_export_grants(int fd, const uint32_t *refs, uint32_t count,
			   uint32_t flags,
			   struct xen_gpumem_export_grants *out);
int __gpumem_export_frames(int fd, const struct xen_gpumem_frames *ranges,
			   uint32_t nr, uint32_t flags,
			   struct xen_gpumem_export_frames *out);
int __gpumem_export_revoke(int fd, uint32_t id);
int __gpumem_export_query(int fd, uint32_t id, uint32_t flags,
			  struct xen_gpumem_export_query *q);
struct xen_gpumem_export_query gpumem_export_query(int fd, uint32_t id);
int __gpumem_grant(int fd, int dmabuf, uint64_t offset, uint32_t count,
		   uint32_t flags, uint32_t *refs,
		   struct xen_gpumem_grant *out);
int __gpumem_grant_release(int fd, uint32_t id, uint32_t wait_ms,
			   uint32_t *left);

/* @call returns @want, zero or a negative errno; an igt_assert() that tells. */
#define gpumem_assert(call, want) do {					\
	int gpumem_got = (call);					\
	igt_assert_f(gpumem_got == (want), "%s: %d (%s), expected %d\n", \
		     #call, gpumem_got,					\
		     gpumem_got < 0 ? strerror(-gpumem_got) : "no error", \
		     (want));						\
} while (0)

/* --- the guest ------------------------------------------------------------ */

/* Skip, with the reason, where the driver or the guest are not there. */
void gpumem_require(void);
void gpumem_guest_require(void);

/* Which domain it is. */
int gpumem_guest_domid(void);

/* Its vCPUs; commands are for one of them. */
unsigned int gpumem_guest_vcpus(void);

/* Guest addresses that a test may use for windows. */
#define GPUMEM_ARENA		0x200200000ULL
#define GPUMEM_ARENA_SIZE	(126 * MIB)

/*
 * First thing in each subtest that uses the guest: ends what an earlier one
 * that failed has left behind, and returns a domain fd of the subtest's own.
 */
int gpumem_begin(void);
void gpumem_end(void);

/* The same word for the same seed and offset, in the guest too. */
uint64_t gpumem_word(uint64_t seed, uint64_t offset);
void gpumem_fill(void *p, uint64_t length, uint64_t seed);
void gpumem_check(void *p, uint64_t length, uint64_t seed);
uint64_t gpumem_sum(void *p, uint64_t length);

/* What the guest does, on its first vCPU; all assert that it went well. */
void gpumem_guest_fill(uint64_t gpa, uint64_t length, uint64_t seed);
void gpumem_guest_check(uint64_t gpa, uint64_t length, uint64_t seed);
uint64_t gpumem_guest_sum(uint64_t gpa, uint64_t length);
uint64_t gpumem_guest_read(uint64_t gpa);
void gpumem_guest_write(uint64_t gpa, uint64_t value);
/* One that may be dropped, or get an exception. */
void gpumem_guest_try_write(uint64_t gpa, uint64_t value);
/* One that must get an exception. */
void gpumem_guest_read_faults(uint64_t gpa);
void gpumem_guest_read_will_fault(uint64_t gpa);
void gpumem_guest_write_faults(uint64_t gpa);

/* An array of at most so many bytes in a hypercall of the guest's. */
#define GPUMEM_DATA		2048
int64_t gpumem_guest_hypercall(uint64_t op, uint64_t cmd, void *data,
			       unsigned int size, uint64_t count);

/*
 * Until stopped, round for round: check what the last round wrote to the range,
 * and write the next.  The stop asserts that all was as it should be, and
 * returns the seed of what is there now.
 */
void gpumem_guest_work(unsigned int vcpu, uint64_t gpa, uint64_t length,
		       uint64_t seed);
void gpumem_guest_rounds(unsigned int vcpu, uint64_t more);
uint64_t gpumem_guest_stop(unsigned int vcpu);

/*
 * Pages of its own that the guest shares.  It has GPUMEM_AREAS areas of them;
 * where one is, for the commands above, is GPUMEM_SHARED().
 */
#define GPUMEM_AREAS		8
#define GPUMEM_SHARED(area)	(0x400000000000ULL + (area) * 0x100000000ULL)
/* Pages that it has for that. */
#define GPUMEM_SHARED_MAX	1024U

/* What the area was before is taken back.  Skips where the guest cannot. */
int __gpumem_guest_share(unsigned int area, uint32_t pages, bool writable);
void gpumem_guest_share(unsigned int area, uint32_t pages, bool writable);
void gpumem_guest_unshare(unsigned int area);
/* Grant references, and guest addresses, of its pages, the first @pages. */
void gpumem_guest_refs(unsigned int area, uint32_t *refs, uint32_t pages);
void gpumem_guest_frames(unsigned int area, struct xen_gpumem_frames *frames,
			 uint32_t pages);

/* The check must fail: at @offset there is @got. */
void gpumem_guest_check_fails(uint64_t gpa, uint64_t length, uint64_t seed,
			      uint64_t offset, uint64_t got);

/*
 * Only where XEN_GPUMEM_GUEST_MAY_DIE says so: end the guest.  Subtests after
 * one that does have none, and are skipped.
 */
void gpumem_guest_may_die_require(void);
void gpumem_guest_end(void);

#endif
