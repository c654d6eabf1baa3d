/* SPDX-License-Identifier: MIT */
/* The files of a container image: a folder, or a tar that is unpacked into the workspace. */
#ifndef ATOLL_CONVERT_BUNDLE_H
#define ATOLL_CONVERT_BUNDLE_H

#include "buf.h"
#include "layer.h"

struct bundle {
	const char *folder; /* NULL: files are those of the tree */
	struct tree tree;
};

int bundle_open(struct workspace *ws, const char *source, struct bundle *ret, struct err **err);
void bundle_finish(struct bundle *b);
bool bundle_has(const struct bundle *b, const char *name);
/* Where a file's bytes are; names lead nowhere else. -ENOENT. The caller frees. */
int bundle_find(const struct bundle *b, const char *name, char **ret_path, struct err **err);
/* That, when the file has the digest that its name says. */
int bundle_find_blob(const struct bundle *b, const char *name, char **ret_path, struct err **err);

#endif
