/* SPDX-License-Identifier: MIT */
/*
 * Why each file is in an image, and what was left out: what the builder found, as a blob of the image
 * (application/vnd.atoll.reasons.v2+zstd), so that "why" is answered from data. Every file has a
 * reason; most were brought by another file, and following those leads to the recipe or to what
 * every appliance has.
 *
 * The text, compressed with zstd, has a line for each package and file, files sorted by path. Fields
 * are separated by one space; in strings, bytes up to the space, DEL and % are %XX; "-" is nothing.
 *
 *	atoll-reasons 2
 *	p NAME VERSION                                       packages, counted from 0
 *	f MODE SIZE PACKAGE KIND BY PATH DETAIL CONTENT      files of the image, counted from 0
 *	x MODE SIZE PACKAGE KIND BY PATH DETAIL CONTENT      files that were left out, counted on
 *
 * MODE is octal with the type's bits. BY is the number of a file; what is in the image is never there
 * because of something that is not. CONTENT is a link's target, and of a regular file of the image the
 * begin of its SHA-256 in hex. Foreign bytes: reading is bounded and checks everything, also that no
 * chain runs in a circle.
 */
#ifndef ATOLL_REASONS_H
#define ATOLL_REASONS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"

#define REASONS_TEXT_MAX     (128 << 20)
#define REASONS_FILES_MAX    2000000
#define REASONS_PACKAGES_MAX 16384
#define REASONS_CONTENT      16 /* digits: no two versions of a file have them in common by chance */

/* How a file came in. reason_kinds (reasons.c) has each one's name and sentence. */
enum reason {
	REASON_NONE, /* of a file that was left out: nothing asked for it */
	/* Where chains begin */
	REASON_RECIPE,   /* the recipe names it; detail: the recipe's line */
	REASON_DECLARED, /* every appliance has it; detail: what it is */
	REASON_PACKAGE,  /* its whole package is kept */
	REASON_LAYER, /* a container image that was imported has it; detail: which of its layers */
	/* What another file asks for; by: that file */
	REASON_FOLDER,      /* holds it */
	REASON_LINK,        /* is its target */
	REASON_NEEDED,      /* ELF: DT_NEEDED; detail: the library's name */
	REASON_INTERPRETER, /* ELF: PT_INTERP; a script: #! */
	REASON_DLOPEN,      /* ELF: a library that it may open; detail: the name it says */
	REASON_SYMBOL,      /* ELF: a function that it calls reads it; detail: the function */
	REASON_NAMED,       /* it says its path */
	REASON_COMMAND,     /* a script that runs it; detail: the word */
	REASON_IMPORT,      /* a module of the script's language; detail: its name */
	REASON_PLUGIN,      /* a rule of the builder; detail: the rule */
	REASON_CONFIG,      /* configuration of a package that is in use */
	REASON_DATA,        /* data of a program or package that is in use */
	REASON_MADE,        /* a cache, made by the builder of files like it; detail: by what */
	REASON_LICENCE,     /* terms of a package of which something is there */
	REASON_EXCLUDED,    /* left out though asked for, as the recipe says */
	REASON_COUNT,
};

struct reasons_package {
	const char *name; /* "recipe" and "atoll" are no packages */
	const char *version;
};

struct reasons_file {
	const char *path; /* without a slash at its begin; any bytes */
	mode_t mode;
	uint64_t size;
	const struct reasons_package *package;
	enum reason kind;
	const struct reasons_file *by; /* or NULL */
	const char *detail;            /* "" when there is no more to say */
	const char *content;           /* "" for what has none to compare */
};

/* All strings belong to it. */
struct reasons {
	struct reasons_package *packages;
	size_t n_packages;
	struct reasons_file *files, *left; /* each sorted by path: what is in the image, what not */
	size_t n_files, n_left;
	char *text; /* the strings of one that was parsed */
};

/* "needed", …: the kind's name in the text. */
const char *reason_name(enum reason kind);
/* `by` points into files (or left, of one that was left out), `package` into packages. The same input
 * gives the same bytes. */
void reasons_write(const struct reasons *r, struct buf *out);
/* Owned by the caller. -EBADMSG names the line. Of the text, not compressed. */
int reasons_parse(const void *text, size_t len, struct reasons **ret, struct err **err);
void reasons_free(struct reasons *r); /* accepts NULL; for those that were parsed */

/* As they are in the store. */
int reasons_pack(const struct reasons *r, struct buf *out, struct err **err);
int reasons_unpack(const void *data, size_t len, struct reasons **ret, struct err **err);

/* Of an image's blob: reasons_load(image->reasons.path, …); -ENOENT for "", an older image. */
int reasons_load(const char *path, struct reasons **ret, struct err **err);

/* By path, with or without a slash at its begin; NULL when it is not there. */
const struct reasons_file *reasons_find(const struct reasons *r, const char *path);
const struct reasons_file *reasons_find_left(const struct reasons *r, const char *path);

static inline void reasons_cleanup(struct reasons **r)
{
	reasons_free(*r);
}
#define cleanup_reasons __attribute__((cleanup(reasons_cleanup)))

#endif
