/* SPDX-License-Identifier: MIT */
/* Certificates of packages that become a key store: a file's name, a newline, the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "keystore.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const uint8_t *end = memchr(bytes, '\n', len);
	cleanup_free char *name = NULL;
	cleanup_buf struct buf out = BUF_INIT;
	struct keystore k = { 0 };

	if (!end)
		return 0;
	name = xstrndup((const char *)bytes, (size_t)(end - bytes));
	end++;
	for (int i = 0; i < 2; i++)
		keystore_add(&k, name, end, len - (size_t)(end - bytes), NULL);
	keystore_write(&k, &out);
	if (k.n > 1 || out.len < 12 + 20)
		abort();
	keystore_finish(&k);
	return 0;
}
