/* SPDX-License-Identifier: MIT */
/* Packages into the cache: fetched, checked, unpacked. */
#include "build.h"

#include <errno.h>

#include "fd.h"
#include "fetch.h"
#include "lock.h"
#include "mem.h"
#include "selection.h"
#include "str.h"
#include "unpack.h"

#define DEB_MAX ((uint64_t)4 << 30)

/* A package in the cache that was damaged since is fetched again. */
static bool is_cached(const struct package *p)
{
	char hex[SHA256_HEX + 1];

	return sha256_file(p->deb, hex, NULL) == 0 && str_eq(hex, p->sha256);
}

static void want(struct build *s, struct fetch_job *jobs, size_t *n, const struct package *p)
{
	if (p->unpacked || is_cached(p))
		return;
	jobs[*n] = (struct fetch_job){
		.url = xstrdup(p->url),
		.mirrors = strv_dup(p->mirrors),
		.name = xasprintf("package \"%s\"", p->name),
		.dest = xstrdup(p->deb),
		.size = p->size,
		.max = DEB_MAX,
		.said_by = s->locked ? "the lock" : NULL,
	};
	strcpy(jobs[(*n)++].sha256, p->sha256);
}

/* What may be the cause, as the indexes that are at hand tell. */
static void explain_missing(struct build *s, struct err **err)
{
	if (!s->locked)
		err_prefix(err, "the index may be old; try again with --update");
	else if (selection_open_universe(s->b, s->recipe->base, s->arch, &s->progress, NULL) == 0)
		lock_explain(&s->packages, s->recipe->file, s->b->universe, err);
}

/* The packages, and the one that Debian's users are from; free() the array. */
static struct package **with_users(struct build *s)
{
	struct package **list = xcalloc(s->packages.n + 1, sizeof(*list));

	for (size_t i = 0; i < s->packages.n; i++)
		list[i] = &s->packages.items[i];
	list[s->packages.n] = &s->users;
	return list;
}

/* What is not in the cache, neither as it is fetched nor unpacked. */
static int fetch(struct build *s, struct err **err)
{
	cleanup_free struct fetch_job *jobs = xcalloc(s->packages.n + 2, sizeof(*jobs));
	cleanup_free struct package **wanted = with_users(s);
	size_t n = 0;
	int r;

	unpack_find(&s->b->ws, wanted, s->packages.n + 1);
	for (size_t i = 0; i < s->packages.n; i++)
		want(s, jobs, &n, wanted[i]);
	if (!package_list_find(&s->packages, s->users.name))
		want(s, jobs, &n, &s->users);
	if (s->virtual && !build_has_kernel(s))
		want(s, jobs, &n, &s->kernel_package);
	progress_stage(&s->progress, "fetching %zu packages", n);
	r = fetch_all(&s->b->ws, jobs, n, progress_bytes, &s->progress, err);
	while (n)
		fetch_job_finish(&jobs[--n]);
	if (r == -ENOENT)
		explain_missing(s, err);
	return r;
}

static int unpack(struct build *s, struct err **err)
{
	cleanup_free struct package **wanted = with_users(s);

	progress_stage(&s->progress, "unpacking %zu packages", s->packages.n);
	return build_blame(s, unpack_make(&s->b->ws, wanted, s->packages.n + 1, err));
}

int build_get_packages(struct build *s, struct err **err)
{
	cleanup_fd int alone = -1;
	int r = builder_alone(s->b, "packages", &s->progress, &alone, err);

	if (r == 0)
		r = fetch(s, err);
	return r < 0 ? r : unpack(s, err);
}
