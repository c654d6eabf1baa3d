/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. A class names others by strings in its constant pool ("java/sql/Date",
 * "(Ljava/sql/Date;)V"), and Class.forName, configuration, services and pages that are compiled later name
 * them by strings as well ("java.sql.Date"). So what begins with a package of a module names the module,
 * wherever it stands: that is more than jdeps(1) finds, which reads classes alone, and none of what it finds is
 * missed. jdeps also gives up where the descriptor of an application's archive requires what is not there, as
 * Debian's Tomcat does.
 */
#include "java_modules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "content.h"
#include "mem.h"
#include "str.h"

#define HEADER     "JM\1" /* and the minor version, before the archive */
#define HEADER_LEN 4
#define CLASSES    "classes/"
#define LIBRARIES  "lib/"
#define JMOD_MAX   ((size_t)1 << 20) /* of its descriptor */
#define SCAN_MAX   ((size_t)1 << 30) /* of what an archive has, unpacked */
#define DEPTH_MAX  4                 /* of archives in archives */
#define NAME_LEN   256

struct java_name {
	const char *name; /* with slashes */
	const struct java_module *module;
};

/* Names that lead to an implementation that is looked for by its name, not as a service. */
static const struct {
	const char *name, *module;
} implied[] = {
	{ "javax/tools/ToolProvider", "jdk.compiler" },
	{ "com/sun/management/jmxremote", "jdk.management.agent" },
};

static char *with_slashes(const char *name)
{
	char *path = xstrdup(name);

	for (char *p = path; *p; p++)
		if (*p == '.')
			*p = '/';
	return path;
}

/* --- the modules --- */

/* "classes/java/util/List.class": its package, once. */
static void add_class(struct java_module *m, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = strv_len(m->packages);
	cleanup_free char *package = NULL;

	if (!slash || !str_ends(path, ".class"))
		return;
	package = xstrndup(path, (size_t)(slash - path));
	if (n && str_eq(m->packages[n - 1], package))
		return;
	if (!strv_has(m->packages, package))
		strv_take(&m->packages, steal_ptr(package));
}

static bool is_descriptor(const char *path)
{
	return str_eq(path, CLASSES "module-info.class");
}

static int handle_part(const char *path, const void *bytes, size_t len, void *data,
		       struct err **err)
{
	struct java_module *m = data;

	if (is_descriptor(path)) {
		strv_free(m->requires);
		return java_descriptor_requires(bytes, len, &m->requires, err);
	}
	if (str_starts(path, CLASSES))
		add_class(m, path + strlen(CLASSES));
	else if (str_starts(path, LIBRARIES))
		strv_append(&m->libraries, path + strlen(LIBRARIES));
	return 0;
}

static int read_module(struct tree_node *node, struct java_module *m, struct err **err)
{
	const char *name = strrchr(node->path, '/') + 1;
	struct content c;
	int r = content_map(node, &c, err);

	if (r < 0)
		return r;
	m->name = xstrndup(name, strlen(name) - strlen(".jmod"));
	m->path = with_slashes(m->name);
	m->node = node;
	if (c.len > HEADER_LEN && memcmp(c.data, HEADER, strlen(HEADER)) == 0)
		r = java_archive_each(c.data + HEADER_LEN, c.len - HEADER_LEN, JMOD_MAX,
				      is_descriptor, handle_part, m, err);
	else
		r = err_set(err, EBADMSG, "it is no JMOD file");
	content_unmap(&c);
	return r < 0 ? err_prefix(err, "/%s of %s", node->path, node->owner) : 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct java_name *)a)->name, ((const struct java_name *)b)->name);
}

static void add_name(struct java_modules *m, const char *name, const struct java_module *module)
{
	m->names = xreallocarray(m->names, m->n_names + 1, sizeof(*m->names));
	m->names[m->n_names++] = (struct java_name){ name, module };
}

static void index_names(struct java_modules *m)
{
	for (size_t i = 0; i < m->n; i++) {
		/* One that only stands for others (java.se) is spoken of more than it is used. */
		if (m->items[i].packages)
			add_name(m, m->items[i].path, &m->items[i]);
		for (char **p = m->items[i].packages; p && *p; p++)
			add_name(m, *p, &m->items[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(implied); i++) {
		const struct java_module *module = java_modules_find(m, implied[i].module);

		if (module)
			add_name(m, implied[i].name, module);
	}
	if (m->n_names)
		qsort(m->names, m->n_names, sizeof(*m->names), compare_names);
}

int java_modules_read(struct tree_node *const *jmods, size_t n, struct java_modules *ret,
		      struct err **err)
{
	int r = 0;

	*ret = (struct java_modules){ .items = xcalloc(n + 1, sizeof(*ret->items)), .n = n };
	for (size_t i = 0; i < n && r == 0; i++)
		r = read_module(jmods[i], &ret->items[i], err);
	if (r < 0)
		java_modules_finish(ret);
	else
		index_names(ret);
	return r;
}

void java_modules_finish(struct java_modules *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->items[i].name);
		free(m->items[i].path);
		strv_free(m->items[i].requires);
		strv_free(m->items[i].libraries);
		strv_free(m->items[i].packages);
	}
	free(m->items);
	free(m->names);
	*m = (struct java_modules){ 0 };
}

