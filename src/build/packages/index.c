/* SPDX-License-Identifier: MIT */
#include "index.h"

#include <errno.h>
#include <string.h>

#include "fd.h"
#include "mem.h"
#include "release.h"
#include "str.h"

#define ORIGIN "Debian"

/* What libsolv can read, smallest first. */
static const char *const endings[] = { ".xz", ".gz", "" };

void index_finish(struct index *index)
{
	for (size_t i = 0; i < index->n; i++) {
		free(index->parts[i].uri);
		free(index->parts[i].suite);
		free(index->parts[i].path);
	}
	free(index->parts);
	strv_free(index->notes);
	*index = (struct index){ 0 };
}

struct pending {
	struct fetch_job *jobs;
	size_t n;
};

static void pending_finish(struct pending *p)
{
	for (size_t i = 0; i < p->n; i++)
		fetch_job_finish(&p->jobs[i]);
	free(p->jobs);
}

static void add_job(struct pending *p, const struct source *s, const struct release *release,
		    const char *name, const struct release_file *file, const char *dest)
{
	bool by_hash = str_eq(release_field(release, "Acquire-By-Hash"), "yes");
	const char *slash = strrchr(name, '/');
	struct fetch_job *job;

	p->jobs = xreallocarray(p->jobs, p->n + 1, sizeof(*p->jobs));
	job = &p->jobs[p->n++];
	*job = (struct fetch_job){ .name = xasprintf("%s/%s", s->suite, name),
				   .dest = xstrdup(dest),
				   .size = file->size };
	strcpy(job->sha256, file->sha256);
	if (by_hash)
		job->url = xasprintf("%s/dists/%s/%.*s/by-hash/SHA256/%s", s->uri, s->suite,
				     (int)(slash - name), name, file->sha256);
	else
		job->url = xasprintf("%s/dists/%s/%s", s->uri, s->suite, name);
}

static void add_component(struct workspace *ws, const struct source *s,
			  const struct release *release, const char *component, const char *arch,
			  struct index *index, struct pending *pending)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		cleanup_free char *name =
			xasprintf("%s/binary-%s/Packages%s", component, arch, endings[i]);
		cleanup_free char *cached = NULL;
		struct release_file file;
		struct index_part *part;

		if (release_find(release, name, &file) < 0)
			continue;
		cached = xasprintf("%s/index/%s%s", ws->cache, file.sha256, endings[i]);
		if (!file_exists(cached))
			add_job(pending, s, release, name, &file, cached);
		index->parts = xreallocarray(index->parts, index->n + 1, sizeof(*index->parts));
		part = &index->parts[index->n++];
		*part = (struct index_part){ .uri = xstrdup(s->uri),
					     .suite = xstrdup(s->suite),
					     .path = steal_ptr(cached) };
		strcpy(part->sha256, file.sha256);
		return;
	}
}

static void add_notes(const struct source *s, const struct release *release, const char *stale,
		      struct index *index)
{
	if (stale)
		strv_take(&index->notes,
			  xasprintf("%s: using the index of the cache: %s", s->suite, stale));
	if (release_expired(release))
		strv_take(&index->notes,
			  xasprintf("%s: the index was valid until %s; the mirror "
				    "may hold back updates",
				    s->suite, release_field(release, "Valid-Until")));
}

static int add_source(struct workspace *ws, const char *apt_dir, const struct source *s,
		      const char *arch, const struct timespec *since, struct index *index,
		      struct pending *pending, struct err **err)
{
	cleanup_free char *stale = NULL;
	struct release release;
	int r = release_load(ws, apt_dir, s, since, &release, &stale, err);

	if (r < 0)
		return r;
	if (str_eq(release_field(&release, "Origin"), ORIGIN)) {
		add_notes(s, &release, stale, index);
		for (char **c = s->components; *c; c++)
			add_component(ws, s, &release, *c, arch, index, pending);
	}
	release_finish(&release);
	return 0;
}

int index_load(struct workspace *ws, const char *apt_dir, const struct source_list *sources,
	       const char *arch, const struct timespec *since, fetch_progress_fn progress,
	       void *data, struct index *ret, struct err **err)
{
	struct pending pending = { 0 };
	struct index index = { 0 };
	int r = 0;

	for (size_t i = 0; i < sources->n && r == 0; i++)
		r = add_source(ws, apt_dir, &sources->items[i], arch, since, &index, &pending, err);
	if (r == 0 && !index.n)
		r = err_set(err, ENOENT, "%s: no source there has packages of Debian for %s",
			    apt_dir, arch);
	if (r == 0)
		r = fetch_all(ws, pending.jobs, pending.n, progress, data, err);
	pending_finish(&pending);
	if (r < 0)
		index_finish(&index);
	else
		*ret = index;
	return r;
}
