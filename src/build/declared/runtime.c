/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. Before the closure, each folder that some file of a package declares becomes a
 * node of the tree, which is that package's and says where it is declared. What is asked for stays:
 *
 *	tmpfiles.d   what goes with a package of which a program or library is kept, as its folders
 *	             in /var do, and what a kept file names
 *	units        what is for a program that is kept: that of ExecStart, or the script that an
 *	             interpreter there is given, as far as it is of the unit's own source package
 *	scripts      what a package's postinst would make, as tmpfiles.d
 *
 * A folder that a package has gets the owner and mode that are declared for it; what the recipe or every
 * appliance has stays as it is. Of several declarations of one folder the first counts: the recipe's
 * files in tmpfiles.d, then those of packages by their names, then units, then scripts. The service manager's own are
 * of no use, since no machine has it; a folder that says there is one makes programs wait for it.
 *
 * Below /run, machines copy them from the image (base/skeleton.h).
 */
#include "runtime.h"

#include <errno.h>
#include <string.h>

#include "content.h"
#include "mem.h"
#include "scripts.h"
#include "skeleton.h"
#include "str.h"
#include "unit.h"

#define MANAGER "usr/lib/systemd/systemd"

struct declaring {
	const struct package_list *packages;
	const struct accounts *accounts;
	struct tree *tree;
	struct runtime *ret;
	const struct tree_node *file; /* that declares */
	char *program;                /* that it is for, or NULL */
};

void runtime_finish(struct runtime *r)
{
	for (size_t i = 0; i < r->n_notes; i++) {
		free(r->notes[i].path);
		free(r->notes[i].text);
	}
	free(r->notes);
	*r = (struct runtime){ 0 };
}

void runtime_notes(const struct runtime *r, const struct tree *tree, char ***notes)
{
	for (size_t i = 0; i < r->n_notes; i++) {
		const struct runtime_note *note = &r->notes[i];

		if ((!note->path || tree_get(tree, note->path)) && !strv_has(*notes, note->text))
			strv_append(notes, note->text);
	}
}

/* Takes over the text. */
static void add_note(struct runtime *r, const char *path, char *text)
{
	r->notes = xreallocarray(r->notes, r->n_notes + 1, sizeof(*r->notes));
	r->notes[r->n_notes++] =
		(struct runtime_note){ .path = path ? xstrdup(path) : NULL, .text = text };
}

/* --- what is passed over --- */

static bool is_recipes(const struct declaring *d)
{
	return str_eq(d->file->owner, "recipe");
}

/*
 * A recipe's author wants what the line says; a package is written for systems that have more than machines, so of
 * that only what somebody may miss is said.
 */
static int pass_over(struct declaring *d, unsigned int line, const char *why, bool say,
		     struct err **err)
{
	cleanup_free char *number = line ? xasprintf(":%u", line) : xstrdup("");

	if (is_recipes(d))
		return err_set(err, EINVAL, "/%s%s: %s", d->file->path, number, why);
	if (say)
		add_note(d->ret, NULL,
			 xasprintf("/%s%s: %s; passed over", d->file->path, number, why));
	return 0;
}

static bool is_own(const char *path)
{
	return str_starts(path, "run/") && skeleton_is_own(path + strlen("run/"));
}

static bool has_below(const struct tree *tree, const char *path)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	cleanup_free char *folder = xasprintf("%s/", path);

	for (size_t i = 0; nodes[i]; i++)
		if (str_starts(nodes[i]->path, folder))
			return true;
	return false;
}

/* Why the tree does not take it, or NULL. */
static const char *find_refusal(const struct tree *tree, const char *path, bool link)
{
	const struct tree_node *node = tree_get(tree, path);

	if (!str_starts(path, "run/") && !str_starts(path, "var/"))
		return "only folders and links below /run and /var are made";
	if (is_own(path))
		return "/run/atoll and /run/secrets are Atoll's own";
	if (!tree_in_folders(tree, path))
		return "something above it is not a folder";
	if (link && (node || has_below(tree, path)))
		return "it is there already, and no link takes its place";
	/* Of a package, and not declared before. */
	if (node && (!S_ISDIR(node->mode) || node->reason != REASON_PACKAGE || node->detail))
		return "it is there already, and stays as it is";
	return NULL;
}

/* --- a folder --- */

