/* SPDX-License-Identifier: MIT */
/*
 * Rules about folders, packages and functions. A folder that a program names is its data: taken whole
 * as far as it is of the program's own package; of packages of the same source, and below /usr/share
 * of those that its package depends on, near or far, all but what is executable. Names in the tables are the C
 * library's and the distribution's, not those of applications.
 */
#include <fnmatch.h>
#include <string.h>

#include "closure_internal.h"
#include "content.h"
#include "locales.h"
#include "mem.h"
#include "str.h"
#include "words.h"

/* Folders that all packages share, or of which language runtimes take what is imported. */
static const char *const shared[] = {
	"usr",
	"usr/bin",
	"usr/sbin",
	"usr/games",
	"usr/include",
	"usr/lib",
	"usr/lib/*-linux-gnu*",
	"usr/lib/locale",
	"usr/lib/*/gconv",
	"usr/lib/systemd",
	"usr/lib/systemd/*",
	"usr/lib/*.d",         /* each package's own drop into: tmpfiles.d, sysctl.d */
	"usr/lib/*/security",  /* PAM's, by name in its configuration */
	"usr/lib/*/engines-*", /* OpenSSL's, by name in its configuration */
	"usr/lib/*/ossl-modules",
	"usr/lib64",
	"usr/libexec",
	"usr/local",
	"usr/local/*",
	"usr/share",
	"usr/share/doc",
	"usr/share/icons",
	"usr/share/applications",
	"usr/share/locale",
	"usr/share/i18n",
	"usr/share/man",
	"usr/share/info",
	"usr/src",
	"etc",
	"etc/ssl",
	"etc/ssl/certs",
	"var",
	"var/lib",
	"var/cache",
	"var/log",
	"var/lib/dpkg",
	"run",
	"run/lock",
	"opt",
	"srv",
	/* modules of languages: closure_python.c, closure_perl.c */
	"usr/lib/python*",
	"usr/lib/python*/*",
	"usr/share/perl",
	"usr/share/perl/*",
	"usr/share/perl5",
	"usr/lib/*/perl",
	"usr/lib/*/perl/*",
	"usr/lib/*/perl5",
	"usr/lib/*/perl5/*",
	"usr/lib/*/perl-base",
	"usr/share/nodejs",
	"usr/lib/nodejs",
	"usr/lib/*/nodejs",
};

/* Configuration of what an appliance does not have: services, logs, times, logins, menus. */
static const char *const foreign_config[] = {
	"etc/init.d/",
	"etc/init/",
	"etc/default/",
	"etc/logrotate.d/",
	"etc/cron.",
	"etc/systemd/",
	"etc/xdg/systemd/",
	"etc/bash_completion",
	"etc/insserv",
	"etc/apparmor",
	"etc/ufw/",
	"etc/rsyslog.d/",
	"etc/apport/",
	"etc/kernel/",
	"etc/apt/",
	"etc/dpkg/",
	"etc/initramfs-tools/",
	"etc/network/if-",
	"etc/logcheck/",
	"etc/X11/Xsession",
	"etc/profile.d/",
	"etc/rc",
	"etc/resolvconf/",
	"etc/dhcp/",
	"etc/ppp/",
	"etc/sysctl.d/",
	"etc/modprobe.d/",
	"etc/udev/",
	"etc/emacs/",
	"etc/ld.so.conf.d/",
	"etc/update-motd.d",
	"etc/sudoers.d/",
	"etc/sv/",
	"etc/needrestart/",
};

#define UNWINDER "/usr/lib/*/libgcc_s.so.1"

/*
 * What functions of the C library read or open. Its own strings say so too, but for every program that has
 * a C library; these count only for who calls them.
 */
