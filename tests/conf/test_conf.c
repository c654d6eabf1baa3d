/* SPDX-License-Identifier: MIT */
/*
 * Federation and recipe files against what is expected of them: nothing is said of pass-*.yaml (and of
 * any file that has no fail- in front), and of fail-X.yaml exactly what stands in fail-X.expect.
 *
 *	test_conf [-w] FILE-OR-FOLDER...
 *
 * Prints TAP. With -w it writes the .expect files anew, to be read before they are committed.
 */
#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fd.h"
#include "federation.h"
#include "mem.h"
#include "plan.h"
#include "recipe.h"
#include "spec.h"
#include "str.h"

/* --- the appliances that federations are checked against --- */

static char *strings_net[] = { (char[]){ "net" }, NULL };
static char *strings_frames[] = { (char[]){ "frames" }, NULL };
static char *strings_http[] = { (char[]){ "http" }, NULL };
static char *strings_tcp_80[] = { (char[]){ "tcp/80" }, NULL };
static char *strings_tcp_8000[] = { (char[]){ "tcp/8000" }, NULL };
static char *strings_redis[] = { (char[]){ "redis" }, NULL };
static char *strings_tcp_6379[] = { (char[]){ "tcp/6379" }, NULL };
static char *strings_data[] = { (char[]){ "data" }, NULL };
static char *strings_vm_kinds[] = { (char[]){ "micro" }, (char[]){ "full" }, NULL };

#define MEMORY (96 << 20)

/* "far" is for another architecture; the others are for the one of the files' host. */
static const char *const names[] = { "app", "db", "far", "firewall", "shell", "web", NULL };
static const struct appliance_facts facts[] = {
	{ .services = strings_http, .targets = strings_tcp_8000, .memory = MEMORY },
	{ .services = strings_redis,
	  .targets = strings_tcp_6379,
	  .volumes = strings_data,
	  .memory = MEMORY },
	{ .arch = "arm64" },
	{ .services = strings_net,
	  .targets = strings_frames,
	  .frames = true,
	  .kinds = strings_vm_kinds,
	  .memory = MEMORY },
	{ .memory = 0 },
	{ .services = strings_http, .targets = strings_tcp_80, .memory = MEMORY },
};

/* IMAGE is NAME or NAME:ARCH. */
static const struct appliance_facts *find(const char *image, void *data)
{
	(void)data;
	for (size_t i = 0; names[i]; i++) {
		const char *arch = facts[i].arch ? facts[i].arch : "amd64";
		cleanup_free char *full = xasprintf("%s:%s", names[i], arch);

		if (str_eq(names[i], image) || str_eq(full, image))
			return &facts[i];
	}
	return NULL;
}

/* --- one file --- */

static void check_federation(const char *file, const char *text, struct diag_list *diags)
{
	struct federation *f = federation_parse(file, text, diags);

	if (f)
		federation_check(f, find, names, NULL, diags);
	federation_free(f);
}

/* All that is said of a file; the caller frees. */
static char *check(const char *file, const char *text)
{
	struct diag_list diags = DIAG_LIST_INIT;
	char *said = NULL;
	size_t len;
	FILE *out = open_memstream(&said, &len);

	switch (spec_sniff(file, text, &diags)) {
	case SPEC_FEDERATION:
		check_federation(file, text, &diags);
		break;
	case SPEC_RECIPE:
		recipe_free(recipe_read(file, text, &diags));
		break;
	case SPEC_UNKNOWN:
		break;
	}
	diag_print(&diags, out);
	diag_list_finish(&diags);
	fclose(out);
	return said;
}

static char *read_file(const char *path)
{
	struct buf bytes = BUF_INIT;

	if (file_read(path, 4 << 20, &bytes, NULL) < 0)
		return NULL;
	return buf_steal_str(&bytes);
}

/* What is expected of a file; NULL: its .expect is missing. */
static char *expectation(const char *path, const char *name, char **ret_path)
{
	*ret_path = NULL;
	if (!str_starts(name, "fail-"))
		return xstrdup("");
	*ret_path = xasprintf("%.*s.expect", (int)(strlen(path) - strlen(".yaml")), path);
	return read_file(*ret_path);
}

static bool write_mode;
static unsigned int n_tests, n_failed;

static void report(bool ok, const char *name)
{
	n_failed += !ok;
	printf("%s %u - %s\n", ok ? "ok" : "not ok", ++n_tests, name);
}

static void comment(const char *title, const char *text)
{
	printf("# %s:\n", title);
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("#   %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void test_file(const char *path)
{
	cleanup_free char *copy = xstrdup(path), *expect_path = NULL, *said = NULL;
	const char *name = basename(copy);
	cleanup_free char *expected = expectation(path, name, &expect_path);
	cleanup_free char *text = read_file(path);

	if (!text) {
		report(false, name);
		return;
	}
	said = check(name, text);
	if (write_mode && expect_path && *said)
		file_write_atomic(expect_path, said, strlen(said), 0644, NULL);
	/* A fail- file of which nothing is said fails, whatever is expected. */
	report(expected && str_eq(said, expected) && (!expect_path || *said), name);
	if (expected && str_eq(said, expected))
		return;
	comment("expected", expected ? expected : "(no .expect file)");
	comment("found", said);
}

static int is_yaml(const struct dirent *entry)
{
	return str_ends(entry->d_name, ".yaml");
}

static void test_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_yaml, alphasort);

	if (n <= 0) {
		report(false, path);
		return;
	}
	for (int i = 0; i < n; i++) {
		cleanup_free char *file = xasprintf("%s/%s", path, entries[i]->d_name);

		test_file(file);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	struct stat st;
	int i = 1;

	if (argc > 1 && str_eq(argv[1], "-w")) {
		write_mode = true;
		i++;
	}
	for (; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			test_folder(argv[i]);
		else
			test_file(argv[i]);
	}
	printf("1..%u\n", n_tests);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
