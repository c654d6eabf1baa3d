/* SPDX-License-Identifier: MIT */
/*
 * What scripts and configuration ask for: the interpreter, the modules of its language, commands that
 * a shell runs, absolute paths, libraries by name. Comments do not count.
 */
#include <errno.h>
#include <string.h>

#include "closure_internal.h"
#include "content.h"
#include "mem.h"
#include "str.h"
#include "words.h"

/* --- text --- */

/* Blanks lines that begin with #, but for #!. */
static void blank_comments(char *text)
{
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, " \t");
		if (*line == '#')
			memset(line, ' ', strcspn(line, "\n"));
		if (!*line)
			break;
	}
}

static void need_words(struct closure *c, const struct tree_node *node, const char *text)
{
	struct words words = { 0 };
	cleanup_strv char **list = NULL;

	words_scan(text, strlen(text), &words);
	list = words_steal(&words);
	for (char **word = list; *word; word++) {
		if (**word == '/')
			closure_named(c, *word, node);
		else
			closure_need_library(c, *word, REASON_NAMED, node, NULL);
	}
}

void closure_text(struct closure *c, struct tree_node *node)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (!closure_read(node, &text) || strlen((char *)buf_bytes(&text)) + 1 != text.len)
		return;
	blank_comments((char *)buf_bytes(&text));
	need_words(c, node, (char *)buf_bytes(&text));
}

/* --- shell --- */

/* Words of the shell behind which a command stands, and programs that start one. */
static const char *const keywords[] = {
	"then", "else", "do", "if", "elif", "while", "until", "!", "{", "command", "eval",
};
static const char *const starters[] = {
	"exec", "env", "nohup", "nice", "sudo", "xargs", "timeout", "time", "setsid",
};

/* What every shell has inside, so that it asks for no program of the name. */
static const char *const builtins[] = {
	"[", "test", "echo", "printf", "true", "false", "kill", "pwd",
};

static bool is_in(const char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i], word))
			return true;
	return false;
}

static bool is_keyword(const char *word)
{
	return is_in(keywords, ARRAY_SIZE(keywords), word);
}

static bool is_starter(const char *word)
{
	return is_in(starters, ARRAY_SIZE(starters), word);
}

static bool is_builtin(const char *word)
{
	return is_in(builtins, ARRAY_SIZE(builtins), word);
}

static const char word_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_./+-[=$!{";

/*
 * Commands are the first words of lines and behind what begins a command. Too many are found inside
 * texts, which costs a file at most when a package has a program of that name.
 */
static void need_commands(struct closure *c, const struct tree_node *node, const char *text)
{
	bool begins = true, started = false; /* by another program, which knows no builtins */

	while (*text) {
		size_t n = strspn(text, word_characters);

		if (n) {
			cleanup_free char *word = xstrndup(text, n);

			if (begins && *word != '/' && (started || !is_builtin(word)))
				closure_need_program(c, word, REASON_COMMAND, node, word);
			/* VAR=x command; timeout 5 command; exec -a command */
			begins = (begins && (strchr(word, '=') || strchr("-0123456789", *word))) ||
				 is_keyword(word) || is_starter(word);
			started = begins && (started || is_starter(word));
			text += n;
			continue;
		}
		if (strchr("\n;&|(`", *text)) {
			begins = true;
			started = false;
		}
		text++;
	}
}

/* --- languages --- */

static void shell(struct closure *c, struct tree_node *node)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (!closure_read(node, &text))
		return;
	blank_comments((char *)buf_bytes(&text));
	need_commands(c, node, (char *)buf_bytes(&text));
}

static const struct {
	const char *interpreter; /* its name begins so */
	void (*scan)(struct closure *c, struct tree_node *node);
} languages[] = {
	{ "sh", shell },          { "bash", shell },        { "dash", shell },
	{ "ksh", shell },         { "busybox", shell },     { "python", closure_python },
	{ "perl", closure_perl }, { "node", closure_node },
};

static void scan_language(struct closure *c, struct tree_node *node, const char *interpreter)
{
	const char *slash = strrchr(interpreter, '/');
	const char *name = slash ? slash + 1 : interpreter;

	for (size_t i = 0; i < ARRAY_SIZE(languages); i++)
		if (str_starts(name, languages[i].interpreter)) {
			languages[i].scan(c, node);
			return;
		}
}

/* "#!/usr/bin/env -S X=1 python3 -u": the word that is the interpreter. */
static const char *env_program(char *const *words)
{
	for (words++; *words; words++)
		if (**words != '-' && !strchr(*words, '='))
			return *words;
	return NULL;
}

/* Whether the recipe has it or runs it, and where it says so. */
static bool is_started(const struct closure *c, const struct tree_node *node, char **ret_at)
{
	static const char *const keys[] = { "files", "run", "prepare" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		cleanup_free char *end = xasprintf(": %s", keys[i]);

		if (node->reason != REASON_RECIPE || !node->detail || !str_ends(node->detail, end))
			continue;
		*ret_at = recipe_at(c->recipe, keys[i]);
		return true;
	}
	return false;
}

/* Who runs a script without it is told that the script is not there. Those of packages may be for nobody. */
static int miss_interpreter(struct closure *c, const struct tree_node *node, const char *name,
			    struct err **err)
{
	cleanup_free char *why = NULL, *at = NULL;

	if (c->asking)
		return 0;
	why = closure_why_missing(c, name);
	if (is_started(c, node, &at))
		return err_set(err, ENOENT, "%s: /%s needs its interpreter %s, %s", at, node->path,
			       name, why);
	if (strv_has(c->missed, name))
		return 0;
	strv_append(&c->missed, name);
	strv_take(c->notes,
		  xasprintf("scripts will not run: /%s of %s needs its interpreter %s, %s",
			    node->path, node->owner, name, why));
	return 0;
}

static int interpreter(struct closure *c, struct tree_node *node, const char *line,
		       struct err **err)
{
	cleanup_free char *first = xstrndup(line, strcspn(line, "\n\r"));
	cleanup_strv char **words = NULL;
	const char *program;

	if (str_split_words(first, &words) < 0 || !words || !*words)
		return 0;
	if (!closure_need(c, *words, REASON_INTERPRETER, node, NULL))
		return miss_interpreter(c, node, *words, err);
	program = str_ends(*words, "/env") ? env_program(words) : *words;
	if (!program)
		return 0;
	if (program != *words &&
	    !closure_need_program(c, program, REASON_INTERPRETER, node, program))
		return miss_interpreter(c, node, program, err);
	scan_language(c, node, program);
	return 0;
}

static void need_quoted(struct closure *c, const struct tree_node *node)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (!closure_read(node, &text))
		return;
	blank_comments((char *)buf_bytes(&text));
	closure_start_quoted(c, (char *)buf_bytes(&text), node);
}

