/* SPDX-License-Identifier: MIT */
/* What the parts of the closure share. */
#ifndef ATOLL_BUILD_CLOSURE_INTERNAL_H
#define ATOLL_BUILD_CLOSURE_INTERNAL_H

#include <stdbool.h>

#include "buf.h"
#include "closure.h"
#include "elf_scan.h"
#include "words.h"

/* A library that has to define a version for who needs it; checked when all are read. */
struct version_need {
	const struct tree_node *by, *library;
	char *version;
};

/* The versions that a kept library defines. */
struct version_set {
	const struct tree_node *library;
	char **defined;
};

/* What a file says as ELF: read of all of them at first, on all processors. */
struct scanned {
	bool is_elf;
	struct elf_facts facts;
};

struct closure {
	const struct recipe *recipe;
	const struct package_list *packages;
	struct universe *universe; /* or NULL */
	struct tree *tree;
	const char *arch, *triplet; /* "amd64", "x86_64-linux-gnu" */
	char **library_folders;     /* where ld.so looks, in order */
	struct tree_node **nodes;   /* all, sorted by path */
	size_t n_nodes;
	struct scanned *scanned; /* of each node */
	struct tree_node *
		*libraries; /* those named like one, sorted by the last part of the path */
	size_t n_libraries;
	struct words programs; /* names of all in PATH, sorted */
	bool *has_program;     /* of each package: one of those is its own */
	bool *has_files;       /* and: it is more than a name for others */
	bool **reaches;  /* of each package that was asked about: whose programs it may start */
	bool **depended; /* and: what it depends on, and that again */
	struct tree_node **queue; /* kept, in the order in which they were found */
	size_t n_queue, next;
	bool *used; /* packages of which a program or library is kept: their configuration is, too */
	struct version_need *version_needs;
	size_t n_version_needs;
	struct version_set *version_sets;
	size_t n_version_sets;
	char *python; /* the folder of its library, "usr/lib/python3.11"; NULL: no script needs it */
	char **missed;             /* interpreters that were said to be missing */
	bool no_shell;             /* said that one is missing */
	unsigned int said_missing; /* of closure_functions.c's readers, which have said so */
	bool *functions_served;    /* by a function's number: what it reads was found before */
	bool asking;     /* nothing is kept any more: only who would ask for what is noted */
	bool perl, node; /* a script of that language is kept, so their modules count */
	struct buf python_bytes;   /* of the interpreter */
	struct closure_java *java; /* the runtime whose modules are linked; NULL: none */
	bool java_ended;
	char ***notes;
};

/* The node that a path leads to through links, or NULL. Paths are absolute or as the tree has them. */
struct tree_node *closure_find(struct closure *c, const char *path);
/*
 * Keeps what a path leads to, and the links on the way; NULL when it leads nowhere or the recipe
 * leaves it out.
 */
struct tree_node *closure_need(struct closure *c, const char *path, enum reason reason,
			       const struct tree_node *by, const char *detail);
/* Keeps a node itself; a link's target too, when it is there. */
void closure_keep_node(struct closure *c, struct tree_node *node, enum reason reason,
		       const struct tree_node *by, const char *detail);
/* Whether the recipe leaves a node out, which is noted. What is kept already stays. */
bool closure_is_excluded(const struct closure *c, struct tree_node *node,
			 const struct tree_node *by);
/* Whether no package has it, or not as it is: a file of one says so (runtime.h). */
bool closure_is_declared(const struct tree_node *node);
/* closure_glob.c: where the nodes below a folder begin in c->nodes, and how many there are. */
size_t closure_below(struct closure *c, const char *folder, size_t *ret_n);
/* Which of c->nodes a node is. */
size_t closure_index(const struct closure *c, const struct tree_node *node);
/* Keeps all that match a pattern of fnmatch(3), in which ** at the end stands for all below. */
size_t closure_need_glob(struct closure *c, const char *pattern, enum reason reason,
			 const struct tree_node *by, const char *detail);
