/* SPDX-License-Identifier: MIT */
/* Owns a request's strings and body. */
#include "request.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "mem.h"
#include "str.h"

/* Target */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes len bytes. -EINVAL for a broken escape and for bytes that no name has. */
static int decode(const char *s, size_t len, char **ret)
{
	cleanup_free char *out = xmalloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '%') {
			int high, low;

			if (i + 2 >= len)
				return -EINVAL;
			high = hex(s[i + 1]);
			low = hex(s[i + 2]);
			if (high < 0 || low < 0)
				return -EINVAL;
			c = (unsigned char)(high << 4 | low);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return -EINVAL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	*ret = steal_ptr(out);
	return 0;
}

struct segments {
	const char *at[REQUEST_SEGMENTS];
	size_t len[REQUEST_SEGMENTS];
	size_t n;
};

/* "/a/b" as its parts; a slash at the end is nothing. */
static int split(const char *path, size_t len, struct segments *out)
{
	const char *end = path + len;

	out->n = 0;
	if (len == 0 || *path != '/')
		return -EINVAL;
	while (path < end) {
		const char *next;

		path++; /* the slash */
		next = memchr(path, '/', (size_t)(end - path));
		next = next ? next : end;
		if (next == path && next == end)
			break;
		if (out->n == REQUEST_SEGMENTS)
			return -EINVAL;
		out->at[out->n] = path;
		out->len[out->n++] = (size_t)(next - path);
		path = next;
	}
	return 0;
}

static bool is_param(const char *at)
{
	return isupper((unsigned char)*at);
}

static bool matches(const struct route *route, const struct segments *asked)
{
	struct segments own;

	if (split(route->path, strlen(route->path), &own) < 0 || own.n != asked->n)
		return false;
	for (size_t i = 0; i < own.n; i++) {
		if (is_param(own.at[i]) ? asked->len[i] == 0
					: own.len[i] != asked->len[i] ||
						  memcmp(own.at[i], asked->at[i], own.len[i]) != 0)
			return false;
	}
	return true;
}

static int find_route(struct request *ret, const struct route *routes, const char *method,
		      const struct segments *asked, struct err **err)
{
	cleanup_strv char **methods = NULL;
	const struct route *other = NULL;

	for (const struct route *r = routes; r->method; r++) {
		if (!matches(r, asked))
			continue;
		if (str_eq(r->method, method)) {
			ret->route = r;
			return 0;
		}
		strv_append(&methods, r->method);
		other = r;
	}
	if (other) {
		ret->allow = strv_join(methods, ", ");
		return err_set(err, EOPNOTSUPP, "%s takes %s, not this method", other->path,
			       ret->allow);
	}
	return err_set(err, ENOENT, "there is no such path; the API is described in doc/api.md");
}

static int take_params(struct request *r, const struct segments *asked, struct err **err)
{
	struct segments own;

	split(r->route->path, strlen(r->route->path), &own);
	for (size_t i = 0; i < own.n; i++) {
		if (!is_param(own.at[i]) || r->n_params == REQUEST_PARAMS)
			continue;
		if (decode(asked->at[i], asked->len[i], &r->params[r->n_params]) < 0)
			return err_set(err, EINVAL, "a path with a broken %%-escape");
		r->n_params++;
	}
	return 0;
}

static bool takes_key(const struct route *route, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(route->query) && route->query[i]; i++)
		if (str_eq(route->query[i], key))
			return true;
	return false;
}

/* "a=1&b" after the question mark. */
static int take_query(struct request *r, const char *query, struct err **err)
{
	while (*query) {
		size_t len = strcspn(query, "&"), key = 0;

		while (key < len && query[key] != '=')
			key++;
		if (len && r->n_query == REQUEST_QUERY)
			return err_set(err, EINVAL, "more than %d query keys", REQUEST_QUERY);
		if (len) {
			size_t i = r->n_query++;
			bool has_value = key < len;

			if (decode(query, key, &r->keys[i]) < 0 ||
			    decode(query + key + has_value, len - key - has_value, &r->values[i]) <
				    0)
				return err_set(err, EINVAL, "a query with a broken %%-escape");
			if (!takes_key(r->route, r->keys[i]))
				return err_set(err, EINVAL, "unknown query key \"%.64s\"",
					       r->keys[i]);
		}
		query += len + (query[len] == '&');
	}
	return 0;
}

/* Body */

static bool all_strings(json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item) if (!json_is_string(item)) return false;
	json_object_foreach(v, key, item) if (!json_is_string(item)) return false;
	return true;
}

static bool has_type(json_t *v, const char *type)
{
	if (str_eq(type, "string"))
		return json_is_string(v);
	if (str_eq(type, "boolean"))
		return json_is_boolean(v);
	if (str_eq(type, "integer"))
		return json_is_integer(v);
	if (str_eq(type, "array"))
		return json_is_array(v) && all_strings(v);
	return json_is_object(v) && all_strings(v);
}

