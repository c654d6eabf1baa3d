/* SPDX-License-Identifier: MIT */
#include "covered.h"

#include <string.h>

#include "buf.h"
#include "closure.h"
#include "content.h"
#include "mem.h"
#include "owners.h"
#include "str.h"

#define SYSUSERS       "usr/lib/sysusers.d/"
#define SYSUSERS_BYTES (64 << 10)

/* --- paths --- */

enum presence { UNKNOWN, ABSENT, PRESENT };

static enum presence find(const struct holding *h, const char *word, const struct tree_node **ret)
{
	cleanup_free char *path = script_path(word);

	*ret = path ? tree_get(h->tree, path) : NULL;
	if (!path || (!*ret && !tree_in_folders(h->tree, path)))
		return UNKNOWN;
	return *ret ? PRESENT : ABSENT;
}

static bool is_absent(const struct holding *h, const char *word)
{
	const struct tree_node *node;

	return find(h, word, &node) == ABSENT;
}

static bool are_absent(const struct holding *h, char *const *words)
{
	for (; *words; words++)
		if (!is_absent(h, *words))
			return false;
	return true;
}

/* Of those who read it, the image has none. */
static bool is_nobodys(const struct holding *h, const char *word)
{
	cleanup_free char *path = script_path(word);

	return is_absent(h, word) && closure_is_foreign_config(path);
}

/* Written by the recipe, which knows better than a script what is to be in it. */
static bool is_recipes(const struct holding *h, const char *word)
{
	const struct tree_node *node;

	return find(h, word, &node) == PRESENT && !S_ISDIR(node->mode) &&
	       str_eq(node->owner, "recipe");
}

static bool is_written(const struct holding *h, const char *word)
{
	return is_recipes(h, word) || is_nobodys(h, word);
}

/* --- owners --- */

static bool has_owner(const struct holding *h, const struct tree_node *node, const char *owner)
{
	uint32_t uid, gid;

	if (S_ISLNK(node->mode)) /* what it leads to is meant */
		return false;
	/* A recipe says whose its files are. */
	if (str_eq(node->owner, "recipe") && !S_ISDIR(node->mode))
		return true;
	if (!script_word_is_plain(owner) || owners_read(h->accounts, owner, &uid, &gid) < 0)
		return false;
	return (uid == OWNER_SAME || node->uid == uid) && (gid == OWNER_SAME || node->gid == gid);
}

static bool has_owner_below(const struct holding *h, const struct tree_node *node,
			    const char *owner)
{
	cleanup_free struct tree_node **nodes = tree_list(h->tree);
	cleanup_free char *prefix = xasprintf("%s/", node->path);

	for (size_t i = 0; nodes[i]; i++)
		if (str_starts(nodes[i]->path, prefix) && !S_ISLNK(nodes[i]->mode) &&
		    !has_owner(h, nodes[i], owner))
			return false;
	return true;
}

/* Each is nobody's, or has this owner. */
static bool are_owned(const struct holding *h, char *const *words, const char *owner, bool below)
{
	for (; *words; words++) {
		const struct tree_node *node;
		enum presence presence = find(h, *words, &node);

		if (presence == UNKNOWN)
			return false;
		if (presence == PRESENT &&
		    (!has_owner(h, node, owner) || (below && !has_owner_below(h, node, owner))))
			return false;
	}
	return true;
}

static bool is_recursive(char *const *words)
{
	return script_has_flag(words, 'R', "--recursive");
}

static bool covers_chown(const struct holding *h, char *const *words, char *const *operands)
{
	bool group = str_eq(*words, "chgrp");
	cleanup_free char *owner = NULL;

	if (strv_len(operands) < 2 || *operands[0] == '/')
		return false;
	owner = xasprintf("%s%s", group ? ":" : "", operands[0]);
	return are_owned(h, operands + 1, owner, is_recursive(words));
}

/* --- modes --- */

static bool has_mode(const struct tree_node *node, const char *mode)
{
	char octal[16];

	if (S_ISLNK(node->mode))
		return false;
	if (str_eq(node->owner, "recipe"))
		return true;
	snprintf(octal, sizeof(octal), "%o", node->mode & 07777);
	return str_eq(mode + strspn(mode, "0"), octal);
}

static bool are_of_mode(const struct holding *h, char *const *words, const char *mode)
{
	for (; *words; words++) {
		const struct tree_node *node;
		enum presence presence = find(h, *words, &node);

		if (presence == UNKNOWN || (presence == PRESENT && !has_mode(node, mode)))
			return false;
	}
	return true;
}

