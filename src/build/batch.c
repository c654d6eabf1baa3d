/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. A build has parts that keep one processor busy, above all mkfs.erofs, so several recipes are
 * built side by side. They share nothing but the cache and the store, which any number of builders may use at
 * once (workspace_alone is why none fetches what another is fetching), so processes it is: what
 * goes wrong in one of them cannot concern another.
 */
#include "batch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mem.h"
#include "parallel.h"
#include "progress.h"
#include "str.h"

/* Of the recipes so far, with the file of each. */
struct names {
	char **names, **files;
};

/* A build under way. */
struct job {
	pid_t pid;
	char *name; /* of the recipe */
};

struct batch {
	struct job jobs[PROGRESS_PLACES]; /* pid 0: a free place */
	size_t at_once, running;
	int worst;
	struct names names;
};

/* NULL after its mistakes are said. */
static struct recipe *read_recipe(const char *file)
{
	struct diag_list diags = DIAG_LIST_INIT;
	struct recipe *recipe = NULL;
	struct stat st;

	/* It is read more than once: what a pipe gave is gone then. */
	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
		diag_add(&diags, file, 0, 0, "is not a regular file");
	else
		recipe = recipe_read(file, NULL, &diags);
	if (!recipe)
		diag_print(&diags, stderr);
	diag_list_finish(&diags);
	return recipe;
}

/* Says so when the image will take the place of another recipe's. */
static void note_name(struct names *n, const struct recipe *recipe)
{
	for (size_t i = 0; n->names && n->names[i]; i++)
		if (str_eq(n->names[i], recipe->name) && !str_eq(n->files[i], recipe->file))
			log_warn("%s: %s and %s have this name: the image of the second takes the "
				 "place of the first's",
				 recipe->name, n->files[i], recipe->file);
	strv_append(&n->names, recipe->name);
	strv_append(&n->files, recipe->file);
}

static void finish_names(struct names *n)
{
	strv_free(n->names);
	strv_free(n->files);
}

static int run_one(struct builder *b, recipe_fn run, const struct recipe *recipe)
{
	cleanup_err struct err *err = NULL;
	bool mistake;

	if (run(b, recipe, &mistake, &err) == 0)
		return 0;
	log_error("%s", err_msg(err));
	return mistake ? BATCH_MISTAKE : BATCH_OWN;
}

int batch_run(struct builder *b, recipe_fn run, char **files)
{
	struct names names = { 0 };
	int worst = 0;

	for (; *files; files++) {
		struct recipe *recipe = read_recipe(*files);
		int code = BATCH_MISTAKE;

		if (recipe) {
			if (run == builder_run)
				note_name(&names, recipe);
			code = run_one(b, run, recipe);
		}
		recipe_free(recipe);
		if (code > worst)
			worst = code;
	}
	finish_names(&names);
	return worst;
}

/* --- side by side --- */

static int build(struct builder b, const struct recipe *recipe)
{
	cleanup_err struct err *err = NULL;
	int code;

	if (builder_open(&b, &err) < 0) {
		log_error("%s: %s", recipe->name, err_msg(err));
		return BATCH_OWN;
	}
	code = run_one(&b, builder_run, recipe);
	builder_close(&b);
	if (fd_flush_stdout(&err) == 0)
		return code;
	log_error("%s", err_msg(err));
	return BATCH_OWN;
}

static void note_end(struct batch *batch, int code)
{
	progress_count();
	if (code > batch->worst)
		batch->worst = code;
}

static int code_of(const struct job *job, int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_error("%s: its builder was ended by signal %d (%s)", job->name, WTERMSIG(status),
		  strsignal(WTERMSIG(status)));
	return BATCH_OWN;
}

static void end_one(struct batch *batch)
{
	int status;
	pid_t pid;

	do
		pid = wait(&status);
	while (pid < 0 && errno == EINTR);
	for (size_t i = 0; i < batch->at_once; i++) {
		struct job *job = &batch->jobs[i];

		if (job->pid != pid)
			continue;
		progress_leave_place(i);
		note_end(batch, code_of(job, status));
		free(job->name);
		*job = (struct job){ 0 };
		batch->running--;
	}
}

static bool is_running(const struct batch *batch, const char *name)
{
	for (size_t i = 0; i < batch->at_once; i++)
		if (batch->jobs[i].pid && str_eq(batch->jobs[i].name, name))
			return true;
	return false;
}

static size_t free_place(const struct batch *batch)
{
	size_t i = 0;

	while (batch->jobs[i].pid)
		i++;
	return i;
}

static void begin(struct batch *batch, const struct builder *b, const struct recipe *recipe)
{
	pid_t parent = getpid(), pid;
	size_t place;

	while (batch->running == batch->at_once || is_running(batch, recipe->name))
		end_one(batch);
	place = free_place(batch);
	pid = fork();
	if (pid < 0) {
		log_error("%s: no process for its build: %s", recipe->name, strerror(errno));
		note_end(batch, BATCH_OWN);
		return;
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(BATCH_OWN);
		progress_take_place(place);
		_exit(build(*b, recipe));
	}
	batch->jobs[place] = (struct job){ .pid = pid, .name = xstrdup(recipe->name) };
	batch->running++;
}

int batch_build(const struct builder *b, char **files, size_t n)
{
	struct batch batch = { .at_once = parallel_processors() };

	if (batch.at_once > PROGRESS_PLACES)
		batch.at_once = PROGRESS_PLACES;
	progress_share(n);
	for (; *files; files++) {
		struct recipe *recipe = read_recipe(*files);

		if (recipe) {
			note_name(&batch.names, recipe);
			begin(&batch, b, recipe);
		} else {
			note_end(&batch, BATCH_MISTAKE);
		}
		recipe_free(recipe);
	}
	while (batch.running)
		end_one(&batch);
	finish_names(&batch.names);
	return batch.worst;
}
