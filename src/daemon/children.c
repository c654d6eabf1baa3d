/* SPDX-License-Identifier: MIT */
/* Owns the list of children that were not reaped yet. */
#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

struct child {
	struct child *next;
	pid_t pid;
	child_fn done; /* NULL: forgotten */
	void *data;
};

struct children {
	struct child *list; /* owned */
	struct source *source;
};

static void reap(struct children *c, pid_t pid, int status)
{
	for (struct child **p = &c->list; *p; p = &(*p)->next) {
		struct child *child = *p;

		if (child->pid != pid)
			continue;
		*p = child->next;
		if (child->done)
			child->done(pid, status, child->data);
		free(child);
		return;
	}
}

static void handle_sigchld(int signo, void *data)
{
	struct children *c = data;
	pid_t pid;
	int status;

	(void)signo;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		reap(c, pid, status);
}

struct children *children_create(struct loop *loop)
{
	struct children *c = xcalloc(1, sizeof(*c));

	c->source = loop_add_signal(loop, SIGCHLD, handle_sigchld, c);
	return c;
}

void children_destroy(struct children *c)
{
	if (!c)
		return;
	while (c->list) {
		struct child *child = c->list;

		c->list = child->next;
		free(child);
	}
	source_remove(c->source);
	free(c);
}

/* In the child; nothing here may allocate. */
static void become(char *const *argv, int input, int output)
{
	if (input < 0)
		input = open("/dev/null", O_RDONLY);

	loop_child_reset();
	setsid();
	if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0 ||
	    close_range(3, ~0U, 0) < 0)
		_exit(125);
	execv(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int children_spawn(struct children *c, char *const *argv, int input, int output, child_fn done,
		   void *data, pid_t *ret_pid, struct err **err)
{
	struct child *child;
	pid_t pid = fork();

	if (pid < 0)
		return err_set_errno(err, errno, "%s: fork", argv[0]);
	if (pid == 0)
		become(argv, input, output);
	child = xcalloc(1, sizeof(*child));
	child->pid = pid;
	child->done = done;
	child->data = data;
	child->next = c->list;
	c->list = child;
	if (ret_pid)
		*ret_pid = pid;
	return 0;
}

void children_forget(struct children *c, pid_t pid)
{
	for (struct child *child = c->list; child; child = child->next)
		if (child->pid == pid)
			child->done = NULL;
}

const char *child_status(int status)
{
	static char text[32];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exit code %d", WEXITSTATUS(status));
	return text;
}
