// SPDX-License-Identifier: GPL-2.0-only
/*
 * The example in the shape of vhost-user on the mock: a monitor and its device,
 * and what the monitor makes of a device that is not the example's.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/un.h>

#include "us.h"
#include "../../userspace/examples/shmem.h"

#define BAR	(2 * MIB)
#define BUFFER	(64 * KIB)
#define SOCKET	"/tmp/shmem.sock"
#define SHMID	1

/* Not ours, so it is not root that has the socket. */
static void start_device(struct program *p)
{
	unlink(SOCKET);
	program_start_user(p, (const char *const[]){ DEVICE, SOCKET, NULL });
	program_says(p, "waiting at " SOCKET);
}

static void start_frontend(struct program *p)
{
	static char range[64];

	snprintf(range, sizeof(range), "%s+%s", hex(BASE), hex(BAR));
	program_start(p, (const char *const[]){
			TOOL, "run", "--user", "1000", "7", "--range", range,
			"--max-windows", "1", "--", FRONTEND, hex(BASE),
			hex(BAR), SOCKET, NULL });
}

static void buffer_is(uint64_t offset, uint64_t buffer)
{
	for (uint64_t i = 0; i < BUFFER / PAGE; i++)
		CHECK_EQ(g_read(BASE + offset + i * PAGE), buffer << 32 | i);
}

/* The descriptor that a process holds with limits of its own. */
static const struct json *derived_of(const struct json *j, pid_t pid)
{
	const struct json *h;
	char path[64];

	for (unsigned int i = 0; i < json_length(j, "domains.0.holders"); i++) {
		snprintf(path, sizeof(path), "domains.0.holders.%u", i);
		h = json_at(j, path);
		if (json_number(h, "pid") == pid &&
		    !json_is_null(h, "bytes.limit"))
			return h;
	}
	FAIL("process %d holds no such descriptor", pid);
}

/* --- the two of them -------------------------------------------------------- */

static void both(void)
{
	struct program device, frontend;
	const struct json *j, *h;

	mock_begin(1);
	start_device(&device);
	start_frontend(&frontend);
	program_says(&frontend, "ready: user 1000, window ");
	program_says(&device, "shown: user 1000, a buffer of ");

	/* Three by message, of which one is to be read only; one by address. */
	buffer_is(0, 1);
	buffer_is(BUFFER, 2);
	buffer_is(2 * BUFFER, 3);
	buffer_is(4 * BUFFER, 5);
	g_write(BASE + BUFFER, 7);
	CHECK_EQ(g_read(BASE + BUFFER), 7);
	g_write(BASE + 4 * BUFFER, 8);
	CHECK_EQ(g_read(BASE + 4 * BUFFER), 8);
	g_expect(BASE + 2 * BUFFER, WRITE, XGM_INJECTED);
	program_says(&frontend, "event: window ");
	has(program_out(&frontend), "(write) at 0x20000, 4096 bytes, failed: a write to what cannot be written");
	/* Hidden again, and never shown. */
	g_expect(BASE + 3 * BUFFER, READ, XGM_MMIO);
	g_expect(BASE + BAR - PAGE, READ, XGM_MMIO);

	/* What the device has is one descriptor for one BAR. */
	j = json_parse(tool(0, "list", "--json"), NULL);
	h = derived_of(j, device.pid);
	CHECK(!strcmp(json_string(h, "rights"), "lend"));
	CHECK_EQ(json_number(h, "ranges"), 1);
	CHECK_EQ(json_number(h, "windows.limit"), 1);
	CHECK_EQ(json_number(h, "bytes.limit"), BAR);
	CHECK_EQ(json_number(h, "bytes.used"), 4 * BUFFER);
	derived_of(j, frontend.pid);

	/* When the device dies, nothing of it stays, however it got there. */
	kill(device.pid, SIGKILL);
	CHECK_EQ(program_wait(&device), 128 + SIGKILL);
	program_says(&frontend, "the device is gone");
	g_expect(BASE, READ, XGM_MMIO);
	g_expect(BASE + 2 * BUFFER, READ, XGM_MMIO);
	g_expect(BASE + 4 * BUFFER, READ, XGM_MMIO);
	mock_kill(true);
	CHECK_EQ(program_wait(&frontend), 0);
	has(program_out(&frontend), "the guest is gone\n");
	CHECK(!*program_err(&frontend));
	program_close(&device);
	program_close(&frontend);
	mock_end();
}

