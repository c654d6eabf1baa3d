/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. A build is a row of stages, each in a file of its own, each with a result
 * that the next takes:
 *
 *	recipe ─ sources ─ index ─ resolve ─ fetch ─ unpack ─ declare ─ files ─ keep ─ filesystem ─ trial ─ pack
 *	         apt conf.  Packages packages  .deb    tree     tree      tree    tree   erofs               image
 *
 * After `resolve` everything that decides about the result is known, and a digest over it is the
 * build's key; an image of that key in the store ends the build there. What a stage is given and what it
 * leaves is in struct build (build.h); here is their order, and those that are short.
 */
#include "build.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "accounts.h"
#include "caches.h"
#include "certificates.h"
#include "check.h"
#include "closure.h"
#include "content.h"
#include "declare.h"
#include "files.h"
#include "filesystem.h"
#include "java_link.h"
#include "keep.h"
#include "kernel.h"
#include "ldcache.h"
#include "locales.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "origins.h"
#include "owners.h"
#include "pack.h"
#include "parallel.h"
#include "paths.h"
#include "programs.h"
#include "progress.h"
#include "secrets.h"
#include "selection.h"
#include "setuid.h"
#include "signature.h"
#include "str.h"
#include "trial.h"
#include "unpack.h"
#include "verity.h"

#define USERS_FILE  "usr/share/base-passwd/passwd.master"
#define GROUPS_FILE "usr/share/base-passwd/group.master"
#define MASTER_MAX  (1 << 20)

static void finish_build(struct build *s)
{
	progress_finish(&s->progress);
	package_list_finish(&s->packages);
	package_finish(&s->users);
	package_finish(&s->kernel_package);
	tree_finish(&s->tree);
	tree_finish(&s->left);
	accounts_finish(&s->accounts);
	runtime_finish(&s->runtime);
	kernel_finish(&s->kernel);
	free(s->init);
	free(s->vmlinuz);
	free(s->initramfs);
	free(s->drivers);
	strv_free(s->modules);
	free(s->rootfs);
	origins_finish(&s->origins);
	store_image_free(s->image);
}

int builder_open(struct builder *b, struct err **err)
{
	cleanup_free char *cache = paths_in_state("cache");
	cleanup_free char *store = paths_in_state("store");
	char hex[SHA256_HEX + 1];
	int r = workspace_open(cache, &b->ws, err);

	if (r < 0)
		return r;
	r = store_open(store, &b->store, err);
	if (r == 0)
		r = sha256_file("/proc/self/exe", hex, err);
	if (r < 0) {
		builder_close(b);
		return r;
	}
	b->self = xstrdup(hex);
	return 0;
}

void builder_close(struct builder *b)
{
	universe_close(b->universe);
	free(b->universe_of);
	free(b->self);
	if (b->store)
		store_close(b->store);
	workspace_close(&b->ws);
}

int builder_alone(struct builder *b, const char *what, struct progress *progress, int *ret_fd,
		  struct err **err)
{
	if (workspace_alone(&b->ws, what, false, ret_fd, NULL) == 0)
		return 0;
	progress_stage(progress, "waiting for another build");
	return workspace_alone(&b->ws, what, true, ret_fd, err);
}

/* A fault of the recipe or of what it asks for, not of this machine or the network. */
static bool is_mistake(int r)
{
	return r == -ENOENT || r == -EINVAL || r == -EEXIST || r == -ENOTDIR;
}

void build_say(struct build *s, char *const *notes)
{
	progress_clear(&s->progress);
	for (; notes && *notes; notes++)
		log_warn("%s: %s", s->recipe->name, *notes);
}

static int resolve(struct build *s, struct err **err)
{
	struct lock lock;
	int r = selection_choose(s->b, s->recipe, s->arch, &s->progress, &lock, &s->locked,
				 s->mistake, err);

	if (r < 0)
		return r;
	s->packages = lock.packages;
	s->users = lock.users;
	s->kernel_package = lock.kernel;
	lock.packages = (struct package_list){ 0 };
	lock.users = lock.kernel = (struct package){ 0 };
	lock_finish(&lock);
	return 0;
}

int build_blame(struct build *s, int r)
{
	*s->mistake = r < 0 && is_mistake(r);
	return r;
}

/* Our program inside virtual machines; on another architecture the image goes without it. */
static int find_init(struct build *s, struct err **err)
{
	cleanup_err struct err *own = NULL;
	int r = s->virtual ? program_find(PROGRAM_INIT, s->arch, &s->init, &own) : 0;

	if (r == -ENOEXEC) {
		progress_clear(&s->progress);
		log_warn("%s: %s; the image gets no initramfs and no machine can run it: build "
			 "Atoll where there is a cross compiler for %s",
			 s->recipe->name, err_msg(own), s->arch);
		return 0;
	}
	return r < 0 ? err_set(err, -r, "%s", err_msg(own)) : 0;
}

