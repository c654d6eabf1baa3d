/* SPDX-License-Identifier: MIT */
/* Scripts of packages: what they would have done that is not in the image. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "check.h"
#include "covered.h"
#include "mem.h"
#include "str.h"

#define USER_ADVISED 900

struct checking {
	struct holding holding;
	char **said, **names;    /* what is not covered, and whose it is */
	char **users, **folders; /* that would cover some of it */
};

static bool is_used(const struct package *p, struct tree_node *const *nodes)
{
	for (; *nodes; nodes++)
		if (str_eq((*nodes)->owner, p->name) && tree_is_substance(*nodes))
			return true;
	return false;
}

static void add_new(char ***list, char *const *words)
{
	for (; words && *words; words++)
		if (!strv_has(*list, *words))
			strv_append(list, *words);
}

static void add_users(struct checking *c, char *const *users)
{
	for (; users && *users; users++)
		if (!accounts_has_user(c->holding.accounts, *users) &&
		    !accounts_has_group(c->holding.accounts, *users) && !strv_has(c->users, *users))
			strv_append(&c->users, *users);
}

static void add_advice(struct checking *c, const struct script *script)
{
	struct script_makes makes;

	script_makes(script, &makes);
	add_users(c, makes.users);
	add_new(&c->folders, makes.folders);
	script_makes_finish(&makes);
	for (size_t i = 0; i < script->n; i++) {
		cleanup_strv char **users = sysusers_of(&c->holding, script->commands[i].words);

		add_users(c, users);
	}
}

static int compare_lines(const void *a, const void *b)
{
	const struct script_command *one = a, *other = b;

	return (one->line > other->line) - (one->line < other->line);
}

/* How many lines of the script they are on: what loops repeat is there once. Sorts them by that. */
static size_t count_lines(struct script *s)
{
	size_t n = 0;

	qsort(s->commands, s->n, sizeof(*s->commands), compare_lines);
	for (size_t i = 0; i < s->n; i++)
		n += i == 0 || s->commands[i].line != s->commands[i - 1].line;
	return n;
}

/* As the script has it, or where that has variables and all of them are known, as it comes to. The caller frees. */
static char *text_of(const struct script_command *command)
{
	for (char **word = command->words; word && *word; word++)
		if (!script_word_is_plain(*word))
			return xstrdup(command->text);
	return command->words && !command->output && strchr(command->text, '$')
		       ? strv_join(command->words, " ")
		       : xstrdup(command->text);
}

/* Those of its commands that are not covered; what they are made of stays the script's. The caller frees the array. */
static struct script find_uncovered(const struct checking *c, const struct script *script)
{
	struct script left = { .commands = xcalloc(script->n + 1, sizeof(*left.commands)) };

	for (size_t i = 0; i < script->n; i++)
		if (!is_covered(&c->holding, &script->commands[i]))
			left.commands[left.n++] = script->commands[i];
	return left;
}

static void check_script(struct checking *c, const struct package *p)
{
	struct script left = find_uncovered(c, &p->script);

	if (left.n) {
		size_t lines = count_lines(&left);
		const struct script_command *first = left.commands;
		cleanup_free char *text = text_of(first);
		cleanup_free char *more = xasprintf(" and %zu more", lines - 1);

		strv_append(&c->names, p->name);
		strv_take(&c->said, xasprintf("package \"%s\": postinst:%u: \"%s\"%s", p->name,
					      first->line, text, lines > 1 ? more : ""));
		add_advice(c, &left);
	}
	free(left.commands);
}

static bool has_uid(const struct accounts *accounts, uint32_t uid)
{
	for (size_t i = 0; i < accounts->n_users; i++)
		if (accounts->users[i].uid == uid)
			return true;
	return false;
}

/* A volume's name: its folder's below /var/lib, of which there is but one. The caller frees. */
static char *volume_of(const char *folder)
{
	char *name = xstrdup(folder + strlen("/var/lib/"));
	size_t n = strlen(name);

	while (n && name[n - 1] == '/')
		name[--n] = '\0';
	for (char *slash = name; (slash = strchr(slash, '/'));)
		*slash = '-';
	return name;
}

/* As the recipe would say it: "users: {memcache: 900}, volumes: {x: /var/lib/x}"; the numbers are any that are free. */
static char *advice_of(const struct checking *c)
{
	cleanup_buf struct buf out = BUF_INIT;
	uint32_t uid = USER_ADVISED;

	for (char **user = c->users; user && *user; user++) {
		while (has_uid(c->holding.accounts, uid))
			uid++;
		buf_printf(&out, "%s%s: %u", user == c->users ? "users: {" : ", ", *user, uid++);
	}
	buf_printf(&out, "%s%s", c->users ? "}" : "", c->users && c->folders ? ", " : "");
	for (char **folder = c->folders; folder && *folder; folder++) {
		cleanup_free char *name = volume_of(*folder);

		buf_printf(&out, "%s%s: %s", folder == c->folders ? "volumes: {" : ", ", name,
			   *folder);
	}
	buf_append_str(&out, c->folders ? "}" : "");
	return buf_steal_str(&out);
}

static int refuse(const struct recipe *recipe, const struct checking *c, struct err **err)
{
	cleanup_free char *at = recipe_at(recipe, "packages");
	cleanup_free char *all = strv_join(c->said, "; "), *list = strv_join(c->names, ", ");
	cleanup_free char *what = advice_of(c);

	return err_set(
		err, EINVAL,
		"%s: no script of a package is run, and nothing stands in for what these do: "
		"%s; declare in the recipe what the appliance needs of it (%s), and pass over the "
		"rest by \"ignore-scripts: [%s]\"",
		at, all, *what ? what : "users, files, volumes", list);
}

/* Whether it is passed over what a script does for nothing: an update of the package may change that unnoticed. */
static bool is_needless(const struct checking *c, const struct package *p)
{
	struct script left = find_uncovered(c, &p->script);

	free(left.commands);
	return left.n == 0;
}

static int check_ignored(const struct recipe *recipe, const struct package_list *packages,
			 const struct checking *c, char ***notes, struct err **err)
{
	cleanup_free char *at = recipe_at(recipe, "ignore-scripts");

	for (char **name = recipe->ignore_scripts; name && *name; name++) {
		const struct package *p = package_list_find(packages, *name);

		if (!p)
			return err_set(
				err, EINVAL,
				"%s: \"%s\" is none of the packages that are installed; leave "
				"it out",
				at, *name);
		if (is_needless(c, p))
			strv_take(notes, xasprintf("%s: what the script of \"%s\" does is in the "
						   "image, or nothing; leave it out",
						   at, *name));
	}
	return 0;
}

int check_scripts(const struct recipe *recipe, const struct package_list *packages,
		  const struct accounts *accounts, const struct tree *tree, const struct tree *left,
		  char ***notes, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	struct checking c = { .holding = { .accounts = accounts, .tree = tree, .left = left } };
	int r = check_ignored(recipe, packages, &c, notes, err);

	for (size_t i = 0; i < packages->n && r == 0; i++) {
		const struct package *p = &packages->items[i];

		if (p->script.n && !strv_has(recipe->ignore_scripts, p->name) && is_used(p, nodes))
			check_script(&c, p);
	}
	if (r == 0 && c.said)
		r = refuse(recipe, &c, err);
	strv_free(c.said);
	strv_free(c.names);
	strv_free(c.users);
	strv_free(c.folders);
	return r;
}
