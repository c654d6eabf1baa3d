/* SPDX-License-Identifier: MIT */
/* atoll why IMAGE PATH: from the file over what brought it to where the chain begins, a sentence each. */
#include <stdio.h>
#include <sys/stat.h>

#include "command.h"
#include "image_reasons.h"
#include "mem.h"
#include "output.h"
#include "str.h"
#include "term.h"

static void print_head(const struct reasons_file *f)
{
	cleanup_free char *path = path_shown(f->path), *package = package_shown(f->package);
	cleanup_free char *target = text_visible(f->content);
	bool link = S_ISLNK(f->mode);
	char size[16];

	printf("%s%s%s%s%s: ", term_bold(), path, term_off(), link ? " -> " : "",
	       link ? target : "");
	if (S_ISREG(f->mode))
		printf("%s of ", str_from_size(f->size, size));
	else
		printf("%s of ", link ? "a link" : S_ISDIR(f->mode) ? "a folder" : "no file");
	printf("%s\n", package);
}

int cmd_why(const struct args *args)
{
	cleanup_image_reasons struct image_reasons i = { 0 };
	cleanup_err struct err *err = NULL;
	const struct reasons_file *f;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (image_reasons_open(args_word(args, 0), &i, &err) < 0 ||
	    image_reasons_find(&i, args_word(args, 1), &f, &err) < 0)
		return report_error(err);
	if (json) {
		json_t *o = file_json(f);

		json_object_set_new(o, "chain", chain_json(f));
		print_json(o);
		json_decref(o);
		return 0;
	}
	print_head(f);
	for (; f; f = f->by)
		print_sentence("  ", f);
	return 0;
}
