/* SPDX-License-Identifier: MIT */
#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caps.h"
#include "fd.h"
#include "jail.h"
#include "log.h"
#include "mem.h"
#include "process.h"

#define NAMESPACES (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)
#define NOBODY     65534
#define FILES      1024
#define KILLED     137
#define MISTAKE    2
#define OUR_FAULT  125

struct launch {
	int (*fn)(void *data);
	void *data;
};

/* What asks for the machine's end. */
static const int end_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

static pid_t child;       /* for the handler of the launcher, which has nothing else to do */
static int launcher = -1; /* its pidfd, in the child */

/* Whatever asks the launcher to end asks the machine. */
static void handle_signal(int signo)
{
	kill(child, signo == SIGINT ? SIGINT : SIGTERM);
}

static void change_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		sigaddset(&set, end_signals[i]);
	sigprocmask(how, &set, NULL);
}

void isolate_hold_signals(void)
{
	change_signals(SIG_BLOCK);
}

/*
 * Whoever launched us is the machine's owner. A change of ids clears this. A launcher that is gone already
 * sends no signal: hence the look.
 */
static int die_with_launcher(void)
{
	struct pollfd gone = { .fd = launcher, .events = POLLIN };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	return launcher >= 0 && poll(&gone, 1, 0) > 0 ? -ESRCH : 0;
}

static int run_child(int channel, void *data, struct err **err)
{
	const struct launch *launch = data;

	(void)err;
	if (die_with_launcher() < 0)
		_exit(KILLED);
	/* Signals wait until the machine has a loop. The launcher passes on none before it hears of that. */
	isolate_hold_signals();
	close(channel);
	/* Its files are written out: _exit, for what runs at exit belongs to the launcher. */
	_exit(launch->fn(launch->data));
}

static int await_child(const struct process *process)
{
	struct sigaction pass = { .sa_handler = handle_signal, .sa_flags = SA_RESTART };
	int status;

	child = process->pid;
	syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0);
	caps_drop_no_exec(CAPS_BIT(CAP_KILL), NULL);
	for (size_t i = 0; i < ARRAY_SIZE(end_signals); i++)
		sigaction(end_signals[i], &pass, NULL);
	change_signals(SIG_UNBLOCK);
	while (waitpid(process->pid, &status, 0) < 0)
		if (errno != EINTR)
			return OUR_FAULT;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_error("its process was killed by signal %d (%s)", WTERMSIG(status),
		  strsignal(WTERMSIG(status)));
	return KILLED;
}

static int open_cgroup(const char *path, int *ret_fd, struct err **err)
{
	struct statfs fs;

	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_set_errno(err, errno, "--cgroup: %s", path);
	if (fstatfs(*ret_fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
		return err_set(err, EINVAL, "--cgroup: %s is no cgroup v2 folder", path);
	return 0;
}

int isolate_launch(const struct options *options, int (*fn)(void *data), void *data)
{
	/* A user who is not root gets the right to the other namespaces from one of users. */
	const uint64_t flags = CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0);
	cleanup_err struct err *err = NULL;
	cleanup_fd int cgroup = -1;
	struct launch launch = { fn, data };
	struct process process = PROCESS_INIT;

	if (options->jailed || options->no_jail)
		return fn(data);
	if (options->cgroup && open_cgroup(options->cgroup, &cgroup, &err) < 0) {
		log_error("%s", err_msg(err));
		return MISTAKE;
	}
	launcher = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (process_spawn(flags, cgroup, run_child, &launch, &process, &err) < 0 ||
	    process_await(&process, &err) < 0) {
		log_error("jail: %s (--no-jail runs without one)", err_msg(err));
		return OUR_FAULT;
	}
	return await_child(&process);
}

int isolate_process(const struct options *options, struct err **err)
{
	/* Not root: then an id without a name in a user namespace of our own, and it stays that. */
	const bool root = geteuid() == 0;
	const struct jail_rlimit rlimits[] = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, FILES } };
	const struct jail_spec spec = {
		.namespaces = NAMESPACES,
		.empty_root = true,
		.rlimits = rlimits,
		.n_rlimits = ARRAY_SIZE(rlimits),
		.uid = root ? options->uid == (uid_t)-1 ? NOBODY : options->uid : JAIL_KEEP_ID,
		.keep = CAPS_NONE,
		.no_exec = true,
	};
	int r;

	if (options->no_jail)
		return 0;
	r = jail_enter(&spec, err);
	if (r == 0) {
		r = die_with_launcher();
		if (r < 0)
			err_set_errno(err, -r, "jail: the launcher");
	}
	fd_close(&launcher);
	return r;
}

/*
 * The thread of the devices wakes up for the first of many things that a processor's thread has for it. Where
 * both share a processor of the host, it would take that away from the guest and find that one thing;
 * as a batch thread it waits until the guest has no more, and finds all. With a processor of its own, nothing
 * changes. What the user chose (idle, a real time) stays.
 */
static void wait_for_more(void)
{
	const struct sched_param none = { 0 };

	/* musl's wrappers refuse, for they are about processes. */
	if (syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER &&
	    syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &none) < 0)
		log_debug("sched_setscheduler: %m");
}

int isolate_main_thread(const struct options *options)
{
	wait_for_more();
	return options->no_jail ? 0 : seccomp_enter(&seccomp_vmm, NULL);
}

int isolate_vcpu_thread(const struct options *options)
{
	return options->no_jail ? 0 : seccomp_enter(&seccomp_vcpu, NULL);
}
