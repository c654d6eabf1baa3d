/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. A build is a row of stages, each in a file of its own, each with a result
 * that the next takes:
 *
 *	recipe ─ sources ─ index ─ resolve ─ fetch ─ unpack ─ declare ─ files ─ keep ─ filesystem ─ trial ─ pack
 *	         apt conf.  Packages packages  .deb    tree     tree      tree    tree   erofs               image
 *
 * After `resolve` everything that decides about the result is known, and a digest over it is the
 * build's key; an image of that key in the store ends the build there.
 */
#include "builder.h"

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
#include "drivers.h"
#include "fd.h"
#include "fetch.h"
#include "files.h"
#include "filesystem.h"
#include "initramfs.h"
#include "java_link.h"
#include "keep.h"
#include "kernel.h"
#include "ldcache.h"
#include "locales.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "modules.h"
#include "names.h"
#include "origins.h"
#include "pack.h"
#include "parallel.h"
#include "paths.h"
#include "programs.h"
#include "progress.h"
#include "secrets.h"
#include "selection.h"
#include "setuid.h"
#include "sha256.h"
#include "signature.h"
#include "str.h"
#include "tiny.h"
#include "trial.h"
#include "unpack.h"
#include "verity.h"

#define FORMAT      "2" /* of the key */
#define USERS_FILE  "usr/share/base-passwd/passwd.master"
#define GROUPS_FILE "usr/share/base-passwd/group.master"
#define MASTER_MAX  (1 << 20)
#define INIT        "atoll-init"
#define DEB_MAX     ((uint64_t)4 << 30)
#define RECIPE_MAX  (1 << 20)

/* One build on its way through the pipeline. */
struct build {
	struct builder *b;
	const struct recipe *recipe;
	struct progress progress;
	const char *arch;
	bool *mistake;
	char *init;   /* atoll-init for the architecture; NULL: none is needed, or there is none */
	bool virtual; /* a virtual machine may run it, so it takes a kernel along */
	struct package_list packages;
	struct package users, kernel_package;
	bool locked; /* the packages are those of the recipe's lock */
	char key[SHA256_HEX + 1];
	struct tree tree, left; /* what is in the image, what of its packages is not */
	struct accounts accounts;
	const char *kernel_name; /* "cloud", … */
	struct kernel kernel;
	char *vmlinuz, *initramfs, *drivers;
	char **modules;
	char *rootfs;
	struct filesystem_info info;
	struct verity verity;
	struct origins origins;
	struct store_image *image;   /* as far as it is there */
	char tested[SHA256_HEX + 1]; /* what the recipe's test passed with; empty: it did not run */
	bool test_ran;               /* now, not before */
};

static void finish_build(struct build *s)
{
	progress_finish(&s->progress);
	package_list_finish(&s->packages);
	package_finish(&s->users);
	package_finish(&s->kernel_package);
	tree_finish(&s->tree);
	tree_finish(&s->left);
	accounts_finish(&s->accounts);
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

int builder_alone(struct builder *b, const char *folder, struct progress *progress, int *ret_fd,
		  struct err **err)
{
	if (workspace_alone(&b->ws, folder, false, ret_fd, NULL) == 0)
		return 0;
	progress_stage(progress, "waiting for another build");
	return workspace_alone(&b->ws, folder, true, ret_fd, err);
}

/* A fault of the recipe or of what it asks for, not of this machine or the network. */
static bool is_mistake(int r)
{
	return r == -ENOENT || r == -EINVAL || r == -EEXIST || r == -ENOTDIR;
}

static void say_notes(struct build *s, char *const *notes)
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

static int blame_recipe(struct build *s, int r)
{
	*s->mistake = r < 0 && is_mistake(r);
	return r;
}

/* Our program inside virtual machines; on another architecture the image goes without it. */
static int find_init(struct build *s, struct err **err)
{
	cleanup_err struct err *own = NULL;
	int r = s->virtual ? program_find(INIT, s->arch, &s->init, &own) : 0;

	if (r == -ENOEXEC) {
		progress_clear(&s->progress);
		log_warn("%s: %s; the image gets no initramfs and no machine can run it: build "
			 "Atoll where there is a cross compiler for %s",
			 s->recipe->name, err_msg(own), s->arch);
		return 0;
	}
	return r < 0 ? err_set(err, -r, "%s", err_msg(own)) : 0;
}

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

static bool is_tiny(const struct build *s)
{
	return str_eq(s->kernel_name, KERNEL_TINY);
}

/* What is said of an image is from the lock or index, so the same file by another name is another build. */
static void add_package(struct sha256 *key, const struct package *p)
{
	if (!p->name)
		return;
	sha256_add_str(key, p->name);
	sha256_add_str(key, p->version);
	sha256_add_str(key, p->sha256);
}

static int make_key(struct build *s, struct err **err)
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
	if (s->virtual && is_tiny(s))
		r = tiny_key(&s->kernel_package, &key, err);
	if (r == 0)
		r = add_programs(s, &key, err);
	if (r == 0)
		r = blame_recipe(s, files_digest(s->recipe, &key, err));
	if (r == 0)
		sha256_end(&key, s->key);
	return r;
}

