/* SPDX-License-Identifier: MIT */
/* Files of packages that the builder reads: is it a secret, and what does a copyright file say. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "licence.h"
#include "mem.h"
#include "secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const char *const paths[] = { "etc/shadow", "etc/machine-id", "root/.netrc",
					     "a.key" };
	cleanup_free char *text = xmalloc(len + 1), *licence = NULL;

	memcpy(text, bytes, len);
	text[len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		secrets_kind(paths[i], text, len);
	licence = licence_expression(text);
	return 0;
}
