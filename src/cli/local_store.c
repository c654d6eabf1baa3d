/* SPDX-License-Identifier: MIT */
#include "local_store.h"

#include "fd.h"
#include "mem.h"
#include "minisign.h"
#include "output.h"
#include "paths.h"
#include "str.h"

int local_store_open(struct store **ret, struct err **err)
{
	cleanup_free char *path = paths_in_state("store");

	return store_open(path, ret, err);
}

bool local_store_exists(void)
{
	cleanup_free char *path = paths_in_state("store/oci-layout");

	return file_exists(path);
}

json_t *image_summary(const struct store_image *i)
{
	cleanup_free char *created = time_to_text(i->created);

	return json_pack("{s:s, s:s?, s:s, s:s, s:I, s:s, s:s*}", "name", i->name, "version",
			 i->appliance ? i->appliance->version : NULL, "arch", i->arch, "digest",
			 i->digest, "size", (json_int_t)i->size, "created", created, "damage",
			 i->damage);
}

static void add_blob(json_t *o, const char *key, const struct store_blob *b)
{
	if (*b->digest)
		json_object_set_new(o, key,
				    json_pack("{s:s, s:I, s:s}", "digest", b->digest, "size",
					      (json_int_t)b->size, "path", b->path));
}

/* The ids of the keys that it says it is signed by. */
static json_t *signers(const struct store_image *i)
{
	json_t *list = json_array();

	for (char **s = i->signatures; *s; s++) {
		uint8_t id[MINISIGN_ID];
		char text[MINISIGN_ID_TEXT];

		if (minisign_signer(*s, strlen(*s), id, NULL) < 0)
			continue;
		minisign_id_text(id, text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

json_t *image_details(const struct store_image *i)
{
	json_t *o = image_summary(i);
	cleanup_buf struct buf text = BUF_INIT;

	add_blob(o, "rootfs", &i->rootfs);
	add_blob(o, "kernel", &i->kernel);
	add_blob(o, "vmlinux", &i->vmlinux);
	add_blob(o, "initramfs", &i->initramfs);
	add_blob(o, "drivers", &i->drivers);
	if (i->input)
		json_object_set_new(o, "input", json_string(i->input));
	if (i->signatures)
		json_object_set_new(o, "signatures", signers(i));
	if (i->appliance) {
		appliance_write(i->appliance, &text);
		json_object_set_new(o, "appliance",
				    json_loadb((char *)buf_bytes(&text), text.len, 0, NULL));
	}
	return o;
}
