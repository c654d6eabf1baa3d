/* SPDX-License-Identifier: MIT */
/*
 * machine: writes the `config` of a machine for atoll-monitor, so that a start can be measured without
 * the daemon.
 *
 *	machine DIR KIND ENGINE ROOTFS KERNEL INITRAMFS INIT COMMAND…
 */
#include <stdio.h>
#include <string.h>

#include "abi_machine.h"
#include "fd.h"
#include "log.h"
#include "mem.h"

int main(int argc, char **argv)
{
	cleanup_err struct err *err = NULL;
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *path = NULL;
	char name[] = "bench", arch[] = "amd64";
	struct guest_config guest = { .hostname = name, .federation = name };
	struct machine_config config = { .federation = name, .name = name, .appliance = name };

	log_init("machine", LOG_LEVEL_INFO);
	if (argc < 9)
		die("usage: machine DIR KIND ENGINE ROOTFS KERNEL INITRAMFS INIT COMMAND…");
	config.kind = argv[2];
	config.engine = argv[3];
	config.arch = arch;
	config.memory = 128 << 20;
	config.cpus = 1;
	config.rootfs = argv[4];
	config.kernel = argv[5];
	config.initramfs = argv[6];
	config.init = argv[7];
	guest.argv = argv + 8;
	config.guest.items = &guest;
	config.guest.n = 1;
	if (msg_encode(&machine_config_type, &config, &out) < 0)
		die("the configuration does not fit its message");
	path = xasprintf("%s/config", argv[1]);
	if (dir_make(argv[1], 0700, &err) < 0 ||
	    file_write_atomic(path, buf_bytes(&out), out.len, 0600, &err) < 0)
		die("%s", err_msg(err));
	return 0;
}
