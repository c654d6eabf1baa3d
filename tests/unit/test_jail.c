/* SPDX-License-Identifier: MIT */
/* lib/jail, and a light machine as the monitor starts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "caps.h"
#include "cgroup.h"
#include "fd.h"
#include "jail.h"
#include "kind.h"
#include "landlock.h"
#include "mem.h"
#include "mount.h"
#include "process.h"
#include "str.h"
#include "userns.h"

/* A literal where the messages' structs have no const. */
#define STR(literal_) ((char *)(uintptr_t)(literal_))

/* On a disk: a tmpfs cannot be mounted idmapped before Linux 6.3. */
static char folder[] = "/var/tmp/test-jail-XXXXXX";

/* The machines' federation: names of this process only, since other tests run at the same time. */
static char federation[32];

/* Runs fn in a child; its return value is the exit code. */
static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	/* Not _exit: before it, AddressSanitizer makes system calls that a filter may not know. */
	if (pid == 0)
		syscall(SYS_exit_group, fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200 + WTERMSIG(status);
}

static void need_root(const char *what)
{
	if (geteuid() != 0) {
		print_message("skipped: %s needs root\n", what);
		skip();
	}
}

/* ---- seccomp ---- */

/* 0 when all answer as expected, else the number of the line that does not. */
#define EXPECT(call_, errno_)                                                                      \
	do {                                                                                       \
		errno = 0;                                                                         \
		if ((call_) >= 0 || errno != (errno_))                                             \
			return __LINE__ % 100 + 1;                                                 \
	} while (0)

static int try_guest_filter(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (seccomp_enter(&seccomp_guest, NULL) < 0)
		return 199;
	EXPECT(syscall(SYS_kexec_load, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_bpf, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_add_key, "user", "x", "y", 1, -3), EPERM);
	EXPECT(syscall(SYS_io_uring_setup, 1, 0), ENOSYS);
	EXPECT(syscall(SYS_clone3, 0, 0), ENOSYS);
	EXPECT(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_clone, CLONE_NEWNET | CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0), EPERM);
	EXPECT(unshare(CLONE_NEWUSER), EPERM);
	EXPECT(unshare(CLONE_NEWNS), EPERM);
	EXPECT(mount("tmpfs", "/mnt", "tmpfs", 0, NULL), EPERM);
	EXPECT(syscall(SYS_open_tree, -1, "/", 0), EPERM);
	EXPECT(syscall(SYS_open_by_handle_at, -1, NULL, 0), EPERM);
	EXPECT(socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	EXPECT(socket(AF_VSOCK, SOCK_STREAM, 0), EAFNOSUPPORT);
	EXPECT(personality(PER_SVR4), EPERM);
	EXPECT(ioctl(0, TIOCSTI, "x"), EPERM);
	EXPECT(syscall(451), ENOSYS);
	EXPECT(syscall(100000), ENOSYS);
	/* And what must go on working. */
	if (unshare(CLONE_FILES) < 0 || socket(AF_INET, SOCK_STREAM, 0) < 0 ||
	    socket(AF_UNIX, SOCK_STREAM, 0) < 0 || personality(0xffffffff) < 0)
		return 198;
	if (fork() == 0)
		_exit(0);
	return wait(NULL) < 0 ? 197 : 0;
}

static int try_monitor_filter(void)
{
	char byte;
	int pair[2];

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ||
	    seccomp_enter(&seccomp_monitor, NULL) < 0)
		return 199;
	EXPECT(execl("/bin/true", "true", NULL), EPERM);
	EXPECT(socket(AF_INET, SOCK_STREAM, 0), EPERM);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	EXPECT(open("/dev/null", O_RDONLY), EPERM);
	EXPECT(kill(getppid(), 0), EPERM);
	EXPECT(syscall(SYS_ptrace, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM);
	if (write(pair[0], "x", 1) != 1 || read(pair[1], &byte, 1) != 1)
		return 198;
	return 0;
}

static int try_helper_filter(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (seccomp_enter(&seccomp_helper, NULL) < 0)
		return 199;
	EXPECT(syscall(SYS_ptrace, 0, 0, 0, 0), EPERM);
	EXPECT(syscall(SYS_setuid, 0), EPERM);
	EXPECT(mount("tmpfs", "/mnt", "tmpfs", 0, NULL), EPERM);
	return 0;
}

