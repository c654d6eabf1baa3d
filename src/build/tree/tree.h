/* SPDX-License-Identifier: MIT */
/*
 * The root file system that is being made: what stands at each path, where it came from and why.
 * Nothing is on disk under its own name until filesystem.c writes it out; until then contents are
 * files of the workspace with names of ours, so no name that a package chose is ever followed.
 */
#ifndef ATOLL_BUILD_TREE_H
#define ATOLL_BUILD_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "err.h"
#include "reasons.h"

#define TREE_PATH_MAX  4096
#define TREE_DEPTH_MAX 256 /* folders in one another: mkfs.erofs crashes at some thousand */

struct tree_node {
	char *path; /* without a slash at its begin; any bytes but NUL */
	mode_t mode;
	uint32_t uid, gid;
	char *target;  /* of a symbolic link */
	char *content; /* the file that has a regular file's bytes; NULL: empty */
	/* When these are only a piece of it, where that begins, and its length; else 0 (content.h). */
	uint64_t content_at, content_len;
	char *owner; /* the package, "recipe" or "atoll" */
	/* Why it is there: reasons.h. */
	enum reason reason;
	char *by;     /* the path of the node that brought it, or NULL */
	char *detail; /* or NULL; of what a package has only said (runtime.h): where */
	char *program; /* of a folder that is wanted only when this program is there: its path; or NULL */
	bool kept;     /* the closure's mark */
	bool for_test; /* left out, and there when the recipe's test runs, which asks for it */
};

struct tree {
	void *root; /* of tsearch(3), by path */
	size_t n;
};

void tree_finish(struct tree *t);
void tree_node_finish(struct tree_node *n);

struct tree_node *tree_get(const struct tree *t, const char *path); /* NULL when absent */
/* Whether all that is there above the path is folders: below a link, something has another path. */
bool tree_in_folders(const struct tree *t, const char *path);
/* Puts a node at node.path, replacing what is there; takes over all that it points to. */
struct tree_node *tree_put(struct tree *t, struct tree_node node);
void tree_remove(struct tree *t, const char *path);
/* Takes a node out of one tree and into another. */
void tree_move(struct tree *t, const char *path, struct tree *to);
/* All nodes, sorted by path (a folder before what is in it); free() the array. */
struct tree_node **tree_list(const struct tree *t);

/*
 * For what is declared rather than unpacked; owner 0:0, set it on the returned node. The reason is
 * the recipe when that is the owner, else that every appliance has it; tree_because says another.
 */
struct tree_node *tree_put_dir(struct tree *t, const char *path, mode_t mode, const char *owner,
			       const char *detail);
struct tree_node *tree_put_link(struct tree *t, const char *path, const char *target,
				const char *owner, const char *detail);
struct tree_node *tree_put_file(struct tree *t, const char *path, mode_t mode, const char *content,
				const char *owner, const char *detail);
/* The regular file that a node is or that a link leads to; NULL: none, or an empty one. */
const struct tree_node *tree_file(const struct tree *t, const struct tree_node *node);
/* Whether a package with such a file is more than a name for those that it depends on. */
bool tree_is_substance(const struct tree_node *node);
/* Says why a node is there; by and detail may be NULL. */
void tree_because(struct tree_node *n, enum reason reason, const char *by, const char *detail);

/*
 * A path as a package, a recipe or an index writes it ("./lib/x", "/etc/y") as the tree knows it
 * ("usr/lib/x", "etc/y"): with the folders that a Debian system has only as links (/lib, /var/run)
 * resolved. The caller frees. -EINVAL for "..", an empty path or one too long. The root itself is "".
 */
int tree_path(const char *path, char **ret_path);

/*
 * As tree_path, and takes ".." as the folder above, as links have it; never above the root.
 */
int tree_path_beneath(const char *path, char **ret_path);

/*
 * Completes the tree: folders that nobody shipped are added, and what stands below something that
 * is not a folder is an error, as is a path that no file system takes.
 */
int tree_complete(struct tree *t, struct err **err);

#endif
