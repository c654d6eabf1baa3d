/* SPDX-License-Identifier: MIT */
/*
 * Owns: adding up a tree of processes from /proc. All of a guest's are below its first one, because
 * those whose parent ended become its children.
 */
#include "kind_light.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"

#define TREE_MAX 4096 /* processes looked at: LIGHT_PIDS_MAX */

static int read_file(int proc, pid_t pid, const char *name, struct buf *out)
{
	char path[64];
	cleanup_fd int fd = -1;

	buf_clear(out);
	snprintf(path, sizeof(path), "%d/%s", pid, name);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, 1 << 16, out) < 0)
		return -EIO;
	buf_append(out, "", 1);
	return 0;
}

static void add_process(int proc, pid_t pid, struct buf *text, uint64_t *memory, uint64_t *cpu)
{
	unsigned long long pages, user, system;
	const char *p;

	if (read_file(proc, pid, "statm", text) == 0 &&
	    sscanf((char *)buf_bytes(text), "%*u %llu", &pages) == 1)
		*memory += pages * sysconf(_SC_PAGESIZE);
	if (read_file(proc, pid, "stat", text) < 0)
		return;
	/* The name is in brackets and may hold anything: the last one closes it. */
	p = strrchr((char *)buf_bytes(text), ')');
	if (p && sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
			&system) == 2)
		*cpu += (user + system) * (1000000000ull / sysconf(_SC_CLK_TCK));
}

int light_usage_of_tree(int proc, pid_t pid, uint64_t *ret_memory, uint64_t *ret_cpu)
{
	uint64_t memory = 0, cpu = 0;
	cleanup_buf struct buf text = BUF_INIT;
	pid_t *queue = malloc(TREE_MAX * sizeof(*queue));
	size_t n = 0;
	char name[32];

	if (!queue)
		return -ENOMEM;
	queue[n++] = pid;
	for (size_t i = 0; i < n; i++) {
		add_process(proc, queue[i], &text, &memory, &cpu);
		/* Of the first thread; children of other threads are missed until they are orphans. */
		snprintf(name, sizeof(name), "task/%d/children", queue[i]);
		if (read_file(proc, queue[i], name, &text) < 0)
			continue;
		for (char *p = (char *)buf_bytes(&text), *end;
		     n < TREE_MAX && (queue[n] = strtol(p, &end, 10)) > 0; p = end)
			n++;
	}
	free(queue);
	*ret_memory = memory;
	*ret_cpu = cpu;
	return 0;
}
