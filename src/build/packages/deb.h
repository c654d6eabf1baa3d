/* SPDX-License-Identifier: MIT */
/* Reads .deb files (deb(5)): an ar archive with control.tar and data.tar in it. */
#ifndef ATOLL_BUILD_DEB_H
#define ATOLL_BUILD_DEB_H

#include <archive.h>
#include <archive_entry.h>

#include "buf.h"
#include "err.h"

/*
 * Called for each entry; reads its bytes with a function below, or not at all. A negative result ends
 * the reading and is returned.
 */
typedef int (*deb_entry_fn)(struct archive *a, struct archive_entry *entry, void *data,
			    struct err **err);

/* Goes through data.tar (or control.tar) of the package file. */
int deb_each_data(const char *deb, deb_entry_fn fn, void *data, struct err **err);
int deb_each_control(const char *deb, deb_entry_fn fn, void *data, struct err **err);

/* The entry's next bytes, at most `room` of them: how many, 0 at the end, or -EBADMSG. */
ssize_t deb_read_some(struct archive *a, void *data, size_t room, struct err **err);
/* Writes the entry's bytes to a new file. */
int deb_extract(struct archive *a, const char *path, struct err **err);
/* Appends the entry's bytes; -EFBIG beyond max. */
int deb_read(struct archive *a, size_t max, struct buf *out, struct err **err);

#endif