static const struct {
	const char *function, *path;
} functions[] = {
	{ "system", "/bin/sh" },
	{ "popen", "/bin/sh" },
	{ "wordexp", "/bin/sh" },
	{ "setlocale", "/usr/lib/locale/C.utf8/**" },
	{ "newlocale", "/usr/lib/locale/C.utf8/**" },
	{ "getservbyname", "/etc/services" },
	{ "getservbyname_r", "/etc/services" },
	{ "getaddrinfo", "/etc/services" },
	{ "getprotobyname", "/etc/protocols" },
	{ "getprotobyname_r", "/etc/protocols" },
	{ "getrpcbyname", "/etc/rpc" },
	{ "pam_start", "/etc/pam.d/other" },
	{ "getaddrinfo", "/usr/lib/*/libidn2.so.0" },
	/* What unwinds the stack of a thread that ends, or is looked at. */
	{ "pthread_exit", UNWINDER },
	{ "pthread_cancel", UNWINDER },
	{ "thrd_exit", UNWINDER },
	{ "backtrace", UNWINDER },
	/* A library with threads of its own, which the interpreter ends when it stops. */
	{ "PyGILState_Ensure", UNWINDER },
	{ "OSSL_PROVIDER_load", "/usr/lib/*/ossl-modules/legacy.so" },
	/* Beside UTF-8 and ASCII, which are inside the C library: what texts and mail come in. */
	{ "iconv_open", "/usr/lib/*/gconv/gconv-modules" },
	{ "iconv_open", "/usr/lib/*/gconv/UTF-16.so" },
	{ "iconv_open", "/usr/lib/*/gconv/UTF-32.so" },
	{ "iconv_open", "/usr/lib/*/gconv/UTF-7.so" },
	{ "iconv_open", "/usr/lib/*/gconv/UNICODE.so" },
	{ "iconv_open", "/usr/lib/*/gconv/ISO8859-1.so" },
	{ "iconv_open", "/usr/lib/*/gconv/ISO8859-15.so" },
	{ "iconv_open", "/usr/lib/*/gconv/CP1252.so" },
};

/*
 * Parts of folders that are there for who asks by name: the same zones with leap seconds, or twice, or
 * as the text that they are made of; where they are, for people who choose one.
 */
static const char *const by_name[] = {
	"usr/share/zoneinfo/right/",      "usr/share/zoneinfo/posix/",
	"usr/share/zoneinfo/tzdata.zi",   "usr/share/zoneinfo/zone",
	"usr/share/zoneinfo/iso3166.tab", "usr/share/zoneinfo/leap",
};

/* Packages whose strings are not the needs of who links with them: the C library (see above). */
static const char *const silent[] = { "libc6" };

/* Where a package has folders of its own name, and what stands behind it. */
static const char *const own_folders[] = {
	"usr/share/%s", "usr/lib/%s", "usr/libexec/%s", "var/lib/%s", "var/cache/%s", "opt/%s",
};

bool closure_strings_count(const struct tree_node *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
		if (str_eq(node->owner, silent[i]))
			return false;
	return true;
}

static bool is_shared(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(shared); i++)
		if (fnmatch(shared[i], path, FNM_PATHNAME) == 0)
			return true;
	return false;
}

bool closure_is_foreign_config(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign_config); i++)
		if (str_starts(path, foreign_config[i]))
			return true;
	return false;
}

/*
 * Where the recipe puts a file of its own into a folder of /etc, it has taken over that configuration:
 * what else packages have there is kept only when it is named.
 */
static bool is_taken_over(const struct closure *c, const struct tree_node *node)
{
	for (size_t i = 0; i < c->recipe->n_files; i++) {
		const char *path = c->recipe->files[i].path + 1;
		size_t n = (size_t)(strrchr(path - 1, '/') + 1 - path);

		if (n > strlen("etc/") && str_starts(path, "etc/") &&
		    strncmp(node->path, path, n) == 0 && !S_ISDIR(node->mode))
			return true;
	}
	return false;
}

static bool is_by_name(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_name); i++)
		if (str_starts(path, by_name[i]))
			return true;
	return false;
}

/* Whether a file of a folder that `by` names is its data. */
static bool is_data_of(struct closure *c, const struct tree_node *node, const struct tree_node *by)
{
	const struct package *its, *own;
	const struct tree_node *target;

	if (str_eq(node->owner, by->owner))
		return true;
	target = S_ISLNK(node->mode) ? closure_find(c, node->path) : node;
	if (!target || (S_ISREG(target->mode) && (target->mode & 0111)))
		return false;
	its = closure_package(c, node);
	own = closure_package(c, by);
	if (!its || !own)
		return str_eq(by->owner, "recipe");
	return str_eq(its->source, own->source) ||
	       (str_starts(node->path, "usr/share/") && closure_depends(c, own, its));
}

