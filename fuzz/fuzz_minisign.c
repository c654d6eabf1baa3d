/* SPDX-License-Identifier: MIT */
/* Keys and signatures from elsewhere: each parser on the same bytes. */
#include <stddef.h>
#include <stdint.h>

#include "minisign.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	struct minisign_public p = { .id = { 0 } };
	struct minisign_secret s;
	uint8_t id[MINISIGN_ID];

	minisign_public_parse(text, len, &p, NULL);
	minisign_secret_parse(text, len, NULL, &s, NULL);
	minisign_signer(text, len, id, NULL);
	minisign_verify(&p, text, len, bytes, len, NULL);
	return 0;
}
