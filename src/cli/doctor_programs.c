/* SPDX-License-Identifier: MIT */
/* Programs of others that ours run. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "fd.h"
#include "mem.h"

#define QEMU_AMD64         "qemu-system-x86_64"
#define QEMU_AMD64_PACKAGE "qemu-system-x86"
#define QEMU_ARM64         "qemu-system-aarch64"
#define QEMU_ARM64_PACKAGE "qemu-system-arm"

/* Of the host's architecture, and of the other one that appliances can be for. */
#if defined(__aarch64__)
#define QEMU               QEMU_ARM64
#define QEMU_PACKAGE       QEMU_ARM64_PACKAGE
#define OTHER              "amd64"
#define OTHER_QEMU         QEMU_AMD64
#define OTHER_QEMU_PACKAGE QEMU_AMD64_PACKAGE
#else
#define QEMU               QEMU_AMD64
#define QEMU_PACKAGE       QEMU_AMD64_PACKAGE
#define OTHER              "arm64"
#define OTHER_QEMU         QEMU_ARM64
#define OTHER_QEMU_PACKAGE QEMU_ARM64_PACKAGE
#endif

/* Where a program is, by PATH and the folders that an ordinary user's PATH lacks; or NULL. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	cleanup_free char *folders =
		xasprintf("%s:/usr/local/sbin:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
	char *save = NULL;

	for (char *d = strtok_r(folders, ":", &save); d; d = strtok_r(NULL, ":", &save)) {
		cleanup_free char *file = xasprintf("%s/%s", d, name);

		if (access(file, X_OK) == 0)
			return steal_ptr(file);
	}
	return NULL;
}

static void check_program(struct doctor_finding *f, const char *name, const char *advice)
{
	cleanup_free char *path = find_program(name);

	if (path)
		doctor_set(f, DOCTOR_OK, NULL, "%s", path);
	else
		doctor_set(f, DOCTOR_WARN, advice, "%s is not installed", name);
}

static void check_qemu(struct doctor_finding *f)
{
	check_program(
		f, QEMU,
		"micro, full and emulated machines cannot run; apt-get install " QEMU_PACKAGE);
}

static void check_other(struct doctor_finding *f)
{
	check_program(f, OTHER_QEMU,
		      "machines for " OTHER " cannot run; apt-get install " OTHER_QEMU_PACKAGE);
}

static void check_ovmf(struct doctor_finding *f)
{
	static const char *const files[] = { "/usr/share/OVMF/OVMF_CODE_4M.fd",
					     "/usr/share/OVMF/OVMF_CODE.fd",
					     "/usr/share/AAVMF/AAVMF_CODE.fd", NULL };

	for (const char *const *p = files; *p; p++) {
		if (!file_exists(*p))
			continue;
		doctor_set(f, DOCTOR_OK, NULL, "%s", *p);
		return;
	}
	doctor_set(f, DOCTOR_WARN, "full machines cannot boot; apt-get install ovmf",
		   "no firmware for virtual machines");
}

static void check_passt(struct doctor_finding *f)
{
	check_program(f, "passt", "no machine can have an uplink; apt-get install passt");
}

static void check_erofs(struct doctor_finding *f)
{
	check_program(f, "mkfs.erofs", "appliances cannot be built; apt-get install erofs-utils");
}

static void check_fakeroot(struct doctor_finding *f)
{
	check_program(f, "fakeroot", "appliances cannot be built; apt-get install fakeroot");
}

static void check_gpgv(struct doctor_finding *f)
{
	check_program(f, "gpgv", "package lists cannot be verified; apt-get install gpgv");
}

const struct doctor_check doctor_program_checks[] = {
	{ "qemu", check_qemu },     { "emulation", check_other },
	{ "firmware", check_ovmf }, { "passt", check_passt },
	{ "erofs", check_erofs },   { "fakeroot", check_fakeroot },
	{ "gpgv", check_gpgv },     { NULL, NULL },
};