static void take_folder(struct closure *c, const char *folder, const struct tree_node *by,
			enum reason reason, bool own_alone)
{
	size_t n, first = closure_below(c, folder, &n);

	for (size_t i = first; i < first + n; i++) {
		struct tree_node *node = c->nodes[i];

		if (node->kept || is_by_name(node->path) || closure_is_foreign_config(node->path) ||
		    is_taken_over(c, node) ||
		    (own_alone ? !str_eq(node->owner, by->owner) : !is_data_of(c, node, by)))
			continue;
		closure_keep_node(c, node, reason, by, NULL);
	}
}

/* A path that leads to nothing yet: the folder in which the program will make it. */
static void need_parent(struct closure *c, const char *path, const struct tree_node *by)
{
	cleanup_free char *parent = xstrdup(path);
	const struct tree_node *node;

	*strrchr(parent, '/') = '\0';
	node = *parent ? closure_find(c, parent) : NULL;
	if (node && S_ISDIR(node->mode) && !is_shared(node->path))
		closure_need(c, parent, REASON_NAMED, by, NULL);
}

void closure_named(struct closure *c, const char *path, const struct tree_node *by)
{
	struct tree_node *node;

	if (strpbrk(path, "*?")) {
		/* As deep as a pattern can say: not all of a folder that is everybody's. Of what is left
		 * out it is not worth the search. */
		if (!c->asking && strcspn(path, "*?") > strlen("/usr/lib/x"))
			closure_need_glob(c, path, REASON_NAMED, by, NULL);
		return;
	}
	node = closure_find(c, path);
	if (!node)
		need_parent(c, path, by);
	else if (S_ISREG(node->mode))
		closure_need(c, path, REASON_NAMED, by, NULL);
	else if (S_ISDIR(node->mode) && !is_shared(node->path) &&
		 closure_need(c, path, REASON_NAMED, by, NULL))
		take_folder(c, node->path, by, REASON_DATA, false);
}

/*
 * Python is linked with it, and ends only threads that a script or a library started.
 */
static bool is_python_exit(const struct tree_node *by, const char *function)
{
	return str_eq(function, "pthread_exit") && str_starts(by->path, "usr/bin/python3.");
}

void closure_python_thread(struct closure *c, const struct tree_node *by)
{
	closure_need_glob(c, UNWINDER, REASON_SYMBOL, by, "start_new_thread");
}

/* Packages may count on a shell without saying so, and many that could start one never do. */
static void note_no_shell(struct closure *c, const struct tree_node *by, const char *function)
{
	if (c->no_shell)
		return;
	c->no_shell = true;
	strv_take(c->notes, xasprintf("/%s calls %s(), and there is no /bin/sh; if it is to start "
				      "commands, add dash to the packages",
				      by->path, function));
}

void closure_symbols(struct closure *c, char *const *imports, const struct tree_node *by)
{
	if (!c->functions_served)
		c->functions_served = xcalloc(ARRAY_SIZE(functions), sizeof(bool));
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		if (c->functions_served[i] || !strv_has(imports, functions[i].function) ||
		    is_python_exit(by, functions[i].function))
			continue;
		c->functions_served[i] = closure_need_glob(c, functions[i].path, REASON_SYMBOL, by,
							   functions[i].function);
		if (c->functions_served[i])
			continue;
		/* Of the program itself: libraries that could are all over. */
		if (str_eq(functions[i].path, "/bin/sh") && by->mode & 0111 &&
		    !word_is_library(strrchr(by->path, '/') + 1,
				     strlen(strrchr(by->path, '/') + 1)))
			note_no_shell(c, by, functions[i].function);
	}
}

/* --- packages in use --- */

static bool in_own_folder(const struct tree_node *node, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_folders); i++) {
		size_t n = strlen(own_folders[i]) - 2;

		if (strncmp(node->path, own_folders[i], n) == 0 &&
		    str_starts(node->path + n, name) && strchr("/", node->path[n + strlen(name)]))
			return true;
	}
	return false;
}

