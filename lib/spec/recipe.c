/* SPDX-License-Identifier: MIT */
/* The recipe language: its keys, what each value may be, and what must fit together. */
#include "recipe.h"

#include <ctype.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "abi_machine.h"
#include "names.h"
#include "schema.h"
#include "str.h"

#define FILES_MAX       1024
#define SERVICES_MAX    64
#define USERS_MAX       64
#define VOLUMES_MAX     16
#define VOLUME_NAME_MAX 20 /* it is also a virtio-blk serial: virtio 1.2, 5.2.6 */

/* --- readers of one value --- */

static void read_checked(struct schema *s, const struct yaml *value, bool (*is)(const char *),
			 const char *what, char **field)
{
	const char *text = schema_text(s, value, what);

	if (text && is(text))
		*field = xstrdup(text);
	else if (text)
		schema_expected(s, value, what);
}

static void read_checked_list(struct schema *s, const struct yaml *value, bool (*is)(const char *),
			      const char *what, char ***field)
{
	if (!schema_is_list(s, value, 4096, "a list"))
		return;
	for (size_t i = 0; i < value->n; i++) {
		char *item = NULL;

		read_checked(s, value->items[i], is, what, &item);
		if (item && strv_has(*field, item)) {
			schema_fault(s, value->items[i], "\"%s\" is given twice", item);
			free(item);
		} else if (item) {
			strv_take(field, item);
		}
	}
}

static bool is_appliance(const char *s)
{
	return str_is_name(s, FEDERATION_NAME_MAX);
}

static void read_appliance(struct schema *s, const struct yaml *value, void *field)
{
	read_checked(s, value, is_appliance, "a name (a-z, 0-9 and -, first a letter, at most 32)",
		     field);
	if (str_eq(value->text, RECIPE_NAME_OF_KERNEL))
		schema_fault(s, value,
			     "the store keeps the tiny kernel as \"%s\": take another "
			     "name",
			     value->text);
}

static bool is_version(const char *s)
{
	size_t n = strlen(s);

	return n <= 64 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.+~_-") == n;
}

static void read_version(struct schema *s, const struct yaml *value, void *field)
{
	read_checked(s, value, is_version, "a version (letters, digits and .+~_-, at most 64)",
		     field);
}

