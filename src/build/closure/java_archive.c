/* SPDX-License-Identifier: MIT */
/* The forms of Java's files: archives, and what describes a module. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>

#include "buf.h"
#include "java_modules.h"
#include "mem.h"
#include "str.h"

#define CHUNK 65536

/* --- archives --- */

bool java_is_archive(const void *bytes, size_t len)
{
	return len >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

static int fail(struct archive *a, struct err **err)
{
	const char *why = archive_error_string(a);

	return err_set(err, EBADMSG, "%s", why ? why : "damaged");
}

/* One file; *left is how many bytes may come. */
static int read_entry(struct archive *a, size_t *left, struct buf *out, struct err **err)
{
	la_ssize_t n;

	while ((n = archive_read_data(a, buf_reserve(out, CHUNK), CHUNK)) > 0) {
		if ((size_t)n > *left)
			return err_set(err, EBADMSG, "there is too much in it");
		*left -= (size_t)n;
		buf_commit(out, (size_t)n);
	}
	return n < 0 ? fail(a, err) : 0;
}

static int each(struct archive *a, size_t left, java_want_fn want, java_entry_fn fn, void *data,
		struct err **err)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
		const char *path = archive_entry_pathname(entry);
		cleanup_buf struct buf bytes = BUF_INIT;

		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return fail(a, err);
		if (archive_entry_is_encrypted(entry))
			return err_set(err, EBADMSG, "it is encrypted");
		if (!path || archive_entry_filetype(entry) != AE_IFREG)
			continue;
		r = !want || want(path) ? read_entry(a, &left, &bytes, err) : 0;
		if (r == 0)
			r = fn(path, buf_bytes(&bytes), bytes.len, data, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int java_archive_each(const void *bytes, size_t len, size_t max, java_want_fn want,
		      java_entry_fn fn, void *data, struct err **err)
{
	struct archive *a = archive_read_new();
	int r;

	archive_read_support_format_zip_seekable(a);
	r = archive_read_open_memory(a, bytes, len) == ARCHIVE_OK
		    ? each(a, max, want, fn, data, err)
		    : fail(a, err);
	archive_read_free(a);
	return r;
}

/* --- descriptors --- */

#define MAGIC          0xcafebabe
#define STATIC         0x40 /* required to compile, and not to run */
#define MEMBERS_BEFORE 8 /* access, class, superclass, interfaces: a descriptor has none of them */

enum { UTF8 = 1, LONG = 5, DOUBLE = 6, MODULE = 19 };

/* Bytes behind the tag of a constant; 0: there is no such tag. */
static const uint8_t sizes[] = {
	[1] = 2,  [3] = 4,  [4] = 4,  [5] = 8,  [6] = 8,  [7] = 2,  [8] = 2,  [9] = 4, [10] = 4,
	[11] = 4, [12] = 4, [15] = 3, [16] = 2, [17] = 4, [18] = 4, [19] = 2, [20] = 2
};

/* Reading goes on behind the end with zeros, and is found out once. */
struct reader {
	const uint8_t *p, *end;
	bool bad;
	const uint8_t **constants; /* where each begins, with its tag */
	size_t n_constants;
};

static const uint8_t *take(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;

	if ((size_t)(r->end - p) < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return p;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint16_t u16(struct reader *r)
{
	const uint8_t *p = take(r, 2);

	return p ? be16(p) : 0;
}

static uint32_t u32(struct reader *r)
{
	uint32_t high = u16(r);

	return high << 16 | u16(r);
}

static void read_constants(struct reader *r)
{
	r->n_constants = u16(r);
	r->constants = xcalloc(r->n_constants + 1, sizeof(*r->constants));
	for (size_t i = 1; i < r->n_constants && !r->bad; i++) {
		const uint8_t *tag = take(r, 1), *rest;
		size_t size = tag && *tag < sizeof(sizes) ? sizes[*tag] : 0;

		rest = size ? take(r, size) : NULL;
		if (!rest || (*tag == UTF8 && !take(r, be16(rest)))) {
			r->bad = true;
			return;
		}
		r->constants[i] = tag;
		i += *tag == LONG || *tag == DOUBLE;
	}
}

/* The string of a constant of a kind that has one by its number, or that is one; NULL: it is no such. */
static char *string_of(const struct reader *r, size_t i, uint8_t tag)
{
	const uint8_t *p = i < r->n_constants ? r->constants[i] : NULL;

	if (!p || *p != tag)
		return NULL;
	return tag == UTF8 ? xstrndup((const char *)p + 3, be16(p + 1))
			   : string_of(r, be16(p + 1), UTF8);
}

static void read_module(struct reader *r, char ***ret)
{
	take(r, 6); /* its own name, flags, version */
	for (size_t n = u16(r); n && !r->bad; n--) {
		cleanup_free char *name = string_of(r, u16(r), MODULE);
		uint16_t flags = u16(r);

		u16(r); /* the version that it was compiled with */
		if (!name)
			r->bad = true;
		else if (!(flags & STATIC))
			strv_append(ret, name);
	}
}

/* True when the attribute was there. */
static bool read_attributes(struct reader *r, char ***ret)
{
	for (size_t n = u16(r); n && !r->bad; n--) {
		cleanup_free char *name = string_of(r, u16(r), UTF8);

		if (str_eq(name, "Module")) {
			u32(r);
			read_module(r, ret);
			return true;
		}
		take(r, u32(r));
	}
	return false;
}

int java_descriptor_requires(const void *bytes, size_t len, char ***ret, struct err **err)
{
	struct reader r = { .p = bytes, .end = (const uint8_t *)bytes + len };
	bool found = false;

	*ret = NULL;
	r.bad = u32(&r) != MAGIC || !take(&r, 4);
	if (!r.bad)
		read_constants(&r);
	if (!r.bad && take(&r, MEMBERS_BEFORE) && u16(&r) == 0 && u16(&r) == 0)
		found = read_attributes(&r, ret);
	free(r.constants);
	if (found && !r.bad)
		return 0;
	strv_free(*ret);
	*ret = NULL;
	return err_set(err, EBADMSG, "its module-info.class is not that of a module");
}