static bool covers_chmod(const struct holding *h, char *const *words, char *const *operands)
{
	/* "chmod -x FILE" gives no operand for a mode. */
	if (strv_len(operands) < 2 || *operands[0] == '/')
		return false;
	return is_recursive(words) ? are_absent(h, operands + 1)
				   : are_of_mode(h, operands + 1, operands[0]);
}

/* dpkg-statoverride --update --add USER GROUP MODE PATH */
static bool covers_statoverride(const struct holding *h, char *const *words, char *const *operands)
{
	cleanup_free char *owner = NULL;

	if (strv_has(words, "--remove"))
		return true; /* there was none */
	if (!strv_has(words, "--add") || strv_len(operands) != 4)
		return false;
	owner = xasprintf("%s:%s", operands[0], operands[1]);
	return are_owned(h, operands + 3, owner, false) &&
	       are_of_mode(h, operands + 3, operands[2]);
}

/* --- users and groups --- */

/* A user is in the group of its own name; in others nobody is. */
static bool is_own_group(const struct holding *h, const char *user, const char *group)
{
	return str_eq(user, group) && accounts_has_user(h->accounts, user) &&
	       accounts_has_group(h->accounts, group);
}

static bool covers_user(const struct holding *h, char *const *words, char *const *operands)
{
	const char *group = str_eq(*words, "adduser") ? script_option(words, '\0', "--ingroup")
						      : script_option(words, 'g', "--gid");

	if (str_eq(*words, "adduser") && strv_len(operands) == 2)
		return is_own_group(h, operands[0], operands[1]);
	if (str_eq(*words, "useradd") && script_option(words, 'G', "--groups"))
		return false;
	return strv_len(operands) == 1 && accounts_has_user(h->accounts, operands[0]) &&
	       (!group || accounts_has_group(h->accounts, group));
}

/* Home, shell and the like are the recipe's to say; who is in a group, or has another name, is more. */
static bool covers_usermod(const struct holding *h, char *const *words, char *const *operands)
{
	const char *group = script_option(words, 'g', "--gid"),
		   *groups = script_option(words, 'G', "--groups");

	if (strv_len(operands) != 1 || !accounts_has_user(h->accounts, operands[0]))
		return false;
	return (!group || is_own_group(h, operands[0], group)) &&
	       (!groups || is_own_group(h, operands[0], groups)) &&
	       !script_option(words, 'l', "--login") && !script_option(words, 'u', "--uid");
}

static bool covers_group(const struct holding *h, char *const *words, char *const *operands)
{
	(void)words;
	return strv_len(operands) == 1 && accounts_has_group(h->accounts, operands[0]);
}

/* Of a line "u NAME …" or "g NAME …". Others say more than a name. */
static bool read_sysuser(const char *line, char ***names)
{
	cleanup_strv char **words = NULL;

	if (!*line || *line == '#')
		return true;
	if (str_split_words(line, &words) < 0 || strv_len(words) < 2 ||
	    strspn(words[0], "ug!") != strlen(words[0]))
		return false;
	strv_append(names, words[1]);
	return true;
}

static const struct tree_node *find_file(const struct holding *h, const char *word)
{
	cleanup_free char *path = xasprintf(SYSUSERS "%s", word);
	const struct tree_node *node = tree_get(h->tree, path);

	return node ? node : tree_get(h->left, path);
}

static bool read_sysusers(const struct holding *h, const char *word, char ***names)
{
	const struct tree_node *node = find_file(h, word);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_err struct err *err = NULL;
	char *rest, *line;

	if (!node || !S_ISREG(node->mode) || !node->content ||
	    content_read(node, SYSUSERS_BYTES, &text, &err) < 0)
		return false;
	buf_append(&text, "", 1);
	rest = (char *)buf_bytes(&text);
	while ((line = strsep(&rest, "\n")))
		if (!read_sysuser(line + strspn(line, " \t"), names))
			return false;
	return true;
}

char **sysusers_of(const struct holding *h, char *const *words)
{
	cleanup_strv char **operands = NULL, **names = NULL;

	if (!words || !str_eq(*words, "systemd-sysusers"))
		return NULL;
	operands = script_operands(words);
	for (char **word = operands; word && *word; word++)
		if (!read_sysusers(h, *word, &names))
			return NULL;
	return steal_ptr(names);
}

static bool covers_sysusers(const struct holding *h, char *const *words, char *const *operands)
{
	cleanup_strv char **names = sysusers_of(h, words);

	(void)operands;
	for (char **name = names; name && *name; name++)
		if (!accounts_has_user(h->accounts, *name) &&
		    !accounts_has_group(h->accounts, *name))
			return false;
	return names;
}

