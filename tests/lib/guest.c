// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest and its command server, as seen from dom0.
 *
 * The testbed's xg-guest starts and destroys guests.  Commands go through the
 * mailbox, a memfd page that is itself lent to the guest; see mailbox.h.  All
 * waiting is by looking at the page: the guest makes no noise.
 */
#include <signal.h>

#include "xgt.h"

/* Long enough for an emulated machine that has other things to do. */
#define WAIT_LIMIT	90

struct xgt_guest xgt_guest = { .domid = -1 };
struct xgt_mailbox xgt_box;

/**
 * guest_start - start a guest and wait until its server runs
 * @g: filled in
 * @name: its name
 * @vcpus: how many
 * @extra_config: a line for its configuration, or NULL
 *
 * Return: whether it runs.
 */
bool guest_start(struct xgt_guest *g, const char *name, unsigned int vcpus,
		 const char *extra_config)
{
	char count[16], out[64];
	char *argv[] = { "xg-guest", "start", g->name, count, "160",
			 extra_config ? "-c" : NULL, (char *)extra_config,
			 NULL };

	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(count, sizeof(count), "%u", vcpus);
	g->vcpus = vcpus;
	g->domid = -1;
	if (xgt_spawn(argv, out, sizeof(out)))
		return false;
	g->domid = atoi(out);
	return g->domid > 0;
}

/**
 * guest_start_as - start a guest under a certain number
 * @g: filled in
 * @name: its name
 * @vcpus: how many
 * @domid: the number, of no other domain
 *
 * Return: whether it runs, and has that number.
 */
bool guest_start_as(struct xgt_guest *g, const char *name, unsigned int vcpus,
		    int domid)
{
	char number[16];
	bool ok;

	snprintf(number, sizeof(number), "%d", domid);
	setenv("XGT_DOMID", number, 1);
	setenv("LIBXL_DOMID_REUSE_TIMEOUT", "0", 1);
	setenv("LD_PRELOAD", "/bin/xgt-domid.so", 1);
	ok = guest_start(g, name, vcpus, NULL);
	unsetenv("LD_PRELOAD");
	unsetenv("LIBXL_DOMID_REUSE_TIMEOUT");
	unsetenv("XGT_DOMID");
	return ok && g->domid == domid;
}

/**
 * guest_find - take over a guest that another program left
 * @g: filled in
 * @name: its name
 * @vcpus: how many it has
 *
 * Return: whether there is one.
 */
bool guest_find(struct xgt_guest *g, const char *name, unsigned int vcpus)
{
	char *argv[] = { "xg-guest", "domid", g->name, NULL };
	char out[64];

	snprintf(g->name, sizeof(g->name), "%s", name);
	g->vcpus = vcpus;
	g->domid = -1;
	if (!xgt_spawn(argv, out, sizeof(out)))
		g->domid = atoi(out);
	return g->domid > 0;
}

/**
 * guest_destroy - destroy a guest, if it is there
 * @g: the guest
 */
void guest_destroy(struct xgt_guest *g)
{
	char *destroy[] = { "xg-guest", "destroy", g->name, NULL };
	char limit[16];
	char *gone[] = { "xg-guest", "wait", g->name, limit, NULL };

	if (!g->name[0])
		return;
	snprintf(limit, sizeof(limit), "%.0f", xgt_limit(60));
	if (guest_alive(g)) {
		xgt_spawn(destroy, NULL, 0);
		xgt_spawn(gone, NULL, 0);
	}
	g->domid = -1;
}

/**
 * guest_alive - whether the domain exists
 * @g: the guest
 */
bool guest_alive(const struct xgt_guest *g)
{
	char *argv[] = { "xg-guest", "domid", (char *)g->name, NULL };
	char out[64];

	return xgt_spawn(argv, out, sizeof(out)) == 0;
}

/**
 * guest_gone - wait until the domain is gone, which must happen
 * @g: the guest
 * @seconds: no longer than this
 */
