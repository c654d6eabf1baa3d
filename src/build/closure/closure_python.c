/* SPDX-License-Identifier: MIT */
/*
 * Python's modules. A script asks for what it imports, and so does each module, found where the
 * interpreter looks: its library, lib-dynload, dist-packages, the script's folder. Of the library
 * single modules are kept; a package of dist-packages is kept whole, since such packages import by
 * names that they make up.
 *
 * An import in a function of the library is followed, too, but for the tools of developers below. An
 * import in a handler of ImportError is the second choice: followed when the first was not there.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "closure_internal.h"
#include "content.h"
#include "mem.h"
#include "python_imports.h"
#include "str.h"
#include "typelib.h"

#define DIST "usr/lib/python3/dist-packages"

/* What an interpreter reads before the script, and what names of encodings lead to. */
static const char *const always[] = {
	"encodings",
	"encodings.aliases",
	"encodings.utf_8",
	"encodings.ascii",
	"encodings.latin_1",
	"encodings.unicode_escape",
	"encodings.raw_unicode_escape",
	"encodings.utf_16",
	"encodings.utf_16_le",
	"encodings.utf_16_be",
	"encodings.utf_32",
	"encodings.utf_8_sig",

	"encodings.charmap",
	"codecs",
	"io",
	"abc",
	"site",
	"os",
	"stat",
	"posixpath",
	"genericpath",
	"_collections_abc",
	"_sitebuiltins",
	"sitecustomize",
};

/*
 * Modules of the library that it imports only in functions of its own for people who look at a
 * program, and large ones that it has another way for.
 */
static const char *const tools[] = {
	"pydoc",    "doctest", "unittest", "pdb",         "bdb",  "test",        "idlelib",
	"lib2to3",  "tkinter", "turtle",   "ensurepip",   "venv", "distutils",   "rlcompleter",
	"readline", "profile", "cProfile", "antigravity", "this", "tracemalloc", "timeit",
};

/* What modules that are written in C import. */
static const struct {
	const char *module, *imports;
} compiled[] = {
	{ "_datetime", "_strptime" },
	{ "datetime", "_strptime" },
	{ "_pickle", "copyreg" },
	{ "_pickle", "_compat_pickle" },
	{ "_elementtree", "copy" },
	{ "_elementtree", "xml.etree.ElementPath" },
	{ "_ctypes", "ctypes._endian" },
	{ "_sqlite3", "sqlite3.dump" },
	{ "_zoneinfo", "zoneinfo._common" },
	{ "_decimal", "numbers" },
	{ "_json", "json.decoder" },
	{ "_asyncio", "asyncio.base_futures" },
	{ "zipfile", "encodings.cp437" },
	{ "socket", "encodings.idna" },
	{ "_socket", "encodings.idna" },
};

/* Of modules that nearly every script reaches: what they import for people who read their warnings. */
static const struct {
	const char *importer, *module;
} diagnostics[] = {
	{ "warnings", "traceback" },  { "warnings", "tracemalloc" }, { "warnings", "linecache" },
	{ "threading", "traceback" }, { "functools", "typing" },     { "sre_compile", "warnings" },
};

static bool is_tool(const char *module)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		size_t n = strlen(tools[i]);

		if (strncmp(module, tools[i], n) == 0 && (!module[n] || module[n] == '.'))
			return true;
	}
	return false;
}

static bool is_diagnostic(const struct tree_node *by, const char *module)
{
	const char *base = strrchr(by->path, '/') + 1;
	size_t n = strcspn(base, ".");

	for (size_t i = 0; i < ARRAY_SIZE(diagnostics); i++)
		if (strncmp(diagnostics[i].importer, base, n) == 0 && !diagnostics[i].importer[n] &&
		    str_eq(diagnostics[i].module, module))
			return true;
	return false;
}

/* The interpreter runs these before any script, and without what they import in functions. */
static bool is_always(const char *module)
{
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		if (str_eq(always[i], module))
			return true;
	return false;
}

