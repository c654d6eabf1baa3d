/* SPDX-License-Identifier: MIT */
#include "layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fd.h"
#include "mem.h"
#include "sha256.h"
#include "str.h"

#define CHUNK     65536
#define LINKS_MAX 40
#define WHITEOUT  ".wh."
#define OPAQUE    ".wh..wh..opq"

int layer_path(const char *path, char **ret)
{
	cleanup_free char *tidy = xmalloc(strlen(path) + 1);
	char *end = tidy;

	if (strlen(path) >= TREE_PATH_MAX)
		return -EINVAL;
	while (*(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");

		if (len == 2 && memcmp(path, "..", 2) == 0)
			return -EINVAL;
		if (!(len == 1 && *path == '.')) {
			if (end != tidy)
				*end++ = '/';
			end = mempcpy(end, path, len);
		}
		path += len;
	}
	*end = '\0';
	*ret = steal_ptr(tidy);
	return 0;
}

static void strip_last(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = '\0';
}

/*
 * Where a path leads: every link on the way, and with `last` the one at its end, is followed as if the
 * tree were all there is. "" is the root. -ELOOP after too many links.
 */
static int follow(const struct tree *t, const char *path, bool last, char **ret)
{
	cleanup_free char *at = xstrdup(""), *rest = xstrdup(path);
	int links = 0;

	while (*rest) {
		const char *word = rest + strspn(rest, "/");
		size_t len = strcspn(word, "/");
		cleanup_free char *next = NULL, *after = xstrdup(word + len);
		const struct tree_node *node;

		if (len == 2 && memcmp(word, "..", 2) == 0) {
			strip_last(at);
		} else if (len > 0 && !(len == 1 && *word == '.')) {
			next = xasprintf("%s%s%.*s", at, *at ? "/" : "", (int)len, word);
			if (strlen(next) >= TREE_PATH_MAX)
				return -ENAMETOOLONG;
			node = tree_get(t, next);
			if (node && S_ISLNK(node->mode) && (last || after[strspn(after, "/")])) {
				if (++links > LINKS_MAX ||
				    strlen(node->target) + strlen(after) >= 2 * TREE_PATH_MAX)
					return -ELOOP;
				free(rest);
				rest = xasprintf("%s/%s", node->target, after);
				if (*node->target == '/')
					*at = '\0';
				continue;
			}
			free(at);
			at = steal_ptr(next);
		}
		free(rest);
		rest = steal_ptr(after);
	}
	*ret = steal_ptr(at);
	return 0;
}

struct tree_node *layer_find(const struct tree *tree, const char *path)
{
	cleanup_free char *real = NULL;

	return follow(tree, path, true, &real) < 0 ? NULL : tree_get(tree, real);
}

struct tree_node *layer_entry(const struct tree *tree, const char *path)
{
	cleanup_free char *tidy = NULL, *real = NULL;

	if (layer_path(path, &tidy) < 0 || follow(tree, tidy, false, &real) < 0)
		return NULL;
	return tree_get(tree, real);
}

/* An entry's path in the tree, with the links on its way (but not at its end) followed. */
static int place_of(const struct layers *l, const char *name, char **ret, struct err **err)
{
	cleanup_free char *tidy = NULL;
	int r = name ? layer_path(name, &tidy) : -EINVAL;

	if (r == 0)
		r = follow(l->tree, tidy, false, ret);
	if (r < 0)
		return err_set(err, EBADMSG,
			       "it has a path that leads outside or is too long: %.200s",
			       name ? name : "?");
	return 0;
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return n == 0 || (strncmp(path, folder, n) == 0 && path[n] == '/');
}

/* Takes out what is below a folder; `of_layer`: all but what is of this layer. */
static void remove_below(struct layers *l, const char *folder, const char *of_layer)
{
	cleanup_free struct tree_node **nodes = tree_list(l->tree);

	for (size_t i = 0; nodes[i]; i++)
		if (is_below(nodes[i]->path, folder) && !str_eq(nodes[i]->owner, of_layer))
			tree_remove(l->tree, nodes[i]->path);
}

static void remove_all(struct layers *l, const char *path)
{
	const struct tree_node *node = tree_get(l->tree, path);

	if (node && S_ISDIR(node->mode))
		remove_below(l, path, NULL);
	tree_remove(l->tree, path);
}

/* Whether the entry says that something of a lower layer is gone. */
static bool take_whiteout(struct layers *l, const char *path, const char *owner)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	cleanup_free char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	cleanup_free char *gone = NULL;
	const struct tree_node *node;

	if (l->plain || !str_starts(name, WHITEOUT))
		return false;
	if (str_eq(name, OPAQUE)) {
		remove_below(l, folder, owner);
		return true;
	}
	gone = xasprintf("%s%s%s", folder, slash ? "/" : "", name + strlen(WHITEOUT));
	node = tree_get(l->tree, gone);
	if (node && !str_eq(node->owner, owner))
		remove_all(l, gone);
	return true;
}

static int fail(struct archive *a, struct err **err)
{
	const char *why = archive_error_string(a);

	return err_set(err, EBADMSG, "tar: %s", why ? why : "damaged");
}

static int unpack(struct layers *l, struct archive *a, const char *path, struct err **err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cleanup_free char *chunk = xmalloc(CHUNK);
	la_ssize_t n;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	while ((n = archive_read_data(a, chunk, CHUNK)) != 0) {
		int r;

		if (n < 0)
			return fail(a, err);
		l->bytes += (uint64_t)n;
		if (l->bytes > LAYER_BYTES_MAX)
			return err_set(err, EFBIG, "it is larger than an image may be");
		r = fd_write_all(fd, chunk, (size_t)n);
		if (r < 0)
			return err_set_errno(err, -r, "cannot unpack to %s", path);
	}
	return 0;
}

