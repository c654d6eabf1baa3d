/* SPDX-License-Identifier: MIT */
#include "check.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "closure.h"
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
	cleanup_free char *at = recipe_at(recipe, key);
	const struct tree_node *node;
	const char *excluded;

	if (!argv || !*argv)
		return 0;
	node = find_program(tree, *argv);
	if (!node && left)
		node = find_program(left, *argv);
	if (node && S_ISDIR(node->mode))
		node = NULL;
	if (!node)
		return err_set(err, ENOENT,
			       "%s: none of its packages and files has a program \"%s\"", at,
			       *argv);
	excluded = str_eq(node->owner, "recipe") ? NULL : closure_exclusion(recipe, node->path);
	if (excluded)
		return err_set(err, EINVAL, "%s: \"%s\" is /%s, which \"keep: %s\" leaves out", at,
			       *argv, node->path, excluded);
	if (S_ISREG(node->mode) && !(node->mode & 0111))
		return err_set(err, EINVAL, "%s: /%s is not executable; say mode: 0755 for it", at,
			       node->path);
	return 0;
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

/* What a volume is mounted over cannot be seen: a volume on /usr would hide all programs. */
static int check_volume(const struct recipe *recipe, const struct recipe_volume *volume,
			struct tree_node *const *nodes, struct err **err)
{
	cleanup_free char *path = NULL, *prefix = NULL;

	if (tree_path(volume->target, &path) < 0)
		return 0;
	prefix = xasprintf("%s/", path);
	for (; *nodes; nodes++)
		if (!S_ISDIR((*nodes)->mode) && str_starts((*nodes)->path, prefix))
			return err_set(err, EINVAL,
				       "%s:%d:%d: volume \"%s\": it would hide /%s of %s; mount it "
				       "on another folder, or leave that out by \"keep\"",
				       recipe->file, volume->line, volume->column, volume->name,
				       (*nodes)->path, (*nodes)->owner);
	return 0;
}

static int check_volumes(const struct recipe *recipe, const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	int r = 0;

	for (size_t i = 0; i < recipe->n_volumes && r == 0; i++)
		r = check_volume(recipe, &recipe->volumes[i], nodes, err);
	return r;
}

int check_image(const struct recipe *recipe, const struct accounts *accounts,
		const struct tree *tree, const struct tree *left, struct err **err)
{
	cleanup_free char *at = recipe_at(recipe, "user");
	uint32_t uid, gid;
	int r = check_program(recipe, tree, NULL, recipe->argv, "run", err);

	if (r == 0)
		r = check_program(recipe, tree, NULL, recipe->prepare, "prepare", err);
	if (r == 0)
		r = check_program(recipe, tree, left, recipe->test, "test", err);
	if (r == 0)
		r = check_names(tree, err);
	if (r == 0)
		r = check_volumes(recipe, tree, err);
	if (r < 0)
		return r;
	r = accounts_find(accounts, recipe->user, &uid, &gid, err);
	return r < 0 ? err_prefix(err, "%s", at) : 0;
}
