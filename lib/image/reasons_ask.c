/* SPDX-License-Identifier: MIT */
#include "reasons_ask.h"

#include <string.h>
#include <sys/stat.h>

#include "mem.h"
#include "str.h"

#define LINKS_MAX  40
#define PATH_BYTES 4096

/* --- paths --- */

/* One more part at the end of a path. */
static void add_part(struct buf *path, const char *part, size_t len)
{
	if (path->len)
		buf_append_str(path, "/");
	buf_append(path, part, len);
}

/* The link that the path so far is, or NULL; an empty target leads nowhere. */
static const struct reasons_file *link_at(const struct reasons *r, struct buf *path)
{
	const struct reasons_file *f;

	buf_append(path, "", 1);
	f = reasons_find(r, (char *)buf_bytes(path));
	path->len--;
	return f && S_ISLNK(f->mode) && f->content && *f->content ? f : NULL;
}

static void drop_part(struct buf *path)
{
	while (path->len && buf_bytes(path)[path->len - 1] != '/')
		path->len--;
	if (path->len)
		path->len--;
}

/* Takes the first part of `rest` on to `done`; a folder that is a link is put before the rest instead. */
static bool take_part(const struct reasons *r, struct buf *done, char **rest, size_t *links)
{
	char *at = *rest + strspn(*rest, "/");
	size_t n = strcspn(at, "/");
	const struct reasons_file *link;
	char *next = at + n + strspn(at + n, "/");

	if (n == 2 && strncmp(at, "..", 2) == 0) {
		drop_part(done);
	} else if (n && !(n == 1 && *at == '.')) {
		add_part(done, at, n);
		link = *next ? link_at(r, done) : NULL;
		if (link) {
			if (++*links > LINKS_MAX)
				return false;
			drop_part(done);
			if (*link->content == '/')
				done->len = 0;
			next = xasprintf("%s/%s", link->content, next);
			free(*rest);
			*rest = next;
			return strlen(next) < PATH_BYTES;
		}
	}
	next = xstrdup(next);
	free(*rest);
	*rest = next;
	return true;
}

char *reasons_real_path(const struct reasons *r, const char *path)
{
	cleanup_buf struct buf done = BUF_INIT;
	cleanup_free char *rest = xstrdup(path);
	size_t links = 0;

	if (strlen(path) >= PATH_BYTES)
		return NULL;
	while (*rest)
		if (!take_part(r, &done, &rest, &links))
			return NULL;
	return buf_steal_str(&done);
}

/* --- the nearest --- */

/* A guess at what was meant, and how good: less is better. */
struct guess {
	const char *path, *name; /* that was asked for; its last part */
	size_t folder;           /* bytes before the name */
	const struct reasons_file *best;
	size_t distance;
};

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A folder that was not meant, or another type, weighs less than any slip in the name. */
static void consider(struct guess *g, const struct reasons_file *f)
{
	const char *name = name_of(f->path);
	size_t limit = strlen(g->name) / 3, distance = str_distance(name, g->name);
	bool same =
		(size_t)(name - f->path) == g->folder && strncmp(f->path, g->path, g->folder) == 0;

	if (distance > limit)
		return;
	distance = distance * 4 + 2 * S_ISDIR(f->mode) + !same;
	if (distance < g->distance) {
		g->distance = distance;
		g->best = f;
	}
}

const char *reasons_nearest(const struct reasons *r, const char *path, bool left)
{
	struct guess g = { .distance = SIZE_MAX };

	g.path = path + strspn(path, "/");
	g.name = name_of(g.path);
	g.folder = (size_t)(g.name - g.path);
	for (size_t i = 0; i < r->n_files; i++)
		consider(&g, &r->files[i]);
	for (size_t i = 0; left && i < r->n_left; i++)
		consider(&g, &r->left[i]);
	return g.best ? g.best->path : NULL;
}

const struct reasons_package *reasons_package_find(const struct reasons *r, const char *name)
{
	for (size_t i = 0; i < r->n_packages; i++)
		if (str_eq(r->packages[i].name, name))
			return &r->packages[i];
	return NULL;
}

/* --- what brought what --- */

