/* SPDX-License-Identifier: MIT */
#include "digest.h"

#include <string.h>

#define PREFIX     "sha256:"
#define PREFIX_LEN 7

void digest_begin(struct digest_state *d)
{
	crypto_hash_sha256_init(&d->sha);
}

void digest_add(struct digest_state *d, const void *data, size_t len)
{
	crypto_hash_sha256_update(&d->sha, data, len);
}

void digest_end(struct digest_state *d, char ret[DIGEST_LEN + 1])
{
	unsigned char sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_final(&d->sha, sum);
	memcpy(ret, PREFIX, PREFIX_LEN);
	sodium_bin2hex(ret + PREFIX_LEN, DIGEST_LEN + 1 - PREFIX_LEN, sum, sizeof(sum));
}

void digest_of(const void *data, size_t len, char ret[DIGEST_LEN + 1])
{
	struct digest_state d;

	digest_begin(&d);
	digest_add(&d, data, len);
	digest_end(&d, ret);
}

bool digest_is_valid(const char *s)
{
	return strncmp(s, PREFIX, PREFIX_LEN) == 0 && strlen(s) == DIGEST_LEN &&
	       strspn(s + PREFIX_LEN, "0123456789abcdef") == DIGEST_LEN - PREFIX_LEN;
}

const char *digest_hex(const char *digest)
{
	return digest + PREFIX_LEN;
}
