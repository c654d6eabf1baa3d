/* SPDX-License-Identifier: MIT */
#include "unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "deb.h"
#include "deb822.h"
#include "mem.h"
#include "scripts.h"
#include "str.h"

#define CONTROL_MAX (1 << 20)

/* All packages while they are unpacked. */
struct unpacking {
	struct workspace *ws;
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

/* "Source: NAME (VERSION)"; without one, the source is of the package's own name and version. */
static void read_source(struct package *p, const struct deb822_stanza *s)
{
	const char *value = deb822_get(s, "Source");
	const char *open = value ? strchr(value, '(') : NULL;

	free(p->source_version);
	p->source_version = open ? xstrndup(open + 1, strcspn(open + 1, ")")) : xstrdup(p->version);
	if (value) {
		free(p->source);
		p->source = xstrndup(value, strcspn(value, " \t\n("));
	}
}

static int read_relations(struct unpacking *u, const char *text, struct err **err)
{
	struct package *package = &u->packages->items[u->i];
	struct deb822 control;
	const char *value;
	int r = deb822_parse(text, &control);

	if (r < 0)
		return err_set(err, EBADMSG, "control:%d: expected \"Field: value\"", -r);
	if (control.n)
		read_source(&u->packages->items[u->i], &control.stanzas[0]);
	value = control.n ? deb822_get(&control.stanzas[0], "Replaces") : NULL;
	if (value)
		u->replaces[u->i] = relation_names(value);
	value = control.n ? deb822_get(&control.stanzas[0], "Depends") : NULL;
	if (value) {
		strv_free(package->depends);
		package->depends = relation_names(value);
	}
	deb822_finish(&control);
	return 0;
}

static void read_script(struct unpacking *u, const char *text)
{
	struct package *p = &u->packages->items[u->i];

	free(p->script);
	alternative_list_finish(&p->alternatives);
	p->script = scripts_unknown(p->name, text, &p->alternatives);
}

static int handle_control(struct archive *a, struct archive_entry *entry, void *data,
			  struct err **err)
{
	struct unpacking *u = data;
	const char *path = archive_entry_pathname(entry);
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	path += path && str_starts(path, "./") ? 2 : 0;
	if (!path || (!str_eq(path, "control") && !str_eq(path, "postinst")))
		return 0;
	r = deb_read(a, CONTROL_MAX, &text, err);
	if (r < 0)
		return r;
	buf_append(&text, "", 1);
	if (str_eq(path, "control"))
		return read_relations(u, (char *)buf_bytes(&text), err);
	read_script(u, (char *)buf_bytes(&text));
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
		return a->mode == b->mode && tree_same_content(a, b);
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

/* A further name of a file that this package has already. */
static int fill_hard_link(struct unpacking *u, const char *target, struct tree_node *node,
			  struct err **err)
{
	cleanup_free char *path = NULL;
	const struct tree_node *first;

	if (tree_path(target, &path) < 0 || !(first = tree_get(u->tree, path)) ||
	    !S_ISREG(first->mode))
		return err_set(err, EBADMSG, "/%s is a hard link to %s, which is not a file of it",
			       node->path, target);
	node->mode = first->mode;
	node->uid = first->uid;
	node->gid = first->gid;
	node->content = first->content ? xstrdup(first->content) : NULL;
	return 0;
}

static int fill(struct unpacking *u, struct archive *a, struct archive_entry *entry,
		struct tree_node *node, struct err **err)
{
	const char *link = archive_entry_hardlink(entry);

	if (link)
		return fill_hard_link(u, link, node, err);
	switch (node->mode & S_IFMT) {
	case S_IFDIR:
		return 0;
	case S_IFREG:
		node->content = workspace_temp(u->ws, "content");
		return deb_extract(a, node->content, err);
	case S_IFLNK:
		link = archive_entry_symlink(entry);
		if (!link || !*link)
			return err_set(err, EBADMSG, "/%s is a link to nothing", node->path);
		node->target = xstrdup(link);
		return 0;
	default:
		return err_set(
			err, EINVAL,
			"/%s is a device, socket or pipe; an appliance has none in its image",
			node->path);
	}
}

static int handle_data(struct archive *a, struct archive_entry *entry, void *data, struct err **err)
{
	struct unpacking *u = data;
	const char *name = archive_entry_pathname(entry);
	struct tree_node node = { 0 };
	int r;

	if (!name || tree_path(name, &node.path) < 0)
		return err_set(err, EINVAL, "it has a path that leads outside or is too long: %s",
			       name ? name : "?");
	if (!*node.path) {
		free(node.path);
		return 0;
	}
	node.mode = archive_entry_mode(entry);
	node.uid = (uint32_t)archive_entry_uid(entry);
	node.gid = (uint32_t)archive_entry_gid(entry);
	node.owner = xstrdup(u->packages->items[u->i].name);
	node.reason = REASON_PACKAGE;
	r = fill(u, a, entry, &node, err);
	if (r < 0) {
		tree_node_finish(&node);
		return r;
	}
	return place(u, node, err);
}

static int unpack_one(struct unpacking *u, struct err **err)
{
	const struct package *p = &u->packages->items[u->i];
	int r = deb_each_data(p->deb, handle_data, u, err);

	return r < 0 ? err_prefix(err, "package \"%s\"", p->name) : 0;
}

static int read_control(struct unpacking *u, struct err **err)
{
	const struct package *p = &u->packages->items[u->i];
	int r = deb_each_control(p->deb, handle_control, u, err);

	return r < 0 ? err_prefix(err, "package \"%s\"", p->name) : 0;
}

int unpack_packages(struct workspace *ws, struct package_list *packages, struct tree *tree,
		    struct err **err)
{
	struct unpacking u = { .ws = ws, .tree = tree, .packages = packages };
	int r = 0;

	u.replaces = xcalloc(packages->n + 1, sizeof(*u.replaces));
	for (u.i = 0; u.i < packages->n && r == 0; u.i++)
		r = read_control(&u, err);
	for (u.i = 0; u.i < packages->n && r == 0; u.i++)
		r = unpack_one(&u, err);
	for (size_t i = 0; i < packages->n; i++)
		strv_free(u.replaces[i]);
	free(u.replaces);
	return r;
}

struct single {
	struct workspace *ws;
	const char *path;
	char *content;
};

static int handle_single(struct archive *a, struct archive_entry *entry, void *data,
			 struct err **err)
{
	struct single *s = data;
	const char *name = archive_entry_pathname(entry);
	cleanup_free char *path = NULL;

	if (s->content || !name || tree_path(name, &path) < 0 || !str_eq(path, s->path) ||
	    archive_entry_filetype(entry) != AE_IFREG)
		return 0;
	s->content = workspace_temp(s->ws, "single");
	return deb_extract(a, s->content, err);
}

int unpack_file(struct workspace *ws, const struct package *package, const char *path,
		char **ret_content, struct err **err)
{
	struct single s = { .ws = ws, .path = path };
	int r = deb_each_data(package->deb, handle_single, &s, err);

	if (r == 0 && !s.content)
		r = err_set(err, ENOENT, "/%s is not in it", path);
	if (r < 0) {
		free(s.content);
		return err_prefix(err, "package \"%s\"", package->name);
	}
	*ret_content = s.content;
	return 0;
}
