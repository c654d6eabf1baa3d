/* SPDX-License-Identifier: MIT */
#include "owners.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "scripts.h"
#include "str.h"

#define SPECIAL_BITS 07000

/* What one command gives, and whose script it is of. */
struct giving {
	const struct accounts *accounts;
	const char *package;
	uint32_t uid, gid; /* OWNER_SAME */
	long mode;         /* -1: the same */
	bool below;        /* and all that is in a folder */
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
	if (g->mode >= 0 && (S_ISDIR(node->mode) || !(g->mode & SPECIAL_BITS)))
		node->mode = (node->mode & S_IFMT) | (mode_t)g->mode;
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
		cleanup_free char *path = NULL;
		struct tree_node *node;

		if (!script_word_is_plain(*words) || **words != '/' || tree_path(*words, &path) < 0)
			continue;
		node = tree_get(tree, path);
		if (!node)
			continue;
		give_one(g, node);
		if (g->below)
			give_below(g, tree, path);
	}
}

/* --- commands --- */

static long read_mode(const char *word)
{
	size_t n = strspn(word, "01234567");

	return n && n < 6 && !word[n] ? strtol(word, NULL, 8) & 07777 : -1;
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
	g->mode = read_mode(operands[2]);
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
		g->mode = read_mode(operands[0]);
	else
		return 0;
	/* Of a mode that is given to all alike, folders could not be entered. */
	g->below = g->mode < 0 && (script_has_flag(words, 'R') || strv_has(words, "--recursive"));
	return add ? 3 : 1;
}

void owners_apply(const struct package_list *packages, const struct accounts *accounts,
		  struct tree *tree)
{
	for (size_t i = 0; i < packages->n; i++) {
		const struct package *p = &packages->items[i];
		struct script script = { 0 };

		if (p->unpacked)
			script_read(p->name, p->unpacked->postinst, &script);
		for (size_t n = 0; n < script.n; n++) {
			struct giving g = { .accounts = accounts, .package = p->name, .mode = -1 };
			char **words = script.commands[n].words;
			cleanup_strv char **operands = words ? script_operands(words) : NULL;
			size_t first;

			g.uid = g.gid = OWNER_SAME;
			first = operands ? read_command(&g, words, operands) : 0;
			if (first)
				give(&g, tree, operands + first);
		}
		script_finish(&script);
	}
}
