/* SPDX-License-Identifier: MIT */
#include "ldcache.h"

#include <stdlib.h>
#include <string.h>

#include "elf_scan.h"
#include "mem.h"
#include "str.h"
#include "words.h"

#define CACHE               "etc/ld.so.cache"
#define LITTLE_ENDIAN_CACHE 2

/* The flags of a library of the C library 6 for each architecture: dl-cache.h. */
static const struct {
	const char *arch, *folder;
	uint32_t flags;
} archs[] = {
	{ "amd64", "usr/lib/x86_64-linux-gnu/", 0x0303 },
	{ "arm64", "usr/lib/aarch64-linux-gnu/", 0x0a03 },
	{ "armhf", "usr/lib/arm-linux-gnueabihf/", 0x0903 },
	{ "i386", "usr/lib/i386-linux-gnu/", 0x0003 },
	{ "ppc64el", "usr/lib/powerpc64le-linux-gnu/", 0x0503 },
	{ "riscv64", "usr/lib/riscv64-linux-gnu/", 0x1003 },
};

struct header {
	char magic[20]; /* with the version, without a NUL */
	uint32_t n_entries, strings_len;
	uint8_t flags, padding[3];
	uint32_t extensions, unused[3];
};

struct entry {
	uint32_t flags, key, value, os_version; /* key and value: offsets from the file's begin */
	uint64_t hwcap;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Numbers count as numbers, and stand above everything else: _dl_cache_libcmp. */
static int compare_names(const char *a, const char *b)
{
	while (*a) {
		if (is_digit(*a) && is_digit(*b)) {
			unsigned long x = strtoul(a, (char **)(uintptr_t)&a, 10);
			unsigned long y = strtoul(b, (char **)(uintptr_t)&b, 10);

			if (x != y)
				return x < y ? -1 : 1;
		} else if (is_digit(*a) || is_digit(*b)) {
			return is_digit(*a) ? 1 : -1;
		} else if (*a != *b) {
			return *a - *b;
		} else {
			a++;
			b++;
		}
	}
	return *a - *b;
}

/* ld.so searches in falling order. */
static int compare_entries(const void *a, const void *b)
{
	const struct ldcache_entry *x = a, *y = b;
	int r = compare_names(y->name, x->name);

	return r ? r : strcmp(x->path, y->path);
}

static uint32_t add_string(struct buf *strings, size_t base, const char *s)
{
	size_t at = base + strings->len;

	buf_append(strings, s, strlen(s) + 1);
	return (uint32_t)at;
}

void ldcache_write(struct ldcache_entry *entries, size_t n, uint32_t flags, struct buf *out)
{
	struct header header = { .n_entries = (uint32_t)n, .flags = LITTLE_ENDIAN_CACHE };
	size_t base = sizeof(header) + n * sizeof(struct entry);
	cleanup_buf struct buf strings = BUF_INIT, table = BUF_INIT;

	memcpy(header.magic, "glibc-ld.so.cache1.1", sizeof(header.magic));
	qsort(entries, n, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < n; i++) {
		struct entry entry = { .flags = flags };

		entry.key = add_string(&strings, base, entries[i].name);
		entry.value = add_string(&strings, base, entries[i].path);
		buf_append(&table, &entry, sizeof(entry));
	}
	header.strings_len = (uint32_t)strings.len;
	buf_append(out, &header, sizeof(header));
	buf_append(out, buf_bytes(&table), table.len);
	buf_append(out, buf_bytes(&strings), strings.len);
}

/* The name of a library's file or link as programs ask for it. */
static const char *wanted_name(const struct tree *tree, const struct tree_node *node,
			       const char *folder)
{
	size_t n = strlen(folder);
	const char *name = node->path + n;
	const struct tree_node *file;
	struct elf_facts facts;
	bool is_wanted;

	if (strncmp(node->path, folder, n) != 0 || strchr(name, '/') || S_ISDIR(node->mode) ||
	    !word_is_library(name, strlen(name)))
		return NULL;
	file = tree_file(tree, node);
	if (!file || elf_scan(file, ELF_NAMES, NULL, &facts, NULL) != 1)
		return NULL;
	is_wanted = !facts.soname || str_eq(facts.soname, name);
	elf_facts_finish(&facts);
	return is_wanted ? name : NULL;
}

static size_t list_libraries(const struct tree *tree, const char *triplet_folder,
			     struct ldcache_entry *entries)
{
	const char *const folders[] = { triplet_folder, "usr/lib/" };
	cleanup_free struct tree_node **nodes = tree_list(tree);
	size_t n = 0;

	for (size_t i = 0; nodes[i]; i++)
		for (size_t f = 0; f < ARRAY_SIZE(folders); f++) {
			const char *name = wanted_name(tree, nodes[i], folders[f]);

			if (name)
				entries[n++] = (struct ldcache_entry){
					.name = name,
					.path = xasprintf("/%s", nodes[i]->path),
				};
		}
	return n;
}

int ldcache_put(struct workspace *ws, const char *arch, struct tree *tree, struct err **err)
{
	cleanup_free struct ldcache_entry *entries = xcalloc(tree->n + 1, sizeof(*entries));
	cleanup_buf struct buf bytes = BUF_INIT;
	cleanup_free char *content = NULL;
	size_t n = 0, at;
	int r = 0;

	for (at = 0; at < ARRAY_SIZE(archs) && !str_eq(archs[at].arch, arch); at++)
		;
	if (at < ARRAY_SIZE(archs))
		n = list_libraries(tree, archs[at].folder, entries);
	if (n) {
		ldcache_write(entries, n, archs[at].flags, &bytes);
		r = workspace_write(ws, buf_bytes(&bytes), bytes.len, &content, err);
	}
	if (n && r == 0)
		tree_put_file(tree, CACHE, 0644, content, "atoll", "where each library is");
	while (n)
		free(entries[--n].path);
	return r;
}
