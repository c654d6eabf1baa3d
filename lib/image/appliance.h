/* SPDX-License-Identifier: MIT */
/*
 * The appliance manifest: what an image says of itself, as JSON
 * (application/vnd.atoll.appliance.v1+json) in the store beside the root file system. Documented in
 * atoll-appliance(5). Foreign bytes: images may come from elsewhere, so reading is bounded and
 * every field is checked.
 */
#ifndef ATOLL_APPLIANCE_H
#define ATOLL_APPLIANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

struct appliance_service {
	char *name;
	char *target; /* "tcp/PORT", "unix/PATH", "frames" */
};

struct appliance_volume {
	char *name;
	char *target;
	uint32_t owner, group, mode;
};

struct appliance_package {
	char *name, *version, *arch;
	char *source, *source_version; /* the source package; may be NULL */
};

struct appliance {
	char *name;
	char *version; /* may be NULL */
	char *arch;    /* Debian's */
	char *base;
	char **argv, **prepare, **env;
	char *user;
	char *workdir;
	char **modules; /* paths in the image, in load order */
	char **capabilities;
	char **kinds; /* empty: all */
	uint64_t memory;
	char *kernel_version; /* of the kernel it goes with */
	/* Of the root file system (verity.h); NULL and 0 in an image from before there was one. */
	char *verity;
	uint64_t verity_offset;
	char **test;  /* the recipe's; NULL: none */
	char *tested; /* digest of what it passed with; NULL: it did not run */
	struct appliance_service *services;
	size_t n_services;
	struct appliance_volume *volumes;
	size_t n_volumes;
	struct appliance_package *packages; /* sorted by name */
	size_t n_packages;
};

#define APPLIANCE_MANIFEST_MAX (4 << 20)

/* JSON with sorted keys: the same appliance gives the same bytes. */
void appliance_write(const struct appliance *a, struct buf *out);
/* Owned by the caller. The error says which field was expected to be what. */
int appliance_parse(const void *json, size_t len, struct appliance **ret, struct err **err);
void appliance_free(struct appliance *a);
/* The root hash as a kernel is told it (abi_wire.h), "HASH:OFFSET"; NULL without one. The caller frees. */
char *appliance_verity(const struct appliance *a);

#endif
