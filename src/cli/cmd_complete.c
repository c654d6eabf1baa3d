/* SPDX-License-Identifier: MIT */
/*
 * atoll __complete WORD…: what could stand in place of the last word, one per line with a tab and an
 * explanation behind it where there is one; "\tfiles" alone asks the shell for file names. The words
 * are those behind "atoll". Never starts a daemon.
 */
#include <string.h>
#include <sys/stat.h>

#include "client.h"
#include "command.h"
#include "image_reasons.h"
#include "keyfile.h"
#include "local_store.h"
#include "mem.h"
#include "str.h"
#include "term.h"

static void offer(const char *word, const char *text, const char *why)
{
	if (str_starts(text, word))
		printf("%s%s%s\n", text, why ? "\t" : "", why ? why : "");
}

static void offer_commands(const char *word)
{
	for (const struct command *c = commands; c->name; c++)
		if (c->group)
			offer(word, c->name, c->summary);
}

static void offer_options(const char *word, const struct command *c)
{
	for (const struct option_spec *o = c->options; o && o->name; o++) {
		cleanup_free char *text = xasprintf("--%s", o->name);

		offer(word, text, o->help);
	}
	offer(word, "--help", "Show the command's help");
}

/* A list of the API, by one of its objects' strings. */
static void offer_list(const char *word, const char *path, const char *key)
{
	cleanup_json json_t *answer = NULL;
	cleanup_json json_t *seen = json_object();
	const json_t *o;
	size_t i;

	if (client_call(CLIENT_RUNNING, "GET", path, NULL, &answer, NULL) < 0)
		return;
	json_array_foreach(json_object_get(answer, "metadata"), i, o)
	{
		const char *text = json_str(o, key);

		/* A machine has several links, and several federations one name. */
		if (!json_object_get(seen, text))
			offer(word, text, NULL);
		json_object_set_new(seen, text, json_true());
	}
}

