/* SPDX-License-Identifier: MIT */
#include "keyring.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "command.h"
#include "deb822.h"
#include "sha256.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

#define KEYRING_MAX    (16 << 20)
#define RELEASE_MAX    (16 << 20)
#define DEBIAN_KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"
#define ARMOR_BEGIN    "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define ARMOR_END      "-----END PGP PUBLIC KEY BLOCK-----"
#define STATUS         "[GNUPG:] "

void keyring_finish(struct keyring *k)
{
	strv_free(k->files);
	strv_free(k->fingerprints);
	free(k->digest);
	*k = (struct keyring){ 0 };
}

/* One armored block (RFC 4880, 6.2): headers up to an empty line, base64, "=" and a checksum. */
static int decode_block(const char *begin, const char *end, struct buf *out)
{
	const char *body = strstr(begin, "\n\n");
	const char *crlf_body = strstr(begin, "\n\r\n");
	const char *sum;
	size_t len, got;

	if (crlf_body && (!body || crlf_body < body))
		body = crlf_body + 1;
	if (!body || body >= end)
		return -EBADMSG;
	for (sum = body; (sum = strstr(sum, "\n=")) && sum < end; sum += 2)
		if (strcspn(sum + 2, "\r\n") == 4)
			break;
	len = (size_t)((sum && sum < end ? sum : end) - body);
	if (sodium_base642bin(buf_reserve(out, len), len, body, len, "\r\n \t", &got, NULL,
			      sodium_base64_VARIANT_ORIGINAL) < 0)
		return -EBADMSG;
	buf_commit(out, got);
	return 0;
}

static int dearmor(const char *text, struct buf *out)
{
	const char *begin = text, *end;
	int r = -EBADMSG;

	while ((begin = strstr(begin, ARMOR_BEGIN)) && (end = strstr(begin, ARMOR_END))) {
		r = decode_block(begin, end, out);
		if (r < 0)
			return r;
		begin = end;
	}
	return r;
}

/* gpgv reads binary keyrings only: an armored one is written out beside our other temp files. */
static int add_armored(struct workspace *ws, struct keyring *k, const char *name, const char *text,
		       struct err **err)
{
	cleanup_free char *path = workspace_temp(ws, "keyring");
	cleanup_buf struct buf binary = BUF_INIT;
	int r = dearmor(text, &binary);

	if (r < 0)
		return err_set(err, EBADMSG, "%s: not an OpenPGP public key block", name);
	r = file_write_atomic(path, buf_bytes(&binary), binary.len, 0600, err);
	if (r == 0)
		strv_append(&k->files, path);
	return r;
}

static int add_file(struct workspace *ws, struct keyring *k, struct sha256 *digest,
		    const char *path, struct err **err)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = file_read(path, KEYRING_MAX, &bytes, err);

	if (r < 0)
		return r;
	sha256_add(digest, buf_bytes(&bytes), bytes.len);
	buf_append(&bytes, "", 1);
	if (strstr((char *)buf_bytes(&bytes), ARMOR_BEGIN))
		return add_armored(ws, k, path, (char *)buf_bytes(&bytes), err);
	strv_append(&k->files, path);
	return 0;
}

static int is_keyring_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.' &&
	       (str_ends(entry->d_name, ".gpg") || str_ends(entry->d_name, ".asc"));
}

static int add_trusted(struct workspace *ws, struct keyring *k, struct sha256 *digest,
		       const char *apt_dir, struct err **err)
{
	cleanup_free char *dir = xasprintf("%s/trusted.gpg.d", apt_dir);
	cleanup_free char *single = xasprintf("%s/trusted.gpg", apt_dir);
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, is_keyring_file, alphasort), r = 0;

	for (int i = 0; i < n; i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, entries[i]->d_name);

		if (r == 0)
			r = add_file(ws, k, digest, path, err);
		free(entries[i]);
	}
	free(entries);
	if (r == 0 && file_exists(single))
		r = add_file(ws, k, digest, single, err);
	if (r == 0 && str_eq(apt_dir, APT_DIR) && file_exists(DEBIAN_KEYRING))
		r = add_file(ws, k, digest, DEBIAN_KEYRING, err);
	return r;
}

static int add_signed_by(struct workspace *ws, struct keyring *k, struct sha256 *digest,
			 const struct source *s, struct err **err)
{
	int r = 0;

	if (s->key) {
		sha256_add_str(digest, s->key);
		r = add_armored(ws, k, s->where, s->key, err);
	}
	for (char **v = s->signed_by; r == 0 && v && *v; v++) {
		if (**v == '/') {
			r = add_file(ws, k, digest, *v, err);
			continue;
		}
		sha256_add_str(digest, *v);
		strv_take(&k->fingerprints, xstrndup(*v, strcspn(*v, "!")));
	}
	return r;
}

int keyring_open(struct workspace *ws, const char *apt_dir, const struct source *s,
		 struct keyring *ret, struct err **err)
{
	char hex[SHA256_HEX + 1];
	struct keyring k = { 0 };
	struct sha256 digest;
	int r;

