/* SPDX-License-Identifier: MIT */
/* What mkfs.erofs packed is read as it was; a tree's tar, whatever the names, is what tar(1) unpacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "erofs.h"
#include "fd.h"
#include "mem.h"
#include "str.h"
#include "tar.h"

#define ODD "odd \xff\n\xc3name"

static char folder[] = "/tmp/test_convert.XXXXXX";

static void run(const char *command)
{
	cleanup_free char *text = xasprintf("cd '%s' && { %s; } >log 2>&1", folder, command);

	if (system(text) != 0)
		fail_msg("%s", text);
}

static void put(const char *path, const char *text, mode_t mode)
{
	cleanup_free char *full = xasprintf("%s/%s", folder, path);

	assert_int_equal(file_write_atomic(full, text, strlen(text), mode, NULL), 0);
	assert_int_equal(chmod(full, mode), 0);
}

struct seen {
	struct buf text;
	uint64_t first, second;
};

static int handle_file(const struct erofs_file *file, void *data, struct err **err)
{
	struct seen *s = data;

	(void)err;
	if (str_eq(file->path, "a/one"))
		s->first = file->number;
	if (str_eq(file->path, "a/two"))
		s->second = file->number;
	/* Of the 300 files that fill several blocks of a folder, the last is enough. */
	if (!str_starts(file->path, "many/") || str_eq(file->path, "many/300"))
		buf_printf(&s->text, "%o %u:%u %llu %s %s\n", file->mode, file->uid, file->gid,
			   S_ISREG(file->mode) ? (unsigned long long)file->size : 0, file->path,
			   file->target ? file->target : "-");
	return 0;
}

static void test_erofs(void **state)
{
	cleanup_free char *image = xasprintf("%s/image", folder);
	struct seen seen = { .text = BUF_INIT };
	cleanup_free char *text = NULL;

	(void)state;
	run("mkdir -p root/a root/many && cd root/many && seq 300 | xargs touch");
	put("root/a/one", "12345", 04755);
	put("root/" ODD, "x", 0600);
	run("ln root/a/one root/a/two; ln -s ../else/where root/link");
	run("mkfs.erofs --quiet -zlz4hc -C16384 -x-1 -T0 --force-uid=70000 --force-gid=7 image "
	    "root");
	assert_int_equal(erofs_each(image, handle_file, &seen, NULL), 0);
	text = buf_steal_str(&seen.text);
	assert_string_equal(text, "40755 70000:7 0 a -\n"
				  "104755 70000:7 5 a/one -\n"
				  "104755 70000:7 5 a/two -\n"
				  "120777 70000:7 0 link ../else/where\n"
				  "40755 70000:7 0 many -\n"
				  "100644 70000:7 0 many/300 -\n"
				  "100600 70000:7 1 " ODD " -\n");
	assert_int_equal(seen.first, seen.second);
	assert_true(seen.first != 0);
}

static int handle_none(const struct erofs_file *file, void *data, struct err **err)
{
	(void)file;
	(void)data;
	(void)err;
	return 0;
}

static void test_no_erofs(void **state)
{
	cleanup_free char *image = xasprintf("%s/other", folder);
	cleanup_err struct err *err = NULL;

	(void)state;
	run("head -c 5000 /dev/zero >other");
	assert_int_equal(erofs_each(image, handle_none, NULL, &err), -EBADMSG);
	assert_true(str_ends(err_msg(err), "there is no superblock"));
}

static void put_node(struct tree *tree, const char *path, mode_t mode, const char *content)
{
	struct tree_node node = { .path = xstrdup(path), .mode = mode, .uid = 3000000, .gid = 8 };

	if (S_ISLNK(mode))
		node.target = xstrdup(content);
	else
		node.content = content ? xasprintf("%s/%s", folder, content) : NULL;
	tree_put(tree, node);
}

static void test_tar(void **state)
{
	cleanup_free char *path = xasprintf("%s/tar", folder);
	cleanup_free char *listing = xasprintf("%s/listing", folder);
	cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *s = NULL;
	char longer[160] = "d/";
	struct tree tree = { 0 };
	struct tar *t;

	(void)state;
	memset(longer + 2, 'l', 150);
	put("content", "hello", 0600);
	put_node(&tree, "d", S_IFDIR | 01777, NULL);
	put_node(&tree, "d/first", S_IFREG | 04711, "content");
	put_node(&tree, "d/hard", S_IFREG | 04711, "content");
	put_node(&tree, longer, S_IFLNK | 0777, "target\xfe");
	put_node(&tree, ODD, S_IFREG | 0640, NULL);
	assert_int_equal(tar_begin(fd, &t, NULL), 0);
	assert_int_equal(tar_add_tree(t, &tree, NULL), 0);
	assert_int_equal(tar_end(t, NULL), 0);
	tree_finish(&tree);
	run("mkdir -p out && tar --no-same-owner -C out -xpf tar");
	run("cd out && find . -mindepth 1 -printf '%m %y %s %n %P %l\\n' | LC_ALL=C sort -k5 "
	    ">../listing");
	assert_int_equal(file_read(listing, 4096, &text, NULL), 0);
	s = buf_steal_str(&text);
	assert_non_null(strstr(s, "1777 d "));
	assert_non_null(strstr(s, "4711 f 5 2 d/first \n4711 f 5 2 d/hard \n"));
	assert_non_null(strstr(s, " target\xfe\n"));
	assert_non_null(strstr(s, longer));
	assert_non_null(strstr(s, "640 f 0 1 odd \xff\n"));
	run("tar --numeric-owner -tvf tar | grep -q '3000000/8 .* 1970'");
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return dir_remove(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_erofs),
		cmocka_unit_test(test_no_erofs),
		cmocka_unit_test(test_tar),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
