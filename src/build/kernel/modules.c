/* SPDX-License-Identifier: MIT */
#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <string.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define BUILTIN_MAX (1 << 20)
#define DEPTH_MAX   32
#define GENERIC     "_generic" /* of a name's implementations the one that any CPU has */

struct module {
	char *name; /* with '_' */
	char *path; /* below dir */
	bool read;  /* the fields below are filled */
	bool placed;
	char **depends, **pre, **aliases;
};

struct modules {
	char *dir;
	struct module *items;
	size_t n;
	char **builtin;
};

/* "kernel/drivers/char/virtio-rng.ko" is virtio_rng. */
static char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	char *name = xstrndup(base, strcspn(base, "."));

	for (char *p = name; *p; p++)
		if (*p == '-')
			*p = '_';
	return name;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct module *)a)->path, ((const struct module *)b)->path);
}

static int scan(struct modules *m, struct err **err)
{
	char *roots[] = { m->dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	if (!fts)
		return err_set_errno(err, errno, "%s", m->dir);
	while ((entry = fts_read(fts))) {
		const char *path = entry->fts_path + strlen(m->dir) + 1;

		if (entry->fts_info != FTS_F || !str_ends(entry->fts_name, ".ko"))
			continue;
		m->items = xreallocarray(m->items, m->n + 1, sizeof(*m->items));
		m->items[m->n++] = (struct module){ .name = name_of(path), .path = xstrdup(path) };
	}
	fts_close(fts);
	if (m->n)
		qsort(m->items, m->n, sizeof(*m->items), compare);
	return 0;
}

static int read_builtin(struct modules *m, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/modules.builtin", m->dir);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *lines = NULL;
	char *rest, *line;
	int r = file_read(path, BUILTIN_MAX, &text, err);

	if (r < 0)
		return r;
	rest = lines = buf_steal_str(&text);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			strv_take(&m->builtin, name_of(line));
	return 0;
}

int modules_open(const char *dir, struct modules **ret, struct err **err)
{
	struct modules *m = xcalloc(1, sizeof(*m));
	int r;

	elf_version(EV_CURRENT);
	m->dir = xstrdup(dir);
	r = scan(m, err);
	if (r == 0)
		r = read_builtin(m, err);
	if (r < 0)
		modules_close(m);
	else
		*ret = m;
	return r;
}

void modules_close(struct modules *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		free(m->items[i].name);
		free(m->items[i].path);
		strv_free(m->items[i].depends);
		strv_free(m->items[i].pre);
		strv_free(m->items[i].aliases);
	}
	free(m->items);
	free(m->dir);
	strv_free(m->builtin);
	free(m);
}

static void add_words(char ***list, const char *value, const char *separators)
{
	while (*(value += strspn(value, separators))) {
		size_t len = strcspn(value, separators);
		cleanup_free char *word = xstrndup(value, len);

		strv_take(list, name_of(word));
		value += len;
	}
}

/* "pre: a b post: c": only what comes before matters to us. */
static void add_softdep(struct module *module, const char *value)
{
	const char *pre = strstr(value, "pre:");
	const char *post = strstr(value, "post:");
	cleanup_free char *part = NULL;

	if (!pre)
		return;
	pre += strlen("pre:");
	part = post && post > pre ? xstrndup(pre, (size_t)(post - pre)) : xstrdup(pre);
	add_words(&module->pre, part, " ");
}

/* The section is strings "key=value", one after the other, some with padding between. */
static void read_modinfo(struct module *module, const char *data, size_t len)
{
	const char *end = data + len;

	while (data < end) {
		cleanup_free char *entry = xstrndup(data, (size_t)(end - data));

		if (str_starts(entry, "depends="))
			add_words(&module->depends, entry + strlen("depends="), ",");
		else if (str_starts(entry, "softdep="))
			add_softdep(module, entry + strlen("softdep="));
		else if (str_starts(entry, "alias="))
			strv_append(&module->aliases, entry + strlen("alias="));
		data += strlen(entry) + 1;
	}
}

