/* SPDX-License-Identifier: MIT */
#include "minisign.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define COMMENT_PREFIX "untrusted comment: "
#define TRUSTED_PREFIX "trusted comment: "
#define CHECKSUM       32
#define OPS            ((uint64_t)1 << 23) /* of keys that we encrypt: a second, and so much memory */
#define MEM            ((uint64_t)1 << 28)
#define OPS_MAX        ((uint64_t)1 << 27) /* of keys that we read; minisign's own are 1<<25, 1<<30 */
#define MEM_MAX        ((uint64_t)1 << 31)

struct public_file {
	uint8_t algorithm[2];
	struct minisign_public key;
};

/* What the password hides. */
struct hidden {
	struct minisign_secret key;
	uint8_t checksum[CHECKSUM];
};

struct secret_file {
	uint8_t algorithm[2];
	uint8_t kdf[2];
	uint8_t checksum[2];
	uint8_t salt[crypto_pwhash_scryptsalsa208sha256_SALTBYTES];
	uint8_t ops[8];
	uint8_t mem[8];
	struct hidden hidden;
};

struct signature_file {
	uint8_t algorithm[2];
	uint8_t id[MINISIGN_ID];
	uint8_t signature[crypto_sign_BYTES];
};

/* A signature's four lines. */
struct signature {
	struct signature_file file;
	const char *comment;
	size_t comment_len;
	uint8_t global[crypto_sign_BYTES];
};

_Static_assert(sizeof(struct public_file) == 42, "a public key's format");
_Static_assert(sizeof(struct secret_file) == 158, "a secret key's format");
_Static_assert(sizeof(struct signature_file) == 74, "a signature's format");

/* The lines of a text, one after the other. */
struct lines {
	const char *next, *end;
};

static bool next_line(struct lines *l, const char **ret, size_t *ret_len)
{
	const char *stop;

	if (l->next == l->end)
		return false;
	stop = memchr(l->next, '\n', (size_t)(l->end - l->next));
	if (!stop)
		stop = l->end;
	*ret = l->next;
	*ret_len = (size_t)(stop - l->next);
	if (*ret_len && (*ret)[*ret_len - 1] == '\r')
		--*ret_len;
	l->next = stop < l->end ? stop + 1 : stop;
	return true;
}

static bool skip_comment(struct lines *l)
{
	const char *line;
	size_t len, n = strlen(COMMENT_PREFIX);

	return next_line(l, &line, &len) && len >= n && memcmp(line, COMMENT_PREFIX, n) == 0;
}

/* A line of base64 that is exactly so many bytes. */
static bool read_base64(struct lines *l, void *out, size_t size)
{
	const char *line;
	size_t len, got = 0;

	return next_line(l, &line, &len) &&
	       sodium_base642bin(out, size, line, len, NULL, &got, NULL,
				 sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       got == size;
}

static void write_base64(const void *data, size_t size, struct buf *out)
{
	size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
	char *place = buf_reserve(out, room);

	sodium_bin2base64(place, room, data, size, sodium_base64_VARIANT_ORIGINAL);
	buf_commit(out, strlen(place));
	buf_append_str(out, "\n");
}

void minisign_create(struct minisign_secret *ret)
{
	uint8_t public[crypto_sign_PUBLICKEYBYTES];

	if (sodium_init() < 0)
		abort(); /* no random numbers: nothing good could come of it */
	randombytes_buf(ret->id, sizeof(ret->id));
	crypto_sign_keypair(public, ret->key);
}

void minisign_public_of(const struct minisign_secret *s, struct minisign_public *ret)
{
	memcpy(ret->id, s->id, sizeof(ret->id));
	crypto_sign_ed25519_sk_to_pk(ret->key, s->key);
}

void minisign_id_text(const uint8_t id[MINISIGN_ID], char ret[MINISIGN_ID_TEXT])
{
	for (size_t i = 0; i < MINISIGN_ID; i++)
		snprintf(ret + 2 * i, 3, "%02X", id[MINISIGN_ID - 1 - i]);
}

void minisign_public_write(const struct minisign_public *p, struct buf *out)
{
	struct public_file file = { .algorithm = { 'E', 'd' }, .key = *p };
	char id[MINISIGN_ID_TEXT];

	minisign_id_text(p->id, id);
	buf_printf(out, COMMENT_PREFIX "minisign public key %s\n", id);
	write_base64(&file, sizeof(file), out);
}

int minisign_public_parse(const char *text, size_t len, struct minisign_public *ret,
			  struct err **err)
{
	struct lines l = { text, text + len };
	struct public_file file;

	if (!skip_comment(&l) || !read_base64(&l, &file, sizeof(file)))
		return err_set(err, EBADMSG,
			       "expected a minisign public key: a line \"" COMMENT_PREFIX
			       "…\" and a line of 56 characters");
	if (memcmp(file.algorithm, "Ed", 2) != 0)
		return err_set(err, EBADMSG, "it is a key of another algorithm than Ed25519");
	*ret = file.key;
	return 0;
}

static void make_checksum(const struct minisign_secret *s, uint8_t out[CHECKSUM])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, CHECKSUM);
	crypto_generichash_update(&state, (const uint8_t *)"Ed", 2);
	crypto_generichash_update(&state, s->id, sizeof(s->id));
	crypto_generichash_update(&state, s->key, sizeof(s->key));
	crypto_generichash_final(&state, out, CHECKSUM);
}

