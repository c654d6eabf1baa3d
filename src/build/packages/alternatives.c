/* SPDX-License-Identifier: MIT */
#include "alternatives.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "scripts.h"
#include "str.h"

void alternative_list_finish(struct alternative_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].link);
		free(list->items[i].target);
	}
	free(list->items);
	*list = (struct alternative_list){ 0 };
}

static void add(struct alternative_list *list, const char *link, const char *target, int priority)
{
	list->items = xreallocarray(list->items, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = (struct alternative){
		.link = xstrdup(link),
		.target = xstrdup(target),
		.priority = priority,
	};
}

/* "--install LINK NAME PATH PRIORITY" and "--slave LINK NAME PATH"; the next word, or NULL. */
static char *const *read_option(char *const *word, size_t left, int *priority,
				struct alternative_list *list)
{
	if (str_eq(word[0], "--install") && left >= 5 && word[1][0] == '/' && word[3][0] == '/') {
		*priority = (int)strtol(word[4], NULL, 10);
		add(list, word[1], word[3], *priority);
		return word + 5;
	}
	if (str_eq(word[0], "--slave") && left >= 4 && word[1][0] == '/' && word[3][0] == '/') {
		add(list, word[1], word[3], *priority);
		return word + 4;
	}
	return NULL;
}

/* Those that take a name away or leave it have no effect on a new system. */
static bool is_idle(const char *option)
{
	return str_eq(option, "--remove") || str_eq(option, "--remove-all") ||
	       str_eq(option, "--auto");
}

static bool read_all(char *const *words, struct alternative_list *list)
{
	size_t n = strv_len(words);
	char *const *end = words + n;
	int priority = 0;

	while (words && words < end) {
		if (is_idle(*words))
			return true;
		if (str_eq(*words, "--quiet") || str_eq(*words, "--force"))
			words++;
		else
			words = read_option(words, (size_t)(end - words), &priority, list);
	}
	return words != NULL;
}

/* Whether each word is one that the command gets. */
static bool are_plain(char *const *words)
{
	for (; *words; words++)
		if (!script_word_is_plain(*words))
			return false;
	return true;
}

bool alternatives_read(char *const *words, struct alternative_list *list)
{
	struct alternative_list found = { 0 };

	if (!str_eq(*words, "update-alternatives") || !are_plain(words) ||
	    !read_all(words + 1, &found)) {
		alternative_list_finish(&found);
		return false;
	}
	for (size_t i = 0; i < found.n; i++)
		add(list, found.items[i].link, found.items[i].target, found.items[i].priority);
	alternative_list_finish(&found);
	return true;
}
