/* SPDX-License-Identifier: MIT */
/*
 * atolld: what federations there are, and that they are so. Opens everything in an order in which
 * each part finds those it needs, runs the loop, and takes it down again. Machines run on.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "adopt.h"
#include "api.h"
#include "cgroup.h"
#include "children.h"
#include "counts.h"
#include "daemon.h"
#include "events.h"
#include "fd.h"
#include "host.h"
#include "http.h"
#include "ledger.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "model.h"
#include "operation.h"
#include "paths.h"
#include "str.h"
#include "verify.h"

static const char usage[] =
	"usage: atolld [--foreground]\n"
	"Runs federations of small machines and serves the API; see atolld(8).\n";

static int background_log = -1; /* what standard error becomes */

/* One daemon per state folder. The lock ends with the process, however that ends. */
static int take_lock(void)
{
	cleanup_free char *path = paths_in_state("atolld.lock");
	cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char text[32] = "";

	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = read(fd, text, sizeof(text) - 1);

		text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
		die("%s: another atolld (process %s) has this state folder", paths_state(),
		    *text ? text : "unknown");
	}
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		log_warn("%s: %s", path, strerror(errno));
	return steal_fd(&fd);
}

/* The socket that systemd listens on for us (sd_listen_fds(3)), or -1. */
static int activated_socket(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	uint64_t n;

	if (!pid || !count || str_to_u64(pid, INT32_MAX, &n) < 0 || (pid_t)n != getpid() ||
	    !str_eq(count, "1"))
		return -1;
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	fd_set_cloexec(3, true);
	fd_set_nonblock(3, true);
	return 3;
}

/* Tells systemd, or whoever else wants to know (sd_notify(3)). */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_fd int fd = -1;
	socklen_t len;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (*path == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr, len) < 0)
		log_debug("notify: %s", strerror(errno));
}

/* Every machine costs some descriptors for moments; the shell's 1024 would bound federations. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void prepare_state(void)
{
	cleanup_free char *machines = paths_in_state("machines");
	cleanup_err struct err *err = NULL;

	umask(077);
	if (dir_make(paths_state(), 0700, &err) < 0 || dir_make(machines, 0700, &err) < 0)
		die("%s", err_msg(err));
}

static void handle_term(int signo, void *data)
{
	(void)signo;
	loop_quit(data, 0);
}

static void open_all(struct daemon *d)
{
	cleanup_free char *ledger = paths_in_state("ledger.db");
	cleanup_err struct err *err = NULL;

	d->loop = loop_create();
	d->store = paths_in_state("store");
	d->events = events_create();
	d->children = children_create(d->loop);
	loop_add_signal(d->loop, SIGTERM, handle_term, d->loop);
	loop_add_signal(d->loop, SIGINT, handle_term, d->loop);
	if (ledger_open(ledger, &d->ledger, &err) < 0 || model_load(d, &err) < 0 ||
	    operations_create(d, &d->operations, &err) < 0)
		die("%s", err_msg(err));
	d->host = host_create(d);
	d->counts = counts_create(d);
	d->verifier = verifier_create(d);
}

/* Last: who can connect finds everything adopted. */
static void serve(struct daemon *d)
{
	cleanup_free char *path = paths_in_state("atolld.sock");
	cleanup_err struct err *err = NULL;
	int fd = activated_socket();

	if (fd < 0 && unix_listen(path, SOCK_STREAM, 0600, &fd, &err) < 0)
		die("%s", err_msg(err));
	if (http_create(d, fd, api_routes, &d->http, &err) < 0)
		die("%s", err_msg(err));
	notify("READY=1");
	log_info("serves %s", path);
}

static void close_all(struct daemon *d)
{
	cleanup_free char *path = paths_in_state("atolld.sock");

	notify("STOPPING=1");
	unlink(path);
	http_destroy(d->http);
	counts_destroy(d->counts);
	operations_destroy(d->operations);
	host_destroy(d->host);
	verifier_destroy(d->verifier);
	children_destroy(d->children);
	model_free(d);
	ledger_close(d->ledger);
	events_destroy(d->events);
	loop_destroy(d->loop);
	free(d->store);
}

/*
 * Without --foreground the caller gets its prompt back when the API is there: the parent waits for
 * one byte, and a child that dies without it has said why. Returns the descriptor for that byte.
 */
static int go_to_background(void)
{
	cleanup_free char *log = paths_in_state("atolld.log");
	int ready[2], null, out;
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid > 0) {
		close(ready[1]);
		_exit(read(ready[0], &byte, 1) == 1 ? 0 : 125);
	}
	close(ready[0]);
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (null < 0 || out < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		die("%s: %s", log, strerror(errno));
	close(null);
	background_log = out;
	return ready[1];
}

/* The daemon serves: from now on its log is a file, and the caller goes on. */
static void finish_background(int *ready)
{
	if (*ready < 0)
		return;
	dup2(background_log, 2);
	fd_close(&background_log);
	if (write(*ready, "", 1) != 1)
		log_debug("nobody waited for the start");
	fd_close(ready);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "foreground", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	struct daemon d = { 0 };
	bool foreground = false;
	int lock, option, code, ready = -1;

	fd_secure_std();
	log_init("atolld", LOG_LEVEL_INFO);
	if (argc == 7 && str_eq(argv[1], "--verify")) /* ours alone: verify.c */
		return verify_main(argv + 2);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'f') {
			foreground = true;
		} else if (option == 'v') {
			puts("atolld " ATOLL_VERSION);
			return 0;
		} else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	prepare_state();
	if (!foreground)
		ready = go_to_background();
	lock = take_lock();
	open_all(&d);
	adopt_all(&d);
	cgroup_prune();
	serve(&d);
	finish_background(&ready);
	code = loop_run(d.loop);
	close_all(&d);
	fd_close(&lock);
	return code;
}