/* The monitor ends first: then there is nothing to be had for the device. */
static void frontend_ends(void)
{
	struct program device, frontend;

	mock_begin(1);
	start_device(&device);
	start_frontend(&frontend);
	program_says(&device, "shown: ");
	buffer_is(0, 1);
	kill(frontend.pid, SIGKILL);
	CHECK_EQ(program_wait(&frontend), 128 + SIGKILL);
	CHECK_EQ(program_wait(&device), 0);
	EVENTUALLY(!mock_stats().out_windows);
	g_expect(BASE, READ, XGM_NOWINDOW);
	program_close(&device);
	program_close(&frontend);
	mock_end();
}

/* --- a device that we are --------------------------------------------------- */

struct peer {
	struct program frontend;
	int socket, dom;
	struct shm_region region;
};

/* Start a monitor, and be its device. */
static void peer_new(struct peer *p)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct shm_message m;
	int fd;

	strcpy(name.sun_path, SOCKET);
	unlink(SOCKET);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&name, sizeof(name)));
	CHECK(!listen(fd, 1) && !chown(SOCKET, 1000, 1000));
	start_frontend(&p->frontend);
	program_says(&p->frontend, "ready: user 1000, window ");
	p->socket = accept(fd, NULL, NULL);
	CHECK(p->socket >= 0);
	close(fd);
	CHECK_EQ(shm_receive(p->socket, &m, &p->dom), 1);
	CHECK_EQ(m.header.request, SHM_REGION);
	CHECK_EQ(m.header.size, sizeof(m.region));
	p->region = m.region;
	CHECK_EQ(p->region.shmid, SHMID);
	CHECK_EQ(p->region.size, BAR);
	OK(xgm_domain_adopt(p->dom));
}

static void peer_end(struct peer *p)
{
	close(p->socket);
	close(p->dom);
	kill(p->frontend.pid, SIGKILL);
	CHECK_EQ(program_wait(&p->frontend), 128 + SIGKILL);
	program_close(&p->frontend);
	EVENTUALLY(!mock_stats().out_windows);
}

static uint64_t ask(struct peer *p, uint32_t request, const struct shm_map *map,
		    int fd)
{
	struct shm_message m = {
		.header = {
			.request = request, .flags = SHM_NEED_REPLY,
			.size = sizeof(m.map),
		},
		.map = *map,
	};
	int none;

	OK(shm_send(p->socket, &m, fd));
	CHECK_EQ(shm_receive(p->socket, &m, &none), 1);
	CHECK_EQ(m.header.request, request);
	CHECK(m.header.flags & SHM_REPLY);
	CHECK_EQ(m.header.size, sizeof(m.reply));
	CHECK_EQ(none, -1);
	return m.reply;
}

/* One that is good, but for what a test gives. */
#define MAP(...) \
	(&(struct shm_map){ .shmid = SHMID, .len = BUFFER, \
			    .flags = SHM_MAP_RW, __VA_ARGS__ })

