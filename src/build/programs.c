/* SPDX-License-Identifier: MIT */
#include "programs.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "fd.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

/* Debian's name, uname's, ELF's. All of these are little endian but s390x. */
static const struct {
	const char *debian, *machine;
	uint16_t elf;
} archs[] = {
	{ "amd64", "x86_64", EM_X86_64 },   { "arm64", "aarch64", EM_AARCH64 },
	{ "armhf", "armv7l", EM_ARM },      { "i386", "i686", EM_386 },
	{ "ppc64el", "ppc64le", EM_PPC64 }, { "riscv64", "riscv64", EM_RISCV },
};

const char *program_host_arch(void)
{
	struct utsname uts;

	if (uname(&uts) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (str_eq(archs[i].machine, uts.machine))
			return archs[i].debian;
	return NULL;
}

bool program_arch_known(const char *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (str_eq(archs[i].debian, arch))
			return true;
	return false;
}

static const char *arch_of_elf(const char *path, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf32_Ehdr header; /* the fields up to e_machine are the same in Elf64_Ehdr */

	if (fd < 0 || fd_read_exact(fd, &header, sizeof(header)) < 0 ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
		err_set(err, ENOENT, "%s: not there or not a program; build it first", path);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++)
		if (archs[i].elf == header.e_machine)
			return archs[i].debian;
	return "an unknown architecture";
}

int program_find(const char *name, const char *arch, char **ret_path, struct err **err)
{
	cleanup_free char *path = paths_program(name);
	const char *its = arch_of_elf(path, err);

	if (!its)
		return -ENOENT;
	if (!str_eq(its, arch))
		return err_set(err, ENOEXEC, "%s is here for %s only, not for %s", name, its, arch);
	*ret_path = steal_ptr(path);
	return 0;
}
