/* SPDX-License-Identifier: MIT */
/*
 * Reading JSON that others wrote: each value is checked for its type and bounds, and the error
 * names its place: "volumes.data.mode: expected a whole number from 0 to 4095, found a string".
 */
#ifndef ATOLL_JSON_READ_H
#define ATOLL_JSON_READ_H

#include <jansson.h>
#include <stdint.h>

#include "err.h"

/* Parses one value from exactly len bytes; -EBADMSG with line and column. */
int json_read_text(const void *text, size_t len, json_t **ret, struct err **err);

/* -EBADMSG "PATH: expected WHAT, found …"; returns that code. */
int json_expected(const char *path, const char *what, const json_t *found, struct err **err);

int json_read_object(const json_t *v, const char *path, struct err **err);
int json_read_array(const json_t *v, const char *path, size_t max, struct err **err);
/* A copy for the caller, of 1..max bytes. */
int json_read_str(const json_t *v, const char *path, size_t max, char **ret, struct err **err);
int json_read_u64(const json_t *v, const char *path, uint64_t max, uint64_t *ret, struct err **err);
/* A list of at most max strings of at most max_len bytes each (empty ones too); a strv. */
int json_read_strv(const json_t *v, const char *path, size_t max, size_t max_len, char ***ret,
		   struct err **err);

static inline void json_cleanup(json_t **v)
{
	json_decref(*v);
}
#define cleanup_json __attribute__((cleanup(json_cleanup)))

#endif
