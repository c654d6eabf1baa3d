/* SPDX-License-Identifier: MIT */
/* The store's images as a federation's check and plan want to see them: by a machine's `image`. */
#ifndef ATOLL_CATALOG_H
#define ATOLL_CATALOG_H

#include "federation.h"
#include "store.h"

struct catalog;

/* Reads those images that the federation names; names of all are known. */
int catalog_open(const char *store, const struct federation *fed, struct catalog **ret,
		 struct err **err);
void catalog_close(struct catalog *c); /* accepts NULL */

/* NULL for an unknown name. Valid until catalog_close. */
const struct store_image *catalog_image(const struct catalog *c, const char *name);
/* For federation_check and plan_make: data is the catalog. */
const struct appliance_facts *catalog_facts(const char *name, void *data);
const char *catalog_digest(const char *name, void *data);
const char *const *catalog_names(const struct catalog *c);

#endif
