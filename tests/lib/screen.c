// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the emulated machine's display shows: the emulator is asked for a picture
 * and answers with its checksum (testbed/screen.py), which is compared with that
 * of the pixels in memory.
 */
#include <dirent.h>

#include "kms.h"

/**
 * screen_open - the port on which the answers come
 *
 * Only root can open it; whoever has it can ask.  One test at a time.
 */
int screen_open(void)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *e;
	int fd = -1;

	if (!dir)
		xgt_skip("no ports of the emulator's");
	while (fd < 0 && (e = readdir(dir))) {
		char path[300], name[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%63s", name) == 1 &&
		    !strcmp(name, "xg.answers")) {
			snprintf(path, sizeof(path), "/dev/%s", e->d_name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
		}
		fclose(f);
	}
	closedir(dir);
	if (fd < 0)
		xgt_skip("no port for answers about the display");
	return fd;
}

/* One line; before the other side is there, reading says end of file. */
static void answer(int port, char *line, size_t size)
{
	size_t len = 0;

	for (int i = 0; i < 6000; i++) {
		ssize_t n = read(port, line + len, size - 1 - len);

		len += n > 0 ? n : 0;
		line[len] = '\0';
		if (strchr(line, '\n'))
			return;
		xgt_sleep_ms(10);
	}
	FAIL("no picture of the display");
}

/**
 * screen_ask - checksum of what the display shows
 * @port: of screen_open()
 * @name: of the picture, which stays with the run's files
 * @width: in pixels, which must be the display's
 * @height: likewise
 */
uint32_t screen_ask(int port, const char *name, unsigned int width,
		    unsigned int height)
{
	unsigned int crc, w, h;
	char line[200], is[100];

	printf("XG-SCREENDUMP %s\n", name);
	answer(port, line, sizeof(line));
	if (sscanf(line, "%99s %x %ux%u", is, &crc, &w, &h) != 4)
		FAIL("picture: %s", line);
	CHECK(!strcmp(is, name));
	CHECK_EQ(w, width);
	CHECK_EQ(h, height);
	return crc;
}

/**
 * screen_shown - the same, for root
 * @name: as of screen_ask()
 * @width: likewise
 * @height: likewise
 */
uint32_t screen_shown(const char *name, unsigned int width,
		      unsigned int height)
{
	int port = screen_open();
	uint32_t crc = screen_ask(port, name, width, height);

	close(port);
	return crc;
}

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	crc ^= byte;
	for (int i = 0; i < 8; i++)
		crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	return crc;
}

/**
 * screen_drawn - the checksum that a display has which shows these pixels
 * @pixels: XRGB, row by row
 * @nr: how many
 */
uint32_t screen_drawn(const volatile uint32_t *pixels, unsigned int nr)
{
	uint32_t crc = ~0u;

	for (unsigned int i = 0; i < nr; i++) {
		uint32_t p = pixels[i];

		crc = crc_byte(crc, p >> 16);
		crc = crc_byte(crc, p >> 8);
		crc = crc_byte(crc, p);
	}
	return ~crc;
}
