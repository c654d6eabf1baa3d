/* SPDX-License-Identifier: MIT */
/*
 * What an ELF file says of the files that it needs, read as data: its dynamic section, its versions,
 * .note.dlopen, and the strings in its read-only and writable data. Foreign bytes: nothing of the
 * file is trusted, and a broken one is simply no ELF.
 */
#ifndef ATOLL_BUILD_ELF_SCAN_H
#define ATOLL_BUILD_ELF_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "tree.h"
#include "words.h"

struct elf_facts {
	uint16_t machine;
	bool is_64, is_executable; /* executable: it has an interpreter, or is not a library */
	char *interpreter;         /* NULL: none */
	char *soname;
	char **needed;
	char **rpath;    /* folders as written, with $ORIGIN; runpath wins */
	char **versions; /* "LIBRARY VERSION", one for each needed version */
	char **defined;  /* versions that it defines */
	char **imports;  /* undefined symbols, without versions */
	char **dlopen;   /* libraries that a .note.dlopen names */
	char **strings;  /* words of the data that are absolute paths or names of libraries */
	char **commands; /* of the programs that were asked for, those that the data names */
};

enum elf_scan {
	ELF_ALL,
	ELF_NAMES, /* soname, needed and rpath alone */
};

/*
 * Of a regular file: 1 and facts when it is ELF, 0 for any other, or -errno. With ELF_ALL, `programs` are
 * names to be looked for (words_scan_names); NULL: none.
 */
int elf_scan(const struct tree_node *node, enum elf_scan what, const struct words *programs,
	     struct elf_facts *ret, struct err **err);
/* The same over bytes. */
int elf_scan_bytes(void *bytes, size_t len, enum elf_scan what, const struct words *programs,
		   struct elf_facts *ret);
void elf_facts_finish(struct elf_facts *f);

#endif
