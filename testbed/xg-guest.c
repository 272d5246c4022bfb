// SPDX-License-Identifier: GPL-2.0-only
/*
 * Start, watch and destroy PVH guests inside the emulated dom0.
 *
 *   xg-guest start NAME VCPUS MEMORY_MB [-r RAMDISK] [-c 'KEY=VALUE']...
 *                  [-- KERNEL-ARG...]
 *       prints the domid once the guest's init has said "XG-GUEST ready"
 *   xg-guest domid NAME         prints the domid, fails if there is none
 *   xg-guest wait NAME SECONDS  until the domain is gone
 *   xg-guest destroy NAME
 *   xg-guest state NAME         its vCPUs, as Xen and the guest itself see
 *                               them, to the console: for one that hangs
 *
 * What the guest prints lands in /var/log/xen/console/guest-NAME.log.
 *
 * Some emulators lose a guest early in its boot, before it can have touched
 * anything lent.  Such a guest is started once more, and the line "XG-REBOOT"
 * makes the runner count it.  After "XG-GUEST ready" a guest which is gone is
 * never excused.
 */
#include "xg.h"

#include <sys/wait.h>

#define READY		"XG-GUEST ready"
#define START_LIMIT	300

/* The guest that the scenario wants: see bare.c of tests/guest. */
static bool bare(void)
{
	const char *guest = getenv("XG_GUEST");

	return guest && !strcmp(guest, "bare");
}

static int xl(const char *const argv[], char *out, size_t size)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		/* xl leaves a daemon behind: it must not hold our pipes. */
		if (out)
			dup2(fds[1], 1);
		else
			dup2(2, 1);
		execvp("xl", (char **)argv);
		_exit(127);
	}
	close(fds[1]);
	while (out && len < size - 1 &&
	       (n = read(fds[0], out + len, size - 1 - len)) > 0)
		len += n;
	if (out)
		out[len] = '\0';
	close(fds[0]);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static int domid_of(const char *name)
{
	const char *argv[] = { "xl", "domid", name, NULL };
	char out[64];

	/* xl takes long to say that there is none. */
	if (xen_next_domain(1) < 0 || xl(argv, out, sizeof(out)))
		return -1;
	return atoi(out);
}

static void log_path(const char *name, char *path, size_t size)
{
	snprintf(path, size, "/var/log/xen/console/guest-%s.log", name);
}

/* Does the guest's console log hold @text beyond @from? */
static bool said(const char *name, const char *text, long from)
{
	static char buf[1 << 20];
	char path[160];
	size_t n;
	FILE *f;

	log_path(name, path, sizeof(path));
	f = fopen(path, "re");
	if (!f)
		return false;
	fseek(f, from, SEEK_SET);
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	return strstr(buf, text);
}

static long log_size(const char *name)
{
	char path[160];
	long size = 0;
	FILE *f;

	log_path(name, path, sizeof(path));
	f = fopen(path, "re");
	if (f) {
		fseek(f, 0, SEEK_END);
		size = ftell(f);
		fclose(f);
	}
	return size;
}

static int write_config(const char *path, int argc, char **argv)
{
	const char *ramdisk = bare() ? NULL : "/guest/initramfs";
	FILE *f = fopen(path, "we");
	int i = 3;
	long khz;

	if (!f)
		return -1;
	fprintf(f, "name = \"%s\"\ntype = \"pvh\"\nvcpus = %s\nmemory = %s\n",
		argv[0], argv[1], argv[2]);
	if (i + 1 < argc && !strcmp(argv[i], "-r")) {
		ramdisk = argv[i + 1];
		i += 2;
	}
	/* Whoever brings a ramdisk wants Linux. */
	if (ramdisk)
		fprintf(f, "kernel = \"/guest/vmlinuz\"\nramdisk = \"%s\"\n",
			ramdisk);
	else
		fprintf(f, "kernel = \"/guest/bare\"\n");
	/* RDTSC would be intercepted otherwise: 133,000 exits at boot. */
	fprintf(f, "tsc_mode = \"native\"\n");
	fprintf(f, "on_poweroff = \"destroy\"\non_reboot = \"destroy\"\n");
	fprintf(f, "on_crash = \"destroy\"\n");
	for (; i + 1 < argc && !strcmp(argv[i], "-c"); i += 2)
		fprintf(f, "%s\n", argv[i + 1]);
	/*
	 * Tell the kernel what it would find out by polling a timer's port:
	 * each poll is an exit, and on a busy host the answer is wrong.  The
	 * rest is left out because it takes time and is not what is tested.
	 */
	khz = xen_cpu_khz();
	fprintf(f, "cmdline = \"console=hvc0 panic=-1 loglevel=5 pci=off"
		" tsc_early_khz=%ld lpj=%ld mitigations=off lsm=capability"
		" cryptomgr.notests=1", khz, khz * 1000 / 250);
	if (i < argc && !strcmp(argv[i], "--"))
		i++;
	for (; i < argc; i++)
		fprintf(f, " %s", argv[i]);
	fprintf(f, "\"\n");
	return fclose(f);
}