/* --- finding modules --- */

/* One file of a module's dotted path below a folder; "a/b". */
static struct tree_node *find_file(struct closure *c, const char *folder, const char *path)
{
	const char *version = c->python + strlen("usr/lib/python");
	char *const forms[] = {
		xasprintf("%s/%s/__init__.py", folder, path),
		xasprintf("%s/%s.py", folder, path),
		xasprintf("%s/%s.cpython-%c%s-%s.so", folder, path, version[0], version + 2,
			  c->triplet ? c->triplet : ""),
		xasprintf("%s/%s.abi3.so", folder, path),
		xasprintf("%s/%s.so", folder, path),
	};
	struct tree_node *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tree_node *node = found ? NULL : closure_find(c, forms[i]);

		if (node && S_ISREG(node->mode))
			found = node;
		free(forms[i]);
	}
	return found;
}

static char *slashes(const char *module)
{
	char *path = xstrdup(module);

	for (char *p = path; *p; p++)
		if (*p == '.')
			*p = '/';
	return path;
}

/* Where a script of that folder finds a module: the folder that sys.path has, or NULL. */
static char *find_module(struct closure *c, const char *module, const struct tree_node *by,
			 struct tree_node **ret_node)
{
	cleanup_free char *path = slashes(module),
			  *dynload = xasprintf("%s/lib-dynload", c->python);
	cleanup_free char *local =
		xasprintf("usr/local/lib/%s/dist-packages", strrchr(c->python, '/') + 1);
	const char *slash = by ? strrchr(by->path, '/') : NULL;
	cleanup_free char *own = slash ? xstrndup(by->path, (size_t)(slash - by->path)) : NULL;
	const char *const folders[] = { own, c->python, dynload, local, DIST };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		/* A module of the library does not see its own folder as a script does. */
		if (!folders[i] || (i == 0 && by->reason == REASON_IMPORT))
			continue;
		*ret_node = find_file(c, folders[i], path);
		if (*ret_node)
			return xstrdup(folders[i]);
	}
	return NULL;
}

/* --- keeping them --- */

/* A package of dist-packages, with its data and what says of it which version it is. */
static void keep_whole(struct closure *c, const struct tree_node *module,
		       const struct tree_node *by, const char *detail)
{
	const char *top = module->path + strlen(DIST "/");
	cleanup_free char *folder =
		xstrndup(module->path, (size_t)(top - module->path) + strcspn(top, "/"));
	size_t n, first = closure_below(c, folder, &n);

	for (size_t i = first; i < first + n; i++) {
		struct tree_node *node = c->nodes[i];

		if (S_ISDIR(node->mode) || node->kept || strstr(node->path, "/tests/") ||
		    strstr(node->path, "/test/"))
			continue;
		closure_keep_node(c, node, REASON_IMPORT, by, detail);
	}
	first = closure_below(c, DIST, &n);
	for (size_t i = first; i < first + n; i++)
		if (str_eq(c->nodes[i]->owner, module->owner) && !c->nodes[i]->kept &&
		    (strstr(c->nodes[i]->path, "-info/") ||
		     str_ends(c->nodes[i]->path, ".egg-info")))
			closure_keep_node(c, c->nodes[i], REASON_DATA, module, NULL);
}

/* The packages that a module is inside of run before it. */
static void keep_parents(struct closure *c, const char *folder, const char *module,
			 const struct tree_node *by, const char *detail)
{
	cleanup_free char *path = slashes(module);

	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		cleanup_free char *init = NULL;

		*slash = '\0';
		init = xasprintf("%s/%s/__init__.py", folder, path);
		closure_need(c, init, REASON_IMPORT, by, detail);
	}
}

static void keep_compiled(struct closure *c, const char *module, const struct tree_node *by)
{
	for (size_t i = 0; i < ARRAY_SIZE(compiled); i++)
		if (str_eq(compiled[i].module, module))
			closure_python_module(c, compiled[i].imports, REASON_IMPORT, by,
					      compiled[i].imports);
}

