/* SPDX-License-Identifier: MIT */
/* From an OCI image layout or a docker archive to an appliance of the store. */
#ifndef ATOLL_CONVERT_IMPORT_H
#define ATOLL_CONVERT_IMPORT_H

#include "builder.h"

struct import_options {
	const char *source;   /* a tar, or the folder of a layout */
	const char *name;     /* NULL: as it is tagged */
	const char *kernel;   /* "cloud", "generic"; NULL: it runs as light machine only */
	char **allow_secrets; /* paths of files that would else end the import; a strv or NULL */
	bool force;           /* an appliance of that name is replaced */
};

int import_image(struct builder *b, const struct import_options *o, struct err **err);

#endif
