/* SPDX-License-Identifier: MIT */
/*
 * Each thread takes the next number until there is none, so what begins before a failure ends, and the first
 * failure is the same however fast the threads are.
 */
#include "parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "mem.h"

#define THREADS_MAX 64

struct work {
	parallel_fn fn;
	void *data;
	size_t n;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* of the following: what failed first */
	size_t first;
	struct err *err;
	int result;
};

static void note_failure(struct work *w, size_t i, int r, struct err **err)
{
	pthread_mutex_lock(&w->lock);
	if (!w->result || i < w->first) {
		err_free(w->err);
		w->first = i;
		w->err = steal_ptr(*err);
		w->result = r;
	}
	pthread_mutex_unlock(&w->lock);
	w->failed = true;
}

static void *run(void *data)
{
	struct work *w = data;
	size_t i;

	while (!w->failed && (i = w->next++) < w->n) {
		cleanup_err struct err *err = NULL;
		int r = w->fn(i, w->data, &err);

		if (r < 0)
			note_failure(w, i, r, &err);
	}
	return NULL;
}

size_t parallel_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

int parallel(size_t n, parallel_fn fn, void *data, struct err **err)
{
	struct work w = { .fn = fn, .data = data, .n = n, .lock = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[THREADS_MAX];
	size_t wanted = parallel_processors(), started = 0;

	/* This thread is one of them, and the only one where there is no memory for others. */
	while (started + 1 < wanted && started + 1 < n && started < THREADS_MAX &&
	       pthread_create(&threads[started], NULL, run, &w) == 0)
		started++;
	run(&w);
	while (started)
		pthread_join(threads[--started], NULL);
	if (w.result)
		err_set(err, -w.result, "%s", err_msg(w.err));
	err_free(w.err);
	return w.result;
}
