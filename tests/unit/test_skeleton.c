/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "mem.h"
#include "skeleton.h"

static char folder[64];

static int setup(void **state)
{
	(void)state;
	umask(022);
	strcpy(folder, "/tmp/atoll-test-skeleton.XXXXXX");
	return !mkdtemp(folder) || chdir(folder) < 0 || mkdir("from", 0755) < 0 ||
			       mkdir("to", 0755) < 0
		       ? -1
		       : 0;
}

static int teardown(void **state)
{
	(void)state;
	return chdir("/") < 0 ? -1 : dir_remove(folder, NULL);
}

static int copy(void)
{
	cleanup_fd int from = skeleton_open("from");

	assert_true(from >= 0);
	return skeleton_copy(from, "to", NULL);
}

static void make(const char *path, mode_t mode, uid_t owner)
{
	assert_int_equal(mkdir(path, 0700), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(path, owner, owner + 1), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void expect(const char *path, mode_t mode, uid_t owner)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, mode);
	if (geteuid() == 0) {
		assert_int_equal(st.st_uid, owner);
		assert_int_equal(st.st_gid, owner + 1);
	}
}

static void test_folders_and_links(void **state)
{
	char target[16] = "";

	(void)state;
	make("from/a", 0755, 7);
	make("from/a/b", 02750, 8);
	make("from/a/b/c", 01777, 0);
	assert_int_equal(chmod("from/a", 0500), 0);
	assert_int_equal(symlink("a/b", "from/link"), 0);
	assert_int_equal(symlink("/", "from/root"), 0);
	assert_int_equal(lchown("from/link", geteuid() ? getuid() : 9, geteuid() ? getgid() : 10),
			 0);
	assert_int_equal(file_write_atomic("from/a/b/file", "x", 1, 0600, NULL), 0);
	assert_int_equal(mkfifo("from/pipe", 0600), 0);
	assert_int_equal(copy(), 0);
	expect("to/a", S_IFDIR | 0500, 7);
	expect("to/a/b", S_IFDIR | 02750, 8);
	expect("to/a/b/c", S_IFDIR | 01777, 0);
	expect("to/link", S_IFLNK | 0777, 9);
	assert_int_equal(readlink("to/link", target, sizeof(target) - 1), 3);
	assert_string_equal(target, "a/b");
	/* Nothing else, and nothing of what a link leads to. */
	assert_int_equal(access("to/a/b/file", F_OK), -1);
	assert_int_equal(access("to/pipe", F_OK), -1);
	assert_int_equal(readlink("to/root", target, sizeof(target) - 1), 1);
}

/* Whatever the image has where secrets and sockets will be: a link, or a folder of somebody's. */
static void test_own(void **state)
{
	(void)state;
	make("from/atoll", 0777, 7);
	make("from/atoll/links", 0777, 7);
	assert_int_equal(symlink("/data", "from/secrets"), 0);
	make("from/secrets2", 0755, 0);
	make("from/a", 0755, 0);
	make("from/a/secrets", 0755, 7);
	assert_int_equal(copy(), 0);
	assert_int_equal(access("to/atoll", F_OK), -1);
	assert_int_equal(readlink("to/secrets", (char[1]){ 0 }, 1), -1);
	expect("to/secrets2", S_IFDIR | 0755, 0);
	expect("to/a/secrets", S_IFDIR | 0755, 7);
	assert_true(skeleton_is_own("atoll/links/x"));
	assert_true(skeleton_is_own("secrets"));
	assert_false(skeleton_is_own("secret"));
	assert_false(skeleton_is_own("atolls/links"));
	assert_false(skeleton_is_own(""));
}

/* Nothing is left out in silence. */
static void test_there_already(void **state)
{
	(void)state;
	make("from/a", 0755, 0);
	assert_int_equal(symlink("/tmp", "to/a"), 0);
	assert_int_equal(copy(), -EEXIST);
}

static void test_none(void **state)
{
	(void)state;
	assert_int_equal(skeleton_open("none"), -1);
	assert_int_equal(skeleton_copy(-1, "to", NULL), 0);
}

static void test_bounds(void **state)
{
	char path[SKELETON_DEPTH * 2 + 16] = "from";
	cleanup_err struct err *err = NULL;
	cleanup_fd int from = -1;

	(void)state;
	for (int i = 1; i < SKELETON_DEPTH; i++)
		make(strcat(path, "/d"), 0755, 0);
	assert_int_equal(copy(), 0);
	assert_int_equal(dir_remove("to/d", NULL), 0);
	make(strcat(path, "/d"), 0755, 0);
	assert_int_equal(copy(), -E2BIG);
	assert_int_equal(dir_remove("to/d", NULL), 0);
	assert_int_equal(dir_remove("from/d", NULL), 0);
	for (int i = 0; i <= SKELETON_MAX; i++) {
		cleanup_free char *name = xasprintf("from/%d", i);

		assert_int_equal(symlink("x", name), 0);
	}
	assert_true((from = skeleton_open("from")) >= 0);
	assert_int_equal(skeleton_copy(from, "to", &err), -E2BIG);
	assert_string_equal(err_msg(err),
			    "the image has more than 4096 folders and links below to, or folders "
			    "more than 32 deep in one another; a machine copies no more of them");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_folders_and_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_there_already, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
