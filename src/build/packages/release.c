/* SPDX-License-Identifier: MIT */
#include "release.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "fd.h"
#include "fetch.h"
#include "keyring.h"
#include "mem.h"
#include "str.h"

#define RELEASE_MAX   (16 << 20)
#define FRESH_SECONDS 3600

void release_finish(struct release *r)
{
	deb822_finish(&r->text);
}

const char *release_field(const struct release *r, const char *name)
{
	return deb822_get(&r->text.stanzas[0], name);
}

/* A line of the SHA256 field: DIGEST SIZE PATH. */
static bool parse_line(const char *line, size_t len, const char *path, struct release_file *ret)
{
	cleanup_free char *copy = xstrndup(line, len);
	cleanup_strv char **words = deb822_words(copy, "");

	if (strv_len(words) != 3 || !str_eq(words[2], path) || !sha256_is_hex(words[0]))
		return false;
	strcpy(ret->sha256, words[0]);
	return str_to_u64(words[1], UINT32_MAX, &ret->size) == 0;
}

int release_find(const struct release *r, const char *path, struct release_file *ret)
{
	const char *line = release_field(r, "SHA256");
	size_t want = strlen(path);

	while (line && *line) {
		size_t len = strcspn(line, "\n");
		bool may_be = len > want && memcmp(line + len - want, path, want) == 0;

		if (may_be && parse_line(line, len, path, ret))
			return 0;
		line += len + (line[len] == '\n');
	}
	return -ENOENT;
}

bool release_expired(const struct release *r)
{
	const char *until = release_field(r, "Valid-Until");
	struct tm tm = { 0 };

	/* The date is in English whatever the locale; ours is C, for we never call setlocale. */
	return until && strptime(until, "%a, %d %b %Y %H:%M:%S", &tm) && timegm(&tm) < time(NULL);
}

static int parse(const struct buf *text, struct release *ret, struct err **err)
{
	cleanup_free char *s = xstrndup((const char *)buf_bytes(text), text->len);
	struct release release = { 0 };
	int r = deb822_parse(s, &release.text);

	if (r < 0)
		return err_set(err, EBADMSG, "Release:%d: expected \"Field: value\"", -r);
	if (release.text.n != 1) {
		release_finish(&release);
		return err_set(err, EBADMSG, "Release: expected one stanza");
	}
	*ret = release;
	return 0;
}

static int get(struct workspace *ws, const struct source *s, const char *name, const char *dest,
	       struct err **err)
{
	struct fetch_job job = { .url = xasprintf("%s/dists/%s/%s", s->uri, s->suite, name),
				 .name = xasprintf("%s/%s", s->suite, name),
				 .dest = xstrdup(dest),
				 .max = RELEASE_MAX };
	int r = fetch_all(ws, &job, 1, NULL, NULL, err);

	fetch_job_finish(&job);
	return r;
}

/* For servers that have no InRelease. */
static int fetch_pair(struct workspace *ws, const struct source *s, const struct keyring *k,
		      struct buf *ret_text, struct err **err)
{
	cleanup_free char *file = workspace_temp(ws, "Release");
	cleanup_free char *signature = workspace_temp(ws, "Release.gpg");
	int r = get(ws, s, "Release", file, err);

	if (r == 0)
		r = get(ws, s, "Release.gpg", signature, err);
	if (r == 0)
		r = keyring_verify_detached(k, file, signature, ret_text, err);
	return r;
}

static int fetch_verified(struct workspace *ws, const struct source *s, const struct keyring *k,
			  struct buf *ret_text, struct err **err)
{
	cleanup_free char *file = workspace_temp(ws, "InRelease");
	int r = get(ws, s, "InRelease", file, err);

	if (r == -ENOENT) {
		err_free(*err);
		*err = NULL;
		return fetch_pair(ws, s, k, ret_text, err);
	}
	if (r == 0)
		r = keyring_verify_clearsigned(ws, k, file, ret_text, err);
	return r;
}

/* Local repositories are read anew each time: that costs nothing. */
static bool is_fresh(const char *path, const struct source *s, const struct timespec *since)
{
	time_t now = time(NULL);
	struct stat st;

	if (str_starts(s->uri, "file:") || stat(path, &st) < 0 || st.st_mtime > now ||
	    now - st.st_mtime >= FRESH_SECONDS)
		return false;
	return st.st_mtim.tv_sec == since->tv_sec ? st.st_mtim.tv_nsec >= since->tv_nsec
						  : st.st_mtim.tv_sec > since->tv_sec;
}

static char *cache_path(const struct workspace *ws, const struct source *s, const struct keyring *k)
{
	char hex[SHA256_HEX + 1];
	struct sha256 d;

	sha256_begin(&d);
	sha256_add_str(&d, s->uri);
	sha256_add_str(&d, s->suite);
	sha256_add_str(&d, k->digest);
	sha256_end(&d, hex);
	return workspace_cached(ws, "release", hex);
}

static int refresh(struct workspace *ws, const struct source *s, const struct keyring *k,
		   const char *cached, struct buf *ret_text, char **ret_stale, struct err **err)
{
	cleanup_err struct err *own = NULL;
	int r = fetch_verified(ws, s, k, ret_text, &own);

	if (r == 0)
		return file_write_atomic(cached, buf_bytes(ret_text), ret_text->len, 0644, err);
	if (r == -EIO && file_exists(cached)) {
		*ret_stale = xstrdup(err_msg(own));
		return file_read(cached, RELEASE_MAX, ret_text, err);
	}
	return err_set(err, -r, "%s: %s %s: %s", s->where, s->uri, s->suite, err_msg(own));
}

int release_load(struct workspace *ws, const char *apt_dir, const struct source *s,
		 const struct timespec *since, struct release *ret, char **ret_stale,
		 struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *cached = NULL;
	struct keyring k;
	int r = keyring_open(ws, apt_dir, s, &k, err);

	if (r < 0)
		return r;
	cached = cache_path(ws, s, &k);
	if (is_fresh(cached, s, since))
		r = file_read(cached, RELEASE_MAX, &text, err);
	else
		r = refresh(ws, s, &k, cached, &text, ret_stale, err);
	keyring_finish(&k);
	if (r == 0)
		r = parse(&text, ret, err);
	return r;
}
