// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-gpumem trace on Xen: while a guest works on memory and on a buffer in
 * video memory, what is told adds up to what the driver has counted.
 *
 * What it printed is kept in the run's folder, out/, for the documents.
 */
#include <signal.h>

#include "us.h"

#define PAGES	16
#define SIZE	(PAGES * PAGE)
#define GPA	XGT_WINDOW
#define VRAM	(GPA + MIB)
#define INJECT	XEN_GPUMEM_POLICY_INJECT
#define MMIO	XEN_GPUMEM_POLICY_MMIO

static const char *domid(void)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", xgt_guest.domid);
	return text;
}

static const char *end(struct program *p)
{
	const char *text;

	kill(p->pid, SIGINT);
	CHECK_EQ(program_wait(p), 0);
	CHECK(!*program_err(p));
	text = program_out(p);
	program_close(p);
	return text;
}

/* Until nothing is being served any more: two looks that are alike. */
static struct xen_gpumem_window_query settled(uint32_t w, uint64_t *served)
{
	struct xen_gpumem_window_query q, old = { .size = 0 };
	double since = xgt_now();

	for (;;) {
		*served = gm_served(xgt_guest.domid, w);
		OK(xgm_window_query(xgt_dom, w, 0, 0, &q, sizeof(q)));
		if (!memcmp(&q, &old, sizeof(q)) &&
		    *served == gm_served(xgt_guest.domid, w))
			return q;
		if (xgt_now() > since + xgt_limit(20))
			FAIL("the driver does not come to rest");
		old = q;
		xgt_sleep_ms(500);
	}
}

/* What the records of one window add up to. */
struct sums {
	uint64_t faults, failed, mapped, revoked, downgraded, vram;
	bool vcpu[2];
};

static void add_record(struct sums *s, const struct json *j)
{
	const char *what = json_string(j, "what");
	uint64_t start, end, frame;

	if (!strcmp(what, "fault")) {
		s->faults++;
		s->vcpu[(int)json_number(j, "vcpu") & 1] = true;
	} else if (!strcmp(what, "map")) {
		s->mapped += json_number(j, "bytes");
		if (!json_bool(j, "noncacheable"))
			return;
		qxl_bar(&start, &end);
		frame = json_number(j, "frame");
		CHECK(frame * PAGE >= start && frame * PAGE < end);
		s->vram += json_number(j, "bytes");
	} else if (!strcmp(what, "revoke")) {
		if (json_bool(j, "only_writing"))
			s->downgraded += json_number(j, "taken_bytes");
		else
			s->revoked += json_number(j, "taken_bytes");
	} else if (!strcmp(what, "event")) {
		CHECK(!strcmp(json_string(j, "error"), "ENODATA"));
		s->failed++;
	}
}

static struct sums add_up(const char *out, uint32_t w)
{
	struct sums s = { .faults = 0 };
	const struct json *j;

	while (*out) {
		j = json_parse(out, &out);
		if (!strcmp(json_string(j, "what"), "end")) {
			CHECK_EQ(json_number(j, "lost"), 0);
			CHECK_EQ(json_number(j, "not_understood"), 0);
			CHECK(!*out);
			return s;
		}
		if (json_has(j, "window") && json_number(j, "window") == w)
			add_record(&s, j);
	}
	FAIL("no end");
}

/* The guest works on both; the host takes one away and moves the other. */
static void work(uint32_t w, int card, const struct qxl_bo *bo,
		 volatile uint64_t *ram)
{
	fill(bo->map, MIB, 1);
	OK(xgm_bind(xgt_dom, w, 0, SIZE, ram, XEN_GPUMEM_BIND_WRITE_FIRST,
		    INJECT));
	OK(xgm_bind(xgt_dom, w, MIB, MIB, bo->map, 0, INJECT));
	for (unsigned int i = 0; i < 3; i++)
		guest_write(GPA + i * PAGE, i);
	cmd_ok(1, XG_CMD_CHECK, VRAM, MIB, 1);
	qxl_pressure(card);
	cmd_ok(1, XG_CMD_CHECK, VRAM, MIB, 1);
	OK(madvise((void *)ram, SIZE, MADV_DONTNEED));
	CHECK_EQ(guest_read(GPA + 2 * PAGE), 2);
	OK(munmap((char *)ram + 8 * PAGE, PAGE));
	guest_read_faults(GPA + 8 * PAGE);
}