static bool keep_module(struct closure *c, const char *module, enum reason reason,
			const struct tree_node *by, const char *detail)
{
	struct tree_node *node;
	cleanup_free char *folder = NULL;
	bool was;

	/* These two are frozen into the interpreter, always; their files are for people. */
	if (str_starts(module, "importlib._bootstrap"))
		return true;
	folder = find_module(c, module, by, &node);
	if (!folder)
		return false;
	was = node->kept;
	if (!closure_need(c, node->path, reason, by, detail))
		return false;
	keep_parents(c, folder, module, by, detail);
	if (!was && str_eq(folder, DIST) && str_starts(node->path, DIST "/"))
		keep_whole(c, node, by, detail);
	if (!was)
		keep_compiled(c, module, node);
	return true;
}

void closure_python_module(struct closure *c, const char *name, enum reason reason,
			   const struct tree_node *by, const char *detail)
{
	cleanup_free char *main = xasprintf("%s.__main__", name);

	if (!c->python)
		return;
	keep_module(c, name, reason, by, detail);
	if (str_eq(detail, name))
		keep_module(c, main, reason, by, main);
}

/* --- one file --- */

/* "usr/lib/python3.11", from the interpreter that "python3" leads to. */
static char *library_folder(struct closure *c)
{
	static const char *const names[] = { "python3", "python" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = xasprintf("usr/bin/%s", names[i]);
		const struct tree_node *node = closure_find(c, path);
		const char *base = node ? strrchr(node->path, '/') + 1 : "";

		if (!str_starts(base, "python3.") || strlen(base) == strlen("python3."))
			continue;
		closure_read(node, &c->python_bytes);
		return xasprintf("usr/lib/%s", base);
	}
	return NULL;
}

void closure_python_begin(struct closure *c, struct tree_node *by)
{
	cleanup_free char *dynload = NULL;

	if (c->python)
		return;
	c->python = library_folder(c);
	if (!c->python)
		return;
	/* Both folders tell the interpreter where its library is. */
	dynload = xasprintf("%s/lib-dynload", c->python);
	closure_need(c, dynload, REASON_PLUGIN, by, "python: sys.exec_prefix");
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		keep_module(c, always[i], REASON_IMPORT, by, always[i]);
}

struct importer {
	struct closure *c;
	struct tree_node *node;
	char *package; /* the dotted name that a relative import begins at; "" for a script */
	bool library;  /* it is a module of Python's own library */
	bool early;    /* and one that runs before any script */
};

/* "usr/lib/python3.11/json/decoder.py" is in the package "json". */
static char *package_of(const struct closure *c, const struct tree_node *node)
{
	const char *path = node->path, *slash;
	char *name;

	if (str_starts(path, c->python))
		path += strlen(c->python) + 1;
	else if (str_starts(path, DIST "/"))
		path += strlen(DIST "/");
	else
		return xstrdup("");
	slash = strrchr(path, '/');
	name = xstrndup(path, slash ? (size_t)(slash - path) : 0);
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '.';
	return name;
}

/* "..x" from inside "a.b" is "a.x". */
static char *absolute(const struct importer *i, const char *module)
{
	cleanup_free char *package = xstrdup(i->package);

	if (*module != '.')
		return xstrdup(module);
	for (module++; *module == '.'; module++) {
		char *dot = strrchr(package, '.');

		*(dot ? dot : package) = '\0';
	}
	if (!*package)
		return xstrdup(module);
	return *module ? xasprintf("%s.%s", package, module) : xstrdup(package);
}

/* A module inside the interpreter has no file, and its name among the interpreter's strings. */
static bool is_built_in(struct closure *c, const char *module)
{
	size_t n = strlen(module);
	cleanup_free char *needle = xmalloc(n + 2);

	*needle = '\0';
	memcpy(needle + 1, module, n + 1);
	return c->python_bytes.len &&
	       memmem(buf_bytes(&c->python_bytes), c->python_bytes.len, needle, n + 2) != NULL;
}

