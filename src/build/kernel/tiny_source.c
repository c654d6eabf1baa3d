/* SPDX-License-Identifier: MIT */
/*
 * Owns: the source tree of the tiny kernel. The package linux-source-X holds one tar file, which is
 * read out of the package as it comes; most of it (other processors, graphics, documentation) is not
 * needed and not written.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "deb.h"
#include "fd.h"
#include "mem.h"
#include "names.h"
#include "str.h"
#include "tiny.h"
#include "tree.h"

#define SOURCE "usr/src/linux-source-"
#define CHUNK  65536

/* Folders of which only the build system's own files are needed; "but" one below that is. */
static const struct {
	const char *below, *but;
} needless[] = {
	{ "Documentation/", NULL },
	{ "arch/", "arch/x86/" },
	{ "drivers/gpu/", NULL },
	{ "drivers/infiniband/", NULL },
	{ "drivers/media/", NULL },
	{ "drivers/net/ethernet/", NULL },
	{ "drivers/net/wireless/", NULL },
	{ "drivers/scsi/", NULL },
	{ "drivers/staging/", NULL },
	{ "drivers/usb/", NULL },
	{ "sound/", NULL },
	{ "tools/perf/", NULL },
	{ "tools/testing/", NULL },
};

static bool is_needed(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	if (str_starts(base, "Kconfig") || str_starts(base, "Makefile") || str_eq(base, "Kbuild"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(needless); i++)
		if (str_starts(path, needless[i].below))
			return needless[i].but && str_starts(path, needless[i].but);
	return true;
}

/* Links are passed over: the build needs none, and so no path leads out. */
static int write_entry(struct archive *a, struct archive_entry *entry, const char *dir,
		       struct err **err)
{
	const char *name = archive_entry_pathname(entry);
	const char *path = name ? strchr(name, '/') : NULL;
	cleanup_free char *full = NULL, *parent = NULL;
	int r;

	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) || !path)
		return 0;
	if (!name_is_relative(++path))
		return err_set(err, EBADMSG, "it has a path that leads outside or is too long");
	if (!is_needed(path))
		return 0;
	full = xasprintf("%s/%s", dir, path);
	parent = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	r = file_exists(parent) ? 0 : dir_make(parent, 0755, err);
	if (r == 0)
		r = deb_extract(a, full, err);
	if (r == 0 && archive_entry_perm(entry) & 0100 && chmod(full, 0755) < 0)
		r = err_set_errno(err, errno, "%s", full);
	return r;
}

struct outer {
	struct archive *tar;
	char chunk[CHUNK];
};

static la_ssize_t handle_read(struct archive *inner, void *data, const void **ret_chunk)
{
	struct outer *o = data;
	la_ssize_t n = archive_read_data(o->tar, o->chunk, sizeof(o->chunk));

	if (n < 0)
		archive_set_error(inner, EIO, "%s", archive_error_string(o->tar));
	*ret_chunk = o->chunk;
	return n;
}

static int unpack_tar(struct archive *inner, const char *dir, struct err **err)
{
	struct archive_entry *entry;
	int status, r = 0;

	while (r == 0 && (status = archive_read_next_header(inner, &entry)) != ARCHIVE_EOF) {
		if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
			return err_set(err, EBADMSG, "its source: %s", archive_error_string(inner));
		r = write_entry(inner, entry, dir, err);
	}
	return r;
}

struct unpacking {
	const char *dir;
	bool found;
};

static int handle_entry(struct archive *a, struct archive_entry *entry, void *data,
			struct err **err)
{
	struct unpacking *u = data;
	const char *name = archive_entry_pathname(entry);
	cleanup_free struct outer *outer = NULL;
	cleanup_free char *path = NULL;
	struct archive *inner;
	int r;

	if (!name || tree_path(name, &path) < 0 || !str_starts(path, SOURCE) ||
	    !str_ends(path, ".tar.xz") || u->found)
		return 0;
	u->found = true;
	outer = xcalloc(1, sizeof(*outer));
	outer->tar = a;
	inner = archive_read_new();
	archive_read_support_filter_xz(inner);
	archive_read_support_format_tar(inner);
	if (archive_read_open(inner, outer, NULL, handle_read, NULL) != ARCHIVE_OK)
		r = err_set(err, EBADMSG, "its source: %s", archive_error_string(inner));
	else
		r = unpack_tar(inner, u->dir, err);
	archive_read_free(inner);
	return r;
}

int tiny_unpack_source(const struct package *source, const char *dir, struct err **err)
{
	struct unpacking u = { .dir = dir };
	int r = dir_make(dir, 0755, err);

	if (r == 0)
		r = deb_each_data(source->deb, handle_entry, &u, err);
	if (r == 0 && !u.found)
		r = err_set(err, EBADMSG, "it has no " SOURCE "VERSION.tar.xz");
	return r < 0 ? err_prefix(err, "package \"%s\"", source->name) : 0;
}
