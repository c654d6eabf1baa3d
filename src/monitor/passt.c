/* SPDX-License-Identifier: MIT */
/*
 * Owns passt's process and its pauses. passt connects in the host's network namespace on behalf of
 * the guest; it shuts itself into an empty root with a filter of its own before it reads a frame.
 * What it may not reach is said here (no port forwarded inwards, no address that means the host)
 * and in uplink_filter.c.
 */
#include "passt.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "jail.h"
#include "log.h"
#include "mem.h"
#include "process.h"
#include "str.h"

#define PROGRAM     "/usr/bin/passt"
#define PAUSE_MS    1000 /* before the first restart; doubles */
#define PAUSE_MAX   60000
#define LIVED_MS    60000 /* a passt that lived this long gets the first pause again */
#define LAST_WORDS  512
#define SOCKET_ROOM (8 << 20)

struct passt {
	struct loop *loop;
	const struct machine_nic *nic;
	uid_t uid;
	passt_ready_fn ready;
	void *data;
	struct process process;
	int words; /* its standard error */
	struct source *source;
	struct source *timer;
	int64_t started, pause;
};

static void add(char ***argv, const char *option, const char *value)
{
	if (!value || !*value)
		return;
	strv_append(argv, option);
	strv_append(argv, value);
}

/* "ADDRESS/PREFIX" in its parts; prefix NULL: not wanted. */
static void add_address(char ***argv, const char *address, const char *prefix_option)
{
	cleanup_free char *copy = address ? xstrdup(address) : NULL;
	char *slash = copy ? strchr(copy, '/') : NULL;

	if (slash)
		*slash++ = '\0';
	add(argv, "--address", copy);
	if (prefix_option)
		add(argv, prefix_option, slash);
}

char **passt_arguments(const struct machine_nic *nic, int fd)
{
	static const char *const fixed[] = {
		"--foreground", "--quiet",
		"--no-map-gw", /* the gateway's address is not the host */
		"--no-dhcp",    "--no-dhcpv6",
		"--no-ra", /* the plan says the addresses */
		NULL,
	};
	cleanup_free char *number = xasprintf("%d", fd);
	cleanup_free char *mtu = nic->mtu ? xasprintf("%u", (unsigned int)nic->mtu) : NULL;
	char **argv = NULL;

	strv_append(&argv, PROGRAM);
	for (size_t i = 0; fixed[i]; i++)
		strv_append(&argv, fixed[i]);
	add(&argv, "--fd", number);
	add(&argv, "--tcp-ports", "none");
	add(&argv, "--udp-ports", "none");
	add_address(&argv, nic->addr4, "--netmask");
	add_address(&argv, nic->addr6, NULL);
	add(&argv, "--gateway", nic->gateway4);
	add(&argv, "--gateway", nic->gateway6);
	add(&argv, "--dns-forward", nic->dns);
	add(&argv, "--mtu", mtu);
	return argv;
}

struct launch {
	const struct passt *passt;
	int socket, words;
};

static int run(int channel, void *data, struct err **err)
{
	const struct launch *launch = data;
	const struct jail_rlimit rlimits[] = { { RLIMIT_CORE, 0 } };
	/* No root and no filter of ours: passt makes its own, and needs a user namespace for it. */
	const struct jail_spec spec = {
		.namespaces = CLONE_NEWIPC | CLONE_NEWUTS,
		.rlimits = rlimits,
		.n_rlimits = ARRAY_SIZE(rlimits),
		.uid = launch->passt->uid,
		.keep = CAPS_NONE,
	};
	cleanup_strv char **argv = passt_arguments(launch->passt->nic, launch->socket);
	char path[] = "PATH=/usr/bin:/bin";
	char *env[] = { path, NULL };
	int r = jail_enter(&spec, err);

	(void)channel;
	if (r < 0)
		return r;
	/* It does not outlive the keeper. (A change of ids would clear this: hence here.) */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_set_errno(err, errno, "prctl");
	if (dup2(launch->words, STDERR_FILENO) < 0 || fd_set_cloexec(launch->socket, false) < 0)
		return err_set_errno(err, errno, "descriptors");
	execve(PROGRAM, argv, env);
	return err_set_errno(err, errno, PROGRAM);
}

