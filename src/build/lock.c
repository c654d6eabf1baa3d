/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "debversion.h"
#include "fd.h"
#include "kernel.h"
#include "mem.h"
#include "str.h"

#define FILE_MAX     (4 << 20)
#define FIRST_LINE   "atoll-lock 2"
#define LOCKS_MAX    16
#define PACKAGES_MAX 16384
#define WORDS        8 /* of a package's line, its keyword counted */

char *lock_path(const char *recipe_file)
{
	static const char *const endings[] = { ".yaml", ".yml" };

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (str_ends(recipe_file, endings[i]))
			return xasprintf("%.*s.lock",
					 (int)(strlen(recipe_file) - strlen(endings[i])),
					 recipe_file);
	return xasprintf("%s.lock", recipe_file);
}

void lock_finish(struct lock *lock)
{
	free(lock->arch);
	free(lock->base);
	strv_free(lock->asked);
	package_list_finish(&lock->packages);
	package_finish(&lock->users);
	package_finish(&lock->kernel);
	*lock = (struct lock){ 0 };
}

void lock_file_finish(struct lock_file *file)
{
	for (size_t i = 0; i < file->n; i++)
		lock_finish(&file->items[i]);
	free(file->items);
	*file = (struct lock_file){ 0 };
}

struct lock *lock_file_find(const struct lock_file *file, const char *arch)
{
	for (size_t i = 0; i < file->n; i++)
		if (str_eq(file->items[i].arch, arch))
			return &file->items[i];
	return NULL;
}

static int compare_locks(const void *a, const void *b)
{
	return strcmp(((const struct lock *)a)->arch, ((const struct lock *)b)->arch);
}

void lock_file_put(struct lock_file *file, struct lock *lock)
{
	struct lock *there = lock_file_find(file, lock->arch);

	if (there) {
		lock_finish(there);
	} else {
		file->items = xreallocarray(file->items, file->n + 1, sizeof(*file->items));
		there = &file->items[file->n++];
	}
	*there = *lock;
	*lock = (struct lock){ 0 };
	qsort(file->items, file->n, sizeof(*file->items), compare_locks);
}

/* Reading */

struct parser {
	const char *name; /* of the file */
	int line;
	struct lock_file *file;
	char **words; /* of the line */
};

static int expected(const struct parser *p, const char *what, struct err **err)
{
	return err_set(err, EBADMSG, "%s:%d: expected %s; 'atoll update' makes the lock anew",
		       p->name, p->line, what);
}

/* A path below a source's URI: no other file of that server, and no other server. */
static bool is_pool_path(const char *s)
{
	return *s != '/' && !strstr(s, "..") && !strpbrk(s, "?#%\\:") && str_ends(s, ".deb");
}

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s >= 127)
			return false;
	return true;
}

static int parse_package(const struct parser *p, struct package *ret, struct err **err)
{
	char **w = p->words;
	uint64_t size;

	if (strv_len(w) != WORDS || !sha256_is_hex(w[4]) ||
	    str_to_u64(w[5], UINT64_MAX, &size) < 0 || !is_pool_path(w[6]))
		return expected(p, "NAME VERSION ARCH SHA256 SIZE PATH SOURCE of a package", err);
	*ret = (struct package){
		.name = xstrdup(w[1]),
		.version = xstrdup(w[2]),
		.arch = xstrdup(w[3]),
		.size = size,
		.path = xstrdup(w[6]),
		.source = xstrdup(w[7]),
	};
	strcpy(ret->sha256, w[4]);
	return 0;
}

static int parse_for(struct parser *p, struct lock *lock, struct err **err)
{
	struct lock_file *file = p->file;

	(void)lock;
	if (strv_len(p->words) != 3 || file->n == LOCKS_MAX || lock_file_find(file, p->words[1]))
		return expected(p, "ARCH BASE, and each architecture once", err);
	file->items = xreallocarray(file->items, file->n + 1, sizeof(*file->items));
	file->items[file->n++] =
		(struct lock){ .arch = xstrdup(p->words[1]), .base = xstrdup(p->words[2]) };
	return 0;
}

static int parse_asked(struct parser *p, struct lock *lock, struct err **err)
{
	if (lock->asked)
		return expected(p, "one line \"asked\"", err);
	lock->asked = strv_dup(p->words + 1);
	return 0;
}

