/* SPDX-License-Identifier: MIT */
/* What packages say of folders: lines of tmpfiles.d, and service units. */
#include <stdint.h>
#include <stdlib.h>

#include "mem.h"
#include "unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Whoever takes them counts on this. */
static void check(const struct tmpfiles *t)
{
	if (t->n > TMPFILES_MAX)
		abort();
	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].path[0] != '/' || t->items[i].mode > 07777 || !t->items[i].owner ||
		    !t->items[i].line || (t->items[i].target && !*t->items[i].target))
			abort();
	if (!t->fault != !t->fault_line)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	cleanup_free char *text = xstrndup((const char *)bytes, len);
	struct tmpfiles t;
	struct unit u;

	tmpfiles_read(text, &t);
	check(&t);
	tmpfiles_finish(&t);
	unit_read(text, len % 2 ? "fuzz@.service" : "fuzz.service", &u);
	check(&u.folders);
	unit_finish(&u);
	return 0;
}
