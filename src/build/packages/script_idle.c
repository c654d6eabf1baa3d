/* SPDX-License-Identifier: MIT */
/*
 * Commands of a package's script that do nothing for an appliance, whichever package it is: the shell's own that
 * change nothing but the script, those that ask or print, debconf's, services that something else starts.
 */
#include <string.h>

#include "mem.h"
#include "scripts.h"
#include "shell_values.h"
#include "str.h"

/* The shell's own. */
static const char *const shell[] = {
	":",     "[",     "[[",   "break", "cd",       "continue", "echo",   "exit",  "export",
	"false", "local", "pwd",  "read",  "readonly", "return",   "set",    "shift", "test",
	"trap",  "true",  "type", "umask", "unset",    "wait",     "printf",
};

/* They ask, print, compare, wait; a temporary file of a script is nobody's. */
static const char *const queries[] = {
	"apt-config",
	"arch",
	"awk",
	"base64",
	"basename",
	"cat",
	"cksum",
	"cmp",
	"cut",
	"date",
	"diff",
	"dirname",
	"dpkg-architecture",
	"dpkg-query",
	"dpkg-realpath",
	"dpkg-vendor",
	"egrep",
	"expr",
	"fgrep",
	"fold",
	"getcap",
	"getent",
	"grep",
	"groups",
	"head",
	"hostname",
	"id",
	"ischroot",
	"logger",
	"ls",
	"lsb_release",
	"md5sum",
	"mktemp",
	"mountpoint",
	"netstat",
	"nproc",
	"od",
	"pgrep",
	"pidof",
	"ps",
	"readlink",
	"realpath",
	"runlevel",
	"seq",
	"sha1sum",
	"sha256sum",
	"sleep",
	"sort",
	"ss",
	"stat",
	"tail",
	"tempfile",
	"tr",
	"tty",
	"ucfq",
	"uname",
	"uniq",
	"wc",
	"which",
	"who",
	"whoami",
	"zcat",
};

/*
 * What the host has, or nobody: services that scripts manage, processes of before, devices, labels and profiles of its
 * kernel, an initramfs; files and users of an older version; folders that are declared (declared/runtime.h). An identity
 * is a machine's, not an image's.
 */
static const char *const absent[] = {
	"aa-enabled",
	"aa-status",
	"apparmor_parser",
	"dbus-uuidgen",
	"deb-systemd-helper",
	"deb-systemd-invoke",
	"delgroup",
	"deluser",
	"dpkg-maintscript-helper",
	"dpkg-trigger",
	"groupdel",
	"invoke-rc.d",
	"kill",
	"killall",
	"nscd",
	"pkill",
	"restorecon",
	"rmdir",
	"runit-helper",
	"service",
	"start-stop-daemon",
	"systemctl",
	"systemd-tmpfiles",
	"telinit",
	"ucfr",
	"udevadm",
	"update-binfmts",
	"update-grub",
	"update-inetd",
	"update-initramfs",
	"update-rc.d",
	"userdel",
};

/* Caches: what the builder makes of the files that are kept (caches.h, ldcache.h), and what programs do without. */
static const char *const caches[] = {
	"fc-cache",
	"gdk-pixbuf-query-loaders",
	"gio-querymodules",
	"glib-compile-schemas",
	"gtk-query-immodules-2.0",
	"gtk-query-immodules-3.0",
	"gtk-update-icon-cache",
	"install-info",
	"ldconfig",
	"py3compile",
	"update-desktop-database",
	"update-icon-caches",
	"update-mime-database",
};

/* Those of which some options ask and others do something. */
static const struct {
	const char *program;
	const char *options[12];
} asking[] = {
	{ "command", { "-v", "-V" } },
	{ "dpkg",
	  { "--compare-versions", "--print-architecture", "--status", "-s", "--list", "-l",
	    "--listfiles", "-L", "--search", "-S" } },
	{ "dpkg-statoverride", { "--list" } },
	{ "run-parts", { "--list", "--test" } },
	{ "update-alternatives", { "--display", "--list", "--query" } },
	{ "dpkg-divert", { "--list", "--listpackage", "--truename" } },
	{ "py3versions", { "-i", "--installed", "-d", "--default" } },
};

#define IS_IN(list, word) is_in(list, ARRAY_SIZE(list), word)

static bool is_in(const char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i], word))
			return true;
	return false;
}

/* Whether it has an option that asks. */
static bool is_asking(const char *program, char *const *words)
{
	for (size_t i = 0; i < ARRAY_SIZE(asking); i++)
		if (str_eq(asking[i].program, program))
			for (char *const *w = words; *w; w++)
				if (IS_IN(asking[i].options, *w))
					return true;
	return false;
}

/* find(1) that prints. */
static bool is_search(const char *program, char *const *words)
{
	static const char *const acting[] = { "-delete", "-exec", "-fls", "-fprint", "-ok" };

	if (!str_eq(program, "find"))
		return false;
	for (; *words; words++)
		for (size_t i = 0; i < ARRAY_SIZE(acting); i++)
			if (str_starts(*words, acting[i]))
				return false;
	return true;
}

/* sed(1) that prints. */
static bool is_filter(const char *program, char *const *words)
{
	if (!str_eq(program, "sed"))
		return false;
	for (; *words; words++)
		if (str_starts(*words, "--in-place") || (**words == '-' && words[0][1] != '-' &&
							 words[0][strcspn(*words, "efi")] == 'i'))
			return false;
	return true;
}

bool script_command_is_idle(char *const *words, const char *output)
{
	const char *program;

	if (output)
		return false;
	if (!words || !*words)
		return true;
	program = strrchr(*words, '/') ? strrchr(*words, '/') + 1 : *words;
	if (str_eq(program, "."))
		return str_eq(words[1], SHELL_CONFMODULE);
	return str_starts(program, "db_") || IS_IN(shell, program) || IS_IN(queries, program) ||
	       IS_IN(absent, program) || IS_IN(caches, program) || is_asking(program, words + 1) ||
	       is_filter(program, words + 1) || is_search(program, words + 1);
}
