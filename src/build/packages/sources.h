/* SPDX-License-Identifier: MIT */
/*
 * Where packages come from: the host's apt configuration (sources.list(5)), in both its formats.
 * Read only; nothing of apt's state is used or changed.
 */
#ifndef ATOLL_BUILD_SOURCES_H
#define ATOLL_BUILD_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define APT_DIR "/etc/apt"

struct source {
	char *uri;         /* http:, https: or file:, without a slash at its end */
	char *suite;       /* "bookworm-updates" */
	char **components; /* "main" … */
	char **archs;      /* Debian's names; empty: any */
	char **signed_by;  /* keyring files or key fingerprints; empty: apt's trusted keys */
	char *key;         /* an armored key in the source itself, or NULL */
	char *where;       /* "FILE:LINE" */
};

struct source_list {
	struct source *items;
	size_t n;
};

/*
 * Reads DIR/sources.list and DIR/sources.list.d; keeps the enabled sources of binary packages that
 * serve the base ("debian/bookworm": the suites bookworm, bookworm-updates, bookworm-security) for
 * the architecture. An error when none is left.
 */
int sources_read(const char *apt_dir, const char *base, const char *arch, struct source_list *ret,
		 struct err **err);
void sources_finish(struct source_list *list);

/* Appends what a file of either format says; `file` names it in errors. */
int sources_parse_list(const char *file, const char *text, struct source_list *list,
		       struct err **err);
int sources_parse_deb822(const char *file, const char *text, struct source_list *list,
			 struct err **err);

#endif
