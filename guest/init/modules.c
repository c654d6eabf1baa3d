/* SPDX-License-Identifier: MIT */
/* Loads modules in the order given; resolving dependencies is the builder's work, at build time. */
#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <sys/syscall.h>

#include "fd.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define LIST_MAX (64 << 10)

static bool is_compressed(const char *path)
{
	return str_ends(path, ".xz") || str_ends(path, ".zst") || str_ends(path, ".gz");
}

int module_load(const char *path, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int flags = is_compressed(path) ? MODULE_INIT_COMPRESSED_FILE : 0;
	int64_t begin = clock_ns();

	if (fd < 0)
		return err_set_errno(err, errno, "module %s", path);
	/* ENODEV: what it drives is not in this machine, which works without. */
	if (syscall(SYS_finit_module, fd, "", flags) < 0 && errno != EEXIST && errno != ENODEV)
		return err_set_errno(err, errno, "module %s: the kernel does not load it", path);
	log_debug("module %s: %lld us", path, (long long)(clock_ns() - begin) / 1000);
	return 0;
}

int modules_load_listed(const char *dir, struct err **err)
{
	cleanup_free char *list = xasprintf("%s/load", dir);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *names = NULL;
	char *rest, *name;
	int r = file_read(list, LIST_MAX, &text, err);

	if (r < 0)
		return r;
	names = buf_steal_str(&text);
	for (name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		cleanup_free char *path = xasprintf("%s/%s", dir, name);

		r = module_load(path, err);
		if (r < 0)
			return r;
	}
	return 0;
}
