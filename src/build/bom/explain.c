/* SPDX-License-Identifier: MIT */
#include "explain.h"

#include <errno.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#include "content.h"
#include "mem.h"
#include "str.h"

/* Nodes of one tree as they become files. */
struct listing {
	struct tree_node **nodes;
	struct reasons_file *files;
	size_t n;
	const struct listing *others; /* where else what brought a file may be; or NULL */
};

/* Packages by name: those of the index, and who else owns files. */
struct owners {
	const struct package_list *list;
	struct reasons_package *packages;
	size_t n;
};

static const struct reasons_package *find_owner(struct owners *o, const char *name)
{
	const struct package *p = package_list_find(o->list, name);

	if (p)
		return &o->packages[p - o->list->items];
	for (size_t i = o->list->n; i < o->n; i++)
		if (str_eq(o->packages[i].name, name))
			return &o->packages[i];
	return NULL;
}

/* Also those that are no packages, and the kernel's. */
static void add_owners(struct owners *o, struct tree_node **nodes)
{
	for (size_t i = 0; nodes[i]; i++) {
		if (find_owner(o, nodes[i]->owner))
			continue;
		o->packages = xreallocarray(o->packages, o->n + 1, sizeof(*o->packages));
		o->packages[o->n++] =
			(struct reasons_package){ .name = nodes[i]->owner, .version = "" };
	}
}

/* A file of several names counts once: those of a hard link have one content. */
static uint64_t size_of(const struct tree_node *node, void **counted)
{
	uint64_t size = 0;

	if (S_ISREG(node->mode) && node->content &&
	    *(void **)tsearch(node, counted, content_compare) == node)
		content_size(node, &size, NULL);
	return size;
}

static int compare_path(const void *key, const void *item)
{
	return strcmp(key, ((const struct reasons_file *)item)->path);
}

static const struct reasons_file *find_file(const struct listing *l, const char *path)
{
	return l->n ? bsearch(path, l->files, l->n, sizeof(*l->files), compare_path) : NULL;
}

static int set_by(struct listing *l, size_t i, struct err **err)
{
	const struct tree_node *node = l->nodes[i];

	if (!node->by)
		return 0;
	l->files[i].by = find_file(l, node->by);
	if (!l->files[i].by && l->others)
		l->files[i].by = find_file(l->others, node->by);
	if (!l->files[i].by)
		return err_set(err, ENOTRECOVERABLE, "/%s is there because of /%s, which is not",
			       node->path, node->by);
	return 0;
}

static void do_nothing(void *item)
{
	(void)item;
}

static int fill(struct listing *l, struct owners *owners, void **counted, struct err **err)
{
	int r = 0;

	l->files = xcalloc(l->n + 1, sizeof(*l->files));
	for (size_t i = 0; i < l->n; i++)
		l->files[i] = (struct reasons_file){
			.path = l->nodes[i]->path,
			.mode = l->nodes[i]->mode,
			.size = size_of(l->nodes[i], counted),
			.package = find_owner(owners, l->nodes[i]->owner),
			.kind = l->nodes[i]->reason,
			.detail = l->nodes[i]->detail,
			.content = S_ISLNK(l->nodes[i]->mode) ? l->nodes[i]->target : NULL,
		};
	for (size_t i = 0; i < l->n && r == 0; i++)
		r = set_by(l, i, err);
	return r;
}

/* The begin of each file's digest, as one block that the caller frees. */
static char *set_contents(struct listing *l, const struct bom *bom)
{
	size_t room = REASONS_CONTENT + 1;
	char *text = xcalloc(l->n + 1, room);

	for (size_t p = 0; p <= bom->n; p++) {
		const struct bom_package *owner = p < bom->n ? &bom->packages[p] : &bom->own;

		for (size_t i = 0; i < owner->n; i++) {
			const struct reasons_file *f = find_file(l, owner->files[i].node->path);
			char *content;

			if (!f)
				continue;
			content = text + (size_t)(f - l->files) * room;
			memcpy(content, owner->files[i].sha256, REASONS_CONTENT);
			l->files[f - l->files].content = content;
		}
	}
	return text;
}

/* What was left out has no reason yet but for the ways of keeping that say so. */
static void forget_reasons(struct tree_node **nodes)
{
	for (size_t i = 0; nodes[i]; i++)
		if (nodes[i]->reason == REASON_PACKAGE)
			tree_because(nodes[i], REASON_NONE, NULL, NULL);
}

static int check_reasons(const struct listing *l, struct err **err)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->files[i].kind == REASON_NONE)
			return err_set(err, ENOTRECOVERABLE, "/%s of %s is there without a reason",
				       l->files[i].path, l->nodes[i]->owner);
	return 0;
}

static int explain_listings(struct listing *in, struct listing *out, struct owners *owners,
			    const struct bom *bom, struct buf *blob, struct err **err)
{
	char *contents = NULL; /* what the files' hashes are in */
	void *counted = NULL;
	int r = fill(in, owners, &counted, err);

	if (r == 0)
		r = check_reasons(in, err);
	if (r == 0)
		r = fill(out, owners, &counted, err);
	if (r == 0) {
		struct reasons reasons = { .packages = owners->packages,
					   .n_packages = owners->n,
					   .files = in->files,
					   .n_files = in->n,
					   .left = out->files,
					   .n_left = out->n };

		contents = set_contents(in, bom);
		r = reasons_pack(&reasons, blob, err);
	}
	tdestroy(counted, do_nothing);
	free(contents);
	free(in->files);
	free(out->files);
	return r;
}

/* Folders that went with their contents may have come back for others: those are not left out. */
static size_t drop_kept(const struct tree *tree, struct tree_node **nodes)
{
	size_t n = 0;

	for (size_t i = 0; nodes[i]; i++)
		if (!tree_get(tree, nodes[i]->path))
			nodes[n++] = nodes[i];
	nodes[n] = NULL;
	return n;
}

int explain(const struct tree *tree, const struct tree *left, const struct package_list *packages,
	    const struct bom *bom, struct buf *blob, struct err **err)
{
	cleanup_free struct tree_node **in_nodes = tree_list(tree), **out_nodes = tree_list(left);
	struct listing in = { .nodes = in_nodes, .n = tree->n };
	struct listing out = { .nodes = out_nodes, .n = drop_kept(tree, out_nodes), .others = &in };
	struct owners owners = { .list = packages, .n = packages->n };
	int r;

	owners.packages = xcalloc(packages->n + 1, sizeof(*owners.packages));
	for (size_t i = 0; i < packages->n; i++)
		owners.packages[i] = (struct reasons_package){
			.name = packages->items[i].name,
			.version = packages->items[i].version,
		};
	add_owners(&owners, in_nodes);
	add_owners(&owners, out_nodes);
	forget_reasons(out_nodes);
	r = explain_listings(&in, &out, &owners, bom, blob, err);
	free(owners.packages);
	return r;
}
