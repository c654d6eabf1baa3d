/* SPDX-License-Identifier: MIT */
/*
 * --as netboot: a tar of what a server hands out: the kernel, an initramfs with the root's files in it, and a
 * script for iPXE (ipxe.org/cfg, ipxe.org/cmd) that names both beside itself.
 */
#include "format.h"
#include "mem.h"
#include "standalone.h"
#include "tar.h"

#define SCRIPT                                                                                     \
	"#!ipxe\n"                                                                                 \
	"kernel vmlinuz initrd=initramfs " STANDALONE_LINE "\n"                                    \
	"initrd --name initramfs initramfs\n"                                                      \
	"boot\n"

static int add_all(struct export *x, struct tar *t, const char *initramfs, struct err **err)
{
	int r = tar_add_bytes(t, "boot.ipxe", SCRIPT, sizeof(SCRIPT) - 1, err);

	if (r == 0)
		r = tar_add_file(t, "vmlinuz", x->image->kernel.path, err);
	return r < 0 ? r : tar_add_file(t, "initramfs", initramfs, err);
}

int format_netboot(struct export *x, struct err **err)
{
	cleanup_free char *initramfs = NULL;
	struct tar *t;
	int r = standalone_initramfs(x, true, &initramfs, err);

	if (r == 0)
		r = tar_begin(x->out, &t, err);
	if (r < 0)
		return r;
	r = add_all(x, t, initramfs, err);
	if (r == 0)
		r = tar_end(t, err);
	if (r < 0)
		tar_abort(t);
	return r;
}
