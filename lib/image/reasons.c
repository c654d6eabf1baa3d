/* SPDX-License-Identifier: MIT */
#include "reasons.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define HEADER "atoll-reasons 2"
#define LEVEL  19

static const char *const names[REASON_COUNT] = {
	[REASON_NONE] = "none",
	[REASON_RECIPE] = "recipe",
	[REASON_DECLARED] = "declared",
	[REASON_PACKAGE] = "package",
	[REASON_LAYER] = "layer",
	[REASON_FOLDER] = "folder",
	[REASON_LINK] = "link",
	[REASON_NEEDED] = "needed",
	[REASON_INTERPRETER] = "interpreter",
	[REASON_DLOPEN] = "dlopen",
	[REASON_SYMBOL] = "symbol",
	[REASON_NAMED] = "named",
	[REASON_COMMAND] = "command",
	[REASON_IMPORT] = "import",
	[REASON_PLUGIN] = "plugin",
	[REASON_CONFIG] = "config",
	[REASON_DATA] = "data",
	[REASON_MADE] = "made",
	[REASON_LICENCE] = "licence",
	[REASON_EXCLUDED] = "excluded",
};

const char *reason_name(enum reason kind)
{
	return names[kind];
}

/* --- writing --- */

static void write_string(struct buf *out, const char *s)
{
	if (!s || !*s) {
		buf_append_str(out, "-");
		return;
	}
	if (str_eq(s, "-")) {
		buf_append_str(out, "%2d");
		return;
	}
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c <= ' ' || c == 127 || c == '%')
			buf_printf(out, "%%%02x", c);
		else
			buf_append(out, &c, 1);
	}
}

/* Files are counted from 0, those that were left out behind the others. */
static size_t number_of(const struct reasons *r, const struct reasons_file *f)
{
	uintptr_t at = (uintptr_t)f, first = (uintptr_t)r->left;

	if (r->n_left && at >= first && at < (uintptr_t)(r->left + r->n_left))
		return r->n_files + (size_t)(f - r->left);
	return (size_t)(f - r->files);
}

static void write_files(const struct reasons *r, char letter, const struct reasons_file *files,
			size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		const struct reasons_file *f = &files[i];

		buf_printf(out, "%c %o %ju %zu %s ", letter, f->mode, (uintmax_t)f->size,
			   (size_t)(f->package - r->packages), names[f->kind]);
		if (f->by)
			buf_printf(out, "%zu ", number_of(r, f->by));
		else
			buf_append_str(out, "- ");
		write_string(out, f->path);
		buf_append_str(out, " ");
		write_string(out, f->detail);
		buf_append_str(out, " ");
		write_string(out, f->content);
		buf_append_str(out, "\n");
	}
}

void reasons_write(const struct reasons *r, struct buf *out)
{
	buf_append_str(out, HEADER "\n");
	for (size_t i = 0; i < r->n_packages; i++) {
		buf_append_str(out, "p ");
		write_string(out, r->packages[i].name);
		buf_append_str(out, " ");
		write_string(out, r->packages[i].version);
		buf_append_str(out, "\n");
	}
	write_files(r, 'f', r->files, r->n_files, out);
	write_files(r, 'x', r->left, r->n_left, out);
}

/* --- reading --- */

/* A file's `by`, as long as the files are not all read. */
struct reference {
	size_t file, by; /* `file` counts those of its letter */
};

struct parser {
	struct reasons *r;
	size_t line;
	size_t room_packages, room_files, room_left;
	struct reference *refs[2]; /* of files, of left */
	size_t n_refs[2], room_refs[2];
};

static int malformed(const struct parser *p, const char *what, struct err **err)
{
	return err_set(err, EBADMSG, "reasons:%zu: expected %s", p->line, what);
}