static unsigned int files_of(pid_t pid)
{
	struct dirent *e;
	unsigned int n = 0;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	CHECK(dir);
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

#pragma GCC diagnostic push
/* MAP() gives some twice: what is given last counts. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* What makes no sense is answered so, and changes nothing. */
static void refused(void)
{
	char path[] = "/tmp/shmem-XXXXXX";
	int file = memfd_new(BAR), null, readonly;
	unsigned int files;
	struct peer p;

	mock_begin(1);
	peer_new(&p);
	files = files_of(p.frontend.pid);
	stamp(map_shared(file, BAR), BAR, 100);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	close(mkstemp(path));
	readonly = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(null >= 0 && readonly >= 0 && !truncate(path, BAR));

	CHECK_EQ(ask(&p, SHM_MAP, MAP(), -1), EBADF);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.shmid = 2), file), EINVAL);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.flags = 3), file), EINVAL);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.flags = 1ULL << 40), file), EINVAL);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.len = 0), file), EINVAL);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.len = 100), file), EINVAL);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.shm_offset = 1), file), EINVAL);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.fd_offset = 1), file), EINVAL);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.shm_offset = BAR), file), ERANGE);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.shm_offset = -PAGE), file), EINVAL);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(), null), ENODEV);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(), readonly), EACCES);
	CHECK_EQ(ask(&p, SHM_UNMAP, MAP(), -1), ENOENT);
	CHECK_EQ(ask(&p, 77, MAP(), file), EOPNOTSUPP);
	CHECK_EQ(mock_stats().out_present, 0);
	g_expect(BASE, READ, XGM_MMIO);

	/* Control: what makes sense is done. */
	CHECK_EQ(ask(&p, SHM_MAP, MAP(), file), 0);
	CHECK_EQ(g_read(BASE), 100);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.shm_offset = BUFFER, .flags = 0),
		     readonly), 0);
	CHECK_EQ(g_read(BASE + BUFFER), 0);
	/* Over what is there, or of a part of it. */
	CHECK_EQ(ask(&p, SHM_MAP, MAP(), file), EEXIST);
	CHECK_EQ(ask(&p, SHM_UNMAP, MAP(.len = PAGE), -1), EEXIST);
	CHECK_EQ(ask(&p, SHM_UNMAP, MAP(), file), EINVAL);
	CHECK_EQ(g_read(BASE), 100);
	CHECK_EQ(ask(&p, SHM_UNMAP, MAP(), -1), 0);
	g_expect(BASE, READ, XGM_MMIO);
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.fd_offset = BUFFER), file), 0);
	CHECK_EQ(g_read(BASE), 100 + BUFFER / PAGE);

	/* It keeps no descriptor, and does not talk without end. */
	CHECK_EQ(files_of(p.frontend.pid), files);
	for (unsigned int i = 0; i < 100; i++)
		CHECK_EQ(ask(&p, SHM_MAP, MAP(), file), EEXIST);
	CHECK(lines(program_err(&p.frontend)) <= 25);
	has(program_err(&p.frontend), "(no more is told)\n");
	unlink(path);
	peer_end(&p);
	mock_end();
}

/* What the device's descriptor is good for, and what it is not. */
static void attenuated(void)
{
	volatile uint64_t *mine = map_anon(2 * BAR);
	struct xgm_limits l = {
		.size = sizeof(l), .rights = XEN_GPUMEM_RIGHT_LEND |
					     XEN_GPUMEM_RIGHT_REMOVE,
	};
	struct peer p;
	uint32_t w;

	mock_begin(1);
	peer_new(&p);
	w = p.region.window;
	OK(xgm_bind(p.dom, w, 0, BUFFER, mine, 0, XEN_GPUMEM_POLICY_INJECT));
	mine[0] = 6;
	CHECK_EQ(g_read(BASE), 6);
	/* No second BAR, no other place, no more than fits, no more rights. */
	ERR(xgm_window_add(p.dom, XEN_GPUMEM_PARKED, PAGE,
			   XEN_GPUMEM_POLICY_MMIO, &w), ENOSPC);
	ERR(xgm_window_move(p.dom, w, BASE + BAR), EACCES);
	ERR(xgm_bind(p.dom, w, BAR, PAGE, mine, 0, XEN_GPUMEM_POLICY_INJECT),
	    ERANGE);
	CHECK_EQ(xgm_domain_derive(p.dom, &l), -EPERM);
	/* What the monitor maps counts with it. */
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.shm_offset = BUFFER,
				      .len = BAR - BUFFER),
		     memfd_new(BAR)), 0);
	CHECK_EQ(ask(&p, SHM_UNMAP, MAP(.shm_offset = BUFFER,
					.len = BAR - BUFFER), -1), 0);
	for (unsigned int i = 1; i < 64; i++)
		OK(xgm_bind(p.dom, w, BUFFER + i * PAGE, PAGE, mine, 0,
			    XEN_GPUMEM_POLICY_INJECT));
	CHECK_EQ(ask(&p, SHM_MAP, MAP(.shm_offset = BAR - BUFFER),
		     memfd_new(BAR)), ENOSPC);
	peer_end(&p);
	mock_end();
}

