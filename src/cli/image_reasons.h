/* SPDX-License-Identifier: MIT */
/* An image of the store and its reasons, for the commands that answer from them alone: why and its kin. */
#ifndef ATOLL_IMAGE_REASONS_H
#define ATOLL_IMAGE_REASONS_H

#include <jansson.h>

#include "reasons_ask.h"
#include "reasons_text.h"
#include "store.h"

struct image_reasons {
	struct store *store;
	struct store_image *image;
	struct reasons *reasons;
};

/* NAME, NAME:ARCH or digest. */
int image_reasons_open(const char *name, struct image_reasons *ret, struct err **err);
void image_reasons_close(struct image_reasons *i); /* accepts a zeroed one */
#define cleanup_image_reasons __attribute__((cleanup(image_reasons_close)))

/* A file of the image, by a path that may lead over its links; -ENOENT says where it is, or what is near. */
int image_reasons_find(const struct image_reasons *i, const char *path,
		       const struct reasons_file **ret, struct err **err);

/*
 * The path as the image knows it (reasons_real_path), of what is there or was left out: as it was given, or when
 * nothing is called so and backslashes are in it, as it was shown. NULL above 40 links; the caller frees.
 */
char *path_meant(const struct image_reasons *i, const char *given);
/* "/usr/bin/x" as it can be shown (text_visible); the caller frees. */
char *path_shown(const char *path);
/* "/PATH SENTENCE." on a line, behind `indent`. */
void print_sentence(const char *indent, const struct reasons_file *f);
/* "nginx 1.22", "the recipe", "Atoll"; the caller frees. */
char *package_shown(const struct reasons_package *p);
/* Whether it is one of Debian's, and not what recipe and Atoll bring. */
bool package_is_real(const struct reasons_package *p);

/* path, mode, size, package, version, reason, detail, sentence and by, as far as there are. */
json_t *file_json(const struct reasons_file *f);
/* That of each file from here to where the chain begins. */
json_t *chain_json(const struct reasons_file *f);

#endif
