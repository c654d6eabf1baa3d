/* SPDX-License-Identifier: MIT */
#include "elf_scan.h"

#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "content.h"
#include "mem.h"
#include "str.h"
#include "words.h"

#define DYNAMIC_MAX 65536
#define SYMBOLS_MAX 4000000
#define SECTIONS    4096

/* An ELF file while it is read. */
struct scan {
	Elf *elf;
	enum elf_scan what;
	const struct words *programs;
	struct elf_facts *facts;
	struct words needed, versions, defined, imports, dlopen, strings, commands;
};

/* A string of a string table, or NULL. elf_strptr checks its bounds. */
static const char *string_at(struct scan *s, size_t table, size_t offset)
{
	const char *text = elf_strptr(s->elf, table, offset);

	return text && *text ? text : NULL;
}

static void take_paths(char ***v, const char *list)
{
	while (*list) {
		size_t n = strcspn(list, ":");

		if (n)
			strv_take(v, xstrndup(list, n));
		list += n + (list[n] == ':');
	}
}

static void take_dynamic(struct scan *s, const GElf_Dyn *dyn, size_t table)
{
	struct elf_facts *f = s->facts;
	const char *text;

	switch (dyn->d_tag) {
	case DT_NEEDED:
		if ((text = string_at(s, table, dyn->d_un.d_val)))
			words_add(&s->needed, text, strlen(text));
		break;
	case DT_SONAME:
		text = string_at(s, table, dyn->d_un.d_val);
		if (text && !f->soname)
			f->soname = xstrdup(text);
		break;
	case DT_RPATH: /* ld.so passes over it when there is a runpath, which only adds folders here */
	case DT_RUNPATH:
		if ((text = string_at(s, table, dyn->d_un.d_val)))
			take_paths(&f->rpath, text);
		break;
	default:
		break;
	}
}

static void read_dynamic(struct scan *s, Elf_Data *data, size_t table)
{
	GElf_Dyn dyn;

	for (int i = 0; i < DYNAMIC_MAX && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++)
		take_dynamic(s, &dyn, table);
}

/* .gnu.version_r: the versions that each needed library has to define. */
static void read_needed_versions(struct scan *s, Elf_Data *data, size_t table)
{
	GElf_Verneed need;
	GElf_Vernaux aux;
	size_t at = 0;

	for (int i = 0; i < DYNAMIC_MAX && gelf_getverneed(data, (int)at, &need); i++) {
		const char *library = string_at(s, table, need.vn_file);
		size_t aux_at = at + need.vn_aux;

		for (int j = 0; j < need.vn_cnt && gelf_getvernaux(data, (int)aux_at, &aux); j++) {
			const char *version = string_at(s, table, aux.vna_name);

			if (library && version && !(aux.vna_flags & VER_FLG_WEAK)) {
				cleanup_free char *both = xasprintf("%s %s", library, version);

				words_add(&s->versions, both, strlen(both));
			}
			if (!aux.vna_next)
				break;
			aux_at += aux.vna_next;
		}
		if (!need.vn_next)
			break;
		at += need.vn_next;
	}
}

/* .gnu.version_d */
static void read_defined_versions(struct scan *s, Elf_Data *data, size_t table)
{
	GElf_Verdef def;
	GElf_Verdaux aux;
	size_t at = 0;

	for (int i = 0; i < DYNAMIC_MAX && gelf_getverdef(data, (int)at, &def); i++) {
		const char *version = gelf_getverdaux(data, (int)(at + def.vd_aux), &aux)
					      ? string_at(s, table, aux.vda_name)
					      : NULL;

		if (version)
			words_add(&s->defined, version, strlen(version));
		if (!def.vd_next)
			break;
		at += def.vd_next;
	}
}

static void read_symbols(struct scan *s, Elf_Data *data, size_t table)
{
	GElf_Sym sym;

	for (int i = 1; i < SYMBOLS_MAX && gelf_getsym(data, i, &sym); i++) {
		const char *name =
			sym.st_shndx == SHN_UNDEF ? string_at(s, table, sym.st_name) : NULL;

		if (name)
			words_add(&s->imports, name, strlen(name));
	}
}

static void read_data(struct scan *s, const GElf_Shdr *header, Elf_Data *data)
{
	if (!(header->sh_flags & SHF_ALLOC) || (header->sh_flags & SHF_EXECINSTR))
		return;
	words_scan_strings(data->d_buf, data->d_size, &s->strings);
	if (s->programs)
		words_scan_names(data->d_buf, data->d_size, s->programs, &s->commands);
}

