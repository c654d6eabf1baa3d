/* SPDX-License-Identifier: MIT */
#include "bom.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "content.h"
#include "licence.h"
#include "mem.h"
#include "parallel.h"
#include "sha256.h"
#include "str.h"

#define COPYRIGHT_MAX (4 << 20)
#define CHUNK         (1 << 16) /* that a processor's cache holds for the second sum */

static int sum_file(struct bom_file *f, struct err **err)
{
	unsigned char digest[SHA_DIGEST_LENGTH];
	struct sha256 sha256;
	struct content c;
	SHA_CTX sha1;
	int r = content_map(f->node, &c, err);

	if (r < 0)
		return err_prefix(err, "/%s", f->node->path);
	SHA1_Init(&sha1);
	sha256_begin(&sha256);
	for (size_t at = 0, n; at < c.len; at += n) {
		n = c.len - at < CHUNK ? c.len - at : CHUNK;
		SHA1_Update(&sha1, c.data + at, n);
		sha256_add(&sha256, c.data + at, n);
	}
	content_unmap(&c);
	SHA1_Final(digest, &sha1);
	sodium_bin2hex(f->sha1, sizeof(f->sha1), digest, sizeof(digest));
	sha256_end(&sha256, f->sha256);
	return 0;
}

static struct bom_package *owner_of(struct bom *bom, const char *name)
{
	for (size_t i = 0; i < bom->n; i++)
		if (str_eq(bom->packages[i].package->name, name))
			return &bom->packages[i];
	return &bom->own;
}

static int handle_sum(size_t i, void *data, struct err **err)
{
	return sum_file((struct bom_file *)data + i, err);
}

static void add_file(struct bom *bom, const struct bom_file *f)
{
	struct bom_package *p = owner_of(bom, f->node->owner);

	p->files = xreallocarray(p->files, p->n + 1, sizeof(*p->files));
	p->files[p->n++] = *f;
}

static int add_files(struct bom *bom, const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	cleanup_free struct bom_file *files = xcalloc(tree->n + 1, sizeof(*files));
	size_t n = 0;
	int r;

	for (size_t i = 0; nodes[i]; i++)
		if (S_ISREG(nodes[i]->mode))
			files[n++].node = nodes[i];
	r = parallel(n, handle_sum, files, err);
	for (size_t i = 0; i < n && r == 0; i++)
		add_file(bom, &files[i]);
	return r;
}

/* The package's documentation may be a link to another one's. */
static const struct tree_node *find_copyright(const struct tree *tree, const char *name)
{
	cleanup_free char *folder = xasprintf("usr/share/doc/%s", name), *path = NULL;
	const struct tree_node *node = tree_get(tree, folder);
	const char *target = name;

	if (node && S_ISLNK(node->mode))
		target = strrchr(node->target, '/') ? strrchr(node->target, '/') + 1 : node->target;
	path = xasprintf("usr/share/doc/%s/copyright", target);
	node = tree_get(tree, path);
	if (node && S_ISLNK(node->mode) && str_starts(node->target, "../")) {
		free(path);
		path = xasprintf("usr/share/doc/%s", node->target + 3);
		node = tree_get(tree, path);
	}
	return node && S_ISREG(node->mode) && node->content ? node : NULL;
}

static char *read_licence(const struct tree *tree, const char *name)
{
	const struct tree_node *node = find_copyright(tree, name);
	cleanup_buf struct buf text = BUF_INIT;

	if (!node || content_read(node, COPYRIGHT_MAX, &text, NULL) < 0)
		return NULL;
	buf_append(&text, "", 1);
	return licence_expression((char *)buf_bytes(&text));
}

static int compare_packages(const void *a, const void *b)
{
	const struct bom_package *x = a, *y = b;

	return strcmp(x->package->name, y->package->name);
}

/* Those of which nothing is there go out; the kernel is beside the root file system. */
static void drop_absent(struct bom *bom, const struct package *kernel)
{
	size_t kept = 0;

	for (size_t i = 0; i < bom->n; i++)
		if (bom->packages[i].n || bom->packages[i].package == kernel)
			bom->packages[kept++] = bom->packages[i];
	bom->n = kept;
	qsort(bom->packages, bom->n, sizeof(*bom->packages), compare_packages);
}

int bom_make(const struct tree *tree, const struct package_list *packages,
	     const struct package *kernel, struct bom *ret, struct err **err)
{
	struct bom bom = { .packages = xcalloc(packages->n + 1, sizeof(*bom.packages)) };
	int r;

	for (size_t i = 0; i < packages->n; i++)
		bom.packages[bom.n++].package = &packages->items[i];
	if (kernel && kernel->name && !package_list_find(packages, kernel->name))
		bom.packages[bom.n++].package = kernel;
	r = add_files(&bom, tree, err);
	drop_absent(&bom, kernel);
	for (size_t i = 0; i < bom.n; i++)
		bom.packages[i].licence = read_licence(tree, bom.packages[i].package->name);
	if (r < 0)
		bom_finish(&bom);
	else
		*ret = bom;
	return r;
}

void bom_finish(struct bom *bom)
{
	for (size_t i = 0; i < bom->n; i++) {
		free(bom->packages[i].licence);
		free(bom->packages[i].files);
	}
	free(bom->packages);
	free(bom->own.files);
	*bom = (struct bom){ 0 };
}

static void add_encoded(const char *s, struct buf *out)
{
	for (; *s; s++) {
		bool plain = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9') || strchr("-._~", *s);

		buf_printf(out, plain ? "%c" : "%%%02X", (unsigned char)*s);
	}
}

char *bom_purl(const struct bom *bom, const char *name, const char *version, const char *arch)
{
	const char *base = bom->base ? bom->base : "debian";
	const char *slash = strrchr(base, '/');
	struct buf out = BUF_INIT;

	buf_printf(&out, "pkg:deb/%.*s/", (int)strcspn(base, "/"), base);
	add_encoded(name, &out);
	buf_append_str(&out, "@");
	add_encoded(version, &out);
	buf_printf(&out, "?arch=%s", arch);
	if (slash)
		buf_printf(&out, "&distro=%s", slash + 1);
	return buf_steal_str(&out);
}

const char *bom_source(const struct package *p)
{
	return p->source ? p->source : p->name;
}

const char *bom_source_version(const struct package *p)
{
	return p->source_version ? p->source_version : p->version;
}

json_t *bom_path(const char *prefix, const char *path)
{
	cleanup_free char *full = xasprintf("%s%s", prefix, path);
	cleanup_buf struct buf out = BUF_INIT;
	json_t *o = json_string(full);

	if (o)
		return o;
	buf_append_str(&out, prefix);
	for (; *path; path++)
		buf_printf(&out, (signed char)*path > 0 ? "%c" : "%%%02X", (unsigned char)*path);
	return json_stringn((char *)buf_bytes(&out), out.len);
}

void bom_dump(json_t *o, struct buf *out)
{
	cleanup_free char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);

	buf_append_str(out, text);
	buf_append_str(out, "\n");
}
