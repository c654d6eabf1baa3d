/* SPDX-License-Identifier: MIT */
#include "oci_digest.h"

#include <sodium.h>
#include <string.h>

#define PREFIX     "sha256:"
#define PREFIX_LEN 7

void oci_digest_begin(struct oci_digest_state *d)
{
	SHA256_Init(&d->sha);
}

void oci_digest_add(struct oci_digest_state *d, const void *data, size_t len)
{
	SHA256_Update(&d->sha, data, len);
}

void oci_digest_end(struct oci_digest_state *d, char ret[DIGEST_LEN + 1])
{
	unsigned char sum[DIGEST_BYTES];

	SHA256_Final(sum, &d->sha);
	memcpy(ret, PREFIX, PREFIX_LEN);
	sodium_bin2hex(ret + PREFIX_LEN, DIGEST_LEN + 1 - PREFIX_LEN, sum, sizeof(sum));
}

void oci_digest_bytes(const void *data, size_t len, unsigned char ret[DIGEST_BYTES])
{
	struct oci_digest_state d;

	oci_digest_begin(&d);
	oci_digest_add(&d, data, len);
	SHA256_Final(ret, &d.sha);
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
