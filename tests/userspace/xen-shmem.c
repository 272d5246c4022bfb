// SPDX-License-Identifier: GPL-2.0-only
/*
 * The example in the shape of vhost-user on Xen: two processes without privilege,
 * and a guest that looks at what the one shows through the other.
 */
#include <signal.h>
#include <sys/stat.h>

#include "us.h"

#define GPA	XGT_WINDOW
#define BAR	(2 * MIB)
#define BUFFER	(64 * KIB)
#define NOBODY	(~0ULL)
#define SOCKET	"/tmp/shmem.sock"
#define CARD	"/dev/dri/card0"

static void start(struct program *device, struct program *frontend)
{
	char range[64], domid[16];

	snprintf(range, sizeof(range), "%s+%s", hex(GPA), hex(BAR));
	snprintf(domid, sizeof(domid), "%d", xgt_guest.domid);
	program_start_user(device, (const char *const[]){
			DEVICE, SOCKET, NULL });
	program_says(device, "waiting at " SOCKET);
	program_start(frontend, (const char *const[]){
			TOOL, "run", "--user", "1000", domid, "--range",
			range, "--max-windows", "1", "--", FRONTEND, hex(GPA),
			hex(BAR), SOCKET, NULL });
	program_says(frontend, "ready: user 1000, window ");
	program_says(device, "shown: user 1000, a buffer of ");
}

static void buffer_is(uint64_t offset, uint64_t buffer)
{
	for (uint64_t i = 0; i < BUFFER / PAGE; i++)
		CHECK_EQ(guest_read(GPA + offset + i * PAGE),
			 buffer << 32 | i);
}

static void buffers_are(void)
{
	buffer_is(0, 1);
	buffer_is(BUFFER, 2);
	buffer_is(2 * BUFFER, 3);
	buffer_is(4 * BUFFER, 5);
	/* Hidden again, and never shown. */
	CHECK_EQ(guest_read(GPA + 3 * BUFFER), NOBODY);
	CHECK_EQ(guest_read(GPA + BAR - PAGE), NOBODY);
}

static void has_no_privilege(pid_t pid)
{
	has(status_line(pid, "\nUid:\t"), "1000\t1000\t1000\t1000");
	has(status_line(pid, "\nCapPrm:\t"), "0000000000000000");
	has(status_line(pid, "\nCapEff:\t"), "0000000000000000");
}

static void both(void)
{
	struct program device, frontend;

	start(&device, &frontend);
	has_no_privilege(device.pid);
	has_no_privilege(frontend.pid);
	buffers_are();
	guest_write(GPA, 7);
	CHECK_EQ(guest_read(GPA), 7);
	guest_write(GPA + 4 * BUFFER, 8);
	CHECK_EQ(guest_read(GPA + 4 * BUFFER), 8);
	guest_write_faults(GPA + 2 * BUFFER);
	program_says(&frontend, "(write) at 0x20000, 4096 bytes, failed: a write to what cannot be written");
	buffer_is(2 * BUFFER, 3);

	/* The device dies, and nothing of it stays, however it got there. */
	kill(device.pid, SIGKILL);
	CHECK_EQ(program_wait(&device), 128 + SIGKILL);
	program_says(&frontend, "the device is gone");
	CHECK_EQ(guest_read(GPA), NOBODY);
	CHECK_EQ(guest_read(GPA + BUFFER), NOBODY);
	CHECK_EQ(guest_read(GPA + 2 * BUFFER), NOBODY);
	CHECK_EQ(guest_read(GPA + 4 * BUFFER), NOBODY);
	kill(frontend.pid, SIGTERM);
	CHECK_EQ(program_wait(&frontend), 128 + SIGTERM);
	CHECK(!*program_err(&frontend) && !*program_err(&device));
	program_close(&device);
	program_close(&frontend);
}

/* A buffer of the GPU's, which the device has as a dma-buf. */
static void gpu(void)
{
	struct program device, frontend;
	char path[64], line[400];
	bool found = false;
	FILE *f;

	CHECK(!chmod(CARD, 0666));
	start(&device, &frontend);
	has(program_out(&device), "a buffer of the GPU's\n");
	/* Mapped by the driver, where it was bound. */
	snprintf(path, sizeof(path), "/proc/%d/maps", frontend.pid);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		found |= !!strstr(line, "dmabuf");
	fclose(f);
	CHECK(found);
	buffers_are();
	guest_write(GPA + BUFFER, 5);
	CHECK_EQ(guest_read(GPA + BUFFER), 5);
	guest_destroy(&xgt_guest);
	CHECK_EQ(program_wait(&frontend), 0);
	has(program_out(&frontend), "the guest is gone\n");
	CHECK_EQ(program_wait(&device), 0);
	CHECK(!*program_err(&frontend) && !*program_err(&device));
	program_close(&device);
	program_close(&frontend);
	CHECK(!chmod(CARD, 0600));
}

static const struct xgt_test tests[] = {
	{ "U2-xen-vhost-user", "U2,L11,S1", both, XGT_GUEST, 0 },
	{ "U2-xen-vhost-user-gpu", "U2,L23", gpu,
	  XGT_GUEST | XGT_QXL | XGT_ENDS_GUEST, 0 },
};

XGT_MAIN(tests)
