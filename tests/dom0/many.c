// SPDX-License-Identifier: GPL-2.0-only
/*
 * L20: many guests at once, each with two vCPUs.
 *
 *   xgt-many COUNT
 *
 * All guests live from the first test to the last; each test opens them anew.
 * Progress is counted, by what the guests have done, never timed: "goes on"
 * means that a loop makes so many rounds more while somebody else is held up.
 */
#include "xgt.h"

#define MAX_GUESTS	16
#define VCPUS		2
#define LENGTH		(32 * PAGE)
#define PART		(LENGTH / VCPUS)
#define OTHER		(XGT_WINDOW + MIB)

struct member {
	struct xgt_guest guest;
	struct xgt_mailbox box;
	int fd;
	uint32_t window;
	volatile uint64_t *map;
};

static struct member member[MAX_GUESTS];
static unsigned int count = 3;

static void start(struct member *m, unsigned int cpu, enum xg_cmd cmd,
		  const uint64_t arg[XG_ARGS])
{
	box_start(&m->box, cpu, cmd, arg);
}

#define START(m, cpu, cmd, ...) \
	start(m, cpu, cmd, (uint64_t[XG_ARGS]){ __VA_ARGS__ })
#define RUN_OK(m, cpu, cmd, ...) \
	(START(m, cpu, cmd, __VA_ARGS__), \
	 box_ok(box_wait(&(m)->box, cpu), #cmd, __FILE__, __LINE__))

static struct xgt_result stop(struct member *m, unsigned int cpu)
{
	m->box.page->slot[cpu].stop = 1;
	return box_ok(box_wait(&m->box, cpu), "a loop", __FILE__, __LINE__);
}

static void start_guests(void)
{
	char name[16];

	for (unsigned int i = 0; i < count; i++) {
		struct xgt_guest *g = &member[i].guest;

		snprintf(name, sizeof(name), "many%u", i);
		if (!guest_find(g, name, VCPUS) &&
		    !guest_start(g, name, VCPUS, NULL))
			FAIL("guest %u of %u did not start", i + 1, count);
	}
}

/* Forget what a test left: all its fds are closed by now. */
static void open_guests(void)
{
	start_guests();
	for (unsigned int i = 0; i < count; i++) {
		struct xen_gpumem_open_domain limits = {
			.rights = XEN_GPUMEM_RIGHT_LEND,
		};
		struct member *m = &member[i];

		m->fd = gm_open_domain(m->guest.domid, &limits);
		if (m->fd < 0)
			FAIL("guest %u: %s", i, xgt_errname(-m->fd));
		box_open(&m->box, m->fd, VCPUS);
	}
}

static void lend(struct member *m, uint64_t gpa, volatile uint64_t *map,
		 uint64_t length)
{
	OK(gm_window_add(m->fd, gpa, length, XEN_GPUMEM_POLICY_MMIO,
			 &m->window));
	OK(gm_bind(m->fd, m->window, 0, length, map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	m->map = map;
}

static uint64_t seed(unsigned int guest, unsigned int cpu)
{
	return (guest * VCPUS + cpu + 1) * 1000;
}

/* Everybody, or everybody but one vCPU, makes so many rounds more. */
static void all_advance(uint64_t more, const struct member *except,
			unsigned int cpu)
{
	uint64_t from[MAX_GUESTS][VCPUS];
	double end = xgt_now() + 90;

	for (unsigned int i = 0; i < count * VCPUS; i++)
		from[i / VCPUS][i % VCPUS] =
			member[i / VCPUS].box.page->slot[i % VCPUS].progress;
	for (unsigned int i = 0; i < count * VCPUS; i++) {
		struct member *m = &member[i / VCPUS];
		volatile struct xg_slot *s = &m->box.page->slot[i % VCPUS];

		if (m == except && i % VCPUS == cpu)
			continue;
		while (s->progress < from[i / VCPUS][i % VCPUS] + more) {
			if (box_done(&m->box, i % VCPUS))
				box_ok(box_wait(&m->box, i % VCPUS), "a loop",
				       __FILE__, __LINE__);
			if (xgt_now() > end)
				FAIL("guest %u, vCPU %u: stands still",
				     i / VCPUS, i % VCPUS);
			xgt_sleep_ms(1);
		}
	}
}

/* Each vCPU rewrites and checks its own part of its guest's memory. */
static void all_update(void)
{
	for (unsigned int i = 0; i < count * VCPUS; i++)
		START(&member[i / VCPUS], i % VCPUS, XG_CMD_UPDATE,
		      XGT_WINDOW + i % VCPUS * PART, PART,
		      seed(i / VCPUS, i % VCPUS));
}

static void all_stop(void)
{
	for (unsigned int i = 0; i < count * VCPUS; i++) {
		struct member *m = &member[i / VCPUS];
		struct xgt_result r = stop(m, i % VCPUS);

		CHECK(r.v[0] > 1);
		verify(m->map + i % VCPUS * PART / 8, PART,
		       xg_round_seed(seed(i / VCPUS, i % VCPUS), r.v[0] - 1));
	}
}

/* Each guest has memory of its own, and all of it moves all the time. */
static void disjoint(void)
{
	open_guests();
	for (unsigned int i = 0; i < count; i++)
		lend(&member[i], XGT_WINDOW,
		     map_shared(memfd_new(LENGTH), LENGTH), LENGTH);
	all_update();
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < count; i++)
			CHECK(!madvise((void *)member[i].map, LENGTH,
				       MADV_DONTNEED));
		all_advance(2, NULL, 0);
	}
	all_stop();
}

/*
 * All guests have one buffer: each vCPU writes a part of it that is its own,
 * sees what the others wrote, and one page that only the host changes.
 */
static void shared(void)
{
	const uint64_t length = (uint64_t)count * LENGTH + PAGE;
	int fd = memfd_new(length);
	volatile uint64_t *map = map_shared(fd, length), *last;
	uint64_t sum;

	open_guests();
	last = map + length / 8 - PAGE / 8;
	for (unsigned int i = 0; i < count; i++)
		lend(&member[i], XGT_WINDOW, map, length);
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < count * VCPUS; i++)
			START(&member[i / VCPUS], i % VCPUS, XG_CMD_UPDATE,
			      XGT_WINDOW + i * PART, PART,
			      seed(i / VCPUS, round));
		all_advance(1, NULL, 0);
		CHECK(!madvise((void *)map, length, MADV_DONTNEED));
		all_advance(2, NULL, 0);
		for (unsigned int i = 0; i < count * VCPUS; i++) {
			struct xgt_result r = stop(&member[i / VCPUS],
						   i % VCPUS);

			verify(map + i * PART / 8, PART,
			       xg_round_seed(seed(i / VCPUS, round),
					     r.v[0] - 1));
		}
		/* One way out for all of them: none has it after that. */
		last[0] = round + 1;
		sum = xg_sum(map, length);
		for (unsigned int i = 0; i < count; i++) {
			CHECK_EQ(RUN_OK(&member[i], 1, XG_CMD_SUM, XGT_WINDOW,
					length).v[0], sum);
			CHECK(gm_pages(member[i].fd, member[i].window, 0, 0));
		}
		CHECK(!madvise((void *)map, length, MADV_DONTNEED));
		for (unsigned int i = 0; i < count; i++)
			CHECK_EQ(gm_pages(member[i].fd, member[i].window, 0, 0),
				 0);
	}
}

