/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between the command server (server.c, picture.c: no operating system) and
 * whatever it runs on (init.c: Linux).
 */
#ifndef TESTS_GUEST_SERVER_H
#define TESTS_GUEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include "mailbox.h"

/* One command being executed: a copy, so that the mailbox may vanish. */
struct xg_run {
	volatile struct xg_slot *slot;
	unsigned int cpu;
	uint32_t cmd;
	uint64_t arg[XG_ARGS];
	/* Volatile: a fault ends the command by a jump, between any two lines. */
	volatile uint32_t status;
	volatile uint64_t result[XG_RESULTS];
	uint64_t *rows;		/* checksums of a picture's rows */
};

/* --- the server ----------------------------------------------------------- */

/* Serve one vCPU's slot, for ever. */
void xg_serve(unsigned int cpu);

void xg_draw(struct xg_run *run, volatile uint32_t *fb);
void xg_animate(struct xg_run *run, volatile uint32_t *fb);
void xg_emulate(struct xg_run *run);
void xg_emulate_loop(struct xg_run *run);
void xg_hostile(struct xg_run *run);
void xg_device(struct xg_run *run);
void xg_between(struct xg_run *run);
void xg_process(struct xg_run *run);
void xg_share(struct xg_run *run);
void xg_unshare(struct xg_run *run);
void xg_refs(struct xg_run *run);
void xg_gfns(struct xg_run *run);
void xg_map_grants(struct xg_run *run);
void xg_unmap_grants(struct xg_run *run);
/* Where a part of a shared area is mapped, or NULL. */
volatile void *xg_shared_map(uint64_t gpa, uint64_t length);

static inline bool xg_stopped(const struct xg_run *run)
{
	return run->slot->stop;
}

/* --- what it runs on ------------------------------------------------------ */

extern unsigned int port_cpus;

/* Where a guest-physical range is mapped; NULL outside of arena and far room. */
volatile void *port_map(uint64_t gpa, uint64_t length);

/*
 * Call @fn; false if a fault ended it.  Costs nothing while nothing faults.  May
 * be nested.
 */
bool port_protect(void (*fn)(struct xg_run *run), struct xg_run *run);

/* Nothing to do: once around without a command, or without a mailbox. */
void port_idle(unsigned int rounds);
void port_no_mailbox(void);

/* A page that hypercalls can reach. */
uint8_t *port_buffer(void);
long port_hypercall(const uint64_t arg[6], bool *supported);
/* Make the guest's own mapping of a part of the arena anew. */
void port_remap(uint64_t gpa, uint64_t length);
/* Run on that vCPU again, if something moved us away. */
void port_pin(unsigned int cpu);
/* Take another vCPU offline and back, by the kernel's own means. */
void port_replug(unsigned int cpu);
/* Reset another vCPU, which then serves its slot from the start; or false. */
bool port_reset(unsigned int cpu);
void port_power_off(void);
void port_crash(void);

#endif
