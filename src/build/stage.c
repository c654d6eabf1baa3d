/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

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