/*
 * Everybody works; but the first vCPU of @m stands by, for memory at OTHER that
 * comes when it is told to.
 */
static void all_but_one(struct member *m, struct slow *s)
{
	open_guests();
	for (unsigned int i = 0; i < count; i++)
		lend(&member[i], XGT_WINDOW,
		     map_shared(memfd_new(LENGTH), LENGTH), LENGTH);
	slow_new(s, LENGTH);
	OK(gm_window_add(m->fd, OTHER, LENGTH, XEN_GPUMEM_POLICY_MMIO,
			 &m->window));
	OK(gm_bind(m->fd, m->window, 0, LENGTH, s->map, 0,
		   XEN_GPUMEM_POLICY_INJECT));
	all_update();
	all_advance(1, NULL, 0);
	stop(m, 0);
}

/* One vCPU of one guest waits for its memory: it alone. */
static void one_slow(void)
{
	struct member *m = &member[0];
	struct slow s;

	all_but_one(m, &s);
	START(m, 0, XG_CMD_READ, OTHER + PAGE, 8);
	CHECK_EQ(slow_wait(&s), PAGE);
	/* All the others fault as well, and are served. */
	for (int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < count; i++)
			CHECK(!madvise((void *)member[i].map, LENGTH,
				       MADV_DONTNEED));
		all_advance(2, m, 0);
		CHECK(!box_done(&m->box, 0));
	}
	slow_serve(&s, PAGE, 44);
	CHECK_EQ(box_ok(box_wait(&m->box, 0), "the slow read", __FILE__,
			__LINE__).v[0], 44);
	START(m, 0, XG_CMD_UPDATE, XGT_WINDOW, PART, seed(0, 0));
	all_advance(2, NULL, 0);
	all_stop();
}

