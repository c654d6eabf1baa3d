/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. The test runs twice, each time in a light machine made for it, with atoll-init and the
 * application as in any other:
 *
 *	1  on all files of all packages   What it opens there and the closure left out is named, and
 *	                                  the build ends. The closure follows what files say; this
 *	                                  is what they do.
 *	2  on the closure                 It has to pass.
 *
 * What the test itself starts (a client, a shell) is no part of the appliance: the closure marked what that needs
 * (for_test), which both runs have.
 *
 * What is opened is seen by inotify, in the folders that have files which were left out: it needs no
 * privilege, slows nothing, and knows of each open(2) and execve(2), the kernel's for an interpreter
 * included. It does not see who only asks whether a file is there; such a file's absence shows in the
 * second run, or does no harm.
 */
#include "trial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "closure.h"
#include "command.h"
#include "fd.h"
#include "ldcache.h"
#include "mem.h"
#include "sha256.h"
#include "stage.h"
#include "str.h"
#include "trial_internal.h"
#include "userns.h"

#define FORMAT     "1"
#define RECIPE_MAX (1 << 20)
#define LINES_MAX  12 /* of the output's end */
#define NAMED_MAX  20 /* files that are named one by one */

#define MAKE_SECONDS 600 /* for a program that makes something */

/* One run on its way. */
struct attempt {
	const struct trial *t;
	struct tree all; /* what is in the machine: copies of nodes */
	struct trial_root root;
	struct trial_watch watch;
	struct ids ids;
	const struct tree_node *
		*opened; /* of those left out, in the order in which they were opened */
	size_t n_opened;
};

/* --- the files --- */

static void take_node(struct tree *to, const struct tree_node *node)
{
	tree_put(to, (struct tree_node){
			     .path = xstrdup(node->path),
			     .mode = node->mode,
			     .uid = node->uid,
			     .gid = node->gid,
			     .target = node->target ? xstrdup(node->target) : NULL,
			     .content = node->content ? xstrdup(node->content) : NULL,
			     .content_at = node->content_at,
			     .content_len = node->content_len,
			     .owner = xstrdup(node->owner),
		     });
}

/* The image's files, and of those that were left out all, or those that the test itself needs. */
static int gather(struct attempt *a, bool whole, struct err **err)
{
	cleanup_free struct tree_node **kept = tree_list(a->t->tree),
				      **left = tree_list(a->t->left);
	int r;

	for (size_t i = 0; left[i]; i++)
		if (whole || left[i]->for_test)
			take_node(&a->all, left[i]);
	for (size_t i = 0; kept[i]; i++)
		take_node(&a->all, kept[i]);
	/* ld.so's cache knows the image's libraries alone. */
	r = ldcache_put(a->t->ws, a->t->arch, &a->all, err);
	return r < 0 ? r : tree_complete(&a->all, err);
}

/* Ours to read and, a folder, to empty again: what else a mode says is shown by the upper layer. */
static mode_t host_mode(const struct tree_node *node)
{
	return (node->mode & 0777) | (S_ISDIR(node->mode) ? 0700 : 0400);
}

static int put(struct attempt *a, struct tree_node *node, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/lower/%s", a->root.dir, node->path);
	uid_t base = (uid_t)a->root.base;
	int r = stage_node(a->t->ws, node, path, err);

	if (r < 0)
		return r;
	if ((a->root.base >= 0 && lchown(path, base, base) < 0) ||
	    (!S_ISLNK(node->mode) && chmod(path, host_mode(node)) < 0))
		return err_set_errno(err, errno, "%s", path);
	if (node->uid || node->gid ||
	    (!S_ISLNK(node->mode) && (node->mode & 07777) != host_mode(node)))
		a->root.special[a->root.n_special++] = node;
	return 0;
}

