/* SPDX-License-Identifier: MIT */
/* The store of this state folder, and what is in it as JSON. */
#ifndef ATOLL_LOCAL_STORE_H
#define ATOLL_LOCAL_STORE_H

#include <jansson.h>

#include "store.h"

int local_store_open(struct store **ret, struct err **err);
/* Before the first use there is none; for those who only look, and should not make one. */
bool local_store_exists(void);
/* Name, version, arch, size, created, digest; with `damage` when it cannot be used. */
json_t *image_summary(const struct store_image *i);
/* That, and its blobs and its manifest. */
json_t *image_details(const struct store_image *i);

static inline void store_cleanup(struct store **s)
{
	store_close(*s);
}
#define cleanup_store __attribute__((cleanup(store_cleanup)))

#endif
