/* SPDX-License-Identifier: MIT */
#include "ask.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "abi_vmm.h"
#include "ask_stats.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "str.h"

#define MISTAKE       2
#define FAILURE       125
#define ANSWER_S      10 /* seconds */
#define GRACE_DEFAULT 10 /* seconds */
#define GRACE_MAX     (24 * 3600)

struct question {
	struct vmm_request request;
	bool json;
};

/* What a command takes behind its name. */

static int take_nothing(char **words, struct question *q)
{
	(void)q;
	return words[0] ? -EINVAL : 0;
}

static int take_seconds(char **words, struct question *q)
{
	uint64_t seconds = GRACE_DEFAULT;

	if (words[0] && (words[1] || str_to_u64(words[0], GRACE_MAX, &seconds) < 0))
		return -EINVAL;
	q->request.value = seconds * 1000;
	return 0;
}

static int take_size(char **words, struct question *q)
{
	if (!words[0] || words[1])
		return -EINVAL;
	return str_to_size(words[0], &q->request.value);
}

static int take_format(char **words, struct question *q)
{
	const char *format = words[0];

	if (!format)
		return 0;
	if (str_eq(format, "--format") && words[1])
		format = *++words;
	else if (str_starts(format, "--format="))
		format += strlen("--format=");
	else
		return -EINVAL;
	q->json = str_eq(format, "json");
	return words[1] || (!q->json && !str_eq(format, "table")) ? -EINVAL : 0;
}

static const struct {
	const char *name, *words, *help;
	enum vmm_verb verb;
	int (*take)(char **words, struct question *q);
	bool ends; /* the machine's end follows */
} commands[] = {
	{ "pause", "", "stop its processors", VMM_PAUSE, take_nothing },
	{ "resume", "", "let them go on", VMM_RESUME, take_nothing },
	{ "button", "", "press the power button", VMM_POWER_BUTTON, take_nothing },
	{ "stop", " [SECONDS]", "press it, and end the machine 10 or SECONDS later", VMM_STOP,
	  take_seconds, true },
	{ "kill", "", "end the machine now", VMM_KILL, take_nothing, true },
	{ "balloon", " SIZE", "have the guest do without so much memory", VMM_BALLOON, take_size },
	{ "stats", " [--format json]", "print all that is counted", VMM_COUNTERS, take_format },
};

static void usage(void)
{
	puts("usage: atoll-vmm ask SOCKET COMMAND\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char left[32];

		snprintf(left, sizeof(left), "%s%s", commands[i].name, commands[i].words);
		printf("  %-24s%s\n", left, commands[i].help);
	}
}

static int find(const char *name)
{
	const char *names[ARRAY_SIZE(commands) + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		names[i] = commands[i].name;
		if (str_eq(name, names[i]))
			return (int)i;
	}
	near = str_nearest(name, names);
	log_error("ask: unknown command \"%.64s\"%s%s%s", name, near ? "; did you mean \"" : "",
		  near ? near : "", near ? "\"?" : "");
	return -EINVAL;
}

/* The next message, of any type; -ENODATA when the other side is gone. */
static int receive(int fd, struct buf *bytes, uint16_t *ret_type)
{
	size_t len;
	ssize_t n;

	buf_clear(bytes);
	/* A reset says that not all we sent was read: what was said before is behind it. */
	do
		n = recv(fd, buf_reserve(bytes, MSG_MAX), MSG_MAX, 0);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	buf_commit(bytes, (size_t)n);
	return msg_peek(buf_bytes(bytes), bytes->len, ret_type, &len) < 0 ? -EBADMSG : 0;
}

static int decode(const struct msg_type *type, const struct buf *bytes, void **ret)
{
	return msg_decode(type, buf_bytes(bytes), bytes->len, ret);
}

/* 0 for what was done. */
static int take_result(const struct buf *bytes)
{
	struct vmm_result *result;
	int r = decode(&vmm_result_type, bytes, (void **)&result);

	if (r < 0)
		return r;
	r = result->code ? -EREMOTEIO : 0;
	if (r < 0)
		log_error("%s", result->message ? result->message : strerror((int)result->code));
	msg_free(&vmm_result_type, result);
	return r;
}

