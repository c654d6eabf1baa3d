/* SPDX-License-Identifier: MIT */
/* What all builds of one run share, and the pipeline from a recipe to its image. */
#ifndef ATOLL_BUILD_BUILDER_H
#define ATOLL_BUILD_BUILDER_H

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "minisign.h"
#include "progress.h"
#include "recipe.h"
#include "resolve.h"
#include "store.h"
#include "workspace.h"

struct builder {
	const char *apt_dir;
	const char *arch; /* --arch; NULL: as the recipe says, else the host's */
	struct timespec
		since; /* indexes that were fetched before are asked for again, as are old ones */
	bool force, quiet, no_test;
	json_t *json; /* --json: what is found (update.h) goes there; or NULL */
	const struct minisign_secret *sign; /* --sign; or NULL */

	struct workspace ws;
	struct store *store;
	struct universe *universe; /* of the base and architecture that were wanted last */
	char *universe_of;
	char *self; /* digest of this program: another builder builds anew */
};

int builder_open(struct builder *b, struct err **err);
void builder_close(struct builder *b);

/*
 * Builds one recipe, and says so on standard output. *ret_mistake tells whose fault an error is:
 * true for the recipe or the packages that it asks for, false for everything else.
 */
int builder_run(struct builder *b, const struct recipe *recipe, bool *ret_mistake,
		struct err **err);

/* workspace_alone, so that what two builders want is made once. May wait for another, and says so. */
int builder_alone(struct builder *b, const char *what, struct progress *progress, int *ret_fd,
		  struct err **err);

#endif
