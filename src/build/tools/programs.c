/* SPDX-License-Identifier: MIT */
#include "programs.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fd.h"
#include "mem.h"
#include "names.h"
#include "paths.h"
#include "str.h"

/* Of those in arch_names (names.h): what the ELF header of a program for it says. */
static const struct {
	const char *arch;
	uint16_t elf;
} machines[] = {
	{ "amd64", EM_X86_64 },
	{ "arm64", EM_AARCH64 },
};

static const char *arch_of_elf(const char *path, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf32_Ehdr header; /* the fields up to e_machine are the same in Elf64_Ehdr */

	if (fd < 0 || fd_read_exact(fd, &header, sizeof(header)) < 0 ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
		err_set(err, ENOENT, "%s: not there or not a program; build it first", path);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].elf == header.e_machine)
			return machines[i].arch;
	return "an unknown architecture";
}

/* For another architecture than the host's, NAME-ARCH when it was built, else NAME. */
static char *path_of(const char *name, const char *arch)
{
	cleanup_free char *other = xasprintf("%s-%s", name, arch);
	cleanup_free char *path = paths_program(other);

	if (!str_eq(arch, arch_host()) && file_exists(path))
		return steal_ptr(path);
	return paths_program(name);
}

int program_find(const char *name, const char *arch, char **ret_path, struct err **err)
{
	cleanup_free char *path = path_of(name, arch);
	const char *its = arch_of_elf(path, err);

	if (!its)
		return -ENOENT;
	if (!str_eq(its, arch))
		return err_set(err, ENOEXEC, "%s is here for %s only, not for %s", name, its, arch);
	*ret_path = steal_ptr(path);
	return 0;
}
