/* SPDX-License-Identifier: MIT */
/*
 * What words of a script come to without running it: variables that the script sets once, those that are given, what
 * a loop goes through, and arguments of the function that is carried out. What is not known this way is not known.
 */
#ifndef ATOLL_BUILD_SHELL_VALUES_H
#define ATOLL_BUILD_SHELL_VALUES_H

#include "shell.h"

#define SHELL_NOWHERE    SIZE_MAX
#define SHELL_CONFMODULE "/usr/share/debconf/confmodule" /* sets no variable but RET */

/* A variable, or an argument by its number. */
struct shell_value {
	const char *name, *value;
};

struct shell_assignment {
	char *name;
	const char *word; /* NULL: to what cannot be told */
	size_t at;        /* the item */
	size_t function;  /* that it is in (values.functions), or SHELL_NOWHERE */
	bool always; /* not inside anything that may be passed over, nor in a process of its own */
};

struct shell_function {
	const char *name;
	size_t begin, end; /* the items of what it does: the last is `end` */
	bool shifted;      /* its arguments do not stay as they are given */
};

struct shell_values {
	const struct shell *shell;
	const struct shell_value *given;
	size_t n_given;
	struct shell_assignment *assignments;
	size_t n_assignments;
	struct shell_function *functions; /* in the order of the text */
	size_t n_functions;
	bool shifted; /* as a function's, of the script */
	bool sourced; /* another script, or words as commands, may set what it likes */
};

/* Where a word is: in which loops, of which calls, at which item. */
struct shell_scope {
	const struct shell_scope *outer;
	const char *name, *value; /* of a loop, its variable; else NULL */
	size_t function;          /* of a call, which; else SHELL_NOWHERE */
	char *const *args;        /* and its arguments, as fields (below); NULL: not known */
	size_t at;
};

/* shell_assign.c */
void shell_values_read(const struct shell *s, const struct shell_value *given, size_t n,
		       struct shell_values *ret);
void shell_values_finish(struct shell_values *v);

/* The length of a variable's name, or of an argument's, that a text begins with; 0: none. */
size_t shell_name_len(const char *s);
/* Behind the "=" of "NAME=word" or "NAME+=word"; NULL: the word is none. */
const char *shell_assigned(const char *word);

/* The last item of the command that begins at this one. */
size_t shell_end(const struct shell *s, size_t at);

/* Whether one of these items sets the variable, which has a name of n characters. */
bool shell_is_set(const struct shell_values *v, const char *name, size_t n, size_t begin,
		  size_t end);

/*
 * One word, which stays one, whatever way the script went to here. As a pattern it has a backslash before what has no meaning in
 * one. The caller frees; NULL: not known.
 */
char *shell_word(const struct shell_values *v, const struct shell_scope *scope, const char *word,
		 bool pattern);

enum shell_known {
	SHELL_UNKNOWN,
	SHELL_COUNTED, /* how many fields there are, and not what each is */
	SHELL_KNOWN,
};

/*
 * Words as a command gets them, none or several for one: those that are known without anything of the shell's, the others as they
 * are. `sure`: whatever way the script went to here. A strv, never NULL, that the caller frees.
 */
char **shell_fields(const struct shell_values *v, const struct shell_scope *scope,
		    char *const *words, bool sure, enum shell_known *ret_known);

#endif
