/* SPDX-License-Identifier: MIT */
/*
 * PID 1 of the laboratory (tests/lab/run): makes the host's root file system, seen through virtiofs, into a
 * writable one that forgets, runs one command in it, and says how it ended. Everything it needs is in its
 * initramfs: /lab/modules (paths of kernel modules in the order of their loading) and /lab/job, which `run`
 * wrote: "KEY VALUE" and a NUL, for each key of read_job.
 *
 * What goes wrong before the command starts is written to the console and ends the machine; `run` then finds
 * no exit status and shows the console.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIST_MAX 1024
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The job. Every pointer is into the text of /lab/job, which stays. */
struct list {
	char *items[LIST_MAX + 1]; /* ends with NULL */
	size_t n;
};

static struct list keep, shares, env, argv;
static const char *cwd = "/", *modules_dir;
static unsigned long files_limit = 1000000;
static int out_port, err_port, status_port;

static void __attribute__((noreturn)) halt(void)
{
	sync();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	fputs("lab: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(error));
	halt();
}

static void append(struct list *list, char *value)
{
	if (list->n == LIST_MAX) {
		errno = E2BIG;
		die("the job");
	}
	list->items[list->n++] = value;
}

/* The whole file, with a NUL behind it. */
static char *read_file(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0)
		die("%s", path);
	text = calloc(1, (size_t)st.st_size + 1);
	if (!text || read(fd, text, (size_t)st.st_size) != st.st_size)
		die("%s", path);
	close(fd);
	*ret_size = (size_t)st.st_size;
	return text;
}

/* What `run` read off the host's clock, and how long the start took since. */
static void set_clock(const char *seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	now.tv_sec += atoll(seconds);
	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		die("clock");
}

static void job_entry(char *key, char *value)
{
	static const struct {
		const char *key;
		struct list *list;
	} lists[] = { { "keep", &keep }, { "share", &shares }, { "env", &env }, { "arg", &argv } };

	for (size_t i = 0; i < COUNT(lists); i++)
		if (strcmp(key, lists[i].key) == 0)
			append(lists[i].list, value);
	if (strcmp(key, "cwd") == 0)
		cwd = value;
	else if (strcmp(key, "modules") == 0)
		modules_dir = value;
	else if (strcmp(key, "files") == 0)
		files_limit = strtoul(value, NULL, 10);
	else if (strcmp(key, "time") == 0)
		set_clock(value);
}

/* "KEY VALUE" NUL, and so on. */
static void read_job(void)
{
	size_t size;
	char *text = read_file("/lab/job", &size), *end = text + size, *space;

	for (char *entry = text; entry < end; entry += strlen(entry) + 1) {
		space = strchr(entry, ' ');
		if (!space)
			continue;
		*space = 0;
		job_entry(entry, space + 1);
		entry = space + 1;
	}
}

static void load_modules(void)
{
	size_t size;
	char *list = read_file("/lab/modules", &size), *saved = NULL;
	int fd;

	for (char *path = strtok_r(list, "\n", &saved); path; path = strtok_r(NULL, "\n", &saved)) {
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
			fprintf(stderr, "lab: %s: %s\n", path, strerror(errno));
		close(fd);
	}
}

static void make_dirs(const char *path)
{
	char part[4096];

	for (const char *p = path + 1; p && *p; p++) {
		p = strchrnul(p, '/');
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			die("mkdir %s", part);
		if (!*p)
			break;
	}
}

static void mount_at(const char *what, const char *where, const char *type, unsigned long flags,
		     const char *options)
{
	make_dirs(where);
	if (mount(what, where, type, flags, options) < 0)
		die("mount %s on %s (%s)", what, where, type);
}

/* The host's root below, memory above. What is written is gone with the machine. */
static void enter_root(void)
{
	mount_at("root", "/lower", "virtiofs", MS_RDONLY, NULL);
	mount_at("tmpfs", "/upper", "tmpfs", 0, "mode=755,size=80%");
	make_dirs("/upper/files");
	make_dirs("/upper/work");
	mount_at("root", "/root", "overlay", 0,
		 "lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work");
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		die("/root");
	if (chdir("/") < 0)
		die("/");
}

