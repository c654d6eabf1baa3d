/* SPDX-License-Identifier: MIT */
/* From an image of the store to a file in another format. */
#ifndef ATOLL_CONVERT_EXPORT_H
#define ATOLL_CONVERT_EXPORT_H

#include "format.h"

struct export_options {
	const char *image, *out; /* out: NULL for NAME and the format's suffix, here */
	const struct format *format;
	bool force, quiet;
};

int export_image(struct workspace *ws, struct store *store, const struct export_options *o,
		 struct err **err);

#endif