/* A package in the cache that was damaged since is fetched again. */
static bool is_cached(const struct package *p)
{
	char hex[SHA256_HEX + 1];

	return sha256_file(p->deb, hex, NULL) == 0 && str_eq(hex, p->sha256);
}

static void want(struct build *s, struct fetch_job *jobs, size_t *n, const struct package *p)
{
	if (p->unpacked || is_cached(p))
		return;
	jobs[*n] = (struct fetch_job){
		.url = xstrdup(p->url),
		.mirrors = strv_dup(p->mirrors),
		.name = xasprintf("package \"%s\"", p->name),
		.dest = xstrdup(p->deb),
		.size = p->size,
		.max = DEB_MAX,
		.said_by = s->locked ? "the lock" : NULL,
	};
	strcpy(jobs[(*n)++].sha256, p->sha256);
}

/* What may be the cause, as the indexes that are at hand tell. */
static void explain_missing(struct build *s, struct err **err)
{
	if (!s->locked)
		err_prefix(err, "the index may be old; try again with --update");
	else if (selection_open_universe(s->b, s->recipe->base, s->arch, &s->progress, NULL) == 0)
		lock_explain(&s->packages, s->recipe->file, s->b->universe, err);
}

static bool has_kernel(struct build *s)
{
	if (is_tiny(s))
		return tiny_is_made(&s->b->ws, s->b->store, &s->kernel_package);
	return kernel_is_cached(&s->b->ws, &s->kernel_package);
}

/* The packages, and the one that Debian's users are from; free() the array. */
static struct package **with_users(struct build *s)
{
	struct package **list = xcalloc(s->packages.n + 1, sizeof(*list));

	for (size_t i = 0; i < s->packages.n; i++)
		list[i] = &s->packages.items[i];
	list[s->packages.n] = &s->users;
	return list;
}

/* What is not in the cache, neither as it is fetched nor unpacked. */
static int fetch(struct build *s, struct err **err)
{
	cleanup_free struct fetch_job *jobs = xcalloc(s->packages.n + 2, sizeof(*jobs));
	cleanup_free struct package **wanted = with_users(s);
	size_t n = 0;
	int r;

	unpack_find(&s->b->ws, wanted, s->packages.n + 1);
	for (size_t i = 0; i < s->packages.n; i++)
		want(s, jobs, &n, wanted[i]);
	if (!package_list_find(&s->packages, s->users.name))
		want(s, jobs, &n, &s->users);
	if (s->virtual && !has_kernel(s))
		want(s, jobs, &n, &s->kernel_package);
	progress_stage(&s->progress, "fetching %zu packages", n);
	r = fetch_all(&s->b->ws, jobs, n, progress_bytes, &s->progress, err);
	while (n)
		fetch_job_finish(&jobs[--n]);
	if (r == -ENOENT)
		explain_missing(s, err);
	return r;
}

static int unpack(struct build *s, struct err **err)
{
	cleanup_free struct package **wanted = with_users(s);

	progress_stage(&s->progress, "unpacking %zu packages", s->packages.n);
	return blame_recipe(s, unpack_make(&s->b->ws, wanted, s->packages.n + 1, err));
}

static int get_packages(struct build *s, struct err **err)
{
	cleanup_fd int alone = -1;
	int r = builder_alone(s->b, "packages", &s->progress, &alone, err);

	if (r == 0)
		r = fetch(s, err);
	return r < 0 ? r : unpack(s, err);
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
		r = blame_recipe(s, accounts_add(&s->accounts, s->recipe, err));
	return r;
}

/* All that could be in the image. */
static int make_tree(struct build *s, struct err **err)
{
	struct workspace *ws = &s->b->ws;
	int r = blame_recipe(s, unpack_packages(&s->packages, &s->tree, err));

	if (r < 0)
		return r;
	keep_packages(s->recipe, &s->tree, &s->left);
	r = load_accounts(s, err);
	if (r == 0)
		r = blame_recipe(s, declare_system(ws, s->recipe, &s->packages, &s->accounts,
						   &s->tree, err));
	if (r == 0)
		r = blame_recipe(s, files_put(ws, s->recipe, &s->accounts, &s->tree, err));
	if (r == 0)
		r = blame_recipe(s, certificates_make(ws, &s->tree, err));
	if (r == 0)
		r = blame_recipe(s, locales_make(ws, s->recipe, &s->tree, err));
	if (r == 0)
		caches_declare(&s->tree);
	return r;
}