/* --- folders and files --- */

static bool covers_folder(const struct holding *h, char *const *words, char *const *operands)
{
	const char *user = script_option(words, 'o', "--owner"),
		   *group = script_option(words, 'g', "--group"),
		   *mode = str_eq(*words, "install") ? script_option(words, 'm', "--mode") : NULL;
	cleanup_free char *owner =
		xasprintf("%s%s%s", user ? user : "", group ? ":" : "", group ? group : "");

	for (char *const *word = operands; *word; word++) {
		const struct tree_node *node;

		if (is_nobodys(h, *word))
			continue;
		if (find(h, *word, &node) != PRESENT || !S_ISDIR(node->mode) ||
		    (*owner && !has_owner(h, node, owner)) || (mode && !has_mode(node, mode)))
			return false;
	}
	return true;
}

/* The last operand, or what is in it of the name of the one before. */
static bool covers_copy(const struct holding *h, char *const *words, char *const *operands)
{
	size_t n = strv_len(operands);
	const struct tree_node *node;
	const char *slash;
	cleanup_free char *inside = NULL;

	if (str_eq(*words, "mv") && n == 2 && is_absent(h, operands[0]))
		return true;
	if (n == 2 && is_nobodys(h, operands[1]))
		return true;
	if (n != 2 || find(h, operands[1], &node) != PRESENT)
		return false;
	slash = strrchr(operands[0], '/');
	inside = xasprintf("%s/%s", operands[1], slash ? slash + 1 : operands[0]);
	return is_written(h, S_ISDIR(node->mode) ? inside : operands[1]);
}

static bool covers_install(const struct holding *h, char *const *words, char *const *operands)
{
	return script_makes_folders(words) ? covers_folder(h, words, operands)
					   : covers_copy(h, words, operands);
}

static bool covers_touch(const struct holding *h, char *const *words, char *const *operands)
{
	const struct tree_node *node;

	(void)words;
	for (; *operands; operands++)
		if (find(h, *operands, &node) != PRESENT && !is_nobodys(h, *operands))
			return false;
	return true;
}

/* "sed -i": the recipe's own file says what it says, and one that is not there needs no changes. */
static bool covers_edit(const struct holding *h, char *const *words, char *const *operands)
{
	bool script =
		script_option(words, 'e', "--expression") || script_option(words, 'f', "--file");

	for (operands += !script && *operands; *operands; operands++)
		if (!is_absent(h, *operands) && !is_recipes(h, *operands))
			return false;
	return true;
}

/* What packages have is theirs to keep; what is named otherwise is an older version's. */
static bool covers_rm(const struct holding *h, char *const *words, char *const *operands)
{
	const struct tree_node *node;

	(void)words;
	for (; *operands; operands++)
		if (find(h, *operands, &node) == PRESENT)
			return false;
	return true;
}

/* What is changed about a file: its first operand says how. */
static bool covers_change(const struct holding *h, char *const *words, char *const *operands)
{
	(void)words;
	return strv_len(operands) >= 2 && are_absent(h, operands + 1);
}

static const struct {
	const char *program;
	bool (*covers)(const struct holding *h, char *const *words, char *const *operands);
} programs[] = {
	{ "addgroup", covers_group },
	{ "adduser", covers_user },
	{ "chgrp", covers_chown },
	{ "chmod", covers_chmod },
	{ "chown", covers_chown },
	{ "chsh", covers_usermod },
	{ "cp", covers_copy },
	{ "dpkg-statoverride", covers_statoverride },
	{ "groupadd", covers_group },
	{ "install", covers_install },
	{ "ln", covers_copy },
	{ "mkdir", covers_folder },
	{ "mv", covers_copy },
	{ "rm", covers_rm },
	{ "sed", covers_edit },
	{ "setcap", covers_change },
	{ "systemd-sysusers", covers_sysusers },
	{ "touch", covers_touch },
	{ "ucf", covers_copy },
	{ "useradd", covers_user },
	{ "usermod", covers_usermod },
};

bool is_covered(const struct holding *h, const struct script_command *command)
{
	cleanup_strv char **operands = command->words ? script_operands(command->words) : NULL;

	if (command->output && !is_written(h, command->output))
		return false;
	if (command->output && script_command_is_idle(command->words, NULL))
		return true;
	for (size_t i = 0; operands && i < ARRAY_SIZE(programs); i++)
		if (str_eq(programs[i].program, *command->words))
			return programs[i].covers(h, command->words, operands);
	return false;
}
