/* SPDX-License-Identifier: MIT */
#include "unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "content.h"
#include "deb822.h"
#include "fd.h"
#include "mem.h"
#include "parallel.h"
#include "scripts.h"
#include "str.h"

/* All packages while their files are put into the tree. */
struct unpacking {
	struct tree *tree;
	struct package_list *packages;
	char ***replaces; /* for each package the names of those whose files it may take over */
	size_t i;         /* the package at hand */
};

/* "foo (<< 1.2), bar": the names alone. The index has checked already that they fit together. */
static char **relation_names(const char *value)
{
	char **names = NULL;

	while (*(value += strspn(value, " \n\t,|"))) {
		size_t len = strcspn(value, " \n\t,|(:");

		strv_take(&names, xstrndup(value, len));
		value += strcspn(value, ",|");
	}
	return names;
}

static void take_relations(const struct deb822_stanza *s, const char *field, const char *other,
			   char ***names)
{
	const char *one = deb822_get(s, field), *two = other ? deb822_get(s, other) : NULL;
	cleanup_free char *all = xasprintf("%s, %s", one ? one : "", two ? two : "");

	strv_free(*names);
	*names = relation_names(all);
}

/* A lock that was altered could have another version than the file; what is said of the image must be true. */
static int take_identity(struct package *p, const struct deb822_stanza *s, struct err **err)
{
	const char *name = deb822_get(s, "Package"), *version = deb822_get(s, "Version");
	cleanup_free char *wanted = xstrdup(p->source ? p->source : p->name);

	if (!str_eq(name, p->name) || !str_eq(version, p->version))
		return err_set(err, EBADMSG,
			       "package \"%s\": the file is %s %s, and was to be %s %s; was the "
			       "lock altered?",
			       p->name, name ? name : "no package", version ? version : "", p->name,
			       p->version);
	package_set_source(p, deb822_get(s, "Source"));
	if (!str_eq(p->source, wanted))
		return err_set(err, EBADMSG,
			       "package \"%s\": it is of the source \"%s\", and was to be of "
			       "\"%s\"; was the lock altered?",
			       p->name, p->source, wanted);
	return 0;
}

static int read_stanza(struct unpacking *u, const struct deb822_stanza *s, struct err **err)
{
	struct package *package = &u->packages->items[u->i];
	const char *replaces = deb822_get(s, "Replaces");
	int r = take_identity(package, s, err);

	if (r < 0)
		return r;
	if (replaces)
		u->replaces[u->i] = relation_names(replaces);
	take_relations(s, "Pre-Depends", "Depends", &package->depends);
	take_relations(s, "Recommends", "Suggests", &package->likes);
	take_relations(s, "Provides", NULL, &package->provides);
	return 0;
}

static int read_control(struct unpacking *u, struct err **err)
{
	struct package *p = &u->packages->items[u->i];
	struct deb822 control;
	int r = deb822_parse(p->unpacked->control, &control);

	if (r < 0)
		return err_set(err, EBADMSG,
			       "package \"%s\": control:%d: expected \"Field: value\"", p->name,
			       -r);
	if (control.n)
		r = read_stanza(u, &control.stanzas[0], err);
	else
		r = err_set(err, EBADMSG, "package \"%s\": control: it is empty", p->name);
	deb822_finish(&control);
	if (r < 0)
		return r;
	script_read(p->name, p->unpacked->postinst, &p->script);
	return 0;
}

static bool is_same(const struct tree_node *a, const struct tree_node *b)
{
	if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
		return false;
	switch (a->mode & S_IFMT) {
	case S_IFDIR:
		return true;
	case S_IFLNK:
		return str_eq(a->target, b->target);
	default:
		return a->mode == b->mode && content_same(a, b);
	}
}

static bool replaces(const struct unpacking *u, const char *package, const char *other)
{
	const struct package *p = package_list_find(u->packages, package);

	return p && strv_has(u->replaces[p - u->packages->items], other);
}