static int read_master(struct build *s, const char *path, struct buf *out, struct err **err)
{
	const struct unpacked *u = s->users.unpacked;
	const struct unpacked_entry *e = unpacked_find(u, path);
	int r;

	if (!e || !S_ISREG(e->mode))
		return err_set(err, ENOENT, "package \"%s\": /%s is not in it", s->users.name,
			       path);
	r = content_read(&(struct tree_node){ .content = u->file,
					      .content_at = e->at,
					      .content_len = e->len },
			 MASTER_MAX, out, err);
	buf_append(out, "", 1);
	return r;
}

static int load_accounts(struct build *s, struct err **err)
{
	cleanup_buf struct buf users = BUF_INIT, groups = BUF_INIT;
	int r = read_master(s, USERS_FILE, &users, err);

	if (r == 0)
		r = read_master(s, GROUPS_FILE, &groups, err);
	if (r == 0)
		r = accounts_read((char *)buf_bytes(&users), (char *)buf_bytes(&groups),
				  &s->accounts, err);
	if (r == 0)
		r = build_blame(s, accounts_add(&s->accounts, s->recipe, err));
	return r;
}

/* All that could be in the image. */
static int make_tree(struct build *s, struct err **err)
{
	struct workspace *ws = &s->b->ws;
	int r = build_blame(s, unpack_packages(&s->packages, &s->tree, err));

	if (r < 0)
		return r;
	keep_packages(s->recipe, &s->tree, &s->left);
	r = load_accounts(s, err);
	if (r == 0)
		r = build_blame(s, declare_system(ws, s->recipe, &s->packages, &s->accounts,
						  &s->tree, err));
	if (r == 0)
		r = build_blame(s, files_put(ws, s->recipe, &s->accounts, &s->tree, err));
	if (r == 0)
		r = build_blame(s, certificates_make(ws, &s->tree, err));
	if (r == 0)
		r = build_blame(s, locales_make(ws, s->recipe, &s->tree, err));
	if (r == 0)
		r = build_blame(
			s, runtime_declare(&s->packages, &s->accounts, &s->tree, &s->runtime, err));
	if (r < 0)
		return r;
	owners_apply(&s->packages, &s->accounts, &s->tree);
	caches_declare(&s->tree);
	return 0;
}

static int link_java(struct build *s, struct err **err)
{
	cleanup_free char *init = NULL;
	struct trial t;
	int r;

	if (!java_is_to_link(&s->tree, &s->left))
		return 0;
	progress_stage(&s->progress, "linking Java's modules");
	r = build_trial(s, &t, &init, err);
	return r < 0 ? r : java_link(&t, &s->tree, &s->left, err);
}

/* What of that the appliance needs. */
static int keep(struct build *s, struct err **err)
{
	cleanup_strv char **notes = NULL;
	int r = 0;

	progress_stage(&s->progress, "looking what is needed");
	if (!recipe_keeps(s->recipe, "packages")) {
		r = build_blame(s, closure_keep(s->recipe, &s->packages, s->b->universe, s->arch,
						&s->tree, &s->left, &notes, err));
		if (r == 0)
			r = link_java(s, err);
	}
	if (r == 0)
		r = caches_make(&s->b->ws, &s->tree, &s->left, &notes, err);
	if (r == 0)
		r = build_blame(s, check_scripts(s->recipe, &s->packages, &s->accounts, &s->tree,
						 &s->left, &notes, err));
	runtime_notes(&s->runtime, &s->tree, &notes);
	build_say(s, notes);
	if (r == 0)
		r = ldcache_put(&s->b->ws, s->arch, &s->tree, err);
	return r;
}

static int check(struct build *s, struct err **err)
{
	cleanup_strv char **notes = NULL;
	int r = tree_complete(&s->tree, err);

	if (r == 0)
		r = runtime_check(&s->tree, err);
	if (r == 0)
		r = setuid_restrict(s->recipe, &s->tree, &notes, err);
	build_say(s, notes);
	if (r == 0)
		r = check_image(s->recipe, &s->accounts, &s->tree, &s->left, err);
	if (r == 0)
		r = secrets_check(s->recipe, &s->tree, err);
	return build_blame(s, r);
}

