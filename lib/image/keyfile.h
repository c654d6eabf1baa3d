/* SPDX-License-Identifier: MIT */
/* Key files, and the folder of the keys that this computer trusts: STATE/keys, one file NAME.pub each. */
#ifndef ATOLL_KEYFILE_H
#define ATOLL_KEYFILE_H

#include "minisign.h"

/*
 * A new key: PATH.key, which only its owner may read, and PATH.pub; neither may be there yet. With
 * password NULL anyone who has the file has the key.
 */
int keyfile_create(const char *path, const char *password, struct minisign_public *ret,
		   struct err **err);
/* Reads a secret key; a password that it needs is asked for. Refuses a file that others may read. */
int keyfile_read_secret(const char *path, struct minisign_secret *ret, struct err **err);
int keyfile_read_public(const char *path, struct minisign_public *ret, struct err **err);

/*
 * Asks on the terminal, without showing what is typed; when there is none, the first line of standard
 * input. The caller wipes and frees.
 */
int keyfile_ask_password(const char *prompt, char **ret, struct err **err);

/* A key of the folder, by its file's name without ".pub". */
struct trusted_key {
	char *name;
	struct minisign_public key;
};

struct trusted_keys {
	struct trusted_key *items; /* sorted by name */
	size_t n;
};

/* STATE/keys; the caller frees. */
char *trusted_keys_folder(void);
/* All of the folder; none when it is not there. A file that cannot be read or is no key is an error. */
int trusted_keys_read(const char *folder, struct trusted_keys *ret, struct err **err);
void trusted_keys_finish(struct trusted_keys *keys);
const struct trusted_key *trusted_keys_find(const struct trusted_keys *keys,
					    const uint8_t id[MINISIGN_ID]);

#endif
