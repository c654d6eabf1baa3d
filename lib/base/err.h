/* SPDX-License-Identifier: MIT */
/*
 * Errors as values.
 *
 * An operation that a user can see takes a last parameter `struct err **err` and returns 0 or a
 * negative errno; on failure it sets *err, which the caller owns. Each layer adds the noun it
 * knows in front, so that the message reads from the outside in:
 *
 *	office.yaml:14:9: machine "web": appliance "brwser" not found; did you mean "browser"?
 *
 * Leaf functions return 0 or a negative errno and have no struct err.
 */
#ifndef ATOLL_ERR_H
#define ATOLL_ERR_H

#include <stdarg.h>

struct err {
	int code;  /* a positive errno: what kind of failure, for exit codes and HTTP statuses */
	char *msg; /* one line, without a newline at its end */
};

/*
 * Makes *err, unless err is NULL (the caller does not care). An error that is there already is
 * replaced. Returns -code, so that `return err_set(err, EINVAL, …);` reads well.
 */
int err_set(struct err **err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, and appends ": " and strerror(code). */
int err_set_errno(struct err **err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before the message of *err; nothing when there is none. Returns -code or 0. */
int err_prefix(struct err **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The message, or "unknown error" for NULL: for printing without a test. */
const char *err_msg(const struct err *err);

/* Accepts NULL. */
void err_free(struct err *err);

static inline void err_cleanup(struct err **err)
{
	err_free(*err);
}
#define cleanup_err __attribute__((cleanup(err_cleanup)))

#endif
