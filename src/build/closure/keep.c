/* SPDX-License-Identifier: MIT */
#include "keep.h"

#include "closure.h"
#include "locales.h"
#include "mem.h"
#include "str.h"

/* What goes, and what of it stays. No program reads any of it to do its work. */
static const struct {
	const char *below;
	const char *but; /* the end of a path that stays; NULL: nothing */
} dropped[] = {
	{ "usr/share/doc/", "/copyright" }, /* changelogs, READMEs, examples */
	{ "usr/share/doc-base/", NULL },    /* the index of those */
	{ "usr/share/man/", NULL },         /* manual pages */
	{ "usr/share/info/", NULL },        /* Info documents */
	{ "usr/share/help/", NULL },        /* desktop help */
	{ "usr/share/gtk-doc/", NULL },     /* reference manuals */
	{ "usr/share/locale/", NULL },      /* messages in other languages (locales.c) */
	{ "usr/share/lintian/", NULL },     /* notes of Debian's package checker */
	{ "usr/share/bug/", NULL },         /* notes for reportbug */
	{ "usr/share/bash-completion/", NULL },
	{ "usr/share/zsh/", NULL },
	{ "usr/share/fish/", NULL },
};

static bool is_dropped(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(dropped); i++)
		if (str_starts(path, dropped[i].below))
			return !dropped[i].but || !str_ends(path, dropped[i].but);
	/* Some packages have their manual beside their data. */
	return str_starts(path, "usr/share/") && strstr(path, "/man/man");
}

static bool is_wanted(const struct recipe *recipe, const char *path)
{
	return locales_has_messages(recipe, path) || closure_inclusion(recipe, path);
}

void keep_packages(const struct recipe *recipe, struct tree *tree, struct tree *left)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);

	for (size_t i = 0; nodes[i]; i++)
		if (is_dropped(nodes[i]->path) && !is_wanted(recipe, nodes[i]->path)) {
			tree_because(nodes[i], REASON_NONE, NULL, "only people read it");
			tree_move(tree, nodes[i]->path, left);
		}
}
