/* SPDX-License-Identifier: MIT */
/* Files of packages as the closure reads them: as an ELF file, as Python, as a typelib, as words. */
#include <stdint.h>
#include <stdlib.h>

#include "elf_scan.h"
#include "mem.h"
#include "python_imports.h"
#include "str.h"
#include "typelib.h"
#include "words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool handle_import(const struct python_import *import, void *data)
{
	size_t *n = data;

	*n += strlen(import->module);
	return *n % 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_free void *bytes = xmemdup(data, size);
	struct elf_facts facts;
	struct words words = { 0 }, names = { 0 };
	struct typelib typelib;
	size_t n = 0;

	words_add(&names, "less", 4);
	if (elf_scan_bytes(bytes, size, ELF_ALL, &names, &facts) == 1)
		elf_facts_finish(&facts);
	if (typelib_read(bytes, size, &typelib))
		typelib_finish(&typelib);
	words_scan(data, size, &words);
	words_scan_strings(data, size, &words);
	words_scan_names(data, size, &names, &words);
	words_scan_quoted(text, &names, &words);
	words_finish(&words);
	words_finish(&names);
	python_imports(text, handle_import, &n);
	return 0;
}