static void read_section(struct scan *s, Elf_Scn *section, const char *name)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS ||
	    (s->what == ELF_NAMES && header.sh_type != SHT_DYNAMIC))
		return;
	data = elf_getdata(section, NULL);
	if (!data || !data->d_buf)
		return;
	switch (header.sh_type) {
	case SHT_DYNAMIC:
		read_dynamic(s, data, header.sh_link);
		break;
	case SHT_GNU_verneed:
		read_needed_versions(s, data, header.sh_link);
		break;
	case SHT_GNU_verdef:
		read_defined_versions(s, data, header.sh_link);
		break;
	case SHT_DYNSYM:
		read_symbols(s, data, header.sh_link);
		break;
	case SHT_NOTE:
		/* JSON whose only words of that form are the libraries' names. */
		if (str_eq(name, ".note.dlopen"))
			words_scan(data->d_buf, data->d_size, &s->dlopen);
		break;
	case SHT_PROGBITS:
		read_data(s, &header, data);
		break;
	default:
		break;
	}
}

static void read_sections(struct scan *s)
{
	size_t names = 0, n = 0;
	Elf_Scn *section = NULL;

	if (elf_getshdrstrndx(s->elf, &names) < 0)
		return;
	while (n++ < SECTIONS && (section = elf_nextscn(s->elf, section))) {
		GElf_Shdr header;

		if (gelf_getshdr(section, &header))
			read_section(s, section, string_at(s, names, header.sh_name));
	}
}

static void read_interpreter(struct scan *s, const char *bytes, size_t len)
{
	size_t n = 0;

	elf_getphdrnum(s->elf, &n);
	for (size_t i = 0; i < n && i < SECTIONS; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(s->elf, (int)i, &p) || p.p_type != PT_INTERP ||
		    p.p_offset >= len || p.p_filesz > len - p.p_offset || s->facts->interpreter)
			continue;
		s->facts->interpreter = xstrndup(bytes + p.p_offset, p.p_filesz);
	}
}

static void scan_all(struct scan *s, const GElf_Ehdr *header, const char *bytes, size_t len)
{
	struct elf_facts *f = s->facts;

	f->machine = header->e_machine;
	f->is_64 = gelf_getclass(s->elf) == ELFCLASS64;
	read_interpreter(s, bytes, len);
	read_sections(s);
	f->is_executable = f->interpreter || header->e_type == ET_EXEC ||
			   (header->e_type == ET_DYN && !f->soname && !s->needed.n);
	f->needed = words_steal(&s->needed);
	f->versions = words_steal(&s->versions);
	f->defined = words_steal(&s->defined);
	f->imports = words_steal(&s->imports);
	f->dlopen = words_steal(&s->dlopen);
	f->strings = words_steal(&s->strings);
	f->commands = words_steal(&s->commands);
}

int elf_scan_bytes(void *bytes, size_t len, enum elf_scan what, const struct words *programs,
		   struct elf_facts *ret)
{
	struct elf_facts facts = { 0 };
	struct scan s = { .what = what, .programs = programs, .facts = &facts };
	GElf_Ehdr header;

	if (len < SELFMAG || memcmp(bytes, ELFMAG, SELFMAG) != 0 ||
	    elf_version(EV_CURRENT) == EV_NONE)
		return 0;
	s.elf = elf_memory(bytes, len);
	if (!s.elf)
		return 0;
	if (elf_kind(s.elf) != ELF_K_ELF || !gelf_getehdr(s.elf, &header) ||
	    (header.e_type != ET_EXEC && header.e_type != ET_DYN)) {
		elf_end(s.elf);
		return 0;
	}
	scan_all(&s, &header, bytes, len);
	elf_end(s.elf);
	*ret = facts;
	return 1;
}

int elf_scan(const struct tree_node *node, enum elf_scan what, const struct words *programs,
	     struct elf_facts *ret, struct err **err)
{
	struct content c;
	int r = content_map(node, &c, err);

	if (r < 0)
		return r;
	/* libelf converts headers in place on some files: the bytes are ours to write. */
	r = elf_scan_bytes(c.data, c.len, what, programs, ret);
	content_unmap(&c);
	return r;
}

void elf_facts_finish(struct elf_facts *f)
{
	free(f->interpreter);
	free(f->soname);
	strv_free(f->needed);
	strv_free(f->rpath);
	strv_free(f->versions);
	strv_free(f->defined);
	strv_free(f->imports);
	strv_free(f->dlopen);
	strv_free(f->strings);
	strv_free(f->commands);
}
