/* SPDX-License-Identifier: MIT */
/*
 * Debian's control format (deb822(5)): stanzas of "Name: value" lines, as Release files, package
 * control files and *.sources are written.
 */
#ifndef ATOLL_BUILD_DEB822_H
#define ATOLL_BUILD_DEB822_H

#include <stddef.h>

struct deb822_field {
	char *name;
	char *value; /* continuation lines follow after '\n', without their first space */
};

struct deb822_stanza {
	struct deb822_field *fields;
	size_t n;
	int line; /* of its first field */
};

struct deb822 {
	struct deb822_stanza *stanzas;
	size_t n;
};

/*
 * Parses a whole text; lines that begin with '#' are comments. Returns 0, or the negative number of
 * the line that is neither a field nor a continuation (nothing is returned then).
 */
int deb822_parse(const char *text, struct deb822 *ret);
void deb822_finish(struct deb822 *d);

/* The value of a field (case does not count), or NULL. */
const char *deb822_get(const struct deb822_stanza *s, const char *name);

/* Splits at white space and any character of `also`; the caller owns the strv. */
char **deb822_words(const char *value, const char *also);

#endif
