/* SPDX-License-Identifier: MIT */
/* --as tar: the files alone, with their owners. */
#include "format.h"
#include "tar.h"

int format_tar(struct export *x, struct err **err)
{
	struct tar *t;
	int r = tar_begin(x->out, &t, err);

	if (r < 0)
		return r;
	r = tar_add_tree(t, &x->tree, err);
	if (r == 0)
		r = tar_end(t, err);
	if (r < 0)
		tar_abort(t);
	return r;
}
