/* SPDX-License-Identifier: MIT */
/* Files of Java: a module's descriptor, archives, and what names modules. */
#include <stdint.h>
#include <stdlib.h>

#include "java_modules.h"
#include "str.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void handle_named(const struct java_module *module, const char *name, void *data)
{
	(void)module;
	(void)name;
	(void)data;
	abort(); /* there are no modules */
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct java_modules none = { 0 };
	char **requires;

	java_descriptor_requires(bytes, len, &requires, NULL);
	strv_free(requires);
	java_modules_scan(&none, bytes, len, handle_named, NULL, NULL);
	return 0;
}
