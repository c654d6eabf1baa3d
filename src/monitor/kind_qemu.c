/* SPDX-License-Identifier: MIT */
/*
 * Machines that are a QEMU process. Owns the process, its jail and its descriptors; what QEMU is
 * told stands in qemu_args.c, which machine is which QEMU in qemu_board.c.
 *
 * QEMU runs as an id of this machine alone, in namespaces without network and other processes, in
 * a root that holds only its program, libraries and firmware, the kernel and the initramfs. Disks,
 * sockets and UEFI variables come as open descriptors. What it prints on standard error goes where
 * the guest's console goes, because a guest can make it print.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cgroup.h"
#include "fd.h"
#include "host.h"
#include "jail.h"
#include "kind.h"
#include "log.h"
#include "mem.h"
#include "process.h"
#include "qemu_args.h"
#include "str.h"

#define TASKS    256                   /* threads: virtual CPUs and a pool for disks */
#define OVERHEAD (UINT64_C(512) << 20) /* of QEMU itself, translated code most of all */
#define FILES    1024

struct qemu {
	struct cgroup *cgroup;
	int button; /* QMP; nothing is ever read of it */
};

/* What a start has in its hands; everything in it is closed when it is over. */
struct launch {
	const struct machine_config *config;
	const struct qemu_board *board;
	uid_t uid;
	struct cgroup *cgroup;
	struct qemu_fds theirs; /* for QEMU */
	char **argv;
};

static void init_launch(struct launch *launch, const struct guest *guest)
{
	memset(launch, 0, sizeof(*launch));
	memset(&launch->theirs, 0xff, sizeof(launch->theirs)); /* every descriptor is -1 */
	launch->config = guest->config;
	launch->uid = guest->ids.helper;
}

/* All of struct qemu_fds is descriptors. */
static int *launch_fds(struct launch *launch, size_t *ret_n)
{
	*ret_n = sizeof(launch->theirs) / sizeof(int);
	return (int *)&launch->theirs;
}

static void finish_launch(struct launch *launch)
{
	size_t n;
	int *fds = launch_fds(launch, &n);

	for (size_t i = 0; i < n; i++)
		fd_close(&fds[i]);
	strv_free(launch->argv);
}
#define cleanup_launch __attribute__((cleanup(finish_launch)))

static int check_config(const struct machine_config *config, struct err **err)
{
	if (!config->kernel || !config->initramfs || !config->rootfs)
		return err_set(err, EINVAL, "kind %s needs a kernel, an initramfs and a rootfs",
			       config->kind);
	if (config->volumes.n > QEMU_VOLUMES_MAX)
		return err_set(err, E2BIG, "%zu volumes, kind %s has at most %d", config->volumes.n,
			       config->kind, QEMU_VOLUMES_MAX);
	return host_check_memory(config->memory, err);
}

static int open_file(const char *path, int flags, int *ret_fd, struct err **err)
{
	*ret_fd = open(path, flags | O_CLOEXEC);
	return *ret_fd < 0 ? err_set_errno(err, errno, "%s", path) : 0;
}

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
	return r < 0 ? r : open_file(path, O_RDWR, ret_fd, err);
}

static int open_files(struct launch *launch, const char *dir, struct err **err)
{
	const struct machine_volume *volumes = launch->config->volumes.items;
	int r = open_file(launch->config->rootfs, O_RDONLY, &launch->theirs.rootfs, err);

	for (size_t i = 0; i < launch->config->volumes.n && r == 0; i++)
		r = open_file(volumes[i].path, O_RDWR, &launch->theirs.volumes[i], err);
	if (r == 0 && launch->board->pflash)
		r = open_vars(dir, &launch->theirs.vars, err);
	return r;
}

static int make_socket(int *ret_ours, int *ret_theirs, struct err **err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set_errno(err, errno, "socketpair");
	*ret_ours = fds[0];
	*ret_theirs = fds[1];
	return 0;
}

static int make_sockets(struct launch *launch, struct guest *guest, int *ret_button,
			struct err **err)
{
	int r = make_socket(&guest->wire, &launch->theirs.wire, err);