/*
 * A kernel that wants to know the processor's frequency looks at the timer's
 * counter, the high byte of it, until it changes, and gives up after 50,000
 * looks of two exits each: a PVH guest has no timer, and all ones is where it
 * begins.  This takes 15 s on a slow host.  With a port that reads differently,
 * the status of the machine's keyboard, it gives up at once.  (It writes all
 * ones there, which mean nothing to a keyboard, and has its frequency from us.)
 */
static void answer_timer(int domid)
{
	if (!xen_map_port(domid, 0x42, 0x64))
		fprintf(stderr, "xg-guest: no timer port: the boot will take longer\n");
}

/* Return: the domid; -1 if the guest vanished, -2 if there never was one. */
static int start_once(const char *name, const char *config)
{
	const char *create[] = { "xl", "create", "-p", config, NULL };
	const char *pace = getenv("XG_PACE");
	long from = log_size(name);
	time_t end;
	int domid;

	if (xl(create, NULL, 0))
		return -2;
	domid = domid_of(name);
	if (!bare())
		answer_timer(domid);
	if (!xen_unpause(domid))
		return -2;
	/* See init.c. */
	end = time(NULL) + START_LIMIT * (pace ? atof(pace) : 1);
	for (; time(NULL) < end; usleep(50000)) {
		if (said(name, READY, from))
			return domid;
		if (xen_next_domain(domid) != domid)
			/* Its last words may still be on their way. */
			return usleep(300000), said(name, READY, from) ?
				domid : -1;
	}
	return -2;
}

static int start(int argc, char **argv)
{
	char config[160];
	int domid;

	snprintf(config, sizeof(config), "/run/xg/%s.cfg", argv[0]);
	if (write_config(config, argc, argv)) {
		perror(config);
		return 1;
	}
	domid = start_once(argv[0], config);
	if (domid == -1) {
		fprintf(stderr, "XG-REBOOT %s vanished before it was ready\n",
			argv[0]);
		domid = start_once(argv[0], config);
	}
	if (domid < 0) {
		fprintf(stderr, "xg-guest: %s did not start\n", argv[0]);
		return 1;
	}
	printf("%d\n", domid);
	return 0;
}

/* Whatever of it works; a guest that hangs may not answer the last one. */
static int state(const char *name)
{
	const char *list[] = { "xl", "vcpu-list", name, NULL };
	/* Domains and their vCPUs, event channels, what the processor has. */
	const char *keys[] = { "xl", "debug-keys", "qev", NULL };
	const char *traces[] = { "xl", "sysrq", name, "l", NULL };

	xl(list, NULL, 0);
	xl(keys, NULL, 0);
	xl(traces, NULL, 0);
	sleep(3);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";

	if (!strcmp(verb, "start") && argc >= 5)
		return start(argc - 2, argv + 2);
	if (!strcmp(verb, "domid")) {
		int domid = domid_of(argv[2]);

		if (domid < 0)
			return 1;
		printf("%d\n", domid);
		return 0;
	}
	if (!strcmp(verb, "wait") && argc == 4) {
		time_t end = time(NULL) + atoi(argv[3]);

		/* Not xl's word each time: it takes long to say it. */
		for (int domid; (domid = domid_of(argv[2])) >= 0; )
			do {
				if (time(NULL) >= end)
					return 1;
				usleep(100000);
			} while (xen_next_domain(domid) == domid);
		return 0;
	}
	if (!strcmp(verb, "destroy")) {
		const char *destroy[] = { "xl", "destroy", argv[2], NULL };

		return xl(destroy, NULL, 0) ? 1 : 0;
	}
	if (!strcmp(verb, "state"))
		return state(argv[2]);
	fprintf(stderr,
		"usage: xg-guest start|domid|wait|destroy|state NAME ...\n");
	return 2;
}