/* A further name of a file, which may be of a lower layer. */
static int fill_hard_link(struct layers *l, const char *target, struct tree_node *node,
			  struct err **err)
{
	cleanup_free char *path = NULL;
	const struct tree_node *first;
	int r = place_of(l, target, &path, err);

	if (r < 0)
		return r;
	first = tree_get(l->tree, path);
	if (!first || S_ISDIR(first->mode))
		return err_set(err, EBADMSG, "/%s is a hard link to %s, which is not there",
			       node->path, target);
	node->mode = first->mode;
	node->uid = first->uid;
	node->gid = first->gid;
	node->content = first->content ? xstrdup(first->content) : NULL;
	node->target = first->target ? xstrdup(first->target) : NULL;
	return 0;
}

static int fill(struct layers *l, struct archive *a, struct archive_entry *entry,
		struct tree_node *node, struct err **err)
{
	const char *link = archive_entry_hardlink(entry);

	if (link)
		return fill_hard_link(l, link, node, err);
	if (S_ISLNK(node->mode)) {
		link = archive_entry_symlink(entry);
		if (!link || !*link || strlen(link) >= TREE_PATH_MAX)
			return err_set(err, EBADMSG, "/%s is a link to nothing", node->path);
		node->target = xstrdup(link);
	} else if (S_ISREG(node->mode)) {
		if (node->mode & (S_ISUID | S_ISGID))
			l->setuid++;
		node->mode &= ~(mode_t)(S_ISUID | S_ISGID);
		node->content = workspace_temp(l->ws, "content");
		return unpack(l, a, node->content, err);
	}
	return 0;
}

/* A folder over a folder gives it its mode and owner; anything else takes the place of all there is. */
static void put(struct layers *l, struct tree_node node)
{
	const struct tree_node *there = tree_get(l->tree, node.path);

	if (there && S_ISDIR(there->mode) && !S_ISDIR(node.mode))
		remove_below(l, node.path, NULL);
	tree_put(l->tree, node);
}

static int take(struct layers *l, struct archive *a, struct archive_entry *entry, const char *owner,
		const char *detail, struct err **err)
{
	struct tree_node node = { .mode = archive_entry_mode(entry) & 0177777 };
	int r = place_of(l, archive_entry_pathname(entry), &node.path, err);
	bool link = archive_entry_hardlink(entry) != NULL;

	if (r < 0)
		return r;
	if (!*node.path || take_whiteout(l, node.path, owner)) {
		free(node.path);
		return 0;
	}
	if (!link && !S_ISREG(node.mode) && !S_ISDIR(node.mode) && !S_ISLNK(node.mode)) {
		l->devices++;
		free(node.path);
		return 0;
	}
	node.uid = (uint32_t)archive_entry_uid(entry);
	node.gid = (uint32_t)archive_entry_gid(entry);
	node.owner = xstrdup(owner);
	node.reason = REASON_LAYER;
	node.detail = xstrdup(detail);
	r = fill(l, a, entry, &node, err);
	if (r < 0)
		tree_node_finish(&node);
	else
		put(l, node);
	return r;
}

static int take_all(struct layers *l, struct archive *a, struct err **err)
{
	cleanup_free char *owner = xasprintf("layer %zu", l->n);
	cleanup_free char *detail =
		l->origin ? xasprintf("%s, %s", owner, l->origin) : xstrdup(owner);
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
		if (r < ARCHIVE_WARN || r == ARCHIVE_RETRY)
			return fail(a, err);
		if (++l->files > LAYER_FILES_MAX)
			return err_set(err, EFBIG, "it has more files than an image may have");
		r = take(l, a, entry, owner, detail, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void support(struct archive *a)
{
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_xz(a);
}

/* The bytes behind the compression, whatever they are. */
static int sum(struct archive *a, char *ret_hex, struct err **err)
{
	cleanup_free char *chunk = xmalloc(CHUNK);
	struct archive_entry *entry;
	struct sha256 digest;
	uint64_t bytes = 0;
	la_ssize_t n = 0;
	int r = archive_read_next_header(a, &entry);

	sha256_begin(&digest);
	while (r == ARCHIVE_OK && (n = archive_read_data(a, chunk, CHUNK)) > 0) {
		bytes += (uint64_t)n;
		if (bytes > LAYER_BYTES_MAX)
			return err_set(err, EFBIG, "it is larger than an image may be");
		sha256_add(&digest, chunk, (size_t)n);
	}
	if (n < 0 || (r != ARCHIVE_OK && r != ARCHIVE_EOF))
		return fail(a, err);
	sha256_end(&digest, ret_hex);
	return 0;
}

int layer_check(const char *path, const char *diff_id, struct err **err)
{
	struct archive *a = archive_read_new();
	char hex[SHA256_HEX + 1];
	int r;

	support(a);
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	if (archive_read_open_filename(a, path, CHUNK) != ARCHIVE_OK)
		r = fail(a, err);
	else
		r = sum(a, hex, err);
	archive_read_free(a);
	if (r == 0 && !str_eq(hex, diff_id))
		r = err_set(err, EBADMSG,
			    "damaged, or of another image: unpacked it has the digest %s, "
			    "and the image's config says %s",
			    hex, diff_id);
	return r;
}

int layer_apply(struct layers *l, const char *path, struct err **err)
{
	struct archive *a = archive_read_new();
	int r;

	l->n++;
	support(a);
	archive_read_support_format_tar(a);
	archive_read_support_format_empty(a);
	if (archive_read_open_filename(a, path, CHUNK) != ARCHIVE_OK)
		r = fail(a, err);
	else
		r = take_all(l, a, err);
	archive_read_free(a);
	return r;
}
