/* SPDX-License-Identifier: MIT */
#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

/* Of a file of the workspace. The bytes are one longer than the file, which makes them strings. */
static int kind_of(const struct tree_node *node, const char **ret, struct err **err)
{
	cleanup_fd int fd = -1;
	struct stat st;
	size_t room;
	char *data;

	*ret = NULL;
	if (!S_ISREG(node->mode) || !node->content)
		return 0;
	fd = open(node->content, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "/%s", node->path);
	if (!st.st_size)
		return 0;
	/* Anonymous memory below, of which the file covers all but what follows its end. */
	room = (size_t)st.st_size + 1;
	data = mmap(NULL, room, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED ||
	    mmap(data, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		return err_set_errno(err, errno, "/%s", node->path);
	*ret = secrets_kind(node->path, data, (size_t)st.st_size);
	munmap(data, room);
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

		if (tree_path(f->path, &path) == 0 && str_eq(path, node->path))
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

int secrets_check(const struct recipe *recipe, const struct tree *tree, struct err **err)
{
	struct secrets s;
	int r = secrets_find(tree, recipe->allow_secrets, &s, err);

	if (r < 0)
		return r;
	if (s.n)
		r = complain(recipe, &s, err);
	else if (s.unused)
		r = err_set(err, EINVAL,
			    "%s:%d: allow-secrets: %s is not in the image, or nothing secret; "
			    "leave it out",
			    recipe->file, recipe_line(recipe, "allow-secrets"), s.unused);
	secrets_finish(&s);
	return r;
}
