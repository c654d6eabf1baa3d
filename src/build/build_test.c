/* SPDX-License-Identifier: MIT */
/* The recipe's own test, unless it has passed with the same bytes before. */
#include "build.h"

#include <string.h>

#include "log.h"
#include "mem.h"
#include "names.h"
#include "programs.h"
#include "str.h"

/* A machine of the builder's own. */
int build_trial(struct build *s, struct trial *ret, char **ret_init, struct err **err)
{
	int r = program_find(PROGRAM_INIT, s->arch, ret_init, err);

	*ret = (struct trial){ .ws = &s->b->ws,
			       .recipe = s->recipe,
			       .packages = &s->packages,
			       .tree = &s->tree,
			       .left = &s->left,
			       .arch = s->arch,
			       .init = *ret_init };
	return r;
}

/* Whether the recipe has one that can run here. */
bool build_has_test(const struct build *s)
{
	return s->recipe->test && !s->b->no_test && str_eq(s->arch, arch_host());
}

/* With the same bytes before: of the image that this one takes the place of. */
static bool has_passed(const struct build *s, const char *digest)
{
	cleanup_free char *name = xasprintf("%s:%s", s->recipe->name, s->arch);
	struct store_image *image;
	bool passed;

	if (store_get_image(s->b->store, name, &image, NULL) < 0)
		return false;
	passed = str_eq(image->appliance->tested, digest);
	store_image_free(image);
	return passed;
}

static int run_test(struct build *s, const struct trial *t, struct err **err)
{
	cleanup_strv char **notes = NULL;
	char digest[SHA256_HEX + 1];
	int r = trial_digest(t, s->verity.root, digest, err);

	if (r == 0 && !has_passed(s, digest)) {
		progress_stage(&s->progress, "testing");
		s->test_ran = true;
		r = build_blame(s, trial_run(t, &notes, err));
		build_say(s, notes);
	}
	if (r == 0)
		strcpy(s->tested, digest);
	return r;
}

int build_test(struct build *s, struct err **err)
{
	cleanup_free char *init = NULL;
	struct trial t;
	int r;

	if (s->recipe->test && !str_eq(s->arch, arch_host())) {
		progress_clear(&s->progress);
		log_warn("%s: test: not run: this computer is no %s", s->recipe->name, s->arch);
	}
	if (!build_has_test(s))
		return 0;
	r = build_trial(s, &t, &init, err);
	return r < 0 ? r : run_test(s, &t, err);
}
