/* SPDX-License-Identifier: MIT */
#include "declare.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define OWNER       "atoll"
#define VOLUME_MODE 0755

/* Folders that a Debian system has, with the mode they have there; owned by root. */
static const struct {
	const char *path;
	mode_t mode;
} folders[] = {
	{ "dev", 0755 },     { "etc", 0755 },      { "home", 0755 },     { "mnt", 0755 },
	{ "proc", 0555 },    { "root", 0700 },     { "run", 0755 },      { "srv", 0755 },
	{ "sys", 0555 },     { "tmp", 01777 },     { "usr", 0755 },      { "usr/bin", 0755 },
	{ "usr/lib", 0755 }, { "usr/sbin", 0755 }, { "var", 0755 },      { "var/cache", 0755 },
	{ "var/lib", 0755 }, { "var/log", 0755 },  { "var/tmp", 01777 },
};

/* Links; `if_there`: only if that is in the tree. */
static const struct {
	const char *path, *target, *if_there;
} links[] = {
	{ "bin", "usr/bin", NULL },
	{ "sbin", "usr/sbin", NULL },
	{ "lib", "usr/lib", NULL },
	{ "lib32", "usr/lib32", "usr/lib32" },
	{ "lib64", "usr/lib64", "usr/lib64" },
	{ "libx32", "usr/libx32", "usr/libx32" },
	{ "var/run", "/run", NULL },
	{ "var/lock", "/run/lock", NULL },
	{ "etc/mtab", "../proc/self/mounts", NULL },
};

/* Files that programs and the C library expect; an address or a name is filled in by the machine. */
static const struct {
	const char *path, *text;
} files[] = {
	{ "etc/hostname", "" },
	{ "etc/resolv.conf", "" },
	{ "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" },
	{ "etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
			       "networks: files\nprotocols: files\nservices: files\n" },
};

/*
 * Alternatives that no package says, or in a script that cannot be read as data: the first target
 * that is there.
 */
static const struct {
	const char *path, *target;
} alternatives[] = {
	{ "/usr/bin/sh", "/usr/bin/dash" },
	{ "/usr/bin/sh", "/usr/bin/bash" },
	{ "/usr/bin/awk", "/usr/bin/gawk" },
	{ "/usr/bin/awk", "/usr/bin/mawk" },
	{ "/usr/bin/nc", "/usr/bin/nc.openbsd" },
	{ "/usr/bin/nc", "/usr/bin/nc.traditional" },
	{ "/usr/bin/netcat", "/usr/bin/nc.openbsd" },
	{ "/usr/bin/netcat", "/usr/bin/nc.traditional" },
	{ "/usr/bin/which", "/usr/bin/which.debianutils" },
	{ "/usr/bin/pager", "/usr/bin/less" },
	{ "/usr/bin/pager", "/usr/bin/more" },
	{ "/usr/bin/editor", "/usr/bin/nano" },
	{ "/usr/bin/editor", "/usr/bin/vim.basic" },
	{ "/usr/bin/editor", "/usr/bin/vim.tiny" },
	{ "/usr/bin/vi", "/usr/bin/vim.basic" },
	{ "/usr/bin/vi", "/usr/bin/vim.tiny" },
	{ "/usr/sbin/iptables", "/usr/sbin/iptables-nft" },
	{ "/usr/sbin/ip6tables", "/usr/sbin/ip6tables-nft" },
};

/* Where runtimes of Java are; their scripts make links to their programs in a loop. */
#define JAVA_PROGRAMS "usr/lib/jvm/*/bin/*"

static int declare_folders(struct tree *tree, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		const struct tree_node *there = tree_get(tree, folders[i].path);

		if (there && !S_ISDIR(there->mode))
			return err_set(err, EINVAL, "/%s of %s is not a folder, as in all Debian",
				       folders[i].path, there->owner);
		tree_put_dir(tree, folders[i].path, folders[i].mode, OWNER, "standard folder");
	}
	return 0;
}

static void declare_links(struct tree *tree)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		const struct tree_node *there;

		if (tree_get(tree, links[i].path))
			continue;
		there = links[i].if_there ? tree_get(tree, links[i].if_there) : NULL;
		if (!links[i].if_there || there)
			tree_put_link(tree, links[i].path, links[i].target,
				      there && !S_ISDIR(there->mode) ? there->owner : OWNER,
				      "standard link");
	}
}

/* To a neighbour by its name alone. */
static void put_alternative(struct tree *tree, const char *path, const char *target)
{
	cleanup_free char *own = NULL, *at = NULL;
	const struct tree_node *node;
	size_t n;

	if (tree_path(path, &own) < 0 || tree_path(target, &at) < 0 || tree_get(tree, own))
		return;
	node = tree_get(tree, at);
	n = (size_t)(strrchr(path, '/') + 1 - path);
	if (node)
		tree_put_link(tree, own,
			      strncmp(path, target, n) == 0 && !strchr(target + n, '/') ? target + n
											: target,
			      node->owner, "alternative");
}

