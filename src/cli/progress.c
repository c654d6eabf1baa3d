/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "str.h"
#include "term.h"

#define REFRESH_MS 2000

/* How a step of a machine reads while it runs and when it is done. */
static const struct {
	const char *verb, *running, *done;
} verbs[] = {
	{ "create", "starting", "ready" },    { "start", "starting", "ready" },
	{ "replace", "restarting", "ready" }, { "restart", "restarting", "ready" },
	{ "remove", "stopping", "gone" },     { "stop", "stopping", "stopped" },
	{ "kill", "ending", "stopped" },      { "update", "updating", "updated" },
};

static bool is_link_verb(const char *verb)
{
	return str_ends(verb, "link");
}

static const json_t *steps_of(const json_t *operation)
{
	return json_object_get(json_object_get(operation, "metadata"), "steps");
}

static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p++)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return true;
	return false;
}

size_t progress_count(const struct progress *p, const char *of_verbs, const char *state)
{
	size_t count = 0, j;
	const json_t *step;

	for (size_t i = 0; i < p->n; i++) {
		json_array_foreach(steps_of(p->operations[i]), j, step)
		{
			count += has_word(of_verbs, json_str(step, "verb")) &&
				 str_eq(json_str(step, "state"), state);
		}
	}
	return count;
}

double progress_seconds(const struct progress *p)
{
	return (double)(clock_ms() - p->begun) / 1000;
}

/* Live lines */

static void print_step(const json_t *step, size_t width)
{
	const char *state = json_str(step, "state"), *verb = json_str(step, "verb");
	cleanup_free char *object = text_safe(json_str(step, "object"));
	cleanup_free char *detail = text_safe(json_str(step, "detail"));
	const char *colour = term_dim(), *word = state;
	int room = (int)term_columns() - (int)width - 16;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (!str_eq(verbs[i].verb, verb))
			continue;
		if (str_eq(state, "running"))
			word = verbs[i].running;
		else if (str_eq(state, "done"))
			word = verbs[i].done;
	}
	if (str_eq(state, "running"))
		colour = term_yellow();
	else if (str_eq(state, "done"))
		colour = term_green();
	else if (str_eq(state, "failed"))
		colour = term_red();
	printf("  %-*s  %s%-10s%s %.*s\033[K\n", (int)width, object, colour, word, term_off(),
	       room > 0 ? room : 0, detail);
}

static size_t object_width(const struct progress *p)
{
	size_t width = 5, j;
	const json_t *step;

	for (size_t i = 0; i < p->n; i++) {
		json_array_foreach(steps_of(p->operations[i]), j, step)
		{
			size_t n = text_width(json_str(step, "object"));

			if (!is_link_verb(json_str(step, "verb")) && n > width)
				width = n;
		}
	}
	return width;
}

static void draw(struct progress *p)
{
	size_t width = object_width(p), links = 0, done, lines = 0, j;
	const json_t *step;

	if (!p->live)
		return;
	if (p->lines)
		printf("\033[%zuA", p->lines);
	for (size_t i = 0; i < p->n; i++) {
		json_array_foreach(steps_of(p->operations[i]), j, step)
		{
			if (is_link_verb(json_str(step, "verb"))) {
				links++;
				continue;
			}
			print_step(step, width);
			lines++;
		}
	}
	done = progress_count(p, "link relink unlink", "done");
	if (links) {
		printf("  %-*s  %s%zu of %zu%s\033[K\n", (int)width, "links",
		       done == links ? term_green() : term_dim(), done, links, term_off());
		lines++;
	}
	p->lines = lines;
	fflush(stdout);
}

/* More lines than the terminal has cannot be rewritten. */
static bool fits_terminal(const struct progress *p)
{
	struct winsize size;
	size_t lines = 0;

	for (size_t i = 0; i < p->n; i++)
		lines += json_array_size(steps_of(p->operations[i]));
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && lines + 2 < size.ws_row;
}

/* Operations */

static bool is_over(const json_t *operation)
{
	return json_int(operation, "status_code") >= 200;
}

static bool all_over(const struct progress *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!is_over(p->operations[i]))
			return false;
	return true;
}

static void update(struct progress *p, json_t *operation)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!str_eq(json_str(p->operations[i], "id"), json_str(operation, "id")))
			continue;
		json_decref(p->operations[i]);
		p->operations[i] = json_incref(operation);
	}
}

