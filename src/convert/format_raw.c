/* SPDX-License-Identifier: MIT */
/* --as raw: the disk as it is. */
#include "disk.h"

int format_raw(struct export *x, struct err **err)
{
	return disk_write(x, x->out, err);
}