/* What a guest could want of the thread that serves its devices: nothing is opened, made or sent for. */
static int try_vmm_filter(void)
{
	char bytes[8];
	void *page;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (seccomp_enter(&seccomp_vmm, NULL) < 0)
		return 199;
	EXPECT(ioctl(0, FIONREAD, bytes), EPERM);
	EXPECT(ioctl(0, KVM_CREATE_VM, 0), EPERM);
	EXPECT(open("/dev/null", O_RDONLY), EPERM);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	EXPECT(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM);
	EXPECT(execl("/bin/true", "true", NULL), EPERM);
	EXPECT(kill(getppid(), 0), EPERM);
	EXPECT((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	       EPERM);
	/* As the allocator does it, with memory that nobody can run. */
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || mprotect(page, 4096, PROT_READ | PROT_WRITE) < 0)
		return 198;
	EXPECT(mprotect(page, 4096, PROT_READ | PROT_EXEC), EPERM);
	return 0;
}

/* A processor's thread may run its guest, and of ioctls nothing else. */
static int ask_as_vcpu(void)
{
	char byte;

	EXPECT(ioctl(0, FIONREAD, &byte), EPERM);
	EXPECT(ioctl(0, KVM_CREATE_VCPU, 0), EPERM);
	EXPECT(ioctl(0, KVM_SET_USER_MEMORY_REGION, &byte), EPERM);
	EXPECT(read(0, &byte, 1), EPERM);
	EXPECT(open("/dev/null", O_RDONLY), EPERM);
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0), EPERM);
	EXPECT(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0), EPERM);
	EXPECT((long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EPERM);
	/* No machine is behind this descriptor, but the filter lets the question pass. */
	return ioctl(-1, KVM_RUN, 0) < 0 && errno == EBADF ? 0 : 198;
}

static int try_vcpu_filter(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (seccomp_enter(&seccomp_vcpu, NULL) < 0)
		return 199;
	/* It may end itself, but not the process. */
	return (int)syscall(SYS_exit, ask_as_vcpu());
}

static void test_filters(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_guest_filter), 0);
	assert_int_equal(in_child(try_monitor_filter), 0);
	assert_int_equal(in_child(try_helper_filter), 0);
	assert_int_equal(in_child(try_vmm_filter), 0);
	assert_int_equal(in_child(try_vcpu_filter), 0);
}

/* ---- capabilities ---- */

static void test_cap_names(void **state)
{
	cleanup_err struct err *err = NULL;
	char *list[] = { STR("net_admin"), STR("CAP_KILL"), NULL };
	char *wrong[] = { STR("net_adnim"), NULL };
	caps_set set;

	(void)state;
	assert_int_equal(caps_from_names(list, &set, NULL), 0);
	assert_true(set == (CAPS_BIT(CAP_NET_ADMIN) | CAPS_BIT(CAP_KILL)));
	assert_string_equal(caps_name(CAP_CHECKPOINT_RESTORE), "checkpoint_restore");
	assert_null(caps_name(64));
	assert_int_equal(caps_from_names(wrong, &set, &err), -EINVAL);
	assert_string_equal(err_msg(err),
			    "no capability \"net_adnim\"; did you mean \"net_admin\"?");
}

static int try_caps_drop(void)
{
	if (caps_drop(CAPS_BIT(CAP_NET_BIND_SERVICE), NULL) < 0)
		return 1;
	if (chown(folder, 1, 1) == 0 || prctl(PR_CAPBSET_READ, CAP_CHOWN) != 0 ||
	    prctl(PR_CAPBSET_READ, CAP_NET_BIND_SERVICE) != 1)
		return 2;
	/* Nor does a program of root's have more. */
	execl("/bin/sh", "sh", "-c", "grep -q '^CapPrm:.*0000000000000400$' /proc/self/status",
	      NULL);
	return 3;
}

/* Whoever executes something after it has nothing, uid 0 or not: the status of a shell that looks. */
static int try_caps_drop_no_exec(void)
{
	if (caps_drop_no_exec(CAPS_BIT(CAP_KILL), NULL) < 0)
		return 2;
	execl("/bin/sh", "sh", "-c",
	      "grep -q '^CapEff:.0*$' /proc/self/status && grep -q '^CapPrm:.0*$' "
	      "/proc/self/status && "
	      "grep -q '^NoNewPrivs:.1$' /proc/self/status",
	      NULL);
	return 3;
}

static void test_caps_drop_no_exec(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(in_child(try_caps_drop_no_exec), 0);
}

