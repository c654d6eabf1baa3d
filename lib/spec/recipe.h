/* SPDX-License-Identifier: MIT */
/*
 * Recipes (atoll-recipe(5)): from which packages and files an appliance is built, what it runs,
 * what it provides. The parsed form owns all it holds.
 */
#ifndef ATOLL_RECIPE_H
#define ATOLL_RECIPE_H

#include <stdbool.h>
#include <stdint.h>

#include "diag.h"

/* Of an image that is no appliance, but the kernel that "kernel: tiny" builds: no appliance is called so. */
#define RECIPE_NAME_OF_KERNEL "kernel-tiny"

struct recipe_file {
	char *path;   /* in the image, absolute */
	char *source; /* beside the recipe, relative, never outside its folder; or NULL: text */
	char *text;
	unsigned int mode; /* 0: the source's (0644 or 0755), or 0644 for text */
	char *owner;       /* "user" or "user:group"; NULL: root */
	int line, column;
};

struct recipe_service {
	char *name;
	char *target; /* "tcp/PORT", "unix/PATH", or "frames" (for the service "net" alone) */
	int line, column;
};

struct recipe_user {
	char *name;
	uint32_t uid;
	uint32_t gid; /* same as uid */
	char *home;   /* "/nonexistent" when unsaid */
};

struct recipe_volume {
	char *name;
	char *target;      /* absolute path in the guest */
	char *owner;       /* user; NULL: root */
	unsigned int mode; /* of the top folder; 0: 0755 */
	int line, column;
};

struct recipe_line {
	char *key;
	int line, column;
};

struct recipe {
	char *file;    /* as given */
	char *dir;     /* its folder */
	char *name;    /* appliance: */
	char *version; /* optional */
	char *base;    /* "debian/bookworm" */
	char *arch;    /* NULL: the host's */
	char **packages;
	char **programs;       /* of Atoll's own guest programs: "atoll-firewall" */
	char *kernel;          /* "cloud", "generic", "tiny"; NULL: cloud. For VM kinds */
	char **modules;        /* kernel modules by name, for VM kinds */
	char **capabilities;   /* "net_admin": kept by a light machine */
	char **argv;           /* run:, split into words */
	char **prepare;        /* prepare:, split into words */
	char **test;           /* test: or its run:, split into words; NULL: none */
	uint64_t test_seconds; /* the longest that it may take; 0: unsaid */
	char **env;            /* NAME=VALUE */
	char *user;
	char *workdir;
	struct recipe_file *files;
	size_t n_files;
	struct recipe_service *provides;
	size_t n_provides;
	struct recipe_user *users;
	size_t n_users;
	struct recipe_volume *volumes;
	size_t n_volumes;
	char **keep; /* "packages" (whole, less documentation), "closure", names of packages, "/GLOB"
			and "!/GLOB"; empty: the closure */
	char **ignore_scripts; /* packages whose scripts need nothing to stand in for them */
	char **allow_secrets;  /* paths that may be in the image though they look like a secret */
	char **setuid;         /* packages' files that keep set-user-ID and set-group-ID */
	struct recipe_line *lines; /* where the keys stand */
	size_t n_lines;
	uint64_t needs_memory; /* bytes; 0: unsaid */
	char **needs_kinds;    /* kinds it can run as; empty: all */
};

/*
 * Reads a recipe. Every fault goes to diags; returns NULL when there was one. `file` names it in
 * the diagnostics; with text NULL the file is read.
 */
struct recipe *recipe_read(const char *file, const char *text, struct diag_list *diags);
void recipe_free(struct recipe *r);
/* The line of one of its keys, to say why something is; 0 when it has none. */
int recipe_line(const struct recipe *r, const char *key);
/* "recipe.yaml:7: run", for an image: without the folder, of which the result must not depend. The caller
 * frees. */
char *recipe_where(const struct recipe *r, int line, const char *key);
/* "here/recipe.yaml:7:1: run", for an error about a key; without the place when it has none. The caller frees. */
char *recipe_at(const struct recipe *r, const char *key);
/* Whether keep: says so: "packages". */
bool recipe_keeps(const struct recipe *r, const char *what);

#endif
