/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

#define SECTION      "[Service]"
#define FOLDER_MODE  0755
#define COMMANDS_MAX 256 /* words */

/* Settings that say folders, and below which they are. */
static const struct {
	const char *folders, *mode, *top;
} kinds[] = {
	{ "RuntimeDirectory", "RuntimeDirectoryMode", "/run" },
	{ "StateDirectory", "StateDirectoryMode", "/var/lib" },
	{ "CacheDirectory", "CacheDirectoryMode", "/var/cache" },
	{ "LogsDirectory", "LogsDirectoryMode", "/var/log" },
};

/* A unit while it is read: what is further down may be about what was above. */
struct reading {
	struct unit *unit;
	const char *name;
	unsigned int line;
	bool inside; /* the section of services */
	char *user, *group;
	struct tmpfiles folders[ARRAY_SIZE(kinds)];
	mode_t modes[ARRAY_SIZE(kinds)];
};

void unit_finish(struct unit *u)
{
	strv_free(u->commands);
	free(u->command);
	tmpfiles_finish(&u->folders);
	*u = (struct unit){ 0 };
}

/* "run:link other": each a folder, of which a link may be made, which nobody waits for. */
static void read_folders(struct reading *r, size_t kind, const char *value)
{
	cleanup_strv char **words = NULL;

	if (!*value)
		tmpfiles_finish(&r->folders[kind]);
	str_split_words(value, &words);
	for (char **w = words; w && *w; w++) {
		cleanup_free char *name = xstrndup(*w, strcspn(*w, ":"));
		cleanup_free char *known = specifiers_expand(name, r->name);

		if (known && *known && *known != '/')
			tmpfiles_add(&r->folders[kind],
				     (struct tmpfile){
					     .path = xasprintf("%s/%s", kinds[kind].top, known),
					     .line = r->line,
				     });
	}
}

static void set(char **name, const char *value, const char *unit)
{
	free(*name);
	*name = *value ? specifiers_expand(value, unit) : NULL;
}

/* "-/usr/sbin/x $OPTIONS -f" without mark and variable, and behind "@" without the name that the program is told. */
static char *plain_command(char *const *words, bool named)
{
	cleanup_strv char **plain = NULL;

	for (size_t i = 0; words[i]; i++)
		if (!strchr("$%", *words[i]) && !(named && i == 1))
			strv_take(&plain, str_quote(words[i]));
	return strv_join(plain, " ");
}

static void read_command(struct reading *r, const char *value)
{
	size_t marks = strspn(value, "@-:+!");
	cleanup_strv char **words = NULL;
	struct unit *u = r->unit;

	if (!*value) {
		strv_free(u->commands);
		u->commands = NULL;
		free(steal_ptr(u->command));
	}
	if (str_split_words(value + marks, &words) == 0 && words && *words && **words == '/' &&
	    !u->command)
		u->command = plain_command(words, memchr(value, '@', marks));
	for (char **w = words; w && *w && strv_len(u->commands) < COMMANDS_MAX; w++)
		strv_append(&u->commands, *w);
}

static void read_setting(struct reading *r, const char *key, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (str_eq(key, kinds[i].folders))
			read_folders(r, i, value);
		else if (str_eq(key, kinds[i].mode))
			tmpfiles_mode(value, &r->modes[i]);
	}
	if (str_eq(key, "User"))
		set(&r->user, value, r->name);
	else if (str_eq(key, "Group"))
		set(&r->group, value, r->name);
	else if (str_eq(key, "ExecStart"))
		read_command(r, value);
}

static void read_line(struct reading *r, char *line)
{
	char *value = strchr(line, '=');

	line += strspn(line, " \t");
	if (*line == '[')
		r->inside = str_eq(line, SECTION);
	if (!r->inside || !value || strlen(value) > TMPFILES_LINE_MAX)
		return;
	line[strcspn(line, " \t=")] = '\0';
	value++;
	read_setting(r, line, value + strspn(value, " \t"));
}

static bool goes_on(const char *line, size_t len)
{
	size_t n = 0;

	while (n < len && line[len - 1 - n] == '\\')
		n++;
	return n % 2;
}

/*
 * systemd.syntax(7): a line goes on behind a backslash at its end. A comment does not, and what goes on does so
 * behind it. Without white space at its end; the caller frees.
 */
static char *take_line(const char **text, unsigned int *ret_lines)
{
	cleanup_buf struct buf joined = BUF_INIT;
	bool more = true;

	for (*ret_lines = 0; more && **text; (*ret_lines)++) {
		const char *line = *text + strspn(*text, " \t\r");
		size_t len = strcspn(line, "\n");

		*text = line + len + (line[len] == '\n');
		while (len && line[len - 1] == '\r')
			len--;
		if (len && strchr("#;", *line)) {
			more = joined.len;
			continue;
		}
		more = goes_on(line, len);
		buf_append(&joined, line, more ? len - 1 : len);
		buf_append(&joined, " ", more);
	}
	while (joined.len && strchr(" \t", buf_bytes(&joined)[joined.len - 1]))
		joined.len--;
	return buf_steal_str(&joined);
}

/* A user alone comes with the user's group. */
static char *owner_of(const struct reading *r)
{
	const char *user = r->user ? r->user : "root";

	return r->group ? xasprintf("%s:%s", user, r->group) : xstrdup(user);
}

static void take_folders(struct reading *r, size_t kind)
{
	struct tmpfiles *folders = &r->folders[kind];

	for (size_t i = 0; i < folders->n; i++)
		tmpfiles_add(&r->unit->folders, (struct tmpfile){
							.path = steal_ptr(folders->items[i].path),
							.mode = r->modes[kind],
							.owner = owner_of(r),
							.line = folders->items[i].line,
						});
	tmpfiles_finish(folders);
}

void unit_read(const char *text, const char *name, struct unit *ret)
{
	struct reading r = { .unit = ret, .name = name };
	unsigned int lines;

	*ret = (struct unit){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		r.modes[i] = FOLDER_MODE;
	for (r.line = 1; *text; r.line += lines) {
		cleanup_free char *line = take_line(&text, &lines);

		read_line(&r, line);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		take_folders(&r, i);
	free(r.user);
	free(r.group);
}
