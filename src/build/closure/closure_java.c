/* SPDX-License-Identifier: MIT */
/*
 * A Java runtime. Its launcher needs libjli.so, which finds all else by where it is itself: `lib` with
 * the virtual machine, the modules and their native parts, which Java code loads by names that no
 * string of the launcher says, and `conf`. So libjli.so asks for both folders, but for what only
 * developers use, what makes a start faster, and, unless the runtime is one that can open windows, the
 * native parts of a desktop.
 *
 * Where the packages have jlink(1) and what it links (jmods, of a JDK), only modules are kept that something
 * names, and then a file .jmod stands for its module: java_link.c makes `lib/modules` of those that are kept.
 * Files are looked through when nothing else is left to do, since each may name one. A file that cannot be looked through
 * keeps all.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "closure_internal.h"
#include "content.h"
#include "java_modules.h"
#include "mem.h"
#include "names.h"
#include "str.h"

#define LAUNCHER "/lib/libjli.so"
#define BASE     "java.base"

struct closure_java {
	const struct tree_node *launcher;
	char *home;
	struct java_modules modules;
	size_t next; /* of the queue, to be looked through */
	bool begun, whole;
};

#define JVM "usr/lib/jvm/"

/* Below the runtime's folder. */
static const char *const not_needed[] = {
	"lib/ct.sym",       "lib/src.zip",         "lib/classlist",  "lib/jrt-fs.jar",
	"lib/libattach.so", "lib/libdt_socket.so", "lib/libjdwp.so", "lib/libsaproc.so",
	"lib/server/*.jsa", "lib/jar.binfmt",      "lib/jexec",      "lib/jvm.cfg-*",
};

static const char *const desktop[] = {
	"lib/libawt*.so",         "lib/libfontmanager.so", "lib/libjavajpeg.so",
	"lib/libjsound.so",       "lib/liblcms.so",        "lib/libmlib_image.so",
	"lib/libsplashscreen.so", "lib/libjawt.so",        "lib/psfont*",
};

/* Its windows; in Debian a package of its own has it. */
static const char windows[] = "lib/libawt_xawt.so";

/*
 * What a module looks for as a service, or by names that it makes up, and does worse without or not at all. Not
 * all that jlink's --bind-services would add: as that has the tools of developers provide one, it adds nearly
 * everything.
 */
static const struct {
	const char *module, *service;
} services[] = {
	{ BASE, "java.logging" },   /* of System.Logger */
	{ BASE, "jdk.charsets" },   /* character sets by their names */
	{ BASE, "jdk.crypto.ec" },  /* elliptic curves: hardly a TLS connection is without */
	{ BASE, "jdk.localedata" }, /* how other languages write days and numbers */
	{ BASE, "jdk.random" },     /* the default one, too */
	{ BASE, "jdk.zipfs" },      /* archives as file systems */
	{ "java.management", "jdk.management" },
	{ "java.naming", "jdk.naming.dns" },
	{ "java.naming", "jdk.naming.rmi" },
	{ "java.security.jgss", "jdk.security.jgss" },
};

