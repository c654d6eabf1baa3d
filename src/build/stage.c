/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

static int stage_file(struct workspace *ws, const struct tree_node *node, const char *path,
		      struct err **err)
{
	cleanup_free char *empty = NULL;
	int r = node->content ? 0 : workspace_write(ws, "", 0, &empty, err);

	if (r < 0)
		return r;
	if (link(node->content ? node->content : empty, path) < 0)
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