/* One vCPU of each waits; the last one that asked is served first. */
static void all_slow(void)
{
	struct slow s[MAX_GUESTS];

	open_guests();
	for (unsigned int i = 0; i < count; i++) {
		struct member *m = &member[i];

		lend(m, XGT_WINDOW, map_shared(memfd_new(LENGTH), LENGTH),
		     LENGTH);
		slow_new(&s[i], LENGTH);
		OK(gm_window_add(m->fd, OTHER, LENGTH, XEN_GPUMEM_POLICY_MMIO,
				 &m->window));
		OK(gm_bind(m->fd, m->window, 0, LENGTH, s[i].map, 0,
			   XEN_GPUMEM_POLICY_INJECT));
	}
	for (unsigned int i = 0; i < count; i++) {
		START(&member[i], 0, XG_CMD_READ, OTHER + i * PAGE, 8);
		CHECK_EQ(slow_wait(&s[i]), i * PAGE);
	}
	for (unsigned int i = 0; i < count; i++) {
		RUN_OK(&member[i], 1, XG_CMD_FILL, XGT_WINDOW, LENGTH, i);
		verify(member[i].map, LENGTH, i);
	}
	for (unsigned int i = count; i--; ) {
		CHECK(!box_done(&member[i].box, 0));
		slow_serve(&s[i], i * PAGE, i + 100);
		CHECK_EQ(box_ok(box_wait(&member[i].box, 0), "a slow read",
				__FILE__, __LINE__).v[0], i + 100);
		for (unsigned int j = 0; j < i; j++)
			CHECK(!box_done(&member[j].box, 0));
	}
}

/* One is destroyed with a fault under way; the others do not notice. */
static void one_dies(void)
{
	struct member *m = &member[count - 1];
	struct slow s;

	all_but_one(m, &s);
	START(m, 0, XG_CMD_READ, OTHER, 8);
	CHECK_EQ(slow_wait(&s), 0);
	count--;
	guest_destroy(&m->guest);
	for (unsigned int i = 0; i < count; i++)
		CHECK(!madvise((void *)member[i].map, LENGTH, MADV_DONTNEED));
	all_advance(2, NULL, 0);
	slow_serve(&s, 0, 1);
	all_advance(1, NULL, 0);
	all_stop();
	CHECK(!close(m->fd));
}

static const struct xgt_test tests[] = {
	{ "L20-many-disjoint", "L20", disjoint, 0, 600 },
	{ "L20-many-shared", "L20", shared, 0, 600 },
	{ "L20-many-one-slow", "L20", one_slow, 0, 600 },
	{ "L20-many-all-slow", "L20", all_slow, 0, 600 },
	{ "L13-many-one-dies", "L13,L20", one_dies, 0, 600 },
};

int main(int argc, char **argv)
{
	int ret;

	if (argc > 1)
		count = atoi(argv[1]);
	if (count < 2 || count > MAX_GUESTS)
		return 2;
	ret = xgt_main(1, argv, tests, ARRAY_SIZE(tests));
	for (unsigned int i = 0; i < count; i++) {
		struct xgt_guest g;
		char name[16];

		snprintf(name, sizeof(name), "many%u", i);
		if (guest_find(&g, name, VCPUS))
			guest_destroy(&g);
	}
	return ret;
}
