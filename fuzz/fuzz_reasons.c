/* SPDX-License-Identifier: MIT */
/* Why an image's files are there, as an image from elsewhere may say it. */
#include <stdint.h>

#include "reasons.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted writes and reads again, and every chain ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reasons *r = NULL, *again = NULL;
	struct buf text = BUF_INIT;
	size_t steps = 0;

	if (reasons_unpack(data, size, &r, NULL) == 0)
		reasons_free(r);
	if (reasons_parse(data, size, &r, NULL) < 0)
		return 0;
	for (size_t i = 0; i < r->n_files && i < 100; i++)
		for (const struct reasons_file *f = &r->files[i]; f; f = f->by)
			if (steps++ > 101 * (r->n_files + 1))
				__builtin_trap();
	reasons_write(r, &text);
	if (reasons_parse(buf_bytes(&text), text.len, &again, NULL) < 0)
		__builtin_trap();
	reasons_free(again);
	reasons_free(r);
	buf_free(&text);
	return 0;
}
