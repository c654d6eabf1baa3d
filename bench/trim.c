/* SPDX-License-Identifier: MIT */
/* trim KERNEL TO: of an ELF kernel what the builder makes of it and machines boot (src/build/kernel/vmlinux.h). */
#include <stdio.h>

#include "fd.h"
#include "log.h"
#include "vmlinux.h"

int main(int argc, char **argv)
{
	cleanup_buf struct buf elf = BUF_INIT;
	struct err *err = NULL;
	int r;

	log_init("trim", LOG_LEVEL_INFO);
	if (argc != 3)
		die("usage: trim KERNEL TO");
	r = file_read(argv[1], VMLINUX_MAX, &elf, &err);
	if (r == 0)
		r = vmlinux_trim(&elf, &err);
	if (r == 0)
		r = file_write_atomic(argv[2], buf_bytes(&elf), elf.len, 0644, &err);
	if (r < 0)
		die("%s: %s", argv[1], err_msg(err));
	return 0;
}
