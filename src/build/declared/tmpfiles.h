/* SPDX-License-Identifier: MIT */
/*
 * What packages say of folders that a program wants to find when it runs: lines of tmpfiles.d(5) and,
 * in service units, systemd.exec(5). Read as data: neither systemd-tmpfiles nor a unit ever runs.
 * Foreign bytes: whatever they are, at most TMPFILES_MAX come of a file.
 */
#ifndef ATOLL_BUILD_TMPFILES_H
#define ATOLL_BUILD_TMPFILES_H

#include <stddef.h>
#include <sys/types.h>

#define TMPFILES_BYTES_MAX (256 << 10)
#define TMPFILES_LINE_MAX  4096
#define TMPFILES_MAX       256

/* A folder, or a link when it has a target. */
struct tmpfile {
	char *path; /* absolute, else as it is written */
	char *target;
	mode_t mode;
	char *owner; /* "USER" or "USER:GROUP" */
	unsigned int line;
};

struct tmpfiles {
	struct tmpfile *items;
	size_t n;
	/* The first line of tmpfiles.d that makes none, and why that is; 0 and NULL: all do. */
	unsigned int fault_line;
	const char *fault;
};

void tmpfiles_finish(struct tmpfiles *t);
/* Takes over what the item points to. */
void tmpfiles_add(struct tmpfiles *t, struct tmpfile item);

/* Lines that make folders and links; the others make files, change what is there, or take it away. */
void tmpfiles_read(const char *text, struct tmpfiles *ret);

/*
 * A word with what its specifiers ("%t") stand for; NULL when one of them is known to a machine alone.
 * `unit` is the file's name of the unit that it is in, or NULL. The caller frees.
 */
char *specifiers_expand(const char *word, const char *unit);
/* In octal. */
int tmpfiles_mode(const char *word, mode_t *ret);

#endif
