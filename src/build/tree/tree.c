/* SPDX-License-Identifier: MIT */
#include "tree.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define LINKS_MAX 40
#define PATH_LONGEST                                                                               \
	3072 /* what is staged stands below a folder of the workspace, and Linux takes 4096 */

/* Folders that are links in every appliance, as on a Debian system with merged /usr. */
static const struct {
	const char *from, *to;
} links[] = {
	{ "bin", "usr/bin" },     { "sbin", "usr/sbin" },     { "lib", "usr/lib" },
	{ "lib32", "usr/lib32" }, { "lib64", "usr/lib64" },   { "libx32", "usr/libx32" },
	{ "var/run", "run" },     { "var/lock", "run/lock" },
};

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct tree_node *)a)->path, ((const struct tree_node *)b)->path);
}

void tree_node_finish(struct tree_node *n)
{
	free(n->path);
	free(n->target);
	free(n->content);
	free(n->owner);
	free(n->by);
	free(n->detail);
	free(n->program);
}

static void free_node(void *node)
{
	tree_node_finish(node);
	free(node);
}

void tree_finish(struct tree *t)
{
	tdestroy(t->root, free_node);
	*t = (struct tree){ 0 };
}

struct tree_node *tree_get(const struct tree *t, const char *path)
{
	struct tree_node key = { .path = (char *)(uintptr_t)path };
	struct tree_node **found = tfind(&key, &t->root, compare);

	return found ? *found : NULL;
}

bool tree_in_folders(const struct tree *t, const char *path)
{
	cleanup_free char *parent = xstrdup(path);

	for (char *slash; (slash = strrchr(parent, '/'));) {
		const struct tree_node *node;

		*slash = '\0';
		node = tree_get(t, parent);
		if (node && !S_ISDIR(node->mode))
			return false;
	}
	return true;
}

struct tree_node *tree_put(struct tree *t, struct tree_node node)
{
	struct tree_node *there = tree_get(t, node.path);

	if (there) {
		tree_node_finish(there);
		*there = node;
		return there;
	}
	there = xmemdup(&node, sizeof(node));
	if (!tsearch(there, &t->root, compare))
		abort(); /* out of memory, as in base/mem.h */
	t->n++;
	return there;
}

void tree_remove(struct tree *t, const char *path)
{
	struct tree_node *node = tree_get(t, path);

	if (!node)
		return;
	tdelete(node, &t->root, compare);
	free_node(node);
	t->n--;
}

void tree_move(struct tree *t, const char *path, struct tree *to)
{
	struct tree_node *node = tree_get(t, path);

	if (!node)
		return;
	tdelete(node, &t->root, compare);
	t->n--;
	tree_put(to, *node);
	free(node);
}

struct list_state {
	struct tree_node **nodes;
	size_t n;
};

static void handle_visit(const void *item, VISIT order, void *data)
{
	struct list_state *state = data;

	if (order == postorder || order == leaf)
		state->nodes[state->n++] = *(struct tree_node *const *)item;
}

struct tree_node **tree_list(const struct tree *t)
{
	struct list_state state = { .nodes = xcalloc(t->n + 1, sizeof(*state.nodes)) };

	twalk_r(t->root, handle_visit, &state);
	return state.nodes;
}

static struct tree_node *put(struct tree *t, const char *path, mode_t mode, const char *owner,
			     const char *detail)
{
	bool asked = str_eq(owner, "recipe");

	return tree_put(t, (struct tree_node){ .path = xstrdup(path),
					       .mode = mode,
					       .owner = xstrdup(owner),
					       .reason = asked ? REASON_RECIPE : REASON_DECLARED,
					       .detail = xstrdup(detail) });
}

void tree_because(struct tree_node *n, enum reason reason, const char *by, const char *detail)
{
	char *old_by = n->by, *old_detail = n->detail;

	n->reason = reason;
	n->by = by ? xstrdup(by) : NULL;
	n->detail = detail ? xstrdup(detail) : NULL;
	free(old_by);
	free(old_detail);
}

struct tree_node *tree_put_dir(struct tree *t, const char *path, mode_t mode, const char *owner,
			       const char *detail)
{
	return put(t, path, S_IFDIR | mode, owner, detail);
}

struct tree_node *tree_put_link(struct tree *t, const char *path, const char *target,
				const char *owner, const char *detail)
{
	struct tree_node *node = put(t, path, S_IFLNK | 0777, owner, detail);

	node->target = xstrdup(target);
	return node;
}

