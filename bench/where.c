/* SPDX-License-Identifier: MIT */
/*
 * where: a plugin of QEMU's emulator for bench/where. Counts how often each instruction is executed and writes, into
 * the file that WHERE_FILE names, a line for each: its address, the count, and the bytes that each moves when it is a
 * repeated string instruction (else 0), of which the emulator counts every round as one more.
 *
 * The functions are those of QEMU's plugin interface, version 1, whose header Debian does not package.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PUBLIC __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(uint64_t id, void *data), void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
						enum qemu_plugin_op op, void *count, uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

extern PUBLIC int qemu_plugin_version;
PUBLIC int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

int qemu_plugin_version = 1;

/* By address, open addressing. A kernel's start executes 200,000 different instructions. */
#define SLOTS (1u << 20)

static struct slot {
	uint64_t address, count;
	unsigned int bytes;
} slots[SLOTS];
static unsigned int n_slots;

static struct slot *find(uint64_t address)
{
	uint32_t i = (uint32_t)(address * UINT64_C(0x9e3779b97f4a7c15) >> 44);

	while (slots[i].address && slots[i].address != address)
		i = (i + 1) % SLOTS;
	if (!slots[i].address && ++n_slots == SLOTS / 2) {
		fprintf(stderr, "where: too many instructions\n");
		exit(1);
	}
	slots[i].address = address;
	return &slots[i];
}

/* REP with MOVS or STOS, with or without REX.W. */
static unsigned int bytes_of(const uint8_t *code, size_t len)
{
	if (len < 2 || code[0] != 0xf3)
		return 0;
	if (len == 2 && (code[1] == 0xa4 || code[1] == 0xaa))
		return 1;
	if (len == 2 && (code[1] == 0xa5 || code[1] == 0xab))
		return 4;
	return len == 3 && code[1] == 0x48 && (code[2] == 0xa5 || code[2] == 0xab) ? 8 : 0;
}

static void handle_block(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct slot *slot = find(qemu_plugin_insn_vaddr(insn));

		slot->bytes = bytes_of(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));
		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64,
							   &slot->count, 1);
	}
}

static void handle_exit(uint64_t id, void *data)
{
	FILE *f = fopen(getenv("WHERE_FILE"), "we");

	(void)id;
	(void)data;
	for (unsigned int i = 0; f && i < SLOTS; i++)
		if (slots[i].count)
			fprintf(f, "%016" PRIx64 " %" PRIu64 " %u\n", slots[i].address,
				slots[i].count, slots[i].bytes);
	if (!f || fclose(f) != 0)
		perror("where: WHERE_FILE");
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, handle_block);
	qemu_plugin_register_atexit_cb(id, handle_exit, NULL);
	return 0;
}