void guest_gone(const struct xgt_guest *g, unsigned int seconds)
{
	char limit[16];
	char *argv[] = { "xg-guest", "wait", (char *)g->name, limit, NULL };

	snprintf(limit, sizeof(limit), "%.0f", xgt_limit(seconds));
	if (xgt_spawn(argv, NULL, 0))
		FAIL("the guest is still there after %u s", seconds);
}

/*
 * A vCPU of the test's guest does not get on: for the log, where it is.  Not
 * for long, as the test's time is nearly over.
 */
static void guest_hangs(void)
{
	char *argv[] = { "xg-guest", "state", xgt_guest.name, NULL };

	if (xgt_guest.name[0])
		xgt_spawn(argv, NULL, 0);
}

/* --- the mailbox ------------------------------------------------------------ */

/**
 * box_open - lend a mailbox to a guest and see that all its vCPUs serve it
 * @box: filled in
 * @dom: domain fd
 * @vcpus: how many vCPUs the guest has
 */
void box_open(struct xgt_mailbox *box, int dom, unsigned int vcpus)
{
	int ret;

	box->dom = dom;
	box->page = (volatile void *)map_shared(memfd_new(PAGE), PAGE);
	/* A helper of the last test's, which has the fd, may still be dying. */
	EVENTUALLY((ret = gm_window_add(dom, XG_ARENA_BASE, PAGE,
					XEN_GPUMEM_POLICY_MMIO,
					&box->window)) != -EEXIST);
	OK(ret);
	OK(gm_bind(dom, box->window, 0, PAGE, box->page,
		   XEN_GPUMEM_BIND_WRITE_FIRST, XEN_GPUMEM_POLICY_INJECT));
	__atomic_store_n(&box->page->magic, XG_MAGIC, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < vcpus; i++) {
		static const uint64_t none[XG_ARGS];
		struct xgt_result r;

		box_start(box, i, XG_CMD_PING, none);
		r = box_wait(box, i);
		if (r.status != XG_OK || r.v[0] != i || r.v[1] != vcpus)
			FAIL("vCPU %u answers ping with status %u: %lu of %lu",
			     i, r.status, r.v[0], r.v[1]);
	}
}

/**
 * box_close - take the mailbox away
 * @box: the mailbox
 */
void box_close(struct xgt_mailbox *box)
{
	OK(gm_window_remove(box->dom, box->window));
	munmap((void *)box->page, PAGE);
	box->page = NULL;
}

/**
 * box_start - give a vCPU a command
 * @box: the mailbox
 * @cpu: the vCPU
 * @cmd: the command
 * @arg: its arguments
 */
void box_start(struct xgt_mailbox *box, unsigned int cpu, enum xg_cmd cmd,
	       const uint64_t arg[XG_ARGS])
{
	volatile struct xg_slot *s = &box->page->slot[cpu];

	if (!box_done(box, cpu))
		FAIL("vCPU %u is busy with command %u", cpu, s->cmd);
	s->cmd = cmd;
	s->stop = 0;
	s->progress = 0;
	for (int i = 0; i < XG_ARGS; i++)
		s->arg[i] = arg[i];
	__atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELEASE);
}

/**
 * box_done - has the last command of a vCPU ended?
 * @box: the mailbox
 * @cpu: the vCPU
 */
bool box_done(struct xgt_mailbox *box, unsigned int cpu)
{
	volatile struct xg_slot *s = &box->page->slot[cpu];

	return __atomic_load_n(&s->done, __ATOMIC_ACQUIRE) == s->seq;
}

/**
 * box_wait - wait for the results of a vCPU's command
 * @box: the mailbox
 * @cpu: the vCPU
 */
struct xgt_result box_wait(struct xgt_mailbox *box, unsigned int cpu)
{
	volatile struct xg_slot *s = &box->page->slot[cpu];
	double since = xgt_now();
	struct xgt_result r;

	while (!box_done(box, cpu)) {
		if (xgt_now() > since + xgt_limit(WAIT_LIMIT)) {
			guest_hangs();
			FAIL("vCPU %u does not end command %u (progress %lu)",
			     cpu, s->cmd, s->progress);
		}
		xgt_pause(since);
	}
	r.status = s->status;
	for (int i = 0; i < XG_RESULTS; i++)
		r.v[i] = s->result[i];
	return r;
}

