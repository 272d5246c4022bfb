// SPDX-License-Identifier: GPL-2.0-only
/*
 * L7: a device of the guest's that is told to use lent memory.
 *
 * iommu.c looks at what Xen has entered into the tables; here a device goes by
 * them.  It is QEMU's "edu", which copies between the bus and a page of its own,
 * where and when its registers say so.  It is assigned to an empty domain, and we
 * keep its registers: a guest with a driver could do no more than this.
 */
#include <dirent.h>

#include "xgt.h"

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/domctl.h>

#define GFN		(XGT_WINDOW / PAGE)
#define NR		4
#define RAM_GFN		0x100
#define RAM_NR		4

/* Short, so that one copy is one fault: Xen stops a device that makes many. */
#define LENGTH		64

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_SIZE	MIB
#define EDU_MEMORY	0x40000
/* Registers of 64 bits, in words. */
#define EDU_SOURCE	(0x80 / 8)
#define EDU_TARGET	(0x88 / 8)
#define EDU_COUNT	(0x90 / 8)
#define EDU_COMMAND	(0x98 / 8)
#define EDU_RUN		1
#define EDU_TO_BUS	2

static struct {
	char name[256];
	uint32_t sbdf;
	volatile uint64_t *regs;
} edu;

/* --- the device ----------------------------------------------------------------------- */

static bool is_edu(const char *name)
{
	unsigned int vendor = 0, device = 0;
	char path[400], line[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/uevent", name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "PCI_ID=%x:%x", &vendor, &device);
	if (f)
		fclose(f);
	return vendor == EDU_VENDOR && device == EDU_DEVICE;
}

static int edu_file(const char *file, int flags)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", edu.name,
		 file);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		FAIL("%s: %s", path, strerror(errno));
	return fd;
}

/* It answers, and may use the bus. */
static void edu_enable(void)
{
	int fd = edu_file("enable", O_WRONLY);
	uint16_t command;

	CHECK_EQ(write(fd, "1", 1), 1);
	close(fd);
	fd = edu_file("config", O_RDWR);
	CHECK_EQ(pread(fd, &command, 2, 4), 2);
	command |= 6;
	CHECK_EQ(pwrite(fd, &command, 2, 4), 2);
	close(fd);
	fd = edu_file("resource0", O_RDWR);
	edu.regs = mmap(NULL, EDU_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			0);
	if (edu.regs == MAP_FAILED)
		FAIL("registers of the device: %s", strerror(errno));
	close(fd);
	/* Its first word says what it is. */
	CHECK_EQ(*(volatile uint32_t *)edu.regs & 0xff, 0xed);
}

static void edu_open(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	unsigned int seg, bus, dev, fn;
	struct dirent *e;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && is_edu(e->d_name))
			snprintf(edu.name, sizeof(edu.name), "%s", e->d_name);
	if (dir)
		closedir(dir);
	if (sscanf(edu.name, "%x:%x:%x.%x", &seg, &bus, &dev, &fn) != 4)
		xgt_skip("no edu device");
	edu.sbdf = seg << 16 | bus << 8 | dev << 3 | fn;
	edu_enable();
}

static void edu_copy(uint64_t source, uint64_t target, uint64_t command)
{
	edu.regs[EDU_SOURCE] = source;
	edu.regs[EDU_TARGET] = target;
	edu.regs[EDU_COUNT] = LENGTH;
	edu.regs[EDU_COMMAND] = command | EDU_RUN;
	EVENTUALLY(!(edu.regs[EDU_COMMAND] & EDU_RUN));
}

static void device_reads(uint64_t gfn)
{
	edu_copy(gfn * PAGE, EDU_MEMORY, 0);
}

static void device_writes(uint64_t gfn)
{
	edu_copy(EDU_MEMORY, gfn * PAGE, EDU_TO_BUS);
}

static long assign(uint32_t cmd)
{
	struct xen_domctl op = { .cmd = cmd, .domain = xgt_guest.domid };

	op.u.assign_device.dev = XEN_DOMCTL_DEV_PCI;
	op.u.assign_device.u.pci.machine_sbdf = edu.sbdf;
	return xen_domctl(&op);
}

/* --- the domain ------------------------------------------------------------------------- */

static void domain_new(void)
{
	int domid = xen_borrower_new(XEN_DOMCTL_CDF_iommu);

	xgt_guest.domid = domid;
	OK(xen_set_max_mem(domid, RAM_NR * PAGE));
	for (unsigned int i = 0; i < RAM_NR; i++)
		CHECK_EQ(xen_populate(domid, RAM_GFN + i), 1);
}

/* A page of the domain's, here. */
static volatile uint64_t *map_guest(uint64_t gfn)
{
	int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC), err = 0;
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct privcmd_mmapbatch_v2 b = {
		.num = 1, .dom = xgt_guest.domid, .addr = (uintptr_t)p,
		.arr = &gfn, .err = &err,
	};

	if (p == MAP_FAILED || ioctl(fd, IOCTL_PRIVCMD_MMAPBATCH_V2, &b) || err)
		FAIL("cannot map frame 0x%lx of the domain", gfn);
	close(fd);
	return p;
}

/* The number of a page of ours, which stays where it is. */
static uint64_t frame_of(volatile uint64_t *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	CHECK(!mlock((void *)p, PAGE));
	CHECK_EQ(pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8), 8);
	close(fd);
	CHECK(entry >> 63);
	return entry & ((1ULL << 55) - 1);
}

/* Control: between two pages of the domain's own it copies. */
static void works(volatile uint64_t *from, volatile uint64_t *to)
{
	fill(from, PAGE, 1);
	fill(to, PAGE, 3);
	device_reads(RAM_GFN);
	device_writes(RAM_GFN + 1);
	verify(to, LENGTH, 1);
	CHECK_EQ(to[LENGTH / 8], xg_pattern(3, LENGTH));
}

static void dma(void)
{
	volatile uint64_t *lent = map_shared(memfd_new(PAGE), PAGE);
	volatile uint64_t *from, *to;
	uint32_t id;

	edu_open();
	domain_new();
	from = map_guest(RAM_GFN);
	to = map_guest(RAM_GFN + 1);
	fill(lent, PAGE, 2);
	raw_attach();
	OK(raw_create(GFN, NR, &id));
	OK(assign(XEN_DOMCTL_assign_device));
	works(from, to);
	/* Lent after the device was there: it does not get it. */
	OK(raw_map_one(id, 1, frame_of(lent), 1, XEN_LEND_ATTR_WRITE));
	CHECK(raw_inspect(id, 1).mfn != ~0ULL);
	device_writes(GFN + 1);
	verify(lent, PAGE, 2);
	device_reads(GFN + 1);
	device_writes(RAM_GFN + 1);
	for (unsigned int i = 0; i < LENGTH / 8; i++)
		CHECK(to[i] != xg_pattern(2, i * 8));
	verify(lent, PAGE, 2);
	/* It goes by its tables still; and after the memory is gone. */
	works(from, to);
	CHECK_EQ(raw_take(id, 0, NR, 0), 1);
	works(from, to);
	OK(assign(XEN_DOMCTL_deassign_device));
	raw_detach();
	munmap((void *)from, PAGE);
	munmap((void *)to, PAGE);
	xen_domain_destroy(xgt_guest.domid);
}

static const struct xgt_test tests[] = {
	{ "L7-neg-14-device-dma", "L7,N14", dma, 0, 0 },
};

XGT_MAIN(tests)
