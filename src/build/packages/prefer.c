/* SPDX-License-Identifier: MIT */
#include "prefer.h"

#include <stdbool.h>
#include <string.h>

#include "mem.h"

#define ALTERNATIVES_MAX 64

static Id base_name(Pool *pool, Id dep)
{
	while (ISRELDEP(dep))
		dep = GETRELDEP(pool, dep)->name;
	return dep;
}

void prefer_real_packages(Pool *pool)
{
	Map real;
	Id p;

	map_init(&real, pool->ss.nstrings);
	FOR_POOL_SOLVABLES(p)
	MAPSET(&real, pool_id2solvable(pool, p)->name);
	FOR_POOL_SOLVABLES(p)
	{
		Solvable *s = pool_id2solvable(pool, p);
		Id *from = s->repo->idarraydata + s->provides, *to = from;

		for (; s->provides && *from; from++) {
			Id name = base_name(pool, *from);

			if (name == s->name || !MAPTST(&real, name))
				*to++ = *from;
		}
		if (s->provides)
			*to = 0;
	}
	map_free(&real);
}

/* The alternatives of an or-dependency, in the order they were written. */
static void flatten(Pool *pool, Id dep, Id *out, size_t *n)
{
	Reldep *rel = ISRELDEP(dep) ? GETRELDEP(pool, dep) : NULL;

	if (rel && rel->flags == REL_OR) {
		flatten(pool, rel->name, out, n);
		flatten(pool, rel->evr, out, n);
	} else if (*n < ALTERNATIVES_MAX) {
		out[(*n)++] = dep;
	}
}

static bool is_met_by(Pool *pool, Id dep, const Map *wanted)
{
	Id p, pp;

	FOR_PROVIDES(p, pp, dep)
	if (MAPTST(wanted, pool_id2solvable(pool, p)->name))
		return true;
	return false;
}

static Id choose(Pool *pool, Id dep, const Map *wanted)
{
	Id all[ALTERNATIVES_MAX];
	size_t n = 0;

	flatten(pool, dep, all, &n);
	for (size_t i = 0; i < n; i++)
		if (is_met_by(pool, all[i], wanted))
			return all[i];
	for (size_t i = 0; i < n; i++)
		if (pool_whatprovides(pool, all[i]) > 1)
			return all[i];
	return dep;
}

static void save(Pool *pool, struct alternatives *a)
{
	Repo *repo;
	int i;

	a->n = pool->nrepos;
	a->saved = xcalloc((size_t)a->n, sizeof(*a->saved));
	FOR_REPOS(i, repo)
	a->saved[i] =
		xmemdup(repo->idarraydata, (size_t)repo->idarraysize * sizeof(*repo->idarraydata));
}

void alternatives_prefer_first(Pool *pool, char *const *names, struct alternatives *ret_saved)
{
	Map wanted;
	Id p;

	save(pool, ret_saved);
	map_init(&wanted, pool->ss.nstrings);
	for (; names && *names; names++)
		MAPSET(&wanted, pool_str2id(pool, *names, 0));
	FOR_POOL_SOLVABLES(p)
	{
		Solvable *s = pool_id2solvable(pool, p);
		Id *dep = s->repo->idarraydata + s->requires;

		for (; s->requires && *dep; dep++)
			if (ISRELDEP(*dep) && GETRELDEP(pool, *dep)->flags == REL_OR)
				*dep = choose(pool, *dep, &wanted);
	}
	map_free(&wanted);
}

void alternatives_restore(Pool *pool, struct alternatives *saved)
{
	Repo *repo;
	int i;

	FOR_REPOS(i, repo)
	{
		memcpy(repo->idarraydata, saved->saved[i],
		       (size_t)repo->idarraysize * sizeof(*repo->idarraydata));
		free(saved->saved[i]);
	}
	free(saved->saved);
}
