/* SPDX-License-Identifier: MIT */
/*
 * Ed25519 keys and signatures in minisign's formats (jedisct1.github.io/minisign, "Signature format",
 * "Public key format", "Secret key format"): what one of the two programs wrote, the other reads.
 *
 *	public     comment line, base64 of: "Ed", id[8], key[32]
 *	secret     comment line, base64 of: "Ed", "Sc" or none, "B2", salt[32], ops[8], mem[8], and, xor'ed
 *	           with scrypt's stream of the password: id[8], key[64], checksum[32]
 *	signature  comment line, base64 of: "ED", id[8], signature of the data's BLAKE2b-512 [64]
 *	           "trusted comment: …" line, base64 of the signature of: signature[64], that comment
 *
 * Foreign bytes: everything is bounded.
 */
#ifndef ATOLL_MINISIGN_H
#define ATOLL_MINISIGN_H

#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "err.h"

#define MINISIGN_FILE_MAX 16384 /* of a key file or a signature */
#define MINISIGN_ID       8
#define MINISIGN_ID_TEXT  17 /* as minisign prints an id: sixteen digits */

struct minisign_public {
	uint8_t id[MINISIGN_ID];
	uint8_t key[crypto_sign_PUBLICKEYBYTES];
};

struct minisign_secret {
	uint8_t id[MINISIGN_ID];
	uint8_t key[crypto_sign_SECRETKEYBYTES];
};

void minisign_create(struct minisign_secret *ret);
void minisign_public_of(const struct minisign_secret *s, struct minisign_public *ret);
void minisign_id_text(const uint8_t id[MINISIGN_ID], char ret[MINISIGN_ID_TEXT]);

void minisign_public_write(const struct minisign_public *p, struct buf *out);
int minisign_public_parse(const char *text, size_t len, struct minisign_public *ret,
			  struct err **err);

/* With password NULL the file is not encrypted. -ENOMEM: no memory for scrypt. */
int minisign_secret_write(const struct minisign_secret *s, const char *password, struct buf *out,
			  struct err **err);
/* -ENOKEY: it is encrypted, and password is NULL; -EKEYREJECTED: the wrong password. */
int minisign_secret_parse(const char *text, size_t len, const char *password,
			  struct minisign_secret *ret, struct err **err);

/* `comment` is one line, which the signature covers too. */
void minisign_sign(const struct minisign_secret *s, const void *data, size_t len,
		   const char *comment, struct buf *out);
/* The key that a signature says it is of; nothing is verified. */
int minisign_signer(const char *signature, size_t len, uint8_t ret_id[MINISIGN_ID],
		    struct err **err);
/* -EKEYREJECTED when it is not this key's signature of these bytes and of its own comment. */
int minisign_verify(const struct minisign_public *p, const char *signature, size_t signature_len,
		    const void *data, size_t len, struct err **err);

#endif