/* Puts the node, or leaves what is there, or finds that both cannot be. Takes the node over. */
static int place(struct unpacking *u, struct tree_node node, struct err **err)
{
	const struct tree_node *there = tree_get(u->tree, node.path);
	int r = 0;

	if (!there || replaces(u, node.owner, there->owner)) {
		tree_put(u->tree, node);
		return 0;
	}
	if (!is_same(there, &node) && !replaces(u, there->owner, node.owner))
		r = err_set(err, EEXIST, "/%s is in both %s and %s, with different contents",
			    node.path, there->owner, node.owner);
	tree_node_finish(&node);
	return r;
}

static int place_all(struct unpacking *u, struct err **err)
{
	const struct package *p = &u->packages->items[u->i];
	int r = 0;

	for (size_t i = 0; i < p->unpacked->n && r == 0; i++) {
		const struct unpacked_entry *e = &p->unpacked->entries[i];

		r = place(u,
			  (struct tree_node){
				  .path = xstrdup(e->path),
				  .mode = e->mode,
				  .uid = e->uid,
				  .gid = e->gid,
				  .target = S_ISLNK(e->mode) ? xstrdup(e->target) : NULL,
				  .content = S_ISREG(e->mode) ? xstrdup(p->unpacked->file) : NULL,
				  .content_at = e->at,
				  .content_len = e->len,
				  .owner = xstrdup(p->name),
				  .reason = REASON_PACKAGE,
			  },
			  err);
	}
	return r < 0 ? err_prefix(err, "package \"%s\"", p->name) : 0;
}

int unpack_packages(struct package_list *packages, struct tree *tree, struct err **err)
{
	struct unpacking u = { .tree = tree, .packages = packages };
	int r = 0;

	u.replaces = xcalloc(packages->n + 1, sizeof(*u.replaces));
	for (u.i = 0; u.i < packages->n && r == 0; u.i++)
		r = read_control(&u, err);
	for (u.i = 0; u.i < packages->n && r == 0; u.i++)
		r = place_all(&u, err);
	for (size_t i = 0; i < packages->n; i++)
		strv_free(u.replaces[i]);
	free(u.replaces);
	return r;
}

/* --- the cache of what is in packages --- */

struct job {
	struct workspace *ws;
	struct package **packages;
};

static int open_one(const struct job *job, struct package *p, struct err **err)
{
	cleanup_free char *path = workspace_cached(job->ws, "unpacked", p->sha256);
	struct unpacked u;
	int r = unpacked_open(path, &u, err);

	if (r == 0)
		p->unpacked = xmemdup(&u, sizeof(u));
	return r;
}

/* What is not there, or damaged, is made by unpack_make. */
static int handle_find(size_t i, void *data, struct err **err)
{
	const struct job *job = data;

	(void)err;
	open_one(job, job->packages[i], NULL);
	return 0;
}

void unpack_find(struct workspace *ws, struct package **packages, size_t n)
{
	struct job job = { .ws = ws, .packages = packages };

	parallel(n, handle_find, &job, NULL);
}

static int handle_make(size_t i, void *data, struct err **err)
{
	const struct job *job = data;
	struct package *p = job->packages[i];
	cleanup_free char *path = NULL, *temp = NULL;
	int r;

	if (p->unpacked)
		return 0;
	path = workspace_cached(job->ws, "unpacked", p->sha256);
	temp = workspace_temp(job->ws, "unpacked");
	r = unpacked_make(p->deb, temp, err);
	if (r == 0)
		r = workspace_keep(temp, path, err);
	else
		unlink(temp);
	if (r == 0)
		r = open_one(job, p, err);
	return r < 0 ? err_prefix(err, "package \"%s\"", p->name) : 0;
}

int unpack_make(struct workspace *ws, struct package **packages, size_t n, struct err **err)
{
	struct job job = { .ws = ws, .packages = packages };

	return parallel(n, handle_make, &job, err);
}
