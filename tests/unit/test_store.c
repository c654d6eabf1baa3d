/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <stdio.h>
#include <string.h>

#include "fd.h"
#include "mem.h"
#include "oci.h"
#include "store.h"
#include "str.h"

struct fixture {
	char dir[64];
	char *path; /* of the store */
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/test_store.XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->path = xasprintf("%s/store", f->dir);
	*state = f;
	return store_open(f->path, &f->store, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	dir_remove(f->dir, NULL);
	free(f->path);
	free(f);
	return 0;
}

static struct store_blob add(struct store *s, const char *text)
{
	struct store_writer *w;
	struct store_blob b;

	assert_int_equal(store_writer_begin(s, &w, NULL), 0);
	assert_int_equal(store_writer_write(w, text, strlen(text), NULL), 0);
	assert_int_equal(store_writer_commit(w, &b, NULL), 0);
	return b;
}

static int try_put(struct store *s, const char *name, const char *arch, const char *root)
{
	static char text[256];
	struct store_image image = { .input = text };
	cleanup_err struct err *err = NULL;
	int r;

	snprintf(text, sizeof(text), "{\"schema\":1,\"name\":\"%s\",\"arch\":\"%s\"}", name, arch);
	assert_int_equal(appliance_parse(text, strlen(text), &image.appliance, NULL), 0);
	snprintf(text, sizeof(text), "key of %s", root);
	image.rootfs = add(s, root);
	r = store_put_image(s, &image, &err);
	if (r < 0)
		print_message("# %s\n", err_msg(err));
	appliance_free(image.appliance);
	store_blob_finish(&image.rootfs);
	return r;
}

static void put(struct store *s, const char *name, const char *arch, const char *root)
{
	assert_int_equal(try_put(s, name, arch, root), 0);
}

static size_t count_files(const struct fixture *f, const char *folder)
{
	cleanup_free char *command = xasprintf("find %s/%s -type f | wc -l", f->path, folder);
	FILE *p = popen(command, "r");
	unsigned int n = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%u", &n), 1);
	pclose(p);
	return n;
}

static void overwrite(const char *path, const char *text)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static void test_blob(void **state)
{
	struct fixture *f = *state;
	struct store_blob b = add(f->store, "abc");
	struct stat st;

	assert_string_equal(
		b.digest,
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(b.size, 3);
	assert_int_equal(stat(b.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(store_verify_blob(f->store, &b, NULL), 0);
	assert_int_equal(count_files(f, "ingest"), 0);
	store_blob_finish(&b);
}

static void test_same_bytes_twice(void **state)
{
	struct fixture *f = *state;
	struct store_blob a = add(f->store, "same"), b = add(f->store, "same");

	assert_string_equal(a.path, b.path);
	assert_int_equal(count_files(f, "blobs"), 1);
	store_blob_finish(&a);
	store_blob_finish(&b);
}

static void test_add_file(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *path = xasprintf("%s/file", f->dir);
	cleanup_err struct err *err = NULL;
	struct store_blob b;

	assert_int_equal(file_write_atomic(path, "abc", 3, 0600, NULL), 0);
	assert_int_equal(store_add_file(f->store, path, &b, NULL), 0);
	assert_int_equal(b.size, 3);
	store_blob_finish(&b);
	assert_int_equal(store_add_file(f->store, "/nonexistent", &b, &err), -ENOENT);
	assert_non_null(strstr(err_msg(err), "/nonexistent"));
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

/* What the store has is not written again, unless it is not that any more: shorter, longer, altered. */
static void test_add_file_again(void **state)
{
	static const char *const damaged[] = { "ab", "abcd", "abd", "" };
	struct fixture *f = *state;
	cleanup_free char *path = xasprintf("%s/file", f->dir);
	struct store_blob a, b;
	ino_t inode;

	assert_int_equal(file_write_atomic(path, "abc", 3, 0600, NULL), 0);
	assert_int_equal(store_add_file(f->store, path, &a, NULL), 0);
	inode = inode_of(a.path);
	assert_int_equal(store_add_file(f->store, path, &b, NULL), 0);
	assert_string_equal(b.path, a.path);
	assert_string_equal(b.digest, a.digest);
	assert_int_equal(b.size, 3);
	assert_int_equal(inode_of(a.path), inode);
	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
		store_blob_finish(&b);
		assert_int_equal(unlink(a.path), 0);
		assert_int_equal(
			file_write_atomic(a.path, damaged[i], strlen(damaged[i]), 0444, NULL), 0);
		assert_int_equal(store_add_file(f->store, path, &b, NULL), 0);
		assert_int_equal(store_verify_blob(f->store, &b, NULL), 0);
	}
	store_blob_finish(&a);
	store_blob_finish(&b);
}

static void test_image(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *first = NULL;
	struct store_image *i = NULL;

	put(f->store, "web", "amd64", "root of web");
	assert_int_equal(store_get_image(f->store, "web", &i, NULL), 0);
	assert_string_equal(i->appliance->name, "web");
	assert_string_equal(i->input, "key of root of web");
	assert_int_equal(i->rootfs.size, 11);
	assert_true(i->created > 1500000000);
	assert_true(i->size > 100);
	assert_string_equal(i->kernel.digest, "");
	assert_int_equal(store_verify_image(f->store, i, NULL), 0);
	first = xstrdup(i->digest);
	store_image_free(i);

	/* the same again: the same digest, one entry */
	put(f->store, "web", "amd64", "root of web");
	assert_int_equal(store_get_image(f->store, first, &i, NULL), 0);
	assert_string_equal(i->digest, first);
	store_image_free(i);
	first[7 + 8] = '\0';
	assert_int_equal(store_get_image(f->store, first + 7, &i, NULL), 0);
	store_image_free(i);
	first[7 + 7] = '\0';
	assert_int_equal(store_get_image(f->store, first + 7, &i, NULL), -ENOENT);
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	struct store_image *i = NULL, **list = NULL;
	cleanup_err struct err *err = NULL;
	size_t n = 0;

	assert_int_equal(store_get_image(f->store, "web", &i, &err), -ENOENT);
	assert_non_null(strstr(err_msg(err), "atoll build"));
	put(f->store, "browser", "amd64", "1");
	put(f->store, "app", "arm64", "2");
	put(f->store, "app", "amd64", "3");
	assert_int_equal(store_get_image(f->store, "brwser", &i, &err), -ENOENT);
	assert_non_null(strstr(err_msg(err), "did you mean \"browser\"?"));
	assert_int_equal(store_get_image(f->store, "app:arm64", &i, NULL), 0);
	assert_string_equal(i->arch, "arm64");
	store_image_free(i);
	assert_int_equal(store_list_images(f->store, &list, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_string_equal(list[0]->arch, "amd64");
	assert_string_equal(list[2]->name, "browser");
	store_images_free(list, n);
	assert_int_equal(store_remove_image(f->store, "brow", &err), -ENOENT);
	assert_int_equal(store_remove_image(f->store, "browser", NULL), 0);
	assert_int_equal(store_get_image(f->store, "browser", &i, NULL), -ENOENT);
}

static void test_missing_blob_is_refused(void **state)
{
	struct fixture *f = *state;
	struct store_blob b = { .size = 1 };
	struct appliance *a = NULL;
	static const char text[] = "{\"schema\":1,\"name\":\"a\",\"arch\":\"amd64\"}";
	struct store_image image = { 0 };

	assert_int_equal(appliance_parse(text, strlen(text), &a, NULL), 0);
	strcpy(b.digest, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	image.appliance = a;
	image.rootfs = b;
	assert_int_equal(store_put_image(f->store, &image, NULL), -ENOENT);
	strcpy(image.rootfs.digest, "sha256:../../../etc/passwd");
	assert_int_equal(store_put_image(f->store, &image, NULL), -EINVAL);
	appliance_free(a);
}

static void test_corrupted_blob(void **state)
{
	struct fixture *f = *state;
	struct store_image *i = NULL, **list = NULL;
	cleanup_err struct err *err = NULL;
	size_t n = 0, blobs;
	uint64_t bytes;

	put(f->store, "web", "amd64", "whole");
	put(f->store, "other", "amd64", "other");
	assert_int_equal(store_get_image(f->store, "web", &i, NULL), 0);
	overwrite(i->rootfs.path, "whoXe");
	assert_int_equal(store_verify_image(f->store, i, &err), -EBADMSG);
	assert_non_null(strstr(err_msg(err), "is corrupted; build its appliance again"));
	/* building it again makes it whole */
	put(f->store, "web", "amd64", "whole");
	assert_int_equal(store_verify_image(f->store, i, NULL), 0);
	overwrite(i->rootfs.path, "who");
	store_image_free(i);
	assert_int_equal(store_get_image(f->store, "web", &i, &err), -EBADMSG);
	assert_non_null(strstr(err_msg(err), "cut short"));
	/* the listing shows it, the other is as it was */
	assert_int_equal(store_list_images(f->store, &list, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_null(list[0]->damage);
	assert_non_null(list[1]->damage);
	assert_null(list[1]->appliance);
	store_images_free(list, n);
	assert_int_equal(store_gc(f->store, NULL, &blobs, &bytes, NULL), 0);
}

static void test_corrupted_manifest(void **state)
{
	struct fixture *f = *state;
	cleanup_err struct err *err = NULL;
	cleanup_free char *path = NULL;
	struct store_image *i = NULL;
	size_t blobs, before;
	uint64_t bytes;

	put(f->store, "web", "amd64", "whole");
	assert_int_equal(store_get_image(f->store, "web", &i, NULL), 0);
	path = xasprintf("%s/blobs/sha256/%s", f->path, i->digest + 7);
	overwrite(path, "{}");
	store_image_free(i);
	before = count_files(f, "blobs");
	assert_int_equal(store_gc(f->store, NULL, &blobs, &bytes, &err), -EBADMSG);
	assert_non_null(strstr(err_msg(err), "nothing was deleted"));
	assert_int_equal(count_files(f, "blobs"), before);
	assert_int_equal(store_remove_image(f->store, "web", NULL), 0);
	assert_int_equal(store_gc(f->store, NULL, &blobs, &bytes, NULL), 0);
	assert_int_equal(count_files(f, "blobs"), 0);
}

static void test_gc(void **state)
{
	struct fixture *f = *state;
	struct store_image *i = NULL;
	char *keep[2] = { NULL };
	cleanup_free char *kept = NULL;
	size_t blobs;
	uint64_t bytes;

	put(f->store, "web", "amd64", "shared");
	put(f->store, "app", "amd64", "shared");
	assert_int_equal(store_get_image(f->store, "web", &i, NULL), 0);
	kept = xstrdup(i->rootfs.digest);
	assert_int_equal(store_remove_image(f->store, "web", NULL), 0);
	assert_int_equal(store_gc(f->store, NULL, &blobs, &bytes, NULL), 0);
	assert_int_equal(blobs, 3); /* manifest, config, appliance; the root is app's as well */
	assert_true(file_exists(i->rootfs.path));
	assert_int_equal(store_remove_image(f->store, "app", NULL), 0);
	keep[0] = kept;
	assert_int_equal(store_gc(f->store, keep, &blobs, &bytes, NULL), 0);
	assert_true(file_exists(i->rootfs.path));
	assert_int_equal(store_gc(f->store, NULL, &blobs, &bytes, NULL), 0);
	assert_int_equal(blobs, 1);
	assert_true(bytes > 0);
	assert_false(file_exists(i->rootfs.path));
	store_image_free(i);
}

/* Runs fn in a child; its exit code. */
static int in_child(int (*fn)(struct fixture *), struct fixture *f)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(fn(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int die_while_writing(struct fixture *f)
{
	struct store *s = NULL;
	struct store_writer *w = NULL;

	if (store_open(f->path, &s, NULL) < 0 || store_writer_begin(s, &w, NULL) < 0 ||
	    store_writer_write(w, "half", 4, NULL) < 0)
		return 1;
	raise(SIGKILL);
	return 0;
}

static void test_interrupted_writer(void **state)
{
	struct fixture *f = *state;
	struct store_image *i = NULL;
	size_t blobs;
	uint64_t bytes;

	put(f->store, "web", "amd64", "root");
	assert_int_equal(in_child(die_while_writing, f), 128 + SIGKILL);
	assert_int_equal(count_files(f, "ingest"), 1);
	assert_int_equal(store_get_image(f->store, "web", &i, NULL), 0);
	assert_int_equal(store_verify_image(f->store, i, NULL), 0);
	store_image_free(i);
	assert_int_equal(store_gc(f->store, NULL, &blobs, &bytes, NULL), 0);
	assert_int_equal(count_files(f, "ingest"), 0);
}

static int collect(struct fixture *f)
{
	struct store *s = NULL;
	size_t blobs;
	uint64_t bytes;

	if (store_open(f->path, &s, NULL) < 0)
		return 1;
	return -store_gc(s, NULL, &blobs, &bytes, NULL);
}

/* A blob that was written and not named yet survives a gc of another process. */
static void test_gc_spares_a_build(void **state)
{
	struct fixture *f = *state;
	struct store_blob b = add(f->store, "for later");

	assert_int_equal(in_child(collect, f), EBUSY);
	assert_true(file_exists(b.path));
	store_close(f->store);
	assert_int_equal(in_child(collect, f), 0);
	assert_false(file_exists(b.path));
	assert_int_equal(store_open(f->path, &f->store, NULL), 0);
	store_blob_finish(&b);
}

/* A file size limit stands for a full disk: write fails in the middle of it. */
static int write_too_much(struct fixture *f)
{
	struct rlimit limit = { 4096, 4096 };
	struct store *s = NULL;
	struct store_writer *w = NULL;
	cleanup_free char *big = xcalloc(1, 100000);

	if (store_open(f->path, &s, NULL) < 0 || store_writer_begin(s, &w, NULL) < 0)
		return 1;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	if (store_writer_write(w, big, 100000, NULL) != -EFBIG)
		return 2;
	store_writer_abort(w);
	return 0;
}

static void test_failed_write(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in_child(write_too_much, f), 0);
	assert_int_equal(count_files(f, "ingest"), 0);
	assert_int_equal(count_files(f, "blobs"), 0);
}

#define ROUNDS 20

static int put_many(struct fixture *f)
{
	struct store *s = NULL;
	char name[32], root[32];

	if (store_open(f->path, &s, NULL) < 0)
		return 1;
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "p%d-%d", (int)(getpid() % 10000), i);
		snprintf(root, sizeof(root), "root %d", i);
		if (try_put(s, name, "amd64", root) < 0)
			return 2;
	}
	store_close(s);
	return 0;
}

static void test_concurrent_put(void **state)
{
	struct fixture *f = *state;
	struct store_image **list = NULL;
	size_t n = 0;
	int failed = 0;

	for (int i = 0; i < 2; i++)
		if (fork() == 0)
			_exit(put_many(f));
	for (int i = 0; i < 2; i++) {
		int status;

		assert_true(wait(&status) > 0);
		failed += status != 0;
	}
	assert_int_equal(failed, 0);
	assert_int_equal(store_list_images(f->store, &list, &n, NULL), 0);
	assert_int_equal(n, 2 * ROUNDS);
	for (size_t i = 0; i < n; i++)
		assert_null(list[i]->damage);
	store_images_free(list, n);
}

static void test_index_garbage(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{\"manifests\":7}",
		"{\"manifests\":[{\"digest\":\"sha256:x\",\"size\":1,\"mediaType\":\"a\"}]}",
		"{\"manifests\":[{\"digest\":\"md5:00\",\"size\":1,\"mediaType\":\"a\"}]}",
		"{\"manifests\":[{}]}",
	};
	struct fixture *f = *state;
	cleanup_free char *path = xasprintf("%s/index.json", f->path);
	struct store_image **list = NULL;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_err struct err *err = NULL;

		overwrite(path, texts[i]);
		assert_int_equal(store_list_images(f->store, &list, &n, &err), -EBADMSG);
		assert_non_null(strstr(err_msg(err), "index.json is damaged"));
		assert_int_not_equal(try_put(f->store, "web", "amd64", "root"), 0);
	}
	/* moved away, as the error says */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_list_images(f->store, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	store_images_free(list, n);
	put(f->store, "web", "amd64", "root");
}

/* An entry that another tool wrote is neither listed nor lost, and its blobs stay. */
static void test_foreign_entry(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *index = xasprintf("%s/index.json", f->path);
	cleanup_free char *text = NULL;
	cleanup_buf struct buf after = BUF_INIT;
	struct store_image **list = NULL;
	struct store_blob layer = add(f->store, "layer"), manifest;
	size_t n = 9, blobs;
	uint64_t bytes;

	text = xasprintf(
		"{\"config\":{\"mediaType\":\"c\",\"digest\":\"%s\",\"size\":5},\"layers\":[]}",
		layer.digest);
	manifest = add(f->store, text);
	free(text);
	text = xasprintf(
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"m\",\"digest\":\"%s\","
		"\"size\":%d,\"annotations\":{\"org.opencontainers.image.ref.name\":\"x\"}}]}",
		manifest.digest, (int)manifest.size);
	overwrite(index, text);
	assert_int_equal(store_list_images(f->store, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	store_images_free(list, n);
	put(f->store, "x", "amd64", "root");
	assert_int_equal(store_gc(f->store, NULL, &blobs, &bytes, NULL), 0);
	assert_int_equal(blobs, 0);
	assert_int_equal(file_read(index, 65536, &after, NULL), 0);
	buf_append(&after, "", 1);
	assert_non_null(strstr((char *)buf_bytes(&after), manifest.digest));
	store_blob_finish(&layer);
	store_blob_finish(&manifest);
}

/* Other OCI tools read the store; this one may be absent where only the unit tests run. */
static void test_skopeo(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *command =
		xasprintf("skopeo inspect oci:%s:web >/dev/null && "
			  "skopeo inspect --config oci:%s:web | grep -q '\"diff_ids\"' && "
			  "skopeo copy -q oci:%s:web oci:%s/copy:web >/dev/null",
			  f->path, f->path, f->path, f->dir);

	if (system("command -v skopeo >/dev/null") != 0) {
		print_message("# skopeo is not installed\n");
		skip();
	}
	put(f->store, "web", "amd64", "root of web");
	assert_int_equal(system(command), 0);
}

/* As an ordinary user: the store of another one can be read, and writing says what to do. */
static int use_as_nobody(struct fixture *f)
{
	cleanup_err struct err *err = NULL;
	struct store *s = NULL;
	struct store_image *i = NULL;
	struct store_writer *w = NULL;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 1;
	if (store_open(f->path, &s, NULL) < 0 || store_get_image(s, "web", &i, NULL) < 0)
		return 2;
	if (store_writer_begin(s, &w, &err) != -EACCES || !strstr(err_msg(err), "ATOLL_ROOT"))
		return 3;
	if (store_remove_image(s, "web", &err) != -EACCES)
		return 4;
	return store_open("/atoll-not-here/store", &s, &err) == -EACCES ? 0 : 5;
}

static void test_foreign_owner(void **state)
{
	struct fixture *f = *state;

	if (getuid() != 0)
		skip();
	put(f->store, "web", "amd64", "root");
	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_int_equal(in_child(use_as_nobody, f), 0);
}

static void test_other_layout(void **state)
{
	struct fixture *f = *state;
	cleanup_free char *path = xasprintf("%s/oci-layout", f->path);
	cleanup_err struct err *err = NULL;
	struct store *s = NULL;

	overwrite(path, "{\"imageLayoutVersion\":\"2.0.0\"}");
	assert_int_equal(store_open(f->path, &s, &err), -EBADMSG);
	assert_non_null(strstr(err_msg(err), "imageLayoutVersion"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_blob),
		TEST(test_same_bytes_twice),
		TEST(test_add_file),
		TEST(test_add_file_again),
		TEST(test_image),
		TEST(test_names),
		TEST(test_missing_blob_is_refused),
		TEST(test_corrupted_blob),
		TEST(test_corrupted_manifest),
		TEST(test_gc),
		TEST(test_interrupted_writer),
		TEST(test_gc_spares_a_build),
		TEST(test_failed_write),
		TEST(test_concurrent_put),
		TEST(test_index_garbage),
		TEST(test_foreign_entry),
		TEST(test_skopeo),
		TEST(test_foreign_owner),
		TEST(test_other_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
