/* SPDX-License-Identifier: MIT */
#include "paths.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

static char *find_state(void)
{
	const char *root = getenv("ATOLL_ROOT");
	const char *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");

	if (root && *root)
		return xstrdup(root);
	if (geteuid() == 0)
		return xstrdup("/var/lib/atoll");
	if (xdg && *xdg)
		return xasprintf("%s/atoll", xdg);
	return xasprintf("%s/.local/state/atoll", home ? home : "");
}

const char *paths_state(void)
{
	static char *state;

	if (!state)
		state = find_state();
	return state;
}

char *paths_in_state(const char *name)
{
	return xasprintf("%s/%s", paths_state(), name);
}

/* The folder of the running program, without a slash at its end. */
static char *own_dir(void)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n < 0)
		return xstrdup(".");
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	return xstrdup(path);
}

char *paths_program(const char *name)
{
	cleanup_free char *dir = own_dir();
	cleanup_free char *beside = xasprintf("%s/%s", dir, name);
	const char *libexec = getenv("ATOLL_LIBEXEC");

	if (access(beside, X_OK) == 0)
		return steal_ptr(beside);
	return xasprintf("%s/%s", libexec && *libexec ? libexec : ATOLL_LIBEXECDIR, name);
}

char *paths_data(const char *name)
{
	cleanup_free char *dir = own_dir();
	cleanup_free char *marker = xasprintf("%s/build.ninja", dir);

	if (file_exists(marker))
		return xasprintf("%s/%s", ATOLL_SOURCE_DIR, name);
	return xasprintf("%s/%s", ATOLL_DATADIR, name);
}
