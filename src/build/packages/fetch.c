/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: a curl multi handle with at most PARALLEL transfers; a transfer that ends
 * makes room for the next job. Each writes to a file of its own in the workspace and hashes the
 * bytes as they pass; only a file of the right length and digest is renamed to its destination.
 */
#include "fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define PARALLEL        6
#define TRIES           2
#define CONNECT_SECONDS 20L
#define STALL_SECONDS   30L /* below one byte a second for this long: broken */

struct transfer {
	struct fetch_job *job;
	CURL *easy; /* NULL: the slot is free */
	char *temp;
	int fd;
	int write_error; /* errno of our side, or 0 */
	bool too_long;
	unsigned int tries;
	size_t mirror; /* the next of the job's */
	uint64_t got;
	struct sha256 digest;
	char reason[CURL_ERROR_SIZE];
	struct fetcher *fetcher;
};

struct fetcher {
	struct workspace *ws;
	CURLM *multi;
	struct transfer slots[PARALLEL];
	struct fetch_job *jobs;
	size_t n, next, left;
	uint64_t done, total;
	fetch_progress_fn progress;
	void *data;
};

void fetch_job_finish(struct fetch_job *job)
{
	free(job->url);
	strv_free(job->mirrors);
	free(job->name);
	free(job->dest);
	*job = (struct fetch_job){ 0 };
}

static size_t handle_bytes(char *bytes, size_t one, size_t len, void *data)
{
	struct transfer *t = data;
	uint64_t max = t->job->size ? t->job->size : t->job->max;
	int r;

	(void)one;
	if (t->got + len > max) {
		t->too_long = true;
		return 0;
	}
	r = fd_write_all(t->fd, bytes, len);
	if (r < 0) {
		t->write_error = -r;
		return 0;
	}
	sha256_add(&t->digest, bytes, len);
	t->got += len;
	t->fetcher->done += len;
	if (t->fetcher->progress)
		t->fetcher->progress(t->fetcher->done, t->fetcher->total, t->fetcher->data);
	return len;
}

static void set_options(struct transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_URL, t->job->url);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, handle_bytes);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->reason);
	curl_easy_setopt(t->easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, 5L);
	curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https,file");
	curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
	curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "atoll/" ATOLL_VERSION);
}

static int start(struct fetcher *f, struct transfer *t, struct err **err)
{
	t->fetcher = f;
	t->got = 0;
	t->write_error = 0;
	t->too_long = false;
	t->reason[0] = '\0';
	sha256_begin(&t->digest);
	t->fd = open(t->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (t->fd < 0)
		return err_set_errno(err, errno, "%s", t->temp);
	t->easy = curl_easy_init();
	if (!t->easy)
		return err_set(err, ENOMEM, "libcurl does not start");
	set_options(t);
	curl_multi_add_handle(f->multi, t->easy);
	return 0;
}

static void stop(struct fetcher *f, struct transfer *t)
{
	if (!t->easy)
		return;
	curl_multi_remove_handle(f->multi, t->easy);
	curl_easy_cleanup(t->easy);
	t->easy = NULL;
	fd_close(&t->fd);
}

static int fill_slots(struct fetcher *f, struct err **err)
{
	for (size_t i = 0; i < PARALLEL && f->next < f->n; i++) {
		struct transfer *t = &f->slots[i];
		int r;

		if (t->easy)
			continue;
		*t = (struct transfer){ .job = &f->jobs[f->next++], .fd = -1, .tries = 1 };
		t->temp = workspace_temp(f->ws, "download");
		r = start(f, t, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What is wrong with a finished transfer, if anything. */
static int check(struct transfer *t, CURLcode result, struct err **err)
{
	const struct fetch_job *job = t->job;
	char hex[SHA256_HEX + 1];
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (t->write_error)
		return err_set_errno(err, t->write_error, "%s: cannot write to the cache",
				     job->name);
	if (result == CURLE_FILE_COULDNT_READ_FILE || status == 404 || status == 410)
		return err_set(err, ENOENT, "%s: not found at %s", job->name, job->url);
	if (result != CURLE_OK && !t->too_long)
		return err_set(err, EIO, "%s: cannot fetch %s: %s", job->name, job->url,
			       *t->reason ? t->reason : curl_easy_strerror(result));
	sha256_end(&t->digest, hex);
	if (t->too_long || (job->size && t->got != job->size))
		return err_set(err, EBADMSG,
			       "%s: fetched from %s, but it is %s than the %" PRIu64
			       " bytes expected",
			       job->name, job->url, t->too_long ? "longer" : "shorter",
			       job->size ? job->size : job->max);
	if (*job->sha256 && strcmp(hex, job->sha256) != 0)
		return err_set(err, EBADMSG,
			       "%s: fetched from %s, but its sha256 is %s where %s says %s; "
			       "somebody altered one of them",
			       job->name, job->url, hex, job->said_by ? job->said_by : "the index",
			       job->sha256);
	return 0;
}

static bool worth_another_try(const struct transfer *t, int r)
{
	return t->tries < TRIES && (r == -EBADMSG || r == -EIO);
}

/* What one server does not have may be on the next. */
static bool next_mirror(struct transfer *t, int r)
{
	struct fetch_job *job = t->job;

	if (r != -ENOENT || !job->mirrors || !job->mirrors[t->mirror])
		return false;
	free(job->url);
	job->url = xstrdup(job->mirrors[t->mirror++]);
	t->tries = 0;
	return true;
}

static int handle_end(struct fetcher *f, struct transfer *t, CURLcode result, struct err **err)
{
	int r = check(t, result, err);

	stop(f, t);
	if (r < 0 && (worth_another_try(t, r) || next_mirror(t, r))) {
		err_free(*err);
		*err = NULL;
		t->tries++;
		f->done -= t->got;
		return start(f, t, err);
	}
	if (r == 0)
		r = workspace_keep(t->temp, t->job->dest, err);
	if (r < 0)
		unlink(t->temp);
	free(steal_ptr(t->temp));
	f->left--;
	return r;
}

static int run(struct fetcher *f, struct err **err)
{
	int r = fill_slots(f, err);

	while (r == 0 && f->left) {
		int running, queued;
		CURLMsg *msg;

		curl_multi_perform(f->multi, &running);
		while (r == 0 && (msg = curl_multi_info_read(f->multi, &queued))) {
			struct transfer *t = NULL;

			if (msg->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
			r = handle_end(f, t, msg->data.result, err);
		}
		if (r == 0)
			r = fill_slots(f, err);
		if (r == 0 && f->left)
			curl_multi_poll(f->multi, NULL, 0, 1000, NULL);
	}
	return r;
}

int fetch_all(struct workspace *ws, struct fetch_job *jobs, size_t n, fetch_progress_fn progress,
	      void *data, struct err **err)
{
	struct fetcher f = {
		.ws = ws, .jobs = jobs, .n = n, .left = n, .progress = progress, .data = data
	};
	cleanup_err struct err *own = NULL;
	int r;

	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		f.total += jobs[i].size;
	f.multi = curl_multi_init();
	if (!f.multi)
		return err_set(err, ENOMEM, "libcurl does not start");
	r = run(&f, &own);
	for (size_t i = 0; i < PARALLEL; i++) {
		stop(&f, &f.slots[i]);
		if (f.slots[i].temp)
			unlink(f.slots[i].temp);
		free(f.slots[i].temp);
	}
	curl_multi_cleanup(f.multi);
	if (r < 0)
		err_set(err, -r, "%s", err_msg(own));
	return r;
}
