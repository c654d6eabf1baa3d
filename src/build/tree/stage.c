/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

static int stage_file(struct workspace *ws, const struct tree_node *node, const char *path,
		      struct err **err)
{
	cleanup_free char *own = NULL;
	int r = 0;

	if (!node->content)
		r = workspace_write(ws, "", 0, &own, err);
	else if (node->content_at)
		r = workspace_piece(ws, node->content, node->content_at, node->content_len, &own,
				    err);
	if (r < 0)
		return r;
	if (link(own ? own : node->content, path) < 0)
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

int stage_node(struct workspace *ws, const struct tree_node *node, const char *path,
	       struct err **err)
{
	if (S_ISREG(node->mode))
		return stage_file(ws, node, path, err);
	if ((S_ISDIR(node->mode) && mkdir(path, 0700) < 0) ||
	    (S_ISLNK(node->mode) && symlink(node->target, path) < 0))
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

int stage_under(struct workspace *ws, const struct tree *tree, const struct tree_node *node,
		const char *root, struct err **err)
{
	const struct tree_node *file = tree_file(tree, node);
	cleanup_free char *path = xasprintf("%s/%s", root, node->path);
	cleanup_free char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int r = file ? dir_make(folder, 0700, err) : 0;

	return r < 0 || !file ? r : stage_node(ws, file, path, err);
}

int stage_below(struct workspace *ws, const struct tree *tree, const char *prefix, const char *root,
		struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	int r = 0;

	for (size_t i = 0; nodes[i] && r == 0; i++)
		if (str_starts(nodes[i]->path, prefix) && !S_ISDIR(nodes[i]->mode))
			r = stage_under(ws, tree, nodes[i], root, err);
	return r;
}
