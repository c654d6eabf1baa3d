/* SPDX-License-Identifier: MIT */
#include "selection.h"

#include <errno.h>

#include "fd.h"
#include "kernel.h"
#include "log.h"
#include "mem.h"
#include "names.h"
#include "str.h"

#define USERS_PACKAGE "base-passwd"

static int load_universe(struct builder *b, const struct source_list *sources, const char *arch,
			 struct progress *progress, struct err **err)
{
	cleanup_fd int alone = -1;
	struct index index;
	int r = builder_alone(b, "index", progress, &alone, err);

	if (r < 0)
		return r;
	r = index_load(&b->ws, b->apt_dir, sources, arch, &b->since, progress_bytes, progress,
		       &index, err);

	if (r < 0)
		return r;
	progress_clear(progress);
	for (char **note = index.notes; note && *note; note++)
		log_warn("%s: %s", progress->name, *note);
	progress_stage(progress, "reading the index");
	r = universe_open(&b->ws, &index, arch, &b->universe, err);
	index_finish(&index);
	return r;
}

/* Recipes of one base share what was loaded for the first of them. */
int selection_open_universe(struct builder *b, const char *base, const char *arch,
			    struct progress *progress, struct err **err)
{
	cleanup_free char *name = xasprintf("%s %s", base, arch);
	struct source_list sources;
	int r;

	if (str_eq(name, b->universe_of))
		return 0;
	universe_close(steal_ptr(b->universe));
	free(steal_ptr(b->universe_of));
	r = sources_read(b->apt_dir, base, arch, &sources, err);
	if (r < 0)
		return r;
	r = load_universe(b, &sources, arch, progress, err);
	sources_finish(&sources);
	if (r == 0)
		b->universe_of = steal_ptr(name);
	return r;
}

const char *selection_arch(const struct builder *b, const struct recipe *recipe, struct err **err)
{
	const char *arch = b->arch ? b->arch : recipe->arch ? recipe->arch : arch_host();
	cleanup_free char *known = NULL;

	for (size_t i = 0; arch_names[i]; i++)
		if (str_eq(arch_names[i], arch))
			return arch;
	known = strv_join((char *const *)(uintptr_t)arch_names, ", ");
	err_set(err, EINVAL, "%s: Atoll does not build for the architecture \"%s\", but for %s",
		recipe->name, arch, known);
	return NULL;
}

/* Only light machines (and bare ones, which have a system of their own) go without a kernel. */
bool selection_is_virtual(const struct recipe *recipe)
{
	char **kind = recipe->needs_kinds;

	if (!kind || !*kind || recipe->modules)
		return true;
	for (; *kind; kind++)
		if (!str_eq(*kind, "light") && !str_eq(*kind, "bare"))
			return true;
	return false;
}

static int resolve(struct builder *b, const struct recipe *recipe, const char *arch,
		   struct lock *lock, bool *ret_mistake, struct err **err)
{
	cleanup_free char *at = recipe_at(recipe, "packages");
	struct universe *u = b->universe;
	int r = universe_resolve(u, recipe->packages, &lock->packages, err);

	if (r < 0) {
		*ret_mistake = r == -ENOENT || r == -EINVAL;
		return err_prefix(err, "%s", at);
	}
	r = universe_find(u, USERS_PACKAGE, &lock->users, err);
	if (r == 0 && selection_is_virtual(recipe)) {
		r = kernel_resolve(u, kernel_wanted(recipe), arch, &lock->kernel, err);
		*ret_mistake = r == -ENOENT;
	}
	return r;
}

int selection_resolve(struct builder *b, const struct recipe *recipe, const char *arch,
		      struct progress *progress, struct lock *ret, bool *ret_mistake,
		      struct err **err)
{
	struct lock lock = { 0 };
	cleanup_free char *at = recipe_at(recipe, "base");
	int r = selection_open_universe(b, recipe->base, arch, progress, err);

	*ret_mistake = r == -EINVAL;
	if (r == -EINVAL || r == -ENOENT)
		return err_prefix(err, "%s", at);
	if (r < 0)
		return r;
	progress_stage(progress, "resolving");
	lock.arch = xstrdup(arch);
	lock.base = xstrdup(recipe->base);
	lock.asked = lock_asked(recipe);
	r = resolve(b, recipe, arch, &lock, ret_mistake, err);
	if (r < 0)
		lock_finish(&lock);
	else
		*ret = lock;
	return r;
}

static int take_lock(struct builder *b, const struct recipe *recipe, struct lock *lock,
		     bool *ret_mistake, struct err **err)
{
	bool with_kernel = selection_is_virtual(recipe);
	struct source_list sources;
	int r = lock_check(lock, recipe, with_kernel, err);

	if (r < 0) {
		*ret_mistake = true;
		return r;
	}
	r = sources_read(b->apt_dir, recipe->base, lock->arch, &sources, err);
	if (r < 0)
		return r;
	lock_set_urls(lock, &sources, &b->ws);
	sources_finish(&sources);
	if (!with_kernel)
		package_finish(&lock->kernel);
	return 0;
}

int selection_choose(struct builder *b, const struct recipe *recipe, const char *arch,
		     struct progress *progress, struct lock *ret, bool *ret_locked,
		     bool *ret_mistake, struct err **err)
{
	cleanup_free char *path = lock_path(recipe->file);
	struct lock_file file;
	struct lock *lock;
	int r = lock_file_read(path, &file, err);

	*ret_locked = false;
	*ret_mistake = r == -EBADMSG;
	if (r < 0)
		return r;
	lock = lock_file_find(&file, arch);
	if (!lock && file.n) {
		*ret_mistake = true;
		r = err_set(err, EINVAL,
			    "%s: it locks nothing for %s; 'atoll update --arch %s %s' adds that",
			    path, arch, arch, recipe->file);
	} else if (lock) {
		r = take_lock(b, recipe, lock, ret_mistake, err);
		if (r == 0) {
			*ret = *lock;
			*lock = (struct lock){ 0 };
			*ret_locked = true;
		}
	} else {
		r = selection_resolve(b, recipe, arch, progress, ret, ret_mistake, err);
	}
	lock_file_finish(&file);
	return r;
}
