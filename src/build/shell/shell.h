/* SPDX-License-Identifier: MIT */
/*
 * A shell script as data: its commands and what holds them together, in the order of the text, as POSIX's grammar
 * divides it (Shell Command Language, 2.10). Nothing is carried out. What is no such script, or goes on beyond
 * the end of its text, is read as far as it is one; the rest is one item that says so.
 */
#ifndef ATOLL_BUILD_SHELL_H
#define ATOLL_BUILD_SHELL_H

#include <stdbool.h>
#include <stddef.h>

#define SHELL_DEPTH_MAX 64          /* of groups, branches and loops in one another */
#define SHELL_BYTES_MAX (128 << 10) /* of a script */

enum shell_kind {
	SHELL_COMMAND, /* words: assignments first; none when there are only redirections */
	SHELL_GROUP,   /* "{" or "("; before an item, what "$(" or "`" in a word of it does */
	SHELL_GROUP_END,
	SHELL_FUNCTION, /* words: its name; what follows is what it does */
	SHELL_IF,
	SHELL_THEN,
	SHELL_ELIF,
	SHELL_ELSE,
	SHELL_FI,
	SHELL_FOR,   /* words: the variable, and what it goes through */
	SHELL_WHILE, /* or "until" */
	SHELL_DO,
	SHELL_DONE,
	SHELL_CASE,    /* words: the one that is compared */
	SHELL_PATTERN, /* words: its patterns */
	SHELL_ESAC,
	SHELL_COMMENT,
	SHELL_BROKEN, /* the last item: from here on it cannot be read */
};

/* How it goes on from what is before it. */
enum shell_join {
	SHELL_NEXT,
	SHELL_AND,
	SHELL_OR,
	SHELL_PIPE,
	SHELL_ASYNC, /* "&": what is before it goes on by itself */
};

struct shell_item {
	enum shell_kind kind;
	enum shell_join join;
	bool negated; /* "!" */
	/*
	 * Without quotes but for "$…" and "`…`", where these matter; and with a backslash before each character that has
	 * no meaning here, and one for those who expand words: $ ` \ " * ? [
	 */
	char **words;
	char *output; /* as a word: the file that is written to other than /dev/null; or NULL */
	char *text;   /* as the script has it, in one line */
	unsigned int line; /* of the script, where it begins */
};

struct shell {
	struct shell_item *items;
	size_t n;
};

/* Whether the items up to one that ends are inside it. */
bool shell_is_begin(enum shell_kind kind);
bool shell_is_end(enum shell_kind kind);

void shell_read(const char *script, struct shell *ret);
void shell_finish(struct shell *s);

#endif