#pragma GCC diagnostic pop

/* Two descriptors with one message. */
static void send_two(int socket)
{
	struct shm_message m = {
		.header = {
			.request = SHM_MAP, .flags = SHM_VERSION,
			.size = sizeof(m.map),
		},
	};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {
		0
	};
	int fds[2] = { memfd_new(PAGE), memfd_new(PAGE) };
	struct iovec iov[] = {
		{ &m.header, sizeof(m.header) }, { &m.map, sizeof(m.map) },
	};
	struct msghdr msg = {
		.msg_iov = iov, .msg_iovlen = 2, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	CHECK(sendmsg(socket, &msg, 0) > 0);
}

static void send_header(int socket, uint32_t flags, uint32_t size,
			size_t bytes)
{
	const struct shm_header h = {
		.request = SHM_MAP, .flags = flags, .size = size,
	};

	CHECK_EQ(send(socket, &h, bytes, 0), bytes);
}

/* Who does not speak the protocol is hung up on, and leaves nothing. */
static void nonsense(void)
{
	unsigned int files;
	struct peer p;
	char byte;

	for (unsigned int i = 0; i < 5; i++) {
		mock_begin(1);
		peer_new(&p);
		files = files_of(p.frontend.pid);
		OK(xgm_bind(p.dom, p.region.window, 0, BUFFER,
			    map_anon(BUFFER), 0, XEN_GPUMEM_POLICY_INJECT));
		CHECK_EQ(g_read(BASE), 0);
		switch (i) {
		case 0:		/* half a header, and then nothing */
			send_header(p.socket, SHM_VERSION, 0, 5);
			break;
		case 1:		/* a payload that never comes */
			send_header(p.socket, SHM_VERSION,
				    sizeof(struct shm_map), 12);
			break;
		case 2:		/* more than there is room for */
			send_header(p.socket, SHM_VERSION, 1 << 20, 12);
			break;
		case 3:		/* another version */
			send_header(p.socket, 2, 0, 12);
			break;
		case 4:
			send_two(p.socket);
			break;
		}
		program_says(&p.frontend, "the device is gone (");
		/* EOF, or an error where it had not read all. */
		CHECK(recv(p.socket, &byte, 1, 0) <= 0);
		g_expect(BASE, READ, XGM_MMIO);
		CHECK_EQ(files_of(p.frontend.pid), files - 1);
		peer_end(&p);
		mock_end();
	}
}

static const struct xgt_test tests[] = {
	{ "U2-example-vhost-user", "U2,L11,S1", both, 0, 0 },
	{ "U2-example-vhost-user-ends", "U2,L13", frontend_ends, 0, 0 },
	{ "U2-example-vhost-user-refused", "U2,L23", refused, 0, 0 },
	{ "U2-example-vhost-user-attenuated", "U2,S1", attenuated, 0, 0 },
	{ "U2-example-vhost-user-nonsense", "U2", nonsense, 0, 0 },
};

XGT_MAIN(tests)
