/* SPDX-License-Identifier: MIT */
/* The order in which kernel modules are loaded, from modules that are made here. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fd.h"
#include "mem.h"
#include "modules.h"
#include "str.h"

static const char names[] = "\0.shstrtab\0.modinfo";

/* The least ELF file that has a section .modinfo; info is strings "key=value\0". */
static void make_module(const char *dir, const char *path, const char *info, size_t len)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Shdr sections[3];
		char names[sizeof(names)];
		char info[256];
	} file = {
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					 ELFDATA2LSB, EV_CURRENT },
			    .e_type = ET_REL,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = 3,
			    .e_shstrndx = 1 },
	};
	cleanup_free char *full = xasprintf("%s/%s", dir, path);
	cleanup_free char *parent = xstrndup(full, (size_t)(strrchr(full, '/') - full));

	file.header.e_shoff = (size_t)((char *)file.sections - (char *)&file);
	file.sections[1] = (Elf64_Shdr){ .sh_name = 1,
					 .sh_type = SHT_STRTAB,
					 .sh_size = sizeof(names),
					 .sh_offset = (size_t)(file.names - (char *)&file) };
	file.sections[2] = (Elf64_Shdr){ .sh_name = 11,
					 .sh_type = SHT_PROGBITS,
					 .sh_size = len,
					 .sh_offset = (size_t)(file.info - (char *)&file) };
	memcpy(file.names, names, sizeof(names));
	assert_true(len <= sizeof(file.info));
	memcpy(file.info, info, len);
	assert_int_equal(dir_make(parent, 0755, NULL), 0);
	assert_int_equal(file_write_atomic(full, &file, sizeof(file), 0644, NULL), 0);
}

#define MODULE(dir, path, info) make_module(dir, path, info, sizeof(info))

static char *make_modules(void)
{
	char *dir = xstrdup("/tmp/test_modules.XXXXXX");
	cleanup_free char *builtin = NULL;
	static const char text[] = "kernel/fs/ext4/ext4.ko\nkernel/crypto/crc32c_generic.ko\n";

	assert_non_null(mkdtemp(dir));
	builtin = xasprintf("%s/modules.builtin", dir);
	assert_int_equal(file_write_atomic(builtin, text, strlen(text), 0644, NULL), 0);
	MODULE(dir, "kernel/drivers/virtio/virtio.ko", "depends=\0license=GPL");
	MODULE(dir, "kernel/drivers/virtio/virtio_ring.ko", "depends=virtio");
	MODULE(dir, "kernel/drivers/virtio-rng.ko",
	       "\0\0depends=virtio_ring,virtio\0alias=virtio:d4\0alias=hw-rng");
	MODULE(dir, "kernel/fs/soft.ko",
	       "softdep=pre: crc32c not-there virtio post: later\0depends=");
	MODULE(dir, "kernel/fs/later.ko", "depends=");
	MODULE(dir, "kernel/fs/one.ko", "depends=two");
	MODULE(dir, "kernel/fs/two.ko", "depends=one");
	MODULE(dir, "kernel/fs/poor.ko", "depends=gone");
	return dir;
}

static int teardown(void **state)
{
	dir_remove(*state, NULL);
	free(*state);
	return 0;
}

static int setup(void **state)
{
	*state = make_modules();
	return 0;
}

/* Asks for the words of `wanted` and compares with the paths' last parts, in one line. */
static void expect(const char *dir, const char *wanted, const char *expected)
{
	cleanup_strv char **words = NULL, **paths = NULL;
	cleanup_free char *joined = NULL;
	char **bases = NULL;
	struct modules *m;

	assert_int_equal(str_split_words(wanted, &words), 0);
	assert_int_equal(modules_open(dir, &m, NULL), 0);
	assert_int_equal(modules_order(m, words, &paths, NULL), 0);
	for (char **p = paths; p && *p; p++)
		strv_append(&bases, strrchr(*p, '/') + 1);
	joined = bases ? strv_join(bases, " ") : xstrdup("");
	assert_string_equal(joined, expected);
	strv_free(bases);
	modules_close(m);
}

static void test_order(void **state)
{
	expect(*state, "virtio_rng", "virtio.ko virtio_ring.ko virtio-rng.ko");
	expect(*state, "virtio-rng virtio virtio_ring", "virtio.ko virtio_ring.ko virtio-rng.ko");
	expect(*state, "hw-rng", "virtio.ko virtio_ring.ko virtio-rng.ko");
	expect(*state, "ext4", "");
	expect(*state, "soft", "virtio.ko soft.ko");
	expect(*state, "", "");
}

static void test_optional(void **state)
{
	char need[] = "virtio", rng[] = "virtio-rng", missing[] = "button";
	char *wanted[] = { need, NULL }, *optional[] = { missing, rng, NULL };
	cleanup_strv char **paths = NULL;
	struct modules *m;

	assert_int_equal(modules_open(*state, &m, NULL), 0);
	assert_int_equal(modules_order_some(m, wanted, optional, &paths, NULL), 0);
	assert_int_equal(strv_len(paths), 3);
	assert_true(str_ends(paths[2], "virtio-rng.ko"));
	modules_close(m);
}

static void expect_error(const char *dir, const char *name, int code, const char *text)
{
	char *words[] = { (char *)(uintptr_t)name, NULL };
	cleanup_err struct err *err = NULL;
	char **paths = NULL;
	struct modules *m;

	assert_int_equal(modules_open(dir, &m, NULL), 0);
	assert_int_equal(modules_order(m, words, &paths, &err), -code);
	assert_non_null(strstr(err_msg(err), text));
	assert_null(paths);
	modules_close(m);
}

static void test_faults(void **state)
{
	expect_error(*state, "virtio_rign", ENOENT, "did you mean \"virtio_ring\"?");
	expect_error(*state, "one", ELOOP, "circle");
	expect_error(*state, "poor", ENOENT, "\"gone\" does not exist");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_optional, setup, teardown),
		cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
