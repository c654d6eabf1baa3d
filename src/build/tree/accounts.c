/* SPDX-License-Identifier: MIT */
#include "accounts.h"

#include <errno.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

#define ID_MAX       (UINT32_MAX - 1)
#define PASSWD_WORDS 7
#define GROUP_WORDS  4
#define SHADOW_GID   42
#define NO_LOGIN     "/usr/sbin/nologin"

void accounts_finish(struct accounts *a)
{
	for (size_t i = 0; i < a->n_users; i++) {
		free(a->users[i].name);
		free(a->users[i].about);
		free(a->users[i].home);
		free(a->users[i].shell);
	}
	for (size_t i = 0; i < a->n_groups; i++)
		free(a->groups[i].name);
	free(a->users);
	free(a->groups);
	*a = (struct accounts){ 0 };
}

/* Splits a line at its colons into exactly n words, in place. */
static bool split(char *line, char **words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		words[i] = strsep(&line, ":");
		if (!words[i])
			return false;
	}
	return !line;
}

static bool to_id(const char *word, uint32_t *ret)
{
	uint64_t v;

	if (str_to_u64(word, ID_MAX, &v) < 0)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static struct account *add_user(struct accounts *a)
{
	a->users = xreallocarray(a->users, a->n_users + 1, sizeof(*a->users));
	return &a->users[a->n_users++];
}

static void add_group(struct accounts *a, const char *name, uint32_t gid)
{
	a->groups = xreallocarray(a->groups, a->n_groups + 1, sizeof(*a->groups));
	a->groups[a->n_groups++] = (struct account_group){ .name = xstrdup(name), .gid = gid };
}

static bool add_passwd_line(struct accounts *a, char *line)
{
	char *w[PASSWD_WORDS];
	uint32_t uid, gid;

	if (!split(line, w, PASSWD_WORDS) || !to_id(w[2], &uid) || !to_id(w[3], &gid))
		return false;
	/* An appliance need not have bash; if it has a shell at all, then /bin/sh. */
	*add_user(a) = (struct account){
		.name = xstrdup(w[0]),
		.uid = uid,
		.gid = gid,
		.about = xstrdup(w[4]),
		.home = xstrdup(w[5]),
		.shell = xstrdup(uid == 0 ? "/bin/sh" : w[6]),
	};
	return true;
}

static bool add_group_line(struct accounts *a, char *line)
{
	char *w[GROUP_WORDS];
	uint32_t gid;

	if (!split(line, w, GROUP_WORDS) || !to_id(w[2], &gid))
		return false;
	add_group(a, w[0], gid);
	return true;
}

static int each_line(struct accounts *a, const char *text,
		     bool (*add)(struct accounts *a, char *line), const char *name,
		     struct err **err)
{
	for (int number = 1; *text; number++) {
		size_t len = strcspn(text, "\n");
		cleanup_free char *line = xstrndup(text, len);

		if (len && !add(a, line))
			return err_set(err, EBADMSG, "%s:%d: not a line of its format", name,
				       number);
		text += len + (text[len] == '\n');
	}
	return 0;
}

int accounts_read(const char *passwd, const char *group, struct accounts *ret, struct err **err)
{
	struct accounts a = { 0 };
	int r = each_line(&a, passwd, add_passwd_line, "passwd.master", err);

	if (r == 0)
		r = each_line(&a, group, add_group_line, "group.master", err);
	if (r < 0)
		accounts_finish(&a);
	else
		*ret = a;
	return r;
}

static const struct account *find_user(const struct accounts *a, const char *name, uint32_t uid)
{
	for (size_t i = 0; i < a->n_users; i++)
		if (str_eq(a->users[i].name, name) || a->users[i].uid == uid)
			return &a->users[i];
	return NULL;
}

int accounts_add(struct accounts *a, const struct recipe *recipe, struct err **err)
{
	for (size_t i = 0; i < recipe->n_users; i++) {
		const struct recipe_user *u = &recipe->users[i];
		const struct account *there = find_user(a, u->name, u->uid);

		if (there)
			return err_set(
				err, EEXIST,
				"%s: users: %s (%u): Debian has %s (%u) already; take another",
				recipe->file, u->name, u->uid, there->name, there->uid);
		*add_user(a) = (struct account){ .name = xstrdup(u->name),
						 .uid = u->uid,
						 .gid = u->gid,
						 .about = xstrdup(""),
						 .home = xstrdup(u->home),
						 .shell = xstrdup(NO_LOGIN) };
		add_group(a, u->name, u->gid);
	}
	return 0;
}

static int find_uid(const struct accounts *a, const char *name, uint32_t *ret_uid,
		    uint32_t *ret_gid, struct err **err)
{
	const char *names[256] = { NULL };
	const char *near;

	for (size_t i = 0; i < a->n_users; i++) {
		if (str_eq(a->users[i].name, name)) {
			*ret_uid = a->users[i].uid;
			*ret_gid = a->users[i].gid;
			return 0;
		}
		if (i + 1 < ARRAY_SIZE(names))
			names[i] = a->users[i].name;
	}
	if (to_id(name, ret_uid)) {
		*ret_gid = *ret_uid;
		return 0;
	}
	near = str_nearest(name, names);
	return err_set(err, ENOENT, "user \"%s\" does not exist%s%s%s; users: declares one", name,
		       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int find_gid(const struct accounts *a, const char *name, uint32_t *ret_gid, struct err **err)
{
	for (size_t i = 0; i < a->n_groups; i++) {
		if (str_eq(a->groups[i].name, name)) {
			*ret_gid = a->groups[i].gid;
			return 0;
		}
	}
	if (to_id(name, ret_gid))
		return 0;
	return err_set(err, ENOENT, "group \"%s\" does not exist", name);
}

int accounts_find(const struct accounts *a, const char *owner, uint32_t *ret_uid, uint32_t *ret_gid,
		  struct err **err)
{
	cleanup_free char *user = xstrdup(owner ? owner : "root");
	char *group = strchr(user, ':');
	uint32_t uid, gid;
	int r;

	if (group)
		*group++ = '\0';
	r = find_uid(a, user, &uid, &gid, err);
	if (r == 0 && group)
		r = find_gid(a, group, &gid, err);
	if (r < 0)
		return r;
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}

bool accounts_has_user(const struct accounts *a, const char *name)
{
	for (size_t i = 0; i < a->n_users; i++)
		if (str_eq(a->users[i].name, name))
			return true;
	return false;
}

bool accounts_has_group(const struct accounts *a, const char *name)
{
	for (size_t i = 0; i < a->n_groups; i++)
		if (str_eq(a->groups[i].name, name))
			return true;
	return false;
}

static int put_text(struct workspace *ws, struct tree *tree, const char *path, mode_t mode,
		    uint32_t gid, struct buf *text, struct err **err)
{
	cleanup_free char *content = NULL;
	int r = workspace_write(ws, buf_bytes(text), text->len, &content, err);

	if (r == 0)
		tree_put_file(tree, path, mode, content, "atoll", ACCOUNTS_DETAIL)->gid = gid;
	buf_free(text);
	return r;
}

int accounts_put(const struct accounts *a, struct workspace *ws, struct tree *tree,
		 struct err **err)
{
	struct buf passwd = BUF_INIT, group = BUF_INIT, shadow = BUF_INIT;
	int r;

	for (size_t i = 0; i < a->n_users; i++) {
		const struct account *u = &a->users[i];

		buf_printf(&passwd, "%s:x:%u:%u:%s:%s:%s\n", u->name, u->uid, u->gid, u->about,
			   u->home, u->shell);
		buf_printf(&shadow, "%s:*:::::::\n", u->name); /* no password fits "*" */
	}
	for (size_t i = 0; i < a->n_groups; i++)
		buf_printf(&group, "%s:x:%u:\n", a->groups[i].name, a->groups[i].gid);
	r = put_text(ws, tree, "etc/passwd", 0644, 0, &passwd, err);
	if (r == 0)
		r = put_text(ws, tree, "etc/group", 0644, 0, &group, err);
	if (r == 0)
		r = put_text(ws, tree, "etc/shadow", 0640, SHADOW_GID, &shadow, err);
	buf_free(&passwd);
	buf_free(&group);
	buf_free(&shadow);
	return r;
}
