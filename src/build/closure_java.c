/* SPDX-License-Identifier: MIT */
/*
 * A Java runtime. Its launcher needs libjli.so, which finds all else by where it is itself: `lib` with
 * the virtual machine, the modules and their native parts, which Java code loads by names that no
 * string of the launcher says, and `conf`. So libjli.so asks for both folders, but for what only
 * developers use, what makes a start faster, and, unless the runtime is one that can open windows, the
 * native parts of a desktop.
 */
#include <fnmatch.h>
#include <string.h>

#include "closure_internal.h"
#include "mem.h"
#include "str.h"

#define LAUNCHER "/lib/libjli.so"

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

static bool is_among(const char *const *patterns, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(patterns[i], path, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static bool has_windows(const struct closure *c, const char *home)
{
	cleanup_free char *path = xasprintf("%s/%s", home, windows);

	return tree_get(c->tree, path) != NULL;
}

void closure_java(struct closure *c, const struct tree_node *launcher)
{
	cleanup_free char *home = NULL;
	size_t n, first, len;
	bool with_desktop;

	if (!str_ends(launcher->path, LAUNCHER))
		return;
	len = strlen(launcher->path) - strlen(LAUNCHER);
	home = xstrndup(launcher->path, len);
	with_desktop = has_windows(c, home);
	first = closure_below(c, home, &n);
	for (size_t i = first; i < first + n; i++) {
		struct tree_node *node = c->nodes[i];
		const char *path = node->path + len + 1;

		if (S_ISDIR(node->mode) ||
		    (!str_starts(path, "lib/") && !str_starts(path, "conf/")) ||
		    is_among(not_needed, ARRAY_SIZE(not_needed), path) ||
		    (!with_desktop && is_among(desktop, ARRAY_SIZE(desktop), path)))
			continue;
		closure_keep_node(c, node, REASON_DATA, launcher, NULL);
	}
}
