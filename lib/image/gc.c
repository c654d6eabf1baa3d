/* SPDX-License-Identifier: MIT */
/*
 * Garbage: blobs that no image of the index has, and what interrupted writers left in ingest/.
 * Nobody writes while the writers' lock is ours, so no age has to be guessed.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "store_internal.h"
#include "str.h"

struct sweep {
	struct store *store;
	char **live; /* digests, sorted */
	size_t n_live;
	size_t blobs;
	uint64_t bytes;
};

static int compare_digests(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int mark_image(struct store *s, const struct oci_entry *e, char ***live, struct err **err)
{
	cleanup_manifest struct oci_manifest *m = NULL;
	int r = store_read_manifest(s, e, &m, err);

	if (r < 0) {
		err_prefix(err, "nothing was deleted: image \"%s\"",
			   e->name ? e->name : e->manifest.digest);
		return r;
	}
	strv_append(live, e->manifest.digest);
	strv_append(live, m->config.digest);
	for (size_t i = 0; i < m->n_layers; i++)
		strv_append(live, m->layers[i].digest);
	return 0;
}

static bool is_live(const struct sweep *sweep, const char *hex)
{
	cleanup_free char *digest = xasprintf("sha256:%s", hex);

	/* A file of another kind of name is not ours to delete. */
	if (!oci_digest_is_valid(digest))
		return true;
	return bsearch(&digest, sweep->live, sweep->n_live, sizeof(*sweep->live),
		       compare_digests) != NULL;
}

/* Deletes the folder's files that `keep` does not hold for live. */
static int sweep_folder(struct sweep *sweep, const char *name,
			bool (*keep)(const struct sweep *, const char *), struct err **err)
{
	cleanup_free char *path = store_path(sweep->store, name);
	DIR *dir = opendir(path);
	struct dirent *entry;
	struct stat st;
	int r = 0;

	if (!dir)
		return store_error(sweep->store, errno, name, err);
	while (r == 0 && (entry = readdir(dir))) {
		const char *file = entry->d_name;

		if (fstatat(dirfd(dir), file, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode) || (keep && keep(sweep, file)))
			continue;
		if (unlinkat(dirfd(dir), file, 0) < 0) {
			r = store_error(sweep->store, errno, name, err);
			break;
		}
		sweep->blobs++;
		sweep->bytes += (uint64_t)st.st_blocks * 512;
	}
	closedir(dir);
	return r;
}

int store_gc(struct store *s, char *const *keep, size_t *ret_blobs, uint64_t *ret_bytes,
	     struct err **err)
{
	cleanup_index struct oci_index *index = NULL;
	cleanup_strv char **live = strv_dup(keep);
	struct sweep sweep = { .store = s };
	cleanup_fd int writers = -1, lock = -1;
	int r;

	fd_close(&s->writing);
	r = store_lock(s, STORE_WRITER_LOCK, LOCK_EX | LOCK_NB, &writers, err);
	if (r == -EWOULDBLOCK)
		return err_set(err, EBUSY,
			       "store %s: a build is writing to it; try again when it is over",
			       s->path);
	if (r == 0)
		r = store_lock(s, STORE_INDEX_LOCK, LOCK_EX, &lock, err);
	if (r == 0)
		r = store_read_index(s, &index, err);
	for (size_t i = 0; r == 0 && i < index->n; i++)
		r = mark_image(s, &index->entries[i], &live, err);
	if (r < 0)
		return r;
	sweep.live = live;
	sweep.n_live = strv_len(live);
	qsort(live, sweep.n_live, sizeof(*live), compare_digests);
	r = sweep_folder(&sweep, "ingest", NULL, err);
	sweep.blobs = 0; /* what interrupted writers left counts as bytes alone */
	if (r == 0)
		r = sweep_folder(&sweep, "blobs/sha256", is_live, err);
	*ret_blobs = sweep.blobs;
	*ret_bytes = sweep.bytes;
	return r;
}
