/* SPDX-License-Identifier: MIT */
#include "reasons_text.h"

#include "buf.h"
#include "mem.h"
#include "str.h"

/*
 * A reason in words, in parts: before what brought the file, behind it, and then its detail. `%p` is
 * the name of the file's package.
 */
static const struct {
	const char *brief; /* of all files of the kind */
	const char *before, *behind;
	const char *detail, *detail_end;
} texts[REASON_COUNT] = {
	[REASON_NONE] = { "nothing asks for it", "is asked for by nothing", "", ": ", "" },
	[REASON_RECIPE] = { "the recipe names it", "is there because the recipe says so", "", ": ",
			    "" },
	[REASON_DECLARED] = { "every appliance has it", "is what every appliance has", "", " (",
			      ")" },
	[REASON_PACKAGE] = { "its whole package is kept", "is there because all of package %p is",
			     "", " (", ")" },
	[REASON_LAYER] = { "the imported image has it", "is of the image that was imported", "",
			   " (", ")" },
	[REASON_FOLDER] = { "a folder that holds another", "is a folder on the way to ", "", " (",
			    ")" },
	[REASON_LINK] = { "the target of a link", "is what the link ", " leads to", " (", ")" },
	[REASON_NEEDED] = { "a library that is needed", "is a library that ", " needs",
			    " by the name ", "" },
	[REASON_INTERPRETER] = { "an interpreter", "is the interpreter of ", "", " (", ")" },
	[REASON_DLOPEN] = { "a library that may be opened", "is a library that ", " may open",
			    " by the name ", "" },
	[REASON_SYMBOL] = { "read by a function that is called", "is read by a function that ",
			    " calls", " (", ")" },
	[REASON_NAMED] = { "named in a file", "is named in ", "", " (", ")" },
	[REASON_COMMAND] = { "a command that is run", "is a command that ", " runs", " (", ")" },
	[REASON_IMPORT] = { "a module that is imported", "is a module that ", " imports", " (",
			    ")" },
	[REASON_PLUGIN] = { "a plugin", "is a plugin of ", "", " (", ")" },
	[REASON_CONFIG] = { "configuration of what is there",
			    "is configuration of package %p, which goes with ", "", " (", ")" },
	[REASON_DATA] = { "data of what is there", "is data of package %p, which goes with ", "",
			  " (", ")" },
	[REASON_MADE] = { "a cache that was made", "was made of what ", " is one of", " (", ")" },
	[REASON_LICENCE] = { "licences of what is there",
			     "has the licence of package %p, of which ", " is here", " (", ")" },
	[REASON_EXCLUDED] = { "the recipe leaves it out", "is left out by the recipe, though ",
			      " asks for it", " (", ")" },
};

const char *reason_brief(enum reason kind)
{
	return texts[kind].brief;
}

static void add_text(struct buf *out, const char *text, const struct reasons_file *f)
{
	const char *mark = strstr(text, "%p");

	if (mark)
		buf_printf(out, "%.*s%s%s", (int)(mark - text), text, f->package->name, mark + 2);
	else
		buf_append_str(out, text);
}

/* The detail is said unless the file's own name says it. */
static bool detail_tells(const struct reasons_file *f)
{
	const char *name = strrchr(f->path, '/');

	return f->detail && *f->detail && !str_eq(f->detail, name ? name + 1 : f->path);
}

char *reason_sentence(const struct reasons_file *f)
{
	cleanup_buf struct buf out = BUF_INIT;

	/* An exclusion may come before anybody asks. */
	if (f->kind == REASON_EXCLUDED && !f->by)
		buf_append_str(&out, "is left out by the recipe");
	else
		add_text(&out, texts[f->kind].before, f);
	if (f->by)
		buf_printf(&out, "/%s%s", f->by->path, texts[f->kind].behind);
	if (detail_tells(f))
		buf_printf(&out, "%s%s%s", texts[f->kind].detail, f->detail,
			   texts[f->kind].detail_end);
	return buf_steal_str(&out);
}
