// SPDX-License-Identifier: GPL-2.0-only
/*
 * A picture worth looking at, drawn by the guest: a Mandelbrot set, a caption,
 * and a strip in which something moves.
 *
 * The guest keeps a checksum of each row in its own RAM.  Before it changes
 * anything it reads all rows again and compares: so it sees that every one of
 * its writes arrived and that nobody else's did, wherever the picture lives by
 * then.  Integer arithmetic only, to be quick under emulation.
 */
#include "server.h"

#define SHIFT		26
#define ITERATIONS	48
#define STRIP		40	/* rows at the bottom that move */
#define SCALE		3	/* of the letters */

/* 5x7 letters, a row per byte, the leftmost dot in bit 4. */
static const struct letter {
	char c;
	uint8_t row[7];
} font[] = {
	{ 'A', { 0x0e, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11 } },
	{ 'B', { 0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e } },
	{ 'D', { 0x1c, 0x12, 0x11, 0x11, 0x11, 0x12, 0x1c } },
	{ 'E', { 0x1f, 0x10, 0x10, 0x1e, 0x10, 0x10, 0x1f } },
	{ 'G', { 0x0e, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0f } },
	{ 'H', { 0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11 } },
	{ 'I', { 0x0e, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e } },
	{ 'L', { 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1f } },
	{ 'M', { 0x11, 0x1b, 0x15, 0x15, 0x11, 0x11, 0x11 } },
	{ 'N', { 0x11, 0x19, 0x19, 0x15, 0x13, 0x13, 0x11 } },
	{ 'O', { 0x0e, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e } },
	{ 'R', { 0x1e, 0x11, 0x11, 0x1e, 0x14, 0x12, 0x11 } },
	{ 'S', { 0x0f, 0x10, 0x10, 0x0e, 0x01, 0x01, 0x1e } },
	{ 'T', { 0x1f, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04 } },
	{ 'U', { 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0e } },
	{ 'W', { 0x11, 0x11, 0x11, 0x15, 0x15, 0x1b, 0x11 } },
	{ 'X', { 0x11, 0x11, 0x0a, 0x04, 0x0a, 0x11, 0x11 } },
	{ 'Y', { 0x11, 0x11, 0x0a, 0x04, 0x04, 0x04, 0x04 } },
	{ '0', { 0x0e, 0x13, 0x15, 0x15, 0x15, 0x19, 0x0e } },
	{ '1', { 0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e } },
	{ '2', { 0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f } },
	{ '3', { 0x1e, 0x01, 0x01, 0x0e, 0x01, 0x01, 0x1e } },
	{ '4', { 0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02 } },
	{ '5', { 0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e } },
	{ '6', { 0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e } },
	{ '7', { 0x1f, 0x01, 0x02, 0x04, 0x04, 0x08, 0x08 } },
	{ '8', { 0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e } },
	{ '9', { 0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c } },
};

static void letter(volatile uint32_t *fb, uint64_t width, uint64_t x,
		   uint64_t y, char c)
{
	for (size_t i = 0; i < sizeof(font) / sizeof(font[0]); i++) {
		if (font[i].c != c)
			continue;
		for (int dot = 0; dot < 35 * SCALE * SCALE; dot++) {
			int dx = dot % (5 * SCALE), dy = dot / (5 * SCALE);

			if (font[i].row[dy / SCALE] >> (4 - dx / SCALE) & 1)
				fb[(y + dy) * width + x + dx] = 0xffffff;
		}
	}
}

static void text(volatile uint32_t *fb, uint64_t width, uint64_t x, uint64_t y,
		 const char *s)
{
	for (; *s && x + 6 * SCALE <= width; s++, x += 6 * SCALE)
		letter(fb, width, x, y, *s);
}

static void number(volatile uint32_t *fb, uint64_t width, uint64_t x,
		   uint64_t y, uint64_t n)
{
	char digits[8] = "0000000";

	for (int i = 6; i >= 0; i--, n /= 10)
		digits[i] = '0' + n % 10;
	text(fb, width, x, y, digits);
}

