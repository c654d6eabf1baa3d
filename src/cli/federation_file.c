/* SPDX-License-Identifier: MIT */
#include "federation_file.h"

#include <errno.h>
#include <stdlib.h>

#include "client.h"
#include "fd.h"
#include "federation.h"
#include "mem.h"
#include "str.h"

#define DEFAULT_FILE "atoll.yaml"
#define FILE_MAX     (1 << 20) /* the API's bound of a body; the file is a string in it */

static int read_file(const char *path, char **ret_text, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (!path && !file_exists(DEFAULT_FILE))
		return err_set(err, ENOENT,
			       "which file? There is no " DEFAULT_FILE " in this folder");
	r = file_read(path ? path : DEFAULT_FILE, FILE_MAX, &text, err);
	if (r < 0)
		return r;
	*ret_text = buf_steal_str(&text);
	return 0;
}

int federation_file_post(const char *path, bool dry_run, json_t **ret_answer, struct err **err)
{
	cleanup_free char *text = NULL, *full = NULL;
	cleanup_json json_t *body = NULL;
	int r = read_file(path, &text, err);

	*ret_answer = NULL;
	if (r < 0)
		return r;
	path = path ? path : DEFAULT_FILE;
	full = realpath(path, NULL);
	body = json_pack("{s:s, s:s, s:b}", "file", full ? full : path, "text", text, "dry_run",
			 dry_run);
	if (!body)
		return err_set(err, EINVAL, "%s: it is not UTF-8 text", path);
	r = client_call(CLIENT_START, "POST", "/1.0/federations", body, ret_answer, err);
	if (r < 0)
		client_print_diagnostics(*ret_answer);
	return r;
}

int federation_file_name(const char *path, char **ret_name, struct err **err)
{
	struct diag_list diags = DIAG_LIST_INIT;
	struct federation *f = federation_read(path, NULL, &diags);
	int r = 0;

	if (f)
		*ret_name = xstrdup(f->name);
	else
		r = err_set(err, EINVAL, "%s: its federation's name cannot be read; give the name",
			    path);
	if (r < 0)
		diag_print(&diags, stderr);
	federation_free(f);
	diag_list_finish(&diags);
	return r;
}
