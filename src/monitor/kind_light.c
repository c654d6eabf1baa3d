/* SPDX-License-Identifier: MIT */
/*
 * The kind "light": a machine as processes of the host's kernel in namespaces of their own.
 *
 * Theory of operation
 *
 *	monitor                                     the guest's first process
 *	control group
 *	user and network namespace (userns_create)
 *	image and volumes as detached, idmapped mounts
 *	clone3(mount, PID namespaces) ────────────▶ enters the control group; mounts private
 *	                                            enters the network namespace, makes the taps
 *	takes the taps ◀──────────────────────────  sends them
 *	                                            builds the root and pivots to it
 *	                                            enters the user namespace, as its root
 *	                                            unshares IPC, UTS and cgroup; host name
 *	                                            capabilities, no_new_privs, seccomp
 *	await returns ◀───────────────────────────  executes atoll-init
 *
 * The mount and PID namespaces belong to the host's user namespace, not to the guest's. So whatever
 * capabilities a guest has, none of them is over its mounts: masks cannot be uncovered and nothing
 * can be mounted. It also lets the host's root mount the overlay, whose bookkeeping attributes
 * ("trusted.") work on every kernel's tmpfs that way. Network, IPC, UTS and cgroup namespaces
 * belong to the guest's user namespace.
 *
 * no_new_privs is set: setuid programs and file capabilities give nothing in a light machine. Its
 * first process is root of the user namespace and becomes whom it wants, which is what appliances
 * need; su and sudo are for machines that people log in to.
 *
 * Left on the host while it runs: descriptors in the monitor, and the control group. Mounts are in
 * the guest's mount namespace only, and end with it. After start the monitor needs no privilege but
 * one: usage and kill work over open descriptors; removing the control group needs write permission
 * on its parent folder (see cgroup.h for who else removes it).
 */
#include "kind.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "abi_wire.h"
#include "cgroup.h"
#include "fd.h"
#include "guest_init.h"
#include "kind_light.h"
#include "log.h"
#include "mem.h"
#include "mount.h"
#include "process.h"
#include "str.h"
#include "userns.h"

#define LIGHT_PIDS_MAX 4096
/* A page for each secret, and their bytes. */
#define LOCKED_BYTES (MACHINE_SECRETS_MAX * 4096 + 2 * MACHINE_SECRET_BYTES)

/* What the monitor keeps of a light machine. */
struct light {
	struct cgroup *cgroup;
	int proc; /* the host's /proc, for usage without a control group; else -1 */
};

/* ---- in the child ---- */

static int make_nics(const struct light_plan *plan, int channel, struct err **err)
{
	size_t index = 0;

	if (setns(plan->net, CLONE_NEWNET) < 0)
		return err_set_errno(err, errno, "cannot enter the network namespace");
	MSG_EACH (struct machine_nic, nic, &plan->config->nics) {
		cleanup_fd int tap = -1;
		int r = light_nic_create(nic, index++, &tap, err);

		if (r == 0 && (r = process_send_fd(channel, tap)) < 0)
			err_set_errno(err, -r, "cannot pass the tap");
		if (r < 0)
			return err_prefix(err, "%s", nic->name);
	}
	return 0;
}

static const struct guest_config *guest_of(const struct machine_config *config)
{
	return config->guest.n ? config->guest.items : NULL;
}

static int become_guest(const struct light_plan *plan, struct err **err)
{
	const struct guest_config *guest = guest_of(plan->config);
	const char *hostname = guest && guest->hostname ? guest->hostname : plan->config->name;
	int r = userns_enter(plan->user, err);

	if (r < 0)
		return r;
	if (unshare(CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
		return err_set_errno(err, errno, "cannot make namespaces");
	/* Here, so that atoll-init does not need the capability for it. */
	if (sethostname(hostname, strlen(hostname)) < 0)
		return err_set_errno(err, errno, "cannot set the host name \"%s\"", hostname);
	return 0;
}

/*
 * A machine with secrets: what its programs have in memory reaches no file of the host when they crash (1, not
 * 0, is the limit that also a core_pattern with a program heeds), and atoll-init may lock them into memory.
 */
static int guard_secrets(struct err **err)
{
	const struct rlimit none = { 1, 1 };
	struct rlimit lock;

	if (getrlimit(RLIMIT_MEMLOCK, &lock) < 0)
		return err_set_errno(err, errno, "limits");
	if (lock.rlim_cur < LOCKED_BYTES)
		lock.rlim_cur = LOCKED_BYTES;
	if (lock.rlim_max < lock.rlim_cur)
		lock.rlim_max = lock.rlim_cur;
	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_MEMLOCK, &lock) < 0)
		return err_set_errno(err, errno, "limits for the secrets");
	return 0;
}

