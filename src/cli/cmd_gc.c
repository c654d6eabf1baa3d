/* SPDX-License-Identifier: MIT */
/*
 * atoll gc: deletes blobs that no appliance has. What a machine runs from stays, even when its
 * appliance was taken out or built anew: machines' own configurations say what that is.
 */
#include <errno.h>
#include <glob.h>
#include <string.h>

#include "abi_machine.h"
#include "command.h"
#include "fd.h"
#include "local_store.h"
#include "mem.h"
#include "output.h"
#include "paths.h"
#include "str.h"

/* The digest that a path in the store's blobs stands for. */
static void keep_blob(char ***keep, const char *path)
{
	const char *hex = path ? strrchr(path, '/') : NULL;

	if (hex && strstr(path, "/blobs/sha256/"))
		strv_take(keep, xasprintf("sha256:%s", hex + 1));
}

static int keep_of_machine(const char *path, char ***keep, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct machine_config *config;
	void *msg;
	int r = file_read(path, MSG_MAX, &text, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = msg_decode(&machine_config_type, buf_bytes(&text), text.len, &msg);
	if (r < 0)
		return err_set(err, -r,
			       "%s: what this machine needs cannot be read, so nothing was "
			       "deleted",
			       path);
	config = msg;
	keep_blob(keep, config->rootfs);
	keep_blob(keep, config->kernel);
	keep_blob(keep, config->initramfs);
	msg_free(&machine_config_type, msg);
	return 0;
}

static int find_keep(char ***keep, struct err **err)
{
	cleanup_free char *pattern = paths_in_state("machines/*/*/config");
	glob_t found;
	int r = glob(pattern, 0, NULL, &found);

	if (r == GLOB_NOMATCH)
		return 0;
	if (r != 0)
		return err_set(err, EIO, "%s: cannot be searched", pattern);
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
		r = keep_of_machine(found.gl_pathv[i], keep, err);
	globfree(&found);
	return r;
}

static void print_result(size_t blobs, uint64_t bytes, bool json)
{
	json_t *o = json_pack("{s:I, s:I}", "blobs", (json_int_t)blobs, "bytes", (json_int_t)bytes);
	char size[16];

	if (json)
		print_json(o);
	else if (bytes == 0)
		printf("nothing to delete\n");
	else
		printf("%s freed (%zu blobs)\n", str_from_size(bytes, size), blobs);
	json_decref(o);
}

int cmd_gc(const struct args *args)
{
	cleanup_store struct store *s = NULL;
	cleanup_strv char **keep = NULL;
	cleanup_err struct err *err = NULL;
	size_t blobs;
	uint64_t bytes;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (find_keep(&keep, &err) < 0 || local_store_open(&s, &err) < 0 ||
	    store_gc(s, keep, &blobs, &bytes, &err) < 0)
		return report_error(err);
	print_result(blobs, bytes, json);
	return 0;
}
