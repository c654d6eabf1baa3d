/* SPDX-License-Identifier: MIT */
#include "machine_images.h"

#include <errno.h>
#include <glob.h>
#include <string.h>

#include "abi_machine.h"
#include "fd.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

/* The digest that a path in the store's blobs stands for. */
static void set_digest(struct machine_image *m, const char *path)
{
	const char *hex = path ? strrchr(path, '/') : NULL;

	if (hex && strlen(hex + 1) == DIGEST_LEN - 7)
		snprintf(m->rootfs, sizeof(m->rootfs), "sha256:%s", hex + 1);
}

/* ".../machines/FEDERATION/NAME/config" */
static char *machine_name(const char *path)
{
	const char *end = strrchr(path, '/'), *begin = end;

	for (int i = 0; i < 2; i++)
		for (begin--; *begin != '/'; begin--)
			;
	return xstrndup(begin + 1, (size_t)(end - begin - 1));
}

static int read_one(const char *path, struct machine_images *m, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct machine_config *config;
	struct machine_image item = { 0 };
	void *msg;
	int r = file_read(path, MSG_MAX, &text, err);

	if (r == -ENOENT) {
		err_free(err ? steal_ptr(*err) : NULL);
		return 0; /* it went away meanwhile */
	}
	if (r < 0)
		return r;
	item.name = machine_name(path);
	if (msg_decode(&machine_config_type, buf_bytes(&text), text.len, &msg) == 0) {
		config = msg;
		set_digest(&item, config->rootfs);
		msg_free(&machine_config_type, msg);
	}
	m->items = xreallocarray(m->items, m->n + 1, sizeof(*m->items));
	m->items[m->n++] = item;
	return 0;
}

int machine_images_read(struct machine_images *ret, struct err **err)
{
	cleanup_free char *pattern = paths_in_state("machines/*/*/config");
	struct machine_images m = { 0 };
	glob_t found;
	int r = glob(pattern, 0, NULL, &found);

	*ret = m;
	if (r == GLOB_NOMATCH)
		return 0;
	if (r != 0)
		return err_set(err, EIO, "%s: cannot be searched", pattern);
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
		r = read_one(found.gl_pathv[i], &m, err);
	globfree(&found);
	if (r < 0)
		machine_images_finish(&m);
	else
		*ret = m;
	return r;
}

void machine_images_finish(struct machine_images *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->items[i].name);
	free(m->items);
	*m = (struct machine_images){ 0 };
}
