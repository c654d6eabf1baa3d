/* SPDX-License-Identifier: MIT */
/* What a virtual machine boots, from the kernel's package or source; and the modules that the recipe wants. */
#include "build.h"

#include "drivers.h"
#include "fd.h"
#include "initramfs.h"
#include "mem.h"
#include "modules.h"
#include "recipe.h"
#include "str.h"
#include "tiny.h"

bool build_has_tiny(const struct build *s)
{
	return str_eq(s->kernel_name, KERNEL_TINY);
}

bool build_has_kernel(struct build *s)
{
	if (build_has_tiny(s))
		return tiny_is_made(&s->b->ws, s->b->store, &s->kernel_package);
	return kernel_is_cached(&s->b->ws, &s->kernel_package);
}

static int put_module(struct build *s, const char *path, struct err **err)
{
	cleanup_free char *source = xasprintf("%s/modules/%s", s->kernel.dir, path);
	cleanup_free char *target = xasprintf("usr/lib/modules/%s/%s", s->kernel.version, path);
	cleanup_free char *where =
		recipe_where(s->recipe, recipe_line(s->recipe, "modules"), "modules");
	cleanup_free char *content = NULL;
	int r = workspace_copy(&s->b->ws, source, &content, err);

	if (r < 0)
		return r;
	tree_because(tree_put_file(&s->tree, target, 0644, content, s->kernel_package.name, ""),
		     REASON_RECIPE, NULL, where);
	strv_take(&s->modules, xasprintf("/%s", target));
	return 0;
}

static int put_modules(struct build *s, struct err **err)
{
	cleanup_free char *dir = xasprintf("%s/modules", s->kernel.dir);
	cleanup_free char *at = recipe_at(s->recipe, "modules");
	cleanup_strv char **paths = NULL;
	struct modules *modules;
	int r = modules_open(dir, &modules, err);

	if (r < 0)
		return r;
	r = build_blame(s, modules_order(modules, s->recipe->modules, &paths, err));
	modules_close(modules);
	if (r < 0)
		return err_prefix(err, "%s", at);
	for (char **p = paths; p && *p && r == 0; p++)
		r = put_module(s, *p, err);
	return r;
}

static int open_kernel(struct build *s, struct err **err)
{
	struct builder *b = s->b;

	if (build_has_tiny(s))
		return tiny_open(&b->ws, b->store, &s->kernel_package, &s->progress, &s->kernel,
				 err);
	return kernel_open(&b->ws, &s->kernel_package, &s->kernel, err);
}

int build_add_kernel(struct build *s, struct err **err)
{
	cleanup_free char *what = xasprintf("kernel/%s", s->kernel_package.sha256);
	cleanup_fd int alone = -1;
	int r;

	if (!s->virtual)
		return 0;
	progress_stage(&s->progress, "preparing the kernel");
	r = builder_alone(s->b, what, &s->progress, &alone, err);
	if (r == 0)
		r = open_kernel(s, err);
	if (r == 0)
		s->vmlinuz = xasprintf("%s/vmlinuz", s->kernel.dir);
	if (r == 0 && s->init)
		r = initramfs_make(&s->b->ws, &s->kernel, s->init, s->recipe->n_volumes > 0,
				   &s->initramfs, err);
	if (r == 0 && s->init)
		r = drivers_make(&s->b->ws, &s->kernel, &s->drivers, err);
	if (r == 0 && s->recipe->modules)
		r = put_modules(s, err);
	return r;
}
