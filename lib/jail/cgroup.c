/* SPDX-License-Identifier: MIT */
/*
 * Owns: a machine's control group, in whichever version the host has.
 *
 * A `tree` is one hierarchy that the group has a folder in: the one of version 2, or several of
 * version 1. Which files a tree has for what is in the tables below; the rest of the code does not
 * know the version.
 */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mem.h"
#include "str.h"

#define TREES_MAX 3
#define PRUNE_AGE 60 /* seconds */

enum tree_kind {
	TREE_UNIFIED,
	TREE_MEMORY,
	TREE_PIDS,
	TREE_CPUACCT,
};

/* What a limit or counter is called in a tree; NULL: it has none. */
static const struct tree_files {
	const char *memory_max;
	const char *swap_max; /* version 1: memory and swap together */
	const char *pids_max;
	const char *memory_usage;
	const char *cpu_usage;
} tree_files[] = {
	[TREE_UNIFIED] = { "memory.max", "memory.swap.max", "pids.max", "memory.current",
			   "cpu.stat" },
	[TREE_MEMORY] = { "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", NULL,
			  "memory.usage_in_bytes", NULL },
	[TREE_PIDS] = { NULL, NULL, "pids.max", NULL, NULL },
	[TREE_CPUACCT] = { NULL, NULL, NULL, NULL, "cpuacct.usage" },
};

/* Where hierarchies are usually mounted, best first: the first of a kind that works is taken. */
static const struct {
	enum tree_kind kind;
	const char *path;
} places[] = {
	{ TREE_UNIFIED, "/sys/fs/cgroup" },         { TREE_UNIFIED, "/sys/fs/cgroup/unified" },
	{ TREE_MEMORY, "/sys/fs/cgroup/memory" },   { TREE_PIDS, "/sys/fs/cgroup/pids" },
	{ TREE_CPUACCT, "/sys/fs/cgroup/cpuacct" }, { TREE_CPUACCT, "/sys/fs/cgroup/cpu,cpuacct" },
};

struct tree {
	enum tree_kind kind;
	int parent; /* the folder of all our groups */
	int dir;    /* the group's */
	int procs;  /* its cgroup.procs */
};

struct cgroup {
	char *name; /* of the folders */
	struct tree trees[TREES_MAX];
	size_t n_trees;
	bool memory_limited, pids_limited;
	int memory_usage, cpu_usage; /* open counters, or -1 */
	bool cpu_in_stat;            /* cpu_usage is version 2's cpu.stat */
};

