/* SPDX-License-Identifier: MIT */
#include "json_read.h"

#include <errno.h>
#include <inttypes.h>

#include "mem.h"
#include "str.h"

int json_read_text(const void *text, size_t len, json_t **ret, struct err **err)
{
	json_error_t e;
	json_t *v = json_loadb(text ? text : "", len, JSON_REJECT_DUPLICATES, &e);

	if (!v)
		return err_set(err, EBADMSG, "line %d, column %d: %s", e.line, e.column, e.text);
	*ret = v;
	return 0;
}

static const char *type_name(const json_t *v)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object",     [JSON_ARRAY] = "a list",
		[JSON_STRING] = "a string",      [JSON_INTEGER] = "a number",
		[JSON_REAL] = "a broken number", [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",          [JSON_NULL] = "null",
	};

	return v ? names[json_typeof(v)] : "nothing";
}

int json_expected(const char *path, const char *what, const json_t *found, struct err **err)
{
	return err_set(err, EBADMSG, "%s: expected %s, found %s", path, what, type_name(found));
}

int json_read_object(const json_t *v, const char *path, struct err **err)
{
	return json_is_object(v) ? 0 : json_expected(path, "an object", v, err);
}

int json_read_array(const json_t *v, const char *path, size_t max, struct err **err)
{
	if (!json_is_array(v))
		return json_expected(path, "a list", v, err);
	if (json_array_size(v) > max)
		return err_set(err, EBADMSG, "%s: expected at most %zu items, found %zu", path, max,
			       json_array_size(v));
	return 0;
}

static int read_bounded(const json_t *v, const char *path, size_t min, size_t max, char **ret,
			struct err **err)
{
	size_t len = json_string_length(v);

	if (!json_is_string(v))
		return json_expected(path, "a string", v, err);
	if (len < min || len > max)
		return err_set(err, EBADMSG, "%s: expected a string of %zu to %zu bytes, found %zu",
			       path, min, max, len);
	*ret = xstrndup(json_string_value(v), len);
	return 0;
}

int json_read_str(const json_t *v, const char *path, size_t max, char **ret, struct err **err)
{
	return read_bounded(v, path, 1, max, ret, err);
}

int json_read_u64(const json_t *v, const char *path, uint64_t max, uint64_t *ret, struct err **err)
{
	cleanup_free char *what = NULL;

	if (json_is_integer(v) && json_integer_value(v) >= 0 &&
	    (uint64_t)json_integer_value(v) <= max) {
		*ret = (uint64_t)json_integer_value(v);
		return 0;
	}
	what = xasprintf("a whole number from 0 to %" PRIu64, max);
	if (json_is_integer(v))
		return err_set(err, EBADMSG, "%s: expected %s, found %" JSON_INTEGER_FORMAT, path,
			       what, json_integer_value(v));
	return json_expected(path, what, v, err);
}

int json_read_strv(const json_t *v, const char *path, size_t max, size_t max_len, char ***ret,
		   struct err **err)
{
	cleanup_strv char **list = NULL;
	int r = json_read_array(v, path, max, err);

	if (r < 0)
		return r;
	list = xcalloc(json_array_size(v) + 1, sizeof(*list));
	for (size_t i = 0; i < json_array_size(v); i++) {
		cleanup_free char *place = xasprintf("%s[%zu]", path, i);

		r = read_bounded(json_array_get(v, i), place, 0, max_len, &list[i], err);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(list);
	return 0;
}
