/* SPDX-License-Identifier: MIT */
#include "scripts.h"

#include <stdbool.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

#define SECTION_BEGIN "# Automatically added by "
#define SECTION_END   "# End automatically added section"

/* Scripts that were read by us, and what they come to in an appliance. */
static const struct {
	const char *package, *why;
} known[] = {
	{ "base-passwd", "accounts.c" },
	{ "ca-certificates", "certificates.c" },
	{ "ca-certificates-java", "certificates.c: the key store" },
	{ "bubblewrap", "a setting of the host's kernel" },
	{ "coreutils", "an Info index, which is documentation" },
	{ "dash", "declare.c: /bin/sh" },
	{ "debconf", "moves an old database" },
	{ "debianutils", "declare.c: which; a list of login shells" },
	{ "dmsetup", "an initramfs of the host" },
	{ "dpkg", "its own database and timers" },
	{ "fontconfig", "caches.c: fonts" },
	{ "fontconfig-config", "answers that change defaults, an empty folder" },
	{ "init-system-helpers", "leftovers of old versions" },
	{ "iproute2", "a capability for 'ip vrf exec' of ordinary users" },
	{ "libc-bin", "ldcache.c" },
	{ "libc6", "restarts services" },
	{ "libgcrypt20", "leftovers of old versions" },
	{ "libgdk-pixbuf-2.0-0", "caches.c: loaders of images" },
	{ "libglib2.0-0", "caches.c: schemas; without a cache GIO looks at each module" },
	{ "libgssapi-krb5-2", "restarts services" },
	{ "libgstreamer1.0-0", "a privilege of its clock's helper" },
	{ "libgtk-3-0", "input methods; without their cache GTK has its own" },
	{ "libpam-modules", "restarts services" },
	{ "libpam0g", "restarts services" },
	{ "libpython3.11-minimal", "leftovers of old versions" },
	{ "libwrap0", "hosts.allow and hosts.deny: without them all are allowed" },
	{ "locales", "locales.c" },
	{ "netbase", "declare.c: hosts, networks" },
	{ "netcat-openbsd", "declare.c: nc" },
	{ "nginx", "starts the service" },
	{ "nginx-common", "owners of its logs; the recipe runs nginx as it likes" },
	{ "openssl", "moves old folders" },
	{ "openjdk-17-jre-headless", "declare.c: its programs; an empty store of preferences" },
	{ "passwd", "old account files" },
	{ "perl", "leftovers of old versions" },
	{ "python3", "byte code, which is a cache" },
	{ "python3-minimal", "byte code, which is a cache" },
	{ "python3.11", "byte code, which is a cache" },
	{ "python3.11-minimal", "byte code, which is a cache" },
	{ "readline-common", "moves an old file" },
	{ "redis-server", "its user and folders: the recipe says users: and volumes:" },
	{ "redis-tools", "owners of its log; the recipe says users:" },
	{ "shared-mime-info", "caches.c: MIME types" },
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
	"icons",          "nginx",          "installdeb-hunspell",
};

/* Lines that every script has around what it does. */
static const char *const frame[] = {
	"esac",
	"fi",
	";;",
	"*)",
	"else",
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
	if (!*line || *line == '#' || is_in(frame, ARRAY_SIZE(frame), line) ||
	    str_starts(line, "fi #"))
		return true;
	if (str_starts(line, "echo ") && str_ends(line, ">&2"))
		return true;
	return (str_starts(line, "if ") && str_ends(line, "then") && strstr(line, "\"$1\"")) ||
	       (str_starts(line, "case ") && strstr(line, "$1"));
}

/* Takes away a folder with nothing in it, and does nothing else. */
static bool is_rmdir(const char *line)
{
	return str_starts(line, "rmdir ") && !strpbrk(line, ";&|<>$`");
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

char *script_command(const char *text, size_t *ret_len)
{
	cleanup_buf struct buf joined = BUF_INIT;
	cleanup_free char *all = NULL;
	size_t at = 0;

	for (;;) {
		size_t len = strcspn(text + at, "\n");
		bool goes_on = len && text[at + len - 1] == '\\' && text[at + len];

		buf_append(&joined, text + at, goes_on ? len - 1 : len);
		at += len + (text[at + len] == '\n');
		if (!goes_on)
			break;
	}
	*ret_len = at;
	all = buf_steal_str(&joined);
	return trimmed(all, strlen(all));
}

/* What debhelper or another such program added: its name, without "dh_". */
static bool is_idle_section(char *line)
{
	char *helper = line + strlen(SECTION_BEGIN);

	helper += str_starts(helper, "dh_") ? 3 : 0;
	helper[strcspn(helper, " /:")] = '\0';
	return is_in(helpers, ARRAY_SIZE(helpers), helper);
}

/* Of a block that is passed over, how deep the lines behind this one are in it; 0: outside. */
static size_t depth_behind(const char *line, size_t depth)
{
	if (!depth)
		return script_line_is_upgrade(line);
	if (str_starts(line, "if "))
		return depth + !str_ends(line, "fi");
	if (str_eq(line, "fi") || str_starts(line, "fi ") || str_ends(line, "; fi"))
		return depth - 1;
	if (depth == 1 && (str_eq(line, "else") || str_starts(line, "elif ")))
		return script_line_is_upgrade(line);
	return depth;
}

/* "for i in $LIST; do" over a list that the script sets once, to nothing. */
static bool is_empty_loop(const char *script, const char *line)
{
	const char *name = strstr(line, " in $");
	cleanup_free char *key = NULL;
	const char *value;

	if (!str_starts(line, "for ") || !name || !str_ends(line, "; do"))
		return false;
	name += strlen(" in $");
	key = xasprintf("\n%.*s=", (int)strcspn(name, "; \"{}"), name);
	value = strstr(script, key);
	return value && strlen(key) > 2 && !strstr(value + 1, key) &&
	       (str_starts(value + strlen(key), "''\n") ||
		str_starts(value + strlen(key), "\"\"\n"));
}

/* As depth_behind, of such a loop. */
static size_t loop_behind(const char *script, const char *line, size_t depth)
{
	if (!depth)
		return is_empty_loop(script, line);
	if (str_ends(line, "; do") || str_eq(line, "do"))
		return depth + 1;
	return depth - (str_eq(line, "done") || str_starts(line, "done "));
}

char *scripts_unknown(const char *package, const char *text, struct alternative_list *alternatives)
{
	cleanup_free char *unknown = NULL;
	bool skipped = false; /* inside a part that does nothing for us */
	size_t upgrade = 0;   /* how deep inside what only an upgrade does */
	size_t loop = 0;      /* and inside a loop over nothing */
	const char *script = text;

	while (*text) {
		size_t len;
		cleanup_free char *line = script_command(text, &len);
		size_t was = upgrade;

		text += len;
		loop = loop_behind(script, line, loop);
		if (loop)
			continue;
		upgrade = depth_behind(line, upgrade);
		if (was && (upgrade || str_ends(line, "fi")))
			continue;
		if (str_starts(line, SECTION_BEGIN))
			skipped = is_idle_section(line);
		else if (str_starts(line, SECTION_END))
			skipped = false;
		else if (!skipped && !alternatives_read(line, alternatives) && !is_frame(line) &&
			 !is_rmdir(line) && !upgrade && !script_line_is_idle(line) && !unknown)
			unknown = steal_ptr(line);
	}
	return is_known(package) ? NULL : steal_ptr(unknown);
}
