/* SPDX-License-Identifier: MIT */
/* Scripts of packages: commands that have an effect, alternatives, and what they make. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "scripts.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct script script;
	struct script_makes makes;
	cleanup_free char *text = xstrndup((const char *)bytes, len);

	script_read("fuzz", text, &script);
	script_makes(&script, &makes);
	script_makes_finish(&makes);

	for (size_t i = 0; i < script.n; i++) {
		const struct script_command *c = &script.commands[i];
		cleanup_strv char **operands = c->words ? script_operands(c->words) : NULL;

		if (!*c->text || !c->line || strv_len(operands) > strv_len(c->words))
			abort();
	}
	for (size_t i = 0; i < script.alternatives.n; i++)
		if (script.alternatives.items[i].link[0] != '/' ||
		    script.alternatives.items[i].target[0] != '/')
			abort();
	script_finish(&script);
	return 0;
}