	sha256_begin(&digest);
	r = add_signed_by(ws, &k, &digest, s, err);
	if (r == 0 && !k.files)
		r = add_trusted(ws, &k, &digest, apt_dir, err);
	if (r == 0 && !k.files)
		r = err_set(err, ENOENT,
			    "no keys to verify it with; say Signed-By: in the source or install "
			    "debian-archive-keyring");
	if (r < 0) {
		keyring_finish(&k);
		return err_prefix(err, "%s", s->where);
	}
	sha256_end(&digest, hex);
	k.digest = xstrdup(hex);
	*ret = k;
	return 0;
}

/* What gpgv's status lines (gnupg's doc/DETAILS) amount to. */
struct verdict {
	unsigned int good, bad, plaintexts;
	bool good_key; /* the signature that is being told of is neither expired nor revoked */
	char *missing; /* a key that signed and that we do not have */
};

/* VALIDSIG's first word is the signing (sub)key's fingerprint, its tenth the primary key's. */
static bool is_wanted(const struct keyring *k, const char *args)
{
	cleanup_strv char **words = deb822_words(args, "");

	if (!k->fingerprints)
		return true;
	for (char **f = k->fingerprints; *f; f++)
		for (size_t i = 0; words && words[i]; i += 9)
			if (strcasecmp(*f, words[i]) == 0)
				return true;
	return false;
}

static void read_status_line(const struct keyring *k, const char *line, struct verdict *v)
{
	if (str_starts(line, "NEWSIG"))
		v->good_key = false;
	else if (str_starts(line, "GOODSIG "))
		v->good_key = true;
	else if (str_starts(line, "VALIDSIG "))
		v->good += v->good_key && is_wanted(k, line + strlen("VALIDSIG "));
	else if (str_starts(line, "BADSIG "))
		v->bad++;
	else if (str_starts(line, "PLAINTEXT "))
		v->plaintexts++;
	else if (str_starts(line, "NO_PUBKEY ") && !v->missing)
		v->missing = xstrdup(line + strlen("NO_PUBKEY "));
}

static void read_status(const struct keyring *k, const char *text, struct verdict *v)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		cleanup_free char *line = xstrndup(text, len);

		if (str_starts(line, STATUS))
			read_status_line(k, line + strlen(STATUS), v);
		text += len + (text[len] == '\n');
	}
}

/* files: what follows gpgv's options. */
static int run_gpgv(const struct keyring *k, const char *const *files, struct verdict *ret,
		    struct err **err)
{
	size_t n = 0, max = 16 + 2 * strv_len(k->files);
	cleanup_free const char **argv = xcalloc(max, sizeof(*argv));
	cleanup_buf struct buf status = BUF_INIT, errors = BUF_INIT;
	int code, r;

	argv[n++] = "gpgv";
	argv[n++] = "--status-fd=1";
	argv[n++] = "--weak-digest=SHA1";
	for (char **f = k->files; *f; f++) {
		argv[n++] = "--keyring";
		argv[n++] = *f;
	}
	while (*files)
		argv[n++] = *files++;
	r = command_run(&(struct command){ .argv = argv, .package = "gpgv" }, &status, &errors,
			&code, err);
	if (r < 0)
		return r;
	buf_append(&status, "", 1);
	read_status(k, (char *)buf_bytes(&status), ret);
	return 0;
}

static int judge(const struct verdict *v, struct err **err)
{
	if (v->bad)
		return err_set(err, EBADMSG, "the signature does not verify: the file was altered");
	if (v->good)
		return 0;
	if (v->missing)
		return err_set(err, EBADMSG, "signed by key %s, which is not among the keys for it",
			       v->missing);
	return err_set(err, EBADMSG, "it has no valid signature");
}

int keyring_verify_clearsigned(struct workspace *ws, const struct keyring *k, const char *file,
			       struct buf *ret_text, struct err **err)
{
	cleanup_free char *text = workspace_temp(ws, "verified");
	const char *const files[] = { "--output", text, file, NULL };
	struct verdict v = { 0 };
	int r = run_gpgv(k, files, &v, err);

	if (r == 0)
		r = judge(&v, err);
	if (r == 0 && v.plaintexts != 1)
		r = err_set(err, EBADMSG, "expected one signed text, found %u", v.plaintexts);
	if (r == 0)
		r = file_read(text, RELEASE_MAX, ret_text, err);
	unlink(text);
	free(v.missing);
	return r;
}

int keyring_verify_detached(const struct keyring *k, const char *file, const char *signature,
			    struct buf *ret_text, struct err **err)
{
	const char *const files[] = { signature, file, NULL };
	struct verdict v = { 0 };
	int r = run_gpgv(k, files, &v, err);

	if (r == 0)
		r = judge(&v, err);
	if (r == 0)
		r = file_read(file, RELEASE_MAX, ret_text, err);
	free(v.missing);
	return r;
}