/* Among those of a link whose target is there, the one of the highest priority, as the first says it. */
static bool is_best(const struct package_list *packages, const struct tree *tree,
		    const struct alternative *a)
{
	for (size_t i = 0; i < packages->n; i++) {
		const struct alternative_list *list = &packages->items[i].script.alternatives;

		for (size_t j = 0; j < list->n; j++) {
			const struct alternative *other = &list->items[j];
			cleanup_free char *target = NULL;

			if (str_eq(other->link, a->link) && other->priority > a->priority &&
			    tree_path(other->target, &target) == 0 && tree_get(tree, target))
				return false;
		}
	}
	return true;
}

/* What packages say, then what their scripts put together so that it cannot be read. */
static void declare_alternatives(const struct package_list *packages, struct tree *tree)
{
	for (size_t i = 0; i < packages->n; i++) {
		const struct alternative_list *list = &packages->items[i].script.alternatives;

		for (size_t j = 0; j < list->n; j++)
			if (is_best(packages, tree, &list->items[j]))
				put_alternative(tree, list->items[j].link, list->items[j].target);
	}
	for (size_t i = 0; i < ARRAY_SIZE(alternatives); i++)
		put_alternative(tree, alternatives[i].path, alternatives[i].target);
}

/* The programs of the newest runtime of Java, whose folders' names are in the order of its versions. */
static void declare_java(struct tree *tree)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);

	for (size_t i = tree->n; i-- > 0;) {
		cleanup_free char *path = NULL, *target = NULL;

		if (!S_ISREG(nodes[i]->mode) || !(nodes[i]->mode & 0111) ||
		    fnmatch(JAVA_PROGRAMS, nodes[i]->path, FNM_PATHNAME) != 0)
			continue;
		path = xasprintf("/usr/bin%s", strrchr(nodes[i]->path, '/'));
		target = xasprintf("/%s", nodes[i]->path);
		put_alternative(tree, path, target);
	}
}

static int declare_files(struct workspace *ws, struct tree *tree, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_free char *content = NULL;
		int r;

		if (tree_get(tree, files[i].path))
			continue;
		r = workspace_write(ws, files[i].text, strlen(files[i].text), &content, err);
		if (r < 0)
			return r;
		tree_put_file(tree, files[i].path, 0644, content, OWNER, "standard file");
	}
	return 0;
}

/* File systems of the machine's own, on which nothing else is mounted. */
static const char *const taken[] = { "proc", "sys", "dev", "run" };

static int check_volume(const char *path, const struct tree *tree, struct err **err)
{
	const struct tree_node *there = tree_get(tree, path);

	for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
		if (str_starts(path, taken[i]) && strchr("/", path[strlen(taken[i])]))
			return err_set(err, EINVAL, "machines mount their own /%s", taken[i]);
	if (there && !S_ISDIR(there->mode))
		return err_set(err, EEXIST, "/%s of %s is not a folder", path, there->owner);
	return 0;
}

/* The folder that a volume is mounted on, as its owner will see it. */
static int declare_volume(const struct recipe *recipe, const struct recipe_volume *volume,
			  const struct accounts *accounts, struct tree *tree, struct err **err)
{
	cleanup_free char *where = recipe_where(recipe, volume->line, "volumes");
	cleanup_free char *path = NULL;
	struct tree_node *node;
	uint32_t uid, gid;
	int r = accounts_find(accounts, volume->owner, &uid, &gid, err);

	if (r == 0 && (tree_path(volume->target, &path) < 0 || !*path))
		r = err_set(err, EINVAL, "%s is not a path below /", volume->target);
	if (r == 0)
		r = check_volume(path, tree, err);
	if (r < 0)
		return err_prefix(err, "%s:%d:%d: volume \"%s\"", recipe->file, volume->line,
				  volume->column, volume->name);
	node = tree_put_dir(tree, path, volume->mode ? volume->mode : VOLUME_MODE, "recipe", where);
	node->uid = uid;
	node->gid = gid;
	return 0;
}

int declare_system(struct workspace *ws, const struct recipe *recipe,
		   const struct package_list *packages, const struct accounts *accounts,
		   struct tree *tree, struct err **err)
{
	int r = declare_folders(tree, err);

	if (r < 0)
		return r;
	declare_alternatives(packages, tree);
	declare_java(tree);
	r = declare_files(ws, tree, err);
	if (r == 0)
		r = accounts_put(accounts, ws, tree, err);
	declare_links(tree);
	for (size_t i = 0; i < recipe->n_volumes && r == 0; i++)
		r = declare_volume(recipe, &recipe->volumes[i], accounts, tree, err);
	return r;
}
