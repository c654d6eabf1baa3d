/* SPDX-License-Identifier: MIT */
#include "vm_process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "fd.h"
#include "host.h"
#include "log.h"
#include "mem.h"
#include "process.h"
#include "str.h"

#define TASKS 256 /* threads: virtual CPUs, and QEMU's pool for disks */

struct vm_process {
	const struct vm_engine *engine;
	struct cgroup *cgroup;
	int control;
};

static void init_launch(struct vm_launch *launch, const struct guest *guest,
			const struct vm_engine *engine)
{
	memset(launch, 0, sizeof(*launch));
	memset(&launch->fds, 0xff, sizeof(launch->fds)); /* every descriptor is -1 */
	launch->engine = engine;
	launch->config = guest->config;
	launch->dir = guest->dir;
	launch->uid = guest->ids.helper;
}

/* All of struct vm_fds is descriptors. */
static int *launch_fds(struct vm_launch *launch, size_t *ret_n)
{
	*ret_n = sizeof(launch->fds) / sizeof(int);
	return (int *)&launch->fds;
}

static void finish_launch(struct vm_launch *launch)
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
	if (config->volumes.n > VM_VOLUMES_MAX)
		return err_set(err, E2BIG, "%zu volumes, kind %s has at most %d", config->volumes.n,
			       config->kind, VM_VOLUMES_MAX);
	return host_check_memory(config->memory, err);
}

static int open_file(const char *path, int flags, int *ret_fd, struct err **err)
{
	*ret_fd = open(path, flags | O_CLOEXEC);
	return *ret_fd < 0 ? err_set_errno(err, errno, "%s", path) : 0;
}

static int open_disks(struct vm_launch *launch, struct err **err)
{
	const struct machine_volume *volumes = launch->config->volumes.items;
	int r = open_file(launch->config->rootfs, O_RDONLY, &launch->fds.rootfs, err);

	for (size_t i = 0; i < launch->config->volumes.n && r == 0; i++)
		r = open_file(volumes[i].path, O_RDWR, &launch->fds.volumes[i], err);
	return r;
}

static int make_socket(int type, int *ret_ours, int *ret_theirs, struct err **err)
{
	int fds[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set_errno(err, errno, "socketpair");
	*ret_ours = fds[0];
	*ret_theirs = fds[1];
	return 0;
}

static int make_sockets(struct vm_launch *launch, struct guest *guest, int *ret_control,
			struct err **err)
{
	int r = make_socket(SOCK_STREAM, &guest->wire, &launch->fds.wire, err);

	if (r == 0)
		r = make_socket(SOCK_STREAM, &guest->console, &launch->fds.console, err);
	if (r == 0)
		r = make_socket(launch->engine->control_type, ret_control, &launch->fds.control,
				err);
	for (size_t i = 0; i < launch->config->nics.n && r == 0; i++) {
		guest->nics[i].transport = NIC_STREAM;
		r = make_socket(SOCK_STREAM, &guest->nics[i].fd, &launch->fds.nics[i], err);
	}
	return r;
}

/* In the child */

/* What it prints on standard error goes where the guest's console goes: a guest can make it print. */
static int run(int channel, void *data, struct err **err)
{
	struct vm_launch *launch = data;
	char path[] = "PATH=/usr/bin";
	char *env[] = { path, NULL };
	size_t n;
	int *fds = launch_fds(launch, &n);
	int r;

	(void)channel;
	if (dup2(launch->fds.console, STDERR_FILENO) < 0)
		return err_set_errno(err, errno, "standard error");
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0 && fd_set_cloexec(fds[i], false) < 0)
			return err_set_errno(err, errno, "a descriptor for %s",
					     launch->engine->name);
	r = cgroup_fd(launch->cgroup) < 0 ? cgroup_enter(launch->cgroup, err) : 0;
	if (r == 0)
		r = launch->engine->isolate(launch, err);
	if (r < 0)
		return r;
	/* A machine does not outlive its monitor. (A change of ids would clear this: hence here.) */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_set_errno(err, errno, "prctl");
	execve(launch->argv[0], launch->argv, env);
	return err_set_errno(err, errno, "%s", launch->argv[0]);
}

/* In the parent */

static int make_cgroup(const struct vm_launch *launch, struct cgroup **ret_cgroup, struct err **err)
{
	const struct machine_config *config = launch->config;
	cleanup_free char *name = xasprintf("%s.%s", config->federation, config->name);
	const struct cgroup_limits limits = { .memory = config->memory + launch->engine->overhead,
					      .pids = TASKS };

	return cgroup_create(name, &limits, ret_cgroup, err);
}

static int spawn(struct vm_launch *launch, struct guest *guest, struct err **err)
{
	struct process process = PROCESS_INIT;
	int r = process_spawn(CLONE_NEWPID, cgroup_fd(launch->cgroup), run, launch, &process, err);

	if (r == 0)
		r = process_await(&process, err);
	if (r < 0)
		return r;
	guest->pid = process.pid;
	guest->pidfd = process.pidfd;
	return 0;
}

static int launch_guest(struct vm_launch *launch, struct guest *guest, struct vm_process *p,
			struct err **err)
{
	int r = check_config(launch->config, err);

	if (r == 0)
		r = open_disks(launch, err);
	if (r == 0)
		r = make_sockets(launch, guest, &p->control, err);
	if (r == 0)
		r = launch->engine->prepare(launch, err);
	if (r == 0)
		r = make_cgroup(launch, &p->cgroup, err);
	if (r < 0)
		return r;
	launch->cgroup = p->cgroup;
	return spawn(launch, guest, err);
}

int vm_process_start(struct guest *guest, const struct vm_engine *engine, struct err **err)
{
	cleanup_launch struct vm_launch launch;
	struct vm_process *p = xcalloc(1, sizeof(*p));
	int r;

	init_launch(&launch, guest, engine);
	p->engine = engine;
	p->control = -1;
	guest->priv = p;
	r = launch_guest(&launch, guest, p, err);
	if (r < 0) {
		vm_process_finish(guest);
		fd_close(&guest->wire);
		fd_close(&guest->console);
		for (size_t i = 0; i < guest->config->nics.n; i++)
			fd_close(&guest->nics[i].fd);
	}
	return r;
}

int vm_process_control(const struct guest *guest)
{
	const struct vm_process *p = guest->priv;

	return p->control;
}

void vm_process_kill(struct guest *guest)
{
	const struct vm_process *p = guest->priv;

	if (syscall(SYS_pidfd_send_signal, guest->pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		log_warn("%s cannot be killed: %m", p->engine->name);
}

void vm_process_usage(struct guest *guest, uint64_t *ret_memory, uint64_t *ret_cpu)
{
	const struct vm_process *p = guest->priv;

	if (cgroup_usage(p->cgroup, ret_memory, ret_cpu) < 0)
		host_process_usage(guest->pid, ret_memory, ret_cpu);
}

void vm_process_finish(struct guest *guest)
{
	struct vm_process *p = steal_ptr(guest->priv);

	if (!p)
		return;
	cgroup_destroy(p->cgroup);
	fd_close(&p->control);
	free(p);
}
