/* SPDX-License-Identifier: MIT */
/*
 * What the builder parses of foreign bytes itself: control stanzas (package metadata, Release files),
 * apt's sources in both formats, base-passwd's files, paths in packages.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "accounts.h"
#include "deb822.h"
#include "mem.h"
#include "sources.h"
#include "tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_free char *text = xstrndup((const char *)data, len);
	struct source_list list = { 0 };
	struct accounts accounts;
	struct deb822 d;
	char *path;

	if (deb822_parse(text, &d) == 0)
		deb822_finish(&d);
	sources_parse_list("f", text, &list, NULL);
	sources_parse_deb822("f", text, &list, NULL);
	sources_finish(&list);
	if (accounts_read(text, text, &accounts, NULL) == 0)
		accounts_finish(&accounts);
	if (tree_path(text, &path) == 0)
		free(path);
	return 0;
}