/* A machine of the builder's own. */
static int trial_of(struct build *s, struct trial *ret, char **ret_init, struct err **err)
{
	int r = program_find(INIT, s->arch, ret_init, err);

	*ret = (struct trial){ .ws = &s->b->ws,
			       .recipe = s->recipe,
			       .packages = &s->packages,
			       .tree = &s->tree,
			       .left = &s->left,
			       .arch = s->arch,
			       .init = *ret_init };
	return r;
}

static int link_java(struct build *s, struct err **err)
{
	cleanup_free char *init = NULL;
	struct trial t;
	int r;

	if (!java_is_to_link(&s->tree, &s->left))
		return 0;
	progress_stage(&s->progress, "linking Java's modules");
	r = trial_of(s, &t, &init, err);
	return r < 0 ? r : java_link(&t, &s->tree, &s->left, err);
}

/* What of that the appliance needs. */
static int keep(struct build *s, struct err **err)
{
	cleanup_strv char **notes = NULL;
	int r = 0;

	progress_stage(&s->progress, "looking what is needed");
	if (!recipe_keeps(s->recipe, "packages")) {
		r = blame_recipe(s, closure_keep(s->recipe, &s->packages, s->b->universe, s->arch,
						 &s->tree, &s->left, &notes, err));
		if (r == 0)
			r = link_java(s, err);
	}
	if (r == 0)
		r = caches_make(&s->b->ws, &s->tree, &s->left, &notes, err);
	say_notes(s, notes);
	if (r == 0)
		r = blame_recipe(s, check_scripts(s->recipe, &s->packages, &s->tree, err));
	if (r == 0)
		r = ldcache_put(&s->b->ws, s->arch, &s->tree, err);
	return r;
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
	r = blame_recipe(s, modules_order(modules, s->recipe->modules, &paths, err));
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
	cleanup_fd int alone = -1;
	int r = builder_alone(b, "kernel", &s->progress, &alone, err);

	if (r < 0)
		return r;
	if (is_tiny(s))
		return tiny_open(&b->ws, b->store, &s->kernel_package, &s->progress, &s->kernel,
				 err);
	return kernel_open(&b->ws, &s->kernel_package, &s->kernel, err);
}

static int add_kernel(struct build *s, struct err **err)
{
	int r;

	if (!s->virtual)
		return 0;
	progress_stage(&s->progress, "preparing the kernel");
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

static int check(struct build *s, struct err **err)
{
	cleanup_strv char **notes = NULL;
	int r = tree_complete(&s->tree, err);

	if (r == 0)
		r = setuid_restrict(s->recipe, &s->tree, &notes, err);
	say_notes(s, notes);
	if (r == 0)
		r = check_image(s->recipe, &s->accounts, &s->tree, &s->left, err);
	if (r == 0)
		r = secrets_check(s->recipe, &s->tree, err);
	return blame_recipe(s, r);
}

/* Whether the recipe has one that can run here. */
static bool has_test(const struct build *s)
{
	return s->recipe->test && !s->b->no_test && str_eq(s->arch, arch_host());
}

/* With the same bytes before: of the image that this one takes the place of. */
static bool has_passed(const struct build *s, const char *digest)
{
	cleanup_free char *name = xasprintf("%s:%s", s->recipe->name, s->arch);
	struct store_image *image;
	bool passed;

	if (store_get_image(s->b->store, name, &image, NULL) < 0)
		return false;
	passed = str_eq(image->appliance->tested, digest);
	store_image_free(image);
	return passed;
}

static int run_test(struct build *s, const struct trial *t, struct err **err)
{
	cleanup_strv char **notes = NULL;
	char digest[SHA256_HEX + 1];
	int r = trial_digest(t, s->verity.root, digest, err);

	if (r == 0 && !has_passed(s, digest)) {
		progress_stage(&s->progress, "testing");
		s->test_ran = true;
		r = blame_recipe(s, trial_run(t, &notes, err));
		say_notes(s, notes);
	}
	if (r == 0)
		strcpy(s->tested, digest);
	return r;
}

static int test(struct build *s, struct err **err)
{
	cleanup_free char *init = NULL;
	struct trial t;
	int r;

	if (s->recipe->test && !str_eq(s->arch, arch_host())) {
		progress_clear(&s->progress);
		log_warn("%s: test: not run: this computer is no %s", s->recipe->name, s->arch);
	}
	if (!has_test(s))
		return 0;
	r = trial_of(s, &t, &init, err);
	return r < 0 ? r : run_test(s, &t, err);
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
	int r = get_packages(s, err);

	if (r == 0)
		r = make_tree(s, err);
	if (r == 0)
		r = keep(s, err);
	if (r == 0)
		r = add_kernel(s, err);
	if (r == 0)
		r = check(s, err);
	if (r == 0)
		r = write_files(s, err);
	if (r == 0)
		r = test(s, err);
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
		r = make_key(s, err);
	if (r < 0)
		return r;
	if (!s->b->force &&
	    pack_is_there(s->b->store, s->recipe->name, s->arch, s->key, has_test(s))) {
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
