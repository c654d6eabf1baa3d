/* SPDX-License-Identifier: MIT */
/* The digest over all that decides about the result: an image that has it is what a build would make. */
#include "build.h"

#include "files.h"
#include "fd.h"
#include "mem.h"
#include "package.h"
#include "programs.h"
#include "recipe.h"
#include "tiny.h"

#define FORMAT     "2" /* of the key */
#define RECIPE_MAX (1 << 20)

static int add_programs(struct build *s, struct sha256 *key, struct err **err)
{
	cleanup_free char *at = recipe_at(s->recipe, "programs");
	char hex[SHA256_HEX + 1];
	int r;

	for (char **p = s->recipe->programs; p && *p; p++) {
		cleanup_free char *path = NULL;

		r = program_find(*p, s->arch, &path, err);
		if (r < 0)
			return err_prefix(err, "%s", at);
	}
	if (!s->init)
		return 0;
	r = sha256_file(s->init, hex, err);
	if (r == 0)
		sha256_add_str(key, hex);
	return r;
}

/* What is said of an image is from the lock or index, so the same file by another name is another build. */
static void add_package(struct sha256 *key, const struct package *p)
{
	if (!p->name)
		return;
	sha256_add_str(key, p->name);
	sha256_add_str(key, p->version);
	sha256_add_str(key, p->sha256);
	sha256_add_str(key, p->source);
}

int build_make_key(struct build *s, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct sha256 key;
	int r = file_read(s->recipe->file, RECIPE_MAX, &text, err);

	if (r < 0)
		return r;
	sha256_begin(&key);
	sha256_add_str(&key, FORMAT);
	sha256_add_str(&key, s->b->self);
	sha256_add_str(&key, s->arch);
	sha256_add(&key, &text.len, sizeof(text.len));
	sha256_add(&key, buf_bytes(&text), text.len);
	for (size_t i = 0; i < s->packages.n; i++)
		add_package(&key, &s->packages.items[i]);
	add_package(&key, &s->users);
	add_package(&key, &s->kernel_package);
	if (s->virtual && build_has_tiny(s))
		r = tiny_key(&s->kernel_package, &key, err);
	if (r == 0)
		r = add_programs(s, &key, err);
	if (r == 0)
		r = build_blame(s, files_digest(s->recipe, &key, err));
	if (r == 0)
		sha256_end(&key, s->key);
	return r;
}