static uint64_t read_u64(const uint8_t bytes[8])
{
	uint64_t v;

	memcpy(&v, bytes, sizeof(v));
	return le64toh(v);
}

static void write_u64(uint64_t v, uint8_t bytes[8])
{
	v = htole64(v);
	memcpy(bytes, &v, sizeof(v));
}

/* Hides or shows the key: xor with what scrypt makes of the password. */
static int apply_password(struct secret_file *file, const char *password, struct err **err)
{
	uint64_t ops = read_u64(file->ops), mem = read_u64(file->mem);
	uint8_t *hidden = (uint8_t *)&file->hidden;
	uint8_t stream[sizeof(file->hidden)];

	if (ops > OPS_MAX || mem > MEM_MAX)
		return err_set(err, EBADMSG, "its password would cost more than %d MiB to check",
			       (int)(MEM_MAX >> 20));
	if (crypto_pwhash_scryptsalsa208sha256(stream, sizeof(stream), password, strlen(password),
					       file->salt, ops, mem) != 0)
		return err_set(err, ENOMEM, "no %d MiB of memory to check its password",
			       (int)(mem >> 20));
	for (size_t i = 0; i < sizeof(stream); i++)
		hidden[i] ^= stream[i];
	sodium_memzero(stream, sizeof(stream));
	return 0;
}

int minisign_secret_write(const struct minisign_secret *s, const char *password, struct buf *out,
			  struct err **err)
{
	struct secret_file file = { .algorithm = { 'E', 'd' }, .checksum = { 'B', '2' } };
	int r = 0;

	file.hidden.key = *s;
	if (password) {
		make_checksum(s, file.hidden.checksum);
		memcpy(file.kdf, "Sc", 2);
		randombytes_buf(file.salt, sizeof(file.salt));
		write_u64(OPS, file.ops);
		write_u64(MEM, file.mem);
		r = apply_password(&file, password, err);
	}
	if (r == 0) {
		buf_printf(out, COMMENT_PREFIX "minisign %s secret key\n",
			   password ? "encrypted" : "unencrypted");
		write_base64(&file, sizeof(file), out);
	}
	sodium_memzero(&file, sizeof(file));
	return r;
}

/* Keys without a password have no checksum in minisign's files; their second half follows from the first. */
static bool is_whole(const struct secret_file *file, bool encrypted)
{
	const uint8_t *key = file->hidden.key.key;
	uint8_t checksum[CHECKSUM], public[crypto_sign_PUBLICKEYBYTES];
	uint8_t again[crypto_sign_SECRETKEYBYTES];
	bool same;

	if (encrypted) {
		make_checksum(&file->hidden.key, checksum);
		return sodium_memcmp(checksum, file->hidden.checksum, CHECKSUM) == 0;
	}
	crypto_sign_seed_keypair(public, again, key);
	same = sodium_memcmp(again, key, sizeof(again)) == 0;
	sodium_memzero(again, sizeof(again));
	return same;
}

static int show(struct secret_file *file, const char *password, struct err **err)
{
	static const uint8_t none[2];
	bool encrypted = memcmp(file->kdf, "Sc", 2) == 0;
	int r = 0;

	if (memcmp(file->algorithm, "Ed", 2) != 0 || memcmp(file->checksum, "B2", 2) != 0)
		return err_set(err, EBADMSG, "it is a key of another algorithm than Ed25519");
	if (encrypted) {
		if (!password)
			return err_set(err, ENOKEY, "it needs a password");
		r = apply_password(file, password, err);
	} else if (memcmp(file->kdf, none, 2) != 0) {
		r = err_set(err, EBADMSG, "it is encrypted in a way that is not known here");
	}
	if (r < 0)
		return r;
	if (!is_whole(file, encrypted))
		return err_set(err, encrypted ? EKEYREJECTED : EBADMSG,
			       encrypted ? "the password is wrong" : "the key is damaged");
	return 0;
}

