/* SPDX-License-Identifier: MIT */
#include "secrets.h"

#include <errno.h>

#include "content.h"
#include "mem.h"
#include "str.h"

static int kind_of(const struct tree_node *node, const char **ret, struct err **err)
{
	struct content c;
	int r;

	*ret = NULL;
	if (!S_ISREG(node->mode))
		return 0;
	r = content_map(node, &c, err);
	if (r < 0)
		return err_prefix(err, "/%s", node->path);
	if (c.len)
		*ret = secrets_kind(node->path, c.data, c.len);
	content_unmap(&c);
	return 0;
}

static bool is_allowed(char *const *allowed, const char *node, char ***used)
{
	cleanup_free char *path = xasprintf("/%s", node);

	if (!strv_has(allowed, path))
		return false;
	strv_take(used, steal_ptr(path));
	return true;
}

static void add(struct secrets *s, const struct tree_node *node, const char *kind)
{
	s->found = xreallocarray(s->found, s->n + 1, sizeof(*s->found));
	s->found[s->n++] = (struct secret){ .node = node, .kind = kind };
}

int secrets_find(const struct tree *tree, char *const *allowed, struct secrets *ret,
		 struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	cleanup_strv char **used = NULL;
	struct secrets s = { 0 };

	for (size_t i = 0; nodes[i]; i++) {
		const char *kind;
		int r = kind_of(nodes[i], &kind, err);

		if (r < 0) {
			secrets_finish(&s);
			return r;
		}
		if (kind && !is_allowed(allowed, nodes[i]->path, &used))
			add(&s, nodes[i], kind);
	}
	for (; allowed && *allowed && !s.unused; allowed++)
		s.unused = strv_has(used, *allowed) ? NULL : *allowed;
	*ret = s;
	return 0;
}

void secrets_finish(struct secrets *s)
{
	free(s->found);
	*s = (struct secrets){ 0 };
}

/* "package \"foo\"", or the line of the recipe that put it there. */
static char *owner_of(const struct recipe *recipe, const struct tree_node *node)
{
	for (size_t i = 0; i < recipe->n_files; i++) {
		const struct recipe_file *f = &recipe->files[i];
		cleanup_free char *path = NULL;

		if (tree_path(f->path, &path) == 0 && str_starts(node->path, path) &&
		    strchr("/", node->path[strlen(path)]) && str_eq(node->owner, "recipe"))
			return xasprintf("%s:%d:%d", recipe->file, f->line, f->column);
	}
	return xasprintf("package \"%s\"", node->owner);
}

static int complain(const struct recipe *recipe, const struct secrets *s, struct err **err)
{
	const struct secret *first = &s->found[0];
	cleanup_free char *owner = owner_of(recipe, first->node);
	cleanup_buf struct buf others = BUF_INIT;

	for (size_t i = 1; i < s->n; i++)
		buf_printf(&others, "%s/%s",
			   i > 1 ? ", " : "; also secret: ", s->found[i].node->path);
	buf_append(&others, "", 1);
	return err_set(err, EINVAL,
		       "%s: /%s is %s, and an image is for everybody who can read the store; leave "
		       "it out, and give it to the machine by \"secrets:\" in the federation's "
		       "file, or if everybody may have it, say \"allow-secrets: [/%s]\"%s",
		       owner, first->node->path, first->kind, first->node->path,
		       (char *)buf_bytes(&others));
}

/* What goes into the image's manifest, which as many can read. */
static int check_manifest(const struct recipe *recipe, struct err **err)
{
	const struct {
		const char *key;
		char *const *words;
	} parts[] = {
		{ "env", recipe->env },
		{ "run", recipe->argv },
		{ "prepare", recipe->prepare },
		{ "test", recipe->test },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *kind = secrets_in_words(parts[i].words);
		cleanup_free char *at = kind ? recipe_at(recipe, parts[i].key) : NULL;

		if (kind)
			return err_set(err, EINVAL,
				       "%s: it has %s, and an image is for everybody who can read "
				       "the store; leave it out, and give it to the machine by "
				       "\"secrets:\" in the federation's file",
				       at, kind);
	}
	return 0;
}

int secrets_check(const struct recipe *recipe, const struct tree *tree, struct err **err)
{
	cleanup_free char *at = recipe_at(recipe, "allow-secrets");
	struct secrets s;
	int r = check_manifest(recipe, err);

	if (r == 0)
		r = secrets_find(tree, recipe->allow_secrets, &s, err);
	if (r < 0)
		return r;
	if (s.n)
		r = complain(recipe, &s, err);
	else if (s.unused)
		r = err_set(err, EINVAL,
			    "%s: %s is not in the image, or nothing secret; leave it out", at,
			    s.unused);
	secrets_finish(&s);
	return r;
}
