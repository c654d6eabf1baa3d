/* SPDX-License-Identifier: MIT */
/* Scripts of packages: commands that nothing stands in for, alternatives, and what they make. */
#include <stdint.h>
#include <stdlib.h>

#include "mem.h"
#include "scripts.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct alternative_list list = { 0 };
	struct script_makes makes;
	cleanup_free char *text = xstrndup((const char *)bytes, len);
	cleanup_free char *unknown = scripts_unknown("fuzz", text, &list);

	(void)unknown;
	script_makes(text, &makes);
	script_makes_finish(&makes);

	for (size_t i = 0; i < list.n; i++)
		if (list.items[i].link[0] != '/' || list.items[i].target[0] != '/')
			abort();
	alternative_list_finish(&list);
	return 0;
}
