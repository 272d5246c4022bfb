// SPDX-License-Identifier: GPL-2.0-only
/*
 * U4: what can be seen of lending from outside, and that it is one story.
 *
 * A window is brought to life, used, and made to fail, with the trace points
 * on.  Then its counters (WINDOW_QUERY), what debugfs says of it, what fdinfo
 * says of the fd and what was traced are held against each other, number by
 * number; and against what is known to have been done.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "backing.h"

#define PAGES		32ULL
#define LENGTH		(PAGES * PAGE)
#define DEBUG		"/sys/kernel/debug/xen-gpumem"
#define TRACING		"/sys/kernel/tracing/instances/xgt"

static char text[1 << 20];

static char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t sum = 0;
	ssize_t n;

	if (fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	while ((n = read(fd, text + sum, sizeof(text) - 1 - sum)) > 0)
		sum += n;
	CHECK(n == 0);
	text[sum] = '\0';
	close(fd);
	return text;
}

/* A file about the guest in debugfs. */
static char *debug_file(const char *name)
{
	DIR *dir = opendir(DEBUG);
	char path[340] = "";
	struct dirent *e;

	CHECK(dir);
	while ((e = readdir(dir)))
		if (atoi(e->d_name) == xgt_guest.domid)
			snprintf(path, sizeof(path), "%s/%s/%s", DEBUG,
				 e->d_name, name);
	closedir(dir);
	return read_file(path);
}

/* The number behind @name in the line that begins with @head. */
static uint64_t number(const char *in, const char *head, const char *name)
{
	const char *line, *end, *at;

	for (line = in; line; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (strncmp(line, head, strlen(head)))
			continue;
		at = strstr(line, name);
		if (at && (!end || at < end))
			return strtoull(at + strlen(name), NULL, 0);
	}
	FAIL("no line '%s' with '%s' in:\n%s", head, name, in);
}

/* --- trace points ------------------------------------------------------------------ */

/* An instance of our own: nobody else's settings are touched. */
static void trace_begin(void)
{
	if (mkdir(TRACING, 0700) && errno != EEXIST)
		xgt_skip("%s: %s", TRACING, strerror(errno));
	knob_set(TRACING "/events/xen_gpumem/enable", "1");
}

static void trace_end(void)
{
	knob_set(TRACING "/events/xen_gpumem/enable", "0");
	rmdir(TRACING);
}

/*
 * Over all events of a name that are about a window, and that have @with in
 * them or @without not: how many, or the sum of what is behind @field.
 */
static uint64_t traced(const char *name, uint32_t window, const char *without,
		       const char *field)
{
	char event[64], about[32];
	uint64_t sum = 0;
	char *line, *save;

	snprintf(event, sizeof(event), " %s: dom=%d ", name, xgt_guest.domid);
	snprintf(about, sizeof(about), " window=%u ", window);
	line = strtok_r(read_file(TRACING "/trace"), "\n", &save);
	for (; line; line = strtok_r(NULL, "\n", &save)) {
		const char *at = strstr(line, event);

		if (!at || !strstr(at, about) ||
		    (without && strstr(at, without)))
			continue;
		if (!field) {
			sum++;
			continue;
		}
		at = strstr(at, field);
		if (!at)
			FAIL("no '%s' in: %s", field, line);
		sum += strtoull(at + strlen(field), NULL, 0);
	}
	return sum;
}

/* --- the test ------------------------------------------------------------------------ */

/* A life of a window, in which everything that is counted happens. */
static uint32_t live(void)
{
	volatile uint64_t *map = map_shared(memfd_new(LENGTH), LENGTH);
	uint32_t window;

	fill(map, LENGTH, 1);
	window = gm_lend(map, LENGTH, 0);
	cmd_ok(0, XG_CMD_CHECK, XGT_WINDOW, LENGTH, 1);
	CHECK(!madvise((void *)map, LENGTH, MADV_DONTNEED));
	cmd_ok(0, XG_CMD_FILL, XGT_WINDOW, LENGTH, 2);
	CHECK(!munmap((void *)map, PAGE));
	guest_read_faults(XGT_WINDOW);
	/* What served the last fault may not be done yet: it looks around. */
	EVENTUALLY(gm_served(xgt_guest.domid, window) >= 3);
	return window;
}

