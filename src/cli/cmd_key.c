/* SPDX-License-Identifier: MIT */
/*
 * atoll key: keys that sign appliances, and those that this computer trusts. Trusted ones are the files
 * *.pub of STATE/keys; their names are the names here.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "fd.h"
#include "keyfile.h"
#include "mem.h"
#include "output.h"
#include "paths.h"
#include "str.h"
#include "table.h"

static int ask_new_password(char **ret, struct err **err)
{
	char *again = NULL;
	bool same;
	int r = keyfile_ask_password("Password of the new key", ret, err);

	if (r == 0 && isatty(STDIN_FILENO)) {
		r = keyfile_ask_password("Once more", &again, err);
		same = r == 0 && str_eq(*ret, again);
		if (again)
			sodium_memzero(again, strlen(again));
		free(again);
		if (r == 0 && !same)
			r = err_set(err, EINVAL, "the two passwords differ");
	}
	if (r == 0 && !**ret)
		r = err_set(err, EINVAL,
			    "the password is empty; say --no-password for a key without one");
	return r;
}

static int create(const struct args *args, const char *path, struct err **err)
{
	struct minisign_public key;
	char id[MINISIGN_ID_TEXT];
	char *password = NULL;
	int r = args_has(args, "no-password") ? 0 : ask_new_password(&password, err);

	if (r == 0)
		r = keyfile_create(path, password, &key, err);
	if (password)
		sodium_memzero(password, strlen(password));
	free(password);
	if (r < 0)
		return r;
	minisign_id_text(key.id, id);
	printf("key %s: %s.key signs ('atoll sign', 'atoll build --sign'), and is a secret\n"
	       "%s.pub is for those who shall trust it ('atoll key trust %s.pub')\n",
	       id, path, path, path);
	return 0;
}

/* The file's name without folder and ending: what the key is called here. */
static char *key_name(const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t len = strlen(base);

	return xstrndup(base, str_ends(base, ".pub") ? len - strlen(".pub") : len);
}

static int trust(const struct args *args, const char *path, struct err **err)
{
	cleanup_free char *folder = trusted_keys_folder(), *name = key_name(path);
	cleanup_free char *target = xasprintf("%s/%s.pub", folder, name);
	cleanup_buf struct buf text = BUF_INIT;
	struct minisign_public key;
	char id[MINISIGN_ID_TEXT];
	int r = keyfile_read_public(path, &key, err);

	(void)args;
	if (r == 0 && (!*name || *name == '.'))
		r = err_set(err, EINVAL, "%s: a key's file has a name, NAME.pub", path);
	if (r == 0 && file_exists(target))
		r = err_set(err, EEXIST,
			    "a key \"%s\" is trusted already; 'atoll key forget %s' first, or give "
			    "the file another name",
			    name, name);
	if (r == 0)
		r = dir_make(folder, 0755, err);
	if (r < 0)
		return r;
	minisign_public_write(&key, &text);
	r = file_write_atomic(target, buf_bytes(&text), text.len, 0644, err);
	if (r < 0)
		return r;
	minisign_id_text(key.id, id);
	printf("%s (%s) is trusted; machines start from signed appliances alone\n", name, id);
	return 0;
}

static int forget(const struct args *args, const char *name, struct err **err)
{
	cleanup_free char *folder = trusted_keys_folder();
	cleanup_free char *target = xasprintf("%s/%s.pub", folder, name);

	(void)args;
	if (strchr(name, '/') || unlink(target) < 0) {
		int code = strchr(name, '/') ? ENOENT : errno;

		if (code == ENOENT)
			return err_set(err, code,
				       "no key \"%s\" is trusted; 'atoll key' lists them", name);
		return err_set_errno(err, code, "%s", target);
	}
	return 0;
}

static void print_table(const struct trusted_keys *keys)
{
	static const char *const titles[] = { "NAME", "ID", NULL };
	struct table t;

	if (!keys->n) {
		printf("no trusted keys: machines start from any appliance, signed or not\n");
		return;
	}
	table_init(&t, titles);
	for (size_t i = 0; i < keys->n; i++) {
		char id[MINISIGN_ID_TEXT];

		minisign_id_text(keys->items[i].key.id, id);
		table_add(&t, keys->items[i].name);
		table_add(&t, id);
	}
	table_print(&t);
}

static void print_list(const struct trusted_keys *keys)
{
	json_t *list = json_array();

	for (size_t i = 0; i < keys->n; i++) {
		char id[MINISIGN_ID_TEXT];

		minisign_id_text(keys->items[i].key.id, id);
		json_array_append_new(
			list, json_pack("{s:s, s:s}", "name", keys->items[i].name, "id", id));
	}
	print_json(list);
	json_decref(list);
}

static int list_keys(bool json)
{
	cleanup_free char *folder = trusted_keys_folder();
	cleanup_err struct err *err = NULL;
	struct trusted_keys keys;

	if (trusted_keys_read(folder, &keys, &err) < 0)
		return report_error(err);
	if (json)
		print_list(&keys);
	else
		print_table(&keys);
	trusted_keys_finish(&keys);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(const struct args *args, const char *word, struct err **err);
} actions[] = {
	{ "create", create },
	{ "trust", trust },
	{ "forget", forget },
};

int cmd_key(const struct args *args)
{
	const char *action = args_word(args, 0), *word = args_word(args, 1);
	cleanup_err struct err *err = NULL;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (!action)
		return list_keys(json);
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!str_eq(action, actions[i].name))
			continue;
		if (!word)
			break;
		return actions[i].run(args, word, &err) < 0 ? report_error(err) : 0;
	}
	say_error("key: expected create FILE, trust FILE, forget NAME, or nothing");
	return EXIT_USAGE;
}