static int take_statistics(const struct buf *bytes, bool json)
{
	struct vmm_statistics *s;
	int r = decode(&vmm_statistics_type, bytes, (void **)&s);

	if (r < 0)
		return r;
	if (json)
		ask_stats_print_json(s);
	else
		ask_stats_print(s);
	msg_free(&vmm_statistics_type, s);
	return 0;
}

static int take_end(const struct buf *bytes)
{
	struct vmm_ended *ended;
	int r = decode(&vmm_ended_type, bytes, (void **)&ended);

	if (r < 0)
		return r;
	puts(ended->detail ? ended->detail : "it ended");
	msg_free(&vmm_ended_type, ended);
	return 0;
}

static int send_request(int fd, const struct vmm_request *request)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = msg_encode(&vmm_request_type, request, &bytes);

	if (r < 0)
		return r;
	/* Who hung up may have said why. */
	return send(fd, buf_bytes(&bytes), bytes.len, MSG_NOSIGNAL) < 0 && errno != EPIPE ? -errno
											  : 0;
}

/* A process that is stopped, or hangs, answers never. An end may take the grace longer. */
static void limit_wait(int fd, const struct question *q, bool ends)
{
	const struct timeval limit = {
		.tv_sec = ANSWER_S + (ends ? (time_t)(q->request.value / 1000) : 0),
	};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

/* Until the answer; or, when the machine ends by it, until that. */
static int converse(int fd, const struct question *q, bool ends)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	uint16_t type = 0;
	int r = send_request(fd, &q->request);

	while (r == 0) {
		r = receive(fd, &bytes, &type);
		if (r == -ENODATA && ends)
			return 0; /* its end was told to others, or its process was killed */
		if (r < 0)
			break;
		if (type == VMM_STATISTICS)
			return take_statistics(&bytes, q->json);
		if (type == VMM_ENDED)
			return take_end(&bytes);
		if (type == VMM_RESULT) {
			r = take_result(&bytes);
			if (!ends)
				return r;
		}
	}
	return r;
}

static int connect_to(const char *path, int *ret_fd)
{
	cleanup_err struct err *err = NULL;
	struct stat st;
	int r = unix_connect(path, SOCK_SEQPACKET, ret_fd, &err);

	if (r == -ECONNREFUSED && stat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		log_error("%s: it is no socket", path);
	else if (r == -ECONNREFUSED)
		log_error("%s: nobody listens there any more: the machine was killed; the next "
			  "one's start replaces the socket",
			  path);
	else if (r < 0)
		log_error("%s", err_msg(err));
	return r;
}

int ask_main(int argc, char **argv)
{
	struct question q = { .request.id = 1 };
	cleanup_fd int fd = -1;
	int command, r;

	if (argc > 1 && str_eq(argv[1], "--help")) {
		usage();
		return 0;
	}
	if (argc < 3) {
		log_error("ask: SOCKET and a command are expected; see \"atoll-vmm ask --help\"");
		return MISTAKE;
	}
	command = find(argv[2]);
	if (command < 0)
		return MISTAKE;
	q.request.verb = commands[command].verb;
	if (commands[command].take(argv + 3, &q) < 0) {
		log_error("ask: usage: atoll-vmm ask SOCKET %s%s", commands[command].name,
			  commands[command].words);
		return MISTAKE;
	}
	if (connect_to(argv[1], &fd) < 0)
		return FAILURE;
	limit_wait(fd, &q, commands[command].ends);
	r = converse(fd, &q, commands[command].ends);
	if (r < 0 && r != -EREMOTEIO)
		log_error("%s: %s", argv[1],
			  r == -ENODATA  ? "the machine ended"
			  : r == -EAGAIN ? "it does not answer; is its process stopped?"
					 : strerror(-r));
	return r < 0 ? FAILURE : 0;
}
