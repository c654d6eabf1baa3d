/* SPDX-License-Identifier: MIT */
/* Locks beside recipes; what was read is written and read again. */
#include <stdlib.h>

#include "lock.h"
#include "mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct lock_file file, again;

	if (lock_file_parse("fuzz", (const char *)bytes, len, &file, NULL) < 0)
		return 0;
	lock_file_format(&file, "fuzz.yaml", &text);
	if (lock_file_parse("again", (char *)buf_bytes(&text), text.len, &again, NULL) < 0)
		abort();
	lock_file_finish(&again);
	lock_file_finish(&file);
	return 0;
}