/* For an error about a library or program that is not there: who could bring it. The caller frees. */
char *closure_why_missing(const struct closure *c, const char *name);
/* The package that a node is of, or NULL. */
const struct package *closure_package(const struct closure *c, const struct tree_node *node);
/* The bytes of a regular file, with a NUL behind them; false when it has none or too many. */
bool closure_read(const struct tree_node *node, struct buf *out);

/* closure_programs.c */
/* A program by its name, through PATH as machines have it; NULL: there is none. */
struct tree_node *closure_need_program(struct closure *c, const char *name, enum reason reason,
				       const struct tree_node *by, const char *detail);
/* Of each package: the recipe names it, or one that stands for it. */
const bool *closure_named_packages(struct closure *c);
bool closure_depends(struct closure *c, const struct package *p, const struct package *other);
bool closure_in_path(const char *path); /* whether it is in a folder of PATH */
void closure_index_programs(struct closure *c);
void closure_programs_finish(struct closure *c);
/* Keeps what a program, or a script, may start by a string that is a program's name. */
void closure_start_elf(struct closure *c, const struct elf_facts *f, const struct tree_node *by);
void closure_start_quoted(struct closure *c, const char *text, const struct tree_node *by);

/* closure_unused.c: packages that the recipe names, and of which nothing came in. */
void closure_note_unused(struct closure *c);
int closure_check_empty(struct closure *c, struct err **err);

/* closure_environment.c */
int closure_environment(struct closure *c, struct err **err);

/* closure_elf.c: scan reads all nodes; the next returns 1 for an ELF file. */
int closure_scan(struct closure *c, struct err **err);
void closure_scan_finish(struct closure *c);
int closure_elf(struct closure *c, struct tree_node *node, struct err **err);
int closure_check_versions(struct closure *c, struct err **err);
struct tree_node *closure_need_library(struct closure *c, const char *name, enum reason reason,
				       const struct tree_node *by, char *const *rpath);
void closure_index_libraries(struct closure *c);

/* closure_script.c */
/* 1 when it is a script, or a module of one. */
int closure_script(struct closure *c, struct tree_node *node, struct err **err);
void closure_text(struct closure *c, struct tree_node *node); /* configuration */
void closure_command(struct closure *c, char *const *argv, const char *detail);

/* closure_python.c */
void closure_python(struct closure *c, struct tree_node *node);
void closure_python_begin(struct closure *c,
			  struct tree_node *by); /* for whom an interpreter runs */
void closure_python_module(struct closure *c, const char *name, enum reason reason,
			   const struct tree_node *by, const char *detail);

/* Of a kept file: what it asks for if it is a typelib. */
void closure_typelib(struct closure *c, const struct tree_node *node);

/* closure_codecs.c: those that a text names, which this cuts up. */
void closure_python_codecs(struct closure *c, char *text, const struct tree_node *by);

/* closure_perl.c */
void closure_perl(struct closure *c, struct tree_node *node);
void closure_node(struct closure *c, struct tree_node *node);

/* closure_java.c: of a kept library of which it may be the launcher. */
int closure_java(struct closure *c, const struct tree_node *launcher, struct err **err);
/* Modules that files which are kept name; 1 when that brought something, to be visited. */
int closure_java_modules(struct closure *c, struct err **err);
/* When all that the image has is kept: what comes behind, the test, runs on it. */
void closure_java_end(struct closure *c);
void closure_java_finish(struct closure *c);

/* closure_functions.c */
void closure_functions(struct closure *c, char *const *imports, const struct tree_node *by);

/* closure_rules.c */
void closure_named(struct closure *c, const char *path, const struct tree_node *by);
void closure_symbols(struct closure *c, char *const *imports, const struct tree_node *by);
/* `by` can start a thread of the Python interpreter. */
void closure_python_thread(struct closure *c, const struct tree_node *by);
void closure_use_package(struct closure *c, const struct tree_node *node);
void closure_licences(struct closure *c);
bool closure_strings_count(const struct tree_node *node);

#endif