static void test_caps_drop(void **state)
{
	(void)state;
	need_root("dropping capabilities");
	assert_int_equal(in_child(try_caps_drop), 0);
}

/* ---- ids and user namespaces ---- */

static void test_ids(void **state)
{
	cleanup_free char *lock = xasprintf("%s/ids.lock", folder);
	struct ids a, b, again;

	(void)state;
	assert_int_equal(ids_take("office/web", lock, &a, NULL), 0);
	assert_int_equal(ids_take("office/web", lock, &b, NULL), 0);
	assert_true(a.base >= IDS_FIRST && (a.base - IDS_FIRST) % IDS_COUNT == 0);
	assert_true((uint64_t)a.base + IDS_COUNT <= (uint64_t)INT32_MAX + 1);
	assert_true(a.base != b.base);
	assert_true(a.helper != b.helper);
	assert_true(a.helper < IDS_FIRST);
	ids_release(&a);
	/* The same name gets the same ids as soon as they are free. */
	assert_int_equal(ids_take("office/web", lock, &again, NULL), 0);
	assert_int_equal(again.base, again.helper - IDS_HELPER == 0 ? IDS_FIRST : again.base);
	assert_true(again.base != b.base);
	ids_release(&b);
	ids_release(&again);
}

static int enter_user_ns(void)
{
	struct process holder = PROCESS_INIT;
	struct stat st;
	int user, net;

	if (userns_create(IDS_FIRST, &user, &net, &holder, NULL) < 0)
		return 1;
	/* It is not needed for them any more. */
	process_destroy(&holder);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return 5;
	if (userns_enter(user, NULL) < 0)
		return 1;
	if (getuid() != 0 || getgid() != 0)
		return 2;
	if (fstat(open("/proc/self/uid_map", O_RDONLY), &st) < 0)
		return 3;
	/* Root of the namespace, nobody of the host's. */
	return kill(getppid(), 0) < 0 && errno == EPERM && setns(net, CLONE_NEWNET) == 0 ? 0 : 4;
}

static void test_userns(void **state)
{
	(void)state;
	need_root("mapping ids");
	assert_int_equal(in_child(enter_user_ns), 0);
}

/* ---- processes ---- */

static int fail_precisely(int channel, void *data, struct err **err)
{
	(void)channel;
	return err_set(err, EDOM, "%s is not what it seems", (char *)data);
}

static int pass_fd(int channel, void *data, struct err **err)
{
	(void)err;
	process_send_fd(channel, *(int *)data);
	if (process_wait_notify(channel) < 0)
		_exit(3);
	execl("/bin/sh", "sh", "-c", "exit 9", NULL);
	return -errno;
}

static void test_process(void **state)
{
	cleanup_err struct err *err = NULL;
	struct process p = PROCESS_INIT;
	siginfo_t info;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), copy;
	char name[] = "it";

	(void)state;
	assert_int_equal(process_spawn(0, -1, fail_precisely, name, &p, NULL), 0);
	assert_int_equal(process_await(&p, &err), -EDOM);
	assert_string_equal(err_msg(err), "it is not what it seems");
	assert_int_equal(p.pidfd, -1);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);

	assert_int_equal(process_spawn(0, -1, pass_fd, &fd, &p, NULL), 0);
	assert_int_equal(process_recv_fd(&p, &copy, NULL), 0);
	assert_int_equal(process_notify(p.channel), 0);
	assert_int_equal(process_await(&p, NULL), 0);
	assert_int_equal(waitid(P_PIDFD, p.pidfd, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_status, 9);
	close(fd);
	close(copy);
	process_destroy(&p);
}

/* ---- the jail of our own processes ---- */

