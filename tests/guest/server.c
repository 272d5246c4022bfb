// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's command server: does to lent memory what a dom0 test asks for.
 *
 * Nothing here knows what it runs on: everything that needs an operating
 * system is behind the port_ functions of server.h.  Each vCPU runs xg_serve()
 * on its own slot of the mailbox and shares nothing with the others.
 *
 * The mailbox is lent memory itself and can vanish at any time, with the test
 * that lent it: it then reads as all ones or faults.  The server waits until
 * another one appears at the same address, so that one boot of a guest serves
 * many tests.  For the same reason a command works on a copy of its arguments
 * and its results are written back at the end, each step under port_protect().
 *
 * The loops that run "until stopped" read the stop flag in the mailbox and
 * make no system call: whatever takes the vCPU out of the guest meanwhile is
 * not ours.
 */
#include "server.h"

#define ROWS_MAX	2048

static uint64_t rows[XG_MAX_CPUS][ROWS_MAX];

/* Tell the host that the loop is alive; one plain store. */
static void progress(struct xg_run *run, uint64_t n)
{
	run->slot->progress = n;
}

static volatile void *range(struct xg_run *run)
{
	volatile void *p = port_map(run->arg[0], run->arg[1]);

	if (!p)
		run->status = XG_BAD;
	return p;
}

static void do_fill(struct xg_run *run)
{
	volatile uint64_t *p = range(run);

	for (uint64_t i = 0; p && i < run->arg[1] / 8; i++)
		p[i] = xg_pattern(run->arg[2], i * 8);
}

static bool mismatch(struct xg_run *run, unsigned int at, uint64_t offset,
		     uint64_t got, uint64_t want)
{
	run->status = XG_MISMATCH;
	run->result[at] = offset;
	run->result[at + 1] = got;
	run->result[at + 2] = want;
	return false;
}

static void do_check(struct xg_run *run)
{
	volatile uint64_t *p = range(run);

	for (uint64_t i = 0; p && i < run->arg[1] / 8; i++) {
		uint64_t got = p[i], want = xg_pattern(run->arg[2], i * 8);

		run->result[0] = xg_sum_step(run->result[0], got);
		if (got != want && run->status == XG_OK)
			mismatch(run, 1, i * 8, got, want);
	}
}

static void do_sum(struct xg_run *run)
{
	volatile void *p = range(run);

	if (p)
		run->result[0] = xg_sum(p, run->arg[1]);
}

static void do_read(struct xg_run *run)
{
	volatile void *p = range(run);

	if (!p)
		return;
	switch (run->arg[1]) {
	case 1:
		run->result[0] = *(volatile uint8_t *)p;
		break;
	case 2:
		run->result[0] = *(volatile uint16_t *)p;
		break;
	case 4:
		run->result[0] = *(volatile uint32_t *)p;
		break;
	case 8:
		run->result[0] = *(volatile uint64_t *)p;
		break;
	default:
		run->status = XG_BAD;
	}
}

static void do_write(struct xg_run *run)
{
	volatile void *p = range(run);

	if (!p)
		return;
	switch (run->arg[1]) {
	case 1:
		*(volatile uint8_t *)p = run->arg[2];
		break;
	case 2:
		*(volatile uint16_t *)p = run->arg[2];
		break;
	case 4:
		*(volatile uint32_t *)p = run->arg[2];
		break;
	case 8:
		*(volatile uint64_t *)p = run->arg[2];
		break;
	default:
		run->status = XG_BAD;
	}
}

/* Check what the last round wrote into one page, and write this round's. */
static bool update_page(struct xg_run *run, volatile uint64_t *p,
			uint64_t first, uint64_t words, uint64_t round)
{
	uint64_t old = xg_round_seed(run->arg[2], round - 1);
	uint64_t new = xg_round_seed(run->arg[2], round);

	for (uint64_t i = first; i < first + words; i++) {
		uint64_t got = p[i];

		if (round && got != xg_pattern(old, i * 8))
			return mismatch(run, 2, i * 8, got,
					xg_pattern(old, i * 8));
		p[i] = xg_pattern(new, i * 8);
	}
	return true;
}

static void do_update(struct xg_run *run)
{
	volatile uint64_t *p = range(run);
	uint64_t words = run->arg[1] / 8, step = XG_PAGE / 8;
	uint64_t round = run->arg[3];

	if (!p)
		return;
	do {
		for (uint64_t i = 0; i < words; i += step) {
			uint64_t n = words - i < step ? words - i : step;

			run->result[0] = round;
			if (!update_page(run, p, i, n, round))
				return;
		}
		progress(run, ++round);
	} while (!xg_stopped(run));
	run->result[0] = round;
	run->result[1] = xg_sum(p, run->arg[1]);
}