/* /usr/lib/TRIPLET/NAME/: plugins of a library. Qt's libraries have theirs in one place. */
static bool in_plugins(const struct closure *c, const struct tree_node *node, const char *name)
{
	cleanup_free char *prefix = xasprintf("usr/lib/%s/%s/", c->triplet ? c->triplet : "", name);

	return str_starts(node->path, prefix) ||
	       fnmatch("usr/lib/*/qt[56]/plugins/*.so", node->path, 0) == 0;
}

static bool in_shared_runtime(const char *path)
{
	return str_starts(path, "usr/lib/python") || str_starts(path, "usr/share/perl") ||
	       str_starts(path, "usr/share/nodejs/") || strstr(path, "/perl/") ||
	       strstr(path, "/perl-base/");
}

static bool is_state(const char *path)
{
	return str_starts(path, "var/") || str_starts(path, "run/");
}

static enum reason use_of(const struct closure *c, const struct package *p,
			  const struct tree_node *node)
{
	if (node->program)
		return REASON_NONE;
	if (str_starts(node->path, "etc/"))
		return closure_is_foreign_config(node->path) || is_taken_over(c, node)
			       ? REASON_NONE
			       : REASON_CONFIG;
	/* A program is for who names it; a package's helpers are often its scripts'. */
	if (in_shared_runtime(node->path) || (S_ISREG(node->mode) && (node->mode & 0111)))
		return REASON_NONE;
	if (locales_has_messages(c->recipe, node->path))
		return REASON_DATA;
	if (in_own_folder(node, p->name) || in_own_folder(node, p->source) ||
	    in_plugins(c, node, p->name) || in_plugins(c, node, p->source))
		return REASON_DATA;
	/* Folders for its state, which it will not make itself. */
	return closure_is_declared(node) || (S_ISDIR(node->mode) && is_state(node->path))
		       ? REASON_DATA
		       : REASON_NONE;
}

/* Folders that units declare for this very program. */
static void take_wanted(struct closure *c, const struct tree_node *by)
{
	static const char *const folders[] = { "run", "var" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		size_t n, first = closure_below(c, folders[i], &n);

		for (size_t j = first; j < first + n; j++)
			if (str_eq(c->nodes[j]->program, by->path))
				closure_keep_node(c, c->nodes[j], REASON_DATA, by, NULL);
	}
}

void closure_use_package(struct closure *c, const struct tree_node *by)
{
	const struct package *p = closure_package(c, by);
	bool *used = p ? &c->used[p - c->packages->items] : NULL;

	take_wanted(c, by);
	if (!p || *used)
		return;
	*used = true;
	for (size_t i = 0; i < c->n_nodes; i++) {
		struct tree_node *node = c->nodes[i];
		enum reason reason = str_eq(node->owner, p->name) && !node->kept
					     ? use_of(c, p, node)
					     : REASON_NONE;

		if (reason != REASON_NONE)
			closure_keep_node(c, node, reason, by, NULL);
	}
}

/* Packages of one source say the same: one file is enough, and a link for the others. */
static void share_licence(struct tree_node *node, struct tree_node *const *seen)
{
	for (; *seen; seen++) {
		if (*seen == node)
			return;
		if (!content_same(*seen, node))
			continue;
		node->mode = S_IFLNK | 0777;
		node->target = xasprintf("/%s", (*seen)->path);
		free(steal_ptr(node->content));
		return;
	}
}

/* The terms of each package of which anything is kept. */
void closure_licences(struct closure *c)
{
	cleanup_free bool *done = xcalloc(c->packages->n + 1, sizeof(*done));
	cleanup_free struct tree_node **seen = xcalloc(c->packages->n + 1, sizeof(*seen));
	size_t n = c->n_queue, n_seen = 0;

	for (size_t i = 0; i < n; i++) {
		const struct tree_node *node = c->queue[i];
		const struct package *p = closure_package(c, node);
		cleanup_free char *path = NULL;
		struct tree_node *licence;

		if (!p || S_ISDIR(node->mode) || done[p - c->packages->items])
			continue;
		done[p - c->packages->items] = true;
		path = xasprintf("usr/share/doc/%s/copyright", p->name);
		licence = closure_need(c, path, REASON_LICENCE, node, NULL);
		if (licence && S_ISREG(licence->mode)) {
			share_licence(licence, seen);
			seen[n_seen++] = licence;
		}
	}
}