static int in_jail(void)
{
	static const struct jail_bind binds[] = {
		{ .path = "/usr" },
		{ .path = "/bin", .optional = true },
		{ .path = "/lib", .optional = true },
		{ .path = "/lib64", .optional = true },
		{ .path = "/nowhere", .optional = true },
		{ .path = folder, .writable = true },
	};
	const struct landlock_rule rules[] = { { "/usr", LANDLOCK_EXEC },
					       { "/lib", LANDLOCK_EXEC },
					       { "/lib64", LANDLOCK_EXEC },
					       { "/dev", LANDLOCK_WRITE },
					       { folder, LANDLOCK_WRITE } };
	static const struct jail_rlimit rlimits[] = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 64 } };
	const struct jail_spec spec = {
		.namespaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
		.binds = binds,
		.n_binds = ARRAY_SIZE(binds),
		.devices = true,
		.rlimits = rlimits,
		.n_rlimits = ARRAY_SIZE(rlimits),
		.uid = IDS_HELPER + 1,
		.rules = rules,
		.n_rules = ARRAY_SIZE(rules),
		.filter = &seccomp_helper,
	};
	cleanup_free char *mine = xasprintf("%s/mine", folder);
	struct err *err = NULL;

	chmod(folder, 0777);
	if (jail_enter(&spec, &err) < 0) {
		fprintf(stderr, "%s\n", err_msg(err));
		return 1;
	}
	if (getuid() != IDS_HELPER + 1 || access("/etc/passwd", F_OK) == 0 ||
	    access("/proc/self", F_OK) == 0)
		return 2;
	if (open("/usr/x", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EROFS)
		return 3;
	if (open("/x", O_WRONLY | O_CREAT, 0600) >= 0)
		return 4;
	if (open(mine, O_WRONLY | O_CREAT, 0600) < 0 || open("/dev/null", O_WRONLY) < 0)
		return 5;
	if (setuid(0) == 0 || socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0)
		return 6;
	execl("/usr/bin/true", "true", NULL);
	return 7;
}

static void test_jail(void **state)
{
	(void)state;
	need_root("a jail");
	assert_int_equal(in_child(in_jail), 0);
}

static int in_landlock(void)
{
	struct landlock_rule rules[] = { { "/usr", LANDLOCK_READ }, { folder, LANDLOCK_WRITE } };
	cleanup_free char *file = xasprintf("%s/landlocked", folder);

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (landlock_enter(rules, 2, NULL) < 0)
		return 1;
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		return 2;
	if (open("/usr", O_RDONLY) < 0 || open(file, O_WRONLY | O_CREAT, 0600) < 0)
		return 3;
	return unlink(file) < 0 ? 4 : 0;
}

static void test_landlock(void **state)
{
	(void)state;
	if (!landlock_available()) {
		print_message("skipped: this kernel has no Landlock\n");
		skip();
	}
	assert_int_equal(in_child(in_landlock), 0);
}

/* ---- control groups ---- */

static void test_cgroup(void **state)
{
	const struct cgroup_limits limits = { .memory = 32 << 20, .pids = 16 };
	cleanup_free char *group = xasprintf("%s-jail", federation);
	struct cgroup *cg, *second;
	uint64_t memory, cpu;
	siginfo_t info;
	pid_t pid;

	(void)state;
	assert_int_equal(cgroup_create("a/b", &limits, &cg, NULL), -EINVAL);
	assert_int_equal(cgroup_create(group, &limits, &cg, NULL), 0);
	if (!cgroup_limited(cg)) {
		cgroup_destroy(cg);
		print_message("skipped: no writable control groups here\n");
		skip();
	}
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	assert_int_equal(cgroup_add(cg, pid, NULL), 0);
	/* In use: another machine of this name gets another group. */
	assert_int_equal(cgroup_create(group, &limits, &second, NULL), 0);
	assert_int_equal(cgroup_usage(cg, &memory, &cpu), 0);
	assert_true(memory < limits.memory);
	cgroup_kill(cg);
	assert_int_equal(waitid(P_PID, pid, &info, WEXITED), 0);
	assert_int_equal(info.si_status, SIGKILL);
	cgroup_destroy(cg);
	cgroup_destroy(second);
	cgroup_destroy(NULL);
}

/* ---- a light machine ---- */

/*
 * What must be on the host after as it was before: mounts and interfaces of this test's own
 * namespaces, its control groups, its folder's loop devices, its descriptors. Nothing that another
 * process can change.
 */
static char *host_state(void)
{
	char *text;
	cleanup_free char *command =
		xasprintf("cat /proc/self/mountinfo; cut -d: -f1 /proc/self/net/dev; "
			  "ls -d /sys/fs/cgroup/*/%s.* /sys/fs/cgroup/*/*/%s.* 2>/dev/null; "
			  "grep -sh %s /sys/block/loop*/loop/backing_file; ls /proc/%d/fd",
			  federation, federation, folder, (int)getpid());
	FILE *p = popen(command, "re");
	struct buf out = BUF_INIT;

	assert_non_null(p);
	assert_int_equal(fd_read_all(fileno(p), 1 << 20, &out), 0);
	pclose(p);
	buf_append(&out, "", 1);
	text = xstrdup((char *)buf_bytes(&out));
	buf_free(&out);
	return text;
}