static bool is_among(const char *const *patterns, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(patterns[i], path, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static struct tree_node *in_home(const struct closure *c, const char *home, const char *name)
{
	cleanup_free char *path = xasprintf("%s/%s", home, name);

	return tree_get(c->tree, path);
}

static bool is_module_of(const struct closure_java *j, const struct tree_node *node)
{
	size_t n = strlen(j->home);

	return strncmp(node->path, j->home, n) == 0 && str_starts(node->path + n, "/jmods/");
}

/* --- the runtime --- */

/* Whether a file below lib/ is one of a module, which keeps it. */
static bool is_library(const struct closure_java *j, const char *path)
{
	for (size_t i = 0; i < j->modules.n; i++)
		if (j->modules.items[i].libraries &&
		    strv_has(j->modules.items[i].libraries, path + strlen("lib/")))
			return true;
	return false;
}

bool closure_java_spares(const char *path)
{
	const char *in_home = str_starts(path, JVM) ? strchr(path + strlen(JVM), '/') : NULL;

	return in_home && is_among(not_needed, ARRAY_SIZE(not_needed), in_home + 1);
}

static bool is_needed(const struct closure *c, const char *home, const char *path)
{
	return !is_among(not_needed, ARRAY_SIZE(not_needed), path) &&
	       (in_home(c, home, windows) || !is_among(desktop, ARRAY_SIZE(desktop), path));
}

/* Those of all modules, too, or only what is of none. */
static void keep_runtime(struct closure *c, const char *home, const struct tree_node *launcher,
			 const struct closure_java *j)
{
	size_t n, len = strlen(home), first = closure_below(c, home, &n);

	for (size_t i = first; i < first + n; i++) {
		struct tree_node *node = c->nodes[i];
		const char *path = node->path + len + 1;

		if (S_ISDIR(node->mode) ||
		    (!str_starts(path, "lib/") && !str_starts(path, "conf/")) ||
		    !is_needed(c, home, path) ||
		    (j && str_starts(path, "lib/") && is_library(j, path)))
			continue;
		closure_keep_node(c, node, REASON_DATA, launcher, NULL);
	}
}

/* Whether there is a JDK, of which jlink runs here. */
static bool can_link(struct closure *c, const char *home, size_t *ret_first, size_t *ret_n)
{
	cleanup_free char *jmods = xasprintf("%s/jmods", home);

	*ret_first = closure_below(c, jmods, ret_n);
	while (*ret_n && !str_ends(c->nodes[*ret_first]->path, ".jmod")) {
		++*ret_first;
		--*ret_n;
	}
	if (c->java_ended || c->java || !*ret_n || !in_home(c, home, "bin/jlink"))
		return false;
	if (str_eq(c->arch, arch_host()))
		return true;
	strv_take(c->notes, xasprintf("/%s keeps all of its modules: this computer is no %s, so "
				      "that it cannot run its jlink",
				      home, c->arch));
	return false;
}

int closure_java(struct closure *c, const struct tree_node *launcher, struct err **err)
{
	cleanup_free char *home = NULL;
	struct closure_java *j = NULL;
	size_t first, n;
	int r = 0;

	if (!str_ends(launcher->path, LAUNCHER))
		return 0;
	home = xstrndup(launcher->path, strlen(launcher->path) - strlen(LAUNCHER));
	if (can_link(c, home, &first, &n)) {
		j = c->java = xcalloc(1, sizeof(*j));
		j->launcher = launcher;
		j->home = xstrdup(home);
		r = java_modules_read(c->nodes + first, n, &j->modules, err);
	}
	if (r == 0)
		keep_runtime(c, home, launcher, j);
	return r;
}

void closure_java_finish(struct closure *c)
{
	if (!c->java)
		return;
	free(c->java->home);
	java_modules_finish(&c->java->modules);
	free(c->java);
}

/* --- its modules --- */

static void keep_module(struct closure *c, const char *name, enum reason reason,
			const struct tree_node *by, const char *detail)
{
	const struct java_module *m = java_modules_find(&c->java->modules, name);

	if (m)
		closure_keep_node(c, m->node, reason, by, detail);
}

/* jlink would bring it all the same, but not its libraries. */
static int require(struct closure *c, const struct java_module *by, const char *name,
		   struct err **err)
{
	const struct java_module *m = java_modules_find(&c->java->modules, name);
	const char *pattern;

	keep_module(c, name, REASON_IMPORT, by->node, NULL);
	pattern = m && !m->node->kept ? closure_exclusion(c->recipe, m->node->path) : NULL;
	return pattern ? err_set(err, EINVAL,
				 "\"keep: %s\" of the recipe leaves out the module %s, which %s "
				 "requires; leave that out, too",
				 pattern, name, by->name)
		       : 0;
}

/* What a module that is kept brings along. */
static int follow(struct closure *c, const struct java_module *m, struct err **err)
{
	struct closure_java *j = c->java;
	int r = 0;

	for (char **name = m->requires; name && *name && r == 0; name++)
		r = require(c, m, *name, err);
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (str_eq(services[i].module, m->name))
			keep_module(c, services[i].service, REASON_PLUGIN, m->node, "a service");
	for (char **name = m->libraries; name && *name; name++) {
		cleanup_free char *path = xasprintf("lib/%s", *name);
		struct tree_node *node = in_home(c, j->home, path);

		if (node && is_needed(c, j->home, path))
			closure_keep_node(c, node, REASON_DATA, j->launcher, NULL);
	}
	return r;
}

struct naming {
	struct closure *c;
	const struct tree_node *by;
	enum reason reason;
	const char *detail; /* NULL: the name */
};

static void handle_named(const struct java_module *module, const char *name, void *data)
{
	struct naming *n = data;

	closure_keep_node(n->c, module->node, n->reason, n->by, n->detail ? n->detail : name);
}

/* What the runtime itself is made of names everything. Its programs count, each of which is a module's. */
static bool counts(const struct closure_java *j, const struct tree_node *node)
{
	size_t n = strlen(j->home);

	if (!S_ISREG(node->mode) || str_eq(node->owner, "atoll"))
		return false;
	if (strncmp(node->path, j->home, n) == 0 && node->path[n] == '/')
		return str_starts(node->path + n, "/bin/");
	return !str_eq(node->owner, j->launcher->owner);
}

/* Nobody knows what this file needs. */
static void keep_whole(struct closure *c, const struct tree_node *by, const char *why)
{
	struct closure_java *j = c->java;
	struct tree_node *modules = in_home(c, j->home, "lib/modules");
	cleanup_free char *detail = xasprintf("with all modules: /%s: %s", by->path, why);

	strv_take(c->notes, xasprintf("/%s keeps all of its modules: /%s of %s cannot be looked "
				      "through: %s",
				      j->home, by->path, by->owner, why));
	j->whole = true;
	keep_runtime(c, j->home, j->launcher, NULL);
	if (modules && modules->kept)
		tree_because(modules, REASON_DATA, j->launcher->path, detail);
}

static void look_through(struct closure *c, const struct tree_node *node)
{
	struct naming n = { .c = c, .by = node, .reason = REASON_IMPORT };
	cleanup_err struct err *err = NULL;
	struct content bytes;

	if (!counts(c->java, node) || !node->content || content_map(node, &bytes, NULL) < 0)
		return;
	if (java_modules_scan(&c->java->modules, bytes.data, bytes.len, handle_named, &n, &err) < 0)
		keep_whole(c, node, err_msg(err));
	content_unmap(&bytes);
}

/* Options name classes and modules: --add-modules, -D… */
static void look_through_words(struct closure *c, char *const *words, const char *key)
{
	cleanup_free char *line = recipe_where(c->recipe, recipe_line(c->recipe, key), key);
	struct naming n = { .c = c, .reason = REASON_RECIPE, .detail = line };

	for (; words && *words; words++)
		java_modules_scan(&c->java->modules, *words, strlen(*words), handle_named, &n,
				  NULL);
}

static void begin(struct closure *c)
{
	c->java->begun = true;
	keep_module(c, BASE, REASON_DATA, c->java->launcher, NULL);
	look_through_words(c, c->recipe->argv, "run");
	look_through_words(c, c->recipe->prepare, "prepare");
	look_through_words(c, c->recipe->env, "env");
}

int closure_java_modules(struct closure *c, struct err **err)
{
	struct closure_java *j = c->java;
	size_t before = c->n_queue;
	int r = 0;

	if (!j || j->whole || c->java_ended)
		return 0;
	if (!j->begun)
		begin(c);
	for (; j->next < c->n_queue && !j->whole && r == 0; j->next++) {
		struct tree_node *node = c->queue[j->next];

		if (!is_module_of(j, node)) {
			look_through(c, node);
			continue;
		}
		for (size_t i = 0; i < j->modules.n; i++)
			if (j->modules.items[i].node == node)
				r = follow(c, &j->modules.items[i], err);
	}
	return r < 0 ? r : c->n_queue > before;
}

/* The modules are all in lib/modules. */
static void release(struct closure *c, struct tree_node *node, const char *jmods)
{
	struct tree_node *modules = in_home(c, c->java->home, "lib/modules");

	if (is_module_of(c->java, node) || str_eq(node->path, jmods))
		node->kept = false;
	else if (modules)
		java_modules_stand_in(node, jmods, modules);
}

void closure_java_end(struct closure *c)
{
	cleanup_free char *jmods = c->java ? xasprintf("%s/jmods", c->java->home) : NULL;

	c->java_ended = true;
	for (size_t i = 0; c->java && c->java->whole && i < c->n_nodes; i++)
		if (c->nodes[i]->kept)
			release(c, c->nodes[i], jmods);
}
