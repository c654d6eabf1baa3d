/* SPDX-License-Identifier: MIT */
/* Owns: Landlock's file system rules (Documentation/userspace-api/landlock.rst). */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"

/* Rights that newer kernels know than the headers we build with. */
#define FS_REFER     (1ULL << 13) /* version 2 */
#define FS_TRUNCATE  (1ULL << 14) /* version 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* version 5 */

#define RIGHTS_FILE                                                                                \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
	 LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)
#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_V1   (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)

static uint64_t rights_of(enum landlock_access access)
{
	switch (access) {
	case LANDLOCK_READ:
		return RIGHTS_READ;
	case LANDLOCK_EXEC:
		return RIGHTS_READ | LANDLOCK_ACCESS_FS_EXECUTE;
	case LANDLOCK_WRITE:
		return (RIGHTS_V1 | FS_REFER | FS_TRUNCATE | FS_IOCTL_DEV) &
		       ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE;
	}
	return 0;
}

static int version(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool landlock_available(void)
{
	return version() > 0;
}

static uint64_t handled_by(int abi)
{
	return RIGHTS_V1 | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0) |
	       (abi >= 5 ? FS_IOCTL_DEV : 0);
}

static int add_rule(int ruleset, const struct landlock_rule *rule, uint64_t handled,
		    struct err **err)
{
	struct landlock_path_beneath_attr attr = { .allowed_access =
							   rights_of(rule->access) & handled };
	cleanup_fd int fd = open(rule->path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "%s", rule->path);
	if (!S_ISDIR(st.st_mode))
		attr.allowed_access &= RIGHTS_FILE;
	attr.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0)
		return err_set_errno(err, errno, "%s: Landlock rule", rule->path);
	return 0;
}

int landlock_enter(const struct landlock_rule *rules, size_t n, struct err **err)
{
	int r, abi = version();
	struct landlock_ruleset_attr attr = { .handled_access_fs = handled_by(abi) };
	cleanup_fd int ruleset = -1;

	if (abi <= 0) {
		log_debug("no Landlock in this kernel");
		return 0;
	}
	ruleset = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_set_errno(err, errno, "Landlock");
	for (size_t i = 0; i < n; i++) {
		r = add_rule(ruleset, &rules[i], attr.handled_access_fs, err);
		if (r < 0)
			return r;
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_set_errno(err, errno, "Landlock");
	return 0;
}