static int parse_one(struct parser *p, struct lock *lock, struct err **err)
{
	struct package package;
	int r = parse_package(p, &package, err);

	if (r < 0)
		return r;
	if (lock->packages.n == PACKAGES_MAX) {
		package_finish(&package);
		return expected(p, "fewer packages", err);
	}
	package_list_take(&lock->packages, &package);
	return 0;
}

static int parse_users(struct parser *p, struct lock *lock, struct err **err)
{
	package_finish(&lock->users);
	return parse_package(p, &lock->users, err);
}

static int parse_kernel(struct parser *p, struct lock *lock, struct err **err)
{
	package_finish(&lock->kernel);
	return parse_package(p, &lock->kernel, err);
}

static const struct {
	const char *name;
	int (*parse)(struct parser *p, struct lock *lock, struct err **err);
} keywords[] = {
	{ "for", parse_for },        { "asked", parse_asked },   { "package", parse_one },
	{ "accounts", parse_users }, { "kernel", parse_kernel },
};

static int parse_line(struct parser *p, struct err **err)
{
	const char *word = p->words ? p->words[0] : NULL;
	struct lock *lock = p->file->n ? &p->file->items[p->file->n - 1] : NULL;

	for (size_t i = 0; word && i < ARRAY_SIZE(keywords); i++)
		if (str_eq(word, keywords[i].name) && (lock || i == 0))
			return keywords[i].parse(p, lock, err);
	return expected(
		p, "\"for\", and below it \"asked\", \"package\", \"accounts\" or \"kernel\"", err);
}

static char **split(const char *line, size_t len)
{
	char **words = NULL;

	for (const char *end = line + len; line < end;) {
		const char *stop = memchr(line, ' ', (size_t)(end - line));

		stop = stop ? stop : end;
		strv_take(&words, xstrndup(line, (size_t)(stop - line)));
		line = stop + 1;
	}
	return words;
}

static int parse_text(struct parser *p, const char *text, size_t len, struct err **err)
{
	bool begun = false;
	int r = 0;

	for (const char *end = text + len; r == 0 && text < end; p->line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t n = (size_t)((stop ? stop : end) - text);
		cleanup_free char *line = xstrndup(text, n);

		text += n + 1;
		if (!*line || *line == '#')
			continue;
		p->words = split(line, strlen(line));
		if (!begun)
			r = str_eq(line, FIRST_LINE) ? 0 : expected(p, "\"" FIRST_LINE "\"", err);
		else
			r = parse_line(p, err);
		for (char **w = p->words; r == 0 && w && *w; w++)
			if (!**w || !is_plain(*w))
				r = expected(p, "words with one space between them", err);
		begun = true;
		strv_free(steal_ptr(p->words));
	}
	return r;
}

static int check_whole(const struct parser *p, struct err **err)
{
	if (!p->file->n)
		return err_set(
			err, EBADMSG,
			"%s: it locks nothing; 'atoll update' makes it anew, and without the "
			"file nothing is locked",
			p->name);
	for (size_t i = 0; i < p->file->n; i++) {
		struct lock *lock = &p->file->items[i];

		if (!lock->users.name)
			return err_set(err, EBADMSG,
				       "%s: no \"accounts\" for %s; 'atoll update' makes the lock "
				       "anew",
				       p->name, lock->arch);
		package_list_sort(&lock->packages);
		for (size_t j = 1; j < lock->packages.n; j++)
			if (str_eq(lock->packages.items[j - 1].name, lock->packages.items[j].name))
				return err_set(err, EBADMSG,
					       "%s: package \"%s\" is there twice for %s; 'atoll "
					       "update' makes the lock anew",
					       p->name, lock->packages.items[j].name, lock->arch);
	}
	return 0;
}

int lock_file_parse(const char *name, const char *text, size_t len, struct lock_file *ret,
		    struct err **err)
{
	struct lock_file file = { 0 };
	struct parser p = { .name = name, .line = 1, .file = &file };
	int r = parse_text(&p, text, len, err);

	if (r == 0)
		r = check_whole(&p, err);
	if (r < 0)
		lock_file_finish(&file);
	else
		*ret = file;
	return r;
}

int lock_file_read(const char *path, struct lock_file *ret, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct stat st;
	char c; /* a link that leads nowhere is a lock that was lost */
	int r;

	*ret = (struct lock_file){ 0 };
	if (access(path, F_OK) < 0 && errno == ENOENT && readlink(path, &c, 1) < 0)
		return 0;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "%s: is not a regular file", path);
	r = file_read(path, FILE_MAX, &text, err);
	return r < 0 ? r : lock_file_parse(path, (char *)buf_bytes(&text), text.len, ret, err);
}