static uint32_t mandelbrot(int64_t cr, int64_t ci)
{
	int64_t zr = 0, zi = 0;
	unsigned int n;

	for (n = 0; n < ITERATIONS; n++) {
		int64_t rr = zr * zr >> SHIFT, ii = zi * zi >> SHIFT;

		if (rr + ii > 4LL << SHIFT)
			break;
		zi = (zr * zi >> (SHIFT - 1)) + ci;
		zr = rr - ii + cr;
	}
	if (n == ITERATIONS)
		return 0x101828;
	n = n * 255 / ITERATIONS;
	return (n < 128 ? n * 2 : 255) << 16 | (255 - n) << 7 << 1 |
	       (64 + n * 3 / 4);
}

static void remember(struct xg_run *run, volatile uint32_t *fb, uint64_t from,
		     uint64_t to)
{
	uint64_t width = run->arg[1];

	for (uint64_t y = from; y < to; y++)
		run->rows[y] = xg_sum(fb + y * width, width * 4);
}

/* All rows as this vCPU left them? */
static bool verify(struct xg_run *run, volatile uint32_t *fb)
{
	uint64_t width = run->arg[1];

	for (uint64_t y = 0; y < run->arg[2]; y++) {
		uint64_t got = xg_sum(fb + y * width, width * 4);

		if (got == run->rows[y])
			continue;
		run->status = XG_MISMATCH;
		run->result[2] = y;
		run->result[3] = got;
		run->result[4] = run->rows[y];
		return false;
	}
	return true;
}

/* Something round that wanders through the strip, and the round's number. */
static void strip(volatile uint32_t *fb, uint64_t width, uint64_t top,
		  uint64_t round)
{
	uint64_t span = width - STRIP - 200, t = round * 7 % (2 * span);
	int64_t at = 180 + STRIP / 2 + (t < span ? t : 2 * span - t);

	for (int64_t y = 0; y < STRIP; y++) {
		for (int64_t x = 0; x < (int64_t)width; x++) {
			int64_t dx = x - at, dy = y - STRIP / 2;
			int64_t r = dx * dx + dy * dy;
			uint32_t c = 0x081018;

			if (r < STRIP * STRIP / 4)
				c = 0xff8000 + (r * 200 / (STRIP * STRIP / 4));
			fb[(top + y) * width + x] = c;
		}
	}
	number(fb, width, 12, top + 10, round);
}

/**
 * xg_draw - draw the picture, and remember the rows
 * @run: the command; the sum of the whole picture is its first result
 * @fb: where the picture goes, without padding between rows
 */
void xg_draw(struct xg_run *run, volatile uint32_t *fb)
{
	int64_t width = run->arg[1], height = run->arg[2];

	for (int64_t y = 0; y < height; y++) {
		int64_t ci = ((y * 5 << SHIFT) / height >> 1) - (5LL << SHIFT) / 4;

		for (int64_t x = 0; x < width; x++)
			fb[y * width + x] = mandelbrot(
				((x * 7 << SHIFT) / width >> 1) -
				(5LL << SHIFT) / 2, ci);
		run->slot->progress = y + 1;
	}
	text(fb, width, 12, 12, "DRAWN BY A XEN GUEST");
	text(fb, width, 12, 40, run->arg[0] < XG_SHARED_BASE ?
	     "INTO MEMORY LENT BY THE HOST" : "INTO ITS OWN MEMORY");
	strip(fb, width, height - STRIP, 0);
	remember(run, fb, 0, height);
	run->result[0] = xg_sum(fb, width * height * 4);
}

/**
 * xg_animate - check and change the picture until told to stop
 * @run: the command, on the vCPU that drew; rounds and sum are its results
 * @fb: where the picture is
 */
void xg_animate(struct xg_run *run, volatile uint32_t *fb)
{
	uint64_t width = run->arg[1], height = run->arg[2];

	run->result[0] = run->arg[3];
	do {
		if (!verify(run, fb))
			return;
		strip(fb, width, height - STRIP, ++run->result[0]);
		remember(run, fb, height - STRIP, height);
		run->slot->progress = run->result[0];
	} while (!xg_stopped(run));
	if (verify(run, fb))
		run->result[1] = xg_sum(fb, width * height * 4);
}