/* DISTRIBUTION/RELEASE. Whether there is such a one is the builder's to find out. */
static bool is_base(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && s[n] == '/' && s[n + 1] && strlen(s) <= 64 &&
	       s[n + 1 + strspn(s + n + 1, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == '\0';
}

static void read_base(struct schema *s, const struct yaml *value, void *field)
{
	read_checked(s, value, is_base, "DISTRIBUTION/RELEASE, such as debian/bookworm", field);
}

static void read_arch(struct schema *s, const struct yaml *value, void *field)
{
	int i = schema_choice(s, value, arch_names, "amd64 or arm64");

	if (i >= 0)
		*(char **)field = xstrdup(arch_names[i]);
}

static void read_packages(struct schema *s, const struct yaml *value, void *field)
{
	read_checked_list(s, value, name_is_package, "a package's name", field);
}

static bool is_program(const char *s)
{
	return str_starts(s, "atoll-") && str_is_name(s, 64);
}

static void read_programs(struct schema *s, const struct yaml *value, void *field)
{
	read_checked_list(s, value, is_program, "a guest program of Atoll, such as atoll-firewall",
			  field);
}

static bool is_module(const char *s)
{
	size_t n = strlen(s);

	return n <= 64 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-") == n;
}

static void read_modules(struct schema *s, const struct yaml *value, void *field)
{
	read_checked_list(s, value, is_module, "a kernel module's name", field);
}

static void read_kernel(struct schema *s, const struct yaml *value, void *field)
{
	static const char *const kernels[] = { "cloud", "generic", "tiny", NULL };
	int i = schema_choice(s, value, kernels, "cloud, generic or tiny");

	if (i >= 0)
		*(char **)field = xstrdup(kernels[i]);
}

/* A list of fixed names. */
static void read_choices(struct schema *s, const struct yaml *value, const char *const *names,
			 const char *what, char ***field)
{
	if (!schema_is_list(s, value, 64, "a list"))
		return;
	for (size_t i = 0; i < value->n; i++) {
		int choice = schema_choice(s, value->items[i], names, what);

		if (choice >= 0 && strv_has(*field, names[choice]))
			schema_fault(s, value->items[i], "\"%s\" is given twice", names[choice]);
		else if (choice >= 0)
			strv_append(field, names[choice]);
	}
}

static void read_capabilities(struct schema *s, const struct yaml *value, void *field)
{
	read_choices(s, value, capability_names, "a capability such as net_admin", field);
}

static void read_kinds(struct schema *s, const struct yaml *value, void *field)
{
	read_choices(s, value, kind_names, "light, micro, full or emulated", field);
}

/* A pattern of paths is one that no part of climbs. */
static bool is_kept(const char *s)
{
	const char *path = *s == '!' ? s + 1 : s;

	if (*path == '/')
		return name_is_path(path);
	return path == s && name_is_package(s);
}

static void read_keep(struct schema *s, const struct yaml *value, void *field)
{
	static const char what[] = "closure, packages, a package's name, /GLOB or !/GLOB";
	char *word = NULL;

	if (value->type == YAML_SCALAR)
		read_checked(s, value, is_kept, what, &word);
	else
		read_checked_list(s, value, is_kept, what, field);
	if (word)
		strv_take(field, word);
	if (strv_has(*(char ***)field, "closure") && strv_has(*(char ***)field, "packages"))
		schema_fault(s, value, "\"closure\" and \"packages\" are two ways; name one");
}

static void read_ignore_scripts(struct schema *s, const struct yaml *value, void *field)
{
	read_checked_list(s, value, name_is_package, "a package's name", field);
}

static void read_paths(struct schema *s, const struct yaml *value, void *field)
{
	read_checked_list(s, value, name_is_path, "an absolute path without . and ..", field);
}

static bool is_user_or_uid(const char *s)
{
	uint64_t uid;

	return name_is_user(s) || str_to_u64(s, 65533, &uid) == 0;
}

static void read_user(struct schema *s, const struct yaml *value, void *field)
{
	read_checked(s, value, is_user_or_uid, "a user's name or number", field);
}

static void read_path(struct schema *s, const struct yaml *value, void *field)
{
	read_checked(s, value, name_is_path, "an absolute path without . and ..", field);
}

static void read_source(struct schema *s, const struct yaml *value, void *field)
{
	read_checked(s, value, name_is_relative,
		     "a file in the recipe's folder (a relative path without . and ..)", field);
}

static void read_mode(struct schema *s, const struct yaml *value, void *field)
{
	static const char what[] = "an octal mode such as 0644";
	const char *text = schema_text(s, value, what);
	size_t n = text ? strlen(text) : 0;

	if (!text)
		return;
	if (n < 3 || n > 4 || strspn(text, "01234567") != n || strtoul(text, NULL, 8) == 0)
		schema_expected(s, value, what);
	else
		*(unsigned int *)field = (unsigned int)strtoul(text, NULL, 8);
}

static bool is_owner(const char *s)
{
	const char *colon = strchr(s, ':');
	cleanup_free char *user = xstrndup(s, colon ? (size_t)(colon - s) : strlen(s));

	return is_user_or_uid(user) && (!colon || is_user_or_uid(colon + 1));
}

static void read_owner(struct schema *s, const struct yaml *value, void *field)
{
	read_checked(s, value, is_owner, "USER or USER:GROUP", field);
}

static void read_memory(struct schema *s, const struct yaml *value, void *field)
{
	schema_size(s, value, "16M", "1T", field);
}

/* 0 is root's, 65534 nobody's. */
static void read_uid(struct schema *s, const struct yaml *value, void *field)
{
	uint64_t uid;

	if (schema_number(s, value, 1, 65533, &uid))
		*(uint32_t *)field = (uint32_t)uid;
}

/* A literal text; empty is fine, as an empty file is. */
static void read_text(struct schema *s, const struct yaml *value, void *field)
{
	if (value->type == YAML_SCALAR)
		*(char **)field = xstrdup(value->text);
	else
		schema_expected(s, value, "a text");
}

/* --- files --- */

static const struct schema_key file_keys[] = {
	{ "source", read_source, offsetof(struct recipe_file, source) },
	{ "text", read_text, offsetof(struct recipe_file, text) },
	{ "mode", read_mode, offsetof(struct recipe_file, mode) },
	{ "owner", read_owner, offsetof(struct recipe_file, owner) },
	{ NULL },
};

static void take_file(struct schema *s, const struct yaml *key, const struct yaml *value,
		      void *data)
{
	struct recipe *r = data;
	struct recipe_file *f;
	size_t mark, before = schema_faults(s);

	if (!name_is_path(key->text)) {
		schema_expected(s, key, "an absolute path without . and ..");
		return;
	}
	f = SCHEMA_GROW(r->files, r->n_files);
	f->path = xstrdup(key->text);
	f->line = key->line;
	f->column = key->column;
	mark = schema_enter(s, "\"%s\"", key->text);
	if (value->type == YAML_SCALAR)
		read_source(s, value, &f->source);
	else
		schema_read_map(s, key, value, file_keys, f);
	if (schema_faults(s) == before && !f->source == !f->text)
		schema_fault(s, key, "expected one of \"source\" and \"text\", found %s",
			     f->source ? "both" : "neither");
	schema_leave(s, mark);
}

static void read_files(struct schema *s, const struct yaml *value, void *recipe)
{
	schema_each_pair(s, value, FILES_MAX, take_file, recipe);
}

/* --- provides --- */

#define TARGET_FORM "tcp/PORT, unix/PATH or frames"

/* What is wrong with a service's target, or NULL. */
static const char *target_fault(const char *service, const char *target)
{
	uint64_t port;

	if (str_eq(target, "frames"))
		return str_eq(service, "net") ? NULL : "frames are for the service \"net\" alone";
	if (str_eq(service, "net"))
		return "the service \"net\" is frames";
	if (str_starts(target, "tcp/"))
		return str_to_u64(target + 4, 65535, &port) == 0 && port > 0
			       ? NULL
			       : "expected a port from 1 to 65535 behind tcp/";
	if (str_starts(target, "unix/"))
		/* sun_path holds 107 bytes and a NUL: unix(7) */
		return name_is_path(target + 4) && strlen(target + 4) <= 107
			       ? NULL
			       : "expected an absolute path of at most 107 bytes: unix/run/x.sock";
	return "expected " TARGET_FORM;
}

static void take_service(struct schema *s, const struct yaml *key, const struct yaml *value,
			 void *data)
{
	struct recipe *r = data;
	size_t mark;
	const char *target, *fault;

	if (!str_is_name(key->text, SERVICE_NAME_MAX)) {
		schema_expected(s, key, "a service's name (a-z, 0-9 and -, at most 32)");
		return;
	}
	mark = schema_enter(s, "\"%s\"", key->text);
	target = schema_text(s, value, TARGET_FORM);
	fault = target ? target_fault(key->text, target) : NULL;
	if (fault)
		schema_fault(s, value, "%s, found \"%.60s\"", fault, target);
	schema_leave(s, mark);
	if (target && !fault)
		*SCHEMA_GROW(r->provides, r->n_provides) = (struct recipe_service){
			.name = xstrdup(key->text),
			.target = xstrdup(target),
			.line = key->line,
			.column = key->column,
		};
}

static void read_provides(struct schema *s, const struct yaml *value, void *recipe)
{
	schema_each_pair(s, value, SERVICES_MAX, take_service, recipe);
}

/* --- users --- */

/* A field of passwd(5). */
static bool is_home(const char *s)
{
	for (const char *p = s; *p; p++)
		if (*p == ':' || iscntrl((unsigned char)*p))
			return false;
	return name_is_path(s);
}

static void read_home(struct schema *s, const struct yaml *value, void *field)
{
	read_checked(s, value, is_home,
		     "an absolute path without . and .., colons and control characters", field);
}

static const struct schema_key user_keys[] = {
	{ "uid", read_uid, offsetof(struct recipe_user, uid), .required = true },
	{ "home", read_home, offsetof(struct recipe_user, home) },
	{ NULL },
};

static void take_user(struct schema *s, const struct yaml *key, const struct yaml *value,
		      void *data)
{
	struct recipe *r = data;
	struct recipe_user *u;
	size_t mark;

	if (!name_is_user(key->text) || str_eq(key->text, "root")) {
		schema_expected(s, key, "a user's name other than root");
		return;
	}
	u = SCHEMA_GROW(r->users, r->n_users);
	u->name = xstrdup(key->text);
	mark = schema_enter(s, "\"%s\"", key->text);
	if (value->type == YAML_SCALAR)
		read_uid(s, value, &u->uid);
	else
		schema_read_map(s, key, value, user_keys, u);
	u->gid = u->uid;
	if (!u->home)
		u->home = xstrdup("/nonexistent");
	for (size_t i = 0; u->uid && i + 1 < r->n_users; i++)
		if (r->users[i].uid == u->uid)
			schema_fault(s, value, "the number %u is \"%s\"'s", u->uid,
				     r->users[i].name);
	schema_leave(s, mark);
}

static void read_users(struct schema *s, const struct yaml *value, void *recipe)
{
	schema_each_pair(s, value, USERS_MAX, take_user, recipe);
}

/* --- volumes --- */

static const struct schema_key volume_keys[] = {
	{ "path", read_path, offsetof(struct recipe_volume, target), .required = true },
	{ "owner", read_user, offsetof(struct recipe_volume, owner) },
	{ "mode", read_mode, offsetof(struct recipe_volume, mode) },
	{ NULL },
};

/* Two volumes cannot be mounted on the same place, nor one inside the other: their order is not said. */
static void refuse_overlap(struct schema *s, const struct yaml *at, const struct recipe *r,
			   const struct recipe_volume *v)
{
	for (const struct recipe_volume *other = r->volumes; other < v; other++) {
		size_t n = strlen(v->target), m = other->target ? strlen(other->target) : 0;
		size_t common = n < m ? n : m;

		if (!m || memcmp(v->target, other->target, common) != 0)
			continue;
		if (n != m && (n < m ? other->target[n] : v->target[m]) != '/')
			continue;
		schema_fault(s, at, "its path %s overlaps with the volume \"%s\" (%s)", v->target,
			     other->name, other->target);
		return;
	}
}

static void take_volume(struct schema *s, const struct yaml *key, const struct yaml *value,
			void *data)
{
	struct recipe *r = data;
	struct recipe_volume *v;
	size_t mark;

	if (!str_is_name(key->text, VOLUME_NAME_MAX)) {
		schema_expected(s, key, "a volume's name (a-z, 0-9 and -, at most 20)");
		return;
	}
	v = SCHEMA_GROW(r->volumes, r->n_volumes);
	v->name = xstrdup(key->text);
	v->line = key->line;
	v->column = key->column;
	mark = schema_enter(s, "\"%s\"", key->text);
	if (value->type == YAML_SCALAR)
		read_path(s, value, &v->target);
	else
		schema_read_map(s, key, value, volume_keys, v);
	if (v->target)
		refuse_overlap(s, key, r, v);
	schema_leave(s, mark);
}

static void read_volumes(struct schema *s, const struct yaml *value, void *recipe)
{
	schema_each_pair(s, value, VOLUMES_MAX, take_volume, recipe);
}

/* --- the whole --- */

static const struct schema_key needs_keys[] = {
	{ "memory", read_memory, offsetof(struct recipe, needs_memory) },
	{ "kinds", read_kinds, offsetof(struct recipe, needs_kinds) },
	{ NULL },
};

static void read_needs(struct schema *s, const struct yaml *value, void *recipe)
{
	schema_read_map(s, value, value, needs_keys, recipe);
}

/* --- test --- */

#define TEST_SECONDS_MAX 3600

static void read_seconds(struct schema *s, const struct yaml *value, void *field)
{
	schema_number(s, value, 1, TEST_SECONDS_MAX, field);
}

static const struct schema_key test_keys[] = {
	{ "run", schema_read_command, offsetof(struct recipe, test), .required = true },
	{ "seconds", read_seconds, offsetof(struct recipe, test_seconds) },
	{ NULL },
};

static void read_test(struct schema *s, const struct yaml *value, void *recipe)
{
	struct recipe *r = recipe;

	if (value->type == YAML_MAP)
		schema_read_map(s, value, value, test_keys, r);
	else
		schema_read_command(s, value, &r->test);
}

/* Readers that fill several fields get the recipe itself: offset 0. */
static const struct schema_key recipe_keys[] = {
	{ "appliance", read_appliance, offsetof(struct recipe, name), .required = true },
	{ "version", read_version, offsetof(struct recipe, version) },
	{ "base", read_base, offsetof(struct recipe, base), .required = true },
	{ "arch", read_arch, offsetof(struct recipe, arch) },
	{ "packages", read_packages, offsetof(struct recipe, packages) },
	{ "programs", read_programs, offsetof(struct recipe, programs) },
	{ "kernel", read_kernel, offsetof(struct recipe, kernel) },
	{ "modules", read_modules, offsetof(struct recipe, modules) },
	{ "capabilities", read_capabilities, offsetof(struct recipe, capabilities) },
	{ "files", read_files, 0 },
	{ "users", read_users, 0 },
	{ "user", read_user, offsetof(struct recipe, user) },
	{ "workdir", read_path, offsetof(struct recipe, workdir) },
	{ "prepare", schema_read_command, offsetof(struct recipe, prepare) },
	{ "run", schema_read_command, offsetof(struct recipe, argv) },
	{ "test", read_test, 0 },
	{ "env", schema_read_env, offsetof(struct recipe, env) },
	{ "provides", read_provides, 0 },
	{ "volumes", read_volumes, 0 },
	{ "keep", read_keep, offsetof(struct recipe, keep) },
	{ "ignore-scripts", read_ignore_scripts, offsetof(struct recipe, ignore_scripts) },
	{ "allow-secrets", read_paths, offsetof(struct recipe, allow_secrets) },
	{ "setuid", read_paths, offsetof(struct recipe, setuid) },
	{ "needs", read_needs, 0 },
	{ NULL },
};

/* The tiny kernel has no PCI, which a full machine is made of. */
static void check_kernel(struct schema *s, const struct yaml *root, const struct recipe *r)
{
	if (str_eq(r->kernel, "tiny") && strv_has(r->needs_kinds, "full"))
		schema_fault(
			s, root,
			"kernel: tiny does not run the kind full; leave full out of needs: kinds");
}

/* It runs in a light machine, which has no network interfaces but its own loopback. */
static void check_test(struct schema *s, const struct yaml *root, const struct recipe *r)
{
	if (r->test && r->needs_kinds && !strv_has(r->needs_kinds, "light"))
		schema_fault(s, root,
			     "test: it runs in a light machine, which needs: kinds leaves out");
}

static void note_lines(struct recipe *r, const struct yaml *root)
{
	for (size_t i = 0; root->type == YAML_MAP && i + 1 < root->n; i += 2) {
		const struct yaml *key = root->items[i];

		if (key->type == YAML_SCALAR)
			*SCHEMA_GROW(r->lines, r->n_lines) =
				(struct recipe_line){ xstrdup(key->text), key->line, key->column };
	}
}

int recipe_line(const struct recipe *r, const char *key)
{
	for (size_t i = 0; i < r->n_lines; i++)
		if (str_eq(r->lines[i].key, key))
			return r->lines[i].line;
	return 0;
}

char *recipe_where(const struct recipe *r, int line, const char *key)
{
	const char *slash = strrchr(r->file, '/');

	return xasprintf("%s:%d: %s", slash ? slash + 1 : r->file, line, key);
}

char *recipe_at(const struct recipe *r, const char *key)
{
	for (size_t i = 0; i < r->n_lines; i++)
		if (str_eq(r->lines[i].key, key))
			return xasprintf("%s:%d:%d: %s", r->file, r->lines[i].line,
					 r->lines[i].column, key);
	return xasprintf("%s: %s", r->file, key);
}

bool recipe_keeps(const struct recipe *r, const char *what)
{
	return strv_has(r->keep, what);
}

struct recipe *recipe_read(const char *file, const char *text, struct diag_list *diags)
{
	struct schema s = { .file = file, .diags = diags };
	size_t before = schema_faults(&s);
	cleanup_yaml struct yaml *root = yaml_read(file, text, diags);
	cleanup_free char *path = xstrdup(file);
	struct recipe *r;

	if (!root)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->file = xstrdup(file);
	r->dir = xstrdup(dirname(path));
	schema_read_map(&s, root, root, recipe_keys, r);
	check_kernel(&s, root, r);
	check_test(&s, root, r);
	note_lines(r, root);
	if (schema_faults(&s) == before)
		return r;
	recipe_free(r);
	return NULL;
}

static void free_lists(struct recipe *r)
{
	strv_free(r->packages);
	strv_free(r->programs);
	strv_free(r->modules);
	strv_free(r->capabilities);
	strv_free(r->argv);
	strv_free(r->prepare);
	strv_free(r->test);
	strv_free(r->env);
	strv_free(r->keep);
	strv_free(r->ignore_scripts);
	strv_free(r->allow_secrets);
	strv_free(r->setuid);
	strv_free(r->needs_kinds);
}

static void free_objects(struct recipe *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		free(r->files[i].path);
		free(r->files[i].source);
		free(r->files[i].text);
		free(r->files[i].owner);
	}
	for (size_t i = 0; i < r->n_provides; i++) {
		free(r->provides[i].name);
		free(r->provides[i].target);
	}
	for (size_t i = 0; i < r->n_users; i++) {
		free(r->users[i].name);
		free(r->users[i].home);
	}
	for (size_t i = 0; i < r->n_volumes; i++) {
		free(r->volumes[i].name);
		free(r->volumes[i].target);
		free(r->volumes[i].owner);
	}
	for (size_t i = 0; i < r->n_lines; i++)
		free(r->lines[i].key);
	free(r->lines);
	free(r->files);
	free(r->provides);
	free(r->users);
	free(r->volumes);
}

void recipe_free(struct recipe *r)
{
	if (!r)
		return;
	free_lists(r);
	free_objects(r);
	free(r->file);
	free(r->dir);
	free(r->name);
	free(r->version);
	free(r->base);
	free(r->arch);
	free(r->kernel);
	free(r->user);
	free(r->workdir);
	free(r);
}