/*
 * passt drops what its socket has no room for, and it writes many long frames at once: with the
 * default of 208 KiB a download was 400 times slower. Beyond the host's limit for everybody
 * (net.core.wmem_max) this needs CAP_NET_ADMIN, which the keeper has for the first start alone.
 */
static void make_room(int socket)
{
	const int size = SOCKET_ROOM;

	if (setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0 &&
	    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
		log_debug("passt: SO_SNDBUF: %m");
}

/* Both ends of what passt gets; on success *ret_fd is our end of the frame socket. */
static int launch(struct passt *passt, int *ret_fd, struct err **err)
{
	cleanup_fd int ours = -1, theirs = -1, words_in = -1, words_out = -1;
	struct launch data = { .passt = passt };
	int sockets[2], words[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
		return err_set_errno(err, errno, "socketpair");
	ours = sockets[0];
	theirs = sockets[1];
	make_room(ours);
	make_room(theirs);
	/* Never waits for us: what does not fit is lost. */
	if (pipe2(words, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set_errno(err, errno, "pipe");
	words_out = words[0];
	words_in = words[1];
	data.socket = theirs;
	data.words = words_in;
	r = process_spawn(CLONE_NEWPID, -1, run, &data, &passt->process, err);
	if (r == 0)
		r = process_await(&passt->process, err);
	if (r < 0)
		return r;
	passt->words = steal_fd(&words_out);
	*ret_fd = steal_fd(&ours);
	return 0;
}

static void handle_exit(int fd, uint32_t events, void *data);

static void start_later(struct passt *passt, const char *why)
{
	log_warn("%s: passt: %s; no uplink until it is started again in %lld s", passt->nic->name,
		 why, (long long)passt->pause / 1000);
	source_arm(passt->timer, passt->pause);
	passt->pause = passt->pause * 2 < PAUSE_MAX ? passt->pause * 2 : PAUSE_MAX;
}

static void start(void *data)
{
	struct passt *passt = data;
	cleanup_err struct err *err = NULL;
	int fd = -1;

	passt->started = clock_ms();
	if (launch(passt, &fd, &err) < 0) {
		start_later(passt, err_msg(err));
		return;
	}
	passt->source = loop_add_fd(passt->loop, passt->process.pidfd, EPOLLIN, handle_exit, passt);
	passt->ready(fd, passt->data);
}

/* What it said at its end, on one line. */
static void take_last_words(struct passt *passt, char *ret_words)
{
	ssize_t n = read(passt->words, ret_words, LAST_WORDS - 1);

	n = n < 0 ? 0 : n;
	while (n && ret_words[n - 1] == '\n')
		n--;
	ret_words[n] = '\0';
	for (char *p = ret_words; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = *p == '\n' ? ';' : '?';
}

static void handle_exit(int fd, uint32_t events, void *data)
{
	struct passt *passt = data;
	char words[LAST_WORDS];

	(void)fd;
	(void)events;
	take_last_words(passt, words);
	source_clear(passt->source);
	process_destroy(&passt->process);
	fd_close(&passt->words);
	if (clock_ms() - passt->started > LIVED_MS)
		passt->pause = PAUSE_MS;
	start_later(passt, *words ? words : "it ended without a word");
}

struct passt *passt_create(struct loop *loop, const struct machine_nic *nic, uid_t uid,
			   passt_ready_fn ready, void *data)
{
	struct passt *passt = xcalloc(1, sizeof(*passt));

	passt->loop = loop;
	passt->nic = nic;
	passt->uid = uid;
	passt->ready = ready;
	passt->data = data;
	passt->process = (struct process)PROCESS_INIT;
	passt->words = -1;
	passt->pause = PAUSE_MS;
	passt->timer = loop_add_timer(loop, start, passt);
	start(passt);
	return passt;
}

void passt_destroy(struct passt *passt)
{
	if (!passt)
		return;
	source_clear(passt->source);
	source_clear(passt->timer);
	process_destroy(&passt->process);
	fd_close(&passt->words);
	free(passt);
}
