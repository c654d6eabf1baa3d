/* SPDX-License-Identifier: MIT */
/* One build on its way through the pipeline, for its stages (builder.c). */
#ifndef ATOLL_BUILD_BUILD_H
#define ATOLL_BUILD_BUILD_H

#include "accounts.h"
#include "builder.h"
#include "filesystem.h"
#include "kernel.h"
#include "origins.h"
#include "package.h"
#include "progress.h"
#include "runtime.h"
#include "sha256.h"
#include "tree.h"
#include "trial.h"
#include "verity.h"

struct build {
	struct builder *b;
	const struct recipe *recipe;
	struct progress progress;
	const char *arch;
	bool *mistake;
	char *init;   /* atoll-init for the architecture; NULL: none is needed, or there is none */
	bool virtual; /* a virtual machine may run it, so it takes a kernel along */
	struct package_list packages;
	struct package users, kernel_package;
	bool locked; /* the packages are those of the recipe's lock */
	char key[SHA256_HEX + 1];
	struct tree tree, left; /* what is in the image, what of its packages is not */
	struct accounts accounts;
	struct runtime runtime;
	const char *kernel_name; /* "cloud", … */
	struct kernel kernel;
	char *vmlinuz, *initramfs, *drivers;
	char **modules;
	char *rootfs;
	struct filesystem_info info;
	struct verity verity;
	struct origins origins;
	struct store_image *image;   /* as far as it is there */
	char tested[SHA256_HEX + 1]; /* what the recipe's test passed with; empty: it did not run */
	bool test_ran;               /* now, not before */
};

/* Notes of a stage; NULL: none. */
void build_say(struct build *s, char *const *notes);
/* r of a stage: when it is an error that the recipe's author can do something about, it is the recipe's. */
int build_blame(struct build *s, int r);

/* build_key.c: a digest over all that decides about the result. */
int build_make_key(struct build *s, struct err **err);

/* build_fetch.c: the packages, fetched where they are not in the cache, and unpacked into it. */
int build_get_packages(struct build *s, struct err **err);

/* build_kernel.c: whether it is the tiny one; whether nothing has to be fetched for it; kernel, initramfs, drivers and modules. */
bool build_has_tiny(const struct build *s);
bool build_has_kernel(struct build *s);
int build_add_kernel(struct build *s, struct err **err);

/*
 * build_test.c: a machine of the builder's own, whose init the caller frees; whether the recipe has a test that
 * can run here; that it passes, or has with the same bytes.
 */
int build_trial(struct build *s, struct trial *ret, char **ret_init, struct err **err);
bool build_has_test(const struct build *s);
int build_test(struct build *s, struct err **err);

#endif