static struct pack pack_of(const struct build *s)
{
	return (struct pack){
		.recipe = s->recipe,
		.arch = s->arch,
		.input = s->key,
		.tree = &s->tree,
		.modules = s->modules,
		.kernel_version = s->kernel.version,
		.rootfs = s->rootfs,
		.verity = &s->verity,
		.tested = *s->tested ? s->tested : NULL,
		.kernel = s->vmlinuz,
		.vmlinux = s->kernel.vmlinux,
		.initramfs = s->initramfs,
		.drivers = s->drivers,
	};
}

static int pack(struct build *s, struct err **err)
{
	struct pack p = pack_of(s);

	progress_stage(&s->progress, "storing");
	return pack_image(s->b->store, &p, &s->origins, s->image, err);
}

static int find_origins(struct build *s, struct err **err)
{
	return origins_make(&s->tree, &s->left, &s->packages,
			    s->virtual ? &s->kernel_package : NULL, &s->origins, err);
}

static int write_filesystem(struct build *s, struct err **err)
{
	int r = filesystem_make(&s->b->ws, &s->tree, &s->rootfs, &s->info, err);

	return r < 0 ? r : verity_append(s->rootfs, &s->verity, err);
}

/* Each writes what the others do not look at; pack is as it was before all of them. */
struct shares {
	struct build *build;
	struct pack pack;
};

static int handle_share(size_t i, void *data, struct err **err)
{
	struct shares *shares = data;
	struct build *s = shares->build;

	if (i == 0)
		return write_filesystem(s, err);
	return i == 1 ? find_origins(s, err) : pack_find(s->b->store, &shares->pack, s->image, err);
}

/* mkfs.erofs compresses on one processor, however many there are: the rest is done meanwhile. */
static int write_files(struct build *s, struct err **err)
{
	struct shares shares = { .build = s, .pack = pack_of(s) };

	progress_stage(&s->progress, "writing the file system");
	s->image = xcalloc(1, sizeof(*s->image));
	return parallel(3, handle_share, &shares, err);
}

static int make_image(struct build *s, struct err **err)
{
	int r = build_get_packages(s, err);

	if (r == 0)
		r = make_tree(s, err);
	if (r == 0)
		r = keep(s, err);
	if (r == 0)
		r = build_add_kernel(s, err);
	if (r == 0)
		r = check(s, err);
	if (r == 0)
		r = write_files(s, err);
	if (r == 0)
		r = build_test(s, err);
	return r < 0 ? r : pack(s, err);
}

static void say_result(struct build *s)
{
	char plain[16], packed[16];
	const char *test = !*s->tested   ? ""
			   : s->test_ran ? ", test passed"
					 : ", test passed before";

	progress_result(&s->progress, "%zu package%s, %zu file%s, %s, %s compressed%s, %.1f s",
			s->packages.n, str_plural(s->packages.n), s->info.files,
			str_plural(s->info.files), str_from_size(s->info.bytes, plain),
			str_from_size(s->info.image_bytes, packed), test,
			(double)(clock_ms() - s->progress.started) / 1000);
}

static int sign(struct build *s, struct err **err)
{
	cleanup_free char *name = xasprintf("%s:%s", s->recipe->name, s->arch);
	struct store_image *image;
	int r;

	if (!s->b->sign)
		return 0;
	r = store_get_image(s->b->store, name, &image, err);
	if (r < 0)
		return r;
	r = signature_add(s->b->store, image, s->b->sign, err);
	store_image_free(image);
	return r;
}

static int run(struct build *s, struct err **err)
{
	int r = resolve(s, err);

	if (r == 0)
		r = find_init(s, err);
	if (r == 0)
		r = build_make_key(s, err);
	if (r < 0)
		return r;
	if (!s->b->force &&
	    pack_is_there(s->b->store, s->recipe->name, s->arch, s->key, build_has_test(s))) {
		r = sign(s, err);
		if (r == 0)
			progress_result(&s->progress, "unchanged (cache hit)");
		return r;
	}
	r = make_image(s, err);
	if (r == 0)
		r = sign(s, err);
	if (r == 0)
		say_result(s);
	return r;
}

int builder_run(struct builder *b, const struct recipe *recipe, bool *ret_mistake, struct err **err)
{
	struct build s = { .b = b, .recipe = recipe, .mistake = ret_mistake };
	int r;

	*ret_mistake = false;
	s.arch = selection_arch(b, recipe, err);
	if (!s.arch) {
		*ret_mistake = true;
		return -EINVAL;
	}
	s.virtual = selection_is_virtual(recipe);
	s.kernel_name = kernel_wanted(recipe);
	progress_init(&s.progress, recipe->name, b->quiet);
	r = run(&s, err);
	finish_build(&s);
	return r < 0 ? err_prefix(err, "%s", recipe->name) : 0;
}