static int run_init(const struct light_plan *plan, struct err **err)
{
	const struct guest_init g = {
		.init = plan->init,
		/* Above the numbers that mean something; the originals close with the execution. */
		.wire = fcntl(plan->wire, F_DUPFD_CLOEXEC, PROCESS_FD_MIN),
		.wire_fd = WIRE_LIGHT_FD,
		.console = fcntl(plan->console, F_DUPFD_CLOEXEC, PROCESS_FD_MIN),
		.capabilities = plan->config->capabilities,
	};

	guest_init_run(&g, err);
	return err_prefix(err, "%s", plan->config->init);
}

static int handle_child(int channel, void *data, struct err **err)
{
	const struct light_plan *plan = data;
	int r;

	umask(0);
	if (setsid() < 0)
		return err_set_errno(err, errno, "setsid");
	r = plan->cgroup ? cgroup_enter(plan->cgroup, err) : 0;
	if (r == 0)
		r = mount_make_private(err);
	if (r == 0)
		r = make_nics(plan, channel, err);
	if (r == 0)
		r = light_root_enter(plan, err);
	if (r == 0 && plan->config->secrets.n)
		r = guard_secrets(err);
	if (r == 0)
		r = become_guest(plan, err);
	return r < 0 ? r : run_init(plan, err);
}

/* ---- in the monitor ---- */

static int open_volumes(struct light_plan *plan, struct err **err)
{
	size_t i = 0;

	plan->volumes = xcalloc(plan->config->volumes.n + 1, sizeof(*plan->volumes));
	for (; i < plan->config->volumes.n; i++)
		plan->volumes[i] = -1;
	i = 0;
	MSG_EACH (struct machine_volume, volume, &plan->config->volumes) {
		int r = light_volume_open(volume, plan->user, &plan->volumes[i++], err);

		if (r < 0)
			return err_prefix(err, "volume \"%s\"", volume->name);
	}
	return 0;
}

static int open_image(struct light_plan *plan, struct err **err)
{
	int r = mount_image(plan->config->rootfs, &plan->image, err);

	return r < 0 ? r : mount_idmap(plan->image, plan->user, err);
}

static int prepare(struct light_plan *plan, struct light *light, struct err **err)
{
	const struct machine_config *config = plan->config;
	cleanup_free char *group = xasprintf("%s.%s", config->federation, config->name);
	const struct cgroup_limits limits = { .memory = config->memory, .pids = LIGHT_PIDS_MAX };
	int r;

	plan->init = open(config->init, O_RDONLY | O_CLOEXEC);
	if (plan->init < 0)
		return err_set_errno(err, errno, "%s", config->init);
	r = cgroup_create(group, &limits, &light->cgroup, err);
	if (r == 0)
		r = userns_create(plan->base, &plan->user, &plan->net, &plan->holder, err);
	if (r == 0)
		r = open_image(plan, err);
	if (r == 0)
		r = open_volumes(plan, err);
	return r;
}

/* Makes the two channels to the guest; ours in guest, theirs in plan. */
static int make_channels(struct guest *guest, struct light_plan *plan, struct err **err)
{
	int wire[2], console[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire) < 0)
		return err_set_errno(err, errno, "socketpair");
	guest->wire = wire[0];
	plan->wire = wire[1];
	if (pipe2(console, O_CLOEXEC) < 0)
		return err_set_errno(err, errno, "pipe");
	guest->console = console[0];
	plan->console = console[1];
	/* So that the guest's root can open /dev/stderr, which is this pipe. */
	if (fchown(plan->console, plan->base, plan->base) < 0)
		return err_set_errno(err, errno, "console");
	return 0;
}

