/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define NAME_BYTES                                                                                 \
	254 /* of a file; mkfs.erofs 1.5 cuts the last byte of 255, and finds no such file */

/* What a command's first word means in the image, through PATH as machines have it. */
static const struct tree_node *find_program(const struct tree *tree, const char *word)
{
	static const char *const folders[] = { "/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/",
					       "/usr/bin/" };
	const struct tree_node *node = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && !node; i++) {
		bool is_path = strchr(word, '/');
		cleanup_free char *full = xasprintf("%s%s", is_path ? "" : folders[i], word);
		cleanup_free char *path = NULL;

		if (tree_path(full, &path) == 0)
			node = tree_get(tree, path);
	}
	return node;
}

/* Finds a typing mistake now rather than when a machine starts. `left`: where it may be as well, or NULL. */
static int check_program(const struct recipe *recipe, const struct tree *tree,
			 const struct tree *left, char *const *argv, const char *key,
			 struct err **err)
{
	const struct tree_node *node;

	if (!argv || !*argv)
		return 0;
	node = find_program(tree, *argv);
	if (!node && left)
		node = find_program(left, *argv);
	if (!node)
		return err_set(err, ENOENT,
			       "%s: %s: none of its packages and files has a program \"%s\"",
			       recipe->file, key, *argv);
	if (S_ISREG(node->mode) && !(node->mode & 0111))
		return err_set(err, EINVAL, "%s: %s: /%s is not executable; say mode: 0755 for it",
			       recipe->file, key, node->path);
	return 0;
}

static bool is_used(const struct package *p, struct tree_node *const *nodes)
{
	for (; *nodes; nodes++)
		if (!S_ISDIR((*nodes)->mode) && str_eq((*nodes)->owner, p->name) &&
		    !str_starts((*nodes)->path, "usr/share/doc/"))
			return true;
	return false;
}

int check_scripts(const struct recipe *recipe, const struct package_list *packages,
		  const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	cleanup_strv char **said = NULL, **names = NULL;
	cleanup_free char *all = NULL, *list = NULL;

	for (size_t i = 0; i < packages->n; i++) {
		const struct package *p = &packages->items[i];

		if (!p->script || strv_has(recipe->ignore_scripts, p->name) || !is_used(p, nodes))
			continue;
		strv_append(&names, p->name);
		strv_take(&said, xasprintf("package \"%s\": postinst: \"%s\"", p->name, p->script));
	}
	if (!names)
		return 0;
	all = strv_join(said, "; ");
	list = strv_join(names, ", ");
	return err_set(
		err, EINVAL,
		"%s: no script of a package is run, and nothing stands in for what these do: %s; "
		"declare in the recipe what the appliance needs of it (users, files, volumes), "
		"and say \"ignore-scripts: [%s]\"",
		recipe->file, all, list);
}

static int check_names(const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);

	for (size_t i = 0; nodes[i]; i++) {
		const char *slash = strrchr(nodes[i]->path, '/');
		size_t n = strlen(slash ? slash + 1 : nodes[i]->path);

		if (n > NAME_BYTES)
			return err_set(err, EINVAL,
				       "/%s of %s: its name has %zu bytes, and an image's names "
				       "have at most %d",
				       nodes[i]->path, nodes[i]->owner, n, NAME_BYTES);
	}
	return 0;
}

int check_image(const struct recipe *recipe, const struct accounts *accounts,
		const struct tree *tree, const struct tree *left, struct err **err)
{
	uint32_t uid, gid;
	int r = check_program(recipe, tree, NULL, recipe->argv, "run", err);

	if (r == 0)
		r = check_program(recipe, tree, NULL, recipe->prepare, "prepare", err);
	if (r == 0)
		r = check_program(recipe, tree, left, recipe->test, "test", err);
	if (r == 0)
		r = check_names(tree, err);
	if (r < 0)
		return r;
	r = accounts_find(accounts, recipe->user, &uid, &gid, err);
	return r < 0 ? err_prefix(err, "%s: user", recipe->file) : 0;
}
