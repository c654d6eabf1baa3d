/* SPDX-License-Identifier: MIT */
#include "scripts.h"

#include <stdbool.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define SECTION_BEGIN "# Automatically added by dh_"
#define SECTION_END   "# End automatically added section"

/* Scripts that were read by us, and what they come to in an appliance. */
static const struct {
	const char *package, *why;
} known[] = {
	{ "base-passwd", "accounts.c" },
	{ "ca-certificates", "declare.c: certificates" },
	{ "coreutils", "an Info index, which is documentation" },
	{ "dash", "declare.c: /bin/sh" },
	{ "debconf", "moves an old database" },
	{ "debianutils", "declare.c: which; a list of login shells" },
	{ "dpkg", "its own database and timers" },
	{ "init-system-helpers", "leftovers of old versions" },
	{ "iproute2", "a capability for 'ip vrf exec' of ordinary users" },
	{ "libc-bin", "ldcache.c" },
	{ "libc6", "restarts services" },
	{ "libgcrypt20", "leftovers of old versions" },
	{ "libgssapi-krb5-2", "restarts services" },
	{ "libpam-modules", "restarts services" },
	{ "libpam0g", "restarts services" },
	{ "libpython3.11-minimal", "leftovers of old versions" },
	{ "netbase", "declare.c: hosts, networks" },
	{ "netcat-openbsd", "declare.c: nc" },
	{ "nginx", "starts the service" },
	{ "nginx-common", "owners of its logs; the recipe runs nginx as it likes" },
	{ "openssl", "moves old folders" },
	{ "passwd", "old account files" },
	{ "perl", "leftovers of old versions" },
	{ "python3", "byte code, which is a cache" },
	{ "python3-minimal", "byte code, which is a cache" },
	{ "python3.11", "byte code, which is a cache" },
	{ "python3.11-minimal", "byte code, which is a cache" },
	{ "readline-common", "moves an old file" },
	{ "redis-server", "its user and folders: the recipe says users: and volumes:" },
	{ "redis-tools", "owners of its log; the recipe says users:" },
	{ "tzdata", "local time is UTC, or what the recipe's TZ says" },
	{ "tar", "declare.c has no use for rmt" },
	{ "usrmerge", "tree.c: merged /usr" },
};

/* Parts that debhelper wrote and that do nothing for an appliance: no services are managed by
 * scripts there, byte code and menus are caches. */
static const char *const helpers[] = {
	"installinit",    "installsystemd", "installsystemduser",
	"systemd_enable", "systemd_start",  "installdeb",
	"installmenu",    "installudev",    "installlogcheck",
	"python",         "python3",        "python2",
	"icons",          "nginx",
};

/* Lines that every script has around what it does. */
static const char *const frame[] = {
	"set -e",
	"set -eu",
	"exit 0",
	"esac",
	"fi",
	";;",
	"*)",
	":",
	"else",
	"exit 1",
	"}",
	"{",
	"configure)",
	"abort-upgrade|abort-remove|abort-deconfigure)",
	"case \"$1\" in",
	"case $1 in",
	"triggered)",
};

static bool is_in(const char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i], word))
			return true;
	return false;
}

static bool is_known(const char *package)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_eq(known[i].package, package))
			return true;
	return false;
}

static bool is_frame(const char *line)
{
	if (!*line || *line == '#' || is_in(frame, ARRAY_SIZE(frame), line))
		return true;
	if (str_starts(line, "echo ") && str_ends(line, ">&2"))
		return true;
	return (str_starts(line, "if ") && str_ends(line, "then") && strstr(line, "\"$1\"")) ||
	       (str_starts(line, "case ") && strstr(line, "$1"));
}

static char *trimmed(const char *line, size_t len)
{
	while (len && strchr(" \t", line[0])) {
		line++;
		len--;
	}
	while (len && strchr(" \t\r", line[len - 1]))
		len--;
	return xstrndup(line, len);
}

char *scripts_unknown(const char *package, const char *text)
{
	bool skipped = false; /* inside a part that does nothing for us */

	if (is_known(package))
		return NULL;
	while (*text) {
		size_t len = strcspn(text, "\n");
		cleanup_free char *line = trimmed(text, len);

		if (str_starts(line, SECTION_BEGIN)) {
			char *helper = line + strlen(SECTION_BEGIN);

			helper[strcspn(helper, " /:")] = '\0';
			skipped = is_in(helpers, ARRAY_SIZE(helpers), helper);
		} else if (str_starts(line, SECTION_END)) {
			skipped = false;
		} else if (!skipped && !is_frame(line)) {
			return steal_ptr(line);
		}
		text += len + (text[len] == '\n');
	}
	return NULL;
}
