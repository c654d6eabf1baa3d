/* SPDX-License-Identifier: MIT */
/* A kernel package's bzImage, and the ELF file in it. What is left of one is no longer than it was. */
#include <stdint.h>

#include "vmlinux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct buf elf = BUF_INIT, plain = BUF_INIT;

	if (vmlinux_unpack(data, len, &elf, NULL) == 0)
		vmlinux_trim(&elf, NULL);
	buf_append(&plain, data, len);
	if (vmlinux_trim(&plain, NULL) == 0 && plain.len > len)
		__builtin_trap();
	buf_free(&elf);
	buf_free(&plain);
	return 0;
}
