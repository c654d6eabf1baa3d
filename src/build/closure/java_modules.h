/* SPDX-License-Identifier: MIT */
/*
 * The modules of a runtime of Java, as the files for jlink(1) say (JMOD: JEP 261), and which of them other files
 * name: classes, archives of classes, pages and configuration.
 */
#ifndef ATOLL_BUILD_JAVA_MODULES_H
#define ATOLL_BUILD_JAVA_MODULES_H

#include "err.h"
#include "tree.h"

struct java_module {
	char *name, *path; /* "java.sql", "java/sql" */
	struct tree_node *node;
	char **requires;  /* names of others, without those that it can be without */
	char **libraries; /* below the runtime's lib/: "libnet.so", "server/libjvm.so" */
	char **packages;  /* "java/util" */
};

struct java_name;

struct java_modules {
	struct java_module *items; /* sorted by name */
	size_t n;
	struct java_name *names; /* what stands for a module, sorted: packages, classes */
	size_t n_names;
};

/* Of files .jmod, sorted by path. */
int java_modules_read(struct tree_node *const *jmods, size_t n, struct java_modules *ret,
		      struct err **err);
void java_modules_finish(struct java_modules *m);
/* NULL: there is none of the name. */
const struct java_module *java_modules_find(const struct java_modules *m, const char *name);

/*
 * A file .jmod stands for its module, which is in lib/modules in the end: who is there because of one, from below the
 * folder `jmods`, is because of that.
 */
void java_modules_stand_in(struct tree_node *node, const char *jmods,
			   const struct tree_node *modules);

/* Called for each name that leads to a module, as it is written, "java/sql/Date" or "java.sql". */
typedef void (*java_named_fn)(const struct java_module *module, const char *name, void *data);

/*
 * What a file names, and archives all of what is in them. -EBADMSG: an archive that cannot be read, so that
 * nobody knows.
 */
int java_modules_scan(const struct java_modules *m, const void *bytes, size_t len, java_named_fn fn,
		      void *data, struct err **err);

/*
 * java_archive.c: each regular file of an archive (ZIP). The bytes of those that are wanted, all if `want` is
 * NULL, are read, at most `max` of them together; of others there are none.
 */
typedef bool (*java_want_fn)(const char *path);
typedef int (*java_entry_fn)(const char *path, const void *bytes, size_t len, void *data,
			     struct err **err);
bool java_is_archive(const void *bytes, size_t len);
int java_archive_each(const void *bytes, size_t len, size_t max, java_want_fn want,
		      java_entry_fn fn, void *data, struct err **err);
/* The names of a descriptor (module-info.class: The Java Virtual Machine Specification, 4.7.25), which the caller frees. */
int java_descriptor_requires(const void *bytes, size_t len, char ***ret, struct err **err);

#endif
