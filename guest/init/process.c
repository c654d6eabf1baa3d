/* SPDX-License-Identifier: MIT */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define SOFT_NOFILE 1024 /* what programs that use select(2) expect; they may raise it */
#define EXIT_LOST   127  /* of a child that cannot say why */

/* How far a new process came; what it failed at. */
enum stage {
	STAGE_STDIO,
	STAGE_USER,
	STAGE_WORKDIR,
	STAGE_EXEC,
};

struct failure {
	int code; /* errno */
	enum stage stage;
};

struct watched {
	pid_t pid;
	process_end_fn fn;
	void *data;
};

static struct {
	struct watched *items; /* owned; n of them */
	size_t n;
	uint64_t withheld; /* bit N: capability N */
	void (*idle)(void *data);
	void *data;
} processes;

static int status_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void report_end(pid_t pid, int code)
{
	for (size_t i = 0; i < processes.n; i++) {
		struct watched w = processes.items[i];

		if (w.pid != pid)
			continue;
		/* First out of the table: fn may start another process. */
		processes.items[i] = processes.items[--processes.n];
		w.fn(code, w.data);
		return;
	}
}

static void handle_child(int signo, void *data)
{
	int status;
	pid_t pid;

	(void)signo;
	(void)data;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		report_end(pid, status_code(status));
	if (!process_any())
		processes.idle(processes.data);
}

void process_init(struct loop *loop, void (*idle)(void *data), void *data)
{
	processes.idle = idle;
	processes.data = data;
	loop_add_signal(loop, SIGCHLD, handle_child, NULL);
}

bool process_any(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void process_withhold(int capability)
{
	processes.withheld |= UINT64_C(1) << capability;
}

static void watch(pid_t pid, process_end_fn fn, void *data)
{
	processes.items = xreallocarray(processes.items, processes.n + 1, sizeof(struct watched));
	processes.items[processes.n++] = (struct watched){ pid, fn, data };
}

static int become_session(const struct process_spec *spec)
{
	/* Copies first: a source below 3 must not be overwritten before its turn. */
	int copies[3];

	setsid();
	for (int i = 0; i < 3; i++) {
		copies[i] = fcntl(spec->stdio[i], F_DUPFD_CLOEXEC, 3);
		if (copies[i] < 0)
			return -errno;
	}
	for (int i = 0; i < 3; i++)
		if (dup2(copies[i], i) < 0)
			return -errno;
	if (spec->tty && ioctl(0, TIOCSCTTY, 0) < 0)
		return -errno;
	return 0;
}

static int drop_withheld(void)
{
	for (int i = 0; i < 64; i++)
		if (processes.withheld >> i & 1 && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return -errno;
	return 0;
}

static int become_user(const struct user *user)
{
	struct rlimit limit;
	int r = drop_withheld();

	if (r < 0)
		return r;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > SOFT_NOFILE) {
		limit.rlim_cur = SOFT_NOFILE;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* /dev/stdout is opened anew by many a program, which only the owner may. */
	for (int i = 1; i < 3 && user->uid; i++)
		if (fchown(i, user->uid, (gid_t)-1) < 0)
			continue;
	/* Where a user namespace has one user, groups cannot be set; who stays the same gains none. */
	if ((setgroups(user->n_groups, user->groups) < 0 &&
	     (errno != EPERM || user->uid != geteuid())) ||
	    setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

/* In the child; comes back only on failure. */
static struct failure run_child(const struct process_spec *spec)
{
	int r = become_session(spec);

	if (r < 0)
		return (struct failure){ -r, STAGE_STDIO };
	umask(022);
	r = become_user(spec->user);
	if (r < 0)
		return (struct failure){ -r, STAGE_USER };
	if (chdir(spec->workdir ? spec->workdir : "/") < 0)
		return (struct failure){ errno, STAGE_WORKDIR };
	loop_child_reset();
	/* execvp and not execvpe: it is the new environment's PATH that counts. */
	environ = (char **)(uintptr_t)spec->env;
	execvp(spec->argv[0], spec->argv);
	return (struct failure){ errno, STAGE_EXEC };
}

static int explain(const struct process_spec *spec, const struct failure *f, struct err **err)
{
	switch (f->stage) {
	case STAGE_STDIO:
		return err_set_errno(err, EIO, "standard input and output (%s)", strerror(f->code));
	case STAGE_USER:
		return err_set(err, EPERM, "becoming uid %u: %s", (unsigned int)spec->user->uid,
			       strerror(f->code));
	case STAGE_WORKDIR:
		return err_set(err, ENOTDIR, "working folder %s: %s",
			       spec->workdir ? spec->workdir : "/", strerror(f->code));
	case STAGE_EXEC:
		break;
	}
	if (f->code == ENOENT || f->code == ENOTDIR)
		return err_set(err, ENOENT, "%s: not found", spec->argv[0]);
	return err_set_errno(err, f->code, "%s", spec->argv[0]);
}

int process_spawn(const struct process_spec *spec, process_end_fn fn, void *data, pid_t *ret_pid,
		  struct err **err)
{
	cleanup_fd int out = -1, in = -1;
	struct failure failure;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_set_errno(err, errno, "%s", spec->argv[0]);
	out = ends[0];
	in = ends[1];
	pid = fork();
	if (pid < 0)
		return err_set_errno(err, errno, "%s: fork", spec->argv[0]);
	if (pid == 0) {
		failure = run_child(spec);
		fd_write_all(in, &failure, sizeof(failure));
		_exit(EXIT_LOST);
	}
	fd_close(&in);
	/* The pipe closes at exec, so this waits no longer than that. */
	if (fd_read_exact(out, &failure, sizeof(failure)) == 0)
		return explain(spec, &failure, err);
	watch(pid, fn, data);
	*ret_pid = pid;
	return 0;
}

/* Sets NAME=VALUE in an environment. */
static void set_variable(char ***env, const char *assignment)
{
	size_t name = strcspn(assignment, "=") + 1;

	for (char **v = *env; v && *v; v++)
		if (strncmp(*v, assignment, name) == 0) {
			free(*v);
			*v = xstrdup(assignment);
			return;
		}
	strv_append(env, assignment);
}

char **process_env(const struct user *user, char *const *base, char *const *more)
{
	char **env = NULL;

	strv_append(&env, "PATH=" PROCESS_DEFAULT_PATH);
	strv_take(&env, xasprintf("HOME=%s", user->home));
	for (; base && *base; base++)
		if (strchr(*base, '='))
			set_variable(&env, *base);
	for (; more && *more; more++)
		if (strchr(*more, '='))
			set_variable(&env, *more);
	return env;
}
