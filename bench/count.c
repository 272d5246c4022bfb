// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin of QEMU's that tells which instructions a measurement executes.
 *
 *   -plugin count.so,out=FILE[,trace=BLOCKS]
 *
 * What is to be counted begins and ends with a mark, an instruction that does
 * nothing (payload/proto.h), which whoever measures executes: a number other
 * than zero begins the *part* of that number, zero ends it.  In between, every
 * block of code that the machine executes is counted, whoever it belongs to.
 *
 * FILE gets a line for each block when a part ends, and one for the part:
 *
 *   block PART ADDRESS INSTRUCTIONS TIMES
 *   end PART
 *
 * and FILE.trace the first so many blocks of each part in the order in which
 * they were executed, a word of 64 bits each: the part from bit 60 on, the
 * number of instructions from bit 48, the address below.  More than 4095
 * instructions a block does not have.
 *
 * Blocks are counted where they begin.  One that is left in the middle, by a
 * fault say, is counted as a whole: a few instructions in a round trip.
 *
 * The machine has one CPU, so that nothing here is locked.
 */
#include <glib.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qemu-plugin.h>

#include "payload/proto.h"

#define MARK_BYTES	7
#define ADDRESS_BITS	48
#define PART_SHIFT	60

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

struct block {
	uint64_t key;		/* as in the trace, without the part */
	uint64_t times;
};

static GHashTable *blocks;
static FILE *out, *trace;
static uint64_t trace_most, trace_left;
static unsigned int part;
/* The same number where translated code can look at it. */
static qemu_plugin_u64 counting;

static uint64_t block_address(const struct block *b)
{
	uint64_t low = b->key & ((1ULL << ADDRESS_BITS) - 1);

	/* Addresses are 48 bits with a sign. */
	return (uint64_t)((int64_t)(low << 16) >> 16);
}

static struct block *block_find(uint64_t address, uint64_t insns)
{
	uint64_t key = (address & ((1ULL << ADDRESS_BITS) - 1)) |
		       insns << ADDRESS_BITS;
	struct block *b = g_hash_table_lookup(blocks, &key);

	if (!b) {
		b = g_new0(struct block, 1);
		b->key = key;
		g_hash_table_insert(blocks, &b->key, b);
	}
	return b;
}

static void block_executed(unsigned int cpu, void *data)
{
	struct block *b = data;
	uint64_t word;

	(void)cpu;
	b->times++;
	if (!trace_left)
		return;
	trace_left--;
	word = b->key | (uint64_t)part << PART_SHIFT;
	fwrite(&word, sizeof(word), 1, trace);
}

static void block_tell(void *key, void *value, void *data)
{
	struct block *b = value;

	(void)key;
	(void)data;
	if (!b->times)
		return;
	fprintf(out, "block %u 0x%" PRIx64 " %" PRIu64 " %" PRIu64 "\n", part,
		block_address(b), b->key >> ADDRESS_BITS, b->times);
	b->times = 0;
}

static void mark_executed(unsigned int cpu, void *data)
{
	unsigned int number = GPOINTER_TO_UINT(data);

	if (part) {
		g_hash_table_foreach(blocks, block_tell, NULL);
		fprintf(out, "end %u\n", part);
		fflush(out);
		if (trace)
			fflush(trace);
	}
	part = number;
	trace_left = trace && part ? trace_most : 0;
	qemu_plugin_u64_set(counting, cpu, part);
}

/* Return: the number of a mark, or -1 if it is another instruction. */
static int mark_number(const struct qemu_plugin_insn *insn)
{
	static const uint8_t nop[] = { 0x0f, 0x1f, 0x80 };
	uint8_t bytes[MARK_BYTES];
	uint32_t word;

	if (qemu_plugin_insn_data(insn, bytes, sizeof(bytes)) != sizeof(bytes) ||
	    memcmp(bytes, nop, sizeof(nop)))
		return -1;
	memcpy(&word, bytes + sizeof(nop), sizeof(word));
	return word - BENCH_MARK < BENCH_PARTS ? (int)(word - BENCH_MARK) : -1;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct block *b = block_find(qemu_plugin_tb_vaddr(tb), n);

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, block_executed,
						  QEMU_PLUGIN_CB_NO_REGS,
						  QEMU_PLUGIN_COND_NE,
						  counting, 0, b);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		int number = mark_number(insn);

		if (number >= 0)
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, mark_executed, QEMU_PLUGIN_CB_NO_REGS,
				GUINT_TO_POINTER(number));
	}
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id,
					   const qemu_info_t *info, int argc,
					   char **argv)
{
	const char *path = NULL;
	char *trace_path;

	(void)info;
	for (int i = 0; i < argc; i++) {
		if (g_str_has_prefix(argv[i], "out="))
			path = argv[i] + strlen("out=");
		else if (g_str_has_prefix(argv[i], "trace="))
			trace_most = strtoull(argv[i] + strlen("trace="), NULL,
					      0);
		else
			return -1;
	}
	out = path ? fopen(path, "w") : NULL;
	if (!out)
		return -1;
	if (trace_most) {
		trace_path = g_strconcat(path, ".trace", NULL);
		trace = fopen(trace_path, "wb");
		g_free(trace_path);
		if (!trace)
			return -1;
	}
	blocks = g_hash_table_new(g_int64_hash, g_int64_equal);
	counting = qemu_plugin_scoreboard_u64(
		qemu_plugin_scoreboard_new(sizeof(uint64_t)));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
