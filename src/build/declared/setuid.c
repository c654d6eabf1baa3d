/* SPDX-License-Identifier: MIT */
/*
 * A package's setuid program is there for users who log in; an appliance has none, and what breaks
 * into its application would go on from there. So such a program stays only when the recipe says it.
 * Others lose the bits rather than stop the build: a package then works without rules for it, and
 * root, as whom most applications start, never needed them. What a recipe gives a mode, it has said.
 * File capabilities need no rule: a .deb holds a tar without extended attributes, and packages set
 * them in scripts, which are not run.
 */
#include "setuid.h"

#include <errno.h>
#include <string.h>

#include "content.h"
#include "mem.h"
#include "str.h"

#define BITS (S_ISUID | S_ISGID)

static bool is_raised(const struct tree_node *n)
{
	return n && S_ISREG(n->mode) && (n->mode & BITS) && !str_eq(n->owner, "recipe");
}

static int find_declared(const struct recipe *recipe, const struct tree *tree,
			 const struct tree_node **nodes, struct err **err)
{
	cleanup_free char *at = recipe_at(recipe, "setuid");

	for (char **p = recipe->setuid; p && *p; p++) {
		cleanup_free char *path = NULL;

		*nodes = tree_path(*p, &path) == 0 ? tree_get(tree, path) : NULL;
		if (!is_raised(*nodes++))
			return err_set(err, EINVAL,
				       "%s: %s is not in the image, or no setuid or setgid file "
				       "of a package; leave it out",
				       at, *p);
	}
	return 0;
}

static bool is_declared(const struct tree_node *node, const struct tree_node *const *declared)
{
	for (; *declared; declared++)
		/* Names of one inode have one mode. */
		if (content_is_one(*declared, node))
			return true;
	return false;
}

static void note(char *const *lost, char *const *paths, char ***notes)
{
	cleanup_free char *all = strv_join(lost, ", "), *list = strv_join(paths, ", ");

	strv_take(notes, xasprintf("kept without set-user-ID and set-group-ID: %s; if others than "
				   "root shall start them, say \"setuid: [%s]\"",
				   all, list));
}

int setuid_restrict(const struct recipe *recipe, const struct tree *tree, char ***notes,
		    struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	cleanup_free const struct tree_node **declared =
		xcalloc(strv_len(recipe->setuid) + 1, sizeof(*declared));
	cleanup_strv char **lost = NULL, **paths = NULL;
	int r = find_declared(recipe, tree, declared, err);

	if (r < 0)
		return r;
	for (size_t i = 0; nodes[i]; i++) {
		if (!is_raised(nodes[i]) || is_declared(nodes[i], declared))
			continue;
		strv_take(&lost, xasprintf("/%s of %s (%04o)", nodes[i]->path, nodes[i]->owner,
					   nodes[i]->mode & 07777));
		strv_take(&paths, xasprintf("/%s", nodes[i]->path));
		nodes[i]->mode &= ~(mode_t)BITS;
	}
	if (lost)
		note(lost, paths, notes);
	return 0;
}
