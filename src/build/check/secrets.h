/* SPDX-License-Identifier: MIT */
/*
 * What must not be in an image: an image is for everybody who can read the store, and every machine of it
 * has the same. Private keys, password hashes, tokens and a machine's own identity reach a machine
 * when it starts, or stay in its volumes.
 */
#ifndef ATOLL_BUILD_SECRETS_H
#define ATOLL_BUILD_SECRETS_H

#include <stddef.h>

#include "err.h"
#include "recipe.h"
#include "tree.h"

/*
 * What kind of secret a file with this path (without a slash at its begin) and these bytes is ("a private
 * key"), or NULL. Behind the bytes stands a NUL.
 */
const char *secrets_kind(const char *path, const void *data, size_t len);
/* The same of a command's words or of an environment, a strv: what the first is that is one, or NULL. */
const char *secrets_in_words(char *const *words);

struct secret {
	const struct tree_node *node;
	const char *kind;
};

struct secrets {
	struct secret *found; /* by path; without those that are allowed */
	size_t n;
	const char *
		unused; /* a path that is allowed and has none: such exceptions are for what nobody thought of */
};

/* Reads every file; `allowed` are paths with a slash at their begin, a strv. */
int secrets_find(const struct tree *tree, char *const *allowed, struct secrets *ret,
		 struct err **err);
void secrets_finish(struct secrets *s);

/* -EINVAL with the first file that has one, whose it is, how many more there are, and what to do. */
int secrets_check(const struct recipe *recipe, const struct tree *tree, struct err **err);

#endif
