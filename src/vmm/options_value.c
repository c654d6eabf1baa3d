/* SPDX-License-Identifier: MIT */
/* Values of one word, and how a mistake in them is said. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "options_parts.h"
#include "str.h"

#define FD_MAX (1u << 20)

int option_fail(const struct option_reader *r, struct err **err, const char *fmt, ...)
{
	const char *option = r->option ? r->option : "", *colon = r->option ? ": " : "";
	cleanup_free char *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	msg = xvasprintf(fmt, ap);
	va_end(ap);
	if (r->file)
		return err_set(err, EINVAL, "%s:%u:%u: %s%s%s", r->file, r->line, r->column, option,
			       colon, msg);
	return err_set(err, EINVAL, "%s%s%s%s", r->option ? "--" : "", option, colon, msg);
}

static void store(const struct option_field *field, void *object, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (field->width == sizeof(narrow))
		memcpy(option_member(field, object), &narrow, sizeof(narrow));
	else
		memcpy(option_member(field, object), &value, sizeof(value));
}

int option_read_flag(struct option_reader *r, const struct option_field *field, void *object,
		     const char *value, struct err **err)
{
	(void)r;
	(void)value;
	(void)err;
	*(bool *)option_member(field, object) = true;
	return 0;
}

int option_read_text(struct option_reader *r, const struct option_field *field, void *object,
		     const char *value, struct err **err)
{
	if (field->max && strlen(value) > field->max)
		return option_fail(r, err, "is longer than %llu characters",
				   (unsigned long long)field->max);
	*(char **)option_member(field, object) = xstrdup(value);
	return 0;
}

int option_read_number(struct option_reader *r, const struct option_field *field, void *object,
		       const char *value, struct err **err)
{
	uint64_t n;
	int status = str_to_u64(value, field->max ? field->max : UINT64_MAX, &n);

	if (status == -EINVAL)
		return option_fail(r, err, "\"%.64s\" is not a number", value);
	if (status < 0 || n < field->min)
		return option_fail(r, err, "%.64s is out of range: %llu to %llu", value,
				   (unsigned long long)field->min,
				   (unsigned long long)(field->max ? field->max : UINT64_MAX));
	store(field, object, n);
	return 0;
}

int option_read_size(struct option_reader *r, const struct option_field *field, void *object,
		     const char *value, struct err **err)
{
	uint64_t n;
	int status = str_to_size(value, &n);

	if (status == -EINVAL)
		return option_fail(r, err, "\"%.64s\" is not a size such as 512K, 64M or 2G",
				   value);
	if (status == 0 && field->max && n > field->max)
		return option_fail(r, err, "%.64s is too large: at most %llu", value,
				   (unsigned long long)field->max);
	if (status < 0 || n < field->min)
		return option_fail(r, err, "%.64s is too %s", value,
				   status < 0 ? "large" : "small");
	store(field, object, n);
	return 0;
}

int option_read_fd(struct option_reader *r, const struct option_field *field, void *object,
		   const char *value, struct err **err)
{
	struct options *o = r->options;
	uint64_t fd;

	if (str_to_u64(value, FD_MAX, &fd) < 0)
		return option_fail(r, err, "\"%.64s\" is not a descriptor's number", value);
	if (fd <= STDERR_FILENO)
		return option_fail(r, err, "descriptor %llu is a standard one",
				   (unsigned long long)fd);
	for (size_t i = 0; i < o->n_fds; i++)
		if (o->fds[i] == (int)fd)
			return option_fail(r, err, "descriptor %d has another use already",
					   (int)fd);
	if (o->n_fds == OPTIONS_FDS_MAX)
		return option_fail(r, err, "there are more than %d descriptors", OPTIONS_FDS_MAX);
	o->fds[o->n_fds++] = (int)fd;
	*(int *)option_member(field, object) = (int)fd;
	return 0;
}

/* "fd=N", or a path. */
int option_read_endpoint(struct option_reader *r, const struct option_field *field, void *object,
			 const char *value, struct err **err)
{
	static const struct option_field fd_field = { .name = "fd",
						      OPTION_TO(struct endpoint, fd) };
	struct endpoint *e = option_member(field, object);

	if (str_starts(value, "fd="))
		return option_read_fd(r, &fd_field, e, value + strlen("fd="), err);
	if (!*value)
		return option_fail(r, err, "a path is missing");
	e->path = xstrdup(value);
	return 0;
}

int option_read_path(struct option_reader *r, const struct option_field *field, void *object,
		     const char *value, struct err **err)
{
	if (!*value)
		return option_fail(r, err, "a path is missing");
	return option_read_text(r, field, object, value, err);
}

const struct option_field *option_find(const struct option_field *fields, const char *name)
{
	for (; fields->name; fields++)
		if (str_eq(fields->name, name))
			return fields;
	return NULL;
}

const char *option_nearest(const struct option_field *fields, const char *name)
{
	const char *names[32];
	size_t n = 0;

	for (; fields->name && n + 1 < ARRAY_SIZE(names); fields++)
		names[n++] = fields->name;
	names[n] = NULL;
	return str_nearest(name, names);
}
