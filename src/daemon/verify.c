/* SPDX-License-Identifier: MIT */
/* Owns what is known of blobs: a verdict, and the file that it is about. */
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "children.h"
#include "daemon.h"
#include "fd.h"
#include "mem.h"
#include "paths.h"
#include "signature.h"
#include "str.h"
#include "verity.h"

#define WORDS_MAX 1024 /* bytes of what a child says */

struct blob {
	struct blob *next; /* in verifier->blobs, which owns it */
	struct verifier *verifier;
	char digest[DIGEST_LEN + 1];
	char root[VERITY_HEX + 1]; /* of a root file system, as its manifest says; else "" */
	uint64_t offset;
	struct stat file; /* as it was when the reading began */
	pid_t child;      /* 0: read */
	int output;       /* what the child says; -1 without one */
	bool whole;
	char *fault; /* not whole: why */
};

struct verifier {
	struct daemon *daemon;
	struct blob *blobs;
};

struct verifier *verifier_create(struct daemon *d)
{
	struct verifier *v = xcalloc(1, sizeof(*v));

	v->daemon = d;
	return v;
}

void verifier_destroy(struct verifier *v)
{
	while (v && v->blobs) {
		struct blob *b = v->blobs;

		v->blobs = b->next;
		if (b->child)
			children_forget(v->daemon->children, b->child);
		fd_close(&b->output);
		free(b->fault);
		free(b);
	}
	free(v);
}

/* One file may be asked about with several root hashes: each is a question of its own. */
static struct blob *blob_of(struct verifier *v, const char *digest, const struct verity *verity)
{
	struct blob *b;

	for (b = v->blobs; b; b = b->next)
		if (str_eq(b->digest, digest) && str_eq(b->root, verity->root) &&
		    b->offset == verity->offset)
			return b;
	b = xcalloc(1, sizeof(*b));
	b->verifier = v;
	b->output = -1;
	snprintf(b->digest, sizeof(b->digest), "%s", digest);
	snprintf(b->root, sizeof(b->root), "%s", verity->root);
	b->offset = verity->offset;
	b->next = v->blobs;
	v->blobs = b;
	return b;
}

/* The same file with the same content, as far as the file system tells. */
static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) == 0 &&
	       memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) == 0;
}

static void handle_read(pid_t pid, int status, void *data)
{
	struct blob *b = data;
	char text[WORDS_MAX] = "";
	ssize_t n = pread(b->output, text, sizeof(text) - 1, 0);

	(void)pid;
	b->child = 0;
	fd_close(&b->output);
	b->whole = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (!b->whole) {
		text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
		b->fault = *text ? xstrdup(text)
				 : xasprintf("blob %s was not read: %s", b->digest,
					     child_status(status));
	}
	daemon_kick(b->verifier->daemon);
}

static int begin(struct blob *b, const struct store_blob *blob, struct err **err)
{
	struct daemon *d = b->verifier->daemon;
	cleanup_free char *program = paths_program("atolld");
	cleanup_free char *size = xasprintf("%llu", (unsigned long long)blob->size);
	cleanup_free char *offset = xasprintf("%llu", (unsigned long long)b->offset);
	char option[] = "--verify";
	char *argv[] = { program, option, d->store, b->digest, size, b->root, offset, NULL };

	b->whole = false;
	free(steal_ptr(b->fault));
	b->output = memfd_create("verify", MFD_CLOEXEC);
	if (b->output < 0)
		return err_set_errno(err, errno, "verifying blob %s", b->digest);
	return children_spawn(d->children, argv, -1, b->output, handle_read, b, &b->child, err);
}

static int ask(struct verifier *v, const struct store_blob *blob, const struct verity *verity,
	       struct err **err)
{
	struct blob *b = blob_of(v, blob->digest, verity);
	struct stat now = { 0 };
	int r;

	if (b->child)
		return 0;
	if (stat(blob->path, &now) < 0)
		return err_set_errno(err, errno, "%s", blob->path);
	if (same_file(&now, &b->file) && (b->whole || b->fault))
		return b->whole ? 1 : err_set(err, EBADMSG, "%s", b->fault);
	b->file = now;
	r = begin(b, blob, err);
	if (r < 0)
		fd_close(&b->output);
	return r;
}

/* The keys are read each time: trusting one, or no longer, counts from the next start on. */
static int check_signature(struct daemon *d, const struct store_image *image, struct err **err)
{
	cleanup_free char *folder = trusted_keys_folder();
	const struct trusted_key *key;
	struct trusted_keys keys;
	struct store *store;
	int r = trusted_keys_read(folder, &keys, err);

	if (r < 0)
		return err_prefix(err, "the trusted keys");
	if (keys.n) {
		r = store_open(d->store, &store, err);
		if (r == 0) {
			r = signature_check(store, image, &keys, &key, err);
			store_close(store);
		}
	}
	trusted_keys_finish(&keys);
	return r;
}

int verifier_ask(struct verifier *v, const struct store_image *image,
		 const struct store_blob *kernel, struct err **err)
{
	const struct store_blob *const blobs[] = { &image->rootfs, &image->kernel, &image->vmlinux,
						   &image->initramfs };
	struct verity verity = { 0 }, none = { 0 };
	int all = 1, signature = check_signature(v->daemon, image, err);

	if (signature < 0)
		return signature;
	if (image->appliance->verity) {
		snprintf(verity.root, sizeof(verity.root), "%s", image->appliance->verity);
		verity.offset = image->appliance->verity_offset;
	}
	for (size_t i = 0; i < (kernel ? ARRAY_SIZE(blobs) : 1); i++) {
		int r = *blobs[i]->digest ? ask(v, blobs[i], i ? &none : &verity, err) : 1;

		if (r < 0)
			return err_prefix(err, "appliance \"%s\"", image->name);
		all &= r;
	}
	return all;
}

/*
 * The digest has said that the file is what its builder made, tree included; that it is the tree of the
 * manifest's root hash is told by its top.
 */
static int verify_root(const char *path, const char *root, const char *offset, struct err **err)
{
	struct verity v;

	if (!*root)
		return 0;
	snprintf(v.root, sizeof(v.root), "%s", root);
	if (str_to_u64(offset, UINT64_MAX, &v.offset) < 0)
		return err_set(err, EINVAL, "\"%s\" is not an offset", offset);
	return verity_check_top(path, &v, err);
}

int verify_main(char *const *words)
{
	cleanup_free char *path =
		xasprintf("%s/blobs/sha256/%s", words[0], oci_digest_hex(words[1]));
	struct store_blob blob = { 0 };
	cleanup_err struct err *err = NULL;
	struct store *store;
	int r = store_open(words[0], &store, &err);

	snprintf(blob.digest, sizeof(blob.digest), "%s", words[1]);
	if (r == 0 && str_to_u64(words[2], UINT64_MAX, &blob.size) < 0)
		r = err_set(&err, EINVAL, "\"%s\" is not a size", words[2]);
	if (r == 0) {
		r = store_verify_blob(store, &blob, &err);
		store_close(store);
	}
	if (r == 0)
		r = verify_root(path, words[3], words[4], &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err_msg(err));
	return r < 0 ? 1 : 0;
}
