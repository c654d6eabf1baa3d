/* SPDX-License-Identifier: MIT */
/*
 * atoll-monitor DIR owns the machine in DIR for one life. See keeper.c for how that goes, and
 * halves.h for why it is two processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "keeper.h"
#include "kvm_probe.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "show.h"
#include "str.h"

static int fail(struct err *err)
{
	log_error("%s", err_msg(err));
	return 1;
}

/*
 * One monitor per folder: the lock is how a daemon knows that the one before it started this machine
 * and that it still runs. It ends with this process, however that ends.
 */
static int take_lock(const char *dir, int *ret_fd, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/lock", dir);
	cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;
	int n;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, EBUSY, "%s: another monitor runs this machine", path);
	/*
	 * For people, and for the daemon's words about a machine that it does not know. Cut only where
	 * it must be: a truncation waits for the file system's journal.
	 */
	n = dprintf(fd, "%d\n", (int)getpid());
	if (n < 0 || fstat(fd, &st) < 0 || (st.st_size > n && ftruncate(fd, n) < 0))
		return err_set_errno(err, errno, "%s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int run_machine(const char *dir)
{
	int64_t launched = clock_ns();
	cleanup_err struct err *err = NULL;
	cleanup_fd int lock = -1;

	if (take_lock(dir, &lock, &err) < 0)
		return fail(err);

	/*
	 * It outlives its daemon: neither a terminal nor a broken pipe ends it. A session of its own
	 * comes when the guest runs (keeper.c, machine.c): on a busy host, whoever makes one waits
	 * for milliseconds, since the scheduler divides the time among sessions (sched(7), autogroup).
	 */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	umask(022); /* each file says its own mode; the folders of a jail's root are for all */
	return keeper_run(dir, launched, &err) < 0 ? fail(err) : 0;
}

static int run_show(const char *path)
{
	cleanup_err struct err *err = NULL;

	return show_file(path, &err) < 0 ? fail(err) : 0;
}

static int run_probe(const char *unused)
{
	(void)unused;
	return kvm_probe_print(stdout);
}

static int run_version(const char *unused)
{
	(void)unused;
	printf("atoll-monitor %s\n", ATOLL_VERSION);
	return 0;
}

static int usage(void)
{
	fputs("usage: atoll-monitor DIR           run the machine whose folder DIR is\n"
	      "       atoll-monitor --show FILE   print a machine's config or exit file\n"
	      "       atoll-monitor --probe-kvm   say whether this host's KVM is of use\n"
	      "       atoll-monitor --version\n",
	      stderr);
	return 2;
}

static const struct {
	const char *option;
	int arguments;
	int (*run)(const char *argument);
} modes[] = {
	{ "--show", 1, run_show },
	{ "--probe-kvm", 0, run_probe },
	{ "--version", 0, run_version },
};

int main(int argc, char **argv)
{
	fd_secure_std();
	log_init("atoll-monitor", LOG_LEVEL_INFO);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (argc == 2 + modes[i].arguments && str_eq(argv[1], modes[i].option))
			return modes[i].run(argv[argc - 1]);
	if (argc != 2 || argv[1][0] == '-')
		return usage();
	return run_machine(argv[1]);
}