const struct java_module *java_modules_find(const struct java_modules *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_eq(m->items[i].name, name))
			return &m->items[i];
	return NULL;
}

void java_modules_stand_in(struct tree_node *node, const char *jmods,
			   const struct tree_node *modules)
{
	cleanup_free char *detail = node->detail ? xstrdup(node->detail) : NULL;

	if (node->by && str_starts(node->by, jmods))
		tree_because(node, node->reason, modules->path, detail);
}

/* --- what names them --- */

struct scan {
	const struct java_modules *modules;
	java_named_fn fn;
	void *data;
	int depth;
};

/* How all packages of all modules begin. */
static const char *const roots[] = { "java", "javax", "jdk", "sun", "com", "org", "netscape" };

static bool is_root(const char *p, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		size_t n = strlen(roots[i]);

		if (len > n && memcmp(p, roots[i], n) == 0 && (p[n] == '.' || p[n] == '/'))
			return true;
	}
	return false;
}

static bool is_part(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$';
}

/* Parts behind each other, with one kind of separator. */
static size_t take_name(const char *p, size_t len, char name[NAME_LEN])
{
	char separator = '\0';
	size_t n = 0;

	for (; n < len && n < NAME_LEN - 1; n++) {
		if (!is_part(p[n]) && p[n] != '.' && p[n] != '/')
			break;
		if (!is_part(p[n]) && separator && p[n] != separator)
			break;
		if (!is_part(p[n]))
			separator = p[n];
		name[n] = p[n];
	}
	name[n] = '\0';
	return n;
}

/* The longest begin of a name that stands for a module. */
static const struct java_module *module_of(const struct java_modules *m, const char *name)
{
	cleanup_free char *path = with_slashes(name);

	for (char *end = path + strlen(path); end && m->n_names; end = strrchr(path, '/')) {
		struct java_name key = { .name = path }, *found;

		*end = '\0';
		found = bsearch(&key, m->names, m->n_names, sizeof(key), compare_names);
		if (found)
			return found->module;
	}
	return NULL;
}

static void scan_names(const struct scan *s, const char *p, size_t len)
{
	char name[NAME_LEN];

	for (size_t i = 0; i < len; i++) {
		const struct java_module *module;

		if (!strchr("jscon", p[i]) || !p[i] || !is_root(p + i, len - i))
			continue;
		i += take_name(p + i, len - i, name) - 1;
		module = module_of(s->modules, name);
		if (module)
			s->fn(module, name, s->data);
	}
}

/* A module of the application's own. */
static int scan_descriptor(const struct scan *s, const void *bytes, size_t len, struct err **err)
{
	cleanup_strv char **requires = NULL;
	int r = java_descriptor_requires(bytes, len, &requires, err);

	for (char **name = requires; name && *name; name++) {
		const struct java_module *module = java_modules_find(s->modules, *name);

		if (module)
			s->fn(module, *name, s->data);
	}
	return r;
}

static int scan(const struct scan *s, const void *bytes, size_t len, struct err **err);

static int handle_entry(const char *path, const void *bytes, size_t len, void *data,
			struct err **err)
{
	int r;

	/* What it names are wishes, for other systems of modules too, in lines that are cut anywhere. */
	if (str_eq(path, "META-INF/MANIFEST.MF"))
		return 0;
	r = str_ends(path, "module-info.class") ? scan_descriptor(data, bytes, len, err) : 0;
	if (r == 0)
		r = scan(data, bytes, len, err);
	return r < 0 ? err_prefix(err, "%s", path) : 0;
}

static int scan(const struct scan *s, const void *bytes, size_t len, struct err **err)
{
	struct scan inner = *s;

	if (!java_is_archive(bytes, len)) {
		scan_names(s, bytes, len);
		return 0;
	}
	if (inner.depth++ == DEPTH_MAX)
		return err_set(err, EBADMSG, "archives are in one another too deep");
	return java_archive_each(bytes, len, SCAN_MAX, NULL, handle_entry, &inner, err);
}

int java_modules_scan(const struct java_modules *m, const void *bytes, size_t len, java_named_fn fn,
		      void *data, struct err **err)
{
	struct scan s = { .modules = m, .fn = fn, .data = data };

	return scan(&s, bytes, len, err);
}
