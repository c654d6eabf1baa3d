/* SPDX-License-Identifier: MIT */
/* What the writers and parsers of OCI's JSON share; see oci.h. */
#ifndef ATOLL_OCI_JSON_H
#define ATOLL_OCI_JSON_H

#include "oci.h"

/* Fills d, whose media_type is then the caller's (also after an error, when it may be NULL). */
int oci_descriptor_read(const json_t *o, const char *path, struct oci_descriptor *d,
			struct err **err);
json_t *oci_descriptor_write(const struct oci_descriptor *d);
/* OCI's name of an architecture that Debian names so. */
const char *oci_arch(const char *debian);

#endif
