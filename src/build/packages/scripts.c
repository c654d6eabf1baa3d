/* SPDX-License-Identifier: MIT */
#include "scripts.h"

#include <stdbool.h>
#include <string.h>

#include "mem.h"
#include "shell_flow.h"
#include "str.h"

#define SECTION_BEGIN "# Automatically added by "
#define SECTION_END   "# End automatically added section"
#define AT_END        "(its end)" /* of one that ends inside something */

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
	{ "debianutils", "declare.c: which; a list of login shells" },
	{ "dpkg", "its own database and timers" },
	{ "fontconfig", "caches.c: fonts" },
	{ "fontconfig-config", "answers that change defaults, an empty folder" },
	{ "iproute2", "a capability for 'ip vrf exec' of ordinary users" },
	{ "libc-bin", "ldcache.c" },
	{ "libc6", "restarts services" },
	{ "libgcrypt20", "leftovers of old versions" },
	{ "libgdk-pixbuf-2.0-0", "caches.c: loaders of images" },
	{ "libglib2.0-0", "caches.c: schemas; without a cache GIO looks at each module" },
	{ "libgstreamer1.0-0", "a privilege of its clock's helper" },
	{ "libgtk-3-0", "input methods; without their cache GTK has its own" },
	{ "libpam-modules", "restarts services" },
	{ "libpam0g", "restarts services" },
	{ "libwrap0", "hosts.allow and hosts.deny: without them all are allowed" },
	{ "locales", "locales.c" },
	{ "netbase", "declare.c: hosts, networks" },
	{ "nginx-common", "owners of its logs; the recipe runs nginx as it likes" },
	{ "openssl", "moves old folders" },
	{ "openjdk-17-jre-headless", "declare.c: its programs; an empty store of preferences" },
	{ "passwd", "old account files" },
	{ "python3", "byte code, which is a cache" },
	{ "python3.11", "byte code, which is a cache" },
	{ "python3.11-minimal", "byte code, which is a cache" },
	{ "readline-common", "moves an old file" },
	{ "redis-server", "its user and folders: the recipe says users: and volumes:" },
	{ "redis-tools", "owners of its log; the recipe says users:" },
	{ "tzdata", "local time is UTC, or what the recipe's TZ says" },
	{ "usrmerge", "tree.c: merged /usr" },
};

/*
 * Parts that debhelper wrote and that do nothing for an appliance: no services are managed by scripts there, byte
 * code and menus are caches, folders are made of what is declared (declared/runtime.h), kernels have no AppArmor.
 */
static const char *const helpers[] = {
	"installinit",    "installsystemd",  "installsystemduser",
	"systemd_enable", "systemd_start",   "installdeb",
	"installmenu",    "installudev",     "installlogcheck",
	"python",         "python3",         "python2",
	"icons",          "nginx",           "installdeb-hunspell",
	"apparmor",       "installtmpfiles",
};

/* deb-postinst(5): how dpkg calls it where there was no version before. */
static const struct shell_value arguments[] = {
	{ "1", "configure" },
	{ "2", "" },
	{ "DPKG_ROOT", "" },
	{ "DPKG_MAINTSCRIPT_NAME", "postinst" },
};

struct reading {
	struct script *script;
	char **functions;
	bool idle; /* inside a part that does nothing for us */
};

static bool is_known(const char *package)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_eq(known[i].package, package))
			return true;
	return false;
}

/* What debhelper or another such program added: its name, without "dh_". */
static bool is_idle_section(const char *comment)
{
	const char *name = comment + strlen(SECTION_BEGIN);
	cleanup_free char *helper = NULL;

	name += str_starts(name, "dh_") ? 3 : 0;
	helper = xstrndup(name, strcspn(name, " /:"));
	for (size_t i = 0; i < ARRAY_SIZE(helpers); i++)
		if (str_eq(helpers[i], helper))
			return true;
	return false;
}

static void read_comment(struct reading *r, const char *comment)
{
	if (str_starts(comment, SECTION_BEGIN))
		r->idle = is_idle_section(comment);
	else if (str_starts(comment, SECTION_END))
		r->idle = false;
}

static void find_functions(struct reading *r, const struct shell *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].kind == SHELL_FUNCTION)
			strv_append(&r->functions, *s->items[i].words);
}

/* Takes the words over. */
static void add_command(struct script *s, const struct shell_item *item, char **words)
{
	s->commands = xreallocarray(s->commands, s->n + 1, sizeof(*s->commands));
	s->commands[s->n++] = (struct script_command){
		.words = words,
		.output = item->output ? xstrdup(item->output) : NULL,
		.text = xstrdup(*item->text ? item->text : AT_END),
		.line = item->line,
	};
}

static shell_visit visit;

/* What is done when a signal comes, or at the end. */
static void read_trap(struct reading *r, const struct shell_item *item, const char *commands)
{
	struct shell shell;

	shell_read(commands, &shell);
	for (size_t i = 0; i < shell.n; i++)
		shell.items[i].line = item->line;
	shell_flow(&shell, NULL, 0, visit, r);
	shell_finish(&shell);
}

static void read_command(struct reading *r, const struct shell_item *item, char *const *words)
{
	while (words && *words && shell_assigned(*words))
		words++;
	while (words && str_eq(*words, "command") && words[1] && *words[1] != '-')
		words++;
	if (words && *words && !item->output &&
	    (strv_has(r->functions, *words) || alternatives_read(words, &r->script->alternatives)))
		return;
	if (words && str_eq(*words, "trap") && words[1] && words[2] && *words[1] != '-')
		read_trap(r, item, words[1]);
	if (!script_command_is_idle(words, item->output))
		add_command(r->script, item, words && *words ? strv_dup(words) : NULL);
}

static void visit(void *data, const struct shell_item *item, char *const *words)
{
	struct reading *r = data;

	if (item->kind == SHELL_COMMENT)
		read_comment(r, item->text);
	else if (item->kind == SHELL_BROKEN)
		add_command(r->script, item, NULL);
	else if (!r->idle)
		read_command(r, item, words);
}

/* The alternatives stay. */
static void forget(struct script *s)
{
	for (size_t i = 0; i < s->n; i++) {
		strv_free(s->commands[i].words);
		free(s->commands[i].output);
		free(s->commands[i].text);
	}
	free(s->commands);
	s->commands = NULL;
	s->n = 0;
}

void script_read(const char *package, const char *text, struct script *ret)
{
	struct shell shell;
	struct reading r = { .script = ret };

	*ret = (struct script){ 0 };
	shell_read(text, &shell);
	find_functions(&r, &shell);
	shell_flow(&shell, arguments, ARRAY_SIZE(arguments), visit, &r);
	shell_finish(&shell);
	strv_free(r.functions);
	if (is_known(package))
		forget(ret);
}

void script_finish(struct script *s)
{
	forget(s);
	alternative_list_finish(&s->alternatives);
}
