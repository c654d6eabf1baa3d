/* SPDX-License-Identifier: MIT */
/*
 * atoll verify [IMAGE…]: whether images are whole (digests, the root file system's hash tree) and, when
 * keys are trusted, signed by one of them: what the daemon asks before it starts a machine, and more.
 */
#include <errno.h>

#include "command.h"
#include "local_store.h"
#include "mem.h"
#include "output.h"
#include "signature.h"
#include "table.h"
#include "term.h"

struct verdict {
	const struct store_image *image;
	const struct trusted_key *key; /* that signed it; NULL: no key is trusted, or it failed */
	struct err *fault;             /* NULL: good */
};

static void judge(struct store *s, const struct trusted_keys *keys, struct verdict *v)
{
	if (v->image->damage)
		err_set(&v->fault, EBADMSG, "appliance \"%s\": %s", v->image->name,
			v->image->damage);
	else if (store_verify_image(s, v->image, &v->fault) == 0)
		signature_check(s, v->image, keys, &v->key, &v->fault);
}

static void print_table(const struct verdict *verdicts, size_t n)
{
	static const char *const titles[] = {
		"NAME", "ARCH", "DIGEST", "RESULT", "SIGNED BY", NULL
	};
	struct table t;

	table_init(&t, titles);
	for (size_t i = 0; i < n; i++) {
		const struct verdict *v = &verdicts[i];

		table_add(&t, v->image->name);
		table_add(&t, v->image->arch);
		table_addf(&t, "%.12s", v->image->digest + 7);
		if (v->fault)
			table_add_styled(&t, term_red(), "failed");
		else
			table_add(&t, "ok");
		table_add(&t, v->key ? v->key->name : NULL);
	}
	table_print(&t);
	for (size_t i = 0; i < n; i++)
		if (verdicts[i].fault)
			report_error(verdicts[i].fault);
}

static void print_list(const struct verdict *verdicts, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct verdict *v = &verdicts[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b, s:s?, s:s*}", "name",
						      v->image->name, "arch", v->image->arch,
						      "digest", v->image->digest, "ok", !v->fault,
						      "key", v->key ? v->key->name : NULL, "error",
						      v->fault ? err_msg(v->fault) : NULL));
	}
	print_json(list);
	json_decref(list);
}

/* The images that are meant: all, or those of the words. */
static int find_images(const struct args *args, struct store *s, struct store_image ***ret,
		       size_t *ret_n, struct err **err)
{
	struct store_image **images;
	size_t n = 0;
	int r = 0;

	if (!args->n_words)
		return store_list_images(s, ret, ret_n, err);
	images = xcalloc(args->n_words + 1, sizeof(struct store_image *));
	for (; r == 0 && n < args->n_words; n += r == 0)
		r = store_get_image(s, args->words[n], &images[n], err);
	if (r < 0) {
		store_images_free(images, n);
		return r;
	}
	*ret = images;
	*ret_n = n;
	return 0;
}

static int verify(struct store *s, struct store_image **images, size_t n,
		  const struct trusted_keys *keys, bool json)
{
	cleanup_free struct verdict *verdicts = xcalloc(n + 1, sizeof(*verdicts));
	int status = 0;

	for (size_t i = 0; i < n; i++) {
		verdicts[i].image = images[i];
		judge(s, keys, &verdicts[i]);
		if (verdicts[i].fault)
			status = EXIT_FAILED;
	}
	if (json)
		print_list(verdicts, n);
	else
		print_table(verdicts, n);
	for (size_t i = 0; i < n; i++)
		err_free(verdicts[i].fault);
	return status;
}

int cmd_verify(const struct args *args)
{
	cleanup_free char *folder = trusted_keys_folder();
	cleanup_store struct store *s = NULL;
	cleanup_err struct err *err = NULL;
	struct store_image **images;
	struct trusted_keys keys;
	size_t n;
	bool json;
	int status;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (trusted_keys_read(folder, &keys, &err) < 0)
		return report_error(err);
	if (local_store_open(&s, &err) < 0 || find_images(args, s, &images, &n, &err) < 0) {
		trusted_keys_finish(&keys);
		return report_error(err);
	}
	status = verify(s, images, n, &keys, json);
	store_images_free(images, n);
	trusted_keys_finish(&keys);
	return status;
}