static int make_folder(const struct attempt *a, const char *name, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/%s", a->root.dir, name);

	if (mkdir(path, 0755) < 0 ||
	    (a->root.base >= 0 && lchown(path, (uid_t)a->root.base, (gid_t)a->root.base) < 0))
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

static int put_all(struct attempt *a, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(&a->all);
	int r = make_folder(a, "", err);

	a->root.special = xcalloc(a->all.n + 1, sizeof(struct tree_node *));
	if (r == 0)
		r = make_folder(a, "lower", err);
	if (r == 0)
		r = make_folder(a, "memory", err);
	if (r == 0 && a->root.makes)
		r = make_folder(a, "made", err);
	for (size_t i = 0; nodes[i] && r == 0; i++)
		r = put(a, nodes[i], err);
	return r;
}

/* --- what is opened --- */

/* Of what is left out on purpose, only the second run can tell whether it is missed. */
static bool counts(const struct trial *t, const struct tree_node *node)
{
	return node && S_ISREG(node->mode) && !node->for_test && !tree_get(t->tree, node->path) &&
	       !closure_exclusion(t->recipe, node->path) && !closure_java_spares(node->path);
}

/* The folder that a file is in, when it is another than the last one. */
static void add_folder(struct trial_watch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *folder = xstrndup(path, slash ? (size_t)(slash - path) : 0);

	if (w->n && str_eq(w->folders[w->n - 1], folder))
		return;
	if (!strv_has(w->folders, folder))
		strv_take(&w->folders, steal_ptr(folder));
	w->n = strv_len(w->folders);
}

static int watch_folders(struct attempt *a, struct err **err)
{
	cleanup_free struct tree_node **left = tree_list(a->t->left);
	struct trial_watch *w = &a->watch;
	void *room;

	for (size_t i = 0; left[i]; i++)
		if (counts(a->t, left[i]))
			add_folder(w, left[i]->path);
	room = mmap(NULL, (w->n + 1) * sizeof(*w->numbers), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		return err_set_errno(err, errno, "mmap");
	w->numbers = room;
	a->root.watch = w;
	return 0;
}

static void handle_opened(const char *path, void *data)
{
	struct attempt *a = data;
	struct tree_node *node = tree_get(a->t->left, path);

	if (!counts(a->t, node))
		return;
	for (size_t i = 0; i < a->n_opened; i++)
		if (a->opened[i] == node)
			return;
	a->opened = xreallocarray(a->opened, a->n_opened + 1, sizeof(struct tree_node *));
	a->opened[a->n_opened++] = node;
}

/* --- a run --- */

static void finish(struct attempt *a)
{
	if (a->root.dir)
		dir_remove(a->root.dir, NULL);
	if (a->watch.numbers)
		munmap(a->watch.numbers, (a->watch.n + 1) * sizeof(*a->watch.numbers));
	strv_free(a->watch.folders);
	fd_close(&a->watch.fd);
	ids_release(&a->ids);
	tree_finish(&a->all);
	free(a->root.special);
	free(a->root.dir);
	free(a->opened);
}

static int run_machine(struct attempt *a, bool whole, struct trial_result *result, struct err **err)
{
	bool watched = whole && !a->root.makes;
	int r = 0;

	a->root.recipe = a->t->recipe;
	a->root.dir = workspace_temp(a->t->ws, "test");
	a->root.base = -1;
	a->watch.fd = a->ids.lock = -1;
	result->opened = handle_opened;
	result->data = a;
	if (geteuid() == 0) {
		r = ids_take(a->root.dir, NULL, &a->ids, err);
		a->root.base = (int)a->ids.base;
	}
	if (r == 0)
		r = gather(a, whole, err);
	if (r == 0)
		r = put_all(a, err);
	if (r == 0 && watched)
		r = watch_folders(a, err);
	return r < 0 ? r : trial_machine_run(&a->root, a->t->init, result, err);
}

static int attempt(struct attempt *a, bool whole, struct trial_result *result, struct err **err)
{
	int r = run_machine(a, whole, result, err);

	return r < 0 ? err_prefix(err, "a machine for the test") : 0;
}

/* --- what is said of it --- */

/* A line as a terminal may have it. */
static void add_line(char ***notes, const char *line, size_t len)
{
	char *text = xasprintf("test: | %.*s", (int)(len > 300 ? 300 : len), line);

	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = ' ';
	strv_take(notes, text);
}

static void add_output(char ***notes, const struct buf *said)
{
	const char *begin = (const char *)buf_bytes(said), *end = begin + said->len, *p = end;
	int lines = 0;

	while (said->len && p > begin && (p == end || p[-1] != '\n' || ++lines < LINES_MAX))
		p--;
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((newline ? newline : end) - p);

		add_line(notes, p, n);
		p += n + (newline != NULL);
	}
}

static int judge(const struct trial *t, const struct trial_result *result, const char *files,
		 char ***notes, struct err **err)
{
	cleanup_free char *where = NULL, *fault = NULL;

	if (result->ran && result->status == 0)
		return 0;
	where = recipe_at(t->recipe, "test");
	fault = result->fault ? xstrdup(result->fault)
			      : xasprintf("it ended with status %d", result->status);
	add_output(notes, &result->said);
	return err_set(err, EINVAL, "%s: with %s: %s%s", where, files, fault,
		       geteuid() && t->recipe->n_users
			       ? " (only one user is known here; uidmap and /etc/subuid give more)"
			       : "");
}

/* What would have brought it, as far as it can be told: it was made up at run time. */
static const char *edge_of(const struct tree_node *node)
{
	if (strstr(node->path, ".so.") || str_ends(node->path, ".so"))
		return "no file that is kept needs this library or says its name";
	if (str_starts(node->path, "etc/"))
		return "no file that is kept says its path, and no program of its package is kept";
	if (str_ends(node->path, ".py") || str_ends(node->path, ".pm") ||
	    str_ends(node->path, ".js") || str_ends(node->path, ".pl"))
		return "no module that is kept imports it by a name that is written there";
	if (node->mode & 0111)
		return "no file that is kept runs or names this program";
	return "no file that is kept says its path or its folder's";
}

static char *edge(const struct tree_node *node)
{
	if (node->by)
		return xasprintf("/%s would have brought it, and is left out too (%s)", node->by,
				 reason_name(node->reason));
	return xstrdup(node->detail && *node->detail ? node->detail : edge_of(node));
}

static int judge_opened(const struct trial *t, const struct attempt *a, char ***notes,
			struct err **err)
{
	cleanup_free char *where = recipe_at(t->recipe, "test");

	if (!a->n_opened)
		return 0;
	for (size_t i = 0; i < a->n_opened && i < NAMED_MAX; i++) {
		const struct tree_node *node = a->opened[i];
		cleanup_free char *because = edge(node);

		strv_take(notes, xasprintf("test: opens /%s of %s, which is left out: %s; "
					   "\"keep: /%s\" brings it",
					   node->path, node->owner, because, node->path));
	}
	return err_set(err, EINVAL,
		       "%s: with all files of its packages it opens %zu that the image has not, "
		       "/%s first; keep them (keep:), or leave them out by name (\"!/GLOB\")",
		       where, a->n_opened, a->opened[0]->path);
}

static int run_whole(const struct trial *t, char ***notes, struct err **err)
{
	struct trial_result result = { .said = BUF_INIT };
	struct attempt a = { .t = t };
	int r = attempt(&a, true, &result, err);

	if (r == 0)
		r = judge(t, &result, "all files of its packages", notes, err);
	if (r == 0)
		r = judge_opened(t, &a, notes, err);
	if (r == 0 && result.missed)
		r = err_set(err, EAGAIN,
			    "the test opens more files at once than the kernel takes note of: "
			    "raise fs.inotify.max_queued_events (sysctl)");
	finish(&a);
	trial_result_finish(&result);
	return r;
}

static int run_closure(const struct trial *t, char ***notes, struct err **err)
{
	struct trial_result result = { .said = BUF_INIT };
	struct attempt a = { .t = t };
	int r = attempt(&a, false, &result, err);

	if (r == 0)
		r = judge(t, &result,
			  "the files of the image (with all of its packages' it passes)", notes,
			  err);
	finish(&a);
	trial_result_finish(&result);
	return r;
}

int trial_run(const struct trial *t, char ***notes, struct err **err)
{
	int r = run_whole(t, notes, err);

	return r < 0 ? r : run_closure(t, notes, err);
}

/* --- what is made --- */

static int judge_made(const char *program, const struct trial_result *result, struct err **err)
{
	cleanup_free char *line = command_last_line(&result->said);

	if (result->ran && result->status == 0)
		return 0;
	if (result->fault)
		return err_set(err, EIO, "%s: %s", program, result->fault);
	return err_set(err, EIO, "%s ended with status %d: %s", program, result->status, line);
}

int trial_make(const struct trial *t, char **argv, const char *made, const char *dest,
	       struct err **err)
{
	struct recipe recipe = { .name = t->recipe->name,
				 .test = argv,
				 .test_seconds = MAKE_SECONDS };
	struct trial own = *t;
	struct trial_result result = { .said = BUF_INIT };
	struct attempt a = { .t = &own, .root.makes = true };
	cleanup_free char *path = NULL;
	int r;

	own.recipe = &recipe;
	r = run_machine(&a, true, &result, err);
	if (r == 0)
		r = judge_made(argv[0], &result, err);
	path = xasprintf("%s/made/%s", a.root.dir, made);
	if (r == 0 && rename(path, dest) < 0)
		r = err_set_errno(err, errno, "%s made no %s", argv[0], made);
	finish(&a);
	trial_result_finish(&result);
	return r;
}

int trial_digest(const struct trial *t, const char *verity, char hex[65], struct err **err)
{
	cleanup_free struct tree_node **left = tree_list(t->left);
	cleanup_buf struct buf text = BUF_INIT;
	char init[SHA256_HEX + 1];
	struct sha256 key;
	int r = file_read(t->recipe->file, RECIPE_MAX, &text, err);

	if (r == 0)
		r = sha256_file(t->init, init, err);
	if (r < 0)
		return r;
	sha256_begin(&key);
	sha256_add_str(&key, FORMAT);
	sha256_add_str(&key, verity);
	sha256_add_str(&key, init);
	sha256_add(&key, &text.len, sizeof(text.len));
	sha256_add(&key, buf_bytes(&text), text.len);
	for (size_t i = 0; i < t->packages->n; i++)
		sha256_add_str(&key, t->packages->items[i].sha256);
	for (size_t i = 0; left[i]; i++)
		if (left[i]->for_test)
			sha256_add_str(&key, left[i]->path);
	sha256_end(&key, hex);
	return 0;
}
