/* SPDX-License-Identifier: MIT */
/* A root file system as an image from elsewhere may have it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "erofs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No path is longer than it may be, empty, or leads out; a run does not go on for ever. */
static int handle_file(const struct erofs_file *file, void *data, struct err **err)
{
	size_t *n = data;

	(void)err;
	if (!*file->path || *file->path == '/' || strlen(file->path) >= EROFS_PATH_MAX ||
	    strstr(file->path, "/../") || strncmp(file->path, "../", 3) == 0)
		__builtin_trap();
	return ++*n > 1000 ? -1 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("erofs", 0);
	size_t n = 0;
	char path[32];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	erofs_each(path, handle_file, &n, NULL);
	close(fd);
	return 0;
}
