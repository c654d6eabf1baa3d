/* SPDX-License-Identifier: MIT */
/* What the parts of a trial share. */
#ifndef ATOLL_BUILD_TRIAL_INTERNAL_H
#define ATOLL_BUILD_TRIAL_INTERNAL_H

#include <stdbool.h>

#include "buf.h"
#include "process.h"
#include "trial.h"

/* Folders whose files' openings are told of, by inotify(7). */
struct trial_watch {
	char **folders; /* without a slash at their begin */
	int *numbers;   /* of their watches, in memory that the machine's first process shares */
	size_t n;
	int fd; /* -1: nothing is watched */
};

/* A machine on its way; owned by trial_machine_run's caller. */
struct trial_root {
	const struct recipe *recipe;
	char *dir; /* "lower" below it has the files, "made" what is made if that is wanted */
	bool makes;
	/* Those that are shown as another user's, or with a mode that ours cannot have here. */
	struct tree_node **special;
	size_t n_special;
	struct trial_watch *watch;
	int init, wire, console; /* what atoll-init gets, and is */
	int base;                /* host id of the machine's root; -1: ours is the only one */
};

/* trial_root.c */
int trial_root_start(struct trial_root *root, struct process *ret, struct err **err);

/* How it went. */
struct trial_result {
	bool ran;        /* the test did, to its end */
	int status;      /* its exit status, or 128 + its signal */
	char *fault;     /* why it did not, or NULL */
	struct buf said; /* the end of what it and the application said */
	/* Called for each file of a watched folder that is opened. */
	void (*opened)(const char *path, void *data);
	void *data;
	bool missed; /* there were more than the kernel takes note of */
};

/* trial_machine.c: starts it, runs prepare, the application and the test, and ends it. */
int trial_machine_run(struct trial_root *root, const char *init, struct trial_result *result,
		      struct err **err);
void trial_result_finish(struct trial_result *r);

#endif