/* The kernel ends a loop device some time after its last user. */
static void expect_host_state(const char *before)
{
	for (int patience = 50;; patience--) {
		cleanup_free char *now = host_state();

		if (str_eq(now, before))
			return;
		if (!patience)
			fail_msg("%s\nis not\n%s", now, before);
		poll(NULL, 0, 100);
	}
}

struct machine {
	struct machine_config config;
	struct guest guest;
	char *report;
};

static void make_rootfs(void)
{
	cleanup_free char *command =
		xasprintf("cd %s && test -e rootfs.erofs || { mkdir -p r/etc r/old r/real && echo "
			  "hi >r/etc/hello && chown 1000:100 "
			  "r/etc/hello && chmod 640 r/etc/hello && ln -s /real r/data && "
			  "mkfs.erofs -zlz4hc rootfs.erofs r >/dev/null 2>&1; }",
			  folder);

	assert_int_equal(system(command), 0);
}

static void configure(struct machine *m)
{
	static char *capabilities[] = { STR("net_raw"), NULL };
	struct machine_volume *volume;
	struct guest_config *guest;
	struct machine_nic *nic;

	*m = (struct machine){ 0 };
	m->config = (struct machine_config){
		.federation = federation,
		.name = STR("probe"),
		.memory = 64 << 20,
		.rootfs = xasprintf("%s/rootfs.erofs", folder),
		.init = xstrdup(LIGHT_PROBE),
		.capabilities = capabilities,
	};
	guest = msg_records_add(&m->config.guest, sizeof(*guest));
	guest->hostname = STR("probe-host");
	nic = msg_records_add(&m->config.nics, sizeof(*nic));
	*nic = (struct machine_nic){ .name = STR("peer"),
				     .mac = STR("02:00:00:00:00:2a"),
				     .mtu = 65520 };
	volume = msg_records_add(&m->config.volumes, sizeof(*volume));
	*volume = (struct machine_volume){ .name = STR("store"),
					   .path = xasprintf("%s/volumes/store", folder),
					   .target = STR("/data/store"),
					   .owner = 999,
					   .group = 998,
					   .mode = 0750 };
	m->guest.config = &m->config;
	m->guest.dir = folder;
	assert_int_equal(ids_take(federation, NULL, &m->guest.ids, NULL), 0);
}

static void read_report(struct machine *m)
{
	struct buf out = BUF_INIT;
	char text[4096];
	ssize_t n;

	while ((n = read(m->guest.console, text, sizeof(text))) > 0) {
		buf_append(&out, text, n);
		if (memmem(buf_bytes(&out), out.len, "end=1\n", 6))
			break;
	}
	buf_append(&out, "", 1);
	m->report = xstrdup((char *)buf_bytes(&out));
	buf_free(&out);
}

static void start(struct machine *m)
{
	cleanup_err struct err *err = NULL;

	configure(m);
	if (kind_light.start(&m->guest, &err) < 0)
		fail_msg("%s", err_msg(err));
	read_report(m);
}

static void forget(struct machine *m)
{
	struct machine_volume *volume = m->config.volumes.items;

	free(volume->path);
	free(m->config.volumes.items);
	free(m->config.nics.items);
	free(m->config.guest.items);
	free(m->config.rootfs);
	free(m->config.init);
	free(m->report);
	ids_release(&m->guest.ids);
}

/* Exit code, or 128 + signal. */
static int finish(struct machine *m)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PIDFD, m->guest.pidfd, &info, WEXITED), 0);
	kind_light.finish(&m->guest);
	fd_close(&m->guest.pidfd);
	fd_close(&m->guest.wire);
	fd_close(&m->guest.console);
	fd_close(&m->guest.nics[0].fd);
	forget(m);
	return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static const char *value(const struct machine *m, const char *key)
{
	static char found[1024];
	cleanup_free char *start_of = xasprintf("\n%s=", key);
	const char *p = strstr(m->report, start_of);

	if (!p)
		return "(not said)";
	p += strlen(start_of);
	snprintf(found, sizeof(found), "%.*s", (int)strcspn(p, "\n"), p);
	return found;
}

#define assert_says(m_, key_, value_) assert_string_equal(value(m_, key_), value_)