static int take_nics(struct guest *guest, struct process *child, struct err **err)
{
	for (size_t i = 0; i < guest->config->nics.n; i++) {
		int r = process_recv_fd(child, &guest->nics[i].fd, err);

		if (r < 0)
			return r;
		guest->nics[i].transport = NIC_TAP;
	}
	return 0;
}

static int launch(struct guest *guest, struct light_plan *plan, struct light *light,
		  struct process *child, struct err **err)
{
	int group = cgroup_fd(light->cgroup);
	int r = make_channels(guest, plan, err);

	plan->cgroup = group < 0 ? light->cgroup : NULL;
	if (r == 0)
		r = process_spawn(CLONE_NEWNS | CLONE_NEWPID, group, handle_child, plan, child,
				  err);
	if (r == 0)
		r = take_nics(guest, child, err);
	return r < 0 ? r : process_await(child, err);
}

static void close_plan(struct light_plan *plan)
{
	for (size_t i = 0; plan->volumes && i < plan->config->volumes.n; i++)
		fd_close(&plan->volumes[i]);
	free(plan->volumes);
	process_destroy(&plan->holder);
	fd_close(&plan->user);
	fd_close(&plan->net);
	fd_close(&plan->image);
	fd_close(&plan->init);
	fd_close(&plan->wire);
	fd_close(&plan->console);
}

static void light_destroy(struct light *light)
{
	cgroup_destroy(light->cgroup);
	fd_close(&light->proc);
	free(light);
}

static void close_guest(struct guest *guest)
{
	fd_close(&guest->wire);
	fd_close(&guest->console);
	for (size_t i = 0; i < guest->config->nics.n; i++)
		fd_close(&guest->nics[i].fd);
}

static int start(struct guest *guest, struct err **err)
{
	struct light_plan plan = { .config = guest->config,
				   .dir = guest->dir,
				   .base = guest->ids.base,
				   .holder = PROCESS_INIT,
				   .user = -1,
				   .net = -1,
				   .image = -1,
				   .init = -1,
				   .wire = -1,
				   .console = -1 };
	struct light *light = xcalloc(1, sizeof(*light));
	struct process child = PROCESS_INIT;
	int r;

	light->proc = -1;
	guest->wire = guest->console = -1;
	for (size_t i = 0; i < GUEST_MAX_NICS; i++)
		guest->nics[i].fd = -1;
	if (guest->config->nics.n > GUEST_MAX_NICS)
		r = err_set(err, E2BIG, "more than %d network interfaces", GUEST_MAX_NICS);
	else
		r = prepare(&plan, light, err);
	if (r == 0)
		r = launch(guest, &plan, light, &child, err);
	close_plan(&plan);
	if (r < 0) {
		process_destroy(&child);
		close_guest(guest);
		light_destroy(light);
		return r;
	}
	if (!cgroup_limited(light->cgroup)) {
		log_warn("%s: no writable control groups: memory and processes have no limit",
			 guest->config->name);
		light->proc = open("/proc", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	}
	guest->pid = child.pid;
	guest->pidfd = child.pidfd;
	guest->priv = light;
	return 0;
}

/* The PID namespace goes with its first process. */
static void light_kill(struct guest *guest)
{
	syscall(SYS_pidfd_send_signal, guest->pidfd, SIGKILL, NULL, 0);
}

static void usage(struct guest *guest, uint64_t *ret_memory, uint64_t *ret_cpu)
{
	struct light *light = guest->priv;

	*ret_memory = *ret_cpu = 0;
	if (cgroup_usage(light->cgroup, ret_memory, ret_cpu) < 0 && light->proc >= 0)
		light_usage_of_tree(light->proc, guest->pid, ret_memory, ret_cpu);
}

static void finish(struct guest *guest)
{
	if (guest->priv)
		light_destroy(guest->priv);
	guest->priv = NULL;
}

const struct kind_ops kind_light = {
	.name = "light",
	.start = start,
	.kill = light_kill,
	.usage = usage,
	.finish = finish,
};