static void do_watch(struct xg_run *run)
{
	volatile uint64_t *p = port_map(run->arg[0], 8);
	uint64_t marker = run->arg[1], last, reads = 0, changes = 0;

	if (!p) {
		run->status = XG_BAD;
		return;
	}
	last = *p;
	run->result[4] = last;
	do {
		/* Long enough between looks at the flag to be a tight loop. */
		for (int i = 0; i < 64; i++) {
			uint64_t v = *p;

			if (v == last)
				continue;
			changes++;
			last = v;
			if (v == marker)
				run->result[0]++;
		}
		reads += 64;
		run->result[1] = last;
		run->result[2] = reads;
		run->result[3] = changes;
		progress(run, reads);
	} while (!xg_stopped(run));
}

static void do_hammer(struct xg_run *run)
{
	volatile uint64_t *p = range(run);
	uint64_t words = run->arg[1] / 8, round = 0;

	/* A few words of each page, others each time: pages matter here. */
	while (p && !xg_stopped(run)) {
		for (uint64_t i = round % 64; i < words; i += 64)
			p[i] = run->arg[2] | (round & 0xffff);
		run->result[0] = ++round;
		progress(run, round);
	}
}

static void do_either(struct xg_run *run)
{
	volatile uint64_t *p = range(run);
	uint64_t words = run->arg[1] / 8;

	while (p && !xg_stopped(run)) {
		for (uint64_t i = 0; i < words; i += 8) {
			uint64_t got = p[i];

			if (got == xg_pattern(run->arg[2], i * 8)) {
				run->result[1]++;
			} else if (got == xg_pattern(run->arg[3], i * 8)) {
				run->result[2]++;
			} else {
				mismatch(run, 3, i * 8, got, 0);
				return;
			}
		}
		progress(run, ++run->result[0]);
	}
}

static void do_touch(struct xg_run *run)
{
	volatile uint64_t *p = range(run);
	uint64_t words = run->arg[1] / 8;

	for (uint64_t i = 0; p && i < words; i += XG_PAGE / 8) {
		if (run->arg[2])
			p[i] = run->arg[3];
		else
			run->result[1] += p[i];
		progress(run, ++run->result[0]);
	}
}

static void do_picture(struct xg_run *run)
{
	uint64_t width = run->arg[1], height = run->arg[2];
	volatile void *fb = NULL;

	if (width && width <= 8192 && height && height <= ROWS_MAX)
		fb = port_map(run->arg[0], width * height * 4);
	run->rows = rows[run->cpu];
	if (!fb)
		run->status = XG_BAD;
	else if (run->cmd == XG_CMD_DRAW)
		xg_draw(run, fb);
	else
		xg_animate(run, fb);
}

static void do_hypercall(struct xg_run *run)
{
	volatile struct xg_mailbox *box = (volatile struct xg_mailbox *)
					  port_map(XG_ARENA_BASE, XG_PAGE);
	uint8_t *buffer = port_buffer();
	bool supported = true;

	for (int i = 1; i < 6; i++) {
		volatile void *p = port_map(run->arg[i], 1);

		if (p)
			run->arg[i] = (uintptr_t)p;
		else if (run->arg[i] - XG_BUFFER < XG_DATA)
			run->arg[i] += (uintptr_t)buffer - XG_BUFFER;
	}
	for (int i = 0; i < XG_DATA; i++)
		buffer[i] = box->data[i];
	run->result[1] = (uintptr_t)buffer;
	run->result[0] = port_hypercall(run->arg, &supported);
	for (int i = 0; i < XG_DATA; i++)
		box->data[i] = buffer[i];
	if (!supported)
		run->status = XG_UNSUPPORTED;
}

static void do_ping(struct xg_run *run)
{
	run->result[0] = run->cpu;
	run->result[1] = port_cpus;
}

static void do_call(struct xg_run *run)
{
	volatile void *p = port_map(run->arg[0], 16);

	if (p)
		run->result[0] = ((uint64_t (*)(void))(uintptr_t)p)();
	else
		run->status = XG_BAD;
}

static void do_address(struct xg_run *run)
{
	run->result[0] = (uintptr_t)port_map(run->arg[0], 1);
}

