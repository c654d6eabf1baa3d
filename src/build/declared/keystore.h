/* SPDX-License-Identifier: MIT */
/*
 * A key store of Java in the format JKS, of certificates alone: what ca-certificates-java's trigger makes of
 * Debian's. Its bytes depend on nothing but the certificates and their files' names.
 */
#ifndef ATOLL_BUILD_KEYSTORE_H
#define ATOLL_BUILD_KEYSTORE_H

#include "buf.h"
#include "err.h"

struct keystore {
	struct keystore_entry *entries;
	size_t n;
};

/*
 * Adds the first certificate of a file in PEM form, under the alias that Debian gives a file of this path
 * ("x/A (1).crt": "debian:a_=1=.pem"). Of two with one alias the later stays. -EINVAL: there is none in it.
 */
int keystore_add(struct keystore *k, const char *path, const void *pem, size_t len,
		 struct err **err);
/* Appends the store's bytes, sorted by alias, with the password that everybody knows: "changeit". */
void keystore_write(struct keystore *k, struct buf *out);
void keystore_finish(struct keystore *k);

#endif
