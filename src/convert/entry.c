/* SPDX-License-Identifier: MIT */
#include "entry.h"

#include <string.h>

#include "layer.h"
#include "mem.h"
#include "str.h"

#define DEFAULT_PATH                                                                               \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" /* atoll-init's */

static const char *search_path(const struct appliance *a)
{
	for (char **e = a->env; e && *e; e++)
		if (str_starts(*e, "PATH="))
			return *e + strlen("PATH=");
	return DEFAULT_PATH;
}

static const char *workdir(const struct appliance *a)
{
	return a->workdir ? a->workdir : "/";
}

static bool is_file(const struct tree *tree, const char *folder, size_t len, const char *name)
{
	cleanup_free char *path = xasprintf("%.*s/%s", (int)len, folder, name);
	const struct tree_node *node = layer_find(tree, path);

	return node && S_ISREG(node->mode);
}

/* As execvp(3) looks for it. */
static bool has_program(const struct appliance *a, const struct tree *tree)
{
	const char *name = a->argv[0], *path = search_path(a);
	size_t len;

	if (strchr(name, '/'))
		return is_file(tree, workdir(a), *name == '/' ? 0 : strlen(workdir(a)), name);
	for (;; path += len + 1) {
		len = strcspn(path, ":");
		if (is_file(tree, path, len, name))
			return true;
		if (!path[len])
			return false;
	}
}

void entry_check(const struct appliance *a, const struct tree *tree, char ***notes)
{
	const struct tree_node *node = layer_find(tree, workdir(a));

	if (!a->argv || !*a->argv)
		strv_append(notes, "the image says no command: a machine needs \"run:\" in the "
				   "federation's file");
	else if (!has_program(a, tree))
		strv_take(notes, xasprintf("the command %s is not in the image", a->argv[0]));
	if (!str_eq(workdir(a), "/") && (!node || !S_ISDIR(node->mode)))
		strv_take(notes,
			  xasprintf("the folder %s, where the command is to begin, is not in the "
				    "image",
				    workdir(a)));
}
