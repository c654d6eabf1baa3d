/* SPDX-License-Identifier: MIT */
/* atoll sign IMAGE…: signs what the images' OCI manifests say, or takes a signature made elsewhere. */
#include <errno.h>

#include "command.h"
#include "fd.h"
#include "local_store.h"
#include "mem.h"
#include "signature.h"

static int sign_image(struct store *s, const char *name, const struct minisign_secret *key,
		      struct err **err)
{
	struct store_image *image;
	char id[MINISIGN_ID_TEXT];
	int r = store_get_image(s, name, &image, err);

	if (r < 0)
		return r;
	r = signature_add(s, image, key, err);
	if (r == 0) {
		minisign_id_text(key->id, id);
		printf("%s:%s signed by %s\n", image->name, image->arch, id);
	}
	store_image_free(image);
	return r;
}

static int sign_all(const struct args *args, struct store *s, struct err **err)
{
	struct minisign_secret key;
	int r = keyfile_read_secret(args_get(args, "key"), &key, err);

	for (size_t i = 0; r == 0 && i < args->n_words; i++)
		r = sign_image(s, args->words[i], &key, err);
	sodium_memzero(&key, sizeof(key));
	return r;
}

static int put_signature(const struct args *args, struct store *s, struct err **err)
{
	const char *path = args_get(args, "signature");
	cleanup_buf struct buf text = BUF_INIT;
	struct store_image *image;
	int r = file_read(path, MINISIGN_FILE_MAX, &text, err);

	if (r == 0)
		r = store_get_image(s, args_word(args, 0), &image, err);
	if (r < 0)
		return r;
	r = signature_put(s, image, (char *)buf_bytes(&text), text.len, err);
	store_image_free(image);
	return r < 0 ? err_prefix(err, "%s", path) : 0;
}

int cmd_sign(const struct args *args)
{
	cleanup_store struct store *s = NULL;
	cleanup_err struct err *err = NULL;
	bool key = args_get(args, "key"), signature = args_get(args, "signature");

	if (key == signature || (signature && args->n_words > 1)) {
		say_error("sign: expected --key FILE, or --signature FILE and one image");
		return EXIT_USAGE;
	}
	if (local_store_open(&s, &err) < 0)
		return report_error(err);
	if ((key ? sign_all(args, s, &err) : put_signature(args, s, &err)) < 0)
		return report_error(err);
	return 0;
}
