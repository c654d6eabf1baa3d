/* SPDX-License-Identifier: MIT */
#include "trim.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

struct item {
	char *name;
	struct timespec used;
	uint64_t size;
};

struct items {
	struct item *list;
	size_t n;
	uint64_t size;
};

static int compare(const void *a, const void *b)
{
	const struct timespec *x = &((const struct item *)a)->used,
			      *y = &((const struct item *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static void add(struct items *items, int dir, const char *name)
{
	struct stat st;

	if (*name == '.' || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return;
	items->list = xreallocarray(items->list, items->n + 1, sizeof(*items->list));
	items->list[items->n++] = (struct item){ .name = xstrdup(name),
						 .used = st.st_mtim,
						 .size = (uint64_t)st.st_size };
	items->size += (uint64_t)st.st_size;
}

void trim_folder(const char *path, uint64_t max)
{
	DIR *dir = opendir(path);
	struct items items = { 0 };
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		add(&items, dirfd(dir), entry->d_name);
	if (items.n)
		qsort(items.list, items.n, sizeof(*items.list), compare);
	for (size_t i = 0; i < items.n && items.size > max; i++)
		if (unlinkat(dirfd(dir), items.list[i].name, 0) == 0)
			items.size -= items.list[i].size;
	while (items.n)
		free(items.list[--items.n].name);
	free(items.list);
	closedir(dir);
}
