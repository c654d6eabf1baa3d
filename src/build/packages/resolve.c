/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: each index is a libsolv repository. Reading a Packages file of Debian takes
 * seconds, so what was read is written to the cache in libsolv's own format, without what we do not
 * use (descriptions), and read from there the next time.
 */
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <solv/evr.h>
#include <solv/pool.h>
#include <solv/repo.h>
#include <solv/repo_deb.h>
#include <solv/repo_solv.h>
#include <solv/repo_write.h>
#include <solv/selection.h>
#include <solv/solv_xfopen.h>
#include <solv/solver.h>
#include <string.h>
#include <sys/stat.h>

#include "fd.h"
#include "mem.h"
#include "prefer.h"
#include "str.h"

#define PROVIDERS_SHOWN 5
#define PROBLEMS_SHOWN  5
#define SOLV_FORMAT     "2" /* of what is kept of an index: with sizes */

struct universe {
	Pool *pool;
	char *cache;
};

static int keep_what_we_use(Repo *repo, Repokey *key, void *data)
{
	(void)data;
	switch (key->name) {
	case SOLVABLE_SUMMARY:
	case SOLVABLE_DESCRIPTION:
	case SOLVABLE_URL:
	case SOLVABLE_GROUP:
	case SOLVABLE_KEYWORDS:
		return KEY_STORAGE_DROPPED;
	default:
		return repo_write_stdkeyfilter(repo, key, NULL);
	}
}

static int write_solv(struct workspace *ws, Repo *repo, const char *cached, struct err **err)
{
	cleanup_free char *temp = workspace_temp(ws, "solv");
	FILE *out = fopen(temp, "we");
	int r;

	if (!out)
		return err_set_errno(err, errno, "%s", temp);
	r = repo_write_filtered(repo, out, keep_what_we_use, NULL, NULL) != 0 || ferror(out);
	if (fclose(out) != 0 || r)
		return err_set_errno(err, errno ? errno : EIO, "%s", temp);
	return workspace_keep(temp, cached, err);
}

/* The size of the package that is next in the order of the file; a stanza that libsolv passed over is none. */
static void set_size(Repo *repo, Repodata *data, const char *filename, const char *size, Id *next)
{
	const char *location;

	while (*next < repo->end && pool_id2solvable(repo->pool, *next)->repo != repo)
		++*next;
	if (*next == repo->end)
		return;
	location = solvable_lookup_location(pool_id2solvable(repo->pool, *next), NULL);
	if (str_starts(filename, "./"))
		filename += 2;
	if (location && !str_eq(location, filename))
		return;
	if (location)
		repodata_set_num(data, *next, SOLVABLE_DOWNLOADSIZE, strtoull(size, NULL, 10));
	++*next;
}

/* libsolv passes over the field Size, so the file is read once more for it. */
static void read_sizes(Repo *repo, FILE *in)
{
	Repodata *data = repo_add_repodata(repo, 0);
	char filename[PATH_MAX] = "", size[32] = "", *line = NULL;
	Id next = repo->start;
	size_t room = 0;

	while (getline(&line, &room, in) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (str_starts(line, "Filename: "))
			snprintf(filename, sizeof(filename), "%s", line + strlen("Filename: "));
		else if (str_starts(line, "Size: "))
			snprintf(size, sizeof(size), "%s", line + strlen("Size: "));
		if (*line)
			continue;
		set_size(repo, data, filename, size, &next);
		*filename = *size = '\0';
	}
	if (*filename)
		set_size(repo, data, filename, size, &next);
	free(line);
	repodata_internalize(data);
}

static int read_packages(Repo *repo, const struct index_part *part, struct err **err)
{
	FILE *in = solv_xfopen(part->path, "r");
	int r;

	if (!in)
		return err_set_errno(err, errno, "%s", part->path);
	r = repo_add_debpackages(repo, in, 0);
	fclose(in);
	if (r != 0)
		return err_set(err, EBADMSG, "%s: %s", part->suite, pool_errstr(repo->pool));
	in = solv_xfopen(part->path, "r");
	if (!in)
		return err_set_errno(err, errno, "%s", part->path);
	read_sizes(repo, in);
	fclose(in);
	return 0;
}

static int read_solv(Repo *repo, const char *path)
{
	FILE *in = fopen(path, "re");
	int r;

	if (!in)
		return -errno;
	r = repo_add_solv(repo, in, 0);
	fclose(in);
	return r ? -EBADMSG : 0;
}

static int add_part(struct workspace *ws, Pool *pool, const struct index_part *part,
		    struct err **err)
{
	cleanup_free char *name = xasprintf("%s.%s", part->sha256, SOLV_FORMAT);
	cleanup_free char *cached = workspace_cached(ws, "solv", name);
	Repo *repo = repo_create(pool, part->uri);
	int r = read_solv(repo, cached);

