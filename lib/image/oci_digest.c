/* SPDX-License-Identifier: MIT */
#include "oci_digest.h"

#include <string.h>

#define PREFIX     "sha256:"
#define PREFIX_LEN 7

void oci_digest_begin(struct oci_digest_state *d)
{
	crypto_hash_sha256_init(&d->sha);
}

void oci_digest_add(struct oci_digest_state *d, const void *data, size_t len)
{
	crypto_hash_sha256_update(&d->sha, data, len);
}

void oci_digest_end(struct oci_digest_state *d, char ret[DIGEST_LEN + 1])
{
	unsigned char sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_final(&d->sha, sum);
	memcpy(ret, PREFIX, PREFIX_LEN);
	sodium_bin2hex(ret + PREFIX_LEN, DIGEST_LEN + 1 - PREFIX_LEN, sum, sizeof(sum));
}

void oci_digest_of(const void *data, size_t len, char ret[DIGEST_LEN + 1])
{
	struct oci_digest_state d;

	oci_digest_begin(&d);
	oci_digest_add(&d, data, len);
	oci_digest_end(&d, ret);
}

bool oci_digest_is_valid(const char *s)
{
	return strncmp(s, PREFIX, PREFIX_LEN) == 0 && strlen(s) == DIGEST_LEN &&
	       strspn(s + PREFIX_LEN, "0123456789abcdef") == DIGEST_LEN - PREFIX_LEN;
}

const char *oci_digest_hex(const char *digest)
{
	return digest + PREFIX_LEN;
}
