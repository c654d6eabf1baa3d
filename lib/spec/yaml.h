/* SPDX-License-Identifier: MIT */
/*
 * A YAML text as a tree whose every node knows its place. It owns what of YAML our files may use: one
 * document of mappings, lists and scalars; no anchors, aliases, tags, directives or folded texts. What
 * the scalars mean is the schema's (schema.h).
 */
#ifndef ATOLL_YAML_H
#define ATOLL_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "diag.h"

#define YAML_TEXT_MAX  (1 << 20) /* bytes of a file */
#define YAML_DEPTH_MAX 16        /* of mappings and lists in each other; our files need six */
#define YAML_NODES_MAX 100000

enum yaml_type {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
	YAML_BAD, /* was reported already; nothing more is to be said about it */
};

struct yaml {
	enum yaml_type type;
	bool plain;          /* scalar: written without quotes */
	char *text;          /* scalar */
	struct yaml **items; /* list: the values; map: key, value, key, value … */
	size_t n;            /* items */
	int line, column;    /* from 1 */
};

/*
 * Reads `text`, or with NULL the file. Faults go to diags; NULL when there is no tree, which is
 * always with a fault. A tree can come with faults, too.
 */
struct yaml *yaml_read(const char *file, const char *text, struct diag_list *diags);
void yaml_free(struct yaml *node);

/* Nothing was written where a value could be: `run:` */
bool yaml_is_empty(const struct yaml *node);

static inline void yaml_cleanup(struct yaml **node)
{
	yaml_free(*node);
}
#define cleanup_yaml __attribute__((cleanup(yaml_cleanup)))

#endif
