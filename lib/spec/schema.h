/* SPDX-License-Identifier: MIT */
/*
 * From a YAML tree into structs: a mapping is described by a table of its keys, each with the reader
 * of its value and the field it goes to. Every fault is said, with its place and the object's noun,
 * and reading goes on; unknown keys and names come with the nearest match.
 */
#ifndef ATOLL_SCHEMA_H
#define ATOLL_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "mem.h"
#include "yaml.h"

/* A file being read. */
struct schema {
	const char *file;
	struct diag_list *diags;
	char where[200]; /* what a fault is about, outside in: `machine "web": memory: ` */
};

/* Reads a value into its field; on a fault the field stays as it was (zero). */
typedef void (*schema_read_fn)(struct schema *s, const struct yaml *value, void *field);

struct schema_key {
	const char *name;
	schema_read_fn read;
	size_t offset; /* of the field in the object */
	bool required;
};
#define SCHEMA_KEYS_MAX 24

/* Adds a fault at a node, with the noun in front. */
void schema_fault(struct schema *s, const struct yaml *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* "expected WHAT, found …" */
void schema_expected(struct schema *s, const struct yaml *node, const char *what);
/* How many faults there are by now, to see whether something added one. */
size_t schema_faults(const struct schema *s);

/* Puts a noun behind s->where, and takes it off again: leave gets what enter returned. */
size_t schema_enter(struct schema *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void schema_leave(struct schema *s, size_t mark);

/*
 * Reads a mapping by its table of keys (ends with a NULL name). `at` is where a missing key is
 * reported: the key that the mapping is the value of.
 */
void schema_read_map(struct schema *s, const struct yaml *at, const struct yaml *node,
		     const struct schema_key *keys, void *object);

/*
 * Calls `take` for each pair of a mapping whose keys are names that the file chooses. Not for
 * duplicates, nor when there are more than `max`: those are faults.
 */
typedef void (*schema_pair_fn)(struct schema *s, const struct yaml *key, const struct yaml *value,
			       void *data);
void schema_each_pair(struct schema *s, const struct yaml *node, size_t max, schema_pair_fn take,
		      void *data);

/* The text of a scalar with something in it, or NULL with the fault "expected WHAT". */
const char *schema_text(struct schema *s, const struct yaml *node, const char *what);
/* A list's items; an empty list and false with a fault when it is none or is longer than max. */
bool schema_is_list(struct schema *s, const struct yaml *node, size_t max, const char *what);
/* One of the names (NULL-terminated): its index, or -1 with a fault naming the nearest. */
int schema_choice(struct schema *s, const struct yaml *node, const char *const *names,
		  const char *what);
bool schema_number(struct schema *s, const struct yaml *node, uint64_t min, uint64_t max,
		   uint64_t *ret);
/* Bytes: "64M"; min and max are said as they are written: "16M", "1T". */
bool schema_size(struct schema *s, const struct yaml *node, const char *min, const char *max,
		 uint64_t *ret);

/* Readers of the types that both languages have. The field's type stands behind each. */
void schema_read_bool(struct schema *s, const struct yaml *value, void *field);    /* bool */
void schema_read_strings(struct schema *s, const struct yaml *value, void *field); /* char ** */
void schema_read_command(struct schema *s, const struct yaml *value, void *field); /* char ** */
void schema_read_env(struct schema *s, const struct yaml *value, void *field);     /* char ** */

/* "; did you mean "NAME"?" or "", in a buffer of the caller. */
#define SCHEMA_HINT_MAX 100
const char *schema_hint(char *buf, const char *name, const char *const *names);

/* One more zeroed item at the end of an array with its count. */
#define SCHEMA_GROW(items, n)                                                                      \
	({                                                                                         \
		(items) = xreallocarray((items), (n) + 1, sizeof(*(items)));                       \
		memset(&(items)[n], 0, sizeof(*(items)));                                          \
		&(items)[(n)++];                                                                   \
	})

#endif