struct tree_node *tree_put_file(struct tree *t, const char *path, mode_t mode, const char *content,
				const char *owner, const char *detail)
{
	struct tree_node *node = put(t, path, S_IFREG | mode, owner, detail);

	node->content = content ? xstrdup(content) : NULL;
	return node;
}

/* Takes slashes and dots out; -EINVAL for ".." unless it may climb. */
static int normalise(const char *path, bool climb, char *out)
{
	char *end = out;

	while (*(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");

		if (len == 2 && memcmp(path, "..", 2) == 0) {
			if (!climb)
				return -EINVAL;
			while (end > out && *--end != '/')
				;
		} else if (!(len == 1 && *path == '.')) {
			if (end != out)
				*end++ = '/';
			end = mempcpy(end, path, len);
		}
		path += len;
	}
	*end = '\0';
	return 0;
}

static int make_path(const char *path, bool climb, char **ret_path)
{
	cleanup_free char *tidy = NULL;
	size_t len = strlen(path);
	int r;

	if (!len || len >= TREE_PATH_MAX)
		return -EINVAL;
	tidy = xmalloc(len + 1);
	r = normalise(path, climb, tidy);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		size_t n = strlen(links[i].from);

		if (strncmp(tidy, links[i].from, n) != 0 || !strchr("/", tidy[n]))
			continue;
		*ret_path = xasprintf("%s%s", links[i].to, tidy + n);
		return 0;
	}
	*ret_path = steal_ptr(tidy);
	return 0;
}

int tree_path(const char *path, char **ret_path)
{
	return make_path(path, false, ret_path);
}

int tree_path_beneath(const char *path, char **ret_path)
{
	return make_path(path, true, ret_path);
}

const struct tree_node *tree_file(const struct tree *t, const struct tree_node *node)
{
	for (int i = 0; i < LINKS_MAX && node && S_ISLNK(node->mode); i++) {
		const char *slash = strrchr(node->path, '/');
		int folder = *node->target == '/' || !slash ? 0 : (int)(slash - node->path);
		cleanup_free char *joined = xasprintf("%.*s/%s", folder, node->path, node->target);
		cleanup_free char *path = NULL;

		node = tree_path_beneath(joined, &path) == 0 ? tree_get(t, path) : NULL;
	}
	return node && S_ISREG(node->mode) && node->content ? node : NULL;
}

bool tree_is_substance(const struct tree_node *node)
{
	return !S_ISDIR(node->mode) && !str_starts(node->path, "usr/share/doc/");
}

static int complete_parents(struct tree *t, const struct tree_node *node, struct err **err)
{
	cleanup_free char *path = xstrdup(node->path);

	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		const struct tree_node *parent;

		*slash = '\0';
		parent = tree_get(t, path);
		if (!parent)
			tree_because(tree_put_dir(t, path, 0755, node->owner, ""), REASON_FOLDER,
				     node->path, NULL);
		else if (!S_ISDIR(parent->mode))
			return err_set(err, ENOTDIR,
				       "/%s of %s: /%s is not a folder but a %s of %s", node->path,
				       node->owner, path, S_ISLNK(parent->mode) ? "link" : "file",
				       parent->owner);
		*slash = '/';
	}
	return 0;
}

/* What no file system takes, or the program that writes it not. */
static int check_path(const char *path, struct err **err)
{
	int depth = 0;

	if (strlen(path) > PATH_LONGEST)
		return err_set(err, ENAMETOOLONG,
			       "/%.100s…: a path of %zu bytes; an image takes %d", path,
			       strlen(path), PATH_LONGEST);
	for (const char *s = path;; depth++) {
		size_t len = strcspn(s, "/");

		if (len > NAME_MAX)
			return err_set(err, ENAMETOOLONG,
				       "/%.100s…: a name of %zu bytes; a file system takes %d", s,
				       len, NAME_MAX);
		if (depth == TREE_DEPTH_MAX)
			return err_set(err, ENAMETOOLONG,
				       "/%.100s…: more than %d folders in one another", path,
				       TREE_DEPTH_MAX);
		if (!s[len])
			return 0;
		s += len + 1;
	}
}

int tree_complete(struct tree *t, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(t);
	size_t n = t->n;
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = check_path(nodes[i]->path, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = complete_parents(t, nodes[i], err);
	return r;
}
