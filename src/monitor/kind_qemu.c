/* SPDX-License-Identifier: MIT */
/*
 * Machines that are a QEMU process. Owns its jail and its UEFI variables; what QEMU is told stands in
 * qemu_args.c, which machine is which QEMU in qemu_board.c, the process in vm_process.c.
 *
 * QEMU runs as an id of this machine alone, in namespaces without network and other processes, in
 * a root that holds only its program, libraries and firmware, the kernel and the initramfs. Disks,
 * sockets and UEFI variables come as open descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd.h"
#include "host.h"
#include "jail.h"
#include "log.h"
#include "mem.h"
#include "qemu_args.h"
#include "str.h"

#define OVERHEAD (UINT64_C(512) << 20) /* of QEMU itself, translated code most of all */
#define FILES    1024

/* The machine's own UEFI variables, made of the firmware's template the first time. */
static int open_vars(const char *dir, int *ret_fd, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/efivars", dir);
	cleanup_buf struct buf template = BUF_INIT;
	int r = 0;

	if (!file_exists(path)) {
		r = file_read(QEMU_OVMF_VARS, 1 << 20, &template, err);
		if (r == 0)
			r = file_write_atomic(path, buf_bytes(&template), template.len, 0600, err);
	}
	if (r < 0)
		return r;
	*ret_fd = open(path, O_RDWR | O_CLOEXEC);
	return *ret_fd < 0 ? err_set_errno(err, errno, "%s", path) : 0;
}

static int prepare(struct vm_launch *launch, struct err **err)
{
	const struct machine_config *config = launch->config;
	const struct qemu_board *board =
		qemu_board_find(config->kind, config->engine, config->arch, err);
	int r;

	if (!board)
		return -ENOTSUP;
	launch->board = board;
	r = board->pflash ? open_vars(launch->dir, &launch->fds.vars, err) : 0;
	return r < 0 ? r
		     : qemu_arguments(config, board, &launch->fds, board->tsc ? host_tsc_khz() : 0,
				      &launch->argv, err);
}

/* In the child */

/*
 * A node of our own, that the machine's id may open, over /dev/kvm: only this process and its jail
 * see it, and the host's node stays as it is. /tmp is where it can be made; the jail's root will
 * cover it.
 */
static int make_kvm_node(uid_t uid, struct err **err)
{
	struct stat st;

	if (stat("/dev/kvm", &st) < 0)
		return err_set_errno(err, errno, "/dev/kvm");
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID, "size=64k,mode=755") < 0 ||
	    mknod("/tmp/kvm", S_IFCHR | 0600, st.st_rdev) < 0 || chown("/tmp/kvm", uid, uid) < 0 ||
	    mount("/tmp/kvm", "/dev/kvm", NULL, MS_BIND, NULL) < 0)
		return err_set_errno(err, errno, "cannot make a /dev/kvm for the jail");
	return 0;
}

static int isolate(const struct vm_launch *launch, struct err **err)
{
	const struct qemu_board *board = launch->board;
	const struct jail_bind binds[] = {
		{ .path = launch->argv[0] },
		{ .path = "/usr/lib" },
		{ .path = "/lib" },
		{ .path = "/lib64", .optional = true },
		{ .path = "/usr/share/qemu" },
		{ .path = "/usr/share/seabios", .optional = true },
		{ .path = QEMU_OVMF_CODE, .optional = true },
		{ .path = launch->config->kernel },
		{ .path = launch->config->initramfs },
		{ .path = "/dev/kvm", .writable = true, .device = true, .optional = true },
	};
	const bool kvm = str_eq(board->engine, "kvm");
	const struct jail_rlimit rlimits[] = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, FILES } };
	const struct jail_spec spec = {
		.namespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
		.binds = binds,
		.n_binds = ARRAY_SIZE(binds) - !kvm, /* the last one */
		.devices = true,                     /* /dev/null, for QEMU's probe of file locks */
		.proc = true, /* QEMU reads of itself, its threads' ids most of all */
		.rlimits = rlimits,
		.n_rlimits = ARRAY_SIZE(rlimits),
		.uid = launch->uid,
		.keep = CAPS_NONE,
		.filter = &seccomp_helper,
	};
	int r = kvm ? make_kvm_node(launch->uid, err) : 0;

	return r < 0 ? r : jail_enter(&spec, err);
}

static const struct vm_engine qemu = {
	.name = "QEMU",
	.overhead = OVERHEAD,
	.control_type = SOCK_STREAM,
	.prepare = prepare,
	.isolate = isolate,
};

static int start(struct guest *guest, struct err **err)
{
	return vm_process_start(guest, &qemu, err);
}

/* QMP (docs/interop/qmp-spec.txt): capabilities are settled before a command is taken. */
static void power_button(struct guest *guest)
{
	static const char commands[] = "{\"execute\":\"qmp_capabilities\"}"
				       "{\"execute\":\"system_powerdown\"}";

	if (send(vm_process_control(guest), commands, sizeof(commands) - 1,
		 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_warn("QEMU's power button: %m");
}

const struct kind_ops kind_qemu = {
	.name = "qemu",
	.start = start,
	.power_button = power_button,
	.kill = vm_process_kill,
	.usage = vm_process_usage,
	.finish = vm_process_finish,
};
