/* SPDX-License-Identifier: MIT */
/*
 * Downloads, several at a time, each checked while it is written. Proxies are libcurl's: http_proxy,
 * https_proxy, no_proxy.
 */
#ifndef ATOLL_BUILD_FETCH_H
#define ATOLL_BUILD_FETCH_H

#include <stdint.h>

#include "sha256.h"
#include "err.h"
#include "workspace.h"

struct fetch_job {
	char *url;                   /* http:, https: or file: */
	char **mirrors;              /* tried in turn when it is not there; a strv, or NULL */
	char *name;                  /* for people */
	char *dest;                  /* gets there only when complete and right */
	char sha256[SHA256_HEX + 1]; /* "": any */
	const char *said_by;         /* who says that: "the lock"; NULL: the index */
	uint64_t size;               /* expected; 0: unknown */
	uint64_t max;                /* where the size is unknown */
};

/* Told after every few bytes: how many of all jobs' bytes are there. */
typedef void (*fetch_progress_fn)(uint64_t done, uint64_t total, void *data);

/*
 * Runs all jobs; what is at `dest` already is not looked at. A transfer that breaks off or has the
 * wrong contents is tried once more. The first failure ends the whole: -EBADMSG for wrong
 * contents, -ENOENT for what the server does not have, -ENOSPC, else -EIO.
 */
int fetch_all(struct workspace *ws, struct fetch_job *jobs, size_t n, fetch_progress_fn progress,
	      void *data, struct err **err);
void fetch_job_finish(struct fetch_job *job);

#endif
