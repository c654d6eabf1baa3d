/* SPDX-License-Identifier: MIT */
#include "err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static void replace(struct err **err, int code, char *msg)
{
	struct err *fresh = xcalloc(1, sizeof(*fresh));

	fresh->code = code;
	fresh->msg = msg;
	err_free(*err);
	*err = fresh;
}

int err_set(struct err **err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -code;
	va_start(ap, fmt);
	replace(err, code, xvasprintf(fmt, ap));
	va_end(ap);
	return -code;
}

int err_set_errno(struct err **err, int code, const char *fmt, ...)
{
	va_list ap;
	cleanup_free char *what = NULL;

	if (!err)
		return -code;
	va_start(ap, fmt);
	what = xvasprintf(fmt, ap);
	va_end(ap);
	replace(err, code, xasprintf("%s: %s", what, strerror(code)));
	return -code;
}

int err_prefix(struct err **err, const char *fmt, ...)
{
	va_list ap;
	cleanup_free char *prefix = NULL;

	if (!err || !*err)
		return 0;
	va_start(ap, fmt);
	prefix = xvasprintf(fmt, ap);
	va_end(ap);
	replace(err, (*err)->code, xasprintf("%s: %s", prefix, (*err)->msg));
	return -(*err)->code;
}

const char *err_msg(const struct err *err)
{
	return err ? err->msg : "unknown error";
}

void err_free(struct err *err)
{
	if (!err)
		return;
	free(err->msg);
	free(err);
}
