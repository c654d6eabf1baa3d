/* SPDX-License-Identifier: MIT */
#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mem.h"
#include "str.h"

#define MAX_ANSWERS (1 << 20) /* bytes of what one child reports */
#define LIMIT_MS    30000

struct resolver {
	struct loop *loop;
	struct nft *nft;
	char **names;
	struct source *timer; /* next round, or the limit of the one that runs */
	struct source *reader;
	int fd; /* what the child writes: "INDEX FAMILY ADDRESS\n" */
	pid_t child;
	struct buf answers;
};

static void ask_one(size_t i, const char *name, FILE *out)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	char text[INET6_ADDRSTRLEN];

	if (getaddrinfo(name, NULL, &hints, &list) != 0)
		return;
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
				NI_NUMERICHOST) == 0)
			fprintf(out, "%zu %c %s\n", i, a->ai_family == AF_INET ? '4' : '6', text);
	}
	freeaddrinfo(list);
}

static void __attribute__((noreturn)) child_main(char *const *names, int fd)
{
	FILE *out = fdopen(fd, "w");

	loop_child_reset();
	for (size_t i = 0; out && names[i]; i++)
		ask_one(i, names[i], out);
	_exit(out && fflush(out) == 0 ? 0 : 1);
}

/* Adding an element that is there does not renew its timeout, so it is taken out in the same transaction. */
static void write_element(struct buf *out, size_t i, char family, const char *address)
{
	buf_printf(out, "add element inet atoll name%zu_%c { %s }\n", i, family, address);
	buf_printf(out, "delete element inet atoll name%zu_%c { %s }\n", i, family, address);
	buf_printf(out, "add element inet atoll name%zu_%c { %s timeout " RESOLVE_KEEP " }\n", i,
		   family, address);
}

static void apply_answers(struct resolver *r)
{
	cleanup_free char *text = buf_steal_str(&r->answers);
	cleanup_err struct err *err = NULL;
	cleanup_buf struct buf commands = BUF_INIT;
	cleanup_free char *nft_text = NULL;
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char address[INET6_ADDRSTRLEN], family;
		size_t i;

		if (sscanf(line, "%zu %c %45s", &i, &family, address) == 3 &&
		    i < strv_len(r->names))
			write_element(&commands, i, family, address);
	}
	if (!commands.len)
		return;
	nft_text = buf_steal_str(&commands);
	if (nft_apply(r->nft, nft_text, &err) < 0)
		log_warn("names: %s", err_msg(err));
}

static void end_round(struct resolver *r)
{
	source_clear(r->reader);
	fd_close(&r->fd);
	if (r->child > 0) {
		kill(r->child, SIGKILL);
		waitpid(r->child, NULL, 0);
	}
	r->child = 0;
}

static void handle_answers(int fd, uint32_t events, void *data)
{
	struct resolver *r = data;
	ssize_t n = read(fd, buf_reserve(&r->answers, 4096), 4096);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && r->answers.len + (size_t)n <= MAX_ANSWERS) {
		buf_commit(&r->answers, (size_t)n);
		return;
	}
	end_round(r);
	apply_answers(r);
	source_arm(r->timer, RESOLVE_EVERY_MS);
}

static void handle_timer(void *data)
{
	struct resolver *r = data;
	int fds[2];

	end_round(r);
	buf_clear(&r->answers);
	source_arm(r->timer, RESOLVE_EVERY_MS);
	if (!r->names || !r->names[0])
		return;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		log_warn("names: pipe: %m");
		return;
	}
	r->child = fork();
	if (r->child == 0)
		child_main(r->names, fds[1]);
	close(fds[1]);
	r->fd = fds[0];
	fd_set_nonblock(r->fd, true);
	r->reader = loop_add_fd(r->loop, r->fd, EPOLLIN, handle_answers, r);
	source_arm(r->timer, LIMIT_MS);
}

struct resolver *resolver_create(struct loop *loop, struct nft *nft)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	r->loop = loop;
	r->nft = nft;
	r->fd = -1;
	r->timer = loop_add_timer(loop, handle_timer, r);
	return r;
}

void resolver_destroy(struct resolver *r)
{
	if (!r)
		return;
	end_round(r);
	source_remove(r->timer);
	buf_free(&r->answers);
	strv_free(r->names);
	free(r);
}

void resolver_set_names(struct resolver *r, char *const *names)
{
	strv_free(r->names);
	r->names = strv_dup(names);
	/* A round that runs has the old names' numbers: it is ended, and a new one begins. */
	source_arm(r->timer, 0);
}
