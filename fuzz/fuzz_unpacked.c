/* SPDX-License-Identifier: MIT */
/* The index of a package's contents in the cache: what it says of places in the file is inside it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "unpacked.h"

#define END 4096

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct buf index = BUF_INIT;
	struct unpacked u;

	buf_append(&index, bytes, len);
	if (unpacked_parse(&index, END, &u) < 0)
		return 0;
	for (size_t i = 0; i < u.n; i++) {
		const struct unpacked_entry *e = &u.entries[i];

		if (S_ISREG(e->mode) && (!e->at || e->at >= END || e->len >= END - e->at))
			abort();
		if (!*e->path || unpacked_find(&u, e->path) > e || strlen(e->target) > len)
			abort();
	}
	unpacked_finish(&u);
	return 0;
}