static void do_reset(struct xg_run *run)
{
	if (run->arg[0] == run->cpu || run->arg[0] >= port_cpus)
		run->status = XG_BAD;
	else if (!port_reset(run->arg[0]))
		run->status = XG_UNSUPPORTED;
}

static void do_power_off(struct xg_run *run)
{
	(void)run;
	port_power_off();
}

static void do_crash(struct xg_run *run)
{
	(void)run;
	port_crash();
}

static void (*const commands[])(struct xg_run *run) = {
	[XG_CMD_PING] = do_ping,
	[XG_CMD_FILL] = do_fill,
	[XG_CMD_CHECK] = do_check,
	[XG_CMD_SUM] = do_sum,
	[XG_CMD_READ] = do_read,
	[XG_CMD_WRITE] = do_write,
	[XG_CMD_UPDATE] = do_update,
	[XG_CMD_WATCH] = do_watch,
	[XG_CMD_HAMMER] = do_hammer,
	[XG_CMD_EITHER] = do_either,
	[XG_CMD_TOUCH] = do_touch,
	[XG_CMD_DRAW] = do_picture,
	[XG_CMD_ANIMATE] = do_picture,
	[XG_CMD_HYPERCALL] = do_hypercall,
	[XG_CMD_POWER_OFF] = do_power_off,
	[XG_CMD_CRASH] = do_crash,
	[XG_CMD_EMULATE] = xg_emulate,
	[XG_CMD_CALL] = do_call,
	[XG_CMD_ADDRESS] = do_address,
	[XG_CMD_HOSTILE] = xg_hostile,
	[XG_CMD_DEVICE] = xg_device,
	[XG_CMD_BETWEEN] = xg_between,
	[XG_CMD_PROCESS] = xg_process,
	[XG_CMD_SHARE] = xg_share,
	[XG_CMD_UNSHARE] = xg_unshare,
	[XG_CMD_REFS] = xg_refs,
	[XG_CMD_GFNS] = xg_gfns,
	[XG_CMD_MAP_GRANTS] = xg_map_grants,
	[XG_CMD_UNMAP_GRANTS] = xg_unmap_grants,
	[XG_CMD_EMULATE_LOOP] = xg_emulate_loop,
	[XG_CMD_RESET] = do_reset,
};

/* --- slots ---------------------------------------------------------------- */

enum look { LOOK_NONE, LOOK_IDLE, LOOK_COMMAND };

/*
 * Is there a command?  A mailbox that is gone reads as all ones, which is no
 * magic number, or faults.
 */
static void look(struct xg_run *run)
{
	const volatile struct xg_mailbox *box = port_map(XG_ARENA_BASE,
							 XG_PAGE);

	run->status = LOOK_NONE;
	if (!box || box->magic != XG_MAGIC)
		return;
	run->slot = (volatile struct xg_slot *)&box->slot[run->cpu];
	if (run->slot->seq == run->slot->done) {
		run->status = LOOK_IDLE;
		return;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	run->cmd = run->slot->cmd;
	for (int i = 0; i < XG_ARGS; i++)
		run->arg[i] = run->slot->arg[i];
	run->status = LOOK_COMMAND;
}

static void execute(struct xg_run *run)
{
	for (int i = 0; i < XG_RESULTS; i++)
		run->result[i] = 0;
	run->status = XG_BAD;
	if (run->cmd >= sizeof(commands) / sizeof(commands[0]))
		return;
	run->status = XG_OK;
	commands[run->cmd](run);
}

static void answer(struct xg_run *run)
{
	for (int i = 0; i < XG_RESULTS; i++)
		run->slot->result[i] = run->result[i];
	run->slot->status = run->status;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	run->slot->done = run->slot->seq;
}

/**
 * xg_serve - serve one vCPU's slot of the mailbox
 * @cpu: the vCPU, and the number of its slot
 *
 * Does not return.
 */
void xg_serve(unsigned int cpu)
{
	struct xg_run run = { .cpu = cpu };
	unsigned int idle = 0;

	for (;;) {
		if (!port_protect(look, &run))
			run.status = LOOK_NONE;
		switch (run.status) {
		case LOOK_NONE:
			port_no_mailbox();
			break;
		case LOOK_IDLE:
			port_idle(idle++);
			break;
		default:
			idle = 0;
			if (!port_protect(execute, &run))
				run.status = XG_FAULT;
			port_protect(answer, &run);
		}
	}
}