	if (r == 0)
		r = make_socket(&guest->console, &launch->theirs.console, err);
	if (r == 0)
		r = make_socket(ret_button, &launch->theirs.button, err);
	for (size_t i = 0; i < launch->config->nics.n && r == 0; i++) {
		guest->nics[i].transport = NIC_STREAM;
		r = make_socket(&guest->nics[i].fd, &launch->theirs.nics[i], err);
	}
	return r;
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

static int enter_jail(const struct launch *launch, struct err **err)
{
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
	const bool kvm = str_eq(launch->board->engine, "kvm");
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

static int run_qemu(int channel, void *data, struct err **err)
{
	struct launch *launch = data;
	char path[] = "PATH=/usr/bin";
	char *env[] = { path, NULL };
	size_t n;
	int *fds = launch_fds(launch, &n);
	int r;

	(void)channel;
	if (dup2(launch->theirs.console, STDERR_FILENO) < 0)
		return err_set_errno(err, errno, "standard error");
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0 && fd_set_cloexec(fds[i], false) < 0)
			return err_set_errno(err, errno, "a descriptor for QEMU");
	r = cgroup_fd(launch->cgroup) < 0 ? cgroup_enter(launch->cgroup, err) : 0;
	if (r == 0)
		r = enter_jail(launch, err);
	if (r < 0)
		return r;
	/* A machine does not outlive its monitor. (A change of ids would clear this: hence here.) */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_set_errno(err, errno, "prctl");
	execve(launch->argv[0], launch->argv, env);
	return err_set_errno(err, errno, "%s", launch->argv[0]);
}

/* In the parent */

static int make_cgroup(const struct machine_config *config, struct cgroup **ret_cgroup,
		       struct err **err)
{
	cleanup_free char *name = xasprintf("%s.%s", config->federation, config->name);
	const struct cgroup_limits limits = { .memory = config->memory + OVERHEAD, .pids = TASKS };

	return cgroup_create(name, &limits, ret_cgroup, err);
}

static int spawn(struct launch *launch, struct guest *guest, struct qemu *qemu, struct err **err)
{
	struct process process = PROCESS_INIT;
	int r;

	launch->cgroup = qemu->cgroup;
	r = process_spawn(CLONE_NEWPID, cgroup_fd(qemu->cgroup), run_qemu, launch, &process, err);

	if (r < 0)
		return r;
	r = process_await(&process, err);
	if (r < 0)
		return r;
	guest->pid = process.pid;
	guest->pidfd = process.pidfd;
	return 0;
}

static int launch_guest(struct launch *launch, struct guest *guest, struct qemu *qemu,
			struct err **err)
{
	const struct machine_config *config = guest->config;
	int r = check_config(config, err);

	if (r < 0)
		return r;
	launch->board = qemu_board_find(config->kind, config->engine, config->arch, err);
	if (!launch->board)
		return -ENOTSUP;
	r = open_files(launch, guest->dir, err);
	if (r == 0)
		r = make_sockets(launch, guest, &qemu->button, err);
	if (r == 0)
		r = qemu_arguments(config, launch->board, &launch->theirs,
				   launch->board->tsc ? host_tsc_khz() : 0, &launch->argv, err);
	if (r == 0)
		r = make_cgroup(config, &qemu->cgroup, err);
	return r < 0 ? r : spawn(launch, guest, qemu, err);
}

static void finish(struct guest *guest)
{
	struct qemu *qemu = steal_ptr(guest->priv);

	if (!qemu)
		return;
	cgroup_destroy(qemu->cgroup);
	fd_close(&qemu->button);
	free(qemu);
}

static int start(struct guest *guest, struct err **err)
{
	cleanup_launch struct launch launch;
	struct qemu *qemu = xcalloc(1, sizeof(*qemu));
	int r;

	init_launch(&launch, guest);
	qemu->button = -1;
	guest->priv = qemu;
	r = launch_guest(&launch, guest, qemu, err);
	if (r < 0) {
		finish(guest);
		fd_close(&guest->wire);
		fd_close(&guest->console);
		for (size_t i = 0; i < guest->config->nics.n; i++)
			fd_close(&guest->nics[i].fd);
	}
	return r;
}

/* QMP (docs/interop/qmp-spec.txt): capabilities are settled before a command is taken. */
static void power_button(struct guest *guest)
{
	static const char commands[] = "{\"execute\":\"qmp_capabilities\"}"
				       "{\"execute\":\"system_powerdown\"}";
	const struct qemu *qemu = guest->priv;

	if (send(qemu->button, commands, sizeof(commands) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_warn("QEMU's power button: %m");
}

static void kill_guest(struct guest *guest)
{
	if (syscall(SYS_pidfd_send_signal, guest->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		log_warn("QEMU cannot be killed: %m");
}

static void usage(struct guest *guest, uint64_t *ret_memory, uint64_t *ret_cpu)
{
	const struct qemu *qemu = guest->priv;

	if (cgroup_usage(qemu->cgroup, ret_memory, ret_cpu) < 0)
		host_process_usage(guest->pid, ret_memory, ret_cpu);
}

const struct kind_ops kind_qemu = {
	.name = "qemu",
	.start = start,
	.power_button = power_button,
	.kill = kill_guest,
	.usage = usage,
	.finish = finish,
};