/* Writing */

static void format_package(const char *keyword, const struct package *p, struct buf *out)
{
	buf_printf(out, "%s %s %s %s %s %" PRIu64 " %s %s\n", keyword, p->name, p->version, p->arch,
		   p->sha256, p->size, p->path, p->source);
}

void lock_file_format(const struct lock_file *file, const char *recipe_file, struct buf *out)
{
	const char *slash = strrchr(recipe_file, '/');
	const char *base = slash ? slash + 1 : recipe_file;

	buf_printf(out,
		   FIRST_LINE
		   "\n# The packages that %s is built from. 'atoll update %s' moves it.\n",
		   base, base);
	for (size_t i = 0; i < file->n; i++) {
		const struct lock *lock = &file->items[i];
		cleanup_free char *asked = strv_join(lock->asked, " ");

		buf_printf(out, "for %s %s\n", lock->arch, lock->base);
		if (*asked)
			buf_printf(out, "asked %s\n", asked);
		for (size_t j = 0; j < lock->packages.n; j++)
			format_package("package", &lock->packages.items[j], out);
		format_package("accounts", &lock->users, out);
		if (lock->kernel.name)
			format_package("kernel", &lock->kernel, out);
	}
}

/* Using */

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **lock_asked(const struct recipe *recipe)
{
	char **asked = strv_dup(recipe->packages);

	if (asked)
		qsort(asked, strv_len(asked), sizeof(*asked), compare_words);
	return asked;
}

int lock_check(const struct lock *lock, const struct recipe *recipe, bool with_kernel,
	       struct err **err)
{
	cleanup_free char *path = lock_path(recipe->file);
	cleanup_strv char **asked = lock_asked(recipe);
	const char *what = NULL;

	if (!str_eq(lock->base, recipe->base))
		what = "base";
	else if (!strv_eq(lock->asked, asked))
		what = "packages";
	else if (with_kernel && !lock->kernel.name)
		what = "kinds";
	else if (with_kernel && !kernel_is(kernel_wanted(recipe), lock->arch, lock->kernel.name))
		what = "kernel";
	if (!what)
		return 0;
	return err_set(err, EINVAL,
		       "%s: the recipe's %s %s than those that were locked; 'atoll update %s' "
		       "moves the lock",
		       path, what, str_eq(what, "kernel") ? "is another" : "are others",
		       recipe->file);
}

static void set_urls(struct package *p, const struct source_list *sources,
		     const struct workspace *ws)
{
	cleanup_free char *file = xasprintf("%s.deb", p->sha256);

	p->deb = workspace_cached(ws, "packages", file);
	for (size_t i = 0; i < sources->n; i++) {
		cleanup_free char *url = xasprintf("%s/%s", sources->items[i].uri, p->path);

		if (!p->url)
			p->url = steal_ptr(url);
		else if (!str_eq(p->url, url) && !strv_has(p->mirrors, url))
			strv_append(&p->mirrors, url);
	}
}

void lock_set_urls(struct lock *lock, const struct source_list *sources, const struct workspace *ws)
{
	for (size_t i = 0; i < lock->packages.n; i++)
		set_urls(&lock->packages.items[i], sources, ws);
	set_urls(&lock->users, sources, ws);
	if (lock->kernel.name)
		set_urls(&lock->kernel, sources, ws);
}

void lock_explain(const struct package_list *packages, const char *recipe_file, struct universe *u,
		  struct err **err)
{
	for (size_t i = 0; i < packages->n; i++) {
		const struct package *p = &packages->items[i];
		struct package offered;
		int order;

		if (file_exists(p->deb) || universe_find(u, p->name, &offered, NULL) < 0)
			continue;
		order = debversion_compare(offered.version, p->version);
		if (order < 0)
			err_prefix(err,
				   "the index is older than the lock: it has %s %s where %s is "
				   "locked; try again with --update",
				   p->name, offered.version, p->version);
		else if (order > 0)
			err_prefix(err,
				   "%s %s is locked, and the sources have %s by now; 'atoll update "
				   "%s' moves the lock, or add a source that keeps old packages",
				   p->name, p->version, offered.version, recipe_file);
		package_finish(&offered);
		if (order)
			return;
	}
}
