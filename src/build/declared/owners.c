/* SPDX-License-Identifier: MIT */
#include "owners.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mem.h"
#include "scripts.h"
#include "str.h"
#include "tmpfiles.h"

#define SPECIAL_BITS 07000

/* What one command gives, and whose script it is of. */
struct giving {
	const struct accounts *accounts;
	const char *package;
	uint32_t uid, gid; /* OWNER_SAME */
	bool gives_mode;
	mode_t mode;
	bool below; /* and all that is in a folder */
};

int owners_read(const struct accounts *accounts, const char *word, uint32_t *ret_uid,
		uint32_t *ret_gid)
{
	cleanup_free char *owner = xstrdup(word);
	char *group = strpbrk(owner, ":.");
	cleanup_err struct err *unknown = NULL;
	uint32_t uid, gid;
	int r;

	if (group)
		*group = ':';
	if (group == owner) {
		free(owner);
		owner = xasprintf("root:%s", word + 1);
	}
	r = accounts_find(accounts, owner, &uid, &gid, &unknown);
	if (r < 0)
		return r;
	*ret_uid = strchr(":.", *word) ? OWNER_SAME : uid;
	*ret_gid = group ? gid : OWNER_SAME;
	return 0;
}

/* --- what is given to --- */

static bool is_given(const struct giving *g, const struct tree_node *node)
{
	if (node->reason != REASON_PACKAGE || !str_eq(node->owner, g->package))
		return false;
	return S_ISDIR(node->mode) || (S_ISREG(node->mode) && (str_starts(node->path, "etc/") ||
							       str_starts(node->path, "var/")));
}

static void give_one(const struct giving *g, struct tree_node *node)
{
	if (!is_given(g, node))
		return;
	if (g->uid != OWNER_SAME)
		node->uid = g->uid;
	if (g->gid != OWNER_SAME)
		node->gid = g->gid;
	if (g->gives_mode && (S_ISDIR(node->mode) || !(g->mode & SPECIAL_BITS)))
		node->mode = (node->mode & S_IFMT) | g->mode;
}

static void give_below(const struct giving *g, struct tree *tree, const char *path)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	cleanup_free char *prefix = xasprintf("%s/", path);

	for (size_t i = 0; nodes[i]; i++)
		if (str_starts(nodes[i]->path, prefix))
			give_one(g, nodes[i]);
}

static void give(const struct giving *g, struct tree *tree, char *const *words)
{
	for (; *words; words++) {
		cleanup_free char *path = script_path(*words);
		struct tree_node *node = path ? tree_get(tree, path) : NULL;

		if (!node)
			continue;
		give_one(g, node);
		if (g->below)
			give_below(g, tree, path);
	}
}

/* --- commands --- */

static void read_mode(struct giving *g, const char *word)
{
	g->gives_mode = tmpfiles_mode(word, &g->mode) == 0;
}

static void read_owner(struct giving *g, const char *word)
{
	if (!script_word_is_plain(word) || owners_read(g->accounts, word, &g->uid, &g->gid) < 0)
		g->uid = g->gid = OWNER_SAME;
}

static void read_group(struct giving *g, const char *word)
{
	cleanup_free char *group = xasprintf(":%s", word);

	read_owner(g, group);
}

/* dpkg-statoverride --update --add USER GROUP MODE PATH */
static void read_override(struct giving *g, char *const *operands)
{
	cleanup_free char *owner = xasprintf("%s:%s", operands[0], operands[1]);

	read_owner(g, owner);
	read_mode(g, operands[2]);
}

/* The first of the operands that is a path; 0: the command gives nothing. */
static size_t read_command(struct giving *g, char *const *words, char *const *operands)
{
	size_t n = strv_len(operands);
	bool add = str_eq(*words, "dpkg-statoverride") && strv_has(words, "--add");

	if (add && n == 4)
		read_override(g, operands);
	else if (n >= 2 && str_eq(*words, "chown"))
		read_owner(g, operands[0]);
	else if (n >= 2 && str_eq(*words, "chgrp"))
		read_group(g, operands[0]);
	else if (n >= 2 && str_eq(*words, "chmod"))
		read_mode(g, operands[0]);
	else
		return 0;
	/* Of a mode that is given to all alike, folders could not be entered. */
	g->below = !g->gives_mode && script_has_flag(words, 'R', "--recursive");
	return add ? 3 : 1;
}

static void apply(const struct script_command *command, struct giving g, struct tree *tree)
{
	cleanup_strv char **operands = command->words ? script_operands(command->words) : NULL;
	size_t first = operands ? read_command(&g, command->words, operands) : 0;

	if (first)
		give(&g, tree, operands + first);
}

void owners_apply(const struct package_list *packages, const struct accounts *accounts,
		  struct tree *tree)
{
	for (size_t i = 0; i < packages->n; i++) {
		const struct package *p = &packages->items[i];
		const struct giving nothing = { .accounts = accounts,
						.package = p->name,
						.uid = OWNER_SAME,
						.gid = OWNER_SAME };

		for (size_t n = 0; n < p->script.n; n++)
			apply(&p->script.commands[n], nothing, tree);
	}
}