int minisign_secret_parse(const char *text, size_t len, const char *password,
			  struct minisign_secret *ret, struct err **err)
{
	struct lines l = { text, text + len };
	struct secret_file file;
	int r;

	if (!skip_comment(&l) || !read_base64(&l, &file, sizeof(file)))
		return err_set(err, EBADMSG,
			       "expected a minisign secret key: a line \"" COMMENT_PREFIX
			       "…\" and a line of 212 characters");
	r = show(&file, password, err);
	if (r == 0)
		*ret = file.hidden.key;
	sodium_memzero(&file, sizeof(file));
	return r;
}

static void prehash(const void *data, size_t len, uint8_t out[crypto_generichash_BYTES_MAX])
{
	crypto_generichash(out, crypto_generichash_BYTES_MAX, data, len, NULL, 0);
}

/* What the second signature is of: the first one, and the trusted comment. */
static void global_text(const uint8_t signature[crypto_sign_BYTES], const char *comment, size_t len,
			struct buf *out)
{
	buf_append(out, signature, crypto_sign_BYTES);
	buf_append(out, comment, len);
}

void minisign_sign(const struct minisign_secret *s, const void *data, size_t len,
		   const char *comment, struct buf *out)
{
	struct signature_file file = { .algorithm = { 'E', 'D' } };
	uint8_t hash[crypto_generichash_BYTES_MAX], global[crypto_sign_BYTES];
	cleanup_buf struct buf text = BUF_INIT;

	memcpy(file.id, s->id, sizeof(file.id));
	prehash(data, len, hash);
	crypto_sign_detached(file.signature, NULL, hash, sizeof(hash), s->key);
	global_text(file.signature, comment, strlen(comment), &text);
	crypto_sign_detached(global, NULL, buf_bytes(&text), text.len, s->key);
	buf_append_str(out, COMMENT_PREFIX "signature from minisign secret key\n");
	write_base64(&file, sizeof(file), out);
	buf_printf(out, TRUSTED_PREFIX "%s\n", comment);
	write_base64(global, sizeof(global), out);
}

static int parse_signature(const char *text, size_t len, struct signature *ret, struct err **err)
{
	const size_t n = strlen(TRUSTED_PREFIX);
	struct lines l = { text, text + len };

	if (len > MINISIGN_FILE_MAX || !skip_comment(&l) ||
	    !read_base64(&l, &ret->file, sizeof(ret->file)) ||
	    !next_line(&l, &ret->comment, &ret->comment_len) || ret->comment_len < n ||
	    memcmp(ret->comment, TRUSTED_PREFIX, n) != 0 ||
	    !read_base64(&l, ret->global, sizeof(ret->global)))
		return err_set(err, EBADMSG, "expected the four lines of a minisign signature");
	ret->comment += n;
	ret->comment_len -= n;
	return 0;
}

int minisign_signer(const char *signature, size_t len, uint8_t ret_id[MINISIGN_ID],
		    struct err **err)
{
	struct signature s;
	int r = parse_signature(signature, len, &s, err);

	if (r == 0)
		memcpy(ret_id, s.file.id, MINISIGN_ID);
	return r;
}

/* "ED": of the data's hash; "Ed", of old: of the data itself. */
static bool data_is_signed(const struct minisign_public *p, const struct signature *s,
			   const void *data, size_t len)
{
	uint8_t hash[crypto_generichash_BYTES_MAX];

	if (memcmp(s->file.algorithm, "ED", 2) == 0) {
		prehash(data, len, hash);
		data = hash;
		len = sizeof(hash);
	} else if (memcmp(s->file.algorithm, "Ed", 2) != 0) {
		return false;
	}
	return crypto_sign_verify_detached(s->file.signature, data, len, p->key) == 0;
}

int minisign_verify(const struct minisign_public *p, const char *signature, size_t signature_len,
		    const void *data, size_t len, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct signature s;
	int r = parse_signature(signature, signature_len, &s, err);

	if (r < 0)
		return r;
	global_text(s.file.signature, s.comment, s.comment_len, &text);
	if (memcmp(s.file.id, p->id, MINISIGN_ID) != 0 || !data_is_signed(p, &s, data, len) ||
	    crypto_sign_verify_detached(s.global, buf_bytes(&text), text.len, p->key) != 0)
		return err_set(err, EKEYREJECTED, "the signature does not verify");
	return 0;
}