static int write_at(int dir, const char *file, const char *text)
{
	cleanup_fd int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_number(int dir, const char *file, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return write_at(dir, file, text);
}

static bool has_controllers(int dir)
{
	char text[256] = "";
	cleanup_fd int fd = openat(dir, "cgroup.controllers", O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strstr(text, "memory") &&
	       strstr(text, "pids");
}

/* Our folder in a hierarchy, made when it is not there; -1 when that cannot be. */
static int open_parent(enum tree_kind kind, const char *path)
{
	cleanup_fd int root = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	int fd;

	if (root < 0 || (kind == TREE_UNIFIED && !has_controllers(root)))
		return -1;
	/* Not a hierarchy, but the bare folder for one, has no cgroup.procs. */
	if (faccessat(root, "cgroup.procs", F_OK, 0) < 0)
		return -1;
	fd = openat(root, CGROUP_PARENT, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (kind == TREE_UNIFIED)
		write_at(root, "cgroup.subtree_control", "+memory +pids +cpu");
	if (mkdirat(root, CGROUP_PARENT, 0755) < 0 && errno != EEXIST)
		return -1;
	fd = openat(root, CGROUP_PARENT, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && kind == TREE_UNIFIED)
		write_at(fd, "cgroup.subtree_control", "+memory +pids +cpu");
	return fd;
}

static void close_tree(struct tree *t)
{
	fd_close(&t->procs);
	fd_close(&t->dir);
	fd_close(&t->parent);
}

/* An empty group of this name is a left-over, and becomes ours; one with processes is another's. */
static int make_tree(struct tree *t, const char *name)
{
	if (mkdirat(t->parent, name, 0755) < 0)
		return -errno;
	t->dir = openat(t->parent, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (t->dir >= 0)
		t->procs = openat(t->dir, "cgroup.procs", O_RDWR | O_CLOEXEC);
	if (t->procs < 0) {
		unlinkat(t->parent, name, AT_REMOVEDIR);
		return -EACCES;
	}
	return 0;
}

static bool covered(const struct cgroup *cg, enum tree_kind kind)
{
	for (size_t i = 0; i < cg->n_trees; i++)
		if (cg->trees[i].kind == kind || cg->trees[i].kind == TREE_UNIFIED)
			return true;
	return false;
}

static void remove_trees(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n_trees; i++) {
		if (unlinkat(cg->trees[i].parent, cg->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			log_debug("cgroup %s: cannot remove: %s", cg->name, strerror(errno));
		close_tree(&cg->trees[i]);
	}
	cg->n_trees = 0;
}

/* Hierarchies that cannot be written are left out. */
static void make_trees(struct cgroup *cg)
{
	for (size_t i = 0; i < ARRAY_SIZE(places) && cg->n_trees < TREES_MAX; i++) {
		struct tree t = { .kind = places[i].kind, .parent = -1, .dir = -1, .procs = -1 };

		if (covered(cg, t.kind))
			continue;
		t.parent = open_parent(t.kind, places[i].path);
		if (t.parent < 0)
			continue;
		if (make_tree(&t, cg->name) == 0)
			cg->trees[cg->n_trees++] = t;
		else
			close_tree(&t);
	}
}

static void limit_tree(struct cgroup *cg, const struct tree *t, const struct cgroup_limits *limits)
{
	const struct tree_files *files = &tree_files[t->kind];

	if (files->memory_max && limits->memory &&
	    write_number(t->dir, files->memory_max, limits->memory) == 0) {
		cg->memory_limited = true;
		/* Absent where the kernel does not count swap; 0 of its own, or all of both. */
		write_number(t->dir, files->swap_max, t->kind == TREE_UNIFIED ? 0 : limits->memory);
		if (t->kind == TREE_UNIFIED)
			write_at(t->dir, "memory.oom.group", "1");
	}
	if (files->pids_max && limits->pids &&
	    write_number(t->dir, files->pids_max, limits->pids) == 0)
		cg->pids_limited = true;
}

static void open_counters(struct cgroup *cg, const struct tree *t)
{
	const struct tree_files *files = &tree_files[t->kind];

	if (files->memory_usage)
		cg->memory_usage = openat(t->dir, files->memory_usage, O_RDONLY | O_CLOEXEC);
	if (files->cpu_usage) {
		cg->cpu_usage = openat(t->dir, files->cpu_usage, O_RDONLY | O_CLOEXEC);
		cg->cpu_in_stat = t->kind == TREE_UNIFIED;
	}
}

/* A young one without processes may be that of a machine that is just being started. */
static bool is_old(int dir, const char *name, const char *of)
{
	struct stat st;

	(void)of;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_ctime + PRUNE_AGE < time(NULL);
}

/* Made for `of` by a process that is no more: "OF.PID.NUMBER". */
static bool is_orphan(int dir, const char *name, const char *of)
{
	size_t n = strlen(of);

	(void)dir;
	return strncmp(name, of, n) == 0 && name[n] == '.' && atoi(name + n + 1) > 1 &&
	       kill(atoi(name + n + 1), 0) < 0 && errno == ESRCH;
}

static void prune(bool (*stale)(int dir, const char *name, const char *of), const char *of)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		cleanup_free char *path = xasprintf("%s/%s", places[i].path, CGROUP_PARENT);
		DIR *dir = opendir(path);
		struct dirent *e;

		if (!dir)
			continue;
		/* The kernel refuses for a group with processes. */
		while ((e = readdir(dir)))
			if (e->d_type == DT_DIR && e->d_name[0] != '.' &&
			    stale(dirfd(dir), e->d_name, of))
				unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
		closedir(dir);
	}
}

void cgroup_prune(void)
{
	prune(is_old, NULL);
}

int cgroup_create(const char *name, const struct cgroup_limits *limits, struct cgroup **ret_cgroup,
		  struct err **err)
{
	static unsigned int serial;
	struct cgroup *cg;

	if (!*name || *name == '.' || strchr(name, '/') || strlen(name) > 200)
		return err_set(err, EINVAL, "\"%s\" is no name for a control group", name);
	cg = xcalloc(1, sizeof(*cg));
	prune(is_orphan, name); /* what a killed monitor left */
	/* Daemons of several state folders may have machines of one name, and start them at once. */
	cg->name = xasprintf("%s.%d.%u", name, getpid(), serial++);
	cg->memory_usage = cg->cpu_usage = -1;
	make_trees(cg);
	for (size_t i = 0; i < cg->n_trees; i++) {
		limit_tree(cg, &cg->trees[i], limits);
		open_counters(cg, &cg->trees[i]);
	}
	*ret_cgroup = cg;
	return 0;
}

bool cgroup_limited(const struct cgroup *cg)
{
	return cg->memory_limited && cg->pids_limited;
}

int cgroup_fd(const struct cgroup *cg)
{
	return cg->n_trees && cg->trees[0].kind == TREE_UNIFIED ? cg->trees[0].dir : -1;
}

int cgroup_add(struct cgroup *cg, pid_t pid, struct err **err)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", pid);

	for (size_t i = 0; i < cg->n_trees; i++)
		if (write(cg->trees[i].procs, text, len) < 0)
			return err_set_errno(err, errno,
					     "cannot add process %d to control group %s", pid,
					     cg->name);
	return 0;
}

int cgroup_enter(struct cgroup *cg, struct err **err)
{
	for (size_t i = 0; i < cg->n_trees; i++) {
		/* Linux 5.5, cgroup_procs_write_start: without the lock for a thread that is itself */
		bool unified = cg->trees[i].kind == TREE_UNIFIED;
		int r = write_at(cg->trees[i].dir, unified ? "cgroup.procs" : "tasks", "0");

		if (r < 0)
			return err_set_errno(err, -r, "cannot enter control group %s", cg->name);
	}
	return 0;
}

static int read_counter(int fd, bool in_stat, uint64_t *ret_value)
{
	char text[512];
	ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	unsigned long long value;
	const char *p = text;

	if (n <= 0)
		return -ENODATA;
	text[n] = 0;
	if (in_stat)
		p = strstr(text, "usage_usec ");
	if (!p || sscanf(in_stat ? p + strlen("usage_usec ") : p, "%llu", &value) != 1)
		return -ENODATA;
	*ret_value = in_stat ? value * 1000 : value;
	return 0;
}

int cgroup_usage(struct cgroup *cg, uint64_t *ret_memory, uint64_t *ret_cpu)
{
	uint64_t memory, cpu;

	if (read_counter(cg->memory_usage, false, &memory) < 0 ||
	    read_counter(cg->cpu_usage, cg->cpu_in_stat, &cpu) < 0)
		return -ENODATA;
	*ret_memory = memory;
	*ret_cpu = cpu;
	return 0;
}

/* Again until nobody is left: who is being killed may be forking. */
static void kill_by_list(const struct tree *t)
{
	char text[4096];

	for (int round = 0; round < 100; round++) {
		ssize_t n = pread(t->procs, text, sizeof(text) - 1, 0);

		if (n <= 0)
			return;
		text[n] = 0;
		for (char *p = text, *end; (end = strchr(p, '\n')); p = end + 1)
			if (atoi(p) > 1)
				kill(atoi(p), SIGKILL);
		usleep(1000);
	}
}

void cgroup_kill(struct cgroup *cg)
{
	if (!cg->n_trees)
		return;
	if (write_at(cg->trees[0].dir, "cgroup.kill", "1") < 0)
		kill_by_list(&cg->trees[0]);
}

void cgroup_destroy(struct cgroup *cg)
{
	if (!cg)
		return;
	remove_trees(cg);
	fd_close(&cg->memory_usage);
	fd_close(&cg->cpu_usage);
	free(cg->name);
	free(cg);
}