/* The files in an order in which each stands before what brought it: leaves are taken off until none is left. */
static size_t *leaves_first(const struct reasons *r)
{
	cleanup_free size_t *waits = xcalloc(r->n_files + 1, sizeof(*waits));
	size_t *order = xcalloc(r->n_files + 1, sizeof(*order)), n = 0;

	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i].by)
			waits[r->files[i].by - r->files]++;
	for (size_t i = 0; i < r->n_files; i++)
		if (!waits[i])
			order[n++] = i;
	for (size_t i = 0; i < n; i++) {
		const struct reasons_file *by = r->files[order[i]].by;

		if (by && --waits[by - r->files] == 0)
			order[n++] = (size_t)(by - r->files);
	}
	return order;
}

static int compare_totals(const void *a, const void *b, void *tree)
{
	const struct reasons_tree *t = tree;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (t->total[x] != t->total[y])
		return t->total[x] > t->total[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

void reasons_tree_make(const struct reasons *r, struct reasons_tree *ret)
{
	cleanup_free size_t *order = leaves_first(r);
	size_t n = r->n_files;

	*ret = (struct reasons_tree){
		.r = r,
		.first = xcalloc(n + 1, sizeof(size_t)),
		.next = xcalloc(n + 1, sizeof(size_t)),
		.count = xcalloc(n + 1, sizeof(size_t)),
		.total = xcalloc(n + 1, sizeof(uint64_t)),
	};
	for (size_t i = 0; i < n; i++) {
		const struct reasons_file *f = &r->files[order[i]];

		ret->count[order[i]] += !S_ISDIR(f->mode);
		ret->total[order[i]] += f->size;
		ret->first[i] = ret->next[i] = SIZE_MAX;
		if (f->by) {
			ret->count[f->by - r->files] += ret->count[order[i]];
			ret->total[f->by - r->files] += ret->total[order[i]];
		}
	}
	/* Put in front of each other, smallest first. */
	qsort_r(order, n, sizeof(*order), compare_totals, ret);
	for (size_t i = n; i-- > 0;) {
		const struct reasons_file *f = &r->files[order[i]];

		if (!f->by)
			continue;
		ret->next[order[i]] = ret->first[f->by - r->files];
		ret->first[f->by - r->files] = order[i];
	}
}

size_t *reasons_tree_roots(const struct reasons_tree *t)
{
	size_t *roots = xcalloc(t->r->n_files + 1, sizeof(*roots)), n = 0;

	for (size_t i = 0; i < t->r->n_files; i++)
		if (!t->r->files[i].by)
			roots[n++] = i;
	qsort_r(roots, n, sizeof(*roots), compare_totals, (void *)(uintptr_t)t);
	roots[n] = SIZE_MAX;
	return roots;
}

void reasons_tree_finish(struct reasons_tree *t)
{
	free(t->first);
	free(t->next);
	free(t->count);
	free(t->total);
}

/* --- two images --- */

static bool is_same_text(const char *a, const char *b)
{
	return str_eq(a ? a : "", b ? b : "");
}

/* Only what is behind a recipe's line: a line that moved is no change. */
static const char *detail_of(const struct reasons_file *f)
{
	const char *colon = f->detail ? strstr(f->detail, ": ") : NULL;

	return f->kind == REASON_RECIPE && colon ? colon + 2 : f->detail;
}

/* Which of several files made a folder necessary says nothing about it. */
static bool is_same_reason(const struct reasons_file *a, const struct reasons_file *b)
{
	if (a->kind != b->kind || !a->by != !b->by)
		return false;
	if (a->kind == REASON_FOLDER)
		return true;
	return is_same_text(detail_of(a), detail_of(b)) &&
	       (!a->by || str_eq(a->by->path, b->by->path));
}

static bool compare_both(struct reasons_change *c)
{
	const struct reasons_file *a = c->before, *b = c->after;

	c->content = a->size != b->size || !is_same_text(a->content, b->content);
	c->mode = a->mode != b->mode;
	c->reason = !is_same_reason(a, b);
	return c->content || c->mode || c->reason;
}

struct reasons_change *reasons_diff(const struct reasons *before, const struct reasons *after,
				    size_t *ret_n)
{
	struct reasons_change *list = xcalloc(before->n_files + after->n_files + 1, sizeof(*list));
	size_t i = 0, j = 0, n = 0;

	while (i < before->n_files || j < after->n_files) {
		const struct reasons_file *a = i < before->n_files ? &before->files[i] : NULL;
		const struct reasons_file *b = j < after->n_files ? &after->files[j] : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);

		list[n] = (struct reasons_change){ .before = order <= 0 ? a : NULL,
						   .after = order >= 0 ? b : NULL };
		i += order <= 0;
		j += order >= 0;
		n += order != 0 || compare_both(&list[n]);
	}
	*ret_n = n;
	return list;
}
