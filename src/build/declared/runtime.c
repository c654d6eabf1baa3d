/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. Before the closure, each folder that some file of a package declares becomes a
 * node of the tree, which is that package's and says where it is declared. What is asked for stays:
 *
 *	tmpfiles.d   what goes with a package of which a program or library is kept, as its folders
 *	             in /var do, and what a kept file names
 *	units        what is for a program that is kept: that of ExecStart, or the script that an
 *	             interpreter there is given, as far as it is of the unit's own source package
 *
 * A folder that a package has gets the owner and mode that are declared for it; what the recipe or every
 * appliance has stays as it is. Of several declarations of one folder the first counts: the recipe's
 * files in tmpfiles.d, then those of packages by their names, then units. The service manager's own are
 * of no use, since no machine has it; a folder that says there is one makes programs wait for it.
 *
 * Below /run, machines copy them from the image (base/skeleton.h).
 */
#include "runtime.h"

#include <errno.h>
#include <string.h>

#include "content.h"
#include "mem.h"
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
	for (size_t i = 0; i < r->n_unowned; i++) {
		free(r->unowned[i].path);
		free(r->unowned[i].note);
	}
	free(r->unowned);
	*r = (struct runtime){ 0 };
}

void runtime_notes(const struct runtime *r, const struct tree *tree, char ***notes)
{
	for (size_t i = 0; i < r->n_unowned; i++)
		if (tree_get(tree, r->unowned[i].path) && !strv_has(*notes, r->unowned[i].note))
			strv_append(notes, r->unowned[i].note);
}

/* --- a folder --- */

static bool is_place(const struct tree *tree, const char *path)
{
	cleanup_free char *parent = xstrdup(path);

	if (!str_starts(path, "run/") && !str_starts(path, "var/"))
		return false;
	for (char *slash; (slash = strrchr(parent, '/'));) {
		const struct tree_node *node;

		*slash = '\0';
		node = tree_get(tree, parent);
		if (node && !S_ISDIR(node->mode))
			return false;
	}
	return true;
}

static bool is_recipes(const struct declaring *d)
{
	return str_eq(d->file->owner, "recipe");
}

/* Root's when nobody is of that name. A recipe has to know better; a package's script would have made them. */
static int find_owner(struct declaring *d, const struct tmpfile *item, const char *path,
		      uint32_t *ret_uid, uint32_t *ret_gid, struct err **err)
{
	struct runtime *ret = d->ret;
	cleanup_err struct err *own = NULL;
	int r = accounts_find(d->accounts, item->owner, ret_uid, ret_gid, &own);

	if (r == 0)
		return 0;
	if (is_recipes(d))
		return err_set(err, -r, "/%s:%u: %s", d->file->path, item->line, err_msg(own));
	*ret_uid = *ret_gid = 0;
	ret->unowned = xreallocarray(ret->unowned, ret->n_unowned + 1, sizeof(*ret->unowned));
	ret->unowned[ret->n_unowned++] = (struct runtime_unowned){
		.path = xstrdup(path),
		.note = xasprintf("/%s:%u: %s; /%s is root's", d->file->path, item->line,
				  err_msg(own), path),
	};
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
	cleanup_free char *path = NULL, *where = NULL;
	struct tree_node *node;
	uint32_t uid, gid;
	int r;

	if (tree_path(item->path, &path) < 0 || !is_place(d->tree, path))
		return 0;
	node = tree_get(d->tree, path);
	/* Of a package, and not declared before. */
	if (node && (!S_ISDIR(node->mode) || node->reason != REASON_PACKAGE || node->detail ||
		     item->target))
		return 0;
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
	unsigned int bad;
	int r;

	tmpfiles_read(text, &t, &bad);
	r = bad && is_recipes(d)
		    ? err_set(err, EINVAL,
			      "/%s:%u: expected a line of tmpfiles.d(5), without escapes and "
			      "without what only a machine knows",
			      d->file->path, bad)
		    : declare_all(d, &t, err);
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
	int r;

	if (!S_ISREG(d->file->mode) || !d->file->content || is_recipes(d) != places[place].recipe ||
	    is_replaced(d->tree, d->file->path) ||
	    (manager && str_eq(manager->owner, d->file->owner)))
		return 0;
	r = content_read(d->file, TMPFILES_BYTES_MAX, &text, err);
	if (r < 0)
		return err_prefix(err, "package \"%s\": /%s", d->file->owner, d->file->path);
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
	return r;
}