/* One more item at the end of an array that doubles. */
static void *grow(void *items, size_t n, size_t *room, size_t size)
{
	if (n < *room)
		return items;
	*room = *room ? *room * 2 : 64;
	return xreallocarray(items, *room, size);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Decodes a field where it stands. */
static bool decode(char *s)
{
	char *out = s;

	if (str_eq(s, "-")) {
		*s = '\0';
		return true;
	}
	for (; *s; s++) {
		int high, low;

		if (*s != '%') {
			*out++ = *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		if (low < 0 || high + low == 0)
			return false;
		*out++ = (char)(high * 16 + low);
		s += 2;
	}
	*out = '\0';
	return true;
}

/* Splits a line into exactly n fields. */
static bool split(char *line, char **fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *space = strchr(line, ' ');

		if (!*line || !space != (i == n - 1))
			return false;
		fields[i] = line;
		if (space) {
			*space = '\0';
			line = space + 1;
		}
	}
	return true;
}

static int parse_package(struct parser *p, char *line, struct err **err)
{
	struct reasons *r = p->r;
	char *fields[3];

	if (!split(line, fields, 3) || !decode(fields[1]) || !decode(fields[2]))
		return malformed(p, "p NAME VERSION", err);
	if (r->n_packages >= REASONS_PACKAGES_MAX || r->n_files || r->n_left)
		return malformed(p, "no more packages", err);
	r->packages = grow(r->packages, r->n_packages, &p->room_packages, sizeof(*r->packages));
	r->packages[r->n_packages++] =
		(struct reasons_package){ .name = fields[1], .version = fields[2] };
	return 0;
}

static bool parse_kind(const char *name, enum reason *ret)
{
	for (size_t i = 0; i < REASON_COUNT; i++)
		if (str_eq(names[i], name)) {
			*ret = (enum reason)i;
			return true;
		}
	return false;
}

static bool parse_mode(const char *s, mode_t *ret)
{
	mode_t mode = 0;

	if (!*s || strlen(s) > 6 || s[strspn(s, "01234567")])
		return false;
	for (; *s; s++)
		mode = mode * 8 + (mode_t)(*s - '0');
	*ret = mode;
	return true;
}

static bool parse_numbers(struct parser *p, char **fields, struct reasons_file *f)
{
	uint64_t package;

	if (!parse_mode(fields[1], &f->mode) || str_to_u64(fields[2], UINT64_MAX, &f->size) < 0 ||
	    str_to_u64(fields[3], REASONS_PACKAGES_MAX, &package) < 0 ||
	    package >= p->r->n_packages || !parse_kind(fields[4], &f->kind))
		return false;
	f->package = &p->r->packages[package];
	return true;
}

static bool parse_by(struct parser *p, int which, size_t file, const char *s)
{
	uint64_t by;

	if (str_eq(s, "-"))
		return true;
	if (str_to_u64(s, 2 * REASONS_FILES_MAX, &by) < 0)
		return false;
	p->refs[which] = grow(p->refs[which], p->n_refs[which], &p->room_refs[which],
			      sizeof(struct reference));
	p->refs[which][p->n_refs[which]++] = (struct reference){ file, (size_t)by };
	return true;
}

static int parse_file(struct parser *p, char *line, struct err **err)
{
	bool left = *line == 'x';
	struct reasons_file **files = left ? &p->r->left : &p->r->files;
	size_t *n = left ? &p->r->n_left : &p->r->n_files;
	struct reasons_file f = { 0 };
	char *fields[9];

	if (!split(line, fields, 9) || !parse_numbers(p, fields, &f) ||
	    !parse_by(p, left, *n, fields[5]) || !decode(fields[6]) || !decode(fields[7]) ||
	    !decode(fields[8]))
		return malformed(p, "MODE SIZE PACKAGE KIND BY PATH DETAIL CONTENT", err);
	f.path = fields[6];
	f.detail = fields[7];
	f.content = fields[8];
	if (!*f.path || *f.path == '/' || (*n && strcmp((*files)[*n - 1].path, f.path) >= 0))
		return malformed(p, "a path behind the one before", err);
	if (*n >= REASONS_FILES_MAX)
		return malformed(p, "no more files", err);
	*files = grow(*files, *n, left ? &p->room_left : &p->room_files, sizeof(**files));
	(*files)[(*n)++] = f;
	return 0;
}

static int parse_line(struct parser *p, char *line, struct err **err)
{
	p->line++;
	if (p->line == 1)
		return str_eq(line, HEADER) ? 0 : malformed(p, "\"" HEADER "\"", err);
	switch (*line) {
	case 'p':
		return parse_package(p, line, err);
	case 'f':
	case 'x':
		return parse_file(p, line, err);
	default:
		return malformed(p, "p, f or x", err);
	}
}

static bool set_references(const struct parser *p, int which, struct reasons_file *files)
{
	size_t n = p->r->n_files, all = which ? n + p->r->n_left : n;

	for (size_t i = 0; i < p->n_refs[which]; i++) {
		const struct reference *ref = &p->refs[which][i];

		if (ref->by >= all)
			return false;
		files[ref->file].by =
			ref->by < n ? &p->r->files[ref->by] : &p->r->left[ref->by - n];
	}
	return true;
}

/* Whether each chain comes to an end: what is seen from a file is settled for all that lead there. */
static bool chains_end(const struct reasons *r)
{
	size_t n = r->n_files + r->n_left;
	cleanup_free size_t *seen = xcalloc(n + 1, sizeof(*seen));

	for (size_t i = 0; i < n; i++) {
		const struct reasons_file *f =
			i < r->n_files ? &r->files[i] : &r->left[i - r->n_files];

		for (; f; f = f->by) {
			size_t at = number_of(r, f);

			if (seen[at] == i + 1)
				return false;
			if (seen[at])
				break;
			seen[at] = i + 1;
		}
	}
	return true;
}

static int parse_lines(struct parser *p, struct err **err)
{
	char *rest = p->r->text, *line;
	int r = 0;

	while (r == 0 && (line = strsep(&rest, "\n")) && (rest || *line))
		r = parse_line(p, line, err);
	if (r < 0)
		return r;
	if (!p->line)
		return malformed(p, "\"" HEADER "\"", err);
	if (!set_references(p, 0, p->r->files) || !set_references(p, 1, p->r->left))
		return err_set(err, EBADMSG, "reasons: a file is there because of one that is not");
	if (!chains_end(p->r))
		return err_set(err, EBADMSG, "reasons: files are there because of each other");
	return 0;
}

int reasons_parse(const void *text, size_t len, struct reasons **ret, struct err **err)
{
	struct parser p = { 0 };
	int r;

	if (len > REASONS_TEXT_MAX || memchr(text, '\0', len))
		return err_set(err, EBADMSG, "reasons: too long, or not a text");
	p.r = xcalloc(1, sizeof(*p.r));
	p.r->text = xstrndup(text, len);
	r = parse_lines(&p, err);
	free(p.refs[0]);
	free(p.refs[1]);
	if (r < 0) {
		reasons_free(p.r);
		return r;
	}
	*ret = p.r;
	return 0;
}

void reasons_free(struct reasons *r)
{
	if (!r)
		return;
	free(r->packages);
	free(r->files);
	free(r->left);
	free(r->text);
	free(r);
}

/* --- in the store --- */

int reasons_pack(const struct reasons *r, struct buf *out, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	size_t bound, n;

	reasons_write(r, &text);
	bound = ZSTD_compressBound(text.len);
	n = ZSTD_compress(buf_reserve(out, bound), bound, buf_bytes(&text), text.len, LEVEL);
	if (ZSTD_isError(n))
		return err_set(err, EIO, "reasons: zstd: %s", ZSTD_getErrorName(n));
	buf_commit(out, n);
	return 0;
}

int reasons_unpack(const void *data, size_t len, struct reasons **ret, struct err **err)
{
	unsigned long long size = ZSTD_getFrameContentSize(data, len);
	cleanup_free char *text = NULL;
	size_t n;

	if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR ||
	    size > REASONS_TEXT_MAX)
		return err_set(err, EBADMSG, "reasons: not zstd with a size, or too long");
	text = xmalloc((size_t)size + 1);
	n = ZSTD_decompress(text, (size_t)size, data, len);
	if (ZSTD_isError(n))
		return err_set(err, EBADMSG, "reasons: zstd: %s", ZSTD_getErrorName(n));
	return reasons_parse(text, n, ret, err);
}

int reasons_load(const char *path, struct reasons **ret, struct err **err)
{
	cleanup_buf struct buf data = BUF_INIT;
	int r;

	if (!path || !*path)
		return err_set(
			err, ENOENT,
			"an older Atoll made it, which did not note why its files are there; "
			"make it again ('atoll build RECIPE', or 'atoll import --force' of a "
			"container image)");
	r = file_read(path, REASONS_TEXT_MAX, &data, err);
	if (r == 0)
		r = reasons_unpack(buf_bytes(&data), data.len, ret, err);
	if (r < 0)
		err_prefix(err, "%s", path);
	return r;
}

/* --- asking --- */

static int compare_path(const void *key, const void *item)
{
	return strcmp(key, ((const struct reasons_file *)item)->path);
}

static const struct reasons_file *find(const struct reasons_file *files, size_t n, const char *path)
{
	path += strspn(path, "/");
	return n ? bsearch(path, files, n, sizeof(*files), compare_path) : NULL;
}

const struct reasons_file *reasons_find(const struct reasons *r, const char *path)
{
	return find(r->files, r->n_files, path);
}

const struct reasons_file *reasons_find_left(const struct reasons *r, const char *path)
{
	return find(r->left, r->n_left, path);
}