static bool is_followed(const struct importer *i, const struct python_import *import,
			const char *module)
{
	return !import->in_main && !(import->in_function && (i->early || is_tool(module) ||
							     is_diagnostic(i->node, module)));
}

/* --- libraries by introspection --- */

#define TYPELIBS "/usr/lib/*/girepository-1.0/"

/* "from gi.repository import Gtk": of whichever version a package has. */
static bool need_typelib(struct closure *c, const char *name, const struct tree_node *by)
{
	cleanup_free char *pattern = xasprintf(TYPELIBS "%s-*.typelib", name);

	return closure_need_glob(c, pattern, REASON_IMPORT, by, name) > 0;
}

void closure_typelib(struct closure *c, const struct tree_node *node)
{
	struct content content;
	struct typelib t = { 0 };

	if (!str_ends(node->path, ".typelib") || content_map(node, &content, NULL) < 0)
		return;
	if (typelib_read(content.data, content.len, &t)) {
		for (char **d = t.depends; d && *d; d++) {
			cleanup_free char *pattern = xasprintf(TYPELIBS "%s.typelib", *d);

			closure_need_glob(c, pattern, REASON_IMPORT, node, *d);
		}
		for (char **l = t.libraries; l && *l; l++)
			closure_need_library(c, *l, REASON_NEEDED, node, NULL);
		typelib_finish(&t);
	}
	content_unmap(&content);
}

static bool handle_import(const struct python_import *import, void *data)
{
	struct importer *i = data;
	cleanup_free char *module = absolute(i, import->module), *member = NULL;
	bool found;

	if (!*module || (i->library && !is_followed(i, import, module)))
		return true;
	found = keep_module(i->c, module, REASON_IMPORT, i->node, module) ||
		is_built_in(i->c, module);
	if (!import->name)
		return found;
	if (str_eq(module, "gi.repository"))
		return need_typelib(i->c, import->name, i->node);
	/* "from a import b": b is a module, or a name inside a */
	member = xasprintf("%s.%s", module, import->name);
	return keep_module(i->c, member, REASON_IMPORT, i->node, member) || found;
}

static bool is_early(const struct closure *c, const struct tree_node *node)
{
	cleanup_free char *name = xstrdup(node->path + strlen(c->python) + 1);

	*strrchr(name, '.') = '\0';
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '.';
	return is_always(name);
}

/* Its values are in a module that is named for the architecture, and sysconfig reads it when one is asked for. */
static void need_sysconfig(struct closure *c, const char *text, const struct tree_node *by)
{
	cleanup_free char *data = xasprintf("_sysconfigdata__%s", c->triplet ? c->triplet : "");

	if (strstr(text, "sysconfig") &&
	    (strstr(text, "get_config_var") || strstr(text, "get_path")))
		keep_module(c, data, REASON_IMPORT, by, data);
}

void closure_python(struct closure *c, struct tree_node *node)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct importer i = { .c = c, .node = node };

	closure_python_begin(c, node);
	if (!c->python || !closure_read(node, &text))
		return;
	i.package = package_of(c, node);
	i.library = str_starts(node->path, c->python);
	i.early = i.library && is_early(c, node);
	python_imports((char *)buf_bytes(&text), handle_import, &i);
	if (strstr((char *)buf_bytes(&text), "start_new_thread"))
		closure_python_thread(c, node);
	/* Not sysconfig itself, which defines them, nor what runs before any script, which calls none. */
	if (!i.early && !str_ends(node->path, "/sysconfig.py"))
		need_sysconfig(c, (char *)buf_bytes(&text), node);
	/* What the library names is in its tables above. */
	if (!i.library)
		closure_python_codecs(c, (char *)buf_bytes(&text), node);
	free(i.package);
}