	/* The repository's name is the URI that its packages are fetched from. */
	if (r == 0)
		return 0;
	repo_empty(repo, 1);
	r = read_packages(repo, part, err);
	return r < 0 ? r : write_solv(ws, repo, cached, err);
}

int universe_open(struct workspace *ws, const struct index *index, const char *arch,
		  struct universe **ret, struct err **err)
{
	struct universe *u = xcalloc(1, sizeof(*u));
	int r = 0;

	u->pool = pool_create();
	pool_setdisttype(u->pool, DISTTYPE_DEB);
	pool_setarch(u->pool, arch);
	u->cache = xasprintf("%s/packages", ws->cache);
	for (size_t i = 0; i < index->n && r == 0; i++)
		r = add_part(ws, u->pool, &index->parts[i], err);
	if (r < 0) {
		universe_close(u);
		return r;
	}
	prefer_real_packages(u->pool);
	pool_createwhatprovides(u->pool);
	*ret = u;
	return 0;
}

void universe_close(struct universe *u)
{
	if (!u)
		return;
	pool_free(u->pool);
	free(u->cache);
	free(u);
}

/* The repository of the index interns each name once, so pointers would do; names may repeat. */
static const char *nearest(Pool *pool, const char *name)
{
	cleanup_free const char **names = xcalloc((size_t)pool->nsolvables + 1, sizeof(*names));
	size_t n = 0;
	Id last = 0, p;

	FOR_POOL_SOLVABLES(p)
	{
		Solvable *s = pool_id2solvable(pool, p);

		if (s->name == last)
			continue;
		last = s->name;
		names[n++] = pool_id2str(pool, s->name);
	}
	return str_nearest(name, names);
}

/* The packages that provide a name which is none of a package; NULL: none. */
static char *providers(Pool *pool, const char *name, const char *between)
{
	Id id = pool_str2id(pool, name, 0), p, pp;
	cleanup_strv char **names = NULL;

	if (!id)
		return NULL;
	FOR_PROVIDES(p, pp, id)
	{
		const char *provider = pool_id2str(pool, pool_id2solvable(pool, p)->name);

		if (strv_len(names) < PROVIDERS_SHOWN && !strv_has(names, provider))
			strv_append(&names, provider);
	}
	return names ? strv_join(names, between) : NULL;
}

static void say_missing(Pool *pool, const char *name, struct buf *text)
{
	cleanup_free char *list = providers(pool, name, ", ");
	const char *near = list ? NULL : nearest(pool, name);

	buf_printf(text, "%spackage \"%s\" does not exist", text->len ? "; " : "", name);
	if (list)
		buf_printf(text, "; what it stands for is in %s", list);
	else if (near)
		buf_printf(text, "; did you mean \"%s\"?", near);
}

static int no_such_packages(Pool *pool, char *const *names, struct err **err)
{
	cleanup_buf struct buf all = BUF_INIT;
	cleanup_free char *text = NULL;

	for (; *names; names++)
		say_missing(pool, *names, &all);
	text = buf_steal_str(&all);
	return err_set(err, ENOENT, "%s", text);
}

static int no_such_package(Pool *pool, const char *name, struct err **err)
{
	char *const names[] = { (char *)(uintptr_t)name, NULL };

	return no_such_packages(pool, names, err);
}

/* Whether a package of this very name exists; what merely provides it does not count. */
static Id find_best(Pool *pool, const char *name)
{
	Id id = pool_str2id(pool, name, 0), best = 0, p, pp;

	if (!id)
		return 0;
	FOR_PROVIDES(p, pp, id)
	{
		Solvable *s = pool_id2solvable(pool, p);

		if (s->name != id || !pool_installable(pool, s))
			continue;
		if (!best || pool_evrcmp(pool, s->evr, pool_id2solvable(pool, best)->evr,
					 EVRCMP_COMPARE) > 0)
			best = p;
	}
	return best;
}

/* Fills the package from what the index says; an index without digests is refused. */
static int describe(struct universe *u, Id p, struct package *ret, struct err **err)
{
	Solvable *s = pool_id2solvable(u->pool, p);
	const char *location = solvable_lookup_location(s, NULL);
	const char *source = solvable_lookup_str(s, SOLVABLE_SOURCENAME);
	const char *name = pool_id2str(u->pool, s->name);
	Id type = 0;
	const char *sha256 = solvable_lookup_checksum(s, SOLVABLE_CHECKSUM, &type);

	if (!location || !sha256 || type != REPOKEY_TYPE_SHA256 || !sha256_is_hex(sha256))
		return err_set(err, EBADMSG,
			       "package \"%s\": its index entry has no SHA256 or no "
			       "Filename",
			       name);
	*ret = (struct package){
		.name = xstrdup(name),
		.version = xstrdup(pool_id2str(u->pool, s->evr)),
		.arch = xstrdup(pool_id2str(u->pool, s->arch)),
		.source = xstrdup(source ? source : name),
		.path = xstrdup(location),
		.url = xasprintf("%s/%s", s->repo->name, location),
		.size = solvable_lookup_num(s, SOLVABLE_DOWNLOADSIZE, 0),
		.deb = xasprintf("%s/%s.deb", u->cache, sha256),
	};
	strcpy(ret->sha256, sha256);
	return 0;
}