static void read_sections(struct module *module, Elf *elf)
{
	size_t names;
	Elf_Scn *section = NULL;

	if (elf_getshdrstrndx(elf, &names) < 0)
		return;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		const char *name;
		Elf_Data *data;

		if (!gelf_getshdr(section, &header))
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		if (!str_eq(name, ".modinfo"))
			continue;
		data = elf_rawdata(section, NULL);
		if (data && data->d_buf)
			read_modinfo(module, data->d_buf, data->d_size);
	}
}

static int read_module(struct modules *m, struct module *module, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/%s", m->dir, module->path);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf;

	if (module->read)
		return 0;
	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		elf_end(elf);
		return err_set(err, EBADMSG, "%s: not an ELF file", path);
	}
	read_sections(module, elf);
	elf_end(elf);
	module->read = true;
	return 0;
}

static struct module *find_by_name(struct modules *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_eq(m->items[i].name, name))
			return &m->items[i];
	return NULL;
}

static bool is_builtin(const struct modules *m, const char *name)
{
	cleanup_free char *generic = xasprintf("%s" GENERIC, name);

	return strv_has(m->builtin, name) || strv_has(m->builtin, generic);
}

static bool has_alias(const struct module *module, const char *name)
{
	for (char **a = module->aliases; a && *a; a++) {
		cleanup_free char *alias = name_of(*a);

		if (str_eq(alias, name))
			return true;
	}
	return false;
}

static struct module *find_by_alias(struct modules *m, const char *alias)
{
	cleanup_free char *generic = xasprintf("%s" GENERIC, alias);
	struct module *found = find_by_name(m, generic);

	for (size_t i = 0; i < m->n && !found; i++)
		if (read_module(m, &m->items[i], NULL) == 0 && has_alias(&m->items[i], alias))
			found = &m->items[i];
	return found;
}

static int no_such_module(struct modules *m, const char *name, struct err **err)
{
	cleanup_free const char **names = xcalloc(m->n + 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < m->n; i++)
		names[i] = m->items[i].name;
	near = str_nearest(name, names);
	if (near)
		return err_set(err, ENOENT,
			       "kernel module \"%s\" does not exist; did you mean \"%s\"?", name,
			       near);
	return err_set(err, ENOENT, "kernel module \"%s\" does not exist", name);
}

static int place_all(struct modules *m, char *const *names, bool must, int depth, char ***paths,
		     struct err **err);

static int place(struct modules *m, const char *wanted, bool must, int depth, char ***paths,
		 struct err **err)
{
	cleanup_free char *name = name_of(wanted);
	struct module *module = find_by_name(m, name);
	int r;

	if (!module && is_builtin(m, name))
		return 0;
	if (!module)
		module = find_by_alias(m, name);
	if (!module)
		return must ? no_such_module(m, name, err) : 0;
	if (module->placed)
		return 0;
	if (depth > DEPTH_MAX)
		return err_set(err, ELOOP, "kernel module \"%s\": its dependencies go in a circle",
			       name);
	r = read_module(m, module, err);
	if (r == 0)
		r = place_all(m, module->pre, false, depth + 1, paths, err);
	if (r == 0)
		r = place_all(m, module->depends, true, depth + 1, paths, err);
	if (r < 0)
		return r;
	module->placed = true;
	strv_append(paths, module->path);
	return 0;
}

static int place_all(struct modules *m, char *const *names, bool must, int depth, char ***paths,
		     struct err **err)
{
	int r = 0;

	for (; names && *names && r == 0; names++)
		r = place(m, *names, must, depth, paths, err);
	return r;
}

int modules_order_some(struct modules *m, char *const *names, char *const *optional,
		       char ***ret_paths, struct err **err)
{
	cleanup_strv char **paths = NULL;
	int r;

	for (size_t i = 0; i < m->n; i++)
		m->items[i].placed = false;
	r = place_all(m, names, true, 0, &paths, err);
	if (r == 0)
		r = place_all(m, optional, false, 0, &paths, err);
	if (r == 0)
		*ret_paths = steal_ptr(paths);
	return r;
}

int modules_order(struct modules *m, char *const *names, char ***ret_paths, struct err **err)
{
	return modules_order_some(m, names, NULL, ret_paths, err);
}

char *const *modules_aliases(struct modules *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_eq(m->items[i].path, path) && read_module(m, &m->items[i], NULL) == 0)
			return m->items[i].aliases;
	return NULL;
}