static void offer_images(const char *word)
{
	cleanup_store struct store *s = NULL;
	struct store_image **images;
	size_t n;

	if (!local_store_exists() || local_store_open(&s, NULL) < 0 ||
	    store_list_images(s, &images, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		offer(word, images[i]->name, "appliance");
	store_images_free(images, n);
}

static void offer_keys(const char *word, size_t n)
{
	cleanup_free char *folder = trusted_keys_folder();
	struct trusted_keys keys;

	if (n == 0) {
		offer(word, "create", "a new key");
		offer(word, "trust", "a public key's file");
		offer(word, "forget", "a key that was trusted");
		return;
	}
	printf("\tfiles\n");
	if (trusted_keys_read(folder, &keys, NULL) < 0)
		return;
	for (size_t i = 0; i < keys.n; i++)
		offer(word, keys.items[i].name, "trusted key");
	trusted_keys_finish(&keys);
}

/* Paths up to their next slash, each once; files of folders that are there come one after the other. */
static void offer_paths(const char *word, const struct reasons_file *files, size_t n)
{
	cleanup_free char *last = NULL;

	for (size_t i = 0; i < n; i++) {
		cleanup_free char *shown = path_shown(files[i].path);
		cleanup_free char *path =
			xasprintf("%s%s", shown, S_ISDIR(files[i].mode) ? "/" : "");
		size_t len = strlen(word);

		if (!str_starts(path, word))
			continue;
		len += strcspn(path + len, "/");
		len += path[len] == '/';
		path[len] = '\0';
		if (!str_eq(path, last))
			offer(word, path, NULL);
		free(last);
		last = steal_ptr(path);
	}
}

/* What is in the image, or what is not. */
static void offer_files(const char *word, const char *image, bool left)
{
	cleanup_image_reasons struct image_reasons i = { 0 };

	if (!local_store_exists() || image_reasons_open(image, &i, NULL) < 0)
		return;
	if (!left) {
		offer_paths(word, i.reasons->files, i.reasons->n_files);
		return;
	}
	offer_paths(word, i.reasons->left, i.reasons->n_left);
	for (size_t p = 0; p < i.reasons->n_packages; p++)
		if (package_is_real(&i.reasons->packages[p]))
			offer(word, i.reasons->packages[p].name, "package");
}

/* `first`: the word before, behind the command's name. */
static void offer_words(const char *word, enum word_kind kind, size_t n, const char *first)
{
	switch (kind) {
	case WORDS_THINGS:
		offer_images(word);
		__attribute__((fallthrough));
	case WORDS_MACHINES:
		offer_list(word, "/1.0/machines", "name");
		break;
	case WORDS_SHELLS:
		if (n == 0)
			offer_list(word, "/1.0/machines", "name");
		break;
	case WORDS_IMAGES:
		offer_images(word);
		break;
	case WORDS_KEPT:
	case WORDS_LEFT:
		if (n == 0)
			offer_images(word);
		else if (n == 1)
			offer_files(word, first, kind == WORDS_LEFT);
		break;
	case WORDS_LINKS:
		offer_list(word, "/1.0/links", n == 0 ? "from" : "to");
		break;
	case WORDS_FEDERATIONS:
		offer_list(word, "/1.0/federations", "name");
		printf("\tfiles\n");
		break;
	case WORDS_FILES:
		printf("\tfiles\n");
		break;
	case WORDS_KEYS:
		offer_keys(word, n);
		break;
	case WORDS_TERMS:
		offer(word, "package=", "a package's or its source's name");
		offer(word, "source=", "a source package's name");
		offer(word, "version<", "its version: <, <=, =, !=, >=, >");
		offer(word, "file=", "a path in the appliance");
		offer(word, "image=", "an appliance's name");
		break;
	case WORDS_COMMANDS:
		offer_commands(word);
		break;
	case WORDS_NONE:
		break;
	}
}

/* The option that the word before the last one is, if it takes a value. */
static const struct option_spec *pending_option(const struct command *c, const char *before)
{
	for (const struct option_spec *o = c->options; o && o->name; o++) {
		if (!o->arg || before[0] != '-')
			continue;
		if ((before[1] == '-' && str_eq(before + 2, o->name)) ||
		    (o->letter && before[1] == o->letter && !before[2]))
			return o;
	}
	return NULL;
}

static const char *const export_formats[] = { "tar",  "oci", "docker", "raw", "qcow2",
					      "vmdk", "vhd", "ova",    "iso", "netboot" };

int cmd_complete(const struct args *args)
{
	const char *word = args->n_words ? args->words[args->n_words - 1] : "";
	const struct command *c;
	const struct option_spec *pending;
	const char *first = NULL;
	size_t n = 0;

	if (args->n_words <= 1) {
		offer_commands(word);
		return 0;
	}
	c = command_find(args->words[0]);
	if (!c)
		return 0;
	pending = args->n_words > 2 ? pending_option(c, args->words[args->n_words - 2]) : NULL;
	if (pending && str_eq(pending->name, "format")) {
		bool sbom = str_eq(c->name, "sbom");

		offer(word, sbom ? "spdx" : "table", NULL);
		offer(word, sbom ? "cyclonedx" : "json", NULL);
	} else if (pending && str_eq(pending->name, "as")) {
		for (size_t i = 0; i < ARRAY_SIZE(export_formats); i++)
			offer(word, export_formats[i], NULL);
	} else if (pending && str_eq(pending->name, "by")) {
		offer(word, "package", NULL);
		offer(word, "reason", NULL);
		offer(word, "folder", NULL);
	} else if (!pending && word[0] == '-') {
		offer_options(word, c);
	} else if (!pending) {
		for (size_t i = 1; i + 1 < args->n_words; i++)
			if (args->words[i][0] != '-' && n++ == 0)
				first = args->words[i];
		offer_words(word, c->kind, n, first);
	}
	return 0;
}