/* Modules have no first line that says so; they came in by their language's import. */
static bool is_module(struct closure *c, struct tree_node *node)
{
	if (str_ends(node->path, ".py") && c->python)
		closure_python(c, node);
	else if (c->perl && (str_ends(node->path, ".pm") || str_ends(node->path, ".pl")))
		closure_perl(c, node);
	else if (c->node && (str_ends(node->path, ".js") || str_ends(node->path, ".cjs") ||
			     str_ends(node->path, ".mjs")))
		closure_node(c, node);
	else
		return false;
	need_quoted(c, node);
	return true;
}

/* Without reading more of it: most of what asks is data, some of it large. */
static bool has_interpreter(const struct tree_node *node)
{
	struct content c;
	bool has;

	if (content_map(node, &c, NULL) < 0)
		return false;
	has = str_starts(c.data, "#!");
	content_unmap(&c);
	return has;
}

int closure_script(struct closure *c, struct tree_node *node, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	char *begin;
	int r;

	if (node->reason == REASON_IMPORT)
		return is_module(c, node);
	if (!node->content)
		return 0;
	/* Data of a package may hold scripts that nobody runs. */
	if (!has_interpreter(node) || (!(node->mode & 0111) && node->reason != REASON_RECIPE))
		return is_module(c, node);
	if (!closure_read(node, &text))
		return 0;
	begin = (char *)buf_bytes(&text);
	r = interpreter(c, node, begin + 2, err);
	if (r < 0)
		return r;
	blank_comments(begin);
	need_words(c, node, begin);
	closure_start_quoted(c, begin, node);
	return 1;
}

/* --- command lines --- */

/* A text that an interpreter gets as an argument, put where a script's text would be. */
static void scan_argument(struct closure *c, const char *program, const char *option,
			  const char *text, struct tree_node *by)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	if (str_starts(name, "python") && str_eq(option, "-m")) {
		closure_python_begin(c, by);
		closure_python_module(c, "runpy", REASON_IMPORT, by, "-m");
		closure_python_module(c, text, REASON_IMPORT, by, text);
	} else if (str_ends(name, "sh") && str_eq(option, "-c")) {
		need_commands(c, by, text);
	}
}

void closure_command(struct closure *c, char *const *argv, const char *detail)
{
	struct tree_node *program;

	if (!argv || !*argv)
		return;
	program = closure_need_program(c, *argv, REASON_RECIPE, NULL, detail);
	for (char *const *arg = argv + 1; *arg; arg++) {
		struct tree_node *node = **arg == '/' ? closure_find(c, *arg) : NULL;

		if (node && S_ISREG(node->mode))
			closure_need(c, *arg, REASON_RECIPE, NULL, detail);
		/* A program that the first starts: "env X=1 nginx", "setpriv … nginx", "cage -- foot". */
		else if (program && (is_starter(*argv) || str_eq(arg[-1], "--")))
			closure_need_program(c, *arg, REASON_RECIPE, NULL, detail);
		if (program && (str_eq(*arg, "-c") || str_eq(*arg, "-m")) && arg[1])
			scan_argument(c, *argv, *arg, arg[1], program);
	}
	/* An interpreter's script, which may have no first line of its own. */
	if (program && argv[1] && *argv[1] == '/') {
		struct tree_node *script = closure_find(c, argv[1]);

		if (script && S_ISREG(script->mode))
			scan_language(c, script, *argv);
	}
}