/* Root's when nobody is of that name. A recipe has to know better; a package's script would have made them. */
static int find_owner(struct declaring *d, const struct tmpfile *item, const char *path,
		      uint32_t *ret_uid, uint32_t *ret_gid, struct err **err)
{
	cleanup_err struct err *own = NULL;
	int r = accounts_find(d->accounts, item->owner, ret_uid, ret_gid, &own);

	if (r == 0)
		return 0;
	if (is_recipes(d))
		return err_set(err, -r, "/%s:%u: %s", d->file->path, item->line, err_msg(own));
	*ret_uid = *ret_gid = 0;
	add_note(d->ret, path,
		 xasprintf("/%s:%u: %s; /%s is root's", d->file->path, item->line, err_msg(own),
			   path));
	return 0;
}

static struct tree_node *put(struct declaring *d, const struct tmpfile *item, const char *path,
			     const char *where)
{
	const char *owner = d->file->owner;
	struct tree_node *node = item->target
					 ? tree_put_link(d->tree, path, item->target, owner, where)
					 : tree_put_dir(d->tree, path, item->mode, owner, where);

	if (!is_recipes(d))
		node->reason = REASON_PACKAGE;
	node->program = d->program ? xstrdup(d->program) : NULL;
	return node;
}

static int declare(struct declaring *d, const struct tmpfile *item, struct err **err)
{
	cleanup_free char *path = NULL, *where = NULL, *why = NULL;
	const char *refusal;
	struct tree_node *node;
	uint32_t uid, gid;
	int r;

	if (tree_path(item->path, &path) < 0)
		path = xstrdup("");
	refusal = find_refusal(d->tree, path, item->target);
	if (refusal) {
		why = xasprintf("%s: %s", item->path, refusal);
		return pass_over(d, item->line, why, is_own(path), err);
	}
	node = tree_get(d->tree, path);
	r = find_owner(d, item, path, &uid, &gid, err);
	if (r < 0)
		return r;
	where = xasprintf("/%s:%u", d->file->path, item->line);
	if (node)
		tree_because(node, REASON_PACKAGE, NULL, where);
	else
		node = put(d, item, path, where);
	if (S_ISDIR(node->mode))
		node->mode = S_IFDIR | item->mode;
	node->uid = uid;
	node->gid = gid;
	return 0;
}

static int declare_all(struct declaring *d, const struct tmpfiles *t, struct err **err)
{
	int r = 0;

	for (size_t i = 0; i < t->n && r == 0; i++)
		r = declare(d, &t->items[i], err);
	return r;
}

/* --- files --- */

static int read_tmpfiles(struct declaring *d, const char *text, struct err **err)
{
	struct tmpfiles t;
	int r = 0;

	tmpfiles_read(text, &t);
	if (t.fault)
		r = pass_over(d, t.fault_line, t.fault, false, err);
	if (r == 0)
		r = declare_all(d, &t, err);
	tmpfiles_finish(&t);
	return r;
}

static const char *source_of(const struct declaring *d, const struct tree_node *node)
{
	const struct package *p = package_list_find(d->packages, node->owner);

	return p ? p->source : node->owner;
}

/* The first of the words that is a file of the unit's source package, through links; NULL: none. */
static char *find_program(const struct declaring *d, char *const *words)
{
	for (; words && *words; words++) {
		cleanup_free char *path = NULL;
		const struct tree_node *node = **words == '/' && tree_path(*words, &path) == 0
						       ? tree_get(d->tree, path)
						       : NULL;

		node = node ? tree_file(d->tree, node) : NULL;
		if (node && str_eq(source_of(d, node), source_of(d, d->file)))
			return xstrdup(node->path);
	}
	return NULL;
}

static int read_unit(struct declaring *d, const char *text, struct err **err)
{
	struct unit u;
	int r = 0;

	unit_read(text, strrchr(d->file->path, '/') + 1, &u);
	d->program = find_program(d, u.commands);
	if (d->program)
		r = declare_all(d, &u.folders, err);
	free(steal_ptr(d->program));
	unit_finish(&u);
	return r;
}

/* mkdir(1) leaves what is there as it is; what else a script does to folders is for owners.h. */
static bool is_made(const struct declaring *d, const char *program, const char *word)
{
	cleanup_free char *path = script_path(word);

	return path && !(str_eq(program, "mkdir") && tree_get(d->tree, path));
}

static int read_folders(struct declaring *d, const struct script_command *command, struct err **err)
{
	cleanup_strv char **operands = script_operands(command->words);
	const char *user = script_option(command->words, 'o', "--owner"),
		   *group = script_option(command->words, 'g', "--group"),
		   *mode = script_option(command->words, 'm', "--mode");
	cleanup_free char *owner = xasprintf("%s:%s", user ? user : "root", group ? group : "root");
	struct tmpfile item = { .mode = 0755, .owner = owner, .line = command->line };
	int r = 0;

	if (mode && tmpfiles_mode(mode, &item.mode) < 0)
		return 0;
	for (char **word = operands; word && *word && r == 0; word++) {
		item.path = *word;
		if (is_made(d, *command->words, *word))
			r = declare(d, &item, err);
	}
	return r;
}

