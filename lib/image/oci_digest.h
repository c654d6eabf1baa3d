/* SPDX-License-Identifier: MIT */
/*
 * OCI digests: "sha256:" and 64 small hex digits. SHA-256 is libcrypto's, which uses the processor's instructions
 * for it and is five times as fast as libsodium's; its older functions, since their state is a plain value.
 */
#ifndef ATOLL_OCI_DIGEST_H
#define ATOLL_OCI_DIGEST_H

#include <openssl/sha.h>
#include <stdbool.h>
#include <stddef.h>

#define DIGEST_LEN   71
#define DIGEST_BYTES SHA256_DIGEST_LENGTH

struct oci_digest_state {
	SHA256_CTX sha;
};

void oci_digest_begin(struct oci_digest_state *d);
void oci_digest_add(struct oci_digest_state *d, const void *data, size_t len);
void oci_digest_end(struct oci_digest_state *d, char ret[DIGEST_LEN + 1]);
/* The bare digest of some bytes. */
void oci_digest_bytes(const void *data, size_t len, unsigned char ret[DIGEST_BYTES]);
void oci_digest_of(const void *data, size_t len, char ret[DIGEST_LEN + 1]);
/* Of exactly that form: what is true of it may be used in a path. */
bool oci_digest_is_valid(const char *s);
/* The hex digits of a valid one. */
const char *oci_digest_hex(const char *digest);

#endif
