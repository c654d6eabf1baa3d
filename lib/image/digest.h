/* SPDX-License-Identifier: MIT */
/* OCI digests: "sha256:" and 64 small hex digits. */
#ifndef ATOLL_DIGEST_H
#define ATOLL_DIGEST_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>

#define DIGEST_LEN 71

struct digest_state {
	crypto_hash_sha256_state sha;
};

void digest_begin(struct digest_state *d);
void digest_add(struct digest_state *d, const void *data, size_t len);
void digest_end(struct digest_state *d, char ret[DIGEST_LEN + 1]);
void digest_of(const void *data, size_t len, char ret[DIGEST_LEN + 1]);
/* Of exactly that form: what is true of it may be used in a path. */
bool digest_is_valid(const char *s);
/* The hex digits of a valid one. */
const char *digest_hex(const char *digest);

#endif