/**
 * box_ok - fail the test unless a command succeeded
 * @result: its results
 * @what: the command
 * @file: where
 * @line: where
 */
struct xgt_result box_ok(struct xgt_result result, const char *what,
			 const char *file, int line)
{
	static const char *const names[] = {
		"ok", "the guest got a fault", "the guest saw wrong contents",
		"bad command", "unsupported by the guest",
	};

	if (result.status != XG_OK)
		xgt_fail(file, line, "%s: %s (%lx %lx %lx %lx %lx)", what,
			 result.status < ARRAY_SIZE(names) ?
			 names[result.status] : "garbage in the mailbox",
			 result.v[0], result.v[1], result.v[2], result.v[3],
			 result.v[4]);
	return result;
}

/**
 * cmd_wait - box_wait() on the test's guest
 * @cpu: the vCPU
 */
struct xgt_result cmd_wait(unsigned int cpu)
{
	return box_wait(&xgt_box, cpu);
}

/**
 * cmd_stop_any - stop a loop and wait for its results
 * @cpu: the vCPU
 */
struct xgt_result cmd_stop_any(unsigned int cpu)
{
	xgt_box.page->slot[cpu].stop = 1;
	return cmd_wait(cpu);
}

/**
 * cmd_stop - stop a loop and wait for its results, which must be good
 * @cpu: the vCPU
 */
struct xgt_result cmd_stop(unsigned int cpu)
{
	return box_ok(cmd_stop_any(cpu), "a loop", __FILE__, __LINE__);
}

/**
 * cmd_progress - how far a vCPU's loop has come
 * @cpu: the vCPU
 */
uint64_t cmd_progress(unsigned int cpu)
{
	return xgt_box.page->slot[cpu].progress;
}

/**
 * cmd_advance - wait until a loop has made some steps
 * @cpu: the vCPU
 * @more: how many
 */
void cmd_advance(unsigned int cpu, uint64_t more)
{
	uint64_t until = cmd_progress(cpu) + more;
	double since = xgt_now();

	while (cmd_progress(cpu) < until) {
		if (box_done(&xgt_box, cpu)) {
			box_ok(cmd_wait(cpu), "a loop", __FILE__, __LINE__);
			FAIL("the loop of vCPU %u ended by itself", cpu);
		}
		if (xgt_now() > since + xgt_limit(WAIT_LIMIT)) {
			guest_hangs();
			FAIL("the loop of vCPU %u stands still at %lu", cpu,
			     cmd_progress(cpu));
		}
		xgt_pause(since);
	}
}

/* --- single accesses --------------------------------------------------------- */

/**
 * guest_read - what the guest reads in one word
 * @gpa: where
 */
uint64_t guest_read(uint64_t gpa)
{
	return cmd_ok(0, XG_CMD_READ, gpa, 8).v[0];
}

/**
 * guest_write - let the guest write one word
 * @gpa: where
 * @value: what
 */
void guest_write(uint64_t gpa, uint64_t value)
{
	cmd_ok(0, XG_CMD_WRITE, gpa, 8, value);
}

/**
 * guest_read_faults - the guest's read must get an exception
 * @gpa: where
 */
void guest_read_faults(uint64_t gpa)
{
	struct xgt_result r = cmd_run(0, XG_CMD_READ, gpa, 8);

	if (r.status != XG_FAULT)
		FAIL("the guest's read got no fault: status %u, value 0x%lx",
		     r.status, r.v[0]);
}

/**
 * guest_write_faults - the guest's write must get an exception
 * @gpa: where
 */
void guest_write_faults(uint64_t gpa)
{
	struct xgt_result r = cmd_run(0, XG_CMD_WRITE, gpa, 8, 1);

	if (r.status != XG_FAULT)
		FAIL("the guest's write got no fault: status %u", r.status);
}
