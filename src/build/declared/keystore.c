/* SPDX-License-Identifier: MIT */
/*
 * JKS is written down nowhere but in OpenJDK (sun.security.provider.JavaKeyStore). Numbers are big-endian,
 * strings are a 16-bit length and Java's own UTF-8:
 *
 *	fe ed fe ed  version  count
 *	kind  alias  time of creation in ms  "X.509"  length  certificate in DER     for each
 *	SHA-1 of the password in UTF-16, of a joke, and of all the above
 *
 * Who reads certificates that it trusts by default does not ask for the digest, keytool(1) does. Java gives up
 * the whole store for one certificate or string that it cannot read: so OpenSSL reads each certificate first.
 */
#include "keystore.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define MAGIC   0xfeedfeed
#define VERSION 2
#define TRUSTED 2 /* a certificate, not a key */
#define ALIAS   "debian:"

static const char password[] = "changeit";
static const char joke[] = "Mighty Aphrodite";

struct keystore_entry {
	char *alias;
	unsigned char *der;
	int len;
};

/* --- aliases --- */

static bool goes_on(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The bytes of the character at p, if Java reads it: it has four of UTF-8 for none. */
static size_t java_char(const char *p)
{
	unsigned char c = (unsigned char)*p;

	if (c < 0x80)
		return 1;
	if (c >> 5 == 6 && goes_on(p[1]))
		return 2;
	return c >> 4 == 14 && goes_on(p[1]) && goes_on(p[2]) ? 3 : 0;
}

/* As update-ca-certificates(8) names its links, and Java folds the case. */
static char *alias_of(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strlen(name) - (str_ends(name, ".crt") ? strlen(".crt") : 0);
	char *alias = xasprintf(ALIAS "%.*s.pem", (int)(len < NAME_MAX ? len : NAME_MAX), name);

	for (char *p = alias + strlen(ALIAS); *p;) {
		size_t n = java_char(p);

		if (n == 0 || *p == ' ' || *p == ',')
			*p = '_';
		else if (*p == '(' || *p == ')')
			*p = '=';
		else if (n == 1)
			*p = (char)tolower((unsigned char)*p);
		p += n ? n : 1;
	}
	return alias;
}

/* --- certificates --- */

/* Nobody is asked for the password of one that is encrypted. */
static int no_password(char *buf, int size, int writing, void *data)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)data;
	return -1;
}

int keystore_add(struct keystore *k, const char *path, const void *pem, size_t len,
		 struct err **err)
{
	struct keystore_entry entry = { .alias = alias_of(path) };
	BIO *in = len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
	X509 *certificate = in ? PEM_read_bio_X509(in, NULL, no_password, NULL) : NULL;

	entry.len = certificate ? i2d_X509(certificate, &entry.der) : -1;
	X509_free(certificate);
	BIO_free(in);
	if (entry.len < 0) {
		free(entry.alias);
		return err_set(err, EINVAL, "it is no certificate in PEM form");
	}
	for (size_t i = 0; i < k->n; i++)
		if (str_eq(k->entries[i].alias, entry.alias)) {
			free(k->entries[i].alias);
			OPENSSL_free(k->entries[i].der);
			k->entries[i] = entry;
			return 0;
		}
	k->entries = xreallocarray(k->entries, k->n + 1, sizeof(*k->entries));
	k->entries[k->n++] = entry;
	return 0;
}

/* --- the store --- */

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct keystore_entry *)a)->alias,
		      ((const struct keystore_entry *)b)->alias);
}

static void put32(struct buf *out, uint32_t value)
{
	value = htobe32(value);
	buf_append(out, &value, sizeof(value));
}

static void put_string(struct buf *out, const char *s)
{
	uint16_t len = htobe16((uint16_t)strlen(s));

	buf_append(out, &len, sizeof(len));
	buf_append_str(out, s);
}

static void put_entry(struct buf *out, const struct keystore_entry *entry)
{
	put32(out, TRUSTED);
	put_string(out, entry->alias);
	/* 1970, as all times of an image. */
	put32(out, 0);
	put32(out, 0);
	put_string(out, "X.509");
	put32(out, (uint32_t)entry->len);
	buf_append(out, entry->der, (size_t)entry->len);
}

static void put_digest(struct buf *out, const struct buf *store)
{
	unsigned char digest[SHA_DIGEST_LENGTH];
	cleanup_buf struct buf all = BUF_INIT;

	for (const char *p = password; *p; p++) {
		buf_append(&all, "", 1);
		buf_append(&all, p, 1);
	}
	buf_append_str(&all, joke);
	buf_append(&all, buf_bytes(store), store->len);
	buf_append(out, SHA1(buf_bytes(&all), all.len, digest), sizeof(digest));
}

void keystore_write(struct keystore *k, struct buf *out)
{
	cleanup_buf struct buf store = BUF_INIT;

	if (k->n)
		qsort(k->entries, k->n, sizeof(*k->entries), compare);
	put32(&store, MAGIC);
	put32(&store, VERSION);
	put32(&store, (uint32_t)k->n);
	for (size_t i = 0; i < k->n; i++)
		put_entry(&store, &k->entries[i]);
	buf_append(out, buf_bytes(&store), store.len);
	put_digest(out, &store);
}

void keystore_finish(struct keystore *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->entries[i].alias);
		OPENSSL_free(k->entries[i].der);
	}
	free(k->entries);
	*k = (struct keystore){ 0 };
}
