/* SPDX-License-Identifier: MIT */
#include "container.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fd.h"
#include "json_read.h"
#include "mem.h"
#include "oci_json.h"
#include "sha256.h"
#include "str.h"
#include "tar.h"

#define CHUNK 65536
#define EPOCH "1970-01-01T00:00:00Z"
#define PATH  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void container_blob_finish(struct container_blob *b)
{
	free(b->path);
}

/* Says what the finished file is. */
static int describe(struct container_blob *b, struct err **err)
{
	char hex[SHA256_HEX + 1];
	struct stat st;
	int r = sha256_file(b->path, hex, err);

	if (r < 0)
		return r;
	if (stat(b->path, &st) < 0)
		return err_set_errno(err, errno, "%s", b->path);
	b->size = (uint64_t)st.st_size;
	snprintf(b->digest, sizeof(b->digest), "sha256:%s", hex);
	return 0;
}

static int create(const char *path, struct err **err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd < 0 ? err_set_errno(err, errno, "%s", path) : fd;
}

int container_layer(struct export *x, struct container_blob *ret, struct err **err)
{
	cleanup_fd int fd = -1;
	struct tar *t;
	int r;

	ret->path = workspace_temp(x->ws, "layer");
	fd = create(ret->path, err);
	if (fd < 0)
		return fd;
	r = tar_begin(fd, &t, err);
	if (r < 0)
		return r;
	r = tar_add_tree(t, &x->tree, err);
	if (r == 0)
		r = tar_end(t, err);
	if (r < 0) {
		tar_abort(t);
		return err_prefix(err, "layer");
	}
	return describe(ret, err);
}

static int copy(int in, struct archive *out)
{
	cleanup_free char *chunk = xmalloc(CHUNK);
	ssize_t n;

	while ((n = read(in, chunk, CHUNK)) > 0)
		if (archive_write_data(out, chunk, (size_t)n) != n)
			return -EIO;
	return n < 0 ? -errno : 0;
}

/* A stream of its own, without file name and time. */
static int compress_to(int in, int out, struct err **err)
{
	struct archive_entry *e = archive_entry_new();
	struct archive *a = archive_write_new();
	int r = -EIO;

	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_pathname(e, "data");
	if (archive_write_set_format_raw(a) == ARCHIVE_OK &&
	    archive_write_add_filter_gzip(a) == ARCHIVE_OK &&
	    archive_write_set_options(a, "gzip:!timestamp") == ARCHIVE_OK &&
	    archive_write_open_fd(a, out) == ARCHIVE_OK && archive_write_header(a, e) == ARCHIVE_OK)
		r = copy(in, a);
	if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
		r = -EIO;
	if (r < 0)
		err_set(err, archive_errno(a) > 0 ? archive_errno(a) : EIO, "gzip: %s",
			archive_error_string(a) ? archive_error_string(a) : strerror(-r));
	archive_write_free(a);
	archive_entry_free(e);
	return r;
}

int container_compress(struct export *x, const struct container_blob *layer,
		       struct container_blob *ret, struct err **err)
{
	cleanup_fd int in = open(layer->path, O_RDONLY | O_CLOEXEC), out = -1;
	int r;

	if (in < 0)
		return err_set_errno(err, errno, "%s", layer->path);
	ret->path = workspace_temp(x->ws, "layer.gz");
	out = create(ret->path, err);
	if (out < 0)
		return out;
	r = compress_to(in, out, err);
	return r < 0 ? err_prefix(err, "layer") : describe(ret, err);
}

static json_t *strings(char *const *v)
{
	json_t *list = json_array();

	for (; v && *v; v++)
		json_array_append_new(list, json_string_nocheck(*v));
	return list;
}

/* Container programs look for the command in the config's PATH, and have none of their own. */
static json_t *environment(const struct appliance *a)
{
	json_t *list = strings(a->env);
	bool path = false;

	for (char **e = a->env; e && *e; e++)
		path = path || str_starts(*e, "PATH=");
	if (!path)
		json_array_append_new(list, json_string(PATH));
	return list;
}

static json_t *ports(const struct appliance *a)
{
	json_t *o = json_object();

	for (size_t i = 0; i < a->n_services; i++) {
		const char *target = a->services[i].target;
		cleanup_free char *port = NULL;

		if (!target || !str_starts(target, "tcp/"))
			continue;
		port = xasprintf("%s/tcp", target + 4);
		json_object_set_new_nocheck(o, port, json_object());
	}
	return o;
}

static json_t *volumes(const struct appliance *a)
{
	json_t *o = json_object();

	for (size_t i = 0; i < a->n_volumes; i++)
		json_object_set_new_nocheck(o, a->volumes[i].target, json_object());
	return o;
}

void container_config(const struct appliance *a, const struct container_blob *layer,
		      struct buf *out)
{
	cleanup_json json_t *o =
		json_pack("{s:s, s:s, s:s, s:{s:o, s:o, s:o, s:o, s:s*, s:s*}, s:{s:s, s:[s]}, "
			  "s:[{s:s, s:s}]}",
			  "architecture", oci_arch(a->arch), "os", "linux", "created", EPOCH,
			  "config", "Entrypoint", strings(a->argv), "Env", environment(a),
			  "ExposedPorts", ports(a), "Volumes", volumes(a), "User", a->user,
			  "WorkingDir", a->workdir, "rootfs", "type", "layers", "diff_ids",
			  layer->digest, "history", "created", EPOCH, "created_by", "atoll export");
	cleanup_free char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);

	buf_append_str(out, text);
}