static int add_jobs(Pool *pool, char *const *names, Queue *jobs, struct err **err)
{
	cleanup_strv char **missing = NULL;

	for (; names && *names; names++) {
		if (!find_best(pool, *names))
			strv_append(&missing, *names);
		queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_NAME,
			    pool_str2id(pool, *names, 1));
	}
	return missing ? no_such_packages(pool, missing, err) : 0;
}

/* Each problem in one line, as libsolv words it. */
static int explain(Solver *solver, int problems, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *joined = NULL;

	for (Id i = 1; i <= problems && i <= PROBLEMS_SHOWN; i++)
		buf_printf(&text, "%s%s", i > 1 ? "; " : "", solver_problem2str(solver, i));
	if (problems > PROBLEMS_SHOWN)
		buf_printf(&text, "; and %d more", problems - PROBLEMS_SHOWN);
	joined = buf_steal_str(&text);
	return err_set(err, EINVAL, "the packages cannot be had together: %s", joined);
}

static int take_result(struct universe *u, Solver *solver, struct package_list *list,
		       struct err **err)
{
	Queue decisions;
	int r = 0;

	queue_init(&decisions);
	solver_get_decisionqueue(solver, &decisions);
	for (int i = 0; i < decisions.count && r == 0; i++) {
		Id p = decisions.elements[i];
		struct package package;

		if (p <= 1 || !pool_id2solvable(u->pool, p)->repo)
			continue; /* a package that was decided against, or libsolv's own */
		r = describe(u, p, &package, err);
		if (r == 0)
			package_list_take(list, &package);
	}
	queue_free(&decisions);
	package_list_sort(list);
	return r;
}

static int solve(struct universe *u, Queue *jobs, struct package_list *list, struct err **err)
{
	Solver *solver = solver_create(u->pool);
	int problems, r;

	solver_set_flag(solver, SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
	problems = solver_solve(solver, jobs);
	package_list_finish(list);
	r = problems ? explain(solver, problems, err) : take_result(u, solver, list, err);
	solver_free(solver);
	return r;
}

/* With everybody's first alternative if that can be had, else with any. */
static int solve_preferring(struct universe *u, char *const *names, Queue *jobs,
			    struct package_list *list, struct err **err)
{
	struct alternatives saved;
	int r;

	alternatives_prefer_first(u->pool, names, &saved);
	r = solve(u, jobs, list, NULL);
	alternatives_restore(u->pool, &saved);
	return r < 0 ? solve(u, jobs, list, err) : 0;
}

int universe_resolve(struct universe *u, char *const *names, struct package_list *ret,
		     struct err **err)
{
	struct package_list list = { 0 };
	Queue jobs;
	int r;

	queue_init(&jobs);
	r = add_jobs(u->pool, names, &jobs, err);
	if (r == 0)
		r = solve_preferring(u, names, &jobs, &list, err);
	queue_free(&jobs);
	if (r < 0)
		package_list_finish(&list);
	else
		*ret = list;
	return r;
}

int universe_find(struct universe *u, const char *name, struct package *ret, struct err **err)
{
	Id p = find_best(u->pool, name);

	return p ? describe(u, p, ret, err) : no_such_package(u->pool, name, err);
}

/* Programs whose packages are named for something else, and say nothing of them. */
static const struct {
	const char *program, *package;
} named_otherwise[] = {
	{ "sh", "dash" },
	{ "env", "coreutils" },
	{ "node", "nodejs" },
	{ "Rscript", "r-base-core" },
};

char *universe_program(struct universe *u, const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(named_otherwise); i++)
		if (str_eq(named_otherwise[i].program, program))
			program = named_otherwise[i].package;
	return find_best(u->pool, program) ? xstrdup(program) : providers(u->pool, program, " or ");
}

int universe_follow(struct universe *u, const char *name, const char *prefix, char **ret_name,
		    struct err **err)
{
	Id p = find_best(u->pool, name);
	Queue requires;
	int r = -ENOENT;

	if (!p)
		return no_such_package(u->pool, name, err);
	queue_init(&requires);
	solvable_lookup_idarray(pool_id2solvable(u->pool, p), SOLVABLE_REQUIRES, &requires);
	for (int i = 0; i < requires.count && r < 0; i++) {
		Id dep = requires.elements[i];
		const char *target;

		while (ISRELDEP(dep))
			dep = GETRELDEP(u->pool, dep)->name;
		target = pool_id2str(u->pool, dep);
		if (str_starts(target, prefix)) {
			*ret_name = xstrdup(target);
			r = 0;
		}
	}
	queue_free(&requires);
	return r < 0 ? err_set(err, ENOENT, "package \"%s\" depends on no %s…", name, prefix) : 0;
}