static void check_debugfs(uint32_t window,
			  const struct xen_gpumem_window_query *q)
{
	char head[32];
	char *in;

	snprintf(head, sizeof(head), "%u ", window);
	in = debug_file("windows");
	CHECK_EQ(number(in, head, " gfn "), XGT_WINDOW / PAGE);
	CHECK_EQ(number(in, head, " pages "), PAGES);
	CHECK_EQ(number(in, head, " policy "), XEN_GPUMEM_POLICY_MMIO);
	CHECK_EQ(number(in, head, " faults "), q->out_faults);
	CHECK_EQ(number(in, head, " failed "), q->out_failed);
	CHECK_EQ(number(in, head, " retries "), q->out_retries);
	CHECK_EQ(number(in, head, " mapped "), q->out_mapped);
	CHECK_EQ(number(in, head, " revokes "), q->out_revokes);
	CHECK_EQ(number(in, head, " revoked "), q->out_revoked);
	CHECK_EQ(number(in, head, " downgraded "), q->out_downgraded);
	in = debug_file("bindings");
	CHECK_EQ(number(in, head, " pages "), q->out_bound);
	CHECK_EQ(number(in, head, " lent "), q->out_pages);
	in = debug_file("latency");
	snprintf(head, sizeof(head), "%u fault ", window);
	CHECK_EQ(number(in, head, " max-ns "), q->out_fault_ns_max);
	snprintf(head, sizeof(head), "%u revoke ", window);
	CHECK_EQ(number(in, head, " max-ns "), q->out_revoke_ns_max);
	CHECK_EQ(gm_served(xgt_guest.domid, window), q->out_faults);
}

static void check_traces(uint32_t window,
			 const struct xen_gpumem_window_query *q)
{
	CHECK_EQ(traced("xen_gpumem_window_add", window, NULL, NULL), 1);
	CHECK_EQ(traced("xen_gpumem_bind", window, NULL, NULL), 1);
	CHECK_EQ(traced("xen_gpumem_fault", window, NULL, NULL),
		 q->out_faults);
	CHECK_EQ(traced("xen_gpumem_map", window, NULL, " done="),
		 q->out_mapped);
	CHECK_EQ(traced("xen_gpumem_revoke", window, " downgrade",
			" cleared="), q->out_revoked);
	CHECK_EQ(traced("xen_gpumem_event", window, NULL, NULL),
		 q->out_failed);
	CHECK_EQ(traced("xen_gpumem_event", window, NULL, " error="), ENODATA);
}

/* The mailbox is the fd's as well. */
static void check_fdinfo(void)
{
	char path[64];
	char *in;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", xgt_dom);
	in = read_file(path);
	CHECK_EQ(number(in, "xen-gpumem-domid:", ":\t"),
		 (uint64_t)xgt_guest.domid);
	CHECK_EQ(number(in, "xen-gpumem-alive:", ":\t"), 1);
	CHECK_EQ(number(in, "xen-gpumem-rights:", ":\t"),
		 XEN_GPUMEM_RIGHT_LEND);
	CHECK_EQ(number(in, "xen-gpumem-windows:", ":\t"), 2);
	CHECK_EQ(number(in, "xen-gpumem-bindings:", ":\t"), 2);
	CHECK_EQ(number(in, "xen-gpumem-bytes:", ":\t"), LENGTH + PAGE);
	CHECK_EQ(number(in, "xen-gpumem-events:", ":\t"), 1);
}

static void one_story(void)
{
	struct xen_gpumem_window_query q, now;
	uint32_t window;

	trace_begin();
	window = live();
	/* At rest, when it does not change any more. */
	OK(gm_query(xgt_dom, window, 0, 0, &now));
	do {
		q = now;
		xgt_sleep_ms(100);
		OK(gm_query(xgt_dom, window, 0, 0, &now));
	} while (memcmp(&q, &now, sizeof(q)) ||
		 gm_served(xgt_guest.domid, window) != q.out_faults);
	/* Control: it has been through all of that. */
	CHECK_EQ(q.out_failed, 1);
	CHECK_EQ(q.out_pages, PAGES - 1);
	CHECK_EQ(q.out_bound, PAGES);
	CHECK(q.out_faults >= 3);
	CHECK(q.out_mapped >= 2 * PAGES);
	CHECK(q.out_revokes >= 2 && q.out_revoked >= PAGES + 1);
	check_debugfs(window, &q);
	check_traces(window, &q);
	check_fdinfo();
	OK(gm_window_remove(xgt_dom, window));
	CHECK_EQ(traced("xen_gpumem_unbind", window, NULL, NULL), 1);
	CHECK_EQ(traced("xen_gpumem_window_remove", window, NULL, NULL), 1);
	trace_end();
}

static const struct xgt_test tests[] = {
	{ "U4-one-story", "U4", one_story, XGT_GUEST, 0 },
};

XGT_MAIN(tests)
