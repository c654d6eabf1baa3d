/* SPDX-License-Identifier: MIT */
#include "signature.h"

#include <errno.h>

#include "json_read.h"
#include "mem.h"
#include "store_internal.h"
#include "str.h"

static int read_manifest(struct store *s, const struct store_image *image, struct buf *out,
			 struct err **err)
{
	return store_read_blob(s, image->digest, OCI_MANIFEST_MAX, out, err);
}

static bool is_of(const char *signature, const uint8_t id[MINISIGN_ID])
{
	uint8_t signer[MINISIGN_ID];

	return minisign_signer(signature, strlen(signature), signer, NULL) == 0 &&
	       memcmp(signer, id, MINISIGN_ID) == 0;
}

bool signature_is_there(const struct store_image *image, const uint8_t id[MINISIGN_ID])
{
	for (char **s = image->signatures; s && *s; s++)
		if (is_of(*s, id))
			return true;
	return false;
}

/* Exactly the four lines, each with its end; what is behind them is nothing of ours. */
static int tidy(const char *text, size_t len, char **ret, struct err **err)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_json json_t *probe = NULL;
	const char *end = text + len;

	for (int i = 0; i < 4 && text < end; i++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t n = stop ? (size_t)(stop - text) : (size_t)(end - text);

		buf_append(&out, text, n);
		buf_append_str(&out, "\n");
		text += n + (stop ? 1 : 0);
	}
	probe = json_stringn((char *)buf_bytes(&out), out.len);
	if (!probe || memchr(buf_bytes(&out), '\0', out.len))
		return err_set(err, EBADMSG, "a signature's comments have to be UTF-8");
	*ret = buf_steal_str(&out);
	return 0;
}

static size_t total_length(char *const *texts)
{
	size_t n = 0;

	for (; texts && *texts; texts++)
		n += strlen(*texts);
	return n;
}

int signature_put(struct store *s, const struct store_image *image, const char *text, size_t len,
		  struct err **err)
{
	cleanup_strv char **all = NULL;
	uint8_t id[MINISIGN_ID];
	char *tidied = NULL;
	int r = minisign_signer(text, len, id, err);

	if (r == 0)
		r = tidy(text, len, &tidied, err);
	if (r < 0)
		return r;
	for (char **old = image->signatures; old && *old; old++)
		if (!is_of(*old, id))
			strv_append(&all, *old);
	strv_take(&all, tidied);
	if (total_length(all) > OCI_SIGNATURES_MAX)
		return err_set(err, E2BIG, "the image's signatures would be more than %d bytes",
			       OCI_SIGNATURES_MAX);
	return store_set_signatures(s, image, all, err);
}

int signature_add(struct store *s, const struct store_image *image,
		  const struct minisign_secret *key, struct err **err)
{
	const struct appliance *a = image->appliance;
	cleanup_free char *comment =
		xasprintf("atoll appliance %s%s%s:%s %s", a->name, a->version ? " " : "",
			  a->version ? a->version : "", a->arch, image->digest);
	cleanup_buf struct buf manifest = BUF_INIT, text = BUF_INIT;
	int r = read_manifest(s, image, &manifest, err);

	if (r < 0)
		return r;
	minisign_sign(key, buf_bytes(&manifest), manifest.len, comment, &text);
	return signature_put(s, image, (char *)buf_bytes(&text), text.len, err);
}

/* An image may not pass for another one that the same key signed. */
static int check_name(const struct store_image *image, struct err **err)
{
	const struct appliance *a = image->appliance;

	if (str_eq(a->name, image->name) && str_eq(a->arch, image->arch))
		return 0;
	return err_set(err, EKEYREJECTED,
		       "it is signed as %s:%s, not as %s:%s; take it out ('atoll rm')", a->name,
		       a->arch, image->name, image->arch);
}

static int not_signed(const struct store_image *image, struct err **err)
{
	if (!image->signatures || !*image->signatures)
		return err_set(err, EKEYREJECTED,
			       "it is not signed, and this computer wants a signature of a trusted "
			       "key ('atoll key'); sign it ('atoll sign --key FILE %s')",
			       image->name);
	return err_set(
		err, EKEYREJECTED,
		"it is signed, but not by a key that this computer trusts ('atoll key'); trust "
		"its signer ('atoll key trust FILE'), or sign it ('atoll sign --key FILE %s')",
		image->name);
}

/* The first signature of a trusted key has to be right: a wrong one is never passed over. */
static int check(struct store *s, const struct store_image *image, const struct trusted_keys *keys,
		 const struct trusted_key **ret_key, struct err **err)
{
	cleanup_buf struct buf manifest = BUF_INIT;
	int r = read_manifest(s, image, &manifest, err);

	if (r < 0)
		return r;
	for (char **text = image->signatures; text && *text; text++) {
		const struct trusted_key *key;
		uint8_t id[MINISIGN_ID];

		r = minisign_signer(*text, strlen(*text), id, err);
		if (r < 0)
			return r;
		key = trusted_keys_find(keys, id);
		if (!key)
			continue;
		r = minisign_verify(&key->key, *text, strlen(*text), buf_bytes(&manifest),
				    manifest.len, err);
		if (r < 0)
			return err_prefix(err, "key \"%s\"", key->name);
		*ret_key = key;
		return check_name(image, err);
	}
	return not_signed(image, err);
}

int signature_check(struct store *s, const struct store_image *image,
		    const struct trusted_keys *keys, const struct trusted_key **ret_key,
		    struct err **err)
{
	int r;

	*ret_key = NULL;
	if (!keys->n)
		return 0;
	r = check(s, image, keys, ret_key, err);
	return r < 0 ? err_prefix(err, "appliance \"%s\"", image->name) : 0;
}
