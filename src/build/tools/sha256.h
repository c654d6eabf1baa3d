/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 as bare lower-case hex, as Debian's indexes write it: the names of everything in the cache,
 * and what downloads must match.
 */
#ifndef ATOLL_BUILD_SHA256_H
#define ATOLL_BUILD_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#include "oci_digest.h"
#include "err.h"

#define SHA256_HEX 64

struct sha256 {
	struct oci_digest_state state;
};

void sha256_begin(struct sha256 *d);
void sha256_add(struct sha256 *d, const void *data, size_t len);
/* A string with its end, so that "ab","c" and "a","bc" differ; NULL is unlike "". */
void sha256_add_str(struct sha256 *d, const char *s);
void sha256_end(struct sha256 *d, char ret_hex[SHA256_HEX + 1]);

int sha256_file(const char *path, char ret_hex[SHA256_HEX + 1], struct err **err);

/* Whether s is 64 lower-case hex digits. */
bool sha256_is_hex(const char *s);

#endif