static void check_identity(const struct machine *m)
{
	static const char *const spaces[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" };
	unsigned int inside, outside, count;

	assert_says(m, "pid", "1");
	assert_says(m, "ids", "0:0");
	assert_says(m, "hostname", "probe-host");
	assert_says(m, "processes", "1 ");
	assert_int_equal(sscanf(value(m, "uid_map"), "%u %u %u", &inside, &outside, &count), 3);
	assert_int_equal(inside, 0);
	assert_true(outside >= IDS_FIRST);
	assert_int_equal(count, IDS_COUNT);
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		char path[64], link[64] = "";

		snprintf(path, sizeof(path), "/proc/self/ns/%s", spaces[i]);
		assert_true(readlink(path, link, sizeof(link) - 1) > 0);
		snprintf(path, sizeof(path), "ns_%s", spaces[i]);
		assert_string_not_equal(value(m, path), link);
		assert_true(str_starts(value(m, path), spaces[i]));
	}
}

static void check_walls(const struct machine *m)
{
	char caps[32];

	snprintf(caps, sizeof(caps), "%016llx",
		 (unsigned long long)(CAPS_GUEST_DEFAULT | CAPS_BIT(CAP_NET_ADMIN) |
				      CAPS_BIT(CAP_NET_RAW)));
	assert_says(m, "CapPrm", caps);
	assert_says(m, "CapBnd", caps);
	assert_says(m, "NoNewPrivs", "1");
	assert_says(m, "Seccomp", "2");
	assert_says(m, "mount", "EPERM");
	assert_says(m, "umount", "EPERM");
	assert_says(m, "unshare", "EPERM");
	assert_says(m, "kexec", "EPERM");
	assert_says(m, "clone3", "ENOSYS");
	assert_says(m, "future", "ENOSYS");
	assert_says(m, "alg", "EAFNOSUPPORT");
	assert_says(m, "inet", "ok");
	assert_says(m, "core_pattern", "EACCES");
	/* Its own network's; old kernels hide it from all but the host's root. */
	assert_true(str_eq(value(m, "somaxconn"), "ok") || str_eq(value(m, "somaxconn"), "ENOENT"));
	/* It is /dev/null, where the kernel has it at all. */
	assert_true(str_eq(value(m, "sysrq"), "ok") || str_eq(value(m, "sysrq"), "ENOENT"));
	assert_says(m, "sys_write", "EROFS");
	assert_says(m, "mknod", "EPERM");
	assert_says(m, "kcore", "");
	assert_string_not_equal(value(m, "init_write"), "ok");
	/* 4 is the open folder itself */
	assert_says(m, "fds", "0 1 2 3 4 ");
}

static void check_files(const struct machine *m)
{
	assert_says(m, "root", "data dev etc old proc real run sys tmp ");
	assert_says(m, "stderr_open", "ok");
	assert_says(m, "pty", "ok");
	assert_says(m, "null", "ok");
	assert_says(m, "root_write", "ok");
	assert_says(m, "new", "0:0:600");
	assert_says(m, "replace", "ok");
	assert_says(m, "image_1000", "1000:100:640");
	assert_says(m, "volume", "999:998:750");
	assert_says(m, "volume_write", "ok");
	assert_says(m, "volume_file", "0:0:600");
	assert_says(m, "shm", "33554432");
}

static void check_network(struct machine *m)
{
	struct pollfd p = { .fd = m->guest.nics[0].fd, .events = POLLIN };
	char frame[2048];

	assert_says(m, "interfaces", "_nic0 lo ");
	assert_says(m, "mac", "02:00:00:00:00:2a");
	assert_says(m, "mtu", "65520");
	assert_says(m, "nic_up", "ok");
	assert_int_equal(m->guest.nics[0].transport, NIC_TAP);
	/* Coming up, it speaks (IPv6): the frame comes out here. */
	assert_int_equal(poll(&p, 1, 5000), 1);
	assert_true(read(p.fd, frame, sizeof(frame)) > 14);
	assert_memory_equal(frame + 6, "\x02\x00\x00\x00\x00\x2a", 6);
}

static void need_light(void)
{
	need_root("a light machine");
	if (system("command -v mkfs.erofs >/dev/null") != 0) {
		print_message("skipped: no mkfs.erofs\n");
		skip();
	}
	make_rootfs();
}