static int take_events(struct progress *p, struct err **err)
{
	for (;;) {
		json_t *event = NULL;
		int r = sse_next(&p->events, &event, err);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return err_prefix(err, "what was begun goes on, see 'atoll ps'");
		update(p, json_object_get(event, "metadata"));
		json_decref(event);
	}
}

/* Asks how things stand: should an event get lost, this does not wait for ever. */
static int refresh(struct progress *p, struct err **err)
{
	for (size_t i = 0; i < p->n; i++) {
		cleanup_free char *path =
			xasprintf("/1.0/operations/%s", json_str(p->operations[i], "id"));
		cleanup_json json_t *answer = NULL;
		int r;

		if (is_over(p->operations[i]))
			continue;
		r = client_call(CLIENT_RUNNING, "GET", path, NULL, &answer, err);
		if (r < 0)
			return r;
		update(p, json_object_get(answer, "metadata"));
	}
	return 0;
}

static void cancel(struct progress *p)
{
	for (size_t i = 0; i < p->n; i++) {
		cleanup_free char *path =
			xasprintf("/1.0/operations/%s", json_str(p->operations[i], "id"));
		cleanup_err struct err *err = NULL;
		cleanup_json json_t *answer = NULL;

		if (!is_over(p->operations[i]) &&
		    client_call(CLIENT_RUNNING, "DELETE", path, NULL, &answer, &err) < 0)
			say_error("%s", err_msg(err));
	}
}

/* First ^C: cancels. Second: -EINTR. */
static int take_signal(struct progress *p, struct err **err)
{
	struct signalfd_siginfo info;

	if (read(p->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (p->cancelled || info.ssi_signo != SIGINT)
		return err_set(err, EINTR,
			       "left; the daemon goes on with it ('atoll ps' shows how far)");
	p->cancelled = true;
	fprintf(stderr, "atoll: cancelling (^C again leaves it to the daemon)\n");
	p->lines = 0;
	cancel(p);
	return 0;
}

static void report_failures(const struct progress *p)
{
	const json_t *step;
	size_t j, shown;

	for (size_t i = 0; i < p->n; i++) {
		const json_t *op = p->operations[i];

		shown = 0;
		if (json_int(op, "status_code") != 400)
			continue;
		json_array_foreach(steps_of(op), j, step)
		{
			const char *detail = json_str(step, "detail");

			if (!str_eq(json_str(step, "state"), "failed") || !*detail)
				continue;
			say_error("%s: %s", json_str(step, "object"), detail);
			shown++;
		}
		if (!shown)
			say_error("%s", json_str(op, "err"));
	}
}

static int result(const struct progress *p)
{
	int r = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (json_int(p->operations[i], "status_code") == 401 && r == 0)
			r = -ECANCELED;
		else if (json_int(p->operations[i], "status_code") >= 400)
			r = -EIO;
	}
	return r == -EIO && p->cancelled ? -ECANCELED : r;
}

int progress_begin(struct progress *p, struct err **err)
{
	sigset_t set;

	*p = (struct progress){ .signals = -1, .live = term_is_live(), .begun = clock_ms() };
	p->events.fd = -1;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (p->signals < 0)
		return err_set_errno(err, errno, "signalfd");
	return sse_open(&p->events, "operation", err);
}

void progress_add(struct progress *p, json_t *operation)
{
	if (p->n < PROGRESS_MAX)
		p->operations[p->n++] = json_incref(operation);
}

int progress_wait(struct progress *p, struct err **err)
{
	struct pollfd polls[] = { { p->events.fd, POLLIN, 0 }, { p->signals, POLLIN, 0 } };
	int r = 0;

	p->live = p->live && fits_terminal(p);
	/* What came while the requests were under way is in the stream by now. */
	r = take_events(p, err);
	draw(p);
	while (r == 0 && !all_over(p)) {
		int n = poll(polls, 2, REFRESH_MS);

		if (n < 0 && errno != EINTR)
			return err_set_errno(err, errno, "poll");
		if (n == 0)
			r = refresh(p, err);
		if (polls[1].revents)
			r = take_signal(p, err);
		if (r == 0 && polls[0].revents)
			r = take_events(p, err);
		draw(p);
	}
	if (r < 0)
		return r;
	report_failures(p);
	return result(p);
}

void progress_finish(struct progress *p)
{
	for (size_t i = 0; i < p->n; i++)
		json_decref(p->operations[i]);
	sse_finish(&p->events);
	fd_close(&p->signals);
}