static int read_script(struct declaring *d, const struct package *p, struct err **err)
{
	cleanup_free char *path = xasprintf("var/lib/dpkg/info/%s.postinst", p->name);
	const struct tree_node file = { .path = path, .owner = p->name };
	int r = 0;

	d->file = &file;
	for (size_t i = 0; i < p->script.n && r == 0; i++) {
		const struct script_command *command = &p->script.commands[i];

		if (command->words && script_makes_folders(command->words))
			r = read_folders(d, command, err);
	}
	return r;
}

/* tmpfiles.d(5): a file in /etc stands in the place of one of that name. */
static bool is_replaced(const struct tree *tree, const char *path)
{
	cleanup_free char *other = xasprintf("etc/tmpfiles.d%s", strrchr(path, '/'));

	return str_starts(path, "usr/lib/tmpfiles.d/") && tree_get(tree, other);
}

static const struct {
	const char *folder, *suffix;
	bool recipe; /* those of the recipe alone */
	int (*read)(struct declaring *d, const char *text, struct err **err);
} places[] = {
	{ "etc/tmpfiles.d/", ".conf", true, read_tmpfiles },
	{ "usr/lib/tmpfiles.d/", ".conf", true, read_tmpfiles },
	{ "etc/tmpfiles.d/", ".conf", false, read_tmpfiles },
	{ "usr/lib/tmpfiles.d/", ".conf", false, read_tmpfiles },
	{ "usr/lib/systemd/system/", ".service", false, read_unit },
};

static bool is_in(const char *path, size_t place)
{
	return str_starts(path, places[place].folder) && str_ends(path, places[place].suffix) &&
	       !strchr(path + strlen(places[place].folder), '/');
}

static int read_file(struct declaring *d, size_t place, struct err **err)
{
	const struct tree_node *manager = tree_get(d->tree, MANAGER);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_err struct err *own = NULL;
	int r;

	if (!S_ISREG(d->file->mode) || !d->file->content || is_recipes(d) != places[place].recipe ||
	    is_replaced(d->tree, d->file->path) ||
	    (manager && str_eq(manager->owner, d->file->owner)))
		return 0;
	r = content_read(d->file, TMPFILES_BYTES_MAX, &text, &own);
	if (r == -EFBIG)
		return pass_over(d, 0, "longer than 256 KiB, the most that is read", true, err);
	if (r < 0)
		return err_set(err, -r, "/%s of %s: %s", d->file->path, d->file->owner,
			       err_msg(own));
	buf_append(&text, "", 1);
	return places[place].read(d, (char *)buf_bytes(&text), err);
}

int runtime_declare(const struct package_list *packages, const struct accounts *accounts,
		    struct tree *tree, struct runtime *ret, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	struct declaring d = {
		.packages = packages, .accounts = accounts, .tree = tree, .ret = ret
	};
	int r = 0;

	*ret = (struct runtime){ 0 };
	for (size_t place = 0; place < ARRAY_SIZE(places); place++)
		for (size_t i = 0; nodes[i] && r == 0; i++) {
			d.file = nodes[i];
			if (is_in(d.file->path, place))
				r = read_file(&d, place, err);
		}
	for (size_t i = 0; i < packages->n && r == 0; i++)
		r = read_script(&d, &packages->items[i], err);
	return r;
}

/* --- the bounds of machines --- */

static unsigned int depth_of(const char *path)
{
	unsigned int n = 1;

	while ((path = strchr(path, '/'))) {
		path++;
		n++;
	}
	return n;
}

int runtime_check(const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	size_t n = 0;

	for (size_t i = 0; nodes[i]; i++) {
		const struct tree_node *node = nodes[i];

		if (!str_starts(node->path, "run/") || is_own(node->path) ||
		    (!S_ISDIR(node->mode) && !S_ISLNK(node->mode)))
			continue;
		if (++n > SKELETON_MAX)
			return err_set(err, EINVAL,
				       "/%s of %s: below /run are more than %u folders and links, "
				       "which machines would have to copy",
				       node->path, node->owner, SKELETON_MAX);
		/* "run" itself is one. */
		if (S_ISDIR(node->mode) && depth_of(node->path) > SKELETON_DEPTH)
			return err_set(err, EINVAL,
				       "/%s of %s: folders of /run are more than %u deep in one "
				       "another, and machines would have to copy them",
				       node->path, node->owner, SKELETON_DEPTH);
	}
	return 0;
}
