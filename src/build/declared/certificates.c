/* SPDX-License-Identifier: MIT */
#include "certificates.h"

#include <fnmatch.h>

#include "content.h"
#include "keystore.h"
#include "mem.h"
#include "str.h"

#define BUNDLE  "etc/ssl/certs/ca-certificates.crt"
#define STORE   "etc/ssl/certs/java/cacerts"
#define RUNTIME "usr/lib/jvm/*/security/cacerts" /* a link to the store */
/* OpenSSL looks there; Debian has a folder of hash links instead, made by a script. */
#define OPENSSL "usr/lib/ssl/cert.pem"
#define MAX     (1 << 20) /* of one certificate file */

/* The packages', then those of who administers a computer: here, the recipe's. */
static const char *const folders[] = { "usr/share/ca-certificates/",
				       "usr/local/share/ca-certificates/" };

struct work {
	struct workspace *ws;
	struct tree *tree;
	struct buf bundle;
	struct keystore store;
	const struct tree_node *first; /* of the certificates; NULL: there is none */
	bool java;
};

static int add(struct work *w, const struct tree_node *node, struct err **err)
{
	cleanup_buf struct buf pem = BUF_INIT;
	int r = content_read(node, MAX, &pem, err);

	if (r < 0 || !pem.len)
		return r;
	if (!w->first)
		w->first = node;
	buf_append(&w->bundle, buf_bytes(&pem), pem.len);
	if (buf_bytes(&pem)[pem.len - 1] != '\n')
		buf_append_str(&w->bundle, "\n");
	return w->java ? keystore_add(&w->store, node->path, buf_bytes(&pem), pem.len, err) : 0;
}

static int add_all(struct work *w, const char *folder, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(w->tree);
	int r = 0;

	for (size_t i = 0; nodes[i] && r == 0; i++) {
		if (!str_starts(nodes[i]->path, folder) || !str_ends(nodes[i]->path, ".crt") ||
		    !S_ISREG(nodes[i]->mode) || !nodes[i]->content)
			continue;
		r = add(w, nodes[i], err);
		if (r < 0)
			err_prefix(err, "/%s of %s", nodes[i]->path, nodes[i]->owner);
	}
	return r;
}

static bool has_java(const struct tree *tree)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);

	for (size_t i = 0; nodes[i]; i++)
		if (S_ISLNK(nodes[i]->mode) && str_eq(nodes[i]->target, "/" STORE) &&
		    fnmatch(RUNTIME, nodes[i]->path, 0) == 0)
			return true;
	return false;
}

static int put(struct work *w, const char *path, const struct buf *bytes, struct err **err)
{
	cleanup_free char *content = NULL;
	int r;

	if (tree_get(w->tree, path))
		return 0;
	r = workspace_write(w->ws, buf_bytes(bytes), bytes->len, &content, err);
	if (r == 0)
		tree_because(tree_put_file(w->tree, path, 0644, content, w->first->owner, ""),
			     REASON_MADE, w->first->path, "atoll-build");
	return r;
}

static int put_all(struct work *w, struct err **err)
{
	cleanup_buf struct buf store = BUF_INIT;
	int r = put(w, BUNDLE, &w->bundle, err);

	if (r == 0 && w->java) {
		keystore_write(&w->store, &store);
		r = put(w, STORE, &store, err);
	}
	if (r == 0 && !tree_get(w->tree, OPENSSL))
		tree_put_link(w->tree, OPENSSL, "/" BUNDLE, w->first->owner, "standard link");
	return r;
}

int certificates_make(struct workspace *ws, struct tree *tree, struct err **err)
{
	struct work w = { .ws = ws, .tree = tree, .java = has_java(tree) };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++)
		r = add_all(&w, folders[i], err);
	if (r == 0 && w.first)
		r = put_all(&w, err);
	buf_free(&w.bundle);
	keystore_finish(&w.store);
	return r;
}