static int clone_tree(const char *path)
{
	int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0)
		die("%s", path);
	return fd;
}

static void attach_tree(int tree, const char *path)
{
	make_dirs(path);
	if (move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		die("%s", path);
	close(tree);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "lab: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* What a distribution's init mounts. A file system that this kernel lacks is only said. */
static void mount_system(void)
{
	static const struct {
		const char *type, *where, *options;
		unsigned long flags;
	} mounts[] = {
		{ "proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "cgroup2", "/sys/fs/cgroup", "nsdelegate", MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "securityfs", "/sys/kernel/security", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "debugfs", "/sys/kernel/debug", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "tracefs", "/sys/kernel/tracing", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "bpf", "/sys/fs/bpf", "mode=700", MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "devtmpfs", "/dev", "mode=755", MS_NOSUID },
		{ "devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC },
		{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV },
		{ "mqueue", "/dev/mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
		{ "tmpfs", "/run", "mode=755", MS_NOSUID | MS_NODEV },
		{ "tmpfs", "/tmp", "mode=1777,size=80%", MS_NOSUID | MS_NODEV },
		{ "tmpfs", "/var/lib/atoll", "mode=755,size=80%", MS_NOSUID | MS_NODEV },
	};
	static const struct {
		const char *to, *path;
	} links[] = { { "/proc/self/fd", "/dev/fd" },
		      { "/proc/self/fd/0", "/dev/stdin" },
		      { "/proc/self/fd/1", "/dev/stdout" },
		      { "/proc/self/fd/2", "/dev/stderr" } };

	for (size_t i = 0; i < COUNT(mounts); i++) {
		if (strncmp(mounts[i].where, "/sys/", 5) != 0)
			make_dirs(mounts[i].where);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, mounts[i].flags,
			  mounts[i].options) < 0)
			fprintf(stderr, "lab: %s: %s\n", mounts[i].where, strerror(errno));
	}
	make_dirs("/run/lock");
	for (size_t i = 0; i < COUNT(links); i++)
		if (symlink(links[i].to, links[i].path) < 0)
			fprintf(stderr, "lab: %s: %s\n", links[i].path, strerror(errno));
}

/* Folders that /tmp or /run would hide, the kernel's modules, and the folders shared with the host. */
static void mount_all(void)
{
	int trees[LIST_MAX], modules = modules_dir ? clone_tree(modules_dir) : -1;
	struct utsname kernel;
	char tag[32], path[256];

	for (size_t i = 0; i < keep.n; i++)
		trees[i] = clone_tree(keep.items[i]);
	mount_system();
	for (size_t i = 0; i < keep.n; i++)
		attach_tree(trees[i], keep.items[i]);
	if (modules >= 0 && uname(&kernel) == 0) {
		snprintf(path, sizeof(path), "/usr/lib/modules/%s", kernel.release);
		attach_tree(modules, path);
	}
	for (size_t i = 0; i < shares.n; i++) {
		snprintf(tag, sizeof(tag), "share%zu", i);
		mount_at(tag, shares.items[i], "virtiofs", 0, NULL);
	}
}

static void raise_loopback(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		die("lo");
	close(fd);
}

static void settle(void)
{
	struct rlimit files = { 1024, 524288 }, locked = { RLIM_INFINITY, RLIM_INFINITY };

	raise_loopback();
	if (sethostname("lab", 3) < 0)
		die("hostname");
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_MEMLOCK, &locked);
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+cpuset +cpu +io +memory +pids");
	write_file("/proc/sys/kernel/printk", "4 4 1 7");
}

/* Ports appear a moment after their driver; the first number in their name counts virtio devices. */
static int open_port(int number, int mode)
{
	struct timespec moment = { 0, 5000000 };
	char pattern[32];
	glob_t found;
	int fd = -1;

	snprintf(pattern, sizeof(pattern), "/dev/vport*p%d", number);
	for (int i = 0; i < 1000 && fd < 0; i++) {
		if (glob(pattern, 0, NULL, &found) == 0) {
			fd = open(found.gl_pathv[0], mode | O_CLOEXEC);
			globfree(&found);
		}
		if (fd < 0)
			nanosleep(&moment, NULL);
	}
	if (fd < 0)
		die("%s", pattern);
	return fd;
}

static void write_all(int fd, const char *data, size_t n)
{
	ssize_t r;

	for (; n; data += r, n -= (size_t)r) {
		r = write(fd, data, n);
		if (r < 0 && errno == EINTR)
			r = 0;
		if (r < 0)
			die("a port to the host");
	}
}

static void __attribute__((format(printf, 1, 2))) report(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	write_all(status_port, line, strlen(line));
}

static void open_console(void)
{
	int fd;

	make_dirs("/dev");
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	fd = open("/dev/console", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static pid_t start_command(int out, int err)
{
	pid_t pid = fork();
	sigset_t none;
	int null;

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return pid;
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	if (chdir(cwd) < 0)
		fprintf(stderr, "lab: %s is not here (--see): the command starts in /\n", cwd);
	environ = env.items;
	execvp(argv.items[0], argv.items);
	fprintf(stderr, "%s: %s\n", argv.items[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Passes on what there is; false at the end of the stream. */
static bool relay(int from, int to)
{
	char data[32768];
	ssize_t n;

	while ((n = read(from, data, sizeof(data))) > 0)
		write_all(to, data, (size_t)n);
	return n < 0 && errno == EAGAIN;
}

/* Buries whoever died, and says whether `command` was among them. */
static bool reap(pid_t command, int *ret_status)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != command)
			continue;
		ended = true;
		*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return ended;
}

/*
 * The file server holds a descriptor for every file that this kernel remembers, and may have just `files_limit`.
 * A file counts twice here, on the server and on the overlay above it.
 */
static void forget_files(void)
{
	static int fd = -1;
	char text[64] = "";

	if (fd < 0)
		fd = open("/proc/sys/fs/inode-nr", O_RDONLY | O_CLOEXEC);
	if (pread(fd, text, sizeof(text) - 1, 0) > 0 &&
	    strtoul(text, NULL, 10) > files_limit + files_limit / 2)
		write_file("/proc/sys/vm/drop_caches", "2");
}

/* Runs until the command itself ended: what it left in the background does not hold the machine. */
static int run_command(void)
{
	int out[2], err[2], children, status = 0;
	struct signalfd_siginfo info;
	struct pollfd fds[3];
	sigset_t child;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (children < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		die("pipes");
	pid = start_command(out[1], err[1]);
	close(out[1]);
	close(err[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(err[0], F_SETFL, O_NONBLOCK);
	fds[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = err[0], .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = children, .events = POLLIN };
	for (;;) {
		if (poll(fds, 3, 100) < 0 && errno != EINTR)
			die("poll");
		forget_files();
		while (read(children, &info, sizeof(info)) > 0)
			;
		if (reap(pid, &status))
			break;
		if (fds[0].revents && !relay(out[0], out_port))
			fds[0].fd = -1;
		if (fds[1].revents && !relay(err[0], err_port))
			fds[1].fd = -1;
	}
	relay(out[0], out_port);
	relay(err[0], err_port);
	return status;
}

/*
 * A process of its own answers each of the host's pulses, whatever the command does to its own output: when
 * that stops, it is the emulator that stands still. The pulses come from outside because they do more than
 * ask: each is an interrupt, and QEMU's emulation of SVM now and then loses one, even the timer's (`run` tells).
 */
static void start_pulse(void)
{
	const int port = open_port(4, O_RDONLY);
	const pid_t pid = fork();
	char pulses[64];

	if (pid < 0)
		die("fork");
	if (pid > 0)
		return;
	for (;;) {
		if (read(port, pulses, sizeof(pulses)) > 0)
			report("alive\n");
		else
			sleep(1); /* 0: the host's side is not open yet */
	}
}

int main(void)
{
	struct utsname kernel;

	open_console();
	read_job();
	load_modules();
	enter_root();
	mount_all();
	settle();
	out_port = open_port(1, O_WRONLY);
	err_port = open_port(2, O_WRONLY);
	status_port = open_port(3, O_WRONLY);
	uname(&kernel);
	report("ready %s %s\n", kernel.release, access("/dev/kvm", W_OK) == 0 ? "kvm" : "no-kvm");
	start_pulse();
	report("exit %d\n", run_command());
	halt();
}
