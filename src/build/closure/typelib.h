/* SPDX-License-Identifier: MIT */
/*
 * Typelibs: what GObject introspection tells a language about a library. One is loaded by a namespace's name, and then
 * loads those of other namespaces and the libraries that it describes; the format is girepository's own
 * (gitypelib-internal.h), in the byte order of the machine.
 */
#ifndef ATOLL_BUILD_TYPELIB_H
#define ATOLL_BUILD_TYPELIB_H

#include <stdbool.h>
#include <stddef.h>

struct typelib {
	char **depends;   /* "Gio-2.0" */
	char **libraries; /* "libgdk_pixbuf-2.0.so.0" */
};

/* False when these bytes are no typelib, or a damaged one. */
bool typelib_read(const void *data, size_t len, struct typelib *ret);
void typelib_finish(struct typelib *t);

#endif
