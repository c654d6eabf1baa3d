/* SPDX-License-Identifier: MIT */
/* atoll up [FILE]: brings what is there to what the file says. */
#include <errno.h>

#include "client.h"
#include "command.h"
#include "federation_file.h"
#include "mem.h"
#include "progress.h"
#include "str.h"

/* What was done, by its verb. */
static const struct {
	const char *verbs, *done;
} counts[] = {
	{ "create start", "started" }, { "replace", "restarted" },  { "update", "updated" },
	{ "remove", "removed" },       { "link relink", "linked" }, { "unlink", "unlinked" },
};

static void print_summary(const struct progress *p, const char *name)
{
	const char *separator = ": ";

	printf("%s is up", name);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		size_t n = progress_count(p, counts[i].verbs, "done");

		if (!n)
			continue;
		printf("%s%zu %s", separator, n, counts[i].done);
		separator = ", ";
	}
	printf(" (%.1f s)\n", progress_seconds(p));
}

static int report(const struct progress *p, const char *name, int r, const struct err *err)
{
	static const char all[] = "create start replace update remove link relink unlink";
	size_t done = progress_count(p, all, "done"), skipped = progress_count(p, all, "skipped");
	size_t failed = progress_count(p, all, "failed");
	const char *plural = done == 1 ? "" : "s";

	if (r == 0) {
		print_summary(p, name);
		return 0;
	}
	if (r == -ECANCELED)
		say_error(
			"%s: cancelled: %zu step%s done, %zu ended, %zu not begun; 'atoll up' goes "
			"on from here, 'atoll down %s' takes it back",
			name, done, plural, failed, skipped, name);
	else if (r == -EIO)
		say_error(
			"%s: %zu step%s done, %zu failed, %zu skipped; what is up stays up, 'atoll "
			"logs MACHINE' shows what one printed",
			name, done, plural, failed, skipped);
	else
		report_error(err);
	return r == -ECANCELED || r == -EINTR ? 130 : EXIT_FAILED;
}

static int begin(struct progress *p, const struct args *args, json_t **ret_answer, struct err **err)
{
	int r = args_has(args, "no-wait") ? 0 : progress_begin(p, err);

	if (r < 0)
		return r;
	return federation_file_post(args_word(args, 0), false, ret_answer, err);
}

int cmd_up(const struct args *args)
{
	struct progress p = { .signals = -1, .events.fd = -1 };
	cleanup_json json_t *answer = NULL;
	cleanup_err struct err *err = NULL;
	json_t *metadata;
	const char *name;
	int r = begin(&p, args, &answer, &err);
	int status;

	metadata = json_object_get(answer, "metadata");
	if (r < 0) {
		status = report_error(err);
	} else if (str_eq(json_str(answer, "type"), "sync")) {
		printf("nothing to do\n");
		status = 0;
	} else if (args_has(args, "no-wait")) {
		printf("%s\n", json_str(metadata, "id"));
		status = 0;
	} else {
		name = json_str(json_object_get(metadata, "resources"), "federation");
		progress_add(&p, metadata);
		r = progress_wait(&p, &err);
		status = report(&p, name, r, err);
	}
	progress_finish(&p);
	return status;
}
