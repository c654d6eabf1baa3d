/* SPDX-License-Identifier: MIT */
/* atoll sbom IMAGE: its bill of materials, as the builder wrote it. */
#include <stdio.h>

#include "command.h"
#include "fd.h"
#include "local_store.h"
#include "mem.h"
#include "str.h"

#define BOM_MAX (512 << 20)

static int print_blob(const struct store_image *image, const struct store_blob *blob)
{
	cleanup_err struct err *err = NULL;
	cleanup_buf struct buf text = BUF_INIT;

	if (!blob->path) {
		say_error("appliance \"%s\" has no bill of materials, for an older Atoll made it; "
			  "make it again ('atoll build --force RECIPE', or 'atoll import --force' "
			  "of a container image)",
			  image->name);
		return EXIT_FAILED;
	}
	if (file_read(blob->path, BOM_MAX, &text, &err) < 0)
		return report_error(err);
	fwrite(buf_bytes(&text), 1, text.len, stdout);
	return 0;
}

int cmd_sbom(const struct args *args)
{
	const char *format = args_get(args, "format");
	bool cyclonedx = str_eq(format, "cyclonedx");
	cleanup_store struct store *s = NULL;
	cleanup_err struct err *err = NULL;
	struct store_image *image;
	int status;

	if (format && !cyclonedx && !str_eq(format, "spdx")) {
		say_error("--format: expected spdx or cyclonedx, found \"%s\"", format);
		return EXIT_USAGE;
	}
	if (local_store_open(&s, &err) < 0 ||
	    store_get_image(s, args_word(args, 0), &image, &err) < 0)
		return report_error(err);
	status = print_blob(image, cyclonedx ? &image->cyclonedx : &image->spdx);
	store_image_free(image);
	return status;
}
