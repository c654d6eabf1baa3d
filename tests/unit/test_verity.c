/* SPDX-License-Identifier: MIT */
/* Hash trees against the root hashes and sizes that cryptsetup's veritysetup gives for the same files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "verity.h"

static const struct {
	uint64_t blocks;
	const char *root;
	off_t size;
} known[] = {
	{ 1, "bfbdaaf8ead24c578bf655b8d89cc202867c1ee6d2d6429eb381e41f5e3391cc", 8192 },
	{ 2, "bdc7c7ba705f4f9d8aef251a2302e3a0669417babc937cb32cfddde565ef0a9e", 16384 },
	{ 128, "bc670cacb8becf834ce224ba66bde05f5c9301ff5d6d529fc6111ccd80c8748e", 532480 },
	{ 129, "f320b6185dfc560793b5f3a05c03dee70249324976088a67c5a8ed615f909dfb", 544768 },
	{ 16385, "0d4dacc82d66b433084f7dbf1b9957b521d724cceb962bb3cce64b5aba867a9d", 67657728 },
};

/* Zeros, but for some bytes in the first and in the last block. */
static void make_file(uint64_t blocks, char path[32])
{
	const uint64_t marked[] = { 0, blocks - 1 };
	char bytes[100];
	int fd;

	strcpy(path, "/tmp/test_verity.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(blocks * VERITY_BLOCK)), 0);
	for (size_t i = 0; i < 2; i++) {
		memset(bytes, (int)(marked[i] % 251 + 1), sizeof(bytes));
		assert_int_equal(
			pwrite(fd, bytes, sizeof(bytes), (off_t)(marked[i] * VERITY_BLOCK)),
			sizeof(bytes));
	}
	close(fd);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void test_roots(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		struct verity v;
		struct stat st;
		char path[32];

		make_file(known[i].blocks, path);
		assert_int_equal(verity_append(path, &v, NULL), 0);
		assert_string_equal(v.root, known[i].root);
		assert_int_equal(v.offset, known[i].blocks * VERITY_BLOCK);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, known[i].size);
		assert_int_equal(verity_check(path, &v, NULL), 0);
		assert_int_equal(verity_check_top(path, &v, NULL), 0);
		unlink(path);
	}
}

static void test_fills_up(void **state)
{
	struct verity v;
	char path[32];

	(void)state;
	make_file(2, path);
	assert_int_equal(truncate(path, VERITY_BLOCK + 100), 0);
	assert_int_equal(verity_append(path, &v, NULL), 0);
	assert_int_equal(v.offset, 2 * VERITY_BLOCK);
	assert_string_equal(v.root, known[1].root);
	unlink(path);
}

/* Every part counts: a block, the superblock, the tree's top and its bottom, the end. */
static void test_damage(void **state)
{
	const off_t offset = 129 * VERITY_BLOCK;
	const off_t places[] = { 0,      64 * VERITY_BLOCK,         offset - 1,
				 offset, offset + VERITY_BLOCK + 1, offset + 3 * VERITY_BLOCK };
	cleanup_err struct err *err = NULL;
	struct verity v;
	char path[32];

	(void)state;
	make_file(129, path);
	assert_int_equal(verity_append(path, &v, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		flip(path, places[i]);
		assert_int_equal(verity_check(path, &v, NULL), -EBADMSG);
		flip(path, places[i]);
	}
	flip(path, offset + VERITY_BLOCK);
	assert_int_equal(verity_check_top(path, &v, &err), -EBADMSG);
	assert_non_null(strstr(err_msg(err), "root hash"));
	flip(path, offset + VERITY_BLOCK);
	assert_int_equal(verity_check(path, &v, NULL), 0);
	assert_int_equal(truncate(path, offset + VERITY_BLOCK), 0);
	assert_int_equal(verity_check(path, &v, NULL), -EBADMSG);
	unlink(path);
}

/* What a manifest from elsewhere may say of a file. */
static void test_bad_words(void **state)
{
	static const uint64_t offsets[] = { 0,        1,        4095,       2 * 4096,
					    4 * 4096, 5 * 4096, UINT64_MAX, UINT64_MAX - 4095 };
	struct verity v;
	char path[32];

	(void)state;
	make_file(3, path);
	assert_int_equal(verity_append(path, &v, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		v.offset = offsets[i];
		assert_int_equal(verity_check(path, &v, NULL), -EBADMSG);
		assert_int_equal(verity_check_top(path, &v, NULL), -EBADMSG);
	}
	unlink(path);
	assert_int_equal(verity_check(path, &v, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_fills_up),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_bad_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