static void sums(void)
{
	volatile uint64_t *ram = map_shared(memfd_new(SIZE), SIZE);
	struct xen_gpumem_window_query q;
	struct program text, json;
	int card = qxl_open();
	const char *out;
	struct qxl_bo bo;
	uint64_t served;
	struct sums s;
	char id[16];
	uint32_t w;

	qxl_new(card, &bo, MIB);
	OK(xgm_window_add(xgt_dom, GPA, 4 * MIB, MMIO, &w));
	snprintf(id, sizeof(id), "%u", w);
	program_start(&json, (const char *const[]){
			TOOL, "trace", "--json", domid(), NULL });
	program_start(&text, (const char *const[]){
			TOOL, "trace", "--window", id, domid(), NULL });
	program_says(&json, "{\"what\":\"begin\"}\n");
	program_says(&text, "(Ctrl-C ends)\n");
	work(w, card, &bo, ram);
	q = settled(w, &served);

	s = add_up(end(&json), w);
	xgt_info("%lu faults, %lu KiB mapped, %lu KiB of them in video memory, %lu KiB taken",
		 s.faults, s.mapped >> 10, s.vram >> 10, s.revoked >> 10);
	CHECK_EQ(s.faults, served);
	CHECK(s.vcpu[0] && s.vcpu[1]);
	CHECK_EQ(s.mapped, q.out_mapped * PAGE);
	CHECK_EQ(s.revoked, q.out_revoked * PAGE);
	CHECK_EQ(s.downgraded, q.out_downgraded * PAGE);
	CHECK_EQ(s.failed, q.out_failed);
	CHECK_EQ(q.out_failed, 1);
	CHECK(s.vram >= MIB && s.mapped >= s.vram + MIB);
	CHECK(s.revoked >= MIB);

	out = end(&text);
	fits(out);
	has(out, "tracing domain ");
	has(out, " bind   0x0 +64K at 0x");
	has(out, ", write-first\n");
	has(out, " fault  vCPU 0 write 0x0 in ");
	has(out, " fault  vCPU 1 read 0x1");
	has(out, " nc\n");
	has(out, " taken in ");
	has(out, " event  0x8000 +4.0K read: ENODATA\n");
	has(out, " records; none was lost\n");
	keep("trace.txt", out);
}

/* Its end is told, also to who looks at one window. */
static void guest_ends(void)
{
	volatile uint64_t *p = map_shared(memfd_new(SIZE), SIZE);
	struct program t;
	char id[16];
	uint32_t w;

	OK(xgm_window_add(xgt_dom, GPA, SIZE, MMIO, &w));
	OK(xgm_bind(xgt_dom, w, 0, SIZE, p, 0, INJECT));
	snprintf(id, sizeof(id), "%u", w);
	program_start(&t, (const char *const[]){
			TOOL, "trace", "-w", id, domid(), NULL });
	program_says(&t, "(Ctrl-C ends)\n");
	guest_write(GPA, 1);
	program_says(&t, " fault  vCPU 0 write 0x0 in ");
	guest_destroy(&xgt_guest);
	program_says(&t, " event  the guest is gone\n");
	has(end(&t), " records; none was lost\n");
}

static const struct xgt_test tests[] = {
	{ "U4-xen-trace", "U4,U2", sums, XGT_GUEST | XGT_QXL, 0 },
	{ "U4-xen-trace-guest-ends", "U4", guest_ends,
	  XGT_GUEST | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