static void test_light(void **state)
{
	cleanup_free char *before = NULL;
	cleanup_free char *file = xasprintf("%s/volumes/store/file", folder);
	struct machine m;
	struct stat st;
	uint64_t memory, cpu;

	(void)state;
	need_light();
	before = host_state();
	start(&m);
	assert_true(str_starts(m.report, "args=light net_raw\n"));
	check_identity(&m);
	check_walls(&m);
	check_files(&m);
	check_network(&m);
	kind_light.usage(&m.guest, &memory, &cpu);
	assert_true(memory > 0 && memory < m.config.memory);
	assert_int_equal(write(m.guest.wire, "x", 1), 1);
	assert_int_equal(finish(&m), 7);
	expect_host_state(before);
	/* On the disk, ids are the guest's own. */
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_uid, 0);
}

static void test_light_kill(void **state)
{
	struct machine m;

	(void)state;
	need_light();
	start(&m);
	assert_int_equal(write(m.guest.wire, "w", 1), 1);
	kind_light.kill(&m.guest);
	assert_int_equal(finish(&m), 128 + SIGKILL);
}

static bool have_limits(void)
{
	const struct cgroup_limits limits = { .memory = 32 << 20, .pids = 16 };
	cleanup_free char *group = xasprintf("%s-limits", federation);
	struct cgroup *cg;
	bool have;

	assert_int_equal(cgroup_create(group, &limits, &cg, NULL), 0);
	have = cgroup_limited(cg);
	cgroup_destroy(cg);
	return have;
}

static void test_light_limits(void **state)
{
	struct machine m;
	int r;

	(void)state;
	need_light();
	if (!have_limits()) {
		print_message("skipped: no writable control groups here\n");
		skip();
	}
	start(&m);
	assert_int_equal(write(m.guest.wire, "m", 1), 1);
	r = finish(&m);
	/* Version 1 ends the process that grew, version 2 the whole machine. */
	assert_true(r == 100 + SIGKILL || r == 128 + SIGKILL);
	start(&m);
	assert_int_equal(write(m.guest.wire, "f", 1), 1);
	/* So many processes need more than this machine's memory, too; either limit is one. */
	r = finish(&m);
	assert_true(r == 8 || r == 1 || r == 128 + SIGKILL);
}

/* Every early end leaves the host as it was. */
static void test_light_fails(void **state)
{
	cleanup_free char *before = NULL;
	static const char *const wrong[] = { "rootfs", "init", "mac", "target", "capability" };

	(void)state;
	need_light();
	before = host_state();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		static char *capabilities[] = { STR("nonsense"), NULL };
		cleanup_err struct err *err = NULL;
		struct machine m;

		configure(&m);
		if (i < 2) {
			char **file = i == 0 ? &m.config.rootfs : &m.config.init;

			free(*file);
			*file = xstrdup("/etc/hostname");
		}
		if (i == 2)
			((struct machine_nic *)m.config.nics.items)->mac = STR("02:zz");
		if (i == 3)
			((struct machine_volume *)m.config.volumes.items)->target =
				STR("/etc/hello/below");
		if (i == 4)
			m.config.capabilities = capabilities;
		assert_true(kind_light.start(&m.guest, &err) < 0);
		print_message("%s: %s\n", wrong[i], err_msg(err));
		assert_non_null(err);
		assert_int_equal(m.guest.wire, -1);
		forget(&m);
	}
	expect_host_state(before);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(federation, sizeof(federation), "test%d", (int)getpid());
	/* The host of these machines is of this test's own, whose state others do not change. */
	if (geteuid() == 0 && (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ||
			       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
		return -1;
	return mkdtemp(folder) ? 0 : -1;
}

static int clean_up(void **state)
{
	/* What a test left that failed. */
	cleanup_free char *command = xasprintf(
		"rmdir /sys/fs/cgroup/atoll/%s[.-]* /sys/fs/cgroup/*/atoll/%s[.-]* 2>/dev/null",
		federation, federation);

	(void)state;
	if (system(command) < 0)
		return -1;
	return dir_remove(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_cap_names),
		cmocka_unit_test(test_caps_drop_no_exec),
		cmocka_unit_test(test_caps_drop),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_userns),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_jail),
		cmocka_unit_test(test_landlock),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_light),
		cmocka_unit_test(test_light_kill),
		cmocka_unit_test(test_light_limits),
		cmocka_unit_test(test_light_fails),
	};

	return cmocka_run_group_tests(tests, set_up, clean_up);
}
