/* SPDX-License-Identifier: MIT */
/*
 * Whether the blobs that a machine is started from are what their names say, and, when this computer
 * trusts certain keys alone, whether one of them signed the image. Reading a blob takes tenths of a
 * second, so a child of ours does it, once for each blob until the file changes.
 */
#ifndef ATOLL_VERIFY_H
#define ATOLL_VERIFY_H

#include <stdbool.h>

#include "err.h"
#include "store.h"

struct daemon;
struct verifier;

struct verifier *verifier_create(struct daemon *d);
void verifier_destroy(struct verifier *v);

/*
 * 1: all are whole; 0: they are being read, and daemon_kick tells when to ask again; -EBADMSG and
 * others: one is not; -EKEYREJECTED: no signature of a trusted key. `kernel`: what a virtual machine
 * starts; then its initramfs too. Or NULL.
 */
int verifier_ask(struct verifier *v, const struct store_image *image,
		 const struct store_blob *kernel, struct err **err);

/* The child: atolld --verify STORE DIGEST SIZE ROOT OFFSET. Returns its exit code, having said what is wrong. */
int verify_main(char *const *words);

#endif