static int check_range(const struct body_key *k, json_t *v, struct err **err)
{
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || (n >= 0 && (!k->max || (uint64_t)n <= k->max)))
		return 0;
	if (!k->max)
		return err_set(err, EINVAL, "\"%s\": expected a whole number from 0 on, found %lld",
			       k->name, (long long)n);
	return err_set(err, EINVAL, "\"%s\": expected a whole number from 0 to %llu, found %lld",
		       k->name, (unsigned long long)k->max, (long long)n);
}

static int check_keys(const struct route *route, json_t *body, struct err **err)
{
	const char *key;
	json_t *value;

	json_object_foreach(body, key, value)
	{
		const struct body_key *k = route->body;

		while (k->name && !str_eq(k->name, key))
			k++;
		if (!k->name)
			return err_set(err, EINVAL, "unknown key \"%.64s\" in the body", key);
		if (!json_is_null(value) && !has_type(value, k->type))
			return err_set(err, EINVAL, "\"%s\": expected %s%s%s", key,
				       str_eq(k->type, "array") || str_eq(k->type, "integer") ||
						       str_eq(k->type, "object")
					       ? "an "
					       : "a ",
				       k->type,
				       str_eq(k->type, "array") || str_eq(k->type, "object")
					       ? " of strings"
					       : "");
		if (check_range(k, value, err) < 0)
			return -EINVAL;
	}
	for (const struct body_key *k = route->body; k->name; k++)
		if (k->required && !json_object_get(body, k->name))
			return err_set(err, EINVAL, "\"%s\" is missing in the body", k->name);
	return 0;
}

static int take_body(struct request *r, const void *body, size_t len, struct err **err)
{
	json_error_t at;

	if (!r->route->body)
		return len ? err_set(err, EINVAL, "this call takes no body") : 0;
	if (len > REQUEST_BODY_MAX)
		return err_set(err, EFBIG, "a body of more than %d bytes", REQUEST_BODY_MAX);
	if (len == 0)
		return err_set(err, EINVAL, "the body is empty; expected a JSON object");
	r->body = json_loadb(body, len, JSON_REJECT_DUPLICATES, &at);
	if (!r->body)
		return err_set(err, EINVAL, "the body is not JSON: line %d, column %d: %s", at.line,
			       at.column, at.text);
	if (!json_is_object(r->body))
		return err_set(err, EINVAL, "the body: expected an object");
	return check_keys(r->route, r->body, err);
}

int request_parse(struct request *r, const struct route *routes, const char *method,
		  const char *target, const void *body, size_t body_len, struct err **err)
{
	size_t path = strcspn(target, "?");
	struct segments asked;
	int ret;

	if (strlen(target) > REQUEST_TARGET_MAX)
		return err_set(err, ENAMETOOLONG, "a path of more than %d bytes",
			       REQUEST_TARGET_MAX);
	if (split(target, path, &asked) < 0)
		asked.n = 0;
	ret = find_route(r, routes, method, &asked, err);
	if (ret == 0)
		ret = take_params(r, &asked, err);
	if (ret == 0 && target[path] == '?')
		ret = take_query(r, target + path + 1, err);
	if (ret == 0)
		ret = take_body(r, body, body_len, err);
	return ret;
}

void request_finish(struct request *r)
{
	for (size_t i = 0; i < REQUEST_PARAMS; i++)
		free(r->params[i]);
	for (size_t i = 0; i < REQUEST_QUERY; i++) {
		free(r->keys[i]);
		free(r->values[i]);
	}
	json_decref(r->body);
	free(r->allow);
	*r = (struct request){ 0 };
}

/* What handlers ask */

const char *request_query(const struct request *r, const char *key)
{
	for (size_t i = 0; i < r->n_query; i++)
		if (str_eq(r->keys[i], key))
			return r->values[i];
	return NULL;
}

int request_query_u64(const struct request *r, const char *key, uint64_t max, uint64_t fallback,
		      uint64_t *ret, struct err **err)
{
	const char *text = request_query(r, key);

	*ret = fallback;
	if (text && str_to_u64(text, max, ret) < 0)
		return err_set(err, EINVAL, "%s: expected a whole number up to %llu", key,
			       (unsigned long long)max);
	return 0;
}

const char *request_string(const struct request *r, const char *key)
{
	return json_string_value(json_object_get(r->body, key));
}

bool request_boolean(const struct request *r, const char *key, bool fallback)
{
	const json_t *v = json_object_get(r->body, key);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}

uint64_t request_integer(const struct request *r, const char *key, uint64_t fallback)
{
	const json_t *v = json_object_get(r->body, key);

	return json_is_integer(v) ? (uint64_t)json_integer_value(v) : fallback;
}

char **request_strings(const struct request *r, const char *key)
{
	json_t *list = json_object_get(r->body, key), *item;
	const char *name;
	char **out = NULL;
	size_t i;

	json_array_foreach(list, i, item) strv_append(&out, json_string_value(item));
	json_object_foreach(list, name, item)
		strv_take(&out, xasprintf("%s=%s", name, json_string_value(item)));
	return out;
}
