/* SPDX-License-Identifier: MIT */
/*
 * The appliance manifest's JSON. Simple fields are one table that writer, parser and free all walk;
 * the three lists of structs (provides, volumes, packages) have a function each. Checks that need
 * nothing but the value are here; what fits a federation is lib/spec's to say.
 */
#include "appliance.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>

#include "json_read.h"
#include "mem.h"
#include "str.h"

#define SCHEMA       1
#define MAX_STR      4096
#define MAX_WORD     65536 /* of a command line or an environment */
#define MAX_LIST     1024
#define MAX_SERVICES 64
#define MAX_VOLUMES  64
#define MAX_PACKAGES 16384
#define MAX_ID       65534

enum field_kind {
	FIELD_STR,
	FIELD_STRV,
	FIELD_U64,
};

/* What a string, or each string of a list, has to be. NULL: anything. */
typedef bool (*check_fn)(const char *s);

struct field {
	const char *key;
	enum field_kind kind;
	size_t offset;
	bool required;
	size_t max; /* bytes of the string, or of each of a list */
	check_fn check;
	const char *expected; /* for the error when check says no */
};

static bool is_name(const char *s)
{
	return str_is_name(s, 64);
}

static bool is_arch(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool is_root_hash(const char *s)
{
	return strlen(s) == 64 && s[strspn(s, "0123456789abcdef")] == '\0';
}

static bool is_capability(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static bool is_kind(const char *s)
{
	static const char *const kinds[] = { "light", "micro", "full", "emulated", "bare", NULL };

	for (const char *const *k = kinds; *k; k++)
		if (str_eq(s, *k))
			return true;
	return false;
}

static bool is_env(const char *s)
{
	const char *eq = strchr(s, '=');

	return eq && eq != s;
}

/* A path with no empty, "." or ".." part. */
static bool is_clean_path(const char *s)
{
	if (*s == '/')
		s++;
	for (;;) {
		size_t n = strcspn(s, "/");

		if (n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		if (s[n] == '\0')
			return true;
		s += n + 1;
	}
}

static bool is_absolute(const char *s)
{
	return *s == '/' && is_clean_path(s);
}

static bool is_workdir(const char *s)
{
	return str_eq(s, "/") || is_absolute(s);
}

static bool is_target(const char *s)
{
	uint64_t port;

	if (str_starts(s, "tcp/"))
		return str_to_u64(s + 4, 65535, &port) == 0 && port > 0;
	if (str_starts(s, "unix/"))
		return is_absolute(s + 4) || is_absolute(s + 5);
	return str_eq(s, "frames");
}

#define FIELD(key_, kind_, member_, required_, max_, check_, expected_)                            \
	{                                                                                          \
		.key = key_, .kind = kind_, .offset = offsetof(struct appliance, member_),         \
		.required = required_, .max = max_, .check = check_, .expected = expected_         \
	}

static const struct field fields[] = {
	FIELD("name", FIELD_STR, name, true, 64, is_name, "a name"),
	FIELD("version", FIELD_STR, version, false, 128, NULL, NULL),
	FIELD("arch", FIELD_STR, arch, true, 32, is_arch, "an architecture's name"),
	FIELD("base", FIELD_STR, base, false, 256, NULL, NULL),
	FIELD("run", FIELD_STRV, argv, false, MAX_WORD, NULL, NULL),
	FIELD("prepare", FIELD_STRV, prepare, false, MAX_WORD, NULL, NULL),
	FIELD("env", FIELD_STRV, env, false, MAX_WORD, is_env, "NAME=VALUE"),
	FIELD("user", FIELD_STR, user, false, 64, NULL, NULL),
	FIELD("workdir", FIELD_STR, workdir, false, MAX_STR, is_workdir, "an absolute path"),
	FIELD("modules", FIELD_STRV, modules, false, MAX_STR, is_clean_path, "a path without '..'"),
	FIELD("capabilities", FIELD_STRV, capabilities, false, 64, is_capability,
	      "a capability's name in small letters"),
	FIELD("kinds", FIELD_STRV, kinds, false, 16, is_kind,
	      "light, micro, full, emulated or bare"),
	FIELD("memory", FIELD_U64, memory, false, INT64_MAX, NULL, NULL),
	FIELD("kernel", FIELD_STR, kernel_version, false, 128, NULL, NULL),
	FIELD("verity", FIELD_STR, verity, false, 64, is_root_hash, "64 small hex digits"),
	FIELD("test", FIELD_STRV, test, false, MAX_WORD, NULL, NULL),
	FIELD("tested", FIELD_STR, tested, false, 64, is_root_hash, "64 small hex digits"),
	FIELD("verity_offset", FIELD_U64, verity_offset, false, INT64_MAX, NULL, NULL),
};

static void *member(const struct appliance *a, const struct field *f)
{
	return (char *)(uintptr_t)a + f->offset;
}

/* Writing */

static json_t *write_strv(char *const *v)
{
	json_t *list = json_array();

	for (; v && *v; v++)
		json_array_append_new(list, json_string_nocheck(*v));
	return list;
}

static void write_field(const struct appliance *a, const struct field *f, json_t *o)
{
	const char *s;
	char **v;
	uint64_t n;

	switch (f->kind) {
	case FIELD_STR:
		s = *(char **)member(a, f);
		if (s)
			json_object_set_new(o, f->key, json_string_nocheck(s));
		break;
	case FIELD_STRV:
		v = *(char ***)member(a, f);
		if (v && *v)
			json_object_set_new(o, f->key, write_strv(v));
		break;
	case FIELD_U64:
		n = *(uint64_t *)member(a, f);
		if (n)
			json_object_set_new(o, f->key, json_integer((json_int_t)n));
		break;
	}
}

static json_t *write_services(const struct appliance *a)
{
	json_t *o = json_object();

	for (size_t i = 0; i < a->n_services; i++)
		json_object_set_new(o, a->services[i].name,
				    json_string_nocheck(a->services[i].target));
	return o;
}

static json_t *write_volumes(const struct appliance *a)
{
	json_t *o = json_object();

	for (size_t i = 0; i < a->n_volumes; i++) {
		const struct appliance_volume *v = &a->volumes[i];

		json_object_set_new(o, v->name,
				    json_pack("{s:s, s:I, s:I, s:I}", "target", v->target, "owner",
					      (json_int_t)v->owner, "group", (json_int_t)v->group,
					      "mode", (json_int_t)v->mode));
	}
	return o;
}

static json_t *write_packages(const struct appliance *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->n_packages; i++) {
		const struct appliance_package *p = &a->packages[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "name", p->name,
						"version", p->version, "arch", p->arch, "source",
						p->source, "source_version", p->source_version));
	}
	return list;
}

void appliance_write(const struct appliance *a, struct buf *out)
{
	cleanup_json json_t *o = json_pack("{s:i}", "schema", SCHEMA);
	cleanup_free char *text = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		write_field(a, &fields[i], o);
	json_object_set_new(o, "provides", write_services(a));
	json_object_set_new(o, "volumes", write_volumes(a));
	json_object_set_new(o, "packages", write_packages(a));
	text = json_dumps(o, JSON_SORT_KEYS | JSON_INDENT(1));
	buf_append_str(out, text);
	buf_append_str(out, "\n");
}

/* Reading */

static int check_str(const char *path, const char *s, const struct field *f, struct err **err)
{
	if (!f->check || f->check(s))
		return 0;
	return err_set(err, EBADMSG, "%s: expected %s, found \"%s\"", path, f->expected, s);
}

static int parse_strv(const json_t *v, const struct field *f, char ***ret, struct err **err)
{
	int r = json_read_strv(v, f->key, MAX_LIST, f->max, ret, err);

	if (r < 0)
		return r;
	for (size_t i = 0; (*ret)[i]; i++) {
		cleanup_free char *path = xasprintf("%s[%zu]", f->key, i);

		r = check_str(path, (*ret)[i], f, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_field(const json_t *o, const struct field *f, struct appliance *a,
		       struct err **err)
{
	const json_t *v = json_object_get(o, f->key);
	void *place = member(a, f);
	int r;

	if (!v)
		return f->required ? err_set(err, EBADMSG, "%s: is missing", f->key) : 0;
	if (f->kind == FIELD_U64)
		return json_read_u64(v, f->key, f->max, place, err);
	if (f->kind == FIELD_STRV)
		return parse_strv(v, f, place, err);
	r = json_read_str(v, f->key, f->max, place, err);
	return r < 0 ? r : check_str(f->key, *(char **)place, f, err);
}

/* The object at `key`, or NULL when it is absent; of at most max members. */
static int get_map(const json_t *o, const char *key, size_t max, json_t **ret, struct err **err)
{
	json_t *v = json_object_get(o, key);

	*ret = v;
	if (!v)
		return 0;
	if (!json_is_object(v))
		return json_expected(key, "an object", v, err);
	if (json_object_size(v) > max)
		return err_set(err, EBADMSG, "%s: expected at most %zu items, found %zu", key, max,
			       json_object_size(v));
	return 0;
}

static int compare_services(const void *a, const void *b)
{
	const struct appliance_service *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int parse_services(const json_t *o, struct appliance *a, struct err **err)
{
	const char *name;
	json_t *map, *v;
	int r = get_map(o, "provides", MAX_SERVICES, &map, err);

	if (r < 0 || !map)
		return r;
	a->services = xcalloc(json_object_size(map) + 1, sizeof(*a->services));
	json_object_foreach(map, name, v)
	{
		struct appliance_service *s = &a->services[a->n_services];
		cleanup_free char *path = xasprintf("provides.%.64s", name);

		if (!str_is_name(name, 32))
			return err_set(err, EBADMSG, "%s: expected a service's name", path);
		r = json_read_str(v, path, MAX_STR, &s->target, err);
		if (r < 0)
			return r;
		s->name = xstrdup(name);
		a->n_services++;
		if (!is_target(s->target))
			return err_set(err, EBADMSG,
				       "%s: expected tcp/PORT, unix/PATH or frames, found \"%s\"",
				       path, s->target);
	}
	qsort(a->services, a->n_services, sizeof(*a->services), compare_services);
	return 0;
}

static int parse_u32(const json_t *o, const char *path, const char *key, uint64_t max,
		     uint32_t *ret, struct err **err)
{
	cleanup_free char *place = xasprintf("%s.%s", path, key);
	uint64_t n = 0;
	int r = json_read_u64(json_object_get(o, key), place, max, &n, err);

	*ret = (uint32_t)n;
	return r;
}

static int parse_volume(const json_t *o, const char *path, struct appliance_volume *v,
			struct err **err)
{
	cleanup_free char *place = xasprintf("%s.target", path);
	int r = json_read_object(o, path, err);

	if (r == 0)
		r = json_read_str(json_object_get(o, "target"), place, MAX_STR, &v->target, err);
	if (r == 0 && !is_absolute(v->target))
		r = err_set(err, EBADMSG, "%s: expected an absolute path, found \"%s\"", place,
			    v->target);
	if (r == 0)
		r = parse_u32(o, path, "owner", MAX_ID, &v->owner, err);
	if (r == 0)
		r = parse_u32(o, path, "group", MAX_ID, &v->group, err);
	if (r == 0)
		r = parse_u32(o, path, "mode", 07777, &v->mode, err);
	return r;
}

static int compare_volumes(const void *a, const void *b)
{
	const struct appliance_volume *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int parse_volumes(const json_t *o, struct appliance *a, struct err **err)
{
	const char *name;
	json_t *map, *v;
	int r = get_map(o, "volumes", MAX_VOLUMES, &map, err);

	if (r < 0 || !map)
		return r;
	a->volumes = xcalloc(json_object_size(map) + 1, sizeof(*a->volumes));
	json_object_foreach(map, name, v)
	{
		cleanup_free char *path = xasprintf("volumes.%.64s", name);

		if (!str_is_name(name, 32))
			return err_set(err, EBADMSG, "%s: expected a volume's name", path);
		a->volumes[a->n_volumes].name = xstrdup(name);
		r = parse_volume(v, path, &a->volumes[a->n_volumes++], err);
		if (r < 0)
			return r;
	}
	qsort(a->volumes, a->n_volumes, sizeof(*a->volumes), compare_volumes);
	return 0;
}

static int parse_package(const json_t *o, const char *path, struct appliance_package *p,
			 struct err **err)
{
	const struct {
		const char *key;
		char **place;
		bool required;
	} parts[] = {
		{ "name", &p->name, true },
		{ "version", &p->version, true },
		{ "arch", &p->arch, true },
		{ "source", &p->source, false },
		{ "source_version", &p->source_version, false },
	};
	int r = json_read_object(o, path, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
		cleanup_free char *place = xasprintf("%s.%s", path, parts[i].key);
		const json_t *v = json_object_get(o, parts[i].key);

		if (v || parts[i].required)
			r = json_read_str(v, place, 512, parts[i].place, err);
	}
	return r;
}

static int compare_packages(const void *a, const void *b)
{
	const struct appliance_package *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->arch, y->arch);
}

static int parse_packages(const json_t *o, struct appliance *a, struct err **err)
{
	const json_t *list = json_object_get(o, "packages");
	int r;

	if (!list)
		return 0;
	r = json_read_array(list, "packages", MAX_PACKAGES, err);
	if (r < 0)
		return r;
	a->packages = xcalloc(json_array_size(list) + 1, sizeof(*a->packages));
	for (size_t i = 0; i < json_array_size(list); i++) {
		cleanup_free char *path = xasprintf("packages[%zu]", i);

		r = parse_package(json_array_get(list, i), path, &a->packages[a->n_packages++],
				  err);
		if (r < 0)
			return r;
	}
	qsort(a->packages, a->n_packages, sizeof(*a->packages), compare_packages);
	return 0;
}

static int parse_schema(const json_t *o, struct err **err)
{
	uint64_t schema = 0;
	int r = json_read_u64(json_object_get(o, "schema"), "schema", INT32_MAX, &schema, err);

	if (r < 0)
		return r;
	if (schema != SCHEMA)
		return err_set(err, EBADMSG, "schema: this Atoll reads version %d, found %d",
			       SCHEMA, (int)schema);
	return 0;
}

static int parse_object(const json_t *o, struct appliance *a, struct err **err)
{
	int r = json_is_object(o) ? parse_schema(o, err)
				  : err_set(err, EBADMSG, "expected an object");

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++)
		r = parse_field(o, &fields[i], a, err);
	if (r == 0)
		r = parse_services(o, a, err);
	if (r == 0)
		r = parse_volumes(o, a, err);
	if (r == 0)
		r = parse_packages(o, a, err);
	return r;
}

int appliance_parse(const void *json, size_t len, struct appliance **ret, struct err **err)
{
	cleanup_json json_t *o = NULL;
	struct appliance *a;
	int r;

	if (len > APPLIANCE_MANIFEST_MAX)
		return err_set(err, EBADMSG, "appliance manifest: longer than %d bytes",
			       APPLIANCE_MANIFEST_MAX);
	r = json_read_text(json, len, &o, err);
	if (r < 0)
		return err_prefix(err, "appliance manifest");
	a = xcalloc(1, sizeof(*a));
	r = parse_object(o, a, err);
	if (r < 0) {
		appliance_free(a);
		err_prefix(err, "appliance manifest");
		return r;
	}
	*ret = a;
	return 0;
}

void appliance_free(struct appliance *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].kind == FIELD_STR)
			free(*(char **)member(a, &fields[i]));
		else if (fields[i].kind == FIELD_STRV)
			strv_free(*(char ***)member(a, &fields[i]));
	}
	for (size_t i = 0; i < a->n_services; i++) {
		free(a->services[i].name);
		free(a->services[i].target);
	}
	for (size_t i = 0; i < a->n_volumes; i++) {
		free(a->volumes[i].name);
		free(a->volumes[i].target);
	}
	for (size_t i = 0; i < a->n_packages; i++) {
		free(a->packages[i].name);
		free(a->packages[i].version);
		free(a->packages[i].arch);
		free(a->packages[i].source);
		free(a->packages[i].source_version);
	}
	free(a->services);
	free(a->volumes);
	free(a->packages);
	free(a);
}

char *appliance_verity(const struct appliance *a)
{
	return a->verity ? xasprintf("%s:%llu", a->verity, (unsigned long long)a->verity_offset)
			 : NULL;
}
